//! Compares the state of the service with the model, and checks that payouts changed state only in permitted ways.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::money::{arrival, later};
use super::operations::GUESTS;
use super::service::{BookingView, View};
use super::state::{Model, Payout};

/// How long the first payouts of a new host are delayed.
const NEW_HOST: TimeDelta = TimeDelta::days(30);
/// The longest delay between two attempts of a payout whose response was lost, jitter included.
const LONGEST_RETRY_DELAY: TimeDelta = TimeDelta::minutes(73);

fn same<T: PartialEq + std::fmt::Debug>(what: &str, seen: T, expected: T) -> Result<(), String> {
    if seen == expected { Ok(()) } else { Err(format!("{what}: the service has {seen:?}, the model {expected:?}")) }
}

impl Model {
    /// Compares everything except the payouts, which the service's jobs change on their own.
    pub fn compare(&self, view: &View) -> Result<(), String> {
        same("refunds that have not succeeded", view.unsent, 0)?;
        same("the number of bookings", view.bookings.len(), self.bookings.len())?;
        for (index, (seen, booking)) in view.bookings.iter().zip(&self.bookings).enumerate() {
            let name = |what: &str| format!("{what} of booking {index}");
            same(&name("the state"), seen.state.as_str(), booking.state)?;
            let stay = (booking.stay.check_in, booking.stay.check_out);
            same(&name("the stay"), (seen.check_in, seen.check_out), stay)?;
            same(&name("the total"), seen.total, booking.stay.total())?;
            same(&name("the charge"), seen.captured, booking.captured)?;
            let shares = [booking.shares.host, booking.shares.platform, booking.shares.tax];
            same(&name("the shares"), seen.shares, shares)?;
            same(&name("the refund"), seen.refunded, booking.captured - booking.shares.sum())?;
            same(&name("the amount refunded beyond the policy"), seen.extra_refund, booking.extra_refund)?;
            let alteration = booking.alterations.last().map(|last| last.state);
            same(&name("the alteration"), seen.alteration.as_ref().map(|(_, state)| state.as_str()), alteration)?;
            if seen.version < booking.version || seen.version == 0 {
                return Err(format!(
                    "the version of booking {index} went from {} to {}",
                    booking.version, seen.version
                ));
            }
        }
        for (listing, seen) in view.nights.iter().enumerate() {
            let mut expected = BTreeMap::new();
            let claims = self.bookings.iter().filter(|booking| booking.listing == listing);
            for night in claims.flat_map(|booking| booking.claims.keys()).chain(&self.listings[listing].blocks) {
                if let Some(state) = self.unavailable_state(listing, *night, None) {
                    expected.insert(*night, state.to_owned());
                }
            }
            same(&format!("the nights of listing {listing}"), seen, &expected)?;
        }
        Ok(())
    }

    /// Copies the service's payouts into the model. Returns an error if a payout has changed in a way that is not
    /// permitted.
    pub fn absorb_payouts(&mut self, view: &View) -> Result<(), String> {
        for (index, seen) in view.bookings.iter().enumerate() {
            for (number, payout) in &seen.payouts {
                let before = self.bookings[index].payouts.get(number).filter(|before| before.id == payout.id).cloned();
                self.check_payout(index, before.as_ref(), payout).map_err(|wrong| {
                    format!("payout {number} of booking {index}: {wrong}; before {before:?}, now {payout:?}")
                })?;
            }
            self.check_earnings(index, seen)?;
            let booking = &mut self.bookings[index];
            booking.payouts = seen.payouts.clone();
            booking.version = seen.version;
        }
        let balances: Vec<i64> = self.hosts.iter().map(|host| host.balance).collect();
        same("the balances of the hosts", &view.balances, &balances)
    }

    fn check_earnings(&self, index: usize, seen: &BookingView) -> Result<(), String> {
        let booking = &self.bookings[index];
        let waiting = seen.payouts.values().filter(|payout| !payout.is_released && payout.state != "CANCELLED");
        let waiting: i64 = waiting.map(|payout| payout.amount).sum();
        same(&format!("the host's earnings from booking {index}"), waiting + booking.released, booking.shares.host)
    }

    fn check_payout(&mut self, index: usize, before: Option<&Payout>, payout: &Payout) -> Result<(), String> {
        let now = self.now;
        let booking = &self.bookings[index];
        let host = self.host_of(index) - GUESTS;
        let wrong = |what: &str| Err(what.to_owned());
        let was_released = before.is_some_and(|before| before.is_released);
        if was_released && !payout.is_released {
            return wrong("its release was undone");
        }
        if was_released && before.is_some_and(|before| before.amount != payout.amount) {
            return wrong("its amount changed after its release");
        }
        let first = self.hosts[host].first_confirmed.unwrap_or(now) + NEW_HOST;
        if !payout.is_released && payout.installments == 1 {
            let due = (arrival(booking.stay.check_in) + TimeDelta::hours(24)).max(first);
            let is_live = ["CONFIRMED", "CHECKED_IN"].contains(&booking.state);
            if is_live && payout.release_at != due {
                return Err(format!("its release time is not {due}"));
            }
        }
        let due_at = before.map_or(payout.release_at, |before| before.release_at);
        let is_due = payout.release_at <= now;
        match payout.state.as_str() {
            "SCHEDULED" if is_due && booking.captured > 0 => return wrong("it is due and was not sent"),
            "FAILED" if is_due => return wrong("its retry is due and was not made"),
            "FAILED"
                if self.hosts[host].account != "closed" && before.is_none_or(|before| before.state != "FAILED") =>
            {
                return wrong("it failed although the account is open");
            }
            "PROCESSING" if before.is_some_and(|before| before.state == "PROCESSING") => {
                let overdue = now - due_at;
                if overdue > LONGEST_RETRY_DELAY * 24 && ["fine", "closed"].contains(&self.hosts[host].account) {
                    return wrong("it is still processing after 24 retries");
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
            if !(0..=payout.amount).contains(&sent) || sent < payout.amount && !self.hosts[host].has_owed {
                return wrong("another amount was sent");
            }
            self.hosts[host].balance -= sent;
        }
        let is_final = |state: &str| state == "PAID" || state == "CANCELLED";
        match before {
            Some(before) if is_final(&before.state) && before.state != payout.state => wrong("it left a final state"),
            _ => Ok(()),
        }
    }

    /// A time after which no booking, alteration or payout has a deadline left.
    pub fn last_deadline(&self) -> chrono::DateTime<chrono::Utc> {
        let ends = self.bookings.iter().map(|booking| arrival(later(booking.stay.check_out, 3)));
        ends.max().unwrap_or(self.now).max(self.now) + NEW_HOST
    }
}
