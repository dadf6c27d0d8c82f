//! The report of an import: what was stored, what was skipped, and why.

use std::fmt;
use std::time::Duration;

use chrono::NaiveDate;

use super::findings::{Group, Outcome};
use super::inside_airbnb::{Counts, Here};
use crate::domain::{listings, reviews};

/// Numbers of stored rows of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows that were created.
    pub new: u64,
    /// Rows that were changed.
    pub changed: u64,
    /// Rows without a change.
    pub unchanged: u64,
}

/// The result of an import.
#[derive(Clone, Debug)]
pub struct Report {
    /// City, country, time zone and currency of the snapshot.
    pub here: Here,
    /// Date of the snapshot. `None` if its files do not contain it.
    pub taken_on: Option<NaiveDate>,
    /// Numbers of records in the files.
    pub counts: Counts,
    /// Stored listings.
    pub listings: Tally,
    /// Stored reviews.
    pub reviews: Tally,
    /// Stored users, hosts and guests. Unchanged ones are not counted.
    pub people: Tally,
    /// Number of nights that were blocked.
    pub blocked: u64,
    /// Number of nights for which a price or a minimum stay was set.
    pub overridden: u64,
    /// Number of nights that were not changed because the host has set them.
    pub unchanged_nights: u64,
    /// Number of listings from earlier snapshots of the place that are not in this one.
    pub absent: usize,
    /// Skipped and adjusted records, by reason.
    pub groups: Vec<Group>,
    /// Why the file of findings is not complete. `None` if it is complete.
    pub findings_lost: Option<String>,
    /// Duration of the import.
    pub took: Duration,
}

impl Report {
    /// An empty report.
    pub fn new(here: &Here) -> Report {
        Report {
            here: here.clone(),
            taken_on: None,
            counts: Counts::default(),
            listings: Tally::default(),
            reviews: Tally::default(),
            people: Tally::default(),
            blocked: 0,
            overridden: 0,
            unchanged_nights: 0,
            absent: 0,
            groups: Vec::new(),
            findings_lost: None,
            took: Duration::ZERO,
        }
    }

    /// Adds the result of storing a batch of listings.
    pub fn add_listings(&mut self, stored: &listings::import::StoredListings) {
        self.listings.add(stored.new, stored.changed, stored.unchanged);
        self.people.add(stored.new_users, stored.changed_users, 0);
        self.blocked += stored.nights.blocked;
        self.overridden += stored.nights.overridden;
        self.unchanged_nights += stored.nights.unchanged;
    }

    /// Adds the result of storing a batch of reviews.
    pub fn add_reviews(&mut self, stored: &reviews::import::StoredReviews) {
        self.reviews.add(stored.new, stored.changed, stored.unchanged);
        self.people.add(stored.new_users, stored.changed_users, 0);
    }

    /// Number of findings with an outcome in a column.
    pub fn count(&self, outcome: Outcome, field: &str) -> u64 {
        let groups = self.groups.iter().filter(|group| group.outcome == outcome && group.field == field);
        groups.map(|group| group.count).sum()
    }
}

impl Tally {
    fn add(&mut self, new: u64, changed: u64, unchanged: u64) {
        self.new += new;
        self.changed += changed;
        self.unchanged += unchanged;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Here { city, country, zone, currency } = &self.here;
        write!(f, "{city} ({country}), prices in {currency}, calendars in {zone}")?;
        if let Some(date) = self.taken_on {
            write!(f, ", snapshot of {date}")?;
        }
        writeln!(f)?;
        write_tally(f, "listings", self.counts.listings, self.listings)?;
        if self.counts.reviews > 0 {
            write_tally(f, "reviews", self.counts.reviews, self.reviews)?;
        }
        if self.counts.calendar > 0 {
            write!(
                f,
                "  calendar   {:>11} nights read: {} blocked",
                group_digits(self.counts.calendar),
                group_digits(self.blocked)
            )?;
            write!(f, ", {} with their own price or minimum stay", group_digits(self.overridden))?;
            if self.unchanged_nights > 0 {
                write!(f, ", {} not changed because the host has set them", group_digits(self.unchanged_nights))?;
            }
            writeln!(f)?;
        }
        let people = self.people;
        writeln!(f, "  people     {:>11} new, {} changed", group_digits(people.new), group_digits(people.changed))?;
        if self.counts.amenities > 0 {
            let known = self.counts.amenities - self.counts.amenities_unknown;
            let (all, tenths) = (group_digits(self.counts.amenities), known * 1_000 / self.counts.amenities);
            writeln!(f, "  amenities  {all:>11} read: {}.{} % in the catalogue", tenths / 10, tenths % 10)?;
        }
        if self.absent > 0 {
            writeln!(f, "  {} listings of earlier snapshots are not in this one and were not changed", self.absent)?;
        }
        write_groups(f, &self.groups, Outcome::Skipped, "Skipped")?;
        write_groups(f, &self.groups, Outcome::Adjusted, "Imported with a value corrected or left out")?;
        if let Some(cause) = &self.findings_lost {
            writeln!(f, "The file of findings is not complete: {cause}")?;
        }
        write!(f, "Took {:.1} s", self.took.as_secs_f64())
    }
}

fn write_tally(f: &mut fmt::Formatter<'_>, what: &str, read: u64, tally: Tally) -> fmt::Result {
    let Tally { new, changed, unchanged } = tally;
    let (read, new, changed, unchanged) =
        (group_digits(read), group_digits(new), group_digits(changed), group_digits(unchanged));
    writeln!(f, "  {what:<10} {read:>11} read: {new} new, {changed} changed, {unchanged} unchanged")
}

fn write_groups(f: &mut fmt::Formatter<'_>, all: &[Group], outcome: Outcome, title: &str) -> fmt::Result {
    let matching = || all.iter().filter(|group| group.outcome == outcome);
    if matching().next().is_none() {
        return Ok(());
    }
    writeln!(f, "{title}:")?;
    for Group { count, file, field, reason, first, .. } in matching() {
        write!(f, "  {:>11}  {file}: {field} {reason}", group_digits(*count))?;
        match first {
            Some(first) if *count > 1 => writeln!(f, " (first in record {})", group_digits(*first))?,
            Some(first) => writeln!(f, " (record {})", group_digits(*first))?,
            None => writeln!(f)?,
        }
    }
    Ok(())
}

/// Formats a number with commas between groups of three digits.
fn group_digits(number: u64) -> String {
    let plain = number.to_string();
    let mut grouped = String::with_capacity(plain.len() + plain.len() / 3);
    for (place, digit) in plain.chars().enumerate() {
        if place > 0 && (plain.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::inside_airbnb::Overrides;

    #[test]
    fn a_report_has_a_line_for_each_kind_of_row() {
        let here = Here::resolve((1.3, 103.8), &Overrides::default()).unwrap();
        let group = |outcome, field, reason, count, first| Group {
            outcome,
            file: "reviews.csv.gz".into(),
            field,
            reason,
            count,
            first,
        };
        let report = Report {
            taken_on: NaiveDate::from_ymd_opt(2023, 9, 23),
            counts: Counts {
                listings: 2,
                calendar: 1_271_274,
                reviews: 4,
                amenities: 3,
                amenities_unknown: 1,
                ..Counts::default()
            },
            listings: Tally { new: 1, changed: 1, unchanged: 0 },
            reviews: Tally { new: 1_000, ..Tally::default() },
            people: Tally { new: 7, ..Tally::default() },
            blocked: 449_296,
            absent: 1,
            groups: vec![
                group(Outcome::Skipped, "comments", "is blank", 242, Some(1_003)),
                group(Outcome::Adjusted, "name", "is blank", 1, Some(5)),
            ],
            took: Duration::from_millis(12_345),
            ..Report::new(&here)
        };
        assert_eq!(
            report.to_string(),
            "Singapore (SG), prices in SGD, calendars in Asia/Singapore, snapshot of 2023-09-23\n  \
               listings             2 read: 1 new, 1 changed, 0 unchanged\n  \
               reviews              4 read: 1,000 new, 0 changed, 0 unchanged\n  \
               calendar     1,271,274 nights read: 449,296 blocked, 0 with their own price or minimum stay\n  \
               people               7 new, 0 changed\n  \
               amenities            3 read: 66.6 % in the catalogue\n  \
               1 listings of earlier snapshots are not in this one and were not changed\n\
             Skipped:\n          \
               242  reviews.csv.gz: comments is blank (first in record 1,003)\n\
             Imported with a value corrected or left out:\n            \
               1  reviews.csv.gz: name is blank (record 5)\n\
             Took 12.3 s"
        );
        assert_eq!(report.count(Outcome::Skipped, "comments"), 242);
    }
}
