//! `realmkeep import` and `realmkeep export`: realms as JSON, while no server runs.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use realmkeep_admin::{ExistingRealm, ImportOptions, export_realm, import_files};

use super::resources;
use crate::config::Config;
use crate::console::{complain, say};
use crate::serve;

/// Users between two lines about the progress.
const PROGRESS: u64 = 10_000;

/// What becomes of a realm that exists already.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum IfExists {
    /// Import nothing
    Fail,
    /// Leave it as it is
    Skip,
    /// Delete it with everything in it, and make it anew
    Overwrite,
}

/// What an export is written as.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ExportForm {
    /// A realm export, as JSON, with everything in it
    Realm,
    /// Custom resources that observe the realm, as YAML, without secrets and users
    Resources,
}

/// Creates the realms of a file or folder, all of them or none.
///
/// # Errors
/// When something in it cannot be read or contradicts itself, or a realm exists that may not.
pub async fn import(
    config: &Config,
    path: &Path,
    if_exists: IfExists,
    placeholders: bool,
) -> anyhow::Result<()> {
    let (data, services) = serve::offline(config).await?;
    serve::ensure_master(&services).await?;
    let options = ImportOptions {
        existing: match if_exists {
            IfExists::Fail => ExistingRealm::Fail,
            IfExists::Skip => ExistingRealm::Skip,
            IfExists::Overwrite => ExistingRealm::Overwrite,
        },
        placeholders,
    };
    let mut told = 0;
    let imported = import_files(&services, path, &options, |realm, users| {
        // Of each realm anew.
        told = if users < told { 0 } else { told };
        if users >= told + PROGRESS {
            told = users - users % PROGRESS;
            complain(format_args!("{realm}: {told} users"));
        }
    })
    .await
    .with_context(|| path.display().to_string())?;
    for realm in &imported {
        for field in &realm.left_out {
            let what = match field.contains(": ") {
                true => "left out",
                false => "unknown field, left out",
            };
            complain(format_args!("{}: {field}: {what}", realm.realm));
        }
        match realm.skipped {
            true => say(format_args!("realm {} exists, left as it is", realm.realm)),
            false => say(format_args!(
                "realm {} imported, with {} users",
                realm.realm, realm.users
            )),
        }
    }
    data.store.close();
    Ok(())
}

/// Writes a realm with everything in it, secrets, private keys and password hashes included; or the resources
/// that declare it.
///
/// # Errors
/// When there is no such realm, or the file exists or cannot be written.
pub async fn export(
    config: &Config,
    realm: &str,
    form: ExportForm,
    output: Option<&PathBuf>,
) -> anyhow::Result<()> {
    let (data, services) = serve::offline(config).await?;
    let exported = export_realm(&services, realm).await?;
    let text = match form {
        ExportForm::Realm => serde_json::to_string_pretty(&exported)?,
        ExportForm::Resources => {
            let mut documents = Vec::new();
            for resource in resources::of_realm(&serde_json::to_value(&exported)?) {
                let text = realmkeep_crds::yaml::to_yaml(&resource)?;
                documents.push(text.trim_end().to_owned());
            }
            documents.join("\n---\n")
        }
    };
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
