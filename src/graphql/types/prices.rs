//! The price of a stay, line by line.

use async_graphql::{Description, Enum, Object, SimpleObject};

use crate::domain::listings::pricing::{self, Price};
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::Date;
use crate::kernel::money::Currency;

/// Which rule of the listing sets the price of a night.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "pricing::PriceSource")]
pub enum PriceSource {
    /// The base price of the listing.
    Base,
    /// The weekend price of the listing.
    Weekend,
    /// The price of a season.
    Season,
    /// The price that the host set for this date.
    Override,
}

/// What a line of a price is for.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "pricing::PriceLineKind")]
pub enum PriceLineKind {
    /// One night at its listed price.
    Night,
    /// Fee for guests beyond the included number, for all nights.
    ExtraGuest,
    /// Cleaning fee, once per stay.
    Cleaning,
    /// Pet fee, per pet and stay.
    Pet,
    /// A discount on the nights, as a negative amount.
    Discount,
    /// The marketplace's service fee for the guest.
    GuestServiceFee,
    /// One tax on the stay.
    Tax,
    /// The marketplace's service fee for the host, as a negative amount. It is not part of what the guest pays. Only
    /// the host and staff see it.
    HostServiceFee,
}

/// One line of a price.
#[derive(SimpleObject)]
pub struct PriceLine {
    /// What the line is for.
    kind: PriceLineKind,
    /// Text of the line for people, in English.
    label: String,
    /// Date on which the night begins. Null for every kind but NIGHT.
    date: Option<Date>,
    /// Number of units, such as nights, guests or pets.
    quantity: i32,
    /// Price of one unit.
    unit: Money,
    /// Price of all units. Negative for discounts and the host's service fee.
    total: Money,
    /// Which rule sets the price of the night. Null for every kind but NIGHT.
    source: Option<PriceSource>,
}

impl PriceLine {
    pub(in crate::graphql) fn new(line: pricing::PriceLine, currency: Currency) -> PriceLine {
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

/// Price of a stay, line by line. The lines add up to `total`, except the host's service fee. All amounts are in the
/// currency of the listing.
#[derive(Description)]
pub struct PriceBreakdown {
    pub(in crate::graphql) price: Price,
    pub(in crate::graphql) for_host: bool,
}

impl PriceBreakdown {
    fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.price.currency)
    }
}

#[Object(use_type_description)]
impl PriceBreakdown {
    /// The lines of the price. The host's service fee is included only for the host and staff.
    async fn lines(&self) -> Vec<PriceLine> {
        let lines = self.price.lines().into_iter();
        lines
            .filter(|line| self.for_host || line.kind != pricing::PriceLineKind::HostServiceFee)
            .map(|line| PriceLine::new(line, self.price.currency))
            .collect()
    }

    /// Number of nights of the stay.
    async fn nights(&self) -> usize {
        self.price.nights.len()
    }

    /// Average price of a night after discounts, without extra guests, rounded half up.
    async fn nightly_average(&self) -> Money {
        self.money(self.price.nightly_average())
    }

    /// Nights, extra guests, cleaning and pets, after discounts.
    async fn subtotal(&self) -> Money {
        self.money(self.price.subtotal)
    }

    /// Sum of all discounts, as a positive amount.
    async fn discounts(&self) -> Money {
        self.money(self.price.discounts())
    }

    /// The marketplace's service fee for the guest.
    async fn guest_service_fee(&self) -> Money {
        self.money(self.price.guest_fee)
    }

    /// Sum of all taxes.
    async fn taxes(&self) -> Money {
        self.money(self.price.taxes())
    }

    /// Total that the guest pays: `subtotal`, `guestServiceFee` and `taxes`.
    async fn total(&self) -> Money {
        self.money(self.price.total)
    }

    /// The marketplace's service fee for the host, as a positive amount. Null unless the viewer is the host or staff.
    async fn host_service_fee(&self) -> Option<Money> {
        self.for_host.then(|| self.money(self.price.host_fee))
    }

    /// Earnings of the host: `subtotal` minus `hostServiceFee`. Null unless the viewer is the host or staff.
    async fn host_payout(&self) -> Option<Money> {
        self.for_host.then(|| self.money(self.price.payout))
    }
}
