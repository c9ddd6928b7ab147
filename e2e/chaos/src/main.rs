//! Breaks things while people log in: two servers on one PostgreSQL, killed, stopped and restarted,
//! with a checker that judges what the clients saw. `cargo xtask chaos` runs it.

mod faults;
mod history;
mod nodes;
mod random;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use history::History;
use nodes::Nodes;
use random::Random;

#[derive(Debug, Parser)]
struct Options {
    /// The server program.
    #[arg(long)]
    program: PathBuf,
    /// The database, as postgres://…, with a user who may do anything.
    #[arg(long)]
    database: String,
    /// A command that restarts the database as after a crash, one word a time.
    #[arg(long, num_args = 1.., allow_hyphen_values = true, value_terminator = ";")]
    restart_database: Vec<String>,
    /// How long things are broken, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Same seed, same faults; the clients' timing still differs.
    #[arg(long)]
    seed: Option<u64>,
    /// Make the database forget that things were used, and succeed only when the checker finds out.
    #[arg(long)]
    sabotage: bool,
}

fn main() -> Result<ExitCode> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime")?;
    runtime.block_on(run(Options::parse()))
}

async fn run(options: Options) -> Result<ExitCode> {
    let seed = options.seed.unwrap_or_else(random::seed);
    println!("seed {seed}");
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let nodes = Arc::new(Nodes::start(&options.program, &options.database, folder.path()).await?);
    nodes.prepare().await.context("preparing the realm")?;
    if options.sabotage {
        faults::sabotage(&options.database).await?;
    }
    let history = Arc::new(History::default());
    let stop = Arc::new(AtomicBool::new(false));
    let clients = workload::start(&nodes, &history, &stop, seed);
    let mut random = Random::new(seed);
    let counts = faults::break_things(
        &nodes,
        &options.restart_database,
        Duration::from_secs(options.seconds),
        &mut random,
    )
    .await?;
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.context("a client panicked")?;
    }
    nodes.wait_ready().await.context("after the last fault")?;
    workload::read_back(&nodes, &history).await?;
    let verdict = history.judge();
    println!("{counts}; {verdict}");
    for violation in verdict.violations.iter().take(20) {
        println!("violation: {violation}");
    }
    let good = match options.sabotage {
        true => !verdict.violations.is_empty(),
        false => verdict.violations.is_empty() && verdict.is_telling(),
    };
    println!("{} passed, {} failed", u8::from(good), u8::from(!good));
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
