//! Hashes passwords with argon2id on a bounded pool, so that many sign-ins at once cannot starve the server.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

/// The parameters of the OWASP Password Storage Cheat Sheet for argon2id: 19 MiB of memory, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The number of calls that may run or wait. Further calls fail with [`PasswordError::Busy`].
const MAX_CALLS: usize = 64;

/// Hashes and verifies passwords, a limited number at a time.
#[derive(Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    workers: Arc<Semaphore>,
    calls: Arc<Semaphore>,
}

/// Why a password was not hashed or verified.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many calls at once. The client may retry later.
    #[error("too many sign-ins at once")]
    Busy,
    /// The hash cannot be computed, or the stored hash is malformed.
    #[error("the password could not be hashed: {0}")]
    Failed(String),
}

impl Default for Passwords {
    fn default() -> Self {
        Passwords::new()
    }
}

impl Passwords {
    /// A pool of half as many workers as there are cores, at least one.
    pub fn new() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
        // The parameters are within the limits of argon2, so the default is never used.
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
        Passwords {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            workers: Arc::new(Semaphore::new(workers)),
            calls: Arc::new(Semaphore::new(MAX_CALLS)),
        }
    }

    /// Hashes a password with a new salt. Returns a PHC string.
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        let argon2 = self.argon2.clone();
        self.run(move || match argon2.hash_password(password.as_bytes()) {
            Ok(hash) => Ok(hash.to_string()),
            Err(error) => Err(PasswordError::Failed(error.to_string())),
        })
        .await
    }

    /// Whether `password` matches `hash`. Without a hash the same work is done and the result is false, so that the
    /// duration does not reveal whether the account exists.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, PasswordError> {
        let argon2 = self.argon2.clone();
        self.run(move || {
            let Some(hash) = hash else {
                let mut out = [0; 32];
                let hashed = argon2.hash_password_into(password.as_bytes(), b"no such account!", &mut out);
                return hashed.map(|()| false).map_err(|error| PasswordError::Failed(error.to_string()));
            };
            let hash = PasswordHash::new(&hash).map_err(|error| PasswordError::Failed(error.to_string()))?;
            Ok(argon2.verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _call = self.calls.try_acquire().map_err(|_| PasswordError::Busy)?;
        // The permit moves into the task: if the caller is dropped, the permit must not be released while the task
        // runs.
        let worker = self.workers.clone().acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        let result = tokio::task::spawn_blocking(move || {
            let _worker = worker;
            work()
        });
        result.await.map_err(|error| PasswordError::Failed(error.to_string()))?
    }
}
