//! SQLite when writes fail: a full file, an I/O error, and a connection that is left inside a transaction. Acknowledged
//! writes are stored, failed writes leave no trace, and the service recovers without a restart.

#[cfg(target_os = "linux")]
mod limited;

use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;

use crate::database::is_postgres;
use crate::harness::{Person, TestApp};

async fn execute(app: &TestApp, sql: &str) {
    app.db.write().execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The display name of a user, as a connection of the read pool sees it.
async fn display_name(app: &TestApp, person: &Person) -> String {
    let sql = "SELECT display_name FROM \"user\" WHERE id = $1";
    let db = app.db.read();
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [person.user.into()]);
    db.query_one_raw(statement).await.unwrap().unwrap().try_get_by(0).unwrap()
}

async fn rename(app: &TestApp, person: &Person, name: &str) {
    app.mutate_ok(person, "userUpdate", json!({ "user": { "displayName": name } }), "__typename").await;
}

#[tokio::test]
async fn a_transaction_that_fills_the_file_commits_nothing() {
    if is_postgres() {
        return;
    }
    let app = TestApp::new().await;
    let guest = app.guest().await;
    let pages: i64 = app.value("PRAGMA page_count", []).await;
    execute(&app, &format!("PRAGMA max_page_count = {pages}")).await;
    let txn = app.db.begin_write().await.unwrap();
    txn.execute_unprepared("UPDATE \"user\" SET display_name = 'before'").await.unwrap();
    let full = txn.execute_unprepared("UPDATE \"user\" SET about = hex(zeroblob(8000000))").await;
    assert!(full.unwrap_err().to_string().contains("full"));
    // SQLite has rolled the transaction back. Outside a transaction, this statement would be committed on its own.
    assert!(txn.execute_unprepared("UPDATE \"user\" SET display_name = 'after'").await.is_err());
    assert!(txn.commit().await.is_err());
    assert_eq!(display_name(&app, &guest).await, "Gil the guest");
    assert_eq!(app.get("/health/ready").await.status, 503);
    execute(&app, "PRAGMA max_page_count = 1000000").await;
    rename(&app, &guest, "Later").await;
    assert_eq!(display_name(&app, &guest).await, "Later");
    app.finish().await;
}

#[tokio::test]
async fn a_writer_left_inside_a_transaction_is_replaced_before_the_next_write() {
    if is_postgres() {
        return;
    }
    let app = TestApp::new().await;
    let guest = app.guest().await;
    for (left_open, new) in [("BEGIN IMMEDIATE", "One"), ("SAVEPOINT left_open", "Two")] {
        execute(&app, left_open).await;
        execute(&app, "UPDATE \"user\" SET display_name = 'lost'").await;
        rename(&app, &guest, new).await;
        assert_eq!(display_name(&app, &guest).await, new);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_failed_commit_is_an_error_and_the_next_commit_succeeds() {
    if is_postgres() {
        return;
    }
    let app = TestApp::new().await;
    let guest = app.guest().await;
    for round in 0..5 {
        let txn = app.db.begin_write().await.unwrap();
        txn.execute_unprepared("UPDATE \"user\" SET display_name = 'lost'").await.unwrap();
        // SQLite finds the violation at the commit. The failed commit leaves the transaction open.
        txn.execute_unprepared("PRAGMA defer_foreign_keys = ON").await.unwrap();
        txn.execute_unprepared("UPDATE session SET user_id = x'00'").await.unwrap();
        assert!(txn.commit().await.is_err());
        let new = format!("Round {round}");
        rename(&app, &guest, &new).await;
        assert_eq!(display_name(&app, &guest).await, new);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_returned_row_does_not_mean_that_the_statement_was_committed() {
    if is_postgres() {
        return;
    }
    let app = TestApp::new().await;
    execute(&app, "CREATE TABLE parent (id INTEGER PRIMARY KEY)").await;
    execute(&app, "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)").await;
    // SQLite returns the row first. It finds the violated foreign key only at the commit.
    let insert =
        Statement::from_string(app.db.write().get_database_backend(), "INSERT INTO child VALUES (1) RETURNING id");
    assert!(app.db.write().query_one_raw(insert).await.is_err());
    assert_eq!(app.count("child", []).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn readiness_checks_write_at_most_about_once_a_second() {
    if is_postgres() {
        return;
    }
    let app = TestApp::new().await;
    let began = std::time::Instant::now();
    let answers = futures_util::future::join_all((0..100).map(|_| app.get("/health/ready"))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let writes: i64 = app.value("SELECT beat FROM heartbeat", []).await;
    assert!((1..=1 + i64::try_from(began.elapsed().as_secs()).unwrap()).contains(&writes), "{writes}");
    app.finish().await;
}
