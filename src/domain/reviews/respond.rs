//! Responding publicly to a review, once, by the reviewed user.

use chrono::TimeDelta;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::table::review as table;
use super::{Review, may_see, notices};
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::notifications::notify;
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Maximum length of a response, in characters.
const MAX_RESPONSE_CHARS: usize = 5_000;
/// How long after publication a response can be written.
const RESPONSE_PERIOD: TimeDelta = TimeDelta::days(30);

/// Publishes the viewer's response to a review of them or of their listing. A review has at most one response.
pub async fn respond(app: &App, viewer: &Viewer, id: Uuid, text: &str) -> Result<Review, Error> {
    viewer.require_user()?;
    let mut refusals = Refusals::default();
    let text = refusals.text(&["text"], text, MAX_RESPONSE_CHARS);
    refusals.finish()?;
    let found = table::Entity::find_by_id(id).one(app.db.read()).await?;
    let review = found.filter(|review| may_see(viewer, review)).ok_or_else(|| Error::not_found(&["id"]))?;
    if !review.subject_id.is_some_and(|subject| viewer.is(subject)) {
        return Err(Error::refused(Code::Forbidden, &["id"], "only the reviewed user can respond"));
    }
    let now = app.clock.now();
    if review.response_at.is_some() {
        return Err(Error::refused(Code::ReviewLocked, &["id"], "this review already has a response"));
    }
    if review.published_at.is_none_or(|at| now >= at + RESPONSE_PERIOD) {
        return Err(Error::refused(Code::ReviewWindowClosed, &["id"], "the 30 days for a response are over"));
    }
    let txn = app.db.begin_write().await?;
    let updated = table::Entity::update_many()
        .col_expr(table::Column::ResponseText, Expr::value(text))
        .col_expr(table::Column::ResponseAt, Expr::value(now))
        .filter(table::Column::Id.eq(id))
        .filter(table::Column::ResponseAt.is_null())
        .exec_with_returning(&txn)
        .await?;
    let locked = || Error::refused(Code::ReviewLocked, &["id"], "this review already has a response");
    let review = updated.into_iter().next().ok_or_else(locked)?;
    notify(app, &txn, notices::response_notices(&review)).await?;
    app.idempotency_key.record(&txn, &[review.id]).await?;
    txn.commit().await?;
    Ok(review)
}
