//! What belongs to clients besides their settings.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Server;

/// Roles that a client's tokens may carry: all of them, until full scope is switched off; then those of the
/// client, of its scopes, and those that were mapped to it.
///
/// spec: RSM-02, RSM-03, ADMUI-39
#[tokio::test]
async fn roles_in_tokens_are_evaluated() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    admin
        .post("/r/roles", json!({"name": "extra"}))
        .await
        .is(201);
    let id = admin
        .post("/r/clients", json!({"clientId": "c"}))
        .await
        .is(201)
        .id();
    let path = format!("/r/clients/{id}");
    let granted = async |kind: &str| {
        let at = format!("{path}/evaluate-scopes/scope-mappings/r/{kind}?scope=openid");
        admin.get(&at).await.is(200).names("name")
    };
    assert!(granted("granted").await.contains(&"extra".to_owned()));
    assert!(granted("not-granted").await.is_empty());
    admin
        .put(&path, json!({"fullScopeAllowed": false}))
        .await
        .is(204);
    assert!(granted("granted").await.is_empty());
    assert!(granted("not-granted").await.contains(&"extra".to_owned()));
    let role = admin.get("/r/roles/extra").await.is(200).body;
    admin
        .post(&format!("{path}/scope-mappings/realm"), json!([role]))
        .await
        .is(204);
    assert_eq!(granted("granted").await, ["extra"]);
    let mappers = admin
        .get(&format!(
            "{path}/evaluate-scopes/protocol-mappers?scope=openid"
        ))
        .await
        .is(200)
        .body;
    let of_email = mappers.as_array().unwrap().iter().find(|m| {
        m["protocolMapper"] == "oidc-usermodel-attribute-mapper" && m["containerName"] == "email"
    });
    assert_eq!(of_email.unwrap()["containerType"], "client-scope");
    admin
        .get(&format!(
            "{path}/evaluate-scopes/protocol-mappers?scope=nope"
        ))
        .await
        .is(400);
}

/// A key that is made for a client is handed out once; certificates and key sets are taken and checked.
#[tokio::test]
async fn certificates_of_clients() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let id = admin
        .post("/r/clients", json!({"clientId": "c"}))
        .await
        .is(201)
        .id();
    let path = format!("/r/clients/{id}/certificates/jwt.credential");
    assert_eq!(admin.get(&path).await.is(200).body, json!({}));
    let made = admin
        .post(&format!("{path}/generate"), json!({}))
        .await
        .is(200)
        .body;
    assert!(made["privateKey"].as_str().unwrap().len() > 1_000);
    let shown = admin.get(&path).await.is(200);
    assert_eq!(shown.body["certificate"], made["certificate"]);
    assert!(shown.body.get("privateKey").is_none());
    let whole = admin.get(&format!("/r/clients/{id}")).await.is(200).text;
    assert!(!whole.contains(made["privateKey"].as_str().unwrap()));

    let upload = async |format: &str, content: &str| {
        let form = reqwest_form(format, content);
        admin
            .form(&format!("{path}/upload-certificate"), form)
            .await
    };
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        made["certificate"].as_str().unwrap()
    );
    let taken = upload("Certificate PEM", &pem).await.is(200).body;
    assert_eq!(taken["certificate"], made["certificate"]);
    upload("Certificate PEM", "nonsense").await.is(400);
    upload("JSON Web Key Set", "{}").await.is(400);
    let set = upload("JSON Web Key Set", "{\"keys\":[]}")
        .await
        .is(200)
        .body;
    assert_eq!(set["jwks"], "{\"keys\":[]}");
    upload("JKS", "x").await.is(501);
    upload("Other", "x").await.is(400);
    let unknown = format!("/r/clients/{id}/certificates/nope");
    admin.get(&unknown).await.is(404);
}

fn reqwest_form(format: &str, content: &str) -> (String, String) {
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"keystoreFormat\"\r\n\r\n{format}\r\n\
         --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n{content}\r\n--b--\r\n"
    );
    ("multipart/form-data; boundary=b".to_owned(), body)
}

/// Nodes, installation files, earlier secrets and registration tokens of a client.
#[tokio::test]
async fn what_clients_have_besides() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let client = json!({"clientId": "c", "secret": "canary-secret"});
    let id = admin.post("/r/clients", client).await.is(201).id();
    let path = format!("/r/clients/{id}");
    admin
        .post(&format!("{path}/nodes"), json!({"node": "host-1"}))
        .await
        .is(204);
    let nodes = admin.get(&path).await.is(200).body["registeredNodes"].clone();
    assert!(nodes["host-1"].as_i64().unwrap() > 1_600_000_000);
    admin.delete(&format!("{path}/nodes/host-1")).await.is(204);
    admin.delete(&format!("{path}/nodes/host-1")).await.is(404);

    let file = format!("{path}/installation/providers/keycloak-oidc-keycloak-json");
    let installed = admin.get(&file).await.is(200).body;
    assert_eq!(installed["resource"], "c");
    assert_eq!(
        installed["auth-server-url"],
        json!(format!("{}/", server.base))
    );
    assert_eq!(installed["credentials"]["secret"], "canary-secret");
    let viewer = server
        .user_with("r", "viewer", "realm-management", &["view-clients"])
        .await;
    assert!(!viewer.get(&file).await.is(200).text.contains("canary"));
    admin
        .get(&format!("{path}/installation/providers/nope"))
        .await
        .is(404);
    admin
        .get(&format!("{path}/client-secret/rotated"))
        .await
        .is(404);

    let token = admin
        .post(&format!("{path}/registration-access-token"), json!({}))
        .await
        .is(200)
        .body;
    assert!(
        token["registrationAccessToken"]
            .as_str()
            .unwrap()
            .split('.')
            .count()
            == 3
    );
    let made = json!({"count": 2, "expiration": 60});
    let made = admin
        .post("/r/clients-initial-access", made)
        .await
        .is(201)
        .body;
    assert!(made["token"].as_str().unwrap().split('.').count() == 3);
    assert_eq!(
        (&made["count"], &made["remainingCount"]),
        (&json!(2), &json!(2))
    );
    let listed = admin.get("/r/clients-initial-access").await.is(200).body;
    assert_eq!(listed[0]["id"], made["id"]);
    assert!(listed[0].get("token").is_none());
    let at = format!("/r/clients-initial-access/{}", made["id"].as_str().unwrap());
    admin.delete(&at).await.is(204);
    admin.delete(&at).await.is(404);
    admin
        .post("/r/clients-initial-access", json!({"count": 0}))
        .await
        .is(400);

    let described = admin
        .post(
            "/r/client-description-converter",
            json!({"client_name": "App", "redirect_uris": ["https://a.example.test/cb"], "token_endpoint_auth_method": "none"}),
        )
        .await
        .is(200)
        .body;
    assert_eq!(described["name"], "App");
    assert_eq!(described["publicClient"], true);
}

/// A secret is made for a client that needs one, and another one when it is asked for: then the old one
/// is good for nothing.
///
/// spec: CCRED-02, CCRED-03
#[tokio::test]
async fn secrets_are_made_and_made_anew() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let client = json!({"clientId": "c", "serviceAccountsEnabled": true});
    let id = admin.post("/r/clients", client).await.is(201).id();
    let path = format!("/r/clients/{id}/client-secret");
    let first = admin.get(&path).await.is(200).body;
    assert_eq!(first["type"], "secret");
    let first = first["value"].as_str().unwrap().to_owned();
    assert!(first.len() >= 32);
    assert_eq!(authenticates(&server, &first).await, 200);
    let made = admin.post(&path, json!({})).await.is(200).body;
    let second = made["value"].as_str().unwrap();
    assert_ne!(first, second);
    assert_eq!(admin.get(&path).await.body, made);
    assert_eq!(authenticates(&server, second).await, 200);
    assert_eq!(authenticates(&server, &first).await, 401);
    let other = json!({"clientId": "d", "serviceAccountsEnabled": true});
    let other = admin.post("/r/clients", other).await.is(201).id();
    let other = admin
        .get(&format!("/r/clients/{other}/client-secret"))
        .await;
    assert_ne!(other.body["value"], made["value"]);
    let public = json!({"clientId": "p", "publicClient": true});
    let public = admin.post("/r/clients", public).await.is(201).id();
    let path = format!("/r/clients/{public}/client-secret");
    assert!(admin.get(&path).await.is(200).body.get("value").is_none());
    admin.post(&path, json!({})).await.is(400);
}

/// The status of a service account's login of the client `c`.
async fn authenticates(server: &Server, secret: &str) -> u16 {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "c"),
        ("client_secret", secret),
    ];
    server.token("r", &form).await.status.as_u16()
}

/// By the rules in the client's attributes a secret ends, and the one before it is good for a while
/// after a rotation, which comes when it is asked for, or with a change of a client whose secret has
/// ended, and never by itself.
///
/// spec: ROT-06, ROT-07, ROT-08, ROT-10, ROT-11, ROT-12
#[tokio::test]
async fn secrets_rotate() {
    let server = Server::start().await;
    server.admin().await.new_realm("r").await;
    let rules = |rotated: &str| {
        json!({
            "client.secret.rotation.expiration-period": "2000",
            "client.secret.rotation.rotated-expiration-period": rotated,
        })
    };
    let client =
        json!({"clientId": "c", "serviceAccountsEnabled": true, "attributes": rules("500")});
    let admin = server.admin().await;
    let id = admin.post("/r/clients", client).await.is(201).id();
    let path = format!("/r/clients/{id}");
    // Time goes on: a new login each.
    let secret = async || {
        let admin = server.admin().await;
        let answer = admin.get(&format!("{path}/client-secret")).await.is(200);
        answer.body["value"].as_str().unwrap().to_owned()
    };
    let rotated = async || {
        let admin = server.admin().await;
        let answer = admin.get(&format!("{path}/client-secret/rotated")).await;
        answer.body["value"].as_str().map(str::to_owned)
    };
    let change = async |body: Value| {
        let admin = server.admin().await;
        admin.put(&path, body).await.is(204);
    };
    // A new client's secret has an end.
    let first = secret().await;
    assert_eq!(authenticates(&server, &first).await, 200);
    assert_eq!(rotated().await, None);
    // Asked for, it rotates at any time, and both are good for a while.
    let forced = admin
        .post(&format!("{path}/client-secret"), json!({}))
        .await;
    forced.is(200);
    let second = secret().await;
    assert_ne!(first, second);
    assert_eq!(rotated().await.as_ref(), Some(&first));
    for secret in [&first, &second] {
        assert_eq!(authenticates(&server, secret).await, 200);
    }
    // Before its end no change rotates it.
    change(json!({"description": "x"})).await;
    assert_eq!(secret().await, second);
    server.services.clock.advance(500);
    assert_eq!(authenticates(&server, &first).await, 401);
    assert_eq!(authenticates(&server, &second).await, 200);
    // After its end nothing rotates it by itself …
    server.services.clock.advance(1500);
    assert_eq!(authenticates(&server, &second).await, 401);
    assert_eq!(secret().await, second);
    // … and any change does.
    change(json!({"description": "y"})).await;
    let third = secret().await;
    assert_ne!(third, second);
    assert_eq!(rotated().await.as_ref(), Some(&second));
    assert_eq!(authenticates(&server, &third).await, 200);
    assert_eq!(authenticates(&server, &second).await, 200);
    // With no time for the old one, it ends at once.
    change(json!({"attributes": rules("0")})).await;
    let admin = server.admin().await;
    admin
        .post(&format!("{path}/client-secret"), json!({}))
        .await
        .is(200);
    assert_eq!(rotated().await, None);
    assert_eq!(authenticates(&server, &third).await, 401);
    assert_eq!(authenticates(&server, &secret().await).await, 200);
    for wrong in ["2000", "x", "-1"] {
        let refused = json!({"attributes": rules(wrong)});
        let refused = admin.put(&path, refused).await.is(400);
        assert!(refused.text.contains("rotated-expiration-period"));
    }

    // A client that was there before comes under the rules with the change that brings them: its
    // secret stays and has an end from then on.
    admin.delete(&path).await.is(204);
    let client = json!({"clientId": "c", "secret": "s3cret", "serviceAccountsEnabled": true});
    let id = admin.post("/r/clients", client).await.is(201).id();
    let path = format!("/r/clients/{id}");
    server.services.clock.advance(5_000);
    assert_eq!(authenticates(&server, "s3cret").await, 200);
    let admin = server.admin().await;
    admin
        .put(&path, json!({"attributes": rules("500")}))
        .await
        .is(204);
    server.services.clock.advance(1_990);
    assert_eq!(authenticates(&server, "s3cret").await, 200);
    server.services.clock.advance(11);
    assert_eq!(authenticates(&server, "s3cret").await, 401);
    let admin = server.admin().await;
    let made = admin
        .post(&format!("{path}/client-secret"), json!({}))
        .await;
    let made = made.is(200).body["value"].as_str().unwrap().to_owned();
    for secret in [made.as_str(), "s3cret"] {
        assert_eq!(authenticates(&server, secret).await, 200);
    }
}

/// Mappers of a client are listed, taken from those that are there ready-made, configured anew, changed
/// and removed; tokens follow.
///
/// spec: MAP-02
#[tokio::test]
async fn mappers_of_a_client() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let user = json!({
        "username": "alice", "enabled": true, "email": "alice@example.test", "emailVerified": true,
        "firstName": "Alice", "lastName": "Test", "credentials": [{"type": "password", "value": "pw"}],
    });
    admin.post("/r/users", user).await.is(201);
    let client = json!({
        "clientId": "c", "secret": "s3cret", "directAccessGrantsEnabled": true,
        "defaultClientScopes": ["basic"],
    });
    let id = admin.post("/r/clients", client).await.is(201).id();
    let path = format!("/r/clients/{id}/protocol-mappers");
    let token = async || {
        let form = [
            ("grant_type", "password"),
            ("client_id", "c"),
            ("client_secret", "s3cret"),
            ("username", "alice"),
            ("password", "pw"),
        ];
        let answer = server.token("r", &form).await.is(200);
        let token = answer.body["access_token"].as_str().unwrap();
        let claims = token.split('.').nth(1).unwrap();
        let claims = realmkeep_jose::from_base64url(claims).unwrap();
        serde_json::from_slice::<Value>(&claims).unwrap()
    };
    let listed = admin.get(&format!("{path}/models")).await.is(200).body;
    assert_eq!(listed, json!([]));
    assert!(token().await.get("family_name").is_none());

    // Ready-made ones, as the server names them.
    let offered = admin.get("/admin/serverinfo").await.is(200).body;
    let offered = offered["builtinProtocolMappers"]["openid-connect"].clone();
    let chosen: Vec<Value> = offered
        .as_array()
        .unwrap()
        .iter()
        .filter(|m| ["family name", "given name"].contains(&m["name"].as_str().unwrap()))
        .cloned()
        .collect();
    assert_eq!(chosen.len(), 2);
    admin
        .post(&format!("{path}/add-models"), json!(chosen))
        .await
        .is(204);
    let claims = token().await;
    assert_eq!(claims["family_name"], "Test");
    assert_eq!(claims["given_name"], "Alice");
    // One of the kinds that the server lists, with settings of its own.
    let kinds = admin.get("/admin/serverinfo").await.is(200).body;
    let kinds = kinds["protocolMapperTypes"]["openid-connect"].clone();
    let kind = kinds
        .as_array()
        .unwrap()
        .iter()
        .find(|k| k["id"] == "oidc-hardcoded-claim-mapper")
        .cloned();
    let properties = kind.unwrap()["properties"].clone();
    for name in ["claim.name", "claim.value", "access.token.claim"] {
        assert!(
            properties
                .as_array()
                .unwrap()
                .iter()
                .any(|p| p["name"] == name)
        );
    }
    let own = json!({
        "name": "floor", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
        "config": {"claim.name": "floor", "claim.value": "3", "jsonType.label": "int", "access.token.claim": "true"},
    });
    let mapper = admin
        .post(&format!("{path}/models"), own)
        .await
        .is(201)
        .id();
    assert_eq!(token().await["floor"], 3);

    let one = format!("{path}/models/{mapper}");
    let mut changed = admin.get(&one).await.is(200).body;
    changed["config"]["claim.value"] = json!("4");
    admin.put(&one, changed).await.is(204);
    assert_eq!(token().await["floor"], 4);
    let names = admin.get(&format!("{path}/models")).await.names("name");
    assert_eq!(names.len(), 3, "{names:?}");
    admin.delete(&one).await.is(204);
    admin.get(&one).await.is(404);
    let claims = token().await;
    assert!(claims.get("floor").is_none());
    assert_eq!(claims["family_name"], "Test");
}

/// An adapter is told to look at the audience where tokens name the service there: because it has roles,
/// or by a mapper of a client scope.
///
/// spec: AUD-10
#[tokio::test]
async fn adapters_are_told_to_verify_the_audience() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let mut files = Vec::new();
    for name in ["frontend", "with-roles", "good-service"] {
        let made = admin.post("/r/clients", json!({"clientId": name})).await;
        let id = made.is(201).id();
        files.push((id, name));
    }
    let file = async |id: &str| {
        let path = format!("/r/clients/{id}/installation/providers/keycloak-oidc-keycloak-json");
        admin.get(&path).await.is(200).body
    };
    for (id, _) in &files {
        assert!(file(id).await.get("verify-token-audience").is_none());
    }
    let roles = format!("/r/clients/{}/roles", files[1].0);
    admin.post(&roles, json!({"name": "reader"})).await.is(201);
    let scope = json!({"name": "good-service", "protocol": "openid-connect", "protocolMappers": [{
        "name": "a", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
        "config": {"included.client.audience": "good-service", "access.token.claim": "true"},
    }]});
    admin.post("/r/client-scopes", scope).await.is(201);
    for (id, name) in &files {
        let told = file(id).await;
        let wanted = (*name != "frontend").then_some(true);
        assert_eq!(told["verify-token-audience"].as_bool(), wanted, "{told}");
        let by_roles = (*name == "with-roles").then_some(true);
        assert_eq!(told["use-resource-role-mappings"].as_bool(), by_roles);
    }
}

/// Effective roles name what is inherited, for the console in one answer; what is left to give is listed,
/// and several are taken away at once.
///
/// spec: ROLE-10, ADMUI-28, ADMUI-40
#[tokio::test]
async fn roles_at_a_glance() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let user = json!({"username": "alice", "enabled": true});
    let user = admin.post("/r/users", user).await.is(201).id();
    for name in ["outer", "inner"] {
        let role = json!({"name": name, "description": "${text}"});
        admin.post("/r/roles", role).await.is(201);
    }
    let client = admin
        .post("/r/clients", json!({"clientId": "c"}))
        .await
        .is(201)
        .id();
    admin
        .post(&format!("/r/clients/{client}/roles"), json!({"name": "cr"}))
        .await
        .is(201);
    let role = async |path: &str| admin.get(path).await.is(200).body;
    let outer = role("/r/roles/outer").await;
    let inner = role("/r/roles/inner").await;
    let of_client = role(&format!("/r/clients/{client}/roles/cr")).await;
    admin
        .post("/r/roles/outer/composites", json!([inner, of_client]))
        .await
        .is(204);
    let available = async || {
        let at = format!("/r/ui-ext/available-roles/users/{user}?search=cr&max=10");
        admin.get(&at).await.is(200).names("role")
    };
    assert_eq!(available().await, ["cr", "create-client"]);
    admin
        .post(
            &format!("/r/users/{user}/role-mappings/realm"),
            json!([outer]),
        )
        .await
        .is(204);
    let direct = admin
        .get(&format!("/r/users/{user}/role-mappings/realm"))
        .await
        .names("name");
    assert!(direct.contains(&"outer".to_owned()) && !direct.contains(&"inner".to_owned()));
    let effective = admin
        .get(&format!("/r/ui-ext/effective-roles-all/users/{user}"))
        .await
        .is(200)
        .body;
    let named = |name: &str| {
        let list = effective.as_array().unwrap();
        list.iter().find(|r| r["name"] == name).cloned()
    };
    assert_eq!(named("inner").unwrap()["clientRole"], false);
    assert_eq!(named("cr").unwrap()["client"], "c");
    let of_clients = admin
        .get(&format!("/r/ui-ext/effective-roles/users/{user}?search=cr"))
        .await
        .names("role");
    assert_eq!(of_clients, ["cr"]);
    let inside = admin
        .get(&format!(
            "/r/ui-ext/role-mappings/roles/{}",
            outer["id"].as_str().unwrap()
        ))
        .await
        .is(200)
        .body;
    assert_eq!(inside["realmMappings"][0]["name"], "inner");
    assert_eq!(inside["clientMappings"]["c"]["mappings"][0]["name"], "cr");
    let gone = json!([{"roleId": outer["id"], "roleName": "outer"}]);
    admin
        .post(&format!("/r/ui-ext/role-mapping-delete/users/{user}"), gone)
        .await
        .is(204);
    let left = admin
        .get(&format!("/r/users/{user}/role-mappings/realm"))
        .await
        .names("name");
    assert!(!left.contains(&"outer".to_owned()));
}

/// Groups and roles that every new user gets; memberships are listed, joined and left.
///
/// spec: ADMUI-19, ADMUI-29, ADMUI-41
#[tokio::test]
async fn defaults_for_new_users() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let group = json!({"name": "everybody", "attributes": {"a": ["b"]}});
    let group = admin.post("/r/groups", group).await.is(201).id();
    admin
        .call(Method::PUT, &format!("/r/default-groups/{group}"), None)
        .await
        .is(204);
    admin
        .post("/r/roles", json!({"name": "starter"}))
        .await
        .is(201);
    let starter = admin.get("/r/roles/starter").await.body;
    admin
        .post("/r/roles/default-roles-r/composites", json!([starter]))
        .await
        .is(204);
    let user = json!({"username": "alice", "enabled": true});
    let user = admin.post("/r/users", user).await.is(201).id();
    let groups = format!("/r/users/{user}/groups");
    assert_eq!(
        admin.get(&groups).await.is(200).names("path"),
        ["/everybody"]
    );
    let effective = admin
        .get(&format!("/r/users/{user}/role-mappings/realm/composite"))
        .await
        .is(200)
        .names("name");
    assert!(effective.contains(&"starter".to_owned()));
    admin.delete(&format!("{groups}/{group}")).await.is(204);
    assert_eq!(admin.get(&groups).await.body, Value::Array(Vec::new()));
    admin
        .call(Method::PUT, &format!("{groups}/{group}"), None)
        .await
        .is(204);
    let members = admin.get(&format!("/r/groups/{group}/members")).await;
    assert_eq!(members.names("username"), ["alice"]);
    let shown = admin.get(&format!("/r/groups/{group}")).await.is(200).body;
    assert_eq!(shown["attributes"]["a"], json!(["b"]));
    admin
        .delete(&format!("/r/default-groups/{group}"))
        .await
        .is(204);
    assert_eq!(admin.get("/r/default-groups").await.body, json!([]));
}

/// Flows are listed with what uses them.
#[tokio::test]
async fn flows_tell_who_uses_them() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let copy = admin
        .post(
            "/r/authentication/flows/browser/copy",
            json!({"newName": "mine"}),
        )
        .await
        .is(201)
        .id();
    let client = json!({"clientId": "c", "authenticationFlowBindingOverrides": {"browser": copy}});
    admin.post("/r/clients", client).await.is(201);
    let flows = admin
        .get("/r/ui-ext/authentication-management/flows")
        .await
        .is(200)
        .body;
    let used = |alias: &str| {
        let list = flows.as_array().unwrap();
        list.iter().find(|f| f["alias"] == alias).unwrap()["usedBy"].clone()
    };
    assert_eq!(
        used("browser"),
        json!({"type": "DEFAULT", "values": ["browser"]})
    );
    assert_eq!(
        used("mine"),
        json!({"type": "SPECIFIC_CLIENTS", "values": ["c"]})
    );
    let by = format!("/r/ui-ext/authentication-management/clients/{copy}");
    assert_eq!(admin.get(&by).await.is(200).body, json!(["c"]));
    admin
        .delete(&format!("/r/authentication/flows/{copy}"))
        .await
        .is(400);
    let actions = admin
        .get("/r/ui-ext/authentication-management/required-actions")
        .await
        .is(200)
        .body;
    let all = actions.as_array().unwrap();
    let password = all
        .iter()
        .find(|a| a["alias"] == "UPDATE_PASSWORD")
        .unwrap();
    assert_eq!(password["configurable"], true);
    let names = admin
        .get("/r/ui-ext/realms/names")
        .await
        .is(200)
        .names("name");
    assert_eq!(names, ["master", "r"]);
    let listeners = admin
        .get("/r/ui-ext/available-event-listeners")
        .await
        .is(200);
    assert_eq!(listeners.names("id"), ["email", "jboss-logging", "webhook"]);
}
