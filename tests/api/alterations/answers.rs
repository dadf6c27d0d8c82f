//! The answers to an alteration: which side can give which, what the other side reads, and answers at the same time.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{alteration_state, assert_unchanged, book_trip, errors, request_longer_stay};
use crate::accounting::BookedTrip;
use crate::client::document_with;
use crate::harness::{Person, TestApp};
use crate::scenarios::{stay, text};

/// The pending alteration of a trip, as a person sees it.
async fn pending(app: &TestApp, trip: &BookedTrip, who: &Person) -> Value {
    let query = "query($id: ID!) { booking(id: $id) { pendingAlteration { id createdAt isBeingPaid availableActions \
                 booking { id pendingAlteration { id } } } } }";
    app.gql(who, query, json!({ "id": trip.booking["id"] })).await["booking"]["pendingAlteration"].take()
}

async fn actions(app: &TestApp, trip: &BookedTrip) -> [Value; 3] {
    let mut seen = [Value::Null, Value::Null, Value::Null];
    for (actions, who) in seen.iter_mut().zip([&trip.guest, &trip.host, &trip.staff]) {
        *actions = pending(app, trip, who).await["availableActions"].take();
    }
    seen
}

#[tokio::test]
async fn each_side_can_give_its_own_answers_and_no_others() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    assert_eq!(pending(&app, &trip, &trip.guest).await, Value::Null);
    let change = request_longer_stay(&app, &trip, "ok").await;
    let seen = pending(&app, &trip, &trip.host).await;
    assert_eq!(seen["id"], change["id"]);
    assert!(text(&seen, "/createdAt").starts_with("2027-01-05T12:00:00"), "{seen}");
    let booking = json!({ "id": trip.booking["id"], "pendingAlteration": { "id": change["id"] } });
    assert_eq!(seen["booking"], booking);
    assert_eq!(actions(&app, &trip).await, [json!(["WITHDRAW"]), json!(["ACCEPT", "DECLINE"]), json!([])]);
    let given = json!({ "id": change["id"] });
    for (who, mutation) in [
        (&trip.guest, "bookingAlterationAccept"),
        (&trip.guest, "bookingAlterationDecline"),
        (&trip.host, "bookingAlterationWithdraw"),
        (&trip.staff, "bookingAlterationAccept"),
        (&trip.staff, "bookingAlterationDecline"),
        (&trip.staff, "bookingAlterationWithdraw"),
    ] {
        assert_eq!(app.errors(who, mutation, given.clone()).await, ["FORBIDDEN id"], "{mutation}");
    }
    assert_eq!(alteration_state(&app, &trip).await, "PENDING");
    let selection = "booking { pendingAlteration { id } } alteration { state availableActions }";
    let payload = app.mutate_ok(&trip.guest, "bookingAlterationWithdraw", given, selection).await;
    assert_eq!(payload["booking"]["pendingAlteration"], Value::Null);
    assert_eq!(payload["alteration"], json!({ "state": "WITHDRAWN", "availableActions": [] }));
    // If the host requests a change, the sides are the other way round.
    app.request_alteration_ok(&trip.host, &trip.booking, stay("2027-03-01", "2027-03-05")).await;
    assert_eq!(actions(&app, &trip).await, [json!(["ACCEPT", "DECLINE"]), json!(["WITHDRAW"]), json!([])]);
    app.finish().await;
}

#[tokio::test]
async fn the_available_actions_follow_the_time_the_payment_and_the_refunds() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    request_longer_stay(&app, &trip, "ok").await;
    app.advance(TimeDelta::hours(24));
    assert_eq!(actions(&app, &trip).await, [json!([]), json!([]), json!([])], "expired, before a job runs");
    app.drain().await;
    assert_eq!(pending(&app, &trip, &trip.host).await, Value::Null);
    let change = request_longer_stay(&app, &trip, "3ds").await;
    app.respond_ok(&trip.host, &change, true, None).await;
    let paying = pending(&app, &trip, &trip.guest).await;
    assert_eq!((&paying["isBeingPaid"], &paying["availableActions"]), (&json!(true), &json!([])));
    app.advance(TimeDelta::hours(2));
    app.drain().await;
    app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-02")).await;
    app.refund(&trip.host, &trip.booking, 10_001).await;
    assert_eq!(actions(&app, &trip).await[1], json!(["DECLINE"]), "the shorter stay costs less than was refunded");
    app.finish().await;
}

#[tokio::test]
async fn the_side_that_requested_reads_why_the_other_declined() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let change = request_longer_stay(&app, &trip, "ok").await;
    for (reason, refusal) in [("x".repeat(1_001), "TOO_LONG reason"), ("\u{1}".to_owned(), "INVALID reason")] {
        let given = json!({ "id": change["id"], "reason": reason });
        assert_eq!(app.errors(&trip.host, "bookingAlterationDecline", given).await, [refusal]);
    }
    let given = json!({ "id": change["id"], "reason": " We have friends here. " });
    let payload = app.mutate_ok(&trip.host, "bookingAlterationDecline", given, "alteration { declineNote }").await;
    assert_eq!(payload["alteration"]["declineNote"], "We have friends here.");
    let query = "{ viewer { notifications(first: 1) { nodes { kind body } } } }";
    let notice = app.gql(&trip.guest, query, json!({})).await["viewer"]["notifications"]["nodes"][0].take();
    assert_eq!(notice["kind"], "ALTERATION_DECLINED");
    assert!(text(&notice, "/body").ends_with("The host says: We have friends here."), "{notice}");
    for reason in [Value::Null, json!(""), json!("  ")] {
        let change = request_longer_stay(&app, &trip, "ok").await;
        let given = json!({ "id": change["id"], "reason": reason });
        let payload = app.mutate_ok(&trip.host, "bookingAlterationDecline", given, "alteration { declineNote }").await;
        assert_eq!(payload["alteration"]["declineNote"], Value::Null, "{reason}");
    }
    assert_unchanged(&app, &trip).await;
    app.finish().await;
}

#[tokio::test]
async fn only_an_acceptance_requires_an_idempotency_key() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let change = request_longer_stay(&app, &trip, "ok").await;
    let given = json!({ "id": change["id"] });
    let send = async |who: &Person, mutation: &str| {
        let query = document_with(mutation, &given, "__typename", None);
        errors(&app.gql(who, &query, given.clone()).await[mutation])
    };
    let refused = send(&trip.host, "bookingAlterationAccept").await;
    assert!(refused.len() == 1 && refused[0].contains("REQUIRED"), "{refused:?}");
    assert_eq!(alteration_state(&app, &trip).await, "PENDING");
    assert!(send(&trip.guest, "bookingAlterationWithdraw").await.is_empty());
    let given = json!({ "id": request_longer_stay(&app, &trip, "ok").await["id"] });
    let query = document_with("bookingAlterationDecline", &given, "__typename", None);
    assert!(errors(&app.gql(&trip.host, &query, given).await["bookingAlterationDecline"]).is_empty());
    app.finish().await;
}

/// Two answers at the same time, of which one must succeed. Returns whether it was the first.
async fn race(app: &TestApp, trip: &BookedTrip, answers: [(&Person, &str); 2]) -> bool {
    let change = request_longer_stay(app, trip, "ok").await;
    let [one, two] =
        answers.map(|(who, mutation)| app.mutate(who, mutation, json!({ "id": change["id"] }), "__typename"));
    let (one, two) = tokio::join!(one, two);
    let mut both = [errors(&one), errors(&two)];
    let is_first = both[0].is_empty();
    both.sort();
    assert_eq!(both, [vec![], vec!["STATE_CONFLICT id".to_owned()]]);
    is_first
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_concurrent_answers_one_takes_effect() {
    let app = TestApp::with_many_connections().await;
    for _ in 0..8 {
        let trip = book_trip(&app).await;
        let answers = [(&trip.host, "bookingAlterationDecline"), (&trip.guest, "bookingAlterationWithdraw")];
        let state = if race(&app, &trip, answers).await { "DECLINED" } else { "WITHDRAWN" };
        assert_eq!(alteration_state(&app, &trip).await, state);
        assert_unchanged(&app, &trip).await;
        let answers = [(&trip.host, "bookingAlterationAccept"), (&trip.host, "bookingAlterationDecline")];
        let state = if race(&app, &trip, answers).await { "ACCEPTED" } else { "DECLINED" };
        assert_eq!(alteration_state(&app, &trip).await, state);
    }
    app.finish().await;
}

#[tokio::test]
async fn the_payload_of_a_request_has_the_booking() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let given = json!({ "id": trip.booking["id"], "stay": stay("2027-03-01", "2027-03-05") });
    let selection = "alteration { id booking { id } } booking { id version pendingAlteration { id } }";
    let payload = app.mutate_ok(&trip.guest, "bookingAlterationRequest", given, selection).await;
    let (alteration, booking) = (&payload["alteration"], &payload["booking"]);
    assert_eq!((&booking["id"], &alteration["booking"]["id"]), (&trip.booking["id"], &trip.booking["id"]));
    assert_eq!(booking["pendingAlteration"]["id"], alteration["id"]);
    let seen = app.booking(&trip.guest, &trip.booking).await;
    assert_eq!(booking["version"], seen["version"]);
    app.finish().await;
}
