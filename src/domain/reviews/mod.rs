//! Reviews: guests review listings and hosts review guests, double-blind.
//!
//! **Invariant:** there is one review per side of a booking.
//!
//! **Invariant:** a review is visible to its author only until the other side has submitted theirs or the window has
//! closed. Then both are published at the same instant, and the listing's rating is updated in the same transaction.
//!
//! **Invariant:** imported reviews have an author and a text, but no stars, no booking and no window.

mod audit;
pub mod import;
mod notices;
mod publish;
mod read;
mod respond;
mod submit;
mod table;
mod window;

pub use audit::audit;
pub use publish::{PUBLISH_REVIEWS, publish_due};
pub use read::{ListOf, by_bookings, by_id, by_ids, counts_by_owner, may_see, pages_by_owner};
pub use respond::respond;
pub use submit::{Draft, MAX_REVIEW_CHARS, submit, update};
pub use table::review::{Direction, Model as Review};
pub use window::{Window, may_review, review_window};
