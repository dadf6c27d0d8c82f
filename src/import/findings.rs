//! The findings of an import: records that were skipped or adjusted, counted by reason and, if requested, written to a
//! CSV file.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The position of a record in its file. Both numbers count from 1. The header is not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Number of the record.
    pub record: u64,
    /// Line of the file on which the record begins.
    pub line: u64,
}

/// What the import did with a record that is not valid as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The record was not imported.
    Skipped,
    /// The record was imported with a value corrected or left out.
    Adjusted,
}

/// Why a value is not valid as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Name of the column.
    pub field: &'static str,
    /// The problem. Problems are counted by this text, so it is the same for all problems of one kind.
    pub reason: &'static str,
    /// The value, shortened. Empty if the reason is sufficient.
    pub value: String,
}

/// Number of characters to which a value is shortened.
const MAX_VALUE_CHARS: usize = 80;

impl Problem {
    /// A problem with the value of a column.
    pub fn new(field: &'static str, reason: &'static str, value: &str) -> Problem {
        let mut value: String = value.chars().take(MAX_VALUE_CHARS + 1).collect();
        if let Some((end, _)) = value.char_indices().nth(MAX_VALUE_CHARS) {
            value.truncate(end);
            value.push('…');
        }
        Problem { field, reason, value }
    }
}

/// A group of findings with the same outcome, file, field and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What the import did with the records.
    pub outcome: Outcome,
    /// Name of the file.
    pub file: String,
    /// Name of the column.
    pub field: &'static str,
    /// The problem.
    pub reason: &'static str,
    /// Number of findings.
    pub count: u64,
    /// Number of the first record with this finding. `None` if the finding is not about a single record.
    pub first: Option<u64>,
}

type Key = (Outcome, Arc<str>, &'static str, &'static str);

#[derive(Debug, Default)]
struct Inner {
    groups: BTreeMap<Key, (u64, Option<u64>)>,
    rows: Option<csv::Writer<File>>,
    /// The first error of writing to the CSV file.
    write_error: Option<String>,
}

/// Collects findings from the thread that reads and from the task that stores. Clones share the same findings.
#[derive(Clone, Debug, Default)]
pub struct Findings(Arc<Mutex<Inner>>);

impl Findings {
    /// Only counts findings.
    pub fn count_only() -> Findings {
        Findings::default()
    }

    /// Counts findings and writes each of them to a CSV file.
    pub fn write_to(path: &Path) -> Result<Findings, csv::Error> {
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
                inner.write_error.get_or_insert(error.to_string());
                inner.rows = None;
            }
        }
    }

    /// Adds a number of findings that are not about a single record.
    pub fn add_many(&self, outcome: Outcome, file: &Arc<str>, field: &'static str, reason: &'static str, more: u64) {
        if more > 0 {
            let mut inner = self.inner();
            inner.groups.entry((outcome, file.clone(), field, reason)).or_insert((0, None)).0 += more;
        }
    }

    /// Returns all findings so far, skipped records first and then by number, and the error of writing to the CSV file,
    /// if there was one.
    pub fn finish(&self) -> (Vec<Group>, Option<String>) {
        let mut inner = self.inner();
        if let Some(Err(error)) = inner.rows.as_mut().map(|rows| rows.flush()) {
            inner.write_error.get_or_insert(error.to_string());
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
        (groups, inner.write_error.clone())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_counted_by_reason_and_skipped_records_come_first() {
        let findings = Findings::count_only();
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
        assert_eq!(Problem::new("x", "y", &"é".repeat(200)).value.chars().count(), MAX_VALUE_CHARS + 1);
        assert_eq!(Problem::new("x", "y", "short").value, "short");
    }
}
