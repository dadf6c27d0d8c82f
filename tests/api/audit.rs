//! `roost audit`: no findings on a correct database, and one breaking test for each check.

use chrono::TimeDelta;
use roost::audit::{Report, audit};
use roost::kernel::id::{Id, Kind};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::TestApp;
use crate::scenarios::{merge, stay, text, uuid_of};

mod corruptions;

/// The bookings of a marketplace after some weeks.
struct Weeks {
    completed: Uuid,
    confirmed: Uuid,
    requested: Uuid,
    cancelled_by_guest: Uuid,
    cancelled_by_host: Uuid,
    failed: Uuid,
}

async fn simulate_weeks(app: &TestApp) -> Weeks {
    let (host, guest) = (app.host().await, app.guest().await);
    let instant = app.published_listing(&host, json!({})).await;
    let asking = app.published_listing(&host, json!({ "bookingMode": "REQUEST" })).await;
    app.set("2027-01-05T12:00:00Z");
    let quote = app.quote(&guest, &instant, "2027-01-20", "2027-01-22").await;
    app.user_errors(
        &guest,
        "bookingCreate",
        json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "declined" } }),
    )
    .await;
    let failed: Uuid = app.value("SELECT id FROM booking WHERE state = 'PAYMENT_EXPIRED'", []).await;
    let completed = app.book(&guest, &instant, "2027-01-10", "2027-01-13").await;
    let cancelled_by_guest = app.book(&guest, &instant, "2027-01-14", "2027-01-18").await;
    let cancelled_by_host = app.book(&guest, &instant, "2027-03-10", "2027-03-12").await;
    let confirmed = app.book(&guest, &instant, "2027-04-10", "2027-04-12").await;
    let selection = "alteration { id state }";
    let wanted = json!({ "id": confirmed["id"], "stay": stay("2027-04-10", "2027-04-14") });
    let requested_change = app.mutate_ok(&guest, "bookingAlterationRequest", wanted, selection).await;
    let given = json!({ "id": requested_change["alteration"]["id"] });
    let agreed = app.mutate_ok(&host, "bookingAlterationAccept", given, selection).await;
    assert_eq!(agreed["alteration"]["state"], "ACCEPTED");
    let given = json!({ "id": confirmed["id"], "amount": { "amount": 1_000, "currency": "USD" }, "reason": "Sorry." });
    app.mutate_ok(&host, "bookingRefund", given, "booking { id }").await;
    app.cancel(&host, &cancelled_by_host).await;
    app.set("2027-01-13T18:00:00Z");
    app.drain().await;
    let review = json!({ "overall": 5, "cleanliness": 4, "communication": 3, "text": "Fine." });
    let of_guest = json!({ "bookingId": completed["id"], "review": merge(review.clone(), json!({ "houseRules": 5 })) });
    app.mutate_ok(&host, "reviewSubmit", of_guest, "review { id }").await;
    app.mutate_ok(&guest, "reviewSubmit", json!({ "bookingId": completed["id"], "review": review }), "review { id }")
        .await;
    app.set("2027-01-15T23:00:00Z");
    app.drain().await;
    assert_eq!(app.cancel(&guest, &cancelled_by_guest).await["booking"]["state"], "CANCELLED_BY_GUEST");
    // The first payout of a new host is delayed by 30 days.
    app.set("2027-02-20T12:00:00Z");
    app.drain().await;
    let requested = app.book(&guest, &asking, "2027-03-01", "2027-03-04").await;
    assert_eq!(requested["state"], "REQUESTED");
    let id = |booking: &Value| uuid_of(&text(booking, "/id"));
    Weeks {
        completed: id(&completed),
        confirmed: id(&confirmed),
        requested: id(&requested),
        cancelled_by_guest: id(&cancelled_by_guest),
        cancelled_by_host: id(&cancelled_by_host),
        failed,
    }
}

async fn run_audit(app: &TestApp) -> Report {
    audit(&app.db, &app.clock, 20).await.unwrap()
}

/// Runs the program. Returns its exit code, its standard output and its standard error.
async fn run_program(app: &TestApp, args: &[&str]) -> (i32, String, String) {
    let mut program = app.program(args);
    program.env("ROOST_TEST_CLOCK", app.clock.now().to_rfc3339());
    let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn booking_id_text(id: Uuid) -> String {
    Id::new(Kind::Booking, id).to_string()
}

#[tokio::test]
async fn a_marketplace_after_some_weeks_passes_the_audit_in_every_format() {
    let app = TestApp::new().await;
    simulate_weeks(&app).await;
    let (code, stdout, stderr) = run_program(&app, &["audit"]).await;
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.lines().rev().skip(1).all(|line| line.starts_with("✓ ")), "{stdout}");
    let (_, stdout, _) = run_program(&app, &["audit", "--json"]).await;
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&report["holds"], &report["findings"]), (&json!(true), &json!(0)));
    let checks = report["checks"].as_array().unwrap();
    let with_rows = checks.iter().filter(|check| check["name"] != "provider_events");
    assert!(with_rows.into_iter().all(|check| check["rows"].as_u64().unwrap() > 0), "{stdout}");
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
    let (code, metrics, _) = run_program(&app, &["audit", "--prometheus"]).await;
    assert_eq!(code, 0);
    for line in ["# TYPE roost_audit_findings gauge", "roost_audit_findings{check=\"booking_nights\"} 0"] {
        assert!(metrics.lines().any(|other| other == line), "{metrics}");
    }
    let balance = format!("roost_ledger_account_minor{{account=\"GUEST_ESCROW\",currency=\"USD\"}} -{held}");
    assert!(metrics.lines().any(|line| line == balance), "{metrics}");
    app.finish().await;
}

#[tokio::test]
async fn the_exit_code_distinguishes_findings_from_failures_to_run() {
    let app = TestApp::new().await;
    let weeks = simulate_weeks(&app).await;
    let total = "UPDATE booking SET total_minor = total_minor + $2 WHERE id = $1";
    app.execute(total, [weeks.completed.into(), 1_i64.into()]).await;
    let (code, stdout, _) = run_program(&app, &["audit"]).await;
    assert_eq!(code, 1);
    let wrong =
        format!("    {}: retained and refunded amounts do not sum to the price: ", booking_id_text(weeks.completed));
    assert!(stdout.lines().any(|line| line.starts_with("✗ booking_money")), "{stdout}");
    assert!(stdout.contains(&wrong), "{stdout}");
    app.execute(total, [weeks.completed.into(), (-1_i64).into()]).await;
    for args in [&["audit", "--limit", "0"][..], &["audit", "--json", "--prometheus"]] {
        assert_eq!(run_program(&app, args).await.0, 2, "{args:?}");
    }
    app.execute("ALTER TABLE payout RENAME TO payout_away", []).await;
    let (code, stdout, stderr) = run_program(&app, &["audit"]).await;
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    assert!(stderr.contains("could not run"), "{stderr}");
    app.execute("ALTER TABLE payout_away RENAME TO payout", []).await;
    app.finish().await;
}

#[tokio::test]
async fn a_confirmed_booking_without_a_charge_is_a_finding_after_one_hour() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking_id = uuid_of(&text(&app.book(&guest, &listing, "2027-03-01", "2027-03-03").await, "/id"));
    // The state between the confirmation and the response of the processor.
    let payment = "UPDATE payment SET state = 'REQUIRES_CAPTURE', captured_minor = 0 WHERE booking_id = $1";
    app.execute(payment, [booking_id.into()]).await;
    let broken = |report: &Report| {
        let broken = report.checks.iter().filter(|check| check.findings > 0);
        broken.map(|check| check.name).filter(|name| name.starts_with("booking_")).collect::<Vec<_>>()
    };
    assert!(broken(&run_audit(&app).await).is_empty());
    app.advance(TimeDelta::minutes(61));
    let report = run_audit(&app).await;
    assert_eq!(broken(&report), ["booking_charges"], "{}", report.text());
    let found = report.checks.iter().find(|check| check.name == "booking_charges").unwrap();
    assert_eq!(found.first_findings[0].subject, booking_id_text(booking_id));
    assert_eq!(found.first_findings[0].note, "CONFIRMED while its payment is REQUIRES_CAPTURE");
    let payment = "UPDATE payment SET state = 'SUCCEEDED', captured_minor = amount_minor WHERE booking_id = $1";
    app.execute(payment, [booking_id.into()]).await;
    app.finish().await;
}

#[tokio::test]
async fn a_refund_of_a_future_stay_is_sent_immediately() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let given = json!({ "id": booking["id"], "amount": { "amount": 1_000, "currency": "USD" }, "reason": "Sorry." });
    let payload = app.mutate_ok(&host, "bookingRefund", given, "booking { state } refund { state }").await;
    assert_eq!(payload["booking"]["state"], "CONFIRMED");
    assert_eq!(payload["refund"]["state"], "SUCCEEDED");
    app.finish().await;
}

#[tokio::test]
async fn a_snapshot_does_not_see_later_writes() {
    let app = TestApp::new().await;
    let snapshot = app.db.begin_snapshot().await.unwrap();
    let people = "SELECT count(*) AS n FROM \"user\"";
    let count_people = async || {
        let statement = Statement::from_string(snapshot.get_database_backend(), people);
        snapshot.query_one_raw(statement).await.unwrap().unwrap().try_get::<i64>("", "n").unwrap()
    };
    assert_eq!(count_people().await, 0);
    app.guest().await;
    assert_eq!((count_people().await, app.count("\"user\"", []).await), (0, 1));
    snapshot.rollback().await.unwrap();
    app.finish().await;
}
