//! The ledger: accounts and amounts of every movement of money, and the changes that the database refuses.

use sea_orm::{ConnectionTrait, Statement, Value as Sql};
use serde_json::{Value, json};

use crate::accounting::{BookedTrip, Ledger, ledger_of};
use crate::client::Anonymous;
use crate::harness::TestApp;
use crate::scenarios::{number, uuid_of};

const CAPTURE: (&str, &[(&str, i64)]) = ("CAPTURE", &[("PSP_CLEARING", 72_458), ("GUEST_ESCROW", -72_458)]);
const RELEASE: (&str, &[(&str, i64)]) = (
    "RELEASE",
    &[
        ("GUEST_ESCROW", 55_770),
        ("HOST_PAYABLE", -55_770),
        ("GUEST_ESCROW", 10_230),
        ("PLATFORM_REVENUE", -10_230),
        ("GUEST_ESCROW", 6_458),
        ("TAX_PAYABLE", -6_458),
    ],
);
const PAYOUT: (&str, &[(&str, i64)]) = ("PAYOUT", &[("HOST_PAYABLE", 55_770), ("PSP_CLEARING", -55_770)]);

async fn ledger_of_trip(app: &TestApp, trip: &BookedTrip) -> Ledger {
    app.ledger(&trip.staff, &trip.booking).await
}

#[tokio::test]
async fn a_stay_is_captured_released_and_paid_out() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    assert_eq!(ledger_of_trip(&app, &trip).await, ledger_of(&[CAPTURE]));
    app.set("2027-03-05T19:59:59Z");
    app.drain().await;
    assert_eq!(ledger_of_trip(&app, &trip).await, ledger_of(&[CAPTURE]), "one second before the release is due");
    app.set("2027-03-05T20:00:00Z");
    app.drain().await;
    assert_eq!(ledger_of_trip(&app, &trip).await, ledger_of(&[CAPTURE, RELEASE, PAYOUT]));
    app.finish().await;
}

#[tokio::test]
async fn a_refund_before_the_release_is_taken_from_escrow_and_the_rest_is_released() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    app.set("2027-03-03T20:01:00Z");
    app.cancel(&trip.guest, &trip.booking).await;
    let refund: (&str, &[(&str, i64)]) = ("REFUND", &[("GUEST_ESCROW", 56_290), ("PSP_CLEARING", -56_290)]);
    assert_eq!(ledger_of_trip(&app, &trip).await, ledger_of(&[CAPTURE, refund]));
    app.set("2027-03-05T20:00:00Z");
    app.drain().await;
    let release: (&str, &[(&str, i64)]) = (
        "RELEASE",
        &[
            ("GUEST_ESCROW", 12_548),
            ("HOST_PAYABLE", -12_548),
            ("GUEST_ESCROW", 2_302),
            ("PLATFORM_REVENUE", -2_302),
            ("GUEST_ESCROW", 1_318),
            ("TAX_PAYABLE", -1_318),
        ],
    );
    let payout: (&str, &[(&str, i64)]) = ("PAYOUT", &[("HOST_PAYABLE", 12_548), ("PSP_CLEARING", -12_548)]);
    assert_eq!(ledger_of_trip(&app, &trip).await, ledger_of(&[CAPTURE, refund, release, payout]));
    app.finish().await;
}

#[tokio::test]
async fn a_refund_after_the_release_is_deducted_from_the_released_shares() {
    let app = TestApp::new().await;
    for (policy, host, fees, tax) in [("FLEXIBLE", 12_548, 2_302, 1_618), ("MODERATE", 6_274, 1_151, 959)] {
        app.set(crate::harness::START);
        let trip = app.first_vector(json!({ "cancellationPolicy": policy })).await;
        app.set("2027-03-05T20:00:00Z");
        app.drain().await;
        app.set("2027-03-05T21:00:00Z");
        let payload = app.cancel(&trip.guest, &trip.booking).await;
        assert_eq!(number(&payload, "/refund/amount/amount"), host + fees + tax);
        let refund: [(&str, i64); 6] = [
            ("HOST_PAYABLE", host),
            ("PSP_CLEARING", -host),
            ("PLATFORM_REVENUE", fees),
            ("PSP_CLEARING", -fees),
            ("TAX_PAYABLE", tax),
            ("PSP_CLEARING", -tax),
        ];
        assert_eq!(
            ledger_of_trip(&app, &trip).await,
            ledger_of(&[CAPTURE, RELEASE, PAYOUT, ("REFUND", &refund)]),
            "{policy}"
        );
        assert_eq!(app.balance(&trip.host).await, json!({ "USD": -host }), "{policy}: the host owes the platform");
    }
    app.set("2027-03-09T00:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn a_host_who_cancels_owes_a_penalty() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    app.set("2027-02-22T20:00:00Z");
    app.cancel(&trip.host, &trip.booking).await;
    let refund: (&str, &[(&str, i64)]) = ("REFUND", &[("GUEST_ESCROW", 72_458), ("PSP_CLEARING", -72_458)]);
    let penalty: (&str, &[(&str, i64)]) = ("PENALTY", &[("HOST_PAYABLE", 16_500), ("PLATFORM_REVENUE", -16_500)]);
    assert_eq!(ledger_of_trip(&app, &trip).await, ledger_of(&[CAPTURE, refund, penalty]));
    assert_eq!(app.balance(&trip.host).await, json!({ "USD": -16_500 }));
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, [("CANCELLED".to_owned(), 0, None)]);
    app.finish().await;
}

#[tokio::test]
async fn staff_who_cancel_charge_no_penalty() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    app.set("2027-03-05T21:00:00Z");
    app.drain().await;
    app.cancel(&trip.staff, &trip.booking).await;
    let refund: (&str, &[(&str, i64)]) = (
        "REFUND",
        &[
            ("HOST_PAYABLE", 55_770),
            ("PSP_CLEARING", -55_770),
            ("PLATFORM_REVENUE", 10_230),
            ("PSP_CLEARING", -10_230),
            ("TAX_PAYABLE", 6_458),
            ("PSP_CLEARING", -6_458),
        ],
    );
    assert_eq!(ledger_of_trip(&app, &trip).await, ledger_of(&[CAPTURE, RELEASE, PAYOUT, refund]));
    app.set("2027-03-09T00:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn only_staff_see_the_ledger() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    for who in [&trip.host, &trip.guest] {
        assert_eq!(app.ledger(who, &trip.booking).await, ledger_of(&[]));
    }
    let query = "query($id: ID!) { booking(id: $id) { ledger { id } } }";
    let data = app.gql(&trip.staff, query, json!({ "id": trip.booking["id"] })).await;
    let transaction = &data["booking"]["ledger"][0]["id"];
    let query = "query($id: ID!) { node(id: $id) { id } }";
    let node = app.gql(&trip.staff, query, json!({ "id": transaction })).await;
    assert_eq!(&node["node"]["id"], transaction);
    for who in [&trip.host, &trip.guest, &app.guest().await] {
        let node = app.gql(who, query, json!({ "id": transaction })).await;
        assert_eq!(node["node"], Value::Null);
    }
    assert_eq!(app.gql(&Anonymous, query, json!({ "id": transaction })).await["node"], Value::Null);
    app.finish().await;
}

async fn assert_refused(app: &TestApp, sql: &str, values: Vec<Sql>) {
    let db = app.app.db.write();
    let done = db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await;
    assert!(done.is_err(), "{sql} was not refused");
}

#[tokio::test]
async fn the_database_refuses_unbalanced_or_changed_entries() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    for sql in [
        "UPDATE ledger_entry SET amount_minor = 1",
        "UPDATE ledger_transaction SET currency = 'EUR'",
        "DELETE FROM ledger_entry",
        "DELETE FROM ledger_transaction",
    ] {
        assert_refused(&app, sql, vec![]).await;
    }
    if app.app.db.is_postgres() {
        assert_refused(&app, "TRUNCATE ledger_entry", vec![]).await;
        assert_refused(&app, "TRUNCATE ledger_transaction CASCADE", vec![]).await;
    }
    for (debit, credit, minor) in [
        ("debit", "debit", "1"),
        ("debit", "credit", "0"),
        ("debit", "credit", "-1"),
        ("'PURSE'", "credit", "1"),
        ("debit", "'PURSE'", "1"),
    ] {
        let sql = format!(
            "INSERT INTO ledger_entry (transaction_id, line, debit, credit, amount_minor) \
             SELECT transaction_id, 9, {debit}, {credit}, {minor} FROM ledger_entry"
        );
        assert_refused(&app, &sql, vec![]).await;
    }
    let copy = "INSERT INTO ledger_transaction (id, at, kind, object_id, booking_id, host_id, currency) \
                 SELECT $1, at, kind, object_id, booking_id, host_id, currency FROM ledger_transaction";
    assert_refused(&app, copy, vec![app.clock.new_id().into()]).await;
    for change in [
        "paid_minor = paid_minor + 1",
        "refunded_minor = 1",
        "host_minor = host_minor - 1",
        "host_minor = -1, platform_minor = platform_minor + host_minor + 1",
        "host_released_minor = host_minor + 1",
        "platform_released_minor = platform_minor + 1",
        "tax_released_minor = tax_minor + 1",
        "host_released_minor = -1",
    ] {
        assert_refused(
            &app,
            &format!("UPDATE escrow SET {change} WHERE booking_id = $1"),
            vec![uuid_of(trip.booking["id"].as_str().unwrap()).into()],
        )
        .await;
    }
    assert_eq!(ledger_of_trip(&app, &trip).await, ledger_of(&[CAPTURE]));
    app.finish().await;
}
