//! Client policies at the authorization endpoint, and for what is pushed to it.

use axum::routing::post;
use axum::{Json, Router};
use realmkeep_jose::{Algorithm, SigningKey, base64url, sha256};
use realmkeep_representations::AuthenticationFlowRepresentation;
use reqwest::StatusCode;
use serde_json::{Value, json};
use url::Url;

use crate::browser::{Browser, CALLBACK, SECRET, Seen, add_app, authorize, redeem, server, set};
use crate::support::{Server, claims};

type Parameters<'a> = &'a [(&'a str, &'a str)];

/// One policy, with one executor.
async fn policy(server: &Server, conditions: Value, executor: &str, configuration: Value) {
    let executors = json!([{"executor": executor, "configuration": configuration}]);
    server
        .change_realm(|realm| {
            realm.client_profiles =
                Some(json!({"profiles": [{"name": "p", "executors": executors}]}));
        })
        .await;
    policy_of(server, conditions, "p").await;
}

async fn policy_of(server: &Server, conditions: Value, profile: &str) {
    server
        .change_realm(|realm| {
            realm.client_policies = Some(json!({"policies": [
                {"name": "q", "enabled": true, "conditions": conditions, "profiles": [profile]}]}));
        })
        .await;
}

fn any() -> Value {
    json!([{"condition": "any-client", "configuration": {}}])
}

async fn asked(server: &Server, more: &[(&str, &str)]) -> Seen {
    Browser::default()
        .get(server, &authorize(server, more))
        .await
}

fn goes_on(seen: &Seen) {
    assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
}

fn challenge() -> String {
    base64url(sha256(b"a-verifier-of-more-than-forty-three-characters"))
}

/// What a request has to have, each in a policy of its own; applications are told where it is missing.
///
/// spec: CP-06, CP-19, CP-23, CP-27, CP-28, CP-34, CP-36
#[tokio::test(flavor = "multi_thread")]
async fn requests_are_judged() {
    let server = server().await;
    let challenge = challenge();
    let pkce = [
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let cases: &[(&str, Value, Parameters<'_>, Parameters<'_>, &str)] = &[
        (
            "pkce-enforcer",
            json!({}),
            &[],
            &pkce,
            "Missing parameter: code_challenge_method",
        ),
        (
            "secure-session",
            json!({}),
            &[("nonce", "-")],
            &[("nonce", "n")],
            "Missing parameter: nonce",
        ),
        (
            "reject-implicit-grant",
            json!({}),
            &[("response_type", "code id_token"), ("nonce", "n")],
            &[],
            "Implicit/Hybrid flow is prohibited.",
        ),
        (
            "secure-response-type",
            json!({}),
            &[],
            &[("response_mode", "jwt")],
            "invalid response_type",
        ),
        (
            "secure-response-type",
            json!({}),
            &[("response_type", "code id_token token"), ("nonce", "n")],
            &[("response_type", "code id_token"), ("nonce", "n")],
            "invalid response_type",
        ),
        (
            "dpop-bind-enforcer",
            json!({"enforce-authorization-code-binding-to-dpop": "true"}),
            &[],
            &[("dpop_jkt", challenge.as_str())],
            "Missing parameter: dpop_jkt",
        ),
        (
            "secure-request-object",
            json!({}),
            &[],
            &[],
            "Missing parameter: 'request' or 'request_uri'",
        ),
        (
            "secure-client-uris",
            json!({}),
            &[],
            &[],
            "Invalid redirect_uri",
        ),
    ];
    for (executor, config, wrong, right, description) in cases {
        policy(&server, any(), executor, config.clone()).await;
        let seen = asked(&server, wrong).await;
        assert_eq!(
            seen.refused(&server, "invalid_request"),
            *description,
            "{executor}"
        );
        let never = matches!(*executor, "secure-request-object" | "secure-client-uris");
        if !never {
            goes_on(&asked(&server, right).await);
        }
    }
    policy(&server, any(), "secure-session", json!({})).await;
    goes_on(&asked(&server, &[("scope", "-")]).await);
    let answer = asked(&server, &[("scope", "-"), ("state", "-")])
        .await
        .answer();
    assert_eq!(answer["error_description"], "Missing parameter: state");
    let local = json!({"allow-http-on-localhost": true});
    policy(&server, any(), "secure-client-uris", local).await;
    goes_on(&asked(&server, &[]).await);
    policy(
        &server,
        any(),
        "secure-response-type",
        json!({"allow-token-response-type": true}),
    )
    .await;
    goes_on(
        &asked(
            &server,
            &[("response_type", "code id_token token"), ("nonce", "n")],
        )
        .await,
    );

    policy(&server, any(), "confidential-client", json!({})).await;
    add_app(&server, "spa", json!({"publicClient": true})).await;
    goes_on(&asked(&server, &[]).await);
    let seen = asked(&server, &[("client_id", "spa")]).await;
    assert_eq!(
        seen.refused(&server, "invalid_client"),
        "invalid client access type"
    );
}

/// Conditions see what the request is: its scope, its grant, its authentication context, its client.
///
/// spec: CP-14, CP-15
#[tokio::test(flavor = "multi_thread")]
async fn conditions_see_the_request() {
    let server = server().await;
    let one =
        |condition: &str, config: Value| json!([{"condition": condition, "configuration": config}]);
    let cases: &[(Value, Parameters<'_>, bool)] = &[
        (
            one(
                "client-scopes",
                json!({"type": "Optional", "scopes": ["address"]}),
            ),
            &[("scope", "openid address")],
            true,
        ),
        (
            one(
                "client-scopes",
                json!({"type": "Optional", "scopes": ["address"]}),
            ),
            &[],
            false,
        ),
        (
            one(
                "client-scopes",
                json!({"type": "Default", "scopes": ["address"]}),
            ),
            &[("scope", "openid address")],
            false,
        ),
        (
            one(
                "client-scopes",
                json!({"type": "Default", "scopes": ["email"]}),
            ),
            &[],
            true,
        ),
        (
            one("client-scopes", json!({"type": "Any", "scopes": ["email"]})),
            &[],
            true,
        ),
        (
            one("grant-type", json!({"grant_types": ["implicit"]})),
            &[],
            false,
        ),
        (
            one("grant-type", json!({"grant_types": ["authorization_code"]})),
            &[],
            true,
        ),
        (
            one("grant-type", json!({"grant_types": ["implicit"]})),
            &[("response_type", "id_token"), ("nonce", "n")],
            true,
        ),
        (
            one("acr-condition", json!({"acr-property": "gold"})),
            &[("acr_values", "silver gold")],
            true,
        ),
        (
            one("acr-condition", json!({"acr-property": "gold"})),
            &[("acr_values", "silver")],
            false,
        ),
        (
            one("client-access-type", json!({"type": ["confidential"]})),
            &[],
            true,
        ),
        (
            one("client-access-type", json!({"type": ["public"]})),
            &[],
            false,
        ),
        (
            one(
                "client-updater-context",
                json!({"update-client-source": ["ByAnonymous"]}),
            ),
            &[],
            false,
        ),
    ];
    for (conditions, more, applies) in cases {
        policy(
            &server,
            conditions.clone(),
            "dpop-bind-enforcer",
            json!({"enforce-authorization-code-binding-to-dpop": true}),
        )
        .await;
        let seen = asked(&server, more).await;
        match applies {
            true => assert_eq!(
                seen.refused(&server, "invalid_request"),
                "Missing parameter: dpop_jkt"
            ),
            false => goes_on(&seen),
        }
    }
}

/// An ID token beside a code vouches for the answer and tells nothing of the user.
///
/// spec: CP-27
#[tokio::test(flavor = "multi_thread")]
async fn a_detached_signature_has_no_profile() {
    let server = server().await;
    set(
        &server,
        "app",
        &[("id.token.as.detached.signature", "true")],
    )
    .await;
    policy(&server, any(), "secure-response-type", json!({})).await;
    let browser = Browser::default();
    let more = [
        ("response_type", "code id_token"),
        ("nonce", "n"),
        ("scope", "openid"),
    ];
    let answer = browser.login(&server, &more).await.answer();
    let detached = claims(&answer["id_token"]);
    for name in ["c_hash", "s_hash", "sub", "nonce"] {
        assert!(detached.get(name).is_some(), "{name} {detached}");
    }
    assert!(detached.get("email").is_none(), "{detached}");
    assert!(detached.get("preferred_username").is_none(), "{detached}");
    let tokens = redeem(&server, &answer["code"]).await;
    let whole = claims(tokens.text("id_token"));
    assert_eq!(whole["email"], "alice@example.test");
}

fn by_reference(server: &Server, more: &[(&str, &str)]) -> String {
    let all = [&[("client_id", "app")], more].concat();
    Url::parse_with_params(&server.url("auth"), all)
        .unwrap()
        .into()
}

async fn push(server: &Server, more: &[(&str, &str)]) -> crate::support::Answer {
    let own = [("client_id", "app"), ("client_secret", SECRET)];
    server.post("ext/par/request", &[&own, more].concat()).await
}

/// Requests have to be pushed, whole: what the browser brings beside the reference was pushed as well.
/// A reference that was refused is used up.
///
/// spec: CP-35
#[tokio::test(flavor = "multi_thread")]
async fn requests_have_to_be_pushed_whole() {
    let server = server().await;
    policy(&server, any(), "secure-par-content", json!({})).await;
    let request = [
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "s"),
    ];
    let browser = Browser::default();
    let on_a_page = async |url: &str, why: &str| {
        let seen = browser.get(&server, url).await;
        seen.on_a_page();
        assert!(seen.text.contains(why), "{why}: {}", seen.text);
    };
    on_a_page(&authorize(&server, &[]), "request_uri not included.").await;
    let elsewhere = by_reference(&server, &[("request_uri", "https://app.example/object")]);
    on_a_page(&elsewhere, "PAR request_uri not included.").await;
    let unknown = by_reference(
        &server,
        &[("request_uri", "urn:ietf:params:oauth:request_uri:x")],
    );
    on_a_page(
        &unknown,
        "PAR not found. not issued or used multiple times.",
    )
    .await;
    let reference = push(&server, &request).await.text("request_uri").to_owned();
    let more = by_reference(&server, &[("request_uri", &reference), ("nonce", "n")]);
    on_a_page(&more, "PAR request did not include necessary parameters").await;
    let again = by_reference(&server, &[("request_uri", &reference)]);
    on_a_page(&again, "PAR not found. not issued or used multiple times.").await;
    let reference = push(&server, &request).await.text("request_uri").to_owned();
    let url = by_reference(&server, &[("request_uri", &reference), ("state", "s")]);
    let answer = browser.login_at(&server, &url).await.answer();
    assert_eq!(answer["state"], "s");

    policy(&server, any(), "reject-implicit-grant", json!({})).await;
    let hybrid = [
        ("response_type", "code id_token"),
        ("nonce", "n"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid"),
    ];
    push(&server, &hybrid).await.refused(
        400,
        "invalid_request",
        "Implicit/Hybrid flow is prohibited.",
    );
    policy(&server, any(), "reject-request", json!({})).await;
    push(&server, &request)
        .await
        .refused(400, "invalid_request", "request not allowed");
    on_a_page(&authorize(&server, &[]), "request not allowed").await;
}

/// Where an answer may go is judged before anything else: a bad place is not told.
///
/// spec: CP-20, CP-39, SEC-14
#[tokio::test(flavor = "multi_thread")]
async fn redirect_uris_are_judged_first() {
    let server = server().await;
    let executor = "secure-redirect-uris-enforcer";
    policy(
        &server,
        any(),
        executor,
        json!({"oauth-2-1-compliant": true}),
    )
    .await;
    let seen = asked(&server, &[]).await;
    seen.on_a_page();
    assert!(
        seen.text
            .contains("Invalid Redirect Uri: invalid loopback address"),
        "{}",
        seen.text
    );
    let loose = json!({"allow-ipv4-loopback-address": true, "allow-http-scheme": true});
    policy(&server, any(), executor, loose).await;
    goes_on(&asked(&server, &[]).await);
}

/// A signed request is for this server, says the same as what is outside of it, and is not good for
/// long; pushed or not.
///
/// spec: CP-26
#[tokio::test(flavor = "multi_thread")]
async fn request_objects_are_judged() {
    let server = server().await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwks = json!({ "keys": [key.public_jwk().unwrap()] }).to_string();
    set(
        &server,
        "app",
        &[("use.jwks.string", "true"), ("jwks.string", &jwks)],
    )
    .await;
    policy(
        &server,
        any(),
        "secure-request-object",
        json!({"available-period": "600"}),
    )
    .await;
    let now = server.services.clock.now();
    let object = |more: Value| {
        let mut all = json!({
            "iss": "app", "aud": server.issuer(), "client_id": "app", "iat": now, "nbf": now, "exp": now + 300,
            "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid", "state": "st&1", "nonce": "n",
        });
        let fields = all.as_object_mut().unwrap();
        for (name, value) in more.as_object().unwrap() {
            match value {
                Value::Null => fields.remove(name),
                value => fields.insert(name.clone(), value.clone()),
            };
        }
        key.sign("oauth-authz-req+jwt", &all).unwrap()
    };
    let outside = [
        ("redirect_uri", CALLBACK),
        ("scope", "openid"),
        ("state", "st&1"),
        ("nonce", "n"),
    ];
    let send = async |request: &str, more: &[(&str, &str)]| {
        let all = [&[("request", request)], &outside[..], more].concat();
        Browser::default()
            .get(&server, &by_reference(&server, &all))
            .await
    };
    goes_on(&send(&object(json!({})), &[]).await);
    let bad = "invalid_request_object";
    let cases = [
        (
            json!({"exp": null}),
            bad,
            "Missing parameter in the 'request' object: exp",
        ),
        (
            json!({"nbf": null}),
            bad,
            "Missing parameter in the 'request' object: nbf",
        ),
        (
            json!({"exp": now + 900}),
            bad,
            "Request's available period is long",
        ),
        (
            json!({"aud": null}),
            bad,
            "Missing parameter in the 'request' object: aud",
        ),
        (
            json!({"nonce": "other"}),
            "invalid_request",
            "Invalid parameter. Parameters in 'request' object not matching with request parameters",
        ),
    ];
    for (more, error, description) in cases {
        let seen = send(&object(more.clone()), &[]).await;
        assert_eq!(seen.refused(&server, error), description, "{more}");
    }
    // Pushed ones as well.
    let pushed = async |more: Value| {
        let request = object(more);
        let answer = push(&server, &[("request", request.as_str())]).await;
        let reference = answer.text("request_uri").to_owned();
        let url = by_reference(&server, &[("request_uri", &reference)]);
        Browser::default().get(&server, &url).await
    };
    goes_on(&pushed(json!({})).await);
    let seen = pushed(json!({"nbf": null})).await;
    assert_eq!(
        seen.refused(&server, "invalid_request_uri"),
        "Missing parameter in the 'request' object: nbf"
    );
    policy(
        &server,
        any(),
        "secure-request-object",
        json!({"encryption-required": true}),
    )
    .await;
    let seen = send(&object(json!({})), &[]).await;
    assert_eq!(seen.refused(&server, bad), "Request object not encrypted");
}

/// An intent was issued to the client that brings it, says the server that issues them.
///
/// spec: CP-33
#[tokio::test(flavor = "multi_thread")]
async fn intents_are_asked_for() {
    let server = server().await;
    let app = Router::new().route(
        "/check",
        post(|Json(asked): Json<Value>| async move {
            let bound = asked == json!({"intent_id": "i-1", "client_id": "app"});
            Json(json!({"is_bound": bound}))
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/check", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let config = |endpoint: &str| json!({"intent-client-bind-check-endpoint": endpoint, "intent-name": "intent"});
    policy(
        &server,
        any(),
        "intent-client-bind-checker",
        config(&endpoint),
    )
    .await;
    let claim = |claim: Value| json!({"id_token": {"intent": claim}}).to_string();
    let good = claim(json!({"essential": true, "value": "i-1"}));
    goes_on(&asked(&server, &[("claims", &good)]).await);
    let cases = [
        (
            String::new(),
            "no claim for an intent value in an authorization request",
        ),
        (
            claim(Value::Null),
            "no claim for an intent value for ID token",
        ),
        (
            claim(json!({"value": "i-1"})),
            "not specifying a claim for an intent as essential claim",
        ),
        (claim(json!({"essential": true})), "invalid intent value"),
        (
            claim(json!({"essential": true, "value": "i-2"})),
            "The intent is not bound with the client",
        ),
    ];
    for (claims, description) in cases {
        let seen = asked(&server, &[("claims", &claims)]).await;
        assert_eq!(
            seen.refused(&server, "invalid_request"),
            description,
            "{claims}"
        );
    }
    policy(
        &server,
        any(),
        "intent-client-bind-checker",
        config(&format!("{endpoint}/gone")),
    )
    .await;
    let seen = asked(&server, &[("claims", &good)]).await;
    assert_eq!(
        seen.refused(&server, "invalid_request"),
        "checking intent bound with client failed"
    );
}

/// A policy chooses the flow of the login, and the level that it reaches.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_chooses_the_flow() {
    let server = server().await;
    let flow: AuthenticationFlowRepresentation = serde_json::from_value(json!({
        "id": "f-closed", "alias": "closed", "providerId": "basic-flow", "topLevel": true, "builtIn": false,
        "authenticationExecutions": [
            {"authenticator": "deny-access-authenticator", "requirement": "REQUIRED", "priority": 0}],
    }))
    .unwrap();
    let open: AuthenticationFlowRepresentation = serde_json::from_value(json!({
        "id": "f-open", "alias": "open", "providerId": "basic-flow", "topLevel": true, "builtIn": false,
        "authenticationExecutions": [
            {"authenticator": "auth-username-password-form", "requirement": "REQUIRED", "priority": 0}],
    }))
    .unwrap();
    server
        .change_realm(|realm| {
            let flows = realm.authentication_flows.get_or_insert_default();
            flows.extend([flow, open]);
            let levels = json!({"silver": 1, "gold": 5}).to_string();
            realm
                .attributes
                .get_or_insert_default()
                .insert("acr.loa.map".to_owned(), levels);
        })
        .await;
    let gold = json!([{"condition": "acr-condition", "configuration": {"acr-property": "gold"}}]);
    policy(
        &server,
        gold.clone(),
        "auth-flow-enforcer",
        json!({"auth-flow-alias": "closed"}),
    )
    .await;
    goes_on(&asked(&server, &[]).await);
    let seen = asked(&server, &[("acr_values", "gold")]).await;
    assert!(
        seen.status != StatusCode::OK || !seen.text.contains("name=\"password\""),
        "{seen:?}"
    );
    let config = json!({"auth-flow-alias": "open", "auth-flow-loa": "5"});
    policy(&server, gold, "auth-flow-enforcer", config).await;
    let answer = Browser::default()
        .login(&server, &[("acr_values", "gold"), ("scope", "openid")])
        .await
        .answer();
    let tokens = redeem(&server, &answer["code"]).await;
    assert_eq!(claims(tokens.text("id_token"))["acr"], "gold");
}
