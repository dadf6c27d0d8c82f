//! Requests that never reached the engine, or never came back from it, and how they are told so.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::budget;
use super::content_negotiation::Media;
use crate::domain::error::Error;
use crate::graphql::ErrorCode;
use crate::platform::limits::token_bucket::TooMany;

/// When to try again where there are too many connections: by then it is known of those that are gone.
const CROWDED_S: u64 = 30;

/// Why a request never reached the engine, or never came back from it.
pub(in crate::server) enum Failure {
    /// The caller has asked too often.
    TooMany(TooMany),
    /// The `Authorization` header is of another scheme.
    NotBearer,
    /// The token speaks for nobody.
    Authentication(Error),
    /// None of our media types is acceptable.
    NotAcceptable,
    /// The body is not JSON by its own account.
    NotJson,
    /// The body has more than so many bytes.
    TooLarge(usize),
    /// The body did not come in time.
    Slow(Duration),
    /// No answer was there in time.
    TooLong(Duration),
    /// Something broke, and the log knows what.
    Broken,
    /// Nothing is served there.
    Nowhere,
    /// The request cannot be read.
    Malformed(String),
    /// Another site's page could have sent it.
    CrossSite,
    /// A page of an origin that is not welcome wants to connect.
    ForeignOrigin,
    /// The caller has as many open connections as may be.
    Crowded,
    /// A method, or an operation by a method, that is not served; and those that are.
    Method(&'static str, &'static str),
}

/// What a client is told.
struct Told {
    status: StatusCode,
    code: ErrorCode,
    message: String,
    headers: HeaderMap,
    /// What a program can go by, beside the code.
    facts: Map<String, Value>,
}

impl Failure {
    /// Facts for programs: the limit that was exceeded, or how long to wait.
    fn facts(&self) -> Map<String, Value> {
        let limit = |name: &str, max: u64| ("limit".to_owned(), json!({ "name": name, "max": max }));
        let fact = match self {
            Failure::TooMany(wait) => ("retryAfter".to_owned(), wait.retry_after_s.into()),
            Failure::Crowded => ("retryAfter".to_owned(), CROWDED_S.into()),
            Failure::TooLarge(bytes) => limit("bytes", u64::try_from(*bytes).unwrap_or(u64::MAX)),
            Failure::Slow(patience) | Failure::TooLong(patience) => limit("seconds", patience.as_secs()),
            _ => return Map::new(),
        };
        Map::from_iter([fact])
    }

    fn told(self) -> Told {
        let mut headers = HeaderMap::new();
        let facts = self.facts();
        let (status, code, message) = match self {
            Failure::TooMany(wait) => {
                budget::tell(&mut headers, &wait.balance, Some(wait.retry_after_s));
                let message = format!("too many requests; wait {} seconds", wait.retry_after_s);
                (StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, message)
            }
            Failure::NotBearer => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                let message = "the Authorization header must be a Bearer token".into();
                (StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated, message)
            }
            Failure::Authentication(Error::Refused(refusals)) => {
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
                let message = refusals.into_iter().next().map(|refusal| refusal.message).unwrap_or_default();
                (StatusCode::UNAUTHORIZED, ErrorCode::TokenExpired, message)
            }
            Failure::Authentication(error) => {
                tracing::error!(%error, "a token could not be checked");
                (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, "internal error".into())
            }
            Failure::NotAcceptable => {
                let message = "accept application/graphql-response+json, application/json or text/event-stream".into();
                (StatusCode::NOT_ACCEPTABLE, ErrorCode::NotAcceptable, message)
            }
            Failure::NotJson => {
                let message = "the Content-Type must be application/json, in UTF-8".into();
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::UnsupportedMediaType, message)
            }
            Failure::TooLarge(bytes) => {
                // The rest is not read, so that nothing else can come after it.
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
                let message = format!("the body is too large; at most {bytes} bytes are read");
                (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge, message)
            }
            Failure::Slow(patience) => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
                let message = format!("the body did not arrive in time; it may take {} seconds", patience.as_secs());
                (StatusCode::REQUEST_TIMEOUT, ErrorCode::Timeout, message)
            }
            Failure::TooLong(_) => {
                let message = "the request took too long and was given up";
                (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Timeout, message.into())
            }
            Failure::Broken => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, "internal error".into()),
            Failure::Nowhere => {
                (StatusCode::NOT_FOUND, ErrorCode::NotFound, "nothing is served here; `GET /` tells what is".into())
            }
            Failure::Malformed(message) => (StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message),
            Failure::CrossSite => {
                let message = "another site's page could have sent this request without its user's will: send JSON by \
                               POST, or accept application/json by name, or add the header `Apollo-Require-Preflight`";
                (StatusCode::FORBIDDEN, ErrorCode::CsrfBlocked, message.into())
            }
            Failure::ForeignOrigin => {
                let message = "pages of this origin may not connect; the server's CORS settings name those that may";
                (StatusCode::FORBIDDEN, ErrorCode::CsrfBlocked, message.into())
            }
            Failure::Crowded => {
                headers.insert(header::RETRY_AFTER, CROWDED_S.into());
                let message = "too many connections that stay open; close another one first";
                (StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, message.into())
            }
            Failure::Method(allowed, message) => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
                (StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message.into())
            }
        };
        Told { status, code, message, headers, facts }
    }

    /// The failure as an answer in a media type.
    pub(in crate::server) fn answered(self, media: Media, request_id: &str) -> Response {
        let Told { status, code, message, headers, facts } = self.told();
        let mut extensions = json!({ "code": code.word(), "requestId": request_id });
        if let Some(extensions) = extensions.as_object_mut() {
            extensions.extend(facts);
        }
        let body = json!({ "errors": [{ "message": message, "extensions": extensions }], "extensions": { "requestId": request_id } });
        // An event stream has not begun, so there is no event to put the failure into.
        let media = if media == Media::EventStream { Media::Json } else { media };
        (status, headers, [(header::CONTENT_TYPE, media.content_type())], body.to_string()).into_response()
    }
}
