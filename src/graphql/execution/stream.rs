//! Running an operation that answers again and again.

use async_graphql::Response;
use async_graphql::dataloader::{DataLoader, HashMapCache};
use futures_util::stream::{BoxStream, StreamExt};

use super::batching;
use crate::domain::viewer::Viewer;
use crate::graphql::support::context::Request;
use crate::graphql::support::{idempotency, loaders};
use crate::graphql::{Client, Schema};
use crate::platform::App;

/// Runs a subscription on somebody's behalf. Nothing goes on while nobody polls, and dropping the stream ends it.
pub(in crate::graphql) fn execute_stream(
    schema: &Schema,
    app: &App,
    viewer: Viewer,
    client: Client,
    request: async_graphql::Request,
) -> BoxStream<'static, Response> {
    let in_request = batching::InRequest::default();
    let batch = loaders::Batch { app: app.clone(), viewer: viewer.clone() };
    let batches = DataLoader::with_cache(batch, in_request.clone(), batching::NoDelay, HashMapCache::default());
    // What was true for one event may be over at the next.
    batches.enable_all_cache(false);
    let data = Request {
        app: app.clone(),
        viewer,
        user_agent: client.user_agent,
        ip: client.ip,
        idempotency_key: client.idempotency_key,
        answered: idempotency::Answered::default(),
        batches,
    };
    in_request.drive_each(schema.execute_stream(request.data(data))).boxed()
}
