//! People who come with a data set: hosts and the authors of reviews.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::kernel::money::Currency;

/// A person of another platform. Has no e-mail address and no password here, and can never sign in.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedUser {
    /// The person's key in the source.
    pub source_ref: String,
    /// What others see; never empty.
    pub display_name: String,
    /// What the person says of themselves.
    pub about: Option<String>,
    /// Whether the person hosts.
    pub is_host: bool,
    /// When the person joined the source or was first heard of there, if known.
    pub joined_at: Option<DateTime<Utc>>,
    /// The zone of the snapshot's place.
    pub time_zone: Tz,
    /// The currency of the snapshot's place.
    pub currency: Currency,
}
