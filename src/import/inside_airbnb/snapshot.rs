//! A whole snapshot, handed out batch by batch: first the listings with their calendars, then the reviews.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::{NaiveDate, TimeDelta};

use super::calendar::{Calendars, shift};
use super::listing::{HostAndListing, ListingReader};
use super::places::{Here, Overrides, UnknownPlace};
use super::review::{self, AuthorAndReview};
use super::source::{Source, SourceError};
use super::survey::Survey;
use crate::import::findings::{Findings, Outcome, Problem};

/// Listings of one batch at most.
const LISTINGS: usize = 200;
/// Nights of one batch, after which it holds no further listing.
const NIGHTS: usize = 40_000;
/// Reviews of one batch.
const REVIEWS: usize = 2_000;

/// Why a snapshot cannot be opened. Nothing has been written.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its files.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its place.
    #[error(transparent)]
    Place(#[from] UnknownPlace),
}

/// A snapshot whose files fit and whose place is known.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Where all of its listings are.
    pub here: Here,
    /// The day it was taken, if it says so.
    pub taken_on: Option<NaiveDate>,
    /// The bytes that will be read in all, from here on.
    pub bytes: u64,
    source: Source,
    survey: Survey,
    findings: Findings,
    shift_to: Option<NaiveDate>,
    taken: Arc<AtomicU64>,
}

/// Rows that belong together.
#[derive(Clone, Debug)]
pub enum Batch {
    /// Listings, each with its host and its whole calendar.
    Listings(Vec<HostAndListing>),
    /// Reviews, each with its author.
    Reviews(Vec<AuthorAndReview>),
}

/// What a snapshot held.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Records of the listings file.
    pub listings: u64,
    /// Records of the calendar.
    pub calendar: u64,
    /// Records of the reviews file.
    pub reviews: u64,
    /// Amenity texts.
    pub amenities: u64,
    /// Amenity texts that the catalogue has no place for.
    pub amenities_unknown: u64,
    /// Keys of the listings that were taken.
    pub taken: HashSet<i64>,
}

impl Snapshot {
    /// Looks at the headers and over the listings, and settles where they are. Bytes read from now on are added to
    /// `taken`.
    pub fn open(
        folder: &Path,
        overrides: &Overrides,
        shift_to: Option<NaiveDate>,
        findings: &Findings,
        taken: &Arc<AtomicU64>,
    ) -> Result<Snapshot, OpenError> {
        let source = Source::open(folder)?;
        let survey = Survey::of(&source.listings, &Arc::default())?;
        let here = Here::resolve(survey.median, overrides)?;
        for (file, reason) in &source.unused {
            findings.add_many(Outcome::Skipped, file, "file", reason, 1);
        }
        let size = |file: &Option<super::source::DataFile>| file.as_ref().map_or(0, |file| file.bytes);
        let passes = survey.windows.values().max().map_or(0, |last| u64::try_from(last + 1).unwrap_or(1));
        let bytes = source.listings.bytes + size(&source.reviews) + size(&source.calendar) * passes;
        let (findings, taken) = (findings.clone(), taken.clone());
        Ok(Snapshot { here, taken_on: survey.taken_on, bytes, source, survey, findings, shift_to, taken })
    }

    /// The name of the file of listings.
    pub fn listings_file(&self) -> &Arc<str> {
        &self.source.listings.name
    }

    /// The name of the calendar, or of the listings where there is none.
    pub fn calendar_file(&self) -> &Arc<str> {
        self.source.calendar.as_ref().map_or(self.listings_file(), |file| &file.name)
    }

    /// The name of the file of reviews, or of the listings where there is none.
    pub fn reviews_file(&self) -> &Arc<str> {
        self.source.reviews.as_ref().map_or(self.listings_file(), |file| &file.name)
    }

    /// Reads everything; `send` takes each batch and says whether to go on.
    pub fn read(&self, mut send: impl FnMut(Batch) -> bool) -> Result<Counts, SourceError> {
        let mut counts = Counts::default();
        if self.read_listings(&mut counts, &mut send)? {
            self.read_reviews(&mut counts, &mut send)?;
        }
        Ok(counts)
    }

    fn read_listings(&self, counts: &mut Counts, send: &mut impl FnMut(Batch) -> bool) -> Result<bool, SourceError> {
        let mut reader = ListingReader::new(&self.here, self.source.form, self.survey.scales);
        let mut calendars = self.calendars();
        let mut records = self.source.listings.records(&self.taken)?;
        let (mut batch, mut nights) = (Vec::new(), 0);
        let file = self.source.listings.name.clone();
        while let Some(row) = records.next_row()? {
            counts.listings += 1;
            let id = row.text("id").unwrap_or_default();
            let mut adjusted = |problem| self.findings.add(Outcome::Adjusted, &file, Some(row.at), id, &problem);
            let mut both = match reader.read(row, &mut adjusted) {
                Ok(both) => both,
                Err(problem) => {
                    self.findings.add(Outcome::Skipped, &file, Some(row.at), id, &problem);
                    continue;
                }
            };
            let key = row.key("id").unwrap_or_default();
            if let Some(calendars) = &mut calendars {
                self.attach(&mut both, calendars, key)?;
            }
            if both.listing.pricing.base_minor.is_none() {
                adjusted(Problem::new("price", "is blank or 0, in the calendar too: a new listing stays a draft", ""));
            }
            counts.taken.insert(key);
            nights += both.listing.nights.as_ref().map_or(0, |nights| nights.nights.len());
            batch.push(both);
            if batch.len() >= LISTINGS || nights >= NIGHTS {
                nights = 0;
                if !send(Batch::Listings(std::mem::take(&mut batch))) {
                    return Ok(false);
                }
            }
        }
        counts.calendar = calendars.map_or(0, |calendars| calendars.rows());
        (counts.amenities, counts.amenities_unknown) = (reader.amenity_texts, reader.amenity_texts_unknown);
        Ok(batch.is_empty() || send(Batch::Listings(batch)))
    }

    fn calendars(&self) -> Option<Calendars> {
        let file = self.source.calendar.clone()?;
        let windows = self.survey.windows.clone();
        Some(Calendars::new(file, windows, self.here.currency, self.findings.clone(), self.taken.clone()))
    }

    /// Gives a listing its calendar, and the calendar's usual price where it has none of its own.
    fn attach(&self, both: &mut HostAndListing, calendars: &mut Calendars, key: i64) -> Result<(), SourceError> {
        let Some(calendar) = calendars.take(key)? else { return Ok(()) };
        let by = match (self.shift_to, calendars.first_date()) {
            (Some(target), Some(first)) => shift(first, target),
            _ => TimeDelta::zero(),
        };
        let listing = &mut both.listing;
        listing.pricing.base_minor = listing.pricing.base_minor.or_else(|| calendar.usual_price());
        listing.nights = calendar.nights(listing.pricing.base_minor, listing.rules.min_nights, by);
        Ok(())
    }

    fn read_reviews(&self, counts: &mut Counts, send: &mut impl FnMut(Batch) -> bool) -> Result<(), SourceError> {
        let Some(file) = &self.source.reviews else { return Ok(()) };
        let mut records = file.records(&self.taken)?;
        let mut batch = Vec::new();
        while let Some(row) = records.next_row()? {
            counts.reviews += 1;
            match review::read(row, &self.here, &counts.taken) {
                Ok(both) => batch.push(both),
                Err(problem) => {
                    let id = row.text("id").unwrap_or_default();
                    self.findings.add(Outcome::Skipped, &file.name, Some(row.at), id, &problem);
                }
            }
            if batch.len() >= REVIEWS && !send(Batch::Reviews(std::mem::take(&mut batch))) {
                return Ok(());
            }
        }
        if !batch.is_empty() {
            send(Batch::Reviews(batch));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::inside_airbnb::fixture::Folder;

    const LISTINGS: &str = "id,name,description,host_id,host_name,latitude,longitude,room_type,amenities,price,\
                            minimum_nights\n\
                            1,Loft,\"Big,\nbright.\",7,Ann,42.65,-73.76,Entire home/apt,\"[\"\"Wifi\"\"]\",$90.00,1\n\
                            2,Room,,7,Ann,42.65,-73.76,Private room,[],,1\n\
                            x,Broken,,7,Ann,42.65,-73.76,Private room,[],$5.00,1\n\
                            3,Flat,,8,Bob,42.66,-73.76,Entire home/apt,[],$0.00,1\n";
    const CALENDAR: &str = "listing_id,date,available,price,adjusted_price,minimum_nights,maximum_nights\n\
                            1,2024-11-05,f,$90.00,,1,30\n2,2024-11-05,t,$70.00,,1,30\n1,2024-11-06,t,$95.00,,1,30\n\
                            9,2024-11-05,t,$1.00,,1,30\n";
    const REVIEWS: &str = "listing_id,id,date,reviewer_id,reviewer_name,comments\n\
                           1,100,2024-01-01,50,Cy,Good\n3,101,2024-01-02,51,Di,\n4,102,2024-01-02,51,Di,Good\n";

    fn snapshot(
        folder: &Folder,
        overrides: Overrides,
        shift_to: Option<&str>,
    ) -> Result<(Snapshot, Findings), OpenError> {
        let findings = Findings::counted();
        let shift_to = shift_to.map(|date| date.parse().unwrap());
        let snapshot = Snapshot::open(folder.path(), &overrides, shift_to, &findings, &Arc::default())?;
        Ok((snapshot, findings))
    }

    fn full() -> Folder {
        let folder = Folder::new();
        folder.write_gz("listings.csv.gz", LISTINGS);
        folder.write("calendar.csv", CALENDAR);
        folder.write("reviews.csv", REVIEWS);
        folder
    }

    fn read(snapshot: &Snapshot) -> (Vec<HostAndListing>, Vec<AuthorAndReview>, Counts) {
        let (mut listings, mut reviews) = (Vec::new(), Vec::new());
        let counts = snapshot
            .read(|batch| {
                match batch {
                    Batch::Listings(batch) => listings.extend(batch),
                    Batch::Reviews(batch) => reviews.extend(batch),
                }
                true
            })
            .unwrap();
        (listings, reviews, counts)
    }

    #[test]
    fn a_folder_becomes_listings_with_calendars_and_reviews() {
        let folder = full();
        let (snapshot, findings) = snapshot(&folder, Overrides::default(), None).unwrap();
        let (listings, reviews, counts) = read(&snapshot);
        assert_eq!(
            (snapshot.here.city.as_str(), counts.listings, counts.calendar, counts.reviews),
            ("Albany", 4, 4, 3)
        );
        let prices: Vec<_> = listings.iter().map(|both| both.listing.pricing.base_minor).collect();
        assert_eq!(prices, [Some(9_000), Some(7_000), None]);
        let nights = listings[0].listing.nights.as_ref().unwrap();
        assert_eq!(nights.nights.len(), 2);
        assert!(listings[2].listing.nights.is_none());
        assert_eq!(reviews.len(), 1);
        let skipped = findings.finish().0.iter().filter(|group| group.outcome == Outcome::Skipped).count();
        assert_eq!(skipped, 4);
    }

    #[test]
    fn a_past_calendar_can_be_moved_to_today() {
        let folder = full();
        let (snapshot, _) = snapshot(&folder, Overrides::default(), Some("2026-01-01")).unwrap();
        let nights = read(&snapshot).0.remove(0).listing.nights.unwrap();
        assert_eq!((nights.first.to_string(), nights.last.to_string()), ("2026-01-06".into(), "2026-01-07".into()));
        assert_eq!(nights.nights[0].date, nights.first);
    }

    #[test]
    fn reading_stops_when_nobody_takes_the_batches() {
        let folder = full();
        let (snapshot, _) = snapshot(&folder, Overrides::default(), None).unwrap();
        let mut batches = 0;
        let counts = snapshot
            .read(|_| {
                batches += 1;
                false
            })
            .unwrap();
        assert_eq!((batches, counts.reviews), (1, 0));
    }

    #[test]
    fn a_file_that_breaks_off_says_after_which_record() {
        let folder = full();
        let reviews: String =
            (1..5_000).map(|id| format!("1,{id},2024-01-01,50,Cy,Good {}\n", id * 7_919 % 9_973)).collect();
        folder.write_gz("reviews.csv.gz", &format!("listing_id,id,date,reviewer_id,reviewer_name,comments\n{reviews}"));
        let path = folder.path().join("reviews.csv.gz");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let (snapshot, _) = snapshot(&folder, Overrides::default(), None).unwrap();
        let mut batches = 0;
        let error = snapshot
            .read(|_| {
                batches += 1;
                true
            })
            .unwrap_err();
        assert!(
            matches!(&error, SourceError::Damaged { file, record: 1_000.., .. } if file == "reviews.csv.gz"),
            "{error}"
        );
        assert!(batches >= 2, "what came before was handed out");
    }

    #[test]
    fn nowhere_is_no_place_and_no_listing_is_no_snapshot() {
        let folder = Folder::new();
        folder.write("listings.csv", &LISTINGS.replace("42.65,-73.76", "0.5,-30.5"));
        let error = snapshot(&folder, Overrides::default(), None).unwrap_err();
        assert!(error.to_string().contains("--time-zone"), "{error}");
        folder.write("listings.csv", LISTINGS.lines().next().unwrap());
        let error = snapshot(&folder, Overrides::default(), None).unwrap_err();
        assert!(error.to_string().contains("no listing"), "{error}");
    }

    /// Where the real snapshots are; tests over them are passed over where they are not.
    fn real(folder: &str) -> Option<std::path::PathBuf> {
        let data =
            std::env::var_os("ROOST_TEST_DATA").map_or_else(|| "../shared/data".into(), std::path::PathBuf::from);
        Some(data.join(folder)).filter(|folder| folder.is_dir())
    }

    /// Takes a real snapshot and holds what must be true of each: listings, reviews, and listings without a price.
    fn check_real(path: &Path, city: &str, expected: (usize, usize, usize)) -> Counts {
        let findings = Findings::counted();
        let snapshot = Snapshot::open(path, &Overrides::default(), None, &findings, &Arc::default()).unwrap();
        let (taken, opinions, counts) = read(&snapshot);
        let drafts = taken.iter().filter(|both| both.listing.pricing.base_minor.is_none()).count();
        assert_eq!((snapshot.here.city.as_str(), (taken.len(), opinions.len(), drafts)), (city, expected));
        assert!(taken.iter().all(|both| !both.listing.title.is_empty()));
        let known = counts.amenities - counts.amenities_unknown;
        assert!(known * 100 >= counts.amenities * 90, "{known} of {}", counts.amenities);
        counts
    }

    #[test]
    fn real_listings_and_reviews_of_singapore_are_taken_nearly_whole() {
        let Some(path) = real("singapore-2023-09") else { return };
        // Without the calendar, which is for release builds.
        let folder = Folder::new();
        for file in ["listings.csv.gz", "reviews.csv.gz"] {
            std::fs::copy(path.join(file), folder.path().join(file)).unwrap();
        }
        check_real(folder.path(), "Singapore", (3_483, 35_456, 0));
    }

    #[test]
    fn real_calendars_of_albany_give_prices_where_listings_have_none() {
        let Some(path) = real("albany-2024-11") else { return };
        assert_eq!(check_real(&path, "Albany", (421, 25_313, 0)).calendar, 153_665);
    }

    #[test]
    fn real_calendars_without_prices_leave_drafts() {
        let Some(path) = real("albany-2025-10") else { return };
        assert_eq!(check_real(&path, "Albany", (461, 27_864, 36)).calendar, 168_265);
    }

    #[test]
    fn a_real_summary_is_taken_whole() {
        let Some(path) = real("nyc-2019") else { return };
        check_real(&path, "New York", (48_895, 0, 11));
    }
}
