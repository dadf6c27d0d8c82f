//! Search: filters in SQL, stays and prices by the same functions as booking, and keyset pages in either direction.
//!
//! The database filters the listings by everything that SQL can express. What depends on the calendar or on a price is
//! then evaluated here, by the functions that checkout uses, over exactly the rows that are left. The total count is
//! therefore the number of listings that can be booked, not an estimate.

mod evaluate;
mod facets;
mod filter;
mod hit;
mod results;

pub use facets::Facets;
pub use filter::{SearchSort, SearchWhere};
pub use results::{Match, Matches, search};
