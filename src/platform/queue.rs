//! The durable queue: jobs are rows, written in the transaction that wants them, leased, retried and done.
//!
//! **Invariant:** a job runs at least once after its time; every handler is safe to repeat.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::prelude::Json;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    Select, Set, Statement, Unchanged,
};
use tokio::sync::Notify;
use uuid::Uuid;

use super::clock::Clock;
use super::database::{Database, is_postgres, skip_locked};

#[expect(missing_docs, reason = "the steps of the schema describe the columns")]
mod table {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "job")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub kind: String,
        pub payload: Json,
        pub run_at: ChronoDateTimeUtc,
        pub attempts: i32,
        pub max_attempts: i32,
        pub locked_until: ChronoDateTimeUtc,
        pub last_error: Option<String>,
        pub created_at: ChronoDateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub use table::Model as Job;

/// How long a worker has for one job before another may take it.
pub const LEASE: Duration = Duration::from_secs(60);
const MAX_ATTEMPTS: i32 = 20;
const MAX_BACKOFF_S: i64 = 3_600;

/// Tells a worker in this process that there is something new.
#[derive(Clone, Default)]
pub struct Queue(Arc<Notify>);

impl Queue {
    /// Wakes the worker; to be called after the commit that wrote the job.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Waits for the next call of [`Queue::wake`].
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}

/// A job to be written.
pub struct NewJob<'a> {
    /// Which handler runs it.
    pub kind: &'a str,
    /// What the handler is told.
    pub payload: Json,
    /// When to run it.
    pub run_at: DateTime<Utc>,
}

impl<'a> NewJob<'a> {
    /// A job about one thing. Asking again while one waits makes a second job: a running one may have looked already.
    pub fn about(kind: &'a str, id: Uuid, run_at: DateTime<Utc>) -> Self {
        NewJob { kind, payload: Json::String(id.to_string()), run_at }
    }
}

impl Job {
    /// What a job made by [`NewJob::about`] is about.
    pub fn about(&self) -> Option<Uuid> {
        self.payload.as_str()?.parse().ok()
    }
}

/// Writes a job in the caller's transaction.
pub async fn enqueue(txn: &impl ConnectionTrait, clock: &Clock, job: NewJob<'_>) -> Result<(), DbErr> {
    let now = clock.now();
    let row = table::ActiveModel {
        id: Set(clock.id()),
        kind: Set(job.kind.to_owned()),
        payload: Set(job.payload),
        run_at: Set(job.run_at),
        attempts: Set(0),
        max_attempts: Set(MAX_ATTEMPTS),
        locked_until: Set(now),
        last_error: Set(None),
        created_at: Set(now),
    };
    table::Entity::insert(row).exec_without_returning(txn).await.map(|_| ())
}

/// Leases up to `most` due jobs for [`LEASE`].
pub async fn lease(db: &Database, clock: &Clock, most: u32) -> Result<Vec<Job>, DbErr> {
    let now = clock.now();
    let until = now + LEASE;
    let connection = db.write();
    let mark = |n: u8| if is_postgres(connection) { format!("${n}") } else { format!("?{n}") };
    let sql = format!(
        "UPDATE job SET locked_until = {until}, attempts = attempts + 1 WHERE id IN (SELECT id FROM job WHERE \
         run_at <= {now} AND locked_until <= {now} AND attempts < max_attempts ORDER BY run_at LIMIT {most}{skip}) \
         RETURNING *",
        until = mark(1),
        now = mark(2),
        skip = skip_locked(connection),
    );
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [until.into(), now.into()]);
    table::Entity::find().from_raw_sql(statement).all(connection).await
}

/// Removes a job that is done.
pub async fn done(db: &Database, job: &Job) -> Result<(), DbErr> {
    table::Entity::delete_by_id(job.id).exec(db.write()).await.map(|_| ())
}

/// Removes jobs that are done.
pub async fn all_done(db: &Database, jobs: &[Uuid]) -> Result<(), DbErr> {
    let done = table::Entity::delete_many().filter(table::Column::Id.is_in(jobs.iter().copied()));
    done.exec(db.write()).await.map(|_| ())
}

/// Puts a failed job back, to be tried again later: after 1, 2, 4 … seconds, at most an hour.
pub async fn failed(db: &Database, clock: &Clock, job: &Job, error: &str) -> Result<(), DbErr> {
    let exponent = u32::try_from(job.attempts.clamp(1, 13) - 1).unwrap_or(0);
    let wait = TimeDelta::seconds(std::cmp::min(1_i64 << exponent, MAX_BACKOFF_S));
    let now = clock.now();
    table::ActiveModel {
        id: Unchanged(job.id),
        run_at: Set(now + wait),
        locked_until: Set(now),
        last_error: Set(Some(error.chars().take(2_000).collect())),
        ..Default::default()
    }
    .update(db.write())
    .await
    .map(|_| ())
}

/// When the next job is due, if any waits.
pub async fn next_due(db: &Database) -> Result<Option<DateTime<Utc>>, DbErr> {
    let next = waiting().order_by_asc(table::Column::RunAt).one(db.read()).await?;
    Ok(next.map(|job| std::cmp::max(job.run_at, job.locked_until)))
}

/// How many jobs are due and not done.
pub async fn due(db: &Database, clock: &Clock) -> Result<u64, DbErr> {
    waiting().filter(table::Column::RunAt.lte(clock.now())).count(db.read()).await
}

/// Jobs that have tries left.
fn waiting() -> Select<table::Entity> {
    table::Entity::find().filter(Expr::col(table::Column::Attempts).lt(Expr::col(table::Column::MaxAttempts)))
}
