//! Hearing that a person's sign-ins or rights have changed, and looking whether somebody may still go on.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use uuid::Uuid;

use super::table;
use crate::domain::error::{Code, Error};
use crate::domain::viewer::{SignedIn, Viewer};
use crate::platform::App;
use crate::platform::database::Transaction;
use crate::platform::messaging::publisher::{Event, Listener, Topic};

/// Tells that something about a person or a sign-in of theirs has changed, once it is committed.
pub(super) fn changed(txn: &Transaction, user_id: Uuid) {
    txn.announce(Event { topic: Topic::new("user", user_id), body: json!({ "user": user_id }) });
}

/// Hears when the viewer should be looked at again: a session has ended, or the person was changed. Nothing for those
/// who are not signed in.
pub fn watch(app: &App, viewer: &Viewer) -> Option<Listener> {
    let user = viewer.user()?;
    Some(app.db.events().listen(Topic::new("user", user.user_id)))
}

/// The viewer with the rights that they have now, or TOKEN_EXPIRED when session or token have ended.
pub async fn still(app: &App, viewer: &Viewer) -> Result<Viewer, Error> {
    let Some(user) = viewer.user() else { return Ok(viewer.clone()) };
    if user.expires_at <= app.clock.now() {
        return Err(expired());
    }
    signed_in(app, user.user_id, user.session_id, user.expires_at).await
}

/// The person of a session that has not ended.
pub(super) async fn signed_in(
    app: &App,
    user_id: Uuid,
    session_id: Uuid,
    expires_at: chrono::DateTime<chrono::Utc>,
) -> Result<Viewer, Error> {
    let found = table::session::Entity::find_by_id(session_id)
        .filter(table::session::Column::UserId.eq(user_id))
        .filter(table::session::Column::RevokedAt.is_null())
        .find_also_related(table::user::Entity)
        .one(app.db.read())
        .await?;
    let Some((session, Some(user))) = found else { return Err(expired()) };
    Ok(Viewer::User(SignedIn {
        user_id: user.id,
        session_id: session.id,
        expires_at,
        is_host: user.is_host,
        is_admin: user.is_admin,
        is_verified: user.email_verified_at.is_some(),
    }))
}

/// The refusal of a token that speaks for nobody.
pub(super) fn expired() -> Error {
    Error::refused(Code::TokenExpired, &[], "the access token is not valid any more")
}
