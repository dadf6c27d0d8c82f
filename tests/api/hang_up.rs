//! Clients that disconnect. A request's future is dropped at every await, and at random moments. No connection returns
//! to the pool with an open transaction.
//!
//! With `ROOST_TEST_LONG=1`, 6000 requests instead of 600 are dropped at random moments.

mod bystander;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use chrono::TimeDelta;
use futures_util::StreamExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use self::bystander::Bystander;
use crate::client::{Caller, NEED_A_KEY, document_with, error_codes, fresh_key, graphql_request, send};
use crate::harness::{Person, TestApp};
use crate::idempotency::all_mutations::given;
use crate::permissions::{Fixture, Objects, Outcomes, STAFF, STAFF_ALONE, TABLE, create_objects};
use crate::scenarios::{merge, usd};

/// Queries that read with single statements, with batches, and with several concurrent statements.
const QUERIES: [&str; 5] = [
    "{ viewer { user { displayName } sessions { nodes { id } } notifications { nodes { id kind } } } }",
    "{ viewer { trips { nodes { state listing { title host { displayName } } payment { state refunds { id } } } } } }",
    "{ listingSearch(where: { stay: { checkIn: \"2027-03-01\", checkOut: \"2027-03-04\" } }) { totalCount nodes { title \
     host { displayName } reviews(first: 3) { totalCount nodes { text } } } edges { price { total { amount } } } } }",
    "query($id: ID!) { listing(id: $id) { title rating { overall } calendar(from: \"2027-03-01\", to: \"2027-04-01\") \
     { date state } } }",
    "query($id: ID!) { booking(id: $id) { state events { nodes { action } } payouts { id state } guest { displayName } } }",
];
/// An upper limit of the awaits of a request.
const MOST_AWAITS: usize = 2_000;

fn is_long() -> bool {
    std::env::var("ROOST_TEST_LONG").is_ok_and(|value| value == "1")
}

/// Polls `work` until it has been pending `awaits` times, then drops it. Returns its result if it finished before.
async fn abandon_at<T>(work: impl Future<Output = T>, awaits: usize) -> Option<T> {
    let mut work = pin!(work);
    let mut left = awaits;
    poll_fn(move |context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// A mutation of the permissions table, with a caller who is allowed to run it.
struct Prepared {
    mutation: &'static str,
    token: Option<String>,
    given: Value,
}

impl Prepared {
    async fn new(app: &TestApp, mutation: &'static str, fixture: Fixture, outcomes: Outcomes) -> Prepared {
        let (objects, admin) = (create_objects(app, fixture).await, app.admin().await);
        let given = given(app, mutation, &objects).await;
        if mutation == "payoutRelease" {
            let hold = merge(given.clone(), json!({ "reason": "A complaint." }));
            app.mutate_ok(&admin, "payoutHold", hold, "__typename").await;
        }
        let token = caller(&objects, &admin, mutation, outcomes).and_then(|person| person.token(&app.app));
        Prepared { mutation, token, given }
    }

    fn request(&self) -> Request<Body> {
        let key = NEED_A_KEY.contains(&self.mutation).then(fresh_key);
        let document = document_with(self.mutation, &self.given, "__typename", key.as_deref());
        graphql_request(self.token.clone(), &document, &self.given)
    }
}

fn caller<'a>(objects: &'a Objects, admin: &'a Person, mutation: &str, outcomes: Outcomes) -> Option<&'a Person> {
    match outcomes {
        _ if outcomes == STAFF || outcomes == STAFF_ALONE => Some(admin),
        [.., "OK"] if mutation != "userRegister" => Some(&objects.host),
        [.., "OK", _] => Some(&objects.guest),
        _ => None,
    }
}

/// The error codes of a mutation's payload.
fn refusals(mutation: &str, answer: &Value) -> Vec<String> {
    assert!(answer.get("errors").is_none(), "{mutation}: {answer:#}");
    error_codes(answer["data"][mutation]["userErrors"].as_array().unwrap())
}

#[tokio::test]
async fn a_mutation_abandoned_at_any_await_leaves_no_transaction_open() {
    let app = TestApp::new().await;
    let bystander = Bystander::new(&app).await;
    let mut hung_up = 0;
    for (mutation, fixture, outcomes) in TABLE {
        let mut prepared = Prepared::new(&app, mutation, fixture, outcomes).await;
        let mut is_fresh = true;
        for awaits in 0..MOST_AWAITS {
            let answer = match abandon_at(send(&app.router, prepared.request()), awaits).await {
                None => {
                    (hung_up, is_fresh) = (hung_up + 1, false);
                    continue;
                }
                Some(answer) => answer.json(),
            };
            if refusals(mutation, &answer).is_empty() || is_fresh {
                break;
            }
            // The previously abandoned request has taken effect, so this one was refused. With new objects, the awaits
            // after the effect are reached too.
            prepared = Prepared::new(&app, mutation, fixture, outcomes).await;
            is_fresh = abandon_at(send(&app.router, prepared.request()), awaits).await.is_some();
            hung_up += usize::from(!is_fresh);
            if is_fresh {
                break;
            }
        }
        bystander.expect_idle(&app, mutation).await;
    }
    assert!(hung_up > 4 * TABLE.len(), "only {hung_up} requests were abandoned");
    finish(app, &bystander).await;
}

#[tokio::test]
async fn a_query_abandoned_at_any_await_leaves_no_transaction_open() {
    let app = TestApp::new().await;
    let bystander = Bystander::new(&app).await;
    let objects = create_objects(&app, Fixture::Confirmed).await;
    for query in QUERIES {
        let variables = if query.contains("{ booking") { &objects.booking["id"] } else { &json!(objects.listing) };
        let variables = json!({ "id": variables });
        for awaits in 0..MOST_AWAITS {
            let request = graphql_request(objects.guest.token(&app.app), query, &variables);
            let Some(answer) = abandon_at(send(&app.router, request), awaits).await else { continue };
            assert!(answer.json().get("errors").is_none(), "{}", answer.text());
            break;
        }
        bystander.expect_idle(&app, query).await;
    }
    finish(app, &bystander).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_abandoned_at_random_moments_leave_no_transaction_open() {
    let app = TestApp::with_many_connections().await;
    let bystander = Bystander::new(&app).await;
    let objects = create_objects(&app, Fixture::Confirmed).await;
    let (rounds, seed) = if is_long() { (6_000, rand::random()) } else { (600, 13) };
    let mut random = StdRng::seed_from_u64(seed);
    let attempts: Vec<_> = (0..rounds).map(|_| abandonment(&app, &objects, &mut random)).collect();
    futures_util::stream::iter(attempts).for_each_concurrent(12, |attempt| attempt).await;
    bystander.expect_idle(&app, &format!("random moments of seed {seed}")).await;
    finish(app, &bystander).await;
}

/// A random request that is abandoned after up to four milliseconds.
fn abandonment(app: &TestApp, objects: &Objects, random: &mut StdRng) -> impl Future<Output = ()> + use<> {
    let guest = objects.guest.token(&app.app);
    let mutation = |token: Option<String>, mutation: &str, given: Value| {
        graphql_request(token, &document_with(mutation, &given, "__typename", None), &given)
    };
    let request = match random.random_range(0..8) {
        // This mutation begins a transaction immediately and needs no token.
        0..3 => mutation(None, "sessionRefresh", json!({ "refreshToken": "x" })),
        3 => mutation(guest, "userUpdate", json!({ "user": { "about": random.random::<u64>().to_string() } })),
        4 => {
            let changes =
                json!([{ "from": "2027-03-01", "to": "2027-03-02", "price": usd(random.random_range(100..900)) }]);
            let given = json!({ "id": objects.listing, "changes": changes });
            mutation(objects.host.token(&app.app), "listingCalendarUpdate", given)
        }
        _ => {
            let query = QUERIES[random.random_range(0..QUERIES.len())];
            let id = if query.contains("{ booking") { objects.booking["id"].clone() } else { json!(objects.listing) };
            graphql_request(guest, query, &json!({ "id": id }))
        }
    };
    let (router, leaves) = (app.router.clone(), Duration::from_micros(random.random_range(0..4_000)));
    async move { drop(tokio::time::timeout(leaves, send(&router, request)).await) }
}

/// Checks that new writes are committed and visible to another connection. Then the follow-up jobs of the abandoned
/// requests run.
async fn finish(app: TestApp, bystander: &Bystander) {
    let guest = app.guest().await;
    for round in 0..20 {
        let about = format!("written after all clients have disconnected, {round}");
        app.mutate_ok(&guest, "userUpdate", json!({ "user": { "about": about } }), "__typename").await;
        assert_eq!(bystander.about(guest.user).await, about);
    }
    app.advance(TimeDelta::days(3));
    app.finish().await;
}
