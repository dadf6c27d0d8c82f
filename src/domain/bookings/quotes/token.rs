//! The signed token that clients carry in place of a quote.

use super::quote::Quote;
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Longest token that is read, in bytes. It bounds the work for a token that was not issued here.
const MAX_TOKEN_BYTES: usize = 32_768;

/// Encodes a quote as a signed token.
pub fn sign_quote(app: &App, quote: &Quote) -> Result<String, Error> {
    app.keys.sign_quote(quote).ok_or_else(|| Error::failed("the quote could not be signed"))
}

/// Reads a token that was issued to the viewer. None if the token was changed or was issued to somebody else: a quote is
/// a promise to one guest, so not even staff can read it.
pub fn read_quote(app: &App, viewer: &Viewer, token: &str) -> Option<Quote> {
    let token = Some(token).filter(|token| token.len() <= MAX_TOKEN_BYTES)?;
    app.keys.verify_quote::<Quote>(token).filter(|quote| viewer.is(quote.guest_id))
}
