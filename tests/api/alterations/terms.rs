//! The terms of an alteration: what it costs, how it can be cancelled, and that nobody can book them as a quote.

use serde_json::{Value, json};

use super::book_trip;
use crate::client::Anonymous;
use crate::harness::TestApp;
use crate::scenarios::{stay, text, uuid_of};

/// What the two sides read before they agree to an alteration.
const TERMS: &str = "query($id: ID!) { booking(id: $id) { cancellationSchedule { until refund { amount } } \
    alterations(first: 1) { totalCount nodes { price { total { amount currency } } priceDifference { amount } \
    cancellationPolicy cancellationSchedule { until refund { amount currency } } } } } }";

#[tokio::test]
async fn both_sides_see_the_terms_of_an_alteration() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-05")).await;
    let mut seen = Vec::new();
    for who in [&trip.guest, &trip.host, &trip.staff] {
        let data = app.gql(who, TERMS, json!({ "id": trip.booking["id"] })).await;
        let terms = &data["booking"]["alterations"]["nodes"][0];
        assert_eq!(terms["price"]["total"], json!({ "amount": 40_000, "currency": "USD" }));
        assert_eq!(terms["priceDifference"]["amount"], 20_000);
        assert_eq!(terms["cancellationPolicy"], "FLEXIBLE");
        assert_eq!(terms["cancellationSchedule"][0]["refund"], json!({ "amount": 40_000, "currency": "USD" }));
        seen.push(terms["cancellationSchedule"].clone());
    }
    assert!(seen.iter().all(|schedule| *schedule == seen[0]));
    app.respond_ok(&trip.host, &change, true, None).await;
    let data = app.gql(&trip.guest, TERMS, json!({ "id": trip.booking["id"] })).await;
    let now_agreed = data["booking"]["cancellationSchedule"].as_array().unwrap();
    let promised = seen[0].as_array().unwrap();
    assert_eq!(now_agreed.len(), promised.len());
    for (agreed, promised) in now_agreed.iter().zip(promised) {
        assert_eq!(
            (&agreed["until"], &agreed["refund"]["amount"]),
            (&promised["until"], &promised["refund"]["amount"])
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn an_alteration_to_a_long_stay_has_the_policy_for_long_stays() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-31")).await;
    let data = app.gql(&trip.host, TERMS, json!({ "id": trip.booking["id"] })).await;
    let terms = &data["booking"]["alterations"]["nodes"][0];
    assert!(text(terms, "/cancellationPolicy").contains("LONG_TERM"), "{terms:#}");
    app.finish().await;
}

#[tokio::test]
async fn the_quote_of_an_alteration_cannot_be_booked() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    // The request is for entirely different nights, and the host has not accepted it.
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-10", "2027-03-11")).await;
    // No response has the token of this quote, so the test signs it as the server would.
    let sql = "SELECT quote FROM booking_alteration WHERE id = $1";
    let quote: Value = app.value(sql, [uuid_of(&text(&change, "/id")).into()]).await;
    let token = app.app.keys.sign_quote(&quote).unwrap();
    let given = json!({ "quoteToken": token, "booking": { "paymentMethodToken": "ok" } });
    assert_eq!(app.errors(&trip.guest, "bookingCreate", given.clone()).await, ["QUOTE_CONSUMED quoteToken"]);
    app.respond_ok(&trip.host, &change, true, None).await;
    assert_eq!(app.errors(&trip.guest, "bookingCreate", given).await, ["QUOTE_CONSUMED quoteToken"]);
    app.finish().await;
}

#[tokio::test]
async fn a_signed_quote_is_returned_only_to_the_guest_who_asked_for_it() {
    let app = TestApp::new().await;
    let query = "{ __schema { types { name fields { name type { name ofType { name ofType { name } } } } } } }";
    let data = app.gql(&Anonymous, query, json!({})).await;
    let mut places = Vec::new();
    for kind in data["__schema"]["types"].as_array().unwrap() {
        for field in kind["fields"].as_array().into_iter().flatten() {
            let is_quote = ["/type/name", "/type/ofType/name", "/type/ofType/ofType/name"]
                .iter()
                .any(|path| field.pointer(path).is_some_and(|name| name == "Quote"));
            if is_quote {
                places.push(format!("{}.{}", text(kind, "/name"), text(field, "/name")));
            }
        }
    }
    places.sort();
    assert_eq!(places, ["Query.quote", "QuoteCreatePayload.quote", "QuoteStaleError.quote"]);
    app.finish().await;
}
