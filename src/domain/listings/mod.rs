//! Listings: places, their prices, rules and calendars, and finding them.
//!
//! **Invariant:** a night of a listing is claimed by at most one thing: `claim` has one row a night and its primary key
//! is the one guard against double booking. Everyone who asks whether a stay can be booked (search, `stay`, quote,
//! booking) asks [`stay_check::check`], and every price comes from [`pricing::price`].

mod audit;
pub mod availability;
pub mod enums;
pub mod import;
pub mod listing;
mod nights;
pub mod pricing;
mod search;
mod table;

pub use audit::audit;
pub use availability::evaluate::{StayAnswer, StayRequest, alternatives, facts_for_booking, other_stay, stays};
pub use listing::location::public_point;
pub use listing::rating::{Aspect, RatingSummary, STAR, add_rating, ratings};
pub use listing::read::{amenities_of, by_host, by_host_count, by_hosts, by_ids, cached, find_own, may_see, visible};
pub use listing::row_values::{fees, house_rules, price_rules, stay_rules, zone};
pub use listing::seasons_and_taxes::{any_listing, set_terms};
pub use listing::status::{delete, publish, unlist};
pub use listing::update::{create, update};
pub use listing::validation::{AddressChange, ListingChange, PricingChange, RulesChange};
pub use nights::calendar::{CalendarChange, CalendarDay, LONGEST_RANGE, calendar, changed_days, update_calendar};
pub use nights::claims::{
    are_free, claim_for_booking, claim_more, confirm_claims, extend_claims, lock_calendar, move_claims,
    nights_unavailable, release_claims, release_more,
};
pub use nights::subscription::{days_told, watch};
pub use search::{Facets, Match, Matches, SearchSort, SearchWhere, search};
pub use table::listing::Model as Listing;
