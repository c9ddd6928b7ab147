//! `cargo xtask chaos`: breaks servers and their database while clients use them (e2e/chaos), and
//! shows that its checker would notice.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{postgres, shell};

#[derive(Args)]
pub struct Options {
    /// How long things are broken, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The seed of an earlier run, whose faults are to happen again.
    #[arg(long)]
    seed: Option<u64>,
}

/// How long the checker watches a database that is broken on purpose.
const SABOTAGE_SECONDS: u64 = 10;

pub fn run(options: &Options) -> Result<ExitCode> {
    let good = campaigns(options.seconds, options.seed)?;
    Ok(if good.iter().all(|good| *good) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The campaign, and the one that has to be found out: whether each went well.
pub fn campaigns(seconds: u64, seed: Option<u64>) -> Result<[bool; 2]> {
    // Of the whole workspace, as it is built already: a part has other features.
    shell::run(shell::cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
    println!("-- {seconds} seconds of faults");
    let campaign = campaign(seconds, seed, false)?;
    println!("-- a database that is broken on purpose, which the checker has to find");
    let sabotage = self::campaign(SABOTAGE_SECONDS, seed, true)?;
    Ok([campaign, sabotage])
}

fn campaign(seconds: u64, seed: Option<u64>, sabotage: bool) -> Result<bool> {
    let programs = shell::target()?.join("debug");
    let mut chaos = shell::command(programs.join("realmkeep-chaos"));
    chaos.arg("--program").arg(programs.join("realmkeep"));
    chaos.arg("--postgres").arg(postgres::programs()?);
    chaos.args(["--seconds", &seconds.to_string()]);
    if let Some(seed) = seed {
        chaos.args(["--seed", &seed.to_string()]);
    }
    if sabotage {
        chaos.arg("--sabotage");
    }
    Ok(shell::status(&mut chaos)?.success())
}
