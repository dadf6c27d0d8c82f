//! The steps that a case is made of, and how they are drawn.

use proptest::prelude::*;

/// Who acts: three guests, two hosts, one of the staff. Often the wrong one.
pub type Actor = usize;
pub const GUESTS: usize = 3;
pub const HOSTS: usize = 2;
pub const STAFF: Actor = GUESTS + HOSTS;

/// Which card pays.
pub const CARDS: [&str; 6] = ["ok", "declined", "3ds", "3ds_fails", "unknown", "lost"];
/// Where a host is paid.
pub const ACCOUNTS: [&str; 4] = ["fine", "closed", "unknown", "lost"];

/// Who of the people around a booking tries something.
#[derive(Clone, Copy, Debug)]
pub enum By {
    Guest,
    Host,
    Staff,
    Anybody(Actor),
}

/// A moment to go to, relative to what a booking waits for.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    Minutes(i64),
    Hours(i64),
    Days(i64),
    /// The booking's next deadline but so many, and so many seconds after it.
    Deadline {
        booking: usize,
        next: usize,
        seconds: i64,
    },
}

/// What is done with a booking.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    ConfirmPayment,
    Accept,
    Decline,
    Withdraw,
    /// With so many ppm of what is left for staff, and wrong by so many cents.
    Cancel {
        ppm: i64,
        wrong: i64,
    },
    /// So many ppm of what may be given.
    Refund {
        ppm: i64,
    },
    AskAlteration {
        earlier: i64,
        longer: i64,
        adults: i64,
        card: &'static str,
    },
    AnswerAlteration {
        accept: bool,
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
pub enum Call {
    Book {
        guest: Actor,
        listing: usize,
        ahead: i64,
        nights: i64,
        adults: i64,
        card: &'static str,
    },
    /// With the last quote that was made for a guest.
    BookAgain {
        guest: Actor,
        card: &'static str,
    },
    On {
        booking: usize,
        by: By,
        deed: Deed,
    },
    Close {
        actor: Actor,
        listing: usize,
        ahead: i64,
        nights: i64,
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

/// One step of a case.
#[derive(Clone, Debug)]
pub enum Step {
    Call(Call),
    /// The last call once more, with its idempotency key.
    Again,
    /// Two calls at once.
    Race(Call, Call),
    /// Time passes, and what has become due is done.
    Pass(Moment),
    /// Time passes, and a call comes before anything that has become due is done.
    PassAndCall(Moment, Call),
}

fn card() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just("ok"), 5 => prop::sample::select(&CARDS[..])]
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![
        5 => Just(By::Guest),
        5 => Just(By::Host),
        2 => Just(By::Staff),
        1 => (0..=STAFF).prop_map(By::Anybody),
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

fn deed() -> impl Strategy<Value = (By, Deed)> {
    let wrong = prop_oneof![6 => Just(0_i64), 1 => Just(1), 1 => Just(-1)];
    let ppm = prop_oneof![Just(1_000_000_i64), Just(1_000_001), 0..1_000_000_i64];
    let ask = (-3..=3_i64, -3..=4_i64, 1..=4_i64, card());
    let own = |who: By, deed: Deed| (prop_oneof![6 => Just(who), 1 => by()], Just(deed));
    prop_oneof![
        3 => own(By::Guest, Deed::ConfirmPayment),
        3 => own(By::Host, Deed::Accept),
        1 => own(By::Host, Deed::Decline),
        1 => own(By::Guest, Deed::Withdraw),
        3 => (by(), (ppm.clone(), wrong).prop_map(|(ppm, wrong)| Deed::Cancel { ppm, wrong })),
        3 => (by(), ppm.prop_map(|ppm| Deed::Refund { ppm })),
        5 => (by(), ask.prop_map(|(earlier, longer, adults, card)| Deed::AskAlteration { earlier, longer, adults, card })),
        7 => (by(), (prop::bool::weighted(0.8), prop::option::of(card()))
            .prop_map(|(accept, card)| Deed::AnswerAlteration { accept, card })),
        2 => own(By::Guest, Deed::CheckIn),
        1 => own(By::Host, Deed::CheckOut),
        2 => own(By::Host, Deed::ReportNoShow),
        1 => own(By::Staff, Deed::HoldPayout),
        2 => own(By::Staff, Deed::ReleasePayout),
    ]
}

fn book() -> impl Strategy<Value = Call> {
    let ahead = prop::sample::select(&[0_i64, 0, 1, 2, 3, 5, 8, 9, 12, 33][..]);
    let nights = prop_oneof![12 => 1..=6_i64, 1 => 28..=40_i64];
    (0..GUESTS, 0..2_usize, ahead, nights, 1..=4_i64, card()).prop_map(
        |(guest, listing, ahead, nights, adults, card)| Call::Book { guest, listing, ahead, nights, adults, card },
    )
}

fn call() -> impl Strategy<Value = Call> {
    let actor = prop_oneof![6 => GUESTS..STAFF, 1 => 0..GUESTS];
    let ahead = 0..20_i64;
    prop_oneof![
        8 => book(),
        1 => (0..GUESTS, card()).prop_map(|(guest, card)| Call::BookAgain { guest, card }),
        24 => (0..6_usize, deed()).prop_map(|(booking, (by, deed))| Call::On { booking, by, deed }),
        2 => (actor.clone(), 0..2_usize, ahead, 1..5_i64, any::<bool>())
            .prop_map(|(actor, listing, ahead, nights, blocked)| Call::Close { actor, listing, ahead, nights, blocked }),
        1 => (actor.clone(), 0..2_usize, prop::bool::weighted(0.7))
            .prop_map(|(actor, listing, published)| Call::Publish { actor, listing, published }),
        1 => (actor, prop::sample::select(&ACCOUNTS[..])).prop_map(|(actor, account)| Call::Account { actor, account }),
    ]
}

/// A step of any kind.
pub fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        16 => call().prop_map(Step::Call),
        1 => Just(Step::Again),
        2 => (call(), call()).prop_map(|(one, other)| Step::Race(one, other)),
        5 => moment().prop_map(Step::Pass),
        2 => (moment(), call()).prop_map(|(moment, call)| Step::PassAndCall(moment, call)),
    ]
}
