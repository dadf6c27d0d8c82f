//! Notifications: their text, how they are listed, and how they are marked as read.

use chrono::TimeDelta;
use futures_util::FutureExt;
use roost::kernel::id::Kind;
use serde_json::{Value, json};

use crate::client::{Anonymous, error_codes};
use crate::harness::{Person, TestApp};
use crate::scenarios::{ids, stay, text, uuid_of};

mod recipients;

const FIELDS: &str = "id kind title body createdAt readAt subject { __typename ... on Node { id } }";

/// The notifications of a person, newest first.
async fn notifications_of(app: &TestApp, who: &Person) -> Vec<Value> {
    let query = format!("{{ viewer {{ notifications {{ nodes {{ {FIELDS} }} }} }} }}");
    app.gql(who, &query, json!({})).await["viewer"]["notifications"]["nodes"].as_array().unwrap().clone()
}

/// The number of notifications of a person, and the number of unread ones.
async fn counts(app: &TestApp, who: &Person) -> (Value, Value) {
    let query = "{ viewer { all: notifications(first: 0) { totalCount } \
                 unread: notifications(first: 0, unreadOnly: true) { totalCount } } }";
    let data = app.gql(who, query, json!({})).await;
    (data["viewer"]["all"]["totalCount"].clone(), data["viewer"]["unread"]["totalCount"].clone())
}

/// A host with the given number of bookings, each of which created a notification.
async fn busy_host(app: &TestApp, bookings: u32) -> Person {
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    for day in 1..=bookings {
        app.book(&guest, &listing, &format!("2027-03-{day:02}"), &format!("2027-03-{:02}", day + 1)).await;
        app.advance(TimeDelta::seconds(1));
    }
    host
}

async fn mark_read(app: &TestApp, who: &Person, ids: &[String]) -> Value {
    app.mutate_ok(who, "notificationsMarkRead", json!({ "ids": ids }), "notifications { id readAt }").await["notifications"]
        .take()
}

#[tokio::test]
async fn a_notification_names_its_event_and_its_subject() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let (id, code) = (&booking["id"], text(&booking, "/code"));
    let change = app.request_alteration_ok(&guest, &booking, stay("2027-03-01", "2027-03-02")).await;
    app.advance(TimeDelta::minutes(1));
    let refund = app.cancellation_refund(&host, &booking).await;
    let given = json!({ "id": id, "expectedRefund": refund, "reason": "The roof leaks." });
    app.mutate_ok(&host, "bookingCancel", given, "__typename").await;
    let to_guest = notifications_of(&app, &guest).await;
    let nights = "(1 March 2027 to 3 March 2027)";
    let expected = json!([
        {
            "id": to_guest[0]["id"], "kind": "BOOKING_CANCELLED", "title": "Your booking was cancelled",
            "body": format!("The host cancelled booking {code} {nights}. You get 300.00 USD back. The host says: \
                             The roof leaks."),
            "createdAt": "2027-01-05T12:01:00.000Z", "readAt": null, "subject": { "__typename": "Booking", "id": id },
        },
        {
            "id": to_guest[1]["id"], "kind": "BOOKING_CONFIRMED", "title": "Your booking is confirmed",
            "body": format!("The stay is confirmed: booking {code} {nights}."),
            "createdAt": "2027-01-05T12:00:00.000Z", "readAt": null, "subject": { "__typename": "Booking", "id": id },
        },
    ]);
    assert_eq!(json!(to_guest), expected);
    let to_host = notifications_of(&app, &host).await;
    assert_eq!(to_host.len(), 2);
    let (request, new) = (&to_host[0], &to_host[1]);
    assert_eq!((&request["title"], &request["subject"]["id"]), (&json!("A change was requested"), &change["id"]));
    assert_eq!(request["body"], format!("The guest requests a change of booking {code} {nights}."));
    assert_eq!((&new["title"], &new["subject"]["id"]), (&json!("New booking"), id));
    app.finish().await;
}

#[tokio::test]
async fn notifications_of_payouts_and_reviews_have_amounts_and_dates() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.completed_stay(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let given = json!({ "bookingId": booking["id"], "review": { "overall": 5, "text": "Good." } });
    app.mutate_ok(&guest, "reviewSubmit", given.clone(), "__typename").await;
    let code = text(&booking, "/code");
    let to_host = notifications_of(&app, &host).await;
    let read = |value: &Value| (text(value, "/title"), text(value, "/body"), text(value, "/subject/__typename"));
    let notification = |title: &str, body: String, subject: &str| (title.to_owned(), body, subject.to_owned());
    let nights = "(1 March 2027 to 3 March 2027)";
    let expected = [
        notification(
            "You were reviewed",
            format!(
                "The guest reviewed booking {code} {nights}. You can read it once you have written yours, or when the \
                 review period is over."
            ),
            "Booking",
        ),
        notification(
            "A stay is over",
            format!("The guest of booking {code} {nights} has left. You can review your guest now."),
            "Booking",
        ),
        notification(
            "You were paid",
            "The money is on its way to your account. The amount is 253.50 USD.".to_owned(),
            "Payout",
        ),
    ];
    // The clock was set to the end of the stay, so the last two have the same time and may be in either order.
    let mut seen: Vec<_> = to_host[..3].iter().map(read).collect();
    seen[1..].sort();
    assert_eq!(seen, expected);
    app.mutate_ok(&host, "reviewSubmit", given, "__typename").await;
    let to_guest = &notifications_of(&app, &guest).await[0];
    assert_eq!(read(to_guest).2, "Review");
    assert_eq!(to_guest["body"], "Everybody can read it now, and you can respond to it.");
    app.finish().await;
}

#[tokio::test]
async fn notifications_are_paged_newest_first_and_can_exclude_read_ones() {
    let app = TestApp::new().await;
    let host = busy_host(&app, 5).await;
    let all: Vec<String> = notifications_of(&app, &host).await.iter().map(|one| text(one, "/id")).collect();
    assert_eq!(all.len(), 5);
    let query = "query($after: String, $unread: Boolean) { viewer { notifications(first: 2, after: $after, \
                 unreadOnly: $unread) { nodes { id } pageInfo { hasNextPage endCursor } totalCount } } }";
    let mut listed = Vec::new();
    let mut after = Value::Null;
    for (size, more) in [(2, true), (2, true), (1, false)] {
        let data = app.gql(&host, query, json!({ "after": after, "unread": false })).await;
        let page = &data["viewer"]["notifications"];
        let page_ids = ids(page, "/nodes");
        assert_eq!(
            (page_ids.len(), &page["pageInfo"]["hasNextPage"], &page["totalCount"]),
            (size, &json!(more), &json!(5))
        );
        listed.extend(page_ids);
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(listed, all);
    mark_read(&app, &host, &[all[0].clone(), all[3].clone()]).await;
    let data = app.gql(&host, query, json!({ "unread": true })).await;
    assert_eq!(ids(&data, "/viewer/notifications/nodes"), [all[1].clone(), all[2].clone()]);
    assert_eq!(counts(&app, &host).await, (json!(5), json!(3)));
    let wrong = "{ viewer { notifications(after: \"nonsense\") { totalCount } } }";
    assert_eq!(app.query_error(&host, wrong, json!({})).await, "INVALID after");
    app.finish().await;
}

#[tokio::test]
async fn a_notification_keeps_its_first_read_time() {
    let app = TestApp::new().await;
    let host = busy_host(&app, 2).await;
    let all: Vec<String> = notifications_of(&app, &host).await.iter().map(|one| text(one, "/id")).collect();
    app.set("2027-01-06T00:00:00Z");
    let first = mark_read(&app, &host, &all[1..]).await;
    assert_eq!(first, json!([{ "id": all[1], "readAt": "2027-01-06T00:00:00.000Z" }]));
    app.set("2027-01-07T00:00:00Z");
    // The result has the order of the given IDs, one of which is given twice.
    let both = mark_read(&app, &host, &[all[1].clone(), all[0].clone(), all[1].clone()]).await;
    let (old, new) = (first[0].clone(), json!({ "id": all[0], "readAt": "2027-01-07T00:00:00.000Z" }));
    assert_eq!(both, json!([old, new, old]));
    assert_eq!(notifications_of(&app, &host).await[1]["readAt"], "2027-01-06T00:00:00.000Z");
    assert_eq!(mark_read(&app, &host, &[]).await, json!([]));
    assert_eq!(counts(&app, &host).await, (json!(2), json!(0)));
    app.finish().await;
}

#[tokio::test]
async fn marking_foreign_or_unknown_notifications_marks_none() {
    let app = TestApp::new().await;
    let (host, other) = (busy_host(&app, 1).await, busy_host(&app, 1).await);
    let (mine, theirs) =
        (notifications_of(&app, &host).await[0]["id"].clone(), notifications_of(&app, &other).await[0]["id"].clone());
    let unknown = json!(app.unknown_id(Kind::Notification));
    for (given, error) in [
        (json!([mine, theirs]), "NOT_FOUND ids"),
        (json!([mine, unknown]), "NOT_FOUND ids"),
        (json!([mine, app.unknown_id(Kind::Booking)]), "INVALID ids"),
        (json!(vec![mine.clone(); 101]), "TOO_MANY ids"),
    ] {
        assert_eq!(app.errors(&host, "notificationsMarkRead", json!({ "ids": given })).await, [error]);
    }
    for who in [&host, &other] {
        assert_eq!(counts(&app, who).await, (json!(1), json!(1)));
    }
    assert_eq!(app.errors(&Anonymous, "notificationsMarkRead", json!({ "ids": [mine] })).await, ["UNAUTHENTICATED"]);
    let node = "query($id: ID!) { node(id: $id) { __typename id } }";
    let seen = app.gql(&host, node, json!({ "id": mine })).await;
    assert_eq!(seen["node"], json!({ "__typename": "Notification", "id": mine }));
    for who in [&other, &app.admin().await] {
        assert_eq!(app.gql(who, node, json!({ "id": mine })).await["node"], Value::Null);
    }
    assert_eq!(app.gql(&Anonymous, node, json!({ "id": mine })).await["node"], Value::Null);
    app.finish().await;
}

#[tokio::test]
async fn every_notification_leads_to_its_booking() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), ("2027-03-01", "2027-03-03")).await;
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.respond_ok(&trip.host, &change, false, None).await;
    app.set("2027-03-03T18:00:00Z");
    app.drain().await;
    for who in [&trip.guest, &trip.host] {
        let given = json!({ "bookingId": trip.booking["id"], "review": { "overall": 5, "text": "Good." } });
        app.mutate_ok(who, "reviewSubmit", given, "__typename").await;
    }
    let query = "{ viewer { notifications(first: 50) { nodes { booking { id } subject { __typename \
                 ... on BookingAlteration { id booking { id } availableActions } } } } } }";
    let mut subjects = std::collections::BTreeSet::new();
    for who in [&trip.guest, &trip.host] {
        let seen = app.gql(who, query, json!({})).await;
        for notification in seen["viewer"]["notifications"]["nodes"].as_array().unwrap() {
            assert_eq!(notification["booking"]["id"], trip.booking["id"], "{notification}");
            let subject = &notification["subject"];
            if subject["__typename"] == "BookingAlteration" {
                let booking = json!({ "id": trip.booking["id"] });
                assert_eq!((&subject["booking"], &subject["availableActions"]), (&booking, &json!([])));
            }
            subjects.insert(text(subject, "/__typename"));
        }
    }
    assert_eq!(subjects.into_iter().collect::<Vec<_>>(), ["Booking", "BookingAlteration", "Payout", "Review"]);
    app.finish().await;
}

#[tokio::test]
async fn the_subject_is_shown_by_the_viewers_current_rights() {
    let app = TestApp::new().await;
    let (host, other) = (busy_host(&app, 1).await, busy_host(&app, 1).await);
    let theirs = text(&notifications_of(&app, &other).await[0], "/subject/id");
    let sql = "UPDATE notification SET subject = $1 WHERE user_id = $2";
    app.execute(sql, [theirs.into(), host.user.into()]).await;
    assert_eq!(notifications_of(&app, &host).await[0]["subject"], Value::Null);
    app.finish().await;
}

#[tokio::test]
async fn a_page_of_many_costs_no_more_statements_than_a_page_of_one() {
    let app = TestApp::new().await;
    let host = busy_host(&app, 6).await;
    let mut costs = Vec::new();
    for first in [1, 6] {
        let query = format!(
            "{{ viewer {{ notifications(first: {first}) {{ totalCount nodes {{ body subject {{ ... on Booking \
             {{ state guest {{ displayName }} }} }} booking {{ code }} }} }} }} }}"
        );
        let before = app.db.statements();
        let data = app.gql(&host, &query, json!({})).await;
        assert_eq!(data["viewer"]["notifications"]["nodes"].as_array().unwrap().len(), first);
        costs.push(app.db.statements() - before);
    }
    assert_eq!(costs[0], costs[1]);
    app.finish().await;
}

#[tokio::test]
async fn subscribers_receive_committed_notifications_and_no_rolled_back_ones() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), ("2027-03-01", "2027-03-03")).await;
    let mut listener = app.db.events().listen(roost::domain::notifications::user_topic(trip.guest.user));
    // The refund and its notification are written before the amount is found to exceed the remainder.
    let refused = app.refund(&trip.host, &trip.booking, 16_901).await;
    assert_eq!(error_codes(refused["userErrors"].as_array().unwrap()), ["INVALID amount.amount"]);
    assert!(listener.next().now_or_never().is_none());
    assert_eq!(counts(&app, &trip.guest).await, (json!(1), json!(1)));
    app.refund(&trip.host, &trip.booking, 16_900).await;
    let event = listener.next().now_or_never().unwrap().unwrap();
    let newest = notifications_of(&app, &trip.guest).await[0].clone();
    assert_eq!((&newest["kind"], &newest["title"]), (&json!("BOOKING_REFUNDED"), &json!("You get a refund")));
    assert_eq!(event.body, json!({ "id": uuid_of(&text(&newest, "/id")) }));
    assert!(listener.next().now_or_never().is_none());
    app.finish().await;
}

#[tokio::test]
async fn notifications_are_deleted_after_a_year() {
    let app = TestApp::new().await;
    let host = busy_host(&app, 1).await;
    let id = uuid_of(&text(&notifications_of(&app, &host).await[0], "/id"));
    app.set("2028-01-05T12:00:00Z");
    roost::jobs::purge_expired(&app).await.unwrap();
    assert_eq!(app.count("notification WHERE id = $1", [id.into()]).await, 1);
    app.set("2028-01-05T12:00:00.001Z");
    roost::jobs::purge_expired(&app).await.unwrap();
    assert_eq!(app.count("notification", []).await, 0);
    app.set("2027-01-05T12:00:00Z");
    app.finish().await;
}
