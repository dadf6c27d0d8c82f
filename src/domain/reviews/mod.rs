//! Reviews: guests of listings, hosts of guests, double-blind.
//!
//! **Invariant:** one review per side of a booking. A review is seen by its author alone until the other side has
//! written too or the window has closed; then both appear at the same instant, and the listing's sums grow in the same
//! transaction. Imported reviews have an author and a text, but no stars, no booking and no window.

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
pub use publish::{PUBLISH, publish_due};
pub use read::{ListOf, by_booking, by_id, by_ids, counts, may_see, page_of_each};
pub use respond::respond;
pub use submit::{Draft, submit, update};
pub use table::review::{Direction, Model as Review};
pub use window::{Window, may_review, window};
