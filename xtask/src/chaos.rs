//! `cargo xtask chaos`: breaks servers and their database while clients use them (e2e/chaos), and
//! shows that its checker would notice.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{postgres::Postgres, shell};

#[derive(Args)]
pub struct Options {
    /// How long things are broken, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The seed of an earlier run, whose faults are to happen again.
    #[arg(long)]
    seed: Option<u64>,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    shell::run(shell::cargo().args(["build", "--package=realmkeep", "--package=realmkeep-chaos"]))?;
    let good = campaign(options, false)? & campaign(options, true)?;
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn campaign(options: &Options, sabotage: bool) -> Result<bool> {
    println!(
        "\n== chaos{}",
        if sabotage {
            ": a broken database, which the checker has to find"
        } else {
            ""
        }
    );
    let programs = shell::target()?.join("debug");
    let postgres = Postgres::start()?;
    let mut chaos = shell::command(programs.join("realmkeep-chaos"));
    chaos
        .arg("--program")
        .arg(programs.join("realmkeep"))
        .args(["--database", &postgres.url()])
        .arg("--restart-database")
        .args(postgres.restart())
        .arg(";");
    let seconds = if sabotage { 10 } else { options.seconds };
    chaos.args(["--seconds", &seconds.to_string()]);
    if let Some(seed) = options.seed {
        chaos.args(["--seed", &seed.to_string()]);
    }
    if sabotage {
        chaos.arg("--sabotage");
    }
    Ok(shell::status(&mut chaos)?.success())
}
