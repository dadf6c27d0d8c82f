//! Listings: places with their prices, rules, calendars and ratings, and the search for them.
//!
//! **Invariant:** a night of a listing has at most one claim. `claim` has one row for each claimed night, and its
//! primary key is the guard against double booking. Search, stay checks, quotes and bookings all decide by
//! [`availability::stay_check::check_stay`] whether a stay can be booked, and every price comes from
//! [`pricing::price`].
//!
//! **Invariant:** imports go one way: `import`, `search`, `listing` and `availability` use `nights`, which uses `read`,
//! `row_values`, `stay_rules`, `pricing` and the tables.

mod audit;
pub mod availability;
pub mod cancellation_policy;
pub mod enums;
pub mod import;
pub mod limits;
pub mod listing;
mod nights;
pub mod pricing;
mod read;
mod row_values;
mod search;
mod search_text;
pub mod stay_rules;
mod table;

pub use audit::audit;
pub use availability::alternatives::alternatives;
pub use availability::evaluate::{StayEvaluation, evaluate_for_alteration, evaluate_for_booking, evaluate_stays};
pub use availability::request::StayRequest;
pub use listing::location::{distance_m, public_point};
pub use listing::pricing_change::PricingChange;
pub use listing::rating::{Aspect, RatingSummary, STAR, add_rating, ratings};
pub use listing::seasons_and_taxes::set_seasons_and_taxes;
pub use listing::status::{delete, publish, unlist};
pub use listing::update::{create, update};
pub use listing::validation::{AddressChange, ListingChange, StayRulesChange};
pub use nights::calendar::{CalendarDay, calendar};
pub use nights::calendar_update::{CalendarChange, changed_days, update_calendar};
pub use nights::claims::{
    are_nights_free, claim_extra_nights, claim_for_booking, confirm_claims, extend_claims, lock_calendar,
    nights_unavailable, release_claims, release_extra_nights, swap_nights,
};
pub use nights::subscription::{days_in_event, subscribe_to_calendar};
pub use read::{
    amenities_of, any_listing, by_host, by_host_count, by_hosts, by_ids, counts_by_host, find_own, find_visible,
    may_see,
};
pub use row_values::{fees, house_rules, price_rules, stay_rules, zone};
pub use search::{Facets, Match, Matches, SearchSort, SearchWhere, search};
pub use table::listing::Model as Listing;
