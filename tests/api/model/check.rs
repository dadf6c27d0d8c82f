//! Whether what the service holds is what the model holds, and whether its payouts moved as payouts may.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::money::{arrival, later};
use super::rules::{Model, Payout};
use super::steps::GUESTS;
use super::world::{Seen, Sight};

/// How long a host's first money waits.
const NEW_HOST: TimeDelta = TimeDelta::days(30);
/// The longest wait of a try at paying out whose answer was lost, jitter and all.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(73);

fn same<T: PartialEq + std::fmt::Debug>(what: &str, seen: T, wanted: T) -> Result<(), String> {
    if seen == wanted { Ok(()) } else { Err(format!("{what}: the service says {seen:?}, the model {wanted:?}")) }
}

impl Model {
    /// Compares everything but the payouts, which move by themselves.
    pub fn compare(&self, sight: &Sight) -> Result<(), String> {
        same("refunds that were not sent", sight.unsent, 0)?;
        same("the number of bookings", sight.bookings.len(), self.bookings.len())?;
        for (index, (seen, booking)) in sight.bookings.iter().zip(&self.bookings).enumerate() {
            let of = |what: &str| format!("{what} of booking {index}");
            same(&of("the state"), seen.state.as_str(), booking.state)?;
            let stay = (booking.stay.check_in, booking.stay.check_out);
            same(&of("the stay"), (seen.check_in, seen.check_out), stay)?;
            same(&of("the total"), seen.total, booking.stay.total())?;
            same(&of("the charge"), seen.captured, booking.captured)?;
            let shares = [booking.shares.host, booking.shares.platform, booking.shares.tax];
            same(&of("the shares"), seen.shares, shares)?;
            same(&of("the refund"), seen.refunded, booking.captured - booking.shares.sum())?;
            same(&of("what was given"), seen.given, booking.given)?;
            let alteration = booking.alterations.last().map(|last| last.state);
            same(&of("the alteration"), seen.alteration.as_ref().map(|(_, state)| state.as_str()), alteration)?;
            if seen.version < booking.version || seen.version == 0 {
                return Err(format!(
                    "the version of booking {index} went from {} to {}",
                    booking.version, seen.version
                ));
            }
        }
        for (listing, seen) in sight.nights.iter().enumerate() {
            let mut wanted = BTreeMap::new();
            let claims = self.bookings.iter().filter(|booking| booking.listing == listing);
            for night in claims.flat_map(|booking| booking.claims.keys()).chain(&self.listings[listing].blocks) {
                if let Some(word) = self.taken(listing, *night, None) {
                    wanted.insert(*night, word.to_owned());
                }
            }
            same(&format!("the nights of listing {listing}"), seen, &wanted)?;
        }
        Ok(())
    }

    /// Takes in how the payouts have moved since the last look, or says what is wrong with it.
    pub fn absorb(&mut self, sight: &Sight) -> Result<(), String> {
        for (index, seen) in sight.bookings.iter().enumerate() {
            for (number, payout) in &seen.payouts {
                let before = self.bookings[index].payouts.get(number).filter(|before| before.id == payout.id).cloned();
                self.moved(index, before.as_ref(), payout).map_err(|wrong| {
                    format!("payout {number} of booking {index}: {wrong}; before {before:?}, now {payout:?}")
                })?;
            }
            self.sums(index, seen)?;
            let booking = &mut self.bookings[index];
            booking.payouts = seen.payouts.clone();
            booking.version = seen.version;
        }
        let balances: Vec<i64> = self.hosts.iter().map(|host| host.balance).collect();
        same("what the hosts are owed", &sight.balances, &balances)
    }

    fn sums(&self, index: usize, seen: &Seen) -> Result<(), String> {
        let booking = &self.bookings[index];
        let waiting = seen.payouts.values().filter(|payout| !payout.is_released && payout.state != "CANCELLED");
        let waiting: i64 = waiting.map(|payout| payout.amount).sum();
        same(&format!("what booking {index} earns its host"), waiting + booking.released, booking.shares.host)
    }

    fn moved(&mut self, index: usize, before: Option<&Payout>, payout: &Payout) -> Result<(), String> {
        let now = self.now;
        let booking = &self.bookings[index];
        let host = self.host_of(index) - GUESTS;
        let wrong = |what: &str| Err(what.to_owned());
        let was_released = before.is_some_and(|before| before.is_released);
        if was_released && !payout.is_released {
            return wrong("it was taken back");
        }
        if was_released && before.is_some_and(|before| before.amount != payout.amount) {
            return wrong("it changed after its release");
        }
        let first = self.hosts[host].first_confirmed.unwrap_or(now) + NEW_HOST;
        if !payout.is_released && payout.installments == 1 {
            let due = (arrival(booking.stay.check_in) + TimeDelta::hours(24)).max(first);
            let is_live = ["CONFIRMED", "CHECKED_IN"].contains(&booking.state);
            if is_live && payout.release_at != due {
                return Err(format!("it is due {due}"));
            }
        }
        let due_at = before.map_or(payout.release_at, |before| before.release_at);
        let is_due = payout.release_at <= now;
        match payout.state.as_str() {
            "SCHEDULED" if is_due && booking.captured > 0 => return wrong("its day has come"),
            "FAILED" if is_due => return wrong("it was to be tried again"),
            "FAILED"
                if self.hosts[host].account != "closed" && before.is_none_or(|before| before.state != "FAILED") =>
            {
                return wrong("nobody refused it");
            }
            "PROCESSING" if before.is_some_and(|before| before.state == "PROCESSING") => {
                let since = now - due_at;
                if since > LONGEST_WAIT * 24 && ["fine", "closed"].contains(&self.hosts[host].account) {
                    return wrong("nobody sends it");
                }
            }
            _ => {}
        }
        if payout.is_released && !was_released {
            if before.is_some_and(|before| before.state == "ON_HOLD") {
                return wrong("it was on hold");
            }
            if due_at > now || arrival(booking.stay.check_in) > now && booking.state == "CONFIRMED" {
                return wrong("it was released too early");
            }
            self.bookings[index].released += payout.amount;
            self.hosts[host].balance += payout.amount;
        }
        if payout.state == "PAID" && before.is_none_or(|before| before.state != "PAID") {
            let sent = payout.sent.unwrap_or(0);
            if !(0..=payout.amount).contains(&sent) || sent < payout.amount && !self.hosts[host].owed {
                return wrong("another amount was sent");
            }
            self.hosts[host].balance -= sent;
        }
        let is_over = |state: &str| state == "PAID" || state == "CANCELLED";
        match before {
            Some(before) if is_over(&before.state) && before.state != payout.state => wrong("it was over"),
            _ => Ok(()),
        }
    }

    /// The day after which nothing waits for anything any more.
    pub fn rest(&self) -> chrono::DateTime<chrono::Utc> {
        let ends = self.bookings.iter().map(|booking| arrival(later(booking.stay.check_out, 3)));
        ends.max().unwrap_or(self.now).max(self.now) + NEW_HOST
    }
}
