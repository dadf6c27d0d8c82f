//! Finding listings.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};

use super::listings::{Listing, RoomType};
use super::prices::PriceBreakdown;
use super::stays::{StayInput, is_hosts};
use crate::domain::error::Error;
use crate::domain::listings::{self as domain, Match, Matches, SearchWhere};
use crate::graphql::execution::cost::cost;
use crate::graphql::support::connection::PageInfo;
use crate::graphql::support::context::{Ask, key};
use crate::graphql::support::errors::shown;
use crate::graphql::support::money::{Money, MoneyInput};
use crate::kernel::id::Kind;
use crate::kernel::page::PageRequest;

/// What to search for; all of it must hold.
#[derive(InputObject)]
pub struct ListingSearchWhere {
    /// Words, all of which must stand in title, place or description; case and accents do not matter.
    text: Option<String>,
    /// Within a circle.
    near: Option<GeoCircleInput>,
    /// Within a box.
    within: Option<GeoBoxInput>,
    /// Only what can be booked for these nights by these guests, with its price.
    stay: Option<StayInput>,
    /// At least so many people fit.
    capacity: Option<i32>,
    /// One of these room types.
    room_type: Option<Vec<RoomType>>,
    /// All of these amenities, by code.
    amenities: Option<Vec<String>>,
    /// At least so many bedrooms.
    bedrooms_min: Option<i32>,
    /// At least so many beds.
    beds_min: Option<i32>,
    /// The whole stay costs at most this; needs `stay`. Listings in other currencies do not match.
    total_max: Option<MoneyInput>,
    /// The whole stay costs at least this; needs `stay`.
    total_min: Option<MoneyInput>,
    /// Only what is confirmed at once.
    instant_only: Option<bool>,
    /// Only policies that give everything back to those who cancel early.
    free_cancellation: Option<bool>,
    /// At least so many stars, from three ratings on.
    rating_min: Option<f64>,
    /// Only listings of this host.
    host_id: Option<ID>,
}

/// A circle on the map.
#[derive(InputObject)]
pub struct GeoCircleInput {
    /// Centre, degrees north.
    latitude: f64,
    /// Centre, degrees east.
    longitude: f64,
    /// Up to 500,000.
    radius_meters: i32,
}

/// A box on the map; `west` may exceed `east` where it crosses the 180th meridian.
#[derive(InputObject)]
pub struct GeoBoxInput {
    /// Degrees north of the lower edge.
    south: f64,
    /// Degrees east of the left edge.
    west: f64,
    /// Degrees north of the upper edge.
    north: f64,
    /// Degrees east of the right edge.
    east: f64,
}

/// The order of results.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::SearchSort")]
pub enum ListingSearchSort {
    /// Best match first: where the words stand, then what guests thought.
    Relevance,
    /// Cheapest first: the whole stay, or a night when no stay is asked for.
    TotalAsc,
    /// Dearest first.
    TotalDesc,
    /// Best rated first; those with fewer than three ratings last.
    RatingDesc,
    /// Nearest first; needs `near`.
    DistanceAsc,
    /// Latest published first.
    Newest,
}

impl ListingSearchWhere {
    fn read(self) -> Result<SearchWhere, Error> {
        Ok(SearchWhere {
            text: self.text,
            near: self.near.map(|circle| ((circle.latitude, circle.longitude), circle.radius_meters)),
            within: self.within.map(|edges| (edges.south, edges.west, edges.north, edges.east)),
            currency: self.stay.as_ref().map(StayInput::currency).transpose()?.flatten(),
            stay: self.stay.map(|stay| stay.read(&["where", "stay"], "", false)).transpose()?,
            capacity: self.capacity,
            room_types: self.room_type.map(|types| types.into_iter().map(Into::into).collect()),
            amenities: self.amenities.unwrap_or_default(),
            bedrooms_min: self.bedrooms_min,
            beds_min: self.beds_min,
            total_min: self.total_min.map(|money| money.read(&["where", "totalMin"])).transpose()?,
            total_max: self.total_max.map(|money| money.read(&["where", "totalMax"])).transpose()?,
            instant_only: self.instant_only.unwrap_or(false),
            free_cancellation: self.free_cancellation.unwrap_or(false),
            rating_min: self.rating_min,
            host_id: self.host_id.map(|id| key(Kind::User, &id, &["where", "hostId"])).transpose()?,
        })
    }
}

/// Finds published listings.
pub(in crate::graphql) async fn search(
    ctx: &Context<'_>,
    wanted: ListingSearchWhere,
    sort: ListingSearchSort,
    request: PageRequest,
) -> Result<ListingSearchConnection> {
    let found = async { domain::search(ctx.app(), ctx.viewer(), wanted.read()?, sort.into(), request).await };
    Ok(ListingSearchConnection { matches: found.await.map_err(shown)? })
}

/// A page of search results.
pub struct ListingSearchConnection {
    matches: Matches,
}

/// A page of search results.
#[Object]
impl ListingSearchConnection {
    /// The results with their cursors.
    async fn edges(&self) -> Vec<ListingSearchEdge> {
        let edges = self.matches.page.edges.iter().cloned();
        edges.map(|(cursor, found)| ListingSearchEdge { cursor: cursor.into_text(), found }).collect()
    }

    /// The listings alone.
    async fn nodes(&self) -> Vec<Listing> {
        self.matches.page.edges.iter().map(|(_, found)| Listing::of(found.listing.clone())).collect()
    }

    /// Where this page lies in the results.
    async fn page_info(&self) -> PageInfo {
        PageInfo::of(&self.matches.page)
    }

    /// How many match in all.
    #[graphql(directive = cost::apply(3))]
    async fn total_count(&self) -> u64 {
        self.matches.total
    }

    /// What all results together offer.
    #[graphql(directive = cost::apply(10))]
    async fn facets(&self, ctx: &Context<'_>) -> Result<SearchFacets> {
        let facets = self.matches.facets(ctx.app()).await.map_err(shown)?;
        let room_type =
            |room_type: crate::domain::listings::enums::RoomType| match async_graphql::resolver_utils::enum_value(
                RoomType::from(room_type),
            ) {
                async_graphql::Value::Enum(name) => name.to_string(),
                other => other.to_string(),
            };
        Ok(SearchFacets {
            amenities: facets.amenities.into_iter().map(|(code, count)| FacetCount { code, count }).collect(),
            room_types: facets
                .room_types
                .into_iter()
                .map(|(kind, count)| FacetCount { code: room_type(kind), count })
                .collect(),
            price_histogram: facets
                .prices
                .into_iter()
                .map(|(from, to, count)| PriceBucket { from: Money(from), to: Money(to), count })
                .collect(),
        })
    }
}

/// One search result.
pub struct ListingSearchEdge {
    cursor: String,
    found: Match,
}

/// One search result.
#[Object]
impl ListingSearchEdge {
    /// Where the result stands; for `after` and `before`.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The listing.
    async fn node(&self) -> Listing {
        Listing::of(self.found.listing.clone())
    }

    /// Metres from the centre of the circle, measured from the place shown to the public; null without `near`.
    async fn distance_meters(&self) -> Option<i32> {
        self.found.distance_m
    }

    /// What the stay costs; null without `stay`.
    async fn price(&self, ctx: &Context<'_>) -> Option<PriceBreakdown> {
        let price = self.found.price.clone()?;
        Some(PriceBreakdown { price, for_host: is_hosts(ctx.viewer(), self.found.listing.host_id) })
    }
}

/// What all results of a search together offer.
#[derive(SimpleObject)]
pub struct SearchFacets {
    /// Amenities, most frequent first.
    amenities: Vec<FacetCount>,
    /// Room types.
    room_types: Vec<FacetCount>,
    /// How prices spread, in the currency that most results have.
    price_histogram: Vec<PriceBucket>,
}

/// How many results have something.
#[derive(SimpleObject)]
pub struct FacetCount {
    /// What they have.
    code: String,
    /// How many.
    count: i64,
}

/// How many results cost about so much.
#[derive(SimpleObject)]
pub struct PriceBucket {
    /// From this on …
    from: Money,
    /// … and below this.
    to: Money,
    /// How many.
    count: i64,
}
