//! Time, ids and randomness, so that tests can hold them still.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;
use uuid::{ContextV7, Timestamp, Uuid};

/// A source of the current instant and of new ids.
#[derive(Clone)]
pub struct Clock {
    source: Source,
    order: Arc<Mutex<ContextV7>>,
}

#[derive(Clone)]
enum Source {
    System,
    /// Microseconds since the epoch, moved by hand.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Clock::from(Source::System)
    }

    /// A clock that stands at `at` until it is moved.
    pub fn manual(at: DateTime<Utc>) -> Self {
        Clock::from(Source::Manual(Arc::new(AtomicI64::new(at.timestamp_micros()))))
    }

    fn from(source: Source) -> Self {
        Clock { source, order: Arc::new(Mutex::new(ContextV7::new())) }
    }

    /// The current instant in whole microseconds, the precision every database keeps.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    pub fn now(&self) -> DateTime<Utc> {
        let micros = match &self.source {
            Source::System => Utc::now().timestamp_micros(),
            Source::Manual(micros) => micros.load(Ordering::SeqCst),
        };
        DateTime::from_timestamp_micros(micros).unwrap_or_default()
    }

    /// Moves a manual clock; the machine's clock stays where it is.
    pub fn advance(&self, by: TimeDelta) {
        if let Source::Manual(micros) = &self.source {
            micros.fetch_add(by.num_microseconds().unwrap_or(0), Ordering::SeqCst);
        }
    }

    /// Sets a manual clock; the machine's clock stays where it is.
    pub fn set(&self, at: DateTime<Utc>) {
        if let Source::Manual(micros) = &self.source {
            micros.store(at.timestamp_micros(), Ordering::SeqCst);
        }
    }

    /// A new id that sorts after every id this process made before.
    pub fn id(&self) -> Uuid {
        let now = self.now();
        let context = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        Uuid::new_v7(Timestamp::from_unix(&*context, seconds, now.timestamp_subsec_nanos()))
    }

    /// Bytes nobody can guess.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        rand::rng().fill_bytes(&mut bytes);
        bytes
    }
}
