//! Token exchange (RFC 8693).

use serde_json::{Value, json};

use crate::support::{Answer, Server, claims};
use crate::{CONF, DpopKey, form, next, password_of, post_with, refresh, server};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const REFRESH: &str = "urn:ietf:params:oauth:token-type:refresh_token";
const ID: &str = "urn:ietf:params:oauth:token-type:id_token";
const APP: [(&str, &str); 2] = [("client_id", "app"), ("client_secret", "s3cret")];

fn audience(name: &str, client: &str) -> Value {
    json!({
        "name": name, "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
        "config": {"included.client.audience": client, "access.token.claim": "true"},
    })
}

/// The front end `app`, whose tokens are for `conf`; tokens of `conf` are for `one` and `two`.
async fn services() -> Server {
    let server = server().await;
    server
        .add_client(json!({
            "clientId": "app", "secret": "s3cret", "directAccessGrantsEnabled": true,
            "serviceAccountsEnabled": true,
            "protocolMappers": [audience("to-conf", "conf")],
        }))
        .await;
    for name in ["one", "two"] {
        server
            .add_client(json!({"clientId": name, "secret": "s3cret"}))
            .await;
    }
    server
        .change_client("conf", |client| {
            let mappers = json!([audience("to-one", "one"), audience("to-two", "two")]);
            client.protocol_mappers = serde_json::from_value(mappers).unwrap();
        })
        .await;
    server
}

async fn exchange(server: &Server, token: &str, more: &[(&str, &str)]) -> Answer {
    let own = [
        ("grant_type", GRANT),
        ("subject_token", token),
        ("subject_token_type", ACCESS),
    ];
    server.token(&form(&[&own, &CONF, more])).await
}

/// A service exchanges the token that it got for one for the next service: same user, same session, no
/// wider than asked for.
#[tokio::test]
async fn a_service_gets_a_token_for_the_next() {
    let server = services().await;
    let login = password_of(&server, "openid", &APP).await;
    let token = login.text("access_token").to_owned();
    let answer = exchange(&server, &token, &[]).await;
    assert_eq!(answer.granted()["issued_token_type"], ACCESS);
    assert_eq!(answer.body["token_type"], "Bearer");
    assert!(answer.body.get("refresh_token").is_none());
    assert!(answer.body.get("id_token").is_none());
    let got = claims(answer.text("access_token"));
    let had = claims(&token);
    assert_eq!(got["sub"], had["sub"]);
    assert_eq!(got["sid"], had["sid"]);
    assert_eq!(got["azp"], "conf");
    assert!(got["jti"].as_str().unwrap().starts_with("onrtte:"), "{got}");
    let all = got["aud"].as_array().unwrap();
    assert!(
        all.contains(&json!("one")) && all.contains(&json!("two")),
        "{got}"
    );

    // Narrower: audience and scope.
    let one = exchange(&server, &token, &[("audience", "one")]).await;
    let narrow = claims(one.text("access_token"));
    assert_eq!(narrow["aud"], "one");
    assert!(
        narrow
            .get("resource_access")
            .is_none_or(|r| r == &json!({})),
        "{narrow}"
    );
    let both = [("audience", "one"), ("audience", "two")];
    let both = claims(exchange(&server, &token, &both).await.text("access_token"));
    assert_eq!(both["aud"].as_array().unwrap().len(), 2);
    let scoped = exchange(&server, &token, &[("scope", "phone")]).await;
    assert!(scoped.text("scope").contains("phone"));
    exchange(&server, &token, &[("audience", "three")])
        .await
        .refused(
            400,
            "invalid_request",
            "Requested audience not available: three",
        );
    exchange(&server, &token, &[("scope", "nope")])
        .await
        .refused(400, "invalid_scope", "Invalid scopes: nope");
    exchange(&server, &token, &[("scope", "offline_access")])
        .await
        .refused(
            400,
            "invalid_request",
            "Scope offline_access not allowed for token exchange",
        );

    // It ends with the login that it comes from.
    let derived = exchange(&server, &token, &[("scope", "openid")]).await;
    let derived = derived.text("access_token").to_owned();
    assert_eq!(server.get_with("userinfo", &derived).await.status, 200);
    let own = [("refresh_token", login.text("refresh_token"))];
    assert_eq!(
        server.post("logout", &form(&[&own, &APP])).await.status,
        204
    );
    assert_eq!(server.get_with("userinfo", &derived).await.status, 401);
    exchange(&server, &token, &[])
        .await
        .refused(400, "invalid_request", "Invalid token");
}

/// Other kinds of tokens, where client and session allow them.
#[tokio::test]
async fn other_kinds_can_be_asked_for() {
    let server = services().await;
    let login = password_of(&server, "openid", &APP).await;
    let token = login.text("access_token").to_owned();
    let id = [("requested_token_type", ID), ("scope", "openid")];
    let answer = exchange(&server, &token, &id).await;
    assert_eq!(answer.granted()["token_type"], "N_A");
    assert_eq!(answer.body["issued_token_type"], ID);
    assert_eq!(claims(answer.text("access_token"))["typ"], "ID");
    // Who asks for no scope keeps `openid`.
    let kept = exchange(&server, &token, &[("requested_token_type", ID)]).await;
    assert_eq!(kept.granted()["issued_token_type"], ID);
    let without = [("requested_token_type", ID), ("scope", "profile")];
    exchange(&server, &token, &without).await.refused(
        400,
        "invalid_request",
        "Scope openid is needed for an ID token",
    );
    let wanted = [("requested_token_type", REFRESH)];
    exchange(&server, &token, &wanted).await.refused(
        400,
        "invalid_request",
        "requested_token_type unsupported",
    );
    let saml = [(
        "requested_token_type",
        "urn:ietf:params:oauth:token-type:saml2",
    )];
    exchange(&server, &token, &saml).await.refused(
        400,
        "invalid_request",
        "requested_token_type unsupported",
    );
    server
        .change_client("conf", |client| {
            client.attributes.as_mut().unwrap().insert(
                "standard.token.exchange.enableRefreshRequestedTokenType".into(),
                "SAME_SESSION".into(),
            );
        })
        .await;
    let answer = exchange(&server, &token, &wanted).await;
    assert_eq!(answer.granted()["issued_token_type"], REFRESH);
    let again = refresh(&server, &next(&answer)).await;
    assert_eq!(
        claims(again.text("access_token"))["sid"],
        claims(&token)["sid"]
    );
    // A service account has no session that could be refreshed.
    let own = [("grant_type", "client_credentials")];
    let machine = server.token(&form(&[&own, &APP])).await;
    let machine = machine.text("access_token").to_owned();
    let answer = exchange(&server, &machine, &[]).await;
    let got = claims(answer.text("access_token"));
    assert_eq!(got["sub"], claims(&machine)["sub"]);
    assert!(got.get("sid").is_none());
    // It stays the other client's account, and does not become the caller's.
    let answer = exchange(&server, &machine, &[("scope", "openid")]).await;
    let seen = server
        .get_with("userinfo", answer.text("access_token"))
        .await;
    assert_eq!(seen.body["preferred_username"], "service-account-app");
    let refused = exchange(&server, &machine, &wanted).await;
    assert_eq!(refused.body["error"], "invalid_request");
}

/// The token has to be meant for who exchanges it, and the client has to be allowed; nothing that was
/// asked for is left out silently.
#[tokio::test]
async fn exchanges_that_are_refused() {
    let server = services().await;
    let login = password_of(&server, "openid", &APP).await;
    let token = login.text("access_token").to_owned();
    // Of a token that is not for the caller.
    server
        .change_client("app", |client| client.protocol_mappers = None)
        .await;
    let other = password_of(&server, "openid", &APP).await;
    exchange(&server, other.text("access_token"), &[])
        .await
        .refused(
            403,
            "access_denied",
            "Client is not within the token audience",
        );
    // Of something else than an access token.
    for kind in ["id_token", "refresh_token"] {
        exchange(&server, login.text(kind), &[]).await.refused(
            400,
            "invalid_request",
            "Invalid token",
        );
    }
    for garbage in ["x", "a.b.c"] {
        exchange(&server, garbage, &[])
            .await
            .refused(400, "invalid_request", "Invalid token");
    }
    for name in [
        "actor_token",
        "resource",
        "requested_subject",
        "requested_issuer",
        "subject_issuer",
    ] {
        let answer = exchange(&server, &token, &[(name, "x")]).await;
        assert_eq!(answer.body["error"], "invalid_request", "{name}");
    }
    let missing = [("grant_type", GRANT), ("subject_token", token.as_str())];
    server.token(&form(&[&missing, &CONF])).await.refused(
        400,
        "invalid_request",
        "Missing parameter: subject_token_type",
    );
    let own = [
        ("grant_type", GRANT),
        ("subject_token", token.as_str()),
        ("subject_token_type", ACCESS),
    ];
    server.token(&form(&[&own, &APP])).await.refused(
        400,
        "invalid_request",
        "Standard token exchange is not enabled for the requested client",
    );
    // Only the audience may come more than once, and only here.
    let twice = [("scope", "openid"), ("scope", "openid")];
    exchange(&server, &token, &twice)
        .await
        .refused(400, "invalid_request", "duplicated parameter");
    let twice = [
        ("grant_type", "client_credentials"),
        ("audience", "one"),
        ("audience", "two"),
    ];
    server.token(&form(&[&twice, &CONF])).await.refused(
        400,
        "invalid_request",
        "duplicated parameter",
    );
    // A disabled user.
    let user = claims(&token)["sub"].as_str().unwrap().to_owned();
    server
        .change_user(&user, |user| user.enabled = Some(false))
        .await;
    exchange(&server, &token, &[])
        .await
        .refused(400, "invalid_request", "Invalid token");
}

/// A binding is kept: who exchanges a bound token proves its key, and gets one bound to it.
#[tokio::test]
async fn a_binding_is_kept() {
    let server = services().await;
    let key = DpopKey::generate();
    let login = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", "pw"),
    ];
    let proof = key.proof(&server, "token");
    let bound = post_with(
        &server,
        "token",
        &form(&[&login, &APP]),
        &[("DPoP", &proof)],
    )
    .await;
    let token = bound.text("access_token").to_owned();
    exchange(&server, &token, &[])
        .await
        .refused(400, "invalid_request", "Invalid token");
    let own = [
        ("grant_type", GRANT),
        ("subject_token", token.as_str()),
        ("subject_token_type", ACCESS),
    ];
    let own = form(&[&own, &CONF]);
    let stranger = DpopKey::generate().proof(&server, "token");
    post_with(&server, "token", &own, &[("DPoP", &stranger)])
        .await
        .refused(400, "invalid_request", "Invalid token");
    let proof = key.proof(&server, "token");
    let answer = post_with(&server, "token", &own, &[("DPoP", &proof)]).await;
    assert_eq!(answer.granted()["token_type"], "DPoP");
    let got = claims(answer.text("access_token"));
    assert_eq!(got["cnf"], json!({"jkt": key.jkt}));
}
