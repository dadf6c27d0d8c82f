//! The options of an import.

use std::path::PathBuf;

use chrono::NaiveDate;

use super::inside_airbnb::Overrides;

/// What to import, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Folder with the files.
    pub folder: PathBuf,
    /// City, country, time zone and currency, where they must not be taken from the table of places.
    pub overrides: Overrides,
    /// Date on which the calendar shall begin. `None` leaves the dates as they are.
    pub shift_calendar_to: Option<NaiveDate>,
    /// CSV file for every finding, row by row. `None` if they are only counted.
    pub report: Option<PathBuf>,
}
