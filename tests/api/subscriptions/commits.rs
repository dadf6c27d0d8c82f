//! What a commit brings about: whoever has gone meanwhile, and once.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::{FutureExt, poll};
use roost::platform::events::{Event, Topic};
use sea_orm::ConnectionTrait;
use serde_json::json;

use super::PATIENCE;
use crate::harness::TestApp;

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
        // By now it has taken effect; its caller has not heard of it, and never will.
        tokio::time::sleep(Duration::from_millis(200)).await;
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
