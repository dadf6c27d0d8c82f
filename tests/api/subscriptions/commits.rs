//! Events of a commit: they are published even if the caller disconnects, once each, and a limited number of listeners
//! reads at a time.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt, poll};
use roost::platform::messaging::{Event, Topic};
use sea_orm::ConnectionTrait;
use serde_json::json;

use super::subscriber::{CALENDAR_CHANGED, subscribe};
use crate::client::Anonymous;
use crate::harness::TestApp;
use crate::waiting::{TIMEOUT, wait_until};

#[tokio::test]
async fn a_commit_whose_caller_disconnects_is_published_and_followed_up() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let topic = Topic::new("test", app.clock.new_id());
    let mut listener = app.db.events().listen(topic.clone());
    let txn = app.db.begin_write().await.unwrap();
    let sql = format!("UPDATE \"user\" SET display_name = 'Committed' WHERE id = {}", literal(&app, host.user));
    txn.execute_unprepared(&sql).await.unwrap();
    txn.announce(Event { topic, body: json!("committed") });
    let followed = Arc::new(AtomicBool::new(false));
    txn.after_commit({
        let followed = followed.clone();
        async move { followed.store(true, Ordering::SeqCst) }
    });
    {
        let mut commit = pin!(txn.commit());
        assert_eq!(poll!(&mut commit), Poll::Pending);
        // The commit takes effect, but the future is dropped before it returns.
        let committed = "\"user\" WHERE display_name = 'Committed'";
        wait_until("the commit takes effect", async || app.count(committed, []).await == 1).await;
    }
    let event = tokio::time::timeout(TIMEOUT, listener.next()).await.expect("the event is published").unwrap();
    assert_eq!(event.body, "committed");
    assert!(followed.load(Ordering::SeqCst));
    assert_eq!(app.count("\"user\" WHERE display_name = 'Committed'", []).await, 1);
    app.finish().await;
}

/// An ID as an SQL literal.
fn literal(app: &TestApp, id: uuid::Uuid) -> String {
    if app.db.is_postgres() { format!("'{id}'") } else { format!("x'{}'", id.simple()) }
}

#[tokio::test]
async fn an_event_announced_twice_in_one_commit_is_delivered_once() {
    let app = TestApp::new().await;
    let topic = Topic::new("test", app.clock.new_id());
    let mut listener = app.db.events().listen(topic.clone());
    let txn = app.db.begin_write().await.unwrap();
    for word in ["one", "two", "one", "two", "three"] {
        txn.announce(Event { topic: topic.clone(), body: json!(word) });
    }
    txn.commit().await.unwrap();
    for word in ["one", "two", "three"] {
        assert_eq!(listener.next().await.unwrap().body, word);
    }
    assert!(listener.next().now_or_never().is_none());
    app.finish().await;
}

#[tokio::test]
async fn listeners_read_in_turns_after_an_event() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    let range = json!({ "id": listing, "from": "2027-03-01", "to": "2027-03-03" });
    let mut calendar = subscribe(&app, &Anonymous, CALENDAR_CHANGED, range).await;
    let changes = json!([{ "from": "2027-03-01", "to": "2027-03-02", "blocked": true }]);
    app.mutate_ok(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": changes }), "__typename").await;
    // All turns are taken: their number is half of the connections.
    let mut turns = join_all([(); 2].map(|()| app.db.turn())).await;
    assert!(app.db.turn().now_or_never().is_none());
    let before = app.db.statements();
    assert!(tokio::time::timeout(Duration::from_millis(100), calendar.0.next()).await.is_err());
    assert_eq!(app.db.statements(), before);
    turns.pop();
    assert_eq!(calendar.next_event().await[0]["state"], "BLOCKED_BY_HOST");
    app.finish().await;
}
