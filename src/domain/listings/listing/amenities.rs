//! The fixed catalogue of amenities, for listings and for the filters of search.

/// One amenity of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amenity {
    /// Code in the API and in the database, such as `HOT_TUB`. It never changes.
    pub code: &'static str,
    /// English name.
    pub name: &'static str,
    /// English name of its category.
    pub category: &'static str,
}

/// All amenities, grouped by category, in the order in which they are shown.
pub fn all() -> &'static [Amenity] {
    &CATALOGUE
}

/// The amenity with this code. `None` if there is none.
pub fn find(code: &str) -> Option<&'static Amenity> {
    CATALOGUE.iter().find(|amenity| amenity.code == code)
}

const fn amenity(category: &'static str, code: &'static str, name: &'static str) -> Amenity {
    Amenity { code, name, category }
}

const BASICS: &str = "Basics";
const BATHROOM: &str = "Bathroom";
const BEDROOM: &str = "Bedroom and laundry";
const KITCHEN: &str = "Kitchen and dining";
const ENTERTAINMENT: &str = "Entertainment";
const FAMILY: &str = "Family";
const CLIMATE: &str = "Heating and cooling";
const SAFETY: &str = "Safety";
const OUTDOORS: &str = "Outdoors";
const VIEWS: &str = "Views";
const LOCATION: &str = "Location";
const FACILITIES: &str = "Parking and facilities";
const ACCESS: &str = "Accessibility";
const SERVICES: &str = "Services and rules";

static CATALOGUE: [Amenity; 133] = [
    amenity(BASICS, "WIFI", "Wi-Fi"),
    amenity(BASICS, "ETHERNET", "Ethernet connection"),
    amenity(BASICS, "WORKSPACE", "Dedicated workspace"),
    amenity(BASICS, "TV", "TV"),
    amenity(BASICS, "ESSENTIALS", "Towels, soap and toilet paper"),
    amenity(BASICS, "HOT_WATER", "Hot water"),
    amenity(BATHROOM, "BATHTUB", "Bathtub"),
    amenity(BATHROOM, "BIDET", "Bidet"),
    amenity(BATHROOM, "PRIVATE_BATHROOM", "Private bathroom"),
    amenity(BATHROOM, "HAIR_DRYER", "Hair dryer"),
    amenity(BATHROOM, "SHAMPOO", "Shampoo"),
    amenity(BATHROOM, "CONDITIONER", "Conditioner"),
    amenity(BATHROOM, "BODY_SOAP", "Body soap"),
    amenity(BATHROOM, "SHOWER_GEL", "Shower gel"),
    amenity(BATHROOM, "CLEANING_PRODUCTS", "Cleaning products"),
    amenity(BEDROOM, "BED_LINENS", "Bed linens"),
    amenity(BEDROOM, "EXTRA_PILLOWS_AND_BLANKETS", "Extra pillows and blankets"),
    amenity(BEDROOM, "ROOM_DARKENING_SHADES", "Room-darkening shades"),
    amenity(BEDROOM, "MOSQUITO_NET", "Mosquito net"),
    amenity(BEDROOM, "HANGERS", "Hangers"),
    amenity(BEDROOM, "CLOTHING_STORAGE", "Clothing storage"),
    amenity(BEDROOM, "IRON", "Iron"),
    amenity(BEDROOM, "SAFE", "Safe"),
    amenity(BEDROOM, "WASHER", "Washer"),
    amenity(BEDROOM, "DRYER", "Dryer"),
    amenity(BEDROOM, "DRYING_RACK", "Drying rack"),
    amenity(KITCHEN, "KITCHEN", "Kitchen"),
    amenity(KITCHEN, "KITCHENETTE", "Kitchenette"),
    amenity(KITCHEN, "REFRIGERATOR", "Refrigerator"),
    amenity(KITCHEN, "MINI_FRIDGE", "Mini fridge"),
    amenity(KITCHEN, "FREEZER", "Freezer"),
    amenity(KITCHEN, "MICROWAVE", "Microwave"),
    amenity(KITCHEN, "STOVE", "Stove"),
    amenity(KITCHEN, "OVEN", "Oven"),
    amenity(KITCHEN, "COOKING_BASICS", "Pots, pans, oil and salt"),
    amenity(KITCHEN, "DISHES_AND_SILVERWARE", "Dishes and silverware"),
    amenity(KITCHEN, "DISHWASHER", "Dishwasher"),
    amenity(KITCHEN, "COFFEE", "Coffee"),
    amenity(KITCHEN, "COFFEE_MAKER", "Coffee maker"),
    amenity(KITCHEN, "KETTLE", "Kettle"),
    amenity(KITCHEN, "TOASTER", "Toaster"),
    amenity(KITCHEN, "BLENDER", "Blender"),
    amenity(KITCHEN, "RICE_MAKER", "Rice maker"),
    amenity(KITCHEN, "BREAD_MAKER", "Bread maker"),
    amenity(KITCHEN, "BAKING_SHEET", "Baking sheet"),
    amenity(KITCHEN, "WINE_GLASSES", "Wine glasses"),
    amenity(KITCHEN, "DINING_TABLE", "Dining table"),
    amenity(KITCHEN, "TRASH_COMPACTOR", "Trash compactor"),
    amenity(KITCHEN, "BREAKFAST", "Breakfast"),
    amenity(ENTERTAINMENT, "SOUND_SYSTEM", "Sound system"),
    amenity(ENTERTAINMENT, "RECORD_PLAYER", "Record player"),
    amenity(ENTERTAINMENT, "GAME_CONSOLE", "Game console"),
    amenity(ENTERTAINMENT, "BOARD_GAMES", "Board games"),
    amenity(ENTERTAINMENT, "BOOKS", "Books"),
    amenity(ENTERTAINMENT, "PIANO", "Piano"),
    amenity(ENTERTAINMENT, "POOL_TABLE", "Pool table"),
    amenity(ENTERTAINMENT, "PING_PONG_TABLE", "Ping-pong table"),
    amenity(ENTERTAINMENT, "ARCADE_GAMES", "Arcade games"),
    amenity(ENTERTAINMENT, "MOVIE_THEATER", "Movie theater"),
    amenity(ENTERTAINMENT, "GAME_ROOM", "Room for games and sports"),
    amenity(FAMILY, "FAMILY_FRIENDLY", "Suitable for families"),
    amenity(FAMILY, "CRIB", "Crib"),
    amenity(FAMILY, "TRAVEL_CRIB", "Travel crib"),
    amenity(FAMILY, "HIGH_CHAIR", "High chair"),
    amenity(FAMILY, "BABY_BATH", "Baby bath"),
    amenity(FAMILY, "BABY_MONITOR", "Baby monitor"),
    amenity(FAMILY, "CHANGING_TABLE", "Changing table"),
    amenity(FAMILY, "CHILDRENS_BOOKS_AND_TOYS", "Children's books and toys"),
    amenity(FAMILY, "CHILDRENS_DINNERWARE", "Children's dinnerware"),
    amenity(FAMILY, "PLAYROOM", "Playroom"),
    amenity(FAMILY, "PLAYGROUND", "Playground"),
    amenity(FAMILY, "BABYSITTER", "Babysitter recommendations"),
    amenity(FAMILY, "BABY_SAFETY_GATES", "Baby safety gates"),
    amenity(FAMILY, "OUTLET_COVERS", "Outlet covers"),
    amenity(FAMILY, "CORNER_GUARDS", "Table corner guards"),
    amenity(FAMILY, "WINDOW_GUARDS", "Window guards"),
    amenity(FAMILY, "FIREPLACE_GUARDS", "Fireplace guards"),
    amenity(CLIMATE, "AIR_CONDITIONING", "Air conditioning"),
    amenity(CLIMATE, "HEATING", "Heating"),
    amenity(CLIMATE, "FAN", "Fan"),
    amenity(CLIMATE, "INDOOR_FIREPLACE", "Indoor fireplace"),
    amenity(SAFETY, "SMOKE_ALARM", "Smoke alarm"),
    amenity(SAFETY, "CARBON_MONOXIDE_ALARM", "Carbon monoxide alarm"),
    amenity(SAFETY, "FIRE_EXTINGUISHER", "Fire extinguisher"),
    amenity(SAFETY, "FIRST_AID_KIT", "First aid kit"),
    amenity(SAFETY, "SECURITY_CAMERAS", "Security cameras outside"),
    amenity(SAFETY, "NOISE_MONITOR", "Noise monitor"),
    amenity(SAFETY, "BEDROOM_LOCK", "Lock on the bedroom door"),
    amenity(OUTDOORS, "PATIO_OR_BALCONY", "Patio or balcony"),
    amenity(OUTDOORS, "GARDEN", "Garden or backyard"),
    amenity(OUTDOORS, "BARBECUE", "Barbecue"),
    amenity(OUTDOORS, "FIRE_PIT", "Fire pit"),
    amenity(OUTDOORS, "OUTDOOR_FURNITURE", "Outdoor furniture"),
    amenity(OUTDOORS, "OUTDOOR_DINING_AREA", "Outdoor dining area"),
    amenity(OUTDOORS, "OUTDOOR_KITCHEN", "Outdoor kitchen"),
    amenity(OUTDOORS, "OUTDOOR_SHOWER", "Outdoor shower"),
    amenity(OUTDOORS, "HAMMOCK", "Hammock"),
    amenity(OUTDOORS, "SUN_LOUNGERS", "Sun loungers"),
    amenity(OUTDOORS, "BEACH_ESSENTIALS", "Beach essentials"),
    amenity(OUTDOORS, "BIKES", "Bikes"),
    amenity(OUTDOORS, "BOATS", "Kayak or boat"),
    amenity(VIEWS, "CITY_VIEW", "City view"),
    amenity(VIEWS, "GARDEN_VIEW", "Garden, park or courtyard view"),
    amenity(VIEWS, "SEA_VIEW", "Sea view"),
    amenity(VIEWS, "WATER_VIEW", "River, lake or canal view"),
    amenity(VIEWS, "MOUNTAIN_VIEW", "Mountain or valley view"),
    amenity(VIEWS, "POOL_VIEW", "Pool view"),
    amenity(LOCATION, "WATERFRONT", "Waterfront"),
    amenity(LOCATION, "BEACH_ACCESS", "Beach access"),
    amenity(LOCATION, "LAKE_ACCESS", "Lake access"),
    amenity(LOCATION, "SKI_ACCESS", "Ski-in, ski-out"),
    amenity(LOCATION, "LAUNDROMAT_NEARBY", "Laundromat nearby"),
    amenity(LOCATION, "PRIVATE_ENTRANCE", "Private entrance"),
    amenity(LOCATION, "PRIVATE_LIVING_ROOM", "Private living room"),
    amenity(FACILITIES, "FREE_PARKING", "Free parking on the premises"),
    amenity(FACILITIES, "FREE_STREET_PARKING", "Free street parking"),
    amenity(FACILITIES, "PAID_PARKING", "Paid parking"),
    amenity(FACILITIES, "EV_CHARGER", "Charger for electric cars"),
    amenity(FACILITIES, "POOL", "Pool"),
    amenity(FACILITIES, "HOT_TUB", "Hot tub"),
    amenity(FACILITIES, "SAUNA", "Sauna"),
    amenity(FACILITIES, "GYM", "Gym"),
    amenity(ACCESS, "ELEVATOR", "Elevator"),
    amenity(ACCESS, "SINGLE_LEVEL_HOME", "No stairs inside"),
    amenity(ACCESS, "STEP_FREE_ACCESS", "Step-free access"),
    amenity(ACCESS, "WHEELCHAIR_ACCESSIBLE", "Wheelchair accessible"),
    amenity(SERVICES, "SELF_CHECK_IN", "Self check-in"),
    amenity(SERVICES, "STAFF", "Building staff"),
    amenity(SERVICES, "HOST_GREETS_YOU", "The host greets you"),
    amenity(SERVICES, "LUGGAGE_DROPOFF", "Luggage drop-off"),
    amenity(SERVICES, "CLEANING_DURING_STAY", "Cleaning during the stay"),
    amenity(SERVICES, "LONG_TERM_STAYS", "Long-term stays"),
    amenity(SERVICES, "SMOKING_ALLOWED", "Smoking allowed"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_in_capital_letters() {
        let mut codes: Vec<_> = all().iter().map(|amenity| amenity.code).collect();
        assert!(codes.iter().all(|code| code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')), "{codes:?}");
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all().len());
    }

    #[test]
    fn codes_are_found_only_as_written() {
        assert_eq!(find("HOT_TUB").map(|amenity| amenity.name), Some("Hot tub"));
        assert_eq!(find("hot_tub"), None);
        assert_eq!(find(""), None);
    }
}
