//! Reads the fields of inputs that change something: an absent field keeps the value, null removes it.

use async_graphql::MaybeUndefined;
use chrono_tz::Tz;

use super::money::MoneyInput;
use super::scalars::{CurrencyCode, TimeZone};
use crate::domain::error::{Code, Refusals};
use crate::kernel::change::Change;
use crate::kernel::money::{Currency, Money};

/// The fields of an input, with the refusals of those that cannot be read. All are collected, so that the caller can
/// correct them together with the values that the domain refuses.
pub struct UpdateFields<'a> {
    refusals: &'a mut Refusals,
    path: &'a [&'a str],
}

impl<'a> UpdateFields<'a> {
    /// Reads the fields of the input at `path` in the arguments.
    pub fn new(refusals: &'a mut Refusals, path: &'a [&'a str]) -> Self {
        UpdateFields { refusals, path }
    }

    fn path_of(&self, name: &'a str) -> Vec<&'a str> {
        self.path.iter().copied().chain([name]).collect()
    }

    /// A value that cannot be removed. `None` keeps it; null is refused.
    pub fn required<T>(&mut self, name: &'a str, field: MaybeUndefined<T>) -> Option<T> {
        if field.is_null() {
            self.refusals.add(Code::Required, &self.path_of(name), "cannot be removed; leave it out to keep its value");
        }
        field.take()
    }

    /// A time zone that cannot be removed.
    pub fn zone(&mut self, name: &'a str, field: MaybeUndefined<TimeZone>) -> Option<Tz> {
        let zone = self.required(name, field)?;
        zone.to_zone(self.refusals, &self.path_of(name))
    }

    /// A currency that cannot be removed.
    pub fn currency(&mut self, name: &'a str, field: MaybeUndefined<CurrencyCode>) -> Option<Currency> {
        let currency = self.required(name, field)?;
        currency.read(self.refusals, &self.path_of(name))
    }

    /// An amount that can be removed.
    pub fn money(&mut self, name: &'a str, field: MaybeUndefined<MoneyInput>) -> Change<Money> {
        match to_change(field) {
            Change::Set(amount) => amount.read(self.refusals, &self.path_of(name)).into(),
            Change::Clear => Change::Clear,
            Change::Keep => Change::Keep,
        }
    }

    /// An amount that cannot be removed.
    pub fn required_money(&mut self, name: &'a str, field: MaybeUndefined<MoneyInput>) -> Option<Money> {
        let amount = self.required(name, field)?;
        amount.read(self.refusals, &self.path_of(name))
    }
}

/// A value that can be removed.
pub fn to_change<T>(field: MaybeUndefined<T>) -> Change<T> {
    match field {
        MaybeUndefined::Undefined => Change::Keep,
        MaybeUndefined::Null => Change::Clear,
        MaybeUndefined::Value(value) => Change::Set(value),
    }
}
