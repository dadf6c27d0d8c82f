//! The schema with its documents, limits and budgets: one way to run a request, for every transport.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::OperationType;
use async_graphql::{Name, Response, ServerError, Value, Variables};
use futures_util::FutureExt;
use futures_util::stream::{BoxStream, StreamExt};

use super::cost::OperationCost;
use super::documents::{self, Documents};
use super::executable;
use super::executor::{execute, execute_stream};
use super::persisted_query::{self, ResolvedQuery};
use super::request::{GraphqlRequest, Operation};
use super::response::GraphqlResponse;
use crate::domain::viewer::Viewer;
use crate::graphql::schema::builder::{Purpose, Schema, build_schema};
use crate::graphql::support::budget;
use crate::graphql::support::context::Client;
use crate::graphql::support::error_codes::ErrorCode;
use crate::platform::App;
use crate::platform::database::QueryStats;
use crate::platform::limits::rate_limit::Payer;

/// How long an operation may take.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs GraphQL requests. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    app: App,
    schema: Schema,
    /// The same schema for introspection, and with a timer at each field. Both make every field slower. Built on first
    /// use.
    introspected: Arc<OnceLock<Schema>>,
    traced: Arc<OnceLock<Schema>>,
    documents: Documents,
}

/// An operation that may run once it is paid for.
struct CheckedOperation {
    kind: OperationType,
    points: u64,
    introspects: bool,
    /// The hash and the text of a document to store as a persisted query. Documents that cannot run are not stored.
    to_store: Option<(String, Arc<str>)>,
    request: async_graphql::Request,
}

impl Engine {
    /// Builds the schema for `app`.
    pub fn new(app: App) -> Engine {
        let schema = build_schema(app.config.graphql.introspection, Purpose::Requests);
        let (introspected, traced) = Default::default();
        Engine { app, schema, introspected, traced, documents: Documents::default() }
    }

    /// The application that the engine serves.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The schema, without documents, limits and budgets.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    fn schema_for(&self, operation: &Operation) -> &Schema {
        let build = |purpose| move || build_schema(self.app.config.graphql.introspection, purpose);
        match operation.client.trace && !self.is_production() {
            true => self.traced.get_or_init(build(Purpose::Tracing)),
            false if operation.introspects => self.introspected.get_or_init(build(Purpose::Introspection)),
            false => &self.schema,
        }
    }

    fn is_production(&self) -> bool {
        self.app.config.graphql.production
    }

    /// Resolves, checks and charges the operation of a request. Returns the response if it may not run.
    pub async fn prepare(
        &self,
        viewer: Viewer,
        client: Client,
        request: GraphqlRequest,
    ) -> Result<Operation, Box<GraphqlResponse>> {
        let payer = Payer::new(viewer.user().map(|user| user.user_id), client.ip);
        let checked = self.check(&client, request).await;
        let points = checked.as_ref().map_or(budget::REFUSED_POINTS, |checked| checked.points);
        let refused = match (budget::charge(&self.app, &payer, points).await, checked) {
            (Ok(charge), Ok(CheckedOperation { kind, introspects, request, to_store, .. })) => {
                if let Some((hash, text)) = to_store {
                    self.app.persisted_documents.store(&hash, &text).await;
                }
                let request = request.data(charge);
                return Ok(Operation { kind, introspects, viewer, client, charge, request });
            }
            (Ok(charge), Err(mut refused)) => {
                refused.charge = Some(charge);
                refused
            }
            (Err(exceeded), _) => exceeded.into(),
        };
        Err(Box::new(refused.with_request_id(&client.request_id)))
    }

    async fn check(&self, client: &Client, request: GraphqlRequest) -> Result<CheckedOperation, Box<GraphqlResponse>> {
        let ResolvedQuery { text, store_as } =
            persisted_query::resolve(&self.app.persisted_documents, &request).await?;
        let config = &self.app.config.graphql;
        let document = self.documents.parse(&text, config.introspection)?;
        let name = request.operation_name.filter(|name| !name.is_empty());
        let operation = documents::find_operation(&document.parsed, name.as_deref())?;
        let kind = operation.node.ty;
        let cost = document.cost_of(name.as_deref());
        let variables = request.variables.unwrap_or_default();
        if let Some(cost) = cost {
            cost.check_variables(&variables)?;
        }
        document.valid.check_variables(name.as_deref(), &variables)?;
        let variables = Variables::from_json(serde_json::Value::Object(variables));
        let executable = executable::prepare(&document.parsed, name.as_deref(), operation, &variables)?;
        let mutations = if kind == OperationType::Mutation { executable::count_root_fields(&executable) } else { 0 };
        if client.idempotency_key.is_some() && mutations > 1 {
            let message = "the header Idempotency-Key is for a document with one mutation; \
                           give each of several its own key with @idempotent(key:)";
            return Err(GraphqlResponse::from_error(ErrorCode::BadRequest, message));
        }
        let points = |cost: &OperationCost| cost.points(&variables, config.operation_cost, config.introspection);
        let mut points = cost.map_or(Ok(budget::REFUSED_POINTS), points)?;
        let to_store = store_as.map(|hash| (hash, text.clone()));
        if to_store.is_some() {
            points = points.saturating_add(budget::storage_points(&text));
        }
        let mut request = async_graphql::Request::new(&*text).variables(variables);
        request.operation_name = name;
        request.set_parsed_query(executable);
        let introspects = cost.is_some_and(OperationCost::introspects);
        Ok(CheckedOperation { kind, points, introspects, to_store, request })
    }

    /// Runs a query or a mutation to completion. A panic becomes an internal error.
    pub async fn run(&self, operation: Operation) -> GraphqlResponse {
        let request_id = operation.client.request_id.clone();
        let charge = operation.charge;
        let stats = Arc::new(QueryStats::default());
        let schema = self.schema_for(&operation);
        // Boxed, because the future is large and would otherwise be moved from frame to frame.
        let run = Box::pin(execute(schema, &self.app, operation));
        let mut response = run_with_timeout(stats.measure(run), OPERATION_TIMEOUT).await;
        if !self.is_production() {
            response.body.extensions.insert("sql".into(), query_stats(&stats));
        }
        response.charge = Some(charge);
        response.with_request_id(&request_id)
    }

    /// Runs any operation and yields its responses: one for a query or a mutation, one for each event of a
    /// subscription.
    pub fn stream(&self, operation: Operation) -> BoxStream<'static, GraphqlResponse> {
        let engine = self.clone();
        if operation.kind != OperationType::Subscription {
            return futures_util::stream::once(async move { engine.run(operation).await }).boxed();
        }
        let request_id = operation.client.request_id.clone();
        let events = execute_stream(&self.schema, &self.app, operation);
        let events = AssertUnwindSafe(events).catch_unwind().map(|event| match event {
            Ok(body) => executed(body),
            Err(cause) => *internal_error(&*cause),
        });
        events.map(move |response| response.with_request_id(&request_id)).boxed()
    }
}

/// Runs an operation for at most `timeout`. A panic becomes an internal error.
async fn run_with_timeout(run: impl Future<Output = Response>, timeout: Duration) -> GraphqlResponse {
    match tokio::time::timeout(timeout, AssertUnwindSafe(run).catch_unwind()).await {
        Ok(Ok(body)) => executed(body),
        Ok(Err(cause)) => *internal_error(&*cause),
        Err(_) => *GraphqlResponse::timed_out(timeout, "the operation exceeded its time limit and was aborted"),
    }
}

/// The value of `extensions.sql`: what the operation cost the database, for developers.
fn query_stats(stats: &QueryStats) -> Value {
    let mut fields = IndexMap::new();
    fields.insert(Name::new("statements"), stats.statements().into());
    fields.insert(Name::new("rows"), stats.rows().into());
    fields.insert(Name::new("ms"), milliseconds(stats.microseconds()).into());
    Value::Object(fields)
}

/// Milliseconds with at most three decimals. A division of whole numbers gives the number that prints so; a product of
/// fractions does not.
fn milliseconds(microseconds: u64) -> f64 {
    f64::from(u32::try_from(microseconds).unwrap_or(u32::MAX)) / 1_000.0
}

fn executed(body: Response) -> GraphqlResponse {
    GraphqlResponse { ran: has_run(&body), body, retry_after_s: None, charge: None }
}

/// Whether execution began. Errors of the executor's own checks have no path, and such a response has no data.
fn has_run(body: &Response) -> bool {
    let before_execution = |error: &ServerError| error.path.is_empty();
    body.errors.is_empty() || body.data != Value::Null || !body.errors.iter().all(before_execution)
}

fn internal_error(cause: &(dyn Any + Send)) -> Box<GraphqlResponse> {
    let cause = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
    tracing::error!(cause, "a resolver panicked");
    GraphqlResponse::from_error(ErrorCode::Internal, "internal error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_one_internal_error_without_details() {
        let run = async { panic!("the secret is {}", 42) };
        let response = run_with_timeout(run, OPERATION_TIMEOUT).await.with_request_id("req_1");
        assert_eq!(
            serde_json::to_value(&response).unwrap(),
            serde_json::json!({
                "errors": [{ "message": "internal error", "extensions": { "code": "INTERNAL", "requestId": "req_1" } }],
                "extensions": { "requestId": "req_1" },
            })
        );
    }

    #[test]
    fn milliseconds_have_at_most_three_decimals() {
        for microseconds in (0..100_000).chain(1_000_000..1_050_000) {
            let printed = milliseconds(microseconds).to_string();
            let decimals = printed.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            assert!(decimals <= 3, "{microseconds} µs are printed as {printed}");
        }
        assert_eq!(milliseconds(3_971).to_string(), "3.971");
    }

    #[tokio::test]
    async fn an_operation_that_does_not_end_is_aborted() {
        let response = run_with_timeout(std::future::pending(), Duration::ZERO).await;
        assert!(response.has_code(ErrorCode::Timeout) && !response.ran);
        let limit = response.body.errors[0].extensions.as_ref().and_then(|extensions| extensions.get("limit")).cloned();
        assert_eq!(limit.unwrap().into_json().unwrap(), serde_json::json!({ "name": "seconds", "max": 0 }));
    }
}
