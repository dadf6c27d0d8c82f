//! Creating a booking from a quote: one transaction reserves it, then the processor is asked to authorize the card.

use chrono::NaiveTime;
use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::{NotSet, Set};
use uuid::Uuid;

use crate::domain::bookings::deadlines::{FOLLOW_UP_DELAY, HOLD_TTL};
use crate::domain::bookings::event::{ActedBy, EventDetails, EventKind};
use crate::domain::bookings::lifecycle::advance_job::queue_advance;
use crate::domain::bookings::lifecycle::transition::{NewEvent, record_event};
use crate::domain::bookings::quotes::issue::{self, QuoteOutcome};
use crate::domain::bookings::quotes::quote::Quote;
use crate::domain::bookings::quotes::refusals::stay_refusals;
use crate::domain::bookings::quotes::token::{read_quote, sign_quote};
use crate::domain::bookings::quotes::usage::find_booking_of_quote;
use crate::domain::bookings::replay::finish_payment;
use crate::domain::bookings::state::{Actor, BookingState, Mode};
use crate::domain::bookings::{Booking, table};
use crate::domain::error::{Code, Detail, Error, Refusal, Refusals};
use crate::domain::limits::MAX_MESSAGE_CHARS;
use crate::domain::listings::availability::stay_check::StayRule;
use crate::domain::listings::{self, Listing, StayRequest};
use crate::domain::payments::{self, Charge, MAX_PAYMENT_METHOD_CHARS};
use crate::domain::viewer::{SignedIn, Viewer};
use crate::kernel::money::Money;
use crate::platform::database::is_duplicate;
use crate::platform::{App, fail_point};

/// Characters of a booking's code. Without 0, 1, I, L and O, which are easily confused when a code is read out.
const CODE_CHARS: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
const CODE_LENGTH: usize = 10;

/// A guest's request for a booking.
#[derive(Clone, Debug)]
pub struct NewBooking {
    /// The signed quote.
    pub quote_token: String,
    /// The processor's token for the payment method.
    pub method: String,
    /// A message to the host.
    pub message: Option<String>,
    /// When the guest expects to arrive, in the listing's time zone.
    pub expected_arrival: Option<NaiveTime>,
}

/// Books a quote. A declined card is a refusal, and the same quote can be tried with another card.
pub async fn create(app: &App, viewer: &Viewer, request: NewBooking) -> Result<Booking, Error> {
    let guest = viewer.require_user()?;
    let mut checks = Refusals::default();
    let method = checks.text(&["booking", "paymentMethodToken"], &request.method, MAX_PAYMENT_METHOD_CHARS);
    let message = request.message.as_deref();
    let message = message.map(|text| checks.text_or_empty(&["booking", "message"], text, MAX_MESSAGE_CHARS));
    checks.finish()?;
    let request = NewBooking { method, message: message.filter(|text| !text.is_empty()), ..request };
    let quote = read_quote(app, viewer, &request.quote_token).filter(|quote| quote.guest_id == guest.user_id);
    let quote = quote.ok_or_else(|| {
        Error::refused(Code::Invalid, &["quoteToken"], "is not a quote that was issued to you; ask for a new one")
    })?;
    if quote.expires_at <= app.clock.now() {
        return Err(expired(app, viewer, &quote).await?);
    }
    let booking = match reserve(app, viewer, guest, &quote, request).await? {
        Reserved::Booking(booking) => *booking,
        Reserved::NightsTaken => {
            return Err(listings::nights_unavailable(app, quote.listing_id, quote.stay, &["quoteToken"]).await?.into());
        }
    };
    finish_payment(app, booking, &["booking", "paymentMethodToken"]).await
}

/// The refusal of an expired quote. It contains a fresh quote for the same stay, if the stay can still be booked.
async fn expired(app: &App, viewer: &Viewer, old: &Quote) -> Result<Error, Error> {
    let refusal = Refusal::at(Code::QuoteExpired, &["quoteToken"], "the quote has expired");
    let fresh = issue::quote(app, viewer, old.listing_id, stay_request(old)).await;
    Ok(match fresh {
        Ok(QuoteOutcome { quote: Some(quote), .. }) => {
            refusal.with(Detail::FreshQuote(sign_quote(app, &quote)?)).into()
        }
        Ok(_) | Err(Error::Refused(_)) => refusal.into(),
        Err(failed) => failed,
    })
}

fn stay_request(quote: &Quote) -> StayRequest {
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

/// Claims the nights, and inserts booking, payment, event and jobs, in one transaction.
async fn reserve(
    app: &App,
    viewer: &Viewer,
    guest: SignedIn,
    quote: &Quote,
    request: NewBooking,
) -> Result<Reserved, Error> {
    let now = app.clock.now();
    let txn = app.db.begin_write().await?;
    // The idempotency key is recorded before everything else. The same request, sent again, waits here until the first
    // one is committed or rolled back. Otherwise it could find that the nights are claimed, by the first one.
    let id = app.clock.new_id();
    app.idempotency_key.record(&txn, &[id]).await?;
    fail_point::reach("create.checking").await;
    if find_booking_of_quote(&txn, quote.id).await?.is_some() {
        return Err(quote_consumed());
    }
    let found = listings::evaluate_for_booking(app, &txn, viewer, quote.listing_id, &stay_request(quote)).await?;
    let (listing, mut answer) = found.ok_or_else(|| Error::not_found(&["quoteToken"]))?;
    answer.violations.retain(|violation| overrides_quote(violation.rule));
    Error::from_refusals(stay_refusals(&answer.violations, &["quoteToken"]))?;

    let expires_at = now + HOLD_TTL;
    let row = table::booking::ActiveModel {
        id: Set(id),
        message: Set(request.message),
        expected_arrival: Set(request.expected_arrival),
        expires_at: Set(Some(expires_at)),
        ..new_row(app, guest.user_id, &listing, quote)?
    };
    fail_point::reach("create.booking").await;
    let booking = match row.insert(&txn).await {
        Ok(booking) => booking,
        Err(error) if is_duplicate(&error) => return Err(quote_consumed()),
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
        method: request.method,
    };
    fail_point::reach("create.charging").await;
    payments::open(app, &txn, charge).await?;
    let by = ActedBy { actor: Actor::Guest, user_id: Some(guest.user_id) };
    fail_point::reach("create.recording").await;
    let created = NewEvent { from: None, kind: EventKind::Create, by, details: EventDetails::default() };
    record_event(app, &txn, &booking, created).await?;
    fail_point::reach("create.queueing").await;
    queue_advance(app, &txn, booking.id, &[now + FOLLOW_UP_DELAY, expires_at]).await?;
    fail_point::reach("create.reserving").await;
    txn.commit().await?;
    fail_point::reach("create.reserved").await;
    Ok(Reserved::Booking(Box::new(booking)))
}

/// Whether a stay rule can refuse a valid quote. The quote overrides later changes by the host, except availability,
/// publication and the guest's own eligibility.
fn overrides_quote(rule: StayRule) -> bool {
    matches!(
        rule,
        StayRule::ListingNotPublished
            | StayRule::InThePast
            | StayRule::OwnListing
            | StayRule::NightsTaken
            | StayRule::Preparation
    )
}

fn quote_consumed() -> Error {
    let message = "a booking was already created from this quote; ask for a new one";
    Error::refused(Code::QuoteConsumed, &["quoteToken"], message)
}

fn new_row(app: &App, guest_id: Uuid, listing: &Listing, quote: &Quote) -> Result<table::booking::ActiveModel, Error> {
    let now = app.clock.now();
    let guests = quote.price.guests;
    Ok(table::booking::ActiveModel {
        id: NotSet,
        code: Set(random_code(app)),
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

/// A random code that people can read out to each other.
fn random_code(app: &App) -> String {
    let random: [u8; CODE_LENGTH] = app.clock.random();
    random
        .iter()
        .filter_map(|&byte| CODE_CHARS.get(usize::from(byte) % CODE_CHARS.len()))
        .map(|&byte| char::from(byte))
        .collect()
}
