//! The durable queue: jobs are rows, written in the transaction that wants them, leased, retried and done.
//!
//! **Invariant:** a job runs at least once after its time; every handler is safe to repeat. Only the holder of a job's
//! lease settles it. A job that has used up its tries is a dead letter: it stays, and does not run until requeued.
//!
//! Ours, because we found no crate that writes a job in a SeaORM transaction on both engines: sqlxmq, underway,
//! graphile_worker and awa are for Postgres alone, and apalis knows sqlx's and Diesel's connections, not SeaORM's.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::prelude::Json;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, Select, Set, Statement,
    UpdateMany,
};
use tokio::sync::Notify;
use uuid::Uuid;

use super::clock::Clock;
use super::database::{Database, is_postgres, skip_locked};

mod admin;
mod audit;

pub use super::queue::admin::{Shown, State, Stats, Wanted, delete, list, requeue, requeue_dead, state, stats};
pub use audit::audit;

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
        pub lease: Option<Uuid>,
        pub died_at: Option<ChronoDateTimeUtc>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub use table::Model as Job;

/// How long a worker has for one job before another may take it, unless it renews the lease.
pub const LEASE: Duration = Duration::from_secs(60);
const MAX_ATTEMPTS: i32 = 20;
const MAX_BACKOFF_S: i64 = 3_600;
/// By how many thousandths a wait is longer or shorter at most.
const JITTER_PER_MILLE: i64 = 200;

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
        lease: Set(None),
        died_at: Set(None),
    };
    table::Entity::insert(row).exec_without_returning(txn).await.map(|_| ())
}

/// Leases up to `most` due jobs for [`LEASE`].
///
/// A job whose last worker was lost on its last try comes with more `attempts` than it may have: it is not to be run
/// again but to be [`failed`], so that it is known to be dead.
pub async fn lease(db: &Database, clock: &Clock, most: u32) -> Result<Vec<Job>, DbErr> {
    let now = clock.now();
    let connection = db.write();
    let mark = |n: u8| if is_postgres(connection) { format!("${n}") } else { format!("?{n}") };
    let sql = format!(
        "UPDATE job SET locked_until = {until}, lease = {lease}, attempts = attempts + 1 WHERE id IN (SELECT id FROM \
         job WHERE died_at IS NULL AND run_at <= {now} AND locked_until <= {now} ORDER BY run_at LIMIT {most}{skip}) \
         RETURNING *",
        until = mark(1),
        now = mark(2),
        lease = mark(3),
        skip = skip_locked(connection),
    );
    let values = [(now + LEASE).into(), now.into(), clock.id().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    table::Entity::find().from_raw_sql(statement).all(connection).await
}

/// Renews the lease for another [`LEASE`]. Answers false when it is not ours any more: then somebody else runs the job.
pub async fn renew(db: &Database, clock: &Clock, job: &Job) -> Result<bool, DbErr> {
    let renewed = held(job).col_expr(table::Column::LockedUntil, Expr::value(clock.now() + LEASE));
    Ok(renewed.exec(db.write()).await?.rows_affected == 1)
}

/// Removes a job that is done. Answers false when its lease was not ours any more; then the job stays.
pub async fn done(db: &Database, job: &Job) -> Result<bool, DbErr> {
    let done = table::Entity::delete_many().filter(table::Column::Id.eq(job.id));
    let done = done.filter(table::Column::Lease.eq(job.lease)).exec(db.write()).await?;
    Ok(done.rows_affected == 1)
}

/// Removes those of a batch that are done and whose lease is still ours.
pub async fn all_done(db: &Database, jobs: &[Job]) -> Result<(), DbErr> {
    let done = table::Entity::delete_many()
        .filter(table::Column::Id.is_in(jobs.iter().map(|job| job.id)))
        .filter(table::Column::Lease.is_in(jobs.iter().filter_map(|job| job.lease)));
    done.exec(db.write()).await.map(|_| ())
}

/// What became of a job that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It will be tried again.
    Waits,
    /// It has used up its tries, just now.
    Dead,
    /// Its lease was not ours any more; nothing was changed.
    NotOurs,
}

/// Puts a failed job back, to be tried again after 1, 2, 4 … seconds, at most an hour, give or take a fifth; or lays
/// it down as a dead letter, if that was its last try.
pub async fn failed(db: &Database, clock: &Clock, job: &Job, error: &str) -> Result<Fate, DbErr> {
    let now = clock.now();
    let is_dead = job.attempts >= job.max_attempts;
    let error: String = error.chars().take(2_000).collect();
    let settled = held(job)
        .col_expr(table::Column::LastError, Expr::value(error))
        .col_expr(table::Column::LockedUntil, Expr::value(now))
        .col_expr(table::Column::Lease, Expr::value(None::<Uuid>));
    let settled = if is_dead {
        settled
            .col_expr(table::Column::DiedAt, Expr::value(now))
            .col_expr(table::Column::Attempts, Expr::col(table::Column::MaxAttempts))
    } else {
        settled.col_expr(table::Column::RunAt, Expr::value(now + wait(clock, job.attempts)))
    };
    Ok(match settled.exec(db.write()).await?.rows_affected {
        0 => Fate::NotOurs,
        _ if is_dead => Fate::Dead,
        _ => Fate::Waits,
    })
}

/// How long a job waits after so many tries. The jitter keeps jobs that failed together from coming back together.
fn wait(clock: &Clock, attempts: i32) -> TimeDelta {
    let exponent = u32::try_from(attempts.clamp(1, 13) - 1).unwrap_or(0);
    let wait_s = Ord::min(1_i64 << exponent, MAX_BACKOFF_S);
    let jitter = i64::from(u32::from_le_bytes(clock.random())) % (2 * JITTER_PER_MILLE + 1) - JITTER_PER_MILLE;
    // A second has as many milliseconds as a whole has thousandths.
    TimeDelta::milliseconds(wait_s * (1_000 + jitter))
}

/// Gives back a job that was leased and not begun, as if it had never been leased.
pub async fn give_back(db: &Database, clock: &Clock, job: &Job) -> Result<(), DbErr> {
    let back = held(job)
        .col_expr(table::Column::LockedUntil, Expr::value(clock.now()))
        .col_expr(table::Column::Lease, Expr::value(None::<Uuid>))
        .col_expr(table::Column::Attempts, Expr::col(table::Column::Attempts).sub(1));
    back.exec(db.write()).await.map(|_| ())
}

/// A change of a job whose lease is still ours.
fn held(job: &Job) -> UpdateMany<table::Entity> {
    let held = table::Entity::update_many().filter(table::Column::Id.eq(job.id));
    held.filter(table::Column::Lease.eq(job.lease))
}

/// When the next job is due, if any waits.
pub async fn next_due(db: &Database) -> Result<Option<DateTime<Utc>>, DbErr> {
    let next = alive().order_by_asc(table::Column::RunAt).one(db.read()).await?;
    Ok(next.map(|job| std::cmp::max(job.run_at, job.locked_until)))
}

/// How many jobs are due and not done, those that run included.
pub async fn due(db: &Database, clock: &Clock) -> Result<u64, DbErr> {
    alive().filter(table::Column::RunAt.lte(clock.now())).count(db.read()).await
}

/// Jobs that are not dead.
fn alive() -> Select<table::Entity> {
    table::Entity::find().filter(table::Column::DiedAt.is_null())
}
