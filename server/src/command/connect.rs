//! How `plan` and `apply` reach a server and prove who they are.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use realmkeep_admin_client::{AdminClient, AssertionSource, Credentials};
use realmkeep_representations::SecretString;

/// Exactly one way to prove who we are.
#[derive(Debug, Args)]
#[group(skip)]
pub struct Connect {
    /// URL of the server, what comes before /realms and /admin
    #[arg(long, value_name = "URL")]
    server: String,
    /// Realm that holds the administrator
    #[arg(long, value_name = "REALM", default_value = "master")]
    auth_realm: String,
    /// File with a token of a trusted issuer, such as a projected service account token
    #[arg(long, value_name = "FILE", group = "proof")]
    assertion_file: Option<PathBuf>,
    /// File with an access token
    #[arg(long, value_name = "FILE", group = "proof")]
    token_file: Option<PathBuf>,
    /// Name of an administrator; with --password-file
    #[arg(long, value_name = "NAME", requires = "password_file", group = "proof")]
    username: Option<String>,
    /// File with the administrator's password
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
    /// File with the secret of the client named by --client-id
    #[arg(long, value_name = "FILE", requires = "client_id", group = "proof")]
    client_secret_file: Option<PathBuf>,
    /// Client to authenticate as; admin-cli with a password
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// PEM file with certificate authorities to trust besides the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl Connect {
    /// # Errors
    /// When a file cannot be read or the URL is none.
    pub fn client(&self) -> anyhow::Result<AdminClient> {
        let mut builder = AdminClient::builder(&self.server, self.credentials()?);
        if let Some(path) = &self.ca_file {
            let pem =
                std::fs::read(path).with_context(|| format!("--ca-file {}", path.display()))?;
            builder = builder.extra_ca_pem(pem);
        }
        builder.build().context("--server")
    }

    fn credentials(&self) -> anyhow::Result<Credentials> {
        let realm = self.auth_realm.clone();
        if let Some(path) = &self.assertion_file {
            return Ok(Credentials::Assertion {
                realm,
                client_id: self.client_id.clone(),
                source: AssertionSource::File(path.clone()),
            });
        }
        if let Some(path) = &self.token_file {
            return Ok(Credentials::StaticToken(secret("--token-file", path)?));
        }
        if let (Some(username), Some(path)) = (&self.username, &self.password_file) {
            return Ok(Credentials::Password {
                realm,
                client_id: self.client_id.clone().unwrap_or_else(|| "admin-cli".into()),
                username: username.clone(),
                password: secret("--password-file", path)?,
            });
        }
        if let (Some(client_id), Some(path)) = (&self.client_id, &self.client_secret_file) {
            return Ok(Credentials::ClientSecret {
                realm,
                client_id: client_id.clone(),
                secret: secret("--client-secret-file", path)?,
            });
        }
        bail!("give --assertion-file, --token-file, --username or --client-secret-file")
    }
}

/// The text of the file without line ends behind it.
fn secret(flag: &str, path: &Path) -> anyhow::Result<SecretString> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("{flag} {}", path.display()))?;
    let text = text.trim_end_matches(['\n', '\r']);
    anyhow::ensure!(!text.is_empty(), "{flag} {} is empty", path.display());
    Ok(SecretString::new(text))
}
