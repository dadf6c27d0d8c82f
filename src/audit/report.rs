//! The report of an audit: as text, as JSON and as metrics.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::platform::audit::{Figure, Outcome};

/// The result of an audit.
#[derive(Clone, Debug)]
pub struct Report {
    /// When the snapshot was taken.
    pub at: DateTime<Utc>,
    /// The result of each check.
    pub checks: Vec<Outcome>,
    /// Further figures for metrics.
    pub figures: Vec<Figure>,
}

impl Report {
    /// The number of findings of all checks.
    pub fn findings(&self) -> u64 {
        self.checks.iter().map(|check| check.findings).sum()
    }

    /// Whether all checks passed.
    pub fn passed(&self) -> bool {
        self.findings() == 0
    }

    fn seconds(&self) -> f64 {
        self.checks.iter().map(|check| check.seconds).sum()
    }

    /// The report as text: one line for each check, and its findings below it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for check in &self.checks {
            let sign = if check.findings == 0 { '✓' } else { '✗' };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{sign} {:<18} {:>10} rows {:>7.2} s  {}",
                check.name, check.rows, check.seconds, check.description
            );
            for finding in &check.first_findings {
                let booking = finding.booking.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
                let _ = writeln!(text, "    {}{booking}: {}", finding.subject, one_line(&finding.note));
            }
            let more = check.findings.saturating_sub(check.first_findings.len() as u64);
            if more > 0 {
                let _ = writeln!(text, "    … and {more} more");
            }
        }
        let failed = self.checks.iter().filter(|check| check.findings > 0).count();
        let at = self.at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let seconds = self.seconds();
        let _ = match failed {
            0 => writeln!(text, "All {} checks passed at {at}, in {seconds:.1} s.", self.checks.len()),
            _ => writeln!(
                text,
                "{failed} of {} checks failed at {at}, with {} findings, in {seconds:.1} s.",
                self.checks.len(),
                self.findings()
            ),
        };
        text
    }

    /// The report as JSON.
    pub fn json(&self) -> String {
        let checks = self.checks.iter().map(|check| {
            let findings = check.first_findings.iter().map(
                |finding| json!({ "subject": finding.subject, "bookingId": finding.booking, "note": finding.note }),
            );
            json!({
                "name": check.name,
                "says": check.description,
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
            "holds": self.passed(),
            "findings": self.findings(),
            "seconds": self.seconds(),
            "checks": checks.collect::<Vec<Value>>(),
            "figures": figures.collect::<Vec<Value>>(),
        });
        format!("{report:#}\n")
    }

    /// The report as metrics, in the text format that Prometheus and the textfile collector of its node exporter read.
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        let mut family = |metric: &str, help: &str, samples: Vec<(Vec<(&str, &str)>, String)>| {
            let _ = writeln!(text, "# HELP {metric} {help}\n# TYPE {metric} gauge");
            for (labels, value) in samples {
                let labels: Vec<_> =
                    labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escape_label(value))).collect();
                let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
                let _ = writeln!(text, "{metric}{labels} {value}");
            }
        };
        let each = |value: fn(&Outcome) -> String| {
            self.checks.iter().map(|check| (vec![("check", check.name)], value(check))).collect()
        };
        family("roost_audit_findings", "Number of findings of a check.", each(|check| check.findings.to_string()));
        family("roost_audit_rows", "Number of rows that a check read.", each(|check| check.rows.to_string()));
        family(
            "roost_audit_check_seconds",
            "Duration of a check in seconds.",
            each(|check| format!("{:.6}", check.seconds)),
        );
        let one = |value: String| vec![(Vec::new(), value)];
        family("roost_audit_seconds", "Duration of all checks in seconds.", one(format!("{:.6}", self.seconds())));
        let at = self.at.timestamp().to_string();
        family("roost_audit_timestamp_seconds", "Time of the snapshot, in seconds since 1970.", one(at));
        for figures in self.figures.chunk_by(|one, next| one.metric == next.metric) {
            let Some(first) = figures.first() else { continue };
            let samples = figures.iter().map(|figure| {
                let labels = figure.labels.iter().map(|(label, value)| (*label, value.as_str()));
                (labels.collect(), figure.value.to_string())
            });
            family(first.metric, first.description, samples.collect());
        }
        text
    }
}

/// A note in one line. Control characters are replaced, because a terminal would execute them.
fn one_line(note: &str) -> String {
    note.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The value of a label with the escapes of the text format.
fn escape_label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
