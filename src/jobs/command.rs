//! The command `roost jobs`: lists, counts, requeues and deletes jobs.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

use crate::domain::error::Error;
use crate::kernel::id::{Id, Kind};
use crate::platform::App;
use crate::platform::queue::{self, Job, JobFilter, JobQuery};

/// The number of characters of an error that the table shows.
const ERROR_CHARS: usize = 80;

/// List, count, requeue and delete jobs
#[derive(Args, Clone, Debug)]
pub struct JobsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    /// List jobs. Without a flag, dead jobs are listed
    List(List),
    /// Run dead jobs again: reset their attempts and make them due now
    Requeue(Requeue),
    /// Delete a dead job
    Delete {
        /// The id of the job
        #[arg(value_name = "JOB ID", value_parser = job_id)]
        id: Uuid,
    },
    /// Count jobs by kind
    Stats {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Clone, Debug)]
struct List {
    /// Only dead jobs, which have used up their attempts
    #[arg(long, group = "shown")]
    dead: bool,
    /// Only jobs that wait for their time, for their next attempt or for a worker
    #[arg(long, group = "shown")]
    waiting: bool,
    /// All jobs
    #[arg(long, group = "shown")]
    all: bool,
    /// Only jobs of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// The largest number of jobs to list
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    limit: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Clone, Debug)]
struct Requeue {
    /// The id of a dead job
    #[arg(value_name = "JOB ID", value_parser = job_id, required_unless_present = "all_dead")]
    id: Option<Uuid>,
    /// All dead jobs
    #[arg(long, conflicts_with = "id")]
    all_dead: bool,
    /// Only dead jobs of this kind
    #[arg(long, value_name = "KIND", requires = "all_dead", conflicts_with = "id")]
    kind: Option<String>,
}

/// Why the command changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The job does not exist, or does not exist any more.
    #[error("there is no job {0}; jobs that are done are deleted")]
    Unknown(Id),
    /// Only dead jobs can be requeued or deleted.
    #[error("job {0} is not dead but {1}; nothing was changed")]
    NotDead(Id, &'static str),
    /// The database failed.
    #[error("the queue could not be read or written: {0}")]
    Failed(#[from] Error),
}

fn job_id(text: &str) -> Result<Uuid, String> {
    Id::parse_as(Kind::Job, text).ok_or_else(|| "must be the id of a job, as `roost jobs list` prints it".into())
}

/// Runs the command. Returns the text to print.
pub async fn command(app: &App, args: JobsArgs) -> Result<String, CommandError> {
    match args.action {
        Action::List(list) => list_jobs(app, list).await,
        Action::Requeue(Requeue { id: Some(id), .. }) => {
            let requeued = queue::requeue(&app.db, &app.clock, id).await.map_err(Error::from)?;
            explain_unchanged(app, id, requeued).await.map(|id| format!("Job {id} was requeued.\n"))
        }
        Action::Requeue(Requeue { kind, .. }) => {
            let requeued = queue::requeue_all_dead(&app.db, &app.clock, kind.as_deref()).await.map_err(Error::from)?;
            Ok(format!("Requeued jobs: {requeued}.\n"))
        }
        Action::Delete { id } => {
            let deleted = queue::delete(&app.db, id).await.map_err(Error::from)?;
            explain_unchanged(app, id, deleted).await.map(|id| format!("Job {id} was deleted.\n"))
        }
        Action::Stats { json } => print_stats(app, json).await,
    }
}

/// The typed id of a changed job, or the reason why the job was not changed.
async fn explain_unchanged(app: &App, id: Uuid, is_changed: bool) -> Result<Id, CommandError> {
    let job_id = Id::new(Kind::Job, id);
    if is_changed {
        return Ok(job_id);
    }
    Err(match queue::job_state(&app.db, &app.clock, id).await.map_err(Error::from)? {
        Some(state) => CommandError::NotDead(job_id, state.as_str()),
        None => CommandError::Unknown(job_id),
    })
}

async fn list_jobs(app: &App, list: List) -> Result<String, CommandError> {
    let filter = match (list.waiting, list.all) {
        (true, _) => JobFilter::Waiting,
        (_, true) => JobFilter::All,
        _ => JobFilter::Dead,
    };
    let query = JobQuery { filter, kind: list.kind.as_deref(), limit: list.limit };
    let jobs = queue::list(&app.db, &app.clock, query).await.map_err(Error::from)?;
    let now = app.clock.now();
    if list.json {
        return Ok(pretty_json(jobs.iter().map(|job| job_json(job, now)).collect()));
    }
    if jobs.is_empty() {
        return Ok("No jobs found.\n".into());
    }
    let mut text =
        format!("{:<30}  {:<20}  {:<7}  {:<20}  {:>5}  LAST ERROR\n", "ID", "KIND", "STATE", "RUN AT", "TRIES");
    for job in &jobs {
        let line = format!(
            "{}  {:<20}  {:<7}  {}  {:>5}  {}",
            Id::new(Kind::Job, job.id),
            job.kind,
            job.state(now).as_str(),
            job.run_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            format!("{}/{}", job.attempts, job.max_attempts),
            error_line(job.last_error.as_deref().unwrap_or("")),
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    Ok(text)
}

async fn print_stats(app: &App, json: bool) -> Result<String, CommandError> {
    let stats = queue::stats(&app.db, &app.clock).await.map_err(Error::from)?;
    let age_s = |since: Option<DateTime<Utc>>| since.map(|since| (app.clock.now() - since).num_seconds());
    if json {
        let kinds = stats.iter().map(|kind| {
            json!({
                "kind": kind.kind,
                "waiting": kind.waiting,
                "due": kind.due,
                "running": kind.running,
                "dead": kind.dead,
                "oldestDueAgeSeconds": age_s(kind.due_since),
            })
        });
        return Ok(pretty_json(kinds.collect()));
    }
    let mut text = format!(
        "{:<20}  {:>8}  {:>8}  {:>8}  {:>8}  {:>16}\n",
        "KIND", "WAITING", "DUE", "RUNNING", "DEAD", "OLDEST DUE (S)"
    );
    for kind in stats {
        let age = age_s(kind.due_since).map_or("-".to_owned(), |age_s| age_s.to_string());
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<20}  {:>8}  {:>8}  {:>8}  {:>8}  {age:>16}",
            kind.kind, kind.waiting, kind.due, kind.running, kind.dead
        );
    }
    Ok(text)
}

fn job_json(job: &Job, now: DateTime<Utc>) -> serde_json::Value {
    json!({
        "id": Id::new(Kind::Job, job.id).to_string(),
        "kind": job.kind,
        "state": job.state(now).as_str(),
        "payload": job.payload,
        "runAt": job.run_at,
        "attempts": job.attempts,
        "maxAttempts": job.max_attempts,
        "lastError": job.last_error,
        "createdAt": job.created_at,
        "diedAt": job.died_at,
    })
}

fn pretty_json(values: Vec<serde_json::Value>) -> String {
    format!("{:#}\n", serde_json::Value::Array(values))
}

/// The beginning of an error in one line. Control characters are replaced, because a terminal would execute them.
fn error_line(error: &str) -> String {
    let line = error.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut text: String = line.take(ERROR_CHARS).collect();
    if error.chars().nth(ERROR_CHARS).is_some() {
        text.push('…');
    }
    text
}
