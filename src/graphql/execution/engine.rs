//! The schema with everything that stands around it: documents, limits, budgets, and one way to run a call, whatever
//! transport brought it.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_graphql::extensions::ApolloTracing;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::OperationType;
use async_graphql::{Name, Response, ServerError, Value, Variables};
use futures_util::FutureExt;
use futures_util::stream::{BoxStream, StreamExt};

use super::budget;
use super::cost::Measured;
use super::documents;
use super::documents::Documents;
use super::persisted_query;
use super::persisted_query::Named;
use super::request::{Answer, Call, Operation};
use crate::domain::viewer::Viewer;
use crate::graphql::support::error_codes::ErrorCode;
use crate::graphql::{Client, Schema};
use crate::platform::App;
use crate::platform::database::Meter;
use crate::platform::limits::rate_limit::Payer;

/// How long an operation may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs calls; cheap to clone.
#[derive(Clone)]
pub struct Engine {
    app: App,
    schema: Schema,
    /// The same with a clock at each field, which makes every field slower; built when first asked for.
    traced: Arc<OnceLock<Schema>>,
    documents: Documents,
}

/// An operation that may run once it is paid for.
struct Checked {
    kind: OperationType,
    points: u64,
    /// The text to keep, and its hash, for who will name it by that. What cannot run is not worth remembering.
    keep: Option<(String, Arc<str>)>,
    request: async_graphql::Request,
}

impl Engine {
    /// An engine over `app`.
    pub fn new(app: App) -> Engine {
        let schema = crate::graphql::schema(app.config.graphql.introspection, None::<ApolloTracing>);
        Engine { app, schema, traced: Arc::default(), documents: Documents::default() }
    }

    /// What the engine stands on.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The schema itself, without anything around it.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    fn schema_for(&self, client: &Client) -> &Schema {
        if !client.trace || self.is_production() {
            return &self.schema;
        }
        self.traced.get_or_init(|| crate::graphql::schema(self.app.config.graphql.introspection, Some(ApolloTracing)))
    }

    fn is_production(&self) -> bool {
        self.app.config.graphql.production
    }

    /// Finds the operation that a call asks for, and refuses what may not run.
    pub async fn prepare(&self, viewer: Viewer, client: Client, call: Call) -> Result<Operation, Box<Answer>> {
        let payer = Payer::of(viewer.user().map(|user| user.user_id), client.ip);
        let checked = self.check(&client, call).await;
        let points = checked.as_ref().map_or(budget::REFUSED, |checked| checked.points);
        let prepared = match (budget::charge(&self.app, &payer, points).await, checked) {
            (Ok(paid), Ok(Checked { kind, request, keep, .. })) => {
                if let Some((hash, text)) = keep {
                    self.app.persisted.keep(&hash, &text).await;
                }
                return Ok(Operation { kind, viewer, client, paid, request: request.data(paid) });
            }
            (Ok(paid), Err(mut refused)) => {
                refused.paid = Some(paid);
                refused
            }
            (Err(refused), _) => refused,
        };
        Err(Box::new(prepared.sealed(&client.request_id)))
    }

    async fn check(&self, client: &Client, call: Call) -> Result<Checked, Box<Answer>> {
        let Named { text, keep_under } = persisted_query::text(&self.app.persisted, &call).await?;
        let config = &self.app.config.graphql;
        let document = self.documents.parse(&text, config.introspection)?;
        let name = call.operation_name.filter(|name| !name.is_empty());
        let operation = documents::operation(&document.parsed, name.as_deref())?;
        documents::named_once(&document.parsed, operation)?;
        let measured = document.measured(name.as_deref());
        documents::one_field(operation)?;
        if client.idempotency_key.is_some()
            && operation.ty == OperationType::Mutation
            && measured.is_some_and(|measured| measured.roots() > 1)
        {
            let message = "the header Idempotency-Key is for a document with one mutation; \
                           give each of several its own with @idempotent(key:)";
            return Err(Answer::refused(ErrorCode::BadRequest, message));
        }
        let kind = operation.ty;
        let variables = call.variables.unwrap_or_default();
        if let Some(measured) = measured {
            measured.check_variables(&variables)?;
        }
        document.valid.check_variables(name.as_deref(), &variables)?;
        let variables = Variables::from_json(serde_json::Value::Object(variables));
        let cost = |measured: &Measured| measured.cost(&variables, config.operation_cost, config.introspection);
        let mut points = measured.map_or(Ok(budget::REFUSED), cost)?;
        let keep = keep_under.map(|hash| (hash, text.clone()));
        if keep.is_some() {
            points = points.saturating_add(budget::keeping(&text));
        }
        let mut request = async_graphql::Request::new(&*text).variables(variables);
        request.operation_name = name;
        request.set_parsed_query(document.parsed.clone());
        Ok(Checked { kind, points, keep, request })
    }

    /// Runs a query or a mutation to its end. A panic is one error like another that broke.
    pub async fn run(&self, operation: Operation) -> Answer {
        let request_id = operation.client.request_id.clone();
        let paid = operation.paid;
        let meter = Arc::new(Meter::default());
        let schema = self.schema_for(&operation.client);
        // On the heap: what an operation needs is large, and would be moved from frame to frame.
        let run =
            Box::pin(crate::graphql::execute(schema, &self.app, operation.viewer, operation.client, operation.request));
        let mut answer = guarded(meter.measure(run), PATIENCE).await;
        if !self.is_production() {
            answer.response.extensions.insert("sql".into(), asked(&meter));
        }
        answer.paid = Some(paid);
        answer.sealed(&request_id)
    }

    /// Runs any operation and answers for as long as it has something to say. A query or mutation answers once.
    pub fn stream(&self, operation: Operation) -> BoxStream<'static, Answer> {
        let engine = self.clone();
        if operation.kind != OperationType::Subscription {
            return futures_util::stream::once(async move { engine.run(operation).await }).boxed();
        }
        let request_id = operation.client.request_id.clone();
        let events = crate::graphql::execute_stream(
            &self.schema,
            &self.app,
            operation.viewer,
            operation.client,
            operation.request,
        );
        let events = AssertUnwindSafe(events).catch_unwind().map(|event| match event {
            Ok(response) => Answer { ran: ran(&response), response, retry_after_s: None, paid: None },
            Err(cause) => *broken(&*cause),
        });
        events.map(move |answer| answer.sealed(&request_id)).boxed()
    }
}

/// Runs to the end, but not for ever. A panic is one error like another that broke.
async fn guarded(run: impl Future<Output = Response>, patience: Duration) -> Answer {
    match tokio::time::timeout(patience, AssertUnwindSafe(run).catch_unwind()).await {
        Ok(Ok(response)) => Answer { ran: ran(&response), response, retry_after_s: None, paid: None },
        Ok(Err(cause)) => *broken(&*cause),
        Err(_) => *Answer::too_long(patience, "the operation took too long and was given up"),
    }
}

/// What was asked of the database, for developers.
fn asked(meter: &Meter) -> Value {
    let mut asked = IndexMap::new();
    asked.insert(Name::new("statements"), meter.statements().into());
    asked.insert(Name::new("rows"), meter.rows().into());
    // Cannot be lossy in practice: microseconds of one request are far below 2^52.
    asked.insert(Name::new("ms"), (Duration::from_micros(meter.microseconds()).as_secs_f64() * 1_000.0).into());
    Value::Object(asked)
}

/// Whether the operation was begun: what is refused by the executor's own checks has errors without a path, and no data.
fn ran(response: &Response) -> bool {
    let refused = |error: &ServerError| error.path.is_empty();
    response.errors.is_empty() || response.data != Value::Null || !response.errors.iter().all(refused)
}

fn broken(cause: &(dyn std::any::Any + Send)) -> Box<Answer> {
    let cause = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
    tracing::error!(cause, "a resolver panicked");
    Answer::refused(ErrorCode::Internal, "internal error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_one_coded_error_that_tells_nothing() {
        let run = async { panic!("the secret is {}", 42) };
        let answer = guarded(run, PATIENCE).await.sealed("req_1");
        assert_eq!(
            serde_json::to_value(&answer).unwrap(),
            serde_json::json!({
                "errors": [{ "message": "internal error", "extensions": { "code": "INTERNAL", "requestId": "req_1" } }],
                "extensions": { "requestId": "req_1" },
            })
        );
    }

    #[tokio::test]
    async fn what_does_not_end_is_given_up() {
        let answer = guarded(std::future::pending(), Duration::ZERO).await;
        assert!(answer.is(ErrorCode::Timeout) && !answer.ran);
        let limit = answer.response.errors[0].extensions.as_ref().and_then(|facts| facts.get("limit")).cloned();
        assert_eq!(limit.unwrap().into_json().unwrap(), serde_json::json!({ "name": "seconds", "max": 0 }));
    }
}
