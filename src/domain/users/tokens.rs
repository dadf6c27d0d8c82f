//! Opening a session, and issuing and refreshing its tokens.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Set};
use uuid::Uuid;

use super::subscription::announce_change;
use super::{User, table};
use crate::domain::error::{Code, Error};
use crate::platform::App;
use crate::platform::database::Transaction;
use crate::platform::signing::{fingerprint, opaque_token};

/// How long an access token is valid.
const ACCESS_TTL: TimeDelta = TimeDelta::minutes(15);
/// How long a refresh token is valid, and how long a session lasts after it was opened or refreshed.
const REFRESH_TTL: TimeDelta = TimeDelta::days(30);
/// Maximum length of the stored user agent, in characters. A longer one is cut.
const MAX_USER_AGENT_CHARS: usize = 300;

/// Where a sign-in comes from, shown in the user's own list of sessions.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The client's `User-Agent` header.
    pub user_agent: Option<String>,
    /// The client's IP address.
    pub ip: Option<String>,
}

/// The tokens of a session.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// A signed token for the `Authorization: Bearer` header.
    pub access: String,
    /// When the access token expires.
    pub access_expires_at: DateTime<Utc>,
    /// An opaque token that can be exchanged once, for new tokens.
    pub refresh: String,
    /// When the refresh token expires.
    pub refresh_expires_at: DateTime<Utc>,
}

/// Opens a session in the caller's transaction and issues its first tokens.
pub(super) async fn open_session(
    app: &App,
    txn: &impl ConnectionTrait,
    user_id: Uuid,
    origin: Origin,
) -> Result<Tokens, Error> {
    let now = app.clock.now();
    let session = table::session::ActiveModel {
        id: Set(app.clock.new_id()),
        user_id: Set(user_id),
        created_at: Set(now),
        last_seen_at: Set(now),
        expires_at: Set(now + REFRESH_TTL),
        revoked_at: Set(None),
        user_agent: Set(origin.user_agent.map(|text| text.chars().take(MAX_USER_AGENT_CHARS).collect())),
        ip: Set(origin.ip),
    };
    let session = session.insert(txn).await?;
    app.idempotency_key.record(txn, &[user_id, session.id]).await?;
    issue(app, txn, user_id, session.id).await
}

async fn issue(app: &App, txn: &impl ConnectionTrait, user_id: Uuid, session_id: Uuid) -> Result<Tokens, Error> {
    let now = app.clock.now();
    let refresh = opaque_token(app.clock.random());
    let row = table::refresh_token::ActiveModel {
        hash: Set(fingerprint(&refresh).to_vec()),
        session_id: Set(session_id),
        created_at: Set(now),
        expires_at: Set(now + REFRESH_TTL),
        used_at: Set(None),
    };
    table::refresh_token::Entity::insert(row).exec_without_returning(txn).await?;
    let access_expires_at = now + ACCESS_TTL;
    let access = app.keys.sign_access(user_id, session_id, now, access_expires_at);
    Ok(Tokens {
        access: access.ok_or_else(|| Error::failed("the access token could not be signed"))?,
        access_expires_at,
        refresh,
        refresh_expires_at: now + REFRESH_TTL,
    })
}

/// Exchanges a refresh token for new tokens and extends the session. A second use of a token means that somebody else
/// has it, so it revokes the session.
///
/// The session's own expiry is not checked, only the token's. The two differ for a token from [`reissue`], which does
/// not extend the session: it can refresh a session that has left the user's list.
pub async fn refresh(app: &App, token: &str) -> Result<(User, Tokens), Error> {
    let expired = || Error::refused(Code::TokenExpired, &["refreshToken"], "sign in again");
    let hash = fingerprint(token).to_vec();
    let now = app.clock.now();
    let txn = app.db.begin_write().await?;
    let used = table::refresh_token::Entity::update_many()
        .col_expr(table::refresh_token::Column::UsedAt, Expr::value(now))
        .filter(table::refresh_token::Column::Hash.eq(hash.clone()))
        .filter(table::refresh_token::Column::UsedAt.is_null())
        .filter(table::refresh_token::Column::ExpiresAt.gt(now))
        .exec(&txn)
        .await?;
    let Some(row) = table::refresh_token::Entity::find_by_id(hash).one(&txn).await? else { return Err(expired()) };
    if used.rows_affected == 0 {
        if row.expires_at > now {
            revoke_session(&txn, row.session_id, now).await?;
            txn.commit().await?;
            tracing::warn!(session.id = %row.session_id, "a refresh token was used twice; its session was revoked");
        }
        return Err(expired());
    }
    let extended = table::session::Entity::update_many()
        .col_expr(table::session::Column::LastSeenAt, Expr::value(now))
        .col_expr(table::session::Column::ExpiresAt, Expr::value(now + REFRESH_TTL))
        .filter(table::session::Column::Id.eq(row.session_id))
        .filter(table::session::Column::RevokedAt.is_null())
        .exec_with_returning(&txn)
        .await?;
    let Some(session) = extended.into_iter().next() else { return Err(expired()) };
    let user = table::user::Entity::find_by_id(session.user_id).one(&txn).await?.ok_or_else(expired)?;
    let tokens = issue(app, &txn, session.user_id, session.id).await?;
    app.idempotency_key.record(&txn, &[session.user_id, session.id]).await?;
    txn.commit().await?;
    Ok((user, tokens))
}

/// Issues new tokens of a session to a client that never received those issued at `since`.
///
/// The unused tokens are deleted, not marked as used: a client that did receive them has to sign in again, but the
/// session is not revoked. Once the session was refreshed this is refused, because then the client did receive the
/// tokens, and the caller is out of date or somebody else.
pub async fn reissue(app: &App, session_id: Uuid, since: DateTime<Utc>) -> Result<(User, Tokens), Error> {
    use table::refresh_token::{Column, Entity};
    let refused = || Error::refused(Code::TokenExpired, &[], "this session was refreshed or has ended; sign in again");
    let txn = app.db.begin_write().await?;
    // Locked, so that of two concurrent calls the second finds the tokens of the first and deletes them.
    let session = table::session::Entity::find_by_id(session_id)
        .filter(table::session::Column::RevokedAt.is_null())
        .filter(table::session::Column::ExpiresAt.gt(app.clock.now()))
        .lock_exclusive()
        .one(&txn)
        .await?;
    let session = session.ok_or_else(refused)?;
    let of_session = || Column::SessionId.eq(session.id);
    let later = Entity::find().filter(of_session()).filter(Column::UsedAt.gt(since)).one(&txn).await?;
    if later.is_some() {
        return Err(refused());
    }
    Entity::delete_many().filter(of_session()).filter(Column::UsedAt.is_null()).exec(&txn).await?;
    let tokens = issue(app, &txn, session.user_id, session.id).await?;
    let user = table::user::Entity::find_by_id(session.user_id).one(&txn).await?.ok_or_else(refused)?;
    txn.commit().await?;
    Ok((user, tokens))
}

async fn revoke_session(txn: &Transaction, session_id: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
    let revoked = table::session::Entity::update_many()
        .col_expr(table::session::Column::RevokedAt, Expr::value(now))
        .filter(table::session::Column::Id.eq(session_id))
        .filter(table::session::Column::RevokedAt.is_null())
        .exec_with_returning(txn)
        .await?;
    for session in revoked {
        announce_change(txn, session.user_id);
    }
    Ok(())
}
