//! Answers in place of a handler that panics or takes too long: with a code, and with the ID of the request.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;

use super::content_negotiation::MediaType;
use super::rejection::Rejection;
use super::request_id::request_id;

/// How long a request may take until its response begins. An operation and its body together may take less.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Answers in place of a handler that fails.
pub(super) async fn catch_failures(request: Request, next: Next) -> Response {
    run_with_timeout(REQUEST_TIMEOUT, request, next).await
}

/// Answers requests for paths that the server does not serve.
pub(super) async fn not_found(request: Request) -> Response {
    Rejection::PathNotFound.into_response(MediaType::Json, &request_id(request.extensions()))
}

async fn run_with_timeout(timeout: Duration, request: Request, next: Next) -> Response {
    let id = request_id(request.extensions());
    let running = AssertUnwindSafe(next.run(request)).catch_unwind();
    let rejection = match tokio::time::timeout(timeout, running).await {
        Ok(Ok(response)) => return response,
        Ok(Err(cause)) => {
            let cause = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
            tracing::error!(cause, "a handler panicked");
            Rejection::Internal
        }
        Err(_) => Rejection::RequestTimeout(timeout),
    };
    rejection.into_response(MediaType::Json, &id)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::{Request, header};
    use axum::middleware::from_fn;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use tower::ServiceExt;
    use tower_http::request_id::SetRequestIdLayer;

    use super::*;
    use crate::platform::config::Origins;
    use crate::server::cors::cors_layer;
    use crate::server::request_id::{REQUEST_ID, RandomRequestId};

    async fn get_response(path: &str) -> (Response<()>, Value) {
        async fn panics() {
            panic!("the secret is {}", 42)
        }
        let routes = Router::new().route("/panics", get(panics)).route("/slow", get(std::future::pending::<()>));
        let routes = routes.layer(from_fn(|request, next| run_with_timeout(Duration::from_millis(20), request, next)));
        let routes = routes.layer(cors_layer(&Origins::Any));
        let routes = routes.layer(SetRequestIdLayer::new(REQUEST_ID, RandomRequestId));
        let response = routes.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (Response::from_parts(parts, ()), serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_failed_handler_is_answered_with_a_code_and_the_request_id_and_a_page_can_read_it() {
        for (path, status, code) in [("/panics", 500, "INTERNAL"), ("/slow", 503, "TIMEOUT")] {
            let (response, body) = get_response(path).await;
            assert_eq!((response.status().as_u16(), &body["errors"][0]["extensions"]["code"]), (status, &json!(code)));
            assert!(body["extensions"]["requestId"].as_str().unwrap().starts_with("req_"), "{body:#}");
            assert!(!body.to_string().contains("secret"), "{body:#}");
            assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        }
    }
}
