//! The project's own commands: `cargo xtask COMMAND`.

mod bench;
mod chaos;
mod cluster;
mod console;
mod crds;
mod images;
mod postgres;
mod shell;
mod spec;
mod test;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Realmkeep's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the custom resource definitions to crds/yaml.
    Crds,
    /// The test cluster of e2e/cluster.
    Cluster {
        #[command(subcommand)]
        command: cluster::Command,
    },
    /// Run every test; installs what it needs.
    Test {
        /// Only what needs no cluster, no browser and no other language.
        #[arg(long)]
        fast: bool,
        /// Only the steps whose name contains this text (may be repeated).
        #[arg(long)]
        only: Vec<String>,
    },
    /// Break two servers and their PostgreSQL while clients use them, and check what they saw.
    Chaos(chaos::Options),
    /// Run the load scenarios of bench/.
    Bench(bench::Options),
    /// Print how much of the feature map in docs/spec has a test that names it.
    Spec {
        /// List the rows of this area that no test names.
        #[arg(long, value_name = "AREA")]
        open: Option<String>,
    },
    /// Build the admin and account consoles, which the server's next build embeds.
    Console,
    /// Build the static binaries and pack them as OCI image archives.
    Images {
        /// Say where the archives are, build nothing.
        #[arg(long)]
        list: bool,
    },
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Crds => crds::run(),
        Command::Cluster { command } => cluster::run(&command),
        Command::Test { fast, only } => test::run(fast, &only),
        Command::Chaos(options) => chaos::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Spec { open } => spec::run(open.as_deref()),
        Command::Console => console::run(),
        Command::Images { list } => images::run(list),
    }
}
