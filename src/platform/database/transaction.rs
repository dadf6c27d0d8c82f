//! A transaction that publishes its events after its commit, and never otherwise.
//!
//! **Invariant:** a commit that has begun is finished, and so is everything that follows it, whether or not its caller
//! still waits: the task of a request may be dropped at any await.

use std::collections::HashSet;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use sea_orm::entity::prelude::async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::connection::Connection;
use super::owned_connection::OwnedConnection;
use super::query_stats::with_current_stats;
use crate::platform::messaging::{Event, Events};

/// A transaction, with its events and follow-ups. Dropping it rolls it back and publishes nothing.
#[derive(Debug)]
pub struct Transaction {
    connection: Connection<OwnedConnection>,
    after: Mutex<AfterCommit>,
    events: Events,
    commits: TaskTracker,
}

/// What happens after the commit.
#[derive(Default)]
struct AfterCommit {
    announced: Vec<Event>,
    follow_ups: Vec<BoxFuture<'static, ()>>,
}

impl std::fmt::Debug for AfterCommit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AfterCommit")
            .field("announced", &self.announced)
            .field("follow_ups", &self.follow_ups.len())
            .finish()
    }
}

impl Transaction {
    pub(super) fn new(connection: Connection<OwnedConnection>, events: Events, commits: TaskTracker) -> Self {
        Transaction { connection, after: Mutex::default(), events, commits }
    }

    /// Publishes an event if, and only if, the transaction commits; once, even if it is announced several times.
    pub fn announce(&self, event: Event) {
        self.after.lock().unwrap_or_else(PoisonError::into_inner).announced.push(event);
    }

    /// Runs a future if, and only if, the transaction commits, and before the caller continues. It must be short and
    /// must not fail: the commit cannot be undone.
    pub fn after_commit(&self, follow_up: impl Future<Output = ()> + Send + 'static) {
        self.after.lock().unwrap_or_else(PoisonError::into_inner).follow_ups.push(Box::pin(follow_up));
    }

    /// Commits, publishes the announced events and runs the follow-ups.
    pub async fn commit(self) -> Result<(), DbErr> {
        let Transaction { connection, after, events, commits } = self;
        let AfterCommit { mut announced, follow_ups } = after.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut seen = HashSet::new();
        announced.retain(|event| seen.insert(event.clone()));
        let finish = async move {
            connection.into_inner().commit().await?;
            for event in announced {
                events.publish(event);
            }
            for follow_up in follow_ups {
                follow_up.await;
            }
            Ok(())
        };
        match commits.spawn(with_current_stats(finish).in_current_span()).await {
            Ok(committed) => committed,
            Err(error) => match error.try_into_panic() {
                Ok(cause) => resume_unwind(cause),
                Err(_) => Err(DbErr::Conn(RuntimeErr::Internal("the process is stopping".to_owned()))),
            },
        }
    }

    /// Rolls back.
    pub async fn rollback(self) -> Result<(), DbErr> {
        self.connection.into_inner().rollback().await
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.connection.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.connection.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.connection.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.connection.query_all_raw(statement).await
    }

    fn support_returning(&self) -> bool {
        self.connection.support_returning()
    }
}
