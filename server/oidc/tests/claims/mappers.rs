//! Protocol mappers, one by one and together.

use realmkeep_store::roles::Holder;
use realmkeep_store::{Batch, Store, Touch};
use serde_json::{Value, json};

use crate::support::{Server, claims};
use crate::{access, add_app, id, introspect, login, mapper, server_with, userinfo};

/// Each switch is for one place; a claim is nowhere else.
///
/// spec: MAP-04, MAP-05
#[tokio::test]
async fn switches_decide_where_a_claim_is() {
    let switch = |claim: &str, on: &str| {
        let mut config = json!({
            "claim.name": claim, "user.attribute": "level", "jsonType.label": "long",
            "id.token.claim": "false", "access.token.claim": "false",
            "userinfo.token.claim": "false", "introspection.token.claim": "false",
        });
        config[on] = json!("true");
        mapper(claim, "oidc-usermodel-attribute-mapper", config)
    };
    let server = server_with(json!({"protocolMappers": [
        switch("in_id", "id.token.claim"), switch("in_access", "access.token.claim"),
        switch("in_userinfo", "userinfo.token.claim"),
        switch("in_introspection", "introspection.token.claim"),
        mapper("aud", "oidc-audience-mapper", json!({
            "included.client.audience": "app", "access.token.claim": "true",
        })),
    ]}))
    .await;
    add_app(&server, "plain", json!({})).await;
    let tokens = login(&server, "app", "openid").await;
    let places = [
        ("in_id", id(&tokens)),
        ("in_access", access(&tokens)),
        ("in_userinfo", userinfo(&server, &tokens).await),
        (
            "in_introspection",
            introspect(&server, "app", tokens.text("access_token")).await,
        ),
    ];
    for (claim, _) in &places {
        for (place, found) in &places {
            let expected = if claim == place {
                json!(7)
            } else {
                Value::Null
            };
            assert_eq!(found[*claim], expected, "{claim} in {place}");
        }
    }
    // Another client has what its scopes give it, and nothing of these.
    let other = access(&login(&server, "plain", "openid").await);
    assert_eq!(other["preferred_username"], "alice");
    assert!(other.get("in_access").is_none());
}

/// Texts become the JSON type that is asked for; dots make objects, lists stay lists.
///
/// spec: MAP-03
#[tokio::test]
async fn values_are_typed_and_names_nest() {
    let hardcoded = |name: &str, value: &str, kind: &str| {
        mapper(
            name,
            "oidc-hardcoded-claim-mapper",
            json!({
                "claim.name": name, "claim.value": value, "jsonType.label": kind,
                "access.token.claim": "true", "access.tokenResponse.claim": "true",
            }),
        )
    };
    let attribute = |name: &str, attribute: &str, multivalued: &str| {
        mapper(
            name,
            "oidc-usermodel-attribute-mapper",
            json!({
                "claim.name": name, "user.attribute": attribute, "multivalued": multivalued,
                "access.token.claim": "true",
            }),
        )
    };
    let server = server_with(json!({"protocolMappers": [
        hardcoded("a.int", "5", "int"), hardcoded("a.long", "5000000000", "long"),
        hardcoded("a.bool", "true", "boolean"), hardcoded("a.json", "{\"x\":[1]}", "JSON"),
        hardcoded("a.text", "5", "String"), hardcoded("a.wrong", "x", "int"),
        hardcoded("a\\.b", "dotted", "String"), hardcoded("access_token", "stolen", "String"),
        hardcoded("iss", "https://evil.test", "String"), hardcoded("exp", "1", "long"),
        attribute("one", "tags", "false"), attribute("all", "tags", "true"),
        mapper("groups", "oidc-group-membership-mapper", json!({
            "claim.name": "groups", "full.path": "true", "access.token.claim": "true",
        })),
        mapper("name", "oidc-full-name-mapper", json!({"access.token.claim": "true"})),
        mapper("state", "oidc-session-state-mapper", json!({"access.token.claim": "true"})),
    ]}))
    .await;
    let tokens = login(&server, "app", "openid").await;
    let token = access(&tokens);
    assert_eq!(
        token["a"],
        json!({"int": 5, "long": 5_000_000_000_i64, "bool": true, "json": {"x": [1]}, "text": "5"})
    );
    assert_eq!(token["a.b"], "dotted");
    assert_eq!(token["one"], "a");
    assert_eq!(token["all"], json!(["a", "b"]));
    assert_eq!(token["groups"], json!([]));
    assert_eq!(token["name"], "Alice Test");
    assert_eq!(token["session_state"], token["sid"]);
    assert_eq!(token["iss"], server.issuer());
    assert!(token["exp"].as_i64().unwrap() > 1_000);
    // Beside the tokens stands what asks for it, and the tokens stay what they are.
    assert_eq!(tokens.body["a"]["int"], 5);
    assert_ne!(tokens.body["access_token"], "stolen");
}

/// A renamed role is written under its new name, an added one makes its client an audience: mappers
/// run by their kind's priority, however they are listed.
///
/// spec: MAP-01, MAP-06, AUD-03
#[tokio::test]
async fn roles_are_added_and_renamed_before_they_are_written() {
    let server = server_with(json!({"protocolMappers": [
        mapper("roles", "oidc-usermodel-realm-role-mapper", json!({
            "claim.name": "roles", "access.token.claim": "true", "multivalued": "true",
            "usermodel.realmRoleMapping.rolePrefix": "r:",
        })),
        mapper("hard", "oidc-hardcoded-role-mapper", json!({"role": "service.reader"})),
        mapper("rename", "oidc-role-name-mapper", json!({"role": "offline_access", "new.role.name": "off"})),
        mapper("move", "oidc-role-name-mapper", json!({"role": "uma_authorization", "new.role.name": "other.uma"})),
    ]}))
    .await;
    let service = server.add_client(json!({"clientId": "service"})).await;
    for (client_id, scopes) in [("linked", json!(["reading"])), ("apart", json!([]))] {
        let given = json!({"fullScopeAllowed": false, "optionalClientScopes": scopes});
        add_app(&server, client_id, given).await;
    }
    let realm = server.realm().await;
    let role: realmkeep_representations::RoleRepresentation = serde_json::from_value(json!({
        "id": "0-reader", "name": "reader", "clientRole": true, "containerId": service.id,
    }))
    .unwrap();
    let mut batch = Batch::new();
    batch.push(server.services.store.insert(&realm.id, &role).unwrap());
    batch.touch(Touch::Realm(realm.id.clone()));
    server.services.store.commit(batch).await.unwrap();

    let token = access(&login(&server, "app", "openid").await);
    let roles = token["roles"].as_array().unwrap();
    assert!(roles.contains(&json!("r:off")), "{token}");
    assert!(!roles.contains(&json!("r:offline_access")));
    assert!(!roles.contains(&json!("r:uma_authorization")));
    assert_eq!(
        token["resource_access"]["service"]["roles"],
        json!(["reader"])
    );
    assert_eq!(token["resource_access"]["other"]["roles"], json!(["uma"]));
    let audience = token["aud"].as_array().unwrap();
    assert!(audience.contains(&json!("service")), "{token}");
}

/// A service account's tokens say which client it is and where from; a session's notes come when a
/// mapper asks for them.
///
/// spec: MAP-07, MAP-08, MAP-09
#[tokio::test]
async fn notes_become_claims() {
    let note = |note: &str, claim: &str| {
        mapper(
            claim,
            "oidc-usersessionmodel-note-mapper",
            json!({
                "user.session.note": note, "claim.name": claim, "access.token.claim": "true",
            }),
        )
    };
    let server = server_with(json!({
        "serviceAccountsEnabled": true,
        "protocolMappers": [note("IMPERSONATOR_ID", "impersonator.id"), note("IMPERSONATOR_USERNAME", "impersonator.username")],
    }))
    .await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
    ];
    let token = access(&server.token(&form).await);
    assert_eq!(token["client_id"], "app");
    assert_eq!(token["clientAddress"], "127.0.0.1");
    assert_eq!(token["clientHost"], "127.0.0.1");

    let tokens = login(&server, "app", "openid").await;
    assert!(access(&tokens).get("impersonator").is_none());
    let realm = server.realm().await;
    let sid = access(&tokens)["sid"].as_str().unwrap().to_owned();
    let store = &server.services.store;
    let session = store.find_session(&realm.id, &sid).await.unwrap().unwrap();
    let mut detail = session.detail;
    detail
        .notes
        .insert("IMPERSONATOR_ID".to_owned(), "42".to_owned());
    detail
        .notes
        .insert("IMPERSONATOR_USERNAME".to_owned(), "root".to_owned());
    let mut batch = Batch::new();
    batch.push(Store::update_session_detail(&realm.id, &sid, &detail).unwrap());
    store.commit(batch).await.unwrap();
    let refreshed = refresh(&server, tokens.text("refresh_token")).await;
    assert_eq!(
        refreshed["impersonator"],
        json!({"id": "42", "username": "root"})
    );
}

/// The claims of a refreshed access token.
async fn refresh(server: &Server, token: &str) -> Value {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("refresh_token", token),
    ];
    access(&server.token(&form).await)
}

/// `sub` comes from a mapper of the scope `basic`: without it access tokens have none, ID tokens do.
///
/// spec: MAP-11, CS-13
#[tokio::test]
async fn the_subject_is_mapped() {
    let server = server_with(json!({})).await;
    add_app(&server, "bare", json!({"defaultClientScopes": []})).await;
    let tokens = login(&server, "app", "openid").await;
    let user = access(&tokens)["sub"].as_str().unwrap().to_owned();
    assert_eq!(id(&tokens)["sub"], user.as_str());
    let bare = login(&server, "bare", "openid").await;
    assert!(access(&bare).get("sub").is_none());
    assert_eq!(id(&bare)["sub"], user.as_str());
    assert_eq!(userinfo(&server, &bare).await["sub"], user.as_str());
}

/// Clients of one host know a user by the same pseudonym, of another by another one, and none of
/// their tokens has the user's id.
///
/// spec: MAP-12
#[tokio::test]
async fn pairwise_subjects_replace_the_id_everywhere() {
    let pairwise = |salt: &str| {
        json!([mapper(
            "p",
            "oidc-sha256-pairwise-sub-mapper",
            json!({"pairwiseSubAlgorithmSalt": salt})
        )])
    };
    let server = server_with(json!({"protocolMappers": pairwise("salt")})).await;
    let same =
        json!({"protocolMappers": pairwise("salt"), "redirectUris": ["https://app.test/other"]});
    add_app(&server, "same", same).await;
    let far = json!({"protocolMappers": pairwise("salt"), "redirectUris": ["https://far.test/cb"]});
    add_app(&server, "far", far).await;
    add_app(
        &server,
        "salted",
        json!({"protocolMappers": pairwise("other")}),
    )
    .await;
    add_app(&server, "plain", json!({})).await;
    let user = id(&login(&server, "plain", "openid").await)["sub"].clone();

    let tokens = login(&server, "app", "openid").await;
    let sub = access(&tokens)["sub"].clone();
    assert!(sub.is_string());
    assert_ne!(sub, user);
    assert_eq!(id(&tokens)["sub"], sub);
    assert_eq!(userinfo(&server, &tokens).await["sub"], sub);
    for token in ["access_token", "id_token", "refresh_token"] {
        let text = claims(tokens.text(token)).to_string();
        assert!(!text.contains(user.as_str().unwrap()), "{token}: {text}");
    }
    assert_eq!(
        refresh(&server, tokens.text("refresh_token")).await["sub"],
        sub
    );
    assert_eq!(access(&login(&server, "same", "openid").await)["sub"], sub);
    assert_ne!(access(&login(&server, "far", "openid").await)["sub"], sub);
    assert_ne!(
        access(&login(&server, "salted", "openid").await)["sub"],
        sub
    );
}

/// Audiences by hand: on the client always, on an optional scope when it is asked for; in access
/// tokens alone unless the mapper says otherwise, and the ID token's own is the client.
///
/// spec: AUD-02, AUD-08, AUD-09, AUD-11
#[tokio::test]
async fn audiences_are_added_by_mappers() {
    let audience = |key: &str, value: &str| {
        mapper(
            "aud",
            "oidc-audience-mapper",
            json!({key: value, "access.token.claim": "true"}),
        )
    };
    let server = server_with(json!({
        "protocolMappers": [audience("included.custom.audience", "https://api.test/")],
        "optionalClientScopes": ["good-service"],
    }))
    .await;
    let realm = server.realm().await;
    let scope: realmkeep_representations::ClientScopeRepresentation =
        serde_json::from_value(json!({
            "id": "0-good", "name": "good-service", "protocol": "openid-connect",
            "protocolMappers": [audience("included.client.audience", "good-service")],
        }))
        .unwrap();
    let mut batch = Batch::new();
    batch.push(server.services.store.insert(&realm.id, &scope).unwrap());
    batch.touch(Touch::Realm(realm.id.clone()));
    server.services.store.commit(batch).await.unwrap();
    let has = |token: &Value, name: &str| match &token["aud"] {
        Value::String(one) => one == name,
        Value::Array(all) => all.contains(&json!(name)),
        _ => false,
    };
    let tokens = login(&server, "app", "openid").await;
    assert!(has(&access(&tokens), "https://api.test/"));
    assert!(!has(&access(&tokens), "good-service"));
    assert_eq!(id(&tokens)["aud"], "app");
    let tokens = login(&server, "app", "openid good-service").await;
    assert!(has(&access(&tokens), "good-service"));
    assert!(has(&access(&tokens), "https://api.test/"));
    assert_eq!(id(&tokens)["aud"], "app");
}

/// With the scope `roles`, clients whose roles the user has are the audience, the asking client is
/// not; role scope mappings of an optional scope let a role, and its client, in when it is asked for,
/// for all clients that are linked to it.
///
/// spec: AUD-04, AUD-06, AUD-07, RSM-01, RSM-03, RSM-04, CS-25
#[tokio::test]
async fn audiences_follow_the_roles_that_may_be_seen() {
    let server = server_with(json!({
        "fullScopeAllowed": false, "optionalClientScopes": ["reading"],
    }))
    .await;
    let service = server.add_client(json!({"clientId": "service"})).await;
    for (client_id, scopes) in [("linked", json!(["reading"])), ("apart", json!([]))] {
        let given = json!({"fullScopeAllowed": false, "optionalClientScopes": scopes});
        add_app(&server, client_id, given).await;
    }
    let realm = server.realm().await;
    let store = &server.services.store;
    let app = store.client(&realm, "app").await.unwrap().unwrap();
    let role = |id: &str, name: &str, container: &Option<String>| {
        let role: realmkeep_representations::RoleRepresentation = serde_json::from_value(json!({
            "id": id, "name": name, "clientRole": true, "containerId": container,
        }))
        .unwrap();
        role
    };
    let scope: realmkeep_representations::ClientScopeRepresentation =
        serde_json::from_value(json!({
            "id": "0-reading", "name": "reading", "protocol": "openid-connect",
        }))
        .unwrap();
    let user = id(&login(&server, "app", "openid").await)["sub"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut batch = Batch::new();
    batch.push(
        store
            .insert(&realm.id, &role("0-reader", "reader", &service.id))
            .unwrap(),
    );
    batch.push(
        store
            .insert(&realm.id, &role("0-own", "own", &app.representation.id))
            .unwrap(),
    );
    batch.push(store.insert(&realm.id, &scope).unwrap());
    batch.push(Store::grant_role(Holder::Scope, "0-reading", "0-reader"));
    batch.push(Store::grant_role(Holder::User, &user, "0-reader"));
    batch.push(Store::grant_role(Holder::User, &user, "0-own"));
    batch.touch(Touch::Realm(realm.id.clone()));
    store.commit(batch).await.unwrap();

    let token = access(&login(&server, "app", "openid").await);
    assert_eq!(
        token["resource_access"],
        json!({"app": {"roles": ["own"]}}),
        "{token}"
    );
    assert!(token.get("aud").is_none(), "{token}");
    assert!(token.get("realm_access").is_none(), "{token}");
    let token = access(&login(&server, "app", "openid reading").await);
    assert_eq!(
        token["resource_access"]["service"]["roles"],
        json!(["reader"])
    );
    assert_eq!(token["aud"], "service");
    let token = access(&login(&server, "linked", "openid reading").await);
    assert_eq!(
        token["resource_access"],
        json!({"service": {"roles": ["reader"]}})
    );
    for client_id in ["linked", "apart"] {
        let token = access(&login(&server, client_id, "openid").await);
        assert!(token.get("resource_access").is_none(), "{token}");
    }
    // It is changed at one place.
    let mut batch = Batch::new();
    batch.push(Store::revoke_role(Holder::Scope, "0-reading", "0-reader"));
    batch.touch(Touch::Realm(realm.id.clone()));
    store.commit(batch).await.unwrap();
    for client_id in ["app", "linked"] {
        let token = access(&login(&server, client_id, "openid reading").await);
        assert!(token["resource_access"].get("service").is_none(), "{token}");
    }
    // With full scope everything the user has is there.
    server
        .change_client("app", |c| c.full_scope_allowed = Some(true))
        .await;
    let token = access(&login(&server, "app", "openid").await);
    assert_eq!(
        token["resource_access"]["service"]["roles"],
        json!(["reader"])
    );
    assert!(token["realm_access"]["roles"].as_array().unwrap().len() > 1);
    assert!(!token["aud"].as_array().unwrap().contains(&json!("app")));
}

/// What serverinfo offers: every kind with its settings, and each has a switch for what it can fill.
#[tokio::test]
async fn every_kind_of_mapper_is_listed_with_its_settings() {
    let types = realmkeep_oidc::protocol_mapper_types();
    let listed = &types["openid-connect"];
    let names: Vec<&str> = listed.iter().map(|t| t.id.as_deref().unwrap()).collect();
    for id in [
        "oidc-acr-mapper",
        "oidc-address-mapper",
        "oidc-allowed-origins-mapper",
        "oidc-amr-mapper",
        "oidc-audience-mapper",
        "oidc-audience-resolve-mapper",
        "oidc-claims-param-token-mapper",
        "oidc-claims-param-value-idtoken-mapper",
        "oidc-full-name-mapper",
        "oidc-group-membership-mapper",
        "oidc-hardcoded-claim-mapper",
        "oidc-hardcoded-role-mapper",
        "oidc-nonce-backwards-compatible-mapper",
        "oidc-role-name-mapper",
        "oidc-session-state-mapper",
        "oidc-sha256-pairwise-sub-mapper",
        "oidc-sub-mapper",
        "oidc-usermodel-attribute-mapper",
        "oidc-usermodel-client-role-mapper",
        "oidc-usermodel-property-mapper",
        "oidc-usermodel-realm-role-mapper",
        "oidc-usersessionmodel-note-mapper",
    ] {
        assert!(names.contains(&id), "{id}");
    }
    let attribute = listed
        .iter()
        .find(|t| t.id.as_deref() == Some("oidc-usermodel-attribute-mapper"));
    let properties = attribute.unwrap().properties.as_ref().unwrap();
    let properties: Vec<&str> = properties
        .iter()
        .map(|p| p.name.as_deref().unwrap())
        .collect();
    assert_eq!(
        properties,
        [
            "user.attribute",
            "claim.name",
            "jsonType.label",
            "id.token.claim",
            "access.token.claim",
            "lightweight.claim",
            "userinfo.token.claim",
            "introspection.token.claim",
            "multivalued",
            "aggregate.attrs",
        ]
    );
}
