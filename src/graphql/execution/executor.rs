//! Runs an operation on the schema, with the data and the batches of its request.

use async_graphql::Response;
use async_graphql::dataloader::{DataLoader, HashMapCache};
use futures_util::stream::{BoxStream, StreamExt};

use super::batching::{NoDelay, RequestBatches};
use super::request::Operation;
use crate::graphql::schema::builder::Schema;
use crate::graphql::support::context::RequestData;
use crate::graphql::support::idempotency_report::IdempotencyReport;
use crate::graphql::support::loaders::Batch;
use crate::platform::App;

/// Runs a query or a mutation.
pub async fn execute(schema: &Schema, app: &App, operation: Operation) -> Response {
    let batches = RequestBatches::default();
    let report = IdempotencyReport::default();
    let request = with_data(app, operation, batches.clone(), report.clone(), true);
    let response = batches.drive(schema.execute(request)).await;
    match report.to_extension() {
        Some(fields) => response.extension("idempotency", fields),
        None => response,
    }
}

/// Runs a subscription. Nothing runs while nobody polls the stream, and dropping it ends the subscription.
pub fn execute_stream(schema: &Schema, app: &App, operation: Operation) -> BoxStream<'static, Response> {
    let batches = RequestBatches::default();
    // Data that was loaded for one event may have changed by the next, so nothing is cached.
    let request = with_data(app, operation, batches.clone(), IdempotencyReport::default(), false);
    batches.drive_each(schema.execute_stream(request)).boxed()
}

fn with_data(
    app: &App,
    operation: Operation,
    batches: RequestBatches,
    idempotency: IdempotencyReport,
    caches: bool,
) -> async_graphql::Request {
    let Operation { viewer, client, request, .. } = operation;
    let batch = Batch { app: app.clone(), viewer: viewer.clone() };
    let loader = DataLoader::with_cache(batch, batches, NoDelay, HashMapCache::default());
    loader.enable_all_cache(caches);
    request.data(RequestData { app: app.clone(), viewer, client, idempotency, batches: loader })
}
