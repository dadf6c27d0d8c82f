//! Logging to standard error, as text or as JSON lines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::config::Config;

/// Starts logging with the settings in `config`. A second call changes nothing.
pub fn start(config: &Config) {
    let filter = EnvFilter::try_new(&config.log).unwrap_or_default();
    let colours = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    let result = if config.log_json { builder.json().try_init() } else { builder.with_target(false).try_init() };
    if result.is_err() {
        tracing::debug!("logging was already started");
    }
}
