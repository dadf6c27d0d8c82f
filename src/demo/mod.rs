//! A demonstration marketplace for an empty database, made by living through its past with the product's own rules.
//!
//! **Invariant:** nothing here writes a booking, a claim, a payment or a review: hosts list, guests quote, book and pay,
//! time passes, and what the domain makes of it is the demonstration. It hangs on the day of the filling alone; only the
//! youngest steps, such as requests that wait for an answer, hang on the hour.

mod book;
mod cities;
mod messages;
mod people;
mod places;
mod random;
mod report;
#[cfg(test)]
mod tests;
mod texts;
mod trips;
mod walk;

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

use crate::domain::bookings::lifecycle::state::BookingState;
use crate::domain::error::Error;
use crate::domain::listings::enums::ListingStatus;
use crate::domain::payments::payouts::send::PAY_OUT;
use crate::domain::viewer::Viewer;
use crate::domain::{bookings, listings, payments, reviews, users};
use crate::platform::{App, queue};

use cities::CITIES;
use people::People;
pub use people::{ADMIN, GUEST, HOST};
pub use report::Report;
use walk::{Walk, Walked};

/// The password of every account of the demonstration.
pub const PASSWORD: &str = "roost-demo-2027";
const SEED: u64 = 0x726f_6f73_7432_3032;
/// Jobs that are taken at once when the past is swept up.
const BATCH: u32 = 500;
/// Longer than a filling takes.
const SWEEP: TimeDelta = TimeDelta::minutes(1);

const STATUSES: [ListingStatus; 3] = [ListingStatus::Published, ListingStatus::Unlisted, ListingStatus::Draft];
const STATES: [BookingState; 13] = [
    BookingState::PendingPayment,
    BookingState::Requested,
    BookingState::Confirmed,
    BookingState::CheckedIn,
    BookingState::Completed,
    BookingState::PaymentExpired,
    BookingState::Withdrawn,
    BookingState::Declined,
    BookingState::RequestExpired,
    BookingState::CancelledByGuest,
    BookingState::CancelledByHost,
    BookingState::CancelledByPlatform,
    BookingState::NoShow,
];

/// Fills an empty database. Where anything is listed or anyone can sign in, nothing is changed and nothing reported.
pub async fn fill(app: &App) -> Result<Option<Report>, Error> {
    Ok(fill_some(app, CITIES.len()).await?.map(|(report, _)| report))
}

/// Fills the first cities only; everyone is there all the same.
async fn fill_some(app: &App, cities: usize) -> Result<Option<(Report, Walked)>, Error> {
    if users::any_account(app).await? || listings::any_listing(app).await? {
        return Ok(None);
    }
    let now = app.clock.now();
    let people = Arc::new(people::settle(app, SEED, PASSWORD, midnight(now)).await?);
    let mut walks = Vec::new();
    for number in 0..cities {
        let walk = Walk::new(app, SEED, number, people.clone())?;
        walks.push(tokio::spawn(walk.go(now)));
    }
    let mut walked = Walked::default();
    for walk in walks {
        let city = walk.await.map_err(Error::failed)??;
        walked.listings.extend(city.listings);
        walked.bookings.extend(city.bookings);
        walked.reviews += city.reviews;
    }
    sweep(app).await?;
    Ok(Some((count(app, &people, &walked).await?, walked)))
}

/// The beginning of the day: what is dated by it does not depend on the hour of the filling.
fn midnight(now: DateTime<Utc>) -> DateTime<Utc> {
    now.date_naive().and_time(NaiveTime::MIN).and_utc()
}

/// Runs the jobs that fell due in the past; most find that what they look at was done in its time.
async fn sweep(app: &App) -> Result<(), Error> {
    let mut looked_at = HashSet::new();
    loop {
        let jobs = queue::lease(&app.db, &app.clock, BATCH).await?;
        let mut done = Vec::new();
        for job in jobs {
            let Some(id) = job.about() else { continue };
            let kind = [bookings::ADVANCE, reviews::PUBLISH, PAY_OUT].into_iter().find(|&kind| kind == job.kind);
            let Some(kind) = kind else { continue };
            // A job that was asked for while the past was swept up has something new to see.
            if looked_at.insert((kind, id)) || job.created_at >= app.clock.now() - SWEEP {
                match kind {
                    bookings::ADVANCE => drop(bookings::advance(app, id).await?),
                    PAY_OUT => payments::payouts::send::pay_out(app, id).await?,
                    _ => reviews::publish_due(app, id).await?,
                }
            }
            done.push(job);
        }
        if done.is_empty() {
            return Ok(());
        }
        queue::all_done(&app.db, &done).await?;
    }
}

async fn count(app: &App, people: &People, walked: &Walked) -> Result<Report, Error> {
    let listings = listings::by_ids(app, &walked.listings).await?;
    let bookings = bookings::by_ids(app, &Viewer::System, &walked.bookings).await?;
    let payments = payments::by_bookings(app, &walked.bookings).await?;
    let ids: Vec<_> = payments.values().flatten().map(|payment| payment.id).collect();
    let refunds = payments::refunds(app, &ids).await?;
    Ok(Report {
        cities: people.hosts.len(),
        hosts: people.hosts.iter().map(Vec::len).sum(),
        guests: people.guests.iter().map(Vec::len).sum(),
        listings: tally(&STATUSES, listings.values().map(|listing| listing.status)),
        bookings: tally(&STATES, bookings.values().map(|booking| booking.state)),
        payments: payments.len(),
        refunds: refunds.values().map(Vec::len).sum(),
        reviews: walked.reviews,
        accounts: vec![("guest", GUEST), ("host", HOST), ("admin", ADMIN)],
        password: PASSWORD,
    })
}

/// How many there are of each, in the order of `kinds`.
fn tally<T: Copy + PartialEq>(kinds: &[T], all: impl Iterator<Item = T>) -> Vec<(T, usize)> {
    let mut counts: Vec<(T, usize)> = kinds.iter().map(|&kind| (kind, 0)).collect();
    for one in all {
        if let Some((_, count)) = counts.iter_mut().find(|(kind, _)| *kind == one) {
            *count += 1;
        }
    }
    counts
}
