//! What hosts are told about their payouts.

use super::send::{Change, Payout};
use crate::domain::error::Error;
use crate::domain::notifications::{Facts, Notice, NotificationKind as News, Side, notify};
use crate::domain::payments::status::PayoutState;
use crate::kernel::id::{Id, Kind};
use crate::kernel::money::Money;
use crate::platform::App;
use crate::platform::database::Transaction;

/// What a change of a payout has to say to its host, if anything.
pub(in crate::domain::payments) fn of(payout: &Payout, change: &Change) -> Result<Option<Notice>, Error> {
    let sent = payout.sent_minor.unwrap_or(0);
    let (kind, minor) = match (change.state, &change.failure_reason) {
        (Some(PayoutState::Paid), _) if sent == 0 => (News::PayoutOffset, payout.amount_minor),
        (Some(PayoutState::Paid), _) => (News::PayoutSent, sent),
        // Without a reason it is one that was let go and is tried at once.
        (Some(PayoutState::Failed), Some(_)) => (News::PayoutFailed, payout.amount_minor),
        (Some(PayoutState::OnHold), _) => (News::PayoutHeld, payout.amount_minor),
        _ => return Ok(None),
    };
    let facts = Facts {
        to: Side::Host,
        by: None,
        code: None,
        stay: None,
        amount: Some(Money::new(minor, payout.currency.parse().map_err(Error::failed)?)),
        reason: change.failure_reason.clone(),
    };
    let subject = Id::new(Kind::Payout, payout.id);
    Ok(Some(Notice { user_id: payout.host_id, kind, subject, facts }))
}

/// Tells the host.
pub(in crate::domain::payments) async fn tell(
    app: &App,
    txn: &Transaction,
    notice: Option<Notice>,
) -> Result<(), Error> {
    notify(app, txn, notice.into_iter().collect()).await
}
