//! Fills an empty database: creates the people, simulates the past of each city and runs the jobs that are due.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::TimeDelta;

use super::cities::CITIES;
use super::midnight::midnight;
use super::people::{self, ADMIN, GUEST, HOST, People};
use super::report::Report;
use super::simulation::{Created, Simulation};

use crate::domain::bookings::state::BookingState;
use crate::domain::error::Error;
use crate::domain::listings::enums::ListingStatus;
use crate::domain::payments::PAY_OUT;
use crate::domain::viewer::Viewer;
use crate::domain::{bookings, listings, payments, reviews, users};
use crate::platform::{App, queue};

/// The password of every account of the demonstration.
pub const PASSWORD: &str = "roost-demo-2027";
const SEED: u64 = 0x726f_6f73_7432_3032;
/// How many due jobs are leased at once.
const BATCH: u32 = 500;
/// Longer than running the due jobs takes.
const RUN_TIME: TimeDelta = TimeDelta::minutes(1);

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

/// Fills an empty database. None, and no change, if there is any listing or account.
pub async fn fill(app: &App) -> Result<Option<Report>, Error> {
    Ok(fill_some(app, CITIES.len()).await?.map(|(report, _)| report))
}

/// Fills the first cities only; the people of all cities are created.
pub(super) async fn fill_some(app: &App, cities: usize) -> Result<Option<(Report, Created)>, Error> {
    if users::any_account_exists(app).await? || listings::any_listing(app).await? {
        return Ok(None);
    }
    let now = app.clock.now();
    let people = Arc::new(people::create_accounts(app, SEED, PASSWORD, midnight(now)).await?);
    let mut simulations = Vec::new();
    for number in 0..cities {
        let simulation = Simulation::new(app, SEED, number, people.clone())?;
        simulations.push(tokio::spawn(simulation.run(now)));
    }
    let mut created = Created::default();
    for simulation in simulations {
        let city = simulation.await.map_err(Error::failed)??;
        created.listings.extend(city.listings);
        created.bookings.extend(city.bookings);
        created.reviews += city.reviews;
    }
    run_due_jobs(app).await?;
    Ok(Some((count(app, &people, &created).await?, created)))
}

/// Runs the jobs that became due in the simulated past; most of them find nothing left to do.
pub(super) async fn run_due_jobs(app: &App) -> Result<(), Error> {
    let mut handled = HashSet::new();
    loop {
        let jobs = queue::lease(&app.db, &app.clock, BATCH).await?;
        let mut done = Vec::new();
        for job in jobs {
            let Some(id) = job.about() else { continue };
            let kind =
                [bookings::ADVANCE, reviews::PUBLISH_REVIEWS, PAY_OUT].into_iter().find(|&kind| kind == job.kind);
            let Some(kind) = kind else { continue };
            // A job that was enqueued while these jobs run may have something new to do.
            if handled.insert((kind, id)) || job.created_at >= app.clock.now() - RUN_TIME {
                match kind {
                    bookings::ADVANCE => drop(bookings::advance(app, id).await?),
                    PAY_OUT => payments::pay_out(app, id).await?,
                    _ => reviews::publish_due(app, id).await?,
                }
            }
            done.push(job);
        }
        if done.is_empty() {
            return Ok(());
        }
        queue::complete_all(&app.db, &done).await?;
    }
}

async fn count(app: &App, people: &People, created: &Created) -> Result<Report, Error> {
    let listings = listings::by_ids(app, &created.listings).await?;
    let bookings = bookings::by_ids(app, &Viewer::System, &created.bookings).await?;
    let payments = payments::by_bookings(app, &created.bookings).await?;
    let ids: Vec<_> = payments.values().flatten().map(|payment| payment.id).collect();
    let refunds = payments::refunds_by_payments(app, &ids).await?;
    Ok(Report {
        cities: people.hosts.len(),
        hosts: people.hosts.iter().map(Vec::len).sum(),
        guests: people.guests.iter().map(Vec::len).sum(),
        listings: tally(&STATUSES, listings.values().map(|listing| listing.status)),
        bookings: tally(&STATES, bookings.values().map(|booking| booking.state)),
        payments: payments.len(),
        refunds: refunds.values().map(Vec::len).sum(),
        reviews: created.reviews,
        accounts: vec![("guest", GUEST), ("host", HOST), ("admin", ADMIN)],
        password: PASSWORD,
    })
}

/// The count of each kind, in the order of `kinds`.
fn tally<T: Copy + PartialEq>(kinds: &[T], all: impl Iterator<Item = T>) -> Vec<(T, usize)> {
    let mut counts: Vec<(T, usize)> = kinds.iter().map(|&kind| (kind, 0)).collect();
    for one in all {
        if let Some((_, count)) = counts.iter_mut().find(|(kind, _)| *kind == one) {
            *count += 1;
        }
    }
    counts
}
