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

/// Profiles and policies come back as they were sent; a policy cannot name a profile that is not there.
#[tokio::test]
async fn client_policies_are_kept() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let profiles = json!({"profiles": [{"name": "p", "description": "d", "executors": [
        {"executor": "pkce-enforcer", "configuration": {"auto-configure": "true"}}]}]});
    let policies = json!({"policies": [{"name": "q", "enabled": true, "conditions": [
        {"condition": "any-client", "configuration": {}}], "profiles": ["p"]}]});
    admin
        .put("/r/client-policies/policies", policies.clone())
        .await
        .is(400);
    admin
        .put("/r/client-policies/profiles", profiles.clone())
        .await
        .is(204);
    admin
        .put("/r/client-policies/policies", policies.clone())
        .await
        .is(204);
    assert_eq!(
        admin.get("/r/client-policies/profiles").await.body,
        profiles
    );
    assert_eq!(
        admin.get("/r/client-policies/policies").await.body,
        policies
    );
    let with_global = admin
        .get("/r/client-policies/profiles?include-global-profiles=true")
        .await
        .is(200)
        .body;
    assert_eq!(with_global["globalProfiles"], json!([]));
    let twice = json!({"profiles": [{"name": "p"}, {"name": "p"}]});
    admin
        .put("/r/client-policies/profiles", twice)
        .await
        .is(400);
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
    assert_eq!(listeners.names("id"), ["jboss-logging"]);
}
