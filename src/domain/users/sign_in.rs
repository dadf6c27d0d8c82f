//! Signing in, staying signed in, and telling who a request comes from.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Set};
use uuid::Uuid;

use super::{User, subscription, table};
use crate::domain::error::{Code, Error};
use crate::domain::viewer::Viewer;
use crate::platform::App;
use crate::platform::database::Transaction;
use crate::platform::signing::{fingerprint, opaque};

/// How long an access token lasts.
const ACCESS: TimeDelta = TimeDelta::minutes(15);
/// How long a session lasts without being refreshed.
const REFRESH: TimeDelta = TimeDelta::days(30);
const LONGEST_USER_AGENT: usize = 300;

/// Where a sign-in comes from, for the person's own list of sessions.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The client's own description.
    pub user_agent: Option<String>,
    /// The client's address.
    pub ip: Option<String>,
}

/// What a client needs to act for a person.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// A signed token for the `Authorization: Bearer` header.
    pub access: String,
    /// When the access token ends.
    pub access_expires_at: DateTime<Utc>,
    /// An opaque token, good for one refresh.
    pub refresh: String,
    /// When the refresh token ends.
    pub refresh_expires_at: DateTime<Utc>,
}

/// A try at the password of one account, counted.
#[derive(Debug)]
pub struct Try {
    email: String,
}

impl Try {
    /// Counts a try at the account with this address, before anything is said about it: whether an idempotency key
    /// fits a password would tell as much as whether the password does.
    pub async fn count(app: &App, email: &str) -> Result<Try, Error> {
        let email = email.trim().to_lowercase();
        app.rate_limit.sign_in(fingerprint(&email)).await.map_err(|wait| {
            let message = format!("too many tries for this account; wait {} seconds", wait.retry_after_s);
            Error::refused(Code::RateLimited, &[], message)
        })?;
        Ok(Try { email })
    }
}

/// Signs in by address and password. A wrong password and an unknown address look and take the same.
pub async fn sign_in(app: &App, counted: Try, password: String, origin: Origin) -> Result<(User, Tokens), Error> {
    let Try { email } = counted;
    // No address has a NUL in it, and Postgres takes none.
    let user = match email.contains('\0') {
        true => None,
        false => table::user::Entity::find().filter(table::user::Column::Email.eq(&email)).one(app.db.read()).await?,
    };
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let right = app.passwords.verify(password, hash).await?;
    let Some(user) = user.filter(|_| right) else {
        return Err(Error::refused(Code::Unauthenticated, &[], "the address or the password is wrong"));
    };
    let txn = app.db.begin_write().await?;
    let tokens = open_session(app, &txn, user.id, origin).await?;
    txn.commit().await?;
    Ok((user, tokens))
}

/// Opens a session in the caller's transaction.
pub(super) async fn open_session(
    app: &App,
    txn: &impl ConnectionTrait,
    user_id: Uuid,
    origin: Origin,
) -> Result<Tokens, Error> {
    let now = app.clock.now();
    let session = table::session::ActiveModel {
        id: Set(app.clock.id()),
        user_id: Set(user_id),
        created_at: Set(now),
        last_seen_at: Set(now),
        expires_at: Set(now + REFRESH),
        revoked_at: Set(None),
        user_agent: Set(origin.user_agent.map(|text| text.chars().take(LONGEST_USER_AGENT).collect())),
        ip: Set(origin.ip),
    };
    let session = session.insert(txn).await?;
    app.once.spend(txn, &[user_id, session.id]).await?;
    issue(app, txn, user_id, session.id).await
}

async fn issue(app: &App, txn: &impl ConnectionTrait, user_id: Uuid, session_id: Uuid) -> Result<Tokens, Error> {
    let now = app.clock.now();
    let refresh = opaque(app.clock.random());
    let row = table::refresh_token::ActiveModel {
        hash: Set(fingerprint(&refresh).to_vec()),
        session_id: Set(session_id),
        created_at: Set(now),
        expires_at: Set(now + REFRESH),
        used_at: Set(None),
    };
    table::refresh_token::Entity::insert(row).exec_without_returning(txn).await?;
    let access_expires_at = now + ACCESS;
    let access = app.keys.sign_access(user_id, session_id, now, access_expires_at);
    Ok(Tokens {
        access: access.ok_or_else(|| Error::failed("the access token could not be signed"))?,
        access_expires_at,
        refresh,
        refresh_expires_at: now + REFRESH,
    })
}

/// Exchanges a refresh token for new tokens. Using one twice means that somebody else has it: the session ends.
pub async fn refresh(app: &App, token: &str) -> Result<Tokens, Error> {
    let ended = || Error::refused(Code::TokenExpired, &["refreshToken"], "sign in again");
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
    let Some(row) = table::refresh_token::Entity::find_by_id(hash).one(&txn).await? else { return Err(ended()) };
    if used.rows_affected == 0 {
        if row.expires_at > now {
            end_session(&txn, row.session_id, now).await?;
            txn.commit().await?;
            tracing::warn!(session.id = %row.session_id, "a refresh token was used twice; its session was ended");
        }
        return Err(ended());
    }
    let seen = table::session::Entity::update_many()
        .col_expr(table::session::Column::LastSeenAt, Expr::value(now))
        .col_expr(table::session::Column::ExpiresAt, Expr::value(now + REFRESH))
        .filter(table::session::Column::Id.eq(row.session_id))
        .filter(table::session::Column::RevokedAt.is_null())
        .exec_with_returning(&txn)
        .await?;
    let Some(session) = seen.into_iter().next() else { return Err(ended()) };
    let tokens = issue(app, &txn, session.user_id, session.id).await?;
    app.once.spend(&txn, &[session.user_id, session.id]).await?;
    txn.commit().await?;
    Ok(tokens)
}

/// New tokens of a session for a client that never saw those it was given at `since`. Those are forgotten rather than
/// used up, so a client that did see them is told to sign in again and the session goes on. Refused once the session
/// was refreshed: then the client has seen them, and whoever asks now is behind or somebody else.
pub async fn reissue(app: &App, session_id: Uuid, since: DateTime<Utc>) -> Result<(User, Tokens), Error> {
    use table::refresh_token::{Column, Entity};
    let over = || Error::refused(Code::TokenExpired, &[], "this session has gone on or ended; sign in again");
    let txn = app.db.begin_write().await?;
    // Locked, so that of two at once the second finds the tokens of the first and forgets them.
    let found = table::session::Entity::find_by_id(session_id)
        .filter(table::session::Column::RevokedAt.is_null())
        .filter(table::session::Column::ExpiresAt.gt(app.clock.now()))
        .lock_exclusive()
        .one(&txn)
        .await?;
    let session = found.ok_or_else(over)?;
    let of_session = || Column::SessionId.eq(session.id);
    let later = Entity::find().filter(of_session()).filter(Column::UsedAt.gt(since)).one(&txn).await?;
    if later.is_some() {
        return Err(over());
    }
    Entity::delete_many().filter(of_session()).filter(Column::UsedAt.is_null()).exec(&txn).await?;
    let tokens = issue(app, &txn, session.user_id, session.id).await?;
    let user = table::user::Entity::find_by_id(session.user_id).one(&txn).await?.ok_or_else(over)?;
    txn.commit().await?;
    Ok((user, tokens))
}

async fn end_session(txn: &Transaction, session_id: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
    let ended = table::session::Entity::update_many()
        .col_expr(table::session::Column::RevokedAt, Expr::value(now))
        .filter(table::session::Column::Id.eq(session_id))
        .filter(table::session::Column::RevokedAt.is_null())
        .exec_with_returning(txn)
        .await?;
    for session in ended {
        subscription::changed(txn, session.user_id);
    }
    Ok(())
}

/// Who a bearer token speaks for. A token of a session that has ended speaks for nobody, from that moment on.
pub async fn authenticate(app: &App, token: &str) -> Result<Viewer, Error> {
    let claims = app.keys.verify_access(token, app.clock.now()).ok_or_else(subscription::expired)?;
    subscription::signed_in(app, claims.sub, claims.sid, claims.expires_at()).await
}
