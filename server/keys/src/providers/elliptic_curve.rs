//! Keys on the NIST curves: ECDSA for signing, ECDH-ES for encryption.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use realmkeep_jose::{Algorithm, DecryptionKey, KeyManagement, SigningKey};
use realmkeep_representations::SecretString;
use realmkeep_store::documents::RealmKey;

use super::{Material, Property, Provider, ProviderError, Settings, private_bytes};
use crate::KeysError;

const CURVES: &[&str] = &["P-256", "P-384", "P-521"];

pub(super) const SIGNING: Provider = Provider {
    id: "ecdsa-generated",
    help: "Makes an ECDSA key that signs.",
    properties: &[Property::list(
        "ecdsaEllipticCurveKey",
        "P-256",
        CURVES,
        "The curve, which decides the algorithm: ES256, ES384 or ES512. Another curve makes another key.",
    )],
    make: signing,
};

pub(super) const ENCRYPTION: Provider = Provider {
    id: "ecdh-generated",
    help: "Makes a key that others encrypt for by key agreement.",
    properties: &[
        Property::list(
            "ecdhEllipticCurveKey",
            "P-256",
            CURVES,
            "The curve. Another curve makes another key.",
        ),
        Property::list(
            "ecdhAlgorithm",
            "ECDH-ES",
            &[
                "ECDH-ES",
                "ECDH-ES+A128KW",
                "ECDH-ES+A192KW",
                "ECDH-ES+A256KW",
            ],
            "The algorithm that the key decrypts with.",
        ),
    ],
    make: encryption,
};

fn signing(settings: &Settings<'_>, old: Option<&RealmKey>) -> Result<Material, ProviderError> {
    let algorithm = match settings.text("ecdsaEllipticCurveKey").unwrap_or("P-256") {
        "P-256" => Algorithm::Es256,
        "P-384" => Algorithm::Es384,
        "P-521" => Algorithm::Es512,
        curve => {
            return Err(ProviderError::Unsupported(format!(
                "keys on {curve} are not supported for signing; choose P-256, P-384 or P-521"
            )));
        }
    };
    if let Some(old) = old.filter(|old| old.algorithm == algorithm.as_str()) {
        return Ok(Material::kept(old, "SIG"));
    }
    let key = SigningKey::generate(algorithm).map_err(KeysError::from)?;
    let der = key.to_pkcs8().map_err(KeysError::from)?;
    Ok(Material {
        kid: key.kid().to_owned(),
        algorithm: algorithm.as_str().to_owned(),
        key_use: "SIG",
        private_key: SecretString::new(STANDARD.encode(&*der)),
        certificate: None,
        issuers: Vec::new(),
    })
}

fn encryption(settings: &Settings<'_>, old: Option<&RealmKey>) -> Result<Material, ProviderError> {
    let name = settings.text("ecdhAlgorithm").unwrap_or("ECDH-ES");
    let algorithm: KeyManagement = name.parse().map_err(|_| {
        ProviderError::Unsupported(format!(
            "{name} is not supported; choose ECDH-ES, ECDH-ES+A128KW or ECDH-ES+A256KW"
        ))
    })?;
    let curve = settings.text("ecdhEllipticCurveKey").unwrap_or("P-256");
    if let Some(old) = old {
        let der = private_bytes(old)?;
        let same = DecryptionKey::from_pkcs8(algorithm, &old.kid, &der)
            .is_ok_and(|key| key.public_jwk().crv.as_deref() == Some(curve));
        if same {
            let mut kept = Material::kept(old, "ENC");
            kept.algorithm = algorithm.as_str().to_owned();
            return Ok(kept);
        }
    }
    let key = DecryptionKey::generate_ec(algorithm, curve).map_err(KeysError::from)?;
    let der = key.to_pkcs8().map_err(KeysError::from)?;
    Ok(Material {
        kid: key.kid().to_owned(),
        algorithm: algorithm.as_str().to_owned(),
        key_use: "ENC",
        private_key: SecretString::new(STANDARD.encode(&*der)),
        certificate: None,
        issuers: Vec::new(),
    })
}
