//! Who comes along: the head counts a price and a capacity depend on.

use serde::{Deserialize, Serialize};

/// Head counts of one stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Guests {
    /// Adults, at least one.
    pub adults: i32,
    /// Children, who count towards capacity and extra-guest fees.
    pub children: i32,
    /// Infants, who count towards neither.
    pub infants: i32,
    /// Pets.
    pub pets: i32,
}

impl Guests {
    /// The heads that count towards capacity and fees: adults and children.
    pub fn paying(self) -> i32 {
        self.adults.saturating_add(self.children)
    }
}
