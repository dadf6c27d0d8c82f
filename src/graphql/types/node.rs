//! The interface `Node`, and fetching an object by its global ID.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Result};

use super::alterations::BookingAlteration;
use super::booking_events::BookingEvent;
use super::bookings::Booking;
use super::listings::Listing;
use super::notifications::Notification;
use super::payments::{Payment, Refund};
use super::payouts::{LedgerTransaction, Payout};
use super::reviews::Review;
use super::users;
use super::users::{Session, User, Viewer};
use crate::domain::error::{Code, Error};
use crate::domain::listings;
use crate::graphql::support::context::RequestContext;
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::loaders::{
    AlterationKey, BookingKey, EventKey, ListingKey, NotificationKey, PaymentRowKey, PayoutKey, RefundKey, ReviewKey,
    SessionKey, TransactionKey, UserKey,
};
use crate::graphql::support::money::stored_currency;
use crate::kernel::id::{Id, Kind};

/// An object with a global ID, which `node` and `nodes` can fetch.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Global ID of the object. It never changes."))]
pub enum Node {
    /// The public profile of a user.
    User(User),
    /// The signed-in user.
    Viewer(Viewer),
    /// A session of the viewer.
    Session(Session),
    /// A listing that the viewer may see.
    Listing(Listing),
    /// A booking that the viewer may see.
    Booking(Booking),
    /// An event of such a booking.
    BookingEvent(BookingEvent),
    /// A payment of such a booking.
    Payment(Payment),
    /// A refund of such a payment.
    Refund(Refund),
    /// A payout that the viewer may see.
    Payout(Payout),
    /// A ledger transaction, for staff.
    LedgerTransaction(LedgerTransaction),
    /// A change of such a booking.
    BookingAlteration(BookingAlteration),
    /// A review that the viewer may see.
    Review(Review),
    /// A notification of the viewer.
    Notification(Notification),
}

/// Fetches the object with this ID. Nothing if it does not exist or the viewer may not see it.
pub(in crate::graphql) async fn fetch_node(ctx: &Context<'_>, id: &ID, field: &[&str]) -> Result<Option<Node>> {
    let id = Id::parse(id).ok_or_else(|| to_graphql_error(Error::refused(Code::Invalid, field, "is not an id")))?;
    let uuid = id.uuid;
    let viewer = ctx.viewer();
    Ok(match id.kind {
        Kind::User => ctx.load(UserKey(uuid)).await?.map(User::from).map(Node::User),
        Kind::Viewer => users::load_viewer(ctx).await?.filter(|viewer| viewer.0.id == uuid).map(Node::Viewer),
        Kind::Session => ctx.load(SessionKey(uuid)).await?.map(Session::from).map(Node::Session),
        Kind::Listing => {
            let found = ctx.load(ListingKey(uuid)).await?;
            found.filter(|listing| listings::may_see(viewer, listing)).map(Listing::from).map(Node::Listing)
        }
        Kind::Booking => ctx.load(BookingKey(uuid)).await?.map(Booking::from).map(Node::Booking),
        Kind::BookingEvent => ctx.load(EventKey(uuid)).await?.map(BookingEvent::from).map(Node::BookingEvent),
        Kind::Payment => load_payment(ctx, uuid).await?.map(Node::Payment),
        Kind::Refund => {
            let Some(row) = ctx.load(RefundKey(uuid)).await? else { return Ok(None) };
            let Some(payment) = load_payment(ctx, row.payment_id).await? else { return Ok(None) };
            let currency = stored_currency(&payment.row.currency).map_err(to_graphql_error)?;
            Some(Node::Refund(Refund { row: Arc::new(row), booking_id: payment.row.booking_id, currency }))
        }
        Kind::Payout => ctx.load(PayoutKey(uuid)).await?.map(Payout::from).map(Node::Payout),
        Kind::LedgerTransaction => {
            let found = ctx.load(TransactionKey(uuid)).await?;
            found.map(LedgerTransaction::from).map(Node::LedgerTransaction)
        }
        Kind::BookingAlteration => {
            ctx.load(AlterationKey(uuid)).await?.map(BookingAlteration::from).map(Node::BookingAlteration)
        }
        Kind::Review => ctx.load(ReviewKey(uuid)).await?.map(Review::from).map(Node::Review),
        Kind::Notification => ctx.load(NotificationKey(uuid)).await?.map(Notification::from).map(Node::Notification),
        Kind::PaymentAttempt | Kind::Season | Kind::TaxRule | Kind::Job => None,
    })
}

/// Loads a payment, if the viewer may see its booking.
async fn load_payment(ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<Payment>> {
    let Some(row) = ctx.load(PaymentRowKey(id)).await? else { return Ok(None) };
    let Some(booking) = ctx.load(BookingKey(row.booking_id)).await? else { return Ok(None) };
    let for_guest = ctx.viewer().is(booking.guest_id) || ctx.viewer().is_staff();
    Ok(Payment::combine(vec![row], for_guest))
}
