//! Client-initiated backchannel authentication.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use realmkeep_jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::support::{Answer, Server, claims};
use crate::{CONF, fill, form, next, refresh};

const GRANT: &str = "urn:openid:params:grant-type:ciba";

/// The trusted entity and the client's notification endpoint: they note what they are sent.
#[derive(Clone, Default)]
struct World {
    delegated: Arc<Mutex<Vec<(String, Value)>>>,
    notified: Arc<Mutex<Vec<(String, Value)>>>,
    refuse: Arc<Mutex<bool>>,
}

fn bearer(headers: &HeaderMap) -> String {
    let value = headers["authorization"].to_str().unwrap();
    value.strip_prefix("Bearer ").unwrap().to_owned()
}

impl World {
    async fn start() -> (Self, String) {
        let world = Self::default();
        let app = Router::new()
            .route("/channel", post(Self::channel))
            .route("/notify", post(Self::notify))
            .with_state(world.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (world, base)
    }

    async fn channel(
        State(world): State<Self>,
        headers: HeaderMap,
        Json(body): Json<Value>,
    ) -> StatusCode {
        world
            .delegated
            .lock()
            .unwrap()
            .push((bearer(&headers), body));
        if *world.refuse.lock().unwrap() {
            return StatusCode::FORBIDDEN;
        }
        StatusCode::CREATED
    }

    async fn notify(
        State(world): State<Self>,
        headers: HeaderMap,
        Json(body): Json<Value>,
    ) -> StatusCode {
        world
            .notified
            .lock()
            .unwrap()
            .push((bearer(&headers), body));
        StatusCode::NO_CONTENT
    }

    fn last_token(&self) -> String {
        self.delegated.lock().unwrap().last().unwrap().0.clone()
    }
}

async fn start() -> (Server, World, String) {
    let (world, base) = World::start().await;
    let channel = format!("{base}/channel");
    let server = Server::start_with(|realm| {
        let attributes = realm.attributes.get_or_insert_default();
        attributes.insert("cibaHttpAuthenticationChannelUri".into(), channel);
    })
    .await;
    fill(&server, json!({})).await;
    (server, world, base)
}

async fn begin(server: &Server, more: &[(&str, &str)]) -> Answer {
    let own = [("scope", "openid"), ("login_hint", "alice")];
    server
        .post("ext/ciba/auth", &form(&[&own, more, &CONF]))
        .await
}

async fn callback(server: &Server, token: &str, body: &Value) -> Answer {
    let request = server
        .http
        .post(server.url("ext/ciba/auth/callback"))
        .bearer_auth(token)
        .json(body);
    Answer::read(request.send().await.unwrap()).await
}

async fn poll(server: &Server, auth_req_id: &str) -> Answer {
    let own = [("grant_type", GRANT), ("auth_req_id", auth_req_id)];
    server.token(&form(&[&own, &CONF])).await
}

/// The client asks, the entity is told who is meant and for what, the user consents there, the client
/// polls and gets tokens.
///
/// spec: OIDC-18, OC-23, OEP-08, OEP-12, CIBA-02, CIBA-03, CIBA-04, CIBA-06, CIBA-08, CIBA-09, CIBA-10, CIBA-11, CIBA-12
#[tokio::test]
async fn a_user_consents_elsewhere() {
    let (server, world, _) = start().await;
    let begun = begin(
        &server,
        &[("binding_message", "W4SCT"), ("acr_values", "2")],
    )
    .await;
    assert_eq!(begun.status, 200, "{begun:?}");
    assert_eq!(begun.body["expires_in"], 120);
    assert_eq!(begun.body["interval"], 5);
    let id = begun.text("auth_req_id");
    let (_, told) = world.delegated.lock().unwrap().last().unwrap().clone();
    assert_eq!(told["login_hint"], "alice");
    assert!(
        told["scope"].as_str().unwrap().starts_with("openid"),
        "{told}"
    );
    assert_eq!(told["is_consent_required"], false);
    assert_eq!(told["binding_message"], "W4SCT");
    assert_eq!(told["acr_values"], "2");
    let pending = poll(&server, id).await;
    assert_eq!(pending.body["error"], "authorization_pending");
    assert_eq!(poll(&server, id).await.body["error"], "slow_down");

    let token = world.last_token();
    let answer = callback(&server, &token, &json!({"status": "SUCCEED"})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // It is said once.
    let again = callback(&server, &token, &json!({"status": "CANCELLED"})).await;
    assert_eq!(again.status, 400, "{again:?}");
    let tokens = poll(&server, id).await;
    let access = claims(tokens.granted()["access_token"].as_str().unwrap());
    assert_eq!(access["preferred_username"], "alice");
    assert!(claims(tokens.text("id_token"))["auth_time"].is_number());
    refresh(&server, &next(&tokens)).await.granted();
    poll(&server, id)
        .await
        .refused(400, "invalid_grant", "Invalid Auth Req ID");
}

/// Refusals of the user and of the entity; requests that are wrong.
///
/// spec: CIBA-02, CIBA-04, CIBA-10
#[tokio::test]
async fn consents_that_are_not_given() {
    let (server, world, _) = start().await;
    for status in ["UNAUTHORIZED", "CANCELLED"] {
        let begun = begin(&server, &[]).await;
        let id = begun.text("auth_req_id");
        let answer = callback(&server, &world.last_token(), &json!({"status": status})).await;
        assert_eq!(answer.status, 200);
        assert_eq!(poll(&server, id).await.body["error"], "access_denied");
    }
    let begun = begin(&server, &[("requested_expiry", "30")]).await;
    assert_eq!(begun.body["expires_in"], 30);
    let id = begun.text("auth_req_id");
    let token = world.last_token();
    for wrong in [json!({"status": "YES"}), json!({}), json!([])] {
        assert_eq!(callback(&server, &token, &wrong).await.status, 400);
    }
    let access = crate::password(&server, "openid").await;
    for other in [
        "x",
        access.text("access_token"),
        access.text("refresh_token"),
    ] {
        let answer = callback(&server, other, &json!({"status": "SUCCEED"})).await;
        assert_eq!(answer.status, 403, "{other}");
    }
    server.services.clock.advance(30);
    let late = callback(&server, &token, &json!({"status": "SUCCEED"})).await;
    assert_eq!(late.status, 403);
    assert_eq!(poll(&server, id).await.body["error"], "expired_token");

    // The entity does not accept.
    *world.refuse.lock().unwrap() = true;
    begin(&server, &[])
        .await
        .refused(503, "server_error", "Failed to send authentication request");
    *world.refuse.lock().unwrap() = false;

    let post = async |parameters: &[(&str, &str)]| {
        let answer = server
            .post("ext/ciba/auth", &form(&[parameters, &CONF]))
            .await;
        assert_eq!(answer.status, 400, "{parameters:?}");
        answer.text("error").to_owned()
    };
    let scope = ("scope", "openid");
    let hint = ("login_hint", "alice");
    assert_eq!(post(&[hint]).await, "invalid_request");
    assert_eq!(post(&[hint, ("scope", "profile")]).await, "invalid_scope");
    assert_eq!(post(&[scope]).await, "invalid_request");
    assert_eq!(
        post(&[scope, ("id_token_hint", "x")]).await,
        "invalid_request"
    );
    assert_eq!(
        post(&[scope, ("login_hint_token", "x")]).await,
        "invalid_request"
    );
    assert_eq!(
        post(&[scope, ("login_hint", "nobody")]).await,
        "unknown_user_id"
    );
    let message = |text| [scope, hint, ("binding_message", text)];
    assert_eq!(post(&message("<script>")).await, "invalid_binding_message");
    let long = "x".repeat(51);
    assert_eq!(post(&message(&long)).await, "invalid_binding_message");
    let expiry = |text| [scope, hint, ("requested_expiry", text)];
    for wrong in ["0", "-1", "x"] {
        assert_eq!(post(&expiry(wrong)).await, "invalid_request");
    }
    // A client that may not.
    server
        .change_client("conf", |client| client.attributes = None)
        .await;
    let refused = "Client not allowed OIDC CIBA Grant";
    begin(&server, &[])
        .await
        .refused(400, "unauthorized_client", refused);
    poll(&server, "x")
        .await
        .refused(400, "unauthorized_client", refused);
}

/// A client may be told that its user answered, instead of asking again and again.
///
/// spec: CIBA-01
#[tokio::test]
async fn a_client_is_notified() {
    let (server, world, base) = start().await;
    let endpoint = format!("{base}/notify");
    server
        .change_client("conf", |client| {
            let attributes = client.attributes.as_mut().unwrap();
            for (name, value) in [
                ("ciba.backchannel.token.delivery.mode", "ping"),
                ("ciba.backchannel.client.notification.endpoint", &endpoint),
            ] {
                attributes.insert(name.to_owned(), value.to_owned());
            }
        })
        .await;
    for missing in [None, Some(("client_notification_token", "with space"))] {
        let more: Vec<(&str, &str)> = missing.into_iter().collect();
        begin(&server, &more).await.refused(
            400,
            "invalid_request",
            "Missing or invalid client_notification_token",
        );
    }
    let begun = begin(&server, &[("client_notification_token", "ours-1")]).await;
    let id = begun.text("auth_req_id").to_owned();
    callback(&server, &world.last_token(), &json!({"status": "SUCCEED"})).await;
    for _ in 0..200 {
        if !world.notified.lock().unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let told = world.notified.lock().unwrap().clone();
    assert_eq!(
        told,
        vec![("ours-1".to_owned(), json!({"auth_req_id": id}))]
    );
    poll(&server, &id).await.granted();
    // Tokens are never pushed.
    server
        .change_client("conf", |client| {
            let attributes = client.attributes.as_mut().unwrap();
            let name = "ciba.backchannel.token.delivery.mode";
            attributes.insert(name.to_owned(), "push".to_owned());
        })
        .await;
    let answer = begin(&server, &[]).await;
    assert_eq!(answer.body["error"], "invalid_request");
}

/// A request may be signed, and of some clients has to be (CIBA Core section 7.1.1).
#[tokio::test]
async fn requests_may_be_signed() {
    let (server, world, _) = start().await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwks = json!({"keys": [key.public_jwk().unwrap()]}).to_string();
    server
        .change_client("conf", |client| {
            let attributes = client.attributes.as_mut().unwrap();
            for (name, value) in [
                ("ciba.backchannel.auth.request.signing.alg", "ES256"),
                ("use.jwks.string", "true"),
                ("jwks.string", &jwks),
            ] {
                attributes.insert(name.to_owned(), value.to_owned());
            }
        })
        .await;
    begin(&server, &[]).await.refused(
        400,
        "invalid_request",
        "The client has to send a signed authentication request",
    );
    let now = server.services.clock.now();
    let good = || {
        json!({
            "iss": "conf", "aud": server.issuer(), "iat": now, "nbf": now, "exp": now + 60,
            "jti": uuid::Uuid::new_v4().to_string(),
            "scope": "openid", "login_hint": "alice", "binding_message": "signed",
        })
    };
    let send = async |request: String| {
        // What stands outside does not count.
        let own = [("request", request.as_str()), ("login_hint", "nobody")];
        server.post("ext/ciba/auth", &form(&[&own, &CONF])).await
    };
    let once = key.sign("JWT", &good()).unwrap();
    assert_eq!(send(once.clone()).await.status, 200);
    send(once).await.refused(
        400,
        "invalid_request",
        "The signed authentication request was used before",
    );
    let answer = send(key.sign("JWT", &good()).unwrap()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let (_, told) = world.delegated.lock().unwrap().last().unwrap().clone();
    assert_eq!(told["binding_message"], "signed");
    for (name, value) in [
        ("iss", json!("other")),
        ("aud", json!("https://other.test")),
        ("exp", json!(now - 60)),
        ("exp", json!(now + 86_400)),
        ("nbf", json!(now + 600)),
        ("jti", Value::Null),
        ("nbf", Value::Null),
    ] {
        let mut claims = good();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
        let answer = send(key.sign("JWT", &claims).unwrap()).await;
        assert_eq!(answer.status, 400, "{name} {value}");
    }
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    assert_eq!(send(other.sign("JWT", &good()).unwrap()).await.status, 400);
    assert_eq!(send("x".to_owned()).await.status, 400);
}

/// What a user allowed elsewhere is remembered, so that the tokens can be renewed.
#[tokio::test]
async fn consent_given_elsewhere_is_remembered() {
    let (server, world, _) = start().await;
    server
        .change_client("conf", |client| client.consent_required = Some(true))
        .await;
    let begun = begin(&server, &[]).await;
    let (_, told) = world.delegated.lock().unwrap().last().unwrap().clone();
    assert_eq!(told["is_consent_required"], true);
    let token = world.last_token();
    let answer = callback(&server, &token, &json!({"status": "SUCCEED"})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let tokens = poll(&server, begun.text("auth_req_id")).await;
    tokens.granted();
    let renewed = refresh(&server, &next(&tokens)).await;
    renewed.granted();
}

/// Limits of sessions are those of flows, and a consent that is given elsewhere runs none.
///
/// spec: SLIM-11
#[tokio::test]
async fn limits_of_sessions_do_not_apply() {
    let (server, world, _) = start().await;
    server
        .change_realm(|realm| {
            let limit = json!({
                "authenticator": "user-session-limits", "requirement": "REQUIRED",
                "priority": 90, "authenticatorConfig": "limits",
            });
            for flow in realm.authentication_flows.iter_mut().flatten() {
                if matches!(flow.alias.as_deref(), Some("direct grant" | "browser")) {
                    let executions = flow.authentication_executions.get_or_insert_default();
                    executions.push(serde_json::from_value(limit.clone()).unwrap());
                }
            }
            let config = json!({"id": "c", "alias": "limits", "config": {
                "userRealmLimit": "1", "userClientLimit": "0", "behavior": "Deny new session"}});
            let all = realm.authenticator_config.get_or_insert_default();
            all.push(serde_json::from_value(config).unwrap());
        })
        .await;
    crate::password(&server, "openid").await.granted();
    assert_ne!(crate::password(&server, "openid").await.status, 200);
    for _ in 0..2 {
        let begun = begin(&server, &[]).await;
        let succeed = json!({"status": "SUCCEED"});
        callback(&server, &world.last_token(), &succeed).await;
        poll(&server, begun.text("auth_req_id")).await.granted();
    }
}
