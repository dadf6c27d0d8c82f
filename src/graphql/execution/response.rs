//! The response to a request: what the executor returned, or why the request did not run.

use std::time::Duration;

use async_graphql::{Name, Response, ServerError, Value};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::graphql::support::budget::{BudgetExceeded, Charge};
use crate::graphql::support::error_codes;
use crate::graphql::support::error_codes::ErrorCode;

/// The response to a request.
#[derive(Debug)]
pub struct GraphqlResponse {
    /// Data, errors and extensions.
    pub body: Response,
    /// Whether execution began. If it did not, the response has no `data`, not even null.
    pub ran: bool,
    /// Whole seconds after which a retry can succeed, if waiting helps.
    pub retry_after_s: Option<u64>,
    /// What was charged. None if nobody was charged.
    pub charge: Option<Charge>,
}

impl GraphqlResponse {
    /// The response to a request that may not run, for one reason.
    pub fn from_error(code: ErrorCode, message: impl Into<String>) -> Box<GraphqlResponse> {
        GraphqlResponse::from_errors(vec![code.error(message)])
    }

    /// The response to a request that may not run, for reasons that have their codes.
    pub fn from_errors(errors: Vec<ServerError>) -> Box<GraphqlResponse> {
        let body = Response::from_errors(errors);
        Box::new(GraphqlResponse { body, ran: false, retry_after_s: None, charge: None })
    }

    /// The response to a request that was aborted because it exceeded `timeout`.
    pub fn timed_out(timeout: Duration, message: &str) -> Box<GraphqlResponse> {
        let limit = [("name", Value::from("seconds")), ("max", timeout.as_secs().into())];
        let limit = limit.into_iter().map(|(name, value)| (Name::new(name), value)).collect();
        GraphqlResponse::from_error(ErrorCode::Timeout, message).with_extension("limit", Value::Object(limit))
    }

    /// Adds an entry to the extensions of the first error.
    pub fn with_extension(mut self: Box<Self>, name: &str, value: impl Into<Value>) -> Box<GraphqlResponse> {
        if let Some(error) = self.body.errors.first_mut() {
            error.extensions.get_or_insert_default().set(name, value.into());
        }
        self
    }

    /// Whether its first error has this code.
    pub fn has_code(&self, code: ErrorCode) -> bool {
        self.body.errors.first().and_then(error_codes::code_of) == Some(code.as_str())
    }

    /// Completes the extensions: the request ID in the response and in each of its errors, a code for errors that have
    /// none, and the cost.
    pub fn with_request_id(mut self, request_id: &str) -> GraphqlResponse {
        let default_code = if self.ran { ErrorCode::Invalid } else { ErrorCode::ValidationFailed };
        for error in &mut self.body.errors {
            let has_code = error_codes::code_of(error).is_some();
            let extensions = error.extensions.get_or_insert_default();
            if !has_code {
                extensions.set("code", default_code.as_str());
            }
            extensions.set("requestId", request_id);
        }
        self.body.extensions.insert("requestId".into(), request_id.into());
        if let Some(charge) = self.charge {
            self.body.extensions.insert("cost".into(), charge.to_extension());
        }
        self
    }
}

impl From<Box<BudgetExceeded>> for Box<GraphqlResponse> {
    fn from(exceeded: Box<BudgetExceeded>) -> Box<GraphqlResponse> {
        let BudgetExceeded { charge, retry_after_s, message } = *exceeded;
        let response = GraphqlResponse::from_error(ErrorCode::RateLimited, message);
        let mut response = response.with_extension("retryAfter", retry_after_s);
        response.retry_after_s = Some(retry_after_s);
        response.charge = Some(charge);
        response
    }
}

impl Serialize for GraphqlResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_map(None)?;
        if !self.body.errors.is_empty() {
            body.serialize_entry("errors", &self.body.errors)?;
        }
        if self.ran {
            body.serialize_entry("data", &self.body.data)?;
        }
        if !self.body.extensions.is_empty() {
            body.serialize_entry("extensions", &self.body.extensions)?;
        }
        body.end()
    }
}
