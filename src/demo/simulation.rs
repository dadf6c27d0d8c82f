//! Simulates the past of one city in the order of time, through the use cases of the domain.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::booking::book;
use super::cities::CITIES;
use super::market::Market;
use super::messages;
use super::midnight::midnight;
use super::people::{People, viewer};
use super::places::{self, Place, Publication};
use super::random::Random;
use super::trips::{Outcome, Trip, plan};
use crate::domain::bookings::state::BookingState;
use crate::domain::bookings::{self, Booking};
use crate::domain::error::Error;
use crate::domain::users::User;
use crate::domain::viewer::Viewer;
use crate::domain::{payments, reviews};
use crate::kernel::money::Money;
use crate::platform::App;
use crate::platform::clock::Clock;

/// An event that is planned.
#[derive(Clone, Copy, Debug)]
enum Event {
    Open(usize),
    Book(usize),
    Perform(usize, TripAction),
}

/// An action in the life of a booking.
#[derive(Clone, Copy, Debug)]
enum TripAction {
    Accept,
    Decline,
    Withdraw,
    Pay,
    /// What the jobs of the queue do when a timer is due.
    Advance,
    /// What the job of the queue does when a payout is due.
    PayHost,
    CheckIn,
    CheckOut,
    GuestCancels,
    HostCancels,
    PlatformCancels,
    NoShow,
    GuestReviews,
    HostReviews,
    Publish,
    Respond,
}

/// What a simulation created.
#[derive(Default)]
pub(super) struct Created {
    pub listings: Vec<Uuid>,
    pub bookings: Vec<Uuid>,
    /// How many reviews were written.
    pub reviews: usize,
}

/// The simulation of one city from the past to today.
pub(super) struct Simulation {
    market: Market,
    places: Vec<Place>,
    trips: Vec<Trip>,
    progress: Vec<Progress>,
    /// Planned events by time; the number keeps events of the same time in the order of planning.
    agenda: BTreeMap<(DateTime<Utc>, u32), Event>,
    planned: u32,
    created: Created,
}

/// What has happened to a trip so far.
#[derive(Clone, Default)]
struct Progress {
    booking: Option<Uuid>,
    over: bool,
    review: Option<Uuid>,
}

impl Simulation {
    /// Plans the past of the city with this number up to the clock of `app`.
    pub fn new(app: &App, seed: u64, number: usize, people: Arc<People>) -> Result<Simulation, Error> {
        let now = app.clock.now();
        let midnight = midnight(now);
        let city = CITIES[number];
        let mut random = Random::new(seed, 100 + number as u64);
        let hosts = people.hosts.get(number).map_or(0, Vec::len);
        let places = places::invent(&mut random, city, hosts, midnight)?;
        let trips = plan(&mut random, number, midnight, now);
        let market = Market {
            app: app.with_clock(Clock::manual(midnight - TimeDelta::days(500))),
            city,
            number,
            people,
            random,
            listings: Vec::new(),
            travelling: HashMap::new(),
        };
        let mut simulation = Simulation {
            market,
            progress: vec![Progress::default(); trips.len()],
            agenda: BTreeMap::new(),
            planned: 0,
            created: Created::default(),
            places,
            trips,
        };
        for place in 0..simulation.places.len() {
            simulation.plan_event(simulation.places[place].opens_at, Event::Open(place));
        }
        for trip in 0..simulation.trips.len() {
            simulation.plan_event(simulation.trips[trip].booked_at, Event::Book(trip));
        }
        Ok(simulation)
    }

    /// Runs every event up to `now`. Later ones are left to the running service.
    pub async fn run(mut self, now: DateTime<Utc>) -> Result<Created, Error> {
        while let Some(((at, _), event)) = self.agenda.pop_first() {
            if at > now {
                break;
            }
            self.market.app.clock.set(at);
            match event {
                Event::Open(place) => self.open_listing(place).await?,
                Event::Book(trip) => self.book_trip(trip).await?,
                Event::Perform(trip, action) => self.perform(trip, action).await?,
            }
        }
        Ok(self.created)
    }

    fn plan_event(&mut self, at: DateTime<Utc>, event: Event) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), event);
    }

    fn plan_action(&mut self, trip: usize, at: DateTime<Utc>, action: TripAction) {
        // Nothing can be planned for a time that has passed.
        let at = at.max(self.market.app.clock.now());
        self.plan_event(at, Event::Perform(trip, action));
    }

    fn person(&self, id: Uuid) -> Result<&User, Error> {
        let everyone = self.market.people.hosts.iter().chain(&self.market.people.guests).flatten();
        let found = everyone.into_iter().find(|user| user.id == id);
        found.ok_or_else(|| Error::failed("no person has this id"))
    }

    async fn open_listing(&mut self, place: usize) -> Result<(), Error> {
        let place = &self.places[place];
        let host = &self.market.people.hosts[self.market.number][place.host];
        let listing = places::open(&self.market.app, self.market.city, host, place).await?;
        self.created.listings.push(listing.id);
        if place.publication == Publication::Published {
            self.market.listings.push((place.host, listing));
        }
        Ok(())
    }

    async fn book_trip(&mut self, trip: usize) -> Result<(), Error> {
        let plan = self.trips[trip].clone();
        let booked = book(&mut self.market, &plan, trip).await?;
        self.created.bookings.extend(booked.failed);
        let Some(booking) = booked.booking else { return Ok(()) };
        self.created.bookings.push(booking.id);
        self.progress[trip].booking = Some(booking.id);
        self.plan_after_booking(trip, &booking);
        Ok(())
    }

    /// Plans the next actions of a booking by its state.
    fn plan_after_booking(&mut self, trip: usize, booking: &Booking) {
        let (outcome, changes_at) = (self.trips[trip].outcome, self.trips[trip].changes_at);
        let now = self.market.app.clock.now();
        let expires_at = booking.expires_at.unwrap_or(now);
        match (booking.state, outcome) {
            (BookingState::PendingPayment, Outcome::PaymentDue) | (BookingState::Requested, Outcome::Requested) => {}
            (BookingState::PendingPayment, Outcome::PaymentLapsed) => {
                self.plan_action(trip, expires_at, TripAction::Advance)
            }
            (BookingState::PendingPayment, _) => self.plan_action(trip, now + TimeDelta::minutes(2), TripAction::Pay),
            (BookingState::Requested, Outcome::Declined) => self.plan_action(trip, changes_at, TripAction::Decline),
            (BookingState::Requested, Outcome::Withdrawn) => self.plan_action(trip, changes_at, TripAction::Withdraw),
            (BookingState::Requested, Outcome::Unanswered) => self.plan_action(trip, expires_at, TripAction::Advance),
            (BookingState::Requested, _) => {
                let minutes = self.market.random.between(20, 600);
                self.plan_action(trip, now + TimeDelta::minutes(minutes), TripAction::Accept);
            }
            (BookingState::Confirmed, _) => self.plan_stay(trip, booking, changes_at),
            _ => {}
        }
    }

    fn plan_stay(&mut self, trip: usize, booking: &Booking, changes_at: DateTime<Utc>) {
        let (arrival, departure) = (booking.check_in_at, booking.check_out_at);
        match self.trips[trip].outcome {
            Outcome::GuestCancels => self.plan_action(trip, changes_at, TripAction::GuestCancels),
            Outcome::HostCancels => self.plan_action(trip, changes_at, TripAction::HostCancels),
            Outcome::PlatformCancels => self.plan_action(trip, changes_at, TripAction::PlatformCancels),
            Outcome::LeavesEarly => {
                self.plan_action(trip, arrival, TripAction::Advance);
                self.plan_action(trip, arrival + TimeDelta::hours(26), TripAction::GuestCancels);
            }
            Outcome::NoShow => {
                self.plan_action(trip, arrival, TripAction::Advance);
                self.plan_action(trip, arrival + TimeDelta::hours(7), TripAction::NoShow);
            }
            _ => {
                if self.market.random.chance(30) {
                    self.plan_action(trip, arrival - TimeDelta::minutes(20), TripAction::CheckIn);
                }
                self.plan_action(trip, arrival, TripAction::Advance);
                if self.market.random.chance(40) {
                    self.plan_action(trip, departure - TimeDelta::minutes(45), TripAction::CheckOut);
                }
                self.plan_action(trip, departure, TripAction::Advance);
            }
        }
    }

    async fn perform(&mut self, trip: usize, action: TripAction) -> Result<(), Error> {
        let id = self.progress[trip].booking.ok_or_else(|| Error::failed("a trip has no booking"))?;
        let seen = bookings::by_id(&self.market.app, &Viewer::System, id).await?;
        let seen = seen.ok_or_else(|| Error::failed("a booking is missing"))?;
        let app = &self.market.app;
        let (guest, host) = (viewer(self.person(seen.guest_id)?), viewer(self.person(seen.host_id)?));
        let booking = match action {
            TripAction::Accept => bookings::accept(app, &host, id).await?,
            TripAction::Decline => {
                bookings::decline(app, &host, id, self.market.random.pick(messages::DECLINES)).await?
            }
            TripAction::Withdraw => bookings::withdraw(app, &guest, id).await?,
            TripAction::Pay => bookings::confirm_payment(app, &guest, id).await?,
            TripAction::Advance => bookings::advance(app, id).await?.unwrap_or(seen),
            TripAction::PayHost => {
                let payouts = payments::payouts_by_bookings(app, &Viewer::System, &[id]).await?;
                for payout in payouts.get(&id).into_iter().flatten() {
                    payments::pay_out(app, payout.id).await?;
                }
                return Ok(());
            }
            TripAction::CheckIn => {
                bookings::check_in(app, if self.market.random.chance(60) { &guest } else { &host }, id).await?
            }
            TripAction::CheckOut => bookings::check_out(app, &guest, id).await?,
            TripAction::GuestCancels => {
                let reason = self.market.random.chance(60).then(|| self.market.random.pick(messages::CANCELLATIONS));
                cancel(app, &guest, &seen, reason).await?
            }
            TripAction::HostCancels => {
                cancel(app, &host, &seen, Some(self.market.random.pick(messages::FAILURES))).await?
            }
            TripAction::PlatformCancels => {
                let staff = viewer(&self.market.people.admin);
                cancel(app, &staff, &seen, Some(self.market.random.pick(messages::FAILURES))).await?
            }
            TripAction::NoShow => bookings::report_no_show(app, &host, id).await?,
            TripAction::GuestReviews | TripAction::HostReviews | TripAction::Publish | TripAction::Respond => {
                return self.review(trip, action, &seen, &guest, &host).await;
            }
        };
        if booking.state == BookingState::CheckedIn && matches!(action, TripAction::Advance) {
            let payouts = payments::payouts_by_bookings(app, &Viewer::System, &[id]).await?;
            for payout in payouts.get(&id).into_iter().flatten() {
                self.plan_action(trip, payout.release_at, TripAction::PayHost);
            }
        }
        match action {
            TripAction::Accept | TripAction::Pay => self.plan_after_booking(trip, &booking),
            TripAction::Advance | TripAction::CheckOut if booking.state == BookingState::Completed => {
                self.plan_reviews(trip)
            }
            _ => {}
        }
        Ok(())
    }

    /// Plans the reviews of a completed stay.
    fn plan_reviews(&mut self, trip: usize) {
        if std::mem::replace(&mut self.progress[trip].over, true) {
            return;
        }
        let now = self.market.app.clock.now();
        for (percent, action) in [(82, TripAction::GuestReviews), (70, TripAction::HostReviews)] {
            if self.market.random.chance(percent) {
                let later = TimeDelta::minutes(self.market.random.between(600, 13_000));
                self.plan_action(trip, now + later, action);
            }
        }
    }

    async fn review(
        &mut self,
        trip: usize,
        action: TripAction,
        booking: &Booking,
        guest: &Viewer,
        host: &Viewer,
    ) -> Result<(), Error> {
        let app = self.market.app.clone();
        let review = match action {
            TripAction::GuestReviews => {
                let review =
                    reviews::submit(&app, guest, booking.id, messages::stay_review(&mut self.market.random)).await?;
                self.progress[trip].review = Some(review.id);
                review
            }
            TripAction::HostReviews => {
                reviews::submit(&app, host, booking.id, messages::guest_review(&mut self.market.random)).await?
            }
            TripAction::Publish => {
                reviews::publish_due(&app, booking.id).await?;
                self.plan_response(trip);
                return Ok(());
            }
            _ => {
                if let Some(review) = self.progress[trip].review {
                    reviews::respond(&app, host, review, messages::response(&mut self.market.random)).await?;
                }
                return Ok(());
            }
        };
        self.created.reviews += 1;
        if review.published_at.is_some() {
            self.plan_response(trip);
        } else if let Some(window) = reviews::review_window(booking)? {
            self.plan_action(trip, window.closes_at, TripAction::Publish);
        }
        Ok(())
    }

    /// Some hosts respond to a review, once.
    fn plan_response(&mut self, trip: usize) {
        if self.progress[trip].review.is_some() && self.progress[trip].over && self.market.random.chance(35) {
            self.progress[trip].over = false;
            let later = TimeDelta::minutes(self.market.random.between(200, 4_000));
            self.plan_action(trip, self.market.app.clock.now() + later, TripAction::Respond);
        }
    }
}

/// Cancels for exactly the refund of the preview.
async fn cancel(app: &App, viewer: &Viewer, booking: &Booking, reason: Option<&str>) -> Result<Booking, Error> {
    let preview = bookings::preview_cancellation(app, viewer, booking)?;
    let preview = preview.ok_or_else(|| Error::failed(format!("{} cannot be cancelled", booking.state.as_str())))?;
    let currency = booking.currency.parse().map_err(Error::failed)?;
    let (booking, _) = bookings::cancel(app, viewer, booking.id, Money::new(preview.refund, currency), reason).await?;
    Ok(booking)
}
