//! The list of all cities.

use super::city::City;
use super::{atlantic, pacific};

/// All cities. The named host of the demonstration lives in the first one.
pub(in crate::demo) static CITIES: [&City; 8] = [
    &atlantic::LISBON,
    &pacific::SINGAPORE,
    &atlantic::NEW_YORK,
    &pacific::TOKYO,
    &atlantic::CAPE_TOWN,
    &pacific::MEXICO_CITY,
    &atlantic::REYKJAVIK,
    &pacific::SYDNEY,
];
