//! The rows of the queue, and writing a new one.

use chrono::{DateTime, Utc};
use sea_orm::prelude::Json;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, Set};
use uuid::Uuid;

use crate::platform::clock::Clock;

#[expect(missing_docs, reason = "the migrations describe the columns")]
pub(super) mod table {
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

const MAX_ATTEMPTS: i32 = 20;

/// The state of a job at an instant. It follows from the columns of the row and is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Its time has not come.
    Waiting,
    /// Its time has come and no worker has leased it.
    Due,
    /// A worker has leased it.
    Running,
    /// It has used up its attempts.
    Dead,
}

impl JobState {
    /// The name of the state in the output of commands.
    pub fn as_str(self) -> &'static str {
        match self {
            JobState::Waiting => "waiting",
            JobState::Due => "due",
            JobState::Running => "running",
            JobState::Dead => "dead",
        }
    }
}

/// A job to be written.
pub struct NewJob<'a> {
    /// The kind of job, which selects the handler.
    pub kind: &'a str,
    /// The argument of the handler.
    pub payload: Json,
    /// The earliest time at which the job runs.
    pub run_at: DateTime<Utc>,
}

impl<'a> NewJob<'a> {
    /// A job for one object. A second call while such a job is in the queue writes a second job: the first may be
    /// running and may have read the object before it changed.
    pub fn about(kind: &'a str, id: Uuid, run_at: DateTime<Utc>) -> Self {
        NewJob { kind, payload: Json::String(id.to_string()), run_at }
    }
}

impl Job {
    /// The id of the object that the job is for, if [`NewJob::about`] made the job.
    pub fn about(&self) -> Option<Uuid> {
        self.payload.as_str()?.parse().ok()
    }

    /// The state of the job at `now`.
    pub fn state(&self, now: DateTime<Utc>) -> JobState {
        match self {
            job if job.died_at.is_some() => JobState::Dead,
            job if job.locked_until > now => JobState::Running,
            job if job.run_at > now => JobState::Waiting,
            _ => JobState::Due,
        }
    }
}

/// Writes a job in the caller's transaction.
pub async fn enqueue(txn: &impl ConnectionTrait, clock: &Clock, job: NewJob<'_>) -> Result<(), DbErr> {
    let now = clock.now();
    let row = table::ActiveModel {
        id: Set(clock.new_id()),
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
