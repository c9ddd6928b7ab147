//! What is wrong with clients, realms and users, in the words that existing tools know.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server};

/// The problems of `invalid_input`, sorted.
fn problems(answer: Answer) -> Vec<String> {
    let answer = answer.is(400);
    assert_eq!(answer.body["error"], "invalid_input", "{}", answer.text);
    let text = answer.body["error_description"].as_str().unwrap();
    let mut problems: Vec<String> = text.split("; ").map(str::to_owned).collect();
    problems.sort();
    problems
}

/// Addresses of a client are looked at together, when it is made and when it is changed.
#[tokio::test]
async fn addresses_of_clients() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let id = admin
        .post("/r/clients", json!({"clientId": "there"}))
        .await
        .is(201)
        .id();
    let there = format!("/r/clients/{id}");
    let script = "javascript:confirm(document.domain)/*";
    for (client, expected) in [
        (
            json!({"rootUrl": "invalid", "baseUrl": "myapp://x", "redirectUris": ["invalid", "myapp://x"]}),
            vec!["Base URL is not a valid URL", "Root URL is not a valid URL"],
        ),
        (
            json!({"rootUrl": script, "baseUrl": script, "redirectUris": [script, script]}),
            vec![
                "A redirect URI uses an illegal scheme",
                "Base URL uses an illegal scheme",
                "Root URL uses an illegal scheme",
            ],
        ),
        (
            json!({"rootUrl": "http://a.test/x#f", "redirectUris": ["http://a.test/x#f"]}),
            vec![
                "Redirect URIs must not contain an URI fragment",
                "Root URL must not contain an URL fragment",
            ],
        ),
        (
            json!({"attributes": {"backchannel.logout.url": "invalid"}}),
            vec!["Backchannel logout URL is not a valid URL"],
        ),
        (
            json!({"protocol": "saml", "adminUrl": script, "attributes": {"saml_single_logout_service_url_soap": script}}),
            vec![
                "Logout Service SOAP Binding URL uses an illegal scheme",
                "Master SAML Processing URL uses an illegal scheme",
            ],
        ),
        (
            json!({"attributes": {"use.jwks.url": "true", "use.jwks.string": "true"}}),
            vec!["Illegal to use both jwks_uri and jwks_string"],
        ),
    ] {
        let mut made = client.clone();
        made["clientId"] = json!("made");
        assert_eq!(problems(admin.post("/r/clients", made).await), expected);
        assert_eq!(problems(admin.put(&there, client).await), expected);
    }
    let mapper = |name: &str| json!({"name": name, "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper"});
    let twice = json!({"protocolMappers": [mapper("bar"), mapper("foo"), mapper("bar")]});
    assert_eq!(
        problems(admin.put(&there, twice).await),
        ["Cannot add protocol mapper 'bar'. Protocol mapper name must be unique per protocol"]
    );
    for bad in [
        json!({"clientId": ""}),
        json!({"clientId": "x", "id": "an-id-that-is-longer-than-any-id-may-be"}),
    ] {
        admin.post("/r/clients", bad).await.is(400);
    }
    assert_eq!(
        admin.get("/r/clients?clientId=made").await.is(200).body,
        json!([])
    );
}

/// Sessions of clients end with those that they are part of: limits beyond are a mistake.
#[tokio::test]
async fn limits_of_sessions() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let id = admin
        .post("/r/clients", json!({"clientId": "c"}))
        .await
        .is(201)
        .id();
    let path = format!("/r/clients/{id}");
    let limits = |idle: &str, lifespan: &str| json!({"attributes": {"client.session.idle.timeout": idle, "client.session.max.lifespan": lifespan}});
    let realm =
        json!({"rememberMe": false, "ssoSessionIdleTimeout": 300, "ssoSessionMaxLifespan": 600});
    admin.put("/r", realm).await.is(204);
    admin.put(&path, limits("200", "500")).await.is(204);
    assert_eq!(
        problems(admin.put(&path, limits("400", "500")).await),
        ["Client session idle timeout cannot exceed realm SSO session idle timeout."]
    );
    assert_eq!(
        problems(admin.put(&path, limits("200", "700")).await),
        ["Client session max lifespan cannot exceed realm SSO session max lifespan."]
    );
    for bad in [
        json!({"clientSessionIdleTimeout": 400}),
        json!({"clientSessionMaxLifespan": 700}),
        json!({"accessCodeLifespanLogin": 0}),
        json!({"accessCodeLifespanUserAction": 0}),
        json!({"realm": "fo#o"}),
        json!({"realm": ""}),
    ] {
        admin.put("/r", bad).await.is(400);
    }
    for bad in [
        json!({"realm": "new-re;alm"}),
        json!({"realm": ""}),
        json!({"realm": "new", "id": "invalid;id"}),
    ] {
        admin.post("", bad).await.is(400);
    }
    let realm = json!({
        "rememberMe": true, "ssoSessionIdleTimeoutRememberMe": 500, "ssoSessionMaxLifespanRememberMe": 900,
        "clientSessionIdleTimeout": 450, "clientSessionMaxLifespan": 800,
    });
    admin.put("/r", realm).await.is(204);
    admin.put(&path, limits("400", "800")).await.is(204);
    assert_eq!(
        problems(admin.put(&path, limits("550", "800")).await),
        [
            "Client session idle timeout cannot exceed realm SSO session idle timeout and RememberMe idle timeout."
        ]
    );
}

/// What every realm needs stays: the clients behind rights for nobody to delete, those of the server's own
/// pages and interfaces neither.
#[tokio::test]
async fn built_in_clients_stay() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let delete = async |realm: &str, client: &str| {
        let found = admin
            .get(&format!("/{realm}/clients?clientId={client}"))
            .await;
        let id = found.is(200).body[0]["id"].as_str().unwrap().to_owned();
        let answer = admin.delete(&format!("/{realm}/clients/{id}")).await;
        answer.status.as_u16()
    };
    for client in [
        "account",
        "account-console",
        "admin-cli",
        "broker",
        "security-admin-console",
    ] {
        assert_eq!(delete("r", client).await, 400, "{client}");
    }
    assert_eq!(delete("r", "realm-management").await, 403);
    assert_eq!(delete("master", "r-realm").await, 403);
}

/// Names and addresses of users do not get in each other's way at a login by either.
#[tokio::test]
async fn names_and_addresses_of_users() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let user = |name: &str, email: &str| json!({"username": name, "email": email});
    let first = user("one@local.test", "one@local.org");
    admin.post("/r/users", first).await.is(201);
    for (name, email, message) in [
        (
            "one@local.test",
            "x@local.test",
            "User exists with same username",
        ),
        (
            "ONE@local.test",
            "x@local.test",
            "User exists with same username",
        ),
        ("two", "One@local.org", "User exists with same email"),
        (
            "one@local.org",
            "x@local.test",
            "User exists with same username",
        ),
        ("two", "one@local.test", "User exists with same email"),
    ] {
        let refused = admin.post("/r/users", user(name, email)).await.is(409);
        assert_eq!(refused.body["errorMessage"], message, "{name} {email}");
    }
    admin
        .put("/r", json!({"loginWithEmailAllowed": false}))
        .await
        .is(204);
    admin
        .post("/r/users", user("one@local.org", "x@local.test"))
        .await
        .is(201);
    for empty in [json!({"email": "y@local.test"}), json!({"username": ""})] {
        let refused = admin.post("/r/users", empty).await.is(400);
        assert_eq!(refused.body["errorMessage"], "User name is missing");
    }
}

/// Users are found by attributes: equal in any case, or by a part where it is said that this is enough.
/// Fields can be asked for among them, and ids one after the other.
#[tokio::test]
async fn users_are_found() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let profile = admin.get("/r/users/profile").await.is(200).body;
    let mut open = profile.clone();
    open["unmanagedAttributePolicy"] = json!("ENABLED");
    admin.put("/r/users/profile", open).await.is(200);
    let mut ids = Vec::new();
    for n in 1..4 {
        let user = json!({
            "username": format!("username{n}"), "email": format!("user{n}@localhost.test"),
            "attributes": {"test": [format!("test{n}")], "attr": ["Common"], "url": ["https://a.test/x"]},
        });
        ids.push(admin.post("/r/users", user).await.is(201).id());
    }
    for (query, expected) in [
        ("q=test:test1", vec!["username1"]),
        ("q=attr:common", vec!["username1", "username2", "username3"]),
        ("q=attr:comm", vec![]),
        (
            "q=attr:comm&exact=false",
            vec!["username1", "username2", "username3"],
        ),
        ("q=attr:comm&exact=true", vec![]),
        (
            "q=username:user+test:est2+attr:mm&exact=false",
            vec!["username2"],
        ),
        ("q=username:username+test:test3", vec!["username3"]),
        ("q=url:https://a.test/x&max=1&first=1", vec!["username2"]),
        ("search=%22%22", vec![]),
        ("search=", vec!["username1", "username2", "username3"]),
    ] {
        let found = admin.get(&format!("/r/users?{query}")).await.is(200);
        assert_eq!(found.names("username"), expected, "{query}");
        let count = admin.get(&format!("/r/users/count?{query}")).await.is(200);
        if !query.contains("max") {
            assert_eq!(count.body, json!(expected.len()), "{query}");
        }
    }
    let both = format!("/r/users?search=id:%20{}%20%20{}%20", ids[2], ids[0]);
    let both = admin.get(&both).await.is(200);
    assert_eq!(both.names("username"), ["username3", "username1"]);
    // Of what the caller may do, lists tell one thing; brief ones leave out what names nobody.
    let full = admin.get("/r/users?username=username1").await.is(200).body;
    assert_eq!(full[0]["access"], json!({"manage": true}));
    assert_eq!(full[0]["requiredActions"], json!([]));
    let brief = admin
        .get("/r/users?username=username1&briefRepresentation=true")
        .await
        .is(200)
        .body;
    for gone in [
        "attributes",
        "requiredActions",
        "totp",
        "notBefore",
        "disableableCredentialTypes",
    ] {
        assert_eq!(brief[0][gone], Value::Null, "{gone}");
    }
    assert_eq!(brief[0]["email"], "user1@localhost.test");
}

/// An attribute without a value is none, wherever it comes from.
#[tokio::test]
async fn attributes_without_values() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let realm = json!({"realm": "r", "enabled": true, "users": [
        {"username": "alice", "attributes": {"key1": ["value1"], "key2": "value2", "key3": [null], "key4": []}},
    ]});
    admin.post("", realm).await.is(201);
    let found = admin.get("/r/users").await.is(200).body;
    let shown = found[0]["attributes"].clone();
    assert!(
        shown.get("key3").is_none() && shown.get("key4").is_none(),
        "{shown}"
    );
}

/// Hashes of passwords are taken over, in today's fields and in those of old exports, when a user is made and
/// when one is changed.
#[tokio::test]
async fn hashed_passwords_are_taken_over() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    // PBKDF2-HMAC-SHA256 of "admin".
    let salt = "u1VXYxqVfWOzHpF2bGSLyA==";
    let hash =
        "uskEPZWMr83pl2mzNB95SFXfIabe2UH9ClENVx/rrQqOjFEjL2aAOGpWsFNNF3qoll7Qht2mY5KxIDm3Rnve2w==";
    let now = json!({
        "type": "password",
        "credentialData": json!({"hashIterations": 27500, "algorithm": "pbkdf2-sha256"}).to_string(),
        "secretData": json!({"value": hash, "salt": salt}).to_string(),
    });
    let before = json!({
        "type": "password", "hashedSaltedValue": hash, "salt": salt, "hashIterations": 27500, "algorithm": "pbkdf2-sha256",
    });
    let person = |name: &str| {
        json!({
            "username": name, "enabled": true, "email": format!("{name}@example.test"), "firstName": "A", "lastName": "B",
        })
    };
    for (name, credential) in [("now", &now), ("before", &before)] {
        let mut user = person(name);
        user["credentials"] = json!([credential]);
        admin.post("/r/users", user).await.is(201);
        server.login("r", name, "admin").await;
    }
    let mut user = person("changed");
    user["credentials"] = json!([{"type": "password", "value": "another"}]);
    let id = admin.post("/r/users", user).await.is(201).id();
    let path = format!("/r/users/{id}");
    admin
        .call(Method::PUT, &path, Some(json!({"credentials": [now]})))
        .await
        .is(204);
    server.login("r", "changed", "admin").await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "changed"),
        ("password", "another"),
    ];
    server.token("r", &form).await.is(400);
}

/// What is inside a role is searched and paged; a role that names others that there are not is not made.
#[tokio::test]
async fn composites_are_searched() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    for name in ["role-a", "role-b", "role-c"] {
        admin.post("/r/roles", json!({"name": name})).await.is(201);
    }
    let outer =
        json!({"name": "outer", "composite": true, "composites": {"realm": ["role-b", "role-c"]}});
    admin.post("/r/roles", outer).await.is(201);
    let id = admin.get("/r/roles/outer").await.is(200).body["id"].clone();
    let composites = format!("/r/roles-by-id/{}/composites", id.as_str().unwrap());
    for (query, expected) in [
        ("", vec!["role-b", "role-c"]),
        ("?search=B", vec!["role-b"]),
        ("?first=0&max=0", vec![]),
        ("?first=0&max=1", vec!["role-b"]),
        ("?first=1&max=1", vec!["role-c"]),
    ] {
        let found = admin.get(&format!("{composites}{query}")).await.is(200);
        assert_eq!(found.names("name"), expected, "{query}");
    }
    // Half a page is no page of roles, unless they are searched for.
    for (query, count) in [
        ("first=1", 7),
        ("first=1&max=2", 2),
        ("search=role&first=1", 3),
    ] {
        let found = admin.get(&format!("/r/roles?{query}")).await.is(200);
        assert_eq!(found.names("name").len(), count, "{query}: {}", found.text);
    }
    for inside in [
        json!({"realm": ["role-a", "nope"]}),
        json!({"realm": ["role-a"], "client": {"account": ["nope"]}}),
        json!({"client": {"nope": ["nope"]}}),
    ] {
        let broken = json!({"name": "broken", "composites": inside});
        admin.post("/r/roles", broken).await.is(404);
    }
    admin.get("/r/roles/broken").await.is(404);
    // By id alone, as they are added.
    let a = admin.get("/r/roles/role-a").await.is(200).body["id"].clone();
    admin
        .post("/r/roles/outer/composites", json!([{"id": a}]))
        .await
        .is(204);
    assert_eq!(
        admin.get(&composites).await.is(200).names("name"),
        ["role-a", "role-b", "role-c"]
    );
}

/// Flows of the kind that older tools ask for; a second configuration of an execution takes the place of the
/// first, and may have its name.
#[tokio::test]
async fn flows_of_older_tools() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let flow = json!({"alias": "Foo", "description": "Foo flow", "providerId": "generic", "topLevel": true, "builtIn": false});
    let flows = "/r/authentication/flows";
    let id = admin.post(flows, flow).await.is(201).id();
    for (parent, child) in [("Foo", "child"), ("child", "grandchild")] {
        let sub = json!({"alias": child, "type": "generic", "description": child});
        let path = format!("{flows}/{parent}/executions/flow");
        admin.post(&path, sub).await.is(201);
    }
    let step = json!({"provider": "identity-provider-redirector", "newName": "unused"});
    let mut executions = Vec::new();
    for _ in 0..2 {
        let path = format!("{flows}/Foo/executions/execution");
        executions.push(admin.post(&path, step.clone()).await.is(201).id());
    }
    let config = |alias: &str| json!({"alias": alias, "config": {"defaultProvider": "p"}});
    let configure = async |at: usize, alias: &str| {
        let path = format!("/r/authentication/executions/{}/config", executions[at]);
        admin.post(&path, config(alias)).await
    };
    let exists = async |id: &str| {
        let path = format!("/r/authentication/config/{id}");
        admin.get(&path).await.status.as_u16()
    };
    let first = configure(0, "one").await.is(201).id();
    configure(1, "one").await.is(409);
    configure(1, "f!oo").await.is(400);
    let second = configure(0, "two").await.is(201).id();
    assert_eq!((exists(&first).await, exists(&second).await), (404, 200));
    let third = configure(0, "two").await.is(201).id();
    assert_eq!((exists(&second).await, exists(&third).await), (404, 200));
    admin
        .delete(&format!("/r/authentication/executions/{}", executions[0]))
        .await
        .is(204);
    assert_eq!(exists(&third).await, 404);
    // With all that is inside: the names are free again.
    admin.delete(&format!("{flows}/{id}")).await.is(204);
    let again = json!({"alias": "grandchild", "providerId": "basic-flow", "topLevel": true});
    admin.post(flows, again).await.is(201);
}

/// A component has the id that it is given, and no settings without a value.
#[tokio::test]
async fn settings_of_components() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let component = json!({
        "id": "0c2f6a3e-0000-4000-8000-000000000001", "name": "key", "providerId": "hmac-generated",
        "providerType": "org.keycloak.keys.KeyProvider",
        "config": {"algorithm": ["HS256"], "priority": ["1"], "empty": [""], "none": []},
    });
    let id = admin.post("/r/components", component).await.is(201).id();
    assert_eq!(id, "0c2f6a3e-0000-4000-8000-000000000001");
    let path = format!("/r/components/{id}");
    let mut read = admin.get(&path).await.is(200).body;
    assert_eq!(read["config"]["priority"], json!(["1"]));
    for gone in ["empty", "none"] {
        assert_eq!(read["config"][gone], Value::Null, "{gone}");
    }
    read["config"]["priority"] = json!([""]);
    admin.put(&path, read).await.is(204);
    let read = admin.get(&path).await.is(200).body;
    assert_eq!(read["config"]["priority"], Value::Null);
}

/// An identity provider is found by its alias and by its internal id; blanks stand in no alias.
#[tokio::test]
async fn identity_providers_by_their_ids() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let instances = "/r/identity-provider/instances";
    let provider = |alias: &str| {
        json!({"alias": alias, "providerId": "oidc", "config": {
            "clientId": "c", "clientSecret": "s", "authorizationUrl": "https://i.test/a", "tokenUrl": "https://i.test/t",
        }})
    };
    let refused = admin.post(instances, provider("New One")).await.is(400);
    assert!(refused.text.contains("Empty Space not allowed."));
    admin.post(instances, provider("ne$w")).await.is(400);
    let owner = [("realmkeep-owner", "tool=\"t\", name=\"n\"")];
    admin
        .call_with(Method::POST, instances, Some(provider("idp")), &owner)
        .await
        .is(201);
    let by_alias = admin.get(&format!("{instances}/idp")).await.is(200).body;
    let at = format!("{instances}/{}", by_alias["internalId"].as_str().unwrap());
    assert_eq!(admin.get(&at).await.is(200).body, by_alias);
    // Whose it is does not depend on how it is called.
    let mut changed = by_alias;
    changed["displayName"] = json!("Changed");
    admin.put(&at, changed.clone()).await.is(409);
    admin
        .call_with(Method::PUT, &at, Some(changed), &owner)
        .await
        .is(204);
    let mapper = json!({"name": "m", "identityProviderMapper": "hardcoded-user-session-attribute-idp-mapper", "config": {}});
    let mapper = admin
        .call_with(Method::POST, &format!("{at}/mappers"), Some(mapper), &owner)
        .await
        .is(201)
        .id();
    let read = admin
        .get(&format!("{instances}/idp/mappers/{mapper}"))
        .await
        .is(200)
        .body;
    assert_eq!(read["identityProviderAlias"], "idp");
}

/// A partial import is told object by object.
#[tokio::test]
async fn imports_are_told_object_by_object() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    admin
        .put("/r", json!({"adminEventsEnabled": true}))
        .await
        .is(204);
    admin.delete("/r/admin-events").await.is(204);
    let import = json!({
        "ifResourceExists": "OVERWRITE", "users": [{"username": "alice"}, {"username": "bob"}],
        "roles": {"realm": [{"name": "role"}]},
    });
    for operation in ["CREATE", "UPDATE"] {
        let done = admin
            .post("/r/partialImport", import.clone())
            .await
            .is(200)
            .body;
        let events = admin.get("/r/admin-events").await.is(200).body;
        let mut told: Vec<&str> = events
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["operationType"] == operation && event["resourceType"] == "REALM")
            .map(|event| event["resourcePath"].as_str().unwrap())
            .collect();
        told.sort_unstable();
        let mut written: Vec<String> = done["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| {
                let kind = match result["resourceType"].as_str().unwrap() {
                    "USER" => "users",
                    _ => "roles-by-id",
                };
                format!("{kind}/{}", result["id"].as_str().unwrap())
            })
            .collect();
        written.sort();
        assert_eq!(told, written);
        assert_eq!(events.as_array().unwrap().len(), written.len(), "{events}");
        admin.delete("/r/admin-events").await.is(204);
    }
}
