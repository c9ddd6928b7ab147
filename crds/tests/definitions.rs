//! The definitions are what an API server accepts and what the design asks for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::{collections::BTreeMap, fs, path::Path};

use realmkeep_crds::{crd_yaml, crds};
use serde_json::Value;

fn definitions() -> Vec<Value> {
    crds()
        .iter()
        .map(|crd| serde_json::to_value(crd).unwrap())
        .collect()
}

fn schema(kind: &str) -> Value {
    let all = definitions();
    let crd = all
        .iter()
        .find(|c| c["spec"]["names"]["kind"] == kind)
        .unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

#[test]
fn the_files_in_yaml_are_what_the_types_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("yaml");
    let wanted: BTreeMap<String, String> = crd_yaml().unwrap().into_iter().collect();
    let present: BTreeMap<String, String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    let stale: Vec<&String> = wanted
        .keys()
        .chain(present.keys())
        .filter(|name| wanted.get(*name) != present.get(*name))
        .collect();
    assert!(
        stale.is_empty(),
        "run `cargo xtask crds` and commit what it writes: {stale:?}"
    );
}

#[test]
fn files_are_the_same_on_every_run_and_small_enough_to_apply() {
    let first = crd_yaml().unwrap();
    assert_eq!(first, crd_yaml().unwrap());
    assert_eq!(first.len(), crds().len() + 1);
    for (file, text) in &first {
        assert!(
            file == "kustomization.yaml"
                || file.starts_with("realmkeep.dev_") && file.ends_with(".yaml")
        );
        // kubectl's last-applied annotation holds 256 KiB at most.
        assert!(text.len() < 250_000, "{file} has {} bytes", text.len());
    }
}

#[test]
fn kinds_are_namespaced_in_the_category_iam_with_a_status() {
    for crd in definitions() {
        assert_eq!(crd["spec"]["scope"], "Namespaced");
        assert_eq!(
            crd["spec"]["names"]["categories"],
            serde_json::json!(["iam"])
        );
        let version = &crd["spec"]["versions"][0];
        assert!(version["subresources"]["status"].is_object());
        let columns = version["additionalPrinterColumns"].as_array().unwrap();
        for wanted in ["Ready", "Reason", "Age"] {
            assert!(columns.iter().any(|c| c["name"] == wanted), "{wanted}");
        }
    }
}

#[test]
fn schemas_are_structural() {
    fn walk(value: &Value, path: &str) {
        match value {
            Value::Object(map) => {
                assert!(!map.contains_key("$ref"), "{path} has $ref");
                assert!(!map.contains_key("$defs"), "{path} has $defs");
                if let Some(kind) = map.get("type") {
                    assert!(
                        kind.is_string() || kind.is_object(),
                        "{path}.type is {kind}"
                    );
                }
                if let Some(format) = map.get("format").and_then(Value::as_str) {
                    assert!(!format.starts_with("uint"), "{path} has format {format}");
                }
                for (key, value) in map {
                    walk(value, &format!("{path}.{key}"));
                }
            }
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    walk(item, &format!("{path}[{i}]"));
                }
            }
            _ => {}
        }
    }
    for crd in definitions() {
        let version = &crd["spec"]["versions"][0];
        walk(
            &version["schema"],
            crd["spec"]["names"]["kind"].as_str().unwrap(),
        );
    }
}

#[test]
fn no_secret_can_be_written_literally() {
    let client = schema("Client");
    let settings = &client["properties"]["spec"]["properties"]["settings"]["properties"];
    assert!(settings["redirectUris"].is_object());
    for field in [
        "secret",
        "registrationAccessToken",
        "clientId",
        "clientAuthenticatorType",
    ] {
        assert!(settings.get(field).is_none(), "{field}");
    }
    let realm = schema("Realm");
    let settings = &realm["properties"]["spec"]["properties"]["settings"]["properties"];
    assert!(settings["accessTokenLifespan"].is_object());
    for field in [
        "smtpServer",
        "privateKey",
        "codeSecret",
        "users",
        "clients",
        "components",
    ] {
        assert!(settings.get(field).is_none(), "{field}");
    }
    let provider = schema("IdentityProvider");
    let settings = &provider["properties"]["spec"]["properties"]["settings"]["properties"];
    assert!(settings.get("config").is_none());
}

#[test]
fn a_setting_may_be_null() {
    let client = schema("Client");
    let settings = &client["properties"]["spec"]["properties"]["settings"]["properties"];
    for (field, property) in settings.as_object().unwrap() {
        let anything = property["x-kubernetes-preserve-unknown-fields"] == true;
        assert!(
            anything || property["nullable"] == true,
            "{field}: {property}"
        );
    }
    assert_eq!(
        settings["attributes"]["additionalProperties"]["nullable"],
        true
    );
}

#[test]
fn exactly_one_way_to_authenticate() {
    let client = schema("Client");
    let auth = &client["properties"]["spec"]["properties"]["auth"];
    assert_eq!(auth["oneOf"].as_array().unwrap().len(), 5, "{auth}");
    assert_eq!(auth["type"], "object");
    assert!(auth["properties"]["serviceAccount"]["properties"]["name"].is_object());
}

#[test]
fn identity_is_immutable_and_master_is_reserved() {
    for (kind, field) in [
        ("Realm", "realmName"),
        ("Client", "clientId"),
        ("IdentityProvider", "alias"),
    ] {
        let schema = schema(kind);
        let rules = schema["properties"]["spec"]["x-kubernetes-validations"].to_string();
        assert!(
            rules.contains(&format!("self.{field} == oldSelf.{field}")),
            "{kind}: {rules}"
        );
    }
    assert!(
        schema("Realm")["x-kubernetes-validations"]
            .to_string()
            .contains("master")
    );
}
