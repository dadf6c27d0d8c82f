//! The rules, in wings: reviews -> bookings -> payments -> listings -> users -> notifications ->
//! viewer, error.
//!
//! A wing names only wings after the arrow. Every use case has the shape
//! `verb(app, viewer, request) -> Result<Row, Error>`.

pub mod bookings;
pub mod error;
pub mod listings;
pub mod notifications;
pub mod payments;
pub mod reviews;
pub mod users;
pub mod viewer;
