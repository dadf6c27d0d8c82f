//! Who a request comes from, and what that user may still do.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::table;
use crate::domain::error::{Code, Error};
use crate::domain::viewer::{SignedIn, Viewer};
use crate::platform::App;

/// Verifies an access token and loads its viewer. A token of a revoked session is refused at once, before it expires.
pub async fn authenticate(app: &App, token: &str) -> Result<Viewer, Error> {
    let claims = app.keys.verify_access(token, app.clock.now()).ok_or_else(invalid_token)?;
    load_viewer(app, claims.sub, claims.sid, claims.expires_at()).await
}

/// Loads the viewer again with their current rights. Fails with `TOKEN_EXPIRED` if the session was revoked or the
/// access token has expired.
pub async fn recheck_viewer(app: &App, viewer: &Viewer) -> Result<Viewer, Error> {
    let Some(user) = viewer.user() else { return Ok(viewer.clone()) };
    if user.expires_at <= app.clock.now() {
        return Err(invalid_token());
    }
    load_viewer(app, user.user_id, user.session_id, user.expires_at).await
}

/// Loads the user of a session that was not revoked.
///
/// The session's own expiry is not checked. An access token is valid for minutes, so at most a token issued shortly
/// before the session expired is accepted after that.
async fn load_viewer(app: &App, user_id: Uuid, session_id: Uuid, expires_at: DateTime<Utc>) -> Result<Viewer, Error> {
    let found = table::session::Entity::find_by_id(session_id)
        .filter(table::session::Column::UserId.eq(user_id))
        .filter(table::session::Column::RevokedAt.is_null())
        .find_also_related(table::user::Entity)
        .one(app.db.read())
        .await?;
    let Some((session, Some(user))) = found else { return Err(invalid_token()) };
    Ok(Viewer::User(SignedIn {
        user_id: user.id,
        session_id: session.id,
        expires_at,
        is_host: user.is_host,
        is_admin: user.is_admin,
        is_verified: user.email_verified_at.is_some(),
    }))
}

fn invalid_token() -> Error {
    Error::refused(Code::TokenExpired, &[], "the access token is not valid any more")
}
