//! What stories about money look at: the ledger, payouts, balances and changes of a stay.

use serde_json::{Value, json};

use crate::client::Who;
use crate::harness::{Person, TestApp};
use crate::scenes::{BOOKING, merged, number, stay, text};

/// The shares of the first vector: 557.70 for the host, 102.30 of fees, 64.58 of taxes.
pub const Q1: i64 = 72_458;

/// A booking with its two sides.
pub struct Trip {
    pub host: Person,
    pub guest: Person,
    pub staff: Person,
    pub listing: String,
    pub booking: Value,
}

/// The fields of a change that stories look at.
pub const CHANGE: &str = "alteration { id state isBeingPaid expiresAt priceDifference { amount } \
    stay { checkIn checkOut nights } guests { adults } quote { token } requestedBy { id } }";

/// The key in which the ledger of a booking is told: kind, and each entry's account and amount.
pub type Told = Vec<(String, Vec<(String, i64)>)>;

/// What a ledger should say.
pub fn told(transactions: &[(&str, &[(&str, i64)])]) -> Told {
    let entries = |entries: &[(&str, i64)]| entries.iter().map(|(name, minor)| ((*name).to_owned(), *minor)).collect();
    transactions.iter().map(|(kind, sides)| ((*kind).to_owned(), entries(sides))).collect()
}

impl TestApp {
    /// The booking of the first vector, 4 to 8 March 2027 for 724.58, with a listing of these changes.
    pub async fn first_vector(&self, changes: Value) -> Trip {
        let (host, guest, staff) = (self.host().await, self.guest().await, self.admin().await);
        let listing = self.draft(&host, changes).await;
        self.tax(&listing).await;
        self.must(&host, "listingPublish", json!({ "id": listing }), "__typename").await;
        let three = merged(stay("2027-03-04", "2027-03-08"), json!({ "adults": 3 }));
        let quote = self.quote_for(&guest, &listing, three).await;
        let booking = self.pay(&guest, &text(&quote, "/token"), "ok").await;
        assert_eq!(number(&booking, "/price/total/amount"), Q1);
        Trip { host, guest, staff, listing, booking }
    }

    /// A booking at a place without cleaning, weekends or discounts: 100.00 a night for two.
    pub async fn plain_trip(&self, changes: Value, nights: (&str, &str)) -> Trip {
        let (host, guest, staff) = (self.host().await, self.guest().await, self.admin().await);
        let plain =
            json!({ "pricing": { "base": 10_000, "weekend": null, "cleaningFee": null, "lengthOfStay": null } });
        let listing = self.published_listing(&host, merged(plain, changes)).await;
        let booking = self.book(&guest, &listing, nights.0, nights.1).await;
        Trip { host, guest, staff, listing, booking }
    }

    /// What staff read in the ledger of a booking. Every transaction sums to zero.
    pub async fn ledger(&self, who: &Person, booking: &Value) -> Told {
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

    /// The payouts of a booking as somebody sees them.
    pub async fn payouts(&self, who: &(impl Who + ?Sized), booking: &Value) -> Vec<Value> {
        let query = "query($id: ID!) { booking(id: $id) { payouts { id state amount { amount } sent { amount } releaseAt \
                     paidAt failureReason installment installments } } }";
        let mut data = self.gql(who, query, json!({ "id": booking["id"] })).await;
        data["booking"]["payouts"].take().as_array().expect("a list").clone()
    }

    /// State, amount and what was sent of each payout of a booking, shortly.
    pub async fn paid(&self, who: &Person, booking: &Value) -> Vec<(String, i64, Option<i64>)> {
        let payouts = self.payouts(who, booking).await;
        let short = |payout: &Value| {
            let sent = payout.pointer("/sent/amount").and_then(Value::as_i64);
            (text(payout, "/state"), number(payout, "/amount/amount"), sent)
        };
        payouts.iter().map(short).collect()
    }

    /// What the viewer is owed, by currency.
    pub async fn balance(&self, who: &Person) -> Value {
        let query = "{ viewer { balance { amount currency } } }";
        let data = self.gql(who, query, json!({})).await;
        let balances = data["viewer"]["balance"].as_array().expect("a list").iter();
        let by_currency = balances.map(|money| (text(money, "/currency"), money["amount"].clone()));
        Value::Object(by_currency.collect())
    }

    /// A refund beside the policy; the payload, whatever comes of it.
    pub async fn give_back(&self, who: &Person, booking: &Value, minor: i64) -> Value {
        let amount = json!({ "amount": minor, "currency": "USD" });
        let given = json!({ "id": booking["id"], "amount": amount, "reason": "The heating." });
        self.mutate(who, "bookingRefund", given, &format!("{BOOKING} refund {{ amount {{ amount }} state reason }}"))
            .await
    }

    /// A change that one side asks for; the payload, whatever comes of it.
    pub async fn ask(&self, who: &Person, booking: &Value, stay: Value) -> Value {
        let given = json!({ "id": booking["id"], "stay": stay });
        self.mutate(who, "bookingAlterationRequest", given, CHANGE).await
    }

    /// A change that was asked for.
    pub async fn asked(&self, who: &Person, booking: &Value, stay: Value) -> Value {
        let mut payload = self.ask(who, booking, stay).await;
        assert_eq!(payload["userErrors"], json!([]));
        payload["alteration"].take()
    }

    /// An answer to a change; the payload, whatever comes of it.
    pub async fn answer(&self, who: &Person, change: &Value, accept: bool, card: Option<&str>) -> Value {
        let given = json!({ "id": change["id"], "accept": accept });
        let given = if let Some(card) = card { merged(given, json!({ "paymentMethodToken": card })) } else { given };
        self.mutate(who, "bookingAlterationRespond", given, &format!("{BOOKING} {CHANGE}")).await
    }

    /// An answer that is taken.
    pub async fn answered(&self, who: &Person, change: &Value, accept: bool, card: Option<&str>) -> Value {
        let payload = self.answer(who, change, accept, card).await;
        assert_eq!(payload["userErrors"], json!([]));
        payload
    }

    /// The last change of a booking.
    pub async fn change(&self, who: &Person, booking: &Value) -> Value {
        let fields = CHANGE.trim_start_matches("alteration ");
        let query = format!("query($id: ID!) {{ booking(id: $id) {{ alterations(first: 1) {{ nodes {fields} }} }} }}");
        self.gql(who, &query, json!({ "id": booking["id"] })).await["booking"]["alterations"]["nodes"][0].take()
    }

    /// The states of a listing's nights in `[from, to)`, as the host sees them.
    pub async fn nights(&self, listing: &str, from: &str, to: &str) -> Vec<String> {
        let query = "query($id: ID!, $from: Date!, $to: Date!) { listing(id: $id) { calendar(from: $from, to: \
                     $to) { state } } }";
        let given = json!({ "id": listing, "from": from, "to": to });
        let data = self.gql(&crate::client::Nobody, query, given).await;
        data["listing"]["calendar"].as_array().expect("a list").iter().map(|day| text(day, "/state")).collect()
    }

    /// The processor answers nobody, until it is back.
    pub async fn processor_is(&self, there: bool) {
        let (from, to) = if there { ("sandbox_away", "sandbox_intent") } else { ("sandbox_intent", "sandbox_away") };
        self.execute(&format!("ALTER TABLE {from} RENAME TO {to}"), []).await;
    }
}
