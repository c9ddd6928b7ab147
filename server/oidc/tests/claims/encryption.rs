//! What only the client can read: encrypted ID tokens and UserInfo answers, and signed ones.

use realmkeep_jose::{
    ContentEncryption, DecryptionKey, EncryptedJwt, KeyManagement, UnverifiedJwt, verify,
};
use serde_json::{Value, json};

use crate::support::Server;
use crate::{login, server_with};

async fn opened(server: &Server, key: &DecryptionKey, message: &str) -> Value {
    let parsed = EncryptedJwt::parse(message).unwrap();
    assert_eq!(parsed.kid(), Some(key.kid()));
    let inside = String::from_utf8(key.decrypt(&parsed).unwrap()).unwrap();
    if parsed.content_type() != Some("JWT") {
        return serde_json::from_str(&inside).unwrap();
    }
    signed(server, &inside).await
}

async fn signed(server: &Server, token: &str) -> Value {
    let realm = server.realm().await;
    let keys = server.services.keys.verification_set(&realm).await.unwrap();
    let jwt = UnverifiedJwt::parse(token).unwrap();
    let key = keys.find(jwt.unverified_kid(), jwt.unverified_algorithm());
    Value::Object(verify(&jwt, key.unwrap()).unwrap().into_claims())
}

async fn set(server: &Server, name: &str, value: &str) {
    server
        .change_client("app", |client| {
            let attributes = client.attributes.get_or_insert_default();
            attributes.insert(name.to_owned(), value.to_owned());
        })
        .await;
}

async fn userinfo(server: &Server, token: &str) -> (u16, String, String) {
    let request = server.http.get(server.url("userinfo")).bearer_auth(token);
    let answer = request.send().await.unwrap();
    let kind = answer
        .headers()
        .get("content-type")
        .map(|v| v.to_str().unwrap().to_owned());
    (
        answer.status().as_u16(),
        kind.unwrap_or_default(),
        answer.text().await.unwrap(),
    )
}

/// Every algorithm that metadata lists, for ID token and UserInfo; the UserInfo answer plain inside,
/// or signed inside.
///
/// spec: OCA-05, OCA-08
#[tokio::test]
async fn id_tokens_and_userinfo_are_encrypted_for_the_client() {
    let server = server_with(json!({})).await;
    let rsa = DecryptionKey::generate_rsa(KeyManagement::RsaOaep, 2048).unwrap();
    for alg in KeyManagement::ALL {
        let key = match alg {
            KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => {
                DecryptionKey::from_pkcs8(alg, "", &rsa.to_pkcs8().unwrap()).unwrap()
            }
            _ => DecryptionKey::generate_ec(alg, "P-256").unwrap(),
        };
        set(&server, "use.jwks.string", "true").await;
        set(
            &server,
            "jwks.string",
            &json!({"keys": [key.public_jwk()]}).to_string(),
        )
        .await;
        for name in [
            "id.token.encrypted.response.alg",
            "user.info.encrypted.response.alg",
        ] {
            set(&server, name, alg.as_str()).await;
        }
        for enc in ContentEncryption::ALL {
            for name in [
                "id.token.encrypted.response.enc",
                "user.info.encrypted.response.enc",
            ] {
                set(&server, name, enc.as_str()).await;
            }
            let tokens = login(&server, "app", "openid").await;
            let id = opened(&server, &key, tokens.text("id_token")).await;
            assert_eq!(id["preferred_username"], "alice", "{alg} {enc}");
            let header = header(tokens.text("id_token"));
            assert_eq!(
                (&header["alg"], &header["enc"]),
                (&json!(alg.as_str()), &json!(enc.as_str()))
            );
            // A content encryption key of its own, wrapped for the client.
            let wrapped = |token: &str| token.split('.').nth(1).unwrap().to_owned();
            let again = login(&server, "app", "openid").await;
            let (one, two) = (
                wrapped(tokens.text("id_token")),
                wrapped(again.text("id_token")),
            );
            assert!(one != two || alg == KeyManagement::EcdhEs);
            assert_eq!(id["aud"], "app");
            let (status, kind, body) = userinfo(&server, tokens.text("access_token")).await;
            assert_eq!((status, kind.as_str()), (200, "application/jwt"));
            let told = opened(&server, &key, &body).await;
            assert_eq!(told["sub"], id["sub"]);
            assert!(told.get("iss").is_none());
        }
    }
    // Signed inside.
    let key = DecryptionKey::generate_ec(KeyManagement::EcdhEs, "P-384").unwrap();
    set(
        &server,
        "jwks.string",
        &json!({"keys": [key.public_jwk()]}).to_string(),
    )
    .await;
    set(&server, "id.token.encrypted.response.alg", "ECDH-ES").await;
    set(&server, "user.info.encrypted.response.alg", "ECDH-ES").await;
    set(&server, "user.info.response.signature.alg", "ES256").await;
    let tokens = login(&server, "app", "openid").await;
    let (_, _, body) = userinfo(&server, tokens.text("access_token")).await;
    let told = opened(&server, &key, &body).await;
    assert_eq!(told["iss"], server.issuer());
    assert_eq!(told["aud"], "app");
    assert_eq!(told["preferred_username"], "alice");
}

fn header(token: &str) -> Value {
    let header = realmkeep_jose::from_base64url(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&header).unwrap()
}

/// The client's key is fetched from its address, as a JWK set, with the algorithms RSA-OAEP and
/// RSA-OAEP-256; RSA1_5 is refused on purpose (docs/differences.md). A key that the client changes is
/// fetched anew.
///
/// spec: OCA-06, OCA-07
#[tokio::test]
async fn the_clients_key_is_fetched_from_its_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    let published = std::sync::Arc::new(std::sync::Mutex::new(json!({"keys": []})));
    let shown = published.clone();
    let app = axum::Router::new().route(
        "/jwks",
        axum::routing::get(async move || axum::Json(shown.lock().unwrap().clone())),
    );
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let server = server_with(json!({})).await;
    set(&server, "use.jwks.url", "true").await;
    set(&server, "jwks.url", &url).await;
    set(&server, "id.token.encrypted.response.enc", "A256GCM").await;
    for alg in [KeyManagement::RsaOaep, KeyManagement::RsaOaep256] {
        let key = DecryptionKey::generate_rsa(alg, 2048).unwrap();
        *published.lock().unwrap() = json!({"keys": [key.public_jwk()]});
        set(&server, "id.token.encrypted.response.alg", alg.as_str()).await;
        // Keys are fetched anew after a while at the latest.
        server.services.clock.advance(86_400);
        let tokens = login(&server, "app", "openid").await;
        let id = opened(&server, &key, tokens.text("id_token")).await;
        assert_eq!(id["preferred_username"], "alice", "{alg}");
    }
    set(&server, "id.token.encrypted.response.alg", "RSA1_5").await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("username", "alice"),
        ("password", "pw"),
        ("scope", "openid"),
    ];
    let refused = server.token(&form).await;
    assert_eq!(refused.body["error"], "invalid_request", "{refused:?}");
    assert!(refused.body["id_token"].is_null());
}

/// Signed alone; and a client without a fitting key gets no token in the clear.
#[tokio::test]
async fn what_cannot_be_encrypted_is_not_sent() {
    let server = server_with(json!({})).await;
    set(&server, "user.info.response.signature.alg", "PS256").await;
    let tokens = login(&server, "app", "openid").await;
    let (status, kind, body) = userinfo(&server, tokens.text("access_token")).await;
    assert_eq!((status, kind.as_str()), (200, "application/jwt"));
    let told = signed(&server, &body).await;
    assert_eq!(told["aud"], "app");
    assert_eq!(
        UnverifiedJwt::parse(&body)
            .unwrap()
            .unverified_algorithm()
            .as_str(),
        "PS256"
    );

    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("username", "alice"),
        ("password", "pw"),
        ("scope", "openid"),
    ];
    for (alg, enc) in [
        ("RSA-OAEP", "A256GCM"),
        ("RSA1_5", "A256GCM"),
        ("ECDH-ES", "A1GCM"),
    ] {
        set(&server, "id.token.encrypted.response.alg", alg).await;
        set(&server, "id.token.encrypted.response.enc", enc).await;
        let refused = server.token(&form).await;
        assert_eq!(refused.status, 400, "{alg}: {refused:?}");
        assert_eq!(refused.body["error"], "invalid_request");
        assert!(refused.body.get("id_token").is_none());
    }
}

/// Metadata lists what works: these lists are those of the code that does it.
///
/// spec: SCOPE-03
#[tokio::test]
async fn metadata_lists_what_works() {
    let server = server_with(json!({})).await;
    let url = format!("{}/.well-known/openid-configuration", server.issuer());
    let told: Value = server
        .http
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let listed = |name: &str| -> Vec<String> {
        let list = told[name]
            .as_array()
            .unwrap_or_else(|| panic!("{name}"))
            .iter();
        list.map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed("id_token_encryption_enc_values_supported").len(), 6);
    assert!(!listed("id_token_encryption_alg_values_supported").contains(&"RSA1_5".to_owned()));
    assert_eq!(
        listed("request_object_encryption_alg_values_supported"),
        ["RSA-OAEP"]
    );
    assert_eq!(listed("subject_types_supported"), ["public", "pairwise"]);
    assert_eq!(listed("acr_values_supported"), ["0", "1"]);
    for name in [
        "check_session_iframe",
        "registration_endpoint",
        "end_session_endpoint",
        "jwks_uri",
    ] {
        let url = told[name].as_str().unwrap_or_else(|| panic!("{name}"));
        let status = server.http.get(url).send().await.unwrap().status();
        assert_ne!(status, 404, "{name}");
    }
    // Each algorithm that is listed signs, whether or not the realm has a key for it now.
    for algorithm in listed("id_token_signing_alg_values_supported") {
        set(&server, "id.token.signed.response.alg", &algorithm).await;
        let tokens = login(&server, "app", "openid").await;
        let jwt = UnverifiedJwt::parse(tokens.text("id_token")).unwrap();
        assert_eq!(jwt.unverified_algorithm().as_str(), algorithm);
        signed(&server, tokens.text("id_token")).await;
        signed(&server, tokens.text("access_token")).await;
    }
    server
        .change_realm(|realm| {
            let attributes = realm.attributes.get_or_insert_default();
            attributes.insert(
                "acr.loa.map".to_owned(),
                r#"{"gold":2,"silver":1}"#.to_owned(),
            );
        })
        .await;
    let url = format!("{}/.well-known/openid-configuration", server.issuer());
    let told: Value = server
        .http
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(told["acr_values_supported"], json!(["silver", "gold"]));
}
