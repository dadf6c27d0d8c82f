//! Checks that documents and variables are valid by every rule of the specification (sections 5 and 6.1.2).
//!
//! **Invariant:** the executor runs valid documents only. Its own validation omits some rules, and the number of errors
//! that it collects for others grows with the square of the document's size.

mod document;
mod literals;
mod schema;
mod suggestions;

pub use self::document::{ValidDocument, check, is_string, normalize};
pub use self::schema::schema;
