//! Users imported with a data set: hosts and authors of reviews.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sea_orm::ConnectionTrait;
use serde::Serialize;
use uuid::Uuid;

use crate::domain::error::Error;
use crate::kernel::money::Currency;
use crate::platform::App;
use crate::platform::bulk::{self, Kind, Lookup, Row, SourceRef};

/// A user of another platform. It has no e-mail address and no password here and cannot sign in.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedUser {
    /// The user's key in the source.
    pub source_ref: String,
    /// The public name. Never empty.
    pub display_name: String,
    /// The public text about the user.
    pub about: Option<String>,
    /// Whether the user is a host.
    pub is_host: bool,
    /// When the user joined the source or first appeared in it. `None` if unknown.
    pub joined_at: Option<DateTime<Utc>>,
    /// Time zone of the data set's city.
    pub time_zone: Tz,
    /// Currency of the data set's city.
    pub currency: Currency,
}

/// The result of importing a batch of users.
#[derive(Debug, Default)]
pub struct StoredUsers {
    /// The ids of all users of the batch, by their keys in the source.
    pub ids: HashMap<String, Uuid>,
    /// Number of users that were inserted.
    pub new: u64,
    /// Number of users that were updated.
    pub changed: u64,
}

#[derive(Serialize)]
struct UserRow<'a> {
    #[serde(serialize_with = "bulk::serialize_uuid")]
    id: Uuid,
    display_name: &'a str,
    about: Option<&'a str>,
    is_host: bool,
    time_zone: &'a str,
    currency: &'a str,
    #[serde(serialize_with = "bulk::serialize_instant")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "bulk::serialize_instant")]
    updated_at: DateTime<Utc>,
    source: &'a str,
    source_ref: &'a str,
}

impl Row for UserRow<'_> {
    const COLUMNS: &'static [(&'static str, Kind)] = &[
        ("id", Kind::Uuid),
        ("display_name", Kind::Text),
        ("about", Kind::Text),
        ("is_host", Kind::Boolean),
        ("time_zone", Kind::Text),
        ("currency", Kind::Text),
        ("created_at", Kind::Instant),
        ("updated_at", Kind::Instant),
        ("source", Kind::Text),
        ("source_ref", Kind::Text),
    ];
}

/// How an existing user is updated. A user who has an account of their own by now is not changed. The name from a
/// listing has precedence over the name from a review, and a host stays a host.
const ON_CONFLICT: &str = "
    ON CONFLICT (source, source_ref) DO UPDATE SET
        display_name = CASE WHEN excluded.is_host OR NOT \"user\".is_host
                            THEN excluded.display_name ELSE \"user\".display_name END,
        about = COALESCE(excluded.about, \"user\".about),
        is_host = \"user\".is_host OR excluded.is_host,
        updated_at = excluded.updated_at
    WHERE \"user\".email IS NULL AND (
        (excluded.is_host AND NOT \"user\".is_host)
        OR ((excluded.is_host OR NOT \"user\".is_host) AND excluded.display_name <> \"user\".display_name)
        OR COALESCE(excluded.about, \"user\".about) IS DISTINCT FROM \"user\".about)";

/// Inserts or updates users in the caller's transaction. A key that occurs more than once counts once, the first time.
pub async fn upsert<'a>(
    app: &App,
    txn: &impl ConnectionTrait,
    source: &str,
    users: impl IntoIterator<Item = &'a ImportedUser>,
) -> Result<StoredUsers, Error> {
    let now = app.clock.now();
    let mut seen = HashSet::new();
    let rows: Vec<UserRow<'_>> = users
        .into_iter()
        .filter(|user| seen.insert(user.source_ref.as_str()))
        .map(|user| UserRow {
            id: app.clock.new_id(),
            display_name: &user.display_name,
            about: user.about.as_deref(),
            is_host: user.is_host,
            time_zone: user.time_zone.name(),
            currency: user.currency.code(),
            created_at: user.joined_at.unwrap_or(now),
            updated_at: now,
            source,
            source_ref: &user.source_ref,
        })
        .collect();
    let constants = [("is_admin", "false"), ("locale", "'en'")];
    let written_ids = bulk::upsert(txn, "user", &rows, &constants, ON_CONFLICT).await?;
    // A row that was written under an id from here was inserted; a row that existed before has an id of its own.
    let new_ids: HashSet<Uuid> = rows.iter().map(|row| row.id).collect();
    let new = written_ids.iter().filter(|id| new_ids.contains(id)).count();
    Ok(StoredUsers {
        ids: load_ids(txn, source, rows.iter().map(|row| row.source_ref)).await?,
        new: u64::try_from(new).unwrap_or(u64::MAX),
        changed: u64::try_from(written_ids.len() - new).unwrap_or(u64::MAX),
    })
}

async fn load_ids<'a>(
    txn: &impl ConnectionTrait,
    source: &str,
    wanted: impl Iterator<Item = &'a str>,
) -> Result<HashMap<String, Uuid>, Error> {
    let rows: Vec<SourceRef<'_>> = wanted.map(|source_ref| SourceRef { source_ref }).collect();
    let query = Lookup {
        columns: "known.source_ref, known.id",
        table: "\"user\" AS known",
        condition: "known.source = $2 AND known.source_ref = rows.source_ref",
    };
    let found = bulk::select(txn, query, &rows, [source.into()]).await?;
    found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}
