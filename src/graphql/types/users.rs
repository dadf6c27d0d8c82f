//! People: what everyone sees, and what hangs privately from the viewer.

use async_graphql::{Context, Enum, ID, Object, Result};
use std::sync::Arc;

use super::bookings::{Booking, BookingState};
use super::listings::{Listing, ListingStatus};
use super::notifications::notifications;
use super::payouts::{Payout, PayoutState};
use super::reviews::Review;
use crate::domain::bookings::{self as domain_bookings, Side};
use crate::domain::error::Error;
use crate::domain::listings as domain_listings;
use crate::domain::payments;
use crate::domain::reviews::ListOf;
use crate::domain::users as domain;
use crate::graphql::execution::cost::cost;
use crate::graphql::support::connection::{
    BookingConnection, ListingConnection, NotificationConnection, PayoutConnection, ReviewConnection,
    SessionConnection, count, empty_page, page,
};
use crate::graphql::support::context::{Ask, id, key};
use crate::graphql::support::errors::shown;
use crate::graphql::support::loaders::{HostListingsKey, ReviewCountKey, ReviewsKey};
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::{CurrencyCode, DateTime, TimeZone};
use crate::kernel::id::Kind;

/// What somebody may do.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Search, book and review.
    Guest,
    /// List places.
    Host,
    /// Run the marketplace.
    Admin,
}

/// A person, as everyone sees them.
#[derive(Clone)]
pub struct User(pub Arc<domain::User>);

/// A person, as everyone sees them.
#[Object]
impl User {
    /// The id.
    pub async fn id(&self) -> ID {
        id(Kind::User, self.0.id)
    }

    /// The name they go by.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// A few words about themselves; null when they wrote none.
    async fn about(&self) -> Option<&str> {
        self.0.about.as_deref()
    }

    /// When they joined.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Whether they have shown that their e-mail address is theirs.
    async fn is_verified(&self) -> bool {
        self.0.email_verified_at.is_some()
    }

    /// What hosts said of them as a guest, latest first.
    #[graphql(directive = cost::apply(2))]
    async fn reviews_received(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Start after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take so many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
    ) -> Result<ReviewConnection> {
        reviews(ctx, ListOf::Guest, self.0.id, first, after, last, before).await
    }

    /// Their listings on the market, newest first.
    #[graphql(directive = cost::apply(2))]
    async fn listings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Start after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take so many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
    ) -> Result<ListingConnection> {
        let request = page(first, after, last, before)?;
        let host = self.0.id;
        let found = ctx.load(HostListingsKey(host, request)).await?.unwrap_or_else(empty_page);
        let published = [crate::domain::listings::enums::ListingStatus::Published];
        Ok(ListingConnection {
            page: found.map(Listing::of),
            total: count(move |app, viewer| async move {
                domain_listings::by_host_count(&app, &viewer, host, Some(&published)).await
            }),
        })
    }
}

impl User {
    /// Wraps a row.
    pub fn of(row: domain::User) -> User {
        User(Arc::new(row))
    }
}

/// A page of the published reviews of a listing or guest.
pub(in crate::graphql) async fn reviews(
    ctx: &Context<'_>,
    list: ListOf,
    owner: uuid::Uuid,
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
) -> Result<ReviewConnection> {
    let request = page(first, after, last, before)?;
    let found = ctx.load(ReviewsKey(list, owner, request)).await?.unwrap_or_else(empty_page);
    Ok(ReviewConnection {
        page: found.map(Review::of),
        total: Box::new(move |ctx| {
            Box::pin(async move { Ok(ctx.load(ReviewCountKey(list, owner)).await?.unwrap_or(0)) })
        }),
    })
}

/// You. Everything private hangs from here, so authorisation is one rule.
#[derive(Clone)]
pub struct Viewer(pub Arc<domain::User>);

/// You. Everything private hangs from here, so authorisation is one rule.
#[Object]
impl Viewer {
    /// The id.
    pub async fn id(&self) -> ID {
        id(Kind::Viewer, self.0.id)
    }

    /// What others see of you.
    async fn user(&self) -> User {
        User(self.0.clone())
    }

    /// The address you sign in with.
    async fn email(&self) -> &str {
        self.0.email.as_deref().unwrap_or_default()
    }

    /// Whether you have shown that the address is yours.
    async fn email_verified(&self) -> bool {
        self.0.email_verified_at.is_some()
    }

    /// Your telephone number; null when you gave none.
    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_deref()
    }

    /// What you may do.
    async fn roles(&self) -> Vec<Role> {
        let roles = [(true, Role::Guest), (self.0.is_host, Role::Host), (self.0.is_admin, Role::Admin)];
        roles.into_iter().filter_map(|(has, role)| has.then_some(role)).collect()
    }

    /// The zone you are usually in.
    async fn time_zone(&self) -> TimeZone {
        TimeZone(self.0.time_zone.clone())
    }

    /// Your language, as a BCP 47 tag.
    async fn locale(&self) -> &str {
        &self.0.locale
    }

    /// The currency you think in.
    async fn currency(&self) -> CurrencyCode {
        CurrencyCode(self.0.currency.clone())
    }

    /// Where you are signed in, newest first.
    #[graphql(directive = cost::apply(2))]
    async fn sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Start after this cursor.")] after: Option<String>,
    ) -> Result<SessionConnection> {
        let found = domain::sessions(ctx.app(), ctx.viewer(), page(first, after, None, None)?).await.map_err(shown)?;
        Ok(SessionConnection {
            page: found.map(|row| Session { row: Arc::new(row) }),
            total: count(|app, viewer| async move { domain::sessions_count(&app, &viewer).await }),
        })
    }

    /// Your own listings in every status, newest first.
    #[graphql(directive = cost::apply(2))]
    async fn listings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Start after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take so many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only those in one of these statuses.")] status: Option<Vec<ListingStatus>>,
    ) -> Result<ListingConnection> {
        let statuses: Option<Vec<_>> = status.map(|list| list.into_iter().map(Into::into).collect());
        let request = page(first, after, last, before)?;
        let host = self.0.id;
        let found = domain_listings::by_host(ctx.app(), ctx.viewer(), host, statuses.as_deref(), request);
        let found = found.await.map_err(shown)?;
        Ok(ListingConnection {
            page: found.map(Listing::of),
            total: count(move |app, viewer| {
                let statuses = statuses.clone();
                async move { domain_listings::by_host_count(&app, &viewer, host, statuses.as_deref()).await }
            }),
        })
    }

    /// Your bookings as a guest, newest first.
    #[graphql(directive = cost::apply(2))]
    async fn trips(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Start after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take so many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only those in one of these states.")] state: Option<Vec<BookingState>>,
    ) -> Result<BookingConnection> {
        bookings(ctx, Side::Guest, page(first, after, last, before)?, state, None).await
    }

    /// Bookings of your listings, newest first.
    #[expect(clippy::too_many_arguments, reason = "these are the arguments of the field")]
    #[graphql(directive = cost::apply(2))]
    async fn reservations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Start after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take so many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only those in one of these states.")] state: Option<Vec<BookingState>>,
        #[graphql(desc = "Only those of this listing.")] listing_id: Option<ID>,
    ) -> Result<BookingConnection> {
        let listing = listing_id.map(|id| key(Kind::Listing, &id, &["listingId"])).transpose().map_err(shown)?;
        bookings(ctx, Side::Host, page(first, after, last, before)?, state, listing).await
    }

    /// What you are paid as a host, newest first.
    #[graphql(directive = cost::apply(2))]
    async fn payouts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Start after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only those in one of these states.")] state: Option<Vec<PayoutState>>,
    ) -> Result<PayoutConnection> {
        let states: Option<Vec<_>> = state.map(|list| list.into_iter().map(Into::into).collect());
        let request = page(first, after, None, None)?;
        let found = payments::payout_page(ctx.app(), ctx.viewer(), states.as_deref(), request).await.map_err(shown)?;
        Ok(PayoutConnection {
            page: found.map(Payout::of),
            total: count(move |app, viewer| {
                let states = states.clone();
                async move { payments::payout_count(&app, &viewer, states.as_deref()).await }
            }),
        })
    }

    /// What you were told, newest first. For a badge, ask for `totalCount` of those that are unread.
    #[graphql(directive = cost::apply(2))]
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Start after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only those that you have not read.", default)] unread_only: bool,
    ) -> Result<NotificationConnection> {
        notifications(ctx, first, after, unread_only).await
    }

    /// What the platform owes you by its ledger and has not paid yet, by currency; below zero, what you owe.
    async fn balance(&self, ctx: &Context<'_>) -> Result<Vec<Money>> {
        let balance = payments::balance(ctx.app(), ctx.viewer()).await.map_err(shown)?;
        let money = |(code, minor): (String, i64)| {
            let currency = code.parse().map_err(|_| shown(Error::failed("unknown currency")))?;
            Ok(Money::new(minor, currency))
        };
        balance.into_iter().map(money).collect()
    }
}

impl Viewer {
    pub(in crate::graphql) fn of(row: domain::User) -> Viewer {
        Viewer(Arc::new(row))
    }
}

async fn bookings(
    ctx: &Context<'_>,
    side: Side,
    request: crate::kernel::page::PageRequest,
    states: Option<Vec<BookingState>>,
    listing: Option<uuid::Uuid>,
) -> Result<BookingConnection> {
    let states: Option<Vec<_>> = states.map(|list| list.into_iter().map(Into::into).collect());
    let found = domain_bookings::page(ctx.app(), ctx.viewer(), side, states.as_deref(), listing, request);
    let found = found.await.map_err(shown)?;
    Ok(BookingConnection {
        page: found.map(Booking::of),
        total: count(move |app, viewer| {
            let states = states.clone();
            async move { domain_bookings::page_count(&app, &viewer, side, states.as_deref(), listing).await }
        }),
    })
}

/// A sign-in on one device.
#[derive(Clone)]
pub struct Session {
    row: Arc<domain::Session>,
}

/// A sign-in on one device.
#[Object]
impl Session {
    /// The id.
    pub async fn id(&self) -> ID {
        id(Kind::Session, self.row.id)
    }

    /// When it began.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// When it was last refreshed.
    async fn last_seen_at(&self) -> DateTime {
        DateTime(self.row.last_seen_at)
    }

    /// What the device said it is; null when it said nothing.
    async fn user_agent(&self) -> Option<&str> {
        self.row.user_agent.as_deref()
    }

    /// The address it came from; null when it is not known.
    async fn ip(&self) -> Option<&str> {
        self.row.ip.as_deref()
    }

    /// Whether this request came with it.
    async fn is_current(&self, ctx: &Context<'_>) -> bool {
        ctx.viewer().user().is_some_and(|user| user.session_id == self.row.id)
    }
}

impl Session {
    /// The viewer's own session with this id, if it has not ended.
    pub(in crate::graphql) async fn find(ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<Session>, Error> {
        let row = domain::session(ctx.app(), ctx.viewer(), id).await?;
        Ok(row.map(|row| Session { row: Arc::new(row) }))
    }
}

/// You, if the request came with a valid token.
pub(in crate::graphql) async fn viewer(ctx: &Context<'_>) -> Result<Option<Viewer>> {
    let Some(user) = ctx.viewer().user() else { return Ok(None) };
    let row = ctx.load(crate::graphql::support::loaders::UserKey(user.user_id)).await?;
    Ok(row.map(Viewer::of))
}
