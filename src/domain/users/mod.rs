//! Users: registration, sessions and tokens, profiles.
//!
//! **Invariant:** e-mail addresses are unique in lower case.
//!
//! **Invariant:** passwords are stored as argon2id hashes and refresh tokens as SHA-256 hashes. Neither leaves this
//! wing.
//!
//! **Invariant:** a refresh token works once. A second use revokes its session.
//!
//! **Invariant:** imported users have neither an address nor a password and cannot sign in.

mod access;
pub mod import;
mod profile;
mod read;
mod register;
mod seed;
mod sessions;
mod sign_in;
mod subscription;
mod table;
mod tokens;

pub use access::{authenticate, recheck_viewer};
pub use profile::{MAX_ABOUT_CHARS, ProfileChange, become_host, update};
pub use read::{by_id, by_ids, lock};
pub use register::{MAX_DISPLAY_NAME_CHARS, Registration, register};
pub use seed::{SeedUser, any_account_exists, is_registered, seed};
pub use sessions::{revoke, session_count, session_page, sessions_by_ids};
pub use sign_in::{SignInAttempt, sign_in};
pub use subscription::subscribe;
pub use table::session::Model as Session;
pub use table::user::Model as User;
pub use tokens::{Origin, Tokens, refresh, reissue};
