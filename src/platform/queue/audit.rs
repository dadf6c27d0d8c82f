//! What must hold of the queue: nothing lies dead, and nothing waits long after its time.

use sea_orm::DbErr;

use crate::kernel::id::Kind;
use crate::platform::audit::{Audit, Check};

/// Checks the queue.
pub async fn audit(audit: &mut Audit) -> Result<(), DbErr> {
    audit
        .check(Check {
            name: "jobs_dead",
            says: "No job has used up its tries.",
            kind: Some(Kind::Job),
            looks_at: "job",
            faults: "SELECT id, kind || ' is dead: ' || COALESCE(last_error, 'its worker was lost') AS note FROM job \
                     WHERE died_at IS NOT NULL",
        })
        .await?;
    audit
        .check(Check {
            name: "jobs_overdue",
            says: "No job has been due for an hour without a worker taking it.",
            kind: Some(Kind::Job),
            looks_at: "job",
            faults: "SELECT id, kind || ' is due for an hour and more' AS note FROM job \
                     WHERE died_at IS NULL AND run_at < {hour_ago} AND locked_until < {hour_ago}",
        })
        .await?;
    let state = "SELECT state, count(*) AS value FROM (SELECT CASE WHEN died_at IS NOT NULL THEN 'dead' \
                 WHEN locked_until > {now} THEN 'running' WHEN run_at > {now} THEN 'waiting' ELSE 'due' END AS state \
                 FROM job) AS jobs GROUP BY state ORDER BY state";
    audit.figures("roost_jobs", "Jobs of the queue by where they stand.", &["state"], state).await
}
