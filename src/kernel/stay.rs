//! Stays, which are half-open ranges of local dates, and sets of weekdays.

use chrono::{Datelike, Days, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};

/// The nights `[check_in, check_out)` in the local calendar of the listing. A stay has at least one night.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stay {
    check_in: NaiveDate,
    check_out: NaiveDate,
}

impl Stay {
    /// A stay. None if `check_out` is not after `check_in`.
    pub fn new(check_in: NaiveDate, check_out: NaiveDate) -> Option<Self> {
        (check_in < check_out).then_some(Stay { check_in, check_out })
    }

    /// The date of arrival.
    pub fn check_in(self) -> NaiveDate {
        self.check_in
    }

    /// The date of departure, exclusive.
    pub fn check_out(self) -> NaiveDate {
        self.check_out
    }

    /// The number of nights, in calendar days.
    pub fn nights(self) -> i64 {
        (self.check_out - self.check_in).num_days()
    }

    /// The date of every night, in order.
    pub fn dates(self) -> impl Iterator<Item = NaiveDate> {
        self.check_in.iter_days().take_while(move |&date| date < self.check_out)
    }

    /// The same stay with `nights` more nights at its end. Ends at the last representable date at the latest.
    pub fn extended(self, nights: u32) -> Stay {
        let check_out = self.check_out.checked_add_days(Days::new(nights.into())).unwrap_or(NaiveDate::MAX);
        Stay { check_in: self.check_in, check_out }
    }

    /// Whether the two stays have a night in common.
    pub fn overlaps(self, other: Stay) -> bool {
        self.check_in < other.check_out && other.check_in < self.check_out
    }
}

/// A set of weekdays, one bit each, Monday first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Weekdays(u8);

impl Weekdays {
    /// The empty set.
    pub const NONE: Weekdays = Weekdays(0);
    /// All seven days.
    pub const ALL: Weekdays = Weekdays(0b111_1111);
    /// Friday and Saturday, the weekend nights of hotels.
    pub const FRIDAY_AND_SATURDAY: Weekdays = Weekdays(0b011_0000);

    /// The set from its stored bits. Ignores bits after Sunday.
    pub fn from_bits(bits: i16) -> Self {
        Weekdays((bits & 0b111_1111) as u8)
    }

    /// The bits to store.
    pub fn bits(self) -> i16 {
        i16::from(self.0)
    }

    /// Whether the weekday of `date` is in the set.
    pub fn contains_date(self, date: NaiveDate) -> bool {
        self.contains(date.weekday())
    }

    /// Whether `day` is in the set.
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & (1 << day.num_days_from_monday()) != 0
    }

    /// The days in the set, Monday first.
    pub fn days(self) -> impl Iterator<Item = Weekday> {
        (0..7_u8).filter_map(|n| Weekday::try_from(n).ok()).filter(move |&day| self.contains(day))
    }
}

impl FromIterator<Weekday> for Weekdays {
    fn from_iter<I: IntoIterator<Item = Weekday>>(days: I) -> Self {
        Weekdays(days.into_iter().fold(0, |bits, day| bits | 1 << day.num_days_from_monday()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_stay_has_at_least_one_night() {
        assert!(Stay::new(date("2027-03-04"), date("2027-03-04")).is_none());
        assert!(Stay::new(date("2027-03-05"), date("2027-03-04")).is_none());
        let stay = Stay::new(date("2027-03-13"), date("2027-03-15")).unwrap();
        assert_eq!(stay.nights(), 2);
        assert_eq!(stay.dates().collect::<Vec<_>>(), [date("2027-03-13"), date("2027-03-14")]);
    }

    #[test]
    fn back_to_back_stays_do_not_overlap() {
        let first = Stay::new(date("2027-03-01"), date("2027-03-04")).unwrap();
        let second = Stay::new(date("2027-03-04"), date("2027-03-06")).unwrap();
        assert!(!first.overlaps(second));
        assert!(first.extended(1).overlaps(second));
    }

    #[test]
    fn weekdays_are_unchanged_after_a_round_trip_through_storage() {
        let days: Weekdays = [Weekday::Fri, Weekday::Sat].into_iter().collect();
        assert_eq!(days, Weekdays::FRIDAY_AND_SATURDAY);
        assert_eq!(Weekdays::from_bits(days.bits()), days);
        assert!(days.contains_date(date("2027-03-05")) && !days.contains_date(date("2027-03-07")));
    }
}
