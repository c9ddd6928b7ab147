//! `cargo xtask console`: the admin and account consoles, into console/dist/served.

use std::process::ExitCode;

use anyhow::Result;

use crate::{shell, tools};

pub fn run() -> Result<ExitCode> {
    build()?;
    Ok(ExitCode::SUCCESS)
}

/// Installs what the build needs and builds, unless the cache has it.
pub fn build() -> Result<()> {
    tools::debian(&[tools::NODE, tools::NPM, tools::MAVEN, tools::UNZIP])?;
    shell::run(&mut shell::command(shell::root().join("console/build.sh")))
}
