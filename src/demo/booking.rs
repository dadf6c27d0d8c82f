//! Finds an available listing for a planned trip and books it.

use chrono::{Datelike, NaiveDate, TimeDelta};
use uuid::Uuid;

use super::market::Market;
use super::messages;
use super::people::viewer;
use super::trips::{Outcome, Trip};
use crate::domain::bookings::{self, Booking, BookingFilter, BookingSide, BookingSort, NewBooking};
use crate::domain::error::{Code, Error};
use crate::domain::listings::enums::BookingMode;
use crate::domain::listings::{Listing, StayRequest};
use crate::domain::users::User;
use crate::domain::viewer::Viewer;
use crate::kernel::guests::Guests;
use crate::kernel::page::PageRequest;

/// How many listings are tried before a trip is dropped.
const MAX_ATTEMPTS: i64 = 60;
/// How many days a guest stays in one region before moving to the next.
const REGION_DAYS: i32 = 45;

/// The result of booking a trip.
#[derive(Default)]
pub(super) struct Booked {
    pub booking: Option<Booking>,
    /// The booking whose card was declined, if there is one.
    pub failed: Option<Uuid>,
}

/// Books a trip at the first listing that accepts it.
pub(super) async fn book(market: &mut Market, trip: &Trip, number: usize) -> Result<Booked, Error> {
    for attempt in 0..MAX_ATTEMPTS {
        let Some(listing) = candidate(market, trip, number) else { continue };
        let (arrival, nights) = dates(trip, &listing, attempt);
        let Some(guest) = traveller(market, trip, arrival, nights) else { continue };
        let who = viewer(&guest);
        let request = StayRequest {
            check_in: arrival,
            check_out: arrival + TimeDelta::days(nights),
            guests: party(market, &listing),
            non_refundable: listing.non_refundable_discount_ppm.is_some() && market.random.chance(15),
        };
        let quoted = bookings::quote(&market.app, &who, listing.id, request).await?;
        let Some(quote) = quoted.quote else { continue };
        market.travelling.entry(guest.id).or_default().push((request.check_in, request.check_out));
        return pay(market, trip, &who, listing.id, bookings::sign_quote(&market.app, &quote)?).await;
    }
    Ok(Booked::default())
}

async fn pay(market: &mut Market, trip: &Trip, guest: &Viewer, listing: Uuid, token: String) -> Result<Booked, Error> {
    let mut request = NewBooking {
        quote_token: token,
        method: trip.outcome.card(&mut market.random).to_owned(),
        message: messages::message(&mut market.random),
        expected_arrival: None,
    };
    // Sometimes the first card is declined and the second one works.
    let second = trip.outcome == Outcome::Completed && market.random.chance(5);
    let first = if second { NewBooking { method: "declined".into(), ..request.clone() } } else { request.clone() };
    let failed = match bookings::create(&market.app, guest, first).await {
        Ok(booking) => return Ok(Booked { booking: Some(booking), failed: None }),
        Err(Error::Refused(refusals)) if refusals.iter().all(|refusal| refusal.code == Code::PaymentDeclined) => {
            let newest = PageRequest { size: 1, ..PageRequest::first_page() };
            let there = BookingFilter { listing_ids: Some(vec![listing]), ..BookingFilter::default() };
            let (side, sort) = (BookingSide::Guest, BookingSort::CreatedDesc);
            let page = bookings::page_of_bookings(&market.app, guest, side, &there, sort, newest).await?;
            page.edges.into_iter().next().map(|(_, booking)| booking.id)
        }
        Err(error) => return Err(error),
    };
    if !second {
        return Ok(Booked { booking: None, failed });
    }
    request.message = None;
    let booking = bookings::create(&market.app, guest, request).await?;
    Ok(Booked { booking: Some(booking), failed })
}

/// A random listing that suits the trip. Every third trip to the first city goes to the named host.
fn candidate(market: &mut Market, trip: &Trip, number: usize) -> Option<Listing> {
    let own_host = market.number == 0 && number.is_multiple_of(3);
    let fits = |(host, listing): &&(usize, Listing)| {
        (!own_host || *host == 0)
            && (!trip.outcome.needs_request() || listing.booking_mode == BookingMode::Request)
            && (trip.nights < i64::from(listing.max_nights))
    };
    let count = market.listings.iter().filter(fits).count();
    let last = i64::try_from(count).ok()?.checked_sub(1).filter(|&last| last >= 0)?;
    let chosen = usize::try_from(market.random.between(0, last)).ok()?;
    market.listings.iter().filter(fits).nth(chosen).map(|(_, listing)| listing.clone())
}

/// The dates to try: the planned ones first, then nearby ones on the same side of today.
fn dates(trip: &Trip, listing: &Listing, attempt: i64) -> (NaiveDate, i64) {
    let nights = trip.nights.max(listing.min_nights.into());
    let shift = match trip.outcome {
        Outcome::Staying => 0,
        Outcome::Confirmed | Outcome::Requested | Outcome::PaymentDue => attempt / 8,
        // A stay of the past must stay in the past, whatever the minimum stay of the listing is.
        _ => -(attempt / 12) - (nights - trip.nights),
    };
    (trip.arrival + TimeDelta::days(shift), nights)
}

/// A guest of this region who is not travelling on these dates.
fn traveller(market: &mut Market, trip: &Trip, arrival: NaiveDate, nights: i64) -> Option<User> {
    if trip.own {
        return market.people.guests.first()?.first().cloned();
    }
    let parts = market.people.guests.len();
    let season = usize::try_from(arrival.num_days_from_ce() / REGION_DAYS).unwrap_or(0);
    let guests = market.people.guests.get((market.number + season) % parts.max(1))?;
    let last = i64::try_from(guests.len()).unwrap_or(1) - 1;
    let guest = guests.get(usize::try_from(market.random.between(0, last)).unwrap_or(0))?.clone();
    let own = market.people.guests.first()?.first()?.id == guest.id;
    let departure = arrival + TimeDelta::days(nights);
    let mut trips = market.travelling.get(&guest.id).into_iter().flatten();
    let busy = trips.any(|&(from, to)| arrival < to && from < departure);
    (!own && !busy).then_some(guest)
}

fn party(market: &mut Market, listing: &Listing) -> Guests {
    let adults = market.random.few(1, listing.capacity.min(2));
    let left = listing.capacity - adults;
    let children = if left > 0 && market.random.chance(45) { market.random.few(1, left.min(3)) } else { 0 };
    let infants = i32::from(market.random.chance(6));
    let pets = i32::from(listing.pets_allowed && market.random.chance(15));
    Guests { adults, children, infants, pets }
}
