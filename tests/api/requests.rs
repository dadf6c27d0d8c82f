//! Requests that do not claim their nights: several can be pending for the same nights, and the first accepted one
//! gets them.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::client::{Caller, error_codes, graphql_request, send};
use crate::harness::{Person, START, TestApp};
use crate::scenarios::{stay, text, usd};

const OPEN: &[&str] = &["--request-blocks-calendar=off"];

async fn listing_on_request(app: &TestApp, changes: Value) -> (Person, String) {
    let host = app.host().await;
    let request = crate::scenarios::merge(json!({ "bookingMode": "REQUEST" }), changes);
    let listing = app.published_listing(&host, request).await;
    (host, listing)
}

async fn request_booking(app: &TestApp, listing: &str, nights: (&str, &str)) -> (Person, Value) {
    let guest = app.guest().await;
    let booking = app.book(&guest, listing, nights.0, nights.1).await;
    assert_eq!(booking["state"], "REQUESTED");
    (guest, booking)
}

/// The state of the booking, the captured amount, and the state of the payment.
async fn status_of(app: &TestApp, who: &Person, booking: &Value) -> (String, i64, String) {
    let seen = app.booking(who, booking).await;
    let captured = seen["payment"]["captured"]["amount"].as_i64().unwrap();
    (text(&seen, "/state"), captured, text(&seen, "/payment/state"))
}

fn status(state: &str, captured: i64, payment: &str) -> (String, i64, String) {
    (state.to_owned(), captured, payment.to_owned())
}

#[tokio::test]
async fn the_first_accepted_request_gets_the_nights() {
    let app = TestApp::with(OPEN).await;
    let (host, listing) = listing_on_request(&app, json!({})).await;
    let (first, one) = request_booking(&app, &listing, ("2027-03-01", "2027-03-03")).await;
    let (second, two) = request_booking(&app, &listing, ("2027-03-02", "2027-03-04")).await;
    let (third, three) = request_booking(&app, &listing, ("2027-03-03", "2027-03-05")).await;
    assert_eq!(app.nights(&listing, "2027-03-01", "2027-03-03").await, ["FREE", "FREE"]);
    app.perform(&host, "bookingAccept", &one).await;
    app.drain().await;
    assert_eq!(status_of(&app, &first, &one).await, status("CONFIRMED", 30_000, "SUCCEEDED"));
    assert_eq!(status_of(&app, &second, &two).await, status("DECLINED", 0, "CANCELLED"));
    assert_eq!(
        status_of(&app, &third, &three).await,
        status("REQUESTED", 0, "REQUIRES_CAPTURE"),
        "it is for other nights"
    );
    let query = "query($id: ID!) { booking(id: $id) { decline { by note } \
                 events(first: 1) { nodes { toState actor } } } }";
    let events = app.gql(&second, query, json!({ "id": two["id"] })).await;
    assert_eq!(events["booking"]["events"]["nodes"], json!([{ "toState": "DECLINED", "actor": "SYSTEM" }]));
    assert_eq!(events["booking"]["decline"], json!({ "by": "SYSTEM", "note": null }));
    assert_eq!(app.nights(&listing, "2027-03-01", "2027-03-04").await, ["BOOKED", "BOOKED", "FREE"]);
    app.finish().await;
}

#[tokio::test]
async fn competing_requests_include_preparation_nights() {
    let app = TestApp::with(OPEN).await;
    let (host, listing) = listing_on_request(&app, json!({ "stayRules": { "preparationNights": 1 } })).await;
    let (_, before) = request_booking(&app, &listing, ("2027-03-01", "2027-03-03")).await;
    let (_, chosen) = request_booking(&app, &listing, ("2027-03-03", "2027-03-05")).await;
    let (_, after) = request_booking(&app, &listing, ("2027-03-05", "2027-03-07")).await;
    let (_, apart) = request_booking(&app, &listing, ("2027-03-06", "2027-03-08")).await;
    app.perform(&host, "bookingAccept", &chosen).await;
    app.drain().await;
    for (booking, state) in [(&before, "DECLINED"), (&chosen, "CONFIRMED"), (&after, "DECLINED"), (&apart, "REQUESTED")]
    {
        assert_eq!(status_of(&app, &host, booking).await.0, state);
    }
    app.finish().await;
}

#[tokio::test]
async fn an_instant_booking_wins_over_a_pending_request() {
    let app = TestApp::with(OPEN).await;
    let (host, listing) = listing_on_request(&app, json!({})).await;
    let (guest, waiting) = request_booking(&app, &listing, ("2027-03-01", "2027-03-03")).await;
    let instant = json!({ "id": listing, "expectedVersion": 2, "listing": { "bookingMode": "INSTANT" } });
    app.mutate_ok(&host, "listingUpdate", instant, "__typename").await;
    let booked = app.book(&app.guest().await, &listing, "2027-03-02", "2027-03-04").await;
    assert_eq!(booked["state"], "CONFIRMED");
    app.drain().await;
    assert_eq!(status_of(&app, &guest, &waiting).await, status("DECLINED", 0, "CANCELLED"));
    app.finish().await;
}

#[tokio::test]
async fn an_alteration_wins_over_pending_requests_for_its_new_nights() {
    let app = TestApp::with(OPEN).await;
    let (host, listing) = listing_on_request(&app, json!({})).await;
    let (owner, booked) = request_booking(&app, &listing, ("2027-03-01", "2027-03-03")).await;
    app.perform(&host, "bookingAccept", &booked).await;
    let (guest, waiting) = request_booking(&app, &listing, ("2027-03-03", "2027-03-05")).await;
    let change = app.request_alteration_ok(&owner, &booked, stay("2027-03-01", "2027-03-04")).await;
    app.respond_ok(&host, &change, true, None).await;
    app.drain().await;
    assert_eq!(status_of(&app, &guest, &waiting).await, status("DECLINED", 0, "CANCELLED"));
    app.finish().await;
}

#[tokio::test]
async fn a_request_for_blocked_nights_cannot_be_accepted() {
    let app = TestApp::with(OPEN).await;
    let (host, listing) = listing_on_request(&app, json!({})).await;
    let (guest, booking) = request_booking(&app, &listing, ("2027-03-01", "2027-03-03")).await;
    let changes = json!([{ "from": "2027-03-02", "to": "2027-03-03", "blocked": true }]);
    app.mutate_ok(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": changes }), "__typename").await;
    let errors = app.user_errors(&host, "bookingAccept", json!({ "id": booking["id"] })).await;
    assert_eq!(error_codes(&errors), ["NIGHTS_UNAVAILABLE id"]);
    assert_eq!(errors[0]["nights"], json!([{ "date": "2027-03-02", "state": "BLOCKED_BY_HOST" }]));
    assert_eq!(status_of(&app, &guest, &booking).await, status("REQUESTED", 0, "REQUIRES_CAPTURE"));
    let open = json!([{ "from": "2027-03-02", "to": "2027-03-03", "blocked": false }]);
    app.mutate_ok(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": open }), "__typename").await;
    app.perform(&host, "bookingAccept", &booking).await;
    assert_eq!(status_of(&app, &guest, &booking).await, status("CONFIRMED", 30_000, "SUCCEEDED"));
    app.finish().await;
}

#[tokio::test]
async fn a_payment_that_needs_the_guest_may_come_too_late_for_the_nights() {
    let app = TestApp::with(OPEN).await;
    let (host, listing) = listing_on_request(&app, json!({})).await;
    let slow = app.guest().await;
    let quote = app.quote(&slow, &listing, "2027-03-01", "2027-03-03").await;
    let unpaid = app.book_quote(&slow, &quote, "3ds").await;
    let (_, other) = request_booking(&app, &listing, ("2027-03-02", "2027-03-04")).await;
    app.perform(&host, "bookingAccept", &other).await;
    assert_eq!(
        app.errors(&slow, "bookingPaymentConfirm", json!({ "id": unpaid["id"] })).await,
        ["PAYMENT_DECLINED id"]
    );
    app.drain().await;
    assert_eq!(status_of(&app, &slow, &unpaid).await, status("PAYMENT_EXPIRED", 0, "CANCELLED"));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_competing_requests_accepted_on_two_nodes_one_is_confirmed() {
    let app = TestApp::with(OPEN).await;
    let (node, router) = app.second_node().await;
    for _ in 0..8 {
        let (host, listing) = listing_on_request(&app, json!({})).await;
        let (_, one) = request_booking(&app, &listing, ("2027-03-01", "2027-03-03")).await;
        let (_, two) = request_booking(&app, &listing, ("2027-03-02", "2027-03-04")).await;
        let query = "mutation($id: ID!) { bookingAccept(id: $id) { userErrors { code field } } }";
        let both = [(&app.router, &one), (&router, &two)].map(|(router, booking)| {
            let request = graphql_request(host.token(&app.app), query, &json!({ "id": booking["id"] }));
            let router = router.clone();
            tokio::spawn(async move { send(&router, request).await.json() })
        });
        let [one_response, two_response] = both;
        let answers = [one_response.await.unwrap(), two_response.await.unwrap()];
        let mut errors: Vec<_> = answers
            .iter()
            .map(|answer| {
                error_codes(
                    answer["data"]["bookingAccept"]["userErrors"].as_array().unwrap_or_else(|| panic!("{answer}")),
                )
            })
            .collect();
        errors.sort();
        assert_eq!(errors, [vec![], vec!["STATE_CONFLICT id".to_owned()]]);
        app.drain().await;
        let mut states = [status_of(&app, &host, &one).await, status_of(&app, &host, &two).await];
        states.sort();
        assert_eq!(states, [status("CONFIRMED", 30_000, "SUCCEEDED"), status("DECLINED", 0, "CANCELLED")]);
    }
    node.db.close().await;
    app.finish().await;
}

#[tokio::test]
async fn each_request_keeps_the_setting_under_which_it_was_made() {
    let app = TestApp::with(OPEN).await;
    let (host, listing) = listing_on_request(&app, json!({})).await;
    let mut config = app.app.config.clone();
    let database = roost::platform::database::Database::connect(&config).await.unwrap();
    config.request_blocks_calendar = true;
    let node = roost::platform::App::assemble(config, app.app.clock.clone(), database).await.unwrap();
    let blocking = roost::server::router(node.clone());

    let (first, one) = request_booking(&app, &listing, ("2027-03-01", "2027-03-03")).await;
    let second = app.guest().await;
    let quote = app.quote(&second, &listing, "2027-03-02", "2027-03-04").await;
    let query = "mutation($token: String!) { bookingCreate(quoteToken: $token, booking: { paymentMethodToken: \"ok\" }) \
                 @idempotent(key: \"switched\") { booking { id state } userErrors { code } } }";
    let answer =
        send(&blocking, graphql_request(second.token(&app.app), query, &json!({ "token": quote }))).await.json();
    let two = answer["data"]["bookingCreate"]["booking"].clone();
    assert_eq!(two["state"], "REQUESTED");
    assert_eq!(app.nights(&listing, "2027-03-01", "2027-03-04").await, ["FREE", "HELD", "HELD"]);
    assert_eq!(app.errors(&host, "bookingAccept", json!({ "id": one["id"] })).await, ["NIGHTS_UNAVAILABLE id"]);
    assert_eq!(status_of(&app, &first, &one).await.0, "REQUESTED");
    app.perform(&host, "bookingAccept", &two).await;
    app.drain().await;
    assert_eq!(status_of(&app, &first, &one).await, status("DECLINED", 0, "CANCELLED"));
    assert_eq!(status_of(&app, &second, &two).await, status("CONFIRMED", 30_000, "SUCCEEDED"));
    node.db.close().await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_at_its_deadline_is_withdrawn_or_expires_and_is_never_accepted() {
    let app = TestApp::with_many_connections().await;
    for _ in 0..6 {
        app.set(START);
        let (host, listing) = listing_on_request(&app, json!({})).await;
        let (guest, booking) = request_booking(&app, &listing, ("2027-03-01", "2027-03-03")).await;
        app.advance(TimeDelta::hours(24));
        let given = json!({ "id": booking["id"] });
        let (accepted, withdrawn, _) = tokio::join!(
            app.mutate(&host, "bookingAccept", given.clone(), "booking { state }"),
            app.mutate(&guest, "bookingWithdraw", given, "booking { state }"),
            app.drain()
        );
        assert_eq!(error_codes(accepted["userErrors"].as_array().unwrap()), ["STATE_CONFLICT id"]);
        app.drain().await;
        let expected = if withdrawn["booking"].is_object() { "WITHDRAWN" } else { "REQUEST_EXPIRED" };
        assert_eq!(status_of(&app, &guest, &booking).await, status(expected, 0, "CANCELLED"));
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_concurrent_cancellation_and_check_in_agree_on_one_outcome() {
    let app = TestApp::with_many_connections().await;
    for _ in 0..6 {
        app.set(START);
        let trip = app.plain_trip(json!({}), ("2027-03-01", "2027-03-03")).await;
        app.set("2027-03-01T12:00:00Z");
        let expected = app.cancellation_refund(&trip.guest, &trip.booking).await;
        let cancel = json!({ "id": trip.booking["id"], "expectedRefund": expected });
        let (cancelled, arrived) = tokio::join!(
            app.mutate(&trip.guest, "bookingCancel", cancel, "booking { state }"),
            app.mutate(&trip.host, "bookingCheckIn", json!({ "id": trip.booking["id"] }), "booking { state }")
        );
        let seen = app.booking(&trip.guest, &trip.booking).await;
        let refunded = &seen["payment"]["refunded"]["amount"];
        if cancelled["booking"].is_object() {
            assert_eq!((&seen["state"], refunded), (&json!("CANCELLED_BY_GUEST"), &expected["amount"]));
        } else {
            assert_eq!(error_codes(cancelled["userErrors"].as_array().unwrap()), ["STATE_CONFLICT id"]);
            assert_eq!((&seen["state"], refunded), (&json!("CHECKED_IN"), &json!(0)));
            assert_eq!(arrived["booking"]["state"], "CHECKED_IN");
        }
    }
    app.set("2027-03-04T12:00:00Z");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_listing_edited_or_unlisted_while_it_is_booked_honours_the_quote_or_refuses() {
    let app = TestApp::with_many_connections().await;
    for n in 0..10 {
        let (host, guest) = (app.host().await, app.guest().await);
        let listing = app.published_listing(&host, json!({})).await;
        let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
        let book = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } });
        let (mutation, given) = if n % 2 == 0 {
            ("listingUnlist", json!({ "id": listing }))
        } else {
            let higher_price = json!({ "pricing": { "base": usd(99_900) }, "cancellationPolicy": "STRICT" });
            ("listingUpdate", json!({ "id": listing, "expectedVersion": 2, "listing": higher_price }))
        };
        let (booked, changed) = tokio::join!(
            app.mutate(&guest, "bookingCreate", book, "booking { state policy price { total { amount } } }"),
            app.mutate(&host, mutation, given, "listing { version }")
        );
        assert_eq!(changed["listing"]["version"], 3, "{changed}");
        let quoted = json!({ "state": "CONFIRMED", "policy": "FLEXIBLE", "price": { "total": { "amount": 30_000 } } });
        if mutation == "listingUpdate" || booked["booking"].is_object() {
            assert_eq!(booked["booking"], quoted);
        } else {
            assert_eq!(error_codes(booked["userErrors"].as_array().unwrap()), ["STAY_RULE_VIOLATED quoteToken"]);
        }
    }
    app.finish().await;
}
