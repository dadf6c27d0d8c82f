//! The database schema of Roost, version by version.
