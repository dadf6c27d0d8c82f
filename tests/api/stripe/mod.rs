//! Payments through Stripe over HTTP: against a fake server that fails on demand, and against localstripe if available.

mod disputes;
mod events;
mod fake;
mod faults;
mod localstripe;

use axum::body::Body;
use axum::http::Request;
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::client::Answer;
use crate::harness::{Person, TestApp};
use crate::scenarios::text;
use fake::{FakeStripe, refunded_amount};

const SECRET: &str = "whsec_of_these_tests";

/// A marketplace whose payments go to the fake Stripe server.
struct Marketplace {
    app: TestApp,
    fake: FakeStripe,
    host: Person,
}

/// The signature header that Stripe sends with a body.
fn signature(secret: &str, seconds: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    format!("t={seconds},v1={}", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// A payment as Stripe has recorded it: the statuses of its intents, and the captured and refunded amounts.
#[derive(Debug, PartialEq)]
struct StripePayment {
    statuses: Vec<String>,
    captured: i64,
    refunded: i64,
}

impl Marketplace {
    async fn new() -> Marketplace {
        Marketplace::with(&[]).await
    }

    async fn with(extra: &[&str]) -> Marketplace {
        let fake = FakeStripe::start().await;
        let (url, key) = (format!("--stripe-url={}", fake.url), format!("--stripe-secret-key={}", fake::KEY));
        let secret = format!("--stripe-webhook-secret={SECRET}");
        let mut flags = vec![url.as_str(), key.as_str(), secret.as_str(), "--stripe-timeout-ms=20000"];
        flags.retain(|flag| !extra.iter().any(|other| other.split('=').next() == flag.split('=').next()));
        flags.extend(extra);
        let app = TestApp::with(&flags).await;
        let host = app.host().await;
        Marketplace { app, fake, host }
    }

    /// A guest, and their booking of two nights for 300 dollars at a new listing.
    async fn guest_with_booking(&self, card: &str) -> (Person, Value) {
        let (guest, quote) = self.guest_with_quote(json!({})).await;
        let booking = self.app.book_quote(&guest, &quote, card).await;
        (guest, booking)
    }

    /// A guest, and a quote for two nights at a new listing.
    async fn guest_with_quote(&self, changes: Value) -> (Person, String) {
        let guest = self.app.guest().await;
        let listing = self.app.published_listing(&self.host, changes).await;
        let quote = self.app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
        (guest, quote)
    }

    /// Runs the due jobs and their retries.
    async fn run_retries(&self) {
        self.app.drain().await;
        for _ in 0..4 {
            self.app.advance(TimeDelta::seconds(31));
            self.app.drain().await;
        }
        assert_eq!(self.fake.unused_faults(), 0, "every injected fault was used");
    }

    /// The ID of a booking's payment, which is the key of its intents.
    async fn payment_id(&self, who: &Person, booking: &Value) -> String {
        let query = "query($id: ID!) { booking(id: $id) { payment { id } } }";
        let data = self.app.gql(who, query, json!({ "id": booking["id"] })).await;
        text(&data, "/booking/payment/id")
    }

    /// Stripe's ID of the only intent of a booking.
    async fn intent_id(&self, who: &Person, booking: &Value) -> String {
        let intents = self.fake.intents_with_key(&self.payment_id(who, booking).await);
        assert_eq!(intents.len(), 1, "{intents:#?}");
        text(&intents[0], "/id")
    }

    /// A booking's payment as Stripe has recorded it, without intents that were never confirmed.
    async fn stripe_payment(&self, who: &Person, booking: &Value) -> StripePayment {
        let mut intents = self.fake.intents_with_key(&self.payment_id(who, booking).await);
        intents.retain(|intent| intent["status"] != "requires_confirmation");
        let refunded = |intent: &Value| -> i64 {
            self.fake.refunds_of(intent["id"].as_str().unwrap()).iter().map(refunded_amount).sum()
        };
        StripePayment {
            statuses: intents.iter().map(|intent| text(intent, "/status")).collect(),
            captured: intents.iter().map(|intent| intent["amount_received"].as_i64().unwrap()).sum(),
            refunded: intents.iter().map(refunded).sum(),
        }
    }

    /// Asserts the states of the booking and its payment, and that Stripe has one intent with the same amounts.
    async fn assert_payment(&self, who: &Person, booking: &Value, states: [&str; 2], captured: i64, refunded: i64) {
        let seen = self.app.booking(who, booking).await;
        assert_eq!([&seen["state"], &seen["payment"]["state"]], states, "{seen:#}");
        assert_eq!(seen["payment"]["captured"]["amount"], captured, "{seen:#}");
        let succeeded = |refund: &&Value| refund["state"] == "SUCCEEDED";
        let refunds = seen["payment"]["refunds"].as_array().unwrap().iter().filter(succeeded);
        let total: i64 = refunds.map(|refund| refund["amount"]["amount"].as_i64().unwrap()).sum();
        assert_eq!(total, refunded, "{seen:#}");
        let status = match states[1] {
            "SUCCEEDED" => "succeeded",
            "CANCELLED" => "canceled",
            "REQUIRES_ACTION" => "requires_action",
            "REQUIRES_CAPTURE" => "requires_capture",
            _ => "requires_payment_method",
        };
        let expected = StripePayment { statuses: vec![status.into()], captured, refunded };
        assert_eq!(self.stripe_payment(who, booking).await, expected);
    }

    /// Sends an event as Stripe does.
    async fn deliver(&self, event: &Value) -> Answer {
        let body = event.to_string();
        let header = signature(SECRET, self.app.clock.now().timestamp(), body.as_bytes());
        self.deliver_as(&header, body).await
    }

    async fn deliver_as(&self, signature: &str, body: String) -> Answer {
        let request = Request::post("/webhooks/stripe").header("stripe-signature", signature);
        self.app.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Sends an event about an object, which must be accepted.
    async fn send_event(&self, kind: &str, object: &Value) {
        let event = self.fake.event(kind, self.app.clock.now().timestamp(), object);
        let answer = self.deliver(&event).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    async fn finish(self) {
        assert_eq!(self.fake.unused_faults(), 0, "every injected fault was used");
        self.app.drain().await;
        let left = "provider_event WHERE handled_at IS NULL";
        assert_eq!(self.app.count(left, []).await, 0, "every event was handled");
        self.app.finish().await;
    }
}
