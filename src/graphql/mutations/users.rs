//! Accounts and sign-ins.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use crate::domain::error::{Error, Refusals};
use crate::domain::users::{self as domain, ProfileChange, Registration, Tokens};
use crate::graphql::execution::cost::cost;
use crate::graphql::schema::payload::payloads;
use crate::graphql::support::context::{Ask, id, key};
use crate::graphql::support::errors::split;
use crate::graphql::support::idempotency::call;
use crate::graphql::support::scalars::{CurrencyCode, DateTime, TimeZone};
use crate::graphql::types::users::Viewer;
use crate::kernel::id::Kind;
use crate::platform::App;
use crate::platform::idempotency::Spent;

/// What a client needs to act for a person.
#[derive(SimpleObject)]
pub struct AuthTokens {
    /// For the header `Authorization: Bearer …`.
    access_token: String,
    /// When the access token ends.
    expires_at: DateTime,
    /// Good for one `sessionRefresh`. Keep it secret.
    refresh_token: String,
    /// When the refresh token ends.
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

/// What someone says who makes an account.
#[derive(InputObject)]
pub struct UserRegisterInput {
    /// Address to sign in with.
    email: String,
    /// At least ten characters that nobody would guess.
    password: String,
    /// The name others will see.
    display_name: String,
    /// Language, as a BCP 47 tag; `en` when absent.
    locale: Option<String>,
    /// The zone they are usually in; UTC when absent.
    time_zone: Option<TimeZone>,
}

/// What to change of your profile; absent fields stay, empty texts clear.
#[derive(InputObject)]
pub struct UserUpdateInput {
    /// The name others see.
    display_name: Option<String>,
    /// A few words about yourself.
    about: Option<String>,
    /// Telephone number in international form, such as +351 21 000 0000.
    phone: Option<String>,
    /// Language, as a BCP 47 tag.
    locale: Option<String>,
    /// The zone you are usually in.
    time_zone: Option<TimeZone>,
    /// The currency you think in.
    currency: Option<CurrencyCode>,
}

payloads! {
    /// The new account, signed in.
    UserRegisterPayload {
        /// You.
        viewer: Option<Viewer>,
        /// What to sign requests with.
        tokens: Option<AuthTokens>,
    }
    /// The changed profile.
    UserUpdatePayload {
        /// You.
        viewer: Option<Viewer>,
    }
    /// The new host.
    UserBecomeHostPayload {
        /// You.
        viewer: Option<Viewer>,
    }
    /// The account, signed in.
    SessionCreatePayload {
        /// You.
        viewer: Option<Viewer>,
        /// What to sign requests with.
        tokens: Option<AuthTokens>,
    }
    /// The new tokens.
    SessionRefreshPayload {
        /// What to sign requests with from now on.
        tokens: Option<AuthTokens>,
    }
    /// What was ended.
    SessionRevokePayload {
        /// The ids of the sessions that ended.
        revoked_ids: Vec<ID>,
    }
}

/// The account that an idempotency key was spent on.
async fn account(app: &App, spent: Spent) -> Result<domain::User, Error> {
    domain::by_id(app, spent.id(0)?).await?.ok_or_else(|| Error::not_found(&[]))
}

/// Accounts and sign-ins.
#[derive(Default)]
pub struct UserMutation;

#[Object]
impl UserMutation {
    /// Makes an account and signs in to it. Sent again with its idempotency key, it gives new tokens of the same session
    /// in place of the first ones, until the session is refreshed.
    #[graphql(directive = cost::apply(2_000))]
    async fn user_register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who registers.")] user: UserRegisterInput,
    ) -> Result<UserRegisterPayload> {
        let once = call(ctx);
        let app = once.app();
        let run = async {
            let mut refusals = Refusals::default();
            let zone = user.time_zone.as_ref().map(|zone| zone.read(&mut refusals, &["user", "timeZone"]));
            refusals.finish()?;
            let request = Registration {
                email: user.email,
                password: user.password,
                display_name: user.display_name,
                locale: user.locale,
                time_zone: zone.flatten(),
            };
            domain::register(app, request, ctx.origin()).await
        };
        let again = async |spent: Spent| domain::reissue(app, spent.id(1)?, spent.at).await;
        let (done, user_errors) = split(app, once.run(run, again).await)?;
        let (viewer, tokens) = done.map(|(user, tokens)| (Viewer::of(user), tokens.into())).unzip();
        Ok(UserRegisterPayload { viewer, tokens, user_errors })
    }

    /// Changes your profile.
    async fn user_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] user: UserUpdateInput,
    ) -> Result<UserUpdatePayload> {
        let once = call(ctx);
        let app = once.app();
        let run = async {
            let mut refusals = Refusals::default();
            let zone = user.time_zone.as_ref().map(|zone| zone.read(&mut refusals, &["user", "timeZone"]));
            refusals.finish()?;
            let change = ProfileChange {
                display_name: user.display_name,
                about: user.about,
                phone: user.phone,
                locale: user.locale,
                time_zone: zone.flatten(),
                currency: user.currency.map(|code| code.read(&["user", "currency"])).transpose()?,
            };
            domain::update(app, ctx.viewer(), change).await
        };
        let (done, user_errors) = split(app, once.run(run, async |spent| account(app, spent).await).await)?;
        Ok(UserUpdatePayload { viewer: done.map(Viewer::of), user_errors })
    }

    /// Lets you list places.
    async fn user_become_host(&self, ctx: &Context<'_>) -> Result<UserBecomeHostPayload> {
        let once = call(ctx);
        let app = once.app();
        let done = once.run(domain::become_host(app, ctx.viewer()), async |spent| account(app, spent).await).await;
        let (done, user_errors) = split(app, done)?;
        Ok(UserBecomeHostPayload { viewer: done.map(Viewer::of), user_errors })
    }

    /// Signs in. A wrong password and an unknown address look the same. Sent again with its idempotency key, it gives
    /// new tokens of the same session in place of the first ones, until the session is refreshed.
    #[graphql(directive = cost::apply(100))]
    async fn session_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The address of the account.")] email: String,
        #[graphql(desc = "Its password.")] password: String,
    ) -> Result<SessionCreatePayload> {
        let once = call(ctx);
        let app = once.app();
        let again = async |spent: Spent| domain::reissue(app, spent.id(1)?, spent.at).await;
        let done = match domain::Try::count(app, &email).await {
            Ok(counted) => once.run(domain::sign_in(app, counted, password, ctx.origin()), again).await,
            Err(error) => Err(error),
        };
        let (done, user_errors) = split(app, done)?;
        let (viewer, tokens) = done.map(|(user, tokens)| (Viewer::of(user), tokens.into())).unzip();
        Ok(SessionCreatePayload { viewer, tokens, user_errors })
    }

    /// Exchanges a refresh token for new tokens. Each works once; a second use ends the whole session, unless it comes
    /// with the idempotency key of the first: then it gives new tokens in place of those, until they are refreshed.
    async fn session_refresh(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The latest refresh token of the session.")] refresh_token: String,
    ) -> Result<SessionRefreshPayload> {
        let once = call(ctx);
        let app = once.app();
        let again = async |spent: Spent| Ok(domain::reissue(app, spent.id(1)?, spent.at).await?.1);
        let (done, user_errors) = split(app, once.run(domain::refresh(app, &refresh_token), again).await)?;
        Ok(SessionRefreshPayload { tokens: done.map(Into::into), user_errors })
    }

    /// Signs out: ends one of your sessions, at once.
    async fn session_revoke(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which session; absent means the one of this request.")] id: Option<ID>,
    ) -> Result<SessionRevokePayload> {
        let once = call(ctx);
        let app = once.app();
        let run = async {
            let session = id.map(|id| key(Kind::Session, &id, &["id"])).transpose()?;
            domain::revoke(app, ctx.viewer(), session).await
        };
        let (done, user_errors) = split(app, once.run(run, async |spent: Spent| Ok(spent.subject)).await)?;
        let revoked_ids =
            done.unwrap_or_default().into_iter().map(|session| self::id(Kind::Session, session)).collect();
        Ok(SessionRevokePayload { revoked_ids, user_errors })
    }
}
