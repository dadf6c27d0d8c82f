//! A transaction that tells subscribers what it did once it is committed, and never otherwise.
//!
//! **Invariant:** once the commit has begun it is carried through, and so is what hangs on it, whether or not its
//! caller still waits: a request's task may be dropped at any await.

use std::collections::HashSet;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use sea_orm::entity::prelude::async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::connection::{Connection, measured};
use super::owned::OwnedConnection;
use crate::platform::messaging::publisher::{Event, Events};

/// A transaction, and what its commit brings about. Dropped, it is rolled back and nobody hears of it.
#[derive(Debug)]
pub struct Transaction {
    connection: Connection<OwnedConnection>,
    after: Mutex<After>,
    events: Events,
    commits: TaskTracker,
}

/// What is due once the transaction is committed.
#[derive(Default)]
struct After {
    announced: Vec<Event>,
    deeds: Vec<BoxFuture<'static, ()>>,
}

impl std::fmt::Debug for After {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("After").field("announced", &self.announced).field("deeds", &self.deeds.len()).finish()
    }
}

impl Transaction {
    pub(super) fn new(connection: Connection<OwnedConnection>, events: Events, commits: TaskTracker) -> Self {
        Transaction { connection, after: Mutex::default(), events, commits }
    }

    /// Publishes an event when, and only when, the transaction is committed; once, however often it is announced.
    pub fn announce(&self, event: Event) {
        self.after.lock().unwrap_or_else(PoisonError::into_inner).announced.push(event);
    }

    /// Does this when, and only when, the transaction is committed, and before its caller goes on. To be kept short,
    /// and not to fail: there is nothing left to take back.
    pub fn afterwards(&self, deed: impl Future<Output = ()> + Send + 'static) {
        self.after.lock().unwrap_or_else(PoisonError::into_inner).deeds.push(Box::pin(deed));
    }

    /// Makes it last, tells who waits for it, and does what is due afterwards.
    pub async fn commit(self) -> Result<(), DbErr> {
        let Transaction { connection, after, events, commits } = self;
        let After { mut announced, deeds } = after.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut seen = HashSet::new();
        announced.retain(|event| seen.insert(event.clone()));
        let carried = async move {
            connection.into_inner().commit().await?;
            for event in announced {
                events.publish(event);
            }
            for deed in deeds {
                deed.await;
            }
            Ok(())
        };
        match commits.spawn(measured(carried).in_current_span()).await {
            Ok(committed) => committed,
            Err(error) => match error.try_into_panic() {
                Ok(cause) => resume_unwind(cause),
                Err(_) => Err(DbErr::Conn(RuntimeErr::Internal("the process ends".to_owned()))),
            },
        }
    }

    /// Takes everything back.
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
