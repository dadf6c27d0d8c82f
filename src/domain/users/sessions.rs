//! A user's own list of sessions, and revoking them.

use std::collections::HashMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, Select};
use uuid::Uuid;

use super::subscription::announce_change;
use super::{Session, table};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::kernel::page::{Page, PageRequest};
use crate::platform::App;
use crate::platform::keyset;

/// Selects the user's sessions that are neither revoked nor expired.
fn select_active(app: &App, user_id: Uuid) -> Select<table::session::Entity> {
    table::session::Entity::find()
        .filter(table::session::Column::UserId.eq(user_id))
        .filter(table::session::Column::RevokedAt.is_null())
        .filter(table::session::Column::ExpiresAt.gt(app.clock.now()))
}

/// Returns a page of the viewer's active sessions, newest first.
pub async fn session_page(app: &App, viewer: &Viewer, request: PageRequest) -> Result<Page<Session>, Error> {
    let user = viewer.require_user()?;
    let select = keyset::newest_first(select_active(app, user.user_id), table::session::Column::Id, &request)?;
    Ok(Page::from_rows(&request, select.all(app.db.read()).await?, |session| session.id))
}

/// Finds those of these sessions that are active and the viewer's own.
pub async fn sessions_by_ids(app: &App, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Session>, Error> {
    let Some(user) = viewer.user() else { return Ok(HashMap::new()) };
    let select = select_active(app, user.user_id).filter(table::session::Column::Id.is_in(ids.iter().copied()));
    Ok(select.all(app.db.read()).await?.into_iter().map(|session| (session.id, session)).collect())
}

/// Counts the viewer's active sessions.
pub async fn session_count(app: &App, viewer: &Viewer) -> Result<u64, Error> {
    Ok(select_active(app, viewer.require_user()?.user_id).count(app.db.read()).await?)
}

/// Revokes one of the viewer's sessions; the current one if `id` is `None`. Returns the ids of what was revoked.
pub async fn revoke(app: &App, viewer: &Viewer, id: Option<Uuid>) -> Result<Vec<Uuid>, Error> {
    let user = viewer.require_user()?;
    let txn = app.db.begin_write().await?;
    let revoked = table::session::Entity::update_many()
        .col_expr(table::session::Column::RevokedAt, Expr::value(app.clock.now()))
        .filter(table::session::Column::Id.eq(id.unwrap_or(user.session_id)))
        .filter(table::session::Column::UserId.eq(user.user_id))
        .filter(table::session::Column::RevokedAt.is_null())
        .exec_with_returning(&txn)
        .await?;
    if revoked.is_empty() {
        return Err(Error::not_found(&["id"]));
    }
    let revoked: Vec<Uuid> = revoked.into_iter().map(|session| session.id).collect();
    announce_change(&txn, user.user_id);
    app.idempotency_key.record(&txn, &revoked).await?;
    txn.commit().await?;
    Ok(revoked)
}
