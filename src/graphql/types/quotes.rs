//! Price promises.

use async_graphql::{Context, ID, Object, Result, SimpleObject};

use super::listings::{BookingMode, CancellationPolicy, Listing};
use super::prices::PriceBreakdown;
use super::stays::{DateRange, GuestCount, StayCheck, StayInput, is_hosts};
use crate::domain::bookings as domain;
use crate::domain::bookings::cancellation::Tier;
use crate::domain::bookings::lifecycle::state::Mode;
use crate::domain::error::Error;
use crate::domain::listings as domain_listings;
use crate::graphql::schema::payload::payloads;
use crate::graphql::support::context::{Ask, id, key};
use crate::graphql::support::errors::{shown, split, user_errors};
use crate::graphql::support::idempotency::call;
use crate::graphql::support::loaders::ListingKey;
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::DateTime;
use crate::kernel::id::Kind;
use crate::kernel::money::Currency;

/// A price promise: signed, immutable, honoured until it expires as long as the nights are free.
#[derive(Clone)]
pub struct Quote {
    pub(in crate::graphql) quote: domain::Quote,
    pub(in crate::graphql) token: String,
}

/// A price promise: signed, immutable, honoured until it expires as long as the nights are free.
#[Object]
impl Quote {
    /// The id.
    pub async fn id(&self) -> ID {
        id(Kind::Quote, self.quote.id)
    }

    /// What `bookingCreate` takes; made for you alone.
    async fn token(&self) -> &str {
        &self.token
    }

    /// For which listing.
    async fn listing(&self, ctx: &Context<'_>) -> Result<Listing> {
        let listing = ctx.load(ListingKey(self.quote.listing_id)).await?;
        listing.map(Listing::of).ok_or_else(|| shown(Error::failed("a quote has no listing")))
    }

    /// The nights.
    async fn stay(&self) -> DateRange {
        DateRange::of(self.quote.stay)
    }

    /// Who comes.
    async fn guests(&self) -> GuestCount {
        self.quote.price.guests.into()
    }

    /// What the stay costs.
    async fn price(&self, ctx: &Context<'_>) -> Result<PriceBreakdown> {
        let listing = ctx.load(ListingKey(self.quote.listing_id)).await?;
        let for_host = listing.is_some_and(|listing| is_hosts(ctx.viewer(), listing.host_id));
        Ok(PriceBreakdown { price: self.quote.price.clone(), for_host })
    }

    /// What a cancellation will cost.
    async fn policy(&self) -> CancellationPolicy {
        self.quote.policy.into()
    }

    /// What a cancellation will give back, step by step, for a booking confirmed now.
    async fn cancellation_schedule(&self, ctx: &Context<'_>) -> Vec<CancellationTier> {
        let currency = self.quote.price.currency;
        let tiers = domain::policy_tiers(ctx.app(), &self.quote).into_iter();
        tiers.map(|tier| CancellationTier::of(tier, currency)).collect()
    }

    /// Whether a paid booking is confirmed at once.
    async fn mode(&self) -> BookingMode {
        match self.quote.mode {
            Mode::Instant => BookingMode::Instant,
            Mode::Request => BookingMode::Request,
        }
    }

    /// When it was made.
    async fn issued_at(&self) -> DateTime {
        DateTime(self.quote.issued_at)
    }

    /// Until when it holds.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.quote.expires_at)
    }

    /// Whether it was booked already.
    async fn consumed(&self, ctx: &Context<'_>) -> Result<bool> {
        domain::is_consumed(ctx.app(), self.quote.id).await.map_err(shown)
    }
}

/// One step of what a cancellation gives back over time.
#[derive(SimpleObject)]
pub struct CancellationTier {
    /// Cancelling before this instant …
    until: DateTime,
    /// … gives this back.
    refund: Money,
    /// What the host keeps of the price, before the service fee.
    host_keeps: Money,
    /// The same in words.
    label: String,
}

impl CancellationTier {
    pub(in crate::graphql) fn of(tier: Tier, currency: Currency) -> CancellationTier {
        CancellationTier {
            until: DateTime(tier.until),
            refund: Money::new(tier.refund, currency),
            host_keeps: Money::new(tier.host_keeps, currency),
            label: tier.label,
        }
    }
}

payloads! {
    /// The promise, or why there is none.
    QuoteCreatePayload {
        /// The promise.
        quote: Option<Quote>,
        /// Price and availability as they are now, whether there is a promise or not.
        check: Option<StayCheck>,
    }
}

/// Price promises.
#[derive(Default)]
pub struct QuoteMutation;

#[Object]
impl QuoteMutation {
    /// Signs a price promise for a stay that can be booked. Nothing is kept of it, so an idempotency key changes nothing
    /// here: sent again, it makes a new promise.
    async fn quote_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which listing.")] listing_id: ID,
        #[graphql(desc = "Which nights, and who comes.")] stay: StayInput,
        #[graphql(desc = "Take the cheaper price that gives nothing back.", default_with = "Some(false)")]
        non_refundable: Option<bool>,
    ) -> Result<QuoteCreatePayload> {
        let done = async {
            let listing_id = key(Kind::Listing, &listing_id, &["listingId"])?;
            let listing = domain_listings::visible(ctx.app(), ctx.viewer(), listing_id).await?;
            let currency = listing.map(|listing| listing.currency).unwrap_or_default();
            let request = stay.read(&["stay"], &currency, non_refundable.unwrap_or(false))?;
            let outcome = domain::quote(ctx.app(), ctx.viewer(), listing_id, request).await?;
            let token = outcome.quote.as_ref().map(|quote| domain::sign(ctx.app(), quote)).transpose()?;
            Ok((outcome, token, request))
        };
        let (done, mut errors) = split(ctx.app(), call(ctx).run_anew(done).await)?;
        let Some((outcome, token, request)) = done else {
            return Ok(QuoteCreatePayload { quote: None, check: None, user_errors: errors });
        };
        errors.extend(user_errors(ctx.app(), outcome.refusals));
        let quote = outcome.quote.zip(token).map(|(quote, token)| Quote { quote, token });
        let check = StayCheck { answer: outcome.answer, request, listing: outcome.listing.into() };
        Ok(QuoteCreatePayload { quote, check: Some(check), user_errors: errors })
    }
}

/// The quote in a token that was made for the viewer.
pub(in crate::graphql) fn read(ctx: &Context<'_>, token: String) -> Option<Quote> {
    let quote = domain::read_quote(ctx.app(), ctx.viewer(), &token)?;
    Some(Quote { quote, token })
}
