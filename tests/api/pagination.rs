//! The arguments of pages, on every connection of the schema.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Person, TestApp};
use crate::scenarios::{stay, text, uuid_of};
use crate::schema_walk::Schema;

/// The arguments of every connection with their descriptions, which are the same everywhere.
const ARGUMENTS: [(&str, &str); 4] = [
    ("after", "Only items after this cursor. If absent, from the first item."),
    ("before", "Only items before this cursor. If absent, up to the last item."),
    ("first", "Number of items from the start, 0 to 100. Default: 20, unless `last` is given."),
    ("last", "Number of items from the end, 0 to 100. Refused with `first`. If absent, `first` applies."),
];

/// A connection of the schema and the text around it in an operation, with `PAGE` in place of its arguments.
struct Connection {
    name: String,
    query: String,
}

impl Connection {
    /// An operation that reads one page.
    fn read(&self, page: &str, selection: &str) -> String {
        self.query.replace("PAGE", page).replace("SELECTION", selection)
    }
}

/// All connections of the schema. Those that are not of the query or the viewer are read on a node.
fn connections(schema: &Schema, ids: &BTreeMap<String, String>) -> Vec<Connection> {
    let mut found = Vec::new();
    for (of, fields) in schema.objects() {
        for field in fields.iter().filter(|field| field.is_connection()) {
            let name = format!("{of}.{}", field.name);
            let own = schema.select_page(field, "PAGE", "SELECTION").unwrap_or_else(|| panic!("{name} needs an ID"));
            let query = match of {
                "Query" => format!("{{ page: {own} }}"),
                "Viewer" => format!("{{ viewer {{ page: {own} }} }}"),
                _ => {
                    let mut places = schema.nodes().into_iter().flat_map(|node| schema.places_in(node));
                    let place = places.find(|place| place.on == of);
                    let place = place.unwrap_or_else(|| panic!("{name} cannot be reached"));
                    let id = place.node().and_then(|node| ids.get(node));
                    let id = id.unwrap_or_else(|| panic!("no object for {name}"));
                    let operation = place.operation(&format!("page: {own}"));
                    operation.replace("query($ids: [ID!]!)", "").replace("$ids", &format!("[\"{id}\"]"))
                }
            };
            found.push(Connection { name, query });
        }
    }
    found
}

/// A marketplace in which every connection of the host has at least two items, and one object of each type that has
/// connections of its own.
async fn create_lists(app: &TestApp) -> (Person, BTreeMap<String, String>) {
    // Both are hosts, so that each also has trips.
    let (host, guest) = (app.host().await, app.host().await);
    let mut ids = BTreeMap::new();
    for _ in 0..2 {
        let listing = app.published_listing(&host, json!({})).await;
        let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
        let other = app.published_listing(&guest, json!({})).await;
        app.book(&host, &other, "2027-03-01", "2027-03-03").await;
        let now = app.clock.now();
        let sql = "INSERT INTO session (id, user_id, created_at, last_seen_at, expires_at) VALUES ($1, $2, $3, $3, $4)";
        let end = now + chrono::TimeDelta::days(1);
        app.execute(sql, [app.clock.new_id().into(), host.user.into(), now.into(), end.into()]).await;
        for _ in 0..2 {
            let change = app.request_alteration_ok(&guest, &booking, stay("2027-03-01", "2027-03-05")).await;
            app.respond_ok(&host, &change, false, None).await;
            let given =
                json!({ "id": booking["id"], "amount": { "amount": 100, "currency": "USD" }, "reason": "Sorry." });
            app.mutate_ok(&host, "bookingRefund", given, "__typename").await;
            for side in ["GUEST_TO_LISTING", "HOST_TO_GUEST"] {
                let (id, listing) = (app.clock.new_id(), uuid_of(&listing));
                let sql = "INSERT INTO review (id, direction, listing_id, author_id, subject_id, overall, text, \
                           submitted_at, published_at, source, source_ref) \
                           VALUES ($1, $2, $3, $4, $5, 5, 'Good.', $6, $6, 'test', $7)";
                let (author, subject) = (guest.user.into(), host.user.into());
                let source = id.to_string().into();
                app.execute(sql, [id.into(), side.into(), listing.into(), author, subject, now.into(), source]).await;
            }
        }
        let sql = "INSERT INTO listing_rating (listing_id, origin, overall_sum, overall_count) \
                   VALUES ($1, 'IMPORTED', 1000, 2)";
        app.execute(sql, [uuid_of(&listing).into()]).await;
        ids.insert("Listing".to_owned(), listing);
        ids.insert("Booking".to_owned(), text(&booking, "/id"));
    }
    app.drain().await;
    let query = "query($id: ID!) { booking(id: $id) { payment { id } } }";
    let data = app.gql(&guest, query, json!({ "id": ids["Booking"] })).await;
    ids.insert("Payment".to_owned(), text(&data, "/booking/payment/id"));
    ids.insert("User".to_owned(), host.id());
    (host, ids)
}

#[tokio::test]
async fn every_connection_takes_the_same_arguments_and_states_the_default() {
    let app = TestApp::new().await;
    let schema = Schema::load(&app).await;
    let mut checked = 0;
    for (of, fields) in schema.objects() {
        for field in fields.iter().filter(|field| field.is_connection()) {
            checked += 1;
            for (name, description) in ARGUMENTS {
                let argument = field.args.iter().find(|argument| argument.name == name);
                let argument = argument.unwrap_or_else(|| panic!("{of}.{} has no {name}", field.name));
                let shown = argument.description.as_deref().unwrap_or_default().replace('\n', " ");
                assert_eq!(shown, description, "{of}.{}", field.name);
            }
        }
    }
    assert!(checked > 10, "only {checked} connections");
    app.finish().await;
}

#[tokio::test]
async fn every_connection_refuses_invalid_page_arguments() {
    let app = TestApp::new().await;
    let schema = Schema::load(&app).await;
    let (host, ids) = create_lists(&app).await;
    for list in connections(&schema, &ids) {
        for (page, refusal) in [
            ("first: 1000", "INVALID first"),
            ("first: 101", "INVALID first"),
            ("first: -1", "INVALID first"),
            ("last: 1000", "INVALID last"),
            ("first: 1, last: 1", "INVALID last"),
            ("after: \"bm9uc2Vuc2U\"", "INVALID after"),
            ("last: 1, before: \"\u{e9}\"", "INVALID before"),
        ] {
            let query = list.read(page, "totalCount");
            assert_eq!(app.query_error(&host, &query, json!({})).await, refusal, "{query}");
        }
        app.gql(&host, &list.read("first: 100", "totalCount"), json!({})).await;
    }
    app.finish().await;
}

/// The page of the response.
fn page(data: &Value) -> &Value {
    match data {
        Value::Object(fields) => fields
            .get("page")
            .or_else(|| fields.values().map(page).find(|found| !found.is_null()))
            .unwrap_or(&Value::Null),
        Value::Array(items) => items.first().map_or(&Value::Null, page),
        _ => &Value::Null,
    }
}

fn cursors(data: &Value) -> Vec<String> {
    page(data)["edges"].as_array().into_iter().flatten().map(|edge| text(edge, "/cursor")).collect()
}

#[tokio::test]
async fn every_connection_is_read_in_both_directions() {
    let app = TestApp::new().await;
    let schema = Schema::load(&app).await;
    let (host, ids) = create_lists(&app).await;
    let selection = "totalCount edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }";
    for list in connections(&schema, &ids) {
        let read = async |arguments: &str| app.gql(&host, &list.read(arguments, selection), json!({})).await;
        let all = read("first: 100").await;
        let cursors_of_all = cursors(&all);
        assert!(cursors_of_all.len() >= 2, "{} has too few items: {all:#}", list.name);
        assert_eq!(page(&all)["totalCount"], cursors_of_all.len(), "{}", list.name);
        let (first, second) = (&cursors_of_all[0], &cursors_of_all[1]);
        let forward = read(&format!("first: 1, after: \"{first}\"")).await;
        assert_eq!(&cursors(&forward)[..], std::slice::from_ref(second), "{}", list.name);
        assert_eq!(page(&forward)["pageInfo"]["hasPreviousPage"], true, "{}", list.name);
        let backward = read(&format!("last: 1, before: \"{second}\"")).await;
        assert_eq!(&cursors(&backward)[..], std::slice::from_ref(first), "{}", list.name);
        assert_eq!(page(&backward)["pageInfo"]["hasNextPage"], true, "{}", list.name);
        let end = read("last: 1").await;
        assert_eq!(cursors(&end), cursors_of_all[cursors_of_all.len() - 1..], "{}", list.name);
        let none = read("first: 0").await;
        assert_eq!((cursors(&none).len(), &page(&none)["totalCount"]), (0, &page(&all)["totalCount"]), "{}", list.name);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_cursor_of_one_connection_is_refused_by_every_other() {
    let app = TestApp::new().await;
    let schema = Schema::load(&app).await;
    let (host, ids) = create_lists(&app).await;
    let lists = connections(&schema, &ids);
    for from in &lists {
        let data = app.gql(&host, &from.read("first: 1", "edges { cursor }"), json!({})).await;
        let cursor = cursors(&data).remove(0);
        for to in &lists {
            let query = to.read(&format!("after: \"{cursor}\""), "totalCount");
            if from.name == to.name {
                app.gql(&host, &query, json!({})).await;
            } else {
                let refusal = app.query_error(&host, &query, json!({})).await;
                assert_eq!(refusal, "INVALID after", "{} accepts a cursor of {}", to.name, from.name);
            }
        }
    }
    app.finish().await;
}
