//! Who may do what: by role, by realm, and never more than they have themselves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use crate::support::Server;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn strangers_get_nothing() {
    let server = Server::start().await;
    let stranger = server.stranger();
    for path in [
        "",
        "/master",
        "/nope",
        "/master/users",
        "/master/organizations",
        "/admin/serverinfo",
    ] {
        let answer = stranger.get(path).await.is(401);
        assert_eq!(
            answer.body,
            json!({"error": "HTTP 401 Unauthorized"}),
            "{path}"
        );
    }
    server.bearer("x").get("/master").await.is(401);
    stranger.post("", json!({"realm": "r"})).await.is(401);
}

/// Only access tokens count, and only while account, client and session are good.
#[tokio::test]
async fn tokens_end_with_what_they_stand_on() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "admin"),
        ("password", "admin"),
        ("scope", "openid"),
    ];
    let tokens = server.token("master", &form).await.is(200).body;
    server
        .bearer(tokens["access_token"].as_str().unwrap())
        .get("/master")
        .await
        .is(200);
    for other in ["id_token", "refresh_token"] {
        server
            .bearer(tokens[other].as_str().unwrap())
            .get("/master")
            .await
            .is(401);
    }

    let manager = server
        .user_with("r", "manager", "realm-management", &["view-users"])
        .await;
    manager.get("/r/users").await.is(200);
    let id = admin.get("/r/users?username=manager").await.body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    admin
        .put(&format!("/r/users/{id}"), json!({"enabled": false}))
        .await
        .is(204);
    manager.get("/r/users").await.is(401);
    admin
        .put(&format!("/r/users/{id}"), json!({"enabled": true}))
        .await
        .is(204);
    manager.get("/r/users").await.is(200);
    // Rights are those of the account now, not those it had when the token was issued.
    let client = admin.get("/r/clients?clientId=realm-management").await.body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mappings = format!("/r/users/{id}/role-mappings/clients/{client}");
    admin.call(Method::DELETE, &mappings, None).await.is(204);
    manager.get("/r/users").await.is(403);
    admin.put("/r", json!({"enabled": false})).await.is(204);
    manager.get("/r/users").await.is(401);
}

/// spec: REALM-04, ADMR-04, ADMR-08, ADMR-09, ADMR-10, ADMR-12, ADMR-13, ADMR-15, ADMR-17, ADMR-18, ADMR-22
#[tokio::test]
async fn each_right_opens_its_own_door() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    admin.new_realm("other").await;
    let user = admin
        .post("/r/users", json!({"username": "victim", "enabled": true}))
        .await
        .id();
    let client = admin
        .post(
            "/r/clients",
            json!({"clientId": "c", "secret": "canary-secret"}),
        )
        .await
        .id();
    let reads = [
        ("/r/users".to_owned(), "view-users"),
        (format!("/r/users/{user}"), "view-users"),
        (format!("/r/clients/{client}"), "view-clients"),
        ("/r/client-scopes".to_owned(), "view-clients"),
        ("/r/keys".to_owned(), "view-realm"),
        ("/r/components".to_owned(), "view-realm"),
        (
            "/r/identity-provider/instances".to_owned(),
            "view-identity-providers",
        ),
        ("/r/events".to_owned(), "view-events"),
    ];
    let writes: [(Method, String, Value, &str); 9] = [
        (
            Method::PUT,
            "/r".to_owned(),
            json!({"displayName": "x"}),
            "manage-realm",
        ),
        (
            Method::POST,
            "/r/roles".to_owned(),
            json!({"name": "x"}),
            "manage-realm",
        ),
        (
            Method::POST,
            "/r/users".to_owned(),
            json!({"username": "new"}),
            "manage-users",
        ),
        (
            Method::PUT,
            format!("/r/users/{user}/reset-password"),
            json!({"value": "x"}),
            "manage-users",
        ),
        (
            Method::POST,
            "/r/groups".to_owned(),
            json!({"name": "g"}),
            "manage-users",
        ),
        (
            Method::POST,
            format!("/r/clients/{client}/client-secret"),
            json!({}),
            "manage-clients",
        ),
        (
            Method::POST,
            "/r/client-scopes".to_owned(),
            json!({"name": "s"}),
            "manage-clients",
        ),
        (
            Method::POST,
            "/r/clients".to_owned(),
            json!({"clientId": "d"}),
            "create-client",
        ),
        (
            Method::POST,
            "/r/identity-provider/instances".to_owned(),
            json!({"alias": "k", "providerId": "kubernetes"}),
            "manage-identity-providers",
        ),
    ];
    let all = [
        "view-users",
        "view-clients",
        "view-realm",
        "view-identity-providers",
        "view-events",
        "manage-realm",
        "manage-users",
        "manage-clients",
        "create-client",
        "manage-identity-providers",
    ];
    for right in all {
        let caller = server
            .user_with("r", &format!("with-{right}"), "realm-management", &[right])
            .await;
        for (path, wanted) in &reads {
            let opens = right == *wanted
                || right.strip_prefix("manage-") == wanted.strip_prefix("view-")
                    && wanted.starts_with("view-");
            let answer = caller.get(path).await;
            assert_eq!(
                answer.status.as_u16(),
                if opens { 200 } else { 403 },
                "{right} {path}: {}",
                answer.text
            );
        }
        for (method, path, body, wanted) in &writes {
            // Deletes nothing and creates each object once: only the holder of the right gets through.
            let opens =
                right == *wanted || (right == "manage-clients" && *wanted == "create-client");
            let answer = caller.call(method.clone(), path, Some(body.clone())).await;
            let status = answer.status.as_u16();
            if opens {
                assert!(
                    matches!(status, 200 | 201 | 204 | 409),
                    "{right} {path}: {}",
                    answer.text
                );
            } else {
                assert_eq!(status, 403, "{right} {path}: {}", answer.text);
            }
        }
        // Another realm is out of reach, and whether it exists is not told.
        caller.get("/other/users").await.is(403);
        caller.get("/master").await.is(403);
        caller.get("/does-not-exist").await.is(403);
        caller.post("", json!({"realm": "mine"})).await.is(403);
        assert_eq!(caller.get("").await.names("realm"), ["r"]);
    }

    // Who only looks does not see secrets.
    let viewer = server
        .login("r", "with-view-clients", "with-view-clients")
        .await;
    for path in [
        format!("/r/clients/{client}"),
        "/r/clients".to_owned(),
        format!("/r/clients/{client}/client-secret"),
    ] {
        let shown = viewer.get(&path).await.is(200);
        assert!(!shown.text.contains("canary-secret"), "{path}");
    }
    let plain = server
        .user_with("r", "plain", "realm-management", &[])
        .await;
    for path in ["/r", "/r/users", ""] {
        assert_eq!(
            plain.get(path).await.is(403).body,
            json!({"error": "HTTP 403 Forbidden"})
        );
    }
}

/// spec: ADMR-02, ADMR-03, ADMR-05, ADMR-06
#[tokio::test]
async fn users_of_master_administer_the_realms_they_have_rights_on() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("a").await;
    admin.new_realm("b").await;
    let of_a = server
        .user_with("master", "of-a", "a-realm", &["manage-users"])
        .await;
    of_a.post("/a/users", json!({"username": "new"}))
        .await
        .is(201);
    of_a.get("/b/users").await.is(403);
    of_a.get("/master/users").await.is(403);
    of_a.put("/a", json!({"displayName": "x"})).await.is(403);
    // The rights inside `a` that it could give away are its own only.
    let management = admin.get("/a/clients?clientId=realm-management").await.body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let rights = admin
        .get(&format!("/a/clients/{management}/roles"))
        .await
        .body;
    let right = |name: &str| {
        json!([rights
            .as_array()
            .unwrap()
            .iter()
            .find(|r| r["name"] == name)
            .unwrap()])
    };
    let user = admin.get("/a/users?username=new").await.body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mappings = format!("/a/users/{user}/role-mappings/clients/{management}");
    of_a.post(&mappings, right("manage-users")).await.is(204);
    of_a.post(&mappings, right("manage-realm")).await.is(403);
    of_a.post(&mappings, right("realm-admin")).await.is(403);
}

/// spec: ADMR-07
#[tokio::test]
async fn who_creates_a_realm_has_the_rights_on_it() {
    let server = Server::start().await;
    let admin = server.admin().await;
    server
        .user_with("master", "creator", "master-realm", &[])
        .await;
    let id = admin.get("/master/users?username=creator").await.body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let role = admin.get("/master/roles/create-realm").await.body;
    admin
        .post(
            &format!("/master/users/{id}/role-mappings/realm"),
            json!([role]),
        )
        .await
        .is(204);
    let creator = server.login("master", "creator", "creator").await;
    creator.new_realm("mine").await;
    creator
        .put("/mine", json!({"displayName": "x"}))
        .await
        .is(204);
    creator.get("/master").await.is(403);
    admin.new_realm("theirs").await;
    creator.get("/theirs").await.is(403);
    creator.delete("/mine").await.is(204);
}

/// Nobody gives away, or takes over, rights that they do not have.
///
/// spec: ADMR-21
#[tokio::test]
async fn no_way_up() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let management = admin.get("/r/clients?clientId=realm-management").await.body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let rights = admin
        .get(&format!("/r/clients/{management}/roles"))
        .await
        .body;
    let right = |name: &str| {
        rights
            .as_array()
            .unwrap()
            .iter()
            .find(|r| r["name"] == name)
            .unwrap()
            .clone()
    };
    let boss = server
        .user_with("r", "boss", "realm-management", &["realm-admin"])
        .await;
    let users = server
        .user_with("r", "users", "realm-management", &["manage-users"])
        .await;
    let id_of = |name: &'static str| {
        let admin = admin.clone();
        async move {
            admin
                .get(&format!("/r/users?username={name}&exact=true"))
                .await
                .body[0]["id"]
                .as_str()
                .unwrap()
                .to_owned()
        }
    };
    let (boss_id, users_id) = (id_of("boss").await, id_of("users").await);
    let own = format!("/r/users/{users_id}/role-mappings/clients/{management}");

    // Directly, by a composite role, by a group, by a default group.
    users
        .post(&own, json!([right("realm-admin")]))
        .await
        .is(403);
    users
        .post(&own, json!([right("manage-realm")]))
        .await
        .is(403);
    admin
        .post("/r/roles", json!({"name": "trojan"}))
        .await
        .is(201);
    admin
        .post("/r/roles/trojan/composites", json!([right("manage-realm")]))
        .await
        .is(204);
    let trojan = admin.get("/r/roles/trojan").await.body;
    users
        .post(
            &format!("/r/users/{users_id}/role-mappings/realm"),
            json!([trojan]),
        )
        .await
        .is(403);
    assert!(
        !users
            .get(&format!(
                "/r/users/{users_id}/role-mappings/realm/available"
            ))
            .await
            .names("name")
            .contains(&"trojan".to_owned())
    );
    let group = admin
        .post("/r/groups", json!({"name": "admins"}))
        .await
        .id();
    admin
        .post(
            &format!("/r/groups/{group}/role-mappings/realm"),
            json!([trojan]),
        )
        .await
        .is(204);
    users
        .put(&format!("/r/users/{users_id}/groups/{group}"), json!({}))
        .await
        .is(403);
    users
        .post(
            "/r/users",
            json!({"username": "joiner", "groups": ["/admins"]}),
        )
        .await
        .is(403);
    let sub = admin
        .post(
            &format!("/r/groups/{group}/children"),
            json!({"name": "sub"}),
        )
        .await
        .id();
    users
        .put(&format!("/r/users/{users_id}/groups/{sub}"), json!({}))
        .await
        .is(403);
    let harmless = users
        .post("/r/groups", json!({"name": "harmless"}))
        .await
        .is(201)
        .id();
    users
        .post(
            &format!("/r/groups/{harmless}/role-mappings/clients/{management}"),
            json!([right("realm-admin")]),
        )
        .await
        .is(403);
    users
        .post(
            &format!("/r/groups/{group}/children"),
            json!({"id": harmless, "name": "harmless"}),
        )
        .await
        .is(403);

    // Nor by becoming somebody who has them.
    let boss_path = format!("/r/users/{boss_id}");
    users
        .put(
            &format!("{boss_path}/reset-password"),
            json!({"value": "taken"}),
        )
        .await
        .is(403);
    users
        .put(&boss_path, json!({"email": "users@evil.test"}))
        .await
        .is(403);
    users.delete(&boss_path).await.is(403);
    users.get(&boss_path).await.is(200);
    users
        .put(&format!("/r/users/{users_id}"), json!({"firstName": "Own"}))
        .await
        .is(204);

    // Nor by a client that has them.
    let clients = server
        .user_with("r", "clients", "realm-management", &["manage-clients"])
        .await;
    let robot = admin
        .post(
            "/r/clients",
            json!({"clientId": "robot", "serviceAccountsEnabled": true, "secret": "robot-secret"}),
        )
        .await
        .id();
    let account = admin
        .get(&format!("/r/clients/{robot}/service-account-user"))
        .await
        .body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    admin
        .post(
            &format!("/r/users/{account}/role-mappings/clients/{management}"),
            json!([right("realm-admin")]),
        )
        .await
        .is(204);
    let shown = clients.get(&format!("/r/clients/{robot}")).await.is(200);
    assert!(!shown.text.contains("robot-secret"));
    assert!(
        !clients
            .get("/r/clients")
            .await
            .text
            .contains("robot-secret")
    );
    clients
        .get(&format!("/r/clients/{robot}/client-secret"))
        .await
        .is(403);
    clients
        .post(&format!("/r/clients/{robot}/client-secret"), json!({}))
        .await
        .is(403);
    clients
        .put(&format!("/r/clients/{robot}"), json!({"secret": "mine"}))
        .await
        .is(403);
    assert!(
        boss.get(&format!("/r/clients/{robot}"))
            .await
            .text
            .contains("robot-secret")
    );

    // Nor by an import.
    let realm = server
        .user_with(
            "r",
            "realm",
            "realm-management",
            &["manage-realm", "manage-users", "manage-clients"],
        )
        .await;
    let import = json!({"users": [{"username": "imported", "clientRoles": {"realm-management": ["realm-admin"]}}]});
    realm.post("/r/partialImport", import).await.is(403);
    let import = json!({"roles": {"realm": [{"name": "t2", "composites": {"client": {"realm-management": ["manage-events"]}}}]}});
    realm.post("/r/partialImport", import).await.is(403);
    realm.get("/r/roles/t2").await.is(404);
    realm.post("/r/roles", json!({"name": "t3", "composites": {"client": {"realm-management": ["manage-events"]}}})).await.is(403);
    realm
        .post(
            "/r/roles/default-roles-r/composites",
            json!([right("manage-events")]),
        )
        .await
        .is(403);
    // Who has it all may give it all.
    boss.post(&own, json!([right("realm-admin")])).await.is(204);
    // Of master, only `admin` gives `admin`.
    let master_users = server
        .user_with("master", "master-user", "master-realm", &["manage-users"])
        .await;
    let mu = admin.get("/master/users?username=master-user").await.body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let role = admin.get("/master/roles/admin").await.body;
    master_users
        .post(
            &format!("/master/users/{mu}/role-mappings/realm"),
            json!([role]),
        )
        .await
        .is(403);
    admin.delete("/master/roles/admin").await.is(400);
    admin
        .delete(&format!("/r/clients/{management}"))
        .await
        .is(403);
}

/// Ids count inside their own realm only.
///
/// spec: CORE-07
#[tokio::test]
async fn nothing_is_found_through_another_realm() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("a").await;
    admin.new_realm("b").await;
    let user = admin
        .post("/a/users", json!({"username": "alice", "enabled": true}))
        .await
        .id();
    let client = admin
        .post(
            "/a/clients",
            json!({"clientId": "c", "serviceAccountsEnabled": true}),
        )
        .await
        .id();
    let group = admin.post("/a/groups", json!({"name": "g"})).await.id();
    let scope = admin
        .post("/a/client-scopes", json!({"name": "s"}))
        .await
        .id();
    admin
        .post("/a/roles", json!({"name": "role"}))
        .await
        .is(201);
    let role = admin.get("/a/roles/role").await.body;
    let role_id = role["id"].as_str().unwrap().to_owned();
    let component = admin.get("/a/components").await.body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for path in [
        format!("users/{user}"),
        format!("clients/{client}"),
        format!("groups/{group}"),
        format!("client-scopes/{scope}"),
        format!("roles-by-id/{role_id}"),
        format!("components/{component}"),
    ] {
        admin.get(&format!("/b/{path}")).await.is(404);
        admin.put(&format!("/b/{path}"), json!({"name": "x"})).await;
        admin.delete(&format!("/b/{path}")).await.is(404);
        admin.get(&format!("/a/{path}")).await.is(200);
    }
    let other = admin
        .post("/b/users", json!({"username": "bob", "enabled": true}))
        .await
        .id();
    admin
        .post(
            &format!("/b/users/{other}/role-mappings/realm"),
            json!([role]),
        )
        .await
        .is(404);
    admin
        .put(&format!("/b/users/{other}/groups/{group}"), json!({}))
        .await
        .is(404);
    admin
        .post(
            &format!("/b/users/{other}/role-mappings/clients/{client}"),
            json!([]),
        )
        .await
        .is(404);
    assert_eq!(admin.get("/a/users/count").await.body, 1);
}
