//! Reading the marketplaces of others: translates their files and hands whole rows to the domain.

pub mod findings;
pub mod inside_airbnb;
