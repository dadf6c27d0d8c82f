//! The numbers of guests of a stay, which prices and capacity depend on.

use serde::{Deserialize, Serialize};

/// The numbers of guests of one stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Guests {
    /// Number of adults, at least one.
    pub adults: i32,
    /// Number of children. They count towards capacity and extra-guest fees.
    pub children: i32,
    /// Number of infants. They count towards neither capacity nor fees.
    pub infants: i32,
    /// Number of pets.
    pub pets: i32,
}

impl Guests {
    /// The number of guests who count towards capacity and fees: adults and children.
    pub fn paying(self) -> i32 {
        self.adults.saturating_add(self.children)
    }
}
