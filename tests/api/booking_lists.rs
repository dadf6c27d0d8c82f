//! The lists of a viewer's bookings: who is in them, their filters, their orders and their pages.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use roost::kernel::id::Kind;
use serde_json::{Value, json};

use crate::client::Caller;
use crate::harness::{Person, TestApp};
use crate::scenarios::{ids, number, stay, text};

/// The IDs of the bookings of a list, `trips` or `reservations`, and their total.
async fn list(app: &TestApp, who: &Person, field: &str, given: Value) -> Vec<String> {
    let query = format!(
        "query($where: BookingWhereInput, $sort: BookingSort) {{ viewer {{ {field}(where: $where, sort: $sort) {{ \
         totalCount nodes {{ id }} }} }} }}"
    );
    let seen = app.gql(who, &query, given).await["viewer"][field].take();
    let found = ids(&seen, "/nodes");
    assert_eq!(usize::try_from(number(&seen, "/totalCount")).unwrap(), found.len());
    found
}

async fn filtered(app: &TestApp, who: &Person, field: &str, filter: Value) -> Vec<String> {
    list(app, who, field, json!({ "where": filter, "sort": "CHECK_IN_ASC" })).await
}

async fn in_phase(app: &TestApp, who: &Person, field: &str, phase: &str) -> Vec<String> {
    filtered(app, who, field, json!({ "phase": phase })).await
}

fn id(booking: &Value) -> String {
    text(booking, "/id")
}

#[tokio::test]
async fn trips_and_reservations_list_only_the_viewers_bookings() {
    let app = TestApp::new().await;
    let (host, guest, other) = (app.host().await, app.guest().await, app.guest().await);
    let (one, two) = (app.published_listing(&host, json!({})).await, app.published_listing(&host, json!({})).await);
    let first = app.book(&guest, &one, "2027-03-01", "2027-03-03").await;
    let second = app.book(&guest, &two, "2027-03-01", "2027-03-03").await;
    let third = app.book(&other, &one, "2027-03-03", "2027-03-05").await;
    assert_eq!(list(&app, &guest, "trips", json!({})).await, [id(&second), id(&first)], "newest first by default");
    assert_eq!(list(&app, &guest, "trips", json!({ "where": null, "sort": null })).await, [id(&second), id(&first)]);
    assert_eq!(list(&app, &guest, "reservations", json!({})).await, [""; 0]);
    assert_eq!(list(&app, &host, "reservations", json!({})).await, [id(&third), id(&second), id(&first)]);
    assert_eq!(list(&app, &host, "trips", json!({})).await, [""; 0]);
    for filter in [json!({ "code": first["code"] }), json!({ "listingIds": [one] }), json!({ "states": ["CONFIRMED"] })]
    {
        let stranger = app.host().await;
        for field in ["trips", "reservations"] {
            assert_eq!(filtered(&app, &stranger, field, filter.clone()).await, [""; 0], "{filter}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_booking_must_meet_all_conditions() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let (one, two) = (app.published_listing(&host, json!({})).await, app.published_listing(&host, json!({})).await);
    let early = app.book(&guest, &one, "2027-03-01", "2027-03-03").await;
    let late = app.book(&guest, &one, "2027-03-03", "2027-03-06").await;
    let other = app.book(&guest, &two, "2027-03-02", "2027-03-05").await;
    app.cancel(&guest, &other).await;
    let (early, late, other) = (&early, &late, &other);
    let from = |from: &str| json!({ "from": from });
    let until = |until: &str| json!({ "until": until });
    let both = |from: &str, until: &str| json!({ "from": from, "until": until });
    let unknown = app.unknown_id(Kind::Listing);
    for (filter, expected) in [
        (json!({}), vec![early, other, late]),
        (json!({ "states": ["CONFIRMED"] }), vec![early, late]),
        (json!({ "states": ["CONFIRMED", "CANCELLED_BY_GUEST"] }), vec![early, other, late]),
        (json!({ "states": [] }), vec![]),
        (json!({ "listingIds": [two] }), vec![other]),
        (json!({ "listingIds": [two, one, unknown] }), vec![early, other, late]),
        (json!({ "listingIds": [unknown] }), vec![]),
        (json!({ "listingIds": [] }), vec![]),
        (json!({ "code": late["code"] }), vec![late]),
        (json!({ "code": "AAAAAAAAAA" }), vec![]),
        (json!({ "code": "a\u{0}b" }), vec![]),
        (json!({ "code": "" }), vec![]),
        (json!({ "checkIn": from("2027-03-02") }), vec![other, late]),
        (json!({ "checkIn": until("2027-03-02") }), vec![early]),
        (json!({ "checkIn": both("2027-03-02", "2027-03-03") }), vec![other]),
        (json!({ "checkIn": {} }), vec![early, other, late]),
        (json!({ "checkOut": from("2027-03-05") }), vec![other, late]),
        (json!({ "checkOut": both("2027-03-03", "2027-03-06") }), vec![early, other]),
        // The night of 2 March is the last of the first stay.
        (json!({ "overlaps": both("2027-03-02", "2027-03-03") }), vec![early, other]),
        (json!({ "overlaps": both("2027-03-03", "2027-03-04") }), vec![other, late]),
        (json!({ "overlaps": from("2027-03-05") }), vec![late]),
        (json!({ "overlaps": until("2027-03-02") }), vec![early]),
        (json!({ "overlaps": from("2027-03-02"), "states": ["CONFIRMED"], "listingIds": [one] }), vec![early, late]),
        (json!({ "states": null, "phase": null, "listingIds": null, "checkIn": null }), vec![early, other, late]),
    ] {
        let expected: Vec<String> = expected.into_iter().map(id).collect();
        assert_eq!(filtered(&app, &guest, "trips", filter.clone()).await, expected, "{filter}");
        assert_eq!(filtered(&app, &host, "reservations", filter.clone()).await, expected, "{filter}");
    }
    app.finish().await;
}

#[tokio::test]
async fn invalid_conditions_are_refused_by_name() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let many: Vec<String> = (0..101).map(|_| app.unknown_id(Kind::Listing)).collect();
    let (known, foreign) = (app.unknown_id(Kind::Listing), app.unknown_id(Kind::Booking));
    let reversed = json!({ "from": "2027-03-02", "until": "2027-03-01" });
    let empty = json!({ "from": "2027-03-02", "until": "2027-03-02" });
    for (filter, refusal) in [
        (json!({ "listingIds": ["nonsense"] }), "INVALID where.listingIds.0"),
        (json!({ "listingIds": [known, foreign] }), "INVALID where.listingIds.1"),
        (json!({ "listingIds": many }), "TOO_MANY where.listingIds"),
        (json!({ "checkIn": reversed }), "INVALID where.checkIn.until"),
        (json!({ "checkOut": empty }), "INVALID where.checkOut.until"),
        (json!({ "overlaps": reversed }), "INVALID where.overlaps.until"),
    ] {
        for field in ["trips", "reservations"] {
            let query = format!(
                "query($where: BookingWhereInput) {{ viewer {{ {field}(where: $where) {{ nodes {{ id }} }} }} }}"
            );
            assert_eq!(app.query_error(&host, &query, json!({ "where": filter })).await, refusal, "{filter}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn the_phase_follows_the_listings_clock_before_any_job_has_run() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    // New York: check-in at 15:00 and check-out at 11:00 are 20:00 and 16:00 in UTC.
    for (now, phase) in [
        ("2027-03-01T19:59:59Z", "UPCOMING"),
        ("2027-03-01T20:00:00Z", "CURRENT"),
        ("2027-03-03T15:59:59Z", "CURRENT"),
        ("2027-03-03T16:00:00Z", "PAST"),
    ] {
        app.set(now);
        for one in ["NEEDS_ACTION", "UPCOMING", "CURRENT", "PAST", "ENDED"] {
            let expected = if one == phase { vec![id(&booking)] } else { vec![] };
            assert_eq!(in_phase(&app, &guest, "trips", one).await, expected, "{one} at {now}");
            assert_eq!(in_phase(&app, &host, "reservations", one).await, expected, "{one} at {now}");
        }
    }
    assert_eq!(app.count("booking WHERE state = 'CONFIRMED'", []).await, 1);
    app.drain().await;
    assert_eq!(in_phase(&app, &guest, "trips", "PAST").await, [id(&booking)]);
    app.finish().await;
}

#[tokio::test]
async fn each_booking_is_in_one_phase_of_the_stay() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = async |month: u32| {
        app.book(&guest, &listing, &format!("2027-{month:02}-01"), &format!("2027-{month:02}-03")).await
    };
    let (upcoming, cancelled, early, current) =
        (booking(8).await, booking(5).await, booking(2).await, booking(3).await);
    app.cancel(&guest, &cancelled).await;
    app.set("2027-02-02T12:00:00Z");
    app.drain().await;
    app.perform(&guest, "bookingCheckOut", &early).await;
    app.set("2027-03-01T15:00:00Z");
    app.perform(&guest, "bookingCheckIn", &current).await;
    for (phase, expected) in [
        ("UPCOMING", vec![&upcoming]),
        ("CURRENT", vec![&current]),
        ("PAST", vec![&early]),
        ("ENDED", vec![&cancelled]),
        ("NEEDS_ACTION", vec![]),
    ] {
        let expected: Vec<String> = expected.into_iter().map(id).collect();
        assert_eq!(in_phase(&app, &guest, "trips", phase).await, expected, "{phase}");
        assert_eq!(in_phase(&app, &host, "reservations", phase).await, expected, "{phase}");
    }
    app.finish().await;
}

#[tokio::test]
async fn what_waits_for_one_side_does_not_wait_for_the_other() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let by_request = app.published_listing(&host, json!({ "bookingMode": "REQUEST" })).await;
    let instant = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &instant, "2027-03-01", "2027-03-03").await;
    let unpaid = app.book_quote(&guest, &quote, "3ds").await;
    let requested = app.book(&guest, &by_request, "2027-03-04", "2027-03-06").await;
    let asked_by_guest = app.book(&guest, &instant, "2027-03-10", "2027-03-12").await;
    let asked_by_host = app.book(&guest, &instant, "2027-03-20", "2027-03-22").await;
    app.request_alteration_ok(&guest, &asked_by_guest, stay("2027-03-10", "2027-03-13")).await;
    let change = app.request_alteration_ok(&host, &asked_by_host, stay("2027-03-20", "2027-03-23")).await;
    let waiting = async || {
        let guests = in_phase(&app, &guest, "trips", "NEEDS_ACTION").await;
        (guests, in_phase(&app, &host, "reservations", "NEEDS_ACTION").await)
    };
    let for_host = vec![id(&requested), id(&asked_by_guest)];
    assert_eq!(waiting().await, (vec![id(&unpaid), id(&asked_by_host)], for_host.clone()));
    let all = [&unpaid, &requested, &asked_by_guest, &asked_by_host].map(id).to_vec();
    assert_eq!(in_phase(&app, &guest, "trips", "UPCOMING").await, all);
    assert_eq!(in_phase(&app, &host, "reservations", "UPCOMING").await, all);
    // The guest agrees and has to complete 3-D Secure for the difference.
    app.respond_ok(&guest, &change, true, Some("3ds")).await;
    assert_eq!(waiting().await, (vec![id(&unpaid), id(&asked_by_host)], for_host));
    app.set("2027-01-05T12:15:00Z");
    assert_eq!(waiting().await.0, [""; 0], "the time to pay is over, before any job has run");
    app.set("2027-01-06T12:00:00Z");
    assert_eq!(waiting().await.1, [""; 0], "the time to answer is over, before any job has run");
    app.drain().await;
    app.finish().await;
}

/// Bookings on two listings whose order by creation, by arrival and by change differ, and the four orders.
async fn in_every_order(app: &TestApp) -> (Person, Person, Vec<(&'static str, Vec<String>)>) {
    let (host, guest) = (app.host().await, app.guest().await);
    let (one, two) = (app.published_listing(&host, json!({})).await, app.published_listing(&host, json!({})).await);
    let mut all = Vec::new();
    // Two of them arrive on the same day.
    for (listing, day) in [(&one, 9), (&one, 3), (&two, 3), (&one, 20), (&two, 6)] {
        app.advance(chrono::TimeDelta::seconds(1));
        let (check_in, check_out) = (format!("2027-03-{day:02}"), format!("2027-03-{:02}", day + 1));
        all.push(id(&app.book(&guest, listing, &check_in, &check_out).await));
    }
    app.advance(chrono::TimeDelta::seconds(1));
    app.cancel(&guest, &json!({ "id": all[1] })).await;
    let order = |places: [usize; 5]| places.map(|place| all[place].clone()).to_vec();
    let orders = vec![
        ("CREATED_DESC", order([4, 3, 2, 1, 0])),
        ("CHECK_IN_ASC", order([1, 2, 4, 0, 3])),
        ("CHECK_IN_DESC", order([3, 0, 4, 2, 1])),
        ("UPDATED_DESC", order([1, 4, 3, 2, 0])),
    ];
    (host, guest, orders)
}

#[tokio::test]
async fn pages_in_either_direction_have_every_booking_once_in_each_order() {
    let app = TestApp::new().await;
    let (host, guest, orders) = in_every_order(&app).await;
    for (who, field) in [(&guest, "trips"), (&host, "reservations")] {
        for (sort, expected) in &orders {
            assert_eq!(&list(&app, who, field, json!({ "sort": sort })).await, expected, "{sort}");
            for (page, cursor, more, end) in
                [("first", "after", "hasNextPage", "endCursor"), ("last", "before", "hasPreviousPage", "startCursor")]
            {
                let query = format!(
                    "query($sort: BookingSort, $cursor: String) {{ viewer {{ {field}(sort: $sort, {page}: 2, \
                     {cursor}: $cursor) {{ nodes {{ id }} pageInfo {{ more: {more} end: {end} }} }} }} }}"
                );
                let (mut read, mut cursor) = (Vec::new(), Value::Null);
                loop {
                    let given = json!({ "sort": sort, "cursor": cursor });
                    let seen = app.gql(who, &query, given).await["viewer"][field].take();
                    let found = ids(&seen, "/nodes");
                    if page == "first" {
                        read.extend(found)
                    } else {
                        read.splice(0..0, found).for_each(drop)
                    }
                    if seen["pageInfo"]["more"] == false {
                        break;
                    }
                    cursor = seen["pageInfo"]["end"].clone();
                }
                assert_eq!(&read, expected, "{sort} by {page}");
            }
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_cursor_of_another_order_or_with_an_impossible_date_is_refused() {
    let app = TestApp::new().await;
    let (_, guest, orders) = in_every_order(&app).await;
    let query = "query($sort: BookingSort, $after: String) { viewer { trips(first: 1, sort: $sort, after: $after) { \
                 pageInfo { endCursor } } } }";
    let sorts: Vec<&str> = orders.iter().map(|(sort, _)| *sort).collect();
    for sort in &sorts {
        let seen = app.gql(&guest, query, json!({ "sort": sort })).await;
        let cursor = &seen["viewer"]["trips"]["pageInfo"]["endCursor"];
        for other in sorts.iter().filter(|other| *other != sort) {
            let given = json!({ "sort": other, "after": cursor });
            assert_eq!(app.query_error(&guest, query, given).await, "INVALID after", "{sort} in {other}");
        }
    }
    let some = app.clock.new_id();
    for (sort, key) in [
        ("CHECK_IN_ASC", json!({ "CheckInAsc": ["-262143-01-01", some] })),
        ("CHECK_IN_DESC", json!({ "CheckInDesc": ["+262142-01-01", some] })),
        ("UPDATED_DESC", json!({ "UpdatedDesc": ["-262143-01-01T00:00:00Z", some] })),
        ("CREATED_DESC", json!({ "CreatedDesc": "1" })),
    ] {
        let cursor = URL_SAFE_NO_PAD.encode(json!(["Viewer.trips", key]).to_string());
        assert_eq!(app.query_error(&guest, query, json!({ "sort": sort, "after": cursor })).await, "INVALID after");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_change_moves_a_booking_to_the_start_of_the_list_by_changes() {
    let app = TestApp::new().await;
    let (host, _, orders) = in_every_order(&app).await;
    let expected = &orders[3].1;
    app.advance(chrono::TimeDelta::seconds(1));
    let oldest = json!({ "id": expected[4] });
    app.refund(&host, &oldest, 100).await;
    let seen = list(&app, &host, "reservations", json!({ "sort": "UPDATED_DESC" })).await;
    assert_eq!((&seen[0], &seen[1..]), (&expected[4], &expected[..4]));
    app.finish().await;
}

/// The number of statements of a query.
async fn count_statements(app: &TestApp, who: &(impl Caller + ?Sized), query: &str) -> u64 {
    let before = app.db.statements();
    app.gql(who, query, json!({})).await;
    app.db.statements() - before
}

#[tokio::test]
async fn the_statements_of_a_list_do_not_depend_on_its_filter_its_order_or_its_length() {
    let app = TestApp::new().await;
    let (host, guest, _) = in_every_order(&app).await;
    let nodes = "nodes { state listing { title } guest { displayName } pendingAlteration { id } \
                 payment { booking { code } refunds { amount { amount } } } }";
    for (who, field) in [(&guest, "trips"), (&host, "reservations")] {
        let mut counts = Vec::new();
        for first in [1, 5] {
            for rest in [
                "",
                ", sort: CHECK_IN_ASC",
                ", sort: UPDATED_DESC, where: { phase: UPCOMING }",
                ", where: { states: [CONFIRMED], checkIn: { from: \"2027-01-01\" }, overlaps: { until: \"2028-01-01\" } }",
            ] {
                let query = format!("{{ viewer {{ {field}(first: {first}{rest}) {{ totalCount {nodes} }} }} }}");
                // The first run fills the cache of listings.
                count_statements(&app, who, &query).await;
                counts.push((count_statements(&app, who, &query).await, query));
            }
        }
        assert!(counts.iter().all(|(count, _)| *count == counts[0].0), "{counts:#?}");
        assert!(counts[0].0 <= 12, "{counts:#?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn the_statements_for_pending_alterations_do_not_depend_on_their_number() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    for month in 3..7 {
        let [check_in, check_out, later] = [1, 3, 4].map(|day| format!("2027-{month:02}-{day:02}"));
        let booking = app.book(&guest, &listing, &check_in, &check_out).await;
        app.request_alteration_ok(&guest, &booking, stay(&check_in, &later)).await;
    }
    let query = |first: u32| {
        format!(
            "{{ viewer {{ reservations(first: {first}, where: {{ phase: NEEDS_ACTION }}) {{ nodes {{ \
             pendingAlteration {{ id availableActions booking {{ code }} requestedBy {{ displayName }} }} }} }} }} }}"
        )
    };
    let seen = app.gql(&host, &query(4), json!({})).await;
    let nodes = seen["viewer"]["reservations"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 4);
    assert!(nodes.iter().all(|node| node["pendingAlteration"]["availableActions"] == json!(["ACCEPT", "DECLINE"])));
    let (one, four) = (count_statements(&app, &host, &query(1)).await, count_statements(&app, &host, &query(4)).await);
    assert_eq!(one, four);
    app.finish().await;
}
