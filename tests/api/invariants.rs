//! The invariants after every test: no due job is left, and no audit check fails. States that the audit tolerates for
//! an hour are failures here.

use roost::platform::App;
use roost::platform::queue;

use crate::sql::count;

/// States that the audit tolerates for an hour, and the rows that are in them.
const TOLERATED_BY_AUDIT: &[(&str, &str)] = &[
    (
        "stays that are agreed on and not charged",
        "booking b JOIN payment p ON p.booking_id = b.id AND p.alteration_id IS NULL \
         WHERE b.state IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED') AND p.state <> 'SUCCEEDED'",
    ),
    (
        "money retained for bookings that were never confirmed",
        "booking b JOIN payment p ON p.booking_id = b.id \
         WHERE b.state IN ('PAYMENT_EXPIRED', 'WITHDRAWN', 'DECLINED', 'REQUEST_EXPIRED') \
         AND (p.captured_minor <> p.refunded_minor OR p.state NOT IN ('CANCELLED', 'FAILED', 'SUCCEEDED'))",
    ),
    (
        "refunds that were never sent",
        "refund r JOIN payment p ON p.id = r.payment_id WHERE r.state <> 'SUCCEEDED' AND p.provider = 'sandbox'",
    ),
    (
        "payments whose amount differs from the processor's",
        "payment p JOIN sandbox_intent i ON i.reference = p.provider_reference \
         WHERE i.captured_minor <> p.captured_minor OR i.refunded_minor <> p.refunded_minor",
    ),
];

/// Runs the jobs that are due, then panics at the first invariant that is violated.
pub async fn check(app: &App) {
    roost::jobs::drain(app).await.unwrap();
    assert_eq!(queue::count_due(&app.db, &app.clock).await.unwrap(), 0, "due jobs are left");
    let failed: i64 = count(&app.db, "job WHERE last_error IS NOT NULL", []).await;
    assert_eq!(failed, 0, "jobs have failed");
    let report = roost::audit::audit(&app.db, &app.clock, 20).await.unwrap();
    assert!(report.passed(), "{}", report.text());
    for (state, from) in TOLERATED_BY_AUDIT {
        assert_eq!(count(&app.db, from, []).await, 0, "{state}");
    }
}
