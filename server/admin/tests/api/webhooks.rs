//! Events told to an address of the realm's.

use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use realmkeep_authn::event_listeners::deliver;
use serde_json::{Value, json};

use crate::support::Server;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Somebody who is told of events.
#[derive(Clone)]
struct Receiver {
    url: String,
    heard: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    status: Arc<Mutex<u16>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}/hook", listener.local_addr().unwrap()),
            heard: Arc::default(),
            status: Arc::new(Mutex::new(204)),
        };
        let app = Router::new()
            .route(
                "/hook",
                post(
                    async |State(receiver): State<Self>, headers: HeaderMap, body: String| {
                        receiver.heard.lock().unwrap().push((headers, body));
                        StatusCode::from_u16(*receiver.status.lock().unwrap()).unwrap()
                    },
                ),
            )
            .with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        receiver
    }

    fn answers(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    /// What it was told since it was asked last; every message is signed.
    fn heard(&self) -> Vec<(String, Value)> {
        let heard = std::mem::take(&mut *self.heard.lock().unwrap());
        heard
            .into_iter()
            .map(|(headers, body)| {
                let header = |name: &str| headers[name].to_str().unwrap().to_owned();
                let id = header("webhook-id");
                let bytes = STANDARD.decode(&SECRET["whsec_".len()..]).unwrap();
                let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
                let signed = format!("{id}.{}.{body}", header("webhook-timestamp"));
                let signature = header("webhook-signature");
                let tag = STANDARD
                    .decode(signature.strip_prefix("v1,").unwrap())
                    .unwrap();
                hmac::verify(&key, signed.as_bytes(), &tag).unwrap();
                (id, serde_json::from_str(&body).unwrap())
            })
            .collect()
    }
}

fn webhook(url: &str, more: Value) -> Value {
    let mut config = json!({"url": [url], "secret": [SECRET]});
    config
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({
        "name": "hook", "providerId": "webhook",
        "providerType": "org.keycloak.events.EventListenerProvider", "config": config,
    })
}

async fn log_in(server: &Server, password: &str) {
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "alice"),
        ("password", password),
    ];
    server.token("r", &form).await;
}

/// The receiver hears of users' and administrators' doings, in their order, each signed; while it is away
/// nothing is lost and nothing overtakes, and it is told again under the same id.
///
/// spec: EVL-01, CORE-25
#[tokio::test]
async fn a_webhook_is_told_at_least_once_and_in_order() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    server.user_with("r", "alice", "account", &[]).await;
    let receiver = Receiver::start().await;
    let hook = admin
        .post(
            "/r/components",
            webhook(&receiver.url, json!({"adminEvents": ["true"]})),
        )
        .await
        .is(201)
        .id();
    log_in(&server, "alice").await;
    assert_eq!(deliver(&server.services).await.unwrap(), 0, "not named yet");
    let listeners = json!({"eventsListeners": ["webhook"]});
    admin.put("/r/events/config", listeners).await.is(204);
    deliver(&server.services).await.unwrap();
    receiver.heard();

    receiver.answers(503);
    log_in(&server, "alice").await;
    log_in(&server, "wrong").await;
    admin
        .post("/r/roles", json!({"name": "later"}))
        .await
        .is(201);
    assert_eq!(deliver(&server.services).await.unwrap(), 1);
    assert_eq!(deliver(&server.services).await.unwrap(), 0, "not at once");
    let refused = receiver.heard();
    assert_eq!(refused.len(), 1);
    receiver.answers(200);
    server.services.clock.advance(11);
    assert_eq!(deliver(&server.services).await.unwrap(), 3);
    let told = receiver.heard();
    assert_eq!(told[0].0, refused[0].0, "the same id");
    let types: Vec<_> = told.iter().map(|(_, m)| m["type"].clone()).collect();
    assert_eq!(
        types,
        ["user.LOGIN", "user.LOGIN_ERROR", "admin.REALM_ROLE.CREATE"]
    );
    let (_, login) = &told[0];
    assert_eq!(login["data"]["realmName"], "r");
    assert_eq!(login["data"]["details"]["username"], "alice");
    assert!(login["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(told[1].1["data"]["error"], "invalid_user_credentials");
    assert_eq!(told[2].1["data"]["resourcePath"], "roles/later");
    assert_eq!(deliver(&server.services).await.unwrap(), 0);

    // Nobody is told after the webhook is gone.
    log_in(&server, "alice").await;
    admin.delete(&format!("/r/components/{hook}")).await.is(204);
    deliver(&server.services).await.unwrap();
    assert_eq!(receiver.heard().len(), 0);
    assert_eq!(deliver(&server.services).await.unwrap(), 0);
}

/// A webhook can ask for some types only; what it is given is checked, and its secret not shown.
#[tokio::test]
async fn a_webhook_says_what_it_wants_to_hear() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    server.user_with("r", "alice", "account", &[]).await;
    let receiver = Receiver::start().await;
    for (config, text) in [
        (json!({"url": []}), "config.url"),
        (json!({"url": ["ftp://example.test"]}), "config.url"),
        (json!({"url": ["http://192.0.2.1/hook"]}), "config.url"),
        (json!({"secret": ["short"]}), "config.secret"),
        (json!({"eventTypes": ["NOPE"]}), "config.eventTypes"),
    ] {
        let refused = admin
            .post("/r/components", webhook(&receiver.url, config))
            .await
            .is(400);
        assert!(refused.text.contains(text), "{}", refused.text);
        assert!(!refused.text.contains("short"));
    }
    let hook = webhook(&receiver.url, json!({"eventTypes": ["LOGIN_ERROR"]}));
    let id = admin.post("/r/components", hook).await.is(201).id();
    let shown = admin.get(&format!("/r/components/{id}")).await.is(200);
    assert!(!shown.text.contains("whsec_"), "{}", shown.text);
    // What was shown can be sent back.
    admin
        .put(&format!("/r/components/{id}"), shown.body)
        .await
        .is(204);
    let listeners = json!({"eventsListeners": ["webhook"]});
    admin.put("/r/events/config", listeners).await.is(204);
    log_in(&server, "alice").await;
    log_in(&server, "wrong").await;
    admin.post("/r/roles", json!({"name": "x"})).await.is(201);
    deliver(&server.services).await.unwrap();
    let told = receiver.heard();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].1["type"], "user.LOGIN_ERROR");
}
