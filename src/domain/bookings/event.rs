//! What can happen to a booking, and who does it: the contents of the rows of `booking_event`.

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use super::state::Actor;
use crate::kernel::stay::Stay;

/// Who acts on a booking, and in which role.
#[derive(Clone, Copy, Debug)]
pub(super) struct ActedBy {
    pub actor: Actor,
    /// None when the service acts on its own.
    pub user_id: Option<Uuid>,
}

impl ActedBy {
    /// The service itself.
    pub const SYSTEM: ActedBy = ActedBy { actor: Actor::System, user_id: None };
}

/// What happened to a booking, as the column `action` has it. The notices about each kind are in `notices.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum EventKind {
    /// The guest created the booking.
    Create,
    /// The card was authorized, and the request went to the host.
    Request,
    /// The card was authorized, and the booking was confirmed at once.
    Confirm,
    /// The host accepted the request.
    Accept,
    /// The host declined the request, or another booking of the same nights was confirmed.
    Decline,
    /// The nights were booked by somebody else before the payment was complete.
    NightsLost,
    /// The guest withdrew the request.
    Withdraw,
    /// The host did not answer the request in time.
    RequestExpired,
    /// The authorization of the card ended before the host answered.
    AuthorizationLost,
    /// The card was declined.
    PaymentFailed,
    /// The guest did not complete the payment in time.
    PaymentExpired,
    /// Guest, host or staff cancelled the booking.
    Cancel,
    /// The charge of a confirmed booking was refused.
    ChargeRefused,
    /// The host reported that the guest did not arrive.
    NoShow,
    /// The guest checked in, or the check-in time passed.
    CheckIn,
    /// The guest checked out, or the check-out time passed.
    CheckOut,
    /// Host or staff refunded money outside of a cancellation.
    Refund,
    /// One side requested an alteration.
    RequestAlteration,
    /// The other side agreed to an alteration whose difference is still to be paid.
    AgreeAlteration,
    /// An alteration was applied.
    Alter,
    /// The other side declined an alteration.
    DeclineAlteration,
    /// The side that requested an alteration withdrew it.
    WithdrawAlteration,
    /// An alteration was not answered or not paid in time, or it could not be applied any more.
    AlterationExpired,
    /// The card was declined for the difference of an alteration.
    AlterationUnpaid,
}

/// What an event says beyond its kind, its actor and its states. Stored as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(default)]
pub struct EventDetails {
    /// What the person who acted wrote for the other side.
    #[serde(alias = "reason", skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The alteration that the event is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alteration_id: Option<Uuid>,
    /// The refund that the event caused. If it is made from several payments, the largest one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<Uuid>,
    /// The sum of the refunds outside of a cancellation, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded_minor: Option<i64>,
    /// The stay that the event replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stay_before: Option<Stay>,
    /// The stay with which the event replaced it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stay_after: Option<Stay>,
}

impl EventDetails {
    /// The details as they are stored. None if there are none.
    pub(super) fn into_stored(self) -> Option<EventDetails> {
        (self != EventDetails::default()).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use sea_orm::Iterable as _;

    use super::*;

    #[test]
    fn every_kind_of_event_has_one_name_in_the_database() {
        let names: HashSet<String> = EventKind::iter().map(|kind| kind.to_value()).collect();
        assert_eq!(names.len(), EventKind::iter().count());
        for kind in EventKind::iter() {
            assert_eq!(EventKind::try_from_value(&kind.to_value()).unwrap(), kind);
        }
        assert!(EventKind::try_from_value(&"explode".to_owned()).is_err());
    }

    #[test]
    fn only_the_details_that_there_are_are_stored() {
        assert_eq!(EventDetails::default().into_stored(), None);
        let details = EventDetails { alteration_id: Some(Uuid::nil()), ..EventDetails::default() };
        let stored = details.into_stored().unwrap();
        let json = serde_json::to_value(&stored).unwrap();
        assert_eq!(json, serde_json::json!({ "alteration_id": Uuid::nil() }));
        assert_eq!(serde_json::from_value::<EventDetails>(json).unwrap(), stored);
    }
}
