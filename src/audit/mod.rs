//! The entry point of an auditor: every wing checks its own tables on one snapshot, and the report is printed for
//! people, programs or metrics.
//!
//! **Invariant:** an audit writes nothing. A service that runs at the same time neither waits for it nor causes
//! findings.

mod arguments;
mod report;
mod run;

pub use arguments::AuditArgs;
pub use report::Report;
pub use run::audit;
