//! A transaction that tells subscribers what it did once it is committed, and never otherwise.

use std::sync::{Mutex, PoisonError};

use sea_orm::entity::prelude::async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement};

use super::connection::Connection;
use crate::platform::events::{Event, Events};

/// A transaction, and the events that its commit will publish. Dropped, it is rolled back and nobody hears of it.
#[derive(Debug)]
pub struct Transaction {
    connection: Connection<DatabaseTransaction>,
    announced: Mutex<Vec<Event>>,
    events: Events,
}

impl Transaction {
    pub(super) fn new(connection: Connection<DatabaseTransaction>, events: Events) -> Self {
        Transaction { connection, announced: Mutex::default(), events }
    }

    /// Publishes an event when, and only when, the transaction is committed.
    pub fn announce(&self, event: Event) {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// Makes it last, and then tells who waits for it.
    pub async fn commit(self) -> Result<(), DbErr> {
        self.connection.into_inner().commit().await?;
        for event in self.announced.into_inner().unwrap_or_else(PoisonError::into_inner) {
            self.events.publish(event);
        }
        Ok(())
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
