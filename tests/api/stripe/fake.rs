//! A look-alike of Stripe over HTTP on this machine, with idempotency keys, books that can be checked, and faults.
//!
//! It answers a key that it has seen with its first answer, failures included, as Stripe does.

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

use crate::scenes::merged;

pub const KEY: &str = "sk_test_of_the_look_alike";

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks; the request never took effect.
    LostRequest,
    /// It took effect, but the connection breaks.
    LostAnswer,
    /// Nothing is ever answered; the request never took effect.
    SilentRequest,
    /// It took effect, but nothing is ever answered.
    SilentAnswer,
    /// A failure that did nothing.
    Failure,
    /// A failure after it took effect.
    LateFailure,
    /// Too many requests, or the same key at the same time: not kept for the key.
    Busy(u16),
}

impl Fault {
    fn is_before(self) -> bool {
        matches!(self, Fault::LostRequest | Fault::SilentRequest | Fault::Failure | Fault::Busy(_))
    }
}

#[derive(Default)]
struct Books {
    made: u64,
    intents: BTreeMap<String, Value>,
    refunds: BTreeMap<String, Value>,
    transfers: BTreeMap<String, Value>,
    disputes: BTreeMap<String, Value>,
    answers: HashMap<String, (String, u16, Value)>,
    faults: Vec<(String, Fault)>,
    calls: Vec<String>,
    refunds_begin: Option<&'static str>,
}

type Shared = Arc<Mutex<Books>>;

/// The look-alike, until it is dropped.
pub struct Fake {
    pub url: String,
    books: Shared,
    server: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Fake {
    pub async fn start() -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let books = Shared::default();
        let router = Router::new().fallback(serve).with_state(books.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Fake { url, books, server }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Books) -> T) -> T {
        change(&mut self.books.lock().unwrap())
    }

    /// The next call of that name goes wrong.
    pub fn fault(&self, call: &str, fault: Fault) {
        self.with(|books| books.faults.push((call.to_owned(), fault)));
    }

    /// Faults that no call has met yet.
    pub fn faults_left(&self) -> usize {
        self.with(|books| books.faults.len())
    }

    /// How often a call was made.
    pub fn calls(&self, call: &str) -> usize {
        self.with(|books| books.calls.iter().filter(|made| *made == call).count())
    }

    /// Refunds begin in this state from now on.
    pub fn refunds_begin(&self, status: &'static str) {
        self.with(|books| books.refunds_begin = Some(status));
    }

    /// The intents that were made with a key of ours.
    pub fn intents_of(&self, key: &str) -> Vec<Value> {
        let of = |intent: &&Value| intent["metadata"]["roost_key"] == key;
        self.with(|books| books.intents.values().filter(of).cloned().collect())
    }

    /// The refunds of an intent.
    pub fn refunds_of(&self, intent: &str) -> Vec<Value> {
        let of = |refund: &&Value| refund["payment_intent"] == intent;
        self.with(|books| books.refunds.values().filter(of).cloned().collect())
    }

    pub fn transfers(&self) -> Vec<Value> {
        self.with(|books| books.transfers.values().cloned().collect())
    }

    /// Something happens to an intent without our doing, as in a browser or on Stripe's own pages.
    pub fn happens(&self, intent: &str, change: Value) -> Value {
        self.with(|books| {
            let changed = merged(books.intents[intent].clone(), change);
            books.intents.insert(intent.to_owned(), changed.clone());
            changed
        })
    }

    /// The same for a refund.
    pub fn happens_to_refund(&self, refund: &str, change: Value) -> Value {
        self.with(|books| {
            let changed = merged(books.refunds[refund].clone(), change);
            books.refunds.insert(refund.to_owned(), changed.clone());
            changed
        })
    }

    /// A guest's bank wants money back, or changes its mind.
    pub fn dispute(&self, id: &str, intent: &str, amount: i64, status: &str) -> Value {
        let dispute = json!({
            "id": id, "object": "dispute", "amount": amount, "status": status, "payment_intent": intent,
        });
        self.with(|books| books.disputes.insert(id.to_owned(), dispute.clone()));
        dispute
    }

    /// An event about an object as it was then.
    pub fn event(&self, kind: &str, created: i64, object: &Value) -> Value {
        let id = self.with(|books| books.name("evt"));
        json!({ "id": id, "object": "event", "type": kind, "created": created, "data": { "object": object } })
    }
}

async fn serve(State(books): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    if header("authorization") != format!("Bearer {KEY}") || header("stripe-version").is_empty() {
        return answer(401, &refusal("invalid_request_error", "api_key_invalid"), false);
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
        _ => return answer(404, &refusal("invalid_request_error", "unknown_path"), false),
    };
    let fault = {
        let mut books = books.lock().unwrap();
        books.calls.push(call.to_owned());
        let met = books.faults.iter().position(|(name, _)| name == call);
        met.map(|at| books.faults.remove(at).1)
    };
    if fault == Some(Fault::SilentRequest) {
        std::future::pending::<()>().await;
    }
    let key = header("idempotency-key");
    let (status, body, replayed) = {
        let mut books = books.lock().unwrap();
        let known = books.answers.get(&key).filter(|_| !key.is_empty()).cloned();
        match (known, fault) {
            (_, Some(Fault::LostRequest)) => (0, Value::Null, false),
            (_, Some(Fault::Busy(status))) => (status, refusal("invalid_request_error", "lock_timeout"), false),
            (Some((first, _, _)), _) if first != form => (400, refusal("idempotency_error", "other_arguments"), false),
            (Some((_, status, body)), _) => (status, body, true),
            (None, fault) => {
                let done = if fault.is_some_and(Fault::is_before) {
                    (500, refusal("api_error", "failure"))
                } else {
                    let done =
                        books.perform(call, &parts, &pairs(if form.is_empty() { uri.query() } else { Some(&form) }));
                    if fault == Some(Fault::LateFailure) { (500, refusal("api_error", "failure")) } else { done }
                };
                if !key.is_empty() {
                    books.answers.insert(key, (form, done.0, done.1.clone()));
                }
                (done.0, done.1, false)
            }
        }
    };
    match fault {
        Some(Fault::SilentAnswer) => std::future::pending().await,
        Some(Fault::LostRequest | Fault::LostAnswer) => broken(),
        _ => answer(status, &body, replayed),
    }
}

/// An answer whose connection breaks before anything of it is there.
fn broken() -> Response {
    let end = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    Response::new(Body::from_stream(stream::iter([Err::<Bytes, _>(end)])))
}

fn answer(status: u16, body: &Value, replayed: bool) -> Response {
    let body = Body::from_stream(stream::iter([Ok::<_, Infallible>(body.to_string())]));
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    if replayed {
        response.headers_mut().insert("idempotent-replayed", "true".parse().unwrap());
    }
    response
}

fn refusal(kind: &str, code: &str) -> Value {
    json!({ "error": { "type": kind, "code": code, "message": "not for anybody's eyes" } })
}

fn pairs(text: Option<&str>) -> HashMap<String, String> {
    let url = Url::parse(&format!("http://form/?{}", text.unwrap_or(""))).unwrap();
    url.query_pairs().into_owned().collect()
}

impl Books {
    fn name(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}_{:06}", self.made)
    }

    fn perform(&mut self, call: &str, parts: &[&str], form: &HashMap<String, String>) -> (u16, Value) {
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        let amount = field("amount").parse::<i64>().unwrap_or(0);
        let metadata = json!({ "roost_key": field("metadata[roost_key]") });
        let list = |rows: Vec<Value>| (200, json!({ "object": "list", "data": rows, "has_more": false }));
        let id = parts.get(1).copied().unwrap_or("").to_owned();
        match call {
            "create" => {
                let right = field("capture_method") == "manual" && field("payment_method_types[]") == "card";
                let card = field("payment_method");
                if !right || amount <= 0 || !["pm_visa", "pm_declined", "pm_3ds"].contains(&card) {
                    return (400, refusal("invalid_request_error", "resource_missing"));
                }
                let id = self.name("pi");
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
                    return (404, refusal("invalid_request_error", "resource_missing"));
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
                        return (400, refusal("invalid_request_error", "payment_intent_unexpected_state"));
                    }
                    _ => json!({ "status": "canceled" }),
                };
                let intent = merged(intent, change);
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
                let given: i64 = self.refunds.values().filter(|it| it["payment_intent"] == intent).map(value).sum();
                if amount <= 0 || given + amount > received {
                    return (400, refusal("invalid_request_error", "charge_already_refunded"));
                }
                let (intent, id) = (intent.to_owned(), self.name("re"));
                let refund = json!({
                    "id": id, "object": "refund", "status": self.refunds_begin.unwrap_or("succeeded"),
                    "amount": amount, "payment_intent": intent, "metadata": metadata,
                });
                self.refunds.insert(id, refund.clone());
                (200, refund)
            }
            "read dispute" => match self.disputes.get(&id) {
                Some(dispute) => (200, dispute.clone()),
                None => (404, refusal("invalid_request_error", "resource_missing")),
            },
            "read refund" => (200, self.refunds[&id].clone()),
            "list refunds" => {
                let of = |refund: &&Value| refund["payment_intent"] == field("payment_intent");
                list(self.refunds.values().filter(of).cloned().collect())
            }
            "transfer" => {
                if field("destination") == "acct_closed" {
                    return (400, refusal("invalid_request_error", "account_invalid"));
                }
                let id = self.name("tr");
                let transfer = json!({
                    "id": id, "object": "transfer", "amount": amount, "currency": field("currency"),
                    "destination": field("destination"), "transfer_group": field("transfer_group"),
                    "metadata": metadata,
                });
                self.transfers.insert(id, transfer.clone());
                (200, transfer)
            }
            _ => {
                let of = |transfer: &&Value| transfer["transfer_group"] == field("transfer_group");
                list(self.transfers.values().filter(of).cloned().collect())
            }
        }
    }
}

/// What a refund gives back, unless it came to nothing.
pub fn value(refund: &Value) -> i64 {
    let is_alive = !["failed", "canceled"].contains(&refund["status"].as_str().unwrap());
    if is_alive { refund["amount"].as_i64().unwrap() } else { 0 }
}
