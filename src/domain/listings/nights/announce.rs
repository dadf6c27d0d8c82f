//! Announces changes of a listing's calendar to its subscribers, as events of the transaction that makes them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::domain::error::Error;
use crate::domain::listings::row_values::{price_rules, stay_rules};
use crate::domain::listings::{Listing, table};
use crate::platform::database::Transaction;
use crate::platform::messaging::{Event, Topic};

/// Most ranges of nights in one event. An event with more ranges says that the whole calendar may have changed.
const MAX_RANGES: usize = 100;

/// The body of an event: the nights that changed, as ranges `[from, to)`, or the whole calendar.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChangedNights {
    Nights(Vec<(NaiveDate, NaiveDate)>),
    All,
}

/// The topic of the events of one listing's calendar.
pub(super) fn calendar_topic(listing_id: Uuid) -> Topic {
    Topic::new("calendar", listing_id)
}

fn announce(txn: &Transaction, listing_id: Uuid, changed: &ChangedNights) {
    txn.announce(Event { topic: calendar_topic(listing_id), body: json!(changed) });
}

/// Announces that these nights of a listing's calendar have changed. The event is sent when the transaction commits.
pub(in crate::domain::listings) fn announce_nights(
    txn: &Transaction,
    listing_id: Uuid,
    nights: impl IntoIterator<Item = NaiveDate>,
) {
    let mut ranges: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    for night in nights.into_iter().collect::<BTreeSet<_>>() {
        let Some(next) = night.succ_opt() else { continue };
        match ranges.last_mut() {
            Some((_, to)) if *to == night => *to = next,
            _ => ranges.push((night, next)),
        }
    }
    if ranges.len() > MAX_RANGES {
        announce_calendar(txn, listing_id);
    } else if !ranges.is_empty() {
        announce(txn, listing_id, &ChangedNights::Nights(ranges));
    }
}

/// Announces the nights of claims that were changed or deleted.
pub(in crate::domain::listings) fn announce_claims(txn: &Transaction, claims: &[table::claim::Model]) {
    let mut changed: BTreeMap<Uuid, Vec<NaiveDate>> = BTreeMap::new();
    for claim in claims {
        changed.entry(claim.listing_id).or_default().push(claim.night);
    }
    for (listing_id, dates) in changed {
        announce_nights(txn, listing_id, dates);
    }
}

/// Announces that any night of a listing's calendar may have changed.
pub(in crate::domain::listings) fn announce_calendar(txn: &Transaction, listing_id: Uuid) {
    announce(txn, listing_id, &ChangedNights::All);
}

/// Announces the whole calendar if an update of the listing changed a value that the calendar is computed from.
pub(in crate::domain::listings) fn announce_listing_update(
    txn: &Transaction,
    before: &Listing,
    after: &Listing,
) -> Result<(), Error> {
    let same = before.status == after.status
        && before.time_zone == after.time_zone
        && price_rules(before)? == price_rules(after)?
        && stay_rules(before)? == stay_rules(after)?;
    if !same {
        announce_calendar(txn, after.id);
    }
    Ok(())
}
