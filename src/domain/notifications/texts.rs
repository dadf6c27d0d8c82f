//! The text of a notification, built from its facts when it is read.

use chrono::NaiveDate;

use super::{Facts, Notification, NotificationKind as Kind, Side};

/// What a guest pays if there is no booking in the end, whatever happened to the payment before.
const NO_CHARGE: &str = "You pay nothing: any amount that was authorized or charged is returned.";

impl Notification {
    /// A short summary of what happened.
    pub fn title(&self) -> &'static str {
        let host = self.facts.to == Side::Host;
        match self.kind {
            Kind::BookingRequested => "New request",
            Kind::BookingConfirmed if host => "New booking",
            Kind::BookingConfirmed => "Your booking is confirmed",
            Kind::BookingDeclined if self.facts.by.is_none() => "Your booking could not be made",
            Kind::BookingDeclined => "Your request was declined",
            Kind::BookingWithdrawn => "A request was withdrawn",
            Kind::BookingRequestExpired if host => "A request has expired",
            Kind::BookingRequestExpired => "Your request has expired",
            Kind::BookingPaymentFailed => "Your payment did not go through",
            Kind::BookingCancelled if host => "A booking was cancelled",
            Kind::BookingCancelled => "Your booking was cancelled",
            Kind::BookingNoShow => "You were reported as a no-show",
            Kind::BookingCheckedIn if host => "Your guest has arrived",
            Kind::BookingCheckedIn => "You are checked in",
            Kind::BookingCompleted if host => "A stay is over",
            Kind::BookingCompleted => "Your stay is over",
            Kind::BookingRefunded if host => "Your guest gets a refund",
            Kind::BookingRefunded => "You get a refund",
            Kind::AlterationRequested => "A change was requested",
            Kind::AlterationAgreed => "Your change request was accepted",
            Kind::AlterationAccepted if host => "A booking was changed",
            Kind::AlterationAccepted => "Your booking was changed",
            Kind::AlterationDeclined => "Your change request was declined",
            Kind::AlterationWithdrawn => "A change request was withdrawn",
            Kind::AlterationExpired => "A change request has expired",
            Kind::AlterationPaymentFailed => "A change was not paid",
            Kind::ReviewSubmitted => "You were reviewed",
            Kind::ReviewPublished => "A review of you was published",
            Kind::ReviewAnswered => "Your review was answered",
            Kind::PayoutSent => "You were paid",
            Kind::PayoutOffset => "A payout was used to pay what you owed",
            Kind::PayoutFailed => "A payout did not go through",
            Kind::PayoutHeld => "A payout is on hold",
        }
    }

    /// What happened and what follows from it, with the amount and the reason.
    pub fn body(&self) -> String {
        let facts = &self.facts;
        let mut text = self.description();
        text.extend(self.amount_sentence().map(|money| format!(" {money}")));
        text.extend(facts.reason.as_deref().map(|reason| match facts.by {
            Some(Side::Guest) => format!(" The guest says: {}", sentence(reason)),
            Some(Side::Host) => format!(" The host says: {}", sentence(reason)),
            None => format!(" Reason: {}", sentence(reason)),
        }));
        text
    }

    fn description(&self) -> String {
        let stay = self.facts.booking_label();
        let (who, other) = (self.facts.actor(), self.facts.other_side());
        let is_guest = self.facts.to == Side::Guest;
        match self.kind {
            Kind::BookingRequested => format!("A guest requests {stay}. Answer before the request expires."),
            Kind::BookingConfirmed => format!("The stay is confirmed: {stay}."),
            Kind::BookingDeclined if self.facts.by.is_none() => {
                format!("It was not possible to confirm {stay}. {NO_CHARGE}")
            }
            Kind::BookingDeclined => format!("{who} declined {stay}. {NO_CHARGE}"),
            Kind::BookingWithdrawn => format!("{who} withdrew the request for {stay}."),
            Kind::BookingRequestExpired if is_guest => {
                format!("The request for {stay} has ended. {NO_CHARGE}")
            }
            Kind::BookingRequestExpired => format!("The request for {stay} has ended."),
            Kind::BookingPaymentFailed => format!("There is no {stay}, because it was not paid. {NO_CHARGE}"),
            Kind::BookingCancelled => format!("{who} cancelled {stay}."),
            Kind::BookingNoShow => format!("{who} reports that you did not arrive for {stay}."),
            Kind::BookingCheckedIn => format!("{who} reports that the guest of {stay} has arrived."),
            Kind::BookingCompleted => format!("The guest of {stay} has left. You can review {other} now."),
            Kind::BookingRefunded => format!("{who} refunded a part of the price of {stay}."),
            Kind::AlterationRequested => format!("{who} requests a change of {stay}."),
            Kind::AlterationAgreed => {
                format!("{who} agreed to change {stay}. The change takes effect once the difference is paid.")
            }
            Kind::AlterationAccepted => format!("The booking was changed. It is now {stay}."),
            Kind::AlterationDeclined => format!("{who} declined to change {stay}. It stays as it is."),
            Kind::AlterationWithdrawn => format!("{who} withdrew the change of {stay}. It stays as it is."),
            Kind::AlterationExpired => format!("The change of {stay} expired. It stays as it is."),
            Kind::AlterationPaymentFailed => {
                format!("The change of {stay} was not paid. It stays as it is.")
            }
            Kind::ReviewSubmitted => {
                format!(
                    "{who} reviewed {stay}. You can read it once you have written yours, or when the review period \
                     is over."
                )
            }
            Kind::ReviewPublished => "Everybody can read it now, and you can respond to it.".to_owned(),
            Kind::ReviewAnswered => "Everybody can read the response.".to_owned(),
            Kind::PayoutSent => "The money is on its way to your account.".to_owned(),
            Kind::PayoutOffset => "All of it was used to pay what you owed. Nothing is sent.".to_owned(),
            Kind::PayoutFailed => "It will be sent again later.".to_owned(),
            Kind::PayoutHeld => "It is not sent until the hold ends.".to_owned(),
        }
    }

    fn amount_sentence(&self) -> Option<String> {
        let amount = self.facts.amount?;
        Some(match (self.kind, self.facts.to) {
            (Kind::PayoutSent, _) => format!("The amount is {amount}."),
            (Kind::PayoutOffset | Kind::PayoutFailed | Kind::PayoutHeld, _) => format!("The amount is {amount}."),
            (Kind::BookingRefunded, Side::Host) => format!("The guest gets {amount} back."),
            (_, Side::Host) => format!("You keep {amount}."),
            (_, Side::Guest) => format!("You get {amount} back."),
        })
    }
}

/// The text with a full stop, unless it ends with a punctuation mark.
fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?', '…']) { text.to_owned() } else { format!("{text}.") }
}

impl Facts {
    /// The side that acted, as the subject of a sentence.
    fn actor(&self) -> &'static str {
        match self.by {
            Some(Side::Guest) => "The guest",
            Some(Side::Host) => "The host",
            None => "The marketplace",
        }
    }

    /// The side that is not the recipient.
    fn other_side(&self) -> &'static str {
        match self.to {
            Side::Guest => "your host",
            Side::Host => "your guest",
        }
    }

    /// The booking with its code and dates.
    fn booking_label(&self) -> String {
        let day = |date: NaiveDate| date.format("%-d %B %Y");
        let code = self.code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
        let days = self.stay.map(|(from, to)| format!(" ({} to {})", day(from), day(to))).unwrap_or_default();
        format!("booking{code}{days}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::money::Money;

    fn body(kind: Kind, facts: Facts) -> String {
        let (id, created_at) = (uuid::Uuid::nil(), chrono::DateTime::UNIX_EPOCH);
        Notification { id, user_id: id, kind, subject: String::new(), facts, created_at, read_at: None }.body()
    }

    fn facts(to: Side, by: Option<Side>, reason: Option<&str>) -> Facts {
        Facts { to, by, code: None, stay: None, amount: None, reason: reason.map(str::to_owned) }
    }

    #[test]
    fn a_reason_ends_with_a_punctuation_mark() {
        let said = |reason| body(Kind::BookingDeclined, facts(Side::Guest, Some(Side::Host), Some(reason)));
        for (reason, end) in
            [("No", "says: No."), ("No. ", "says: No."), ("Sorry!", "says: Sorry!"), ("Why?", "says: Why?")]
        {
            assert!(said(reason).ends_with(end), "{}", said(reason));
        }
    }

    #[test]
    fn the_reason_of_a_hold_is_the_last_sentence() {
        let amount = Some(Money::new(25_350, "USD".parse().unwrap()));
        let facts = Facts { amount, ..facts(Side::Host, None, Some("A complaint")) };
        let expected = "It is not sent until the hold ends. The amount is 253.50 USD. Reason: A complaint.";
        assert_eq!(body(Kind::PayoutHeld, facts), expected);
    }

    #[test]
    fn a_hosts_notification_does_not_mention_the_guests_card_when_a_request_expires() {
        let text = |to| body(Kind::BookingRequestExpired, facts(to, None, None));
        assert_eq!(text(Side::Host), "The request for booking has ended.");
        assert_eq!(text(Side::Guest), format!("The request for booking has ended. {NO_CHARGE}"));
    }
}
