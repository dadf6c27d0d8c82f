//! `roost audit`: silent on a database that is right, and naming what is not, check by check.

use chrono::TimeDelta;
use roost::audit::{Report, audit};
use roost::kernel::id::{Id, Kind};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::TestApp;
use crate::scenes::{key, merged, stay, text};

mod breaks;

/// What a marketplace has gone through after some weeks.
struct Weeks {
    completed: Uuid,
    confirmed: Uuid,
    requested: Uuid,
    left: Uuid,
    thrown_out: Uuid,
    failed: Uuid,
}

async fn weeks(app: &TestApp) -> Weeks {
    let (host, guest) = (app.host().await, app.guest().await);
    let instant = app.published_listing(&host, json!({})).await;
    let asking = app.published_listing(&host, json!({ "bookingMode": "REQUEST" })).await;
    app.set("2027-01-05T12:00:00Z");
    let quote = app.quote(&guest, &instant, "2027-01-20", "2027-01-22").await;
    app.refused(
        &guest,
        "bookingCreate",
        json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "declined" } }),
    )
    .await;
    let failed: Uuid = app.value("SELECT id FROM booking WHERE state = 'PAYMENT_EXPIRED'", []).await;
    let completed = app.book(&guest, &instant, "2027-01-10", "2027-01-13").await;
    let left = app.book(&guest, &instant, "2027-01-14", "2027-01-18").await;
    let thrown_out = app.book(&guest, &instant, "2027-03-10", "2027-03-12").await;
    let confirmed = app.book(&guest, &instant, "2027-04-10", "2027-04-12").await;
    let selection = "alteration { id state }";
    let wanted = json!({ "id": confirmed["id"], "stay": stay("2027-04-10", "2027-04-14") });
    let asked = app.must(&guest, "bookingAlterationRequest", wanted, selection).await;
    let given = json!({ "id": asked["alteration"]["id"], "accept": true });
    let agreed = app.must(&host, "bookingAlterationRespond", given, selection).await;
    assert_eq!(agreed["alteration"]["state"], "ACCEPTED");
    let given = json!({ "id": confirmed["id"], "amount": { "amount": 1_000, "currency": "USD" }, "reason": "Sorry." });
    app.must(&host, "bookingRefund", given, "booking { id }").await;
    app.cancel(&host, &thrown_out).await;
    app.set("2027-01-13T18:00:00Z");
    app.drain().await;
    let review = json!({ "overall": 5, "cleanliness": 4, "communication": 3, "text": "Fine." });
    let of_guest =
        json!({ "bookingId": completed["id"], "review": merged(review.clone(), json!({ "houseRules": 5 })) });
    app.must(&host, "reviewSubmit", of_guest, "review { id }").await;
    app.must(&guest, "reviewSubmit", json!({ "bookingId": completed["id"], "review": review }), "review { id }").await;
    app.set("2027-01-15T23:00:00Z");
    app.drain().await;
    assert_eq!(app.cancel(&guest, &left).await["booking"]["state"], "CANCELLED_BY_GUEST");
    // A new host's money waits for a month.
    app.set("2027-02-20T12:00:00Z");
    app.drain().await;
    let requested = app.book(&guest, &asking, "2027-03-01", "2027-03-04").await;
    assert_eq!(requested["state"], "REQUESTED");
    let id = |booking: &Value| key(&text(booking, "/id"));
    Weeks {
        completed: id(&completed),
        confirmed: id(&confirmed),
        requested: id(&requested),
        left: id(&left),
        thrown_out: id(&thrown_out),
        failed,
    }
}

async fn audited(app: &TestApp) -> Report {
    audit(&app.db, &app.clock, 20).await.unwrap()
}

/// The program's exit code and what it said.
async fn run(app: &TestApp, args: &[&str]) -> (i32, String, String) {
    let mut program = app.program(args);
    program.env("ROOST_TEST_CLOCK", app.clock.now().to_rfc3339());
    let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn booking(id: Uuid) -> String {
    Id::new(Kind::Booking, id).to_string()
}

#[tokio::test]
async fn a_marketplace_after_some_weeks_is_found_right_in_every_form() {
    let app = TestApp::new().await;
    weeks(&app).await;
    let (code, said, complained) = run(&app, &["audit"]).await;
    assert_eq!(code, 0, "{said}{complained}");
    assert!(said.lines().rev().skip(1).all(|line| line.starts_with("✓ ")), "{said}");
    let (_, said, _) = run(&app, &["audit", "--json"]).await;
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&report["holds"], &report["findings"]), (&json!(true), &json!(0)));
    let checks = report["checks"].as_array().unwrap();
    let looked = checks.iter().filter(|check| check["name"] != "provider_events");
    assert!(looked.into_iter().all(|check| check["rows"].as_u64().unwrap() > 0), "{said}");
    let figure = |metric: &str, labels: Value| {
        let figures = report["figures"].as_array().unwrap();
        figures.iter().find(|one| one["metric"] == metric && one["labels"] == labels).unwrap()["value"].clone()
    };
    assert_eq!(figure("roost_bookings", json!({ "state": "COMPLETED" })), 1);
    let sql = "SELECT CAST(sum(host_minor + platform_minor + tax_minor - host_released_minor - platform_released_minor \
               - tax_released_minor) AS BIGINT) FROM escrow";
    let held: i64 = app.value(sql, []).await;
    let account = json!({ "account": "GUEST_ESCROW", "currency": "USD" });
    assert_eq!((held > 0, figure("roost_ledger_account_minor", account)), (true, json!(-held)));
    let (code, metrics, _) = run(&app, &["audit", "--prometheus"]).await;
    assert_eq!(code, 0);
    for line in ["# TYPE roost_audit_findings gauge", "roost_audit_findings{check=\"booking_nights\"} 0"] {
        assert!(metrics.lines().any(|said| said == line), "{metrics}");
    }
    let balance = format!("roost_ledger_account_minor{{account=\"GUEST_ESCROW\",currency=\"USD\"}} -{held}");
    assert!(metrics.lines().any(|said| said == balance), "{metrics}");
    app.finish().await;
}

#[tokio::test]
async fn the_exit_code_tells_what_is_wrong_from_what_cannot_run() {
    let app = TestApp::new().await;
    let weeks = weeks(&app).await;
    let total = "UPDATE booking SET total_minor = total_minor + $2 WHERE id = $1";
    app.execute(total, [weeks.completed.into(), 1_i64.into()]).await;
    let (code, said, _) = run(&app, &["audit"]).await;
    assert_eq!(code, 1);
    let wrong = format!("    {}: what is kept and what went back is not the price: ", booking(weeks.completed));
    assert!(said.lines().any(|line| line.starts_with("✗ booking_money")), "{said}");
    assert!(said.contains(&wrong), "{said}");
    app.execute(total, [weeks.completed.into(), (-1_i64).into()]).await;
    for args in [&["audit", "--limit", "0"][..], &["audit", "--json", "--prometheus"]] {
        assert_eq!(run(&app, args).await.0, 2, "{args:?}");
    }
    app.execute("ALTER TABLE payout RENAME TO payout_away", []).await;
    let (code, said, complained) = run(&app, &["audit"]).await;
    assert_eq!((code, said.as_str()), (2, ""), "{complained}");
    assert!(complained.contains("could not run"), "{complained}");
    app.execute("ALTER TABLE payout_away RENAME TO payout", []).await;
    app.finish().await;
}

#[tokio::test]
async fn what_is_on_its_way_is_stuck_after_an_hour() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking_id = key(&text(&app.book(&guest, &listing, "2027-03-01", "2027-03-03").await, "/id"));
    // As it stood between the step that confirmed it and the answer of the processor.
    let payment = "UPDATE payment SET state = 'REQUIRES_CAPTURE', captured_minor = 0 WHERE booking_id = $1";
    app.execute(payment, [booking_id.into()]).await;
    let broken = |report: &Report| {
        let broken = report.checks.iter().filter(|check| check.findings > 0);
        broken.map(|check| check.name).filter(|name| name.starts_with("booking_")).collect::<Vec<_>>()
    };
    assert!(broken(&audited(&app).await).is_empty());
    app.advance(TimeDelta::minutes(61));
    let report = audited(&app).await;
    assert_eq!(broken(&report), ["booking_charges"], "{}", report.text());
    let found = report.checks.iter().find(|check| check.name == "booking_charges").unwrap();
    assert_eq!(found.shown[0].subject, booking(booking_id));
    assert_eq!(found.shown[0].note, "CONFIRMED while its payment is REQUIRES_CAPTURE");
    let payment = "UPDATE payment SET state = 'SUCCEEDED', captured_minor = amount_minor WHERE booking_id = $1";
    app.execute(payment, [booking_id.into()]).await;
    app.finish().await;
}

#[tokio::test]
async fn a_refund_of_a_stay_to_come_is_sent_at_once() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let given = json!({ "id": booking["id"], "amount": { "amount": 1_000, "currency": "USD" }, "reason": "Sorry." });
    let payload = app.must(&host, "bookingRefund", given, "booking { state } refund { state }").await;
    assert_eq!(payload["booking"]["state"], "CONFIRMED");
    assert_eq!(payload["refund"]["state"], "SUCCEEDED");
    app.finish().await;
}

#[tokio::test]
async fn a_snapshot_does_not_see_what_is_written_after_its_first_look() {
    let app = TestApp::new().await;
    let snapshot = app.db.begin_snapshot().await.unwrap();
    let people = "SELECT count(*) AS n FROM \"user\"";
    let look = async || {
        let statement = Statement::from_string(snapshot.get_database_backend(), people);
        snapshot.query_one_raw(statement).await.unwrap().unwrap().try_get::<i64>("", "n").unwrap()
    };
    assert_eq!(look().await, 0);
    app.guest().await;
    assert_eq!((look().await, app.count("\"user\"", []).await), (0, 1));
    snapshot.rollback().await.unwrap();
    app.finish().await;
}
