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
        parse_number(text, least, most).unwrap_or_else(|| {
            self.wrong(name, format!("must be a whole number from {least} to {most}, not `{text}`"));
            least
        })
    }

    /// Like [`Checks::number`], for a setting that can be `off` too. `None` if it is `off`.
    pub(super) fn number_or_off(&mut self, name: &'static str, text: &str, least: i64, most: i64) -> Option<i64> {
        if text == "off" {
            return None;
        }
        Some(parse_number(text, least, most).unwrap_or_else(|| {
            self.wrong(name, format!("must be a whole number from {least} to {most}, or `off`, not `{text}`"));
            least
        }))
    }

    /// Whether the text is `yes`; records an error if it is neither `yes` nor `no`.
    pub(super) fn either(&mut self, name: &'static str, text: &str, yes: &str, no: &str) -> bool {
        if text != yes && text != no {
            self.wrong(name, format!("must be `{yes}` or `{no}`, not `{text}`"));
        }
        text == yes
    }

    /// Whether the text is `on`, or `None` if it is `auto`; records an error if it is neither of them nor `off`.
    pub(super) fn on_off_or_auto(&mut self, name: &'static str, text: &str) -> Option<bool> {
        if !["on", "off", "auto"].contains(&text) {
            self.wrong(name, format!("must be `on`, `off` or `auto`, not `{text}`"));
        }
        (text != "auto").then_some(text == "on")
    }
}

fn parse_number(text: &str, least: i64, most: i64) -> Option<i64> {
    text.parse().ok().filter(|number| (least..=most).contains(number))
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
