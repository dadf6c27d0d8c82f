//! Parses lists of amenities in two formats and maps their free texts to amenities of the catalogue.

use std::collections::HashMap;

/// The amenities of one listing.
#[derive(Debug, Default, PartialEq)]
pub struct ParsedAmenities {
    /// Codes of the catalogue, sorted and without duplicates.
    pub codes: Vec<&'static str>,
    /// Whether pets are allowed. This is a rule for stays and not an amenity.
    pub pets_allowed: bool,
    /// Texts without an amenity in the catalogue.
    pub unknown: Vec<String>,
    /// Number of texts.
    pub texts: u64,
}

/// Maps amenity texts to the catalogue. It caches results, because all lists consist of a few hundred texts.
#[derive(Debug, Default)]
pub struct AmenityMatcher {
    cache: HashMap<String, Option<&'static Rule>>,
}

impl AmenityMatcher {
    /// Parses a list in either format. `None` if it is in neither.
    pub fn parse(&mut self, list: &str) -> Option<ParsedAmenities> {
        let mut parsed = ParsedAmenities::default();
        for text in parse_list(list)? {
            parsed.texts += 1;
            match self.find_rule(&text) {
                Some(Rule { means: Means::Codes(codes), .. }) => parsed.codes.extend(*codes),
                Some(Rule { means: Means::PetsAllowed, .. }) => parsed.pets_allowed = true,
                Some(Rule { means: Means::Nothing, .. }) | None => parsed.unknown.push(text),
            }
        }
        parsed.codes.sort_unstable();
        parsed.codes.dedup();
        Some(parsed)
    }

    fn find_rule(&mut self, text: &str) -> Option<&'static Rule> {
        if let Some(cached) = self.cache.get(text) {
            return *cached;
        }
        let words = normalized_words(text);
        let rule = RULES.iter().find(|rule| rule.matches(&words));
        self.cache.insert(text.to_owned(), rule);
        rule
    }
}

/// Parses the texts of `["Wifi", "TV"]` (JSON) or `{Wifi,"Cable TV"}` (the layouts up to 2020).
fn parse_list(list: &str) -> Option<Vec<String>> {
    let list = list.trim();
    if list.is_empty() {
        return Some(Vec::new());
    }
    match list.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(inner) => Some(parse_braces(inner)),
        None => serde_json::from_str(list).ok(),
    }
}

fn parse_braces(inner: &str) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut quoted = false;
    for letter in inner.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => texts.push(String::new()),
            _ => texts.last_mut().into_iter().for_each(|text| text.push(letter)),
        }
    }
    texts.retain(|text| !text.trim().is_empty());
    texts
}

/// The words in lower case with one space around each, so that a phrase matches only at word boundaries.
fn normalized_words(text: &str) -> String {
    let mut words = String::from(" ");
    for letter in text.chars() {
        if letter.is_alphanumeric() {
            words.extend(letter.to_lowercase());
        } else if !words.ends_with(' ') {
            words.push(' ');
        }
    }
    if !words.ends_with(' ') {
        words.push(' ');
    }
    words
}

#[derive(Debug)]
struct Rule {
    /// Consecutive words. With a `$` at the end they match only at the end of the text.
    phrase: &'static str,
    means: Means,
}

#[derive(Debug)]
enum Means {
    Codes(&'static [&'static str]),
    PetsAllowed,
    Nothing,
}

impl Rule {
    fn matches(&self, words: &str) -> bool {
        let (phrase, at_end) = match self.phrase.strip_suffix('$') {
            Some(phrase) => (phrase, true),
            None => (self.phrase, false),
        };
        words.match_indices(phrase).any(|(start, _)| {
            let (before, rest) = words.split_at(start);
            let after = rest.strip_prefix(phrase).unwrap_or_default();
            before.ends_with(' ') && after.starts_with(' ') && (!at_end || after == " ")
        })
    }
}

const fn is(phrase: &'static str, codes: &'static [&'static str]) -> Rule {
    Rule { phrase, means: Means::Codes(codes) }
}

const fn nothing(phrase: &'static str) -> Rule {
    Rule { phrase, means: Means::Nothing }
}

/// The first rule that matches applies, so narrower phrases come first.
static RULES: &[Rule] = &[
    // Views, before the rules for what is seen, such as a pool.
    is("pool view$", &["POOL_VIEW"]),
    is("garden view$", &["GARDEN_VIEW"]),
    is("park view$", &["GARDEN_VIEW"]),
    is("courtyard view$", &["GARDEN_VIEW"]),
    is("sea view$", &["SEA_VIEW"]),
    is("ocean view$", &["SEA_VIEW"]),
    is("bay view$", &["SEA_VIEW"]),
    is("beach view$", &["SEA_VIEW"]),
    is("harbor view$", &["SEA_VIEW"]),
    is("marina view$", &["SEA_VIEW"]),
    is("lake view$", &["WATER_VIEW"]),
    is("river view$", &["WATER_VIEW"]),
    is("canal view$", &["WATER_VIEW"]),
    is("mountain view$", &["MOUNTAIN_VIEW"]),
    is("valley view$", &["MOUNTAIN_VIEW"]),
    is("city view$", &["CITY_VIEW"]),
    is("skyline view$", &["CITY_VIEW"]),
    nothing("view$"),
    // A brand name can precede these, so only the last words are matched.
    is("shampoo$", &["SHAMPOO"]),
    is("hair conditioner$", &["CONDITIONER"]),
    is("air conditioner$", &["AIR_CONDITIONING"]),
    is("conditioner$", &["CONDITIONER"]),
    is("body soap$", &["BODY_SOAP"]),
    is("shower gel$", &["SHOWER_GEL"]),
    is("mini fridge$", &["MINI_FRIDGE"]),
    is("refrigerator$", &["REFRIGERATOR"]),
    is("freezer$", &["FREEZER"]),
    is("stove$", &["STOVE"]),
    is("oven$", &["OVEN"]),
    is("sound system", &["SOUND_SYSTEM"]),
    // Kitchen.
    is("outdoor kitchen", &["OUTDOOR_KITCHEN"]),
    is("kitchenette", &["KITCHENETTE"]),
    is("kitchen", &["KITCHEN"]),
    is("microwave", &["MICROWAVE"]),
    is("cooking basics", &["COOKING_BASICS"]),
    is("dishes and silverware", &["DISHES_AND_SILVERWARE"]),
    is("dishwasher", &["DISHWASHER"]),
    is("coffee maker", &["COFFEE_MAKER"]),
    is("espresso machine", &["COFFEE_MAKER"]),
    is("nespresso machine", &["COFFEE_MAKER"]),
    is("coffee", &["COFFEE"]),
    is("kettle", &["KETTLE"]),
    is("toaster", &["TOASTER"]),
    is("blender", &["BLENDER"]),
    is("rice maker", &["RICE_MAKER"]),
    is("bread maker", &["BREAD_MAKER"]),
    is("baking sheet", &["BAKING_SHEET"]),
    is("wine glasses", &["WINE_GLASSES"]),
    is("dining table", &["DINING_TABLE"]),
    is("trash compactor", &["TRASH_COMPACTOR"]),
    is("breakfast", &["BREAKFAST"]),
    // Internet and entertainment.
    is("wifi", &["WIFI"]),
    is("wi fi", &["WIFI"]),
    is("wireless internet", &["WIFI"]),
    is("ethernet", &["ETHERNET"]),
    is("internet", &["ETHERNET"]),
    is("workspace", &["WORKSPACE"]),
    is("record player", &["RECORD_PLAYER"]),
    is("game console", &["GAME_CONSOLE"]),
    is("board games", &["BOARD_GAMES"]),
    is("arcade games", &["ARCADE_GAMES"]),
    is("piano", &["PIANO"]),
    is("pool table", &["POOL_TABLE"]),
    is("ping pong", &["PING_PONG_TABLE"]),
    is("movie theater", &["MOVIE_THEATER"]),
    is("mini golf", &["GAME_ROOM"]),
    is("hockey rink", &["GAME_ROOM"]),
    is("climbing wall", &["GAME_ROOM"]),
    is("bowling alley", &["GAME_ROOM"]),
    is("laser tag", &["GAME_ROOM"]),
    is("skate ramp", &["GAME_ROOM"]),
    is("batting cage", &["GAME_ROOM"]),
    is("life size games", &["GAME_ROOM"]),
    // Families.
    is("family kid friendly", &["FAMILY_FRIENDLY"]),
    is("pack n play", &["TRAVEL_CRIB"]),
    is("travel crib", &["TRAVEL_CRIB"]),
    is("crib", &["CRIB"]),
    is("high chair", &["HIGH_CHAIR"]),
    is("baby bath", &["BABY_BATH"]),
    is("baby monitor", &["BABY_MONITOR"]),
    is("changing table", &["CHANGING_TABLE"]),
    is("children s books and toys", &["CHILDRENS_BOOKS_AND_TOYS"]),
    is("children s dinnerware", &["CHILDRENS_DINNERWARE"]),
    is("children s playroom", &["PLAYROOM"]),
    is("playground", &["PLAYGROUND"]),
    is("babysitter", &["BABYSITTER"]),
    is("safety gates", &["BABY_SAFETY_GATES"]),
    is("stair gates", &["BABY_SAFETY_GATES"]),
    is("outlet covers", &["OUTLET_COVERS"]),
    is("corner guards", &["CORNER_GUARDS"]),
    is("window guards", &["WINDOW_GUARDS"]),
    is("fireplace guards", &["FIREPLACE_GUARDS"]),
    is("books", &["BOOKS"]),
    // Beds, baths and laundry.
    is("hair dryer", &["HAIR_DRYER"]),
    is("drying rack", &["DRYING_RACK"]),
    is("washer dryer", &["WASHER", "DRYER"]),
    is("washer", &["WASHER"]),
    is("dryer", &["DRYER"]),
    is("laundromat", &["LAUNDROMAT_NEARBY"]),
    is("ironing", &["IRON"]),
    is("iron", &["IRON"]),
    is("hangers", &["HANGERS"]),
    is("clothing storage", &["CLOTHING_STORAGE"]),
    is("linens", &["BED_LINENS"]),
    is("pillows", &["EXTRA_PILLOWS_AND_BLANKETS"]),
    is("room darkening", &["ROOM_DARKENING_SHADES"]),
    is("mosquito net", &["MOSQUITO_NET"]),
    is("safe$", &["SAFE"]),
    is("essentials$", &["ESSENTIALS"]),
    is("outdoor shower", &["OUTDOOR_SHOWER"]),
    is("bathtub", &["BATHTUB"]),
    is("bath towel", &["ESSENTIALS"]),
    is("private bathroom", &["PRIVATE_BATHROOM"]),
    is("bidet", &["BIDET"]),
    is("hot water", &["HOT_WATER"]),
    is("cleaning products", &["CLEANING_PRODUCTS"]),
    // Heating and cooling.
    is("air conditioning", &["AIR_CONDITIONING"]),
    is("ac", &["AIR_CONDITIONING"]),
    is("fireplace", &["INDOOR_FIREPLACE"]),
    is("heating", &["HEATING"]),
    is("heater", &["HEATING"]),
    is("fan", &["FAN"]),
    is("fans", &["FAN"]),
    // Safety.
    is("carbon monoxide", &["CARBON_MONOXIDE_ALARM"]),
    is("smoke alarm", &["SMOKE_ALARM"]),
    is("smoke detector", &["SMOKE_ALARM"]),
    is("fire extinguisher", &["FIRE_EXTINGUISHER"]),
    is("first aid kit", &["FIRST_AID_KIT"]),
    is("security cameras", &["SECURITY_CAMERAS"]),
    is("noise decibel", &["NOISE_MONITOR"]),
    is("lock on bedroom door", &["BEDROOM_LOCK"]),
    // Outdoors.
    is("bbq", &["BARBECUE"]),
    is("barbecue grill", &["BARBECUE"]),
    is("fire pit", &["FIRE_PIT"]),
    is("outdoor furniture", &["OUTDOOR_FURNITURE"]),
    is("outdoor dining", &["OUTDOOR_DINING_AREA"]),
    is("outdoor seating", &["OUTDOOR_FURNITURE"]),
    is("patio", &["PATIO_OR_BALCONY"]),
    is("balcony", &["PATIO_OR_BALCONY"]),
    is("backyard", &["GARDEN"]),
    is("garden", &["GARDEN"]),
    is("hammock", &["HAMMOCK"]),
    is("sun loungers", &["SUN_LOUNGERS"]),
    is("bikes", &["BIKES"]),
    is("kayak", &["BOATS"]),
    is("waterfront", &["WATERFRONT"]),
    is("beachfront", &["BEACH_ACCESS"]),
    is("beach access", &["BEACH_ACCESS"]),
    is("beach essentials", &["BEACH_ESSENTIALS"]),
    is("lake access", &["LAKE_ACCESS"]),
    is("ski in", &["SKI_ACCESS"]),
    // The building and its facilities.
    is("ev charger", &["EV_CHARGER"]),
    is("free street parking", &["FREE_STREET_PARKING"]),
    is("free parking on street", &["FREE_STREET_PARKING"]),
    is("paid parking", &["PAID_PARKING"]),
    is("paid street parking", &["PAID_PARKING"]),
    is("paid valet parking", &["PAID_PARKING"]),
    is("disabled parking", &["STEP_FREE_ACCESS"]),
    is("parking", &["FREE_PARKING"]),
    is("garage", &["FREE_PARKING"]),
    is("carport", &["FREE_PARKING"]),
    is("hot tub", &["HOT_TUB"]),
    is("jacuzzi", &["HOT_TUB"]),
    is("sauna", &["SAUNA"]),
    is("pool", &["POOL"]),
    is("gym", &["GYM"]),
    is("exercise equipment", &["GYM"]),
    is("elevator", &["ELEVATOR"]),
    is("single level home", &["SINGLE_LEVEL_HOME"]),
    is("step free", &["STEP_FREE_ACCESS"]),
    is("no stairs or steps", &["STEP_FREE_ACCESS"]),
    is("wheelchair", &["WHEELCHAIR_ACCESSIBLE"]),
    is("private entrance", &["PRIVATE_ENTRANCE"]),
    is("private living room", &["PRIVATE_LIVING_ROOM"]),
    // Arrival and services.
    is("self check in", &["SELF_CHECK_IN"]),
    is("24 hour check in", &["SELF_CHECK_IN"]),
    is("keypad", &["SELF_CHECK_IN"]),
    is("lockbox", &["SELF_CHECK_IN"]),
    is("smart lock", &["SELF_CHECK_IN"]),
    is("building staff", &["STAFF"]),
    is("doorman", &["STAFF"]),
    is("host greets you", &["HOST_GREETS_YOU"]),
    is("luggage", &["LUGGAGE_DROPOFF"]),
    is("housekeeping", &["CLEANING_DURING_STAY"]),
    is("cleaning available during stay", &["CLEANING_DURING_STAY"]),
    is("cleaning before checkout", &["CLEANING_DURING_STAY"]),
    is("long term stays", &["LONG_TERM_STAYS"]),
    is("smoking allowed", &["SMOKING_ALLOWED"]),
    Rule { phrase: "pets allowed", means: Means::PetsAllowed },
    // Last, because texts about a TV often contain the words of other rules.
    is("tv", &["TV"]),
    is("hdtv", &["TV"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::listings::listing::amenities;

    fn codes(list: &str) -> Vec<&'static str> {
        AmenityMatcher::default().parse(list).unwrap().codes
    }

    #[test]
    fn every_rule_maps_to_the_catalogue() {
        for rule in RULES {
            if let Means::Codes(codes) = rule.means {
                for code in codes {
                    assert!(amenities::find(code).is_some(), "{}: {code}", rule.phrase);
                }
            }
        }
    }

    #[test]
    fn every_amenity_can_be_recognised() {
        for amenity in amenities::all() {
            let named = |rule: &Rule| matches!(rule.means, Means::Codes(codes) if codes.contains(&amenity.code));
            assert!(RULES.iter().any(named), "{}", amenity.code);
        }
    }

    #[test]
    fn brands_sizes_and_speeds_are_ignored() {
        assert_eq!(codes(r#"["Fast wifi \u2013 120 Mbps"]"#), ["WIFI"]);
        assert_eq!(codes(r#"["65\" HDTV with Netflix, standard cable"]"#), ["TV"]);
        assert_eq!(codes(r#"["Acme  refrigerator", "Acme stainless steel double oven"]"#), ["OVEN", "REFRIGERATOR"]);
        assert_eq!(codes(r#"["Hair dryer", "Free dryer \u2013 In unit"]"#), ["DRYER", "HAIR_DRYER"]);
        assert_eq!(
            codes(r#"["AC - split type ductless system", "Acme conditioner"]"#),
            ["AIR_CONDITIONING", "CONDITIONER"]
        );
    }

    #[test]
    fn a_view_of_a_pool_is_not_a_pool() {
        assert_eq!(codes(r#"["Pool view", "Pool table"]"#), ["POOL_TABLE", "POOL_VIEW"]);
        assert_eq!(codes(r#"["Shared outdoor pool - available all year"]"#), ["POOL"]);
    }

    #[test]
    fn the_older_format_is_parsed_too() {
        let parsed =
            AmenityMatcher::default().parse(r#"{TV,"Cable TV","Washer / Dryer","Pets allowed","Odd, thing"}"#).unwrap();
        assert_eq!(parsed.codes, ["DRYER", "TV", "WASHER"]);
        assert!(parsed.pets_allowed);
        assert_eq!((parsed.unknown, parsed.texts), (vec!["Odd, thing".to_owned()], 5));
        assert_eq!(codes("{}"), [""; 0]);
        assert_eq!(codes("[]"), [""; 0]);
        assert_eq!(codes(""), [""; 0]);
    }

    #[test]
    fn a_list_in_neither_format_is_refused() {
        assert_eq!(AmenityMatcher::default().parse("Wifi, TV"), None);
        assert_eq!(AmenityMatcher::default().parse("[\"Wifi\""), None);
    }
}
