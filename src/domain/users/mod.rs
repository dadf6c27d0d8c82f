//! People: registering, signing in and out, profiles.
//!
//! **Invariant:** e-mail addresses are unique in lower case. Passwords are kept as argon2id hashes, refresh tokens as
//! SHA-256; neither leaves this wing. A refresh token works once; a second use ends the session it belongs to.
//! Imported people have neither address nor password and can never sign in.

pub mod import;
mod profile;
mod register;
mod seed;
mod sessions;
mod sign_in;
mod subscription;
mod table;

use std::collections::HashMap;

use sea_orm::sea_query::LockType;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::domain::error::Error;
use crate::platform::App;

pub use profile::{ProfileChange, become_host, update};
pub use register::{Registration, register};
pub use seed::{SeedUser, any_account, is_registered, seed};
pub use sessions::{revoke, session, sessions, sessions_count};
pub use sign_in::{Origin, Tokens, Try, authenticate, refresh, reissue, sign_in};
pub use subscription::{still, watch};
pub use table::session::Model as Session;
pub use table::user::Model as User;

/// The people with these ids.
pub async fn by_ids(app: &App, ids: &[Uuid]) -> Result<HashMap<Uuid, User>, Error> {
    let rows = table::user::Entity::find()
        .filter(table::user::Column::Id.is_in(ids.iter().copied()))
        .all(app.db.read())
        .await?;
    Ok(rows.into_iter().map(|user| (user.id, user)).collect())
}

/// Keeps a person's row until the transaction ends, so that what concerns all of their money happens one by one. Rows
/// that refer to the person may still be written: whoever tells them something does not wait for their money.
pub async fn lock(txn: &impl ConnectionTrait, id: Uuid) -> Result<(), Error> {
    table::user::Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(txn).await?;
    Ok(())
}

/// The person with this id.
pub async fn by_id(app: &App, id: Uuid) -> Result<Option<User>, Error> {
    Ok(table::user::Entity::find_by_id(id).one(app.db.read()).await?)
}
