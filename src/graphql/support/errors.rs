//! Refusals as the API shows them: typed user errors in payloads of mutations, coded errors for queries.

use async_graphql::{Enum, Error as GraphqlError, ErrorExtensions, Interface, Result, SimpleObject};

use super::scalars::Date;
use crate::domain::bookings::Cancellation;
use crate::domain::error::{Code, Detail, Error, Refusal};
use crate::graphql::types::bookings::{BookingAction, BookingState};
use crate::graphql::types::cancellations::CancellationPreview;
use crate::graphql::types::quotes::Quote;
use crate::graphql::types::stays::{NightState, UnavailableNight};
use crate::kernel::money::Currency;

/// What kind of thing went wrong, for programs.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Code")]
pub enum UserErrorCode {
    /// The value makes no sense; the message says what would.
    Invalid,
    /// Something is missing.
    Required,
    /// The text is too long.
    TooLong,
    /// There are too many items, or too large a range.
    TooMany,
    /// Nothing is known under this id, or it is not for you to know.
    NotFound,
    /// You may know of it, but not do this.
    Forbidden,
    /// Sign in first, or the credentials are wrong.
    Unauthenticated,
    /// An account with this address exists.
    EmailTaken,
    /// The password is too short or among the first that anyone would guess.
    WeakPassword,
    /// The token is over; sign in again.
    TokenExpired,
    /// The thing was changed since you read it.
    VersionStale,
    /// The thing's state does not allow this now.
    StateConflict,
    /// Some of the nights are taken.
    NightsUnavailable,
    /// The stay breaks a rule of the listing.
    StayRuleViolated,
    /// The quote's time is over.
    QuoteExpired,
    /// The quote was booked already.
    QuoteConsumed,
    /// The price is not the one that was shown.
    PriceChanged,
    /// The refund is not the one that was shown.
    RefundChanged,
    /// The card was declined.
    PaymentDeclined,
    /// The guest must act at their bank first.
    PaymentActionRequired,
    /// It is too early or too late for a review or an answer.
    ReviewWindowClosed,
    /// The review cannot be changed any more, or there is one already.
    ReviewLocked,
    /// The idempotency key was used before with other arguments.
    IdempotencyKeyReused,
    /// The first request with this idempotency key has no answer yet; send it again soon.
    IdempotencyInProgress,
    /// Too many tries; wait.
    RateLimited,
}

/// An expected failure of a mutation. Unexpected ones are in the top-level errors array.
#[derive(Interface)]
#[graphql(
    field(name = "code", ty = "&UserErrorCode", desc = "What kind of thing went wrong, for programs."),
    field(name = "message", ty = "&String", desc = "What went wrong, in a sentence for people."),
    field(
        name = "field",
        ty = "&Option<Vec<String>>",
        desc = "Path into the arguments; null when no argument is at fault."
    )
)]
pub enum UserError {
    /// Any other.
    Input(InputUserError),
    /// Taken nights.
    Nights(NightsUnavailableError),
    /// An old quote.
    Quote(Box<QuoteStaleError>),
    /// Another refund.
    Refund(Box<RefundChangedError>),
    /// The wrong moment.
    State(StateConflictError),
}

/// A failure that its code, message and field describe completely.
#[derive(SimpleObject)]
pub struct InputUserError {
    /// What kind of thing went wrong, for programs.
    code: UserErrorCode,
    /// What went wrong, in a sentence for people.
    message: String,
    /// Path into the arguments; null when no argument is at fault.
    field: Option<Vec<String>>,
}

/// Some of the nights are taken.
#[derive(SimpleObject)]
pub struct NightsUnavailableError {
    /// What kind of thing went wrong, for programs.
    code: UserErrorCode,
    /// What went wrong, in a sentence for people.
    message: String,
    /// Path into the arguments; null when no argument is at fault.
    field: Option<Vec<String>>,
    /// The nights that are taken.
    nights: Vec<UnavailableNight>,
}

/// The quote cannot be booked any more.
#[derive(SimpleObject)]
pub struct QuoteStaleError {
    /// What kind of thing went wrong, for programs.
    code: UserErrorCode,
    /// What went wrong, in a sentence for people.
    message: String,
    /// Path into the arguments; null when no argument is at fault.
    field: Option<Vec<String>>,
    /// A fresh quote for the same stay, ready to accept; null when it cannot be booked any more.
    quote: Option<Quote>,
}

/// The refund is not the one that was shown.
#[derive(SimpleObject)]
pub struct RefundChangedError {
    /// What kind of thing went wrong, for programs.
    code: UserErrorCode,
    /// What went wrong, in a sentence for people.
    message: String,
    /// Path into the arguments; null when no argument is at fault.
    field: Option<Vec<String>>,
    /// What cancelling would give back now.
    actual: CancellationPreview,
}

/// The booking's state does not allow this now.
#[derive(SimpleObject)]
pub struct StateConflictError {
    /// What kind of thing went wrong, for programs.
    code: UserErrorCode,
    /// What went wrong, in a sentence for people.
    message: String,
    /// Path into the arguments; null when no argument is at fault.
    field: Option<Vec<String>>,
    /// Where the booking stands.
    state: BookingState,
    /// What you may do with it now.
    allowed: Vec<BookingAction>,
}

impl UserError {
    /// The refusal as the API shows it; `currency` is that of the amounts it speaks of.
    fn of(app: &crate::platform::App, refusal: Refusal, currency: Option<Currency>) -> UserError {
        let code = refusal.code.into();
        let message = refusal.message;
        let field = Some(refusal.field).filter(|path| !path.is_empty());
        match refusal.detail {
            Some(Detail::Nights(nights)) => {
                let nights = nights.into_iter().filter_map(|(date, state)| {
                    Some(UnavailableNight { date: Date(date), state: NightState::from_word(&state)? })
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
            Some(Detail::State(state, allowed)) => match BookingState::from_word(&state) {
                Some(state) => {
                    let allowed = allowed.iter().filter_map(|word| BookingAction::from_word(word)).collect();
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

/// Splits what a mutation came to into its result and its user errors; what broke becomes a top-level error.
pub fn split<T>(app: &crate::platform::App, done: Result<T, Error>) -> Result<(Option<T>, Vec<UserError>)> {
    split_money(app, done, None)
}

/// The same for a mutation whose refusals speak of amounts in `currency`.
pub fn split_money<T>(
    app: &crate::platform::App,
    done: Result<T, Error>,
    currency: Option<Currency>,
) -> Result<(Option<T>, Vec<UserError>)> {
    match done {
        Ok(done) => Ok((Some(done), Vec::new())),
        Err(Error::Refused(refusals)) => {
            Ok((None, refusals.into_iter().map(|refusal| UserError::of(app, refusal, currency)).collect()))
        }
        Err(error) => Err(shown(error)),
    }
}

/// Refusals beside a result.
pub fn user_errors(app: &crate::platform::App, refusals: Vec<Refusal>) -> Vec<UserError> {
    refusals.into_iter().map(|refusal| UserError::of(app, refusal, None)).collect()
}

/// An error of a query: a refusal with its code and field, or an internal error that says no more than that.
pub fn shown(error: Error) -> GraphqlError {
    match error {
        Error::Refused(refusals) => {
            let message = refusals.iter().map(|refusal| {
                let field = refusal.field.join(".");
                if field.is_empty() { refusal.message.clone() } else { format!("{field}: {}", refusal.message) }
            });
            let shown = GraphqlError::new(message.collect::<Vec<_>>().join("; "));
            let first = refusals.into_iter().next();
            shown.extend_with(|_, extensions| {
                if let Some(refusal) = first {
                    extensions.set("code", word(refusal.code));
                    if !refusal.field.is_empty() {
                        extensions.set("field", refusal.field);
                    }
                }
            })
        }
        Error::Failed(cause) => {
            tracing::error!(cause, "a request failed");
            GraphqlError::new("internal error").extend_with(|_, extensions| extensions.set("code", "INTERNAL"))
        }
    }
}

fn word(code: Code) -> String {
    let value = async_graphql::resolver_utils::enum_value(UserErrorCode::from(code));
    match value {
        async_graphql::Value::Enum(name) => name.to_string(),
        other => other.to_string(),
    }
}
