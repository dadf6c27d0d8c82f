//! The business rules, in modules called wings: reviews -> bookings -> payments -> listings -> users ->
//! notifications -> viewer -> error -> limits.
//!
//! A wing imports only wings after it in this list; `tests/tidy.rs` checks that. A use case has the shape
//! `verb(app, viewer, request) -> Result<Row, Error>`.

pub mod bookings;
pub mod error;
pub mod limits;
pub mod listings;
pub mod notifications;
pub mod payments;
pub mod reviews;
pub mod users;
pub mod viewer;
