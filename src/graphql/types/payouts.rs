//! What hosts are paid, and the ledger behind it.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};

use super::bookings::Booking;
use super::users;
use super::users::{User, Viewer};
use crate::domain::error::Error;
use crate::domain::payments as domain;
use crate::domain::payments::ledger::{Posting, Transaction};
use crate::domain::payments::status;
use crate::graphql::schema::payload::payloads;
use crate::graphql::support::context::{Ask, id, key};
use crate::graphql::support::errors::{shown, split};
use crate::graphql::support::idempotency::call;
use crate::graphql::support::loaders::{BookingKey, UserKey};
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::DateTime;
use crate::kernel::id::Kind;
use crate::kernel::money::Currency;

/// Where a payout stands.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "status::PayoutState")]
pub enum PayoutState {
    /// Waits for its day.
    Scheduled,
    /// Kept back until staff let it go or, when you had not named an account, until you have.
    OnHold,
    /// On its way.
    Processing,
    /// Sent, or settled against what you owed.
    Paid,
    /// Refused by the card processor; it will be tried again.
    Failed,
    /// Nothing is left to pay.
    Cancelled,
}

/// Money for a host.
#[derive(Clone)]
pub struct Payout(pub(super) Arc<domain::Payout>);

impl Payout {
    pub(in crate::graphql) fn of(row: domain::Payout) -> Payout {
        Payout(Arc::new(row))
    }

    fn money(&self, minor: i64) -> Result<Money> {
        Ok(Money::new(minor, currency(&self.0.currency)?))
    }
}

fn currency(code: &str) -> Result<Currency> {
    code.parse().map_err(|_| shown(Error::failed("unknown currency")))
}

/// Money for a host.
#[Object]
impl Payout {
    /// The id.
    pub async fn id(&self) -> ID {
        id(Kind::Payout, self.0.id)
    }

    /// Who is paid.
    async fn host(&self, ctx: &Context<'_>) -> Result<User> {
        let user = ctx.load(UserKey(self.0.host_id)).await?;
        user.map(User::of).ok_or_else(|| shown(Error::failed("a payout has no host")))
    }

    /// For what.
    async fn booking(&self, ctx: &Context<'_>) -> Result<Booking> {
        let booking = ctx.load(BookingKey(self.0.booking_id)).await?;
        booking.map(Booking::of).ok_or_else(|| shown(Error::failed("a payout has no booking")))
    }

    /// What the host earns.
    async fn amount(&self) -> Result<Money> {
        self.money(self.0.amount_minor)
    }

    /// What is sent of it, the rest having settled what the host owed; null while nothing is.
    async fn sent(&self) -> Option<Result<Money>> {
        let went = matches!(self.0.state, status::PayoutState::Processing | status::PayoutState::Paid);
        self.0.sent_minor.filter(|_| went).map(|minor| self.money(minor))
    }

    /// Where it stands.
    async fn state(&self) -> PayoutState {
        self.0.state.into()
    }

    /// When it is released; after a failure, when it is tried again.
    async fn release_at(&self) -> DateTime {
        DateTime(self.0.release_at)
    }

    /// When it was paid; null until it is.
    async fn paid_at(&self) -> Option<DateTime> {
        self.0.paid_at.map(DateTime)
    }

    /// Why it failed or is on hold; null when neither is so.
    async fn failure_reason(&self) -> Option<&str> {
        self.0.failure_reason.as_deref()
    }

    /// Which instalment of a long stay it is, from 1.
    async fn installment(&self) -> i32 {
        self.0.installment
    }

    /// How many instalments there are.
    async fn installments(&self) -> i32 {
        self.0.installments
    }
}

/// One thing that happened to money, for staff. Its entries balance.
#[derive(Clone)]
pub struct LedgerTransaction {
    row: Arc<Transaction>,
    postings: Arc<Vec<Posting>>,
}

impl LedgerTransaction {
    pub(in crate::graphql) fn of((row, postings): (Transaction, Vec<Posting>)) -> LedgerTransaction {
        LedgerTransaction { row: Arc::new(row), postings: Arc::new(postings) }
    }
}

/// One account's side of a transaction.
#[derive(SimpleObject)]
pub struct LedgerEntry {
    /// GUEST_ESCROW, HOST_PAYABLE, PLATFORM_REVENUE, TAX_PAYABLE, PSP_CLEARING, DISPUTE_SUSPENSE or PLATFORM_COST.
    account: String,
    /// Debits above zero, credits below.
    amount: Money,
}

/// One thing that happened to money, for staff. Its entries balance.
#[Object]
impl LedgerTransaction {
    /// The id.
    pub async fn id(&self) -> ID {
        id(Kind::LedgerTransaction, self.row.id)
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        DateTime(self.row.at)
    }

    /// CAPTURE, RELEASE, REFUND, PAYOUT, PENALTY, CHARGEBACK, CHARGEBACK_REVERSAL or PROVIDER_FEE.
    async fn kind(&self) -> String {
        self.row.kind.word()
    }

    /// The booking it belongs to; null when it belongs to none.
    async fn booking(&self, ctx: &Context<'_>) -> Option<Result<Booking>> {
        let found = ctx.load(BookingKey(self.row.booking_id?)).await;
        found.map(|row| row.map(Booking::of)).transpose()
    }

    /// Each account's side.
    async fn entries(&self) -> Result<Vec<LedgerEntry>> {
        let currency = currency(&self.row.currency)?;
        let entry = |posting: &Posting| LedgerEntry {
            account: posting.account.word(),
            amount: Money::new(posting.minor, currency),
        };
        Ok(self.postings.iter().map(entry).collect())
    }

    /// Always zero.
    async fn sum(&self) -> Result<Money> {
        let sum = self.postings.iter().map(|posting| posting.minor).sum();
        Ok(Money::new(sum, currency(&self.row.currency)?))
    }
}

payloads! {
    /// The payout that is kept back.
    PayoutHoldPayload {
        /// The payout.
        payout: Option<Payout>,
    }
    /// The payout that was let go.
    PayoutReleasePayload {
        /// The payout.
        payout: Option<Payout>,
    }
    /// You, with the account you are paid to.
    PayoutAccountSetPayload {
        /// You.
        viewer: Option<Viewer>,
    }
}

/// What hosts are paid.
#[derive(Default)]
pub struct PayoutMutation;

#[Object]
impl PayoutMutation {
    /// Staff keep a payout back.
    async fn payout_hold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The payout.")] id: ID,
        #[graphql(desc = "Why; the host reads it.")] reason: String,
    ) -> Result<PayoutHoldPayload> {
        let once = call(ctx);
        let app = once.app();
        let run = async {
            let id = key(Kind::Payout, &id, &["id"])?;
            domain::hold(app, ctx.viewer(), id, &reason).await
        };
        let done = once.run(run, async |spent| domain::known(app, spent.id(0)?).await).await;
        let (done, user_errors) = split(app, done)?;
        Ok(PayoutHoldPayload { payout: done.map(Payout::of), user_errors })
    }

    /// Staff let a payout go that was on hold.
    async fn payout_release(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The payout.")] id: ID,
    ) -> Result<PayoutReleasePayload> {
        let once = call(ctx);
        let app = once.app();
        let run = async {
            let id = key(Kind::Payout, &id, &["id"])?;
            domain::release(app, ctx.viewer(), id).await
        };
        let done = once.run(run, async |spent| domain::known(app, spent.id(0)?).await).await;
        let (done, user_errors) = split(app, done)?;
        Ok(PayoutReleasePayload { payout: done.map(Payout::of), user_errors })
    }

    /// Names the account at the card processor to which you are paid, such as `acct_…` at Stripe. The sandbox pays
    /// everybody; its account `closed` refuses money, `unknown` takes it without an answer and answers when asked again, `lost`
    /// never hears of it.
    async fn payout_account_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The processor's name for your account.")] account: String,
    ) -> Result<PayoutAccountSetPayload> {
        let once = call(ctx);
        let app = once.app();
        let done = once.run(domain::set_account(app, ctx.viewer(), &account), async |_| Ok(())).await;
        let (done, user_errors) = split(app, done)?;
        let viewer = match done {
            Some(()) => users::viewer(ctx).await?,
            None => None,
        };
        Ok(PayoutAccountSetPayload { viewer, user_errors })
    }
}
