//! Events that a realm keeps: of users and of administrators.

use serde_json::{Value, json};

use crate::support::Server;

async fn user(server: &Server, realm: &str, name: &str) -> String {
    let body = json!({
        "username": name, "enabled": true, "email": format!("{name}@example.test"), "firstName": "A",
        "lastName": "B", "credentials": [{"type": "password", "value": name}],
    });
    let admin = server.admin().await;
    admin
        .post(&format!("/{realm}/users"), body)
        .await
        .is(201)
        .id()
}

async fn log_in(server: &Server, realm: &str, name: &str, password: &str) -> u16 {
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", name),
        ("password", password),
    ];
    server.token(realm, &form).await.status.as_u16()
}

/// Nothing is kept until the realm says so; then logins are found by type, user, client and time, newest
/// first, and are gone when they are cleared.
///
/// spec: EVT-01, EVT-02, EVT-05, EVT-06, EVT-07, EVT-08
#[tokio::test]
async fn user_events_are_kept_searched_and_cleared() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let alice = user(&server, "r", "alice").await;
    assert_eq!(log_in(&server, "r", "alice", "alice").await, 200);
    assert_eq!(admin.get("/r/events").await.is(200).body, json!([]));

    admin
        .put("/r/events/config", json!({"eventsEnabled": true}))
        .await
        .is(204);
    assert_eq!(log_in(&server, "r", "alice", "alice").await, 200);
    assert_ne!(log_in(&server, "r", "alice", "wrong").await, 200);

    let all = admin.get("/r/events").await.is(200).body;
    assert_eq!(all.as_array().unwrap().len(), 2, "{all}");
    assert_eq!(all[0]["type"], "LOGIN_ERROR");
    assert_eq!(all[0]["error"], "invalid_user_credentials");
    assert_eq!(all[1]["type"], "LOGIN");
    assert_eq!(all[1]["userId"], json!(alice));
    assert_eq!(all[1]["clientId"], "admin-cli");
    assert_eq!(all[1]["ipAddress"], "127.0.0.1");
    assert!(all[1]["time"].as_i64().unwrap() > 1_600_000_000_000);

    let count = async |query: &str| {
        let found = admin.get(&format!("/r/events?{query}")).await.is(200).body;
        found.as_array().unwrap().len()
    };
    assert_eq!(count("type=LOGIN").await, 1);
    assert_eq!(count("type=LOGIN&type=LOGIN_ERROR").await, 2);
    assert_eq!(count("type=LOGOUT").await, 0);
    assert_eq!(count(&format!("user={alice}&type=LOGIN")).await, 1);
    assert_eq!(count("user=nobody").await, 0);
    assert_eq!(count("client=admin-cli").await, 2);
    assert_eq!(count("client=other").await, 0);
    assert_eq!(count("ipAddress=127.0.0.1").await, 2);
    assert_eq!(count("dateFrom=2020-01-01").await, 2);
    assert_eq!(count("dateTo=2020-01-01").await, 0);
    assert_eq!(count("first=1").await, 1);
    assert_eq!(count("max=1").await, 1);
    let oldest = admin.get("/r/events?direction=asc").await.is(200).body;
    assert_eq!(oldest[0]["type"], "LOGIN");
    for bad in ["type=NOPE", "dateFrom=x", "direction=x"] {
        admin.get(&format!("/r/events?{bad}")).await.is(400);
    }

    admin.delete("/r/events").await.is(204);
    assert_eq!(count("").await, 0);
}

/// A realm keeps the types it names and no others, and for as long as it says.
///
/// spec: EVT-03, EVT-04
#[tokio::test]
async fn types_and_expiry_are_the_realms() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    user(&server, "r", "alice").await;
    let config = admin.get("/r/events/config").await.is(200).body;
    assert_eq!(config["eventsEnabled"], false);
    let types = config["enabledEventTypes"].as_array().unwrap();
    assert!(types.contains(&json!("LOGIN")));
    assert!(!types.contains(&json!("REFRESH_TOKEN")));

    let set = json!({
        "eventsEnabled": true, "enabledEventTypes": ["LOGIN_ERROR"], "eventsExpiration": 60,
    });
    admin.put("/r/events/config", set).await.is(204);
    let set = admin.get("/r/events/config").await.is(200).body;
    assert_eq!(set["enabledEventTypes"], json!(["LOGIN_ERROR"]));
    assert_eq!(set["eventsExpiration"], 60);
    log_in(&server, "r", "alice", "alice").await;
    log_in(&server, "r", "alice", "wrong").await;
    let kept = admin.get("/r/events").await.is(200);
    assert_eq!(kept.names("type"), ["LOGIN_ERROR"]);

    let services = &server.services;
    let now = services.clock.now();
    realmkeep_events::expire(&services.store, now + 30)
        .await
        .unwrap();
    assert_eq!(admin.get("/r/events").await.names("type").len(), 1);
    realmkeep_events::expire(&services.store, now + 61)
        .await
        .unwrap();
    assert_eq!(admin.get("/r/events").await.names("type").len(), 0);

    let unknown = json!({"enabledEventTypes": ["NOPE"]});
    admin.put("/r/events/config", unknown).await.is(400);
}

/// Every change by an administrator is kept with who made it; what was sent is kept where the realm wants
/// it, without secrets.
///
/// spec: AEV-01, AEV-02, AEV-03, AEV-04, AEV-05
#[tokio::test]
async fn admin_events_tell_who_changed_what() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    admin
        .post("/r/groups", json!({"name": "before"}))
        .await
        .is(201);
    assert_eq!(admin.get("/r/admin-events").await.is(200).body, json!([]));
    admin
        .put("/r/events/config", json!({"adminEventsEnabled": true}))
        .await
        .is(204);
    let group = admin
        .post("/r/groups", json!({"name": "g"}))
        .await
        .is(201)
        .id();
    let found = admin.get("/r/admin-events").await.is(200).body;
    let event = &found[0];
    assert_eq!(event["operationType"], "CREATE");
    assert_eq!(event["resourceType"], "GROUP");
    assert_eq!(event["resourcePath"], json!(format!("groups/{group}")));
    assert_eq!(event["authDetails"]["ipAddress"], "127.0.0.1");
    assert_eq!(event["representation"], Value::Null);

    admin
        .put(
            "/r/events/config",
            json!({"adminEventsDetailsEnabled": true}),
        )
        .await
        .is(204);
    let client = json!({"clientId": "c", "secret": "canary-1", "name": "shown"});
    let id = admin.post("/r/clients", client).await.is(201).id();
    let user = user(&server, "r", "alice").await;
    let password = json!({"type": "password", "value": "canary-2"});
    admin
        .put(&format!("/r/users/{user}/reset-password"), password)
        .await
        .is(204);
    admin.delete(&format!("/r/clients/{id}")).await.is(204);
    let text = admin.get("/r/admin-events").await.is(200).text;
    assert!(!text.contains("canary"), "{text}");
    assert!(text.contains("shown"));

    let paths = async |query: &str| {
        let found = admin.get(&format!("/r/admin-events?{query}")).await.is(200);
        found.names("resourcePath")
    };
    assert_eq!(
        paths("resourceTypes=CLIENT").await,
        [format!("clients/{id}"), format!("clients/{id}")]
    );
    assert_eq!(
        paths("operationTypes=DELETE").await,
        [format!("clients/{id}")]
    );
    assert_eq!(
        paths("operationTypes=ACTION").await,
        [format!("users/{user}/reset-password")]
    );
    assert_eq!(paths("resourcePath=users/*").await.len(), 2);
    assert_eq!(paths("resourcePath=users").await.len(), 0);
    assert_eq!(paths("authUser=nobody").await.len(), 0);
    assert_eq!(paths("authIpAddress=127.0.0.1&max=1").await.len(), 1);

    // A change that is refused leaves no trace of having happened.
    admin.post("/r/groups", json!({"name": "g"})).await.is(409);
    let groups = paths("resourceTypes=GROUP").await;
    assert_eq!(groups.len(), 1);

    admin.delete("/r/admin-events").await.is(204);
    assert_eq!(admin.get("/r/admin-events").await.is(200).body, json!([]));
}

/// spec: ADMR-11, ADMR-16
#[tokio::test]
async fn seeing_events_is_not_clearing_them() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let viewer = server
        .user_with("r", "viewer", "realm-management", &["view-events"])
        .await;
    let manager = server
        .user_with("r", "manager", "realm-management", &["manage-events"])
        .await;
    let other = server
        .user_with("r", "other", "realm-management", &["manage-users"])
        .await;
    for path in ["/r/events", "/r/admin-events"] {
        viewer.get(path).await.is(200);
        viewer.delete(path).await.is(403);
        manager.get(path).await.is(200);
        manager.delete(path).await.is(204);
        other.get(path).await.is(403);
    }
    let config = json!({"eventsEnabled": true});
    viewer.put("/r/events/config", config.clone()).await.is(403);
    manager.put("/r/events/config", config).await.is(204);
}

/// What a session goes through is told from its beginning to its end.
///
/// spec: EVT-10, EVT-12
#[tokio::test]
async fn refreshes_and_logouts_are_events() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let alice = user(&server, "r", "alice").await;
    let config = json!({
        "eventsEnabled": true, "enabledEventTypes": ["LOGIN", "REFRESH_TOKEN", "LOGOUT", "REFRESH_TOKEN_ERROR"],
    });
    admin.put("/r/events/config", config).await.is(204);
    let login = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "alice"),
        ("password", "alice"),
    ];
    let tokens = server.token("r", &login).await.is(200).body;
    let refresh = |token: &Value| {
        vec![
            ("grant_type".to_owned(), "refresh_token".to_owned()),
            ("client_id".to_owned(), "admin-cli".to_owned()),
            (
                "refresh_token".to_owned(),
                token.as_str().unwrap().to_owned(),
            ),
        ]
    };
    let form = refresh(&tokens["refresh_token"]);
    let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let tokens = server.token("r", &form).await.is(200).body;
    let logout = refresh(&tokens["refresh_token"]);
    let logout: Vec<(&str, &str)> = logout
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    server
        .post_form("/realms/r/protocol/openid-connect/logout", &logout)
        .await
        .is(204);
    assert_ne!(server.token("r", &logout).await.status, 200);
    let events = admin.get("/r/events?direction=asc").await.is(200);
    assert_eq!(
        events.names("type"),
        ["LOGIN", "REFRESH_TOKEN", "LOGOUT", "REFRESH_TOKEN_ERROR"]
    );
    let all = events.body.as_array().unwrap();
    assert!(
        all[..3].iter().all(|e| e["userId"] == json!(alice)),
        "{}",
        events.text
    );
    assert!(
        all[..3]
            .iter()
            .all(|e| e["sessionId"] == all[0]["sessionId"])
    );
}
