//! Messages of guests to hosts, and the reviews that both write after the stay.

use super::random::Random;
use crate::domain::reviews::Draft;

const MESSAGES: &[&str] = &[
    "Hello! We are coming for a friend's wedding and would love to stay with you.",
    "Hi, is there somewhere to leave our bags before check-in?",
    "We will arrive by the evening train and are looking forward to the neighbourhood.",
    "Travelling with my sister, both of us are early risers and quiet.",
    "First time in the city. Any bakery you would send us to?",
    "I am in town for a conference and will mostly be out during the day.",
    "Our son learns to walk just now; is the stair easy to close off?",
];

/// Reasons for declining a request.
pub(super) const DECLINES: &[&str] = &[
    "I am sorry, my parents have just announced themselves for that week.",
    "The plumber needs the bathroom on those days; next month works.",
    "Thank you for asking, but the place is not suitable for a group of this kind.",
];

/// Reasons of guests for cancelling.
pub(super) const CANCELLATIONS: &[&str] =
    &["Our flight was cancelled.", "Plans changed at work.", "We have to look after a relative."];

/// Reasons of hosts and staff for cancelling.
pub(super) const FAILURES: &[&str] = &["A pipe burst and the flat has to dry out.", "The building is without water."];

const OPENINGS: [&[&str]; 3] = [
    &[
        "Exactly as described and better in the morning light.",
        "One of the nicest places we have stayed in.",
        "We would move in tomorrow.",
        "Everything was thought of, down to the umbrella by the door.",
    ],
    &[
        "A good base for a few days.",
        "Comfortable and well kept, with small things to mend.",
        "We liked it and would come back for the location alone.",
    ],
    &["It was fine for a night, not for longer.", "The photographs are kinder than the place."],
];

const DETAILS: [&[&str]; 3] = [
    &[
        "The bed is excellent and the street goes quiet at ten.",
        "Our host met us with a map and three suggestions, all of them right.",
        "The kitchen has everything, and the market is around the corner.",
        "Check-in took a minute and every message was answered at once.",
        "The children asked to stay another week.",
    ],
    &[
        "The shower takes its time to get warm.",
        "The stairs are steep, which the listing does say.",
        "A second set of keys would have helped.",
        "Street noise comes in with the window open.",
    ],
    &[
        "The Wi-Fi came and went, and so did the hot water.",
        "It had not been cleaned well under the beds.",
        "Nobody answered until the next morning.",
    ],
];

const OF_GUESTS: [&[&str]; 2] = [
    &[
        "Left the place as they found it and wrote a kind note. Welcome any time.",
        "Easy to talk to, on time and tidy. A pleasure.",
        "They watered the plants without being asked.",
        "Clear messages, no fuss, thank you for staying.",
    ],
    &[
        "Friendly, though the kitchen took us a while afterwards.",
        "Arrived later than agreed without a word; otherwise fine.",
    ],
];

const ANSWERS: &[&str] = &[
    "Thank you! The umbrella says hello.",
    "It was good to have you here. The bakery misses you already.",
    "Thank you for telling us; the boiler has been seen to since.",
    "Come back in spring, when the trees are out.",
];

/// A message to the host, from most guests.
pub(super) fn message(random: &mut Random) -> Option<String> {
    random.chance(70).then(|| random.pick(MESSAGES).to_owned())
}

/// A guest's review of a stay.
pub(super) fn stay_review(random: &mut Random) -> Draft {
    let mood = match random.between(1, 100) {
        1..=72 => 0,
        73..=93 => 1,
        _ => 2,
    };
    let (least, most) = [(5, 5), (3, 4), (1, 2)][mood];
    let overall = random.few(least, most);
    let near = |random: &mut Random| Some((overall + random.few(-1, 1)).clamp(1, 5));
    let opening = random.pick(OPENINGS[mood]);
    let detail = random.pick(DETAILS[mood]);
    Draft {
        overall,
        cleanliness: near(random),
        accuracy: near(random),
        check_in: near(random),
        communication: near(random),
        location: Some(random.few(4, 5)),
        value: near(random),
        house_rules: None,
        would_host_again: None,
        text: format!("{opening} {detail}"),
        private_note: random.chance(15).then(|| "The lamp in the hall needs a new bulb.".to_owned()),
    }
}

/// A host's review of a guest.
pub(super) fn guest_review(random: &mut Random) -> Draft {
    let mood = usize::from(random.chance(12));
    let overall = if mood == 0 { 5 } else { random.few(3, 4) };
    Draft {
        overall,
        cleanliness: Some(if mood == 0 { random.few(4, 5) } else { 3 }),
        accuracy: None,
        check_in: None,
        communication: Some(random.few(4, 5)),
        location: None,
        value: None,
        house_rules: Some(overall),
        would_host_again: Some(mood == 0),
        text: random.pick(OF_GUESTS[mood]).to_owned(),
        private_note: None,
    }
}

/// A host's response to a review.
pub(super) fn response(random: &mut Random) -> &'static str {
    random.pick(ANSWERS)
}
