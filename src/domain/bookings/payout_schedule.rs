//! When a host is paid for a booking: a day after check-in, and every thirty nights of a long stay.

use chrono::{DateTime, Days, TimeDelta, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{Booking, Quote, table};
use crate::domain::error::Error;
use crate::domain::payments::{self, Slot};
use crate::kernel::local_time::instant;
use crate::platform::App;

/// How long after check-in the money of a stay is released.
const AFTER_CHECK_IN: TimeDelta = TimeDelta::hours(24);
/// Stays of at least so many nights are paid in instalments.
const LONG_STAY_NIGHTS: usize = 28;
/// The nights of one instalment.
const INSTALLMENT_NIGHTS: usize = 30;

/// Writes the payouts of a booking down, in the transaction that confirms or alters it; `host` is what the host earns.
pub(super) async fn schedule(app: &App, txn: &impl ConnectionTrait, booking: &Booking, host: i64) -> Result<(), Error> {
    let slots = slots(&booking.quote()?, held_until(app, txn, booking).await?);
    payments::schedule(app, txn, booking.id, booking.host_id, &booking.currency, host, &slots).await
}

/// The instalments of a stay, none of them before `held_until`.
pub(super) fn slots(quote: &Quote, held_until: DateTime<Utc>) -> Vec<Slot> {
    let nights: Vec<i64> = quote.price.nights.iter().map(|night| night.price).collect();
    let length = if nights.len() < LONG_STAY_NIGHTS { nights.len().max(1) } else { INSTALLMENT_NIGHTS };
    let part = |(index, nights): (usize, &[i64])| {
        let first = Days::new(u64::try_from(index * length).unwrap_or(u64::MAX));
        let date = quote.stay.check_in().checked_add_days(first).unwrap_or(quote.stay.check_in());
        let begins = instant(date, quote.check_in_time, quote.zone);
        Slot { release_at: (begins + AFTER_CHECK_IN).max(held_until), weight: nights.iter().sum() }
    };
    nights.chunks(length).enumerate().map(part).collect()
}

/// A new host's first money waits, so that a place that does not exist is found out first.
async fn held_until(app: &App, txn: &impl ConnectionTrait, booking: &Booking) -> Result<DateTime<Utc>, Error> {
    let first = table::booking::Entity::find()
        .filter(table::booking::Column::HostId.eq(booking.host_id))
        .filter(table::booking::Column::ConfirmedAt.is_not_null())
        .order_by_asc(table::booking::Column::ConfirmedAt)
        .one(txn)
        .await?;
    let first = first.and_then(|first| first.confirmed_at).unwrap_or_else(|| app.clock.now());
    Ok(first + TimeDelta::days(app.config.new_host_hold_days))
}
