//! Finding a place that is free for a trip, and booking it.

use chrono::{Datelike, NaiveDate, TimeDelta};
use uuid::Uuid;

use super::messages;
use super::people::viewer;
use super::trips::{Fate, Trip};
use super::walk::Walk;
use crate::domain::bookings::{self, Booking, NewBooking, Side};
use crate::domain::error::{Code, Error};
use crate::domain::listings::enums::BookingMode;
use crate::domain::listings::{Listing, StayRequest};
use crate::domain::users::User;
use crate::domain::viewer::Viewer;
use crate::kernel::guests::Guests;
use crate::kernel::page::PageRequest;

/// How many places are asked before a trip is given up.
const TRIES: i64 = 60;
/// How long a guest stays in one part of the world, in days.
const REGION_DAYS: i32 = 45;

/// What came of booking a trip.
#[derive(Default)]
pub(super) struct Booked {
    pub booking: Option<Booking>,
    /// The booking whose card was refused, if one was.
    pub failed: Option<Uuid>,
}

/// Books a trip at the first place that takes it.
pub(super) async fn book(walk: &mut Walk, trip: &Trip, number: usize) -> Result<Booked, Error> {
    for attempt in 0..TRIES {
        let Some(listing) = candidate(walk, trip, number) else { continue };
        let (arrival, nights) = dates(trip, &listing, attempt);
        let Some(guest) = traveller(walk, trip, arrival, nights) else { continue };
        let who = viewer(&guest);
        let request = StayRequest {
            check_in: arrival,
            check_out: arrival + TimeDelta::days(nights),
            guests: party(walk, &listing),
            non_refundable: listing.non_refundable_discount_ppm.is_some() && walk.random.chance(15),
        };
        let outcome = bookings::quote(&walk.app, &who, listing.id, request).await?;
        let Some(quote) = outcome.quote else { continue };
        walk.away.entry(guest.id).or_default().push((request.check_in, request.check_out));
        return pay(walk, trip, &who, listing.id, bookings::sign(&walk.app, &quote)?).await;
    }
    Ok(Booked::default())
}

async fn pay(walk: &mut Walk, trip: &Trip, guest: &Viewer, listing: Uuid, token: String) -> Result<Booked, Error> {
    let mut request = NewBooking {
        quote_token: token,
        method: trip.fate.card(&mut walk.random).to_owned(),
        message: messages::message(&mut walk.random),
        expected_arrival: None,
    };
    // Now and then the first card is refused and the next one works.
    let second = trip.fate == Fate::Completed && walk.random.chance(5);
    let first = if second { NewBooking { method: "declined".into(), ..request.clone() } } else { request.clone() };
    let failed = match bookings::create(&walk.app, guest, first).await {
        Ok(booking) => return Ok(Booked { booking: Some(booking), failed: None }),
        Err(Error::Refused(refusals)) if refusals.iter().all(|refusal| refusal.code == Code::PaymentDeclined) => {
            let newest = PageRequest { size: 1, ..PageRequest::first_page() };
            let page = bookings::page(&walk.app, guest, Side::Guest, None, Some(listing), newest).await?;
            page.edges.into_iter().next().map(|(_, booking)| booking.id)
        }
        Err(error) => return Err(error),
    };
    if !second {
        return Ok(Booked { booking: None, failed });
    }
    request.message = None;
    let booking = bookings::create(&walk.app, guest, request).await?;
    Ok(Booked { booking: Some(booking), failed })
}

/// A place that could take the trip. Every third trip to the first city goes to the demonstration's own host.
fn candidate(walk: &mut Walk, trip: &Trip, number: usize) -> Option<Listing> {
    let own_host = walk.number == 0 && number.is_multiple_of(3);
    let fits = |(host, listing): &&(usize, Listing)| {
        (!own_host || *host == 0)
            && (!trip.fate.needs_request() || listing.booking_mode == BookingMode::Request)
            && (trip.nights < i64::from(listing.max_nights))
    };
    let count = walk.open.iter().filter(fits).count();
    let last = i64::try_from(count).ok()?.checked_sub(1).filter(|&last| last >= 0)?;
    let chosen = usize::try_from(walk.random.between(0, last)).ok()?;
    walk.open.iter().filter(fits).nth(chosen).map(|(_, listing)| listing.clone())
}

/// The dates to ask for: the planned ones first, then others nearby on the same side of today.
fn dates(trip: &Trip, listing: &Listing, attempt: i64) -> (NaiveDate, i64) {
    let nights = trip.nights.max(listing.min_nights.into());
    let shift = match trip.fate {
        Fate::Staying => 0,
        Fate::Confirmed | Fate::Requested | Fate::PaymentDue => attempt / 8,
        // What is over must stay over, however long the place wants its guests.
        _ => -(attempt / 12) - (nights - trip.nights),
    };
    (trip.arrival + TimeDelta::days(shift), nights)
}

/// A guest who is in this part of the world and not away at the time.
fn traveller(walk: &mut Walk, trip: &Trip, arrival: NaiveDate, nights: i64) -> Option<User> {
    if trip.own {
        return walk.people.guests.first()?.first().cloned();
    }
    let parts = walk.people.guests.len();
    let season = usize::try_from(arrival.num_days_from_ce() / REGION_DAYS).unwrap_or(0);
    let guests = walk.people.guests.get((walk.number + season) % parts.max(1))?;
    let last = i64::try_from(guests.len()).unwrap_or(1) - 1;
    let guest = guests.get(usize::try_from(walk.random.between(0, last)).unwrap_or(0))?.clone();
    let own = walk.people.guests.first()?.first()?.id == guest.id;
    let departure = arrival + TimeDelta::days(nights);
    let mut trips = walk.away.get(&guest.id).into_iter().flatten();
    let busy = trips.any(|&(from, to)| arrival < to && from < departure);
    (!own && !busy).then_some(guest)
}

fn party(walk: &mut Walk, listing: &Listing) -> Guests {
    let adults = walk.random.few(1, listing.capacity.min(2));
    let left = listing.capacity - adults;
    let children = if left > 0 && walk.random.chance(45) { walk.random.few(1, left.min(3)) } else { 0 };
    let infants = i32::from(walk.random.chance(6));
    let pets = i32::from(listing.pets_allowed && walk.random.chance(15));
    Guests { adults, children, infants, pets }
}
