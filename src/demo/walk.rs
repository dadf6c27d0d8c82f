//! Walking through the past of one city, step by step in the order of time, by the rules of the product itself.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

use super::cities::{CITIES, City};
use super::people::{People, viewer};
use super::places::{self, Market, Place};
use super::random::Random;
use super::trips::{Fate, Trip, plan};
use super::{book, messages};
use crate::domain::bookings::lifecycle::state::BookingState;
use crate::domain::bookings::{self, Booking};
use crate::domain::error::Error;
use crate::domain::listings::Listing;
use crate::domain::users::User;
use crate::domain::viewer::Viewer;
use crate::domain::{payments, reviews};
use crate::kernel::money::Money;
use crate::platform::App;
use crate::platform::clock::Clock;

/// What is going to happen.
#[derive(Clone, Copy, Debug)]
enum Event {
    Open(usize),
    Book(usize),
    Take(usize, Step),
}

/// What happens to a booking.
#[derive(Clone, Copy, Debug)]
enum Step {
    Accept,
    Decline,
    Withdraw,
    Pay,
    /// What the queue's timers do.
    Look,
    /// What the queue does when a payout is due.
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
    Answer,
}

/// What a walk leaves behind.
#[derive(Default)]
pub(super) struct Walked {
    pub listings: Vec<Uuid>,
    pub bookings: Vec<Uuid>,
    /// How many reviews were written.
    pub reviews: usize,
}

/// One city on its way from the past to today.
pub(super) struct Walk {
    pub app: App,
    pub city: &'static City,
    pub people: Arc<People>,
    pub random: Random,
    /// The places on the market, with the place of their host in the city.
    pub open: Vec<(usize, Listing)>,
    /// When guests are away already.
    pub away: HashMap<Uuid, Vec<(NaiveDate, NaiveDate)>>,
    pub number: usize,
    places: Vec<Place>,
    trips: Vec<Trip>,
    tales: Vec<Tale>,
    ahead: BTreeMap<(DateTime<Utc>, u32), Event>,
    asked: u32,
    walked: Walked,
}

/// What became of a trip so far.
#[derive(Clone, Default)]
struct Tale {
    booking: Option<Uuid>,
    over: bool,
    review: Option<Uuid>,
}

impl Walk {
    /// Plans the past of the city with this number up to the clock of `app`.
    pub fn new(app: &App, seed: u64, number: usize, people: Arc<People>) -> Result<Walk, Error> {
        let now = app.clock.now();
        let midnight = super::midnight(now);
        let city = CITIES[number];
        let mut random = Random::new(seed, 100 + number as u64);
        let hosts = people.hosts.get(number).map_or(0, Vec::len);
        let places = places::invent(&mut random, city, hosts, midnight)?;
        let trips = plan(&mut random, number, midnight, now);
        let mut walk = Walk {
            app: app.by_clock(Clock::manual(midnight - TimeDelta::days(500))),
            city,
            people,
            random,
            open: Vec::new(),
            away: HashMap::new(),
            number,
            tales: vec![Tale::default(); trips.len()],
            ahead: BTreeMap::new(),
            asked: 0,
            walked: Walked::default(),
            places,
            trips,
        };
        for place in 0..walk.places.len() {
            walk.at(walk.places[place].opens_at, Event::Open(place));
        }
        for trip in 0..walk.trips.len() {
            walk.at(walk.trips[trip].booked_at, Event::Book(trip));
        }
        Ok(walk)
    }

    /// Goes from event to event until `now`; what would come later is left to time.
    pub async fn go(mut self, now: DateTime<Utc>) -> Result<Walked, Error> {
        while let Some(((at, _), event)) = self.ahead.pop_first() {
            if at > now {
                break;
            }
            self.app.clock.set(at);
            match event {
                Event::Open(place) => self.open(place).await?,
                Event::Book(trip) => self.book(trip).await?,
                Event::Take(trip, step) => self.take(trip, step).await?,
            }
        }
        Ok(self.walked)
    }

    fn at(&mut self, at: DateTime<Utc>, event: Event) {
        self.asked += 1;
        self.ahead.insert((at, self.asked), event);
    }

    fn then(&mut self, trip: usize, at: DateTime<Utc>, step: Step) {
        // Nothing can be planned for a time that has passed.
        let at = at.max(self.app.clock.now());
        self.at(at, Event::Take(trip, step));
    }

    fn person(&self, id: Uuid) -> Result<&User, Error> {
        let everyone = self.people.hosts.iter().chain(&self.people.guests).flatten();
        let found = everyone.into_iter().find(|user| user.id == id);
        found.ok_or_else(|| Error::failed("nobody has this id"))
    }

    async fn open(&mut self, place: usize) -> Result<(), Error> {
        let place = &self.places[place];
        let host = &self.people.hosts[self.number][place.host];
        let listing = places::open(&self.app, self.city, host, place).await?;
        self.walked.listings.push(listing.id);
        if place.market == Market::Published {
            self.open.push((place.host, listing));
        }
        Ok(())
    }

    async fn book(&mut self, trip: usize) -> Result<(), Error> {
        let plan = self.trips[trip].clone();
        let booked = book::book(self, &plan, trip).await?;
        self.walked.bookings.extend(booked.failed);
        let Some(booking) = booked.booking else { return Ok(()) };
        self.walked.bookings.push(booking.id);
        self.tales[trip].booking = Some(booking.id);
        self.settled(trip, &booking);
        Ok(())
    }

    /// Plans what follows from the state that a new booking is in.
    fn settled(&mut self, trip: usize, booking: &Booking) {
        let (fate, turns_at) = (self.trips[trip].fate, self.trips[trip].turns_at);
        let now = self.app.clock.now();
        let expires_at = booking.expires_at.unwrap_or(now);
        match (booking.state, fate) {
            (BookingState::PendingPayment, Fate::PaymentDue) | (BookingState::Requested, Fate::Requested) => {}
            (BookingState::PendingPayment, Fate::PaymentLapsed) => self.then(trip, expires_at, Step::Look),
            (BookingState::PendingPayment, _) => self.then(trip, now + TimeDelta::minutes(2), Step::Pay),
            (BookingState::Requested, Fate::Declined) => self.then(trip, turns_at, Step::Decline),
            (BookingState::Requested, Fate::Withdrawn) => self.then(trip, turns_at, Step::Withdraw),
            (BookingState::Requested, Fate::Unanswered) => self.then(trip, expires_at, Step::Look),
            (BookingState::Requested, _) => {
                let minutes = self.random.between(20, 600);
                self.then(trip, now + TimeDelta::minutes(minutes), Step::Accept);
            }
            (BookingState::Confirmed, _) => self.confirmed(trip, booking, turns_at),
            _ => {}
        }
    }

    fn confirmed(&mut self, trip: usize, booking: &Booking, turns_at: DateTime<Utc>) {
        let (arrival, departure) = (booking.check_in_at, booking.check_out_at);
        match self.trips[trip].fate {
            Fate::GuestCancels => self.then(trip, turns_at, Step::GuestCancels),
            Fate::HostCancels => self.then(trip, turns_at, Step::HostCancels),
            Fate::PlatformCancels => self.then(trip, turns_at, Step::PlatformCancels),
            Fate::LeavesEarly => {
                self.then(trip, arrival, Step::Look);
                self.then(trip, arrival + TimeDelta::hours(26), Step::GuestCancels);
            }
            Fate::NoShow => {
                self.then(trip, arrival, Step::Look);
                self.then(trip, arrival + TimeDelta::hours(7), Step::NoShow);
            }
            _ => {
                if self.random.chance(30) {
                    self.then(trip, arrival - TimeDelta::minutes(20), Step::CheckIn);
                }
                self.then(trip, arrival, Step::Look);
                if self.random.chance(40) {
                    self.then(trip, departure - TimeDelta::minutes(45), Step::CheckOut);
                }
                self.then(trip, departure, Step::Look);
            }
        }
    }

    async fn take(&mut self, trip: usize, step: Step) -> Result<(), Error> {
        let id = self.tales[trip].booking.ok_or_else(|| Error::failed("a trip was never booked"))?;
        let seen = bookings::by_id(&self.app, &Viewer::System, id).await?;
        let seen = seen.ok_or_else(|| Error::failed("a booking is gone"))?;
        let app = &self.app;
        let (guest, host) = (viewer(self.person(seen.guest_id)?), viewer(self.person(seen.host_id)?));
        let booking = match step {
            Step::Accept => bookings::accept(app, &host, id).await?,
            Step::Decline => bookings::decline(app, &host, id, self.random.pick(messages::DECLINES)).await?,
            Step::Withdraw => bookings::withdraw(app, &guest, id).await?,
            Step::Pay => bookings::confirm_payment(app, &guest, id).await?,
            Step::Look => bookings::advance(app, id).await?.unwrap_or(seen),
            Step::PayHost => {
                let payouts = payments::payouts(app, &Viewer::System, &[id]).await?;
                for payout in payouts.get(&id).into_iter().flatten() {
                    payments::payouts::send::pay_out(app, payout.id).await?;
                }
                return Ok(());
            }
            Step::CheckIn => bookings::check_in(app, if self.random.chance(60) { &guest } else { &host }, id).await?,
            Step::CheckOut => bookings::check_out(app, &guest, id).await?,
            Step::GuestCancels => {
                let reason = self.random.chance(60).then(|| self.random.pick(messages::CANCELLATIONS));
                cancel(app, &guest, &seen, reason).await?
            }
            Step::HostCancels => cancel(app, &host, &seen, Some(self.random.pick(messages::FAILURES))).await?,
            Step::PlatformCancels => {
                let staff = viewer(&self.people.admin);
                cancel(app, &staff, &seen, Some(self.random.pick(messages::FAILURES))).await?
            }
            Step::NoShow => bookings::report_no_show(app, &host, id).await?,
            Step::GuestReviews | Step::HostReviews | Step::Publish | Step::Answer => {
                return self.review(trip, step, &seen, &guest, &host).await;
            }
        };
        if booking.state == BookingState::CheckedIn && matches!(step, Step::Look) {
            let payouts = payments::payouts(app, &Viewer::System, &[id]).await?;
            for payout in payouts.get(&id).into_iter().flatten() {
                self.then(trip, payout.release_at, Step::PayHost);
            }
        }
        match step {
            Step::Accept | Step::Pay => self.settled(trip, &booking),
            Step::Look | Step::CheckOut if booking.state == BookingState::Completed => self.completed(trip),
            _ => {}
        }
        Ok(())
    }

    /// Plans the reviews of a stay that is over.
    fn completed(&mut self, trip: usize) {
        if std::mem::replace(&mut self.tales[trip].over, true) {
            return;
        }
        let now = self.app.clock.now();
        for (percent, step) in [(82, Step::GuestReviews), (70, Step::HostReviews)] {
            if self.random.chance(percent) {
                let later = TimeDelta::minutes(self.random.between(600, 13_000));
                self.then(trip, now + later, step);
            }
        }
    }

    async fn review(
        &mut self,
        trip: usize,
        step: Step,
        booking: &Booking,
        guest: &Viewer,
        host: &Viewer,
    ) -> Result<(), Error> {
        let app = self.app.clone();
        let review = match step {
            Step::GuestReviews => {
                let review = reviews::submit(&app, guest, booking.id, messages::of_stay(&mut self.random)).await?;
                self.tales[trip].review = Some(review.id);
                review
            }
            Step::HostReviews => reviews::submit(&app, host, booking.id, messages::of_guest(&mut self.random)).await?,
            Step::Publish => {
                reviews::publish_due(&app, booking.id).await?;
                self.answer_later(trip);
                return Ok(());
            }
            _ => {
                if let Some(review) = self.tales[trip].review {
                    reviews::respond(&app, host, review, messages::answer(&mut self.random)).await?;
                }
                return Ok(());
            }
        };
        self.walked.reviews += 1;
        if review.published_at.is_some() {
            self.answer_later(trip);
        } else if let Some(window) = reviews::window(booking)? {
            self.then(trip, window.closes_at, Step::Publish);
        }
        Ok(())
    }

    /// Some hosts answer, once.
    fn answer_later(&mut self, trip: usize) {
        if self.tales[trip].review.is_some() && self.tales[trip].over && self.random.chance(35) {
            self.tales[trip].over = false;
            let later = TimeDelta::minutes(self.random.between(200, 4_000));
            self.then(trip, self.app.clock.now() + later, Step::Answer);
        }
    }
}

/// Cancels for exactly the refund that the viewer is shown.
async fn cancel(app: &App, viewer: &Viewer, booking: &Booking, reason: Option<&str>) -> Result<Booking, Error> {
    let shown = bookings::preview(app, viewer, booking)?;
    let shown = shown.ok_or_else(|| Error::failed(format!("{} cannot be cancelled", booking.state.word())))?;
    let currency = booking.currency.parse().map_err(Error::failed)?;
    let (booking, _) = bookings::cancel(app, viewer, booking.id, Money::new(shown.refund, currency), reason).await?;
    Ok(booking)
}
