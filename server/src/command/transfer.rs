//! `realmkeep import` and `realmkeep export`: realms as JSON, while no server runs.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use realmkeep_admin::{export_realm, import_realm};
use serde_json::Value;

use crate::config::Config;
use crate::console::{complain, say};
use crate::serve;

/// Creates the realms of a file: one realm export, or a list of them.
///
/// # Errors
/// When the file is none, or a realm exists already; realms before it in a list are there then.
pub async fn import(config: &Config, file: &Path) -> anyhow::Result<()> {
    let text = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let json: Value =
        serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", file.display()))?;
    let realms = match json {
        Value::Array(realms) => realms,
        realm => vec![realm],
    };
    if realms.is_empty() {
        bail!("{} holds no realm", file.display());
    }
    let (data, services) = serve::offline(config).await?;
    serve::ensure_master(&services).await?;
    for realm in &realms {
        let imported = import_realm(&services, realm)
            .await
            .with_context(|| file.display().to_string())?;
        for field in &imported.unknown_fields {
            complain(format_args!(
                "{}: {field}: unknown field, left out",
                imported.realm
            ));
        }
        say(format_args!("realm {} imported", imported.realm));
    }
    data.store.close();
    Ok(())
}

/// Writes a realm with everything in it, secrets and password hashes included.
///
/// # Errors
/// When there is no such realm, or the file exists or cannot be written.
pub async fn export(config: &Config, realm: &str, output: Option<&PathBuf>) -> anyhow::Result<()> {
    let (data, services) = serve::offline(config).await?;
    let exported = export_realm(&services, realm).await?;
    let text = serde_json::to_string_pretty(&exported)?;
    match output {
        None => say(text),
        Some(path) => {
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .with_context(|| format!("{} cannot be written", path.display()))?;
            writeln!(file, "{text}")?;
            file.sync_all()?;
        }
    }
    data.store.close();
    Ok(())
}
