//! Auditing the database: checks that answer with what does not hold, all on one snapshot, and figures beside them.
//!
//! **Invariant:** an audit writes nothing, and keeps no more rows than it shows: what is counted is counted by the
//! database, and what has to be looked at row by row is read page by page.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, TryGetable};
use uuid::Uuid;

use super::clock::Clock;
use super::database::{Database, Transaction, is_postgres};
use crate::kernel::id::{Id, Kind};
use crate::kernel::money::Money;

/// What may be on its way for so long is stuck after it.
const IN_FLIGHT: TimeDelta = TimeDelta::hours(1);

/// Something that must hold, and the statement that finds what does not.
///
/// Statements may say `{now}`, `{hour_ago}` and `{day_ago}`, and run on both engines.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// Its name in metrics, in snake case.
    pub name: &'static str,
    /// What must hold, in a sentence.
    pub says: &'static str,
    /// What the column `id` of a fault names; nothing when faults have a `name` instead.
    pub kind: Option<Kind>,
    /// The rows that are looked at, as they stand after FROM.
    pub looks_at: &'a str,
    /// A SELECT of the faults: `id` or `name`, `note`, and, where they say more, `booking_id`, and `wanted` and
    /// `found`, which are minor units where there is a `currency`.
    pub faults: &'a str,
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about: an id as clients see it, or a name.
    pub subject: String,
    /// The booking it belongs to, as clients see it, unless that is the subject.
    pub booking: Option<String>,
    /// What is wrong.
    pub note: String,
}

/// What came of a check.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The name of the check.
    pub name: &'static str,
    /// What must hold.
    pub says: &'static str,
    /// How many rows were looked at.
    pub rows: u64,
    /// How many faults there are.
    pub findings: u64,
    /// The first of them.
    pub shown: Vec<Finding>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// A number for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The name of the metric.
    pub metric: &'static str,
    /// What the metric says.
    pub says: &'static str,
    /// Its labels and their values.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: i64,
}

/// An audit under way.
pub struct Audit {
    snapshot: Transaction,
    now: DateTime<Utc>,
    most: usize,
    outcomes: Vec<Outcome>,
    figures: Vec<Figure>,
}

/// A check whose rows are looked at page by page.
pub struct Tally {
    outcome: Outcome,
    most: usize,
    began: Instant,
}

impl Tally {
    /// Counts rows that were looked at.
    pub fn look(&mut self, rows: usize) {
        self.outcome.rows += rows as u64;
    }

    /// Counts a fault, and keeps it while there is room.
    pub fn find(&mut self, subject: Id, booking: Option<Uuid>, note: impl Into<String>) {
        self.outcome.findings += 1;
        if self.outcome.shown.len() < self.most {
            let booking = booking.map(|id| Id::new(Kind::Booking, id).to_string());
            self.outcome.shown.push(Finding { subject: subject.to_string(), booking, note: note.into() });
        }
    }
}

impl Audit {
    /// Takes the snapshot; `most` faults of each check will be shown.
    pub async fn begin(db: &Database, clock: &Clock, most: usize) -> Result<Audit, DbErr> {
        let (snapshot, now) = (db.begin_snapshot().await?, clock.now());
        Ok(Audit { snapshot, now, most, outcomes: Vec::new(), figures: Vec::new() })
    }

    /// The snapshot, for what is read page by page.
    pub fn snapshot(&self) -> &Transaction {
        &self.snapshot
    }

    /// Whether what changed last at that instant may still be on its way.
    pub fn is_in_flight(&self, changed_at: DateTime<Utc>) -> bool {
        changed_at > self.now - IN_FLIGHT
    }

    /// The number of days from one date to another, as an expression.
    pub fn days(&self, from: &str, to: &str) -> String {
        if is_postgres(&self.snapshot) {
            format!("({to} - {from})")
        } else {
            format!("CAST(julianday({to}) - julianday({from}) AS INTEGER)")
        }
    }

    /// Runs one check.
    pub async fn check(&mut self, check: Check<'_>) -> Result<(), DbErr> {
        let mut tally = self.open(check.name, check.says);
        let count = |from: &str| format!("SELECT count(*) AS n FROM {from}");
        tally.outcome.rows = self.number(&count(check.looks_at)).await?;
        tally.outcome.findings = self.number(&count(&format!("({}) AS faults", check.faults))).await?;
        if tally.outcome.findings > 0 {
            let first = format!("SELECT * FROM ({}) AS faults LIMIT {}", check.faults, self.most);
            for row in self.rows(&first).await? {
                tally.outcome.shown.push(finding(&row, check.kind)?);
            }
        }
        self.close(tally);
        Ok(())
    }

    /// Begins a check whose rows are looked at page by page.
    pub fn open(&self, name: &'static str, says: &'static str) -> Tally {
        let outcome = Outcome { name, says, rows: 0, findings: 0, shown: Vec::new(), seconds: 0.0 };
        Tally { outcome, most: self.most, began: Instant::now() }
    }

    /// Ends it.
    pub fn close(&mut self, mut tally: Tally) {
        tally.outcome.seconds = tally.began.elapsed().as_secs_f64();
        self.outcomes.push(tally.outcome);
    }

    /// Adds a figure for each row of a SELECT of the labels, as text, and `value`.
    pub async fn figures(
        &mut self,
        metric: &'static str,
        says: &'static str,
        labels: &[&'static str],
        select: &str,
    ) -> Result<(), DbErr> {
        for row in self.rows(select).await? {
            let read = |label: &'static str| Ok::<_, DbErr>((label, row.try_get::<String>("", label)?));
            let labels = labels.iter().map(|&label| read(label)).collect::<Result<_, _>>()?;
            self.figures.push(Figure { metric, says, labels, value: row.try_get("", "value")? });
        }
        Ok(())
    }

    /// Lets the snapshot go; what came of the checks, and the figures.
    pub async fn finish(self) -> Result<(Vec<Outcome>, Vec<Figure>), DbErr> {
        self.snapshot.rollback().await?;
        Ok((self.outcomes, self.figures))
    }

    async fn number(&self, sql: &str) -> Result<u64, DbErr> {
        let rows = self.rows(sql).await?;
        let number = rows.first().map(|row| row.try_get::<i64>("", "n")).transpose()?;
        Ok(number.unwrap_or(0).unsigned_abs())
    }

    /// The rows of a statement with the instants put in their places.
    pub async fn rows(&self, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
        let instants =
            [("{now}", self.now), ("{hour_ago}", self.now - IN_FLIGHT), ("{day_ago}", self.now - TimeDelta::days(1))];
        let (mut sql, mut values) = (sql.to_owned(), Vec::new());
        for (mark, at) in instants {
            if sql.contains(mark) {
                values.push(at.into());
                sql = sql.replace(mark, &format!("${}", values.len()));
            }
        }
        let backend = self.snapshot.get_database_backend();
        self.snapshot.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await
    }
}

fn finding(row: &QueryResult, kind: Option<Kind>) -> Result<Finding, DbErr> {
    let columns = row.column_names();
    let subject = match kind {
        Some(kind) => Id::new(kind, row.try_get("", "id")?).to_string(),
        None => row.try_get("", "name")?,
    };
    let mut note: String = row.try_get("", "note")?;
    let wanted = if_there::<i64>(row, &columns, "wanted")?;
    if let (Some(wanted), Some(found)) = (wanted, if_there::<i64>(row, &columns, "found")?) {
        let currency = if_there::<String>(row, &columns, "currency")?;
        let amount = |minor: i64| match currency.as_deref() {
            Some(code) => code.parse().map_or(format!("{minor} {code}"), |known| Money::new(minor, known).to_string()),
            None => minor.to_string(),
        };
        note = format!("{note}: {} where {} should be", amount(found), amount(wanted));
    }
    let booking = if_there::<Uuid>(row, &columns, "booking_id")?.map(|id| Id::new(Kind::Booking, id).to_string());
    Ok(Finding { booking: booking.filter(|booking| *booking != subject), subject, note })
}

fn if_there<T: TryGetable>(row: &QueryResult, columns: &[String], name: &str) -> Result<Option<T>, DbErr> {
    if columns.iter().any(|column| column == name) { row.try_get("", name) } else { Ok(None) }
}
