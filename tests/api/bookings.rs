//! Bookings: instant and by request, every action on a booking, and the users who may take it.

use chrono::TimeDelta;
use roost::kernel::id::Kind;
use serde_json::{Value, json};

use crate::client::error_codes;
use crate::harness::{Person, TestApp};
use crate::scenarios::{merge, stay, text};

/// Creates a booking request that waits for its host. Returns the host, the guest, the listing and the booking.
async fn create_request(app: &TestApp) -> (Person, Person, String, Value) {
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({ "bookingMode": "REQUEST" })).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(booking["state"], "REQUESTED");
    (host, guest, listing, booking)
}

async fn states(app: &TestApp, who: &Person, booking: &Value) -> Vec<(Value, Value, Value)> {
    let query = "query($id: ID!) { booking(id: $id) { events(last: 50) { nodes { fromState toState actor } } } }";
    let data = app.gql(who, query, json!({ "id": booking["id"] })).await;
    let mut nodes = data["booking"]["events"]["nodes"].as_array().unwrap().clone();
    nodes.reverse();
    nodes.iter_mut().map(|event| (event["fromState"].take(), event["toState"].take(), event["actor"].take())).collect()
}

fn actions(booking: &Value) -> Vec<&str> {
    booking["availableActions"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn an_instant_booking_is_confirmed_and_charged_at_once() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-12", "2027-03-15").await;
    let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok", "message": "See you!",
        "expectedArrival": "18:00" } });
    let booking = app.mutate_ok(&guest, "bookingCreate", given, crate::scenarios::BOOKING).await["booking"].take();
    assert_eq!(booking["state"], "CONFIRMED");
    assert_eq!(booking["guest"]["id"], guest.id());
    assert_eq!(booking["host"]["id"], host.id());
    assert_eq!(booking["listing"]["id"], listing);
    assert_eq!(booking["stay"], json!({ "checkIn": "2027-03-12", "checkOut": "2027-03-15", "nights": 3 }));
    assert_eq!(booking["checkInAt"], "2027-03-12T20:00:00.000Z", "15:00 in winter time");
    assert_eq!(booking["checkOutAt"], "2027-03-15T15:00:00.000Z", "11:00 in summer time");
    assert_eq!(booking["price"]["total"]["amount"], 15_000 + 15_000 + 12_000 + 6_000);
    assert_eq!(booking["payment"]["state"], "SUCCEEDED");
    assert_eq!(booking["payment"]["captured"]["amount"], 48_000);
    assert_eq!(booking["expiresAt"], Value::Null);
    let code = text(&booking, "/code");
    assert!(code.len() == 10 && code.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()), "{code}");
    let steps = states(&app, &guest, &booking).await;
    let expected = [
        (json!(null), json!("PENDING_PAYMENT"), json!("GUEST")),
        (json!("PENDING_PAYMENT"), json!("CONFIRMED"), json!("SYSTEM")),
    ];
    assert_eq!(steps, expected);
    app.finish().await;
}

#[tokio::test]
async fn a_request_is_charged_when_the_host_accepts() {
    let app = TestApp::new().await;
    let (host, guest, _, booking) = create_request(&app).await;
    assert_eq!(booking["expiresAt"], "2027-01-06T12:00:00.000Z");
    assert_eq!(booking["payment"]["state"], "REQUIRES_CAPTURE");
    assert_eq!(booking["payment"]["authorized"]["amount"], 30_000);
    assert_eq!(booking["payment"]["captured"]["amount"], 0);
    assert_eq!(actions(&booking), ["WITHDRAW"]);
    assert_eq!(actions(&app.booking(&host, &booking).await), ["ACCEPT", "DECLINE"]);
    let accepted = app.perform(&host, "bookingAccept", &booking).await;
    assert_eq!((&accepted["state"], &accepted["expiresAt"]), (&json!("CONFIRMED"), &Value::Null));
    let paid = app.booking(&guest, &booking).await;
    assert_eq!(paid["payment"]["captured"]["amount"], 30_000);
    assert_eq!(actions(&paid), ["CANCEL", "REQUEST_ALTERATION"]);
    app.finish().await;
}

#[tokio::test]
async fn a_second_accept_gets_the_current_state() {
    let app = TestApp::new().await;
    let (host, _, _, booking) = create_request(&app).await;
    app.perform(&host, "bookingAccept", &booking).await;
    let errors = app.user_errors(&host, "bookingAccept", json!({ "id": booking["id"] })).await;
    assert_eq!(error_codes(&errors), ["STATE_CONFLICT id"]);
    assert_eq!(errors[0]["__typename"], "StateConflictError");
    assert_eq!(errors[0]["state"], "CONFIRMED");
    assert_eq!(errors[0]["allowed"], json!(["CANCEL", "REQUEST_ALTERATION"]));
    app.finish().await;
}

#[tokio::test]
async fn a_closed_request_releases_nights_and_authorization() {
    let app = TestApp::new().await;
    for end in ["bookingDecline", "bookingWithdraw", "no response"] {
        let (host, guest, listing, booking) = create_request(&app).await;
        let state = match end {
            "bookingDecline" => {
                let given = json!({ "id": booking["id"], "reason": "We are renovating." });
                app.mutate_ok(&host, end, given, "__typename").await;
                "DECLINED"
            }
            "bookingWithdraw" => {
                app.perform(&guest, end, &booking).await;
                "WITHDRAWN"
            }
            _ => {
                app.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
                app.drain().await;
                assert_eq!(app.booking(&guest, &booking).await["state"], "REQUESTED");
                app.advance(TimeDelta::seconds(1));
                app.drain().await;
                "REQUEST_EXPIRED"
            }
        };
        let ended = app.booking(&guest, &booking).await;
        assert_eq!(ended["state"], state);
        assert_eq!(
            (&ended["payment"]["state"], &ended["payment"]["captured"]["amount"]),
            (&json!("CANCELLED"), &json!(0))
        );
        assert_eq!(actions(&ended), [""; 0]);
        let query = "query($id: ID!) { booking(id: $id) { decline { at by note } } }";
        for who in [&guest, &host] {
            let seen = app.gql(who, query, json!({ "id": booking["id"] })).await;
            let decline = json!({ "at": app.clock.now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true), "by": "HOST", "note": "We are renovating." });
            let expected = if state == "DECLINED" { decline } else { Value::Null };
            assert_eq!(seen["booking"]["decline"], expected);
        }
        let repeated = app.book(&app.guest().await, &listing, "2027-03-01", "2027-03-03").await;
        assert_eq!(repeated["state"], "REQUESTED");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_response_after_the_deadline_is_refused() {
    let app = TestApp::new().await;
    let (host, guest, _, booking) = create_request(&app).await;
    app.advance(TimeDelta::hours(24));
    let errors = app.user_errors(&host, "bookingAccept", json!({ "id": booking["id"] })).await;
    assert_eq!(
        (error_codes(&errors), &errors[0]["state"]),
        (vec!["STATE_CONFLICT id".into()], &json!("REQUEST_EXPIRED"))
    );
    assert_eq!(app.booking(&guest, &booking).await["state"], "REQUEST_EXPIRED");
    app.finish().await;
}

#[tokio::test]
async fn a_request_for_tonight_expires_at_check_in_time() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({ "bookingMode": "REQUEST" })).await;
    let booking = app.book(&guest, &listing, "2027-01-05", "2027-01-07").await;
    assert_eq!(booking["expiresAt"], "2027-01-05T20:00:00.000Z");
    app.finish().await;
}

#[tokio::test]
async fn instant_for_verified_is_instant_for_verified_guests_only() {
    let app = TestApp::new().await;
    let (host, known, new) = (app.host().await, app.guest().await, app.guest().await);
    let sql = "UPDATE \"user\" SET email_verified_at = $1 WHERE id = $2";
    app.execute(sql, [app.clock.now().into(), known.user.into()]).await;
    let listing = app.published_listing(&host, json!({ "bookingMode": "INSTANT_FOR_VERIFIED" })).await;
    assert_eq!(app.book(&known, &listing, "2027-03-01", "2027-03-03").await["state"], "CONFIRMED");
    assert_eq!(app.book(&new, &listing, "2027-03-03", "2027-03-05").await["state"], "REQUESTED");
    app.finish().await;
}

#[tokio::test]
async fn each_party_may_do_its_own_actions_and_others_see_nothing() {
    let app = TestApp::new().await;
    let (host, guest, _, booking) = create_request(&app).await;
    let (stranger, unknown) = (app.host().await, app.unknown_id(Kind::Booking));
    let steps = [
        ("bookingAccept", json!({})),
        ("bookingDecline", json!({ "reason": "No." })),
        ("bookingWithdraw", json!({})),
        ("bookingPaymentConfirm", json!({})),
        ("bookingCheckIn", json!({})),
        ("bookingCheckOut", json!({})),
        ("bookingCancel", json!({ "expectedRefund": { "amount": 1, "currency": "USD" } })),
    ];
    for (mutation, more) in &steps {
        let given = |id: &Value| merge(json!({ "id": id }), more.clone());
        assert_eq!(app.errors(&stranger, mutation, given(&booking["id"])).await, ["NOT_FOUND id"], "{mutation}");
        assert_eq!(app.errors(&guest, mutation, given(&json!(unknown))).await, ["NOT_FOUND id"], "{mutation}");
    }
    for mutation in ["bookingAccept", "bookingDecline"] {
        let more = &steps.iter().find(|(name, _)| *name == mutation).unwrap().1;
        let given = merge(json!({ "id": booking["id"] }), more.clone());
        assert_eq!(app.errors(&guest, mutation, given).await, ["FORBIDDEN id"], "{mutation}");
    }
    for mutation in ["bookingWithdraw", "bookingPaymentConfirm"] {
        assert_eq!(app.errors(&host, mutation, json!({ "id": booking["id"] })).await, ["FORBIDDEN id"], "{mutation}");
    }
    let query = "query($id: ID!, $code: String!) { byId: booking(id: $id) { id } byCode: bookingByCode(code: $code) { id } \
                 node(id: $id) { id } nodes(ids: [$id]) { id } }";
    let given = json!({ "id": booking["id"], "code": booking["code"] });
    let nothing = json!({ "byId": null, "byCode": null, "node": null, "nodes": [null] });
    assert_eq!(app.gql(&stranger, query, given.clone()).await, nothing);
    assert_eq!(app.gql(&crate::client::Anonymous, query, given.clone()).await, nothing);
    let found = json!({ "id": booking["id"] });
    let all = json!({ "byId": found, "byCode": found, "node": found, "nodes": [found] });
    for who in [&guest, &host] {
        assert_eq!(app.gql(who, query, given.clone()).await, all);
    }
    assert_eq!(app.booking(&guest, &booking).await["state"], "REQUESTED");
    app.finish().await;
}

#[tokio::test]
async fn guests_check_in_from_the_arrival_date_and_check_out_any_time_after() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-04", "2027-03-08").await;
    app.set("2027-03-04T04:59:59Z");
    let errors = app.user_errors(&guest, "bookingCheckIn", json!({ "id": booking["id"] })).await;
    assert_eq!(
        (error_codes(&errors), &errors[0]["allowed"]),
        (vec!["STATE_CONFLICT id".into()], &json!(["CANCEL", "REQUEST_ALTERATION"]))
    );
    app.set("2027-03-04T05:00:00Z");
    let arrived = app.perform(&guest, "bookingCheckIn", &booking).await;
    assert_eq!(
        (&arrived["state"], actions(&arrived)),
        (&json!("CHECKED_IN"), vec!["CANCEL", "REQUEST_ALTERATION", "CHECK_OUT"])
    );
    app.set("2027-03-08T13:00:00Z");
    let left = app.perform(&host, "bookingCheckOut", &booking).await;
    assert_eq!((&left["state"], actions(&left)), (&json!("COMPLETED"), vec!["REVIEW"]));
    app.finish().await;
}

#[tokio::test]
async fn a_stay_is_checked_in_and_completed_by_the_queue() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-04", "2027-03-08").await;
    for (moment, state) in [
        ("2027-03-04T19:59:59Z", "CONFIRMED"),
        ("2027-03-04T20:00:00Z", "CHECKED_IN"),
        ("2027-03-08T15:59:59Z", "CHECKED_IN"),
        ("2027-03-08T16:00:00Z", "COMPLETED"),
    ] {
        app.set(moment);
        app.drain().await;
        assert_eq!(app.booking(&guest, &booking).await["state"], state, "{moment}");
    }
    let steps = states(&app, &host, &booking).await;
    assert_eq!(steps[2..].iter().map(|step| step.2.clone()).collect::<Vec<_>>(), [json!("SYSTEM"), json!("SYSTEM")]);
    app.finish().await;
}

#[tokio::test]
async fn preparation_nights_separate_two_stays() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({ "stayRules": { "preparationNights": 2 } })).await;
    app.book(&guest, &listing, "2027-03-10", "2027-03-12").await;
    for (check_in, check_out, nights) in [
        (
            "2027-03-12",
            "2027-03-14",
            json!([
                { "date": "2027-03-12", "state": "PREPARATION" }, { "date": "2027-03-13", "state": "PREPARATION" },
            ]),
        ),
        ("2027-03-13", "2027-03-15", json!([{ "date": "2027-03-13", "state": "PREPARATION" }])),
        ("2027-03-07", "2027-03-09", json!([{ "date": "2027-03-10", "state": "BOOKED" }])),
    ] {
        let given = json!({ "listingId": listing, "stay": stay(check_in, check_out) });
        let errors = app.user_errors(&guest, "quoteCreate", given).await;
        assert_eq!(error_codes(&errors), ["NIGHTS_UNAVAILABLE stay"]);
        assert_eq!(errors[0]["nights"], nights, "{check_in}");
    }
    app.book(&guest, &listing, "2027-03-14", "2027-03-16").await;
    app.book(&guest, &listing, "2027-03-06", "2027-03-08").await;
    app.finish().await;
}

#[tokio::test]
async fn nights_taken_since_the_quote_are_named() {
    let app = TestApp::new().await;
    let (host, guest, other_guest) = (app.host().await, app.guest().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-04").await;
    app.book(&other_guest, &listing, "2027-03-03", "2027-03-06").await;
    let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } });
    let errors = app.user_errors(&guest, "bookingCreate", given).await;
    assert_eq!(error_codes(&errors), ["NIGHTS_UNAVAILABLE quoteToken"]);
    assert_eq!(errors[0]["__typename"], "NightsUnavailableError");
    assert_eq!(errors[0]["nights"], json!([{ "date": "2027-03-03", "state": "BOOKED" }]));
    assert_eq!(app.count("booking", []).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_decline_needs_a_reason() {
    let app = TestApp::new().await;
    let (host, _, _, booking) = create_request(&app).await;
    for (reason, refusal) in [
        (" ".to_owned(), "REQUIRED reason"),
        ("x".repeat(1_001), "TOO_LONG reason"),
        ("\u{1}".into(), "INVALID reason"),
    ] {
        let given = json!({ "id": booking["id"], "reason": reason });
        assert_eq!(app.errors(&host, "bookingDecline", given).await, [refusal]);
    }
    assert_eq!(app.booking(&host, &booking).await["state"], "REQUESTED");
    app.finish().await;
}
