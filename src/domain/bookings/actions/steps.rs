//! What guest and host do with a booking: accept, decline, withdraw, confirm the payment, arrive, leave.

use sea_orm::ActiveValue::Set;
use uuid::Uuid;

use crate::domain::bookings::lifecycle::competing_requests;
use crate::domain::bookings::lifecycle::progress::{SAFETY_NET, confirmation, follow_up};
use crate::domain::bookings::lifecycle::state::{Action, Actor, BookingState};
use crate::domain::bookings::lifecycle::transition::{By, Step, conflict, possible, require, take};
use crate::domain::bookings::replay::ask_again;
use crate::domain::bookings::{Booking, alterations, payout_schedule, read};
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::listings;
use crate::domain::viewer::Viewer;
use crate::platform::{App, fail_point};

const LONGEST_REASON: usize = 1_000;

/// The booking, if the viewer is on one of those sides of it and its state allows the action.
async fn find(app: &App, viewer: &Viewer, id: Uuid, sides: &[Actor], action: Action) -> Result<(Booking, By), Error> {
    let user = viewer.require_user()?;
    let booking = read::by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
    let actor = read::role(viewer, &booking).filter(|actor| sides.contains(actor));
    let actor = actor.ok_or_else(|| Error::refused(Code::Forbidden, &["id"], "this is for the other side to do"))?;
    require(app, &booking, actor, action)?;
    Ok((booking, By { actor, user_id: Some(user.user_id) }))
}

/// The refusal of a step that somebody else was faster with.
async fn outrun(app: &App, viewer: &Viewer, id: Uuid, actor: Actor) -> Error {
    match read::by_id(app, viewer, id).await {
        Ok(Some(booking)) => match possible(app, &booking, actor) {
            Ok(possible) => conflict(&booking, &possible),
            Err(error) => error,
        },
        Ok(None) => Error::not_found(&["id"]),
        Err(error) => error,
    }
}

/// The host accepts a request; the guest is charged.
pub async fn accept(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    let (booking, by) = find(app, viewer, id, &[Actor::Host], Action::Accept).await?;
    let now = app.clock.now();
    if booking.expires_at.is_some_and(|at| at <= now) {
        let booking = follow_up(app, booking).await;
        return Err(conflict(&booking, &[]));
    }
    let txn = app.db.begin_write().await?;
    fail_point::reach("accept.locking").await;
    listings::lock_calendar(&txn, booking.listing_id).await?;
    let step = confirmation(&booking, by, now, "accept");
    let Some(accepted) = take(app, &txn, &booking, step).await? else {
        drop(txn);
        return Err(outrun(app, viewer, id, by.actor).await);
    };
    fail_point::reach("accept.claiming").await;
    let claimed = booking.holds_nights || {
        let (stay, preparation) = (booking.stay()?, booking.preparation_nights.unsigned_abs());
        listings::claim_for_booking(&txn, booking.listing_id, id, stay, preparation, now, now + SAFETY_NET).await?
    };
    let held = if claimed { listings::confirm_claims(&txn, id).await? } else { 0 };
    if held != booking.stay()?.nights().unsigned_abs() {
        txn.rollback().await?;
        return Err(listings::nights_unavailable(app, booking.listing_id, booking.stay()?, &["id"]).await?.into());
    }
    fail_point::reach("accept.declining").await;
    competing_requests::decline(app, &txn, &accepted).await?;
    payout_schedule::schedule(app, &txn, &accepted, accepted.quote()?.shares().host).await?;
    app.once.spend(&txn, &[id]).await?;
    fail_point::reach("accept.taking").await;
    txn.commit().await?;
    fail_point::reach("accept.taken").await;
    Ok(follow_up(app, accepted).await)
}

/// The host refuses a request; the money is let go.
pub async fn decline(app: &App, viewer: &Viewer, id: Uuid, reason: &str) -> Result<Booking, Error> {
    viewer.require_user()?;
    let mut checks = Refusals::default();
    let reason = checks.text(&["reason"], reason, LONGEST_REASON);
    checks.finish()?;
    let (booking, by) = find(app, viewer, id, &[Actor::Host], Action::Decline).await?;
    let mut step = Step::new(BookingState::Declined, "decline", by);
    step.data = Some(serde_json::json!({ "reason": reason }));
    give_up(app, viewer, booking, step).await
}

/// The guest takes a request back; the money is let go.
pub async fn withdraw(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    let (booking, by) = find(app, viewer, id, &[Actor::Guest], Action::Withdraw).await?;
    give_up(app, viewer, booking, Step::new(BookingState::Withdrawn, "withdraw", by)).await
}

async fn give_up(app: &App, viewer: &Viewer, booking: Booking, mut step: Step<'_>) -> Result<Booking, Error> {
    let actor = step.by.actor;
    step.look_again = vec![app.clock.now() + SAFETY_NET];
    let txn = app.db.begin_write().await?;
    let Some(ended) = take(app, &txn, &booking, step).await? else {
        drop(txn);
        return Err(outrun(app, viewer, booking.id, actor).await);
    };
    listings::release_claims(&txn, booking.id, booking.check_in, false).await?;
    app.once.spend(&txn, &[booking.id]).await?;
    txn.commit().await?;
    Ok(follow_up(app, ended).await)
}

/// The guest has done what the card's bank asked for.
pub async fn confirm_payment(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    // The payment that waits for the guest may be that of a change.
    let known = read::by_id(app, viewer, id).await?.filter(|booking| viewer.is(booking.guest_id));
    if let Some(booking) = known
        && alterations::is_being_paid(app, id).await?
    {
        app.once.spend(app.db.write(), &[id]).await?;
        return ask_again(app, booking).await;
    }
    let (booking, _) = find(app, viewer, id, &[Actor::Guest], Action::ConfirmPayment).await?;
    // The processor keeps the effect, so the key is spent before it is asked: a run that is cut short is gone on with.
    app.once.spend(app.db.write(), &[id]).await?;
    ask_again(app, booking).await
}

/// Guest or host say that the guest has arrived.
pub async fn check_in(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    let (booking, by) = find(app, viewer, id, &[Actor::Guest, Actor::Host], Action::CheckIn).await?;
    let mut step = Step::new(BookingState::CheckedIn, "check_in", by);
    step.change.seen_at = Set(Some(app.clock.now()));
    walk(app, viewer, booking, step).await
}

/// Guest or host say that the guest has left.
pub async fn check_out(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    let (booking, by) = find(app, viewer, id, &[Actor::Guest, Actor::Host], Action::CheckOut).await?;
    walk(app, viewer, booking, Step::new(BookingState::Completed, "check_out", by)).await
}

async fn walk(app: &App, viewer: &Viewer, booking: Booking, step: Step<'_>) -> Result<Booking, Error> {
    let actor = step.by.actor;
    let txn = app.db.begin_write().await?;
    let Some(walked) = take(app, &txn, &booking, step).await? else {
        drop(txn);
        return Err(outrun(app, viewer, booking.id, actor).await);
    };
    app.once.spend(&txn, &[walked.id]).await?;
    txn.commit().await?;
    // What was under way for a stay that is over is let go at once.
    if walked.state.is_over() { Ok(follow_up(app, walked).await) } else { Ok(walked) }
}
