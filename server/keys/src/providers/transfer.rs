//! Keys in a realm export: a generated key stands in its component's configuration there, and nowhere
//! else is it shown.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use realmkeep_jose::{Algorithm, SigningKey};
use realmkeep_representations::{ComponentRepresentation, SecretString};
use realmkeep_store::documents::RealmKey;

use super::settings::ProviderError;
use crate::KeysError;
use crate::realm_keys::public_der;

type Config = BTreeMap<String, Vec<String>>;

/// Where the providers of one family have their key.
struct Place {
    provider: &'static str,
    private: &'static str,
    public: Option<&'static str>,
    /// As which it is read before the component's own settings say better.
    algorithm: fn(&Config) -> String,
}

const PLACES: &[Place] = &[
    Place {
        provider: "rsa-generated",
        private: "privateKey",
        public: None,
        algorithm: |config| first(config, "algorithm").unwrap_or("RS256").to_owned(),
    },
    Place {
        provider: "rsa-enc-generated",
        private: "privateKey",
        public: None,
        algorithm: |config| first(config, "algorithm").unwrap_or("RSA-OAEP").to_owned(),
    },
    Place {
        provider: "ecdsa-generated",
        private: "ecdsaPrivateKey",
        public: Some("ecdsaPublicKey"),
        algorithm: |config| match first(config, "ecdsaEllipticCurveKey") {
            Some("P-384") => "ES384".to_owned(),
            Some("P-521") => "ES512".to_owned(),
            _ => "ES256".to_owned(),
        },
    },
    Place {
        provider: "ecdh-generated",
        private: "ecdhPrivateKey",
        public: Some("ecdhPublicKey"),
        algorithm: |_| "ECDH-ES".to_owned(),
    },
    Place {
        provider: "eddsa-generated",
        private: "eddsaPrivateKey",
        public: Some("eddsaPublicKey"),
        algorithm: |_| "EdDSA".to_owned(),
    },
    Place {
        provider: "hmac-generated",
        private: "secret",
        public: None,
        algorithm: |config| first(config, "algorithm").unwrap_or("HS512").to_owned(),
    },
    Place {
        provider: "aes-generated",
        private: "secret",
        public: None,
        algorithm: |_| "AES".to_owned(),
    },
];

fn first<'c>(config: &'c Config, name: &str) -> Option<&'c str> {
    let value = config.get(name)?.first()?;
    Some(value.as_str()).filter(|v| !v.is_empty())
}

fn place_of(provider: Option<&str>) -> Option<&'static Place> {
    PLACES.iter().find(|place| Some(place.provider) == provider)
}

/// Puts the key into the configuration of its component.
pub fn put_into(config: &mut Config, key: &RealmKey) {
    let Some(place) = place_of(Some(&key.provider_id)) else {
        return;
    };
    let mut put = |name: &str, value: String| config.insert(name.to_owned(), vec![value]);
    let private = key.private_key.expose();
    put("kid", key.kid.clone());
    if place.private == "secret" {
        let bytes = STANDARD.decode(private).unwrap_or_default();
        put(place.private, URL_SAFE_NO_PAD.encode(bytes));
        return;
    }
    put(place.private, private.to_owned());
    if let (Some(name), Some(der)) = (place.public, crate::public_key(key)) {
        put(name, STANDARD.encode(der));
    }
    if let Some(certificate) = &key.certificate {
        put("certificate", certificate.clone());
    }
}

/// Takes the key out of the component's configuration, where an export has it. None when it is not
/// there, or only a mask of it is.
///
/// # Errors
/// When what is there is no key.
pub fn take_from(
    component: &mut ComponentRepresentation,
) -> Result<Option<RealmKey>, ProviderError> {
    let Some(place) = place_of(component.provider_id.as_deref()) else {
        return Ok(None);
    };
    let config = component.config.get_or_insert_default();
    let algorithm = (place.algorithm)(config);
    let mut take = |name: &str| {
        let value = config.remove(name)?.into_iter().next()?;
        Some(value).filter(|v| !v.is_empty() && !SecretString::new(v.as_str()).is_masked())
    };
    let private = take(place.private);
    let kid = take("kid");
    let certificate = take("certificate");
    if let Some(public) = place.public {
        take(public);
    }
    let Some(private) = private else {
        return Ok(None);
    };
    let wrong = || {
        let name = place.private;
        ProviderError::Invalid(format!(
            "'{name}' is no key of the provider {}",
            place.provider
        ))
    };
    let (bytes, kid) = if place.private == "secret" {
        let secret = URL_SAFE_NO_PAD.decode(private.trim_end_matches('='));
        (secret.map_err(|_| wrong())?, kid.ok_or_else(wrong)?)
    } else {
        let mut der = STANDARD.decode(&private).map_err(|_| wrong())?;
        if place.private == "privateKey"
            && let Ok(key) = SigningKey::from_pkcs1(Algorithm::Rs256, "", &der)
        {
            // As Keycloak writes them.
            der = key.to_pkcs8().map_err(KeysError::from)?.to_vec();
        }
        if algorithm == "ES512" {
            return Err(ProviderError::Unsupported(
                "keys on P-521 are not supported for signing; choose P-256 or P-384".to_owned(),
            ));
        }
        let public = public_der(&algorithm, &der).ok_or_else(wrong)?;
        // What the exporting server calls it in the tokens that it signed.
        let kid = kid.unwrap_or_else(|| URL_SAFE_NO_PAD.encode(realmkeep_jose::sha256(&public)));
        (der, kid)
    };
    Ok(Some(RealmKey {
        id: component.id.clone().unwrap_or_default(),
        kid,
        algorithm,
        key_use: String::new(),
        status: String::new(),
        priority: 0,
        provider_id: place.provider.to_owned(),
        private_key: SecretString::new(STANDARD.encode(bytes)),
        certificate,
        issuers: Vec::new(),
        created: 0,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::apply;

    #[test]
    fn a_key_comes_out_of_an_export_as_it_went_in() {
        for (provider, setting) in [
            ("rsa-generated", None),
            ("ecdsa-generated", Some(("ecdsaEllipticCurveKey", "P-384"))),
            ("ecdh-generated", None),
            ("eddsa-generated", None),
            ("hmac-generated", Some(("algorithm", "HS256"))),
            ("aes-generated", None),
        ] {
            let config = setting.map(|(k, v)| (k.to_owned(), vec![v.to_owned()]));
            let mut component = ComponentRepresentation {
                id: Some("id".to_owned()),
                provider_id: Some(provider.to_owned()),
                config: Some(config.into_iter().collect()),
                ..Default::default()
            };
            let before = component.config.clone();
            let key = apply(&component, None, "r", 1).unwrap();
            put_into(component.config.as_mut().unwrap(), &key);
            assert!(component.config.as_ref().unwrap().len() > 1, "{provider}");
            let taken = take_from(&mut component).unwrap().unwrap();
            assert_eq!(component.config, before, "{provider}");
            let again = apply(&component, Some(&taken), "r", 1).unwrap();
            let parts = |key: &RealmKey| {
                (
                    key.kid.clone(),
                    key.algorithm.clone(),
                    key.private_key.expose().to_owned(),
                )
            };
            assert_eq!(parts(&again), parts(&key), "{provider}");
            assert!(take_from(&mut component).unwrap().is_none(), "{provider}");
        }
    }
}
