//! The trips that are planned to a city, each with its outcome.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::random::Random;

/// The outcome of a trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The guests stayed and left.
    Completed,
    /// The guests are staying today.
    Staying,
    /// The guests will arrive later.
    Confirmed,
    /// The host has not responded yet.
    Requested,
    /// The bank waits for the guest to authenticate.
    PaymentDue,
    /// The host declined.
    Declined,
    /// The guest withdrew the request.
    Withdrawn,
    /// The host did not respond in time.
    Unanswered,
    /// The guest did not authenticate in time.
    PaymentLapsed,
    /// The card was declined.
    CardDeclined,
    /// The guest cancelled before arriving.
    GuestCancels,
    /// The guest left in the middle of the stay.
    LeavesEarly,
    /// The host cancelled.
    HostCancels,
    /// Staff cancelled.
    PlatformCancels,
    /// The guest did not arrive.
    NoShow,
}

/// How many trips of each outcome go to each city.
const OUTCOMES: [(Outcome, usize); 15] = [
    (Outcome::Completed, 21),
    (Outcome::Staying, 2),
    (Outcome::Confirmed, 9),
    (Outcome::Requested, 2),
    (Outcome::PaymentDue, 1),
    (Outcome::Declined, 2),
    (Outcome::Withdrawn, 1),
    (Outcome::Unanswered, 1),
    (Outcome::PaymentLapsed, 1),
    (Outcome::CardDeclined, 1),
    (Outcome::GuestCancels, 4),
    (Outcome::LeavesEarly, 1),
    (Outcome::HostCancels, 2),
    (Outcome::PlatformCancels, 1),
    (Outcome::NoShow, 2),
];

/// The trips of the named guest, by city.
const OWN: [&[Outcome]; 8] = [
    &[Outcome::Completed, Outcome::Confirmed],
    &[Outcome::Completed],
    &[Outcome::Requested],
    &[Outcome::Confirmed],
    &[Outcome::GuestCancels],
    &[Outcome::PaymentDue],
    &[Outcome::Declined],
    &[Outcome::Completed],
];

/// A planned trip.
#[derive(Clone, Debug)]
pub(super) struct Trip {
    pub outcome: Outcome,
    pub booked_at: DateTime<Utc>,
    pub arrival: NaiveDate,
    pub nights: i64,
    /// When it is declined, withdrawn or cancelled, if that is its outcome.
    pub changes_at: DateTime<Utc>,
    /// Whether the named guest travels.
    pub own: bool,
}

impl Outcome {
    /// Whether it needs a listing that is booked by request.
    pub fn needs_request(self) -> bool {
        matches!(self, Outcome::Requested | Outcome::Declined | Outcome::Withdrawn | Outcome::Unanswered)
    }

    /// The sandbox card that leads to this outcome.
    pub fn card(self, random: &mut Random) -> &'static str {
        match self {
            Outcome::PaymentDue | Outcome::PaymentLapsed => "3ds",
            Outcome::CardDeclined if random.chance(50) => "insufficient_funds",
            Outcome::CardDeclined => "declined",
            Outcome::Completed | Outcome::Confirmed if random.chance(8) => "3ds",
            _ => "ok",
        }
    }
}

/// The trips to one city. All but the latest end before `midnight`, and the latest are booked before `now`.
pub(super) fn plan(random: &mut Random, city: usize, midnight: DateTime<Utc>, now: DateTime<Utc>) -> Vec<Trip> {
    let mut trips = Vec::new();
    let own = OWN.get(city).copied().unwrap_or_default();
    for (outcome, count) in OUTCOMES {
        for number in 0..count {
            let mut trip = one(random, outcome, midnight, now);
            trip.own = number == 0 && own.contains(&outcome);
            if outcome == Outcome::Completed && number == 1 {
                // One long stay, under the long-term policy.
                trip.nights = 30;
                trip.arrival = midnight.date_naive() - TimeDelta::days(random.between(40, 200));
                trip.booked_at = at(random, trip.arrival, 45);
            }
            trips.push(trip);
        }
    }
    trips
}

fn one(random: &mut Random, outcome: Outcome, midnight: DateTime<Utc>, now: DateTime<Utc>) -> Trip {
    let today = midnight.date_naive();
    let days = TimeDelta::days;
    let nights = if random.chance(10) { random.between(8, 14) } else { random.between(2, 6) };
    let (arrival, lead) = match outcome {
        Outcome::Completed => (today - days(nights + 2 + random.between(0, 300)), random.between(4, 60)),
        Outcome::Staying => (today - days(random.between(1, 2)), random.between(6, 40)),
        Outcome::Confirmed => {
            let ahead = random.between(2, 110);
            (today + days(ahead), ahead + random.between(2, 30))
        }
        Outcome::Requested | Outcome::PaymentDue => (today + days(random.between(6, 60)), 0),
        Outcome::Declined
        | Outcome::Withdrawn
        | Outcome::Unanswered
        | Outcome::PaymentLapsed
        | Outcome::CardDeclined => {
            let ahead = random.between(-200, 40);
            (today + days(ahead), ahead.max(0) + random.between(5, 40))
        }
        Outcome::GuestCancels | Outcome::HostCancels | Outcome::PlatformCancels => {
            let ahead = random.between(-150, 80);
            (today + days(ahead), ahead.max(0) + random.between(12, 60))
        }
        Outcome::LeavesEarly | Outcome::NoShow => {
            (today - days(nights + 2 + random.between(0, 200)), random.between(5, 40))
        }
    };
    let nights = if outcome == Outcome::Staying {
        random.between(4, 8)
    } else {
        nights.max(if outcome == Outcome::LeavesEarly { 4 } else { 2 })
    };
    let booked_at = match outcome {
        Outcome::Requested => now - TimeDelta::minutes(random.between(30, 1_000)),
        Outcome::PaymentDue => now - TimeDelta::minutes(random.between(2, 8)),
        _ => at(random, arrival, lead),
    };
    let changes_at = match outcome {
        Outcome::GuestCancels | Outcome::HostCancels | Outcome::PlatformCancels => {
            let last = midnight.min(arrival.and_time(chrono::NaiveTime::MIN).and_utc()) - TimeDelta::hours(20);
            let first = booked_at + TimeDelta::hours(14);
            first + TimeDelta::minutes(random.between(0, (last - first).num_minutes()))
        }
        _ => booked_at + TimeDelta::minutes(random.between(90, 1_200)),
    };
    Trip { outcome, booked_at, arrival, nights, changes_at, own: false }
}

/// A random time on the day that is `lead_days` days before `arrival`.
fn at(random: &mut Random, arrival: NaiveDate, lead_days: i64) -> DateTime<Utc> {
    let day = arrival.and_time(chrono::NaiveTime::MIN).and_utc() - TimeDelta::days(lead_days);
    day + TimeDelta::minutes(random.between(0, 1_000))
}
