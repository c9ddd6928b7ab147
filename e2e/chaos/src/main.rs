//! Breaks things while people log in: two servers on a PostgreSQL with a synchronous standby, and a
//! checker that judges what the clients saw. `cargo xtask chaos` runs it; docs/reliability.md says
//! what is broken and what has to hold.

mod clients;
mod database;
mod faults;
mod history;
mod nodes;
mod proxy;
mod random;
mod sabotage;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use database::Database;
use faults::Counts;
use history::{History, Verdict};
use nodes::Nodes;
use random::Random;

#[derive(Debug, Parser)]
struct Options {
    /// The server program.
    #[arg(long)]
    program: PathBuf,
    /// The folder of PostgreSQL's programs.
    #[arg(long)]
    postgres: PathBuf,
    /// How long things are broken, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Same seed, same faults; the clients' timing still differs.
    #[arg(long)]
    seed: Option<u64>,
    /// Make the database forget what the servers rely on, break nothing else, and succeed only when
    /// the checker finds out.
    #[arg(long)]
    sabotage: bool,
}

fn main() -> Result<ExitCode> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime")?;
    Ok(runtime
        .block_on(run(&Options::parse()))
        .unwrap_or_else(|problem| {
            // Without its backtrace: it is about servers, not about this program.
            println!("{problem:#}\n0 passed, 1 failed");
            ExitCode::FAILURE
        }))
}

async fn run(options: &Options) -> Result<ExitCode> {
    let seed = options.seed.unwrap_or_else(random::seed);
    println!("seed {seed}");
    let folder = tempfile::tempdir().context("a temporary folder")?;
    allow_others(folder.path())?;
    let database = Database::start(&options.postgres, folder.path()).await?;
    let mut nodes = Nodes::start(&options.program, database, folder.path()).await?;
    nodes
        .clients
        .prepare()
        .await
        .context("preparing the realm")?;
    if options.sabotage {
        sabotage::break_database(&nodes.database).await?;
    }
    let result = campaign(options, seed, &mut nodes).await;
    if !matches!(result, Ok(true)) {
        println!("{}", nodes.last_words());
    }
    let good = result?;
    println!("{} passed, {} failed", u8::from(good), u8::from(!good));
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether it went well.
async fn campaign(options: &Options, seed: u64, nodes: &mut Nodes) -> Result<bool> {
    let history = Arc::new(History::default());
    let stop = Arc::new(AtomicBool::new(false));
    let clients = workload::start(&nodes.clients, &history, &stop, seed);
    let time = Duration::from_secs(options.seconds);
    let counts = if options.sabotage {
        tokio::time::sleep(time).await;
        Ok(Counts::new())
    } else {
        faults::break_things(nodes, time, &mut Random::new(seed)).await
    };
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.context("a client panicked")?;
    }
    // With what happened until then, when a fault could not be got over.
    let counts = counts?;
    nodes.wait_ready().await.context("after the last fault")?;
    workload::read_back(&nodes.clients, &history).await?;
    let verdict = history.judge();
    for (fault, times) in &counts {
        println!("{times:6} times: {}", fault.name());
    }
    println!("{:6} commits whose answer was lost", nodes.commits_cut());
    print!("{verdict}");
    for (invariant, violation) in verdict.violations.iter().take(20) {
        println!("violation of {}: {violation}", invariant.name());
    }
    let problems = if options.sabotage {
        not_found(&verdict)
    } else {
        problems(nodes, &verdict)
    };
    for problem in &problems {
        println!("{problem}");
    }
    Ok(problems.is_empty())
}

fn problems(nodes: &Nodes, verdict: &Verdict) -> Vec<String> {
    let mut problems = nodes.panics();
    if !verdict.violations.is_empty() {
        problems.push(format!("{} violations", verdict.violations.len()));
    }
    for invariant in verdict.untold() {
        problems.push(format!("hardly put to the test: {}", invariant.name()));
    }
    problems
}

/// What the sabotage breaks, and the checker did not see.
fn not_found(verdict: &Verdict) -> Vec<String> {
    sabotage::BROKEN
        .iter()
        .filter(|broken| !verdict.violations.iter().any(|(one, _)| one == *broken))
        .map(|broken| {
            format!(
                "the checker did not find what was broken: {}",
                broken.name()
            )
        })
        .collect()
}

/// The database runs as another user, below our folder.
fn allow_others(folder: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
        .context("opening the temporary folder")
}
