//! A request whose handler breaks or takes too long is answered like any other: coded, and under its id.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;

use super::graphql::{Failure, Media};

/// How long a request may take until its answer begins; an operation and its body have less.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers in place of a handler that cannot.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    within(PATIENCE, request, next).await
}

/// Tells that nothing is served at a path.
pub(super) async fn nowhere(request: Request) -> Response {
    Failure::Nowhere.answered(Media::Json, &super::request_id(request.extensions()))
}

async fn within(patience: Duration, request: Request, next: Next) -> Response {
    let id = super::request_id(request.extensions());
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind();
    let failure = match tokio::time::timeout(patience, answered).await {
        Ok(Ok(response)) => return response,
        Ok(Err(cause)) => {
            let cause = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
            tracing::error!(cause, "a handler panicked");
            Failure::Broken
        }
        Err(_) => Failure::TooLong(patience),
    };
    failure.answered(Media::Json, &id)
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
    use crate::server::{OwnId, REQUEST_ID, cross_origin};

    async fn answer(path: &str) -> (Response<()>, Value) {
        async fn broken() {
            panic!("the secret is {}", 42)
        }
        let routes = Router::new().route("/broken", get(broken)).route("/slow", get(std::future::pending::<()>));
        let routes = routes.layer(from_fn(|request, next| within(Duration::from_millis(20), request, next)));
        let routes = routes.layer(cross_origin(&Origins::Any)).layer(SetRequestIdLayer::new(REQUEST_ID, OwnId));
        let response = routes.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (Response::from_parts(parts, ()), serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn what_breaks_or_takes_too_long_is_coded_names_the_request_and_can_be_read_by_a_page() {
        for (path, status, code) in [("/broken", 500, "INTERNAL"), ("/slow", 503, "TIMEOUT")] {
            let (response, body) = answer(path).await;
            assert_eq!((response.status().as_u16(), &body["errors"][0]["extensions"]["code"]), (status, &json!(code)));
            assert!(body["extensions"]["requestId"].as_str().unwrap().starts_with("req_"), "{body:#}");
            assert!(!body.to_string().contains("secret"), "{body:#}");
            assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        }
    }
}
