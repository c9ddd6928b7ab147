//! Groups as consoles and admin clients look for them, move them and show them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Server};

/// A group and one below it for each name; returns their ids.
async fn nested(admin: &Caller<'_>, names: &[&str]) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for name in names {
        let path = match ids.last() {
            Some(parent) => format!("/r/groups/{parent}/children"),
            None => "/r/groups".to_owned(),
        };
        ids.push(admin.post(&path, json!({"name": name})).await.is(201).id());
    }
    ids
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

/// Lists tell what the caller may do with each group; roles and attributes are there where the whole of it is
/// asked for, and the number of sub-groups unless it is not wanted.
#[tokio::test]
async fn lists_show_as_much_as_is_asked_for() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let ids = nested(&admin, &["top", "inner"]).await;
    admin
        .put(
            &format!("/r/groups/{}", ids[0]),
            json!({"name": "top", "attributes": {"a": ["1"]}}),
        )
        .await
        .is(204);
    let brief = admin.get("/r/groups").await.is(200).body;
    assert_eq!(
        keys(&brief[0]),
        ["access", "id", "name", "path", "subGroupCount", "subGroups"]
    );
    assert_eq!(brief[0]["subGroupCount"], 1);
    assert_eq!(
        brief[0]["access"],
        json!({"view": true, "viewMembers": true, "manage": true, "manageMembers": true, "manageMembership": true})
    );
    let full = admin
        .get("/r/groups?briefRepresentation=false")
        .await
        .is(200)
        .body;
    assert_eq!(full[0]["attributes"], json!({"a": ["1"]}));
    assert_eq!(
        (&full[0]["realmRoles"], &full[0]["clientRoles"]),
        (&json!([]), &json!({}))
    );
    let uncounted = admin
        .get("/r/groups?subGroupsCount=false")
        .await
        .is(200)
        .body;
    assert_eq!(uncounted[0]["subGroupCount"], Value::Null);

    // Below a group the whole of each is the default, ten at a time.
    for n in 0..10 {
        let child = json!({"name": format!("n{n}"), "attributes": {"n": [n.to_string()]}});
        let path = format!("/r/groups/{}/children", ids[0]);
        admin.post(&path, child).await.is(201);
    }
    let below = format!("/r/groups/{}/children", ids[0]);
    let children = admin.get(&below).await.is(200).body;
    assert_eq!(children.as_array().unwrap().len(), 10);
    assert_eq!(children[1]["attributes"], json!({"n": ["0"]}));
    let all = admin.get(&format!("{below}?max=-1")).await.is(200).body;
    assert_eq!(all.as_array().unwrap().len(), 11);
    let one = admin
        .get(&format!(
            "{below}?search=n1&exact=true&briefRepresentation=true"
        ))
        .await
        .is(200)
        .body;
    assert_eq!(one.as_array().unwrap().len(), 1);
    assert_eq!(one[0]["attributes"], Value::Null);
}

/// Groups are found by attributes, with those above them or by themselves.
#[tokio::test]
async fn groups_are_found_by_attributes() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let attributes = json!({"org": ["Test_\"org\""], "test \"123\"": ["field=\"blah blah\""]});
    let ids = nested(&admin, &["parent", "child"]).await;
    admin
        .put(
            &format!("/r/groups/{}", ids[1]),
            json!({"name": "child", "attributes": attributes}),
        )
        .await
        .is(204);
    let found = async |query: &str| {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", query)
            .finish();
        admin.get(&format!("/r/groups?{query}")).await.is(200).body
    };
    for query in [
        r#"org:Test_"org""#,
        r#""test \"123\"":"field=\"blah blah\"""#,
        r#"org:Test_"org" "test \"123\"":"field=\"blah blah\"""#,
    ] {
        let tree = found(query).await;
        assert_eq!(tree[0]["name"], "parent", "{query}");
        assert_eq!(tree[0]["subGroups"][0]["name"], "child", "{query}");
    }
    assert_eq!(found("org:other").await, json!([]));
    let alone = admin
        .get("/r/groups?q=org:Test_%22org%22&populateHierarchy=false")
        .await
        .is(200)
        .body;
    assert_eq!(alone[0]["path"], "/parent/child");
    assert_eq!(alone[0]["subGroups"], json!([]));
}

/// A group that is posted with its id moves, with what is below it; names stay unique among siblings.
///
/// spec: GROUP-02
#[tokio::test]
async fn groups_move() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let one = nested(&admin, &["one"]).await.remove(0);
    let two = nested(&admin, &["two", "below"]).await;
    let (two, below) = (&two[0], &two[1]);
    let path = async |id: &str| {
        let group = admin.get(&format!("/r/groups/{id}")).await.is(200).body;
        group["path"].as_str().unwrap().to_owned()
    };
    admin
        .put(&format!("/r/default-groups/{below}"), json!({}))
        .await
        .is(204);
    let into_one = format!("/r/groups/{one}/children");
    let group = json!({"id": two, "name": "two"});
    admin.post(&into_one, group.clone()).await.is(204);
    assert_eq!(path(two).await, "/one/two");
    assert_eq!(path(below).await, "/one/two/below");
    // A default group goes on being one.
    let defaults = admin.get("/r/default-groups").await.is(200);
    assert_eq!(defaults.names("path"), ["/one/two/below"]);
    let same_name = admin
        .post("/r/groups", json!({"name": "two"}))
        .await
        .is(201)
        .id();
    let taken = admin
        .post(&into_one, json!({"id": same_name, "name": "two"}))
        .await
        .is(409);
    assert_eq!(
        taken.body["errorMessage"],
        "Sibling group named 'two' already exists."
    );
    let taken = admin.post("/r/groups", group.clone()).await.is(409);
    assert_eq!(
        taken.body["errorMessage"],
        "Top level group named 'two' already exists."
    );
    admin
        .delete(&format!("/r/groups/{same_name}"))
        .await
        .is(204);
    admin.post("/r/groups", group.clone()).await.is(204);
    assert_eq!(path(two).await, "/two");
    // To where it is: nothing to do.
    admin.post("/r/groups", group).await.is(204);
    // Not below itself.
    admin
        .post(
            &format!("/r/groups/{below}/children"),
            json!({"id": two, "name": "two"}),
        )
        .await
        .is(400);
    admin
        .post("/r/groups", json!({"id": "nope", "name": "nope"}))
        .await
        .is(404);
}

/// A group has a name, always; its id and what is not named in a change stay.
#[tokio::test]
async fn a_change_names_the_group() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let group = json!({"name": "g", "description": "about it", "attributes": {"a": ["1"]}});
    let id = admin.post("/r/groups", group).await.is(201).id();
    let path = format!("/r/groups/{id}");
    for bad in [json!({}), json!({"name": ""}), json!({"name": null})] {
        for (method, path) in [(Method::PUT, path.as_str()), (Method::POST, "/r/groups")] {
            let refused = admin.call(method, path, Some(bad.clone())).await.is(400);
            assert_eq!(refused.body["errorMessage"], "Group name is missing");
        }
    }
    let other = json!({"id": "other", "name": "g"});
    let refused = admin.put(&path, other).await.is(400);
    assert_eq!(refused.body["errorMessage"], "Invalid group id");
    admin.put(&path, json!({"name": "h"})).await.is(204);
    let now = admin.get(&path).await.is(200).body;
    assert_eq!(now["attributes"], json!({"a": ["1"]}));
    assert_eq!(now["description"], Value::Null);
    admin
        .put(&path, json!({"name": "h", "attributes": {}}))
        .await
        .is(204);
    assert_eq!(admin.get(&path).await.body["attributes"], json!({}));
}

/// Members are listed without what the caller may do with them, briefly if that is enough.
#[tokio::test]
async fn members_are_listed() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let id = nested(&admin, &["g"]).await.remove(0);
    let user = json!({"username": "alice", "enabled": true, "requiredActions": ["UPDATE_PASSWORD"], "groups": ["/g"]});
    admin.post("/r/users", user).await.is(201);
    let members = format!("/r/groups/{id}/members");
    let full = admin.get(&members).await.is(200).body;
    assert_eq!(full[0]["requiredActions"], json!(["UPDATE_PASSWORD"]));
    assert_eq!(full[0]["access"], Value::Null);
    let brief = admin
        .get(&format!("{members}?briefRepresentation=true"))
        .await
        .is(200)
        .body;
    assert_eq!(
        keys(&brief[0]),
        [
            "createdTimestamp",
            "emailVerified",
            "enabled",
            "id",
            "username"
        ]
    );
}

/// A slash in a name is part of the path as it stands, which may mean two groups; marked by `~` where the
/// server is set so, it is not: in the Admin API, in tokens and where an imported user says its groups.
///
/// spec: GROUP-05, GROUP-06
#[tokio::test]
async fn slashes_in_names() {
    for marked in [false, true] {
        let server = Server::start().await;
        let _ = server.services.store.clone().escaping_group_paths(marked);
        let admin = server.admin().await;
        admin.new_realm("r").await;
        let ids = nested(&admin, &["top", "level1/group"]).await;
        let same_path = nested(&admin, &["top2", "level1", "group"]).await;
        let read = |id: &str| format!("/r/groups/{id}");
        let path = admin.get(&read(&ids[1])).await.is(200).body["path"].clone();
        let expected = if marked {
            "/top/level1~/group"
        } else {
            "/top/level1/group"
        };
        assert_eq!(path, expected);
        let found = admin
            .get(&format!("/r/group-by-path{expected}"))
            .await
            .is(200);
        assert_eq!(found.body["id"], json!(ids[1]));
        let other = admin.get(&read(&same_path[2])).await.is(200).body;
        assert_eq!(other["path"], "/top2/level1/group");

        let client = json!({
            "clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true,
            "protocolMappers": [{
                "name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-group-membership-mapper",
                "config": {"claim.name": "groups", "full.path": "true", "access.token.claim": "true"},
            }],
        });
        admin.post("/r/clients", client).await.is(201);
        let user = json!({
            "username": "alice", "enabled": true, "email": "a@example.test", "firstName": "A", "lastName": "B",
            "credentials": [{"type": "password", "value": "alice"}], "groups": [expected],
        });
        let import = json!({"users": [user]});
        admin.post("/r/partialImport", import).await.is(200);
        let form = [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", "alice"),
            ("password", "alice"),
        ];
        let token = server.token("r", &form).await.is(200).body;
        let claims = crate::role_claims::payload(token["access_token"].as_str().unwrap());
        assert_eq!(claims["groups"], json!([expected]));
    }
}
