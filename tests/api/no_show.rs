//! Guests who never came: when a host may say so, and what becomes of nights, money and reviews.

use serde_json::{Value, json};

use crate::books::Trip;
use crate::harness::TestApp;
use crate::scenes::{number, text};

fn may(booking: &Value) -> bool {
    booking["availableActions"].as_array().unwrap().contains(&json!("REPORT_NO_SHOW"))
}

async fn missing(app: &TestApp) -> Trip {
    let trip = app.first_vector(json!({})).await;
    app.set("2027-03-05T02:00:00Z");
    app.drain().await;
    trip
}

#[tokio::test]
async fn a_guest_can_be_missed_six_hours_after_check_in() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    let given = json!({ "id": trip.booking["id"] });
    app.set("2027-03-05T01:59:59Z");
    app.drain().await;
    assert!(!may(&app.booking(&trip.host, &trip.booking).await));
    let errors = app.refused(&trip.host, "bookingNoShowReport", given).await;
    assert_eq!(errors[0]["allowed"], json!(["CANCEL", "REQUEST_ALTERATION", "CHECK_OUT"]));
    app.set("2027-03-05T02:00:00Z");
    assert!(may(&app.booking(&trip.host, &trip.booking).await));
    for who in [&trip.guest, &trip.staff] {
        assert!(!may(&app.booking(who, &trip.booking).await));
        assert_eq!(app.said(who, "bookingNoShowReport", json!({ "id": trip.booking["id"] })).await, ["FORBIDDEN id"]);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_no_show_is_settled_as_a_cancellation_by_the_guest_at_that_moment() {
    let app = TestApp::new().await;
    let trip = missing(&app).await;
    let refund = app.refund_now(&trip.guest, &trip.booking).await;
    // The first night has begun and one more is kept: 135.00 + 165.00 of nights, half of the cleaning.
    let ended = app.step(&trip.host, "bookingNoShowReport", &trip.booking).await;
    assert_eq!(ended["state"], "NO_SHOW");
    let seen = app.booking(&trip.guest, &trip.booking).await;
    assert_eq!(seen["payment"]["refunded"]["amount"], refund["amount"]);
    assert_eq!(app.refund_now(&trip.guest, &trip.booking).await, refund);
    let kept = number(&trip.booking, "/price/total/amount") - number(&refund, "/amount");
    // 300.00 of nights and 30.00 of cleaning; taxes of 29.29 on that and 1.50 for the night stayed.
    assert_eq!(kept, 30_000 + 3_000 + 2_929 + 150);
    assert_eq!(app.paid(&trip.host, &trip.booking).await, [("SCHEDULED".to_owned(), 27_885, None)]);
    let nights = app.nights(&trip.listing, "2027-03-04", "2027-03-08").await;
    assert_eq!(nights, ["BOOKED", "FREE", "FREE", "FREE"]);
    let errors = app.refused(&trip.host, "bookingNoShowReport", json!({ "id": trip.booking["id"] })).await;
    assert_eq!((&errors[0]["state"], &errors[0]["allowed"]), (&json!("NO_SHOW"), &json!([])));
    app.set("2027-03-05T20:00:00Z");
    app.drain().await;
    assert_eq!(app.paid(&trip.host, &trip.booking).await, [("PAID".to_owned(), 27_885, Some(27_885))]);
    app.finish().await;
}

#[tokio::test]
async fn a_guest_who_was_seen_is_not_missing() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    app.set("2027-03-04T12:00:00Z");
    app.step(&trip.guest, "bookingCheckIn", &trip.booking).await;
    app.set("2027-03-05T02:00:00Z");
    app.drain().await;
    assert!(!may(&app.booking(&trip.host, &trip.booking).await));
    let said = app.said(&trip.host, "bookingNoShowReport", json!({ "id": trip.booking["id"] })).await;
    assert_eq!(said, ["STATE_CONFLICT id"]);
    app.finish().await;
}

#[tokio::test]
async fn both_sides_review_a_stay_that_was_missed() {
    let app = TestApp::new().await;
    let trip = missing(&app).await;
    app.step(&trip.host, "bookingNoShowReport", &trip.booking).await;
    for who in [&trip.host, &trip.guest] {
        let review = json!({ "bookingId": trip.booking["id"], "review": { "overall": 2, "text": "Hm." } });
        let review = app.must(who, "reviewSubmit", review, "review { id }").await;
        assert!(!text(&review, "/review/id").is_empty());
    }
    app.finish().await;
}
