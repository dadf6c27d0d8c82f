//! Relay connections: pages with cursors and a total that is counted only when asked for.

use async_graphql::{Context, Object, Result, SimpleObject};
use futures_util::future::BoxFuture;

use super::context::Ask;
use super::errors::shown;
use crate::domain::error::Error;
use crate::graphql::execution::cost::cost;
use crate::graphql::types::alterations::BookingAlteration;
use crate::graphql::types::booking_events::BookingEvent;
use crate::graphql::types::bookings::Booking;
use crate::graphql::types::listings::Listing;
use crate::graphql::types::notifications::Notification;
use crate::graphql::types::payouts::Payout;
use crate::graphql::types::reviews::Review;
use crate::graphql::types::users::Session;
use crate::kernel::page::{Page, PageRequest};
use crate::platform::App;

/// Where a page lies in its list.
#[derive(SimpleObject)]
pub struct PageInfo {
    /// Whether items follow the last one of this page.
    pub has_next_page: bool,
    /// Whether items precede the first one of this page.
    pub has_previous_page: bool,
    /// Cursor of the first item; null when the page is empty.
    pub start_cursor: Option<String>,
    /// Cursor of the last item; null when the page is empty.
    pub end_cursor: Option<String>,
}

impl PageInfo {
    /// Describes a page.
    pub fn of<T>(page: &Page<T>) -> PageInfo {
        let cursor =
            |edge: Option<&(crate::kernel::page::Cursor, T)>| edge.map(|(cursor, _)| cursor.clone().into_text());
        PageInfo {
            has_next_page: page.has_next,
            has_previous_page: page.has_previous,
            start_cursor: cursor(page.edges.first()),
            end_cursor: cursor(page.edges.last()),
        }
    }
}

/// Counts the whole list when somebody asks.
pub type Count = Box<dyn for<'a> Fn(&'a Context<'_>) -> BoxFuture<'a, Result<i64>> + Send + Sync>;

/// A counter made of a domain call.
pub fn count<F, R>(call: F) -> Count
where
    F: Fn(App, crate::domain::viewer::Viewer) -> R + Send + Sync + 'static,
    R: Future<Output = Result<u64, Error>> + Send + 'static,
{
    Box::new(move |ctx| {
        let counted = call(ctx.app().clone(), ctx.viewer().clone());
        Box::pin(async move { Ok(i64::try_from(counted.await.map_err(shown)?).unwrap_or(i64::MAX)) })
    })
}

/// Reads the four arguments of a connection.
pub fn page(
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
) -> Result<PageRequest> {
    PageRequest::new(first, after, last, before).map_err(|bad| shown(bad.into()))
}

/// A page that holds nothing.
pub fn empty_page<T>() -> Page<T> {
    Page { edges: Vec::new(), has_next: false, has_previous: false }
}

macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ident, $items:literal) => {
        #[doc = concat!("A page of ", $items, ".")]
        pub struct $connection {
            /// The page.
            pub page: Page<$node>,
            /// Counts the whole list.
            pub total: Count,
        }

        #[doc = concat!("A page of ", $items, ".")]
        #[Object]
        impl $connection {
            /// The items with their cursors.
            async fn edges(&self) -> Vec<$edge> {
                let edges = self.page.edges.iter().cloned();
                edges.map(|(cursor, node)| $edge { cursor: cursor.into_text(), node }).collect()
            }

            /// The items alone.
            async fn nodes(&self) -> Vec<$node> {
                self.page.edges.iter().map(|(_, node)| node.clone()).collect()
            }

            /// Where this page lies in the list.
            async fn page_info(&self) -> PageInfo {
                PageInfo::of(&self.page)
            }

            /// How many items the whole list has.
            #[graphql(directive = cost::apply(3))]
            async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
                (self.total)(ctx).await
            }
        }

        #[doc = concat!("One of a page of ", $items, ".")]
        pub struct $edge {
            cursor: String,
            node: $node,
        }

        #[doc = concat!("One of a page of ", $items, ".")]
        #[Object]
        impl $edge {
            /// Where the item stands in the list; for `after` and `before`.
            async fn cursor(&self) -> &str {
                &self.cursor
            }

            /// The item.
            async fn node(&self) -> $node {
                self.node.clone()
            }
        }
    };
}

connection!(ListingConnection, ListingEdge, Listing, "listings");
connection!(BookingConnection, BookingEdge, Booking, "bookings");
connection!(BookingEventConnection, BookingEventEdge, BookingEvent, "steps in the life of a booking");
connection!(BookingAlterationConnection, BookingAlterationEdge, BookingAlteration, "changes of a booking");
connection!(NotificationConnection, NotificationEdge, Notification, "what you were told");
connection!(PayoutConnection, PayoutEdge, Payout, "payouts");
connection!(ReviewConnection, ReviewEdge, Review, "reviews");
connection!(SessionConnection, SessionEdge, Session, "sign-ins");
