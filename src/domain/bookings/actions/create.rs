//! Turning a quote into a booking: reserve in one transaction, then ask the processor, then record.

use chrono::{NaiveTime, TimeDelta};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ConnectionTrait};
use uuid::Uuid;

use crate::domain::bookings::lifecycle::progress::{ADVANCE, SAFETY_NET};
use crate::domain::bookings::lifecycle::state::{Actor, BookingState, Mode};
use crate::domain::bookings::lifecycle::transition::{By, note};
use crate::domain::bookings::quotes::quote::{Quote, consumed, read_quote, refusals, sign};
use crate::domain::bookings::replay::pay;
use crate::domain::bookings::{Booking, QuoteOutcome, table};
use crate::domain::error::{Code, Detail, Error, Refusal, Refusals};
use crate::domain::listings::availability::stay_check::StayRule;
use crate::domain::listings::{self, StayRequest};
use crate::domain::payments::status::PaymentState;
use crate::domain::payments::{self, Charge};
use crate::domain::viewer::{SignedIn, Viewer};
use crate::kernel::money::Money;
use crate::platform::database::is_duplicate;
use crate::platform::queue::{NewJob, enqueue};
use crate::platform::{App, fail_point};

/// How long nights are held while the guest pays.
pub(in crate::domain::bookings) const HOLD: TimeDelta = TimeDelta::minutes(15);
const LONGEST_MESSAGE: usize = 2_000;
const LONGEST_METHOD: usize = 200;
const CODE_LETTERS: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
const CODE_LENGTH: usize = 10;

/// What a guest says who books.
#[derive(Clone, Debug)]
pub struct NewBooking {
    /// The signed quote.
    pub quote_token: String,
    /// The processor's token for the card.
    pub method: String,
    /// A word to the host.
    pub message: Option<String>,
    /// When the guest means to arrive, by the listing's clock.
    pub expected_arrival: Option<NaiveTime>,
}

/// Books what a quote promises. A declined card is a refusal, and the same quote may be tried with another card.
pub async fn create(app: &App, viewer: &Viewer, request: NewBooking) -> Result<Booking, Error> {
    let guest = viewer.require_user()?;
    let mut checks = Refusals::default();
    let method = checks.text(&["booking", "paymentMethodToken"], &request.method, LONGEST_METHOD);
    let message = request.message.map(|text| checks.text_or_empty(&["booking", "message"], &text, LONGEST_MESSAGE));
    checks.finish()?;
    let quote = read_quote(app, viewer, &request.quote_token).filter(|quote| quote.guest_id == guest.user_id);
    let quote = quote.ok_or_else(|| {
        Error::refused(Code::Invalid, &["quoteToken"], "is not a quote that was made for you; ask for a new one")
    })?;
    if quote.expires_at <= app.clock.now() {
        return Err(expired(app, viewer, &quote).await?);
    }
    let booking = match reserve(app, viewer, guest, &quote, method, message, request.expected_arrival).await? {
        Reserved::Booking(booking) => *booking,
        Reserved::NightsTaken => {
            return Err(listings::nights_unavailable(app, quote.listing_id, quote.stay, &["quoteToken"]).await?.into());
        }
    };
    pay(app, booking, &["booking", "paymentMethodToken"]).await
}

/// The refusal of a card, with the processor's reason.
pub(in crate::domain::bookings) async fn declined(app: &App, booking_id: Uuid, field: &[&str]) -> Result<Error, Error> {
    let payment = payments::of_booking(app.db.read(), booking_id).await?;
    let message = match payment.decline_code.filter(|_| payment.state == PaymentState::Failed) {
        Some(reason) => format!("the card was declined: {reason}"),
        None => "the payment was not completed in time; there is no booking and nothing was charged".to_owned(),
    };
    Ok(Error::refused(Code::PaymentDeclined, field, message))
}

/// The refusal of an old quote, with a fresh one for the same stay when it can still be booked.
async fn expired(app: &App, viewer: &Viewer, old: &Quote) -> Result<Error, Error> {
    let refusal = Refusal::at(Code::QuoteExpired, &["quoteToken"], "the quote has expired");
    let fresh = crate::domain::bookings::quote(app, viewer, old.listing_id, request_of(old)).await;
    Ok(match fresh {
        Ok(QuoteOutcome { quote: Some(quote), .. }) => refusal.with(Detail::FreshQuote(sign(app, &quote)?)).into(),
        Ok(_) | Err(Error::Refused(_)) => refusal.into(),
        Err(failed) => failed,
    })
}

fn request_of(quote: &Quote) -> StayRequest {
    StayRequest {
        check_in: quote.stay.check_in(),
        check_out: quote.stay.check_out(),
        guests: quote.price.guests,
        non_refundable: quote.price.non_refundable.is_some(),
    }
}

enum Reserved {
    Booking(Box<Booking>),
    NightsTaken,
}

/// Claims the nights and writes booking, payment, event and jobs down; all of it or nothing.
async fn reserve(
    app: &App,
    viewer: &Viewer,
    guest: SignedIn,
    quote: &Quote,
    method: String,
    message: Option<String>,
    expected_arrival: Option<NaiveTime>,
) -> Result<Reserved, Error> {
    let now = app.clock.now();
    let txn = app.db.begin_write().await?;
    // The key before all else: the same request sent again waits here for what becomes of the first, and is not told
    // that the nights are taken while the first is about to take them.
    let id = app.clock.id();
    app.once.spend(&txn, &[id]).await?;
    fail_point::reach("create.checking").await;
    if consumed(&txn, quote.id).await?.is_some() {
        return Err(used_up());
    }
    let found = listings::facts_for_booking(app, &txn, viewer, quote.listing_id, &request_of(quote)).await?;
    let (listing, mut answer) = found.ok_or_else(|| Error::not_found(&["quoteToken"]))?;
    // What the host changed since the quote does not matter: it promised this stay at this price. What no promise can
    // change is the calendar, the listing being on the market, and who is asking.
    answer.violations.retain(|violation| {
        matches!(
            violation.rule,
            StayRule::ListingNotPublished
                | StayRule::InThePast
                | StayRule::OwnListing
                | StayRule::NightsTaken
                | StayRule::Preparation
        )
    });
    Error::from_refusals(refusals(&answer.violations, &["quoteToken"]))?;

    let expires_at = now + HOLD;
    let row = row(app, guest.user_id, &listing, quote)?;
    let row = table::booking::ActiveModel {
        id: Set(id),
        message: Set(message.filter(|text| !text.is_empty())),
        expected_arrival: Set(expected_arrival),
        expires_at: Set(Some(expires_at)),
        ..row
    };
    fail_point::reach("create.booking").await;
    let booking = match row.insert(&txn).await {
        Ok(booking) => booking,
        Err(error) if is_duplicate(&error) => return Err(used_up()),
        Err(error) => return Err(error.into()),
    };
    let preparation = u32::try_from(listing.preparation_nights).unwrap_or(0);
    fail_point::reach("create.claiming").await;
    if booking.holds_nights
        && !listings::claim_for_booking(&txn, listing.id, booking.id, quote.stay, preparation, now, expires_at).await?
    {
        return Ok(Reserved::NightsTaken);
    }
    let charge = Charge {
        booking_id: booking.id,
        alteration_id: None,
        host_id: booking.host_id,
        amount: Money::new(quote.price.total, quote.price.currency),
        shares: quote.shares(),
        method,
    };
    fail_point::reach("create.charging").await;
    payments::open(app, &txn, charge).await?;
    let by = By { actor: Actor::Guest, user_id: Some(guest.user_id) };
    fail_point::reach("create.noting").await;
    note(app, &txn, &booking, None, BookingState::PendingPayment, by, "create", None).await?;
    fail_point::reach("create.queueing").await;
    look_at(app, &txn, booking.id, &[now + SAFETY_NET, expires_at]).await?;
    fail_point::reach("create.reserving").await;
    txn.commit().await?;
    fail_point::reach("create.reserved").await;
    Ok(Reserved::Booking(Box::new(booking)))
}

async fn look_at(
    app: &App,
    txn: &impl ConnectionTrait,
    id: Uuid,
    times: &[chrono::DateTime<chrono::Utc>],
) -> Result<(), Error> {
    for at in times {
        enqueue(txn, &app.clock, NewJob::about(ADVANCE, id, *at)).await?;
    }
    Ok(())
}

fn used_up() -> Error {
    Error::refused(Code::QuoteConsumed, &["quoteToken"], "this quote was booked already; ask for a new one")
}

fn row(
    app: &App,
    guest_id: Uuid,
    listing: &listings::Listing,
    quote: &Quote,
) -> Result<table::booking::ActiveModel, Error> {
    let now = app.clock.now();
    let guests = quote.price.guests;
    Ok(table::booking::ActiveModel {
        id: NotSet,
        code: Set(code(app)),
        version: Set(1),
        listing_id: Set(listing.id),
        guest_id: Set(guest_id),
        host_id: Set(listing.host_id),
        quote_id: Set(quote.id),
        state: Set(BookingState::PendingPayment),
        mode: Set(quote.mode),
        check_in: Set(quote.stay.check_in()),
        check_out: Set(quote.stay.check_out()),
        adults: Set(guests.adults),
        children: Set(guests.children),
        infants: Set(guests.infants),
        pets: Set(guests.pets),
        preparation_nights: Set(listing.preparation_nights),
        time_zone: Set(quote.zone.name().to_owned()),
        check_in_time: Set(quote.check_in_time),
        check_out_time: Set(quote.check_out_time),
        check_in_at: Set(quote.check_in_at()),
        check_out_at: Set(quote.check_out_at()),
        currency: Set(quote.price.currency.code().to_owned()),
        total_minor: Set(quote.price.total),
        quote: Set(serde_json::to_value(quote).map_err(Error::failed)?),
        message: Set(None),
        expected_arrival: Set(None),
        expires_at: Set(None),
        confirmed_at: Set(None),
        cancellation: Set(None),
        refunded_minor: Set(0),
        seen_at: Set(None),
        ended_at: Set(None),
        holds_nights: Set(quote.mode == Mode::Instant || app.config.request_blocks_calendar),
        created_at: Set(now),
        updated_at: Set(now),
    })
}

/// A code that people can read to each other: no 0, 1, I, L or O.
fn code(app: &App) -> String {
    let random: [u8; CODE_LENGTH] = app.clock.random();
    random
        .iter()
        .filter_map(|&byte| CODE_LETTERS.get(usize::from(byte) % CODE_LETTERS.len()))
        .map(|&b| char::from(b))
        .collect()
}
