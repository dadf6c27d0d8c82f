//! The service under test: sends it commands over its API, and reads its state from the database and the API.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sea_orm::QueryResult;
use serde_json::{Value, json};
use uuid::Uuid;

use super::commands::Command;
use super::money::{Stay, later};
use super::operations::{Action, Answer, GUESTS, HOSTS};
use super::state::{Model, Payout};
use crate::client::{NEED_A_KEY, document_with, error_codes, fresh_key, graphql_request, send};
use crate::harness::{Person, TestApp};
use crate::scenarios::{text, uuid_of};
use roost::kernel::id::{Id, Kind};

pub struct Service {
    pub app: TestApp,
    pub people: Vec<Person>,
    pub listings: Vec<String>,
    tokens: Vec<Option<String>>,
}

/// A mutation with an idempotency key, which can be sent repeatedly.
#[derive(Clone)]
pub struct Request {
    pub command: Command,
    pub key: String,
    pub sent: DateTime<Utc>,
    pub mutation: &'static str,
    pub input: Value,
}

impl Request {
    /// The minimum time the service retains the key.
    pub fn retention(&self) -> TimeDelta {
        if NEED_A_KEY.contains(&self.mutation) { TimeDelta::days(30) } else { TimeDelta::hours(24) }
    }
}

/// The stored state of one booking.
#[derive(Debug)]
pub struct BookingView {
    pub id: String,
    pub state: String,
    pub version: i32,
    pub check_in: NaiveDate,
    pub check_out: NaiveDate,
    pub total: i64,
    pub extra_refund: i64,
    pub captured: i64,
    pub refunded: i64,
    pub shares: [i64; 3],
    pub alteration: Option<(String, String)>,
    pub payouts: BTreeMap<i32, Payout>,
}

/// The stored state of the service.
#[derive(Debug)]
pub struct View {
    pub bookings: Vec<BookingView>,
    /// The nights of each listing that are not free, with their state.
    pub nights: Vec<BTreeMap<NaiveDate, String>>,
    /// The balance of each host.
    pub balances: Vec<i64>,
    /// The number of refunds that have not succeeded.
    pub unsent: i64,
}

fn stay_input(stay: &Stay) -> Value {
    json!({ "checkIn": stay.check_in, "checkOut": stay.check_out, "adults": stay.adults })
}

fn usd(minor: i64) -> Value {
    json!({ "amount": minor, "currency": "USD" })
}

fn get<T: sea_orm::TryGetable>(row: &QueryResult, column: &str) -> T {
    row.try_get("", column).unwrap()
}

impl Service {
    pub async fn new(requests_hold: bool) -> Service {
        let hold = if requests_hold { "on" } else { "off" };
        let app = TestApp::with(&[&format!("--request-blocks-calendar={hold}")]).await;
        let mut people = Vec::new();
        for _ in 0..GUESTS {
            people.push(app.guest().await);
        }
        for _ in 0..HOSTS {
            people.push(app.host().await);
        }
        people.push(app.admin().await);
        let mut listings = Vec::new();
        for (host, mode, preparation, policy) in [(0, "INSTANT", 1, "FLEXIBLE"), (1, "REQUEST", 0, "STRICT")] {
            let changes = json!({
                "bookingMode": mode,
                "cancellationPolicy": policy,
                "pricing": { "lengthOfStay": [] },
                "stayRules": { "preparationNights": preparation, "maxNights": 60 },
            });
            let listing = app.draft_listing(&people[GUESTS + host], changes).await;
            app.set_taxes(&listing).await;
            app.mutate_ok(&people[GUESTS + host], "listingPublish", json!({ "id": listing }), "__typename").await;
            listings.push(listing);
        }
        Service { app, people, listings, tokens: vec![None; GUESTS] }
    }

    /// Builds the request of a command. Returns the error codes of the quote if the quote is refused.
    pub async fn request(&mut self, command: &Command, view: &View) -> Result<Request, Vec<String>> {
        let (mutation, input) = match command {
            Command::Book { guest, listing, stay, card } => {
                let quote = json!({ "listingId": self.listings[*listing], "stay": stay_input(stay) });
                let selection = "quote { token price { total { amount } } }";
                let payload = self.app.mutate(&self.people[*guest], "quoteCreate", quote, selection).await;
                let errors = codes(&payload);
                if !errors.is_empty() {
                    return Err(errors);
                }
                assert_eq!(payload["quote"]["price"]["total"]["amount"], stay.total(), "the price of {stay:?}");
                self.tokens[*guest] = Some(text(&payload, "/quote/token"));
                self.book(*guest, card)
            }
            Command::BookLastQuote { guest, card } => self.book(*guest, card),
            Command::SetBlocked { listing, nights, blocked, .. } => {
                let change = json!({ "from": nights.check_in, "to": nights.check_out, "blocked": blocked });
                ("listingCalendarUpdate", json!({ "id": self.listings[*listing], "changes": [change] }))
            }
            Command::SetPublished { listing, published, .. } => {
                let mutation = if *published { "listingPublish" } else { "listingUnlist" };
                (mutation, json!({ "id": self.listings[*listing] }))
            }
            Command::SetPayoutAccount { account, .. } => ("payoutAccountSet", json!({ "account": account })),
            Command::OnBooking { booking, action, amount, stay, payout, .. } => {
                let seen = &view.bookings[*booking];
                let id = &seen.id;
                let alteration = seen.alteration.as_ref().map(|(id, _)| id);
                let payout = payout.and_then(|number| seen.payouts.get(&number)).map(|payout| &payout.id);
                match action {
                    Action::ConfirmPayment => ("bookingPaymentConfirm", json!({ "id": id })),
                    Action::Accept => ("bookingAccept", json!({ "id": id })),
                    Action::Decline => ("bookingDecline", json!({ "id": id, "reason": "No." })),
                    Action::Withdraw => ("bookingWithdraw", json!({ "id": id })),
                    Action::Cancel { .. } => ("bookingCancel", json!({ "id": id, "expectedRefund": usd(*amount) })),
                    Action::Refund { .. } => {
                        ("bookingRefund", json!({ "id": id, "amount": usd(*amount), "reason": "Sorry." }))
                    }
                    Action::RequestAlteration { card, .. } => {
                        let input = json!({ "id": id, "stay": stay_input(stay), "paymentMethodToken": card });
                        ("bookingAlterationRequest", input)
                    }
                    Action::AnswerAlteration { answer, card } => {
                        let input = json!({ "id": alteration });
                        match (answer, card) {
                            (Answer::Accept, Some(card)) => {
                                let input = json!({ "id": alteration, "paymentMethodToken": card });
                                ("bookingAlterationAccept", input)
                            }
                            (Answer::Accept, None) => ("bookingAlterationAccept", input),
                            (Answer::Decline, _) => ("bookingAlterationDecline", input),
                            (Answer::Withdraw, _) => ("bookingAlterationWithdraw", input),
                        }
                    }
                    Action::CheckIn => ("bookingCheckIn", json!({ "id": id })),
                    Action::CheckOut => ("bookingCheckOut", json!({ "id": id })),
                    Action::ReportNoShow => ("bookingNoShowReport", json!({ "id": id })),
                    Action::HoldPayout => ("payoutHold", json!({ "id": payout, "reason": "Wait." })),
                    Action::ReleasePayout => ("payoutRelease", json!({ "id": payout })),
                }
            }
        };
        Ok(Request { command: command.clone(), key: fresh_key(), sent: self.app.clock.now(), mutation, input })
    }

    fn book(&self, guest: usize, card: &str) -> (&'static str, Value) {
        let input = json!({ "quoteToken": self.tokens[guest], "booking": { "paymentMethodToken": card } });
        ("bookingCreate", input)
    }

    /// Sends a request in a separate task. Returns the error codes, and whether the response was a replay.
    pub fn send(&self, request: &Request) -> tokio::task::JoinHandle<(Vec<String>, bool)> {
        use crate::client::Caller;
        let token = self.people[request.command.actor()].token(&self.app.app);
        let query = document_with(request.mutation, &request.input, "__typename", Some(&request.key));
        let (router, mutation) = (self.app.router.clone(), request.mutation);
        let request = graphql_request(token, &query, &request.input);
        tokio::spawn(async move {
            let body = send(&router, request).await.json();
            assert!(body.get("errors").is_none(), "{query}: {body:#}");
            let replayed = body["extensions"]["idempotency"][mutation]["replayed"] == true;
            (codes(&body["data"][mutation]), replayed)
        })
    }

    pub async fn read(&self) -> View {
        let mut bookings: BTreeMap<Uuid, BookingView> = BTreeMap::new();
        let sql = "SELECT b.id, b.state, b.version, b.check_in, b.check_out, b.total_minor, b.refunded_minor, \
            CAST((SELECT sum(p.captured_minor) FROM payment p WHERE p.booking_id = b.id) AS BIGINT) AS captured, \
            CAST((SELECT sum(p.refunded_minor) FROM payment p WHERE p.booking_id = b.id) AS BIGINT) AS refunded, \
            COALESCE(e.host_minor, 0) AS host, COALESCE(e.platform_minor, 0) AS platform, \
            COALESCE(e.tax_minor, 0) AS tax FROM booking b LEFT JOIN escrow e ON e.booking_id = b.id";
        for row in self.app.rows(sql, []).await {
            let id: Uuid = get(&row, "id");
            let seen = BookingView {
                id: Id::new(Kind::Booking, id).to_string(),
                state: get(&row, "state"),
                version: get(&row, "version"),
                check_in: get(&row, "check_in"),
                check_out: get(&row, "check_out"),
                total: get(&row, "total_minor"),
                extra_refund: get(&row, "refunded_minor"),
                captured: get(&row, "captured"),
                refunded: get(&row, "refunded"),
                shares: [get(&row, "host"), get(&row, "platform"), get(&row, "tax")],
                alteration: None,
                payouts: BTreeMap::new(),
            };
            bookings.insert(id, seen);
        }
        for row in self.app.rows("SELECT id, booking_id, state FROM booking_alteration ORDER BY id", []).await {
            let id = Id::new(Kind::BookingAlteration, get(&row, "id")).to_string();
            bookings.get_mut(&get(&row, "booking_id")).unwrap().alteration = Some((id, get(&row, "state")));
        }
        let sql = "SELECT id, booking_id, state, amount_minor, sent_minor, release_at, released_at, installment, \
            installments FROM payout";
        for row in self.app.rows(sql, []).await {
            let payout = Payout {
                id: Id::new(Kind::Payout, get(&row, "id")).to_string(),
                state: get(&row, "state"),
                amount: get(&row, "amount_minor"),
                sent: get(&row, "sent_minor"),
                release_at: get(&row, "release_at"),
                is_released: get::<Option<DateTime<Utc>>>(&row, "released_at").is_some(),
                installments: get(&row, "installments"),
            };
            let payouts = &mut bookings.get_mut(&get(&row, "booking_id")).unwrap().payouts;
            assert!(payouts.insert(get(&row, "installment"), payout).is_none(), "two payouts for one installment");
        }
        let unsent = self.app.count("refund WHERE state <> 'SUCCEEDED'", []).await;
        let (nights, balances) = (self.nights().await, self.balances().await);
        View { bookings: bookings.into_values().collect(), nights, balances, unsent }
    }

    async fn nights(&self) -> Vec<BTreeMap<NaiveDate, String>> {
        let mut nights = vec![BTreeMap::new(); self.listings.len()];
        let sql = "SELECT listing_id, night, kind FROM claim WHERE expires_at IS NULL OR expires_at > $1";
        for row in self.app.rows(sql, [self.app.clock.now().into()]).await {
            let listing: Uuid = get(&row, "listing_id");
            let index = self.listings.iter().position(|id| uuid_of(id) == listing).unwrap();
            let state = match get::<String>(&row, "kind").as_str() {
                "HOLD" => "HELD",
                "STAY" => "BOOKED",
                "BLOCK" => "BLOCKED_BY_HOST",
                _ => "PREPARATION",
            };
            nights[index].insert(get(&row, "night"), state.to_owned());
        }
        nights
    }

    async fn balances(&self) -> Vec<i64> {
        let sql = "SELECT CAST(COALESCE(sum(CASE WHEN e.credit = 'HOST_PAYABLE' THEN e.amount_minor WHEN e.debit = \
            'HOST_PAYABLE' THEN -e.amount_minor ELSE 0 END), 0) AS BIGINT) FROM ledger_entry e JOIN ledger_transaction t \
            ON t.id = e.transaction_id WHERE t.host_id = $1";
        let mut balances = Vec::new();
        for host in &self.people[GUESTS..GUESTS + HOSTS] {
            balances.push(self.app.value(sql, [host.user.into()]).await);
        }
        balances
    }

    /// Compares what the API returns to a viewer with the model.
    pub async fn compare_api(&self, viewer: usize, model: &Model, view: &View) -> Result<(), String> {
        let (from, to) = (model.today(), later(model.today(), 60));
        let calendar = |n: usize| {
            let id = &self.listings[n];
            format!("l{n}: listing(id: \"{id}\") {{ calendar(from: \"{from}\", to: \"{to}\") {{ date state }} }} ")
        };
        let mut query = format!("{{ viewer {{ balance {{ amount }} }} {}", (0..2).map(calendar).collect::<String>());
        let latest = (0..view.bookings.len()).rev().take(5).collect::<Vec<_>>();
        for &index in &latest {
            let id = &view.bookings[index].id;
            query += &format!(
                "b{index}: booking(id: \"{id}\") {{ state version availableActions payment {{ captured {{ amount }} \
                 refunded {{ amount }} }} payouts {{ state amount {{ amount }} }} }} "
            );
        }
        let data = self.app.gql(&self.people[viewer], &(query + "}"), json!({})).await;
        let same = |what: &str, seen: &Value, expected: Value| match *seen == expected {
            true => Ok(()),
            false => Err(format!("the API returned {seen} for {what}, expected {expected}")),
        };
        for &index in &latest {
            let (shown, booking) = (&data[format!("b{index}")], &model.bookings[index]);
            if ![booking.guest, model.host_of(index), GUESTS + HOSTS].contains(&viewer) {
                same("a stranger's booking", shown, Value::Null)?;
                continue;
            }
            same("the state", &shown["state"], json!(booking.state))?;
            same("the version", &shown["version"], json!(view.bookings[index].version))?;
            let mut actions: Vec<_> = shown["availableActions"].as_array().into_iter().flatten().collect();
            actions.retain(|action| **action != "REVIEW");
            actions.sort_by_key(|action| action.as_str().map(str::to_owned));
            let expected = json!(model.actions(index, viewer));
            same(&format!("the actions of person {viewer} on booking {index}"), &json!(actions), expected)?;
            same("the charge", &shown["payment"]["captured"]["amount"], json!(booking.captured))?;
            let refunded = booking.captured - booking.shares.sum();
            same("the refund", &shown["payment"]["refunded"]["amount"], json!(refunded))?;
            let payouts = view.bookings[index].payouts.values().filter(|_| viewer != booking.guest);
            let payouts = payouts.map(|payout| json!({ "state": payout.state, "amount": { "amount": payout.amount } }));
            same("the payouts", &shown["payouts"], payouts.collect())?;
        }
        for listing in 0..2 {
            for day in data[format!("l{listing}")]["calendar"].as_array().into_iter().flatten() {
                let date = text(day, "/date").parse().unwrap();
                let expected = model.unavailable_state(listing, date, None).unwrap_or("FREE");
                same(&format!("{date} of listing {listing}"), &day["state"], json!(expected))?;
            }
        }
        if (GUESTS..GUESTS + HOSTS).contains(&viewer) {
            let balance = data["viewer"]["balance"][0]["amount"].as_i64().unwrap_or(0);
            same("the balance", &json!(balance), json!(model.hosts[viewer - GUESTS].balance))?;
        }
        Ok(())
    }
}

fn codes(payload: &Value) -> Vec<String> {
    let errors = payload["userErrors"].as_array().cloned().unwrap_or_default();
    error_codes(&errors).iter().map(|error| error.split(' ').next().unwrap_or_default().to_owned()).collect()
}
