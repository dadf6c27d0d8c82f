//! The responses to requests that did not reach the GraphQL engine, or for which the engine gave no response.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::content_negotiation::MediaType;
use super::rate_limit_headers;
use crate::domain::error::Error;
use crate::graphql::ErrorCode;
use crate::platform::limits::token_bucket::LimitExceeded;

/// When to retry after too many connections, in seconds. By then the server has noticed connections that are gone.
const CONNECTION_RETRY_AFTER_S: u64 = 30;

/// Why a request did not reach the engine, or got no response from it.
pub(super) enum Rejection {
    /// The client sent too many requests.
    TooManyRequests(LimitExceeded),
    /// The `Authorization` header has another scheme than `Bearer`.
    NotBearer,
    /// The access token is not valid.
    Authentication(Error),
    /// The client accepts no media type that the server can send.
    NotAcceptable,
    /// The media type of the body is not JSON.
    NotJson,
    /// The body has more bytes than this maximum.
    BodyTooLarge(usize),
    /// The body did not arrive within this time.
    BodyTimeout(Duration),
    /// The response did not begin within this time.
    RequestTimeout(Duration),
    /// An unexpected failure. The log has the details.
    Internal,
    /// The server does not serve this path.
    PathNotFound,
    /// The request cannot be parsed.
    Malformed(String),
    /// A page of another site could have sent the request.
    CrossSite,
    /// A page of an origin that is not allowed opens a WebSocket.
    ForeignOrigin,
    /// The caller has the maximum number of open connections.
    TooManyConnections,
    /// The method, or this kind of operation with this method, is not allowed: the allowed methods and the message.
    MethodNotAllowed(&'static str, &'static str),
}

/// The parts of a response to a rejected request.
struct Parts {
    status: StatusCode,
    code: ErrorCode,
    message: String,
    headers: HeaderMap,
    /// Further extensions of the error.
    extensions: Map<String, Value>,
}

impl Rejection {
    /// Extensions beside the code: the limit that was exceeded, or how long to wait.
    fn extensions(&self) -> Map<String, Value> {
        let limit = |name: &str, max: u64| ("limit".to_owned(), json!({ "name": name, "max": max }));
        let extension = match self {
            Rejection::TooManyRequests(wait) => ("retryAfter".to_owned(), wait.retry_after_s.into()),
            Rejection::TooManyConnections => ("retryAfter".to_owned(), CONNECTION_RETRY_AFTER_S.into()),
            Rejection::BodyTooLarge(bytes) => limit("bytes", u64::try_from(*bytes).unwrap_or(u64::MAX)),
            Rejection::BodyTimeout(timeout) | Rejection::RequestTimeout(timeout) => limit("seconds", timeout.as_secs()),
            _ => return Map::new(),
        };
        Map::from_iter([extension])
    }

    fn into_parts(self) -> Parts {
        let mut headers = HeaderMap::new();
        let extensions = self.extensions();
        let (status, code, message) = match self {
            Rejection::TooManyRequests(wait) => {
                rate_limit_headers::insert(&mut headers, &wait.balance, Some(wait.retry_after_s));
                let message = format!("too many requests; wait {} seconds", wait.retry_after_s);
                (StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, message)
            }
            Rejection::NotBearer => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                let message = "the Authorization header must be a Bearer token".into();
                (StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated, message)
            }
            Rejection::Authentication(Error::Refused(refusals)) => {
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
                let message = refusals.into_iter().next().map(|refusal| refusal.message).unwrap_or_default();
                (StatusCode::UNAUTHORIZED, ErrorCode::TokenExpired, message)
            }
            Rejection::Authentication(error) => {
                tracing::error!(%error, "an access token could not be checked");
                (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, "internal error".into())
            }
            Rejection::NotAcceptable => {
                let message = "accept application/graphql-response+json, application/json or text/event-stream".into();
                (StatusCode::NOT_ACCEPTABLE, ErrorCode::NotAcceptable, message)
            }
            Rejection::NotJson => {
                let message = "the Content-Type must be application/json, in UTF-8".into();
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::UnsupportedMediaType, message)
            }
            Rejection::BodyTooLarge(bytes) => {
                // The rest of the body is not read, so the connection cannot carry another request.
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
                let message = format!("the body is too large; the maximum is {bytes} bytes");
                (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge, message)
            }
            Rejection::BodyTimeout(timeout) => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
                let message = format!("the body did not arrive within {} seconds", timeout.as_secs());
                (StatusCode::REQUEST_TIMEOUT, ErrorCode::Timeout, message)
            }
            Rejection::RequestTimeout(_) => {
                let message = "the request exceeded its time limit and was aborted";
                (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Timeout, message.into())
            }
            Rejection::Internal => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, "internal error".into()),
            Rejection::PathNotFound => {
                let message = "this path does not exist; `GET /` lists the paths of the server".into();
                (StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
            }
            Rejection::Malformed(message) => (StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message),
            Rejection::CrossSite => {
                let message = "a page of another site could have sent this request without the user's intention: send \
                               JSON by POST, or accept application/json by name, or add the header \
                               `Apollo-Require-Preflight`";
                (StatusCode::FORBIDDEN, ErrorCode::CsrfBlocked, message.into())
            }
            Rejection::ForeignOrigin => {
                let message =
                    "pages of this origin may not connect; the server's CORS settings list the allowed origins";
                (StatusCode::FORBIDDEN, ErrorCode::CsrfBlocked, message.into())
            }
            Rejection::TooManyConnections => {
                headers.insert(header::RETRY_AFTER, CONNECTION_RETRY_AFTER_S.into());
                let message = "too many open connections; close another one first";
                (StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, message.into())
            }
            Rejection::MethodNotAllowed(allowed, message) => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
                (StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message.into())
            }
        };
        Parts { status, code, message, headers, extensions }
    }

    /// The response in a media type.
    pub(super) fn into_response(self, media_type: MediaType, request_id: &str) -> Response {
        let Parts { status, code, message, headers, extensions } = self.into_parts();
        let mut all = json!({ "code": code.as_str(), "requestId": request_id });
        if let Some(all) = all.as_object_mut() {
            all.extend(extensions);
        }
        let body = json!({
            "errors": [{ "message": message, "extensions": all }],
            "extensions": { "requestId": request_id },
        });
        // An event stream has not begun, so there is no event that could carry the error.
        let media_type = if media_type == MediaType::EventStream { MediaType::Json } else { media_type };
        (status, headers, [(header::CONTENT_TYPE, media_type.content_type())], body.to_string()).into_response()
    }
}
