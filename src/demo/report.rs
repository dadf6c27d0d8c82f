//! The summary that `roost serve --demo` prints.

use std::fmt;

use crate::domain::bookings::state::BookingState;
use crate::domain::listings::enums::ListingStatus;

/// What the demonstration contains, and how to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many cities.
    pub cities: usize,
    /// How many hosts.
    pub hosts: usize,
    /// How many guests.
    pub guests: usize,
    /// How many listings have each status.
    pub listings: Vec<(ListingStatus, usize)>,
    /// How many bookings are in each state.
    pub bookings: Vec<(BookingState, usize)>,
    /// How many payments.
    pub payments: usize,
    /// How many refunds.
    pub refunds: usize,
    /// How many reviews, unpublished ones included.
    pub reviews: usize,
    /// The named accounts: role and e-mail address.
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
        let parts: Vec<String> =
            self.listings.iter().map(|(status, count)| format!("{count} {}", status_label(*status))).collect();
        writeln!(f, "  {:<10} {listings:>4} in {} cities: {}", "listings", self.cities, parts.join(", "))?;
        writeln!(f, "  {:<10} {bookings:>4}", "bookings")?;
        for (state, count) in &self.bookings {
            writeln!(f, "  {:<10} {count:>8} {}", "", state.as_str().to_lowercase().replace('_', " "))?;
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

fn status_label(status: ListingStatus) -> &'static str {
    match status {
        ListingStatus::Draft => "drafts",
        ListingStatus::InReview => "in review",
        ListingStatus::Published => "published",
        ListingStatus::Unlisted => "unlisted",
        ListingStatus::Suspended => "suspended",
        ListingStatus::Deleted => "deleted",
    }
}
