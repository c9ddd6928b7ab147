//! What is kept between invocations: the server, and for each realm a login.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use crate::{Common, login};

/// The file, in the shape that kcadm keeps.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Configuration {
    /// Last server logged in to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_url: Option<String>,
    /// Realm last logged in to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) realm: Option<String>,
    /// PEM file of certificate authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) truststore: Option<PathBuf>,
    /// Server URL → realm → login.
    pub(crate) endpoints: BTreeMap<String, BTreeMap<String, Session>>,
}

/// One login. Its `Debug` would print tokens, so there is none.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Session {
    pub(crate) client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) assertion_file: Option<PathBuf>,
    pub(crate) token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<String>,
    /// Milliseconds since 1970.
    pub(crate) expires_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_expires_at: Option<i64>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Log in and keep the session
    Credentials(Box<Credentials>),
    /// Trust the certificate authorities of a PEM file
    Truststore(Truststore),
}

#[derive(Debug, Args)]
pub(crate) struct Credentials {
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Truststore {
    /// PEM file
    #[arg(value_name = "FILE", required_unless_present = "delete")]
    file: Option<PathBuf>,
    /// Not used: PEM files have no password
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "KC_CLI_TRUSTSTORE_PASSWORD",
        hide_env_values = true
    )]
    trustpass: Option<String>,
    /// Forget it
    #[arg(short, long, conflicts_with = "file")]
    delete: bool,
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Command {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Credentials(command) => login::keep(&command.common).await,
            Self::Truststore(command) => command.run(),
        }
    }
}

impl Truststore {
    fn run(self) -> anyhow::Result<()> {
        let path = path(self.config.as_deref())?;
        let mut configuration = Configuration::load(&path)?;
        configuration.truststore = match self.file {
            _ if self.delete => None,
            Some(file) => {
                let text =
                    fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
                if !text.windows(10).any(|part| part == b"-----BEGIN") {
                    bail!(
                        "{} is no PEM file: convert a Java keystore with `keytool -exportcert -rfc`",
                        file.display()
                    );
                }
                Some(
                    fs::canonicalize(&file)
                        .with_context(|| format!("finding {}", file.display()))?,
                )
            }
            None => None,
        };
        configuration.store(&path)
    }
}

impl Configuration {
    /// An absent file is an empty configuration.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is not what `config credentials` writes", path.display()))
    }

    /// Replaces the file as a whole; only its owner may read it.
    pub(crate) fn store(&self, path: &Path) -> anyhow::Result<()> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        // Such files are made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder)
            .with_context(|| format!("writing in {}", folder.display()))?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.persist(path)
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(())
    }
}

/// The file that is meant.
pub(crate) fn path(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(path) = given {
        return Ok(path.to_owned());
    }
    let home =
        std::env::home_dir().context("there is no home folder: name the file with --config")?;
    Ok(home.join(".realmkeep/admin.config"))
}
