//! Subscriptions: everybody hears what concerns them, as it is committed, and nothing else.

mod commits;
mod nodes;
mod rights;

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use roost::domain::users;
use roost::domain::viewer::Viewer;
use roost::graphql::{Answer, Call, Client, Engine};
use roost::platform::App;
use serde_json::{Value, json};

use crate::books::Trip;
use crate::client::{Nobody, Who};
use crate::harness::{Person, START, TestApp};
use crate::node::PATIENCE;
use crate::scenes::{stay, text};
use crate::state_table::{ROWS, book, go_on};

pub const STEPS: &str = "subscription($id: ID!) { bookingChanged(id: $id) { id action to booking { id state } } }";
pub const HOSTED: &str = "subscription { hostBookingChanged { id action to booking { id state } } }";
pub const CALENDAR: &str = "subscription($id: ID!, $from: Date!, $to: Date!) { \
    listingCalendarChanged(id: $id, from: $from, to: $to) { date state price { amount } } }";

pub const NEWS: &str = "subscription { notificationReceived { id kind readAt subject { id } } }";

/// Somebody with a token that outlasts every stay.
struct Patient<'a>(&'a Person);

impl Who for Patient<'_> {
    fn token(&self, app: &App) -> Option<String> {
        let now = app.clock.now();
        app.keys.sign_access(self.0.user, self.0.session, now, now + TimeDelta::days(400))
    }
}

/// A subscription under way.
pub struct Live(BoxStream<'static, Answer>);

/// An operation as a transport would run it.
pub async fn run(app: &App, who: &(impl Who + ?Sized), query: &str, variables: Value) -> Live {
    let viewer = match who.token(app) {
        Some(token) => users::authenticate(app, &token).await.unwrap(),
        None => Viewer::Anonymous,
    };
    let variables = variables.as_object().cloned();
    let call = Call { query: Some(query.to_owned()), variables, ..Call::default() };
    let engine = Engine::new(app.clone());
    Live(match engine.prepare(viewer, Client::default(), call).await {
        Ok(operation) => engine.stream(operation),
        Err(answer) => stream::once(async { *answer }).boxed(),
    })
}

/// The same for a subscription that must begin, once it has.
pub async fn subscribe(app: &App, who: &(impl Who + ?Sized), query: &str, variables: Value) -> Live {
    let before = app.db.events().listeners();
    let all = if who.token(app).is_some() { before + 2 } else { before + 1 };
    let mut live = run(app, who, query, variables).await;
    let deadline = Instant::now() + PATIENCE;
    while app.db.events().listeners() < all {
        assert!(Instant::now() < deadline, "{query} has not begun");
        // Nothing is said at the beginning, so this only moves it on.
        let early = tokio::time::timeout(Duration::from_millis(5), live.0.next()).await;
        assert!(early.is_err(), "{query}: {early:?}");
    }
    live
}

impl Live {
    /// The next response as JSON, or nothing at the end.
    pub async fn response(&mut self) -> Option<Value> {
        let next = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("something is heard in time");
        next.map(|response| serde_json::to_value(response).unwrap())
    }

    /// What the next event says.
    pub async fn hear(&mut self) -> Value {
        let mut response = self.response().await.expect("the subscription goes on");
        assert!(response.get("errors").is_none(), "{response:#}");
        let data = response["data"].as_object_mut().expect("an object");
        data.values_mut().next().expect("a field").take()
    }

    /// The actions of as many steps.
    pub async fn actions(&mut self, count: usize) -> Vec<String> {
        let mut actions = Vec::new();
        for _ in 0..count {
            actions.push(text(&self.hear().await, "/action"));
        }
        actions
    }

    /// The code and field that the subscription ends with.
    pub async fn end(&mut self) -> String {
        let response = self.response().await.expect("it says why it ends");
        let errors = response["errors"].as_array().unwrap_or_else(|| panic!("it goes on: {response:#}"));
        assert_eq!((errors.len(), &response["data"]), (1, &Value::Null), "{response:#}");
        assert_eq!(self.response().await, None, "nothing comes after the reason");
        crate::client::said(&[errors[0]["extensions"].clone()]).remove(0)
    }
}

async fn taken(app: &TestApp, trip: &Trip) -> Vec<String> {
    let query = "query($id: ID!) { booking(id: $id) { events(first: 100) { nodes { action } } } }";
    let data = app.gql(&trip.guest, query, json!({ "id": trip.booking["id"] })).await;
    let nodes = data["booking"]["events"]["nodes"].as_array().unwrap();
    nodes.iter().rev().map(|node| text(node, "/action")).collect()
}

#[tokio::test]
async fn guest_and_host_hear_every_step_of_every_way_through_the_states() {
    let app = TestApp::new().await;
    for row in ROWS {
        app.set(START);
        let host = app.host().await;
        let mut hosted = subscribe(&app, &Patient(&host), HOSTED, json!({})).await;
        let trip = book(&app, host, row.way).await;
        let before = taken(&app, &trip).await;
        let mut steps = subscribe(&app, &Patient(&trip.guest), STEPS, json!({ "id": trip.booking["id"] })).await;
        go_on(&app, &trip, row.way).await;
        let all = taken(&app, &trip).await;
        assert_eq!(hosted.actions(all.len()).await, all, "{:?}", row.way);
        assert_eq!(steps.actions(all.len() - before.len()).await, all[before.len()..], "{:?}", row.way);
    }
    app.set("2027-03-05T00:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn nobody_hears_of_bookings_of_others() {
    let app = TestApp::new().await;
    let (host, other, guest) = (app.host().await, app.host().await, app.guest().await);
    let (mine, theirs) =
        (app.published_listing(&host, json!({})).await, app.published_listing(&other, json!({})).await);
    let first = app.book(&guest, &mine, "2027-03-01", "2027-03-03").await;
    let mut steps = subscribe(&app, &guest, STEPS, json!({ "id": first["id"] })).await;
    let mut hosted = subscribe(&app, &host, HOSTED, json!({})).await;
    app.book(&guest, &theirs, "2027-03-01", "2027-03-03").await;
    let second = app.book(&guest, &mine, "2027-03-10", "2027-03-12").await;
    app.cancel(&guest, &first).await;
    // The first that is heard is one's own.
    let heard = hosted.hear().await;
    assert_eq!((&heard["action"], &heard["booking"]["id"]), (&json!("create"), &second["id"]));
    let heard = steps.hear().await;
    assert_eq!((&heard["action"], &heard["booking"]["state"]), (&json!("cancel"), &json!("CANCELLED_BY_GUEST")));
    app.finish().await;
}

#[tokio::test]
async fn an_event_tells_of_what_can_be_read_and_of_what_is_true_now() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({ "bookingMode": "REQUEST" })).await;
    let mut hosted = subscribe(&app, &host, HOSTED, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    for action in ["create", "request"] {
        let heard = hosted.hear().await;
        assert_eq!((&heard["action"], &heard["booking"]["id"]), (&json!(action), &booking["id"]));
        let node = "query($id: ID!) { node(id: $id) { __typename id } }";
        let data = app.gql(&guest, node, json!({ "id": heard["id"] })).await;
        assert_eq!(data["node"]["__typename"], "BookingEvent");
    }
    // Read one after the other, each event shows the booking as it stands by then.
    app.step(&host, "bookingAccept", &booking).await;
    let heard = hosted.hear().await;
    assert_eq!((&heard["to"], &heard["booking"]["state"]), (&json!("CONFIRMED"), &json!("CONFIRMED")));
    app.cancel(&guest, &booking).await;
    let heard = hosted.hear().await;
    assert_eq!(heard["booking"]["state"], "CANCELLED_BY_GUEST");
    app.finish().await;
}

#[tokio::test]
async fn nothing_is_heard_of_what_is_rolled_back() {
    let app = TestApp::new().await;
    let (host, guest, rival) = (app.host().await, app.guest().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut hosted = subscribe(&app, &host, HOSTED, json!({})).await;
    let range = json!({ "id": listing, "from": "2027-03-01", "to": "2027-03-31" });
    let mut calendar = subscribe(&app, &Nobody, CALENDAR, range).await;
    let late = app.quote(&rival, &listing, "2027-03-02", "2027-03-05").await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(hosted.actions(2).await, ["create", "confirm"]);
    for state in ["HELD", "BOOKED"] {
        let days = calendar.hear().await;
        assert_eq!(days.as_array().unwrap().len(), 2, "{state}: {days:#}");
    }
    // The booking's row and some nights are written before the taken night is found.
    let given = json!({ "quoteToken": late, "booking": { "paymentMethodToken": "ok" } });
    assert_eq!(app.refused(&rival, "bookingCreate", given).await[0]["code"], "NIGHTS_UNAVAILABLE");
    let change = json!([{ "from": "2027-03-20", "to": "2027-03-21", "blocked": true },
                        { "from": "2027-03-01", "to": "2027-03-02", "blocked": true }]);
    let refused = app.refused(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": change })).await;
    assert_eq!(refused[0]["code"], "NIGHTS_UNAVAILABLE");
    let last = app.book(&rival, &listing, "2027-03-10", "2027-03-11").await;
    assert_eq!(hosted.hear().await["booking"]["id"], last["id"]);
    assert_eq!(calendar.hear().await[0]["date"], "2027-03-10");
    app.finish().await;
}

#[tokio::test]
async fn a_calendar_tells_the_days_that_were_touched_inside_the_range() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let range = json!({ "id": listing, "from": "2027-03-01", "to": "2027-03-11" });
    let mut calendar = subscribe(&app, &Nobody, CALENDAR, range).await;
    let day =
        |date: &str, state: &str, amount: i64| json!({ "date": date, "state": state, "price": { "amount": amount } });
    let update = async |changes: Value| {
        app.must(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": changes }), "__typename").await;
    };
    update(json!([{ "from": "2027-04-01", "to": "2027-04-03", "blocked": true }])).await;
    update(json!([{ "from": "2027-02-20", "to": "2027-03-02", "blocked": true },
                  { "from": "2027-03-09", "to": "2027-03-10", "price": 9_900 }]))
    .await;
    let expected = json!([day("2027-03-01", "BLOCKED_BY_HOST", 12_000), day("2027-03-09", "FREE", 9_900)]);
    assert_eq!(calendar.hear().await, expected);
    let booking = app.book(&guest, &listing, "2027-03-10", "2027-03-14").await;
    assert_eq!(calendar.hear().await.as_array().unwrap().len(), 1);
    assert_eq!(calendar.hear().await, json!([day("2027-03-10", "BOOKED", 12_000)]));
    app.cancel(&host, &booking).await;
    assert_eq!(calendar.hear().await[0], day("2027-03-10", "BLOCKED_BY_HOST", 12_000));
    let new_price = json!({ "id": listing, "expectedVersion": 2, "listing": { "pricing": { "base": 20_000 } } });
    app.must(&host, "listingUpdate", new_price, "__typename").await;
    let days = calendar.hear().await;
    assert_eq!((days.as_array().unwrap().len(), &days[2]), (10, &day("2027-03-03", "FREE", 20_000)));
    let new_title = json!({ "id": listing, "expectedVersion": 3, "listing": { "title": "Another name" } });
    app.must(&host, "listingUpdate", new_title, "__typename").await;
    update(json!([{ "from": "2027-03-05", "to": "2027-03-06", "blocked": true }])).await;
    assert_eq!(calendar.hear().await, json!([day("2027-03-05", "BLOCKED_BY_HOST", 15_000)]));
    app.finish().await;
}

#[tokio::test]
async fn nights_that_come_back_to_a_lapsed_hold_are_told() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    for (mode, stay_state) in [("INSTANT", "BOOKED"), ("REQUEST", "HELD")] {
        app.set(START);
        let place = json!({ "bookingMode": mode, "stayRules": { "preparationNights": 1 } });
        let listing = app.published_listing(&host, place).await;
        let booking = app.pay(&guest, &app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await, "3ds").await;
        // Nobody sweeps it away, and nobody else takes the nights.
        app.advance(TimeDelta::minutes(20));
        let mut live = Vec::new();
        for (from, to) in [("2027-03-01", "2027-03-03"), ("2027-03-03", "2027-03-04")] {
            let range = json!({ "id": listing, "from": from, "to": to });
            live.push(subscribe(&app, &Nobody, CALENDAR, range).await);
        }
        app.step(&guest, "bookingPaymentConfirm", &booking).await;
        for (calendar, state) in live.iter_mut().zip([stay_state, "PREPARATION"]) {
            assert_eq!(calendar.hear().await[0]["state"], state, "{mode}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_change_that_comes_to_nothing_is_a_step_of_its_booking() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), ("2027-03-01", "2027-03-03")).await;
    let mut steps = subscribe(&app, &Patient(&trip.guest), STEPS, json!({ "id": trip.booking["id"] })).await;
    app.asked(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.advance(TimeDelta::hours(25));
    app.drain().await;
    assert_eq!(steps.actions(2).await, ["request_alteration", "alteration_expired"]);
    let change = app.asked(&trip.host, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.answer(&trip.guest, &change, true, Some("declined")).await;
    assert_eq!(steps.actions(3).await, ["request_alteration", "agree_alteration", "alteration_unpaid"]);
    app.finish().await;
}

#[tokio::test]
async fn a_change_of_a_stay_tells_the_nights_it_leaves_and_those_it_takes() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let range = json!({ "id": listing, "from": "2027-02-25", "to": "2027-03-11" });
    let mut calendar = subscribe(&app, &Nobody, CALENDAR, range).await;
    let given = json!({ "id": booking["id"], "stay": stay("2027-03-02", "2027-03-04") });
    let asked = app.must(&guest, "bookingAlterationRequest", given, "alteration { id state }").await;
    if asked["alteration"]["state"] == "PENDING" {
        let answer = json!({ "id": asked["alteration"]["id"], "accept": true });
        app.must(&host, "bookingAlterationRespond", answer, "__typename").await;
    }
    let mut seen = std::collections::BTreeMap::new();
    while seen.len() < 3 || seen["2027-03-03"] != "BOOKED" {
        for day in calendar.hear().await.as_array().unwrap() {
            seen.insert(text(day, "/date"), text(day, "/state"));
        }
    }
    let expected = [("2027-03-01", "FREE"), ("2027-03-02", "BOOKED"), ("2027-03-03", "BOOKED")];
    assert!(seen.iter().map(|(date, state)| (date.as_str(), state.as_str())).eq(expected), "{seen:?}");
    app.finish().await;
}

#[tokio::test]
async fn whoever_is_told_something_hears_it_and_nobody_else() {
    let app = TestApp::new().await;
    let (host, guest, other) = (app.host().await, app.guest().await, app.guest().await);
    let listing = app.published_listing(&host, json!({ "bookingMode": "REQUEST" })).await;
    let mut hosts = subscribe(&app, &host, NEWS, json!({})).await;
    let mut guests = subscribe(&app, &guest, NEWS, json!({})).await;
    let mut others = subscribe(&app, &other, NEWS, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let heard = hosts.hear().await;
    let expected = (&json!("BOOKING_REQUESTED"), &Value::Null, &booking["id"]);
    assert_eq!((&heard["kind"], &heard["readAt"], &heard["subject"]["id"]), expected);
    app.step(&host, "bookingAccept", &booking).await;
    assert_eq!(guests.hear().await["kind"], "BOOKING_CONFIRMED");
    let second = app.book(&other, &listing, "2027-03-10", "2027-03-12").await;
    app.must(&host, "bookingDecline", json!({ "id": second["id"], "reason": "No." }), "__typename").await;
    let heard = others.hear().await;
    assert_eq!((&heard["kind"], &heard["subject"]["id"]), (&json!("BOOKING_DECLINED"), &second["id"]));
    app.finish().await;
}

#[tokio::test]
async fn a_booking_made_while_its_host_subscribes_is_heard_or_can_be_seen() {
    let app = TestApp::new().await;
    let guest = app.guest().await;
    let hosted = "{ viewer { reservations(first: 5) { nodes { id } } } }";
    for _ in 0..10 {
        let host = app.host().await;
        let listing = app.published_listing(&host, json!({})).await;
        let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
        let mut live = run(&app, &host, HOSTED, json!({})).await;
        let begun = app.db.events().listeners();
        let listening = async {
            // Polls as a transport does, and reads as soon as it listens.
            loop {
                let heard = tokio::time::timeout(Duration::from_micros(200), live.0.next()).await;
                if heard.is_ok() || app.db.events().listeners() >= begun + 2 {
                    return (heard.is_ok(), app.gql(&host, hosted, json!({})).await);
                }
            }
        };
        let (booking, (heard, seen)) = tokio::join!(app.pay(&guest, &quote, "ok"), listening);
        let is_seen =
            seen["viewer"]["reservations"]["nodes"].as_array().unwrap().iter().any(|n| n["id"] == booking["id"]);
        if !heard && !is_seen {
            assert_eq!(live.hear().await["booking"]["id"], booking["id"]);
        }
    }
    app.finish().await;
}
