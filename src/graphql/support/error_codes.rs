//! The closed list of what `extensions.code` of an error can say; `docs/errors.md` has the same list for readers.

use async_graphql::{ErrorExtensionValues, ServerError, Value};

macro_rules! codes {
    ($($(#[doc = $text:literal])+ $code:ident = $word:literal,)+) => {
        /// Why a request, or a part of it, was not answered. The words are part of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[doc = $text])+ $code,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$code),+];

            /// The code as clients see it.
            pub fn word(self) -> &'static str {
                match self {
                    $(ErrorCode::$code => $word,)+
                }
            }
        }
    };
}

codes! {
    /// The request is not one of GraphQL over HTTP: its JSON, its parameters or its headers.
    BadRequest = "BAD_REQUEST",
    /// The request could have been sent by another site's page without its user's will.
    CsrfBlocked = "CSRF_BLOCKED",
    /// None of the media types that the client accepts is served.
    NotAcceptable = "NOT_ACCEPTABLE",
    /// The body's media type is not JSON.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE",
    /// The method, or the operation by this method, is not served.
    MethodNotAllowed = "METHOD_NOT_ALLOWED",
    /// The body is larger than is read.
    PayloadTooLarge = "PAYLOAD_TOO_LARGE",
    /// The body did not arrive, or the operation did not end, in time.
    Timeout = "TIMEOUT",
    /// The document cannot be parsed.
    ParseFailed = "GRAPHQL_PARSE_FAILED",
    /// The document or its variables do not fit the schema.
    ValidationFailed = "GRAPHQL_VALIDATION_FAILED",
    /// The document holds no operation of that name, or several and no name was given.
    OperationResolution = "OPERATION_RESOLUTION_FAILURE",
    /// The operation is larger than is served; `extensions.limit` tells which limit, and how far it is exceeded.
    LimitExceeded = "LIMIT_EXCEEDED",
    /// The schema cannot be asked for here.
    IntrospectionDisabled = "INTROSPECTION_DISABLED",
    /// No document is known under this hash; send it with its text once.
    PersistedQueryNotFound = "PERSISTED_QUERY_NOT_FOUND",
    /// Documents cannot be named in this way here.
    PersistedQueryNotSupported = "PERSISTED_QUERY_NOT_SUPPORTED",
    /// The hash is not that of the document's text.
    PersistedQueryMismatch = "PERSISTED_QUERY_HASH_MISMATCH",
    /// Only documents of the published manifest are served here.
    DocumentNotTrusted = "DOCUMENT_NOT_TRUSTED",
    /// This transport does not carry such an operation.
    OperationNotSupported = "OPERATION_NOT_SUPPORTED",
    /// The client read its events too slowly and has missed some.
    SlowConsumer = "SLOW_CONSUMER",
    /// The server may have missed events; subscribe again and read anew.
    EventsInterrupted = "EVENTS_INTERRUPTED",
    /// Something broke; the request id finds it in the log.
    Internal = "INTERNAL",
    /// Too many requests, or too costly ones; wait as long as the answer says.
    RateLimited = "RATE_LIMITED",
    /// Sign in first, or the credentials are wrong.
    Unauthenticated = "UNAUTHENTICATED",
    /// The token is over; sign in again.
    TokenExpired = "TOKEN_EXPIRED",
    /// You may know of it, but not do this.
    Forbidden = "FORBIDDEN",
    /// Nothing is known under this id, or it is not for you to know.
    NotFound = "NOT_FOUND",
    /// An argument makes no sense; `extensions.field` names it.
    Invalid = "INVALID",
    /// An argument is missing.
    Required = "REQUIRED",
    /// A text is too long.
    TooLong = "TOO_LONG",
    /// There are too many items, or too large a range.
    TooMany = "TOO_MANY",
}

impl ErrorCode {
    /// An error with this code.
    pub fn error(self, message: impl Into<String>) -> ServerError {
        let mut error = ServerError::new(message, None);
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", self.word());
        error.extensions = Some(extensions);
        error
    }
}

/// The code of an error, as far as it has one.
pub fn code_of(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(word) => Some(word),
        _ => None,
    }
}
