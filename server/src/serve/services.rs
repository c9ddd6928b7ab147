//! Puts together what request handlers share, and makes the first start's realm.

use std::sync::Arc;

use anyhow::Context;
use realmkeep_admin::bootstrap::{self, FirstAdmin};
use realmkeep_authn::accounts::{Accounts, read_blacklists};
use realmkeep_authn::{BaseUrl, BootstrapTrust, CookieSeal, RemoteKeyCache, Services};
use realmkeep_email::Mailer;
use realmkeep_events::{Events, Metrics};
use realmkeep_keys::providers::Sources;
use realmkeep_keys::vault::{EnvironmentVault, FileVault, Vault, VaultProvider};
use realmkeep_keys::{Keys, KeystoreFolder, PasswordHasher};
use realmkeep_model::clock::Clock;
use realmkeep_model::password_policy::{Blacklist, Blacklists};
use realmkeep_pages::Pages;
use realmkeep_representations::SecretString;
use realmkeep_webauthn::{TrustAnchors, Truststore};
use realmkeep_workload_identity::{ApiServer, OutboundConfig, OutboundHttp, TrustRoots};

use super::DataDir;
use crate::config::Config;

/// Name of the first administrator when only a password is given, as Keycloak has it.
const TEMPORARY_ADMIN_NAME: &str = "temp-admin";

/// # Errors
/// When a configured file cannot be read.
pub fn services(
    config: &Config,
    base_url: BaseUrl,
    data: &DataDir,
    events: Arc<Metrics>,
) -> anyhow::Result<Services> {
    let bootstrap_trust = match (
        &config.bootstrap_service_account_issuer,
        &config.bootstrap_service_account_subject,
    ) {
        (Some(issuer), Some(subject)) => Some(BootstrapTrust {
            issuer: issuer.clone(),
            subject: subject.clone(),
        }),
        _ => None,
    };
    let clock = Clock::default();
    let remote_keys = remote_keys(config, &clock)?;
    let accounts = accounts(config, remote_keys.http().clone())?;
    let pages = Pages::with_themes(&base_url.path(), config.themes_dir.as_deref())?;
    Ok(Services {
        store: data
            .store
            .clone()
            .escaping_group_paths(config.groups_escape_slashes),
        keys: Keys::new(data.store.clone()).with_sources(Sources {
            vault: vault(config),
            keystores: KeystoreFolder::new(config.keystores_dir.clone()),
        }),
        passwords: PasswordHasher::with_default(
            config.password_hashing_default.0,
            config.password_hashing_workers,
        ),
        events: Events::recording_with(
            events,
            data.store.clone(),
            clock.clone(),
            realmkeep_events::Settings {
                success_level: config.events_log_success_level.0,
                error_level: config.events_log_error_level.0,
                email_include: config.events_email_include.0.clone(),
                email_exclude: config.events_email_exclude.0.clone(),
                max_representation: config.events_max_representation,
            },
        ),
        clock,
        base_url,
        remote_keys,
        pages,
        features: config.features.without(&config.features_disabled),
        bootstrap_trust,
        cookies: CookieSeal::new(&data.master_key)?,
        accounts,
    })
}

/// Where secrets are that realms refer to.
fn vault(config: &Config) -> Vault {
    let mut providers: Vec<Box<dyn VaultProvider>> = Vec::new();
    if let Some(folder) = &config.vault_dir {
        providers.push(Box::new(FileVault::new(folder)));
    }
    if let Some(prefix) = &config.vault_environment_prefix {
        providers.push(Box::new(EnvironmentVault::new(prefix)));
    }
    Vault::new(providers, config.vault_key_resolvers.0.clone())
}

/// Mail servers are trusted by the same certificate authorities as other servers we call.
fn accounts(config: &Config, http: OutboundHttp) -> anyhow::Result<Accounts> {
    let authorities = match &config.outbound_ca_file {
        Some(path) => vec![
            std::fs::read(path).with_context(|| format!("outbound-ca-file {}", path.display()))?,
        ],
        None => Vec::new(),
    };
    let usual = config.data_dir.join("password-blacklists");
    let folder = match &config.password_blacklists_dir {
        Some(folder) => Some(folder),
        None => usual.is_dir().then_some(&usual),
    };
    let blacklists = match folder {
        Some(folder) => read_blacklists(folder, Blacklist::FALSE_POSITIVES)
            .with_context(|| format!("password-blacklists-dir {}", folder.display()))?,
        None => Blacklists::default(),
    };
    let mut accounts = Accounts::new(Mailer::new(http, &authorities)?, blacklists);
    if let Some(path) = &config.attestation_ca_file {
        let option = || format!("attestation-ca-file {}", path.display());
        let pem = std::fs::read(path).with_context(option)?;
        let anchors = TrustAnchors::from_pem(&pem).with_context(option)?;
        accounts.attestations = Truststore::Anchors(anchors);
    }
    Ok(accounts)
}

/// Keys of issuers are asked for by one guarded client; our own token goes to the API server only.
fn remote_keys(config: &Config, clock: &Clock) -> anyhow::Result<RemoteKeyCache> {
    let roots = match &config.outbound_ca_file {
        Some(path) => {
            let pem = std::fs::read(path)
                .with_context(|| format!("outbound-ca-file {}", path.display()))?;
            TrustRoots::SystemAnd(vec![pem])
        }
        None => TrustRoots::System,
    };
    let http = OutboundHttp::new(&OutboundConfig {
        http_origins: config
            .outbound_http_origins
            .iter()
            .map(|url| url.origin().ascii_serialization())
            .collect(),
        allow_private_addresses: config.outbound_private_addresses,
        roots,
        ..OutboundConfig::default()
    })?;
    // Set by Kubernetes in every container.
    let variable = |name: &str| std::env::var(name).ok();
    let api_server = match (
        variable("KUBERNETES_SERVICE_HOST"),
        variable("KUBERNETES_SERVICE_PORT"),
    ) {
        (Some(host), Some(port)) if config.service_account_dir.join("token").exists() => Some(
            ApiServer::in_cluster(&host, &port, &config.service_account_dir)?,
        ),
        _ => None,
    };
    Ok(RemoteKeyCache::new(http, api_server, clock.clone()))
}

/// Makes the realm `master` and the first administrator; does nothing more at later starts.
///
/// # Errors
/// When the database refuses, or the password file cannot be read.
pub async fn bootstrap(config: &Config, services: &Services) -> anyhow::Result<()> {
    let password = password(config)?;
    let first_start = bootstrap::ensure_master(services).await?;
    match password {
        Some(password) if first_start => create_admin(config, services, &password).await?,
        Some(_) => {
            tracing::info!("the realm master exists already, so bootstrap-admin-* has no effect");
        }
        None if first_start && services.bootstrap_trust.is_none() => tracing::warn!(
            "there is no administrator yet; stop the server and run `realmkeep bootstrap-admin --bootstrap-admin-username NAME --bootstrap-admin-password-file FILE` with the same data-dir"
        ),
        None => {}
    }
    Ok(())
}

/// Creates the temporary administrator that the configuration describes.
///
/// # Errors
/// When there is no password, the name is taken, or the database refuses.
pub async fn bootstrap_admin(config: &Config, services: &Services) -> anyhow::Result<String> {
    let Some(password) = password(config)? else {
        anyhow::bail!("no password is given; set bootstrap-admin-password-file");
    };
    ensure_master(services).await?;
    let name = admin_name(config);
    match bootstrap::create_admin(services, name, &password).await? {
        FirstAdmin::Created => Ok(name.to_owned()),
        FirstAdmin::Exists => anyhow::bail!(
            "there is a user {name} in the realm master already; set bootstrap-admin-username to another name"
        ),
    }
}

/// Makes the realm `master` where it is missing, and leaves it as it is where it is not.
///
/// # Errors
/// When the database refuses.
pub async fn ensure_master(services: &Services) -> anyhow::Result<()> {
    if services.store.realm("master").await?.is_none() {
        bootstrap::ensure_master(services).await?;
    }
    Ok(())
}

async fn create_admin(
    config: &Config,
    services: &Services,
    password: &SecretString,
) -> anyhow::Result<()> {
    let name = admin_name(config);
    if let FirstAdmin::Created = bootstrap::create_admin(services, name, password).await? {
        tracing::info!(
            username = name,
            "temporary administrator created in the realm master; create a lasting one and delete it"
        );
    }
    Ok(())
}

fn admin_name(config: &Config) -> &str {
    config
        .bootstrap_admin_username
        .as_deref()
        .unwrap_or(TEMPORARY_ADMIN_NAME)
}

fn password(config: &Config) -> anyhow::Result<Option<SecretString>> {
    if let Some(path) = &config.bootstrap_admin_password_file {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("bootstrap-admin-password-file {}", path.display()))?;
        let password = text.trim_end_matches(['\n', '\r']);
        anyhow::ensure!(
            !password.is_empty(),
            "bootstrap-admin-password-file {} is empty",
            path.display()
        );
        return Ok(Some(SecretString::new(password)));
    }
    Ok(config.bootstrap_admin_password.clone())
}
