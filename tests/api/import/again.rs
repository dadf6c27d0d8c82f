//! Importing into what earlier imports, guests and hosts have left.

use std::fs;
use std::path::PathBuf;

use roost::import::Outcome;
use roost::kernel::id::{Id, Kind};
use serde_json::{Value, json};

use super::{
    CALENDAR, Files, LISTINGS, LOFT, REVIEWS, ROOM, SUMMARY, first_snapshot, import, listing, listing_id, nights, rows,
    shown,
};
use crate::client::Nobody;
use crate::harness::TestApp;
use crate::scenes::key;

#[tokio::test]
async fn importing_the_same_again_changes_nothing() {
    let app = TestApp::new().await;
    let files = first_snapshot(&app);
    import(&app, &files).await;
    let (before, loft) = (rows(&app).await, listing(&app, "973486502034928311").await);
    let report = import(&app, &files).await;
    assert_eq!((report.listings.new, report.listings.changed, report.listings.unchanged), (0, 0, 2));
    assert_eq!((report.reviews.new, report.reviews.changed, report.reviews.unchanged), (0, 0, 2));
    assert_eq!((report.people.new, report.people.changed, report.gone), (0, 0, 0));
    let after = rows(&app).await;
    // The admin who looked at the listing is one more person.
    assert_eq!((after[0] - before[0], &after[1..]), (1, &before[1..]));
    assert_eq!(listing(&app, "973486502034928311").await, loft);
    app.finish().await;
}

#[tokio::test]
async fn a_later_snapshot_moves_the_city_forward() {
    let app = TestApp::new().await;
    import(&app, &first_snapshot(&app)).await;
    let loft = LOFT.replace("Loft", "Light loft").replace("\"$1,120.00\"", "$95.00").replace("Pets allowed", "Pool");
    let later = Files::new(&app)
        .with("listings.csv", &[LISTINGS, &loft, &ROOM.replacen("2,", "3,", 1)])
        .with(
            "calendar.csv",
            &[CALENDAR, "973486502034928311,2027-03-02,t,,,2,1125\n973486502034928311,2027-03-03,f,,,2,1125\n"],
        )
        .with(
            "reviews.csv",
            &[
                REVIEWS,
                "973486502034928311,31,2024-07-01,50,Cyrus,Clean and near.\n973486502034928311,34,2026-01-01,51,Di,Good\n",
            ],
        );
    let report = import(&app, &later).await;
    assert_eq!((report.listings.new, report.listings.changed, report.gone), (1, 1, 1));
    assert_eq!((report.reviews.new, report.reviews.changed, report.people.changed), (1, 1, 1));

    let loft = listing(&app, "973486502034928311").await;
    assert_eq!((&loft["title"], &loft["version"]), (&json!("Light loft"), &json!(2)));
    assert_eq!(loft["amenities"], json!([{ "code": "POOL" }, { "code": "WIFI" }]));
    assert_eq!(loft["reviews"]["totalCount"], 2);
    // The first night lies before the later calendar and keeps what the earlier one said.
    let days = nights(&app, "973486502034928311", "2027-03-01", "2027-03-04").await;
    assert_eq!(shown(&days), [("FREE", 9_500), ("FREE", 9_500), ("BLOCKED_BY_HOST", 9_500)]);
    assert_eq!(listing(&app, "2").await["status"], "PUBLISHED", "it is gone from the source only");
    app.finish().await;
}

#[tokio::test]
async fn a_listing_without_a_price_is_a_draft_until_a_snapshot_has_one() {
    let app = TestApp::new().await;
    let files = Files::new(&app).with("listings.csv", &[LISTINGS, ROOM, &LOFT.replace("\"$1,120.00\"", "$0.00")]);
    let report = import(&app, &files).await;
    assert_eq!(report.count(Outcome::Adjusted, "price"), 2);
    assert_eq!(listing(&app, "2").await["status"], "DRAFT");
    let id = Id::new(Kind::Listing, listing_id(&app, "2").await).to_string();
    let seen = app.gql(&Nobody, "query($id: ID!) { listing(id: $id) { id } }", json!({ "id": id })).await;
    assert_eq!(seen["listing"], Value::Null);

    import(&app, &first_snapshot(&app)).await;
    let room = listing(&app, "2").await;
    assert_eq!((&room["status"], &room["pricing"]["base"]["amount"]), (&json!("PUBLISHED"), &json!(7_000)));

    // A snapshot that has lost the price leaves the one that is known.
    import(&app, &files).await;
    assert_eq!(listing(&app, "2").await, room);
    app.finish().await;
}

#[tokio::test]
async fn bookings_and_what_the_host_has_set_stay_whatever_a_snapshot_says() {
    let app = TestApp::new().await;
    import(&app, &first_snapshot(&app)).await;
    let loft = Id::new(Kind::Listing, listing_id(&app, "973486502034928311").await).to_string();
    let (guest, admin) = (app.guest().await, app.admin().await);
    app.book(&guest, &loft, "2027-04-01", "2027-04-03").await;
    let changes = json!([
        { "from": "2027-04-05", "to": "2027-04-06", "blocked": true },
        { "from": "2027-04-06", "to": "2027-04-07", "price": 5_000 },
    ]);
    app.must(&admin, "listingCalendarUpdate", json!({ "id": loft, "changes": changes }), "days { date }").await;

    let calendar: String = (1..8).map(|day| format!("973486502034928311,2027-04-0{day},f,$800.00,,2,30\n")).collect();
    let again = first_snapshot(&app).with("calendar.csv", &[CALENDAR, &calendar]);
    let report = import(&app, &again).await;
    // Of seven nights two are booked and one is blocked by the host; of seven prices one is the host's.
    assert_eq!((report.blocked, report.special, report.kept), (4, 6, 2));
    assert_eq!(report.count(Outcome::Skipped, "date"), 2);
    let days = nights(&app, "973486502034928311", "2027-04-01", "2027-04-07").await;
    let blocked = "BLOCKED_BY_HOST";
    let expected = [
        ("BOOKED", 80_000),
        ("BOOKED", 80_000),
        (blocked, 80_000),
        (blocked, 80_000),
        (blocked, 80_000),
        (blocked, 5_000),
    ];
    assert_eq!(shown(&days), expected);

    // A later calendar on which all is free opens what imports have closed, and nothing else.
    let calendar = calendar.replace(",f,", ",t,");
    import(&app, &first_snapshot(&app).with("calendar.csv", &[CALENDAR, &calendar])).await;
    let days = nights(&app, "973486502034928311", "2027-04-01", "2027-04-08").await;
    let states: Vec<_> = days.iter().map(|(state, _)| state.as_str()).collect();
    assert_eq!(states, ["BOOKED", "BOOKED", "FREE", "FREE", blocked, "FREE", "FREE"]);
    app.finish().await;
}

#[tokio::test]
async fn a_summary_takes_nothing_away_from_what_is_known() {
    let app = TestApp::new().await;
    import(&app, &first_snapshot(&app)).await;
    let row = "973486502034928311,New name,7,Ann,West,Riverside,42.65,-73.76,Entire home/apt,99,3,20,,,1,5\n";
    let other = "5,\"Sunny 3BR\",9,,West,Riverside,42.65,-73.76,Private room,40,1,0,,,1,5\n";
    let report = import(&app, &Files::new(&app).with("AB_2027.csv", &[SUMMARY, row, other])).await;
    assert_eq!((report.listings.new, report.listings.changed, report.gone), (1, 1, 1));
    let loft = listing(&app, "973486502034928311").await;
    assert_eq!((&loft["title"], &loft["pricing"]["base"]["amount"]), (&json!("New name"), &json!(9_900)));
    assert_eq!((&loft["capacity"], &loft["bathrooms"]), (&json!(4), &json!(1.5)));
    assert_eq!((&loft["description"], &loft["rating"]["count"]), (&json!("Big.\nBright."), &json!(20)));
    assert_eq!(loft["amenities"], json!([{ "code": "WIFI" }]));
    let sunny = listing(&app, "5").await;
    assert_eq!((&sunny["bedrooms"], &sunny["beds"], &sunny["capacity"]), (&json!(3), &json!(3), &json!(2)));
    assert_eq!(sunny["description"], "A private room in Riverside, West, Albany.");
    app.finish().await;
}

#[tokio::test]
async fn a_listing_that_was_deleted_here_stays_so() {
    let app = TestApp::new().await;
    let files = first_snapshot(&app);
    import(&app, &files).await;
    let room = Id::new(Kind::Listing, listing_id(&app, "2").await).to_string();
    app.must(&app.admin().await, "listingDelete", json!({ "id": room }), "deletedId").await;
    let report = import(&app, &files).await;
    assert_eq!((report.listings.unchanged, report.count(Outcome::Skipped, "id")), (1, 1));
    let status: String = app.value("SELECT status FROM listing WHERE id = $1", [key(&room).into()]).await;
    assert_eq!(status, "DELETED");
    app.finish().await;
}

/// A real snapshot without its calendar, which is for release builds; nothing where there are none.
fn real(app: &TestApp, folder: &str) -> Option<Files> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let data = std::env::var_os("ROOST_TEST_DATA").map_or(beside, PathBuf::from).join(folder);
    data.is_dir().then(|| {
        let files = Files::new(app);
        for name in ["listings.csv.gz", "reviews.csv.gz"] {
            fs::copy(data.join(name), files.0.join(name)).unwrap();
        }
        files
    })
}

#[tokio::test]
async fn two_real_snapshots_of_one_city_follow_each_other() {
    let app = TestApp::new().await;
    if let (Some(earlier), Some(later)) = (real(&app, "albany-2024-11"), real(&app, "albany-2025-10")) {
        let report = import(&app, &earlier).await;
        assert_eq!((report.listings.new, report.reviews.new), (421, 25_313));
        let report = import(&app, &later).await;
        assert_eq!((report.listings.new, report.listings.changed, report.gone), (150, 282, 110));
        assert_eq!((report.reviews.new, report.reviews.unchanged), (6_540, 21_324));
        assert_eq!(app.count("listing", []).await, 571);
    }
    app.finish().await;
}
