//! A filled database keeps every invariant, is filled once, and is the same each time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Parser;
use uuid::Uuid;

use super::*;
use crate::domain::bookings::lifecycle::state::{Actor, Mode};
use crate::domain::bookings::{Booking, Event};
use crate::domain::listings::availability::stay_check::NightState;
use crate::domain::listings::enums::BookingMode;
use crate::domain::listings::listing::policy::CancellationPolicy;
use crate::domain::listings::{Listing, STAR};
use crate::domain::payments::status::{Operation, PaymentState, RefundState};
use crate::domain::reviews::Direction;
use crate::domain::viewer::SignedIn;
use crate::kernel::page::PageRequest;
use crate::platform::clock::Clock;
use crate::platform::config::Settings;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

async fn empty(now: &str) -> (App, Folder) {
    let clock = Clock::manual(now.parse().unwrap());
    let folder = std::env::temp_dir().join(format!("roost-demo-{}", clock.id()));
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

async fn read(app: &App, walked: &Walked) -> Filled {
    Filled {
        bookings: bookings::by_ids(app, &Viewer::System, &walked.bookings).await.unwrap(),
        listings: listings::by_ids(app, &walked.listings).await.unwrap(),
    }
}

fn is_live(booking: &Booking) -> bool {
    use BookingState::{CheckedIn, Completed, Confirmed, PendingPayment, Requested};
    matches!(booking.state, PendingPayment | Requested | Confirmed | CheckedIn | Completed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filled_database_keeps_every_invariant() {
    let (app, _folder) = empty("2027-03-10T13:20:00Z").await;
    let (report, walked) = fill_some(&app, CITIES.len()).await.unwrap().unwrap();
    let filled = read(&app, &walked).await;

    assert_eq!(filled.listings.len(), walked.listings.len());
    assert_eq!(filled.bookings.len(), walked.bookings.len());
    for (state, count) in &report.bookings {
        assert!(*count >= 8, "{state:?}: {count}");
    }
    assert_eq!(queue::due(&app.db, &app.clock).await.unwrap(), 0);
    everything_is_there(&filled);
    money_adds_up(&app, &filled).await;
    the_calendar_is_that_of_the_bookings(&app, &filled).await;
    events_tell_the_story(&app, &filled).await;
    ratings_are_those_of_the_reviews(&app, &filled).await;

    // A second filling changes nothing.
    let before = app.db.statements();
    assert_eq!(fill(&app).await.unwrap(), None);
    assert!(app.db.statements() - before <= 2);

    // Time goes on: every timer that is needed is there, and nothing of today is left undone by its jobs.
    let upcoming = filled.bookings.values().filter(|booking| booking.state == BookingState::Confirmed);
    let last = upcoming.map(|booking| booking.check_out_at).max().unwrap();
    app.clock.set(last);
    sweep(&app).await.unwrap();
    let later = read(&app, &walked).await;
    assert!(later.bookings.values().all(|booking| booking.expires_at.is_none() && booking.check_out_at <= last));
    let open =
        [BookingState::Confirmed, BookingState::CheckedIn, BookingState::Requested, BookingState::PendingPayment];
    assert!(later.bookings.values().all(|booking| !open.contains(&booking.state)));

    // The same moment gives the same marketplace, however many cities are filled.
    let (other, _other_folder) = empty("2027-03-10T13:20:00Z").await;
    let (_, other_walked) = fill_some(&other, 1).await.unwrap().unwrap();
    assert_eq!(told(&read(&other, &other_walked).await), told(&of_first_city(&filled)));
    assert!(format!("{report}").contains(PASSWORD));
}

fn of_first_city(filled: &Filled) -> Filled {
    let city = CITIES[0].name;
    let listings: HashMap<_, _> =
        filled.listings.iter().filter(|(_, l)| l.city == city).map(|(id, l)| (*id, l.clone())).collect();
    let bookings = filled.bookings.iter().filter(|(_, booking)| listings.contains_key(&booking.listing_id));
    Filled { bookings: bookings.map(|(id, booking)| (*id, booking.clone())).collect(), listings }
}

/// What two fillings agree on: all but ids and codes.
fn told(filled: &Filled) -> BTreeSet<String> {
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

fn everything_is_there(filled: &Filled) {
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

async fn money_adds_up(app: &App, filled: &Filled) {
    let ids: Vec<_> = filled.bookings.keys().copied().collect();
    let payments = payments::by_bookings(app, &ids).await.unwrap();
    let payment_ids: Vec<_> = payments.values().flatten().map(|payment| payment.id).collect();
    let (attempts, refunds) =
        (payments::attempts(app, &payment_ids).await.unwrap(), payments::refunds(app, &payment_ids).await.unwrap());
    for booking in filled.bookings.values() {
        let quote = booking.quote().unwrap();
        assert_eq!(quote.price.total, booking.total_minor);
        assert_eq!((quote.stay.check_in(), quote.stay.check_out()), (booking.check_in, booking.check_out));
        assert_eq!(quote.zone.name(), filled.listings[&booking.listing_id].time_zone);
        let payment = &payments[&booking.id][0];
        assert_eq!((payment.amount_minor, &payment.currency), (booking.total_minor, &booking.currency));
        let tries = &attempts[&payment.id];
        assert_eq!(tries[0].operation, Operation::Authorize);
        let given_back: i64 = refunds.get(&payment.id).into_iter().flatten().map(|refund| refund.amount_minor).sum();
        assert_eq!(payment.refunded_minor, given_back);
        let all = refunds.get(&payment.id).into_iter().flatten();
        assert!(all.into_iter().all(|refund| refund.state == RefundState::Succeeded));
        let captured = payment.state == PaymentState::Succeeded;
        assert_eq!(captured, booking.confirmed_at.is_some(), "{:?} {:?}", booking.state, payment.state);
        assert_eq!(captured, tries.iter().any(|attempt| attempt.operation == Operation::Capture));
        assert_eq!(payment.captured_minor, if captured { booking.total_minor } else { 0 });
        match &booking.cancellation {
            Some(division) => {
                let part = |name: &str| division[name].as_i64().unwrap();
                assert_eq!(part("refund"), given_back);
                let parts = ["refund", "host_keeps", "platform_keeps", "tax_kept"].map(part);
                assert_eq!(parts.iter().sum::<i64>(), booking.total_minor);
            }
            None => assert_eq!(given_back, 0),
        }
    }
}

async fn the_calendar_is_that_of_the_bookings(app: &App, filled: &Filled) {
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
        // What ended early keeps the nights that were stayed, and no other.
        assert!(is_live(booking) || *date <= app.clock.now().date_naive(), "{:?} {date}", booking.state);
        assert!(is_live(booking) || booking.cancellation.is_some());
    }
    for booking in filled.bookings.values().filter(|booking| is_live(booking)) {
        for night in booking.stay().unwrap().dates() {
            assert_eq!(claimed.get(&(booking.listing_id, night)), Some(&booking.id), "{:?} {night}", booking.state);
        }
    }
}

async fn events_tell_the_story(app: &App, filled: &Filled) {
    for booking in filled.bookings.values() {
        let all = PageRequest { size: 100, ..PageRequest::first_page() };
        let events: Vec<Event> =
            bookings::events(app, booking.id, all).await.unwrap().edges.into_iter().map(|(_, event)| event).collect();
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

async fn ratings_are_those_of_the_reviews(app: &App, filled: &Filled) {
    let ids: Vec<_> = filled.bookings.keys().copied().collect();
    let reviews = reviews::by_booking(app, &Viewer::System, &ids).await.unwrap();
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
    let kept: BTreeMap<_, _> =
        ratings.iter().map(|(id, rating)| (*id, (rating.overall.sum, rating.overall.count))).collect();
    assert_eq!(kept, sums);
    // Some are hidden yet, and only their authors see them.
    let mut hidden = 0;
    for booking in filled.bookings.values().filter(|booking| booking.state == BookingState::Completed) {
        for side in [booking.guest_id, booking.host_id] {
            let seen = reviews::by_booking(app, &as_user(side), &[booking.id]).await.unwrap();
            hidden += seen.values().filter(|review| review.published_at.is_none()).count();
        }
    }
    assert!(hidden > 0);
}
