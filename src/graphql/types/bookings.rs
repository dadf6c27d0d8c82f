//! Bookings, as types of the schema.

use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, Object, Result};

use super::alterations::BookingAlteration;
use super::booking_events::BookingEvent;
use super::cancellations::{BookingDecline, Cancellation, CancellationPreview};
use super::connections::{BookingAlterationConnection, BookingEventConnection};
use super::listings::{CancellationPolicy, Listing};
use super::payments::Payment;
use super::payouts::{LedgerTransaction, Payout};
use super::prices::PriceBreakdown;
use super::quotes::CancellationTier;
use super::reviews::{Review, ReviewWindow};
use super::stays::{DateRange, GuestCount, is_host_or_staff};
use super::users::User;
use crate::domain::bookings as domain;
use crate::domain::bookings::{allowed_actions, state};
use crate::domain::error::Error;
use crate::domain::reviews::{self as domain_reviews, Direction};
use crate::graphql::support::connection::{count_batched, empty_page, page_request};
use crate::graphql::support::context::{RequestContext, global_id};
use crate::graphql::support::cost_directive::cost;
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::loaders::{
    AlterationCountKey, AlterationsKey, BookingReviewKey, DeclineKey, EventCountKey, EventsKey, LedgerKey, ListingKey,
    PaymentKey, PayoutsKey, PendingAlterationKey, UserKey,
};
use crate::graphql::support::money::stored_currency;
use crate::graphql::support::scalars::{DateTime, LocalTime, TimeZone};
use crate::kernel::guests::Guests;
use crate::kernel::id::Kind;
use crate::kernel::money::Currency;

/// State of a booking.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "state::BookingState")]
pub enum BookingState {
    /// The guest is paying. The nights are on hold for 15 minutes, except those of a request if the server lets several
    /// guests request the same nights.
    PendingPayment,
    /// The payment is authorized and the host has not responded. Nothing is charged yet.
    Requested,
    /// The booking is agreed and its nights are reserved. The charge follows at once; `payment.state` says whether it
    /// succeeded.
    Confirmed,
    /// The guest or the host reported the arrival, or the check-in time has passed.
    CheckedIn,
    /// The guest or the host reported the departure, or the check-out time has passed.
    Completed,
    /// The payment failed, was not completed in time, or another booking took the nights. The nights are released; what
    /// was charged is refunded.
    PaymentExpired,
    /// The guest withdrew the request before the host responded. Nothing is charged.
    Withdrawn,
    /// The host declined the request, or another booking got the nights. Nothing is charged.
    Declined,
    /// The host did not respond to the request in time. Nothing is charged.
    RequestExpired,
    /// The guest cancelled the booking after it was confirmed, before or after check-in.
    CancelledByGuest,
    /// The host cancelled the booking after it was confirmed, before or after check-in.
    CancelledByHost,
    /// Staff cancelled the booking, before or after check-in, or its charge failed after confirmation.
    CancelledByPlatform,
    /// The host reported that the guest did not arrive.
    NoShow,
}

impl BookingState {
    /// The value with this name of the schema, if there is one.
    pub(in crate::graphql) fn parse(name: &str) -> Option<BookingState> {
        state::BookingState::parse(name).map(Into::into)
    }
}

/// Something that the viewer can do with a booking in its current state.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "allowed_actions::Action")]
pub enum BookingAction {
    /// The guest can call `bookingPaymentConfirm`.
    ConfirmPayment,
    /// The guest can call `bookingWithdraw`.
    Withdraw,
    /// The host can call `bookingAccept`.
    Accept,
    /// The host can call `bookingDecline`.
    Decline,
    /// The guest, the host or staff can call `bookingCancel`.
    Cancel,
    /// The guest or the host can call `bookingAlterationRequest`.
    RequestAlteration,
    /// The host can call `bookingNoShowReport`.
    ReportNoShow,
    /// The guest or the host can call `bookingCheckIn`.
    CheckIn,
    /// The guest or the host can call `bookingCheckOut`.
    CheckOut,
    /// The guest or the host can call `reviewSubmit`.
    Review,
}

impl BookingAction {
    /// The value with this name of the schema, if there is one.
    pub(in crate::graphql) fn parse(name: &str) -> Option<BookingAction> {
        use allowed_actions::Action;
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
        .find(|action| action.as_str() == name)
        .map(Into::into)
    }
}

/// A stay booked by a guest at a host's listing. Visible to its guest, its host and staff.
#[derive(Clone, Description)]
pub struct Booking(pub Arc<domain::Booking>);

impl From<domain::Booking> for Booking {
    fn from(row: domain::Booking) -> Booking {
        Booking(Arc::new(row))
    }
}

impl Booking {
    fn currency(&self) -> Result<Currency> {
        stored_currency(&self.0.currency).map_err(to_graphql_error)
    }

    async fn review(&self, ctx: &Context<'_>, direction: Direction) -> Result<Option<Review>> {
        Ok(ctx.load(BookingReviewKey(self.0.id, direction)).await?.map(Review::from))
    }
}

async fn load_user(ctx: &Context<'_>, id: uuid::Uuid) -> Result<User> {
    let user = ctx.load(UserKey(id)).await?;
    user.map(User::from).ok_or_else(|| to_graphql_error(Error::failed("the guest or host of a booking does not exist")))
}

#[Object(use_type_description)]
impl Booking {
    /// Global ID of the booking, prefixed `bkg_`.
    pub async fn id(&self) -> ID {
        global_id(Kind::Booking, self.0.id)
    }

    /// Code of 10 letters and digits for use in conversations, without 0, 1, I, L and O. It never changes.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// Number that increases with every event of the booking. Use it to order two versions of the booking.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// The listing that is booked.
    async fn listing(&self, ctx: &Context<'_>) -> Result<Listing> {
        let listing = ctx.load(ListingKey(self.0.listing_id)).await?;
        listing
            .map(Listing::from)
            .ok_or_else(|| to_graphql_error(Error::failed("the listing of a booking does not exist")))
    }

    /// The user who booked and pays.
    async fn guest(&self, ctx: &Context<'_>) -> Result<User> {
        load_user(ctx, self.0.guest_id).await
    }

    /// The user whose listing is booked.
    async fn host(&self, ctx: &Context<'_>) -> Result<User> {
        load_user(ctx, self.0.host_id).await
    }

    /// The booked nights. An accepted change of the booking replaces them.
    async fn stay(&self) -> Result<DateRange> {
        Ok(DateRange::from(self.0.stay().map_err(to_graphql_error)?))
    }

    /// Number of guests, by age group.
    async fn guests(&self) -> GuestCount {
        let row = &self.0;
        Guests { adults: row.adults, children: row.children, infants: row.infants, pets: row.pets }.into()
    }

    /// Current state of the booking.
    async fn state(&self) -> BookingState {
        self.0.state.into()
    }

    /// The actions that the viewer can take now. Empty if there are none.
    async fn available_actions(&self, ctx: &Context<'_>) -> Result<Vec<BookingAction>> {
        let mut actions = domain::allowed_actions(ctx.app(), ctx.viewer(), &self.0).map_err(to_graphql_error)?;
        if let Some(direction) =
            domain_reviews::may_review(ctx.app(), ctx.viewer(), &self.0).map_err(to_graphql_error)?
            && self.review(ctx, direction).await?.is_none()
        {
            actions.push(allowed_actions::Action::Review);
        }
        Ok(actions.into_iter().map(Into::into).collect())
    }

    /// Deadline of the current state. For PENDING_PAYMENT, the end of the hold; for REQUESTED, the time by which the
    /// host must respond, at most 24 hours after the request. Null for all other states.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// Earliest arrival as an instant: the check-in time of the listing on the date of arrival.
    async fn check_in_at(&self) -> DateTime {
        DateTime(self.0.check_in_at)
    }

    /// Latest departure as an instant: the check-out time of the listing on the date of departure.
    async fn check_out_at(&self) -> DateTime {
        DateTime(self.0.check_out_at)
    }

    /// Time zone of the listing at the time of booking. All dates and local times of the booking are in this zone.
    async fn time_zone(&self) -> TimeZone {
        TimeZone(self.0.time_zone.clone())
    }

    /// The agreed price. An accepted change of the booking replaces it.
    async fn price(&self, ctx: &Context<'_>) -> Result<PriceBreakdown> {
        let price = self.0.quote().map_err(to_graphql_error)?.price;
        Ok(PriceBreakdown { price, for_host: is_host_or_staff(ctx.viewer(), self.0.host_id) })
    }

    /// The agreed cancellation policy. Later changes of the listing do not affect it.
    async fn policy(&self) -> Result<CancellationPolicy> {
        Ok(self.0.quote().map_err(to_graphql_error)?.policy.into())
    }

    /// How the request was declined. Null unless the booking is DECLINED.
    async fn decline(&self, ctx: &Context<'_>) -> Result<Option<BookingDecline>> {
        if self.0.state != state::BookingState::Declined {
            return Ok(None);
        }
        Ok(ctx.load(DeclineKey(self.0.id)).await?.map(|event| BookingDecline { event }))
    }

    /// How the booking was cancelled. Null unless it was cancelled or is NO_SHOW.
    async fn cancellation(&self, ctx: &Context<'_>) -> Result<Option<Cancellation>> {
        let Some(cancellation) = domain::Cancellation::of(&self.0).map_err(to_graphql_error)? else { return Ok(None) };
        let for_host = is_host_or_staff(ctx.viewer(), self.0.host_id);
        Ok(Some(Cancellation { cancellation, currency: self.currency()?, for_host }))
    }

    /// How the money would be settled if the viewer cancelled now. Null if the viewer cannot cancel.
    async fn cancellation_preview(&self, ctx: &Context<'_>) -> Result<Option<CancellationPreview>> {
        let preview = domain::preview_cancellation(ctx.app(), ctx.viewer(), &self.0).map_err(to_graphql_error)?;
        let Some(cancellation) = preview else { return Ok(None) };
        Ok(Some(CancellationPreview { cancellation, currency: self.currency()? }))
    }

    /// Refund for a cancellation by the guest, by deadline, earliest first. Deadlines in the past are left out.
    async fn cancellation_schedule(&self, ctx: &Context<'_>) -> Result<Vec<CancellationTier>> {
        let currency = self.currency()?;
        let tiers = self.0.cancellation_tiers(ctx.app()).map_err(to_graphql_error)?;
        Ok(tiers.into_iter().map(|tier| CancellationTier::new(tier, currency)).collect())
    }

    /// Message of the guest to the host, written with the booking. Null if the guest wrote none.
    async fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// Local time at which the guest expects to arrive. Null if the guest gave none.
    async fn expected_arrival(&self) -> Option<LocalTime> {
        self.0.expected_arrival.map(LocalTime)
    }

    /// The payment of the guest, including payments for changes of the stay. The host sees the amounts, but no card
    /// details. Null if nothing has to be paid.
    async fn payment(&self, ctx: &Context<'_>) -> Option<Result<Payment>> {
        let loaded = ctx.load(PaymentKey(self.0.id)).await;
        let for_guest = ctx.viewer().is(self.0.guest_id) || ctx.viewer().is_staff();
        loaded.map(|rows| rows.and_then(|rows| Payment::combine(rows, for_guest))).transpose()
    }

    /// Payouts to the host, first installment first. A stay has at most 13 installments. Empty for the guest.
    async fn payouts(&self, ctx: &Context<'_>) -> Result<Vec<Payout>> {
        let rows = ctx.load(PayoutsKey(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(Payout::from).collect())
    }

    /// Ledger transactions of the booking, oldest first. Empty unless the viewer is staff.
    async fn ledger(&self, ctx: &Context<'_>) -> Result<Vec<LedgerTransaction>> {
        let rows = ctx.load(LedgerKey(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(LedgerTransaction::from).collect())
    }

    /// The requested change of the stay that is PENDING. Null if there is none; a booking has at most one.
    async fn pending_alteration(&self, ctx: &Context<'_>) -> Option<Result<BookingAlteration>> {
        let found = ctx.load(PendingAlterationKey(self.0.id)).await;
        found.map(|row| row.map(BookingAlteration::from)).transpose()
    }

    /// Requested changes of the stay, newest first.
    #[graphql(directive = cost::apply(2))]
    async fn alterations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start, 0 to 100. Default: 20, unless `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor. If absent, from the first item.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end, 0 to 100. Refused with `first`. If absent, `first` applies.")]
        last: Option<i32>,
        #[graphql(desc = "Only items before this cursor. If absent, up to the last item.")] before: Option<String>,
    ) -> Result<BookingAlterationConnection> {
        let request = page_request("Booking.alterations", first, after, last, before)?;
        let found = ctx.load(AlterationsKey(self.0.id, request)).await?.unwrap_or_else(empty_page);
        Ok(BookingAlterationConnection {
            page: found.map(BookingAlteration::from),
            total: count_batched(AlterationCountKey(self.0.id)),
        })
    }

    /// Events of the booking, newest first.
    #[graphql(directive = cost::apply(2))]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start, 0 to 100. Default: 20, unless `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor. If absent, from the first item.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end, 0 to 100. Refused with `first`. If absent, `first` applies.")]
        last: Option<i32>,
        #[graphql(desc = "Only items before this cursor. If absent, up to the last item.")] before: Option<String>,
    ) -> Result<BookingEventConnection> {
        let request = page_request("Booking.events", first, after, last, before)?;
        let found = ctx.load(EventsKey(self.0.id, request)).await?.unwrap_or_else(empty_page);
        Ok(BookingEventConnection {
            page: found.map(BookingEvent::from),
            total: count_batched(EventCountKey(self.0.id)),
        })
    }

    /// The guest's review of the listing. Null if there is none or the viewer may not see it yet.
    async fn guest_review(&self, ctx: &Context<'_>) -> Option<Result<Review>> {
        self.review(ctx, Direction::GuestToListing).await.transpose()
    }

    /// The host's review of the guest. Null if there is none or the viewer may not see it yet.
    async fn host_review(&self, ctx: &Context<'_>) -> Option<Result<Review>> {
        self.review(ctx, Direction::HostToGuest).await.transpose()
    }

    /// Period in which both sides can review each other. Null if the stay has not ended, or if the booking was
    /// cancelled before the day of arrival.
    async fn review_window(&self) -> Option<Result<ReviewWindow>> {
        let window = domain_reviews::review_window(&self.0).map_err(to_graphql_error).transpose()?;
        Some(window.map(Into::into))
    }

    /// When the guest created the booking.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When the booking last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

impl From<domain_reviews::Window> for ReviewWindow {
    fn from(window: domain_reviews::Window) -> Self {
        ReviewWindow { opens_at: DateTime(window.opens_at), closes_at: DateTime(window.closes_at) }
    }
}
