//! Users: the public profile, and the private data of the viewer. All private data are fields of [`Viewer`], so that
//! access to them needs one rule only.

use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, Object, Result};

use super::booking_filters::{BookingSort, BookingWhereInput, page_of_bookings};
use super::connections::{
    BookingConnection, ListingConnection, NotificationConnection, PayoutConnection, ReviewConnection, SessionConnection,
};
use super::listings::{Listing, ListingStatus};
use super::notifications::page_of_notifications;
use super::payouts::{Payout, PayoutState};
use super::reviews::Review;
use crate::domain::bookings::BookingSide;
use crate::domain::listings as domain_listings;
use crate::domain::payments;
use crate::domain::reviews::ListOf;
use crate::domain::users as domain;
use crate::graphql::support::connection::{count_batched, count_lazily, empty_page, page_request};
use crate::graphql::support::context::{RequestContext, global_id};
use crate::graphql::support::cost_directive::cost;
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::loaders::{HostListingCountKey, HostListingsKey, ReviewCountKey, ReviewsKey, UserKey};
use crate::graphql::support::money::{Money, stored_currency};
use crate::graphql::support::scalars::{CurrencyCode, DateTime, LanguageTag, TimeZone};
use crate::kernel::id::Kind;

/// What a user may do on the marketplace.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The user can search, book and review. Every user has this role.
    Guest,
    /// The user can offer listings. `userBecomeHost` grants this role.
    Host,
    /// The user is a member of the marketplace's staff.
    Admin,
}

/// The public profile of a user. Everyone can see it.
#[derive(Clone, Description)]
pub struct User(pub Arc<domain::User>);

#[Object(use_type_description)]
impl User {
    /// Global ID of the user, prefixed `usr_`.
    pub async fn id(&self) -> ID {
        global_id(Kind::User, self.0.id)
    }

    /// Public name of the user, at most 80 characters.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// Self-description of the user, at most 2,000 characters. Null if there is none.
    async fn about(&self) -> Option<&str> {
        self.0.about.as_deref()
    }

    /// When the user registered.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Whether the user's e-mail address is verified.
    async fn is_verified(&self) -> bool {
        self.0.email_verified_at.is_some()
    }

    /// Published reviews by hosts about the user as a guest, newest first.
    #[graphql(directive = cost::apply(2))]
    async fn reviews_received(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start, 0 to 100. Default: 20, unless `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor. If absent, from the first item.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end, 0 to 100. Refused with `first`. If absent, `first` applies.")]
        last: Option<i32>,
        #[graphql(desc = "Only items before this cursor. If absent, up to the last item.")] before: Option<String>,
    ) -> Result<ReviewConnection> {
        page_of_reviews(ctx, ListOf::Guest, self.0.id, first, after, last, before).await
    }

    /// Published listings of the user, newest first.
    #[graphql(directive = cost::apply(2))]
    async fn listings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start, 0 to 100. Default: 20, unless `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor. If absent, from the first item.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end, 0 to 100. Refused with `first`. If absent, `first` applies.")]
        last: Option<i32>,
        #[graphql(desc = "Only items before this cursor. If absent, up to the last item.")] before: Option<String>,
    ) -> Result<ListingConnection> {
        let request = page_request("User.listings", first, after, last, before)?;
        let found = ctx.load(HostListingsKey(self.0.id, request)).await?.unwrap_or_else(empty_page);
        Ok(ListingConnection { page: found.map(Listing::from), total: count_batched(HostListingCountKey(self.0.id)) })
    }
}

impl From<domain::User> for User {
    fn from(row: domain::User) -> User {
        User(Arc::new(row))
    }
}

/// A page of the published reviews of a listing or guest.
pub(in crate::graphql) async fn page_of_reviews(
    ctx: &Context<'_>,
    list: ListOf,
    owner: uuid::Uuid,
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
) -> Result<ReviewConnection> {
    let name = match list {
        ListOf::Listing => "Listing.reviews",
        ListOf::Guest => "User.reviewsReceived",
    };
    let request = page_request(name, first, after, last, before)?;
    let found = ctx.load(ReviewsKey(list, owner, request)).await?.unwrap_or_else(empty_page);
    Ok(ReviewConnection { page: found.map(Review::from), total: count_batched(ReviewCountKey(list, owner)) })
}

/// The signed-in user and their private data. Nobody else can see it.
#[derive(Clone, Description)]
pub struct Viewer(pub Arc<domain::User>);

#[Object(use_type_description)]
impl Viewer {
    /// Global ID of the viewer, prefixed `vwr_`. It differs from the ID of `user`.
    pub async fn id(&self) -> ID {
        global_id(Kind::Viewer, self.0.id)
    }

    /// Public profile of the viewer.
    async fn user(&self) -> User {
        User(self.0.clone())
    }

    /// E-mail address with which the viewer signs in, in lower case.
    async fn email(&self) -> &str {
        self.0.email.as_deref().unwrap_or_default()
    }

    /// Whether the e-mail address is verified.
    async fn email_verified(&self) -> bool {
        self.0.email_verified_at.is_some()
    }

    /// Telephone number in international form. Null if the viewer gave none.
    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_deref()
    }

    /// Roles of the viewer. Always contains GUEST.
    async fn roles(&self) -> Vec<Role> {
        let roles = [(true, Role::Guest), (self.0.is_host, Role::Host), (self.0.is_admin, Role::Admin)];
        roles.into_iter().filter_map(|(has, role)| has.then_some(role)).collect()
    }

    /// Usual time zone of the viewer, for display.
    async fn time_zone(&self) -> TimeZone {
        TimeZone(self.0.time_zone.clone())
    }

    /// Preferred language of the viewer.
    async fn locale(&self) -> LanguageTag {
        LanguageTag(self.0.locale.clone())
    }

    /// Preferred currency of the viewer. New listings of the viewer begin with it.
    async fn currency(&self) -> CurrencyCode {
        CurrencyCode(self.0.currency.clone())
    }

    /// Active sessions of the viewer, newest first.
    #[graphql(directive = cost::apply(2))]
    async fn sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start, 0 to 100. Default: 20, unless `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor. If absent, from the first item.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end, 0 to 100. Refused with `first`. If absent, `first` applies.")]
        last: Option<i32>,
        #[graphql(desc = "Only items before this cursor. If absent, up to the last item.")] before: Option<String>,
    ) -> Result<SessionConnection> {
        let request = page_request("Viewer.sessions", first, after, last, before)?;
        let found = domain::session_page(ctx.app(), ctx.viewer(), request).await.map_err(to_graphql_error)?;
        Ok(SessionConnection {
            page: found.map(Session::from),
            total: count_lazily(|app, viewer| async move { domain::session_count(&app, &viewer).await }),
        })
    }

    /// Listings of the viewer in all states except DELETED, newest first.
    #[graphql(directive = cost::apply(2))]
    async fn listings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start, 0 to 100. Default: 20, unless `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor. If absent, from the first item.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end, 0 to 100. Refused with `first`. If absent, `first` applies.")]
        last: Option<i32>,
        #[graphql(desc = "Only items before this cursor. If absent, up to the last item.")] before: Option<String>,
        #[graphql(desc = "Only listings in one of these states. If absent, all.")] status: Option<Vec<ListingStatus>>,
    ) -> Result<ListingConnection> {
        let statuses: Option<Vec<_>> = status.map(|list| list.into_iter().map(Into::into).collect());
        let request = page_request("Viewer.listings", first, after, last, before)?;
        let host = self.0.id;
        let found = domain_listings::by_host(ctx.app(), ctx.viewer(), host, statuses.as_deref(), request);
        let found = found.await.map_err(to_graphql_error)?;
        Ok(ListingConnection {
            page: found.map(Listing::from),
            total: count_lazily(move |app, viewer| {
                let statuses = statuses.clone();
                async move { domain_listings::by_host_count(&app, &viewer, host, statuses.as_deref()).await }
            }),
        })
    }

    /// Bookings of the viewer as a guest.
    #[expect(clippy::too_many_arguments, reason = "these are the arguments of the field")]
    #[graphql(directive = cost::apply(2))]
    async fn trips(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start, 0 to 100. Default: 20, unless `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor. If absent, from the first item.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end, 0 to 100. Refused with `first`. If absent, `first` applies.")]
        last: Option<i32>,
        #[graphql(desc = "Only items before this cursor. If absent, up to the last item.")] before: Option<String>,
        #[graphql(name = "where", desc = "Conditions that all results meet. If absent, all bookings match.")]
        wanted: Option<BookingWhereInput>,
        #[graphql(
            desc = "Order of the results. Default: CREATED_DESC.",
            default_with = "Some(BookingSort::CreatedDesc)"
        )]
        sort: Option<BookingSort>,
    ) -> Result<BookingConnection> {
        let request = page_request("Viewer.trips", first, after, last, before)?;
        page_of_bookings(ctx, BookingSide::Guest, wanted, sort, request).await
    }

    /// Bookings of the viewer's listings.
    #[expect(clippy::too_many_arguments, reason = "these are the arguments of the field")]
    #[graphql(directive = cost::apply(2))]
    async fn reservations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start, 0 to 100. Default: 20, unless `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor. If absent, from the first item.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end, 0 to 100. Refused with `first`. If absent, `first` applies.")]
        last: Option<i32>,
        #[graphql(desc = "Only items before this cursor. If absent, up to the last item.")] before: Option<String>,
        #[graphql(name = "where", desc = "Conditions that all results meet. If absent, all bookings match.")]
        wanted: Option<BookingWhereInput>,
        #[graphql(
            desc = "Order of the results. Default: CREATED_DESC.",
            default_with = "Some(BookingSort::CreatedDesc)"
        )]
        sort: Option<BookingSort>,
    ) -> Result<BookingConnection> {
        let request = page_request("Viewer.reservations", first, after, last, before)?;
        page_of_bookings(ctx, BookingSide::Host, wanted, sort, request).await
    }

    /// Payouts to the viewer as a host, newest first.
    #[graphql(directive = cost::apply(2))]
    async fn payouts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start, 0 to 100. Default: 20, unless `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor. If absent, from the first item.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end, 0 to 100. Refused with `first`. If absent, `first` applies.")]
        last: Option<i32>,
        #[graphql(desc = "Only items before this cursor. If absent, up to the last item.")] before: Option<String>,
        #[graphql(desc = "Only payouts in one of these states. If absent, all.")] state: Option<Vec<PayoutState>>,
    ) -> Result<PayoutConnection> {
        let states: Option<Vec<_>> = state.map(|list| list.into_iter().map(Into::into).collect());
        let request = page_request("Viewer.payouts", first, after, last, before)?;
        let found = payments::payout_page(ctx.app(), ctx.viewer(), states.as_deref(), request)
            .await
            .map_err(to_graphql_error)?;
        Ok(PayoutConnection {
            page: found.map(Payout::from),
            total: count_lazily(move |app, viewer| {
                let states = states.clone();
                async move { payments::payout_count(&app, &viewer, states.as_deref()).await }
            }),
        })
    }

    /// Notifications of the viewer, newest first. They are deleted after 365 days. For a badge, select `totalCount`
    /// with `unreadOnly: true`.
    #[graphql(directive = cost::apply(2))]
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start, 0 to 100. Default: 20, unless `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor. If absent, from the first item.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end, 0 to 100. Refused with `first`. If absent, `first` applies.")]
        last: Option<i32>,
        #[graphql(desc = "Only items before this cursor. If absent, up to the last item.")] before: Option<String>,
        #[graphql(
            desc = "Whether only unread notifications are returned. Default: false.",
            default_with = "Some(false)"
        )]
        unread_only: Option<bool>,
    ) -> Result<NotificationConnection> {
        let request = page_request("Viewer.notifications", first, after, last, before)?;
        page_of_notifications(ctx, request, unread_only.unwrap_or(false)).await
    }

    /// Amounts that the marketplace owes the viewer by its ledger and has not paid yet, one per currency. Negative if
    /// the viewer owes it.
    async fn balance(&self, ctx: &Context<'_>) -> Result<Vec<Money>> {
        let balance = payments::viewer_balance(ctx.app(), ctx.viewer()).await.map_err(to_graphql_error)?;
        let money = |(code, minor): (String, i64)| {
            let currency = stored_currency(&code).map_err(to_graphql_error)?;
            Ok(Money::new(minor, currency))
        };
        balance.into_iter().map(money).collect()
    }
}

impl From<domain::User> for Viewer {
    fn from(row: domain::User) -> Viewer {
        Viewer(Arc::new(row))
    }
}

/// A sign-in of the viewer on one device. Nobody else can see it.
#[derive(Clone, Description)]
pub struct Session {
    row: Arc<domain::Session>,
}

#[Object(use_type_description)]
impl Session {
    /// Global ID of the session, prefixed `ses_`.
    pub async fn id(&self) -> ID {
        global_id(Kind::Session, self.row.id)
    }

    /// When the viewer signed in.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// When the session was last refreshed.
    async fn last_seen_at(&self) -> DateTime {
        DateTime(self.row.last_seen_at)
    }

    /// `User-Agent` header of the sign-in. Null if there was none.
    async fn user_agent(&self) -> Option<&str> {
        self.row.user_agent.as_deref()
    }

    /// IP address of the sign-in. Null if it could not be determined.
    async fn ip(&self) -> Option<&str> {
        self.row.ip.as_deref()
    }

    /// Whether this request belongs to the session.
    async fn is_current(&self, ctx: &Context<'_>) -> bool {
        ctx.viewer().user().is_some_and(|user| user.session_id == self.row.id)
    }
}

impl From<domain::Session> for Session {
    fn from(row: domain::Session) -> Session {
        Session { row: Arc::new(row) }
    }
}

/// Loads the signed-in user. Nothing for anonymous requests.
pub(in crate::graphql) async fn load_viewer(ctx: &Context<'_>) -> Result<Option<Viewer>> {
    let Some(user) = ctx.viewer().user() else { return Ok(None) };
    let row = ctx.load(UserKey(user.user_id)).await?;
    Ok(row.map(Viewer::from))
}
