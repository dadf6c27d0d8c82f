//! Resolves a generated mutation against the model's state, and applies it to the model.

use chrono::TimeDelta;

use super::money::{Policy, Shares, Stay, arrival, later};
use super::operations::{Action, Actor, GUESTS, Moment, Mutation, Party, STAFF};
use super::state::{Booking, Model, Payment, Quote};

/// Empty if the command is allowed. Otherwise every returned error code must be one of these.
pub type ExpectedErrors = Vec<&'static str>;

/// A mutation whose arguments have been chosen from the current state.
#[derive(Clone, Debug)]
pub enum Command {
    /// Quotes a stay and books it.
    Book {
        guest: Actor,
        listing: usize,
        stay: Stay,
        card: &'static str,
    },
    /// Books the guest's last quote.
    BookLastQuote {
        guest: Actor,
        card: &'static str,
    },
    OnBooking {
        booking: usize,
        actor: Actor,
        action: Action,
        amount: i64,
        stay: Stay,
        payout: Option<i32>,
    },
    SetBlocked {
        actor: Actor,
        listing: usize,
        nights: Stay,
        blocked: bool,
    },
    SetPublished {
        actor: Actor,
        listing: usize,
        published: bool,
    },
    SetPayoutAccount {
        actor: Actor,
        account: &'static str,
    },
}

impl Command {
    pub fn actor(&self) -> Actor {
        match self {
            Command::Book { guest, .. } | Command::BookLastQuote { guest, .. } => *guest,
            Command::OnBooking { actor, .. }
            | Command::SetBlocked { actor, .. }
            | Command::SetPublished { actor, .. }
            | Command::SetPayoutAccount { actor, .. } => *actor,
        }
    }
}

impl Model {
    /// The index of the nth latest booking, or `None` without bookings.
    pub fn nth_latest(&self, nth: usize) -> Option<usize> {
        let count = self.bookings.len();
        (count > 0).then(|| count - 1 - nth % count)
    }

    /// The instant a moment refers to, never before now.
    pub fn instant(&self, moment: Moment) -> chrono::DateTime<chrono::Utc> {
        let delay = match moment {
            Moment::Minutes(minutes) => TimeDelta::minutes(minutes),
            Moment::Hours(hours) => TimeDelta::hours(hours),
            Moment::Days(days) => TimeDelta::days(days),
            Moment::Deadline { booking, next, seconds } => {
                let Some(index) = self.nth_latest(booking) else { return self.now };
                let booking = &self.bookings[index];
                let check_in = booking.stay.check_in_at();
                let mut deadlines = vec![check_in, booking.stay.check_out_at()];
                deadlines.extend([6, 24].map(|hours| check_in + TimeDelta::hours(hours)));
                deadlines.extend([1, 7].map(|days| arrival(later(booking.stay.check_in, -days))));
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
        self.now + delay
    }

    /// Chooses the arguments that depend on the current state. `None` if the mutation has no object to act on.
    pub fn resolve(&self, mutation: &Mutation) -> Option<Command> {
        let stay = |listing: usize, ahead: i64, nights: i64, adults: i64| {
            let check_in = later(self.today(), ahead);
            let policy = Policy::for_nights(self.listings[listing].policy, usize::try_from(nights).unwrap());
            Stay { check_in, check_out: later(check_in, nights), adults, policy }
        };
        Some(match *mutation {
            Mutation::Book { guest, listing, ahead, nights, adults, card } => {
                Command::Book { guest, listing, stay: stay(listing, ahead, nights, adults), card }
            }
            Mutation::BookLastQuote { guest, card } => {
                self.quotes[guest].as_ref()?;
                Command::BookLastQuote { guest, card }
            }
            Mutation::SetBlocked { actor, listing, ahead, nights, blocked } => {
                Command::SetBlocked { actor, listing, nights: stay(listing, ahead, nights, 1), blocked }
            }
            Mutation::SetPublished { actor, listing, published } => Command::SetPublished { actor, listing, published },
            Mutation::SetPayoutAccount { actor, account } => Command::SetPayoutAccount { actor, account },
            Mutation::OnBooking { booking, party, action } => {
                let index = self.nth_latest(booking)?;
                let mut model = self.clone();
                model.advance(index, false);
                let booking = &model.bookings[index];
                let actor = match party {
                    Party::Guest => booking.guest,
                    Party::Host => self.host_of(index),
                    Party::Staff => STAFF,
                    Party::Anybody(actor) => actor,
                };
                let part = |whole: i64, ppm: i64| match ppm {
                    1_000_001 => whole + 1,
                    ppm => i64::try_from(i128::from(whole) * i128::from(ppm) / 1_000_000).unwrap(),
                };
                let amount = match action {
                    Action::Cancel { ppm, wrong } => {
                        let chosen = part(booking.stay.total() - booking.extra_refund, ppm);
                        (model.cancellation(index, actor, chosen).1 + wrong).max(0)
                    }
                    Action::Refund { ppm } if actor == STAFF => part(booking.shares.sum(), ppm),
                    Action::Refund { ppm } => part(booking.shares.host, ppm),
                    _ => 0,
                };
                let mut stay = booking.stay.clone();
                if let Action::RequestAlteration { earlier, longer, adults, .. } = action {
                    stay = Stay {
                        check_in: later(stay.check_in, -earlier),
                        check_out: later(stay.check_out, longer),
                        adults,
                        ..stay
                    };
                    let changes_term = (stay.dates().count() >= 28) != (booking.stay.dates().count() >= 28);
                    if changes_term {
                        stay.policy = Policy::for_nights(self.listings[booking.listing].policy, stay.dates().count());
                    }
                }
                let open = booking.payouts.iter().find(|(_, payout)| !["PAID", "CANCELLED"].contains(&&*payout.state));
                let payout = open.or(booking.payouts.iter().next()).map(|(number, _)| *number);
                let needs_payout = matches!(action, Action::HoldPayout | Action::ReleasePayout);
                let needs_alteration = matches!(action, Action::AnswerAlteration { .. });
                if needs_payout && payout.is_none() || needs_alteration && booking.alterations.is_empty() {
                    return None;
                }
                Command::OnBooking { booking: index, actor, action, amount, stay, payout }
            }
        })
    }

    /// Applies the command if it is allowed.
    pub fn apply(&mut self, command: &Command) -> ExpectedErrors {
        match command {
            Command::Book { guest, listing, stay, card } => {
                let mut expected = self.check_stay(*listing, stay);
                if !self.listings[*listing].published {
                    expected.push("NOT_FOUND");
                }
                if !expected.is_empty() {
                    return expected;
                }
                let expires = self.now + TimeDelta::minutes(30);
                let quote = Quote { listing: *listing, stay: stay.clone(), expires, booking: None };
                self.quotes[*guest] = Some(quote);
                self.book(*guest, card)
            }
            Command::BookLastQuote { guest, card } => self.book(*guest, card),
            Command::OnBooking { .. } => self.apply_to_booking(command),
            Command::SetBlocked { actor, listing, nights, blocked } => {
                if self.listings[*listing].host != *actor {
                    return vec!["NOT_FOUND"];
                }
                let mut states = nights.dates().filter_map(|night| self.unavailable_state(*listing, night, None));
                if *blocked && states.any(|state| ["HELD", "BOOKED"].contains(&state)) {
                    return vec!["NIGHTS_UNAVAILABLE"];
                }
                for night in nights.dates() {
                    if !blocked {
                        self.listings[*listing].blocks.remove(&night);
                    } else if self.unavailable_state(*listing, night, None).is_none() {
                        for booking in self.bookings.iter_mut().filter(|booking| booking.listing == *listing) {
                            booking.claims.remove(&night);
                        }
                        self.listings[*listing].blocks.insert(night);
                    }
                }
                vec![]
            }
            Command::SetPublished { actor, listing, published } => {
                if self.listings[*listing].host != *actor {
                    return vec!["NOT_FOUND"];
                }
                self.listings[*listing].published = *published;
                vec![]
            }
            Command::SetPayoutAccount { actor, account } => {
                if *actor < GUESTS {
                    return vec!["FORBIDDEN"];
                }
                self.hosts[*actor - GUESTS].account = account;
                vec![]
            }
        }
    }

    pub fn check_stay(&self, listing: usize, stay: &Stay) -> ExpectedErrors {
        let mut expected = Vec::new();
        if !self.listings[listing].published || stay.check_in < self.today() {
            expected.push("STAY_RULE_VIOLATED");
        }
        if !self.is_free(listing, stay, None) {
            expected.push("NIGHTS_UNAVAILABLE");
        }
        expected
    }

    pub fn book(&mut self, guest: Actor, card: &'static str) -> ExpectedErrors {
        let Some(quote) = self.quotes[guest].clone() else { return vec!["INVALID"] };
        if quote.expires <= self.now {
            return vec!["QUOTE_EXPIRED"];
        }
        if quote.booking.is_some_and(|index| self.bookings[index].state != "PAYMENT_EXPIRED") {
            return vec!["QUOTE_CONSUMED"];
        }
        let expected = self.check_stay(quote.listing, &quote.stay);
        if !expected.is_empty() {
            return expected;
        }
        let (now, index) = (self.now, self.bookings.len());
        let claims_nights = self.requests_hold || !self.listings[quote.listing].is_request;
        let until = now + TimeDelta::minutes(15);
        self.bookings.push(Booking {
            listing: quote.listing,
            guest,
            state: "PENDING_PAYMENT",
            stay: quote.stay.clone(),
            claims_nights,
            payment: Payment::open(card, now),
            created: now,
            confirmed: None,
            expires: Some(until),
            check_in_reported: false,
            claims: Default::default(),
            captured: 0,
            extra_refund: 0,
            shares: Shares::default(),
            released: 0,
            alterations: Vec::new(),
            payouts: Default::default(),
            version: 1,
        });
        if claims_nights {
            self.claim(index, &quote.stay, until, true);
        }
        self.quotes[guest].as_mut().unwrap().booking = Some(index);
        self.advance(index, false);
        if self.bookings[index].state == "PAYMENT_EXPIRED" { vec!["PAYMENT_DECLINED"] } else { vec![] }
    }

    /// The shares that remain after a cancellation, the guest's refund, and the host's penalty.
    pub fn cancellation(&self, index: usize, actor: Actor, chosen: i64) -> (Shares, i64, i64) {
        let booking = &self.bookings[index];
        let (stay, extra_refund) = (&booking.stay, booking.extra_refund);
        let (shares, penalty) = if actor == self.host_of(index) {
            stay.host_cancels(self.now)
        } else if actor == STAFF {
            (stay.staff_cancels((chosen + extra_refund).clamp(0, stay.total())), 0)
        } else {
            (stay.guest_cancels(booking.confirmed.unwrap_or(booking.created), self.now), 0)
        };
        let refund = stay.total() - shares.sum();
        (shares.after_refund((extra_refund - refund).max(0)), (refund - extra_refund).max(0), penalty)
    }
}
