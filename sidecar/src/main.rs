//! `realmkeep-sidecar`: in the pod beside an application it lets in only requests with a valid
//! access token, and gets the tokens for the requests that go out. See docs/sidecar.md.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use realmkeep_sidecar::config::{Config, LogFormat};
use realmkeep_sidecar::run;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Validates the access tokens that come in and gets those that go out.
#[derive(Parser)]
#[command(name = "realmkeep-sidecar", version)]
struct Arguments {
    /// The configuration, one YAML file.
    #[arg(long, short, env = "REALMKEEP_SIDECAR_CONFIG", value_name = "FILE")]
    config: PathBuf,
    /// Check the configuration and stop.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    match start(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("realmkeep-sidecar: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> anyhow::Result<()> {
    let config = Config::read(&arguments.config)?;
    if arguments.check {
        run::check(config)?;
        println!("{} is valid", arguments.config.display());
        return Ok(());
    }
    log_to_stderr(&config);
    // One thread does for most pods and keeps the memory small.
    let mut runtime = match config.workers {
        1 => tokio::runtime::Builder::new_current_thread(),
        workers => {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            runtime.worker_threads(workers);
            runtime
        }
    };
    runtime
        .enable_all()
        .max_blocking_threads(4)
        .thread_stack_size(512 * 1024)
        .build()
        .context("the runtime cannot be started")?
        .block_on(run::run(&arguments.config, config))
}

fn log_to_stderr(config: &Config) {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(config.log.level.filter());
    match config.log.format {
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
        LogFormat::Text => subscriber.with_ansi(false).init(),
    }
}
