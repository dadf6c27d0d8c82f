//! The source of time, ids and randomness, which tests can control.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;
use uuid::{ContextV7, Timestamp, Uuid};

/// A source of the current instant, of new ids and of random bytes. Cheap to clone.
#[derive(Clone)]
pub struct Clock {
    source: Source,
    order: Arc<Mutex<ContextV7>>,
}

#[derive(Clone)]
enum Source {
    System,
    /// Microseconds since the epoch, changed only by calls.
    Manual(Arc<AtomicI64>),
    /// Microseconds by which the clock is ahead of the clock of the machine.
    #[cfg(feature = "test-clock")]
    Offset(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Clock::from(Source::System)
    }

    /// A clock that stays at `at` until it is changed.
    pub fn manual(at: DateTime<Utc>) -> Self {
        Clock::from(Source::Manual(Arc::new(AtomicI64::new(at.timestamp_micros()))))
    }

    /// A clock that starts at `at` and runs at the speed of the clock of the machine.
    #[cfg(feature = "test-clock")]
    pub fn running_from(at: DateTime<Utc>) -> Self {
        let ahead = at.timestamp_micros() - machine_micros();
        Clock::from(Source::Offset(Arc::new(AtomicI64::new(ahead))))
    }

    fn from(source: Source) -> Self {
        Clock { source, order: Arc::new(Mutex::new(ContextV7::new())) }
    }

    /// The current instant in whole microseconds, the precision that both databases store.
    pub fn now(&self) -> DateTime<Utc> {
        let micros = match &self.source {
            Source::System => machine_micros(),
            Source::Manual(micros) => micros.load(Ordering::SeqCst),
            #[cfg(feature = "test-clock")]
            Source::Offset(ahead) => machine_micros().saturating_add(ahead.load(Ordering::SeqCst)),
        };
        DateTime::from_timestamp_micros(micros).unwrap_or_default()
    }

    /// Moves the clock by a duration. Does nothing to the clock of the machine.
    pub fn advance(&self, by: TimeDelta) {
        let micros = match &self.source {
            Source::System => return,
            Source::Manual(micros) => micros,
            #[cfg(feature = "test-clock")]
            Source::Offset(ahead) => ahead,
        };
        micros.fetch_add(by.num_microseconds().unwrap_or(0), Ordering::SeqCst);
    }

    /// Sets a manual clock. Does nothing to any other clock.
    pub fn set(&self, at: DateTime<Utc>) {
        if let Source::Manual(micros) = &self.source {
            micros.store(at.timestamp_micros(), Ordering::SeqCst);
        }
    }

    /// Moves the clock forward to `at`. False if the clock is already later, or is the clock of the machine.
    #[cfg(feature = "test-clock")]
    pub fn advance_to(&self, at: DateTime<Utc>) -> bool {
        let (micros, to) = match &self.source {
            Source::System => return false,
            Source::Manual(micros) => (micros, at.timestamp_micros()),
            Source::Offset(ahead) => (ahead, at.timestamp_micros() - machine_micros()),
        };
        micros.fetch_max(to, Ordering::SeqCst) <= to
    }

    /// A new UUID, version 7, that sorts after every id that this process created before.
    pub fn new_id(&self) -> Uuid {
        let now = self.now();
        let context = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        Uuid::new_v7(Timestamp::from_unix(&*context, seconds, now.timestamp_subsec_nanos()))
    }

    /// Cryptographically secure random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        rand::rng().fill_bytes(&mut bytes);
        bytes
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the only function that reads the clock of the machine")]
fn machine_micros() -> i64 {
    Utc::now().timestamp_micros()
}
