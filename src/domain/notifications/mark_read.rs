//! Saying that notifications were read.

use std::collections::HashMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::Notification;
use super::read::own;
use super::table::notification as table;
use crate::domain::error::{Code, Error};
use crate::domain::viewer::Viewer;
use crate::platform::App;

const MOST: usize = 100;

/// Marks these notifications of the viewer as read, all of them or none, and answers with them in their order. One that
/// was read before keeps the time at which it was.
pub async fn mark_read(app: &App, viewer: &Viewer, ids: &[Uuid]) -> Result<Vec<Notification>, Error> {
    let user = viewer.require_user()?;
    if ids.len() > MOST {
        return Err(Error::refused(Code::TooMany, &["ids"], format!("must have at most {MOST} ids")));
    }
    let txn = app.db.begin_write().await?;
    // In one order, so that two calls about the same ones wait for each other and not each for the other.
    let rows = own(user.user_id)
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
    app.once.spend(&txn, ids).await?;
    txn.commit().await?;
    Ok(marked)
}

/// Answers once more for notifications that were marked.
pub async fn marked(app: &App, viewer: &Viewer, ids: &[Uuid]) -> Result<Vec<Notification>, Error> {
    let rows = own(viewer.require_user()?.user_id).filter(table::Column::Id.is_in(ids.iter().copied()));
    in_order(rows.all(app.db.write()).await?, ids)
}

/// The rows in the order of the ids; refused when one of the ids names none.
fn in_order(rows: Vec<Notification>, ids: &[Uuid]) -> Result<Vec<Notification>, Error> {
    let known: HashMap<Uuid, Notification> = rows.into_iter().map(|row| (row.id, row)).collect();
    ids.iter().map(|id| known.get(id).cloned().ok_or_else(|| Error::not_found(&["ids"]))).collect()
}
