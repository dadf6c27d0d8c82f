//! SQL statements that tests run directly, outside the API.

use roost::platform::database::Database;
use sea_orm::{ConnectionTrait, QueryResult, Statement, TryGetable, Value};

/// The rows of a statement. `$1` and so on stand for the values.
pub async fn rows(db: &Database, sql: &str, values: impl IntoIterator<Item = Value>) -> Vec<QueryResult> {
    let connection = db.write();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    connection.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The first column of the first row.
pub async fn value<T: TryGetable>(db: &Database, sql: &str, values: impl IntoIterator<Item = Value>) -> T {
    let rows = rows(db, sql, values).await;
    let row = rows.first().unwrap_or_else(|| panic!("{sql}: no row"));
    T::try_get_by(row, 0).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

/// The number of rows that a FROM clause selects.
pub async fn count(db: &Database, from: &str, values: impl IntoIterator<Item = Value>) -> i64 {
    value(db, &format!("SELECT count(*) FROM {from}"), values).await
}

/// Runs a statement that changes rows, and returns their number.
pub async fn execute(db: &Database, sql: &str, values: impl IntoIterator<Item = Value>) -> u64 {
    let connection = db.write();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    connection.execute_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
}
