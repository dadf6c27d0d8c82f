//! Absence and null in the inputs of updates: an absent field keeps its value, and null removes the value or is refused.
//!
//! The fields come from the schema, so that a new one is tested without a change here, except that it needs a value.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::client::{Anonymous, error_codes};
use crate::harness::{Person, TestApp};
use crate::idempotency::{errors, send_with_key};
use crate::scenarios::{money, text};

/// The updates whose inputs list every field. `reviewUpdate` replaces the whole review instead.
const UPDATES: [&str; 4] = ["listingCalendarUpdate", "listingUpdate", "reviewUpdate", "userUpdate"];

const TYPE: &str = "type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// A field of an update input that can be left out.
#[derive(Debug)]
struct Field {
    path: Vec<String>,
    /// Whether the description says that null removes the value.
    is_removable: bool,
}

/// The fields of an input and of the update inputs inside it. A type whose fields are required, such as an amount, is
/// one value.
fn fields_of(types: &BTreeMap<String, Value>, input: &str, path: &[String]) -> Vec<Field> {
    let mut found = Vec::new();
    for field in types[input]["inputFields"].as_array().unwrap() {
        if field["type"]["kind"] == "NON_NULL" {
            continue;
        }
        let path: Vec<String> = path.iter().cloned().chain([text(field, "/name")]).collect();
        let description = text(field, "/description").replace('\n', " ");
        let is_removable = ["Null removes", "Null or 0 removes", "Null or an amount of 0 removes"]
            .iter()
            .any(|words| description.contains(words));
        if field["type"]["kind"] == "INPUT_OBJECT" {
            found.extend(fields_of(types, &text(field, "/type/name"), &path));
        }
        found.push(Field { path, is_removable });
    }
    found
}

/// `{ "pricing": { "weekend": value } }` for the path `pricing.weekend`.
fn nest(path: &[String], value: Value) -> Value {
    path.iter().rev().fold(value, |inner, name| Value::Object(Map::from_iter([(name.clone(), inner)])))
}

fn pointer(path: &[String]) -> String {
    path.iter().map(|name| format!("/{name}")).collect()
}

/// One kind of object that an update changes.
struct Subject<'a> {
    app: &'a TestApp,
    who: &'a Person,
    mutation: &'static str,
    input: &'static str,
    /// Path of the input in the arguments.
    prefix: &'static str,
    /// The arguments around the input.
    arguments: fn(&str, Value) -> Value,
    id: String,
    query: &'static str,
    /// The values that the query reads, at the paths of the input's fields.
    values: fn(&Value) -> Value,
    /// A value for every field, other than the default.
    full: Value,
    /// Whether a removed value is null. Otherwise another value applies.
    reads_null: bool,
}

impl Subject<'_> {
    async fn update(&self, input: Value) -> Vec<String> {
        let given = (self.arguments)(&self.id, input);
        let payload = self.app.mutate(self.who, self.mutation, given, "__typename").await;
        error_codes(payload["userErrors"].as_array().unwrap())
    }

    async fn read(&self) -> Value {
        let variables = if self.query.contains("$id") { json!({ "id": self.id }) } else { json!({}) };
        (self.values)(&self.app.gql(self.who, self.query, variables).await)
    }

    /// Tests every field.
    async fn check(&self, types: &BTreeMap<String, Value>) {
        let fields = fields_of(types, self.input, &[]);
        assert!(fields.len() > 3, "{fields:?}");
        let empty = self.read().await;
        assert_eq!(self.update(self.full.clone()).await, [""; 0]);
        let filled = self.read().await;
        assert_eq!(self.update(json!({})).await, [""; 0]);
        assert_eq!(self.read().await, filled, "an empty {} changes nothing", self.input);
        for Field { path, is_removable } in fields {
            let name = format!("{}.{}", self.prefix, path.join("."));
            let at = pointer(&path);
            let missing = || panic!("{name} has no value in this test");
            self.full.pointer(&at).unwrap_or_else(missing);
            let (before, after) =
                (filled.pointer(&at).unwrap_or_else(missing), empty.pointer(&at).unwrap_or(&Value::Null));
            assert_ne!(before, after, "{name}: the value in this test is the default");
            let refused = self.update(nest(&path, Value::Null)).await;
            if !is_removable {
                assert_eq!(refused, [format!("REQUIRED {name}")]);
                assert_eq!(self.read().await, filled, "{name} was refused");
                continue;
            }
            assert_eq!(refused, [""; 0], "{name}");
            let mut expected = filled.clone();
            *expected.pointer_mut(&at).unwrap() = after.clone();
            assert_eq!(self.read().await, expected, "null removes {name} and nothing else");
            assert!(!self.reads_null || after.is_null(), "{name} is removable and never null");
            assert_eq!(self.update(nest(&path, self.full.pointer(&at).unwrap().clone())).await, [""; 0]);
            assert_eq!(self.read().await, filled, "{name} alone was set again");
        }
    }
}

async fn input_types(app: &TestApp) -> BTreeMap<String, Value> {
    let query = format!("{{ __schema {{ types {{ name inputFields {{ name description {TYPE} }} }} }} }}");
    let data = app.gql(&Anonymous, &query, json!({})).await;
    let types = data["__schema"]["types"].as_array().unwrap().iter();
    types.map(|one| (text(one, "/name"), one.clone())).collect()
}

#[tokio::test]
async fn every_update_is_tested_here() {
    let app = TestApp::new().await;
    let data = app.gql(&Anonymous, "{ __schema { mutationType { fields { name } } } }", json!({})).await;
    let names = data["__schema"]["mutationType"]["fields"].as_array().unwrap().iter().map(|one| text(one, "/name"));
    let updates: BTreeSet<String> = names.filter(|name| name.ends_with("Update")).collect();
    assert_eq!(updates, UPDATES.map(String::from).into());
    app.finish().await;
}

#[tokio::test]
async fn every_field_of_a_listing_keeps_its_value_unless_it_is_given_and_null_removes_it_or_is_refused() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let created = app.mutate_ok(&host, "listingCreate", json!({ "listing": {} }), "listing { id }").await;
    let eur = |amount| money(amount, "EUR");
    let subject = Subject {
        app: &app,
        who: &host,
        mutation: "listingUpdate",
        input: "ListingInput",
        prefix: "listing",
        arguments: |id, input| json!({ "id": id, "listing": input }),
        id: text(&created, "/listing/id"),
        query: "query($id: ID!) { listing(id: $id) { title description roomType capacity bedrooms beds bathrooms \
                amenities { code } address { line1 line2 city region postalCode country } \
                location { latitude longitude } timeZone checkInFrom checkInUntil checkOutBy houseRules bookingMode \
                cancellationPolicy longTermPolicy pricing { currency base { amount currency } \
                weekend { amount currency } weekendNights cleaningFee { amount currency } petFee { amount currency } \
                extraGuestFee { amount currency } includedGuests lengthOfStay { minNights discount } \
                nonRefundableDiscount } stayRules { minNights maxNights advanceNoticeDays sameDayCutoff \
                bookingWindowDays preparationNights checkInDays checkOutDays petsAllowed } } }",
        values: |data| data["listing"].clone(),
        full: json!({
            "title": "Attic", "description": "Under the roof.", "roomType": "PRIVATE_ROOM", "capacity": 3,
            "bedrooms": 1, "beds": 2, "bathrooms": 1.5, "amenities": ["WIFI"],
            "address": { "line1": "Rua do Sol 7", "line2": "Floor 2", "city": "Porto", "region": "Norte",
                "postalCode": "4000-001", "country": "PT" },
            "location": { "latitude": 41.1403, "longitude": -8.611 }, "timeZone": "Europe/Lisbon",
            "checkInFrom": "16:00", "checkInUntil": "22:00", "checkOutBy": "10:00", "houseRules": ["No parties"],
            "bookingMode": "REQUEST", "cancellationPolicy": "STRICT", "longTermPolicy": "LONG_TERM_STRICT",
            "pricing": { "currency": "EUR", "base": eur(9_500), "weekend": eur(12_000), "weekendNights": ["SAT"],
                "cleaningFee": eur(3_500), "petFee": eur(1_000), "extraGuestFee": eur(1_500), "includedGuests": 2,
                "lengthOfStay": [{ "minNights": 7, "discount": 100_000 }], "nonRefundableDiscount": 50_000 },
            "stayRules": { "minNights": 2, "maxNights": 60, "advanceNoticeDays": 1, "sameDayCutoff": "18:00",
                "bookingWindowDays": 200, "preparationNights": 1, "checkInDays": ["FRI"], "checkOutDays": ["SUN"],
                "petsAllowed": true },
        }),
        reads_null: true,
    };
    subject.check(&input_types(&app).await).await;
    app.finish().await;
}

#[tokio::test]
async fn every_field_of_a_profile_keeps_its_value_unless_it_is_given_and_null_removes_it_or_is_refused() {
    let app = TestApp::new().await;
    let guest = app.guest().await;
    let subject = Subject {
        app: &app,
        who: &guest,
        mutation: "userUpdate",
        input: "UserUpdateInput",
        prefix: "user",
        arguments: |_, input| json!({ "user": input }),
        id: String::new(),
        query: "{ viewer { phone locale timeZone currency user { displayName about } } }",
        values: |data| {
            let mut viewer = data["viewer"].clone();
            let user = viewer["user"].take();
            merge_nulls(viewer, user)
        },
        full: json!({ "displayName": "Ana", "about": "I like trains.", "phone": "+351210000000", "locale": "pt",
            "timeZone": "Europe/Lisbon", "currency": "EUR" }),
        reads_null: true,
    };
    subject.check(&input_types(&app).await).await;
    app.finish().await;
}

#[tokio::test]
async fn every_field_of_a_night_keeps_its_value_unless_it_is_given_and_null_removes_it_or_is_refused() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let subject = Subject {
        app: &app,
        who: &host,
        mutation: "listingCalendarUpdate",
        input: "CalendarChangeInput",
        prefix: "changes.0",
        arguments: |id, input| {
            let change = merge_nulls(json!({ "from": "2027-03-01", "to": "2027-03-02" }), input);
            json!({ "id": id, "changes": [change] })
        },
        id: app.published_listing(&host, json!({})).await,
        query: "query($id: ID!) { listing(id: $id) { calendar(from: \"2027-03-01\", to: \"2027-03-02\") { \
                blocked: state price { amount } minNights note } } }",
        values: |data| data["listing"]["calendar"][0].clone(),
        full: json!({ "blocked": true, "price": money(9_900, "USD"), "minNights": 3, "note": "Painters" }),
        reads_null: false,
    };
    subject.check(&input_types(&app).await).await;
    app.finish().await;
}

/// The fields of both objects, nulls included.
fn merge_nulls(one: Value, other: Value) -> Value {
    let fields = |value: Value| value.as_object().unwrap().clone();
    Value::Object(fields(one).into_iter().chain(fields(other)).collect())
}

#[tokio::test]
async fn an_absent_variable_keeps_a_value_and_a_null_variable_removes_it() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.draft_listing(&host, json!({ "checkInUntil": "22:00" })).await;
    let query = "mutation($id: ID!, $until: LocalTime, $weekend: MoneyInput) { listingUpdate(id: $id, listing: \
                 { checkInUntil: $until, pricing: { weekend: $weekend } }) { userErrors { code } \
                 listing { checkInUntil pricing { weekend { amount } } } } }";
    for (variables, until, weekend) in [
        (json!({}), json!("22:00"), json!({ "amount": 15_000 })),
        (json!({ "until": null }), Value::Null, json!({ "amount": 15_000 })),
        (json!({ "weekend": null }), Value::Null, Value::Null),
    ] {
        let data = app.gql(&host, query, merge_nulls(json!({ "id": listing }), variables)).await;
        let expected = json!({ "checkInUntil": until, "pricing": { "weekend": weekend } });
        assert_eq!(data["listingUpdate"]["listing"], expected);
    }
    app.finish().await;
}

#[tokio::test]
async fn an_empty_text_still_removes_a_text() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.draft_listing(&host, json!({ "address": { "line2": "Floor 2" } })).await;
    let given = json!({ "id": listing, "listing": { "address": { "line2": "" } } });
    let changed = app.mutate_ok(&host, "listingUpdate", given, "listing { address { line1 line2 } }").await;
    assert_eq!(changed["listing"]["address"], json!({ "line1": "1 Water Street", "line2": null }));
    let profile = json!({ "user": { "about": "I like trains.", "phone": "+351210000000" } });
    app.mutate_ok(&host, "userUpdate", profile, "__typename").await;
    let empty = json!({ "user": { "about": "", "phone": "" } });
    let changed = app.mutate_ok(&host, "userUpdate", empty, "viewer { phone user { about } }").await;
    assert_eq!(changed["viewer"], json!({ "phone": null, "user": { "about": null } }));
    app.finish().await;
}

#[tokio::test]
async fn null_and_absence_are_different_arguments_for_an_idempotency_key() {
    let app = TestApp::new().await;
    let guest = app.guest().await;
    let absent = json!({ "user": { "locale": "pt" } });
    let null = json!({ "user": { "locale": "pt", "about": null } });
    send_with_key(&app, &guest, "userUpdate", absent.clone(), "__typename", "k").await;
    let (refused, _) = send_with_key(&app, &guest, "userUpdate", null, "__typename", "k").await;
    assert_eq!(errors(&refused), ["IDEMPOTENCY_KEY_REUSED"]);
    assert!(send_with_key(&app, &guest, "userUpdate", absent, "__typename", "k").await.1);
    app.finish().await;
}
