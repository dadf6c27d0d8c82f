//! One alteration: its quote, what it changes, and the change of its state.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Deserialize;

use crate::domain::bookings::quotes::quote::Quote;
use crate::domain::bookings::state::{AlterationState, BookingState};
use crate::domain::bookings::{Alteration, Booking, table};
use crate::domain::error::Error;
use crate::domain::payments::Shares;
use crate::platform::{App, fail_point};

/// The message of the refusal of a stay that costs less than the guest was refunded already.
pub(super) const REFUNDED_MORE: &str = "costs less than was refunded to the guest already";

impl Alteration {
    /// The quote of the requested stay.
    pub fn quote(&self) -> Result<Quote, Error> {
        Quote::deserialize(&self.quote)
            .map_err(|error| Error::failed(format!("the quote of alteration {} cannot be read: {error}", self.id)))
    }
}

/// The change of the shares of host, platform and taxes by the alteration. A share that falls is negative.
pub(in crate::domain::bookings) fn difference_in_shares(booking: &Booking, quote: &Quote) -> Result<Shares, Error> {
    Ok(quote.shares().minus(booking.quote()?.shares()))
}

/// Whether the alteration moves the day of check-in of a guest who has checked in. That is not possible.
pub(super) fn moves_arrival_after_check_in(booking: &Booking, quote: &Quote) -> bool {
    booking.state == BookingState::CheckedIn && quote.stay.check_in() != booking.check_in
}

/// Sets the state of an alteration that is still in the state that was read. Returns whether it was.
pub(in crate::domain::bookings) async fn set_state(
    app: &App,
    txn: &impl ConnectionTrait,
    read: &Alteration,
    state: AlterationState,
) -> Result<bool, Error> {
    use table::alteration::Column;
    fail_point::reach("alteration.setting").await;
    let set = table::alteration::Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::UpdatedAt, Expr::value(app.clock.now()))
        .filter(Column::Id.eq(read.id))
        .filter(Column::State.eq(read.state))
        .exec(txn)
        .await?;
    Ok(set.rows_affected > 0)
}
