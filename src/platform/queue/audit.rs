//! The audit checks of the queue: no job is dead, and no job waits long after its time.

use sea_orm::DbErr;

use crate::kernel::id::Kind;
use crate::platform::audit::{Audit, Check};

/// Checks the queue.
pub async fn audit(audit: &mut Audit) -> Result<(), DbErr> {
    audit
        .check(Check {
            name: "jobs_dead",
            description: "No job has used up its attempts.",
            kind: Some(Kind::Job),
            rows: "job",
            violations: "SELECT id, kind || ' is dead: ' || COALESCE(last_error, 'its worker was lost') AS note \
                     FROM job WHERE died_at IS NOT NULL",
        })
        .await?;
    audit
        .check(Check {
            name: "jobs_overdue",
            description: "No job has been due for an hour without being leased by a worker.",
            kind: Some(Kind::Job),
            rows: "job",
            violations: "SELECT id, kind || ' has been due for more than an hour' AS note FROM job \
                     WHERE died_at IS NULL AND run_at < {hour_ago} AND locked_until < {hour_ago}",
        })
        .await?;
    let state = "SELECT state, count(*) AS value FROM (SELECT CASE WHEN died_at IS NOT NULL THEN 'dead' \
                 WHEN locked_until > {now} THEN 'running' WHEN run_at > {now} THEN 'waiting' ELSE 'due' END AS state \
                 FROM job) AS jobs GROUP BY state ORDER BY state";
    audit.add_figures("roost_jobs", "Number of jobs in the queue, by state.", &["state"], state).await
}
