//! The settlement of a cancelled booking.

use async_graphql::{Description, Object};

use super::prices::PriceLine;
use crate::domain::bookings as domain;
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::DateTime;
use crate::kernel::money::Currency;

/// Settlement of a cancelled booking. `refund`, `hostKeeps`, `platformKeeps`, `taxKept` and earlier refunds add up to
/// what the guest paid.
#[derive(Description)]
pub struct CancellationPreview {
    pub(in crate::graphql) cancellation: domain::Cancellation,
    pub(in crate::graphql) currency: Currency,
}

impl CancellationPreview {
    fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }
}

#[Object(use_type_description)]
impl CancellationPreview {
    /// When the booking was cancelled. For a booking that is not cancelled, the current time, for which the preview is
    /// calculated.
    async fn at(&self) -> DateTime {
        DateTime(self.cancellation.at)
    }

    /// Amount refunded to the guest because of the cancellation, in addition to earlier refunds. Pass it as
    /// `expectedRefund` of `bookingCancel`.
    async fn refund(&self) -> Money {
        self.money(self.cancellation.refund)
    }

    /// Earnings of the host after the cancellation, after the host's service fee.
    async fn host_keeps(&self) -> Money {
        self.money(self.cancellation.host_keeps)
    }

    /// Service fees of guest and host that the marketplace retains.
    async fn platform_keeps(&self) -> Money {
        self.money(self.cancellation.platform_keeps)
    }

    /// Taxes on the part of the price that is not refunded.
    async fn tax_kept(&self) -> Money {
        self.money(self.cancellation.tax_kept)
    }

    /// Amount that the host has to pay to the marketplace for cancelling. It is deducted from later payouts. Null
    /// unless the host cancels.
    async fn host_penalty(&self) -> Option<Money> {
        self.cancellation.host_penalty.map(|minor| self.money(minor))
    }

    /// Explanation of the applied rule, as an English sentence.
    async fn reason(&self) -> &str {
        &self.cancellation.reason
    }

    /// The retained part of the price, line by line. Empty for a booking that is already cancelled.
    async fn lines(&self) -> Vec<PriceLine> {
        let lines = self.cancellation.lines.iter().cloned();
        lines.map(|line| PriceLine::new(line, self.currency)).collect()
    }
}
