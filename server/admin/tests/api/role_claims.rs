//! Roles that administrators give, as applications find them in tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::Server;

async fn claims(server: &Server) -> Value {
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "alice"),
        ("password", "alice"),
    ];
    let tokens = server.token("r", &form).await.is(200).body;
    payload(tokens["access_token"].as_str().unwrap())
}

/// What a token says.
pub fn payload(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn roles(claims: &Value) -> Vec<String> {
    let roles = claims["realm_access"]["roles"].as_array();
    let roles = roles.into_iter().flatten().filter_map(Value::as_str);
    roles.map(str::to_owned).collect()
}

/// A composite role is in the token with what is inside it; the roles of a group and of the groups above it
/// are there, too. A new client may have all roles; once it may not, those remain that are in its scope.
///
/// spec: ROLE-08, GROUP-11, RSM-05, SEC-31
#[tokio::test]
async fn composites_and_groups_end_in_tokens() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    server.user_with("r", "alice", "account", &[]).await;
    let client =
        json!({"clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true});
    let client = admin.post("/r/clients", client).await.is(201).id();
    for name in ["superuser", "sales", "orders", "of-parent", "of-child"] {
        admin.post("/r/roles", json!({"name": name})).await.is(201);
    }
    let role = async |name: &str| admin.get(&format!("/r/roles/{name}")).await.is(200).body;
    let inside = json!([role("sales").await, role("orders").await]);
    admin
        .post("/r/roles/superuser/composites", inside)
        .await
        .is(204);
    let found = admin.get("/r/users?username=alice").await.is(200).body;
    let alice = found[0]["id"].as_str().unwrap().to_owned();
    admin
        .post(
            &format!("/r/users/{alice}/role-mappings/realm"),
            json!([role("superuser").await]),
        )
        .await
        .is(204);
    let parent = admin
        .post("/r/groups", json!({"name": "parent"}))
        .await
        .is(201)
        .id();
    let child = admin
        .post(
            &format!("/r/groups/{parent}/children"),
            json!({"name": "child"}),
        )
        .await
        .is(201)
        .body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (group, name) in [(&parent, "of-parent"), (&child, "of-child")] {
        admin
            .post(
                &format!("/r/groups/{group}/role-mappings/realm"),
                json!([role(name).await]),
            )
            .await
            .is(204);
    }
    admin
        .put(&format!("/r/users/{alice}/groups/{child}"), json!({}))
        .await
        .is(204);
    let all = roles(&claims(&server).await);
    for name in ["superuser", "sales", "orders", "of-parent", "of-child"] {
        assert!(all.contains(&name.to_owned()), "{name}: {all:?}");
    }
    let path = format!("/r/clients/{client}");
    let shown = admin.get(&path).await.is(200).body;
    assert_eq!(shown["fullScopeAllowed"], true);
    admin
        .put(&path, json!({"fullScopeAllowed": false}))
        .await
        .is(204);
    admin
        .post(
            &format!("{path}/scope-mappings/realm"),
            json!([role("sales").await]),
        )
        .await
        .is(204);
    let few = roles(&claims(&server).await);
    assert!(few.contains(&"sales".to_owned()), "{few:?}");
    for name in ["superuser", "orders", "of-parent", "of-child"] {
        assert!(!few.contains(&name.to_owned()), "{name}: {few:?}");
    }
}
