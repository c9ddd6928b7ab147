//! Secrets in every field that takes one, and every way by which they could come out.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::paths::{PATHS, filled, objects};
use crate::support::{Caller, Server};

/// In every planted secret, and in nothing else.
const CANARY: &str = "cAnArY";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn plant(admin: &Caller<'_>) {
    let secret = |name: &str| format!("{CANARY}-{name}");
    let smtp = json!({"smtpServer": {
        "host": "127.0.0.1", "port": "1", "from": "a@example.test", "auth": "true", "user": "u",
        "password": secret("smtp"), "authTokenClientSecret": secret("smtp-token"),
    }});
    admin.put("/r", smtp).await.is(204);
    let client = json!({
        "clientId": "canary", "secret": secret("client"), "serviceAccountsEnabled": true,
        "attributes": {
            "client.secret.rotated": secret("rotated"),
            "client.secret.rotated.expiration.time": "4102444800",
        },
        "registrationAccessToken": secret("registration"),
    });
    admin.post("/r/clients", client).await.is(201);
    let provider = json!({
        "alias": "canary", "providerId": "oidc",
        "config": {
            "clientId": "c", "clientSecret": secret("provider"),
            "authorizationUrl": "https://i.example.test/a", "tokenUrl": "https://i.example.test/t",
        },
    });
    admin
        .post("/r/identity-provider/instances", provider)
        .await
        .is(201);
    // 24 bytes of base64, the canary among them.
    let hook = json!({
        "name": "canary", "providerId": "webhook",
        "providerType": "org.keycloak.events.EventListenerProvider",
        "config": {
            "url": ["http://127.0.0.1:1/"], "secret": [format!("whsec_{CANARY}{}", "A".repeat(26))],
            "adminEvents": ["true"],
        },
    });
    admin.post("/r/components", hook).await.is(201);
    let user = json!({
        "username": "canary", "enabled": true,
        "credentials": [{"type": "password", "value": secret("password")}],
    });
    let id = admin.post("/r/users", user).await.is(201).id();
    let password = json!({"type": "password", "value": secret("reset")});
    admin
        .put(&format!("/r/users/{id}/reset-password"), password)
        .await
        .is(204);
}

/// Who may only look sees none of the planted secrets at any address; who manages sees at most those of
/// clients, which their applications need. Neither the export, nor events, nor the log has any.
#[tokio::test(flavor = "current_thread")]
async fn planted_secrets_come_out_nowhere() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let keep = json!({
        "eventsEnabled": true, "adminEventsEnabled": true, "adminEventsDetailsEnabled": true,
        "eventsListeners": ["jboss-logging", "email", "webhook"],
    });
    admin.put("/r/events/config", keep).await.is(204);
    plant(&admin).await;
    let form = |password: &'static str| {
        [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "canary"),
            ("password", password),
        ]
    };
    server.token("r", &form("cAnArY-wrong")).await;
    server.token("r", &form("cAnArY-reset")).await;
    realmkeep_authn::event_listeners::deliver(&server.services)
        .await
        .unwrap();

    let ids = objects(&admin).await;
    let roles = [
        "view-realm",
        "view-clients",
        "view-users",
        "view-identity-providers",
        "view-events",
    ];
    let viewer = server
        .user_with("r", "viewer", "realm-management", &roles)
        .await;
    let mut asked = 0;
    let mut found = Vec::new();
    for line in PATHS.lines().filter(|line| line.starts_with("GET\t")) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [method, path, "yes", _] = columns[..] else {
            continue;
        };
        let path = filled(method, path, &ids);
        let answer = viewer.get(&path).await;
        asked += 1;
        if answer.text.contains(CANARY) {
            found.push(path.clone());
        }
        let managed = admin.get(&path).await.text;
        let others = managed
            .replace("cAnArY-client", "")
            .replace("cAnArY-rotated", "");
        if others.contains(CANARY) {
            found.push(format!("admin: {path}"));
        }
    }
    for query in ["events?max=1000", "admin-events?max=1000"] {
        let all = admin.get(&format!("/r/{query}")).await.is(200).text;
        assert!(all.len() > 100, "{all}");
        if all.contains(CANARY) {
            found.push(query.to_owned());
        }
    }
    let export = "/r/partial-export?exportClients=true&exportGroupsAndRoles=true";
    let export = admin.post(export, json!({})).await.is(200).text;
    assert!(export.contains("canary"));
    if export.contains(CANARY) {
        found.push("export".to_owned());
    }
    assert!(asked > 100, "{asked}");
    assert!(found.is_empty(), "{found:#?}");
    let log = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    assert!(log.contains("org.keycloak.events"), "{}", log.len());
    let line = log.lines().find(|line| line.contains(CANARY));
    assert_eq!(line, None);
}
