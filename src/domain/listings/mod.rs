//! Listings: places, their prices, rules and calendars, and finding them.
//!
//! **Invariant:** a night of a listing is claimed by at most one thing: `claim` has one row a night and its primary key
//! is the one guard against double booking. Everyone who asks whether a stay can be booked (search, `stay`, quote,
//! booking) asks [`stay_check::check`], and every price comes from [`pricing::price`].

mod access;
pub mod amenities;
mod audit;
mod calendar;
mod change;
mod claims;
pub mod import;
pub mod kinds;
mod location;
pub mod policy;
pub mod pricing;
mod rating;
mod rules;
mod search;
mod status;
mod stay;
pub mod stay_check;
mod table;
mod terms;
mod update;
mod watch;

pub use access::{amenities_of, by_host, by_host_count, by_hosts, by_ids, cached, find_own, may_see, visible};
pub use audit::audit;
pub use calendar::{CalendarChange, CalendarDay, LONGEST_RANGE, calendar, changed_days, update_calendar};
pub use change::{AddressChange, ListingChange, PricingChange, RulesChange};
pub use claims::{
    are_free, claim_for_booking, claim_more, confirm_claims, extend_claims, lock_calendar, move_claims,
    nights_unavailable, release_claims, release_more,
};
pub use location::public_point;
pub use rating::{Aspect, RatingSummary, STAR, add_rating, ratings};
pub use rules::{fees, house_rules, price_rules, stay_rules, zone};
pub use search::{Facets, Match, Matches, SearchSort, SearchWhere, search};
pub use status::{delete, publish, unlist};
pub use stay::{StayAnswer, StayRequest, alternatives, facts_for_booking, other_stay, stays};
pub use table::listing::Model as Listing;
pub use terms::{any_listing, set_terms};
pub use update::{create, update};
pub use watch::{days_told, watch};
