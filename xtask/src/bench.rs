//! `cargo xtask bench`: the load scenarios of bench/, against us and against Keycloak.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::shell;

#[derive(Args)]
pub struct Options {
    /// Against a Keycloak too, in turn with us, and print the ratios.
    #[arg(long)]
    peer: bool,
    /// Only these scenarios (may be repeated).
    #[arg(long)]
    scenario: Vec<String>,
    /// Short runs, to see that it works; the figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Write docs/benchmarks.md.
    #[arg(long)]
    write: bool,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    shell::run(
        shell::cargo()
            .args(["build", "--release", "--locked"])
            .args([
                "--package=realmkeep",
                "--package=realmkeep-operator",
                "--package=realmkeep-sidecar",
            ]),
    )?;
    let mut run = shell::command("python3");
    run.arg("bench/run.py")
        .arg("--binaries")
        .arg(shell::target()?.join("release"));
    for scenario in &options.scenario {
        run.args(["--scenario", scenario]);
    }
    for (on, flag) in [
        (options.peer, "--peer"),
        (options.quick, "--quick"),
        (options.write, "--write"),
    ] {
        if on {
            run.arg(flag);
        }
    }
    Ok(if shell::status(&mut run)?.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
