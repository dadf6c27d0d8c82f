//! What the model is made of.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::money::{Policy, Shares, Stay};
use super::steps::Actor;

pub type At = DateTime<Utc>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Hold,
    Stay,
    Preparation,
}

#[derive(Clone, Debug)]
pub struct Listing {
    pub host: Actor,
    pub is_request: bool,
    pub preparation: i64,
    pub policy: Policy,
    pub published: bool,
    pub blocks: BTreeSet<NaiveDate>,
}

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Unanswered,
    Action,
    Held,
    Taken,
    Over,
}

#[derive(Clone, Debug)]
pub struct Payment {
    pub card: &'static str,
    pub reach: Reach,
    pub since: At,
}

impl Payment {
    pub fn open(card: &'static str, since: At) -> Payment {
        let reach = match card {
            "ok" => Reach::Held,
            "declined" => Reach::Over,
            "3ds" | "3ds_fails" => Reach::Action,
            _ => Reach::Unanswered,
        };
        Payment { card, reach, since }
    }

    /// Asks again: what was answered and got lost is found, half a minute later or when somebody asks.
    pub fn ask(&mut self, now: At, asked: bool) -> Reach {
        let again = asked || now >= self.since + TimeDelta::seconds(30);
        if self.reach == Reach::Unanswered && self.card == "unknown" && again {
            self.reach = Reach::Held;
        }
        self.reach
    }

    /// The guest was at the bank.
    pub fn confirm(&mut self, now: At) -> Reach {
        if self.reach == Reach::Action {
            self.reach = if self.card == "3ds" { Reach::Held } else { Reach::Over };
        }
        self.ask(now, true)
    }
}

#[derive(Clone, Debug)]
pub struct Alteration {
    pub state: &'static str,
    pub by_guest: bool,
    pub stay: Stay,
    pub card: Option<&'static str>,
    pub expires: At,
    pub payment: Option<Payment>,
}

/// A payout as it was seen last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payout {
    pub id: String,
    pub state: String,
    pub amount: i64,
    pub sent: Option<i64>,
    pub release_at: At,
    pub is_released: bool,
    pub installments: i32,
}

#[derive(Clone, Debug)]
pub struct Booking {
    pub listing: usize,
    pub guest: Actor,
    pub state: &'static str,
    pub stay: Stay,
    pub holds: bool,
    pub payment: Payment,
    pub created: At,
    pub confirmed: Option<At>,
    pub expires: Option<At>,
    pub is_seen: bool,
    pub claims: BTreeMap<NaiveDate, (Kind, Option<At>)>,
    pub captured: i64,
    /// What was given back beyond the policy.
    pub given: i64,
    pub shares: Shares,
    /// What of the host's share has left the escrow.
    pub released: i64,
    pub alterations: Vec<Alteration>,
    pub payouts: BTreeMap<i32, Payout>,
    pub version: i32,
}

#[derive(Clone, Debug)]
pub struct Quote {
    pub listing: usize,
    pub stay: Stay,
    pub expires: At,
    pub booking: Option<usize>,
}

#[derive(Clone, Debug)]
pub struct Host {
    pub account: &'static str,
    pub balance: i64,
    pub first_confirmed: Option<At>,
    /// Whether anything was ever taken back from them.
    pub owed: bool,
}

#[derive(Clone, Debug)]
pub struct Model {
    pub now: At,
    pub requests_hold: bool,
    pub listings: Vec<Listing>,
    pub bookings: Vec<Booking>,
    pub quotes: Vec<Option<Quote>>,
    pub hosts: Vec<Host>,
}
