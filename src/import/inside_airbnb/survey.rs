//! A first pass over the file of listings: their keys, their median location, and the scales of their ratings.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::NaiveDate;

use super::calendar::WINDOW;
use super::header::Row;
use super::scores::Scales;
use super::source::{DataFile, SourceError};

/// The result of the first pass.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The window in which the calendar of each listing is read, by the listing's key. Windows are in the order of the
    /// file.
    pub windows: Arc<HashMap<i64, usize>>,
    /// Median latitude and longitude, in degrees.
    pub median: (f64, f64),
    /// The scales of the ratings.
    pub scales: Scales,
    /// Last date on which a listing was read at the source. `None` if the file does not contain it.
    pub taken_on: Option<NaiveDate>,
}

impl Survey {
    /// Reads the whole file. Invalid records are ignored here and reported when the listings are imported.
    pub fn read(file: &DataFile, bytes_read: &Arc<AtomicU64>) -> Result<Survey, SourceError> {
        let mut records = file.records(bytes_read)?;
        let mut windows = HashMap::new();
        let (mut latitudes, mut longitudes) = (Vec::new(), Vec::new());
        let mut scales = Scales::default();
        let mut taken_on = None;
        while let Some(row) = records.next_row()? {
            let Some((id, latitude, longitude)) = parse_location(row) else { continue };
            let window = windows.len() / WINDOW;
            windows.entry(id).or_insert(window);
            latitudes.push(latitude);
            longitudes.push(longitude);
            scales.add(row);
            taken_on = taken_on.max(row.date("last_scraped").ok().flatten());
        }
        match (median(latitudes), median(longitudes)) {
            (Some(latitude), Some(longitude)) => {
                let median = (latitude, longitude);
                Ok(Survey { windows: Arc::new(windows), median, scales, taken_on })
            }
            _ => Err(SourceError::Empty(file.name.to_string())),
        }
    }
}

fn parse_location(row: Row<'_>) -> Option<(i64, f64, f64)> {
    row.check_width().ok()?;
    let latitude = row.decimal("latitude").ok()?.filter(|degrees| degrees.abs() <= 90.0)?;
    let longitude = row.decimal("longitude").ok()?.filter(|degrees| degrees.abs() <= 180.0)?;
    Some((row.key("id").ok()?, latitude, longitude))
}

fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}
