//! What the HTTP door costs a request, against the stock integration and against a handler that does nothing.
//!
//! `cargo bench --bench door` sends the same query to each, in the same process, in turns, and prints the time that the
//! quickest round took for each request: the least of many is what a busy machine disturbs least.

use std::time::Instant;

use async_graphql_axum::GraphQL;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use axum::routing::{any, post_service};
use clap::Parser;
use http_body_util::BodyExt;
use roost::graphql::Engine;
use roost::platform::App;
use roost::platform::clock::Clock;
use roost::platform::config::Settings;
use serde_json::json;
use tower::ServiceExt;

const ROUNDS: usize = 30;
const REQUESTS: u32 = 500;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
    /// What cargo adds for benchmarks.
    #[arg(long)]
    bench: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("roost-bench-{:032x}", rand::random::<u128>()));
    let data_dir = format!("--data-dir={}", folder.display());
    // Budgets would be used up.
    let flags = ["--rate-limit=off", "--cost-budget=off", "--mode=production", "--introspection=on"];
    let line = Line::parse_from(["door", &data_dir].into_iter().chain(flags));
    let config = line.settings.check().map_err(|wrong| anyhow::anyhow!("{wrong:?}"))?;
    let app = App::start(config, Clock::system()).await?;
    let engine = Engine::new(app.clone());
    let doors = [
        (
            "a handler that answers the same bytes",
            Router::new().route("/graphql", any(|| async { r#"{"data":{"__typename":"Query"}}"# })),
        ),
        ("async-graphql-axum", Router::new().route("/graphql", post_service(GraphQL::new(engine.schema().clone())))),
        ("roost", roost::server::router(app.clone())),
    ];
    for query in ["{ __typename }", "{ amenities { code name category } }"] {
        println!("\n{query}");
        let mut best = [f64::INFINITY; 3];
        for _ in 0..ROUNDS {
            for ((_, door), best) in doors.iter().zip(&mut best) {
                *best = best.min(round(door, query).await?);
            }
        }
        for ((name, _), microseconds) in doors.iter().zip(best) {
            println!("{microseconds:9.1} µs a request  {:5.2} x the stock one  {name}", microseconds / best[1]);
        }
    }
    app.db.close().await;
    Ok(std::fs::remove_dir_all(folder)?)
}

/// Microseconds that one request takes on average.
async fn round(door: &Router, query: &str) -> anyhow::Result<f64> {
    let body = json!({ "query": query }).to_string();
    let begun = Instant::now();
    for _ in 0..REQUESTS {
        let request = Request::post("/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/graphql-response+json")
            .body(Body::from(body.clone()))?;
        let answer = door.clone().oneshot(request).await?;
        anyhow::ensure!(answer.status().is_success(), "{}", answer.status());
        answer.into_body().collect().await?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(REQUESTS))
}
