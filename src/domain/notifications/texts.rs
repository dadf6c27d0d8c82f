//! The words of a notification, found in its facts when it is read.

use chrono::NaiveDate;

use super::{Facts, Notification, NotificationKind as Kind, Side};

/// What follows for a guest when a booking comes to nothing, however far its payment had come.
const NOTHING_KEPT: &str = "You pay nothing: what was set aside or taken for it comes back.";

impl Notification {
    /// What happened, in a few words.
    pub fn title(&self) -> &'static str {
        let host = self.facts.to == Side::Host;
        match self.kind {
            Kind::BookingRequested => "New request",
            Kind::BookingConfirmed if host => "New booking",
            Kind::BookingConfirmed => "Your booking is confirmed",
            Kind::BookingDeclined if self.facts.by.is_none() => "Your booking came to nothing",
            Kind::BookingDeclined => "Your request was declined",
            Kind::BookingWithdrawn => "A request was taken back",
            Kind::BookingRequestExpired if host => "A request has expired",
            Kind::BookingRequestExpired => "Your request has expired",
            Kind::BookingPaymentFailed => "Your payment did not go through",
            Kind::BookingCancelled if host => "A booking was cancelled",
            Kind::BookingCancelled => "Your booking was cancelled",
            Kind::BookingNoShow => "You were reported missing",
            Kind::BookingCheckedIn if host => "Your guest has arrived",
            Kind::BookingCheckedIn => "You have arrived",
            Kind::BookingCompleted if host => "A stay is over",
            Kind::BookingCompleted => "Your stay is over",
            Kind::BookingRefunded if host => "Your guest gets money back",
            Kind::BookingRefunded => "You get money back",
            Kind::AlterationRequested => "A change was asked for",
            Kind::AlterationAgreed => "Your change was agreed to",
            Kind::AlterationAccepted if host => "A booking was changed",
            Kind::AlterationAccepted => "Your booking was changed",
            Kind::AlterationDeclined => "Your change was declined",
            Kind::AlterationWithdrawn => "A change was taken back",
            Kind::AlterationExpired => "A change has expired",
            Kind::AlterationPaymentFailed => "A change was not paid for",
            Kind::ReviewSubmitted => "You were reviewed",
            Kind::ReviewPublished => "A review of you has appeared",
            Kind::ReviewAnswered => "Your review was answered",
            Kind::PayoutSent => "You were paid",
            Kind::PayoutOffset => "A payout paid what you owed",
            Kind::PayoutFailed => "A payout did not go through",
            Kind::PayoutHeld => "A payout is on hold",
        }
    }

    /// What happened, and what follows from it.
    pub fn body(&self) -> String {
        let facts = &self.facts;
        let mut text = self.happened();
        text.extend(self.money().map(|money| format!(" {money}")));
        text.extend(facts.reason.as_deref().map(|reason| match facts.by {
            Some(Side::Guest) => format!(" The guest says: {}", sentence(reason)),
            Some(Side::Host) => format!(" The host says: {}", sentence(reason)),
            None => format!(" The reason: {}", sentence(reason)),
        }));
        text
    }

    fn happened(&self) -> String {
        let stay = self.facts.named();
        let (who, other) = (self.facts.who(), self.facts.other());
        let is_guest = self.facts.to == Side::Guest;
        match self.kind {
            Kind::BookingRequested => format!("A guest asks for {stay}. Answer before the request expires."),
            Kind::BookingConfirmed => format!("The stay is agreed: {stay}."),
            Kind::BookingDeclined => format!("You did not get {stay}. {NOTHING_KEPT}"),
            Kind::BookingWithdrawn => format!("{who} took back the request for {stay}."),
            Kind::BookingRequestExpired if is_guest => {
                format!("Nothing came of the request for {stay}. {NOTHING_KEPT}")
            }
            Kind::BookingRequestExpired => format!("Nothing came of the request for {stay}."),
            Kind::BookingPaymentFailed => format!("There is no {stay}: it was not paid for. {NOTHING_KEPT}"),
            Kind::BookingCancelled => format!("{who} cancelled {stay}."),
            Kind::BookingNoShow => format!("{who} says that you never came for {stay}."),
            Kind::BookingCheckedIn => format!("{who} says that the guest of {stay} has arrived."),
            Kind::BookingCompleted => format!("The guest of {stay} has left. You can review {other} now."),
            Kind::BookingRefunded => format!("{who} gave back a part of what was paid for {stay}."),
            Kind::AlterationRequested => format!("{who} asks for another stay in place of {stay}."),
            Kind::AlterationAgreed => {
                format!("{who} agreed to change {stay}. It is changed once the difference is paid.")
            }
            Kind::AlterationAccepted => format!("It is now {stay}."),
            Kind::AlterationDeclined => format!("{who} declined to change {stay}; it stays as it is."),
            Kind::AlterationWithdrawn => format!("{who} took back the change of {stay}; it stays as it is."),
            Kind::AlterationExpired => format!("The change of {stay} came to nothing; it stays as it is."),
            Kind::AlterationPaymentFailed => {
                format!("The card was declined for the change of {stay}; it stays as it is.")
            }
            Kind::ReviewSubmitted => {
                format!("{who} reviewed {stay}. You can read it once you have written yours, or when the time is over.")
            }
            Kind::ReviewPublished => "Everybody can read it now, and you can answer it.".to_owned(),
            Kind::ReviewAnswered => "Everybody can read the answer.".to_owned(),
            Kind::PayoutSent => "The money is on its way to your account.".to_owned(),
            Kind::PayoutOffset => "All of it settled what you owed; nothing is sent.".to_owned(),
            Kind::PayoutFailed => "It will be tried again.".to_owned(),
            Kind::PayoutHeld => "It is kept back for now.".to_owned(),
        }
    }

    fn money(&self) -> Option<String> {
        let amount = self.facts.amount?;
        Some(match (self.kind, self.facts.to) {
            (Kind::PayoutSent, _) => format!("You are sent {amount}."),
            (Kind::PayoutOffset | Kind::PayoutFailed | Kind::PayoutHeld, _) => format!("It is about {amount}."),
            (Kind::BookingRefunded, Side::Host) => format!("The guest gets {amount} back."),
            (_, Side::Host) => format!("You keep {amount}."),
            (_, Side::Guest) => format!("You get {amount} back."),
        })
    }
}

/// What somebody wrote, with an end.
fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?', '…']) { text.to_owned() } else { format!("{text}.") }
}

impl Facts {
    fn who(&self) -> &'static str {
        match self.by {
            Some(Side::Guest) => "The guest",
            Some(Side::Host) => "The host",
            None => "The marketplace",
        }
    }

    fn other(&self) -> &'static str {
        match self.to {
            Side::Guest => "your host",
            Side::Host => "your guest",
        }
    }

    /// The booking with its code and days.
    fn named(&self) -> String {
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
    fn a_reason_ends_like_a_sentence_however_it_was_written() {
        let said = |reason| body(Kind::BookingDeclined, facts(Side::Guest, Some(Side::Host), Some(reason)));
        for (reason, end) in
            [("No", "says: No."), ("No. ", "says: No."), ("Sorry!", "says: Sorry!"), ("Why?", "says: Why?")]
        {
            assert!(said(reason).ends_with(end), "{}", said(reason));
        }
    }

    #[test]
    fn what_a_payout_waits_for_comes_last() {
        let amount = Some(Money::new(25_350, "USD".parse().unwrap()));
        let facts = Facts { amount, ..facts(Side::Host, None, Some("A complaint")) };
        let expected = "It is kept back for now. It is about 253.50 USD. The reason: A complaint.";
        assert_eq!(body(Kind::PayoutHeld, facts), expected);
    }

    #[test]
    fn a_host_is_told_nothing_of_the_guests_card_when_a_request_expires() {
        let told = |to| body(Kind::BookingRequestExpired, facts(to, None, None));
        assert_eq!(told(Side::Host), "Nothing came of the request for booking.");
        assert_eq!(told(Side::Guest), format!("Nothing came of the request for booking. {NOTHING_KEPT}"));
    }
}
