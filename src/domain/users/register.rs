//! Registering an account.

use sea_orm::{ActiveModelTrait, Set};

use super::tokens::{Origin, Tokens, open_session};
use super::{User, table};
use crate::domain::error::{Code, Error, Refusals};
use crate::platform::App;
use crate::platform::database::is_duplicate;

/// Longest address that SMTP can carry, in bytes (RFC 5321, 4.5.3.1.3, without the angle brackets).
const MAX_EMAIL_BYTES: usize = 254;
/// Maximum length of a public name, in characters.
pub const MAX_DISPLAY_NAME_CHARS: usize = 80;
const MIN_PASSWORD_CHARS: usize = 10;
const MAX_PASSWORD_CHARS: usize = 128;
/// Passwords of at least ten characters that are among the most frequent in lists of leaked passwords.
const COMMON_PASSWORDS: [&str; 12] = [
    "1234567890",
    "0123456789",
    "password12",
    "password123",
    "qwertyuiop",
    "1q2w3e4r5t",
    "123456789a",
    "iloveyou12",
    "letmein123",
    "welcome123",
    "administrator",
    "passw0rd123",
];

/// What a person enters to register.
#[derive(Clone, Debug)]
pub struct Registration {
    /// E-mail address to sign in with.
    pub email: String,
    /// Password to sign in with.
    pub password: String,
    /// The public name.
    pub display_name: String,
    /// Language, as a BCP 47 tag. English if `None`.
    pub locale: Option<String>,
    /// IANA time zone. UTC if `None`.
    pub time_zone: Option<chrono_tz::Tz>,
    /// Refusals of values that could not be read. They are returned together with those of all other values.
    pub unreadable: Refusals,
}

/// Registers an account and opens its first session.
pub async fn register(app: &App, request: Registration, origin: Origin) -> Result<(User, Tokens), Error> {
    let mut refusals = request.unreadable;
    let email = check_email(&mut refusals, &["user", "email"], &request.email);
    let display_name = refusals.text(&["user", "displayName"], &request.display_name, MAX_DISPLAY_NAME_CHARS);
    check_password(&mut refusals, &["user", "password"], &request.password, &email);
    let locale = check_locale(&mut refusals, &["user", "locale"], request.locale.as_deref().unwrap_or("en"));
    refusals.finish()?;

    let password_hash = app.passwords.hash(request.password).await?;
    let now = app.clock.now();
    let user = table::user::ActiveModel {
        id: Set(app.clock.new_id()),
        email: Set(Some(email)),
        display_name: Set(display_name),
        about: Set(None),
        phone: Set(None),
        password_hash: Set(Some(password_hash)),
        is_host: Set(false),
        is_admin: Set(false),
        locale: Set(locale),
        time_zone: Set(request.time_zone.unwrap_or(chrono_tz::UTC).name().to_owned()),
        currency: Set("USD".into()),
        email_verified_at: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
        source: Set(None),
        source_ref: Set(None),
    };
    let txn = app.db.begin_write().await?;
    let user = user.insert(&txn).await.map_err(|error| {
        if is_duplicate(&error) {
            return Error::refused(Code::EmailTaken, &["user", "email"], "an account with this address exists");
        }
        error.into()
    })?;
    let tokens = open_session(app, &txn, user.id, origin).await?;
    txn.commit().await?;
    Ok((user, tokens))
}

/// Checks the form of an address and converts it to lower case. Whether it receives mail only a message can show.
fn check_email(refusals: &mut Refusals, field: &[&str], text: &str) -> String {
    let email = text.trim().to_lowercase();
    let well_formed = email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && domain.split('.').all(|label| {
                !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-') && !label.starts_with('-')
            })
            && !email.chars().any(|c| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c))
    });
    if email.len() > MAX_EMAIL_BYTES {
        refusals.add(Code::TooLong, field, format!("must have at most {MAX_EMAIL_BYTES} bytes"));
    } else if !well_formed {
        refusals.add(Code::Invalid, field, "must be an e-mail address");
    }
    email
}

fn check_password(refusals: &mut Refusals, field: &[&str], password: &str, email: &str) {
    let length = password.chars().count();
    let folded = password.to_lowercase();
    let local = email.split('@').next().unwrap_or("");
    let mut distinct: Vec<char> = password.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if length > MAX_PASSWORD_CHARS {
        refusals.add(Code::TooLong, field, format!("must have at most {MAX_PASSWORD_CHARS} characters"));
    } else if length < MIN_PASSWORD_CHARS {
        refusals.add(Code::WeakPassword, field, format!("must have at least {MIN_PASSWORD_CHARS} characters"));
    } else if distinct.len() < 5 || COMMON_PASSWORDS.contains(&folded.as_str()) || folded == email || folded == local {
        refusals.add(Code::WeakPassword, field, "is too easy to guess");
    }
}

/// Checks the form of a BCP 47 language tag.
pub(super) fn check_locale(refusals: &mut Refusals, field: &[&str], text: &str) -> String {
    let well_formed = text.split('-').enumerate().all(|(place, part)| {
        let max_length = if place == 0 { 3 } else { 8 };
        (1..=max_length).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    refusals.check(well_formed && text.len() <= 35, Code::Invalid, field, "must be a language tag such as en-GB");
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(text: &str) -> Result<String, Error> {
        let mut refusals = Refusals::default();
        let email = check_email(&mut refusals, &["email"], text);
        refusals.finish().map(|()| email)
    }

    #[test]
    fn addresses_are_lower_cased_and_malformed_ones_are_refused() {
        assert_eq!(email(" Ana@Example.COM ").unwrap(), "ana@example.com");
        assert!(email("jörg@bücher.example").is_ok());
        for bad in ["", "a", "@example.com", "a@b", "a@.com", "a b@example.com", "a@exa<mple.com", "a@-x.com"] {
            assert!(email(bad).is_err(), "{bad}");
        }
        assert!(email(&format!("{}@example.com", "a".repeat(250))).is_err());
    }

    #[test]
    fn passwords_that_are_easy_to_guess_are_refused() {
        for (password, accepted) in [
            ("short", false),
            ("Password123", false),
            ("aaaaaaaaaaaa", false),
            ("ana@example.com", false),
            ("correct horse battery", true),
        ] {
            let mut refusals = Refusals::default();
            check_password(&mut refusals, &["password"], password, "ana@example.com");
            assert_eq!(refusals.finish().is_ok(), accepted, "{password}");
        }
    }
}
