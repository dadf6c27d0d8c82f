//! Notifications, as types of the schema.

use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, Object, Result, Union};

use super::alterations::BookingAlteration;
use super::bookings::Booking;
use super::connections::NotificationConnection;
use super::payouts::Payout;
use super::reviews::Review;
use crate::domain::notifications as domain;
use crate::graphql::support::connection::count_lazily;
use crate::graphql::support::context::{RequestContext, global_id};
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::loaders::{AlterationKey, BookingKey, PayoutKey, ReviewKey};
use crate::graphql::support::scalars::DateTime;
use crate::kernel::id::{Id, Kind};
use crate::kernel::page::PageRequest;

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

/// What a notification is about. New types may be added; for an unknown type, show `title` and `body`.
#[derive(Union)]
pub enum NotificationSubject {
    /// The booking that changed.
    Booking(Booking),
    /// The change of a booking's stay that was requested or answered.
    BookingAlteration(BookingAlteration),
    /// The review that was published or answered.
    Review(Review),
    /// The payout that was sent, refused or put on hold.
    Payout(Payout),
}

impl NotificationSubject {
    /// The booking of the subject. None for a review that was imported.
    fn booking_id(&self) -> Option<uuid::Uuid> {
        match self {
            NotificationSubject::Booking(booking) => Some(booking.0.id),
            NotificationSubject::BookingAlteration(alteration) => Some(alteration.0.booking_id),
            NotificationSubject::Review(review) => review.0.booking_id,
            NotificationSubject::Payout(payout) => Some(payout.0.booking_id),
        }
    }
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

impl Notification {
    async fn load_subject(&self, ctx: &Context<'_>) -> Result<Option<NotificationSubject>> {
        use NotificationSubject as Subject;
        let Some(id) = Id::parse(&self.0.subject) else { return Ok(None) };
        let uuid = id.uuid;
        Ok(match id.kind {
            Kind::Booking => ctx.load(BookingKey(uuid)).await?.map(Booking::from).map(Subject::Booking),
            Kind::BookingAlteration => {
                let found = ctx.load(AlterationKey(uuid)).await?;
                found.map(BookingAlteration::from).map(Subject::BookingAlteration)
            }
            Kind::Review => ctx.load(ReviewKey(uuid)).await?.map(Review::from).map(Subject::Review),
            Kind::Payout => ctx.load(PayoutKey(uuid)).await?.map(Payout::from).map(Subject::Payout),
            _ => None,
        })
    }

    async fn load_booking(&self, ctx: &Context<'_>) -> Result<Option<Booking>> {
        match self.load_subject(ctx).await? {
            Some(NotificationSubject::Booking(booking)) => Ok(Some(booking)),
            Some(subject) => match subject.booking_id() {
                Some(id) => Ok(ctx.load(BookingKey(id)).await?.map(Booking::from)),
                None => Ok(None),
            },
            None => Ok(None),
        }
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
    async fn subject(&self, ctx: &Context<'_>) -> Option<Result<NotificationSubject>> {
        self.load_subject(ctx).await.transpose()
    }

    /// Current state of the booking that the notification is about, or to which its `subject` belongs. Null if the
    /// viewer may no longer see it.
    async fn booking(&self, ctx: &Context<'_>) -> Option<Result<Booking>> {
        self.load_booking(ctx).await.transpose()
    }
}

/// A page of the viewer's notifications.
pub(in crate::graphql) async fn page_of_notifications(
    ctx: &Context<'_>,
    request: PageRequest,
    unread_only: bool,
) -> Result<NotificationConnection> {
    let found = domain::page(ctx.app(), ctx.viewer(), unread_only, request).await.map_err(to_graphql_error)?;
    Ok(NotificationConnection {
        page: found.map(Notification::from),
        total: count_lazily(move |app, viewer| async move { domain::page_count(&app, &viewer, unread_only).await }),
    })
}
