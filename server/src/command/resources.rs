//! A realm as custom resources that observe it: whoever sets `managementPolicy: Full` in them takes over.
//!
//! Secrets do not come along, nor what the server assigns, nor what no resource declares yet.

use std::collections::BTreeSet;

use realmkeep_crds::{
    ClientKind, GROUP, IdentityProviderKind, RealmKind, SettingsKind, VERSION, is_secret_key,
};
use realmkeep_plan::{OWNER_ATTRIBUTE, SECRET_VERSIONS_ATTRIBUTE};
use serde_json::{Map, Value, json};

/// Clients that every realm has of itself.
const BUILT_IN: &[&str] = &[
    "account",
    "account-console",
    "admin-cli",
    "broker",
    "realm-management",
    "security-admin-console",
];
/// Longest name of a resource (RFC 1123 label).
const NAME: usize = 63;

/// The realm of an export, its clients and identity providers.
pub fn of_realm(export: &Value) -> Vec<Value> {
    let text = |object: &Value, key: &str| object.get(key)?.as_str().map(str::to_owned);
    let list = |key: &str| {
        let items = export.get(key).and_then(Value::as_array);
        items.cloned().unwrap_or_default()
    };
    let realm = text(export, "realm").unwrap_or_default();
    let mut names = Names::default();
    let realm_resource = names.of("Realm", &realm);
    let mut all = vec![resource(
        "Realm",
        &realm_resource,
        json!({
            "serverRef": { "name": "server" },
            "realmName": realm,
            "managementPolicy": "ObserveOnly",
            "settings": settings::<RealmKind>(export),
        }),
    )];
    let realm_ref = json!({ "name": realm_resource });
    for provider in list("identityProviders") {
        let alias = text(&provider, "alias").unwrap_or_default();
        let mut spec = json!({
            "realmRef": realm_ref,
            "alias": alias,
            "managementPolicy": "ObserveOnly",
            "type": { "generic": { "providerId": provider.get("providerId") } },
            "settings": settings::<IdentityProviderKind>(&provider),
        });
        let config = provider.get("config").and_then(Value::as_object);
        if let (Some(config), Some(spec)) = (config, spec.as_object_mut()) {
            spec.insert("config".into(), Value::Object(without_secrets(config)));
        }
        all.push(resource(
            "IdentityProvider",
            &names.of("IdentityProvider", &alias),
            spec,
        ));
    }
    for client in list("clients") {
        let client_id = text(&client, "clientId").unwrap_or_default();
        if BUILT_IN.contains(&client_id.as_str()) {
            continue;
        }
        let mut spec = json!({
            "realmRef": realm_ref,
            "clientId": client_id,
            "managementPolicy": "ObserveOnly",
            "settings": settings::<ClientKind>(&client),
        });
        if client.get("publicClient") == Some(&Value::Bool(true))
            && let Some(spec) = spec.as_object_mut()
        {
            spec.insert("auth".into(), json!({ "public": {} }));
        }
        all.push(resource("Client", &names.of("Client", &client_id), spec));
    }
    all
}

fn resource(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": kind,
        "metadata": { "name": name },
        "spec": spec,
    })
}

/// What a resource of this kind declares of the object.
fn settings<K: SettingsKind>(object: &Value) -> Map<String, Value> {
    let elsewhere: BTreeSet<&str> = K::ELSEWHERE.iter().map(|(field, _)| *field).collect();
    let fields = object.as_object().into_iter().flatten();
    let kept = fields.filter(|(key, value)| {
        // Secrets at this level are all among them.
        !elsewhere.contains(key.as_str()) && !value.is_null()
    });
    kept.map(|(key, value)| {
        let value = match value {
            Value::Object(map) => Value::Object(without_secrets(map)),
            other => other.clone(),
        };
        (key.clone(), value)
    })
    .collect()
}

fn without_secrets(map: &Map<String, Value>) -> Map<String, Value> {
    let ours = [OWNER_ATTRIBUTE, SECRET_VERSIONS_ATTRIBUTE];
    map.iter()
        .filter(|(key, value)| {
            let secret = value.is_string() && is_secret_key(key);
            !secret && !ours.contains(&key.as_str())
        })
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Names of resources, each of a kind once.
#[derive(Default)]
struct Names(BTreeSet<(String, String)>);

impl Names {
    fn of(&mut self, kind: &str, name: &str) -> String {
        let mut label: String = name
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(NAME)
            .collect();
        label = label.trim_matches('-').to_owned();
        if label.is_empty() {
            "unnamed".clone_into(&mut label);
        }
        let mut unique = label.clone();
        let mut number = 2;
        while !self.0.insert((kind.to_owned(), unique.clone())) {
            let short: String = label.chars().take(NAME - 5).collect();
            unique = format!("{}-{number}", short.trim_end_matches('-'));
            number += 1;
        }
        unique
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_have_names_of_their_own_and_no_secrets() {
        let export = json!({
            "realm": "My_Realm", "id": "1", "displayName": "M", "smtpServer": {"password": "canary"},
            "clients": [
                {"clientId": "https://sp.example/", "secret": "canary", "name": "a", "attributes": {"x.secret": "canary", "y": "z"}},
                {"clientId": "https---sp.example", "publicClient": true},
                {"clientId": "account"},
            ],
            "identityProviders": [{"alias": "corp", "providerId": "oidc", "config": {"clientSecret": "canary", "issuer": "i"}}],
            "users": [{"username": "u"}],
        });
        let all = of_realm(&export);
        let text = serde_json::to_string(&all).unwrap();
        assert!(
            !text.contains("canary") && !text.contains("username"),
            "{text}"
        );
        let names: Vec<_> = all
            .iter()
            .map(|r| r["metadata"]["name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "my-realm",
                "corp",
                "https---sp-example",
                "https---sp-example-2"
            ]
        );
        assert_eq!(all[0]["spec"]["settings"], json!({"displayName": "M"}));
        assert_eq!(all[2]["spec"]["settings"]["attributes"], json!({"y": "z"}));
        assert_eq!(all[3]["spec"]["auth"], json!({"public": {}}));
    }
}
