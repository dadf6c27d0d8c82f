//! The Relay connections of the schema, one for each type that is listed in pages.

use async_graphql::{Context, Description, Object, Result};

use super::alterations::BookingAlteration;
use super::booking_events::BookingEvent;
use super::bookings::Booking;
use super::listings::Listing;
use super::notifications::Notification;
use super::payouts::Payout;
use super::reviews::Review;
use super::users::Session;
use crate::graphql::support::connection::{LazyCount, PageInfo};
use crate::graphql::support::cost_directive::cost;
use crate::kernel::page::Page;

/// Declares a connection and its edge.
macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ident, $items:literal) => {
        #[doc = concat!("A page of a list of ", $items, ".")]
        #[derive(Description)]
        pub struct $connection {
            /// The items of the page.
            pub page: Page<$node>,
            /// Counts the items of the whole list.
            pub total: LazyCount,
        }

        #[Object(use_type_description)]
        impl $connection {
            /// The items of the page, with their cursors.
            async fn edges(&self) -> Vec<$edge> {
                let edges = self.page.edges.iter().cloned();
                edges.map(|(cursor, node)| $edge { cursor: cursor.into_text(), node }).collect()
            }

            /// The items of the page, without cursors.
            async fn nodes(&self) -> Vec<$node> {
                self.page.edges.iter().map(|(_, node)| node.clone()).collect()
            }

            /// Position of the page in the whole list.
            async fn page_info(&self) -> PageInfo {
                PageInfo::from(&self.page)
            }

            /// Number of items in the whole list. It is counted only if this field is selected.
            #[graphql(directive = cost::apply(3))]
            async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
                (self.total)(ctx).await
            }
        }

        #[doc = concat!("An item of a list of ", $items, ", with its cursor.")]
        #[derive(Description)]
        pub struct $edge {
            cursor: String,
            node: $node,
        }

        #[Object(use_type_description)]
        impl $edge {
            /// Position of the item in the list, for `after` and `before`.
            async fn cursor(&self) -> &str {
                &self.cursor
            }

            /// The item at this position.
            async fn node(&self) -> $node {
                self.node.clone()
            }
        }
    };
}

connection!(ListingConnection, ListingEdge, Listing, "listings");
connection!(BookingConnection, BookingEdge, Booking, "bookings");
connection!(BookingEventConnection, BookingEventEdge, BookingEvent, "events of a booking");
connection!(BookingAlterationConnection, BookingAlterationEdge, BookingAlteration, "changes of a booking");
connection!(NotificationConnection, NotificationEdge, Notification, "notifications");
connection!(PayoutConnection, PayoutEdge, Payout, "payouts");
connection!(ReviewConnection, ReviewEdge, Review, "reviews");
connection!(SessionConnection, SessionEdge, Session, "sessions");
