//! Giving back more than the policy says: a host from their own earnings, staff from all that is left.

use sea_orm::ActiveValue::Set;
use uuid::Uuid;

use crate::domain::bookings::lifecycle::progress::{SAFETY_NET, follow_up};
use crate::domain::bookings::lifecycle::state::{Actor, BookingState};
use crate::domain::bookings::lifecycle::transition::{By, Step, conflict, paid_in_full, possible, take};
use crate::domain::bookings::replay::cancelled;
use crate::domain::bookings::{Booking, read};
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::payments::{self, Refund};
use crate::domain::viewer::Viewer;
use crate::kernel::money::Money;
use crate::platform::{App, fail_point};

const LONGEST_REASON: usize = 1_000;

/// Gives `amount` of what a booking's guest has paid back to them. It comes out of the host's earnings first, then of
/// the fees, then of the taxes; a host can give their own earnings only.
pub async fn refund(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    amount: Money,
    reason: &str,
) -> Result<(Booking, Option<Refund>), Error> {
    let user = viewer.require_user()?;
    let mut checks = Refusals::default();
    let reason = checks.text(&["reason"], reason, LONGEST_REASON);
    checks.check(amount.minor > 0, Code::Invalid, &["amount", "amount"], "must be more than nothing");
    checks.finish()?;
    let booking = read::by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
    let actor = read::role(viewer, &booking).filter(|actor| *actor != Actor::Guest);
    let actor = actor.ok_or_else(|| Error::refused(Code::Forbidden, &["id"], "this is for the other side to do"))?;
    if amount.currency.code() != booking.currency {
        let message = format!("must be in {}", booking.currency);
        return Err(Error::refused(Code::Invalid, &["amount", "currency"], message));
    }
    // What goes back goes back to where the charge came from, so the charge has to be there first.
    fail_point::reach("refund.looking").await;
    let booking = follow_up(app, booking).await;
    let txn = app.db.begin_write().await?;
    let by = By { actor, user_id: Some(user.user_id) };
    let mut step = Step::new(booking.state, "refund", by);
    step.expires_at = booking.expires_at;
    step.change.refunded_minor = Set(booking.refunded_minor + amount.minor);
    step.data = Some(serde_json::json!({ "reason": reason, "amount": amount.minor, "currency": booking.currency }));
    step.look_again = vec![app.clock.now() + SAFETY_NET];
    if take(app, &txn, &booking, step).await?.is_none() {
        drop(txn);
        let booking = read::by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
        return Err(conflict(&booking, &possible(app, &booking, actor)?));
    }
    fail_point::reach("refund.locking").await;
    let Some(escrow) = payments::escrow::lock(&txn, id).await? else {
        return Err(conflict(&booking, &possible(app, &booking, actor)?));
    };
    if is_under_way(booking.state) {
        paid_in_full(&txn, &booking).await?;
    }
    let shares = escrow.shares();
    let most = if actor == Actor::Host { shares.host } else { shares.sum() };
    if amount.minor > most {
        let most = Money::new(most, amount.currency);
        let message = format!("must be at most {most}, which is what is left of it");
        return Err(Error::refused(Code::Invalid, &["amount", "amount"], message));
    }
    let refund = payments::escrow::divide(app, &txn, id, shares.giving_back(amount.minor), &reason).await?;
    let subject: Vec<Uuid> = [id].into_iter().chain(refund.as_ref().map(|refund| refund.id)).collect();
    app.once.spend(&txn, &subject).await?;
    fail_point::reach("refund.owing").await;
    txn.commit().await?;
    fail_point::reach("refund.owed").await;
    cancelled(app, viewer, id, refund.map(|refund| refund.id)).await
}

/// Whether all of the price belongs to the booking; after a cancellation only a part of it does.
fn is_under_way(state: BookingState) -> bool {
    matches!(state, BookingState::Confirmed | BookingState::CheckedIn | BookingState::Completed)
}
