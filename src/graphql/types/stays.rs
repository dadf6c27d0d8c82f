//! Price and availability of one stay.

use std::sync::Arc;

use async_graphql::{Context, Description, Enum, InputObject, Object, Result, SimpleObject};

use super::listings::BookingMode;
use super::prices::PriceBreakdown;
use crate::domain::error::{Code, Error};
use crate::domain::listings as domain;
use crate::domain::listings::availability::stay_check;
use crate::domain::listings::enums;
use crate::domain::listings::{StayEvaluation, StayRequest};
use crate::domain::viewer::Viewer;
use crate::graphql::support::context::RequestContext;
use crate::graphql::support::cost_directive::cost;
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::loaders::{About, AlternativesOf};
use crate::graphql::support::scalars::{CurrencyCode, Date};
use crate::kernel::guests::Guests;
use crate::kernel::money::Currency;
use crate::kernel::stay::Stay;

/// Dates and guests of a stay.
#[derive(InputObject)]
pub struct StayInput {
    /// Date of arrival, in the listing's time zone.
    check_in: Date,
    /// Date of departure, in the listing's time zone, 1 to 365 days after `checkIn`.
    check_out: Date,
    /// Number of adults, 1 to 100. Default: 1.
    #[graphql(default = 1)]
    adults: i32,
    /// Number of children, 0 to 100. They count towards the capacity of the listing. Default: 0.
    #[graphql(default)]
    children: i32,
    /// Number of infants, 0 to 100. They do not count towards the capacity. Default: 0.
    #[graphql(default)]
    infants: i32,
    /// Number of pets, 0 to 100. Default: 0.
    #[graphql(default)]
    pets: i32,
    /// Expected currency. In a search, only listings in this currency match; otherwise another currency of the listing
    /// is refused with INVALID. If absent, the currency of the listing is used.
    currency: Option<CurrencyCode>,
}

impl StayInput {
    /// The currency to which a search is limited.
    pub fn currency(&self) -> Result<Option<Currency>, Error> {
        self.currency.as_ref().map(|code| code.to_currency(&["where", "stay", "currency"])).transpose()
    }

    /// Converts the input, or refuses it and names the field. `currency` is the currency of the listing, and empty for
    /// a search.
    pub fn to_request(&self, field: &[&str], currency: &str, non_refundable: bool) -> Result<StayRequest, Error> {
        if let Some(code) = &self.currency {
            let path: Vec<&str> = field.iter().copied().chain(["currency"]).collect();
            let expected = code.to_currency(&path)?;
            if !currency.is_empty() && expected.code() != currency {
                return Err(Error::refused(Code::Invalid, &path, format!("this listing charges in {currency}")));
            }
        }
        let request = StayRequest {
            check_in: self.check_in.0,
            check_out: self.check_out.0,
            guests: Guests { adults: self.adults, children: self.children, infants: self.infants, pets: self.pets },
            non_refundable,
        };
        request.validate(field)?;
        Ok(request)
    }
}

/// A rule that a stay can violate.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "stay_check::StayRule")]
pub enum StayRule {
    /// The listing is not published.
    ListingNotPublished,
    /// The check-out is not after the check-in, or the stay is too long to be priced.
    DatesInvalid,
    /// The stay begins before today in the listing's time zone.
    InThePast,
    /// A host cannot book their own listing.
    OwnListing,
    /// The stay begins too soon for the host's advance notice.
    AdvanceNotice,
    /// The stay ends after the last date that can be booked.
    BookingWindow,
    /// The host accepts no arrivals on this day of the week.
    CheckInDay,
    /// The host accepts no departures on this day of the week.
    CheckOutDay,
    /// The stay has fewer nights than the minimum.
    MinNights,
    /// The stay has more nights than the maximum.
    MaxNights,
    /// The stay has more adults and children than the capacity.
    Capacity,
    /// The listing does not allow pets.
    Pets,
    /// Some of the nights are not available.
    NightsTaken,
    /// The stay is too close to another booking for the host's preparation nights.
    Preparation,
}

/// Whether a night is available, and if not, why.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "enums::NightState")]
pub enum NightState {
    /// The night can be booked.
    Free,
    /// The night belongs to a booking.
    Booked,
    /// The night is on hold while a guest pays or waits for the host.
    Held,
    /// The host blocked the night.
    BlockedByHost,
    /// An external calendar blocks the night. Not used yet: no operation connects a calendar.
    BlockedByCalendar,
    /// The night remains empty after a booking and cannot be booked.
    Preparation,
    /// The night is in the past or after the last date that can be booked.
    OutsideWindow,
}

impl NightState {
    /// The value with this name of the schema, if there is one.
    pub(in crate::graphql) fn parse(name: &str) -> Option<NightState> {
        use enums::NightState as Domain;
        [
            Domain::Free,
            Domain::Booked,
            Domain::Held,
            Domain::BlockedByHost,
            Domain::BlockedByCalendar,
            Domain::Preparation,
            Domain::OutsideWindow,
        ]
        .into_iter()
        .find(|state| state.as_str() == name)
        .map(Into::into)
    }
}

/// A night that is not available.
#[derive(SimpleObject)]
pub struct UnavailableNight {
    /// Date in the listing's time zone on which the night begins.
    pub date: Date,
    /// Why the night is not available.
    pub state: NightState,
}

/// A rule that a stay violates, with details.
#[derive(SimpleObject)]
pub struct StayViolation {
    /// The violated rule, for programs.
    rule: StayRule,
    /// Explanation for people, as an English sentence.
    message: String,
    /// The unavailable nights, by date. Null if the rule is not about nights.
    nights: Option<Vec<UnavailableNight>>,
    /// The number of the rule, in nights, days, guests or pets. Null if the rule has none.
    limit: Option<i64>,
}

/// Price and availability of one stay at the time of the request. Nothing is reserved.
#[derive(Description)]
pub struct StayCheck {
    pub(in crate::graphql) answer: StayEvaluation,
    pub(in crate::graphql) request: StayRequest,
    pub(in crate::graphql) listing: Arc<domain::Listing>,
}

#[Object(use_type_description)]
impl StayCheck {
    /// Whether the stay can be booked now. True if there are no violations.
    async fn bookable(&self) -> bool {
        self.answer.is_bookable()
    }

    /// Whether the host must accept the booking. INSTANT or REQUEST, depending on the viewer.
    async fn mode(&self) -> BookingMode {
        self.answer.mode.into()
    }

    /// Every rule that the stay violates. Empty if it can be booked.
    async fn violations(&self) -> Vec<StayViolation> {
        let violations = self.answer.violations.iter().map(|violation| {
            let nights = violation.nights.iter();
            let nights: Vec<_> =
                nights.map(|night| UnavailableNight { date: Date(night.date), state: night.state.into() }).collect();
            StayViolation {
                rule: violation.rule.into(),
                message: violation.message.clone(),
                nights: Some(nights).filter(|nights| !nights.is_empty()),
                limit: violation.limit,
            }
        });
        violations.collect()
    }

    /// Price of the stay. Null if the dates are not a valid stay.
    async fn price(&self, ctx: &Context<'_>) -> Option<PriceBreakdown> {
        let price = self.answer.price.clone()?;
        Some(PriceBreakdown { price, for_host: is_host_or_staff(ctx.viewer(), self.listing.host_id) })
    }

    /// Next stays of the same length that can be booked, earliest first.
    #[graphql(directive = cost::apply(80))]
    async fn alternatives(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Maximum number of stays, 0 to 10. Default: 3.", default_with = "Some(3)")] first: Option<i32>,
    ) -> Result<Vec<DateRange>> {
        let most = usize::try_from(first.unwrap_or(3))
            .ok()
            .filter(|most| *most <= 10)
            .ok_or_else(|| to_graphql_error(Error::refused(Code::Invalid, &["first"], "must be between 0 and 10")))?;
        let found = ctx.load(About(self.listing.clone(), AlternativesOf(self.request, most))).await?;
        Ok(found.unwrap_or_default().into_iter().map(DateRange::from).collect())
    }
}

/// Whether the viewer may see the earnings of the host.
pub(in crate::graphql) fn is_host_or_staff(viewer: &Viewer, host_id: uuid::Uuid) -> bool {
    viewer.is(host_id) || viewer.is_staff()
}

/// The nights of a stay.
#[derive(SimpleObject)]
pub struct DateRange {
    /// Date of arrival, in the listing's time zone.
    check_in: Date,
    /// Date of departure, in the listing's time zone.
    check_out: Date,
    /// Number of nights between arrival and departure.
    nights: i64,
}

impl From<Stay> for DateRange {
    fn from(stay: Stay) -> DateRange {
        DateRange { check_in: Date(stay.check_in()), check_out: Date(stay.check_out()), nights: stay.nights() }
    }
}

/// Number of guests, by age group.
#[derive(SimpleObject)]
pub struct GuestCount {
    /// Number of adults, at least 1.
    adults: i32,
    /// Number of children. They count towards the capacity.
    children: i32,
    /// Number of infants. They do not count towards the capacity.
    infants: i32,
    /// Number of pets that the guests bring.
    pets: i32,
}

impl From<Guests> for GuestCount {
    fn from(guests: Guests) -> Self {
        let Guests { adults, children, infants, pets } = guests;
        GuestCount { adults, children, infants, pets }
    }
}
