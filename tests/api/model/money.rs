//! What a stay costs and what a cancellation leaves, worked out anew from the rules of the two listings.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use roost::kernel::local_time::instant;
use roost::kernel::money::{allocate, pct};

/// Where both listings are.
pub const ZONE: chrono_tz::Tz = chrono_tz::America::New_York;
const HOST_FEE_PPM: i64 = 155_000;
const TAX_PPM: i64 = 88_750;
const TAX_A_NIGHT: i64 = 150;
const TAXED_NIGHTS: usize = 14;
const LONG_STAY: usize = 28;

/// To whom money belongs.
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

    /// The guest is given `minor` back: by the host, then out of the fees, then out of the taxes.
    pub fn less(self, minor: i64) -> Shares {
        let (mut left, mut shares) = (minor, self);
        for share in [&mut shares.host, &mut shares.platform, &mut shares.tax] {
            let part = left.min(*share).max(0);
            *share -= part;
            left -= part;
        }
        shares
    }

    /// Nobody has less than nothing: the others stand in, in the order above.
    pub fn settled(self) -> Shares {
        let floor = Shares { host: self.host.max(0), platform: self.platform.max(0), tax: self.tax.max(0) };
        floor.less(floor.sum() - self.sum())
    }
}

/// Which policy a listing has for stays of less than 28 nights; longer ones are LONG_TERM_FIRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Flexible,
    Strict,
    LongTermFirm,
}

impl Policy {
    pub fn of(listing: Policy, nights: usize) -> Policy {
        if nights >= LONG_STAY { Policy::LongTermFirm } else { listing }
    }
}

/// A stay and what it costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    pub check_in: NaiveDate,
    pub check_out: NaiveDate,
    pub adults: i64,
    pub policy: Policy,
}

fn time(hour: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, 0, 0).unwrap()
}

pub fn later(date: NaiveDate, days: i64) -> NaiveDate {
    date + TimeDelta::days(days)
}

/// Three in the afternoon at the listings.
pub fn arrival(date: NaiveDate) -> DateTime<Utc> {
    instant(date, time(15), ZONE)
}

/// What is kept of a stay: nights and cleaning, and each tax.
struct Kept {
    subtotal: i64,
    tax: i64,
}

impl Kept {
    fn shares(&self) -> Shares {
        let fee = pct(self.subtotal, HOST_FEE_PPM);
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
        instant(self.check_out, time(11), ZONE)
    }

    fn nights(&self) -> Vec<i64> {
        let extra = (self.adults - 2).max(0) * 1_500;
        let base = |date: NaiveDate| match date.weekday() {
            Weekday::Fri | Weekday::Sat => 15_000,
            _ => 12_000,
        };
        self.dates().map(|date| base(date) + extra).collect()
    }

    pub const CLEANING: i64 = 6_000;

    fn taxes(&self) -> [i64; 2] {
        let nights = self.nights();
        let subtotal = nights.iter().sum::<i64>() + Stay::CLEANING;
        [pct(subtotal, TAX_PPM), TAX_A_NIGHT * i64::try_from(nights.len().min(TAXED_NIGHTS)).unwrap()]
    }

    pub fn shares(&self) -> Shares {
        let subtotal = self.nights().iter().sum::<i64>() + Stay::CLEANING;
        Kept { subtotal, tax: self.taxes().iter().sum() }.shares()
    }

    pub fn total(&self) -> i64 {
        self.shares().sum()
    }

    /// How many nights had begun before `at`.
    pub fn stayed(&self, at: DateTime<Utc>) -> usize {
        self.dates().filter(|date| arrival(*date) < at).count()
    }

    fn days_before(&self, days: u64) -> DateTime<Utc> {
        arrival(self.check_in - Days::new(days))
    }

    /// The first `whole` nights are kept, or half of all of them.
    fn kept(&self, whole: usize, half: bool, stayed: usize) -> Kept {
        let nights = self.nights();
        let all: i64 = nights.iter().sum();
        let kept = if half { all / 2 } else { nights.iter().take(whole).sum() };
        let cleaning = if kept == all { Stay::CLEANING } else { Stay::CLEANING * kept / all };
        let [percent, _] = self.taxes();
        let by_night = TAX_A_NIGHT * i64::try_from(stayed.min(TAXED_NIGHTS)).unwrap();
        let subtotal = kept + cleaning;
        Kept { subtotal, tax: pct(subtotal, TAX_PPM).min(percent) + by_night }
    }

    /// Who keeps what when the guest cancels.
    pub fn guest_cancels(&self, confirmed: DateTime<Utc>, at: DateTime<Utc>) -> Shares {
        let (all, stayed) = (self.nights().len(), self.stayed(at));
        let grace = all < LONG_STAY && confirmed <= self.days_before(7) && at <= confirmed + TimeDelta::hours(24);
        let in_time = match self.policy {
            Policy::Flexible => at <= self.days_before(1),
            Policy::LongTermFirm => at <= self.days_before(30),
            Policy::Strict => false,
        };
        if grace || in_time {
            return Shares::default();
        }
        let kept = match self.policy {
            Policy::Flexible => self.kept((stayed + 1).min(all), false, stayed),
            Policy::LongTermFirm => self.kept((stayed + 30).min(all), false, stayed),
            Policy::Strict => self.kept(all, at <= self.days_before(7), stayed),
        };
        kept.shares()
    }

    /// Who keeps what when the host cancels, and what the host owes for it.
    pub fn host_cancels(&self, at: DateTime<Utc>) -> (Shares, i64) {
        let stayed = self.stayed(at);
        let kept = if stayed == 0 { Kept { subtotal: 0, tax: 0 } } else { self.kept(stayed, false, stayed) };
        let lost = self.nights().iter().sum::<i64>() + Stay::CLEANING - kept.subtotal;
        let ppm = match at {
            at if at < self.days_before(30) => 100_000,
            at if at < self.days_before(2) => 250_000,
            _ => 500_000,
        };
        (kept.shares(), pct(lost, ppm).max(5_000))
    }

    /// Who keeps what when the marketplace gives `refund` back, taken from everything alike.
    pub fn staff_cancels(&self, refund: i64) -> Shares {
        let mut weights = self.nights();
        weights.push(Stay::CLEANING);
        weights.extend(self.taxes());
        let parts = allocate(self.total() - refund, &weights);
        let (subtotal, taxes) = parts.split_at(parts.len() - 2);
        Kept { subtotal: subtotal.iter().sum(), tax: taxes.iter().sum() }.shares()
    }
}
