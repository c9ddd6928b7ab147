//! Client scopes: which apply, what they bring, and how long tokens live.

use realmkeep_store::roles::Holder;
use realmkeep_store::{Batch, Store, Touch};
use serde_json::{Value, json};

use crate::support::Server;
use crate::{access, add_app, id, login, mapper, server_with, userinfo};

/// The built-in scopes bring the claims of OpenID Connect Core section 5.4, the default ones always,
/// the optional ones when asked for; some are not shown in `scope`.
///
/// spec: CS-05, CS-06, CS-09, CS-10, CS-11, CS-12, CS-18, CS-19, CS-20, OC-14
#[tokio::test]
async fn built_in_scopes_bring_their_claims() {
    let server = server_with(json!({"webOrigins": ["https://app.test"]})).await;
    let realm = server.realm().await;
    let users = server
        .services
        .store
        .find_user_named(&realm.id, "alice")
        .await;
    let alice = users.unwrap().unwrap();
    server
        .change_user(alice.id.as_deref().unwrap(), |user| {
            let attributes = user.attributes.get_or_insert_default();
            attributes.insert("street".to_owned(), vec!["1 Main St".to_owned()]);
            attributes.insert("country".to_owned(), vec!["NZ".to_owned()]);
        })
        .await;
    let tokens = login(&server, "app", "openid").await;
    let token = access(&tokens);
    assert_eq!(token["scope"], "openid profile email");
    assert_eq!(tokens.text("scope"), "openid profile email");
    assert_eq!(token["allowed-origins"], json!(["https://app.test"]));
    assert!(token["realm_access"]["roles"].is_array());
    for (name, value) in [
        ("preferred_username", json!("alice")),
        ("given_name", json!("Alice")),
        ("family_name", json!("Test")),
        ("name", json!("Alice Test")),
        ("email", json!("alice@example.test")),
        ("email_verified", json!(true)),
    ] {
        assert_eq!(token[name], value, "{name}");
        assert_eq!(id(&tokens)[name], value, "{name}");
        assert_eq!(userinfo(&server, &tokens).await[name], value, "{name}");
    }
    for name in ["phone_number", "address"] {
        assert!(token.get(name).is_none(), "{name}");
    }
    let more = login(&server, "app", "openid phone address").await;
    let token = access(&more);
    assert_eq!(token["phone_number"], "+1 555");
    assert_eq!(
        token["address"],
        json!({"street_address": "1 Main St", "country": "NZ"})
    );
    assert_eq!(token["scope"], "openid profile email phone address");
}

/// `microprofile-jwt`: `upn` and `groups`.
///
/// spec: CS-07
#[tokio::test]
async fn microprofile_claims_come_when_asked_for() {
    let server = server_with(json!({})).await;
    assert!(
        access(&login(&server, "app", "openid").await)
            .get("upn")
            .is_none()
    );
    let token = access(&login(&server, "app", "openid microprofile-jwt").await);
    assert_eq!(token["upn"], "alice");
    let groups = token["groups"].as_array().unwrap();
    assert!(groups.contains(&json!("offline_access")), "{groups:?}");
}

/// One set of mappers for many clients, changed at one place.
///
/// spec: CS-01, CS-15
#[tokio::test]
async fn a_scope_is_shared_and_edited_at_one_place() {
    let server = server_with(json!({})).await;
    add_app(&server, "second", json!({})).await;
    let realm = server.realm().await;
    let store = &server.services.store;
    let mut email = realm.client_scope("email").unwrap().clone();
    let added = mapper(
        "tier",
        "oidc-hardcoded-claim-mapper",
        json!({
            "claim.name": "tier", "claim.value": "gold", "access.token.claim": "true",
        }),
    );
    let mappers = email.protocol_mappers.as_mut().unwrap();
    mappers.retain(|m| m.name.as_deref() != Some("email"));
    mappers.push(serde_json::from_value(added).unwrap());
    let mut batch = Batch::new();
    batch.push(store.update(&realm.id, &email).unwrap());
    batch.touch(Touch::Realm(realm.id.clone()));
    store.commit(batch).await.unwrap();
    for client in ["app", "second"] {
        let token = access(&login(&server, client, "openid").await);
        assert_eq!(token["tier"], "gold");
        assert!(token.get("email").is_none());
    }
}

/// A scope with role mappings is for users who have one of the roles: the others get neither its
/// claims nor its name.
///
/// spec: CS-22, CS-23
#[tokio::test]
async fn a_scope_with_roles_is_for_their_holders() {
    let server = server_with(json!({"optionalClientScopes": ["staff"]})).await;
    let realm = server.realm().await;
    let store = &server.services.store;
    let user = id(&login(&server, "app", "openid").await)["sub"]
        .as_str()
        .unwrap()
        .to_owned();
    let scope: realmkeep_representations::ClientScopeRepresentation =
        serde_json::from_value(json!({
            "id": "0-staff", "name": "staff", "protocol": "openid-connect",
            "attributes": {"include.in.token.scope": "true"},
            "protocolMappers": [mapper("desk", "oidc-hardcoded-claim-mapper", json!({
                "claim.name": "desk", "claim.value": "12", "access.token.claim": "true",
            }))],
        }))
        .unwrap();
    let role = |id: &str, name: &str| -> realmkeep_representations::RoleRepresentation {
        serde_json::from_value(
            json!({"id": id, "name": name, "clientRole": false, "containerId": realm.id}),
        )
        .unwrap()
    };
    let mut batch = Batch::new();
    batch.push(store.insert(&realm.id, &scope).unwrap());
    batch.push(store.insert(&realm.id, &role("0-emp", "employee")).unwrap());
    batch.push(
        store
            .insert(&realm.id, &role("0-all", "everything"))
            .unwrap(),
    );
    batch.push(Store::grant_role(Holder::Role, "0-all", "0-emp"));
    batch.push(Store::grant_role(Holder::Scope, "0-staff", "0-emp"));
    batch.touch(Touch::Realm(realm.id.clone()));
    store.commit(batch).await.unwrap();
    let token = access(&login(&server, "app", "openid staff").await);
    assert!(token.get("desk").is_none(), "{token}");
    assert!(!token["scope"].as_str().unwrap().contains("staff"));
    // A composite counts.
    let mut batch = Batch::new();
    batch.push(Store::grant_role(Holder::User, &user, "0-all"));
    batch.touch(Touch::User(realm.id.clone(), user));
    store.commit(batch).await.unwrap();
    let token = access(&login(&server, "app", "openid staff").await);
    assert_eq!(token["desk"], "12");
    assert!(token["scope"].as_str().unwrap().contains("staff"));
}

/// The realm's lifespans, and the client's own before them.
///
/// spec: TIME-07, TIME-13, TIME-15
#[tokio::test]
async fn lifespans_and_algorithm_are_settings() {
    let server = Server::start_with(|realm| {
        realm.access_token_lifespan = Some(120);
        realm.default_signature_algorithm = Some("ES256".to_owned());
        realm.client_session_idle_timeout = Some(600);
    })
    .await;
    add_app(&server, "app", json!({})).await;
    add_app(
        &server,
        "own",
        json!({"attributes": {
            "access.token.lifespan": "40", "client.session.idle.timeout": "90",
            "access.token.signed.response.alg": "EdDSA",
        }}),
    )
    .await;
    server.add_user("alice", "pw", json!({})).await;
    let lives = |token: &Value| token["exp"].as_i64().unwrap() - token["iat"].as_i64().unwrap();
    let alg = |token: &str| {
        let jwt = realmkeep_jose::UnverifiedJwt::parse(token).unwrap();
        jwt.unverified_algorithm().as_str()
    };
    let tokens = login(&server, "app", "openid").await;
    assert_eq!(lives(&access(&tokens)), 120);
    assert_eq!(tokens.body["expires_in"], 120);
    assert_eq!(tokens.body["refresh_expires_in"], 600);
    assert_eq!(alg(tokens.text("access_token")), "ES256");
    assert_eq!(alg(tokens.text("id_token")), "ES256");
    let tokens = login(&server, "own", "openid").await;
    assert_eq!(lives(&access(&tokens)), 40);
    assert_eq!(tokens.body["refresh_expires_in"], 90);
    assert_eq!(alg(tokens.text("access_token")), "EdDSA");
    assert_eq!(alg(tokens.text("id_token")), "ES256");
}

/// Sessions that are to be remembered have limits of their own, and the other sessions' where the
/// realm sets none.
///
/// spec: TIME-03, TIME-04
#[tokio::test]
async fn remembered_sessions_have_their_own_limits() {
    let server = Server::start_with(|realm| {
        realm.remember_me = Some(true);
        realm.sso_session_idle_timeout = Some(1_000);
        realm.sso_session_max_lifespan = Some(50_000);
        realm.sso_session_idle_timeout_remember_me = Some(7_000);
        realm.sso_session_max_lifespan_remember_me = Some(0);
    })
    .await;
    add_app(&server, "app", json!({})).await;
    server.add_user("alice", "pw", json!({})).await;
    let tokens = login(&server, "app", "openid").await;
    assert_eq!(tokens.body["refresh_expires_in"], 1_000);
    let realm = server.realm().await;
    let store = &server.services.store;
    let sid = access(&tokens)["sid"].as_str().unwrap().to_owned();
    let session = store.find_session(&realm.id, &sid).await.unwrap().unwrap();
    let mut detail = session.detail;
    detail.remember_me = true;
    let mut batch = Batch::new();
    batch.push(Store::update_session_detail(&realm.id, &sid, &detail).unwrap());
    store.commit(batch).await.unwrap();
    let refresh = async || {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("client_secret", "s3cret"),
            ("refresh_token", tokens.text("refresh_token")),
        ];
        let answer = server.token(&form).await;
        answer.granted()["refresh_expires_in"].as_i64().unwrap()
    };
    assert_eq!(refresh().await, 7_000);
    // The end of the session comes first.
    server
        .change_realm(|realm| realm.sso_session_max_lifespan_remember_me = Some(3_000))
        .await;
    let left = refresh().await;
    assert!((2_900..=3_000).contains(&left), "{left}");
    server
        .change_realm(|realm| {
            realm.sso_session_max_lifespan_remember_me = Some(0);
            realm.sso_session_idle_timeout_remember_me = Some(0);
        })
        .await;
    assert_eq!(refresh().await, 1_000);
}

/// A service that checks the audience takes tokens for itself alone; a client that can do nothing
/// else is an audience still.
///
/// spec: AUD-01, AUD-05
#[tokio::test]
async fn services_take_tokens_for_themselves_only() {
    let audience = |client: &str| {
        mapper(
            "aud",
            "oidc-audience-mapper",
            json!({"included.client.audience": client, "access.token.claim": "true"}),
        )
    };
    let server = server_with(json!({"optionalClientScopes": ["first", "second"]})).await;
    for client in ["first", "second"] {
        let service = json!({
            "clientId": client, "secret": "s3cret", "standardFlowEnabled": false,
            "directAccessGrantsEnabled": false, "serviceAccountsEnabled": false,
            "implicitFlowEnabled": false,
        });
        server.add_client(service).await;
        let realm = server.realm().await;
        let scope: realmkeep_representations::ClientScopeRepresentation =
            serde_json::from_value(json!({
                "id": format!("0-{client}"), "name": client, "protocol": "openid-connect",
                "protocolMappers": [audience(client)],
            }))
            .unwrap();
        let mut batch = Batch::new();
        batch.push(server.services.store.insert(&realm.id, &scope).unwrap());
        batch.touch(Touch::Realm(realm.id.clone()));
        server.services.store.commit(batch).await.unwrap();
    }
    let is_active = async |service: &str, token: &str| {
        crate::introspect(&server, service, token).await["active"] == true
    };
    let tokens = login(&server, "app", "openid first").await;
    let token = tokens.text("access_token");
    assert!(is_active("first", token).await);
    assert!(!is_active("second", token).await);
    let tokens = login(&server, "app", "openid second").await;
    let token = tokens.text("access_token");
    assert!(!is_active("first", token).await);
    assert!(is_active("second", token).await);
    // A service gets no token of its own.
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "first"),
        ("client_secret", "s3cret"),
    ];
    assert_eq!(server.token(&form).await.status, 401);
}

/// What was issued before a point in time is good no more: for all, for a client, for a user.
///
/// spec: SCOPE-17
#[tokio::test]
async fn not_before_counts_for_realm_client_and_user() {
    let server = server_with(json!({})).await;
    let later = i32::try_from(server.services.clock.now()).unwrap() + 1_000;
    let tokens = login(&server, "app", "openid").await;
    let user = id(&tokens)["sub"].as_str().unwrap().to_owned();
    let status = async || {
        let token = tokens.text("access_token");
        server.get_with("userinfo", token).await.status.as_u16()
    };
    assert_eq!(status().await, 200);
    server
        .change_realm(|realm| realm.not_before = Some(later))
        .await;
    assert_eq!(status().await, 401);
    server
        .change_realm(|realm| realm.not_before = Some(0))
        .await;
    assert_eq!(status().await, 200);
    server
        .change_client("app", |client| client.not_before = Some(later))
        .await;
    assert_eq!(status().await, 401);
    server
        .change_client("app", |client| client.not_before = Some(0))
        .await;
    assert_eq!(status().await, 200);
    server
        .change_user(&user, |user| user.not_before = Some(later))
        .await;
    assert_eq!(status().await, 401);
}
