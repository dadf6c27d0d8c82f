//! Inserts, updates and selects thousands of rows with one statement. The rows are sent as one JSON text, which the
//! database expands to rows.
//!
//! One statement for each row would spend the time of an import on round trips. One parameter for each value would need
//! a new statement for every number of rows. With one text the statement has one parameter at any number of rows, so it
//! is prepared once. The two engines expand JSON with different functions and store UUIDs in different forms. Only this
//! file knows the difference; the SQL around it is the same.

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
use serde::Serialize;
use uuid::Uuid;

use super::database::is_postgres;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A UUID, in a field that [`serialize_uuid`] writes.
    Uuid,
    /// Text.
    Text,
    /// An integer of 64 bits.
    Integer,
    /// True or false.
    Boolean,
    /// A calendar date.
    Date,
    /// An instant, in a field that [`serialize_instant`] writes.
    Instant,
}

/// A row that can be sent as JSON. Its serialized fields are the columns.
pub trait Row: Serialize {
    /// The names and types of the columns.
    const COLUMNS: &'static [(&'static str, Kind)];
}

/// Serializes a UUID in the shortest form that both engines parse.
pub fn serialize_uuid<S: serde::Serializer>(uuid: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&uuid.as_simple())
}

/// Serializes an instant in the form in which SQLite stores it as text.
pub fn serialize_instant<S: serde::Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, false))
}

/// The key of an object in an imported data set.
#[derive(Debug, Serialize)]
pub struct SourceRef<'a> {
    /// The key in the data set.
    pub source_ref: &'a str,
}

impl Row for SourceRef<'_> {
    const COLUMNS: &'static [(&'static str, Kind)] = &[("source_ref", Kind::Text)];
}

/// The SQL after FROM for the rows of the first parameter: a table named `rows` with the columns of `R`.
fn rows<R: Row>(connection: &impl ConnectionTrait) -> String {
    if is_postgres(connection) {
        let columns = R::COLUMNS.iter().map(|(name, kind)| format!("{name} {}", postgres_type(*kind)));
        format!("json_to_recordset($1::json) AS rows({})", columns.collect::<Vec<_>>().join(", "))
    } else {
        let columns = R::COLUMNS.iter().map(|(name, kind)| match kind {
            Kind::Uuid => format!("unhex(value ->> '{name}') AS {name}"),
            _ => format!("value ->> '{name}' AS {name}"),
        });
        format!("(SELECT {} FROM json_each($1)) AS rows", columns.collect::<Vec<_>>().join(", "))
    }
}

fn postgres_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Uuid => "uuid",
        Kind::Text => "text",
        Kind::Integer => "bigint",
        Kind::Boolean => "boolean",
        Kind::Date => "date",
        Kind::Instant => "timestamptz",
    }
}

/// Inserts the rows into a table with columns of the same names, except rows that exist already. `constants` are
/// further columns, each with the SQL of its value. Returns the number of inserted rows.
pub async fn insert_missing<R: Row>(
    connection: &impl ConnectionTrait,
    table: &str,
    values: &[R],
    constants: &[(&str, &str)],
) -> Result<u64, DbErr> {
    if values.is_empty() {
        return Ok(0);
    }
    let sql = insert_into::<R>(connection, table, constants, "ON CONFLICT DO NOTHING");
    Ok(connection.execute_raw(statement(connection, sql, values, [])?).await?.rows_affected())
}

/// Inserts the rows like [`insert_missing`], and applies the ON CONFLICT clause to rows that exist already. Returns the
/// ids of the rows that were inserted or changed.
pub async fn upsert<R: Row>(
    connection: &impl ConnectionTrait,
    table: &str,
    values: &[R],
    constants: &[(&str, &str)],
    on_conflict: &str,
) -> Result<Vec<Uuid>, DbErr> {
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let sql = insert_into::<R>(connection, table, constants, &format!("{on_conflict} RETURNING id"));
    let changed = connection.query_all_raw(statement(connection, sql, values, [])?).await?;
    changed.iter().map(|row| row.try_get_by_index(0)).collect()
}

fn insert_into<R: Row>(
    connection: &impl ConnectionTrait,
    table: &str,
    constants: &[(&str, &str)],
    on_conflict: &str,
) -> String {
    let names = || R::COLUMNS.iter().map(|(name, _)| *name);
    let columns: Vec<&str> = names().chain(constants.iter().map(|(name, _)| *name)).collect();
    let selected: Vec<&str> = names().chain(constants.iter().map(|(_, value)| *value)).collect();
    // Without the WHERE, SQLite would parse ON CONFLICT as the condition of a join.
    format!(
        "INSERT INTO \"{table}\" ({}) SELECT {} FROM {} WHERE true {on_conflict}",
        columns.join(", "),
        selected.join(", "),
        rows::<R>(connection)
    )
}

/// Which rows of a table to select for the rows of the first parameter.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// The columns to select.
    pub columns: &'a str,
    /// The table to select from.
    pub table: &'a str,
    /// The SQL after WHERE, which matches rows of the table to `rows`. Further parameters begin with `$2`.
    pub condition: &'a str,
}

/// Selects the rows of a table that match any of `values`.
pub async fn select<R: Row, const N: usize>(
    connection: &impl ConnectionTrait,
    lookup: Lookup<'_>,
    values: &[R],
    parameters: [Value; N],
) -> Result<Vec<QueryResult>, DbErr> {
    let Lookup { columns, table, condition } = lookup;
    // CROSS JOIN fixes the order of the join on SQLite. SQLite cannot know how few the rows are, and might read all of
    // them for each row of the table instead of finding each one by an index. On Postgres it is an ordinary join.
    let sql = format!("SELECT {columns} FROM {} CROSS JOIN {table} WHERE {condition}", rows::<R>(connection));
    connection.query_all_raw(statement(connection, sql, values, parameters)?).await
}

fn statement<R: Row, const N: usize>(
    connection: &impl ConnectionTrait,
    sql: String,
    values: &[R],
    parameters: [Value; N],
) -> Result<Statement, DbErr> {
    let json = serde_json::to_string(values).map_err(|error| DbErr::Custom(error.to_string()))?;
    let all_parameters = std::iter::once(Value::from(json)).chain(parameters);
    Ok(Statement::from_sql_and_values(connection.get_database_backend(), sql, all_parameters))
}
