//! The command line of `roost jobs`: what an operator sees of the queue, and may mend.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

use crate::domain::error::Error;
use crate::kernel::id::{Id, Kind};
use crate::platform::App;
use crate::platform::queue::{self, Job, Shown, State, Wanted};

/// How much of an error a line of the table shows.
const ERROR_CHARS: usize = 80;

/// List, count, requeue and delete jobs
#[derive(Args, Clone, Debug)]
pub struct JobsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    /// List jobs; without a flag, the dead ones
    List(List),
    /// Give dead jobs all their tries again, from now on
    Requeue(Requeue),
    /// Delete a dead job
    Delete {
        /// Its id
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
    /// Those that have used up their tries
    #[arg(long, group = "shown")]
    dead: bool,
    /// Those that wait for their time, for another try or for a worker
    #[arg(long, group = "shown")]
    waiting: bool,
    /// Every job
    #[arg(long, group = "shown")]
    all: bool,
    /// Only jobs of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    limit: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Clone, Debug)]
struct Requeue {
    /// Id of a dead job
    #[arg(value_name = "JOB ID", value_parser = job_id, required_unless_present = "all_dead")]
    id: Option<Uuid>,
    /// Every dead job
    #[arg(long, conflicts_with = "id")]
    all_dead: bool,
    /// Only dead jobs of this kind
    #[arg(long, value_name = "KIND", requires = "all_dead", conflicts_with = "id")]
    kind: Option<String>,
}

/// Why the command did nothing.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no such job, any more or at all.
    #[error("there is no job {0}; a job that is done is not kept")]
    Unknown(Id),
    /// Only dead jobs are requeued and deleted.
    #[error("job {0} is not dead, it is {1}; nothing was changed")]
    NotDead(Id, &'static str),
    /// The database refused.
    #[error("the queue cannot be read or written: {0}")]
    Failed(#[from] Error),
}

fn job_id(text: &str) -> Result<Uuid, String> {
    Id::parse_as(Kind::Job, text).ok_or_else(|| "must be the id of a job, such as `roost jobs list` shows it".into())
}

/// Runs the command. Answers what to print.
pub async fn command(app: &App, args: JobsArgs) -> Result<String, CommandError> {
    match args.action {
        Action::List(list) => show(app, list).await,
        Action::Requeue(Requeue { id: Some(id), .. }) => {
            let requeued = queue::requeue(&app.db, &app.clock, id).await.map_err(Error::from)?;
            changed(app, id, requeued).await.map(|id| format!("Job {id} will run again.\n"))
        }
        Action::Requeue(Requeue { kind, .. }) => {
            let requeued = queue::requeue_dead(&app.db, &app.clock, kind.as_deref()).await.map_err(Error::from)?;
            Ok(format!("Dead jobs that will run again: {requeued}.\n"))
        }
        Action::Delete { id } => {
            let deleted = queue::delete(&app.db, id).await.map_err(Error::from)?;
            changed(app, id, deleted).await.map(|id| format!("Job {id} is deleted.\n"))
        }
        Action::Stats { json } => stats(app, json).await,
    }
}

/// Says why nothing was changed, if so.
async fn changed(app: &App, id: Uuid, is_changed: bool) -> Result<Id, CommandError> {
    let name = Id::new(Kind::Job, id);
    if is_changed {
        return Ok(name);
    }
    Err(match queue::state(&app.db, &app.clock, id).await.map_err(Error::from)? {
        Some(state) => CommandError::NotDead(name, word(state)),
        None => CommandError::Unknown(name),
    })
}

async fn show(app: &App, list: List) -> Result<String, CommandError> {
    let shown = match (list.waiting, list.all) {
        (true, _) => Shown::Waiting,
        (_, true) => Shown::All,
        _ => Shown::Dead,
    };
    let wanted = Wanted { shown, kind: list.kind.as_deref(), most: list.limit };
    let jobs = queue::list(&app.db, &app.clock, wanted).await.map_err(Error::from)?;
    let now = app.clock.now();
    if list.json {
        return Ok(pretty(jobs.iter().map(|job| as_json(job, now)).collect()));
    }
    if jobs.is_empty() {
        return Ok("No such jobs.\n".into());
    }
    let mut text =
        format!("{:<30}  {:<20}  {:<7}  {:<20}  {:>5}  LAST ERROR\n", "ID", "KIND", "STATE", "RUN AT", "TRIES");
    for job in &jobs {
        let line = format!(
            "{}  {:<20}  {:<7}  {}  {:>5}  {}",
            Id::new(Kind::Job, job.id),
            job.kind,
            word(job.state(now)),
            job.run_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            format!("{}/{}", job.attempts, job.max_attempts),
            first_words(job.last_error.as_deref().unwrap_or("")),
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    Ok(text)
}

async fn stats(app: &App, json: bool) -> Result<String, CommandError> {
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
        return Ok(pretty(kinds.collect()));
    }
    let mut text = format!(
        "{:<20}  {:>8}  {:>8}  {:>8}  {:>8}  {:>16}\n",
        "KIND", "WAITING", "DUE", "RUNNING", "DEAD", "OLDEST DUE (S)"
    );
    for kind in stats {
        let age = age_s(kind.due_since).map_or("-".to_owned(), |age_s| age_s.to_string());
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "{:<20}  {:>8}  {:>8}  {:>8}  {:>8}  {age:>16}",
            kind.kind, kind.waiting, kind.due, kind.running, kind.dead
        );
    }
    Ok(text)
}

fn as_json(job: &Job, now: DateTime<Utc>) -> serde_json::Value {
    json!({
        "id": Id::new(Kind::Job, job.id).to_string(),
        "kind": job.kind,
        "state": word(job.state(now)),
        "payload": job.payload,
        "runAt": job.run_at,
        "attempts": job.attempts,
        "maxAttempts": job.max_attempts,
        "lastError": job.last_error,
        "createdAt": job.created_at,
        "diedAt": job.died_at,
    })
}

fn pretty(values: Vec<serde_json::Value>) -> String {
    format!("{:#}\n", serde_json::Value::Array(values))
}

fn word(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Due => "due",
        State::Running => "running",
        State::Dead => "dead",
    }
}

/// The beginning of an error as one line, without control characters: a terminal would obey them.
fn first_words(error: &str) -> String {
    let line = error.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut words: String = line.take(ERROR_CHARS).collect();
    if error.chars().nth(ERROR_CHARS).is_some() {
        words.push('…');
    }
    words
}
