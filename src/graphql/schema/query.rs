//! The root type of queries.

use async_graphql::{Context, Description, ID, Object, Result};

use crate::domain::error::{Code, Error};
use crate::domain::{bookings as domain_bookings, listings as domain_listings};
use crate::graphql::support::connection::page_request;
use crate::graphql::support::context::{RequestContext, parse_id};
use crate::graphql::support::cost_directive::cost;
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::loaders::{BookingKey, UserKey};
use crate::graphql::types::node::{Node, fetch_node};
use crate::graphql::types::rate_limit::{RateLimit, rate_limit};
use crate::graphql::types::{bookings, listings, quotes, search, users};
use crate::kernel::id::Kind;

/// Longest list that `nodes` takes.
const MAX_NODES: usize = 100;

/// Root of all queries.
#[derive(Description)]
pub struct Query;

#[Object(use_type_description)]
impl Query {
    /// Fetches any object by its global ID. Null if it does not exist or the viewer may not see it.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of any type, such as `lst_…`.")] id: ID,
    ) -> Option<Result<Node>> {
        fetch_node(ctx, &id, &["id"]).await.transpose()
    }

    /// Fetches up to 100 objects by their global IDs, in the same order. An item is null if the object does not exist
    /// or the viewer may not see it.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global IDs of any type, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        if ids.len() > MAX_NODES {
            return Err(to_graphql_error(Error::refused(Code::TooMany, &["ids"], "must have at most 100 ids")));
        }
        futures_util::future::try_join_all(ids.iter().map(|id| fetch_node(ctx, id, &["ids"]))).await
    }

    /// The signed-in user with their private data. Null if the request has no valid access token.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Result<users::Viewer>> {
        users::load_viewer(ctx).await.transpose()
    }

    /// The public profile of the user with this ID. Null if it does not exist.
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the user, prefixed `usr_`.")] id: ID,
    ) -> Option<Result<users::User>> {
        let user = async {
            let id = parse_id(Kind::User, &id, &["id"]).map_err(to_graphql_error)?;
            ctx.load(UserKey(id)).await
        };
        user.await.map(|row| row.map(users::User::from)).transpose()
    }

    /// The listing with this ID. Null if it does not exist or the viewer may not see it.
    async fn listing(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the listing, prefixed `lst_`.")] id: ID,
    ) -> Option<Result<listings::Listing>> {
        let listing = async {
            let id = parse_id(Kind::Listing, &id, &["id"])?;
            domain_listings::find_visible(ctx.app(), ctx.viewer(), id).await
        };
        listing.await.map(|row| row.map(listings::Listing::from)).map_err(to_graphql_error).transpose()
    }

    /// The booking with this ID. Null if it does not exist or the viewer may not see it.
    async fn booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the booking, prefixed `bkg_`.")] id: ID,
    ) -> Option<Result<bookings::Booking>> {
        let booking = async {
            let id = parse_id(Kind::Booking, &id, &["id"]).map_err(to_graphql_error)?;
            ctx.load(BookingKey(id)).await
        };
        booking.await.map(|row| row.map(bookings::Booking::from)).transpose()
    }

    /// The booking with this code. Null if it does not exist or the viewer may not see it.
    async fn booking_by_code(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Code of the booking: 10 letters and digits, as in `Booking.code`.")] code: String,
    ) -> Option<Result<bookings::Booking>> {
        let booking = domain_bookings::by_code(ctx.app(), ctx.viewer(), &code).await;
        booking.map(|row| row.map(bookings::Booking::from)).map_err(to_graphql_error).transpose()
    }

    /// The quote in this token. Null if the token is not valid, or `quoteCreate` returned it to another user. An expired
    /// or used quote is still found.
    async fn quote(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Token of a quote, as `quoteCreate` returned it.")] token: String,
    ) -> Option<quotes::Quote> {
        quotes::read_quote(ctx, token)
    }

    /// Finds the published listings that meet all conditions.
    #[expect(clippy::too_many_arguments, reason = "these are the arguments of the field")]
    #[graphql(directive = cost::apply(300))]
    async fn listing_search(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Conditions that all results meet. An empty object matches all.")]
        wanted: search::ListingSearchWhere,
        #[graphql(
            desc = "Order of the results. Default: RELEVANCE.",
            default_with = "Some(search::ListingSearchSort::Relevance)"
        )]
        sort: Option<search::ListingSearchSort>,
        #[graphql(desc = "Number of items from the start, 0 to 100. Default: 20, unless `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor. If absent, from the first item.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end, 0 to 100. Refused with `first`. If absent, `first` applies.")]
        last: Option<i32>,
        #[graphql(desc = "Only items before this cursor. If absent, up to the last item.")] before: Option<String>,
    ) -> Result<search::ListingSearchConnection> {
        let sort = sort.unwrap_or(search::ListingSearchSort::Relevance);
        let request = page_request("Query.listingSearch", first, after, last, before)?;
        search::search_listings(ctx, wanted, sort, request).await
    }

    /// The budget from which this operation was paid. Null if the server has no budgets.
    #[graphql(directive = cost::apply(0))]
    async fn rate_limit(&self, ctx: &Context<'_>) -> Option<RateLimit> {
        rate_limit(ctx)
    }

    /// All amenities that a listing can have, by category. At most 200.
    async fn amenities(&self) -> Vec<listings::Amenity> {
        domain_listings::listing::amenities::all().iter().map(listings::Amenity).collect()
    }
}
