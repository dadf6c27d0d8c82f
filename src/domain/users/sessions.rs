//! A person's own list of sign-ins, and ending them.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, Select};
use uuid::Uuid;

use super::{Session, subscription, table};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::kernel::page::{Page, PageRequest};
use crate::platform::App;
use crate::platform::keyset;

fn live(app: &App, user_id: Uuid) -> Select<table::session::Entity> {
    table::session::Entity::find()
        .filter(table::session::Column::UserId.eq(user_id))
        .filter(table::session::Column::RevokedAt.is_null())
        .filter(table::session::Column::ExpiresAt.gt(app.clock.now()))
}

/// The viewer's sessions that have not ended, newest first.
pub async fn sessions(app: &App, viewer: &Viewer, request: PageRequest) -> Result<Page<Session>, Error> {
    let user = viewer.require_user()?;
    let select = keyset::newest_first(live(app, user.user_id), table::session::Column::Id, &request)?;
    Ok(Page::from_rows(&request, select.all(app.db.read()).await?, |session| session.id))
}

/// One of the viewer's sessions that has not ended.
pub async fn session(app: &App, viewer: &Viewer, id: Uuid) -> Result<Option<Session>, Error> {
    let Some(user) = viewer.user() else { return Ok(None) };
    Ok(live(app, user.user_id).filter(table::session::Column::Id.eq(id)).one(app.db.read()).await?)
}

/// How many sessions the viewer has.
pub async fn sessions_count(app: &App, viewer: &Viewer) -> Result<u64, Error> {
    Ok(live(app, viewer.require_user()?.user_id).count(app.db.read()).await?)
}

/// Ends one of the viewer's sessions, or the current one. Answers with what was ended.
pub async fn revoke(app: &App, viewer: &Viewer, id: Option<Uuid>) -> Result<Vec<Uuid>, Error> {
    let user = viewer.require_user()?;
    let txn = app.db.begin_write().await?;
    let ended = table::session::Entity::update_many()
        .col_expr(table::session::Column::RevokedAt, Expr::value(app.clock.now()))
        .filter(table::session::Column::Id.eq(id.unwrap_or(user.session_id)))
        .filter(table::session::Column::UserId.eq(user.user_id))
        .filter(table::session::Column::RevokedAt.is_null())
        .exec_with_returning(&txn)
        .await?;
    if ended.is_empty() {
        return Err(Error::not_found(&["id"]));
    }
    let ended: Vec<Uuid> = ended.into_iter().map(|session| session.id).collect();
    subscription::changed(&txn, user.user_id);
    app.once.spend(&txn, &ended).await?;
    txn.commit().await?;
    Ok(ended)
}
