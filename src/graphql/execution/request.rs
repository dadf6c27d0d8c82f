//! A request as every transport sends it, what it has become once it may run, and what came of it.

use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Name, Response, ServerError, Value};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Map;

use super::budget::Paid;
use crate::domain::viewer::Viewer;
use crate::graphql::Client;
use crate::graphql::support::error_codes;
use crate::graphql::support::error_codes::ErrorCode;

/// A request as its client sent it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// The document.
    pub query: Option<String>,
    /// The id of a document that is known already.
    pub document_id: Option<String>,
    /// Which operation of the document.
    pub operation_name: Option<String>,
    /// Values for its variables.
    pub variables: Option<Map<String, serde_json::Value>>,
    /// What else the client says.
    pub extensions: Option<Map<String, serde_json::Value>>,
}

/// A call that may run: its document is known and parsed, it is within all limits, and paid for.
pub struct Operation {
    /// What kind of operation it is.
    pub kind: OperationType,
    /// On whose behalf it runs.
    pub viewer: Viewer,
    /// Who sent it, and how.
    pub client: Client,
    /// What was charged for it.
    pub paid: Paid,
    pub(in crate::graphql) request: async_graphql::Request,
}

impl Operation {
    /// The answer instead of running it.
    pub fn refused(self, code: ErrorCode, message: &str) -> Answer {
        let mut answer = Answer::refused(code, message);
        answer.paid = Some(self.paid);
        answer.sealed(&self.client.request_id)
    }
}

/// What a call came to.
#[derive(Debug)]
pub struct Answer {
    /// Data, errors and extensions.
    pub response: Response,
    /// Whether the operation was begun. One that was not has no data, not even null.
    pub ran: bool,
    /// Whole seconds after which trying again makes sense, if waiting would help.
    pub retry_after_s: Option<u64>,
    /// What was charged, as far as anybody was.
    pub paid: Option<Paid>,
}

impl Answer {
    /// The answer to a call that may not run, for one reason.
    pub fn refused(code: ErrorCode, message: impl Into<String>) -> Box<Answer> {
        Answer::failed(vec![code.error(message)])
    }

    /// The answer to a call that may not run, for reasons that have their codes.
    pub fn failed(errors: Vec<ServerError>) -> Box<Answer> {
        Box::new(Answer { response: Response::from_errors(errors), ran: false, retry_after_s: None, paid: None })
    }

    /// The answer to a call that was given up, as it took longer than it may.
    pub fn too_long(patience: Duration, message: &str) -> Box<Answer> {
        let limit = [("name", Value::from("seconds")), ("max", patience.as_secs().into())];
        let limit = limit.into_iter().map(|(name, value)| (Name::new(name), value)).collect();
        Answer::refused(ErrorCode::Timeout, message).with("limit", Value::Object(limit))
    }

    /// The same with a fact beside the first error's code.
    pub fn with(mut self: Box<Self>, name: &str, fact: impl Into<Value>) -> Box<Answer> {
        if let Some(error) = self.response.errors.first_mut() {
            error.extensions.get_or_insert_default().set(name, fact.into());
        }
        self
    }

    /// Whether its first error is of this kind.
    pub fn is(&self, code: ErrorCode) -> bool {
        self.response.errors.first().and_then(error_codes::code_of) == Some(code.word())
    }

    /// Names the request in the answer and in each of its errors, and gives a code to errors that have none.
    pub fn sealed(mut self, request_id: &str) -> Answer {
        let otherwise = if self.ran { ErrorCode::Invalid } else { ErrorCode::ValidationFailed };
        for error in &mut self.response.errors {
            let coded = error_codes::code_of(error).is_some();
            let extensions = error.extensions.get_or_insert_default();
            if !coded {
                extensions.set("code", otherwise.word());
            }
            extensions.set("requestId", request_id);
        }
        self.response.extensions.insert("requestId".into(), request_id.into());
        if let Some(paid) = &self.paid {
            self.response.extensions.insert("cost".into(), paid.told());
        }
        self
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_map(None)?;
        if !self.response.errors.is_empty() {
            body.serialize_entry("errors", &self.response.errors)?;
        }
        if self.ran {
            body.serialize_entry("data", &self.response.data)?;
        }
        if !self.response.extensions.is_empty() {
            body.serialize_entry("extensions", &self.response.extensions)?;
        }
        body.end()
    }
}
