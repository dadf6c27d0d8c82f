//! The rules that a host sets for stays, and the minimum stay that follows from them.

use chrono::{Datelike, NaiveDate, NaiveTime, Weekday};
use serde::{Deserialize, Serialize};

use crate::domain::listings::pricing::{Season, season_value};
use crate::kernel::stay::Weekdays;

/// The rules that a host sets for stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StayRules {
    /// Minimum number of nights.
    pub min_nights: i32,
    /// Maximum number of nights.
    pub max_nights: i32,
    /// Minimum numbers of nights of stays that begin on certain weekdays.
    pub min_nights_by_arrival: Vec<ArrivalMinimum>,
    /// Minimum number of days between booking and arrival. 0 allows booking on the day of arrival.
    pub advance_notice_days: i32,
    /// Local time until which a stay that begins today can be booked. `None` means until midnight.
    pub same_day_cutoff: Option<NaiveTime>,
    /// Number of days from today by which a stay must have ended.
    pub booking_window_days: i32,
    /// Number of nights that stay empty after each booking.
    pub preparation_nights: i32,
    /// Weekdays on which a stay can begin.
    pub check_in_days: Weekdays,
    /// Weekdays on which a stay can end.
    pub check_out_days: Weekdays,
    /// Whether pets are allowed.
    pub pets_allowed: bool,
}

/// The minimum number of nights of a stay that begins on one weekday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalMinimum {
    /// Weekday of arrival.
    pub day: Weekday,
    /// Minimum number of nights.
    pub min_nights: i32,
}

/// The minimum number of nights of a stay that begins on `date`: the largest of the listing's own, the weekday's, the
/// season's, and `for_date`, the one that the host set for this date.
pub fn min_nights_from(rules: &StayRules, seasons: &[Season], for_date: Option<i32>, date: NaiveDate) -> i32 {
    let by_day = rules.min_nights_by_arrival.iter().filter(|minimum| minimum.day == date.weekday());
    by_day
        .map(|minimum| minimum.min_nights)
        .chain(season_value(seasons, date, |season| season.min_nights))
        .chain(for_date)
        .fold(rules.min_nights.max(1), i32::max)
}
