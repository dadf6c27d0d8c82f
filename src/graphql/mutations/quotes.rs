//! The mutation that creates a quote for a stay.

use async_graphql::{Context, ID, Object, Result};

use super::payload::payloads;
use crate::domain::bookings as domain;
use crate::domain::listings as domain_listings;
use crate::graphql::support::context::{RequestContext, parse_id};
use crate::graphql::support::idempotency::prepare_call;
use crate::graphql::types::quotes::Quote;
use crate::graphql::types::stays::{StayCheck, StayInput};
use crate::graphql::types::user_errors::{into_payload, to_user_errors};
use crate::kernel::id::Kind;

payloads! {
    /// Result of the mutation `quoteCreate`.
    QuoteCreatePayload {
        /// The new quote. Null if the stay cannot be booked or the mutation was refused.
        quote: Option<Quote>,
        /// Current price and availability of the stay, whether or not a quote was created. Null if the listing was not
        /// found, the viewer is not signed in, or an argument is invalid.
        check: Option<StayCheck>,
    }
}

/// Mutations of quotes.
#[derive(Default)]
pub struct QuoteMutation;

#[Object]
impl QuoteMutation {
    /// Creates a quote for a stay that can be booked. The viewer must be signed in. Refused with NIGHTS_UNAVAILABLE or
    /// STAY_RULE_VIOLATED if the stay cannot be booked, and with NOT_FOUND for an unknown listing. Nothing is stored,
    /// so an idempotency key has no effect: every request creates a new quote.
    async fn quote_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the listing, prefixed `lst_`.")] listing_id: ID,
        #[graphql(desc = "Dates and guests of the stay.")] stay: StayInput,
        #[graphql(
            desc = "Whether the lower non-refundable price is chosen. Default: false.",
            default_with = "Some(false)"
        )]
        non_refundable: Option<bool>,
    ) -> Result<QuoteCreatePayload> {
        let done = async {
            let listing_id = parse_id(Kind::Listing, &listing_id, &["listingId"])?;
            let listing = domain_listings::find_visible(ctx.app(), ctx.viewer(), listing_id).await?;
            let currency = listing.map(|listing| listing.currency).unwrap_or_default();
            let request = stay.to_request(&["stay"], &currency, non_refundable.unwrap_or(false))?;
            let outcome = domain::quote(ctx.app(), ctx.viewer(), listing_id, request).await?;
            let token = outcome.quote.as_ref().map(|quote| domain::sign_quote(ctx.app(), quote)).transpose()?;
            Ok((outcome, token, request))
        };
        let (done, mut errors) = into_payload(ctx.app(), prepare_call(ctx).run_unrecorded(done).await)?;
        let Some((outcome, token, request)) = done else {
            return Ok(QuoteCreatePayload { quote: None, check: None, user_errors: errors });
        };
        errors.extend(to_user_errors(ctx.app(), outcome.refusals));
        let quote = outcome.quote.zip(token).map(|(quote, token)| Quote { quote, token });
        let check = StayCheck { answer: outcome.answer, request, listing: outcome.listing.into() };
        Ok(QuoteCreatePayload { quote, check: Some(check), user_errors: errors })
    }
}
