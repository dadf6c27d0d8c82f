//! Answering to a change: the other side agrees or refuses, who asked takes it back.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::apply::swap;
use super::{Alteration, MORE_WENT_BACK, arrived_elsewhere, by_id, difference, set};
use crate::domain::bookings::actions::create::HOLD;
use crate::domain::bookings::lifecycle::progress::{SAFETY_NET, follow_up};
use crate::domain::bookings::lifecycle::state::{Actor, AlterationState};
use crate::domain::bookings::lifecycle::transition::{By, Step, conflict, paid_in_full, possible, take};
use crate::domain::bookings::{Booking, read, table};
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::listings;
use crate::domain::payments::{self, Charge};
use crate::domain::viewer::Viewer;
use crate::kernel::money::Money;
use crate::platform::{App, fail_point};

const LONGEST_METHOD: usize = 200;

/// The other side agrees or refuses; who asked may only take the change back. A guest who agrees may name the card
/// that pays a higher price; without one, it is the card of the booking.
pub async fn respond(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    accept: bool,
    method: Option<String>,
) -> Result<(Booking, Alteration), Error> {
    let user = viewer.require_user()?;
    let mut checks = Refusals::default();
    let method = method.map(|method| checks.text(&["paymentMethodToken"], &method, LONGEST_METHOD));
    checks.finish()?;
    let (alteration, booking) = by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
    let actor = read::role(viewer, &booking).filter(|actor| *actor != Actor::Platform);
    let actor = actor.ok_or_else(|| Error::refused(Code::Forbidden, &["id"], "this is for guest and host"))?;
    let by = By { actor, user_id: Some(user.user_id) };
    let asked = alteration.requested_as == actor;
    if asked && accept {
        return Err(Error::refused(Code::Forbidden, &["id"], "the other side has to answer"));
    }
    if alteration.state != AlterationState::Pending || alteration.expires_at <= app.clock.now() {
        follow_up(app, booking.clone()).await;
        return Err(over(app, &booking, actor));
    }
    let booking = match (accept, asked) {
        (true, _) => agree(app, &booking, &alteration, by, method.filter(|_| actor == Actor::Guest)).await?,
        (false, true) => refuse(app, &booking, &alteration, by, AlterationState::Withdrawn).await?,
        (false, false) => refuse(app, &booking, &alteration, by, AlterationState::Declined).await?,
    };
    tell(app, viewer, booking, id).await
}

/// Answers once more for a change that was answered to.
pub async fn responded(app: &App, viewer: &Viewer, id: Uuid) -> Result<(Booking, Alteration), Error> {
    let (_, booking) = by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
    let booking = follow_up(app, booking).await;
    tell(app, viewer, booking, id).await
}

async fn tell(app: &App, viewer: &Viewer, booking: Booking, id: Uuid) -> Result<(Booking, Alteration), Error> {
    let (alteration, _) = by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
    let unpaid = payments::of_alteration(app.db.read(), id).await?.is_some();
    if unpaid && alteration.state == AlterationState::Declined {
        let message = "the card was declined for the difference; the booking stays as it is";
        return Err(Error::refused(Code::PaymentDeclined, &["paymentMethodToken"], message));
    }
    Ok((booking, alteration))
}

/// The refusal of an answer that comes too late.
fn over(app: &App, booking: &Booking, actor: Actor) -> Error {
    match possible(app, booking, actor) {
        Ok(possible) => conflict(booking, &possible),
        Err(error) => error,
    }
}

async fn refuse(
    app: &App,
    booking: &Booking,
    alteration: &Alteration,
    by: By,
    state: AlterationState,
) -> Result<Booking, Error> {
    let action = if state == AlterationState::Withdrawn { "withdraw_alteration" } else { "decline_alteration" };
    let mut step = Step::new(booking.state, action, by);
    step.alteration_id = Some(alteration.id);
    let txn = app.db.begin_write().await?;
    let taken = take(app, &txn, booking, step).await?;
    let (Some(booking), true) = (taken, set(app, &txn, alteration, state).await?) else {
        drop(txn);
        return Err(over(app, booking, by.actor));
    };
    app.once.spend(&txn, &[alteration.id]).await?;
    txn.commit().await?;
    Ok(booking)
}

/// Both sides agree: the stay is swapped at once, unless there is a difference to be paid first.
async fn agree(
    app: &App,
    booking: &Booking,
    alteration: &Alteration,
    by: By,
    method: Option<String>,
) -> Result<Booking, Error> {
    let now = app.clock.now();
    let quote = alteration.quote()?;
    if booking.state.is_over() {
        return Err(over(app, booking, by.actor));
    }
    if arrived_elsewhere(booking, &quote) {
        let message = "the guest has arrived; the day of check-in cannot change any more";
        return Err(Error::refused(Code::StateConflict, &["id"], message));
    }
    if quote.price.total < booking.refunded_minor {
        return Err(Error::refused(Code::StateConflict, &["id"], MORE_WENT_BACK));
    }
    let txn = app.db.begin_write().await?;
    fail_point::reach("alteration.locking").await;
    listings::lock_calendar(&txn, booking.listing_id).await?;
    // Listing, booking, escrow: everybody who needs several of them takes them in this order.
    read::lock(&txn, booking.id).await?;
    // Whoever was faster with an answer of their own has had it by now.
    let seen = table::alteration::Entity::find_by_id(alteration.id).one(&txn).await?;
    if seen.is_none_or(|seen| seen.state != AlterationState::Pending) {
        drop(txn);
        return Err(over(app, booking, by.actor));
    }
    paid_in_full(&txn, booking).await?;
    let (hold, preparation) = (now + HOLD, booking.preparation_nights.unsigned_abs());
    fail_point::reach("alteration.claiming").await;
    if !listings::claim_more(&txn, booking.listing_id, booking.id, quote.stay, preparation, now, hold).await? {
        txn.rollback().await?;
        return Err(listings::nights_unavailable(app, booking.listing_id, quote.stay, &["id"]).await?.into());
    }
    let changed = if alteration.difference_minor > 0 {
        let payment = payments::of_booking(&txn, booking.id).await?;
        let charge = Charge {
            booking_id: booking.id,
            alteration_id: Some(alteration.id),
            host_id: booking.host_id,
            amount: Money::new(alteration.difference_minor, quote.price.currency),
            shares: difference(booking, &quote)?,
            method: method.or(alteration.method.clone()).unwrap_or(payment.method),
        };
        fail_point::reach("alteration.charging").await;
        payments::open(app, &txn, charge).await?;
        fail_point::reach("alteration.holding").await;
        table::alteration::Entity::update_many()
            .col_expr(table::alteration::Column::ExpiresAt, Expr::value(hold))
            .filter(table::alteration::Column::Id.eq(alteration.id))
            .exec(&txn)
            .await?;
        let mut step = Step::new(booking.state, "agree_alteration", by);
        step.alteration_id = Some(alteration.id);
        step.change.updated_at = Set(now);
        step.look_again = vec![now + SAFETY_NET, hold];
        let taken = take(app, &txn, booking, step).await?;
        match taken {
            Some(booking) if set(app, &txn, alteration, AlterationState::Paying).await? => Some(booking),
            _ => None,
        }
    } else {
        swap(app, &txn, booking, alteration, by).await?
    };
    let Some(changed) = changed else {
        txn.rollback().await?;
        return Err(over(app, booking, by.actor));
    };
    app.once.spend(&txn, &[alteration.id]).await?;
    fail_point::reach("alteration.agreeing").await;
    txn.commit().await?;
    fail_point::reach("alteration.agreed").await;
    Ok(follow_up(app, changed).await)
}
