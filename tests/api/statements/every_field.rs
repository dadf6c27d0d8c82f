//! Every field of the schema, found by walking it, costs the same number of statements below a list of 2, 10 and 20
//! rows.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::count_statements_with;
use crate::harness::{Person, TestApp};
use crate::scenarios::{stay, text, uuid_of};
use crate::schema_walk::{Field, Place, Schema, find};

const SIZES: [usize; 3] = [2, 10, 20];
const MOST: usize = 20;

/// The largest number of statements of an operation that reads one connection, total or field with arguments.
const BUDGET: u64 = 12;

/// Connections, totals and fields with arguments that cannot be read below a list, with the reason.
const NOT_BELOW_A_LIST: [(&str, &str); 0] = [];

/// A marketplace with twenty objects of every kind, and the people who see them.
struct Market {
    people: Vec<Person>,
    /// The IDs of the objects of each type.
    ids: BTreeMap<String, Vec<String>>,
}

/// Twenty listings of one host, each booked by another guest, and twenty of other hosts, all booked by one guest, who
/// asks for another stay at each.
async fn create_market(app: &TestApp) -> Vec<Person> {
    let (host, guest, staff) = (app.host().await, app.guest().await, app.admin().await);
    for _ in 0..MOST {
        let (other_host, other_guest) = (app.host().await, app.guest().await);
        let own = app.published_listing(&host, json!({})).await;
        let booking = app.book(&other_guest, &own, "2027-03-01", "2027-03-03").await;
        let refund = json!({ "id": booking["id"], "amount": { "amount": 100, "currency": "USD" }, "reason": "Sorry." });
        app.mutate_ok(&staff, "bookingRefund", refund, "__typename").await;
        let listing = app.published_listing(&other_host, json!({})).await;
        let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
        app.request_alteration_ok(&guest, &booking, stay("2027-03-01", "2027-03-05")).await;
        for (side, subject) in [("GUEST_TO_LISTING", &other_host), ("HOST_TO_GUEST", &other_guest)] {
            let (id, now) = (app.clock.new_id(), app.clock.now());
            let sql = "INSERT INTO review (id, direction, listing_id, author_id, subject_id, overall, text, \
                       submitted_at, published_at, source, source_ref) \
                       VALUES ($1, $2, $3, $4, $5, 5, 'Good.', $6, $6, 'test', $7)";
            let (listing, source) = (uuid_of(&listing), id.to_string());
            let (author, subject) = (guest.user.into(), subject.user.into());
            app.execute(sql, [id.into(), side.into(), listing.into(), author, subject, now.into(), source.into()])
                .await;
        }
        let sql = "INSERT INTO listing_rating (listing_id, origin, overall_sum, overall_count) \
                   VALUES ($1, 'IMPORTED', 500, 1)";
        app.execute(sql, [uuid_of(&listing).into()]).await;
        let (now, end) = (app.clock.now(), app.clock.now() + TimeDelta::days(1));
        let sql = "INSERT INTO session (id, user_id, created_at, last_seen_at, expires_at) VALUES ($1, $2, $3, $3, $4)";
        app.execute(sql, [app.clock.new_id().into(), guest.user.into(), now.into(), end.into()]).await;
    }
    app.drain().await;
    vec![staff, host, guest]
}

impl Market {
    /// Creates the objects and finds their IDs, by reading everything that leads to an object with an ID.
    async fn create(app: &TestApp, schema: &Schema) -> Market {
        let people = create_market(app).await;
        let mut market = Market { people: people.clone(), ids: BTreeMap::new() };
        let mut read = BTreeSet::new();
        for _ in 0..3 {
            for (number, person) in people.iter().enumerate() {
                for place in schema.root_connections() {
                    market.collect(app, schema, person, &place).await;
                }
                for node in schema.nodes() {
                    let found = market.ids.get(node).map_or(0, Vec::len).min(MOST);
                    if found == 0 || !read.insert((number, node.to_owned(), found)) {
                        continue;
                    }
                    for place in schema.places_in(node) {
                        market.collect(app, schema, person, &place).await;
                    }
                }
            }
        }
        market
    }

    /// Reads every field at a place that leads to objects with IDs, and records the IDs.
    async fn collect(&mut self, app: &TestApp, schema: &Schema, person: &Person, place: &Place) {
        let fields = schema.fields_at(place).iter().filter(|field| schema.can_be_node(&field.of));
        let fields = fields.enumerate().filter_map(|(number, field)| {
            Some(format!("f{number}: {}", schema.select(field, "__typename ... on Node { id }")?))
        });
        let selection: Vec<String> = fields.collect();
        if selection.is_empty() {
            return;
        }
        let known = place.node().and_then(|node| self.ids.get(node)).cloned().unwrap_or_default();
        let data = app.gql(person, &place.operation(&selection.join(" ")), place.variables(&known, MOST)).await;
        self.record(&data);
    }

    fn record(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                if let (Some(of), Some(id)) = (value["__typename"].as_str(), value["id"].as_str()) {
                    let known = self.ids.entry(of.to_owned()).or_default();
                    if !known.iter().any(|known| known == id) {
                        known.push(id.to_owned());
                    }
                }
                fields.values().for_each(|field| self.record(field));
            }
            Value::Array(items) => items.iter().for_each(|item| self.record(item)),
            _ => {}
        }
    }

    /// The IDs of objects of this type that a person may see.
    async fn visible_ids(&self, app: &TestApp, person: &Person, node: &str) -> Vec<String> {
        let Some(known) = self.ids.get(node) else { return Vec::new() };
        let mut visible = Vec::new();
        for some in known.chunks(100) {
            let data = app.gql(person, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": some })).await;
            let found = data["nodes"].as_array().unwrap().iter().filter(|node| !node.is_null());
            visible.extend(found.map(|node| text(node, "/id")));
        }
        visible.truncate(100);
        visible
    }
}

/// Measures operations, and remembers what it has measured.
struct Gauge<'a> {
    app: &'a TestApp,
    schema: &'a Schema,
    measured: BTreeSet<String>,
    growing: Vec<String>,
}

impl Gauge<'_> {
    /// Measures an operation with lists of every size. None if there are not enough rows that have the field under
    /// this alias, and not enough that lack it: rows of both kinds would need different statements. The first run also
    /// fills the caches of the process.
    async fn measure(
        &mut self,
        person: &Person,
        place: &Place,
        ids: &[String],
        operation: &str,
        alias: &str,
    ) -> Option<u64> {
        let all = self.app.gql(person, operation, place.variables(ids, ids.len().max(MOST))).await;
        let rows = Place::rows(&all);
        let of_kind = |has: bool| {
            let wanted = move |row: &&Value| find(row, "here").is_some() && find(row, alias).is_some() == has;
            rows.iter().zip(ids).filter(move |(row, _)| wanted(row)).map(|(_, id)| id.clone()).collect::<Vec<_>>()
        };
        let ids = match place.node() {
            Some(_) => [of_kind(true), of_kind(false)].into_iter().find(|ids| ids.len() >= MOST)?,
            None if rows.len() < MOST => return None,
            None => Vec::new(),
        };
        let mut counts = Vec::new();
        for size in SIZES {
            let (data, count) = count_statements_with(self.app, person, operation, place.variables(&ids, size)).await;
            assert_eq!(Place::rows(&data).len(), size, "{operation}");
            counts.push(count);
        }
        if counts.iter().any(|count| *count != counts[0]) {
            self.growing.push(format!("{counts:?} {operation}"));
        }
        counts.last().copied()
    }

    /// Measures the fields at a place: scalars without arguments together, every other field in an operation of its
    /// own.
    async fn measure_fields(&mut self, person: &Person, place: &Place, ids: &[String]) {
        let mut together = Vec::new();
        for (number, field) in self.schema.fields_at(place).iter().enumerate() {
            let Some(selected) = self.schema.select(field, "__typename") else { continue };
            if self.schema.is_leaf(&field.of) && !is_counted_alone(field) {
                together.push(format!("f{number}: {selected}"));
                continue;
            }
            let operation = place.operation(&format!("it: {selected}"));
            let Some(count) = self.measure(person, place, ids, &operation, "it").await else { continue };
            if is_counted_alone(field) {
                assert!(count <= BUDGET, "{count} statements: {operation}");
                self.measured.insert(name_of(place, field));
            }
        }
        self.measure(person, place, ids, &place.operation(&together.join(" ")), "here").await;
    }
}

/// Whether a field is a connection, a total or a field with arguments.
fn is_counted_alone(field: &Field) -> bool {
    field.is_connection() || field.name == "totalCount" || !field.args.is_empty()
}

/// The name of a field in the messages of this test. A field of a connection belongs to the field that has the
/// connection.
fn name_of(place: &Place, field: &Field) -> String {
    let owner = if place.on.ends_with("Connection") { &place.entered_by } else { &place.on };
    format!("{owner}.{}", field.name)
}

/// The names of all fields that must be measured. Fields of the query that are no connections are read once in an
/// operation, below no list.
fn required(schema: &Schema) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (of, fields) in schema.objects() {
        for field in fields.iter().filter(|field| is_counted_alone(field)) {
            if field.is_connection() {
                names.insert(format!("{of}.{}", field.name));
                names.insert(format!("{of}.{}.totalCount", field.name));
            } else if of != "Query" && !of.ends_with("Connection") {
                names.insert(format!("{of}.{}", field.name));
            }
        }
    }
    names
}

#[tokio::test]
async fn no_field_costs_more_statements_below_a_longer_list() {
    let app = TestApp::new().await;
    let schema = Schema::load(&app).await;
    let market = Market::create(&app, &schema).await;
    let mut gauge = Gauge { app: &app, schema: &schema, measured: BTreeSet::new(), growing: Vec::new() };
    for node in schema.nodes() {
        for person in &market.people {
            let ids = market.visible_ids(&app, person, node).await;
            if ids.len() >= MOST {
                for place in schema.places_in(node) {
                    gauge.measure_fields(person, &place, &ids).await;
                }
            }
        }
    }
    for connection in schema.root_connections() {
        let name = connection.entered_by.clone();
        for person in &market.people {
            let beside = connection.operation_beside("totalCount nodes { __typename } pageInfo { endCursor }");
            let Some(count) = gauge.measure(person, &connection, &[], &beside, "here").await else { continue };
            assert!(count <= BUDGET, "{count} statements: {beside}");
            gauge.measured.extend([name.clone(), format!("{name}.totalCount")]);
            for place in schema.parts(connection.clone()) {
                gauge.measure_fields(person, &place, &[]).await;
            }
        }
    }
    assert_eq!(gauge.growing, [""; 0]);
    let required = required(&schema);
    assert!(required.len() > 25, "only {} fields are required", required.len());
    let missing: BTreeSet<String> = required.difference(&gauge.measured).cloned().collect();
    let excepted = NOT_BELOW_A_LIST.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(missing, excepted, "not measured, or excepted without need");
    app.finish().await;
}
