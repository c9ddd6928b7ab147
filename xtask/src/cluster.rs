//! `cargo xtask cluster`: the scripts of e2e/cluster.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::shell;

#[derive(Subcommand)]
pub enum Command {
    /// Build the cluster's programs into the cache; nothing to do when they are there.
    Build {
        /// The node's programs too.
        #[arg(long)]
        node: bool,
    },
    /// Start the control plane.
    Up {
        /// And a node that runs pods (as root).
        #[arg(long)]
        node: bool,
    },
    /// End all of it and remove its files.
    Down,
}

pub fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Build { node } => build(*node)?,
        Command::Up { node } => {
            build(*node)?;
            let mut up = script("up.sh");
            if *node {
                shell::run(&mut script("deps.sh"))?;
                up.arg("node");
            }
            shell::run(&mut up)?;
        }
        Command::Down => shell::run(&mut script("down.sh"))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn build(node: bool) -> Result<()> {
    let mut build = script("build.sh");
    if !node {
        build.arg("control");
    }
    shell::run(&mut build)
}

/// A command that runs one of e2e/cluster's scripts.
pub fn script(name: &str) -> std::process::Command {
    shell::command(shell::root().join("e2e/cluster").join(name))
}
