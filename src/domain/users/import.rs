//! People who come with a data set: hosts and the authors of reviews.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sea_orm::ConnectionTrait;
use serde::Serialize;
use uuid::Uuid;

use crate::domain::error::Error;
use crate::kernel::money::Currency;
use crate::platform::App;
use crate::platform::bulk::{self, Kind, Question, Row, SourceRef};

/// A person of another platform. Has no e-mail address and no password here, and can never sign in.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedUser {
    /// The person's key in the source.
    pub source_ref: String,
    /// What others see; never empty.
    pub display_name: String,
    /// What the person says of themselves.
    pub about: Option<String>,
    /// Whether the person hosts.
    pub is_host: bool,
    /// When the person joined the source or was first heard of there, if known.
    pub joined_at: Option<DateTime<Utc>>,
    /// The zone of the snapshot's place.
    pub time_zone: Tz,
    /// The currency of the snapshot's place.
    pub currency: Currency,
}

/// The imported people of one batch.
#[derive(Debug, Default)]
pub struct People {
    /// Their ids, by their keys in the source.
    pub ids: HashMap<String, Uuid>,
    /// How many of them nobody had heard of.
    pub new: u64,
    /// How many have another name, say something else or host now.
    pub changed: u64,
}

#[derive(Serialize)]
struct PersonRow<'a> {
    #[serde(serialize_with = "bulk::key")]
    id: Uuid,
    display_name: &'a str,
    about: Option<&'a str>,
    is_host: bool,
    time_zone: &'a str,
    currency: &'a str,
    #[serde(serialize_with = "bulk::instant")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "bulk::instant")]
    updated_at: DateTime<Utc>,
    source: &'a str,
    source_ref: &'a str,
}

impl Row for PersonRow<'_> {
    const COLUMNS: &'static [(&'static str, Kind)] = &[
        ("id", Kind::Uuid),
        ("display_name", Kind::Text),
        ("about", Kind::Text),
        ("is_host", Kind::Flag),
        ("time_zone", Kind::Text),
        ("currency", Kind::Text),
        ("created_at", Kind::Instant),
        ("updated_at", Kind::Instant),
        ("source", Kind::Text),
        ("source_ref", Kind::Text),
    ];
}

/// Somebody who has an account of their own by now says themselves who they are. What a person is called as a host
/// counts before what they are called as a guest, and a host stays one.
const IF_KNOWN: &str = "
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

/// Writes people down or brings them up to date, each once, in the caller's transaction.
pub async fn upsert<'a>(
    app: &App,
    txn: &impl ConnectionTrait,
    source: &str,
    users: impl IntoIterator<Item = &'a ImportedUser>,
) -> Result<People, Error> {
    let now = app.clock.now();
    let mut seen = HashSet::new();
    let rows: Vec<PersonRow<'_>> = users
        .into_iter()
        .filter(|user| seen.insert(user.source_ref.as_str()))
        .map(|user| PersonRow {
            id: app.clock.id(),
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
    let touched = bulk::upsert(txn, "user", &rows, &constants, IF_KNOWN).await?;
    let made: HashSet<Uuid> = rows.iter().map(|row| row.id).collect();
    let new = touched.iter().filter(|id| made.contains(id)).count();
    Ok(People {
        ids: ids(txn, source, rows.iter().map(|row| row.source_ref)).await?,
        new: u64::try_from(new).unwrap_or(u64::MAX),
        changed: u64::try_from(touched.len() - new).unwrap_or(u64::MAX),
    })
}

async fn ids<'a>(
    txn: &impl ConnectionTrait,
    source: &str,
    wanted: impl Iterator<Item = &'a str>,
) -> Result<HashMap<String, Uuid>, Error> {
    let rows: Vec<SourceRef<'_>> = wanted.map(|source_ref| SourceRef { source_ref }).collect();
    let question = Question {
        columns: "person.source_ref, person.id",
        table: "\"user\" AS person",
        matching: "person.source = $2 AND person.source_ref = rows.source_ref",
    };
    let found = bulk::select(txn, question, &rows, [source.into()]).await?;
    found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}
