//! Mutations of listings: writing, publishing and deleting them, and changing their calendars.

use async_graphql::{Context, ID, Object, Result};

use super::listing_inputs::{CalendarChangeInput, ListingInput};
use super::payload::payloads;
use crate::domain::error::Error;
use crate::domain::listings::{self as domain, CalendarChange};
use crate::domain::viewer::Viewer;
use crate::graphql::support::context::{RequestContext, global_id, parse_id};
use crate::graphql::support::idempotency::prepare_call;
use crate::graphql::support::money::stored_currency;
use crate::graphql::types::calendar::CalendarDay;
use crate::graphql::types::listings::Listing;
use crate::graphql::types::user_errors::into_payload;
use crate::kernel::id::Kind;
use crate::platform::App;
use crate::platform::idempotency::RecordedEffect;

payloads! {
    /// Result of the mutation `listingCreate`.
    ListingCreatePayload {
        /// The new draft. Null if the mutation was refused.
        listing: Option<Listing>,
    }
    /// Result of the mutation `listingUpdate`.
    ListingUpdatePayload {
        /// The changed listing. Null if the mutation was refused.
        listing: Option<Listing>,
    }
    /// Result of the mutation `listingPublish`.
    ListingPublishPayload {
        /// The published listing. Null if the mutation was refused.
        listing: Option<Listing>,
    }
    /// Result of the mutation `listingUnlist`.
    ListingUnlistPayload {
        /// The unlisted listing. Null if the mutation was refused.
        listing: Option<Listing>,
    }
    /// Result of the mutation `listingDelete`.
    ListingDeletePayload {
        /// Global ID of the deleted listing. Null if the mutation was refused.
        deleted_id: Option<ID>,
    }
    /// Result of the mutation `listingCalendarUpdate`.
    ListingCalendarUpdatePayload {
        /// The listing whose calendar changed. Null if the mutation was refused.
        listing: Option<Listing>,
        /// The days from the first changed date to the last, at most 366. Null if the mutation was refused.
        days: Option<Vec<CalendarDay>>,
    }
}

/// The listing that was recorded with an idempotency key.
async fn load_own_listing(app: &App, viewer: &Viewer, effect: RecordedEffect) -> Result<domain::Listing, Error> {
    domain::find_own(app, viewer, effect.id(0)?).await
}

/// Mutations of listings.
#[derive(Default)]
pub struct ListingMutation;

#[Object]
impl ListingMutation {
    /// Creates a draft that only the host and staff can see. No field is required yet. Only hosts can call it; for
    /// others it is refused with FORBIDDEN. Refused with INVALID, TOO_LONG or TOO_MANY for values out of range, with
    /// CURRENCY_MISMATCH for amounts in another currency than the listing's, and with REQUIRED for null in a field that
    /// cannot be null. All wrong fields are refused at once.
    async fn listing_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Values of the listing. Absent fields get their defaults.")] listing: ListingInput,
    ) -> Result<ListingCreatePayload> {
        let call = prepare_call(ctx);
        let (app, viewer) = (call.app(), ctx.viewer());
        let run = async { domain::create(app, viewer, listing.into_change()).await };
        let (done, user_errors) =
            into_payload(app, call.run(run, async |effect| load_own_listing(app, viewer, effect).await).await)?;
        Ok(ListingCreatePayload { listing: done.map(Listing::from), user_errors })
    }

    /// Changes a listing. The host and staff can call it. Existing bookings and quotes do not change. Refused with
    /// VERSION_STALE if the listing was changed since `expectedVersion`, with the codes of `listingCreate`, with
    /// STATE_CONFLICT if the currency cannot change, and with REQUIRED if a published listing would lack a value that
    /// publication needs. All wrong fields are refused at once.
    async fn listing_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the listing, prefixed `lst_`.")] id: ID,
        #[graphql(desc = "`version` of the listing on which the change is based. Forms send it, so that they do not \
                          overwrite the changes of others. If absent, the change is made whatever the version is.")]
        expected_version: Option<i32>,
        #[graphql(desc = "The values to change. Absent fields do not change; null removes a value.")]
        listing: ListingInput,
    ) -> Result<ListingUpdatePayload> {
        let call = prepare_call(ctx);
        let (app, viewer) = (call.app(), ctx.viewer());
        let run = async {
            let id = parse_id(Kind::Listing, &id, &["id"])?;
            domain::update(app, viewer, id, expected_version, listing.into_change()).await
        };
        let (done, user_errors) =
            into_payload(app, call.run(run, async |effect| load_own_listing(app, viewer, effect).await).await)?;
        Ok(ListingUpdatePayload { listing: done.map(Listing::from), user_errors })
    }

    /// Publishes a listing. The host and staff can call it. Refused with one REQUIRED error for each missing value,
    /// whose `field` is the path of the value in the arguments of `listingUpdate`, such as `listing`, `address`, `city`.
    /// Refused with FORBIDDEN if staff suspended the listing, and with VERSION_STALE if it was changed since
    /// `expectedVersion` or at the same time.
    async fn listing_publish(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the listing, prefixed `lst_`.")] id: ID,
        #[graphql(desc = "`version` of the listing that is to be published. If absent, the current one is published.")]
        expected_version: Option<i32>,
    ) -> Result<ListingPublishPayload> {
        let call = prepare_call(ctx);
        let (app, viewer) = (call.app(), ctx.viewer());
        let run = async {
            let id = parse_id(Kind::Listing, &id, &["id"])?;
            domain::publish(app, viewer, id, expected_version).await
        };
        let (done, user_errors) =
            into_payload(app, call.run(run, async |effect| load_own_listing(app, viewer, effect).await).await)?;
        Ok(ListingPublishPayload { listing: done.map(Listing::from), user_errors })
    }

    /// Unpublishes a listing. Existing bookings remain valid. The host and staff can call it. Refused with
    /// STATE_CONFLICT if the listing is neither published nor unlisted.
    async fn listing_unlist(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the listing, prefixed `lst_`.")] id: ID,
    ) -> Result<ListingUnlistPayload> {
        let call = prepare_call(ctx);
        let (app, viewer) = (call.app(), ctx.viewer());
        let run = async { domain::unlist(app, viewer, parse_id(Kind::Listing, &id, &["id"])?).await };
        let (done, user_errors) =
            into_payload(app, call.run(run, async |effect| load_own_listing(app, viewer, effect).await).await)?;
        Ok(ListingUnlistPayload { listing: done.map(Listing::from), user_errors })
    }

    /// Deletes a listing. The host and staff can call it. Refused with STATE_CONFLICT while guests are staying or have
    /// bookings in the future.
    async fn listing_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the listing, prefixed `lst_`.")] id: ID,
    ) -> Result<ListingDeletePayload> {
        let call = prepare_call(ctx);
        let app = call.app();
        let run = async { domain::delete(app, ctx.viewer(), parse_id(Kind::Listing, &id, &["id"])?).await };
        let (done, user_errors) =
            into_payload(app, call.run(run, async |effect: RecordedEffect| Ok(effect.id(0)?)).await)?;
        Ok(ListingDeletePayload { deleted_id: done.map(|gone| self::global_id(Kind::Listing, gone)), user_errors })
    }

    /// Blocks, unblocks and prices nights of a listing. Either all changes are made or none. The `version` of the
    /// listing does not change. The host and staff can call it. Refused with NIGHTS_UNAVAILABLE if a night to be blocked
    /// belongs to a booking, with CURRENCY_MISMATCH for prices in another currency than the listing's, with
    /// VERSION_STALE if the listing was changed since `expectedVersion`, and with INVALID, REQUIRED, TOO_LONG or
    /// TOO_MANY.
    async fn listing_calendar_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the listing, prefixed `lst_`.")] id: ID,
        #[graphql(desc = "1 to 100 changes. They are made in order, so that later ones override earlier ones.")]
        changes: Vec<CalendarChangeInput>,
        #[graphql(
            desc = "`version` of the listing on whose prices and rules the changes are based. If absent, they are \
                          made whatever the version is."
        )]
        expected_version: Option<i32>,
    ) -> Result<ListingCalendarUpdatePayload> {
        let changes = changes.into_iter().enumerate();
        let changes: Vec<CalendarChange> = changes.map(|(index, change)| change.into_change(index)).collect();
        let call = prepare_call(ctx);
        let (app, viewer) = (call.app(), ctx.viewer());
        let run = async {
            let id = parse_id(Kind::Listing, &id, &["id"])?;
            domain::update_calendar(app, viewer, id, expected_version, changes.clone()).await
        };
        let replay = async |effect| {
            let listing = load_own_listing(app, viewer, effect).await?;
            let days = domain::changed_days(app, viewer, &listing, &changes).await?;
            Ok((listing, days))
        };
        let done = call.run(run, replay).await.and_then(|(listing, days)| {
            let currency = stored_currency(&listing.currency)?;
            let days = days.into_iter().map(|day| CalendarDay { day, currency }).collect();
            Ok((Listing::from(listing), days))
        });
        let (done, user_errors) = into_payload(app, done)?;
        let (listing, days) = done.unzip();
        Ok(ListingCalendarUpdatePayload { listing, days, user_errors })
    }
}
