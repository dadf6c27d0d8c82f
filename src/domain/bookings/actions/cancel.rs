//! Cancelling a booking for exactly the refund that was shown.

use chrono::{DateTime, Days, Utc};
use sea_orm::ActiveValue::Set;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::bookings::cancellation::{Canceller, Settlement, settle};
use crate::domain::bookings::lifecycle::progress::{SAFETY_NET, follow_up};
use crate::domain::bookings::lifecycle::state::{Action, Actor, BookingState};
use crate::domain::bookings::lifecycle::transition::{By, Step, conflict, paid_in_full, possible, require, take};
use crate::domain::bookings::replay::cancelled;
use crate::domain::bookings::{Booking, read};
use crate::domain::error::{Code, Detail, Error, Refusal, Refusals};
use crate::domain::listings;
use crate::domain::listings::pricing::PriceLine;
use crate::domain::payments::{self, Refund, Shares};
use crate::domain::viewer::Viewer;
use crate::kernel::money::Money;
use crate::platform::idempotency::Once;
use crate::platform::{App, fail_point};

const LONGEST_REASON: usize = 1_000;

/// How the money of a cancelled booking is divided, in minor units of its currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// The moment it is computed for.
    pub at: DateTime<Utc>,
    /// What the guest gets back.
    pub refund: i64,
    /// What the host earns.
    pub host_keeps: i64,
    /// The service fees that stay with the platform.
    pub platform_keeps: i64,
    /// The taxes on what stays.
    pub tax_kept: i64,
    /// What a cancelling host owes.
    pub host_penalty: Option<i64>,
    /// Which rule applied.
    pub reason: String,
    /// What the canceller said.
    pub note: Option<String>,
    /// What is kept, line by line.
    #[serde(skip)]
    pub lines: Vec<PriceLine>,
    nights_stayed: i64,
}

impl Cancellation {
    /// What went back before counts: the guest gets the rest of it, and who gave more than they had to has given it.
    fn of(settlement: Settlement, refunded: i64, at: DateTime<Utc>, note: Option<String>) -> Self {
        let shares = Shares { host: settlement.payout, platform: settlement.platform_keeps, tax: settlement.tax_kept };
        let shares = shares.giving_back((refunded - settlement.refund).max(0));
        Cancellation {
            at,
            refund: (settlement.refund - refunded).max(0),
            host_keeps: shares.host,
            platform_keeps: shares.platform,
            tax_kept: shares.tax,
            host_penalty: settlement.host_penalty,
            reason: settlement.reason,
            note,
            lines: settlement.lines,
            nights_stayed: settlement.nights_stayed,
        }
    }

    fn shares(&self) -> Shares {
        Shares { host: self.host_keeps, platform: self.platform_keeps, tax: self.tax_kept }
    }
}

/// What became of a cancelled booking, or what would become of it if the viewer cancelled now.
pub fn preview(app: &App, viewer: &Viewer, booking: &Booking) -> Result<Option<Cancellation>, Error> {
    let Some(actor) = read::role(viewer, booking) else { return Ok(None) };
    if let Some(done) = &booking.cancellation {
        let done = Cancellation::deserialize(done);
        return done.map(Some).map_err(|_| Error::failed(format!("booking {} is unreadable", booking.id)));
    }
    if !possible(app, booking, actor)?.contains(&Action::Cancel) {
        return Ok(None);
    }
    compute(app, booking, actor, None, None).map(Some)
}

/// Divides the money of a booking that `actor` would cancel now. The platform may choose what goes back.
pub(in crate::domain::bookings) fn compute(
    app: &App,
    booking: &Booking,
    actor: Actor,
    note: Option<String>,
    chosen: Option<i64>,
) -> Result<Cancellation, Error> {
    let now = app.clock.now();
    let quote = booking.quote()?;
    let terms = quote.terms(app, booking.created_at, booking.confirmed_at);
    let refunded = booking.refunded_minor;
    let canceller = match actor {
        Actor::Guest => Canceller::Guest,
        Actor::Host => Canceller::Host,
        Actor::Platform | Actor::System => {
            Canceller::Platform { refund: chosen.map(|chosen| chosen.saturating_add(refunded)) }
        }
    };
    Ok(Cancellation::of(settle(&terms, canceller, now), refunded, now, note))
}

/// Cancels a booking, if the refund is still the one that the viewer was shown.
pub async fn cancel(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    expected_refund: Money,
    reason: Option<&str>,
) -> Result<(Booking, Option<Refund>), Error> {
    let user = viewer.require_user()?;
    let mut checks = Refusals::default();
    let note = reason.map(|text| checks.text_or_empty(&["reason"], text, LONGEST_REASON));
    checks.finish()?;
    let booking = read::by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
    let actor = read::role(viewer, &booking).ok_or_else(|| Error::not_found(&["id"]))?;
    require(app, &booking, actor, Action::Cancel)?;
    if expected_refund.currency.code() != booking.currency {
        let message = format!("must be in {}", booking.currency);
        return Err(Error::refused(Code::Invalid, &["expectedRefund", "currency"], message));
    }
    // A refund goes back to where the charge came from, so the charge has to be there first.
    fail_point::reach("cancel.looking").await;
    let booking = follow_up(app, booking).await;
    require(app, &booking, actor, Action::Cancel)?;
    let chosen = (actor == Actor::Platform).then_some(expected_refund.minor);
    let cancellation = compute(app, &booking, actor, note.filter(|text| !text.is_empty()), chosen)?;
    if cancellation.refund != expected_refund.minor {
        let message = format!("the refund is now {}", Money::new(cancellation.refund, expected_refund.currency));
        let detail = Detail::Refund(serde_json::to_value(&cancellation).map_err(Error::failed)?);
        return Err(Refusal::at(Code::RefundChanged, &["expectedRefund", "amount"], message).with(detail).into());
    }
    let ending = Ending::cancellation(By { actor, user_id: Some(user.user_id) });
    let refund = apply(app, &booking, ending, &cancellation).await?;
    let Some(refund) = refund else {
        let booking = read::by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
        return Err(conflict(&booking, &possible(app, &booking, actor)?));
    };
    fail_point::reach("cancel.taken").await;
    cancelled(app, viewer, id, refund.map(|refund| refund.id)).await
}

/// How a booking that was paid for ends early.
pub(in crate::domain::bookings) struct Ending {
    pub to: BookingState,
    /// The word for the event row.
    pub action: &'static str,
    pub by: By,
    /// Whether the nights stay closed to others.
    pub block: bool,
}

impl Ending {
    fn cancellation(by: By) -> Self {
        let (to, block) = match by.actor {
            Actor::Guest => (BookingState::CancelledByGuest, false),
            Actor::Host => (BookingState::CancelledByHost, true),
            Actor::Platform | Actor::System => (BookingState::CancelledByPlatform, false),
        };
        Ending { to, action: "cancel", by, block }
    }
}

/// Takes the step, frees or blocks the nights and owes the refund, all in one; nothing when somebody else was faster.
pub(in crate::domain::bookings) async fn apply(
    app: &App,
    booking: &Booking,
    ending: Ending,
    cancellation: &Cancellation,
) -> Result<Option<Option<Refund>>, Error> {
    let mut step = Step::new(ending.to, ending.action, ending.by);
    step.change.cancellation = Set(Some(serde_json::to_value(cancellation).map_err(Error::failed)?));
    step.data = cancellation.note.as_ref().map(|note| serde_json::json!({ "reason": note }));
    step.look_again = vec![cancellation.at + SAFETY_NET];
    let txn = app.db.begin_write().await?;
    if take(app, &txn, booking, step).await?.is_none() {
        return Ok(None);
    }
    // What goes back goes back to where the charge came from, so all of the price has to be there.
    fail_point::reach("cancel.locking").await;
    if ending.by.user_id.is_some() {
        paid_in_full(&txn, booking).await?;
    }
    fail_point::reach("cancel.freeing").await;
    // Nights that a change of the stay was holding were never the booking's.
    listings::release_more(&txn, booking.id, booking.stay()?, booking.preparation_nights.unsigned_abs()).await?;
    // Nights that were stayed remain the booking's.
    let first = booking.check_in.checked_add_days(Days::new(cancellation.nights_stayed.unsigned_abs()));
    listings::release_claims(&txn, booking.id, first.unwrap_or(booking.check_out), ending.block).await?;
    fail_point::reach("cancel.dividing").await;
    let refund = payments::escrow::divide(app, &txn, booking.id, cancellation.shares(), &cancellation.reason).await?;
    if let Some(penalty) = cancellation.host_penalty {
        payments::escrow::penalize(app, &txn, booking.id, penalty).await?;
    }
    let subject: Vec<Uuid> = [booking.id].into_iter().chain(refund.as_ref().map(|refund| refund.id)).collect();
    app.once.spend(&txn, &subject).await?;
    fail_point::reach("cancel.taking").await;
    txn.commit().await?;
    Ok(Some(refund))
}

/// The platform ends a booking that was paid for and gives everything back, when something broke that nobody chose.
pub(in crate::domain::bookings) async fn by_platform(
    app: &App,
    booking: &Booking,
    action: &'static str,
) -> Result<bool, Error> {
    // It is nobody's call, even if it comes out while one runs.
    let app = &app.with_once(Once::default());
    // Of the price, what was not charged does not go back.
    let escrow = payments::escrow::lock(app.db.write(), booking.id).await?;
    let held = escrow.map_or(0, |escrow| escrow.shares().sum());
    let cancellation = Cancellation { refund: held, ..compute(app, booking, Actor::Platform, None, None)? };
    let ending = Ending { to: BookingState::CancelledByPlatform, action, by: By::SYSTEM, block: false };
    apply(app, booking, ending, &cancellation).await?;
    Ok(true)
}
