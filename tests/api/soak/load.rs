//! The load: guests and hosts who book, pay, change, cancel and give back, and who ask again when nobody answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::process::{Hour, Slot, post};
use crate::client::{document_with, fresh_key};
use crate::harness::{Person, TestApp};
use crate::scenes::text;

/// What all clients and the one who kills share.
pub struct Stage {
    pub app: TestApp,
    pub slots: Vec<Slot>,
    pub hour: Hour,
    pub over: AtomicBool,
    /// Changes when a process has been started again or time has been moved on.
    pub restarts: watch::Sender<u64>,
    pub listings: Vec<(String, Person)>,
    pub figures: Figures,
}

/// What happened, counted.
#[derive(Default)]
pub struct Figures {
    /// What clients heard, which the one who kills waits for.
    pub answers: watch::Sender<u64>,
    pub booked: AtomicU64,
    pub refused: AtomicU64,
    pub retries: AtomicU64,
    pub kills: AtomicU64,
    pub faults: AtomicU64,
}

pub fn count(figure: &AtomicU64) -> u64 {
    figure.fetch_add(1, Ordering::Relaxed)
}

/// Numbers that need not be good, only different for each client.
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

impl Stage {
    /// The data of a request, asked for until a node answers; nothing when the soak is over before one does.
    async fn ask(&self, who: &Person, query: &str, variables: &Value, dice: &mut Dice) -> Option<Value> {
        let mut restarts = self.restarts.subscribe();
        for attempt in 0.. {
            if attempt > 0 {
                count(&self.figures.retries);
                if attempt > 400 || self.over.load(Ordering::Relaxed) {
                    return None;
                }
                // Nothing but a start and a later hour make a difference. The sender is a part of the stage.
                restarts.changed().await.ok()?;
            }
            restarts.mark_unchanged();
            let nodes: Vec<String> = self.slots.iter().filter_map(Slot::address).collect();
            let Some(node) = nodes.get(usize::try_from(dice.below(97)).ok()? % nodes.len().max(1)) else { continue };
            let now = self.hour.now();
            let token = self.app.keys.sign_access(who.user, who.session, now, now + TimeDelta::minutes(15))?;
            let body = json!({ "query": query, "variables": variables });
            let Some(mut answer) = post(node, "/graphql", Some(&token), &body).await else { continue };
            if let Some(errors) = answer.get("errors") {
                // A clock that was moved on meanwhile has made the token old.
                if !errors.to_string().contains("UNAUTHENTICATED") && !errors.to_string().contains("TOKEN_EXPIRED") {
                    println!("soak: {query}: {errors}");
                    count(&self.figures.faults);
                }
                continue;
            }
            let is_running = answer["data"].to_string().contains("IDEMPOTENCY_IN_PROGRESS");
            if !is_running {
                self.figures.answers.send_modify(|answers| *answers += 1);
                return Some(answer["data"].take());
            }
        }
        None
    }

    /// The payload of a mutation with a key of its own, however often it has to be sent.
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
        let payload = self.ask(who, &query, &given, dice).await?[mutation].take();
        if payload["userErrors"] != json!([]) {
            count(&self.figures.refused);
        } else if dice.below(4) == 0 {
            let again = self.ask(who, &query, &given, dice).await?[mutation].take();
            if mutation == "bookingCreate" && again["userErrors"] == json!([]) {
                assert_eq!(again["booking"]["id"], payload["booking"]["id"], "one key has made two bookings");
            }
        }
        Some(payload)
    }
}

/// What a guest was told of their bookings.
#[derive(Default)]
pub struct Told {
    pub bookings: Vec<String>,
    /// How many attempts ended without an answer.
    pub unanswered: u64,
}

/// One guest at work until the soak is over.
pub async fn client(stage: Arc<Stage>, guest: Person, seed: u64) -> Told {
    let (mut dice, mut told) = (Dice::new(seed), Told::default());
    while !stage.over.load(Ordering::Relaxed) {
        let (listing, host) = &stage.listings[usize::try_from(dice.below(stage.listings.len() as u64)).unwrap()];
        if told.bookings.is_empty() || dice.below(3) == 0 {
            book(&stage, &guest, listing, &mut dice, &mut told).await;
        } else {
            let id = told.bookings[usize::try_from(dice.below(told.bookings.len() as u64)).unwrap()].clone();
            visit(&stage, &guest, host, &id, &mut dice).await;
        }
    }
    told
}

async fn book(stage: &Stage, guest: &Person, listing: &str, dice: &mut Dice, told: &mut Told) {
    let day = stage.hour.now().date_naive() + TimeDelta::days(2 + i64::try_from(dice.below(40)).unwrap());
    let end = day + TimeDelta::days(1 + i64::try_from(dice.below(4)).unwrap());
    let given = json!({ "listingId": listing, "stay": { "checkIn": day, "checkOut": end, "adults": 2 } });
    let Some(quoted) = stage.mutate(guest, "quoteCreate", given, "quote { token }", dice).await else { return };
    let Some(token) = quoted["quote"]["token"].as_str() else { return };
    let card = ["ok", "ok", "ok", "ok", "declined", "3ds", "unknown"][usize::try_from(dice.below(7)).unwrap()];
    let given = json!({ "quoteToken": token, "booking": { "paymentMethodToken": card } });
    match stage.mutate(guest, "bookingCreate", given, "booking { id }", dice).await {
        None => told.unanswered += 1,
        Some(payload) if payload["userErrors"] == json!([]) => {
            count(&stage.figures.booked);
            told.bookings.push(text(&payload, "/booking/id"));
        }
        Some(_) => {}
    }
}

/// Something is done with a booking, by whoever may.
async fn visit(stage: &Stage, guest: &Person, host: &Person, id: &str, dice: &mut Dice) {
    let who = if dice.below(2) == 0 { guest } else { host };
    let query = "query($id: ID!) { booking(id: $id) { state availableActions stay { checkIn checkOut } \
        cancellation { refund { amount currency } } alterations(first: 1) { nodes { id state } } } }";
    let Some(mut data) = stage.ask(who, query, &json!({ "id": id }), dice).await else { return };
    let booking = data["booking"].take();
    let actions: Vec<&str> =
        booking["availableActions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let open = &booking["alterations"]["nodes"][0];
    if open["state"] == "PENDING" && dice.below(3) > 0 {
        let given = json!({ "id": open["id"], "accept": true });
        stage.mutate(who, "bookingAlterationRespond", given, "__typename", dice).await;
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
            ("bookingCancel", json!({ "id": id, "expectedRefund": booking["cancellation"]["refund"] }))
        }
        "CANCEL" => {
            let amount = json!({ "amount": 100 + dice.below(3_000), "currency": "USD" });
            ("bookingRefund", json!({ "id": id, "amount": amount, "reason": "Sorry." }))
        }
        "REQUEST_ALTERATION" => {
            let date = |path: &str| text(&booking, path).parse::<chrono::NaiveDate>().unwrap();
            let longer = i64::try_from(dice.below(4)).unwrap() - 1;
            let (first, last) = (date("/stay/checkIn"), date("/stay/checkOut") + TimeDelta::days(longer));
            let stay = json!({ "checkIn": first, "checkOut": last, "adults": 1 + dice.below(3) });
            ("bookingAlterationRequest", json!({ "id": id, "stay": stay }))
        }
        _ => return,
    };
    stage.mutate(who, mutation, given, "__typename", dice).await;
}
