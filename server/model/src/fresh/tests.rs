use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

fn counter() -> impl FnMut() -> String {
    let mut last = 0;
    move || {
        last += 1;
        format!("id-{last}")
    }
}

fn names(realm: &RealmRepresentation) -> Value {
    let of = |list: Vec<String>| list.into_iter().collect::<BTreeSet<_>>();
    let roles = realm.roles.clone().unwrap_or_default();
    json!({
        "clients": of(realm.clients.iter().flatten().filter_map(|c| c.client_id.clone()).collect()),
        "clientScopes": of(realm.client_scopes.iter().flatten().filter_map(|c| c.name.clone()).collect()),
        "realmRoles": of(roles.realm.iter().flatten().filter_map(|r| r.name.clone()).collect()),
        "clientRoles": roles.client.unwrap_or_default().into_iter()
            .map(|(client, list)| (client, of(list.into_iter().filter_map(|r| r.name).collect())))
            .collect::<BTreeMap<_, _>>(),
        "flows": of(realm.authentication_flows.iter().flatten().filter_map(|f| f.alias.clone()).collect()),
        "requiredActions": of(realm.required_actions.iter().flatten().filter_map(|a| a.alias.clone()).collect()),
        "components": realm.components.iter().flatten()
            .map(|(kind, list)| (kind.clone(), list.len())).collect::<BTreeMap<_, _>>(),
    })
}

#[test]
fn all_data_parses() {
    fn strict<T: DeserializeOwned>(text: &str) {
        let value: Value = serde_json::from_str(text).unwrap();
        realmkeep_representations::strict::refuse_unknown::<T>(&value).unwrap();
    }
    strict::<RealmRepresentation>(SETTINGS);
    strict::<Vec<ClientRepresentation>>(CLIENTS);
    strict::<Vec<ClientScopeRepresentation>>(CLIENT_SCOPES);
    strict::<Vec<AuthenticationFlowRepresentation>>(FLOWS);
    strict::<Vec<AuthenticatorConfigRepresentation>>(AUTHENTICATOR_CONFIGS);
    strict::<Vec<RequiredActionProviderRepresentation>>(REQUIRED_ACTIONS);
    strict::<Vec<realmkeep_representations::ComponentRepresentation>>(COMPONENTS);
}

#[test]
fn a_fresh_realm_has_what_clients_expect() {
    let realm = realm("acme", &mut counter());
    let golden: Value = serde_json::from_str(include_str!("data/golden_names.json")).unwrap();
    assert_eq!(names(&realm), golden);
    assert_eq!(realm.access_token_lifespan, Some(300));
    assert_eq!(realm.ssl_required.as_deref(), Some("external"));
    assert_eq!(realm.default_signature_algorithm.as_deref(), Some("RS256"));
}

#[test]
fn every_object_has_its_own_id() {
    let realm = realm("acme", &mut counter());
    let text = serde_json::to_value(&realm).unwrap();
    let mut ids = Vec::new();
    collect_ids(&text, &mut ids);
    let distinct: BTreeSet<_> = ids.iter().collect();
    // The default role is there twice: as itself, and where the realm points at it.
    assert_eq!(distinct.len() + 1, ids.len());
    assert!(ids.len() > 120, "{}", ids.len());
}

fn collect_ids(value: &Value, ids: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(id) if key == "id" => ids.push(id.clone()),
                    other => collect_ids(other, ids),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_ids(item, ids)),
        _ => {}
    }
}

#[test]
fn names_inside_follow_the_realm() {
    let realm = realm("Acme", &mut counter());
    let account = realm
        .clients
        .iter()
        .flatten()
        .find(|c| c.client_id.as_deref() == Some("account"));
    assert_eq!(
        account.unwrap().base_url.as_deref(),
        Some("/realms/Acme/account/")
    );
    assert_eq!(
        realm.default_role.unwrap().name.as_deref(),
        Some("default-roles-acme")
    );
}

#[test]
fn the_master_realm_administers() {
    let realm = realm(MASTER, &mut counter());
    let found = names(&realm);
    assert_eq!(
        found["realmRoles"],
        json!([
            "admin",
            "create-realm",
            "default-roles-master",
            "offline_access",
            "uma_authorization"
        ])
    );
    assert_eq!(
        found["clients"],
        json!([
            "account",
            "account-console",
            "admin-cli",
            "broker",
            "master-realm",
            "security-admin-console"
        ])
    );
    assert_eq!(
        found["clientRoles"]["master-realm"]
            .as_array()
            .unwrap()
            .len(),
        21
    );
    let admin = realm
        .roles
        .unwrap()
        .realm
        .unwrap()
        .into_iter()
        .find(|r| r.name.as_deref() == Some("admin"));
    let inside = admin.unwrap().composites.unwrap();
    assert_eq!(inside.realm.unwrap(), ["create-realm"]);
    assert_eq!(inside.client.unwrap()["master-realm"].len(), 21);
}
