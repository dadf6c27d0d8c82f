//! Checks that several groups of settings use.

use std::net::IpAddr;

use reqwest::Url;

/// One setting that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct WrongSetting {
    /// Flag and environment variable.
    pub name: &'static str,
    /// What is wrong, and which values are allowed.
    pub message: String,
}

/// Collects every wrong setting, so that all are reported at once.
pub(super) struct Checks(pub(super) Vec<WrongSetting>);

impl Checks {
    /// Records that a setting is wrong.
    pub(super) fn wrong(&mut self, name: &'static str, message: impl Into<String>) {
        self.0.push(WrongSetting { name, message: message.into() });
    }

    /// Parses a whole number from `least` to `most`; records an error and returns `least` otherwise.
    pub(super) fn number(&mut self, name: &'static str, text: &str, least: i64, most: i64) -> i64 {
        match text.parse::<i64>() {
            Ok(n) if (least..=most).contains(&n) => n,
            _ => {
                self.wrong(name, format!("must be a whole number from {least} to {most}, not `{text}`"));
                least
            }
        }
    }

    /// Whether the text is `yes`; records an error if it is neither `yes` nor `no`.
    pub(super) fn either(&mut self, name: &'static str, text: &str, yes: &str, no: &str) -> bool {
        if text != yes && text != no {
            self.wrong(name, format!("must be `{yes}` or `{no}`, not `{text}`"));
        }
        text == yes
    }
}

/// The parts of a list separated by commas, trimmed, without empty ones.
pub(super) fn split_list(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// Whether the host of `url` is this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or("").trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
