//! The operations of an operator on the queue: listing and counting jobs, requeuing and deleting dead ones.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Cond, Expr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select,
    Statement, UpdateMany,
};
use uuid::Uuid;

use super::job::{Job, JobState, table};
use crate::platform::clock::Clock;
use crate::platform::database::{Database, is_postgres};

/// Filters jobs by state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobFilter {
    /// Dead jobs.
    Dead,
    /// Jobs that no worker has leased, due or not.
    Waiting,
    /// Every job.
    All,
}

/// Which jobs to list.
#[derive(Clone, Copy, Debug)]
pub struct JobQuery<'a> {
    /// The states to list.
    pub filter: JobFilter,
    /// The kind to list. None lists every kind.
    pub kind: Option<&'a str>,
    /// The largest number of jobs to list.
    pub limit: u64,
}

/// The number of jobs of one kind in each state.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct JobStats {
    /// The kind of the jobs.
    pub kind: String,
    /// Jobs whose time has not come.
    pub waiting: i64,
    /// Jobs whose time has come and that no worker has leased.
    pub due: i64,
    /// Jobs that a worker has leased.
    pub running: i64,
    /// Dead jobs.
    pub dead: i64,
    /// When the oldest due job became due. None if no job is due.
    pub due_since: Option<DateTime<Utc>>,
}

/// Lists jobs in the order of `run_at`; dead jobs in the order of `died_at`.
pub async fn list(db: &Database, clock: &Clock, query: JobQuery<'_>) -> Result<Vec<Job>, DbErr> {
    let jobs = table::Entity::find().filter(is_of_kind(query.kind));
    let jobs = match query.filter {
        JobFilter::Dead => jobs.filter(table::Column::DiedAt.is_not_null()).order_by_asc(table::Column::DiedAt),
        JobFilter::Waiting => {
            jobs.filter(table::Column::DiedAt.is_null()).filter(table::Column::LockedUntil.lte(clock.now()))
        }
        JobFilter::All => jobs,
    };
    let jobs: Select<_> = jobs.order_by_asc(table::Column::RunAt).order_by_asc(table::Column::Id);
    jobs.limit(query.limit).all(db.read()).await
}

/// The state of one job. None if there is no such job.
pub async fn job_state(db: &Database, clock: &Clock, id: Uuid) -> Result<Option<JobState>, DbErr> {
    let job = table::Entity::find_by_id(id).one(db.read()).await?;
    Ok(job.map(|job| job.state(clock.now())))
}

/// Makes a dead job due now and resets its attempts. False if the job is not dead or does not exist.
pub async fn requeue(db: &Database, clock: &Clock, id: Uuid) -> Result<bool, DbErr> {
    let requeued = revive_dead(clock).filter(table::Column::Id.eq(id)).exec(db.write()).await?;
    Ok(requeued.rows_affected == 1)
}

/// Requeues every dead job, or every dead job of one kind. Returns how many.
pub async fn requeue_all_dead(db: &Database, clock: &Clock, kind: Option<&str>) -> Result<u64, DbErr> {
    let requeued = revive_dead(clock).filter(is_of_kind(kind)).exec(db.write()).await?;
    Ok(requeued.rows_affected)
}

/// Deletes a dead job. False if the job is not dead or does not exist.
pub async fn delete(db: &Database, id: Uuid) -> Result<bool, DbErr> {
    let deleted = table::Entity::delete_many()
        .filter(table::Column::Id.eq(id))
        .filter(table::Column::DiedAt.is_not_null())
        .exec(db.write())
        .await?;
    Ok(deleted.rows_affected == 1)
}

/// Counts jobs by kind and state.
pub async fn stats(db: &Database, clock: &Clock) -> Result<Vec<JobStats>, DbErr> {
    let connection = db.read();
    let now = if is_postgres(connection) { "$1" } else { "?1" };
    let due = format!("died_at IS NULL AND locked_until <= {now} AND run_at <= {now}");
    let sql = format!(
        "SELECT kind, \
         count(CASE WHEN died_at IS NULL AND locked_until <= {now} AND run_at > {now} THEN 1 END) AS waiting, \
         count(CASE WHEN {due} THEN 1 END) AS due, \
         count(CASE WHEN died_at IS NULL AND locked_until > {now} THEN 1 END) AS running, \
         count(died_at) AS dead, \
         min(CASE WHEN {due} THEN run_at END) AS due_since \
         FROM job GROUP BY kind ORDER BY kind"
    );
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [clock.now().into()]);
    JobStats::find_by_statement(statement).all(connection).await
}

/// An update that requeues dead jobs.
fn revive_dead(clock: &Clock) -> UpdateMany<table::Entity> {
    let now = clock.now();
    table::Entity::update_many()
        .col_expr(table::Column::DiedAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(table::Column::Attempts, Expr::value(0))
        .col_expr(table::Column::RunAt, Expr::value(now))
        .col_expr(table::Column::LockedUntil, Expr::value(now))
        .filter(table::Column::DiedAt.is_not_null())
}

/// Matches jobs of one kind, or all jobs.
fn is_of_kind(kind: Option<&str>) -> Cond {
    Cond::all().add_option(kind.map(|kind| table::Column::Kind.eq(kind)))
}
