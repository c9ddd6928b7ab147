//! What is encrypted: signed answers for the client (JARM), request objects for the realm (JAR).

use realmkeep_jose::{
    Algorithm, ContentEncryption, DecryptionKey, EncryptedJwt, EncryptionKey, Jwk, KeyManagement,
    SigningKey, UnverifiedJwt,
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use url::Url;

use crate::browser::{Browser, CALLBACK, server, set};
use crate::support::Server;

/// An answer that only the client can read, for each algorithm.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_encrypted_for_the_client() {
    let server = server().await;
    let rsa = DecryptionKey::generate_rsa(KeyManagement::RsaOaep256, 2048).unwrap();
    let ec = DecryptionKey::generate_ec(KeyManagement::EcdhEsA256Kw, "P-256").unwrap();
    let jwks = json!({ "keys": [rsa.public_jwk(), ec.public_jwk()] }).to_string();
    set(
        &server,
        "app",
        &[("use.jwks.string", "true"), ("jwks.string", &jwks)],
    )
    .await;
    for (key, enc) in [(&rsa, "A256GCM"), (&ec, "A128CBC-HS256")] {
        set(
            &server,
            "app",
            &[
                (
                    "authorization.encrypted.response.alg",
                    key.algorithm().as_str(),
                ),
                ("authorization.encrypted.response.enc", enc),
            ],
        )
        .await;
        let seen = Browser::default()
            .login(&server, &[("response_mode", "jwt")])
            .await;
        let message = EncryptedJwt::parse(&seen.answer()["response"]).unwrap();
        assert_eq!(message.encryption().as_str(), enc);
        assert_eq!(message.content_type(), Some("JWT"));
        let inside = String::from_utf8(key.decrypt(&message).unwrap()).unwrap();
        let token = UnverifiedJwt::parse(&inside).unwrap();
        assert!(token.unverified_str("code").is_some());
    }
    // Without a key that fits, nothing is said in the clear.
    set(&server, "app", &[("jwks.string", "{\"keys\":[]}")]).await;
    let seen = Browser::default()
        .login(&server, &[("response_mode", "jwt")])
        .await;
    assert_eq!(seen.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(seen.location.is_none() && !seen.text.contains("code="));
}

/// The realm's key for encryption, as it publishes it.
async fn realms_key(server: &Server) -> EncryptionKey {
    let certs = server.http.get(server.url("certs")).send().await.unwrap();
    let certs: Value = certs.json().await.unwrap();
    let keys: Vec<Jwk> = serde_json::from_value(certs["keys"].clone()).unwrap();
    EncryptionKey::choose(&keys, KeyManagement::RsaOaep).unwrap()
}

/// A request object may be encrypted, and has to be signed inside.
#[tokio::test(flavor = "multi_thread")]
async fn request_objects_are_encrypted_for_the_realm() {
    let server = server().await;
    let own = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwks = json!({ "keys": [own.public_jwk().unwrap()] }).to_string();
    set(
        &server,
        "app",
        &[("use.jwks.string", "true"), ("jwks.string", &jwks)],
    )
    .await;
    let parameters = json!({
        "iss": "app", "aud": server.issuer(), "client_id": "app", "redirect_uri": CALLBACK,
        "response_type": "code", "scope": "openid", "state": "st&1",
    });
    let signed = own.sign("oauth-authz-req+jwt", &parameters).unwrap();
    let key = realms_key(&server).await;
    let seal = |content: &str| {
        key.encrypt(ContentEncryption::A256Gcm, Some("JWT"), content.as_bytes())
            .unwrap()
    };
    let browser = Browser::default();
    let status = async |request: &str| {
        let parameters = [("client_id", "app"), ("request", request)];
        let url = Url::parse_with_params(&server.url("auth"), parameters).unwrap();
        browser.get(&server, url.as_str()).await.status
    };
    let good = seal(&signed);
    assert_eq!(status(&good).await, StatusCode::OK);
    // Parameters as they are, a token without signature, two layers, another realm's key.
    let unsigned = format!(
        "{}.{}.",
        realmkeep_jose::base64url("{\"alg\":\"none\"}"),
        realmkeep_jose::base64url(parameters.to_string())
    );
    let other = DecryptionKey::generate_rsa(KeyManagement::RsaOaep, 2048).unwrap();
    let other = EncryptionKey::from_jwk(&other.public_jwk(), KeyManagement::RsaOaep).unwrap();
    let foreign = other
        .encrypt(ContentEncryption::A256Gcm, Some("JWT"), signed.as_bytes())
        .unwrap();
    let mut changed = good.clone().into_bytes();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    for wrong in [
        seal(&parameters.to_string()),
        seal(&unsigned),
        seal(&good),
        seal(""),
        foreign,
        changed,
    ] {
        assert_eq!(status(&wrong).await, StatusCode::BAD_REQUEST);
    }
    // Where the client is bound to encryption, a signature alone is not enough.
    let bound = [
        ("request.object.encryption.alg", "RSA-OAEP"),
        ("request.object.encryption.enc", "A256GCM"),
    ];
    set(&server, "app", &bound).await;
    assert_eq!(status(&good).await, StatusCode::OK);
    assert_eq!(status(&signed).await, StatusCode::BAD_REQUEST);
    set(
        &server,
        "app",
        &[("request.object.encryption.enc", "A128GCM")],
    )
    .await;
    assert_eq!(status(&good).await, StatusCode::BAD_REQUEST);
}
