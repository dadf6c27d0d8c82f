//! Redis, if there is one: asked with little patience, and done without while it is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, Script};

/// How long one answer is waited for.
pub const PATIENCE: Duration = Duration::from_millis(250);
/// The form of what is kept there: another form has other names.
const FORM: u32 = 1;

/// One multiplexed connection that comes back by itself; cheap to clone.
#[derive(Clone)]
pub struct Redis {
    connection: ConnectionManager,
    /// What the names of all our keys and channels begin with.
    prefix: Arc<str>,
    down: Arc<AtomicBool>,
}

impl Redis {
    /// Prepares a connection for a deployment of that name; that nobody answers yet is no failure.
    pub fn connect(url: &str, deployment: &str) -> Result<Redis, RedisError> {
        let settings = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(1);
        let connection = ConnectionManager::new_lazy_with_config(redis::Client::open(url)?, settings)?;
        Ok(Redis { connection, prefix: format!("{deployment}:{FORM}:").into(), down: Arc::default() })
    }

    /// The name of a key or a channel as Redis has it.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// One command; nothing when Redis is away, which is logged once each time it goes and comes back.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        self.heard(command.query_async::<T>(&mut self.connection.clone())).await
    }

    /// Many commands in one go, whose answers nobody needs; false when Redis is away.
    pub async fn tell(&self, commands: &Pipeline) -> bool {
        self.heard(commands.exec_async(&mut self.connection.clone())).await.is_some()
    }

    /// One script, which runs undivided; nothing when Redis is away.
    pub async fn run<T: FromRedisValue>(&self, script: &Script, keys: &[&str], arguments: &[i64]) -> Option<T> {
        let mut call = script.prepare_invoke();
        for key in keys {
            call.key(self.name(key));
        }
        for argument in arguments {
            call.arg(*argument);
        }
        self.heard(call.invoke_async::<T>(&mut self.connection.clone())).await
    }

    async fn heard<T>(&self, asked: impl Future<Output = Result<T, RedisError>>) -> Option<T> {
        let failure = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(value)) => {
                if self.down.swap(false, Ordering::Relaxed) {
                    tracing::info!("Redis is back");
                }
                return Some(value);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        if !self.down.swap(true, Ordering::Relaxed) {
            tracing::warn!(error = failure, "Redis is away; going on without it");
        }
        None
    }
}
