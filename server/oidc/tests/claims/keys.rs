//! Key providers, and what is published of their keys.

use realmkeep_jose::{
    ContentEncryption, EncryptedJwt, EncryptionKey, Jwk, KeyManagement, KeySet, UnverifiedJwt,
    verify,
};
use realmkeep_keys::providers::{self, ProviderError};
use realmkeep_representations::ComponentRepresentation;
use realmkeep_store::documents::RealmKey;
use realmkeep_store::{Batch, Touch};
use serde_json::{Value, json};

use crate::support::{Answer, Server};
use crate::{login, server_with};

fn component(provider: &str, config: Value) -> ComponentRepresentation {
    serde_json::from_value(json!({
        "id": format!("0-{provider}"), "name": provider, "providerId": provider,
        "providerType": providers::PROVIDER_TYPE, "config": config,
    }))
    .unwrap()
}

fn made(provider: &str, config: Value) -> RealmKey {
    providers::apply(&component(provider, config), None, "test", 1_700_000_000).unwrap()
}

async fn add(server: &Server, key: &RealmKey) {
    let realm = server.realm().await;
    let mut batch = Batch::new();
    batch.push(server.services.store.insert(&realm.id, key).unwrap());
    batch.touch(Touch::Realm(realm.id.clone()));
    server.services.store.commit(batch).await.unwrap();
}

async fn published(server: &Server) -> Vec<Jwk> {
    let response = server.http.get(server.url("certs")).send().await.unwrap();
    let keys = Answer::read(response).await.body["keys"].take();
    serde_json::from_value(keys).unwrap()
}

/// A key of each algorithm signs once it has the highest priority, and its public half verifies.
///
/// spec: KEYS-10
#[tokio::test]
async fn generated_rsa_keys_sign_with_each_algorithm() {
    let server = server_with(json!({})).await;
    for (index, algorithm) in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
        .into_iter()
        .enumerate()
    {
        let mut component = component(
            "rsa-generated",
            json!({
                "priority": [format!("{}", 200 + index)], "algorithm": [algorithm], "keySize": ["2048"],
            }),
        );
        component.id = Some(format!("0-{algorithm}"));
        let key = providers::apply(&component, None, "test", 1_700_000_000).unwrap();
        assert!(key.certificate.is_some());
        add(&server, &key).await;
        server
            .change_realm(|realm| realm.default_signature_algorithm = Some(algorithm.to_owned()))
            .await;
        let tokens = login(&server, "app", "openid").await;
        let jwt = UnverifiedJwt::parse(tokens.text("access_token")).unwrap();
        assert_eq!(jwt.unverified_algorithm().as_str(), algorithm);
        assert_eq!(jwt.unverified_kid(), Some(key.kid.as_str()));
        let jwks = realmkeep_jose::JwkSet {
            keys: published(&server).await,
        };
        let keys = KeySet::from_jwks(&jwks);
        let found = keys
            .find(jwt.unverified_kid(), jwt.unverified_algorithm())
            .unwrap();
        verify(&jwt, found).unwrap();
    }
}

/// Another priority, or being passive, leaves the key alone; another size makes another one.
///
/// spec: KEYS-11, KEYS-22, KEYS-23
#[test]
fn what_a_key_is_made_of_decides_whether_it_stays() {
    let old = made("rsa-generated", json!({"priority": ["10"]}));
    assert_eq!((old.status.as_str(), old.priority), ("ACTIVE", 10));
    let change = |config: Value| {
        providers::apply(
            &component("rsa-generated", config),
            Some(&old),
            "test",
            1_800_000_000,
        )
        .unwrap()
    };
    let moved = change(json!({"priority": ["99"], "active": ["false"]}));
    assert_eq!((moved.kid.as_str(), moved.priority), (old.kid.as_str(), 99));
    assert_eq!(
        (moved.status.as_str(), moved.created),
        ("PASSIVE", old.created)
    );
    assert_eq!(change(json!({"enabled": ["false"]})).status, "DISABLED");
    let larger = change(json!({"keySize": ["3072"]}));
    assert_ne!(larger.kid, old.kid);
    let secret = made("hmac-generated", json!({"secretSize": ["64"]}));
    let bigger = providers::apply(
        &component("hmac-generated", json!({"secretSize": ["128"]})),
        Some(&secret),
        "test",
        0,
    );
    assert_ne!(bigger.unwrap().kid, secret.kid);
}

/// A key from elsewhere keeps its identity; its certificate has to be its own, and one is made when
/// none is given.
///
/// spec: KEYS-14
#[tokio::test]
async fn an_imported_key_signs() {
    let origin = made("rsa-generated", json!({}));
    let pem = |label: &str, base64: &str| {
        format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
    };
    let private = pem("PRIVATE KEY", origin.private_key.expose());
    let imported = made("rsa", json!({"privateKey": [private], "priority": ["500"]}));
    assert_eq!(imported.kid, origin.kid);
    assert!(imported.certificate.is_some());
    let certificate = pem("CERTIFICATE", origin.certificate.as_deref().unwrap());
    let certified = made(
        "rsa",
        json!({"privateKey": [private], "certificate": [certificate]}),
    );
    assert_eq!(certified.certificate, origin.certificate);

    let other = made("rsa-generated", json!({}));
    let foreign = pem("CERTIFICATE", other.certificate.as_deref().unwrap());
    for config in [
        json!({"privateKey": [private], "certificate": [foreign]}),
        json!({"privateKey": ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]}),
        json!({"privateKey": ["x".repeat(100_000)]}),
        json!({}),
    ] {
        let refused = providers::apply(&component("rsa", config), None, "test", 0);
        assert!(
            matches!(refused, Err(ProviderError::Invalid(_))),
            "{refused:?}"
        );
    }
    let server = server_with(json!({})).await;
    add(&server, &imported).await;
    let tokens = login(&server, "app", "openid").await;
    let jwt = UnverifiedJwt::parse(tokens.text("id_token")).unwrap();
    assert_eq!(jwt.unverified_kid(), Some(origin.kid.as_str()));
}

/// `sig` keys sign, `enc` keys are for what others encrypt for the realm; each is published as what it
/// is, and secrets are not.
///
/// spec: KEYS-20
#[tokio::test]
async fn keys_for_encryption_are_published_and_open_messages() {
    let server = server_with(json!({})).await;
    add(
        &server,
        &made(
            "ecdh-generated",
            json!({"ecdhEllipticCurveKey": ["P-384"], "ecdhAlgorithm": ["ECDH-ES+A256KW"]}),
        ),
    )
    .await;
    add(
        &server,
        &made("rsa-enc-generated", json!({"algorithm": ["RSA-OAEP-256"]})),
    )
    .await;
    add(
        &server,
        &made("aes-generated", json!({"secretSize": ["16"]})),
    )
    .await;
    let all = published(&server).await;
    assert!(all.iter().all(|jwk| jwk.kty != "oct"));
    let realm = server.realm().await;
    let keys = server.services.keys.of(&realm).await.unwrap();
    for alg in [
        KeyManagement::RsaOaep,
        KeyManagement::RsaOaep256,
        KeyManagement::EcdhEsA256Kw,
    ] {
        let jwk = all
            .iter()
            .find(|jwk| jwk.alg.as_deref() == Some(alg.as_str()))
            .unwrap();
        assert_eq!(jwk.use_.as_deref(), Some("enc"));
        let key = EncryptionKey::from_jwk(jwk, alg).unwrap();
        let message = key
            .encrypt(ContentEncryption::A256Gcm, None, b"hello")
            .unwrap();
        let parsed = EncryptedJwt::parse(&message).unwrap();
        assert_eq!(keys.decrypt(&parsed).unwrap(), b"hello");
    }
    assert!(
        all.iter()
            .filter(|jwk| jwk.use_.as_deref() == Some("sig"))
            .count()
            >= 3
    );
    // Nothing that only encrypts can be asked to sign.
    let names: Vec<&str> = keys
        .signing_algorithms()
        .iter()
        .map(|a| a.as_str())
        .collect();
    assert!(
        !names
            .iter()
            .any(|name| name.contains("OAEP") || name.contains("ECDH"))
    );
}

/// The list for administrators: what is there, what signs now, until when.
///
/// spec: KEYS-12, KEYS-13
#[test]
fn metadata_tells_public_parts_only() {
    let keys = vec![
        made("rsa-generated", json!({"priority": ["100"]})),
        made(
            "ecdsa-generated",
            json!({"ecdsaEllipticCurveKey": ["P-384"]}),
        ),
        made(
            "ecdsa-generated",
            json!({"ecdsaEllipticCurveKey": ["P-521"]}),
        ),
        made("eddsa-generated", json!({"active": ["false"]})),
        made("hmac-generated", json!({"enabled": ["false"]})),
    ];
    let told = serde_json::to_value(providers::metadata(keys.clone())).unwrap();
    for (key, found) in keys.iter().zip(["RSA", "EC", "EC", "OKP", "OCT"]) {
        let listed = told["keys"]
            .as_array()
            .unwrap()
            .iter()
            .find(|k| k["kid"] == key.kid.as_str())
            .unwrap();
        assert_eq!(listed["type"], found);
        assert_eq!(listed["status"], key.status.as_str());
        assert_eq!(listed["publicKey"].is_string(), found != "OCT");
    }
    assert_eq!(told["active"]["RS256"], keys[0].kid.as_str());
    assert_eq!(told["active"]["ES384"], keys[1].kid.as_str());
    assert_eq!(told["active"]["ES512"], keys[2].kid.as_str());
    assert!(told["active"].get("EdDSA").is_none());
    let rsa = told["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|k| k["type"] == "RSA")
        .unwrap();
    // Ten years of the certificate, in milliseconds.
    assert_eq!(
        rsa["validTo"],
        (1_700_000_000_i64 + 10 * 365 * 86_400) * 1_000
    );
    let certificate = rsa["certificate"].as_str().unwrap();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n");
    use rustls_pki_types::pem::PemObject;
    assert!(rustls_pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).is_ok());
    for key in &keys {
        assert!(!told.to_string().contains(key.private_key.expose()));
    }
}

/// What cannot be done is said, and nothing is made.
#[test]
fn settings_that_make_no_key_are_refused() {
    let unsupported = [
        ("rsa-generated", json!({"keySize": ["1024"]})),
        (
            "eddsa-generated",
            json!({"eddsaEllipticCurveKey": ["Ed448"]}),
        ),
        (
            "ecdh-generated",
            json!({"ecdhAlgorithm": ["ECDH-ES+A192KW"]}),
        ),
        ("rsa-enc-generated", json!({"algorithm": ["RSA1_5"]})),
    ];
    for (provider, config) in unsupported {
        let refused = providers::apply(&component(provider, config), None, "test", 0);
        assert!(
            matches!(refused, Err(ProviderError::Unsupported(_))),
            "{provider}: {refused:?}"
        );
    }
    let invalid = [
        (
            "ecdsa-generated",
            json!({"ecdsaEllipticCurveKey": ["secp256k1"]}),
        ),
        ("rsa-generated", json!({"keySize": ["17"]})),
        ("rsa-generated", json!({"priority": ["high"]})),
        ("rsa-generated", json!({"algorithm": ["ES256"]})),
        (
            "hmac-generated",
            json!({"secretSize": ["16"], "algorithm": ["HS512"]}),
        ),
        ("hmac-generated", json!({"secretSize": ["999999999"]})),
    ];
    for (provider, config) in invalid {
        let refused = providers::apply(&component(provider, config), None, "test", 0);
        assert!(
            matches!(refused, Err(ProviderError::Invalid(_))),
            "{provider}: {refused:?}"
        );
    }
    let unknown = providers::apply(&component("magic", json!({})), None, "test", 0);
    assert!(matches!(unknown, Err(ProviderError::UnknownProvider)));
    let listed = providers::component_types();
    assert!(
        listed
            .iter()
            .any(|t| t.id.as_deref() == Some("rsa-enc-generated"))
    );
}
