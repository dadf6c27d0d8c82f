//! Why the service cannot start.

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be reached or migrated.
    #[error("the database at {url} cannot be used: {cause}")]
    Database {
        /// The URL without its password.
        url: String,
        /// What the driver said, without the password either.
        cause: String,
    },
    /// The URL of Redis is not valid.
    #[error("REDIS_URL cannot be used: {0}")]
    Cache(#[from] ::redis::RedisError),
    /// The manifest of trusted documents cannot be read.
    #[error("the trusted documents {path} cannot be used: {cause}")]
    TrustedDocuments {
        /// Its path.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The HTTP client for the payment processor cannot be built, for example because the machine has no certificates.
    #[error("the payment gateway cannot be set up: {0}")]
    Gateway(String),
    /// The signing key cannot be read, created or stored.
    #[error("the signing key {path} cannot be used: {cause}")]
    Keys {
        /// The path of the key.
        path: String,
        /// What went wrong.
        cause: std::io::Error,
    },
}
