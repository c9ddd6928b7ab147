//! Ten times over each bound of the token endpoint and its siblings: a refusal that fits, at once.

use realmkeep_jose::MAX_TOKEN_BYTES;
use serde_json::json;

use crate::support::{Answer, Server};
use crate::{CONF, DpopKey, form, password, post_with, server};

/// A refusal that the RFCs know, which shows nothing of what was sent.
#[track_caller]
fn refused(what: &str, answer: &Answer, error: &str) {
    assert!(answer.status.is_client_error(), "{what}: {}", answer.status);
    assert_eq!(answer.body["error"], error, "{what}: {}", answer.body);
    assert!(answer.body.to_string().len() < 1_000, "{what}");
}

async fn granted(server: &Server, more: &[(&str, &str)]) -> Answer {
    let own = [("grant_type", "client_credentials")];
    server.token(&form(&[&own, more, &CONF])).await
}

/// Sizes and numbers of parameters, whatever the grant.
#[tokio::test]
async fn forms_are_bounded() {
    let server = server().await;
    let answer = granted(&server, &[("x", &"x".repeat(1_300_000))]).await;
    refused("a form", &answer, "invalid_request");
    let names: Vec<String> = (0..1_000).map(|i| format!("p{i}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    refused(
        "parameters",
        &granted(&server, &many).await,
        "invalid_request",
    );
    let scopes: Vec<String> = (0..10_000).map(|i| format!("s{i}")).collect();
    let answer = granted(&server, &[("scope", &scopes.join(" "))]).await;
    refused("scopes", &answer, "invalid_scope");
    let answer = granted(&server, &[("scope", &"x".repeat(100_000))]).await;
    refused("a scope", &answer, "invalid_scope");
    for endpoint in [
        "token",
        "token/introspect",
        "revoke",
        "auth/device",
        "ext/ciba/auth",
    ] {
        let long = "x".repeat(20_000);
        let answer = server
            .post(endpoint, &[("client_id", &long), ("client_secret", &long)])
            .await;
        assert!(answer.status.is_client_error(), "{endpoint}: {answer:?}");
        assert!(!answer.body.to_string().contains("xxx"), "{endpoint}");
    }
}

/// Tokens of every kind, and the number of audiences.
#[tokio::test]
async fn tokens_are_bounded() {
    let server = server().await;
    let long = "x".repeat(10 * MAX_TOKEN_BYTES.min(12_000));
    let dotted = format!("{long}.{long}.{long}");
    let assertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    let access = "urn:ietf:params:oauth:token-type:access_token";
    for bad in [long.get(..120_000).unwrap_or(&long), &dotted] {
        let sent = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", assertion),
            ("client_assertion", bad),
        ];
        let answer = server.token(&sent).await;
        assert!(answer.status.is_client_error(), "{}", answer.status);
        assert!(!answer.body.to_string().contains("xxx"));
        for (name, grant, error) in [
            ("refresh_token", "refresh_token", "invalid_grant"),
            ("code", "authorization_code", "invalid_grant"),
            ("subject_token", exchange, "invalid_request"),
        ] {
            let sent = [
                ("grant_type", grant),
                (name, bad),
                ("redirect_uri", "https://app.example.test/cb"),
                ("subject_token_type", access),
            ];
            let answer = server.token(&form(&[&sent, &CONF])).await;
            let error = match answer.body["error"] == "invalid_request" {
                true => "invalid_request",
                false => error,
            };
            refused(name, &answer, error);
        }
        let sent = [("token", bad)];
        let answer = server
            .post("token/introspect", &form(&[&sent, &CONF]))
            .await;
        assert!(
            answer.body["active"] == false || answer.body["error"] == "invalid_request",
            "{answer:?}"
        );
    }
    let login = password(&server, "openid").await;
    let mut sent = vec![
        ("grant_type", exchange),
        ("subject_token", login.text("access_token")),
        ("subject_token_type", access),
    ];
    sent.extend(vec![("audience", "conf"); 90]);
    refused(
        "audiences",
        &server.token(&form(&[&sent, &CONF])).await,
        "invalid_request",
    );
}

/// Proofs of keys, and what a backchannel request may show.
#[tokio::test]
async fn proofs_and_messages_are_bounded() {
    let server = server().await;
    let key = DpopKey::generate();
    let login = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", "pw"),
    ];
    for (name, value) in [
        ("jti", json!("x".repeat(5_120))),
        ("nonce", json!(vec!["x"; 1_000])),
        ("htu", json!("x".repeat(20_000))),
    ] {
        let mut claims = key.claims(&server, "POST", &server.url("token"));
        claims[name] = value;
        let proof = key.sign(&key.header(), &claims);
        let sent = form(&[&login, &CONF]);
        let answer = post_with(&server, "token", &sent, &[("DPoP", &proof)]).await;
        if name != "nonce" {
            refused(name, &answer, "invalid_dpop_proof");
        }
    }
    for (name, length, error) in [
        ("binding_message", 500, "invalid_binding_message"),
        ("login_hint", 20_000, "unknown_user_id"),
        ("requested_expiry", 30, "invalid_request"),
    ] {
        let long = "9".repeat(length);
        let mut sent = vec![("scope", "openid"), (name, long.as_str())];
        if name != "login_hint" {
            sent.push(("login_hint", "alice"));
        }
        let answer = server.post("ext/ciba/auth", &form(&[&sent, &CONF])).await;
        refused(name, &answer, error);
    }
}
