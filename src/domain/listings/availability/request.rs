//! A request for a stay: dates and guests, and which of them are refused before any listing is read.

use chrono::{Datelike, NaiveDate};

use crate::domain::error::{Error, Refusals};
use crate::domain::listings::limits::{FIRST_YEAR, LAST_YEAR, MAX_NIGHTS, MAX_REQUESTED_GUESTS};
use crate::kernel::guests::Guests;
use crate::kernel::stay::Stay;

/// A stay for which availability and price are requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StayRequest {
    /// Date of arrival.
    pub check_in: NaiveDate,
    /// Date of departure. The last night is the one before.
    pub check_out: NaiveDate,
    /// Number of guests, by age group, and of pets.
    pub guests: Guests,
    /// Whether the lower, non-refundable price is requested.
    pub non_refundable: bool,
}

impl StayRequest {
    /// Refuses numbers and dates out of range. Dates in the wrong order are not refused here: they are a violation that
    /// the check of the stay reports.
    pub fn validate(&self, field: &[&str]) -> Result<(), Error> {
        let mut refusals = Refusals::default();
        let mut check_count = |name: &str, number: i32, least: i64| {
            let path: Vec<&str> = field.iter().copied().chain([name]).collect();
            refusals.range(&path, number.into(), least, MAX_REQUESTED_GUESTS.into());
        };
        check_count("adults", self.guests.adults, 1);
        check_count("children", self.guests.children, 0);
        check_count("infants", self.guests.infants, 0);
        check_count("pets", self.guests.pets, 0);
        for (name, date) in [("checkIn", self.check_in), ("checkOut", self.check_out)] {
            let path: Vec<&str> = field.iter().copied().chain([name]).collect();
            refusals.range(&path, date.year().into(), FIRST_YEAR.into(), LAST_YEAR.into());
        }
        refusals.finish()
    }

    /// The nights, if there are between 1 and [`MAX_NIGHTS`].
    pub fn stay(&self) -> Option<Stay> {
        Stay::new(self.check_in, self.check_out).filter(|stay| stay.nights() <= i64::from(MAX_NIGHTS))
    }
}
