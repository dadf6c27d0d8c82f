//! Issuing a quote for a stay.

use uuid::Uuid;

use super::quote::Quote;
use super::refusals::stay_refusals;
use crate::domain::bookings::deadlines::QUOTE_TTL;
use crate::domain::bookings::state::Mode;
use crate::domain::error::{Code, Error, Refusal};
use crate::domain::listings::cancellation_policy::CancellationPolicy;
use crate::domain::listings::enums::BookingMode;
use crate::domain::listings::limits::LONG_STAY_NIGHTS;
use crate::domain::listings::{self, Listing, StayEvaluation, StayRequest};
use crate::domain::viewer::Viewer;
use crate::kernel::stay::Stay;
use crate::platform::App;

/// The result of a request for a quote: the quote, or why the stay cannot be booked.
#[derive(Clone, Debug)]
pub struct QuoteOutcome {
    /// The listing.
    pub listing: Listing,
    /// Current price and availability of the stay.
    pub answer: StayEvaluation,
    /// The quote. None if the stay cannot be booked.
    pub quote: Option<Quote>,
    /// Why the stay cannot be booked. Empty if there is a quote.
    pub refusals: Vec<Refusal>,
}

/// Issues a quote to the viewer.
pub async fn quote(app: &App, viewer: &Viewer, listing_id: Uuid, request: StayRequest) -> Result<QuoteOutcome, Error> {
    let guest = viewer.require_user()?;
    request.validate(&["stay"])?;
    let mut found = listings::by_ids(app, &[listing_id]).await?;
    let listing = found.remove(&listing_id).filter(|listing| listings::may_see(viewer, listing));
    let listing = listing.ok_or_else(|| Error::not_found(&["listingId"]))?;
    if request.non_refundable && listing.non_refundable_discount_ppm.is_none() {
        return Err(Error::refused(Code::Invalid, &["nonRefundable"], "this listing has no non-refundable price"));
    }
    let mut answers = listings::evaluate_stays(app, viewer, std::slice::from_ref(&listing), &request).await?;
    let answer = answers.remove(&listing_id).ok_or_else(|| Error::failed("the stay was not evaluated"))?;
    let refusals = stay_refusals(&answer.violations, &["stay"]);
    let quote = match (&answer.price, request.stay()) {
        (Some(price), Some(stay)) if refusals.is_empty() => {
            let now = app.clock.now();
            Some(Quote {
                id: app.clock.new_id(),
                listing_id,
                guest_id: guest.user_id,
                stay,
                price: price.clone(),
                policy: policy_for(&listing, &request, stay),
                mode: if answer.mode == BookingMode::Instant { Mode::Instant } else { Mode::Request },
                check_in_time: listing.check_in_from,
                check_out_time: listing.check_out_by,
                zone: listings::zone(&listing)?,
                issued_at: now,
                expires_at: now + QUOTE_TTL,
            })
        }
        _ => None,
    };
    Ok(QuoteOutcome { listing, answer, quote, refusals })
}

/// The cancellation policy of a stay. Long stays follow the listing's long-term policy.
pub(in crate::domain::bookings) fn policy_for(
    listing: &Listing,
    request: &StayRequest,
    stay: Stay,
) -> CancellationPolicy {
    if request.non_refundable {
        CancellationPolicy::NonRefundable
    } else if stay.nights() >= LONG_STAY_NIGHTS {
        listing.long_term_policy
    } else {
        listing.cancellation_policy
    }
}
