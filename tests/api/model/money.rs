//! The price of a stay and the shares after a cancellation, computed independently from the rules of the two listings.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use roost::kernel::local_time::instant;
use roost::kernel::money::{allocate, apply_rate};

/// The time zone of both listings.
pub const ZONE: chrono_tz::Tz = chrono_tz::America::New_York;
const HOST_FEE_PPM: i64 = 155_000;
const TAX_PPM: i64 = 88_750;
const TAX_PER_NIGHT: i64 = 150;
const TAXED_NIGHTS: usize = 14;
const LONG_STAY: usize = 28;

/// How the money of a booking is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    pub host: i64,
    pub platform: i64,
    pub tax: i64,
}

impl Shares {
    pub fn sum(self) -> i64 {
        self.host + self.platform + self.tax
    }

    pub fn plus(self, other: Shares) -> Shares {
        Shares { host: self.host + other.host, platform: self.platform + other.platform, tax: self.tax + other.tax }
    }

    pub fn minus(self, other: Shares) -> Shares {
        Shares { host: self.host - other.host, platform: self.platform - other.platform, tax: self.tax - other.tax }
    }

    /// The shares after a refund of `minor`, taken from the host first, then from the fees, then from the taxes.
    pub fn after_refund(self, minor: i64) -> Shares {
        let (mut left, mut shares) = (minor, self);
        for share in [&mut shares.host, &mut shares.platform, &mut shares.tax] {
            let part = left.min(*share).max(0);
            *share -= part;
            left -= part;
        }
        shares
    }

    /// Raises negative shares to zero and deducts the difference from the others, in the order above.
    pub fn without_negatives(self) -> Shares {
        let floor = Shares { host: self.host.max(0), platform: self.platform.max(0), tax: self.tax.max(0) };
        floor.after_refund(floor.sum() - self.sum())
    }
}

/// The policy of a listing for stays of less than 28 nights. Longer stays have LONG_TERM_FIRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Flexible,
    Strict,
    LongTermFirm,
}

impl Policy {
    pub fn for_nights(listing: Policy, nights: usize) -> Policy {
        if nights >= LONG_STAY { Policy::LongTermFirm } else { listing }
    }
}

/// A stay and the policy it was booked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    pub check_in: NaiveDate,
    pub check_out: NaiveDate,
    pub adults: i64,
    pub policy: Policy,
}

fn full_hour(hour: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, 0, 0).unwrap()
}

pub fn later(date: NaiveDate, days: i64) -> NaiveDate {
    date + TimeDelta::days(days)
}

/// The check-in time, 15:00 at the listings.
pub fn arrival(date: NaiveDate) -> DateTime<Utc> {
    instant(date, full_hour(15), ZONE)
}

/// The part of the price that is not refunded.
struct Retained {
    /// Nights and cleaning.
    subtotal: i64,
    tax: i64,
}

impl Retained {
    fn shares(&self) -> Shares {
        let fee = apply_rate(self.subtotal, HOST_FEE_PPM);
        Shares { host: self.subtotal - fee, platform: fee, tax: self.tax }
    }
}

impl Stay {
    pub fn dates(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let end = self.check_out;
        self.check_in.iter_days().take_while(move |date| *date < end)
    }

    pub fn check_in_at(&self) -> DateTime<Utc> {
        arrival(self.check_in)
    }

    pub fn check_out_at(&self) -> DateTime<Utc> {
        instant(self.check_out, full_hour(11), ZONE)
    }

    fn night_prices(&self) -> Vec<i64> {
        let extra = (self.adults - 2).max(0) * 1_500;
        let base = |date: NaiveDate| match date.weekday() {
            Weekday::Fri | Weekday::Sat => 15_000,
            _ => 12_000,
        };
        self.dates().map(|date| base(date) + extra).collect()
    }

    pub const CLEANING: i64 = 6_000;

    fn taxes(&self) -> [i64; 2] {
        let nights = self.night_prices();
        let subtotal = nights.iter().sum::<i64>() + Stay::CLEANING;
        [apply_rate(subtotal, TAX_PPM), TAX_PER_NIGHT * i64::try_from(nights.len().min(TAXED_NIGHTS)).unwrap()]
    }

    pub fn shares(&self) -> Shares {
        let subtotal = self.night_prices().iter().sum::<i64>() + Stay::CLEANING;
        Retained { subtotal, tax: self.taxes().iter().sum() }.shares()
    }

    pub fn total(&self) -> i64 {
        self.shares().sum()
    }

    /// The number of nights that had begun before `at`.
    pub fn nights_begun(&self, at: DateTime<Utc>) -> usize {
        self.dates().filter(|date| arrival(*date) < at).count()
    }

    fn days_before(&self, days: u64) -> DateTime<Utc> {
        arrival(self.check_in - Days::new(days))
    }

    /// Retains the first `whole` nights, or half of all nights.
    fn retained(&self, whole: usize, half: bool, nights_begun: usize) -> Retained {
        let nights = self.night_prices();
        let all: i64 = nights.iter().sum();
        let retained = if half { all / 2 } else { nights.iter().take(whole).sum() };
        let cleaning = if retained == all { Stay::CLEANING } else { Stay::CLEANING * retained / all };
        let [percent, _] = self.taxes();
        let by_night = TAX_PER_NIGHT * i64::try_from(nights_begun.min(TAXED_NIGHTS)).unwrap();
        let subtotal = retained + cleaning;
        Retained { subtotal, tax: apply_rate(subtotal, TAX_PPM).min(percent) + by_night }
    }

    /// The shares after a cancellation by the guest.
    pub fn guest_cancels(&self, confirmed: DateTime<Utc>, at: DateTime<Utc>) -> Shares {
        let (all, nights_begun) = (self.night_prices().len(), self.nights_begun(at));
        let grace = all < LONG_STAY && confirmed <= self.days_before(7) && at <= confirmed + TimeDelta::hours(24);
        let in_time = match self.policy {
            Policy::Flexible => at <= self.days_before(1),
            Policy::LongTermFirm => at <= self.days_before(30),
            Policy::Strict => false,
        };
        if grace || in_time {
            return Shares::default();
        }
        let retained = match self.policy {
            Policy::Flexible => self.retained((nights_begun + 1).min(all), false, nights_begun),
            Policy::LongTermFirm => self.retained((nights_begun + 30).min(all), false, nights_begun),
            Policy::Strict => self.retained(all, at <= self.days_before(7), nights_begun),
        };
        retained.shares()
    }

    /// The shares after a cancellation by the host, and the host's penalty.
    pub fn host_cancels(&self, at: DateTime<Utc>) -> (Shares, i64) {
        let nights_begun = self.nights_begun(at);
        let retained = if nights_begun == 0 {
            Retained { subtotal: 0, tax: 0 }
        } else {
            self.retained(nights_begun, false, nights_begun)
        };
        let lost = self.night_prices().iter().sum::<i64>() + Stay::CLEANING - retained.subtotal;
        let ppm = match at {
            at if at < self.days_before(30) => 100_000,
            at if at < self.days_before(2) => 250_000,
            _ => 500_000,
        };
        (retained.shares(), apply_rate(lost, ppm).max(5_000))
    }

    /// The shares after staff refund `refund`, deducted from all parts of the price in proportion.
    pub fn staff_cancels(&self, refund: i64) -> Shares {
        let mut weights = self.night_prices();
        weights.push(Stay::CLEANING);
        weights.extend(self.taxes());
        let parts = allocate(self.total() - refund, &weights);
        let (subtotal, taxes) = parts.split_at(parts.len() - 2);
        Retained { subtotal: subtotal.iter().sum(), tax: taxes.iter().sum() }.shares()
    }
}
