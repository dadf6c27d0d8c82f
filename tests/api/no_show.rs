//! No-shows: when a host may report one, and the effect on nights, money and reviews.

use serde_json::{Value, json};

use crate::accounting::BookedTrip;
use crate::harness::TestApp;
use crate::scenarios::{number, text};

fn can_report(booking: &Value) -> bool {
    booking["availableActions"].as_array().unwrap().contains(&json!("REPORT_NO_SHOW"))
}

async fn trip_without_arrival(app: &TestApp) -> BookedTrip {
    let trip = app.first_vector(json!({})).await;
    app.set("2027-03-05T02:00:00Z");
    app.drain().await;
    trip
}

#[tokio::test]
async fn a_no_show_can_be_reported_six_hours_after_check_in() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    let given = json!({ "id": trip.booking["id"] });
    app.set("2027-03-05T01:59:59Z");
    app.drain().await;
    assert!(!can_report(&app.booking(&trip.host, &trip.booking).await));
    let errors = app.user_errors(&trip.host, "bookingNoShowReport", given).await;
    assert_eq!(errors[0]["allowed"], json!(["CANCEL", "REQUEST_ALTERATION", "CHECK_OUT"]));
    app.set("2027-03-05T02:00:00Z");
    assert!(can_report(&app.booking(&trip.host, &trip.booking).await));
    for who in [&trip.guest, &trip.staff] {
        assert!(!can_report(&app.booking(who, &trip.booking).await));
        assert_eq!(app.errors(who, "bookingNoShowReport", json!({ "id": trip.booking["id"] })).await, ["FORBIDDEN id"]);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_no_show_is_settled_like_a_cancellation_by_the_guest_at_that_time() {
    let app = TestApp::new().await;
    let trip = trip_without_arrival(&app).await;
    let refund = app.cancellation_refund(&trip.guest, &trip.booking).await;
    // The first night has begun and one more is charged: 135.00 + 165.00 for nights, and half of the cleaning fee.
    let ended = app.perform(&trip.host, "bookingNoShowReport", &trip.booking).await;
    assert_eq!(ended["state"], "NO_SHOW");
    let seen = app.booking(&trip.guest, &trip.booking).await;
    assert_eq!(seen["payment"]["refunded"]["amount"], refund["amount"]);
    let query = "query($id: ID!) { booking(id: $id) { cancellationPreview { at } cancellation { by rule note \
                 explanation refund { amount currency } hostPenalty { amount } } } }";
    let shown = app.gql(&trip.guest, query, json!({ "id": trip.booking["id"] })).await;
    let explanation = "The guest did not arrive. The host keeps 2 of 4 nights.";
    let cancellation = json!({ "by": "HOST", "rule": "NO_SHOW", "note": null, "explanation": explanation,
        "refund": refund, "hostPenalty": null });
    assert_eq!(shown["booking"], json!({ "cancellationPreview": null, "cancellation": cancellation }));
    let retained = number(&trip.booking, "/price/total/amount") - number(&refund, "/amount");
    // 300.00 for nights, 30.00 for cleaning, 29.29 of tax on both, and 1.50 of tax for the night that began.
    assert_eq!(retained, 30_000 + 3_000 + 2_929 + 150);
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, [("SCHEDULED".to_owned(), 27_885, None)]);
    let nights = app.nights(&trip.listing, "2027-03-04", "2027-03-08").await;
    assert_eq!(nights, ["BOOKED", "FREE", "FREE", "FREE"]);
    let errors = app.user_errors(&trip.host, "bookingNoShowReport", json!({ "id": trip.booking["id"] })).await;
    assert_eq!((&errors[0]["state"], &errors[0]["allowed"]), (&json!("NO_SHOW"), &json!([])));
    app.set("2027-03-05T20:00:00Z");
    app.drain().await;
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, [("PAID".to_owned(), 27_885, Some(27_885))]);
    app.finish().await;
}

#[tokio::test]
async fn a_guest_who_checked_in_cannot_be_reported_as_a_no_show() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    app.set("2027-03-04T12:00:00Z");
    app.perform(&trip.guest, "bookingCheckIn", &trip.booking).await;
    app.set("2027-03-05T02:00:00Z");
    app.drain().await;
    assert!(!can_report(&app.booking(&trip.host, &trip.booking).await));
    let errors = app.errors(&trip.host, "bookingNoShowReport", json!({ "id": trip.booking["id"] })).await;
    assert_eq!(errors, ["STATE_CONFLICT id"]);
    app.finish().await;
}

#[tokio::test]
async fn both_parties_may_review_a_no_show() {
    let app = TestApp::new().await;
    let trip = trip_without_arrival(&app).await;
    app.perform(&trip.host, "bookingNoShowReport", &trip.booking).await;
    for who in [&trip.host, &trip.guest] {
        let review = json!({ "bookingId": trip.booking["id"], "review": { "overall": 2, "text": "Hm." } });
        let review = app.mutate_ok(who, "reviewSubmit", review, "review { id }").await;
        assert!(!text(&review, "/review/id").is_empty());
    }
    app.finish().await;
}
