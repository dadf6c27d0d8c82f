//! Listings: drafts, publishing, changes, and the fields that each viewer sees.

use roost::kernel::id::Kind;
use serde_json::{Value, json};

use crate::client::{Anonymous, Caller};
use crate::harness::{Person, TestApp};
use crate::scenarios::{merge, metres, new_york, number, stay, text, usd};

mod currency;

async fn load_listing(app: &TestApp, who: &(impl Caller + ?Sized), listing: &str) -> Value {
    let query = "query($id: ID!) { listing(id: $id) { id version status title location { latitude longitude \
                 approximate } address { line1 city country } } }";
    app.gql(who, query, json!({ "id": listing })).await["listing"].take()
}

async fn update(app: &TestApp, host: &Person, listing: &str, version: i64, change: Value) -> Vec<String> {
    let given = json!({ "id": listing, "expectedVersion": version, "listing": change });
    let payload = app.mutate(host, "listingUpdate", given, "listing { version }").await;
    crate::client::error_codes(payload["userErrors"].as_array().unwrap())
}

#[tokio::test]
async fn a_listing_reads_back_as_it_was_written() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app
        .published_listing(
            &host,
            json!({
                "checkInFrom": "16:00", "checkInUntil": "22:00", "checkOutBy": "10:30", "houseRules": ["No parties"],
                "pricing": { "petFee": usd(2_500), "nonRefundableDiscount": 100_000 },
                "stayRules": { "minNights": 2, "maxNights": 60, "advanceNoticeDays": 1, "bookingWindowDays": 200,
                    "preparationNights": 1, "checkInDays": ["FRI", "MON"], "petsAllowed": true },
            }),
        )
        .await;
    let query = "query($id: ID!) { listing(id: $id) { \
        version status title description host { id } roomType capacity bedrooms beds bathrooms amenities { code name } \
        address { city region country } timeZone checkInFrom checkInUntil checkOutBy houseRules bookingMode \
        cancellationPolicy longTermPolicy \
        pricing { currency base { amount decimal } weekend { amount } weekendNights cleaningFee { amount } \
            petFee { amount } extraGuestFee { amount } includedGuests lengthOfStay { minNights discount } \
            nonRefundableDiscount } \
        stayRules { minNights maxNights advanceNoticeDays sameDayCutoff bookingWindowDays preparationNights \
            checkInDays checkOutDays petsAllowed } \
        rating { count overall } reviews { totalCount } createdAt updatedAt } }";
    let data = app.gql(&Anonymous, query, json!({ "id": listing })).await;
    let expected = json!({
        "version": 2, "status": "PUBLISHED", "title": "Loft by the bridge",
        "description": "Two rooms above the river.", "host": { "id": host.id() }, "roomType": "ENTIRE_PLACE",
        "capacity": 4, "bedrooms": 2, "beds": 3, "bathrooms": 1.5,
        "amenities": [{ "code": "KITCHEN", "name": "Kitchen" }, { "code": "WIFI", "name": "Wi-Fi" }],
        "address": { "city": "New York", "region": "New York", "country": "US" },
        "timeZone": "America/New_York", "checkInFrom": "16:00", "checkInUntil": "22:00", "checkOutBy": "10:30",
        "houseRules": ["No parties"], "bookingMode": "INSTANT", "cancellationPolicy": "FLEXIBLE",
        "longTermPolicy": "LONG_TERM_FIRM",
        "pricing": {
            "currency": "USD", "base": { "amount": 12_000, "decimal": "120.00" }, "weekend": { "amount": 15_000 },
            "weekendNights": ["FRI", "SAT"], "cleaningFee": { "amount": 6_000 }, "petFee": { "amount": 2_500 },
            "extraGuestFee": { "amount": 1_500 }, "includedGuests": 2,
            "lengthOfStay": [{ "minNights": 7, "discount": 100_000 }], "nonRefundableDiscount": 100_000,
        },
        "stayRules": {
            "minNights": 2, "maxNights": 60, "advanceNoticeDays": 1, "sameDayCutoff": null, "bookingWindowDays": 200,
            "preparationNights": 1, "checkInDays": ["MON", "FRI"],
            "checkOutDays": ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"], "petsAllowed": true,
        },
        "rating": { "count": 0, "overall": null }, "reviews": { "totalCount": 0 },
        "createdAt": "2027-01-05T12:00:00.000Z", "updatedAt": "2027-01-05T12:00:00.000Z",
    });
    assert_eq!(data["listing"], expected);
    app.finish().await;
}

#[tokio::test]
async fn only_the_host_sees_a_draft() {
    let app = TestApp::new().await;
    let (host, other) = (app.host().await, app.host().await);
    let draft = app.draft_listing(&host, json!({})).await;
    assert_eq!(load_listing(&app, &host, &draft).await["status"], "DRAFT");
    assert_eq!(load_listing(&app, &other, &draft).await, Value::Null);
    assert_eq!(load_listing(&app, &Anonymous, &draft).await, Value::Null);
    let query = "query($id: ID!) { node(id: $id) { id } }";
    assert_eq!(app.gql(&other, query, json!({ "id": draft })).await["node"], Value::Null);
    for (mutation, more) in [
        ("listingPublish", json!({})),
        ("listingUnlist", json!({})),
        ("listingDelete", json!({})),
        ("listingUpdate", json!({ "expectedVersion": 1, "listing": { "title": "Mine" } })),
        ("listingCalendarUpdate", json!({ "changes": [{ "from": "2027-03-01", "to": "2027-03-02" }] })),
    ] {
        let given = merge(json!({ "id": draft }), more);
        assert_eq!(app.errors(&other, mutation, given).await, ["NOT_FOUND id"], "{mutation}");
    }
    assert_eq!(load_listing(&app, &host, &draft).await["version"], 1);
    app.finish().await;
}

#[tokio::test]
async fn publishing_names_every_missing_field_in_one_response() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let payload = app.mutate_ok(&host, "listingCreate", json!({ "listing": {} }), "listing { id }").await;
    let codes = app.errors(&host, "listingPublish", json!({ "id": payload["listing"]["id"] })).await;
    let missing =
        ["title", "description", "address.city", "address.country", "location", "timeZone", "beds", "pricing.base"];
    assert_eq!(codes, missing.map(|field| format!("REQUIRED listing.{field}")));
    app.finish().await;
}

#[tokio::test]
async fn only_hosts_create_listings() {
    let app = TestApp::new().await;
    let guest = app.guest().await;
    assert_eq!(app.errors(&guest, "listingCreate", json!({ "listing": new_york() })).await, ["FORBIDDEN"]);
    assert_eq!(app.errors(&Anonymous, "listingCreate", json!({ "listing": new_york() })).await, ["UNAUTHENTICATED"]);
    assert_eq!(app.count("listing", []).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn an_update_of_an_old_version_is_refused() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.draft_listing(&host, json!({})).await;
    assert_eq!(update(&app, &host, &listing, 1, json!({ "title": "First" })).await, [""; 0]);
    let codes = update(&app, &host, &listing, 1, json!({ "title": "Second" })).await;
    assert_eq!(codes, ["VERSION_STALE expectedVersion"]);
    let seen = load_listing(&app, &host, &listing).await;
    assert_eq!((seen["title"].clone(), number(&seen, "/version")), (json!("First"), 2));
    app.finish().await;
}

#[tokio::test]
async fn of_two_concurrent_updates_one_is_applied() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.draft_listing(&host, json!({})).await;
    let (one, two) = tokio::join!(
        update(&app, &host, &listing, 1, json!({ "title": "One" })),
        update(&app, &host, &listing, 1, json!({ "title": "Two" }))
    );
    let refused: Vec<_> = [one, two].concat();
    assert_eq!(refused, ["VERSION_STALE expectedVersion"]);
    assert_eq!(load_listing(&app, &host, &listing).await["version"], 2);
    app.finish().await;
}

#[tokio::test]
async fn a_published_listing_stays_complete() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    for (change, refusal) in [
        (json!({ "title": " " }), "REQUIRED listing.title"),
        (json!({ "address": { "city": "" } }), "REQUIRED listing.address.city"),
        (json!({ "beds": 0 }), "REQUIRED listing.beds"),
        (json!({ "location": null }), "REQUIRED listing.location"),
    ] {
        assert_eq!(update(&app, &host, &listing, 2, change).await, [refusal]);
    }
    assert_eq!(load_listing(&app, &Anonymous, &listing).await["version"], 2);
    app.finish().await;
}

#[tokio::test]
async fn an_unlisted_listing_cannot_be_found_until_it_is_published_again() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let unlisted = app.mutate_ok(&host, "listingUnlist", json!({ "id": listing }), "listing { status }").await;
    assert_eq!(unlisted["listing"]["status"], "UNLISTED");
    assert_eq!(load_listing(&app, &guest, &listing).await, Value::Null);
    let given = json!({ "listingId": listing, "stay": stay("2027-03-01", "2027-03-03") });
    assert_eq!(app.errors(&guest, "quoteCreate", given).await, ["NOT_FOUND listingId"]);
    let published = app.mutate_ok(&host, "listingPublish", json!({ "id": listing }), "listing { status }").await;
    assert_eq!(published["listing"]["status"], "PUBLISHED");
    app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let draft = app.draft_listing(&host, json!({})).await;
    assert_eq!(app.errors(&host, "listingUnlist", json!({ "id": draft })).await, ["STATE_CONFLICT id"]);
    app.finish().await;
}

#[tokio::test]
async fn a_listing_is_deleted_only_without_upcoming_stays() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(app.errors(&host, "listingDelete", json!({ "id": listing })).await, ["STATE_CONFLICT id"]);
    app.cancel(&guest, &booking).await;
    let deleted = app.mutate_ok(&host, "listingDelete", json!({ "id": listing }), "deletedId").await;
    assert_eq!(deleted["deletedId"], json!(listing));
    assert_eq!(load_listing(&app, &host, &listing).await, Value::Null);
    assert_eq!(app.errors(&host, "listingPublish", json!({ "id": listing })).await, ["NOT_FOUND id"]);
    let query = "query($id: ID!) { booking(id: $id) { listing { title } } }";
    let data = app.gql(&guest, query, json!({ "id": booking["id"] })).await;
    assert_eq!(data["booking"]["listing"]["title"], "Loft by the bridge");
    app.finish().await;
}

#[tokio::test]
async fn only_guests_with_a_booking_see_the_exact_location() {
    let app = TestApp::new().await;
    let (host, guest, stranger) = (app.host().await, app.guest().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let exact = json!({ "latitude": 40.7033, "longitude": -73.9881, "approximate": false });
    for who in [&host, &guest] {
        let listing = load_listing(&app, who, &listing).await;
        assert_eq!(listing["location"], exact);
        assert_eq!(listing["address"]["line1"], "1 Water Street");
    }
    let shown = load_listing(&app, &stranger, &listing).await;
    assert_eq!(shown["location"]["approximate"], true);
    assert_eq!(shown["address"], json!({ "line1": null, "city": "New York", "country": "US" }));
    let point = |name: &str| shown["location"][name].as_f64().unwrap();
    let shift = metres((40.7033, -73.9881), (point("latitude"), point("longitude")));
    assert!(shift > 0.0 && shift < 152.0, "{shift}");
    assert_eq!(
        load_listing(&app, &Anonymous, &listing).await["location"],
        shown["location"],
        "the offset of the location is constant"
    );
    app.finish().await;
}

#[tokio::test]
async fn without_an_expected_version_every_concurrent_change_is_made() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.draft_listing(&host, json!({})).await;
    let change = |change: Value| {
        let given = json!({ "id": listing, "listing": change });
        app.mutate_ok(&host, "listingUpdate", given, "listing { version }")
    };
    tokio::join!(
        change(json!({ "title": "Concurrent" })),
        change(json!({ "beds": 7 })),
        change(json!({ "pricing": { "weekend": null } })),
        change(json!({ "stayRules": { "minNights": 3 } })),
    );
    let query = "query($id: ID!) { listing(id: $id) { version title beds pricing { weekend { amount } } \
                 stayRules { minNights } } }";
    let data = app.gql(&host, query, json!({ "id": listing })).await;
    let expected = json!({ "version": 5, "title": "Concurrent", "beds": 7, "pricing": { "weekend": null },
        "stayRules": { "minNights": 3 } });
    assert_eq!(data["listing"], expected);
    app.finish().await;
}

#[tokio::test]
async fn publishing_and_calendar_changes_can_be_bound_to_a_version() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.draft_listing(&host, json!({})).await;
    assert_eq!(update(&app, &host, &listing, 1, json!({ "title": "Newer" })).await, [""; 0]);
    let changes = json!([{ "from": "2027-03-01", "to": "2027-03-02", "blocked": true }]);
    let publish = |version: i64| json!({ "id": listing, "expectedVersion": version });
    let block = |version: i64| merge(publish(version), json!({ "changes": changes }));
    let stale = ["VERSION_STALE expectedVersion"];
    assert_eq!(app.errors(&host, "listingPublish", publish(1)).await, stale);
    assert_eq!(app.errors(&host, "listingCalendarUpdate", block(1)).await, stale);
    assert_eq!(app.count("claim", []).await, 0);
    let blocked = app.mutate_ok(&host, "listingCalendarUpdate", block(2), "listing { id version }").await;
    let unchanged = json!({ "id": listing, "version": 2 });
    assert_eq!(blocked["listing"], unchanged, "a change of the calendar does not raise the version");
    let published = app.mutate_ok(&host, "listingPublish", publish(2), "listing { version status }").await;
    assert_eq!(published["listing"], json!({ "version": 3, "status": "PUBLISHED" }));
    app.finish().await;
}

#[tokio::test]
async fn hosts_see_their_drafts_and_others_only_published_listings() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let first = app.published_listing(&host, json!({})).await;
    let second = app.draft_listing(&host, json!({})).await;
    let third = app.published_listing(&host, json!({})).await;
    let query = "query($status: [ListingStatus!]) { viewer { listings(status: $status) { totalCount nodes { id } } } }";
    let own = app.gql(&host, query, json!({})).await;
    assert_eq!(crate::scenarios::ids(&own, "/viewer/listings/nodes"), [&*third, &*second, &*first]);
    assert_eq!(own["viewer"]["listings"]["totalCount"], 3);
    let drafts = app.gql(&host, query, json!({ "status": ["DRAFT"] })).await;
    assert_eq!(crate::scenarios::ids(&drafts, "/viewer/listings/nodes"), [&*second]);
    let query = "query($id: ID!) { user(id: $id) { listings(first: 1) { totalCount nodes { id } \
                 pageInfo { hasNextPage endCursor } } } }";
    let shown = app.gql(&Anonymous, query, json!({ "id": host.id() })).await;
    assert_eq!(crate::scenarios::ids(&shown, "/user/listings/nodes"), [&*third]);
    assert_eq!(shown["user"]["listings"]["totalCount"], 2);
    assert_eq!(shown["user"]["listings"]["pageInfo"]["hasNextPage"], true);
    let query = query.replace("first: 1", &format!("after: \"{}\"", text(&shown, "/user/listings/pageInfo/endCursor")));
    let rest = app.gql(&Anonymous, &query, json!({ "id": host.id() })).await;
    assert_eq!(crate::scenarios::ids(&rest, "/user/listings/nodes"), [&*first]);
    app.finish().await;
}

#[tokio::test]
async fn an_unknown_listing_is_not_found() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let unknown = app.unknown_id(Kind::Listing);
    assert_eq!(load_listing(&app, &host, &unknown).await, Value::Null);
    assert_eq!(app.errors(&host, "listingPublish", json!({ "id": unknown })).await, ["NOT_FOUND id"]);
    app.finish().await;
}
