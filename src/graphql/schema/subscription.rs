//! The root type of subscriptions.

use std::sync::Arc;

use async_graphql::{Context, Description, Error as GraphqlError, ErrorExtensions, ID, Result, Subscription};
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::domain::{bookings, listings, notifications, users};
use crate::graphql::support::budget;
use crate::graphql::support::budget::Charge;
use crate::graphql::support::context::{RequestContext, parse_id};
use crate::graphql::support::error_codes::ErrorCode;
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::money::stored_currency;
use crate::graphql::support::scalars::Date;
use crate::graphql::types::booking_events::BookingEvent;
use crate::graphql::types::calendar::CalendarDay;
use crate::graphql::types::notifications::Notification;
use crate::kernel::id::Kind;
use crate::platform::App;
use crate::platform::limits::rate_limit::Payer;
use crate::platform::messaging::{Event, Listener, Missed};

/// Items that are sent to the client one after the other, until an error ends them.
type Items<T> = BoxStream<'static, Result<T>>;

/// Root of all subscriptions. Subscribe first and query afterwards, so that no event between the two is missed. Access
/// is checked for every event. A subscription ends with one of these error codes: TOKEN_EXPIRED if the access token or
/// session ends; NOT_FOUND if the viewer may no longer see the object; SLOW_CONSUMER if the client reads too slowly;
/// RATE_LIMITED if the budget is too low for an event, which costs as much as the subscription itself;
/// EVENTS_INTERRUPTED if events may have been missed or the viewer's rights have changed. In the last case, subscribe
/// and query once more.
#[derive(Description)]
pub struct Subscription;

#[Subscription(use_type_description)]
impl Subscription {
    /// Sends every event of one booking. The guest, the host and staff can subscribe.
    async fn booking_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the booking, prefixed `bkg_`.")] id: ID,
    ) -> Result<Items<BookingEvent>> {
        let subscriber = Subscriber::start(ctx).await.map_err(to_graphql_error)?;
        let id = parse_id(Kind::Booking, &id, &["id"]).map_err(to_graphql_error)?;
        let listener = subscriber
            .read_first(move |app, viewer| async move { bookings::subscribe_to_booking(&app, &viewer, id).await })
            .await?;
        Ok(subscriber.stream(listener, read_booking_event))
    }

    /// Sends every event of all bookings of the viewer's listings, including new ones. Only hosts can subscribe.
    async fn host_booking_changed(&self, ctx: &Context<'_>) -> Result<Items<BookingEvent>> {
        let subscriber = Subscriber::start(ctx).await.map_err(to_graphql_error)?;
        let listener =
            bookings::subscribe_to_hosted_bookings(&subscriber.app, &subscriber.viewer).map_err(to_graphql_error)?;
        Ok(subscriber.stream(listener, read_booking_event))
    }

    /// Sends the current state of the days of a listing's calendar whose state, price or rules may have changed.
    /// Unchanged days are left out. If a hold lapses, its nights are sent when the booking is closed, shortly after.
    async fn listing_calendar_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the listing, prefixed `lst_`.")] id: ID,
        #[graphql(desc = "First date, in the listing's time zone.")] from: Date,
        #[graphql(desc = "Day after the last date, at most 366 days after `from`.")] to: Date,
    ) -> Result<Items<Vec<CalendarDay>>> {
        let subscriber = Subscriber::start(ctx).await.map_err(to_graphql_error)?;
        let id = parse_id(Kind::Listing, &id, &["id"]).map_err(to_graphql_error)?;
        let (from, to) = (from.0, to.0);
        let listener = subscriber
            .read_first(
                move |app, viewer| async move { listings::subscribe_to_calendar(&app, &viewer, id, from, to).await },
            )
            .await?;
        Ok(subscriber.stream(listener, move |app, viewer, event| async move {
            let changed = listings::days_in_event(&app, &viewer, id, (from, to), &event).await?;
            let Some((listing, days)) = changed else { return Ok(None) };
            let currency = stored_currency(&listing.currency)?;
            Ok(Some(days.into_iter().map(|day| CalendarDay { day, currency }).collect()))
        }))
    }

    /// Sends every new notification of the viewer. The viewer must be signed in.
    async fn notification_received(&self, ctx: &Context<'_>) -> Result<Items<Notification>> {
        let subscriber = Subscriber::start(ctx).await.map_err(to_graphql_error)?;
        let listener = notifications::subscribe(&subscriber.app, &subscriber.viewer).map_err(to_graphql_error)?;
        Ok(subscriber.stream(listener, |app, viewer, event| async move {
            Ok(notifications::load_announced(&app, &viewer, &event).await?.map(Notification::from))
        }))
    }
}

async fn read_booking_event(app: App, viewer: Viewer, event: Arc<Event>) -> Result<Option<BookingEvent>, Error> {
    let event = bookings::load_announced_event(&app, &viewer, &event).await?;
    // The subscription ends if the viewer may no longer see the booking.
    let event = event.ok_or_else(|| Error::not_found(&["id"]))?;
    Ok(Some(event.into()))
}

/// The client of one subscription. Its session and rights are checked before every event, and when the user or the
/// session changes. Reads because of an event wait for one of a limited number of turns (see [`Database::in_turn`]):
/// one event may concern thousands of subscribers, which must not use all connections of the database.
///
/// [`Database::in_turn`]: crate::platform::database::Database::in_turn
struct Subscriber {
    app: App,
    viewer: Viewer,
    /// Receives an event when the user or the session changes. None for anonymous clients.
    account_changes: Option<Listener>,
    payer: Payer,
    /// Number of points that each event costs.
    points: u64,
}

impl Subscriber {
    async fn start(ctx: &Context<'_>) -> Result<Subscriber, Error> {
        let (app, viewer) = (ctx.app().clone(), ctx.viewer().clone());
        let account_changes = users::subscribe(&app, &viewer);
        let payer = Payer::new(viewer.user().map(|user| user.user_id), ctx.request().client.ip);
        let points = ctx.data_opt::<Charge>().map_or(budget::REFUSED_POINTS, |charge| charge.requested);
        let subscriber = Subscriber { app, viewer, account_changes, payer, points };
        // The session may have ended after the connection was opened.
        subscriber.in_turn(|app, viewer| async move { users::recheck_viewer(&app, &viewer).await }).await?;
        Ok(subscriber)
    }

    async fn in_turn<T, F, R>(&self, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(App, Viewer) -> R,
        R: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let read = self.app.db.in_turn(read(self.app.clone(), self.viewer.clone())).await;
        read.unwrap_or_else(|| Err(Error::failed("the process is shutting down")))
    }

    /// Reads what the subscription needs before the first event.
    async fn read_first<T, F, R>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(App, Viewer) -> R,
        R: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.in_turn(read).await.map_err(to_graphql_error)
    }

    /// Converts each event with `read`, for as long as the viewer may receive events.
    fn stream<T, F, R>(self, listener: Listener, read: F) -> Items<T>
    where
        T: Send + 'static,
        F: Fn(App, Viewer, Arc<Event>) -> R + Clone + Send + 'static,
        R: Future<Output = Result<Option<T>, Error>> + Send + 'static,
    {
        stream::try_unfold((self, listener, read), |(mut subscriber, mut listener, read)| async move {
            loop {
                let event = subscriber.next(&mut listener).await?;
                if event.is_some() {
                    subscriber.pay().await?;
                }
                if let Some(item) = subscriber.recheck_and_read(event, read.clone()).await? {
                    return Ok(Some((item, (subscriber, listener, read))));
                }
            }
        })
        .boxed()
    }

    /// Charges the budget for one event, as for an operation.
    async fn pay(&self) -> Result<()> {
        let charged = budget::charge(&self.app, &self.payer, self.points).await;
        charged.map(drop).map_err(|exceeded| {
            let retry_after_s = exceeded.retry_after_s;
            coded_error(ErrorCode::RateLimited, &exceeded.message)
                .extend_with(|_, extensions| extensions.set("retryAfter", retry_after_s))
        })
    }

    /// Waits for the next event. Nothing if only the viewer has to be rechecked.
    async fn next(&mut self, listener: &mut Listener) -> Result<Option<Arc<Event>>> {
        let event = tokio::select! {
            biased;
            change = next_account_change(&mut self.account_changes) => change.map(|_| None),
            () = token_expiry(&self.app, &self.viewer) => Ok(None),
            event = listener.next() => event.map(Some),
        };
        event.map_err(missed_events)
    }

    /// Checks the viewer once more and reads the event. An error if the rights of the viewer have changed.
    async fn recheck_and_read<T, F, R>(&self, event: Option<Arc<Event>>, read: F) -> Result<Option<T>>
    where
        T: Send + 'static,
        F: FnOnce(App, Viewer, Arc<Event>) -> R + Send + 'static,
        R: Future<Output = Result<Option<T>, Error>> + Send + 'static,
    {
        let item = self.in_turn(|app, viewer| async move {
            if users::recheck_viewer(&app, &viewer).await? != viewer {
                return Ok(None);
            }
            match event {
                Some(event) => read(app, viewer, event).await.map(Some),
                None => Ok(Some(None)),
            }
        });
        let message = "your rights have changed; subscribe again";
        item.await.map_err(to_graphql_error)?.ok_or_else(|| coded_error(ErrorCode::EventsInterrupted, message))
    }
}

/// Waits until the user or the session changes. Never returns for anonymous clients.
async fn next_account_change(listener: &mut Option<Listener>) -> Result<Arc<Event>, Missed> {
    match listener {
        Some(listener) => listener.next().await,
        None => std::future::pending().await,
    }
}

/// Waits until the viewer's access token expires. Never returns for anonymous clients.
async fn token_expiry(app: &App, viewer: &Viewer) {
    match viewer.user() {
        Some(user) => tokio::time::sleep((user.expires_at - app.clock.now()).to_std().unwrap_or_default()).await,
        None => std::future::pending().await,
    }
}

fn missed_events(missed: Missed) -> GraphqlError {
    match missed {
        Missed::Slow => coded_error(
            ErrorCode::SlowConsumer,
            "the client read too slowly and events were dropped; subscribe again and query the current state",
        ),
        Missed::Interrupted => coded_error(
            ErrorCode::EventsInterrupted,
            "events may have been missed; subscribe again and query the current state",
        ),
    }
}

fn coded_error(code: ErrorCode, message: &str) -> GraphqlError {
    GraphqlError::new(message).extend_with(|_, extensions| extensions.set("code", code.as_str()))
}
