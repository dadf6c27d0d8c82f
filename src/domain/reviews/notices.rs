//! Notifications about reviews.

use super::{Direction, Review};
use crate::domain::bookings::Booking;
use crate::domain::notifications::{Facts, Notice, NotificationKind, Side};
use crate::kernel::id::{Id, Kind};

/// The side that writes a review.
fn author_side(direction: Direction) -> Side {
    match direction {
        Direction::GuestToListing => Side::Guest,
        Direction::HostToGuest => Side::Host,
    }
}

/// The side that is reviewed.
fn subject_side(direction: Direction) -> Side {
    match direction {
        Direction::GuestToListing => Side::Host,
        Direction::HostToGuest => Side::Guest,
    }
}

fn facts(to: Side, by: Option<Side>) -> Facts {
    Facts { to, by, code: None, stay: None, amount: None, reason: None }
}

/// Notifies the reviewed side that a review was submitted, which is hidden until they submit theirs.
pub(super) fn submitted_notices(review: &Review, booking: &Booking) -> Vec<Notice> {
    let facts = Facts {
        code: Some(booking.code.clone()),
        stay: Some((booking.check_in, booking.check_out)),
        ..facts(subject_side(review.direction), Some(author_side(review.direction)))
    };
    let subject = Id::new(Kind::Booking, booking.id);
    let notice =
        review.subject_id.map(|user_id| Notice { user_id, kind: NotificationKind::ReviewSubmitted, subject, facts });
    notice.into_iter().collect()
}

/// Notifies the reviewed sides that their reviews were published, except the user `by` whose submission published them.
pub(super) fn published_notices(reviews: &[Review], by: Option<uuid::Uuid>) -> Vec<Notice> {
    let notice = |review: &Review| {
        let user_id = review.subject_id.filter(|subject| Some(*subject) != by)?;
        let facts = facts(subject_side(review.direction), Some(author_side(review.direction)));
        Some(Notice {
            user_id,
            kind: NotificationKind::ReviewPublished,
            subject: Id::new(Kind::Review, review.id),
            facts,
        })
    };
    reviews.iter().filter_map(notice).collect()
}

/// Notifies the author that the reviewed side has responded.
pub(super) fn response_notices(review: &Review) -> Vec<Notice> {
    let facts = facts(author_side(review.direction), Some(subject_side(review.direction)));
    let subject = Id::new(Kind::Review, review.id);
    vec![Notice { user_id: review.author_id, kind: NotificationKind::ReviewAnswered, subject, facts }]
}
