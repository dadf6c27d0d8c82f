//! A process that is killed at any await of what moves money: nothing is lost, and nothing is done twice.
//!
//! Each flow runs once undisturbed, and its trace of fail points is the list of its crashes. Then the program is killed
//! at a point by SIGKILL and started again; what is due is done, and the request is sent again with the same
//! key. The books must then be those of the undisturbed run, to the cent and to the night. Every run of the suite crashes once at each fail point
//! of the source; the tests in `nightly` crash each flow at every point of its way, as often as it passes it.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::client::{Who, document_with, said};
use crate::database::is_postgres;
use crate::harness::{Person, TestApp};
use flows::{FLOWS, Flow, Sent};
use program::{Program, Server};
use table::Row;

mod flows;
mod program;
mod table;

const KEY: &str = "crash";
const SERVE: [&str; 2] = ["serve", "--listen=127.0.0.1:0"];
/// How many cases run at the same time.
const AT_ONCE: usize = 2;
/// Longer than any lease and than the queue's safety net.
const PATIENCE_S: i64 = 120;

/// What two runs of a flow must agree on, as queries of one column; ids and times differ.
const BOOKS: [&str; 11] = [
    "SELECT 'booking ' || state || ' ' || CAST(check_in AS TEXT) || ' ' || CAST(check_out AS TEXT) || ' total ' || \
     CAST(total_minor AS TEXT) || ' refunded ' || CAST(refunded_minor AS TEXT) FROM booking ORDER BY id",
    "SELECT 'event ' || COALESCE(from_state, '-') || ' ' || action || ' ' || to_state FROM booking_event \
     ORDER BY booking_id, id",
    "SELECT 'told ' || kind || ' ' || (facts ->> 'to') FROM notification ORDER BY 1",
    "SELECT 'night ' || CAST(night AS TEXT) || ' ' || kind FROM claim ORDER BY night",
    "SELECT 'alteration ' || state || ' ' || CAST(difference_minor AS TEXT) FROM booking_alteration ORDER BY id",
    "SELECT 'payment ' || state || ' of ' || CAST(amount_minor AS TEXT) || ' captured ' || \
     CAST(captured_minor AS TEXT) || ' refunded ' || CAST(refunded_minor AS TEXT) FROM payment ORDER BY id",
    "SELECT 'intent ' || state || ' of ' || CAST(amount_minor AS TEXT) || ' captured ' || \
     CAST(captured_minor AS TEXT) || ' refunded ' || CAST(refunded_minor AS TEXT) FROM sandbox_intent ORDER BY 1",
    "SELECT 'refund ' || state || ' ' || CAST(amount_minor AS TEXT) FROM refund ORDER BY 1",
    "SELECT 'payout ' || state || ' ' || CAST(amount_minor AS TEXT) || ' sent ' || \
     CAST(COALESCE(sent_minor, 0) AS TEXT) || ' attempt ' || CAST(attempt AS TEXT) FROM payout ORDER BY 1",
    "SELECT 'transfer ' || CAST(amount_minor AS TEXT) FROM sandbox_transfer ORDER BY 1",
    "SELECT 'ledger ' || t.kind || ' ' || e.debit || ' ' || e.credit || ' ' || CAST(e.amount_minor AS TEXT) \
     FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id ORDER BY 1",
];

/// Where the process dies, and what happens first after its restart.
#[derive(Debug)]
struct Crash {
    /// The name of the fail point, and the time if it is not the first: `ledger.posting:2`.
    point: String,
    is_retried_first: bool,
}

impl Crash {
    /// What the process says when it is there.
    fn line(&self) -> String {
        format!("fail point: {}", self.point.split(':').next().unwrap())
    }
}

/// What one run of a flow has come to.
struct Run {
    books: Vec<String>,
    row: Row,
    /// The fail points that the first process passed, in order.
    passed: Vec<String>,
}

async fn books(app: &TestApp) -> Vec<String> {
    let mut books = Vec::new();
    for sql in BOOKS {
        books.extend(app.rows(sql, []).await.iter().map(|row| row.try_get_by_index::<String>(0).unwrap()));
    }
    books
}

/// Whether what the flow is about has been done: its key is spent, or the money has left.
async fn is_done(app: &TestApp, sent: &Sent) -> bool {
    match sent {
        Sent::Mutation { .. } => app.count("idempotency_key WHERE \"key\" = 'crash'", []).await > 0,
        Sent::Payout => app.count("sandbox_transfer", []).await > 0,
    }
}

async fn stands(app: &TestApp) -> String {
    let states = app.rows("SELECT state FROM booking ORDER BY id", []).await;
    let states: Vec<String> = states.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    let (taken, returned) = (taken(app).await, returned(app).await);
    let sum: i64 = app.value("SELECT CAST(COALESCE(sum(amount_minor), 0) AS BIGINT) FROM sandbox_transfer", []).await;
    format!("{}, taken {taken}, returned {returned}, paid out {sum}", states.join(" + "))
}

async fn taken(app: &TestApp) -> i64 {
    app.value("SELECT CAST(COALESCE(sum(captured_minor), 0) AS BIGINT) FROM sandbox_intent", []).await
}

async fn returned(app: &TestApp) -> i64 {
    app.value("SELECT CAST(COALESCE(sum(refunded_minor), 0) AS BIGINT) FROM sandbox_intent", []).await
}

/// The request of a flow: body and token, the same however often it is sent.
struct Request {
    token: Option<String>,
    mutation: &'static str,
    body: Value,
}

impl Request {
    fn new(app: &TestApp, who: &Person, mutation: &'static str, given: &Value, key: &str) -> Request {
        let selection = match mutation {
            "bookingRefund" | "bookingCancel" => "booking { id state } refund { amount { amount } }",
            "bookingAlterationRequest" => "alteration { id state }",
            "bookingAlterationRespond" => "booking { id state } alteration { id state }",
            _ => "booking { id state }",
        };
        let query = document_with(mutation, given, selection, Some(key));
        Request { token: who.token(&app.app), mutation, body: json!({ "query": query, "variables": given }) }
    }

    /// The payload without what errors say at length, and whether the key was known.
    async fn send(&self, server: &Server) -> (Value, bool) {
        let mut body = server.post("/graphql", self.token.as_deref(), &self.body).await;
        assert!(body.get("errors").is_none(), "{}: {body:#}", self.mutation);
        let replayed = body["extensions"]["idempotency"][self.mutation]["replayed"].as_bool();
        let mut payload = body["data"][self.mutation].take();
        payload["userErrors"] = json!(said(payload["userErrors"].as_array().unwrap()));
        (payload, replayed.unwrap_or_else(|| panic!("the key was not read: {body:#}")))
    }
}

/// Runs a flow from beginning to end; with a crash, through it.
async fn run(app: &TestApp, flow: &Flow, crash: Option<&Crash>) -> Run {
    let sent = (flow.prepare)(app).await;
    assert_eq!(taken(app).await, flow.taken_before, "{}: the scene", flow.name);
    let trace = Path::new(&app.config.data_dir).join("trace");
    // A worker that is not disturbed would go on looking for jobs, so it stops once it is done with this one.
    let stop = crash.map_or("job.settled", |crash| crash.point.as_str());
    let (stop, trace_to) = (("ROOST_FAIL_POINT", stop), ("ROOST_FAIL_POINT_TRACE", trace.to_str().unwrap()));
    let request = match &sent {
        Sent::Mutation { who, mutation, given } => Some(Request::new(app, who, mutation, given, KEY)),
        Sent::Payout => None,
    };
    let command = if request.is_some() { &SERVE[..] } else { &["worker"] };
    let variables: &[_] = match (crash, &request) {
        (Some(_), _) => &[stop],
        (None, Some(_)) => &[trace_to],
        (None, None) => &[stop, trace_to],
    };
    let mut first = Program::start(app, flow, command, variables).await;
    let server = first.server.clone();
    match (&request, crash.map(Crash::line)) {
        (Some(request), Some(line)) => {
            tokio::select! {
                () = first.says(&line) => {}
                answer = request.send(&server) => panic!("{} never reached {crash:?}: {answer:?}", flow.name),
            }
        }
        (Some(request), None) => drop(request.send(&server).await),
        (None, Some(line)) => first.says(&line).await,
        (None, None) => first.says("fail point: job.settled").await,
    }
    first.kill();
    let row = again(flow, app, &sent, request.as_ref(), crash).await;
    let books = books(app).await;
    assert_eq!((taken(app).await, returned(app).await), flow.moved, "{} {crash:?}: {books:#?}", flow.name);
    let passed = std::fs::read_to_string(&trace).unwrap_or_default().lines().map(str::to_owned).collect();
    Run { books, row, passed }
}

/// The restart: what is due is done, and the request is sent again.
async fn again(flow: &Flow, app: &TestApp, sent: &Sent, request: Option<&Request>, crash: Option<&Crash>) -> Row {
    let told = format!("{} {crash:?}", flow.name);
    let done_before = is_done(app, sent).await;
    app.advance(TimeDelta::seconds(1));
    let mut program = Program::start(app, flow, &SERVE, &[]).await;
    let server = program.server.clone();
    let is_retried_first = request.is_some() && crash.is_some_and(|crash| crash.is_retried_first);
    if is_retried_first {
        server.wait(PATIENCE_S).await;
    } else {
        server.drain_after(PATIENCE_S).await;
    }
    let mut stood = stands(app).await;
    let mut retry = None;
    if let (Some(request), Sent::Mutation { who, .. }) = (request, sent) {
        let (payload, replayed) = request.send(&server).await;
        assert_eq!((replayed, &payload["userErrors"]), (done_before, &json!(flow.said)), "{told}: {payload:#}");
        let (same, replayed) = request.send(&server).await;
        assert_eq!((replayed, &same["userErrors"]), (true, &json!(flow.said)), "{told}: {same:#}");
        let of = |payload: &Value| ["booking", "alteration"].map(|noun| payload[noun]["id"].clone());
        assert_eq!(of(&same), of(&payload), "{told}");
        assert_eq!(of(&same).iter().any(Value::is_string), flow.said.is_empty(), "{told}: {same:#}");
        if let Some(mutation) = flow.then {
            let next = Request::new(app, who, mutation, &json!({ "id": same["booking"]["id"] }), "next");
            let (next, _) = next.send(&server).await;
            assert_eq!(next["userErrors"], json!([]), "{told}: {next:#}");
        }
        retry = Some(if done_before { "replayed" } else { "done now" });
    }
    let now = server.drain_after(PATIENCE_S).await;
    program.kill();
    app.app.clock.set(now + TimeDelta::seconds(1));
    assert!(is_done(app, sent).await, "{told}: it was never done");
    if is_retried_first {
        stood = stands(app).await;
    }
    let point = crash.map(|crash| crash.point.clone()).unwrap_or_default();
    Row { point, done_before, is_retried_first, stood, retry }
}

async fn undisturbed(flow: &Flow) -> Run {
    let app = TestApp::with(flow.flags).await;
    let clean = run(&app, flow, None).await;
    app.finish().await;
    clean
}

/// Runs a flow once for each of these crashes; `clean` is the run that they are compared with.
async fn crash_at(flow: &Flow, clean: &Run, crashes: &[Crash]) -> Vec<Row> {
    let lanes = (0..AT_ONCE.min(crashes.len())).map(|lane| async move {
        let mut app = TestApp::with(flow.flags).await;
        let mut rows = Vec::new();
        for (index, crash) in crashes.iter().enumerate().skip(lane).step_by(AT_ONCE) {
            if index != lane {
                app.begin_again().await;
            }
            let crashed = run(&app, flow, Some(crash)).await;
            assert_eq!(crashed.books, clean.books, "{} after {crash:?}", flow.name);
            rows.push((index, crashed.row));
        }
        app.finish().await;
        rows
    });
    let mut rows = join_all(lanes).await.into_iter().flatten().collect::<Vec<_>>();
    rows.sort_by_key(|(index, _)| *index);
    let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    // What is done cannot be undone by a later crash.
    assert!(rows.is_sorted_by_key(|row| row.done_before), "{rows:#?}");
    println!("{}", table::of_flow(flow.name, &rows));
    table::keep(engine(), flow.name, &rows);
    rows
}

fn engine() -> &'static str {
    if is_postgres() { "postgres" } else { "sqlite" }
}

/// Where a flow is to crash, in the order in which it passes these points.
fn points_of(flow: &Flow, clean: &Run) -> Vec<String> {
    let points = points(&clean.passed);
    assert!(points.len() >= flow.least, "{} passes {} points only: {points:#?}", flow.name, points.len());
    let from = flow.from.map_or(0, |from| points.iter().position(|point| point == from).expect(from));
    points[from..].to_vec()
}

/// The places of a trace, each with the time at which it is passed: `capture.asking`, or `ledger.posting:2`.
fn points(passed: &[String]) -> Vec<String> {
    let times = |index: usize| passed[..=index].iter().filter(|name| **name == passed[index]).count();
    let label = |(index, name): (usize, &String)| match times(index) {
        1 => name.clone(),
        times => format!("{name}:{times}"),
    };
    passed.iter().enumerate().map(label).collect()
}

/// Crashes at all of these points. A client may be faster than the queue: every other request is sent again first.
fn crashes(points: Vec<String>, first: usize) -> Vec<Crash> {
    let crash = |(index, point)| Crash { point, is_retried_first: (first + index) % 2 == 1 };
    points.into_iter().enumerate().map(crash).collect()
}

/// One crash at each fail point. Of the flows that pass it, the one with the fewest crashes so far takes it; where there
/// is a choice, the two engines take different flows and orders.
fn shares(ways: &[Vec<String>]) -> Vec<Vec<Crash>> {
    let passing = |point: &String| ways.iter().filter(|way| way.contains(point)).count();
    let mut names: Vec<&String> = ways.iter().flatten().filter(|point| !point.contains(':')).collect();
    names.sort_by_key(|name| (passing(name), *name));
    names.dedup();
    let mut taken = vec![BTreeSet::new(); ways.len()];
    for name in names {
        let passing = (0..ways.len()).filter(|way| ways[*way].contains(name));
        let by_load = |way: &usize| (taken[*way].len(), if is_postgres() { ways.len() - way } else { *way });
        let way = passing.min_by_key(by_load).unwrap();
        taken[way].insert(name);
    }
    let share = |(way, taken): (&Vec<String>, &BTreeSet<&String>)| {
        let points = way.iter().filter(|point| taken.contains(point)).cloned().collect();
        crashes(points, usize::from(is_postgres()))
    };
    ways.iter().zip(&taken).map(share).collect()
}

#[tokio::test]
async fn a_process_may_die_at_any_fail_point_of_the_source() {
    let runs = futures_util::stream::iter(FLOWS).map(undisturbed).buffered(AT_ONCE).collect::<Vec<_>>().await;
    let passed: BTreeSet<String> = runs.iter().flat_map(|run| run.passed.iter().cloned()).collect();
    assert_eq!(passed, named());
    let ways: Vec<_> = FLOWS.iter().zip(&runs).map(|(flow, run)| points_of(flow, run)).collect();
    let mut crashed = BTreeSet::new();
    for ((flow, clean), crashes) in FLOWS.iter().zip(&runs).zip(shares(&ways)) {
        let rows = crash_at(flow, clean, &crashes).await;
        crashed.extend(rows.into_iter().map(|row| row.point));
    }
    assert_eq!(crashed, passed, "each point has its crash");
}

/// The fail points that the source names.
fn named() -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let is_name = |text: &&str| {
                let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
                text.split_once('.').is_some_and(|(flow, place)| is_word(flow) && is_word(place))
            };
            if text.contains("fail_point::reach") {
                named.extend(text.split('"').filter(is_name).map(str::to_owned));
            }
        }
    }
    named
}

/// Every crash of every flow, a test for each: `tests/run --nightly`.
mod nightly {
    use super::*;

    async fn crash(name: &str) {
        let flow = FLOWS.iter().find(|flow| flow.name == name).unwrap_or_else(|| panic!("{name} is no flow"));
        let clean = undisturbed(flow).await;
        // Flows share most of their points, so each point sees both orders.
        let rows = crash_at(flow, &clean, &crashes(points_of(flow, &clean), 0)).await;
        assert!(rows.iter().any(|row| row.done_before), "{name} is never done before a crash");
    }

    macro_rules! crashes {
        ($($test:ident => $flow:literal,)*) => {
            $(#[tokio::test]
            async fn $test() {
                crash($flow).await;
            })*

            #[test]
            fn every_flow_has_a_test() {
                assert_eq!([$($flow),*].as_slice(), FLOWS.iter().map(|flow| flow.name).collect::<Vec<_>>());
            }
        };
    }

    crashes! {
        create => "create",
        create_3_d_secure => "create, 3-D Secure",
        create_answer_lost => "create, answer lost",
        create_declined => "create, declined",
        create_request => "create, request",
        confirm_payment => "confirm payment",
        accept => "accept",
        decline => "decline",
        cancel_by_guest => "cancel by guest",
        cancel_by_host => "cancel by host",
        refund => "refund",
        ask_for_an_alteration => "ask for an alteration",
        alter_for_more => "alter for more",
        alter_for_less => "alter for less",
        payout => "payout",
    }
}
