//! What the model says of a call about one booking.

use chrono::TimeDelta;

use super::calls::{Order, Verdict};
use super::money::{Stay, later};
use super::rules::{Alteration, Model, Payment, Reach};
use super::steps::{Actor, Deed, GUESTS, STAFF};

impl Model {
    pub fn obey_on(&mut self, order: &Order) -> Verdict {
        let Order::On { booking: index, actor, deed, amount, stay, payout } = order else { return vec![] };
        let (index, actor) = (*index, *actor);
        let host = self.host_of(index);
        let guest = self.bookings[index].guest;
        if matches!(deed, Deed::Refund { .. }) && *amount == 0 {
            return vec!["INVALID"];
        }
        if ![guest, host, STAFF].contains(&actor) {
            return vec!["NOT_FOUND"];
        }
        let allowed = |model: &Model, who: &[Actor], action: &str| match (who.contains(&actor), action) {
            (false, _) => Err(vec!["FORBIDDEN"]),
            (true, action) if model.actions(index, actor).contains(action) => Ok(()),
            _ => Err(vec!["STATE_CONFLICT"]),
        };
        let run = |model: &mut Model| -> Result<(), Verdict> {
            match *deed {
                Deed::ConfirmPayment => return model.confirm_payment(index, actor),
                Deed::Accept => {
                    allowed(model, &[host], "ACCEPT")?;
                    if model.bookings[index].expires.is_some_and(|at| at <= model.now) {
                        model.advance(index, false);
                        return Err(vec!["STATE_CONFLICT"]);
                    }
                    let (stay, now) = (model.bookings[index].stay.clone(), model.now);
                    if !model.bookings[index].holds && !model.claim(index, &stay, now, true) {
                        return Err(vec!["NIGHTS_UNAVAILABLE"]);
                    }
                    model.confirm(index);
                }
                Deed::Decline => {
                    allowed(model, &[host], "DECLINE")?;
                    model.end(index, "DECLINED");
                }
                Deed::Withdraw => {
                    allowed(model, &[guest], "WITHDRAW")?;
                    model.end(index, "WITHDRAWN");
                }
                Deed::Cancel { .. } => {
                    allowed(model, &[guest, host, STAFF], "CANCEL")?;
                    let (shares, refund, penalty) = model.cancellation(index, actor, *amount);
                    if refund != *amount {
                        return Err(vec!["REFUND_CHANGED"]);
                    }
                    let state = match actor {
                        STAFF => "CANCELLED_BY_PLATFORM",
                        actor if actor == host => "CANCELLED_BY_HOST",
                        _ => "CANCELLED_BY_GUEST",
                    };
                    model.break_off(index, state, shares);
                    model.hosts[host - GUESTS].balance -= penalty;
                    model.hosts[host - GUESTS].owed |= penalty > 0;
                }
                Deed::Refund { .. } => {
                    if actor == guest {
                        return Err(vec!["FORBIDDEN"]);
                    }
                    let booking = &mut model.bookings[index];
                    let most = if actor == host { booking.shares.host } else { booking.shares.sum() };
                    if booking.captured > 0 && *amount > most {
                        return Err(vec!["INVALID"]);
                    }
                    if booking.captured == 0 {
                        return Err(vec!["STATE_CONFLICT"]);
                    }
                    booking.given += *amount;
                    let shares = booking.shares.less(*amount);
                    model.divide(index, shares);
                }
                Deed::AskAlteration { card, .. } => {
                    allowed(model, &[guest, host], "REQUEST_ALTERATION")?;
                    return model.ask_alteration(index, actor == guest, stay, card);
                }
                Deed::AnswerAlteration { accept, card } => {
                    if actor == STAFF {
                        return Err(vec!["FORBIDDEN"]);
                    }
                    return model.answer_alteration(index, actor == guest, accept, card);
                }
                Deed::CheckIn => {
                    allowed(model, &[guest, host], "CHECK_IN")?;
                    model.bookings[index].state = "CHECKED_IN";
                    model.bookings[index].is_seen = true;
                }
                Deed::CheckOut => {
                    allowed(model, &[guest, host], "CHECK_OUT")?;
                    model.bookings[index].state = "COMPLETED";
                }
                Deed::ReportNoShow => {
                    allowed(model, &[host], "REPORT_NO_SHOW")?;
                    let (shares, ..) = model.cancellation(index, guest, 0);
                    model.break_off(index, "NO_SHOW", shares);
                }
                Deed::HoldPayout | Deed::ReleasePayout => {
                    let known = payout.and_then(|number| model.bookings[index].payouts.get_mut(&number));
                    let Some(known) = known.filter(|_| actor != guest) else { return Err(vec!["NOT_FOUND"]) };
                    if actor != STAFF {
                        return Err(vec!["FORBIDDEN"]);
                    }
                    let (from, to) = match deed {
                        Deed::HoldPayout => (["SCHEDULED", "FAILED"], "ON_HOLD"),
                        _ if known.is_released => (["ON_HOLD"; 2], "FAILED"),
                        _ => (["ON_HOLD"; 2], "SCHEDULED"),
                    };
                    if !from.contains(&&*known.state) {
                        return Err(vec!["STATE_CONFLICT"]);
                    }
                    known.state = to.to_owned();
                }
            }
            Ok(())
        };
        let verdict = run(self).err().unwrap_or_default();
        self.advance(index, false);
        verdict
    }

    fn confirm_payment(&mut self, index: usize, actor: Actor) -> Result<(), Verdict> {
        let now = self.now;
        let is_guest = actor == self.bookings[index].guest;
        if is_guest && let Some(payment) = self.open_alteration(index).and_then(|open| open.payment.as_mut()) {
            payment.confirm(now);
            self.advance(index, true);
            return Ok(());
        }
        if !is_guest {
            return Err(vec!["FORBIDDEN"]);
        }
        if self.bookings[index].state != "PENDING_PAYMENT" {
            return Err(vec!["STATE_CONFLICT"]);
        }
        self.bookings[index].payment.confirm(now);
        self.advance(index, true);
        if self.bookings[index].state == "PAYMENT_EXPIRED" { Err(vec!["PAYMENT_DECLINED"]) } else { Ok(()) }
    }

    fn ask_alteration(&mut self, index: usize, by_guest: bool, stay: &Stay, card: &'static str) -> Result<(), Verdict> {
        let (now, today) = (self.now, self.today());
        let booking = &self.bookings[index];
        let is_there = booking.state == "CHECKED_IN";
        let mut verdict = Vec::new();
        let mut when = |wrong: bool, word: &'static str| verdict.extend(wrong.then_some(word));
        let arrival_stays = stay.check_in == booking.stay.check_in;
        when(
            arrival_stays && stay.check_out == booking.stay.check_out && stay.adults == booking.stay.adults,
            "INVALID",
        );
        when(is_there && !arrival_stays, "INVALID");
        when(stay.check_out <= today && stay.check_in < stay.check_out, "INVALID");
        when(stay.check_in >= stay.check_out, "STAY_RULE_VIOLATED");
        when(stay.check_in < today && !arrival_stays, "STAY_RULE_VIOLATED");
        when(stay.check_in < stay.check_out && !self.is_free(booking.listing, stay, Some(index)), "NIGHTS_UNAVAILABLE");
        when(stay.check_in < stay.check_out && stay.total() < booking.given, "INVALID");
        if !verdict.is_empty() {
            return Err(verdict);
        }
        if self.open_alteration(index).is_some() {
            return Err(vec!["STATE_CONFLICT"]);
        }
        let booking = &mut self.bookings[index];
        let begins = if is_there { booking.stay.check_out_at() } else { booking.stay.check_in_at() };
        let expires = (now + TimeDelta::hours(24)).min(begins.max(now + TimeDelta::hours(1)));
        let card = by_guest.then_some(card);
        let open = Alteration { state: "PENDING", by_guest, stay: stay.clone(), card, expires, payment: None };
        let nights = stay.dates().count();
        let shortened = arrival_stays && nights < booking.stay.dates().count() && stay.adults == booking.stay.adults;
        let noticed = stay.check_out >= later(today, 30);
        booking.alterations.push(open);
        if by_guest && nights >= 28 && shortened && noticed {
            self.swap(index);
        }
        Ok(())
    }

    fn answer_alteration(
        &mut self,
        index: usize,
        is_guest: bool,
        accept: bool,
        card: Option<&'static str>,
    ) -> Result<(), Verdict> {
        let now = self.now;
        let Some(last) = self.bookings[index].alterations.last_mut() else { return Err(vec!["NOT_FOUND"]) };
        if last.by_guest == is_guest && accept {
            return Err(vec!["FORBIDDEN"]);
        }
        if last.state != "PENDING" || last.expires <= now {
            self.advance(index, false);
            return Err(vec!["STATE_CONFLICT"]);
        }
        if !accept {
            last.state = if last.by_guest == is_guest { "WITHDRAWN" } else { "DECLINED" };
            return Ok(());
        }
        let (stay, named) = (last.stay.clone(), last.card);
        if stay.total() < self.bookings[index].given {
            return Err(vec!["STATE_CONFLICT"]);
        }
        let hold = now + TimeDelta::minutes(15);
        if !self.claim(index, &stay, hold, false) {
            return Err(vec!["NIGHTS_UNAVAILABLE"]);
        }
        let booking = &mut self.bookings[index];
        if stay.total() <= booking.stay.total() {
            self.swap(index);
            return Ok(());
        }
        let card = card.filter(|_| is_guest).or(named).unwrap_or(booking.payment.card);
        let payment = Payment::open(card, now);
        let is_over = payment.reach == Reach::Over;
        if let Some(open) = self.open_alteration(index) {
            (open.state, open.expires, open.payment) = ("PAYING", hold, Some(payment));
        }
        self.advance(index, false);
        if is_over { Err(vec!["PAYMENT_DECLINED"]) } else { Ok(()) }
    }
}
