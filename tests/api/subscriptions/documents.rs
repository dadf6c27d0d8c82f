//! Documents of subscriptions: which of them run, and which are refused.

use serde_json::json;

use super::subscriber::{execute, subscribe};
use crate::harness::TestApp;

#[tokio::test]
async fn a_subscription_may_select_its_field_in_fragments_and_twice() {
    let app = TestApp::new().await;
    let guest = app.guest().await;
    for query in [
        "subscription { notificationReceived { id } notificationReceived { kind } }",
        "subscription { ...A ... on Subscription { notificationReceived { kind } } } \
         fragment A on Subscription { notificationReceived { id } }",
        "subscription { ...A ...A } fragment A on Subscription { notificationReceived { id kind } }",
    ] {
        let mut subscription = subscribe(&app.app, &guest, query, json!({})).await;
        let host = app.host().await;
        let listing = app.published_listing(&host, json!({})).await;
        app.book(&guest, &listing, "2027-03-04", "2027-03-08").await;
        let event = subscription.next_event().await;
        assert!(event["id"].is_string() && event["kind"].is_string(), "{query}: {event:#}");
    }
    for query in [
        "subscription { notificationReceived { id } a: notificationReceived { id } }",
        "subscription { notificationReceived { id } ... { a: notificationReceived { id } } }",
        "subscription($a: Boolean!) { notificationReceived @skip(if: $a) { id } }",
        "subscription { __typename }",
    ] {
        let answer = execute(&app.app, &guest, query, json!({ "a": false })).await.response().await.unwrap();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED", "{query}: {answer:#}");
    }
    app.finish().await;
}
