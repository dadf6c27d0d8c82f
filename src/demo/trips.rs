//! The trips that people plan to a city, each with the end it is to come to.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::random::Random;

/// What a trip comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The guests came and left.
    Completed,
    /// The guests are there today.
    Staying,
    /// The guests are going to come.
    Confirmed,
    /// The host has not answered yet.
    Requested,
    /// The bank waits for the guest.
    PaymentDue,
    /// The host refused.
    Declined,
    /// The guest took the request back.
    Withdrawn,
    /// The host never answered.
    Unanswered,
    /// The guest never did what the bank asked for.
    PaymentLapsed,
    /// The card was refused.
    CardDeclined,
    /// The guest cancelled before arriving.
    GuestCancels,
    /// The guest left in the middle of the stay.
    LeavesEarly,
    /// The host cancelled.
    HostCancels,
    /// Staff cancelled.
    PlatformCancels,
    /// The guest never came.
    NoShow,
}

/// How many trips of each kind people make to a city.
const FATES: [(Fate, usize); 15] = [
    (Fate::Completed, 21),
    (Fate::Staying, 2),
    (Fate::Confirmed, 9),
    (Fate::Requested, 2),
    (Fate::PaymentDue, 1),
    (Fate::Declined, 2),
    (Fate::Withdrawn, 1),
    (Fate::Unanswered, 1),
    (Fate::PaymentLapsed, 1),
    (Fate::CardDeclined, 1),
    (Fate::GuestCancels, 4),
    (Fate::LeavesEarly, 1),
    (Fate::HostCancels, 2),
    (Fate::PlatformCancels, 1),
    (Fate::NoShow, 2),
];

/// Trips that the demonstration's own guest makes, city by city.
const OWN: [&[Fate]; 8] = [
    &[Fate::Completed, Fate::Confirmed],
    &[Fate::Completed],
    &[Fate::Requested],
    &[Fate::Confirmed],
    &[Fate::GuestCancels],
    &[Fate::PaymentDue],
    &[Fate::Declined],
    &[Fate::Completed],
];

/// A trip that is going to be booked.
#[derive(Clone, Debug)]
pub(super) struct Trip {
    pub fate: Fate,
    pub booked_at: DateTime<Utc>,
    pub arrival: NaiveDate,
    pub nights: i64,
    /// When somebody declines, withdraws or cancels, if that is its fate.
    pub turns_at: DateTime<Utc>,
    /// Whether the demonstration's own guest travels.
    pub own: bool,
}

impl Fate {
    /// Whether it takes a host who answers requests.
    pub fn needs_request(self) -> bool {
        matches!(self, Fate::Requested | Fate::Declined | Fate::Withdrawn | Fate::Unanswered)
    }

    /// The card that leads there.
    pub fn card(self, random: &mut Random) -> &'static str {
        match self {
            Fate::PaymentDue | Fate::PaymentLapsed => "3ds",
            Fate::CardDeclined if random.chance(50) => "insufficient_funds",
            Fate::CardDeclined => "declined",
            Fate::Completed | Fate::Confirmed if random.chance(8) => "3ds",
            _ => "ok",
        }
    }
}

/// The trips to one city. All but the youngest are over before `midnight`, the last one before `now`.
pub(super) fn plan(random: &mut Random, city: usize, midnight: DateTime<Utc>, now: DateTime<Utc>) -> Vec<Trip> {
    let mut trips = Vec::new();
    let own = OWN.get(city).copied().unwrap_or_default();
    for (fate, count) in FATES {
        for number in 0..count {
            let mut trip = one(random, fate, midnight, now);
            trip.own = number == 0 && own.contains(&fate);
            if fate == Fate::Completed && number == 1 {
                // One long stay, by the long-term policy.
                trip.nights = 30;
                trip.arrival = midnight.date_naive() - TimeDelta::days(random.between(40, 200));
                trip.booked_at = at(random, trip.arrival, 45);
            }
            trips.push(trip);
        }
    }
    trips
}

fn one(random: &mut Random, fate: Fate, midnight: DateTime<Utc>, now: DateTime<Utc>) -> Trip {
    let today = midnight.date_naive();
    let days = TimeDelta::days;
    let nights = if random.chance(10) { random.between(8, 14) } else { random.between(2, 6) };
    let (arrival, lead) = match fate {
        Fate::Completed => (today - days(nights + 2 + random.between(0, 300)), random.between(4, 60)),
        Fate::Staying => (today - days(random.between(1, 2)), random.between(6, 40)),
        Fate::Confirmed => {
            let ahead = random.between(2, 110);
            (today + days(ahead), ahead + random.between(2, 30))
        }
        Fate::Requested | Fate::PaymentDue => (today + days(random.between(6, 60)), 0),
        Fate::Declined | Fate::Withdrawn | Fate::Unanswered | Fate::PaymentLapsed | Fate::CardDeclined => {
            let ahead = random.between(-200, 40);
            (today + days(ahead), ahead.max(0) + random.between(5, 40))
        }
        Fate::GuestCancels | Fate::HostCancels | Fate::PlatformCancels => {
            let ahead = random.between(-150, 80);
            (today + days(ahead), ahead.max(0) + random.between(12, 60))
        }
        Fate::LeavesEarly | Fate::NoShow => (today - days(nights + 2 + random.between(0, 200)), random.between(5, 40)),
    };
    let nights = if fate == Fate::Staying {
        random.between(4, 8)
    } else {
        nights.max(if fate == Fate::LeavesEarly { 4 } else { 2 })
    };
    let booked_at = match fate {
        Fate::Requested => now - TimeDelta::minutes(random.between(30, 1_000)),
        Fate::PaymentDue => now - TimeDelta::minutes(random.between(2, 8)),
        _ => at(random, arrival, lead),
    };
    let turns_at = match fate {
        Fate::GuestCancels | Fate::HostCancels | Fate::PlatformCancels => {
            let last = midnight.min(arrival.and_time(chrono::NaiveTime::MIN).and_utc()) - TimeDelta::hours(20);
            let first = booked_at + TimeDelta::hours(14);
            first + TimeDelta::minutes(random.between(0, (last - first).num_minutes()))
        }
        _ => booked_at + TimeDelta::minutes(random.between(90, 1_200)),
    };
    Trip { fate, booked_at, arrival, nights, turns_at, own: false }
}

/// Some moment of the day that lies so many days before `arrival`.
fn at(random: &mut Random, arrival: NaiveDate, lead_days: i64) -> DateTime<Utc> {
    let day = arrival.and_time(chrono::NaiveTime::MIN).and_utc() - TimeDelta::days(lead_days);
    day + TimeDelta::minutes(random.between(0, 1_000))
}
