//! What a cancellation costs.

use async_graphql::Object;

use super::prices::PriceLine;
use crate::domain::bookings as domain;
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::DateTime;
use crate::kernel::money::Currency;

/// How the money of a cancelled booking is divided; the parts add up to what the guest paid.
pub struct CancellationPreview {
    pub(in crate::graphql) cancellation: domain::Cancellation,
    pub(in crate::graphql) currency: Currency,
}

impl CancellationPreview {
    fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }
}

/// How the money of a cancelled booking is divided; the parts add up to what the guest paid.
#[Object]
impl CancellationPreview {
    /// The moment it holds for.
    async fn at(&self) -> DateTime {
        DateTime(self.cancellation.at)
    }

    /// What the guest gets back; `expectedRefund` of `bookingCancel`.
    async fn refund(&self) -> Money {
        self.money(self.cancellation.refund)
    }

    /// What the host earns.
    async fn host_keeps(&self) -> Money {
        self.money(self.cancellation.host_keeps)
    }

    /// The service fees that stay with the marketplace.
    async fn platform_keeps(&self) -> Money {
        self.money(self.cancellation.platform_keeps)
    }

    /// The taxes on what stays.
    async fn tax_kept(&self) -> Money {
        self.money(self.cancellation.tax_kept)
    }

    /// What a cancelling host owes; null when the host does not cancel.
    async fn host_penalty(&self) -> Option<Money> {
        self.cancellation.host_penalty.map(|minor| self.money(minor))
    }

    /// Which rule applies.
    async fn reason(&self) -> &str {
        &self.cancellation.reason
    }

    /// What is kept, line by line; empty once it is done.
    async fn lines(&self) -> Vec<PriceLine> {
        let lines = self.cancellation.lines.iter().cloned();
        lines.map(|line| PriceLine::of(line, self.currency)).collect()
    }
}
