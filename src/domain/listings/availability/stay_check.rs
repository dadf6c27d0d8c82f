//! Checks whether a stay can be booked and lists every reason why not. Search, quotes and bookings all use this check.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::listings::enums::NightState;
use crate::domain::listings::pricing::Season;
use crate::domain::listings::stay_rules::{StayRules, min_nights_from};
use crate::kernel::guests::Guests;
use crate::kernel::local_time::{date_in, time_in};
use crate::kernel::stay::{Stay, Weekdays};

/// The rules a stay can break, in the order in which they are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StayRule {
    /// The listing is not published.
    ListingNotPublished,
    /// Check-out is not after check-in.
    DatesInvalid,
    /// Check-in is before today.
    InThePast,
    /// The guest is the host of the listing.
    OwnListing,
    /// Check-in is too soon.
    AdvanceNotice,
    /// Check-out is beyond the booking window.
    BookingWindow,
    /// Stays cannot begin on this weekday.
    CheckInDay,
    /// Stays cannot end on this weekday.
    CheckOutDay,
    /// The stay has too few nights.
    MinNights,
    /// The stay has too many nights.
    MaxNights,
    /// Too many adults and children.
    Capacity,
    /// Pets are not allowed.
    Pets,
    /// Some of the nights are not free.
    NightsTaken,
    /// Too close to another booking: the host needs free nights between two stays.
    Preparation,
}

/// A night that is not available for the stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnavailableNight {
    /// Local date on which the night begins.
    pub date: NaiveDate,
    /// Why it is not available.
    pub state: NightState,
}

/// One reason why a stay cannot be booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule that the stay breaks.
    pub rule: StayRule,
    /// The reason in an English sentence.
    pub message: String,
    /// The nights that are not available, in order. Empty for rules that are not about single nights.
    pub nights: Vec<UnavailableNight>,
    /// The number that the rule sets, in nights, days or guests.
    pub limit: Option<i64>,
}

/// Everything that the check depends on besides the stay itself.
#[derive(Clone, Copy, Debug)]
pub struct StayFacts<'a> {
    /// Whether the listing is published.
    pub published: bool,
    /// Whether the viewer is the host of the listing.
    pub own_listing: bool,
    /// Largest number of adults and children.
    pub capacity: i32,
    /// The rules that the host has set.
    pub rules: &'a StayRules,
    /// The seasons, for the minimum stays that they set.
    pub seasons: &'a [Season],
    /// The claimed nights of `[check_in, check_out + preparation)`.
    pub claimed: &'a BTreeMap<NaiveDate, NightState>,
    /// Minimum numbers of nights that the host has set for stays that begin on certain dates.
    pub min_nights_on: &'a BTreeMap<NaiveDate, i32>,
    /// The listing's time zone.
    pub zone: Tz,
    /// The current time.
    pub now: DateTime<Utc>,
}

/// Lists every rule that the stay would break, in the order of [`StayRule`]. The stay can be booked if the list is
/// empty.
///
/// If the dates are invalid, no other rule about dates is checked.
pub fn check_stay(facts: &StayFacts, check_in: NaiveDate, check_out: NaiveDate, guests: Guests) -> Vec<Violation> {
    let mut found = Vec::new();
    match Stay::new(check_in, check_out) {
        Some(stay) => {
            check_arrival(facts, stay, &mut found);
            check_weekdays(facts.rules, stay, &mut found);
            check_length(facts, stay, &mut found);
            check_nights(facts, stay, &mut found);
        }
        None => found.push(Violation::plain(
            StayRule::DatesInvalid,
            format!("The check-out date {check_out} must be after the check-in date {check_in}."),
        )),
    }
    if !facts.published {
        found.push(Violation::plain(StayRule::ListingNotPublished, "This listing cannot be booked.".into()));
    }
    if facts.own_listing {
        found.push(Violation::plain(StayRule::OwnListing, "Hosts cannot book their own listing.".into()));
    }
    check_guests(facts, guests, &mut found);
    found.sort_by_key(|violation| violation.rule);
    found
}

impl Violation {
    fn plain(rule: StayRule, message: String) -> Self {
        Violation { rule, message, nights: Vec::new(), limit: None }
    }

    fn limited(rule: StayRule, limit: i32, message: String) -> Self {
        Violation { limit: Some(limit.into()), ..Violation::plain(rule, message) }
    }
}

/// Checks the dates against today, the advance notice and the booking window, in the listing's own time zone.
fn check_arrival(facts: &StayFacts, stay: Stay, found: &mut Vec<Violation>) {
    let today = date_in(facts.now, facts.zone);
    let (notice, window) = (facts.rules.advance_notice_days.max(0), facts.rules.booking_window_days.max(0));
    if stay.check_in() < today {
        let message = format!("The check-in date {} is in the past: today is {today}.", stay.check_in());
        found.push(Violation::plain(StayRule::InThePast, message));
    }
    let earliest = days_after(today, notice);
    if notice > 0 && stay.check_in() < earliest {
        let message =
            format!("The host requires {} of notice. The earliest check-in is {earliest}.", count_of(notice, "day"));
        found.push(Violation::limited(StayRule::AdvanceNotice, notice, message));
    }
    if let Some(cutoff) = facts.rules.same_day_cutoff
        && notice == 0
        && stay.check_in() == today
        && time_in(facts.now, facts.zone) > cutoff
    {
        let message = format!("A stay that begins today must be booked by {}.", cutoff.format("%H:%M"));
        found.push(Violation::limited(StayRule::AdvanceNotice, notice, message));
    }
    let latest = days_after(today, window);
    if stay.check_out() > latest {
        let message =
            format!("Stays can be booked up to {} ahead. The latest check-out is {latest}.", count_of(window, "day"));
        found.push(Violation::limited(StayRule::BookingWindow, window, message));
    }
}

fn check_weekdays(rules: &StayRules, stay: Stay, found: &mut Vec<Violation>) {
    let mut check_day = |rule, what: &str, date: NaiveDate, days: Weekdays| {
        if !days.contains_date(date) {
            let names: Vec<_> = days.days().map(weekday_name).collect();
            let message = if names.is_empty() {
                format!("{what} is not possible on any day.")
            } else {
                let weekday = weekday_name(date.weekday());
                format!("{what} is possible only on {}. {date} is a {weekday}.", names.join(", "))
            };
            found.push(Violation::plain(rule, message));
        }
    };
    check_day(StayRule::CheckInDay, "Check-in", stay.check_in(), rules.check_in_days);
    check_day(StayRule::CheckOutDay, "Check-out", stay.check_out(), rules.check_out_days);
}

fn check_length(facts: &StayFacts, stay: Stay, found: &mut Vec<Violation>) {
    let (nights, at_most) = (stay.nights(), facts.rules.max_nights);
    let at_least = min_nights_from(
        facts.rules,
        facts.seasons,
        facts.min_nights_on.get(&stay.check_in()).copied(),
        stay.check_in(),
    );
    if nights < i64::from(at_least) {
        let requested = count_of(nights, "night");
        let message = format!(
            "A stay from {} must have at least {}. This stay has {requested}.",
            stay.check_in(),
            count_of(at_least, "night")
        );
        found.push(Violation::limited(StayRule::MinNights, at_least, message));
    }
    if nights > i64::from(at_most) {
        let message = format!("A stay can have at most {}. This stay has {nights}.", count_of(at_most, "night"));
        found.push(Violation::limited(StayRule::MaxNights, at_most, message));
    }
}

fn check_guests(facts: &StayFacts, guests: Guests, found: &mut Vec<Violation>) {
    let paying = guests.paying();
    if paying > facts.capacity {
        let message = format!(
            "The listing has room for {}. This request is for {paying}, not counting infants.",
            count_of(facts.capacity, "guest")
        );
        found.push(Violation::limited(StayRule::Capacity, facts.capacity, message));
    }
    if guests.pets > 0 && !facts.rules.pets_allowed {
        let message = format!("Pets are not allowed. This request includes {}.", count_of(guests.pets, "pet"));
        found.push(Violation::limited(StayRule::Pets, 0, message));
    }
}

/// Checks that the nights are free. The preparation rule is reported only if nothing else is in the way: if nights of
/// the stay are another booking's preparation, or if the stay's own preparation nights are claimed.
fn check_nights(facts: &StayFacts, stay: Stay, found: &mut Vec<Violation>) {
    let gap = facts.rules.preparation_nights.max(0);
    let claimed = |from: NaiveDate, to: NaiveDate| {
        let nights = facts.claimed.range(from..to).map(|(&date, &state)| UnavailableNight { date, state });
        nights.filter(|night| night.state != NightState::Free).collect::<Vec<_>>()
    };
    let mut nights = claimed(stay.check_in(), stay.check_out());
    if nights.iter().any(|night| night.state != NightState::Preparation) {
        let message = format!("{} not available: {}.", nights_are(nights.len()), list_dates(&nights));
        found.push(Violation { nights, ..Violation::plain(StayRule::NightsTaken, message) });
        return;
    }
    nights.extend(claimed(stay.check_out(), days_after(stay.check_out(), gap)));
    if !nights.is_empty() {
        let message = format!(
            "The host requires {} between two stays. {} not available: {}.",
            count_of(gap.max(1), "free night"),
            nights_are(nights.len()),
            list_dates(&nights)
        );
        found.push(Violation { nights, ..Violation::limited(StayRule::Preparation, gap, message) });
    }
}

/// The date `days` after `date`, or the last date that can be represented.
fn days_after(date: NaiveDate, days: i32) -> NaiveDate {
    date.checked_add_days(Days::new(u64::try_from(days).unwrap_or(0))).unwrap_or(NaiveDate::MAX)
}

/// `1 night`, `2 nights`.
fn count_of(number: impl Into<i64>, noun: &str) -> String {
    match number.into() {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}

fn nights_are(nights: usize) -> String {
    if nights == 1 { "1 night is".into() } else { format!("{nights} nights are") }
}

/// The first five dates, for a sentence.
fn list_dates(nights: &[UnavailableNight]) -> String {
    const MAX_DATES: usize = 5;
    let dates: Vec<String> = nights.iter().take(MAX_DATES).map(|night| night.date.to_string()).collect();
    let more = if nights.len() > MAX_DATES { " and more" } else { "" };
    format!("{}{more}", dates.join(", "))
}

fn weekday_name(day: Weekday) -> &'static str {
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
    use crate::domain::listings::stay_rules::ArrivalMinimum;
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
        claimed: BTreeMap<NaiveDate, NightState>,
        min_nights_on: BTreeMap<NaiveDate, i32>,
        now: &'static str,
    }

    impl Case {
        fn new(rules: StayRules) -> Self {
            let (claimed, min_nights_on) = (BTreeMap::new(), BTreeMap::new());
            Case { rules, seasons: vec![], claimed, min_nights_on, now: "2027-03-01T17:00:00Z" }
        }

        fn with_claims(mut self, nights: &[(&str, NightState)]) -> Self {
            self.claimed = nights.iter().map(|(day, state)| (date(day), *state)).collect();
            self
        }

        fn facts(&self) -> StayFacts<'_> {
            StayFacts {
                published: true,
                own_listing: false,
                capacity: 4,
                rules: &self.rules,
                seasons: &self.seasons,
                claimed: &self.claimed,
                min_nights_on: &self.min_nights_on,
                zone: New_York,
                now: self.now.parse().unwrap(),
            }
        }

        fn check(&self, check_in: &str, check_out: &str) -> Vec<Violation> {
            check_stay(&self.facts(), date(check_in), date(check_out), guests(2, 0, 0, 0))
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
    fn every_broken_rule_is_reported_in_order() {
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
        let case = Case::new(no_days).with_claims(&[("2027-02-27", NightState::Booked)]);
        let facts = StayFacts { published: false, own_listing: true, ..case.facts() };
        let found = check_stay(&facts, date("2027-02-27"), date("2027-03-01"), guests(4, 1, 3, 1));
        // A check-out today is inside every booking window.
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
        assert_eq!(found[5].message, "Check-out is possible only on Friday, Saturday. 2027-03-01 is a Monday.");
        assert_eq!(found[8].message, "The listing has room for 4 guests. This request is for 5, not counting infants.");
    }

    #[test]
    fn invalid_dates_skip_the_other_rules_about_dates() {
        let case = Case::new(StayRules { min_nights: 9, ..rules() });
        assert_eq!(case.broken("2027-03-08", "2027-03-08"), [StayRule::DatesInvalid]);
        let found = check_stay(&case.facts(), date("2020-03-08"), date("2020-03-07"), guests(5, 0, 0, 0));
        assert_eq!(found.iter().map(|v| v.rule).collect::<Vec<_>>(), [StayRule::DatesInvalid, StayRule::Capacity]);
    }

    #[test]
    fn today_depends_on_the_time_zone_of_the_listing() {
        let mut case = Case::new(rules());
        case.now = "2027-03-02T04:59:00Z";
        assert_eq!(case.broken("2027-03-01", "2027-03-02"), []);
        case.now = "2027-03-02T05:00:00Z";
        assert_eq!(case.broken("2027-03-01", "2027-03-02"), [StayRule::InThePast]);
    }

    #[test]
    fn advance_notice_counts_days_and_the_same_day_has_a_cutoff() {
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
    fn a_stay_must_end_within_the_booking_window() {
        let case = Case::new(StayRules { booking_window_days: 10, ..rules() });
        assert_eq!(case.broken("2027-03-10", "2027-03-11"), []);
        let found = case.check("2027-03-10", "2027-03-12");
        assert_eq!((found[0].rule, found[0].limit), (StayRule::BookingWindow, Some(10)));
        assert_eq!(found[0].message, "Stays can be booked up to 10 days ahead. The latest check-out is 2027-03-11.");
    }

    #[test]
    fn the_largest_minimum_stay_applies() {
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
            "A stay from 2027-03-05 must have at least 5 nights. This stay has 1 night."
        );
    }

    #[test]
    fn claimed_nights_are_listed_and_neighbouring_nights_do_not_matter() {
        use NightState::*;
        let claims =
            [("2027-03-03", Booked), ("2027-03-05", Held), ("2027-03-06", Preparation), ("2027-03-08", Booked)];
        let case = Case::new(rules()).with_claims(&claims);
        let found = case.check("2027-03-04", "2027-03-08");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].rule, StayRule::NightsTaken);
        assert_eq!(found[0].message, "2 nights are not available: 2027-03-05, 2027-03-06.");
        assert_eq!(found[0].nights[1], UnavailableNight { date: date("2027-03-06"), state: Preparation });
        assert_eq!(case.check("2027-03-07", "2027-03-08"), []);
    }

    #[test]
    fn preparation_separates_stays_on_both_sides() {
        use NightState::*;
        let claims = [("2027-03-04", Preparation), ("2027-03-09", BlockedByHost)];
        let case = Case::new(StayRules { preparation_nights: 1, ..rules() }).with_claims(&claims);
        assert_eq!(case.broken("2027-03-05", "2027-03-08"), []);
        assert_eq!(case.broken("2027-03-04", "2027-03-08"), [StayRule::Preparation]);
        let found = case.check("2027-03-05", "2027-03-09");
        assert_eq!((found[0].rule, found[0].limit, found[0].nights.len()), (StayRule::Preparation, Some(1), 1));
        assert_eq!(
            found[0].message,
            "The host requires 1 free night between two stays. 1 night is not available: 2027-03-09."
        );
    }

    proptest! {
        #[test]
        fn any_dates_and_numbers_give_violations_in_order(
            days in any::<[i32; 2]>(), numbers in any::<[i32; 6]>(), bits in any::<i16>(),
        ) {
            let date_of = |n: i32| NaiveDate::from_num_days_from_ce_opt(n % 90_000_000).unwrap_or(NaiveDate::MAX);
            let case = Case::new(StayRules {
                min_nights: numbers[0],
                max_nights: numbers[1],
                advance_notice_days: numbers[2],
                booking_window_days: numbers[3],
                preparation_nights: numbers[4],
                check_in_days: Weekdays::from_bits(bits),
                ..rules()
            });
            let found = check_stay(&case.facts(), date_of(days[0]), date_of(days[1]), guests(numbers[5], 1, 0, 0));
            prop_assert!(found.windows(2).all(|pair| pair[0].rule < pair[1].rule));
        }
    }
}
