//! Reading the marketplaces of others: translates their files and hands whole rows to the domain.
//!
//! **Invariant:** nothing is written before every file was found with a header that fits and the place is known. From
//! then on each batch is written whole or not at all, and importing the same files again mends whatever stopped it.

mod arguments;
mod findings;
mod inside_airbnb;
mod progress;
mod report;
mod run;

pub use arguments::ImportArgs;
pub use findings::{Group, Outcome};
pub use inside_airbnb::{Here, OpenError, Overrides, SourceError, UnknownPlace};
pub use progress::{Bar, Progress, Silent};
pub use report::{Report, Tally};
pub use run::{ImportError, Options, command, run};
