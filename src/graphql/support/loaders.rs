//! Loads objects in batches: one statement for each level of a query, whatever the length of its lists.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use chrono::NaiveDate;
use uuid::Uuid;

use super::errors::to_graphql_error;
use crate::domain::bookings::{self, Alteration, Booking, Event};
use crate::domain::listings::{self, CalendarDay, Listing, RatingSummary, StayEvaluation, StayRequest};
use crate::domain::notifications::{self, Notification};
use crate::domain::payments::ledger::{Posting, Transaction};
use crate::domain::payments::{self, Attempt, Payment, Payout, Refund};
use crate::domain::reviews::{self, Direction, ListOf, Review};
use crate::domain::users::{self, Session, User};
use crate::domain::viewer::Viewer;
use crate::kernel::page::{Page, PageRequest};
use crate::kernel::stay::Stay;
use crate::platform::App;

/// Loads objects on behalf of one viewer.
pub struct Batch {
    pub(in crate::graphql) app: App,
    pub(in crate::graphql) viewer: Viewer,
}

type Loaded<K, V> = Result<HashMap<K, V>, async_graphql::Error>;

/// Declares a key that wraps a UUID, and its loader, which calls the domain once.
macro_rules! by_uuid {
    ($(#[$doc:meta])* $key:ident -> $value:ty, |$batch:ident, $ids:ident| $fetch:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $key(pub Uuid);

        impl Loader<$key> for Batch {
            type Value = $value;
            type Error = async_graphql::Error;

            async fn load(&self, keys: &[$key]) -> Loaded<$key, $value> {
                let $batch = self;
                let $ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
                let $ids = $ids.as_slice();
                let found = $fetch.await.map_err(to_graphql_error)?;
                Ok(found.into_iter().map(|(id, value)| ($key(id), value)).collect())
            }
        }
    };
}

by_uuid!(
    /// A user.
    UserKey -> User, |batch, ids| users::by_ids(&batch.app, ids)
);
by_uuid!(
    /// A listing, without a check of what the viewer may see.
    ListingKey -> Listing, |batch, ids| listings::by_ids(&batch.app, ids)
);
by_uuid!(
    /// The amenity codes of a listing.
    AmenitiesKey -> Vec<String>, |batch, ids| listings::amenities_of(&batch.app, ids)
);
by_uuid!(
    /// The ratings of a listing by its guests.
    RatingKey -> RatingSummary, |batch, ids| listings::ratings(&batch.app, ids)
);
by_uuid!(
    /// A booking that the viewer may see.
    BookingKey -> Booking, |batch, ids| bookings::by_ids(&batch.app, &batch.viewer, ids)
);
by_uuid!(
    /// An alteration of a booking that the viewer may see.
    AlterationKey -> Alteration, |batch, ids| bookings::alterations::by_ids(&batch.app, &batch.viewer, ids)
);
by_uuid!(
    /// The alteration of a booking that waits for an answer or for a payment.
    PendingAlterationKey -> Alteration, |batch, ids| bookings::alterations::open_by_bookings(&batch.app, ids)
);
by_uuid!(
    /// A payout that the viewer may see.
    PayoutKey -> Payout, |batch, ids| payments::payouts_by_ids(&batch.app, &batch.viewer, ids)
);
by_uuid!(
    /// A review that the viewer may see.
    ReviewKey -> Review, |batch, ids| reviews::by_ids(&batch.app, &batch.viewer, ids)
);
by_uuid!(
    /// A notification of the viewer.
    NotificationKey -> Notification, |batch, ids| notifications::by_ids(&batch.app, &batch.viewer, ids)
);
by_uuid!(
    /// The payments of a booking: its own, and those of its alterations.
    PaymentKey -> Vec<Payment>, |batch, ids| payments::by_bookings(&batch.app, ids)
);
by_uuid!(
    /// The payouts of a booking that the viewer may see.
    PayoutsKey -> Vec<Payout>, |batch, ids| payments::payouts_by_bookings(&batch.app, &batch.viewer, ids)
);
by_uuid!(
    /// The ledger transactions of a booking, for staff.
    LedgerKey -> Vec<(Transaction, Vec<Posting>)>,
    |batch, ids| payments::ledger_by_bookings(&batch.app, &batch.viewer, ids)
);
by_uuid!(
    /// The attempts of a payment.
    AttemptsKey -> Vec<Attempt>, |batch, ids| payments::attempts_by_payments(&batch.app, ids)
);
by_uuid!(
    /// The amount of a payment that is disputed: held or taken back by the guest's bank, in minor units.
    DisputedKey -> i64, |batch, ids| payments::disputed_by_payments(&batch.app, ids)
);
by_uuid!(
    /// A refund, without a check of what the viewer may see.
    RefundKey -> Refund, |batch, ids| payments::refunds_by_ids(&batch.app, ids)
);
by_uuid!(
    /// The event by which a booking was declined, without a check of what the viewer may see.
    DeclineKey -> Event, |batch, ids| bookings::declines_by_bookings(&batch.app, ids)
);
by_uuid!(
    /// The refunds of a payment.
    RefundsKey -> Vec<Refund>, |batch, ids| payments::refunds_by_payments(&batch.app, ids)
);

by_uuid!(
    /// A payment by its own ID, without a check of what the viewer may see.
    PaymentRowKey -> Payment, |batch, ids| payments::by_ids(&batch.app, ids)
);
by_uuid!(
    /// A ledger transaction, for staff.
    TransactionKey -> (Transaction, Vec<Posting>),
    |batch, ids| payments::transactions_by_ids(&batch.app, &batch.viewer, ids)
);
by_uuid!(
    /// An event of a booking that the viewer may see.
    EventKey -> Event, |batch, ids| bookings::events_by_ids(&batch.app, &batch.viewer, ids)
);
by_uuid!(
    /// An active session of the viewer.
    SessionKey -> Session, |batch, ids| users::sessions_by_ids(&batch.app, &batch.viewer, ids)
);

/// Present if the viewer has booked the listing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BookedKey(pub Uuid);

impl Loader<BookedKey> for Batch {
    type Value = ();
    type Error = async_graphql::Error;

    async fn load(&self, keys: &[BookedKey]) -> Loaded<BookedKey, ()> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let booked = bookings::booked_listings(&self.app, &self.viewer, &ids).await.map_err(to_graphql_error)?;
        Ok(booked.into_iter().map(|id| (BookedKey(id), ())).collect())
    }
}

/// The review of a booking in one direction.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BookingReviewKey(pub Uuid, pub Direction);

impl Loader<BookingReviewKey> for Batch {
    type Value = Review;
    type Error = async_graphql::Error;

    async fn load(&self, keys: &[BookingReviewKey]) -> Loaded<BookingReviewKey, Review> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = reviews::by_bookings(&self.app, &self.viewer, &ids).await.map_err(to_graphql_error)?;
        Ok(found.into_iter().map(|((id, side), review)| (BookingReviewKey(id, side), review)).collect())
    }
}

/// A page of published reviews of one listing or guest.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ReviewsKey(pub ListOf, pub Uuid, pub PageRequest);

impl Loader<ReviewsKey> for Batch {
    type Value = Page<Review>;
    type Error = async_graphql::Error;

    async fn load(&self, keys: &[ReviewsKey]) -> Loaded<ReviewsKey, Page<Review>> {
        let mut loaded = HashMap::new();
        for ((list, page), owners) in group_by(keys, |key| ((key.0, key.2.clone()), key.1)) {
            let pages = reviews::pages_by_owner(&self.app, list, &owners, &page).await.map_err(to_graphql_error)?;
            loaded.extend(pages.into_iter().map(|(owner, found)| (ReviewsKey(list, owner, page.clone()), found)));
        }
        Ok(loaded)
    }
}

/// The number of published reviews of one listing or guest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReviewCountKey(pub ListOf, pub Uuid);

impl Loader<ReviewCountKey> for Batch {
    type Value = i64;
    type Error = async_graphql::Error;

    async fn load(&self, keys: &[ReviewCountKey]) -> Loaded<ReviewCountKey, i64> {
        let mut loaded = HashMap::new();
        for (list, owners) in group_by(keys, |key| (key.0, key.1)) {
            let counts = reviews::counts_by_owner(&self.app, list, &owners).await.map_err(to_graphql_error)?;
            loaded.extend(counts.into_iter().map(|(owner, count)| (ReviewCountKey(list, owner), count)));
        }
        Ok(loaded)
    }
}

/// Declares a key of an owner and the arguments of a page, and its loader, which calls the domain once for all owners
/// with the same arguments.
macro_rules! by_owner {
    ($(#[$doc:meta])* $key:ident -> $value:ty, |$batch:ident, $owners:ident, $page:ident| $fetch:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $key(pub Uuid, pub PageRequest);

        impl Loader<$key> for Batch {
            type Value = Page<$value>;
            type Error = async_graphql::Error;

            async fn load(&self, keys: &[$key]) -> Loaded<$key, Page<$value>> {
                let $batch = self;
                let mut loaded = HashMap::new();
                for (page, owners) in group_by(keys, |key| (key.1.clone(), key.0)) {
                    let ($owners, $page) = (owners.as_slice(), &page);
                    let pages = $fetch.await.map_err(to_graphql_error)?;
                    loaded.extend(pages.into_iter().map(|(owner, found)| ($key(owner, page.clone()), found)));
                }
                Ok(loaded)
            }
        }
    };
}

by_owner!(
    /// A page of the published listings of a host.
    HostListingsKey -> Listing, |batch, hosts, page| listings::by_hosts(&batch.app, hosts, page)
);
by_owner!(
    /// A page of the events of a booking that the viewer may see.
    EventsKey -> Event, |batch, ids, page| bookings::pages_of_events(&batch.app, ids, page)
);
by_owner!(
    /// A page of the alterations of a booking that the viewer may see.
    AlterationsKey -> Alteration, |batch, ids, page| bookings::alterations::pages_by_booking(&batch.app, ids, page)
);

by_uuid!(
    /// The number of published listings of a host.
    HostListingCountKey -> i64, |batch, ids| listings::counts_by_host(&batch.app, ids)
);
by_uuid!(
    /// The number of events of a booking that the viewer may see.
    EventCountKey -> i64, |batch, ids| bookings::event_counts(&batch.app, ids)
);
by_uuid!(
    /// The number of alterations of a booking that the viewer may see.
    AlterationCountKey -> i64, |batch, ids| bookings::alterations::counts_by_booking(&batch.app, ids)
);

/// A query about one listing, together with the listing, which is not loaded a second time.
#[derive(Clone)]
pub struct About<Q>(pub Arc<Listing>, pub Q);

impl<Q: PartialEq> PartialEq for About<Q> {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id && self.1 == other.1
    }
}

impl<Q: Eq> Eq for About<Q> {}

impl<Q: Hash> Hash for About<Q> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
        self.1.hash(state);
    }
}

impl Loader<About<StayRequest>> for Batch {
    type Value = StayEvaluation;
    type Error = async_graphql::Error;

    async fn load(&self, keys: &[About<StayRequest>]) -> Loaded<About<StayRequest>, StayEvaluation> {
        let mut loaded = HashMap::new();
        for (stay, rows) in group_by(keys, |key| (key.1, key.0.clone())) {
            let plain: Vec<Listing> = rows.iter().map(|row| (**row).clone()).collect();
            let mut answers =
                listings::evaluate_stays(&self.app, &self.viewer, &plain, &stay).await.map_err(to_graphql_error)?;
            loaded.extend(rows.into_iter().filter_map(|row| {
                let answer = answers.remove(&row.id)?;
                Some((About(row, stay), answer))
            }));
        }
        Ok(loaded)
    }
}

/// A question for other stays like this one, at most so many.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlternativesOf(pub StayRequest, pub usize);

impl Loader<About<AlternativesOf>> for Batch {
    type Value = Vec<Stay>;
    type Error = async_graphql::Error;

    async fn load(&self, keys: &[About<AlternativesOf>]) -> Loaded<About<AlternativesOf>, Vec<Stay>> {
        let mut loaded = HashMap::new();
        for (wanted, rows) in group_by(keys, |key| (key.1, key.0.clone())) {
            let plain: Vec<Listing> = rows.iter().map(|row| (**row).clone()).collect();
            let found = listings::alternatives(&self.app, &self.viewer, &plain, &wanted.0, wanted.1);
            let mut found = found.await.map_err(to_graphql_error)?;
            loaded.extend(rows.into_iter().filter_map(|row| {
                let stays = found.remove(&row.id)?;
                Some((About(row, wanted), stays))
            }));
        }
        Ok(loaded)
    }
}

impl Loader<About<(NaiveDate, NaiveDate)>> for Batch {
    type Value = Vec<CalendarDay>;
    type Error = async_graphql::Error;

    async fn load(
        &self,
        keys: &[About<(NaiveDate, NaiveDate)>],
    ) -> Loaded<About<(NaiveDate, NaiveDate)>, Vec<CalendarDay>> {
        let mut loaded = HashMap::new();
        for ((from, to), rows) in group_by(keys, |key| (key.1, key.0.clone())) {
            let plain: Vec<Listing> = rows.iter().map(|row| (**row).clone()).collect();
            let mut days =
                listings::calendar(&self.app, &self.viewer, &plain, from, to).await.map_err(to_graphql_error)?;
            loaded.extend(rows.into_iter().filter_map(|row| {
                let days = days.remove(&row.id)?;
                Some((About(row, (from, to)), days))
            }));
        }
        Ok(loaded)
    }
}

/// Groups keys, so that each group is loaded by one call of the domain.
fn group_by<K, G: Eq + Hash, O>(keys: &[K], split: impl Fn(&K) -> (G, O)) -> HashMap<G, Vec<O>> {
    let mut groups: HashMap<G, Vec<O>> = HashMap::new();
    for key in keys {
        let (group, owner) = split(key);
        groups.entry(group).or_default().push(owner);
    }
    groups
}
