//! What declarative tools get beside Keycloak's API: entity tags, dry runs, batches, owners, digests of
//! secrets, the change feed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Server};

const OPERATOR: &str =
    "tool=\"realmkeep-operator\", kind=\"Client\", namespace=\"shop\", name=\"web\"";
const TERRAFORM: &str = "tool=\"terraform\", name=\"main\"";

/// One object of every kind: its address.
async fn one_of_each(admin: &Caller<'_>) -> Vec<String> {
    let client = json!({"clientId": "c", "secret": "s3cret"});
    let client = admin.post("/r/clients", client).await.is(201).id();
    let mapper = json!({
        "name": "m", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
        "config": {"claim.name": "x", "claim.value": "y"},
    });
    let mappers = format!("/r/clients/{client}/protocol-mappers/models");
    let mapper_id = admin.post(&mappers, mapper.clone()).await.is(201).id();
    let scope = json!({"name": "s", "protocol": "openid-connect"});
    let scope = admin.post("/r/client-scopes", scope).await.is(201).id();
    let of_scope = format!("/r/client-scopes/{scope}/protocol-mappers/models");
    let scope_mapper = admin.post(&of_scope, mapper).await.is(201).id();
    admin
        .post("/r/roles", json!({"name": "role"}))
        .await
        .is(201);
    let role = admin.get("/r/roles/role").await.is(200).body["id"].clone();
    let of_client = format!("/r/clients/{client}/roles");
    admin
        .post(&of_client, json!({"name": "role"}))
        .await
        .is(201);
    let group = admin
        .post("/r/groups", json!({"name": "g"}))
        .await
        .is(201)
        .id();
    let user = json!({"username": "alice", "enabled": true});
    let user = admin.post("/r/users", user).await.is(201).id();
    let provider = json!({
        "alias": "idp", "providerId": "oidc",
        "config": {
            "issuer": "https://i.example.test", "clientId": "x", "clientSecret": "idp-s3cret",
            "authorizationUrl": "https://i.example.test/a", "tokenUrl": "https://i.example.test/t",
        },
    });
    admin
        .post("/r/identity-provider/instances", provider)
        .await
        .is(201);
    let of_provider = "/r/identity-provider/instances/idp/mappers";
    let provider_mapper = json!({
        "name": "m", "identityProviderAlias": "idp", "identityProviderMapper": "hardcoded-user-session-attribute-idp-mapper",
        "config": {"attribute": "a", "attribute.value": "b"},
    });
    let provider_mapper = admin.post(of_provider, provider_mapper).await.is(201).id();
    let flow = json!({"alias": "flow", "providerId": "basic-flow", "topLevel": true});
    let flow = admin
        .post("/r/authentication/flows", flow)
        .await
        .is(201)
        .id();
    let step = json!({"provider": "identity-provider-redirector"});
    let steps = "/r/authentication/flows/flow/executions/execution";
    let execution = admin.post(steps, step).await.is(201).id();
    let config = json!({"alias": "cfg", "config": {"defaultProvider": "idp"}});
    let configs = format!("/r/authentication/executions/{execution}/config");
    let config = admin.post(&configs, config).await.is(201).id();
    let components = admin.get("/r/components").await.is(200).body;
    let component = components[0]["id"].as_str().unwrap();
    vec![
        "/r".to_owned(),
        format!("/r/clients/{client}"),
        format!("{mappers}/{mapper_id}"),
        format!("/r/client-scopes/{scope}"),
        format!("{of_scope}/{scope_mapper}"),
        "/r/roles/role".to_owned(),
        format!("/r/roles-by-id/{}", role.as_str().unwrap()),
        format!("{of_client}/role"),
        format!("/r/groups/{group}"),
        format!("/r/users/{user}"),
        "/r/identity-provider/instances/idp".to_owned(),
        format!("{of_provider}/{provider_mapper}"),
        format!("/r/authentication/flows/{flow}"),
        format!("/r/authentication/config/{config}"),
        "/r/authentication/required-actions/UPDATE_PASSWORD".to_owned(),
        format!("/r/components/{component}"),
        "/r/users/profile".to_owned(),
        "/r/client-policies/policies".to_owned(),
    ]
}

/// The whole realm but for its users, and its users.
async fn state(admin: &Caller<'_>, realm: &str) -> Value {
    let export = format!("/{realm}/partial-export?exportClients=true&exportGroupsAndRoles=true");
    let export = admin.post(&export, json!({})).await.is(200).body;
    let users = admin.get(&format!("/{realm}/users")).await.is(200).body;
    let events = admin
        .get(&format!("/{realm}/admin-events"))
        .await
        .is(200)
        .body;
    json!([export, users, events])
}

async fn with_tag(
    admin: &Caller<'_>,
    method: Method,
    path: &str,
    body: &Value,
    tag: &str,
) -> Answer {
    let headers = [("if-match", tag)];
    admin
        .call_with(method, path, Some(body.clone()), &headers)
        .await
}

/// RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2, for every kind of object.
///
/// spec: ADMR-04
#[tokio::test]
async fn every_object_has_a_tag_that_changes_with_it() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    for path in one_of_each(&admin).await {
        let seen = admin.get(&path).await.is(200);
        let tag = seen.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.len() > 20, "{path}: {tag}");
        assert_eq!(admin.get(&path).await.header("etag"), tag, "{path}");
        let not_modified = admin
            .call_with(Method::GET, &path, None, &[("if-none-match", &tag)])
            .await
            .is(304);
        assert_eq!(
            (not_modified.text.as_str(), not_modified.header("etag")),
            ("", &*tag)
        );
        let other = [("if-none-match", "\"other\"")];
        admin
            .call_with(Method::GET, &path, None, &other)
            .await
            .is(200);

        // What it says must not be set again as it is everywhere.
        let mut body = seen.body.clone();
        if path == "/r" {
            body = json!({"displayName": "R"});
        }
        with_tag(&admin, Method::PUT, &path, &body, "\"stale\"")
            .await
            .is(412);
        let weak = format!("W/{tag}");
        with_tag(&admin, Method::PUT, &path, &body, &weak)
            .await
            .is(412);
        assert_eq!(
            admin.get(&path).await.header("etag"),
            tag,
            "{path}: changed by a refused PUT"
        );
        let none = [("if-none-match", "*")];
        admin
            .call_with(Method::PUT, &path, Some(body.clone()), &none)
            .await
            .is(412);
        let put = with_tag(&admin, Method::PUT, &path, &body, &format!("\"x\", {tag}")).await;
        assert!(
            put.status.is_success(),
            "{path}: {} {}",
            put.status,
            put.text
        );
        if path.ends_with("/profile") || path == "/r" {
            continue;
        }
        if path.contains("required-actions") || path.contains("policies") {
            continue;
        }
        with_tag(&admin, Method::DELETE, &path, &Value::Null, "\"stale\"")
            .await
            .is(412);
    }
    let bad = [("if-match", "no quotes")];
    admin
        .call_with(Method::PUT, "/r", Some(json!({})), &bad)
        .await
        .is(400);
    let absent = [("if-match", "*")];
    let gone = admin.call_with(Method::PUT, "/r/clients/nope", Some(json!({})), &absent);
    gone.await.is(412);
}

/// Of several who saw the same state, one writes.
#[tokio::test]
async fn one_of_those_with_the_same_tag_wins() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let id = admin
        .post("/r/clients", json!({"clientId": "c"}))
        .await
        .is(201)
        .id();
    let path = format!("/r/clients/{id}");
    for round in 0..3 {
        let tag = admin.get(&path).await.is(200).header("etag").to_owned();
        let writers = (0..6).map(|i| {
            let (admin, path, tag) = (admin.clone(), path.clone(), tag.clone());
            async move {
                let body = json!({"name": format!("{round}-{i}")});
                let answer = with_tag(&admin, Method::PUT, &path, &body, &tag).await;
                (answer.status.as_u16(), format!("{round}-{i}"))
            }
        });
        let answers = futures::future::join_all(writers).await;
        let won: Vec<_> = answers
            .iter()
            .filter(|(status, _)| *status == 204)
            .collect();
        let lost = answers.iter().filter(|(status, _)| *status == 412).count();
        assert_eq!((won.len(), lost), (1, 5), "{answers:?}");
        assert_eq!(admin.get(&path).await.body["name"], won[0].1.as_str());
    }
}

/// A secret that is not shown has a digest beside it, and the tag changes with it.
///
/// spec: SEC-03
#[tokio::test]
async fn a_masked_secret_shows_that_it_changed_and_not_what_it_is() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let paths = one_of_each(&admin).await;
    let provider = "/r/identity-provider/instances/idp";
    let smtp = json!({"smtpServer": {"host": "h", "password": "smtp-s3cret"}});
    admin.put("/r", smtp).await.is(204);
    let changes = [
        (
            provider,
            "config.clientSecret",
            json!({"config": {
                "issuer": "https://i.example.test", "clientId": "x", "clientSecret": "idp-s3cret-2",
                "authorizationUrl": "https://i.example.test/a", "tokenUrl": "https://i.example.test/t",
            }}),
        ),
        (
            "/r",
            "smtpServer.password",
            json!({"smtpServer": {"host": "h", "password": "smtp-s3cret-2"}}),
        ),
        (paths[1].as_str(), "secret", json!({"secret": "s3cret-2"})),
    ];
    let viewer = server
        .user_with(
            "r",
            "viewer",
            "realm-management",
            &["view-clients", "view-realm", "view-identity-providers"],
        )
        .await;
    for (path, field, change) in changes {
        let before = viewer.get(path).await.is(200);
        let digests = before.header("realmkeep-secret-digests").to_owned();
        assert!(
            digests.starts_with(&format!("\"{field}\";digest=\"")),
            "{path}: {digests}"
        );
        assert!(
            !format!("{digests}{}", before.text).contains("s3cret"),
            "{path}"
        );
        // Set to what it is, it stays.
        admin.put(path, change.clone()).await.is(204);
        let after = viewer.get(path).await.is(200);
        let again = after.header("realmkeep-secret-digests").to_owned();
        assert_eq!(after.body, before.body, "{path}");
        assert_ne!(again, digests, "{path}");
        assert_ne!(after.header("etag"), before.header("etag"), "{path}");
        admin.put(path, change).await.is(204);
        assert_eq!(
            viewer.get(path).await.header("realmkeep-secret-digests"),
            again,
            "{path}"
        );
    }

    let object = paths[1].strip_prefix("/r/").unwrap();
    let asked = |object: &str, field: &str, value: &str| json!({"secrets": [{"object": object, "field": field, "value": value}]});
    let compare = "/r/secret-comparisons";
    for (object, field, right) in [
        (object, "secret", "s3cret-2"),
        ("", "smtpServer.password", "smtp-s3cret-2"),
        (
            "identity-provider/instances/idp",
            "config.clientSecret",
            "idp-s3cret-2",
        ),
    ] {
        for (value, equal) in [(right, true), ("wrong", false), ("", false)] {
            let answer = admin
                .post(compare, asked(object, field, value))
                .await
                .is(200);
            assert_eq!(
                answer.body["results"][0]["equal"], equal,
                "{object} {field} {value}"
            );
            assert!(!answer.text.contains("s3cret"));
        }
        // To look at an object is not to test its secret.
        viewer
            .post(compare, asked(object, field, right))
            .await
            .is(403);
    }
    admin
        .post(compare, asked("clients/nope", "secret", "x"))
        .await
        .is(404);
    admin
        .post(compare, asked("users/x", "secret", "x"))
        .await
        .is(400);
    for _ in 0..25 {
        admin.post(compare, asked(object, "secret", "guess")).await;
    }
    admin
        .post(compare, asked(object, "secret", "s3cret-2"))
        .await
        .is(429);
    // Others' secrets are not held back.
    admin
        .post(compare, asked("", "smtpServer.password", "x"))
        .await
        .is(200);
}

/// A dry run answers as the call does, and nothing is there afterwards: no object, no event.
///
/// spec: ADMR-04
#[tokio::test]
async fn a_dry_run_answers_and_writes_nothing() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let paths = one_of_each(&admin).await;
    let events = json!({"adminEventsEnabled": true, "adminEventsDetailsEnabled": true});
    admin.put("/r", events).await.is(204);
    let before = state(&admin, "r").await;
    let client = paths[1].clone();
    let user = paths[9].clone();
    let tried: Vec<(Method, String, Value, u16)> = vec![
        (
            Method::POST,
            "/r/clients".into(),
            json!({"clientId": "new"}),
            201,
        ),
        (
            Method::POST,
            "/r/clients".into(),
            json!({"clientId": "c"}),
            409,
        ),
        (
            Method::POST,
            "/r/clients".into(),
            json!({"clientId": "n", "nope": 1}),
            400,
        ),
        (
            Method::POST,
            "/r/users".into(),
            json!({"username": "bob"}),
            201,
        ),
        (
            Method::POST,
            "/r/users".into(),
            json!({"username": "alice"}),
            409,
        ),
        (Method::POST, "/r/groups".into(), json!({"name": "g"}), 409),
        (Method::POST, "/r/roles".into(), json!({"name": "new"}), 201),
        (
            Method::POST,
            "/r/authentication/flows".into(),
            json!({"alias": "f2", "providerId": "basic-flow", "topLevel": true}),
            201,
        ),
        (Method::PUT, client.clone(), json!({"name": "other"}), 204),
        (
            Method::PUT,
            client.clone(),
            json!({"redirectUris": ["https://x.example/#part"]}),
            400,
        ),
        (
            Method::PUT,
            "/r".into(),
            json!({"displayName": "other", "realm": "renamed"}),
            204,
        ),
        (
            Method::PUT,
            format!("{user}/reset-password"),
            json!({"type": "password", "value": "pw"}),
            204,
        ),
        (
            Method::POST,
            format!("{client}/client-secret"),
            json!({}),
            200,
        ),
        (Method::DELETE, client.clone(), Value::Null, 204),
        (Method::DELETE, user, Value::Null, 204),
        (Method::DELETE, "/r".into(), Value::Null, 204),
        (Method::DELETE, "/r/clients/nope".into(), Value::Null, 404),
        (
            Method::POST,
            "/r/partialImport".into(),
            json!({"ifResourceExists": "OVERWRITE", "users": [{"username": "alice"}, {"username": "new"}]}),
            200,
        ),
        (Method::POST, "".into(), json!({"realm": "other"}), 201),
        (Method::POST, "".into(), json!({"realm": "r"}), 409),
    ];
    for (method, path, body, status) in tried {
        let path = format!("{path}?dryRun=true");
        let answer = admin.call(method.clone(), &path, Some(body)).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{method} {path}: {}",
            answer.text
        );
        assert_eq!(
            answer.header("realmkeep-dry-run"),
            "true",
            "{method} {path}"
        );
    }
    assert_eq!(state(&admin, "r").await, before);
    admin.get("/other").await.is(404);
    let viewer = server
        .user_with("r", "viewer", "realm-management", &["view-clients"])
        .await;
    viewer
        .post("/r/clients?dryRun=true", json!({"clientId": "new"}))
        .await
        .is(403);
    // A precondition is looked at, too.
    let stale = [("if-match", "\"stale\"")];
    let tried = format!("{client}?dryRun=true");
    admin
        .call_with(Method::PUT, &tried, Some(json!({})), &stale)
        .await
        .is(412);
    // What cannot be taken back is not tried.
    let mail = format!("{}/send-verify-email?dryRun=true", paths[9]);
    let refused = admin.put(&mail, json!({})).await.is(400);
    assert!(refused.text.contains("dryRun"));
}

/// All operations of a batch, or none.
///
/// spec: ADMR-04
#[tokio::test]
async fn a_batch_is_carried_out_as_a_whole_or_not_at_all() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    admin
        .put("/r", json!({"adminEventsEnabled": true}))
        .await
        .is(204);
    let good = json!({"operations": [
        {"method": "PUT", "path": "", "body": {"displayName": "batched"}},
        {"method": "POST", "path": "clients", "body": {"clientId": "web", "serviceAccountsEnabled": true}, "as": "web"},
        {"method": "POST", "path": "clients/{web}/roles", "body": {"name": "viewer"}},
        {"method": "POST", "path": "groups", "body": {"name": "staff"}, "as": "staff"},
        {"method": "POST", "path": "users", "body": {"username": "ann", "enabled": true, "email": "ann@example.test", "emailVerified": true, "firstName": "A", "lastName": "N", "credentials": [{"type": "password", "value": "pw"}]}, "as": "ann"},
        {"method": "PUT", "path": "users/{ann}/groups/{staff}"},
        {"method": "PUT", "path": "clients/{web}", "body": {"id": "{web}", "name": "Web"}, "ifMatch": "*"},
    ]});
    let dry = admin
        .post("/r/batch?dryRun=true", good.clone())
        .await
        .is(200);
    assert_eq!(
        (&dry.body["applied"], dry.header("realmkeep-dry-run")),
        (&json!(false), "true")
    );
    assert_eq!(admin.get("/r/users").await.body, json!([]));

    let done = admin.post("/r/batch", good).await.is(200);
    assert_eq!(done.body["applied"], true, "{}", done.text);
    let statuses: Vec<&Value> = done.body["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["status"])
        .collect();
    assert_eq!(
        statuses,
        [204, 201, 201, 201, 201, 204, 204],
        "{}",
        done.text
    );
    assert_eq!(admin.get("/r").await.body["displayName"], "batched");
    let web = admin.get("/r/clients?clientId=web").await.body[0].clone();
    assert_eq!(web["name"], "Web");
    let web = web["id"].as_str().unwrap().to_owned();
    admin
        .get(&format!("/r/clients/{web}/roles/viewer"))
        .await
        .is(200);
    let staff = admin.get("/r/groups").await.body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        admin
            .get(&format!("/r/groups/{staff}/members"))
            .await
            .names("username"),
        ["ann"]
    );
    server.login("r", "ann", "pw").await;
    let events = admin.get("/r/admin-events").await.is(200).body;
    let kinds: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["resourceType"].as_str().unwrap())
        .collect();
    assert!(
        kinds.contains(&"GROUP_MEMBERSHIP") && kinds.contains(&"CLIENT_ROLE"),
        "{kinds:?}"
    );

    let before = state(&admin, "r").await;
    let client = format!("clients/{web}");
    for (last, status) in [
        (
            json!({"method": "POST", "path": "clients", "body": {"clientId": "web"}}),
            409,
        ),
        (
            json!({"method": "PUT", "path": client, "body": {}, "ifMatch": "\"stale\""}),
            412,
        ),
        (
            json!({"method": "PUT", "path": client, "body": {"nope": 1}}),
            400,
        ),
        (json!({"method": "DELETE", "path": "clients/nope"}), 404),
        (json!({"method": "GET", "path": "clients"}), 400),
        (
            json!({"method": "POST", "path": "batch", "body": {"operations": []}}),
            400,
        ),
        (
            json!({"method": "POST", "path": "../master/users", "body": {"username": "x"}}),
            400,
        ),
    ] {
        let bad = json!({"operations": [
            {"method": "POST", "path": "clients", "body": {"clientId": "half"}},
            {"method": "DELETE", "path": client},
            {"method": "POST", "path": "clients", "body": {"clientId": "web"}},
            {"method": "DELETE", "path": "clients/nope"},
        ]});
        let mut bad = bad;
        bad["operations"].as_array_mut().unwrap().truncate(1);
        bad["operations"].as_array_mut().unwrap().push(last);
        let refused = admin.post("/r/batch", bad).await.is(status);
        assert_eq!(
            (&refused.body["failed"], &refused.body["applied"]),
            (&json!(1), &json!(false))
        );
        let text = refused.body["errorMessage"].as_str().unwrap();
        assert!(text.starts_with("operations[1]: "), "{text}");
    }
    assert_eq!(state(&admin, "r").await, before);

    // Each operation needs the rights of the call by itself.
    let manager = server
        .user_with("r", "carl", "realm-management", &["manage-clients"])
        .await;
    let refused = manager
        .post(
            "/r/batch",
            json!({"operations": [
                {"method": "POST", "path": "clients", "body": {"clientId": "mine"}},
                {"method": "POST", "path": "users", "body": {"username": "mine"}},
            ]}),
        )
        .await
        .is(403);
    assert_eq!(refused.body["failed"], 1);
    assert_eq!(admin.get("/r/clients?clientId=mine").await.body, json!([]));
    let many: Vec<Value> = (0..1_001)
        .map(|_| json!({"method": "DELETE", "path": "clients/x"}))
        .collect();
    admin
        .post("/r/batch", json!({"operations": many}))
        .await
        .is(400);
    admin
        .post("/r/batch", json!({"operations": []}))
        .await
        .is(200);
}

/// What one tool manages, another one changes only by force.
#[tokio::test]
async fn an_object_has_an_owner_that_others_are_told_of() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let mine = [("realmkeep-owner", OPERATOR)];
    let theirs = [("realmkeep-owner", TERRAFORM)];
    let by_force = [("realmkeep-owner", TERRAFORM), ("realmkeep-force", "?1")];
    let put = Method::PUT;
    for path in one_of_each(&admin).await {
        // A part belongs to its whole, and a role has two addresses: below.
        let other = [
            "/roles-by-id/",
            "/models/",
            "/mappers/",
            "/profile",
            "/policies",
        ];
        if other.iter().any(|part| path.contains(part)) {
            continue;
        }
        let body = match path.as_str() {
            "/r" => json!({"displayName": "R"}),
            _ => admin.get(&path).await.is(200).body,
        };
        let write = |headers| admin.call_with(put.clone(), &path, Some(body.clone()), headers);
        let claimed = write(&mine).await;
        assert!(claimed.status.is_success(), "{path}: {}", claimed.text);
        assert_eq!(
            admin.get(&path).await.header("realmkeep-owner"),
            OPERATOR,
            "{path}"
        );
        for others in [&theirs[..], &[]] {
            let refused = write(others).await.is(409);
            let text = refused.body["errorMessage"].as_str().unwrap();
            assert!(
                text.contains("realmkeep-operator: Client shop/web"),
                "{path}: {text}"
            );
        }
        assert!(write(&mine).await.status.is_success(), "{path}");
        let taken = write(&by_force).await;
        assert!(taken.status.is_success(), "{path}: {}", taken.text);
        assert_eq!(
            admin.get(&path).await.header("realmkeep-owner"),
            TERRAFORM,
            "{path}"
        );
        let deletable = path != "/r" && !path.contains("/components/");
        if deletable && path.starts_with("/r/clients/") && !path.contains("/roles/") {
            // Its parts belong to it.
            let part = format!(
                "{}/client-secret",
                path.split("/protocol-mappers").next().unwrap()
            );
            admin
                .call_with(Method::POST, &part, Some(json!({})), &mine)
                .await
                .is(409);
        }
        if deletable {
            admin
                .call_with(Method::DELETE, &path, None, &mine)
                .await
                .is(409);
        }
    }
    let owners = admin.get("/r/owners").await.is(200).body;
    let owners = owners.as_array().unwrap();
    assert_eq!(owners.len(), 12, "{owners:?}");
    assert!(
        owners.iter().all(|o| o["owner"]["tool"] == "terraform"),
        "{owners:?}"
    );
    admin
        .call_with(Method::DELETE, "/r", None, &mine)
        .await
        .is(409);

    // By its other address, it is the same role.
    let role = admin.get("/r/roles/role").await.body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let roles = format!("/r/roles-by-id/{role}");
    admin
        .put(&roles, json!({"name": "role", "description": "x"}))
        .await
        .is(409);
    // Deleted, it has no owner; a new one is its maker's.
    let id = admin
        .post("/r/clients", json!({"clientId": "d", "id": "the-id"}))
        .await
        .is(201)
        .id();
    let path = format!("/r/clients/{id}");
    admin
        .call_with(put, &path, Some(json!({"name": "x"})), &mine)
        .await
        .is(204);
    admin
        .call_with(Method::DELETE, &path, None, &mine)
        .await
        .is(204);
    let made = json!({"clientId": "d", "id": "the-id"});
    admin
        .call_with(Method::POST, "/r/clients", Some(made), &theirs)
        .await
        .is(201);
    assert_eq!(admin.get(&path).await.header("realmkeep-owner"), TERRAFORM);
    let bad = [("realmkeep-owner", "terraform")];
    admin
        .call_with(Method::DELETE, &path, None, &bad)
        .await
        .is(400);
    admin
        .call_with(Method::DELETE, &path, None, &theirs)
        .await
        .is(204);
}

/// Reads server-sent events until `enough` of them came.
async fn events(mut response: reqwest::Response, enough: usize) -> Vec<(String, i64, Value)> {
    let mut text = String::new();
    let mut found = Vec::new();
    while found.len() < enough {
        let chunk = response.chunk().await.unwrap().expect("the feed goes on");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| {
                let mut lines = event.lines();
                lines.find_map(|l| l.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
            };
            if let (Some(kind), Some(id), Some(data)) = (field("event"), field("id"), field("data"))
            {
                found.push((
                    kind,
                    id.parse().unwrap(),
                    serde_json::from_str(&data).unwrap(),
                ));
            }
            text = rest.to_owned();
        }
    }
    found
}

/// A partial import asks the owner of each object that it overwrites, and its caller owns what it has written:
/// one object of somebody else, and nothing is imported.
///
/// spec: ADMR-04
#[tokio::test]
async fn a_partial_import_looks_at_owners() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let mine = [("realmkeep-owner", OPERATOR)];
    let theirs = [("realmkeep-owner", TERRAFORM)];
    let force = ("realmkeep-force", "?1");
    let import = json!({
        "ifResourceExists": "OVERWRITE",
        "clients": [{"clientId": "c"}],
        "roles": {"realm": [{"name": "role"}], "client": {"c": [{"name": "inner"}]}},
        "groups": [{"name": "g", "subGroups": [{"name": "below"}]}],
        "users": [{"username": "alice"}],
        "identityProviders": [{"alias": "idp", "providerId": "oidc", "config": {
            "clientId": "x", "clientSecret": "y", "authorizationUrl": "https://i.test/a", "tokenUrl": "https://i.test/t",
        }}],
    });
    let owned = async || {
        let owners = admin.get("/r/owners").await.is(200).body;
        let mut owned: Vec<String> = Vec::new();
        for one in owners.as_array().unwrap() {
            let object = one["object"].as_str().unwrap();
            // None is left behind of what is gone.
            admin.get(&format!("/r/{object}")).await.is(200);
            let kind = object.split('/').next().unwrap();
            owned.push(format!("{kind} {}", one["owner"]["tool"].as_str().unwrap()));
        }
        owned.sort();
        owned
    };
    let all_of = |tool: &str| {
        let kinds = [
            "clients",
            "groups",
            "identity-provider",
            "roles-by-id",
            "roles-by-id",
            "users",
        ];
        kinds.map(|kind| format!("{kind} {tool}")).to_vec()
    };
    let partial = async |headers: &[(&str, &str)], body: &Value| {
        let path = "/r/partialImport";
        admin
            .call_with(Method::POST, path, Some(body.clone()), headers)
            .await
    };
    partial(&mine, &import).await.is(200);
    assert_eq!(owned().await, all_of("realmkeep-operator"));
    for (section, name) in [
        ("clients", "clients/"),
        ("roles", "roles-by-id/"),
        ("groups", "groups/"),
        ("users", "users/"),
        ("identityProviders", "identity-provider/"),
    ] {
        let one = json!({
            "ifResourceExists": "OVERWRITE", section: import[section], "users": [{"username": "new"}, {"username": "alice"}],
        });
        let before = state(&admin, "r").await;
        for headers in [&theirs[..], &[]] {
            let refused = partial(headers, &one).await.is(409);
            let message = refused.body["errorMessage"].as_str().unwrap();
            assert!(
                message.contains("realmkeep-operator: Client shop/web"),
                "{message}"
            );
            assert!(
                message.starts_with(name) || message.starts_with("users/"),
                "{message}"
            );
        }
        assert_eq!(state(&admin, "r").await, before);
    }
    // Skipped is not touched.
    let mut skip = import.clone();
    skip["ifResourceExists"] = json!("SKIP");
    partial(&theirs, &skip).await.is(200);
    assert_eq!(owned().await, all_of("realmkeep-operator"));
    // By force and without a name they stay whose they were; with one they are taken over.
    partial(&[force], &import).await.is(200);
    let kept = owned().await;
    assert!(
        kept.iter().all(|one| one.ends_with("realmkeep-operator")),
        "{kept:?}"
    );
    partial(&[theirs[0], force], &import).await.is(200);
    assert_eq!(owned().await, all_of("terraform"));
}

/// The feed tells what changed, goes on after an interruption, and says when it cannot.
#[tokio::test]
async fn a_change_feed_goes_on_where_it_was() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    admin.new_realm("other").await;
    let sse = ("accept", "text/event-stream");
    let feed = admin.send(Method::GET, "/r/changes", None, &[sse]).await;
    assert_eq!(feed.headers()["content-type"], "text/event-stream");
    let client = json!({"clientId": "web"});
    let (seen, ()) = tokio::join!(events(feed, 3), async {
        // Changes before the feed was open are not in it; of another realm, neither.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        admin.post("/other/clients", client.clone()).await.is(201);
        admin.post("/r/clients", client.clone()).await.is(201);
        admin.put("/r", json!({"displayName": "x"})).await.is(204);
    });
    assert_eq!(seen[0].0, "ready");
    assert_eq!(
        (&*seen[1].0, &seen[1].2),
        ("change", &json!({"kind": "client", "clientId": "web"}))
    );
    assert_eq!(
        (&*seen[2].0, &seen[2].2),
        ("change", &json!({"kind": "realm"}))
    );

    // What happened meanwhile comes first.
    let user = admin
        .post("/r/users", json!({"username": "user"}))
        .await
        .is(201)
        .id();
    let last = seen[1].1.to_string();
    let headers = [sse, ("last-event-id", &*last)];
    let again = events(
        admin.send(Method::GET, "/r/changes", None, &headers).await,
        2,
    )
    .await;
    assert_eq!(
        (again[0].1, &again[0].2),
        (seen[2].1, &json!({"kind": "realm"}))
    );
    assert_eq!(again[1].2, json!({"kind": "user", "id": user}));

    // From before what is known, and from a future that was lost.
    for cursor in ["-5", "99999999"] {
        let headers = [sse, ("last-event-id", cursor)];
        let feed = admin.send(Method::GET, "/r/changes", None, &headers).await;
        assert_eq!(events(feed, 1).await[0].0, "reset", "{cursor}");
        let page = admin
            .get(&format!("/r/changes?since={cursor}"))
            .await
            .is(200)
            .body;
        assert_eq!(page["reset"], true, "{cursor}");
    }
    let page = admin
        .get(&format!("/r/changes?since={last}"))
        .await
        .is(200)
        .body;
    assert_eq!(page["changes"].as_array().unwrap().len(), 2, "{page}");
    assert_eq!(page["cursor"], again[1].1);
    let headers = [sse, ("last-event-id", "x")];
    let bad = admin.send(Method::GET, "/r/changes", None, &headers).await;
    assert_eq!(bad.status(), 400);

    // Who sees only users, sees only users.
    let viewer = server
        .user_with("r", "viewer", "realm-management", &["view-users"])
        .await;
    let page = viewer
        .get(&format!("/r/changes?since={last}"))
        .await
        .is(200)
        .body;
    let kinds: Vec<&Value> = page["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["kind"])
        .collect();
    assert!(
        kinds.contains(&&json!("user")) && !kinds.contains(&&json!("client")),
        "{page}"
    );
}
