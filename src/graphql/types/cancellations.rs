//! Bookings that were cancelled or declined, and previews of cancellations.

use async_graphql::{Description, Enum, Object};

use super::booking_events::BookingActor;
use super::prices::PriceLine;
use crate::domain::bookings as domain;
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::DateTime;
use crate::kernel::money::Currency;

/// Rule by which a cancellation is settled. The deadlines follow from the cancellation policy of the booking.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::CancellationRule")]
pub enum CancellationRule {
    /// The guest cancelled by the policy's deadline for a full refund.
    FreePeriod,
    /// The guest cancelled within 24 hours of the confirmation, and the booking was confirmed at least 7 days before
    /// check-in. The refund is full under every policy. Stays of 28 nights or more have no such period.
    GracePeriod,
    /// The guest cancelled by the policy's deadline for a partial refund.
    PartialRefundPeriod,
    /// The guest cancelled after the policy's deadlines, before the first night began.
    AfterDeadline,
    /// The guest cancelled after at least one night had begun.
    StayBegun,
    /// The host reported that the guest did not arrive. Settled as if the guest had cancelled at that moment.
    NoShow,
    /// The host cancelled. The guest is refunded for all nights that had not begun, and the host pays a penalty.
    ByHost,
    /// A member of the marketplace's staff cancelled and chose the refund.
    ByPlatform,
    /// The service cancelled because the card was declined after the confirmation. All that was paid is refunded.
    ChargeRefused,
}

/// How a booking was cancelled. It does not change any more. `refund`, `hostKeeps`, `platformKeeps`, `taxKept` and
/// earlier refunds add up to what the guest paid.
#[derive(Description)]
pub struct Cancellation {
    pub(in crate::graphql) cancellation: domain::Cancellation,
    pub(in crate::graphql) currency: Currency,
    /// Whether the viewer is the host or staff. Guests do not see the penalty.
    pub(in crate::graphql) for_host: bool,
}

#[Object(use_type_description)]
impl Cancellation {
    /// When the booking was cancelled.
    async fn at(&self) -> DateTime {
        DateTime(self.cancellation.at)
    }

    /// Role in which it was cancelled. HOST for a no-show, which the host reports.
    async fn by(&self) -> BookingActor {
        self.cancellation.rule.actor().into()
    }

    /// What the person who cancelled wrote for the other side: `reason` of `bookingCancel`. Null if they wrote nothing.
    async fn note(&self) -> Option<&str> {
        self.cancellation.note.as_deref()
    }

    /// The rule by which the money was settled.
    async fn rule(&self) -> CancellationRule {
        self.cancellation.rule.into()
    }

    /// Explanation of `rule` and its effect for people, in English.
    async fn explanation(&self) -> &str {
        &self.cancellation.explanation
    }

    /// Amount refunded to the guest because of the cancellation, in addition to earlier refunds. Later refunds are not
    /// included.
    async fn refund(&self) -> Money {
        Money::new(self.cancellation.refund, self.currency)
    }

    /// Earnings of the host after the cancellation, after the host's service fee. Later refunds are not deducted.
    async fn host_keeps(&self) -> Money {
        Money::new(self.cancellation.host_keeps, self.currency)
    }

    /// Service fees of guest and host that the marketplace retains.
    async fn platform_keeps(&self) -> Money {
        Money::new(self.cancellation.platform_keeps, self.currency)
    }

    /// Taxes on the part of the price that is not refunded.
    async fn tax_kept(&self) -> Money {
        Money::new(self.cancellation.tax_kept, self.currency)
    }

    /// Amount that the host has to pay to the marketplace for cancelling. It is deducted from later payouts. Null
    /// unless the host cancelled, and for the guest.
    async fn host_penalty(&self) -> Option<Money> {
        let penalty = self.cancellation.host_penalty.filter(|_| self.for_host);
        penalty.map(|minor| Money::new(minor, self.currency))
    }
}

/// How the money would be settled if the viewer cancelled the booking now. `refund`, `hostKeeps`, `platformKeeps`,
/// `taxKept` and earlier refunds add up to what the guest paid.
#[derive(Description)]
pub struct CancellationPreview {
    pub(in crate::graphql) cancellation: domain::Cancellation,
    pub(in crate::graphql) currency: Currency,
}

#[Object(use_type_description)]
impl CancellationPreview {
    /// The time for which the preview is calculated: the time of the request.
    async fn at(&self) -> DateTime {
        DateTime(self.cancellation.at)
    }

    /// The rule that would apply.
    async fn rule(&self) -> CancellationRule {
        self.cancellation.rule.into()
    }

    /// Explanation of `rule` and its effect for people, in English.
    async fn explanation(&self) -> &str {
        &self.cancellation.explanation
    }

    /// Amount that the guest would be refunded, in addition to earlier refunds. Pass it as `expectedRefund` of
    /// `bookingCancel`.
    async fn refund(&self) -> Money {
        Money::new(self.cancellation.refund, self.currency)
    }

    /// Earnings of the host after the cancellation, after the host's service fee.
    async fn host_keeps(&self) -> Money {
        Money::new(self.cancellation.host_keeps, self.currency)
    }

    /// Service fees of guest and host that the marketplace would retain.
    async fn platform_keeps(&self) -> Money {
        Money::new(self.cancellation.platform_keeps, self.currency)
    }

    /// Taxes on the part of the price that would not be refunded.
    async fn tax_kept(&self) -> Money {
        Money::new(self.cancellation.tax_kept, self.currency)
    }

    /// Amount that the host would have to pay to the marketplace for cancelling. It is deducted from later payouts.
    /// Null unless the viewer is the host.
    async fn host_penalty(&self) -> Option<Money> {
        self.cancellation.host_penalty.map(|minor| Money::new(minor, self.currency))
    }

    /// The retained part of the price, line by line.
    async fn lines(&self) -> Vec<PriceLine> {
        let lines = self.cancellation.lines.iter().cloned();
        lines.map(|line| PriceLine::new(line, self.currency)).collect()
    }
}

/// How the request for a booking was declined.
#[derive(Description)]
pub struct BookingDecline {
    pub(in crate::graphql) event: domain::Event,
}

#[Object(use_type_description)]
impl BookingDecline {
    /// When the request was declined.
    async fn at(&self) -> DateTime {
        DateTime(self.event.at)
    }

    /// Role in which it was declined: HOST, or SYSTEM if the host confirmed another stay for the same nights.
    async fn by(&self) -> BookingActor {
        self.event.actor.into()
    }

    /// What the host wrote for the guest: `reason` of `bookingDecline`. Null if the service declined the request.
    async fn note(&self) -> Option<&str> {
        self.event.details.as_ref()?.note.as_deref()
    }
}
