//! Threats to the Admin API and to what it stores.

use reqwest::StatusCode;
use reqwest::header::{COOKIE, ORIGIN};
use serde_json::{Value, json};

use crate::support::Server;

/// A browser that is signed in is nobody to the Admin API and the account API: both want a token, which
/// another site's page does not have.
///
/// spec: SEC-12
#[tokio::test]
async fn cookies_are_no_rights() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    server.user_with("r", "alice", "account", &[]).await;
    let found = admin.get("/r/users?username=alice").await.is(200).body;
    let id = found[0]["id"].as_str().unwrap();
    let signed_in = admin
        .post(&format!("/r/users/{id}/impersonation"), json!({}))
        .await
        .is(200);
    let cookie = signed_in.cookies[0].split(';').next().unwrap().to_owned();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in [
        "/admin/realms/r",
        "/admin/realms/r/users",
        "/realms/r/account/?userProfileMetadata=true",
        "/realms/r/account/credentials",
    ] {
        let answer = http
            .get(format!("{}{path}", server.base))
            .header(COOKIE, &cookie)
            .header(ORIGIN, "https://evil.test")
            .header("accept", "application/json")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        let allowed = answer.headers().get("access-control-allow-origin");
        assert_eq!(allowed, None, "{path}");
    }
}

/// What would be SQL in a careless server is text.
///
/// spec: SEC-32
#[tokio::test]
async fn searches_are_text() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    server.user_with("r", "alice", "account", &[]).await;
    for evil in [
        "' OR '1'='1",
        "\" OR \"\"=\"",
        "alice'--",
        "'; DROP TABLE user_account; --",
        "') UNION SELECT doc FROM realm --",
        "_____",
        "a\\",
    ] {
        for (path, name) in [
            ("/r/users", "search"),
            ("/r/users", "username"),
            ("/r/users", "email"),
            ("/r/groups", "search"),
            ("/r/roles", "search"),
            ("/r/clients", "clientId"),
            ("/r/admin-events", "resourcePath"),
            ("/r/events", "user"),
            ("/r/client-scopes", "search"),
        ] {
            let encoded: String = url::form_urlencoded::Serializer::new(String::new())
                .append_pair(name, evil)
                .finish();
            let answer = admin.get(&format!("{path}?{encoded}")).await;
            assert!(answer.status.is_success(), "{path} {evil}: {}", answer.text);
            if path != "/r/client-scopes" {
                assert_eq!(answer.body, json!([]), "{path} {name} {evil}");
            }
        }
        let name = format!("group {evil}");
        let group = admin.post("/r/groups", json!({"name": name})).await;
        let id = group.is(201).id();
        let read = admin.get(&format!("/r/groups/{id}")).await.is(200).body;
        assert_eq!(read["name"], json!(name));
        admin.delete(&format!("/r/groups/{id}")).await.is(204);
    }
    assert_eq!(
        admin.get("/r/users").await.is(200).names("username").len(),
        1
    );
}

/// Attributes that the user profile does not know are not taken, and values are limited.
///
/// spec: SEC-06
#[tokio::test]
async fn attributes_are_limited() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let user = json!({"username": "alice", "attributes": {"unknown": ["x"]}});
    let id = admin.post("/r/users", user).await.is(201).id();
    let read = admin.get(&format!("/r/users/{id}")).await.is(200).body;
    assert_eq!(read["attributes"], Value::Null, "{read}");
    for (field, length) in [("username", 256), ("firstName", 256), ("email", 300)] {
        let mut user = json!({"username": "bob"});
        user[field] = json!("x".repeat(length));
        let refused = admin.post("/r/users", user).await.is(400);
        assert!(refused.text.contains(field), "{}", refused.text);
    }
}

/// What an administrator sends is kept up to the length that the server is set to.
///
/// spec: AEV-06
#[tokio::test]
async fn representations_are_cut_off() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let keep = json!({"adminEventsEnabled": true, "adminEventsDetailsEnabled": true});
    admin.put("/r/events/config", keep).await.is(204);
    let services = &server.services;
    let events = realmkeep_events::Events::recording_with(
        std::sync::Arc::default(),
        services.store.clone(),
        services.clock.clone(),
        realmkeep_events::Settings {
            max_representation: Some(25),
            ..Default::default()
        },
    );
    let realm = services.store.realm("r").await.unwrap().unwrap();
    let mut batch = realmkeep_store::Batch::new();
    let mut event = realmkeep_representations::AdminEventRepresentation {
        id: Some("e1".into()),
        time: Some(services.clock.now_millis()),
        realm_id: Some(realm.id.clone()),
        operation_type: Some("CREATE".into()),
        resource_type: Some("USER".into()),
        resource_path: Some("users/1".into()),
        representation: Some("é".repeat(30)),
        ..Default::default()
    };
    events.stage_admin(&realm, &mut batch, &mut event).unwrap();
    services.store.commit(batch).await.unwrap();
    let kept = admin
        .get("/r/admin-events?resourceTypes=USER")
        .await
        .is(200);
    assert_eq!(kept.body[0]["representation"], json!("é".repeat(25)));
}

/// A page of clients with an attribute is a page of those, not what is left of a page of all.
#[tokio::test]
async fn clients_with_an_attribute_are_paged() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    for id in 0..6 {
        let kind = if id % 2 == 0 { "even" } else { "odd" };
        let client = json!({"clientId": format!("z{id}"), "attributes": {"kind": kind}});
        admin.post("/r/clients", client).await.is(201);
    }
    let page = admin.get("/r/clients?q=kind:even&first=1&max=2").await;
    assert_eq!(page.is(200).names("clientId"), ["z2", "z4"]);
}
