//! Claiming nights for a booking, confirming the claim, and letting go.
//!
//! **Invariant:** only these functions write claims of bookings, always inside the booking's own transaction.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::subscription;
use crate::domain::error::{Code, Detail, Error, Refusal};
use crate::domain::listings::availability::stay_check::NightState;
use crate::domain::listings::enums::ClaimKind;
use crate::domain::listings::{Listing, table};
use crate::kernel::stay::Stay;
use crate::platform::App;
use crate::platform::database::{Transaction, is_duplicate};

/// Reads the listing for a booking and keeps its row as it is until the transaction ends. Bookings share that with each
/// other, but not with the host's changes: a stay and a block, or a stay and the end of the listing, cannot pass unseen.
pub(in crate::domain::listings) async fn hold_listing(
    txn: &impl ConnectionTrait,
    id: Uuid,
) -> Result<Option<Listing>, Error> {
    Ok(table::listing::Entity::find_by_id(id).lock_shared().one(txn).await?)
}

/// Reads the listing for a change of its calendar, waiting for the bookings under way and keeping new ones waiting.
pub(in crate::domain::listings) async fn lock_listing(
    txn: &impl ConnectionTrait,
    id: Uuid,
) -> Result<Option<Listing>, Error> {
    Ok(table::listing::Entity::find_by_id(id).lock_exclusive().one(txn).await?)
}

/// Claims the nights of `stay` and `preparation` nights after it as a hold until `expires_at`.
///
/// Night by night in ascending order, so that two rivals cannot wait for each other in a circle; the primary key
/// refuses the second of them: false, and the transaction must be rolled back.
pub async fn claim_for_booking(
    txn: &Transaction,
    listing_id: Uuid,
    booking_id: Uuid,
    stay: Stay,
    preparation: u32,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<bool, Error> {
    let whole = stay.extended(preparation);
    table::claim::Entity::delete_many()
        .filter(table::claim::Column::ListingId.eq(listing_id))
        .filter(table::claim::Column::Night.gte(whole.check_in()))
        .filter(table::claim::Column::Night.lt(whole.check_out()))
        .filter(table::claim::Column::ExpiresAt.lte(now))
        .exec(txn)
        .await?;
    let rows = whole.dates().map(|night| table::claim::ActiveModel {
        listing_id: Set(listing_id),
        night: Set(night),
        kind: Set(if night < stay.check_out() { ClaimKind::Hold } else { ClaimKind::Preparation }),
        booking_id: Set(Some(booking_id)),
        expires_at: Set(Some(expires_at)),
        note: Set(None),
    });
    match table::claim::Entity::insert_many(rows).exec_without_returning(txn).await {
        Ok(_) => {
            subscription::nights(txn, listing_id, whole.dates());
            Ok(true)
        }
        Err(error) if is_duplicate(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The refusal that names the nights of `stay` that are taken now.
pub async fn nights_unavailable(app: &App, listing_id: Uuid, stay: Stay, field: &[&str]) -> Result<Refusal, Error> {
    let taken = taken(app.db.read(), &[listing_id], stay.check_in(), stay.check_out(), app.clock.now()).await?;
    let nights = taken.into_values().flatten().map(|(night, taken)| (night, taken.state.word().to_owned())).collect();
    let message = "some of these nights are taken";
    Ok(Refusal::at(Code::NightsUnavailable, field, message).with(Detail::Nights(nights)))
}

/// Keeps a listing's calendar to one booking's change at a time until the transaction ends.
pub async fn lock_calendar(txn: &impl ConnectionTrait, listing_id: Uuid) -> Result<(), Error> {
    lock_listing(txn, listing_id).await.map(|_| ())
}

/// Claims, beside the nights that a booking has, those that another stay of it needs. They are a hold until
/// `expires_at`; false when somebody else has one of them, and the transaction must be rolled back.
pub async fn claim_more(
    txn: &Transaction,
    listing_id: Uuid,
    booking_id: Uuid,
    stay: Stay,
    preparation: u32,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<bool, Error> {
    let own: BTreeSet<NaiveDate> = of_booking(txn, booking_id).await?;
    let whole = stay.extended(preparation);
    let missing: Vec<NaiveDate> = whole.dates().filter(|night| !own.contains(night)).collect();
    table::claim::Entity::delete_many()
        .filter(table::claim::Column::ListingId.eq(listing_id))
        .filter(table::claim::Column::Night.is_in(missing.iter().copied()))
        .filter(table::claim::Column::ExpiresAt.lte(now))
        .exec(txn)
        .await?;
    if missing.is_empty() {
        return Ok(true);
    }
    let rows = missing.iter().map(|&night| table::claim::ActiveModel {
        listing_id: Set(listing_id),
        night: Set(night),
        kind: Set(ClaimKind::Hold),
        booking_id: Set(Some(booking_id)),
        expires_at: Set(Some(expires_at)),
        note: Set(None),
    });
    match table::claim::Entity::insert_many(rows).exec_without_returning(txn).await {
        Ok(_) => {
            subscription::nights(txn, listing_id, missing);
            Ok(true)
        }
        Err(error) if is_duplicate(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Makes the claims of a booking those of `stay` and nothing else. All of its nights must be the booking's already:
/// answers how many of them are.
pub async fn move_claims(txn: &Transaction, booking_id: Uuid, stay: Stay, preparation: u32) -> Result<u64, Error> {
    use table::claim::Column;
    let whole = stay.extended(preparation);
    let mine = || Column::BookingId.eq(booking_id);
    let outside = Condition::any().add(Column::Night.lt(whole.check_in())).add(Column::Night.gte(whole.check_out()));
    let mut touched =
        table::claim::Entity::delete_many().filter(mine()).filter(outside).exec_with_returning(txn).await?;
    let set = async |kind: ClaimKind, nights: Condition| {
        table::claim::Entity::update_many()
            .col_expr(Column::Kind, Expr::value(kind))
            .col_expr(Column::ExpiresAt, Expr::value(None::<DateTime<Utc>>))
            .filter(mine())
            .filter(nights)
            .exec_with_returning(txn)
            .await
    };
    let stay_nights = set(ClaimKind::Stay, Condition::all().add(Column::Night.lt(stay.check_out()))).await?;
    let stayed = count(&stay_nights);
    touched.extend(stay_nights);
    touched.extend(set(ClaimKind::Preparation, Condition::all().add(Column::Night.gte(stay.check_out()))).await?);
    subscription::claims(txn, &touched);
    Ok(stayed)
}

/// Lets go of the nights that a booking holds beside `stay`, as when a change of it came to nothing.
pub async fn release_more(txn: &Transaction, booking_id: Uuid, stay: Stay, preparation: u32) -> Result<(), Error> {
    use table::claim::Column;
    let whole = stay.extended(preparation);
    let outside = Condition::any().add(Column::Night.lt(whole.check_in())).add(Column::Night.gte(whole.check_out()));
    let mine = Column::BookingId.eq(booking_id);
    let gone = table::claim::Entity::delete_many().filter(mine).filter(outside).exec_with_returning(txn).await?;
    subscription::claims(txn, &gone);
    Ok(())
}

async fn of_booking(txn: &impl ConnectionTrait, booking_id: Uuid) -> Result<BTreeSet<NaiveDate>, Error> {
    let rows = table::claim::Entity::find().filter(table::claim::Column::BookingId.eq(booking_id)).all(txn).await?;
    Ok(rows.into_iter().map(|claim| claim.night).collect())
}

/// Whether nobody has one of the nights of `stay` or of the preparation after it.
pub async fn are_free(
    txn: &impl ConnectionTrait,
    listing_id: Uuid,
    stay: Stay,
    preparation: u32,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let whole = stay.extended(preparation);
    let taken = taken(txn, &[listing_id], whole.check_in(), whole.check_out(), now).await?;
    Ok(taken.values().all(BTreeMap::is_empty))
}

/// Turns the hold of a booking into a stay for good. Answers with the number of nights it still held.
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
    let stayed = count(&stay);
    // The nights of preparation as well: where the hold had lapsed, they were free until now.
    subscription::claims(txn, &[stay, preparation].concat());
    Ok(stayed)
}

/// Lets a booking's nights go from `first` on. With `block` they stay closed to others, as after a host's cancellation.
pub async fn release_claims(txn: &Transaction, booking_id: Uuid, first: NaiveDate, block: bool) -> Result<(), Error> {
    let theirs = Condition::all()
        .add(table::claim::Column::BookingId.eq(booking_id))
        .add(table::claim::Column::Night.gte(first));
    if block {
        let closed = table::claim::Entity::update_many()
            .col_expr(table::claim::Column::Kind, Expr::value(ClaimKind::Block))
            .col_expr(table::claim::Column::BookingId, Expr::value(None::<Uuid>))
            .col_expr(table::claim::Column::ExpiresAt, Expr::value(None::<DateTime<Utc>>))
            .filter(theirs.clone())
            .filter(table::claim::Column::Kind.ne(ClaimKind::Preparation))
            .exec_with_returning(txn)
            .await?;
        subscription::claims(txn, &closed);
    }
    let gone = table::claim::Entity::delete_many().filter(theirs).exec_with_returning(txn).await?;
    subscription::claims(txn, &gone);
    Ok(())
}

fn count(claims: &[table::claim::Model]) -> u64 {
    u64::try_from(claims.len()).unwrap_or(u64::MAX)
}

/// Makes a hold last until another instant, as when a request waits for the host. Answers with the number of nights it
/// still held.
pub async fn extend_claims(
    txn: &Transaction,
    booking_id: Uuid,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<u64, Error> {
    let mine = table::claim::Column::BookingId.eq(booking_id);
    let lapsed = table::claim::Column::ExpiresAt.lte(now);
    // Those that had lapsed were free until now, if nobody else has taken them.
    let revived = table::claim::Entity::find().filter(mine.clone()).filter(lapsed).all(txn).await?;
    let extended = table::claim::Entity::update_many()
        .col_expr(table::claim::Column::ExpiresAt, Expr::value(expires_at))
        .filter(mine)
        .exec(txn)
        .await?;
    subscription::claims(txn, &revived);
    Ok(extended.rows_affected)
}

/// One claimed night as the calendar shows it.
#[derive(Clone, Debug)]
pub(in crate::domain::listings) struct Taken {
    pub state: NightState,
    pub booking_id: Option<Uuid>,
    pub note: Option<String>,
}

/// The claimed nights of many listings in `[from, to)`. An expired hold is free, even before anyone swept it.
pub(in crate::domain::listings) async fn taken(
    db: &impl ConnectionTrait,
    listings: &[Uuid],
    from: NaiveDate,
    to: NaiveDate,
    now: DateTime<Utc>,
) -> Result<BTreeMap<Uuid, BTreeMap<NaiveDate, Taken>>, Error> {
    let rows = table::claim::Entity::find()
        .filter(table::claim::Column::ListingId.is_in(listings.iter().copied()))
        .filter(table::claim::Column::Night.gte(from))
        .filter(table::claim::Column::Night.lt(to))
        .filter(alive(now))
        .order_by_asc(table::claim::Column::Night)
        .all(db)
        .await?;
    let mut taken: BTreeMap<Uuid, BTreeMap<NaiveDate, Taken>> = BTreeMap::new();
    for row in rows {
        let night = Taken { state: state(row.kind), booking_id: row.booking_id, note: row.note };
        taken.entry(row.listing_id).or_default().insert(row.night, night);
    }
    Ok(taken)
}

/// Claims that still count at `now`.
pub(in crate::domain::listings) fn alive(now: DateTime<Utc>) -> Condition {
    Condition::any().add(table::claim::Column::ExpiresAt.is_null()).add(table::claim::Column::ExpiresAt.gt(now))
}

pub(in crate::domain::listings) fn state(kind: ClaimKind) -> NightState {
    match kind {
        ClaimKind::Hold => NightState::Held,
        ClaimKind::Stay => NightState::Booked,
        ClaimKind::Preparation => NightState::Preparation,
        ClaimKind::Block | ClaimKind::ImportedBlock => NightState::BlockedByHost,
        ClaimKind::External => NightState::BlockedByCalendar,
    }
}
