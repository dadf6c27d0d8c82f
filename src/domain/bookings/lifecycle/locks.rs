//! Locking the row of a booking. The order of locks is in `lifecycle/mod.rs`.

use sea_orm::{ConnectionTrait, EntityTrait, QuerySelect};
use uuid::Uuid;

use crate::domain::bookings::table;
use crate::domain::error::Error;

/// Locks the row of a booking until the transaction ends, so that what guest and host do happens one after the other.
pub async fn lock_booking(txn: &impl ConnectionTrait, id: Uuid) -> Result<(), Error> {
    table::booking::Entity::find_by_id(id).lock_exclusive().one(txn).await?;
    Ok(())
}
