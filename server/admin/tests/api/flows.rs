//! Authentication flows and required actions, changed through the Admin API.

use serde_json::{Value, json};

use crate::support::{Caller, Server};

async fn executions(admin: &Caller<'_>, flow: &str) -> Vec<Value> {
    let path = format!("/r/authentication/flows/{flow}/executions");
    let found = admin.get(&path).await.is(200).body;
    found.as_array().unwrap().clone()
}

/// A flow is made from nothing: steps, a flow inside, their order, requirement and configuration.
///
/// spec: ADMUI-42
#[tokio::test]
async fn a_flow_is_built_step_by_step() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let flows = "/r/authentication/flows";
    let new =
        json!({"alias": "mine", "providerId": "basic-flow", "topLevel": true, "builtIn": false});
    let id = admin.post(flows, new.clone()).await.is(201).id();
    let taken = admin.post(flows, new).await.is(409);
    assert_eq!(
        taken.body,
        json!({"errorMessage": "Flow mine already exists"})
    );
    let read = admin.get(&format!("{flows}/{id}")).await.is(200).body;
    assert_eq!(
        read,
        json!({
            "id": id, "alias": "mine", "description": "", "providerId": "basic-flow", "topLevel": true,
            "builtIn": false, "authenticationExecutions": [],
        })
    );

    let add = format!("{flows}/mine/executions/execution");
    let cookie = admin
        .post(&add, json!({"provider": "auth-cookie"}))
        .await
        .is(201)
        .id();
    let redirector = admin
        .post(&add, json!({"provider": "identity-provider-redirector"}))
        .await
        .is(201)
        .id();
    let unknown = admin.post(&add, json!({"provider": "nope"})).await.is(400);
    assert_eq!(
        unknown.body["error"],
        "No authentication provider found for id: nope"
    );
    let inside = json!({"alias": "inside", "type": "basic-flow", "description": "d"});
    admin
        .post(&format!("{flows}/mine/executions/flow"), inside)
        .await
        .is(201);
    let rows = executions(&admin, "mine").await;
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0]["id"], json!(cookie));
    assert_eq!(rows[0]["requirement"], "DISABLED");
    assert_eq!(rows[0]["displayName"], "Cookie");
    assert_eq!(rows[1]["configurable"], true);
    assert_eq!(rows[2]["authenticationFlow"], true);
    assert_eq!(rows[2]["displayName"], "inside");

    let required = json!({"id": cookie, "requirement": "REQUIRED"});
    admin
        .put(&format!("{flows}/mine/executions"), required)
        .await
        .is(204);
    let nonsense = json!({"id": cookie, "requirement": "MAYBE"});
    admin
        .put(&format!("{flows}/mine/executions"), nonsense)
        .await
        .is(400);
    let up = format!("/r/authentication/executions/{redirector}/raise-priority");
    admin.post(&up, Value::Null).await.is(204);
    let rows = executions(&admin, "mine").await;
    assert_eq!(rows[0]["id"], json!(redirector));
    assert_eq!(rows[1]["requirement"], "REQUIRED");
    let down = format!("/r/authentication/executions/{redirector}/lower-priority");
    admin.post(&down, Value::Null).await.is(204);
    assert_eq!(executions(&admin, "mine").await[0]["id"], json!(cookie));

    let config = json!({"alias": "conf", "config": {"defaultProvider": "x"}});
    let at = format!("/r/authentication/executions/{redirector}/config");
    let config_id = admin.post(&at, config).await.is(201).id();
    let config_path = format!("/r/authentication/config/{config_id}");
    let read = admin.get(&config_path).await.is(200).body;
    assert_eq!(
        read,
        json!({"id": config_id, "alias": "conf", "config": {"defaultProvider": "x"}})
    );
    assert_eq!(
        executions(&admin, "mine").await[1]["authenticationConfig"],
        json!(config_id)
    );
    let renamed = json!({"alias": "conf2", "config": {"defaultProvider": "y"}});
    admin.put(&config_path, renamed).await.is(204);
    assert_eq!(executions(&admin, "mine").await[1]["alias"], "conf2");
    admin.delete(&config_path).await.is(204);
    admin.get(&config_path).await.is(404);

    let read = admin
        .get(&format!("/r/authentication/executions/{cookie}"))
        .await
        .is(200)
        .body;
    assert_eq!(read["authenticator"], "auth-cookie");
    assert_eq!(read["parentFlow"], json!(id));
    admin
        .delete(&format!("/r/authentication/executions/{cookie}"))
        .await
        .is(204);
    assert_eq!(executions(&admin, "mine").await.len(), 2);
    admin.delete(&format!("{flows}/{id}")).await.is(204);
    admin.get(&format!("{flows}/{id}")).await.is(404);
}

/// A built-in flow stays as it is, but for requirements; a copy of it is the administrator's own, and can
/// be bound, which keeps it from being deleted.
#[tokio::test]
async fn built_in_flows_are_copied_not_changed() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let flows = "/r/authentication/flows";
    let all = admin.get(flows).await.is(200).body;
    let browser = all
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["alias"] == "browser")
        .unwrap();
    let path = format!("{flows}/{}", browser["id"].as_str().unwrap());
    let refused = admin.delete(&path).await.is(400);
    assert_eq!(refused.body, json!({"error": "Can't delete built in flow"}));
    admin
        .post(
            &format!("{flows}/browser/executions/execution"),
            json!({"provider": "auth-cookie"}),
        )
        .await
        .is(400);

    let copy = admin
        .post(
            &format!("{flows}/browser/copy"),
            json!({"newName": "my browser"}),
        )
        .await
        .is(201)
        .id();
    admin
        .post(
            &format!("{flows}/browser/copy"),
            json!({"newName": "my browser"}),
        )
        .await
        .is(409);
    let before = executions(&admin, "browser").await;
    let after = executions(&admin, "my%20browser").await;
    assert_eq!(before.len(), after.len());
    for (old, new) in before.iter().zip(&after) {
        assert_ne!(old["id"], new["id"]);
        for same in ["providerId", "requirement", "level", "index", "priority"] {
            assert_eq!(old[same], new[same], "{old} {new}");
        }
    }
    assert!(after.iter().any(|e| e["displayName"] == "my browser forms"));

    admin
        .put("/r", json!({"browserFlow": "my browser"}))
        .await
        .is(204);
    admin.delete(&format!("{flows}/{copy}")).await.is(400);
    let renamed =
        json!({"id": copy, "alias": "ours", "providerId": "basic-flow", "topLevel": true});
    admin.put(&format!("{flows}/{copy}"), renamed).await.is(204);
    assert_eq!(admin.get("/r").await.body["browserFlow"], "ours");
    admin
        .put("/r", json!({"browserFlow": "browser"}))
        .await
        .is(204);
    admin.delete(&format!("{flows}/{copy}")).await.is(204);
    // Nothing of the first copy is left in the way of another.
    admin
        .post(
            &format!("{flows}/browser/copy"),
            json!({"newName": "my browser"}),
        )
        .await
        .is(201);
}

/// Many requests at once change one realm's flows, and none undoes another.
#[tokio::test]
async fn changes_at_the_same_moment_all_count() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let flows = "/r/authentication/flows";
    let new = json!({"alias": "mine", "providerId": "basic-flow", "topLevel": true});
    admin.post(flows, new).await.is(201);
    let add = format!("{flows}/mine/executions/execution");
    let all = (0..10).map(|_| admin.post(&add, json!({"provider": "auth-otp-form"})));
    for answer in futures::future::join_all(all).await {
        answer.is(201);
    }
    assert_eq!(executions(&admin, "mine").await.len(), 10);
}

/// Required actions are switched, ordered, configured, removed and registered again.
///
/// spec: ADMUI-43
#[tokio::test]
async fn required_actions_are_the_realms() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let actions = "/r/authentication/required-actions";
    let unregistered = "/r/authentication/unregistered-required-actions";
    assert_eq!(admin.get(unregistered).await.is(200).body, json!([]));
    let path = format!("{actions}/UPDATE_PROFILE");
    let given = json!({"alias": "UPDATE_PROFILE", "enabled": false, "defaultAction": true});
    admin.put(&path, given).await.is(204);
    let read = admin.get(&path).await.is(200).body;
    assert_eq!(
        (&read["enabled"], &read["defaultAction"]),
        (&json!(false), &json!(true))
    );

    let order = async || admin.get(actions).await.is(200).names("alias");
    let before = order().await;
    let second = before[1].clone();
    admin
        .post(&format!("{actions}/{second}/raise-priority"), Value::Null)
        .await
        .is(204);
    assert_eq!(order().await[0], second);
    admin
        .post(&format!("{actions}/{second}/lower-priority"), Value::Null)
        .await
        .is(204);
    assert_eq!(order().await, before);

    let config = format!("{actions}/UPDATE_PASSWORD/config");
    admin
        .put(&config, json!({"config": {"max_auth_age": "60"}}))
        .await
        .is(204);
    assert_eq!(
        admin.get(&config).await.is(200).body,
        json!({"config": {"max_auth_age": "60"}})
    );
    admin
        .put(&config, json!({"config": {"max_auth_age": "soon"}}))
        .await
        .is(400);
    admin.delete(&config).await.is(204);
    assert_eq!(admin.get(&config).await.is(200).body, json!({"config": {}}));
    let description = admin
        .get(&format!("{actions}/UPDATE_PASSWORD/config-description"))
        .await
        .is(200)
        .body;
    assert_eq!(description["properties"][0]["name"], "max_auth_age");

    admin.delete(&path).await.is(204);
    admin.get(&path).await.is(404);
    assert_eq!(
        admin.get(unregistered).await.is(200).body,
        json!([{"name": "Update Profile", "providerId": "UPDATE_PROFILE"}])
    );
    let register = "/r/authentication/register-required-action";
    let given = json!({"providerId": "UPDATE_PROFILE", "name": "Profile"});
    admin.post(register, given.clone()).await.is(204);
    admin.post(register, given).await.is(409);
    assert_eq!(admin.get(&path).await.is(200).body["name"], "Profile");
    admin
        .post(register, json!({"providerId": "NOPE"}))
        .await
        .is(400);
}

/// What a flow can be made of is listed, and described with its settings.
#[tokio::test]
async fn providers_are_listed_and_described() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let base = "/r/authentication";
    for (list, id) in [
        ("authenticator-providers", "auth-otp-form"),
        ("client-authenticator-providers", "client-jwt"),
        ("form-providers", "registration-page-form"),
        ("form-action-providers", "registration-user-creation"),
    ] {
        let found = admin.get(&format!("{base}/{list}")).await.is(200);
        assert!(found.names("id").contains(&id.to_owned()), "{list}");
    }
    let described = admin
        .get(&format!(
            "{base}/config-description/identity-provider-redirector"
        ))
        .await
        .is(200)
        .body;
    assert_eq!(described["providerId"], "identity-provider-redirector");
    assert_eq!(described["properties"][0]["name"], "defaultProvider");
    admin
        .get(&format!("{base}/config-description/nope"))
        .await
        .is(404);
    let per_client = admin
        .get(&format!("{base}/per-client-config-description"))
        .await
        .is(200)
        .body;
    assert_eq!(
        per_client["federated-jwt"][0]["name"],
        "jwt.credential.issuer"
    );
}
