//! Fail points, and the crashes at them.

use std::collections::BTreeSet;
use std::path::Path;

use super::flows::Flow;
use crate::database::is_postgres;

/// The point at which the process is killed, and what happens first after its restart.
#[derive(Debug)]
pub struct Crash {
    /// The name of the fail point. From the second pass on, the number of the pass follows: `ledger.posting:2`.
    pub point: String,
    /// Whether the request is sent again before the due jobs run.
    pub is_retried_first: bool,
}

impl Crash {
    /// The line that the process prints when it reaches the point.
    pub fn line(&self) -> String {
        format!("fail point: {}", self.point.split(':').next().unwrap())
    }
}

/// The points at which a flow crashes, in the order in which it passes them.
pub fn crash_points_of(flow: &Flow, passed: &[String]) -> Vec<String> {
    let points = label_passes(passed);
    assert!(points.len() >= flow.min_points, "{} passes only {} points: {points:#?}", flow.name, points.len());
    let from = flow.first_point.map_or(0, |from| points.iter().position(|point| point == from).expect(from));
    points[from..].to_vec()
}

/// The points of a trace. From the second pass on, the number of the pass follows the name: `ledger.posting:2`.
fn label_passes(passed: &[String]) -> Vec<String> {
    let pass = |index: usize| passed[..=index].iter().filter(|name| **name == passed[index]).count();
    let label = |(index, name): (usize, &String)| match pass(index) {
        1 => name.clone(),
        pass => format!("{name}:{pass}"),
    };
    passed.iter().enumerate().map(label).collect()
}

/// Crashes at all of these points. A client may retry before the queue runs the due jobs, so every second crash has its
/// retry first.
pub fn crashes(points: Vec<String>, first: usize) -> Vec<Crash> {
    let crash = |(index, point)| Crash { point, is_retried_first: (first + index) % 2 == 1 };
    points.into_iter().enumerate().map(crash).collect()
}

/// The crashes of each flow, so that each fail point has one crash. Of the flows that pass a point, the one with the
/// fewest crashes so far gets it. Where several flows are possible, the two databases use different flows and orders.
pub fn assign_crashes(paths: &[Vec<String>]) -> Vec<Vec<Crash>> {
    let passing = |point: &String| paths.iter().filter(|path| path.contains(point)).count();
    let mut names: Vec<&String> = paths.iter().flatten().filter(|point| !point.contains(':')).collect();
    names.sort_by_key(|name| (passing(name), *name));
    names.dedup();
    let mut assigned = vec![BTreeSet::new(); paths.len()];
    for name in names {
        let passing = (0..paths.len()).filter(|flow| paths[*flow].contains(name));
        let by_load = |flow: &usize| (assigned[*flow].len(), if is_postgres() { paths.len() - flow } else { *flow });
        let flow = passing.min_by_key(by_load).unwrap();
        assigned[flow].insert(name);
    }
    let crashes_of = |(path, assigned): (&Vec<String>, &BTreeSet<&String>)| {
        let points = path.iter().filter(|point| assigned.contains(point)).cloned().collect();
        crashes(points, usize::from(is_postgres()))
    };
    paths.iter().zip(&assigned).map(crashes_of).collect()
}

/// The names of all fail points in the source.
pub fn names_in_source() -> BTreeSet<String> {
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
                text.split_once('.').is_some_and(|(flow, point)| is_word(flow) && is_word(point))
            };
            if text.contains("fail_point::reach") {
                named.extend(text.split('"').filter(is_name).map(str::to_owned));
            }
        }
    }
    named
}
