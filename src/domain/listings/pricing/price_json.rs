//! The JSON of a price. It is short, because it travels in a signed token: equal nights are one entry, and sums are
//! left out. Reading it calculates the sums and checks the amounts.

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use super::amounts::{PriceError, in_range};
use super::price::{AppliedDiscount, NightPrice, Price, TaxLine};
use super::price_rules::{FeeModel, PriceSource, TaxBase, TaxRemitter, TaxRule, TaxUnit};
use crate::domain::listings::limits::MAX_NIGHTS;
use crate::kernel::guests::Guests;
use crate::kernel::money::Currency;
use crate::kernel::stay::Stay;

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PriceJson::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Price, D::Error> {
        Price::try_from(PriceJson::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// The fields of the JSON. A missing field means that there is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct PriceJson {
    /// Currency.
    c: Currency,
    /// Platform fees: the guest's and the host's, in ppm.
    m: (i64, i64),
    /// Adults, children, infants and pets.
    g: (i32, i32, i32, i32),
    /// First night.
    d: NaiveDate,
    /// Runs of equal nights.
    n: Vec<Run>,
    /// Discount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    q: Option<AppliedDiscount>,
    /// Discount of the non-refundable option, in ppm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<i64>,
    /// Extra guests: their number, and the fee for each of them and each night.
    x: (i32, i64),
    /// Cleaning fee.
    k: i64,
    /// Pet fee: for one pet, and for all.
    p: (i64, i64),
    /// Service fees: the guest's and the host's.
    f: (i64, i64),
    /// Taxes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    t: Vec<Tax>,
}

/// A run of equal nights: number of nights, listed price, price, source.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Run(i64, i64, i64, SourceCode);

/// A price source as one character.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SourceCode {
    B,
    W,
    S,
    O,
}

/// The fields of a tax rule, then the amount of the tax.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tax(
    Uuid,
    String,
    TaxUnit,
    Option<i64>,
    Option<i64>,
    Option<TaxBase>,
    Option<i32>,
    Option<i32>,
    TaxRemitter,
    i64,
);

impl From<Price> for PriceJson {
    fn from(price: Price) -> PriceJson {
        let mut runs: Vec<Run> = Vec::new();
        for night in &price.nights {
            let source = SourceCode::from(night.source);
            match runs.last_mut() {
                Some(run) if (run.1, run.2, run.3) == (night.listed, night.price, source) => run.0 += 1,
                _ => runs.push(Run(1, night.listed, night.price, source)),
            }
        }
        let Guests { adults, children, infants, pets } = price.guests;
        PriceJson {
            c: price.currency,
            m: (price.fees.guest_ppm, price.fees.host_ppm),
            g: (adults, children, infants, pets),
            d: price.nights.first().map_or(NaiveDate::MIN, |night| night.date),
            n: runs,
            q: price.discount,
            r: price.non_refundable,
            x: (price.extra_guests, price.extra_guest_fee),
            k: price.cleaning,
            p: (price.pet_fee, price.pets),
            f: (price.guest_fee, price.host_fee),
            t: price.taxes.into_iter().map(Tax::from).collect(),
        }
    }
}

impl TryFrom<PriceJson> for Price {
    type Error = PriceError;

    fn try_from(json: PriceJson) -> Result<Price, PriceError> {
        let (adults, children, infants, pets) = json.g;
        let amounts = [json.x.1, json.k, json.p.0, json.p.1, json.f.0, json.f.1, i64::from(json.x.0)];
        let amounts = amounts.into_iter().chain(json.n.iter().flat_map(|run| [run.1, run.2]));
        for minor in amounts.chain(json.t.iter().map(|tax| tax.9)) {
            in_range(minor.into())?;
        }
        let mut price = Price {
            currency: json.c,
            fees: FeeModel { guest_ppm: json.m.0, host_ppm: json.m.1 },
            guests: Guests { adults, children, infants, pets },
            nights: nights_from(json.d, &json.n)?,
            discount: json.q,
            non_refundable: json.r,
            extra_guests: json.x.0,
            extra_guest_fee: json.x.1,
            cleaning: json.k,
            pet_fee: json.p.0,
            pets: json.p.1,
            taxes: json.t.into_iter().map(TaxLine::from).collect(),
            subtotal: 0,
            guest_fee: json.f.0,
            host_fee: json.f.1,
            total: 0,
            payout: 0,
        };
        if !price.fees.is_valid() || [adults, children, infants, pets].iter().any(|&count| count < 0) {
            return Err(PriceError::Inconsistent);
        }
        if i128::from(price.pets) != i128::from(price.pet_fee) * i128::from(pets) {
            return Err(PriceError::Inconsistent);
        }
        price.subtotal = price.checked_subtotal()?;
        price.set_total_and_payout()?;
        Ok(price)
    }
}

fn nights_from(first: NaiveDate, runs: &[Run]) -> Result<Vec<NightPrice>, PriceError> {
    let count = runs.iter().fold(0_i64, |sum, run| sum.saturating_add(run.0));
    if !(1..=i64::from(MAX_NIGHTS)).contains(&count) || runs.iter().any(|run| run.0 < 1 || run.2 > run.1) {
        return Err(PriceError::Inconsistent);
    }
    let days = u32::try_from(count - 1).map_err(|_| PriceError::Inconsistent)?;
    let second = first.succ_opt().ok_or(PriceError::Inconsistent)?;
    let stay = Stay::new(first, second).ok_or(PriceError::Inconsistent)?.extended(days);
    let each = runs.iter().flat_map(|run| (0..run.0).map(move |_| run));
    let night = |(date, run): (NaiveDate, &Run)| NightPrice {
        date,
        listed: run.1,
        price: run.2,
        source: PriceSource::from(run.3),
    };
    let nights: Vec<_> = stay.dates().zip(each).map(night).collect();
    if nights.len() == usize::try_from(count).unwrap_or(0) { Ok(nights) } else { Err(PriceError::Inconsistent) }
}

impl From<PriceSource> for SourceCode {
    fn from(source: PriceSource) -> SourceCode {
        match source {
            PriceSource::Base => SourceCode::B,
            PriceSource::Weekend => SourceCode::W,
            PriceSource::Season => SourceCode::S,
            PriceSource::Override => SourceCode::O,
        }
    }
}

impl From<SourceCode> for PriceSource {
    fn from(code: SourceCode) -> PriceSource {
        match code {
            SourceCode::B => PriceSource::Base,
            SourceCode::W => PriceSource::Weekend,
            SourceCode::S => PriceSource::Season,
            SourceCode::O => PriceSource::Override,
        }
    }
}

impl From<TaxLine> for Tax {
    fn from(line: TaxLine) -> Tax {
        let TaxRule { id, name, unit, rate, amount, base, max_nights, exempt_from_nights, remitted_by } = line.rule;
        Tax(id, name, unit, rate, amount, base, max_nights, exempt_from_nights, remitted_by, line.amount)
    }
}

impl From<Tax> for TaxLine {
    fn from(tax: Tax) -> TaxLine {
        let Tax(id, name, unit, rate, amount, base, max_nights, exempt_from_nights, remitted_by, total) = tax;
        let rule = TaxRule { id, name, unit, rate, amount, base, max_nights, exempt_from_nights, remitted_by };
        TaxLine { rule, amount: total }
    }
}
