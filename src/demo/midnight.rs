//! The start of a day, from which the simulated past is dated.

use chrono::{DateTime, NaiveTime, Utc};

/// The start of the day in UTC. What is dated from it does not depend on the hour at which the database is filled.
pub(super) fn midnight(now: DateTime<Utc>) -> DateTime<Utc> {
    now.date_naive().and_time(NaiveTime::MIN).and_utc()
}
