//! The service under test: gives it the orders over its API, and looks at all that it holds.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sea_orm::QueryResult;
use serde_json::{Value, json};
use uuid::Uuid;

use super::calls::Order;
use super::money::Stay;
use super::rules::{Model, Payout};
use super::steps::{Deed, GUESTS, HOSTS};
use crate::client::{NEED_A_KEY, document_with, fresh_key, graphql_request, said, send};
use crate::harness::{Person, TestApp};
use crate::scenes::{key, text};
use roost::kernel::id::{Id, Kind};

pub struct World {
    pub app: TestApp,
    pub people: Vec<Person>,
    pub listings: Vec<String>,
    tokens: Vec<Option<String>>,
}

/// A mutation ready to be sent, and sent again.
#[derive(Clone)]
pub struct Request {
    pub order: Order,
    pub key: String,
    pub sent: DateTime<Utc>,
    pub mutation: &'static str,
    pub given: Value,
}

impl Request {
    /// How long its key is kept at least.
    pub fn kept(&self) -> TimeDelta {
        if NEED_A_KEY.contains(&self.mutation) { TimeDelta::days(30) } else { TimeDelta::hours(24) }
    }
}

/// What the service holds of one booking.
#[derive(Debug)]
pub struct Seen {
    pub id: String,
    pub state: String,
    pub version: i32,
    pub check_in: NaiveDate,
    pub check_out: NaiveDate,
    pub total: i64,
    pub given: i64,
    pub captured: i64,
    pub refunded: i64,
    pub shares: [i64; 3],
    pub alteration: Option<(String, String)>,
    pub payouts: BTreeMap<i32, Payout>,
}

/// What the service holds.
#[derive(Debug)]
pub struct Sight {
    pub bookings: Vec<Seen>,
    /// The taken nights of each listing.
    pub nights: Vec<BTreeMap<NaiveDate, String>>,
    /// What each host is owed.
    pub balances: Vec<i64>,
    /// Refunds that the processor was not asked for.
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

impl World {
    pub async fn new(requests_hold: bool) -> World {
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
            let listing = app.draft(&people[GUESTS + host], changes).await;
            app.tax(&listing).await;
            app.must(&people[GUESTS + host], "listingPublish", json!({ "id": listing }), "__typename").await;
            listings.push(listing);
        }
        World { app, people, listings, tokens: vec![None; GUESTS] }
    }

    /// Makes the request of an order; or answers why not even the quote for it is to be had.
    pub async fn request(&mut self, order: &Order, sight: &Sight) -> Result<Request, Vec<String>> {
        let (mutation, given) = match order {
            Order::Book { guest, listing, stay, card } => {
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
            Order::BookAgain { guest, card } => self.book(*guest, card),
            Order::Close { listing, nights, blocked, .. } => {
                let change = json!({ "from": nights.check_in, "to": nights.check_out, "blocked": blocked });
                ("listingCalendarUpdate", json!({ "id": self.listings[*listing], "changes": [change] }))
            }
            Order::Publish { listing, published, .. } => {
                let mutation = if *published { "listingPublish" } else { "listingUnlist" };
                (mutation, json!({ "id": self.listings[*listing] }))
            }
            Order::Account { account, .. } => ("payoutAccountSet", json!({ "account": account })),
            Order::On { booking, deed, amount, stay, payout, .. } => {
                let seen = &sight.bookings[*booking];
                let id = &seen.id;
                let alteration = seen.alteration.as_ref().map(|(id, _)| id);
                let payout = payout.and_then(|number| seen.payouts.get(&number)).map(|payout| &payout.id);
                match deed {
                    Deed::ConfirmPayment => ("bookingPaymentConfirm", json!({ "id": id })),
                    Deed::Accept => ("bookingAccept", json!({ "id": id })),
                    Deed::Decline => ("bookingDecline", json!({ "id": id, "reason": "No." })),
                    Deed::Withdraw => ("bookingWithdraw", json!({ "id": id })),
                    Deed::Cancel { .. } => ("bookingCancel", json!({ "id": id, "expectedRefund": usd(*amount) })),
                    Deed::Refund { .. } => {
                        ("bookingRefund", json!({ "id": id, "amount": usd(*amount), "reason": "Sorry." }))
                    }
                    Deed::AskAlteration { card, .. } => {
                        let given = json!({ "id": id, "stay": stay_input(stay), "paymentMethodToken": card });
                        ("bookingAlterationRequest", given)
                    }
                    Deed::AnswerAlteration { accept, card } => {
                        let mut given = json!({ "id": alteration, "accept": accept });
                        if let Some(card) = card {
                            given["paymentMethodToken"] = json!(card);
                        }
                        ("bookingAlterationRespond", given)
                    }
                    Deed::CheckIn => ("bookingCheckIn", json!({ "id": id })),
                    Deed::CheckOut => ("bookingCheckOut", json!({ "id": id })),
                    Deed::ReportNoShow => ("bookingNoShowReport", json!({ "id": id })),
                    Deed::HoldPayout => ("payoutHold", json!({ "id": payout, "reason": "Wait." })),
                    Deed::ReleasePayout => ("payoutRelease", json!({ "id": payout })),
                }
            }
        };
        Ok(Request { order: order.clone(), key: fresh_key(), sent: self.app.clock.now(), mutation, given })
    }

    fn book(&self, guest: usize, card: &str) -> (&'static str, Value) {
        let given = json!({ "quoteToken": self.tokens[guest], "booking": { "paymentMethodToken": card } });
        ("bookingCreate", given)
    }

    /// Sends a request in a task of its own; the words it was refused by, and whether it had been done before.
    pub fn send(&self, request: &Request) -> tokio::task::JoinHandle<(Vec<String>, bool)> {
        use crate::client::Who;
        let token = self.people[request.order.actor()].token(&self.app.app);
        let query = document_with(request.mutation, &request.given, "__typename", Some(&request.key));
        let (router, mutation) = (self.app.router.clone(), request.mutation);
        let request = graphql_request(token, &query, &request.given);
        tokio::spawn(async move {
            let body = send(&router, request).await.json();
            assert!(body.get("errors").is_none(), "{query}: {body:#}");
            let replayed = body["extensions"]["idempotency"][mutation]["replayed"] == true;
            (codes(&body["data"][mutation]), replayed)
        })
    }

    pub async fn look(&self) -> Sight {
        let mut bookings: BTreeMap<Uuid, Seen> = BTreeMap::new();
        let sql = "SELECT b.id, b.state, b.version, b.check_in, b.check_out, b.total_minor, b.refunded_minor, \
            CAST((SELECT sum(p.captured_minor) FROM payment p WHERE p.booking_id = b.id) AS BIGINT) AS captured, \
            CAST((SELECT sum(p.refunded_minor) FROM payment p WHERE p.booking_id = b.id) AS BIGINT) AS refunded, \
            COALESCE(e.host_minor, 0) AS host, COALESCE(e.platform_minor, 0) AS platform, \
            COALESCE(e.tax_minor, 0) AS tax FROM booking b LEFT JOIN escrow e ON e.booking_id = b.id";
        for row in self.app.rows(sql, []).await {
            let id: Uuid = get(&row, "id");
            let seen = Seen {
                id: Id::new(Kind::Booking, id).to_string(),
                state: get(&row, "state"),
                version: get(&row, "version"),
                check_in: get(&row, "check_in"),
                check_out: get(&row, "check_out"),
                total: get(&row, "total_minor"),
                given: get(&row, "refunded_minor"),
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
            assert!(payouts.insert(get(&row, "installment"), payout).is_none(), "two payouts of one instalment");
        }
        let unsent = self.app.count("refund WHERE state <> 'SUCCEEDED'", []).await;
        let (nights, balances) = (self.nights().await, self.balances().await);
        Sight { bookings: bookings.into_values().collect(), nights, balances, unsent }
    }

    async fn nights(&self) -> Vec<BTreeMap<NaiveDate, String>> {
        let mut nights = vec![BTreeMap::new(); self.listings.len()];
        let sql = "SELECT listing_id, night, kind FROM claim WHERE expires_at IS NULL OR expires_at > $1";
        for row in self.app.rows(sql, [self.app.clock.now().into()]).await {
            let listing: Uuid = get(&row, "listing_id");
            let index = self.listings.iter().position(|id| key(id) == listing).unwrap();
            let word = match get::<String>(&row, "kind").as_str() {
                "HOLD" => "HELD",
                "STAY" => "BOOKED",
                "BLOCK" => "BLOCKED_BY_HOST",
                _ => "PREPARATION",
            };
            nights[index].insert(get(&row, "night"), word.to_owned());
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

    /// What the API shows to one of the people, against the model.
    pub async fn ask(&self, viewer: usize, model: &Model, sight: &Sight) -> Result<(), String> {
        let (from, to) = (model.today(), super::money::later(model.today(), 60));
        let calendar = |n: usize| {
            let id = &self.listings[n];
            format!("l{n}: listing(id: \"{id}\") {{ calendar(from: \"{from}\", to: \"{to}\") {{ date state }} }} ")
        };
        let mut query = format!("{{ viewer {{ balance {{ amount }} }} {}", (0..2).map(calendar).collect::<String>());
        let latest = (0..sight.bookings.len()).rev().take(5).collect::<Vec<_>>();
        for &index in &latest {
            let id = &sight.bookings[index].id;
            query += &format!(
                "b{index}: booking(id: \"{id}\") {{ state version availableActions payment {{ captured {{ amount }} \
                 refunded {{ amount }} }} payouts {{ state amount {{ amount }} }} }} "
            );
        }
        let data = self.app.gql(&self.people[viewer], &(query + "}"), json!({})).await;
        let same = |what: &str, seen: &Value, wanted: Value| match *seen == wanted {
            true => Ok(()),
            false => Err(format!("{what} is shown as {seen}, and should be {wanted}")),
        };
        for &index in &latest {
            let (shown, booking) = (&data[format!("b{index}")], &model.bookings[index]);
            if ![booking.guest, model.host_of(index), GUESTS + HOSTS].contains(&viewer) {
                same("a stranger's booking", shown, Value::Null)?;
                continue;
            }
            same("the state", &shown["state"], json!(booking.state))?;
            same("the version", &shown["version"], json!(sight.bookings[index].version))?;
            let mut actions: Vec<_> = shown["availableActions"].as_array().into_iter().flatten().collect();
            actions.retain(|action| **action != "REVIEW");
            actions.sort_by_key(|action| action.as_str().map(str::to_owned));
            let wanted = json!(model.actions(index, viewer));
            same(&format!("what {viewer} may do with booking {index}"), &json!(actions), wanted)?;
            same("the charge", &shown["payment"]["captured"]["amount"], json!(booking.captured))?;
            let refunded = booking.captured - booking.shares.sum();
            same("the refund", &shown["payment"]["refunded"]["amount"], json!(refunded))?;
            let payouts = sight.bookings[index].payouts.values().filter(|_| viewer != booking.guest);
            let payouts = payouts.map(|payout| json!({ "state": payout.state, "amount": { "amount": payout.amount } }));
            same("the payouts", &shown["payouts"], payouts.collect())?;
        }
        for listing in 0..2 {
            for day in data[format!("l{listing}")]["calendar"].as_array().into_iter().flatten() {
                let date = text(day, "/date").parse().unwrap();
                let wanted = model.taken(listing, date, None).unwrap_or("FREE");
                same(&format!("{date} of listing {listing}"), &day["state"], json!(wanted))?;
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
    said(&errors).iter().map(|said| said.split(' ').next().unwrap_or_default().to_owned()).collect()
}
