//! People: registering, signing in, profiles.

mod table;
