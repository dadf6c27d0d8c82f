//! Crash tests: the process is killed at the fail points of code that moves money. No effect is lost, and none happens
//! twice.
//!
//! Each flow first runs without a crash. Its trace of fail points is the list of points at which it can crash. Then the
//! program is killed by SIGKILL at a point and restarted, its due jobs run, and the request is sent again with the same
//! key. The bookings, nights and amounts must then equal those of the run without a crash. Every run of the suite
//! crashes once at each fail point of the source. The tests in `nightly` crash each flow at every point that it passes,
//! each time that it passes it.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::client::{Caller, document_with, error_codes};
use crate::database::is_postgres;
use crate::harness::{Person, TestApp};
use flows::{FLOWS, Flow, Sent};
use points::{Crash, assign_crashes, crash_points_of, crashes, names_in_source};
use process::{Program, Server};
use table::Row;

mod flows;
mod points;
mod process;
mod table;

const KEY: &str = "crash";
const SERVE: [&str; 2] = ["serve", "--listen=127.0.0.1:0"];
/// The number of crashes that are tested concurrently.
const AT_ONCE: usize = 2;
/// Longer than any lease and than the delay of the queue's safety-net job.
const TIMEOUT_S: i64 = 120;

/// What must be equal after two runs of a flow, as queries of one column. IDs and times differ between runs.
const BOOKS: [&str; 11] = [
    "SELECT 'booking ' || state || ' ' || CAST(check_in AS TEXT) || ' ' || CAST(check_out AS TEXT) || ' total ' || \
     CAST(total_minor AS TEXT) || ' refunded ' || CAST(refunded_minor AS TEXT) FROM booking ORDER BY id",
    "SELECT 'event ' || COALESCE(from_state, '-') || ' ' || action || ' ' || to_state FROM booking_event \
     ORDER BY booking_id, id",
    "SELECT 'notified ' || kind || ' ' || (facts ->> 'to') FROM notification ORDER BY 1",
    "SELECT 'night ' || CAST(night AS TEXT) || ' ' || kind FROM claim ORDER BY night",
    "SELECT 'alteration ' || state || ' ' || CAST(difference_minor AS TEXT) || ' ' || COALESCE(decline_note, '') \
     FROM booking_alteration ORDER BY id",
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

/// The result of one run of a flow.
struct Run {
    books: Vec<String>,
    row: Row,
    /// The fail points that the first process passed, in order.
    passed: Vec<String>,
}

async fn read_books(app: &TestApp) -> Vec<String> {
    let mut books = Vec::new();
    for sql in BOOKS {
        books.extend(app.rows(sql, []).await.iter().map(|row| row.try_get_by_index::<String>(0).unwrap()));
    }
    books
}

/// Whether the effect of the flow exists: its idempotency key is recorded, or the transfer was made.
async fn is_done(app: &TestApp, sent: &Sent) -> bool {
    match sent {
        Sent::Mutation { .. } => app.count("idempotency_key WHERE \"key\" = 'crash'", []).await > 0,
        Sent::Payout => app.count("sandbox_transfer", []).await > 0,
    }
}

async fn summarize_state(app: &TestApp) -> String {
    let states = app.rows("SELECT state FROM booking ORDER BY id", []).await;
    let states: Vec<String> = states.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    let (captured, refunded) = (captured_minor(app).await, refunded_minor(app).await);
    let sum: i64 = app.value("SELECT CAST(COALESCE(sum(amount_minor), 0) AS BIGINT) FROM sandbox_transfer", []).await;
    format!("{}, captured {captured}, refunded {refunded}, paid out {sum}", states.join(" + "))
}

async fn captured_minor(app: &TestApp) -> i64 {
    app.value("SELECT CAST(COALESCE(sum(captured_minor), 0) AS BIGINT) FROM sandbox_intent", []).await
}

async fn refunded_minor(app: &TestApp) -> i64 {
    app.value("SELECT CAST(COALESCE(sum(refunded_minor), 0) AS BIGINT) FROM sandbox_intent", []).await
}

/// The request of a flow. Its body and token are the same each time it is sent.
struct Request {
    token: Option<String>,
    mutation: &'static str,
    body: Value,
}

impl Request {
    fn new(app: &TestApp, who: &Person, mutation: &'static str, given: &Value, key: &str) -> Request {
        let selection = match mutation {
            "bookingRefund" | "bookingCancel" => "booking { id state } refund { amount { amount } }",
            "bookingAlterationRequest" => "alteration { id state } booking { id state }",
            "bookingAlterationAccept" | "bookingAlterationDecline" | "bookingAlterationWithdraw" => {
                "booking { id state } alteration { id state }"
            }
            _ => "booking { id state }",
        };
        let query = document_with(mutation, given, selection, Some(key));
        Request { token: who.token(&app.app), mutation, body: json!({ "query": query, "variables": given }) }
    }

    /// The payload, with its errors reduced to codes, and whether the response was a replay.
    async fn send(&self, server: &Server) -> (Value, bool) {
        let mut body = server.post("/graphql", self.token.as_deref(), &self.body).await;
        assert!(body.get("errors").is_none(), "{}: {body:#}", self.mutation);
        let replayed = body["extensions"]["idempotency"][self.mutation]["replayed"].as_bool();
        let mut payload = body["data"][self.mutation].take();
        payload["userErrors"] = json!(error_codes(payload["userErrors"].as_array().unwrap()));
        (payload, replayed.unwrap_or_else(|| panic!("the response does not mention the key: {body:#}")))
    }
}

/// Runs a flow to its end. With a crash, the run includes the crash, the restart and the retry.
async fn run(app: &TestApp, flow: &Flow, crash: Option<&Crash>) -> Run {
    let sent = (flow.prepare)(app).await;
    assert_eq!(captured_minor(app).await, flow.captured_before, "{}: captured before the flow", flow.name);
    let trace = Path::new(&app.config.data_dir).join("trace");
    // A worker without a crash would keep polling for jobs, so it is stopped after it has settled this one.
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
                () = first.wait_for_line(&line) => {}
                answer = request.send(&server) => panic!("{} responded before it reached {crash:?}: {answer:?}", flow.name),
            }
        }
        (Some(request), None) => drop(request.send(&server).await),
        (None, Some(line)) => first.wait_for_line(&line).await,
        (None, None) => first.wait_for_line("fail point: job.settled").await,
    }
    first.kill();
    let row = restart_and_retry(flow, app, &sent, request.as_ref(), crash).await;
    let books = read_books(app).await;
    assert_eq!(
        (captured_minor(app).await, refunded_minor(app).await),
        flow.final_amounts,
        "{} {crash:?}: {books:#?}",
        flow.name
    );
    let passed = std::fs::read_to_string(&trace).unwrap_or_default().lines().map(str::to_owned).collect();
    Run { books, row, passed }
}

/// Restarts the program, runs the due jobs and sends the request again, in the order of the crash.
async fn restart_and_retry(
    flow: &Flow,
    app: &TestApp,
    sent: &Sent,
    request: Option<&Request>,
    crash: Option<&Crash>,
) -> Row {
    let context = format!("{} {crash:?}", flow.name);
    let done_before = is_done(app, sent).await;
    app.advance(TimeDelta::seconds(1));
    let mut program = Program::start(app, flow, &SERVE, &[]).await;
    let server = program.server.clone();
    let is_retried_first = request.is_some() && crash.is_some_and(|crash| crash.is_retried_first);
    if is_retried_first {
        server.wait(TIMEOUT_S).await;
    } else {
        server.drain_after(TIMEOUT_S).await;
    }
    let mut state = summarize_state(app).await;
    let mut retry = None;
    if let (Some(request), Sent::Mutation { who, .. }) = (request, sent) {
        let (payload, replayed) = request.send(&server).await;
        assert_eq!(
            (replayed, &payload["userErrors"]),
            (done_before, &json!(flow.expected_errors)),
            "{context}: {payload:#}"
        );
        let (same, replayed) = request.send(&server).await;
        assert_eq!((replayed, &same["userErrors"]), (true, &json!(flow.expected_errors)), "{context}: {same:#}");
        let ids = |payload: &Value| ["booking", "alteration"].map(|noun| payload[noun]["id"].clone());
        assert_eq!(ids(&same), ids(&payload), "{context}");
        assert_eq!(ids(&same).iter().any(Value::is_string), flow.expected_errors.is_empty(), "{context}: {same:#}");
        if let Some(mutation) = flow.next_mutation {
            let next = Request::new(app, who, mutation, &json!({ "id": same["booking"]["id"] }), "next");
            let (next, _) = next.send(&server).await;
            assert_eq!(next["userErrors"], json!([]), "{context}: {next:#}");
        }
        retry = Some(if done_before { "replayed" } else { "done now" });
    }
    let now = server.drain_after(TIMEOUT_S).await;
    program.kill();
    app.app.clock.set(now + TimeDelta::seconds(1));
    assert!(is_done(app, sent).await, "{context}: the effect does not exist");
    if is_retried_first {
        state = summarize_state(app).await;
    }
    let point = crash.map(|crash| crash.point.clone()).unwrap_or_default();
    Row { point, done_before, is_retried_first, state, retry }
}

async fn run_without_crash(flow: &Flow) -> Run {
    let app = TestApp::with(flow.flags).await;
    let clean = run(&app, flow, None).await;
    app.finish().await;
    clean
}

/// Runs a flow once for each of these crashes. `clean` is the run without a crash, to which they are compared.
async fn crash_at(flow: &Flow, clean: &Run, crashes: &[Crash]) -> Vec<Row> {
    let lanes = (0..AT_ONCE.min(crashes.len())).map(|lane| async move {
        let mut app = TestApp::with(flow.flags).await;
        let mut rows = Vec::new();
        for (index, crash) in crashes.iter().enumerate().skip(lane).step_by(AT_ONCE) {
            if index != lane {
                app.reset().await;
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
    // The crashes are in the order of the flow: once the effect exists at one point, it exists at every later point.
    assert!(rows.is_sorted_by_key(|row| row.done_before), "{rows:#?}");
    println!("{}", table::format_flow(flow.name, &rows));
    table::save(engine(), flow.name, &rows);
    rows
}

fn engine() -> &'static str {
    if is_postgres() { "postgres" } else { "sqlite" }
}

#[tokio::test]
async fn the_crash_tests_reach_every_fail_point_in_the_source() {
    let runs = futures_util::stream::iter(FLOWS).map(run_without_crash).buffered(AT_ONCE).collect::<Vec<_>>().await;
    let passed: BTreeSet<String> = runs.iter().flat_map(|run| run.passed.iter().cloned()).collect();
    assert_eq!(passed, names_in_source());
    let paths: Vec<_> = FLOWS.iter().zip(&runs).map(|(flow, run)| crash_points_of(flow, &run.passed)).collect();
    let mut crashed = BTreeSet::new();
    for ((flow, clean), crashes) in FLOWS.iter().zip(&runs).zip(assign_crashes(&paths)) {
        let rows = crash_at(flow, clean, &crashes).await;
        crashed.extend(rows.into_iter().map(|row| row.point));
    }
    assert_eq!(crashed, passed, "each point has a crash");
}

/// Every crash of every flow, in one test per flow. `tests/run --nightly` runs them.
mod nightly {
    use super::*;

    async fn crash(name: &str) {
        let flow = FLOWS.iter().find(|flow| flow.name == name).unwrap_or_else(|| panic!("{name} is no flow"));
        let clean = run_without_crash(flow).await;
        // Flows share most of their points, so each point is tested with both orders.
        let rows = crash_at(flow, &clean, &crashes(crash_points_of(flow, &clean.passed), 0)).await;
        assert!(rows.iter().any(|row| row.done_before), "no crash of {name} comes after its effect");
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
        request_an_alteration => "request an alteration",
        alter_for_more => "alter for more",
        alter_for_less => "alter for less",
        decline_an_alteration => "decline an alteration",
        withdraw_an_alteration => "withdraw an alteration",
        payout => "payout",
    }
}
