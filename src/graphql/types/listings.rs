//! Listings as the API shows them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};

use super::calendar::CalendarDay;
use super::pricing::{Pricing, StayRules};
use super::ratings::RatingSummary;
use super::stays::{StayCheck, StayInput};
use super::users;
use super::users::User;
use crate::domain::listings as domain;
use crate::domain::listings::enums;
use crate::domain::listings::listing::{amenities, policy};
use crate::domain::reviews::ListOf;
use crate::graphql::execution::cost::cost;
use crate::graphql::support::connection::ReviewConnection;
use crate::graphql::support::context::{Ask, id};
use crate::graphql::support::errors::shown;
use crate::graphql::support::loaders::{About, AmenitiesKey, BookedKey, RatingKey, UserKey};
use crate::graphql::support::scalars::{Date, DateTime, LocalTime, TimeZone};
use crate::kernel::id::Kind;
use crate::kernel::money::Currency;

/// Where a listing stands.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "enums::ListingStatus")]
pub enum ListingStatus {
    /// Being written; only its host sees it.
    Draft,
    /// Waiting for the marketplace's approval.
    InReview,
    /// On the market.
    Published,
    /// Taken off the market by its host.
    Unlisted,
    /// Taken off the market by the marketplace.
    Suspended,
    /// Gone.
    Deleted,
}

/// What a guest has to themselves.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "enums::RoomType")]
pub enum RoomType {
    /// The whole place.
    EntirePlace,
    /// A room, sharing the rest.
    PrivateRoom,
    /// A bed in a shared room.
    SharedRoom,
    /// A room in a hotel.
    HotelRoom,
}

/// Whether a paid booking is confirmed at once.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "enums::BookingMode")]
pub enum BookingMode {
    /// At once.
    Instant,
    /// When the host accepts.
    Request,
    /// At once for guests with a verified e-mail address, else when the host accepts.
    InstantForVerified,
}

/// What a guest gets back, by how early they cancel.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "policy::CancellationPolicy")]
pub enum CancellationPolicy {
    /// Everything back until a day before check-in; then the first night is kept.
    Flexible,
    /// Everything back until five days before check-in; then the first night and half of the others are kept.
    Moderate,
    /// Everything back until 14 days before check-in, half until seven.
    Limited,
    /// Everything back until 30 days before check-in, half until seven.
    Firm,
    /// Half back until seven days before check-in.
    Strict,
    /// Half back until 30 days before check-in.
    #[graphql(name = "SUPER_STRICT_30")]
    SuperStrict30,
    /// Half back until 60 days before check-in.
    #[graphql(name = "SUPER_STRICT_60")]
    SuperStrict60,
    /// Nothing back, at a lower price.
    NonRefundable,
    /// For 28 nights and more: everything back until 30 days before check-in, then 30 nights are kept.
    LongTermFirm,
    /// For 28 nights and more: everything back within 48 hours of booking, 28 days before check-in at the latest.
    LongTermStrict,
}

/// A place to stay.
#[derive(Clone)]
pub struct Listing(pub Arc<domain::Listing>);

impl Listing {
    /// Wraps a row.
    pub fn of(row: domain::Listing) -> Listing {
        Listing(Arc::new(row))
    }

    pub(in crate::graphql) fn currency(&self) -> Result<Currency> {
        self.0.currency.parse().map_err(|_| shown(crate::domain::error::Error::failed("unknown currency")))
    }

    /// Whether the viewer may know exactly where it is: its host, staff, and guests with a confirmed booking.
    async fn is_disclosed(&self, ctx: &Context<'_>) -> Result<bool> {
        let viewer = ctx.viewer();
        if viewer.is(self.0.host_id) || viewer.is_staff() {
            return Ok(true);
        }
        Ok(viewer.user().is_some() && ctx.load(BookedKey(self.0.id)).await?.is_some())
    }
}

/// A place to stay.
#[Object]
impl Listing {
    /// The id.
    pub async fn id(&self) -> ID {
        id(Kind::Listing, self.0.id)
    }

    /// Grows with every change; for `expectedVersion`.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// Where it stands.
    async fn status(&self) -> ListingStatus {
        self.0.status.into()
    }

    /// What it is called.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// What it is like, as plain text.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// Whose it is.
    async fn host(&self, ctx: &Context<'_>) -> Result<User> {
        let host = ctx.load(UserKey(self.0.host_id)).await?;
        host.map(User::of).ok_or_else(|| shown(crate::domain::error::Error::failed("a listing has no host")))
    }

    /// What a guest has to themselves.
    async fn room_type(&self) -> RoomType {
        self.0.room_type.into()
    }

    /// How many adults and children fit.
    async fn capacity(&self) -> i32 {
        self.0.capacity
    }

    /// Bedrooms; 0 for a studio.
    async fn bedrooms(&self) -> i32 {
        self.0.bedrooms
    }

    /// Beds.
    async fn beds(&self) -> i32 {
        self.0.beds
    }

    /// Bathrooms, in halves.
    async fn bathrooms(&self) -> f64 {
        self.0.bathrooms
    }

    /// What it offers.
    async fn amenities(&self, ctx: &Context<'_>) -> Result<Vec<Amenity>> {
        let codes = ctx.load(AmenitiesKey(self.0.id)).await?.unwrap_or_default();
        Ok(codes.iter().filter_map(|code| amenities::find(code)).map(Amenity).collect())
    }

    /// Where it is; street and postal code only for its host and for guests with a confirmed booking.
    async fn address(&self, ctx: &Context<'_>) -> Result<Address> {
        let disclosed = self.is_disclosed(ctx).await?;
        let hidden = |text: &Option<String>| text.clone().filter(|_| disclosed);
        Ok(Address {
            line1: hidden(&self.0.line1),
            line2: hidden(&self.0.line2),
            city: self.0.city.clone(),
            region: self.0.region.clone(),
            postal_code: hidden(&self.0.postal_code),
            country: self.0.country.clone(),
        })
    }

    /// The point on the map; null while a draft has none.
    async fn location(&self, ctx: &Context<'_>) -> Option<Result<GeoPoint>> {
        let (latitude, longitude) = self.0.latitude.zip(self.0.longitude)?;
        let exact = match self.is_disclosed(ctx).await {
            Ok(exact) => exact,
            Err(error) => return Some(Err(error)),
        };
        let point = if exact { (latitude, longitude) } else { domain::public_point(self.0.id, latitude, longitude) };
        Some(Ok(GeoPoint { latitude: point.0, longitude: point.1, approximate: !exact }))
    }

    /// The zone its clocks keep.
    async fn time_zone(&self) -> TimeZone {
        TimeZone(self.0.time_zone.clone())
    }

    /// Guests may arrive from this time on.
    async fn check_in_from(&self) -> LocalTime {
        LocalTime(self.0.check_in_from)
    }

    /// Guests must arrive by this time; null means at any later time.
    async fn check_in_until(&self) -> Option<LocalTime> {
        self.0.check_in_until.map(LocalTime)
    }

    /// Guests must have left by this time.
    async fn check_out_by(&self) -> LocalTime {
        LocalTime(self.0.check_out_by)
    }

    /// What guests must keep to.
    async fn house_rules(&self) -> Result<Vec<String>> {
        domain::house_rules(&self.0).map_err(shown)
    }

    /// Whether a paid booking is confirmed at once.
    async fn booking_mode(&self) -> BookingMode {
        self.0.booking_mode.into()
    }

    /// What guests of fewer than 28 nights get back.
    async fn cancellation_policy(&self) -> CancellationPolicy {
        self.0.cancellation_policy.into()
    }

    /// What guests of 28 nights and more get back.
    async fn long_term_policy(&self) -> CancellationPolicy {
        self.0.long_term_policy.into()
    }

    /// What it costs.
    async fn pricing(&self) -> Result<Pricing> {
        Pricing::of(&self.0).map_err(shown)
    }

    /// When it can be stayed in.
    async fn stay_rules(&self) -> Result<StayRules> {
        StayRules::of(&self.0).map_err(shown)
    }

    /// What guests thought of it.
    async fn rating(&self, ctx: &Context<'_>) -> Result<RatingSummary> {
        Ok(RatingSummary(ctx.load(RatingKey(self.0.id)).await?.unwrap_or_default()))
    }

    /// What guests wrote, latest first.
    #[graphql(directive = cost::apply(2))]
    async fn reviews(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Start after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take so many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
    ) -> Result<ReviewConnection> {
        users::reviews(ctx, ListOf::Listing, self.0.id, first, after, last, before).await
    }

    /// One row per local date, at most 366.
    #[graphql(directive = cost::apply(5))]
    async fn calendar(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "First date.")] from: Date,
        #[graphql(desc = "Day after the last date.")] to: Date,
    ) -> Result<Vec<CalendarDay>> {
        let days = ctx.load(About(self.0.clone(), (from.0, to.0))).await?.unwrap_or_default();
        let currency = self.currency()?;
        Ok(days.into_iter().map(|day| CalendarDay { day, currency }).collect())
    }

    /// Price and availability of one stay, with every reason it cannot be booked.
    #[graphql(directive = cost::apply(5))]
    async fn stay(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The stay in question.")] input: StayInput,
    ) -> Result<StayCheck> {
        let request = input.read(&["input"], &self.0.currency, false).map_err(shown)?;
        let answer = ctx.load(About(self.0.clone(), request)).await?;
        let answer = answer.ok_or_else(|| shown(crate::domain::error::Error::failed("no answer for a stay")))?;
        Ok(StayCheck { answer, request, listing: self.0.clone() })
    }

    /// When it was written down.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

/// A postal address.
#[derive(SimpleObject)]
pub struct Address {
    /// Street and number; null except for its host and guests with a confirmed booking, and where there is none.
    line1: Option<String>,
    /// Floor, door; null except for its host and guests with a confirmed booking, and where there is none.
    line2: Option<String>,
    /// Town.
    city: String,
    /// State, province, district; null where there is none.
    region: Option<String>,
    /// Postal code; null except for its host and guests with a confirmed booking, and where there is none.
    postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    country: String,
}

/// A point on the map, in degrees of WGS 84.
#[derive(SimpleObject)]
pub struct GeoPoint {
    /// Degrees north.
    latitude: f64,
    /// Degrees east.
    longitude: f64,
    /// True when shifted by up to 150 m because the viewer has no confirmed booking.
    approximate: bool,
}

/// Something a place offers.
pub struct Amenity(pub &'static amenities::Amenity);

/// Something a place offers.
#[Object]
impl Amenity {
    /// The code that filters and inputs use.
    async fn code(&self) -> &str {
        self.0.code
    }

    /// What it is called, in English.
    async fn name(&self) -> &str {
        self.0.name
    }

    /// The group it belongs to.
    async fn category(&self) -> &str {
        self.0.category
    }
}
