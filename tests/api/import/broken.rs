//! Snapshots with invalid rows or files.

use std::fs;

use roost::import::{ImportError, Options, Overrides, Silent, run};

use super::{Files, LISTINGS, LOFT, REVIEWS, ROOM, first_snapshot, import, rows};
use crate::harness::TestApp;

#[tokio::test]
async fn invalid_rows_are_reported_one_by_one_and_do_not_stop_the_import() {
    let app = TestApp::new().await;
    let files = first_snapshot(&app)
        .with(
            "listings.csv",
            &[
                LISTINGS,
                &LOFT.replace("Entire home/apt", "Cave"),
                "1,2,3\n",
                &LOFT.replace("973486502034928311", "6.6E+17"),
                ROOM,
            ],
        )
        .with("reviews.csv", &[REVIEWS, "2,1,yesterday,50,Cy,Good\n2,2,2024-01-01,50,Cy,Good\n"]);
    let report_file = files.0.join("report.csv");
    let options = Options { report: Some(report_file.clone()), ..files.options() };
    let report = run(&app.app, options, Silent).await.unwrap();
    assert_eq!((report.listings.new, report.reviews.new), (1, 1));
    assert_eq!((report.counts.listings, report.counts.reviews), (4, 2));
    let written = fs::read_to_string(report_file).unwrap();
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(lines[0], "file,record,line,id,field,outcome,reason,value");
    for line in [
        "listings.csv,1,2,973486502034928311,room_type,skipped,is not a known room type,Cave",
        "listings.csv,2,3,1,record,skipped,has a different number of fields than the header,\"3 fields, 24 columns\"",
        "listings.csv,3,4,6.6E+17,id,skipped,is not a whole number above 0,6.6E+17",
        "reviews.csv,1,2,1,date,skipped,is not a date,yesterday",
    ] {
        assert!(lines.contains(&line), "{line} is not in\n{written}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_missing_file_or_a_wrong_header_stops_before_anything_is_written() {
    let app = TestApp::new().await;
    let empty = Files::new(&app);
    let wrong =
        first_snapshot(&app).with("calendar.csv", &["listing_id,date,price\n"]).with("reviews.csv", &["id,date\n"]);
    let nowhere = Files::new(&app).with("listings.csv", &[LISTINGS, &LOFT.replace("42.65,-73.76", "0.5,-30.5")]);
    let damaged = Files::new(&app).with("listings.csv.gz", &["no gzip at all"]);
    for (files, message) in [
        (&empty, "contains neither listings.csv nor listings.csv.gz"),
        (
            &wrong,
            "the header of reviews.csv does not have the columns listing_id, reviewer_id, comments; \
             the header of calendar.csv does not have the columns available, minimum_nights",
        ),
        (&nowhere, "no known city is within 150 km of 0.500, -30.500; use --city and --country and --time-zone"),
        (&damaged, "listings.csv.gz is damaged after record 0"),
    ] {
        let error = run(&app.app, files.options(), Silent).await.unwrap_err();
        assert!(matches!(error, ImportError::Open(_)), "{error:?}");
        assert!(error.to_string().contains(message), "{error}");
    }
    assert_eq!(rows(&app).await, [0; 7]);
    app.finish().await;
}

#[tokio::test]
async fn one_city_has_one_currency() {
    let app = TestApp::new().await;
    let files = first_snapshot(&app);
    import(&app, &files).await;
    let before = rows(&app).await;
    let in_euros = Overrides { currency: "EUR".parse().ok(), ..Overrides::default() };
    let options = Options { overrides: in_euros, ..files.options() };
    let error = run(&app.app, options, Silent).await.unwrap_err();
    assert!(error.to_string().contains("--currency USD"), "{error}");
    assert_eq!(rows(&app).await, before);
    app.finish().await;
}
