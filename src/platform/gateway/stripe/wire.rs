//! Speaking to Stripe over HTTP, and what each kind of answer means for the one who asked.

use std::net::IpAddr;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::Value;

use crate::platform::StartError;
use crate::platform::config::{Secret, StripeConfig};
use crate::platform::gateway::GatewayError;

/// Answers have the shape of this version, whatever the account's own is.
const VERSION: &str = "2024-06-20";

/// The connection to Stripe.
pub struct Wire {
    client: Client,
    base: Url,
    key: Secret,
}

/// An answer that says what is the case.
pub struct Reply {
    /// The object.
    pub body: Value,
    /// Whether this is what the same key was answered before; things may have moved on since.
    pub replayed: bool,
}

/// Why there is no object.
#[derive(Debug)]
pub enum Trouble {
    /// The card was declined.
    Declined(String),
    /// The request makes no sense to Stripe, perhaps no longer.
    Refused(String),
    /// It may or may not have taken effect.
    Unknown(String),
    /// The key was once answered by a failure of Stripe's, and will be from now on.
    Spoilt(String),
}

impl From<Trouble> for GatewayError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Declined(code) | Trouble::Refused(code) => GatewayError::Refused(code),
            Trouble::Unknown(why) | Trouble::Spoilt(why) => GatewayError::Unknown(why),
        }
    }
}

impl Wire {
    /// Prepares the client; nothing is sent yet.
    pub fn new(config: &StripeConfig) -> Result<Wire, StartError> {
        // Already installed is as good.
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
        Ok(Wire { client, base: config.url.clone(), key: config.secret_key.clone() })
    }

    /// Looks at something.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Trouble> {
        let mut url = self.url(path)?;
        url.query_pairs_mut().extend_pairs(query);
        self.send(self.client.request(Method::GET, url)).await.map(|reply| reply.body)
    }

    /// Asks for something; with a key, once at most.
    pub async fn post(&self, path: &str, key: Option<&str>, form: &[(&str, &str)]) -> Result<Reply, Trouble> {
        let mut request = self.client.request(Method::POST, self.url(path)?).form(form);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        self.send(request).await
    }

    fn url(&self, path: &str) -> Result<Url, Trouble> {
        self.base.join(path).map_err(|_| Trouble::Refused("that is no name of Stripe's".into()))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Reply, Trouble> {
        let request = request.bearer_auth(self.key.expose()).header("Stripe-Version", VERSION);
        let response = request.send().await.map_err(broken)?;
        let (status, replayed) = (response.status().as_u16(), replayed(response.headers()));
        let body = response.bytes().await.map_err(broken)?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if (200..300).contains(&status) && body.is_object() {
            return Ok(Reply { body, replayed });
        }
        Err(trouble(status, replayed, &body))
    }
}

/// Whether the host of `url` is this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or("").trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn replayed(headers: &HeaderMap) -> bool {
    headers.get("idempotent-replayed").is_some_and(|value| value == "true")
}

/// The kind of the failure; the whole of it could tell what was sent.
fn broken(error: reqwest::Error) -> Trouble {
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    Trouble::Unknown(what.into())
}

/// Stripe's words are codes; its sentences may quote what was sent, so they are left out.
fn trouble(status: u16, replayed: bool, body: &Value) -> Trouble {
    let error = body.get("error").unwrap_or(&Value::Null);
    let word = |name: &str| error.get(name).and_then(Value::as_str);
    let kind = word("type").unwrap_or("no reason given");
    let reason = match (word("code").unwrap_or(kind), word("param")) {
        (code, Some(param)) => format!("{code}: {param}"),
        (code, None) => code.to_owned(),
    };
    match status {
        402 => Trouble::Declined(word("decline_code").or(word("code")).unwrap_or("generic_decline").to_owned()),
        // The same key with other arguments: a question of ours, not an answer about the payment.
        _ if kind == "idempotency_error" => Trouble::Unknown(format!("status {status}: {kind}")),
        400 | 404 | 422 => Trouble::Refused(reason),
        500..=599 if replayed => Trouble::Spoilt(format!("status {status}, again")),
        // 401 and 403 are about our key, 409 and 429 about the moment; none says what became of the payment.
        _ => Trouble::Unknown(format!("status {status}: {kind}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(status: u16, error: Value) -> GatewayError {
        trouble(status, false, &json!({ "error": error })).into()
    }

    #[test]
    fn only_what_had_no_effect_counts_as_refused() {
        let refused = |text: &str| GatewayError::Refused(text.into());
        let missing = json!({ "type": "invalid_request_error", "code": "resource_missing", "param": "payment_method" });
        assert_eq!(said(400, missing), refused("resource_missing: payment_method"));
        assert_eq!(said(404, json!({ "type": "invalid_request_error" })), refused("invalid_request_error"));
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
            let said = said(status, json!({ "type": kind }));
            assert!(matches!(said, GatewayError::Unknown(_)), "{status} {kind}: {said}");
        }
    }

    #[test]
    fn a_decline_says_why_in_the_banks_word_if_there_is_one() {
        let code = |error: Value| match trouble(402, false, &json!({ "error": error })) {
            Trouble::Declined(code) => code,
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
    fn sentences_that_may_quote_what_was_sent_are_left_out() {
        let said = said(400, json!({ "type": "invalid_request_error", "message": "No such card: '4242424242424242'" }));
        assert!(!said.to_string().contains("4242"), "{said}");
    }
}
