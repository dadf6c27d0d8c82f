//! Closing an alteration without a change of the stay: the common part of declining and withdrawing.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::authorize_alteration::Answerable;
use crate::domain::bookings::alterations::set_state;
use crate::domain::bookings::event::EventKind;
use crate::domain::bookings::lifecycle::permission::conflict_for;
use crate::domain::bookings::lifecycle::transition::{Transition, apply};
use crate::domain::bookings::state::AlterationState;
use crate::domain::bookings::{Alteration, Booking, replay, table};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Puts the alteration into `state`. `note` is what the viewer wrote to the other side.
pub(super) async fn close_alteration(
    app: &App,
    viewer: &Viewer,
    found: Answerable,
    kind: EventKind,
    state: AlterationState,
    note: Option<String>,
) -> Result<(Booking, Alteration), Error> {
    let Answerable { alteration, booking, by } = found;
    let id: Uuid = alteration.id;
    let mut transition = Transition::new(booking.state, kind, by);
    transition.details.alteration_id = Some(id);
    transition.details.note = note.clone();
    let txn = app.db.begin_write().await?;
    let changed = apply(app, &txn, &booking, transition).await?;
    let (Some(changed), true) = (changed, set_state(app, &txn, &alteration, state).await?) else {
        drop(txn);
        return Err(conflict_for(app, &booking, by.actor));
    };
    if note.is_some() {
        table::alteration::Entity::update_many()
            .col_expr(table::alteration::Column::DeclineNote, Expr::value(note))
            .filter(table::alteration::Column::Id.eq(id))
            .exec(&txn)
            .await?;
    }
    app.idempotency_key.record(&txn, &[id]).await?;
    txn.commit().await?;
    replay::check_difference(app, viewer, changed, id).await
}
