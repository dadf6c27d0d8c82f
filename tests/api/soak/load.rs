//! The load: guests and hosts who book, pay, alter, cancel and refund, and repeat requests without a response.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::process::{Slot, SoakClock, post};
use crate::client::{document_with, fresh_key};
use crate::harness::{Person, TestApp};
use crate::scenarios::text;

/// The state shared by the clients and the task that kills processes.
pub struct Soak {
    pub app: TestApp,
    pub slots: Vec<Slot>,
    pub clock: SoakClock,
    pub over: AtomicBool,
    /// Changes when a process has been restarted or the clock has moved.
    pub restarts: watch::Sender<u64>,
    pub listings: Vec<(String, Person)>,
    pub counters: Counters,
}

/// Counters of the run.
#[derive(Default)]
pub struct Counters {
    /// The responses received. The next kill waits for some.
    pub responses: watch::Sender<u64>,
    pub booked: AtomicU64,
    pub refused: AtomicU64,
    pub retries: AtomicU64,
    pub kills: AtomicU64,
    pub faults: AtomicU64,
}

pub fn increment(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed)
}

/// A pseudo-random generator, seeded differently for each client.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

impl Soak {
    /// Sends a request until a node responds, and returns the data. `None` if the run ends first.
    async fn query(&self, who: &Person, query: &str, variables: &Value, dice: &mut Dice) -> Option<Value> {
        let mut restarts = self.restarts.subscribe();
        for attempt in 0.. {
            if attempt > 0 {
                increment(&self.counters.retries);
                if attempt > 400 || self.over.load(Ordering::Relaxed) {
                    return None;
                }
                // A retry can succeed only after a restart or a change of the clock. `changed` cannot fail, because
                // `self` owns the sender.
                restarts.changed().await.ok()?;
            }
            restarts.mark_unchanged();
            let nodes: Vec<String> = self.slots.iter().filter_map(Slot::address).collect();
            let Some(node) = nodes.get(usize::try_from(dice.below(97)).ok()? % nodes.len().max(1)) else { continue };
            let now = self.clock.now();
            let token = self.app.keys.sign_access(who.user, who.session, now, now + TimeDelta::minutes(15))?;
            let body = json!({ "query": query, "variables": variables });
            let Some(mut response) = post(node, "/graphql", Some(&token), &body).await else { continue };
            if let Some(errors) = response.get("errors") {
                // The token expires if the clock is moved after it was signed.
                if !errors.to_string().contains("UNAUTHENTICATED") && !errors.to_string().contains("TOKEN_EXPIRED") {
                    println!("soak: {query}: {errors}");
                    increment(&self.counters.faults);
                }
                continue;
            }
            let is_running = response["data"].to_string().contains("IDEMPOTENCY_IN_PROGRESS");
            if !is_running {
                self.counters.responses.send_modify(|responses| *responses += 1);
                return Some(response["data"].take());
            }
        }
        None
    }

    /// Sends a mutation with a new key, repeated as often as necessary, and returns the payload.
    async fn mutate(
        &self,
        who: &Person,
        mutation: &str,
        given: Value,
        selection: &str,
        dice: &mut Dice,
    ) -> Option<Value> {
        let key = fresh_key();
        let query = document_with(mutation, &given, selection, Some(&key));
        let payload = self.query(who, &query, &given, dice).await?[mutation].take();
        if payload["userErrors"] != json!([]) {
            increment(&self.counters.refused);
        } else if dice.below(4) == 0 {
            let repeated = self.query(who, &query, &given, dice).await?[mutation].take();
            if mutation == "bookingCreate" && repeated["userErrors"] == json!([]) {
                assert_eq!(repeated["booking"]["id"], payload["booking"]["id"], "one key created two bookings");
            }
        }
        Some(payload)
    }
}

/// The results that a guest's client received.
#[derive(Default)]
pub struct ClientResults {
    pub bookings: Vec<String>,
    /// The number of booking attempts that ended without a response.
    pub unanswered: u64,
}

/// Acts as one guest and their hosts until the run is over.
pub async fn run_client(soak: Arc<Soak>, guest: Person, seed: u64) -> ClientResults {
    let (mut dice, mut results) = (Dice::new(seed), ClientResults::default());
    while !soak.over.load(Ordering::Relaxed) {
        let (listing, host) = &soak.listings[usize::try_from(dice.below(soak.listings.len() as u64)).unwrap()];
        if results.bookings.is_empty() || dice.below(3) == 0 {
            book(&soak, &guest, listing, &mut dice, &mut results).await;
        } else {
            let id = results.bookings[usize::try_from(dice.below(results.bookings.len() as u64)).unwrap()].clone();
            perform_action(&soak, &guest, host, &id, &mut dice).await;
        }
    }
    results
}

async fn book(soak: &Soak, guest: &Person, listing: &str, dice: &mut Dice, results: &mut ClientResults) {
    let day = soak.clock.now().date_naive() + TimeDelta::days(2 + i64::try_from(dice.below(40)).unwrap());
    let end = day + TimeDelta::days(1 + i64::try_from(dice.below(4)).unwrap());
    let given = json!({ "listingId": listing, "stay": { "checkIn": day, "checkOut": end, "adults": 2 } });
    let Some(quoted) = soak.mutate(guest, "quoteCreate", given, "quote { token }", dice).await else { return };
    let Some(token) = quoted["quote"]["token"].as_str() else { return };
    let card = ["ok", "ok", "ok", "ok", "declined", "3ds", "unknown"][usize::try_from(dice.below(7)).unwrap()];
    let given = json!({ "quoteToken": token, "booking": { "paymentMethodToken": card } });
    match soak.mutate(guest, "bookingCreate", given, "booking { id }", dice).await {
        None => results.unanswered += 1,
        Some(payload) if payload["userErrors"] == json!([]) => {
            increment(&soak.counters.booked);
            results.bookings.push(text(&payload, "/booking/id"));
        }
        Some(_) => {}
    }
}

/// Performs a random available action on a booking, as the guest or the host.
async fn perform_action(soak: &Soak, guest: &Person, host: &Person, id: &str, dice: &mut Dice) {
    let who = if dice.below(2) == 0 { guest } else { host };
    let query = "query($id: ID!) { booking(id: $id) { state availableActions stay { checkIn checkOut } \
        cancellationPreview { refund { amount currency } } alterations(first: 1) { nodes { id state availableActions } } } }";
    let Some(mut data) = soak.query(who, query, &json!({ "id": id }), dice).await else { return };
    let booking = data["booking"].take();
    let actions: Vec<&str> =
        booking["availableActions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let open = &booking["alterations"]["nodes"][0];
    if open["state"] == "PENDING" && dice.below(3) > 0 {
        let mutation = match &open["availableActions"][0] {
            accept if accept == "ACCEPT" => "bookingAlterationAccept",
            _ => "bookingAlterationWithdraw",
        };
        soak.mutate(who, mutation, json!({ "id": open["id"] }), "__typename", dice).await;
        return;
    }
    let Some(action) = actions.get(usize::try_from(dice.below(actions.len().max(1) as u64)).unwrap()) else { return };
    let (mutation, given) = match *action {
        "CONFIRM_PAYMENT" => ("bookingPaymentConfirm", json!({ "id": id })),
        "ACCEPT" => ("bookingAccept", json!({ "id": id })),
        "DECLINE" => ("bookingDecline", json!({ "id": id, "reason": "No." })),
        "WITHDRAW" => ("bookingWithdraw", json!({ "id": id })),
        "CHECK_IN" => ("bookingCheckIn", json!({ "id": id })),
        "CHECK_OUT" => ("bookingCheckOut", json!({ "id": id })),
        "REPORT_NO_SHOW" => ("bookingNoShowReport", json!({ "id": id })),
        "CANCEL" if dice.below(3) == 0 => {
            ("bookingCancel", json!({ "id": id, "expectedRefund": booking["cancellationPreview"]["refund"] }))
        }
        "CANCEL" => {
            let amount = json!({ "amount": 100 + dice.below(3_000), "currency": "USD" });
            ("bookingRefund", json!({ "id": id, "amount": amount, "reason": "Sorry." }))
        }
        "REQUEST_ALTERATION" => {
            let date = |path: &str| text(&booking, path).parse::<chrono::NaiveDate>().unwrap();
            let extra_nights = i64::try_from(dice.below(4)).unwrap() - 1;
            let (first, last) = (date("/stay/checkIn"), date("/stay/checkOut") + TimeDelta::days(extra_nights));
            let stay = json!({ "checkIn": first, "checkOut": last, "adults": 1 + dice.below(3) });
            ("bookingAlterationRequest", json!({ "id": id, "stay": stay }))
        }
        _ => return,
    };
    soak.mutate(who, mutation, given, "__typename", dice).await;
}
