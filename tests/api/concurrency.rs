//! Races: of many concurrent requests for the same thing, one succeeds and the others get a typed error.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::client::{error_codes, fresh_key, graphql_request, send, send_crowd};
use crate::harness::{Person, TestApp};
use crate::scenarios::stay;

/// Sends several mutations of one booking concurrently. Returns the error codes of each, in the given order.
async fn race(app: &TestApp, steps: &[(&Person, &str)], booking: &Value) -> Vec<Vec<String>> {
    let tasks = steps.iter().map(|(who, mutation)| {
        let token = crate::client::Caller::token(*who, &app.app);
        let query = format!("mutation($id: ID!) {{ {mutation}(id: $id) {{ userErrors {{ code field }} }} }}");
        let request = graphql_request(token, &query, &json!({ "id": booking["id"] }));
        let (router, mutation) = (app.router.clone(), (*mutation).to_owned());
        tokio::spawn(async move {
            let body = send(&router, request).await.json();
            assert!(body.get("errors").is_none(), "{body:#}");
            error_codes(body["data"][mutation]["userErrors"].as_array().unwrap())
        })
    });
    join_all(tasks.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect()
}

async fn create_request(app: &TestApp) -> (Person, Person, Value) {
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({ "bookingMode": "REQUEST" })).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    (host, guest, booking)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_200_concurrent_bookings_one_gets_the_nights() {
    const GUESTS: u64 = 200;
    let app = TestApp::with_many_connections().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    let first: chrono::NaiveDate = "2027-03-01".parse().unwrap();
    let mut requests = Vec::new();
    for n in 0..GUESTS {
        // Every one of these stays includes the night of 7 March.
        let check_in = first + chrono::Days::new(n % 7);
        let check_out = first + chrono::Days::new(7 + n % 5);
        let guest = app.guest().await;
        let quote = app.quote_for(&guest, &listing, stay(&check_in.to_string(), &check_out.to_string())).await;
        let query = "mutation($token: String!, $key: String!) { bookingCreate(quoteToken: $token, booking: { paymentMethodToken: \
                     \"ok\" }) @idempotent(key: $key) { booking { state } userErrors { code ... on NightsUnavailableError { nights { date } } \
                     } } }";
        let token = crate::client::Caller::token(&guest, &app.app);
        requests.push(graphql_request(token, query, &json!({ "token": quote["token"], "key": fresh_key() })));
    }
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    for answer in send_crowd(&app.router, requests).await {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        assert!(body.get("errors").is_none(), "{body:#}");
        let payload = &body["data"]["bookingCreate"];
        let outcome = match payload["booking"]["state"].as_str() {
            Some(state) => state.to_owned(),
            None => payload["userErrors"][0]["code"].as_str().unwrap().to_owned(),
        };
        *outcomes.entry(outcome).or_default() += 1;
    }
    let expected = [("CONFIRMED".to_owned(), 1), ("NIGHTS_UNAVAILABLE".to_owned(), GUESTS - 1)];
    assert_eq!(outcomes, BTreeMap::from(expected));
    assert_eq!(app.count("booking", []).await, 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_bookings_of_adjacent_nights_all_succeed() {
    let app = TestApp::with_many_connections().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    let mut requests = Vec::new();
    for n in 0..12_u64 {
        let guest = app.guest().await;
        let check_in: chrono::NaiveDate = "2027-03-01".parse().unwrap();
        let check_in = check_in + chrono::Days::new(n * 2);
        let check_out = check_in + chrono::Days::new(2);
        let quote = app.quote_for(&guest, &listing, stay(&check_in.to_string(), &check_out.to_string())).await;
        let query = "mutation($token: String!, $key: String!) { bookingCreate(quoteToken: $token, booking: { paymentMethodToken: \
                     \"ok\" }) @idempotent(key: $key) { booking { state } userErrors { code } } }";
        let token = crate::client::Caller::token(&guest, &app.app);
        requests.push(graphql_request(token, query, &json!({ "token": quote["token"], "key": fresh_key() })));
    }
    let tasks = requests.into_iter().map(|request| {
        let router = app.router.clone();
        tokio::spawn(async move { send(&router, request).await.json() })
    });
    for answer in join_all(tasks.collect::<Vec<_>>()).await {
        assert_eq!(
            answer.unwrap()["data"]["bookingCreate"],
            json!({ "booking": { "state": "CONFIRMED" },
            "userErrors": [] })
        );
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_quote_booked_twice_concurrently_is_one_booking() {
    let app = TestApp::with_many_connections().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let query = "mutation($token: String!, $key: String!) { bookingCreate(quoteToken: $token, booking: { paymentMethodToken: \
                 \"ok\" }) @idempotent(key: $key) { booking { id } userErrors { code } } }";
    let twice = (0..8).map(|_| {
        let token = crate::client::Caller::token(&guest, &app.app);
        let request = graphql_request(token, query, &json!({ "token": quote, "key": fresh_key() }));
        let router = app.router.clone();
        tokio::spawn(async move { send(&router, request).await.json()["data"]["bookingCreate"].take() })
    });
    let mut made = 0;
    for answer in join_all(twice.collect::<Vec<_>>()).await {
        let payload = answer.unwrap();
        if payload["booking"].is_object() {
            made += 1;
        } else {
            let code = payload["userErrors"][0]["code"].as_str().unwrap();
            assert!(["QUOTE_CONSUMED", "NIGHTS_UNAVAILABLE"].contains(&code), "{payload}");
        }
    }
    assert_eq!(made, 1);
    assert_eq!(app.count("booking", []).await, 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_concurrent_accepts_charge_the_guest_once() {
    let app = TestApp::with_many_connections().await;
    for _ in 0..5 {
        let (host, guest, booking) = create_request(&app).await;
        let mut codes = race(&app, &[(&host, "bookingAccept"), (&host, "bookingAccept")], &booking).await;
        codes.sort();
        assert_eq!(codes, [vec![], vec!["STATE_CONFLICT id".to_owned()]]);
        let seen = app.booking(&guest, &booking).await;
        assert_eq!((&seen["state"], &seen["payment"]["captured"]["amount"]), (&json!("CONFIRMED"), &json!(30_000)));
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_concurrent_accept_and_withdrawal_succeed_once() {
    let app = TestApp::with_many_connections().await;
    for n in 0..10 {
        let (host, guest, booking) = create_request(&app).await;
        let mut steps = [(&host, "bookingAccept"), (&guest, "bookingWithdraw")];
        if n % 2 == 1 {
            steps.reverse();
        }
        let codes = race(&app, &steps, &booking).await;
        let refused: Vec<_> = codes.iter().filter(|codes| !codes.is_empty()).collect();
        assert_eq!(refused, [&["STATE_CONFLICT id"]], "{codes:?}");
        let winner = steps[usize::from(!codes[0].is_empty())].1;
        let (state, captured) = if winner == "bookingAccept" { ("CONFIRMED", 30_000) } else { ("WITHDRAWN", 0) };
        let seen = app.booking(&guest, &booking).await;
        assert_eq!((&seen["state"], &seen["payment"]["captured"]["amount"]), (&json!(state), &json!(captured)));
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_booking_cancelled_by_both_parties_concurrently_is_refunded_once() {
    let app = TestApp::with_many_connections().await;
    for n in 0..4_u32 {
        let (host, guest) = (app.host().await, app.guest().await);
        let listing = app.published_listing(&host, json!({})).await;
        let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
        let refund = json!({ "amount": 30_000, "currency": "USD" });
        let query = "mutation($id: ID!, $refund: MoneyInput!, $key: String!) { bookingCancel(id: $id, expectedRefund: \
                     $refund) @idempotent(key: $key) { \
                     refund { id } userErrors { code } } }";
        let both = [&host, &guest].map(|who| {
            let token = crate::client::Caller::token(who, &app.app);
            let request =
                graphql_request(token, query, &json!({ "id": booking["id"], "refund": refund, "key": fresh_key() }));
            let router = app.router.clone();
            tokio::spawn(async move { send(&router, request).await.json()["data"]["bookingCancel"].take() })
        });
        let answers = join_all(both).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        assert_eq!(answers.iter().filter(|payload| payload["refund"].is_object()).count(), 1, "{n}: {answers:?}");
        let lost = answers.iter().find(|payload| payload["refund"].is_null()).unwrap();
        assert_eq!(lost["userErrors"], json!([{ "code": "STATE_CONFLICT" }]));
        assert_eq!(app.booking(&guest, &booking).await["payment"]["refunded"]["amount"], 30_000);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_concurrent_block_and_booking_do_not_overlap() {
    let app = TestApp::with_many_connections().await;
    for _ in 0..6 {
        let (host, guest) = (app.host().await, app.guest().await);
        let listing = app.published_listing(&host, json!({})).await;
        let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
        let (book, block) = tokio::join!(
            app.mutate(
                &guest,
                "bookingCreate",
                json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } }),
                "booking { state }"
            ),
            app.mutate(
                &host,
                "listingCalendarUpdate",
                json!({ "id": listing, "changes": [{ "from": "2027-03-02", "to": "2027-03-04", "blocked": true }] }),
                "days { state }"
            )
        );
        let (booked, blocked) = (book["booking"].is_object(), block["days"].is_array());
        assert!(booked != blocked, "{book} {block}");
        let errors = if booked { &block } else { &book }["userErrors"].clone();
        assert_eq!(errors[0]["code"], "NIGHTS_UNAVAILABLE");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_concurrent_reviews_are_both_published() {
    let app = TestApp::with_many_connections().await;
    for _ in 0..3 {
        app.set(crate::harness::START);
        let (host, guest) = (app.host().await, app.guest().await);
        let listing = app.published_listing(&host, json!({})).await;
        let booking = app.completed_stay(&guest, &listing, "2027-03-01", "2027-03-03").await;
        let query = "mutation($id: ID!) { reviewSubmit(bookingId: $id, review: { overall: 5, text: \"Good.\" }) { \
                     userErrors { code } } }";
        let both = [&host, &guest].map(|who| {
            let token = crate::client::Caller::token(who, &app.app);
            let request = graphql_request(token, query, &json!({ "id": booking["id"] }));
            let router = app.router.clone();
            tokio::spawn(async move { send(&router, request).await.json() })
        });
        for answer in join_all(both).await {
            assert_eq!(answer.unwrap()["data"], json!({ "reviewSubmit": { "userErrors": [] } }));
        }
        let query = "query($id: ID!) { listing(id: $id) { rating { count } reviews { totalCount } } }";
        let seen = app.gql(&crate::client::Anonymous, query, json!({ "id": listing })).await;
        assert_eq!(seen["listing"], json!({ "rating": { "count": 1 }, "reviews": { "totalCount": 1 } }));
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_workers_run_each_job_once() {
    let app = TestApp::with_many_connections().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    app.set("2027-03-03T16:00:00Z");
    let jobs = app.count("job", []).await;
    let workers = (0..6).map(|_| {
        let app = app.app.clone();
        tokio::spawn(async move { roost::jobs::drain(&app).await.unwrap() })
    });
    let ran: usize = join_all(workers.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(i64::try_from(ran).unwrap(), jobs);
    assert_eq!(app.booking(&guest, &booking).await["state"], "COMPLETED");
    app.finish().await;
}
