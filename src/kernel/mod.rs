//! Pure value types that all other modules use: no async, no I/O, no clock.

pub mod change;
pub mod guests;
pub mod id;
pub mod local_time;
pub mod money;
pub mod page;
pub mod stay;
