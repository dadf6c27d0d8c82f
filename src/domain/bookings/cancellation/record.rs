//! The settlement of a cancellation as it is stored with the booking.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::rule::CancellationRule;
use super::settle::Settlement;
use crate::domain::bookings::Booking;
use crate::domain::bookings::state::BookingState;
use crate::domain::error::Error;
use crate::domain::listings::pricing::PriceLine;
use crate::domain::payments::Shares;

/// How the money of a cancelled booking is shared, in minor units of the booking's currency. Refunds that were made
/// before the cancellation are taken into account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// When the booking was cancelled, or for which moment a preview was computed.
    pub at: DateTime<Utc>,
    /// What the guest gets back by the cancellation.
    pub refund: i64,
    /// What the host earns.
    pub host_keeps: i64,
    /// The service fees that the platform keeps.
    pub platform_keeps: i64,
    /// The taxes on what is kept.
    pub tax_kept: i64,
    /// The penalty of a host who cancels. None for other cancellers.
    pub host_penalty: Option<i64>,
    /// The rule that applied.
    pub rule: CancellationRule,
    /// The rule and its effect, for people.
    #[serde(alias = "reason")]
    pub explanation: String,
    /// What the person who cancelled wrote for the other side. None if they wrote nothing.
    pub note: Option<String>,
    /// What is kept, line by line. Not stored.
    #[serde(skip)]
    pub lines: Vec<PriceLine>,
    pub(in crate::domain::bookings) nights_stayed: i64,
}

impl Cancellation {
    /// How the booking was cancelled. None if it was not.
    pub fn of(booking: &Booking) -> Result<Option<Cancellation>, Error> {
        match &booking.cancellation {
            Some(stored) => Cancellation::deserialize(stored).map(Some).map_err(|error| {
                Error::failed(format!("the cancellation of booking {} cannot be read: {error}", booking.id))
            }),
            // Its only charge was refused, so there was nothing to settle.
            None if booking.state == BookingState::CancelledByPlatform => {
                Ok(Some(Cancellation::without_money(booking.ended_at.unwrap_or(booking.updated_at))))
            }
            None => Ok(None),
        }
    }

    fn without_money(at: DateTime<Utc>) -> Cancellation {
        let rule = CancellationRule::ChargeRefused;
        Cancellation {
            at,
            refund: 0,
            host_keeps: 0,
            platform_keeps: 0,
            tax_kept: 0,
            host_penalty: None,
            rule,
            explanation: format!("{}. Nothing was charged.", rule.label(0)),
            note: None,
            lines: Vec::new(),
            nights_stayed: 0,
        }
    }

    /// The settlement after a charge was refused: the guest gets back all that is `held`, which is less than the price.
    pub(in crate::domain::bookings) fn after_refused_charge(self, held: i64) -> Cancellation {
        let rule = CancellationRule::ChargeRefused;
        let explanation = format!("{}. Full refund.", rule.label(0));
        Cancellation { refund: held, rule, explanation, ..self }
    }

    /// The settlement of a booking of which `refunded` was refunded before. That refund counts: the guest gets the rest
    /// of what the policy gives back. If more was refunded than that, the surplus is taken from what is kept.
    pub(in crate::domain::bookings) fn from_settlement(
        settlement: Settlement,
        refunded: i64,
        at: DateTime<Utc>,
        note: Option<String>,
    ) -> Self {
        let shares = Shares { host: settlement.payout, platform: settlement.platform_keeps, tax: settlement.tax_kept };
        let shares = shares.after_refund((refunded - settlement.refund).max(0));
        Cancellation {
            at,
            refund: (settlement.refund - refunded).max(0),
            host_keeps: shares.host,
            platform_keeps: shares.platform,
            tax_kept: shares.tax,
            host_penalty: settlement.host_penalty,
            rule: settlement.rule,
            explanation: settlement.explanation,
            note,
            lines: settlement.lines,
            nights_stayed: settlement.nights_stayed,
        }
    }

    /// What host, platform and taxes keep.
    pub(in crate::domain::bookings) fn shares(&self) -> Shares {
        Shares { host: self.host_keeps, platform: self.platform_keeps, tax: self.tax_kept }
    }
}
