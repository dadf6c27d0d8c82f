//! The JSON of a price: short, because it travels in a signed token, and checked when it is read back.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    AppliedDiscount, FeeModel, MAX_NIGHTS, NightPrice, Price, PriceError, PriceSource, TaxBase, TaxLine, TaxRemitter,
    TaxRule, TaxUnit, in_range,
};
use crate::kernel::guests::Guests;
use crate::kernel::money::Currency;
use crate::kernel::stay::Stay;

/// What is written; a field that is missing is zero or nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Wire {
    /// The currency.
    c: Currency,
    /// Fee model: guest ppm, host ppm.
    m: (i64, i64),
    /// Adults, children, infants, pets.
    g: (i32, i32, i32, i32),
    /// The first night.
    d: NaiveDate,
    /// Runs of equal nights.
    n: Vec<Run>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    q: Option<AppliedDiscount>,
    /// The non-refundable option, ppm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<i64>,
    /// Extra guests: heads, and the fee of each for each night.
    x: (i32, i64),
    /// Cleaning.
    k: i64,
    /// Pets: the fee of one, and of all.
    p: (i64, i64),
    /// Service fees: the guest's, the host's.
    f: (i64, i64),
    /// Taxes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    t: Vec<Tax>,
}

/// So many nights in a row: listed price, price, source.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Run(i64, i64, i64, Letter);

/// A price source in one letter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Letter {
    B,
    W,
    S,
    O,
}

/// A tax rule field by field, and what it takes.
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

impl From<Price> for Wire {
    fn from(price: Price) -> Wire {
        let mut runs: Vec<Run> = Vec::new();
        for night in &price.nights {
            let letter = Letter::from(night.source);
            match runs.last_mut() {
                Some(run) if (run.1, run.2, run.3) == (night.listed, night.price, letter) => run.0 += 1,
                _ => runs.push(Run(1, night.listed, night.price, letter)),
            }
        }
        let Guests { adults, children, infants, pets } = price.guests;
        Wire {
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

impl TryFrom<Wire> for Price {
    type Error = PriceError;

    fn try_from(wire: Wire) -> Result<Price, PriceError> {
        let (adults, children, infants, pets) = wire.g;
        let amounts = [wire.x.1, wire.k, wire.p.0, wire.p.1, wire.f.0, wire.f.1, i64::from(wire.x.0)];
        let amounts = amounts.into_iter().chain(wire.n.iter().flat_map(|run| [run.1, run.2]));
        for minor in amounts.chain(wire.t.iter().map(|tax| tax.9)) {
            in_range(minor.into())?;
        }
        let mut price = Price {
            currency: wire.c,
            fees: FeeModel { guest_ppm: wire.m.0, host_ppm: wire.m.1 },
            guests: Guests { adults, children, infants, pets },
            nights: nights(wire.d, &wire.n)?,
            discount: wire.q,
            non_refundable: wire.r,
            extra_guests: wire.x.0,
            extra_guest_fee: wire.x.1,
            cleaning: wire.k,
            pet_fee: wire.p.0,
            pets: wire.p.1,
            taxes: wire.t.into_iter().map(TaxLine::from).collect(),
            subtotal: 0,
            guest_fee: wire.f.0,
            host_fee: wire.f.1,
            total: 0,
            payout: 0,
        };
        if !price.fees.is_sane() || [adults, children, infants, pets].iter().any(|&count| count < 0) {
            return Err(PriceError::Inconsistent);
        }
        if i128::from(price.pets) != i128::from(price.pet_fee) * i128::from(pets) {
            return Err(PriceError::Inconsistent);
        }
        price.subtotal = price.sum_subtotal()?;
        price.sum_up()?;
        Ok(price)
    }
}

fn nights(first: NaiveDate, runs: &[Run]) -> Result<Vec<NightPrice>, PriceError> {
    let count = runs.iter().fold(0_i64, |sum, run| sum.saturating_add(run.0));
    if !(1..=MAX_NIGHTS).contains(&count) || runs.iter().any(|run| run.0 < 1 || run.2 > run.1) {
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

impl From<PriceSource> for Letter {
    fn from(source: PriceSource) -> Letter {
        match source {
            PriceSource::Base => Letter::B,
            PriceSource::Weekend => Letter::W,
            PriceSource::Season => Letter::S,
            PriceSource::Override => Letter::O,
        }
    }
}

impl From<Letter> for PriceSource {
    fn from(letter: Letter) -> PriceSource {
        match letter {
            Letter::B => PriceSource::Base,
            Letter::W => PriceSource::Weekend,
            Letter::S => PriceSource::Season,
            Letter::O => PriceSource::Override,
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
