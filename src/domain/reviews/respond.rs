//! One public answer to a review, by the one who was reviewed.

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

const LONGEST: usize = 5_000;
/// How long after publication an answer may be given.
const TIME: TimeDelta = TimeDelta::days(30);

/// Answers a review of the viewer, once.
pub async fn respond(app: &App, viewer: &Viewer, id: Uuid, text: &str) -> Result<Review, Error> {
    viewer.require_user()?;
    let mut refusals = Refusals::default();
    let text = refusals.text(&["text"], text, LONGEST);
    refusals.finish()?;
    let found = table::Entity::find_by_id(id).one(app.db.read()).await?;
    let review = found.filter(|review| may_see(viewer, review)).ok_or_else(|| Error::not_found(&["id"]))?;
    if !review.subject_id.is_some_and(|subject| viewer.is(subject)) {
        return Err(Error::refused(Code::Forbidden, &["id"], "only the one who was reviewed may answer"));
    }
    let now = app.clock.now();
    if review.response_at.is_some() {
        return Err(Error::refused(Code::ReviewLocked, &["id"], "this review has been answered"));
    }
    if review.published_at.is_none_or(|at| now >= at + TIME) {
        return Err(Error::refused(Code::ReviewWindowClosed, &["id"], "the 30 days for an answer are over"));
    }
    let txn = app.db.begin_write().await?;
    let answered = table::Entity::update_many()
        .col_expr(table::Column::ResponseText, Expr::value(text))
        .col_expr(table::Column::ResponseAt, Expr::value(now))
        .filter(table::Column::Id.eq(id))
        .filter(table::Column::ResponseAt.is_null())
        .exec_with_returning(&txn)
        .await?;
    let locked = || Error::refused(Code::ReviewLocked, &["id"], "this review has been answered");
    let review = answered.into_iter().next().ok_or_else(locked)?;
    notify(app, &txn, notices::answered(&review)).await?;
    app.once.spend(&txn, &[review.id]).await?;
    txn.commit().await?;
    Ok(review)
}
