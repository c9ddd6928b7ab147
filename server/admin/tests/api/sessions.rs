//! Sessions of a realm: seen, ended; and what is told to applications.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use realmkeep_jose::{JwkSet, KeySet, UnverifiedJwt, Verified, verify};
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Server};

/// An application that writes down what it is told: the path and the body.
struct Application {
    base: String,
    told: Arc<Mutex<Vec<(String, String)>>>,
}

impl Application {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let told: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let own = Arc::clone(&told);
        let app = Router::new().route(
            "/{*path}",
            post(async move |uri: http::Uri, body: String| {
                own.lock().unwrap().push((uri.path().to_owned(), body));
                http::StatusCode::NO_CONTENT
            }),
        );
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { base, told }
    }

    /// Takes what it was told, once that is so much, by path.
    async fn told(&self, count: usize) -> Vec<(String, String)> {
        for _ in 0..200 {
            if self.told.lock().unwrap().len() >= count {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let mut told = std::mem::take(&mut *self.told.lock().unwrap());
        assert_eq!(told.len(), count, "{told:?}");
        told.sort();
        told
    }
}

/// What the realm publishes now verifies the token.
async fn verified(server: &Server, token: &str) -> Option<Verified> {
    let certs = "/realms/r/protocol/openid-connect/certs";
    let certs = server.stranger().get(certs).await.is(200).body;
    let keys = KeySet::from_jwks(&serde_json::from_value::<JwkSet>(certs).unwrap());
    let jwt = UnverifiedJwt::parse(token).unwrap();
    let key = keys.find(jwt.unverified_kid(), jwt.unverified_algorithm());
    key.ok().and_then(|key| verify(&jwt, key).ok())
}

/// A realm with the user `alice`; her id.
async fn realm_with_alice(admin: &Caller<'_>) -> String {
    admin.new_realm("r").await;
    let user = json!({
        "username": "alice", "enabled": true, "email": "alice@example.test", "emailVerified": true,
        "firstName": "Alice", "lastName": "Test", "credentials": [{"type": "password", "value": "pw"}],
    });
    admin.post("/r/users", user).await.is(201).id()
}

/// Adds a client that may log users in by password, with what `given` says.
async fn add_client(admin: &Caller<'_>, client_id: &str, given: Value) -> String {
    let mut all = json!({
        "clientId": client_id, "secret": "s3cret", "directAccessGrantsEnabled": true,
        // Who may look into tokens is who they are for.
        "protocolMappers": [{
            "name": "own", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
            "config": {"included.client.audience": client_id, "access.token.claim": "true"},
        }],
    });
    let object = all.as_object_mut().unwrap();
    object.extend(given.as_object().unwrap().clone());
    admin.post("/r/clients", all).await.is(201).id()
}

async fn login(server: &Server, client_id: &str, scope: &str) -> Answer {
    let form = [
        ("grant_type", "password"),
        ("client_id", client_id),
        ("client_secret", "s3cret"),
        ("username", "alice"),
        ("password", "pw"),
        ("scope", scope),
    ];
    server.token("r", &form).await.is(200)
}

async fn refresh(server: &Server, client_id: &str, answer: &Answer) -> Answer {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", client_id),
        ("client_secret", "s3cret"),
        ("refresh_token", text(answer, "refresh_token")),
    ];
    server.token("r", &form).await
}

#[track_caller]
fn text<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.body[name].as_str().expect(&answer.text)
}

/// Whether the realm says that the access token is good.
async fn is_active(server: &Server, client_id: &str, token: &str) -> bool {
    let form = [
        ("client_id", client_id),
        ("client_secret", "s3cret"),
        ("token", token),
    ];
    let path = "/realms/r/protocol/openid-connect/token/introspect";
    server.post_form(path, &form).await.is(200).body["active"] == true
}

/// Who is signed in where: counted by client, listed by user, client and realm, with the address that
/// they came from.
///
/// spec: SESS-02, SESS-03, SESS-07
#[tokio::test]
async fn it_is_seen_who_is_signed_in_where() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let alice = realm_with_alice(&admin).await;
    let one = add_client(&admin, "one", json!({})).await;
    let two = add_client(&admin, "two", json!({})).await;
    for client_id in ["one", "one", "two"] {
        login(&server, client_id, "openid").await;
    }
    login(&server, "two", "openid offline_access").await;

    let stats = admin.get("/r/client-session-stats").await.is(200).body;
    let of = |client: &str| {
        let all = stats.as_array().unwrap();
        let found = all.iter().find(|s| s["clientId"] == client).unwrap();
        (found["active"].clone(), found["offline"].clone())
    };
    assert_eq!(of("one"), (json!("2"), json!("0")));
    assert_eq!(of("two"), (json!("1"), json!("1")));

    let sessions = admin.get(&format!("/r/users/{alice}/sessions")).await;
    let sessions = sessions.is(200).body;
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    for session in sessions {
        assert_eq!(session["username"], "alice");
        assert_eq!(session["ipAddress"], "127.0.0.1");
        assert!(session["start"].as_i64().unwrap() > 1_600_000_000_000);
    }
    let visited = |id: &str, name: &str| {
        let with = sessions.iter().filter(|s| s["clients"][id] == name);
        with.count()
    };
    assert_eq!((visited(&one, "one"), visited(&two, "two")), (2, 1));

    let path = "/r/ui-ext/sessions?first=0&max=10";
    let all = admin.get(path).await.is(200).body;
    assert_eq!(all.as_array().unwrap().len(), 4);
    for (query, count) in [
        ("type=REGULAR", 3),
        ("type=OFFLINE", 1),
        ("search=ALI", 4),
        ("search=nobody", 0),
    ] {
        let found = admin.get(&format!("{path}&{query}")).await.is(200).body;
        assert_eq!(found.as_array().unwrap().len(), count, "{query}");
    }
    // Those that have ended are not there any more.
    server.services.clock.advance(86_400);
    let admin = server.admin().await;
    let left = admin.get(path).await.is(200).body;
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["type"], "OFFLINE");
}

/// What is set counts at once, for tokens and for sessions that are there already.
///
/// spec: SESS-06
#[tokio::test]
async fn timeouts_are_set_by_administrators() {
    let server = Server::start().await;
    let admin = server.admin().await;
    realm_with_alice(&admin).await;
    add_client(&admin, "one", json!({})).await;
    let before = login(&server, "one", "openid").await;
    assert_eq!(before.body["expires_in"], 300);
    assert_eq!(before.body["refresh_expires_in"], 1800);
    let times = json!({"accessTokenLifespan": 77, "ssoSessionIdleTimeout": 600});
    admin.put("/r", times).await.is(204);
    let after = login(&server, "one", "openid").await;
    assert_eq!(after.body["expires_in"], 77);
    assert_eq!(after.body["refresh_expires_in"], 600);
    server.services.clock.advance(78);
    assert!(!is_active(&server, "one", text(&after, "access_token")).await);
    server.services.clock.advance(530);
    for answer in [&before, &after] {
        let refused = refresh(&server, "one", answer).await.is(400);
        assert_eq!(refused.body["error"], "invalid_grant");
    }
}

/// Signing everybody out ends the sessions and tells the applications: by one order to the admin URL,
/// by logout tokens for each session; what takes SAML messages is told nothing. Tokens that are out
/// stay good by signature until they expire, and for those who look for the not-before time, until
/// that is pushed.
///
/// spec: SESS-08, SESS-09, SESS-10
#[tokio::test]
async fn everybody_is_signed_out_and_applications_are_told() {
    let server = Server::start().await;
    let application = Application::start().await;
    let admin = server.admin().await;
    let alice = realm_with_alice(&admin).await;
    let url = |path: &str| format!("{}/{path}", application.base);
    add_client(&admin, "adapter", json!({"adminUrl": url("adapter")})).await;
    let back = json!({"attributes": {
        "backchannel.logout.url": url("back"), "backchannel.logout.session.required": "true",
    }});
    add_client(&admin, "back", back).await;
    let saml = json!({"protocol": "saml", "adminUrl": url("saml"), "protocolMappers": []});
    add_client(&admin, "saml", saml).await;
    add_client(&admin, "quiet", json!({})).await;
    let adapter = login(&server, "adapter", "openid").await;
    let first = login(&server, "back", "openid").await;
    let second = login(&server, "back", "openid").await;
    let offline = login(&server, "quiet", "openid offline_access").await;

    let answer = admin.post("/r/logout-all", json!({})).await.is(200).body;
    assert_eq!(answer, json!({"successRequests": [url("adapter")]}));
    let told = application.told(3).await;
    assert_eq!(told[0].0, "/adapter/k_logout");
    let order = verified(&server, &told[0].1).await.unwrap();
    assert_eq!(order.str("action"), Some("LOGOUT"));
    assert_eq!(order.str("resource"), Some("adapter"));
    let now = server.services.clock.now();
    let not_before = order.claim("notBefore").unwrap().as_i64().unwrap();
    assert!((now - 60..=now).contains(&not_before));
    let mut ended = Vec::new();
    for (path, body) in &told[1..] {
        assert_eq!(path, "/back");
        let token = body.strip_prefix("logout_token=").unwrap();
        let token = verified(&server, token).await.unwrap();
        assert_eq!(token.aud(), ["back"]);
        ended.push(token.str("sid").unwrap().to_owned());
    }
    ended.sort();
    let mut sids = [&first, &second].map(|a| text(a, "session_state").to_owned());
    sids.sort();
    assert_eq!(ended, sids);

    let sessions = format!("/r/users/{alice}/sessions");
    assert_eq!(admin.get(&sessions).await.is(200).body, json!([]));
    for (client_id, answer) in [("adapter", &adapter), ("back", &first), ("back", &second)] {
        let refused = refresh(&server, client_id, answer).await.is(400);
        assert_eq!(refused.body["error"], "invalid_grant");
        // Nobody can take a signature back.
        let token = verified(&server, text(answer, "access_token")).await;
        assert!(token.unwrap().exp().unwrap() > now);
    }
    refresh(&server, "quiet", &offline).await.is(200);

    let not_before = now + 1;
    let realm = json!({"notBefore": not_before});
    admin.put("/r", realm).await.is(204);
    let answer = admin.post("/r/push-revocation", json!({})).await.is(200);
    assert_eq!(answer.body, json!({"successRequests": [url("adapter")]}));
    let told = application.told(1).await;
    assert_eq!(told[0].0, "/adapter/k_push_not_before");
    let order = verified(&server, &told[0].1).await.unwrap();
    assert_eq!(order.claim("notBefore"), Some(&json!(not_before)));
    let token = verified(&server, text(&adapter, "access_token")).await;
    assert!(token.unwrap().iat().unwrap() < not_before);
}

/// The policy is set to now; it counts at the realm's endpoints at once, and is pushed to the clients
/// that have an admin URL and to nobody else: all of them, or one.
///
/// spec: REVOKE-02, REVOKE-03, REVOKE-05, REVOKE-06, SEC-18
#[tokio::test]
async fn what_was_issued_before_now_is_revoked() {
    let server = Server::start().await;
    let application = Application::start().await;
    let admin = server.admin().await;
    realm_with_alice(&admin).await;
    let url = |path: &str| format!("{}/{path}", application.base);
    let one = add_client(&admin, "one", json!({"adminUrl": url("one")})).await;
    let root = json!({"rootUrl": application.base, "adminUrl": "/two"});
    add_client(&admin, "two", root).await;
    let none = add_client(&admin, "none", json!({"rootUrl": application.base})).await;
    let gone = json!({"adminUrl": "http://127.0.0.1:1"});
    add_client(&admin, "gone", gone).await;
    let before = login(&server, "one", "openid").await;
    assert!(is_active(&server, "one", text(&before, "access_token")).await);

    server.services.clock.advance(2);
    let now = server.services.clock.now();
    admin.put("/r", json!({"notBefore": now})).await.is(204);
    assert!(!is_active(&server, "one", text(&before, "access_token")).await);
    refresh(&server, "one", &before).await.is(400);
    let after = login(&server, "one", "openid").await;
    assert!(is_active(&server, "one", text(&after, "access_token")).await);
    assert_eq!(after.body["not-before-policy"], now);

    let pushed = admin.post("/r/push-revocation", json!({})).await.is(200);
    let mut succeeded = pushed.body["successRequests"].as_array().unwrap().clone();
    succeeded.sort_by_key(Value::to_string);
    assert_eq!(succeeded, [json!(url("one")), json!(url("two"))]);
    let failed = &pushed.body["failedRequests"];
    assert_eq!(failed, &json!(["http://127.0.0.1:1"]));
    let told = application.told(2).await;
    for ((path, order), client_id) in told.iter().zip(["one", "two"]) {
        assert_eq!(path, &format!("/{client_id}/k_push_not_before"));
        let order = verified(&server, order).await.unwrap();
        assert_eq!(order.str("resource"), Some(client_id));
        // What the application goes by from now on.
        let not_before = order.claim("notBefore").unwrap().as_i64().unwrap();
        let issued = async |answer: &Answer| {
            let token = verified(&server, text(answer, "access_token")).await;
            token.unwrap().iat().unwrap()
        };
        assert!(issued(&before).await < not_before);
        assert!(issued(&after).await >= not_before);
    }
    for (id, count) in [(&one, 1), (&none, 0)] {
        let path = format!("/r/clients/{id}/push-revocation");
        admin.post(&path, json!({})).await.is(200);
        application.told(count).await;
    }
}

/// A key was stolen: another one is made, the stolen one is gone at once with all that it signed, and
/// applications that are told to look find the new one alone.
///
/// spec: KEYS-26, KEYS-27, SEC-18
#[tokio::test]
async fn a_stolen_key_is_good_for_nothing() {
    let server = Server::start().await;
    let application = Application::start().await;
    let admin = server.admin().await;
    realm_with_alice(&admin).await;
    let url = json!({"adminUrl": application.base});
    add_client(&admin, "one", url).await;
    let before = login(&server, "one", "openid").await;
    let stolen = text(&before, "access_token");
    assert!(verified(&server, stolen).await.is_some());
    let keys = admin.get("/r/keys").await.is(200).body;
    let signed_by = &keys["active"]["RS256"];
    let provider = keys["keys"].as_array().unwrap().iter();
    let provider = provider.clone().find(|k| k["kid"] == *signed_by).unwrap();
    let provider = provider["providerId"].as_str().unwrap().to_owned();

    let fresh = json!({
        "name": "fresh", "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider",
        "config": {"priority": ["200"]},
    });
    admin.post("/r/components", fresh).await.is(201);
    let path = format!("/r/components/{provider}");
    admin.delete(&path).await.is(204);
    server.services.clock.advance(2);
    let now = server.services.clock.now();
    admin.put("/r", json!({"notBefore": now})).await.is(204);
    admin.post("/r/push-revocation", json!({})).await.is(200);

    let told = application.told(1).await;
    let order = verified(&server, &told[0].1).await.unwrap();
    assert_eq!(order.claim("notBefore"), Some(&json!(now)));
    assert!(verified(&server, stolen).await.is_none());
    assert!(!is_active(&server, "one", stolen).await);
    let userinfo = "/realms/r/protocol/openid-connect/userinfo";
    server.bearer(stolen).get(userinfo).await.is(401);
    refresh(&server, "one", &before).await.is(400);
    let after = login(&server, "one", "openid").await;
    let after = text(&after, "access_token");
    assert!(verified(&server, after).await.is_some());
    assert!(is_active(&server, "one", after).await);
}

/// Offline tokens are seen by client, and taken back by an administrator from one user.
///
/// spec: OFFL-12, OFFL-13
#[tokio::test]
async fn offline_tokens_are_seen_and_taken_back() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let alice = realm_with_alice(&admin).await;
    let one = add_client(&admin, "one", json!({})).await;
    let two = add_client(&admin, "two", json!({})).await;
    let scope = "openid offline_access";
    let of_one = [
        login(&server, "one", scope).await,
        login(&server, "one", scope).await,
    ];
    let of_two = login(&server, "two", scope).await;
    let online = login(&server, "one", "openid").await;
    let count = async |id: &str| {
        let path = format!("/r/clients/{id}/offline-session-count");
        admin.get(&path).await.is(200).body["count"].clone()
    };
    assert_eq!((count(&one).await, count(&two).await), (json!(2), json!(1)));
    let listed = admin
        .get(&format!("/r/clients/{one}/offline-sessions"))
        .await;
    assert_eq!(listed.is(200).names("username"), ["alice", "alice"]);
    let of_user = format!("/r/users/{alice}/offline-sessions/{two}");
    assert_eq!(
        admin.get(&of_user).await.is(200).names("username"),
        ["alice"]
    );

    let consents = format!("/r/users/{alice}/consents");
    let granted = admin.get(&consents).await.is(200).body;
    let granted = granted.as_array().unwrap();
    let of = |client_id: &str| granted.iter().find(|g| g["clientId"] == client_id);
    for client_id in ["one", "two"] {
        let grants = &of(client_id).unwrap()["additionalGrants"];
        assert_eq!(grants[0]["key"], "Offline Token");
    }
    admin.delete(&format!("{consents}/one")).await.is(204);
    admin.delete(&format!("{consents}/one")).await.is(404);
    for answer in &of_one {
        let refused = refresh(&server, "one", answer).await.is(400);
        assert_eq!(refused.body["error"], "invalid_grant");
    }
    refresh(&server, "two", &of_two).await.is(200);
    refresh(&server, "one", &online).await.is(200);
    assert_eq!((count(&one).await, count(&two).await), (json!(0), json!(1)));
}

/// Users see which applications hold offline tokens of theirs, and take them back.
///
/// spec: OFFL-11
#[tokio::test]
async fn users_take_offline_tokens_back() {
    let server = Server::start().await;
    let admin = server.admin().await;
    realm_with_alice(&admin).await;
    add_client(&admin, "one", json!({})).await;
    add_client(&admin, "two", json!({})).await;
    let found = admin.get("/r/clients?clientId=account-console").await;
    let console = found.body[0]["id"].as_str().unwrap().to_owned();
    let open = json!({"directAccessGrantsEnabled": true});
    admin
        .put(&format!("/r/clients/{console}"), open)
        .await
        .is(204);
    let scope = "openid offline_access";
    let one = login(&server, "one", scope).await;
    let two = login(&server, "two", scope).await;
    let own = login(&server, "account-console", "openid").await;
    let alice = server.bearer(text(&own, "access_token"));
    let path = "/realms/r/account/applications";
    let holds = async |client_id: &str| {
        let list = alice.get(path).await.is(200).body;
        let all = list.as_array().unwrap();
        let found = all.iter().find(|a| a["clientId"] == client_id);
        found.is_some_and(|a| a["offlineAccess"] == true)
    };
    assert!(holds("one").await && holds("two").await);
    alice.delete(&format!("{path}/one/consent")).await.is(204);
    assert!(!holds("one").await && holds("two").await);
    refresh(&server, "one", &one).await.is(400);
    refresh(&server, "two", &two).await.is(200);
}
