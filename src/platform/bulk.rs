//! Thousands of rows in one statement: they travel as one JSON text and become rows inside the database.
//!
//! Row by row an import would spend its time on round trips, and a list of thousands of parameters is a new statement
//! for every length of the list. One text is one parameter whatever the number of rows, so each statement is prepared
//! once. The two engines take JSON apart by different functions and keep UUIDs in different forms, which only this
//! file knows; what is written around it is the same SQL.

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
use serde::Serialize;
use uuid::Uuid;

use super::database::is_postgres;

/// What a column of a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A UUID in a field written by [`key`].
    Uuid,
    /// Text.
    Text,
    /// A whole number of 64 bits.
    Whole,
    /// True or false.
    Flag,
    /// A calendar date.
    Date,
    /// An instant in a field written by [`instant`].
    Instant,
}

/// A row that can travel: its serialised fields are its columns.
pub trait Row: Serialize {
    /// The columns with what they hold.
    const COLUMNS: &'static [(&'static str, Kind)];
}

/// Writes the UUID of a row in the shortest form that both engines read.
pub fn key<S: serde::Serializer>(uuid: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&uuid.as_simple())
}

/// Writes the instant of a row in the form in which SQLite keeps it as text.
pub fn instant<S: serde::Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, false))
}

/// The key of something in a data set.
#[derive(Debug, Serialize)]
pub struct SourceRef<'a> {
    /// The key.
    pub source_ref: &'a str,
}

impl Row for SourceRef<'_> {
    const COLUMNS: &'static [(&'static str, Kind)] = &[("source_ref", Kind::Text)];
}

/// What stands in a statement's FROM for the rows of its first parameter: a table named `rows` with the columns of `R`.
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
        Kind::Whole => "bigint",
        Kind::Flag => "boolean",
        Kind::Date => "date",
        Kind::Instant => "timestamptz",
    }
}

/// Inserts all rows into a table whose columns have the names of theirs, and leaves alone what is there already.
/// `constants` are further columns with the SQL of their one value. Returns how many rows were inserted.
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

/// Inserts all rows like [`insert_missing`], and does with those that are there already what the ON CONFLICT clause
/// says. Returns the ids of the rows that were inserted or changed.
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
    let touched = connection.query_all_raw(statement(connection, sql, values, [])?).await?;
    touched.iter().map(|row| row.try_get_by_index(0)).collect()
}

fn insert_into<R: Row>(
    connection: &impl ConnectionTrait,
    table: &str,
    constants: &[(&str, &str)],
    otherwise: &str,
) -> String {
    let names = || R::COLUMNS.iter().map(|(name, _)| *name);
    let columns: Vec<&str> = names().chain(constants.iter().map(|(name, _)| *name)).collect();
    let selected: Vec<&str> = names().chain(constants.iter().map(|(_, value)| *value)).collect();
    // Without the WHERE, SQLite would read ON CONFLICT as the condition of a join.
    format!(
        "INSERT INTO \"{table}\" ({}) SELECT {} FROM {} WHERE true {otherwise}",
        columns.join(", "),
        selected.join(", "),
        rows::<R>(connection)
    )
}

/// A question about rows that travel and rows that are there.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The columns of the answer.
    pub columns: &'a str,
    /// The table to look into.
    pub table: &'a str,
    /// Which of its rows belong to which of `rows`, and what follows a WHERE. Further parameters begin with `$2`.
    pub matching: &'a str,
}

/// Answers a question about all rows at once.
pub async fn select<R: Row, const N: usize>(
    connection: &impl ConnectionTrait,
    question: Question<'_>,
    values: &[R],
    more: [Value; N],
) -> Result<Vec<QueryResult>, DbErr> {
    let Question { columns, table, matching } = question;
    // CROSS JOIN keeps SQLite, which cannot know how few the rows are, from reading all of them for each row of the
    // table instead of looking each one up. To Postgres it is a join like any other.
    let sql = format!("SELECT {columns} FROM {} CROSS JOIN {table} WHERE {matching}", rows::<R>(connection));
    connection.query_all_raw(statement(connection, sql, values, more)?).await
}

fn statement<R: Row, const N: usize>(
    connection: &impl ConnectionTrait,
    sql: String,
    values: &[R],
    more: [Value; N],
) -> Result<Statement, DbErr> {
    let json = serde_json::to_string(values).map_err(|error| DbErr::Custom(error.to_string()))?;
    let parameters = std::iter::once(Value::from(json)).chain(more);
    Ok(Statement::from_sql_and_values(connection.get_database_backend(), sql, parameters))
}
