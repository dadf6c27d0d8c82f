//! Errors of calls to a payment gateway.

use futures_util::future::BoxFuture;
use sea_orm::DbErr;

/// Why a payment gateway returned no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// There was no usable response. The request may or may not have taken effect.
    #[error("the payment processor's result is unknown: {0}")]
    Unknown(String),
    /// The processor refused the request. It had no effect.
    #[error("the payment processor refused the request: {0}")]
    Refused(String),
}

/// The sandbox keeps its state in the database: after a failed statement it is unknown whether it took effect.
impl From<DbErr> for GatewayError {
    fn from(error: DbErr) -> Self {
        GatewayError::Unknown(error.to_string())
    }
}

/// The future of a call to a payment gateway.
pub type GatewayFuture<'a, T> = BoxFuture<'a, Result<T, GatewayError>>;
