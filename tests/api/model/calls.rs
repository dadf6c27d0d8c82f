//! What the model says of a call: allowed, with what follows from it, or refused, and by which word.

use chrono::TimeDelta;

use super::money::{Policy, Shares, Stay, later};
use super::rules::{Booking, Model, Payment};
use super::steps::{Actor, By, Call, Deed, GUESTS, Moment, STAFF};

/// Nothing when the call is allowed, else the words one of which must be said.
pub type Verdict = Vec<&'static str>;

/// A call with everything settled that depends on how things stand.
#[derive(Clone, Debug)]
pub enum Order {
    /// A quote for a stay, and a booking of it.
    Book {
        guest: Actor,
        listing: usize,
        stay: Stay,
        card: &'static str,
    },
    /// A booking of the last quote of a guest.
    BookAgain {
        guest: Actor,
        card: &'static str,
    },
    On {
        booking: usize,
        actor: Actor,
        deed: Deed,
        amount: i64,
        stay: Stay,
        payout: Option<i32>,
    },
    Close {
        actor: Actor,
        listing: usize,
        nights: Stay,
        blocked: bool,
    },
    Publish {
        actor: Actor,
        listing: usize,
        published: bool,
    },
    Account {
        actor: Actor,
        account: &'static str,
    },
}

impl Order {
    pub fn actor(&self) -> Actor {
        match self {
            Order::Book { guest, .. } | Order::BookAgain { guest, .. } => *guest,
            Order::On { actor, .. }
            | Order::Close { actor, .. }
            | Order::Publish { actor, .. }
            | Order::Account { actor, .. } => *actor,
        }
    }
}

impl Model {
    /// The latest booking but so many, if there is any.
    pub fn picked(&self, nth: usize) -> Option<usize> {
        let count = self.bookings.len();
        (count > 0).then(|| count - 1 - nth % count)
    }

    /// The instant that a moment means, never before now.
    pub fn instant(&self, moment: Moment) -> chrono::DateTime<chrono::Utc> {
        let by = match moment {
            Moment::Minutes(minutes) => TimeDelta::minutes(minutes),
            Moment::Hours(hours) => TimeDelta::hours(hours),
            Moment::Days(days) => TimeDelta::days(days),
            Moment::Deadline { booking, next, seconds } => {
                let Some(index) = self.picked(booking) else { return self.now };
                let booking = &self.bookings[index];
                let check_in = booking.stay.check_in_at();
                let mut deadlines = vec![check_in, booking.stay.check_out_at()];
                deadlines.extend([6, 24].map(|hours| check_in + TimeDelta::hours(hours)));
                deadlines.extend([1, 7].map(|days| super::money::arrival(later(booking.stay.check_in, -days))));
                deadlines.extend(booking.expires);
                deadlines.extend(booking.confirmed.map(|at| at + TimeDelta::hours(24)));
                deadlines.extend(booking.alterations.last().map(|last| last.expires));
                deadlines.extend(booking.payouts.values().map(|payout| payout.release_at));
                deadlines.retain(|at| *at > self.now);
                deadlines.sort();
                let nth = deadlines.get(next).or(deadlines.last()).copied().unwrap_or(self.now);
                return (nth + TimeDelta::seconds(seconds)).max(self.now);
            }
        };
        self.now + by
    }

    /// Settles what depends on how things stand; nothing when there is nothing to do it with.
    pub fn order(&self, call: &Call) -> Option<Order> {
        let stay = |listing: usize, ahead: i64, nights: i64, adults: i64| {
            let check_in = later(self.today(), ahead);
            let policy = Policy::of(self.listings[listing].policy, usize::try_from(nights).unwrap());
            Stay { check_in, check_out: later(check_in, nights), adults, policy }
        };
        Some(match *call {
            Call::Book { guest, listing, ahead, nights, adults, card } => {
                Order::Book { guest, listing, stay: stay(listing, ahead, nights, adults), card }
            }
            Call::BookAgain { guest, card } => {
                self.quotes[guest].as_ref()?;
                Order::BookAgain { guest, card }
            }
            Call::Close { actor, listing, ahead, nights, blocked } => {
                Order::Close { actor, listing, nights: stay(listing, ahead, nights, 1), blocked }
            }
            Call::Publish { actor, listing, published } => Order::Publish { actor, listing, published },
            Call::Account { actor, account } => Order::Account { actor, account },
            Call::On { booking, by, deed } => {
                let index = self.picked(booking)?;
                let mut model = self.clone();
                model.advance(index, false);
                let booking = &model.bookings[index];
                let actor = match by {
                    By::Guest => booking.guest,
                    By::Host => self.host_of(index),
                    By::Staff => STAFF,
                    By::Anybody(actor) => actor,
                };
                let part = |of: i64, ppm: i64| match ppm {
                    1_000_001 => of + 1,
                    ppm => i64::try_from(i128::from(of) * i128::from(ppm) / 1_000_000).unwrap(),
                };
                let amount = match deed {
                    Deed::Cancel { ppm, wrong } => {
                        let chosen = part(booking.stay.total() - booking.given, ppm);
                        (model.cancellation(index, actor, chosen).1 + wrong).max(0)
                    }
                    Deed::Refund { ppm } if actor == STAFF => part(booking.shares.sum(), ppm),
                    Deed::Refund { ppm } => part(booking.shares.host, ppm),
                    _ => 0,
                };
                let mut stay = booking.stay.clone();
                if let Deed::AskAlteration { earlier, longer, adults, .. } = deed {
                    stay = Stay {
                        check_in: later(stay.check_in, -earlier),
                        check_out: later(stay.check_out, longer),
                        adults,
                        ..stay
                    };
                    let crossed = (stay.dates().count() >= 28) != (booking.stay.dates().count() >= 28);
                    if crossed {
                        stay.policy = Policy::of(self.listings[booking.listing].policy, stay.dates().count());
                    }
                }
                let open = booking.payouts.iter().find(|(_, payout)| !["PAID", "CANCELLED"].contains(&&*payout.state));
                let payout = open.or(booking.payouts.iter().next()).map(|(number, _)| *number);
                let needs_payout = matches!(deed, Deed::HoldPayout | Deed::ReleasePayout);
                let is_answer = matches!(deed, Deed::AnswerAlteration { .. });
                if needs_payout && payout.is_none() || is_answer && booking.alterations.is_empty() {
                    return None;
                }
                Order::On { booking: index, actor, deed, amount, stay, payout }
            }
        })
    }

    /// Does what is ordered, if it is allowed.
    pub fn obey(&mut self, order: &Order) -> Verdict {
        match order {
            Order::Book { guest, listing, stay, card } => {
                let mut verdict = self.bookable(*listing, stay);
                if !self.listings[*listing].published {
                    verdict.push("NOT_FOUND");
                }
                if !verdict.is_empty() {
                    return verdict;
                }
                let expires = self.now + TimeDelta::minutes(30);
                let quote = super::rules::Quote { listing: *listing, stay: stay.clone(), expires, booking: None };
                self.quotes[*guest] = Some(quote);
                self.book(*guest, card)
            }
            Order::BookAgain { guest, card } => self.book(*guest, card),
            Order::On { .. } => self.obey_on(order),
            Order::Close { actor, listing, nights, blocked } => {
                let place = &self.listings[*listing];
                if place.host != *actor {
                    return vec!["NOT_FOUND"];
                }
                let taken = nights.dates().filter_map(|night| self.taken(*listing, night, None));
                if *blocked && taken.into_iter().any(|why| ["HELD", "BOOKED"].contains(&why)) {
                    return vec!["NIGHTS_UNAVAILABLE"];
                }
                for night in nights.dates() {
                    if !blocked {
                        self.listings[*listing].blocks.remove(&night);
                    } else if self.taken(*listing, night, None).is_none() {
                        for booking in self.bookings.iter_mut().filter(|booking| booking.listing == *listing) {
                            booking.claims.remove(&night);
                        }
                        self.listings[*listing].blocks.insert(night);
                    }
                }
                vec![]
            }
            Order::Publish { actor, listing, published } => {
                if self.listings[*listing].host != *actor {
                    return vec!["NOT_FOUND"];
                }
                self.listings[*listing].published = *published;
                vec![]
            }
            Order::Account { actor, account } => {
                if *actor < GUESTS {
                    return vec!["FORBIDDEN"];
                }
                self.hosts[*actor - GUESTS].account = account;
                vec![]
            }
        }
    }

    pub fn bookable(&self, listing: usize, stay: &Stay) -> Verdict {
        let mut verdict = Vec::new();
        if !self.listings[listing].published || stay.check_in < self.today() {
            verdict.push("STAY_RULE_VIOLATED");
        }
        if !self.is_free(listing, stay, None) {
            verdict.push("NIGHTS_UNAVAILABLE");
        }
        verdict
    }

    pub fn book(&mut self, guest: Actor, card: &'static str) -> Verdict {
        let Some(quote) = self.quotes[guest].clone() else { return vec!["INVALID"] };
        if quote.expires <= self.now {
            return vec!["QUOTE_EXPIRED"];
        }
        if quote.booking.is_some_and(|index| self.bookings[index].state != "PAYMENT_EXPIRED") {
            return vec!["QUOTE_CONSUMED"];
        }
        let verdict = self.bookable(quote.listing, &quote.stay);
        if !verdict.is_empty() {
            return verdict;
        }
        let (now, index) = (self.now, self.bookings.len());
        let holds = self.requests_hold || !self.listings[quote.listing].is_request;
        let until = now + TimeDelta::minutes(15);
        self.bookings.push(Booking {
            listing: quote.listing,
            guest,
            state: "PENDING_PAYMENT",
            stay: quote.stay.clone(),
            holds,
            payment: Payment::open(card, now),
            created: now,
            confirmed: None,
            expires: Some(until),
            is_seen: false,
            claims: Default::default(),
            captured: 0,
            given: 0,
            shares: Shares::default(),
            released: 0,
            alterations: Vec::new(),
            payouts: Default::default(),
            version: 1,
        });
        if holds {
            self.claim(index, &quote.stay, until, true);
        }
        self.quotes[guest].as_mut().unwrap().booking = Some(index);
        self.advance(index, false);
        if self.bookings[index].state == "PAYMENT_EXPIRED" { vec!["PAYMENT_DECLINED"] } else { vec![] }
    }

    /// Who keeps what after a cancellation, what the guest gets back for it, and what the host owes.
    pub fn cancellation(&self, index: usize, actor: Actor, chosen: i64) -> (Shares, i64, i64) {
        let booking = &self.bookings[index];
        let (stay, given) = (&booking.stay, booking.given);
        let (shares, penalty) = if actor == self.host_of(index) {
            stay.host_cancels(self.now)
        } else if actor == STAFF {
            (stay.staff_cancels((chosen + given).clamp(0, stay.total())), 0)
        } else {
            (stay.guest_cancels(booking.confirmed.unwrap_or(booking.created), self.now), 0)
        };
        let refund = stay.total() - shares.sum();
        (shares.less((given - refund).max(0)), (refund - given).max(0), penalty)
    }
}
