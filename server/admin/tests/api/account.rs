//! The account REST API, as the account console uses it.

use serde_json::{Value, json};

use crate::support::{Caller, Server};

/// A realm with the user `alice`, and her token from the account console.
async fn alice(server: &Server) -> (String, Caller<'_>) {
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let user = json!({
        "username": "alice", "enabled": true, "email": "alice@example.test", "emailVerified": true,
        "firstName": "Alice", "lastName": "Test", "credentials": [{"type": "password", "value": "alice"}],
    });
    let id = admin.post("/r/users", user).await.is(201).id();
    let found = admin
        .get("/r/clients?clientId=account-console")
        .await
        .is(200);
    let client = found.body[0]["id"].as_str().unwrap();
    admin
        .put(
            &format!("/r/clients/{client}"),
            json!({"directAccessGrantsEnabled": true}),
        )
        .await
        .is(204);
    (id, token(server, "alice").await)
}

async fn token<'a>(server: &'a Server, name: &str) -> Caller<'a> {
    let form = [
        ("grant_type", "password"),
        ("client_id", "account-console"),
        ("username", name),
        ("password", name),
        ("scope", "openid"),
    ];
    let answer = server.token("r", &form).await.is(200);
    server.bearer(answer.body["access_token"].as_str().unwrap())
}

const ACCOUNT: &str = "/realms/r/account";

/// Personal info is what the user profile lets users see, and is checked by it when it changes.
///
/// spec: ACCUI-01, ACON-02
#[tokio::test]
async fn personal_info() {
    let server = Server::start().await;
    let (id, alice) = alice(&server).await;
    let info = alice.get(&format!("{ACCOUNT}/")).await.is(200).body;
    assert_eq!(info["id"], json!(id));
    assert_eq!(info["username"], "alice");
    assert_eq!(info["firstName"], "Alice");
    let attributes = info["userProfileMetadata"]["attributes"]
        .as_array()
        .unwrap();
    let named = |name: &str| attributes.iter().find(|a| a["name"] == name).unwrap();
    assert_eq!(named("username")["readOnly"], true);
    assert_eq!(named("email")["required"], true);

    let new = json!({"username": "alice", "firstName": "Alicia", "lastName": "Test", "email": "a@example.test"});
    alice.post(&format!("{ACCOUNT}/"), new).await.is(204);
    let admin = server.admin().await;
    let stored = admin.get(&format!("/r/users/{id}")).await.is(200).body;
    assert_eq!(stored["firstName"], "Alicia");
    assert_eq!(stored["emailVerified"], false);

    let bad =
        json!({"username": "alice", "firstName": "", "lastName": "Test", "email": "nonsense"});
    let refused = alice.post(&format!("{ACCOUNT}/"), bad).await.is(400).body;
    let fields: Vec<&str> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].as_str().unwrap())
        .collect();
    assert!(
        fields.contains(&"email") && fields.contains(&"firstName"),
        "{refused}"
    );
    assert_eq!(
        admin.get(&format!("/r/users/{id}")).await.body["email"],
        "a@example.test"
    );

    // What is not the user's to see or change stays away.
    let rights = json!({"username": "alice", "realmRoles": ["admin"], "enabled": false});
    alice.post(&format!("{ACCOUNT}/"), rights).await;
    assert_eq!(
        admin.get(&format!("/r/users/{id}")).await.body["enabled"],
        true
    );
    server.stranger().get(ACCOUNT).await.is(401);
}

/// An added attribute appears in the form, as the profile says.
///
/// spec: ADMUI-16
#[tokio::test]
async fn attributes_of_the_profile_are_in_the_form() {
    let server = Server::start().await;
    let (_, alice) = alice(&server).await;
    let admin = server.admin().await;
    let mut profile = admin.get("/r/users/profile").await.is(200).body;
    profile["attributes"].as_array_mut().unwrap().push(json!({
        "name": "team", "displayName": "Team", "multivalued": false,
        "permissions": {"view": ["admin", "user"], "edit": ["admin", "user"]},
        "validations": {"length": {"max": 5}},
    }));
    admin.put("/r/users/profile", profile).await.is(200);
    let new = |team: &str| {
        json!({
            "username": "alice", "firstName": "A", "lastName": "B", "email": "alice@example.test",
            "attributes": {"team": [team]},
        })
    };
    alice
        .post(&format!("{ACCOUNT}/"), new("blue"))
        .await
        .is(204);
    alice
        .post(&format!("{ACCOUNT}/"), new("ultramarine"))
        .await
        .is(400);
    let info = alice.get(ACCOUNT).await.is(200).body;
    assert_eq!(info["attributes"]["team"], json!(["blue"]));
}

/// Credentials are listed by kind with the actions that set them up; a token alone removes none.
///
/// spec: ACCUI-02, ACON-05, ACON-06
#[tokio::test]
async fn ways_to_sign_in() {
    let server = Server::start().await;
    let (_, alice) = alice(&server).await;
    let kinds = alice
        .get(&format!("{ACCOUNT}/credentials"))
        .await
        .is(200)
        .body;
    let kind = |name: &str| {
        let list = kinds.as_array().unwrap();
        list.iter().find(|k| k["type"] == name).unwrap().clone()
    };
    let password = kind("password");
    assert_eq!(password["updateAction"], "UPDATE_PASSWORD");
    assert_eq!(password["category"], "basic-authentication");
    let own = &password["userCredentialMetadatas"][0]["credential"];
    assert!(own.get("secretData").is_none());
    assert_eq!(kind("otp")["createAction"], "CONFIGURE_TOTP");
    let key = kind("webauthn");
    assert_eq!(key["category"], "two-factor");
    assert_eq!(key["createAction"], "webauthn-register");
    let passkey = kind("webauthn-passwordless");
    assert_eq!(passkey["category"], "passwordless");
    assert_eq!(passkey["createAction"], "webauthn-register-passwordless");
    let id = own["id"].as_str().unwrap();
    alice
        .put(&format!("{ACCOUNT}/credentials/{id}/label"), json!("mine"))
        .await
        .is(204);
    let kinds = alice
        .get(&format!("{ACCOUNT}/credentials?type=password"))
        .await;
    assert_eq!(
        kinds.body[0]["userCredentialMetadatas"][0]["credential"]["userLabel"],
        "mine"
    );
    alice
        .delete(&format!("{ACCOUNT}/credentials/{id}"))
        .await
        .is(400);
    alice
        .delete(&format!("{ACCOUNT}/credentials/nope"))
        .await
        .is(404);
}

/// A user sees and ends their own sessions and nobody else's.
///
/// spec: ACCUI-03, ACON-07
#[tokio::test]
async fn sessions_are_the_users_own() {
    let server = Server::start().await;
    let (_, alice) = alice(&server).await;
    let other = token(&server, "alice").await;
    let admin = server.admin().await;
    let bob = json!({
        "username": "bob", "enabled": true, "email": "bob@example.test", "firstName": "B", "lastName": "B",
        "credentials": [{"type": "password", "value": "bob"}],
    });
    admin.post("/r/users", bob).await.is(201);
    let bob = token(&server, "bob").await;
    let bobs = bob
        .get(&format!("{ACCOUNT}/sessions"))
        .await
        .is(200)
        .names("id");

    let sessions = alice
        .get(&format!("{ACCOUNT}/sessions/devices"))
        .await
        .is(200)
        .body;
    let list = sessions.as_array().unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(list[0]["current"], true);
    assert_eq!(
        list[0]["sessions"][0]["clients"][0]["clientId"],
        "account-console"
    );
    assert_eq!(list[0]["sessions"][0]["ipAddress"], "127.0.0.1");
    alice
        .delete(&format!("{ACCOUNT}/sessions/{}", bobs[0]))
        .await
        .is(404);
    alice.delete(&format!("{ACCOUNT}/sessions")).await.is(204);
    alice.get(ACCOUNT).await.is(200);
    other.get(ACCOUNT).await.is(401);
    bob.get(ACCOUNT).await.is(200);
    let own = alice.get(&format!("{ACCOUNT}/sessions")).await.names("id");
    alice
        .delete(&format!("{ACCOUNT}/sessions/{}", own[0]))
        .await
        .is(204);
    alice.get(ACCOUNT).await.is(401);
}

/// Applications in use are listed; what they were allowed to have is given and taken back.
///
/// spec: ACCUI-04, ACON-09
#[tokio::test]
async fn applications_and_consents() {
    let server = Server::start().await;
    let (user, alice) = alice(&server).await;
    let admin = server.admin().await;
    let client = json!({"clientId": "app", "name": "App", "alwaysDisplayInConsole": true, "baseUrl": "/x", "rootUrl": "https://app.example.test"});
    admin.post("/r/clients", client).await.is(201);
    let list = alice
        .get(&format!("{ACCOUNT}/applications"))
        .await
        .is(200)
        .body;
    let app = |list: &Value| {
        let list = list.as_array().unwrap();
        list.iter().find(|a| a["clientId"] == "app").cloned()
    };
    let shown = app(&list).unwrap();
    assert_eq!(shown["effectiveUrl"], "https://app.example.test/x");
    assert_eq!(shown["inUse"], false);
    assert!(list.as_array().unwrap().iter().any(|a| a["inUse"] == true));

    let scopes = admin.get("/r/client-scopes").await.is(200).body;
    let email = scopes
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["name"] == "email")
        .unwrap()["id"]
        .clone();
    let path = format!("{ACCOUNT}/applications/app/consent");
    assert_eq!(alice.get(&path).await.status, 204);
    alice
        .post(&path, json!({"grantedScopes": [{"id": email}]}))
        .await
        .is(200);
    alice
        .post(&path, json!({"grantedScopes": [{"id": "nope"}]}))
        .await
        .is(400);
    let granted = alice.get(&path).await.is(200).body;
    assert_eq!(granted["grantedScopes"][0]["name"], "email");
    let seen = admin
        .get(&format!("/r/users/{user}/consents"))
        .await
        .is(200)
        .body;
    assert_eq!(seen[0]["clientId"], "app");
    assert_eq!(seen[0]["grantedClientScopes"], json!(["email"]));
    alice.delete(&path).await.is(204);
    assert_eq!(alice.get(&path).await.status, 204);
    assert_eq!(
        admin.get(&format!("/r/users/{user}/consents")).await.body,
        json!([])
    );
}

/// Groups are shown, those above too unless only direct membership is asked for, and only to tokens with
/// the role for it.
///
/// spec: ACON-10, ACON-11
#[tokio::test]
async fn groups_are_shown() {
    let server = Server::start().await;
    let (user, _) = alice(&server).await;
    let admin = server.admin().await;
    let top = admin
        .post("/r/groups", json!({"name": "top"}))
        .await
        .is(201)
        .id();
    let below = admin
        .post(
            &format!("/r/groups/{top}/children"),
            json!({"name": "below"}),
        )
        .await
        .is(201);
    let below = below.body["id"].as_str().unwrap().to_owned();
    admin
        .call(
            reqwest::Method::PUT,
            &format!("/r/users/{user}/groups/{below}"),
            None,
        )
        .await
        .is(204);
    let account = admin.get("/r/clients?clientId=account").await.body[0]["id"].clone();
    let account = account.as_str().unwrap();
    let role = admin
        .get(&format!("/r/clients/{account}/roles/view-groups"))
        .await
        .is(200)
        .body;
    let without = token(&server, "alice").await;
    without.get(&format!("{ACCOUNT}/groups")).await.is(403);
    admin
        .post(
            &format!("/r/users/{user}/role-mappings/clients/{account}"),
            json!([role]),
        )
        .await
        .is(204);
    let alice = token(&server, "alice").await;
    let all = alice.get(&format!("{ACCOUNT}/groups")).await.is(200);
    assert_eq!(all.names("path"), ["/top", "/top/below"]);
    let direct = alice
        .get(&format!("{ACCOUNT}/groups?directMembership=true"))
        .await
        .is(200);
    assert_eq!(direct.names("path"), ["/top/below"]);
}

/// Links to identity providers are listed and ended; languages are those of the realm.
///
/// spec: ACON-08, ACCUI-05
#[tokio::test]
async fn links_and_languages() {
    let server = Server::start().await;
    let (user, alice) = alice(&server).await;
    let admin = server.admin().await;
    let provider =
        json!({"alias": "idp", "providerId": "oidc", "displayName": "Other", "enabled": true});
    admin
        .post("/r/identity-provider/instances", provider)
        .await
        .is(201);
    let linked = alice
        .get(&format!("{ACCOUNT}/linked-accounts"))
        .await
        .is(200)
        .body;
    assert_eq!(linked[0]["connected"], false);
    assert_eq!(linked[0]["displayName"], "Other");
    let at = format!("/r/users/{user}/federated-identity");
    let link = json!({"userId": "42", "userName": "alice.other"});
    admin.post(&format!("{at}/idp"), link.clone()).await.is(204);
    admin.post(&format!("{at}/idp"), link).await.is(409);
    assert_eq!(admin.get(&at).await.is(200).body[0]["userId"], "42");
    let found = admin
        .get("/r/users?idpAlias=idp&idpUserId=42")
        .await
        .is(200);
    assert_eq!(found.names("username"), ["alice"]);
    let linked = alice
        .get(&format!("{ACCOUNT}/linked-accounts?linked=true"))
        .await
        .is(200)
        .body;
    assert_eq!(linked[0]["linkedUsername"], "alice.other");
    let path = format!("{ACCOUNT}/linked-accounts/idp");
    alice.delete(&path).await.is(204);
    alice.delete(&path).await.is(404);
    assert_eq!(admin.get(&at).await.body, json!([]));

    let locales = format!("{ACCOUNT}/supportedLocales");
    assert_eq!(alice.get(&locales).await.is(200).body, json!([]));
    let on = json!({"internationalizationEnabled": true, "supportedLocales": ["de", "en"]});
    admin.put("/r", on).await.is(204);
    assert_eq!(alice.get(&locales).await.body, json!(["de", "en"]));
}
