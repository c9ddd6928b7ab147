//! Desired and observed in, plan out.

use std::collections::BTreeMap;

use realmkeep_crds::{AdoptionPolicy, ManagementPolicy, ObjectName};
use serde_json::{Map, Value};

use crate::{
    Body, Change, DesiredObject, FieldChange, OWNER_ATTRIBUTE, ObjectKey, Operation, Owner, Plan,
    SECRET_VERSIONS_ATTRIBUTE,
    owner::Ownership,
    reconcile::{NoDefault, initial, is_empty, is_masked, reconcile},
};

/// The server's objects; one that is absent does not exist.
pub type Observed = BTreeMap<ObjectKey, Value>;

/// Why an object cannot be planned: what was found, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error(
        "{resource}: {object} exists already and is not managed; set spec.adoptionPolicy: IfUnowned to take it over"
    )]
    AdoptionRequired {
        resource: Box<ObjectName>,
        object: Box<ObjectKey>,
    },
    #[error(
        "{resource}: {object} belongs to {owner}; remove it there, or set spec.adoptionPolicy: Force to take it over"
    )]
    OwnershipConflict {
        resource: Box<ObjectName>,
        object: Box<ObjectKey>,
        owner: String,
    },
    #[error(
        "{resource}: {object} does not exist, and spec.managementPolicy: ObserveOnly does not create it"
    )]
    NothingToObserve {
        resource: Box<ObjectName>,
        object: Box<ObjectKey>,
    },
    #[error(
        "{resource}: spec.settings.{field}: cannot be reset, because its default is not known; give the value"
    )]
    NoDefault {
        resource: Box<ObjectName>,
        field: String,
    },
    #[error("{resource}: {object} is declared by {other} too; keep one of them")]
    IdentityConflict {
        resource: Box<ObjectName>,
        object: Box<ObjectKey>,
        other: Box<ObjectName>,
    },
    #[error(
        "{resource}: subject {subject:?} of identity provider {provider:?} is the client of {other} too; a token could not tell them apart"
    )]
    SubjectConflict {
        resource: Box<ObjectName>,
        provider: String,
        subject: String,
        other: Box<ObjectName>,
    },
}

/// The plan for all `desired` objects of one server.
///
/// # Errors
/// Everything that stands in the way, of all objects; then nothing should be applied.
pub fn plan(desired: &[DesiredObject], observed: &Observed) -> Result<Plan, Vec<PlanError>> {
    let mut errors = conflicts(desired);
    let mut changes = Vec::new();
    for object in desired {
        match plan_object(object, observed.get(&object.key)) {
            Ok(change) => changes.extend(change),
            Err(e) => errors.push(e),
        }
    }
    if errors.is_empty() {
        Ok(Plan::ordered(changes))
    } else {
        Err(errors)
    }
}

/// What one object needs; `None` when it is as declared.
///
/// # Errors
/// The object is somebody else's, or a field cannot be what is declared.
pub fn plan_object(
    desired: &DesiredObject,
    observed: Option<&Value>,
) -> Result<Option<Change>, PlanError> {
    let observed = observed.and_then(Value::as_object);
    let management = desired.lifecycle.management;
    match (observed, management) {
        (None, ManagementPolicy::ObserveOnly) => Err(PlanError::NothingToObserve {
            resource: Box::new(desired.resource.clone()),
            object: Box::new(desired.key.clone()),
        }),
        (None, _) => Ok(Some(create(desired))),
        (Some(_), ManagementPolicy::CreateOnly) => Ok(None),
        (Some(observed), ManagementPolicy::ObserveOnly) => update(desired, observed, false),
        (Some(observed), ManagementPolicy::Full) => {
            adopt(desired, observed)?;
            update(desired, observed, true)
        }
    }
}

/// The deletion of an object that is ours; `None` when it is gone or somebody else's.
pub fn plan_delete(
    key: &ObjectKey,
    resource: &ObjectName,
    owner: &Owner,
    observed: Option<&Value>,
) -> Option<Change> {
    let observed = observed?;
    (owner.of(key, observed) == Ownership::Ours).then(|| Change {
        object: key.clone(),
        resource: resource.clone(),
        op: Operation::Delete,
        fields: Vec::new(),
        id: id(observed.as_object()),
        body: Body::new(Value::Null),
        seen: Body::new(observed.clone()),
    })
}

/// Objects that two resources declare, and subjects that two clients authenticate with.
fn conflicts(desired: &[DesiredObject]) -> Vec<PlanError> {
    let mut errors = Vec::new();
    for object in desired {
        let others = || desired.iter().filter(|o| o.resource != object.resource);
        if let Some(other) = others().find(|o| o.key == object.key) {
            errors.push(PlanError::IdentityConflict {
                resource: Box::new(object.resource.clone()),
                object: Box::new(object.key.clone()),
                other: Box::new(other.resource.clone()),
            });
        } else if let Some((provider, subject)) = &object.federation
            && let Some(other) = others()
                .find(|o| o.key.realm() == object.key.realm() && o.federation == object.federation)
        {
            errors.push(PlanError::SubjectConflict {
                resource: Box::new(object.resource.clone()),
                provider: provider.clone(),
                subject: subject.clone(),
                other: Box::new(other.resource.clone()),
            });
        }
    }
    errors.sort_by_key(ToString::to_string);
    errors
}

fn adopt(desired: &DesiredObject, observed: &Map<String, Value>) -> Result<(), PlanError> {
    let observed = Value::Object(observed.clone());
    let adoption = desired.lifecycle.adoption;
    match desired.owner.of(&desired.key, &observed) {
        Ownership::Ours => Ok(()),
        Ownership::Unowned if adoption != AdoptionPolicy::Never => Ok(()),
        Ownership::Foreign(_) if adoption == AdoptionPolicy::Force => Ok(()),
        Ownership::Unowned => Err(PlanError::AdoptionRequired {
            resource: Box::new(desired.resource.clone()),
            object: Box::new(desired.key.clone()),
        }),
        Ownership::Foreign(owner) => Err(PlanError::OwnershipConflict {
            resource: Box::new(desired.resource.clone()),
            object: Box::new(desired.key.clone()),
            owner,
        }),
    }
}

fn create(desired: &DesiredObject) -> Change {
    let mut body = initial(&with_records(desired));
    identify(&mut body, &desired.key);
    // What is declared is meant to work; whether it stays enabled is managed only when written.
    body.entry("enabled").or_insert(Value::Bool(true));
    let mut fields: Vec<_> = body
        .iter()
        .filter(|(_, value)| !is_empty(value))
        .map(|(field, value)| FieldChange::new(field, None, Some(value)))
        .collect();
    for (path, secret) in &desired.secrets {
        put(&mut body, path, Value::from(secret.value.expose()));
        fields.push(secret_change(path, false));
    }
    fields.sort_by(|a, b| a.path.cmp(&b.path));
    Change {
        object: desired.key.clone(),
        resource: desired.resource.clone(),
        op: Operation::Create,
        fields,
        id: None,
        body: Body::new(Value::Object(body)),
        seen: Body::new(Value::Null),
    }
}

fn update(
    desired: &DesiredObject,
    observed: &Map<String, Value>,
    manage: bool,
) -> Result<Option<Change>, PlanError> {
    let wanted = if manage {
        with_records(desired)
    } else {
        desired.fields.clone()
    };
    let (mut body, mut fields) =
        reconcile(&desired.key, &wanted, observed).map_err(|NoDefault { field }| {
            PlanError::NoDefault {
                resource: Box::new(desired.resource.clone()),
                field,
            }
        })?;
    for (path, secret) in &desired.secrets {
        // A masked secret is compared by its version, which is among the fields above.
        if let Some(found) = take(observed, path)
            && !is_masked(found)
            && found.as_str() != Some(secret.value.expose())
        {
            fields.push(secret_change(path, true));
        }
        put(&mut body, path, Value::from(secret.value.expose()));
    }
    if fields.is_empty() {
        return Ok(None);
    }
    fields.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Some(Change {
        object: desired.key.clone(),
        resource: desired.resource.clone(),
        op: Operation::Update,
        fields,
        id: id(Some(observed)),
        body: Body::new(Value::Object(body)),
        seen: Body::new(Value::Object(observed.clone())),
    }))
}

/// The declared fields with the ownership record and the versions of the secrets.
fn with_records(desired: &DesiredObject) -> Map<String, Value> {
    let mut fields = desired.fields.clone();
    let map = fields
        .entry(desired.key.free_map())
        .or_insert_with(|| Value::Object(Map::new()));
    // `attributes: null` resets nothing that others wrote.
    if !map.is_object() {
        *map = Value::Object(Map::new());
    }
    if let Some(map) = map.as_object_mut() {
        map.insert(OWNER_ATTRIBUTE.into(), desired.owner.to_attribute().into());
        if desired.secrets.is_empty() {
            map.insert(SECRET_VERSIONS_ATTRIBUTE.into(), Value::Null);
        } else {
            let versions: BTreeMap<_, _> = desired
                .secrets
                .iter()
                .map(|(path, secret)| (path, &secret.version))
                .collect();
            let versions = serde_json::to_string(&versions).unwrap_or_default();
            map.insert(SECRET_VERSIONS_ATTRIBUTE.into(), versions.into());
        }
    }
    fields
}

fn identify(body: &mut Map<String, Value>, key: &ObjectKey) {
    let (field, value) = match key {
        ObjectKey::Realm { realm } => ("realm", realm),
        ObjectKey::IdentityProvider { alias, .. } => ("alias", alias),
        ObjectKey::Client { client_id, .. } => ("clientId", client_id),
    };
    body.insert(field.into(), Value::from(value.as_str()));
}

fn id(observed: Option<&Map<String, Value>>) -> Option<String> {
    let observed = observed?;
    let id = observed.get("id").or_else(|| observed.get("internalId"))?;
    id.as_str().map(str::to_owned)
}

/// The value at `field` or `map.key`; the key may have dots.
fn take<'o>(observed: &'o Map<String, Value>, path: &str) -> Option<&'o Value> {
    match path.split_once('.') {
        None => observed.get(path),
        Some((map, key)) => observed.get(map)?.get(key),
    }
}

fn put(body: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            body.insert(path.to_owned(), value);
        }
        Some((map, key)) => {
            let map = body.entry(map).or_insert_with(|| Value::Object(Map::new()));
            if let Some(map) = map.as_object_mut() {
                map.insert(key.to_owned(), value);
            }
        }
    }
}

fn secret_change(path: &str, before: bool) -> FieldChange {
    let hidden = Value::from(crate::change::REDACTED);
    FieldChange {
        path: path.to_owned(),
        before: before.then(|| hidden.clone()),
        after: Some(hidden),
    }
}
