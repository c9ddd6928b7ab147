//! The calls of the Keycloak provider for Terraform and of keycloak-config-cli, in their order and with their
//! bodies: zero values sent along, bodies where none is needed, slashes at the end.

use serde_json::{Value, json};

use crate::support::{Answer, Caller, Server};

/// Creates by POST what is then read at its `Location`.
async fn made(admin: &Caller<'_>, path: &str, body: Value) -> (String, Value) {
    let answer = admin.post(path, body).await.is(201);
    let location = answer.location.clone().expect("a Location");
    let below = location.split("/admin/realms").nth(1).unwrap().to_owned();
    // Copies and executions are told below what they were made from.
    (answer.id(), admin.get(&below).await.body)
}

fn field<'a>(answer: &'a Answer, name: &str) -> &'a Value {
    answer.body.get(name).unwrap_or(&Value::Null)
}

/// The provider reads the server's version before all else.
#[tokio::test]
async fn the_version_is_read() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let info = admin.get("/admin/serverinfo").await.is(200).body;
    let version = info["systemInfo"]["version"].as_str().unwrap();
    let parts: Vec<u32> = version.split('.').map(|p| p.parse().unwrap()).collect();
    assert!(parts.len() == 3 && parts[0] >= 26, "{version}");
    for kind in ["login", "account", "admin", "email"] {
        let themes = info["themes"][kind].as_array().unwrap();
        assert!(!themes.is_empty(), "{kind}");
    }
    let types = &info["componentTypes"]["org.keycloak.keys.KeyProvider"];
    assert!(types.as_array().is_some_and(|types| !types.is_empty()));
    assert!(!info["providers"]["login-protocol"].is_null());
}

/// A realm as the provider writes it, with all that its resource has, comes back as it was sent.
#[tokio::test]
async fn a_realm_comes_back() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let realm: Value = serde_json::from_str(r#"{
        "id": "tf", "realm": "tf", "enabled": true, "displayName": "TF", "displayNameHtml": "<b>TF</b>",
        "userManagedAccessAllowed": false, "registrationAllowed": true, "registrationEmailAsUsername": false,
        "editUsernameAllowed": true, "resetPasswordAllowed": true, "rememberMe": true, "verifyEmail": false,
        "loginWithEmailAllowed": true, "duplicateEmailsAllowed": false, "sslRequired": "external",
        "loginTheme": "keycloak", "defaultSignatureAlgorithm": "", "revokeRefreshToken": true, "refreshTokenMaxReuse": 0,
        "ssoSessionIdleTimeout": 1800, "ssoSessionMaxLifespan": 36000, "ssoSessionIdleTimeoutRememberMe": 0,
        "ssoSessionMaxLifespanRememberMe": 0, "offlineSessionIdleTimeout": 2592000, "offlineSessionMaxLifespanEnabled": false,
        "offlineSessionMaxLifespan": 5184000, "clientSessionIdleTimeout": 0, "clientSessionMaxLifespan": 0,
        "accessTokenLifespan": 300, "accessTokenLifespanForImplicitFlow": 900, "accessCodeLifespan": 60,
        "accessCodeLifespanLogin": 1800, "accessCodeLifespanUserAction": 300, "actionTokenGeneratedByUserLifespan": 300,
        "actionTokenGeneratedByAdminLifespan": 43200, "oauth2DeviceCodeLifespan": 600, "oauth2DevicePollingInterval": 5,
        "internationalizationEnabled": true, "supportedLocales": ["en", "de"], "defaultLocale": "en",
        "attributes": {"mycustomAttribute": "myCustomValue"},
        "browserSecurityHeaders": {
            "contentSecurityPolicy": "frame-src 'self'; frame-ancestors 'self'; object-src 'none';",
            "contentSecurityPolicyReportOnly": "", "strictTransportSecurity": "max-age=31536000; includeSubDomains",
            "xContentTypeOptions": "nosniff", "xFrameOptions": "DENY", "xRobotsTag": "none", "xXSSProtection": "1; mode=block",
            "referrerPolicy": "no-referrer"
        },
        "bruteForceProtected": true, "permanentLockout": false, "failureFactor": 30, "waitIncrementSeconds": 60,
        "quickLoginCheckMilliSeconds": 1000, "minimumQuickLoginWaitSeconds": 60, "maxFailureWaitSeconds": 900,
        "maxDeltaTimeSeconds": 43200, "passwordPolicy": "upperCase(1) and length(8) and notUsername(undefined)",
        "smtpServer": {"host": "smtp.example.com", "from": "example@example.com", "starttls": "", "auth": "true", "user": "tom", "password": "password1", "ssl": "false", "port": "25"},
        "browserFlow": "browser", "registrationFlow": "registration", "directGrantFlow": "direct grant",
        "resetCredentialsFlow": "reset credentials", "clientAuthenticationFlow": "clients",
        "dockerAuthenticationFlow": "docker auth", "firstBrokerLoginFlow": "first broker login",
        "defaultDefaultClientScopes": ["profile"], "defaultOptionalClientScopes": ["address"],
        "otpPolicyAlgorithm": "HmacSHA256", "otpPolicyDigits": 8, "otpPolicyInitialCounter": 2, "otpPolicyLookAheadWindow": 3,
        "otpPolicyPeriod": 40, "otpPolicyType": "totp",
        "webAuthnPolicyAcceptableAaguids": [], "webAuthnPolicyAttestationConveyancePreference": "not specified",
        "webAuthnPolicyAuthenticatorAttachment": "not specified", "webAuthnPolicyAvoidSameAuthenticatorRegister": false,
        "webAuthnPolicyCreateTimeout": 0, "webAuthnPolicyRequireResidentKey": "not specified", "webAuthnPolicyRpEntityName": "keycloak",
        "webAuthnPolicyRpId": "", "webAuthnPolicySignatureAlgorithms": ["ES256"], "webAuthnPolicyUserVerificationRequirement": "not specified"
    }"#)
    .unwrap();
    admin.post("/", realm.clone()).await.is(201);
    let read = admin.get("/tf").await.is(200).body;
    for (name, sent) in realm.as_object().unwrap() {
        let found = &read[name];
        let same = match name.as_str() {
            "attributes" => found["mycustomAttribute"] == "myCustomValue",
            "smtpServer" => {
                found["host"] == "smtp.example.com" && found["password"] == "**********"
            }
            "id"
            | "defaultSignatureAlgorithm"
            | "defaultDefaultClientScopes"
            | "defaultOptionalClientScopes" => true,
            // What is off is left out, or the default of old.
            _ if sent == &json!(0) || sent == &json!([]) || sent == &json!("") => {
                found == sent || found.is_null()
            }
            "supportedLocales" => {
                let mut locales: Vec<&str> = found
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(Value::as_str)
                    .collect();
                locales.sort_unstable();
                locales == ["de", "en"]
            }
            _ => found == sent,
        };
        assert!(same, "{name}: {sent} is {found}");
    }
    // They have addresses of their own.
    for (list, expected) in [("default", "profile"), ("optional", "address")] {
        let scopes = admin
            .get(&format!("/tf/default-{list}-client-scopes"))
            .await
            .is(200);
        assert_eq!(scopes.names("name"), [expected]);
    }
    // The mask that was read is sent again, with the rest of it.
    let mut again = read.clone();
    again["displayName"] = json!("again");
    admin.put("/tf", again).await.is(204);
    admin.delete("/tf").await.is(204);
    admin.get("/tf").await.is(404);
}

/// A client with every attribute that the provider sends, empty ones too; its scopes, mappers, service account
/// and roles.
#[tokio::test]
async fn clients_and_what_belongs_to_them() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("tf").await;
    let mut client: Value = serde_json::from_str(r#"{
        "clientId": "app", "name": "app", "protocol": "openid-connect",
        "clientAuthenticatorType": "client-secret", "enabled": true, "description": "", "publicClient": false,
        "bearerOnly": false, "standardFlowEnabled": true, "implicitFlowEnabled": false, "directAccessGrantsEnabled": false,
        "serviceAccountsEnabled": true, "frontchannelLogout": false, "fullScopeAllowed": true, "alwaysDisplayInConsole": false,
        "redirectUris": ["https://app.test/*"], "webOrigins": [], "adminUrl": "", "baseUrl": "", "rootUrl": "",
        "consentRequired": false, "authorizationServicesEnabled": false,
        "authenticationFlowBindingOverrides": {"browser": "", "direct_grant": ""},
        "attributes": {
            "pkce.code.challenge.method": "", "exclude.session.state.from.auth.response": "false",
            "exclude.issuer.from.auth.response": "false", "access.token.lifespan": "", "login_theme": "",
            "client.offline.session.idle.timeout": "", "client.offline.session.max.lifespan": "",
            "client.session.idle.timeout": "", "client.session.max.lifespan": "", "use.refresh.tokens": "true",
            "client_credentials.use_refresh_token": "false", "frontchannel.logout.url": "", "backchannel.logout.url": "",
            "backchannel.logout.session.required": "true", "backchannel.logout.revoke.offline.tokens": "false",
            "oauth2.device.authorization.grant.enabled": "false", "oauth2.device.code.lifespan": "",
            "oauth2.device.polling.interval": "", "display.on.consent.screen": "false", "consent.screen.text": "",
            "post.logout.redirect.uris": "", "extra": "kept"
        }
    }"#)
    .unwrap();
    let (id, read) = made(&admin, "/tf/clients", client.clone()).await;
    let path = format!("/tf/clients/{id}");
    assert_eq!(read["clientId"], "app");
    assert_eq!(read["attributes"]["extra"], "kept");
    assert_eq!(read["attributes"]["backchannel.logout.url"], Value::Null);
    assert!(read["secret"].as_str().is_some_and(|s| s.len() > 20));
    let overrides = &read["authenticationFlowBindingOverrides"];
    assert!(
        overrides.is_null() || overrides == &json!({}),
        "{overrides}"
    );
    client["description"] = json!("changed");
    client["id"] = json!(id);
    client["secret"] = json!("of-mine");
    admin.put(&path, client).await.is(204);
    let read = admin.get(&path).await.is(200).body;
    assert_eq!(
        (&read["description"], &read["secret"]),
        (&json!("changed"), &json!("of-mine"))
    );

    // Scopes: attached and taken off by calls with a body that says nothing.
    let scope = json!({
        "name": "extra", "description": "", "protocol": "openid-connect",
        "attributes": {"display.on.consent.screen": "true", "consent.screen.text": "", "gui.order": "", "include.in.token.scope": "true"},
    });
    let (scope_id, _) = made(&admin, "/tf/client-scopes", scope).await;
    for kind in ["default-client-scopes", "optional-client-scopes"] {
        let list = format!("{path}/{kind}");
        let body = json!({"realm": "tf", "client": id, "clientScopeId": scope_id});
        admin.put(&format!("{list}/{scope_id}"), body).await.is(204);
        assert!(
            admin
                .get(&list)
                .await
                .is(200)
                .names("name")
                .contains(&"extra".to_owned())
        );
        admin.delete(&format!("{list}/{scope_id}")).await.is(204);
        assert!(
            !admin
                .get(&list)
                .await
                .is(200)
                .names("name")
                .contains(&"extra".to_owned())
        );
    }
    // Mappers, of clients and of scopes.
    for holder in [path.clone(), format!("/tf/client-scopes/{scope_id}")] {
        let models = format!("{holder}/protocol-mappers/models");
        let mapper = json!({
            "name": "m", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper",
            "config": {"access.token.claim": "true", "claim.name": "foo", "id.token.claim": "true", "jsonType.label": "String", "multivalued": "false", "user.attribute": "foo", "userinfo.token.claim": "true", "aggregate.attrs": "false"},
        });
        let (mapper_id, mut read) = made(&admin, &models, mapper).await;
        read["config"]["claim.name"] = json!("bar");
        let at = format!("{models}/{mapper_id}");
        admin.put(&at, read).await.is(204);
        assert_eq!(
            admin.get(&at).await.is(200).body["config"]["claim.name"],
            "bar"
        );
        assert_eq!(admin.get(&models).await.is(200).names("name"), ["m"]);
        admin.delete(&at).await.is(204);
        admin.get(&at).await.is(404);
    }
    // Roles of the client and of the realm, put together.
    let (_, inner) = made(
        &admin,
        &format!("{path}/roles"),
        json!({"name": "inner", "clientRole": true, "containerId": id}),
    )
    .await;
    let (_, outer) = made(
        &admin,
        "/tf/roles",
        json!({"name": "outer", "description": "", "attributes": {"k": ["v"]}}),
    )
    .await;
    let by_id = format!("/tf/roles-by-id/{}", outer["id"].as_str().unwrap());
    admin
        .post(&format!("{by_id}/composites"), json!([inner]))
        .await
        .is(204);
    assert_eq!(
        admin
            .get(&format!("{by_id}/composites"))
            .await
            .is(200)
            .names("name"),
        ["inner"]
    );
    assert_eq!(admin.get(&by_id).await.is(200).body["composite"], true);
    let mut changed = outer.clone();
    changed["description"] = json!("new");
    admin.put(&by_id, changed).await.is(204);
    // The service account gets one; scope mappings as well.
    let account = admin
        .get(&format!("{path}/service-account-user"))
        .await
        .is(200);
    let account_id = field(&account, "id").as_str().unwrap();
    let mappings = format!("/tf/users/{account_id}/role-mappings");
    admin
        .post(&format!("{mappings}/realm"), json!([outer]))
        .await
        .is(204);
    admin
        .post(&format!("{mappings}/clients/{id}"), json!([inner]))
        .await
        .is(204);
    let all = admin.get(&mappings).await.is(200).body;
    let names = |list: &Value| {
        list.as_array()
            .unwrap()
            .iter()
            .map(|r| r["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(names(&all["realmMappings"]).contains(&"outer".to_owned()));
    assert_eq!(names(&all["clientMappings"]["app"]["mappings"]), ["inner"]);
    for (scope_path, role) in [
        ("realm".to_owned(), &outer),
        (format!("clients/{id}"), &inner),
    ] {
        let at = format!("/tf/client-scopes/{scope_id}/scope-mappings/{scope_path}");
        admin.post(&at, json!([role])).await.is(204);
        assert_eq!(
            admin.get(&at).await.is(200).body.as_array().unwrap().len(),
            1
        );
        admin
            .call(reqwest::Method::DELETE, &at, Some(json!([role])))
            .await
            .is(204);
    }
    admin.delete(&by_id).await.is(204);
    admin.delete(&path).await.is(204);
}

/// Groups, users, their memberships, passwords and links.
#[tokio::test]
async fn groups_and_users() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("tf").await;
    let (parent, _) = made(
        &admin,
        "/tf/groups",
        json!({"name": "parent", "attributes": {"foo": ["bar", "baz"]}}),
    )
    .await;
    let answer = admin
        .post(
            &format!("/tf/groups/{parent}/children"),
            json!({"name": "child", "attributes": {}}),
        )
        .await
        .is(201);
    let child = answer.id();
    let read = admin.get(&format!("/tf/groups/{child}")).await.is(200).body;
    assert_eq!(
        (&read["path"], &read["parentId"]),
        (&json!("/parent/child"), &json!(parent))
    );
    let group = json!({"id": child, "name": "renamed", "path": "/parent/child", "subGroups": [], "realmRoles": [], "clientRoles": {}, "attributes": {"a": ["b"]}});
    admin
        .put(&format!("/tf/groups/{child}"), group)
        .await
        .is(204);
    let by_path = admin
        .get("/tf/group-by-path/parent/renamed")
        .await
        .is(200)
        .body;
    assert_eq!(by_path["id"], json!(child));
    let user = json!({
        "username": "bob", "email": "bob@domain.test", "emailVerified": true, "firstName": "Bob", "lastName": "B", "enabled": true,
        "attributes": {}, "requiredActions": [], "federatedIdentities": [],
    });
    let (bob, read) = made(&admin, "/tf/users", user.clone()).await;
    assert_eq!(read["username"], "bob");
    let password = json!({"type": "password", "value": "p", "temporary": true});
    admin
        .put(&format!("/tf/users/{bob}/reset-password"), password)
        .await
        .is(204);
    let mut read = admin.get(&format!("/tf/users/{bob}")).await.is(200).body;
    assert_eq!(read["requiredActions"], json!(["UPDATE_PASSWORD"]));
    // What is read can be sent again as a whole.
    read["firstName"] = json!("Robert");
    admin.put(&format!("/tf/users/{bob}"), read).await.is(204);
    let found = admin
        .get("/tf/users?username=bob&exact=true&max=1")
        .await
        .is(200);
    assert_eq!(found.names("firstName"), ["Robert"]);
    let membership = format!("/tf/users/{bob}/groups/{child}");
    admin
        .put(
            &membership,
            json!({"realm": "tf", "userId": bob, "groupId": child}),
        )
        .await
        .is(204);
    assert_eq!(
        admin
            .get(&format!("/tf/users/{bob}/groups"))
            .await
            .is(200)
            .names("path"),
        ["/parent/renamed"]
    );
    let members = admin
        .get(&format!("/tf/groups/{child}/members?max=-1"))
        .await
        .is(200);
    assert_eq!(members.names("username"), ["bob"]);
    admin.delete(&membership).await.is(204);
    let provider = json!({
        "alias": "oidc", "displayName": "OIDC", "providerId": "oidc", "enabled": true, "storeToken": false,
        "addReadTokenRoleOnCreate": false, "authenticateByDefault": false, "linkOnly": false, "trustEmail": false,
        "firstBrokerLoginFlowAlias": "first broker login", "postBrokerLoginFlowAlias": "",
        "config": {
            "clientId": "id", "clientSecret": "secret", "authorizationUrl": "https://o.test/auth", "tokenUrl": "https://o.test/token",
            "useJwksUrl": "true", "validateSignature": "false", "backchannelSupported": "true", "disableUserInfo": "false",
            "hideOnLoginPage": "false", "loginHint": "", "uiLocales": "false", "acceptsPromptNoneForwardFromClient": "false",
            "guiOrder": "", "syncMode": "IMPORT", "defaultScope": "openid",
        },
    });
    let read = admin
        .post("/tf/identity-provider/instances", provider.clone())
        .await
        .is(201);
    assert!(read.location.is_some());
    let instance = "/tf/identity-provider/instances/oidc";
    let mut read = admin.get(instance).await.is(200).body;
    assert_eq!(read["config"]["clientSecret"], "**********");
    read["displayName"] = json!("Changed");
    admin.put(instance, read).await.is(204);
    let mapper = json!({
        "name": "m", "identityProviderAlias": "oidc", "identityProviderMapper": "oidc-user-attribute-idp-mapper",
        "config": {"claim": "c", "user.attribute": "a", "syncMode": "INHERIT"},
    });
    let (mapper_id, mut read) = made(&admin, &format!("{instance}/mappers"), mapper).await;
    read["config"]["claim"] = json!("d");
    let at = format!("{instance}/mappers/{mapper_id}");
    admin.put(&at, read).await.is(204);
    assert_eq!(admin.get(&at).await.is(200).body["config"]["claim"], "d");
    let link = json!({"identityProvider": "oidc", "userId": "u", "userName": "n"});
    let identity = format!("/tf/users/{bob}/federated-identity");
    admin.post(&format!("{identity}/oidc"), link).await.is(204);
    assert_eq!(admin.get(&identity).await.is(200).names("userName"), ["n"]);
    admin.delete(&format!("{identity}/oidc")).await.is(204);
    admin.delete(&at).await.is(204);
    admin.delete(instance).await.is(204);
    admin.delete(&format!("/tf/users/{bob}")).await.is(204);
    admin.delete(&format!("/tf/groups/{parent}")).await.is(204);
}

/// Flows are built step by step, bound to the realm, and taken down again.
#[tokio::test]
async fn flows_step_by_step() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("tf").await;
    let flows = "/tf/authentication/flows";
    let flow = json!({"alias": "my-flow", "description": "", "providerId": "basic-flow", "topLevel": true, "builtIn": false});
    let (flow_id, read) = made(&admin, flows, flow).await;
    assert_eq!(read["alias"], "my-flow");
    let sub = json!({"alias": "my-sub", "description": "", "provider": "registration-page-form", "type": "basic-flow"});
    let answer = admin
        .post(&format!("{flows}/my-flow/executions/flow"), sub)
        .await
        .is(201);
    let sub_id = answer.id();
    assert_eq!(
        admin.get(&format!("{flows}/{sub_id}")).await.is(200).body["alias"],
        "my-sub"
    );
    let step = json!({"provider": "identity-provider-redirector"});
    let step_id = admin
        .post(&format!("{flows}/my-sub/executions/execution"), step)
        .await
        .is(201)
        .id();
    let executions = format!("{flows}/my-flow/executions");
    let listed = admin.get(&executions).await.is(200).body;
    let of = |wanted: &str| {
        listed
            .as_array()
            .unwrap()
            .iter()
            .find(|e| e["id"] == wanted || e["flowId"] == wanted)
            .unwrap()
            .clone()
    };
    for (id, requirement) in [
        (sub_id.as_str(), "REQUIRED"),
        (step_id.as_str(), "ALTERNATIVE"),
    ] {
        let mut execution = of(id);
        execution["requirement"] = json!(requirement);
        admin.put(&executions, execution).await.is(204);
    }
    let one = admin
        .get(&format!("/tf/authentication/executions/{step_id}"))
        .await
        .is(200)
        .body;
    assert_eq!(one["requirement"], "ALTERNATIVE");
    for way in ["raise-priority", "lower-priority"] {
        let path = format!("/tf/authentication/executions/{step_id}/{way}");
        admin.post(&path, json!({})).await.is(204);
    }
    let config = json!({"alias": "my-config", "config": {"defaultProvider": "p"}});
    let config_id = admin
        .post(
            &format!("/tf/authentication/executions/{step_id}/config"),
            config,
        )
        .await
        .is(201)
        .id();
    let at = format!("/tf/authentication/config/{config_id}");
    let mut read = admin.get(&at).await.is(200).body;
    read["config"]["defaultProvider"] = json!("q");
    admin.put(&at, read).await.is(204);
    assert_eq!(
        admin.get(&at).await.is(200).body["config"]["defaultProvider"],
        "q"
    );
    // Bound, and let go again.
    admin
        .put("/tf", json!({"browserFlow": "my-flow"}))
        .await
        .is(204);
    assert_eq!(admin.get("/tf").await.body["browserFlow"], "my-flow");
    admin
        .put("/tf", json!({"browserFlow": "browser"}))
        .await
        .is(204);
    admin.delete(&at).await.is(204);
    admin
        .delete(&format!("/tf/authentication/executions/{step_id}"))
        .await
        .is(204);
    admin.delete(&format!("{flows}/{flow_id}")).await.is(204);
    assert!(
        !admin
            .get(flows)
            .await
            .is(200)
            .names("alias")
            .contains(&"my-flow".to_owned())
    );

    let actions = "/tf/authentication/required-actions";
    let mut action = admin
        .get(&format!("{actions}/CONFIGURE_TOTP"))
        .await
        .is(200)
        .body;
    action["defaultAction"] = json!(true);
    admin
        .put(&format!("{actions}/CONFIGURE_TOTP"), action)
        .await
        .is(204);
    admin
        .delete(&format!("{actions}/CONFIGURE_TOTP"))
        .await
        .is(204);
    let unregistered = admin
        .get("/tf/authentication/unregistered-required-actions")
        .await
        .is(200);
    assert!(
        unregistered
            .names("providerId")
            .contains(&"CONFIGURE_TOTP".to_owned())
    );
    let register = json!({"providerId": "CONFIGURE_TOTP", "name": "Configure OTP"});
    admin
        .post("/tf/authentication/register-required-action", register)
        .await
        .is(204);
}

/// Keys, events, texts, the user profile, default groups, roles and scopes of a realm.
#[tokio::test]
async fn settings_of_a_realm() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("tf").await;
    let realm = admin.get("/tf").await.body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (provider, config) in [
        (
            "rsa-generated",
            json!({"active": ["true"], "enabled": ["true"], "priority": ["100"], "algorithm": ["RS256"], "keySize": ["2048"]}),
        ),
        (
            "rsa-enc-generated",
            json!({"active": ["true"], "enabled": ["true"], "priority": ["100"], "algorithm": ["RSA-OAEP"], "keySize": ["2048"]}),
        ),
        (
            "ecdsa-generated",
            json!({"active": ["true"], "enabled": ["true"], "priority": ["100"], "ecdsaEllipticCurveKey": ["P-256"]}),
        ),
        (
            "hmac-generated",
            json!({"active": ["true"], "enabled": ["true"], "priority": ["100"], "algorithm": ["HS256"], "secretSize": ["64"]}),
        ),
        (
            "aes-generated",
            json!({"active": ["true"], "enabled": ["true"], "priority": ["100"], "secretSize": ["16"]}),
        ),
    ] {
        let component = json!({
            "name": format!("my-{provider}"), "providerId": provider, "providerType": "org.keycloak.keys.KeyProvider",
            "parentId": realm, "config": config,
        });
        let (id, mut read) = made(&admin, "/tf/components", component).await;
        read["config"]["priority"] = json!(["50"]);
        let at = format!("/tf/components/{id}");
        admin.put(&at, read).await.is(204);
        assert_eq!(
            admin.get(&at).await.is(200).body["config"]["priority"],
            json!(["50"]),
            "{provider}"
        );
        admin.delete(&at).await.is(204);
    }
    let events = json!({
        "adminEventsEnabled": true, "adminEventsDetailsEnabled": true, "eventsEnabled": true, "eventsExpiration": 3600,
        "enabledEventTypes": ["LOGIN", "LOGOUT"], "eventsListeners": ["jboss-logging"],
    });
    admin.put("/tf/events/config", events.clone()).await.is(204);
    let read = admin.get("/tf/events/config").await.is(200).body;
    for (name, value) in events.as_object().unwrap() {
        assert_eq!(&read[name], value, "{name}");
    }
    admin
        .post("/tf/localization/de", json!({"Hello": "Hallo"}))
        .await
        .is(204);
    assert_eq!(
        admin.get("/tf/localization/de").await.is(200).body["Hello"],
        "Hallo"
    );
    let profile = admin.get("/tf/users/profile").await.is(200).body;
    admin.put("/tf/users/profile", profile).await.is(200);

    let group = admin
        .post("/tf/groups", json!({"name": "g"}))
        .await
        .is(201)
        .id();
    let default = format!("/tf/default-groups/{group}");
    admin
        .put(&default, json!({"realm": "tf", "groupId": group}))
        .await
        .is(204);
    assert_eq!(
        admin.get("/tf/default-groups").await.is(200).names("name"),
        ["g"]
    );
    admin.delete(&default).await.is(204);
    let scope = admin
        .post(
            "/tf/client-scopes",
            json!({"name": "s", "protocol": "openid-connect"}),
        )
        .await
        .is(201)
        .id();
    for list in [
        "default-default-client-scopes",
        "default-optional-client-scopes",
    ] {
        let at = format!("/tf/{list}/{scope}");
        admin.put(&at, json!({})).await.is(204);
        assert!(
            admin
                .get(&format!("/tf/{list}"))
                .await
                .is(200)
                .names("name")
                .contains(&"s".to_owned())
        );
        admin.delete(&at).await.is(204);
    }
    // Default roles are what is inside one role.
    let role = admin.get("/tf/roles/default-roles-tf").await.is(200).body;
    let composites = format!(
        "/tf/roles-by-id/{}/composites",
        role["id"].as_str().unwrap()
    );
    admin
        .post("/tf/roles", json!({"name": "extra"}))
        .await
        .is(201);
    let extra = admin.get("/tf/roles/extra").await.is(200).body;
    admin.post(&composites, json!([extra])).await.is(204);
    assert!(
        admin
            .get(&composites)
            .await
            .is(200)
            .names("name")
            .contains(&"extra".to_owned())
    );
    admin
        .call(reqwest::Method::DELETE, &composites, Some(json!([extra])))
        .await
        .is(204);
}

/// keycloak-config-cli keeps what it has done in the realm's attributes, and sends whole realms to the realm's
/// own address: settings count, objects have addresses of their own.
#[tokio::test]
async fn a_whole_realm_at_the_address_of_its_settings() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("tf").await;
    let mut whole = admin.get("/tf").await.is(200).body;
    whole["attributes"]["de.adorsys.keycloak.config.import-checksum-default"] = json!("abc");
    whole["displayName"] = json!("from a file");
    whole["clients"] = json!([{"clientId": "not-made-here"}]);
    whole["users"] = json!([{"username": "nobody"}]);
    whole["roles"] = json!({"realm": [{"name": "none"}]});
    admin.put("/tf", whole).await.is(204);
    let read = admin.get("/tf").await.is(200).body;
    assert_eq!(
        read["attributes"]["de.adorsys.keycloak.config.import-checksum-default"],
        "abc"
    );
    assert_eq!(read["displayName"], "from a file");
    assert_eq!(
        admin.get("/tf/clients?clientId=not-made-here").await.body,
        json!([])
    );
    assert_eq!(admin.get("/tf/users").await.body, json!([]));
    admin.get("/tf/roles/none").await.is(404);
    // State is kept as attributes, too, and taken out again with the next set of them.
    let mut state = read;
    let attributes = state["attributes"].as_object_mut().unwrap();
    attributes.remove("de.adorsys.keycloak.config.import-checksum-default");
    attributes.insert(
        "de.adorsys.keycloak.config.state-default-clients-0".into(),
        json!("[\"app\"]"),
    );
    admin.put("/tf", state).await.is(204);
    let attributes = admin.get("/tf").await.is(200).body["attributes"].clone();
    assert_eq!(
        attributes["de.adorsys.keycloak.config.import-checksum-default"],
        Value::Null
    );
    assert_eq!(
        attributes["de.adorsys.keycloak.config.state-default-clients-0"],
        "[\"app\"]"
    );
    for path in [
        "/tf/components",
        "/tf/clients?first=0&max=1",
        "/tf/groups?first=0&max=1&briefRepresentation=false",
        "/tf/roles?briefRepresentation=false",
        "/tf/authentication/flows",
        "/tf/identity-provider/instances",
        "/tf/client-scopes",
        "/tf/authentication/required-actions",
        "/tf/client-policies/profiles?include-global-profiles=true",
        "/tf/client-policies/policies?include-global-policies=true",
        "/tf/users/profile",
        "/tf/default-groups",
        "/tf/default-default-client-scopes",
        "/tf/default-optional-client-scopes",
    ] {
        admin.get(path).await.is(200);
    }
}
