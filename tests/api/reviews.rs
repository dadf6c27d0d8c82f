//! Reviews: after the stay, double-blind, one by each party, one response.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::client::{Anonymous, Caller};
use crate::harness::{Person, TestApp};
use crate::scenarios::{ids, merge, text};

const REVIEW: &str = "review { id direction overall cleanliness value text privateNote submittedAt publishedAt \
    editableUntil author { id } listing { id } response { text at } }";

fn listing_review() -> Value {
    json!({ "overall": 5, "cleanliness": 4, "accuracy": 5, "checkIn": 5, "communication": 5, "location": 5,
        "value": 3, "text": "A fine place.", "privateNote": "The tap drips." })
}

fn guest_review() -> Value {
    json!({ "overall": 4, "cleanliness": 4, "communication": 5, "houseRules": 5, "wouldHostAgain": true,
        "text": "Good guests." })
}

/// A completed stay: its host, guest, listing and booking.
async fn completed_stay(app: &TestApp) -> (Person, Person, String, Value) {
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.completed_stay(&guest, &listing, "2027-03-04", "2027-03-08").await;
    (host, guest, listing, booking)
}

async fn submit(app: &TestApp, who: &Person, booking: &Value, review: Value) -> Value {
    let given = json!({ "bookingId": booking["id"], "review": review });
    app.mutate_ok(who, "reviewSubmit", given, REVIEW).await["review"].take()
}

/// The guest's and the host's review of a booking, as a viewer sees them.
async fn visible_reviews(app: &TestApp, who: &Person, booking: &Value) -> [Value; 2] {
    let query = "query($id: ID!) { booking(id: $id) { guestReview { text } hostReview { text } } }";
    let mut data = app.gql(who, query, json!({ "id": booking["id"] })).await;
    let booking = &mut data["booking"];
    [booking["guestReview"].take(), booking["hostReview"].take()]
}

async fn published_texts(app: &TestApp, who: &(impl Caller + ?Sized), listing: &str) -> Vec<String> {
    let query = "query($id: ID!) { listing(id: $id) { reviews { totalCount nodes { id text } } } }";
    let data = app.gql(who, query, json!({ "id": listing })).await;
    let nodes = data["listing"]["reviews"]["nodes"].as_array().unwrap();
    assert_eq!(data["listing"]["reviews"]["totalCount"], nodes.len());
    nodes.iter().map(|node| text(node, "/text")).collect()
}

#[tokio::test]
async fn a_stay_is_reviewed_only_after_its_end() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-04", "2027-03-08").await;
    let given = json!({ "bookingId": booking["id"], "review": listing_review() });
    assert_eq!(app.errors(&guest, "reviewSubmit", given.clone()).await, ["REVIEW_WINDOW_CLOSED bookingId"]);
    app.set("2027-03-08T15:59:59Z");
    app.drain().await;
    assert_eq!(app.errors(&guest, "reviewSubmit", given.clone()).await, ["REVIEW_WINDOW_CLOSED bookingId"]);
    app.set("2027-03-08T16:00:00Z");
    app.drain().await;
    let query = "query($id: ID!) { booking(id: $id) { reviewWindow { opensAt closesAt } availableActions } }";
    let seen = app.gql(&guest, query, json!({ "id": booking["id"] })).await;
    let window = json!({ "opensAt": "2027-03-08T16:00:00.000Z", "closesAt": "2027-03-23T04:00:00.000Z" });
    assert_eq!(seen["booking"], json!({ "reviewWindow": window, "availableActions": ["REVIEW"] }));
    app.mutate_ok(&guest, "reviewSubmit", given, "__typename").await;
    app.finish().await;
}

#[tokio::test]
async fn neither_party_sees_the_others_review_before_both_are_submitted() {
    let app = TestApp::new().await;
    let (host, guest, listing, booking) = completed_stay(&app).await;
    let hidden = submit(&app, &guest, &booking, listing_review()).await;
    assert_eq!((&hidden["publishedAt"], &hidden["editableUntil"]), (&Value::Null, &json!("2027-03-23T04:00:00.000Z")));
    let (fine, good) = (json!({ "text": "A fine place." }), json!({ "text": "Good guests." }));
    assert_eq!(visible_reviews(&app, &guest, &booking).await, [fine.clone(), Value::Null]);
    assert_eq!(visible_reviews(&app, &host, &booking).await, [Value::Null, Value::Null]);
    assert_eq!(published_texts(&app, &host, &listing).await, [""; 0]);
    let query = "query($id: ID!) { node(id: $id) { id } }";
    assert_eq!(app.gql(&host, query, json!({ "id": hidden["id"] })).await["node"], Value::Null);
    assert_eq!(app.gql(&guest, query, json!({ "id": hidden["id"] })).await["node"]["id"], hidden["id"]);

    app.advance(TimeDelta::hours(1));
    let second = submit(&app, &host, &booking, guest_review()).await;
    assert_eq!(second["publishedAt"], "2027-03-08T17:00:00.000Z");
    for who in [&guest, &host] {
        assert_eq!(visible_reviews(&app, who, &booking).await, [fine.clone(), good.clone()]);
    }
    let query = "query($id: ID!) { node(id: $id) { ... on Review { publishedAt } } }";
    let first = app.gql(&Anonymous, query, json!({ "id": hidden["id"] })).await;
    assert_eq!(first["node"]["publishedAt"], second["publishedAt"], "both are published at the same time");
    assert_eq!(published_texts(&app, &Anonymous, &listing).await, ["A fine place."]);
    let query = "query($id: ID!) { user(id: $id) { reviewsReceived { totalCount nodes { text } } } }";
    let received = app.gql(&Anonymous, query, json!({ "id": guest.id() })).await;
    assert_eq!(received["user"]["reviewsReceived"], json!({ "totalCount": 1, "nodes": [good] }));
    app.finish().await;
}

#[tokio::test]
async fn a_hosts_earlier_review_is_hidden_too() {
    let app = TestApp::new().await;
    let (host, guest, _, booking) = completed_stay(&app).await;
    submit(&app, &host, &booking, guest_review()).await;
    assert_eq!(visible_reviews(&app, &guest, &booking).await, [Value::Null, Value::Null]);
    let query = "query($id: ID!) { user(id: $id) { reviewsReceived { totalCount } } }";
    let received = app.gql(&guest, query, json!({ "id": guest.id() })).await;
    assert_eq!(received["user"]["reviewsReceived"]["totalCount"], 0);
    app.finish().await;
}

#[tokio::test]
async fn a_single_review_is_published_when_the_window_closes() {
    let app = TestApp::new().await;
    let (host, guest, listing, booking) = completed_stay(&app).await;
    submit(&app, &guest, &booking, listing_review()).await;
    app.set("2027-03-23T03:59:59Z");
    app.drain().await;
    assert_eq!(published_texts(&app, &Anonymous, &listing).await, [""; 0]);
    app.set("2027-03-23T04:00:00Z");
    app.drain().await;
    assert_eq!(published_texts(&app, &Anonymous, &listing).await, ["A fine place."]);
    let given = json!({ "bookingId": booking["id"], "review": guest_review() });
    assert_eq!(app.errors(&host, "reviewSubmit", given).await, ["REVIEW_WINDOW_CLOSED bookingId"]);
    app.finish().await;
}

#[tokio::test]
async fn each_party_reviews_once_and_may_edit_it_while_it_is_hidden() {
    let app = TestApp::new().await;
    let (host, guest, listing, booking) = completed_stay(&app).await;
    let review = submit(&app, &guest, &booking, listing_review()).await;
    let second = json!({ "bookingId": booking["id"], "review": listing_review() });
    assert_eq!(app.errors(&guest, "reviewSubmit", second).await, ["REVIEW_LOCKED bookingId"]);
    let better = merge(listing_review(), json!({ "overall": 4, "text": "A very fine place." }));
    let change = json!({ "id": review["id"], "review": better });
    assert_eq!(app.errors(&host, "reviewUpdate", change.clone()).await, ["NOT_FOUND id"]);
    let changed = app.mutate_ok(&guest, "reviewUpdate", change.clone(), REVIEW).await["review"].take();
    assert_eq!((&changed["overall"], &changed["text"]), (&json!(4), &json!("A very fine place.")));
    submit(&app, &host, &booking, guest_review()).await;
    assert_eq!(app.errors(&guest, "reviewUpdate", change).await, ["REVIEW_LOCKED id"]);
    assert_eq!(published_texts(&app, &Anonymous, &listing).await, ["A very fine place."]);
    app.finish().await;
}

#[tokio::test]
async fn only_the_parties_review_a_stay() {
    let app = TestApp::new().await;
    let (_, _, _, booking) = completed_stay(&app).await;
    let stranger = app.host().await;
    let given = json!({ "bookingId": booking["id"], "review": listing_review() });
    assert_eq!(app.errors(&stranger, "reviewSubmit", given.clone()).await, ["NOT_FOUND bookingId"]);
    assert_eq!(app.errors(&Anonymous, "reviewSubmit", given).await, ["UNAUTHENTICATED"]);
    app.finish().await;
}

#[tokio::test]
async fn invalid_star_ratings_are_refused() {
    let app = TestApp::new().await;
    let (host, guest, _, booking) = completed_stay(&app).await;
    for (who, review, refusal) in [
        (&guest, merge(listing_review(), json!({ "overall": 0 })), "INVALID review.overall"),
        (&guest, merge(listing_review(), json!({ "value": 6 })), "INVALID review.value"),
        (&guest, merge(listing_review(), json!({ "houseRules": 3 })), "INVALID review.houseRules"),
        (&guest, merge(listing_review(), json!({ "wouldHostAgain": true })), "INVALID review.wouldHostAgain"),
        (&guest, merge(listing_review(), json!({ "text": " \n" })), "REQUIRED review.text"),
        (&guest, merge(listing_review(), json!({ "text": "x".repeat(10_001) })), "TOO_LONG review.text"),
        (&guest, merge(listing_review(), json!({ "text": "\u{202}\u{1b}" })), "INVALID review.text"),
        (&host, merge(guest_review(), json!({ "location": 3 })), "INVALID review.location"),
    ] {
        let given = json!({ "bookingId": booking["id"], "review": review });
        assert_eq!(app.errors(who, "reviewSubmit", given).await, [refusal]);
    }
    assert_eq!(app.count("review", []).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn a_review_gets_one_response_by_its_subject() {
    let app = TestApp::new().await;
    let (host, guest, listing, booking) = completed_stay(&app).await;
    let review = submit(&app, &guest, &booking, listing_review()).await;
    let answer = json!({ "id": review["id"], "text": "Thank you." });
    assert_eq!(app.errors(&host, "reviewRespond", answer.clone()).await, ["NOT_FOUND id"], "it is not published yet");
    submit(&app, &host, &booking, guest_review()).await;
    assert_eq!(app.errors(&guest, "reviewRespond", answer.clone()).await, ["FORBIDDEN id"]);
    let empty = json!({ "id": review["id"], "text": "" });
    assert_eq!(app.errors(&host, "reviewRespond", empty).await, ["REQUIRED text"]);
    let answered = app.mutate_ok(&host, "reviewRespond", answer.clone(), REVIEW).await;
    let expected = json!({ "text": "Thank you.", "at": "2027-03-08T16:00:00.000Z" });
    assert_eq!(answered["review"]["response"], expected);
    assert_eq!(app.errors(&host, "reviewRespond", answer).await, ["REVIEW_LOCKED id"]);
    let query = "query($id: ID!) { listing(id: $id) { reviews { nodes { response { text } privateNote } } } }";
    let seen = app.gql(&Anonymous, query, json!({ "id": listing })).await;
    let shown = json!({ "response": { "text": "Thank you." }, "privateNote": null });
    assert_eq!(seen["listing"]["reviews"]["nodes"][0], shown);
    app.finish().await;
}

#[tokio::test]
async fn a_response_is_accepted_for_thirty_days() {
    let app = TestApp::new().await;
    let (host, guest, _, booking) = completed_stay(&app).await;
    let review = submit(&app, &guest, &booking, listing_review()).await;
    submit(&app, &host, &booking, guest_review()).await;
    app.advance(TimeDelta::days(30));
    let answer = json!({ "id": review["id"], "text": "Thank you." });
    assert_eq!(app.errors(&host, "reviewRespond", answer).await, ["REVIEW_WINDOW_CLOSED id"]);
    app.finish().await;
}

#[tokio::test]
async fn only_the_parties_see_a_private_note() {
    let app = TestApp::new().await;
    let (host, guest, _, booking) = completed_stay(&app).await;
    let review = submit(&app, &guest, &booking, listing_review()).await;
    assert_eq!(review["privateNote"], "The tap drips.");
    submit(&app, &host, &booking, guest_review()).await;
    let query = "query($id: ID!) { node(id: $id) { ... on Review { privateNote } } }";
    let note = async |who: &Person| app.gql(who, query, json!({ "id": review["id"] })).await["node"].take();
    assert_eq!(note(&host).await["privateNote"], "The tap drips.");
    assert_eq!(note(&app.guest().await).await["privateNote"], Value::Null);
    app.finish().await;
}

#[tokio::test]
async fn a_rating_is_shown_from_three_reviews_on() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    let query = "query($id: ID!) { listing(id: $id) { rating { count overall cleanliness value } \
                 reviews(first: 2) { totalCount nodes { id } pageInfo { hasNextPage endCursor } } } }";
    for (n, overall) in [5, 5, 4].into_iter().enumerate() {
        let guest = app.guest().await;
        let (check_in, check_out) =
            [("2027-03-01", "2027-03-02"), ("2027-03-02", "2027-03-03"), ("2027-03-03", "2027-03-04")][n];
        app.set(crate::harness::START);
        let booking = app.completed_stay(&guest, &listing, check_in, check_out).await;
        submit(&app, &guest, &booking, merge(listing_review(), json!({ "overall": overall }))).await;
        submit(&app, &host, &booking, guest_review()).await;
        let seen = app.gql(&Anonymous, query, json!({ "id": listing })).await;
        let expected = match n {
            2 => json!({ "count": 3, "overall": 4.67, "cleanliness": 4.0, "value": 3.0 }),
            n => json!({ "count": n + 1, "overall": null, "cleanliness": null, "value": null }),
        };
        assert_eq!(seen["listing"]["rating"], expected);
    }
    let seen = app.gql(&Anonymous, query, json!({ "id": listing })).await;
    assert_eq!(seen["listing"]["reviews"]["totalCount"], 3);
    assert_eq!(ids(&seen, "/listing/reviews/nodes").len(), 2);
    assert_eq!(seen["listing"]["reviews"]["pageInfo"]["hasNextPage"], true);
    app.finish().await;
}

#[tokio::test]
async fn a_stay_cancelled_midway_is_reviewed_and_one_that_never_began_is_not() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let before = app.book(&guest, &listing, "2027-03-10", "2027-03-12").await;
    let during = app.book(&guest, &listing, "2027-03-04", "2027-03-08").await;
    app.set("2027-03-05T21:00:00Z");
    app.cancel(&guest, &before).await;
    app.cancel(&guest, &during).await;
    let given = json!({ "bookingId": before["id"], "review": listing_review() });
    assert_eq!(app.errors(&guest, "reviewSubmit", given).await, ["REVIEW_WINDOW_CLOSED bookingId"]);
    submit(&app, &guest, &during, listing_review()).await;
    app.finish().await;
}

#[tokio::test]
async fn a_refund_after_a_cancellation_opens_no_reviews() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({ "cancellationPolicy": "STRICT" })).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    app.set("2027-02-27T12:00:00Z");
    app.cancel(&guest, &booking).await;
    app.set("2027-03-02T12:00:00Z");
    let given = json!({ "id": booking["id"], "amount": { "amount": 1_000, "currency": "USD" }, "reason": "Sorry." });
    app.mutate_ok(&host, "bookingRefund", given, "refund { state }").await;
    let query = "query($id: ID!) { booking(id: $id) { reviewWindow { opensAt } availableActions } }";
    let seen = app.gql(&guest, query, json!({ "id": booking["id"] })).await;
    assert_eq!(seen["booking"], json!({ "reviewWindow": null, "availableActions": [] }));
    app.finish().await;
}
