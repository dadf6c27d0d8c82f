//! Redis, if it is configured: every command has a short timeout, and the service works without it while it is down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, Script};

/// How long to wait for one reply.
pub const TIMEOUT: Duration = Duration::from_millis(250);
/// The version of the format of keys and values. Another format gets other names, so versions do not read each other's.
const FORMAT: u32 = 1;

/// One multiplexed connection that reconnects by itself; cheap to clone.
#[derive(Clone)]
pub struct Redis {
    connection: ConnectionManager,
    /// The prefix of all keys and channels of this deployment.
    prefix: Arc<str>,
    down: Arc<AtomicBool>,
}

impl Redis {
    /// Prepares a connection for the deployment with this name. It connects at the first command, so a server that does
    /// not answer yet is no failure.
    pub fn connect(url: &str, deployment: &str) -> Result<Redis, RedisError> {
        let settings = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_number_of_retries(1);
        let connection = ConnectionManager::new_lazy_with_config(redis::Client::open(url)?, settings)?;
        Ok(Redis { connection, prefix: format!("{deployment}:{FORMAT}:").into(), down: Arc::default() })
    }

    /// The name of a key or a channel with the prefix of the deployment.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Runs one command. None when Redis is down, which is logged once each time it goes down and comes back.
    pub async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        self.observe(command.query_async::<T>(&mut self.connection.clone())).await
    }

    /// Runs many commands at once and ignores their replies. False when Redis is down.
    pub async fn execute(&self, commands: &Pipeline) -> bool {
        self.observe(commands.exec_async(&mut self.connection.clone())).await.is_some()
    }

    /// Runs one script, atomically. None when Redis is down.
    pub async fn run_script<T: FromRedisValue>(&self, script: &Script, keys: &[&str], arguments: &[i64]) -> Option<T> {
        let mut call = script.prepare_invoke();
        for key in keys {
            call.key(self.name(key));
        }
        for argument in arguments {
            call.arg(*argument);
        }
        self.observe(call.invoke_async::<T>(&mut self.connection.clone())).await
    }

    async fn observe<T>(&self, reply: impl Future<Output = Result<T, RedisError>>) -> Option<T> {
        let failure = match tokio::time::timeout(TIMEOUT, reply).await {
            Ok(Ok(value)) => {
                if self.down.swap(false, Ordering::Relaxed) {
                    tracing::info!("Redis is back");
                }
                return Some(value);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no reply in time".to_owned(),
        };
        if !self.down.swap(true, Ordering::Relaxed) {
            tracing::warn!(error = failure, "Redis is down; continuing without it");
        }
        None
    }
}
