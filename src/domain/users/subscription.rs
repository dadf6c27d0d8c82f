//! Announcing that a user or one of their sessions changed, and subscribing to that.

use serde_json::json;
use uuid::Uuid;

use crate::domain::viewer::Viewer;
use crate::platform::App;
use crate::platform::database::Transaction;
use crate::platform::messaging::{Event, Listener, Topic};

/// Announces, once the transaction is committed, that a user or one of their sessions changed.
pub(super) fn announce_change(txn: &Transaction, user_id: Uuid) {
    txn.announce(Event { topic: Topic::new("user", user_id), body: json!({ "user": user_id }) });
}

/// Subscribes to changes of the viewer, after each of which `recheck_viewer` has to be called. `None` for a viewer who
/// is not signed in.
pub fn subscribe(app: &App, viewer: &Viewer) -> Option<Listener> {
    let user = viewer.user()?;
    Some(app.db.events().listen(Topic::new("user", user.user_id)))
}
