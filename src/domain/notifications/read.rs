//! Reading notifications. Users see only their own.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, Select};
use uuid::Uuid;

use super::Notification;
use super::table::notification as table;
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::kernel::page::{Page, PageRequest};
use crate::platform::App;
use crate::platform::keyset::newest_first;

/// Selects the notifications of a user.
pub(super) fn select_own(user_id: Uuid) -> Select<table::Entity> {
    table::Entity::find().filter(table::Column::UserId.eq(user_id))
}

fn select_listed(viewer: &Viewer, unread_only: bool) -> Result<Select<table::Entity>, Error> {
    let unread = unread_only.then(|| table::Column::ReadAt.is_null());
    Ok(select_own(viewer.require_user()?.user_id).filter(Condition::all().add_option(unread)))
}

/// Returns a page of the viewer's notifications, newest first.
pub async fn page(
    app: &App,
    viewer: &Viewer,
    unread_only: bool,
    request: PageRequest,
) -> Result<Page<Notification>, Error> {
    let select = newest_first(select_listed(viewer, unread_only)?, table::Column::Id, &request)?;
    Ok(Page::from_rows(&request, select.all(app.db.read()).await?, |notification| notification.id))
}

/// Counts the viewer's notifications.
pub async fn page_count(app: &App, viewer: &Viewer, unread_only: bool) -> Result<u64, Error> {
    Ok(select_listed(viewer, unread_only)?.count(app.db.read()).await?)
}

/// Finds notifications by their ids, leaving out those of other users.
pub async fn by_ids(app: &App, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Notification>, Error> {
    let Some(user) = viewer.user() else { return Ok(HashMap::new()) };
    let rows = select_own(user.user_id).filter(table::Column::Id.is_in(ids.iter().copied())).all(app.db.read()).await?;
    Ok(rows.into_iter().map(|notification| (notification.id, notification)).collect())
}
