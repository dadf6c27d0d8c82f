//! The model test: thousands of random steps, legal and illegal, give the same states, calendar and money as a model.
//!
//! A case is a list of steps on a service of its own. `ROOST_MODEL_CASES` and `ROOST_MODEL_STEPS` make it longer than
//! the suite has time for; a failure prints `ROOST_MODEL_SEED`, with which the case is drawn again, and the fewest
//! steps that still fail.

mod calls;
mod check;
mod deeds;
mod money;
mod rules;
mod steps;
mod things;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use self::calls::{Order, Verdict};
use self::rules::Model;
use self::steps::{Call, GUESTS, HOSTS, STAFF, Step, step};
use self::world::{Request, Sight, World};

const CASES: u64 = 24;
const STEPS: usize = 80;
const SHRINKS: u32 = 250;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

#[test]
fn random_steps_come_out_as_the_model_says() {
    let cases = setting("ROOST_MODEL_CASES").unwrap_or(CASES);
    let steps = setting("ROOST_MODEL_STEPS").map_or(STEPS, |steps| usize::try_from(steps).unwrap());
    // Each run of the suite draws the same cases; longer ones begin with them.
    let first = setting("ROOST_MODEL_SEED").unwrap_or(1);
    for seed in first..first + cases {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let config = Config { cases: 1, failure_persistence: None, max_shrink_iters: SHRINKS, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        let strategy = (prop::bool::weighted(0.75), prop::collection::vec(step(), 0..=steps));
        let outcome = runner.run(&strategy, |(requests_hold, steps)| run(requests_hold, &steps));
        if let Err(TestError::Fail(reason, (requests_hold, steps))) = outcome {
            let list: String = steps.iter().enumerate().map(|(n, step)| format!("  {n}: {step:?}\n")).collect();
            panic!(
                "{reason}\nROOST_MODEL_SEED={seed} ROOST_MODEL_CASES=1 ROOST_MODEL_STEPS={}\n\
                 with requests that hold nights: {requests_hold}, the fewest steps that fail:\n{list}",
                setting("ROOST_MODEL_STEPS").unwrap_or(STEPS as u64)
            );
        } else if let Err(error) = outcome {
            panic!("ROOST_MODEL_SEED={seed}: {error}");
        }
    }
}

fn run(requests_hold: bool, steps: &[Step]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(case(requests_hold, steps))));
    ended.map_err(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        TestCaseError::fail(words.or(panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default())
    })
}

/// One case: the steps, and then everything comes to rest.
async fn case(requests_hold: bool, steps: &[Step]) {
    let mut world = World::new(requests_hold).await;
    let mut walk = Walk { model: Model::new(world.app.clock.now(), requests_hold), last: None };
    let mut sight = world.look().await;
    for (number, step) in steps.iter().enumerate() {
        let fault = walk.step(&mut world, &sight, step).await;
        sight = world.look().await;
        let checked = match fault {
            Ok(candidates) => walk.choose(candidates, &sight),
            Err(fault) => Err(fault),
        };
        let viewer = number % (STAFF + 1);
        let checked = match checked {
            Ok(()) => world.ask(viewer, &walk.model, &sight).await,
            wrong => wrong,
        };
        checked.unwrap_or_else(|fault| panic!("step {number}, {step:?}, at {}: {fault}", walk.model.now));
    }
    for host in GUESTS..GUESTS + HOSTS {
        let order = Order::Account { actor: host, account: "fine" };
        let request = world.request(&order, &sight).await.unwrap_or_else(|_| unreachable!("it needs no quote"));
        world.send(&request).await.unwrap();
        walk.model.obey(&order);
    }
    for _ in 0..3 {
        walk.pass(&world, walk.model.rest());
        world.app.drain().await;
        walk.model.settle();
        sight = world.look().await;
        let checked = walk.model.compare(&sight).and_then(|()| walk.model.absorb(&sight));
        checked.unwrap_or_else(|fault| panic!("after the last step: {fault}"));
    }
    world.app.finish().await;
}

struct Walk {
    model: Model,
    last: Option<(Request, bool)>,
}

/// What a step may have come to, and the name of that.
type Candidates = Vec<(String, Model)>;

impl Walk {
    fn pass(&mut self, world: &World, to: chrono::DateTime<chrono::Utc>) {
        world.app.advance(to - world.app.clock.now());
        self.model.now = to;
    }

    /// Takes a step. Answers with what it may have come to, or with what was wrong about the answer.
    async fn step(&mut self, world: &mut World, sight: &Sight, step: &Step) -> Result<Candidates, String> {
        let candidates = match step {
            Step::Pass(moment) => {
                self.pass(world, self.model.instant(*moment));
                vec![("time passes".to_owned(), self.model.clone())]
            }
            Step::PassAndCall(moment, call) => {
                self.pass(world, self.model.instant(*moment));
                self.call(world, sight, call).await?
            }
            Step::Call(call) => self.call(world, sight, call).await?,
            Step::Again => self.again(world).await?,
            Step::Race(one, other) => self.race(world, sight, one, other).await?,
        };
        world.app.drain().await;
        Ok(candidates)
    }

    /// The model with nothing, one booking or everything moved on, as a call may find it.
    fn findings(&self, order: &Order) -> Vec<Model> {
        let mut findings = vec![self.model.clone()];
        let about = match order {
            Order::On { booking, .. } => Some(*booking),
            Order::Book { guest, .. } | Order::BookAgain { guest, .. } => {
                self.model.quotes[*guest].as_ref().and_then(|quote| quote.booking)
            }
            _ => None,
        };
        for (booking, asked) in about.into_iter().flat_map(|booking| [(booking, false), (booking, true)]) {
            let mut model = self.model.clone();
            model.advance(booking, asked);
            findings.push(model);
        }
        let mut model = self.model.clone();
        model.settle();
        findings.push(model);
        findings
    }

    async fn call(&mut self, world: &mut World, sight: &Sight, call: &Call) -> Result<Candidates, String> {
        let Some(order) = self.model.order(call) else { return Ok(vec![("nothing".into(), self.model.clone())]) };
        let answer = match world.request(&order, sight).await {
            Ok(request) => {
                let (codes, _) = world.send(&request).await.map_err(|panic| panic.to_string())?;
                let is_spent = codes.is_empty() || codes == ["PAYMENT_DECLINED"];
                self.last = Some((request, is_spent));
                codes
            }
            Err(codes) => codes,
        };
        let mut candidates = Vec::new();
        for mut model in self.findings(&order) {
            let verdict = model.obey(&order);
            let name = format!("{order:?} is answered with {answer:?}, by the model with one of {verdict:?}");
            let fits = fits(&answer, &verdict);
            model.settle();
            candidates.push((name, fits.then_some(model)));
        }
        let names: Vec<_> = candidates.iter().map(|(name, _)| name.clone()).collect();
        let fitting: Candidates = candidates.into_iter().filter_map(|(name, model)| Some((name, model?))).collect();
        if fitting.is_empty() { Err(names.join("\n")) } else { Ok(fitting) }
    }

    /// The last call once more: what was done is done once, what was refused may be allowed by now.
    async fn again(&mut self, world: &mut World) -> Result<Candidates, String> {
        let Some((request, was_spent)) = self.last.clone() else {
            return Ok(vec![("nothing".into(), self.model.clone())]);
        };
        let (codes, replayed) = world.send(&request).await.map_err(|panic| panic.to_string())?;
        // Keys are kept for a time only; a call whose key is forgotten is a new one.
        let is_forgotten = self.model.now >= request.sent + request.kept();
        let is_spent = was_spent && (replayed || !is_forgotten);
        if is_spent && !replayed {
            return Err(format!("{:?} was done before, and is not answered from memory: {codes:?}", request.order));
        }
        let mut candidates = Vec::new();
        for mut model in self.findings(&request.order) {
            let verdict = if is_spent { Vec::new() } else { model.obey(&request.order) };
            let name = format!("{:?} again is answered with {codes:?}, by the model {verdict:?}", request.order);
            model.settle();
            if is_spent || fits(&codes, &verdict) {
                candidates.push((name, model));
            }
        }
        let sent = if is_spent { request.sent } else { self.model.now };
        self.last = Some((Request { sent, ..request }, is_spent || codes.is_empty() || codes == ["PAYMENT_DECLINED"]));
        if candidates.is_empty() { Err(format!("the same again is answered with {codes:?}")) } else { Ok(candidates) }
    }

    /// Two calls at once come out as one after the other, or one of them was told that it lost.
    async fn race(&mut self, world: &mut World, sight: &Sight, one: &Call, other: &Call) -> Result<Candidates, String> {
        let mut orders: Vec<Order> = [one, other].into_iter().filter_map(|call| self.model.order(call)).collect();
        if let [Order::Book { guest, .. }, second] | [second, Order::Book { guest, .. }] = orders.as_slice()
            && second.actor() == *guest
        {
            // A guest's later quote takes the place of the one before it.
            orders.truncate(1);
        }
        let mut requests = Vec::new();
        for order in &orders {
            match world.request(order, sight).await {
                Ok(request) => requests.push(request),
                Err(_) => continue,
            }
            // The quote is made before the race, whether or not the booking comes to anything.
            if let (Order::Book { guest, listing, stay, card }, Some(request)) = (order, requests.last_mut()) {
                request.order = Order::BookAgain { guest: *guest, card };
                let expires = self.model.now + TimeDelta::minutes(30);
                let quote = rules::Quote { listing: *listing, stay: stay.clone(), expires, booking: None };
                self.model.quotes[*guest] = Some(quote);
            }
        }
        let running: Vec<_> = requests.iter().map(|request| world.send(request)).collect();
        let mut answers = Vec::new();
        for answer in running {
            answers.push(answer.await.map_err(|panic| panic.to_string())?.0);
        }
        let lost = |codes: &[String]| codes.iter().any(|code| ["STATE_CONFLICT", "VERSION_STALE"].contains(&&**code));
        let mut candidates = Vec::new();
        for order in [vec![0, 1], vec![1, 0], vec![0], vec![1], vec![]] {
            let order: Vec<usize> = order.into_iter().filter(|n| *n < requests.len()).collect();
            let skipped = (0..requests.len()).filter(|n| !order.contains(n));
            if skipped.into_iter().any(|n| !lost(&answers[n])) {
                continue;
            }
            for mut model in self.findings(&Order::Account { actor: STAFF, account: "fine" }) {
                let verdicts: Vec<_> = order.iter().map(|n| (model.obey(&requests[*n].order), &answers[*n])).collect();
                if verdicts.iter().all(|(verdict, answer)| fits(answer, verdict)) {
                    model.settle();
                    candidates.push((format!("{orders:?} in the order {order:?} with {answers:?}"), model));
                }
            }
        }
        if candidates.is_empty() {
            Err(format!("a race of {orders:?} is answered with {answers:?}"))
        } else {
            Ok(candidates)
        }
    }

    /// Goes on with the first candidate that is what the service holds.
    fn choose(&mut self, candidates: Candidates, sight: &Sight) -> Result<(), String> {
        let mut faults = Vec::new();
        for (name, mut model) in candidates {
            model.settle();
            match model.compare(sight).and_then(|()| model.absorb(sight)) {
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

fn fits(answer: &[String], verdict: &Verdict) -> bool {
    match verdict.as_slice() {
        [] => answer.is_empty(),
        words => !answer.is_empty() && answer.iter().all(|code| words.contains(&code.as_str())),
    }
}
