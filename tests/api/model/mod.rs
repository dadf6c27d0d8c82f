//! The model test: random operations, valid and invalid, lead to the same states, calendar and money in the service as
//! in a reference model.
//!
//! A case is a list of operations on a new service. `ROOST_MODEL_CASES` and `ROOST_MODEL_STEPS` (operations per case)
//! make the test longer than the suite has time for. A failure prints `ROOST_MODEL_SEED`, which generates the same case
//! again, and the smallest list of operations that still fails.

mod actions;
mod commands;
mod comparison;
mod money;
mod operations;
mod rules;
mod service;
mod state;

use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use self::commands::{Command, ExpectedErrors};
use self::operations::{GUESTS, HOSTS, Mutation, Operation, STAFF, operation};
use self::service::{Request, Service, View};
use self::state::{Model, Quote};

const CASES: u64 = 24;
const OPERATIONS: usize = 80;
const SHRINK_ITERATIONS: u32 = 250;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

#[test]
fn random_operations_match_the_model() {
    let cases = setting("ROOST_MODEL_CASES").unwrap_or(CASES);
    let operations = setting("ROOST_MODEL_STEPS").map_or(OPERATIONS, |operations| usize::try_from(operations).unwrap());
    // Every run of the suite generates the same cases. Longer runs begin with them.
    let first = setting("ROOST_MODEL_SEED").unwrap_or(1);
    for seed in first..first + cases {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let config =
            Config { cases: 1, failure_persistence: None, max_shrink_iters: SHRINK_ITERATIONS, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        let strategy = (prop::bool::weighted(0.75), prop::collection::vec(operation(), 0..=operations));
        let outcome = runner.run(&strategy, |(requests_hold, operations)| run_case(requests_hold, &operations));
        if let Err(TestError::Fail(reason, (requests_hold, operations))) = outcome {
            let list: String =
                operations.iter().enumerate().map(|(n, operation)| format!("  {n}: {operation:?}\n")).collect();
            panic!(
                "{reason}\nROOST_MODEL_SEED={seed} ROOST_MODEL_CASES=1 ROOST_MODEL_STEPS={}\n\
                 with requests that hold nights: {requests_hold}, the smallest list of operations that fails:\n{list}",
                setting("ROOST_MODEL_STEPS").unwrap_or(OPERATIONS as u64)
            );
        } else if let Err(error) = outcome {
            panic!("ROOST_MODEL_SEED={seed}: {error}");
        }
    }
}

fn run_case(requests_hold: bool, operations: &[Operation]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(execute(requests_hold, operations))));
    outcome.map_err(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        TestCaseError::fail(message.or(panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default())
    })
}

/// Executes one case. After the operations, time passes until every deadline is over.
async fn execute(requests_hold: bool, operations: &[Operation]) {
    let mut service = Service::new(requests_hold).await;
    let mut case = Case { model: Model::new(service.app.clock.now(), requests_hold), last: None };
    let mut view = service.read().await;
    for (number, operation) in operations.iter().enumerate() {
        let candidates = case.execute(&mut service, &view, operation).await;
        view = service.read().await;
        let checked = match candidates {
            Ok(candidates) => case.select(candidates, &view),
            Err(fault) => Err(fault),
        };
        let viewer = number % (STAFF + 1);
        let checked = match checked {
            Ok(()) => service.compare_api(viewer, &case.model, &view).await,
            fault => fault,
        };
        checked.unwrap_or_else(|fault| panic!("operation {number}, {operation:?}, at {}: {fault}", case.model.now));
    }
    for host in GUESTS..GUESTS + HOSTS {
        let command = Command::SetPayoutAccount { actor: host, account: "fine" };
        let request =
            service.request(&command, &view).await.unwrap_or_else(|_| unreachable!("the command needs no quote"));
        service.send(&request).await.unwrap();
        case.model.apply(&command);
    }
    for _ in 0..3 {
        case.advance_clock(&service, case.model.last_deadline());
        service.app.drain().await;
        case.model.advance_all();
        view = service.read().await;
        let checked = case.model.compare(&view).and_then(|()| case.model.absorb_payouts(&view));
        checked.unwrap_or_else(|fault| panic!("after the last operation: {fault}"));
    }
    service.app.finish().await;
}

/// A case in progress.
struct Case {
    model: Model,
    /// The last request, and whether the service has recorded its idempotency key.
    last: Option<(Request, bool)>,
}

/// The possible states after an operation, each with a description.
type Candidates = Vec<(String, Model)>;

impl Case {
    fn advance_clock(&mut self, service: &Service, to: chrono::DateTime<chrono::Utc>) {
        service.app.advance(to - service.app.clock.now());
        self.model.now = to;
    }

    /// Executes an operation. Returns the states it may have led to, or an error if the response matches none.
    async fn execute(
        &mut self,
        service: &mut Service,
        view: &View,
        operation: &Operation,
    ) -> Result<Candidates, String> {
        let candidates = match operation {
            Operation::Wait(moment) => {
                self.advance_clock(service, self.model.instant(*moment));
                vec![("time passes".to_owned(), self.model.clone())]
            }
            Operation::WaitAndSend(moment, mutation) => {
                self.advance_clock(service, self.model.instant(*moment));
                self.send(service, view, mutation).await?
            }
            Operation::Send(mutation) => self.send(service, view, mutation).await?,
            Operation::Replay => self.replay(service).await?,
            Operation::Race(one, other) => self.race(service, view, one, other).await?,
        };
        service.app.drain().await;
        Ok(candidates)
    }

    /// The states in which a command may find the service: jobs due by now may not have run, may have run for the
    /// command's booking, or may all have run.
    fn possible_states(&self, command: &Command) -> Vec<Model> {
        let mut possible_states = vec![self.model.clone()];
        let subject = match command {
            Command::OnBooking { booking, .. } => Some(*booking),
            Command::Book { guest, .. } | Command::BookLastQuote { guest, .. } => {
                self.model.quotes[*guest].as_ref().and_then(|quote| quote.booking)
            }
            _ => None,
        };
        for (booking, forced) in subject.into_iter().flat_map(|booking| [(booking, false), (booking, true)]) {
            let mut model = self.model.clone();
            model.advance(booking, forced);
            possible_states.push(model);
        }
        let mut model = self.model.clone();
        model.advance_all();
        possible_states.push(model);
        possible_states
    }

    async fn send(&mut self, service: &mut Service, view: &View, mutation: &Mutation) -> Result<Candidates, String> {
        let Some(command) = self.model.resolve(mutation) else {
            return Ok(vec![("nothing to send".into(), self.model.clone())]);
        };
        let codes = match service.request(&command, view).await {
            Ok(request) => {
                let (codes, _) = service.send(&request).await.map_err(|panic| panic.to_string())?;
                let is_recorded = codes.is_empty() || codes == ["PAYMENT_DECLINED"];
                self.last = Some((request, is_recorded));
                codes
            }
            Err(codes) => codes,
        };
        let mut candidates = Vec::new();
        for mut model in self.possible_states(&command) {
            let expected = model.apply(&command);
            let name = format!("{command:?} returned {codes:?}, the model expects one of {expected:?}");
            let matches = matches_expected(&codes, &expected);
            model.advance_all();
            candidates.push((name, matches.then_some(model)));
        }
        let names: Vec<_> = candidates.iter().map(|(name, _)| name.clone()).collect();
        let matching: Candidates = candidates.into_iter().filter_map(|(name, model)| Some((name, model?))).collect();
        if matching.is_empty() { Err(names.join("\n")) } else { Ok(matching) }
    }

    /// Repeats the last request with its key: a recorded mutation is replayed, a refused one may be allowed by now.
    async fn replay(&mut self, service: &mut Service) -> Result<Candidates, String> {
        let Some((request, was_recorded)) = self.last.clone() else {
            return Ok(vec![("nothing to send".into(), self.model.clone())]);
        };
        let (codes, replayed) = service.send(&request).await.map_err(|panic| panic.to_string())?;
        // Keys are retained for a limited time. A request whose key has been deleted is a new one.
        let is_expired = self.model.now >= request.sent + request.retention();
        let is_recorded = was_recorded && (replayed || !is_expired);
        if is_recorded && !replayed {
            return Err(format!("{:?} was recorded and should be replayed, but returned {codes:?}", request.command));
        }
        let mut candidates = Vec::new();
        for mut model in self.possible_states(&request.command) {
            let expected = if is_recorded { Vec::new() } else { model.apply(&request.command) };
            let name =
                format!("the repeated {:?} returned {codes:?}, the model expects one of {expected:?}", request.command);
            model.advance_all();
            if is_recorded || matches_expected(&codes, &expected) {
                candidates.push((name, model));
            }
        }
        let sent = if is_recorded { request.sent } else { self.model.now };
        self.last =
            Some((Request { sent, ..request }, is_recorded || codes.is_empty() || codes == ["PAYMENT_DECLINED"]));
        if candidates.is_empty() { Err(format!("the repeated request returned {codes:?}")) } else { Ok(candidates) }
    }

    /// Two concurrent mutations have the result of one order or the other, or one is refused with a conflict.
    async fn race(
        &mut self,
        service: &mut Service,
        view: &View,
        one: &Mutation,
        other: &Mutation,
    ) -> Result<Candidates, String> {
        let mut commands: Vec<Command> =
            [one, other].into_iter().filter_map(|mutation| self.model.resolve(mutation)).collect();
        if let [Command::Book { guest, .. }, second] | [second, Command::Book { guest, .. }] = commands.as_slice()
            && second.actor() == *guest
        {
            // A guest's later quote replaces the earlier one.
            commands.truncate(1);
        }
        let mut requests = Vec::new();
        for command in &commands {
            match service.request(command, view).await {
                Ok(request) => requests.push(request),
                Err(_) => continue,
            }
            // The quote is created before the race, whether or not the booking succeeds.
            if let (Command::Book { guest, listing, stay, card }, Some(request)) = (command, requests.last_mut()) {
                request.command = Command::BookLastQuote { guest: *guest, card };
                let expires = self.model.now + TimeDelta::minutes(30);
                let quote = Quote { listing: *listing, stay: stay.clone(), expires, booking: None };
                self.model.quotes[*guest] = Some(quote);
            }
        }
        let pending: Vec<_> = requests.iter().map(|request| service.send(request)).collect();
        let mut responses = Vec::new();
        for response in pending {
            responses.push(response.await.map_err(|panic| panic.to_string())?.0);
        }
        let lost = |codes: &[String]| codes.iter().any(|code| ["STATE_CONFLICT", "VERSION_STALE"].contains(&&**code));
        let mut candidates = Vec::new();
        for order in [vec![0, 1], vec![1, 0], vec![0], vec![1], vec![]] {
            let order: Vec<usize> = order.into_iter().filter(|n| *n < requests.len()).collect();
            let skipped = (0..requests.len()).filter(|n| !order.contains(n));
            if skipped.into_iter().any(|n| !lost(&responses[n])) {
                continue;
            }
            for mut model in self.possible_states(&Command::SetPayoutAccount { actor: STAFF, account: "fine" }) {
                let results: Vec<_> =
                    order.iter().map(|n| (model.apply(&requests[*n].command), &responses[*n])).collect();
                if results.iter().all(|(expected, codes)| matches_expected(codes, expected)) {
                    model.advance_all();
                    candidates.push((format!("{commands:?} in the order {order:?} returned {responses:?}"), model));
                }
            }
        }
        if candidates.is_empty() {
            Err(format!("a race of {commands:?} returned {responses:?}"))
        } else {
            Ok(candidates)
        }
    }

    /// Continues with the first candidate that equals the state of the service.
    fn select(&mut self, candidates: Candidates, view: &View) -> Result<(), String> {
        let mut faults = Vec::new();
        for (name, mut model) in candidates {
            model.advance_all();
            match model.compare(view).and_then(|()| model.absorb_payouts(view)) {
                Ok(()) => {
                    self.model = model;
                    return Ok(());
                }
                Err(fault) => faults.push(format!("{name}: {fault}")),
            }
        }
        faults.dedup();
        Err(faults.join("\n"))
    }
}

fn matches_expected(codes: &[String], expected: &ExpectedErrors) -> bool {
    match expected.as_slice() {
        [] => codes.is_empty(),
        expected => !codes.is_empty() && codes.iter().all(|code| expected.contains(&code.as_str())),
    }
}
