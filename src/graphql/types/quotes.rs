//! Quotes, as types of the schema.

use async_graphql::{Context, Description, Object, Result, SimpleObject};

use super::listings::{BookingMode, CancellationPolicy, Listing};
use super::prices::PriceBreakdown;
use super::stays::{DateRange, GuestCount, is_host_or_staff};
use crate::domain::bookings as domain;
use crate::domain::bookings::cancellation::Tier;
use crate::domain::bookings::state::Mode;
use crate::domain::error::Error;
use crate::graphql::support::context::RequestContext;
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::loaders::ListingKey;
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::DateTime;
use crate::kernel::money::Currency;

/// A signed offer of one stay at one price, made to one guest. It is valid for 30 minutes. A valid quote overrides
/// later changes by the host, except availability, publication and the guest's own eligibility.
#[derive(Clone, Description)]
pub struct Quote {
    pub(in crate::graphql) quote: domain::Quote,
    pub(in crate::graphql) token: String,
}

#[Object(use_type_description)]
impl Quote {
    /// Signed text of the quote, for `bookingCreate`. It is the identity of the quote, which has no global ID because
    /// nothing is stored. No other user can read or use it.
    async fn token(&self) -> &str {
        &self.token
    }

    /// The listing that the quote is for.
    async fn listing(&self, ctx: &Context<'_>) -> Result<Listing> {
        let listing = ctx.load(ListingKey(self.quote.listing_id)).await?;
        listing
            .map(Listing::from)
            .ok_or_else(|| to_graphql_error(Error::failed("the listing of a quote does not exist")))
    }

    /// The nights that the quote is for.
    async fn stay(&self) -> DateRange {
        DateRange::from(self.quote.stay)
    }

    /// Number of guests, by age group.
    async fn guests(&self) -> GuestCount {
        self.quote.price.guests.into()
    }

    /// Price of the stay, line by line.
    async fn price(&self, ctx: &Context<'_>) -> Result<PriceBreakdown> {
        let listing = ctx.load(ListingKey(self.quote.listing_id)).await?;
        let for_host = listing.is_some_and(|listing| is_host_or_staff(ctx.viewer(), listing.host_id));
        Ok(PriceBreakdown { price: self.quote.price.clone(), for_host })
    }

    /// Cancellation policy that a booking from this quote gets.
    async fn policy(&self) -> CancellationPolicy {
        self.quote.policy.into()
    }

    /// Refund for a cancellation by the guest, by deadline, earliest first, for a booking confirmed now.
    async fn cancellation_schedule(&self, ctx: &Context<'_>) -> Vec<CancellationTier> {
        let currency = self.quote.price.currency;
        let tiers = domain::cancellation_tiers(ctx.app(), &self.quote).into_iter();
        tiers.map(|tier| CancellationTier::new(tier, currency)).collect()
    }

    /// Whether the host must accept a booking from this quote. INSTANT or REQUEST.
    async fn mode(&self) -> BookingMode {
        match self.quote.mode {
            Mode::Instant => BookingMode::Instant,
            Mode::Request => BookingMode::Request,
        }
    }

    /// When the quote was created.
    async fn issued_at(&self) -> DateTime {
        DateTime(self.quote.issued_at)
    }

    /// When the quote expires. Booking after that fails with `QUOTE_EXPIRED` and a new quote.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.quote.expires_at)
    }

    /// Whether a booking was already created from this quote. A quote can be used once, unless its payment failed or
    /// expired.
    async fn consumed(&self, ctx: &Context<'_>) -> Result<bool> {
        domain::is_quote_used(ctx.app(), self.quote.id).await.map_err(to_graphql_error)
    }
}

/// Refund for a cancellation up to one deadline.
#[derive(SimpleObject)]
pub struct CancellationTier {
    /// Deadline. A cancellation at this instant is still in time.
    until: DateTime,
    /// Amount refunded to the guest until the deadline.
    refund: Money,
    /// Part of the price that the host retains, before the host's service fee.
    host_keeps: Money,
    /// Explanation of the refund for people, in English.
    label: String,
}

impl CancellationTier {
    pub(in crate::graphql) fn new(tier: Tier, currency: Currency) -> CancellationTier {
        CancellationTier {
            until: DateTime(tier.until),
            refund: Money::new(tier.refund, currency),
            host_keeps: Money::new(tier.host_keeps, currency),
            label: tier.label,
        }
    }
}

/// Reads a token. Nothing if it is not valid or was made for another user.
pub(in crate::graphql) fn read_quote(ctx: &Context<'_>, token: String) -> Option<Quote> {
    let quote = domain::read_quote(ctx.app(), ctx.viewer(), &token)?;
    Some(Quote { quote, token })
}
