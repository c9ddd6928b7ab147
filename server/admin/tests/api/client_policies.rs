//! Client policies: how they are written, and what they do to clients that are made and changed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Server};

/// A policy for all clients that these conditions hold for, with one executor.
async fn policy(admin: &Caller<'_>, conditions: Value, executor: &str, configuration: Value) {
    let executors = json!([{"executor": executor, "configuration": configuration}]);
    profile(admin, executors).await;
    policy_of(admin, conditions, &["p"]).await;
}

async fn profile(admin: &Caller<'_>, executors: Value) {
    let profiles = json!({"profiles": [{"name": "p", "executors": executors}]});
    admin
        .put("/r/client-policies/profiles", profiles)
        .await
        .is(204);
}

async fn policy_of(admin: &Caller<'_>, conditions: Value, profiles: &[&str]) {
    let policies = json!({"policies": [
        {"name": "q", "enabled": true, "conditions": conditions, "profiles": profiles}]});
    admin
        .put("/r/client-policies/policies", policies)
        .await
        .is(204);
}

fn any() -> Value {
    json!([{"condition": "any-client", "configuration": {}}])
}

fn one(condition: &str, configuration: Value) -> Value {
    json!([{"condition": condition, "configuration": configuration}])
}

async fn create(admin: &Caller<'_>, client: Value) -> Answer {
    admin.post("/r/clients", client).await
}

/// A client with HTTPS addresses, which no policy about addresses minds.
fn client(more: Value) -> Value {
    let mut all = json!({
        "clientId": format!("c-{}", uuid::Uuid::new_v4()),
        "redirectUris": ["https://app.example/cb"],
    });
    let fields = more.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(fields);
    all
}

#[track_caller]
fn refused(answer: &Answer, error: &str, description: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(answer.body["error"], error, "{}", answer.text);
    assert_eq!(
        answer.body["error_description"], description,
        "{}",
        answer.text
    );
}

async fn realm(server: &Server) -> Caller<'_> {
    let admin = server.admin().await;
    admin.new_realm("r").await;
    admin
}

/// Profiles and policies come back as they were sent; what cannot be asked is refused. Every realm has
/// the global profiles, which nobody can take the names of, and no policy.
///
/// spec: CP-01, CP-02, CP-04, CP-05, CP-10
#[tokio::test]
async fn policies_are_checked_and_kept() {
    let server = Server::start().await;
    let admin = realm(&server).await;
    let path = |list: &str| format!("/r/client-policies/{list}");
    let none = admin
        .get(&path("policies?include-global-policies=true"))
        .await;
    assert_eq!(none.body, json!({"policies": [], "globalPolicies": []}));
    let all = admin
        .get(&path("profiles?include-global-profiles=true"))
        .await;
    let global = all.body["globalProfiles"].as_array().unwrap();
    let mut names: Vec<&str> = global.iter().map(|p| p["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    let expected = [
        "fapi-1-advanced",
        "fapi-1-baseline",
        "fapi-2-dpop-message-signing",
        "fapi-2-dpop-security-profile",
        "fapi-2-message-signing",
        "fapi-2-security-profile",
        "fapi-ciba",
        "oauth-2-1-for-confidential-client",
        "oauth-2-1-for-public-client",
        "saml-security-profile",
    ];
    assert_eq!(names, expected);

    let pkce = json!([{"executor": "pkce-enforcer", "configuration": {"auto-configure": "true"}}]);
    let profiles = json!({"profiles": [{"name": "p", "description": "d", "executors": pkce}]});
    admin.put(&path("profiles"), profiles.clone()).await.is(204);
    assert_eq!(admin.get(&path("profiles")).await.body, profiles);
    let policies = json!({"policies": [{"name": "q", "enabled": true, "conditions": any(), "profiles": ["p", "fapi-ciba"]}]});
    admin.put(&path("policies"), policies.clone()).await.is(204);
    assert_eq!(admin.get(&path("policies")).await.body, policies);

    let executor = |id: &str, config: Value| json!({"profiles": [{"name": "x", "executors": [{"executor": id, "configuration": config}]}]});
    let invalid = "proposed client profile contains the executor, which does not have valid provider, or has invalid configuration.";
    let wrong = [
        (
            "profiles",
            json!({"profiles": [{"executors": []}]}),
            "client profile without its name not allowed.",
        ),
        (
            "profiles",
            json!({"profiles": [{"name": "a"}, {"name": "a"}]}),
            "proposed client profile name duplicated.",
        ),
        (
            "profiles",
            json!({"profiles": [{"name": "fapi-ciba"}]}),
            "Proposed profile name duplicated as the name of some global profile",
        ),
        ("profiles", executor("nope", json!({})), invalid),
        (
            "profiles",
            executor(
                "secret-rotation",
                json!({"expiration-period": "10", "rotated-expiration-period": "20"}),
            ),
            invalid,
        ),
        (
            "profiles",
            executor(
                "jwt-claim-enforcer",
                json!({"claim-name": "a", "allowed-value": "("}),
            ),
            invalid,
        ),
        (
            "policies",
            json!({"policies": [{"enabled": true}]}),
            "proposed client policy name missing.",
        ),
        (
            "policies",
            json!({"policies": [{"name": "a"}, {"name": "a"}]}),
            "proposed client policy name duplicated.",
        ),
        (
            "policies",
            json!({"policies": [{"name": "a", "conditions": one("nope", json!({}))}]}),
            "the proposed client policy contains the condition with its invalid configuration.",
        ),
        (
            "policies",
            json!({"policies": [{"name": "a", "profiles": ["nope"]}]}),
            "referring not existing client profile not allowed.",
        ),
    ];
    for (list, body, message) in wrong {
        let answer = admin.put(&path(list), body.clone()).await;
        assert_eq!(answer.status, 400, "{body} {}", answer.text);
        assert_eq!(answer.body["errorMessage"], message, "{body}");
    }
    let many: Vec<Value> = (0..5_000)
        .map(|i| json!({"name": format!("p{i}")}))
        .collect();
    admin
        .put(&path("profiles"), json!({"profiles": many}))
        .await
        .is(400);
    assert_eq!(admin.get(&path("profiles")).await.body, profiles);
    assert_eq!(admin.get(&path("policies")).await.body, policies);

    let info = admin.get("/admin/serverinfo").await.is(200).body;
    for kind in [
        "condition.ClientPolicyConditionProvider",
        "executor.ClientPolicyExecutorProvider",
    ] {
        let kind = format!("org.keycloak.services.clientpolicy.{kind}");
        for listed in info["componentTypes"][&kind].as_array().unwrap() {
            let what = if kind.contains("condition") {
                "client-policy-condition"
            } else {
                "client-policy-executor"
            };
            let id = listed["id"].as_str().unwrap();
            assert!(
                info["providers"][what]["providers"].get(id).is_some(),
                "{id}"
            );
            assert!(listed["properties"].is_array(), "{id}");
        }
    }
}

/// All conditions that have something to say have to hold, and one has to have something to say. In the
/// strict mode all have to say it. A policy that is switched off does nothing.
///
/// spec: CP-01, CP-18
#[tokio::test]
async fn conditions_agree() {
    let server = Server::start().await;
    let admin = realm(&server).await;
    profile(
        &admin,
        json!([{"executor": "reject-request", "configuration": {}}]),
    )
    .await;
    let public = one("client-access-type", json!({"type": ["public"]}));
    let scopes = one("client-scopes", json!({"type": "Any", "scopes": ["x"]}));
    let both = |a: &Value, b: &Value| json!([a[0], b[0]]);
    let cases = [
        (any(), json!({}), true),
        (json!([]), json!({}), false),
        (scopes.clone(), json!({}), false),
        (both(&any(), &scopes), json!({}), true),
        (both(&any(), &public), json!({}), false),
        (both(&any(), &public), json!({"publicClient": true}), true),
        (
            one("any-client", json!({"is-negative-logic": "true"})),
            json!({}),
            false,
        ),
        (
            one(
                "client-access-type",
                json!({"type": ["public"], "is-negative-logic": true}),
            ),
            json!({}),
            true,
        ),
        (
            one("client-type", json!({"protocol": "saml"})),
            json!({}),
            false,
        ),
        (
            one("client-type", json!({"protocol": "openid-connect"})),
            json!({"protocol": "openid-connect"}),
            true,
        ),
    ];
    for (conditions, more, rejects) in cases {
        policy_of(&admin, conditions.clone(), &["p"]).await;
        let answer = create(&admin, client(more)).await;
        match rejects {
            true => refused(&answer, "invalid_request", "request not allowed"),
            false => assert_eq!(answer.status, 201, "{conditions} {}", answer.text),
        }
    }
    for change in [json!({"mode": "STRICT"}), json!({"enabled": false})] {
        let mut policy = json!({"name": "q", "enabled": true, "conditions": both(&any(), &scopes), "profiles": ["p"]});
        policy
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let policies = json!({"policies": [policy]});
        admin
            .put("/r/client-policies/policies", policies)
            .await
            .is(204);
        create(&admin, client(json!({}))).await.is(201);
    }
}

/// A client is set up where the executor is to do so, and judged otherwise; when it is made, and when it
/// is changed.
///
/// spec: CP-06, CP-09, CP-13, CP-21, CP-22, CP-23, CP-25, CP-27, CP-29, CP-34, CP-36, SEC-14, SEC-26
#[tokio::test]
async fn executors_set_up_and_judge() {
    let server = Server::start().await;
    let admin = realm(&server).await;
    let attribute = |name: &str, value: &str| json!({"attributes": {name: value}});
    let metadata = "invalid_client_metadata";
    let registration = "invalid_registration";
    // Executor, what makes it set clients up and what it then sets; a client that it refuses, and how.
    let auto = json!({"auto-configure": true});
    let cases = [
        (
            "pkce-enforcer",
            auto.clone(),
            "/attributes/pkce.code.challenge.method",
            json!("S256"),
            attribute("pkce.code.challenge.method", "plain"),
            metadata,
            "Invalid client metadata: code_challenge_method",
        ),
        (
            "holder-of-key-enforcer",
            auto.clone(),
            "/attributes/tls.client.certificate.bound.access.tokens",
            json!("true"),
            json!({}),
            metadata,
            "Invalid client metadata: MTLS token in disabled",
        ),
        (
            "dpop-bind-enforcer",
            auto.clone(),
            "/attributes/dpop.bound.access.tokens",
            json!("true"),
            json!({}),
            metadata,
            "Invalid client metadata: DPoP token in disabled",
        ),
        (
            "secure-response-type",
            auto.clone(),
            "/attributes/id.token.as.detached.signature",
            json!("true"),
            json!({}),
            metadata,
            "Invalid client metadata: ID Token as detached signature in disabled",
        ),
        (
            "consent-required",
            auto.clone(),
            "/consentRequired",
            json!(true),
            json!({}),
            registration,
            "Client is required to enable consentRequired",
        ),
        (
            "full-scope-disabled",
            auto.clone(),
            "/fullScopeAllowed",
            json!(false),
            json!({}),
            registration,
            "Not permitted to enable fullScopeAllowed",
        ),
        (
            "reject-implicit-grant",
            auto.clone(),
            "/implicitFlowEnabled",
            json!(false),
            json!({"implicitFlowEnabled": true}),
            metadata,
            "Invalid client metadata: implicit flow enabled",
        ),
        (
            "reject-ropc-grant",
            auto.clone(),
            "/directAccessGrantsEnabled",
            json!(false),
            json!({"directAccessGrantsEnabled": true}),
            metadata,
            "Invalid client metadata: resource owner password credentials grant enabled",
        ),
    ];
    for (executor, config, path, value, wrong, error, description) in cases {
        policy(&admin, any(), executor, json!({})).await;
        refused(
            &create(&admin, client(wrong.clone())).await,
            error,
            description,
        );
        policy(&admin, any(), executor, config).await;
        let id = create(&admin, client(wrong.clone())).await.is(201).id();
        let shown = admin.get(&format!("/r/clients/{id}")).await.is(200).body;
        assert_eq!(pointer(&shown, path), &value, "{executor}");
        // A change is judged too.
        policy(&admin, any(), executor, json!({})).await;
        let mut undone = wrong.clone();
        if undone == json!({}) {
            undone = match path.strip_prefix("/attributes/") {
                Some(name) => attribute(name, "false"),
                None => json!({ &path[1..]: value != json!(true) }),
            };
        }
        let answer = admin.put(&format!("/r/clients/{id}"), undone).await;
        refused(&answer, error, description);
        let kept = admin.get(&format!("/r/clients/{id}")).await.is(200).body;
        assert_eq!(pointer(&kept, path), &value, "{executor}");
    }
    let methods = json!({"allowed-client-authenticators": ["client-jwt", "client-x509"], "default-client-authenticator": "client-jwt"});
    policy(&admin, any(), "secure-client-authenticator", methods).await;
    let wrong = client(json!({"clientAuthenticatorType": "client-secret"}));
    refused(
        &create(&admin, wrong).await,
        metadata,
        "Invalid client metadata: token_endpoint_auth_method",
    );
    create(&admin, client(json!({"publicClient": true})))
        .await
        .is(201);
    let id = create(&admin, client(json!({}))).await.is(201).id();
    let shown = admin.get(&format!("/r/clients/{id}")).await.body;
    assert_eq!(shown["clientAuthenticatorType"], "client-jwt");

    policy(
        &admin,
        any(),
        "secure-signature-algorithm",
        json!({"default-algorithm": "ES256"}),
    )
    .await;
    let wrong = client(attribute("id.token.signed.response.alg", "RS256"));
    refused(
        &create(&admin, wrong).await,
        "invalid_request",
        "not allowed signature algorithm.",
    );
    let id = create(
        &admin,
        client(attribute("id.token.signed.response.alg", "PS512")),
    )
    .await
    .is(201)
    .id();
    let shown = admin.get(&format!("/r/clients/{id}")).await.body;
    for (name, algorithm) in [
        ("id.token.signed.response.alg", "PS512"),
        ("access.token.signed.response.alg", "ES256"),
        ("request.object.signature.alg", "ES256"),
        ("token.endpoint.auth.signing.alg", "ES256"),
        ("user.info.response.signature.alg", "ES256"),
    ] {
        assert_eq!(shown["attributes"][name], algorithm, "{name}");
    }
    policy(&admin, any(), "secure-ciba-req-sig-algorithm", json!({})).await;
    let wrong = client(attribute(
        "ciba.backchannel.auth.request.signing.alg",
        "RS256",
    ));
    refused(
        &create(&admin, wrong).await,
        "invalid_request",
        "not allowed signature algorithm.",
    );

    policy(&admin, any(), "secure-client-uris", json!({})).await;
    for (wrong, what) in [
        (
            json!({"redirectUris": ["https://app.example/*"]}),
            "redirectUris",
        ),
        (
            json!({"redirectUris": ["http://app.example/cb"]}),
            "redirectUris",
        ),
        (json!({"redirectUris": ["*"]}), "redirectUris"),
        (json!({"rootUrl": "http://app.example"}), "rootUrl"),
        (json!({"webOrigins": ["*"]}), "webOrigins"),
        (
            attribute("backchannel.logout.url", "http://app.example/out"),
            "logoutUrl",
        ),
        (attribute("jwks.url", "http://app.example/jwks"), "jwksUri"),
        (
            attribute("request.uris", "https://a.example##http://b.example"),
            "requestUris",
        ),
        (
            attribute("post.logout.redirect.uris", "http://app.example/bye"),
            "postLogoutUris",
        ),
    ] {
        let answer = create(&admin, client(wrong)).await;
        refused(&answer, metadata, &format!("Invalid {what}"));
    }
    let mut rooted = client(json!({"rootUrl": "https://app.example"}));
    rooted.as_object_mut().unwrap().remove("redirectUris");
    let id = create(&admin, rooted).await.is(201).id();
    let shown = admin.get(&format!("/r/clients/{id}")).await.body;
    assert_eq!(shown["redirectUris"], json!(["https://app.example"]));

    let strict = json!({"oauth-2-1-compliant": "true", "allow-ipv4-loopback-address": "true"});
    policy(&admin, any(), "secure-redirect-uris-enforcer", strict).await;
    for wrong in [
        "https://app.example/*",
        "http://app.example/cb",
        "com.example:/cb",
    ] {
        let answer = create(&admin, client(json!({"redirectUris": [wrong]}))).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert_eq!(answer.body["error"], "invalid_request", "{wrong}");
    }
    refused(
        &create(&admin, client(json!({"redirectUris": []}))).await,
        "invalid_request",
        "Invalid Redirect Uri: invalid uri",
    );
    create(&admin, client(json!({}))).await.is(201);

    let patterns = json!({"allowed-patterns": ["https://[a-z]+\\.example/.*"], "client-uri-fields": ["redirectUris"]});
    policy(&admin, any(), "secure-client-uris-pattern", patterns).await;
    let wrong =
        client(json!({"redirectUris": ["https://app.test/cb"], "rootUrl": "http://anything.test"}));
    refused(
        &create(&admin, wrong).await,
        metadata,
        "Invalid redirectUris",
    );
    create(&admin, client(json!({"rootUrl": "http://anything.test"})))
        .await
        .is(201);

    policy(&admin, any(), "secure-logout", json!({})).await;
    refused(
        &create(&admin, client(json!({"frontchannelLogout": true}))).await,
        registration,
        "Front-channel logout is not allowed for this client",
    );
    create(&admin, client(json!({}))).await.is(201);

    let authority = json!({"ca-subject-dn": "CN=Good CA, O=Example", "enforced": "true"});
    policy(&admin, any(), "tls-client-auth-ca-subject-dn", authority).await;
    let x509 =
        json!({"clientAuthenticatorType": "client-x509", "attributes": {"x509.subjectdn": "CN=a"}});
    let id = create(&admin, client(x509.clone())).await.is(201).id();
    let shown = admin.get(&format!("/r/clients/{id}")).await.body;
    assert_eq!(
        shown["attributes"]["x509.casubjectdn"],
        "CN=Good CA, O=Example"
    );
    for (name, status) in [("cn=Good CA,o=Example", 201), ("CN=Bad CA, O=Example", 400)] {
        let mut other = x509.clone();
        other["attributes"]["x509.casubjectdn"] = json!(name);
        assert_eq!(create(&admin, client(other)).await.status, status, "{name}");
    }
}

fn pointer<'a>(value: &'a Value, path: &str) -> &'a Value {
    let missing = &Value::Null;
    match path.strip_prefix("/attributes/") {
        Some(name) => value["attributes"].get(name).unwrap_or(missing),
        None => value.pointer(path).unwrap_or(missing),
    }
}

/// The global profile for SAML judges SAML clients, and no others.
///
/// spec: CP-04, CP-07, CP-40
#[tokio::test]
async fn saml_clients_have_a_profile() {
    let server = Server::start().await;
    let admin = realm(&server).await;
    policy_of(
        &admin,
        one("client-type", json!({"protocol": "saml"})),
        &["saml-security-profile"],
    )
    .await;
    let saml = |more: Value, attributes: Value| {
        let mut all = client(json!({"protocol": "saml", "attributes": attributes}));
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        all
    };
    let good = json!({
        "saml.client.signature": "true", "saml.server.signature": "true", "saml.force.post.binding": "true",
    });
    let error = "invalid_client_metadata";
    let cases = [
        (
            json!({"rootUrl": "http://app.example"}),
            good.clone(),
            "Non secure scheme for Root URL",
        ),
        (
            json!({"redirectUris": ["https://app.example/*"]}),
            good.clone(),
            "Unsecure wildcard redirect https://app.example/* for Valid redirect URIs",
        ),
        (
            json!({}),
            json!({"saml.force.post.binding": "true"}),
            "Signatures not ensured for the client. Ensure Client signature required and Sign documents or Sign assertions are ON",
        ),
        (
            json!({}),
            json!({"saml.client.signature": "true", "saml.server.signature": "true"}),
            "Force POST binding is not enabled",
        ),
    ];
    for (more, attributes, description) in cases {
        let answer = create(&admin, saml(more, attributes)).await;
        refused(&answer, error, description);
    }
    create(&admin, saml(json!({}), good)).await.is(201);
    create(&admin, client(json!({"rootUrl": "http://app.example"})))
        .await
        .is(201);
}

/// The global profiles set clients up to keep to FAPI and OAuth 2.1.
///
/// spec: CP-04, SEC-15, SEC-16
#[tokio::test]
async fn global_profiles_set_clients_up() {
    let server = Server::start().await;
    let admin = realm(&server).await;
    let jwt = json!({"clientAuthenticatorType": "client-jwt"});
    let made = async |profile: &str, more: Value| {
        policy_of(&admin, any(), &[profile]).await;
        let id = create(&admin, client(more)).await.is(201).id();
        policy_of(&admin, json!([]), &[]).await;
        admin.get(&format!("/r/clients/{id}")).await.is(200).body
    };
    for profile in ["fapi-2-security-profile", "fapi-2-message-signing"] {
        let shown = made(profile, jwt.clone()).await;
        assert_eq!(shown["attributes"]["pkce.code.challenge.method"], "S256");
        assert_eq!(
            shown["attributes"]["tls.client.certificate.bound.access.tokens"],
            "true"
        );
        assert_eq!(shown["attributes"]["id.token.signed.response.alg"], "PS256");
        assert_eq!(shown["consentRequired"], true);
        assert_eq!(shown["fullScopeAllowed"], false);
    }
    let shown = made("fapi-2-dpop-security-profile", jwt.clone()).await;
    assert_eq!(shown["attributes"]["dpop.bound.access.tokens"], "true");
    let shown = made("fapi-1-advanced", jwt.clone()).await;
    assert_eq!(
        shown["attributes"]["id.token.as.detached.signature"],
        "true"
    );
    let shown = made(
        "oauth-2-1-for-confidential-client",
        json!({"directAccessGrantsEnabled": true}),
    )
    .await;
    assert_eq!(shown["clientAuthenticatorType"], "client-jwt");
    assert_eq!(shown["directAccessGrantsEnabled"], false);
    let shown = made("oauth-2-1-for-public-client", json!({"publicClient": true})).await;
    assert_eq!(shown["attributes"]["dpop.bound.access.tokens"], "true");
    for profile in ["fapi-1-baseline", "fapi-2-security-profile"] {
        policy_of(&admin, any(), &[profile]).await;
        let plain = client(
            json!({"clientAuthenticatorType": "client-jwt", "redirectUris": ["http://app.example/cb"]}),
        );
        refused(
            &create(&admin, plain).await,
            "invalid_client_metadata",
            "Invalid redirectUris",
        );
    }
}

/// Who makes a client, by what, from where, and what the client is.
///
/// spec: CP-06, CP-08, CP-11, CP-12, CP-15, CP-16, CP-17, CP-32
#[tokio::test]
async fn conditions_tell_who_writes() {
    let server = Server::start().await;
    let admin = realm(&server).await;
    profile(
        &admin,
        json!([{"executor": "reject-request", "configuration": {}}]),
    )
    .await;
    let cases = [
        (
            one(
                "client-updater-context",
                json!({"update-client-source": ["ByAuthenticatedUser"]}),
            ),
            true,
        ),
        (
            one(
                "client-updater-context",
                json!({"update-client-source": ["ByInitialAccessToken", "ByAnonymous"]}),
            ),
            false,
        ),
        (
            one(
                "client-updater-source-host",
                json!({"trusted-hosts": ["10.0.0.1"]}),
            ),
            false,
        ),
        (
            one(
                "client-updater-source-host",
                json!({"trusted-hosts": ["*.test", "127.0.0.1"]}),
            ),
            true,
        ),
        (
            one(
                "client-updater-source-host",
                json!({"trusted-hosts": ["localhost"]}),
            ),
            true,
        ),
        (
            one("client-updater-source-roles", json!({"roles": ["admin"]})),
            false,
        ),
        (
            one("client-updater-source-groups", json!({"groups": ["staff"]})),
            false,
        ),
    ];
    for (conditions, rejects) in cases {
        policy_of(&admin, conditions.clone(), &["p"]).await;
        let answer = create(&admin, client(json!({}))).await;
        assert_eq!(
            answer.status == 400,
            rejects,
            "{conditions} {}",
            answer.text
        );
    }
    // An administrator of the realm itself, by role and by group.
    policy_of(&admin, json!([]), &["p"]).await;
    let own = server
        .user_with("r", "ann", "realm-management", &["manage-clients"])
        .await;
    let ann = admin.get("/r/users?username=ann").await.body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    admin
        .post("/r/roles", json!({"name": "author"}))
        .await
        .is(201);
    let role = admin.get("/r/roles/author").await.body;
    admin
        .post(
            &format!("/r/users/{ann}/role-mappings/realm"),
            json!([role]),
        )
        .await
        .is(204);
    let group = admin
        .post("/r/groups", json!({"name": "staff"}))
        .await
        .is(201)
        .id();
    admin
        .put(&format!("/r/users/{ann}/groups/{group}"), json!({}))
        .await
        .is(204);
    for conditions in [
        one(
            "client-updater-source-roles",
            json!({"roles": ["nobody", "author"]}),
        ),
        one(
            "client-updater-source-roles",
            json!({"roles": ["realm-management.manage-clients"]}),
        ),
        one("client-updater-source-groups", json!({"groups": ["staff"]})),
    ] {
        policy_of(&admin, conditions, &["p"]).await;
        refused(
            &create(&own, client(json!({}))).await,
            "invalid_request",
            "request not allowed",
        );
        create(&admin, client(json!({}))).await.is(201);
    }
    // What the client is: attributes, and a role that marks it.
    policy_of(&admin, json!([]), &["p"]).await;
    let marked = create(&admin, client(json!({"attributes": {"a": "1", "b": "2"}})))
        .await
        .is(201)
        .id();
    let plain = create(&admin, client(json!({"attributes": {"a": "1"}})))
        .await
        .is(201)
        .id();
    admin
        .post(
            &format!("/r/clients/{marked}/roles"),
            json!({"name": "marker"}),
        )
        .await
        .is(201);
    let attributes = json!([{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]).to_string();
    for conditions in [
        one("client-roles", json!({"roles": ["other", "marker"]})),
        one("client-attributes", json!({"attributes": attributes})),
    ] {
        policy_of(&admin, conditions, &["p"]).await;
        for (id, status) in [(&marked, 400), (&plain, 204)] {
            let path = format!("/r/clients/{id}");
            let answer = admin.put(&path, json!({"description": "d"})).await;
            assert_eq!(answer.status, status, "{}", answer.text);
        }
    }
    // By tokens for registration: policies and registration policies both apply.
    let token = async || {
        let made = admin
            .post("/r/clients-initial-access", json!({"count": 9}))
            .await
            .is(201);
        made.body["token"].as_str().unwrap().to_owned()
    };
    let path = "/realms/r/clients-registrations/openid-connect";
    let metadata = json!({"redirect_uris": ["https://self.example/cb"]});
    let by = |source: &str| {
        one(
            "client-updater-context",
            json!({"update-client-source": [source]}),
        )
    };
    policy_of(&admin, by("ByInitialAccessToken"), &["p"]).await;
    let answer = server
        .bearer(&token().await)
        .post(path, metadata.clone())
        .await;
    refused(&answer, "invalid_request", "request not allowed");
    policy_of(&admin, by("ByRegistrationAccessToken"), &["p"]).await;
    let made = server
        .bearer(&token().await)
        .post(path, metadata.clone())
        .await
        .is(201)
        .body;
    let id = made["client_id"].as_str().unwrap();
    let change = json!({"client_id": id, "redirect_uris": ["https://self.example/other"]});
    let own = made["registration_access_token"].as_str().unwrap();
    let client_path = format!("{path}/{id}");
    let answer = server.bearer(own).put(&client_path, change.clone()).await;
    refused(&answer, "invalid_request", "request not allowed");
    // The token stays as it is where a policy wants it so.
    policy(
        &admin,
        any(),
        "registration-access-token-rotation-disabled",
        json!({}),
    )
    .await;
    for _ in 0..2 {
        server
            .bearer(own)
            .put(&client_path, change.clone())
            .await
            .is(200);
    }
    policy_of(&admin, json!([]), &[]).await;
    server
        .bearer(own)
        .put(&client_path, change.clone())
        .await
        .is(200);
    server.bearer(own).put(&client_path, change).await.is(401);
    // Executors set up clients that register themselves.
    let methods = json!({"allowed-client-authenticators": ["client-secret-jwt"], "default-client-authenticator": "client-secret-jwt"});
    policy(&admin, any(), "secure-client-authenticator", methods).await;
    let made = server
        .bearer(&token().await)
        .post(path, metadata.clone())
        .await
        .is(201)
        .body;
    assert_eq!(made["token_endpoint_auth_method"], "client_secret_jwt");
    let mut basic = metadata;
    basic["token_endpoint_auth_method"] = json!("client_secret_basic");
    let answer = server.bearer(&token().await).post(path, basic).await;
    refused(
        &answer,
        "invalid_client_metadata",
        "Invalid client metadata: token_endpoint_auth_method",
    );
}

/// `reject-request` means looking at a client and deleting it as well.
///
/// spec: CP-19
#[tokio::test]
async fn clients_are_not_seen_nor_deleted() {
    let server = Server::start().await;
    let admin = realm(&server).await;
    let id = create(&admin, client(json!({}))).await.is(201).id();
    policy(&admin, any(), "reject-request", json!({})).await;
    for method in [Method::GET, Method::DELETE] {
        let answer = admin.call(method, &format!("/r/clients/{id}"), None).await;
        refused(&answer, "invalid_request", "request not allowed");
    }
    policy_of(&admin, json!([]), &[]).await;
    admin.delete(&format!("/r/clients/{id}")).await.is(204);
}

/// Secrets of the clients that the policy is for end and rotate by its periods; others do not.
///
/// spec: ROT-01, ROT-13, ROT-14, CP-31, CP-15
#[tokio::test]
async fn secrets_rotate_by_policy() {
    let server = Server::start().await;
    let admin = realm(&server).await;
    let week = json!({
        "expiration-period": "604800", "rotated-expiration-period": "172800", "remaining-rotation-period": "86400",
    });
    let confidential = one("client-access-type", json!({"type": ["confidential"]}));
    policy(&admin, confidential, "secret-rotation", week.clone()).await;
    let id = create(
        &admin,
        client(json!({"clientId": "rotating", "serviceAccountsEnabled": true})),
    )
    .await
    .is(201)
    .id();
    let path = format!("/r/clients/{id}");
    let now = server.services.clock.now();
    let ends_in_a_week = |shown: &Value| {
        let end = shown["attributes"]["client.secret.expiration.time"]
            .as_str()
            .unwrap();
        let week = now + 604_800..=server.services.clock.now() + 604_800;
        assert!(week.contains(&end.parse::<i64>().unwrap()), "{shown}");
    };
    let shown = admin.get(&path).await.body;
    ends_in_a_week(&shown);
    let first = shown["secret"].as_str().unwrap().to_owned();
    let second = admin
        .post(&format!("{path}/client-secret"), json!({}))
        .await
        .is(200)
        .body;
    let second = second["value"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let rotated = admin
        .get(&format!("{path}/client-secret/rotated"))
        .await
        .is(200)
        .body;
    assert_eq!(rotated["value"], first.as_str());
    for secret in [&first, &second] {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "rotating"),
            ("client_secret", secret),
        ];
        assert_eq!(server.token("r", &form).await.status, 200);
    }
    // A secret that has ended is replaced by the next change.
    let past = json!({"attributes": {"client.secret.expiration.time": (now - 10).to_string()}});
    policy_of(&admin, json!([]), &[]).await;
    admin.put(&path, past).await.is(204);
    let marked = one("client-roles", json!({"roles": ["rotate"]}));
    policy_of(&admin, marked, &["p"]).await;
    admin.put(&path, json!({"description": "a"})).await.is(204);
    assert_eq!(
        admin.get(&path).await.body["secret"],
        second.as_str(),
        "it has no marker role"
    );
    admin
        .post(&format!("{path}/roles"), json!({"name": "rotate"}))
        .await
        .is(201);
    admin.put(&path, json!({"description": "b"})).await.is(204);
    let shown = admin.get(&path).await.body;
    assert_ne!(shown["secret"], second.as_str());
    ends_in_a_week(&shown);
    // Public clients have no secret; one that was there before gets an end when it comes for tokens.
    let public = create(&admin, client(json!({"publicClient": true})))
        .await
        .is(201)
        .id();
    let shown = admin.get(&format!("/r/clients/{public}")).await.body;
    assert!(
        shown["attributes"]
            .get("client.secret.expiration.time")
            .is_none()
    );
    policy_of(&admin, json!([]), &[]).await;
    let old = client(
        json!({"clientId": "old", "secret": "an-old-secret", "serviceAccountsEnabled": true}),
    );
    let old = create(&admin, old).await.is(201).id();
    policy_of(&admin, any(), &["p"]).await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "old"),
        ("client_secret", "an-old-secret"),
    ];
    for _ in 0..2 {
        assert_eq!(server.token("r", &form).await.status, 200);
    }
    let shown = admin.get(&format!("/r/clients/{old}")).await.body;
    ends_in_a_week(&shown);
}
