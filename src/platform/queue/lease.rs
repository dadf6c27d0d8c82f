//! Leasing due jobs, and settling a leased one: it is completed, failed or released.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, Select, Statement,
    UpdateMany,
};
use uuid::Uuid;

use super::job::{Job, table};
use crate::platform::clock::Clock;
use crate::platform::database::{Database, is_postgres, skip_locked};

/// How long a lease is valid. After that another worker may lease the job, unless the lease was renewed.
pub const LEASE: Duration = Duration::from_secs(60);
const MAX_BACKOFF_S: i64 = 3_600;
/// The largest jitter of a backoff, in thousandths of the backoff, in both directions.
const JITTER_PER_MILLE: i64 = 200;

/// Leases up to `limit` due jobs for [`LEASE`].
///
/// A job whose worker was lost in its last attempt is returned with more `attempts` than `max_attempts`. It must not
/// run another time. The caller passes it to [`fail`], which marks it as dead.
pub async fn lease(db: &Database, clock: &Clock, limit: u32) -> Result<Vec<Job>, DbErr> {
    let now = clock.now();
    let connection = db.write();
    let parameter = |n: u8| if is_postgres(connection) { format!("${n}") } else { format!("?{n}") };
    let sql = format!(
        "UPDATE job SET locked_until = {until}, lease = {lease}, attempts = attempts + 1 WHERE id IN (SELECT id FROM \
         job WHERE died_at IS NULL AND run_at <= {now} AND locked_until <= {now} ORDER BY run_at LIMIT {limit}{skip}) \
         RETURNING *",
        until = parameter(1),
        now = parameter(2),
        lease = parameter(3),
        skip = skip_locked(connection),
    );
    let values = [(now + LEASE).into(), now.into(), clock.new_id().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    table::Entity::find().from_raw_sql(statement).all(connection).await
}

/// Extends the lease by another [`LEASE`]. False if another worker has leased the job meanwhile.
pub async fn renew(db: &Database, clock: &Clock, job: &Job) -> Result<bool, DbErr> {
    let renewed = update_leased(job).col_expr(table::Column::LockedUntil, Expr::value(clock.now() + LEASE));
    Ok(renewed.exec(db.write()).await?.rows_affected == 1)
}

/// Deletes a job that is done. False if another worker has leased it meanwhile; the job then stays.
pub async fn complete(db: &Database, job: &Job) -> Result<bool, DbErr> {
    let deleted = table::Entity::delete_many().filter(table::Column::Id.eq(job.id));
    let deleted = deleted.filter(table::Column::Lease.eq(job.lease)).exec(db.write()).await?;
    Ok(deleted.rows_affected == 1)
}

/// Deletes the jobs of a batch that are done, except those that another worker has leased meanwhile.
pub async fn complete_all(db: &Database, jobs: &[Job]) -> Result<(), DbErr> {
    let deleted = table::Entity::delete_many()
        .filter(table::Column::Id.is_in(jobs.iter().map(|job| job.id)))
        .filter(table::Column::Lease.is_in(jobs.iter().filter_map(|job| job.lease)));
    deleted.exec(db.write()).await.map(|_| ())
}

/// The result of failing a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureOutcome {
    /// The job runs another time after its backoff.
    Retried,
    /// The failed attempt was the last one; the job is dead.
    Dead,
    /// Another worker has leased the job meanwhile; nothing was changed.
    LeaseLost,
}

/// Returns a failed job to the queue. It runs another time after 1, 2, 4 … seconds, at most an hour, with a jitter of a
/// fifth. After its last attempt it is marked as dead instead.
pub async fn fail(db: &Database, clock: &Clock, job: &Job, error: &str) -> Result<FailureOutcome, DbErr> {
    let now = clock.now();
    let is_dead = job.attempts >= job.max_attempts;
    let error: String = error.chars().take(2_000).collect();
    let settled = update_leased(job)
        .col_expr(table::Column::LastError, Expr::value(error))
        .col_expr(table::Column::LockedUntil, Expr::value(now))
        .col_expr(table::Column::Lease, Expr::value(None::<Uuid>));
    let settled = if is_dead {
        settled
            .col_expr(table::Column::DiedAt, Expr::value(now))
            .col_expr(table::Column::Attempts, Expr::col(table::Column::MaxAttempts))
    } else {
        settled.col_expr(table::Column::RunAt, Expr::value(now + backoff(clock, job.attempts)))
    };
    Ok(match settled.exec(db.write()).await?.rows_affected {
        0 => FailureOutcome::LeaseLost,
        _ if is_dead => FailureOutcome::Dead,
        _ => FailureOutcome::Retried,
    })
}

/// How long a job waits after this many attempts. The jitter prevents jobs that failed together from running together.
fn backoff(clock: &Clock, attempts: i32) -> TimeDelta {
    let exponent = u32::try_from(attempts.clamp(1, 13) - 1).unwrap_or(0);
    let wait_s = Ord::min(1_i64 << exponent, MAX_BACKOFF_S);
    let jitter = i64::from(u32::from_le_bytes(clock.random())) % (2 * JITTER_PER_MILLE + 1) - JITTER_PER_MILLE;
    // A thousandth of a second is a millisecond, so seconds times thousandths are milliseconds.
    TimeDelta::milliseconds(wait_s * (1_000 + jitter))
}

/// Returns a job that was leased but not started, as if it had never been leased.
pub async fn release(db: &Database, clock: &Clock, job: &Job) -> Result<(), DbErr> {
    let released = update_leased(job)
        .col_expr(table::Column::LockedUntil, Expr::value(clock.now()))
        .col_expr(table::Column::Lease, Expr::value(None::<Uuid>))
        .col_expr(table::Column::Attempts, Expr::col(table::Column::Attempts).sub(1));
    released.exec(db.write()).await.map(|_| ())
}

/// An update of a job that changes nothing if another worker has leased the job meanwhile.
fn update_leased(job: &Job) -> UpdateMany<table::Entity> {
    let update = table::Entity::update_many().filter(table::Column::Id.eq(job.id));
    update.filter(table::Column::Lease.eq(job.lease))
}

/// When the next job is due. None if there is no job that is not dead.
pub async fn next_due_at(db: &Database) -> Result<Option<DateTime<Utc>>, DbErr> {
    let next = not_dead().order_by_asc(table::Column::RunAt).one(db.read()).await?;
    Ok(next.map(|job| std::cmp::max(job.run_at, job.locked_until)))
}

/// The number of jobs that are due and not done, including those that are running.
pub async fn count_due(db: &Database, clock: &Clock) -> Result<u64, DbErr> {
    not_dead().filter(table::Column::RunAt.lte(clock.now())).count(db.read()).await
}

/// Selects the jobs that are not dead.
fn not_dead() -> Select<table::Entity> {
    table::Entity::find().filter(table::Column::DiedAt.is_null())
}
