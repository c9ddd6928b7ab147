//! `cargo xtask images`: static binaries, each the only program of an image made FROM
//! scratch.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};

use crate::{cluster, console, shell, tools};

struct Image {
    /// The archive's name, and the image's: `realmkeep.test/{name}:1`.
    name: &'static str,
    package: &'static str,
    command: &'static [&'static str],
}

const IMAGES: [Image; 3] = [
    Image {
        name: "server",
        package: "realmkeep",
        command: &["serve"],
    },
    Image {
        name: "operator",
        package: "realmkeep-operator",
        command: &[],
    },
    Image {
        name: "sidecar",
        package: "realmkeep-sidecar",
        command: &[],
    },
];

/// Outbound TLS asks for the system's certificate authorities, and an image made FROM
/// scratch has none but these.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

pub fn run(list: bool) -> Result<ExitCode> {
    let archives = shell::target()?.join("images");
    if !list {
        build(&archives)?;
    }
    for image in &IMAGES {
        println!("{}", archives.join(format!("{}.tar", image.name)).display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds and packs; returns the folder of the archives.
fn build(archives: &Path) -> Result<()> {
    // Images always carry the consoles.
    console::build()?;
    let binaries = binaries()?;
    shell::run(cluster::script("build.sh").arg("kit"))?;
    let kit = kit()?;
    fs::create_dir_all(archives).with_context(|| format!("making {}", archives.display()))?;
    for image in &IMAGES {
        let binary = binaries.join(image.package);
        require_static(&binary)?;
        let archive = archives.join(format!("{}.tar", image.name));
        let mut pack = shell::command(&kit);
        pack.args([
            "image",
            "-name",
            &format!("realmkeep.test/{}:1", image.name),
        ]);
        pack.arg("-out").arg(&archive);
        pack.args(["-entrypoint", &format!("/{}", image.package)]);
        for word in image.command {
            pack.args(["-cmd", word]);
        }
        pack.arg(format!("/{}={}", image.package, binary.display()));
        if Path::new(CERTIFICATES).is_file() {
            pack.arg(format!("{CERTIFICATES}={CERTIFICATES}"));
        } else {
            println!("{CERTIFICATES} is missing: the image trusts no public certificate authority");
        }
        shell::run(&mut pack)?;
        let size = |path: &Path| {
            fs::metadata(path)
                .map(|data| data.len() / 1024)
                .unwrap_or_default()
        };
        println!(
            "{}: {} KiB, its binary {} KiB",
            archive.display(),
            size(&archive),
            size(&binary)
        );
    }
    Ok(())
}

/// Builds the static release binaries; returns their folder.
fn binaries() -> Result<PathBuf> {
    let machine = env::consts::ARCH;
    let musl = format!("{machine}-unknown-linux-musl");
    let mut build = shell::cargo();
    build.args(["build", "--release", "--locked"]);
    for image in &IMAGES {
        build.args(["--package", image.package]);
    }
    let target = match musl_toolchain(&musl) {
        Ok(()) => {
            // The C parts (aws-lc, SQLite, mimalloc) are built by this compiler.
            build.env(format!("CC_{}", musl.replace('-', "_")), "musl-gcc");
            musl
        }
        Err(problem) => {
            let gnu = format!("{machine}-unknown-linux-gnu");
            println!("no musl toolchain ({problem:#}); linking glibc statically for {gnu} instead");
            let variable = format!(
                "CARGO_TARGET_{}_RUSTFLAGS",
                gnu.replace('-', "_").to_uppercase()
            );
            build.env(variable, "-C target-feature=+crt-static");
            gnu
        }
    };
    build.args(["--target", &target]);
    shell::run(&mut build)?;
    Ok(shell::target()?.join(target).join("release"))
}

fn musl_toolchain(target: &str) -> Result<()> {
    tools::debian(&[tools::MUSL])?;
    let installed =
        shell::output(shell::command("rustup").args(["target", "list", "--installed"]))?;
    if !installed.lines().any(|line| line.trim() == target) {
        shell::run(shell::command("rustup").args(["target", "add", target]))?;
    }
    Ok(())
}

/// The cluster's helper, which writes image archives.
fn kit() -> Result<PathBuf> {
    let cache = match env::var_os("REALMKEEP_CLUSTER_CACHE") {
        Some(cache) => PathBuf::from(cache),
        None => shell::cache()?.join("cluster"),
    };
    Ok(cache.join("bin/kit"))
}

/// A binary that asks for a loader does not start in an image that has none.
fn require_static(binary: &Path) -> Result<()> {
    let output = Command::new("ldd")
        .arg(binary)
        .output()
        .context("starting ldd")?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    if text.contains("statically linked") || text.contains("not a dynamic executable") {
        return Ok(());
    }
    bail!(
        "{} is not static: ldd says {}",
        binary.display(),
        text.trim()
    )
}
