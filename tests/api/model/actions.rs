//! Applies a command about one booking to the model.

use chrono::TimeDelta;

use super::commands::{Command, ExpectedErrors};
use super::money::{Stay, later};
use super::operations::{Action, Actor, Answer, GUESTS, STAFF};
use super::state::{Alteration, Model, Payment, PaymentStatus};

impl Model {
    pub fn apply_to_booking(&mut self, command: &Command) -> ExpectedErrors {
        let Command::OnBooking { booking: index, actor, action, amount, stay, payout } = command else { return vec![] };
        let (index, actor) = (*index, *actor);
        let host = self.host_of(index);
        let guest = self.bookings[index].guest;
        if matches!(action, Action::Refund { .. }) && *amount == 0 {
            return vec!["INVALID"];
        }
        if ![guest, host, STAFF].contains(&actor) {
            return vec!["NOT_FOUND"];
        }
        let require = |model: &Model, parties: &[Actor], name: &str| {
            if !parties.contains(&actor) {
                Err(vec!["FORBIDDEN"])
            } else if !model.actions(index, actor).contains(name) {
                Err(vec!["STATE_CONFLICT"])
            } else {
                Ok(())
            }
        };
        let apply = |model: &mut Model| -> Result<(), ExpectedErrors> {
            match *action {
                Action::ConfirmPayment => return model.confirm_payment(index, actor),
                Action::Accept => {
                    require(model, &[host], "ACCEPT")?;
                    if model.bookings[index].expires.is_some_and(|at| at <= model.now) {
                        model.advance(index, false);
                        return Err(vec!["STATE_CONFLICT"]);
                    }
                    let (stay, now) = (model.bookings[index].stay.clone(), model.now);
                    if !model.bookings[index].claims_nights && !model.claim(index, &stay, now, true) {
                        return Err(vec!["NIGHTS_UNAVAILABLE"]);
                    }
                    model.confirm(index);
                }
                Action::Decline => {
                    require(model, &[host], "DECLINE")?;
                    model.close(index, "DECLINED");
                }
                Action::Withdraw => {
                    require(model, &[guest], "WITHDRAW")?;
                    model.close(index, "WITHDRAWN");
                }
                Action::Cancel { .. } => {
                    require(model, &[guest, host, STAFF], "CANCEL")?;
                    let (shares, refund, penalty) = model.cancellation(index, actor, *amount);
                    if refund != *amount {
                        return Err(vec!["REFUND_CHANGED"]);
                    }
                    let state = match actor {
                        STAFF => "CANCELLED_BY_PLATFORM",
                        actor if actor == host => "CANCELLED_BY_HOST",
                        _ => "CANCELLED_BY_GUEST",
                    };
                    model.cancel_confirmed(index, state, shares);
                    model.hosts[host - GUESTS].balance -= penalty;
                    model.hosts[host - GUESTS].has_owed |= penalty > 0;
                }
                Action::Refund { .. } => {
                    if actor == guest {
                        return Err(vec!["FORBIDDEN"]);
                    }
                    let booking = &mut model.bookings[index];
                    let limit = if actor == host { booking.shares.host } else { booking.shares.sum() };
                    if booking.captured > 0 && *amount > limit {
                        return Err(vec!["INVALID"]);
                    }
                    if booking.captured == 0 {
                        return Err(vec!["STATE_CONFLICT"]);
                    }
                    booking.extra_refund += *amount;
                    let shares = booking.shares.after_refund(*amount);
                    model.settle_shares(index, shares);
                }
                Action::RequestAlteration { card, .. } => {
                    require(model, &[guest, host], "REQUEST_ALTERATION")?;
                    return model.request_alteration(index, actor == guest, stay, card);
                }
                Action::AnswerAlteration { answer, card } => {
                    if actor == STAFF {
                        return Err(vec!["FORBIDDEN"]);
                    }
                    return model.respond_to_alteration(index, actor == guest, answer, card);
                }
                Action::CheckIn => {
                    require(model, &[guest, host], "CHECK_IN")?;
                    model.bookings[index].state = "CHECKED_IN";
                    model.bookings[index].check_in_reported = true;
                }
                Action::CheckOut => {
                    require(model, &[guest, host], "CHECK_OUT")?;
                    model.bookings[index].state = "COMPLETED";
                }
                Action::ReportNoShow => {
                    require(model, &[host], "REPORT_NO_SHOW")?;
                    let (shares, ..) = model.cancellation(index, guest, 0);
                    model.cancel_confirmed(index, "NO_SHOW", shares);
                }
                Action::HoldPayout | Action::ReleasePayout => {
                    let found = payout.and_then(|number| model.bookings[index].payouts.get_mut(&number));
                    let Some(found) = found.filter(|_| actor != guest) else { return Err(vec!["NOT_FOUND"]) };
                    if actor != STAFF {
                        return Err(vec!["FORBIDDEN"]);
                    }
                    let (from, to) = match action {
                        Action::HoldPayout => (["SCHEDULED", "FAILED"], "ON_HOLD"),
                        _ if found.is_released => (["ON_HOLD"; 2], "FAILED"),
                        _ => (["ON_HOLD"; 2], "SCHEDULED"),
                    };
                    if !from.contains(&&*found.state) {
                        return Err(vec!["STATE_CONFLICT"]);
                    }
                    found.state = to.to_owned();
                }
            }
            Ok(())
        };
        let expected = apply(self).err().unwrap_or_default();
        self.advance(index, false);
        expected
    }

    fn confirm_payment(&mut self, index: usize, actor: Actor) -> Result<(), ExpectedErrors> {
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

    fn request_alteration(
        &mut self,
        index: usize,
        by_guest: bool,
        stay: &Stay,
        card: &'static str,
    ) -> Result<(), ExpectedErrors> {
        let (now, today) = (self.now, self.today());
        let booking = &self.bookings[index];
        let is_checked_in = booking.state == "CHECKED_IN";
        let mut expected = Vec::new();
        let mut check = |is_wrong: bool, code: &'static str| expected.extend(is_wrong.then_some(code));
        let is_same_arrival = stay.check_in == booking.stay.check_in;
        check(
            is_same_arrival && stay.check_out == booking.stay.check_out && stay.adults == booking.stay.adults,
            "INVALID",
        );
        check(is_checked_in && !is_same_arrival, "INVALID");
        check(stay.check_out <= today && stay.check_in < stay.check_out, "INVALID");
        check(stay.check_in >= stay.check_out, "STAY_RULE_VIOLATED");
        check(stay.check_in < today && !is_same_arrival, "STAY_RULE_VIOLATED");
        check(
            stay.check_in < stay.check_out && !self.is_free(booking.listing, stay, Some(index)),
            "NIGHTS_UNAVAILABLE",
        );
        check(stay.check_in < stay.check_out && stay.total() < booking.extra_refund, "INVALID");
        if !expected.is_empty() {
            return Err(expected);
        }
        if self.open_alteration(index).is_some() {
            return Err(vec!["STATE_CONFLICT"]);
        }
        let booking = &mut self.bookings[index];
        let start = if is_checked_in { booking.stay.check_out_at() } else { booking.stay.check_in_at() };
        let expires = (now + TimeDelta::hours(24)).min(start.max(now + TimeDelta::hours(1)));
        let card = by_guest.then_some(card);
        let open = Alteration { state: "PENDING", by_guest, stay: stay.clone(), card, expires, payment: None };
        let nights = stay.dates().count();
        let shortened = is_same_arrival && nights < booking.stay.dates().count() && stay.adults == booking.stay.adults;
        let has_notice = stay.check_out >= later(today, 30);
        booking.alterations.push(open);
        if by_guest && nights >= 28 && shortened && has_notice {
            self.swap(index);
        }
        Ok(())
    }

    fn respond_to_alteration(
        &mut self,
        index: usize,
        is_guest: bool,
        answer: Answer,
        card: Option<&'static str>,
    ) -> Result<(), ExpectedErrors> {
        let now = self.now;
        let Some(last) = self.bookings[index].alterations.last_mut() else { return Err(vec!["NOT_FOUND"]) };
        if (last.by_guest == is_guest) != (answer == Answer::Withdraw) {
            return Err(vec!["FORBIDDEN"]);
        }
        if last.state != "PENDING" || last.expires <= now {
            self.advance(index, false);
            return Err(vec!["STATE_CONFLICT"]);
        }
        if answer != Answer::Accept {
            last.state = if answer == Answer::Withdraw { "WITHDRAWN" } else { "DECLINED" };
            return Ok(());
        }
        let (stay, requested_card) = (last.stay.clone(), last.card);
        if stay.total() < self.bookings[index].extra_refund {
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
        let card = card.filter(|_| is_guest).or(requested_card).unwrap_or(booking.payment.card);
        let payment = Payment::open(card, now);
        let is_declined = payment.status == PaymentStatus::Closed;
        if let Some(open) = self.open_alteration(index) {
            (open.state, open.expires, open.payment) = ("PAYING", hold, Some(payment));
        }
        self.advance(index, false);
        if is_declined { Err(vec!["PAYMENT_DECLINED"]) } else { Ok(()) }
    }
}
