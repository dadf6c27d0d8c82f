//! Payments by Stripe, over HTTP: a look-alike that fails on demand, and localstripe where there is one.

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
use crate::scenes::text;
use fake::{Fake, value};

const SECRET: &str = "whsec_of_these_tests";

/// A marketplace whose payments go to the look-alike.
struct Scene {
    app: TestApp,
    fake: Fake,
    host: Person,
}

/// What Stripe would sign a body with.
fn signature(secret: &str, seconds: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    format!("t={seconds},v1={}", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// What a payment came to at Stripe: its intents, and what the guest is out of pocket.
#[derive(Debug, PartialEq)]
struct Books {
    statuses: Vec<String>,
    taken: i64,
    returned: i64,
}

impl Scene {
    async fn new() -> Scene {
        Scene::with(&[]).await
    }

    async fn with(more: &[&str]) -> Scene {
        let fake = Fake::start().await;
        let (url, key) = (format!("--stripe-url={}", fake.url), format!("--stripe-secret-key={}", fake::KEY));
        let secret = format!("--stripe-webhook-secret={SECRET}");
        let mut flags = vec![url.as_str(), key.as_str(), secret.as_str(), "--stripe-timeout-ms=20000"];
        flags.retain(|flag| !more.iter().any(|other| other.split('=').next() == flag.split('=').next()));
        flags.extend(more);
        let app = TestApp::with(&flags).await;
        let host = app.host().await;
        Scene { app, fake, host }
    }

    /// A guest, and a booking of two nights, 300 dollars, at a place of its own.
    async fn booked(&self, card: &str) -> (Person, Value) {
        let (guest, quote) = self.quoted(json!({})).await;
        let booking = self.app.pay(&guest, &quote, card).await;
        (guest, booking)
    }

    async fn quoted(&self, changes: Value) -> (Person, String) {
        let guest = self.app.guest().await;
        let listing = self.app.published_listing(&self.host, changes).await;
        let quote = self.app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
        (guest, quote)
    }

    /// Lets the queue try again until nothing is left to try.
    async fn settle(&self) {
        self.app.drain().await;
        for _ in 0..4 {
            self.app.advance(TimeDelta::seconds(31));
            self.app.drain().await;
        }
        assert_eq!(self.fake.faults_left(), 0, "a fault was never met");
    }

    /// The key of a booking's payment.
    async fn key(&self, who: &Person, booking: &Value) -> String {
        let query = "query($id: ID!) { booking(id: $id) { payment { id } } }";
        let data = self.app.gql(who, query, json!({ "id": booking["id"] })).await;
        text(&data, "/booking/payment/id")
    }

    /// Stripe's name for the only intent of a booking.
    async fn intent(&self, who: &Person, booking: &Value) -> String {
        let intents = self.fake.intents_of(&self.key(who, booking).await);
        assert_eq!(intents.len(), 1, "{intents:#?}");
        text(&intents[0], "/id")
    }

    /// What Stripe says of a booking's payment. An intent that was never confirmed never touched a card.
    async fn books(&self, who: &Person, booking: &Value) -> Books {
        let mut intents = self.fake.intents_of(&self.key(who, booking).await);
        intents.retain(|intent| intent["status"] != "requires_confirmation");
        let refunds =
            |intent: &Value| -> i64 { self.fake.refunds_of(intent["id"].as_str().unwrap()).iter().map(value).sum() };
        Books {
            statuses: intents.iter().map(|intent| text(intent, "/status")).collect(),
            taken: intents.iter().map(|intent| intent["amount_received"].as_i64().unwrap()).sum(),
            returned: intents.iter().map(refunds).sum(),
        }
    }

    /// Booking and payment stand there, and Stripe's books say the same: that one intent, once.
    async fn stands(&self, who: &Person, booking: &Value, states: [&str; 2], taken: i64, returned: i64) {
        let seen = self.app.booking(who, booking).await;
        assert_eq!([&seen["state"], &seen["payment"]["state"]], states, "{seen:#}");
        assert_eq!(seen["payment"]["captured"]["amount"], taken, "{seen:#}");
        let succeeded = |refund: &&Value| refund["state"] == "SUCCEEDED";
        let refunds = seen["payment"]["refunds"].as_array().unwrap().iter().filter(succeeded);
        let given: i64 = refunds.map(|refund| refund["amount"]["amount"].as_i64().unwrap()).sum();
        assert_eq!(given, returned, "{seen:#}");
        let status = match states[1] {
            "SUCCEEDED" => "succeeded",
            "CANCELLED" => "canceled",
            "REQUIRES_ACTION" => "requires_action",
            "REQUIRES_CAPTURE" => "requires_capture",
            _ => "requires_payment_method",
        };
        let books = Books { statuses: vec![status.into()], taken, returned };
        assert_eq!(self.books(who, booking).await, books);
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

    /// Something happens to an intent, and Stripe tells.
    async fn tells(&self, kind: &str, object: &Value) {
        let event = self.fake.event(kind, self.app.clock.now().timestamp(), object);
        let answer = self.deliver(&event).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    async fn finish(self) {
        assert_eq!(self.fake.faults_left(), 0, "a fault was never met");
        self.app.drain().await;
        let left = "provider_event WHERE handled_at IS NULL";
        assert_eq!(self.app.count(left, []).await, 0, "events were left unread");
        self.app.finish().await;
    }
}
