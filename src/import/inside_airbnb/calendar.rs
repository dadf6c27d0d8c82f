//! Calendars by listing: read in windows of so many listings, held as runs of equal nights.
//!
//! A calendar file is usually ordered by listing, but nothing promises it. So one pass over the file gathers the
//! calendars of [`WINDOW`] listings in whatever order their rows come, and a snapshot with more listings takes more
//! passes: memory is bounded by the window, not by the file.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::{Days, NaiveDate, TimeDelta};

use super::header::Row;
use super::source::{DataFile, Records, SourceError};
use crate::domain::listings::import::{ImportedNight, ImportedNights, MAX_NIGHTS};
use crate::import::findings::{Findings, Outcome, Problem};
use crate::kernel::money::Currency;

/// How many listings' calendars are held at a time: usually a few megabytes, 90 when no two nights are alike.
pub const WINDOW: usize = 10_000;

/// The calendar of one listing.
#[derive(Clone, Debug, Default)]
pub struct Calendar {
    runs: Vec<Run>,
}

/// Nights in a row of which the same is true.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: NaiveDate,
    nights: u16,
    about: About,
}

/// What a file says about a night.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct About {
    available: bool,
    price_minor: Option<i64>,
    min_nights: Option<i32>,
}

impl Calendar {
    fn add(&mut self, date: NaiveDate, about: About) {
        if let Some(run) = self.runs.last_mut()
            && run.about == about
            && run.nights < u16::MAX
            && run.first.checked_add_days(Days::new(run.nights.into())) == Some(date)
        {
            run.nights += 1;
        } else {
            self.runs.push(Run { first: date, nights: 1, about });
        }
    }

    /// The most common price of a night, the lowest of several.
    pub fn usual_price(&self) -> Option<i64> {
        let mut counts: HashMap<i64, u64> = HashMap::new();
        for run in &self.runs {
            if let Some(price) = run.about.price_minor {
                *counts.entry(price).or_default() += u64::from(run.nights);
            }
        }
        counts.into_iter().max_by_key(|(price, nights)| (*nights, -price)).map(|(price, _)| price)
    }

    /// The nights that differ from the listing's own price and minimum stay, `shift` later than the file says.
    /// Of two rows about one night the later one counts.
    pub fn nights(&self, base_minor: Option<i64>, min_nights: i32, shift: TimeDelta) -> Option<ImportedNights> {
        let mut all: Vec<(NaiveDate, About)> = Vec::with_capacity(MAX_NIGHTS.unsigned_abs() as usize + 1);
        for run in &self.runs {
            let dates = run.first.iter_days().take(run.nights.into());
            all.extend(dates.filter_map(|date| Some((date.checked_add_signed(shift)?, run.about))));
        }
        all.sort_by_key(|(date, _)| *date);
        all.reverse();
        all.dedup_by_key(|(date, _)| *date);
        all.reverse();
        let (first, last) = (all.first()?.0, all.last()?.0);
        let nights = all.into_iter().map(|(date, about)| ImportedNight {
            date,
            blocked: !about.available,
            price_minor: about.price_minor.filter(|price| Some(*price) != base_minor),
            min_nights: about.min_nights.filter(|nights| *nights != min_nights),
        });
        let says_something =
            |night: &ImportedNight| night.blocked || night.price_minor.is_some() || night.min_nights.is_some();
        Some(ImportedNights { first, last, nights: nights.filter(says_something).collect() })
    }
}

/// Gives out calendars in the order of the listings.
pub struct Calendars {
    file: DataFile,
    /// The window each listing belongs to.
    windows: Arc<HashMap<i64, usize>>,
    currency: Currency,
    findings: Findings,
    taken: Arc<AtomicU64>,
    held: HashMap<i64, Calendar>,
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
        taken: Arc<AtomicU64>,
    ) -> Calendars {
        let held = HashMap::new();
        Calendars { file, windows, currency, findings, taken, held, window: None, first: None, rows: 0 }
    }

    /// Takes the calendar of a listing. Listings must be asked for in the order of their windows.
    pub fn take(&mut self, id: i64) -> Result<Option<Calendar>, SourceError> {
        let Some(&window) = self.windows.get(&id) else { return Ok(None) };
        if self.window != Some(window) {
            self.read(window)?;
        }
        Ok(self.held.remove(&id))
    }

    /// The earliest date in the file, once a calendar was taken.
    pub fn first_date(&self) -> Option<NaiveDate> {
        self.first
    }

    /// How many rows the file has, once a calendar was taken.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    fn read(&mut self, window: usize) -> Result<(), SourceError> {
        let first_pass = self.window.is_none();
        self.window = Some(window);
        self.held = HashMap::new();
        let mut records = self.file.records(&self.taken)?;
        while self.read_row(&mut records, window, first_pass)? {}
        Ok(())
    }

    fn read_row(&mut self, records: &mut Records, window: usize, first_pass: bool) -> Result<bool, SourceError> {
        let Some(row) = records.next_row()? else { return Ok(false) };
        self.rows += u64::from(first_pass);
        match night(row) {
            Ok((id, date, available)) => {
                if first_pass {
                    self.first = Some(self.first.map_or(date, |first| first.min(date)));
                }
                match self.windows.get(&id) {
                    Some(of) if *of == window => {
                        let about = About {
                            available,
                            price_minor: self.mend(row, price(row, self.currency)),
                            min_nights: self.mend(row, min_nights(row)),
                        };
                        self.held.entry(id).or_default().add(date, about);
                    }
                    Some(_) => {}
                    None if first_pass => {
                        let problem = Problem::new("listing_id", "is none of the listings taken", "");
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

    /// Leaves out what cannot be read of a row whose night can.
    fn mend<T>(&self, row: Row<'_>, read: Result<Option<T>, Problem>) -> Option<T> {
        read.unwrap_or_else(|problem| {
            let id = row.text("listing_id").unwrap_or_default();
            self.findings.add(Outcome::Adjusted, &self.file.name, Some(row.at), id, &problem);
            None
        })
    }
}

fn night(row: Row<'_>) -> Result<(i64, NaiveDate, bool), Problem> {
    row.check_width()?;
    let id = row.key("listing_id")?;
    let date = row.date("date")?.ok_or_else(|| Problem::new("date", "is missing", ""))?;
    let available = row.flag("available")?.ok_or_else(|| Problem::new("available", "is missing", ""))?;
    Ok((id, date, available))
}

fn price(row: Row<'_>, currency: Currency) -> Result<Option<i64>, Problem> {
    match row.money("price", currency)? {
        Some(0) => Err(Problem::new("price", "is 0: the listing's own price applies", "")),
        price => Ok(price),
    }
}

fn min_nights(row: Row<'_>) -> Result<Option<i32>, Problem> {
    let Some(least) = row.whole("minimum_nights")?.filter(|least| *least > 0) else { return Ok(None) };
    if row.whole("maximum_nights")?.is_some_and(|most| least > most) {
        let reason = "is above maximum_nights: the listing's own minimum applies";
        return Err(Problem::new("minimum_nights", reason, &least.to_string()));
    }
    Ok(Some(i32::try_from(least).map_or(MAX_NIGHTS, |least| least.min(MAX_NIGHTS))))
}

/// By how many whole weeks a calendar must move for its first date to be `target` or the first such weekday after it.
pub fn shift(first: NaiveDate, target: NaiveDate) -> TimeDelta {
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
        let findings = Findings::counted();
        let windows = Arc::new(windows.iter().copied().collect());
        let mut calendars = Calendars::new(file, windows, "USD".parse().unwrap(), findings.clone(), Arc::default());
        // The folder goes away with this function, so the first window is read here.
        calendars.read(0).unwrap();
        (calendars, findings)
    }

    #[test]
    fn only_nights_that_differ_are_kept_whatever_the_order() {
        let rows = "7,2024-01-03,f,$90.00,,2,30\n8,2024-01-01,t,$50.00,,1,30\n7,2024-01-01,t,$80.00,,2,30\n\
                    7,2024-01-02,t,$80.00,,3,30\n7,2024-01-04,t,$80.00,,2,30\n7,2024-01-01,t,$85.00,,2,30\n";
        let (mut calendars, _) = calendars(rows, &[(7, 0), (8, 0)]);
        let calendar = calendars.take(7).unwrap().unwrap();
        assert_eq!(calendar.usual_price(), Some(8_000));
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
        assert!(calendars.take(9).unwrap().is_none());
    }

    #[test]
    fn broken_rows_are_left_out_and_broken_values_do_not_open_a_night() {
        let rows = "x,2024-01-01,t,,,1,30\n7,2024-13-01,t,,,1,30\n7,2024-01-01,,,,1,30\n7,2024-01-02,t\n\
                    9,2024-01-01,t,,,1,30\n7,2024-01-03,f,lots,,40,30\n7,2024-01-04,t,$0.00,,,\n";
        let (mut calendars, findings) = calendars(rows, &[(7, 0)]);
        let nights = calendars.take(7).unwrap().unwrap().nights(Some(100), 1, TimeDelta::zero()).unwrap();
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
    fn a_run_of_equal_nights_takes_one_place() {
        let mut calendar = Calendar::default();
        let about = About { available: true, price_minor: Some(1), min_nights: Some(1) };
        for day in date("2024-01-01").iter_days().take(366) {
            calendar.add(day, about);
        }
        calendar.add(date("2025-01-01"), About { available: false, ..about });
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
            assert_eq!(date(first) + shift(date(first), date(target)), date(moved), "{first} to {target}");
        }
    }
}
