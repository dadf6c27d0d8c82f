//! Search: every filter, every sort order, pages in both directions, facets, and agreement with stay checks.

use serde_json::{Value, json};

use crate::client::{Anonymous, Caller};
use crate::harness::{Person, TestApp};
use crate::scenarios::{ids, merge, metres, money, number, stay, text, usd, uuid_of};

const SEARCH: &str = "query($where: ListingSearchWhere!, $sort: ListingSearchSort, $first: Int, $after: String, \
    $last: Int, $before: String) { listingSearch(where: $where, sort: $sort, first: $first, after: $after, \
    last: $last, before: $before) { totalCount nodes { id title } \
    edges { cursor distanceMeters node { id } price { total { amount currency } } } \
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

async fn search(app: &TestApp, who: &(impl Caller + ?Sized), given: Value) -> Value {
    app.gql(who, SEARCH, given).await["listingSearch"].take()
}

/// The titles of the listings found, in the order of the search.
async fn titles(app: &TestApp, filter: Value, sort: &str) -> Vec<String> {
    let found = search(app, &Anonymous, json!({ "where": filter, "sort": sort, "first": 100 })).await;
    let titles: Vec<String> = found["nodes"].as_array().unwrap().iter().map(|node| text(node, "/title")).collect();
    assert_eq!(number(&found, "/totalCount"), i64::try_from(titles.len()).unwrap());
    titles
}

/// Three listings: a flat in New York, a room in Porto, and a castle in the district of Porto.
async fn three_listings(app: &TestApp) -> (Person, Person) {
    let (ana, ben) = (app.host().await, app.host().await);
    app.published_listing(&ana, json!({ "title": "Flat" })).await;
    app.advance(chrono::TimeDelta::minutes(1));
    let porto = json!({
        "title": "Room by São Bento", "description": "A bright room.", "roomType": "PRIVATE_ROOM", "capacity": 2,
        "bedrooms": 1, "beds": 1, "amenities": ["WIFI"], "address": { "city": "Porto", "region": null,
        "country": "PT" }, "location": { "latitude": 41.1456, "longitude": -8.6109 }, "timeZone": "Europe/Lisbon",
        "bookingMode": "REQUEST", "cancellationPolicy": "STRICT",
        "pricing": { "currency": "EUR", "base": money(5_000, "EUR"), "weekend": null, "cleaningFee": null,
            "extraGuestFee": { "currency": "EUR" } },
    });
    app.published_listing(&ben, porto.clone()).await;
    app.advance(chrono::TimeDelta::minutes(1));
    let castle = json!({
        "title": "Castle", "description": "Like Sao Bento, but older.", "roomType": "ENTIRE_PLACE", "capacity": 12,
        "bedrooms": 6, "beds": 8, "amenities": ["WIFI", "KITCHEN", "POOL"],
        "location": { "latitude": 41.25, "longitude": -8.3 },
        "bookingMode": "INSTANT", "cancellationPolicy": "FIRM", "stayRules": { "petsAllowed": true, "minNights": 2 },
        "pricing": { "base": money(50_000, "EUR") },
    });
    app.published_listing(&ben, merge(porto, castle)).await;
    (ana, ben)
}

#[tokio::test]
async fn each_filter_returns_only_matching_listings() {
    let app = TestApp::new().await;
    let (ana, ben) = three_listings(&app).await;
    app.draft_listing(&ana, json!({ "title": "Draft" })).await;
    let (flat, room, castle) = ("Flat", "Room by São Bento", "Castle");
    let dates = stay("2027-03-01", "2027-03-02");
    for (filter, found) in [
        (json!({}), vec![castle, room, flat]),
        (json!({ "text": "SAO bento" }), vec![castle, room]),
        (json!({ "text": "porto room" }), vec![room]),
        (json!({ "text": "bento nowhere" }), vec![]),
        (json!({ "text": "100%" }), vec![]),
        (json!({ "near": { "latitude": 41.15, "longitude": -8.61, "radiusMeters": 5_000 } }), vec![room]),
        (json!({ "near": { "latitude": 41.15, "longitude": -8.61, "radiusMeters": 50_000 } }), vec![castle, room]),
        (json!({ "within": { "south": 40.0, "west": -75.0, "north": 41.0, "east": -73.0 } }), vec![flat]),
        (json!({ "within": { "south": -90.0, "west": 170.0, "north": 90.0, "east": -10.0 } }), vec![flat]),
        (json!({ "capacity": 4 }), vec![castle, flat]),
        (json!({ "roomType": ["PRIVATE_ROOM", "HOTEL_ROOM"] }), vec![room]),
        (json!({ "amenities": ["WIFI", "KITCHEN"] }), vec![castle, flat]),
        (json!({ "amenities": ["WIFI", "KITCHEN", "POOL"] }), vec![castle]),
        (json!({ "bedroomsMin": 2 }), vec![castle, flat]),
        (json!({ "bedsMin": 4 }), vec![castle]),
        (json!({ "instantOnly": true }), vec![castle, flat]),
        (json!({ "freeCancellation": true }), vec![castle, flat]),
        (json!({ "hostId": ana.id() }), vec![flat]),
        (json!({ "hostId": ben.id() }), vec![castle, room]),
        (json!({ "stay": dates }), vec![room, flat]),
        (json!({ "stay": merge(dates.clone(), json!({ "adults": 3 })) }), vec![flat]),
        (json!({ "stay": stay("2027-03-01", "2027-03-03") }), vec![castle, room, flat]),
        (json!({ "stay": merge(stay("2027-03-01", "2027-03-03"), json!({ "pets": 1 })) }), vec![castle]),
        (json!({ "stay": dates, "totalMax": { "amount": 5_000, "currency": "EUR" } }), vec![room]),
        (json!({ "stay": dates, "totalMax": { "amount": 4_999, "currency": "EUR" } }), vec![]),
        (json!({ "stay": dates, "totalMin": { "amount": 18_000, "currency": "USD" } }), vec![flat]),
    ] {
        assert_eq!(titles(&app, filter.clone(), "NEWEST").await, found, "{filter}");
    }
    app.finish().await;
}

#[tokio::test]
async fn instant_only_finds_listings_that_are_instant_for_this_guest() {
    let app = TestApp::new().await;
    let (host, verified, other) = (app.host().await, app.guest().await, app.guest().await);
    let sql = "UPDATE \"user\" SET email_verified_at = $1 WHERE id = $2";
    app.execute(sql, [app.clock.now().into(), verified.user.into()]).await;
    let for_verified = app.published_listing(&host, json!({ "bookingMode": "INSTANT_FOR_VERIFIED" })).await;
    app.advance(chrono::TimeDelta::minutes(1));
    let for_all = app.published_listing(&host, json!({ "bookingMode": "INSTANT" })).await;
    app.advance(chrono::TimeDelta::minutes(1));
    app.published_listing(&host, json!({ "bookingMode": "REQUEST" })).await;

    let guests: [(&dyn Caller, Vec<&str>); 3] =
        [(&verified, vec![&for_all, &for_verified]), (&other, vec![&for_all]), (&Anonymous, vec![&for_all])];
    for dates in [json!({}), json!({ "stay": stay("2027-03-01", "2027-03-02") })] {
        for (guest, expected) in &guests {
            let filters = merge(dates.clone(), json!({ "instantOnly": true }));
            let found = search(&app, *guest, json!({ "where": filters, "sort": "NEWEST" })).await;
            assert_eq!(ids(&found, "/nodes"), *expected, "{dates}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn each_sort_order_is_applied() {
    let app = TestApp::new().await;
    three_listings(&app).await;
    let (flat, room, castle) = ("Flat", "Room by São Bento", "Castle");
    let near = json!({ "near": { "latitude": 41.24, "longitude": -8.3, "radiusMeters": 100_000 } });
    for (filter, sort, order) in [
        (json!({}), "NEWEST", vec![castle, room, flat]),
        (json!({ "text": "bento" }), "RELEVANCE", vec![room, castle]),
        (
            json!({ "within": { "south": 41.0, "west": -9.0, "north": 42.0, "east": -8.0 } }),
            "TOTAL_ASC",
            vec![room, castle],
        ),
        (
            json!({ "within": { "south": 41.0, "west": -9.0, "north": 42.0, "east": -8.0 } }),
            "TOTAL_DESC",
            vec![castle, room],
        ),
        (near, "DISTANCE_ASC", vec![castle, room]),
    ] {
        assert_eq!(titles(&app, filter.clone(), sort).await, order, "{filter} {sort}");
    }
    app.finish().await;
}

#[tokio::test]
async fn ratings_filter_and_order_from_three_reviews_on() {
    let app = TestApp::new().await;
    let host = app.host().await;
    for (title, sum, count) in [("New", 0, 0), ("Two", 1_000, 2), ("Fine", 1_200, 3), ("Good", 1_400, 3)] {
        let listing = app.published_listing(&host, json!({ "title": title })).await;
        let sql = "INSERT INTO listing_rating (listing_id, origin, overall_sum, overall_count) \
                   VALUES ($1, 'IMPORTED', $2, $3)";
        app.execute(sql, [uuid_of(&listing).into(), i64::into(sum), i64::into(count)]).await;
    }
    let best = titles(&app, json!({}), "RATING_DESC").await;
    assert_eq!(best, ["Good", "Fine", "New", "Two"]);
    assert_eq!(titles(&app, json!({}), "RELEVANCE").await, ["Two", "Good", "New", "Fine"]);
    assert_eq!(titles(&app, json!({ "ratingMin": 4.0 }), "RATING_DESC").await, ["Good", "Fine"]);
    assert_eq!(titles(&app, json!({ "ratingMin": 4.6 }), "RATING_DESC").await, ["Good"]);
    assert_eq!(titles(&app, json!({ "ratingMin": 4.7 }), "RATING_DESC").await, [""; 0]);
    app.finish().await;
}

#[tokio::test]
async fn a_search_returns_distance_and_the_price_of_the_stay() {
    let app = TestApp::new().await;
    three_listings(&app).await;
    let filter = json!({
        "near": { "latitude": 40.7033, "longitude": -73.9881, "radiusMeters": 1_000 },
        "stay": merge(stay("2027-03-04", "2027-03-08"), json!({ "adults": 3 })),
    });
    let found = search(&app, &Anonymous, json!({ "where": filter })).await;
    assert_eq!(found["edges"].as_array().unwrap().len(), 1);
    let edge = &found["edges"][0];
    assert_eq!(edge["price"]["total"], json!({ "amount": 66_000, "currency": "USD" }));
    let query = "query($id: ID!) { listing(id: $id) { location { latitude longitude } } }";
    let shown = app.gql(&Anonymous, query, json!({ "id": edge["node"]["id"] })).await;
    let point = |name: &str| shown["listing"]["location"][name].as_f64().unwrap();
    let distance = metres((40.7033, -73.9881), (point("latitude"), point("longitude")));
    let returned = edge["distanceMeters"].as_f64().unwrap();
    assert!((returned - distance).abs() <= 1.0, "{returned} m is not the distance to the returned point, {distance} m");
    let undated = search(&app, &Anonymous, json!({ "where": {} })).await;
    assert!(undated["edges"].as_array().unwrap().iter().all(|edge| edge["price"].is_null()));
    app.finish().await;
}

/// Many listings of one host. Some have equal prices and publication times.
async fn many_listings(app: &TestApp, count: usize) -> Person {
    let host = app.host().await;
    for n in 0..count {
        let n = i64::try_from(n).unwrap();
        let rules = json!({
            "minNights": 1 + n % 3, "maxNights": 10 + n, "advanceNoticeDays": n % 5 * 3, "bookingWindowDays": 40 + n * 9,
            "preparationNights": n % 3, "petsAllowed": n % 2 == 0,
            "checkInDays": if n % 4 == 0 { json!(["FRI", "SAT", "SUN"]) } else { json!(["MON", "THU", "FRI", "SUN"]) },
        });
        let listing = json!({
            "title": format!("Place {n}"), "capacity": 1 + n % 5, "stayRules": rules,
            "location": { "latitude": 40.0 + n as f64 / 100.0 },
            "roomType": if n % 2 == 0 { "ENTIRE_PLACE" } else { "PRIVATE_ROOM" },
            "amenities": if n % 3 == 0 { json!(["WIFI", "POOL"]) } else { json!(["WIFI"]) },
            "pricing": { "base": usd(10_000 + n / 3 * 1_000) },
        });
        app.published_listing(&host, listing).await;
        app.advance(chrono::TimeDelta::seconds(n % 2));
    }
    host
}

#[tokio::test]
async fn pages_in_both_directions_contain_each_result_once() {
    let app = TestApp::new().await;
    many_listings(&app, 23).await;
    let near = json!({ "near": { "latitude": 40.1, "longitude": -73.9881, "radiusMeters": 100_000 } });
    for sort in ["RELEVANCE", "TOTAL_ASC", "TOTAL_DESC", "RATING_DESC", "DISTANCE_ASC", "NEWEST"] {
        let whole = search(&app, &Anonymous, json!({ "where": near, "sort": sort, "first": 100 })).await;
        let whole = ids(&whole, "/nodes");
        assert_eq!(whole.len(), 23);
        for (size, cursor, boundary, more) in
            [("first", "after", "endCursor", "hasNextPage"), ("last", "before", "startCursor", "hasPreviousPage")]
        {
            let mut pages = Vec::new();
            let mut given = json!({ "where": near, "sort": sort, size: 5 });
            loop {
                let page = search(&app, &Anonymous, given.clone()).await;
                assert_eq!(page["totalCount"], 23);
                pages.push(ids(&page, "/nodes"));
                if page["pageInfo"][more] == false {
                    break;
                }
                assert_eq!(pages.last().unwrap().len(), 5);
                given[cursor] = page["pageInfo"][boundary].clone();
            }
            if size == "last" {
                pages.reverse();
            }
            assert_eq!(pages.len(), 5, "{sort} {size}");
            assert_eq!(pages.concat(), whole, "{sort} {size}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn an_empty_page_still_has_a_total_count() {
    let app = TestApp::new().await;
    many_listings(&app, 3).await;
    let found = search(&app, &Anonymous, json!({ "where": {}, "first": 0 })).await;
    assert_eq!((found["totalCount"].clone(), found["nodes"].clone()), (json!(3), json!([])));
    app.finish().await;
}

#[tokio::test]
async fn facets_count_all_results_and_not_the_page() {
    let app = TestApp::new().await;
    many_listings(&app, 9).await;
    let query = "query($where: ListingSearchWhere!) { listingSearch(where: $where, first: 1) { facets { \
                 amenities { code count } roomTypes { code count } \
                 priceHistogram { from { amount currency } to { amount } count } } } }";
    let facets = app.gql(&Anonymous, query, json!({ "where": {} })).await["listingSearch"]["facets"].take();
    assert_eq!(facets["amenities"], json!([{ "code": "WIFI", "count": 9 }, { "code": "POOL", "count": 3 }]));
    let types = json!([{ "code": "ENTIRE_PLACE", "count": 5 }, { "code": "PRIVATE_ROOM", "count": 4 }]);
    assert_eq!(facets["roomTypes"], types);
    let buckets = facets["priceHistogram"].as_array().unwrap();
    assert_eq!(buckets.iter().map(|bucket| number(bucket, "/count")).sum::<i64>(), 9);
    assert_eq!(buckets[0]["from"], json!({ "amount": 10_000, "currency": "USD" }));
    assert_eq!(buckets[0]["count"], 3);
    assert_eq!(buckets.last().unwrap()["count"], 3);
    app.finish().await;
}

#[tokio::test]
async fn invalid_searches_are_refused() {
    let app = TestApp::new().await;
    let euros = |amount: i64| json!({ "amount": amount, "currency": "EUR" });
    let dates = stay("2027-03-01", "2027-03-02");
    for (filter, refusal) in [
        (json!({ "text": "x".repeat(201) }), "TOO_LONG where.text"),
        (json!({ "text": "a\u{0}b" }), "INVALID where.text"),
        (json!({ "near": { "latitude": 91.0, "longitude": 0.0, "radiusMeters": 1 } }), "INVALID where.near.latitude"),
        (
            json!({ "near": { "latitude": 1.0, "longitude": 0.0, "radiusMeters": 0 } }),
            "INVALID where.near.radiusMeters",
        ),
        (json!({ "within": { "south": 2.0, "west": 0.0, "north": 1.0, "east": 1.0 } }), "INVALID where.within.north"),
        (json!({ "capacity": -1 }), "INVALID where.capacity"),
        (json!({ "amenities": ["TELEPORT"] }), "INVALID where.amenities"),
        (json!({ "ratingMin": 5.1 }), "INVALID where.ratingMin"),
        (json!({ "totalMax": euros(1) }), "REQUIRED where.stay"),
        (json!({ "stay": dates, "totalMax": euros(-1) }), "INVALID where.totalMax.amount"),
        (
            json!({ "stay": dates, "totalMin": { "amount": 1, "currency": "USD" }, "totalMax": euros(1) }),
            "INVALID where.totalMax.currency",
        ),
        (json!({ "stay": stay("2027-03-02", "2027-03-01") }), "INVALID where.stay.checkOut"),
        (json!({ "stay": merge(dates.clone(), json!({ "adults": 0 })) }), "INVALID where.stay.adults"),
    ] {
        assert_eq!(app.query_error(&Anonymous, SEARCH, json!({ "where": filter })).await, refusal, "{filter}");
    }
    let given = json!({ "where": {}, "sort": "DISTANCE_ASC" });
    assert_eq!(app.query_error(&Anonymous, SEARCH, given).await, "REQUIRED where.near");
    app.finish().await;
}

/// A pseudo-random generator with the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[tokio::test]
async fn search_and_stay_and_quote_agree_on_what_can_be_booked() {
    let app = TestApp::new().await;
    let host = many_listings(&app, 12).await;
    let guest = app.guest().await;
    let all = ids(&search(&app, &Anonymous, json!({ "where": {}, "sort": "NEWEST" })).await, "/nodes");
    let start: chrono::NaiveDate = "2027-01-05".parse().unwrap();
    let mut dice = Dice(20_270_105);
    let mut booked = 0;
    let mut bookable_seen = 0;
    for round in 0..60_u32 {
        let check_in = start + chrono::Days::new(dice.roll(60));
        let check_out = check_in + chrono::Days::new(1 + dice.roll(6));
        let filter = json!({ "checkIn": check_in, "checkOut": check_out, "adults": 1 + dice.roll(3),
            "infants": dice.roll(2), "pets": dice.roll(8) / 7 });
        let found = search(&app, &guest, json!({ "where": { "stay": filter }, "first": 100 })).await;
        let query = "query($ids: [ID!]!, $stay: StayInput!) { nodes(ids: $ids) { ... on Listing { id stay(input: \
                     $stay) { bookable violations { rule } price { total { amount } } } } } }";
        let stays = app.gql(&guest, query, json!({ "ids": all, "stay": filter })).await;
        for (listing, node) in all.iter().zip(stays["nodes"].as_array().unwrap()) {
            assert_eq!(node["id"], **listing);
            let check = &node["stay"];
            let edge = found["edges"].as_array().unwrap().iter().find(|edge| edge["node"]["id"] == **listing);
            let context = format!("{listing} {filter}: {check}");
            assert_eq!(check["bookable"], edge.is_some(), "{context}");
            assert_eq!(check["violations"].as_array().unwrap().is_empty(), edge.is_some(), "{context}");
            let Some(edge) = edge else { continue };
            bookable_seen += 1;
            assert_eq!(check["price"]["total"]["amount"], edge["price"]["total"]["amount"], "{context}");
            // A quote for every listing would make the test much slower and check the same code.
            if dice.roll(6) == 0 {
                let quote = app.quote_for(&guest, listing, filter.clone()).await;
                assert_eq!(quote["price"]["total"]["amount"], edge["price"]["total"]["amount"], "{context}");
                app.book_quote(&guest, &text(&quote, "/token"), "ok").await;
                booked += 1;
                break;
            }
        }
        if let Some(none) = all.iter().find(|id| !ids(&found, "/nodes").contains(id)) {
            let given = json!({ "listingId": none, "stay": filter });
            app.user_errors(&guest, "quoteCreate", given).await;
        }
        if round % 10 == 0 {
            let nights = json!([
                { "from": check_in, "to": check_out, "price": usd(7_700), "minNights": 1 + dice.roll(4) },
                { "from": check_out, "to": check_out + chrono::Days::new(1), "blocked": false },
            ]);
            let listing = &all[usize::try_from(dice.roll(12)).unwrap()];
            app.mutate_ok(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": nights }), "__typename")
                .await;
        }
    }
    assert!(booked >= 15 && bookable_seen >= 60, "too few stays could be booked: {booked}, {bookable_seen}");
    app.finish().await;
}
