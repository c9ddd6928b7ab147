//! Tokens in files, for programs that can read nothing else.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use realmkeep_workload_identity::{AccessToken, Secret};

/// Owner and group may read.
const MODE: u32 = 0o440;

/// Replaces the file at once: whoever reads it sees the token before or the one after, whole. Beside
/// it, `FILE.expires` holds the end of its life in seconds since the epoch.
pub async fn replace(path: &Path, token: &AccessToken) -> std::io::Result<()> {
    let path = path.to_owned();
    let secret: Secret = token.token.clone();
    let expires = (token.expires_at_ms / 1000).to_string();
    tokio::task::spawn_blocking(move || {
        // The end first: a reader that sees the new token must not see an end that is too late.
        write(&beside(&path, ".expires"), expires.as_bytes())?;
        write(&path, secret.expose().as_bytes())
    })
    .await
    .map_err(std::io::Error::other)?
}

fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let new = beside(path, ".new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Only a file that we made: nobody else's link is followed.
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
