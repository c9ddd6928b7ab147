//! Brings the sources together and says where each value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::options::{Config, OPTIONS, OptionSpec};
use super::setting::{FromText, Kind};

/// Variables that are not options of the server but carry its prefix.
const OTHER_VARIABLES: &[&str] = &["REALMKEEP_CONFIG"];
/// Variables whose silent loss would be dangerous, and what to do.
const REFUSED_VARIABLES: &[(&str, &str)] = &[
    (
        "KC_DB_URL_HOST",
        "give the whole address as KC_DB_URL (postgres://host/database)",
    ),
    (
        "KC_DB_URL_DATABASE",
        "give the whole address as KC_DB_URL (postgres://host/database)",
    ),
    (
        "KC_DB_SCHEMA",
        "give the schema in KC_DB_URL (?options=-c%20search_path%3DNAME)",
    ),
    (
        "KC_HTTP_RELATIVE_PATH",
        "give the path as part of KC_HOSTNAME",
    ),
    (
        "KC_HTTPS_CLIENT_AUTH",
        "client certificates are not supported yet",
    ),
];
/// Names further apart than this are not taken for a typing error.
const NEAR: f64 = 0.6;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    File(PathBuf),
    Variable(String),
    Flag,
}

/// The sources, as found.
#[derive(Debug, Default)]
pub struct Input {
    /// By option name.
    pub flags: BTreeMap<String, String>,
    pub variables: Vec<(String, String)>,
    /// `--config`; `REALMKEEP_CONFIG` is looked up in the variables.
    pub file: Option<PathBuf>,
}

/// The configuration and where it came from.
#[derive(Debug)]
pub struct Effective {
    pub config: Config,
    /// In the order of the table; secrets in clear.
    pub values: Vec<(&'static OptionSpec, String, Source)>,
    /// About settings that have no effect here.
    pub warnings: Vec<String>,
}

/// Everything that is wrong with the configuration, one line each.
#[derive(Debug, Default)]
pub struct ConfigError(pub Vec<String>);

/// The text of every option, while it is being read.
pub(super) struct Values {
    found: BTreeMap<&'static str, (String, Source)>,
    problems: Vec<String>,
}

impl Input {
    /// # Errors
    /// Every unknown key and every wrong value, with the remedy.
    pub fn load(self) -> Result<Effective, ConfigError> {
        let mut warnings = Vec::new();
        let mut problems = Vec::new();
        let mut found: BTreeMap<&'static str, (String, Source)> = OPTIONS
            .iter()
            .map(|o| (o.name, (o.default.to_owned(), Source::Default)))
            .collect();
        let file = self.file.clone().or_else(|| {
            self.variables
                .iter()
                .find(|(name, value)| name == "REALMKEEP_CONFIG" && !value.is_empty())
                .map(|(_, value)| PathBuf::from(value))
        });
        if let Some(path) = file {
            match read_file(&path) {
                Ok(values) => {
                    for (name, value) in values {
                        found.insert(name, (value, Source::File(path.clone())));
                    }
                }
                Err(mut e) => problems.append(&mut e),
            }
        }
        for (name, value) in &self.variables {
            if !name.starts_with("KC_") || value.is_empty() {
                continue;
            }
            if let Some(option) = OPTIONS.iter().find(|o| o.keycloak == Some(name)) {
                found.insert(option.name, (value.clone(), Source::Variable(name.clone())));
            } else if name == "KC_DB" {
                if value != "postgres" {
                    problems.push(format!(
                        "KC_DB: {value} is not a database that is used here; unset it for SQLite in data-dir, or set it to postgres, and KC_DB_URL"
                    ));
                }
            } else if name == "KC_VAULT" {
                if value != "file" {
                    problems.push(format!(
                        "KC_VAULT: {value} is not read here; put the secrets into files, and set it to file, and KC_VAULT_DIR"
                    ));
                }
            } else if let Some((_, why)) = REFUSED_VARIABLES.iter().find(|(n, _)| n == name) {
                problems.push(format!("{name}: {why}; unset it"));
            } else {
                warnings.push(format!("{name} has no effect here"));
            }
        }
        for (name, value) in &self.variables {
            if !name.starts_with("REALMKEEP_") {
                continue;
            }
            if let Some(option) = OPTIONS.iter().find(|o| o.variable() == *name) {
                if !value.is_empty() {
                    found.insert(option.name, (value.clone(), Source::Variable(name.clone())));
                }
            } else if !is_other_variable(name, value) {
                // Tools around the server have variables with its prefix, too.
                match nearest(name, OPTIONS.iter().map(OptionSpec::variable)) {
                    Some(other) => problems.push(format!(
                        "the variable {name}: there is no such option; did you mean {other}?"
                    )),
                    None => warnings.push(format!("{name} has no effect here")),
                }
            }
        }
        for option in OPTIONS {
            if let Some(value) = self.flags.get(option.name) {
                found.insert(option.name, (value.clone(), Source::Flag));
            }
        }
        let mut values = Values { found, problems };
        let config = Config::read(&mut values)?;
        check_together(&config)?;
        let values = OPTIONS
            .iter()
            .filter_map(|o| {
                let (value, source) = values.found.get(o.name)?;
                Some((o, value.clone(), source.clone()))
            })
            .collect();
        Ok(Effective {
            config,
            values,
            warnings,
        })
    }
}

impl Values {
    /// The typed value; None notes what is wrong with it.
    pub(super) fn read<T: FromText>(&mut self, name: &'static str) -> Option<T> {
        let (text, source) = self.found.get(name)?;
        match T::from_text(text) {
            Ok(value) => Some(value),
            Err(wanted) => {
                // A secret is not repeated.
                let given = match T::KIND {
                    Kind::Secret | Kind::Address(_) => String::new(),
                    _ => format!(" {text:?}"),
                };
                let place = place(name, source);
                self.problems.push(format!("{place}:{given}: {wanted}"));
                None
            }
        }
    }

    pub(super) fn finish(&mut self) -> Result<(), ConfigError> {
        match std::mem::take(&mut self.problems) {
            problems if problems.is_empty() => Ok(()),
            problems => Err(ConfigError(problems)),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is not right:")?;
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

fn place(name: &str, source: &Source) -> String {
    match source {
        Source::Default => name.to_owned(),
        Source::File(path) => format!("{} in {}", name, path.display()),
        Source::Variable(variable) => variable.clone(),
        Source::Flag => format!("--{name}"),
    }
}

/// The values of a TOML file by option.
fn read_file(path: &Path) -> Result<Vec<(&'static str, String)>, Vec<String>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| {
        vec![format!(
            "the configuration file {shown} cannot be read: {e}"
        )]
    })?;
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        vec![format!("{shown} is not TOML: {}", e.to_string().trim_end())]
    })?;
    let mut values = Vec::new();
    let mut problems = Vec::new();
    for (key, value) in table {
        let Some(option) = OPTIONS.iter().find(|o| o.name == key) else {
            problems.push(unknown(&format!("{key} in {shown}"), &key));
            continue;
        };
        match scalar(&value) {
            Some(text) => values.push((option.name, text)),
            None => problems.push(format!(
                "{key} in {shown}: a string, number, true, false or a list of strings is needed"
            )),
        }
    }
    if problems.is_empty() {
        Ok(values)
    } else {
        Err(problems)
    }
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(s) => Some(s.clone()),
        toml::Value::Integer(i) => Some(i.to_string()),
        toml::Value::Boolean(b) => Some(b.to_string()),
        toml::Value::Array(items) => items
            .iter()
            .map(|i| i.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .map(|items| items.join(",")),
        _ => None,
    }
}

fn unknown(what: &str, name: &str) -> String {
    match nearest(name, OPTIONS.iter().map(|o| o.name.to_owned())) {
        Some(other) => format!("{what}: there is no such option; did you mean {other}?"),
        None => format!("{what}: there is no such option; `realmkeep config` lists all"),
    }
}

/// The name of which `name` may be a misspelling.
fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let bare = |n: &str| n.trim_start_matches("REALMKEEP_").to_owned();
    let (near, other) = known
        .map(|k| {
            (
                strsim::normalized_damerau_levenshtein(&bare(&k), &bare(name)),
                k,
            )
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    (near >= NEAR).then_some(other)
}

/// Variables that Kubernetes sets for a Service whose name begins with `realmkeep`.
fn is_other_variable(name: &str, value: &str) -> bool {
    OTHER_VARIABLES.contains(&name)
        || name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_")
            && ["_TCP", "_UDP", "_PROTO", "_ADDR"]
                .iter()
                .any(|part| name.contains(part))
        || name.ends_with("_PORT") && value.contains("://")
}

/// Options that need each other.
fn check_together(config: &Config) -> Result<(), ConfigError> {
    let mut problems = Vec::new();
    let mut pair = |a: bool, b: bool, a_name: &str, b_name: &str| {
        if a && !b {
            problems.push(format!("{a_name} is given, but {b_name} is not"));
        }
        if b && !a {
            problems.push(format!("{b_name} is given, but {a_name} is not"));
        }
    };
    pair(
        config.https_certificate_file.is_some(),
        config.https_certificate_key_file.is_some(),
        "https-certificate-file",
        "https-certificate-key-file",
    );
    pair(
        config.bootstrap_service_account_issuer.is_some(),
        config.bootstrap_service_account_subject.is_some(),
        "bootstrap-service-account-issuer",
        "bootstrap-service-account-subject",
    );
    pair(
        config.proxy_headers.is_some(),
        !config.proxy_trusted_addresses.0.is_empty(),
        "proxy-headers",
        "proxy-trusted-addresses",
    );
    if config.bootstrap_admin_password.is_some() && config.bootstrap_admin_password_file.is_some() {
        problems.push(
            "bootstrap-admin-password and bootstrap-admin-password-file are given; give one".into(),
        );
    }
    let password =
        config.bootstrap_admin_password.is_some() || config.bootstrap_admin_password_file.is_some();
    if config.bootstrap_admin_username.is_some() && !password {
        problems.push(
            "bootstrap-admin-username is given, but bootstrap-admin-password-file (or -password) is not; there is no default password".into(),
        );
    }
    if config.database_password.is_some() && config.database_password_file.is_some() {
        problems.push("database-password and database-password-file are given; give one".into());
    }
    let database = [
        ("database-username", config.database_username.is_some()),
        ("database-password", config.database_password.is_some()),
        (
            "database-password-file",
            config.database_password_file.is_some(),
        ),
        ("database-ca-file", config.database_ca_file.is_some()),
    ];
    for (name, given) in database {
        if given && config.database_url.is_none() {
            problems.push(format!(
                "{name} is given, but database-url is not; without it, SQLite is used"
            ));
        }
    }
    if config.database_acquire_timeout.0.is_zero() || config.database_statement_timeout.0.is_zero()
    {
        problems.push(
            "database-acquire-timeout and database-statement-timeout must be at least 1".into(),
        );
    }
    if config.http_enabled == Some(false) && config.https_certificate_file.is_none() {
        problems.push("http-enabled is false and no certificate is configured, so nothing would listen; give https-certificate-file".into());
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(ConfigError(problems))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(flags: &[(&str, &str)], variables: &[(&str, &str)]) -> Input {
        let own = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        Input {
            flags: own(flags).into_iter().collect(),
            variables: own(variables),
            file: None,
        }
    }

    #[test]
    fn a_nearer_source_wins() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("realmkeep.toml");
        std::fs::write(
            &file,
            "http-port = 1\nhttps-port = 1\nmanagement-port = 1\nlog-format = 'json'\n",
        )
        .unwrap();
        let mut input = input(
            &[("http-port", "4")],
            &[
                ("KC_HTTP_PORT", "2"),
                ("KC_HTTPS_PORT", "2"),
                ("KC_HTTP_MANAGEMENT_PORT", "2"),
                ("REALMKEEP_HTTP_PORT", "3"),
                ("REALMKEEP_HTTPS_PORT", "3"),
            ],
        );
        input.file = Some(file.clone());
        let effective = input.load().unwrap();
        let config = &effective.config;
        assert_eq!(
            (config.http_port, config.https_port, config.management_port),
            (4, 3, 2)
        );
        assert_eq!(config.log_format, crate::config::LogFormat::Json);
        let source = |name: &str| {
            let (_, _, source) = effective.values.iter().find(|v| v.0.name == name).unwrap();
            source.clone()
        };
        assert_eq!(source("http-port"), Source::Flag);
        assert_eq!(
            source("management-port"),
            Source::Variable("KC_HTTP_MANAGEMENT_PORT".into())
        );
        assert_eq!(source("log-format"), Source::File(file));
        assert_eq!(source("http-host"), Source::Default);
    }

    #[test]
    fn unknown_names_are_refused_with_the_nearest() {
        let error = input(&[], &[("REALMKEEP_HTP_PORT", "1")])
            .load()
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("did you mean REALMKEEP_HTTP_PORT?"),
            "{error}"
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        std::fs::write(&file, "data-dri = 'x'\n[http]\nport = 1\n").unwrap();
        let mut with_file = input(&[], &[]);
        with_file.file = Some(file);
        let error = with_file.load().unwrap_err();
        assert_eq!(error.0.len(), 2, "{error}");
        assert!(error.0[0].contains("did you mean data-dir?"), "{error}");
    }

    #[test]
    fn variables_of_kubernetes_services_are_not_options() {
        let variables = [
            ("REALMKEEP_SERVICE_HOST", "10.0.0.1"),
            ("REALMKEEP_SERVICE_PORT_HTTP", "8080"),
            ("REALMKEEP_PORT", "tcp://10.0.0.1:8080"),
            ("REALMKEEP_PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("REALMKEEP_OPERATOR_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("REALMKEEP_IMAGES", "/tmp/images"),
        ];
        let effective = input(&[], &variables).load().unwrap();
        assert_eq!(effective.warnings, ["REALMKEEP_IMAGES has no effect here"]);
    }

    #[test]
    fn wrong_values_are_all_named_and_secrets_are_not() {
        let error = input(
            &[("http-port", "eighty")],
            &[
                ("KC_PROXY_HEADERS", "x"),
                ("REALMKEEP_BOOTSTRAP_ADMIN_PASSWORD", "hunter2"),
                ("KC_DB", "mariadb"),
            ],
        )
        .load()
        .unwrap_err()
        .to_string();
        assert!(error.contains("--http-port: \"eighty\""), "{error}");
        assert!(error.contains("KC_PROXY_HEADERS"), "{error}");
        assert!(error.contains("KC_DB: "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn halves_of_a_pair_are_refused() {
        let error = input(
            &[
                ("https-certificate-file", "c.pem"),
                ("bootstrap-admin-username", "a"),
            ],
            &[],
        )
        .load()
        .unwrap_err();
        assert_eq!(error.0.len(), 2, "{error}");
    }
}
