//! A plan: what will be created, updated and deleted, shown without secrets.

use std::fmt;

use realmkeep_crds::{ObjectName, is_secret_key};
use serde::Serialize;
use serde_json::Value;

use crate::ObjectKey;

/// What is shown in the place of a secret.
pub(crate) const REDACTED: &str = "(secret)";
/// Longest value shown whole.
const SHOWN: usize = 120;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    Create,
    Update,
    Delete,
}

/// One field that differs; secret values are already replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    pub path: String,
    /// Absent: the server has no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Absent: the field is reset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What is sent to the server. Never printed: it holds secrets.
#[derive(Clone, PartialEq)]
pub struct Body(Value);

/// One object that has to change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    pub object: ObjectKey,
    /// The resource that declares it.
    #[serde(serialize_with = "as_text")]
    pub resource: ObjectName,
    pub op: Operation,
    pub fields: Vec<FieldChange>,
    /// The object's id on the server, when it exists and has one.
    #[serde(skip)]
    pub id: Option<String>,
    /// The whole object to write; null for a deletion.
    #[serde(skip)]
    pub body: Body,
    /// The object as the plan saw it; null for a creation.
    #[serde(skip)]
    pub seen: Body,
}

/// Changes in the order in which they can be applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    pub changes: Vec<Change>,
}

impl FieldChange {
    pub(crate) fn new(path: &str, before: Option<&Value>, after: Option<&Value>) -> Self {
        let shown = |value: Option<&Value>| {
            let value = value.filter(|v| !v.is_null())?;
            Some(redacted(path, value))
        };
        Self {
            path: path.to_owned(),
            before: shown(before),
            after: shown(after),
        }
    }
}

impl Body {
    pub(crate) fn new(value: Value) -> Self {
        Self(value)
    }

    /// The object with its secrets; for the request only.
    pub fn expose(&self) -> &Value {
        &self.0
    }
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Creation from the realm down, deletion from the clients up, deletions last.
    pub(crate) fn ordered(mut changes: Vec<Change>) -> Self {
        changes.sort_by(|a, b| {
            let deletes = |c: &Change| c.op == Operation::Delete;
            deletes(a).cmp(&deletes(b)).then_with(|| {
                if deletes(a) {
                    rank(&b.object)
                        .cmp(&rank(&a.object))
                        .then_with(|| a.object.cmp(&b.object))
                } else {
                    rank(&a.object)
                        .cmp(&rank(&b.object))
                        .then_with(|| a.object.cmp(&b.object))
                }
            })
        });
        Self { changes }
    }
}

fn rank(key: &ObjectKey) -> u8 {
    match key {
        ObjectKey::Realm { .. } => 0,
        ObjectKey::IdentityProvider { .. } => 1,
        ObjectKey::Client { .. } => 2,
    }
}

/// `value` with everything secret in it replaced; `path` is where it stands.
pub(crate) fn redacted(path: &str, value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, value)| {
                    let path = format!("{path}.{key}");
                    (key.clone(), redacted(&path, value))
                })
                .collect(),
        ),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| redacted(path, item)).collect())
        }
        Value::String(_) if is_secret_path(path) => Value::from(REDACTED),
        other => other.clone(),
    }
}

fn is_secret_path(path: &str) -> bool {
    // Keys of attributes have dots themselves, so the whole tail after the map's name counts.
    let tail = path.split_once('.').map_or(path, |(_, tail)| tail);
    path == "registrationAccessToken" || path == "codeSecret" || is_secret_key(tail)
}

fn as_text<S: serde::Serializer>(name: &ObjectName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body(…)")
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, verb) = match self.op {
            Operation::Create => ('+', "create"),
            Operation::Update => ('~', "update"),
            Operation::Delete => ('-', "delete"),
        };
        write!(f, "{sign} {verb} {} ({})", self.object, self.resource)?;
        for field in &self.fields {
            write!(f, "\n    {field}")?;
        }
        Ok(())
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<Value>| match value {
            None => "(none)".to_owned(),
            Some(value) => {
                let text = value.to_string();
                if text.chars().count() > SHOWN {
                    let start: String = text.chars().take(SHOWN).collect();
                    format!("{start}…")
                } else {
                    text
                }
            }
        };
        match (&self.before, &self.after) {
            (None, after) => write!(f, "{}: {}", self.path, text(after)),
            (before, None) => write!(f, "{}: {} -> (default)", self.path, text(before)),
            (before, after) => write!(f, "{}: {} -> {}", self.path, text(before), text(after)),
        }
    }
}
