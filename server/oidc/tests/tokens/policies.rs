//! Client policies at the token endpoint and its siblings.

use realmkeep_jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::support::issuer::Issuer;
use crate::support::{Answer, Server, claims};
use crate::{
    CONF, DpopKey, form, get_with, next, password, password_of, post_with, refresh, server,
};

async fn policy(server: &Server, conditions: Value, executor: &str, configuration: Value) {
    let executors = json!([{"executor": executor, "configuration": configuration}]);
    server
        .change_realm(|realm| {
            realm.client_profiles =
                Some(json!({"profiles": [{"name": "p", "executors": executors}]}));
            realm.client_policies = Some(json!({"policies": [
                {"name": "q", "enabled": true, "conditions": conditions, "profiles": ["p"]}]}));
        })
        .await;
}

fn any() -> Value {
    json!([{"condition": "any-client", "configuration": {}}])
}

fn grant(name: &str) -> Value {
    json!([{"condition": "grant-type", "configuration": {"grant_types": [name]}}])
}

async fn service_account(server: &Server) -> Answer {
    server
        .token(&form(&[&[("grant_type", "client_credentials")], &CONF]))
        .await
}

/// Each grant, and each endpoint, is asked about; a policy for one grant leaves the others alone.
///
/// spec: CP-06, CP-19
#[tokio::test]
async fn every_request_is_asked_about() {
    let server = server().await;
    let tokens = password(&server, "openid").await;
    let (access, refresh_token) = (tokens.text("access_token").to_owned(), next(&tokens));
    policy(&server, any(), "reject-request", json!({})).await;
    let rejected = |answer: &Answer| answer.refused(400, "invalid_request", "request not allowed");
    rejected(&password(&server, "openid").await);
    rejected(&service_account(&server).await);
    rejected(&refresh(&server, &refresh_token).await);
    let exchange = [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("subject_token", access.as_str()),
        (
            "subject_token_type",
            "urn:ietf:params:oauth:token-type:access_token",
        ),
    ];
    rejected(&server.token(&form(&[&exchange, &CONF])).await);
    let token = [("token", access.as_str())];
    rejected(
        &server
            .post("token/introspect", &form(&[&token, &CONF]))
            .await,
    );
    rejected(&server.post("revoke", &form(&[&token, &CONF])).await);
    rejected(&server.get_with("userinfo", &access).await);
    rejected(&server.post("auth/device", &CONF).await);
    let ciba = [
        ("scope", "openid"),
        ("login_hint", "alice"),
        ("binding_message", "1"),
    ];
    rejected(&server.post("ext/ciba/auth", &form(&[&ciba, &CONF])).await);
    let logout = [("refresh_token", refresh_token.as_str())];
    rejected(&server.post("logout", &form(&[&logout, &CONF])).await);

    policy(&server, grant("password"), "reject-request", json!({})).await;
    rejected(&password(&server, "openid").await);
    service_account(&server).await.granted();
    policy(&server, any(), "reject-ropc-grant", json!({})).await;
    password(&server, "openid").await.refused(
        400,
        "invalid_grant",
        "resource owner password credentials grant is prohibited.",
    );
    refresh(&server, &refresh_token).await.granted();
}

/// A condition or executor that nobody knows refuses: nobody can tell what it would have asked for.
#[tokio::test]
async fn what_is_unknown_refuses() {
    let server = server().await;
    service_account(&server).await.granted();
    policy(&server, any(), "of-another-server", json!({})).await;
    assert_eq!(service_account(&server).await.status, 500);
    let unknown = json!([{"condition": "of-another-server", "configuration": {}}]);
    policy(&server, unknown, "pkce-enforcer", json!({})).await;
    assert_eq!(service_account(&server).await.status, 500);
}

/// Access tokens that hold next to nothing, for one grant.
///
/// spec: LWT-03, CP-37
#[tokio::test]
async fn access_tokens_can_be_light() {
    let server = server().await;
    policy(
        &server,
        grant("password"),
        "use-lightweight-access-token",
        json!({}),
    )
    .await;
    let light = claims(password(&server, "openid").await.text("access_token"));
    assert!(light.get("preferred_username").is_none(), "{light}");
    assert!(light.get("realm_access").is_none(), "{light}");
    let whole = claims(service_account(&server).await.text("access_token"));
    assert!(whole.get("realm_access").is_some(), "{whole}");
    let tokens = password(&server, "openid").await;
    let whole = claims(refresh(&server, &next(&tokens)).await.text("access_token"));
    assert!(whole.get("preferred_username").is_some(), "{whole}");
}

/// A refresh hands out no other refresh token, and the one that was sent stays good, even where the
/// realm revokes them at use.
///
/// spec: OIDC-15, CP-38
#[tokio::test]
async fn refresh_tokens_can_stay() {
    let server = server().await;
    server
        .change_realm(|realm| realm.revoke_refresh_token = Some(true))
        .await;
    let token = next(&password(&server, "openid").await);
    policy(&server, any(), "suppress-refresh-token-rotation", json!({})).await;
    for _ in 0..3 {
        let answer = refresh(&server, &token).await;
        answer.granted();
        assert!(answer.body.get("refresh_token").is_none(), "{answer:?}");
    }
    policy(
        &server,
        json!([]),
        "suppress-refresh-token-rotation",
        json!({}),
    )
    .await;
    let rotated = next(&refresh(&server, &token).await);
    assert_eq!(refresh(&server, &token).await.status, 400);
    assert_ne!(rotated, token);
}

/// How clients prove themselves is judged at each request, and with which algorithm.
///
/// spec: CP-21, CP-24
#[tokio::test]
async fn client_authentication_is_judged() {
    let server = server().await;
    let token = next(&password(&server, "openid").await);
    let allowed = |method: &str| json!({"allowed-client-authenticators": [method]});
    policy(
        &server,
        any(),
        "secure-client-authenticator",
        allowed("client-jwt"),
    )
    .await;
    let refused = "Configured client authentication method not allowed for client";
    refresh(&server, &token)
        .await
        .refused(400, "invalid_request", refused);
    policy(
        &server,
        any(),
        "secure-client-authenticator",
        allowed("client-secret"),
    )
    .await;
    refresh(&server, &token).await.granted();

    for (algorithm, good) in [(Algorithm::Rs256, false), (Algorithm::Es256, true)] {
        let key = SigningKey::generate(algorithm).unwrap();
        let jwks = json!({ "keys": [key.public_jwk().unwrap()] }).to_string();
        server
            .change_client("conf", |client| {
                client.client_authenticator_type = Some("client-jwt".to_owned());
                let attributes = client.attributes.as_mut().unwrap();
                attributes.insert("use.jwks.string".to_owned(), "true".to_owned());
                attributes.insert("jwks.string".to_owned(), jwks);
            })
            .await;
        let now = server.services.clock.now();
        let assertion = json!({
            "iss": "conf", "sub": "conf", "aud": server.issuer(), "iat": now, "exp": now + 60,
            "jti": uuid::Uuid::new_v4().to_string(),
        });
        let assertion = key.sign("JWT", &assertion).unwrap();
        let own = [
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion.as_str()),
            ("token", "x"),
        ];
        policy(
            &server,
            any(),
            "secure-signature-algorithm-signed-jwt",
            json!({}),
        )
        .await;
        let answer = server.post("revoke", &own).await;
        match good {
            true => assert_eq!(answer.status, 200, "{answer:?}"),
            false => answer.refused(400, "invalid_request", "not allowed signature algorithm."),
        }
    }
    server
        .change_client("conf", |client| {
            client.client_authenticator_type = Some("client-secret".to_owned());
        })
        .await;
    let required = json!({"require-client-assertion": "true"});
    policy(
        &server,
        any(),
        "secure-signature-algorithm-signed-jwt",
        required,
    )
    .await;
    refresh(&server, &token)
        .await
        .refused(400, "invalid_request", "not allowed input format.");
}

/// Public clients get nothing where that is so wished.
#[tokio::test]
async fn public_clients_are_refused() {
    let server = server().await;
    let public =
        json!({"clientId": "spa", "publicClient": true, "directAccessGrantsEnabled": true});
    server.add_client(public).await;
    let own = [("client_id", "spa")];
    let public =
        json!([{"condition": "client-access-type", "configuration": {"type": ["public"]}}]);
    policy(&server, public, "reject-request", json!({})).await;
    let refused = "request not allowed";
    password_of(&server, "openid", &own)
        .await
        .refused(400, "invalid_request", refused);
    password(&server, "openid").await.granted();
}

/// Tokens are bound to a DPoP key: of public clients that are not set to it the refresh token alone.
///
/// spec: CP-36
#[tokio::test]
async fn tokens_are_bound_to_keys() {
    let server = server().await;
    let key = DpopKey::generate();
    let tokens = password(&server, "openid").await;
    let access = tokens.text("access_token").to_owned();
    policy(
        &server,
        any(),
        "dpop-bind-enforcer",
        json!({"allow-only-refresh-token-binding": "true"}),
    )
    .await;
    let missing = "DPoP proof is missing";
    server
        .get_with("userinfo", &access)
        .await
        .refused(400, "invalid_dpop_proof", missing);
    let revoke = form(&[&[("token", access.as_str())], &CONF]);
    server
        .post("revoke", &revoke)
        .await
        .refused(400, "invalid_dpop_proof", missing);

    policy(&server, json!([]), "dpop-bind-enforcer", json!({})).await;
    let login = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", "pw"),
        ("scope", "openid"),
    ];
    let proof = key.proof(&server, "token");
    let bound = post_with(
        &server,
        "token",
        &form(&[&login, &CONF]),
        &[("DPoP", &proof)],
    )
    .await;
    let bound = bound.text("access_token").to_owned();
    policy(&server, any(), "dpop-bind-enforcer", json!({})).await;
    let revoke = form(&[&[("token", bound.as_str())], &CONF]);
    let proof = DpopKey::generate().proof(&server, "revoke");
    let answer = post_with(&server, "revoke", &revoke, &[("DPoP", &proof)]).await;
    answer.refused(
        400,
        "invalid_token",
        "DPoP proof and token binding verification failed",
    );
    let proof = key.proof(&server, "revoke");
    let answer = post_with(&server, "revoke", &revoke, &[("DPoP", &proof)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");

    let public =
        json!({"clientId": "spa", "publicClient": true, "directAccessGrantsEnabled": true});
    server.add_client(public).await;
    let token = next(&password_of(&server, "openid", &[("client_id", "spa")]).await);
    policy(
        &server,
        any(),
        "dpop-bind-enforcer",
        json!({"allow-only-refresh-token-binding": true}),
    )
    .await;
    let again = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str()),
        ("client_id", "spa"),
    ];
    server
        .token(&again)
        .await
        .refused(400, "invalid_dpop_proof", missing);
    let proof = key.proof(&server, "token");
    let answer = post_with(&server, "token", &again, &[("DPoP", &proof)]).await;
    assert_eq!(answer.granted()["token_type"], "Bearer");
    assert!(claims(answer.text("access_token")).get("cnf").is_none());
    assert_eq!(claims(&next(&answer))["cnf"]["jkt"], key.jkt.as_str());
}

/// Tokens are bound to a certificate, which has to be there at every use.
///
/// spec: CP-22
#[tokio::test]
async fn tokens_are_bound_to_certificates() {
    let server = server().await;
    let tokens = password(&server, "openid").await;
    let unbound = tokens.text("access_token").to_owned();
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::default()
        .self_signed(&key)
        .unwrap();
    let der: &[u8] = made.der();
    let certificate = realmkeep_jose::base64url(der);
    let headers = [(crate::support::CERTIFICATE, certificate.as_str())];
    policy(&server, any(), "holder-of-key-enforcer", json!({})).await;
    service_account(&server).await.refused(
        400,
        "invalid_request",
        "Client Certification missing for MTLS HoK Token Binding",
    );
    let own = form(&[&[("grant_type", "client_credentials")], &CONF]);
    post_with(&server, "token", &own, &headers).await.granted();
    // A token from before is bound to nothing.
    let again = form(&[
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.text("refresh_token")),
        ],
        &CONF,
    ]);
    let answer = post_with(&server, "token", &again, &headers).await;
    assert_eq!(answer.body["error"], "invalid_grant", "{answer:?}");
    let bearer = format!("Bearer {unbound}");
    let all = [headers[0], ("Authorization", bearer.as_str())];
    let answer = get_with(&server, "userinfo", &all).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]),
        (401, &json!("not_allowed"))
    );
    server
        .change_client("conf", |client| {
            let attributes = client.attributes.as_mut().unwrap();
            let name = "tls.client.certificate.bound.access.tokens";
            attributes.insert(name.to_owned(), "true".to_owned());
        })
        .await;
    let login = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", "pw"),
        ("scope", "openid"),
    ];
    let tokens = post_with(&server, "token", &form(&[&login, &CONF]), &headers).await;
    let token = next(&tokens);
    let again = form(&[
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", token.as_str()),
        ],
        &CONF,
    ]);
    post_with(&server, "token", &again, &headers)
        .await
        .granted();
}

/// What comes of somebody else's token says what it has to, and has no scope that it did not have.
#[tokio::test]
async fn assertions_are_judged() {
    let server = server().await;
    let issuer = Issuer::start().await;
    let jwks = format!("{}/openid/v1/jwks", issuer.url);
    let config = [
        ("issuer", issuer.url.as_str()),
        ("useJwksUrl", "true"),
        ("jwksUrl", jwks.as_str()),
    ];
    server
        .add_provider("partner", "jwt-authorization-grant", &config)
        .await;
    server
        .change_client("conf", |client| {
            let attributes = client.attributes.as_mut().unwrap();
            for (name, value) in [
                ("oauth2.jwt.authorization.grant.enabled", "true"),
                ("oauth2.jwt.authorization.grant.idp", "partner"),
            ] {
                attributes.insert(name.to_owned(), value.to_owned());
            }
        })
        .await;
    let realm = server.realm().await;
    let store = &server.services.store;
    let alice = store.find_user_named(&realm.id, "alice").await.unwrap();
    let link = json!([{"identityProvider": "partner", "userId": "a-1", "userName": "alice"}]);
    server
        .change_user(&alice.unwrap().id.unwrap(), |user| {
            user.federated_identities = serde_json::from_value(link).unwrap();
        })
        .await;
    let present = async |more: Value, scope: &str| {
        let now = server.services.clock.now();
        let mut all = json!({
            "iss": issuer.url, "sub": "a-1", "aud": server.issuer(), "iat": now, "exp": now + 60,
            "jti": uuid::Uuid::new_v4().to_string(),
        });
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let assertion = issuer.sign(&all);
        let own = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.as_str()),
            ("scope", scope),
        ];
        server.token(&form(&[&own, &CONF])).await
    };
    let alias = |alias: &str| json!([{"condition": "identity-provider-alias", "configuration": {"identity_provider_aliases": [alias]}}]);
    let config = json!({"claim-name": "level", "allowed-value": "[2-9]"});
    policy(
        &server,
        alias("other"),
        "jwt-claim-enforcer",
        config.clone(),
    )
    .await;
    present(json!({}), "").await.granted();
    policy(&server, alias("partner"), "jwt-claim-enforcer", config).await;
    let cases = [
        (
            json!({}),
            Some("Required claim 'level' is missing from the token"),
        ),
        (
            json!({"level": [3]}),
            Some("Value type for claim 'level' not allowed"),
        ),
        (
            json!({"level": "33"}),
            Some("Value for claim 'level' not allowed"),
        ),
        (json!({"level": 3}), None),
    ];
    for (more, refusal) in cases {
        let answer = present(more, "").await;
        match refusal {
            Some(description) => answer.refused(400, "invalid_request", description),
            None => _ = answer.granted(),
        }
    }
    policy(
        &server,
        any(),
        "downscope-assertion-grant-enforcer",
        json!({}),
    )
    .await;
    let had = json!({"scope": "email"});
    let answer = present(had.clone(), "email").await;
    assert_eq!(answer.granted()["scope"], "email");
    present(had, "address").await.refused(
        400,
        "invalid_scope",
        "Scopes [address] not present in the initial access token [email]",
    );
}

/// CIBA requests have a binding message, and are signed, where that is so wished.
///
/// spec: CP-30
#[tokio::test]
async fn ciba_requests_are_judged() {
    let server = server().await;
    let ask = async |more: &[(&str, &str)]| {
        let own = [("scope", "openid"), ("login_hint", "alice")];
        server
            .post("ext/ciba/auth", &form(&[&own, more, &CONF]))
            .await
    };
    policy(&server, any(), "secure-ciba-session", json!({})).await;
    ask(&[])
        .await
        .refused(400, "invalid_request", "Missing parameter: binding_message");
    let with_message = ask(&[("binding_message", "1234")]).await;
    assert_ne!(
        with_message.body["error_description"],
        "Missing parameter: binding_message"
    );
    policy(&server, any(), "secure-ciba-signed-authn-req", json!({})).await;
    ask(&[]).await.refused(
        400,
        "invalid_request",
        "Missing parameter: 'request' or 'request_uri'",
    );
}
