//! A fresh realm as data: what every realm starts with before anybody changed anything.
//!
//! Names and values are those that clients, tools and exports expect; they stand in `data/` and in
//! [`roles`]. Ids come from the caller.

pub mod roles;

use std::collections::BTreeMap;

use realmkeep_representations::{
    AuthenticationFlowRepresentation, AuthenticatorConfigRepresentation, ClientRepresentation,
    ClientScopeRepresentation, ComponentExportRepresentation, ProtocolMapperRepresentation,
    RealmRepresentation, RequiredActionProviderRepresentation, RoleRepresentation,
    RoleRepresentationComposites, RolesRepresentation, ScopeMappingRepresentation,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The realm that administers all others.
pub const MASTER: &str = "master";
/// The client whose roles are the rights on the realm it belongs to.
pub const REALM_MANAGEMENT: &str = "realm-management";

const SETTINGS: &str = include_str!("data/settings.json");
const CLIENTS: &str = include_str!("data/clients.json");
const CLIENT_SCOPES: &str = include_str!("data/client_scopes.json");
const FLOWS: &str = include_str!("data/flows.json");
const AUTHENTICATOR_CONFIGS: &str = include_str!("data/authenticator_configs.json");
const REQUIRED_ACTIONS: &str = include_str!("data/required_actions.json");
const COMPONENTS: &str = include_str!("data/components.json");

/// Scopes of a built-in client; those of other clients are the realm's defaults for their protocol.
const DEFAULT_SCOPES: [&str; 6] = ["web-origins", "acr", "profile", "roles", "basic", "email"];
const OPTIONAL_SCOPES: [&str; 5] = [
    "address",
    "phone",
    "organization",
    "offline_access",
    "microprofile-jwt",
];

/// Makes the ids of new objects.
pub type NewId<'a> = &'a mut dyn FnMut() -> String;

/// A complete realm, with an id in every object: settings, roles, built-in clients, client scopes,
/// flows, required actions, components. `name` is already checked; a realm named [`MASTER`] gets what
/// the master realm has.
pub fn realm(name: &str, new_id: NewId) -> RealmRepresentation {
    let mut realm = settings();
    realm.id = Some(new_id());
    realm.realm = Some(name.to_owned());
    realm.client_scopes = Some(client_scopes(new_id));
    realm.clients = Some(clients(name, new_id));
    realm.authentication_flows = Some(flows(new_id));
    realm.authenticator_config = Some(authenticator_configs(new_id));
    realm.required_actions = Some(required_actions());
    realm.components = Some(components(new_id));
    realm.scope_mappings = Some(vec![ScopeMappingRepresentation {
        client_scope: Some("offline_access".to_owned()),
        roles: Some(strings(&["offline_access"])),
        ..Default::default()
    }]);
    realm.client_scope_mappings = Some(BTreeMap::from([(
        "account".to_owned(),
        vec![ScopeMappingRepresentation {
            client: Some("account-console".to_owned()),
            roles: Some(strings(&["manage-account", "view-groups"])),
            ..Default::default()
        }],
    )]));
    realm.groups = Some(Vec::new());
    realm.identity_providers = Some(Vec::new());
    realm.identity_provider_mappers = Some(Vec::new());
    if name == MASTER {
        realm.display_name = Some("Realmkeep".to_owned());
        realm.access_token_lifespan = Some(60);
        if let Some(clients) = &mut realm.clients {
            clients.retain(|c| c.client_id.as_deref() != Some(REALM_MANAGEMENT));
            clients.push(admin_client(MASTER, new_id));
        }
    }
    realm.roles = Some(realm_roles(&mut realm, new_id));
    realm
}

/// The settings of a fresh realm, without id, name and the objects inside.
pub fn settings() -> RealmRepresentation {
    parsed(SETTINGS)
}

/// The client in the master realm whose roles are the rights on `realm`.
pub fn admin_client(realm: &str, new_id: NewId) -> ClientRepresentation {
    let mut client = client_defaults();
    client.id = Some(new_id());
    client.client_id = Some(admin_client_id(realm));
    client.name = Some(format!("{realm} Realm"));
    client.bearer_only = Some(true);
    client.full_scope_allowed = Some(true);
    client.attributes = Some(BTreeMap::from([(
        "realm_client".to_owned(),
        "true".to_owned(),
    )]));
    client.node_re_registration_timeout = Some(0);
    with_scopes(client)
}

/// `<realm>-realm`.
pub fn admin_client_id(realm: &str) -> String {
    format!("{realm}-realm")
}

/// The roles of [`admin_client`] (composites name `client_id`), with ids; `container` is its id.
pub fn admin_client_roles(
    client_id: &str,
    container: &str,
    new_id: NewId,
) -> Vec<RoleRepresentation> {
    roles::RIGHTS
        .iter()
        .map(|right| {
            let mut role = client_role(right.name, container, new_id);
            if !right.includes.is_empty() {
                role.composite = Some(true);
                role.composites = Some(composites_of_client(client_id, right.includes));
            }
            role
        })
        .collect()
}

/// What a client has when nothing is said about it.
pub fn client_defaults() -> ClientRepresentation {
    ClientRepresentation {
        surrogate_auth_required: Some(false),
        enabled: Some(true),
        always_display_in_console: Some(false),
        client_authenticator_type: Some("client-secret".to_owned()),
        redirect_uris: Some(Vec::new()),
        web_origins: Some(Vec::new()),
        not_before: Some(0),
        bearer_only: Some(false),
        consent_required: Some(false),
        standard_flow_enabled: Some(true),
        implicit_flow_enabled: Some(false),
        direct_access_grants_enabled: Some(false),
        service_accounts_enabled: Some(false),
        public_client: Some(false),
        frontchannel_logout: Some(false),
        protocol: Some("openid-connect".to_owned()),
        attributes: Some(BTreeMap::new()),
        authentication_flow_binding_overrides: Some(BTreeMap::new()),
        full_scope_allowed: Some(true),
        node_re_registration_timeout: Some(-1),
        ..Default::default()
    }
}

/// The fresh realm's client scopes, with ids.
pub fn client_scopes(new_id: NewId) -> Vec<ClientScopeRepresentation> {
    let mut scopes: Vec<ClientScopeRepresentation> = parsed(CLIENT_SCOPES);
    for scope in &mut scopes {
        scope.id = Some(new_id());
        number_mappers(scope.protocol_mappers.as_mut(), new_id);
    }
    scopes
}

/// The built-in authentication flows, with ids.
pub fn flows(new_id: NewId) -> Vec<AuthenticationFlowRepresentation> {
    let mut flows: Vec<AuthenticationFlowRepresentation> = parsed(FLOWS);
    for flow in &mut flows {
        flow.id = Some(new_id());
    }
    flows
}

/// The configurations that built-in flows refer to, with ids.
pub fn authenticator_configs(new_id: NewId) -> Vec<AuthenticatorConfigRepresentation> {
    let mut configs: Vec<AuthenticatorConfigRepresentation> = parsed(AUTHENTICATOR_CONFIGS);
    for config in &mut configs {
        config.id = Some(new_id());
    }
    configs
}

/// The required actions, in order of priority.
pub fn required_actions() -> Vec<RequiredActionProviderRepresentation> {
    parsed(REQUIRED_ACTIONS)
}

fn clients(realm: &str, new_id: NewId) -> Vec<ClientRepresentation> {
    let mut listed: Vec<Value> = parsed(CLIENTS);
    listed
        .iter_mut()
        .map(|given| {
            let mut all = serde_json::to_value(client_defaults()).unwrap_or_default();
            if let (Value::Object(all), Value::Object(given)) = (&mut all, given) {
                all.extend(std::mem::take(given));
            }
            let text = all.to_string().replace("{realm}", realm);
            let mut client: ClientRepresentation = parsed(&text);
            client.id = Some(new_id());
            client.node_re_registration_timeout = Some(0);
            number_mappers(client.protocol_mappers.as_mut(), new_id);
            with_scopes(client)
        })
        .collect()
}

fn components(new_id: NewId) -> BTreeMap<String, Vec<ComponentExportRepresentation>> {
    let listed: Vec<Value> = parsed(COMPONENTS);
    let mut components: BTreeMap<String, Vec<ComponentExportRepresentation>> = BTreeMap::new();
    for mut value in listed {
        let kind = value
            .as_object_mut()
            .and_then(|v| v.remove("providerType"))
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default();
        let mut component: ComponentExportRepresentation =
            serde_json::from_value(value).unwrap_or_default();
        component.id = Some(new_id());
        component.sub_components = Some(BTreeMap::new());
        components.entry(kind).or_default().push(component);
    }
    components
}

fn realm_roles(realm: &mut RealmRepresentation, new_id: NewId) -> RolesRepresentation {
    let name = realm.realm.clone().unwrap_or_default();
    let realm_id = realm.id.clone().unwrap_or_default();
    let client_ids: BTreeMap<String, String> = realm
        .clients
        .iter()
        .flatten()
        .filter_map(|c| Some((c.client_id.clone()?, c.id.clone()?)))
        .collect();
    let id_of = |client: &str| client_ids.get(client).cloned().unwrap_or_default();

    let mut default = realm_role(
        &default_role_name(&name),
        "${role_default-roles}",
        &realm_id,
        new_id,
    );
    default.composite = Some(true);
    default.composites = Some(RoleRepresentationComposites {
        realm: Some(strings(&["offline_access", "uma_authorization"])),
        ..composites_of_client("account", &["view-profile", "manage-account"])
    });
    realm.default_role = Some(RoleRepresentation {
        composites: None,
        attributes: None,
        ..default.clone()
    });

    let mut of_realm = vec![
        default,
        realm_role(
            "uma_authorization",
            "${role_uma_authorization}",
            &realm_id,
            new_id,
        ),
        realm_role(
            "offline_access",
            "${role_offline-access}",
            &realm_id,
            new_id,
        ),
    ];
    let mut of_clients: BTreeMap<String, Vec<RoleRepresentation>> = BTreeMap::new();

    if name == MASTER {
        let client = admin_client_id(MASTER);
        of_clients.insert(
            client.clone(),
            admin_client_roles(&client, &id_of(&client), new_id),
        );
        of_realm.push(realm_role(
            "create-realm",
            "${role_create-realm}",
            &realm_id,
            new_id,
        ));
        let all: Vec<&str> = roles::RIGHTS.iter().map(|r| r.name).collect();
        let mut admin = realm_role("admin", "${role_admin}", &realm_id, new_id);
        admin.composite = Some(true);
        admin.composites = Some(RoleRepresentationComposites {
            realm: Some(strings(&["create-realm"])),
            ..composites_of_client(&client, &all)
        });
        of_realm.push(admin);
    } else {
        let container = id_of(REALM_MANAGEMENT);
        let mut rights = admin_client_roles(REALM_MANAGEMENT, &container, new_id);
        let all: Vec<&str> = roles::RIGHTS.iter().map(|r| r.name).collect();
        let mut realm_admin = client_role(roles::REALM_ADMIN, &container, new_id);
        realm_admin.composite = Some(true);
        realm_admin.composites = Some(composites_of_client(REALM_MANAGEMENT, &all));
        rights.push(realm_admin);
        of_clients.insert(REALM_MANAGEMENT.to_owned(), rights);
    }

    let account = id_of("account");
    let account_roles = roles::ACCOUNT.iter().map(|right| {
        let mut role = client_role(right.name, &account, new_id);
        if !right.includes.is_empty() {
            role.composite = Some(true);
            role.composites = Some(composites_of_client("account", right.includes));
        }
        role
    });
    of_clients.insert("account".to_owned(), account_roles.collect());
    of_clients.insert(
        "broker".to_owned(),
        vec![client_role("read-token", &id_of("broker"), new_id)],
    );
    RolesRepresentation {
        realm: Some(of_realm),
        client: Some(of_clients),
        application: None,
    }
}

/// `default-roles-<realm>`, in lower case.
pub fn default_role_name(realm: &str) -> String {
    format!("default-roles-{}", realm.to_lowercase())
}

fn realm_role(name: &str, description: &str, container: &str, new_id: NewId) -> RoleRepresentation {
    RoleRepresentation {
        id: Some(new_id()),
        name: Some(name.to_owned()),
        description: Some(description.to_owned()),
        composite: Some(false),
        client_role: Some(false),
        container_id: Some(container.to_owned()),
        attributes: Some(BTreeMap::new()),
        ..Default::default()
    }
}

fn client_role(name: &str, container: &str, new_id: NewId) -> RoleRepresentation {
    RoleRepresentation {
        client_role: Some(true),
        ..realm_role(name, &format!("${{role_{name}}}"), container, new_id)
    }
}

fn composites_of_client(client: &str, names: &[&str]) -> RoleRepresentationComposites {
    RoleRepresentationComposites {
        client: Some(BTreeMap::from([(client.to_owned(), strings(names))])),
        ..Default::default()
    }
}

fn with_scopes(mut client: ClientRepresentation) -> ClientRepresentation {
    client.default_client_scopes = Some(strings(&DEFAULT_SCOPES));
    client.optional_client_scopes = Some(strings(&OPTIONAL_SCOPES));
    client
}

fn number_mappers(mappers: Option<&mut Vec<ProtocolMapperRepresentation>>, new_id: NewId) {
    for mapper in mappers.into_iter().flatten() {
        mapper.id = Some(new_id());
    }
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|&n| n.to_owned()).collect()
}

/// Reads data of this crate; that all of it parses is what the tests below make sure of.
fn parsed<T: DeserializeOwned + Default>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests;
