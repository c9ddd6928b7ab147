//! Whose an object on the server is: a record beside its attributes.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ObjectKey;

/// Attribute (of an identity provider: configuration key) that holds the record, as JSON.
pub const OWNER_ATTRIBUTE: &str = "realmkeep.dev/owner";
/// Attribute that holds which version of each secret was last applied, as JSON.
pub const SECRET_VERSIONS_ATTRIBUTE: &str = "realmkeep.dev/secret-versions";

/// The resource that declares an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Which cluster; absent when the resource is a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    pub namespace: String,
    pub kind: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// What the record on an object says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    Ours,
    Unowned,
    Foreign(String),
}

impl Owner {
    /// Whether both are the same resource. One that was deleted and written again has another uid
    /// and is still the same to a person; two clusters are told apart when both are known.
    pub fn is(&self, other: &Self) -> bool {
        let names = |o: &Self| (o.namespace.clone(), o.kind.clone(), o.name.clone());
        let clusters = match (&self.cluster, &other.cluster) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        clusters && names(self) == names(other)
    }

    pub(crate) fn to_attribute(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What `observed` says about its owner.
    pub(crate) fn of(&self, key: &ObjectKey, observed: &Value) -> Ownership {
        let record = observed
            .get(key.free_map())
            .and_then(|map| map.get(OWNER_ATTRIBUTE))
            .and_then(Value::as_str)
            .filter(|record| !record.is_empty());
        match record {
            None => Ownership::Unowned,
            Some(record) => match serde_json::from_str::<Self>(record) {
                Ok(owner) if owner.is(self) => Ownership::Ours,
                Ok(owner) => Ownership::Foreign(owner.to_string()),
                Err(_) => Ownership::Foreign("somebody whose record cannot be read".into()),
            },
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)?;
        if let Some(cluster) = &self.cluster {
            write!(f, " of cluster {cluster}")?;
        }
        Ok(())
    }
}
