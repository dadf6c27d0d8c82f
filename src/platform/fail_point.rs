//! Named places at which a test may stop a process for good. Without the feature `fail-points` they are nothing.
//!
//! `ROOST_FAIL_POINT=name` makes the process stop there: it says so on its standard output and waits to be killed.
//! `name:3` stops at the third time only. `ROOST_FAIL_POINT_TRACE=file` appends the name of every place that is passed.

/// Passes the place `name`, unless this is where the process is to stop.
#[cfg(feature = "fail-points")]
pub async fn reach(name: &'static str) {
    if armed::is_stop(name) {
        std::future::pending::<()>().await;
    }
}

/// Passes the place `name`.
#[cfg(not(feature = "fail-points"))]
#[inline]
pub async fn reach(_name: &'static str) {}

#[cfg(feature = "fail-points")]
mod armed {
    use std::fs::{File, OpenOptions};
    use std::io::Write;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{LazyLock, Mutex, PoisonError};

    static STOP: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let stop = set("ROOST_FAIL_POINT")?;
        let (name, times) = stop.split_once(':').unwrap_or((&stop, "1"));
        Some((name.to_owned(), times.parse().unwrap_or(1)))
    });
    static PASSED: AtomicU32 = AtomicU32::new(0);
    static TRACE: LazyLock<Option<Mutex<File>>> = LazyLock::new(|| {
        let file = OpenOptions::new().create(true).append(true).open(set("ROOST_FAIL_POINT_TRACE")?);
        file.ok().map(Mutex::new)
    });

    fn set(variable: &str) -> Option<String> {
        std::env::var(variable).ok().filter(|value| !value.is_empty())
    }

    /// Whether the process stops at this place, this time.
    pub(super) fn is_stop(name: &str) -> bool {
        if let Some(trace) = TRACE.as_ref() {
            // Who reads the trace expects places in it, and misses those that could not be written.
            let _ = writeln!(trace.lock().unwrap_or_else(PoisonError::into_inner), "{name}");
        }
        let Some((stop, times)) = STOP.as_ref().filter(|(stop, _)| stop == name) else { return false };
        if PASSED.fetch_add(1, Ordering::SeqCst) + 1 != *times {
            return false;
        }
        println!("fail point: {stop}");
        true
    }
}
