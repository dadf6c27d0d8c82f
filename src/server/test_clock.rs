//! The endpoint of the test clock: reads it, advances it, and runs the jobs that became due. Served only if the
//! settings switch it on.

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

use super::state::ServerState;
use crate::domain::error::Error;
use crate::jobs;
use crate::platform::App;
use crate::platform::clock::Clock;
use crate::platform::queue;

/// Interval at which to check whether other workers have finished their jobs.
const CHECK_INTERVAL: Duration = Duration::from_millis(5);
/// The last year that the clock can reach. Computed dates later than the clock still have four-digit years.
const LAST_YEAR: i32 = 9_000;

/// The routes, if the settings switch the test clock on.
pub(super) fn routes(app: &App) -> Router<ServerState> {
    match app.config.test_clock {
        Some(_) => Router::new().route("/test/clock", get(get_clock).post(change_clock)),
        None => Router::new(),
    }
}

/// A change of the clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    advance_seconds: Option<i64>,
    set: Option<DateTime<Utc>>,
    /// Whether to run every due job before the response.
    #[serde(default)]
    drain: bool,
}

/// Why the clock was not changed, or the jobs were not run.
enum ChangeError {
    Body(JsonRejection),
    Refused(&'static str, String),
    Jobs(Error),
}

async fn get_clock(State(state): State<ServerState>) -> Response {
    clock_response(&state.app)
}

async fn change_clock(
    State(state): State<ServerState>,
    change: Result<Json<Change>, JsonRejection>,
) -> Result<Response, ChangeError> {
    let Json(change) = change.map_err(ChangeError::Body)?;
    let app = &state.app;
    change.apply(&app.clock)?;
    app.queue.wake();
    if change.drain {
        run_due_jobs(app).await.map_err(ChangeError::Jobs)?;
    }
    Ok(clock_response(app))
}

impl Change {
    /// Advances the clock.
    fn apply(&self, clock: &Clock) -> Result<(), ChangeError> {
        let refuse = |field, why: &str| Err(ChangeError::Refused(field, why.to_owned()));
        match (self.advance_seconds, self.set) {
            (Some(by_s), None) if by_s < 0 => {
                refuse("advance_seconds", "must not be negative: the clock can only go forward")
            }
            (Some(by_s), None) => {
                let by = TimeDelta::try_seconds(by_s);
                match by.filter(|by| clock.now().checked_add_signed(*by).is_some_and(|to| to.year() <= LAST_YEAR)) {
                    Some(by) => {
                        clock.advance(by);
                        Ok(())
                    }
                    None => refuse("advance_seconds", "is later than the clock can go"),
                }
            }
            (None, Some(to)) if to.year() > LAST_YEAR => refuse("set", "is later than the clock can go"),
            (None, Some(to)) if clock.advance_to(to) => Ok(()),
            (None, Some(_)) => refuse("set", "is before the current time of the clock: the clock can only go forward"),
            _ => refuse("", "send either `advance_seconds` or `set`"),
        }
    }
}

/// Runs the due jobs and waits for those that other workers are running.
async fn run_due_jobs(app: &App) -> Result<(), Error> {
    loop {
        jobs::drain(app).await?;
        if queue::count_due(&app.db, &app.clock).await? == 0 {
            return Ok(());
        }
        tokio::time::sleep(CHECK_INTERVAL).await;
    }
}

fn clock_response(app: &App) -> Response {
    Json(json!({ "now": app.clock.now() })).into_response()
}

impl IntoResponse for ChangeError {
    fn into_response(self) -> Response {
        let (status, code, message, field) = match self {
            ChangeError::Body(rejection) => (rejection.status(), "BAD_REQUEST", rejection.body_text(), ""),
            ChangeError::Refused(field, message) => (StatusCode::BAD_REQUEST, "INVALID", message, field),
            ChangeError::Jobs(error) => {
                tracing::error!(%error, "the due jobs could not be run");
                (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "internal error".into(), "")
            }
        };
        let field: Vec<_> = Some(field).filter(|field| !field.is_empty()).into_iter().collect();
        let error = json!({ "message": message, "extensions": { "code": code, "field": field } });
        (status, Json(json!({ "errors": [error] }))).into_response()
    }
}
