//! How clients prove who they are.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use realmkeep_jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::server;
use crate::support::issuer::Issuer;
use crate::support::{Answer, Server};

const SECRET: &str = "a-secret-of-more-than-thirty-two-bytes";
const OLD: &str = "the-secret-before-the-last-rotation";
const BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const GENERIC: &str = "Invalid client or Invalid client credentials";

async fn present(server: &Server, assertion: &str) -> Answer {
    server
        .token(&[
            ("grant_type", "client_credentials"),
            ("client_assertion_type", BEARER),
            ("client_assertion", assertion),
        ])
        .await
}

fn claims(server: &Server, client_id: &str) -> Value {
    let now = server.services.clock.now();
    json!({
        "iss": client_id, "sub": client_id, "aud": server.issuer(),
        "iat": now, "exp": now + 60, "jti": uuid::Uuid::new_v4().to_string(),
    })
}

async fn add(server: &Server, client_id: &str, authenticator: &str, attributes: Value) {
    server
        .add_client(json!({
            "clientId": client_id, "clientAuthenticatorType": authenticator, "secret": SECRET,
            "serviceAccountsEnabled": true, "attributes": attributes,
        }))
        .await;
}

/// A JWT signed with the secret: the algorithm is the secret's, never a public key's, and every claim
/// counts as in one signed with a private key.
///
/// spec: CCRED-08
#[tokio::test]
async fn a_secret_signs_an_assertion() {
    let server = server().await;
    add(&server, "any", "client-secret-jwt", json!({})).await;
    let pin = json!({"token.endpoint.auth.signing.alg": "HS512"});
    add(&server, "pinned", "client-secret-jwt", pin).await;
    add(&server, "plain", "client-secret", json!({})).await;
    let key = |algorithm, secret: &str| {
        let mut bytes = secret.as_bytes().to_vec();
        // RFC 7518 section 3.2 wants as many bytes as the hash has.
        bytes.truncate(128);
        SigningKey::hmac(algorithm, "", &bytes)
    };
    let hs256 = key(Algorithm::Hs256, SECRET).unwrap();
    let sign = |key: &SigningKey, claims: &Value| key.sign("JWT", claims).unwrap();
    let good = sign(&hs256, &claims(&server, "any"));
    present(&server, &good).await.granted();
    present(&server, &good)
        .await
        .refused(400, "invalid_client", "Token reuse detected");

    let wrong = key(Algorithm::Hs256, OLD).unwrap();
    present(&server, &sign(&wrong, &claims(&server, "any")))
        .await
        .refused(401, "unauthorized_client", GENERIC);
    // Not for a client that is bound to another algorithm, or shows its secret.
    for client_id in ["pinned", "plain"] {
        present(&server, &sign(&hs256, &claims(&server, client_id)))
            .await
            .refused(400, "invalid_client", "Invalid signature algorithm");
    }
    let private = SigningKey::generate(Algorithm::Es256).unwrap();
    present(&server, &sign(&private, &claims(&server, "any")))
        .await
        .refused(400, "invalid_client", "Invalid signature algorithm");
    // Audience, time, owner.
    let now = server.services.clock.now();
    for (name, value, description) in [
        ("aud", json!("https://other.test"), "Invalid token audience"),
        (
            "aud",
            json!([server.issuer(), "https://other.test"]),
            "Multiple audiences not allowed",
        ),
        ("aud", json!(server.url("token")), "Invalid token audience"),
        ("exp", json!(now - 60), "Token is not active"),
        ("exp", json!(now + 3600), "Token lifetime is too long"),
        ("jti", json!(""), "Token jti claim is required"),
    ] {
        let mut changed = claims(&server, "any");
        changed[name] = value;
        present(&server, &sign(&hs256, &changed))
            .await
            .refused(400, "invalid_client", description);
    }
    let mut other = claims(&server, "any");
    other["iss"] = json!("pinned");
    present(&server, &sign(&hs256, &other))
        .await
        .refused(401, "unauthorized_client", GENERIC);
    // Its secret alone does not do.
    server
        .token(&[
            ("grant_type", "client_credentials"),
            ("client_id", "any"),
            ("client_secret", SECRET),
        ])
        .await
        .refused(401, "unauthorized_client", GENERIC);
}

/// The client publishes its key itself; the one that it signs with next is fetched when it comes, and
/// the one before is good no more.
///
/// spec: CCRED-07
#[tokio::test]
async fn a_key_is_fetched_from_the_clients_address() {
    let server = server().await;
    let mut issuer = Issuer::start().await;
    let url = format!("{}/openid/v1/jwks", issuer.url);
    let attributes = json!({"use.jwks.url": "true", "jwks.url": url});
    add(&server, "remote", "client-jwt", attributes).await;
    let first = issuer.key.clone();
    let sign =
        |server: &Server, key: &SigningKey| key.sign("JWT", &claims(server, "remote")).unwrap();
    present(&server, &sign(&server, &first)).await.granted();
    present(&server, &sign(&server, &first)).await.granted();
    assert_eq!(issuer.fetches(), 1);
    let second = SigningKey::generate(Algorithm::Es256).unwrap();
    issuer.rotate(second.clone());
    // Whoever sends keys that nobody knows cannot have them fetched all the time.
    server.services.clock.advance(60);
    present(&server, &sign(&server, &second)).await.granted();
    assert_eq!(issuer.fetches(), 2);
    present(&server, &sign(&server, &first))
        .await
        .refused(401, "unauthorized_client", GENERIC);
}

/// The key may be in an uploaded certificate, or stand on its own.
///
/// spec: CCRED-04, CCRED-06
#[tokio::test]
async fn an_uploaded_certificate_verifies_assertions() {
    let server = server().await;
    for (client_id, algorithm, kind) in [
        ("rsa", Algorithm::Rs256, &rcgen::PKCS_RSA_SHA256),
        ("p256", Algorithm::Es256, &rcgen::PKCS_ECDSA_P256_SHA256),
        ("p384", Algorithm::Es384, &rcgen::PKCS_ECDSA_P384_SHA384),
        ("ed", Algorithm::EdDsa, &rcgen::PKCS_ED25519),
    ] {
        let key = SigningKey::generate(algorithm).unwrap();
        let der = key.to_pkcs8().unwrap();
        let der = rustls_pki_types::PrivatePkcs8KeyDer::from(der.as_slice());
        let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, kind).unwrap();
        let made = rcgen::CertificateParams::default()
            .self_signed(&pair)
            .unwrap();
        let certificate = STANDARD.encode(made.der());
        let public = STANDARD.encode(rcgen::PublicKeyData::subject_public_key_info(&pair));
        let pem = made.pem();
        for (form, attributes) in [
            ("der", json!({"jwt.credential.certificate": certificate})),
            ("pem", json!({"jwt.credential.certificate": pem})),
            ("key", json!({"jwt.credential.public.key": public})),
        ] {
            let client_id = format!("{client_id}-{form}");
            add(&server, &client_id, "client-jwt", attributes).await;
            let signed = key.sign("JWT", &claims(&server, &client_id)).unwrap();
            present(&server, &signed).await.granted();
            let stranger = SigningKey::generate(algorithm).unwrap();
            let forged = stranger.sign("JWT", &claims(&server, &client_id)).unwrap();
            present(&server, &forged)
                .await
                .refused(401, "unauthorized_client", GENERIC);
        }
    }
    // Text that is no key: refused, and nothing breaks.
    for (client_id, text) in [("bad", "%%%"), ("bad2", "AAAA"), ("bad3", "")] {
        let attributes = json!({"jwt.credential.certificate": text});
        add(&server, client_id, "client-jwt", attributes).await;
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let signed = key.sign("JWT", &claims(&server, client_id)).unwrap();
        present(&server, &signed)
            .await
            .refused(401, "unauthorized_client", GENERIC);
    }
}

/// After a rotation the old secret is good for a while beside the new one; each ends at its time.
///
/// spec: ROT-02, ROT-03, ROT-04
#[tokio::test]
async fn two_secrets_are_live_for_a_while() {
    let server = server().await;
    let now = server.services.clock.now();
    let end = |seconds: i64| (now + seconds).to_string();
    add(
        &server,
        "rotated",
        "client-secret",
        json!({
            "client.secret.expiration.time": end(1000),
            "client.secret.rotated": OLD,
            "client.secret.rotated.expiration.time": end(100),
        }),
    )
    .await;
    // An old secret without an end is not good at all.
    let endless = json!({"client.secret.rotated": OLD});
    add(&server, "endless", "client-secret", endless).await;
    let try_with = async |client_id: &str, secret: &str| {
        let own = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", secret),
        ];
        server.token(&own).await.status.as_u16()
    };
    assert_eq!(try_with("rotated", SECRET).await, 200);
    assert_eq!(try_with("rotated", OLD).await, 200);
    assert_eq!(try_with("rotated", "another").await, 401);
    assert_eq!(try_with("endless", SECRET).await, 200);
    assert_eq!(try_with("endless", OLD).await, 401);
    server.services.clock.advance(100);
    assert_eq!(try_with("rotated", SECRET).await, 200);
    assert_eq!(try_with("rotated", OLD).await, 401);
    server.services.clock.advance(900);
    assert_eq!(try_with("rotated", SECRET).await, 401);
    assert_eq!(try_with("endless", SECRET).await, 200);
}
