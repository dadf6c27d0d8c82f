//! The table of crash points and mutations.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::Path;

use super::flows::FLOWS;

/// What came of one crash.
#[derive(Debug)]
pub struct Row {
    pub point: String,
    /// Whether the effect was there when the process died.
    pub done_before: bool,
    /// Whether the request was sent again before the queue had run, and not after.
    pub is_retried_first: bool,
    /// Where bookings and money stood after restart and drain.
    pub stood: String,
    /// What the request says that is sent again with the same key; nothing for a job.
    pub retry: Option<&'static str>,
}

/// The crashes of one flow, at length.
pub fn of_flow(name: &str, rows: &[Row]) -> String {
    let mut text = format!("\n{name}: {} crashes\n", rows.len());
    let line = |text: &mut String, [point, done, stood, retry]: [&str; 4]| {
        writeln!(text, "| {point:<24} | {done:<6} | {stood:<64} | {retry:<22} |").unwrap();
    };
    line(&mut text, ["crash at", "effect", "after restart and drain", "retry"]);
    for row in rows {
        let done = if row.done_before { "yes" } else { "no" };
        let order = if row.is_retried_first { "before drain" } else { "after drain" };
        let retry = row.retry.map_or("-".to_owned(), |retry| format!("{retry}, {order}"));
        line(&mut text, [&row.point, done, &row.stood, &retry]);
    }
    text
}

/// Puts the crashes of a flow into `crash-table-<engine>.md`, a table of all points and flows that have run.
pub fn keep(engine: &str, name: &str, rows: &[Row]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let parts = folder.join(format!("crash-{engine}"));
    fs::create_dir_all(&parts).unwrap();
    let lines: Vec<String> =
        rows.iter().map(|row| format!("{}\t{}", row.point, if row.done_before { "kept" } else { "anew" })).collect();
    let lock = File::create(parts.join("lock")).unwrap();
    lock.lock().unwrap();
    fs::write(parts.join(name), lines.join("\n")).unwrap();
    fs::write(folder.join(format!("crash-table-{engine}.md")), all(engine, &parts)).unwrap();
}

fn all(engine: &str, parts: &Path) -> String {
    let mut order: Vec<String> = Vec::new();
    let mut cells: BTreeMap<(String, &str), String> = BTreeMap::new();
    let mut flows = Vec::new();
    for flow in FLOWS {
        let Ok(part) = fs::read_to_string(parts.join(flow.name)) else { continue };
        flows.push(flow.name);
        let mut place = 0;
        for (point, outcome) in part.lines().filter_map(|line| line.split_once('\t')) {
            // A point of several flows stands where the first of them passes it.
            place = order.iter().position(|known| known == point).unwrap_or_else(|| {
                order.insert(place, point.to_owned());
                place
            }) + 1;
            cells.insert((point.to_owned(), flow.name), outcome.to_owned());
        }
    }
    let mut text = format!(
        "# Crash points and mutations on {engine}\n\n\
         The process was killed at the point, started again and drained, and the request was sent again with its key.\n\
         `anew`: the effect was not there, and the retry brought it about. `kept`: it was there, and the retry answered\n\
         with it; for a job, which nobody sends again, whether the money had left. In every cell the books were then\n\
         those of an undisturbed run. {} crashes.\n\n| crash at |",
        cells.len()
    );
    flows.iter().for_each(|flow| write!(text, " {flow} |").unwrap());
    text.push_str("\n|---|");
    flows.iter().for_each(|_| text.push_str("---|"));
    text.push('\n');
    for point in order {
        write!(text, "| `{point}` |").unwrap();
        for flow in &flows {
            write!(text, " {} |", cells.get(&(point.clone(), *flow)).map_or("", String::as_str)).unwrap();
        }
        text.push('\n');
    }
    text
}
