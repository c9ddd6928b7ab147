//! The signing keys of realms: made, read once, and found by algorithm.

use std::sync::{Arc, Weak};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use moka::sync::Cache;
use realmkeep_jose::{Algorithm, JwkSet, KeySet, SigningKey};
use realmkeep_representations::SecretString;
use realmkeep_store::documents::RealmKey;
use realmkeep_store::{Realm, Store};
use rustls_pki_types::PrivatePkcs8KeyDer;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::KeysError;

/// Realms whose parsed keys are kept; the least used go first.
const REALMS: u64 = 1_000;
/// Years that the certificate of a generated RSA key is valid.
const CERTIFICATE_YEARS: i64 = 10;

/// Parsed keys of all realms; cheap to clone.
#[derive(Clone)]
pub struct Keys {
    store: Store,
    cache: Cache<String, Arc<RealmKeySet>>,
}

/// The keys of one realm as of one snapshot.
pub struct RealmKeySet {
    /// The snapshot they belong to: a changed realm has new keys to read.
    of: Weak<Realm>,
    /// Active keys, best first.
    active: Vec<SigningKey>,
    verification: Arc<KeySet>,
    internal: Arc<KeySet>,
    jwks: JwkSet,
    rsa_public_key: Option<String>,
}

impl Keys {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            cache: Cache::new(REALMS),
        }
    }

    /// The key that signs with this algorithm now.
    ///
    /// # Errors
    /// When the realm has none, or its keys cannot be read.
    pub async fn active_signing(
        &self,
        realm: &Arc<Realm>,
        algorithm: Algorithm,
    ) -> Result<SigningKey, KeysError> {
        let set = self.of(realm).await?;
        set.active
            .iter()
            .find(|key| key.algorithm() == algorithm)
            .cloned()
            .ok_or_else(|| KeysError::NoActiveKey {
                realm: realm.name.clone(),
                algorithm: algorithm.as_str().to_owned(),
            })
    }

    /// The public keys that verify tokens meant for others: active and passive ones.
    ///
    /// # Errors
    /// When the realm's keys cannot be read.
    pub async fn verification_set(&self, realm: &Arc<Realm>) -> Result<Arc<KeySet>, KeysError> {
        Ok(self.of(realm).await?.verification.clone())
    }

    /// The shared secrets that verify tokens only this server reads: refresh tokens.
    ///
    /// # Errors
    /// When the realm's keys cannot be read.
    pub async fn internal_set(&self, realm: &Arc<Realm>) -> Result<Arc<KeySet>, KeysError> {
        Ok(self.of(realm).await?.internal.clone())
    }

    /// The public keys as they are published.
    ///
    /// # Errors
    /// When the realm's keys cannot be read.
    pub async fn jwks(&self, realm: &Arc<Realm>) -> Result<JwkSet, KeysError> {
        Ok(self.of(realm).await?.jwks.clone())
    }

    /// All keys of the realm.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn of(&self, realm: &Arc<Realm>) -> Result<Arc<RealmKeySet>, KeysError> {
        if let Some(set) = self.cache.get(&realm.id)
            && std::ptr::eq(set.of.as_ptr(), Arc::as_ptr(realm))
        {
            return Ok(set);
        }
        let set = Arc::new(self.load(realm).await?);
        self.cache.insert(realm.id.clone(), set.clone());
        Ok(set)
    }

    async fn load(&self, realm: &Arc<Realm>) -> Result<RealmKeySet, KeysError> {
        let mut stored = self.store.list::<RealmKey>(&realm.id).await?;
        stored.retain(|key| key.key_use == "SIG" && key.status != "DISABLED");
        stored
            .sort_by(|a, b| (b.priority, b.created, &b.kid).cmp(&(a.priority, a.created, &a.kid)));
        let mut active = Vec::new();
        let mut public = Vec::new();
        let mut internal = Vec::new();
        let mut jwks = JwkSet::default();
        let mut rsa_public_key = None;
        for key in stored {
            let signing = parse(&key).map_err(|reason| KeysError::Unreadable {
                realm: realm.name.clone(),
                kid: key.kid.clone(),
                reason,
            })?;
            let verifying = signing.verifying_key()?;
            if let Some(mut jwk) = signing.public_jwk() {
                if let Some(certificate) = &key.certificate {
                    jwk.x5c = Some(vec![certificate.clone()]);
                    if let Ok(der) = STANDARD.decode(certificate) {
                        jwk.x5t_s256 =
                            Some(realmkeep_jose::base64url(realmkeep_jose::sha256(&der)));
                    }
                }
                jwks.keys.push(jwk);
                public.push(verifying);
            } else {
                internal.push(verifying);
            }
            if key.status == "ACTIVE" {
                if rsa_public_key.is_none() && key.algorithm == "RS256" {
                    rsa_public_key = public_key(&key).map(|der| STANDARD.encode(der));
                }
                active.push(signing);
            }
        }
        Ok(RealmKeySet {
            of: Arc::downgrade(realm),
            active,
            verification: Arc::new(KeySet::from_keys(public)),
            internal: Arc::new(KeySet::from_keys(internal)),
            jwks,
            rsa_public_key,
        })
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl RealmKeySet {
    /// The public key that goes with the RS256 signatures: X.509 SubjectPublicKeyInfo, DER, base64.
    pub fn rsa_public_key(&self) -> Option<&str> {
        self.rsa_public_key.as_deref()
    }

    /// Algorithms that this realm can sign tokens for others with, best key first.
    pub fn signing_algorithms(&self) -> Vec<Algorithm> {
        let mut all: Vec<Algorithm> = Vec::new();
        for key in &self.active {
            if !key.algorithm().is_symmetric() && !all.contains(&key.algorithm()) {
                all.push(key.algorithm());
            }
        }
        all
    }
}

impl std::fmt::Debug for RealmKeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RealmKeySet")
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

/// The keys of a new realm: RS256, ES256 and EdDSA for tokens that others verify, HS512 for tokens
/// that come back to us. `now` is in seconds since 1970, `realm` is the realm's name.
///
/// Takes some 100 ms (RSA); not for an async thread.
///
/// # Errors
/// When the cryptographic library refuses.
pub fn generate_realm_keys(realm: &str, now: i64) -> Result<Vec<RealmKey>, KeysError> {
    let mut keys = Vec::new();
    for (algorithm, provider_id) in [
        (Algorithm::Rs256, "rsa-generated"),
        (Algorithm::Es256, "ecdsa-generated"),
        (Algorithm::EdDsa, "eddsa-generated"),
    ] {
        let key = SigningKey::generate(algorithm)?;
        let der = key.to_pkcs8()?;
        let certificate = match algorithm {
            Algorithm::Rs256 => Some(self_signed(realm, &der, now)?),
            _ => None,
        };
        keys.push(stored(
            key.kid().to_owned(),
            algorithm,
            provider_id,
            &der,
            certificate,
            now,
        ));
    }
    let mut secret = Zeroizing::new([0; 64]);
    aws_lc_rs::rand::fill(&mut *secret).map_err(|_| KeysError::Seal)?;
    keys.push(stored(
        Uuid::new_v4().to_string(),
        Algorithm::Hs512,
        "hmac-generated",
        &*secret,
        None,
        now,
    ));
    Ok(keys)
}

/// The public half of a stored key: X.509 SubjectPublicKeyInfo, DER. None for shared secrets.
pub fn public_key(key: &RealmKey) -> Option<Vec<u8>> {
    let private = Zeroizing::new(STANDARD.decode(key.private_key.expose()).ok()?);
    let der: Result<PublicKeyX509Der<'static>, _> = match key.algorithm.as_str() {
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => {
            RsaKeyPair::from_pkcs8(&private).ok()?.public_key().as_der()
        }
        "ES256" => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private)
            .ok()?
            .public_key()
            .as_der(),
        "ES384" => EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &private)
            .ok()?
            .public_key()
            .as_der(),
        "EdDSA" => Ed25519KeyPair::from_pkcs8(&private)
            .ok()?
            .public_key()
            .as_der(),
        _ => return None,
    };
    der.ok().map(|der| der.as_ref().to_vec())
}

fn stored(
    kid: String,
    algorithm: Algorithm,
    provider_id: &str,
    private: &[u8],
    certificate: Option<String>,
    now: i64,
) -> RealmKey {
    RealmKey {
        id: Uuid::new_v4().to_string(),
        kid,
        algorithm: algorithm.as_str().to_owned(),
        key_use: "SIG".to_owned(),
        status: "ACTIVE".to_owned(),
        priority: 100,
        provider_id: provider_id.to_owned(),
        private_key: SecretString::new(STANDARD.encode(private)),
        certificate,
        created: now,
    }
}

fn parse(key: &RealmKey) -> Result<SigningKey, String> {
    let algorithm: Algorithm = key.algorithm.parse().map_err(|e| format!("{e}"))?;
    let private = Zeroizing::new(
        STANDARD
            .decode(key.private_key.expose())
            .map_err(|_| "it is not base64".to_owned())?,
    );
    if algorithm.is_symmetric() {
        SigningKey::hmac(algorithm, &key.kid, &private)
    } else {
        SigningKey::from_pkcs8(algorithm, &key.kid, &private)
    }
    .map_err(|e| e.to_string())
}

/// A certificate for clients that read `x5c`; it says nothing that the key does not.
fn self_signed(realm: &str, pkcs8: &[u8], now: i64) -> Result<String, KeysError> {
    let failed = |e: rcgen::Error| KeysError::Certificate(e.to_string());
    let der = PrivatePkcs8KeyDer::from(pkcs8.to_vec());
    let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_RSA_SHA256)
        .map_err(failed)?;
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, realm);
    let year = 365 * 24 * 60 * 60;
    let time = |seconds: i64| {
        time::OffsetDateTime::from_unix_timestamp(seconds)
            .map_err(|e| KeysError::Certificate(e.to_string()))
    };
    params.not_before = time(now)?;
    params.not_after = time(now.saturating_add(CERTIFICATE_YEARS * year))?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok(STANDARD.encode(certificate.der()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_gets_one_key_of_each_kind() {
        let keys = generate_realm_keys("r", 1_700_000_000).unwrap();
        let algorithms: Vec<&str> = keys.iter().map(|k| k.algorithm.as_str()).collect();
        assert_eq!(algorithms, ["RS256", "ES256", "EdDSA", "HS512"]);
        for key in &keys {
            let parsed = parse(key).unwrap();
            assert_eq!(parsed.kid(), key.kid);
            assert_eq!(public_key(key).is_some(), key.algorithm != "HS512");
            assert_eq!(key.certificate.is_some(), key.algorithm == "RS256");
        }
    }
}
