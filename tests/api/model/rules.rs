//! The rules of the booking lifecycle, written independently of the code under test.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta};
use roost::kernel::local_time::date_in;

use super::money::{Policy, Shares, Stay, ZONE, later};
use super::operations::{Actor, GUESTS, HOSTS, STAFF};
use super::state::{Alteration, ClaimKind, Host, Listing, Model, PaymentStatus, Timestamp};

impl Model {
    pub fn new(now: Timestamp, requests_hold: bool) -> Model {
        let listing = |host, is_request, preparation, policy| Listing {
            host,
            is_request,
            preparation,
            policy,
            published: true,
            blocks: BTreeSet::new(),
        };
        let listings = vec![listing(GUESTS, false, 1, Policy::Flexible), listing(GUESTS + 1, true, 0, Policy::Strict)];
        let host = Host { account: "fine", balance: 0, first_confirmed: None, has_owed: false };
        let (quotes, hosts) = (vec![None; GUESTS], vec![host; HOSTS]);
        Model { now, requests_hold, listings, bookings: Vec::new(), quotes, hosts }
    }

    pub fn today(&self) -> NaiveDate {
        date_in(self.now, ZONE)
    }

    pub fn host_of(&self, booking: usize) -> Actor {
        self.listings[self.bookings[booking].listing].host
    }

    /// Whether all nights of the stay and of the preparation after it are free, apart from the claims of `except`.
    pub fn is_free(&self, listing: usize, stay: &Stay, except: Option<usize>) -> bool {
        self.nights_with_preparation(listing, stay)
            .all(|night| self.unavailable_state(listing, night, except).is_none())
    }

    pub fn nights_with_preparation(&self, listing: usize, stay: &Stay) -> impl Iterator<Item = NaiveDate> + use<> {
        let end = later(stay.check_out, self.listings[listing].preparation);
        stay.check_in.iter_days().take_while(move |night| *night < end)
    }

    /// The calendar state of a night that is not free.
    pub fn unavailable_state(&self, listing: usize, night: NaiveDate, except: Option<usize>) -> Option<&'static str> {
        if self.listings[listing].blocks.contains(&night) {
            return Some("BLOCKED_BY_HOST");
        }
        let others = self.bookings.iter().enumerate();
        let others = others.filter(|(index, booking)| booking.listing == listing && Some(*index) != except);
        let mut claims = others.filter_map(|(_, booking)| booking.claims.get(&night));
        claims.find(|(_, until)| until.is_none_or(|until| until > self.now)).map(|(kind, _)| match kind {
            ClaimKind::Hold => "HELD",
            ClaimKind::Stay => "BOOKED",
            ClaimKind::Preparation => "PREPARATION",
        })
    }

    /// Claims the nights of a stay that the booking does not have yet. Returns whether they were free.
    pub fn claim(&mut self, index: usize, stay: &Stay, until: Timestamp, is_new: bool) -> bool {
        let listing = self.bookings[index].listing;
        let own = self.bookings[index].claims.clone();
        let nights: Vec<_> =
            self.nights_with_preparation(listing, stay).filter(|night| !own.contains_key(night)).collect();
        if nights.iter().any(|night| self.unavailable_state(listing, *night, Some(index)).is_some()) {
            return false;
        }
        for night in nights {
            for booking in self.bookings.iter_mut().filter(|booking| booking.listing == listing) {
                booking.claims.remove(&night);
            }
            let is_preparation = is_new && night >= stay.check_out;
            let kind = if is_preparation { ClaimKind::Preparation } else { ClaimKind::Hold };
            self.bookings[index].claims.insert(night, (kind, Some(until)));
        }
        true
    }

    /// Releases the claims outside the booked stay.
    fn trim_claims(&mut self, index: usize) {
        let preparation = self.listings[self.bookings[index].listing].preparation;
        let booking = &mut self.bookings[index];
        let (first, end) = (booking.stay.check_in, later(booking.stay.check_out, preparation));
        booking.claims.retain(|night, _| *night >= first && *night < end);
    }

    /// Sets the shares. A host who has received more than the new share owes the difference.
    pub fn settle_shares(&mut self, index: usize, shares: Shares) {
        let host = self.host_of(index) - GUESTS;
        let booking = &mut self.bookings[index];
        let excess = (booking.released - shares.host).max(0);
        booking.released -= excess;
        booking.shares = shares;
        self.hosts[host].balance -= excess;
        self.hosts[host].has_owed |= excess > 0;
    }

    /// Advances every booking by what is due.
    pub fn advance_all(&mut self) {
        (0..self.bookings.len()).for_each(|index| self.advance(index, false));
        // A night that one booking released may be one that an earlier booking needs.
        (0..self.bookings.len()).for_each(|index| self.advance(index, false));
    }

    /// Advances one booking by what is due. With `forced`, its payment is read from the processor at once.
    pub fn advance(&mut self, index: usize, forced: bool) {
        while self.advance_once(index, forced) {}
    }

    fn advance_once(&mut self, index: usize, forced: bool) -> bool {
        let now = self.now;
        let booking = &mut self.bookings[index];
        let is_expired = booking.expires.is_some_and(|at| at <= now);
        match booking.state {
            "PENDING_PAYMENT" => match booking.payment.refresh(now, forced) {
                PaymentStatus::Authorized | PaymentStatus::Captured => self.apply_authorization(index),
                PaymentStatus::Closed => self.close(index, "PAYMENT_EXPIRED"),
                PaymentStatus::RequiresAction | PaymentStatus::Unknown if is_expired => {
                    self.close(index, "PAYMENT_EXPIRED")
                }
                PaymentStatus::RequiresAction | PaymentStatus::Unknown => return false,
            },
            "REQUESTED" if is_expired => self.close(index, "REQUEST_EXPIRED"),
            "CONFIRMED" | "CHECKED_IN" => {
                if booking.payment.status == PaymentStatus::Authorized {
                    booking.payment.status = PaymentStatus::Captured;
                    booking.captured = booking.stay.total();
                    booking.shares = booking.stay.shares();
                }
                match self.advance_alteration(index, forced) {
                    Some(true) => return true,
                    Some(false) => {}
                    None => return false,
                }
                let booking = &mut self.bookings[index];
                match booking.state {
                    "CONFIRMED" if now >= booking.stay.check_in_at() => booking.state = "CHECKED_IN",
                    "CHECKED_IN" if now >= booking.stay.check_out_at() => booking.state = "COMPLETED",
                    _ => return false,
                }
            }
            _ => {
                if let Some(open) = self.open_alteration(index) {
                    open.state = "EXPIRED";
                    if self.bookings[index].state == "COMPLETED" {
                        self.trim_claims(index);
                    }
                }
                return false;
            }
        }
        true
    }

    pub fn open_alteration(&mut self, index: usize) -> Option<&mut Alteration> {
        self.bookings[index].alterations.last_mut().filter(|last| matches!(last.state, "PENDING" | "PAYING"))
    }

    /// Returns whether the open alteration advanced. `None` if it waits for the processor, and the booking with it.
    fn advance_alteration(&mut self, index: usize, forced: bool) -> Option<bool> {
        let now = self.now;
        let Some(open) = self.open_alteration(index) else { return Some(false) };
        let is_expired = open.expires <= now;
        let Some(payment) = open.payment.as_mut() else {
            if is_expired {
                open.state = "EXPIRED";
            }
            return Some(is_expired);
        };
        let state = match payment.refresh(now, forced) {
            PaymentStatus::Authorized | PaymentStatus::Captured => {
                let stay = open.stay.clone();
                if self.claim(index, &stay, now, false) {
                    self.swap(index);
                    return Some(true);
                }
                "EXPIRED"
            }
            PaymentStatus::Closed => "DECLINED",
            PaymentStatus::RequiresAction | PaymentStatus::Unknown if is_expired => "EXPIRED",
            PaymentStatus::RequiresAction => return Some(false),
            PaymentStatus::Unknown => return None,
        };
        self.open_alteration(index)?.state = state;
        self.trim_claims(index);
        Some(true)
    }

    /// Replaces the booked stay with that of the open alteration.
    pub fn swap(&mut self, index: usize) {
        let Some(open) = self.open_alteration(index) else { return };
        open.state = "ACCEPTED";
        let stay = open.stay.clone();
        let booking = &mut self.bookings[index];
        let difference = stay.total() - booking.stay.total();
        let shares = booking.shares.plus(stay.shares().minus(booking.stay.shares())).without_negatives();
        booking.captured += difference.max(0);
        booking.stay = stay;
        self.settle_shares(index, shares);
        self.trim_claims(index);
        let booking = &mut self.bookings[index];
        for (night, claim) in &mut booking.claims {
            *claim = (if *night < booking.stay.check_out { ClaimKind::Stay } else { ClaimKind::Preparation }, None);
        }
    }

    /// Handles the authorization of the booking's payment.
    fn apply_authorization(&mut self, index: usize) {
        let (now, listing) = (self.now, self.bookings[index].listing);
        let stay = self.bookings[index].stay.clone();
        let booking = &mut self.bookings[index];
        let held = booking.claims.values().filter(|(kind, _)| *kind == ClaimKind::Hold).count() == stay.dates().count();
        if !self.listings[listing].is_request {
            return if held { self.confirm(index) } else { self.close(index, "PAYMENT_EXPIRED") };
        }
        let arrival = if stay.check_in_at() > now { stay.check_in_at() } else { stay.check_out_at() };
        let until = arrival.min(now + TimeDelta::hours(24)).min(booking.created + TimeDelta::days(6));
        let has_all = booking.claims.len() == self.nights_with_preparation(listing, &stay).count();
        let has_nights = if self.bookings[index].claims_nights {
            held && has_all
        } else {
            self.is_free(listing, &stay, Some(index))
        };
        if !has_nights {
            return self.close(index, "PAYMENT_EXPIRED");
        }
        let booking = &mut self.bookings[index];
        booking.state = "REQUESTED";
        booking.expires = Some(until);
        booking.claims.values_mut().for_each(|claim| claim.1 = Some(until));
    }

    /// Confirms the booking: its nights become booked, and competing requests without claims are declined.
    pub fn confirm(&mut self, index: usize) {
        let now = self.now;
        let booking = &mut self.bookings[index];
        booking.state = "CONFIRMED";
        booking.confirmed = Some(now);
        booking.expires = None;
        for (kind, until) in booking.claims.values_mut() {
            *until = None;
            if *kind == ClaimKind::Hold {
                *kind = ClaimKind::Stay;
            }
        }
        let (listing, stay) = (booking.listing, booking.stay.clone());
        let own_nights: BTreeSet<_> = self.nights_with_preparation(listing, &stay).collect();
        let host = self.host_of(index) - GUESTS;
        self.hosts[host].first_confirmed.get_or_insert(now);
        for competitor in 0..self.bookings.len() {
            let other = &self.bookings[competitor];
            let is_request =
                other.listing == listing && other.state == "REQUESTED" && !other.claims_nights && competitor != index;
            if is_request && self.nights_with_preparation(listing, &other.stay).any(|night| own_nights.contains(&night))
            {
                self.close(competitor, "DECLINED");
            }
        }
    }

    /// Closes a booking that was never charged.
    pub fn close(&mut self, index: usize, state: &'static str) {
        let booking = &mut self.bookings[index];
        booking.state = state;
        booking.expires = None;
        booking.claims.clear();
        booking.payment.status = PaymentStatus::Closed;
    }

    /// Ends a confirmed booking. The nights that had begun remain claimed by it.
    pub fn cancel_confirmed(&mut self, index: usize, state: &'static str, shares: Shares) {
        self.trim_claims(index);
        let now = self.now;
        let booking = &mut self.bookings[index];
        let nights_begun = booking.stay.nights_begun(now);
        let first = later(booking.stay.check_in, i64::try_from(nights_begun).unwrap());
        let freed = booking.claims.split_off(&first);
        booking.state = state;
        booking.expires = None;
        if state == "CANCELLED_BY_HOST" {
            let nights =
                freed.into_iter().filter(|(_, (kind, _))| *kind != ClaimKind::Preparation).map(|(night, _)| night);
            self.listings[self.bookings[index].listing].blocks.extend(nights);
        }
        self.settle_shares(index, shares);
    }

    /// The actions available to a person now, except reviewing.
    pub fn actions(&self, index: usize, actor: Actor) -> BTreeSet<&'static str> {
        let booking = &self.bookings[index];
        let (guest, host) = (actor == booking.guest, actor == self.host_of(index));
        let arrival_day = self.today() >= booking.stay.check_in;
        let is_missing = !booking.check_in_reported && self.now >= booking.stay.check_in_at() + TimeDelta::hours(6);
        let mut actions = BTreeSet::new();
        match booking.state {
            "PENDING_PAYMENT" if guest => actions.extend(["CONFIRM_PAYMENT"]),
            "REQUESTED" if guest => actions.extend(["WITHDRAW"]),
            "REQUESTED" if host => actions.extend(["ACCEPT", "DECLINE"]),
            "CONFIRMED" | "CHECKED_IN" => {
                if guest || host {
                    actions.extend(["CANCEL", "REQUEST_ALTERATION"]);
                    actions.extend((booking.state == "CHECKED_IN").then_some("CHECK_OUT"));
                    actions.extend((booking.state == "CONFIRMED" && arrival_day).then_some("CHECK_IN"));
                } else if actor == STAFF {
                    actions.insert("CANCEL");
                }
                actions.extend((host && is_missing).then_some("REPORT_NO_SHOW"));
            }
            _ => {}
        }
        actions
    }
}
