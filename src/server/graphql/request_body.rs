//! Reads an operation from the JSON that it was sent as, and says in the API's own words what is wrong with it.

use serde_json::{Map, Value};

use crate::graphql::Call;

/// The operation, or what is wrong with it. What is null counts as not given, and what nobody knows is passed over.
pub(super) fn read(value: Value) -> Result<Call, String> {
    let Value::Object(mut sent) = value else { return Err("an operation must be a JSON object".to_owned()) };
    Ok(Call {
        query: text(&mut sent, "query")?,
        document_id: text(&mut sent, "documentId")?,
        operation_name: text(&mut sent, "operationName")?,
        variables: object(&mut sent, "variables")?,
        extensions: object(&mut sent, "extensions")?,
    })
}

fn text(sent: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match sent.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` must be a string")),
    }
}

fn object(sent: &mut Map<String, Value>, name: &str) -> Result<Option<Map<String, Value>>, String> {
    match sent.remove(name) {
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
    fn an_operation_of_another_shape_is_told_which_field_is_wrong() {
        for (sent, wrong) in [
            (json!(7), "an operation must be a JSON object"),
            (json!({ "query": 7 }), "`query` must be a string"),
            (json!({ "documentId": [] }), "`documentId` must be a string"),
            (json!({ "query": "{ a }", "operationName": {} }), "`operationName` must be a string"),
            (json!({ "query": "{ a }", "variables": [] }), "`variables` must be a JSON object"),
            (json!({ "query": "{ a }", "extensions": "x" }), "`extensions` must be a JSON object"),
        ] {
            assert_eq!(read(sent.clone()).unwrap_err(), wrong, "{sent}");
        }
        let call = read(json!({ "query": "{ a }", "variables": null, "operationName": null, "id": 1 })).unwrap();
        assert_eq!((call.query.as_deref(), call.variables, call.operation_name), (Some("{ a }"), None, None));
    }
}
