//! Notifications: messages to users about what other users or the passage of time changed.
//!
//! **Invariant:** a notification is inserted in the transaction that makes the change, once for each recipient, and
//! never for the user who made it.
//!
//! **Invariant:** a notification is visible to its recipient only. Nothing of it changes except that it is marked as
//! read, once.
//!
//! **Invariant:** a notification stores facts, not sentences. The text is built when it is read, so that a better
//! wording or a translation applies to old notifications too.

mod mark_read;
mod notify;
mod read;
mod subscription;
mod table;
mod texts;

pub use mark_read::{load_marked, mark_read};
pub use notify::{Notice, notify, purge, user_topic};
pub use read::{by_ids, page, page_count};
pub use subscription::{load_announced, subscribe};
pub use table::notification::{Facts, Model as Notification, NotificationKind, Side};
