//! Shows the progress of an import.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// Receives the progress of an import.
pub trait Progress: Send {
    /// The import begins. `bytes` is the number of bytes to read.
    fn begin(&mut self, what: &str, bytes: u64);
    /// `bytes` is the number of bytes read so far.
    fn at(&mut self, bytes: u64);
    /// The import has ended, successfully or not.
    fn end(&mut self);
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&mut self, _: &str, _: u64) {}
    fn at(&mut self, _: u64) {}
    fn end(&mut self) {}
}

/// A progress bar on standard error, if that is a terminal.
#[derive(Debug, Default)]
pub struct Bar(Option<ProgressBar>);

const TEMPLATE: &str = "{msg} {bar:40} {percent:>3} % of {total_bytes}, {eta} left";

impl Progress for Bar {
    fn begin(&mut self, what: &str, bytes: u64) {
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
            self.0 = Some(ProgressBar::new(bytes).with_style(style).with_message(what.to_owned()));
        }
    }

    fn at(&mut self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(bytes);
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}
