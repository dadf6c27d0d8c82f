//! Telling people, and forgetting after a year what they were told.

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
use crate::platform::messaging::publisher::{Event, Topic};

const KEPT: TimeDelta = TimeDelta::days(365);
/// Below the milliseconds at the head of an id, by RFC 9562, section 5.7.
const RANDOM_BITS: u32 = 80;

/// What one person is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Who is told.
    pub user_id: Uuid,
    /// What about.
    pub kind: NotificationKind,
    /// Where they can read on.
    pub subject: Id,
    /// What there is to say.
    pub facts: Facts,
}

/// What somebody listens to who waits for news: each event names one notification, as `{"id": …}`.
pub fn topic(user_id: Uuid) -> Topic {
    Topic::new("notification", user_id)
}

/// Tells people, in the transaction that decides it and in one statement, however many they are. Its commit tells those
/// of them who listen.
pub async fn notify(app: &App, txn: &Transaction, notices: Vec<Notice>) -> Result<(), Error> {
    if notices.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    let mut rows = Vec::with_capacity(notices.len());
    for notice in notices {
        let id = app.clock.id();
        txn.announce(Event { topic: topic(notice.user_id), body: serde_json::json!({ "id": id }) });
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

/// Removes what was told more than a year ago. Answers how much it was.
pub async fn purge(app: &App) -> Result<u64, Error> {
    // Ids begin with their milliseconds, so the oldest are found without an index of their own.
    let until = u128::try_from((app.clock.now() - KEPT).timestamp_millis()).unwrap_or(0);
    let bound = Uuid::from_u128(until << RANDOM_BITS);
    let over = table::Entity::delete_many().filter(table::Column::Id.lt(bound));
    Ok(over.exec(app.db.write()).await?.rows_affected)
}
