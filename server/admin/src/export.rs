//! A realm with everything in it, as one representation.

use std::collections::BTreeMap;

use realmkeep_authn::Services;
use realmkeep_keys::providers;
use realmkeep_representations::{
    ClientRepresentation, ComponentExportRepresentation, ComponentRepresentation,
    GroupRepresentation, IdentityProviderMapperRepresentation, RealmRepresentation,
    RoleRepresentation, RoleRepresentationComposites, RolesRepresentation,
    ScopeMappingRepresentation, UserConsentRepresentation, UserRepresentation,
};
use realmkeep_store::Realm;
use realmkeep_store::documents::{Page, RealmKey};

use crate::error::ApiResult;
use crate::groups::split_names;
use crate::names::Names;
use crate::whole_realm::KEY_PROVIDER;
use crate::{authentication, clients, components, identity_providers, realms};

/// How much of a realm is exported.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    pub clients: bool,
    pub groups_and_roles: bool,
    /// All users; service accounts come with the clients.
    pub users: bool,
    /// Secrets and password hashes as they are, so that the export restores the realm; else masked.
    pub secrets: bool,
}

impl Extent {
    /// What a backup needs.
    pub const EVERYTHING: Self = Self {
        clients: true,
        groups_and_roles: true,
        users: true,
        secrets: true,
    };
}

/// The realm as a realm export. Its private keys are in it where the secrets are.
///
/// # Errors
/// When the database fails.
pub async fn whole(
    services: &Services,
    realm: &Realm,
    extent: Extent,
) -> ApiResult<RealmRepresentation> {
    let store = &services.store;
    let names = Names::load(store, realm).await?;
    let mut out = realm.settings.clone();
    if !extent.secrets {
        realms::mask(&mut out);
    }
    out.authentication_flows = out
        .authentication_flows
        .map(|flows| flows.into_iter().map(authentication::without_ids).collect());
    out.keycloak_version = Some(crate::server_info::COMPATIBLE_VERSION.to_owned());
    out.client_scopes = Some(realm.client_scopes.clone());
    out.components = Some(component_tree(
        &store.list(&realm.id).await?,
        &realm.id,
        extent.secrets,
    ));
    if extent.secrets {
        let keys: Vec<RealmKey> = store.list(&realm.id).await?;
        put_keys(&mut out, &keys);
    }
    let mut providers = realm.identity_providers.clone();
    if !extent.secrets {
        providers = providers
            .into_iter()
            .map(identity_providers::shown)
            .collect();
    }
    for provider in &mut providers {
        provider.types = None;
    }
    out.identity_providers = Some(providers);
    out.identity_provider_mappers = Some(
        store
            .list::<IdentityProviderMapperRepresentation>(&realm.id)
            .await?,
    );
    let (of_realm, of_clients) = scope_mappings(realm, &names);
    out.scope_mappings = Some(of_realm);
    out.client_scope_mappings = Some(of_clients);
    if extent.groups_and_roles {
        out.groups = Some(group_tree(realm, &names, ""));
        out.roles = Some(roles(realm, &names));
    } else {
        out.groups = Some(Vec::new());
    }
    if extent.clients {
        let mut list: Vec<ClientRepresentation> = store.list(&realm.id).await?;
        if !extent.secrets {
            list.iter_mut().for_each(clients::mask);
        }
        out.clients = Some(list);
    }
    if extent.users || extent.clients {
        let mut users = Vec::new();
        for user in store.all_users(&realm.id, Page::ALL).await? {
            if extent.users || user.service_account_client_id.is_some() {
                users.push(whole_user(services, realm, &names, user, extent).await?);
            }
        }
        out.users = Some(users).filter(|u| !u.is_empty());
    }
    Ok(out)
}

/// Puts each key into its component.
fn put_keys(realm: &mut RealmRepresentation, keys: &[RealmKey]) {
    let components = realm.components.iter_mut().flatten();
    let of_keys = components.filter(|(kind, _)| *kind == KEY_PROVIDER);
    for component in of_keys.flat_map(|(_, list)| list) {
        let key = keys.iter().find(|k| Some(&k.id) == component.id.as_ref());
        if let Some(key) = key {
            providers::put_into(component.config.get_or_insert_default(), key);
        }
    }
}

async fn whole_user(
    services: &Services,
    realm: &Realm,
    names: &Names,
    mut user: UserRepresentation,
    extent: Extent,
) -> ApiResult<UserRepresentation> {
    let id = user.id.clone().unwrap_or_default();
    let roles = services.store.roles_of_user(&id).await?;
    let (of_realm, of_clients) = split_names(realm, &names.client_ids, &roles);
    user.realm_roles = Some(of_realm);
    user.client_roles = Some(of_clients).filter(|m| !m.is_empty());
    let mut paths: Vec<String> = services
        .store
        .groups_of_user(&id)
        .await?
        .iter()
        .map(|group| realm.group_path(group))
        .collect();
    paths.sort();
    user.groups = Some(paths);
    if extent.secrets {
        user.credentials = Some(services.store.credentials(&id).await?);
    }
    user.client_consents =
        Some(consents(services, realm, names, &id).await?).filter(|c| !c.is_empty());
    Ok(user)
}

async fn consents(
    services: &Services,
    realm: &Realm,
    names: &Names,
    user: &str,
) -> ApiResult<Vec<UserConsentRepresentation>> {
    let stored = services.store.consents_of_user(user).await?;
    let shown = stored.into_iter().map(|consent| {
        let granted = realm.client_scopes.iter();
        let granted =
            granted.filter(|s| s.id.as_ref().is_some_and(|id| consent.scopes.contains(id)));
        UserConsentRepresentation {
            client_id: names.client_id_of(&consent.client_id).map(str::to_owned),
            created_date: Some(consent.created),
            last_updated_date: Some(consent.updated),
            granted_client_scopes: Some(granted.filter_map(|s| s.name.clone()).collect()),
            ..Default::default()
        }
    });
    Ok(shown.collect())
}

fn roles(realm: &Realm, names: &Names) -> RolesRepresentation {
    let mut of_realm = Vec::new();
    let mut of_clients: BTreeMap<String, Vec<RoleRepresentation>> = names
        .clients
        .keys()
        .map(|client| (client.clone(), Vec::new()))
        .collect();
    for (id, role) in &realm.roles.all {
        let inside = realm.roles.composites.get(id).into_iter().flatten();
        let (realm_names, client_names) = split_names(realm, &names.client_ids, inside);
        let composite = !realm_names.is_empty() || !client_names.is_empty();
        let composites = RoleRepresentationComposites {
            realm: Some(realm_names).filter(|l| !l.is_empty()),
            client: Some(client_names).filter(|m| !m.is_empty()),
            application: None,
        };
        let whole = RoleRepresentation {
            composite: Some(composite),
            composites: composite.then_some(composites),
            ..role.clone()
        };
        if role.client_role == Some(true) {
            let container = role.container_id.as_deref().unwrap_or_default();
            if let Some(client) = names.client_id_of(container) {
                of_clients.entry(client.to_owned()).or_default().push(whole);
            }
        } else {
            of_realm.push(whole);
        }
    }
    of_realm.sort_by(|a, b| a.name.cmp(&b.name));
    for list in of_clients.values_mut() {
        list.sort_by(|a, b| a.name.cmp(&b.name));
    }
    RolesRepresentation {
        realm: Some(of_realm),
        client: Some(of_clients),
        application: None,
    }
}

fn group_tree(realm: &Realm, names: &Names, parent: &str) -> Vec<GroupRepresentation> {
    let mut list: Vec<GroupRepresentation> = realm
        .groups
        .iter()
        .filter(|(_, g)| g.parent_id.as_deref().unwrap_or_default() == parent)
        .map(|(id, group)| {
            let roles = realm.roles.of_groups.get(id).into_iter().flatten();
            let (of_realm, of_clients) = split_names(realm, &names.client_ids, roles);
            GroupRepresentation {
                path: Some(realm.group_path(id)),
                realm_roles: Some(of_realm),
                client_roles: Some(of_clients),
                sub_groups: Some(group_tree(realm, names, id)),
                ..group.clone()
            }
        })
        .collect();
    list.sort_by(|a, b| a.name.cmp(&b.name));
    list
}

type ScopeMappings = (
    Vec<ScopeMappingRepresentation>,
    BTreeMap<String, Vec<ScopeMappingRepresentation>>,
);

fn scope_mappings(realm: &Realm, names: &Names) -> ScopeMappings {
    let mut of_realm = Vec::new();
    let mut of_clients: BTreeMap<String, Vec<ScopeMappingRepresentation>> = BTreeMap::new();
    for (holder, roles) in &realm.scope_roles {
        let client = names.client_id_of(holder).map(str::to_owned);
        let scope = realm
            .client_scopes
            .iter()
            .find(|s| s.id.as_ref() == Some(holder))
            .and_then(|s| s.name.clone());
        if client.is_none() && scope.is_none() {
            continue;
        }
        let mapping = |names: Vec<String>| ScopeMappingRepresentation {
            client: client.clone(),
            client_scope: scope.clone(),
            roles: Some(names),
            ..Default::default()
        };
        let (realm_names, client_names) = split_names(realm, &names.client_ids, roles);
        if !realm_names.is_empty() {
            of_realm.push(mapping(realm_names));
        }
        for (container, list) in client_names {
            of_clients.entry(container).or_default().push(mapping(list));
        }
    }
    let key = |m: &ScopeMappingRepresentation| (m.client.clone(), m.client_scope.clone());
    of_realm.sort_by_key(key);
    for list in of_clients.values_mut() {
        list.sort_by_key(key);
    }
    (of_realm, of_clients)
}

fn component_tree(
    all: &[ComponentRepresentation],
    parent: &str,
    secrets: bool,
) -> BTreeMap<String, Vec<ComponentExportRepresentation>> {
    let mut tree: BTreeMap<String, Vec<ComponentExportRepresentation>> = BTreeMap::new();
    for component in all
        .iter()
        .filter(|c| c.parent_id.as_deref() == Some(parent))
    {
        let mut shown = component.clone();
        if !secrets {
            components::mask(&mut shown);
        }
        let inside = component
            .id
            .as_deref()
            .map(|id| component_tree(all, id, secrets));
        tree.entry(component.provider_type.clone().unwrap_or_default())
            .or_default()
            .push(ComponentExportRepresentation {
                id: shown.id,
                name: shown.name,
                provider_id: shown.provider_id,
                sub_type: shown.sub_type,
                config: shown.config,
                sub_components: inside,
            });
    }
    tree
}
