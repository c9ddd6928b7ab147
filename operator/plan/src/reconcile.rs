//! Compares one declared object with the server's, field by field, and merges them.

use std::collections::BTreeSet;

use realmkeep_representations::SecretString;
use serde_json::{Map, Value};

use crate::{ObjectKey, change::FieldChange, defaults::default_of};

/// Lists whose order means something; every other list of scalars is a set.
const ORDERED: [&str; 2] = [
    "webAuthnPolicySignatureAlgorithms",
    "webAuthnPolicyPasswordlessSignatureAlgorithms",
];
/// A server adds this scope by itself to clients with a service account.
const IMPLICIT_SCOPE: &str = "service_account";

/// A field that was to be reset and whose default is not known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoDefault {
    pub(crate) field: String,
}

/// `observed` with everything of `desired` in it, and what that changes.
pub(crate) fn reconcile(
    key: &ObjectKey,
    desired: &Map<String, Value>,
    observed: &Map<String, Value>,
) -> Result<(Map<String, Value>, Vec<FieldChange>), NoDefault> {
    let mut merged = observed.clone();
    let mut changes = Vec::new();
    for (field, wanted) in desired {
        let found = observed.get(field).filter(|v| !v.is_null());
        let default = default_of(key, field);
        if wanted.is_null() {
            // Nothing there is as good as the default.
            let Some(found) = found else { continue };
            let default = default.ok_or_else(|| NoDefault {
                field: field.clone(),
            })?;
            if !same(field, default, found) {
                changes.push(FieldChange::new(field, Some(found), None));
                merged.insert(field.clone(), default.clone());
            }
            continue;
        }
        if found.is_none() && default.is_some_and(|default| same(field, wanted, default)) {
            continue;
        }
        let mut context = Context {
            key,
            field,
            changes: &mut changes,
        };
        let value = context.value(field, wanted, found);
        merged.insert(field.clone(), value);
    }
    Ok((merged, changes))
}

/// `desired` as it is sent to create the object: without the nulls.
pub(crate) fn initial(desired: &Map<String, Value>) -> Map<String, Value> {
    desired
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(field, value)| {
            let value = match value {
                Value::Object(map) => Value::Object(initial(map)),
                other => other.clone(),
            };
            (field.clone(), value)
        })
        .collect()
}

struct Context<'c> {
    key: &'c ObjectKey,
    /// The top-level field.
    field: &'c str,
    changes: &'c mut Vec<FieldChange>,
}

impl Context<'_> {
    /// The merged value; notes what differs.
    fn value(&mut self, path: &str, wanted: &Value, found: Option<&Value>) -> Value {
        match wanted {
            Value::Object(wanted) => self.map(path, wanted, found),
            Value::Array(wanted)
                if !wanted.is_empty() && wanted.iter().all(|w| name(w).is_some()) =>
            {
                self.named_items(path, wanted, found)
            }
            _ => {
                let implicit = self.implicit_scope(wanted, found);
                let wanted = implicit.as_ref().unwrap_or(wanted);
                if let Some(found) = found
                    && same(self.field, wanted, found)
                {
                    return found.clone();
                }
                if found.is_none() && is_empty(wanted) {
                    return wanted.clone();
                }
                self.changes
                    .push(FieldChange::new(path, found, Some(wanted)));
                wanted.clone()
            }
        }
    }

    /// Merged by key; what is not mentioned stays.
    fn map(&mut self, path: &str, wanted: &Map<String, Value>, found: Option<&Value>) -> Value {
        let empty = Map::new();
        let found = found.and_then(Value::as_object).unwrap_or(&empty);
        let mut merged = found.clone();
        for (key, wanted) in wanted {
            let path = format!("{path}.{key}");
            let before = found.get(key).filter(|v| !v.is_null());
            if wanted.is_null() {
                if let Some(before) = before.filter(|v| !is_empty(v)) {
                    self.changes
                        .push(FieldChange::new(&path, Some(before), None));
                    match self.key {
                        // Attributes of a client that are left out stay; an empty one goes.
                        ObjectKey::Client { .. } => {
                            merged.insert(key.clone(), Value::from(""));
                        }
                        _ => {
                            merged.shift_remove(key);
                        }
                    }
                }
            } else {
                let value = self.value(&path, wanted, before);
                if before.is_some() || !is_empty(&value) {
                    merged.insert(key.clone(), value);
                }
            }
        }
        Value::Object(merged)
    }

    /// A list of objects with names is exact in its names; each object is merged by field, because
    /// the server adds ids and defaults to it.
    fn named_items(&mut self, path: &str, wanted: &[Value], found: Option<&Value>) -> Value {
        let found = found
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        for gone in found {
            let kept = wanted.iter().any(|w| name(w) == name(gone));
            if !kept {
                let path = format!("{path}[{}]", name(gone).unwrap_or("?"));
                self.changes.push(FieldChange::new(&path, Some(gone), None));
            }
        }
        let merged = wanted.iter().map(|wanted| {
            let path = format!("{path}[{}]", name(wanted).unwrap_or("?"));
            match found.iter().find(|f| name(f) == name(wanted)) {
                Some(found) => self.value(&path, wanted, Some(found)),
                None => {
                    self.changes
                        .push(FieldChange::new(&path, None, Some(wanted)));
                    wanted.clone()
                }
            }
        });
        Value::Array(merged.collect())
    }

    /// The wanted scopes with the one that the server adds, when it has.
    fn implicit_scope(&self, wanted: &Value, found: Option<&Value>) -> Option<Value> {
        let (wanted, found) = (wanted.as_array()?, found?.as_array()?);
        let scope = Value::from(IMPLICIT_SCOPE);
        let added = self.field == "defaultClientScopes"
            && found.contains(&scope)
            && !wanted.contains(&scope);
        added.then(|| {
            let mut wanted = wanted.clone();
            wanted.push(scope);
            Value::Array(wanted)
        })
    }
}

/// Whether both mean the same to a server.
fn same(field: &str, a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            let text = |items: &[Value]| items.iter().map(text).collect::<Vec<_>>();
            let (a, b) = (text(a), text(b));
            if ORDERED.contains(&field) {
                a == b
            } else {
                BTreeSet::from_iter(a) == BTreeSet::from_iter(b)
            }
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(k, a)| b.get(k).is_some_and(|b| same(k, a, b)))
        }
        (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => {
            is_empty(a) && is_empty(b)
        }
        _ => text(a) == text(b),
    }
}

/// `true` and `"true"`, `5` and `"5"` are the same to a server.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// What a server leaves out of an answer.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty() || text == "false",
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

fn name(value: &Value) -> Option<&str> {
    let map = value.as_object()?;
    map.get("name").or_else(|| map.get("alias"))?.as_str()
}

/// Whether a server showed this in the place of a secret.
pub(crate) fn is_masked(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| SecretString::new(text).is_masked())
}
