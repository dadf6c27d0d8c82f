//! Budgets that refill by themselves: one per key, shared through Redis, or of this process without it.
//!
//! A budget is kept as the instant at which it is full again (the generic cell rate algorithm): spending moves that
//! instant on, and it may not lie further ahead than the whole budget takes to refill.

use std::sync::LazyLock;
use std::time::Duration;

use ::redis::Script;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::platform::clock::Clock;
use crate::platform::redis::Redis;

/// Budgets kept in the process; those asked for longest ago are forgotten, which fills them.
const MOST_KEYS: u64 = 100_000;
const MICROS_PER_S: u64 = 1_000_000;

/// Spends `ARGV[1]` microseconds of a budget that holds `ARGV[2]`, if it has as much, by Redis' own clock. Answers
/// whether, and in how many microseconds it will be full.
static SPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local full = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
        local after = full + ARGV[1]
        if after - now > tonumber(ARGV[2]) then
            return { 0, full - now }
        end
        redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 1)
        return { 1, after - now }
        ",
    )
});

/// Budgets of one kind.
pub struct Buckets {
    name: &'static str,
    quota: u64,
    /// Microseconds in which one point comes back.
    each: u64,
    clock: Clock,
    redis: Option<Redis>,
    here: Cache<String, i64>,
}

/// What a budget holds after it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The kind of budget.
    pub name: &'static str,
    /// What it holds when it is full.
    pub quota: u64,
    /// What it holds now.
    pub remaining: u64,
    /// When it is full if nobody spends.
    pub full_in: Duration,
    /// How long an empty one takes to be full.
    pub window: Duration,
}

/// More was asked for than a budget holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// Whole seconds to wait, at least one.
    pub retry_after_s: u64,
    /// What the budget holds.
    pub balance: Balance,
}

impl Balance {
    /// How long nothing more than what remains can be spent, in whole seconds.
    pub fn full_in_s(&self) -> u64 {
        whole_seconds(self.full_in)
    }

    /// How long an empty budget takes to be full, in whole seconds.
    pub fn window_s(&self) -> u64 {
        whole_seconds(self.window).max(1)
    }
}

fn whole_seconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(u128::from(MICROS_PER_S))).unwrap_or(u64::MAX)
}

impl Buckets {
    /// Budgets of `quota` points, of which `refill` come back in each time `per`. Without Redis, they are this process'.
    pub fn new(
        name: &'static str,
        quota: u64,
        refill: u64,
        per: Duration,
        clock: Clock,
        redis: Option<Redis>,
    ) -> Buckets {
        let here = Cache::builder().max_capacity(MOST_KEYS).eviction_policy(EvictionPolicy::lru()).build();
        let each = per.as_micros().div_ceil(u128::from(refill.max(1)));
        let each = u64::try_from(each).unwrap_or(u64::MAX);
        Buckets { name, quota, each, clock, redis, here }
    }

    /// Spends `points` of the budget with this key, or nothing if it holds less.
    pub async fn spend(&self, key: &str, points: u64) -> Result<Balance, TooMany> {
        let arguments = [signed(self.time_of(points)), signed(self.time_of(self.quota))];
        let answer = match &self.redis {
            Some(redis) => {
                let key = format!("{}:{key}", self.name);
                redis.run::<(i64, i64)>(&SPEND, &[&key], &arguments).await
            }
            None => None,
        };
        match answer {
            Some((spent, full_in)) => self.told(points, spent == 1, full_in),
            None => self.spend_here(key, points),
        }
    }

    /// The same in this process alone.
    pub fn spend_here(&self, key: &str, points: u64) -> Result<Balance, TooMany> {
        let [time, most] = [self.time_of(points), self.time_of(self.quota)].map(signed);
        let now = self.clock.now().timestamp_micros();
        let mut told = (false, 0);
        self.here.entry_by_ref(key).and_compute_with(|entry| {
            let full = entry.map_or(now, moka::Entry::into_value).max(now);
            let after = full.saturating_add(time);
            let spent = after - now <= most;
            told = if spent { (true, after - now) } else { (false, full - now) };
            if spent { Op::Put(after) } else { Op::Nop }
        });
        self.told(points, told.0, told.1)
    }

    fn told(&self, points: u64, spent: bool, full_in: i64) -> Result<Balance, TooMany> {
        let full_in = u64::try_from(full_in).unwrap_or(0);
        let window = self.time_of(self.quota);
        let balance = Balance {
            name: self.name,
            quota: self.quota,
            remaining: window.saturating_sub(full_in) / self.each,
            full_in: Duration::from_micros(full_in),
            window: Duration::from_micros(window),
        };
        if spent {
            return Ok(balance);
        }
        let wait = full_in.saturating_add(self.time_of(points)).saturating_sub(window);
        Err(TooMany { retry_after_s: whole_seconds(Duration::from_micros(wait)).max(1), balance })
    }

    /// How many microseconds it takes to refill so many points.
    fn time_of(&self, points: u64) -> u64 {
        points.saturating_mul(self.each).min(i64::MAX.unsigned_abs() / 4)
    }
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn buckets(clock: &Clock, quota: u64, refill: u64) -> Buckets {
        Buckets::new("test", quota, refill, Duration::from_secs(1), clock.clone(), None)
    }

    fn clock() -> Clock {
        Clock::manual("2027-01-05T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn what_is_spent_comes_back_with_time() {
        let clock = clock();
        let budget = buckets(&clock, 100, 10);
        let balance = budget.spend_here("a", 70).unwrap();
        assert_eq!((balance.remaining, balance.full_in_s(), balance.window_s()), (30, 7, 10));
        clock.advance(TimeDelta::milliseconds(1_500));
        assert_eq!(budget.spend_here("a", 5).unwrap().remaining, 40);
        clock.advance(TimeDelta::hours(1));
        assert_eq!(budget.spend_here("a", 1).unwrap().remaining, 99, "it holds no more than it can");
    }

    #[test]
    fn who_has_too_little_spends_nothing_and_is_told_how_long_to_wait() {
        let clock = clock();
        let budget = buckets(&clock, 100, 10);
        budget.spend_here("a", 90).unwrap();
        for _ in 0..2 {
            let refused = budget.spend_here("a", 45).unwrap_err();
            assert_eq!((refused.retry_after_s, refused.balance.remaining), (4, 10));
        }
        clock.advance(TimeDelta::milliseconds(3_499));
        assert_eq!(budget.spend_here("a", 45).unwrap_err().retry_after_s, 1);
        clock.advance(TimeDelta::milliseconds(1));
        assert_eq!(budget.spend_here("a", 45).unwrap().remaining, 0);
        assert_eq!(budget.spend_here("b", 45).unwrap().remaining, 55, "another key has a budget of its own");
    }

    #[test]
    fn a_rate_that_divides_nothing_evenly_gives_nothing_away() {
        let clock = clock();
        let budget = buckets(&clock, 7, 3);
        for left in (0..7).rev() {
            assert_eq!(budget.spend_here("a", 1).unwrap().remaining, left);
        }
        clock.advance(TimeDelta::microseconds(333_333));
        assert_eq!(budget.spend_here("a", 1).unwrap_err().retry_after_s, 1);
    }

    #[test]
    fn more_than_a_whole_budget_is_never_had() {
        let budget = buckets(&clock(), 100, 10);
        assert!(budget.spend_here("a", 101).is_err());
        assert!(budget.spend_here("a", u64::MAX).is_err());
        assert_eq!(budget.spend_here("a", 100).unwrap().remaining, 0);
    }
}
