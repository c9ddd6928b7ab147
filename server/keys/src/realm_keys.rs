//! The signing keys of realms: made, read once, and found by algorithm.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use aws_lc_rs::agreement::{ECDH_P256, ECDH_P384, ECDH_P521, PrivateKey};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use moka::sync::Cache;
use realmkeep_jose::{
    Algorithm, DecryptionKey, EncryptedJwt, JweError, Jwk, JwkSet, KeyManagement, KeySet, KeyType,
    SigningKey,
};
use realmkeep_representations::{ComponentRepresentation, SecretString};
use realmkeep_store::documents::RealmKey;
use realmkeep_store::{Batch, Realm, Store, Touch};
use rustls_pki_types::PrivatePkcs8KeyDer;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::providers::Sources;
use crate::vault::Vault;
use crate::{KeysError, providers};

/// Realms whose parsed keys are kept; the least used go first.
const REALMS: u64 = 1_000;
/// Years that the certificate of a generated RSA key is valid.
const CERTIFICATE_YEARS: i64 = 10;

/// Parsed keys of all realms; cheap to clone.
#[derive(Clone)]
pub struct Keys {
    store: Store,
    cache: Cache<String, Arc<RealmKeySet>>,
    /// One at a time makes a key that is missing.
    making: Arc<tokio::sync::Mutex<()>>,
    sources: Arc<Sources>,
}

/// The keys of one realm as of one snapshot.
pub struct RealmKeySet {
    /// The snapshot they belong to: a changed realm has new keys to read.
    of: Weak<Realm>,
    /// Active keys, best first.
    active: Vec<SigningKey>,
    verification: Arc<KeySet>,
    internal: Arc<KeySet>,
    /// What decrypts messages to the realm, best first.
    decryption: Vec<DecryptionKey>,
    jwks: JwkSet,
    rsa_public_key: Option<String>,
}

impl Keys {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            cache: Cache::new(REALMS),
            making: Arc::default(),
            sources: Arc::default(),
        }
    }

    /// The same over another store; what was read of the other one is not shared.
    #[must_use]
    pub fn over(&self, store: Store) -> Self {
        Self {
            sources: self.sources.clone(),
            ..Self::new(store)
        }
    }

    /// With what keys and secrets come from beside the database.
    #[must_use]
    pub fn with_sources(mut self, sources: Sources) -> Self {
        self.sources = Arc::new(sources);
        self
    }

    /// What key providers take keys from.
    pub fn sources(&self) -> Arc<Sources> {
        self.sources.clone()
    }

    /// Secrets that are kept outside of the database.
    pub fn vault(&self) -> &Vault {
        &self.sources.vault
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

    /// As [`Keys::active_signing`]; a key is made and kept when the realm has none for an algorithm
    /// that its settings, or a client's, ask for. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// When its keys cannot be read or written.
    pub async fn active_or_fallback(
        &self,
        realm: &Arc<Realm>,
        algorithm: Algorithm,
        now: i64,
    ) -> Result<SigningKey, KeysError> {
        match self.active_signing(realm, algorithm).await {
            Err(KeysError::NoActiveKey { .. }) => {}
            found => return found,
        }
        let _one_at_a_time = self.making.lock().await;
        // The caller's snapshot may be older than a key that another made meanwhile.
        let realm = &match self.store.realm(&realm.name).await? {
            Some(newer) if newer.id == realm.id => newer,
            _ => realm.clone(),
        };
        match self.active_signing(realm, algorithm).await {
            Err(KeysError::NoActiveKey { .. }) => {}
            found => return found,
        }
        let component = fallback_component(&realm.id, algorithm);
        let name = realm.name.clone();
        let (component, key) = tokio::task::spawn_blocking(move || {
            let key = providers::apply(&component, None, &name, now);
            (component, key)
        })
        .await
        .map_err(|e| KeysError::Certificate(e.to_string()))?;
        let key = key.map_err(|e| KeysError::Fallback(e.to_string()))?;
        let mut batch = Batch::new();
        batch.push(self.store.insert(&realm.id, &component)?);
        batch.push(self.store.insert(&realm.id, &key)?);
        batch.touch(Touch::Realm(realm.id.clone()));
        self.store.commit(batch).await?;
        tracing::info!(
            realm = realm.name,
            algorithm = algorithm.as_str(),
            kid = key.kid,
            "made a key for an algorithm that the realm had none for"
        );
        parse(&key).map_err(|reason| KeysError::Unreadable {
            realm: realm.name.clone(),
            kid: key.kid.clone(),
            reason,
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
        // AES secrets belong to what a browser or a user keeps for the server; nothing uses them here.
        stored.retain(|key| key.status != "DISABLED" && key.algorithm != "AES");
        stored
            .sort_by(|a, b| (b.priority, b.created, &b.kid).cmp(&(a.priority, a.created, &a.kid)));
        let mut active = Vec::new();
        let mut public = Vec::new();
        let mut internal = Vec::new();
        let mut decryption = Vec::new();
        let mut jwks = JwkSet::default();
        let mut rsa_public_key = None;
        for key in stored {
            let unreadable = |reason| KeysError::Unreadable {
                realm: realm.name.clone(),
                kid: key.kid.clone(),
                reason,
            };
            if key.key_use == "ENC" {
                let parsed = parse_decryption(&key).map_err(unreadable)?;
                jwks.keys.push(certified(parsed.public_jwk(), &key));
                decryption.push(parsed);
                continue;
            }
            let signing = parse(&key).map_err(unreadable)?;
            let verifying = signing.verifying_key()?;
            if let Some(jwk) = signing.public_jwk() {
                jwks.keys.push(certified(jwk, &key));
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
            decryption,
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

    /// The content of a message that was encrypted for this realm.
    ///
    /// # Errors
    /// When it was made for another key, or was changed on its way.
    pub fn decrypt(&self, message: &EncryptedJwt) -> Result<Vec<u8>, JweError> {
        let fits = |key: &&DecryptionKey| {
            key.algorithm() == message.algorithm()
                && message.kid().is_none_or(|kid| kid == key.kid())
        };
        let mut fitting = self.decryption.iter().filter(fits);
        let key = fitting.next().ok_or(JweError::NoKey)?;
        key.decrypt(message)
    }

    /// Algorithms that others can encrypt for this realm with, best key first.
    pub fn encryption_algorithms(&self) -> Vec<KeyManagement> {
        let mut all: Vec<KeyManagement> = Vec::new();
        for key in &self.decryption {
            if !all.contains(&key.algorithm()) {
                all.push(key.algorithm());
            }
        }
        all
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
/// that come back to us, RSA-OAEP for what others encrypt for the realm. `now` is in seconds since 1970, `realm` is the realm's name.
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
    let encryption = DecryptionKey::generate_rsa(KeyManagement::RsaOaep, 2048)?;
    let der = encryption.to_pkcs8()?;
    keys.push(RealmKey {
        id: Uuid::new_v4().to_string(),
        kid: encryption.kid().to_owned(),
        algorithm: encryption.algorithm().as_str().to_owned(),
        key_use: "ENC".to_owned(),
        status: "ACTIVE".to_owned(),
        priority: 100,
        provider_id: "rsa-enc-generated".to_owned(),
        private_key: SecretString::new(STANDARD.encode(&*der)),
        certificate: Some(self_signed(realm, &der, now)?),
        issuers: Vec::new(),
        created: now,
    });
    Ok(keys)
}

/// The public half of a stored key: X.509 SubjectPublicKeyInfo, DER. None for shared secrets.
pub fn public_key(key: &RealmKey) -> Option<Vec<u8>> {
    let private = Zeroizing::new(STANDARD.decode(key.private_key.expose()).ok()?);
    public_der(&key.algorithm, &private)
}

/// The public key of a certificate (X.509 in DER), as SubjectPublicKeyInfo in DER; None when it is no
/// certificate.
pub fn certificate_public_key(der: &[u8]) -> Option<Vec<u8>> {
    let (rest, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    rest.is_empty()
        .then(|| certificate.public_key().raw.to_vec())
}

/// As [`public_key`], of a private key in PKCS#8.
pub(crate) fn public_der(algorithm: &str, private: &[u8]) -> Option<Vec<u8>> {
    let der: Result<PublicKeyX509Der<'static>, _> = match algorithm {
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" | "RSA-OAEP" | "RSA-OAEP-256" => {
            RsaKeyPair::from_pkcs8(private).ok()?.public_key().as_der()
        }
        "ES256" => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private)
            .ok()?
            .public_key()
            .as_der(),
        "ES384" => EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, private)
            .ok()?
            .public_key()
            .as_der(),
        "ES512" => EcdsaKeyPair::from_pkcs8(&ECDSA_P521_SHA512_FIXED_SIGNING, private)
            .ok()?
            .public_key()
            .as_der(),
        "ECDH-ES" | "ECDH-ES+A128KW" | "ECDH-ES+A256KW" => {
            let curves = [&ECDH_P256, &ECDH_P384, &ECDH_P521];
            let key = curves
                .into_iter()
                .find_map(|curve| PrivateKey::from_private_key_der(curve, private).ok())?;
            key.compute_public_key().ok()?.as_der()
        }
        "EdDSA" => Ed25519KeyPair::from_pkcs8(private)
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
        issuers: Vec::new(),
        created: now,
    }
}

/// The component of a key that nobody asked for: of the lowest priority, so that any other is
/// preferred to it.
fn fallback_component(realm_id: &str, algorithm: Algorithm) -> ComponentRepresentation {
    let (provider, setting) = match algorithm.key_type() {
        KeyType::Rsa => ("rsa-generated", Some(("algorithm", algorithm.as_str()))),
        KeyType::P256 => ("ecdsa-generated", Some(("ecdsaEllipticCurveKey", "P-256"))),
        KeyType::P384 => ("ecdsa-generated", Some(("ecdsaEllipticCurveKey", "P-384"))),
        KeyType::P521 => ("ecdsa-generated", Some(("ecdsaEllipticCurveKey", "P-521"))),
        KeyType::Ed25519 => ("eddsa-generated", None),
        KeyType::Oct => ("hmac-generated", Some(("algorithm", algorithm.as_str()))),
    };
    let mut config = BTreeMap::from([("priority".to_owned(), vec!["-100".to_owned()])]);
    if let Some((name, value)) = setting {
        config.insert(name.to_owned(), vec![value.to_owned()]);
    }
    ComponentRepresentation {
        id: Some(Uuid::new_v4().to_string()),
        name: Some(format!("fallback-{algorithm}")),
        provider_id: Some(provider.to_owned()),
        provider_type: Some(providers::PROVIDER_TYPE.to_owned()),
        parent_id: Some(realm_id.to_owned()),
        config: Some(config),
        sub_type: None,
    }
}

fn parse_decryption(key: &RealmKey) -> Result<DecryptionKey, String> {
    let algorithm: KeyManagement = key.algorithm.parse().map_err(|e| format!("{e}"))?;
    let private = Zeroizing::new(
        STANDARD
            .decode(key.private_key.expose())
            .map_err(|_| "it is not base64".to_owned())?,
    );
    DecryptionKey::from_pkcs8(algorithm, &key.kid, &private).map_err(|e| e.to_string())
}

/// The public key with its certificate, if it has one, and those above it (RFC 7517 section 4.7).
fn certified(mut jwk: Jwk, key: &RealmKey) -> Jwk {
    if let Some(certificate) = &key.certificate {
        let chain = std::iter::once(certificate).chain(&key.issuers);
        jwk.x5c = Some(chain.cloned().collect());
        if let Ok(der) = STANDARD.decode(certificate) {
            jwk.x5t_s256 = Some(realmkeep_jose::base64url(realmkeep_jose::sha256(&der)));
        }
    }
    jwk
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
pub(crate) fn self_signed(realm: &str, pkcs8: &[u8], now: i64) -> Result<String, KeysError> {
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
        assert_eq!(algorithms, ["RS256", "ES256", "EdDSA", "HS512", "RSA-OAEP"]);
        for key in &keys {
            let kid = match parse(key) {
                Ok(parsed) => parsed.kid().to_owned(),
                Err(_) => parse_decryption(key).unwrap().kid().to_owned(),
            };
            assert_eq!(kid, key.kid);
            assert_eq!(public_key(key).is_some(), key.algorithm != "HS512");
            assert_eq!(key.certificate.is_some(), key.algorithm.starts_with("RS"));
        }
    }
}
