//! What clients hear as it happens.

use std::sync::Arc;

use async_graphql::{Context, Error as GraphqlError, ErrorExtensions, ID, Result, Subscription};
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::domain::{bookings, listings, notifications, users};
use crate::graphql::execution::budget;
use crate::graphql::execution::budget::Paid;
use crate::graphql::support::context::{Ask, key};
use crate::graphql::support::error_codes::ErrorCode;
use crate::graphql::support::errors::shown;
use crate::graphql::support::scalars::Date;
use crate::graphql::types::booking_events::BookingEvent;
use crate::graphql::types::calendar::CalendarDay;
use crate::graphql::types::notifications::Notification;
use crate::kernel::id::Kind;
use crate::platform::App;
use crate::platform::limits::rate_limit::Payer;
use crate::platform::messaging::publisher::{Event, Listener, Missed};

/// What comes in one after the other, until it is refused.
type Live<T> = BoxStream<'static, Result<T>>;

/// Everything that can be heard as it happens. Subscribe first and read afterwards, and nothing is missed between the
/// two. What you may know is looked at anew for every event; a subscription ends with an error when your token or
/// session does (TOKEN_EXPIRED), when the thing is not for you any more (NOT_FOUND), when you read too slowly
/// (SLOW_CONSUMER), when your budget does not pay for an event, which costs what the subscription itself did
/// (RATE_LIMITED), and when events may have been missed or your rights have changed (EVENTS_INTERRUPTED): then subscribe
/// again and read what you show anew.
pub struct Subscription;

/// Everything that can be heard as it happens. Subscribe first and read afterwards, and nothing is missed between the
/// two. What you may know is looked at anew for every event; a subscription ends with an error when your token or
/// session does (TOKEN_EXPIRED), when the thing is not for you any more (NOT_FOUND), when you read too slowly
/// (SLOW_CONSUMER), when your budget does not pay for an event, which costs what the subscription itself did
/// (RATE_LIMITED), and when events may have been missed or your rights have changed (EVENTS_INTERRUPTED): then subscribe
/// again and read what you show anew.
#[Subscription]
impl Subscription {
    /// Every step that a booking of yours takes.
    async fn booking_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The booking's id.")] id: ID,
    ) -> Result<Live<BookingEvent>> {
        let watch = Watch::begin(ctx).await.map_err(shown)?;
        let id = key(Kind::Booking, &id, &["id"]).map_err(shown)?;
        let listener = watch.first(move |app, viewer| async move { bookings::watch(&app, &viewer, id).await }).await?;
        Ok(watch.each(listener, step))
    }

    /// Every step that bookings of your places take, new bookings included; for hosts.
    async fn host_booking_changed(&self, ctx: &Context<'_>) -> Result<Live<BookingEvent>> {
        let watch = Watch::begin(ctx).await.map_err(shown)?;
        let listener = bookings::watch_hosted(&watch.app, &watch.viewer).map_err(shown)?;
        Ok(watch.each(listener, step))
    }

    /// The days of a listing's calendar whose state, price or rules may have changed, as they are now; those that were
    /// not touched are left out. The end of a hold that lapses is told when its booking ends, shortly after.
    async fn listing_calendar_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The listing's id.")] id: ID,
        #[graphql(desc = "First date.")] from: Date,
        #[graphql(desc = "Day after the last date, at most 366 days after the first.")] to: Date,
    ) -> Result<Live<Vec<CalendarDay>>> {
        let watch = Watch::begin(ctx).await.map_err(shown)?;
        let id = key(Kind::Listing, &id, &["id"]).map_err(shown)?;
        let (from, to) = (from.0, to.0);
        let listener =
            watch.first(move |app, viewer| async move { listings::watch(&app, &viewer, id, from, to).await }).await?;
        Ok(watch.each(listener, move |app, viewer, told| async move {
            let told = listings::days_told(&app, &viewer, id, (from, to), &told).await?;
            let Some((listing, days)) = told else { return Ok(None) };
            let currency = listing.currency.parse().map_err(|_| Error::failed("unknown currency"))?;
            Ok(Some(days.into_iter().map(|day| CalendarDay { day, currency }).collect()))
        }))
    }

    /// Whatever you are told, as soon as it happened.
    async fn notification_received(&self, ctx: &Context<'_>) -> Result<Live<Notification>> {
        let watch = Watch::begin(ctx).await.map_err(shown)?;
        let listener = notifications::watch(&watch.app, &watch.viewer).map_err(shown)?;
        Ok(watch.each(listener, |app, viewer, told| async move {
            Ok(notifications::told(&app, &viewer, &told).await?.map(Notification::of))
        }))
    }
}

async fn step(app: App, viewer: Viewer, told: Arc<Event>) -> Result<Option<BookingEvent>, Error> {
    let step = bookings::step_told(&app, &viewer, &told).await?;
    // Whoever may not know of it any more need not go on.
    let step = step.ok_or_else(|| Error::not_found(&["id"]))?;
    Ok(Some(BookingEvent(Arc::new(step))))
}

/// Somebody who listens, looked at again whenever they change and before they are told anything. What is read for that
/// is read in turn (see [`Database::in_turn`]).
///
/// [`Database::in_turn`]: crate::platform::database::Database::in_turn
struct Watch {
    app: App,
    viewer: Viewer,
    person: Option<Listener>,
    payer: Payer,
    /// What each event costs.
    points: u64,
}

impl Watch {
    async fn begin(ctx: &Context<'_>) -> Result<Watch, Error> {
        let (app, viewer) = (ctx.app().clone(), ctx.viewer().clone());
        let person = users::watch(&app, &viewer);
        let payer = Payer::of(viewer.user().map(|user| user.user_id), ctx.request().ip);
        let points = ctx.data_opt::<Paid>().map_or(budget::REFUSED, |paid| paid.requested);
        let watch = Watch { app, viewer, person, payer, points };
        // The connection may be older than the end of its session.
        watch.in_turn(|app, viewer| async move { users::still(&app, &viewer).await }).await?;
        Ok(watch)
    }

    async fn in_turn<T, F, R>(&self, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(App, Viewer) -> R,
        R: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let read = self.app.db.in_turn(read(self.app.clone(), self.viewer.clone())).await;
        read.unwrap_or_else(|| Err(Error::failed("the process ends")))
    }

    /// What has to be read before the first event.
    async fn first<T, F, R>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(App, Viewer) -> R,
        R: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.in_turn(read).await.map_err(shown)
    }

    /// What `read` makes of each event, for as long as the viewer may hear it.
    fn each<T, F, R>(self, listener: Listener, read: F) -> Live<T>
    where
        T: Send + 'static,
        F: Fn(App, Viewer, Arc<Event>) -> R + Clone + Send + 'static,
        R: Future<Output = Result<Option<T>, Error>> + Send + 'static,
    {
        stream::try_unfold((self, listener, read), |(mut watch, mut listener, read)| async move {
            loop {
                let told = watch.next(&mut listener).await?;
                if told.is_some() {
                    watch.pay().await?;
                }
                if let Some(item) = watch.look(told, read.clone()).await? {
                    return Ok(Some((item, (watch, listener, read))));
                }
            }
        })
        .boxed()
    }

    /// Charges for one event, as for an operation.
    async fn pay(&self) -> Result<()> {
        let paid = budget::charge(&self.app, &self.payer, self.points).await;
        paid.map(drop).map_err(|refused| {
            let told = refused.response.errors.into_iter().next();
            let (message, extensions) = told.map(|error| (error.message, error.extensions)).unwrap_or_default();
            GraphqlError { message, source: None, extensions }
        })
    }

    /// The next event; nothing when only the viewer is to be looked at again.
    async fn next(&mut self, listener: &mut Listener) -> Result<Option<Arc<Event>>> {
        let told = tokio::select! {
            biased;
            told = heard(&mut self.person) => told.map(|_| None),
            () = expiry(&self.app, &self.viewer) => Ok(None),
            told = listener.next() => told.map(Some),
        };
        told.map_err(missed)
    }

    /// What there is to read of an event, if its viewer is still who they were.
    async fn look<T, F, R>(&self, told: Option<Arc<Event>>, read: F) -> Result<Option<T>>
    where
        T: Send + 'static,
        F: FnOnce(App, Viewer, Arc<Event>) -> R + Send + 'static,
        R: Future<Output = Result<Option<T>, Error>> + Send + 'static,
    {
        let looked = self.in_turn(|app, viewer| async move {
            if users::still(&app, &viewer).await? != viewer {
                return Ok(None);
            }
            match told {
                Some(told) => read(app, viewer, told).await.map(Some),
                None => Ok(Some(None)),
            }
        });
        let message = "what you may do has changed; subscribe again";
        looked.await.map_err(shown)?.ok_or_else(|| ended(ErrorCode::EventsInterrupted, message))
    }
}

/// What the person's own listener hears; never anything when nobody is signed in.
async fn heard(person: &mut Option<Listener>) -> Result<Arc<Event>, Missed> {
    match person {
        Some(listener) => listener.next().await,
        None => std::future::pending().await,
    }
}

/// Returns when the viewer's token should have ended.
async fn expiry(app: &App, viewer: &Viewer) {
    match viewer.user() {
        Some(user) => tokio::time::sleep((user.expires_at - app.clock.now()).to_std().unwrap_or_default()).await,
        None => std::future::pending().await,
    }
}

fn missed(missed: Missed) -> GraphqlError {
    match missed {
        Missed::Slow => {
            ended(ErrorCode::SlowConsumer, "events came faster than they were read; subscribe again and read anew")
        }
        Missed::Interrupted => {
            ended(ErrorCode::EventsInterrupted, "events may have been missed; subscribe again and read anew")
        }
    }
}

fn ended(code: ErrorCode, message: &str) -> GraphqlError {
    GraphqlError::new(message).extend_with(|_, extensions| extensions.set("code", code.word()))
}
