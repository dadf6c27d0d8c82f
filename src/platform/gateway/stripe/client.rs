//! The HTTP client for Stripe's API, and the meaning of each kind of response for the caller.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::Value;

use crate::platform::config::{Secret, StripeConfig, is_loopback};
use crate::platform::gateway::GatewayError;
use crate::platform::start_error::StartError;

/// The version of the API that responses have, whichever version the account defaults to.
const VERSION: &str = "2024-06-20";

/// An HTTP client that authenticates with the secret key of an account.
pub struct StripeClient {
    client: Client,
    base: Url,
    key: Secret,
}

/// A successful response.
pub struct StripeResponse {
    /// The object that Stripe returned.
    pub body: Value,
    /// Whether this repeats the response to an earlier request with the same key. The object may have changed since.
    pub replayed: bool,
}

/// Why Stripe returned no object.
#[derive(Debug)]
pub enum StripeError {
    /// The card was declined.
    Declined(String),
    /// Stripe refused the request. Reasons are invalid parameters, and a state in which the request is not possible.
    Refused(String),
    /// The request may or may not have taken effect.
    Unknown(String),
    /// Stripe failed internally at the first request with this key, and repeats that response for every further one.
    ReplayedFailure(String),
}

impl From<StripeError> for GatewayError {
    fn from(error: StripeError) -> Self {
        match error {
            StripeError::Declined(code) | StripeError::Refused(code) => GatewayError::Refused(code),
            StripeError::Unknown(reason) | StripeError::ReplayedFailure(reason) => GatewayError::Unknown(reason),
        }
    }
}

impl StripeClient {
    /// Prepares the client. Sends nothing yet.
    pub fn new(config: &StripeConfig) -> Result<StripeClient, StartError> {
        // The only error is that a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .timeout(config.timeout)
            .connect_timeout(config.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("roost/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&config.url) {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| StartError::Gateway(error.to_string()))?;
        Ok(StripeClient { client, base: config.url.clone(), key: config.secret_key.clone() })
    }

    /// Reads an object.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, StripeError> {
        let mut url = self.url(path)?;
        url.query_pairs_mut().extend_pairs(query);
        self.send(self.client.request(Method::GET, url)).await.map(|reply| reply.body)
    }

    /// Sends a request that changes something. With a key, it is executed at most once.
    pub async fn post(
        &self,
        path: &str,
        key: Option<&str>,
        form: &[(&str, &str)],
    ) -> Result<StripeResponse, StripeError> {
        let mut request = self.client.request(Method::POST, self.url(path)?).form(form);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        self.send(request).await
    }

    fn url(&self, path: &str) -> Result<Url, StripeError> {
        self.base.join(path).map_err(|_| StripeError::Refused("the id is not valid in a URL of Stripe".into()))
    }

    async fn send(&self, request: RequestBuilder) -> Result<StripeResponse, StripeError> {
        let request = request.bearer_auth(self.key.expose()).header("Stripe-Version", VERSION);
        let response = request.send().await.map_err(transport_error)?;
        let (status, replayed) = (response.status().as_u16(), is_replayed(response.headers()));
        let body = response.bytes().await.map_err(transport_error)?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if (200..300).contains(&status) && body.is_object() {
            return Ok(StripeResponse { body, replayed });
        }
        Err(response_error(status, replayed, &body))
    }
}

fn is_replayed(headers: &HeaderMap) -> bool {
    headers.get("idempotent-replayed").is_some_and(|value| value == "true")
}

/// The kind of the failure only. The full text of the error may contain what was sent.
fn transport_error(error: reqwest::Error) -> StripeError {
    let reason = if error.is_timeout() {
        "no response in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection was interrupted"
    };
    StripeError::Unknown(reason.into())
}

/// Keeps Stripe's codes only. Its messages may quote what was sent, so they are left out.
fn response_error(status: u16, replayed: bool, body: &Value) -> StripeError {
    let error = body.get("error").unwrap_or(&Value::Null);
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    let kind = text("type").unwrap_or("no reason given");
    let reason = match (text("code").unwrap_or(kind), text("param")) {
        (code, Some(param)) => format!("{code}: {param}"),
        (code, None) => code.to_owned(),
    };
    match status {
        402 => StripeError::Declined(text("decline_code").or(text("code")).unwrap_or("generic_decline").to_owned()),
        // The same key with other arguments. This is an error in Roost and says nothing about the payment.
        _ if kind == "idempotency_error" => StripeError::Unknown(format!("status {status}: {kind}")),
        400 | 404 | 422 => StripeError::Refused(reason),
        500..=599 if replayed => StripeError::ReplayedFailure(format!("status {status}, replayed")),
        // 401 and 403 concern our secret key, 409 and 429 concurrent requests. None says whether the payment was made.
        _ => StripeError::Unknown(format!("status {status}: {kind}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn error(status: u16, error: Value) -> GatewayError {
        response_error(status, false, &json!({ "error": error })).into()
    }

    #[test]
    fn only_a_response_that_proves_no_effect_counts_as_refused() {
        let refused = |text: &str| GatewayError::Refused(text.into());
        let missing = json!({ "type": "invalid_request_error", "code": "resource_missing", "param": "payment_method" });
        assert_eq!(error(400, missing), refused("resource_missing: payment_method"));
        assert_eq!(error(404, json!({ "type": "invalid_request_error" })), refused("invalid_request_error"));
        for (status, kind) in [
            (400, "idempotency_error"),
            (401, "invalid_request_error"),
            (403, "invalid_request_error"),
            (409, "idempotency_error"),
            (429, "invalid_request_error"),
            (500, "api_error"),
            (503, "api_error"),
            (302, "moved"),
            (200, "not an object"),
        ] {
            let error = error(status, json!({ "type": kind }));
            assert!(matches!(error, GatewayError::Unknown(_)), "{status} {kind}: {error}");
        }
    }

    #[test]
    fn a_decline_has_the_code_of_the_bank_if_there_is_one() {
        let code = |error: Value| match response_error(402, false, &json!({ "error": error })) {
            StripeError::Declined(code) => code,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            code(json!({ "code": "card_declined", "decline_code": "insufficient_funds" })),
            "insufficient_funds"
        );
        assert_eq!(code(json!({ "code": "expired_card" })), "expired_card");
        assert_eq!(code(json!({})), "generic_decline");
    }

    #[test]
    fn messages_that_may_quote_the_request_are_left_out() {
        let error =
            error(400, json!({ "type": "invalid_request_error", "message": "No such card: '4242424242424242'" }));
        assert!(!error.to_string().contains("4242"), "{error}");
    }
}
