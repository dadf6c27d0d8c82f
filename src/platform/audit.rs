//! Runs the checks of an audit on one snapshot of the database and collects their findings, and figures for metrics.
//!
//! **Invariant:** an audit writes nothing and keeps no more rows in memory than it reports. Counting is done by the
//! database. Rows that must be checked one by one are read page by page.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, TryGetable};
use uuid::Uuid;

use super::clock::Clock;
use super::database::{Database, Transaction, is_postgres};
use crate::kernel::id::{Id, Kind};
use crate::kernel::money::Money;

/// How long an operation may be in progress. After that it is considered stuck.
const IN_FLIGHT: TimeDelta = TimeDelta::hours(1);

/// A condition, and the SQL that finds the rows that violate it.
///
/// The SQL may contain the placeholders `{now}`, `{hour_ago}` and `{day_ago}`, and must run on both engines.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// The name of the check in metrics, in snake case.
    pub name: &'static str,
    /// The condition, as a sentence.
    pub description: &'static str,
    /// The kind of object that the column `id` of a violation identifies. None if violations have a `name` instead.
    pub kind: Option<Kind>,
    /// The rows that the check covers, as SQL after FROM. They are counted for the report.
    pub rows: &'a str,
    /// A SELECT of the violations. Its columns are `id` or `name`, and `note`; optionally `booking_id`, and `wanted`
    /// and `found`, which are amounts in minor units if there is a `currency`.
    pub violations: &'a str,
}

/// A violation of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The typed id of the object, or a name.
    pub subject: String,
    /// The typed id of the booking that the object belongs to. None if there is none or if it is the subject.
    pub booking: Option<String>,
    /// What is wrong.
    pub note: String,
}

/// The result of a check.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The name of the check.
    pub name: &'static str,
    /// The condition.
    pub description: &'static str,
    /// The number of rows that were checked.
    pub rows: u64,
    /// The number of findings.
    pub findings: u64,
    /// The first findings, up to the limit of the audit.
    pub first_findings: Vec<Finding>,
    /// The duration of the check in seconds.
    pub seconds: f64,
}

/// One sample of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The name of the metric.
    pub metric: &'static str,
    /// The description of the metric.
    pub description: &'static str,
    /// The labels with their values.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: i64,
}

/// A running audit.
pub struct Audit {
    snapshot: Transaction,
    now: DateTime<Utc>,
    limit: usize,
    outcomes: Vec<Outcome>,
    figures: Vec<Figure>,
}

/// A check in code that reads its rows page by page.
pub struct Tally {
    outcome: Outcome,
    limit: usize,
    began: Instant,
}

impl Tally {
    /// Counts rows that were checked.
    pub fn count_rows(&mut self, rows: usize) {
        self.outcome.rows += rows as u64;
    }

    /// Counts a finding, and stores it unless the limit is reached.
    pub fn add_finding(&mut self, subject: Id, booking: Option<Uuid>, note: impl Into<String>) {
        self.outcome.findings += 1;
        if self.outcome.first_findings.len() < self.limit {
            let booking = booking.map(|id| Id::new(Kind::Booking, id).to_string());
            self.outcome.first_findings.push(Finding { subject: subject.to_string(), booking, note: note.into() });
        }
    }
}

impl Audit {
    /// Opens the snapshot. The first `limit` findings of each check are stored.
    pub async fn begin(db: &Database, clock: &Clock, limit: usize) -> Result<Audit, DbErr> {
        let (snapshot, now) = (db.begin_snapshot().await?, clock.now());
        Ok(Audit { snapshot, now, limit, outcomes: Vec::new(), figures: Vec::new() })
    }

    /// The snapshot, for checks in code.
    pub fn snapshot(&self) -> &Transaction {
        &self.snapshot
    }

    /// Whether an operation that made its last change at this time may still be in progress.
    pub fn is_in_flight(&self, changed_at: DateTime<Utc>) -> bool {
        changed_at > self.now - IN_FLIGHT
    }

    /// The SQL expression of the number of days from one date to another.
    pub fn days(&self, from: &str, to: &str) -> String {
        if is_postgres(&self.snapshot) {
            format!("({to} - {from})")
        } else {
            format!("CAST(julianday({to}) - julianday({from}) AS INTEGER)")
        }
    }

    /// Runs one check.
    pub async fn check(&mut self, check: Check<'_>) -> Result<(), DbErr> {
        let mut tally = self.begin_check(check.name, check.description);
        let count_sql = |from: &str| format!("SELECT count(*) AS n FROM {from}");
        tally.outcome.rows = self.count(&count_sql(check.rows)).await?;
        tally.outcome.findings = self.count(&count_sql(&format!("({}) AS violations", check.violations))).await?;
        if tally.outcome.findings > 0 {
            let first = format!("SELECT * FROM ({}) AS violations LIMIT {}", check.violations, self.limit);
            for row in self.rows(&first).await? {
                tally.outcome.first_findings.push(parse_finding(&row, check.kind)?);
            }
        }
        self.end_check(tally);
        Ok(())
    }

    /// Begins a check in code, which reads its rows page by page.
    pub fn begin_check(&self, name: &'static str, description: &'static str) -> Tally {
        let outcome = Outcome { name, description, rows: 0, findings: 0, first_findings: Vec::new(), seconds: 0.0 };
        Tally { outcome, limit: self.limit, began: Instant::now() }
    }

    /// Ends such a check.
    pub fn end_check(&mut self, mut tally: Tally) {
        tally.outcome.seconds = tally.began.elapsed().as_secs_f64();
        self.outcomes.push(tally.outcome);
    }

    /// Adds a figure for each row of a SELECT, whose columns are the labels, as text, and `value`.
    pub async fn add_figures(
        &mut self,
        metric: &'static str,
        description: &'static str,
        labels: &[&'static str],
        select: &str,
    ) -> Result<(), DbErr> {
        for row in self.rows(select).await? {
            let read = |label: &'static str| Ok::<_, DbErr>((label, row.try_get::<String>("", label)?));
            let labels = labels.iter().map(|&label| read(label)).collect::<Result<_, _>>()?;
            self.figures.push(Figure { metric, description, labels, value: row.try_get("", "value")? });
        }
        Ok(())
    }

    /// Closes the snapshot. Returns the results of the checks, and the figures.
    pub async fn finish(self) -> Result<(Vec<Outcome>, Vec<Figure>), DbErr> {
        self.snapshot.rollback().await?;
        Ok((self.outcomes, self.figures))
    }

    async fn count(&self, sql: &str) -> Result<u64, DbErr> {
        let rows = self.rows(sql).await?;
        let count = rows.first().map(|row| row.try_get::<i64>("", "n")).transpose()?;
        Ok(count.unwrap_or(0).unsigned_abs())
    }

    /// The rows of a statement whose placeholders are replaced.
    pub async fn rows(&self, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
        let times =
            [("{now}", self.now), ("{hour_ago}", self.now - IN_FLIGHT), ("{day_ago}", self.now - TimeDelta::days(1))];
        let (mut sql, mut values) = (sql.to_owned(), Vec::new());
        for (placeholder, at) in times {
            if sql.contains(placeholder) {
                values.push(at.into());
                sql = sql.replace(placeholder, &format!("${}", values.len()));
            }
        }
        let backend = self.snapshot.get_database_backend();
        self.snapshot.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await
    }
}

fn parse_finding(row: &QueryResult, kind: Option<Kind>) -> Result<Finding, DbErr> {
    let columns = row.column_names();
    let subject = match kind {
        Some(kind) => Id::new(kind, row.try_get("", "id")?).to_string(),
        None => row.try_get("", "name")?,
    };
    let mut note: String = row.try_get("", "note")?;
    let wanted = optional_column::<i64>(row, &columns, "wanted")?;
    if let (Some(wanted), Some(found)) = (wanted, optional_column::<i64>(row, &columns, "found")?) {
        let currency = optional_column::<String>(row, &columns, "currency")?;
        let amount = |minor: i64| match currency.as_deref() {
            Some(code) => {
                code.parse().map_or(format!("{minor} {code}"), |currency| Money::new(minor, currency).to_string())
            }
            None => minor.to_string(),
        };
        note = format!("{note}: {} instead of {}", amount(found), amount(wanted));
    }
    let booking =
        optional_column::<Uuid>(row, &columns, "booking_id")?.map(|id| Id::new(Kind::Booking, id).to_string());
    Ok(Finding { booking: booking.filter(|booking| *booking != subject), subject, note })
}

fn optional_column<T: TryGetable>(row: &QueryResult, columns: &[String], name: &str) -> Result<Option<T>, DbErr> {
    if columns.iter().any(|column| column == name) { row.try_get("", name) } else { Ok(None) }
}
