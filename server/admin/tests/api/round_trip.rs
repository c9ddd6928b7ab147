//! A realm export goes in and comes out equal; what is secret comes out only where it may.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use crate::support::Server;
use serde_json::{Value, json};

const EXPORT: &str = include_str!("../data/realm_export.json");
/// Every secret of the export carries it.
const CANARY: &str = "canary";

fn export() -> Value {
    serde_json::from_str(EXPORT).unwrap()
}

/// Everything in `wanted` is in `found`; lists of objects are matched by what names them.
fn assert_contains(wanted: &Value, found: &Value, path: &str) {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            for (key, value) in wanted {
                let other = found
                    .get(key)
                    .unwrap_or_else(|| panic!("{path}.{key} is missing"));
                assert_contains(value, other, &format!("{path}.{key}"));
            }
        }
        (Value::Array(wanted), Value::Array(found)) => {
            for value in wanted {
                match name_of(value) {
                    Some(name) => {
                        let other = found.iter().find(|f| name_of(f).as_ref() == Some(&name));
                        let other = other.unwrap_or_else(|| panic!("{path}[{name}] is missing"));
                        assert_contains(value, other, &format!("{path}[{name}]"));
                    }
                    None => assert!(found.contains(value), "{path}: {value} is not in {found:?}"),
                }
            }
        }
        _ => assert_eq!(wanted, found, "{path}"),
    }
}

fn name_of(value: &Value) -> Option<String> {
    let keys = [
        "id",
        "clientId",
        "username",
        "alias",
        "name",
        "authenticator",
    ];
    let mapping = value
        .get("roles")
        .and_then(|_| value.get("clientScope").or(value.get("client")));
    mapping
        .or_else(|| keys.iter().find_map(|key| value.get(*key)))
        .and_then(Value::as_str)
        .map(str::to_owned)
}

#[tokio::test]
async fn an_export_comes_back_equal() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.post("", export()).await.is(201);

    let whole = realmkeep_admin::export_realm(&server.services, "roundtrip")
        .await
        .unwrap();
    let whole = serde_json::to_value(whole).unwrap();
    assert_contains(&export(), &whole, "");

    // Imported once more elsewhere, it is the same again: what an import adds, it adds once.
    admin.delete("/roundtrip").await.is(204);
    let imported = realmkeep_admin::import_realm(&server.services, &whole)
        .await
        .unwrap();
    assert_eq!(
        (imported.realm.as_str(), imported.unknown_fields.len()),
        ("roundtrip", 0)
    );
    let again = realmkeep_admin::export_realm(&server.services, "roundtrip")
        .await
        .unwrap();
    assert_contains(&whole, &serde_json::to_value(again).unwrap(), "");
    assert_eq!(
        admin.get("/roundtrip/keys").await.body["keys"]
            .as_array()
            .unwrap()
            .len(),
        whole["components"]["org.keycloak.keys.KeyProvider"]
            .as_array()
            .unwrap()
            .len()
    );
}

/// Nothing secret is in any answer that is not about that secret.
#[tokio::test]
async fn secrets_stay_inside() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.post("", export()).await.is(201);
    // The test's users have short passwords.
    admin
        .put(
            "/roundtrip",
            json!({"passwordPolicy": "", "verifyEmail": false}),
        )
        .await
        .is(204);
    let actions = "/roundtrip/authentication/required-actions";
    for alias in admin.get(actions).await.is(200).names("alias") {
        admin
            .put(
                &format!("{actions}/{alias}"),
                json!({"defaultAction": false}),
            )
            .await
            .is(204);
    }
    let viewer = [
        "view-realm",
        "view-users",
        "view-clients",
        "view-identity-providers",
        "view-events",
    ];
    let viewer = server
        .user_with("roundtrip", "viewer", "realm-management", &viewer)
        .await;
    let client = "11111111-0000-4000-8000-000000000020";
    let user = "11111111-0000-4000-8000-000000000050";
    for path in [
        "".to_owned(),
        "/roundtrip".to_owned(),
        "/roundtrip/clients".to_owned(),
        format!("/roundtrip/clients/{client}"),
        format!("/roundtrip/clients/{client}/client-secret"),
        "/roundtrip/users".to_owned(),
        format!("/roundtrip/users/{user}"),
        format!("/roundtrip/users/{user}/credentials"),
        "/roundtrip/identity-provider/instances".to_owned(),
        "/roundtrip/identity-provider/instances/up".to_owned(),
        "/roundtrip/components".to_owned(),
        "/roundtrip/components/11111111-0000-4000-8000-000000000081".to_owned(),
        "/roundtrip/keys".to_owned(),
    ] {
        let answer = viewer.get(&path).await.is(200);
        assert!(
            !answer.text.contains(CANARY) && !answer.text.contains("aGFzaC1jYW5hcnk="),
            "{path}: {}",
            answer.text
        );
    }
    let partial = admin
        .post(
            "/roundtrip/partial-export?exportClients=true&exportGroupsAndRoles=true",
            json!({}),
        )
        .await
        .is(200);
    assert!(!partial.text.contains(CANARY), "{}", partial.text);
    assert_eq!(partial.body["smtpServer"]["password"], "**********");
    let names: Vec<&str> = partial.body["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|u| u["username"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["service-account-shop"]);

    // A mask that is sent back keeps what is behind it.
    let mut realm = admin.get("/roundtrip").await.body;
    realm["smtpServer"]["host"] = json!("other.example.test");
    admin.put("/roundtrip", realm).await.is(204);
    let mut ldap = admin
        .get("/roundtrip/components/11111111-0000-4000-8000-000000000081")
        .await
        .body;
    ldap["name"] = json!("directory");
    admin
        .put(
            "/roundtrip/components/11111111-0000-4000-8000-000000000081",
            ldap,
        )
        .await
        .is(204);
    let whole = realmkeep_admin::export_realm(&server.services, "roundtrip")
        .await
        .unwrap();
    let smtp = whole.smtp_server.unwrap();
    assert_eq!(
        (smtp["host"].as_str(), smtp["password"].as_str()),
        ("other.example.test", "smtp-canary")
    );
    let stored = serde_json::to_string(&whole.components).unwrap();
    assert!(stored.contains("ldap-canary") && stored.contains("directory"));
}

/// An import leaves out what it does not know, and says so; a request with the same is refused.
#[tokio::test]
async fn unknown_fields() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let mut given = export();
    given["colour"] = json!("red");
    given["clients"][0]["shape"] = json!("round");
    let refused = admin.post("", given.clone()).await.is(400);
    assert!(
        refused.text.contains("clients.0.shape") && refused.text.contains("colour"),
        "{}",
        refused.text
    );
    let imported = realmkeep_admin::import_realm(&server.services, &given)
        .await
        .unwrap();
    assert_eq!(
        imported.unknown_fields.len(),
        2,
        "{:?}",
        imported.unknown_fields
    );
    admin.get("/roundtrip").await.is(200);
}

/// A contradiction anywhere in an import leaves nothing behind.
#[tokio::test]
async fn all_or_nothing() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let cases: [(&str, Value, &str); 6] = [
        ("/users/0/realmRoles", json!(["nope"]), "nope"),
        ("/users/0/groups", json!(["/nope"]), "/nope"),
        ("/clients/0/defaultClientScopes", json!(["nope"]), "nope"),
        (
            "/clients/0/redirectUris",
            json!(["javascript:x"]),
            "illegal scheme",
        ),
        ("/identityProviders/0/providerId", json!("nope"), "nope"),
        (
            "/users/0/credentials",
            json!([{"type": "password"}]),
            "credentials[0]",
        ),
    ];
    for (pointer, value, hint) in cases {
        let mut given = export();
        *given.pointer_mut(pointer).unwrap() = value;
        let answer = admin.post("", given).await.is(400);
        assert!(answer.text.contains(hint), "{pointer}: {}", answer.text);
        admin.get("/roundtrip").await.is(404);
        assert_eq!(
            admin
                .get("/master/clients?clientId=roundtrip-realm")
                .await
                .body,
            json!([])
        );
    }
    admin.post("", export()).await.is(201);
    // The same ids under another name: they exist.
    let mut twin = export();
    twin["realm"] = json!("twin");
    admin.post("", twin).await.is(409);
    admin.get("/twin").await.is(404);
}

/// What an administrator exports through the API is no backup: users and secrets are not in it. What the
/// program exports is.
///
/// spec: REALM-08
#[tokio::test]
async fn an_export_by_the_api_is_no_backup() {
    let server = Server::with_realm().await;
    let admin = server.admin().await;
    let client = json!({"clientId": "c", "secret": "s3cret"});
    admin.post("/r/clients", client).await.is(201);
    server.user_with("r", "alice", "account", &[]).await;
    let path = "/r/partial-export?exportClients=true&exportGroupsAndRoles=true";
    let part = admin.post(path, json!({})).await.is(200);
    assert_eq!(part.body["users"], Value::Null);
    assert!(!part.text.contains("s3cret"), "{}", part.text);
    let whole = realmkeep_admin::export_realm(&server.services, "r").await;
    let whole = serde_json::to_value(whole.unwrap()).unwrap();
    let text = whole.to_string();
    assert!(text.contains("s3cret"), "{text}");
    let users = whole["users"].as_array().unwrap();
    let alice = users.iter().find(|user| user["username"] == "alice");
    assert!(alice.unwrap()["credentials"][0]["secretData"].is_string());
}

#[tokio::test]
async fn partial_import() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let given = |policy: &str, name: &str| {
        json!({
            "ifResourceExists": policy,
            "clients": [{"clientId": "c", "name": name}],
            "roles": {"realm": [{"name": "role", "description": name}], "client": {"c": [{"name": "cr"}]}},
            "groups": [{"name": "g", "realmRoles": ["role"], "subGroups": [{"name": "sub"}]}],
            "users": [{"username": "alice", "enabled": true, "firstName": name, "groups": ["/g/sub"], "clientRoles": {"c": ["cr"]}}],
            "identityProviders": [{"alias": "k8s", "providerId": "kubernetes"}],
        })
    };
    let first = admin
        .post("/r/partialImport", given("FAIL", "one"))
        .await
        .is(200)
        .body;
    assert_eq!(
        (
            first["added"].as_i64(),
            first["skipped"].as_i64(),
            first["overwritten"].as_i64()
        ),
        (Some(6), Some(0), Some(0))
    );
    admin
        .post("/r/partialImport", given("FAIL", "two"))
        .await
        .is(409);
    let skipped = admin
        .post("/r/partialImport", given("SKIP", "two"))
        .await
        .is(200)
        .body;
    assert_eq!(
        (skipped["added"].as_i64(), skipped["skipped"].as_i64()),
        (Some(0), Some(6))
    );
    assert_eq!(
        admin.get("/r/clients?clientId=c").await.body[0]["name"],
        "one"
    );
    let over = admin
        .post("/r/partialImport", given("OVERWRITE", "two"))
        .await
        .is(200)
        .body;
    assert_eq!(over["overwritten"].as_i64(), Some(5), "{over}");
    assert_eq!(
        admin.get("/r/clients?clientId=c").await.body[0]["name"],
        "two"
    );
    assert_eq!(admin.get("/r/roles/role").await.body["description"], "two");
    let alice = admin.get("/r/users?username=alice").await.body[0].clone();
    assert_eq!(alice["firstName"], "two");
    let groups = admin
        .get(&format!(
            "/r/users/{}/groups",
            alice["id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(groups.names("path"), ["/g/sub"]);
}
