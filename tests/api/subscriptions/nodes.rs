//! Events on every node: each once, and a gap is told.

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::{HOSTED, subscribe};
use crate::client::{document_with, fresh_key, graphql_request, send};
use crate::harness::TestApp;
use crate::scenes::text;

const CREATE: &str = "booking { id }";

#[tokio::test]
async fn what_happens_on_one_node_is_heard_once_on_each() {
    let app = TestApp::new().await;
    if !app.db.is_postgres() {
        // One SQLite file belongs to one process.
        app.finish().await;
        return;
    }
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let (other, router) = app.second_node().await;
    let mut here = subscribe(&app, &host, HOSTED, json!({})).await;
    let mut there = subscribe(&other, &host, HOSTED, json!({})).await;
    for (node, check_in, check_out) in [("here", "2027-03-01", "2027-03-03"), ("there", "2027-03-11", "2027-03-13")] {
        let quote = app.quote(&guest, &listing, check_in, check_out).await;
        let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } });
        let booking = if node == "here" {
            text(&app.pay(&guest, &quote, "ok").await, "/id")
        } else {
            let document = document_with("bookingCreate", &given, CREATE, Some(&fresh_key()));
            let token = crate::client::Who::token(&guest, &app);
            let answer = send(&router, graphql_request(token, &document, &given)).await.json();
            text(&answer, "/data/bookingCreate/booking/id")
        };
        for live in [&mut here, &mut there] {
            for action in ["create", "confirm"] {
                let heard = live.hear().await;
                assert_eq!((&heard["action"], &heard["booking"]["id"]), (&json!(action), &json!(booking)), "{node}");
            }
        }
    }
    other.db.close().await;
    assert_eq!(there.end().await, "EVENTS_INTERRUPTED");
    app.finish().await;
}

#[tokio::test]
async fn a_session_revoked_on_one_node_ends_what_it_hears_on_another() {
    let app = TestApp::new().await;
    if !app.db.is_postgres() {
        app.finish().await;
        return;
    }
    let host = app.host().await;
    let (other, _) = app.second_node().await;
    let mut there = subscribe(&other, &host, HOSTED, json!({})).await;
    app.must(&host, "sessionRevoke", json!({}), "__typename").await;
    assert_eq!(there.end().await, "TOKEN_EXPIRED");
    other.db.close().await;
    app.finish().await;
}

#[tokio::test]
async fn without_redis_events_are_heard_on_the_node_where_they_happen() {
    // Nobody listens on the port of discard.
    let app = TestApp::with(&["--redis-url=redis://127.0.0.1:9"]).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut hosted = subscribe(&app, &host, HOSTED, json!({})).await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(hosted.actions(2).await, ["create", "confirm"]);
    app.finish().await;
}

/// Passes connections on to Redis until it is told to cut them.
async fn relay(redis: String, cut: CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let (redis, cut) = (redis.clone(), cut.clone());
            tokio::spawn(async move {
                let mut server = TcpStream::connect(redis).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                    () = cut.cancelled() => {}
                }
            });
        }
    });
    format!("redis://{address}")
}

#[tokio::test]
async fn a_gap_in_listening_ends_every_subscription_with_the_reason() {
    let Some(redis) = std::env::var("ROOST_TEST_REDIS_URL").ok().filter(|url| !url.is_empty()) else { return };
    let cut = CancellationToken::new();
    let redis = redis.trim_start_matches("redis://").trim_end_matches('/').to_owned();
    let url = relay(redis, cut.clone()).await;
    let app = TestApp::with(&[&format!("--redis-url={url}")]).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut hosted = subscribe(&app, &host, HOSTED, json!({})).await;
    cut.cancel();
    assert_eq!(hosted.end().await, "EVENTS_INTERRUPTED");
    // What happens here is heard here all the same.
    let mut hosted = subscribe(&app, &host, HOSTED, json!({})).await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(hosted.actions(2).await, ["create", "confirm"]);
    app.finish().await;
}
