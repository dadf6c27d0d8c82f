//! Claims of bookings: claiming nights, confirming the claims, moving and releasing them.
//!
//! **Invariant:** only these functions insert and change claims of bookings, always inside the booking's own
//! transaction. Any caller that needs a night may delete a lapsed claim.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::announce::{announce_claims, announce_nights};
use crate::domain::error::{Code, Detail, Error, Refusal};
use crate::domain::listings::enums::{ClaimKind, NightState};
use crate::domain::listings::{Listing, table};
use crate::kernel::stay::Stay;
use crate::platform::App;
use crate::platform::database::{Transaction, is_duplicate};

/// Reads the listing for a booking and locks its row in shared mode until the transaction ends. Bookings share the lock
/// with each other. The host's changes wait for it, so a booking and a block, or a booking and the deletion of the
/// listing, always see each other.
pub(in crate::domain::listings) async fn lock_listing_shared(
    txn: &impl ConnectionTrait,
    id: Uuid,
) -> Result<Option<Listing>, Error> {
    Ok(table::listing::Entity::find_by_id(id).lock_shared().one(txn).await?)
}

/// Reads the listing for a change of its calendar and locks its row exclusively until the transaction ends. It waits
/// for the bookings in progress, and new bookings wait for it.
pub(in crate::domain::listings) async fn lock_listing_exclusive(
    txn: &impl ConnectionTrait,
    id: Uuid,
) -> Result<Option<Listing>, Error> {
    Ok(table::listing::Entity::find_by_id(id).lock_exclusive().one(txn).await?)
}

/// Locks the listing of a booking exclusively until the transaction ends, so that one booking at a time changes its
/// claims.
pub async fn lock_calendar(txn: &impl ConnectionTrait, listing_id: Uuid) -> Result<(), Error> {
    lock_listing_exclusive(txn, listing_id).await.map(|_| ())
}

/// Claims the nights of `stay` as a hold, and `preparation` nights after it as preparation, until `expires_at`.
///
/// Returns false if another claim has one of the nights. The caller must then roll the transaction back.
pub async fn claim_for_booking(
    txn: &Transaction,
    listing_id: Uuid,
    booking_id: Uuid,
    stay: Stay,
    preparation: u32,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<bool, Error> {
    let kind_of = |night| if night < stay.check_out() { ClaimKind::Hold } else { ClaimKind::Preparation };
    let nights: Vec<_> = stay.extended(preparation).dates().map(|night| (night, kind_of(night))).collect();
    claim_nights(txn, listing_id, booking_id, &nights, now, expires_at).await
}

/// Claims the nights that a changed stay needs and that the booking does not have yet. They are a hold until
/// `expires_at`.
///
/// Returns false if another claim has one of the nights. The caller must then roll the transaction back.
pub async fn claim_extra_nights(
    txn: &Transaction,
    listing_id: Uuid,
    booking_id: Uuid,
    stay: Stay,
    preparation: u32,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<bool, Error> {
    let own = nights_of_booking(txn, booking_id).await?;
    let missing = stay.extended(preparation).dates().filter(|night| !own.contains(night));
    let nights: Vec<_> = missing.map(|night| (night, ClaimKind::Hold)).collect();
    claim_nights(txn, listing_id, booking_id, &nights, now, expires_at).await
}

/// Deletes the lapsed claims on `nights`, then claims these nights for the booking. This is the guard against double
/// booking: the primary key of `claim` refuses a second claim on a night, and the result is false.
///
/// All rows are inserted by one statement in ascending order of nights. Two transactions that compete for the same
/// nights therefore wait for each other in the same order, and cannot deadlock.
async fn claim_nights(
    txn: &Transaction,
    listing_id: Uuid,
    booking_id: Uuid,
    nights: &[(NaiveDate, ClaimKind)],
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<bool, Error> {
    let dates = || nights.iter().map(|&(night, _)| night);
    delete_lapsed_claims(txn, listing_id, dates(), now).await?;
    if nights.is_empty() {
        return Ok(true);
    }
    let rows = nights.iter().map(|&(night, kind)| table::claim::ActiveModel {
        listing_id: Set(listing_id),
        night: Set(night),
        kind: Set(kind),
        booking_id: Set(Some(booking_id)),
        expires_at: Set(Some(expires_at)),
        note: Set(None),
    });
    match table::claim::Entity::insert_many(rows).exec_without_returning(txn).await {
        Ok(_) => {
            announce_nights(txn, listing_id, dates());
            Ok(true)
        }
        Err(error) if is_duplicate(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Deletes the claims on these nights that have expired, so that the nights can be claimed again.
pub(super) async fn delete_lapsed_claims(
    txn: &impl ConnectionTrait,
    listing_id: Uuid,
    nights: impl Iterator<Item = NaiveDate>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    table::claim::Entity::delete_many()
        .filter(table::claim::Column::ListingId.eq(listing_id))
        .filter(table::claim::Column::Night.is_in(nights))
        .filter(table::claim::Column::ExpiresAt.lte(now))
        .exec(txn)
        .await?;
    Ok(())
}

/// Builds the refusal that names the nights of `stay` that are claimed now.
pub async fn nights_unavailable(app: &App, listing_id: Uuid, stay: Stay, field: &[&str]) -> Result<Refusal, Error> {
    let now = app.clock.now();
    let claimed = claimed_nights(app.db.read(), &[listing_id], stay.check_in(), stay.check_out(), now).await?;
    let nights = claimed.into_values().flatten();
    let nights = nights.map(|(night, claim)| (night, claim.state.as_str().to_owned())).collect();
    let message = "some of these nights are not available";
    Ok(Refusal::at(Code::NightsUnavailable, field, message).with(Detail::Nights(nights)))
}

/// Makes the claims of a booking exactly those of `stay` and its preparation: deletes the others and confirms the rest.
/// The booking must have claimed all nights of `stay` before. Returns how many of them it has.
pub async fn swap_nights(txn: &Transaction, booking_id: Uuid, stay: Stay, preparation: u32) -> Result<u64, Error> {
    use table::claim::Column;
    let whole = stay.extended(preparation);
    let own = || Column::BookingId.eq(booking_id);
    let outside = Condition::any().add(Column::Night.lt(whole.check_in())).add(Column::Night.gte(whole.check_out()));
    let mut changed =
        table::claim::Entity::delete_many().filter(own()).filter(outside).exec_with_returning(txn).await?;
    let set = async |kind: ClaimKind, nights: Condition| {
        table::claim::Entity::update_many()
            .col_expr(Column::Kind, Expr::value(kind))
            .col_expr(Column::ExpiresAt, Expr::value(None::<DateTime<Utc>>))
            .filter(own())
            .filter(nights)
            .exec_with_returning(txn)
            .await
    };
    let stay_nights = set(ClaimKind::Stay, Condition::all().add(Column::Night.lt(stay.check_out()))).await?;
    let confirmed = count_claims(&stay_nights);
    changed.extend(stay_nights);
    changed.extend(set(ClaimKind::Preparation, Condition::all().add(Column::Night.gte(stay.check_out()))).await?);
    announce_claims(txn, &changed);
    Ok(confirmed)
}

/// Releases the nights that a booking has claimed outside `stay` and its preparation, as when an alteration of it is
/// declined or expires.
pub async fn release_extra_nights(
    txn: &Transaction,
    booking_id: Uuid,
    stay: Stay,
    preparation: u32,
) -> Result<(), Error> {
    use table::claim::Column;
    let whole = stay.extended(preparation);
    let outside = Condition::any().add(Column::Night.lt(whole.check_in())).add(Column::Night.gte(whole.check_out()));
    let own = Column::BookingId.eq(booking_id);
    let released = table::claim::Entity::delete_many().filter(own).filter(outside).exec_with_returning(txn).await?;
    announce_claims(txn, &released);
    Ok(())
}

async fn nights_of_booking(txn: &impl ConnectionTrait, booking_id: Uuid) -> Result<BTreeSet<NaiveDate>, Error> {
    let rows = table::claim::Entity::find().filter(table::claim::Column::BookingId.eq(booking_id)).all(txn).await?;
    Ok(rows.into_iter().map(|claim| claim.night).collect())
}

/// Whether no night of `stay` or of the preparation after it is claimed.
pub async fn are_nights_free(
    txn: &impl ConnectionTrait,
    listing_id: Uuid,
    stay: Stay,
    preparation: u32,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let whole = stay.extended(preparation);
    let claimed = claimed_nights(txn, &[listing_id], whole.check_in(), whole.check_out(), now).await?;
    Ok(claimed.values().all(BTreeMap::is_empty))
}

/// Turns the hold of a booking into a stay that does not expire. Returns the number of nights that were still on hold.
pub async fn confirm_claims(txn: &Transaction, booking_id: Uuid) -> Result<u64, Error> {
    let preparation = table::claim::Entity::update_many()
        .col_expr(table::claim::Column::ExpiresAt, Expr::value(None::<DateTime<Utc>>))
        .filter(table::claim::Column::BookingId.eq(booking_id))
        .filter(table::claim::Column::Kind.eq(ClaimKind::Preparation))
        .exec_with_returning(txn)
        .await?;
    let stay = table::claim::Entity::update_many()
        .col_expr(table::claim::Column::Kind, Expr::value(ClaimKind::Stay))
        .col_expr(table::claim::Column::ExpiresAt, Expr::value(None::<DateTime<Utc>>))
        .filter(table::claim::Column::BookingId.eq(booking_id))
        .filter(table::claim::Column::Kind.eq(ClaimKind::Hold))
        .exec_with_returning(txn)
        .await?;
    let confirmed = count_claims(&stay);
    // Preparation nights are announced as well: if the hold had lapsed, they were free until now.
    announce_claims(txn, &[stay, preparation].concat());
    Ok(confirmed)
}

/// Releases a booking's nights from `first` on. With `block` they become blocks of the host, as after a cancellation by
/// the host, so that they cannot be sold to another guest.
pub async fn release_claims(txn: &Transaction, booking_id: Uuid, first: NaiveDate, block: bool) -> Result<(), Error> {
    let released = Condition::all()
        .add(table::claim::Column::BookingId.eq(booking_id))
        .add(table::claim::Column::Night.gte(first));
    if block {
        let blocked = table::claim::Entity::update_many()
            .col_expr(table::claim::Column::Kind, Expr::value(ClaimKind::Block))
            .col_expr(table::claim::Column::BookingId, Expr::value(None::<Uuid>))
            .col_expr(table::claim::Column::ExpiresAt, Expr::value(None::<DateTime<Utc>>))
            .filter(released.clone())
            .filter(table::claim::Column::Kind.ne(ClaimKind::Preparation))
            .exec_with_returning(txn)
            .await?;
        announce_claims(txn, &blocked);
    }
    let deleted = table::claim::Entity::delete_many().filter(released).exec_with_returning(txn).await?;
    announce_claims(txn, &deleted);
    Ok(())
}

fn count_claims(claims: &[table::claim::Model]) -> u64 {
    u64::try_from(claims.len()).unwrap_or(u64::MAX)
}

/// Changes the expiry of a hold, as when a request waits for the host. Returns the number of claims that the booking
/// still had.
pub async fn extend_claims(
    txn: &Transaction,
    booking_id: Uuid,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<u64, Error> {
    let own = table::claim::Column::BookingId.eq(booking_id);
    let lapsed = table::claim::Column::ExpiresAt.lte(now);
    // A claim that had lapsed but was not deleted was free until now, so its change is announced.
    let revived = table::claim::Entity::find().filter(own.clone()).filter(lapsed).all(txn).await?;
    let extended = table::claim::Entity::update_many()
        .col_expr(table::claim::Column::ExpiresAt, Expr::value(expires_at))
        .filter(own)
        .exec(txn)
        .await?;
    announce_claims(txn, &revived);
    Ok(extended.rows_affected)
}

/// A claimed night, as the calendar shows it.
#[derive(Clone, Debug)]
pub(in crate::domain::listings) struct ClaimedNight {
    pub state: NightState,
    pub booking_id: Option<Uuid>,
    pub note: Option<String>,
}

/// Reads the claimed nights of many listings in `[from, to)`, by listing and night. A lapsed hold counts as free, even
/// before its rows are deleted.
pub(in crate::domain::listings) async fn claimed_nights(
    db: &impl ConnectionTrait,
    listings: &[Uuid],
    from: NaiveDate,
    to: NaiveDate,
    now: DateTime<Utc>,
) -> Result<BTreeMap<Uuid, BTreeMap<NaiveDate, ClaimedNight>>, Error> {
    let rows = table::claim::Entity::find()
        .filter(table::claim::Column::ListingId.is_in(listings.iter().copied()))
        .filter(table::claim::Column::Night.gte(from))
        .filter(table::claim::Column::Night.lt(to))
        .filter(active_at(now))
        .order_by_asc(table::claim::Column::Night)
        .all(db)
        .await?;
    let mut claimed: BTreeMap<Uuid, BTreeMap<NaiveDate, ClaimedNight>> = BTreeMap::new();
    for row in rows {
        let night = ClaimedNight { state: night_state(row.kind), booking_id: row.booking_id, note: row.note };
        claimed.entry(row.listing_id).or_default().insert(row.night, night);
    }
    Ok(claimed)
}

/// The filter for claims that have not lapsed at `now`.
pub(in crate::domain::listings) fn active_at(now: DateTime<Utc>) -> Condition {
    Condition::any().add(table::claim::Column::ExpiresAt.is_null()).add(table::claim::Column::ExpiresAt.gt(now))
}

/// The state of a night with a claim of this kind.
pub(in crate::domain::listings) fn night_state(kind: ClaimKind) -> NightState {
    match kind {
        ClaimKind::Hold => NightState::Held,
        ClaimKind::Stay => NightState::Booked,
        ClaimKind::Preparation => NightState::Preparation,
        ClaimKind::Block | ClaimKind::ImportedBlock => NightState::BlockedByHost,
        ClaimKind::External => NightState::BlockedByCalendar,
    }
}
