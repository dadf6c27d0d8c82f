//! Listings, as types of the schema.

use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, Object, Result, SimpleObject};

use super::calendar::CalendarDay;
use super::connections::ReviewConnection;
use super::pricing::{Pricing, StayRules};
use super::ratings::RatingSummary;
use super::stays::{StayCheck, StayInput};
use super::users;
use super::users::User;
use crate::domain::error::Error;
use crate::domain::listings as domain;
use crate::domain::listings::cancellation_policy;
use crate::domain::listings::enums;
use crate::domain::listings::listing::amenities;
use crate::domain::reviews::ListOf;
use crate::graphql::support::context::{RequestContext, global_id};
use crate::graphql::support::cost_directive::cost;
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::loaders::{About, AmenitiesKey, BookedKey, RatingKey, UserKey};
use crate::graphql::support::money::stored_currency;
use crate::graphql::support::scalars::{CountryCode, Date, DateTime, LocalTime, TimeZone};
use crate::kernel::id::Kind;
use crate::kernel::money::Currency;

/// State of a listing. Only a published listing can be found and booked.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "enums::ListingStatus")]
pub enum ListingStatus {
    /// The host is writing the listing. Visible to the host and staff.
    Draft,
    /// The listing waits for the approval of the marketplace. Visible to the host and staff. No operation sets this
    /// state yet.
    InReview,
    /// The listing is public and can be booked.
    Published,
    /// The host unpublished the listing. Existing bookings remain valid.
    Unlisted,
    /// Staff unpublished the listing. The host cannot publish it. No operation sets this state yet.
    Suspended,
    /// The host deleted the listing. Visible to staff, and to guests in their bookings.
    Deleted,
}

/// Which part of the place is private to the guest.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "enums::RoomType")]
pub enum RoomType {
    /// The guest has the entire place.
    EntirePlace,
    /// The guest has a private room and shares other rooms.
    PrivateRoom,
    /// The guest has a bed in a shared room.
    SharedRoom,
    /// The guest has a room in a hotel.
    HotelRoom,
}

/// Whether the host must accept a paid booking.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "enums::BookingMode")]
pub enum BookingMode {
    /// Bookings are confirmed as soon as the payment is authorized.
    Instant,
    /// The host accepts or declines each booking.
    Request,
    /// Bookings of guests with a verified e-mail address are confirmed at once. The host accepts or declines all
    /// others.
    InstantForVerified,
}

/// Refund for a cancellation by the guest, depending on when the guest cancels. Stays of fewer than 28 nights that are
/// confirmed at least 7 days before check-in are also refunded in full within 24 hours of confirmation. Days are
/// counted from the check-in time of the listing.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "cancellation_policy::CancellationPolicy")]
pub enum CancellationPolicy {
    /// Full refund until 1 day before check-in. After that the host retains the nights that have begun and one more.
    Flexible,
    /// Full refund until 5 days before check-in. After that the host retains the nights that have begun, one more, and
    /// half of the remaining nights.
    Moderate,
    /// Full refund until 14 days before check-in, half of the nights until 7 days before, then nothing.
    Limited,
    /// Full refund until 30 days before check-in, half of the nights until 7 days before, then nothing.
    Firm,
    /// Half of the nights are refunded until 7 days before check-in, then nothing.
    Strict,
    /// Half of the nights are refunded until 30 days before check-in, then nothing.
    #[graphql(name = "SUPER_STRICT_30")]
    SuperStrict30,
    /// Half of the nights are refunded until 60 days before check-in, then nothing.
    #[graphql(name = "SUPER_STRICT_60")]
    SuperStrict60,
    /// No refund for nights. Chosen with `nonRefundable` of `quoteCreate`, at a lower price.
    NonRefundable,
    /// For stays of 28 nights or more. Full refund until 30 days before check-in. After that the host retains the
    /// nights that have begun and 30 more.
    LongTermFirm,
    /// For stays of 28 nights or more. Full refund within 48 hours of booking, but not later than 28 days before
    /// check-in. After that the host retains the nights that have begun and 30 more.
    LongTermStrict,
}

/// A place that guests can book. Everyone can see a published listing; in other states, its host and staff can.
#[derive(Clone, Description)]
pub struct Listing(pub Arc<domain::Listing>);

impl From<domain::Listing> for Listing {
    fn from(row: domain::Listing) -> Listing {
        Listing(Arc::new(row))
    }
}

impl Listing {
    pub(in crate::graphql) fn currency(&self) -> Result<Currency> {
        stored_currency(&self.0.currency).map_err(to_graphql_error)
    }

    /// Whether the viewer may see the exact position and address: the host, staff, and guests with a confirmed
    /// booking.
    async fn is_disclosed(&self, ctx: &Context<'_>) -> Result<bool> {
        let viewer = ctx.viewer();
        if viewer.is(self.0.host_id) || viewer.is_staff() {
            return Ok(true);
        }
        Ok(viewer.user().is_some() && ctx.load(BookedKey(self.0.id)).await?.is_some())
    }
}

#[Object(use_type_description)]
impl Listing {
    /// Global ID of the listing, prefixed `lst_`.
    pub async fn id(&self) -> ID {
        global_id(Kind::Listing, self.0.id)
    }

    /// Number that increases with every change of the listing, but not with changes of its calendar. Pass it as
    /// `expectedVersion` of `listingUpdate`, `listingPublish` and `listingCalendarUpdate`.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// Current state of the listing.
    async fn status(&self) -> ListingStatus {
        self.0.status.into()
    }

    /// Title of the listing, at most 120 characters. Empty while a draft has none.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// Description as plain text, at most 20,000 characters. Empty while a draft has none.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// The user who offers the place.
    async fn host(&self, ctx: &Context<'_>) -> Result<User> {
        let host = ctx.load(UserKey(self.0.host_id)).await?;
        host.map(User::from).ok_or_else(|| to_graphql_error(Error::failed("the host of a listing does not exist")))
    }

    /// Which part of the place is private to the guest.
    async fn room_type(&self) -> RoomType {
        self.0.room_type.into()
    }

    /// Maximum number of adults and children. Infants do not count.
    async fn capacity(&self) -> i32 {
        self.0.capacity
    }

    /// Number of bedrooms. 0 for a studio.
    async fn bedrooms(&self) -> i32 {
        self.0.bedrooms
    }

    /// Number of beds. 0 while a draft has none.
    async fn beds(&self) -> i32 {
        self.0.beds
    }

    /// Number of bathrooms, a multiple of 0.5.
    async fn bathrooms(&self) -> f64 {
        self.0.bathrooms
    }

    /// The amenities that the place offers.
    async fn amenities(&self, ctx: &Context<'_>) -> Result<Vec<Amenity>> {
        let codes = ctx.load(AmenitiesKey(self.0.id)).await?.unwrap_or_default();
        Ok(codes.iter().filter_map(|code| amenities::find(code)).map(Amenity).collect())
    }

    /// Postal address. Street and postal code are visible only to the host, staff and guests with a confirmed booking.
    async fn address(&self, ctx: &Context<'_>) -> Result<Address> {
        let disclosed = self.is_disclosed(ctx).await?;
        let hidden = |text: &Option<String>| text.clone().filter(|_| disclosed);
        Ok(Address {
            line1: hidden(&self.0.line1),
            line2: hidden(&self.0.line2),
            city: self.0.city.clone(),
            region: self.0.region.clone(),
            postal_code: hidden(&self.0.postal_code),
            country: Some(self.0.country.clone()).filter(|code| !code.is_empty()).map(CountryCode),
        })
    }

    /// Position on the map, shifted by up to 150 m for viewers who may not see the exact one. Null while a draft has
    /// none.
    async fn location(&self, ctx: &Context<'_>) -> Option<Result<GeoPoint>> {
        let (latitude, longitude) = self.0.latitude.zip(self.0.longitude)?;
        let exact = match self.is_disclosed(ctx).await {
            Ok(exact) => exact,
            Err(error) => return Some(Err(error)),
        };
        let point = if exact { (latitude, longitude) } else { domain::public_point(self.0.id, latitude, longitude) };
        Some(Ok(GeoPoint { latitude: point.0, longitude: point.1, approximate: !exact }))
    }

    /// Time zone of the place. All dates and local times of the listing are in this zone.
    async fn time_zone(&self) -> TimeZone {
        TimeZone(self.0.time_zone.clone())
    }

    /// Earliest local time of arrival on the date of check-in.
    async fn check_in_from(&self) -> LocalTime {
        LocalTime(self.0.check_in_from)
    }

    /// Latest local time of arrival on the date of check-in. Null if there is no latest time.
    async fn check_in_until(&self) -> Option<LocalTime> {
        self.0.check_in_until.map(LocalTime)
    }

    /// Latest local time of departure on the date of check-out.
    async fn check_out_by(&self) -> LocalTime {
        LocalTime(self.0.check_out_by)
    }

    /// Rules for guests, one per item, at most 50.
    async fn house_rules(&self) -> Result<Vec<String>> {
        domain::house_rules(&self.0).map_err(to_graphql_error)
    }

    /// Whether the host must accept a paid booking.
    async fn booking_mode(&self) -> BookingMode {
        self.0.booking_mode.into()
    }

    /// Cancellation policy for stays of fewer than 28 nights.
    async fn cancellation_policy(&self) -> CancellationPolicy {
        self.0.cancellation_policy.into()
    }

    /// Cancellation policy for stays of 28 nights or more.
    async fn long_term_policy(&self) -> CancellationPolicy {
        self.0.long_term_policy.into()
    }

    /// Prices, discounts, seasons and taxes of the listing.
    async fn pricing(&self) -> Result<Pricing> {
        Pricing::try_from(&*self.0).map_err(to_graphql_error)
    }

    /// Rules for the dates and length of a stay.
    async fn stay_rules(&self) -> Result<StayRules> {
        StayRules::try_from(&*self.0).map_err(to_graphql_error)
    }

    /// Average ratings by guests.
    async fn rating(&self, ctx: &Context<'_>) -> Result<RatingSummary> {
        Ok(RatingSummary(ctx.load(RatingKey(self.0.id)).await?.unwrap_or_default()))
    }

    /// Published reviews by guests, newest first.
    #[graphql(directive = cost::apply(2))]
    async fn reviews(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start, 0 to 100. Default: 20, unless `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor. If absent, from the first item.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end, 0 to 100. Refused with `first`. If absent, `first` applies.")]
        last: Option<i32>,
        #[graphql(desc = "Only items before this cursor. If absent, up to the last item.")] before: Option<String>,
    ) -> Result<ReviewConnection> {
        users::page_of_reviews(ctx, ListOf::Listing, self.0.id, first, after, last, before).await
    }

    /// One item for each date from `from` until the day before `to`, at most 366.
    #[graphql(directive = cost::apply(5))]
    async fn calendar(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "First date, in the listing's time zone.")] from: Date,
        #[graphql(desc = "Day after the last date, at most 366 days after `from`.")] to: Date,
    ) -> Result<Vec<CalendarDay>> {
        let days = ctx.load(About(self.0.clone(), (from.0, to.0))).await?.unwrap_or_default();
        let currency = self.currency()?;
        Ok(days.into_iter().map(|day| CalendarDay { day, currency }).collect())
    }

    /// Price and availability of one stay, with every rule that it violates. Nothing is reserved.
    #[graphql(directive = cost::apply(5))]
    async fn stay(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Dates and guests of the stay to check.")] input: StayInput,
    ) -> Result<StayCheck> {
        let request = input.to_request(&["input"], &self.0.currency, false).map_err(to_graphql_error)?;
        let answer = ctx.load(About(self.0.clone(), request)).await?;
        let answer = answer.ok_or_else(|| to_graphql_error(Error::failed("the stay was not evaluated")))?;
        Ok(StayCheck { answer, request, listing: self.0.clone() })
    }

    /// When the host created the listing.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When the listing was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

/// Postal address of a listing.
#[derive(SimpleObject)]
pub struct Address {
    /// Street and number. Null if there is none, or unless the viewer is the host, staff or a guest with a confirmed
    /// booking.
    line1: Option<String>,
    /// Floor, apartment or other addition. Null if there is none, or unless the viewer is the host, staff or a guest
    /// with a confirmed booking.
    line2: Option<String>,
    /// Town or city. Empty while a draft has none.
    city: String,
    /// State, province or district. Null if there is none.
    region: Option<String>,
    /// Postal code. Null if there is none, or unless the viewer is the host, staff or a guest with a confirmed booking.
    postal_code: Option<String>,
    /// Country of the listing. Null while a draft has none.
    country: Option<CountryCode>,
}

/// A position on the map, in degrees of WGS 84.
#[derive(SimpleObject)]
pub struct GeoPoint {
    /// Degrees north of the equator, negative in the south.
    latitude: f64,
    /// Degrees east of Greenwich, negative in the west.
    longitude: f64,
    /// Whether the point is shifted by up to 150 m. True unless the viewer is the host, staff or a guest with a
    /// confirmed booking.
    approximate: bool,
}

/// A facility or service that a place can offer.
#[derive(Description)]
pub struct Amenity(pub &'static amenities::Amenity);

#[Object(use_type_description)]
impl Amenity {
    /// Code of the amenity, such as `HOT_TUB`, for filters and inputs. It never changes.
    async fn code(&self) -> &str {
        self.0.code
    }

    /// Name of the amenity, in English.
    async fn name(&self) -> &str {
        self.0.name
    }

    /// Name of the group in which the amenity is listed, in English.
    async fn category(&self) -> &str {
        self.0.category
    }
}
