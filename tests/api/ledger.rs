//! The ledger: the accounts and amounts of everything that happens to money, and what the database refuses.

use sea_orm::{ConnectionTrait, Statement, Value as Sql};
use serde_json::{Value, json};

use crate::books::{Told, Trip, told};
use crate::client::Nobody;
use crate::harness::TestApp;
use crate::scenes::{key, number};

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

async fn says(app: &TestApp, trip: &Trip) -> Told {
    app.ledger(&trip.staff, &trip.booking).await
}

#[tokio::test]
async fn a_stay_is_captured_released_and_paid_out() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    assert_eq!(says(&app, &trip).await, told(&[CAPTURE]));
    app.set("2027-03-05T19:59:59Z");
    app.drain().await;
    assert_eq!(says(&app, &trip).await, told(&[CAPTURE]), "a second before the day is over");
    app.set("2027-03-05T20:00:00Z");
    app.drain().await;
    assert_eq!(says(&app, &trip).await, told(&[CAPTURE, RELEASE, PAYOUT]));
    app.finish().await;
}

#[tokio::test]
async fn a_refund_before_the_release_comes_out_of_escrow_and_the_rest_is_released() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    app.set("2027-03-03T20:01:00Z");
    app.cancel(&trip.guest, &trip.booking).await;
    let refund: (&str, &[(&str, i64)]) = ("REFUND", &[("GUEST_ESCROW", 56_290), ("PSP_CLEARING", -56_290)]);
    assert_eq!(says(&app, &trip).await, told(&[CAPTURE, refund]));
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
    assert_eq!(says(&app, &trip).await, told(&[CAPTURE, refund, release, payout]));
    app.finish().await;
}

#[tokio::test]
async fn a_refund_after_the_release_comes_from_those_who_had_the_money() {
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
        assert_eq!(says(&app, &trip).await, told(&[CAPTURE, RELEASE, PAYOUT, ("REFUND", &refund)]), "{policy}");
        assert_eq!(app.balance(&trip.host).await, json!({ "USD": -host }), "{policy}: owed to the platform");
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
    assert_eq!(says(&app, &trip).await, told(&[CAPTURE, refund, penalty]));
    assert_eq!(app.balance(&trip.host).await, json!({ "USD": -16_500 }));
    assert_eq!(app.paid(&trip.host, &trip.booking).await, [("CANCELLED".to_owned(), 0, None)]);
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
    assert_eq!(says(&app, &trip).await, told(&[CAPTURE, RELEASE, PAYOUT, refund]));
    app.set("2027-03-09T00:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn the_ledger_is_for_staff_alone() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    for who in [&trip.host, &trip.guest] {
        assert_eq!(app.ledger(who, &trip.booking).await, told(&[]));
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
    assert_eq!(app.gql(&Nobody, query, json!({ "id": transaction })).await["node"], Value::Null);
    app.finish().await;
}

async fn refuses(app: &TestApp, sql: &str, values: Vec<Sql>) {
    let db = app.app.db.write();
    let done = db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await;
    assert!(done.is_err(), "{sql} was done");
}

#[tokio::test]
async fn the_database_keeps_the_books() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    for sql in [
        "UPDATE ledger_entry SET amount_minor = 1",
        "UPDATE ledger_transaction SET currency = 'EUR'",
        "DELETE FROM ledger_entry",
        "DELETE FROM ledger_transaction",
    ] {
        refuses(&app, sql, vec![]).await;
    }
    if app.app.db.is_postgres() {
        refuses(&app, "TRUNCATE ledger_entry", vec![]).await;
        refuses(&app, "TRUNCATE ledger_transaction CASCADE", vec![]).await;
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
        refuses(&app, &sql, vec![]).await;
    }
    let again = "INSERT INTO ledger_transaction (id, at, kind, object_id, booking_id, host_id, currency) \
                 SELECT $1, at, kind, object_id, booking_id, host_id, currency FROM ledger_transaction";
    refuses(&app, again, vec![app.clock.id().into()]).await;
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
        refuses(
            &app,
            &format!("UPDATE escrow SET {change} WHERE booking_id = $1"),
            vec![key(trip.booking["id"].as_str().unwrap()).into()],
        )
        .await;
    }
    assert_eq!(says(&app, &trip).await, told(&[CAPTURE]));
    app.finish().await;
}
