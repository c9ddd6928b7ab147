//! Key providers: what a component of type [`PROVIDER_TYPE`] says becomes a key of the realm. One file
//! a family of providers, one line each in [`PROVIDERS`].
//!
//! A key's id is its component's. Changing priority, `active` or `enabled` keeps the key; changing
//! what it is made of makes another one.

mod edwards_curve;
mod elliptic_curve;
mod java_keystore;
mod rsa_generated;
mod rsa_imported;
mod settings;
mod shared_secret;
mod transfer;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use realmkeep_representations::{
    ComponentRepresentation, ComponentTypeRepresentation, ConfigPropertyRepresentation,
    KeysMetadataRepresentation, KeysMetadataRepresentationKeyMetadataRepresentation as KeyMetadata,
    SecretString,
};
use realmkeep_store::documents::RealmKey;
use serde_json::Value;

use crate::KeysError;
use crate::keystore::KeystoreFolder;
use crate::realm_keys::public_key;
use crate::vault::Vault;

pub use settings::ProviderError;
use settings::Settings;
pub use transfer::{put_into, take_from};

/// `providerType` of key components.
pub const PROVIDER_TYPE: &str = "org.keycloak.keys.KeyProvider";

/// A kind of key provider.
struct Provider {
    id: &'static str,
    help: &'static str,
    properties: &'static [Property],
    /// Makes a key, or takes the one there is when it is as the settings want it.
    make: fn(&Settings<'_>, Option<&RealmKey>) -> Result<Material, ProviderError>,
}

/// One setting, as admin consoles show it.
struct Property {
    name: &'static str,
    kind: &'static str,
    default: Option<&'static str>,
    options: &'static [&'static str],
    help: &'static str,
    secret: bool,
}

/// A key without what every component says about it.
struct Material {
    kid: String,
    algorithm: String,
    /// `SIG` or `ENC`.
    key_use: &'static str,
    /// As it is kept: base64 of PKCS#8, or of a shared secret.
    private_key: SecretString,
    certificate: Option<String>,
    /// Certificates above it, the nearest first; as it is.
    issuers: Vec<String>,
}

const PROVIDERS: &[Provider] = &[
    rsa_generated::SIGNING,
    rsa_generated::ENCRYPTION,
    rsa_imported::SIGNING,
    rsa_imported::ENCRYPTION,
    elliptic_curve::SIGNING,
    elliptic_curve::ENCRYPTION,
    edwards_curve::SIGNING,
    shared_secret::HMAC,
    shared_secret::AES,
    java_keystore::PROVIDER,
];

/// What every key component can be told.
const COMMON: &[Property] = &[
    Property {
        name: "priority",
        kind: "String",
        default: Some("0"),
        options: &[],
        help: "Of all active keys for an algorithm the one of the highest priority signs.",
        secret: false,
    },
    Property {
        name: "enabled",
        kind: "boolean",
        default: Some("true"),
        options: &[],
        help: "Whether the key is used at all.",
        secret: false,
    },
    Property {
        name: "active",
        kind: "boolean",
        default: Some("true"),
        options: &[],
        help: "Whether the key may sign; one that may not still verifies.",
        secret: false,
    },
];

/// What keys can come from beside the database.
#[derive(Debug, Default)]
pub struct Sources {
    pub vault: Vault,
    pub keystores: KeystoreFolder,
}

/// As [`apply_from`], with nothing beside the database.
///
/// # Errors
/// What is wrong with the component, in words for its administrator.
pub fn apply(
    component: &ComponentRepresentation,
    old: Option<&RealmKey>,
    realm: &str,
    now: i64,
) -> Result<RealmKey, ProviderError> {
    apply_from(&Sources::default(), component, old, realm, now)
}

/// Makes the key that a component describes; `old` is the one it has. `now` is in seconds since 1970.
///
/// RSA takes some 100 ms and more: not for an async thread.
///
/// # Errors
/// What is wrong with the component, in words for its administrator.
pub fn apply_from(
    sources: &Sources,
    component: &ComponentRepresentation,
    old: Option<&RealmKey>,
    realm: &str,
    now: i64,
) -> Result<RealmKey, ProviderError> {
    let id = component.provider_id.as_deref().unwrap_or_default();
    let provider = PROVIDERS
        .iter()
        .find(|provider| provider.id == id)
        .ok_or(ProviderError::UnknownProvider)?;
    let settings = Settings::of(sources, component, realm, now)?;
    for property in provider.properties {
        if let Some(value) = settings.text(property.name)
            && !property.options.is_empty()
            && !property.options.contains(&value)
        {
            let options = match property.options {
                [first @ .., last] if !first.is_empty() => {
                    format!("{} or {last}", first.join(", "))
                }
                list => list.join(", "),
            };
            return Err(ProviderError::Invalid(format!(
                "'{}' should be {options}",
                label(property.name)
            )));
        }
    }
    let made = (provider.make)(&settings, old)?;
    let kept = old.filter(|old| old.kid == made.kid);
    Ok(RealmKey {
        id: component.id.clone().unwrap_or_default(),
        kid: made.kid,
        algorithm: made.algorithm,
        key_use: made.key_use.to_owned(),
        status: settings.status().to_owned(),
        priority: settings.priority,
        provider_id: id.to_owned(),
        private_key: made.private_key,
        certificate: made.certificate,
        issuers: made.issuers,
        created: kept.map_or(now, |old| old.created),
    })
}

/// The key providers, as `serverinfo` lists them.
pub fn component_types() -> Vec<ComponentTypeRepresentation> {
    let listed = |provider: &Provider| {
        let properties = COMMON.iter().chain(provider.properties);
        ComponentTypeRepresentation {
            id: Some(provider.id.to_owned()),
            help_text: Some(Value::from(provider.help)),
            properties: Some(properties.map(Property::representation).collect()),
            client_properties: Some(Vec::new()),
            metadata: Some(BTreeMap::new()),
        }
    };
    PROVIDERS.iter().map(listed).collect()
}

/// The realm's keys as the Admin API lists them: public parts only.
pub fn metadata(mut keys: Vec<RealmKey>) -> KeysMetadataRepresentation {
    keys.sort_by(|a, b| (b.priority, b.created, &b.kid).cmp(&(a.priority, a.created, &a.kid)));
    let mut active = BTreeMap::new();
    for key in keys.iter().filter(|key| key.status == "ACTIVE") {
        active
            .entry(key.algorithm.clone())
            .or_insert_with(|| key.kid.clone());
    }
    let keys = keys.into_iter().map(|key| KeyMetadata {
        public_key: public_key(&key).map(|der| STANDARD.encode(der)),
        valid_to: key.certificate.as_deref().and_then(valid_to),
        provider_id: Some(key.id),
        provider_priority: Some(key.priority),
        kid: Some(key.kid),
        status: Some(key.status),
        r#type: Some(key_type(&key.algorithm).to_owned()),
        algorithm: Some(key.algorithm),
        certificate: key.certificate,
        r#use: Some(Value::String(key.key_use)),
    });
    KeysMetadataRepresentation {
        active: Some(active),
        keys: Some(keys.collect()),
    }
}

/// What a person calls a setting: `keySize` is `Key size`.
fn label(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if text.is_empty() {
            text.extend(c.to_uppercase());
        } else if c.is_uppercase() {
            text.push(' ');
            text.extend(c.to_lowercase());
        } else {
            text.push(c);
        }
    }
    text
}

/// When a certificate (DER, base64) ends, in milliseconds since 1970.
fn valid_to(certificate: &str) -> Option<i64> {
    let der = STANDARD.decode(certificate).ok()?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).ok()?;
    Some(
        parsed
            .validity()
            .not_after
            .timestamp()
            .saturating_mul(1_000),
    )
}

fn key_type(algorithm: &str) -> &'static str {
    match algorithm.get(..2) {
        Some("RS" | "PS") => "RSA",
        Some("ES" | "EC") => "EC",
        Some("Ed") => "OKP",
        _ => "OCT",
    }
}

impl Property {
    const fn list(
        name: &'static str,
        default: &'static str,
        options: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind: "List",
            default: Some(default),
            options,
            help,
            secret: false,
        }
    }

    fn representation(&self) -> ConfigPropertyRepresentation {
        let options: Vec<String> = self.options.iter().map(|o| (*o).to_owned()).collect();
        ConfigPropertyRepresentation {
            name: Some(self.name.to_owned()),
            label: Some(self.name.to_owned()),
            help_text: Some(Value::from(self.help)),
            r#type: Some(self.kind.to_owned()),
            default_value: self.default.map(Value::from),
            options: Some(options).filter(|list| !list.is_empty()),
            secret: Some(self.secret),
            required: Some(false),
            read_only: Some(false),
        }
    }
}

impl Material {
    fn kept(old: &RealmKey, key_use: &'static str) -> Self {
        Self {
            kid: old.kid.clone(),
            algorithm: old.algorithm.clone(),
            key_use,
            private_key: old.private_key.clone(),
            certificate: old.certificate.clone(),
            issuers: old.issuers.clone(),
        }
    }
}

/// The bytes of a kept private key.
fn private_bytes(key: &RealmKey) -> Result<zeroize::Zeroizing<Vec<u8>>, ProviderError> {
    let bytes = STANDARD.decode(key.private_key.expose());
    bytes.map(zeroize::Zeroizing::new).map_err(|_| {
        ProviderError::Keys(KeysError::Unreadable {
            realm: String::new(),
            kid: key.kid.clone(),
            reason: "it is not base64".to_owned(),
        })
    })
}
