//! The range of amounts, and the reasons why a stay has no price.

use crate::domain::listings::limits::MAX_NIGHTS;
use crate::kernel::money::MAX_MINOR;

/// Why a stay has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// An amount or a number of guests is negative.
    #[error("a price or a number of guests is negative")]
    Negative,
    /// A discount, fee or tax is not between 0 and 100 %.
    #[error("a rate is not between 0 and 1000000 parts per million")]
    Rate,
    /// An amount is larger than the API can carry.
    #[error("the price is larger than {MAX_MINOR} minor units")]
    TooLarge,
    /// The stay is longer than [`MAX_NIGHTS`].
    #[error("a stay of more than {MAX_NIGHTS} nights has no price")]
    TooLong,
    /// The lines of a stored price do not match its sums.
    #[error("the stored price is inconsistent")]
    Inconsistent,
}

/// Checks that an amount is not negative and not larger than the API can carry.
pub(super) fn in_range(minor: i128) -> Result<i64, PriceError> {
    match i64::try_from(minor) {
        Ok(minor) if (0..=MAX_MINOR).contains(&minor) => Ok(minor),
        _ if minor < 0 => Err(PriceError::Negative),
        _ => Err(PriceError::TooLarge),
    }
}
