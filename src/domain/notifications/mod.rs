//! Notifications: what people are told about what others did, and what time did.
//!
//! **Invariant:** what people are told is written in the transaction that decides it, once for each of them, and never
//! to the one who did it. A notification is its recipient's alone, and nothing of it changes but that it is read, once.
//! It keeps facts, not sentences: the words are found when it is read, so that they can be mended and translated for
//! what was told before as well.

mod mark_read;
mod notify;
mod read;
mod subscription;
mod table;
mod texts;

pub use mark_read::{mark_read, marked};
pub use notify::{Notice, notify, purge, topic};
pub use read::{by_ids, page, page_count};
pub use subscription::{told, watch};
pub use table::notification::{Facts, Model as Notification, NotificationKind, Side};
