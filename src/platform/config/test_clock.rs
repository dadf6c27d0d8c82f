//! The setting of the test clock: when it starts and where it is refused. It exists only with the feature `test-clock`.

use std::net::SocketAddr;

use chrono::{DateTime, Utc};

use super::checks::WrongSetting;
use crate::platform::clock::Clock;

const NAME: &str = "--test-clock (ROOST_TEST_CLOCK)";
const STRIPE: &str = "STRIPE_SECRET_KEY";
/// Prefixes of Stripe's secret and restricted keys for real money.
const LIVE: [&str; 2] = ["sk_live_", "rk_live_"];

/// When the test clock starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestClock {
    /// At the time of the machine's clock.
    Now,
    /// At an instant.
    At(DateTime<Utc>),
}

impl TestClock {
    /// Starts the clock and logs a warning that it is not the machine's.
    pub fn clock(self) -> Clock {
        let clock = match self {
            TestClock::Now => Clock::running_from(Clock::system().now()),
            TestClock::At(at) => Clock::running_from(at),
        };
        let now = clock.now();
        tracing::warn!(%now, "THE TEST CLOCK IS ON: anybody can move time at /test/clock; never use it in production");
        clock
    }
}

/// Checks the setting. It is refused where other machines could reach the clock, and where money is real.
pub(super) fn check(text: Option<&str>, listen: SocketAddr, wrong: &mut Vec<WrongSetting>) -> Option<TestClock> {
    check_with_key(text, listen, &std::env::var(STRIPE).unwrap_or_default(), wrong)
}

fn check_with_key(
    text: Option<&str>,
    listen: SocketAddr,
    stripe_key: &str,
    wrong: &mut Vec<WrongSetting>,
) -> Option<TestClock> {
    let text = text.filter(|text| !text.is_empty())?;
    let mut refuse = |message: String| wrong.push(WrongSetting { name: NAME, message });
    if !listen.ip().is_loopback() {
        refuse(format!("works only with a loopback address in --listen (ROOST_LISTEN), not {listen}"));
    }
    if LIVE.iter().any(|live| stripe_key.starts_with(live)) {
        refuse(format!("cannot be used with a live key in {STRIPE}: the time would be false and the money real"));
    }
    if text == "now" {
        return Some(TestClock::Now);
    }
    match DateTime::parse_from_rfc3339(text) {
        Ok(at) => Some(TestClock::At(at.to_utc())),
        Err(_) => {
            refuse(format!("must be `now` or an instant such as 2027-01-05T12:00:00Z, not `{text}`"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn check(text: &str, listen: &str, stripe_key: &str) -> Result<Option<TestClock>, String> {
        let mut wrong = Vec::new();
        let start = check_with_key(Some(text), listen.parse().unwrap(), stripe_key, &mut wrong);
        if wrong.is_empty() { Ok(start) } else { Err(wrong.iter().map(ToString::to_string).collect()) }
    }

    #[test]
    fn it_starts_now_or_at_an_instant_or_not_at_all() {
        let at = "2027-01-05T11:00:00Z".parse().unwrap();
        assert_eq!(check("2027-01-05T12:00:00+01:00", "127.0.0.1:1", ""), Ok(Some(TestClock::At(at))));
        assert_eq!(check("now", "[::1]:1", "sk_test_1"), Ok(Some(TestClock::Now)));
        assert_eq!(check("", "0.0.0.0:1", "sk_live_1"), Ok(None), "without the clock, nothing is refused");
        assert!(check("tomorrow", "127.0.0.1:1", "").unwrap_err().contains("tomorrow"));
    }

    #[test]
    fn it_is_refused_where_other_machines_reach_it_and_where_money_is_real() {
        for listen in ["0.0.0.0:8000", "[::]:8000", "192.168.1.2:8000"] {
            assert!(check("now", listen, "").unwrap_err().contains("loopback"), "{listen}");
        }
        for key in ["sk_live_1", "rk_live_1"] {
            let message = check("now", "127.0.0.1:8000", key).unwrap_err();
            assert!(message.contains("live key") && !message.contains(key), "{message}");
        }
    }

    #[test]
    fn it_runs_and_moves_only_forward() {
        let start = "2027-01-05T12:00:00Z".parse().unwrap();
        let clock = TestClock::At(start).clock();
        let first = clock.now();
        assert!(first >= start && first < start + TimeDelta::minutes(1), "{first}");
        while clock.now() == first {
            std::hint::spin_loop();
        }
        assert!(clock.now() > first, "the clock runs");
        let later = start + TimeDelta::days(400);
        assert!(clock.advance_to(later));
        assert!(clock.now() >= later);
        assert!(!clock.advance_to(start));
        assert!(clock.now() >= later, "it was not moved back");
        assert!(!Clock::system().advance_to(later));
    }
}
