//! Events on every node: each once, and a gap is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use roost::platform::App;
use roost::platform::events::{Event, Topic};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{HOSTED, PATIENCE, subscribe};
use crate::client::{document_with, fresh_key, graphql_request, send};
use crate::harness::TestApp;
use crate::node::until;
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

#[tokio::test]
async fn a_node_that_stops_in_order_interrupts_nobody_and_one_that_dies_is_noticed() {
    let app = TestApp::with(&["--redis-url="]).await;
    if !app.db.is_postgres() {
        app.finish().await;
        return;
    }
    let (host, guest) = (app.host().await, app.guest().await);
    let mut hosted = subscribe(&app, &host, HOSTED, json!({})).await;
    let (other, router) = app.second_node().await;
    // A node that has told something, and one like it that dies: nobody but this test has ever heard of it.
    let given = json!({ "listing": { "title": "Elsewhere" } });
    let document = document_with("listingCreate", &given, "listing { id }", Some(&fresh_key()));
    send(&router, graphql_request(crate::client::Who::token(&host, &app), &document, &given)).await;
    let letter = json!({ "node": 7, "number": 1, "says": { "event": { "topic": { "kind": "test", "id": host.user },
                         "body": null } } });
    app.rows("SELECT CAST(pg_notify('roost_events', $1) AS text)", [letter.to_string().into()]).await;
    let begun = Instant::now();
    other.db.close().await;
    let response = tokio::time::timeout(PATIENCE, hosted.0.next()).await.expect("it is noticed");
    let response = serde_json::to_value(response.unwrap()).unwrap();
    assert_eq!(response["errors"][0]["extensions"]["code"], "EVENTS_INTERRUPTED");
    let took = begun.elapsed();
    assert!(Duration::from_secs(14) < took, "{took:?}");
    // Once: the next stream goes on beyond the time in which the other, which said farewell, would have been noticed.
    let mut hosted = subscribe(&app, &host, HOSTED, json!({})).await;
    assert!(tokio::time::timeout(Duration::from_secs(8), hosted.0.next()).await.is_err());
    let listing = app.published_listing(&host, json!({})).await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(hosted.actions(2).await, ["create", "confirm"]);
    app.finish().await;
}

#[tokio::test]
async fn one_connection_to_the_database_is_enough() {
    let app = TestApp::with(&["--redis-url=", "--database-connections=1"]).await;
    let story = async {
        let (host, guest) = (app.host().await, app.guest().await);
        let listing = app.published_listing(&host, json!({})).await;
        let mut hosted = subscribe(&app, &host, HOSTED, json!({})).await;
        app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
        assert_eq!(hosted.actions(2).await, ["create", "confirm"]);
    };
    tokio::time::timeout(PATIENCE, story).await.expect("nothing waits for a second one");
    app.finish().await;
}

#[tokio::test]
async fn what_happens_while_redis_is_away_is_told_when_it_is_back() {
    let Some(redis) = std::env::var("ROOST_TEST_REDIS_URL").ok().filter(|url| !url.is_empty()) else { return };
    let (open, is_open) = watch::channel(true);
    let url = relay(&redis, is_open).await;
    let app = TestApp::with(&[&format!("--redis-url={url}")]).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let config = roost::platform::config::Config { redis_url: Some(redis), ..app.app.config.clone() };
    let database = roost::platform::database::Database::connect(&config).await.unwrap();
    let other = roost::platform::App::assemble(config, app.app.clock.clone(), database).await.unwrap();
    let mut there = subscribe(&other, &host, HOSTED, json!({})).await;
    open.send_replace(false);
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert!(tokio::time::timeout(Duration::from_secs(1), there.0.next()).await.is_err());
    open.send_replace(true);
    app.book(&guest, &listing, "2027-03-11", "2027-03-13").await;
    assert_eq!(there.actions(4).await, ["create", "confirm", "create", "confirm"]);
    other.db.close().await;
    app.finish().await;
}

/// Passes connections on to Redis while it is open.
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
async fn a_gap_in_listening_ends_every_subscription_with_the_reason() {
    let Some(redis) = std::env::var("ROOST_TEST_REDIS_URL").ok().filter(|url| !url.is_empty()) else { return };
    let (open, is_open) = watch::channel(true);
    let url = relay(&redis, is_open).await;
    let app = TestApp::with(&[&format!("--redis-url={url}")]).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut hosted = subscribe(&app, &host, HOSTED, json!({})).await;
    open.send_replace(false);
    assert_eq!(hosted.end().await, "EVENTS_INTERRUPTED");
    // What happens here is heard here all the same.
    let mut hosted = subscribe(&app, &host, HOSTED, json!({})).await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(hosted.actions(2).await, ["create", "confirm"]);
    // That the others are heard again is told as well. Nor may this node fall silent without a farewell: all tests share
    // one Redis.
    open.send_replace(true);
    assert_eq!(hosted.end().await, "EVENTS_INTERRUPTED");
    app.finish().await;
}

/// Passes connections on to Postgres. Once it is deaf, those that listen by then hear nothing more, and are not told so.
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
            let asks = listens.clone();
            tokio::spawn(async move {
                let mut bytes = [0; 16_384];
                while let Ok(length @ 1..) = from_client.read(&mut bytes).await {
                    asks.fetch_or(bytes[..length].windows(6).any(|word| word == b"LISTEN"), Ordering::SeqCst);
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

/// Waits until one node hears another again, with nothing left to interrupt it.
async fn hears(one: &App, another: &App) {
    let topic = Topic::new("test", one.clock.id());
    let twice = async || {
        let mut listener = one.db.events().listen(topic.clone());
        for body in [json!(1), json!(2)] {
            another.db.events().publish(Event { topic: topic.clone(), body });
            // What is published before the connection is there is lost, and has to be published again.
            let heard = tokio::time::timeout(Duration::from_millis(500), listener.next()).await;
            if !matches!(heard, Ok(Ok(_))) {
                return false;
            }
        }
        true
    };
    until("one node hears another", twice).await;
}

#[tokio::test]
async fn a_connection_to_postgres_that_died_without_a_word_is_replaced() {
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
    let mut there = subscribe(&other, &host, HOSTED, json!({})).await;
    deaf.send_replace(true);
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let response = tokio::time::timeout(PATIENCE, there.0.next()).await.expect("it is noticed");
    let response = serde_json::to_value(response.unwrap()).unwrap();
    assert_eq!(response["errors"][0]["extensions"]["code"], "EVENTS_INTERRUPTED");
    // Once for the silence of the other node, and perhaps again for the new connection.
    hears(&other, &app).await;
    let mut there = subscribe(&other, &host, HOSTED, json!({})).await;
    app.book(&guest, &listing, "2027-03-11", "2027-03-13").await;
    assert_eq!(there.actions(2).await, ["create", "confirm"]);
    other.db.close().await;
    app.finish().await;
}
