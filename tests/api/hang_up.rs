//! Callers that hang up: a request's future is dropped at every await, and at random moments. Whatever it was doing, no
//! connection returns to the pool with a transaction open.
//!
//! `ROOST_TEST_LONG=1` hangs up thousands of times instead of hundreds.

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
use crate::client::{NEED_A_KEY, Who, document_with, fresh_key, graphql_request, said, send};
use crate::harness::{Person, TestApp};
use crate::idempotency::each::given;
use crate::permissions::{Outcomes, STAFF, STAFF_ALONE, Scene, Set, TABLE, set_up};
use crate::scenes::merged;

/// Queries that read by single statements, by batches and by several statements at the same time.
const QUERIES: [&str; 5] = [
    "{ viewer { user { displayName } sessions { nodes { id } } notifications { nodes { id kind } } } }",
    "{ viewer { trips { nodes { state listing { title host { displayName } } payment { state refunds { id } } } } } }",
    "{ listingSearch(where: { stay: { checkIn: \"2027-03-01\", checkOut: \"2027-03-04\" } }) { totalCount nodes { title \
     host { displayName } reviews(first: 3) { totalCount nodes { text } } } edges { price { total { amount } } } } }",
    "query($id: ID!) { listing(id: $id) { title rating { overall } calendar(from: \"2027-03-01\", to: \"2027-04-01\") \
     { date state } } }",
    "query($id: ID!) { booking(id: $id) { state events { nodes { action } } payouts { id state } guest { displayName } } }",
];
/// More awaits than any request has.
const MOST_AWAITS: usize = 2_000;

fn is_long() -> bool {
    std::env::var("ROOST_TEST_LONG").is_ok_and(|value| value == "1")
}

/// Polls `work` until it has waited `awaits` times and then drops it; answers if it finished before.
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

/// A mutation of the table of permissions with a caller who succeeds with it.
struct Prepared {
    mutation: &'static str,
    token: Option<String>,
    given: Value,
}

impl Prepared {
    async fn new(app: &TestApp, mutation: &'static str, scene: Scene, outcomes: Outcomes) -> Prepared {
        let (set, admin) = (set_up(app, scene).await, app.admin().await);
        let given = given(app, mutation, &set).await;
        if mutation == "payoutRelease" {
            let hold = merged(given.clone(), json!({ "reason": "A complaint." }));
            app.must(&admin, "payoutHold", hold, "__typename").await;
        }
        let token = caller(&set, &admin, mutation, outcomes).and_then(|person| person.token(&app.app));
        Prepared { mutation, token, given }
    }

    fn request(&self) -> Request<Body> {
        let key = NEED_A_KEY.contains(&self.mutation).then(fresh_key);
        let document = document_with(self.mutation, &self.given, "__typename", key.as_deref());
        graphql_request(self.token.clone(), &document, &self.given)
    }
}

fn caller<'a>(set: &'a Set, admin: &'a Person, mutation: &str, outcomes: Outcomes) -> Option<&'a Person> {
    match outcomes {
        _ if outcomes == STAFF || outcomes == STAFF_ALONE => Some(admin),
        [.., "OK"] if mutation != "userRegister" => Some(&set.host),
        [.., "OK", _] => Some(&set.guest),
        _ => None,
    }
}

/// What the user errors of an answer say.
fn refusals(mutation: &str, answer: &Value) -> Vec<String> {
    assert!(answer.get("errors").is_none(), "{mutation}: {answer:#}");
    said(answer["data"][mutation]["userErrors"].as_array().unwrap())
}

#[tokio::test]
async fn a_mutation_abandoned_at_any_await_leaves_no_transaction_open() {
    let app = TestApp::new().await;
    let bystander = Bystander::new(&app).await;
    let mut hung_up = 0;
    for (mutation, scene, outcomes) in TABLE {
        let mut prepared = Prepared::new(&app, mutation, scene, outcomes).await;
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
            // The one that was abandoned before has taken effect. A new scene shows the awaits that come after it.
            prepared = Prepared::new(&app, mutation, scene, outcomes).await;
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
    let set = set_up(&app, Scene::Confirmed).await;
    for query in QUERIES {
        let variables = if query.contains("{ booking") { &set.booking["id"] } else { &json!(set.listing) };
        let variables = json!({ "id": variables });
        for awaits in 0..MOST_AWAITS {
            let request = graphql_request(set.guest.token(&app.app), query, &variables);
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
    let app = TestApp::busy().await;
    let bystander = Bystander::new(&app).await;
    let set = set_up(&app, Scene::Confirmed).await;
    let (rounds, seed) = if is_long() { (6_000, rand::random()) } else { (600, 13) };
    let mut random = StdRng::seed_from_u64(seed);
    let attempts: Vec<_> = (0..rounds).map(|_| abandonment(&app, &set, &mut random)).collect();
    futures_util::stream::iter(attempts).for_each_concurrent(12, |attempt| attempt).await;
    bystander.expect_idle(&app, &format!("random moments of seed {seed}")).await;
    finish(app, &bystander).await;
}

/// A request that somebody sends and leaves after up to four milliseconds.
fn abandonment(app: &TestApp, set: &Set, random: &mut StdRng) -> impl Future<Output = ()> + use<> {
    let guest = set.guest.token(&app.app);
    let mutation = |token: Option<String>, mutation: &str, given: Value| {
        graphql_request(token, &document_with(mutation, &given, "__typename", None), &given)
    };
    let request = match random.random_range(0..8) {
        // It begins a transaction at once, and anybody may send it.
        0..3 => mutation(None, "sessionRefresh", json!({ "refreshToken": "x" })),
        3 => mutation(guest, "userUpdate", json!({ "user": { "about": random.random::<u64>().to_string() } })),
        4 => {
            let changes = json!([{ "from": "2027-03-01", "to": "2027-03-02", "price": random.random_range(100..900) }]);
            let given = json!({ "id": set.listing, "changes": changes });
            mutation(set.host.token(&app.app), "listingCalendarUpdate", given)
        }
        _ => {
            let query = QUERIES[random.random_range(0..QUERIES.len())];
            let id = if query.contains("{ booking") { set.booking["id"].clone() } else { json!(set.listing) };
            graphql_request(guest, query, &json!({ "id": id }))
        }
    };
    let (router, leaves) = (app.router.clone(), Duration::from_micros(random.random_range(0..4_000)));
    async move { drop(tokio::time::timeout(leaves, send(&router, request)).await) }
}

/// What is written now is kept, and seen by others. Then what was abandoned half-way is brought to its end.
async fn finish(app: TestApp, bystander: &Bystander) {
    let guest = app.guest().await;
    for round in 0..20 {
        let about = format!("written after everybody left, {round}");
        app.must(&guest, "userUpdate", json!({ "user": { "about": about } }), "__typename").await;
        assert_eq!(bystander.about(guest.user).await, about);
    }
    app.advance(TimeDelta::days(3));
    app.finish().await;
}
