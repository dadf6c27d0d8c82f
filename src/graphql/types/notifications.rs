//! Notifications, as types of the schema.

use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, Object, Result};

use super::connections::NotificationConnection;
use super::node::{Node, fetch_node};
use crate::domain::notifications as domain;
use crate::graphql::support::connection::{count_lazily, page_request};
use crate::graphql::support::context::{RequestContext, global_id};
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::scalars::DateTime;
use crate::kernel::id::Kind;

/// What a notification is about. New kinds may be added; for an unknown kind, show `title` and `body`.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::NotificationKind")]
pub enum NotificationKind {
    /// Sent to the host: a guest requested a booking, which the host must accept or decline.
    BookingRequested,
    /// Sent to guest and host: the booking is confirmed.
    BookingConfirmed,
    /// Sent to the guest: the host declined the request, or another booking got the nights.
    BookingDeclined,
    /// Sent to the host: the guest withdrew the request.
    BookingWithdrawn,
    /// Sent to guest and host: the request ended without a response of the host in time.
    BookingRequestExpired,
    /// Sent to the guest: the payment failed or was not completed in time, and the booking is closed.
    BookingPaymentFailed,
    /// Sent to guest and host, except the one who cancelled: the booking is cancelled.
    BookingCancelled,
    /// Sent to the guest: the host reported that the guest did not arrive.
    BookingNoShow,
    /// Sent to the other side: guest or host reported the guest's arrival.
    BookingCheckedIn,
    /// Sent to guest and host: the stay has ended and both can review it.
    BookingCompleted,
    /// Sent to guest and host: an amount was refunded in addition to the cancellation policy.
    BookingRefunded,
    /// The other side requested a change of the stay, which the recipient must accept or decline.
    AlterationRequested,
    /// The other side accepted the change and the price difference is being paid. If the payment needs an action of the
    /// guest, `bookingPaymentConfirm` continues it.
    AlterationAgreed,
    /// The change took effect and the booking has the new stay.
    AlterationAccepted,
    /// The other side declined the change.
    AlterationDeclined,
    /// The other side withdrew the change that it had requested.
    AlterationWithdrawn,
    /// The change ended because it was not answered or paid in time.
    AlterationExpired,
    /// The change ended because the card was declined for the price difference.
    AlterationPaymentFailed,
    /// The other side submitted a review. It is hidden until the recipient submits theirs or the review window closes.
    ReviewSubmitted,
    /// A review of the recipient was published.
    ReviewPublished,
    /// The reviewed side responded to the recipient's review.
    ReviewAnswered,
    /// Sent to the host: a payout was sent.
    PayoutSent,
    /// Sent to the host: a payout was deducted in full from what the host owed.
    PayoutOffset,
    /// Sent to the host: the processor refused a payout, which will be retried.
    PayoutFailed,
    /// Sent to the host: a payout was put on hold.
    PayoutHeld,
}

/// A message to the viewer about an event that another side or the service caused. Nobody else can see it. Users get no
/// notification of their own actions.
#[derive(Clone, Description)]
pub struct Notification(Arc<domain::Notification>);

impl From<domain::Notification> for Notification {
    fn from(row: domain::Notification) -> Notification {
        Notification(Arc::new(row))
    }
}

#[Object(use_type_description)]
impl Notification {
    /// Global ID of the notification, prefixed `ntf_`.
    pub async fn id(&self) -> ID {
        global_id(Kind::Notification, self.0.id)
    }

    /// What the notification is about.
    async fn kind(&self) -> NotificationKind {
        self.0.kind.into()
    }

    /// Short summary of the event, in English.
    async fn title(&self) -> &str {
        self.0.title()
    }

    /// What happened and what follows from it, in English.
    async fn body(&self) -> String {
        self.0.body()
    }

    /// When the event happened.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When the viewer marked the notification as read. Null if it is unread.
    async fn read_at(&self) -> Option<DateTime> {
        self.0.read_at.map(DateTime)
    }

    /// Current state of the booking, change of a booking, review or payout that the notification is about. Null if the
    /// viewer may no longer see it.
    async fn subject(&self, ctx: &Context<'_>) -> Option<Result<Node>> {
        fetch_node(ctx, &ID(self.0.subject.clone()), &["subject"]).await.transpose()
    }
}

/// A page of the viewer's notifications.
pub(in crate::graphql) async fn page_of_notifications(
    ctx: &Context<'_>,
    first: Option<i32>,
    after: Option<String>,
    unread_only: bool,
) -> Result<NotificationConnection> {
    let request = page_request(first, after, None, None)?;
    let found = domain::page(ctx.app(), ctx.viewer(), unread_only, request).await.map_err(to_graphql_error)?;
    Ok(NotificationConnection {
        page: found.map(Notification::from),
        total: count_lazily(move |app, viewer| async move { domain::page_count(&app, &viewer, unread_only).await }),
    })
}
