//! What must hold after any test: no job left, and nothing that an audit finds, not even what it takes to be on its way.

use roost::platform::queue;

use crate::harness::TestApp;

/// What an audit forgives for an hour, as statements that count it.
const ON_ITS_WAY: &[(&str, &str)] = &[
    (
        "stays that are agreed on and not charged",
        "booking b JOIN payment p ON p.booking_id = b.id AND p.alteration_id IS NULL \
         WHERE b.state IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED') AND p.state <> 'SUCCEEDED'",
    ),
    (
        "money kept for bookings that came to nothing",
        "booking b JOIN payment p ON p.booking_id = b.id \
         WHERE b.state IN ('PAYMENT_EXPIRED', 'WITHDRAWN', 'DECLINED', 'REQUEST_EXPIRED') \
         AND (p.captured_minor <> p.refunded_minor OR p.state NOT IN ('CANCELLED', 'FAILED', 'SUCCEEDED'))",
    ),
    (
        "refunds that were never sent",
        "refund r JOIN payment p ON p.id = r.payment_id WHERE r.state <> 'SUCCEEDED' AND p.provider = 'sandbox'",
    ),
    (
        "payments of which the processor took another amount",
        "payment p JOIN sandbox_intent i ON i.reference = p.provider_reference \
         WHERE i.captured_minor <> p.captured_minor OR i.refunded_minor <> p.refunded_minor",
    ),
];

/// Panics at the first thing that does not hold.
pub async fn check(app: &TestApp) {
    app.drain().await;
    assert_eq!(queue::due(&app.db, &app.clock).await.unwrap(), 0, "jobs were left undone");
    let failed: i64 = app.count("job WHERE last_error IS NOT NULL", []).await;
    assert_eq!(failed, 0, "jobs have failed");
    let report = roost::audit::audit(&app.db, &app.clock, 20).await.unwrap();
    assert!(report.holds(), "{}", report.text());
    for (what, from) in ON_ITS_WAY {
        assert_eq!(app.count(from, []).await, 0, "{what}");
    }
}
