//! Prices of stays: what the guest pays and what the host earns.
//!
//! **Invariant:** everything here is a pure function of the listing's rules and the request. A [`Price`] is complete:
//! it can be shown, signed, stored and refunded without its listing.

mod amounts;
mod calculate;
mod price;
mod price_json;
mod price_rules;
mod taxes;

#[cfg(test)]
pub(crate) mod tests;

pub use amounts::PriceError;
pub use calculate::{PriceRequest, price};
pub use price::{AppliedDiscount, DiscountKind, NightPrice, Price, PriceLine, PriceLineKind, TaxLine};
pub(crate) use price_rules::season_value;
pub use price_rules::{
    FeeModel, LengthOfStayDiscount, PriceRules, PriceSource, Season, TaxBase, TaxRemitter, TaxRule, TaxUnit,
    WindowDiscount, nightly_price,
};
pub(crate) use taxes::TaxableStay;
