//! Fail points: named points at which a test can stop a process. Without the feature `fail-points` they do nothing.
//!
//! With `ROOST_FAIL_POINT=name` the process stops at this point: it prints the name to standard output and waits to be
//! killed. With `name:3` it stops at the third pass only. With `ROOST_FAIL_POINT_TRACE=file` it appends the name of
//! every point that it passes to the file.

/// Passes the point `name`. If the process is set to stop there, it waits forever.
#[cfg(feature = "fail-points")]
pub async fn reach(name: &'static str) {
    if armed::is_stop(name) {
        std::future::pending::<()>().await;
    }
}

/// Passes the point `name`.
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
        let stop = value_of("ROOST_FAIL_POINT")?;
        let (name, times) = stop.split_once(':').unwrap_or((&stop, "1"));
        Some((name.to_owned(), times.parse().unwrap_or(1)))
    });
    static PASSED: AtomicU32 = AtomicU32::new(0);
    static TRACE: LazyLock<Option<Mutex<File>>> = LazyLock::new(|| {
        let file = OpenOptions::new().create(true).append(true).open(value_of("ROOST_FAIL_POINT_TRACE")?);
        file.ok().map(Mutex::new)
    });

    fn value_of(variable: &str) -> Option<String> {
        std::env::var(variable).ok().filter(|value| !value.is_empty())
    }

    /// Whether the process stops at this pass of the point.
    pub(super) fn is_stop(name: &str) -> bool {
        if let Some(trace) = TRACE.as_ref() {
            // A failed write is not reported: the test that reads the trace notices that the point is missing.
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
