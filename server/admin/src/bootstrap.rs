//! The first start: the master realm, and somebody who may administer it.

use std::collections::BTreeMap;

use realmkeep_authn::{BootstrapTrust, Services};
use realmkeep_model::fresh::{self, MASTER};
use realmkeep_representations::{
    ClientRepresentation, CredentialRepresentation, IdentityProviderRepresentation,
    RealmRepresentation, SecretString, UserRepresentation,
};
use realmkeep_store::roles::Holder;
use realmkeep_store::{Batch, Realm, Store, Touch};

use crate::clients;
use crate::error::ApiError;
use crate::identity_providers;
use crate::names::Names;
use crate::request::new_id;
use crate::steps;
use crate::whole_realm;

/// The client as which the trusted workload acts.
pub const OPERATOR_CLIENT: &str = "realmkeep-operator";
/// The identity provider that vouches for it.
pub const OPERATOR_PROVIDER: &str = "bootstrap-kubernetes";
/// On users that exist only until a lasting administrator does.
pub const TEMPORARY_ADMIN: &str = "is_temporary_admin";

/// Why the server could not be made ready for administration.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    #[error("the master realm cannot be prepared: {0}")]
    Failed(String),
    #[error("the first administrator needs a username and a password that are not empty")]
    Empty,
}

/// What became of the wish for a first administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstAdmin {
    Created,
    /// A user of that name is there; it was not changed.
    Exists,
}

impl From<ApiError> for BootstrapError {
    fn from(e: ApiError) -> Self {
        Self::Failed(e.text())
    }
}

impl From<realmkeep_store::StoreError> for BootstrapError {
    fn from(e: realmkeep_store::StoreError) -> Self {
        Self::Failed(e.to_string())
    }
}

/// Creates the master realm where there is none, and makes the trusted workload (and no other one) an
/// administrator. Call it at every start; true when the master realm was created now.
///
/// # Errors
/// When the database fails, or the trusted issuer is not usable.
pub async fn ensure_master(services: &Services) -> Result<bool, BootstrapError> {
    let created = services.store.realm(MASTER).await?.is_none();
    if created {
        let wanted = RealmRepresentation {
            realm: Some(MASTER.to_owned()),
            ..Default::default()
        };
        match whole_realm::create(services, wanted, None, "").await {
            Ok(_) => {}
            // Another replica was faster.
            Err(e) if e.status == http::StatusCode::CONFLICT => {}
            Err(e) => return Err(e.into()),
        }
    }
    let master = master(services).await?;
    match &services.bootstrap_trust {
        Some(trust) => ensure_trust(services, &master, trust).await?,
        None => revoke_trust(services, &master).await?,
    }
    Ok(created)
}

/// Creates a temporary administrator with this password. Meant for the start that created the master
/// realm: later, a deleted administrator must not come back because a variable is still set.
///
/// # Errors
/// When name or password are empty, or the database fails.
pub async fn create_admin(
    services: &Services,
    username: &str,
    password: &SecretString,
) -> Result<FirstAdmin, BootstrapError> {
    if username.trim().is_empty() || password.expose().is_empty() {
        return Err(BootstrapError::Empty);
    }
    let master = master(services).await?;
    let known = services.store.find_user_named(&master.id, username).await?;
    if known.is_some() {
        return Ok(FirstAdmin::Exists);
    }
    let names = Names::load(&services.store, &master).await?;
    let mut batch = Batch::new();
    let user = UserRepresentation {
        username: Some(username.to_owned()),
        enabled: Some(true),
        attributes: Some(BTreeMap::from([(
            TEMPORARY_ADMIN.to_owned(),
            vec!["true".to_owned()],
        )])),
        credentials: Some(vec![CredentialRepresentation {
            r#type: Some("password".to_owned()),
            value: Some(password.clone()),
            ..Default::default()
        }]),
        ..Default::default()
    };
    let id = steps::add_user(services, &mut batch, &names, &user).await?;
    batch.push(Store::grant_role(Holder::User, &id, admin_role(&master)?));
    match services.store.commit(batch).await {
        Ok(_) => Ok(FirstAdmin::Created),
        // Another replica was faster.
        Err(e) if e.is_conflict() => Ok(FirstAdmin::Exists),
        Err(e) => Err(e.into()),
    }
}

async fn ensure_trust(
    services: &Services,
    master: &Realm,
    trust: &BootstrapTrust,
) -> Result<(), BootstrapError> {
    let store = &services.store;
    let mut batch = Batch::new();

    let known = master.identity_provider(OPERATOR_PROVIDER);
    let wanted = IdentityProviderRepresentation {
        alias: Some(OPERATOR_PROVIDER.to_owned()),
        internal_id: Some(known.map_or_else(new_id, |p| p.internal_id.clone().unwrap_or_default())),
        provider_id: Some("kubernetes".to_owned()),
        enabled: Some(true),
        config: Some(BTreeMap::from([(
            "issuer".to_owned(),
            trust.issuer.clone(),
        )])),
        ..Default::default()
    };
    let wanted = identity_providers::checked(
        wanted,
        master.settings.ssl_required.as_deref(),
        &master.identity_providers,
    )?;
    if known != Some(&wanted) {
        batch.push(match known {
            Some(_) => store.update(&master.id, &wanted)?,
            None => store.insert(&master.id, &wanted)?,
        });
        batch.touch(Touch::Realm(master.id.clone()));
    }

    let known = store.client(master, OPERATOR_CLIENT).await?;
    let wanted = operator_client(trust, known.as_ref().map(|c| &c.representation));
    let names = Names::load(store, master).await?;
    let admin = admin_role(master)?;
    match known {
        None => {
            batch.push(store.insert(&master.id, &wanted)?);
            let account = steps::add_service_account(services, &mut batch, &names, &wanted)?;
            batch.push(Store::grant_role(Holder::User, &account, admin));
            batch.touch(Touch::Realm(master.id.clone()));
        }
        Some(known) => {
            if known.representation != wanted {
                batch.push(store.update(&master.id, &wanted)?);
                batch.touch(Touch::Realm(master.id.clone()));
            }
            let id = wanted.id.as_deref().unwrap_or_default();
            let account = match store.find_service_account(&master.id, id).await? {
                Some(user) => user.id.unwrap_or_default(),
                None => {
                    batch.touch(Touch::Realm(master.id.clone()));
                    steps::add_service_account(services, &mut batch, &names, &wanted)?
                }
            };
            if !store
                .roles_of_user(&account)
                .await?
                .iter()
                .any(|r| r == admin)
            {
                batch.push(Store::grant_role(Holder::User, &account, admin));
                batch.touch(Touch::Realm(master.id.clone()));
            }
        }
    }
    if !batch.is_empty() {
        store.commit(batch).await?;
    }
    Ok(())
}

/// A workload that the configuration no longer trusts keeps no way in.
async fn revoke_trust(services: &Services, master: &Realm) -> Result<(), BootstrapError> {
    let mut batch = Batch::new();
    if let Some(client) = services.store.client(master, OPERATOR_CLIENT).await? {
        clients::delete_steps(&mut batch, services, master, &client.representation).await?;
    }
    if let Some(provider) = master.identity_provider(OPERATOR_PROVIDER) {
        let id = provider.internal_id.as_deref().unwrap_or_default();
        batch.push(Store::delete::<IdentityProviderRepresentation>(
            &master.id, id,
        ));
    }
    if !batch.is_empty() {
        batch.touch(Touch::Realm(master.id.clone()));
        services.store.commit(batch).await?;
        tracing::info!("the trusted workload is no longer configured; its access was removed");
    }
    Ok(())
}

fn operator_client(
    trust: &BootstrapTrust,
    known: Option<&ClientRepresentation>,
) -> ClientRepresentation {
    let attributes = BTreeMap::from([
        ("jwt.credential.issuer", OPERATOR_PROVIDER),
        ("jwt.credential.sub", trust.subject.as_str()),
    ]);
    let scopes = |names: &[&str]| Some(names.iter().map(|&n| n.to_owned()).collect());
    ClientRepresentation {
        id: Some(known.and_then(|c| c.id.clone()).unwrap_or_else(new_id)),
        client_id: Some(OPERATOR_CLIENT.to_owned()),
        name: Some("Realmkeep operator".to_owned()),
        client_authenticator_type: Some("federated-jwt".to_owned()),
        standard_flow_enabled: Some(false),
        service_accounts_enabled: Some(true),
        attributes: Some(
            attributes
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect(),
        ),
        default_client_scopes: scopes(&["service_account", "acr", "roles", "basic"]),
        optional_client_scopes: scopes(&[]),
        ..fresh::client_defaults()
    }
}

async fn master(services: &Services) -> Result<std::sync::Arc<Realm>, BootstrapError> {
    let master = services.store.realm(MASTER).await?;
    master.ok_or_else(|| BootstrapError::Failed("it is not there".to_owned()))
}

fn admin_role(master: &Realm) -> Result<&str, BootstrapError> {
    master
        .roles
        .realm_role("admin")
        .and_then(|r| r.id.as_deref())
        .ok_or_else(|| BootstrapError::Failed("it has no role 'admin'".to_owned()))
}
