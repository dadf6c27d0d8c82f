//! Named places at which a test may stop a process for good. Without the feature `fail-points` they are nothing.

/// The variable that names the place at which this process stops.
pub const VARIABLE: &str = "ROOST_FAIL_POINT";

/// Passes the place `name`, or stays there for ever when `ROOST_FAIL_POINT` names it: the process says so on its
/// standard output and waits to be killed. `name:3` stops at the third time only.
#[cfg(feature = "fail-points")]
pub async fn reach(name: &'static str) {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex, PoisonError};

    static WANTED: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let wanted = std::env::var(VARIABLE).ok().filter(|wanted| !wanted.is_empty())?;
        let (name, times) = wanted.split_once(':').unwrap_or((&wanted, "1"));
        Some((name.to_owned(), times.parse().unwrap_or(1)))
    });
    static PASSED: LazyLock<Mutex<HashMap<&str, u32>>> = LazyLock::new(Mutex::default);

    let Some((wanted, times)) = WANTED.as_ref().filter(|(wanted, _)| wanted == name) else { return };
    let passed = {
        let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
        let count = passed.entry(name).or_default();
        *count += 1;
        *count
    };
    if passed == *times {
        println!("fail point: {wanted}");
        std::future::pending::<()>().await;
    }
}

/// Passes the place `name`.
#[cfg(not(feature = "fail-points"))]
#[inline]
pub async fn reach(_name: &'static str) {}
