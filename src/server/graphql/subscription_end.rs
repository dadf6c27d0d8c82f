//! Recognizes the response that ends a subscription.

use async_graphql::Value;
use async_graphql::parser::types::OperationType;

use crate::graphql::GraphqlResponse;

/// Whether a response ends its subscription: it has an error of the root field and no data.
pub(super) fn ends_subscription(kind: OperationType, response: &GraphqlResponse) -> bool {
    let has_root_error = response.body.errors.iter().any(|error| error.path.len() == 1);
    kind == OperationType::Subscription && has_root_error && response.body.data == Value::Null
}
