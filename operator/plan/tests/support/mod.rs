//! A server in memory that writes things differently than they were sent, as real ones do.
#![allow(dead_code)]

use realmkeep_crds::{
    AdoptionPolicy, DeletionPolicy, DriftPolicy, Lifecycle, ManagementPolicy, ObjectName,
};
use realmkeep_plan::ObjectKey;
use realmkeep_plan::{DesiredObject, Observed, Operation, Owner, Plan, SecretInput, SecretInputs};
use realmkeep_representations::SecretString;
use serde_json::{Map, Value, json};

pub const LIFECYCLE: Lifecycle = Lifecycle {
    management: ManagementPolicy::Full,
    deletion: DeletionPolicy::Delete,
    adoption: AdoptionPolicy::Never,
    drift: DriftPolicy::Correct,
    suspend: false,
};

pub fn owner(kind: &str, name: &str) -> Owner {
    Owner {
        cluster: None,
        namespace: "shop".into(),
        kind: kind.into(),
        name: name.into(),
        uid: Some("1".into()),
    }
}

pub fn client(name: &str, fields: Value) -> DesiredObject {
    object(
        ObjectKey::Client {
            realm: "r".into(),
            client_id: name.into(),
        },
        "Client",
        name,
        fields,
    )
}

pub fn realm(name: &str, fields: Value) -> DesiredObject {
    object(
        ObjectKey::Realm { realm: name.into() },
        "Realm",
        name,
        fields,
    )
}

pub fn provider(name: &str, fields: Value) -> DesiredObject {
    object(
        ObjectKey::IdentityProvider {
            realm: "r".into(),
            alias: name.into(),
        },
        "IdentityProvider",
        name,
        fields,
    )
}

pub fn object(key: ObjectKey, kind: &'static str, name: &str, fields: Value) -> DesiredObject {
    let Value::Object(fields) = fields else {
        panic!("an object")
    };
    DesiredObject {
        key,
        resource: ObjectName {
            kind,
            namespace: "shop".into(),
            name: name.into(),
        },
        owner: owner(kind, name),
        lifecycle: LIFECYCLE,
        fields,
        secrets: SecretInputs::new(),
        federation: None,
    }
}

pub fn secret(value: &str, version: &str) -> SecretInput {
    SecretInput {
        value: SecretString::new(value),
        version: version.into(),
    }
}

/// What the server answers after the plan was carried out.
pub fn apply(plan: &Plan, observed: &Observed) -> Observed {
    let mut after = observed.clone();
    for change in &plan.changes {
        match change.op {
            Operation::Delete => {
                after.remove(&change.object);
            }
            _ => {
                let stored = normalised(&change.object, change.body.expose());
                after.insert(change.object.clone(), stored);
            }
        }
    }
    after
}

fn normalised(key: &ObjectKey, body: &Value) -> Value {
    let Value::Object(body) = body else {
        panic!("an object")
    };
    let mut stored = Map::new();
    for (field, value) in body {
        let value = match value {
            Value::Null => continue,
            Value::String(s) if s.is_empty() => continue,
            // Sets come back in another order.
            Value::Array(items)
                if items.iter().all(Value::is_string) && !field.ends_with("Algorithms") =>
            {
                let mut items = items.clone();
                items.sort_by_key(|i| std::cmp::Reverse(i.to_string()));
                items.dedup();
                Value::Array(items)
            }
            Value::Array(items) if items.iter().all(Value::is_object) => Value::Array(
                items
                    .iter()
                    .map(|item| {
                        let mut item = item.clone();
                        item["id"] = json!("mapper");
                        item["consentRequired"] = json!(false);
                        item
                    })
                    .collect(),
            ),
            // Values of maps are strings, empty ones are gone, secrets are masked.
            Value::Object(map) if field != "serviceAccountRoles" => Value::Object(
                map.iter()
                    .filter(|(_, v)| !v.is_null() && *v != &json!(""))
                    .map(|(k, v)| {
                        let text = v.as_str().map_or_else(|| v.to_string(), str::to_owned);
                        let masked = k == "clientSecret" || k == "password";
                        (
                            k.clone(),
                            json!(if masked { "**********".into() } else { text }),
                        )
                    })
                    .collect(),
            ),
            other => other.clone(),
        };
        stored.insert(field.clone(), value);
    }
    stored.insert("id".into(), json!(format!("id of {key}")));
    stored
        .entry("surrogateAuthRequired")
        .or_insert(json!(false));
    Value::Object(stored)
}
