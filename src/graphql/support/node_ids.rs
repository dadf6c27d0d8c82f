//! Everything with an id, by its id.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Result};

use super::context::Ask;
use super::errors::shown;
use super::loaders::{AlterationKey, BookingKey, ListingKey, NotificationKey, PayoutKey, ReviewKey, UserKey};
use crate::domain::error::{Code, Error};
use crate::domain::{bookings, listings, payments};
use crate::graphql::types::alterations::BookingAlteration;
use crate::graphql::types::booking_events::BookingEvent;
use crate::graphql::types::bookings::Booking;
use crate::graphql::types::listings::Listing;
use crate::graphql::types::notifications::Notification;
use crate::graphql::types::payments::{Payment, PaymentAttempt, Refund};
use crate::graphql::types::payouts::{LedgerTransaction, Payout};
use crate::graphql::types::quotes::Quote;
use crate::graphql::types::reviews::Review;
use crate::graphql::types::users;
use crate::graphql::types::users::{Session, User, Viewer};
use crate::kernel::id::{Id, Kind};

/// Anything with an id.
#[derive(Interface)]
#[expect(clippy::large_enum_variant, reason = "one is made for each id asked for, and read at once")]
#[graphql(field(name = "id", ty = "ID", desc = "The id."))]
pub enum Node {
    /// A person.
    User(User),
    /// You.
    Viewer(Viewer),
    /// One of your sign-ins.
    Session(Session),
    /// A place.
    Listing(Listing),
    /// A price promise that was booked.
    Quote(Quote),
    /// A booking of yours.
    Booking(Booking),
    /// A step of a booking of yours.
    BookingEvent(BookingEvent),
    /// A payment of yours.
    Payment(Payment),
    /// A try at moving a payment of yours.
    PaymentAttempt(PaymentAttempt),
    /// A refund of yours.
    Refund(Refund),
    /// A payout of yours.
    Payout(Payout),
    /// A movement of money, for staff.
    LedgerTransaction(LedgerTransaction),
    /// A change of a booking of yours.
    BookingAlteration(BookingAlteration),
    /// A review.
    Review(Review),
    /// Something that you were told.
    Notification(Notification),
}

/// The thing with this id, if the viewer may know of it.
pub(in crate::graphql) async fn node(ctx: &Context<'_>, id: &ID, field: &[&str]) -> Result<Option<Node>> {
    let id = Id::parse(id).ok_or_else(|| shown(Error::refused(Code::Invalid, field, "is not an id")))?;
    let uuid = id.uuid;
    let (app, viewer) = (ctx.app(), ctx.viewer());
    Ok(match id.kind {
        Kind::User => ctx.load(UserKey(uuid)).await?.map(User::of).map(Node::User),
        Kind::Viewer => users::viewer(ctx).await?.filter(|viewer| viewer.0.id == uuid).map(Node::Viewer),
        Kind::Session => Session::find(ctx, uuid).await.map_err(shown)?.map(Node::Session),
        Kind::Listing => {
            let found = ctx.load(ListingKey(uuid)).await?;
            found.filter(|listing| listings::may_see(viewer, listing)).map(Listing::of).map(Node::Listing)
        }
        Kind::Booking => ctx.load(BookingKey(uuid)).await?.map(Booking::of).map(Node::Booking),
        Kind::BookingEvent => {
            let event = bookings::event_by_id(app, viewer, uuid).await.map_err(shown)?;
            event.map(|row| Node::BookingEvent(BookingEvent(Arc::new(row))))
        }
        Kind::Quote => {
            let quote = bookings::booked_quote(app, viewer, uuid).await.map_err(shown)?;
            match quote {
                Some(quote) => {
                    let token = bookings::sign(app, &quote).map_err(shown)?;
                    Some(Node::Quote(Quote { quote, token }))
                }
                None => None,
            }
        }
        Kind::Payment => payment(ctx, uuid).await?.map(Node::Payment),
        Kind::PaymentAttempt => {
            let Some(row) = payments::attempt_by_id(app, uuid).await.map_err(shown)? else { return Ok(None) };
            let seen = payment(ctx, row.payment_id).await?.is_some_and(|payment| payment.for_guest);
            seen.then(|| Node::PaymentAttempt(PaymentAttempt(Arc::new(row))))
        }
        Kind::Refund => {
            let Some(row) = payments::refund_by_id(app, uuid).await.map_err(shown)? else { return Ok(None) };
            let Some(payment) = payment(ctx, row.payment_id).await? else { return Ok(None) };
            let currency = payment.row.currency.parse().map_err(|error| shown(Error::failed(error)))?;
            Some(Node::Refund(Refund { row: Arc::new(row), currency }))
        }
        Kind::Payout => ctx.load(PayoutKey(uuid)).await?.map(Payout::of).map(Node::Payout),
        Kind::LedgerTransaction => {
            let found = payments::transaction_by_id(app, viewer, uuid).await.map_err(shown)?;
            found.map(LedgerTransaction::of).map(Node::LedgerTransaction)
        }
        Kind::BookingAlteration => {
            ctx.load(AlterationKey(uuid)).await?.map(BookingAlteration::of).map(Node::BookingAlteration)
        }
        Kind::Review => ctx.load(ReviewKey(uuid)).await?.map(Review::of).map(Node::Review),
        Kind::Notification => ctx.load(NotificationKey(uuid)).await?.map(Notification::of).map(Node::Notification),
        Kind::Season | Kind::TaxRule | Kind::Job => None,
    })
}

/// A payment whose booking the viewer may know of.
async fn payment(ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<Payment>> {
    let Some(row) = payments::by_id(ctx.app(), id).await.map_err(shown)? else { return Ok(None) };
    let Some(booking) = ctx.load(BookingKey(row.booking_id)).await? else { return Ok(None) };
    let for_guest = ctx.viewer().is(booking.guest_id) || ctx.viewer().is_staff();
    Ok(Payment::of(vec![row], for_guest))
}
