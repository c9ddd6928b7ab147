//! How a PostgreSQL database is reached: the URL, TLS, and a password that may change.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::Connect;
use realmkeep_representations::SecretString;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::StoreError;

/// Time for a connection to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Silence after which the kernel asks whether the other side is still there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);

/// Where the database is and how it is used.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database?sslmode=…`; the password may be absent.
    pub url: SecretString,
    /// Instead of the one in the address.
    pub user: Option<String>,
    /// Instead of the one in the address.
    pub password: Option<SecretString>,
    /// File with the password, read again when the database refuses the one that was read last.
    pub password_file: Option<PathBuf>,
    /// PEM file with the authorities that may vouch for the database; without it, the system's.
    pub ca_file: Option<PathBuf>,
    /// Connections at most, of this process.
    pub connections: usize,
    /// How long a request waits for a connection.
    pub acquire_timeout: Duration,
    /// How long one statement may run.
    pub statement_timeout: Duration,
    /// Whether the schema is brought up to date on opening; else an older one is an error.
    pub migrate: bool,
}

impl PostgresOptions {
    /// With the defaults for all but the address.
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            user: None,
            password: None,
            password_file: None,
            ca_file: None,
            connections: 20,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(10),
            migrate: true,
        }
    }

    /// Whether the text is an address of this kind, without connecting.
    ///
    /// # Errors
    /// What is wrong with it; the text does not repeat a password.
    pub fn check(url: &SecretString) -> Result<(), StoreError> {
        parse(url).map(|_| ())
    }
}

/// Makes connections; the same for the pool and for migrations.
#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    password: Option<Arc<PasswordFile>>,
    set_up: String,
}

struct PasswordFile {
    path: PathBuf,
    current: Mutex<Option<SecretString>>,
}

impl Connector {
    pub(super) fn new(options: &PostgresOptions) -> Result<Self, StoreError> {
        let (mut config, verify) = parse(&options.url)?;
        if config.get_application_name().is_none() {
            config.application_name("realmkeep");
        }
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives_idle(KEEPALIVE_IDLE)
            // A peer that went silent is noticed soon after a statement would have ended.
            .tcp_user_timeout(options.statement_timeout + CONNECT_TIMEOUT)
            .ssl_mode(if verify {
                SslMode::Require
            } else {
                SslMode::Disable
            });
        if let Some(user) = &options.user {
            config.user(user);
        }
        if let Some(password) = &options.password {
            config.password(password.expose());
        }
        // Of several hosts, the one that may be written to.
        if config.get_hosts().len() > 1 {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let tls = match verify {
            true => Some(MakeRustlsConnect::new(tls(options)?)),
            false => None,
        };
        let password = options.password_file.as_ref().map(|path| {
            Arc::new(PasswordFile {
                path: path.clone(),
                current: Mutex::new(None),
            })
        });
        Ok(Self {
            config,
            tls,
            password,
            set_up: set_up(options.statement_timeout),
        })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// A connection, with a password that was read anew when the last one was refused.
    pub(super) async fn open(&self) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
        let mut config = self.config.clone();
        if let Some(file) = &self.password
            && let Some(password) = file.current()
        {
            config.password(password.expose());
        }
        match self.attempt(&config).await {
            Err(e) if is_refused(&e) => {
                let Some(file) = &self.password else {
                    return Err(e);
                };
                let Some(password) = file.read() else {
                    return Err(e);
                };
                config.password(password.expose());
                self.attempt(&config).await
            }
            other => other,
        }
    }

    async fn attempt(
        &self,
        config: &Config,
    ) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
        let (client, task) = match &self.tls {
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                (client, tokio::spawn(watched(connection)))
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                (client, tokio::spawn(watched(connection)))
            }
        };
        client.batch_execute(&self.set_up).await?;
        Ok((client, task))
    }
}

impl Connect for Connector {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<
        Box<
            dyn Future<Output = Result<(Client, JoinHandle<()>), tokio_postgres::Error>>
                + Send
                + '_,
        >,
    > {
        Box::pin(self.open())
    }
}

impl PasswordFile {
    fn current(&self) -> Option<SecretString> {
        let known = self
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        known.or_else(|| self.read())
    }

    /// The file's text without the line's end; None when it cannot be read.
    fn read(&self) -> Option<SecretString> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => {
                let password = SecretString::new(text.trim_end_matches(['\n', '\r']));
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(password.clone());
                Some(password)
            }
            Err(e) => {
                tracing::warn!(file = %self.path.display(), error = %e, "the database's password file cannot be read");
                None
            }
        }
    }
}

/// Runs the connection until it ends; its end is found out by who uses it next.
async fn watched(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(e) = connection.await {
        tracing::debug!(error = %super::error::text(&e), "a database connection ended");
    }
}

fn is_refused(error: &tokio_postgres::Error) -> bool {
    matches!(
        error.code(),
        Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
    ) || super::error::text(error).contains("password missing")
}

/// What every connection is told first. A commit is never acknowledged before it is durable, even
/// where the cluster's default is laxer; a stricter default stays.
fn set_up(statement_timeout: Duration) -> String {
    let limit = statement_timeout.as_millis();
    format!(
        "SET statement_timeout = {limit}; \
         SET lock_timeout = {limit}; \
         SET idle_in_transaction_session_timeout = {limit}; \
         SET default_transaction_isolation = 'read committed'; \
         SELECT set_config('synchronous_commit', 'on', false) \
         WHERE current_setting('synchronous_commit') IN ('off', 'local')"
    )
}

/// The driver's configuration, and whether TLS is used and verified.
fn parse(url: &SecretString) -> Result<(Config, bool), StoreError> {
    let wrong = |reason: String| StoreError::Address(reason);
    // `jdbc:` in front is how Keycloak has it.
    let text = url.expose();
    let text = text.strip_prefix("jdbc:").unwrap_or(text);
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        return Err(wrong(
            "it must begin with postgres:// (postgres://user@host:5432/database)".into(),
        ));
    }
    // Several hosts are no URL to a URL parser, so the query is taken off by hand.
    let (base, query) = text.split_once('?').unwrap_or((text, ""));
    let mut mode = None;
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value),
            Some(("ssl", "true")) => mode = Some("verify-full"),
            Some(("sslrootcert", _)) => {
                return Err(wrong(
                    "sslrootcert is not read; name the file with database-ca-file".into(),
                ));
            }
            _ => rest.push(pair),
        }
    }
    let plain = if rest.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", rest.join("&"))
    };
    // The driver's own text could repeat a part of the address with the password.
    let config: Config = plain
        .parse()
        .map_err(|_| wrong("it is not an address that the driver understands".into()))?;
    if config.get_hosts().is_empty() {
        return Err(wrong("it names no host".into()));
    }
    let local = config.get_hosts().iter().all(is_local);
    let verify = match mode {
        None => !local,
        Some("disable") => false,
        // Encryption without a check of the name protects against nobody who matters.
        Some("require" | "verify-ca" | "verify-full") => true,
        Some(other) => {
            return Err(wrong(format!(
                "sslmode={other} is not supported; use verify-full, or disable"
            )));
        }
    };
    Ok((config, verify))
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
    }
}

/// Verifies chain and host name; authorities from the file or the system.
fn tls(options: &PostgresOptions) -> Result<ClientConfig, StoreError> {
    let wrong = |reason: String| StoreError::Address(reason);
    let mut roots = RootCertStore::empty();
    match &options.ca_file {
        Some(path) => {
            let shown = path.display();
            let certificates = CertificateDer::pem_file_iter(path)
                .map_err(|e| wrong(format!("database-ca-file {shown}: {e}")))?;
            for certificate in certificates {
                let certificate =
                    certificate.map_err(|e| wrong(format!("database-ca-file {shown}: {e}")))?;
                roots
                    .add(certificate)
                    .map_err(|e| wrong(format!("database-ca-file {shown}: {e}")))?;
            }
        }
        None => {
            let system = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(system.certs);
        }
    }
    if roots.is_empty() {
        return Err(wrong(
            "there is no authority to trust for TLS to the database; give database-ca-file".into(),
        ));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(format!("TLS to the database: {e}")))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The address without its password, for messages and logs.
pub fn masked(url: &str) -> String {
    let bare = url.strip_prefix("jdbc:").unwrap_or(url);
    let Some((scheme, rest)) = bare.split_once("://") else {
        return "**********".to_owned();
    };
    // A password may stand in the authority or in the query.
    let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
    let base = match base.rsplit_once('@') {
        Some((credentials, host)) => match credentials.split_once(':') {
            Some((user, _)) => format!("{user}:**********@{host}"),
            None => format!("{credentials}@{host}"),
        },
        None => base.to_owned(),
    };
    let query: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some(("password", _)) => "password=**********".to_owned(),
            _ => pair.to_owned(),
        })
        .collect();
    if query.is_empty() {
        format!("{scheme}://{base}")
    } else {
        format!("{scheme}://{base}?{}", query.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(url: &str) -> bool {
        parse(&SecretString::new(url)).unwrap().1
    }

    #[test]
    fn tls_is_verified_unless_the_database_is_on_this_machine() {
        assert!(verified("postgres://u:p@db.example.com/d"));
        assert!(verified("postgres://u@10.0.0.7/d"));
        assert!(verified("postgres://u@a.example,b.example/d"));
        assert!(!verified("postgres://u@127.0.0.1:5433/d"));
        assert!(!verified("postgres://u@/d?host=/run/postgresql"));
        assert!(verified("postgres://u@127.0.0.1/d?sslmode=verify-full"));
        assert!(verified("postgres://u@db.example.com/d?sslmode=require"));
        assert!(!verified("postgres://u@db.example.com/d?sslmode=disable"));
        assert!(verified("jdbc:postgresql://db.example.com/d"));
    }

    #[test]
    fn a_wrong_address_is_named_without_its_password() {
        for url in [
            "mysql://u:secret@h/d",
            "postgres://u:secret@h:port/d",
            "postgres://u:secret@h/d?sslmode=prefer",
            "postgres://u:secret@h/d?sslrootcert=/x",
        ] {
            let error = parse(&SecretString::new(url)).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_password_is_masked_wherever_it_stands() {
        assert_eq!(
            masked("postgres://u:se:cr@et@h:5/d?sslmode=disable"),
            "postgres://u:**********@h:5/d?sslmode=disable"
        );
        assert_eq!(masked("postgres://u@h/d"), "postgres://u@h/d");
        assert_eq!(
            masked("postgres://h/d?user=u&password=p"),
            "postgres://h/d?user=u&password=**********"
        );
        assert_eq!(masked("nonsense:secret"), "**********");
    }
}
