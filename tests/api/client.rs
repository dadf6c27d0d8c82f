//! Requests to the server through its router, as a client sends them.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use roost::platform::App;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::harness::{Person, TestApp};

/// The sender of a request.
pub trait Caller {
    /// The bearer token. `None` sends no `Authorization` header.
    fn token(&self, app: &App) -> Option<String>;
}

/// A client without a token.
pub struct Anonymous;

impl Caller for Anonymous {
    fn token(&self, _: &App) -> Option<String> {
        None
    }
}

impl Caller for str {
    fn token(&self, _: &App) -> Option<String> {
        Some(self.to_owned())
    }
}

impl Caller for Person {
    /// An access token that has just been issued.
    fn token(&self, app: &App) -> Option<String> {
        let now = app.clock.now();
        app.keys.sign_access(self.user, self.session, now, now + TimeDelta::minutes(15))
    }
}

/// An HTTP response.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {text}", self.status))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The fields of user errors that tests read.
const USER_ERRORS: &str = "userErrors { __typename code message field \
    ... on NightsUnavailableError { nights { date state } } \
    ... on QuoteStaleError { quote { token expiresAt price { total { amount } } } } \
    ... on RefundChangedError { actual { refund { amount currency } } } \
    ... on StateConflictError { state allowed } }";

/// The arguments of every mutation, as the schema declares them.
fn arguments(mutation: &str) -> &'static str {
    match mutation {
        "userRegister" => "user: UserRegisterInput!",
        "userUpdate" => "user: UserUpdateInput!",
        "sessionCreate" => "email: String!, password: String!",
        "sessionRefresh" => "refreshToken: String!",
        "sessionRevoke" => "id: ID",
        "listingCreate" => "listing: ListingInput!",
        "listingUpdate" => "id: ID!, expectedVersion: Int, listing: ListingInput!",
        "listingPublish" => "id: ID!, expectedVersion: Int",
        "listingCalendarUpdate" => "id: ID!, changes: [CalendarChangeInput!]!, expectedVersion: Int",
        "quoteCreate" => "listingId: ID!, stay: StayInput!, nonRefundable: Boolean",
        "bookingCreate" => "quoteToken: String!, booking: BookingCreateInput!",
        "bookingRefund" => "id: ID!, amount: MoneyInput!, reason: String!",
        "bookingAlterationRequest" => "id: ID!, stay: StayInput!, paymentMethodToken: String",
        "bookingAlterationAccept" => "id: ID!, paymentMethodToken: String",
        "bookingAlterationDecline" => "id: ID!, reason: String",
        "payoutHold" => "id: ID!, reason: String!",
        "payoutAccountSet" => "account: String!",
        "bookingDecline" => "id: ID!, reason: String!",
        "bookingCancel" => "id: ID!, expectedRefund: MoneyInput!, reason: String",
        "reviewSubmit" => "bookingId: ID!, review: ReviewInput!",
        "reviewUpdate" => "id: ID!, review: ReviewInput!",
        "reviewRespond" => "id: ID!, text: String!",
        "notificationsMarkRead" => "ids: [ID!]!",
        "userBecomeHost" => "",
        _ => "id: ID!",
    }
}

/// The mutations that are refused without an idempotency key.
pub const NEED_A_KEY: [&str; 5] =
    ["bookingCreate", "bookingCancel", "bookingRefund", "bookingAlterationRequest", "bookingAlterationAccept"];

/// An idempotency key that no other request of this process has.
pub fn fresh_key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("key-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The document of one mutation with the given arguments, and with a fresh key if the mutation needs one.
fn document(mutation: &str, given: &Value, selection: &str) -> String {
    let key = NEED_A_KEY.contains(&mutation).then(fresh_key);
    document_with(mutation, given, selection, key.as_deref())
}

/// The document of one mutation with the given arguments, and with `key` if it is set.
pub fn document_with(mutation: &str, given: &Value, selection: &str, key: Option<&str>) -> String {
    let key = key.map(|key| format!(" @idempotent(key: {})", json!(key))).unwrap_or_default();
    let declared = arguments(mutation).split(", ").filter_map(|argument| argument.split_once(": "));
    let used: Vec<(&str, &str)> = declared.filter(|(name, _)| given.get(name).is_some()).collect();
    let given = given.as_object().map_or(0, serde_json::Map::len);
    assert_eq!(used.len(), given, "an argument of {mutation} is not in the schema");
    let join = |part: &dyn Fn(&(&str, &str)) -> String| used.iter().map(part).collect::<Vec<_>>().join(", ");
    let (variables, passed) =
        (join(&|(name, kind)| format!("${name}: {kind}")), join(&|(name, _)| format!("{name}: ${name}")));
    let wrap = |text: String| if text.is_empty() { text } else { format!("({text})") };
    format!("mutation{} {{ {mutation}{}{key} {{ {USER_ERRORS} {selection} }} }}", wrap(variables), wrap(passed))
}

/// The code and the path of each error, such as `INVALID user.email`.
pub fn error_codes(errors: &[Value]) -> Vec<String> {
    let path = |error: &Value| {
        let path = error["field"].as_array().map(|path| path.iter().filter_map(Value::as_str).collect::<Vec<_>>());
        path.unwrap_or_default().join(".")
    };
    errors
        .iter()
        .map(|error| format!("{} {}", error["code"].as_str().unwrap_or("?"), path(error)).trim_end().to_owned())
        .collect()
}

/// Sends one request to a router.
pub async fn send(router: &axum::Router, request: Request<Body>) -> Answer {
    let response: Response = router.clone().oneshot(request).await.expect("the router answers");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("the body ends").to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// The number of requests of a crowd that run concurrently. Each may have to wait for all the others, and a request
/// waits at most ten seconds for a database connection. With more requests, some would fail by chance on a busy
/// machine.
const AT_ONCE: usize = 40;

/// Sends all requests, [`AT_ONCE`] at a time, each in a task of its own.
pub async fn send_crowd(router: &axum::Router, requests: Vec<Request<Body>>) -> Vec<Answer> {
    let sent = |request| {
        let router = router.clone();
        tokio::spawn(async move { send(&router, request).await })
    };
    let answers = stream::iter(requests).map(sent).buffer_unordered(AT_ONCE);
    answers.map(|answer| answer.expect("the task ends")).collect().await
}

/// A GraphQL request over HTTP.
pub fn graphql_request(token: Option<String>, query: &str, variables: &Value) -> Request<Body> {
    let mut request = Request::builder().method(Method::POST).uri("/graphql").header(CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let body = json!({ "query": query, "variables": variables }).to_string();
    request.body(Body::from(body)).expect("the request is well formed")
}

impl TestApp {
    /// Sends a request and returns the response, whatever its status.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        send(&self.router, request).await
    }

    /// Sends a GET request.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("the request is well formed")).await
    }

    /// Sends a GraphQL request and returns the response, whatever its status.
    pub async fn post(&self, who: &(impl Caller + ?Sized), query: &str, variables: Value) -> Answer {
        self.send(graphql_request(who.token(&self.app), query, &variables)).await
    }

    /// Runs an operation that must succeed, and returns its data.
    pub async fn gql(&self, who: &(impl Caller + ?Sized), query: &str, variables: Value) -> Value {
        let answer = self.post(who, query, variables).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let mut body = answer.json();
        assert!(body.get("errors").is_none(), "{query}: {body:#}");
        body["data"].take()
    }

    /// Runs a query that must be refused. Returns the code and the path of the first error, such as `INVALID first`.
    pub async fn query_error(&self, who: &(impl Caller + ?Sized), query: &str, variables: Value) -> String {
        let body = self.post(who, query, variables).await.json();
        let error = &body["errors"][0];
        assert!(error.is_object(), "{query} was not refused: {body:#}");
        assert_ne!(error["extensions"]["code"], "INTERNAL", "{query}: {body:#}");
        error_codes(&[error["extensions"].clone()]).remove(0)
    }

    /// Runs a mutation and returns its payload, which may have user errors.
    pub async fn mutate(&self, who: &(impl Caller + ?Sized), mutation: &str, given: Value, selection: &str) -> Value {
        let mut data = self.gql(who, &document(mutation, &given, selection), given).await;
        data[mutation].take()
    }

    /// Runs a mutation that must succeed, and returns its payload.
    pub async fn mutate_ok(
        &self,
        who: &(impl Caller + ?Sized),
        mutation: &str,
        given: Value,
        selection: &str,
    ) -> Value {
        let payload = self.mutate(who, mutation, given, selection).await;
        assert_eq!(payload["userErrors"], json!([]), "{mutation} was refused");
        payload
    }

    /// Runs a mutation that must be refused, and returns its user errors.
    pub async fn user_errors(&self, who: &(impl Caller + ?Sized), mutation: &str, given: Value) -> Vec<Value> {
        let mut payload = self.mutate(who, mutation, given, "__typename").await;
        let errors = payload["userErrors"].take().as_array().cloned().unwrap_or_default();
        assert!(!errors.is_empty(), "{mutation} was not refused");
        errors
    }

    /// Runs a mutation that must be refused. Returns its errors in the form of [`error_codes`].
    pub async fn errors(&self, who: &(impl Caller + ?Sized), mutation: &str, given: Value) -> Vec<String> {
        error_codes(&self.user_errors(who, mutation, given).await)
    }
}
