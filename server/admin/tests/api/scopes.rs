//! Clients and client scopes as an administrator makes them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Server};

fn claims(answer: &Answer, name: &str) -> Value {
    let token = answer.body[name].as_str().expect(&answer.text);
    let claims = token.split('.').nth(1).unwrap();
    let claims = realmkeep_jose::from_base64url(claims).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

/// Tokens of the client `c`, by its secret: its own, or alice's by password.
async fn tokens(server: &Server, grant: &str, scope: &str) -> Answer {
    let form = [
        ("grant_type", grant),
        ("client_id", "c"),
        ("client_secret", "s3cret"),
        ("username", "alice"),
        ("password", "pw"),
        ("scope", scope),
    ];
    server.token("r", &form).await
}

/// A realm with the user `alice` and the client `c`; the ids of both.
async fn realm(admin: &Caller<'_>) -> (String, String) {
    admin.new_realm("r").await;
    let user = json!({
        "username": "alice", "enabled": true, "email": "alice@example.test", "emailVerified": true,
        "firstName": "Alice", "lastName": "Test", "credentials": [{"type": "password", "value": "pw"}],
    });
    let user = admin.post("/r/users", user).await.is(201).id();
    let client = json!({
        "clientId": "c", "secret": "s3cret", "directAccessGrantsEnabled": true,
        "serviceAccountsEnabled": true,
    });
    (user, admin.post("/r/clients", client).await.is(201).id())
}

async fn scope_id(admin: &Caller<'_>, name: &str) -> String {
    let all = admin.get("/r/client-scopes").await.is(200).body;
    let all = all.as_array().unwrap();
    let found = all.iter().find(|s| s["name"] == name).unwrap();
    found["id"].as_str().unwrap().to_owned()
}

/// A client is made from its clientId and its name, for OpenID Connect unless something else is said;
/// its settings are there to be changed, and a login works.
///
/// spec: OC-01
#[tokio::test]
async fn a_client_is_made() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let given =
        json!({"clientId": "shop", "name": "The shop", "redirectUris": ["https://shop.test/*"]});
    let id = admin.post("/r/clients", given).await.is(201).id();
    let made = admin.get(&format!("/r/clients/{id}")).await.is(200).body;
    assert_eq!(made["protocol"], "openid-connect");
    assert_eq!(
        (&made["clientId"], &made["name"]),
        (&json!("shop"), &json!("The shop"))
    );
    assert_eq!(
        (&made["enabled"], &made["standardFlowEnabled"]),
        (&json!(true), &json!(true))
    );
    let login = "/realms/r/protocol/openid-connect/auth?client_id=shop&response_type=code&scope=openid&redirect_uri=https%3A%2F%2Fshop.test%2Fcb";
    let page = server.stranger().get(login).await.is(200);
    assert!(page.text.contains("kc-form-login"), "{}", page.text);
    let again = json!({"clientId": "shop"});
    admin.post("/r/clients", again).await.is(409);
    let changed = json!({"enabled": false});
    admin
        .put(&format!("/r/clients/{id}"), changed)
        .await
        .is(204);
    server.stranger().get(login).await.is(400);
}

/// Ways for clients to authenticate are listed; the one that is chosen counts from then on, and the
/// secret is the first.
///
/// spec: CCRED-01
#[tokio::test]
async fn a_client_authenticates_in_the_way_that_is_chosen() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let (_, client) = realm(&admin).await;
    let path = format!("/r/clients/{client}");
    let listed = admin
        .get("/r/authentication/client-authenticator-providers")
        .await
        .is(200)
        .names("id");
    for id in [
        "client-secret",
        "client-jwt",
        "client-secret-jwt",
        "client-x509",
    ] {
        assert!(listed.contains(&id.to_owned()), "{id}: {listed:?}");
    }
    let chosen = admin.get(&path).await.is(200).body;
    assert_eq!(chosen["clientAuthenticatorType"], "client-secret");
    let own = async || {
        tokens(&server, "client_credentials", "openid")
            .await
            .status
            .as_u16()
    };
    assert_eq!(own().await, 200);
    for id in ["client-jwt", "client-secret-jwt", "client-x509"] {
        let other = json!({"clientAuthenticatorType": id});
        admin.put(&path, other).await.is(204);
        assert_ne!(own().await, 200, "{id}");
    }
    let back = json!({"clientAuthenticatorType": "client-secret"});
    admin.put(&path, back).await.is(204);
    assert_eq!(own().await, 200);
}

/// Roles are given to a service account as to any user, and are in its tokens.
///
/// spec: SA-02
#[tokio::test]
async fn roles_are_given_to_service_accounts() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let (_, client) = realm(&admin).await;
    let account = admin
        .get(&format!("/r/clients/{client}/service-account-user"))
        .await;
    let account = account.is(200).body["id"].as_str().unwrap().to_owned();
    admin
        .post("/r/roles", json!({"name": "machine"}))
        .await
        .is(201);
    let roles = format!("/r/clients/{client}/roles");
    admin.post(&roles, json!({"name": "own"})).await.is(201);
    let before = tokens(&server, "client_credentials", "openid")
        .await
        .is(200);
    let before = claims(&before, "access_token");
    assert!(!before.to_string().contains("machine") && !before.to_string().contains("\"own\""));

    let mappings = format!("/r/users/{account}/role-mappings");
    let role = admin.get("/r/roles/machine").await.is(200).body;
    let of_realm = format!("{mappings}/realm");
    admin.post(&of_realm, json!([role])).await.is(204);
    let own = admin.get(&format!("{roles}/own")).await.is(200).body;
    let of_client = format!("{mappings}/clients/{client}");
    admin.post(&of_client, json!([own])).await.is(204);
    let after = tokens(&server, "client_credentials", "openid")
        .await
        .is(200);
    let after = claims(&after, "access_token");
    let has = |list: &Value, name: &str| list.as_array().unwrap().contains(&json!(name));
    assert!(has(&after["realm_access"]["roles"], "machine"), "{after}");
    assert!(
        has(&after["resource_access"]["c"]["roles"], "own"),
        "{after}"
    );
    admin
        .call(Method::DELETE, &of_realm, Some(json!([role])))
        .await
        .is(204);
    let gone = tokens(&server, "client_credentials", "openid")
        .await
        .is(200);
    let gone = claims(&gone, "access_token");
    assert!(!has(&gone["realm_access"]["roles"], "machine"), "{gone}");
}

/// A scope is made with a name, and gets mappers and roles; clients that are linked to it have what it
/// brings.
///
/// spec: CS-02
#[tokio::test]
async fn a_scope_is_made() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let (_, client) = realm(&admin).await;
    let scope = json!({"name": "desk", "protocol": "openid-connect"});
    let scope = admin.post("/r/client-scopes", scope).await.is(201).id();
    let path = format!("/r/client-scopes/{scope}");
    let mapper = json!({
        "name": "desk", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
        "config": {"claim.name": "desk", "claim.value": "12", "access.token.claim": "true"},
    });
    admin
        .post(&format!("{path}/protocol-mappers/models"), mapper)
        .await
        .is(201);
    let refused = tokens(&server, "password", "openid desk").await.is(400);
    assert_eq!(refused.body["error"], "invalid_scope");
    let link = format!("/r/clients/{client}/optional-client-scopes/{scope}");
    admin.call(Method::PUT, &link, None).await.is(204);
    let without = tokens(&server, "password", "openid").await.is(200);
    assert!(claims(&without, "access_token").get("desk").is_none());
    let with = tokens(&server, "password", "openid desk").await.is(200);
    assert_eq!(claims(&with, "access_token")["desk"], "12");
    // With a role, it is for who has the role.
    admin
        .post("/r/roles", json!({"name": "clerk"}))
        .await
        .is(201);
    let role = admin.get("/r/roles/clerk").await.is(200).body;
    admin
        .post(&format!("{path}/scope-mappings/realm"), json!([role]))
        .await
        .is(204);
    let without = tokens(&server, "password", "openid desk").await.is(200);
    assert!(claims(&without, "access_token").get("desk").is_none());
    let again = json!({"name": "desk", "protocol": "openid-connect"});
    admin.post("/r/client-scopes", again).await.is(409);
}

/// A scope is for one protocol, and for clients of that: others are not linked to it, when they are
/// made or later. `role_list` is the one for roles in SAML.
///
/// spec: CS-03, CS-04
#[tokio::test]
async fn a_scope_is_for_one_protocol() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let (_, client) = realm(&admin).await;
    let list = scope_id(&admin, "role_list").await;
    let found = admin
        .get(&format!("/r/client-scopes/{list}"))
        .await
        .is(200)
        .body;
    assert_eq!(found["protocol"], "saml");
    let mappers = found["protocolMappers"].as_array().unwrap();
    assert_eq!(mappers.len(), 1);
    assert_eq!(mappers[0]["protocolMapper"], "saml-role-list-mapper");
    let email = scope_id(&admin, "email").await;

    let saml = json!({"clientId": "urn:saml", "protocol": "saml"});
    let saml = admin.post("/r/clients", saml).await.is(201).id();
    let linked = async |id: &str, kind: &str| {
        let path = format!("/r/clients/{id}/{kind}-client-scopes");
        admin.get(&path).await.is(200).names("name")
    };
    assert!(
        linked(&saml, "default")
            .await
            .contains(&"role_list".to_owned())
    );
    for (id, foreign) in [(&saml, "email"), (&client, "role_list")] {
        let scope = if foreign == "email" { &email } else { &list };
        for kind in ["default", "optional"] {
            assert!(!linked(id, kind).await.contains(&foreign.to_owned()));
            let link = format!("/r/clients/{id}/{kind}-client-scopes/{scope}");
            admin.call(Method::PUT, &link, None).await.is(204);
            assert!(!linked(id, kind).await.contains(&foreign.to_owned()));
        }
    }
    let refused = tokens(&server, "password", "openid role_list")
        .await
        .is(400);
    assert_eq!(refused.body["error"], "invalid_scope");
    let nope = json!({"name": "x", "protocol": "nope"});
    admin.post("/r/client-scopes", nope).await.is(400);
}

/// `offline_access` is there, optional, and what makes a refresh token an offline token; a client that
/// is not linked to it gets none.
///
/// spec: CS-08
#[tokio::test]
async fn offline_access_is_a_scope() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let (_, client) = realm(&admin).await;
    let scope = scope_id(&admin, "offline_access").await;
    let optional = format!("/r/clients/{client}/optional-client-scopes");
    let linked = admin.get(&optional).await.is(200).names("name");
    assert!(linked.contains(&"offline_access".to_owned()));
    for (asked, kind) in [("openid", "Refresh"), ("openid offline_access", "Offline")] {
        let answer = tokens(&server, "password", asked).await.is(200);
        assert_eq!(claims(&answer, "refresh_token")["typ"], kind);
    }
    admin.delete(&format!("{optional}/{scope}")).await.is(204);
    let refused = tokens(&server, "password", "openid offline_access")
        .await
        .is(400);
    assert_eq!(refused.body["error"], "invalid_scope");
}

/// What a request with these scopes would come to for a user: mappers, roles, and the tokens, which
/// are those that a login gets.
///
/// spec: CS-21
#[tokio::test]
async fn scopes_are_evaluated() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let (user, client) = realm(&admin).await;
    let path = format!("/r/clients/{client}/evaluate-scopes");
    let mappers = async |scope: &str| {
        let path = format!("{path}/protocol-mappers?scope={scope}");
        admin.get(&path).await.is(200).names("mapperName")
    };
    assert!(!mappers("openid").await.contains(&"address".to_owned()));
    assert!(
        mappers("openid%20address")
            .await
            .contains(&"address".to_owned())
    );
    let example = async |kind: &str, scope: &str| {
        let path = format!("{path}/generate-example-{kind}?userId={user}&scope={scope}");
        admin.get(&path).await.is(200).body
    };
    for asked in ["openid", "openid phone microprofile-jwt"] {
        let real = tokens(&server, "password", asked).await.is(200);
        let query = asked.replace(' ', "%20");
        for (kind, name) in [("access-token", "access_token"), ("id-token", "id_token")] {
            let mut example = example(kind, &query).await;
            let mut real = claims(&real, name);
            // What is different each time.
            for claims in [&mut example, &mut real] {
                let claims = claims.as_object_mut().unwrap();
                claims.retain(|name, _| {
                    !["exp", "iat", "jti", "sid", "auth_time", "at_hash", "acr"]
                        .contains(&name.as_str())
                });
            }
            assert_eq!(example, real, "{kind} {asked}");
        }
        let userinfo = example("userinfo", &query).await;
        assert_eq!(userinfo["preferred_username"], "alice");
        assert_eq!(
            userinfo.get("upn").is_some(),
            asked.contains("microprofile")
        );
    }
    let unknown = format!("{path}/generate-example-access-token?userId={user}&scope=nope");
    admin.get(&unknown).await.is(400);
}
