//! What an audit found, for people, for programs and for metrics.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::platform::audit::{Figure, Outcome};

/// What an audit found.
#[derive(Clone, Debug)]
pub struct Report {
    /// When the snapshot was taken.
    pub at: DateTime<Utc>,
    /// What came of each check.
    pub checks: Vec<Outcome>,
    /// The figures for metrics.
    pub figures: Vec<Figure>,
}

impl Report {
    /// How many faults there are.
    pub fn findings(&self) -> u64 {
        self.checks.iter().map(|check| check.findings).sum()
    }

    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.findings() == 0
    }

    fn seconds(&self) -> f64 {
        self.checks.iter().map(|check| check.seconds).sum()
    }

    /// For people: a line for each check, its findings below it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for check in &self.checks {
            let sign = if check.findings == 0 { '✓' } else { '✗' };
            // Writing to a text does not fail.
            let _ = writeln!(
                text,
                "{sign} {:<18} {:>10} rows {:>7.2} s  {}",
                check.name, check.rows, check.seconds, check.says
            );
            for finding in &check.shown {
                let booking = finding.booking.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
                let _ = writeln!(text, "    {}{booking}: {}", finding.subject, one_line(&finding.note));
            }
            let more = check.findings.saturating_sub(check.shown.len() as u64);
            if more > 0 {
                let _ = writeln!(text, "    … and {more} more");
            }
        }
        let broken = self.checks.iter().filter(|check| check.findings > 0).count();
        let at = self.at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let seconds = self.seconds();
        let _ = match broken {
            0 => writeln!(text, "All {} checks hold as of {at}; it took {seconds:.1} s.", self.checks.len()),
            _ => writeln!(
                text,
                "{broken} of {} checks do not hold as of {at}, with {} findings; it took {seconds:.1} s.",
                self.checks.len(),
                self.findings()
            ),
        };
        text
    }

    /// For programs.
    pub fn json(&self) -> String {
        let checks = self.checks.iter().map(|check| {
            let findings = check.shown.iter().map(
                |finding| json!({ "subject": finding.subject, "bookingId": finding.booking, "note": finding.note }),
            );
            json!({
                "name": check.name,
                "says": check.says,
                "holds": check.findings == 0,
                "rows": check.rows,
                "findings": check.findings,
                "seconds": check.seconds,
                "shown": findings.collect::<Vec<_>>(),
            })
        });
        let figures = self.figures.iter().map(|figure| {
            let labels = figure.labels.iter().map(|(label, value)| ((*label).to_owned(), json!(value)));
            json!({ "metric": figure.metric, "labels": labels.collect::<Map<_, _>>(), "value": figure.value })
        });
        let report = json!({
            "at": self.at,
            "holds": self.holds(),
            "findings": self.findings(),
            "seconds": self.seconds(),
            "checks": checks.collect::<Vec<Value>>(),
            "figures": figures.collect::<Vec<Value>>(),
        });
        format!("{report:#}\n")
    }

    /// For metrics: the text format that Prometheus and the textfile collector of its node exporter read.
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        let mut family = |metric: &str, says: &str, samples: Vec<(Vec<(&str, &str)>, String)>| {
            let _ = writeln!(text, "# HELP {metric} {says}\n# TYPE {metric} gauge");
            for (labels, value) in samples {
                let labels: Vec<_> = labels.iter().map(|(label, of)| format!("{label}=\"{}\"", escaped(of))).collect();
                let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
                let _ = writeln!(text, "{metric}{labels} {value}");
            }
        };
        let each = |value: fn(&Outcome) -> String| {
            self.checks.iter().map(|check| (vec![("check", check.name)], value(check))).collect()
        };
        family("roost_audit_findings", "Faults that a check found.", each(|check| check.findings.to_string()));
        family("roost_audit_rows", "Rows that a check looked at.", each(|check| check.rows.to_string()));
        family("roost_audit_check_seconds", "How long a check took.", each(|check| format!("{:.6}", check.seconds)));
        let one = |value: String| vec![(Vec::new(), value)];
        family("roost_audit_seconds", "How long the audit took.", one(format!("{:.6}", self.seconds())));
        let at = self.at.timestamp().to_string();
        family("roost_audit_timestamp_seconds", "When the audit took its snapshot.", one(at));
        for figures in self.figures.chunk_by(|one, next| one.metric == next.metric) {
            let Some(first) = figures.first() else { continue };
            let samples = figures.iter().map(|figure| {
                let labels = figure.labels.iter().map(|(label, of)| (*label, of.as_str()));
                (labels.collect(), figure.value.to_string())
            });
            family(first.metric, first.says, samples.collect());
        }
        text
    }
}

/// A note as one line, without control characters: a terminal would obey them.
fn one_line(note: &str) -> String {
    note.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The value of a label as the format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
