//! Payouts to hosts and ledger transactions, as types of the schema.

use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, Object, Result, SimpleObject};

use super::bookings::Booking;
use super::users::User;
use crate::domain::error::Error;
use crate::domain::payments as domain;
use crate::domain::payments::ledger::{Posting, Transaction};
use crate::domain::payments::status;
use crate::graphql::support::context::{RequestContext, global_id};
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::loaders::{BookingKey, UserKey};
use crate::graphql::support::money::{Money, stored_currency};
use crate::graphql::support::scalars::DateTime;
use crate::kernel::id::Kind;
use crate::kernel::money::Currency;

/// State of a payout.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "status::PayoutState")]
pub enum PayoutState {
    /// The payout waits for its release date.
    Scheduled,
    /// The payout is stopped until staff release it. A payout without an account waits until the host sets one.
    OnHold,
    /// The payout was requested from the processor, which has not confirmed it.
    Processing,
    /// The payout was sent, or was deducted in full from what the host owed.
    Paid,
    /// The processor refused the payout. It is retried after 6, 12, 24 and 48 hours; after the fifth refusal it is
    /// ON_HOLD.
    Failed,
    /// Nothing is left to pay, for example after a full refund.
    Cancelled,
}

/// A payment of the marketplace to a host for one booking, or for one installment of a long stay. Visible to the host
/// and staff. All amounts are in the currency of the booking.
#[derive(Clone, Description)]
pub struct Payout(pub(super) Arc<domain::Payout>);

impl From<domain::Payout> for Payout {
    fn from(row: domain::Payout) -> Payout {
        Payout(Arc::new(row))
    }
}

impl Payout {
    fn money(&self, minor: i64) -> Result<Money> {
        Ok(Money::new(minor, currency(&self.0.currency)?))
    }
}

fn currency(code: &str) -> Result<Currency> {
    stored_currency(code).map_err(to_graphql_error)
}

#[Object(use_type_description)]
impl Payout {
    /// Global ID of the payout, prefixed `pyt_`.
    pub async fn id(&self) -> ID {
        global_id(Kind::Payout, self.0.id)
    }

    /// The user who receives the payout.
    async fn host(&self, ctx: &Context<'_>) -> Result<User> {
        let user = ctx.load(UserKey(self.0.host_id)).await?;
        user.map(User::from).ok_or_else(|| to_graphql_error(Error::failed("the host of a payout does not exist")))
    }

    /// The booking for which the host is paid.
    async fn booking(&self, ctx: &Context<'_>) -> Result<Booking> {
        let booking = ctx.load(BookingKey(self.0.booking_id)).await?;
        booking
            .map(Booking::from)
            .ok_or_else(|| to_graphql_error(Error::failed("the booking of a payout does not exist")))
    }

    /// Earnings of the host in this payout, before anything that the host owes is deducted.
    async fn amount(&self) -> Result<Money> {
        self.money(self.0.amount_minor)
    }

    /// Amount transferred to the host: `amount` minus what the host owed. Null unless the state is PROCESSING or PAID.
    async fn sent(&self) -> Option<Result<Money>> {
        let went = matches!(self.0.state, status::PayoutState::Processing | status::PayoutState::Paid);
        self.0.sent_minor.filter(|_| went).map(|minor| self.money(minor))
    }

    /// Current state of the payout.
    async fn state(&self) -> PayoutState {
        self.0.state.into()
    }

    /// When the payout is released, normally 24 hours after check-in. After a failure, when it is retried.
    async fn release_at(&self) -> DateTime {
        DateTime(self.0.release_at)
    }

    /// When the payout was sent or deducted in full. Null until then.
    async fn paid_at(&self) -> Option<DateTime> {
        self.0.paid_at.map(DateTime)
    }

    /// Why the payout failed or is on hold. Null if neither is the case.
    async fn failure_reason(&self) -> Option<&str> {
        self.0.failure_reason.as_deref()
    }

    /// Number of this installment, from 1. A stay of 28 nights or more is paid out in installments of 30 nights.
    async fn installment(&self) -> i32 {
        self.0.installment
    }

    /// Number of installments of the booking. 1 for stays of fewer than 28 nights.
    async fn installments(&self) -> i32 {
        self.0.installments
    }
}

/// One transaction of the double-entry ledger. Visible to staff. Its entries add up to zero.
#[derive(Clone, Description)]
pub struct LedgerTransaction {
    row: Arc<Transaction>,
    postings: Arc<Vec<Posting>>,
}

impl From<(Transaction, Vec<Posting>)> for LedgerTransaction {
    fn from((row, postings): (Transaction, Vec<Posting>)) -> LedgerTransaction {
        LedgerTransaction { row: Arc::new(row), postings: Arc::new(postings) }
    }
}

/// The amount that a ledger transaction books on one account.
#[derive(SimpleObject)]
pub struct LedgerEntry {
    /// GUEST_ESCROW, HOST_PAYABLE, PLATFORM_REVENUE, TAX_PAYABLE, PSP_CLEARING, DISPUTE_SUSPENSE or PLATFORM_COST.
    account: String,
    /// Booked amount. Debits are positive, credits negative.
    amount: Money,
}

#[Object(use_type_description)]
impl LedgerTransaction {
    /// Global ID of the transaction, prefixed `ltx_`.
    pub async fn id(&self) -> ID {
        global_id(Kind::LedgerTransaction, self.row.id)
    }

    /// When the transaction was recorded.
    async fn at(&self) -> DateTime {
        DateTime(self.row.at)
    }

    /// CAPTURE, RELEASE, REFUND, PAYOUT, PENALTY, CHARGEBACK, CHARGEBACK_REVERSAL or PROVIDER_FEE.
    async fn kind(&self) -> String {
        self.row.kind.name()
    }

    /// The booking that the transaction belongs to. Null if it belongs to none.
    async fn booking(&self, ctx: &Context<'_>) -> Option<Result<Booking>> {
        let found = ctx.load(BookingKey(self.row.booking_id?)).await;
        found.map(|row| row.map(Booking::from)).transpose()
    }

    /// The debits and credits of the transaction, at least two.
    async fn entries(&self) -> Result<Vec<LedgerEntry>> {
        let currency = currency(&self.row.currency)?;
        let entry = |posting: &Posting| LedgerEntry {
            account: posting.account.name(),
            amount: Money::new(posting.minor, currency),
        };
        Ok(self.postings.iter().map(entry).collect())
    }

    /// Sum of all entries, which is always zero.
    async fn sum(&self) -> Result<Money> {
        let sum = self.postings.iter().map(|posting| posting.minor).sum();
        Ok(Money::new(sum, currency(&self.row.currency)?))
    }
}
