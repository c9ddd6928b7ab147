//! RSA keys that come from elsewhere, as PEM.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use realmkeep_jose::{Algorithm, DecryptionKey, SigningKey};
use realmkeep_representations::SecretString;
use realmkeep_store::documents::RealmKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::rsa_generated::{
    ENCRYPTION_ALGORITHMS, SIGNING_ALGORITHMS, encryption_algorithm, signing_algorithm,
};
use super::{Material, Property, Provider, ProviderError, Settings};
use crate::KeysError;
use crate::realm_keys::{public_der, self_signed};

/// Longest PEM text.
const MAX_BYTES: usize = 64 * 1024;

const PRIVATE_KEY: Property = Property {
    name: "privateKey",
    kind: "File",
    default: None,
    options: &[],
    help: "The private RSA key, PEM.",
    secret: true,
};

const CERTIFICATE: Property = Property {
    name: "certificate",
    kind: "File",
    default: None,
    options: &[],
    help: "The key's X.509 certificate, PEM; one is made when there is none.",
    secret: false,
};

pub(super) const SIGNING: Provider = Provider {
    id: "rsa",
    help: "Signs with an RSA key that is given as PEM.",
    properties: &[PRIVATE_KEY, CERTIFICATE, SIGNING_ALGORITHMS],
    make: signing,
};

pub(super) const ENCRYPTION: Provider = Provider {
    id: "rsa-enc",
    help: "Decrypts with an RSA key that is given as PEM.",
    properties: &[PRIVATE_KEY, CERTIFICATE, ENCRYPTION_ALGORITHMS],
    make: encryption,
};

fn signing(settings: &Settings<'_>, _: Option<&RealmKey>) -> Result<Material, ProviderError> {
    let algorithm = signing_algorithm(settings)?;
    let der = private_key(settings)?;
    let key = SigningKey::from_pkcs8(algorithm, "", &der).map_err(|_| not_rsa())?;
    Ok(Material {
        kid: key.kid().to_owned(),
        algorithm: algorithm.as_str().to_owned(),
        key_use: "SIG",
        certificate: Some(certificate(settings, &der)?),
        issuers: Vec::new(),
        private_key: SecretString::new(STANDARD.encode(&*der)),
    })
}

fn encryption(settings: &Settings<'_>, _: Option<&RealmKey>) -> Result<Material, ProviderError> {
    let algorithm = encryption_algorithm(settings)?;
    let der = private_key(settings)?;
    let key = DecryptionKey::from_pkcs8(algorithm, "", &der).map_err(|_| not_rsa())?;
    Ok(Material {
        kid: key.kid().to_owned(),
        algorithm: algorithm.as_str().to_owned(),
        key_use: "ENC",
        certificate: Some(certificate(settings, &der)?),
        issuers: Vec::new(),
        private_key: SecretString::new(STANDARD.encode(&*der)),
    })
}

/// The key as PKCS#8, whichever of the two forms it came in.
fn private_key(settings: &Settings<'_>) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
    let text = settings
        .text("privateKey")
        .ok_or_else(|| ProviderError::Invalid("'Private RSA Key' is required".to_owned()))?;
    if text.len() > MAX_BYTES {
        return Err(not_rsa());
    }
    // The form of older files, and base64 without the lines around it, as some tools send it.
    let der = match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
        Ok(PrivateKeyDer::Pkcs8(der)) => Zeroizing::new(der.secret_pkcs8_der().to_vec()),
        Ok(PrivateKeyDer::Pkcs1(der)) => Zeroizing::new(der.secret_pkcs1_der().to_vec()),
        Ok(_) => return Err(not_rsa()),
        Err(_) => {
            let joined: String = text.split_whitespace().collect();
            Zeroizing::new(STANDARD.decode(joined).map_err(|_| not_rsa())?)
        }
    };
    let key = SigningKey::from_pkcs8(Algorithm::Rs256, "", &der)
        .or_else(|_| SigningKey::from_pkcs1(Algorithm::Rs256, "", &der))
        .map_err(|_| not_rsa())?;
    Ok(key.to_pkcs8().map_err(KeysError::from)?)
}

fn certificate(settings: &Settings<'_>, private: &[u8]) -> Result<String, ProviderError> {
    let Some(text) = settings.text("certificate") else {
        return Ok(self_signed(settings.realm, private, settings.now)?);
    };
    let invalid = |what: &str| ProviderError::Invalid(format!("'X509 Certificate' {what}"));
    if text.len() > MAX_BYTES {
        return Err(invalid("is too long"));
    }
    let der = match CertificateDer::from_pem_slice(text.as_bytes()) {
        Ok(der) => der.to_vec(),
        Err(_) => {
            let joined: String = text.split_whitespace().collect();
            let der = STANDARD.decode(joined);
            der.map_err(|_| invalid("is not a certificate in PEM"))?
        }
    };
    let (_, parsed) = x509_parser::parse_x509_certificate(&der)
        .map_err(|_| invalid("is not a certificate in PEM"))?;
    if Some(parsed.public_key().raw) != public_der("RS256", private).as_deref() {
        return Err(invalid("belongs to another key"));
    }
    Ok(STANDARD.encode(&der))
}

fn not_rsa() -> ProviderError {
    ProviderError::Invalid(
        "'Private RSA Key' is not an RSA key of 2048 to 8192 bits in PEM".to_owned(),
    )
}
