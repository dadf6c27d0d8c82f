//! The entry point of time: takes due jobs from the queue and calls one function of the domain for each.
//!
//! **Invariant:** a handler does not decide anything. It parses the id in the payload of the job and calls the domain.

mod command;
mod handlers;
mod purge;
mod run;
pub mod worker;

pub use command::{CommandError, JobsArgs, command};
pub use purge::purge_expired;
pub use run::{drain, work};
