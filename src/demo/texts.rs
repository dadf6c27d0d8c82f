//! The texts from which titles, descriptions and house rules are composed.

use crate::domain::listings::enums::RoomType;

/// A kind of listing.
pub(super) struct Kind {
    pub noun: &'static str,
    pub room_type: RoomType,
    pub bedrooms: i32,
    pub beds: i32,
    /// Bathrooms in halves.
    pub half_bathrooms: i32,
    pub capacity: i32,
    /// Price in percent of the usual price of a night for two.
    pub price: i64,
    /// One sentence on the interior.
    pub inside: &'static str,
}

const fn kind(
    noun: &'static str,
    room_type: RoomType,
    (bedrooms, beds, half_bathrooms, capacity): (i32, i32, i32, i32),
    price: i64,
    inside: &'static str,
) -> Kind {
    Kind { noun, room_type, bedrooms, beds, half_bathrooms, capacity, price, inside }
}

use RoomType::{EntirePlace, HotelRoom, PrivateRoom, SharedRoom};

pub(super) static KINDS: [Kind; 14] = [
    kind(
        "studio",
        EntirePlace,
        (0, 1, 2, 2),
        80,
        "One large room holds a proper double bed, a table and a corner to cook in.",
    ),
    kind(
        "one-bedroom flat",
        EntirePlace,
        (1, 1, 2, 2),
        100,
        "The bedroom faces the quiet side and the living room the sun.",
    ),
    kind(
        "one-bedroom apartment",
        EntirePlace,
        (1, 2, 2, 3),
        110,
        "There is a double bed in the bedroom and a good sofa bed for a third guest.",
    ),
    kind(
        "two-bedroom apartment",
        EntirePlace,
        (2, 3, 2, 4),
        150,
        "Two bedrooms sit at either end, so early and late risers stay friends.",
    ),
    kind(
        "two-bedroom flat",
        EntirePlace,
        (2, 2, 3, 4),
        160,
        "Both bedrooms have double beds, and there is a second lavatory for the mornings.",
    ),
    kind(
        "three-bedroom family apartment",
        EntirePlace,
        (3, 4, 4, 6),
        230,
        "Three bedrooms, two bathrooms and a long table: everyone fits, and everyone gets a shower.",
    ),
    kind("loft", EntirePlace, (1, 2, 2, 3), 140, "High ceilings, one open floor and a bed on the gallery."),
    kind(
        "terraced house",
        EntirePlace,
        (3, 5, 3, 7),
        260,
        "Three floors, a narrow stair and a door of your own on the street.",
    ),
    kind(
        "garden cottage",
        EntirePlace,
        (1, 1, 2, 2),
        115,
        "It stands at the back of the garden, with its own path and no one above you.",
    ),
    kind("penthouse", EntirePlace, (2, 2, 4, 4), 290, "The whole top floor is yours, with light from three sides."),
    kind(
        "private room",
        PrivateRoom,
        (1, 1, 2, 2),
        50,
        "The room has a double bed and a desk; kitchen and bathroom are shared with me.",
    ),
    kind(
        "room with its own bathroom",
        PrivateRoom,
        (1, 1, 2, 2),
        62,
        "You have a bathroom of your own and the run of the kitchen.",
    ),
    kind(
        "bed in a shared room",
        SharedRoom,
        (1, 1, 4, 1),
        25,
        "Four solid bunks, each with a curtain, a lamp, a socket and a locker.",
    ),
    kind(
        "hotel room",
        HotelRoom,
        (1, 1, 2, 2),
        120,
        "A quiet double in a house of fourteen rooms, with somebody at the desk until midnight.",
    ),
];

/// Adjectives that promise nothing that the listing might lack.
pub(super) const ADJECTIVES: &[&str] = &[
    "Sunny",
    "Quiet",
    "Bright",
    "Calm",
    "Airy",
    "Restored",
    "Homely",
    "Light-filled",
    "Tucked-away",
    "Well-kept",
    "Unfussy",
    "Generous",
    "Snug",
    "Handsome",
    "Freshly painted",
    "Artful",
    "Old-fashioned",
    "Easy-going",
];

/// A special feature, as text and as amenity.
pub(super) const FEATURES: &[(&str, &str, &str)] = &[
    ("a balcony", "PATIO_OR_BALCONY", "Have breakfast on the balcony; the chairs live outside."),
    ("a fireplace", "INDOOR_FIREPLACE", "The fireplace works, and the first basket of wood is on us."),
    ("a garden", "GARDEN", "The garden is yours to use, herbs included."),
    ("a wall of books", "BOOKS", "One whole wall is books; take one along if you leave one."),
    ("a piano", "PIANO", "The piano was tuned this spring and likes to be played before nine."),
    (
        "a record player",
        "RECORD_PLAYER",
        "There is a record player and a shelf of soul, fado and one bad Christmas album.",
    ),
    ("a deep bath", "BATHTUB", "The bath is deep enough to forget the day in."),
    ("a proper desk", "WORKSPACE", "A proper desk, a proper chair and fast Wi-Fi make it easy to work here."),
    ("a chef's kitchen", "OVEN", "The kitchen has sharp knives and a real oven: I cook for a living."),
    ("bikes to borrow", "BIKES", "Two bikes stand in the hall and want to be ridden."),
    ("a city view", "CITY_VIEW", "The windows look over the roofs as far as the weather allows."),
    ("parking", "FREE_PARKING", "There is a parking space behind the house, which is rare around here."),
    ("room for a cot", "CRIB", "A cot and a high chair are waiting in the cupboard."),
    ("a sound system", "SOUND_SYSTEM", "The speakers are better than they look."),
    ("a sunny patio", "OUTDOOR_FURNITURE", "The patio gets the sun from noon until the neighbour's fig tree takes it."),
    ("board games", "BOARD_GAMES", "Rainy days are covered by a cupboard of board games, complete at last count."),
];

pub(super) const COMFORTS: &[&str] = &[
    "WIFI",
    "ESSENTIALS",
    "HOT_WATER",
    "BED_LINENS",
    "HAIR_DRYER",
    "SHAMPOO",
    "HANGERS",
    "IRON",
    "WASHER",
    "KITCHEN",
    "REFRIGERATOR",
    "MICROWAVE",
    "COOKING_BASICS",
    "DISHES_AND_SILVERWARE",
    "COFFEE",
    "KETTLE",
    "TV",
    "HEATING",
    "SMOKE_ALARM",
    "FIRE_EXTINGUISHER",
    "FIRST_AID_KIT",
    "SELF_CHECK_IN",
    "LUGGAGE_DROPOFF",
    "LONG_TERM_STAYS",
    "EXTRA_PILLOWS_AND_BLANKETS",
    "DISHWASHER",
    "STOVE",
    "TOASTER",
    "WINE_GLASSES",
    "DINING_TABLE",
];

pub(super) const CLOSINGS: &[&str] = &[
    "I live nearby and answer quickly, but you will not see me unless you want to.",
    "You find coffee, bread and a hand-drawn map when you arrive.",
    "The beds are made, the towels are thick and check-out is leaving the keys on the table.",
    "Ask for anything that is missing; the last guest's idea was the reading lamp.",
    "It suits people who want to live in a place for a few days rather than visit it.",
    "We kept what was good about the old place and replaced what was not.",
    "Stairs are part of the charm: bring the small suitcase.",
];

pub(super) const HOUSE_RULES: &[&str] = &[
    "No smoking indoors.",
    "Quiet from 22:00; the walls are older than all of us.",
    "Shoes off at the door, please.",
    "No parties: the neighbours are friends.",
    "Water the basil if it looks at you.",
    "Turn the heating down when you leave.",
    "Separate glass and paper; the bins are in the yard.",
    "Children are welcome, and so is their noise before bedtime.",
    "Tell me before you invite guests over.",
    "Close the windows when it rains.",
    "Lost keys cost what the locksmith charges.",
    "Leave the kitchen as you found it.",
];

/// Reasons for blocked nights.
pub(super) const BLOCK_NOTES: &[&str] =
    &["Family visiting", "Painting the hall", "New boiler", "Our own holidays", "Kitchen repairs"];
