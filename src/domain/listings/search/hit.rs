//! One listing that matches a search, with everything that ordering, paging and facets need.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::filter::SearchSort;
use crate::domain::listings::enums::RoomType;
use crate::kernel::money::Money;

/// One listing that matches. A search keeps all of its hits in memory, so a hit has only a few small fields.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub id: Uuid,
    /// The number by which the results are ordered, smallest first.
    pub rank: i64,
    pub distance_m: Option<i32>,
    pub room_type: RoomType,
    /// Price of the whole stay, or of a night if the search has no stay.
    pub price: Money,
}

/// The position of a hit in a sorted search: the value of a cursor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct HitPosition(pub SearchSort, pub i64, pub Uuid);

impl Hit {
    pub fn position(&self, sort: SearchSort) -> HitPosition {
        HitPosition(sort, self.rank, self.id)
    }
}
