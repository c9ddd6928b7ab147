//! Resources in files: what is read, and how errors help.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use realmkeep_crds::{AnyResource, ClientAuth, yaml};
use serde_json::json;

const REALM: &str = "apiVersion: realmkeep.dev/v1alpha1
kind: Realm
metadata: {name: customers}
spec:
  serverRef: {name: main}
  settings: {accessTokenLifespan: 60, displayName: null}
";

fn error(text: &str) -> String {
    yaml::parse("shop.yaml", text).unwrap_err().to_string()
}

#[test]
fn documents_are_read_in_order_and_nulls_are_kept() {
    let text = format!(
        "{REALM}---
apiVersion: realmkeep.dev/v1alpha1
kind: Client
metadata: {{name: shop, namespace: shop}}
spec:
  realmRef: {{name: customers, namespace: default}}
  auth:
    serviceAccount: {{name: shop}}
---
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop}}
"
    );
    let loaded = yaml::parse("shop.yaml", &text).unwrap();
    let [realm, client] = &loaded.documents[..] else {
        panic!()
    };
    let AnyResource::Realm(realm) = &realm.resource else {
        panic!()
    };
    assert_eq!(realm.realm_name(), "customers");
    let settings = realm.spec.settings.as_ref().unwrap().fields();
    assert_eq!(settings["displayName"], json!(null));
    assert!(!settings.contains_key("enabled"));
    let AnyResource::Client(client) = &client.resource else {
        panic!()
    };
    let Some(ClientAuth::ServiceAccount(account)) = &client.spec.auth else {
        panic!()
    };
    assert_eq!(account.subject("shop"), "system:serviceaccount:shop:shop");
    assert_eq!(loaded.skipped[0].kind, "Deployment");
}

#[test]
fn what_is_written_comes_back_equal() {
    let loaded = yaml::parse("a.yaml", REALM).unwrap();
    let AnyResource::Realm(realm) = &loaded.documents[0].resource else {
        panic!()
    };
    let again = yaml::parse("b.yaml", &yaml::to_yaml(&**realm).unwrap()).unwrap();
    let AnyResource::Realm(again) = &again.documents[0].resource else {
        panic!()
    };
    assert_eq!(realm, again);
}

#[test]
fn an_unknown_field_is_named_with_file_object_and_path() {
    let text = REALM.replace("serverRef", "colour: red\n  serverRef");
    assert_eq!(
        error(&text),
        "shop.yaml (document 1): Realm customers: spec.colour: unknown field; check its spelling, or leave it out"
    );
    let text = REALM.replace("accessTokenLifespan", "accesTokenLifespan");
    let message = error(&text);
    assert!(
        message.contains("spec.settings") && message.contains("accesTokenLifespan"),
        "{message}"
    );
}

#[test]
fn a_field_with_another_home_says_which() {
    let text = REALM.replace("displayName: null", "smtpServer: {host: h}");
    assert!(error(&text).contains("use spec.smtp"), "{}", error(&text));
    let text = REALM.replace("displayName: null", "attributes: {apiSecret: hunter2}");
    let message = error(&text);
    assert!(
        message.contains("attributes.apiSecret") && !message.contains("hunter2"),
        "{message}"
    );
}

#[test]
fn malformed_yaml_is_named_with_its_line() {
    let message = error(&format!("{REALM}---\na: [1\n"));
    assert!(
        message.starts_with("shop.yaml (document 2): not YAML"),
        "{message}"
    );
    assert!(message.contains("line"), "{message}");
    assert!(
        error("a: 1\na: 2\n").contains("duplicate"),
        "{}",
        error("a: 1\na: 2\n")
    );
}

#[test]
fn a_missing_part_is_named() {
    let text = "apiVersion: realmkeep.dev/v1alpha1\nkind: Realm\nmetadata: {name: a}\n";
    assert_eq!(
        error(text),
        "shop.yaml (document 1): Realm a: missing field `spec`"
    );
    let text = format!("{text}spec: {{}}\n");
    assert_eq!(
        error(&text),
        "shop.yaml (document 1): Realm a: spec: missing field `serverRef`"
    );
}

#[test]
fn every_error_is_reported() {
    let text = format!(
        "{REALM}---\n{REALM}---\nkind: Realm\n---\napiVersion: realmkeep.dev/v1\nkind: Realm\nmetadata: {{name: x}}\n"
    );
    let message = error(&text);
    assert!(
        message.contains("is written in shop.yaml (document 1) too"),
        "{message}"
    );
    assert!(message.contains("apiVersion: is missing"), "{message}");
    assert!(
        message.contains("this version knows realmkeep.dev/v1alpha1"),
        "{message}"
    );
}

#[test]
fn rules_hold_without_an_api_server() {
    assert!(error(&REALM.replace("name: customers", "name: master")).contains("master"));
    let text = REALM.replace("  settings", "  overrides: {enabled: false}\n  settings");
    assert!(
        error(&text).contains("spec.overrides.enabled"),
        "{}",
        error(&text)
    );
    let two = "apiVersion: realmkeep.dev/v1alpha1
kind: Client
metadata: {name: shop}
spec:
  realmRef: {name: r}
  auth: {public: {}, federated: {provider: a, subject: b}}
";
    let message = error(two);
    assert!(message.contains("spec.auth"), "{message}");
}

#[test]
fn a_folder_is_read_recursively() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("realms");
    std::fs::create_dir(&below).unwrap();
    std::fs::write(below.join("b.yml"), REALM).unwrap();
    std::fs::write(folder.path().join("README.md"), "no YAML: [").unwrap();
    std::fs::write(folder.path().join(".hidden.yaml"), "no YAML: [").unwrap();
    let loaded = yaml::load(folder.path()).unwrap();
    assert_eq!(loaded.documents.len(), 1);
    let missing = yaml::load(&folder.path().join("nowhere"))
        .unwrap_err()
        .to_string();
    assert!(missing.contains("nowhere"), "{missing}");
}
