//! What an import could not take as it stood, counted by reason and, when asked for, written down row by row.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a record of a file begins; both numbers count from 1, and the header is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Which record.
    pub record: u64,
    /// Which line of the file.
    pub line: u64,
}

/// What became of something that could not be taken as it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The record was left out.
    Skipped,
    /// The record was taken with something put right or left out.
    Adjusted,
}

/// Why a value cannot be taken as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The column.
    pub field: &'static str,
    /// What is wrong; the same words for the same kind of problem, as they are counted by it.
    pub reason: &'static str,
    /// What stands there, shortened; empty when the reason says it all.
    pub value: String,
}

const LONGEST_VALUE: usize = 80;

impl Problem {
    /// A problem with what stands in a column.
    pub fn new(field: &'static str, reason: &'static str, value: &str) -> Problem {
        let mut value: String = value.chars().take(LONGEST_VALUE + 1).collect();
        if let Some((end, _)) = value.char_indices().nth(LONGEST_VALUE) {
            value.truncate(end);
            value.push('…');
        }
        Problem { field, reason, value }
    }
}

/// A group of findings with the same outcome, file, field and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What became of the records.
    pub outcome: Outcome,
    /// The file's name.
    pub file: String,
    /// The column.
    pub field: &'static str,
    /// What was wrong.
    pub reason: &'static str,
    /// How often.
    pub count: u64,
    /// The first record it was found in; nothing when it is about no single record.
    pub first: Option<u64>,
}

type Key = (Outcome, Arc<str>, &'static str, &'static str);

#[derive(Debug, Default)]
struct Inner {
    groups: BTreeMap<Key, (u64, Option<u64>)>,
    rows: Option<csv::Writer<File>>,
    /// The first reason why rows could not be written down.
    broken: Option<String>,
}

/// Collects findings from the reading and the writing side at once; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Findings(Arc<Mutex<Inner>>);

impl Findings {
    /// Collects counts alone.
    pub fn counted() -> Findings {
        Findings::default()
    }

    /// Collects counts, and writes each finding into a CSV file.
    pub fn written_to(path: &Path) -> Result<Findings, csv::Error> {
        let mut rows = csv::Writer::from_path(path)?;
        rows.write_record(["file", "record", "line", "id", "field", "outcome", "reason", "value"])?;
        rows.flush()?;
        Ok(Findings(Arc::new(Mutex::new(Inner { rows: Some(rows), ..Inner::default() }))))
    }

    /// Adds one finding about a record.
    pub fn add(&self, outcome: Outcome, file: &Arc<str>, at: Option<At>, id: &str, problem: &Problem) {
        self.add_times(outcome, file, at, id, problem, 1);
    }

    /// Adds one finding that counts several times.
    pub fn add_times(
        &self,
        outcome: Outcome,
        file: &Arc<str>,
        at: Option<At>,
        id: &str,
        problem: &Problem,
        times: u64,
    ) {
        let mut inner = self.inner();
        let key = (outcome, file.clone(), problem.field, problem.reason);
        let (count, _) = inner.groups.entry(key).or_insert((0, at.map(|at| at.record)));
        *count += times;
        if let Some(rows) = &mut inner.rows {
            let (record, line) = at.map(|at| (at.record.to_string(), at.line.to_string())).unwrap_or_default();
            let outcome = match outcome {
                Outcome::Skipped => "skipped",
                Outcome::Adjusted => "adjusted",
            };
            let written =
                rows.write_record([file, &*record, &line, id, problem.field, outcome, problem.reason, &problem.value]);
            if let Err(error) = written {
                inner.broken.get_or_insert(error.to_string());
                inner.rows = None;
            }
        }
    }

    /// Adds a count of things that are about no single record.
    pub fn add_many(&self, outcome: Outcome, file: &Arc<str>, field: &'static str, reason: &'static str, more: u64) {
        if more > 0 {
            let mut inner = self.inner();
            inner.groups.entry((outcome, file.clone(), field, reason)).or_insert((0, None)).0 += more;
        }
    }

    /// Everything found so far, what was skipped first, the most frequent first; and why rows could not be written
    /// down, if so.
    pub fn finish(&self) -> (Vec<Group>, Option<String>) {
        let mut inner = self.inner();
        if let Some(Err(error)) = inner.rows.as_mut().map(|rows| rows.flush()) {
            inner.broken.get_or_insert(error.to_string());
        }
        let mut groups: Vec<Group> = inner
            .groups
            .iter()
            .map(|((outcome, file, field, reason), (count, first))| Group {
                outcome: *outcome,
                file: file.to_string(),
                field,
                reason,
                count: *count,
                first: *first,
            })
            .collect();
        groups.sort_by_key(|group| (group.outcome, std::cmp::Reverse(group.count)));
        (groups, inner.broken.clone())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_counted_by_reason_and_skips_come_first() {
        let findings = Findings::counted();
        let file: Arc<str> = "a.csv".into();
        let at = |record| Some(At { record, line: record + 1 });
        for record in [3, 7] {
            let problem = Problem::new("price", "is no amount of money", "much");
            findings.add(Outcome::Adjusted, &file, at(record), "1", &problem);
        }
        findings.add(Outcome::Skipped, &file, at(9), "", &Problem::new("id", "is missing", ""));
        findings.add_many(Outcome::Skipped, &file, "date", "is taken", 5);
        findings.add_many(Outcome::Skipped, &file, "date", "is never counted", 0);
        let (groups, broken) = findings.finish();
        let seen: Vec<_> = groups.iter().map(|g| (g.outcome, g.field, g.count, g.first)).collect();
        assert_eq!(
            seen,
            [
                (Outcome::Skipped, "date", 5, None),
                (Outcome::Skipped, "id", 1, Some(9)),
                (Outcome::Adjusted, "price", 2, Some(3)),
            ]
        );
        assert_eq!(broken, None);
    }

    #[test]
    fn long_values_are_shortened() {
        assert_eq!(Problem::new("x", "y", &"é".repeat(200)).value.chars().count(), LONGEST_VALUE + 1);
        assert_eq!(Problem::new("x", "y", "short").value, "short");
    }
}
