//! The door to the test clock: reads it, moves it on, and runs what has become due. Served only where it was asked for.

use std::time::Duration;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::json;

use super::Served;
use crate::domain::error::Error;
use crate::jobs;
use crate::platform::App;
use crate::platform::clock::Clock;
use crate::platform::queue;

/// How often it is looked whether other workers have finished what they had begun.
const LOOK: Duration = Duration::from_millis(5);
/// The clock stops short of where dates have more than four digits, and leaves room to reckon ahead.
const LAST_YEAR: i32 = 9_000;

/// The routes, if the settings ask for the clock.
pub(super) fn routes(app: &App) -> Router<Served> {
    match app.config.test_clock {
        Some(_) => Router::new().route("/test/clock", get(read).post(change)),
        None => Router::new(),
    }
}

/// What to do with the clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    advance_seconds: Option<i64>,
    set: Option<DateTime<Utc>>,
    /// Run every due job before answering.
    #[serde(default)]
    drain: bool,
}

/// Why the clock was not moved, or the jobs were not run.
enum Failure {
    Body(JsonRejection),
    Refused(&'static str, String),
    Jobs(Error),
}

async fn read(State(served): State<Served>) -> Response {
    told(&served.app)
}

async fn change(
    State(served): State<Served>,
    change: Result<Json<Change>, JsonRejection>,
) -> Result<Response, Failure> {
    let Json(change) = change.map_err(Failure::Body)?;
    let app = &served.app;
    change.make(&app.clock)?;
    app.queue.wake();
    if change.drain {
        drain(app).await.map_err(Failure::Jobs)?;
    }
    Ok(told(app))
}

impl Change {
    /// Moves the clock on.
    fn make(&self, clock: &Clock) -> Result<(), Failure> {
        let refused = |field, why: &str| Err(Failure::Refused(field, why.to_owned()));
        match (self.advance_seconds, self.set) {
            (Some(by_s), None) if by_s < 0 => {
                refused("advance_seconds", "must not be negative: time moves only forward")
            }
            (Some(by_s), None) => {
                let by = TimeDelta::try_seconds(by_s);
                match by.filter(|by| clock.now().checked_add_signed(*by).is_some_and(|to| to.year() <= LAST_YEAR)) {
                    Some(by) => {
                        clock.advance(by);
                        Ok(())
                    }
                    None => refused("advance_seconds", "is farther than the clock can go"),
                }
            }
            (None, Some(to)) if to.year() > LAST_YEAR => refused("set", "is farther than the clock can go"),
            (None, Some(to)) if clock.move_on(to) => Ok(()),
            (None, Some(_)) => refused("set", "is in the clock's past: time moves only forward"),
            _ => refused("", "give either `advance_seconds` or `set`"),
        }
    }
}

/// Runs what is due, and waits for what other workers have begun.
async fn drain(app: &App) -> Result<(), Error> {
    loop {
        jobs::drain(app).await?;
        if queue::due(&app.db, &app.clock).await? == 0 {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn told(app: &App) -> Response {
    Json(json!({ "now": app.clock.now() })).into_response()
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, code, message, field) = match self {
            Failure::Body(rejection) => (rejection.status(), "BAD_REQUEST", rejection.body_text(), ""),
            Failure::Refused(field, message) => (StatusCode::BAD_REQUEST, "INVALID", message, field),
            Failure::Jobs(error) => {
                tracing::error!(%error, "the jobs that are due could not be run");
                (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "internal error".into(), "")
            }
        };
        let field: Vec<_> = Some(field).filter(|field| !field.is_empty()).into_iter().collect();
        let error = json!({ "message": message, "extensions": { "code": code, "field": field } });
        (status, Json(json!({ "errors": [error] }))).into_response()
    }
}
