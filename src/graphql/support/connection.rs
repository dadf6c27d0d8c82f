//! Relay connections: pages with cursors, and a total that is counted only if the client selects it.

use std::hash::Hash;

use async_graphql::dataloader::Loader;
use async_graphql::{Context, Result, SimpleObject};
use futures_util::future::BoxFuture;

use super::context::RequestContext;
use super::errors::to_graphql_error;
use super::loaders::Batch;
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::kernel::page::{Cursor, Page, PageRequest};
use crate::platform::App;

/// Position of a page in its list.
#[derive(SimpleObject)]
pub struct PageInfo {
    /// Whether there are items after the last one of this page.
    pub has_next_page: bool,
    /// Whether there are items before the first one of this page.
    pub has_previous_page: bool,
    /// Cursor of the first item. Null if the page is empty.
    pub start_cursor: Option<String>,
    /// Cursor of the last item. Null if the page is empty.
    pub end_cursor: Option<String>,
}

impl<T> From<&Page<T>> for PageInfo {
    fn from(page: &Page<T>) -> PageInfo {
        let cursor = |edge: Option<&(Cursor, T)>| edge.map(|(cursor, _)| cursor.clone().into_text());
        PageInfo {
            has_next_page: page.has_next,
            has_previous_page: page.has_previous,
            start_cursor: cursor(page.edges.first()),
            end_cursor: cursor(page.edges.last()),
        }
    }
}

/// Counts the whole list. It runs only if the client selects `totalCount`.
pub type LazyCount = Box<dyn for<'a> Fn(&'a Context<'_>) -> BoxFuture<'a, Result<i64>> + Send + Sync>;

/// Makes a [`LazyCount`] of a domain call.
pub fn count_lazily<F, R>(call: F) -> LazyCount
where
    F: Fn(App, Viewer) -> R + Send + Sync + 'static,
    R: Future<Output = Result<u64, Error>> + Send + 'static,
{
    Box::new(move |ctx| {
        let counted = call(ctx.app().clone(), ctx.viewer().clone());
        Box::pin(async move { Ok(i64::try_from(counted.await.map_err(to_graphql_error)?).unwrap_or(i64::MAX)) })
    })
}

/// Makes a [`LazyCount`] of a key whose loader counts the lists of many owners in one statement. For a connection that
/// can be selected on each item of a list.
pub fn count_batched<K>(key: K) -> LazyCount
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    Batch: Loader<K, Value = i64, Error = async_graphql::Error>,
{
    Box::new(move |ctx| {
        let key = key.clone();
        Box::pin(async move { Ok(ctx.load(key).await?.unwrap_or(0)) })
    })
}

/// Reads the four arguments of the connection field with this coordinate, such as `Viewer.trips`. Its cursors carry the
/// coordinate, and other connections refuse them.
pub fn page_request(
    list: &'static str,
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
) -> Result<PageRequest> {
    PageRequest::new(list, first, after, last, before).map_err(|bad| to_graphql_error(bad.into()))
}

/// A page without items.
pub fn empty_page<T>() -> Page<T> {
    Page { edges: Vec::new(), has_next: false, has_previous: false }
}
