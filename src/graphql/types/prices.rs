//! What a stay costs, line by line.

use async_graphql::{Enum, Object, SimpleObject};

use crate::domain::listings::pricing::{self, Price};
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::Date;
use crate::kernel::money::Currency;

/// Where the price of a night comes from.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "pricing::PriceSource")]
pub enum PriceSource {
    /// The listing's base price.
    Base,
    /// Its weekend price.
    Weekend,
    /// The season.
    Season,
    /// The price the host set for this date.
    Override,
}

/// What a line of a price is for.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "pricing::PriceLineKind")]
pub enum PriceLineKind {
    /// A night.
    Night,
    /// People beyond those the price covers.
    ExtraGuest,
    /// Cleaning.
    Cleaning,
    /// Pets.
    Pet,
    /// A discount; negative.
    Discount,
    /// The guest's service fee.
    GuestServiceFee,
    /// A tax.
    Tax,
    /// The host's service fee; negative, and no part of what the guest pays.
    HostServiceFee,
}

/// One line of a price.
#[derive(SimpleObject)]
pub struct PriceLine {
    /// What it is for.
    kind: PriceLineKind,
    /// What it is for, for people.
    label: String,
    /// The night; null for every kind but NIGHT.
    date: Option<Date>,
    /// How many.
    quantity: i32,
    /// For one.
    unit: Money,
    /// For all.
    total: Money,
    /// Where the price comes from; null for every kind but NIGHT.
    source: Option<PriceSource>,
}

impl PriceLine {
    pub(in crate::graphql) fn of(line: pricing::PriceLine, currency: Currency) -> PriceLine {
        PriceLine {
            kind: line.kind.into(),
            label: line.label,
            date: line.date.map(Date),
            quantity: line.quantity,
            unit: Money::new(line.unit, currency),
            total: Money::new(line.total, currency),
            source: line.source.map(Into::into),
        }
    }
}

/// What a stay costs, line by line. The lines add up to the total, the host's service fee aside.
pub struct PriceBreakdown {
    pub(in crate::graphql) price: Price,
    pub(in crate::graphql) for_host: bool,
}

impl PriceBreakdown {
    fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.price.currency)
    }
}

/// What a stay costs, line by line. The lines add up to the total, the host's service fee aside.
#[Object]
impl PriceBreakdown {
    /// The lines.
    async fn lines(&self) -> Vec<PriceLine> {
        let lines = self.price.lines().into_iter();
        lines
            .filter(|line| self.for_host || line.kind != pricing::PriceLineKind::HostServiceFee)
            .map(|line| PriceLine::of(line, self.price.currency))
            .collect()
    }

    /// Number of nights.
    async fn nights(&self) -> usize {
        self.price.nights.len()
    }

    /// The mean price of a night after discounts.
    async fn nightly_average(&self) -> Money {
        self.money(self.price.nightly_average())
    }

    /// Nights, extra guests, cleaning and pets, after discounts.
    async fn subtotal(&self) -> Money {
        self.money(self.price.subtotal)
    }

    /// What discounts take off.
    async fn discounts(&self) -> Money {
        self.money(self.price.discounts())
    }

    /// What the guest pays for the service.
    async fn guest_service_fee(&self) -> Money {
        self.money(self.price.guest_fee)
    }

    /// All taxes.
    async fn taxes(&self) -> Money {
        self.money(self.price.taxes())
    }

    /// What the guest pays.
    async fn total(&self) -> Money {
        self.money(self.price.total)
    }

    /// What the host pays for the service; null for everybody but the host and staff.
    async fn host_service_fee(&self) -> Option<Money> {
        self.for_host.then(|| self.money(self.price.host_fee))
    }

    /// What the host earns; null for everybody but the host and staff.
    async fn host_payout(&self) -> Option<Money> {
        self.for_host.then(|| self.money(self.price.payout))
    }
}
