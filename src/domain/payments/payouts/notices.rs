//! Notifications to hosts about their payouts.

use crate::domain::error::Error;
use crate::domain::notifications::{Facts, Notice, NotificationKind, Side, notify};
use crate::domain::payments::status::PayoutState;
use crate::domain::payments::table::payout::Model as Payout;
use crate::kernel::id::{Id, Kind};
use crate::kernel::money::Money;
use crate::platform::App;
use crate::platform::database::Transaction;

/// Notifies the host of a payout that moves to `state`, if hosts are notified of that state.
pub(super) async fn notify_host(
    app: &App,
    txn: &Transaction,
    payout: &Payout,
    state: Option<PayoutState>,
    failure_reason: Option<String>,
) -> Result<(), Error> {
    let sent_minor = payout.sent_minor.unwrap_or(0);
    let (kind, minor) = match (state, &failure_reason) {
        (Some(PayoutState::Paid), _) if sent_minor == 0 => (NotificationKind::PayoutOffset, payout.amount_minor),
        (Some(PayoutState::Paid), _) => (NotificationKind::PayoutSent, sent_minor),
        // A payout that becomes FAILED without a reason was taken off hold and is sent at once.
        (Some(PayoutState::Failed), Some(_)) => (NotificationKind::PayoutFailed, payout.amount_minor),
        (Some(PayoutState::OnHold), _) => (NotificationKind::PayoutHeld, payout.amount_minor),
        _ => return Ok(()),
    };
    let facts = Facts {
        to: Side::Host,
        by: None,
        code: None,
        stay: None,
        amount: Some(Money::new(minor, payout.currency.parse().map_err(Error::failed)?)),
        reason: failure_reason,
    };
    let subject = Id::new(Kind::Payout, payout.id);
    notify(app, txn, vec![Notice { user_id: payout.host_id, kind, subject, facts }]).await
}
