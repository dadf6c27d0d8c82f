//! What was filled in, for the one who asked for it.

use std::fmt;

use crate::domain::bookings::lifecycle::state::BookingState;
use crate::domain::listings::enums::ListingStatus;

/// What a demonstration holds, and how to sign in to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many cities.
    pub cities: usize,
    /// How many people list places.
    pub hosts: usize,
    /// How many people travel.
    pub guests: usize,
    /// How many listings stand where.
    pub listings: Vec<(ListingStatus, usize)>,
    /// How many bookings stand where.
    pub bookings: Vec<(BookingState, usize)>,
    /// How many payments were tried.
    pub payments: usize,
    /// How many refunds were made.
    pub refunds: usize,
    /// How many reviews were written, hidden ones included.
    pub reviews: usize,
    /// Accounts to begin with: what they are, and their addresses.
    pub accounts: Vec<(&'static str, &'static str)>,
    /// The password of every account.
    pub password: &'static str,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = |counts: &mut dyn Iterator<Item = usize>| counts.sum::<usize>();
        let listings = total(&mut self.listings.iter().map(|(_, count)| *count));
        let bookings = total(&mut self.bookings.iter().map(|(_, count)| *count));
        writeln!(f, "The demonstration marketplace is ready.")?;
        writeln!(f)?;
        writeln!(f, "  {:<10} {:>4} hosts and {} guests", "people", self.hosts, self.guests)?;
        let split: Vec<String> =
            self.listings.iter().map(|(status, count)| format!("{count} {}", status_word(*status))).collect();
        writeln!(f, "  {:<10} {listings:>4} in {} cities: {}", "listings", self.cities, split.join(", "))?;
        writeln!(f, "  {:<10} {bookings:>4}", "bookings")?;
        for (state, count) in &self.bookings {
            writeln!(f, "  {:<10} {count:>8} {}", "", state.word().to_lowercase().replace('_', " "))?;
        }
        writeln!(f, "  {:<10} {:>4} with {} refunds", "payments", self.payments, self.refunds)?;
        writeln!(f, "  {:<10} {:>4}", "reviews", self.reviews)?;
        writeln!(f)?;
        writeln!(f, "  Sign in with the password {} as", self.password)?;
        for (role, email) in &self.accounts {
            writeln!(f, "  {role:>10}  {email}")?;
        }
        Ok(())
    }
}

fn status_word(status: ListingStatus) -> &'static str {
    match status {
        ListingStatus::Draft => "drafts",
        ListingStatus::InReview => "in review",
        ListingStatus::Published => "published",
        ListingStatus::Unlisted => "unlisted",
        ListingStatus::Suspended => "suspended",
        ListingStatus::Deleted => "deleted",
    }
}
