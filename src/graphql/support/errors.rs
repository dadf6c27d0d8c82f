//! Turns domain errors into errors of the `errors` array.

use async_graphql::{Error as GraphqlError, ErrorExtensions};

use super::error_codes::ErrorCode;
use crate::domain::error::Error;

/// A refusal becomes an error with its code and field. An unexpected failure is logged here, once, and becomes an
/// internal error without details.
pub fn to_graphql_error(error: Error) -> GraphqlError {
    match error {
        Error::Refused(refusals) => {
            let message = refusals.iter().map(|refusal| {
                let field = refusal.field.join(".");
                if field.is_empty() { refusal.message.clone() } else { format!("{field}: {}", refusal.message) }
            });
            let error = GraphqlError::new(message.collect::<Vec<_>>().join("; "));
            let first = refusals.into_iter().next();
            error.extend_with(|_, extensions| {
                if let Some(refusal) = first {
                    extensions.set("code", refusal.code.as_str());
                    if !refusal.field.is_empty() {
                        extensions.set("field", refusal.field);
                    }
                }
            })
        }
        Error::Failed(cause) => {
            tracing::error!(cause, "a request failed");
            let code = ErrorCode::Internal.as_str();
            GraphqlError::new("internal error").extend_with(|_, extensions| extensions.set("code", code))
        }
    }
}
