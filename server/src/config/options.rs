//! The table of all options of the server.

use std::net::IpAddr;
use std::path::PathBuf;

use realmkeep_model::features::{DisabledFeatures, Features};
use realmkeep_representations::SecretString;
use url::Url;

use super::load::{ConfigError, Values};
use super::setting::{
    AddressList, DatabaseUrl, Endpoint, EventLevel, FromText, Hostname, KeyResolvers, Kind,
    LogFilter, LogFormat, MailedEvents, PasswordHashing, ProxyHeaders, Ratio, Seconds,
};

/// One option, as everything but its typed value needs it.
#[derive(Debug)]
pub struct OptionSpec {
    /// Heading in the documentation.
    pub group: &'static str,
    /// The key in the file, and the flag after `--`.
    pub name: &'static str,
    pub kind: Kind,
    /// As text; empty when there is none.
    pub default: &'static str,
    /// The variable under which Keycloak has it.
    pub keycloak: Option<&'static str>,
    /// Lines of documentation, each with a leading space.
    pub doc: &'static [&'static str],
}

impl OptionSpec {
    /// The environment variable.
    pub fn variable(&self) -> String {
        format!("REALMKEEP_{}", self.name.to_uppercase().replace('-', "_"))
    }

    /// The documentation as one paragraph.
    pub fn text(&self) -> String {
        self.doc
            .iter()
            .map(|line| line.trim())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Declares the options: the fields of [`Config`] and the table [`OPTIONS`] from one list.
macro_rules! options {
    ($($group:literal {
        $($(#[doc = $doc:literal])+
        $field:ident: $type:ty = $name:literal, $default:literal $(, $keycloak:literal)?;)+
    })+) => {
        /// The effective configuration.
        #[derive(Clone, Debug)]
        pub struct Config {
            $($($(#[doc = $doc])+ pub $field: $type,)+)+
        }

        /// Every option, in the order of the documentation.
        pub const OPTIONS: &[OptionSpec] = &[
            $($(OptionSpec {
                group: $group,
                name: $name,
                kind: <$type as FromText>::KIND,
                default: $default,
                keycloak: options!(@keycloak $($keycloak)?),
                doc: &[$($doc),+],
            },)+)+
        ];

        impl Config {
            pub(super) fn read(values: &mut Values) -> Result<Self, ConfigError> {
                $($(let $field = values.read::<$type>($name);)+)+
                values.finish()?;
                // `finish` has failed when any of them is missing.
                match ($($($field,)+)+) {
                    ($($(Some($field),)+)+) => Ok(Self { $($($field,)+)+ }),
                    _ => Err(ConfigError::default()),
                }
            }
        }
    };
    (@keycloak) => { None };
    (@keycloak $name:literal) => { Some($name) };
}

options! {
    "Storage" {
        /// Folder of the SQLite database `realmkeep.db` and of the master key; it is created when
        /// it is missing.
        data_dir: PathBuf = "data-dir", "data";
        /// File with the master key that encrypts secrets and private keys in the database.
        /// Without it: `master.key` in the data folder.
        master_key_file: Option<PathBuf> = "master-key-file", "";
        /// Create the master key file when it is missing. Keep a copy of it apart from the
        /// database: without it the database cannot be opened.
        create_master_key: bool = "create-master-key", "false";
    }
    "PostgreSQL" {
        /// Address of a PostgreSQL database to use instead of SQLite, which several servers may
        /// share: `postgres://user@host:5432/database`. Unless the host is this machine, the
        /// connection is encrypted and the host's name verified; `?sslmode=disable` leaves it out.
        database_url: Option<DatabaseUrl> = "database-url", "", "KC_DB_URL";
        /// User of the database, instead of the one in the address.
        database_username: Option<String> = "database-username", "", "KC_DB_USERNAME";
        /// Its password; prefer the file, a variable can be seen by others.
        database_password: Option<SecretString> = "database-password", "", "KC_DB_PASSWORD";
        /// File with its password, read again when the database refuses the one that was read last.
        database_password_file: Option<PathBuf> = "database-password-file", "";
        /// PEM file with the certificate authorities of the database, instead of the system's.
        database_ca_file: Option<PathBuf> = "database-ca-file", "";
        /// Connections to the database at most.
        database_max_connections: usize = "database-max-connections", "20", "KC_DB_POOL_MAX_SIZE";
        /// Seconds that a request waits for a connection before it is answered with 503.
        database_acquire_timeout: Seconds = "database-acquire-timeout", "3";
        /// Seconds that one statement may take.
        database_statement_timeout: Seconds = "database-statement-timeout", "10";
        /// Whether the server brings an older schema up to date when it starts. Without it, an
        /// older schema is an error, and `realmkeep migrate` brings it up to date.
        database_migrate: bool = "database-migrate", "true";
    }
    "HTTP" {
        /// Public address of the server, the beginning of every issuer and link; never taken from
        /// a request. Set it wherever others than this machine use the server. Without it:
        /// `localhost` with the port that is listened on.
        hostname: Option<Hostname> = "hostname", "", "KC_HOSTNAME";
        /// Address to listen on.
        http_host: IpAddr = "http-host", "0.0.0.0", "KC_HTTP_HOST";
        /// Port for HTTP without TLS.
        http_port: u16 = "http-port", "8080", "KC_HTTP_PORT";
        /// Whether to listen without TLS. Without it: only when no certificate is configured.
        http_enabled: Option<bool> = "http-enabled", "", "KC_HTTP_ENABLED";
        /// Port for HTTP with TLS (1.2 and later); used when a certificate is configured.
        https_port: u16 = "https-port", "8443", "KC_HTTPS_PORT";
        /// PEM file with the certificate and its chain; read again when it changes.
        https_certificate_file: Option<PathBuf> = "https-certificate-file", "", "KC_HTTPS_CERTIFICATE_FILE";
        /// PEM file with the private key of the certificate; read again when it changes.
        https_certificate_key_file: Option<PathBuf> = "https-certificate-key-file", "", "KC_HTTPS_CERTIFICATE_KEY_FILE";
        /// PEM file with the certificate authorities of clients' certificates. With it, a client may
        /// show a certificate on the TLS port, and has to have one of theirs if it does.
        https_client_ca_file: Option<PathBuf> = "https-client-ca-file", "";
        /// Connections open at once; further ones wait to be accepted.
        http_max_connections: usize = "http-max-connections", "10000";
        /// Requests worked on at once; further ones are answered with 503. One realm gets at most
        /// three quarters of them, and no more than its share while others need theirs.
        http_max_requests: usize = "http-max-requests", "1000";
        /// Which headers of a reverse proxy say who asks; without it they are ignored.
        proxy_headers: Option<ProxyHeaders> = "proxy-headers", "", "KC_PROXY_HEADERS";
        /// Addresses or networks of the proxies whose headers are believed, separated by commas;
        /// needed with `proxy-headers`.
        proxy_trusted_addresses: AddressList = "proxy-trusted-addresses", "", "KC_PROXY_TRUSTED_ADDRESSES";
        /// Seconds between not being ready any more and refusing new connections at shutdown, for
        /// load balancers to notice.
        shutdown_delay: Seconds = "shutdown-delay", "0", "KC_SHUTDOWN_DELAY";
        /// Seconds that requests under way have to finish at shutdown.
        shutdown_timeout: Seconds = "shutdown-timeout", "25", "KC_SHUTDOWN_TIMEOUT";
        /// Threads that serve requests. Without it: one for every processor.
        worker_threads: Option<usize> = "worker-threads", "";
    }
    "Features" {
        /// What is off unless it is named here, separated by commas: `docker` (tokens for Docker
        /// registries), `token-exchange` (exchange of tokens with other issuers), `passkeys` (the
        /// execution "Passkeys Conditional UI Authenticator"); `preview` stands for those that are in
        /// preview.
        features: Features = "features", "", "KC_FEATURES";
        /// What is on unless it is named here, separated by commas: `recovery-codes` (as a second
        /// factor), `update-email` (the action by which users change their e-mail address). It goes
        /// before `features`.
        features_disabled: DisabledFeatures = "features-disabled", "", "KC_FEATURES_DISABLED";
    }
    "Accounts" {
        /// Folder of themes: `NAME/login/…`, read at start.
        themes_dir: Option<PathBuf> = "themes-dir", "";
        /// How passwords are hashed in realms whose policy does not say.
        password_hashing_default: PasswordHashing = "password-hashing-default", "argon2", "KC_SPI_PASSWORD_HASHING_PROVIDER_DEFAULT";
        /// Passwords hashed at once; further ones wait, and those that would wait too long are
        /// answered with 503. Without it: one for every processor.
        password_hashing_workers: Option<usize> = "password-hashing-workers", "", "KC_SPI_PASSWORD_HASHING_ARGON2_CPU_CORES";
        /// Folder of password blacklists, one password on each line, read at start; realms refer to
        /// a file in it by name. Without it: `password-blacklists` in the data folder, if it is there.
        password_blacklists_dir: Option<PathBuf> = "password-blacklists-dir", "", "KC_SPI_PASSWORD_POLICY_PASSWORD_BLACKLIST_BLACKLISTS_PATH";
        /// Whether a slash in the name of a group is written `~/` in the group's path, so that paths are
        /// unambiguous.
        groups_escape_slashes: bool = "groups-escape-slashes", "false", "KC_SPI_GROUP_JPA_ESCAPE_SLASHES_IN_GROUP_PATH";
        /// File of certificates (PEM), read at start, that attestations of security keys have to lead to
        /// where a realm's WebAuthn policy asks for attestations. Without it, their certificates are not
        /// checked, and a policy that accepts some models only accepts none.
        attestation_ca_file: Option<PathBuf> = "attestation-ca-file", "";
        /// Folder of Java key stores for the key provider `java-keystore`, with a folder for each realm that
        /// is named as the realm. A store is read when the key's component is saved. Without it: none.
        keystores_dir: Option<PathBuf> = "keystores-dir", "", "KC_SPI_KEYS_JAVA_KEYSTORE_KEYSTORES_PATH";
    }
    "Vault" {
        /// Folder of secrets, a file for each, that realms refer to with `${vault.KEY}`; Kubernetes
        /// mounts a Secret so. A file is read when its secret is needed.
        vault_dir: Option<PathBuf> = "vault-dir", "", "KC_VAULT_DIR";
        /// Beginning of the names of environment variables that are secrets, such as `VAULT_`;
        /// looked at after the folder. Without it: none.
        vault_environment_prefix: Option<String> = "vault-environment-prefix", "";
        /// How realm and key make the name of a secret, the first that is there counts; separated by
        /// commas: `REALM_UNDERSCORE_KEY` (underscores in realm and key doubled), `KEY_ONLY` (all
        /// realms get at it), `REALM_FILESEPARATOR_KEY` (a folder for each realm), `FACTORY_PROVIDED`.
        vault_key_resolvers: KeyResolvers = "vault-key-resolvers", "REALM_UNDERSCORE_KEY", "KC_SPI_VAULT_FILE_KEY_RESOLVERS";
    }
    "Events" {
        /// Level of the log lines of events that succeeded, in the category `org.keycloak.events`.
        events_log_success_level: EventLevel = "events-log-success-level", "debug", "KC_SPI_EVENTS_LISTENER_JBOSS_LOGGING_SUCCESS_LEVEL";
        /// Level of the log lines of events that failed.
        events_log_error_level: EventLevel = "events-log-error-level", "warn", "KC_SPI_EVENTS_LISTENER_JBOSS_LOGGING_ERROR_LEVEL";
        /// Types of events that the listener `email` sends mails for, separated by commas. Without it:
        /// all that it knows (`LOGIN_ERROR`, `UPDATE_PASSWORD`, `UPDATE_TOTP`, `REMOVE_TOTP`,
        /// `UPDATE_CREDENTIAL`, `REMOVE_CREDENTIAL`).
        events_email_include: MailedEvents = "events-email-include", "", "KC_SPI_EVENTS_LISTENER_EMAIL_INCLUDE_EVENTS";
        /// Types of events that it sends no mails for.
        events_email_exclude: MailedEvents = "events-email-exclude", "", "KC_SPI_EVENTS_LISTENER_EMAIL_EXCLUDE_EVENTS";
        /// Characters that admin events keep of what was sent; the rest is cut off. Without it: all.
        events_max_representation: Option<usize> = "events-max-representation", "", "KC_SPI_EVENTS_STORE_JPA_MAX_FIELD_LENGTH";
    }
    "Management" {
        /// Address of the management listener (health and metrics).
        management_host: IpAddr = "management-host", "0.0.0.0", "KC_HTTP_MANAGEMENT_HOST";
        /// Port of `/health`, `/health/live`, `/health/ready`, `/health/started` and `/metrics`.
        management_port: u16 = "management-port", "9000", "KC_HTTP_MANAGEMENT_PORT";
    }
    "First administrator" {
        /// Name of a temporary administrator, created when the server starts with no realm yet.
        bootstrap_admin_username: Option<String> = "bootstrap-admin-username", "", "KC_BOOTSTRAP_ADMIN_USERNAME";
        /// Its password; prefer the file, a variable can be seen by others.
        bootstrap_admin_password: Option<SecretString> = "bootstrap-admin-password", "", "KC_BOOTSTRAP_ADMIN_PASSWORD";
        /// File with its password; line ends at the end are left out.
        bootstrap_admin_password_file: Option<PathBuf> = "bootstrap-admin-password-file", "";
        /// Issuer of the service account token that may administer this server without a
        /// password, usually the cluster's issuer.
        bootstrap_service_account_issuer: Option<String> = "bootstrap-service-account-issuer", "";
        /// Subject of that token, such as `system:serviceaccount:realmkeep-system:realmkeep-operator`.
        bootstrap_service_account_subject: Option<String> = "bootstrap-service-account-subject", "";
    }
    "Outgoing requests" {
        /// PEM file with certificate authorities to trust besides the public ones, for issuers
        /// and their keys.
        outbound_ca_file: Option<PathBuf> = "outbound-ca-file", "";
        /// Origins that may be asked without TLS, separated by commas.
        outbound_http_origins: Vec<Url> = "outbound-http-origins", "";
        /// Whether addresses that are private, loopback or link-local may be asked.
        outbound_private_addresses: bool = "outbound-private-addresses", "false";
        /// Folder with `token` and `ca.crt` of this server's own service account, used in a
        /// Kubernetes cluster (where `KUBERNETES_SERVICE_HOST` is set). The token goes to the API
        /// server only, whose keys are behind authentication.
        service_account_dir: PathBuf = "service-account-dir", "/var/run/secrets/kubernetes.io/serviceaccount";
    }
    "Traces" {
        /// Whether to send traces of requests to a collector.
        tracing_enabled: bool = "tracing-enabled", "false", "KC_TRACING_ENABLED";
        /// Address of the collector (OpenTelemetry, OTLP over HTTP); `/v1/traces` is appended.
        tracing_endpoint: Endpoint = "tracing-endpoint", "http://localhost:4318", "KC_TRACING_ENDPOINT";
        /// Name of this service in its traces.
        tracing_service_name: String = "tracing-service-name", "realmkeep", "KC_TRACING_SERVICE_NAME";
        /// Part of the traces that is sent, from 0 to 1, where whoever asks has not decided it.
        tracing_sampler_ratio: Ratio = "tracing-sampler-ratio", "1.0", "KC_TRACING_SAMPLER_RATIO";
    }
    "Logging" {
        /// Level of log lines, and after commas levels by module (`info,realmkeep_oidc=debug`).
        log_level: LogFilter = "log-level", "info", "KC_LOG_LEVEL";
        /// How log lines look.
        log_format: LogFormat = "log-format", "text", "KC_LOG_CONSOLE_OUTPUT";
    }
}
