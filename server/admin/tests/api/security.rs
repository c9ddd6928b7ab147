//! Threats to the Admin API and to what it stores.

use reqwest::StatusCode;
use reqwest::header::{COOKIE, ORIGIN};
use serde_json::{Value, json};

use crate::support::Server;

/// A browser that is signed in is nobody to the Admin API and the account API, which the account console
/// works with: both want a token, which another site's page does not have, to read and to change.
///
/// spec: SEC-12, SEC-13
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
    let forged = http
        .post(format!("{}/realms/r/account/", server.base))
        .header(COOKIE, &cookie)
        .header(ORIGIN, "https://evil.test")
        .json(&json!({"username": "alice", "firstName": "Mallory", "lastName": "M", "email": "m@evil.test"}))
        .send()
        .await
        .unwrap();
    assert_eq!(forged.status(), StatusCode::UNAUTHORIZED);
    let alice = admin.get(&format!("/r/users/{id}")).await.is(200).body;
    assert_eq!(alice["firstName"], "A");
}

/// The address of the server is what it is set to: no request makes it say another one, neither in what it
/// publishes nor in the tokens that it signs.
///
/// spec: SEC-02
#[tokio::test]
async fn no_request_names_the_server() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    server.user_with("r", "alice", "account", &[]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let evil = |request: reqwest::RequestBuilder| {
        request
            .header("host", "evil.test")
            .header("x-forwarded-host", "evil.test")
            .header("forwarded", "host=evil.test;proto=https")
    };
    let realm = format!("{}/realms/r", server.base);
    let discovery = format!("{realm}/.well-known/openid-configuration");
    let answer = evil(http.get(&discovery)).send().await.unwrap();
    let text = answer.text().await.unwrap();
    assert!(!text.contains("evil.test"), "{text}");
    let discovery: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(discovery["issuer"], json!(realm));
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "alice"),
        ("password", "alice"),
    ];
    let token = http.post(format!("{realm}/protocol/openid-connect/token"));
    let answer = evil(token).form(&form).send().await.unwrap();
    let tokens: Value = answer.json().await.unwrap();
    let claims = crate::role_claims::payload(tokens["access_token"].as_str().unwrap());
    assert_eq!(claims["iss"], json!(realm));
}

/// Guessing is made hard by what a realm asks of passwords, and by a second factor that a known password does
/// not replace.
///
/// spec: SEC-05
#[tokio::test]
async fn passwords_and_codes_against_guessing() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let policy = json!({"passwordPolicy": "length(12) and notUsername(undefined)"});
    admin.put("/r", policy).await.is(204);
    let user = |password: &str| {
        json!({
            "username": "alice", "enabled": true, "email": "a@example.test", "firstName": "A", "lastName": "B",
            "credentials": [
                {"type": "password", "value": password},
                {
                    "type": "otp",
                    "credentialData": json!({"subType": "totp", "digits": 6, "counter": 0, "period": 30, "algorithm": "HmacSHA1"}).to_string(),
                    "secretData": json!({"value": "DJmQfC73VGFhw7D4QJ8A"}).to_string(),
                },
            ],
        })
    };
    let refused = admin.post("/r/users", user("short")).await.is(400);
    assert_eq!(refused.body["error"], "invalidPasswordMinLengthMessage");
    admin.post("/r/users", user("long-enough-1")).await.is(201);
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "alice"),
        ("password", "long-enough-1"),
    ];
    let refused = server.token("r", &form).await.is(400);
    assert_eq!(refused.body["error"], "invalid_grant");
    let guessed = [&form[..], &[("totp", "000000")]].concat();
    server.token("r", &guessed).await.is(400);
}

/// A policy that asks for PBKDF2 gets it with SHA-512 and as many passes as the guide says, and nothing of the
/// password is kept.
///
/// spec: SEC-27
#[tokio::test]
async fn passwords_are_kept_as_hashes() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let policy = json!({"passwordPolicy": "hashAlgorithm(pbkdf2-sha512)"});
    admin.put("/r", policy).await.is(204);
    server.user_with("r", "alice", "account", &[]).await;
    let found = admin.get("/r/users?username=alice").await.is(200).body;
    let id = found[0]["id"].as_str().unwrap();
    let kept = server.services.store.credentials(id).await.unwrap();
    let data: Value = serde_json::from_str(kept[0].credential_data.as_deref().unwrap()).unwrap();
    assert_eq!(data["algorithm"], "pbkdf2-sha512");
    assert_eq!(data["hashIterations"], 210_000);
    let secret = kept[0].secret_data.as_ref().unwrap().expose();
    assert!(!secret.contains("alice"), "{secret}");
}

/// What was stolen is worth little for long: tokens live as short as the realm says, and an administrator ends
/// all sessions, or all that was issued before now.
///
/// spec: SEC-17
#[tokio::test]
async fn stolen_tokens_are_taken_back() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    admin
        .put("/r", json!({"accessTokenLifespan": 45}))
        .await
        .is(204);
    server.user_with("r", "alice", "account", &[]).await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "alice"),
        ("password", "alice"),
        ("scope", "openid"),
    ];
    let login = async || server.token("r", &form).await.is(200).body;
    let userinfo = async |tokens: &Value| {
        let token = tokens["access_token"].as_str().unwrap().to_owned();
        let path = "/realms/r/protocol/openid-connect/userinfo";
        server.bearer(&token).get(path).await.status.as_u16()
    };
    let stolen = login().await;
    assert_eq!(stolen["expires_in"], 45);
    assert_eq!(userinfo(&stolen).await, 200);
    admin.post("/r/logout-all", json!({})).await.is(200);
    assert_eq!(userinfo(&stolen).await, 401);
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", "admin-cli"),
        ("refresh_token", stolen["refresh_token"].as_str().unwrap()),
    ];
    let refused = server.token("r", &refresh).await.is(400);
    assert_eq!(refused.body["error"], "invalid_grant");
    let stolen = login().await;
    assert_eq!(userinfo(&stolen).await, 200);
    server.services.clock.advance(2);
    let now = server.services.clock.now();
    admin.put("/r", json!({"notBefore": now})).await.is(204);
    assert_eq!(userinfo(&stolen).await, 401);
    assert_eq!(userinfo(&login().await).await, 200);
    // And by themselves, after the time that was set.
    let stolen = login().await;
    server.services.clock.advance(60);
    assert_eq!(userinfo(&stolen).await, 401);
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
