//! The operations of a case, and the strategies that generate them.

use proptest::prelude::*;

/// The index of a person: three guests, two hosts, one staff member.
pub type Actor = usize;
pub const GUESTS: usize = 3;
pub const HOSTS: usize = 2;
pub const STAFF: Actor = GUESTS + HOSTS;

/// The cards of the sandbox gateway, each with its own outcome.
pub const CARDS: [&str; 6] = ["ok", "declined", "3ds", "3ds_fails", "unknown", "lost"];
/// The payout accounts of the sandbox gateway, each with its own outcome.
pub const ACCOUNTS: [&str; 4] = ["fine", "closed", "unknown", "lost"];

/// Who acts on a booking, relative to the booking. `Anybody` is often a person without permission.
#[derive(Clone, Copy, Debug)]
pub enum Party {
    Guest,
    Host,
    Staff,
    Anybody(Actor),
}

/// An answer to an alteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Accept,
    Decline,
    Withdraw,
}

/// A time to advance the clock to.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    Minutes(i64),
    Hours(i64),
    Days(i64),
    /// `seconds` after the deadline numbered `next` among those of a booking that are still to come.
    Deadline {
        booking: usize,
        next: usize,
        seconds: i64,
    },
}

/// An action on a booking.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    ConfirmPayment,
    Accept,
    Decline,
    Withdraw,
    /// `ppm` is the part of the unrefunded price that staff refund. `wrong` is the error of the expected refund, in
    /// cents.
    Cancel {
        ppm: i64,
        wrong: i64,
    },
    /// `ppm` is the part of the refundable amount that is refunded.
    Refund {
        ppm: i64,
    },
    RequestAlteration {
        earlier: i64,
        longer: i64,
        adults: i64,
        card: &'static str,
    },
    AnswerAlteration {
        answer: Answer,
        card: Option<&'static str>,
    },
    CheckIn,
    CheckOut,
    ReportNoShow,
    HoldPayout,
    ReleasePayout,
}

/// One mutation.
#[derive(Clone, Copy, Debug)]
pub enum Mutation {
    Book {
        guest: Actor,
        listing: usize,
        ahead: i64,
        nights: i64,
        adults: i64,
        card: &'static str,
    },
    /// Books the guest's last quote.
    BookLastQuote {
        guest: Actor,
        card: &'static str,
    },
    OnBooking {
        booking: usize,
        party: Party,
        action: Action,
    },
    SetBlocked {
        actor: Actor,
        listing: usize,
        ahead: i64,
        nights: i64,
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

/// One operation of a case.
#[derive(Clone, Debug)]
pub enum Operation {
    Send(Mutation),
    /// Repeats the last mutation with its idempotency key.
    Replay,
    /// Sends two mutations concurrently.
    Race(Mutation, Mutation),
    /// Advances the clock and runs the jobs that are due.
    Wait(Moment),
    /// Advances the clock and sends a mutation before the jobs that are due have run.
    WaitAndSend(Moment, Mutation),
}

fn card() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just("ok"), 5 => prop::sample::select(&CARDS[..])]
}

fn party() -> impl Strategy<Value = Party> {
    prop_oneof![
        5 => Just(Party::Guest),
        5 => Just(Party::Host),
        2 => Just(Party::Staff),
        1 => (0..=STAFF).prop_map(Party::Anybody),
    ]
}

fn moment() -> impl Strategy<Value = Moment> {
    let seconds = prop_oneof![Just(-1_i64), Just(0), Just(1), Just(31), Just(3_600)];
    prop_oneof![
        2 => (1..40_i64).prop_map(Moment::Minutes),
        1 => (1..30_i64).prop_map(Moment::Hours),
        1 => (1..12_i64).prop_map(Moment::Days),
        6 => (0..8_usize, 0..3_usize, seconds)
            .prop_map(|(booking, next, seconds)| Moment::Deadline { booking, next, seconds }),
    ]
}

fn action() -> impl Strategy<Value = (Party, Action)> {
    let wrong = prop_oneof![6 => Just(0_i64), 1 => Just(1), 1 => Just(-1)];
    let ppm = prop_oneof![Just(1_000_000_i64), Just(1_000_001), 0..1_000_000_i64];
    let request = (-3..=3_i64, -3..=4_i64, 1..=4_i64, card());
    let answer = prop_oneof![7 => Just(Answer::Accept), 1 => Just(Answer::Decline), 1 => Just(Answer::Withdraw)];
    let usually = |who: Party, action: Action| (prop_oneof![6 => Just(who), 1 => party()], Just(action));
    prop_oneof![
        3 => usually(Party::Guest, Action::ConfirmPayment),
        3 => usually(Party::Host, Action::Accept),
        1 => usually(Party::Host, Action::Decline),
        1 => usually(Party::Guest, Action::Withdraw),
        3 => (party(), (ppm.clone(), wrong).prop_map(|(ppm, wrong)| Action::Cancel { ppm, wrong })),
        3 => (party(), ppm.prop_map(|ppm| Action::Refund { ppm })),
        5 => (party(), request.prop_map(|(earlier, longer, adults, card)| Action::RequestAlteration { earlier, longer, adults, card })),
        8 => (party(), (answer, prop::option::of(card()))
            .prop_map(|(answer, card)| Action::AnswerAlteration { answer, card })),
        2 => usually(Party::Guest, Action::CheckIn),
        1 => usually(Party::Host, Action::CheckOut),
        2 => usually(Party::Host, Action::ReportNoShow),
        1 => usually(Party::Staff, Action::HoldPayout),
        2 => usually(Party::Staff, Action::ReleasePayout),
    ]
}

fn book() -> impl Strategy<Value = Mutation> {
    let ahead = prop::sample::select(&[0_i64, 0, 1, 2, 3, 5, 8, 9, 12, 33][..]);
    let nights = prop_oneof![12 => 1..=6_i64, 1 => 28..=40_i64];
    (0..GUESTS, 0..2_usize, ahead, nights, 1..=4_i64, card()).prop_map(
        |(guest, listing, ahead, nights, adults, card)| Mutation::Book { guest, listing, ahead, nights, adults, card },
    )
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let actor = prop_oneof![6 => GUESTS..STAFF, 1 => 0..GUESTS];
    let ahead = 0..20_i64;
    prop_oneof![
        8 => book(),
        1 => (0..GUESTS, card()).prop_map(|(guest, card)| Mutation::BookLastQuote { guest, card }),
        24 => (0..6_usize, action()).prop_map(|(booking, (party, action))| Mutation::OnBooking { booking, party, action }),
        2 => (actor.clone(), 0..2_usize, ahead, 1..5_i64, any::<bool>())
            .prop_map(|(actor, listing, ahead, nights, blocked)| Mutation::SetBlocked { actor, listing, ahead, nights, blocked }),
        1 => (actor.clone(), 0..2_usize, prop::bool::weighted(0.7))
            .prop_map(|(actor, listing, published)| Mutation::SetPublished { actor, listing, published }),
        1 => (actor, prop::sample::select(&ACCOUNTS[..])).prop_map(|(actor, account)| Mutation::SetPayoutAccount { actor, account }),
    ]
}

/// Any operation.
pub fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        16 => mutation().prop_map(Operation::Send),
        1 => Just(Operation::Replay),
        2 => (mutation(), mutation()).prop_map(|(one, other)| Operation::Race(one, other)),
        5 => moment().prop_map(Operation::Wait),
        2 => (moment(), mutation()).prop_map(|(moment, mutation)| Operation::WaitAndSend(moment, mutation)),
    ]
}
