//! The page on the lifecycle of bookings, compared with the domain's table of allowed actions and with what bookings do.
//!
//! `UPDATE_DOCS=1` writes the generated parts of the page anew.

use std::collections::{BTreeMap, BTreeSet};

use roost::domain::bookings::lifecycle::state::{Action, Actor, AlterationState, BookingState, Hour, allowed};
use roost::domain::payments::status::{PaymentState, PayoutState};
use sea_orm::{ActiveEnum, Iterable};
use serde_json::{Value, json};

use crate::books::Trip;
use crate::harness::{START, TestApp};
use crate::scenes::{stay, text};
use crate::state_table::{ROWS, book, go_on};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/booking-lifecycle.md");

/// The transitions that nobody asks for: what the payment, the clock or another booking brings about.
const BY_THE_SYSTEM: [(BookingState, BookingState, &str); 9] = [
    (BookingState::PendingPayment, BookingState::Requested, "card authorized, booking request"),
    (BookingState::PendingPayment, BookingState::Confirmed, "card authorized, instant booking"),
    (BookingState::PendingPayment, BookingState::PaymentExpired, "card declined, hold expired or nights lost"),
    (BookingState::Requested, BookingState::Declined, "nights went to another booking"),
    (BookingState::Requested, BookingState::RequestExpired, "no answer in time, or authorization lost"),
    (BookingState::Confirmed, BookingState::CheckedIn, "check-in time"),
    (BookingState::Confirmed, BookingState::CancelledByPlatform, "charge refused"),
    (BookingState::CheckedIn, BookingState::Completed, "check-out time"),
    (BookingState::CheckedIn, BookingState::CancelledByPlatform, "charge refused"),
];

/// The transitions of an alteration.
const OF_ALTERATIONS: [(AlterationState, AlterationState, &str); 8] = [
    (AlterationState::Pending, AlterationState::Paying, "other side accepts, guest owes a difference"),
    (AlterationState::Pending, AlterationState::Accepted, "nothing to pay and other side accepts, or no answer needed"),
    (AlterationState::Pending, AlterationState::Declined, "other side declines"),
    (AlterationState::Pending, AlterationState::Withdrawn, "the side that asked withdraws"),
    (AlterationState::Pending, AlterationState::Expired, "no answer in time, or booking over"),
    (AlterationState::Paying, AlterationState::Accepted, "difference authorized"),
    (AlterationState::Paying, AlterationState::Declined, "card declined"),
    (AlterationState::Paying, AlterationState::Expired, "not paid in time, nights lost or booking over"),
];

/// A transition: from which state to which, and who makes it.
type Edge = (String, String, String);

/// Where an action leads; nothing when the booking stays in its state.
fn target(action: Action, actor: Actor) -> Option<BookingState> {
    match (action, actor) {
        (Action::Withdraw, _) => Some(BookingState::Withdrawn),
        (Action::Accept, _) => Some(BookingState::Confirmed),
        (Action::Decline, _) => Some(BookingState::Declined),
        (Action::Cancel, Actor::Guest) => Some(BookingState::CancelledByGuest),
        (Action::Cancel, Actor::Host) => Some(BookingState::CancelledByHost),
        (Action::Cancel, Actor::Platform | Actor::System) => Some(BookingState::CancelledByPlatform),
        (Action::ReportNoShow, _) => Some(BookingState::NoShow),
        (Action::CheckIn, _) => Some(BookingState::CheckedIn),
        (Action::CheckOut, _) => Some(BookingState::Completed),
        (Action::ConfirmPayment | Action::RequestAlteration | Action::Review, _) => None,
    }
}

/// What an actor may do in a state at any time.
fn allowed_at_any_time(state: BookingState, actor: Actor) -> Vec<Action> {
    allowed(state, actor, Hour { arrival_day: true, missing: true })
}

fn person(actor: Actor) -> &'static str {
    match actor {
        Actor::Guest => "guest",
        Actor::Host => "host",
        Actor::Platform => "staff",
        Actor::System => "system",
    }
}

/// Every transition of the table: what people do, then what the system does, each as an edge and its label.
fn transitions() -> Vec<(BookingState, BookingState, Vec<Actor>, String)> {
    let mut found: Vec<(BookingState, BookingState, Vec<Actor>, String)> = Vec::new();
    for state in BookingState::iter() {
        for actor in Actor::iter() {
            for action in allowed_at_any_time(state, actor) {
                let Some(to) = target(action, actor) else { continue };
                let label = action.word().to_owned();
                match found.iter_mut().find(|(from, known, _, by)| (*from, *known) == (state, to) && *by == label) {
                    Some((_, _, actors, _)) => actors.push(actor),
                    None => found.push((state, to, vec![actor], label)),
                }
            }
        }
        let own = BY_THE_SYSTEM.into_iter().filter(|(from, _, _)| *from == state);
        found.extend(own.map(|(from, to, label)| (from, to, vec![Actor::System], label.to_owned())));
    }
    found
}

fn diagram(lines: impl IntoIterator<Item = String>) -> String {
    let lines: Vec<String> = lines.into_iter().map(|line| format!("    {line}\n")).collect();
    format!("```mermaid\nstateDiagram-v2\n{}```\n", lines.concat())
}

fn booking_diagram() -> String {
    let begins = format!("[*] --> {}: bookingCreate (guest)", BookingState::PendingPayment.word());
    let moves = transitions().into_iter().map(|(from, to, actors, label)| {
        let actors: Vec<&str> = actors.into_iter().map(person).collect();
        format!("{} --> {}: {label} ({})", from.word(), to.word(), actors.join(", "))
    });
    let ends = BookingState::iter().filter(|state| state.is_over()).map(|state| format!("{} --> [*]", state.word()));
    diagram([begins].into_iter().chain(moves).chain(ends))
}

fn alteration_diagram() -> String {
    let begins = format!("[*] --> {}: bookingAlterationRequest (guest, host)", AlterationState::Pending.to_value());
    let moves = OF_ALTERATIONS.map(|(from, to, label)| format!("{} --> {}: {label}", from.to_value(), to.to_value()));
    let left = |state: &AlterationState| OF_ALTERATIONS.iter().any(|(from, _, _)| from == state);
    let over = AlterationState::iter().filter(|state| !left(state));
    let ends = over.map(|state| format!("{} --> [*]", state.to_value()));
    diagram([begins].into_iter().chain(moves).chain(ends))
}

/// The cell of the table that says who can do what in a state.
fn who_can(state: BookingState) -> String {
    let sides = Actor::iter().filter_map(|actor| {
        let actions: Vec<String> = allowed_at_any_time(state, actor)
            .into_iter()
            .map(|action| {
                let early = allowed(state, actor, Hour::default()).contains(&action);
                format!("`{}`{}", action.word(), if early { "" } else { "*" })
            })
            .collect();
        (!actions.is_empty()).then(|| format!("{}: {}", person(actor), actions.join(", ")))
    });
    let sides: Vec<String> = sides.collect();
    if sides.is_empty() { "–".to_owned() } else { sides.join("; ") }
}

/// The page with its generated parts as the code has them now.
fn generated(page: &str) -> String {
    let page = with_block(page, "bookings", &booking_diagram());
    let page = with_block(&page, "alterations", &alteration_diagram());
    let mut rows = Vec::new();
    let lines: String = page
        .split_inclusive('\n')
        .map(|line| match (state_of_row(line), line.split('|').collect::<Vec<_>>().as_slice()) {
            (Some(state), &[before, name, meaning, _, end, after]) => {
                rows.push(state);
                [before, name, meaning, &format!(" {} ", who_can(state)), end, after].join("|")
            }
            _ => line.to_owned(),
        })
        .collect();
    assert_eq!(rows, BookingState::iter().collect::<Vec<_>>(), "the table of the page has a row for each state");
    lines
}

fn state_of_row(line: &str) -> Option<BookingState> {
    BookingState::from_word(line.strip_prefix("| `")?.split_once("` |")?.0)
}

fn with_block(page: &str, name: &str, block: &str) -> String {
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), format!("<!-- end: {name} -->"));
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("the page has no {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("the page has no {end}"));
    format!("{before}{begin}{block}{end}{after}")
}

#[test]
fn the_page_shows_the_table_of_allowed_actions() {
    let page = std::fs::read_to_string(PAGE).expect("the page");
    let wanted = generated(&page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &wanted).expect("the page");
        return;
    }
    for (line, (ours, theirs)) in page.lines().zip(wanted.lines()).enumerate() {
        assert_eq!(ours, theirs, "line {}: run this test with UPDATE_DOCS=1", line + 1);
    }
    assert!(page == wanted, "the page has parts that the code does not: run this test with UPDATE_DOCS=1");
}

#[test]
fn the_page_names_every_state_once() {
    let page = std::fs::read_to_string(PAGE).expect("the page");
    let rows = |state: &str| page.lines().filter(|line| line.starts_with(&format!("| `{state}` |"))).count();
    let bookings = BookingState::iter().map(BookingState::word);
    let alterations = AlterationState::iter().map(|state| state.to_value());
    let payments = PaymentState::iter().map(|state| state.to_value());
    let payouts = PayoutState::iter().map(|state| state.to_value());
    let mut wanted = BTreeMap::<String, usize>::new();
    for state in bookings.chain(alterations).chain(payments).chain(payouts) {
        *wanted.entry(state).or_default() += 1;
    }
    for (state, tables) in wanted {
        assert_eq!(rows(&state), tables, "{state}: one row for each kind of object that has the state");
    }
}

const EVENTS: &str = "query($id: ID!) { booking(id: $id) { events(first: 100) { nodes { from to actor action } } } }";

/// The events of a booking, oldest first.
async fn events(app: &TestApp, trip: &Trip) -> Vec<Value> {
    let data = app.gql(&trip.staff, EVENTS, json!({ "id": trip.booking["id"] })).await;
    data["booking"]["events"]["nodes"].as_array().expect("a list").iter().rev().cloned().collect()
}

/// The transitions that a booking made.
async fn made(app: &TestApp, trip: &Trip) -> BTreeSet<Edge> {
    let moved = events(app, trip).await.into_iter().filter(|event| !event["from"].is_null());
    let edges = moved.map(|event| (text(&event, "/from"), text(&event, "/to"), text(&event, "/actor")));
    edges.filter(|(from, to, _)| from != to).collect()
}

/// A booking that waits for its host, whose card the processor does not charge any more.
async fn request_that_cannot_be_charged(app: &TestApp) -> Trip {
    let trip = book(app, app.host().await, &["request"]).await;
    app.execute("UPDATE sandbox_intent SET state = 'CANCELLED'", []).await;
    trip
}

/// Ways of bookings beside those of the table of states.
const MORE_WAYS: &[&[&str]] = &[
    &["request", "host bookingAccept"],
    &["book", "host bookingCheckIn", "host bookingCheckOut"],
    &["book", "run until 2027-01-08T00:00:00Z"],
    &["book", "bookingCheckIn", "cancel as guest"],
    &["book", "bookingCheckIn", "cancel as host"],
    &["book", "bookingCheckIn", "cancel as staff"],
];

async fn walk(app: &TestApp, way: &[&str]) -> BTreeSet<Edge> {
    app.set(START);
    let trip = book(app, app.host().await, way).await;
    for step in &way[1..] {
        match step.strip_prefix("host ") {
            Some(mutation) => drop(app.step(&trip.host, mutation, &trip.booking).await),
            None => go_on(app, &trip, &["", step]).await,
        }
    }
    made(app, &trip).await
}

#[tokio::test]
async fn bookings_make_the_transitions_of_the_page_and_no_others() {
    let app = TestApp::with(&["--request-blocks-calendar=off"]).await;
    let mut seen = BTreeSet::new();
    for way in ROWS.iter().map(|row| row.way).chain(MORE_WAYS.iter().copied()) {
        seen.extend(walk(&app, way).await);
    }
    app.set(START);
    // Two requests for the same nights.
    let won = book(&app, app.host().await, &["request"]).await;
    let lost = app.guest().await;
    let booking = app.book(&lost, &won.listing, "2027-01-05", "2027-01-07").await;
    app.step(&won.host, "bookingAccept", &won.booking).await;
    seen.extend(made(&app, &Trip { booking, guest: lost, ..won }).await);
    // A charge that is refused, before and after the guest has arrived.
    let refused = request_that_cannot_be_charged(&app).await;
    app.step(&refused.host, "bookingAccept", &refused.booking).await;
    seen.extend(made(&app, &refused).await);
    let refused = request_that_cannot_be_charged(&app).await;
    app.processor_is(false).await;
    app.step(&refused.host, "bookingAccept", &refused.booking).await;
    app.step(&refused.guest, "bookingCheckIn", &refused.booking).await;
    app.processor_is(true).await;
    app.advance(chrono::TimeDelta::minutes(10));
    app.drain().await;
    seen.extend(made(&app, &refused).await);

    let word = |actor: &Actor| actor.to_value();
    let edge = |from: BookingState, to: BookingState, actor: &Actor| (from.word(), to.word(), word(actor));
    let shown = transitions()
        .into_iter()
        .flat_map(|(from, to, actors, _)| actors.iter().map(|actor| edge(from, to, actor)).collect::<Vec<_>>());
    let mut shown: BTreeSet<Edge> = shown.collect();
    // The report first does what the clock has made due, so the guest is checked in before it counts.
    assert!(shown.remove(&edge(BookingState::Confirmed, BookingState::NoShow, &Actor::Host)));
    assert_eq!(seen, shown);
    app.set("2027-03-05T00:00:00Z");
    app.finish().await;
}

/// The states of the one alteration of a booking, in order, by the events that name them.
async fn altered(app: &TestApp, trip: &Trip) -> Vec<AlterationState> {
    let events = events(app, trip).await;
    let state = |event: &Value| match event["action"].as_str()? {
        "request_alteration" => Some(AlterationState::Pending),
        "agree_alteration" => Some(AlterationState::Paying),
        "alter" => Some(AlterationState::Accepted),
        "decline_alteration" | "alteration_unpaid" => Some(AlterationState::Declined),
        "withdraw_alteration" => Some(AlterationState::Withdrawn),
        "alteration_expired" => Some(AlterationState::Expired),
        _ => None,
    };
    events.iter().filter_map(state).collect()
}

#[tokio::test]
async fn alterations_make_the_transitions_of_the_page_and_no_others() {
    let app = TestApp::new().await;
    let mut seen = BTreeSet::new();
    for (check_out, card, answer) in [
        ("2027-03-05", "ok", "host accepts"),
        ("2027-03-02", "ok", "host accepts"),
        ("2027-03-05", "declined", "host accepts"),
        ("2027-03-05", "3ds", "host accepts"),
        ("2027-03-05", "ok", "host declines"),
        ("2027-03-05", "ok", "guest withdraws"),
        ("2027-03-05", "ok", "nobody answers"),
    ] {
        app.set(START);
        let trip = app.plain_trip(json!({}), ("2027-03-01", "2027-03-03")).await;
        let wanted =
            json!({ "id": trip.booking["id"], "stay": stay("2027-03-01", check_out), "paymentMethodToken": card });
        let asked = app.must(&trip.guest, "bookingAlterationRequest", wanted, "alteration { id }").await;
        match answer {
            "host accepts" => drop(app.answer(&trip.host, &asked["alteration"], true, None).await),
            "host declines" => drop(app.answer(&trip.host, &asked["alteration"], false, None).await),
            "guest withdraws" => drop(app.answer(&trip.guest, &asked["alteration"], false, None).await),
            _ => {}
        }
        app.set("2027-01-07T00:00:00Z");
        app.drain().await;
        let states = altered(&app, &trip).await;
        assert_eq!(states.first(), Some(&AlterationState::Pending), "{check_out} {card} {answer}");
        seen.extend(states.windows(2).map(|pair| (pair[0].to_value(), pair[1].to_value())));
    }
    let shown = OF_ALTERATIONS.map(|(from, to, _)| (from.to_value(), to.to_value()));
    assert_eq!(seen, BTreeSet::from(shown));
    app.finish().await;
}
