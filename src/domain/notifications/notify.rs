//! Inserting notifications, and deleting them after a year.

use chrono::TimeDelta;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::table::notification as table;
use super::{Facts, NotificationKind};
use crate::domain::error::Error;
use crate::kernel::id::Id;
use crate::platform::App;
use crate::platform::database::Transaction;
use crate::platform::messaging::{Event, Topic};

/// How long a notification is stored.
const RETENTION: TimeDelta = TimeDelta::days(365);
/// Number of bits of an id below its leading milliseconds (RFC 9562, section 5.7).
const RANDOM_BITS: u32 = 80;

/// A notification to insert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The recipient.
    pub user_id: Uuid,
    /// What happened.
    pub kind: NotificationKind,
    /// The object that the notification is about.
    pub subject: Id,
    /// The facts from which the text is built.
    pub facts: Facts,
}

/// The topic of a user's new notifications. Each event names one notification, as `{"id": …}`.
pub fn user_topic(user_id: Uuid) -> Topic {
    Topic::new("notification", user_id)
}

/// Inserts notifications in the caller's transaction, in one statement. They are announced to subscribers when the
/// transaction commits.
pub async fn notify(app: &App, txn: &Transaction, notices: Vec<Notice>) -> Result<(), Error> {
    if notices.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    let mut rows = Vec::with_capacity(notices.len());
    for notice in notices {
        let id = app.clock.new_id();
        txn.announce(Event { topic: user_topic(notice.user_id), body: serde_json::json!({ "id": id }) });
        rows.push(table::ActiveModel {
            id: Set(id),
            user_id: Set(notice.user_id),
            kind: Set(notice.kind),
            subject: Set(notice.subject.to_string()),
            facts: Set(notice.facts),
            created_at: Set(now),
            read_at: Set(None),
        });
    }
    table::Entity::insert_many(rows).exec_without_returning(txn).await?;
    Ok(())
}

/// Deletes notifications that are older than a year. Returns their number.
pub async fn purge(app: &App) -> Result<u64, Error> {
    // An id begins with the time of its creation in milliseconds, so no other index is needed to find the oldest.
    let oldest_ms = u128::try_from((app.clock.now() - RETENTION).timestamp_millis()).unwrap_or(0);
    let bound = Uuid::from_u128(oldest_ms << RANDOM_BITS);
    let expired = table::Entity::delete_many().filter(table::Column::Id.lt(bound));
    Ok(expired.exec(app.db.write()).await?.rows_affected)
}
