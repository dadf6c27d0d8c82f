//! A listing of a batch that is being stored.

use uuid::Uuid;

use super::imported::ImportedListing;

/// A listing of a batch, with its ID here.
#[derive(Clone, Copy)]
pub(super) struct BatchListing<'a> {
    pub id: Uuid,
    pub is_new: bool,
    pub imported: &'a ImportedListing,
}
