//! The number of database statements of a request does not depend on the length of its lists.

mod every_field;

use serde_json::{Value, json};

use crate::client::{Anonymous, Caller};
use crate::harness::TestApp;
use crate::scenarios::uuid_of;

/// The number of statements that a query executes.
async fn count_statements(app: &TestApp, who: &(impl Caller + ?Sized), query: &str) -> u64 {
    count_statements_with(app, who, query, json!({})).await.1
}

/// The response to a query with variables, and the number of statements that it executes.
async fn count_statements_with(
    app: &TestApp,
    who: &(impl Caller + ?Sized),
    query: &str,
    variables: Value,
) -> (Value, u64) {
    let before = app.db.statements();
    let data = app.gql(who, query, variables).await;
    (data, app.db.statements() - before)
}

/// Creates twenty listings, each with its own host, amenities, a rating and four reviews.
async fn create_reviewed_listings(app: &TestApp) {
    let guest = app.guest().await;
    for _ in 0..20 {
        let host = app.host().await;
        let listing = uuid_of(&app.published_listing(&host, json!({})).await);
        let sql = "INSERT INTO listing_rating (listing_id, origin, overall_sum, overall_count) \
                   VALUES ($1, 'IMPORTED', 2000, 4)";
        app.execute(sql, [listing.into()]).await;
        for _ in 0..4 {
            let (id, now) = (app.clock.new_id(), app.clock.now());
            let sql = "INSERT INTO review (id, direction, listing_id, author_id, subject_id, overall, text, \
                       submitted_at, published_at, source, source_ref) \
                       VALUES ($1, 'GUEST_TO_LISTING', $2, $3, $4, 5, 'Good.', $5, $5, 'test', $6)";
            let values =
                [id.into(), listing.into(), guest.user.into(), host.user.into(), now.into(), id.to_string().into()];
            app.execute(sql, values).await;
        }
    }
}

#[tokio::test]
async fn a_page_of_twenty_costs_no_more_statements_than_a_page_of_one() {
    let app = TestApp::new().await;
    create_reviewed_listings(&app).await;
    let query = |first: u32| {
        format!(
            "{{ listingSearch(where: {{ stay: {{ checkIn: \"2027-03-01\", checkOut: \"2027-03-04\" }} }}, \
             first: {first}) {{ totalCount nodes {{ title host {{ displayName }} rating {{ overall count }} \
             amenities {{ code }} reviews(first: 3) {{ totalCount nodes {{ text overall author {{ displayName }} }} }} \
             }} edges {{ price {{ total {{ amount }} }} }} }} }}"
        )
    };
    let all = app.gql(&Anonymous, &query(20), json!({})).await;
    let nodes = all["listingSearch"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 20);
    assert!(
        nodes.iter().all(|node| node["reviews"]["nodes"].as_array().unwrap().len() == 3
            && node["reviews"]["totalCount"] == 4
            && node["rating"]["overall"] == 5.0),
        "{all:#}"
    );
    let (one, twenty) =
        (count_statements(&app, &Anonymous, &query(1)).await, count_statements(&app, &Anonymous, &query(20)).await);
    assert_eq!(one, twenty);
    assert!(twenty <= 12, "{twenty} statements");
    app.finish().await;
}

#[tokio::test]
async fn the_statements_for_trips_do_not_depend_on_their_number() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    for _ in 0..6 {
        let listing = app.published_listing(&host, json!({})).await;
        app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    }
    let query = |first: u32| {
        format!(
            "{{ viewer {{ trips(first: {first}) {{ nodes {{ state availableActions listing {{ title location \
             {{ approximate }} host {{ displayName }} }} guest {{ displayName }} payment {{ state attempts \
             {{ outcome }} refunds {{ id }} }} guestReview {{ text }} hostReview {{ text }} }} }} }} }}"
        )
    };
    let (one, six) = (count_statements(&app, &guest, &query(1)).await, count_statements(&app, &guest, &query(6)).await);
    assert_eq!(one, six);
    app.finish().await;
}

#[tokio::test]
async fn many_nodes_of_one_kind_cost_one_statement() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(app.published_listing(&host, json!({})).await);
    }
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Listing { title stay(input: { checkIn: \
                 \"2027-03-01\", checkOut: \"2027-03-03\" }) { bookable } calendar(from: \"2027-03-01\", \
                 to: \"2027-03-03\") { state } } } }";
    let mut costs = Vec::new();
    for some in [&ids[..1], &ids[..]] {
        let before = app.db.statements();
        let data = app.gql(&Anonymous, query, json!({ "ids": some })).await;
        assert_eq!(data["nodes"].as_array().unwrap().len(), some.len());
        costs.push(app.db.statements() - before);
    }
    assert_eq!(costs[0], costs[1]);
    app.finish().await;
}
