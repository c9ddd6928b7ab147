//! Running programs: from the workspace's root, seen on the terminal, with errors
//! that name the command.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use anyhow::{Context, Result, bail};

/// The workspace's root folder.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// Where built and downloaded things are kept between runs: `~/.cache/realmkeep`.
pub fn cache() -> Result<PathBuf> {
    let base = match (env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")) {
        (Some(cache), _) if !cache.is_empty() => PathBuf::from(cache),
        (_, Some(home)) => PathBuf::from(home).join(".cache"),
        _ => bail!("neither XDG_CACHE_HOME nor HOME is set: set one, it holds the test tools"),
    };
    Ok(base.join("realmkeep"))
}

/// Cargo's target folder, wherever the configuration puts it.
pub fn target() -> Result<PathBuf> {
    let metadata = output(cargo().args(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: serde_json::Value =
        serde_json::from_str(&metadata).context("reading the output of cargo metadata")?;
    let folder = metadata
        .get("target_directory")
        .and_then(serde_json::Value::as_str)
        .context("cargo metadata names no target_directory")?;
    Ok(PathBuf::from(folder))
}

/// A command that runs in the workspace's root.
pub fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir(root());
    command
}

/// The cargo that runs us.
pub fn cargo() -> Command {
    command(
        env::var_os("CARGO")
            .unwrap_or_else(|| "cargo".into())
            .as_os_str(),
    )
}

/// Whether a program can be found, also in the folders of the system's own tools.
pub fn has(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/go/bin"].map(PathBuf::from))
        .any(|folder| folder.join(program).is_file())
}

/// Runs the command with our terminal; an error when it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("{status}: {}", show(command));
    }
    Ok(())
}

/// Runs the command with our terminal.
pub fn status(command: &mut Command) -> Result<ExitStatus> {
    // What we printed must stand before what the command prints.
    std::io::stdout()
        .flush()
        .context("writing to the terminal")?;
    command
        .status()
        .with_context(|| format!("starting {}", show(command)))
}

/// What the command writes to its standard output; an error when it fails.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("starting {}", show(command)))?;
    if !output.status.success() {
        bail!("{}: {}", output.status, show(command));
    }
    String::from_utf8(output.stdout).with_context(|| format!("the output of {}", show(command)))
}

/// Runs the command, shows both of its outputs as they come, and returns them in the
/// order in which their lines came.
pub fn tee(command: &mut Command) -> Result<(ExitStatus, Vec<String>)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", show(command)))?;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let pipes: [Option<Box<dyn Read + Send>>; 2] = [
        child
            .stdout
            .take()
            .map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        child
            .stderr
            .take()
            .map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
    ];
    let readers: Vec<_> = pipes
        .into_iter()
        .flatten()
        .map(|pipe| {
            let lines = Arc::clone(&lines);
            thread::spawn(move || {
                for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                    let line = String::from_utf8_lossy(&line).into_owned();
                    println!("{line}");
                    if let Ok(mut lines) = lines.lock() {
                        lines.push(line);
                    }
                }
            })
        })
        .collect();
    let status = child
        .wait()
        .with_context(|| format!("waiting for {}", show(command)))?;
    for reader in readers {
        // A reader that panicked has lost lines for the count, not the verdict.
        let _ = reader.join();
    }
    let lines = lines.lock().map(|lines| lines.clone()).unwrap_or_default();
    Ok((status, lines))
}

fn show(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}
