//! Errors of use cases: refusals, which the caller can correct, and failures, which they cannot.

use chrono::NaiveDate;
use sea_orm::DbErr;
use serde_json::Value;

use crate::kernel::page::BadPage;
use crate::platform::gateway::GatewayError;
use crate::platform::password::PasswordError;

/// The table of refusal codes: the only place that defines a code, its name in the API and its description. It passes
/// its rows to the macro `$define`, so that other lists of the same codes, such as the schema's `UserErrorCode`, cannot
/// differ.
macro_rules! refusal_codes {
    ($define:ident) => {
        $define! {
            /// The value is invalid. `message` says which values are accepted.
            Invalid = "INVALID",
            /// A required value is missing, or is null.
            Required = "REQUIRED",
            /// The text is too long.
            TooLong = "TOO_LONG",
            /// The list has too many items, or the range is too large.
            TooMany = "TOO_MANY",
            /// The amount is in another currency than the listing or the booking. `message` names its currency.
            CurrencyMismatch = "CURRENCY_MISMATCH",
            /// The object does not exist or the viewer may not see it.
            NotFound = "NOT_FOUND",
            /// The viewer may see the object, but may not do this with it.
            Forbidden = "FORBIDDEN",
            /// The viewer is not signed in, or the credentials are wrong.
            Unauthenticated = "UNAUTHENTICATED",
            /// An account with this e-mail address exists already.
            EmailTaken = "EMAIL_TAKEN",
            /// The password is too short or is among the most common passwords.
            WeakPassword = "WEAK_PASSWORD",
            /// The token has expired, or its session has ended. A new sign-in is required.
            TokenExpired = "TOKEN_EXPIRED",
            /// The object was changed since the client read it: the version in the request is not the current one.
            VersionStale = "VERSION_STALE",
            /// The current state of the object does not allow this action.
            StateConflict = "STATE_CONFLICT",
            /// Some of the nights are not available.
            NightsUnavailable = "NIGHTS_UNAVAILABLE",
            /// The stay violates a rule of the listing.
            StayRuleViolated = "STAY_RULE_VIOLATED",
            /// The quote has expired.
            QuoteExpired = "QUOTE_EXPIRED",
            /// A booking was already created from this quote. A quote can be used once.
            QuoteConsumed = "QUOTE_CONSUMED",
            /// Not used: the price of a quote does not change.
            PriceChanged = "PRICE_CHANGED",
            /// The refund differs from the expected one in the request.
            RefundChanged = "REFUND_CHANGED",
            /// The card was declined.
            PaymentDeclined = "PAYMENT_DECLINED",
            /// The guest must complete an action with their bank, such as 3-D Secure, before the payment can continue.
            PaymentActionRequired = "PAYMENT_ACTION_REQUIRED",
            /// It is too early or too late for a review or for a response to one.
            ReviewWindowClosed = "REVIEW_WINDOW_CLOSED",
            /// The review can no longer be changed, or it exists already.
            ReviewLocked = "REVIEW_LOCKED",
            /// The idempotency key was used before with other arguments.
            IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED",
            /// The first request with this idempotency key is still running. Retry with the same key.
            IdempotencyInProgress = "IDEMPOTENCY_IN_PROGRESS",
            /// Too many requests or attempts. Wait before the next one.
            RateLimited = "RATE_LIMITED",
        }
    };
}
pub(crate) use refusal_codes;

macro_rules! define_code {
    ($($(#[$doc:meta])+ $code:ident = $name:literal,)+) => {
        /// The kind of a refusal. The names are part of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])+ $code,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Code] = &[$(Code::$code),+];

            /// The name of the code in the API.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Code::$code => $name,)+
                }
            }
        }
    };
}

refusal_codes!(define_code);

/// Why a request was refused, and which of its arguments has to be corrected.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The reason.
    pub code: Code,
    /// A message for people, in English: a clause, or words that follow the name of the field.
    pub message: String,
    /// The path to the argument that was refused, outermost first. Empty if no single argument was.
    pub field: Vec<String>,
    /// Data with which a program can continue.
    pub detail: Option<Detail>,
}

/// Data with which a program can continue after a refusal.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// The nights that are not available, each with its state as the listings wing names it.
    Nights(Vec<(NaiveDate, String)>),
    /// A new quote for the same stay, as a token of the bookings wing.
    FreshQuote(String),
    /// The refund at present, as JSON of the bookings wing.
    Refund(Value),
    /// The state of a booking and the actions that it allows, as the bookings wing names them.
    State(String, Vec<String>),
}

/// Why a use case returned no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request was refused, for one or more reasons. Nothing was changed.
    #[error("{}", .0.iter().map(|refusal| refusal.message.as_str()).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Refusal>),
    /// Something failed. The API layer logs it once and shows an internal error.
    #[error("{0}")]
    Failed(String),
}

impl Refusal {
    /// Creates a refusal of the argument at `field`.
    pub fn at(code: Code, field: &[&str], message: impl Into<String>) -> Refusal {
        let field = field.iter().map(|&name| name.to_owned()).collect();
        Refusal { code, message: message.into(), field, detail: None }
    }

    /// Adds data with which a program can continue.
    pub fn with(mut self, detail: Detail) -> Refusal {
        self.detail = Some(detail);
        self
    }
}

impl Error {
    /// Creates an error with one refusal, of the argument at `field`.
    pub fn refused(code: Code, field: &[&str], message: impl Into<String>) -> Error {
        Refusal::at(code, field, message).into()
    }

    /// The error for an object that does not exist or that the viewer may not see. The two are not distinguished, so
    /// that the existence of an object is not revealed.
    pub fn not_found(field: &[&str]) -> Error {
        Error::refused(Code::NotFound, field, "it does not exist, or you may not see it")
    }

    /// Creates an error for something that failed.
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
            PasswordError::Failed(cause) => Error::Failed(cause),
        }
    }
}

/// Collects all refusals of a request, so that the caller can correct all arguments at once.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Vec<Refusal>);

impl Refusals {
    /// Adds a refusal of the argument at `field`.
    pub fn add(&mut self, code: Code, field: &[&str], message: impl Into<String>) {
        self.0.push(Refusal::at(code, field, message));
    }

    /// Adds a refusal of the argument at `field` unless it is valid.
    pub fn check(&mut self, is_valid: bool, code: Code, field: &[&str], message: &str) {
        if !is_valid {
            self.add(code, field, message);
        }
    }

    /// Adds all refusals of another check. Their fields are not changed.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Refusal>) {
        self.0.extend(more);
    }

    /// Whether the argument at `field`, or a part of it, was refused.
    pub fn names<T>(&self, field: &[T]) -> bool
    where
        String: PartialEq<T>,
    {
        let is_part =
            |path: &[String]| path.len() >= field.len() && path.iter().zip(field).all(|(one, two)| one == two);
        self.0.iter().any(|refusal| is_part(&refusal.field))
    }

    /// Returns an error if there was a refusal.
    pub fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Refused(self.0)) }
    }
}

impl IntoIterator for Refusals {
    type Item = Refusal;
    type IntoIter = std::vec::IntoIter<Refusal>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<BadPage> for Error {
    fn from(bad: BadPage) -> Error {
        Error::refused(Code::Invalid, &[bad.field], bad.message)
    }
}

impl Refusals {
    /// Checks text that a user entered and returns it trimmed. It must have a visible character, at most `max`
    /// characters, and no control characters except line breaks and tabs.
    pub fn text(&mut self, field: &[&str], text: &str, max: usize) -> String {
        let text = self.text_or_empty(field, text, max);
        let is_visible =
            |c: char| !c.is_whitespace() && !matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}');
        self.check(text.chars().any(is_visible), Code::Required, field, "must not be empty");
        text
    }

    /// Checks text as [`Refusals::text`] does, but accepts an empty one.
    pub fn text_or_empty(&mut self, field: &[&str], text: &str, max: usize) -> String {
        let text = text.trim();
        if text.chars().count() > max {
            self.add(Code::TooLong, field, format!("must have at most {max} characters"));
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            self.add(Code::Invalid, field, "must not contain control characters");
        }
        text.to_owned()
    }

    /// Checks that a whole number is within limits.
    pub fn range(&mut self, field: &[&str], number: i64, min: i64, max: i64) {
        if !(min..=max).contains(&number) {
            self.add(Code::Invalid, field, format!("must be between {min} and {max}"));
        }
    }
}

impl Error {
    /// Returns an error if there is a refusal.
    pub fn from_refusals(refusals: Vec<Refusal>) -> Result<(), Error> {
        if refusals.is_empty() { Ok(()) } else { Err(Error::Refused(refusals)) }
    }
}
