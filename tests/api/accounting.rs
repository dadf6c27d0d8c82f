//! Shared steps of tests about money: ledgers, payouts, balances and alterations.

use serde_json::{Value, json};

use crate::client::Caller;
use crate::harness::{Person, TestApp};
use crate::scenarios::{BOOKING, merge, number, stay, text, usd};

/// The price of the first test vector, 724.58: 557.70 for the host, 102.30 of fees and 64.58 of taxes.
pub const Q1: i64 = 72_458;

/// A booking with its host, its guest, an admin and its listing.
pub struct BookedTrip {
    pub host: Person,
    pub guest: Person,
    pub staff: Person,
    pub listing: String,
    pub booking: Value,
}

/// The fields of an alteration that tests read.
pub const ALTERATION: &str = "alteration { id state isBeingPaid expiresAt priceDifference { amount } \
    stay { checkIn checkOut nights } guests { adults } price { total { amount } } \
    cancellationPolicy requestedBy { id } }";

/// A ledger in short form: the kind of each transaction, with the account and amount of each entry.
pub type Ledger = Vec<(String, Vec<(String, i64)>)>;

/// The expected ledger, for comparison with [`TestApp::ledger`].
pub fn ledger_of(transactions: &[(&str, &[(&str, i64)])]) -> Ledger {
    let entries = |entries: &[(&str, i64)]| entries.iter().map(|(name, minor)| ((*name).to_owned(), *minor)).collect();
    transactions.iter().map(|(kind, sides)| ((*kind).to_owned(), entries(sides))).collect()
}

impl TestApp {
    /// Creates the booking of the first test vector, from 4 to 8 March 2027 for 724.58. `changes` modify its listing.
    pub async fn first_vector(&self, changes: Value) -> BookedTrip {
        let (host, guest, staff) = (self.host().await, self.guest().await, self.admin().await);
        let listing = self.draft_listing(&host, changes).await;
        self.set_taxes(&listing).await;
        self.mutate_ok(&host, "listingPublish", json!({ "id": listing }), "__typename").await;
        let three = merge(stay("2027-03-04", "2027-03-08"), json!({ "adults": 3 }));
        let quote = self.quote_for(&guest, &listing, three).await;
        let booking = self.book_quote(&guest, &text(&quote, "/token"), "ok").await;
        assert_eq!(number(&booking, "/price/total/amount"), Q1);
        BookedTrip { host, guest, staff, listing, booking }
    }

    /// Creates a booking of two adults for 100.00 a night, without a cleaning fee, weekend prices or discounts.
    pub async fn plain_trip(&self, changes: Value, nights: (&str, &str)) -> BookedTrip {
        let (host, guest, staff) = (self.host().await, self.guest().await, self.admin().await);
        let plain =
            json!({ "pricing": { "base": usd(10_000), "weekend": null, "cleaningFee": null, "lengthOfStay": null } });
        let listing = self.published_listing(&host, merge(plain, changes)).await;
        let booking = self.book(&guest, &listing, nights.0, nights.1).await;
        BookedTrip { host, guest, staff, listing, booking }
    }

    /// The ledger of a booking as a user sees it. Panics if a transaction does not sum to zero.
    pub async fn ledger(&self, who: &Person, booking: &Value) -> Ledger {
        let query = "query($id: ID!) { booking(id: $id) { ledger { kind sum { amount } \
                     entries { account amount { amount } } } } }";
        let data = self.gql(who, query, json!({ "id": booking["id"] })).await;
        let transactions = data["booking"]["ledger"].as_array().expect("a list").iter();
        transactions
            .map(|transaction| {
                assert_eq!(transaction["sum"]["amount"], 0);
                let entries = transaction["entries"].as_array().expect("a list").iter();
                let entries = entries.map(|entry| (text(entry, "/account"), number(entry, "/amount/amount"))).collect();
                (text(transaction, "/kind"), entries)
            })
            .collect()
    }

    /// The payouts of a booking as a user sees them.
    pub async fn payouts(&self, who: &(impl Caller + ?Sized), booking: &Value) -> Vec<Value> {
        let query = "query($id: ID!) { booking(id: $id) { payouts { id state amount { amount } sent { amount } releaseAt \
                     paidAt failureReason installment installments } } }";
        let mut data = self.gql(who, query, json!({ "id": booking["id"] })).await;
        data["booking"]["payouts"].take().as_array().expect("a list").clone()
    }

    /// The state, the amount and the sent amount of each payout of a booking.
    pub async fn payout_summaries(&self, who: &Person, booking: &Value) -> Vec<(String, i64, Option<i64>)> {
        let payouts = self.payouts(who, booking).await;
        let short = |payout: &Value| {
            let sent = payout.pointer("/sent/amount").and_then(Value::as_i64);
            (text(payout, "/state"), number(payout, "/amount/amount"), sent)
        };
        payouts.iter().map(short).collect()
    }

    /// The viewer's balance by currency.
    pub async fn balance(&self, who: &Person) -> Value {
        let query = "{ viewer { balance { amount currency } } }";
        let data = self.gql(who, query, json!({})).await;
        let balances = data["viewer"]["balance"].as_array().expect("a list").iter();
        let by_currency = balances.map(|money| (text(money, "/currency"), money["amount"].clone()));
        Value::Object(by_currency.collect())
    }

    /// Refunds an amount outside the cancellation policy. Returns the payload, which may have user errors.
    pub async fn refund(&self, who: &Person, booking: &Value, minor: i64) -> Value {
        let amount = json!({ "amount": minor, "currency": "USD" });
        let given = json!({ "id": booking["id"], "amount": amount, "reason": "The heating." });
        self.mutate(who, "bookingRefund", given, &format!("{BOOKING} refund {{ amount {{ amount }} state note }}"))
            .await
    }

    /// Requests an alteration. Returns the payload, which may have user errors.
    pub async fn request_alteration(&self, who: &Person, booking: &Value, stay: Value) -> Value {
        let given = json!({ "id": booking["id"], "stay": stay });
        self.mutate(who, "bookingAlterationRequest", given, ALTERATION).await
    }

    /// Requests an alteration, which must succeed, and returns it.
    pub async fn request_alteration_ok(&self, who: &Person, booking: &Value, stay: Value) -> Value {
        let mut payload = self.request_alteration(who, booking, stay).await;
        assert_eq!(payload["userErrors"], json!([]));
        payload["alteration"].take()
    }

    /// Answers an alteration: accepts it, or else declines it or, if it is the person's own, withdraws it. Returns the payload, which may have user errors.
    pub async fn respond(&self, who: &Person, change: &Value, accept: bool, card: Option<&str>) -> Value {
        let mutation = match accept {
            true => "bookingAlterationAccept",
            false if change["requestedBy"]["id"] == who.id() => "bookingAlterationWithdraw",
            false => "bookingAlterationDecline",
        };
        let given = json!({ "id": change["id"] });
        let given = if let Some(card) = card { merge(given, json!({ "paymentMethodToken": card })) } else { given };
        self.mutate(who, mutation, given, &format!("{BOOKING} {ALTERATION}")).await
    }

    /// Answers an alteration, which must succeed. Returns the payload.
    pub async fn respond_ok(&self, who: &Person, change: &Value, accept: bool, card: Option<&str>) -> Value {
        let payload = self.respond(who, change, accept, card).await;
        assert_eq!(payload["userErrors"], json!([]));
        payload
    }

    /// The latest alteration of a booking.
    pub async fn last_alteration(&self, who: &Person, booking: &Value) -> Value {
        let fields = ALTERATION.trim_start_matches("alteration ");
        let query = format!("query($id: ID!) {{ booking(id: $id) {{ alterations(first: 1) {{ nodes {fields} }} }} }}");
        self.gql(who, &query, json!({ "id": booking["id"] })).await["booking"]["alterations"]["nodes"][0].take()
    }

    /// The states of a listing's nights in `[from, to)`, as an anonymous client sees them.
    pub async fn nights(&self, listing: &str, from: &str, to: &str) -> Vec<String> {
        let query = "query($id: ID!, $from: Date!, $to: Date!) { listing(id: $id) { calendar(from: $from, to: \
                     $to) { state } } }";
        let given = json!({ "id": listing, "from": from, "to": to });
        let data = self.gql(&crate::client::Anonymous, query, given).await;
        data["listing"]["calendar"].as_array().expect("a list").iter().map(|day| text(day, "/state")).collect()
    }

    /// Switches the sandbox processor off or on. While it is off, requests about payments fail.
    pub async fn set_processor_available(&self, is_available: bool) {
        let (from, to) =
            if is_available { ("sandbox_away", "sandbox_intent") } else { ("sandbox_intent", "sandbox_away") };
        self.execute(&format!("ALTER TABLE {from} RENAME TO {to}"), []).await;
    }
}
