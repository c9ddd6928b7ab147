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
/// spec: ADMUI-42, FLOW-01, FLOWB-01, FLOW-15, FLOW-17, FLOW-23, FLOW-26, FLOW-27, FLOW-29, FLOWB-21, FLOWB-24
#[tokio::test]
async fn a_flow_is_built_step_by_step() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let flows = "/r/authentication/flows";
    let new = json!({
        "alias": "mine", "description": "my own", "providerId": "basic-flow", "topLevel": true,
        "builtIn": false,
    });
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
            "id": id, "alias": "mine", "description": "my own", "providerId": "basic-flow", "topLevel": true,
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

    // Into the flow inside, as by dragging it there: made there, in its place, and gone from here.
    let inside = format!("{flows}/inside/executions/execution");
    let deny = admin
        .post(&inside, json!({"provider": "deny-access-authenticator"}))
        .await
        .is(201)
        .id();
    let moved = json!({"provider": "allow-access-authenticator"});
    let from = admin.post(&add, moved.clone()).await.is(201).id();
    let moved = admin.post(&inside, moved).await.is(201).id();
    admin
        .delete(&format!("/r/authentication/executions/{from}"))
        .await
        .is(204);
    let up = format!("/r/authentication/executions/{moved}/raise-priority");
    admin.post(&up, Value::Null).await.is(204);
    let rows = executions(&admin, "mine").await;
    let places: Vec<_> = rows.iter().map(|r| (&r["id"], &r["level"])).collect();
    assert_eq!(places.len(), 5);
    assert_eq!(
        places[3..],
        [(&json!(moved), &json!(1)), (&json!(deny), &json!(1))]
    );
    for id in [&moved, &deny] {
        let gone = format!("/r/authentication/executions/{id}");
        admin.delete(&gone).await.is(204);
    }

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
///
/// spec: FLOW-02, FLOW-16, FLOWB-02, FLOWB-11, FLOWB-12, FLOWB-23
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

    // Requirements are the administrator's to choose, among those that the element takes.
    let rows = executions(&admin, "browser").await;
    let cookie = rows
        .iter()
        .find(|e| e["providerId"] == "auth-cookie")
        .unwrap();
    let choices = ["REQUIRED", "ALTERNATIVE", "DISABLED"];
    assert_eq!(cookie["requirementChoices"], json!(choices));
    let sub_flow = rows
        .iter()
        .find(|e| e["authenticationFlow"] == true)
        .unwrap();
    let of_flow = sub_flow["requirementChoices"].as_array().unwrap();
    assert!(of_flow.contains(&json!("CONDITIONAL")), "{of_flow:?}");
    let id = cookie["id"].as_str().unwrap();
    let own = format!("/r/authentication/executions/{id}");
    for refused in [
        admin.delete(&own).await,
        admin
            .post(&format!("{own}/lower-priority"), Value::Null)
            .await,
    ] {
        refused.is(400);
    }
    let disabled = json!({"id": id, "requirement": "DISABLED"});
    admin
        .put(&format!("{flows}/browser/executions"), disabled)
        .await
        .is(204);
    let rows = executions(&admin, "browser").await;
    let cookie = rows
        .iter()
        .find(|e| e["providerId"] == "auth-cookie")
        .unwrap();
    assert_eq!(cookie["requirement"], "DISABLED");
    // What is nested says how deep, and where on its level it stands.
    let form = rows
        .iter()
        .find(|e| e["providerId"] == "auth-username-password-form")
        .unwrap();
    assert_eq!((&form["level"], &form["index"]), (&json!(1), &json!(0)));
    assert_eq!(sub_flow["level"], 0);

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

/// Steps and conditions are added to a flow inside a flow, a form gets parts of its own kind, and a
/// flow for clients takes client authenticators only.
///
/// spec: FLOW-24, FLOW-30, FLOWB-22
#[tokio::test]
async fn every_kind_of_flow_takes_what_fits() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let flows = "/r/authentication/flows";
    let new =
        |alias: &str, kind: &str| json!({"alias": alias, "providerId": kind, "topLevel": true});
    admin.post(flows, new("mine", "basic-flow")).await.is(201);
    admin
        .post(flows, new("clients-of-ours", "client-flow"))
        .await
        .is(201);
    admin.post(flows, new("other", "nope")).await.is(400);
    let add = async |flow: &str, provider: &str| {
        let path = format!("{flows}/{flow}/executions/execution");
        admin.post(&path, json!({"provider": provider})).await
    };
    add("clients-of-ours", "client-secret").await.is(201);
    add("clients-of-ours", "auth-cookie").await.is(400);
    add("mine", "client-secret").await.is(400);

    let inside = format!("{flows}/mine/executions/flow");
    let form = json!({
        "alias": "my form", "type": "form-flow", "provider": "registration-page-form",
        "description": "d",
    });
    admin.post(&inside, form).await.is(201);
    add("my%20form", "registration-user-creation").await.is(201);
    add("my%20form", "auth-cookie").await.is(400);
    let conditional = json!({"alias": "if it is so", "type": "basic-flow"});
    admin.post(&inside, conditional).await.is(201);
    add("if%20it%20is%20so", "conditional-user-role")
        .await
        .is(201);
    add("if%20it%20is%20so", "auth-otp-form").await.is(201);
    let rows = executions(&admin, "mine").await;
    let shape: Vec<(&str, i64)> = rows
        .iter()
        .map(|e| {
            (
                e["displayName"].as_str().unwrap(),
                e["level"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        shape,
        [
            ("my form", 0),
            ("Registration User Profile Creation", 1),
            ("if it is so", 0),
            ("Condition - user role", 1),
            ("OTP Form", 1),
        ]
    );
    let named = |name: &str| rows.iter().find(|e| e["displayName"] == name).unwrap();
    // A condition is needed or switched off, and says what it can be set to.
    let condition = named("Condition - user role");
    let choices = json!(["REQUIRED", "DISABLED"]);
    assert_eq!(condition["requirementChoices"], choices);
    assert_eq!(condition["configurable"], true);
    let flow = named("if it is so")["id"].clone();
    let change = json!({"id": flow, "requirement": "CONDITIONAL"});
    admin
        .put(&format!("{flows}/mine/executions"), change)
        .await
        .is(204);
}

/// The flows that a realm begins with, as other parts of the guide rely on them.
///
/// spec: FLOW-38, FLOW-39, FLOW-40, FLOWB-26, FLOWB-27
#[tokio::test]
async fn a_realm_begins_with_these_flows() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let shape = async |flow: &str| -> Vec<(String, String, i64)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rows = executions(&admin, flow).await;
        rows.iter()
            .map(|e| {
                let provider = text(&e["providerId"]);
                let is_flow = e["authenticationFlow"] == true && provider.is_empty();
                let name = if is_flow {
                    text(&e["displayName"])
                } else {
                    provider
                };
                (name, text(&e["requirement"]), e["level"].as_i64().unwrap())
            })
            .collect()
    };
    let is = |found: Vec<(String, String, i64)>, wanted: &[(&str, &str, i64)]| {
        let found: Vec<(&str, &str, i64)> = found
            .iter()
            .map(|(n, r, l)| (n.as_str(), r.as_str(), *l))
            .collect();
        assert_eq!(found, wanted);
    };
    is(
        shape("reset%20credentials").await,
        &[
            ("reset-credentials-choose-user", "REQUIRED", 0),
            ("reset-credential-email", "REQUIRED", 0),
            ("reset-password", "REQUIRED", 0),
            ("Reset - Conditional OTP", "CONDITIONAL", 0),
            ("conditional-user-configured", "REQUIRED", 1),
            ("reset-otp", "REQUIRED", 1),
        ],
    );
    is(
        shape("registration").await,
        &[
            ("registration-page-form", "REQUIRED", 0),
            ("registration-user-creation", "REQUIRED", 1),
            ("registration-password-action", "REQUIRED", 1),
            ("registration-recaptcha-action", "DISABLED", 1),
            ("registration-terms-and-conditions", "DISABLED", 1),
        ],
    );
    let brokered = shape("first%20broker%20login").await;
    assert_eq!(
        brokered[0],
        ("idp-review-profile".to_owned(), "REQUIRED".to_owned(), 0)
    );
    for step in [
        "idp-create-user-if-unique",
        "idp-confirm-link",
        "idp-email-verification",
    ] {
        assert!(brokered.iter().any(|(name, ..)| name == step), "{step}");
    }
    // Its steps are switched and set in place.
    let rows = executions(&admin, "first%20broker%20login").await;
    let review = &rows[0];
    let off = json!({"id": review["id"], "requirement": "DISABLED"});
    let path = "/r/authentication/flows/first%20broker%20login/executions";
    admin.put(path, off).await.is(204);
    let config = format!(
        "/r/authentication/config/{}",
        review["authenticationConfig"].as_str().unwrap()
    );
    let mut set = admin.get(&config).await.is(200).body;
    assert_eq!(set["config"]["update.profile.on.first.login"], "missing");
    set["config"]["update.profile.on.first.login"] = json!("on");
    admin.put(&config, set).await.is(204);
    let set = admin.get(&config).await.is(200).body;
    assert_eq!(set["config"]["update.profile.on.first.login"], "on");
    // All of them can be copied.
    for (flow, name) in [
        ("reset%20credentials", "a"),
        ("registration", "b"),
        ("first%20broker%20login", "c"),
    ] {
        let copy = format!("/r/authentication/flows/{flow}/copy");
        admin.post(&copy, json!({"newName": name})).await.is(201);
    }
}

/// A copy of the registration flow gets reCAPTCHA Enterprise in the place of reCAPTCHA, and becomes
/// the realm's.
///
/// spec: CAPT-10
#[tokio::test]
async fn the_registration_gets_recaptcha_enterprise() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let flows = "/r/authentication/flows";
    let copy = json!({"newName": "ours"});
    admin
        .post(&format!("{flows}/registration/copy"), copy)
        .await
        .is(201);
    let rows = executions(&admin, "ours").await;
    let id_of = |rows: &[Value], provider: &str| {
        let row = rows.iter().find(|e| e["providerId"] == provider);
        row.expect(provider)["id"].as_str().unwrap().to_owned()
    };
    let old = id_of(&rows, "registration-recaptcha-action");
    admin
        .delete(&format!("/r/authentication/executions/{old}"))
        .await
        .is(204);
    let form = rows[0]["displayName"].as_str().unwrap().replace(' ', "%20");
    let add = format!("{flows}/{form}/executions/execution");
    let enterprise = "registration-recaptcha-enterprise";
    admin
        .post(&add, json!({"provider": enterprise}))
        .await
        .is(201);
    let rows = executions(&admin, "ours").await;
    let id = id_of(&rows, enterprise);
    let required = json!({"id": id, "requirement": "REQUIRED"});
    admin
        .put(&format!("{flows}/ours/executions"), required)
        .await
        .is(204);
    let config = json!({"alias": "captcha", "config": {
        "project.id": "p", "site.key": "the-site", "api.key": "the-key"}});
    let at = format!("/r/authentication/executions/{id}/config");
    admin.post(&at, config).await.is(201);
    let bound = json!({"registrationFlow": "ours", "registrationAllowed": true});
    admin.put("/r", bound).await.is(204);
    let url = format!(
        "{}/realms/r/protocol/openid-connect/registrations?client_id=account-console&response_type=code&scope=openid&redirect_uri={}/realms/r/account/&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
        server.base, server.base
    );
    let page = reqwest::get(url).await.unwrap().text().await.unwrap();
    assert!(page.contains("data-sitekey=\"the-site\""), "{page}");
    assert!(page.contains("recaptcha/enterprise.js"), "{page}");
}

/// An action that is set as default is waiting for every new user; what actions there are, the server's
/// information lists.
///
/// spec: RA-15, RA-17
#[tokio::test]
async fn a_default_action_waits_for_new_users() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let info = admin.get("/admin/serverinfo").await.is(200).body;
    let providers = &info["providers"]["required-action"]["providers"];
    let actions = admin
        .get("/r/authentication/required-actions")
        .await
        .is(200);
    for alias in [
        "UPDATE_PASSWORD",
        "CONFIGURE_TOTP",
        "VERIFY_EMAIL",
        "UPDATE_PROFILE",
    ] {
        assert!(providers[alias].is_object(), "{alias}: {providers}");
        assert!(actions.names("alias").contains(&alias.to_owned()));
    }
    let user = |name: &str| json!({"username": name, "enabled": true});
    let actions_of = async |name: &str| {
        let id = admin.post("/r/users", user(name)).await.is(201).id();
        let read = admin.get(&format!("/r/users/{id}")).await.is(200).body;
        read["requiredActions"].clone()
    };
    assert_eq!(actions_of("before").await, json!([]));
    let path = "/r/authentication/required-actions/CONFIGURE_TOTP";
    let mut action = admin.get(path).await.is(200).body;
    action["defaultAction"] = json!(true);
    admin.put(path, action.clone()).await.is(204);
    assert_eq!(actions_of("after").await, json!(["CONFIGURE_TOTP"]));
    action["enabled"] = json!(false);
    admin.put(path, action).await.is(204);
    assert_eq!(actions_of("later").await, json!([]));
}
