//! A fake Stripe server with idempotency keys, records that tests can read, and injected faults.
//!
//! As Stripe does, it answers a repeated idempotency key with the first response, failures included.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use futures_util::stream;
use reqwest::Url;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::scenarios::merge;

pub const KEY: &str = "sk_test_of_the_fake_server";

/// A fault of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks before the request has taken effect.
    LostRequest,
    /// The connection breaks after the request has taken effect.
    LostResponse,
    /// There is no response, and the request has not taken effect.
    SilentRequest,
    /// There is no response, but the request has taken effect.
    SilentResponse,
    /// An error response before the request has taken effect.
    Failure,
    /// An error response after the request has taken effect.
    LateFailure,
    /// Too many requests, or a concurrent request with the same key. The response is not stored for the key.
    Busy(u16),
}

impl Fault {
    fn is_before_effect(self) -> bool {
        matches!(self, Fault::LostRequest | Fault::SilentRequest | Fault::Failure | Fault::Busy(_))
    }
}

/// Everything the server has recorded.
#[derive(Default)]
struct Records {
    created: u64,
    intents: BTreeMap<String, Value>,
    refunds: BTreeMap<String, Value>,
    transfers: BTreeMap<String, Value>,
    disputes: BTreeMap<String, Value>,
    responses: HashMap<String, (String, u16, Value)>,
    faults: Vec<(String, Fault)>,
    calls: Vec<String>,
    refund_status: Option<&'static str>,
}

type Shared = Arc<Mutex<Records>>;

/// A running fake server. It stops when it is dropped.
pub struct FakeStripe {
    pub url: String,
    records: Shared,
    server: JoinHandle<()>,
}

impl Drop for FakeStripe {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeStripe {
    pub async fn start() -> FakeStripe {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let records = Shared::default();
        let router = Router::new().fallback(serve).with_state(records.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        FakeStripe { url, records, server }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Records) -> T) -> T {
        change(&mut self.records.lock().unwrap())
    }

    /// Injects a fault into the next call of that name.
    pub fn inject(&self, call: &str, fault: Fault) {
        self.with(|records| records.faults.push((call.to_owned(), fault)));
    }

    /// The number of injected faults that no call has used.
    pub fn unused_faults(&self) -> usize {
        self.with(|records| records.faults.len())
    }

    /// The number of calls of that name.
    pub fn count_calls(&self, call: &str) -> usize {
        self.with(|records| records.calls.iter().filter(|name| *name == call).count())
    }

    /// Sets the initial status of new refunds.
    pub fn set_refund_status(&self, status: &'static str) {
        self.with(|records| records.refund_status = Some(status));
    }

    /// The intents created with a key.
    pub fn intents_with_key(&self, key: &str) -> Vec<Value> {
        let is_match = |intent: &&Value| intent["metadata"]["roost_key"] == key;
        self.with(|records| records.intents.values().filter(is_match).cloned().collect())
    }

    /// The refunds of an intent.
    pub fn refunds_of(&self, intent: &str) -> Vec<Value> {
        let is_match = |refund: &&Value| refund["payment_intent"] == intent;
        self.with(|records| records.refunds.values().filter(is_match).cloned().collect())
    }

    pub fn transfers(&self) -> Vec<Value> {
        self.with(|records| records.transfers.values().cloned().collect())
    }

    /// Changes an intent outside our requests, as the guest's browser or Stripe's dashboard does.
    pub fn change_intent(&self, intent: &str, change: Value) -> Value {
        self.with(|records| {
            let changed = merge(records.intents[intent].clone(), change);
            records.intents.insert(intent.to_owned(), changed.clone());
            changed
        })
    }

    /// Changes a refund outside our requests.
    pub fn change_refund(&self, refund: &str, change: Value) -> Value {
        self.with(|records| {
            let changed = merge(records.refunds[refund].clone(), change);
            records.refunds.insert(refund.to_owned(), changed.clone());
            changed
        })
    }

    /// Opens a dispute of an intent, or changes its status.
    pub fn set_dispute(&self, id: &str, intent: &str, amount: i64, status: &str) -> Value {
        let dispute = json!({
            "id": id, "object": "dispute", "amount": amount, "status": status, "payment_intent": intent,
        });
        self.with(|records| records.disputes.insert(id.to_owned(), dispute.clone()));
        dispute
    }

    /// An event with an object as its data.
    pub fn event(&self, kind: &str, created: i64, object: &Value) -> Value {
        let id = self.with(|records| records.new_id("evt"));
        json!({ "id": id, "object": "event", "type": kind, "created": created, "data": { "object": object } })
    }
}

async fn serve(State(records): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    if header("authorization") != format!("Bearer {KEY}") || header("stripe-version").is_empty() {
        return response(401, &error_body("invalid_request_error", "api_key_invalid"), false);
    }
    let form = String::from_utf8(body.to_vec()).unwrap();
    let path = uri.path().trim_start_matches("/v1/").to_owned();
    let parts: Vec<&str> = path.split('/').collect();
    let call = match (method.as_str(), parts.as_slice()) {
        ("POST", ["payment_intents"]) => "create",
        ("POST", ["payment_intents", _, verb @ ("confirm" | "capture" | "cancel")]) => verb,
        ("GET", ["payment_intents", _]) => "read",
        ("POST", ["refunds"]) => "refund",
        ("GET", ["refunds"]) => "list refunds",
        ("GET", ["refunds", _]) => "read refund",
        ("GET", ["disputes", _]) => "read dispute",
        ("POST", ["transfers"]) => "transfer",
        ("GET", ["transfers"]) => "list transfers",
        _ => return response(404, &error_body("invalid_request_error", "unknown_path"), false),
    };
    let fault = {
        let mut records = records.lock().unwrap();
        records.calls.push(call.to_owned());
        let injected = records.faults.iter().position(|(name, _)| name == call);
        injected.map(|at| records.faults.remove(at).1)
    };
    if fault == Some(Fault::SilentRequest) {
        std::future::pending::<()>().await;
    }
    let key = header("idempotency-key");
    let (status, body, replayed) = {
        let mut records = records.lock().unwrap();
        let stored = records.responses.get(&key).filter(|_| !key.is_empty()).cloned();
        match (stored, fault) {
            (_, Some(Fault::LostRequest)) => (0, Value::Null, false),
            (_, Some(Fault::Busy(status))) => (status, error_body("invalid_request_error", "lock_timeout"), false),
            (Some((first, _, _)), _) if first != form => {
                (400, error_body("idempotency_error", "other_arguments"), false)
            }
            (Some((_, status, body)), _) => (status, body, true),
            (None, fault) => {
                let outcome = if fault.is_some_and(Fault::is_before_effect) {
                    (500, error_body("api_error", "failure"))
                } else {
                    let outcome = records.perform(
                        call,
                        &parts,
                        &form_fields(if form.is_empty() { uri.query() } else { Some(&form) }),
                    );
                    if fault == Some(Fault::LateFailure) { (500, error_body("api_error", "failure")) } else { outcome }
                };
                if !key.is_empty() {
                    records.responses.insert(key, (form, outcome.0, outcome.1.clone()));
                }
                (outcome.0, outcome.1, false)
            }
        }
    };
    match fault {
        Some(Fault::SilentResponse) => std::future::pending().await,
        Some(Fault::LostRequest | Fault::LostResponse) => broken_response(),
        _ => response(status, &body, replayed),
    }
}

/// A response whose connection breaks before its body.
fn broken_response() -> Response {
    let end = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    Response::new(Body::from_stream(stream::iter([Err::<Bytes, _>(end)])))
}

fn response(status: u16, body: &Value, replayed: bool) -> Response {
    let body = Body::from_stream(stream::iter([Ok::<_, Infallible>(body.to_string())]));
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    if replayed {
        response.headers_mut().insert("idempotent-replayed", "true".parse().unwrap());
    }
    response
}

fn error_body(kind: &str, code: &str) -> Value {
    json!({ "error": { "type": kind, "code": code, "message": "internal detail" } })
}

fn form_fields(text: Option<&str>) -> HashMap<String, String> {
    let url = Url::parse(&format!("http://form/?{}", text.unwrap_or(""))).unwrap();
    url.query_pairs().into_owned().collect()
}

impl Records {
    fn new_id(&mut self, prefix: &str) -> String {
        self.created += 1;
        format!("{prefix}_{:06}", self.created)
    }

    fn perform(&mut self, call: &str, parts: &[&str], form: &HashMap<String, String>) -> (u16, Value) {
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        let amount = field("amount").parse::<i64>().unwrap_or(0);
        let metadata = json!({ "roost_key": field("metadata[roost_key]") });
        let list = |rows: Vec<Value>| (200, json!({ "object": "list", "data": rows, "has_more": false }));
        let id = parts.get(1).copied().unwrap_or("").to_owned();
        match call {
            "create" => {
                let is_valid = field("capture_method") == "manual" && field("payment_method_types[]") == "card";
                let card = field("payment_method");
                if !is_valid || amount <= 0 || !["pm_visa", "pm_declined", "pm_3ds"].contains(&card) {
                    return (400, error_body("invalid_request_error", "resource_missing"));
                }
                let id = self.new_id("pi");
                let intent = json!({
                    "id": id, "object": "payment_intent", "status": "requires_confirmation", "amount": amount,
                    "amount_received": 0, "currency": field("currency"), "payment_method": card,
                    "client_secret": format!("{id}_secret"), "metadata": metadata, "created": 1_799_150_400,
                    "last_payment_error": null, "latest_charge": null,
                });
                self.intents.insert(id, intent.clone());
                (200, intent)
            }
            "confirm" | "capture" | "cancel" | "read" => {
                let Some(intent) = self.intents.get(&id).cloned() else {
                    return (404, error_body("invalid_request_error", "resource_missing"));
                };
                let status = intent["status"].as_str().unwrap().to_owned();
                let change = match (call, status.as_str()) {
                    ("read", _) => json!({}),
                    ("confirm", "requires_confirmation") => match intent["payment_method"].as_str() {
                        Some("pm_declined") => json!({
                            "status": "requires_payment_method",
                            "last_payment_error": { "code": "card_declined", "decline_code": "insufficient_funds" },
                        }),
                        Some("pm_3ds") => json!({ "status": "requires_action" }),
                        _ => json!({ "status": "requires_capture" }),
                    },
                    ("capture", "requires_capture") => {
                        json!({ "status": "succeeded", "amount_received": intent["amount"] })
                    }
                    ("cancel", "succeeded" | "canceled") | ("confirm" | "capture", _) => {
                        return (400, error_body("invalid_request_error", "payment_intent_unexpected_state"));
                    }
                    _ => json!({ "status": "canceled" }),
                };
                let intent = merge(intent, change);
                self.intents.insert(id, intent.clone());
                if call == "confirm" && intent["status"] == "requires_payment_method" {
                    let mut error = intent["last_payment_error"].clone();
                    error["type"] = json!("card_error");
                    return (402, json!({ "error": error }));
                }
                (200, intent)
            }
            "refund" => {
                let intent = field("payment_intent");
                let received = self.intents.get(intent).map_or(0, |it| it["amount_received"].as_i64().unwrap());
                let refunded: i64 =
                    self.refunds.values().filter(|it| it["payment_intent"] == intent).map(refunded_amount).sum();
                if amount <= 0 || refunded + amount > received {
                    return (400, error_body("invalid_request_error", "charge_already_refunded"));
                }
                let (intent, id) = (intent.to_owned(), self.new_id("re"));
                let refund = json!({
                    "id": id, "object": "refund", "status": self.refund_status.unwrap_or("succeeded"),
                    "amount": amount, "payment_intent": intent, "metadata": metadata,
                });
                self.refunds.insert(id, refund.clone());
                (200, refund)
            }
            "read dispute" => match self.disputes.get(&id) {
                Some(dispute) => (200, dispute.clone()),
                None => (404, error_body("invalid_request_error", "resource_missing")),
            },
            "read refund" => (200, self.refunds[&id].clone()),
            "list refunds" => {
                let is_match = |refund: &&Value| refund["payment_intent"] == field("payment_intent");
                list(self.refunds.values().filter(is_match).cloned().collect())
            }
            "transfer" => {
                if field("destination") == "acct_closed" {
                    return (400, error_body("invalid_request_error", "account_invalid"));
                }
                let id = self.new_id("tr");
                let transfer = json!({
                    "id": id, "object": "transfer", "amount": amount, "currency": field("currency"),
                    "destination": field("destination"), "transfer_group": field("transfer_group"),
                    "metadata": metadata,
                });
                self.transfers.insert(id, transfer.clone());
                (200, transfer)
            }
            _ => {
                let is_match = |transfer: &&Value| transfer["transfer_group"] == field("transfer_group");
                list(self.transfers.values().filter(is_match).cloned().collect())
            }
        }
    }
}

/// The amount of a refund, zero if it failed or was cancelled.
pub fn refunded_amount(refund: &Value) -> i64 {
    let is_effective = !["failed", "canceled"].contains(&refund["status"].as_str().unwrap());
    if is_effective { refund["amount"].as_i64().unwrap() } else { 0 }
}
