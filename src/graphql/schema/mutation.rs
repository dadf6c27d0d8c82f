//! The root type of mutations, merged from one part per family.

use async_graphql::MergedObject;

use crate::graphql::mutations::{alterations, bookings, listings, notifications, payouts, quotes, reviews, users};

/// Root of all mutations. Each returns its own payload with the result and typed `userErrors`. A refused mutation
/// changes nothing, unless its description says otherwise.
#[derive(MergedObject, Default)]
pub struct Mutation(
    users::UserMutation,
    listings::ListingMutation,
    quotes::QuoteMutation,
    bookings::BookingMutation,
    alterations::AlterationMutation,
    payouts::PayoutMutation,
    reviews::ReviewMutation,
    notifications::NotificationMutation,
);
