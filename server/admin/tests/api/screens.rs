//! The data behind the screens of the admin console: what a screen saves is what it shows again.

use serde_json::{Value, json};

use crate::support::{Caller, Server};

/// Saves settings the way the console does, and asserts that they are there.
async fn saved(admin: &Caller<'_>, settings: Value) {
    let mut realm = admin.get("/r").await.is(200).body;
    for (key, value) in settings.as_object().unwrap() {
        match (value, realm.get_mut(key)) {
            (Value::Object(entries), Some(Value::Object(there))) => {
                there.extend(entries.clone());
            }
            _ => realm[key] = value.clone(),
        }
    }
    realm["id"] = json!("r");
    admin.put("/r/ui-ext", realm).await.is(204);
    let after = admin.get("/r").await.is(200).body;
    for (key, value) in settings.as_object().unwrap() {
        match value {
            Value::Object(entries) => {
                for (name, entry) in entries {
                    assert_eq!(after[key][name], *entry, "{key}.{name}");
                }
            }
            value => assert_eq!(after[key], *value, "{key}"),
        }
    }
}

/// spec: ADMUI-06, ADMUI-07, ADMUI-09, ADMUI-13, ADMUI-14, ADMUI-15, ADMUI-45, OTP-01, TIME-24
#[tokio::test]
async fn realm_settings_are_saved_as_the_console_sends_them() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    // General.
    saved(
        &admin,
        json!({
            "displayName": "R", "displayNameHtml": "<b>R</b>", "sslRequired": "all",
            "attributes": {"acr.loa.map": "{\"gold\":2}"},
        }),
    )
    .await;
    // Login.
    saved(
        &admin,
        json!({
            "registrationAllowed": true, "resetPasswordAllowed": true, "rememberMe": true, "verifyEmail": true,
            "loginWithEmailAllowed": true, "duplicateEmailsAllowed": false, "editUsernameAllowed": true,
        }),
    )
    .await;
    // Themes.
    saved(
        &admin,
        json!({"loginTheme": "x", "accountTheme": "y", "adminTheme": "z", "emailTheme": "w"}),
    )
    .await;
    // Security defenses.
    saved(
        &admin,
        json!({"browserSecurityHeaders": {"xFrameOptions": "DENY", "contentSecurityPolicy": "frame-src 'none'"}}),
    )
    .await;
    // Sessions and tokens.
    saved(
        &admin,
        json!({
            "ssoSessionIdleTimeout": 600, "ssoSessionMaxLifespan": 7200, "ssoSessionIdleTimeoutRememberMe": 900,
            "ssoSessionMaxLifespanRememberMe": 9000, "clientSessionIdleTimeout": 300,
            "clientSessionMaxLifespan": 3000, "offlineSessionIdleTimeout": 86400,
            "offlineSessionMaxLifespanEnabled": true, "offlineSessionMaxLifespan": 172800,
            "accessCodeLifespanLogin": 1200, "accessCodeLifespanUserAction": 240,
        }),
    )
    .await;
    saved(
        &admin,
        json!({
            "defaultSignatureAlgorithm": "ES256", "revokeRefreshToken": true, "refreshTokenMaxReuse": 2,
            "accessTokenLifespan": 120, "accessTokenLifespanForImplicitFlow": 130, "accessCodeLifespan": 30,
            "actionTokenGeneratedByUserLifespan": 400, "actionTokenGeneratedByAdminLifespan": 5000,
            "oauth2DeviceCodeLifespan": 700, "oauth2DevicePollingInterval": 7,
        }),
    )
    .await;
    // OTP policy.
    saved(
        &admin,
        json!({
            "otpPolicyType": "hotp", "otpPolicyAlgorithm": "HmacSHA256", "otpPolicyDigits": 8,
            "otpPolicyLookAheadWindow": 3, "otpPolicyPeriod": 60, "otpPolicyInitialCounter": 5,
            "otpPolicyCodeReusable": true,
        }),
    )
    .await;
}

/// Mail settings are saved; the password is masked when it is shown, and stays when the mask comes back.
///
/// spec: ADMUI-08
#[tokio::test]
async fn mail_settings_keep_their_secret() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let smtp = json!({
        "host": "mail.example.test", "port": "587", "from": "a@example.test", "fromDisplayName": "A",
        "replyTo": "b@example.test", "replyToDisplayName": "B", "envelopeFrom": "c@example.test", "ssl": "false",
        "starttls": "true", "auth": "true", "user": "u", "password": "canary",
    });
    admin.put("/r", json!({"smtpServer": smtp})).await.is(204);
    let shown = admin.get("/r").await.is(200);
    assert!(!shown.text.contains("canary"));
    let mut again = shown.body["smtpServer"].clone();
    for key in [
        "host",
        "port",
        "from",
        "fromDisplayName",
        "replyTo",
        "envelopeFrom",
        "starttls",
        "user",
    ] {
        assert_eq!(again[key], smtp[key], "{key}");
    }
    again["host"] = json!("other.example.test");
    admin.put("/r", json!({"smtpServer": again})).await.is(204);
    let realm = server.services.store.realm("r").await.unwrap().unwrap();
    let stored = realm.settings.smtp_server.clone().unwrap();
    assert_eq!(stored["password"], "canary");
    assert_eq!(stored["host"], "other.example.test");
}

/// Own texts override those of the server, one by one or as a file, by locale.
///
/// spec: ADMUI-12
#[tokio::test]
async fn localization_texts_are_kept_by_locale() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    admin
        .put("/r", json!({"internationalizationEnabled": true, "supportedLocales": ["de", "en"], "defaultLocale": "de"}))
        .await
        .is(204);
    let texts = json!({"greeting": "Hallo", "farewell": "Ade"});
    admin
        .post("/r/localization/de", texts.clone())
        .await
        .is(204);
    assert_eq!(admin.get("/r/localization/de").await.is(200).body, texts);
    admin
        .put("/r/localization/en/greeting", json!("x"))
        .await
        .is(204);
    assert_eq!(admin.get("/r/localization").await.body, json!(["de", "en"]));
    let with_default = admin
        .get("/r/localization/en?useRealmDefaultLocaleFallback=true")
        .await
        .is(200)
        .body;
    assert_eq!(with_default["farewell"], "Ade");
    assert_eq!(
        admin.get("/r/localization/de/greeting").await.is(200).text,
        "Hallo"
    );
    admin.delete("/r/localization/de/greeting").await.is(204);
    admin.get("/r/localization/de/greeting").await.is(404);
    admin.delete("/r/localization/de").await.is(204);
    admin.delete("/r/localization/de").await.is(404);
    admin
        .post("/r/localization/de", json!({"a": 1}))
        .await
        .is(400);
    admin
        .post("/r/localization/d%20e", json!({"a": "b"}))
        .await
        .is(400);
}

/// The profile's attributes and groups are saved with the realm, and refused as a whole when something in
/// them is wrong.
///
/// spec: ADMUI-17, ADMUI-18
#[tokio::test]
async fn the_profile_is_saved_with_the_realm() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let mut profile = admin.get("/r/users/profile").await.is(200).body;
    profile["groups"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "work", "displayHeader": "Work", "displayDescription": "At work"}));
    profile["attributes"].as_array_mut().unwrap().push(json!({
        "name": "team", "group": "work", "permissions": {"view": ["admin"], "edit": ["admin"]},
        "annotations": {"inputType": "text"},
    }));
    let realm = json!({"realm": "r", "id": "r", "displayName": "new", "upConfig": profile});
    admin.put("/r/ui-ext", realm).await.is(204);
    assert_eq!(admin.get("/r/users/profile").await.body, profile);
    assert_eq!(admin.get("/r").await.body["displayName"], "new");
    let metadata = admin.get("/r/users/profile/metadata").await.is(200).body;
    let attributes = metadata["attributes"].as_array().unwrap();
    let team = attributes.iter().find(|a| a["name"] == "team").unwrap();
    assert_eq!(team["group"], "work");

    let bad = json!({"realm": "r", "displayName": "newer", "upConfig": {"attributes": []}});
    admin.put("/r/ui-ext", bad).await.is(400);
    assert_eq!(admin.get("/r").await.body["displayName"], "new");
}

/// spec: ADMUI-44
#[tokio::test]
async fn passwords_meet_the_policy_of_the_realm() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    admin
        .put("/r", json!({"passwordPolicy": "length(8) and digits(1) and notUsername(undefined) and passwordHistory(3)"}))
        .await
        .is(204);
    let user = |password: &str| {
        json!({
            "username": "alice123", "enabled": true, "email": "a@example.test", "firstName": "A", "lastName": "B",
            "credentials": [{"type": "password", "value": password}],
        })
    };
    let refused = admin.post("/r/users", user("short")).await.is(400);
    assert_eq!(refused.body["error"], "invalidPasswordMinLengthMessage");
    assert_eq!(
        refused.body["error_description"],
        "Invalid password: minimum length 8."
    );
    let id = admin
        .post("/r/users", user("longenough1"))
        .await
        .is(201)
        .id();
    let path = format!("/r/users/{id}/reset-password");
    let set = |password: &str| json!({"type": "password", "value": password});
    for (password, error) in [
        ("short1", "invalidPasswordMinLengthMessage"),
        ("longenough", "invalidPasswordMinDigitsMessage"),
        ("alice123", "invalidPasswordNotUsernameMessage"),
        ("longenough1", "invalidPasswordHistoryMessage"),
    ] {
        let refused = admin.put(&path, set(password)).await.is(400);
        assert_eq!(refused.body["error"], error);
    }
    admin.put(&path, set("longenough2")).await.is(204);
    admin.put(&path, set("longenough1")).await.is(400);
    for n in 3..5 {
        admin
            .put(&path, set(&format!("longenough{n}")))
            .await
            .is(204);
    }
    admin.put(&path, set("longenough1")).await.is(204);
    let shown = admin
        .get(&format!("/r/users/{id}/credentials"))
        .await
        .is(200);
    assert_eq!(shown.names("type"), ["password"]);
}

/// Users are found by beginning, by part, by exact text and by attribute.
///
/// spec: USER-04, USER-05, USER-06, ADMUI-24, ADMUI-26
#[tokio::test]
async fn users_are_found() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let policy = admin.get("/r/users/profile").await.is(200).body;
    let mut policy = policy;
    policy["unmanagedAttributePolicy"] = json!("ENABLED");
    admin.put("/r/users/profile", policy).await.is(200);
    for (name, team) in [("anna", "red"), ("hanna", "red"), ("joanna", "blue")] {
        let user = json!({
            "username": name, "enabled": true, "email": format!("{name}@example.test"), "firstName": "F",
            "lastName": "L", "attributes": {"team": [team]},
        });
        admin.post("/r/users", user).await.is(201);
    }
    let anna = admin.get("/r/users?username=anna&exact=true").await.is(200);
    let anna = anna.body[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        admin
            .get(&format!("/r/users/{anna}/unmanagedAttributes"))
            .await
            .is(200)
            .body,
        json!({"team": ["red"]})
    );
    let found = async |query: &str| {
        let answer = admin.get(&format!("/r/users?{query}")).await.is(200);
        let count = admin.get(&format!("/r/users/count?{query}")).await.is(200);
        let names = answer.names("username");
        assert_eq!(count.body, json!(names.len()), "{query}");
        names
    };
    assert_eq!(found("search=ann").await, ["anna"]);
    assert_eq!(found("search=*ann*").await, ["anna", "hanna", "joanna"]);
    assert_eq!(found("search=%22hanna%22").await, ["hanna"]);
    assert_eq!(found("search=jo*a").await, ["joanna"]);
    assert_eq!(found("q=team:red").await, ["anna", "hanna"]);
    assert_eq!(found("q=team:red&search=h").await, ["hanna"]);
    assert_eq!(found("username=anna&exact=true").await, ["anna"]);
    let listed = admin
        .get("/r/ui-ext/brute-force-user?search=joanna")
        .await
        .is(200)
        .body;
    assert_eq!(listed[0]["bruteForceStatus"]["numFailures"], 0);
}

/// A user's credentials are ordered, labelled and removed.
///
/// spec: ADMUI-27, CRED-02, CRED-03
#[tokio::test]
async fn credentials_have_an_order_and_labels() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let user = json!({
        "username": "alice", "enabled": true, "email": "a@example.test", "firstName": "A", "lastName": "B",
        "credentials": [{"type": "password", "value": "x", "userLabel": "one"}],
    });
    let id = admin.post("/r/users", user).await.is(201).id();
    let store = &server.services.store;
    for label in ["two", "three"] {
        let otp = realmkeep_representations::CredentialRepresentation {
            id: Some(format!("otp-{label}")),
            r#type: Some("otp".to_owned()),
            user_label: Some(label.to_owned()),
            credential_data: Some("{}".to_owned()),
            secret_data: Some(realmkeep_representations::SecretString::new("{}")),
            priority: Some(20),
            ..Default::default()
        };
        let mut batch = realmkeep_store::Batch::new();
        batch.push(store.insert_credential(&id, &otp).unwrap());
        store.commit(batch).await.unwrap();
    }
    let path = format!("/r/users/{id}/credentials");
    let order = async || admin.get(&path).await.is(200).names("userLabel");
    assert_eq!(order().await, ["one", "three", "two"]);
    let post = async |rest: &str| admin.post(&format!("{path}/{rest}"), Value::Null).await;
    post("otp-two/moveToFirst").await.is(204);
    assert_eq!(order().await, ["two", "one", "three"]);
    post("otp-two/moveAfter/otp-three").await.is(204);
    assert_eq!(order().await, ["one", "three", "two"]);
    post("otp-two/moveAfter/nope").await.is(404);
    admin
        .put(&format!("{path}/otp-two/userLabel"), json!("x"))
        .await
        .is(204);
    assert_eq!(order().await, ["one", "three", "\"x\""]);
    admin.delete(&format!("{path}/otp-two")).await.is(204);
    assert_eq!(order().await, ["one", "three"]);
    assert_eq!(
        admin.get(&format!("/r/users/{id}")).await.body["totp"],
        true
    );
}

/// Sessions are listed with names, for the realm and for a client, and ended.
///
/// spec: ADMUI-30, ADMUI-32, ADMUI-36
#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let user = server
        .user_with("r", "alice", "realm-management", &["view-realm"])
        .await;
    user.get("/r").await.is(200);
    let all = admin.get("/r/ui-ext/sessions").await.is(200).body;
    assert_eq!(all[0]["username"], "alice");
    assert_eq!(all[0]["type"], "REGULAR");
    let clients = all[0]["clients"].as_object().unwrap();
    let (client, name) = clients.iter().next().unwrap();
    assert_eq!(name, "admin-cli");
    let of_client = admin
        .get(&format!("/r/ui-ext/sessions/client?clientId={client}"))
        .await
        .is(200);
    assert_eq!(of_client.names("username"), ["alice"]);
    assert_eq!(
        admin.get("/r/ui-ext/sessions?type=OFFLINE").await.body,
        json!([])
    );
    assert_eq!(
        admin.get("/r/ui-ext/sessions?search=nobody").await.body,
        json!([])
    );
    admin.get("/r/ui-ext/sessions?type=x").await.is(400);
    let id = all[0]["userId"].as_str().unwrap();
    assert_eq!(
        admin
            .get(&format!("/r/users/{id}/sessions"))
            .await
            .names("username"),
        ["alice"]
    );
    assert_eq!(
        admin
            .get(&format!("/r/clients/{client}/user-sessions"))
            .await
            .names("username"),
        ["alice"]
    );
    admin.post("/r/logout-all", Value::Null).await.is(200);
    user.get("/r").await.is(401);
    assert_eq!(admin.get("/r/ui-ext/sessions").await.body, json!([]));
}

/// Who impersonates somebody has their session in the browser, and can be no more than they are.
///
/// spec: IMP-01, IMP-02, IMP-03, IMP-04, IMP-05, ADMR-19, ACCUI-06
#[tokio::test]
async fn impersonation_opens_a_session_of_the_user() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    admin
        .put("/r/events/config", json!({"eventsEnabled": true}))
        .await
        .is(204);
    let helper = server
        .user_with(
            "r",
            "helper",
            "realm-management",
            &["impersonation", "view-users"],
        )
        .await;
    let viewer = server
        .user_with("r", "viewer", "realm-management", &["view-users"])
        .await;
    server
        .user_with("r", "boss", "realm-management", &["realm-admin"])
        .await;
    server
        .user_with("r", "alice", "realm-management", &[])
        .await;
    let id = async |name: &str| {
        let found = admin
            .get(&format!("/r/users?username={name}&exact=true"))
            .await;
        found.body[0]["id"].as_str().unwrap().to_owned()
    };
    let (alice, boss) = (id("alice").await, id("boss").await);
    let path = format!("/r/users/{alice}/impersonation");
    viewer.post(&path, json!({})).await.is(403);
    helper
        .post(&format!("/r/users/{boss}/impersonation"), json!({}))
        .await
        .is(403);
    // From another realm the administrator stays who they are.
    let other = admin.post(&path, json!({})).await.is(200);
    assert_eq!(other.body["sameRealm"], false);
    admin.get("/r").await.is(200);
    // In the same realm one session takes the place of the other.
    let same = helper.post(&path, json!({})).await.is(200);
    assert_eq!(same.body["sameRealm"], true);
    assert_eq!(
        same.body["redirect"],
        json!(format!("{}/realms/r/account/", server.base))
    );
    let cookie = same
        .cookies
        .iter()
        .find(|c| c.starts_with("KEYCLOAK_IDENTITY="));
    assert!(cookie.is_some_and(|c| c.contains("Path=/realms/r/") && c.contains("HttpOnly")));
    helper.get("/r/users").await.is(401);
    let sessions = admin
        .get(&format!("/r/users/{alice}/sessions"))
        .await
        .is(200);
    assert_eq!(sessions.names("id").len(), 3);
    let events = admin.get("/r/events?type=IMPERSONATE").await.is(200).body;
    assert_eq!(events[0]["userId"], json!(alice));
    assert_eq!(events[0]["details"]["impersonator"], "helper");
}

/// What can be chosen is listed from what works.
///
/// spec: CUSTOM-06
#[tokio::test]
async fn server_info_lists_what_works() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let info = admin.get("/admin/serverinfo").await.is(200).body;
    let ids = |list: &Value| -> Vec<String> {
        let list = list.as_array().unwrap();
        list.iter()
            .map(|v| v["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let mappers = ids(&info["protocolMapperTypes"]["openid-connect"]);
    assert!(mappers.contains(&"oidc-usermodel-attribute-mapper".to_owned()));
    let keys = ids(&info["componentTypes"]["org.keycloak.keys.KeyProvider"]);
    assert!(keys.contains(&"rsa-generated".to_owned()));
    assert!(ids(&info["passwordPolicies"]).contains(&"length".to_owned()));
    assert!(
        info["enums"]["eventType"]
            .as_array()
            .unwrap()
            .contains(&json!("LOGIN_ERROR"))
    );
    let providers = |kind: &str| -> Vec<String> {
        let all = info["providers"][kind]["providers"].as_object().unwrap();
        all.keys().cloned().collect()
    };
    let actions = providers("required-action");
    assert!(
        actions.contains(&"UPDATE_PASSWORD".to_owned()),
        "{actions:?}"
    );
    assert_eq!(
        providers("eventsListener"),
        ["email", "jboss-logging", "webhook"]
    );
    // Steps and conditions, each of which has a line in a registry.
    let steps = providers("authenticator");
    assert!(steps.contains(&"auth-otp-form".to_owned()), "{steps:?}");
    assert!(
        steps.contains(&"conditional-user-role".to_owned()),
        "{steps:?}"
    );
    assert!(!steps.contains(&"auth-spnego".to_owned()), "{steps:?}");
    assert_eq!(
        ids(&info["componentTypes"]["org.keycloak.authentication.Authenticator"]).len(),
        steps.len()
    );
    // What a mapper offered there is made of can be made.
    let builtin = info["builtinProtocolMappers"]["openid-connect"]
        .as_array()
        .unwrap();
    let scope = admin
        .post(
            "/r/client-scopes",
            json!({"name": "s", "protocol": "openid-connect"}),
        )
        .await
        .is(201)
        .id();
    let add = format!("/r/client-scopes/{scope}/protocol-mappers/add-models");
    admin.post(&add, json!(builtin)).await.is(204);
}

/// The console learns who uses it and what they may do where: it has parts of its own for each role, so that
/// who may only look for clients finds the way to them, and nothing else.
///
/// spec: ADMR-20, ADMR-23, REALM-07, ROLE-12
#[tokio::test]
async fn the_console_learns_who_uses_it() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    server
        .user_with("r", "helper", "realm-management", &["view-users"])
        .await;
    let found = admin
        .get("/r/clients?clientId=security-admin-console")
        .await;
    let client = found.body[0]["id"].as_str().unwrap();
    admin
        .put(
            &format!("/r/clients/{client}"),
            json!({"directAccessGrantsEnabled": true}),
        )
        .await
        .is(204);
    let form = [
        ("grant_type", "password"),
        ("client_id", "security-admin-console"),
        ("username", "helper"),
        ("password", "helper"),
    ];
    let token = server.token("r", &form).await.is(200).body;
    let console = server.bearer(token["access_token"].as_str().unwrap());
    let who = console
        .get("/admin/r/console/whoami?currentRealm=r")
        .await
        .is(200)
        .body;
    assert_eq!(who["realm"], "r");
    assert_eq!(who["displayName"], "A B");
    assert_eq!(who["createRealm"], false);
    let roles = who["realm_access"]["r"].as_array().unwrap();
    assert!(roles.contains(&json!("view-users")), "{who}");
    assert!(!roles.contains(&json!("manage-users")), "{who}");
    assert_eq!(who["realm_access"].as_object().unwrap().len(), 1);
    server
        .user_with("r", "seeker", "realm-management", &["query-clients"])
        .await;
    let form = [
        form[0],
        form[1],
        ("username", "seeker"),
        ("password", "seeker"),
    ];
    let token = server.token("r", &form).await.is(200).body;
    let console = server.bearer(token["access_token"].as_str().unwrap());
    let who = console
        .get("/admin/r/console/whoami?currentRealm=r")
        .await
        .is(200)
        .body;
    assert_eq!(who["realm_access"]["r"], json!(["query-clients"]));
    assert_eq!(console.get("/r/clients").await.is(200).body, json!([]));
    console.get("/r/roles").await.is(403);
    console.get("/r/groups").await.is(403);
    // Another client's token is not the console's.
    admin.get("/admin/master/console/whoami").await.is(403);
}

/// Of many users that are made with one address at the same moment, one is there afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn one_address_at_the_same_moment() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let all = futures::future::join_all((0..12).map(|i| {
        let admin = admin.clone();
        async move {
            let user = json!({"username": format!("user{i}"), "email": "Same@example.test"});
            admin.post("/r/users", user).await
        }
    }))
    .await;
    let made = all.iter().filter(|answer| answer.status == 201);
    assert_eq!(made.count(), 1);
    for answer in all.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.status, 409);
        assert_eq!(answer.body["errorMessage"], "User exists with same email");
    }
    let found = admin.get("/r/users?email=same@example.test").await.is(200);
    assert_eq!(found.body.as_array().unwrap().len(), 1);
}

/// The policy for backchannel authentication (CIBA) is the realm's attributes, and counts for the next
/// request.
///
/// spec: CIBA-05
#[tokio::test]
async fn the_ciba_policy_is_saved() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = format!("http://{}/channel", listener.local_addr().unwrap());
    let app = axum::Router::new().route(
        "/channel",
        axum::routing::post(async || http::StatusCode::CREATED),
    );
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let user = json!({"username": "alice", "enabled": true});
    admin.post("/r/users", user).await.is(201);
    let client = json!({
        "clientId": "c", "secret": "s3cret", "attributes": {"oidc.ciba.grant.enabled": "true"},
    });
    admin.post("/r/clients", client).await.is(201);
    let ask = async || {
        let form = [
            ("client_id", "c"),
            ("client_secret", "s3cret"),
            ("scope", "openid"),
            ("login_hint", "alice"),
        ];
        let path = "/realms/r/protocol/openid-connect/ext/ciba/auth";
        server.post_form(path, &form).await
    };
    saved(
        &admin,
        json!({"attributes": {"cibaHttpAuthenticationChannelUri": channel}}),
    )
    .await;
    let before = ask().await.is(200).body;
    assert_eq!(
        (&before["expires_in"], &before["interval"]),
        (&json!(120), &json!(5))
    );
    saved(
        &admin,
        json!({"attributes": {
            "cibaBackchannelTokenDeliveryMode": "poll", "cibaExpiresIn": "77", "cibaInterval": "9",
            "cibaAuthRequestedUserHint": "login_hint",
        }}),
    )
    .await;
    let after = ask().await.is(200).body;
    assert_eq!(
        (&after["expires_in"], &after["interval"]),
        (&json!(77), &json!(9))
    );
}
