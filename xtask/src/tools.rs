//! The programs that the tests need and that may be missing: from Debian when we are
//! root, from crates.io into the cache.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::shell;

/// A program and the Debian package that holds it.
pub struct Package {
    pub program: &'static str,
    pub package: &'static str,
}

pub const MUSL: Package = Package {
    program: "musl-gcc",
    package: "musl-tools",
};
pub const CHROMIUM: Package = Package {
    program: "chromium",
    package: "chromium",
};
pub const NODE: Package = Package {
    program: "node",
    package: "nodejs",
};
pub const NPM: Package = Package {
    program: "npm",
    package: "npm",
};
pub const PYTHON: Package = Package {
    program: "python3",
    package: "python3-venv",
};
pub const MAVEN: Package = Package {
    program: "mvn",
    package: "maven",
};
pub const JAVA: Package = Package {
    program: "java",
    package: "default-jre-headless",
};
pub const UNZIP: Package = Package {
    program: "unzip",
    package: "unzip",
};
pub const APACHE: Package = Package {
    program: "apache2",
    package: "apache2-bin",
};
pub const MOD_AUTH_OPENIDC: Package = Package {
    program: "/usr/lib/apache2/modules/mod_auth_openidc.so",
    package: "libapache2-mod-auth-openidc",
};

/// Installs what is missing of the packages; an error that says what to do when we
/// may not.
pub fn debian(packages: &[Package]) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .filter(|one| !shell::has(one.program))
        .map(|one| one.package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !is_root() || !shell::has("apt-get") {
        bail!("missing: {list}: install them (apt-get install {list}) and run this again");
    }
    println!("installing {list}");
    let apt = || {
        let mut apt = shell::command("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        // Another process may hold apt's lock for a while.
        apt.args(["-qq", "-o", "DPkg::Lock::Timeout=300"]);
        apt
    };
    shell::run(apt().arg("update"))?;
    shell::run(
        apt()
            .args(["install", "-y", "--no-install-recommends"])
            .args(missing),
    )
}

pub fn is_root() -> bool {
    shell::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// The folder of a cargo tool's program, `cargo install`ed into the cache at exactly
/// this version where neither the cache nor the machine has it.
pub fn cargo_tool(name: &str, version: &str, features: &[&str]) -> Result<PathBuf> {
    let folder = shell::cache()?.join("tools");
    let program = folder.join("bin").join(name);
    if !is_version(&program, name, version) {
        println!("installing {name} {version} into {}", folder.display());
        let mut install = shell::cargo();
        install
            .args(["install", "--quiet", "--locked", "--force", "--root"])
            .arg(&folder);
        install.args(features).arg(format!("{name}@{version}"));
        // They work for seconds, but are built for minutes: hardly optimised is quicker.
        for (name, value) in [
            ("OPT_LEVEL", "1"),
            ("LTO", "off"),
            ("CODEGEN_UNITS", "256"),
            ("DEBUG", "0"),
        ] {
            install.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
        }
        // Not into the workspace's target folder: another lock, other profiles.
        install.env("CARGO_TARGET_DIR", shell::cache()?.join("tools-target"));
        shell::run(&mut install)?;
        std::fs::remove_dir_all(shell::cache()?.join("tools-target"))
            .context("removing the tools' build folder")?;
    }
    Ok(program)
}

fn is_version(program: &Path, name: &str, version: &str) -> bool {
    // Tools that are cargo subcommands want their own name as the first argument.
    let subcommand = name.trim_start_matches("cargo-");
    program.is_file()
        && Command::new(program)
            .args([subcommand, "--version"])
            .output()
            .is_ok_and(|output| {
                String::from_utf8_lossy(&output.stdout)
                    .split_whitespace()
                    .any(|word| word == version)
            })
}

/// The PATH with the folders in which tools stand that a shell may not look through.
pub fn path() -> Result<std::ffi::OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/go/bin"].map(PathBuf::from));
    env::join_paths(folders).context("making a PATH")
}
