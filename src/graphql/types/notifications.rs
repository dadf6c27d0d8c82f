//! Notifications: what you are told, and saying that you have read it.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result};

use crate::domain::error::Error;
use crate::domain::notifications as domain;
use crate::graphql::schema::payload::payloads;
use crate::graphql::support::connection::{NotificationConnection, count, page};
use crate::graphql::support::context::{Ask, id, key};
use crate::graphql::support::errors::{shown, split};
use crate::graphql::support::idempotency::call;
use crate::graphql::support::node_ids;
use crate::graphql::support::node_ids::Node;
use crate::graphql::support::scalars::DateTime;
use crate::kernel::id::Kind;

/// What a notification is about. There will be more kinds: show the title and the body of those that you do not know.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::NotificationKind")]
pub enum NotificationKind {
    /// To the host: a guest asks for a stay.
    BookingRequested,
    /// The stay is agreed.
    BookingConfirmed,
    /// To the guest: the request was refused, or somebody else got the nights.
    BookingDeclined,
    /// To the host: the guest took the request back.
    BookingWithdrawn,
    /// The request came to nothing, as nobody answered in time.
    BookingRequestExpired,
    /// To the guest: the payment did not go through, and there is no booking.
    BookingPaymentFailed,
    /// The other side, or the marketplace, cancelled.
    BookingCancelled,
    /// To the guest: the host says that they never came.
    BookingNoShow,
    /// The other side says that the guest has arrived.
    BookingCheckedIn,
    /// The stay is over, and can be reviewed.
    BookingCompleted,
    /// Money goes back beside what the policy says.
    BookingRefunded,
    /// The other side asks for another stay.
    AlterationRequested,
    /// The other side agrees, and the difference is being paid; `bookingPaymentConfirm` goes on with a payment that
    /// needs the guest.
    AlterationAgreed,
    /// The booking is changed.
    AlterationAccepted,
    /// The other side refused the change.
    AlterationDeclined,
    /// The other side took the change back.
    AlterationWithdrawn,
    /// The change came to nothing, as nobody answered or paid in time.
    AlterationExpired,
    /// The change came to nothing, as the card was declined.
    AlterationPaymentFailed,
    /// The other side wrote a review, which is hidden until you write yours or the window closes.
    ReviewSubmitted,
    /// A review of you can be read.
    ReviewPublished,
    /// Your review was answered.
    ReviewAnswered,
    /// To the host: money is on its way.
    PayoutSent,
    /// To the host: all of a payout settled what was owed.
    PayoutOffset,
    /// To the host: the processor refused a payout, which will be tried again.
    PayoutFailed,
    /// To the host: a payout waits.
    PayoutHeld,
}

/// Something that you were told. You are never told of what you did yourself.
#[derive(Clone)]
pub struct Notification(Arc<domain::Notification>);

impl Notification {
    /// Wraps a row that is the viewer's.
    pub fn of(row: domain::Notification) -> Notification {
        Notification(Arc::new(row))
    }
}

/// Something that you were told. You are never told of what you did yourself.
#[Object]
impl Notification {
    /// The id.
    pub async fn id(&self) -> ID {
        id(Kind::Notification, self.0.id)
    }

    /// What it is about.
    async fn kind(&self) -> NotificationKind {
        self.0.kind.into()
    }

    /// What happened, in a few English words.
    async fn title(&self) -> &str {
        self.0.title()
    }

    /// What happened and what follows from it, in English.
    async fn body(&self) -> String {
        self.0.body()
    }

    /// When it happened.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When you said that you had read it; null before.
    async fn read_at(&self) -> Option<DateTime> {
        self.0.read_at.map(DateTime)
    }

    /// What it is about, as it is now: a booking, a change of one, a review or a payout. Null when you may not see it
    /// any more.
    async fn subject(&self, ctx: &Context<'_>) -> Option<Result<Node>> {
        node_ids::node(ctx, &ID(self.0.subject.clone()), &["subject"]).await.transpose()
    }
}

/// A page of what the viewer was told.
pub(in crate::graphql) async fn notifications(
    ctx: &Context<'_>,
    first: Option<i32>,
    after: Option<String>,
    unread_only: bool,
) -> Result<NotificationConnection> {
    let request = page(first, after, None, None)?;
    let found = domain::page(ctx.app(), ctx.viewer(), unread_only, request).await.map_err(shown)?;
    Ok(NotificationConnection {
        page: found.map(Notification::of),
        total: count(move |app, viewer| async move { domain::page_count(&app, &viewer, unread_only).await }),
    })
}

payloads! {
    /// The notifications that are read now.
    NotificationsMarkReadPayload {
        /// The notifications, in the order of the ids.
        notifications: Option<Vec<Notification>>,
    }
}

/// What people are told.
#[derive(Default)]
pub struct NotificationMutation;

#[Object]
impl NotificationMutation {
    /// Says that you have read some of your notifications, all of them or, when one is not known, none. Those that were
    /// read before stay as they are.
    async fn notifications_mark_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The notifications, at most 100.")] ids: Vec<ID>,
    ) -> Result<NotificationsMarkReadPayload> {
        let once = call(ctx);
        let (app, viewer) = (once.app(), ctx.viewer());
        let run = async {
            viewer.require_user()?;
            let keys: Result<Vec<_>, Error> = ids.iter().map(|id| key(Kind::Notification, id, &["ids"])).collect();
            domain::mark_read(app, viewer, &keys?).await
        };
        let done = once.run(run, async |spent| domain::marked(app, viewer, &spent.subject).await).await;
        let (done, user_errors) = split(app, done)?;
        let notifications = done.map(|rows| rows.into_iter().map(Notification::of).collect());
        Ok(NotificationsMarkReadPayload { notifications, user_errors })
    }
}
