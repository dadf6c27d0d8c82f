//! Converts between local time in a time zone and instants.

use chrono::{DateTime, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// The instant at which a clock in `zone` first shows `time` on `date`.
///
/// A time that is skipped when clocks go forward is moved forward by the length of the gap. A time that occurs twice
/// when clocks go back means the first occurrence.
pub fn instant(date: NaiveDate, time: NaiveTime, zone: Tz) -> DateTime<Utc> {
    let local = date.and_time(time);
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => at.to_utc(),
        LocalResult::Ambiguous(first, _) => first.to_utc(),
        LocalResult::None => skipped(local, zone),
    }
}

/// The local date in `zone` at `at`.
pub fn date_in(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// The local time in `zone` at `at`.
pub fn time_in(at: DateTime<Utc>, zone: Tz) -> NaiveTime {
    at.with_timezone(&zone).time()
}

/// Interprets a skipped local time with the offset before the gap, which moves it forward by the length of the gap.
fn skipped(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    let before = local - Duration::days(1);
    let offset = match zone.from_local_datetime(&before) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.naive_local() - at.naive_utc(),
        LocalResult::None => Duration::zero(),
    };
    (local - offset).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::America::New_York;

    fn at(date: &str, time: &str) -> String {
        instant(date.parse().unwrap(), time.parse().unwrap(), New_York).to_rfc3339()
    }

    #[test]
    fn local_times_in_new_york_are_correct_around_both_clock_changes() {
        assert_eq!(at("2027-03-14", "15:00:00"), "2027-03-14T19:00:00+00:00");
        assert_eq!(at("2027-03-13", "15:00:00"), "2027-03-13T20:00:00+00:00");
        assert_eq!(at("2027-03-14", "02:30:00"), "2027-03-14T07:30:00+00:00");
        assert_eq!(at("2027-11-07", "01:30:00"), "2027-11-07T05:30:00+00:00");
    }
}
