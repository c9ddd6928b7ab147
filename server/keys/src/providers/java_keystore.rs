//! Keys that lie in a Java key store, a file that who runs the server has put there.
//!
//! The key is read when the component is saved, and kept as all keys are: sealed, in the database.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use realmkeep_jose::{Algorithm, DecryptionKey, KeyManagement, SigningKey};
use realmkeep_representations::SecretString;
use realmkeep_store::documents::RealmKey;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{Material, Property, Provider, ProviderError, Settings, private_bytes};
use crate::keystore::{self, Entry, KeystoreError, KeystoreFileError, Passwords};
use crate::realm_keys::{certificate_public_key, public_der};

/// Longest name of an alias in an error.
const SHOWN: usize = 100;

pub(super) const PROVIDER: Provider = Provider {
    id: "java-keystore",
    help: "Takes a key from a Java key store, a file on the server.",
    properties: &[
        Property {
            name: "algorithm",
            kind: "List",
            default: Some("RS256"),
            options: &[],
            help: "The algorithm that the key is for; the key has to be of its kind.",
            secret: false,
        },
        Property {
            name: "keystore",
            kind: "String",
            default: None,
            options: &[],
            help: "Path of the file. It lies in a folder that is named as the realm, in the folder of the server's option keystores-dir; a relative path begins there.",
            secret: false,
        },
        Property {
            name: "keystorePassword",
            kind: "String",
            default: None,
            options: &[],
            help: "Password of the store, or ${vault.KEY}.",
            secret: true,
        },
        Property::list(
            "keystoreType",
            "JKS",
            &["JKS", "PKCS12", "BCFKS"],
            "JKS or PKCS12; the file itself says which of the two it is.",
        ),
        Property {
            name: "keyAlias",
            kind: "String",
            default: None,
            options: &[],
            help: "Alias of the key in the store.",
            secret: false,
        },
        Property {
            name: "keyPassword",
            kind: "String",
            default: None,
            options: &[],
            help: "Password of the key, or ${vault.KEY}; in PKCS12 it is the store's.",
            secret: true,
        },
        Property::list(
            "keyUse",
            "sig",
            &["sig", "enc"],
            "Whether the key signs or encrypts.",
        ),
    ],
    make,
};

/// What a name of an algorithm asks of a key.
enum Purpose {
    Sign(Algorithm),
    Decrypt(KeyManagement),
    Aes,
}

fn make(settings: &Settings<'_>, old: Option<&RealmKey>) -> Result<Material, ProviderError> {
    let required = |name, label: &str| {
        settings
            .text(name)
            .ok_or_else(|| ProviderError::Invalid(format!("'{label}' is required")))
    };
    let path = required("keystore", "Keystore")?;
    let store_password = required("keystorePassword", "Keystore Password")?;
    let alias = required("keyAlias", "Key Alias")?;
    let key_password = required("keyPassword", "Key Password")?;
    let name = settings.text("algorithm").unwrap_or("RS256");
    let purpose = purpose(name)?;
    if settings.text("keystoreType") == Some("BCFKS") {
        return Err(ProviderError::Unsupported(
            "BCFKS stores are not read; convert it with `keytool -importkeystore -deststoretype PKCS12`".to_owned(),
        ));
    }
    let resolve = |setting: &str| {
        let secret = settings.sources.vault.resolve(settings.realm, setting);
        secret.map_err(|e| ProviderError::Invalid(e.to_string()))
    };
    let (store_password, key_password) = (resolve(store_password)?, resolve(key_password)?);
    let content = settings.sources.keystores.read(settings.realm, path);
    let content = content.map_err(of_file)?;
    let key_use = match (settings.text("keyUse").unwrap_or("sig"), &purpose) {
        ("sig", Purpose::Sign(_)) => "SIG",
        ("enc", Purpose::Decrypt(_) | Purpose::Aes) => "ENC",
        (other, _) => return Err(of_key(format!("Invalid use {other} for algorithm {name}."))),
    };
    let passwords = Passwords {
        store: store_password.expose(),
        key: key_password.expose(),
    };
    let entry = keystore::entry(&content, alias, &passwords).map_err(of_store)?;
    let wanted = Wanted {
        name,
        alias: &alias.chars().take(SHOWN).collect::<String>(),
        key_use,
    };
    match (entry, purpose) {
        (Entry::Private { key, chain }, Purpose::Sign(algorithm)) if !algorithm.is_symmetric() => {
            wanted.of_algorithm(key_type(name), &keystore::key_algorithm(&key))?;
            let parsed = SigningKey::from_pkcs8(algorithm, "", &key);
            let parsed = parsed.map_err(|e| wanted.unfit(&e))?;
            let der = parsed.to_pkcs8().map_err(|e| wanted.unfit(&e))?;
            wanted.private(&der, &chain, old)
        }
        (Entry::Private { key, chain }, Purpose::Decrypt(algorithm)) => {
            wanted.of_algorithm(key_type(name), &keystore::key_algorithm(&key))?;
            let parsed = DecryptionKey::from_pkcs8(algorithm, "", &key);
            let parsed = parsed.map_err(|e| wanted.unfit(&e))?;
            let der = parsed.to_pkcs8().map_err(|e| wanted.unfit(&e))?;
            wanted.private(&der, &chain, old)
        }
        (Entry::Secret { algorithm, key }, Purpose::Sign(signs)) if signs.is_symmetric() => {
            wanted.of_algorithm(&name.replace("HS", "HmacSHA"), &algorithm)?;
            SigningKey::hmac(signs, "", &key).map_err(|e| wanted.unfit(&e))?;
            wanted.secret(&key, old)
        }
        (Entry::Secret { algorithm, key }, Purpose::Aes) => {
            wanted.of_algorithm("AES", &algorithm)?;
            wanted.secret(&key, old)
        }
        (Entry::Secret { .. }, _) => Err(wanted.not_a("PrivateKeyEntry")),
        (Entry::Private { .. }, _) => Err(wanted.not_a("SecretKeyEntry")),
    }
}

fn purpose(name: &str) -> Result<Purpose, ProviderError> {
    match name {
        "AES" => return Ok(Purpose::Aes),
        "RSA1_5" => {
            return Err(ProviderError::Unsupported(
                "RSA1_5 is not offered: its padding lets messages be decrypted by trial; choose RSA-OAEP".to_owned(),
            ));
        }
        "ECDH-ES+A192KW" => {
            return Err(ProviderError::Unsupported(
                "ECDH-ES+A192KW is not supported; choose ECDH-ES, ECDH-ES+A128KW or ECDH-ES+A256KW"
                    .to_owned(),
            ));
        }
        _ => {}
    }
    if let Ok(algorithm) = name.parse() {
        return Ok(Purpose::Sign(algorithm));
    }
    name.parse().map(Purpose::Decrypt).map_err(|_| {
        let name: String = name.chars().take(SHOWN).collect();
        ProviderError::Invalid(format!(
            "Failed to load keys. Keys for algorithm {name} are not supported."
        ))
    })
}

/// What Java calls the keys of an asymmetric algorithm.
fn key_type(name: &str) -> &'static str {
    match name.get(..2) {
        Some("RS" | "PS") => "RSA",
        Some("ES" | "EC") => "EC",
        _ => "EdDSA",
    }
}

fn of_file(error: KeystoreFileError) -> ProviderError {
    match error {
        KeystoreFileError::NoFolder => ProviderError::Unsupported(error.to_string()),
        _ => ProviderError::Invalid(error.to_string()),
    }
}

fn of_store(error: KeystoreError) -> ProviderError {
    match error {
        KeystoreError::Unsupported(text) => ProviderError::Unsupported(text),
        _ => ProviderError::Invalid(format!("Failed to load keys. {error}")),
    }
}

fn of_key(what: String) -> ProviderError {
    of_store(KeystoreError::Key(what))
}

/// A key keeps its id as long as it is the same. None that says which key it is: several components may have
/// one key, for an algorithm each.
fn kid(key: &[u8], old: Option<&RealmKey>) -> Result<String, ProviderError> {
    if let Some(old) = old
        && bool::from(private_bytes(old)?.as_slice().ct_eq(key))
    {
        return Ok(old.kid.clone());
    }
    Ok(Uuid::new_v4().to_string())
}

/// What the settings ask for, for messages.
struct Wanted<'a> {
    name: &'a str,
    alias: &'a str,
    key_use: &'static str,
}

impl Wanted<'_> {
    fn of_algorithm(&self, wanted: &str, found: &str) -> Result<(), ProviderError> {
        if wanted == found {
            return Ok(());
        }
        Err(ProviderError::Invalid(format!(
            "Failed to load keys. Algorithm not available on server. Invalid {} key for alias {}. Algorithm is {found}.",
            self.name, self.alias
        )))
    }

    fn not_a(&self, kind: &str) -> ProviderError {
        of_key(format!(
            "Invalid {} key for alias {}. Key is not {kind}.",
            self.name, self.alias
        ))
    }

    /// Another curve, a key that is too short.
    fn unfit(&self, why: &dyn std::fmt::Display) -> ProviderError {
        of_key(format!(
            "Invalid {} key for alias {}. It does not fit: {why}.",
            self.name, self.alias
        ))
    }

    fn private(
        &self,
        der: &[u8],
        chain: &[Vec<u8>],
        old: Option<&RealmKey>,
    ) -> Result<Material, ProviderError> {
        if let Some(own) = chain.first()
            && certificate_public_key(own) != public_der(self.name, der)
        {
            return Err(of_key(format!(
                "The certificate of alias {} belongs to another key.",
                self.alias
            )));
        }
        let mut chain = chain.iter().map(|der| STANDARD.encode(der));
        Ok(Material {
            kid: kid(der, old)?,
            algorithm: self.name.to_owned(),
            key_use: self.key_use,
            private_key: SecretString::new(STANDARD.encode(der)),
            certificate: chain.next(),
            issuers: chain.collect(),
        })
    }

    fn secret(&self, secret: &[u8], old: Option<&RealmKey>) -> Result<Material, ProviderError> {
        Ok(Material {
            kid: kid(secret, old)?,
            algorithm: self.name.to_owned(),
            key_use: self.key_use,
            private_key: SecretString::new(STANDARD.encode(secret)),
            certificate: None,
            issuers: Vec::new(),
        })
    }
}
