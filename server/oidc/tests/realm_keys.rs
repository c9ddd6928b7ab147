//! What the keys of a realm do to its tokens.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use realmkeep_jose::UnverifiedJwt;
use realmkeep_keys::generate_realm_keys;
use realmkeep_store::documents::RealmKey;
use realmkeep_store::{Batch, Touch};
use serde_json::json;
use support::{Answer, Server};

async fn tokens(server: &Server) -> Answer {
    let form = [
        ("grant_type", "password"),
        ("client_id", "conf"),
        ("client_secret", "s3cret"),
        ("username", "alice"),
        ("password", "pw"),
        ("scope", "openid"),
    ];
    server.token(&form).await
}

fn kid(token: &str) -> String {
    let jwt = UnverifiedJwt::parse(token).unwrap();
    jwt.unverified_kid().unwrap().to_owned()
}

/// The kids that the realm publishes.
async fn published(server: &Server) -> Vec<String> {
    let response = server.http.get(server.url("certs")).send().await.unwrap();
    let body = Answer::read(response).await.body;
    let keys = body["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

async fn change_key(server: &Server, kid: &str, change: impl FnOnce(&mut RealmKey)) {
    let realm = server.realm().await;
    let store = &server.services.store;
    let keys: Vec<RealmKey> = store.list(&realm.id).await.unwrap();
    let mut key = keys.into_iter().find(|key| key.kid == kid).unwrap();
    change(&mut key);
    let mut batch = Batch::new();
    batch.push(store.update(&realm.id, &key).unwrap());
    batch.touch(Touch::Realm(realm.id.clone()));
    store.commit(batch).await.unwrap();
}

/// A key of higher priority signs from then on; the older one verifies until it is disabled.
///
/// spec: KEYS-01, KEYS-02, KEYS-05, KEYS-06
#[tokio::test]
async fn keys_rotate_without_an_interruption() {
    let server = Server::start().await;
    server
        .add_client(json!({
            "clientId": "conf", "secret": "s3cret", "directAccessGrantsEnabled": true,
        }))
        .await;
    server.add_user("alice", "pw", json!({})).await;
    let before = tokens(&server).await;
    let old = kid(before.text("access_token"));
    assert!(published(&server).await.contains(&old));

    let realm = server.realm().await;
    let store = &server.services.store;
    let mut fresh = generate_realm_keys(&realm.name, server.services.clock.now()).unwrap();
    fresh.retain(|key| key.algorithm == "RS256");
    fresh[0].priority = 200;
    let new = fresh[0].kid.clone();
    let mut batch = Batch::new();
    batch.push(store.insert(&realm.id, &fresh[0]).unwrap());
    batch.touch(Touch::Realm(realm.id.clone()));
    store.commit(batch).await.unwrap();

    let after = tokens(&server).await;
    assert_eq!(kid(after.text("access_token")), new);
    assert_eq!(kid(after.text("id_token")), new);
    let refreshed = [
        ("grant_type", "refresh_token"),
        ("client_id", "conf"),
        ("client_secret", "s3cret"),
        ("refresh_token", before.text("refresh_token")),
    ];
    let refreshed = server.token(&refreshed).await;
    assert_eq!(kid(refreshed.text("access_token")), new);

    let userinfo = async |answer: &Answer| {
        let token = answer.text("access_token");
        server.get_with("userinfo", token).await.status.as_u16()
    };
    assert_eq!(userinfo(&before).await, 200);
    change_key(&server, &old, |key| key.status = "PASSIVE".to_owned()).await;
    assert_eq!(userinfo(&before).await, 200);
    assert!(published(&server).await.contains(&old));
    change_key(&server, &old, |key| key.status = "DISABLED".to_owned()).await;
    assert_eq!(userinfo(&before).await, 401);
    assert!(!published(&server).await.contains(&old));
    assert_eq!(userinfo(&after).await, 200);

    // A passive key does not sign, whatever its priority; without any other one is made.
    change_key(&server, &new, |key| key.status = "PASSIVE".to_owned()).await;
    let made = kid(tokens(&server).await.text("access_token"));
    assert!(made != new && made != old);
    assert!(published(&server).await.contains(&made));
    assert_eq!(kid(tokens(&server).await.text("access_token")), made);
}

/// A new realm's RSA key has a certificate, and private parts stay where they are.
///
/// spec: KEYS-25
#[tokio::test]
async fn only_public_parts_are_published() {
    let server = Server::start().await;
    let response = server.http.get(server.url("certs")).send().await.unwrap();
    let body = Answer::read(response).await.body;
    for key in body["keys"].as_array().unwrap() {
        let members = key.as_object().unwrap();
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(!members.contains_key(private), "{private}");
        }
        assert_eq!(key["x5c"].is_array(), key["kty"] == "RSA");
        let encrypts = key["alg"] == "RSA-OAEP";
        assert_eq!(key["use"], if encrypts { "enc" } else { "sig" });
    }
    // Nor do they stand readable in the database.
    let realm = server.realm().await;
    let keys: Vec<RealmKey> = server.services.store.list(&realm.id).await.unwrap();
    let file = std::fs::read(server.database()).unwrap();
    let log = std::fs::read(server.database().with_extension("db-wal")).unwrap_or_default();
    for key in keys {
        let private = key.private_key.expose().as_bytes();
        let found = |bytes: &[u8]| bytes.windows(private.len()).any(|window| window == private);
        assert!(!found(&file) && !found(&log));
    }
}

/// What is sent to the endpoint by the mad or the malicious is refused, never an error of ours.
#[tokio::test]
async fn hostile_bodies_are_refused() {
    let server = Server::start().await;
    let long = format!("grant_type={}", "a".repeat(200_000));
    let many: String = (0..5_000).map(|i| format!("p{i}=1&")).collect();
    let deep = format!(
        "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={}.{}.AA",
        realmkeep_jose::base64url(r#"{"alg":"ES256"}"#),
        realmkeep_jose::base64url("[".repeat(8_000)),
    );
    for body in [
        long.as_str(),
        &many,
        &deep,
        "%",
        "%zz=%zz",
        "=&=&=",
        "grant_type",
        "grant_type=password&client_id=%F0%9F%92%A9",
        "grant_type=client_credentials&client_id='%20OR%201=1--",
        "grant_type=client_credentials&client_id=../../etc/passwd",
    ] {
        for endpoint in ["token", "token/introspect", "revoke", "userinfo"] {
            let request = server
                .http
                .post(server.url(endpoint))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(body.to_owned());
            let status = request.send().await.unwrap().status();
            assert!(status.is_client_error(), "{endpoint} {body:.60}: {status}");
        }
    }
}
