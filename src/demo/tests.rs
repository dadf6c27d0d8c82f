//! A filled database satisfies every invariant, is filled once only, and is the same each time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use chrono::{NaiveDate, TimeDelta};
use clap::Parser;
use uuid::Uuid;

use super::cities::CITIES;
use super::fill::{PASSWORD, fill, fill_some, run_due_jobs};
use super::simulation::Created;
use crate::domain::bookings::state::{Actor, BookingState, Mode};
use crate::domain::bookings::{self, Booking, Event};
use crate::domain::listings::cancellation_policy::CancellationPolicy;
use crate::domain::listings::enums::BookingMode;
use crate::domain::listings::enums::NightState;
use crate::domain::listings::{self, Listing, STAR};
use crate::domain::payments;
use crate::domain::payments::status::{Operation, PaymentState, RefundState};
use crate::domain::reviews::{self, Direction};
use crate::domain::viewer::{SignedIn, Viewer};
use crate::kernel::page::PageRequest;
use crate::platform::clock::Clock;
use crate::platform::config::Settings;
use crate::platform::{App, queue};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

/// A folder that is removed at the end of the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

async fn empty_app(now: &str) -> (App, Folder) {
    let clock = Clock::manual(now.parse().unwrap());
    let folder = std::env::temp_dir().join(format!("roost-demo-{}", clock.new_id()));
    let dir = folder.to_str().unwrap();
    let args = [
        "roost".to_owned(),
        format!("--data-dir={dir}"),
        format!("--database-url=sqlite://{dir}/roost.sqlite?mode=rwc"),
        "--rate-limit=off".to_owned(),
    ];
    let mut settings = Line::parse_from(args).settings;
    settings.redis_url = None;
    (App::start(settings.check().unwrap(), clock).await.unwrap(), Folder(folder))
}

fn as_user(user_id: Uuid) -> Viewer {
    Viewer::User(SignedIn {
        user_id,
        session_id: user_id,
        expires_at: chrono::DateTime::<chrono::Utc>::MAX_UTC,
        is_host: true,
        is_admin: false,
        is_verified: true,
    })
}

struct Filled {
    bookings: HashMap<Uuid, Booking>,
    listings: HashMap<Uuid, Listing>,
}

async fn load(app: &App, created: &Created) -> Filled {
    Filled {
        bookings: bookings::by_ids(app, &Viewer::System, &created.bookings).await.unwrap(),
        listings: listings::by_ids(app, &created.listings).await.unwrap(),
    }
}

fn is_live(booking: &Booking) -> bool {
    use BookingState::{CheckedIn, Completed, Confirmed, PendingPayment, Requested};
    matches!(booking.state, PendingPayment | Requested | Confirmed | CheckedIn | Completed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filled_database_satisfies_every_invariant() {
    let (app, _folder) = empty_app("2027-03-10T13:20:00Z").await;
    let (report, created) = fill_some(&app, CITIES.len()).await.unwrap().unwrap();
    let filled = load(&app, &created).await;

    assert_eq!(filled.listings.len(), created.listings.len());
    assert_eq!(filled.bookings.len(), created.bookings.len());
    for (state, count) in &report.bookings {
        assert!(*count >= 8, "{state:?}: {count}");
    }
    assert_eq!(queue::count_due(&app.db, &app.clock).await.unwrap(), 0);
    assert_variety(&filled);
    assert_money(&app, &filled).await;
    assert_calendar(&app, &filled).await;
    assert_events(&app, &filled).await;
    assert_ratings(&app, &filled).await;

    // Filling again changes nothing.
    let before = app.db.statements();
    assert_eq!(fill(&app).await.unwrap(), None);
    assert!(app.db.statements() - before <= 2);

    // As time passes, the jobs that were enqueued finish every booking: no timer is missing.
    let upcoming = filled.bookings.values().filter(|booking| booking.state == BookingState::Confirmed);
    let last = upcoming.map(|booking| booking.check_out_at).max().unwrap();
    app.clock.set(last);
    run_due_jobs(&app).await.unwrap();
    let later = load(&app, &created).await;
    assert!(later.bookings.values().all(|booking| booking.expires_at.is_none() && booking.check_out_at <= last));
    let open =
        [BookingState::Confirmed, BookingState::CheckedIn, BookingState::Requested, BookingState::PendingPayment];
    assert!(later.bookings.values().all(|booking| !open.contains(&booking.state)));

    // The same time gives the same marketplace, however many cities are filled.
    let (other, _other_folder) = empty_app("2027-03-10T13:20:00Z").await;
    let (_, other_created) = fill_some(&other, 1).await.unwrap().unwrap();
    assert_eq!(comparable(&load(&other, &other_created).await), comparable(&of_first_city(&filled)));
    assert!(format!("{report}").contains(PASSWORD));
}

fn of_first_city(filled: &Filled) -> Filled {
    let city = CITIES[0].name;
    let listings: HashMap<_, _> =
        filled.listings.iter().filter(|(_, l)| l.city == city).map(|(id, l)| (*id, l.clone())).collect();
    let bookings = filled.bookings.iter().filter(|(_, booking)| listings.contains_key(&booking.listing_id));
    Filled { bookings: bookings.map(|(id, booking)| (*id, booking.clone())).collect(), listings }
}

/// What is equal between two databases filled at the same time: everything except ids and codes.
fn comparable(filled: &Filled) -> BTreeSet<String> {
    let listings = filled.listings.values().map(|listing| {
        let seasons = listings::price_rules(listing).unwrap().seasons.len();
        let Listing { title, description, base_minor, status, latitude, longitude, created_at, .. } = listing;
        format!("{title} {description} {base_minor} {status:?} {latitude:?} {longitude:?} {created_at} {seasons}")
    });
    let bookings = filled.bookings.values().map(|booking| {
        let title = &filled.listings[&booking.listing_id].title;
        let Booking { state, check_in, check_out, total_minor, created_at, updated_at, message, .. } = booking;
        format!("{title} {state:?} {check_in} {check_out} {total_minor} {created_at} {updated_at} {message:?}")
    });
    listings.chain(bookings).collect()
}

fn assert_variety(filled: &Filled) {
    let policies: HashSet<_> = filled.listings.values().map(|listing| listing.cancellation_policy).collect();
    assert_eq!(policies.len(), CancellationPolicy::ALL.iter().filter(|policy| !policy.is_long_term()).count());
    for mode in [BookingMode::Instant, BookingMode::Request, BookingMode::InstantForVerified] {
        assert!(filled.listings.values().any(|listing| listing.booking_mode == mode), "{mode:?}");
    }
    let titles: HashSet<_> = filled.listings.values().map(|listing| (&listing.city, &listing.title)).collect();
    assert_eq!(titles.len(), filled.listings.len());
    let currencies: HashSet<_> = filled.listings.values().map(|listing| &listing.currency).collect();
    assert_eq!(currencies.len(), CITIES.len());
    for listing in filled.listings.values() {
        assert!(!listings::price_rules(listing).unwrap().taxes.is_empty());
        assert!(listings::house_rules(listing).unwrap().len() >= 3);
    }
    assert!(filled.bookings.values().any(|booking| booking.mode == Mode::Request));
    assert!(filled.bookings.values().any(|booking| booking.quote().unwrap().policy.is_long_term()));
}

async fn assert_money(app: &App, filled: &Filled) {
    let ids: Vec<_> = filled.bookings.keys().copied().collect();
    let payments = payments::by_bookings(app, &ids).await.unwrap();
    let payment_ids: Vec<_> = payments.values().flatten().map(|payment| payment.id).collect();
    let (attempts, refunds) = (
        payments::attempts_by_payments(app, &payment_ids).await.unwrap(),
        payments::refunds_by_payments(app, &payment_ids).await.unwrap(),
    );
    for booking in filled.bookings.values() {
        let quote = booking.quote().unwrap();
        assert_eq!(quote.price.total, booking.total_minor);
        assert_eq!((quote.stay.check_in(), quote.stay.check_out()), (booking.check_in, booking.check_out));
        assert_eq!(quote.zone.name(), filled.listings[&booking.listing_id].time_zone);
        let payment = &payments[&booking.id][0];
        assert_eq!((payment.amount_minor, &payment.currency), (booking.total_minor, &booking.currency));
        let tries = &attempts[&payment.id];
        assert_eq!(tries[0].operation, Operation::Authorize);
        let refunded: i64 = refunds.get(&payment.id).into_iter().flatten().map(|refund| refund.amount_minor).sum();
        assert_eq!(payment.refunded_minor, refunded);
        let all = refunds.get(&payment.id).into_iter().flatten();
        assert!(all.into_iter().all(|refund| refund.state == RefundState::Succeeded));
        let captured = payment.state == PaymentState::Succeeded;
        assert_eq!(captured, booking.confirmed_at.is_some(), "{:?} {:?}", booking.state, payment.state);
        assert_eq!(captured, tries.iter().any(|attempt| attempt.operation == Operation::Capture));
        assert_eq!(payment.captured_minor, if captured { booking.total_minor } else { 0 });
        match &booking.cancellation {
            Some(division) => {
                let part = |name: &str| division[name].as_i64().unwrap();
                assert_eq!(part("refund"), refunded);
                let parts = ["refund", "host_keeps", "platform_keeps", "tax_kept"].map(part);
                assert_eq!(parts.iter().sum::<i64>(), booking.total_minor);
            }
            None => assert_eq!(refunded, 0),
        }
    }
}

async fn assert_calendar(app: &App, filled: &Filled) {
    let mut claimed: HashMap<(Uuid, NaiveDate), Uuid> = HashMap::new();
    let rows: Vec<Listing> = filled.listings.values().cloned().collect();
    let first = filled.bookings.values().map(|booking| booking.check_in).min().unwrap();
    for from in [first, first + TimeDelta::days(366)] {
        let days = listings::calendar(app, &Viewer::System, &rows, from, from + TimeDelta::days(366)).await.unwrap();
        for (listing, days) in days {
            for day in days {
                match (day.state, day.booking_id) {
                    (NightState::Booked | NightState::Held, Some(booking)) => {
                        assert_eq!(claimed.insert((listing, day.date), booking), None);
                    }
                    (NightState::Preparation, Some(booking)) => assert!(is_live(&filled.bookings[&booking])),
                    (state, booking) => assert!(booking.is_none(), "{state:?}"),
                }
            }
        }
    }
    for ((listing, date), id) in &claimed {
        let booking = &filled.bookings[id];
        assert_eq!(booking.listing_id, *listing);
        // A stay that ended early keeps the claims of the nights that were stayed, and no others.
        assert!(is_live(booking) || *date <= app.clock.now().date_naive(), "{:?} {date}", booking.state);
        assert!(is_live(booking) || booking.cancellation.is_some());
    }
    for booking in filled.bookings.values().filter(|booking| is_live(booking)) {
        for night in booking.stay().unwrap().dates() {
            assert_eq!(claimed.get(&(booking.listing_id, night)), Some(&booking.id), "{:?} {night}", booking.state);
        }
    }
}

async fn assert_events(app: &App, filled: &Filled) {
    let all = PageRequest { size: 100, ..PageRequest::first_page() };
    let ids: Vec<Uuid> = filled.bookings.keys().copied().collect();
    let pages = bookings::pages_of_events(app, &ids, &all).await.unwrap();
    for booking in filled.bookings.values() {
        let events: Vec<&Event> = pages[&booking.id].edges.iter().map(|(_, event)| event).collect();
        let mut state = None;
        let mut at = booking.created_at;
        for event in events.iter().rev() {
            assert_eq!(event.from_state, state);
            assert!(event.at >= at && (event.actor == Actor::System) == event.user_id.is_none());
            (state, at) = (Some(event.to_state), event.at);
        }
        assert_eq!(state, Some(booking.state));
        assert_eq!(i32::try_from(events.len()).unwrap(), booking.version);
        if let Some(expires_at) = booking.expires_at {
            assert!(expires_at > app.clock.now());
        }
    }
}

async fn assert_ratings(app: &App, filled: &Filled) {
    let ids: Vec<_> = filled.bookings.keys().copied().collect();
    let reviews = reviews::by_bookings(app, &Viewer::System, &ids).await.unwrap();
    let mut sums: BTreeMap<Uuid, (i64, i64)> = BTreeMap::new();
    let mut both = HashMap::new();
    for ((booking, direction), review) in &reviews {
        assert_eq!(filled.bookings[booking].state, BookingState::Completed);
        *both.entry(*booking).or_insert(0) += 1;
        if *direction == Direction::GuestToListing {
            let sum = sums.entry(review.listing_id).or_default();
            *sum = (sum.0 + i64::from(review.overall.unwrap()) * STAR, sum.1 + 1);
        }
    }
    assert!(both.values().any(|&sides| sides == 2) && both.values().any(|&sides| sides == 1));
    assert!(reviews.values().any(|review| review.response_text.is_some()));
    let listings: Vec<_> = filled.listings.keys().copied().collect();
    let ratings = listings::ratings(app, &listings).await.unwrap();
    let stored: BTreeMap<_, _> =
        ratings.iter().map(|(id, rating)| (*id, (rating.overall.sum, rating.overall.count))).collect();
    assert_eq!(stored, sums);
    // Some reviews are not published yet: only their authors see them.
    let mut hidden = 0;
    for booking in filled.bookings.values().filter(|booking| booking.state == BookingState::Completed) {
        for side in [booking.guest_id, booking.host_id] {
            let seen = reviews::by_bookings(app, &as_user(side), &[booking.id]).await.unwrap();
            hidden += seen.values().filter(|review| review.published_at.is_none()).count();
        }
    }
    assert!(hidden > 0);
}
