//! Subscriptions executed in process, as a transport executes them.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use roost::domain::users;
use roost::domain::viewer::Viewer;
use roost::graphql::{Client, Engine, GraphqlRequest, GraphqlResponse};
use roost::platform::App;
use serde_json::Value;

use crate::client::Caller;
use crate::harness::Person;
use crate::scenarios::text;
use crate::waiting::TIMEOUT;

pub const BOOKING_CHANGED: &str =
    "subscription($id: ID!) { bookingChanged(id: $id) { id action toState booking { id state } } }";
pub const HOST_BOOKING_CHANGED: &str = "subscription { hostBookingChanged { id action toState booking { id state } } }";
pub const CALENDAR_CHANGED: &str = "subscription($id: ID!, $from: Date!, $to: Date!) { \
    listingCalendarChanged(id: $id, from: $from, to: $to) { date state price { amount } } }";

pub const NOTIFICATION_RECEIVED: &str =
    "subscription { notificationReceived { id kind readAt subject { ... on Node { id } } } }";

/// A caller whose token is valid for longer than every test.
pub struct LongToken<'a>(pub &'a Person);

impl Caller for LongToken<'_> {
    fn token(&self, app: &App) -> Option<String> {
        let now = app.clock.now();
        app.keys.sign_access(self.0.user, self.0.session, now, now + TimeDelta::days(400))
    }
}

/// A running subscription.
pub struct Subscription(pub BoxStream<'static, GraphqlResponse>);

/// Executes an operation as a transport does.
pub async fn execute(app: &App, who: &(impl Caller + ?Sized), query: &str, variables: Value) -> Subscription {
    let viewer = match who.token(app) {
        Some(token) => users::authenticate(app, &token).await.unwrap(),
        None => Viewer::Anonymous,
    };
    let variables = variables.as_object().cloned();
    let request = GraphqlRequest { query: Some(query.to_owned()), variables, ..GraphqlRequest::default() };
    let engine = Engine::new(app.clone());
    Subscription(match engine.prepare(viewer, Client::default(), request).await {
        Ok(operation) => engine.stream(operation),
        Err(answer) => stream::once(async { *answer }).boxed(),
    })
}

/// Executes a subscription, and returns once it listens for events.
pub async fn subscribe(app: &App, who: &(impl Caller + ?Sized), query: &str, variables: Value) -> Subscription {
    let before = app.db.events().listeners();
    let expected = if who.token(app).is_some() { before + 2 } else { before + 1 };
    let mut subscription = execute(app, who, query, variables).await;
    let deadline = Instant::now() + TIMEOUT;
    while app.db.events().listeners() < expected {
        assert!(Instant::now() < deadline, "{query} does not listen");
        // A subscription sends nothing when it starts, so polling it only makes progress.
        let early = tokio::time::timeout(Duration::from_millis(5), subscription.0.next()).await;
        assert!(early.is_err(), "{query}: {early:?}");
    }
    subscription
}

impl Subscription {
    /// The next response as JSON, or `None` at the end of the stream.
    pub async fn response(&mut self) -> Option<Value> {
        let next = tokio::time::timeout(TIMEOUT, self.0.next()).await.expect("a response arrives before the timeout");
        next.map(|response| serde_json::to_value(response).unwrap())
    }

    /// The value of the only field of the next event.
    pub async fn next_event(&mut self) -> Value {
        let mut response = self.response().await.expect("the subscription has not ended");
        assert!(response.get("errors").is_none(), "{response:#}");
        let data = response["data"].as_object_mut().expect("an object");
        data.values_mut().next().expect("a field").take()
    }

    /// The actions of the next `count` events.
    pub async fn next_actions(&mut self, count: usize) -> Vec<String> {
        let mut actions = Vec::new();
        for _ in 0..count {
            actions.push(text(&self.next_event().await, "/action"));
        }
        actions
    }

    /// The code and field of the error that ends the subscription.
    pub async fn closing_error(&mut self) -> String {
        let response = self.response().await.expect("the subscription ends with an error");
        let errors =
            response["errors"].as_array().unwrap_or_else(|| panic!("the subscription has not ended: {response:#}"));
        assert_eq!((errors.len(), &response["data"]), (1, &Value::Null), "{response:#}");
        assert_eq!(self.response().await, None, "the error is the last response");
        crate::client::error_codes(&[errors[0]["extensions"].clone()]).remove(0)
    }
}
