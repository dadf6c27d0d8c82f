//! Reviews: after the stay, double-blind, one each, one answer.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::client::{Nobody, Who};
use crate::harness::{Person, TestApp};
use crate::scenes::{ids, merged, text};

const REVIEW: &str = "review { id direction overall cleanliness value text privateNote submittedAt publishedAt \
    editableUntil author { id } listing { id } response { text at } }";

fn of_listing() -> Value {
    json!({ "overall": 5, "cleanliness": 4, "accuracy": 5, "checkIn": 5, "communication": 5, "location": 5,
        "value": 3, "text": "A fine place.", "privateNote": "The tap drips." })
}

fn of_guest() -> Value {
    json!({ "overall": 4, "cleanliness": 4, "communication": 5, "houseRules": 5, "wouldHostAgain": true,
        "text": "Good guests." })
}

/// A stay that is over: host, guest, listing, booking.
async fn over(app: &TestApp) -> (Person, Person, String, Value) {
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.completed_stay(&guest, &listing, "2027-03-04", "2027-03-08").await;
    (host, guest, listing, booking)
}

async fn submit(app: &TestApp, who: &Person, booking: &Value, review: Value) -> Value {
    let given = json!({ "bookingId": booking["id"], "review": review });
    app.must(who, "reviewSubmit", given, REVIEW).await["review"].take()
}

/// What somebody sees of the two reviews of a booking: the guest's text and the host's.
async fn both(app: &TestApp, who: &Person, booking: &Value) -> [Value; 2] {
    let query = "query($id: ID!) { booking(id: $id) { guestReview { text } hostReview { text } } }";
    let mut data = app.gql(who, query, json!({ "id": booking["id"] })).await;
    let booking = &mut data["booking"];
    [booking["guestReview"].take(), booking["hostReview"].take()]
}

async fn published(app: &TestApp, who: &(impl Who + ?Sized), listing: &str) -> Vec<String> {
    let query = "query($id: ID!) { listing(id: $id) { reviews { totalCount nodes { id text } } } }";
    let data = app.gql(who, query, json!({ "id": listing })).await;
    let nodes = data["listing"]["reviews"]["nodes"].as_array().unwrap();
    assert_eq!(data["listing"]["reviews"]["totalCount"], nodes.len());
    nodes.iter().map(|node| text(node, "/text")).collect()
}

#[tokio::test]
async fn a_stay_is_reviewed_after_its_end_and_not_before() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-04", "2027-03-08").await;
    let given = json!({ "bookingId": booking["id"], "review": of_listing() });
    assert_eq!(app.said(&guest, "reviewSubmit", given.clone()).await, ["REVIEW_WINDOW_CLOSED bookingId"]);
    app.set("2027-03-08T15:59:59Z");
    app.drain().await;
    assert_eq!(app.said(&guest, "reviewSubmit", given.clone()).await, ["REVIEW_WINDOW_CLOSED bookingId"]);
    app.set("2027-03-08T16:00:00Z");
    app.drain().await;
    let query = "query($id: ID!) { booking(id: $id) { reviewWindow { opensAt closesAt } availableActions } }";
    let seen = app.gql(&guest, query, json!({ "id": booking["id"] })).await;
    let window = json!({ "opensAt": "2027-03-08T16:00:00Z", "closesAt": "2027-03-23T04:00:00Z" });
    assert_eq!(seen["booking"], json!({ "reviewWindow": window, "availableActions": ["REVIEW"] }));
    app.must(&guest, "reviewSubmit", given, "__typename").await;
    app.finish().await;
}

#[tokio::test]
async fn neither_side_sees_the_others_review_before_both_are_there() {
    let app = TestApp::new().await;
    let (host, guest, listing, booking) = over(&app).await;
    let hidden = submit(&app, &guest, &booking, of_listing()).await;
    assert_eq!((&hidden["publishedAt"], &hidden["editableUntil"]), (&Value::Null, &json!("2027-03-23T04:00:00Z")));
    let (fine, good) = (json!({ "text": "A fine place." }), json!({ "text": "Good guests." }));
    assert_eq!(both(&app, &guest, &booking).await, [fine.clone(), Value::Null]);
    assert_eq!(both(&app, &host, &booking).await, [Value::Null, Value::Null]);
    assert_eq!(published(&app, &host, &listing).await, [""; 0]);
    let query = "query($id: ID!) { node(id: $id) { id } }";
    assert_eq!(app.gql(&host, query, json!({ "id": hidden["id"] })).await["node"], Value::Null);
    assert_eq!(app.gql(&guest, query, json!({ "id": hidden["id"] })).await["node"]["id"], hidden["id"]);

    app.advance(TimeDelta::hours(1));
    let second = submit(&app, &host, &booking, of_guest()).await;
    assert_eq!(second["publishedAt"], "2027-03-08T17:00:00Z");
    for who in [&guest, &host] {
        assert_eq!(both(&app, who, &booking).await, [fine.clone(), good.clone()]);
    }
    let query = "query($id: ID!) { node(id: $id) { ... on Review { publishedAt } } }";
    let first = app.gql(&Nobody, query, json!({ "id": hidden["id"] })).await;
    assert_eq!(first["node"]["publishedAt"], second["publishedAt"], "both appear at one instant");
    assert_eq!(published(&app, &Nobody, &listing).await, ["A fine place."]);
    let query = "query($id: ID!) { user(id: $id) { reviewsReceived { totalCount nodes { text } } } }";
    let received = app.gql(&Nobody, query, json!({ "id": guest.id() })).await;
    assert_eq!(received["user"]["reviewsReceived"], json!({ "totalCount": 1, "nodes": [good] }));
    app.finish().await;
}

#[tokio::test]
async fn the_host_may_write_first_and_is_hidden_too() {
    let app = TestApp::new().await;
    let (host, guest, _, booking) = over(&app).await;
    submit(&app, &host, &booking, of_guest()).await;
    assert_eq!(both(&app, &guest, &booking).await, [Value::Null, Value::Null]);
    let query = "query($id: ID!) { user(id: $id) { reviewsReceived { totalCount } } }";
    let received = app.gql(&guest, query, json!({ "id": guest.id() })).await;
    assert_eq!(received["user"]["reviewsReceived"]["totalCount"], 0);
    app.finish().await;
}

#[tokio::test]
async fn a_lone_review_appears_when_the_window_closes() {
    let app = TestApp::new().await;
    let (host, guest, listing, booking) = over(&app).await;
    submit(&app, &guest, &booking, of_listing()).await;
    app.set("2027-03-23T03:59:59Z");
    app.drain().await;
    assert_eq!(published(&app, &Nobody, &listing).await, [""; 0]);
    app.set("2027-03-23T04:00:00Z");
    app.drain().await;
    assert_eq!(published(&app, &Nobody, &listing).await, ["A fine place."]);
    let given = json!({ "bookingId": booking["id"], "review": of_guest() });
    assert_eq!(app.said(&host, "reviewSubmit", given).await, ["REVIEW_WINDOW_CLOSED bookingId"]);
    app.finish().await;
}

#[tokio::test]
async fn each_side_reviews_once_and_may_change_that_while_it_is_hidden() {
    let app = TestApp::new().await;
    let (host, guest, listing, booking) = over(&app).await;
    let review = submit(&app, &guest, &booking, of_listing()).await;
    let again = json!({ "bookingId": booking["id"], "review": of_listing() });
    assert_eq!(app.said(&guest, "reviewSubmit", again).await, ["REVIEW_LOCKED bookingId"]);
    let better = merged(of_listing(), json!({ "overall": 4, "text": "A very fine place." }));
    let change = json!({ "id": review["id"], "review": better });
    assert_eq!(app.said(&host, "reviewUpdate", change.clone()).await, ["NOT_FOUND id"]);
    let changed = app.must(&guest, "reviewUpdate", change.clone(), REVIEW).await["review"].take();
    assert_eq!((&changed["overall"], &changed["text"]), (&json!(4), &json!("A very fine place.")));
    submit(&app, &host, &booking, of_guest()).await;
    assert_eq!(app.said(&guest, "reviewUpdate", change).await, ["REVIEW_LOCKED id"]);
    assert_eq!(published(&app, &Nobody, &listing).await, ["A very fine place."]);
    app.finish().await;
}

#[tokio::test]
async fn strangers_review_nothing() {
    let app = TestApp::new().await;
    let (_, _, _, booking) = over(&app).await;
    let stranger = app.host().await;
    let given = json!({ "bookingId": booking["id"], "review": of_listing() });
    assert_eq!(app.said(&stranger, "reviewSubmit", given.clone()).await, ["NOT_FOUND bookingId"]);
    assert_eq!(app.said(&Nobody, "reviewSubmit", given).await, ["UNAUTHENTICATED"]);
    app.finish().await;
}

#[tokio::test]
async fn stars_that_do_not_belong_are_refused() {
    let app = TestApp::new().await;
    let (host, guest, _, booking) = over(&app).await;
    for (who, review, refusal) in [
        (&guest, merged(of_listing(), json!({ "overall": 0 })), "INVALID review.overall"),
        (&guest, merged(of_listing(), json!({ "value": 6 })), "INVALID review.value"),
        (&guest, merged(of_listing(), json!({ "houseRules": 3 })), "INVALID review.houseRules"),
        (&guest, merged(of_listing(), json!({ "wouldHostAgain": true })), "INVALID review.wouldHostAgain"),
        (&guest, merged(of_listing(), json!({ "text": " \n" })), "REQUIRED review.text"),
        (&guest, merged(of_listing(), json!({ "text": "x".repeat(10_001) })), "TOO_LONG review.text"),
        (&guest, merged(of_listing(), json!({ "text": "\u{202}\u{1b}" })), "INVALID review.text"),
        (&host, merged(of_guest(), json!({ "location": 3 })), "INVALID review.location"),
    ] {
        let given = json!({ "bookingId": booking["id"], "review": review });
        assert_eq!(app.said(who, "reviewSubmit", given).await, [refusal]);
    }
    assert_eq!(app.count("review", []).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn a_review_is_answered_once_by_the_one_it_is_about() {
    let app = TestApp::new().await;
    let (host, guest, listing, booking) = over(&app).await;
    let review = submit(&app, &guest, &booking, of_listing()).await;
    let answer = json!({ "id": review["id"], "text": "Thank you." });
    assert_eq!(app.said(&host, "reviewRespond", answer.clone()).await, ["NOT_FOUND id"], "it is hidden yet");
    submit(&app, &host, &booking, of_guest()).await;
    assert_eq!(app.said(&guest, "reviewRespond", answer.clone()).await, ["FORBIDDEN id"]);
    let empty = json!({ "id": review["id"], "text": "" });
    assert_eq!(app.said(&host, "reviewRespond", empty).await, ["REQUIRED text"]);
    let answered = app.must(&host, "reviewRespond", answer.clone(), REVIEW).await;
    let expected = json!({ "text": "Thank you.", "at": "2027-03-08T16:00:00Z" });
    assert_eq!(answered["review"]["response"], expected);
    assert_eq!(app.said(&host, "reviewRespond", answer).await, ["REVIEW_LOCKED id"]);
    let query = "query($id: ID!) { listing(id: $id) { reviews { nodes { response { text } privateNote } } } }";
    let seen = app.gql(&Nobody, query, json!({ "id": listing })).await;
    let shown = json!({ "response": { "text": "Thank you." }, "privateNote": null });
    assert_eq!(seen["listing"]["reviews"]["nodes"][0], shown);
    app.finish().await;
}

#[tokio::test]
async fn an_answer_comes_within_thirty_days() {
    let app = TestApp::new().await;
    let (host, guest, _, booking) = over(&app).await;
    let review = submit(&app, &guest, &booking, of_listing()).await;
    submit(&app, &host, &booking, of_guest()).await;
    app.advance(TimeDelta::days(30));
    let answer = json!({ "id": review["id"], "text": "Thank you." });
    assert_eq!(app.said(&host, "reviewRespond", answer).await, ["REVIEW_WINDOW_CLOSED id"]);
    app.finish().await;
}

#[tokio::test]
async fn a_private_note_is_for_the_two_sides_alone() {
    let app = TestApp::new().await;
    let (host, guest, _, booking) = over(&app).await;
    let review = submit(&app, &guest, &booking, of_listing()).await;
    assert_eq!(review["privateNote"], "The tap drips.");
    submit(&app, &host, &booking, of_guest()).await;
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
        submit(&app, &guest, &booking, merged(of_listing(), json!({ "overall": overall }))).await;
        submit(&app, &host, &booking, of_guest()).await;
        let seen = app.gql(&Nobody, query, json!({ "id": listing })).await;
        let expected = match n {
            2 => json!({ "count": 3, "overall": 4.67, "cleanliness": 4.0, "value": 3.0 }),
            n => json!({ "count": n + 1, "overall": null, "cleanliness": null, "value": null }),
        };
        assert_eq!(seen["listing"]["rating"], expected);
    }
    let seen = app.gql(&Nobody, query, json!({ "id": listing })).await;
    assert_eq!(seen["listing"]["reviews"]["totalCount"], 3);
    assert_eq!(ids(&seen, "/listing/reviews/nodes").len(), 2);
    assert_eq!(seen["listing"]["reviews"]["pageInfo"]["hasNextPage"], true);
    app.finish().await;
}

#[tokio::test]
async fn a_stay_that_was_broken_off_is_reviewed_and_one_that_never_began_is_not() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let before = app.book(&guest, &listing, "2027-03-10", "2027-03-12").await;
    let during = app.book(&guest, &listing, "2027-03-04", "2027-03-08").await;
    app.set("2027-03-05T21:00:00Z");
    app.cancel(&guest, &before).await;
    app.cancel(&guest, &during).await;
    let given = json!({ "bookingId": before["id"], "review": of_listing() });
    assert_eq!(app.said(&guest, "reviewSubmit", given).await, ["REVIEW_WINDOW_CLOSED bookingId"]);
    submit(&app, &guest, &during, of_listing()).await;
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
    app.must(&host, "bookingRefund", given, "refund { state }").await;
    let query = "query($id: ID!) { booking(id: $id) { reviewWindow { opensAt } availableActions } }";
    let seen = app.gql(&guest, query, json!({ "id": booking["id"] })).await;
    assert_eq!(seen["booking"], json!({ "reviewWindow": null, "availableActions": [] }));
    app.finish().await;
}
