//! When a host is paid for a booking: a day after check-in, and for long stays in installments of thirty nights.

use chrono::{DateTime, Days, TimeDelta, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::deadlines::{INSTALLMENT_NIGHTS, PAYOUT_DELAY};
use super::quotes::quote::Quote;
use super::{Booking, table};
use crate::domain::error::Error;
use crate::domain::listings::limits::LONG_STAY_NIGHTS;
use crate::domain::payments::{self, PayoutSlot};
use crate::kernel::local_time::instant;
use crate::platform::App;

/// Schedules the payouts of a booking, in the transaction that confirms or alters it. `host` is what the host earns, in
/// minor units.
pub(super) async fn schedule_payouts(
    app: &App,
    txn: &impl ConnectionTrait,
    booking: &Booking,
    host: i64,
) -> Result<(), Error> {
    let slots = installments(&booking.quote()?, earliest_release(app, txn, booking).await?);
    payments::schedule_payouts(app, txn, booking.id, booking.host_id, &booking.currency, host, &slots).await
}

/// The installments of a stay, none of them released before `earliest`.
fn installments(quote: &Quote, earliest: DateTime<Utc>) -> Vec<PayoutSlot> {
    let nights: Vec<i64> = quote.price.nights.iter().map(|night| night.price).collect();
    let is_long = quote.stay.nights() >= LONG_STAY_NIGHTS;
    let length = if is_long { INSTALLMENT_NIGHTS } else { nights.len().max(1) };
    let part = |(index, nights): (usize, &[i64])| {
        let first = Days::new(u64::try_from(index * length).unwrap_or(u64::MAX));
        let date = quote.stay.check_in().checked_add_days(first).unwrap_or(quote.stay.check_in());
        let begins = instant(date, quote.check_in_time, quote.zone);
        PayoutSlot { release_at: (begins + PAYOUT_DELAY).max(earliest), weight: nights.iter().sum() }
    };
    nights.chunks(length).enumerate().map(part).collect()
}

/// The first payouts of a new host are delayed. If the place does not exist, that is noticed before the host is paid.
async fn earliest_release(app: &App, txn: &impl ConnectionTrait, booking: &Booking) -> Result<DateTime<Utc>, Error> {
    let first = table::booking::Entity::find()
        .filter(table::booking::Column::HostId.eq(booking.host_id))
        .filter(table::booking::Column::ConfirmedAt.is_not_null())
        .order_by_asc(table::booking::Column::ConfirmedAt)
        .one(txn)
        .await?;
    let first = first.and_then(|first| first.confirmed_at).unwrap_or_else(|| app.clock.now());
    Ok(first + TimeDelta::days(app.config.new_host_hold_days))
}
