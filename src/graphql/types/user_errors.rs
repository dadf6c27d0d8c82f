//! The expected failures of mutations, as typed errors in their payloads.

use async_graphql::{Interface, Result, SimpleObject};

use super::bookings::{BookingAction, BookingState};
use super::cancellations::CancellationPreview;
use super::quotes::Quote;
use super::stays::{NightState, UnavailableNight};
use crate::domain::bookings::Cancellation;
use crate::domain::error::{Code, Detail, Error, Refusal};
use crate::graphql::support::error_codes::UserErrorCode;
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::scalars::Date;
use crate::kernel::money::Currency;
use crate::platform::App;

/// An expected failure of a mutation, which a person can correct. Unexpected failures are in the top-level `errors`.
/// Clients that do not know the type of an error use these three fields.
#[derive(Interface)]
#[graphql(
    field(name = "code", ty = "&UserErrorCode", desc = "Kind of the error, for programs."),
    field(
        name = "message",
        ty = "&String",
        desc = "Explanation for people, in English: a clause, or words that follow the name of the field."
    ),
    field(
        name = "field",
        ty = "&Option<Vec<String>>",
        desc = "Path into the arguments of the mutation. Null if no single argument caused the error."
    )
)]
pub enum UserError {
    /// An error without details.
    Input(InputUserError),
    /// Nights that are not available.
    Nights(NightsUnavailableError),
    /// A quote that can no longer be booked.
    Quote(Box<QuoteStaleError>),
    /// A refund that differs from the expected one.
    Refund(Box<RefundChangedError>),
    /// A state that does not allow the action.
    State(StateConflictError),
}

/// A user error that its code, message and field describe completely.
#[derive(SimpleObject)]
pub struct InputUserError {
    /// Kind of the error, for programs.
    code: UserErrorCode,
    /// Explanation for people, in English: a clause, or words that follow the name of the field.
    message: String,
    /// Path into the arguments of the mutation. Null if no single argument caused the error.
    field: Option<Vec<String>>,
}

/// Some nights of a stay are not available. Its code is NIGHTS_UNAVAILABLE.
#[derive(SimpleObject)]
pub struct NightsUnavailableError {
    /// Kind of the error, for programs.
    code: UserErrorCode,
    /// Explanation for people, in English: a clause, or words that follow the name of the field.
    message: String,
    /// Path into the arguments of the mutation. Null if no single argument caused the error.
    field: Option<Vec<String>>,
    /// The nights that are not available, by date.
    nights: Vec<UnavailableNight>,
}

/// A quote that can no longer be booked. Its code is QUOTE_EXPIRED or QUOTE_CONSUMED.
#[derive(SimpleObject)]
pub struct QuoteStaleError {
    /// Kind of the error, for programs.
    code: UserErrorCode,
    /// Explanation for people, in English: a clause, or words that follow the name of the field.
    message: String,
    /// Path into the arguments of the mutation. Null if no single argument caused the error.
    field: Option<Vec<String>>,
    /// A new quote for the same stay, at the current price. Null if the stay can no longer be booked, or if the quote
    /// was used already.
    quote: Option<Quote>,
}

/// The refund differs from the one that the client showed. Its code is REFUND_CHANGED.
#[derive(SimpleObject)]
pub struct RefundChangedError {
    /// Kind of the error, for programs.
    code: UserErrorCode,
    /// Explanation for people, in English: a clause, or words that follow the name of the field.
    message: String,
    /// Path into the arguments of the mutation. Null if no single argument caused the error.
    field: Option<Vec<String>>,
    /// The current preview of the cancellation. Show it before the next attempt.
    actual: CancellationPreview,
}

/// The state of the booking does not allow this. Its code is STATE_CONFLICT.
#[derive(SimpleObject)]
pub struct StateConflictError {
    /// Kind of the error, for programs.
    code: UserErrorCode,
    /// Explanation for people, in English: a clause, or words that follow the name of the field.
    message: String,
    /// Path into the arguments of the mutation. Null if no single argument caused the error.
    field: Option<Vec<String>>,
    /// Current state of the booking.
    state: BookingState,
    /// The actions that the viewer can take now.
    allowed: Vec<BookingAction>,
}

impl UserError {
    /// Converts a refusal. `currency` is the currency of the amounts in its details.
    fn new(app: &App, refusal: Refusal, currency: Option<Currency>) -> UserError {
        let code = refusal.code.into();
        let message = refusal.message;
        let field = Some(refusal.field).filter(|path| !path.is_empty());
        match refusal.detail {
            Some(Detail::Nights(nights)) => {
                let nights = nights.into_iter().filter_map(|(date, state)| {
                    Some(UnavailableNight { date: Date(date), state: NightState::parse(&state)? })
                });
                UserError::Nights(NightsUnavailableError { code, message, field, nights: nights.collect() })
            }
            Some(Detail::FreshQuote(token)) => {
                let quote = app.keys.verify_quote(&token).map(|quote| Quote { quote, token });
                UserError::Quote(Box::new(QuoteStaleError { code, message, field, quote }))
            }
            Some(Detail::Refund(value)) => match (serde_json::from_value::<Cancellation>(value), currency) {
                (Ok(cancellation), Some(currency)) => {
                    let actual = CancellationPreview { cancellation, currency };
                    UserError::Refund(Box::new(RefundChangedError { code, message, field, actual }))
                }
                _ => UserError::Input(InputUserError { code, message, field }),
            },
            Some(Detail::State(state, allowed)) => match BookingState::parse(&state) {
                Some(state) => {
                    let allowed = allowed.iter().filter_map(|name| BookingAction::parse(name)).collect();
                    UserError::State(StateConflictError { code, message, field, state, allowed })
                }
                None => UserError::Input(InputUserError { code, message, field }),
            },
            None if matches!(refusal.code, Code::QuoteExpired | Code::QuoteConsumed) => {
                UserError::Quote(Box::new(QuoteStaleError { code, message, field, quote: None }))
            }
            None => UserError::Input(InputUserError { code, message, field }),
        }
    }
}

/// Splits the outcome of a mutation into its result and its user errors. An unexpected failure becomes a top-level
/// error.
pub fn into_payload<T>(app: &App, done: Result<T, Error>) -> Result<(Option<T>, Vec<UserError>)> {
    into_payload_in(app, done, None)
}

/// Like [`into_payload`], for a mutation whose refusals have amounts in `currency`.
pub fn into_payload_in<T>(
    app: &App,
    done: Result<T, Error>,
    currency: Option<Currency>,
) -> Result<(Option<T>, Vec<UserError>)> {
    match done {
        Ok(done) => Ok((Some(done), Vec::new())),
        Err(Error::Refused(refusals)) => {
            Ok((None, refusals.into_iter().map(|refusal| UserError::new(app, refusal, currency)).collect()))
        }
        Err(error) => Err(to_graphql_error(error)),
    }
}

/// Converts refusals that are returned beside a result.
pub fn to_user_errors(app: &App, refusals: Vec<Refusal>) -> Vec<UserError> {
    refusals.into_iter().map(|refusal| UserError::new(app, refusal, None)).collect()
}
