//! Importing snapshots of another marketplace: what the first import creates, what a later one changes, and what no
//! import overwrites.

mod broken;
mod repeated;

use std::fs;
use std::path::PathBuf;

use roost::import::{Options, Outcome, Report, Silent, run};
use roost::kernel::id::{Id, Kind};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::Anonymous;
use crate::harness::TestApp;
use crate::scenarios::stay;

const LISTINGS: &str = "id,name,description,host_id,host_name,host_since,host_about,neighbourhood_cleansed,\
    neighbourhood_group_cleansed,latitude,longitude,room_type,accommodates,bathrooms_text,bedrooms,beds,amenities,\
    price,minimum_nights,maximum_nights,number_of_reviews,review_scores_rating,review_scores_value,instant_bookable\n";
const LOFT: &str = "973486502034928311,Loft,\"Big.<br/>Bright.\",7,Ann,2015-03-02,Hello,Riverside,West,42.65,-73.76,\
    Entire home/apt,4,1.5 baths,2,3,\"[\"\"Fast wifi \\u2013 90 Mbps\"\", \"\"Pets allowed\"\"]\",\"$1,120.00\",2,1125,\
    20,4.44,0.0,t\n";
const ROOM: &str = "2,\"Room in Albany · ★New · Studio · 1 bed · Shared half-bath\",,8,,,,,,42.66,-73.75,Private room,1,,,\
    ,\"{TV,\"\"Cable TV\"\"}\",,1,30,0,,,f\n";
const CALENDAR: &str = "listing_id,date,available,price,adjusted_price,minimum_nights,maximum_nights\n";
const REVIEWS: &str = "listing_id,id,date,reviewer_id,reviewer_name,comments\n";
const SUMMARY: &str = "id,name,host_id,host_name,neighbourhood_group,neighbourhood,latitude,longitude,room_type,price,\
    minimum_nights,number_of_reviews,last_review,reviews_per_month,calculated_host_listings_count,availability_365\n";

/// A folder with the files of one snapshot.
struct Files(PathBuf);

impl Files {
    fn new(app: &TestApp) -> Files {
        let folder = app.config.data_dir.join(Id::new(Kind::Job, app.clock.new_id()).to_string());
        fs::create_dir_all(&folder).unwrap();
        Files(folder)
    }

    fn with(self, name: &str, parts: &[&str]) -> Files {
        fs::write(self.0.join(name), parts.concat()).unwrap();
        self
    }

    fn options(&self) -> Options {
        Options { folder: self.0.clone(), ..Options::default() }
    }
}

async fn import(app: &TestApp, files: &Files) -> Report {
    run(&app.app, files.options(), Silent).await.unwrap()
}

async fn listing_id(app: &TestApp, source_ref: &str) -> Uuid {
    app.value("SELECT id FROM listing WHERE source = 'inside-airbnb' AND source_ref = $1", [source_ref.into()]).await
}

async fn listing(app: &TestApp, source_ref: &str) -> Value {
    let id = Id::new(Kind::Listing, listing_id(app, source_ref).await).to_string();
    let query = "query($id: ID!) { listing(id: $id) { id version status title description roomType capacity bedrooms beds \
                 bathrooms amenities { code } address { city region country } timeZone bookingMode \
                 pricing { base { amount currency } } stayRules { minNights maxNights petsAllowed } \
                 rating { count overall value } host { displayName about } \
                 reviews { totalCount nodes { text overall author { displayName } booking { id } } } } }";
    app.gql(&app.admin().await, query, json!({ "id": id })).await["listing"].take()
}

/// The state and the price of each night in `[from, to)`.
async fn nights(app: &TestApp, source_ref: &str, from: &str, to: &str) -> Vec<(String, i64)> {
    let id = Id::new(Kind::Listing, listing_id(app, source_ref).await).to_string();
    let query = "query($id: ID!, $from: Date!, $to: Date!) { \
                 listing(id: $id) { calendar(from: $from, to: $to) { state price { amount } } } }";
    let data = app.gql(&Anonymous, query, json!({ "id": id, "from": from, "to": to })).await;
    let days = data["listing"]["calendar"].as_array().unwrap();
    let price = |day: &Value| day["price"]["amount"].as_i64().unwrap();
    days.iter().map(|day| (day["state"].as_str().unwrap().to_owned(), price(day))).collect()
}

fn states_and_prices(nights: &[(String, i64)]) -> Vec<(&str, i64)> {
    nights.iter().map(|(state, price)| (state.as_str(), *price)).collect()
}

/// The number of rows in each table to which an import writes.
async fn rows(app: &TestApp) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in ["\"user\"", "listing", "listing_amenity", "listing_rating", "claim", "night", "review"] {
        counts.push(app.count(table, []).await);
    }
    counts
}

fn first_snapshot(app: &TestApp) -> Files {
    Files::new(app)
        .with("listings.csv", &[LISTINGS, LOFT, ROOM])
        .with(
            "calendar.csv",
            &[
                CALENDAR,
                "973486502034928311,2027-03-01,t,\"$1,120.00\",,2,1125\n973486502034928311,2027-03-02,f,$900.00,,2,1125\n",
                "2,2027-03-01,t,$70.00,,1,30\n973486502034928311,2027-03-03,t,\"$1,120.00\",,5,1125\n",
            ],
        )
        .with(
            "reviews.csv",
            &[
                REVIEWS,
                "973486502034928311,31,2024-07-01,50,Cy,\"Clean.\r<br/>Near.\"\n",
                "973486502034928311,32,2024-08-01,50,Cy,This is an automated posting.\n2,33,2014-01-01,7,Ann,Fine\n",
            ],
        )
}

#[tokio::test]
async fn a_snapshot_creates_hosts_listings_calendars_and_reviews() {
    let app = TestApp::new().await;
    let report = import(&app, &first_snapshot(&app)).await;
    assert_eq!((report.listings.new, report.reviews.new, report.people.new), (2, 2, 3));
    assert_eq!((report.blocked, report.overridden), (1, 2));
    assert_eq!(report.count(Outcome::Skipped, "comments"), 1);

    let loft = listing(&app, "973486502034928311").await;
    assert_eq!(loft["description"], "Big.\nBright.");
    assert_eq!(loft["address"], json!({ "city": "Albany", "region": "Riverside, West", "country": "US" }));
    assert_eq!(loft["amenities"], json!([{ "code": "WIFI" }]));
    assert_eq!(loft["pricing"]["base"], json!({ "amount": 112_000, "currency": "USD" }));
    assert_eq!(loft["stayRules"], json!({ "minNights": 2, "maxNights": 365, "petsAllowed": true }));
    assert_eq!(loft["rating"], json!({ "count": 20, "overall": 4.44, "value": 0.0 }));
    assert_eq!(loft["host"], json!({ "displayName": "Ann", "about": "Hello" }));
    let review =
        json!({ "text": "Clean.\nNear.", "overall": null, "author": { "displayName": "Cy" }, "booking": null });
    assert_eq!(loft["reviews"], json!({ "totalCount": 1, "nodes": [review] }));
    let days = nights(&app, "973486502034928311", "2027-03-01", "2027-03-04").await;
    assert_eq!(states_and_prices(&days), [("FREE", 112_000), ("BLOCKED_BY_HOST", 90_000), ("FREE", 112_000)]);

    let room = listing(&app, "2").await;
    assert_eq!((&room["title"], &room["status"]), (&json!("Room in Albany"), &json!("PUBLISHED")));
    assert_eq!((&room["bedrooms"], &room["beds"], &room["bathrooms"]), (&json!(0), &json!(1), &json!(0.5)));
    assert_eq!(room["description"], "A private room in Albany.");
    assert_eq!(room["pricing"]["base"]["amount"], 7_000, "the most frequent price of the calendar");
    assert_eq!(room["amenities"], json!([{ "code": "TV" }]), "the older format of amenities");
    assert_eq!(room["host"]["displayName"], "Host");
    app.finish().await;
}

#[tokio::test]
async fn imported_users_cannot_sign_in() {
    let app = TestApp::new().await;
    import(&app, &first_snapshot(&app)).await;
    let imported = "\"user\" WHERE source = 'inside-airbnb'";
    assert_eq!(app.count(imported, []).await, 3);
    assert_eq!(app.count(&format!("{imported} AND email IS NULL AND password_hash IS NULL"), []).await, 3);
    app.finish().await;
}

#[tokio::test]
async fn a_search_finds_the_imported_availability_and_nightly_prices() {
    let app = TestApp::new().await;
    import(&app, &first_snapshot(&app)).await;
    let query = "query($stay: StayInput!) { listingSearch(where: { stay: $stay, text: \"riverside\" }) { \
                 totalCount edges { price { total { amount } } node { title } } } }";
    let search = async |check_in, check_out| {
        let data = app.gql(&Anonymous, query, json!({ "stay": stay(check_in, check_out) })).await;
        data["listingSearch"].clone()
    };
    assert_eq!(search("2027-03-01", "2027-03-03").await["totalCount"], 0, "the second night is blocked");
    let found = search("2027-03-05", "2027-03-07").await;
    let loft = json!({ "price": { "total": { "amount": 224_000 } }, "node": { "title": "Loft" } });
    assert_eq!(found, json!({ "totalCount": 1, "edges": [loft] }));
    app.finish().await;
}

#[tokio::test]
async fn an_imported_listing_is_booked_at_the_price_of_its_nights() {
    let app = TestApp::new().await;
    import(&app, &first_snapshot(&app).with("calendar.csv", &[CALENDAR, "2,2027-03-01,t,$80.00,,1,30\n"])).await;
    let guest = app.guest().await;
    let loft = Id::new(Kind::Listing, listing_id(&app, "973486502034928311").await).to_string();
    let quote = app.quote_for(&guest, &loft, stay("2027-03-01", "2027-03-03")).await;
    assert_eq!(quote["price"]["total"], json!({ "amount": 224_000, "currency": "USD" }));
    app.finish().await;
}
