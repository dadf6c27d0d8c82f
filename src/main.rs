//! The command line: serve, worker, jobs, migrate, demo, import, audit, schema.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use roost::audit::AuditArgs;
use roost::import::{self, ImportArgs};
use roost::jobs::JobsArgs;
use roost::platform::clock::Clock;
use roost::platform::config::{Config, Settings};
use roost::platform::database::Database;
use roost::platform::{App, telemetry};
use roost::{demo, graphql, jobs, server};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Room for the deepest operation that is served, many times over, also in a build that is not optimised.
const STACK_BYTES: usize = 8 * 1024 * 1024;
/// How long a stop waits for what is in flight: longer than the server waits for its last answers.
const LAST_WAIT: Duration = Duration::from_secs(35);

/// A GraphQL-first backend for marketplaces of stays.
#[derive(Parser)]
#[command(name = "roost", version, about, propagate_version = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and the playground; the default
    Serve {
        /// Fill an empty database with a demonstration marketplace first
        #[arg(long)]
        demo: bool,
    },
    /// Run the queue's worker alone, beside servers with ROOST_WORKER=off
    Worker,
    /// List, count, requeue and delete jobs of the queue
    Jobs(JobsArgs),
    /// Bring the database's schema up to date and leave
    Migrate,
    /// Fill an empty database with a demonstration marketplace
    Demo,
    /// Import a marketplace from elsewhere
    Import(ImportArgs),
    /// Prove on live data that money, nights, bookings and reviews are right: 0 all holds, 1 something does not, 2 cannot
    Audit(AuditArgs),
    /// Print the GraphQL schema
    Schema,
}

fn main() -> ExitCode {
    let line = CommandLine::parse();
    if matches!(line.command, Some(Command::Schema)) {
        print!("{}", graphql::sdl());
        return ExitCode::SUCCESS;
    }
    let config = match line.settings.check() {
        Ok(config) => config,
        Err(wrong) => {
            eprintln!("roost cannot start; these settings are wrong:");
            for setting in wrong {
                eprintln!("  {setting}");
            }
            return ExitCode::from(2);
        }
    };
    telemetry::start(&config);
    let runtime = match tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK_BYTES).enable_all().build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("roost cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Some(Command::Audit(args)) = line.command {
        return runtime.block_on(audit(args, config));
    }
    match runtime.block_on(run(line.command.unwrap_or(Command::Serve { demo: false }), config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("roost: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg_attr(not(feature = "test-clock"), expect(unused_variables, reason = "only a test clock is a setting"))]
fn clock(config: &Config) -> Clock {
    #[cfg(feature = "test-clock")]
    return config.test_clock.map_or_else(Clock::system, |start| start.clock());
    #[cfg(not(feature = "test-clock"))]
    Clock::system()
}

/// Audits the database as it is: neither its schema nor anything else is touched.
async fn audit(args: AuditArgs, config: Config) -> ExitCode {
    // A file that is not there is no reason to make one.
    let config = Config { database_url: config.database_url.replace("mode=rwc", "mode=rw"), ..config };
    let audited = async {
        let db = Database::connect(&config).await?;
        let report = args.run(&db, &clock(&config)).await?;
        db.close().await;
        anyhow::Ok(report)
    };
    match audited.await {
        Ok(report) => {
            print!("{}", args.print(&report));
            if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!(
                "roost: the audit could not run (is the database there, and its schema up to date? `roost migrate`): {error:#}"
            );
            ExitCode::from(2)
        }
    }
}

async fn run(command: Command, config: Config) -> anyhow::Result<()> {
    let clock = clock(&config);
    let app = App::start(config, clock).await?;
    match command {
        Command::Serve { demo } => {
            if demo {
                fill(&app).await?;
            }
            serve(&app).await?;
        }
        Command::Demo => fill(&app).await?,
        Command::Worker => jobs::work(&app, stop_signal()?).await,
        Command::Jobs(args) => print!("{}", jobs::command(&app, args).await?),
        Command::Migrate => println!("The schema is up to date."),
        Command::Import(args) => println!("{}", import::command(&app, args).await?),
        Command::Audit(_) | Command::Schema => {}
    }
    app.db.close().await;
    Ok(())
}

/// Fills an empty database and says how to sign in; a database that holds anything is left alone.
async fn fill(app: &App) -> anyhow::Result<()> {
    if app.config.stripe.is_some() {
        anyhow::bail!("the demonstration pays by the sandbox; fill the database without Stripe's key");
    }
    match demo::fill(app).await? {
        Some(report) => println!("{report}"),
        None => println!("The database holds something already; no demonstration was added."),
    }
    Ok(())
}

/// Serves, with the queue's worker beside it, until a signal; then finishes what is in flight.
async fn serve(app: &App) -> anyhow::Result<()> {
    let listener = TcpListener::bind(app.config.listen)
        .await
        .map_err(|error| anyhow::anyhow!("cannot listen on {}: {error}", app.config.listen))?;
    let address = listener.local_addr()?;
    let stop = stop_signal()?;
    // Says in the log when Redis is away; the service runs either way.
    app.cache.is_healthy().await;
    println!("Roost {} is ready.", env!("CARGO_PKG_VERSION"));
    println!("  API         http://{address}/graphql");
    println!("  Playground  http://{address}/graphiql");
    let worker = app.config.embedded_worker.then(|| {
        let (app, stop) = (app.clone(), stop.clone());
        tokio::spawn(async move { jobs::work(&app, stop).await })
    });
    let serving = tokio::spawn(server::serve(app.clone(), listener, stop.clone()));
    stop.cancelled().await;
    tracing::info!("stopping; finishing what is in flight");
    let finished = tokio::time::timeout(LAST_WAIT, async {
        serving.await?;
        if let Some(worker) = worker {
            worker.await?;
        }
        anyhow::Ok(())
    });
    match finished.await {
        Ok(done) => done,
        Err(_) => anyhow::bail!("some requests did not finish in {} seconds", LAST_WAIT.as_secs()),
    }
}

/// Is cancelled by SIGTERM or SIGINT.
fn stop_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let told = stop.clone();
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::spawn(async move {
        #[cfg(unix)]
        let terminated = terminate.recv();
        #[cfg(not(unix))]
        let terminated = std::future::pending::<Option<()>>();
        tokio::select! {
            _ = terminated => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        told.cancel();
    });
    Ok(stop)
}
