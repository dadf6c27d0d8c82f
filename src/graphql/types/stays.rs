//! Price and availability of one stay.

use std::sync::Arc;

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};

use super::listings::BookingMode;
use super::prices::PriceBreakdown;
use crate::domain::error::{Code, Error};
use crate::domain::listings as domain;
use crate::domain::listings::availability::stay_check;
use crate::domain::listings::{StayAnswer, StayRequest};
use crate::domain::viewer::Viewer;
use crate::graphql::execution::cost::cost;
use crate::graphql::support::context::Ask;
use crate::graphql::support::errors::shown;
use crate::graphql::support::scalars::{CurrencyCode, Date};
use crate::kernel::guests::Guests;
use crate::kernel::money::Currency;
use crate::kernel::stay::Stay;

/// A stay somebody asks about.
#[derive(InputObject)]
pub struct StayInput {
    /// Date of arrival.
    check_in: Date,
    /// Date of departure, exclusive.
    check_out: Date,
    /// Adults, at least one.
    #[graphql(default = 1)]
    adults: i32,
    /// Children; they count towards capacity.
    #[graphql(default)]
    children: i32,
    /// Infants; they do not.
    #[graphql(default)]
    infants: i32,
    /// Pets.
    #[graphql(default)]
    pets: i32,
    /// The currency you expect the price in; it must be the listing's. In a search, only listings that charge in it match.
    currency: Option<CurrencyCode>,
}

impl StayInput {
    /// The currency that a search is narrowed to.
    pub fn currency(&self) -> Result<Option<Currency>, Error> {
        self.currency.as_ref().map(|code| code.read(&["where", "stay", "currency"])).transpose()
    }

    /// The request, or a refusal that names the field; `currency` is the listing's, empty when there are many.
    pub fn read(&self, field: &[&str], currency: &str, non_refundable: bool) -> Result<StayRequest, Error> {
        if let Some(code) = &self.currency {
            let path: Vec<&str> = field.iter().copied().chain(["currency"]).collect();
            let asked = code.read(&path)?;
            if !currency.is_empty() && asked.code() != currency {
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

/// A rule that a stay can break.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "stay_check::StayRule")]
pub enum StayRule {
    /// The listing is not on the market.
    ListingNotPublished,
    /// The dates are out of order, or too far apart.
    DatesInvalid,
    /// Arrival is before today.
    InThePast,
    /// Hosts do not book their own listings.
    OwnListing,
    /// Too short notice.
    AdvanceNotice,
    /// Too far ahead.
    BookingWindow,
    /// No arrivals on this day of the week.
    CheckInDay,
    /// No departures on this day of the week.
    CheckOutDay,
    /// Too short a stay.
    MinNights,
    /// Too long a stay.
    MaxNights,
    /// Too many people.
    Capacity,
    /// No pets.
    Pets,
    /// Some nights are taken.
    NightsTaken,
    /// The host needs time to prepare before or after.
    Preparation,
}

/// Whether and why a night is taken.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "stay_check::NightState")]
pub enum NightState {
    /// Free.
    Free,
    /// A guest stays.
    Booked,
    /// Somebody is booking it.
    Held,
    /// The host closed it.
    BlockedByHost,
    /// An external calendar closed it.
    BlockedByCalendar,
    /// The host prepares for the next guest.
    Preparation,
    /// In the past, or too far ahead.
    OutsideWindow,
}

impl NightState {
    pub(in crate::graphql) fn from_word(word: &str) -> Option<NightState> {
        use stay_check::NightState as Known;
        [
            Known::Free,
            Known::Booked,
            Known::Held,
            Known::BlockedByHost,
            Known::BlockedByCalendar,
            Known::Preparation,
            Known::OutsideWindow,
        ]
        .into_iter()
        .find(|known| known.word() == word)
        .map(Into::into)
    }
}

/// A night that cannot be had.
#[derive(SimpleObject)]
pub struct UnavailableNight {
    /// The local date on which the night begins.
    pub date: Date,
    /// Why it cannot be had.
    pub state: NightState,
}

/// One reason why a stay cannot be booked.
#[derive(SimpleObject)]
pub struct StayViolation {
    /// The rule it breaks.
    rule: StayRule,
    /// The reason, in a sentence for people.
    message: String,
    /// The nights in question; null when it is not about nights.
    nights: Option<Vec<UnavailableNight>>,
    /// The rule's number of nights, days or heads; null when it has none.
    limit: Option<i64>,
}

/// Price and availability of one stay.
pub struct StayCheck {
    pub(in crate::graphql) answer: StayAnswer,
    pub(in crate::graphql) request: StayRequest,
    pub(in crate::graphql) listing: Arc<domain::Listing>,
}

/// Price and availability of one stay.
#[Object]
impl StayCheck {
    /// Whether it can be booked now.
    async fn bookable(&self) -> bool {
        self.answer.bookable()
    }

    /// Whether a paid booking is confirmed at once.
    async fn mode(&self) -> BookingMode {
        self.answer.mode.into()
    }

    /// Every reason why it cannot be booked.
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

    /// What it costs; null when the dates make no sense.
    async fn price(&self, ctx: &Context<'_>) -> Option<PriceBreakdown> {
        let price = self.answer.price.clone()?;
        Some(PriceBreakdown { price, for_host: is_hosts(ctx.viewer(), self.listing.host_id) })
    }

    /// Next free stays of the same length.
    #[graphql(directive = cost::apply(20))]
    async fn alternatives(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, up to 10.", default_with = "Some(3)")] first: Option<i32>,
    ) -> Result<Vec<DateRange>> {
        let most = usize::try_from(first.unwrap_or(3))
            .ok()
            .filter(|most| *most <= 10)
            .ok_or_else(|| shown(Error::refused(Code::Invalid, &["first"], "must be between 0 and 10")))?;
        let found = domain::alternatives(ctx.app(), ctx.viewer(), &self.listing, &self.request, most);
        Ok(found.await.map_err(shown)?.into_iter().map(DateRange::of).collect())
    }
}

/// Whether the viewer sees what the host earns.
pub(in crate::graphql) fn is_hosts(viewer: &Viewer, host_id: uuid::Uuid) -> bool {
    viewer.is(host_id) || viewer.is_staff()
}

/// The nights of a stay.
#[derive(SimpleObject)]
pub struct DateRange {
    /// Date of arrival.
    check_in: Date,
    /// Date of departure, exclusive.
    check_out: Date,
    /// Number of nights.
    nights: i64,
}

impl DateRange {
    pub(in crate::graphql) fn of(stay: Stay) -> DateRange {
        DateRange { check_in: Date(stay.check_in()), check_out: Date(stay.check_out()), nights: stay.nights() }
    }
}

/// Head counts of a stay.
#[derive(SimpleObject)]
pub struct GuestCount {
    /// Adults.
    adults: i32,
    /// Children.
    children: i32,
    /// Infants.
    infants: i32,
    /// Pets.
    pets: i32,
}

impl From<Guests> for GuestCount {
    fn from(guests: Guests) -> Self {
        let Guests { adults, children, infants, pets } = guests;
        GuestCount { adults, children, infants, pets }
    }
}
