//! What tokens and answers say, how sessions end, how clients register, and the keys of realms.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod encryption;
mod keys;
mod lightweight;
mod logout;
mod mappers;
mod registration;
mod scopes;
#[path = "../support/mod.rs"]
mod support;

use serde_json::{Value, json};
use support::{Answer, Server};

/// A server with the user `alice` (password `pw`) and the client `app` (secret `s3cret`), which may
/// use the password grant, with what `given` says on top.
async fn server_with(given: Value) -> Server {
    let server = Server::start().await;
    add_app(&server, "app", given).await;
    let alice = json!({
        "email": "alice@example.test", "emailVerified": true, "firstName": "Alice",
        "lastName": "Test", "attributes": {"phoneNumber": ["+1 555"], "level": ["7"], "tags": ["a", "b"]},
    });
    server.add_user("alice", "pw", alice).await;
    server
}

async fn add_app(server: &Server, client_id: &str, given: Value) {
    let mut all = json!({
        "clientId": client_id, "secret": "s3cret", "directAccessGrantsEnabled": true,
        "redirectUris": ["https://app.test/cb"], "fullScopeAllowed": true,
    });
    all.as_object_mut()
        .unwrap()
        .extend(given.as_object().unwrap().clone());
    server.add_client(all).await;
}

/// Alice's tokens for a client.
async fn login(server: &Server, client_id: &str, scope: &str) -> Answer {
    let answer = server
        .token(&[
            ("grant_type", "password"),
            ("client_id", client_id),
            ("client_secret", "s3cret"),
            ("username", "alice"),
            ("password", "pw"),
            ("scope", scope),
        ])
        .await;
    answer.granted();
    answer
}

fn access(answer: &Answer) -> Value {
    support::claims(answer.text("access_token"))
}

fn id(answer: &Answer) -> Value {
    support::claims(answer.text("id_token"))
}

async fn userinfo(server: &Server, answer: &Answer) -> Value {
    let answer = server
        .get_with("userinfo", answer.text("access_token"))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

async fn introspect(server: &Server, client_id: &str, token: &str) -> Value {
    let form = [
        ("client_id", client_id),
        ("client_secret", "s3cret"),
        ("token", token),
    ];
    let answer = server.post("token/introspect", &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// A protocol mapper.
fn mapper(name: &str, kind: &str, config: Value) -> Value {
    json!({"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": config})
}
