//! Invalid input: each is refused with a typed error that names its field, and nothing is changed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use roost::kernel::id::Kind;
use serde_json::{Value, json};

use crate::client::Anonymous;
use crate::harness::TestApp;
use crate::scenarios::{merge, money, new_york, stay, usd};

#[tokio::test]
async fn every_field_of_a_listing_has_its_limits() {
    let app = TestApp::new().await;
    let host = app.host().await;
    for (change, refusal) in [
        (json!({ "title": "x".repeat(121) }), "TOO_LONG title"),
        (json!({ "title": "Bell\u{7}" }), "INVALID title"),
        (json!({ "title": "Null\u{0}" }), "INVALID title"),
        (json!({ "description": "x".repeat(20_001) }), "TOO_LONG description"),
        (json!({ "capacity": 0 }), "INVALID capacity"),
        (json!({ "capacity": 51 }), "INVALID capacity"),
        (json!({ "bedrooms": -1 }), "INVALID bedrooms"),
        (json!({ "beds": 2_147_483_647 }), "INVALID beds"),
        (json!({ "bathrooms": 1.3 }), "INVALID bathrooms"),
        (json!({ "bathrooms": -0.5 }), "INVALID bathrooms"),
        (json!({ "amenities": ["WIFI", "TELEPORT"] }), "INVALID amenities"),
        (json!({ "amenities": vec!["WIFI"; 101] }), "TOO_MANY amenities"),
        (json!({ "houseRules": vec!["Be kind"; 51] }), "TOO_MANY houseRules"),
        (json!({ "address": { "country": "Portugal" } }), "INVALID address.country"),
        (json!({ "address": { "city": "x".repeat(201) } }), "TOO_LONG address.city"),
        (json!({ "location": { "latitude": 90.1 } }), "INVALID location.latitude"),
        (json!({ "location": { "longitude": -180.1 } }), "INVALID location.longitude"),
        (json!({ "timeZone": "Europe/Atlantis" }), "INVALID timeZone"),
        (json!({ "cancellationPolicy": "LONG_TERM_FIRM" }), "INVALID cancellationPolicy"),
        (json!({ "longTermPolicy": "FLEXIBLE" }), "INVALID longTermPolicy"),
        (json!({ "pricing": { "currency": "XTS" } }), "INVALID pricing.currency"),
        (json!({ "pricing": { "currency": "usd" } }), "INVALID pricing.currency"),
        (json!({ "pricing": { "base": usd(-1) } }), "INVALID pricing.base.amount"),
        (json!({ "pricing": { "base": usd(0) } }), "INVALID pricing.base.amount"),
        (json!({ "pricing": { "base": usd(9_007_199_254_740_991) } }), "INVALID pricing.base.amount"),
        (json!({ "pricing": { "weekend": usd(-1) } }), "INVALID pricing.weekend.amount"),
        (json!({ "pricing": { "cleaningFee": usd(-1) } }), "INVALID pricing.cleaningFee.amount"),
        (json!({ "pricing": { "petFee": usd(-1) } }), "INVALID pricing.petFee.amount"),
        (json!({ "pricing": { "extraGuestFee": usd(-1) } }), "INVALID pricing.extraGuestFee.amount"),
        (json!({ "pricing": { "includedGuests": 0 } }), "INVALID pricing.includedGuests"),
        (json!({ "pricing": { "nonRefundableDiscount": 1_000_000 } }), "INVALID pricing.nonRefundableDiscount"),
        (json!({ "pricing": { "lengthOfStay": [{ "minNights": 1, "discount": 1 }] } }), "INVALID pricing.lengthOfStay"),
        (
            json!({ "pricing": { "lengthOfStay": [{ "minNights": 7, "discount": -1 }] } }),
            "INVALID pricing.lengthOfStay",
        ),
        (json!({ "stayRules": { "minNights": 0 } }), "INVALID stayRules.minNights"),
        (json!({ "stayRules": { "minNights": 8, "maxNights": 7 } }), "INVALID stayRules.minNights"),
        (json!({ "stayRules": { "maxNights": 366 } }), "INVALID stayRules.maxNights"),
        (json!({ "stayRules": { "advanceNoticeDays": -1 } }), "INVALID stayRules.advanceNoticeDays"),
        (json!({ "stayRules": { "bookingWindowDays": 731 } }), "INVALID stayRules.bookingWindowDays"),
        (json!({ "stayRules": { "preparationNights": 8 } }), "INVALID stayRules.preparationNights"),
        (json!({ "stayRules": { "checkInDays": [] } }), "INVALID stayRules.checkInDays"),
    ] {
        let (code, field) = refusal.split_once(' ').unwrap();
        let given = json!({ "listing": merge(new_york(), change) });
        assert_eq!(app.errors(&host, "listingCreate", given).await, [format!("{code} listing.{field}")]);
    }
    assert_eq!(app.count("listing", []).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn every_wrong_field_of_a_listing_is_named_in_one_response() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let wrong = json!({ "title": "", "capacity": 0, "timeZone": "Europe/Atlantis",
        "pricing": { "base": usd(-1), "petFee": money(-1, "EUR"), "weekend": money(1, "XTS") },
        "stayRules": { "minNights": 0 }, "location": { "latitude": 100.0 } });
    // Null cannot be merged: it takes a field out of the changes.
    let mut wrong = merge(new_york(), wrong);
    wrong["checkInFrom"] = Value::Null;
    let expected = [
        "CURRENCY_MISMATCH listing.pricing.petFee.currency",
        "INVALID listing.capacity",
        "INVALID listing.location.latitude",
        "INVALID listing.pricing.base.amount",
        "INVALID listing.pricing.petFee.amount",
        "INVALID listing.pricing.weekend.currency",
        "INVALID listing.stayRules.minNights",
        "INVALID listing.timeZone",
        "REQUIRED listing.checkInFrom",
        "REQUIRED listing.title",
    ];
    let mut codes = app.errors(&host, "listingCreate", json!({ "listing": wrong })).await;
    codes.sort();
    assert_eq!(codes, expected);
    let listing = app.published_listing(&host, json!({})).await;
    // A draft may have an empty description, a published listing may not.
    wrong["description"] = json!("");
    let mut codes = app.errors(&host, "listingUpdate", json!({ "id": listing, "listing": wrong })).await;
    codes.sort();
    let expected = [&expected[..9], &["REQUIRED listing.description", "REQUIRED listing.title"]].concat();
    assert_eq!(codes, expected);
    app.finish().await;
}

#[tokio::test]
async fn impossible_numbers_of_guests_are_refused() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let query = "query($id: ID!, $stay: StayInput!) { listing(id: $id) { stay(input: $stay) { bookable } } }";
    let date = |stay: &str| json!({ "checkIn": stay, "checkOut": stay });
    for (change, field) in [
        (json!({ "adults": 0 }), "adults"),
        (json!({ "adults": -1 }), "adults"),
        (json!({ "adults": 101 }), "adults"),
        (json!({ "children": -1 }), "children"),
        (json!({ "infants": -1 }), "infants"),
        (json!({ "pets": -2_147_483_648_i64 }), "pets"),
        (json!({ "currency": "EUR" }), "currency"),
        (merge(date("1900-01-01"), json!({ "checkOut": "2027-03-02" })), "checkIn"),
        (merge(date("2027-03-01"), json!({ "checkOut": "9999-12-31" })), "checkOut"),
    ] {
        let wanted = merge(stay("2027-03-01", "2027-03-02"), change);
        let given = json!({ "listingId": listing, "stay": wanted });
        assert_eq!(app.errors(&guest, "quoteCreate", given).await, [format!("INVALID stay.{field}")], "{wanted}");
        let given = json!({ "id": listing, "stay": wanted });
        assert_eq!(app.query_error(&guest, query, given).await, format!("INVALID input.{field}"), "{wanted}");
    }
    app.finish().await;
}

#[tokio::test]
async fn values_of_the_wrong_type_never_reach_a_resolver() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let query = "query($id: ID!, $stay: StayInput!) { listing(id: $id) { stay(input: $stay) { bookable } } }";
    for wrong in [
        json!({ "checkIn": "2027-02-30" }),
        json!({ "checkIn": "2027-3-1" }),
        json!({ "checkIn": "2027-03-01T15:00:00Z" }),
        json!({ "checkIn": 20_270_301 }),
        json!({ "adults": 1.5 }),
        json!({ "adults": "2" }),
        json!({ "adults": 2_147_483_648_i64 }),
        json!({ "cats": 1 }),
    ] {
        let given = json!({ "id": listing, "stay": merge(stay("2027-03-01", "2027-03-02"), wrong.clone()) });
        let body = app.post(&guest, query, given).await.json();
        let code = &body["errors"][0]["extensions"]["code"];
        assert!(code == "INVALID" || code == "GRAPHQL_VALIDATION_FAILED", "{wrong}: {body:#}");
    }
    let given = json!({ "listing": { "pricing": { "base": usd(9_007_199_254_740_992) } } });
    let query = "mutation($listing: ListingInput!) { listingCreate(listing: $listing) { listing { id } } }";
    assert!(app.post(&host, query, given).await.json()["errors"].is_array());
    assert_eq!(app.count("listing", []).await, 1);
    app.finish().await;
}

/// Queries by ID, with the kind of ID that each takes.
const READS: [(&str, Kind); 5] = [
    ("query($id: ID!) { found: node(id: $id) { id } }", Kind::Listing),
    ("query($id: ID!) { found: user(id: $id) { id } }", Kind::User),
    ("query($id: ID!) { found: listing(id: $id) { id } }", Kind::Listing),
    ("query($id: ID!) { found: booking(id: $id) { id } }", Kind::Booking),
    ("query($id: ID!) { found: viewer { reservations(where: { listingIds: [$id] }) { totalCount } } }", Kind::Listing),
];

#[tokio::test]
async fn malformed_and_wrongly_typed_ids_are_refused_and_unknown_ones_are_null() {
    let app = TestApp::new().await;
    let host = app.host().await;
    for (query, kind) in READS {
        let field = if query.contains("listingIds") { "where.listingIds.0" } else { "id" };
        let foreign = app.unknown_id(Kind::Refund);
        for bad in [
            "",
            "1",
            "lst",
            "lst_",
            "lst_01",
            "LST_00000000000000000000000000",
            "lst_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "lst_\u{0}",
            "'; DROP TABLE listing; --",
            &foreign,
        ] {
            if bad == foreign && query.contains("node(") {
                continue;
            }
            let refusal = app.query_error(&host, query, json!({ "id": bad })).await;
            assert_eq!(refusal, format!("INVALID {field}"), "{query} {bad:?}");
        }
        let found = app.gql(&host, query, json!({ "id": app.unknown_id(kind) })).await["found"].take();
        assert!(found.is_null() || found["reservations"]["totalCount"] == 0, "{query}: {found}");
    }
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    assert_eq!(app.query_error(&host, query, json!({ "ids": ["x"] })).await, "INVALID ids");
    let many: Vec<String> = (0..101).map(|_| app.unknown_id(Kind::User)).collect();
    assert_eq!(app.query_error(&host, query, json!({ "ids": many })).await, "TOO_MANY ids");
    app.finish().await;
}

#[tokio::test]
async fn mutations_refuse_malformed_and_wrongly_typed_ids_and_name_the_argument() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let foreign = app.unknown_id(Kind::Refund);
    let review = json!({ "overall": 5, "text": "Good." });
    for (mutation, field, more) in [
        ("sessionRevoke", "id", json!({})),
        ("listingUpdate", "id", json!({ "expectedVersion": 1, "listing": {} })),
        ("listingPublish", "id", json!({})),
        ("listingUnlist", "id", json!({})),
        ("listingDelete", "id", json!({})),
        ("listingCalendarUpdate", "id", json!({ "changes": [] })),
        ("quoteCreate", "listingId", json!({ "stay": stay("2027-03-01", "2027-03-02") })),
        ("bookingAccept", "id", json!({})),
        ("bookingDecline", "id", json!({ "reason": "No." })),
        ("bookingWithdraw", "id", json!({})),
        ("bookingPaymentConfirm", "id", json!({})),
        ("bookingCancel", "id", json!({ "expectedRefund": { "amount": 0, "currency": "USD" } })),
        ("bookingAlterationAccept", "id", json!({})),
        ("bookingAlterationDecline", "id", json!({ "reason": "No." })),
        ("bookingAlterationWithdraw", "id", json!({})),
        ("bookingCheckIn", "id", json!({})),
        ("bookingCheckOut", "id", json!({})),
        ("reviewSubmit", "bookingId", json!({ "review": review })),
        ("reviewUpdate", "id", json!({ "review": review })),
        ("reviewRespond", "id", json!({ "text": "Thanks." })),
    ] {
        for bad in ["", "nonsense", &foreign] {
            let given = merge(json!({ field: bad }), more.clone());
            assert_eq!(app.errors(&host, mutation, given).await, [format!("INVALID {field}")], "{mutation} {bad:?}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn text_that_postgres_cannot_store_is_refused_or_not_found() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    let reviews = "query($id: ID!, $after: String) { listing(id: $id) { reviews(after: $after) { totalCount } } }";
    let instant = json!(["Listing.reviews", ["-262143-01-01T00:00:00Z", app.clock.new_id()]]).to_string();
    let given = json!({ "id": listing, "after": URL_SAFE_NO_PAD.encode(instant) });
    assert_eq!(app.query_error(&Anonymous, reviews, given).await, "INVALID after");
    let search = "query($text: String!) { listingSearch(where: { text: $text }) { totalCount } }";
    let found = app.post(&Anonymous, search, json!({ "text": "a\0b" })).await.json();
    assert!(!found.to_string().contains("INTERNAL"), "{found:#}");
    let given = json!({ "email": "a\0b@example.com", "password": "correct horse battery" });
    assert_eq!(app.user_errors(&Anonymous, "sessionCreate", given).await[0]["code"], "UNAUTHENTICATED");
    app.finish().await;
}

#[tokio::test]
async fn text_in_any_script_is_stored_unchanged() {
    let app = TestApp::new().await;
    let host = app.host().await;
    for title in ["Zażółć gęślą jaźń", "한국의 집", "بيت صغير", "🏡 👩‍👩‍👧", "<script>alert(1)</script>", "'; -- \\ %_"]
    {
        let listing = app.published_listing(&host, json!({ "title": title })).await;
        let query = "query($id: ID!) { listing(id: $id) { title } }";
        let data = app.gql(&Anonymous, query, json!({ "id": listing })).await;
        assert_eq!(data["listing"]["title"], title);
    }
    let query = "query($text: String!) { listingSearch(where: { text: $text }) { nodes { title } } }";
    let found =
        async |text: &str| app.gql(&Anonymous, query, json!({ "text": text })).await["listingSearch"]["nodes"].take();
    assert_eq!(found("ZAZOŁC gesla").await, json!([{ "title": "Zażółć gęślą jaźń" }]));
    assert_eq!(found("한국의").await, json!([{ "title": "한국의 집" }]));
    assert_eq!(found("\\ %_").await, json!([{ "title": "'; -- \\ %_" }]));
    assert_eq!(found("_").await, json!([{ "title": "'; -- \\ %_" }]), "`_` is not a wildcard");
    app.finish().await;
}

#[tokio::test]
async fn an_unknown_booking_code_is_null() {
    let app = TestApp::new().await;
    let guest = app.guest().await;
    for code in ["", "AAAAAAAAAA", "'; --", "AAAAA\0AAAA", &"x".repeat(10_000)] {
        let query = "query($code: String!) { bookingByCode(code: $code) { id } }";
        assert_eq!(app.gql(&guest, query, json!({ "code": code })).await["bookingByCode"], Value::Null);
    }
    app.finish().await;
}
