//! Payments through localstripe, an independent Stripe server. `ROOST_TEST_LOCALSTRIPE_URL` is its address.
//!
//! localstripe supports the calls and cards used here, and signs its events. It supports neither idempotency keys nor
//! transfers, and sends no events about refunds, so the fake server tests those.

use std::time::Duration;

use chrono::{Days, TimeDelta};
use roost::platform::clock::Clock;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::SECRET;
use crate::harness::{Person, TestApp};
use crate::scenarios::{number, text};
use crate::waiting::wait_until;

const KEY: &str = "sk_test_of_localstripe";

/// A marketplace, served over HTTP, whose payments go to localstripe.
struct Local {
    app: TestApp,
    client: reqwest::Client,
    url: String,
    host: Person,
    stop: CancellationToken,
}

impl Local {
    /// `None` if no localstripe is configured.
    async fn new() -> Option<Local> {
        let Some(url) = std::env::var("ROOST_TEST_LOCALSTRIPE_URL").ok().filter(|url| !url.is_empty()) else {
            println!("skipped: ROOST_TEST_LOCALSTRIPE_URL is not set (tests/run sets it)");
            return None;
        };
        let url = url.trim_end_matches('/').to_owned();
        let flags = [
            format!("--stripe-url={url}"),
            format!("--stripe-secret-key={KEY}"),
            format!("--stripe-webhook-secret={SECRET}"),
        ];
        let app = TestApp::with(&flags.each_ref().map(String::as_str)).await;
        // localstripe dates its events by the real clock.
        app.clock.set(Clock::system().now());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hook = format!("http://{}/webhooks/stripe", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(roost::server::serve(app.app.clone(), listener, stop.clone()));
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let host = app.host().await;
        let local = Local { app, client, url, host, stop };
        let name = local.app.clock.new_id();
        let answer = local.client.post(format!("{}/_config/webhooks/{name}", local.url));
        let answer = answer.form(&[("url", hook.as_str()), ("secret", SECRET)]).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Some(local)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Value {
        let answer = request.bearer_auth(KEY).send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        self.send(self.client.get(format!("{}/v1/{path}", self.url))).await
    }

    /// The only intent of a booking.
    async fn intent(&self, who: &Person, booking: &Value) -> Value {
        let query = "query($id: ID!) { booking(id: $id) { payment { id } } }";
        let data = self.app.gql(who, query, json!({ "id": booking["id"] })).await;
        let mut intents = self.get("payment_intents?limit=100").await["data"].take();
        let intents = intents.as_array_mut().unwrap();
        intents.retain(|intent| intent["metadata"]["roost_key"] == data["booking"]["payment"]["id"]);
        assert_eq!(intents.len(), 1, "{intents:#?}");
        intents.remove(0)
    }

    /// Creates a payment method for a card number, and returns its ID.
    async fn card(&self, digits: &str) -> String {
        let request = self.client.post(format!("{}/v1/payment_methods", self.url)).form(&[
            ("type", "card"),
            ("card[number]", digits),
            ("card[exp_month]", "12"),
            ("card[exp_year]", "2045"),
            ("card[cvc]", "123"),
        ]);
        text(&self.send(request).await, "/id")
    }

    /// Completes 3-D Secure as the guest.
    async fn authenticate(&self, intent: &Value, success: &str) {
        let path = format!("{}/v1/payment_intents/{}/_authenticate", self.url, text(intent, "/id"));
        let form = [("client_secret", text(intent, "/client_secret")), ("success", success.to_owned())];
        self.send(self.client.post(path).form(&form)).await;
    }

    async fn guest_with_quote(&self, changes: Value) -> (Person, String) {
        let guest = self.app.guest().await;
        let listing = self.app.published_listing(&self.host, changes).await;
        let first = self.app.clock.now().date_naive() + Days::new(40);
        let (first, last) = (first.to_string(), (first + Days::new(2)).to_string());
        let quote = self.app.quote(&guest, &listing, &first, &last).await;
        (guest, quote)
    }

    async fn finish(self) {
        self.stop.cancel();
        self.app.finish().await;
    }
}

#[tokio::test]
async fn a_stay_is_paid_reported_by_events_and_refunded() {
    let Some(local) = Local::new().await else { return };
    let (guest, quote) = local.guest_with_quote(json!({})).await;
    let booking = local.app.book_quote(&guest, &quote, "pm_card_visa").await;
    let total = number(&booking, "/price/total/amount");
    assert_eq!((&booking["state"], &booking["payment"]["state"]), (&json!("CONFIRMED"), &json!("SUCCEEDED")));
    assert_eq!(number(&booking, "/payment/captured/amount"), total);
    let intent = local.intent(&guest, &booking).await;
    assert_eq!((&intent["status"], &intent["amount"]), (&json!("succeeded"), &json!(total)));

    // localstripe sends a signed event over HTTP a second later.
    let events = format!("provider_event WHERE reference = '{}'", text(&intent, "/id"));
    wait_until("localstripe has sent an event about the payment", async || local.app.count(&events, []).await > 0)
        .await;
    assert_eq!(local.app.count(&events, []).await, 1);
    local.app.drain().await;
    assert_eq!(local.app.count("provider_event WHERE handled_at IS NULL", []).await, 0);
    assert_eq!(local.app.booking(&guest, &booking).await["payment"], booking["payment"]);

    let cancelled = local.app.cancel(&guest, &booking).await;
    assert_eq!(cancelled["refund"]["state"], "SUCCEEDED");
    let refunds = local.get(&format!("refunds?payment_intent={}", text(&intent, "/id"))).await;
    let amounts: Vec<i64> = refunds["data"].as_array().unwrap().iter().map(|it| number(it, "/amount")).collect();
    assert_eq!(amounts, [number(&cancelled, "/refund/amount/amount")]);
    assert_eq!(amounts, [total]);
    local.finish().await;
}

#[tokio::test]
async fn a_card_with_3d_secure_pays_after_authentication() {
    let Some(local) = Local::new().await else { return };
    let card = local.card("4000002500003155").await;
    for (success, by_queue) in [("true", false), ("true", true), ("false", false)] {
        let (guest, quote) = local.guest_with_quote(json!({})).await;
        let booking = local.app.book_quote(&guest, &quote, &card).await;
        let intent = local.intent(&guest, &booking).await;
        assert_eq!(booking["payment"]["state"], "REQUIRES_ACTION");
        assert_eq!(booking["payment"]["clientSecret"], intent["client_secret"]);
        local.authenticate(&intent, success).await;
        let given = json!({ "id": booking["id"] });
        if success == "false" {
            let errors = local.app.errors(&guest, "bookingPaymentConfirm", given).await;
            assert_eq!(errors, ["PAYMENT_DECLINED id"]);
            continue;
        }
        if by_queue {
            local.app.advance(TimeDelta::seconds(31));
            local.app.drain().await;
        } else {
            local.app.perform(&guest, "bookingPaymentConfirm", &booking).await;
        }
        assert_eq!(local.app.booking(&guest, &booking).await["state"], "CONFIRMED");
        assert_eq!(local.intent(&guest, &booking).await["status"], "succeeded");
    }
    local.finish().await;
}

#[tokio::test]
async fn declined_cards_and_closed_requests_leave_no_charge() {
    let Some(local) = Local::new().await else { return };
    let (guest, quote) = local.guest_with_quote(json!({ "bookingMode": "REQUEST" })).await;
    for card in ["pm_card_chargeCustomerFail", "pm_nobody_knows"] {
        let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": card } });
        let errors = local.app.errors(&guest, "bookingCreate", given).await;
        assert_eq!(errors, ["PAYMENT_DECLINED booking.paymentMethodToken"], "{card}");
    }
    let booking = local.app.book_quote(&guest, &quote, "pm_card_visa").await;
    assert_eq!(local.intent(&guest, &booking).await["status"], "requires_capture");
    local.app.perform(&guest, "bookingWithdraw", &booking).await;
    assert_eq!(local.intent(&guest, &booking).await["status"], "canceled");
    local.finish().await;
}
