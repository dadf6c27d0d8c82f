//! The states of a booking and how it moves between them.

pub(super) mod competing_requests;
pub(super) mod progress;
pub mod state;
pub(super) mod transition;
