//! Shared secrets that never leave the server: HMAC keys for what comes back to it, AES keys.

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use realmkeep_jose::{Algorithm, SigningKey};
use realmkeep_representations::SecretString;
use realmkeep_store::documents::RealmKey;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Material, Property, Provider, ProviderError, Settings, private_bytes};
use crate::KeysError;

pub(super) const HMAC: Provider = Provider {
    id: "hmac-generated",
    help: "Makes a secret that signs tokens which only this server reads.",
    properties: &[
        Property::list(
            "secretSize",
            "128",
            &["16", "24", "32", "64", "128", "256", "512"],
            "Bytes of the secret. Another size makes another secret.",
        ),
        Property::list(
            "algorithm",
            "HS512",
            &["HS256", "HS384", "HS512"],
            "The algorithm that the secret is for.",
        ),
    ],
    make: hmac,
};

pub(super) const AES: Provider = Provider {
    id: "aes-generated",
    help: "Makes a secret that encrypts what only this server reads.",
    properties: &[Property::list(
        "secretSize",
        "32",
        &["16", "24", "32"],
        "Bytes of the secret. Another size makes another secret.",
    )],
    make: aes,
};

fn hmac(settings: &Settings<'_>, old: Option<&RealmKey>) -> Result<Material, ProviderError> {
    let name = settings.text("algorithm").unwrap_or("HS512");
    let algorithm: Algorithm = name
        .parse()
        .map_err(|_| ProviderError::Invalid(format!("'algorithm' {name:?} is not known")))?;
    let material = secret(settings, old, name, "SIG", 128)?;
    let bytes = Zeroizing::new(
        STANDARD
            .decode(material.private_key.expose())
            .unwrap_or_default(),
    );
    SigningKey::hmac(algorithm, &material.kid, &bytes)
        .map_err(|e| ProviderError::Invalid(format!("'secretSize' does not fit {name}: {e}")))?;
    Ok(material)
}

fn aes(settings: &Settings<'_>, old: Option<&RealmKey>) -> Result<Material, ProviderError> {
    secret(settings, old, "AES", "ENC", 32)
}

fn secret(
    settings: &Settings<'_>,
    old: Option<&RealmKey>,
    algorithm: &str,
    key_use: &'static str,
    usual: u32,
) -> Result<Material, ProviderError> {
    let wanted = settings.text("secretSize").is_some();
    let size = settings.size("secretSize", usual)?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if let Some(old) = old
        && (!wanted || private_bytes(old)?.len() == size)
    {
        let mut kept = Material::kept(old, key_use);
        kept.algorithm = algorithm.to_owned();
        return Ok(kept);
    }
    let mut bytes = Zeroizing::new(vec![0; size]);
    rand::fill(&mut bytes).map_err(|_| KeysError::Seal)?;
    Ok(Material {
        kid: Uuid::new_v4().to_string(),
        algorithm: algorithm.to_owned(),
        key_use,
        private_key: SecretString::new(STANDARD.encode(&*bytes)),
        certificate: None,
        issuers: Vec::new(),
    })
}
