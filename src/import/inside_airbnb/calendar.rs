//! Reads the calendar file and groups its rows by listing, as runs of equal nights.
//!
//! The file is usually ordered by listing, but that is not guaranteed. One pass over the file collects the calendars of
//! [`WINDOW`] listings, whatever the order of their rows. A snapshot with more listings takes more passes. So memory is
//! bounded by the window and not by the file.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::{Days, NaiveDate, TimeDelta};

use super::header::Row;
use super::source::{DataFile, Records, SourceError};
use crate::domain::listings::import::{ImportedNight, ImportedNights};
use crate::domain::listings::limits::MAX_NIGHTS;
use crate::import::findings::{Findings, Outcome, Problem};
use crate::kernel::money::Currency;

/// Number of listings whose calendars are in memory at a time: usually a few megabytes, and 90 if no two nights are
/// equal.
pub const WINDOW: usize = 10_000;

/// The calendar of one listing.
#[derive(Clone, Debug, Default)]
pub struct Calendar {
    runs: Vec<Run>,
}

/// Consecutive nights with the same values.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: NaiveDate,
    nights: u16,
    values: NightValues,
}

/// The values of a night in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NightValues {
    available: bool,
    price_minor: Option<i64>,
    min_nights: Option<i32>,
}

impl Calendar {
    fn add(&mut self, date: NaiveDate, values: NightValues) {
        if let Some(run) = self.runs.last_mut()
            && run.values == values
            && run.nights < u16::MAX
            && run.first.checked_add_days(Days::new(run.nights.into())) == Some(date)
        {
            run.nights += 1;
        } else {
            self.runs.push(Run { first: date, nights: 1, values });
        }
    }

    /// The most common price of a night. If several are equally common, the lowest of them.
    pub fn most_common_price(&self) -> Option<i64> {
        let mut counts: HashMap<i64, u64> = HashMap::new();
        for run in &self.runs {
            if let Some(price) = run.values.price_minor {
                *counts.entry(price).or_default() += u64::from(run.nights);
            }
        }
        counts.into_iter().max_by_key(|(price, nights)| (*nights, -price)).map(|(price, _)| price)
    }

    /// The nights that differ from the listing's own price and minimum stay, moved by `shift`. If the file has several
    /// rows for a night, the last one applies.
    pub fn nights(&self, base_minor: Option<i64>, min_nights: i32, shift: TimeDelta) -> Option<ImportedNights> {
        let mut all: Vec<(NaiveDate, NightValues)> = Vec::with_capacity(MAX_NIGHTS.unsigned_abs() as usize + 1);
        for run in &self.runs {
            let dates = run.first.iter_days().take(run.nights.into());
            all.extend(dates.filter_map(|date| Some((date.checked_add_signed(shift)?, run.values))));
        }
        all.sort_by_key(|(date, _)| *date);
        all.reverse();
        all.dedup_by_key(|(date, _)| *date);
        all.reverse();
        let (first, last) = (all.first()?.0, all.last()?.0);
        let nights = all.into_iter().map(|(date, values)| ImportedNight {
            date,
            blocked: !values.available,
            price_minor: values.price_minor.filter(|price| Some(*price) != base_minor),
            min_nights: values.min_nights.filter(|nights| *nights != min_nights),
        });
        let differs =
            |night: &ImportedNight| night.blocked || night.price_minor.is_some() || night.min_nights.is_some();
        Some(ImportedNights { first, last, nights: nights.filter(differs).collect() })
    }
}

/// Returns the calendars of listings, in the order of their windows.
pub struct Calendars {
    file: DataFile,
    /// The window of each listing.
    windows: Arc<HashMap<i64, usize>>,
    currency: Currency,
    findings: Findings,
    bytes_read: Arc<AtomicU64>,
    calendars: HashMap<i64, Calendar>,
    window: Option<usize>,
    first: Option<NaiveDate>,
    rows: u64,
}

impl Calendars {
    /// Prepares to read `file` for the listings in `windows`.
    pub fn new(
        file: DataFile,
        windows: Arc<HashMap<i64, usize>>,
        currency: Currency,
        findings: Findings,
        bytes_read: Arc<AtomicU64>,
    ) -> Calendars {
        let calendars = HashMap::new();
        Calendars { file, windows, currency, findings, bytes_read, calendars, window: None, first: None, rows: 0 }
    }

    /// Removes and returns the calendar of a listing. Listings must be requested in the order of their windows.
    pub fn remove(&mut self, id: i64) -> Result<Option<Calendar>, SourceError> {
        let Some(&window) = self.windows.get(&id) else { return Ok(None) };
        if self.window != Some(window) {
            self.read_window(window)?;
        }
        Ok(self.calendars.remove(&id))
    }

    /// Earliest date in the file. Known once a calendar was requested.
    pub fn first_date(&self) -> Option<NaiveDate> {
        self.first
    }

    /// Number of rows in the file. Known once a calendar was requested.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Reads the whole file and collects the calendars of one window.
    fn read_window(&mut self, window: usize) -> Result<(), SourceError> {
        let first_pass = self.window.is_none();
        self.window = Some(window);
        self.calendars = HashMap::new();
        let mut records = self.file.records(&self.bytes_read)?;
        while self.read_row(&mut records, window, first_pass)? {}
        Ok(())
    }

    fn read_row(&mut self, records: &mut Records, window: usize, first_pass: bool) -> Result<bool, SourceError> {
        let Some(row) = records.next_row()? else { return Ok(false) };
        self.rows += u64::from(first_pass);
        match parse_night(row) {
            Ok((id, date, available)) => {
                if first_pass {
                    self.first = Some(self.first.map_or(date, |first| first.min(date)));
                }
                match self.windows.get(&id) {
                    Some(own) if *own == window => {
                        let values = NightValues {
                            available,
                            price_minor: self.value_or_finding(row, parse_price(row, self.currency)),
                            min_nights: self.value_or_finding(row, parse_min_nights(row)),
                        };
                        self.calendars.entry(id).or_default().add(date, values);
                    }
                    Some(_) => {}
                    None if first_pass => {
                        let problem = Problem::new("listing_id", "is not one of the imported listings", "");
                        self.findings.add(Outcome::Skipped, &self.file.name, Some(row.at), &id.to_string(), &problem);
                    }
                    None => {}
                }
            }
            Err(problem) if first_pass => {
                let id = row.text("listing_id").unwrap_or_default();
                self.findings.add(Outcome::Skipped, &self.file.name, Some(row.at), id, &problem);
            }
            Err(_) => {}
        }
        Ok(true)
    }

    /// The value, or `None` and a finding if it cannot be parsed. The row is imported without it.
    fn value_or_finding<T>(&self, row: Row<'_>, parsed: Result<Option<T>, Problem>) -> Option<T> {
        parsed.unwrap_or_else(|problem| {
            let id = row.text("listing_id").unwrap_or_default();
            self.findings.add(Outcome::Adjusted, &self.file.name, Some(row.at), id, &problem);
            None
        })
    }
}

fn parse_night(row: Row<'_>) -> Result<(i64, NaiveDate, bool), Problem> {
    row.check_width()?;
    let id = row.key("listing_id")?;
    let date = row.date("date")?.ok_or_else(|| Problem::new("date", "is missing", ""))?;
    let available = row.flag("available")?.ok_or_else(|| Problem::new("available", "is missing", ""))?;
    Ok((id, date, available))
}

fn parse_price(row: Row<'_>, currency: Currency) -> Result<Option<i64>, Problem> {
    match row.money("price", currency)? {
        Some(0) => Err(Problem::new("price", "is 0: the listing's own price applies", "")),
        price => Ok(price),
    }
}

fn parse_min_nights(row: Row<'_>) -> Result<Option<i32>, Problem> {
    let Some(least) = row.whole("minimum_nights")?.filter(|least| *least > 0) else { return Ok(None) };
    if row.whole("maximum_nights")?.is_some_and(|most| least > most) {
        let reason = "is above maximum_nights: the listing's own minimum applies";
        return Err(Problem::new("minimum_nights", reason, &least.to_string()));
    }
    Ok(Some(i32::try_from(least).map_or(MAX_NIGHTS, |least| least.min(MAX_NIGHTS))))
}

/// The number of whole weeks by which a calendar must move so that its first date is `target` or the first date with
/// the same weekday after it.
pub fn weeks_to(first: NaiveDate, target: NaiveDate) -> TimeDelta {
    let days = (target - first).num_days();
    TimeDelta::weeks(days.div_euclid(7) + i64::from(days.rem_euclid(7) > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::inside_airbnb::fixture::Folder;
    use crate::import::inside_airbnb::source::Source;

    const HEADER: &str = "listing_id,date,available,price,adjusted_price,minimum_nights,maximum_nights\n";
    const LISTINGS: &str = "id,name,host_id,latitude,longitude,room_type,price,minimum_nights\n";

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn calendars(rows: &str, windows: &[(i64, usize)]) -> (Calendars, Findings) {
        let folder = Folder::new();
        folder.write("listings.csv", LISTINGS);
        folder.write_gz("calendar.csv.gz", &format!("{HEADER}{rows}"));
        let file = Source::open(folder.path()).unwrap().calendar.unwrap();
        let findings = Findings::count_only();
        let windows = Arc::new(windows.iter().copied().collect());
        let mut calendars = Calendars::new(file, windows, "USD".parse().unwrap(), findings.clone(), Arc::default());
        // The folder is deleted at the end of this function, so the first window is read here.
        calendars.read_window(0).unwrap();
        (calendars, findings)
    }

    #[test]
    fn only_nights_that_differ_are_imported_in_any_order() {
        let rows = "7,2024-01-03,f,$90.00,,2,30\n8,2024-01-01,t,$50.00,,1,30\n7,2024-01-01,t,$80.00,,2,30\n\
                    7,2024-01-02,t,$80.00,,3,30\n7,2024-01-04,t,$80.00,,2,30\n7,2024-01-01,t,$85.00,,2,30\n";
        let (mut calendars, _) = calendars(rows, &[(7, 0), (8, 0)]);
        let calendar = calendars.remove(7).unwrap().unwrap();
        assert_eq!(calendar.most_common_price(), Some(8_000));
        let nights = calendar.nights(Some(8_000), 2, TimeDelta::zero()).unwrap();
        assert_eq!((nights.first, nights.last), (date("2024-01-01"), date("2024-01-04")));
        let night =
            |day, blocked, price_minor, min_nights| ImportedNight { date: date(day), blocked, price_minor, min_nights };
        assert_eq!(
            nights.nights,
            [
                night("2024-01-01", false, Some(8_500), None),
                night("2024-01-02", false, None, Some(3)),
                night("2024-01-03", true, Some(9_000), None),
            ]
        );
        assert_eq!((calendars.rows(), calendars.first_date()), (6, Some(date("2024-01-01"))));
        assert!(calendars.remove(9).unwrap().is_none());
    }

    #[test]
    fn invalid_rows_are_skipped_and_invalid_values_do_not_unblock_a_night() {
        let rows = "x,2024-01-01,t,,,1,30\n7,2024-13-01,t,,,1,30\n7,2024-01-01,,,,1,30\n7,2024-01-02,t\n\
                    9,2024-01-01,t,,,1,30\n7,2024-01-03,f,lots,,40,30\n7,2024-01-04,t,$0.00,,,\n";
        let (mut calendars, findings) = calendars(rows, &[(7, 0)]);
        let nights = calendars.remove(7).unwrap().unwrap().nights(Some(100), 1, TimeDelta::zero()).unwrap();
        assert_eq!(
            nights.nights.iter().map(|night| (night.date, night.blocked)).collect::<Vec<_>>(),
            [(date("2024-01-03"), true)]
        );
        let (groups, _) = findings.finish();
        let seen: Vec<_> = groups.iter().map(|group| (group.outcome, group.field, group.first)).collect();
        assert_eq!(
            seen,
            [
                (Outcome::Skipped, "available", Some(3)),
                (Outcome::Skipped, "date", Some(2)),
                (Outcome::Skipped, "listing_id", Some(1)),
                (Outcome::Skipped, "listing_id", Some(5)),
                (Outcome::Skipped, "record", Some(4)),
                (Outcome::Adjusted, "minimum_nights", Some(6)),
                (Outcome::Adjusted, "price", Some(7)),
                (Outcome::Adjusted, "price", Some(6)),
            ]
        );
    }

    #[test]
    fn equal_consecutive_nights_are_one_run() {
        let mut calendar = Calendar::default();
        let values = NightValues { available: true, price_minor: Some(1), min_nights: Some(1) };
        for day in date("2024-01-01").iter_days().take(366) {
            calendar.add(day, values);
        }
        calendar.add(date("2025-01-01"), NightValues { available: false, ..values });
        assert_eq!(calendar.runs.len(), 2);
        assert_eq!(calendar.nights(Some(1), 1, TimeDelta::zero()).unwrap().nights.len(), 1);
    }

    #[test]
    fn calendars_move_by_whole_weeks() {
        for (first, target, moved) in [
            ("2024-01-01", "2026-01-01", "2026-01-05"),
            ("2024-01-01", "2024-01-08", "2024-01-08"),
            ("2024-01-01", "2024-01-01", "2024-01-01"),
            ("2024-01-15", "2024-01-02", "2024-01-08"),
        ] {
            assert_eq!(date(first) + weeks_to(date(first), date(target)), date(moved), "{first} to {target}");
        }
    }
}
