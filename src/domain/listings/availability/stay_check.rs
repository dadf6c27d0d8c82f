//! Whether a stay can be booked, with every reason why not: the one answer for search, quotes and bookings.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::listings::pricing::{Season, season_value};
use crate::kernel::guests::Guests;
use crate::kernel::local_time::{date_in, time_in};
use crate::kernel::stay::{Stay, Weekdays};

/// What a host asks of a stay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StayRules {
    /// The fewest nights.
    pub min_nights: i32,
    /// The most nights.
    pub max_nights: i32,
    /// The fewest nights of stays that arrive on certain weekdays.
    pub min_nights_by_arrival: Vec<ArrivalMinimum>,
    /// Days between booking and arrival, at least; 0 allows booking on the day itself.
    pub advance_notice_days: i32,
    /// The local time until which the same day can be booked; none means until midnight.
    pub same_day_cutoff: Option<NaiveTime>,
    /// How many days from today a stay has to be over.
    pub booking_window_days: i32,
    /// Nights that stay empty after each booking.
    pub preparation_nights: i32,
    /// The weekdays on which a stay can begin.
    pub check_in_days: Weekdays,
    /// The weekdays on which a stay can end.
    pub check_out_days: Weekdays,
    /// Whether pets may come.
    pub pets_allowed: bool,
}

/// The fewest nights of a stay that arrives on one weekday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalMinimum {
    /// The weekday of arrival.
    pub day: Weekday,
    /// Nights.
    pub min_nights: i32,
}

/// What a night of the calendar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NightState {
    /// Nobody has it.
    Free,
    /// A booking has it.
    Booked,
    /// Someone is paying for it.
    Held,
    /// The host keeps it.
    BlockedByHost,
    /// A calendar from elsewhere has it.
    BlockedByCalendar,
    /// It stays empty after a booking.
    Preparation,
    /// It is past or too far ahead.
    OutsideWindow,
}

/// The rules a stay can break, in the order in which they are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StayRule {
    /// The listing takes no bookings.
    ListingNotPublished,
    /// The stay would end before it begins.
    DatesInvalid,
    /// The stay would begin before today.
    InThePast,
    /// Hosts do not book their own listing.
    OwnListing,
    /// Too little time before arrival.
    AdvanceNotice,
    /// Too far ahead.
    BookingWindow,
    /// No arrival on this weekday.
    CheckInDay,
    /// No departure on this weekday.
    CheckOutDay,
    /// Too short.
    MinNights,
    /// Too long.
    MaxNights,
    /// Too many people.
    Capacity,
    /// No pets.
    Pets,
    /// Someone else has some of the nights.
    NightsTaken,
    /// Too close to another booking.
    Preparation,
}

/// A night that is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnavailableNight {
    /// The night.
    pub date: NaiveDate,
    /// Why it is in the way.
    pub state: NightState,
}

/// One reason why a stay cannot be booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: StayRule,
    /// The reason in a sentence.
    pub message: String,
    /// The nights in the way, in order; empty for rules that are not about nights.
    pub nights: Vec<UnavailableNight>,
    /// The number the rule sets: nights, days or heads.
    pub limit: Option<i64>,
}

/// What the answer depends on besides the stay itself.
#[derive(Clone, Copy, Debug)]
pub struct StayFacts<'a> {
    /// Whether the listing takes bookings.
    pub published: bool,
    /// Whether the person asking is its host.
    pub own_listing: bool,
    /// How many adults and children fit.
    pub capacity: i32,
    /// What the host asks.
    pub rules: &'a StayRules,
    /// The seasons, for the minimum they set.
    pub seasons: &'a [Season],
    /// The claimed nights of `[check_in, check_out + preparation)`.
    pub taken: &'a BTreeMap<NaiveDate, NightState>,
    /// The fewest nights of stays that arrive on certain dates.
    pub min_nights_on: &'a BTreeMap<NaiveDate, i32>,
    /// The listing's time zone.
    pub zone: Tz,
    /// The moment of asking.
    pub now: DateTime<Utc>,
}

/// Every rule that the stay would break, in the order of [`StayRule`]; none means that it can be booked.
///
/// Where the dates make no stay, no other rule about dates is looked at.
pub fn check(facts: &StayFacts, check_in: NaiveDate, check_out: NaiveDate, guests: Guests) -> Vec<Violation> {
    let mut found = Vec::new();
    match Stay::new(check_in, check_out) {
        Some(stay) => {
            arrival(facts, stay, &mut found);
            weekdays(facts.rules, stay, &mut found);
            length(facts, stay, &mut found);
            nights(facts, stay, &mut found);
        }
        None => found.push(Violation::plain(
            StayRule::DatesInvalid,
            format!("The check-out date {check_out} must be after the check-in date {check_in}."),
        )),
    }
    if !facts.published {
        found.push(Violation::plain(StayRule::ListingNotPublished, "This listing does not take bookings.".into()));
    }
    if facts.own_listing {
        found.push(Violation::plain(StayRule::OwnListing, "Hosts cannot book their own listing.".into()));
    }
    party(facts, guests, &mut found);
    found.sort_by_key(|violation| violation.rule);
    found
}

/// The fewest nights of a stay that arrives on `date`: the strictest of the listing, the weekday, the season and
/// `special`, what the host set for the date itself.
pub fn min_nights(rules: &StayRules, seasons: &[Season], special: Option<i32>, date: NaiveDate) -> i32 {
    let by_day = rules.min_nights_by_arrival.iter().filter(|minimum| minimum.day == date.weekday());
    by_day
        .map(|minimum| minimum.min_nights)
        .chain(season_value(seasons, date, |season| season.min_nights))
        .chain(special)
        .fold(rules.min_nights.max(1), i32::max)
}

impl NightState {
    /// The word that the API and the logs use.
    pub fn word(self) -> &'static str {
        match self {
            NightState::Free => "FREE",
            NightState::Booked => "BOOKED",
            NightState::Held => "HELD",
            NightState::BlockedByHost => "BLOCKED_BY_HOST",
            NightState::BlockedByCalendar => "BLOCKED_BY_CALENDAR",
            NightState::Preparation => "PREPARATION",
            NightState::OutsideWindow => "OUTSIDE_WINDOW",
        }
    }
}

impl Violation {
    fn plain(rule: StayRule, message: String) -> Self {
        Violation { rule, message, nights: Vec::new(), limit: None }
    }

    fn limited(rule: StayRule, limit: i32, message: String) -> Self {
        Violation { limit: Some(limit.into()), ..Violation::plain(rule, message) }
    }
}

/// Today, notice and window, all by the listing's own calendar.
fn arrival(facts: &StayFacts, stay: Stay, found: &mut Vec<Violation>) {
    let today = date_in(facts.now, facts.zone);
    let (notice, window) = (facts.rules.advance_notice_days.max(0), facts.rules.booking_window_days.max(0));
    if stay.check_in() < today {
        let message = format!("The stay would begin on {}, before today, {today}.", stay.check_in());
        found.push(Violation::plain(StayRule::InThePast, message));
    }
    let earliest = later(today, notice);
    if notice > 0 && stay.check_in() < earliest {
        let message = format!("The host needs {} of notice: {earliest} at the earliest.", count(notice, "day"));
        found.push(Violation::limited(StayRule::AdvanceNotice, notice, message));
    }
    if let Some(cutoff) = facts.rules.same_day_cutoff
        && notice == 0
        && stay.check_in() == today
        && time_in(facts.now, facts.zone) > cutoff
    {
        let message = format!("A stay that begins today has to be booked by {}.", cutoff.format("%H:%M"));
        found.push(Violation::limited(StayRule::AdvanceNotice, notice, message));
    }
    let latest = later(today, window);
    if stay.check_out() > latest {
        let message = format!("Stays can be booked {} ahead: until {latest} at the latest.", count(window, "day"));
        found.push(Violation::limited(StayRule::BookingWindow, window, message));
    }
}

fn weekdays(rules: &StayRules, stay: Stay, found: &mut Vec<Violation>) {
    let mut demand = |rule, what: &str, date: NaiveDate, days: Weekdays| {
        if !days.contains_date(date) {
            let names: Vec<_> = days.days().map(name).collect();
            let possible = if names.is_empty() { "on no day".into() } else { format!("on {}", names.join(", ")) };
            let message = format!("{what} is possible {possible}, and {date} is a {}.", name(date.weekday()));
            found.push(Violation::plain(rule, message));
        }
    };
    demand(StayRule::CheckInDay, "Check-in", stay.check_in(), rules.check_in_days);
    demand(StayRule::CheckOutDay, "Check-out", stay.check_out(), rules.check_out_days);
}

fn length(facts: &StayFacts, stay: Stay, found: &mut Vec<Violation>) {
    let (nights, at_most) = (stay.nights(), facts.rules.max_nights);
    let at_least =
        min_nights(facts.rules, facts.seasons, facts.min_nights_on.get(&stay.check_in()).copied(), stay.check_in());
    if nights < i64::from(at_least) {
        let asked = count(nights, "night");
        let message =
            format!("A stay from {} has at least {}, and this is {asked}.", stay.check_in(), count(at_least, "night"));
        found.push(Violation::limited(StayRule::MinNights, at_least, message));
    }
    if nights > i64::from(at_most) {
        let message = format!("A stay has at most {}, and this is {nights}.", count(at_most, "night"));
        found.push(Violation::limited(StayRule::MaxNights, at_most, message));
    }
}

fn party(facts: &StayFacts, guests: Guests, found: &mut Vec<Violation>) {
    let heads = guests.paying();
    if heads > facts.capacity {
        let message =
            format!("The place sleeps {}, and this is {heads} without infants.", count(facts.capacity, "guest"));
        found.push(Violation::limited(StayRule::Capacity, facts.capacity, message));
    }
    if guests.pets > 0 && !facts.rules.pets_allowed {
        let message = format!("Pets are not allowed here, and this is {}.", count(guests.pets, "pet"));
        found.push(Violation::limited(StayRule::Pets, 0, message));
    }
}

/// Nights that others have. Preparation is named only where it is the one obstacle: our own nights in someone's
/// tail, or someone's nights in ours.
fn nights(facts: &StayFacts, stay: Stay, found: &mut Vec<Violation>) {
    let gap = facts.rules.preparation_nights.max(0);
    let claimed = |from: NaiveDate, to: NaiveDate| {
        let nights = facts.taken.range(from..to).map(|(&date, &state)| UnavailableNight { date, state });
        nights.filter(|night| night.state != NightState::Free).collect::<Vec<_>>()
    };
    let mut nights = claimed(stay.check_in(), stay.check_out());
    if nights.iter().any(|night| night.state != NightState::Preparation) {
        let message = format!("{} not free: {}.", are(nights.len()), listed(&nights));
        found.push(Violation { nights, ..Violation::plain(StayRule::NightsTaken, message) });
        return;
    }
    nights.extend(claimed(stay.check_out(), later(stay.check_out(), gap)));
    if !nights.is_empty() {
        let message = format!(
            "The host needs {} between two stays: {} in the way: {}.",
            count(gap.max(1), "free night"),
            are(nights.len()),
            listed(&nights)
        );
        found.push(Violation { nights, ..Violation::limited(StayRule::Preparation, gap, message) });
    }
}

/// The date so many days later, or the calendar's last.
fn later(date: NaiveDate, days: i32) -> NaiveDate {
    date.checked_add_days(Days::new(u64::try_from(days).unwrap_or(0))).unwrap_or(NaiveDate::MAX)
}

/// `1 night`, `2 nights`.
fn count(number: impl Into<i64>, noun: &str) -> String {
    match number.into() {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}

fn are(nights: usize) -> String {
    if nights == 1 { "1 night is".into() } else { format!("{nights} nights are") }
}

/// The first dates, as many as a sentence bears.
fn listed(nights: &[UnavailableNight]) -> String {
    const SHOWN: usize = 5;
    let dates: Vec<String> = nights.iter().take(SHOWN).map(|night| night.date.to_string()).collect();
    let more = if nights.len() > SHOWN { " and more" } else { "" };
    format!("{}{more}", dates.join(", "))
}

fn name(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::America::New_York;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn guests(adults: i32, children: i32, infants: i32, pets: i32) -> Guests {
        Guests { adults, children, infants, pets }
    }

    fn rules() -> StayRules {
        StayRules {
            min_nights: 1,
            max_nights: 31,
            min_nights_by_arrival: vec![],
            advance_notice_days: 0,
            same_day_cutoff: None,
            booking_window_days: 365,
            preparation_nights: 0,
            check_in_days: Weekdays::ALL,
            check_out_days: Weekdays::ALL,
            pets_allowed: true,
        }
    }

    struct Case {
        rules: StayRules,
        seasons: Vec<Season>,
        taken: BTreeMap<NaiveDate, NightState>,
        min_nights_on: BTreeMap<NaiveDate, i32>,
        now: &'static str,
    }

    impl Case {
        fn new(rules: StayRules) -> Self {
            let (taken, min_nights_on) = (BTreeMap::new(), BTreeMap::new());
            Case { rules, seasons: vec![], taken, min_nights_on, now: "2027-03-01T17:00:00Z" }
        }

        fn taking(mut self, nights: &[(&str, NightState)]) -> Self {
            self.taken = nights.iter().map(|(day, state)| (date(day), *state)).collect();
            self
        }

        fn facts(&self) -> StayFacts<'_> {
            StayFacts {
                published: true,
                own_listing: false,
                capacity: 4,
                rules: &self.rules,
                seasons: &self.seasons,
                taken: &self.taken,
                min_nights_on: &self.min_nights_on,
                zone: New_York,
                now: self.now.parse().unwrap(),
            }
        }

        fn check(&self, check_in: &str, check_out: &str) -> Vec<Violation> {
            check(&self.facts(), date(check_in), date(check_out), guests(2, 0, 0, 0))
        }

        fn broken(&self, check_in: &str, check_out: &str) -> Vec<StayRule> {
            self.check(check_in, check_out).iter().map(|violation| violation.rule).collect()
        }
    }

    #[test]
    fn an_ordinary_stay_can_be_booked() {
        assert_eq!(Case::new(rules()).check("2027-03-04", "2027-03-08"), []);
    }

    #[test]
    fn everything_that_is_wrong_is_told_in_order() {
        use StayRule::*;
        let no_days = StayRules {
            min_nights: 3,
            max_nights: 1,
            advance_notice_days: 2,
            booking_window_days: 0,
            check_in_days: Weekdays::NONE,
            check_out_days: Weekdays::FRIDAY_AND_SATURDAY,
            pets_allowed: false,
            ..rules()
        };
        let case = Case::new(no_days).taking(&[("2027-02-27", NightState::Booked)]);
        let facts = StayFacts { published: false, own_listing: true, ..case.facts() };
        let found = check(&facts, date("2027-02-27"), date("2027-03-01"), guests(4, 1, 3, 1));
        // Check-out on the day of asking itself is inside every window.
        assert_eq!(
            found.iter().map(|violation| violation.rule).collect::<Vec<_>>(),
            [
                ListingNotPublished,
                InThePast,
                OwnListing,
                AdvanceNotice,
                CheckInDay,
                CheckOutDay,
                MinNights,
                MaxNights,
                Capacity,
                Pets,
                NightsTaken
            ]
        );
        let limits: Vec<_> = found.iter().filter_map(|violation| violation.limit).collect();
        assert_eq!(limits, [2, 3, 1, 4, 0]);
        assert_eq!(found[5].message, "Check-out is possible on Friday, Saturday, and 2027-03-01 is a Monday.");
        assert_eq!(found[8].message, "The place sleeps 4 guests, and this is 5 without infants.");
    }

    #[test]
    fn dates_that_make_no_stay_leave_the_other_rules_alone() {
        let case = Case::new(StayRules { min_nights: 9, ..rules() });
        assert_eq!(case.broken("2027-03-08", "2027-03-08"), [StayRule::DatesInvalid]);
        let found = check(&case.facts(), date("2020-03-08"), date("2020-03-07"), guests(5, 0, 0, 0));
        assert_eq!(found.iter().map(|v| v.rule).collect::<Vec<_>>(), [StayRule::DatesInvalid, StayRule::Capacity]);
    }

    #[test]
    fn today_is_the_listings_own() {
        let mut case = Case::new(rules());
        case.now = "2027-03-02T04:59:00Z";
        assert_eq!(case.broken("2027-03-01", "2027-03-02"), []);
        case.now = "2027-03-02T05:00:00Z";
        assert_eq!(case.broken("2027-03-01", "2027-03-02"), [StayRule::InThePast]);
    }

    #[test]
    fn notice_counts_days_and_the_same_day_has_a_cutoff() {
        let case = Case::new(StayRules { advance_notice_days: 2, ..rules() });
        assert_eq!(case.broken("2027-03-02", "2027-03-04"), [StayRule::AdvanceNotice]);
        assert_eq!(case.broken("2027-03-03", "2027-03-04"), []);
        // It is 12:00 in New York.
        for (cutoff, broken) in [("12:00:00", vec![]), ("11:59:59", vec![StayRule::AdvanceNotice])] {
            let case = Case::new(StayRules { same_day_cutoff: cutoff.parse().ok(), ..rules() });
            assert_eq!(case.broken("2027-03-01", "2027-03-04"), broken, "{cutoff}");
            assert_eq!(case.broken("2027-03-02", "2027-03-04"), []);
        }
    }

    #[test]
    fn a_stay_is_over_within_the_window() {
        let case = Case::new(StayRules { booking_window_days: 10, ..rules() });
        assert_eq!(case.broken("2027-03-10", "2027-03-11"), []);
        let found = case.check("2027-03-10", "2027-03-12");
        assert_eq!((found[0].rule, found[0].limit), (StayRule::BookingWindow, Some(10)));
        assert_eq!(found[0].message, "Stays can be booked 10 days ahead: until 2027-03-11 at the latest.");
    }

    #[test]
    fn the_strictest_minimum_counts() {
        let season = |min_nights, priority| Season {
            id: Uuid::from_u128(1),
            name: "Spring".into(),
            from: date("2027-03-01"),
            to: date("2027-04-01"),
            nightly: None,
            min_nights,
            priority,
        };
        let arrival = ArrivalMinimum { day: Weekday::Fri, min_nights: 3 };
        let mut case = Case::new(StayRules { min_nights: 2, min_nights_by_arrival: vec![arrival], ..rules() });
        let limit = |case: &Case| case.check("2027-03-05", "2027-03-06")[0].limit;
        assert_eq!(case.check("2027-03-04", "2027-03-05")[0].limit, Some(2));
        assert_eq!(limit(&case), Some(3));
        case.seasons = vec![season(Some(9), 0), season(Some(4), 1), season(None, 2)];
        assert_eq!(limit(&case), Some(4));
        case.min_nights_on = BTreeMap::from([(date("2027-03-05"), 5), (date("2027-03-06"), 30)]);
        assert_eq!(limit(&case), Some(5));
        assert_eq!(
            case.check("2027-03-05", "2027-03-06")[0].message,
            "A stay from 2027-03-05 has at least 5 nights, and this is 1 night."
        );
    }

    #[test]
    fn taken_nights_are_told_and_neighbours_do_not_matter() {
        use NightState::*;
        let claims =
            [("2027-03-03", Booked), ("2027-03-05", Held), ("2027-03-06", Preparation), ("2027-03-08", Booked)];
        let case = Case::new(rules()).taking(&claims);
        let found = case.check("2027-03-04", "2027-03-08");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].rule, StayRule::NightsTaken);
        assert_eq!(found[0].message, "2 nights are not free: 2027-03-05, 2027-03-06.");
        assert_eq!(found[0].nights[1], UnavailableNight { date: date("2027-03-06"), state: Preparation });
        assert_eq!(case.check("2027-03-07", "2027-03-08"), []);
    }

    #[test]
    fn preparation_keeps_stays_apart_on_both_sides() {
        use NightState::*;
        let claims = [("2027-03-04", Preparation), ("2027-03-09", BlockedByHost)];
        let case = Case::new(StayRules { preparation_nights: 1, ..rules() }).taking(&claims);
        assert_eq!(case.broken("2027-03-05", "2027-03-08"), []);
        assert_eq!(case.broken("2027-03-04", "2027-03-08"), [StayRule::Preparation]);
        let found = case.check("2027-03-05", "2027-03-09");
        assert_eq!((found[0].rule, found[0].limit, found[0].nights.len()), (StayRule::Preparation, Some(1), 1));
        assert_eq!(
            found[0].message,
            "The host needs 1 free night between two stays: 1 night is in the way: 2027-03-09."
        );
    }

    proptest! {
        #[test]
        fn any_dates_and_numbers_get_an_answer_in_order(
            days in any::<[i32; 2]>(), numbers in any::<[i32; 6]>(), bits in any::<i16>(),
        ) {
            let of = |n: i32| NaiveDate::from_num_days_from_ce_opt(n % 90_000_000).unwrap_or(NaiveDate::MAX);
            let case = Case::new(StayRules {
                min_nights: numbers[0],
                max_nights: numbers[1],
                advance_notice_days: numbers[2],
                booking_window_days: numbers[3],
                preparation_nights: numbers[4],
                check_in_days: Weekdays::from_bits(bits),
                ..rules()
            });
            let found = check(&case.facts(), of(days[0]), of(days[1]), guests(numbers[5], 1, 0, 0));
            prop_assert!(found.windows(2).all(|pair| pair[0].rule < pair[1].rule));
        }
    }
}
