//! SQLite when writes fail: a full file, an I/O error, and a connection left inside a transaction. What was acknowledged
//! is kept, what failed leaves nothing, and the service goes on without a restart.

#[cfg(target_os = "linux")]
mod limited;

use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;

use crate::database::is_postgres;
use crate::harness::{Person, TestApp};

async fn write(app: &TestApp, sql: &str) {
    app.db.write().execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The name of somebody as another connection reads it.
async fn name(app: &TestApp, person: &Person) -> String {
    let sql = "SELECT display_name FROM \"user\" WHERE id = $1";
    let db = app.db.read();
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [person.user.into()]);
    db.query_one_raw(statement).await.unwrap().unwrap().try_get_by(0).unwrap()
}

async fn rename(app: &TestApp, person: &Person, name: &str) {
    app.must(person, "userUpdate", json!({ "user": { "displayName": name } }), "__typename").await;
}

#[tokio::test]
async fn a_transaction_in_which_the_file_was_full_keeps_nothing_of_what_came_before_or_after() {
    if is_postgres() {
        return;
    }
    let app = TestApp::new().await;
    let guest = app.guest().await;
    let pages: i64 = app.value("PRAGMA page_count", []).await;
    write(&app, &format!("PRAGMA max_page_count = {pages}")).await;
    let txn = app.db.begin_write().await.unwrap();
    txn.execute_unprepared("UPDATE \"user\" SET display_name = 'before'").await.unwrap();
    let full = txn.execute_unprepared("UPDATE \"user\" SET about = hex(zeroblob(8000000))").await;
    assert!(full.unwrap_err().to_string().contains("full"));
    // SQLite has ended the transaction by itself: on its own, this statement would be kept.
    assert!(txn.execute_unprepared("UPDATE \"user\" SET display_name = 'after'").await.is_err());
    assert!(txn.commit().await.is_err());
    assert_eq!(name(&app, &guest).await, "Gil the guest");
    assert_eq!(app.get("/health/ready").await.status, 503);
    write(&app, "PRAGMA max_page_count = 1000000").await;
    rename(&app, &guest, "Later").await;
    assert_eq!(name(&app, &guest).await, "Later");
    app.finish().await;
}

#[tokio::test]
async fn a_writer_inside_a_transaction_is_replaced_before_the_next_one_begins() {
    if is_postgres() {
        return;
    }
    let app = TestApp::new().await;
    let guest = app.guest().await;
    for (left_open, new) in [("BEGIN IMMEDIATE", "One"), ("SAVEPOINT left_open", "Two")] {
        write(&app, left_open).await;
        write(&app, "UPDATE \"user\" SET display_name = 'lost'").await;
        rename(&app, &guest, new).await;
        assert_eq!(name(&app, &guest).await, new);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_commit_that_fails_is_an_error_and_the_next_one_is_kept() {
    if is_postgres() {
        return;
    }
    let app = TestApp::new().await;
    let guest = app.guest().await;
    for round in 0..5 {
        let txn = app.db.begin_write().await.unwrap();
        txn.execute_unprepared("UPDATE \"user\" SET display_name = 'lost'").await.unwrap();
        // A violation that is found at the commit, which then leaves the transaction open.
        txn.execute_unprepared("PRAGMA defer_foreign_keys = ON").await.unwrap();
        txn.execute_unprepared("UPDATE session SET user_id = x'00'").await.unwrap();
        assert!(txn.commit().await.is_err());
        let new = format!("Round {round}");
        rename(&app, &guest, &new).await;
        assert_eq!(name(&app, &guest).await, new);
    }
    app.finish().await;
}

#[tokio::test]
async fn what_a_single_statement_returns_is_not_taken_for_its_success() {
    if is_postgres() {
        return;
    }
    let app = TestApp::new().await;
    write(&app, "CREATE TABLE parent (id INTEGER PRIMARY KEY)").await;
    write(&app, "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)").await;
    // SQLite returns the row first, and finds when it commits that it cannot keep it.
    let insert =
        Statement::from_string(app.db.write().get_database_backend(), "INSERT INTO child VALUES (1) RETURNING id");
    assert!(app.db.write().query_one_raw(insert).await.is_err());
    assert_eq!(app.count("child", []).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn however_often_readiness_is_asked_for_it_writes_about_once_a_second() {
    if is_postgres() {
        return;
    }
    let app = TestApp::new().await;
    let began = std::time::Instant::now();
    let asked = futures_util::future::join_all((0..100).map(|_| app.get("/health/ready"))).await;
    assert!(asked.iter().all(|answer| answer.status == 200));
    let beats: i64 = app.value("SELECT beat FROM heartbeat", []).await;
    assert!((1..=1 + i64::try_from(began.elapsed().as_secs()).unwrap()).contains(&beats), "{beats}");
    app.finish().await;
}
