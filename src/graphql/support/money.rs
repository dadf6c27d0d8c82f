//! Amounts of money.

use async_graphql::{InputObject, Object};

use super::scalars::{CurrencyCode, MinorUnits};
use crate::domain::error::Error;
use crate::kernel::money::{self, Currency};

/// An amount of one currency.
#[derive(Clone, Copy)]
pub struct Money(pub money::Money);

/// An amount of one currency.
#[Object]
impl Money {
    /// Minor units: cents for USD, yen for JPY.
    async fn amount(&self) -> MinorUnits {
        MinorUnits(self.0.minor)
    }

    /// What the minor units are units of.
    async fn currency(&self) -> CurrencyCode {
        self.0.currency.into()
    }

    /// Exact decimal string, e.g. "724.61"; JPY has no point.
    async fn decimal(&self) -> String {
        self.0.decimal()
    }
}

impl Money {
    /// An amount in minor units.
    pub fn new(minor: i64, currency: Currency) -> Money {
        Money(money::Money::new(minor, currency))
    }
}

/// An amount of one currency.
#[derive(InputObject)]
pub struct MoneyInput {
    /// Minor units: cents for USD, yen for JPY.
    amount: MinorUnits,
    /// What the minor units are units of.
    currency: CurrencyCode,
}

impl MoneyInput {
    /// The amount, or a refusal that names the field.
    pub fn read(&self, field: &[&str]) -> Result<money::Money, Error> {
        let path: Vec<&str> = field.iter().copied().chain(["currency"]).collect();
        Ok(money::Money::new(self.amount.0, self.currency.read(&path)?))
    }
}
