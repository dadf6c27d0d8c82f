//! What a commit brings about: whoever has gone meanwhile, once, and a few readers at a time.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt, poll};
use roost::platform::messaging::publisher::{Event, Topic};
use sea_orm::ConnectionTrait;
use serde_json::json;

use super::{CALENDAR, PATIENCE, subscribe};
use crate::client::Nobody;
use crate::harness::TestApp;
use crate::node::until;

#[tokio::test]
async fn a_commit_whose_caller_goes_away_is_told_and_followed_up_all_the_same() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let topic = Topic::new("test", app.clock.id());
    let mut listener = app.db.events().listen(topic.clone());
    let txn = app.db.begin_write().await.unwrap();
    let sql = format!("UPDATE \"user\" SET display_name = 'Committed' WHERE id = {}", literal(&app, host.user));
    txn.execute_unprepared(&sql).await.unwrap();
    txn.announce(Event { topic, body: json!("committed") });
    let followed = Arc::new(AtomicBool::new(false));
    txn.afterwards({
        let followed = followed.clone();
        async move { followed.store(true, Ordering::SeqCst) }
    });
    {
        let mut commit = pin!(txn.commit());
        assert_eq!(poll!(&mut commit), Poll::Pending);
        // Once it has taken effect, its caller has not heard of it, and never will.
        let committed = "\"user\" WHERE display_name = 'Committed'";
        until("the commit takes effect", async || app.count(committed, []).await == 1).await;
    }
    let heard = tokio::time::timeout(PATIENCE, listener.next()).await.expect("it is told").unwrap();
    assert_eq!(heard.body, "committed");
    assert!(followed.load(Ordering::SeqCst));
    assert_eq!(app.count("\"user\" WHERE display_name = 'Committed'", []).await, 1);
    app.finish().await;
}

/// An id as a statement without parameters names it.
fn literal(app: &TestApp, id: uuid::Uuid) -> String {
    if app.db.is_postgres() { format!("'{id}'") } else { format!("x'{}'", id.simple()) }
}

#[tokio::test]
async fn what_one_commit_announces_twice_is_told_once() {
    let app = TestApp::new().await;
    let topic = Topic::new("test", app.clock.id());
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
async fn listeners_wait_for_their_turn_to_read_what_an_event_is_about() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    let range = json!({ "id": listing, "from": "2027-03-01", "to": "2027-03-03" });
    let mut calendar = subscribe(&app, &Nobody, CALENDAR, range).await;
    let changes = json!([{ "from": "2027-03-01", "to": "2027-03-02", "blocked": true }]);
    app.must(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": changes }), "__typename").await;
    // Half of the connections.
    let mut turns = join_all([(); 2].map(|()| app.db.turn())).await;
    assert!(app.db.turn().now_or_never().is_none());
    let before = app.db.statements();
    assert!(tokio::time::timeout(Duration::from_millis(100), calendar.0.next()).await.is_err());
    assert_eq!(app.db.statements(), before);
    turns.pop();
    assert_eq!(calendar.hear().await[0]["state"], "BLOCKED_BY_HOST");
    app.finish().await;
}
