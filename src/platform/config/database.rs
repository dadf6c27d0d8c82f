//! Settings of the database and of Redis.

use std::path::Path;

use super::checks::Checks;

/// The URL of the database. Without one, a SQLite file in the data folder.
pub(super) fn check_database_url(url: Option<String>, data_dir: &Path, checks: &mut Checks) -> String {
    match url.filter(|url| !url.is_empty()) {
        None => format!("sqlite://{}?mode=rwc", data_dir.join("roost.sqlite").display()),
        Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => url,
        Some(url) if url.starts_with("sqlite:") => {
            if url.contains('?') {
                url
            } else {
                format!("{url}?mode=rwc")
            }
        }
        Some(_) => {
            checks.wrong("--database-url (DATABASE_URL)", "must begin with postgres:// or sqlite:");
            String::new()
        }
    }
}

/// The URL of Redis, if there is one.
pub(super) fn check_redis_url(url: Option<String>, checks: &mut Checks) -> Option<String> {
    let url = url.filter(|url| !url.is_empty());
    if url.as_ref().is_some_and(|url| !url.starts_with("redis://")) {
        checks.wrong("--redis-url (REDIS_URL)", "must begin with redis://");
    }
    url
}

/// The prefix is part of the names of keys and channels, so it consists of letters, digits, dots and dashes only.
pub(super) fn check_redis_prefix(prefix: &str, checks: &mut Checks) {
    let is_name = prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !is_name || !(1..=64).contains(&prefix.len()) {
        checks.wrong("--redis-prefix (ROOST_REDIS_PREFIX)", "must be 1 to 64 letters, digits, dots or dashes");
    }
}
