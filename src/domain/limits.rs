//! Limits on texts that several wings accept.

/// Maximum length of the reason that a person gives for an action, in characters.
pub const MAX_REASON_CHARS: usize = 1_000;

/// Maximum length of a message from one person to another, in characters.
pub const MAX_MESSAGE_CHARS: usize = 2_000;
