//! The other side accepts an alteration.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::authorize_alteration::authorize_alteration;
use crate::domain::bookings::allowed_actions::AlterationAction;
use crate::domain::bookings::alterations::{self, apply_alteration, difference_in_shares, set_state};
use crate::domain::bookings::deadlines::{FOLLOW_UP_DELAY, HOLD_TTL};
use crate::domain::bookings::event::{ActedBy, EventKind};
use crate::domain::bookings::lifecycle::locks::lock_booking;
use crate::domain::bookings::lifecycle::permission::{conflict_for, require_paid_in_full};
use crate::domain::bookings::lifecycle::transition::{Transition, apply};
use crate::domain::bookings::progress::follow_up;
use crate::domain::bookings::quotes::quote::Quote;
use crate::domain::bookings::state::{Actor, AlterationState};
use crate::domain::bookings::{Alteration, Booking, replay, table};
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::listings;
use crate::domain::payments::{self, Charge, MAX_PAYMENT_METHOD_CHARS};
use crate::domain::viewer::Viewer;
use crate::kernel::money::Money;
use crate::platform::database::Transaction;
use crate::platform::{App, fail_point};

/// Accepts an alteration. A guest who accepts can name the card that pays a higher price. Without one, the card of the
/// booking is charged.
pub async fn accept_alteration(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    method: Option<String>,
) -> Result<(Booking, Alteration), Error> {
    viewer.require_user()?;
    let mut checks = Refusals::default();
    let method = method.map(|method| checks.text(&["paymentMethodToken"], &method, MAX_PAYMENT_METHOD_CHARS));
    checks.finish()?;
    let found = authorize_alteration(app, viewer, id, AlterationAction::Accept).await?;
    let method = method.filter(|_| found.by.actor == Actor::Guest);
    let booking = agree(app, &found.booking, &found.alteration, found.by, method).await?;
    replay::check_difference(app, viewer, booking, id).await
}

/// Accepts the alteration. It is applied at once, unless there is a difference to be paid first.
async fn agree(
    app: &App,
    booking: &Booking,
    alteration: &Alteration,
    by: ActedBy,
    method: Option<String>,
) -> Result<Booking, Error> {
    let now = app.clock.now();
    let quote = alteration.quote()?;
    check_still_possible(app, booking, &quote, by)?;
    let txn = app.db.begin_write().await?;
    fail_point::reach("alteration.locking").await;
    listings::lock_calendar(&txn, booking.listing_id).await?;
    lock_booking(&txn, booking.id).await?;
    // Re-read under the lock: another answer may have been committed in the meantime.
    let current = table::alteration::Entity::find_by_id(alteration.id).one(&txn).await?;
    if current.is_none_or(|current| current.state != AlterationState::Pending) {
        drop(txn);
        return Err(conflict_for(app, booking, by.actor));
    }
    require_paid_in_full(&txn, booking).await?;
    let (hold, preparation) = (now + HOLD_TTL, booking.preparation_nights.unsigned_abs());
    fail_point::reach("alteration.claiming").await;
    if !listings::claim_extra_nights(&txn, booking.listing_id, booking.id, quote.stay, preparation, now, hold).await? {
        txn.rollback().await?;
        return Err(listings::nights_unavailable(app, booking.listing_id, quote.stay, &["id"]).await?.into());
    }
    let changed = if alteration.difference_minor > 0 {
        await_payment(app, &txn, booking, alteration, by, method, now).await?
    } else {
        apply_alteration(app, &txn, booking, alteration, by).await?
    };
    let Some(changed) = changed else {
        txn.rollback().await?;
        return Err(conflict_for(app, booking, by.actor));
    };
    app.idempotency_key.record(&txn, &[alteration.id]).await?;
    fail_point::reach("alteration.agreeing").await;
    txn.commit().await?;
    fail_point::reach("alteration.agreed").await;
    Ok(follow_up(app, changed).await)
}

/// Refuses an alteration that became impossible after it was requested.
fn check_still_possible(app: &App, booking: &Booking, quote: &Quote, by: ActedBy) -> Result<(), Error> {
    if booking.state.is_closed() {
        return Err(conflict_for(app, booking, by.actor));
    }
    match alterations::why_impossible(booking, quote) {
        Some(message) => Err(Error::refused(Code::StateConflict, &["id"], message)),
        None => Ok(()),
    }
}

/// Opens the payment of the difference. The nights are held until it is authorized, at most `HOLD_TTL`. None if booking
/// or alteration changed since they were read.
async fn await_payment(
    app: &App,
    txn: &Transaction,
    booking: &Booking,
    alteration: &Alteration,
    by: ActedBy,
    method: Option<String>,
    now: DateTime<Utc>,
) -> Result<Option<Booking>, Error> {
    let hold = now + HOLD_TTL;
    let quote = alteration.quote()?;
    let payment = payments::load_for_booking(txn, booking.id).await?;
    let charge = Charge {
        booking_id: booking.id,
        alteration_id: Some(alteration.id),
        host_id: booking.host_id,
        amount: Money::new(alteration.difference_minor, quote.price.currency),
        shares: difference_in_shares(booking, &quote)?,
        method: method.or(alteration.method.clone()).unwrap_or(payment.method),
    };
    fail_point::reach("alteration.charging").await;
    payments::open(app, txn, charge).await?;
    fail_point::reach("alteration.holding").await;
    table::alteration::Entity::update_many()
        .col_expr(table::alteration::Column::ExpiresAt, Expr::value(hold))
        .filter(table::alteration::Column::Id.eq(alteration.id))
        .exec(txn)
        .await?;
    let mut transition = Transition::new(booking.state, EventKind::AgreeAlteration, by);
    transition.details.alteration_id = Some(alteration.id);
    transition.change.updated_at = Set(now);
    transition.advance_at = vec![now + FOLLOW_UP_DELAY, hold];
    let changed = apply(app, txn, booking, transition).await?;
    match changed {
        Some(booking) if set_state(app, txn, alteration, AlterationState::Paying).await? => Ok(Some(booking)),
        _ => Ok(None),
    }
}
