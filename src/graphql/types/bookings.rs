//! Bookings as the API shows them to their parties.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result};

use super::alterations::BookingAlteration;
use super::booking_events::BookingEvent;
use super::cancellations::CancellationPreview;
use super::listings::{CancellationPolicy, Listing};
use super::payments::Payment;
use super::payouts::{LedgerTransaction, Payout};
use super::prices::PriceBreakdown;
use super::quotes::{CancellationTier, Quote};
use super::reviews::{Review, ReviewWindow};
use super::stays::{DateRange, GuestCount, is_hosts};
use super::users::User;
use crate::domain::bookings as domain;
use crate::domain::bookings::lifecycle::state;
use crate::domain::error::Error;
use crate::domain::reviews::{self as domain_reviews, Direction};
use crate::graphql::execution::cost::cost;
use crate::graphql::support::connection::{BookingAlterationConnection, BookingEventConnection, count, page};
use crate::graphql::support::context::{Ask, id};
use crate::graphql::support::errors::shown;
use crate::graphql::support::loaders::{BookingReviewKey, LedgerKey, ListingKey, PaymentKey, PayoutsKey, UserKey};
use crate::graphql::support::scalars::{DateTime, LocalTime, TimeZone};
use crate::kernel::guests::Guests;
use crate::kernel::id::Kind;
use crate::kernel::money::Currency;

/// Where a booking stands.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "state::BookingState")]
pub enum BookingState {
    /// Its nights are held while the guest pays.
    PendingPayment,
    /// Paid for, waiting for the host.
    Requested,
    /// Agreed and paid.
    Confirmed,
    /// The guest has arrived.
    CheckedIn,
    /// The stay is over.
    Completed,
    /// The payment never came; the nights are free again.
    PaymentExpired,
    /// The guest took the request back.
    Withdrawn,
    /// The host refused the request.
    Declined,
    /// The host never answered the request.
    RequestExpired,
    /// Cancelled by the guest.
    CancelledByGuest,
    /// Cancelled by the host.
    CancelledByHost,
    /// Cancelled by the marketplace.
    CancelledByPlatform,
    /// The guest never came.
    NoShow,
}

impl BookingState {
    pub(in crate::graphql) fn from_word(word: &str) -> Option<BookingState> {
        state::BookingState::from_word(word).map(Into::into)
    }
}

/// What can be done with a booking.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "state::Action")]
pub enum BookingAction {
    /// `bookingPaymentConfirm`.
    ConfirmPayment,
    /// `bookingWithdraw`.
    Withdraw,
    /// `bookingAccept`.
    Accept,
    /// `bookingDecline`.
    Decline,
    /// `bookingCancel`.
    Cancel,
    /// `bookingAlterationRequest`.
    RequestAlteration,
    /// `bookingNoShowReport`.
    ReportNoShow,
    /// `bookingCheckIn`.
    CheckIn,
    /// `bookingCheckOut`.
    CheckOut,
    /// `reviewSubmit`.
    Review,
}

impl BookingAction {
    pub(in crate::graphql) fn from_word(word: &str) -> Option<BookingAction> {
        use state::Action;
        [
            Action::ConfirmPayment,
            Action::Withdraw,
            Action::Accept,
            Action::Decline,
            Action::Cancel,
            Action::RequestAlteration,
            Action::ReportNoShow,
            Action::CheckIn,
            Action::CheckOut,
            Action::Review,
        ]
        .into_iter()
        .find(|action| action.word() == word)
        .map(Into::into)
    }
}

/// A stay that was booked. Only its guest, its host and staff know of it.
#[derive(Clone)]
pub struct Booking(pub Arc<domain::Booking>);

impl Booking {
    /// Wraps a row that the viewer may see.
    pub fn of(row: domain::Booking) -> Booking {
        Booking(Arc::new(row))
    }

    fn currency(&self) -> Result<Currency> {
        self.0.currency.parse().map_err(|_| shown(Error::failed("unknown currency")))
    }

    async fn review(&self, ctx: &Context<'_>, direction: Direction) -> Result<Option<Review>> {
        Ok(ctx.load(BookingReviewKey(self.0.id, direction)).await?.map(Review::of))
    }
}

async fn user(ctx: &Context<'_>, id: uuid::Uuid) -> Result<User> {
    let user = ctx.load(UserKey(id)).await?;
    user.map(User::of).ok_or_else(|| shown(Error::failed("a booking has no such person")))
}

/// A stay that was booked. Only its guest, its host and staff know of it.
#[Object]
impl Booking {
    /// The id; never changes.
    pub async fn id(&self) -> ID {
        id(Kind::Booking, self.0.id)
    }

    /// A code for people; never changes, whatever is altered.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// Grows with every step.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// What was booked.
    async fn listing(&self, ctx: &Context<'_>) -> Result<Listing> {
        let listing = ctx.load(ListingKey(self.0.listing_id)).await?;
        listing.map(Listing::of).ok_or_else(|| shown(Error::failed("a booking has no listing")))
    }

    /// Who booked.
    async fn guest(&self, ctx: &Context<'_>) -> Result<User> {
        user(ctx, self.0.guest_id).await
    }

    /// Whose place it is.
    async fn host(&self, ctx: &Context<'_>) -> Result<User> {
        user(ctx, self.0.host_id).await
    }

    /// The nights.
    async fn stay(&self) -> Result<DateRange> {
        Ok(DateRange::of(self.0.stay().map_err(shown)?))
    }

    /// Who comes.
    async fn guests(&self) -> GuestCount {
        let row = &self.0;
        Guests { adults: row.adults, children: row.children, infants: row.infants, pets: row.pets }.into()
    }

    /// Where it stands.
    async fn state(&self) -> BookingState {
        self.0.state.into()
    }

    /// What you may do now.
    async fn available_actions(&self, ctx: &Context<'_>) -> Result<Vec<BookingAction>> {
        let mut actions = domain::actions(ctx.app(), ctx.viewer(), &self.0).map_err(shown)?;
        if let Some(direction) = domain_reviews::may_review(ctx.app(), ctx.viewer(), &self.0).map_err(shown)?
            && self.review(ctx, direction).await?.is_none()
        {
            actions.push(state::Action::Review);
        }
        Ok(actions.into_iter().map(Into::into).collect())
    }

    /// When the current state ends by itself; null when it does not.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// The guest may arrive from this instant on.
    async fn check_in_at(&self) -> DateTime {
        DateTime(self.0.check_in_at)
    }

    /// The guest must have left by this instant.
    async fn check_out_at(&self) -> DateTime {
        DateTime(self.0.check_out_at)
    }

    /// The zone of the listing's clock, as it was when this was booked.
    async fn time_zone(&self) -> TimeZone {
        TimeZone(self.0.time_zone.clone())
    }

    /// What the stay costs, as it was promised.
    async fn price(&self, ctx: &Context<'_>) -> Result<PriceBreakdown> {
        let price = self.0.quote().map_err(shown)?.price;
        Ok(PriceBreakdown { price, for_host: is_hosts(ctx.viewer(), self.0.host_id) })
    }

    /// What a cancellation costs, as it was promised.
    async fn policy(&self) -> Result<CancellationPolicy> {
        Ok(self.0.quote().map_err(shown)?.policy.into())
    }

    /// The promise it came of.
    async fn quote(&self, ctx: &Context<'_>) -> Result<Quote> {
        let quote = self.0.quote().map_err(shown)?;
        let token = domain::sign(ctx.app(), &quote).map_err(shown)?;
        Ok(Quote { quote, token })
    }

    /// What became of it when it was cancelled, or what would become of it if you cancelled now; null when you cannot.
    async fn cancellation(&self, ctx: &Context<'_>) -> Option<Result<CancellationPreview>> {
        let currency = match self.currency() {
            Ok(currency) => currency,
            Err(error) => return Some(Err(error)),
        };
        let preview = domain::preview(ctx.app(), ctx.viewer(), &self.0).map_err(shown).transpose()?;
        Some(preview.map(|cancellation| CancellationPreview { cancellation, currency }))
    }

    /// What the guest gets back, step by step over time.
    async fn cancellation_schedule(&self, ctx: &Context<'_>) -> Result<Vec<CancellationTier>> {
        let currency = self.currency()?;
        let tiers = self.0.tiers(ctx.app()).map_err(shown)?;
        Ok(tiers.into_iter().map(|tier| CancellationTier::of(tier, currency)).collect())
    }

    /// A word from the guest to the host; null when there is none.
    async fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// When the guest means to arrive; null when they did not say.
    async fn expected_arrival(&self) -> Option<LocalTime> {
        self.0.expected_arrival.map(LocalTime)
    }

    /// What the guest pays; the host sees what moved, not how. Null when there is nothing to pay.
    async fn payment(&self, ctx: &Context<'_>) -> Option<Result<Payment>> {
        let loaded = ctx.load(PaymentKey(self.0.id)).await;
        let for_guest = ctx.viewer().is(self.0.guest_id) || ctx.viewer().is_staff();
        loaded.map(|rows| rows.and_then(|rows| Payment::of(rows, for_guest))).transpose()
    }

    /// What its host is paid, the first instalment first; for the host and staff.
    async fn payouts(&self, ctx: &Context<'_>) -> Result<Vec<Payout>> {
        let rows = ctx.load(PayoutsKey(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(Payout::of).collect())
    }

    /// Every movement of its money, oldest first; for staff.
    async fn ledger(&self, ctx: &Context<'_>) -> Result<Vec<LedgerTransaction>> {
        let rows = ctx.load(LedgerKey(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(LedgerTransaction::of).collect())
    }

    /// Changes of the stay that were asked for, latest first.
    #[graphql(directive = cost::apply(2))]
    async fn alterations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Start after this cursor.")] after: Option<String>,
    ) -> Result<BookingAlterationConnection> {
        let booking = self.0.id;
        let request = page(first, after, None, None)?;
        let found = domain::alterations::page(ctx.app(), booking, request).await.map_err(shown)?;
        Ok(BookingAlterationConnection {
            page: found.map(BookingAlteration::of),
            total: count(move |app, _| async move { domain::alterations::page_count(&app, booking).await }),
        })
    }

    /// The steps it took, latest first.
    #[graphql(directive = cost::apply(2))]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Start after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take so many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
    ) -> Result<BookingEventConnection> {
        let booking = self.0.id;
        let found = domain::events(ctx.app(), booking, page(first, after, last, before)?).await.map_err(shown)?;
        Ok(BookingEventConnection {
            page: found.map(|row| BookingEvent(Arc::new(row))),
            total: count(move |app, _| async move { domain::events_count(&app, booking).await }),
        })
    }

    /// The guest's review of the listing; null until there is one that you may see.
    async fn guest_review(&self, ctx: &Context<'_>) -> Option<Result<Review>> {
        self.review(ctx, Direction::GuestToListing).await.transpose()
    }

    /// The host's review of the guest; null until there is one that you may see.
    async fn host_review(&self, ctx: &Context<'_>) -> Option<Result<Review>> {
        self.review(ctx, Direction::HostToGuest).await.transpose()
    }

    /// When both sides may review each other; null while the stay is not over.
    async fn review_window(&self) -> Option<Result<ReviewWindow>> {
        let window = domain_reviews::window(&self.0).map_err(shown).transpose()?;
        Some(window.map(Into::into))
    }

    /// When it was booked.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it last took a step.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

impl From<domain_reviews::Window> for ReviewWindow {
    fn from(window: domain_reviews::Window) -> Self {
        ReviewWindow { opens_at: DateTime(window.opens_at), closes_at: DateTime(window.closes_at) }
    }
}
