//! Keys on the Edwards curves (RFC 8037).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use realmkeep_jose::{Algorithm, SigningKey};
use realmkeep_representations::SecretString;
use realmkeep_store::documents::RealmKey;

use super::{Material, Property, Provider, ProviderError, Settings};
use crate::KeysError;

pub(super) const SIGNING: Provider = Provider {
    id: "eddsa-generated",
    help: "Makes an Ed25519 key that signs.",
    properties: &[Property::list(
        "eddsaEllipticCurveKey",
        "Ed25519",
        &["Ed25519", "Ed448"],
        "The curve.",
    )],
    make,
};

fn make(settings: &Settings<'_>, old: Option<&RealmKey>) -> Result<Material, ProviderError> {
    if settings.text("eddsaEllipticCurveKey") == Some("Ed448") {
        return Err(ProviderError::Unsupported(
            "Ed448 is not supported; choose Ed25519".to_owned(),
        ));
    }
    if let Some(old) = old {
        return Ok(Material::kept(old, "SIG"));
    }
    let key = SigningKey::generate(Algorithm::EdDsa).map_err(KeysError::from)?;
    let der = key.to_pkcs8().map_err(KeysError::from)?;
    Ok(Material {
        kid: key.kid().to_owned(),
        algorithm: Algorithm::EdDsa.as_str().to_owned(),
        key_use: "SIG",
        private_key: SecretString::new(STANDARD.encode(&*der)),
        certificate: None,
        issuers: Vec::new(),
    })
}
