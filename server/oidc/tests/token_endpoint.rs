//! The token endpoint and its siblings over HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use realmkeep_authn::code::{CodeRecord, issue_code};
use realmkeep_authn::{random, session};
use realmkeep_jose::{Algorithm, SigningKey, base64url, sha256};
use realmkeep_store::sessions::{ClientSessionDetail, UserSession, UserSessionDetail};
use realmkeep_store::{Batch, Store};
use serde_json::{Value, json};
use support::{Answer, Server, claims};

const GENERIC: &str = "Invalid client or Invalid client credentials";
const CALLBACK: &str = "http://app.test/cb";
const VERIFIER: &str = "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv";

/// A server with the confidential client `conf` and the user `alice`.
async fn server() -> Server {
    let server = Server::start().await;
    server
        .add_client(json!({
            "clientId": "conf",
            "secret": "s3cret",
            "serviceAccountsEnabled": true,
            "directAccessGrantsEnabled": true,
            "redirectUris": [CALLBACK],
            "webOrigins": ["+"],
        }))
        .await;
    let alice = json!({
        "email": "alice@example.test", "emailVerified": true,
        "firstName": "Alice", "lastName": "Test",
    });
    server.add_user("alice", "pw", alice).await;
    server
}

const CONF: [(&str, &str); 2] = [("client_id", "conf"), ("client_secret", "s3cret")];

fn form<'a>(parts: &[&[(&'a str, &'a str)]]) -> Vec<(&'a str, &'a str)> {
    parts.concat()
}

async fn password(server: &Server, scope: &str) -> Answer {
    let login = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", "pw"),
        ("scope", scope),
    ];
    server.token(&form(&[&login, &CONF])).await
}

async fn refresh(server: &Server, token: &str) -> Answer {
    let own = [("grant_type", "refresh_token"), ("refresh_token", token)];
    server.token(&form(&[&own, &CONF])).await
}

/// Logs `user` in at `client` as the authorization endpoint does, and returns the code.
async fn code(
    server: &Server,
    user: &str,
    client: &str,
    change: impl FnOnce(&mut CodeRecord),
) -> String {
    let realm = server.realm().await;
    let store = &server.services.store;
    let user = store
        .find_user_named(&realm.id, user)
        .await
        .unwrap()
        .unwrap();
    let client = store.client(&realm, client).await.unwrap().unwrap();
    let now = server.services.clock.now();
    let session = UserSession {
        id: random::token(18),
        user_id: user.id.clone().unwrap(),
        started: now,
        last_refresh: now,
        expires: session::expiry(&realm, false, now, now),
        detail: UserSessionDetail {
            auth_time: now,
            ..UserSessionDetail::default()
        },
    };
    let mut record = CodeRecord {
        realm_id: realm.id.clone(),
        client: client.representation.id.clone().unwrap(),
        redirect_uri: CALLBACK.to_owned(),
        user_id: session.user_id.clone(),
        session_id: session.id.clone(),
        scope: "openid web-origins acr profile roles basic email".to_owned(),
        nonce: Some("n-1".to_owned()),
        code_challenge: Some(base64url(sha256(VERIFIER.as_bytes()))),
        code_challenge_method: Some("S256".to_owned()),
        auth_time: now,
        dpop_jkt: None,
    };
    change(&mut record);
    let (code, step) = issue_code(&realm, &record, now).unwrap();
    let mut batch = Batch::new();
    batch.push(Store::insert_session(&realm.id, &session).unwrap());
    let detail = ClientSessionDetail::default();
    batch.push(Store::put_client_session(&session.id, &record.client, now, &detail).unwrap());
    batch.push(step);
    store.commit(batch).await.unwrap();
    code
}

async fn redeem(server: &Server, code: &str, more: &[(&str, &str)]) -> Answer {
    let own = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
    ];
    server.token(&form(&[&own, &CONF, more])).await
}

/// What is wrong with a request is said in the words that existing clients know.
#[tokio::test]
async fn refusals_are_those_that_clients_know() {
    let server = server().await;
    for client in [
        json!({"clientId": "pub", "publicClient": true}),
        json!({"clientId": "bearer", "bearerOnly": true, "secret": "s3cret"}),
        json!({"clientId": "disabled", "enabled": false, "secret": "s3cret"}),
        json!({"clientId": "samlc", "protocol": "saml"}),
        json!({"clientId": "other", "secret": "s3cret"}),
        json!({"clientId": "x509", "clientAuthenticatorType": "client-x509"}),
    ] {
        server.add_client(client).await;
    }
    let cc = ("grant_type", "client_credentials");
    let secret = ("client_secret", "s3cret");
    let (cid, pw) = (("client_id", "conf"), ("grant_type", "password"));
    type Form<'a> = Vec<(&'a str, &'a str)>;
    let rows: Vec<(Form<'_>, u16, &str, &str)> = vec![
        (
            vec![],
            400,
            "invalid_request",
            "Missing form parameter: grant_type",
        ),
        (
            vec![cid, secret],
            400,
            "invalid_request",
            "Missing form parameter: grant_type",
        ),
        (
            vec![("grant_type", "foo"), cid, secret],
            400,
            "unsupported_grant_type",
            "Unsupported grant_type",
        ),
        (vec![cc], 401, "invalid_client", GENERIC),
        (
            vec![cc, ("client_id", "nope"), secret],
            401,
            "invalid_client",
            GENERIC,
        ),
        (
            vec![cc, cid, ("client_secret", "bad")],
            401,
            "unauthorized_client",
            GENERIC,
        ),
        (vec![cc, cid], 401, "unauthorized_client", GENERIC),
        (
            vec![cc, ("client_id", "pub")],
            401,
            "unauthorized_client",
            "Public client not allowed to retrieve service account",
        ),
        (
            vec![cc, ("client_id", "bearer"), secret],
            401,
            "unauthorized_client",
            GENERIC,
        ),
        (
            vec![cc, ("client_id", "disabled"), secret],
            401,
            "invalid_client",
            GENERIC,
        ),
        (
            vec![cc, ("client_id", "samlc")],
            401,
            "unauthorized_client",
            GENERIC,
        ),
        (
            vec![cc, ("client_id", "x509"), secret],
            401,
            "unauthorized_client",
            GENERIC,
        ),
        (
            vec![cc, ("client_id", "other"), secret],
            401,
            "unauthorized_client",
            "Client not enabled to retrieve service account",
        ),
        (
            vec![
                pw,
                ("client_id", "other"),
                secret,
                ("username", "alice"),
                ("password", "pw"),
            ],
            400,
            "unauthorized_client",
            "Client not allowed for direct access grants",
        ),
        (
            vec![cc, cid, secret, ("scope", "nope")],
            400,
            "invalid_scope",
            "Invalid scopes: nope",
        ),
        (
            vec![cc, cid, secret, ("scope", "openid nope")],
            400,
            "invalid_scope",
            "Invalid scopes: openid nope",
        ),
        (
            vec![pw, cid, secret, ("password", "pw")],
            401,
            "invalid_request",
            "Missing parameter: username",
        ),
        (
            vec![pw, cid, secret, ("username", "alice"), ("password", "bad")],
            400,
            "invalid_grant",
            "Invalid user credentials",
        ),
        (
            vec![pw, cid, secret, ("username", "zzz"), ("password", "bad")],
            400,
            "invalid_grant",
            "Invalid user credentials",
        ),
        (
            vec![pw, cid, secret, ("username", "alice")],
            400,
            "invalid_grant",
            "Invalid user credentials",
        ),
        (
            vec![
                pw,
                cid,
                secret,
                ("username", "service-account-conf"),
                ("password", "x"),
            ],
            400,
            "invalid_grant",
            "Invalid user credentials",
        ),
        (
            vec![("grant_type", "refresh_token"), cid, secret],
            400,
            "invalid_request",
            "No refresh token",
        ),
        (
            vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", "abc"),
                cid,
                secret,
            ],
            400,
            "invalid_grant",
            "Invalid refresh token",
        ),
        (
            vec![("grant_type", "authorization_code"), cid, secret],
            400,
            "invalid_request",
            "Missing parameter: code",
        ),
        (
            vec![
                ("grant_type", "authorization_code"),
                ("code", "abc"),
                cid,
                secret,
            ],
            400,
            "invalid_grant",
            "Code not valid",
        ),
        (
            vec![cc, cid, secret, ("scope", "openid"), ("scope", "email")],
            400,
            "invalid_request",
            "duplicated parameter",
        ),
        (
            vec![cc, cid, secret, ("x", "\0")],
            400,
            "invalid_request",
            "a parameter holds NUL or is not UTF-8",
        ),
    ];
    for (form, status, error, description) in rows {
        let answer = server.token(&form).await;
        answer.refused(status, error, description);
        assert!(!answer.body.to_string().contains("s3cret"));
    }
    // Other bodies than forms have no parameters.
    let request = server.http.post(server.url("token"));
    let answer = Answer::read(
        request
            .json(&json!({"grant_type": "x"}))
            .send()
            .await
            .unwrap(),
    )
    .await;
    answer.refused(400, "invalid_request", "Missing form parameter: grant_type");
    let get = server.http.get(server.url("token")).send().await.unwrap();
    assert_eq!(get.status(), 405);
    let unknown = format!("{}/realms/nope/protocol/openid-connect/token", server.base);
    let answer = Answer::read(server.http.post(unknown).send().await.unwrap()).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body),
        (404, &json!({"error": "Realm does not exist"}))
    );
}

/// RFC 6749 section 2.3.1: HTTP Basic, and one way at a time.
#[tokio::test]
async fn a_secret_may_come_by_http_basic() {
    let server = server().await;
    server
        .add_client(json!({"clientId": "a b:c", "secret": "p%+ä", "serviceAccountsEnabled": true}))
        .await;
    let cc = [("grant_type", "client_credentials")];
    let ask = |id: &'static str, secret: &'static str, form: Vec<(&'static str, &'static str)>| {
        let request = server.http.post(server.url("token")).form(&form);
        let request = request.basic_auth(id, Some(secret));
        async move { Answer::read(request.send().await.unwrap()).await }
    };
    ask("conf", "s3cret", cc.to_vec()).await.granted();
    ask("conf", "s3cret", form(&[&cc, &[("client_id", "conf")]]))
        .await
        .granted();
    ask("a%20b%3Ac", "p%25%2B%C3%A4", cc.to_vec())
        .await
        .granted();
    let wrong = ask("conf", "bad", cc.to_vec()).await;
    wrong.refused(401, "unauthorized_client", GENERIC);
    assert_eq!(wrong.headers["www-authenticate"], "Basic realm=\"test\"");
    for more in [("client_secret", "s3cret"), ("client_id", "other")] {
        let answer = ask("conf", "s3cret", form(&[&cc, &[more]])).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["error"]),
            (400, &json!("invalid_request"))
        );
    }
    for header in [
        "Basic !!!",
        "Basic",
        "Basic Og==",
        "Bearer x",
        "Negotiate x",
    ] {
        let request = server.http.post(server.url("token")).form(&cc);
        let answer = Answer::read(
            request
                .header("Authorization", header)
                .send()
                .await
                .unwrap(),
        )
        .await;
        answer.refused(401, "invalid_client", GENERIC);
    }
}

/// `private_key_jwt`: what RFC 7523 and RFC 10070 ask for, and nothing that looks like it.
///
/// spec: FCA-32
#[tokio::test]
async fn a_client_may_sign_its_own_assertion() {
    let server = server().await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwks = json!({"keys": [key.public_jwk().unwrap()]}).to_string();
    server
        .add_client(json!({
            "clientId": "signer",
            "clientAuthenticatorType": "client-jwt",
            "serviceAccountsEnabled": true,
            "attributes": {"use.jwks.string": "true", "jwks.string": jwks},
        }))
        .await;
    let now = server.services.clock.now();
    let good = || {
        json!({
            "iss": "signer", "sub": "signer", "aud": server.issuer(), "iat": now, "exp": now + 60,
            "jti": random::token(16),
        })
    };
    let send = async |assertion: String| {
        let form = [
            ("grant_type", "client_credentials"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion.as_str()),
        ];
        server.token(&form).await
    };
    let with = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        key.sign("JWT", &claims).unwrap()
    };
    let once = key.sign("client-authentication+jwt", &good()).unwrap();
    send(once.clone()).await.granted();
    send(once)
        .await
        .refused(400, "invalid_client", "Token reuse detected");
    let token_endpoint = json!(server.url("token"));
    send(with("aud", token_endpoint)).await.refused(
        400,
        "invalid_client",
        "Invalid token audience",
    );
    let both = json!([server.issuer(), server.url("token")]);
    send(with("aud", both))
        .await
        .refused(400, "invalid_client", "Multiple audiences not allowed");
    send(with("exp", json!(now - 60)))
        .await
        .refused(400, "invalid_client", "Token is not active");
    send(with("exp", json!(now + 3600))).await.refused(
        400,
        "invalid_client",
        "Token lifetime is too long",
    );
    send(with("exp", Value::Null))
        .await
        .refused(401, "invalid_client", GENERIC);
    send(with("jti", json!(""))).await.refused(
        400,
        "invalid_client",
        "Token jti claim is required",
    );
    send(with("iss", json!("conf")))
        .await
        .refused(401, "unauthorized_client", GENERIC);
    send(with("sub", json!("conf")))
        .await
        .refused(401, "unauthorized_client", GENERIC);
    send(with("sub", json!("nope")))
        .await
        .refused(401, "invalid_client", GENERIC);
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    send(stranger.sign("JWT", &good()).unwrap())
        .await
        .refused(401, "unauthorized_client", GENERIC);
    send(key.sign("at+jwt", &good()).unwrap()).await.refused(
        400,
        "invalid_client",
        "Invalid token type",
    );
    // The algorithm may be fixed.
    server
        .change_client("signer", |c| {
            let attributes = c.attributes.get_or_insert_default();
            attributes.insert(
                "token.endpoint.auth.signing.alg".to_owned(),
                "PS256".to_owned(),
            );
        })
        .await;
    let other = key.sign("JWT", &good()).unwrap();
    send(other)
        .await
        .refused(400, "invalid_client", "Invalid signature algorithm");
}

/// Tokens of a login say what applications read in them.
#[tokio::test]
async fn tokens_have_the_shape_that_applications_read() {
    let server = server().await;
    let code = code(&server, "alice", "conf", |_| {}).await;
    let answer = redeem(&server, &code, &[("code_verifier", VERIFIER)]).await;
    let body = answer.granted();
    assert_eq!(body["expires_in"], 300);
    assert_eq!(body["refresh_expires_in"], 1800);
    assert_eq!(body["scope"], "openid profile email");
    let access = claims(answer.text("access_token"));
    let names: Vec<&str> = access
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    // The server's own first, in this order; then what mappers add, in theirs.
    let (own, mapped) = names.split_at(15);
    assert_eq!(
        own,
        [
            "exp",
            "iat",
            "auth_time",
            "jti",
            "iss",
            "aud",
            "sub",
            "typ",
            "azp",
            "sid",
            "acr",
            "allowed-origins",
            "realm_access",
            "resource_access",
            "scope",
        ]
    );
    let mut mapped = mapped.to_vec();
    mapped.sort_unstable();
    assert_eq!(
        mapped,
        [
            "email",
            "email_verified",
            "family_name",
            "given_name",
            "name",
            "preferred_username"
        ]
    );
    assert_eq!(access["aud"], "account");
    assert_eq!(access["allowed-origins"], json!(["http://app.test"]));
    assert_eq!(
        access["realm_access"],
        json!({"roles": ["default-roles-test", "offline_access", "uma_authorization"]})
    );
    assert_eq!(
        access["resource_access"],
        json!({"account": {"roles": ["manage-account", "manage-account-links", "view-profile"]}})
    );
    assert_eq!(access["sid"], body["session_state"]);
    assert!(access["jti"].as_str().unwrap().starts_with("onrtac:"));
    let id = claims(answer.text("id_token"));
    assert_eq!(id["aud"], "conf");
    assert_eq!(id["nonce"], "n-1");
    assert_eq!(id["typ"], "ID");
    assert_eq!(id["auth_time"], access["auth_time"]);
    let hash = sha256(answer.text("access_token").as_bytes());
    assert_eq!(id["at_hash"], base64url(&hash[..16]));
    assert_eq!(id["email"], "alice@example.test");
    assert!(id.get("realm_access").is_none() && id.get("scope").is_none());

    let user = server
        .get_with("userinfo", answer.text("access_token"))
        .await;
    assert_eq!(
        user.body,
        json!({
            "sub": access["sub"], "name": "Alice Test", "preferred_username": "alice",
            "given_name": "Alice", "family_name": "Test", "email_verified": true,
            "email": "alice@example.test", "auth_time": access["auth_time"],
        })
    );
}

/// RFC 6749 section 4.1.2: one use, one client, one redirect URI; RFC 7636 both ways.
#[tokio::test]
async fn a_code_is_bound_and_counts_once() {
    let server = server().await;
    server
        .add_client(json!({"clientId": "other", "secret": "s3cret"}))
        .await;
    let verifier = [("code_verifier", VERIFIER)];

    let used = code(&server, "alice", "conf", |_| {}).await;
    let first = redeem(&server, &used, &verifier).await;
    let token = first.granted()["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    redeem(&server, &used, &verifier)
        .await
        .refused(400, "invalid_grant", "Code not valid");
    refresh(&server, &token).await.refused(
        400,
        "invalid_grant",
        "Session doesn't have required client",
    );

    let bound = code(&server, "alice", "conf", |_| {}).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", bound.as_str()),
        ("redirect_uri", CALLBACK),
        ("client_id", "other"),
        ("client_secret", "s3cret"),
        ("code_verifier", VERIFIER),
    ];
    server.token(&form).await.refused(
        400,
        "invalid_grant",
        "Auth error: Found different client_id in clientSession",
    );
    redeem(&server, &bound, &verifier)
        .await
        .refused(400, "invalid_grant", "Code not valid");

    for uri in [
        "http://app.test/cb/",
        "http://app.test/CB",
        "http://app.test/cb?x",
    ] {
        let fresh = code(&server, "alice", "conf", |_| {}).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", fresh.as_str()),
            ("redirect_uri", uri),
            ("client_id", "conf"),
            ("client_secret", "s3cret"),
            ("code_verifier", VERIFIER),
        ];
        server
            .token(&form)
            .await
            .refused(400, "invalid_grant", "Incorrect redirect_uri");
    }

    let other = "w".repeat(43);
    for (verifier, description) in [
        (None, "PKCE code verifier not specified"),
        (
            Some(other.as_str()),
            "PKCE verification failed: Code mismatch",
        ),
        (
            Some("short"),
            "PKCE verification failed: Invalid code verifier",
        ),
    ] {
        let fresh = code(&server, "alice", "conf", |_| {}).await;
        let more: Vec<(&str, &str)> = verifier.map(|v| ("code_verifier", v)).into_iter().collect();
        redeem(&server, &fresh, &more)
            .await
            .refused(400, "invalid_grant", description);
    }
    let without = code(&server, "alice", "conf", |record| {
        record.code_challenge = None;
        record.code_challenge_method = None;
    })
    .await;
    redeem(&server, &without, &verifier).await.refused(
        400,
        "invalid_grant",
        "PKCE code verifier specified but challenge not present in authorization",
    );

    let late = code(&server, "alice", "conf", |_| {}).await;
    server.services.clock.advance(120);
    redeem(&server, &late, &verifier)
        .await
        .refused(400, "invalid_grant", "Code not valid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_redeem_one_code_one_succeeds() {
    let server = server().await;
    let code = code(&server, "alice", "conf", |_| {}).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let (http, url, code) = (server.http.clone(), server.url("token"), code.clone());
        tasks.spawn(async move {
            let form = [
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("redirect_uri", CALLBACK),
                ("client_id", "conf"),
                ("client_secret", "s3cret"),
                ("code_verifier", VERIFIER),
            ];
            http.post(url).form(&form).send().await.unwrap().status()
        });
    }
    let statuses = tasks.join_all().await;
    assert!(
        statuses.iter().filter(|status| **status == 200).count() <= 1,
        "{statuses:?}"
    );
}

/// Without rotation a refresh token works until the session ends.
#[tokio::test]
async fn a_session_goes_on_and_ends() {
    let server = server().await;
    let answer = password(&server, "openid").await;
    let body = answer.granted();
    let access = claims(answer.text("access_token"));
    assert!(access.get("auth_time").is_none());
    let token = body["refresh_token"].as_str().unwrap().to_owned();
    let again = refresh(&server, &token).await;
    assert_eq!(again.granted()["session_state"], body["session_state"]);
    assert!(claims(again.text("id_token")).get("nonce").is_none());
    refresh(&server, &token).await.granted();

    // Narrower, and never wider.
    let own = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str()),
    ];
    let narrow = server
        .token(&form(&[&own, &CONF, &[("scope", "profile")]]))
        .await;
    assert!(narrow.granted().get("id_token").is_none());
    let wide = server
        .token(&form(&[&own, &CONF, &[("scope", "openid phone")]]))
        .await;
    wide.refused(400, "invalid_scope", "Invalid scopes: openid phone");

    // Of another client, and other tokens in its place.
    server
        .add_client(json!({"clientId": "other", "secret": "s3cret"}))
        .await;
    let other = [("client_id", "other"), ("client_secret", "s3cret")];
    server.token(&form(&[&own, &other])).await.refused(
        400,
        "invalid_grant",
        "Invalid refresh token. Token client and authorized client don't match",
    );
    for kind in ["access_token", "id_token"] {
        refresh(&server, answer.text(kind)).await.refused(
            400,
            "invalid_grant",
            "Invalid refresh token",
        );
    }

    // Idle for too long.
    server.services.clock.advance(1700);
    let last = refresh(&server, &token).await;
    let token = last.granted()["refresh_token"].as_str().unwrap().to_owned();
    server.services.clock.advance(1801);
    refresh(&server, &token)
        .await
        .refused(400, "invalid_grant", "Token is not active");
}

/// RFC 9700 section 4.14.2: a refresh token is replaced at use, and a replaced one that comes back
/// ends what it belongs to.
#[tokio::test]
async fn rotation_finds_stolen_tokens() {
    let server = Server::start_with(|realm| realm.revoke_refresh_token = Some(true)).await;
    server
        .add_client(json!({
            "clientId": "conf", "secret": "s3cret", "directAccessGrantsEnabled": true,
        }))
        .await;
    server.add_user("alice", "pw", json!({})).await;
    let reuse = "Maximum allowed refresh token reuse exceeded";
    let next = |answer: &Answer| {
        answer.granted()["refresh_token"]
            .as_str()
            .unwrap()
            .to_owned()
    };

    let first = next(&password(&server, "openid").await);
    let second = next(&refresh(&server, &first).await);
    let third = next(&refresh(&server, &second).await);
    refresh(&server, &first)
        .await
        .refused(400, "invalid_grant", reuse);
    refresh(&server, &third).await.refused(
        400,
        "invalid_grant",
        "Session doesn't have required client",
    );

    // One reuse allowed: for lost answers, until the next token is used.
    server
        .change_realm(|realm| realm.refresh_token_max_reuse = Some(1))
        .await;
    let first = next(&password(&server, "openid").await);
    next(&refresh(&server, &first).await);
    let second = next(&refresh(&server, &first).await);
    let third = next(&refresh(&server, &second).await);
    refresh(&server, &first)
        .await
        .refused(400, "invalid_grant", reuse);
    refresh(&server, &third).await.refused(
        400,
        "invalid_grant",
        "Session doesn't have required client",
    );
    let first = next(&password(&server, "openid").await);
    next(&refresh(&server, &first).await);
    next(&refresh(&server, &first).await);
    refresh(&server, &first)
        .await
        .refused(400, "invalid_grant", reuse);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_refresh_at_once_one_succeeds() {
    let server = Server::start_with(|realm| realm.revoke_refresh_token = Some(true)).await;
    server
        .add_client(json!({
            "clientId": "conf", "secret": "s3cret", "directAccessGrantsEnabled": true,
        }))
        .await;
    server.add_user("alice", "pw", json!({})).await;
    let token = password(&server, "").await.text("refresh_token").to_owned();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let (http, url, token) = (server.http.clone(), server.url("token"), token.clone());
        tasks.spawn(async move {
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", token.as_str()),
                ("client_id", "conf"),
                ("client_secret", "s3cret"),
            ];
            http.post(url).form(&form).send().await.unwrap().status()
        });
    }
    let statuses = tasks.join_all().await;
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
}

/// Whatever is switched off ends what it stands behind, at every place that takes a token.
#[tokio::test]
async fn what_is_switched_off_gets_no_tokens() {
    let server = server().await;
    let answer = password(&server, "openid").await;
    let (access, token) = (answer.text("access_token"), answer.text("refresh_token"));
    let user_id = claims(access)["sub"].as_str().unwrap().to_owned();
    server.get_with("userinfo", access).await.body["sub"]
        .as_str()
        .unwrap();

    server
        .change_user(&user_id, |user| user.enabled = Some(false))
        .await;
    refresh(&server, token)
        .await
        .refused(400, "invalid_grant", "User disabled");
    assert_eq!(server.get_with("userinfo", access).await.status, 401);
    password(&server, "")
        .await
        .refused(400, "invalid_grant", "Invalid user credentials");
    server
        .change_user(&user_id, |user| user.enabled = Some(true))
        .await;
    refresh(&server, token).await.granted();

    server
        .change_user(&user_id, |user| {
            user.required_actions = Some(vec!["UPDATE_PASSWORD".to_owned()])
        })
        .await;
    password(&server, "")
        .await
        .refused(400, "invalid_grant", "Account is not fully set up");
    server
        .change_user(&user_id, |user| user.required_actions = None)
        .await;

    server
        .change_client("conf", |client| client.enabled = Some(false))
        .await;
    refresh(&server, token)
        .await
        .refused(401, "invalid_client", GENERIC);
    assert_eq!(server.get_with("userinfo", access).await.status, 401);
    server
        .change_client("conf", |client| client.enabled = Some(true))
        .await;

    let later = i32::try_from(server.services.clock.now() + 1).unwrap();
    server
        .change_client("conf", |client| client.not_before = Some(later))
        .await;
    refresh(&server, token)
        .await
        .refused(400, "invalid_grant", "Stale token");
    assert_eq!(server.get_with("userinfo", access).await.status, 401);
    server
        .change_client("conf", |client| client.not_before = None)
        .await;

    server
        .change_realm(|realm| realm.enabled = Some(false))
        .await;
    refresh(&server, token)
        .await
        .refused(403, "access_denied", "Realm not enabled");
}

/// RFC 7009 and RFC 7662: who may ask, what is told, and what revocation does.
#[tokio::test]
async fn introspection_and_revocation() {
    let server = server().await;
    let audience = json!([{
        "name": "own audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
        "config": {"included.client.audience": "conf", "access.token.claim": "true"},
    }]);
    server
        .change_client("conf", |client| {
            client.protocol_mappers = serde_json::from_value(audience).unwrap();
        })
        .await;
    server
        .add_client(json!({"clientId": "other", "secret": "s3cret"}))
        .await;
    server
        .add_client(json!({"clientId": "pub", "publicClient": true}))
        .await;
    let answer = password(&server, "openid").await;
    let access = answer.text("access_token").to_owned();
    let refresh_token = answer.text("refresh_token").to_owned();
    let ask = async |client: &str, token: &str| {
        let own = [
            ("client_id", client),
            ("client_secret", "s3cret"),
            ("token", token),
        ];
        server.post("token/introspect", &own).await
    };
    let told = ask("conf", &access).await;
    assert_eq!(told.body["active"], true);
    assert_eq!(told.body["username"], "alice");
    assert_eq!(told.body["client_id"], "conf");
    assert_eq!(told.body["token_type"], "Bearer");
    let inactive = json!({"active": false});
    assert_eq!(ask("other", &access).await.body, inactive);
    assert_eq!(ask("conf", "x").await.body, inactive);
    assert_eq!(ask("conf", &refresh_token).await.body, inactive);
    ask("pub", &access)
        .await
        .refused(403, "invalid_request", "Client not allowed.");
    let bad = [
        ("client_id", "conf"),
        ("client_secret", "bad"),
        ("token", "x"),
    ];
    server.post("token/introspect", &bad).await.refused(
        401,
        "invalid_client",
        "Client authentication failed.",
    );
    server.post("token/introspect", &CONF).await.refused(
        400,
        "invalid_request",
        "Token not provided.",
    );
    let hinted = form(&[&CONF, &[("token", "x"), ("token_type_hint", "foo")]]);
    server.post("token/introspect", &hinted).await.refused(
        400,
        "invalid_request",
        "Unsupported token type.",
    );

    let revoke = async |client: &str, token: &str| {
        let own = [
            ("client_id", client),
            ("client_secret", "s3cret"),
            ("token", token),
        ];
        server.post("revoke", &own).await
    };
    revoke("other", &access)
        .await
        .refused(400, "invalid_request", "Unmatching clients");
    revoke("other", &refresh_token)
        .await
        .refused(400, "invalid_request", "Unmatching clients");
    assert_eq!(revoke("conf", "x").await.status, 200);
    assert_eq!(ask("conf", &access).await.body["active"], true);
    for _ in 0..2 {
        assert_eq!(revoke("conf", &access).await.status, 200);
    }
    assert_eq!(ask("conf", &access).await.body, inactive);
    assert_eq!(server.get_with("userinfo", &access).await.status, 401);
    let again = refresh(&server, &refresh_token).await;
    let access = again.text("access_token").to_owned();
    assert_eq!(ask("conf", &access).await.body["active"], true);
    assert_eq!(revoke("conf", &refresh_token).await.status, 200);
    refresh(&server, &refresh_token)
        .await
        .refused(400, "invalid_grant", "Session not active");
    assert_eq!(ask("conf", &access).await.body, inactive);
}

/// RFC 6750: the challenges, and the ways a token may not come.
#[tokio::test]
async fn userinfo_wants_an_access_token_with_openid() {
    let server = server().await;
    let challenge = |answer: &Answer| {
        answer.headers["www-authenticate"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    let invalid = "Bearer realm=\"test\", error=\"invalid_token\", error_description=\"Token verification failed\"";
    let none = Answer::read(
        server
            .http
            .get(server.url("userinfo"))
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(
        (none.status.as_u16(), challenge(&none).as_str()),
        (401, "Bearer realm=\"test\"")
    );
    let answer = password(&server, "openid").await;
    for token in ["x", answer.text("refresh_token"), answer.text("id_token")] {
        let refused = server.get_with("userinfo", token).await;
        assert_eq!(
            (refused.status.as_u16(), challenge(&refused).as_str()),
            (401, invalid)
        );
    }
    let plain = password(&server, "").await;
    let refused = server
        .get_with("userinfo", plain.text("access_token"))
        .await;
    assert_eq!(refused.status, 403);
    assert!(challenge(&refused).contains("insufficient_scope"));
    let access = answer.text("access_token");
    let posted = server.post("userinfo", &[("access_token", access)]).await;
    assert_eq!(posted.status, 200);
    let query = format!("{}?access_token={access}", server.url("userinfo"));
    assert_eq!(server.http.get(query).send().await.unwrap().status(), 401);
    server.services.clock.advance(301);
    assert_eq!(server.get_with("userinfo", access).await.status, 401);
}

/// Metadata lists what works, and every address in it answers.
#[tokio::test]
async fn metadata_is_true() {
    let server = server().await;
    let get = async |url: String| Answer::read(server.http.get(url).send().await.unwrap()).await;
    let metadata = get(format!(
        "{}/.well-known/openid-configuration",
        server.issuer()
    ))
    .await;
    assert_eq!(metadata.body["issuer"], server.issuer().as_str());
    for other in [
        format!("{}/.well-known/oauth-authorization-server", server.issuer()),
        format!(
            "{}/.well-known/oauth-authorization-server/realms/test",
            server.base
        ),
    ] {
        assert_eq!(get(other).await.body, metadata.body);
    }
    for (name, value) in metadata.body.as_object().unwrap() {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let url = value.as_str().unwrap();
            assert!(url.starts_with(&server.issuer()), "{name}");
            let status = server.http.get(url).send().await.unwrap().status();
            assert_ne!(status, 404, "{name}");
        }
    }
    let jwks = get(metadata.text("jwks_uri").to_owned()).await;
    let keys = jwks.body["keys"].as_array().unwrap();
    let algorithms: Vec<&str> = keys
        .iter()
        .filter(|key| key["use"] == "sig")
        .map(|key| key["alg"].as_str().unwrap())
        .collect();
    assert_eq!(algorithms.len(), 3);
    for expected in ["RS256", "ES256", "EdDSA"] {
        assert!(algorithms.contains(&expected));
    }
    // Nothing private, and no shared secret.
    for private in ["\"d\"", "\"k\"", "\"p\"", "\"oct\"", "HS512"] {
        assert!(!jwks.body.to_string().contains(private), "{private}");
    }
    let page = get(server.issuer()).await;
    assert_eq!(page.body["realm"], "test");
    assert!(page.text("public_key").starts_with("MIIBIjAN"));
    assert_eq!(page.body["tokens-not-before"], 0);

    // The signature of each algorithm verifies with the published keys.
    let set: realmkeep_jose::JwkSet = serde_json::from_value(jwks.body).unwrap();
    let set = realmkeep_jose::KeySet::from_jwks(&set);
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        server
            .change_client("conf", |client| {
                let attributes = client.attributes.get_or_insert_default();
                attributes.insert(
                    "access.token.signed.response.alg".to_owned(),
                    algorithm.to_owned(),
                );
            })
            .await;
        let answer = server
            .token(&form(&[&[("grant_type", "client_credentials")], &CONF]))
            .await;
        let jwt = realmkeep_jose::UnverifiedJwt::parse(answer.text("access_token")).unwrap();
        assert_eq!(jwt.unverified_algorithm().as_str(), algorithm);
        let key = set
            .find(jwt.unverified_kid(), jwt.unverified_algorithm())
            .unwrap();
        realmkeep_jose::verify(&jwt, key).unwrap();
    }
}

/// Pages of the client's web origins may read answers; others get none.
#[tokio::test]
async fn cross_origin_requests_follow_web_origins() {
    let server = server().await;
    let post = async |origin: &str, secret: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "conf"),
            ("client_secret", secret),
        ];
        let request = server
            .http
            .post(server.url("token"))
            .form(&form)
            .header("Origin", origin);
        Answer::read(request.send().await.unwrap()).await
    };
    let allowed = post("http://app.test", "s3cret").await;
    allowed.granted();
    assert_eq!(
        allowed.headers["access-control-allow-origin"],
        "http://app.test"
    );
    post(&server.base, "s3cret").await.granted();
    for foreign in [
        "http://evil.test",
        "http://app.test.evil.test",
        "https://app.test",
        "null",
    ] {
        let answer = post(foreign, "s3cret").await;
        assert_eq!(answer.status, 403, "{foreign}");
        assert_eq!(answer.body, json!({"error": "Invalid origin"}));
        assert!(answer.headers.get("access-control-allow-origin").is_none());
    }
    let unproven = post("http://app.test", "bad").await;
    assert!(
        unproven
            .headers
            .get("access-control-allow-origin")
            .is_none()
    );
    let preflight = server
        .http
        .request(reqwest::Method::OPTIONS, server.url("token"))
        .header("Origin", "http://app.test")
        .header("Access-Control-Request-Method", "POST");
    let preflight = Answer::read(preflight.send().await.unwrap()).await;
    assert_eq!(preflight.status, 200);
    assert_eq!(
        preflight.headers["access-control-allow-methods"],
        "POST, OPTIONS"
    );
}

/// The client sees the roles it may see, and the claims its mappers make.
#[tokio::test]
async fn scopes_and_mappers_decide_what_a_token_says() {
    let server = server().await;
    let mapper = |name: &str, kind: &str, config: Value| json!({"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": config});
    let mappers = json!([
        mapper(
            "a",
            "oidc-hardcoded-claim-mapper",
            json!({"claim.name": "a.b", "claim.value": "7", "jsonType.label": "int", "access.token.claim": "true"})
        ),
        mapper(
            "b",
            "oidc-hardcoded-claim-mapper",
            json!({"claim.name": "iss", "claim.value": "evil", "access.token.claim": "true"})
        ),
        mapper(
            "c",
            "oidc-hardcoded-claim-mapper",
            json!({"claim.name": "typ", "claim.value": "ID", "access.token.claim": "true"})
        ),
        mapper(
            "d",
            "oidc-hardcoded-role-mapper",
            json!({"role": "account.view-groups"})
        ),
        mapper(
            "e",
            "oidc-audience-mapper",
            json!({"included.custom.audience": "https://api.test", "access.token.claim": "true"})
        ),
        mapper(
            "f",
            "oidc-usermodel-attribute-mapper",
            json!({"user.attribute": "team", "claim.name": "team", "multivalued": "true", "access.token.claim": "true"})
        ),
        mapper("g", "no-such-mapper", json!({"access.token.claim": "true"})),
    ]);
    server
        .change_client("conf", |client| {
            client.full_scope_allowed = Some(false);
            client.protocol_mappers = serde_json::from_value(mappers).unwrap();
        })
        .await;
    let team = json!({"attributes": {"team": ["red", "blue"]}});
    server.add_user("bob", "pw", team).await;
    let login = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", "pw"),
    ];
    let answer = server
        .token(&form(&[&login, &CONF, &[("scope", "phone address")]]))
        .await;
    assert_eq!(answer.granted()["scope"], "profile email phone address");
    let access = claims(answer.text("access_token"));
    assert_eq!(access["a"], json!({"b": 7}));
    assert_eq!(access["iss"], server.issuer().as_str());
    assert_eq!(access["typ"], "Bearer");
    assert_eq!(access["team"], json!(["red", "blue"]));
    let audience = access["aud"].as_array().unwrap();
    assert_eq!(audience.len(), 2);
    assert!(audience.contains(&json!("account")));
    assert!(audience.contains(&json!("https://api.test")));
    assert!(access.get("realm_access").is_none());
    assert_eq!(
        access["resource_access"],
        json!({"account": {"roles": ["view-groups"]}})
    );
}
