//! Differences between SQLite and Postgres that callers ask about.

use sea_orm::{DbBackend, DbErr, SqlErr};

/// Whether `connection` is a connection to Postgres.
pub fn is_postgres(connection: &impl sea_orm::ConnectionTrait) -> bool {
    connection.get_database_backend() == DbBackend::Postgres
}

/// What a queue or a counter appends to a SELECT so that concurrent transactions take other rows: Postgres skips locked
/// rows; SQLite has one writer anyway.
pub fn skip_locked(connection: &impl sea_orm::ConnectionTrait) -> &'static str {
    if is_postgres(connection) { " FOR UPDATE SKIP LOCKED" } else { "" }
}

/// Whether a statement failed because of a unique constraint.
pub fn is_duplicate(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}
