//! Events across nodes: every node receives each event once, and subscribers learn of gaps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use roost::platform::App;
use roost::platform::messaging::{Event, Topic};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::subscriber::{HOST_BOOKING_CHANGED, subscribe};
use crate::client::{document_with, fresh_key, graphql_request, send};
use crate::harness::TestApp;
use crate::scenarios::text;
use crate::waiting::{TIMEOUT, wait_until};

const CREATE: &str = "booking { id }";

#[tokio::test]
async fn an_event_of_one_node_is_received_once_on_each() {
    let app = TestApp::new().await;
    if !app.db.is_postgres() {
        // One SQLite file belongs to one process.
        app.finish().await;
        return;
    }
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let (other, router) = app.second_node().await;
    let mut here = subscribe(&app, &host, HOST_BOOKING_CHANGED, json!({})).await;
    let mut there = subscribe(&other, &host, HOST_BOOKING_CHANGED, json!({})).await;
    for (node, check_in, check_out) in [("here", "2027-03-01", "2027-03-03"), ("there", "2027-03-11", "2027-03-13")] {
        let quote = app.quote(&guest, &listing, check_in, check_out).await;
        let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } });
        let booking = if node == "here" {
            text(&app.book_quote(&guest, &quote, "ok").await, "/id")
        } else {
            let document = document_with("bookingCreate", &given, CREATE, Some(&fresh_key()));
            let token = crate::client::Caller::token(&guest, &app);
            let answer = send(&router, graphql_request(token, &document, &given)).await.json();
            text(&answer, "/data/bookingCreate/booking/id")
        };
        for subscription in [&mut here, &mut there] {
            for action in ["CREATE", "CONFIRM"] {
                let event = subscription.next_event().await;
                assert_eq!((&event["action"], &event["booking"]["id"]), (&json!(action), &json!(booking)), "{node}");
            }
        }
    }
    other.db.close().await;
    assert_eq!(there.closing_error().await, "EVENTS_INTERRUPTED");
    app.finish().await;
}

#[tokio::test]
async fn a_session_revoked_on_one_node_ends_its_subscriptions_on_another() {
    let app = TestApp::new().await;
    if !app.db.is_postgres() {
        app.finish().await;
        return;
    }
    let host = app.host().await;
    let (other, _) = app.second_node().await;
    let mut there = subscribe(&other, &host, HOST_BOOKING_CHANGED, json!({})).await;
    app.mutate_ok(&host, "sessionRevoke", json!({}), "__typename").await;
    assert_eq!(there.closing_error().await, "TOKEN_EXPIRED");
    other.db.close().await;
    app.finish().await;
}

#[tokio::test]
async fn without_redis_events_are_received_on_their_own_node() {
    // No process listens on the discard port.
    let app = TestApp::with(&["--redis-url=redis://127.0.0.1:9"]).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut hosted = subscribe(&app, &host, HOST_BOOKING_CHANGED, json!({})).await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(hosted.next_actions(2).await, ["CREATE", "CONFIRM"]);
    app.finish().await;
}

#[tokio::test]
async fn an_orderly_stop_interrupts_nobody_and_a_dead_node_is_noticed() {
    let app = TestApp::with(&["--redis-url="]).await;
    if !app.db.is_postgres() {
        app.finish().await;
        return;
    }
    let (host, guest) = (app.host().await, app.guest().await);
    let mut hosted = subscribe(&app, &host, HOST_BOOKING_CHANGED, json!({})).await;
    let (other, router) = app.second_node().await;
    // One node has published an event and stops in order. The other, node 7, exists only as a message of this test and
    // never stops in order.
    let given = json!({ "listing": { "title": "Elsewhere" } });
    let document = document_with("listingCreate", &given, "listing { id }", Some(&fresh_key()));
    send(&router, graphql_request(crate::client::Caller::token(&host, &app), &document, &given)).await;
    let envelope = json!({ "node": 7, "number": 1, "says": { "event": { "topic": { "kind": "test", "id": host.user },
                         "body": null } } });
    app.rows("SELECT CAST(pg_notify('roost_events', $1) AS text)", [envelope.to_string().into()]).await;
    let begun = Instant::now();
    other.db.close().await;
    let response = tokio::time::timeout(TIMEOUT, hosted.0.next()).await.expect("the dead node is detected");
    let response = serde_json::to_value(response.unwrap()).unwrap();
    assert_eq!(response["errors"][0]["extensions"]["code"], "EVENTS_INTERRUPTED");
    let took = begun.elapsed();
    assert!(Duration::from_secs(14) < took, "{took:?}");
    // Only one interruption: the next subscription continues beyond the time in which the stopped node would have been
    // detected if it had sent no goodbye.
    let mut hosted = subscribe(&app, &host, HOST_BOOKING_CHANGED, json!({})).await;
    assert!(tokio::time::timeout(Duration::from_secs(8), hosted.0.next()).await.is_err());
    let listing = app.published_listing(&host, json!({})).await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(hosted.next_actions(2).await, ["CREATE", "CONFIRM"]);
    app.finish().await;
}

#[tokio::test]
async fn one_connection_to_the_database_is_enough() {
    let app = TestApp::with(&["--redis-url=", "--database-connections=1"]).await;
    let scenario = async {
        let (host, guest) = (app.host().await, app.guest().await);
        let listing = app.published_listing(&host, json!({})).await;
        let mut hosted = subscribe(&app, &host, HOST_BOOKING_CHANGED, json!({})).await;
        app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
        assert_eq!(hosted.next_actions(2).await, ["CREATE", "CONFIRM"]);
    };
    tokio::time::timeout(TIMEOUT, scenario).await.expect("no task waits for a second connection");
    app.finish().await;
}

#[tokio::test]
async fn events_during_a_redis_outage_are_delivered_after_it() {
    let Some(redis) = std::env::var("ROOST_TEST_REDIS_URL").ok().filter(|url| !url.is_empty()) else { return };
    let (open, is_open) = watch::channel(true);
    let url = relay(&redis, is_open).await;
    let app = TestApp::with(&[&format!("--redis-url={url}")]).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let config = roost::platform::config::Config { redis_url: Some(redis), ..app.app.config.clone() };
    let database = roost::platform::database::Database::connect(&config).await.unwrap();
    let other = roost::platform::App::assemble(config, app.app.clock.clone(), database).await.unwrap();
    let mut there = subscribe(&other, &host, HOST_BOOKING_CHANGED, json!({})).await;
    open.send_replace(false);
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert!(tokio::time::timeout(Duration::from_secs(1), there.0.next()).await.is_err());
    open.send_replace(true);
    app.book(&guest, &listing, "2027-03-11", "2027-03-13").await;
    assert_eq!(there.next_actions(4).await, ["CREATE", "CONFIRM", "CREATE", "CONFIRM"]);
    other.db.close().await;
    app.finish().await;
}

/// Relays connections to Redis while `open` is true.
async fn relay(redis: &str, open: watch::Receiver<bool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let redis = redis.trim_start_matches("redis://").trim_end_matches('/').to_owned();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let (redis, mut open) = (redis.clone(), open.clone());
            tokio::spawn(async move {
                if !*open.borrow() {
                    return;
                }
                let mut server = TcpStream::connect(redis).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                    _ = open.wait_for(|open| !open) => {}
                }
            });
        }
    });
    format!("redis://{address}")
}

#[tokio::test]
async fn a_gap_in_events_ends_every_subscription_with_the_reason() {
    let Some(redis) = std::env::var("ROOST_TEST_REDIS_URL").ok().filter(|url| !url.is_empty()) else { return };
    let (open, is_open) = watch::channel(true);
    let url = relay(&redis, is_open).await;
    let app = TestApp::with(&[&format!("--redis-url={url}")]).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut hosted = subscribe(&app, &host, HOST_BOOKING_CHANGED, json!({})).await;
    open.send_replace(false);
    assert_eq!(hosted.closing_error().await, "EVENTS_INTERRUPTED");
    // Events of this node are still received on this node.
    let mut hosted = subscribe(&app, &host, HOST_BOOKING_CHANGED, json!({})).await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(hosted.next_actions(2).await, ["CREATE", "CONFIRM"]);
    // The restored connection is reported as a gap as well. It also lets this node send its goodbye when it stops, which
    // is necessary because all tests share one Redis.
    open.send_replace(true);
    assert_eq!(hosted.closing_error().await, "EVENTS_INTERRUPTED");
    app.finish().await;
}

/// Relays connections to Postgres. When `is_deaf` becomes true, existing connections that have sent `LISTEN` stay open
/// but receive nothing more.
async fn half_open(postgres: String, is_deaf: watch::Receiver<bool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(&postgres).await.unwrap();
            let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                (client.into_split(), server.into_split());
            let listens = Arc::new(AtomicBool::new(false));
            let (is_deaf, is_late) = (is_deaf.clone(), *is_deaf.borrow());
            let sent_listen = listens.clone();
            tokio::spawn(async move {
                let mut bytes = [0; 16_384];
                while let Ok(length @ 1..) = from_client.read(&mut bytes).await {
                    sent_listen.fetch_or(bytes[..length].windows(6).any(|word| word == b"LISTEN"), Ordering::SeqCst);
                    to_server.write_all(&bytes[..length]).await.unwrap();
                }
            });
            tokio::spawn(async move {
                let mut bytes = [0; 16_384];
                while let Ok(length @ 1..) = from_server.read(&mut bytes).await {
                    let is_lost = listens.load(Ordering::SeqCst) && *is_deaf.borrow() && !is_late;
                    if !is_lost && to_client.write_all(&bytes[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Waits until `one` receives the events of `another` without interruption.
async fn wait_until_connected(one: &App, another: &App) {
    let topic = Topic::new("test", one.clock.new_id());
    let twice = async || {
        let mut listener = one.db.events().listen(topic.clone());
        for body in [json!(1), json!(2)] {
            another.db.events().publish(Event { topic: topic.clone(), body });
            // An event published before the connection exists is lost, so the test publishes another.
            let event = tokio::time::timeout(Duration::from_millis(500), listener.next()).await;
            if !matches!(event, Ok(Ok(_))) {
                return false;
            }
        }
        true
    };
    wait_until("one node receives the events of another", twice).await;
}

#[tokio::test]
async fn a_silently_dead_postgres_connection_is_replaced() {
    let app = TestApp::with(&["--redis-url="]).await;
    if !app.db.is_postgres() {
        app.finish().await;
        return;
    }
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let url = app.app.config.database_url.clone();
    let server = url.split(['@', '/']).find(|part| part.contains(':') && !part.ends_with(':')).unwrap().to_owned();
    let (deaf, is_deaf) = watch::channel(false);
    let relayed = half_open(server.clone(), is_deaf).await;
    let config =
        roost::platform::config::Config { database_url: url.replace(&server, &relayed), ..app.app.config.clone() };
    let database = roost::platform::database::Database::connect(&config).await.unwrap();
    let other = roost::platform::App::assemble(config, app.app.clock.clone(), database).await.unwrap();
    let mut there = subscribe(&other, &host, HOST_BOOKING_CHANGED, json!({})).await;
    deaf.send_replace(true);
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let response = tokio::time::timeout(TIMEOUT, there.0.next()).await.expect("the dead connection is detected");
    let response = serde_json::to_value(response.unwrap()).unwrap();
    assert_eq!(response["errors"][0]["extensions"]["code"], "EVENTS_INTERRUPTED");
    // The silence of the other node is one interruption. The new connection may be a second one.
    wait_until_connected(&other, &app).await;
    let mut there = subscribe(&other, &host, HOST_BOOKING_CHANGED, json!({})).await;
    app.book(&guest, &listing, "2027-03-11", "2027-03-13").await;
    assert_eq!(there.next_actions(2).await, ["CREATE", "CONFIRM"]);
    other.db.close().await;
    app.finish().await;
}
