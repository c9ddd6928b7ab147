//! Objects of a realm: created, read, changed, searched and deleted over HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use crate::support::Server;
use serde_json::json;

/// spec: REALM-01, REALM-02, REALM-03, REALM-05, ADMR-03
#[tokio::test]
async fn realms() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let made = admin
        .post(
            "",
            json!({"realm": "acme", "enabled": true, "accessTokenLifespan": "120"}),
        )
        .await
        .is(201);
    assert_eq!(
        made.location.as_deref(),
        Some(format!("{}/admin/realms/acme", server.base).as_str())
    );
    assert_eq!(made.text, "");
    let realm = admin.get("/acme").await.is(200).body;
    assert_eq!(realm["accessTokenLifespan"], 120);
    assert_eq!(realm["sslRequired"], "external");
    assert_eq!(realm["defaultRole"]["name"], "default-roles-acme");
    assert!(realm.get("authenticationFlows").is_none());
    assert_eq!(admin.get("").await.names("realm"), ["acme", "master"]);

    let twice = admin.post("", json!({"realm": "acme"})).await.is(409);
    assert_eq!(twice.body["errorMessage"], "Realm acme already exists");
    let unnamed = admin.post("", json!({})).await.is(400);
    assert_eq!(unnamed.body["errorMessage"], "Realm name cannot be empty");
    let slashed = admin.post("", json!({"realm": "a/b"})).await.is(400);
    assert_eq!(slashed.body["error"], "Character '/' not allowed.");
    let unknown = admin
        .post(
            "",
            json!({"realm": "x", "clients": [{"clientId": "c", "redirectUri": "y"}]}),
        )
        .await
        .is(400);
    assert!(
        unknown.text.contains("clients.0.redirectUri"),
        "{}",
        unknown.text
    );
    admin.get("/x").await.is(404);

    admin
        .put(
            "/acme",
            json!({"displayName": "Acme", "attributes": {"a": "b"}}),
        )
        .await
        .is(204);
    let realm = admin.get("/acme").await.body;
    assert_eq!(realm["displayName"], "Acme");
    assert_eq!(realm["accessTokenLifespan"], 120);
    assert_eq!(realm["attributes"]["a"], "b");
    assert_eq!(realm["attributes"]["cibaInterval"], "5");
    let bad = admin
        .put("/acme", json!({"accessTokenLifespan": "soon"}))
        .await
        .is(400);
    assert!(bad.text.contains("accessTokenLifespan"), "{}", bad.text);
    admin
        .put("/acme", json!({"browserFlow": "nope"}))
        .await
        .is(400);

    // The rights on it stand in master, and follow its name.
    let rights = admin
        .get("/master/clients?clientId=acme-realm")
        .await
        .is(200)
        .body;
    assert_eq!(rights[0]["bearerOnly"], true);
    admin.put("/acme", json!({"realm": "acme2"})).await.is(204);
    admin.get("/acme").await.is(404);
    assert_eq!(
        admin.get("/acme2").await.is(200).body["displayName"],
        "Acme"
    );
    let account = admin.get("/acme2/clients?clientId=account").await.body;
    assert_eq!(account[0]["baseUrl"], "/realms/acme2/account/");
    admin.delete("/acme2").await.is(204);
    admin.get("/acme2").await.is(404);
    assert_eq!(
        admin.get("/master/clients?clientId=acme2-realm").await.body,
        json!([])
    );
    admin.delete("/master").await.is(400);
}

/// spec: CORE-08, CORE-15, CORE-17
#[tokio::test]
async fn clients() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let id = admin
        .post("/r/clients/", json!({"clientId": "c", "secret": "s3", "serviceAccountsEnabled": true, "redirectUris": ["http://127.0.0.1/cb"]}))
        .await
        .is(201)
        .id();
    let path = format!("/r/clients/{id}");
    let client = admin.get(&path).await.is(200).body;
    assert_eq!(client["secret"], "s3");
    assert_eq!(client["webOrigins"], json!(["http://127.0.0.1"]));
    assert_eq!(client["attributes"], json!({"realm_client": "false"}));
    assert_eq!(client["nodeReRegistrationTimeout"], -1);
    assert_eq!(
        client["access"],
        json!({"configure": true, "manage": true, "view": true})
    );
    let mut scopes: Vec<&str> = client["defaultClientScopes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s.as_str().unwrap())
        .collect();
    scopes.sort_unstable();
    assert_eq!(
        scopes,
        [
            "acr",
            "basic",
            "email",
            "profile",
            "roles",
            "service_account",
            "web-origins"
        ]
    );

    let twice = admin
        .post("/r/clients", json!({"clientId": "c"}))
        .await
        .is(409);
    assert_eq!(twice.body["errorMessage"], "Client c already exists");
    let script = admin
        .post(
            "/r/clients",
            json!({"clientId": "x", "redirectUris": ["java\tscript:alert(1)"]}),
        )
        .await
        .is(400);
    assert_eq!(
        script.body["error_description"],
        "A redirect URI uses an illegal scheme"
    );
    admin
        .post(
            "/r/clients",
            json!({"clientId": "x", "defaultClientScopes": ["nope"]}),
        )
        .await
        .is(400);

    // What is not mentioned stays; attributes are merged; null and the masked secret change nothing.
    admin
        .put(
            &path,
            json!({"name": "C", "attributes": {"a": "1", "b": "2"}}),
        )
        .await
        .is(204);
    admin.put(&path, json!({"description": null, "secret": "**********", "attributes": {"a": null}, "redirectUris": []})).await.is(204);
    let client = admin.get(&path).await.body;
    assert_eq!(client["name"], "C");
    assert_eq!(client["secret"], "s3");
    assert_eq!(client["redirectUris"], json!([]));
    assert_eq!(
        client["attributes"],
        json!({"realm_client": "false", "b": "2"})
    );
    let unknown = admin.put(&path, json!({"nmae": "C"})).await.is(400);
    assert!(
        unknown.body["error"]
            .as_str()
            .unwrap()
            .starts_with("Unrecognized field \"nmae\"")
    );

    assert_eq!(
        admin.get(&format!("{path}/client-secret")).await.body,
        json!({"type": "secret", "value": "s3"})
    );
    let new = admin
        .post(&format!("{path}/client-secret"), json!({}))
        .await
        .is(200)
        .body;
    assert_ne!(new["value"], "s3");
    assert!(new["value"].as_str().unwrap().len() >= 43);

    let account = admin
        .get(&format!("{path}/service-account-user"))
        .await
        .is(200)
        .body;
    assert_eq!(account["username"], "service-account-c");
    admin.put(&path, json!({"clientId": "d"})).await.is(204);
    assert_eq!(
        admin
            .get(&format!("{path}/service-account-user"))
            .await
            .body["username"],
        "service-account-d"
    );
    admin
        .put(&path, json!({"serviceAccountsEnabled": false}))
        .await
        .is(204);
    admin
        .get(&format!("{path}/service-account-user"))
        .await
        .is(400);

    // Scopes, mappers, scope mappings.
    let address = admin
        .get("/r/client-scopes")
        .await
        .body
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["name"] == "address")
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    admin
        .delete(&format!("{path}/optional-client-scopes/{address}"))
        .await
        .is(204);
    admin
        .put(
            &format!("{path}/default-client-scopes/{address}"),
            json!({}),
        )
        .await
        .is(204);
    assert!(
        admin
            .get(&format!("{path}/default-client-scopes"))
            .await
            .names("name")
            .contains(&"address".to_owned())
    );
    assert!(
        !admin
            .get(&format!("{path}/optional-client-scopes"))
            .await
            .names("name")
            .contains(&"address".to_owned())
    );
    let mapper = json!({"name": "m", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper", "config": {"claim.name": "x"}});
    let mappers = format!("{path}/protocol-mappers/models");
    let mapper_id = admin.post(&mappers, mapper.clone()).await.is(201).id();
    admin.post(&mappers, mapper).await.is(409);
    admin
        .put(
            &format!("{mappers}/{mapper_id}"),
            json!({"config": {"claim.name": "y"}}),
        )
        .await
        .is(204);
    assert_eq!(
        admin.get(&format!("{mappers}/{mapper_id}")).await.body["config"]["claim.name"],
        "y"
    );
    admin
        .delete(&format!("{mappers}/{mapper_id}"))
        .await
        .is(204);
    assert_eq!(admin.get(&mappers).await.body, json!([]));
    let offline = admin.get("/r/roles/offline_access").await.body;
    admin
        .post(&format!("{path}/scope-mappings/realm"), json!([offline]))
        .await
        .is(204);
    assert_eq!(
        admin
            .get(&format!("{path}/scope-mappings/realm"))
            .await
            .names("name"),
        ["offline_access"]
    );

    assert_eq!(
        admin
            .get("/r/clients?clientId=adm&search=true")
            .await
            .names("clientId"),
        ["admin-cli", "security-admin-console"]
    );
    assert_eq!(
        admin
            .get("/r/clients?first=1&max=2")
            .await
            .names("clientId"),
        ["account-console", "admin-cli"]
    );
    assert_eq!(admin.get("/r/clients?q=b:2").await.names("clientId"), ["d"]);

    admin.delete(&path).await.is(204);
    assert_eq!(
        admin.get(&path).await.is(404).body["error"],
        "Could not find client"
    );
}

/// Two clients with one identity at an issuer could not be told apart.
#[tokio::test]
async fn a_workload_is_one_client() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let client = |id: &str| {
        json!({"clientId": id, "clientAuthenticatorType": "federated-jwt", "attributes": {
            "jwt.credential.issuer": "k8s", "jwt.credential.sub": "system:serviceaccount:a:b"}})
    };
    let made = admin.post("/r/clients", client("one")).await.is(201).id();
    assert!(
        admin
            .get(&format!("/r/clients/{made}"))
            .await
            .body
            .get("secret")
            .is_none()
    );
    let second = admin.post("/r/clients", client("two")).await.is(400);
    assert!(second.text.contains("'one'"), "{}", second.text);
}

/// spec: CORE-01, USER-01, USER-02, USER-03, USER-08, USER-09, USER-10, USER-11, USER-13
#[tokio::test]
async fn users() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let mut profile = admin.get("/r/users/profile").await.is(200).body;
    profile["unmanagedAttributePolicy"] = json!("ENABLED");
    admin.put("/r/users/profile", profile).await.is(200);
    let id = admin
        .post("/r/users", json!({"username": "Alice", "enabled": true, "email": "Alice@Example.test", "firstName": "Al", "lastName": "Ice", "attributes": {"team": ["red"]}}))
        .await
        .is(201)
        .id();
    let path = format!("/r/users/{id}");
    let user = admin.get(&path).await.is(200).body;
    assert_eq!(user["username"], "alice");
    assert_eq!(user["email"], "alice@example.test");
    assert_eq!(user["emailVerified"], false);
    assert_eq!(user["totp"], false);
    assert_eq!(user["requiredActions"], json!([]));
    assert_eq!(user["attributes"], json!({"team": ["red"]}));

    assert_eq!(
        admin.post("/r/users", json!({})).await.is(400).body["errorMessage"],
        "User name is missing"
    );
    assert_eq!(
        admin
            .post("/r/users", json!({"username": "ALICE"}))
            .await
            .is(409)
            .body["errorMessage"],
        "User exists with same username"
    );
    let same_mail = admin
        .post(
            "/r/users",
            json!({"username": "bob", "email": "alice@example.test"}),
        )
        .await
        .is(409);
    assert_eq!(
        same_mail.body["errorMessage"],
        "User exists with same email"
    );
    let wrong = admin
        .post("/r/users", json!({"username": "b", "email": "x"}))
        .await
        .is(400)
        .body;
    assert_eq!(
        wrong["errors"][0],
        json!({"field": "username", "errorMessage": "error-invalid-length", "params": ["username", 3, 255]})
    );
    assert_eq!(
        wrong["errors"][1],
        json!({"field": "email", "errorMessage": "error-invalid-email", "params": ["email", "x"]})
    );
    assert_eq!(
        admin.get("/r/users/nope").await.is(404).body["error"],
        "User not found"
    );

    for name in ["bob", "carol", "dave"] {
        admin
            .post(
                "/r/users",
                json!({"username": name, "enabled": name != "dave", "lastName": "Smith"}),
            )
            .await
            .is(201);
    }
    assert_eq!(admin.get("/r/users/count").await.body, 4);
    assert_eq!(
        admin
            .get("/r/users?search=smith&max=2")
            .await
            .names("username"),
        ["bob", "carol"]
    );
    assert_eq!(
        admin
            .get("/r/users?search=smith&first=2")
            .await
            .names("username"),
        ["dave"]
    );
    assert_eq!(
        admin
            .get("/r/users?search=al%20ice")
            .await
            .names("username"),
        ["alice"]
    );
    assert_eq!(
        admin
            .get("/r/users?search=%22bob%22")
            .await
            .names("username"),
        ["bob"]
    );
    assert_eq!(
        admin.get("/r/users?username=o").await.names("username"),
        ["bob", "carol"]
    );
    assert_eq!(
        admin.get("/r/users?username=bo&exact=true").await.body,
        json!([])
    );
    assert_eq!(
        admin.get("/r/users?q=team:red").await.names("username"),
        ["alice"]
    );
    assert_eq!(
        admin.get("/r/users?enabled=false").await.names("username"),
        ["dave"]
    );
    assert_eq!(admin.get("/r/users/count?enabled=false").await.body, 1);
    admin.get("/r/users?first=x").await.is(400);

    // What is not mentioned stays; attributes are replaced as a whole.
    admin
        .put(
            &path,
            json!({"firstName": "Alicia", "requiredActions": ["VERIFY_EMAIL"]}),
        )
        .await
        .is(204);
    admin
        .put(&path, json!({"attributes": {"floor": 3}}))
        .await
        .is(204);
    let user = admin.get(&path).await.body;
    assert_eq!(
        (user["firstName"].as_str(), user["lastName"].as_str()),
        (Some("Alicia"), Some("Ice"))
    );
    assert_eq!(user["attributes"], json!({"floor": ["3"]}));
    assert_eq!(user["requiredActions"], json!(["VERIFY_EMAIL"]));
    let renamed = admin.put(&path, json!({"username": "eve"})).await.is(400);
    assert_eq!(
        renamed.body["errorMessage"],
        "error-user-attribute-read-only"
    );

    admin.delete(&path).await.is(204);
    admin.get(&path).await.is(404);
    assert_eq!(admin.get("/r/users/count").await.body, 3);
}

/// A password that was set is the one that logs in, and is never shown.
#[tokio::test]
async fn passwords() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let user = json!({"username": "alice", "enabled": true, "email": "a@b.test", "firstName": "A", "lastName": "B", "credentials": [{"type": "password", "value": "one"}]});
    let id = admin.post("/r/users", user).await.is(201).id();
    server.login("r", "alice", "one").await;
    let path = format!("/r/users/{id}");
    admin
        .put(
            &format!("{path}/reset-password"),
            json!({"type": "password", "value": ""}),
        )
        .await
        .is(400);
    admin
        .put(
            &format!("{path}/reset-password"),
            json!({"type": "password", "value": "two", "temporary": false}),
        )
        .await
        .is(204);
    server.login("r", "alice", "two").await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "alice"),
        ("password", "one"),
    ];
    assert!(server.token("r", &form).await.status.is_client_error());

    let sessions = admin.get(&format!("{path}/sessions")).await.is(200);
    assert_eq!(sessions.body.as_array().unwrap().len(), 2);
    assert_eq!(sessions.body[0]["username"], "alice");
    assert!(
        sessions.body[0]["clients"]
            .as_object()
            .unwrap()
            .values()
            .any(|c| c == "admin-cli")
    );

    let credentials = admin.get(&format!("{path}/credentials")).await.is(200);
    assert_eq!(credentials.body.as_array().unwrap().len(), 1);
    assert!(credentials.body[0].get("secretData").is_none());
    assert!(
        credentials.body[0]["credentialData"]
            .as_str()
            .unwrap()
            .contains("argon2")
    );
    let credential = credentials.body[0]["id"].as_str().unwrap();
    admin
        .delete(&format!("{path}/credentials/{credential}"))
        .await
        .is(204);
    admin
        .delete(&format!("{path}/credentials/{credential}"))
        .await
        .is(404);

    admin
        .put(
            &format!("{path}/reset-password"),
            json!({"type": "password", "value": "three", "temporary": true}),
        )
        .await
        .is(204);
    assert_eq!(
        admin.get(&path).await.body["requiredActions"],
        json!(["UPDATE_PASSWORD"])
    );
}

/// spec: SESS-04, SESS-08, SESS-11, SESS-12
#[tokio::test]
async fn sessions() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let manager = server
        .user_with("r", "alice", "realm-management", &["manage-users"])
        .await;
    manager.get("/r/users").await.is(200);
    let user = admin.get("/r/users?username=alice").await.body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let client = admin.get("/r/clients?clientId=admin-cli").await.body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        admin
            .get(&format!("/r/clients/{client}/session-count"))
            .await
            .body,
        json!({"count": 1})
    );
    assert_eq!(
        admin
            .get(&format!("/r/clients/{client}/user-sessions"))
            .await
            .names("username"),
        ["alice"]
    );
    assert_eq!(
        admin.get("/r/client-session-stats").await.names("active"),
        ["1"]
    );
    let session = admin.get(&format!("/r/users/{user}/sessions")).await.body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    admin
        .delete(&format!("/r/sessions/{session}"))
        .await
        .is(204);
    admin
        .delete(&format!("/r/sessions/{session}"))
        .await
        .is(404);
    manager.get("/r/users").await.is(401);

    let again = server.login("r", "alice", "alice").await;
    admin
        .post(&format!("/r/users/{user}/logout"), json!({}))
        .await
        .is(204);
    again.get("/r/users").await.is(401);
    admin.post("/r/logout-all", json!({})).await.is(200);
    assert_eq!(
        admin.get(&format!("/r/users/{user}/sessions")).await.body,
        json!([])
    );
}

/// spec: CORE-03, CORE-04, CORE-05, CORE-11, ROLE-01, ROLE-02, ROLE-04, ROLE-05, ROLE-06, ROLE-07, ROLE-09, ROLE-11
#[tokio::test]
async fn roles() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let made = admin.post("/r/roles", json!({"name": "a b"})).await.is(201);
    assert!(
        made.location
            .unwrap()
            .ends_with("/admin/realms/r/roles/a%20b")
    );
    assert_eq!(
        admin
            .post("/r/roles", json!({"name": "a b"}))
            .await
            .is(409)
            .body["errorMessage"],
        "Role with name a b already exists"
    );
    assert_eq!(
        admin.post("/r/roles", json!({})).await.is(400).body["error"],
        "role has no name"
    );
    assert_eq!(
        admin.get("/r/roles/nope").await.is(404).body["error"],
        "Could not find role"
    );
    for name in ["inner", "outer"] {
        admin
            .post("/r/roles", json!({"name": name, "description": "d"}))
            .await
            .is(201);
    }
    let client = admin
        .post("/r/clients", json!({"clientId": "c"}))
        .await
        .id();
    admin
        .post(&format!("/r/clients/{client}/roles"), json!({"name": "cr"}))
        .await
        .is(201);
    let role = |path: String| {
        let admin = admin.clone();
        async move { admin.get(&path).await.is(200).body }
    };
    let (inner, outer) = (
        role("/r/roles/inner".into()).await,
        role("/r/roles/outer".into()).await,
    );
    let of_client = role(format!("/r/clients/{client}/roles/cr")).await;
    assert_eq!(of_client["clientRole"], true);
    assert_eq!(of_client["containerId"], client.as_str());

    // outer contains inner, inner contains the client's role.
    admin
        .post("/r/roles/outer/composites", json!([inner]))
        .await
        .is(204);
    admin
        .post(
            &format!(
                "/r/roles-by-id/{}/composites",
                inner["id"].as_str().unwrap()
            ),
            json!([of_client]),
        )
        .await
        .is(204);
    admin
        .post("/r/roles/inner/composites", json!([outer]))
        .await
        .is(400);
    assert_eq!(admin.get("/r/roles/outer").await.body["composite"], true);
    assert_eq!(
        admin.get("/r/roles/inner/composites").await.names("name"),
        ["cr"]
    );
    assert_eq!(
        admin
            .get(&format!("/r/roles/inner/composites/clients/{client}"))
            .await
            .names("name"),
        ["cr"]
    );
    assert_eq!(
        admin.get("/r/roles/inner/composites/realm").await.body,
        json!([])
    );

    let user = admin
        .post("/r/users", json!({"username": "alice", "enabled": true}))
        .await
        .id();
    let mappings = format!("/r/users/{user}/role-mappings");
    assert_eq!(
        admin.get(&format!("{mappings}/realm")).await.names("name"),
        ["default-roles-r"]
    );
    assert!(
        admin
            .get(&format!("{mappings}/realm/available"))
            .await
            .names("name")
            .contains(&"outer".to_owned())
    );
    admin
        .post(
            &format!("{mappings}/realm"),
            json!([{"id": outer["id"], "name": "outer"}]),
        )
        .await
        .is(204);
    assert_eq!(
        admin.get(&format!("{mappings}/realm")).await.names("name"),
        ["default-roles-r", "outer"]
    );
    assert!(
        admin
            .get(&format!("{mappings}/realm/composite"))
            .await
            .names("name")
            .contains(&"inner".to_owned())
    );
    assert_eq!(
        admin
            .get(&format!("{mappings}/clients/{client}"))
            .await
            .body,
        json!([])
    );
    assert_eq!(
        admin
            .get(&format!("{mappings}/clients/{client}/composite"))
            .await
            .names("name"),
        ["cr"]
    );
    admin
        .post(
            &format!("{mappings}/clients/{client}"),
            json!([{"name": "cr"}]),
        )
        .await
        .is(204);
    let all = admin.get(&mappings).await.body;
    assert_eq!(all["clientMappings"]["c"]["mappings"][0]["name"], "cr");
    assert_eq!(all["realmMappings"].as_array().unwrap().len(), 2);
    assert_eq!(
        admin.get("/r/roles/outer/users").await.names("username"),
        ["alice"]
    );
    // A role of a client is no role of the realm.
    admin
        .post(&format!("{mappings}/realm"), json!([of_client]))
        .await
        .is(404);
    admin
        .call(
            reqwest::Method::DELETE,
            &format!("{mappings}/realm"),
            Some(json!([outer])),
        )
        .await
        .is(204);
    assert_eq!(
        admin.get(&format!("{mappings}/realm")).await.names("name"),
        ["default-roles-r"]
    );

    admin
        .put(
            "/r/roles/inner",
            json!({"name": "inner2", "attributes": {"k": ["v"]}}),
        )
        .await
        .is(204);
    let renamed = admin.get("/r/roles/inner2").await.is(200).body;
    assert_eq!(renamed["description"], "d");
    assert_eq!(renamed["attributes"], json!({"k": ["v"]}));
    assert_eq!(
        admin.get("/r/roles?search=inn").await.names("name"),
        ["inner2"]
    );
    admin.delete("/r/roles/outer").await.is(204);
    admin.delete("/r/roles/default-roles-r").await.is(400);
}

/// spec: CORE-06, GROUP-01, GROUP-02, GROUP-03, GROUP-04, GROUP-07, GROUP-08, GROUP-09, GROUP-10, GROUP-12, ROLE-13
#[tokio::test]
async fn groups() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let top = admin
        .post(
            "/r/groups",
            json!({"name": "top", "attributes": {"a": ["1"]}}),
        )
        .await
        .is(201)
        .id();
    assert_eq!(
        admin.post("/r/groups", json!({})).await.is(400).body["errorMessage"],
        "Group name is missing"
    );
    assert_eq!(
        admin
            .post("/r/groups", json!({"name": "top"}))
            .await
            .is(409)
            .body["errorMessage"],
        "Top level group named 'top' already exists."
    );
    let child = admin
        .post(
            &format!("/r/groups/{top}/children"),
            json!({"name": "child"}),
        )
        .await
        .is(201);
    assert_eq!(child.body["path"], "/top/child");
    let child_id = child.id();
    let listed = admin.get("/r/groups").await.body;
    assert_eq!(listed[0]["subGroupCount"], 1);
    assert_eq!(
        admin
            .get(&format!("/r/groups/{top}/children"))
            .await
            .names("name"),
        ["child"]
    );
    assert_eq!(
        admin.get("/r/group-by-path/top/child").await.is(200).body["id"],
        child_id.as_str()
    );
    admin.get("/r/group-by-path/top/nope").await.is(404);
    let found = admin.get("/r/groups?search=chi").await.body;
    assert_eq!(found[0]["subGroups"][0]["name"], "child");
    assert_eq!(admin.get("/r/groups/count").await.body, json!({"count": 2}));

    // Roles of the parent reach the members of the child.
    admin
        .post("/r/roles", json!({"name": "role"}))
        .await
        .is(201);
    let role = admin.get("/r/roles/role").await.body;
    admin
        .post(
            &format!("/r/groups/{top}/role-mappings/realm"),
            json!([role]),
        )
        .await
        .is(204);
    let user = admin
        .post("/r/users", json!({"username": "alice", "enabled": true}))
        .await
        .id();
    admin
        .put(&format!("/r/users/{user}/groups/{child_id}"), json!({}))
        .await
        .is(204);
    assert_eq!(
        admin
            .get(&format!("/r/groups/{child_id}/members"))
            .await
            .names("username"),
        ["alice"]
    );
    assert_eq!(
        admin
            .get(&format!("/r/users/{user}/groups"))
            .await
            .names("path"),
        ["/top/child"]
    );
    assert!(
        admin
            .get(&format!("/r/users/{user}/role-mappings/realm/composite"))
            .await
            .names("name")
            .contains(&"role".to_owned())
    );
    assert_eq!(
        admin.get(&format!("/r/groups/{top}")).await.body["realmRoles"],
        json!(["role"])
    );
    admin
        .delete(&format!("/r/users/{user}/groups/{child_id}"))
        .await
        .is(204);
    assert_eq!(
        admin.get(&format!("/r/users/{user}/groups")).await.body,
        json!([])
    );

    // New users join default groups, also after the group was renamed.
    admin
        .put(&format!("/r/default-groups/{child_id}"), json!({}))
        .await
        .is(204);
    admin
        .put(&format!("/r/groups/{top}"), json!({"name": "summit"}))
        .await
        .is(204);
    assert_eq!(
        admin.get("/r/default-groups").await.names("path"),
        ["/summit/child"]
    );
    let bob = admin
        .post("/r/users", json!({"username": "bob"}))
        .await
        .id();
    assert_eq!(
        admin
            .get(&format!("/r/users/{bob}/groups"))
            .await
            .names("path"),
        ["/summit/child"]
    );

    let other = admin.post("/r/groups", json!({"name": "other"})).await.id();
    admin
        .post(
            &format!("/r/groups/{other}/children"),
            json!({"id": top, "name": "summit"}),
        )
        .await
        .is(204);
    admin
        .post(
            &format!("/r/groups/{child_id}/children"),
            json!({"id": other, "name": "other"}),
        )
        .await
        .is(400);
    admin
        .get("/r/group-by-path/other/summit/child")
        .await
        .is(200);
    admin.delete(&format!("/r/groups/{other}")).await.is(204);
    assert_eq!(admin.get("/r/groups/count").await.body, json!({"count": 0}));
}

/// spec: CORE-10
#[tokio::test]
async fn client_scopes() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let id = admin
        .post(
            "/r/client-scopes",
            json!({"name": "s1", "protocol": "openid-connect"}),
        )
        .await
        .is(201)
        .id();
    assert_eq!(
        admin
            .post("/r/client-scopes", json!({"name": "email"}))
            .await
            .is(409)
            .body["errorMessage"],
        "Client Scope email already exists"
    );
    assert_eq!(
        admin
            .post("/r/client-scopes", json!({"name": "a b"}))
            .await
            .is(400)
            .body["errorMessage"],
        "Unexpected name \"a b\" for ClientScope"
    );
    admin
        .put(&format!("/r/default-default-client-scopes/{id}"), json!({}))
        .await
        .is(204);
    assert!(
        admin
            .get("/r/default-default-client-scopes")
            .await
            .names("name")
            .contains(&"s1".to_owned())
    );
    let client = admin
        .post("/r/clients", json!({"clientId": "c"}))
        .await
        .id();
    let linked = |client: String| {
        let admin = admin.clone();
        async move {
            admin
                .get(&format!("/r/clients/{client}/default-client-scopes"))
                .await
                .names("name")
        }
    };
    assert!(linked(client.clone()).await.contains(&"s1".to_owned()));
    admin
        .put(&format!("/r/client-scopes/{id}"), json!({"name": "s2"}))
        .await
        .is(204);
    assert!(linked(client.clone()).await.contains(&"s2".to_owned()));
    admin
        .delete(&format!("/r/client-scopes/{id}"))
        .await
        .is(204);
    assert!(!linked(client).await.contains(&"s2".to_owned()));
    assert!(
        !admin
            .get("/r/default-default-client-scopes")
            .await
            .names("name")
            .contains(&"s2".to_owned())
    );
    admin.get(&format!("/r/client-scopes/{id}")).await.is(404);
}

/// spec: CORE-20, FCA-01
#[tokio::test]
async fn identity_providers() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let path = "/r/identity-provider/instances";
    let message = |answer: crate::support::Answer| {
        answer.is(400).body["errorMessage"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    admin
        .post(path, json!({"alias": "k8s", "providerId": "kubernetes"}))
        .await
        .is(201);
    let made = admin.get(&format!("{path}/k8s")).await.is(200).body;
    assert_eq!(
        made["config"]["issuer"],
        "https://kubernetes.default.svc.cluster.local"
    );
    assert_eq!(made["hideOnLogin"], true);
    assert_eq!(made["types"], json!(["CLIENT_ASSERTION"]));
    let k8s = |alias: &str, issuer: &str| json!({"alias": alias, "providerId": "kubernetes", "config": {"issuer": issuer}});
    let again = admin
        .post(
            path,
            k8s("k2", "https://kubernetes.default.svc.cluster.local"),
        )
        .await;
    assert_eq!(
        message(again),
        "Issuer URL already used for IDP 'k8s', Issuer must be unique if the idp supports JWT Authorization Grant or Federated Client Authentication"
    );
    assert_eq!(
        message(admin.post(path, k8s("k3", "not a url")).await),
        "The url [Issuer] is malformed"
    );
    assert_eq!(
        message(admin.post(path, k8s("k3", "http://example.com")).await),
        "The url [Issuer] requires secure connections"
    );
    admin
        .post(path, k8s("k3", "http://127.0.0.1:1"))
        .await
        .is(201);
    assert_eq!(
        message(
            admin
                .post(path, json!({"alias": "n", "providerId": "nope"}))
                .await
        ),
        "Invalid identity provider id [nope]"
    );
    admin
        .post(path, json!({"providerId": "oidc"}))
        .await
        .is(400);
    admin
        .post(path, k8s("k3", "http://127.0.0.1:2"))
        .await
        .is(409);

    let oidc = json!({"alias": "up", "providerId": "oidc", "config": {"clientId": "x", "clientSecret": "upstream-secret"}});
    admin.post(path, oidc).await.is(201);
    let shown = admin.get(&format!("{path}/up")).await.body;
    assert_eq!(shown["config"]["clientSecret"], "**********");
    let mut kept = shown.clone();
    kept["config"]["clientId"] = json!("y");
    kept.as_object_mut().unwrap().remove("types");
    admin.put(&format!("{path}/up"), kept).await.is(204);
    let stored = server.services.store.realm("r").await.unwrap().unwrap();
    let config = stored
        .identity_provider("up")
        .unwrap()
        .config
        .clone()
        .unwrap();
    assert_eq!(
        (config["clientId"].as_str(), config["clientSecret"].as_str()),
        ("y", "upstream-secret")
    );
    assert_eq!(admin.get(path).await.names("alias"), ["k3", "k8s", "up"]);

    let mapper = admin
        .post(
            &format!("{path}/up/mappers"),
            json!({"name": "m", "identityProviderMapper": "oidc-role-idp-mapper"}),
        )
        .await
        .is(201)
        .id();
    assert_eq!(
        admin.get(&format!("{path}/up/mappers")).await.names("name"),
        ["m"]
    );
    admin
        .get(&format!("{path}/k8s/mappers/{mapper}"))
        .await
        .is(404);
    admin.delete(&format!("{path}/up")).await.is(204);
    admin.get(&format!("{path}/up")).await.is(404);
}

/// spec: KEYS-03, KEYS-04, KEYS-05, KEYS-22, KEYS-23, KEYS-24
#[tokio::test]
async fn keys() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let before = admin.get("/r/keys").await.is(200).body;
    let key_of = |keys: &serde_json::Value, algorithm: &str| {
        keys["active"][algorithm]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        ["RS256", "ES256", "EdDSA", "HS512"]
            .iter()
            .all(|a| !key_of(&before, a).is_empty())
    );
    assert!(!before.to_string().contains("privateKey"));
    let component = |priority: &str| json!({"name": "k", "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider", "config": {"priority": [priority]}});
    let made = admin
        .post("/r/components", component("50"))
        .await
        .is(201)
        .id();
    assert_eq!(
        key_of(&admin.get("/r/keys").await.body, "RS256"),
        key_of(&before, "RS256")
    );
    admin
        .put(
            &format!("/r/components/{made}"),
            json!({"config": {"priority": ["200"]}}),
        )
        .await
        .is(204);
    let after = admin.get("/r/keys").await.body;
    assert_ne!(key_of(&after, "RS256"), key_of(&before, "RS256"));
    let old = before["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|k| k["algorithm"] == "RS256")
        .unwrap()["providerId"]
        .as_str()
        .unwrap()
        .to_owned();
    admin
        .put(
            &format!("/r/components/{old}"),
            json!({"config": {"priority": ["100"], "active": ["false"]}}),
        )
        .await
        .is(204);
    let status = |keys: serde_json::Value, id: &str| {
        keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .find(|k| k["providerId"] == id)
            .map(|k| k["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(
        status(admin.get("/r/keys").await.body, &old).as_deref(),
        Some("PASSIVE")
    );
    // The list can be filtered: each key says whether it signs, verifies, or neither.
    let spare = admin
        .post("/r/components", component("20"))
        .await
        .is(201)
        .id();
    admin
        .put(
            &format!("/r/components/{spare}"),
            json!({"config": {"priority": ["20"], "enabled": ["false"]}}),
        )
        .await
        .is(204);
    for (id, expected) in [(&made, "ACTIVE"), (&old, "PASSIVE"), (&spare, "DISABLED")] {
        let found = status(admin.get("/r/keys").await.body, id);
        assert_eq!(found.as_deref(), Some(expected));
    }
    let all = admin.get("/r/keys").await.body;
    let active = all["active"].as_object().unwrap().values();
    let active: Vec<&serde_json::Value> = active.collect();
    for key in all["keys"].as_array().unwrap() {
        let signs = active.contains(&&key["kid"]);
        assert!(!signs || key["status"] == "ACTIVE", "{key}");
    }
    admin.delete(&format!("/r/components/{old}")).await.is(204);
    assert_eq!(status(admin.get("/r/keys").await.body, &old), None);
    admin.delete(&format!("/r/components/{made}")).await.is(400);
    let bad = json!({"name": "k", "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider", "config": {"keySize": ["17"]}});
    assert_eq!(
        admin.post("/r/components", bad).await.is(400).body["errorMessage"],
        "'Key size' should be 1024, 2048, 3072 or 4096"
    );
    let nope = json!({"name": "k", "providerId": "nope", "providerType": "nope"});
    assert_eq!(
        admin.post("/r/components", nope).await.is(400).body["error"],
        "Invalid provider type or no such provider"
    );
}

/// spec: CORE-23, CORE-24
#[tokio::test]
async fn flows_and_required_actions() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let flows = admin.get("/r/authentication/flows").await.is(200);
    assert!(flows.names("alias").contains(&"browser".to_owned()));
    assert!(!flows.names("alias").contains(&"forms".to_owned()));
    let rows = admin
        .get("/r/authentication/flows/browser/executions")
        .await
        .is(200);
    assert_eq!(
        rows.names("displayName")[..4],
        [
            "Cookie",
            "Kerberos",
            "Identity Provider Redirector",
            "Organization"
        ]
    );
    assert_eq!(rows.body[4]["level"], 1);
    admin
        .get("/r/authentication/flows/nope/executions")
        .await
        .is(404);
    admin
        .put(
            "/r/authentication/required-actions/VERIFY_EMAIL",
            json!({"defaultAction": true}),
        )
        .await
        .is(204);
    let action = admin
        .get("/r/authentication/required-actions/VERIFY_EMAIL")
        .await
        .body;
    assert_eq!(
        (
            action["defaultAction"].as_bool(),
            action["priority"].as_i64()
        ),
        (Some(true), Some(50))
    );
}

/// What is not there is said to be not there, and what comes later is named.
#[tokio::test]
async fn unknown_and_later() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let later = admin.get("/r/organizations").await.is(501);
    assert_eq!(
        later.body["error"],
        "not supported by this server yet: organizations"
    );
    assert_eq!(
        admin.get("/r/nope").await.is(404).body["error"],
        "HTTP 404 Not Found"
    );
    assert_eq!(
        admin.get("/nope").await.is(404).body["error"],
        "Realm not found."
    );
    let patch = admin
        .call(reqwest::Method::PATCH, "/r", Some(json!({})))
        .await
        .is(405);
    assert_eq!(patch.body["error"], "HTTP 405 Method Not Allowed");
    assert_eq!(admin.get("/r/events").await.is(200).body, json!([]));
    let info = admin.get("/admin/serverinfo").await.is(200).body;
    assert_eq!(
        info["identityProviders"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|p| p["id"] == "kubernetes")
            .count(),
        1
    );
    let profile = admin.get("/r/users/profile").await.is(200).body;
    assert_eq!(profile["attributes"][0]["name"], "username");
    let removed = admin
        .put("/r/users/profile", json!({"attributes": []}))
        .await
        .is(400);
    assert_eq!(
        removed.body["errorMessage"],
        "[The attribute 'username' can not be removed, The attribute 'email' can not be removed]"
    );
}
