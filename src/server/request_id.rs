//! Request IDs: made by the server, written to the log and returned in the header `x-request-id`.

use axum::extract::Request;
use axum::http::{Extensions, HeaderName};
use tower_http::request_id::{MakeRequestId, RequestId};

/// The header that carries the request ID.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Removes a request ID that the client sent. It could be any text, and the log must contain only IDs of the server.
pub(super) async fn remove_client_request_id(mut request: Request) -> Request {
    request.headers_mut().remove(REQUEST_ID);
    request
}

/// The ID of a request in the log.
pub(super) fn request_id(extensions: &Extensions) -> String {
    let id = extensions.get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    id.unwrap_or_default().to_owned()
}

/// Makes random request IDs, prefixed `req_`.
#[derive(Clone, Copy)]
pub(super) struct RandomRequestId;

impl MakeRequestId for RandomRequestId {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        let id = format!("req_{:032x}", rand::random::<u128>());
        id.parse().ok().map(RequestId::new)
    }
}
