//! A table of the results of all crash points and flows.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::Path;

use super::flows::FLOWS;

/// The result of one crash.
#[derive(Debug)]
pub struct Row {
    pub point: String,
    /// Whether the effect existed when the process was killed.
    pub done_before: bool,
    /// Whether the request was sent again before the due jobs ran. If false, it was sent after.
    pub is_retried_first: bool,
    /// States of bookings and amounts after the restart and the due jobs.
    pub state: String,
    /// The result of the request that was sent again with the same key. `None` for a job.
    pub retry: Option<&'static str>,
}

/// The crashes of one flow as a table for the terminal.
pub fn format_flow(name: &str, rows: &[Row]) -> String {
    let mut text = format!("\n{name}: {} crashes\n", rows.len());
    let line = |text: &mut String, [point, done, state, retry]: [&str; 4]| {
        writeln!(text, "| {point:<24} | {done:<6} | {state:<64} | {retry:<22} |").unwrap();
    };
    line(&mut text, ["crash at", "effect", "after restart and drain", "retry"]);
    for row in rows {
        let done = if row.done_before { "yes" } else { "no" };
        let order = if row.is_retried_first { "before drain" } else { "after drain" };
        let retry = row.retry.map_or("-".to_owned(), |retry| format!("{retry}, {order}"));
        line(&mut text, [&row.point, done, &row.state, &retry]);
    }
    text
}

/// Saves the crashes of a flow in `crash-table-<engine>.md`, a table of all points and flows that have run.
pub fn save(engine: &str, name: &str, rows: &[Row]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let parts = folder.join(format!("crash-{engine}"));
    fs::create_dir_all(&parts).unwrap();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| format!("{}\t{}", row.point, if row.done_before { "replayed" } else { "executed" }))
        .collect();
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
        let mut position = 0;
        for (point, outcome) in part.lines().filter_map(|line| line.split_once('\t')) {
            // A point that several flows pass is listed where the first of them passes it.
            position = order.iter().position(|known| known == point).unwrap_or_else(|| {
                order.insert(position, point.to_owned());
                position
            }) + 1;
            cells.insert((point.to_owned(), flow.name), outcome.to_owned());
        }
    }
    let mut text = format!(
        "# Crash points and mutations on {engine}\n\n\
         The process was killed at the point and restarted, its due jobs ran, and the request was sent again with its\n\
         key. `executed`: the effect did not exist yet, and the retry produced it. `replayed`: the effect existed, and\n\
         the retry returned it. A job has no retry: `replayed` means that the transfer had been made. In every cell, the\n\
         result equals that of a run without a crash. {} crashes.\n\n| crash at |",
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
