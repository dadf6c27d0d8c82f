//! Signing in with an e-mail address and a password.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::tokens::{Origin, Tokens, open_session};
use super::{User, table};
use crate::domain::error::{Code, Error};
use crate::platform::App;
use crate::platform::signing::fingerprint;

/// An attempt to sign in to one account that has been counted against its rate limit.
#[derive(Debug)]
pub struct SignInAttempt {
    email: String,
}

impl SignInAttempt {
    /// Counts an attempt at the account with this address. It has to be counted before anything else is answered:
    /// whether an idempotency key was used with a password reveals as much as whether the password is right.
    pub async fn count(app: &App, email: &str) -> Result<SignInAttempt, Error> {
        let email = email.trim().to_lowercase();
        app.rate_limit.count_sign_in(fingerprint(&email)).await.map_err(|wait| {
            let message = format!("too many attempts for this account; wait {} seconds", wait.retry_after_s);
            Error::refused(Code::RateLimited, &[], message)
        })?;
        Ok(SignInAttempt { email })
    }
}

/// Signs in with an address and a password. A wrong password and an unknown address give the same answer in the same
/// time.
pub async fn sign_in(
    app: &App,
    attempt: SignInAttempt,
    password: String,
    origin: Origin,
) -> Result<(User, Tokens), Error> {
    let SignInAttempt { email } = attempt;
    // No address contains NUL, and Postgres does not accept it in a parameter.
    let user = match email.contains('\0') {
        true => None,
        false => table::user::Entity::find().filter(table::user::Column::Email.eq(&email)).one(app.db.read()).await?,
    };
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let is_right = app.passwords.verify(password, hash).await?;
    let Some(user) = user.filter(|_| is_right) else {
        return Err(Error::refused(Code::Unauthenticated, &[], "the e-mail address or the password is wrong"));
    };
    let txn = app.db.begin_write().await?;
    let tokens = open_session(app, &txn, user.id, origin).await?;
    txn.commit().await?;
    Ok((user, tokens))
}
