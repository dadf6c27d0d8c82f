//! Why a use case ended without its result: something a person can mend, or something that broke.

use chrono::NaiveDate;
use sea_orm::DbErr;
use serde_json::Value;

use crate::kernel::page::BadPage;
use crate::platform::gateway::GatewayError;
use crate::platform::password::PasswordError;

/// What kind of thing a person can mend. The words are part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words say it; the API's descriptions are in graphql/error.rs")]
pub enum Code {
    Invalid,
    Required,
    TooLong,
    TooMany,
    NotFound,
    Forbidden,
    Unauthenticated,
    EmailTaken,
    WeakPassword,
    TokenExpired,
    VersionStale,
    StateConflict,
    NightsUnavailable,
    StayRuleViolated,
    QuoteExpired,
    QuoteConsumed,
    PriceChanged,
    RefundChanged,
    PaymentDeclined,
    PaymentActionRequired,
    ReviewWindowClosed,
    ReviewLocked,
    IdempotencyKeyReused,
    IdempotencyInProgress,
    RateLimited,
}

/// Something a person can mend.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What kind of thing it is.
    pub code: Code,
    /// A sentence for people.
    pub message: String,
    /// The path to the argument at fault, outermost first; empty when it is about no single one.
    pub field: Vec<String>,
    /// What a program needs to go on.
    pub detail: Option<Detail>,
}

/// What a program needs to go on after a refusal.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// The nights that are taken, and by what, in the listings wing's own words.
    Nights(Vec<(NaiveDate, String)>),
    /// A fresh quote for the same stay, in the bookings wing's own form.
    FreshQuote(String),
    /// What the refund would be now, in the bookings wing's own form.
    Refund(Value),
    /// The state a booking is in and what may be done in it, in the bookings wing's own words.
    State(String, Vec<String>),
}

/// Why a use case ended without its result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One or more things a person can mend; nothing was changed.
    #[error("{}", .0.iter().map(|refusal| refusal.message.as_str()).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Refusal>),
    /// Something broke; logged once at the door and shown as an internal error.
    #[error("{0}")]
    Failed(String),
}

impl Refusal {
    /// A refusal about the argument at `field`.
    pub fn at(code: Code, field: &[&str], message: impl Into<String>) -> Refusal {
        let field = field.iter().map(|&name| name.to_owned()).collect();
        Refusal { code, message: message.into(), field, detail: None }
    }

    /// The same with what a program needs to go on.
    pub fn with(mut self, detail: Detail) -> Refusal {
        self.detail = Some(detail);
        self
    }
}

impl Error {
    /// One refusal about the argument at `field`.
    pub fn refused(code: Code, field: &[&str], message: impl Into<String>) -> Error {
        Refusal::at(code, field, message).into()
    }

    /// What does not exist, or must not be known to exist.
    pub fn not_found(field: &[&str]) -> Error {
        Error::refused(Code::NotFound, field, "nothing is known under this id")
    }

    /// Something broke.
    pub fn failed(cause: impl std::fmt::Display) -> Error {
        Error::Failed(cause.to_string())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(vec![refusal])
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Error {
        Error::Failed(error.to_string())
    }
}

impl From<GatewayError> for Error {
    fn from(error: GatewayError) -> Error {
        Error::Failed(error.to_string())
    }
}

impl From<PasswordError> for Error {
    fn from(error: PasswordError) -> Error {
        match error {
            PasswordError::Busy => Error::refused(Code::RateLimited, &[], "too many sign-ins at once; try again soon"),
            PasswordError::Broken(cause) => Error::Failed(cause),
        }
    }
}

/// Collects every refusal of a request, so that a person mends all at once.
#[derive(Debug, Default)]
pub struct Refusals(Vec<Refusal>);

impl Refusals {
    /// Adds one.
    pub fn add(&mut self, code: Code, field: &[&str], message: impl Into<String>) {
        self.0.push(Refusal::at(code, field, message));
    }

    /// Adds one unless `holds`.
    pub fn check(&mut self, holds: bool, code: Code, field: &[&str], message: &str) {
        if !holds {
            self.add(code, field, message);
        }
    }

    /// Adds every refusal of another check under an outer field.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Refusal>) {
        self.0.extend(more);
    }

    /// Nothing when there was no refusal.
    pub fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Refused(self.0)) }
    }
}

impl From<BadPage> for Error {
    fn from(bad: BadPage) -> Error {
        Error::refused(Code::Invalid, &[bad.field], bad.message)
    }
}

impl Refusals {
    /// Text that strangers wrote: trimmed, with at least one character, at most `most`, and no control characters
    /// but line breaks and tabs.
    pub fn text(&mut self, field: &[&str], text: &str, most: usize) -> String {
        let text = self.text_or_empty(field, text, most);
        let seen =
            |c: char| !c.is_whitespace() && !matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}');
        self.check(text.chars().any(seen), Code::Required, field, "must not be empty");
        text
    }

    /// The same for text that may be empty.
    pub fn text_or_empty(&mut self, field: &[&str], text: &str, most: usize) -> String {
        let text = text.trim();
        if text.chars().count() > most {
            self.add(Code::TooLong, field, format!("must have at most {most} characters"));
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            self.add(Code::Invalid, field, "must not contain control characters");
        }
        text.to_owned()
    }

    /// A whole number within limits.
    pub fn range(&mut self, field: &[&str], number: i64, least: i64, most: i64) {
        if !(least..=most).contains(&number) {
            self.add(Code::Invalid, field, format!("must be between {least} and {most}"));
        }
    }
}

impl Error {
    /// Nothing when there was no refusal.
    pub fn from_refusals(refusals: Vec<Refusal>) -> Result<(), Error> {
        if refusals.is_empty() { Ok(()) } else { Err(Error::Refused(refusals)) }
    }
}
