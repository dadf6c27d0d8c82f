//! Imports into a database with data of earlier imports, guests and hosts.

use std::fs;
use std::path::PathBuf;

use roost::import::Outcome;
use roost::kernel::id::{Id, Kind};
use serde_json::{Value, json};

use super::{
    CALENDAR, Files, LISTINGS, LOFT, REVIEWS, ROOM, SUMMARY, first_snapshot, import, listing, listing_id, nights, rows,
    states_and_prices,
};
use crate::client::Anonymous;
use crate::harness::TestApp;
use crate::scenarios::{usd, uuid_of};

#[tokio::test]
async fn importing_the_same_snapshot_twice_changes_nothing() {
    let app = TestApp::new().await;
    let files = first_snapshot(&app);
    import(&app, &files).await;
    let (before, loft) = (rows(&app).await, listing(&app, "973486502034928311").await);
    let report = import(&app, &files).await;
    assert_eq!((report.listings.new, report.listings.changed, report.listings.unchanged), (0, 0, 2));
    assert_eq!((report.reviews.new, report.reviews.changed, report.reviews.unchanged), (0, 0, 2));
    assert_eq!((report.people.new, report.people.changed, report.absent), (0, 0, 0));
    let after = rows(&app).await;
    // The additional user is the admin who read the listing.
    assert_eq!((after[0] - before[0], &after[1..]), (1, &before[1..]));
    assert_eq!(listing(&app, "973486502034928311").await, loft);
    app.finish().await;
}

#[tokio::test]
async fn a_later_snapshot_updates_the_city() {
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
    assert_eq!((report.listings.new, report.listings.changed, report.absent), (1, 1, 1));
    assert_eq!((report.reviews.new, report.reviews.changed, report.people.changed), (1, 1, 1));

    let loft = listing(&app, "973486502034928311").await;
    assert_eq!((&loft["title"], &loft["version"]), (&json!("Light loft"), &json!(2)));
    assert_eq!(loft["amenities"], json!([{ "code": "POOL" }, { "code": "WIFI" }]));
    assert_eq!(loft["reviews"]["totalCount"], 2);
    // The first night is before the later calendar, so its state is that of the earlier calendar.
    let days = nights(&app, "973486502034928311", "2027-03-01", "2027-03-04").await;
    assert_eq!(states_and_prices(&days), [("FREE", 9_500), ("FREE", 9_500), ("BLOCKED_BY_HOST", 9_500)]);
    assert_eq!(
        listing(&app, "2").await["status"],
        "PUBLISHED",
        "a listing that is missing from the source remains published"
    );
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
    let seen = app.gql(&Anonymous, "query($id: ID!) { listing(id: $id) { id } }", json!({ "id": id })).await;
    assert_eq!(seen["listing"], Value::Null);

    import(&app, &first_snapshot(&app)).await;
    let room = listing(&app, "2").await;
    assert_eq!((&room["status"], &room["pricing"]["base"]["amount"]), (&json!("PUBLISHED"), &json!(7_000)));

    // A snapshot without a price does not remove the stored price.
    import(&app, &files).await;
    assert_eq!(listing(&app, "2").await, room);
    app.finish().await;
}

#[tokio::test]
async fn a_snapshot_does_not_overwrite_bookings_and_host_settings() {
    let app = TestApp::new().await;
    import(&app, &first_snapshot(&app)).await;
    let loft = Id::new(Kind::Listing, listing_id(&app, "973486502034928311").await).to_string();
    let (guest, admin) = (app.guest().await, app.admin().await);
    app.book(&guest, &loft, "2027-04-01", "2027-04-03").await;
    let changes = json!([
        { "from": "2027-04-05", "to": "2027-04-06", "blocked": true },
        { "from": "2027-04-06", "to": "2027-04-07", "price": usd(5_000) },
    ]);
    app.mutate_ok(&admin, "listingCalendarUpdate", json!({ "id": loft, "changes": changes }), "days { date }").await;

    let calendar: String = (1..8).map(|day| format!("973486502034928311,2027-04-0{day},f,$800.00,,2,30\n")).collect();
    let second = first_snapshot(&app).with("calendar.csv", &[CALENDAR, &calendar]);
    let report = import(&app, &second).await;
    // Of the seven nights, two are booked and the host has blocked one. Of the seven prices, the host has set one.
    assert_eq!((report.blocked, report.overridden, report.unchanged_nights), (4, 6, 2));
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
    assert_eq!(states_and_prices(&days), expected);

    // A later calendar on which every night is free unblocks only the nights that an import has blocked.
    let calendar = calendar.replace(",f,", ",t,");
    import(&app, &first_snapshot(&app).with("calendar.csv", &[CALENDAR, &calendar])).await;
    let days = nights(&app, "973486502034928311", "2027-04-01", "2027-04-08").await;
    let states: Vec<_> = days.iter().map(|(state, _)| state.as_str()).collect();
    assert_eq!(states, ["BOOKED", "BOOKED", "FREE", "FREE", blocked, "FREE", "FREE"]);
    app.finish().await;
}

#[tokio::test]
async fn a_snapshot_without_details_removes_nothing() {
    let app = TestApp::new().await;
    import(&app, &first_snapshot(&app)).await;
    let row = "973486502034928311,New name,7,Ann,West,Riverside,42.65,-73.76,Entire home/apt,99,3,20,,,1,5\n";
    let other = "5,\"Sunny 3BR\",9,,West,Riverside,42.65,-73.76,Private room,40,1,0,,,1,5\n";
    let report = import(&app, &Files::new(&app).with("AB_2027.csv", &[SUMMARY, row, other])).await;
    assert_eq!((report.listings.new, report.listings.changed, report.absent), (1, 1, 1));
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
async fn a_deleted_listing_is_not_imported_again() {
    let app = TestApp::new().await;
    let files = first_snapshot(&app);
    import(&app, &files).await;
    let room = Id::new(Kind::Listing, listing_id(&app, "2").await).to_string();
    app.mutate_ok(&app.admin().await, "listingDelete", json!({ "id": room }), "deletedId").await;
    let report = import(&app, &files).await;
    assert_eq!((report.listings.unchanged, report.count(Outcome::Skipped, "id")), (1, 1));
    let status: String = app.value("SELECT status FROM listing WHERE id = $1", [uuid_of(&room).into()]).await;
    assert_eq!(status, "DELETED");
    app.finish().await;
}

/// A real snapshot without its calendar, which takes too long in a debug build. `None` if there is no such data.
fn real_snapshot(app: &TestApp, folder: &str) -> Option<Files> {
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
async fn a_later_real_snapshot_of_a_city_updates_the_earlier_one() {
    let app = TestApp::new().await;
    if let (Some(earlier), Some(later)) = (real_snapshot(&app, "albany-2024-11"), real_snapshot(&app, "albany-2025-10"))
    {
        let report = import(&app, &earlier).await;
        assert_eq!((report.listings.new, report.reviews.new), (421, 25_313));
        let report = import(&app, &later).await;
        assert_eq!((report.listings.new, report.listings.changed, report.absent), (150, 282, 110));
        assert_eq!((report.reviews.new, report.reviews.unchanged), (6_540, 21_324));
        assert_eq!(app.count("listing", []).await, 571);
    }
    app.finish().await;
}
