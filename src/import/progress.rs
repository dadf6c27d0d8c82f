//! How far an import is, for whoever waits for it.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// Somebody who wants to know how far an import is.
pub trait Progress: Send {
    /// Reading begins; so many bytes are to be read.
    fn begin(&mut self, what: &str, bytes: u64);
    /// So many bytes have been read.
    fn at(&mut self, bytes: u64);
    /// Everything is stored, or nothing more will be.
    fn end(&mut self);
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&mut self, _: &str, _: u64) {}
    fn at(&mut self, _: u64) {}
    fn end(&mut self) {}
}

/// A bar on the terminal, if there is one behind standard error.
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
