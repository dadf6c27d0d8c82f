//! The files of a snapshot: finds them in a folder, checks their headers, and reads their records one by one.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv::{ByteRecord, StringRecord};
use flate2::read::MultiGzDecoder;

use super::header::{Header, Row};
use crate::import::findings::At;

/// Why a snapshot cannot be read. Nothing was written, except if a file is damaged in the middle. The messages contain
/// their causes, so these are not sources: a report of the whole chain would repeat them.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The folder does not exist or cannot be read.
    #[error("{0} is not a folder that can be read: {1}")]
    NoFolder(String, io::Error),
    /// The folder has no file of listings.
    #[error("{0} contains neither listings.csv nor listings.csv.gz, nor a CSV file with the header of a summary")]
    NoListings(String),
    /// Several files could be the file of listings.
    #[error("several files have the header of a summary, but the folder must contain only one: {}", .0.join(", "))]
    Ambiguous(Vec<String>),
    /// Headers have missing columns.
    #[error("{}", .0.join("; "))]
    WrongHeader(Vec<String>),
    /// A file cannot be opened.
    #[error("{0} cannot be opened: {1}")]
    Unopened(String, io::Error),
    /// A file is incomplete or not in the format that its name says.
    #[error("{file} is damaged after record {record}: {cause}")]
    Damaged {
        /// Name of the file.
        file: String,
        /// Number of the last record that could be read.
        record: u64,
        /// Error of the CSV reader.
        cause: csv::Error,
    },
    /// No record of the file can be used.
    #[error("{0} contains no listing with an ID and a location")]
    Empty(String),
}

/// The form of a file of listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// All columns.
    Detailed,
    /// A summary with 16 to 18 columns.
    Summary,
}

/// The files of one snapshot, with valid headers.
#[derive(Clone, Debug)]
pub struct Source {
    /// File of listings.
    pub listings: DataFile,
    /// Form of the file of listings.
    pub form: Form,
    /// File of reviews. `None` if there is none with texts.
    pub reviews: Option<DataFile>,
    /// Calendar file. `None` if there is none.
    pub calendar: Option<DataFile>,
    /// Files that contain nothing to import, with the reason.
    pub unused: Vec<(Arc<str>, &'static str)>,
}

/// One CSV file, possibly compressed.
#[derive(Clone, Debug)]
pub struct DataFile {
    /// Name without the folder.
    pub name: Arc<str>,
    /// Size on disk.
    pub bytes: u64,
    path: PathBuf,
}

const LISTING_COLUMNS: [&str; 8] =
    ["id", "name", "host_id", "latitude", "longitude", "room_type", "price", "minimum_nights"];
const DETAIL_COLUMNS: [&str; 2] = ["description", "amenities"];
const SUMMARY_COLUMN: &str = "calculated_host_listings_count";
const REVIEW_COLUMNS: [&str; 5] = ["listing_id", "id", "date", "reviewer_id", "comments"];
const CALENDAR_COLUMNS: [&str; 5] = ["listing_id", "date", "available", "price", "minimum_nights"];

impl Source {
    /// Finds the files in `folder` and reads their headers.
    pub fn open(folder: &Path) -> Result<Source, SourceError> {
        let mut files = DataFile::all_in(folder)?;
        let take_named = |files: &mut Vec<DataFile>, stem: &str| {
            // The compressed file is preferred: the detailed form is published compressed, beside the summary.
            let position = |ending: &str| files.iter().position(|file| *file.name == *format!("{stem}.{ending}"));
            position("csv.gz").or_else(|| position("csv")).map(|index| files.remove(index))
        };
        let reviews = take_named(&mut files, "reviews");
        let calendar = take_named(&mut files, "calendar");
        let listings = match take_named(&mut files, "listings") {
            Some(listings) => listings,
            None => find_summary(folder, files)?,
        };
        let mut wrong = Vec::new();
        let form = check_listings(&listings, &mut wrong)?;
        let mut source = Source { listings, form, reviews: None, calendar: None, unused: Vec::new() };
        if let Some(reviews) = reviews {
            let header = reviews.header()?;
            if header.columns().eq(["listing_id", "date"]) {
                source.unused.push((reviews.name, "contains dates without texts"));
            } else {
                check_columns(&reviews, &header, &REVIEW_COLUMNS, &mut wrong);
                source.reviews = Some(reviews);
            }
        }
        if let Some(calendar) = calendar {
            check_columns(&calendar, &calendar.header()?, &CALENDAR_COLUMNS, &mut wrong);
            source.calendar = Some(calendar);
        }
        if wrong.is_empty() { Ok(source) } else { Err(SourceError::WrongHeader(wrong)) }
    }
}

fn find_summary(folder: &Path, files: Vec<DataFile>) -> Result<DataFile, SourceError> {
    let mut summaries = Vec::new();
    for file in files {
        let header = file.header()?;
        if header.missing(&LISTING_COLUMNS).is_empty() && header.has(SUMMARY_COLUMN) {
            summaries.push(file);
        }
    }
    match summaries.len() {
        0 | 1 => summaries.pop().ok_or_else(|| SourceError::NoListings(folder.display().to_string())),
        _ => Err(SourceError::Ambiguous(summaries.iter().map(|file| file.name.to_string()).collect())),
    }
}

fn check_listings(file: &DataFile, wrong: &mut Vec<String>) -> Result<Form, SourceError> {
    let header = file.header()?;
    let detailed = DETAIL_COLUMNS.iter().any(|column| header.has(column));
    check_columns(file, &header, &LISTING_COLUMNS, wrong);
    if detailed {
        check_columns(file, &header, &DETAIL_COLUMNS, wrong);
    }
    Ok(if detailed { Form::Detailed } else { Form::Summary })
}

fn check_columns(file: &DataFile, header: &Header, required: &[&str], wrong: &mut Vec<String>) {
    let missing = header.missing(required);
    if !missing.is_empty() {
        let columns = if missing.len() == 1 { "the column" } else { "the columns" };
        wrong.push(format!("the header of {} does not have {columns} {}", file.name, missing.join(", ")));
    }
}

impl DataFile {
    fn all_in(folder: &Path) -> Result<Vec<DataFile>, SourceError> {
        let failed = |cause| SourceError::NoFolder(folder.display().to_string(), cause);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let about = std::fs::metadata(entry.path()).map_err(failed)?;
            if about.is_file() && (name.ends_with(".csv") || name.ends_with(".csv.gz")) {
                files.push(DataFile { name: name.into(), bytes: about.len(), path: entry.path() });
            }
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(files)
    }

    fn header(&self) -> Result<Header, SourceError> {
        Ok(self.records(&Arc::default())?.header)
    }

    /// Opens the file and reads its header. The number of bytes read from disk is added to `bytes_read`, now and with
    /// every record.
    pub fn records(&self, bytes_read: &Arc<AtomicU64>) -> Result<Records, SourceError> {
        let file = File::open(&self.path).map_err(|cause| SourceError::Unopened(self.name.to_string(), cause))?;
        let counted = CountedReader { file, bytes_read: bytes_read.clone() };
        let bytes: Box<dyn Read + Send> =
            if self.name.ends_with(".gz") { Box::new(MultiGzDecoder::new(counted)) } else { Box::new(counted) };
        let mut csv =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).buffer_capacity(BUFFER).from_reader(bytes);
        let mut first = ByteRecord::new();
        csv.read_byte_record(&mut first).map_err(|cause| self.damaged(0, cause))?;
        let header = Header::new(&StringRecord::from_byte_record_lossy(first));
        Ok(Records {
            file: self.clone(),
            csv,
            header,
            bytes: ByteRecord::new(),
            fields: StringRecord::new(),
            record: 0,
        })
    }

    fn damaged(&self, record: u64, cause: csv::Error) -> SourceError {
        SourceError::Damaged { file: self.name.to_string(), record, cause }
    }
}

/// Size of the buffer of the CSV reader, in bytes.
const BUFFER: usize = 64 * 1024;

/// Reads a file and counts the bytes.
struct CountedReader {
    file: File,
    bytes_read: Arc<AtomicU64>,
}

impl Read for CountedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes_read.fetch_add(u64::try_from(read).unwrap_or(0), Ordering::Relaxed);
        Ok(read)
    }
}

/// The records of one file, read one at a time.
pub struct Records {
    /// The file that is read.
    pub file: DataFile,
    /// Columns of the file.
    pub header: Header,
    csv: csv::Reader<Box<dyn Read + Send>>,
    bytes: ByteRecord,
    fields: StringRecord,
    record: u64,
}

impl Records {
    /// Reads the next record. `None` at the end of the file. Bytes that are not UTF-8 become replacement characters.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, SourceError> {
        let mut bytes = std::mem::take(&mut self.bytes);
        let more = self.csv.read_byte_record(&mut bytes).map_err(|cause| self.file.damaged(self.record, cause))?;
        if !more {
            return Ok(None);
        }
        self.record += 1;
        let line = bytes.position().map_or(0, csv::Position::line);
        // The buffers are reused: the next record is read into the buffer of the previous one.
        let fields = StringRecord::from_byte_record_lossy(bytes);
        self.bytes = std::mem::replace(&mut self.fields, fields).into_byte_record();
        Ok(Some(Row::new(&self.header, &self.fields, At { record: self.record, line })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::inside_airbnb::fixture::Folder;

    const SUMMARY: &str = "id,name,host_id,host_name,neighbourhood_group,neighbourhood,latitude,longitude,room_type,\
                           price,minimum_nights,number_of_reviews,last_review,reviews_per_month,\
                           calculated_host_listings_count,availability_365\n";
    const DETAILED: &str =
        "id,name,description,host_id,latitude,longitude,room_type,amenities,price,minimum_nights,new_column\n";

    fn error(folder: &Folder) -> String {
        Source::open(folder.path()).unwrap_err().to_string()
    }

    #[test]
    fn a_folder_without_listings_is_refused() {
        let folder = Folder::new();
        folder.write("reviews.csv", "listing_id,id,date,reviewer_id,comments\n");
        folder.write("other.csv", "a,b\n");
        assert!(error(&folder).contains("contains neither listings.csv nor listings.csv.gz"), "{}", error(&folder));
        assert!(Source::open(&folder.path().join("nowhere")).unwrap_err().to_string().contains("is not a folder"));
    }

    #[test]
    fn all_invalid_headers_are_reported_together() {
        let folder = Folder::new();
        folder.write("listings.csv", "id,name,description,host_id,latitude,longitude,amenities,minimum_nights\n");
        folder.write("calendar.csv", "listing_id,date,available,price\n");
        assert_eq!(
            error(&folder),
            "the header of listings.csv does not have the columns room_type, price; \
             the header of calendar.csv does not have the column minimum_nights"
        );
        folder.write("listings.csv", "");
        assert!(error(&folder).contains("does not have the columns id, name"));
    }

    #[test]
    fn a_single_summary_can_have_any_name() {
        let folder = Folder::new();
        folder.write_gz("SOME_2019.csv.gz", SUMMARY);
        folder.write("other.csv", "a,b\n");
        let source = Source::open(folder.path()).unwrap();
        assert_eq!((source.form, &*source.listings.name), (Form::Summary, "SOME_2019.csv.gz"));
        folder.write("SOME_2020.csv", SUMMARY);
        assert!(error(&folder).contains("SOME_2019.csv.gz, SOME_2020.csv"));
    }

    #[test]
    fn the_detailed_form_is_preferred_to_the_summary() {
        let folder = Folder::new();
        folder.write("listings.csv", SUMMARY);
        folder.write_gz("listings.csv.gz", &format!("\u{feff}{DETAILED}"));
        folder.write("reviews.csv", "listing_id,date\n1,2020-01-01\n");
        let source = Source::open(folder.path()).unwrap();
        assert_eq!((source.form, &*source.listings.name), (Form::Detailed, "listings.csv.gz"));
        assert!(source.reviews.is_none() && source.unused.len() == 1);
    }

    #[test]
    fn records_and_lines_are_counted_separately() {
        let folder = Folder::new();
        folder.write("listings.csv", &format!("{DETAILED}1,\"a\r\nb\rc\nd\",x\n2,y,z\n"));
        let mut records = Source::open(folder.path()).unwrap().listings.records(&Arc::default()).unwrap();
        let first = records.next_row().unwrap().unwrap();
        assert_eq!((first.at, first.text("name")), (At { record: 1, line: 2 }, Some("a\r\nb\rc\nd")));
        let second = records.next_row().unwrap().unwrap();
        assert_eq!((second.at.record, second.text("id")), (2, Some("2")));
        assert!(records.next_row().unwrap().is_none());
    }

    #[test]
    fn the_error_of_a_damaged_file_names_the_last_valid_record() {
        let folder = Folder::new();
        folder.write("listings.csv.gz", "this is no gzip");
        assert!(error(&folder).contains("listings.csv.gz is damaged after record 0"), "{}", error(&folder));
    }
}
