//! Passwords: argon2id on a bounded pool, so that a burst of sign-ins cannot starve the server.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

/// OWASP Password Storage Cheat Sheet, argon2id: 19 MiB of memory, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How many may wait for a place before newcomers are turned away.
const QUEUE: usize = 64;

/// Hashes and checks passwords, a few at a time.
#[derive(Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

/// Too many sign-ins at once, or a hash in the database that is none.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Come back later.
    #[error("too many sign-ins at once")]
    Busy,
    /// The hash cannot be made or read.
    #[error("the password could not be hashed: {0}")]
    Broken(String),
}

impl Default for Passwords {
    fn default() -> Self {
        Passwords::new()
    }
}

impl Passwords {
    /// A pool of half the cores, at least one.
    pub fn new() -> Self {
        let places = std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
        // The figures above are within argon2's limits, so the default is never taken.
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
        Passwords {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            places: Arc::new(Semaphore::new(places)),
            queue: Arc::new(Semaphore::new(QUEUE)),
        }
    }

    /// Hashes a password with a salt of its own, as a PHC string.
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        let argon2 = self.argon2.clone();
        self.run(move || match argon2.hash_password(password.as_bytes()) {
            Ok(hash) => Ok(hash.to_string()),
            Err(error) => Err(PasswordError::Broken(error.to_string())),
        })
        .await
    }

    /// Whether `password` is the one behind `hash`. Without a hash the same work is done in vain, so that the time
    /// taken does not tell whether the account exists.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, PasswordError> {
        let argon2 = self.argon2.clone();
        self.run(move || {
            let Some(hash) = hash else {
                let mut out = [0; 32];
                let done = argon2.hash_password_into(password.as_bytes(), b"no such account!", &mut out);
                return done.map(|()| false).map_err(|error| PasswordError::Broken(error.to_string()));
            };
            let hash = PasswordHash::new(&hash).map_err(|error| PasswordError::Broken(error.to_string()))?;
            Ok(argon2.verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _waiting = self.queue.try_acquire().map_err(|_| PasswordError::Busy)?;
        // The place moves into the work: a caller that goes away must not free it while the work goes on.
        let place = self.places.clone().acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        done.await.map_err(|error| PasswordError::Broken(error.to_string()))?
    }
}
