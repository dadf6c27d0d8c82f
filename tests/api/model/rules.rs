//! The model: a few maps and the rules of a booking's life, written without a look at the code that is tested.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta};
use roost::kernel::local_time::date_in;

use super::money::{Policy, Shares, Stay, ZONE, later};
use super::steps::{Actor, GUESTS, HOSTS, STAFF};

pub use super::things::*;

impl Model {
    pub fn new(now: At, requests_hold: bool) -> Model {
        let listing = |host, is_request, preparation, policy| Listing {
            host,
            is_request,
            preparation,
            policy,
            published: true,
            blocks: BTreeSet::new(),
        };
        let listings = vec![listing(GUESTS, false, 1, Policy::Flexible), listing(GUESTS + 1, true, 0, Policy::Strict)];
        let host = Host { account: "fine", balance: 0, first_confirmed: None, owed: false };
        let (quotes, hosts) = (vec![None; GUESTS], vec![host; HOSTS]);
        Model { now, requests_hold, listings, bookings: Vec::new(), quotes, hosts }
    }

    pub fn today(&self) -> NaiveDate {
        date_in(self.now, ZONE)
    }

    pub fn host_of(&self, booking: usize) -> Actor {
        self.listings[self.bookings[booking].listing].host
    }

    /// Whether nobody, or nobody but one booking, has a night of the stay or of the time to prepare after it.
    pub fn is_free(&self, listing: usize, stay: &Stay, but: Option<usize>) -> bool {
        self.whole(listing, stay).all(|night| self.taken(listing, night, but).is_none())
    }

    pub fn whole(&self, listing: usize, stay: &Stay) -> impl Iterator<Item = NaiveDate> + use<> {
        let end = later(stay.check_out, self.listings[listing].preparation);
        stay.check_in.iter_days().take_while(move |night| *night < end)
    }

    /// The word for why a night is taken.
    pub fn taken(&self, listing: usize, night: NaiveDate, but: Option<usize>) -> Option<&'static str> {
        if self.listings[listing].blocks.contains(&night) {
            return Some("BLOCKED_BY_HOST");
        }
        let others = self.bookings.iter().enumerate();
        let others = others.filter(|(index, booking)| booking.listing == listing && Some(*index) != but);
        let mut claims = others.filter_map(|(_, booking)| booking.claims.get(&night));
        claims.find(|(_, until)| until.is_none_or(|until| until > self.now)).map(|(kind, _)| match kind {
            Kind::Hold => "HELD",
            Kind::Stay => "BOOKED",
            Kind::Preparation => "PREPARATION",
        })
    }

    /// Holds the nights of a stay that a booking does not have yet; whether they were to be had.
    pub fn claim(&mut self, index: usize, stay: &Stay, until: At, is_new: bool) -> bool {
        let listing = self.bookings[index].listing;
        let own = self.bookings[index].claims.clone();
        let nights: Vec<_> = self.whole(listing, stay).filter(|night| !own.contains_key(night)).collect();
        if nights.iter().any(|night| self.taken(listing, *night, Some(index)).is_some()) {
            return false;
        }
        for night in nights {
            for booking in self.bookings.iter_mut().filter(|booking| booking.listing == listing) {
                booking.claims.remove(&night);
            }
            let is_tail = is_new && night >= stay.check_out;
            let kind = if is_tail { Kind::Preparation } else { Kind::Hold };
            self.bookings[index].claims.insert(night, (kind, Some(until)));
        }
        true
    }

    fn keep_claims(&mut self, index: usize) {
        let preparation = self.listings[self.bookings[index].listing].preparation;
        let booking = &mut self.bookings[index];
        let (first, end) = (booking.stay.check_in, later(booking.stay.check_out, preparation));
        booking.claims.retain(|night, _| *night >= first && *night < end);
    }

    /// Divides the money anew: who had more released to them than is theirs now owes it.
    pub fn divide(&mut self, index: usize, shares: Shares) {
        let host = self.host_of(index) - GUESTS;
        let booking = &mut self.bookings[index];
        let back = (booking.released - shares.host).max(0);
        booking.released -= back;
        booking.shares = shares;
        self.hosts[host].balance -= back;
        self.hosts[host].owed |= back > 0;
    }

    /// Does for every booking what has become due.
    pub fn settle(&mut self) {
        (0..self.bookings.len()).for_each(|index| self.advance(index, false));
        // What one of them has let go may have been in another's way, or the other way round.
        (0..self.bookings.len()).for_each(|index| self.advance(index, false));
    }

    /// Moves one booking on; with `asked`, somebody asks the processor anew.
    pub fn advance(&mut self, index: usize, asked: bool) {
        while self.moves(index, asked) {}
    }

    fn moves(&mut self, index: usize, asked: bool) -> bool {
        let now = self.now;
        let booking = &mut self.bookings[index];
        let lapsed = booking.expires.is_some_and(|at| at <= now);
        match booking.state {
            "PENDING_PAYMENT" => match booking.payment.ask(now, asked) {
                Reach::Held | Reach::Taken => self.paid(index),
                Reach::Over => self.end(index, "PAYMENT_EXPIRED"),
                Reach::Action | Reach::Unanswered if lapsed => self.end(index, "PAYMENT_EXPIRED"),
                Reach::Action | Reach::Unanswered => return false,
            },
            "REQUESTED" if lapsed => self.end(index, "REQUEST_EXPIRED"),
            "CONFIRMED" | "CHECKED_IN" => {
                if booking.payment.reach == Reach::Held {
                    booking.payment.reach = Reach::Taken;
                    booking.captured = booking.stay.total();
                    booking.shares = booking.stay.shares();
                }
                match self.alteration_moves(index, asked) {
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
                        self.keep_claims(index);
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

    /// Whether the booking's open alteration moved; nothing when it waits for the processor and all else with it.
    fn alteration_moves(&mut self, index: usize, asked: bool) -> Option<bool> {
        let now = self.now;
        let Some(open) = self.open_alteration(index) else { return Some(false) };
        let lapsed = open.expires <= now;
        let Some(payment) = open.payment.as_mut() else {
            if lapsed {
                open.state = "EXPIRED";
            }
            return Some(lapsed);
        };
        let ended = match payment.ask(now, asked) {
            Reach::Held | Reach::Taken => {
                let stay = open.stay.clone();
                if self.claim(index, &stay, now, false) {
                    self.swap(index);
                    return Some(true);
                }
                "EXPIRED"
            }
            Reach::Over => "DECLINED",
            Reach::Action | Reach::Unanswered if lapsed => "EXPIRED",
            Reach::Action => return Some(false),
            Reach::Unanswered => return None,
        };
        self.open_alteration(index)?.state = ended;
        self.keep_claims(index);
        Some(true)
    }

    /// Puts the other stay in the place of the one booked.
    pub fn swap(&mut self, index: usize) {
        let Some(open) = self.open_alteration(index) else { return };
        open.state = "ACCEPTED";
        let stay = open.stay.clone();
        let booking = &mut self.bookings[index];
        let difference = stay.total() - booking.stay.total();
        let shares = booking.shares.plus(stay.shares().minus(booking.stay.shares())).settled();
        booking.captured += difference.max(0);
        booking.stay = stay;
        self.divide(index, shares);
        self.keep_claims(index);
        let booking = &mut self.bookings[index];
        for (night, claim) in &mut booking.claims {
            *claim = (if *night < booking.stay.check_out { Kind::Stay } else { Kind::Preparation }, None);
        }
    }

    fn paid(&mut self, index: usize) {
        let (now, listing) = (self.now, self.bookings[index].listing);
        let stay = self.bookings[index].stay.clone();
        let booking = &mut self.bookings[index];
        let held = booking.claims.values().filter(|(kind, _)| *kind == Kind::Hold).count() == stay.dates().count();
        if !self.listings[listing].is_request {
            return if held { self.confirm(index) } else { self.end(index, "PAYMENT_EXPIRED") };
        }
        let arrival = if stay.check_in_at() > now { stay.check_in_at() } else { stay.check_out_at() };
        let until = arrival.min(now + TimeDelta::hours(24)).min(booking.created + TimeDelta::days(6));
        let whole = booking.claims.len() == self.whole(listing, &stay).count();
        let ours = if self.bookings[index].holds { held && whole } else { self.is_free(listing, &stay, Some(index)) };
        if !ours {
            return self.end(index, "PAYMENT_EXPIRED");
        }
        let booking = &mut self.bookings[index];
        booking.state = "REQUESTED";
        booking.expires = Some(until);
        booking.claims.values_mut().for_each(|claim| claim.1 = Some(until));
    }

    /// The stay is agreed on: its nights are booked, and others who asked for one of them are declined.
    pub fn confirm(&mut self, index: usize) {
        let now = self.now;
        let booking = &mut self.bookings[index];
        booking.state = "CONFIRMED";
        booking.confirmed = Some(now);
        booking.expires = None;
        for (kind, until) in booking.claims.values_mut() {
            *until = None;
            if *kind == Kind::Hold {
                *kind = Kind::Stay;
            }
        }
        let (listing, stay) = (booking.listing, booking.stay.clone());
        let mine: BTreeSet<_> = self.whole(listing, &stay).collect();
        let host = self.host_of(index) - GUESTS;
        self.hosts[host].first_confirmed.get_or_insert(now);
        for rival in 0..self.bookings.len() {
            let other = &self.bookings[rival];
            let asks = other.listing == listing && other.state == "REQUESTED" && !other.holds && rival != index;
            if asks && self.whole(listing, &other.stay).any(|night| mine.contains(&night)) {
                self.end(rival, "DECLINED");
            }
        }
    }

    /// Ends a booking that was never charged.
    pub fn end(&mut self, index: usize, state: &'static str) {
        let booking = &mut self.bookings[index];
        booking.state = state;
        booking.expires = None;
        booking.claims.clear();
        booking.payment.reach = Reach::Over;
    }

    /// Ends a booking that was paid for: the nights that had begun stay the booking's.
    pub fn break_off(&mut self, index: usize, state: &'static str, shares: Shares) {
        self.keep_claims(index);
        let now = self.now;
        let booking = &mut self.bookings[index];
        let stayed = booking.stay.stayed(now);
        let first = later(booking.stay.check_in, i64::try_from(stayed).unwrap());
        let gone = booking.claims.split_off(&first);
        booking.state = state;
        booking.expires = None;
        if state == "CANCELLED_BY_HOST" {
            let kept = gone.into_iter().filter(|(_, (kind, _))| *kind != Kind::Preparation).map(|(night, _)| night);
            self.listings[self.bookings[index].listing].blocks.extend(kept);
        }
        self.divide(index, shares);
    }

    /// What the booking lets somebody do now, reviewing aside.
    pub fn actions(&self, index: usize, actor: Actor) -> BTreeSet<&'static str> {
        let booking = &self.bookings[index];
        let (guest, host) = (actor == booking.guest, actor == self.host_of(index));
        let arrival_day = self.today() >= booking.stay.check_in;
        let is_missing = !booking.is_seen && self.now >= booking.stay.check_in_at() + TimeDelta::hours(6);
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
