//! Parses a GraphQL request from its JSON, with error messages that do not depend on the JSON library.

use serde_json::{Map, Value};

use crate::graphql::GraphqlRequest;

/// Parses a request, or returns a message about the invalid part. A null field counts as absent. Unknown fields are
/// ignored.
pub(super) fn parse_request(value: Value) -> Result<GraphqlRequest, String> {
    let Value::Object(mut fields) = value else { return Err("a request must be a JSON object".to_owned()) };
    Ok(GraphqlRequest {
        query: take_string(&mut fields, "query")?,
        document_id: take_string(&mut fields, "documentId")?,
        operation_name: take_string(&mut fields, "operationName")?,
        variables: take_object(&mut fields, "variables")?,
        extensions: take_object(&mut fields, "extensions")?,
    })
}

fn take_string(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` must be a string")),
    }
}

fn take_object(fields: &mut Map<String, Value>, name: &str) -> Result<Option<Map<String, Value>>, String> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(format!("`{name}` must be a JSON object")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_invalid_request_is_refused_with_the_name_of_the_field() {
        for (sent, message) in [
            (json!(7), "a request must be a JSON object"),
            (json!({ "query": 7 }), "`query` must be a string"),
            (json!({ "documentId": [] }), "`documentId` must be a string"),
            (json!({ "query": "{ a }", "operationName": {} }), "`operationName` must be a string"),
            (json!({ "query": "{ a }", "variables": [] }), "`variables` must be a JSON object"),
            (json!({ "query": "{ a }", "extensions": "x" }), "`extensions` must be a JSON object"),
        ] {
            assert_eq!(parse_request(sent.clone()).unwrap_err(), message, "{sent}");
        }
        let request =
            parse_request(json!({ "query": "{ a }", "variables": null, "operationName": null, "id": 1 })).unwrap();
        assert_eq!((request.query.as_deref(), request.variables, request.operation_name), (Some("{ a }"), None, None));
    }
}
