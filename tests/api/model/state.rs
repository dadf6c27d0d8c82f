//! The state of the model.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::money::{Policy, Shares, Stay};
use super::operations::Actor;

pub type Timestamp = DateTime<Utc>;

/// The kind of a claim on a night.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClaimKind {
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

/// The status of a payment, as far as the model distinguishes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentStatus {
    /// The processor's response was lost.
    Unknown,
    RequiresAction,
    Authorized,
    Captured,
    /// Declined, failed or released.
    Closed,
}

#[derive(Clone, Debug)]
pub struct Payment {
    pub card: &'static str,
    pub status: PaymentStatus,
    pub created: Timestamp,
}

impl Payment {
    pub fn open(card: &'static str, created: Timestamp) -> Payment {
        let status = match card {
            "ok" => PaymentStatus::Authorized,
            "declined" => PaymentStatus::Closed,
            "3ds" | "3ds_fails" => PaymentStatus::RequiresAction,
            _ => PaymentStatus::Unknown,
        };
        Payment { card, status, created }
    }

    /// Reads the payment from the processor. A lost response is found after half a minute, or at once if `forced`.
    pub fn refresh(&mut self, now: Timestamp, forced: bool) -> PaymentStatus {
        let is_due = forced || now >= self.created + TimeDelta::seconds(30);
        if self.status == PaymentStatus::Unknown && self.card == "unknown" && is_due {
            self.status = PaymentStatus::Authorized;
        }
        self.status
    }

    /// The guest has completed the 3-D Secure challenge.
    pub fn confirm(&mut self, now: Timestamp) -> PaymentStatus {
        if self.status == PaymentStatus::RequiresAction {
            self.status = if self.card == "3ds" { PaymentStatus::Authorized } else { PaymentStatus::Closed };
        }
        self.refresh(now, true)
    }
}

#[derive(Clone, Debug)]
pub struct Alteration {
    pub state: &'static str,
    pub by_guest: bool,
    pub stay: Stay,
    pub card: Option<&'static str>,
    pub expires: Timestamp,
    pub payment: Option<Payment>,
}

/// A payout as last read from the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payout {
    pub id: String,
    pub state: String,
    pub amount: i64,
    pub sent: Option<i64>,
    pub release_at: Timestamp,
    pub is_released: bool,
    pub installments: i32,
}

#[derive(Clone, Debug)]
pub struct Booking {
    pub listing: usize,
    pub guest: Actor,
    pub state: &'static str,
    pub stay: Stay,
    /// Whether the booking claims its nights before it is confirmed.
    pub claims_nights: bool,
    pub payment: Payment,
    pub created: Timestamp,
    pub confirmed: Option<Timestamp>,
    pub expires: Option<Timestamp>,
    /// Whether a party reported the check-in.
    pub check_in_reported: bool,
    pub claims: BTreeMap<NaiveDate, (ClaimKind, Option<Timestamp>)>,
    pub captured: i64,
    /// The amount refunded beyond the cancellation policy.
    pub extra_refund: i64,
    pub shares: Shares,
    /// The part of the host's share that has left the escrow.
    pub released: i64,
    pub alterations: Vec<Alteration>,
    pub payouts: BTreeMap<i32, Payout>,
    pub version: i32,
}

#[derive(Clone, Debug)]
pub struct Quote {
    pub listing: usize,
    pub stay: Stay,
    pub expires: Timestamp,
    pub booking: Option<usize>,
}

#[derive(Clone, Debug)]
pub struct Host {
    pub account: &'static str,
    pub balance: i64,
    pub first_confirmed: Option<Timestamp>,
    /// Whether the host ever owed a penalty or a returned payout.
    pub has_owed: bool,
}

#[derive(Clone, Debug)]
pub struct Model {
    pub now: Timestamp,
    /// Whether booking requests claim their nights (`--request-blocks-calendar`).
    pub requests_hold: bool,
    pub listings: Vec<Listing>,
    pub bookings: Vec<Booking>,
    pub quotes: Vec<Option<Quote>>,
    pub hosts: Vec<Host>,
}
