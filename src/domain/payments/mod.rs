//! Payments: what guests pay and get back.

pub mod state;
mod table;
