//! A connection outside the pools of the server under test. It sees only committed data.

use std::time::Duration;

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbErr, QueryResult, Statement, TryGetable, Value};
use uuid::Uuid;

use crate::harness::TestApp;

/// The longest time that statements of abandoned requests may still take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Sessions of this database that are inside a transaction, with their last statement.
const OPEN: &str = "SELECT coalesce(string_agg(state || ': ' || query, ' | '), '') FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' \
    AND (xact_start IS NOT NULL OR state <> 'idle')";
/// Locks in this database that other sessions hold.
const LOCKS: &str = "SELECT coalesce(string_agg(l.mode || ' ' || coalesce(l.relation::regclass::text, l.locktype), ' | '), \
    '') FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.granted AND l.pid <> pg_backend_pid() \
    AND a.datname = current_database() AND a.backend_type = 'client backend'";

pub struct Bystander {
    connection: DatabaseConnection,
    /// The user whose row the server writes, to check that this connection sees the change.
    user: Uuid,
}

impl Bystander {
    pub async fn new(app: &TestApp) -> Bystander {
        let mut options = ConnectOptions::new(&app.config.database_url);
        options.max_connections(1).sqlx_logging(false);
        let connection = sea_orm::Database::connect(options).await.unwrap();
        Bystander { connection, user: app.guest().await.user }
    }

    async fn query(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<QueryResult, DbErr> {
        let statement = Statement::from_sql_and_values(self.connection.get_database_backend(), sql, values);
        Ok(self.connection.query_one_raw(statement).await?.unwrap_or_else(|| panic!("{sql}: no row")))
    }

    async fn text(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> String {
        String::try_get_by(&self.query(sql, values).await.unwrap(), 0).unwrap()
    }

    /// The `about` text of a user, as this connection sees it.
    pub async fn about(&self, user: Uuid) -> String {
        self.text("SELECT about FROM \"user\" WHERE id = $1", [user.into()]).await
    }

    /// Waits until every connection of the server under test is idle. Panics if one stays inside a transaction.
    pub async fn expect_idle(&self, app: &TestApp, after: &str) {
        if app.db.is_postgres() {
            for sql in [OPEN, LOCKS] {
                let mut found = String::new();
                let none = async {
                    loop {
                        found = self.text(sql, []).await;
                        if found.is_empty() {
                            break;
                        }
                    }
                };
                let none = tokio::time::timeout(TIMEOUT, none).await;
                assert!(none.is_ok(), "after {after}: {found}");
            }
        } else {
            // SQLite has one writer. If this connection gets the lock, no other one is inside a write transaction.
            let begun = self.connection.execute_unprepared("BEGIN IMMEDIATE; ROLLBACK").await;
            assert!(begun.is_ok(), "after {after}: {begun:?}");
        }
        // This connection sees a write of the server immediately.
        let mark = app.clock.new_id().to_string();
        let change = "UPDATE \"user\" SET about = $1 WHERE id = $2";
        app.execute(change, [mark.clone().into(), self.user.into()]).await;
        assert_eq!(self.about(self.user).await, mark, "after {after}");
    }
}
