//! The durable queue. A job is a row that is written in the transaction that needs it, leased by a worker, retried if
//! it fails, and deleted when it is done.
//!
//! **Invariant:** a job runs at least once after its time, so every handler can be repeated safely. Only the worker
//! that holds the lease of a job settles it. A job that has used up its attempts is dead: it stays in the table and
//! does not run until an operator requeues it.
//!
//! The queue is our own, because no crate was found that writes a job in a SeaORM transaction on both engines: sqlxmq,
//! underway, graphile_worker and awa support only Postgres, and apalis works on connections of sqlx and Diesel, not of
//! SeaORM.

mod admin;
mod audit;
mod job;
mod lease;
mod wake;

pub use admin::{JobFilter, JobQuery, JobStats, delete, job_state, list, requeue, requeue_all_dead, stats};
pub use audit::audit;
pub use job::{Job, JobState, NewJob, enqueue};
pub use lease::{FailureOutcome, LEASE, complete, complete_all, count_due, fail, lease, next_due_at, release, renew};
pub use wake::Queue;
