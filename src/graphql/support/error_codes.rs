//! The codes of errors: the closed list of values of `extensions.code`, and the enum `UserErrorCode`.
//!
//! The codes of refusals are defined once, in `domain/error.rs`; both lists here take their names from there. A test
//! compares [`ErrorCode`] with the table in `docs/errors.md`.

use async_graphql::{Enum, ErrorExtensionValues, ServerError, Value};

use crate::domain::error::{Code, refusal_codes};

macro_rules! error_codes {
    ($($(#[$doc:meta])+ $code:ident = $name:expr,)+) => {
        /// Why a request, or a part of it, failed: the code of an error in the `errors` array.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])+ $code,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$code),+];

            /// The code as clients see it. The names are part of the API.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(ErrorCode::$code => $name,)+
                }
            }
        }
    };
}

error_codes! {
    /// The JSON, the parameters or the headers are not those of GraphQL over HTTP.
    BadRequest = "BAD_REQUEST",
    /// A page of another site could have sent the request without the user's intention.
    CsrfBlocked = "CSRF_BLOCKED",
    /// The client accepts no media type that Roost serves.
    NotAcceptable = "NOT_ACCEPTABLE",
    /// The media type of the body is not JSON.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE",
    /// The method is not supported, or the operation may not be sent by this method.
    MethodNotAllowed = "METHOD_NOT_ALLOWED",
    /// The body exceeds the maximum size.
    PayloadTooLarge = "PAYLOAD_TOO_LARGE",
    /// The body did not arrive in time, or the operation did not finish in time.
    Timeout = "TIMEOUT",
    /// The document cannot be parsed.
    ParseFailed = "GRAPHQL_PARSE_FAILED",
    /// The document or its variables do not match the schema.
    ValidationFailed = "GRAPHQL_VALIDATION_FAILED",
    /// The document has no operation of this name, or it has several and the request names none.
    OperationResolution = "OPERATION_RESOLUTION_FAILURE",
    /// The operation exceeds a limit, which is in `extensions.limit`.
    LimitExceeded = "LIMIT_EXCEEDED",
    /// Introspection is switched off.
    IntrospectionDisabled = "INTROSPECTION_DISABLED",
    /// No document is stored under this hash or ID. The client sends the text once.
    PersistedQueryNotFound = "PERSISTED_QUERY_NOT_FOUND",
    /// The version of the persisted query protocol is not 1.
    PersistedQueryNotSupported = "PERSISTED_QUERY_NOT_SUPPORTED",
    /// The hash is not the hash of the text.
    PersistedQueryMismatch = "PERSISTED_QUERY_HASH_MISMATCH",
    /// The server runs only documents of its manifest, and this is not one of them.
    DocumentNotTrusted = "DOCUMENT_NOT_TRUSTED",
    /// The transport does not support this kind of operation.
    OperationNotSupported = "OPERATION_NOT_SUPPORTED",
    /// The subscriber read so slowly that events were dropped.
    SlowConsumer = "SLOW_CONSUMER",
    /// Events may have been missed. The client subscribes again and reads its data again.
    EventsInterrupted = "EVENTS_INTERRUPTED",
    /// An unexpected error. The log has the details under the request ID.
    Internal = "INTERNAL",
    /// See [`Code::RateLimited`]; also used for operations that cost more points than are left, and for open
    /// connections.
    RateLimited = Code::RateLimited.as_str(),
    /// See [`Code::Unauthenticated`].
    Unauthenticated = Code::Unauthenticated.as_str(),
    /// See [`Code::TokenExpired`].
    TokenExpired = Code::TokenExpired.as_str(),
    /// See [`Code::Forbidden`].
    Forbidden = Code::Forbidden.as_str(),
    /// See [`Code::NotFound`]; also used for paths that the server does not serve.
    NotFound = Code::NotFound.as_str(),
    /// See [`Code::Invalid`]. `extensions.field` names the argument.
    Invalid = Code::Invalid.as_str(),
    /// See [`Code::Required`].
    Required = Code::Required.as_str(),
    /// See [`Code::TooLong`].
    TooLong = Code::TooLong.as_str(),
    /// See [`Code::TooMany`].
    TooMany = Code::TooMany.as_str(),
}

impl ErrorCode {
    /// An error with this code.
    pub fn error(self, message: impl Into<String>) -> ServerError {
        let mut error = ServerError::new(message, None);
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", self.as_str());
        error.extensions = Some(extensions);
        error
    }
}

/// The code of an error, if it has one.
pub fn code_of(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

macro_rules! define_user_error_code {
    ($($(#[$doc:meta])+ $code:ident = $name:literal,)+) => {
        /// The kind of a user error. Programs decide by the code, never by the message.
        #[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
        #[graphql(remote = "Code")]
        pub enum UserErrorCode {
            $($(#[$doc])+ $code,)+
        }
    };
}

// The conversion from `Code` that `remote` generates matches every variant.
refusal_codes!(define_user_error_code);

#[cfg(test)]
mod tests {
    use async_graphql::resolver_utils::enum_value;

    use super::*;

    #[test]
    fn the_schema_spells_every_code_as_the_domain_does() {
        for &code in Code::ALL {
            assert_eq!(enum_value(UserErrorCode::from(code)), Value::Enum(async_graphql::Name::new(code.as_str())));
        }
    }
}
