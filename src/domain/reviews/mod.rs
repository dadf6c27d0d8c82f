//! Reviews, double-blind.

mod table;
