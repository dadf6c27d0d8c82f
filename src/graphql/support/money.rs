//! Amounts of money.

use async_graphql::{Description, InputObject, Object};

use super::scalars::{CurrencyCode, MinorUnits};
use crate::domain::error::{Error, Refusals};
use crate::kernel::money::{self, Currency};

/// An amount in one currency.
#[derive(Clone, Copy, Description)]
pub struct Money(pub money::Money);

#[Object(use_type_description)]
impl Money {
    /// Amount in minor units of the currency: cents for USD, yen for JPY.
    async fn amount(&self) -> MinorUnits {
        MinorUnits(self.0.minor)
    }

    /// Currency of the amount.
    async fn currency(&self) -> CurrencyCode {
        self.0.currency.into()
    }

    /// The exact amount as a decimal string, such as `724.61`. Without a decimal point for currencies without minor
    /// units, such as JPY.
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

/// An amount in one currency.
#[derive(InputObject)]
pub struct MoneyInput {
    /// Amount in minor units of the currency: cents for USD, yen for JPY.
    amount: MinorUnits,
    /// Currency of the amount.
    currency: CurrencyCode,
}

impl MoneyInput {
    /// The amount. An unknown currency is added to the refusals, which name the argument at `field`.
    pub fn read(&self, refusals: &mut Refusals, field: &[&str]) -> Option<money::Money> {
        let path: Vec<&str> = field.iter().copied().chain(["currency"]).collect();
        self.currency.read(refusals, &path).map(|currency| money::Money::new(self.amount.0, currency))
    }

    /// The amount. An unknown currency is refused; the refusal names the argument at `field`.
    pub fn to_money(&self, field: &[&str]) -> Result<money::Money, Error> {
        let path: Vec<&str> = field.iter().copied().chain(["currency"]).collect();
        Ok(money::Money::new(self.amount.0, self.currency.to_currency(&path)?))
    }
}

/// Parses a currency code from the database. An unknown code is an internal error.
pub fn stored_currency(code: &str) -> Result<Currency, Error> {
    code.parse().map_err(Error::failed)
}
