//! The realm's policy for backchannel authentication, as an administrator sets it.

use serde_json::json;

use crate::support::Server;

/// What is set for the realm comes back, and counts at the endpoint.
///
/// spec: CIBA-05
#[tokio::test]
async fn the_ciba_policy_of_a_realm_counts() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = format!("http://{}/", listener.local_addr().unwrap());
    let created = axum::routing::post(async || http::StatusCode::CREATED);
    let app = axum::Router::new().route("/", created);
    let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let policy = json!({
        "cibaBackchannelTokenDeliveryMode": "poll",
        "cibaExpiresIn": "77",
        "cibaInterval": "9",
        "cibaAuthRequestedUserHint": "login_hint",
        "cibaHttpAuthenticationChannelUri": channel,
    });
    let change = json!({"realm": "r", "attributes": policy});
    admin.put("/r", change).await.is(204);
    let stored = admin.get("/r").await.is(200).body["attributes"].clone();
    for (name, value) in policy.as_object().unwrap() {
        assert_eq!(stored[name], *value, "{name}");
    }
    let client = json!({
        "clientId": "c", "secret": "s3cret",
        "attributes": {"oidc.ciba.grant.enabled": "true"},
    });
    admin.post("/r/clients", client).await.is(201);
    let alice = json!({"username": "alice", "enabled": true});
    admin.post("/r/users", alice).await.is(201);
    let form = [
        ("client_id", "c"),
        ("client_secret", "s3cret"),
        ("scope", "openid"),
        ("login_hint", "alice"),
    ];
    let path = "/realms/r/protocol/openid-connect/ext/ciba/auth";
    let answer = server.post_form(path, &form).await.is(200).body;
    assert_eq!(answer["expires_in"], 77, "{answer}");
    assert_eq!(answer["interval"], 9, "{answer}");
    task.abort();
}
