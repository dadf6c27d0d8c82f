//! One scenario from registration to reviews, with HTTP requests only.

use serde_json::{Value, json};

use crate::client::{Anonymous, error_codes};
use crate::harness::TestApp;
use crate::scenarios::{BOOKING, merge, new_york, number, stay, text};

/// Registers a user and returns the credentials.
async fn register(app: &TestApp, name: &str) -> Value {
    let user = json!({ "email": format!("{name}@example.com"), "password": "correct horse battery",
        "displayName": name });
    app.mutate_ok(&Anonymous, "userRegister", json!({ "user": user.clone() }), "__typename").await;
    json!({ "email": user["email"], "password": user["password"] })
}

/// Signs in and returns an access token, which is valid for 15 minutes.
async fn sign_in(app: &TestApp, credentials: &Value) -> String {
    let payload = app.mutate_ok(&Anonymous, "sessionCreate", credentials.clone(), "tokens { accessToken }").await;
    text(&payload, "/tokens/accessToken")
}

#[tokio::test]
async fn a_guest_finds_books_pays_stays_and_reviews_while_a_competing_booking_is_refused() {
    let app = TestApp::new().await;

    // A host registers, and creates and publishes a listing.
    let hana = register(&app, "hana").await;
    let host = sign_in(&app, &hana).await;
    app.mutate_ok(host.as_str(), "userBecomeHost", json!({}), "__typename").await;
    let place = merge(new_york(), json!({ "cancellationPolicy": "MODERATE" }));
    let draft =
        app.mutate_ok(host.as_str(), "listingCreate", json!({ "listing": place }), "listing { id version }").await;
    let listing = text(&draft, "/listing/id");
    app.set_taxes(&listing).await;
    app.mutate_ok(host.as_str(), "listingPublish", json!({ "id": listing }), "listing { status }").await;

    // A guest searches, compares the price and gets a quote. Another guest gets a quote for overlapping nights.
    let gil = register(&app, "gil").await;
    let guest = sign_in(&app, &gil).await;
    let rob = register(&app, "rob").await;
    let other_guest = sign_in(&app, &rob).await;
    let three = merge(stay("2027-03-04", "2027-03-08"), json!({ "adults": 3 }));
    let query = "query($stay: StayInput!) { listingSearch(where: { text: \"loft york\", stay: $stay }) { totalCount \
                 edges { node { id } price { total { decimal } } } } }";
    let found = app.gql(guest.as_str(), query, json!({ "stay": three })).await["listingSearch"].take();
    let expected = json!([{ "node": { "id": listing }, "price": { "total": { "decimal": "724.58" } } }]);
    assert_eq!((&found["totalCount"], &found["edges"]), (&json!(1), &expected));
    let quote = app.quote_for(guest.as_str(), &listing, three.clone()).await;
    assert_eq!(quote["price"]["total"]["amount"], 72_458);
    let other_quote = app.quote_for(other_guest.as_str(), &listing, stay("2027-03-06", "2027-03-09")).await;

    // The guest books and pays. The other guest is too late.
    let paid = json!({ "quoteToken": quote["token"], "booking": { "paymentMethodToken": "ok" } });
    let booking = app.mutate_ok(guest.as_str(), "bookingCreate", paid, BOOKING).await["booking"].take();
    assert_eq!((&booking["state"], number(&booking, "/payment/captured/amount")), (&json!("CONFIRMED"), 72_458));
    let late = json!({ "quoteToken": other_quote["token"], "booking": { "paymentMethodToken": "ok" } });
    let errors = app.user_errors(other_guest.as_str(), "bookingCreate", late).await;
    assert_eq!(error_codes(&errors), ["NIGHTS_UNAVAILABLE quoteToken"]);
    let nights = json!([{ "date": "2027-03-06", "state": "BOOKED" }, { "date": "2027-03-07", "state": "BOOKED" }]);
    assert_eq!(errors[0]["nights"], nights);

    // The other guest books other nights.
    let other = merge(stay("2027-03-11", "2027-03-15"), json!({ "adults": 3 }));
    let quote = app.quote_for(other_guest.as_str(), &listing, other).await;
    let paid = json!({ "quoteToken": quote["token"], "booking": { "paymentMethodToken": "ok" } });
    let second = app.mutate_ok(other_guest.as_str(), "bookingCreate", paid, BOOKING).await["booking"].take();
    assert_eq!(number(&second, "/price/total/amount"), 72_458);

    // In March, the guest is checked in by a job, and the host checks the guest out.
    app.set("2027-03-04T20:30:00Z");
    app.drain().await;
    let guest = sign_in(&app, &gil).await;
    let query = "query($id: ID!) { booking(id: $id) { state availableActions } }";
    let seen = app.gql(guest.as_str(), query, json!({ "id": booking["id"] })).await;
    assert_eq!(
        seen["booking"],
        json!({ "state": "CHECKED_IN", "availableActions": ["CANCEL", "REQUEST_ALTERATION", "CHECK_OUT"] })
    );
    app.set("2027-03-08T14:00:00Z");
    let host = sign_in(&app, &hana).await;
    let left = app.mutate_ok(host.as_str(), "bookingCheckOut", json!({ "id": booking["id"] }), BOOKING).await;
    assert_eq!(left["booking"]["state"], "COMPLETED");

    // The other guest cancels two days before check-in. The policy refunds 284.45 of 724.58, as shown before.
    app.set("2027-03-09T19:00:00Z");
    let other_guest = sign_in(&app, &rob).await;
    let query = "query($id: ID!) { booking(id: $id) { cancellationPreview { refund { amount currency } } } }";
    let shown = app.gql(other_guest.as_str(), query, json!({ "id": second["id"] })).await;
    assert_eq!(shown["booking"]["cancellationPreview"]["refund"], json!({ "amount": 28_445, "currency": "USD" }));
    let given = json!({ "id": second["id"], "expectedRefund": shown["booking"]["cancellationPreview"]["refund"] });
    let selection = "booking { state payment { refunded { amount } } } refund { amount { decimal } state }";
    let cancelled = app.mutate_ok(other_guest.as_str(), "bookingCancel", given, selection).await;
    let refunded = json!({ "state": "CANCELLED_BY_GUEST", "payment": { "refunded": { "amount": 28_445 } } });
    assert_eq!(cancelled["booking"], refunded);
    assert_eq!(cancelled["refund"], json!({ "amount": { "decimal": "284.45" }, "state": "SUCCEEDED" }));

    // Both write reviews. The reviews are published when both exist.
    let (host, guest) = (sign_in(&app, &hana).await, sign_in(&app, &gil).await);
    let review = json!({ "bookingId": booking["id"], "review": { "overall": 5, "text": "We will come again." } });
    let hidden = app.mutate_ok(guest.as_str(), "reviewSubmit", review, "review { publishedAt }").await;
    assert_eq!(hidden["review"]["publishedAt"], Value::Null);
    let review = json!({ "bookingId": booking["id"],
        "review": { "overall": 5, "text": "Welcome any time.", "wouldHostAgain": true } });
    let shown = app.mutate_ok(host.as_str(), "reviewSubmit", review, "review { publishedAt }").await;
    assert_eq!(shown["review"]["publishedAt"], "2027-03-09T19:00:00.000Z");
    let query = "query($id: ID!) { listing(id: $id) { rating { count } reviews { nodes { text author \
                 { displayName } } } } }";
    let seen = app.gql(&Anonymous, query, json!({ "id": listing })).await;
    let reviews = json!({ "nodes": [{ "text": "We will come again.", "author": { "displayName": "gil" } }] });
    assert_eq!(seen["listing"], json!({ "rating": { "count": 1 }, "reviews": reviews }));
    app.finish().await;
}
