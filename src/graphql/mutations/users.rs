//! Mutations of accounts and sessions.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};

use super::payload::payloads;
use crate::domain::error::{Error, Refusals};
use crate::domain::users::{self as domain, ProfileChange, Registration, Tokens};
use crate::graphql::support::context::{RequestContext, global_id, parse_id};
use crate::graphql::support::cost_directive::cost;
use crate::graphql::support::idempotency::prepare_call;
use crate::graphql::support::scalars::{CurrencyCode, DateTime, LanguageTag, TimeZone};
use crate::graphql::support::update_fields::{UpdateFields, to_change};
use crate::graphql::types::user_errors::into_payload;
use crate::graphql::types::users::Viewer;
use crate::kernel::id::Kind;
use crate::platform::App;
use crate::platform::idempotency::RecordedEffect;

/// Tokens with which a client acts for a user.
#[derive(SimpleObject)]
pub struct AuthTokens {
    /// Token for the header `Authorization: Bearer …`. It is valid for 15 minutes.
    access_token: String,
    /// When the access token expires.
    expires_at: DateTime,
    /// Token for one call of `sessionRefresh`. It is valid for 30 days. Store it as a secret.
    refresh_token: String,
    /// When the refresh token expires.
    refresh_expires_at: DateTime,
}

impl From<Tokens> for AuthTokens {
    fn from(tokens: Tokens) -> Self {
        AuthTokens {
            access_token: tokens.access,
            expires_at: DateTime(tokens.access_expires_at),
            refresh_token: tokens.refresh,
            refresh_expires_at: DateTime(tokens.refresh_expires_at),
        }
    }
}

/// Values of a new account.
#[derive(InputObject)]
pub struct UserRegisterInput {
    /// E-mail address to sign in with, at most 254 bytes. It is stored in lower case.
    email: String,
    /// Password of 10 to 128 characters that is not among the most common ones.
    password: String,
    /// Public name, at most 80 characters.
    display_name: String,
    /// Preferred language. Default: `en`.
    locale: Option<LanguageTag>,
    /// Usual time zone of the user. Default: UTC.
    time_zone: Option<TimeZone>,
}

/// Values of the profile to change. An absent field does not change. Null removes `about` and `phone`; in the other
/// fields it is refused with REQUIRED.
#[derive(InputObject)]
pub struct UserUpdateInput {
    /// Public name, at most 80 characters. If absent, it does not change.
    display_name: MaybeUndefined<String>,
    /// Self-description, at most 2,000 characters. Null removes it; an empty text still does so too, but a later version
    /// will refuse it. If absent, it does not change.
    about: MaybeUndefined<String>,
    /// Telephone number in international form, such as +351 21 000 0000. Null removes it; an empty text still does so
    /// too, but a later version will refuse it. If absent, it does not change.
    phone: MaybeUndefined<String>,
    /// Preferred language. If absent, it does not change.
    locale: MaybeUndefined<LanguageTag>,
    /// Usual time zone of the user. If absent, it does not change.
    time_zone: MaybeUndefined<TimeZone>,
    /// Preferred currency of the user. If absent, it does not change.
    currency: MaybeUndefined<CurrencyCode>,
}

impl UserUpdateInput {
    /// The change for the domain, with the refusals of the values that cannot be read.
    fn into_change(self) -> ProfileChange {
        let mut unreadable = Refusals::default();
        let mut fields = UpdateFields::new(&mut unreadable, &["user"]);
        ProfileChange {
            display_name: fields.required("displayName", self.display_name),
            about: to_change(self.about),
            phone: to_change(self.phone),
            locale: fields.required("locale", self.locale).map(|tag| tag.0),
            time_zone: fields.zone("timeZone", self.time_zone),
            currency: fields.currency("currency", self.currency),
            unreadable,
        }
    }
}

payloads! {
    /// Result of the mutation `userRegister`.
    UserRegisterPayload {
        /// The new user, signed in. Null if the mutation was refused.
        viewer: Option<Viewer>,
        /// Tokens of the new session. Null if the mutation was refused.
        tokens: Option<AuthTokens>,
    }
    /// Result of the mutation `userUpdate`.
    UserUpdatePayload {
        /// The viewer with the changed profile. Null if the mutation was refused.
        viewer: Option<Viewer>,
    }
    /// Result of the mutation `userBecomeHost`.
    UserBecomeHostPayload {
        /// The viewer with the role HOST. Null if the mutation was refused.
        viewer: Option<Viewer>,
    }
    /// Result of the mutation `sessionCreate`.
    SessionCreatePayload {
        /// The user who signed in. Null if the mutation was refused.
        viewer: Option<Viewer>,
        /// Tokens of the new session. Null if the mutation was refused.
        tokens: Option<AuthTokens>,
    }
    /// Result of the mutation `sessionRefresh`.
    SessionRefreshPayload {
        /// The user of the session. Null if the mutation was refused.
        viewer: Option<Viewer>,
        /// New tokens, which replace the old ones. Null if the mutation was refused.
        tokens: Option<AuthTokens>,
    }
    /// Result of the mutation `sessionRevoke`.
    SessionRevokePayload {
        /// Global IDs of the ended sessions. Empty if the mutation was refused.
        revoked_ids: Vec<ID>,
    }
}

/// The account that was recorded with an idempotency key.
async fn load_account(app: &App, effect: RecordedEffect) -> Result<domain::User, Error> {
    domain::by_id(app, effect.id(0)?).await?.ok_or_else(|| Error::not_found(&[]))
}

/// Mutations of accounts and sessions.
#[derive(Default)]
pub struct UserMutation;

#[Object]
impl UserMutation {
    /// Creates an account and signs in to it. Refused with EMAIL_TAKEN, WEAK_PASSWORD, TOO_LONG or INVALID. A retry
    /// with the same idempotency key returns new tokens of the same session, which replace the first ones. After the
    /// session was refreshed, such a retry is refused with TOKEN_EXPIRED.
    #[graphql(directive = cost::apply(2_000))]
    async fn user_register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Values of the new account.")] user: UserRegisterInput,
    ) -> Result<UserRegisterPayload> {
        let call = prepare_call(ctx);
        let app = call.app();
        let run = async {
            let mut unreadable = Refusals::default();
            let zone = user.time_zone.as_ref().map(|zone| zone.to_zone(&mut unreadable, &["user", "timeZone"]));
            let request = Registration {
                email: user.email,
                password: user.password,
                display_name: user.display_name,
                locale: user.locale.map(|tag| tag.0),
                time_zone: zone.flatten(),
                unreadable,
            };
            domain::register(app, request, ctx.origin()).await
        };
        let replay = async |effect: RecordedEffect| domain::reissue(app, effect.id(1)?, effect.at).await;
        let (done, user_errors) = into_payload(app, call.run(run, replay).await)?;
        let (viewer, tokens) = done.map(|(user, tokens)| (Viewer::from(user), tokens.into())).unzip();
        Ok(UserRegisterPayload { viewer, tokens, user_errors })
    }

    /// Changes the profile of the viewer. Refused with INVALID or TOO_LONG for values out of range, and with REQUIRED for
    /// null in a field that cannot be null. All wrong fields are refused at once.
    async fn user_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to change. Absent fields do not change; null removes a value.")]
        user: UserUpdateInput,
    ) -> Result<UserUpdatePayload> {
        let call = prepare_call(ctx);
        let app = call.app();
        let run = domain::update(app, ctx.viewer(), user.into_change());
        let (done, user_errors) =
            into_payload(app, call.run(run, async |effect| load_account(app, effect).await).await)?;
        Ok(UserUpdatePayload { viewer: done.map(Viewer::from), user_errors })
    }

    /// Grants the viewer the role HOST. A viewer who is a host already does not change.
    async fn user_become_host(&self, ctx: &Context<'_>) -> Result<UserBecomeHostPayload> {
        let call = prepare_call(ctx);
        let app = call.app();
        let done =
            call.run(domain::become_host(app, ctx.viewer()), async |effect| load_account(app, effect).await).await;
        let (done, user_errors) = into_payload(app, done)?;
        Ok(UserBecomeHostPayload { viewer: done.map(Viewer::from), user_errors })
    }

    /// Signs in with e-mail address and password. A wrong password and an unknown address get the same UNAUTHENTICATED
    /// error. Refused with RATE_LIMITED after too many attempts for one account. A retry with the same idempotency key
    /// returns new tokens of the same session, which replace the first ones. After the session was refreshed, such a
    /// retry is refused with TOKEN_EXPIRED.
    #[graphql(directive = cost::apply(100))]
    async fn session_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "E-mail address of the account.")] email: String,
        #[graphql(desc = "Password of the account.")] password: String,
    ) -> Result<SessionCreatePayload> {
        let call = prepare_call(ctx);
        let app = call.app();
        let replay = async |effect: RecordedEffect| domain::reissue(app, effect.id(1)?, effect.at).await;
        let done = match domain::SignInAttempt::count(app, &email).await {
            Ok(counted) => call.run(domain::sign_in(app, counted, password, ctx.origin()), replay).await,
            Err(error) => Err(error),
        };
        let (done, user_errors) = into_payload(app, done)?;
        let (viewer, tokens) = done.map(|(user, tokens)| (Viewer::from(user), tokens.into())).unzip();
        Ok(SessionCreatePayload { viewer, tokens, user_errors })
    }

    /// Exchanges a refresh token for new tokens. A refresh token works once: a second use ends the session and is
    /// refused with TOKEN_EXPIRED. A retry with the idempotency key of the first use does not end it, and returns new
    /// tokens that replace those of the first use until they are refreshed.
    async fn session_refresh(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The newest refresh token of the session.")] refresh_token: String,
    ) -> Result<SessionRefreshPayload> {
        let call = prepare_call(ctx);
        let app = call.app();
        let replay = async |effect: RecordedEffect| domain::reissue(app, effect.id(1)?, effect.at).await;
        let (done, user_errors) = into_payload(app, call.run(domain::refresh(app, &refresh_token), replay).await)?;
        let (viewer, tokens) = done.map(|(user, tokens)| (Viewer::from(user), tokens.into())).unzip();
        Ok(SessionRefreshPayload { viewer, tokens, user_errors })
    }

    /// Signs out: ends one session of the viewer at once, with its tokens and subscriptions. Refused with NOT_FOUND if
    /// the session does not exist or has ended.
    async fn session_revoke(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the session, prefixed `ses_`. If absent, the session of this request ends.")]
        id: Option<ID>,
    ) -> Result<SessionRevokePayload> {
        let call = prepare_call(ctx);
        let app = call.app();
        let run = async {
            let session = id.map(|id| parse_id(Kind::Session, &id, &["id"])).transpose()?;
            domain::revoke(app, ctx.viewer(), session).await
        };
        let (done, user_errors) =
            into_payload(app, call.run(run, async |effect: RecordedEffect| Ok(effect.subject)).await)?;
        let revoked_ids =
            done.unwrap_or_default().into_iter().map(|session| self::global_id(Kind::Session, session)).collect();
        Ok(SessionRevokePayload { revoked_ids, user_errors })
    }
}
