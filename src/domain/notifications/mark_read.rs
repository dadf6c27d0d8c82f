//! Marking notifications as read.

use std::collections::HashMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::Notification;
use super::read::select_own;
use super::table::notification as table;
use crate::domain::error::{Code, Error};
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// How many notifications one call can mark.
const MAX_IDS: usize = 100;

/// Marks the viewer's notifications as read, all of them or none, and returns them in the order of `ids`. A
/// notification that was read before keeps the time at which it was read.
pub async fn mark_read(app: &App, viewer: &Viewer, ids: &[Uuid]) -> Result<Vec<Notification>, Error> {
    let user = viewer.require_user()?;
    if ids.len() > MAX_IDS {
        return Err(Error::refused(Code::TooMany, &["ids"], format!("must have at most {MAX_IDS} ids")));
    }
    let txn = app.db.begin_write().await?;
    // Locked in one order, so that two calls with the same ids cannot deadlock.
    let rows = select_own(user.user_id)
        .filter(table::Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(table::Column::Id)
        .lock_exclusive()
        .all(&txn)
        .await?;
    let now = app.clock.now();
    let rows = rows.into_iter().map(|row| Notification { read_at: row.read_at.or(Some(now)), ..row });
    let marked = in_order(rows.collect(), ids)?;
    table::Entity::update_many()
        .col_expr(table::Column::ReadAt, Expr::value(now))
        .filter(table::Column::UserId.eq(user.user_id))
        .filter(table::Column::Id.is_in(ids.iter().copied()))
        .filter(table::Column::ReadAt.is_null())
        .exec(&txn)
        .await?;
    app.idempotency_key.record(&txn, ids).await?;
    txn.commit().await?;
    Ok(marked)
}

/// Loads the viewer's notifications for the response to a replayed `mark_read`, in the order of `ids`.
pub async fn load_marked(app: &App, viewer: &Viewer, ids: &[Uuid]) -> Result<Vec<Notification>, Error> {
    let rows = select_own(viewer.require_user()?.user_id).filter(table::Column::Id.is_in(ids.iter().copied()));
    in_order(rows.all(app.db.write()).await?, ids)
}

/// Sorts the rows in the order of the ids. Fails with `NOT_FOUND` if an id has no row.
fn in_order(rows: Vec<Notification>, ids: &[Uuid]) -> Result<Vec<Notification>, Error> {
    let by_id: HashMap<Uuid, Notification> = rows.into_iter().map(|row| (row.id, row)).collect();
    ids.iter().map(|id| by_id.get(id).cloned().ok_or_else(|| Error::not_found(&["ids"]))).collect()
}
