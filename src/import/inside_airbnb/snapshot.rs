//! Reads a whole snapshot batch by batch: first the listings with their calendars, then the reviews.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::{NaiveDate, TimeDelta};

use super::calendar::{Calendars, weeks_to};
use super::listing::{HostAndListing, ListingReader};
use super::places::{Here, Overrides, UnknownPlace};
use super::review::{AuthorAndReview, parse_review};
use super::source::{DataFile, Source, SourceError};
use super::survey::Survey;
use crate::import::findings::{Findings, Outcome, Problem};

/// Largest number of listings in a batch.
const BATCH_LISTINGS: usize = 200;
/// Number of nights from which on no further listing is added to a batch.
const BATCH_NIGHTS: usize = 40_000;
/// Number of reviews in a batch.
const BATCH_REVIEWS: usize = 2_000;

/// Why a snapshot cannot be opened. Nothing has been written.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its files cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its place is not known.
    #[error(transparent)]
    Place(#[from] UnknownPlace),
}

/// A snapshot with valid files and a known place.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// City, country, time zone and currency of all its listings.
    pub here: Here,
    /// Date of the snapshot. `None` if its files do not contain it.
    pub taken_on: Option<NaiveDate>,
    /// Number of bytes that [`Snapshot::read`] reads.
    pub bytes: u64,
    source: Source,
    survey: Survey,
    findings: Findings,
    shift_to: Option<NaiveDate>,
    bytes_read: Arc<AtomicU64>,
}

/// Rows that are stored together.
#[derive(Clone, Debug)]
pub enum Batch {
    /// Listings, each with its host and its whole calendar.
    Listings(Vec<HostAndListing>),
    /// Reviews, each with its author.
    Reviews(Vec<AuthorAndReview>),
}

/// Numbers of records of a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Records of the file of listings.
    pub listings: u64,
    /// Records of the calendar file.
    pub calendar: u64,
    /// Records of the file of reviews.
    pub reviews: u64,
    /// Amenity texts of all listings.
    pub amenities: u64,
    /// Amenity texts without an amenity in the catalogue.
    pub amenities_unknown: u64,
    /// Keys of the listings that were not skipped.
    pub accepted_listings: HashSet<i64>,
}

impl Snapshot {
    /// Checks the headers, makes a first pass over the listings, and finds their place. The bytes that are read
    /// afterwards are added to `bytes_read`.
    pub fn open(
        folder: &Path,
        overrides: &Overrides,
        shift_to: Option<NaiveDate>,
        findings: &Findings,
        bytes_read: &Arc<AtomicU64>,
    ) -> Result<Snapshot, OpenError> {
        let source = Source::open(folder)?;
        let survey = Survey::read(&source.listings, &Arc::default())?;
        let here = Here::resolve(survey.median, overrides)?;
        for (file, reason) in &source.unused {
            findings.add_many(Outcome::Skipped, file, "file", reason, 1);
        }
        let size = |file: &Option<DataFile>| file.as_ref().map_or(0, |file| file.bytes);
        let passes = survey.windows.values().max().map_or(0, |last| u64::try_from(last + 1).unwrap_or(1));
        let bytes = source.listings.bytes + size(&source.reviews) + size(&source.calendar) * passes;
        let (findings, bytes_read) = (findings.clone(), bytes_read.clone());
        Ok(Snapshot { here, taken_on: survey.taken_on, bytes, source, survey, findings, shift_to, bytes_read })
    }

    /// Name of the file of listings.
    pub fn listings_file(&self) -> &Arc<str> {
        &self.source.listings.name
    }

    /// Name of the calendar file, or of the file of listings if there is none.
    pub fn calendar_file(&self) -> &Arc<str> {
        self.source.calendar.as_ref().map_or(self.listings_file(), |file| &file.name)
    }

    /// Name of the file of reviews, or of the file of listings if there is none.
    pub fn reviews_file(&self) -> &Arc<str> {
        self.source.reviews.as_ref().map_or(self.listings_file(), |file| &file.name)
    }

    /// Reads everything. `send` receives each batch and returns whether to continue.
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
        let mut records = self.source.listings.records(&self.bytes_read)?;
        let (mut batch, mut nights) = (Vec::new(), 0);
        let file = self.source.listings.name.clone();
        while let Some(row) = records.next_row()? {
            counts.listings += 1;
            let id = row.text("id").unwrap_or_default();
            let mut adjusted = |problem| self.findings.add(Outcome::Adjusted, &file, Some(row.at), id, &problem);
            let mut pair = match reader.read(row, &mut adjusted) {
                Ok(pair) => pair,
                Err(problem) => {
                    self.findings.add(Outcome::Skipped, &file, Some(row.at), id, &problem);
                    continue;
                }
            };
            let key = row.key("id").unwrap_or_default();
            if let Some(calendars) = &mut calendars {
                self.add_calendar(&mut pair, calendars, key)?;
            }
            if pair.listing.pricing.base_minor.is_none() {
                adjusted(Problem::new(
                    "price",
                    "is blank or 0, also in the calendar: a new listing remains a draft",
                    "",
                ));
            }
            counts.accepted_listings.insert(key);
            nights += pair.listing.nights.as_ref().map_or(0, |nights| nights.nights.len());
            batch.push(pair);
            if batch.len() >= BATCH_LISTINGS || nights >= BATCH_NIGHTS {
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
        Some(Calendars::new(file, windows, self.here.currency, self.findings.clone(), self.bytes_read.clone()))
    }

    /// Adds the calendar to a listing, and the calendar's most common price if the listing has none.
    fn add_calendar(&self, pair: &mut HostAndListing, calendars: &mut Calendars, key: i64) -> Result<(), SourceError> {
        let Some(calendar) = calendars.remove(key)? else { return Ok(()) };
        let shift = match (self.shift_to, calendars.first_date()) {
            (Some(target), Some(first)) => weeks_to(first, target),
            _ => TimeDelta::zero(),
        };
        let listing = &mut pair.listing;
        listing.pricing.base_minor = listing.pricing.base_minor.or_else(|| calendar.most_common_price());
        listing.nights = calendar.nights(listing.pricing.base_minor, listing.rules.min_nights, shift);
        Ok(())
    }

    fn read_reviews(&self, counts: &mut Counts, send: &mut impl FnMut(Batch) -> bool) -> Result<(), SourceError> {
        let Some(file) = &self.source.reviews else { return Ok(()) };
        let mut records = file.records(&self.bytes_read)?;
        let mut batch = Vec::new();
        while let Some(row) = records.next_row()? {
            counts.reviews += 1;
            match parse_review(row, &self.here, &counts.accepted_listings) {
                Ok(pair) => batch.push(pair),
                Err(problem) => {
                    let id = row.text("id").unwrap_or_default();
                    self.findings.add(Outcome::Skipped, &file.name, Some(row.at), id, &problem);
                }
            }
            if batch.len() >= BATCH_REVIEWS && !send(Batch::Reviews(std::mem::take(&mut batch))) {
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

    fn open_snapshot(
        folder: &Folder,
        overrides: Overrides,
        shift_to: Option<&str>,
    ) -> Result<(Snapshot, Findings), OpenError> {
        let findings = Findings::count_only();
        let shift_to = shift_to.map(|date| date.parse().unwrap());
        let snapshot = Snapshot::open(folder.path(), &overrides, shift_to, &findings, &Arc::default())?;
        Ok((snapshot, findings))
    }

    fn full_folder() -> Folder {
        let folder = Folder::new();
        folder.write_gz("listings.csv.gz", LISTINGS);
        folder.write("calendar.csv", CALENDAR);
        folder.write("reviews.csv", REVIEWS);
        folder
    }

    fn read_all(snapshot: &Snapshot) -> (Vec<HostAndListing>, Vec<AuthorAndReview>, Counts) {
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
        let folder = full_folder();
        let (snapshot, findings) = open_snapshot(&folder, Overrides::default(), None).unwrap();
        let (listings, reviews, counts) = read_all(&snapshot);
        assert_eq!(
            (snapshot.here.city.as_str(), counts.listings, counts.calendar, counts.reviews),
            ("Albany", 4, 4, 3)
        );
        let prices: Vec<_> = listings.iter().map(|pair| pair.listing.pricing.base_minor).collect();
        assert_eq!(prices, [Some(9_000), Some(7_000), None]);
        let nights = listings[0].listing.nights.as_ref().unwrap();
        assert_eq!(nights.nights.len(), 2);
        assert!(listings[2].listing.nights.is_none());
        assert_eq!(reviews.len(), 1);
        let skipped = findings.finish().0.iter().filter(|group| group.outcome == Outcome::Skipped).count();
        assert_eq!(skipped, 4);
    }

    #[test]
    fn a_past_calendar_can_be_moved() {
        let folder = full_folder();
        let (snapshot, _) = open_snapshot(&folder, Overrides::default(), Some("2026-01-01")).unwrap();
        let nights = read_all(&snapshot).0.remove(0).listing.nights.unwrap();
        assert_eq!((nights.first.to_string(), nights.last.to_string()), ("2026-01-06".into(), "2026-01-07".into()));
        assert_eq!(nights.nights[0].date, nights.first);
    }

    #[test]
    fn reading_stops_when_the_receiver_stops() {
        let folder = full_folder();
        let (snapshot, _) = open_snapshot(&folder, Overrides::default(), None).unwrap();
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
    fn the_error_of_an_incomplete_file_names_the_last_record() {
        let folder = full_folder();
        let reviews: String =
            (1..5_000).map(|id| format!("1,{id},2024-01-01,50,Cy,Good {}\n", id * 7_919 % 9_973)).collect();
        folder.write_gz("reviews.csv.gz", &format!("listing_id,id,date,reviewer_id,reviewer_name,comments\n{reviews}"));
        let path = folder.path().join("reviews.csv.gz");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let (snapshot, _) = open_snapshot(&folder, Overrides::default(), None).unwrap();
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
        assert!(batches >= 2, "the batches before were sent");
    }

    #[test]
    fn a_snapshot_without_a_known_place_or_without_listings_is_refused() {
        let folder = Folder::new();
        folder.write("listings.csv", &LISTINGS.replace("42.65,-73.76", "0.5,-30.5"));
        let error = open_snapshot(&folder, Overrides::default(), None).unwrap_err();
        assert!(error.to_string().contains("--time-zone"), "{error}");
        folder.write("listings.csv", LISTINGS.lines().next().unwrap());
        let error = open_snapshot(&folder, Overrides::default(), None).unwrap_err();
        assert!(error.to_string().contains("no listing"), "{error}");
    }

    /// The folder of a real snapshot. Tests with real snapshots do nothing if it does not exist.
    fn real_folder(folder: &str) -> Option<std::path::PathBuf> {
        let data =
            std::env::var_os("ROOST_TEST_DATA").map_or_else(|| "../shared/data".into(), std::path::PathBuf::from);
        Some(data.join(folder)).filter(|folder| folder.is_dir())
    }

    /// Reads a real snapshot and checks the numbers of listings, reviews, and listings without a price.
    fn check_real(path: &Path, city: &str, expected: (usize, usize, usize)) -> Counts {
        let findings = Findings::count_only();
        let snapshot = Snapshot::open(path, &Overrides::default(), None, &findings, &Arc::default()).unwrap();
        let (listings, reviews, counts) = read_all(&snapshot);
        let drafts = listings.iter().filter(|pair| pair.listing.pricing.base_minor.is_none()).count();
        assert_eq!((snapshot.here.city.as_str(), (listings.len(), reviews.len(), drafts)), (city, expected));
        assert!(listings.iter().all(|pair| !pair.listing.title.is_empty()));
        let known = counts.amenities - counts.amenities_unknown;
        assert!(known * 100 >= counts.amenities * 90, "{known} of {}", counts.amenities);
        counts
    }

    #[test]
    fn nearly_all_real_listings_and_reviews_of_singapore_are_imported() {
        let Some(path) = real_folder("singapore-2023-09") else { return };
        // Without the calendar: it is too large for a debug build.
        let folder = Folder::new();
        for file in ["listings.csv.gz", "reviews.csv.gz"] {
            std::fs::copy(path.join(file), folder.path().join(file)).unwrap();
        }
        check_real(folder.path(), "Singapore", (3_483, 35_456, 0));
    }

    #[test]
    fn real_calendars_of_albany_give_prices_to_listings_without_one() {
        let Some(path) = real_folder("albany-2024-11") else { return };
        assert_eq!(check_real(&path, "Albany", (421, 25_313, 0)).calendar, 153_665);
    }

    #[test]
    fn real_listings_without_any_price_remain_drafts() {
        let Some(path) = real_folder("albany-2025-10") else { return };
        assert_eq!(check_real(&path, "Albany", (461, 27_864, 36)).calendar, 168_265);
    }

    #[test]
    fn a_real_summary_is_imported_completely() {
        let Some(path) = real_folder("nyc-2019") else { return };
        check_real(&path, "New York", (48_895, 0, 11));
    }
}
