//! A GraphQL request as every transport sends it, and the operation that it becomes once it may run.

use async_graphql::parser::types::OperationType;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::response::GraphqlResponse;
use crate::domain::viewer::Viewer;
use crate::graphql::support::budget::Charge;
use crate::graphql::support::context::Client;
use crate::graphql::support::error_codes::ErrorCode;

/// A request as its client sent it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphqlRequest {
    /// The document.
    pub query: Option<String>,
    /// The ID of a document that the server has already.
    pub document_id: Option<String>,
    /// The operation of the document to run.
    pub operation_name: Option<String>,
    /// Values of its variables.
    pub variables: Option<Map<String, Value>>,
    /// Extensions of the protocol, such as `persistedQuery`.
    pub extensions: Option<Map<String, Value>>,
}

/// An operation that may run: its document is parsed and valid, it is within all limits, and it is paid for.
pub struct Operation {
    /// Query, mutation or subscription.
    pub kind: OperationType,
    /// The viewer on whose behalf it runs.
    pub viewer: Viewer,
    /// The client that sent it.
    pub client: Client,
    /// What was charged for it.
    pub charge: Charge,
    /// Whether it selects fields of introspection.
    pub(super) introspects: bool,
    pub(super) request: async_graphql::Request,
}

impl Operation {
    /// Refuses to run the operation.
    pub fn refuse(self, code: ErrorCode, message: &str) -> GraphqlResponse {
        let mut response = GraphqlResponse::from_error(code, message);
        response.charge = Some(self.charge);
        response.with_request_id(&self.client.request_id)
    }
}
