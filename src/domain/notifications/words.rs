//! The words of a notification, found in its facts when it is read.

use chrono::NaiveDate;

use super::{Facts, Notification, NotificationKind as Kind, Side};

impl Notification {
    /// What happened, in a few words.
    pub fn title(&self) -> &'static str {
        let host = self.facts.to == Side::Host;
        match self.kind {
            Kind::BookingRequested => "New request",
            Kind::BookingConfirmed if host => "New booking",
            Kind::BookingConfirmed => "Your booking is confirmed",
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
        text.extend(facts.reason.as_ref().map(|reason| match facts.by {
            Some(Side::Guest) => format!(" The guest says: {reason}"),
            Some(Side::Host) => format!(" The host says: {reason}"),
            None => format!(" The reason: {reason}"),
        }));
        text
    }

    fn happened(&self) -> String {
        let stay = self.facts.named();
        let (who, other) = (self.facts.who(), self.facts.other());
        match self.kind {
            Kind::BookingRequested => format!("A guest asks for {stay}. Answer before the request expires."),
            Kind::BookingConfirmed => format!("The stay is agreed: {stay}."),
            Kind::BookingDeclined => format!("You did not get {stay}. Nothing is charged."),
            Kind::BookingWithdrawn => format!("{who} took back the request for {stay}. The nights are free again."),
            Kind::BookingRequestExpired => format!("Nothing came of the request for {stay}. Nothing is charged."),
            Kind::BookingPaymentFailed => format!("There is no {stay}: it was not paid for. Nothing is charged."),
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
            Kind::PayoutHeld => "It waits until that is settled.".to_owned(),
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
