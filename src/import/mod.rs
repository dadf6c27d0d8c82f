//! Imports from other marketplaces: reads their files and passes complete rows to the domain.
//!
//! **Invariant:** nothing is written before every file was found with a valid header and the place is known. After
//! that, each batch is written completely or not at all, and repeating the import of the same files completes an import
//! that failed.

mod arguments;
mod findings;
mod inside_airbnb;
mod options;
mod progress;
mod report;
mod run;

pub use arguments::ImportArgs;
pub use findings::{Group, Outcome};
pub use inside_airbnb::{Here, OpenError, Overrides, SourceError, UnknownPlace};
pub use options::Options;
pub use progress::{Bar, Progress, Silent};
pub use report::{Report, Tally};
pub use run::{ImportError, command, run};
