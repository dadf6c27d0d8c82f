//! Announcing events of bookings to subscribers, once their transaction is committed.

use serde_json::json;
use uuid::Uuid;

use super::Booking;
use crate::platform::database::Transaction;
use crate::platform::messaging::{Event, Topic};

/// The key in an announcement under which the ID of the event is.
pub(super) const EVENT_ID: &str = "event";

/// The topic for the events of one booking.
pub(super) fn booking_topic(id: Uuid) -> Topic {
    Topic::new("booking", id)
}

/// The topic for the events of all bookings of a host's listings.
pub(super) fn host_topic(id: Uuid) -> Topic {
    Topic::new("host_bookings", id)
}

/// Announces an event when the transaction commits.
pub(super) fn announce_event(txn: &Transaction, booking: &Booking, event_id: Uuid) {
    for topic in [booking_topic(booking.id), host_topic(booking.host_id)] {
        txn.announce(Event { topic, body: json!({ "booking": booking.id, EVENT_ID: event_id }) });
    }
}
