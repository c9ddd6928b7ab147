//! `realmkeep dev FOLDER`: the server, an issuer of service account tokens, and the resources of a
//! folder, applied now and whenever a file changes.

mod ports;
mod session;
mod test_issuer;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use realmkeep_admin_client::{AdminClient, AssertionSource, Credentials};
use realmkeep_model::clock::Clock;
use realmkeep_representations::SecretString;
use tempfile::TempDir;
use uuid::Uuid;

use crate::config::{Config, Effective, Input, LogFormat};
use crate::console::say;
use crate::serve::{self, Server};
use session::Session;
use test_issuer::{RESERVED_NAMESPACE, TestIssuer, TokenRequest};
use watch::FolderWatch;

const HTTP_PORT: u16 = 8080;
const ISSUER_PORT: u16 = 8090;
const MANAGEMENT_PORT: u16 = 9000;

#[derive(Debug, Args)]
pub struct Dev {
    /// Folder with YAML files of Realm, Client, IdentityProvider and Secret resources
    folder: PathBuf,
    /// Port of the server on loopback; without it 8080 or the next free one
    #[arg(long)]
    port: Option<u16>,
    /// Port of the test issuer on loopback; without it 8090 or the next free one
    #[arg(long)]
    issuer_port: Option<u16>,
    /// Port of health and metrics on loopback; without it 9000 or the next free one
    #[arg(long)]
    management_port: Option<u16>,
    /// Folder to keep the database in; without it everything is forgotten at the end
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// File with a password; there is an administrator `admin` with it then
    #[arg(long, value_name = "FILE")]
    admin_password_file: Option<PathBuf>,
    /// Level of log lines
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log_level: String,
}

impl Dev {
    /// Runs until SIGTERM or SIGINT.
    ///
    /// # Errors
    /// When server, issuer or folder are not there; never because of what a file says.
    pub async fn run(self) -> anyhow::Result<()> {
        ensure!(
            self.folder.exists(),
            "there is no folder {}; give one with YAML files, such as examples/quickstart",
            self.folder.display()
        );
        // From now on a signal ends it in order, and the temporary folder with it.
        let mut signal = tokio::spawn(serve::shutdown_requested());
        let issuer_tcp = ports::listen(self.issuer_port, ISSUER_PORT, "--issuer-port").await?;
        let issuer = TestIssuer::start(issuer_tcp, Clock::default())?;
        let kept = Kept::new(self.data_dir.as_deref())?;
        // Another one every time: nobody can know the name of the account that administers.
        let account = format!("operator-{}", Uuid::new_v4().simple());
        let config = self.config(kept.path(), &issuer, &account).await?;
        let server = Server::start(&config).await?;
        let base_url = server.services.base_url.as_str().to_owned();
        let client = admin_client(&base_url, issuer.clone(), account)?;
        let mut watch = FolderWatch::start(&self.folder)?;

        say(format_args!("server      {base_url}"));
        say(format_args!("management  http://{}", server.management));
        say(format_args!("test issuer {}", issuer.url()));
        match (&self.data_dir, &self.admin_password_file) {
            (Some(folder), _) => say(format_args!("data        {}", folder.display())),
            (None, _) => say(format_args!(
                "data        forgotten at the end; keep it with --data-dir FOLDER"
            )),
        }
        match &self.admin_password_file {
            Some(file) => say(format_args!(
                "admin       user `admin` of realm `master`, password in {}",
                file.display()
            )),
            None => say(format_args!(
                "admin       none; for one: --admin-password-file FILE"
            )),
        }
        say("");

        let mut session = Session::new(self.folder.clone(), client, issuer, base_url);
        session.apply().await;
        loop {
            tokio::select! {
                signal = &mut signal => {
                    signal??;
                    break;
                }
                () = watch.changed() => session.apply().await,
            }
        }
        say("stopping");
        server.stop().await;
        Ok(())
    }

    async fn config(
        &self,
        data: &Path,
        issuer: &TestIssuer,
        account: &str,
    ) -> anyhow::Result<Config> {
        let port = ports::free(self.port, HTTP_PORT, "--port").await?;
        let management =
            ports::free(self.management_port, MANAGEMENT_PORT, "--management-port").await?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut flags = BTreeMap::new();
        let mut set = |name: &str, value: String| flags.insert(name.to_owned(), value);
        set("data-dir", text(data));
        set("create-master-key", "true".into());
        set("http-host", "127.0.0.1".into());
        set("http-port", port.to_string());
        set("management-host", "127.0.0.1".into());
        set("management-port", management.to_string());
        set("outbound-http-origins", issuer.url().into());
        set("outbound-private-addresses", "true".into());
        set("bootstrap-service-account-issuer", issuer.url().into());
        set(
            "bootstrap-service-account-subject",
            format!("system:serviceaccount:{RESERVED_NAMESPACE}:{account}"),
        );
        set("shutdown-timeout", "5".into());
        if let Some(file) = &self.admin_password_file {
            set("bootstrap-admin-username", "admin".into());
            set("bootstrap-admin-password-file", text(file));
        }
        set("log-level", self.log_level.clone());
        let Effective { config, .. } = Input {
            flags,
            ..Input::default()
        }
        .load()?;
        crate::logging::init(&config.log_level, LogFormat::Text)?;
        Ok(config)
    }
}

/// The data folder: the user's, or one that goes away at the end.
enum Kept {
    Given(PathBuf),
    Temporary(TempDir),
}

impl Kept {
    fn new(given: Option<&Path>) -> anyhow::Result<Self> {
        match given {
            Some(path) => Ok(Self::Given(path.to_owned())),
            None => TempDir::with_prefix("realmkeep-dev-")
                .map(Self::Temporary)
                .context("a folder for temporary data"),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// Administers the server the way the operator does: with a service account token, no password.
fn admin_client(
    base_url: &str,
    issuer: TestIssuer,
    account: String,
) -> anyhow::Result<AdminClient> {
    let request = TokenRequest {
        namespace: RESERVED_NAMESPACE.into(),
        service_account: account,
        audience: format!("{base_url}/realms/master"),
        expiration_seconds: None,
    };
    let source = AssertionSource::Provider(std::sync::Arc::new(move || {
        let minted = issuer
            .mint(&request)
            .map(|(token, _)| SecretString::new(token));
        Box::pin(std::future::ready(minted))
    }));
    let credentials = Credentials::Assertion {
        realm: "master".into(),
        client_id: None,
        source,
    };
    Ok(AdminClient::builder(base_url, credentials).build()?)
}
