//! What an operator may do with the queue: look at it, count it, requeue dead letters and delete them.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Cond, Expr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select,
    Statement, UpdateMany,
};
use uuid::Uuid;

use super::{Job, table};
use crate::platform::clock::Clock;
use crate::platform::database::{Database, is_postgres};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its time has not come.
    Waiting,
    /// Its time has come and no worker has it.
    Due,
    /// A worker has it.
    Running,
    /// It has used up its tries.
    Dead,
}

/// Which jobs to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Dead letters.
    Dead,
    /// Those that wait, due or not.
    Waiting,
    /// Every job.
    All,
}

/// What to list.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Jobs that stand so.
    pub shown: Shown,
    /// Only those of this kind.
    pub kind: Option<&'a str>,
    /// How many at most.
    pub most: u64,
}

/// How many jobs of one kind there are.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Stats {
    /// Which handler runs them.
    pub kind: String,
    /// Those whose time has not come.
    pub waiting: i64,
    /// Those whose time has come and that no worker has.
    pub due: i64,
    /// Those that a worker has.
    pub running: i64,
    /// Dead letters.
    pub dead: i64,
    /// Since when the oldest one that is due has been so.
    pub due_since: Option<DateTime<Utc>>,
}

impl Job {
    /// Where it stands.
    pub fn state(&self, now: DateTime<Utc>) -> State {
        match self {
            job if job.died_at.is_some() => State::Dead,
            job if job.locked_until > now => State::Running,
            job if job.run_at > now => State::Waiting,
            _ => State::Due,
        }
    }
}

/// The first jobs in the order of their time; dead letters in the order of their death.
pub async fn list(db: &Database, clock: &Clock, wanted: Wanted<'_>) -> Result<Vec<Job>, DbErr> {
    let jobs = table::Entity::find().filter(of_kind(wanted.kind));
    let jobs = match wanted.shown {
        Shown::Dead => jobs.filter(table::Column::DiedAt.is_not_null()).order_by_asc(table::Column::DiedAt),
        Shown::Waiting => {
            jobs.filter(table::Column::DiedAt.is_null()).filter(table::Column::LockedUntil.lte(clock.now()))
        }
        Shown::All => jobs,
    };
    let jobs: Select<_> = jobs.order_by_asc(table::Column::RunAt).order_by_asc(table::Column::Id);
    jobs.limit(wanted.most).all(db.read()).await
}

/// Where one job stands, if there is one.
pub async fn state(db: &Database, clock: &Clock, id: Uuid) -> Result<Option<State>, DbErr> {
    let job = table::Entity::find_by_id(id).one(db.read()).await?;
    Ok(job.map(|job| job.state(clock.now())))
}

/// Gives a dead letter all its tries again, from now on. Answers false when it is not dead.
pub async fn requeue(db: &Database, clock: &Clock, id: Uuid) -> Result<bool, DbErr> {
    let requeued = revived(clock).filter(table::Column::Id.eq(id)).exec(db.write()).await?;
    Ok(requeued.rows_affected == 1)
}

/// Gives every dead letter, or every one of a kind, all its tries again. Answers how many there were.
pub async fn requeue_dead(db: &Database, clock: &Clock, kind: Option<&str>) -> Result<u64, DbErr> {
    let requeued = revived(clock).filter(of_kind(kind)).exec(db.write()).await?;
    Ok(requeued.rows_affected)
}

/// Deletes a dead letter. Answers false when it is not dead.
pub async fn delete(db: &Database, id: Uuid) -> Result<bool, DbErr> {
    let deleted = table::Entity::delete_many()
        .filter(table::Column::Id.eq(id))
        .filter(table::Column::DiedAt.is_not_null())
        .exec(db.write())
        .await?;
    Ok(deleted.rows_affected == 1)
}

/// How many jobs there are, by kind.
pub async fn stats(db: &Database, clock: &Clock) -> Result<Vec<Stats>, DbErr> {
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
    Stats::find_by_statement(statement).all(connection).await
}

fn revived(clock: &Clock) -> UpdateMany<table::Entity> {
    let now = clock.now();
    table::Entity::update_many()
        .col_expr(table::Column::DiedAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(table::Column::Attempts, Expr::value(0))
        .col_expr(table::Column::RunAt, Expr::value(now))
        .col_expr(table::Column::LockedUntil, Expr::value(now))
        .filter(table::Column::DiedAt.is_not_null())
}

fn of_kind(kind: Option<&str>) -> Cond {
    Cond::all().add_option(kind.map(|kind| table::Column::Kind.eq(kind)))
}
