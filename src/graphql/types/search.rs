//! The search for listings.

use async_graphql::{Context, Description, Enum, ID, InputObject, Object, Result, SimpleObject};

use super::listings::{Listing, RoomType};
use super::prices::PriceBreakdown;
use super::stays::{StayInput, is_host_or_staff};
use crate::domain::error::Error;
use crate::domain::listings::{self as domain, Match, Matches, SearchWhere};
use crate::graphql::support::connection::PageInfo;
use crate::graphql::support::context::{RequestContext, parse_id};
use crate::graphql::support::cost_directive::cost;
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::money::{Money, MoneyInput};
use crate::kernel::id::Kind;
use crate::kernel::page::PageRequest;

/// Conditions of a search for listings. A listing must meet all that are given.
#[derive(InputObject)]
pub struct ListingSearchWhere {
    /// Up to 8 words, in at most 200 characters. All must occur in the title, place or description; case and accents
    /// are ignored. If absent, listings are not filtered by text.
    text: Option<String>,
    /// Circle in which the listing must be. If absent, listings are not filtered by distance.
    near: Option<GeoCircleInput>,
    /// Rectangle in which the listing must be. If absent, listings are not filtered by position.
    within: Option<GeoBoxInput>,
    /// Dates and guests. Only listings that can be booked for them match, and each result has a price. If absent,
    /// results have no price.
    stay: Option<StayInput>,
    /// Minimum number of adults and children that the place must accommodate, 0 to 1,000. The guests of `stay` are a
    /// minimum as well. If absent, there is no other minimum.
    capacity: Option<i32>,
    /// Accepted room types. If absent, all match.
    room_type: Option<Vec<RoomType>>,
    /// Codes of amenities that the place must have, at most 20. If absent, listings are not filtered by amenities.
    amenities: Option<Vec<String>>,
    /// Minimum number of bedrooms, 0 to 1,000. If absent, there is no minimum.
    bedrooms_min: Option<i32>,
    /// Minimum number of beds, 0 to 1,000. If absent, there is no minimum.
    beds_min: Option<i32>,
    /// Maximum total of the stay. Needs `stay`. Listings in other currencies do not match. If absent, there is no
    /// maximum.
    total_max: Option<MoneyInput>,
    /// Minimum total of the stay. Needs `stay`. Listings in other currencies do not match. If absent, there is no
    /// minimum.
    total_min: Option<MoneyInput>,
    /// Whether only listings match that the viewer can book without waiting for the host: INSTANT, and
    /// INSTANT_FOR_VERIFIED if the viewer's e-mail address is verified. Default: false.
    instant_only: Option<bool>,
    /// Whether only listings with the policy FLEXIBLE, MODERATE, LIMITED or FIRM match. Default: false.
    free_cancellation: Option<bool>,
    /// Minimum average rating, 0 to 5. Listings with fewer than 3 ratings do not match. If absent or 0, there is no
    /// minimum.
    rating_min: Option<f64>,
    /// Global ID of the host whose listings match, prefixed `usr_`. If absent, listings of all hosts match.
    host_id: Option<ID>,
}

/// A circle on the map.
#[derive(InputObject)]
pub struct GeoCircleInput {
    /// Degrees north of the centre, -90 to 90.
    latitude: f64,
    /// Degrees east of the centre, -180 to 180.
    longitude: f64,
    /// Radius of the circle in metres, 1 to 500,000.
    radius_meters: i32,
}

/// A rectangle on the map. `west` may exceed `east` if the rectangle crosses the 180th meridian.
#[derive(InputObject)]
pub struct GeoBoxInput {
    /// Degrees north of the lower edge, -90 to 90.
    south: f64,
    /// Degrees east of the left edge, -180 to 180.
    west: f64,
    /// Degrees north of the upper edge, -90 to 90. It must not be less than `south`.
    north: f64,
    /// Degrees east of the right edge, -180 to 180.
    east: f64,
}

/// Order of the results of a search.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::SearchSort")]
pub enum ListingSearchSort {
    /// Best match of `text` first, then best rating.
    Relevance,
    /// Lowest total of the stay first. Without `stay`, lowest price of a night first.
    TotalAsc,
    /// Highest total of the stay first. Without `stay`, highest price of a night first.
    TotalDesc,
    /// Best average rating first. Listings with fewer than 3 ratings are last.
    RatingDesc,
    /// Shortest distance from the centre of `near` first. Needs `near`.
    DistanceAsc,
    /// Most recently published listing first.
    Newest,
}

impl ListingSearchWhere {
    fn into_filter(self) -> Result<SearchWhere, Error> {
        Ok(SearchWhere {
            text: self.text,
            near: self.near.map(|circle| ((circle.latitude, circle.longitude), circle.radius_meters)),
            within: self.within.map(|edges| (edges.south, edges.west, edges.north, edges.east)),
            currency: self.stay.as_ref().map(StayInput::currency).transpose()?.flatten(),
            stay: self.stay.map(|stay| stay.to_request(&["where", "stay"], "", false)).transpose()?,
            capacity: self.capacity,
            room_types: self.room_type.map(|types| types.into_iter().map(Into::into).collect()),
            amenities: self.amenities.unwrap_or_default(),
            bedrooms_min: self.bedrooms_min,
            beds_min: self.beds_min,
            total_min: self.total_min.map(|money| money.to_money(&["where", "totalMin"])).transpose()?,
            total_max: self.total_max.map(|money| money.to_money(&["where", "totalMax"])).transpose()?,
            instant_only: self.instant_only.unwrap_or(false),
            free_cancellation: self.free_cancellation.unwrap_or(false),
            rating_min: self.rating_min,
            host_id: self.host_id.map(|id| parse_id(Kind::User, &id, &["where", "hostId"])).transpose()?,
        })
    }
}

/// Finds published listings.
pub(in crate::graphql) async fn search_listings(
    ctx: &Context<'_>,
    wanted: ListingSearchWhere,
    sort: ListingSearchSort,
    request: PageRequest,
) -> Result<ListingSearchConnection> {
    let found = async { domain::search(ctx.app(), ctx.viewer(), wanted.into_filter()?, sort.into(), request).await };
    Ok(ListingSearchConnection { matches: found.await.map_err(to_graphql_error)? })
}

/// A page of search results.
#[derive(Description)]
pub struct ListingSearchConnection {
    matches: Matches,
}

#[Object(use_type_description)]
impl ListingSearchConnection {
    /// The results of the page, with their cursors.
    async fn edges(&self) -> Vec<ListingSearchEdge> {
        let edges = self.matches.page.edges.iter().cloned();
        edges.map(|(cursor, found)| ListingSearchEdge { cursor: cursor.into_text(), found }).collect()
    }

    /// The listings of the page, without cursors.
    async fn nodes(&self) -> Vec<Listing> {
        self.matches.page.edges.iter().map(|(_, found)| Listing::from(found.listing.clone())).collect()
    }

    /// Position of the page in all results.
    async fn page_info(&self) -> PageInfo {
        PageInfo::from(&self.matches.page)
    }

    /// Number of all results of the search.
    #[graphql(directive = cost::apply(3))]
    async fn total_count(&self) -> u64 {
        self.matches.total
    }

    /// Counts over all results of the search, not only those of the page.
    #[graphql(directive = cost::apply(10))]
    async fn facets(&self, ctx: &Context<'_>) -> Result<SearchFacets> {
        let facets = self.matches.facets(ctx.app()).await.map_err(to_graphql_error)?;
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

/// One search result with its cursor.
#[derive(Description)]
pub struct ListingSearchEdge {
    cursor: String,
    found: Match,
}

#[Object(use_type_description)]
impl ListingSearchEdge {
    /// Position of the result, for `after` and `before`.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The listing that was found.
    async fn node(&self) -> Listing {
        Listing::from(self.found.listing.clone())
    }

    /// Distance in metres from the centre of `near`, measured from the shifted public position. Null without `near`.
    async fn distance_meters(&self) -> Option<i32> {
        self.found.distance_m
    }

    /// Price of the stay. Null without `stay`.
    async fn price(&self, ctx: &Context<'_>) -> Option<PriceBreakdown> {
        let price = self.found.price.clone()?;
        Some(PriceBreakdown { price, for_host: is_host_or_staff(ctx.viewer(), self.found.listing.host_id) })
    }
}

/// Counts over all results of a search.
#[derive(SimpleObject)]
pub struct SearchFacets {
    /// Number of results with each amenity, highest first.
    amenities: Vec<FacetCount>,
    /// Number of results of each room type. Room types without results are left out.
    room_types: Vec<FacetCount>,
    /// Number of results in at most 10 price ranges of equal width, in the currency of most results. The total of the
    /// stay, or without `stay` the price of a night.
    price_histogram: Vec<PriceBucket>,
}

/// Number of search results with one property.
#[derive(SimpleObject)]
pub struct FacetCount {
    /// Code of the amenity, or value of `RoomType`.
    code: String,
    /// Number of results with this property.
    count: i64,
}

/// Number of search results in one price range.
#[derive(SimpleObject)]
pub struct PriceBucket {
    /// Lower end of the range, inclusive.
    from: Money,
    /// Upper end of the range, exclusive.
    to: Money,
    /// Number of results in the range.
    count: i64,
}
