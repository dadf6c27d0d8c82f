//! What people are told about reviews.

use super::{Direction, Review};
use crate::domain::bookings::Booking;
use crate::domain::notifications::{Facts, Notice, NotificationKind as News, Side};
use crate::kernel::id::{Id, Kind};

fn author(direction: Direction) -> Side {
    match direction {
        Direction::GuestToListing => Side::Guest,
        Direction::HostToGuest => Side::Host,
    }
}

fn subject(direction: Direction) -> Side {
    match direction {
        Direction::GuestToListing => Side::Host,
        Direction::HostToGuest => Side::Guest,
    }
}

fn facts(to: Side, by: Option<Side>) -> Facts {
    Facts { to, by, code: None, stay: None, amount: None, reason: None }
}

/// The one who was reviewed learns that there is something to read, and what has to be done first.
pub(super) fn submitted(review: &Review, booking: &Booking) -> Vec<Notice> {
    let facts = Facts {
        code: Some(booking.code.clone()),
        stay: Some((booking.check_in, booking.check_out)),
        ..facts(subject(review.direction), Some(author(review.direction)))
    };
    let subject = Id::new(Kind::Booking, booking.id);
    let told = review.subject_id.map(|user_id| Notice { user_id, kind: News::ReviewSubmitted, subject, facts });
    told.into_iter().collect()
}

/// Those who were reviewed learn that it has appeared, but not the one who has just brought that about.
pub(super) fn published(reviews: &[Review], by: Option<uuid::Uuid>) -> Vec<Notice> {
    let notice = |review: &Review| {
        let user_id = review.subject_id.filter(|subject| Some(*subject) != by)?;
        let facts = facts(subject(review.direction), Some(author(review.direction)));
        Some(Notice { user_id, kind: News::ReviewPublished, subject: Id::new(Kind::Review, review.id), facts })
    };
    reviews.iter().filter_map(notice).collect()
}

/// The author learns that the other side has answered.
pub(super) fn answered(review: &Review) -> Vec<Notice> {
    let facts = facts(author(review.direction), Some(subject(review.direction)));
    let subject = Id::new(Kind::Review, review.id);
    vec![Notice { user_id: review.author_id, kind: News::ReviewAnswered, subject, facts }]
}
