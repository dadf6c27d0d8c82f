//! Limits of listings, stays and calendars. Each number is defined here once.

use crate::kernel::money::MAX_MINOR;

/// Shortest long stay, in nights. Long stays have cancellation policies of their own, and the host is paid for them in
/// installments.
pub const LONG_STAY_NIGHTS: i64 = 28;
/// Longest stay, in nights. Longer stays have no price.
pub const MAX_NIGHTS: i32 = 365;
/// Largest number of guests of one kind (adults, children, infants or pets) in a request for a stay.
pub const MAX_REQUESTED_GUESTS: i32 = 100;
/// Largest number of nights that a host can keep free after each booking.
pub const MAX_PREPARATION_NIGHTS: u32 = 7;
/// Longest advance notice that a host can ask for, in days.
pub const MAX_ADVANCE_NOTICE_DAYS: i32 = 365;
/// Longest booking window, in days from today to the check-out date.
pub const MAX_BOOKING_WINDOW_DAYS: i32 = 730;
/// Booking window of a new listing, in days.
pub const DEFAULT_BOOKING_WINDOW_DAYS: i32 = 365;

/// Longest range of a calendar that can be read or changed at once, in days.
pub const CALENDAR_DAYS: u32 = 366;
/// Largest number of changes in one update of a calendar.
pub const MAX_CALENDAR_CHANGES: usize = 100;
/// Most characters of a host's note on a night.
pub const MAX_NIGHT_NOTE_CHARS: usize = 200;
/// First year of the dates that are accepted.
pub const FIRST_YEAR: i32 = 1970;
/// Last year of the dates that are accepted.
pub const LAST_YEAR: i32 = 9000;

/// Most characters of a title.
pub const MAX_TITLE_CHARS: usize = 120;
/// Most characters of a description.
pub const MAX_DESCRIPTION_CHARS: usize = 20_000;
/// Most characters of one line of an address or of the house rules.
pub const MAX_LINE_CHARS: usize = 200;
/// Most lines of house rules.
pub const MAX_HOUSE_RULES: usize = 50;
/// Most amenities of a listing.
pub const MAX_AMENITIES: usize = 100;
/// Largest capacity of a listing, in adults and children.
pub const MAX_GUESTS: i32 = 50;
/// Largest number of bedrooms, and largest number of beds.
pub const MAX_ROOMS: i32 = 100;
/// Largest number of bathrooms.
pub const MAX_BATHROOMS: f64 = 100.0;

/// Largest price or fee that a listing can set, in minor units: a thousandth of what the API can carry, so that the
/// sum over a long stay fits.
pub const MAX_PRICE_MINOR: i64 = MAX_MINOR / 1_000;
/// Most discounts for long stays of a listing.
pub const MAX_LENGTH_OF_STAY_DISCOUNTS: usize = 12;
/// Most seasons of a listing.
pub const MAX_SEASONS: usize = 50;
/// Most taxes of a listing.
pub const MAX_TAXES: usize = 20;
/// Most characters of the name of a season or a tax.
pub const MAX_NAME_CHARS: usize = 80;

/// Most characters of the text of a search.
pub const MAX_SEARCH_TEXT_CHARS: usize = 200;
/// Number of words of the text that a search uses. Further words are ignored.
pub const MAX_SEARCH_WORDS: usize = 8;
/// Most amenities in the filter of a search.
pub const MAX_SEARCH_AMENITIES: usize = 20;
/// Largest radius of a search, in metres.
pub const MAX_SEARCH_RADIUS_M: i32 = 500_000;
/// Largest number that a search can ask for in `capacity`, `bedroomsMin` and `bedsMin`.
pub const MAX_SEARCH_COUNT: i32 = 1_000;
