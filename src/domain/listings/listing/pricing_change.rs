//! The changes that a host can make to the prices of a listing.
//!
//! **Invariant:** an amount never changes its currency in place. Every amount that arrives has a currency, which must be
//! that of the listing, and the currency of a listing changes only together with all its amounts.

use chrono::Weekday;
use sea_orm::ActiveValue::Set;
use serde_json::json;

use crate::domain::error::{Code, Refusals};
use crate::domain::listings::enums::ListingStatus;
use crate::domain::listings::limits::{MAX_GUESTS, MAX_LENGTH_OF_STAY_DISCOUNTS, MAX_NIGHTS, MAX_PRICE_MINOR};
use crate::domain::listings::pricing::LengthOfStayDiscount;
use crate::domain::listings::table;
use crate::kernel::change::Change;
use crate::kernel::money::{Currency, Money, ONE_PPM};
use crate::kernel::stay::Weekdays;

/// The changes of a listing's prices. A value that is `None` stays as it is.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of a listing's prices; the API describes them")]
pub struct PricingChange {
    pub currency: Option<Currency>,
    pub base: Option<Money>,
    pub weekend: Change<Money>,
    pub weekend_nights: Option<Vec<Weekday>>,
    pub cleaning_fee: Change<Money>,
    pub pet_fee: Change<Money>,
    pub extra_guest_fee: Change<Money>,
    pub included_guests: Option<i32>,
    pub length_of_stay: Option<Vec<LengthOfStayDiscount>>,
    /// Parts per million.
    pub non_refundable_discount: Change<i64>,
}

/// One of the amounts of a listing's prices.
struct Amount {
    /// Name of the field.
    name: &'static str,
    change: Change<Money>,
    /// The smallest amount that can be set.
    least: i64,
    /// Whether the listing has the amount already.
    is_set: bool,
}

impl PricingChange {
    fn amounts(&self, row: &table::listing::ActiveModel) -> [Amount; 5] {
        let fee = |name, change, minor: &i64| Amount { name, change, least: 0, is_set: *minor > 0 };
        [
            Amount { name: "base", change: self.base.into(), least: 1, is_set: *row.base_minor.as_ref() > 0 },
            Amount { name: "weekend", change: self.weekend, least: 1, is_set: row.weekend_minor.as_ref().is_some() },
            fee("cleaningFee", self.cleaning_fee, row.cleaning_fee_minor.as_ref()),
            fee("petFee", self.pet_fee, row.pet_fee_minor.as_ref()),
            fee("extraGuestFee", self.extra_guest_fee, row.extra_guest_fee_minor.as_ref()),
        ]
    }
}

/// The path of a field of the prices.
fn at(name: &str) -> [&str; 3] {
    ["listing", "pricing", name]
}

/// Sets the columns of `row` to the new values, and adds a refusal for every value that is not valid.
pub(super) fn apply_pricing(change: &PricingChange, row: &mut table::listing::ActiveModel, refusals: &mut Refusals) {
    check_amounts(change, row, refusals);
    let minor = |amount: Change<Money>| amount.map(|amount| amount.minor).outcome();
    let fee = |amount| minor(amount).map(Option::unwrap_or_default);
    if let Some(currency) = change.currency {
        row.currency = Set(currency.code().to_owned());
    }
    if let Some(base) = change.base {
        row.base_minor = Set(base.minor);
    }
    if let Some(weekend) = minor(change.weekend) {
        row.weekend_minor = Set(weekend);
    }
    if let Some(nights) = &change.weekend_nights {
        row.weekend_nights = Set(nights.iter().copied().collect::<Weekdays>().bits());
    }
    if let Some(cleaning_fee) = fee(change.cleaning_fee) {
        row.cleaning_fee_minor = Set(cleaning_fee);
    }
    if let Some(pet_fee) = fee(change.pet_fee) {
        row.pet_fee_minor = Set(pet_fee);
    }
    if let Some(extra_guest_fee) = fee(change.extra_guest_fee) {
        row.extra_guest_fee_minor = Set(extra_guest_fee);
    }
    if let Some(included) = change.included_guests {
        refusals.range(&at("includedGuests"), included.into(), 1, MAX_GUESTS.into());
        row.included_guests = Set(included);
    }
    apply_discounts(change, row, refusals);
}

/// Checks the amounts, and that all of them are in the currency that the listing has after the change.
fn check_amounts(change: &PricingChange, row: &table::listing::ActiveModel, refusals: &mut Refusals) {
    let current = row.currency.as_ref().as_str();
    let currency = change.currency.map_or(current, |currency| currency.code());
    let is_another = currency != current;
    if is_another && *row.status.as_ref() != ListingStatus::Draft {
        refusals.add(Code::StateConflict, &at("currency"), "can change only while the listing is a draft");
    }
    for Amount { name, change, least, is_set } in change.amounts(row) {
        match change {
            Change::Set(amount) => {
                refusals.range(&["listing", "pricing", name, "amount"], amount.minor, least, MAX_PRICE_MINOR);
                let message = format!("must be in {currency}, the currency of the listing");
                let is_same = amount.currency.code() == currency;
                let field = ["listing", "pricing", name, "currency"];
                refusals.check(is_same, Code::CurrencyMismatch, &field, &message);
            }
            Change::Keep if is_another && is_set && !refusals.names(&at(name)) => {
                let message = format!("must be set in {currency} too, because the currency changes from {current}");
                refusals.add(Code::Required, &at(name), message);
            }
            Change::Keep | Change::Clear => {}
        }
    }
    if is_another && has_other_amounts(row) {
        let message = format!("cannot change while seasons or taxes have amounts in {current}");
        refusals.add(Code::StateConflict, &at("currency"), message);
    }
}

/// Whether seasons or taxes have amounts. They cannot be set together with the prices.
fn has_other_amounts(row: &table::listing::ActiveModel) -> bool {
    let items = |list: &serde_json::Value| list.as_array().cloned().unwrap_or_default();
    let is_some = |name: &'static str| move |item: &serde_json::Value| !item[name].is_null();
    items(row.seasons.as_ref()).iter().any(is_some("nightly"))
        || items(row.taxes.as_ref()).iter().any(is_some("amount"))
}

fn apply_discounts(change: &PricingChange, row: &mut table::listing::ActiveModel, refusals: &mut Refusals) {
    if let Change::Set(discount) = change.non_refundable_discount {
        refusals.range(&at("nonRefundableDiscount"), discount, 0, ONE_PPM - 1);
    }
    if let Some(discount) = change.non_refundable_discount.outcome() {
        row.non_refundable_discount_ppm = Set(discount.filter(|&discount| discount > 0));
    }
    if let Some(discounts) = &change.length_of_stay {
        let field = at("lengthOfStay");
        let message = format!("must have at most {MAX_LENGTH_OF_STAY_DISCOUNTS} discounts");
        refusals.check(discounts.len() <= MAX_LENGTH_OF_STAY_DISCOUNTS, Code::TooMany, &field, &message);
        for discount in discounts {
            refusals.range(&field, discount.min_nights.into(), 2, MAX_NIGHTS.into());
            refusals.range(&field, discount.discount, 0, ONE_PPM - 1);
        }
        row.length_of_stay = Set(json!(discounts));
    }
}
