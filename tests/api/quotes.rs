//! Quotes: prices, checks of stays, and the guarantees of a quote.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::client::error_codes;
use crate::harness::{Person, TestApp};
use crate::scenarios::{merge, money, number, stay, text, usd};

const PRICE: &str = "price { nights nightlyAverage { amount } subtotal { amount } discounts { amount } \
    guestServiceFee { amount } taxes { amount } total { amount currency decimal } hostServiceFee { amount } \
    hostPayout { amount } lines { kind quantity unit { amount } total { amount } } }";

async fn quote_with_price(app: &TestApp, guest: &Person, given: Value) -> Value {
    app.mutate_ok(guest, "quoteCreate", given, &format!("quote {{ token policy {PRICE} }}")).await["quote"].take()
}

/// Subtotal, guest fee, taxes and total of a quote.
fn parts(quote: &Value) -> [i64; 4] {
    ["subtotal", "guestServiceFee", "taxes", "total"].map(|part| number(quote, &format!("/price/{part}/amount")))
}

fn three_adults() -> Value {
    merge(stay("2027-03-04", "2027-03-08"), json!({ "adults": 3 }))
}

#[tokio::test]
async fn the_first_vector_is_priced_line_by_line() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.draft_listing(&host, json!({})).await;
    app.set_taxes(&listing).await;
    app.mutate_ok(&host, "listingPublish", json!({ "id": listing }), "__typename").await;
    let quote = quote_with_price(&app, &guest, json!({ "listingId": listing, "stay": three_adults() })).await;
    assert_eq!(parts(&quote), [66_000, 0, 6_458, 72_458]);
    assert_eq!(quote["price"]["total"], json!({ "amount": 72_458, "currency": "USD", "decimal": "724.58" }));
    assert_eq!(quote["price"]["nightlyAverage"]["amount"], 13_500);
    let lines: Vec<_> = quote["price"]["lines"].as_array().unwrap().iter().collect();
    let line = |line: &&Value| {
        (text(line, "/kind"), number(line, "/quantity"), number(line, "/unit/amount"), number(line, "/total/amount"))
    };
    let line_of = |kind: &str, quantity, unit, total| (kind.to_owned(), quantity, unit, total);
    let expected = [
        line_of("NIGHT", 1, 12_000, 12_000),
        line_of("NIGHT", 1, 15_000, 15_000),
        line_of("NIGHT", 1, 15_000, 15_000),
        line_of("NIGHT", 1, 12_000, 12_000),
        line_of("EXTRA_GUEST", 4, 1_500, 6_000),
        line_of("CLEANING", 1, 6_000, 6_000),
        line_of("TAX", 1, 5_858, 5_858),
        line_of("TAX", 4, 150, 600),
    ];
    assert_eq!(lines.iter().map(line).collect::<Vec<_>>(), expected);
    assert_eq!(quote["price"]["hostPayout"], Value::Null, "guests do not see the host's payout");
    assert_eq!(quote["price"]["hostServiceFee"], Value::Null);

    app.book_quote(&guest, &text(&quote, "/token"), "ok").await;
    let query = format!("{{ viewer {{ reservations {{ nodes {{ {PRICE} }} }} }} }}");
    let data = app.gql(&host, &query, json!({})).await;
    let price = &data["viewer"]["reservations"]["nodes"][0]["price"];
    assert_eq!((number(price, "/hostPayout/amount"), number(price, "/hostServiceFee/amount")), (55_770, 10_230));
    app.finish().await;
}

#[tokio::test]
async fn the_second_vector_splits_the_fee_between_both() {
    let app = TestApp::with(&["--guest-fee-ppm=141000", "--host-fee-ppm=30000"]).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.draft_listing(&host, json!({})).await;
    app.set_taxes(&listing).await;
    app.mutate_ok(&host, "listingPublish", json!({ "id": listing }), "__typename").await;
    let quote = quote_with_price(&app, &guest, json!({ "listingId": listing, "stay": three_adults() })).await;
    assert_eq!(parts(&quote), [66_000, 9_306, 6_458, 81_764]);
    app.finish().await;
}

#[tokio::test]
async fn the_third_vector_takes_a_week_off_the_prices_of_single_nights() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.draft_listing(&host, json!({})).await;
    app.set_taxes(&listing).await;
    app.mutate_ok(&host, "listingPublish", json!({ "id": listing }), "__typename").await;
    let changes = json!([
        { "from": "2027-07-01", "to": "2027-09-01", "price": usd(18_000) },
        { "from": "2027-07-04", "to": "2027-07-05", "price": usd(30_000) },
    ]);
    app.mutate_ok(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": changes }), "__typename").await;
    let given = json!({ "listingId": listing, "stay": stay("2027-07-01", "2027-07-08") });
    let quote = quote_with_price(&app, &guest, given).await;
    assert_eq!(parts(&quote), [130_200, 0, 12_605, 142_805]);
    assert_eq!(number(&quote, "/price/discounts/amount").abs(), 13_800);
    app.finish().await;
}

#[tokio::test]
async fn the_fourth_vector_is_cheaper_and_non_refundable() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.draft_listing(&host, json!({ "pricing": { "nonRefundableDiscount": 100_000 } })).await;
    app.set_taxes(&listing).await;
    app.mutate_ok(&host, "listingPublish", json!({ "id": listing }), "__typename").await;
    let given = json!({ "listingId": listing, "stay": three_adults(), "nonRefundable": true });
    let quote = quote_with_price(&app, &guest, given).await;
    assert_eq!(parts(&quote), [60_600, 0, 5_978, 66_578]);
    assert_eq!(quote["policy"], "NON_REFUNDABLE");
    let plain = app.published_listing(&host, json!({})).await;
    let given = json!({ "listingId": plain, "stay": three_adults(), "nonRefundable": true });
    assert_eq!(app.errors(&guest, "quoteCreate", given).await, ["INVALID nonRefundable"]);
    app.finish().await;
}

#[tokio::test]
async fn the_fifth_vector_is_in_yen_and_has_no_decimals() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let pricing = json!({ "currency": "JPY", "base": money(9_999, "JPY"), "weekend": null,
        "cleaningFee": money(3_500, "JPY"),
        "extraGuestFee": null, "lengthOfStay": [{ "minNights": 3, "discount": 150_000 }] });
    let listing = app.draft_listing(&host, json!({ "pricing": pricing, "timeZone": "Asia/Tokyo" })).await;
    let tax = json!([{ "id": "00000000-0000-0000-0000-000000000001", "name": "Stay tax", "unit": "PER_GUEST_NIGHT",
        "rate": null, "amount": 200, "base": null, "max_nights": null, "exempt_from_nights": null,
        "remitted_by": "HOST" }]);
    app.execute("UPDATE listing SET taxes = $1", [tax.into()]).await;
    app.mutate_ok(&host, "listingPublish", json!({ "id": listing }), "__typename").await;
    let given = json!({ "listingId": listing, "stay": stay("2027-03-01", "2027-03-04") });
    let quote = quote_with_price(&app, &guest, given).await;
    assert_eq!(parts(&quote), [28_997, 0, 1_200, 30_197]);
    assert_eq!(quote["price"]["total"]["decimal"], "30197");
    app.finish().await;
}

#[tokio::test]
async fn a_stay_names_every_rule_it_breaks() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let rules = json!({ "stayRules": { "minNights": 3, "advanceNoticeDays": 90, "checkInDays": ["FRI"],
        "checkOutDays": ["SUN"], "bookingWindowDays": 50 } });
    let listing = app.published_listing(&host, rules).await;
    let block = json!([{ "from": "2027-03-01", "to": "2027-03-02", "blocked": true }]);
    app.mutate_ok(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": block }), "__typename").await;
    let query = "query($id: ID!, $stay: StayInput!) { listing(id: $id) { stay(input: $stay) { bookable \
                 violations { rule limit nights { date state } } } } }";
    let input = merge(stay("2027-03-01", "2027-03-03"), json!({ "adults": 9, "pets": 1 }));
    let data = app.gql(&guest, query, json!({ "id": listing, "stay": input })).await;
    let violations = data["listing"]["stay"]["violations"].as_array().unwrap();
    let rules: Vec<(&str, Option<i64>)> =
        violations.iter().map(|found| (found["rule"].as_str().unwrap(), found["limit"].as_i64())).collect();
    let expected = [
        ("ADVANCE_NOTICE", Some(90)),
        ("BOOKING_WINDOW", Some(50)),
        ("CHECK_IN_DAY", None),
        ("CHECK_OUT_DAY", None),
        ("MIN_NIGHTS", Some(3)),
        ("CAPACITY", Some(4)),
        ("PETS", Some(0)),
        ("NIGHTS_TAKEN", None),
    ];
    assert_eq!(rules, expected);
    assert_eq!(violations[7]["nights"], json!([{ "date": "2027-03-01", "state": "BLOCKED_BY_HOST" }]));
    let given = json!({ "listingId": listing, "stay": input });
    let refused = app.errors(&guest, "quoteCreate", given).await;
    assert_eq!(refused[..7], ["STAY_RULE_VIOLATED stay"; 7].map(str::to_owned));
    assert_eq!(refused[7], "NIGHTS_UNAVAILABLE stay");
    app.finish().await;
}

#[tokio::test]
async fn invalid_dates_the_past_and_the_own_listing_are_violations() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let query = "query($id: ID!, $stay: StayInput!) { listing(id: $id) { stay(input: $stay) { bookable \
                 violations { rule } price { total { amount } } } } }";
    let rules = async |who: &Person, check_in: &str, check_out: &str| {
        let data = app.gql(who, query, json!({ "id": listing, "stay": stay(check_in, check_out) })).await;
        let violations = data["listing"]["stay"]["violations"].as_array().unwrap().clone();
        violations.iter().map(|violation| text(violation, "/rule")).collect::<Vec<_>>()
    };
    assert_eq!(rules(&guest, "2027-03-03", "2027-03-03").await, ["DATES_INVALID"]);
    assert_eq!(rules(&guest, "2027-03-03", "2027-03-01").await, ["DATES_INVALID"]);
    assert_eq!(rules(&guest, "2027-01-04", "2027-01-06").await, ["IN_THE_PAST"]);
    assert_eq!(rules(&host, "2027-03-03", "2027-03-04").await, ["OWN_LISTING"]);
    assert_eq!(rules(&guest, "2027-03-03", "2027-03-04").await, [""; 0]);
    let draft = app.draft_listing(&host, json!({})).await;
    let data = app.gql(&host, query, json!({ "id": draft, "stay": stay("2027-03-03", "2027-03-04") })).await;
    let expected = json!([{ "rule": "LISTING_NOT_PUBLISHED" }, { "rule": "OWN_LISTING" }]);
    assert_eq!(data["listing"]["stay"]["violations"], expected);
    app.finish().await;
}

#[tokio::test]
async fn an_unavailable_stay_has_available_alternatives() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let block = json!([{ "from": "2027-03-01", "to": "2027-03-06", "blocked": true }]);
    app.mutate_ok(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": block }), "__typename").await;
    let query = "query($id: ID!, $stay: StayInput!) { listing(id: $id) { stay(input: $stay) { \
                 alternatives(first: 2) { checkIn checkOut nights } } } }";
    let data = app.gql(&guest, query, json!({ "id": listing, "stay": stay("2027-03-02", "2027-03-04") })).await;
    let expected = json!([
        { "checkIn": "2027-03-06", "checkOut": "2027-03-08", "nights": 2 },
        { "checkIn": "2027-03-07", "checkOut": "2027-03-09", "nights": 2 },
    ]);
    assert_eq!(data["listing"]["stay"]["alternatives"], expected);
    app.finish().await;
}

#[tokio::test]
async fn a_quoted_price_is_valid_whatever_the_host_changes() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let higher_price = json!({ "pricing": { "base": usd(99_900), "cleaningFee": usd(50_000) }, "cancellationPolicy": "STRICT",
        "stayRules": { "minNights": 5 }, "bookingMode": "REQUEST", "capacity": 1 });
    let given = json!({ "id": listing, "expectedVersion": 2, "listing": higher_price });
    app.mutate_ok(&host, "listingUpdate", given, "__typename").await;
    let booking = app.book_quote(&guest, &quote, "ok").await;
    assert_eq!((booking["state"].clone(), number(&booking, "/price/total/amount")), (json!("CONFIRMED"), 30_000));
    let query = "query($id: ID!) { booking(id: $id) { policy } }";
    let data = app.gql(&guest, query, json!({ "id": booking["id"] })).await;
    assert_eq!(data["booking"]["policy"], "FLEXIBLE");
    app.finish().await;
}

#[tokio::test]
async fn an_expired_quote_gets_a_new_one() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let given = json!({ "id": listing, "expectedVersion": 2, "listing": { "pricing": { "base": usd(13_000) } } });
    app.mutate_ok(&host, "listingUpdate", given, "__typename").await;
    app.advance(TimeDelta::minutes(30));
    let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } });
    let errors = app.user_errors(&guest, "bookingCreate", given).await;
    assert_eq!(error_codes(&errors), ["QUOTE_EXPIRED quoteToken"]);
    assert_eq!(errors[0]["__typename"], "QuoteStaleError");
    let fresh = &errors[0]["quote"];
    assert_eq!(fresh["expiresAt"], "2027-01-05T13:00:00.000Z");
    assert_eq!(number(fresh, "/price/total/amount"), 32_000);
    assert_eq!(app.count("booking", []).await, 0);
    let booking = app.book_quote(&guest, &text(fresh, "/token"), "ok").await;
    assert_eq!(number(&booking, "/price/total/amount"), 32_000);
    app.finish().await;
}

#[tokio::test]
async fn a_quote_is_booked_once() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let query = "query($token: String!) { quote(token: $token) { consumed stay { nights } guests { adults } \
                 mode issuedAt expiresAt cancellationSchedule { until refund { amount } } } }";
    let seen = app.gql(&guest, query, json!({ "token": quote })).await;
    assert_eq!(seen["quote"]["consumed"], false);
    assert_eq!(seen["quote"]["cancellationSchedule"][0]["refund"]["amount"], 30_000);
    let booking = app.book_quote(&guest, &quote, "ok").await;
    assert_eq!(app.gql(&guest, query, json!({ "token": quote })).await["quote"]["consumed"], true);
    let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } });
    assert_eq!(app.errors(&guest, "bookingCreate", given.clone()).await, ["QUOTE_CONSUMED quoteToken"]);
    app.cancel(&guest, &booking).await;
    assert_eq!(app.errors(&guest, "bookingCreate", given).await, ["QUOTE_CONSUMED quoteToken"]);
    assert_eq!(app.count("booking", []).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_changed_or_foreign_quote_is_refused() {
    let app = TestApp::new().await;
    let (host, guest, other) = (app.host().await, app.guest().await, app.guest().await);
    let staff = app.admin().await;
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let (body, tag) = quote.rsplit_once('.').unwrap();
    let (kid, json) = body.split_once('.').unwrap();
    let middle = json.len() / 2;
    let flipped = if &json[middle..=middle] == "A" { "B" } else { "A" };
    let changed = format!("{kid}.{}{flipped}{}.{tag}", &json[..middle], &json[middle + 1..]);
    let of_others = [&other, &host, &staff].map(|who| (who, quote.as_str()));
    let wrong = [changed.as_str(), "nonsense", ""].map(|token| (&guest, token));
    for (who, token) in wrong.into_iter().chain(of_others) {
        let given = json!({ "quoteToken": token, "booking": { "paymentMethodToken": "ok" } });
        assert_eq!(app.errors(who, "bookingCreate", given).await, ["INVALID quoteToken"], "{token}");
        let query = "query($token: String!) { quote(token: $token) { expiresAt } }";
        assert_eq!(app.gql(who, query, json!({ "token": token })).await["quote"], Value::Null);
    }
    app.book_quote(&guest, &quote, "ok").await;
    app.finish().await;
}
