//! The cache: it saves statements, drops an entry when its row changes, and is not needed for the service to work.

use serde_json::{Value, json};

use crate::client::{Anonymous, graphql_request, send};
use crate::harness::TestApp;
use crate::waiting::wait_until;

const TITLE: &str = "query($id: ID!) { listing(id: $id) { title } }";

async fn read_title(app: &TestApp, listing: &str) -> Value {
    app.gql(&Anonymous, TITLE, json!({ "id": listing })).await["listing"]["title"].take()
}

async fn rename(app: &TestApp, host: &crate::harness::Person, listing: &str, version: i64, title: &str) {
    let given = json!({ "id": listing, "expectedVersion": version, "listing": { "title": title } });
    app.mutate_ok(host, "listingUpdate", given, "__typename").await;
}

#[tokio::test]
async fn a_listing_is_read_from_the_database_once() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let id = app.clock.new_id();
    // The listing gets a new ID, because an invalidated one is not cached for a moment.
    let listing = app.published_listing(&host, json!({})).await;
    let sql = "UPDATE listing SET id = $1 WHERE id = $2";
    app.execute("DELETE FROM listing_amenity", []).await;
    app.execute(sql, [id.into(), crate::scenarios::uuid_of(&listing).into()]).await;
    let listing = roost::kernel::id::Id::new(roost::kernel::id::Kind::Listing, id).to_string();
    let mut costs = Vec::new();
    for _ in 0..3 {
        let before = app.db.statements();
        assert_eq!(read_title(&app, &listing).await, "Loft by the bridge");
        costs.push(app.db.statements() - before);
    }
    assert_eq!(costs, [1, 0, 0]);
    app.finish().await;
}

#[tokio::test]
async fn a_change_is_seen_by_the_next_reader() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    for (version, name) in [(2, "Second"), (3, "Third")] {
        read_title(&app, &listing).await;
        rename(&app, &host, &listing, version, name).await;
        assert_eq!(read_title(&app, &listing).await, name);
    }
    app.mutate_ok(&host, "listingUnlist", json!({ "id": listing }), "__typename").await;
    let data = app.gql(&Anonymous, TITLE, json!({ "id": listing })).await;
    assert_eq!(data["listing"], Value::Null);
    app.finish().await;
}

#[tokio::test]
async fn a_change_is_seen_on_another_node() {
    let app = TestApp::new().await;
    if !app.db.is_postgres() {
        // A SQLite database has one node.
        app.finish().await;
        return;
    }
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    let (other, router) = app.second_node().await;
    let read = async || {
        let answer = send(&router, graphql_request(None, TITLE, &json!({ "id": listing }))).await;
        answer.json()["data"]["listing"]["title"].take()
    };
    assert_eq!(read().await, "Loft by the bridge");
    rename(&app, &host, &listing, 2, "Renamed").await;
    // Without Redis, the invalidation is sent by NOTIFY and arrives a moment later.
    wait_until("the other node has dropped its old entry", async || read().await == "Renamed").await;
    other.db.close().await;
    app.finish().await;
}

#[tokio::test]
async fn without_redis_everything_still_works() {
    // No process listens on the discard port.
    let app = TestApp::with(&["--redis-url=redis://127.0.0.1:9"]).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    rename(&app, &host, &listing, 2, "Renamed").await;
    assert_eq!(read_title(&app, &listing).await, "Renamed");
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let ready = app.get("/health/ready").await;
    assert_eq!((ready.status.as_u16(), ready.json()), (200, json!({ "database": "up", "cache": "down" })));
    app.finish().await;
}
