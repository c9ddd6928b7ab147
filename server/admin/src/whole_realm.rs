//! A realm with everything in it, from one representation: created, imported, or by bootstrap.

use std::collections::{BTreeMap, BTreeSet};

use realmkeep_authn::Services;
use realmkeep_authn::set_password::{check_policy, hashing_of};
use realmkeep_keys::providers::{self, ProviderError, Sources};
use realmkeep_keys::{KeysError, generate_realm_keys};
use realmkeep_model::fresh::{self, MASTER};
use realmkeep_model::password_policy::PasswordPolicy;
use realmkeep_representations::{
    ClientRepresentation, ComponentExportRepresentation, ComponentRepresentation,
    RealmRepresentation, RoleRepresentation, RolesRepresentation, ScopeMappingRepresentation,
};
use realmkeep_store::documents::RealmKey;
use realmkeep_store::roles::Holder;
use realmkeep_store::{Batch, Store, Touch};
use serde_json::Value;

use crate::clients;
use crate::error::{ApiError, ApiResult};
use crate::identity_providers;
use crate::names::Names;
use crate::request::new_id;
use crate::steps;

/// The component type of what makes keys.
pub const KEY_PROVIDER: &str = "org.keycloak.keys.KeyProvider";

/// Fields of a realm that have tables of their own.
pub const OBJECTS: [&str; 11] = [
    "clients",
    "clientScopes",
    "roles",
    "groups",
    "users",
    "identityProviders",
    "identityProviderMappers",
    "components",
    "scopeMappings",
    "clientScopeMappings",
    "keycloakVersion",
];

/// Creates the realm that `given` describes, with all that a realm starts with where nothing is said
/// about it, and the rights on it in the master realm, which `owner`, a user of the master realm, gets.
/// `managed_by` is the record of the tool that declares it, or empty. Returns the realm's id.
///
/// # Errors
/// 400 names what is wrong in `given`, 409 what exists already; nothing is written then.
pub async fn create(
    services: &Services,
    given: RealmRepresentation,
    owner: Option<&str>,
    managed_by: &str,
) -> ApiResult<String> {
    let none = BTreeSet::new();
    let created = create_for(services, given, owner, managed_by, &none).await?;
    for note in &created.left_out {
        tracing::warn!(note, "a part of the realm was left out");
    }
    Ok(created.realm_id)
}

/// As [`create`], of a realm whose users come later; `accounts` are the clientIds of the service accounts
/// among them. Returns what was left out, and why.
///
/// # Errors
/// As [`create`].
pub async fn create_without_users(
    services: &Services,
    given: RealmRepresentation,
    accounts: &BTreeSet<String>,
) -> ApiResult<Vec<String>> {
    let created = create_for(services, given, None, "", accounts).await?;
    Ok(created.left_out)
}

struct Created {
    realm_id: String,
    left_out: Vec<String>,
}

async fn create_for(
    services: &Services,
    mut given: RealmRepresentation,
    owner: Option<&str>,
    managed_by: &str,
    accounts: &BTreeSet<String>,
) -> ApiResult<Created> {
    let name = checked_name(&given)?;
    if services.store.find_realm(&name).await?.is_some() {
        return Err(ApiError::conflict(format!("Realm {name} already exists")));
    }
    let now = services.clock.now();
    let key_name = name.clone();
    let providers = given
        .components
        .as_mut()
        .and_then(|c| c.remove(KEY_PROVIDER));
    let sources = services.keys.sources();
    let make = move || Keys::of(&sources, providers, &key_name, now);
    let keys = tokio::task::spawn_blocking(make)
        .await
        .map_err(ApiError::internal)??;
    let Keys {
        keys,
        components,
        left_out,
    } = keys;
    let by_kind = given.components.get_or_insert_default();
    by_kind.insert(KEY_PROVIDER.to_owned(), components);
    let complete = completed(given, &name, &keys, now)?;
    let mut batch = Batch::new();
    let realm_id = add_realm(services, &mut batch, &complete, keys, accounts).await?;
    if name != MASTER {
        add_rights_in_master(services, &mut batch, &name, owner).await?;
    }
    if !managed_by.is_empty() {
        batch.push(Store::set_owner(
            &realm_id,
            "",
            managed_by,
            services.clock.now_millis(),
        ));
    }
    batch.touch(Touch::Realm(realm_id.clone()));
    services.store.commit(batch).await?;
    Ok(Created { realm_id, left_out })
}

/// The keys of a realm that is about to be, with the components that they are of.
#[derive(Default)]
struct Keys {
    keys: Vec<RealmKey>,
    components: Vec<ComponentExportRepresentation>,
    /// Components that make no key here, and why.
    left_out: Vec<String>,
}

impl Keys {
    /// Of the given components, the keys that they hold or new ones; and those that every realm has, where
    /// no component makes one of the kind. Takes some 100 ms: not for an async thread.
    fn of(
        sources: &Sources,
        given: Option<Vec<ComponentExportRepresentation>>,
        realm: &str,
        now: i64,
    ) -> Result<Self, KeysError> {
        let mut all = Self::default();
        for given in given.into_iter().flatten() {
            let name = given.name.clone().unwrap_or_default();
            match key_of(sources, &given, realm, now) {
                Ok((key, component)) => {
                    all.components.push(ComponentExportRepresentation {
                        id: component.id,
                        config: component.config,
                        ..given
                    });
                    all.keys.push(key);
                }
                Err(ProviderError::Keys(e)) => return Err(e),
                Err(e) => all
                    .left_out
                    .push(format!("components.{KEY_PROVIDER}[{name}]: {e}")),
            }
        }
        for key in generate_realm_keys(realm, now)? {
            if all.keys.iter().all(|k| k.provider_id != key.provider_id) {
                all.keys.push(key);
            }
        }
        Ok(all)
    }
}

fn key_of(
    sources: &Sources,
    given: &ComponentExportRepresentation,
    realm: &str,
    now: i64,
) -> Result<(RealmKey, ComponentRepresentation), ProviderError> {
    let mut component = ComponentRepresentation {
        id: Some(given.id.clone().unwrap_or_else(new_id)),
        name: given.name.clone(),
        provider_id: given.provider_id.clone(),
        provider_type: Some(KEY_PROVIDER.to_owned()),
        config: given.config.clone(),
        ..Default::default()
    };
    let kept = providers::take_from(&mut component)?;
    let key = providers::apply_from(sources, &component, kept.as_ref(), realm, now)?;
    Ok((key, component))
}

/// `given` over a fresh realm, with an id in every object.
fn completed(
    given: RealmRepresentation,
    name: &str,
    keys: &[RealmKey],
    now: i64,
) -> ApiResult<RealmRepresentation> {
    let mut base = fresh::realm(name, &mut new_id);
    if let Some(id) = given.id.clone().filter(|id| !id.is_empty()) {
        rename_container(&mut base, &id);
    }
    let realm_id = base.id.clone().unwrap_or_default();

    let given_scopes = given.client_scopes.is_some();
    let given_mappings = given.scope_mappings.is_some();
    let mut realm = overlaid(&base, &given)?;
    realm.id = base.id.clone();
    realm.realm = Some(name.to_owned());
    realm.keycloak_version = None;
    realm.groups = given.groups.clone();
    realm.users = given.users.clone();
    realm.identity_providers = given.identity_providers.clone();
    realm.identity_provider_mappers = given.identity_provider_mappers.clone();

    if given_scopes {
        realm.client_scopes = given.client_scopes.clone();
        let known: BTreeSet<String> = realm
            .client_scopes
            .iter()
            .flatten()
            .filter_map(|s| s.name.clone())
            .collect();
        // Built-in clients are linked to built-in scopes only as far as the import has them.
        for client in base.clients.iter_mut().flatten() {
            for list in [
                client.default_client_scopes.as_mut(),
                client.optional_client_scopes.as_mut(),
            ] {
                list.into_iter()
                    .for_each(|l| l.retain(|n| known.contains(n)));
            }
        }
        if given.default_default_client_scopes.is_none() {
            retain(&mut realm.default_default_client_scopes, &known);
        }
        if given.default_optional_client_scopes.is_none() {
            retain(&mut realm.default_optional_client_scopes, &known);
        }
    } else {
        realm.client_scopes = base.client_scopes.clone();
    }
    for scope in realm.client_scopes.iter_mut().flatten() {
        scope.id.get_or_insert_with(new_id);
        scope.attributes.get_or_insert_default();
        number_mappers(scope.protocol_mappers.as_mut());
    }

    realm.clients = Some(all_clients(&given, &base, &realm, now)?);
    realm.roles = Some(all_roles(&given, &base, &realm, &realm_id)?);
    realm.default_role = default_role(&given, &realm);
    for group in realm.groups.iter_mut().flatten() {
        number_groups(group);
    }
    realm.authentication_flows = Some(union(
        given.authentication_flows,
        base.authentication_flows,
        |f| f.alias.clone(),
        |f| {
            f.id.get_or_insert_with(new_id);
        },
    ));
    realm.authenticator_config = Some(union(
        given.authenticator_config,
        base.authenticator_config,
        |c| c.alias.clone(),
        |c| {
            c.id.get_or_insert_with(new_id);
        },
    ));
    realm.required_actions = Some(union(
        given.required_actions,
        base.required_actions,
        |a| a.alias.clone(),
        |_| {},
    ));
    let mut components = base.components.unwrap_or_default();
    components.extend(given.components.unwrap_or_default());
    place_keys(&mut components, keys);
    realm.components = Some(components);
    realm.scope_mappings = given.scope_mappings.or(base.scope_mappings);
    if let Some(mappings) = given.client_scope_mappings {
        realm.client_scope_mappings = Some(mappings);
    }
    if !given_mappings {
        drop_dangling(&mut realm);
    }
    Ok(realm)
}

/// Settings: `given` over `base`, field by field.
fn overlaid(
    base: &RealmRepresentation,
    given: &RealmRepresentation,
) -> ApiResult<RealmRepresentation> {
    let mut given = serde_json::to_value(given).map_err(ApiError::internal)?;
    if let Value::Object(fields) = &mut given {
        for object in OBJECTS {
            fields.remove(object);
        }
    }
    crate::merge::merged(base, &given, &["attributes"])
}

fn all_clients(
    given: &RealmRepresentation,
    base: &RealmRepresentation,
    realm: &RealmRepresentation,
    now: i64,
) -> ApiResult<Vec<ClientRepresentation>> {
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, client) in given.clients.iter().flatten().enumerate() {
        let place = format!("clients[{index}]");
        let mut client =
            clients::completed(client.clone(), &clients::ScopeDefaults::of(realm), now)
                .map_err(|e| e.at(&place))?;
        client.id.get_or_insert_with(new_id);
        let client_id = client.client_id.clone().unwrap_or_default();
        if !seen.insert(client_id.clone()) {
            return Err(ApiError::bad_request(format!(
                "{place}: there are two clients with the clientId '{client_id}'"
            )));
        }
        all.push(client);
    }
    all.extend(
        base.clients
            .iter()
            .flatten()
            .filter(|c| !seen.contains(c.client_id.as_deref().unwrap_or_default()))
            .cloned(),
    );
    Ok(all)
}

fn all_roles(
    given: &RealmRepresentation,
    base: &RealmRepresentation,
    realm: &RealmRepresentation,
    realm_id: &str,
) -> ApiResult<RolesRepresentation> {
    let client_ids: BTreeMap<String, String> = realm
        .clients
        .iter()
        .flatten()
        .filter_map(|c| Some((c.client_id.clone()?, c.id.clone()?)))
        .collect();
    let given = given.roles.clone().unwrap_or_default();
    let base = base.roles.clone().unwrap_or_default();
    let renew = |role: &mut RoleRepresentation, container: &str, of_client: bool| {
        role.id.get_or_insert_with(new_id);
        role.container_id = Some(container.to_owned());
        role.client_role = Some(of_client);
    };
    let of_realm = union(
        given.realm,
        base.realm,
        |r| r.name.clone(),
        |r| renew(r, realm_id, false),
    );
    let mut of_clients = given.client.or(given.application).unwrap_or_default();
    for (client, list) in base.client.unwrap_or_default() {
        let given = of_clients.remove(&client);
        of_clients.insert(client, union(given, Some(list), |r| r.name.clone(), |_| {}));
    }
    for (client, list) in &mut of_clients {
        let id = client_ids.get(client).ok_or_else(|| {
            ApiError::bad_request(format!("roles.client: there is no client '{client}'"))
        })?;
        for role in list {
            renew(role, id, true);
        }
    }
    Ok(RolesRepresentation {
        realm: Some(of_realm),
        client: Some(of_clients),
        application: None,
    })
}

/// What the realm says its default role is, as it stands among the roles.
fn default_role(
    given: &RealmRepresentation,
    realm: &RealmRepresentation,
) -> Option<RoleRepresentation> {
    let name = given
        .default_role
        .as_ref()
        .and_then(|r| r.name.clone())
        .unwrap_or_else(|| fresh::default_role_name(realm.realm.as_deref().unwrap_or_default()));
    let roles = realm.roles.as_ref()?.realm.as_ref()?;
    let role = roles.iter().find(|r| r.name.as_deref() == Some(&name))?;
    Some(RoleRepresentation {
        composites: None,
        attributes: None,
        composite: Some(true),
        ..role.clone()
    })
}

/// Gives every signing key a component, so that keys are seen and managed where clients look for them.
fn place_keys(
    components: &mut BTreeMap<String, Vec<ComponentExportRepresentation>>,
    keys: &[RealmKey],
) {
    let list = components.entry(KEY_PROVIDER.to_owned()).or_default();
    for component in list.iter_mut() {
        component.id.get_or_insert_with(new_id);
    }
    for key in keys {
        let there = list
            .iter()
            .any(|c| c.provider_id.as_deref() == Some(&key.provider_id));
        if there {
            continue;
        }
        let mut config = BTreeMap::from([("priority".to_owned(), vec![key.priority.to_string()])]);
        let mut name = key.provider_id.clone();
        match key.algorithm.as_str() {
            "ES256" => {
                config.insert("ecdsaEllipticCurveKey".to_owned(), vec!["P-256".to_owned()]);
            }
            "EdDSA" => {
                config.insert(
                    "eddsaEllipticCurveKey".to_owned(),
                    vec!["Ed25519".to_owned()],
                );
            }
            "HS512" => {
                config.insert("algorithm".to_owned(), vec!["HS512".to_owned()]);
                name.push_str("-hs512");
            }
            _ => {}
        }
        list.push(ComponentExportRepresentation {
            id: Some(key.id.clone()),
            name: Some(name),
            provider_id: Some(key.provider_id.clone()),
            sub_components: Some(BTreeMap::new()),
            config: Some(config),
            ..Default::default()
        });
    }
}

async fn add_realm(
    services: &Services,
    batch: &mut Batch,
    realm: &RealmRepresentation,
    keys: Vec<RealmKey>,
    accounts: &BTreeSet<String>,
) -> ApiResult<String> {
    let store = &services.store;
    let names = Names::of(realm);
    let realm_id = names.realm_id.clone();
    let policy = PasswordPolicy::of_realm(realm.password_policy.as_deref())
        .map_err(|e| ApiError::bad_request(e.to_string()))?;
    check_policy(services, &policy)?;
    let hashing = hashing_of(services, &policy)?;
    batch.push(store.insert_realm(&stored_settings(realm))?);

    for scope in realm.client_scopes.iter().flatten() {
        batch.push(store.insert(&realm_id, scope)?);
    }
    let users = realm.users.as_deref().unwrap_or_default();
    let with_account: BTreeSet<&str> = users
        .iter()
        .filter_map(|u| u.service_account_client_id.as_deref())
        .chain(accounts.iter().map(String::as_str))
        .collect();
    let roles = realm.roles.clone().unwrap_or_default();
    let of_clients = roles.client.unwrap_or_default();
    let all_roles: Vec<&RoleRepresentation> = roles
        .realm
        .iter()
        .flatten()
        .chain(of_clients.values().flatten())
        .collect();
    for role in &all_roles {
        steps::add_role(store, batch, &realm_id, role)?;
    }
    for role in &all_roles {
        steps::add_composites(batch, &names, role)?;
    }
    for client in realm.clients.iter().flatten() {
        let own = with_account.contains(client.client_id.as_deref().unwrap_or_default());
        steps::add_client(services, batch, &names, client, !own)?;
    }
    for group in realm.groups.iter().flatten() {
        steps::add_group(store, batch, &names, group, None)?;
    }
    for user in users {
        steps::add_user(services, batch, &names, user, hashing).await?;
    }
    let mut aliases = BTreeSet::new();
    for (index, provider) in realm.identity_providers.iter().flatten().enumerate() {
        let place = format!("identityProviders[{index}]");
        let others = realm.identity_providers.as_deref().unwrap_or_default();
        let mut provider =
            identity_providers::checked(provider.clone(), realm.ssl_required.as_deref(), others)
                .map_err(|e| e.at(&place))?;
        provider.internal_id.get_or_insert_with(new_id);
        aliases.insert(provider.alias.clone().unwrap_or_default());
        batch.push(store.insert(&realm_id, &provider)?);
    }
    for mapper in realm.identity_provider_mappers.iter().flatten() {
        let mut mapper = mapper.clone();
        let alias = mapper.identity_provider_alias.clone().unwrap_or_default();
        if !aliases.contains(&alias) {
            return Err(ApiError::bad_request(format!(
                "identityProviderMappers: there is no identity provider '{alias}'"
            )));
        }
        mapper.id.get_or_insert_with(new_id);
        batch.push(store.insert(&realm_id, &mapper)?);
    }
    add_scope_mappings(batch, &names, realm)?;
    let components = realm.components.clone().unwrap_or_default();
    for key in &keys {
        batch.push(store.insert(&realm_id, key)?);
    }
    steps::add_components(store, batch, &realm_id, &realm_id, &components)?;
    Ok(realm_id)
}

fn add_scope_mappings(
    batch: &mut Batch,
    names: &Names,
    realm: &RealmRepresentation,
) -> ApiResult<()> {
    let holder = |mapping: &ScopeMappingRepresentation| -> ApiResult<String> {
        let found = match (&mapping.client, &mapping.client_scope) {
            (Some(client), _) => names.clients.get(client),
            (_, Some(scope)) => names.client_scopes.get(scope),
            _ => None,
        };
        found.cloned().ok_or_else(|| {
            ApiError::bad_request(format!(
                "scopeMappings: there is no client or client scope '{}'",
                mapping
                    .client
                    .as_deref()
                    .or(mapping.client_scope.as_deref())
                    .unwrap_or_default()
            ))
        })
    };
    for mapping in realm.scope_mappings.iter().flatten() {
        let id = holder(mapping)?;
        for role in names.roles("scopeMappings", mapping.roles.as_ref(), None)? {
            batch.push(Store::grant_role(Holder::Scope, &id, &role));
        }
    }
    for (client, mappings) in realm.client_scope_mappings.iter().flatten() {
        for mapping in mappings {
            let id = holder(mapping)?;
            let roles =
                BTreeMap::from([(client.clone(), mapping.roles.clone().unwrap_or_default())]);
            for role in names.roles("clientScopeMappings", None, Some(&roles))? {
                batch.push(Store::grant_role(Holder::Scope, &id, &role));
            }
        }
    }
    Ok(())
}

/// `<realm>-realm` in the master realm, inside the `admin` role.
async fn add_rights_in_master(
    services: &Services,
    batch: &mut Batch,
    name: &str,
    owner: Option<&str>,
) -> ApiResult<()> {
    let Some(master) = services.store.realm(MASTER).await? else {
        return Ok(());
    };
    let client = fresh::admin_client(name, &mut new_id);
    let client_id = client.client_id.clone().unwrap_or_default();
    let container = client.id.clone().unwrap_or_default();
    let roles = fresh::admin_client_roles(&client_id, &container, &mut new_id);
    let mut names = Names {
        realm_id: master.id.clone(),
        ..Names::default()
    };
    for role in &roles {
        let key = (client_id.clone(), role.name.clone().unwrap_or_default());
        names
            .client_roles
            .insert(key, role.id.clone().unwrap_or_default());
    }
    batch.push(services.store.insert(&master.id, &client)?);
    for role in &roles {
        steps::add_role(&services.store, batch, &master.id, role)?;
    }
    let admin = master.roles.realm_role("admin").and_then(|r| r.id.clone());
    for role in &roles {
        steps::add_composites(batch, &names, role)?;
        if let (Some(admin), Some(id)) = (&admin, &role.id) {
            batch.push(Store::grant_role(Holder::Role, admin, id));
        }
        if let (Some(owner), Some(id)) = (owner, &role.id) {
            batch.push(Store::grant_role(Holder::User, owner, id));
        }
    }
    batch.touch(Touch::Realm(master.id.clone()));
    Ok(())
}

/// Deletes the realm and the rights on it in the master realm.
///
/// # Errors
/// 400 for the master realm.
pub async fn delete(services: &Services, realm: &realmkeep_store::Realm) -> ApiResult<()> {
    if realm.name == MASTER {
        return Err(ApiError::bad_request("Can't delete the master realm"));
    }
    let mut batch = Batch::new();
    batch.push(Store::delete_realm(&realm.id));
    batch.touch(Touch::Realm(realm.id.clone()));
    if let Some(master) = services.store.realm(MASTER).await? {
        let client_id = fresh::admin_client_id(&realm.name);
        if let Some(client) = services.store.client(&master, &client_id).await? {
            clients::delete_steps(&mut batch, services, &master, &client.representation).await?;
        }
    }
    services.store.commit(batch).await?;
    Ok(())
}

/// The part of a realm that is kept in its row.
pub fn stored_settings(realm: &RealmRepresentation) -> RealmRepresentation {
    RealmRepresentation {
        clients: None,
        client_scopes: None,
        roles: None,
        groups: None,
        users: None,
        identity_providers: None,
        identity_provider_mappers: None,
        components: None,
        scope_mappings: None,
        client_scope_mappings: None,
        keycloak_version: None,
        ..realm.clone()
    }
}

/// # Errors
/// 400 when the name is missing or cannot stand in a URL.
fn checked_name(given: &RealmRepresentation) -> ApiResult<String> {
    let name = given.realm.clone().unwrap_or_default();
    if name.is_empty() {
        return Err(ApiError::bad_request("Realm name cannot be empty"));
    }
    check_characters(&name)?;
    // It stands in addresses, too.
    check_characters(given.id.as_deref().unwrap_or_default())?;
    Ok(name)
}

/// # Errors
/// 400 naming the first character that cannot stand in a realm name.
pub fn check_characters(name: &str) -> ApiResult<()> {
    const RESERVED: &str = ":/?#[]@!$&()*+,;=\\\"'<>{}|^`%";
    let bad = name
        .chars()
        .find(|c| RESERVED.contains(*c) || c.is_control() || c.is_whitespace());
    let dots = name == "." || name == "..";
    match bad {
        Some(c) => Err(ApiError::error(
            http::StatusCode::BAD_REQUEST,
            format!("Character '{}' not allowed.", c.escape_debug()),
        )),
        None if dots || name.len() > 255 => Err(ApiError::error(
            http::StatusCode::BAD_REQUEST,
            "A realm name has at most 255 bytes and is not made of dots.",
        )),
        None => Ok(()),
    }
}

/// `given`, and of `base` what `given` does not name.
fn union<T>(
    given: Option<Vec<T>>,
    base: Option<Vec<T>>,
    name: impl Fn(&T) -> Option<String>,
    mut finish: impl FnMut(&mut T),
) -> Vec<T> {
    let mut all = given.unwrap_or_default();
    let seen: BTreeSet<Option<String>> = all.iter().map(&name).collect();
    all.extend(
        base.into_iter()
            .flatten()
            .filter(|item| !seen.contains(&name(item))),
    );
    all.iter_mut().for_each(&mut finish);
    all
}

fn retain(list: &mut Option<Vec<String>>, known: &BTreeSet<String>) {
    list.iter_mut()
        .for_each(|l| l.retain(|name| known.contains(name)));
}

/// Built-in scope mappings are left out where the import has not what they map.
fn drop_dangling(realm: &mut RealmRepresentation) {
    let names = Names::of(realm);
    let known = |m: &ScopeMappingRepresentation| match (&m.client, &m.client_scope) {
        (Some(client), _) => names.clients.contains_key(client),
        (_, Some(scope)) => names.client_scopes.contains_key(scope),
        _ => false,
    };
    realm
        .scope_mappings
        .iter_mut()
        .for_each(|list| list.retain(known));
}

fn rename_container(realm: &mut RealmRepresentation, id: &str) {
    realm.id = Some(id.to_owned());
    if let Some(role) = &mut realm.default_role {
        role.container_id = Some(id.to_owned());
    }
    let roles = realm.roles.as_mut().and_then(|r| r.realm.as_mut());
    for role in roles.into_iter().flatten() {
        role.container_id = Some(id.to_owned());
    }
}

fn number_groups(group: &mut realmkeep_representations::GroupRepresentation) {
    group.id.get_or_insert_with(new_id);
    group
        .sub_groups
        .iter_mut()
        .flatten()
        .for_each(number_groups);
}

/// Gives an id to every mapper that has none.
pub fn number_mappers(
    mappers: Option<&mut Vec<realmkeep_representations::ProtocolMapperRepresentation>>,
) {
    for mapper in mappers.into_iter().flatten() {
        mapper.id.get_or_insert_with(new_id);
    }
}
