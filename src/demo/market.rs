//! The market of one simulated city: its listings, its people and who is travelling when.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use uuid::Uuid;

use super::cities::City;
use super::people::People;
use super::random::Random;
use crate::domain::listings::Listing;
use crate::platform::App;

/// One city at the simulated time, which is the time of the clock of `app`.
pub(super) struct Market {
    pub app: App,
    pub city: &'static City,
    /// The index of the city.
    pub number: usize,
    pub people: Arc<People>,
    pub random: Random,
    /// The published listings, each with the index of its host in the city.
    pub listings: Vec<(usize, Listing)>,
    /// The dates on which each guest is already travelling.
    pub travelling: HashMap<Uuid, Vec<(NaiveDate, NaiveDate)>>,
}
