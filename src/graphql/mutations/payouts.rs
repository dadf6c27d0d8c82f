//! Mutations of payouts: staff stop and release them, hosts set the account that receives them.

use async_graphql::{Context, ID, Object, Result};

use super::payload::payloads;
use crate::domain::payments as domain;
use crate::graphql::support::context::{RequestContext, parse_id};
use crate::graphql::support::idempotency::prepare_call;
use crate::graphql::types::payouts::Payout;
use crate::graphql::types::user_errors::into_payload;
use crate::graphql::types::users;
use crate::graphql::types::users::Viewer;
use crate::kernel::id::Kind;

payloads! {
    /// Result of the mutation `payoutHold`.
    PayoutHoldPayload {
        /// The payout in the state ON_HOLD. Null if the mutation was refused.
        payout: Option<Payout>,
    }
    /// Result of the mutation `payoutRelease`.
    PayoutReleasePayload {
        /// The released payout. Null if the mutation was refused.
        payout: Option<Payout>,
    }
    /// Result of the mutation `payoutAccountSet`.
    PayoutAccountSetPayload {
        /// The viewer, whose account is set. Null if the mutation was refused.
        viewer: Option<Viewer>,
    }
}

/// Mutations of payouts.
#[derive(Default)]
pub struct PayoutMutation;

#[Object]
impl PayoutMutation {
    /// Puts a payout on hold until staff release it. Only staff can call it; the host is refused with FORBIDDEN, and
    /// any other user with NOT_FOUND. Refused with STATE_CONFLICT in any state but SCHEDULED or FAILED.
    async fn payout_hold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the payout, prefixed `pyt_`.")] id: ID,
        #[graphql(desc = "Explanation for the host, at most 1,000 characters.")] reason: String,
    ) -> Result<PayoutHoldPayload> {
        let call = prepare_call(ctx);
        let app = call.app();
        let run = async {
            let id = parse_id(Kind::Payout, &id, &["id"])?;
            domain::hold_payout(app, ctx.viewer(), id, &reason).await
        };
        let done = call.run(run, async |effect| domain::load_payout(app, effect.id(0)?).await).await;
        let (done, user_errors) = into_payload(app, done)?;
        Ok(PayoutHoldPayload { payout: done.map(Payout::from), user_errors })
    }

    /// Releases a payout that is on hold. If its amount has already left escrow, it is sent at once; otherwise it waits
    /// for its release date. Only staff can call it; the host is refused with FORBIDDEN, and any other user with
    /// NOT_FOUND. Refused with STATE_CONFLICT in any state but ON_HOLD.
    async fn payout_release(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the payout, prefixed `pyt_`.")] id: ID,
    ) -> Result<PayoutReleasePayload> {
        let call = prepare_call(ctx);
        let app = call.app();
        let run = async {
            let id = parse_id(Kind::Payout, &id, &["id"])?;
            domain::release_payout(app, ctx.viewer(), id).await
        };
        let done = call.run(run, async |effect| domain::load_payout(app, effect.id(0)?).await).await;
        let (done, user_errors) = into_payload(app, done)?;
        Ok(PayoutReleasePayload { payout: done.map(Payout::from), user_errors })
    }

    /// Sets the account at the processor to which the viewer is paid, such as `acct_…` at Stripe. Payouts that waited
    /// for an account are sent. Only hosts can call it; for others it is refused with FORBIDDEN. The sandbox pays every
    /// account, except that `closed` refuses payouts, `unknown` accepts them without a response until it is asked for
    /// one, and `lost` never receives them.
    async fn payout_account_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the account at the processor: letters, digits, `_` and `-`, at most 200 characters.")]
        account: String,
    ) -> Result<PayoutAccountSetPayload> {
        let call = prepare_call(ctx);
        let app = call.app();
        let done = call.run(domain::set_payout_account(app, ctx.viewer(), &account), async |_| Ok(())).await;
        let (done, user_errors) = into_payload(app, done)?;
        let viewer = match done {
            Some(()) => users::load_viewer(ctx).await?,
            None => None,
        };
        Ok(PayoutAccountSetPayload { viewer, user_errors })
    }
}
