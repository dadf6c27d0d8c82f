//! The documentation of the lifecycle of bookings, compared with the domain's action table and with the transitions
//! that bookings make.
//!
//! With `UPDATE_DOCS=1` the generated parts of the page are updated.

use std::collections::{BTreeMap, BTreeSet};

use roost::domain::bookings::allowed_actions::{Action, TimeFacts, allowed_actions};
use roost::domain::bookings::state::{Actor, AlterationState, BookingState};
use roost::domain::payments::status::{PaymentState, PayoutState};
use sea_orm::{ActiveEnum, Iterable};
use serde_json::{Value, json};

use crate::accounting::BookedTrip;
use crate::harness::{START, TestApp};
use crate::scenarios::{stay, text};
use crate::state_table::{ROWS, book, perform_actions};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/booking-lifecycle.md");

/// The transitions by the system, which a payment, the time or another booking causes.
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
    (AlterationState::Pending, AlterationState::Withdrawn, "the requesting side withdraws"),
    (AlterationState::Pending, AlterationState::Expired, "no answer in time, or booking over"),
    (AlterationState::Paying, AlterationState::Accepted, "difference authorized"),
    (AlterationState::Paying, AlterationState::Declined, "card declined"),
    (AlterationState::Paying, AlterationState::Expired, "not paid in time, nights lost or booking over"),
];

/// A transition: the state before, the state after and the actor.
type Edge = (String, String, String);

/// The state after an action. `None` if the booking stays in its state.
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

/// The actions that an actor may take in a state, including those that are possible at certain times only.
fn actions_at_some_time(state: BookingState, actor: Actor) -> Vec<Action> {
    allowed_actions(state, actor, TimeFacts { is_arrival_day: true, is_guest_missing: true })
}

fn person(actor: Actor) -> &'static str {
    match actor {
        Actor::Guest => "guest",
        Actor::Host => "host",
        Actor::Platform => "staff",
        Actor::System => "system",
    }
}

/// All transitions, those by users before those by the system, each with its actors and label.
fn transitions() -> Vec<(BookingState, BookingState, Vec<Actor>, String)> {
    let mut found: Vec<(BookingState, BookingState, Vec<Actor>, String)> = Vec::new();
    for state in BookingState::iter() {
        for actor in Actor::iter() {
            for action in actions_at_some_time(state, actor) {
                let Some(to) = target(action, actor) else { continue };
                let label = action.as_str().to_owned();
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
    let start = format!("[*] --> {}: bookingCreate (guest)", BookingState::PendingPayment.as_str());
    let moves = transitions().into_iter().map(|(from, to, actors, label)| {
        let actors: Vec<&str> = actors.into_iter().map(person).collect();
        format!("{} --> {}: {label} ({})", from.as_str(), to.as_str(), actors.join(", "))
    });
    let ends =
        BookingState::iter().filter(|state| state.is_closed()).map(|state| format!("{} --> [*]", state.as_str()));
    diagram([start].into_iter().chain(moves).chain(ends))
}

fn alteration_diagram() -> String {
    let start = format!("[*] --> {}: bookingAlterationRequest (guest, host)", AlterationState::Pending.to_value());
    let moves = OF_ALTERATIONS.map(|(from, to, label)| format!("{} --> {}: {label}", from.to_value(), to.to_value()));
    let is_left = |state: &AlterationState| OF_ALTERATIONS.iter().any(|(from, _, _)| from == state);
    let closed = AlterationState::iter().filter(|state| !is_left(state));
    let ends = closed.map(|state| format!("{} --> [*]", state.to_value()));
    diagram([start].into_iter().chain(moves).chain(ends))
}

/// The table cell with the actions of each actor in a state.
fn actions_cell(state: BookingState) -> String {
    let sides = Actor::iter().filter_map(|actor| {
        let actions: Vec<String> = actions_at_some_time(state, actor)
            .into_iter()
            .map(|action| {
                let early = allowed_actions(state, actor, TimeFacts::default()).contains(&action);
                format!("`{}`{}", action.as_str(), if early { "" } else { "*" })
            })
            .collect();
        (!actions.is_empty()).then(|| format!("{}: {}", person(actor), actions.join(", ")))
    });
    let sides: Vec<String> = sides.collect();
    if sides.is_empty() { "–".to_owned() } else { sides.join("; ") }
}

/// The page with its generated parts as the current code defines them.
fn generated(page: &str) -> String {
    let page = with_block(page, "bookings", &booking_diagram());
    let page = with_block(&page, "alterations", &alteration_diagram());
    let mut rows = Vec::new();
    let lines: String = page
        .split_inclusive('\n')
        .map(|line| match (state_of_row(line), line.split('|').collect::<Vec<_>>().as_slice()) {
            (Some(state), &[before, name, meaning, _, end, after]) => {
                rows.push(state);
                [before, name, meaning, &format!(" {} ", actions_cell(state)), end, after].join("|")
            }
            _ => line.to_owned(),
        })
        .collect();
    assert_eq!(rows, BookingState::iter().collect::<Vec<_>>(), "the table of the page has a row for each state");
    lines
}

fn state_of_row(line: &str) -> Option<BookingState> {
    BookingState::parse(line.strip_prefix("| `")?.split_once("` |")?.0)
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
    assert!(page == wanted, "the page is longer or shorter than the generated one: run this test with UPDATE_DOCS=1");
}

#[test]
fn the_page_names_every_state_once() {
    let page = std::fs::read_to_string(PAGE).expect("the page");
    let rows = |state: &str| page.lines().filter(|line| line.starts_with(&format!("| `{state}` |"))).count();
    let bookings = BookingState::iter().map(|state| state.as_str().to_owned());
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

const EVENTS: &str =
    "query($id: ID!) { booking(id: $id) { events(first: 100) { nodes { fromState toState actor action } } } }";

/// The events of a booking, oldest first.
async fn events(app: &TestApp, trip: &BookedTrip) -> Vec<Value> {
    let data = app.gql(&trip.staff, EVENTS, json!({ "id": trip.booking["id"] })).await;
    data["booking"]["events"]["nodes"].as_array().expect("a list").iter().rev().cloned().collect()
}

/// The transitions that a booking has made.
async fn transitions_made(app: &TestApp, trip: &BookedTrip) -> BTreeSet<Edge> {
    let moved = events(app, trip).await.into_iter().filter(|event| !event["fromState"].is_null());
    let edges = moved.map(|event| (text(&event, "/fromState"), text(&event, "/toState"), text(&event, "/actor")));
    edges.filter(|(from, to, _)| from != to).collect()
}

/// Creates a booking request whose authorization the processor has cancelled.
async fn request_that_cannot_be_charged(app: &TestApp) -> BookedTrip {
    let trip = book(app, app.host().await, &["request"]).await;
    app.execute("UPDATE sandbox_intent SET state = 'CANCELLED'", []).await;
    trip
}

/// Paths of bookings in addition to those of the state table.
const MORE_PATHS: &[&[&str]] = &[
    &["request", "host bookingAccept"],
    &["book", "host bookingCheckIn", "host bookingCheckOut"],
    &["book", "run until 2027-01-08T00:00:00Z"],
    &["book", "bookingCheckIn", "cancel as guest"],
    &["book", "bookingCheckIn", "cancel as host"],
    &["book", "bookingCheckIn", "cancel as staff"],
];

async fn follow_path(app: &TestApp, way: &[&str]) -> BTreeSet<Edge> {
    app.set(START);
    let trip = book(app, app.host().await, way).await;
    for step in &way[1..] {
        match step.strip_prefix("host ") {
            Some(mutation) => drop(app.perform(&trip.host, mutation, &trip.booking).await),
            None => perform_actions(app, &trip, &["", step]).await,
        }
    }
    transitions_made(app, &trip).await
}

#[tokio::test]
async fn bookings_make_the_transitions_of_the_page_and_no_others() {
    let app = TestApp::with(&["--request-blocks-calendar=off"]).await;
    let mut seen = BTreeSet::new();
    for way in ROWS.iter().map(|row| row.path).chain(MORE_PATHS.iter().copied()) {
        seen.extend(follow_path(&app, way).await);
    }
    app.set(START);
    // Two requests for the same nights, of which the host accepts one.
    let won = book(&app, app.host().await, &["request"]).await;
    let lost = app.guest().await;
    let booking = app.book(&lost, &won.listing, "2027-01-05", "2027-01-07").await;
    app.perform(&won.host, "bookingAccept", &won.booking).await;
    seen.extend(transitions_made(&app, &BookedTrip { booking, guest: lost, ..won }).await);
    // Refused charges, before and after check-in.
    let refused = request_that_cannot_be_charged(&app).await;
    app.perform(&refused.host, "bookingAccept", &refused.booking).await;
    seen.extend(transitions_made(&app, &refused).await);
    let refused = request_that_cannot_be_charged(&app).await;
    app.set_processor_available(false).await;
    app.perform(&refused.host, "bookingAccept", &refused.booking).await;
    app.perform(&refused.guest, "bookingCheckIn", &refused.booking).await;
    app.set_processor_available(true).await;
    app.advance(chrono::TimeDelta::minutes(10));
    app.drain().await;
    seen.extend(transitions_made(&app, &refused).await);

    let word = |actor: &Actor| actor.to_value();
    let edge = |from: BookingState, to: BookingState, actor: &Actor| (from.to_value(), to.to_value(), word(actor));
    let shown = transitions()
        .into_iter()
        .flat_map(|(from, to, actors, _)| actors.iter().map(|actor| edge(from, to, actor)).collect::<Vec<_>>());
    let mut shown: BTreeSet<Edge> = shown.collect();
    // The report first makes the transitions that are due, so the guest is checked in before.
    assert!(shown.remove(&edge(BookingState::Confirmed, BookingState::NoShow, &Actor::Host)));
    assert_eq!(seen, shown);
    app.set("2027-03-05T00:00:00Z");
    app.finish().await;
}

/// The states that the only alteration of a booking has had, in order, derived from the events of the booking.
async fn alteration_states(app: &TestApp, trip: &BookedTrip) -> Vec<AlterationState> {
    let events = events(app, trip).await;
    let state = |event: &Value| match event["action"].as_str()? {
        "REQUEST_ALTERATION" => Some(AlterationState::Pending),
        "AGREE_ALTERATION" => Some(AlterationState::Paying),
        "ALTER" => Some(AlterationState::Accepted),
        "DECLINE_ALTERATION" | "ALTERATION_UNPAID" => Some(AlterationState::Declined),
        "WITHDRAW_ALTERATION" => Some(AlterationState::Withdrawn),
        "ALTERATION_EXPIRED" => Some(AlterationState::Expired),
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
        ("2027-03-05", "ok", "no response"),
    ] {
        app.set(START);
        let trip = app.plain_trip(json!({}), ("2027-03-01", "2027-03-03")).await;
        let wanted =
            json!({ "id": trip.booking["id"], "stay": stay("2027-03-01", check_out), "paymentMethodToken": card });
        let requested =
            app.mutate_ok(&trip.guest, "bookingAlterationRequest", wanted, crate::accounting::ALTERATION).await;
        match answer {
            "host accepts" => drop(app.respond(&trip.host, &requested["alteration"], true, None).await),
            "host declines" => drop(app.respond(&trip.host, &requested["alteration"], false, None).await),
            "guest withdraws" => drop(app.respond(&trip.guest, &requested["alteration"], false, None).await),
            _ => {}
        }
        app.set("2027-01-07T00:00:00Z");
        app.drain().await;
        let states = alteration_states(&app, &trip).await;
        assert_eq!(states.first(), Some(&AlterationState::Pending), "{check_out} {card} {answer}");
        seen.extend(states.windows(2).map(|pair| (pair[0].to_value(), pair[1].to_value())));
    }
    let shown = OF_ALTERATIONS.map(|(from, to, _)| (from.to_value(), to.to_value()));
    assert_eq!(seen, BTreeSet::from(shown));
    app.finish().await;
}
