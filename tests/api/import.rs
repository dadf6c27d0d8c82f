//! Importing snapshots: what is taken, what is skipped and why, importing again, and a later snapshot.

use std::path::{Path, PathBuf};

use roost::import::{Options, Overrides, Report, Silent, run};
use serde_json::json;

use crate::client::Nobody;
use crate::harness::TestApp;
use crate::scenes::number;

const LISTINGS: &str = "id,last_scraped,name,description,host_id,host_name,host_since,neighbourhood_cleansed,latitude,\
longitude,property_type,room_type,accommodates,bathrooms_text,bedrooms,beds,amenities,price,minimum_nights,\
maximum_nights,number_of_reviews,review_scores_rating,review_scores_cleanliness,instant_bookable\n";

/// A listing in Lisbon with an id beyond what a JSON number carries.
const GARDEN: &str = "9007199254740995,2027-01-01,Garden flat,\"Quiet.<br />Sunny\r<b>rooms</b>\",77,Inês,2015-02-03,Graça,\
38.7167,-9.1300,Entire rental unit,Entire home/apt,4,1.5 baths,2,3,\"[\"\"Wifi\"\", \"\"Kitchen\"\"]\",\"$1,250.00\",2,\
1125,12,4.5,4.75,t\n";
/// The older dialect of amenities, no price, and a minimum above its maximum.
const ATTIC: &str = "8,2027-01-01,Attic,Small,78,,2016-01-01,Alfama,38.7110,-9.1290,Private room,Private room,2,1 bath,1,1,\
\"{TV,\"\"Cable TV\"\"}\",,9,3,0,,,f\n";
const BROKEN: &str = "x,2027-01-01,Nothing,None,79,Nobody,2016-01-01,Alfama,38.7110,-9.1290,Private room,Private room,2,\
1 bath,1,1,[],$50.00,1,30,0,,,f\n";
const REVIEWS: &str = "listing_id,id,date,reviewer_id,reviewer_name,comments\n\
9007199254740995,1,2026-05-01,501,Ana,\"Lovely.<br/>Come here\"\n\
9007199254740995,2,2026-06-01,502,Bo,The host canceled this reservation. This is an automated posting.\n";
const CALENDAR: &str = "listing_id,date,available,price,adjusted_price,minimum_nights,maximum_nights\n\
9007199254740995,2027-02-01,f,\"$1,250.00\",,2,1125\n\
9007199254740995,2027-02-02,t,\"$1,400.00\",,2,1125\n\
9007199254740995,2027-02-03,t,\"$1,250.00\",,5,1125\n";

fn folder(name: &str, files: &[(&str, String)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("import-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (file, text) in files {
        std::fs::write(folder.join(file), text).unwrap();
    }
    folder
}

fn options(folder: &Path) -> Options {
    let overrides = Overrides { city: None, country: None, zone: None, currency: None };
    Options { folder: folder.to_owned(), overrides, shift_calendar_to: None, report: None }
}

async fn import(app: &TestApp, folder: &Path) -> Report {
    run(&app.app, options(folder), Silent).await.unwrap()
}

fn snapshot(name: &str) -> PathBuf {
    folder(
        name,
        &[
            ("listings.csv", format!("{LISTINGS}{GARDEN}{ATTIC}{BROKEN}")),
            ("reviews.csv", REVIEWS.to_owned()),
            ("calendar.csv", CALENDAR.to_owned()),
        ],
    )
}

#[tokio::test]
async fn a_snapshot_becomes_listings_reviews_and_calendars() {
    let app = TestApp::new().await;
    let report = import(&app, &snapshot("whole")).await;
    assert_eq!((report.here.city.as_str(), report.listings.new, report.reviews.new), ("Lisbon", 2, 1));

    let query = "{ listingSearch(where: { stay: { checkIn: \"2027-02-02\", checkOut: \"2027-02-04\", adults: 4 } }) {
        totalCount edges { price { total { amount currency } } node { title description host { displayName }
          amenities { code } timeZone rating { count overall cleanliness } bathrooms
          reviews { nodes { text overall booking { id } author { displayName } } }
          calendar(from: \"2027-02-01\", to: \"2027-02-04\") { state minNights price { amount } } } } } }";
    let found = app.gql(&Nobody, query, json!({})).await;
    let edge = &found["listingSearch"]["edges"][0];
    assert_eq!(number(&found, "/listingSearch/totalCount"), 1, "the attic has no price and is a draft");
    assert_eq!(edge["price"]["total"], json!({ "amount": 265_000, "currency": "EUR" }));
    let node = &edge["node"];
    assert_eq!(node["title"], "Garden flat");
    assert_eq!(node["description"], "Quiet.\nSunny\nrooms");
    assert_eq!(node["host"]["displayName"], "Inês");
    assert_eq!(node["timeZone"], "Europe/Lisbon");
    assert_eq!(node["bathrooms"], 1.5);
    assert_eq!(node["amenities"], json!([{ "code": "KITCHEN" }, { "code": "WIFI" }]));
    assert_eq!(node["rating"], json!({ "count": 12, "overall": 4.5, "cleanliness": 4.75 }));
    let review =
        json!([{ "text": "Lovely.\nCome here", "overall": null, "booking": null, "author": { "displayName": "Ana" } }]);
    assert_eq!(node["reviews"]["nodes"], review);
    assert_eq!(
        node["calendar"],
        json!([
            { "state": "BLOCKED_BY_HOST", "minNights": 2, "price": { "amount": 125_000 } },
            { "state": "FREE", "minNights": 2, "price": { "amount": 140_000 } },
            { "state": "FREE", "minNights": 5, "price": { "amount": 125_000 } },
        ])
    );
    assert_eq!(app.count("listing WHERE status = 'DRAFT'", []).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn what_is_broken_is_reported_by_its_record_and_stops_nothing() {
    let app = TestApp::new().await;
    let folder = snapshot("broken");
    let findings = folder.join("findings.csv");
    let report = run(&app.app, Options { report: Some(findings.clone()), ..options(&folder) }, Silent).await.unwrap();
    assert_eq!(report.listings.new, 2);
    let rows = std::fs::read_to_string(findings).unwrap();
    assert!(rows.lines().any(|row| row.starts_with("listings.csv,3,") && row.contains("id")), "{rows}");
    assert!(rows.lines().any(|row| row.starts_with("reviews.csv,2,") && row.contains("automated posting")), "{rows}");
    app.finish().await;
}

#[tokio::test]
async fn importing_again_changes_nothing_and_a_later_snapshot_moves_it_forward() {
    let app = TestApp::new().await;
    let first = snapshot("first");
    import(&app, &first).await;
    let again = import(&app, &first).await;
    assert_eq!((again.listings.new, again.listings.unchanged, again.reviews.new), (0, 2, 0));
    assert_eq!(app.count("claim", []).await, 1);

    let later = folder(
        "later",
        &[
            (
                "listings.csv",
                format!("{LISTINGS}{}", GARDEN.replace("Garden flat", "Garden house").replace(",12,4.5,", ",20,4.8,")),
            ),
            ("calendar.csv", CALENDAR.replace(",f,", ",t,").replace("2027-02-03,t", "2027-02-03,f")),
        ],
    );
    let moved = import(&app, &later).await;
    assert_eq!((moved.listings.new, moved.listings.changed, moved.gone), (0, 1, 1));
    let query = "{ listingSearch(where: {}) { nodes { title rating { count overall }
        calendar(from: \"2027-02-01\", to: \"2027-02-04\") { state } } } }";
    let found = app.gql(&Nobody, query, json!({})).await;
    let node = &found["listingSearch"]["nodes"][0];
    assert_eq!(node["title"], "Garden house");
    assert_eq!(node["rating"], json!({ "count": 20, "overall": 4.8 }));
    let states = json!([{ "state": "FREE" }, { "state": "FREE" }, { "state": "BLOCKED_BY_HOST" }]);
    assert_eq!(node["calendar"], states);
    app.finish().await;
}

#[tokio::test]
async fn a_missing_file_or_a_wrong_header_stops_before_anything_is_written() {
    let app = TestApp::new().await;
    let empty = folder("empty", &[]);
    let no_prices = folder("header", &[("listings.csv", format!("{LISTINGS}{GARDEN}").replace("latitude", "lat"))]);
    let reviews = folder(
        "reviews",
        &[("listings.csv", format!("{LISTINGS}{GARDEN}")), ("reviews.csv", REVIEWS.replace("comments", "remarks"))],
    );
    for (folder, said) in [(empty, "listings.csv"), (no_prices, "latitude"), (reviews, "comments")] {
        let error = run(&app.app, options(&folder), Silent).await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    assert_eq!((app.count("listing", []).await, app.count("\"user\"", []).await), (0, 0));
    app.finish().await;
}
