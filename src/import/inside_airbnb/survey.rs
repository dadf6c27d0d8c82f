//! A first look over the listings: which there are, where they lie, and on what scales their scores are.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::NaiveDate;

use super::calendar::WINDOW;
use super::header::Row;
use super::scores::Scales;
use super::source::{DataFile, SourceError};

/// What one pass over the listings shows.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The listings that have an id, each with the window its calendar is read in, in the order of the file.
    pub windows: Arc<HashMap<i64, usize>>,
    /// Degrees north and east of the listing in the middle.
    pub median: (f64, f64),
    /// What the highest scores are.
    pub scales: Scales,
    /// The last day on which a listing was read at the source.
    pub taken_on: Option<NaiveDate>,
}

impl Survey {
    /// Reads the whole file. What cannot be read is passed over here and reported when the listings are taken.
    pub fn of(file: &DataFile, taken: &Arc<AtomicU64>) -> Result<Survey, SourceError> {
        let mut records = file.records(taken)?;
        let mut windows = HashMap::new();
        let (mut latitudes, mut longitudes) = (Vec::new(), Vec::new());
        let mut scales = Scales::default();
        let mut taken_on = None;
        while let Some(row) = records.next_row()? {
            let Some((id, latitude, longitude)) = place(row) else { continue };
            let window = windows.len() / WINDOW;
            windows.entry(id).or_insert(window);
            latitudes.push(latitude);
            longitudes.push(longitude);
            scales.see(row);
            taken_on = taken_on.max(row.date("last_scraped").ok().flatten());
        }
        match (middle(latitudes), middle(longitudes)) {
            (Some(latitude), Some(longitude)) => {
                let median = (latitude, longitude);
                Ok(Survey { windows: Arc::new(windows), median, scales, taken_on })
            }
            _ => Err(SourceError::Empty(file.name.to_string())),
        }
    }
}

fn place(row: Row<'_>) -> Option<(i64, f64, f64)> {
    row.check_width().ok()?;
    let latitude = row.decimal("latitude").ok()?.filter(|degrees| degrees.abs() <= 90.0)?;
    let longitude = row.decimal("longitude").ok()?.filter(|degrees| degrees.abs() <= 180.0)?;
    Some((row.key("id").ok()?, latitude, longitude))
}

fn middle(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}
