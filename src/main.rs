//! The command line of `roost` with its subcommands: serve, worker, jobs, migrate, demo, import, audit, schema.

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

/// The stack size of each worker thread. The deepest accepted operation needs a fraction of it, also without
/// optimization.
const STACK_BYTES: usize = 8 * 1024 * 1024;
/// How long a stopping process waits for running requests and jobs. Longer than the server waits for its last
/// responses.
const STOP_TIMEOUT: Duration = Duration::from_secs(35);

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
    /// Serve the API and the playground (the default)
    Serve {
        /// Fill an empty database with a demonstration marketplace first
        #[arg(long)]
        demo: bool,
    },
    /// Run only the worker of the queue, beside servers with ROOST_WORKER=off
    Worker,
    /// List, count, requeue and delete jobs of the queue
    Jobs(JobsArgs),
    /// Apply pending migrations to the database and exit
    Migrate,
    /// Fill an empty database with a demonstration marketplace
    Demo,
    /// Import listings, calendars and reviews from another source
    Import(ImportArgs),
    /// Check that money, nights, bookings and reviews in the database are consistent; exits with 0 if all checks
    /// passed, 1 if there are findings, 2 if the audit could not run
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
        Err(errors) => {
            eprintln!("roost cannot start, because these settings are invalid:");
            for error in errors {
                eprintln!("  {error}");
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

#[cfg_attr(
    not(feature = "test-clock"),
    expect(unused_variables, reason = "the settings contain a clock only with this feature")
)]
fn clock(config: &Config) -> Clock {
    #[cfg(feature = "test-clock")]
    return config.test_clock.map_or_else(Clock::system, |start| start.clock());
    #[cfg(not(feature = "test-clock"))]
    Clock::system()
}

/// Audits the database. Applies no migrations and writes nothing.
async fn audit(args: AuditArgs, config: Config) -> ExitCode {
    // An audit must not create a missing database file.
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
            if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!(
                "roost: the audit could not run (does the database exist, and has `roost migrate` been run?): {error:#}"
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

/// Fills an empty database with the demonstration and prints how to sign in. Does not change a database that has data.
async fn fill(app: &App) -> anyhow::Result<()> {
    if app.config.stripe.is_some() {
        anyhow::bail!(
            "the demonstration uses the sandbox for payments; fill the database without a secret key of Stripe"
        );
    }
    match demo::fill(app).await? {
        Some(report) => println!("{report}"),
        None => println!("The database already contains data; the demonstration was not added."),
    }
    Ok(())
}

/// Runs the server, and the worker of the queue beside it, until a signal. Then finishes running requests and jobs.
async fn serve(app: &App) -> anyhow::Result<()> {
    let listener = TcpListener::bind(app.config.listen)
        .await
        .map_err(|error| anyhow::anyhow!("cannot listen on {}: {error}", app.config.listen))?;
    let address = listener.local_addr()?;
    let stop = stop_signal()?;
    // Logs if Redis is not available. The service runs without it.
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
    tracing::info!("stopping; finishing running requests and jobs");
    let finished = tokio::time::timeout(STOP_TIMEOUT, async {
        serving.await?;
        if let Some(worker) = worker {
            worker.await?;
        }
        anyhow::Ok(())
    });
    match finished.await {
        Ok(done) => done,
        Err(_) => anyhow::bail!("some requests or jobs did not finish within {} seconds", STOP_TIMEOUT.as_secs()),
    }
}

/// A token that SIGTERM or SIGINT cancels.
fn stop_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
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
        cancelled.cancel();
    });
    Ok(stop)
}
