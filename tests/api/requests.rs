//! Requests that do not hold their nights: many may wait for the same, and the first that is accepted has them.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::client::{Who, graphql_request, said, send};
use crate::harness::{Person, START, TestApp};
use crate::scenes::{stay, text};

const OPEN: &[&str] = &["--request-blocks-calendar=off"];

async fn place(app: &TestApp, changes: Value) -> (Person, String) {
    let host = app.host().await;
    let request = crate::scenes::merged(json!({ "bookingMode": "REQUEST" }), changes);
    let listing = app.published_listing(&host, request).await;
    (host, listing)
}

async fn requested(app: &TestApp, listing: &str, nights: (&str, &str)) -> (Person, Value) {
    let guest = app.guest().await;
    let booking = app.book(&guest, listing, nights.0, nights.1).await;
    assert_eq!(booking["state"], "REQUESTED");
    (guest, booking)
}

/// State, what was taken, and where the payment stands.
async fn stands(app: &TestApp, who: &Person, booking: &Value) -> (String, i64, String) {
    let seen = app.booking(who, booking).await;
    let taken = seen["payment"]["captured"]["amount"].as_i64().unwrap();
    (text(&seen, "/state"), taken, text(&seen, "/payment/state"))
}

fn as_told(state: &str, taken: i64, payment: &str) -> (String, i64, String) {
    (state.to_owned(), taken, payment.to_owned())
}

#[tokio::test]
async fn the_first_request_that_is_accepted_has_the_nights() {
    let app = TestApp::with(OPEN).await;
    let (host, listing) = place(&app, json!({})).await;
    let (first, one) = requested(&app, &listing, ("2027-03-01", "2027-03-03")).await;
    let (second, two) = requested(&app, &listing, ("2027-03-02", "2027-03-04")).await;
    let (third, three) = requested(&app, &listing, ("2027-03-03", "2027-03-05")).await;
    assert_eq!(app.nights(&listing, "2027-03-01", "2027-03-03").await, ["FREE", "FREE"]);
    app.step(&host, "bookingAccept", &one).await;
    app.drain().await;
    assert_eq!(stands(&app, &first, &one).await, as_told("CONFIRMED", 30_000, "SUCCEEDED"));
    assert_eq!(stands(&app, &second, &two).await, as_told("DECLINED", 0, "CANCELLED"));
    assert_eq!(stands(&app, &third, &three).await, as_told("REQUESTED", 0, "REQUIRES_CAPTURE"), "other nights");
    let query = "query($id: ID!) { booking(id: $id) { events(first: 1) { nodes { to actor } } } }";
    let events = app.gql(&second, query, json!({ "id": two["id"] })).await;
    assert_eq!(events["booking"]["events"]["nodes"], json!([{ "to": "DECLINED", "actor": "SYSTEM" }]));
    assert_eq!(app.nights(&listing, "2027-03-01", "2027-03-04").await, ["BOOKED", "BOOKED", "FREE"]);
    app.finish().await;
}

#[tokio::test]
async fn preparation_is_part_of_what_rivals_want() {
    let app = TestApp::with(OPEN).await;
    let (host, listing) = place(&app, json!({ "stayRules": { "preparationNights": 1 } })).await;
    let (_, before) = requested(&app, &listing, ("2027-03-01", "2027-03-03")).await;
    let (_, chosen) = requested(&app, &listing, ("2027-03-03", "2027-03-05")).await;
    let (_, after) = requested(&app, &listing, ("2027-03-05", "2027-03-07")).await;
    let (_, apart) = requested(&app, &listing, ("2027-03-06", "2027-03-08")).await;
    app.step(&host, "bookingAccept", &chosen).await;
    app.drain().await;
    for (booking, state) in [(&before, "DECLINED"), (&chosen, "CONFIRMED"), (&after, "DECLINED"), (&apart, "REQUESTED")]
    {
        assert_eq!(stands(&app, &host, booking).await.0, state);
    }
    app.finish().await;
}

#[tokio::test]
async fn an_instant_booking_goes_before_a_request_that_waits() {
    let app = TestApp::with(OPEN).await;
    let (host, listing) = place(&app, json!({})).await;
    let (guest, waiting) = requested(&app, &listing, ("2027-03-01", "2027-03-03")).await;
    let instant = json!({ "id": listing, "expectedVersion": 2, "listing": { "bookingMode": "INSTANT" } });
    app.must(&host, "listingUpdate", instant, "__typename").await;
    let booked = app.book(&app.guest().await, &listing, "2027-03-02", "2027-03-04").await;
    assert_eq!(booked["state"], "CONFIRMED");
    app.drain().await;
    assert_eq!(stands(&app, &guest, &waiting).await, as_told("DECLINED", 0, "CANCELLED"));
    app.finish().await;
}

#[tokio::test]
async fn a_stay_that_is_changed_goes_before_requests_for_its_new_nights() {
    let app = TestApp::with(OPEN).await;
    let (host, listing) = place(&app, json!({})).await;
    let (owner, booked) = requested(&app, &listing, ("2027-03-01", "2027-03-03")).await;
    app.step(&host, "bookingAccept", &booked).await;
    let (guest, waiting) = requested(&app, &listing, ("2027-03-03", "2027-03-05")).await;
    let change = app.asked(&owner, &booked, stay("2027-03-01", "2027-03-04")).await;
    app.answered(&host, &change, true, None).await;
    app.drain().await;
    assert_eq!(stands(&app, &guest, &waiting).await, as_told("DECLINED", 0, "CANCELLED"));
    app.finish().await;
}

#[tokio::test]
async fn nights_that_the_host_closed_cannot_be_accepted() {
    let app = TestApp::with(OPEN).await;
    let (host, listing) = place(&app, json!({})).await;
    let (guest, booking) = requested(&app, &listing, ("2027-03-01", "2027-03-03")).await;
    let changes = json!([{ "from": "2027-03-02", "to": "2027-03-03", "blocked": true }]);
    app.must(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": changes }), "__typename").await;
    let errors = app.refused(&host, "bookingAccept", json!({ "id": booking["id"] })).await;
    assert_eq!(said(&errors), ["NIGHTS_UNAVAILABLE id"]);
    assert_eq!(errors[0]["nights"], json!([{ "date": "2027-03-02", "state": "BLOCKED_BY_HOST" }]));
    assert_eq!(stands(&app, &guest, &booking).await, as_told("REQUESTED", 0, "REQUIRES_CAPTURE"));
    let open = json!([{ "from": "2027-03-02", "to": "2027-03-03", "blocked": false }]);
    app.must(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": open }), "__typename").await;
    app.step(&host, "bookingAccept", &booking).await;
    assert_eq!(stands(&app, &guest, &booking).await, as_told("CONFIRMED", 30_000, "SUCCEEDED"));
    app.finish().await;
}

#[tokio::test]
async fn a_payment_that_needs_the_guest_may_come_too_late_for_the_nights() {
    let app = TestApp::with(OPEN).await;
    let (host, listing) = place(&app, json!({})).await;
    let slow = app.guest().await;
    let quote = app.quote(&slow, &listing, "2027-03-01", "2027-03-03").await;
    let unpaid = app.pay(&slow, &quote, "3ds").await;
    let (_, other) = requested(&app, &listing, ("2027-03-02", "2027-03-04")).await;
    app.step(&host, "bookingAccept", &other).await;
    assert_eq!(app.said(&slow, "bookingPaymentConfirm", json!({ "id": unpaid["id"] })).await, ["PAYMENT_DECLINED id"]);
    app.drain().await;
    assert_eq!(stands(&app, &slow, &unpaid).await, as_told("PAYMENT_EXPIRED", 0, "CANCELLED"));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_rivals_that_two_nodes_accept_at_once_one_is_confirmed() {
    let app = TestApp::with(OPEN).await;
    let (node, router) = app.second_node().await;
    for _ in 0..8 {
        let (host, listing) = place(&app, json!({})).await;
        let (_, one) = requested(&app, &listing, ("2027-03-01", "2027-03-03")).await;
        let (_, two) = requested(&app, &listing, ("2027-03-02", "2027-03-04")).await;
        let query = "mutation($id: ID!) { bookingAccept(id: $id) { userErrors { code field } } }";
        let both = [(&app.router, &one), (&router, &two)].map(|(router, booking)| {
            let request = graphql_request(host.token(&app.app), query, &json!({ "id": booking["id"] }));
            let router = router.clone();
            tokio::spawn(async move { send(&router, request).await.json() })
        });
        let [one_said, two_said] = both;
        let answers = [one_said.await.unwrap(), two_said.await.unwrap()];
        let mut told: Vec<_> = answers
            .iter()
            .map(|answer| {
                said(answer["data"]["bookingAccept"]["userErrors"].as_array().unwrap_or_else(|| panic!("{answer}")))
            })
            .collect();
        told.sort();
        assert_eq!(told, [vec![], vec!["STATE_CONFLICT id".to_owned()]]);
        app.drain().await;
        let mut states = [stands(&app, &host, &one).await, stands(&app, &host, &two).await];
        states.sort();
        assert_eq!(states, [as_told("CONFIRMED", 30_000, "SUCCEEDED"), as_told("DECLINED", 0, "CANCELLED")]);
    }
    node.db.close().await;
    app.finish().await;
}

#[tokio::test]
async fn each_request_keeps_the_setting_under_which_it_was_made() {
    let app = TestApp::with(OPEN).await;
    let (host, listing) = place(&app, json!({})).await;
    let mut config = app.app.config.clone();
    let database = roost::platform::database::Database::connect(&config).await.unwrap();
    config.request_blocks_calendar = true;
    let node = roost::platform::App::assemble(config, app.app.clock.clone(), database).await.unwrap();
    let blocking = roost::server::router(node.clone());

    let (first, one) = requested(&app, &listing, ("2027-03-01", "2027-03-03")).await;
    let second = app.guest().await;
    let quote = app.quote(&second, &listing, "2027-03-02", "2027-03-04").await;
    let query = "mutation($token: String!) { bookingCreate(quoteToken: $token, booking: { paymentMethodToken: \"ok\" }) \
                 @idempotent(key: \"switched\") { booking { id state } userErrors { code } } }";
    let answer =
        send(&blocking, graphql_request(second.token(&app.app), query, &json!({ "token": quote }))).await.json();
    let two = answer["data"]["bookingCreate"]["booking"].clone();
    assert_eq!(two["state"], "REQUESTED");
    assert_eq!(app.nights(&listing, "2027-03-01", "2027-03-04").await, ["FREE", "HELD", "HELD"]);
    assert_eq!(app.said(&host, "bookingAccept", json!({ "id": one["id"] })).await, ["NIGHTS_UNAVAILABLE id"]);
    assert_eq!(stands(&app, &first, &one).await.0, "REQUESTED");
    app.step(&host, "bookingAccept", &two).await;
    app.drain().await;
    assert_eq!(stands(&app, &first, &one).await, as_told("DECLINED", 0, "CANCELLED"));
    assert_eq!(stands(&app, &second, &two).await, as_told("CONFIRMED", 30_000, "SUCCEEDED"));
    node.db.close().await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_at_its_end_is_withdrawn_or_expires_and_is_never_accepted() {
    let app = TestApp::busy().await;
    for _ in 0..6 {
        app.set(START);
        let (host, listing) = place(&app, json!({})).await;
        let (guest, booking) = requested(&app, &listing, ("2027-03-01", "2027-03-03")).await;
        app.advance(TimeDelta::hours(24));
        let given = json!({ "id": booking["id"] });
        let (accepted, withdrawn, _) = tokio::join!(
            app.mutate(&host, "bookingAccept", given.clone(), "booking { state }"),
            app.mutate(&guest, "bookingWithdraw", given, "booking { state }"),
            app.drain()
        );
        assert_eq!(said(accepted["userErrors"].as_array().unwrap()), ["STATE_CONFLICT id"]);
        app.drain().await;
        let expected = if withdrawn["booking"].is_object() { "WITHDRAWN" } else { "REQUEST_EXPIRED" };
        assert_eq!(stands(&app, &guest, &booking).await, as_told(expected, 0, "CANCELLED"));
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cancellation_and_an_arrival_at_once_end_in_one_story() {
    let app = TestApp::busy().await;
    for _ in 0..6 {
        app.set(START);
        let trip = app.plain_trip(json!({}), ("2027-03-01", "2027-03-03")).await;
        app.set("2027-03-01T12:00:00Z");
        let expected = app.refund_now(&trip.guest, &trip.booking).await;
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
            assert_eq!(said(cancelled["userErrors"].as_array().unwrap()), ["STATE_CONFLICT id"]);
            assert_eq!((&seen["state"], refunded), (&json!("CHECKED_IN"), &json!(0)));
            assert_eq!(arrived["booking"]["state"], "CHECKED_IN");
        }
    }
    app.set("2027-03-04T12:00:00Z");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_place_that_is_edited_or_leaves_the_market_as_it_is_booked_keeps_its_promise_or_refuses() {
    let app = TestApp::busy().await;
    for n in 0..10 {
        let (host, guest) = (app.host().await, app.guest().await);
        let listing = app.published_listing(&host, json!({})).await;
        let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
        let book = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } });
        let (mutation, given) = if n % 2 == 0 {
            ("listingUnlist", json!({ "id": listing }))
        } else {
            let dearer = json!({ "pricing": { "base": 99_900 }, "cancellationPolicy": "STRICT" });
            ("listingUpdate", json!({ "id": listing, "expectedVersion": 2, "listing": dearer }))
        };
        let (booked, changed) = tokio::join!(
            app.mutate(&guest, "bookingCreate", book, "booking { state policy price { total { amount } } }"),
            app.mutate(&host, mutation, given, "listing { version }")
        );
        assert_eq!(changed["listing"]["version"], 3, "{changed}");
        let promised =
            json!({ "state": "CONFIRMED", "policy": "FLEXIBLE", "price": { "total": { "amount": 30_000 } } });
        if mutation == "listingUpdate" || booked["booking"].is_object() {
            assert_eq!(booked["booking"], promised);
        } else {
            assert_eq!(said(booked["userErrors"].as_array().unwrap()), ["STAY_RULE_VIOLATED quoteToken"]);
        }
    }
    app.finish().await;
}
