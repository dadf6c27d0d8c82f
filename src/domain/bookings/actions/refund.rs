//! The host or staff refund more than the cancellation policy does: a host at most their own earnings, staff at most
//! all that is left.

use sea_orm::ActiveValue::Set;
use uuid::Uuid;

use super::authorize::{find_in_role, lost_race};
use crate::domain::bookings::deadlines::FOLLOW_UP_DELAY;
use crate::domain::bookings::event::{EventDetails, EventKind};
use crate::domain::bookings::lifecycle::permission::{conflict_for, require_paid_in_full};
use crate::domain::bookings::lifecycle::transition::{Transition, apply};
use crate::domain::bookings::progress::follow_up;
use crate::domain::bookings::state::{Actor, BookingState};
use crate::domain::bookings::{Booking, replay};
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::limits::MAX_REASON_CHARS;
use crate::domain::payments::{self, NewRefund, Refund};
use crate::domain::viewer::Viewer;
use crate::kernel::money::Money;
use crate::platform::{App, fail_point};

/// Why the guest is refunded.
const REASON: &str = "Refunded in addition to the cancellation policy.";

/// Refunds `amount` of what the guest of a booking has paid. It is taken from the host's earnings first, then from the
/// fees, then from the taxes. A host can refund only their own earnings.
pub async fn refund(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    amount: Money,
    reason: &str,
) -> Result<(Booking, Option<Refund>), Error> {
    viewer.require_user()?;
    let mut checks = Refusals::default();
    let note = checks.text(&["reason"], reason, MAX_REASON_CHARS);
    checks.check(amount.minor > 0, Code::Invalid, &["amount", "amount"], "must be greater than zero");
    checks.finish()?;
    let (booking, by) = find_in_role(app, viewer, id, &[Actor::Host, Actor::Platform]).await?;
    if amount.currency.code() != booking.currency {
        let message = format!("must be in {}", booking.currency);
        return Err(Error::refused(Code::CurrencyMismatch, &["amount", "currency"], message));
    }
    // A refund goes back to the card that was charged, so the charge has to be complete first.
    fail_point::reach("refund.charging").await;
    let booking = follow_up(app, booking).await;
    let txn = app.db.begin_write().await?;
    let mut transition = Transition::new(booking.state, EventKind::Refund, by);
    transition.expires_at = booking.expires_at;
    transition.change.refunded_minor = Set(booking.refunded_minor + amount.minor);
    let refund_id = app.clock.new_id();
    transition.details = EventDetails {
        note: Some(note.clone()),
        refund_id: Some(refund_id),
        refunded_minor: Some(amount.minor),
        ..EventDetails::default()
    };
    transition.advance_at = vec![app.clock.now() + FOLLOW_UP_DELAY];
    if apply(app, &txn, &booking, transition).await?.is_none() {
        drop(txn);
        return Err(lost_race(app, viewer, id, by.actor).await);
    }
    fail_point::reach("refund.locking").await;
    let Some(escrow) = payments::lock_escrow(&txn, id).await? else {
        return Err(conflict_for(app, &booking, by.actor));
    };
    if has_full_price(booking.state) {
        require_paid_in_full(&txn, &booking).await?;
    }
    let shares = escrow.shares();
    let most = if by.actor == Actor::Host { shares.host } else { shares.sum() };
    if amount.minor > most {
        let message = format!("must be at most {}, the amount that is left", Money::new(most, amount.currency));
        return Err(Error::refused(Code::Invalid, &["amount", "amount"], message));
    }
    let new = NewRefund { id: refund_id, reason: REASON, note: Some(&note) };
    let refund = payments::settle_shares(app, &txn, id, shares.after_refund(amount.minor), new).await?;
    let subject: Vec<Uuid> = [id].into_iter().chain(refund.as_ref().map(|refund| refund.id)).collect();
    app.idempotency_key.record(&txn, &subject).await?;
    fail_point::reach("refund.committing").await;
    txn.commit().await?;
    fail_point::reach("refund.committed").await;
    replay::cancel(app, viewer, id, refund.map(|refund| refund.id)).await
}

/// Whether all of the price belongs to the booking. After a cancellation only a part of it does.
fn has_full_price(state: BookingState) -> bool {
    matches!(state, BookingState::Confirmed | BookingState::CheckedIn | BookingState::Completed)
}
