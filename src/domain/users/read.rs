//! Loading and locking users.

use std::collections::HashMap;

use sea_orm::sea_query::LockType;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::{User, table};
use crate::domain::error::Error;
use crate::platform::App;

/// Finds a user by its id.
pub async fn by_id(app: &App, id: Uuid) -> Result<Option<User>, Error> {
    Ok(table::user::Entity::find_by_id(id).one(app.db.read()).await?)
}

/// Finds users by their ids.
pub async fn by_ids(app: &App, ids: &[Uuid]) -> Result<HashMap<Uuid, User>, Error> {
    let rows = table::user::Entity::find()
        .filter(table::user::Column::Id.is_in(ids.iter().copied()))
        .all(app.db.read())
        .await?;
    Ok(rows.into_iter().map(|user| (user.id, user)).collect())
}

/// Locks a user's row until the transaction ends, so that transactions that compute what a host is owed run one after
/// the other. Rows that refer to the user can still be inserted: a notification does not wait for a payout.
pub async fn lock(txn: &impl ConnectionTrait, id: Uuid) -> Result<(), Error> {
    table::user::Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(txn).await?;
    Ok(())
}
