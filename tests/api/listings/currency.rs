//! The currency of a listing: it never changes under amounts.

use serde_json::{Value, json};

use super::update;
use crate::harness::TestApp;
use crate::scenarios::{merge, money, prices_in, usd};

#[tokio::test]
async fn the_currency_of_a_draft_changes_only_with_all_its_amounts() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.draft_listing(&host, json!({})).await;
    let currency_alone = json!({ "pricing": { "currency": "JPY" } });
    assert_eq!(
        update(&app, &host, &listing, 1, currency_alone).await,
        ["base", "weekend", "cleaningFee", "extraGuestFee"].map(|name| format!("REQUIRED listing.pricing.{name}"))
    );
    let old_amount = json!({ "pricing": { "currency": "JPY", "base": money(9_000, "JPY"), "weekend": usd(15_000),
        "cleaningFee": money(3_000, "XXX"), "extraGuestFee": null } });
    assert_eq!(
        update(&app, &host, &listing, 1, old_amount).await,
        ["INVALID listing.pricing.cleaningFee.currency", "CURRENCY_MISMATCH listing.pricing.weekend.currency"]
    );
    let all = json!({ "pricing": { "currency": "JPY", "base": money(9_000, "JPY"), "weekend": null,
        "cleaningFee": money(3_000, "JPY"), "extraGuestFee": null } });
    assert_eq!(update(&app, &host, &listing, 1, all).await, [""; 0]);
    let query = "query($id: ID!) { listing(id: $id) { pricing { currency base { amount currency decimal } \
                 weekend { amount } cleaningFee { decimal } extraGuestFee { amount } } } }";
    let data = app.gql(&host, query, json!({ "id": listing })).await;
    let expected = json!({ "currency": "JPY", "base": { "amount": 9_000, "currency": "JPY", "decimal": "9000" },
        "weekend": null, "cleaningFee": { "decimal": "3000" }, "extraGuestFee": null });
    assert_eq!(data["listing"]["pricing"], expected);
    app.finish().await;
}

#[tokio::test]
async fn amounts_in_another_currency_are_refused() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    for name in ["base", "weekend", "cleaningFee", "petFee", "extraGuestFee"] {
        let codes = update(&app, &host, &listing, 2, json!({ "pricing": { name: money(5_000, "EUR") } })).await;
        assert_eq!(codes, [format!("CURRENCY_MISMATCH listing.pricing.{name}.currency")]);
    }
    let given = json!({ "listing": { "pricing": { "base": money(5_000, "EUR") } } });
    let refused = ["CURRENCY_MISMATCH listing.pricing.base.currency"];
    assert_eq!(app.errors(&host, "listingCreate", given).await, refused, "the preferred currency of the host is USD");
    let changes = json!([
        { "from": "2027-03-01", "to": "2027-03-02", "price": usd(5_000) },
        { "from": "2027-03-02", "to": "2027-03-03", "price": money(5_000, "EUR") },
    ]);
    let codes = app.errors(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": changes })).await;
    assert_eq!(codes, ["CURRENCY_MISMATCH changes.1.price.currency"]);
    assert_eq!(app.count("night", []).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn the_currency_cannot_change_after_publication_or_while_other_amounts_are_in_it() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let published = app.published_listing(&host, json!({})).await;
    let refused = ["STATE_CONFLICT listing.pricing.currency"];
    assert_eq!(update(&app, &host, &published, 2, prices_in_yen()).await, refused);
    assert_eq!(update(&app, &host, &published, 2, json!({ "pricing": { "currency": "USD" } })).await, [""; 0]);

    let listing = app.draft_listing(&host, json!({})).await;
    let night = |price: Value| {
        let change = json!({ "from": "2027-03-01", "to": "2027-03-02", "price": price });
        json!({ "id": listing, "changes": [change] })
    };
    app.mutate_ok(&host, "listingCalendarUpdate", night(usd(20_000)), "__typename").await;
    assert_eq!(update(&app, &host, &listing, 1, prices_in_yen()).await, refused);
    app.mutate_ok(&host, "listingCalendarUpdate", night(Value::Null), "__typename").await;

    let season = json!([{ "id": "00000000-0000-0000-0000-000000000001", "name": "Summer", "from": "2027-07-01",
        "to": "2027-09-01", "nightly": 18_000, "min_nights": null, "priority": 0 }]);
    let set_seasons = |seasons: Value| {
        let values = [seasons.into(), crate::scenarios::uuid_of(&listing).into()];
        app.execute("UPDATE listing SET seasons = $1 WHERE id = $2", values)
    };
    set_seasons(season).await;
    assert_eq!(update(&app, &host, &listing, 1, prices_in_yen()).await, refused);
    set_seasons(json!([])).await;
    assert_eq!(update(&app, &host, &listing, 1, prices_in_yen()).await, [""; 0]);
    app.finish().await;
}

/// All prices of the place of the vectors, in yen.
fn prices_in_yen() -> Value {
    let amounts = json!({ "pricing": { "base": { "amount": 9_000 }, "weekend": { "amount": 9_500 },
        "cleaningFee": { "amount": 3_000 }, "extraGuestFee": { "amount": 1_000 } } });
    merge(prices_in("JPY"), amounts)
}

#[tokio::test]
async fn a_new_currency_and_a_price_in_the_old_one_never_combine() {
    let app = TestApp::new().await;
    let host = app.host().await;
    for _ in 0..8 {
        let listing = app.draft_listing(&host, json!({})).await;
        let price = json!([{ "from": "2027-03-01", "to": "2027-03-02", "price": usd(20_000) }]);
        let given = json!({ "id": listing, "changes": price });
        let priced = app.mutate(&host, "listingCalendarUpdate", given, "__typename");
        let (changed, priced) = tokio::join!(update(&app, &host, &listing, 1, prices_in_yen()), priced);
        let priced = crate::client::error_codes(priced["userErrors"].as_array().unwrap());
        let refused = [changed, priced].concat();
        let (first, second) = ("STATE_CONFLICT listing.pricing.currency", "CURRENCY_MISMATCH changes.0.price.currency");
        assert!(refused == [first] || refused == [second], "one of the two is refused: {refused:?}");
    }
    app.finish().await;
}
