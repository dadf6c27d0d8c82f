//! The time our HTTP handler takes per request, compared with the stock integration and with a constant response.
//!
//! `cargo bench --bench http_handler` sends the same query to each handler in turn, in one process, and prints the time
//! per request of the fastest round: the minimum is the figure that other load on the machine affects least.

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
struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// The flag that cargo passes to benchmarks.
    #[arg(long)]
    bench: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("roost-bench-{:032x}", rand::random::<u128>()));
    let data_dir = format!("--data-dir={}", folder.display());
    // The benchmark would exceed the budgets.
    let flags = ["--rate-limit=off", "--cost-budget=off", "--mode=production", "--introspection=on"];
    let arguments = Arguments::parse_from(["http_handler", &data_dir].into_iter().chain(flags));
    let config = arguments.settings.check().map_err(|wrong| anyhow::anyhow!("{wrong:?}"))?;
    let app = App::start(config, Clock::system()).await?;
    let engine = Engine::new(app.clone());
    let handlers = [
        ("constant response", Router::new().route("/graphql", any(|| async { r#"{"data":{"__typename":"Query"}}"# }))),
        ("async-graphql-axum", Router::new().route("/graphql", post_service(GraphQL::new(engine.schema().clone())))),
        ("roost", roost::server::router(app.clone())),
    ];
    for query in ["{ __typename }", "{ amenities { code name category } }"] {
        println!("\n{query}");
        let mut best = [f64::INFINITY; 3];
        for _ in 0..ROUNDS {
            for ((_, handler), best) in handlers.iter().zip(&mut best) {
                *best = best.min(round(handler, query).await?);
            }
        }
        for ((name, _), microseconds) in handlers.iter().zip(best) {
            println!(
                "{microseconds:9.1} µs per request  {:5.2} x the stock integration  {name}",
                microseconds / best[1]
            );
        }
    }
    app.db.close().await;
    Ok(std::fs::remove_dir_all(folder)?)
}

/// The average duration of a request, in microseconds.
async fn round(handler: &Router, query: &str) -> anyhow::Result<f64> {
    let body = json!({ "query": query }).to_string();
    let begun = Instant::now();
    for _ in 0..REQUESTS {
        let request = Request::post("/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/graphql-response+json")
            .body(Body::from(body.clone()))?;
        let response = handler.clone().oneshot(request).await?;
        anyhow::ensure!(response.status().is_success(), "{}", response.status());
        response.into_body().collect().await?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(REQUESTS))
}
