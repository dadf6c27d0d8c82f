//! The GraphQL door: parse ids and scalars, make one call of the domain, shape the answer.

mod execution;
mod mutations;
mod schema;
mod support;
mod types;

use std::net::IpAddr;
use std::sync::LazyLock;

use async_graphql::dataloader::{DataLoader, HashMapCache};
use async_graphql::extensions::{ApolloTracing, ExtensionFactory};
use async_graphql::{Context, ID, Interface, MergedObject, Object, Response, Result, SDLExportOptions};

use self::execution::cost::cost;
pub use self::execution::engine::Engine;
pub use self::execution::request::{Answer, Call, Operation};
use self::execution::stream::execute_stream;
use self::execution::{batching, budget};
pub use self::schema::subscription::Subscription;
use self::support::context::{Ask, Request, key};
pub use self::support::error_codes::ErrorCode;
use self::support::errors::{UserError, shown};
use self::support::{connection, idempotency, loaders, node_ids};
use self::types::{alterations, bookings, listings, notifications, payouts, quotes, reviews, search, users};
use crate::domain::error::{Code, Error};
use crate::domain::viewer::Viewer;
use crate::domain::{bookings as domain_bookings, listings as domain_listings};
use crate::kernel::id::Kind;
use crate::platform::App;

/// How deep the executor may nest; the second wall behind the limits, which end before.
const RECURSION: usize = 32;
/// Longest list that `nodes` takes.
const MOST_NODES: usize = 100;

/// The executable schema.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// Builds the schema, with what the settings say about showing it.
fn schema(discovery: bool, extension: Option<impl ExtensionFactory>) -> Schema {
    let builder = Schema::build(Query, Mutation::default(), Subscription);
    let builder = if discovery { builder } else { builder.disable_introspection().disable_suggestions() };
    let builder = match extension {
        Some(extension) => builder.extension(extension),
        None => builder,
    };
    builder
        .directive(idempotency::idempotent)
        .register_output_type::<MutationPayload>()
        .limit_recursive_depth(RECURSION)
        .finish()
}

/// The schema as text, as committed in `schema.graphql`.
pub fn sdl() -> &'static str {
    static SDL: LazyLock<String> = LazyLock::new(|| {
        let schema = schema(true, None::<ApolloTracing>);
        let options = SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items();
        format!("{}\n", schema.sdl_with_options(options).trim_end())
    });
    &SDL
}

/// Who a request comes from, besides its token, and what else its headers say.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// What the client says it is.
    pub user_agent: Option<String>,
    /// The address it comes from.
    pub ip: Option<IpAddr>,
    /// The idempotency key of the request's one mutation.
    pub idempotency_key: Option<String>,
    /// The id under which the log knows the request.
    pub request_id: String,
    /// Whether the client wants to know how long each field took.
    pub trace: bool,
}

/// Runs a request on somebody's behalf.
async fn execute(
    schema: &Schema,
    app: &App,
    viewer: Viewer,
    client: Client,
    request: async_graphql::Request,
) -> Response {
    let in_request = batching::InRequest::default();
    let batch = loaders::Batch { app: app.clone(), viewer: viewer.clone() };
    let answered = idempotency::Answered::default();
    let data = Request {
        app: app.clone(),
        viewer,
        user_agent: client.user_agent,
        ip: client.ip,
        idempotency_key: client.idempotency_key,
        answered: answered.clone(),
        batches: DataLoader::with_cache(batch, in_request.clone(), batching::NoDelay, HashMapCache::default()),
    };
    let response = in_request.drive(schema.execute(request.data(data))).await;
    match answered.extension() {
        Some(fields) => response.extension("idempotency", fields),
        None => response,
    }
}

/// Everything that can be read.
pub struct Query;

/// Everything that can be read.
#[Object]
impl Query {
    /// Anything by its id; null when nothing is known under it, or not to you.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "The id.")] id: ID) -> Option<Result<node_ids::Node>> {
        node_ids::node(ctx, &id, &["id"]).await.transpose()
    }

    /// Many things by their ids, in the order of the ids; null in place of what is not known, or not to you.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ids, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<node_ids::Node>>> {
        if ids.len() > MOST_NODES {
            return Err(shown(Error::refused(Code::TooMany, &["ids"], "must have at most 100 ids")));
        }
        futures_util::future::try_join_all(ids.iter().map(|id| node_ids::node(ctx, id, &["ids"]))).await
    }

    /// You; null when nobody is signed in.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Result<users::Viewer>> {
        users::viewer(ctx).await.transpose()
    }

    /// A person; null when there is none.
    async fn user(&self, ctx: &Context<'_>, #[graphql(desc = "The id.")] id: ID) -> Option<Result<users::User>> {
        let user = async {
            let id = key(Kind::User, &id, &["id"]).map_err(shown)?;
            ctx.load(loaders::UserKey(id)).await
        };
        user.await.map(|row| row.map(users::User::of)).transpose()
    }

    /// A place; null when there is none that you may see.
    async fn listing(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id.")] id: ID,
    ) -> Option<Result<listings::Listing>> {
        let listing = async {
            let id = key(Kind::Listing, &id, &["id"])?;
            domain_listings::visible(ctx.app(), ctx.viewer(), id).await
        };
        listing.await.map(|row| row.map(listings::Listing::of)).map_err(shown).transpose()
    }

    /// A booking of yours, by its id or by its code; null when there is none that you may see.
    async fn booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id.")] id: Option<ID>,
        #[graphql(desc = "The code.")] code: Option<String>,
    ) -> Option<Result<bookings::Booking>> {
        let booking = async {
            match (id, code) {
                (Some(id), None) => {
                    let id = key(Kind::Booking, &id, &["id"])?;
                    domain_bookings::by_id(ctx.app(), ctx.viewer(), id).await
                }
                (None, Some(code)) => domain_bookings::by_code(ctx.app(), ctx.viewer(), &code).await,
                _ => Err(Error::refused(Code::Invalid, &["id"], "give either `id` or `code`")),
            }
        };
        booking.await.map(|row| row.map(bookings::Booking::of)).map_err(shown).transpose()
    }

    /// The promise in a quote's token; null when it is none that was made for you.
    async fn quote(&self, ctx: &Context<'_>, #[graphql(desc = "The token.")] token: String) -> Option<quotes::Quote> {
        quotes::read(ctx, token)
    }

    /// Finds published listings.
    #[expect(clippy::too_many_arguments, reason = "these are the arguments of the field")]
    #[graphql(directive = cost::apply(300))]
    async fn listing_search(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "What to search for.")] wanted: search::ListingSearchWhere,
        #[graphql(desc = "The order of results.", default_with = "Some(search::ListingSearchSort::Relevance)")]
        sort: Option<search::ListingSearchSort>,
        #[graphql(desc = "Take so many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Start after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take so many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
    ) -> Result<search::ListingSearchConnection> {
        let sort = sort.unwrap_or(search::ListingSearchSort::Relevance);
        search::search(ctx, wanted, sort, connection::page(first, after, last, before)?).await
    }

    /// The budget that pays for what you ask, as this operation leaves it; null on a server without budgets.
    #[graphql(directive = cost::apply(0))]
    async fn rate_limit(&self, ctx: &Context<'_>) -> Option<budget::RateLimit> {
        budget::rate_limit(ctx)
    }

    /// Everything a place can offer.
    async fn amenities(&self) -> Vec<listings::Amenity> {
        domain_listings::listing::amenities::all().iter().map(listings::Amenity).collect()
    }
}

/// Everything that can be changed. Each mutation answers with what it made and with typed `userErrors`.
#[derive(MergedObject, Default)]
pub struct Mutation(
    mutations::users::UserMutation,
    mutations::listings::ListingMutation,
    quotes::QuoteMutation,
    mutations::bookings::BookingMutation,
    alterations::AlterationMutation,
    payouts::PayoutMutation,
    reviews::ReviewMutation,
    notifications::NotificationMutation,
);

/// What every mutation answers with.
#[derive(Interface)]
#[graphql(field(name = "user_errors", ty = "&Vec<UserError>", desc = "Why nothing was done; empty when it was."))]
#[expect(clippy::large_enum_variant, missing_docs, reason = "it names types for the schema and is never built")]
pub enum MutationPayload {
    UserRegister(mutations::users::UserRegisterPayload),
    UserUpdate(mutations::users::UserUpdatePayload),
    UserBecomeHost(mutations::users::UserBecomeHostPayload),
    SessionCreate(mutations::users::SessionCreatePayload),
    SessionRefresh(mutations::users::SessionRefreshPayload),
    SessionRevoke(mutations::users::SessionRevokePayload),
    ListingCreate(mutations::listings::ListingCreatePayload),
    ListingUpdate(mutations::listings::ListingUpdatePayload),
    ListingPublish(mutations::listings::ListingPublishPayload),
    ListingUnlist(mutations::listings::ListingUnlistPayload),
    ListingDelete(mutations::listings::ListingDeletePayload),
    ListingCalendarUpdate(mutations::listings::ListingCalendarUpdatePayload),
    QuoteCreate(quotes::QuoteCreatePayload),
    BookingCreate(mutations::bookings::BookingCreatePayload),
    BookingPaymentConfirm(mutations::bookings::BookingPaymentConfirmPayload),
    BookingAccept(mutations::bookings::BookingAcceptPayload),
    BookingDecline(mutations::bookings::BookingDeclinePayload),
    BookingWithdraw(mutations::bookings::BookingWithdrawPayload),
    BookingCancel(mutations::bookings::BookingCancelPayload),
    BookingCheckIn(mutations::bookings::BookingCheckInPayload),
    BookingCheckOut(mutations::bookings::BookingCheckOutPayload),
    BookingNoShowReport(mutations::bookings::BookingNoShowReportPayload),
    BookingRefund(mutations::bookings::BookingRefundPayload),
    BookingAlterationRequest(alterations::BookingAlterationRequestPayload),
    BookingAlterationRespond(alterations::BookingAlterationRespondPayload),
    RefundRetry(mutations::bookings::RefundRetryPayload),
    PayoutHold(payouts::PayoutHoldPayload),
    PayoutRelease(payouts::PayoutReleasePayload),
    PayoutAccountSet(payouts::PayoutAccountSetPayload),
    ReviewSubmit(reviews::ReviewSubmitPayload),
    ReviewUpdate(reviews::ReviewUpdatePayload),
    ReviewRespond(reviews::ReviewRespondPayload),
    NotificationsMarkRead(notifications::NotificationsMarkReadPayload),
}
