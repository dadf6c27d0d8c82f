//! What an import took, what it skipped, and why.

use std::fmt;
use std::time::Duration;

use chrono::NaiveDate;

use super::findings::{Group, Outcome};
use super::inside_airbnb::{Counts, Here};
use crate::domain::{listings, reviews};

/// What became of rows of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Not there before.
    pub new: u64,
    /// There before, with something else said of it now.
    pub changed: u64,
    /// There before, just like that.
    pub unchanged: u64,
}

/// The result of an import.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where the listings are.
    pub here: Here,
    /// The day the snapshot was taken, if it says so.
    pub taken_on: Option<NaiveDate>,
    /// What the files held.
    pub counts: Counts,
    /// Listings.
    pub listings: Tally,
    /// Reviews.
    pub reviews: Tally,
    /// People, hosts and guests; the unchanged ones are not counted.
    pub people: Tally,
    /// Nights that are blocked now.
    pub blocked: u64,
    /// Nights that have a price or a minimum stay of their own now.
    pub special: u64,
    /// Nights that stayed as the host had set them.
    pub kept: u64,
    /// Listings of earlier snapshots of the place that this one does not have.
    pub gone: usize,
    /// What was skipped and adjusted, by reason.
    pub groups: Vec<Group>,
    /// Why the file of findings is not complete, if so.
    pub findings_lost: Option<String>,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// A report without anything in it yet.
    pub fn of(here: &Here) -> Report {
        Report {
            here: here.clone(),
            taken_on: None,
            counts: Counts::default(),
            listings: Tally::default(),
            reviews: Tally::default(),
            people: Tally::default(),
            blocked: 0,
            special: 0,
            kept: 0,
            gone: 0,
            groups: Vec::new(),
            findings_lost: None,
            took: Duration::ZERO,
        }
    }

    /// Adds what became of a batch of listings.
    pub fn add_listings(&mut self, stored: &listings::import::Stored) {
        self.listings.add(stored.new, stored.changed, stored.unchanged);
        self.people.add(stored.new_people, stored.changed_people, 0);
        self.blocked += stored.nights.blocked;
        self.special += stored.nights.special;
        self.kept += stored.nights.kept;
    }

    /// Adds what became of a batch of reviews.
    pub fn add_reviews(&mut self, stored: &reviews::import::Stored) {
        self.reviews.add(stored.new, stored.changed, stored.unchanged);
        self.people.add(stored.new_people, stored.changed_people, 0);
    }

    /// How often something was found, by outcome and column.
    pub fn count(&self, outcome: Outcome, field: &str) -> u64 {
        let of = self.groups.iter().filter(|group| group.outcome == outcome && group.field == field);
        of.map(|group| group.count).sum()
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
        tally(f, "listings", self.counts.listings, self.listings)?;
        if self.counts.reviews > 0 {
            tally(f, "reviews", self.counts.reviews, self.reviews)?;
        }
        if self.counts.calendar > 0 {
            write!(
                f,
                "  calendar   {:>11} nights read: {} blocked",
                digits(self.counts.calendar),
                digits(self.blocked)
            )?;
            write!(f, ", {} with a price or a minimum stay of their own", digits(self.special))?;
            if self.kept > 0 {
                write!(f, ", {} left as the host has them", digits(self.kept))?;
            }
            writeln!(f)?;
        }
        let people = self.people;
        writeln!(f, "  people     {:>11} new, {} changed", digits(people.new), digits(people.changed))?;
        if self.counts.amenities > 0 {
            let known = self.counts.amenities - self.counts.amenities_unknown;
            let (all, tenths) = (digits(self.counts.amenities), known * 1_000 / self.counts.amenities);
            writeln!(f, "  amenities  {all:>11} read: {}.{} % in the catalogue", tenths / 10, tenths % 10)?;
        }
        if self.gone > 0 {
            writeln!(f, "  {} of earlier snapshots, not in this one, left as they are", self.gone)?;
        }
        groups(f, &self.groups, Outcome::Skipped, "Skipped")?;
        groups(f, &self.groups, Outcome::Adjusted, "Taken with something put right or left out")?;
        if let Some(cause) = &self.findings_lost {
            writeln!(f, "The file of findings is not complete: {cause}")?;
        }
        write!(f, "Took {:.1} s", self.took.as_secs_f64())
    }
}

fn tally(f: &mut fmt::Formatter<'_>, what: &str, read: u64, tally: Tally) -> fmt::Result {
    let Tally { new, changed, unchanged } = tally;
    let (read, new, changed, unchanged) = (digits(read), digits(new), digits(changed), digits(unchanged));
    writeln!(f, "  {what:<10} {read:>11} read: {new} new, {changed} changed, {unchanged} unchanged")
}

fn groups(f: &mut fmt::Formatter<'_>, all: &[Group], outcome: Outcome, title: &str) -> fmt::Result {
    let of = || all.iter().filter(|group| group.outcome == outcome);
    if of().next().is_none() {
        return Ok(());
    }
    writeln!(f, "{title}:")?;
    for Group { count, file, field, reason, first, .. } in of() {
        write!(f, "  {:>11}  {file}: {field} {reason}", digits(*count))?;
        match first {
            Some(first) if *count > 1 => writeln!(f, " (first in record {})", digits(*first))?,
            Some(first) => writeln!(f, " (record {})", digits(*first))?,
            None => writeln!(f)?,
        }
    }
    Ok(())
}

/// A number with commas between groups of three digits.
fn digits(number: u64) -> String {
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
    fn a_report_reads_well() {
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
            gone: 1,
            groups: vec![
                group(Outcome::Skipped, "comments", "is blank", 242, Some(1_003)),
                group(Outcome::Adjusted, "name", "is blank", 1, Some(5)),
            ],
            took: Duration::from_millis(12_345),
            ..Report::of(&here)
        };
        assert_eq!(
            report.to_string(),
            "Singapore (SG), prices in SGD, calendars in Asia/Singapore, snapshot of 2023-09-23\n  \
               listings             2 read: 1 new, 1 changed, 0 unchanged\n  \
               reviews              4 read: 1,000 new, 0 changed, 0 unchanged\n  \
               calendar     1,271,274 nights read: 449,296 blocked, 0 with a price or a minimum stay of their own\n  \
               people               7 new, 0 changed\n  \
               amenities            3 read: 66.6 % in the catalogue\n  \
               1 of earlier snapshots, not in this one, left as they are\n\
             Skipped:\n          \
               242  reviews.csv.gz: comments is blank (first in record 1,003)\n\
             Taken with something put right or left out:\n            \
               1  reviews.csv.gz: name is blank (record 5)\n\
             Took 12.3 s"
        );
        assert_eq!(report.count(Outcome::Skipped, "comments"), 242);
    }
}
