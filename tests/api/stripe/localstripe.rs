//! The same against localstripe, which others wrote: it runs when `ROOST_TEST_LOCALSTRIPE_URL` says where one listens.
//!
//! localstripe knows the calls and cards that are used here and signs its events. It knows neither idempotency keys
//! nor transfers, and tells nothing of refunds, so those are left to the look-alike.

use std::time::Duration;

use chrono::{Days, TimeDelta};
use roost::platform::clock::Clock;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::SECRET;
use crate::harness::{Person, TestApp};
use crate::node::until;
use crate::scenes::{number, text};

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
    /// Nothing where there is no localstripe.
    async fn new() -> Option<Local> {
        let Some(url) = std::env::var("ROOST_TEST_LOCALSTRIPE_URL").ok().filter(|url| !url.is_empty()) else {
            println!("ROOST_TEST_LOCALSTRIPE_URL is not set: this test has tried nothing. tests/run sets it.");
            return None;
        };
        let url = url.trim_end_matches('/').to_owned();
        let flags = [
            format!("--stripe-url={url}"),
            format!("--stripe-secret-key={KEY}"),
            format!("--stripe-webhook-secret={SECRET}"),
        ];
        let app = TestApp::with(&flags.each_ref().map(String::as_str)).await;
        // Events are dated by the real clock.
        app.clock.set(Clock::system().now());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hook = format!("http://{}/webhooks/stripe", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(roost::server::serve(app.app.clone(), listener, stop.clone()));
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let host = app.host().await;
        let local = Local { app, client, url, host, stop };
        let name = local.app.clock.id();
        let answer = local.client.post(format!("{}/_config/webhooks/{name}", local.url));
        let answer = answer.form(&[("url", hook.as_str()), ("secret", SECRET)]).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Some(local)
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Value {
        let answer = request.bearer_auth(KEY).send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(self.client.get(format!("{}/v1/{path}", self.url))).await
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

    /// Localstripe's name for a card with this number.
    async fn card(&self, digits: &str) -> String {
        let request = self.client.post(format!("{}/v1/payment_methods", self.url)).form(&[
            ("type", "card"),
            ("card[number]", digits),
            ("card[exp_month]", "12"),
            ("card[exp_year]", "2045"),
            ("card[cvc]", "123"),
        ]);
        text(&self.ask(request).await, "/id")
    }

    /// The guest answers the bank's question.
    async fn authenticate(&self, intent: &Value, success: &str) {
        let path = format!("{}/v1/payment_intents/{}/_authenticate", self.url, text(intent, "/id"));
        let form = [("client_secret", text(intent, "/client_secret")), ("success", success.to_owned())];
        self.ask(self.client.post(path).form(&form)).await;
    }

    async fn quoted(&self, changes: Value) -> (Person, String) {
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
async fn a_stay_is_paid_for_told_about_and_given_back() {
    let Some(local) = Local::new().await else { return };
    let (guest, quote) = local.quoted(json!({})).await;
    let booking = local.app.pay(&guest, &quote, "pm_card_visa").await;
    let total = number(&booking, "/price/total/amount");
    assert_eq!((&booking["state"], &booking["payment"]["state"]), (&json!("CONFIRMED"), &json!("SUCCEEDED")));
    assert_eq!(number(&booking, "/payment/captured/amount"), total);
    let intent = local.intent(&guest, &booking).await;
    assert_eq!((&intent["status"], &intent["amount"]), (&json!("succeeded"), &json!(total)));

    // localstripe tells a second later, over HTTP, signed.
    let events = format!("provider_event WHERE reference = '{}'", text(&intent, "/id"));
    until("localstripe has told of the payment", async || local.app.count(&events, []).await > 0).await;
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
async fn a_card_whose_bank_asks_is_paid_with_after_the_answer() {
    let Some(local) = Local::new().await else { return };
    let card = local.card("4000002500003155").await;
    for (success, by_itself) in [("true", false), ("true", true), ("false", false)] {
        let (guest, quote) = local.quoted(json!({})).await;
        let booking = local.app.pay(&guest, &quote, &card).await;
        let intent = local.intent(&guest, &booking).await;
        assert_eq!(booking["payment"]["state"], "REQUIRES_ACTION");
        assert_eq!(booking["payment"]["clientSecret"], intent["client_secret"]);
        local.authenticate(&intent, success).await;
        let given = json!({ "id": booking["id"] });
        if success == "false" {
            let said = local.app.said(&guest, "bookingPaymentConfirm", given).await;
            assert_eq!(said, ["PAYMENT_DECLINED id"]);
            continue;
        }
        if by_itself {
            local.app.advance(TimeDelta::seconds(31));
            local.app.drain().await;
        } else {
            local.app.step(&guest, "bookingPaymentConfirm", &booking).await;
        }
        assert_eq!(local.app.booking(&guest, &booking).await["state"], "CONFIRMED");
        assert_eq!(local.intent(&guest, &booking).await["status"], "succeeded");
    }
    local.finish().await;
}

#[tokio::test]
async fn cards_that_do_not_work_and_requests_that_come_to_nothing_leave_no_charge() {
    let Some(local) = Local::new().await else { return };
    let (guest, quote) = local.quoted(json!({ "bookingMode": "REQUEST" })).await;
    for card in ["pm_card_chargeCustomerFail", "pm_nobody_knows"] {
        let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": card } });
        let said = local.app.said(&guest, "bookingCreate", given).await;
        assert_eq!(said, ["PAYMENT_DECLINED booking.paymentMethodToken"], "{card}");
    }
    let booking = local.app.pay(&guest, &quote, "pm_card_visa").await;
    assert_eq!(local.intent(&guest, &booking).await["status"], "requires_capture");
    local.app.step(&guest, "bookingWithdraw", &booking).await;
    assert_eq!(local.intent(&guest, &booking).await["status"], "canceled");
    local.finish().await;
}
