//! Token buckets: one for each key, shared through Redis, or of this process without Redis.
//!
//! A bucket is stored as the instant at which it is full (the generic cell rate algorithm). Consuming points moves this
//! instant forward. It may not be further ahead than an empty bucket takes to fill.

use std::sync::LazyLock;
use std::time::Duration;

use ::redis::Script;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::platform::clock::Clock;
use crate::platform::redis::Redis;

/// The number of buckets in the process. Beyond it the least recently used bucket is removed, which makes it full.
const MAX_KEYS: u64 = 100_000;
const MICROS_PER_S: u64 = 1_000_000;

/// Consumes `ARGV[1]` microseconds of a bucket of `ARGV[2]` microseconds, if it contains that much, by the clock of
/// Redis. Returns whether it did, and in how many microseconds the bucket is full.
static CONSUME: LazyLock<Script> = LazyLock::new(|| {
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

/// The buckets of one kind, by key.
pub struct TokenBuckets {
    name: &'static str,
    quota: u64,
    /// The microseconds in which one point refills.
    micros_per_point: u64,
    clock: Clock,
    redis: Option<Redis>,
    local: Cache<String, i64>,
}

/// The content of a bucket after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The kind of bucket.
    pub name: &'static str,
    /// The points of a full bucket.
    pub quota: u64,
    /// The points in the bucket now.
    pub remaining: u64,
    /// The time until the bucket is full, if nothing more is consumed.
    pub full_in: Duration,
    /// The time that an empty bucket takes to fill.
    pub window: Duration,
}

/// A bucket contained fewer points than were to be consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// The number of seconds until the bucket contains enough points, at least one.
    pub retry_after_s: u64,
    /// The content of the bucket.
    pub balance: Balance,
}

impl Balance {
    /// The time until the bucket is full, in seconds, rounded up.
    pub fn full_in_s(&self) -> u64 {
        seconds_rounded_up(self.full_in)
    }

    /// The time that an empty bucket takes to fill, in seconds, rounded up.
    pub fn window_s(&self) -> u64 {
        seconds_rounded_up(self.window).max(1)
    }
}

fn seconds_rounded_up(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(u128::from(MICROS_PER_S))).unwrap_or(u64::MAX)
}

impl TokenBuckets {
    /// Buckets of `quota` points, of which `refill` points refill in each period `per`. Without Redis, they belong to
    /// this process.
    pub fn new(
        name: &'static str,
        quota: u64,
        refill: u64,
        per: Duration,
        clock: Clock,
        redis: Option<Redis>,
    ) -> TokenBuckets {
        let local = Cache::builder().max_capacity(MAX_KEYS).eviction_policy(EvictionPolicy::lru()).build();
        let micros_per_point = per.as_micros().div_ceil(u128::from(refill.max(1)));
        let micros_per_point = u64::try_from(micros_per_point).unwrap_or(u64::MAX);
        TokenBuckets { name, quota, micros_per_point, clock, redis, local }
    }

    /// Consumes `points` from the bucket with this key, or nothing if it contains fewer.
    pub async fn consume(&self, key: &str, points: u64) -> Result<Balance, LimitExceeded> {
        let arguments = [signed(self.time_of(points)), signed(self.time_of(self.quota))];
        let reply = match &self.redis {
            Some(redis) => {
                let key = format!("{}:{key}", self.name);
                redis.run_script::<(i64, i64)>(&CONSUME, &[&key], &arguments).await
            }
            None => None,
        };
        match reply {
            Some((consumed, full_in)) => self.result(points, consumed == 1, full_in),
            None => self.consume_locally(key, points),
        }
    }

    /// Like [`TokenBuckets::consume`], but with the buckets of this process only.
    pub fn consume_locally(&self, key: &str, points: u64) -> Result<Balance, LimitExceeded> {
        let [time, capacity] = [self.time_of(points), self.time_of(self.quota)].map(signed);
        let now = self.clock.now().timestamp_micros();
        let mut outcome = (false, 0);
        self.local.entry_by_ref(key).and_compute_with(|entry| {
            let full = entry.map_or(now, moka::Entry::into_value).max(now);
            let after = full.saturating_add(time);
            let consumed = after - now <= capacity;
            outcome = if consumed { (true, after - now) } else { (false, full - now) };
            if consumed { Op::Put(after) } else { Op::Nop }
        });
        self.result(points, outcome.0, outcome.1)
    }

    fn result(&self, points: u64, consumed: bool, full_in: i64) -> Result<Balance, LimitExceeded> {
        let full_in = u64::try_from(full_in).unwrap_or(0);
        let window = self.time_of(self.quota);
        let balance = Balance {
            name: self.name,
            quota: self.quota,
            remaining: window.saturating_sub(full_in) / self.micros_per_point,
            full_in: Duration::from_micros(full_in),
            window: Duration::from_micros(window),
        };
        if consumed {
            return Ok(balance);
        }
        let wait = full_in.saturating_add(self.time_of(points)).saturating_sub(window);
        Err(LimitExceeded { retry_after_s: seconds_rounded_up(Duration::from_micros(wait)).max(1), balance })
    }

    /// The microseconds in which this many points refill.
    fn time_of(&self, points: u64) -> u64 {
        points.saturating_mul(self.micros_per_point).min(i64::MAX.unsigned_abs() / 4)
    }
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn buckets(clock: &Clock, quota: u64, refill: u64) -> TokenBuckets {
        TokenBuckets::new("test", quota, refill, Duration::from_secs(1), clock.clone(), None)
    }

    fn clock() -> Clock {
        Clock::manual("2027-01-05T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn consumed_points_refill_over_time() {
        let clock = clock();
        let bucket = buckets(&clock, 100, 10);
        let balance = bucket.consume_locally("a", 70).unwrap();
        assert_eq!((balance.remaining, balance.full_in_s(), balance.window_s()), (30, 7, 10));
        clock.advance(TimeDelta::milliseconds(1_500));
        assert_eq!(bucket.consume_locally("a", 5).unwrap().remaining, 40);
        clock.advance(TimeDelta::hours(1));
        assert_eq!(
            bucket.consume_locally("a", 1).unwrap().remaining,
            99,
            "a bucket never contains more than its quota"
        );
    }

    #[test]
    fn a_refused_call_consumes_nothing_and_returns_the_time_to_wait() {
        let clock = clock();
        let bucket = buckets(&clock, 100, 10);
        bucket.consume_locally("a", 90).unwrap();
        for _ in 0..2 {
            let refused = bucket.consume_locally("a", 45).unwrap_err();
            assert_eq!((refused.retry_after_s, refused.balance.remaining), (4, 10));
        }
        clock.advance(TimeDelta::milliseconds(3_499));
        assert_eq!(bucket.consume_locally("a", 45).unwrap_err().retry_after_s, 1);
        clock.advance(TimeDelta::milliseconds(1));
        assert_eq!(bucket.consume_locally("a", 45).unwrap().remaining, 0);
        assert_eq!(bucket.consume_locally("b", 45).unwrap().remaining, 55, "each key has its own bucket");
    }

    #[test]
    fn a_rate_without_an_integral_period_refills_no_faster_than_configured() {
        let clock = clock();
        let bucket = buckets(&clock, 7, 3);
        for left in (0..7).rev() {
            assert_eq!(bucket.consume_locally("a", 1).unwrap().remaining, left);
        }
        clock.advance(TimeDelta::microseconds(333_333));
        assert_eq!(bucket.consume_locally("a", 1).unwrap_err().retry_after_s, 1);
    }

    #[test]
    fn more_than_the_quota_is_always_refused() {
        let bucket = buckets(&clock(), 100, 10);
        assert!(bucket.consume_locally("a", 101).is_err());
        assert!(bucket.consume_locally("a", u64::MAX).is_err());
        assert_eq!(bucket.consume_locally("a", 100).unwrap().remaining, 0);
    }
}
