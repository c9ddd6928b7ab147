//! Secrets that resources refer to.

use std::{collections::BTreeMap, num::NonZeroU32};

use aws_lc_rs::pbkdf2;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use realmkeep_crds::{ALLOW_OPERATOR_LABEL, AnyResource, SecretKeySelector, yaml::Document};
use realmkeep_plan::SecretInput;
use realmkeep_representations::SecretString;

use crate::RefError;

/// Work per guess for somebody who sees a version and wants the secret.
const VERSION_ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();

/// One Secret, as far as references need it.
#[derive(Clone, Debug)]
pub struct SecretData {
    /// Carries the label that lets the operator read it.
    pub opted_in: bool,
    pub values: BTreeMap<String, SecretString>,
    /// What changes with the values, such as uid and resource version; `None`: made from the value.
    pub version: Option<String>,
}

/// Where Secrets come from.
pub trait SecretSource {
    fn secret(&self, namespace: &str, name: &str) -> Option<SecretData>;
}

/// The Secrets of a folder.
#[derive(Clone, Debug, Default)]
pub struct FolderSecrets(BTreeMap<(String, String), SecretData>);

impl FolderSecrets {
    pub fn new<'d>(documents: impl IntoIterator<Item = &'d Document>) -> Self {
        let secrets = documents.into_iter().filter_map(|document| {
            let AnyResource::Secret(secret) = &document.resource else {
                return None;
            };
            let name = document.resource.name();
            let data = SecretData {
                version: None,
                ..SecretData::from(&**secret)
            };
            Some(((name.namespace, name.name), data))
        });
        Self(secrets.collect())
    }
}

impl SecretSource for FolderSecrets {
    fn secret(&self, namespace: &str, name: &str) -> Option<SecretData> {
        let key = (namespace.to_owned(), name.to_owned());
        self.0.get(&key).cloned()
    }
}

impl From<&Secret> for SecretData {
    fn from(secret: &Secret) -> Self {
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(SecretString::new);
        let data = secret.data.iter().flatten();
        let data = data.filter_map(|(key, value)| Some((key.clone(), text(&value.0)?)));
        let plain = secret.string_data.iter().flatten();
        let plain = plain.map(|(key, value)| (key.clone(), SecretString::new(value.as_str())));
        let labels = secret.labels();
        Self {
            opted_in: labels
                .get(ALLOW_OPERATOR_LABEL)
                .is_some_and(|v| v == "true"),
            values: data.chain(plain).collect(),
            version: secret
                .uid()
                .zip(secret.resource_version())
                .map(|(uid, version)| format!("{uid}/{version}")),
        }
    }
}

/// The value that `selector` of `field` leads to in `namespace`.
///
/// # Errors
/// There is no such Secret, it does not allow the operator, or it has no such key.
pub fn resolve_secret(
    field: &str,
    namespace: &str,
    selector: &SecretKeySelector,
    secret: Option<&SecretData>,
) -> Result<SecretInput, RefError> {
    let (field, namespace) = (field.to_owned(), namespace.to_owned());
    let name = selector.name.clone();
    let Some(secret) = secret else {
        return Err(RefError::SecretNotFound {
            field,
            namespace,
            name,
        });
    };
    if !secret.opted_in {
        return Err(RefError::SecretNotOptedIn {
            field,
            namespace,
            name,
        });
    }
    let value = secret.values.get(&selector.key);
    let Some(value) = value.filter(|value| !value.expose().is_empty()) else {
        return Err(RefError::KeyMissing {
            field,
            namespace,
            name,
            key: selector.key.clone(),
        });
    };
    let version = match &secret.version {
        Some(version) => version.clone(),
        None => version_of(&format!("{namespace}/{name}/{}", selector.key), value),
    };
    Ok(SecretInput {
        value: value.clone(),
        version,
    })
}

/// The same for the same value in the same place, and as hard to turn back as a password hash.
fn version_of(place: &str, value: &SecretString) -> String {
    let mut version = [0; 16];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        VERSION_ROUNDS,
        place.as_bytes(),
        value.expose().as_bytes(),
        &mut version,
    );
    version.iter().map(|byte| format!("{byte:02x}")).collect()
}
