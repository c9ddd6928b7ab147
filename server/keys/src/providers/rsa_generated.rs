//! RSA keys that are made here, with a self-signed certificate.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use realmkeep_jose::{Algorithm, DecryptionKey, KeyManagement, SigningKey, from_base64url};
use realmkeep_representations::SecretString;
use realmkeep_store::documents::RealmKey;

use super::{Material, Property, Provider, ProviderError, Settings, private_bytes};
use crate::KeysError;
use crate::realm_keys::self_signed;

const KEY_SIZE: Property = Property::list(
    "keySize",
    "2048",
    &["1024", "2048", "3072", "4096"],
    "Bits of the key. Another size makes another key.",
);

pub(super) const SIGNING_ALGORITHMS: Property = Property::list(
    "algorithm",
    "RS256",
    &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
    "The algorithm that the key signs with.",
);

pub(super) const ENCRYPTION_ALGORITHMS: Property = Property::list(
    "algorithm",
    "RSA-OAEP",
    &["RSA1_5", "RSA-OAEP", "RSA-OAEP-256"],
    "The algorithm that the key decrypts with.",
);

pub(super) const SIGNING: Provider = Provider {
    id: "rsa-generated",
    help: "Makes an RSA key that signs, and a certificate for it.",
    properties: &[KEY_SIZE, SIGNING_ALGORITHMS],
    make: signing,
};

pub(super) const ENCRYPTION: Provider = Provider {
    id: "rsa-enc-generated",
    help: "Makes an RSA key that others encrypt for, and a certificate for it.",
    properties: &[KEY_SIZE, ENCRYPTION_ALGORITHMS],
    make: encryption,
};

fn signing(settings: &Settings<'_>, old: Option<&RealmKey>) -> Result<Material, ProviderError> {
    let algorithm = signing_algorithm(settings)?;
    let bits = bits(settings)?;
    if let Some(old) = old
        && modulus_bits(old)? == Some(bits)
    {
        let mut kept = Material::kept(old, "SIG");
        kept.algorithm = algorithm.as_str().to_owned();
        return Ok(kept);
    }
    let key = SigningKey::generate_sized(algorithm, bits).map_err(KeysError::from)?;
    let der = key.to_pkcs8().map_err(KeysError::from)?;
    Ok(Material {
        kid: key.kid().to_owned(),
        algorithm: algorithm.as_str().to_owned(),
        key_use: "SIG",
        certificate: Some(self_signed(settings.realm, &der, settings.now)?),
        issuers: Vec::new(),
        private_key: SecretString::new(STANDARD.encode(&*der)),
    })
}

fn encryption(settings: &Settings<'_>, old: Option<&RealmKey>) -> Result<Material, ProviderError> {
    let algorithm = encryption_algorithm(settings)?;
    let bits = bits(settings)?;
    if let Some(old) = old
        && modulus_bits(old)? == Some(bits)
    {
        let mut kept = Material::kept(old, "ENC");
        kept.algorithm = algorithm.as_str().to_owned();
        return Ok(kept);
    }
    let key = DecryptionKey::generate_rsa(algorithm, bits).map_err(KeysError::from)?;
    let der = key.to_pkcs8().map_err(KeysError::from)?;
    Ok(Material {
        kid: key.kid().to_owned(),
        algorithm: algorithm.as_str().to_owned(),
        key_use: "ENC",
        certificate: Some(self_signed(settings.realm, &der, settings.now)?),
        issuers: Vec::new(),
        private_key: SecretString::new(STANDARD.encode(&*der)),
    })
}

pub(super) fn signing_algorithm(settings: &Settings<'_>) -> Result<Algorithm, ProviderError> {
    let name = settings.text("algorithm").unwrap_or("RS256");
    name.parse()
        .map_err(|_| ProviderError::Invalid(format!("'algorithm' {name:?} is not known")))
}

pub(super) fn encryption_algorithm(
    settings: &Settings<'_>,
) -> Result<KeyManagement, ProviderError> {
    match settings.text("algorithm").unwrap_or("RSA-OAEP") {
        "RSA1_5" => Err(ProviderError::Unsupported(
            "RSA1_5 is not offered: its padding lets messages be decrypted by trial; choose RSA-OAEP".to_owned(),
        )),
        name => name
            .parse()
            .map_err(|_| ProviderError::Invalid(format!("'algorithm' {name:?} is not known"))),
    }
}

fn bits(settings: &Settings<'_>) -> Result<u32, ProviderError> {
    match settings.size("keySize", 2048)? {
        1024 => Err(ProviderError::Unsupported(
            "RSA keys of 1024 bits can be broken; choose 2048 or more".to_owned(),
        )),
        bits => Ok(bits),
    }
}

/// Size of the key as it is; None when it is no RSA key.
fn modulus_bits(key: &RealmKey) -> Result<Option<u32>, ProviderError> {
    let der = private_bytes(key)?;
    let parsed = SigningKey::from_pkcs8(Algorithm::Rs256, "", &der).ok();
    let modulus = parsed
        .and_then(|key| key.public_jwk()?.n)
        .and_then(from_base64url);
    Ok(modulus.and_then(|n| u32::try_from(n.len() * 8).ok()))
}
