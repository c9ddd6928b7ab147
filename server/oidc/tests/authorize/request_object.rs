//! Request objects (RFC 9101, OpenID Connect Core §6).

use axum::Router;
use axum::routing::get;
use realmkeep_jose::{Algorithm, SigningKey};
use reqwest::StatusCode;
use serde_json::{Value, json};
use url::Url;

use crate::browser::{Browser, CALLBACK, SECRET, authorize, redeem, server, set};
use crate::support::Server;

const TYPE: &str = "oauth-authz-req+jwt";

/// A server whose `app` signs with the key.
async fn signing() -> (Server, SigningKey) {
    let server = server().await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwks = json!({ "keys": [key.public_jwk().unwrap()] }).to_string();
    set(
        &server,
        "app",
        &[("use.jwks.string", "true"), ("jwks.string", &jwks)],
    )
    .await;
    (server, key)
}

/// The usual claims with those of `more`; null leaves one out.
fn object(server: &Server, more: Value) -> Value {
    let now = server.services.clock.now();
    let mut all = json!({
        "iss": "app",
        "aud": server.issuer(),
        "client_id": "app",
        "iat": now,
        "nbf": now,
        "exp": now + 60,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid",
        "state": "st&1",
        "nonce": "inside",
    });
    let map = all.as_object_mut().unwrap();
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            map.remove(name);
        } else {
            map.insert(name.clone(), value.clone());
        }
    }
    all
}

fn at(server: &Server, request: &str) -> String {
    let parameters = [("client_id", "app"), ("request", request)];
    Url::parse_with_params(&server.url("auth"), parameters)
        .unwrap()
        .into()
}

/// What counts is inside the signature, and nothing else.
///
/// spec: LOA-22
#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_counts() {
    let (server, key) = signing().await;
    let token = key.sign(TYPE, &object(&server, json!({}))).unwrap();
    let seen = Browser::default()
        .login_at(&server, &at(&server, &token))
        .await;
    let answer = seen.answer();
    assert_eq!(answer["state"], "st&1");
    let tokens = redeem(&server, &answer["code"]).await;
    let id_token = crate::support::claims(tokens.text("id_token"));
    assert_eq!(id_token["nonce"], "inside");

    // Beside it, parameters are left out …
    let more = [
        ("request", token.as_str()),
        ("state", "outside"),
        ("nonce", "outside"),
        ("prompt", "none"),
        ("response_mode", "fragment"),
    ];
    let page = Browser::default()
        .get(&server, &authorize(&server, &more))
        .await;
    assert_eq!(page.status, StatusCode::OK, "prompt=none is not signed");
    // … unless it is OpenID Connect's older form, where those inside win.
    let token = key
        .sign("JWT", &object(&server, json!({"state": null})))
        .unwrap();
    let more = [
        ("request", token.as_str()),
        ("nonce", "outside"),
        ("response_mode", "fragment"),
    ];
    let seen = Browser::default().login(&server, &more).await;
    assert!(seen.location.as_ref().unwrap().fragment().is_some());
    let answer = seen.answer();
    assert_eq!(answer["state"], "st&1");
    let tokens = redeem(&server, &answer["code"]).await;
    let id_token = crate::support::claims(tokens.text("id_token"));
    assert_eq!(id_token["nonce"], "inside");
    // A client that has to sign has to sign all.
    set(
        &server,
        "app",
        &[("request.object.required", "request or request_uri")],
    )
    .await;
    let page = Browser::default()
        .get(
            &server,
            &authorize(&server, &[("request", &token), ("prompt", "none")]),
        )
        .await;
    assert_eq!(page.status, StatusCode::OK);
}

/// Whose it is, for whom and when: all of it has to be right.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_objects_are_refused() {
    let (server, key) = signing().await;
    let now = server.services.clock.now();
    let browser = Browser::default();
    let ask = async |token: &str| {
        let more = [("request", token)];
        browser.get(&server, &authorize(&server, &more)).await
    };
    for wrong in [
        json!({"iss": "other"}),
        json!({"client_id": "other"}),
        json!({"aud": "https://other.test"}),
        json!({"aud": []}),
        json!({"exp": now - 100}),
        json!({"nbf": now + 100, "exp": now + 200}),
        json!({"iat": now + 100, "exp": now + 200}),
        json!({"exp": now + 100_000}),
        json!({"exp": "soon"}),
        json!({"exp": null, "nbf": now + 100}),
        json!({"sub": "app"}),
        json!({"response_type": "token"}),
        json!({"request": "x"}),
        json!({"request_uri": "https://app.test/x"}),
        json!({"state": "a\u{0}b"}),
        json!({"login_hint": "x".repeat(10_000), "nonce": "y".repeat(10_000)}),
    ] {
        let token = key.sign(TYPE, &object(&server, wrong.clone())).unwrap();
        let seen = ask(&token).await;
        assert_eq!(
            seen.answer()["error"],
            "invalid_request_object",
            "{wrong} {seen:?}"
        );
    }
    // Another purpose.
    for typ in [
        "at+jwt",
        "logout+jwt",
        "dpop+jwt",
        "client-authentication+jwt",
    ] {
        let token = key.sign(typ, &object(&server, json!({}))).unwrap();
        ask(&token).await.refused(&server, "invalid_request_object");
    }
    // Another key, no key, the realm's own key, and the public key as a secret.
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    let realm = server.realm().await;
    let realms = server
        .services
        .keys
        .active_signing(&realm, Algorithm::Rs256)
        .await
        .unwrap();
    let public = serde_json::to_vec(&key.public_jwk().unwrap()).unwrap();
    let confused = SigningKey::hmac(Algorithm::Hs256, "", &public).unwrap();
    for forger in [&other, &realms, &confused] {
        let token = forger.sign(TYPE, &object(&server, json!({}))).unwrap();
        ask(&token).await.refused(&server, "invalid_request_object");
    }
    // A changed signature, algorithm, or shape.
    let token = key.sign(TYPE, &object(&server, json!({}))).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let header = |text: &str| realmkeep_jose::base64url(text);
    for broken in [
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.", header("{\"alg\":\"none\"}"), parts[1]),
        format!("{}.{}.{}", header("{\"alg\":\"none\"}"), parts[1], parts[2]),
        format!(
            "{}.{}.{}",
            header("{\"alg\":\"HS256\"}"),
            parts[1],
            parts[2]
        ),
        format!("{}.{}.{}", parts[0], header("{}"), parts[2]),
        format!("{token}."),
        format!("{token}.a.b"),
        "a.b.c.d.e".to_owned(),
        ".".repeat(1_000),
        "x".repeat(100),
    ] {
        ask(&broken)
            .await
            .refused(&server, "invalid_request_object");
    }
}

/// A client may be bound to what FAPI 2.0 Message Signing asks of request objects (section 5.3.1).
#[tokio::test(flavor = "multi_thread")]
async fn objects_may_have_to_say_when_they_are_for() {
    let (server, key) = signing().await;
    server
        .change_client("app", |client| {
            let attributes = client.attributes.get_or_insert_default();
            let name = "request.object.lifetime.required".to_owned();
            attributes.insert(name, "true".to_owned());
        })
        .await;
    let now = server.services.clock.now();
    let browser = Browser::default();
    let good = json!({"nbf": now - 3_000, "exp": now + 500});
    let token = key.sign(TYPE, &object(&server, good)).unwrap();
    let more = [("request", token.as_str())];
    let page = browser.get(&server, &authorize(&server, &more)).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    for wrong in [
        json!({"nbf": null}),
        json!({"exp": null}),
        json!({"nbf": now - 3_700, "exp": now - 200 + 60}),
        json!({"nbf": now - 3_700, "exp": now + 60}),
        json!({"nbf": now - 10, "exp": now + 3_610}),
        json!({"iss": null}),
        json!({"aud": null}),
    ] {
        let token = key.sign(TYPE, &object(&server, wrong.clone())).unwrap();
        let more = [("request", token.as_str())];
        let seen = browser.get(&server, &authorize(&server, &more)).await;
        let error = &seen.answer()["error"];
        assert_eq!(error, "invalid_request_object", "{wrong}");
    }
}

/// The algorithm is the client's, and a secret signs only for a client that has one.
#[tokio::test(flavor = "multi_thread")]
async fn the_algorithm_is_pinned() {
    let (server, key) = signing().await;
    let secret = SigningKey::hmac(Algorithm::Hs256, "", SECRET.as_bytes()).unwrap();
    let signed = |key: &SigningKey| key.sign(TYPE, &object(&server, json!({}))).unwrap();
    let browser = Browser::default();
    let status = async |token: &str| browser.get(&server, &at(&server, token)).await.status;
    assert_eq!(status(&signed(&secret)).await, StatusCode::OK);
    set(&server, "app", &[("request.object.signature.alg", "ES256")]).await;
    assert_eq!(status(&signed(&key)).await, StatusCode::OK);
    assert_eq!(status(&signed(&secret)).await, StatusCode::BAD_REQUEST);
    set(&server, "app", &[("request.object.signature.alg", "PS256")]).await;
    assert_eq!(status(&signed(&key)).await, StatusCode::BAD_REQUEST);
    set(&server, "app", &[("request.object.signature.alg", "any")]).await;
    server
        .change_client("app", |client| client.public_client = Some(true))
        .await;
    assert_eq!(status(&signed(&secret)).await, StatusCode::BAD_REQUEST);
    assert_eq!(status(&signed(&key)).await, StatusCode::OK);
}

/// Which way the client has to send it.
#[tokio::test(flavor = "multi_thread")]
async fn objects_may_be_required() {
    let (server, key) = signing().await;
    let token = key.sign(TYPE, &object(&server, json!({}))).unwrap();
    let browser = Browser::default();
    for (required, plain, by_value) in [
        ("not required", true, true),
        ("request or request_uri", false, true),
        ("request only", false, true),
        ("request_uri only", false, false),
    ] {
        set(&server, "app", &[("request.object.required", required)]).await;
        let seen = browser.get(&server, &authorize(&server, &[])).await;
        assert_eq!(seen.status == StatusCode::OK, plain, "{required}");
        let seen = browser.get(&server, &at(&server, &token)).await;
        assert_eq!(seen.status == StatusCode::OK, by_value, "{required}");
    }
    let more = [
        ("request", token.as_str()),
        ("request_uri", "https://a.test/"),
    ];
    let seen = browser.get(&server, &authorize(&server, &more)).await;
    seen.refused(&server, "invalid_request");
}

/// Objects are fetched only from addresses that the client has registered.
#[tokio::test(flavor = "multi_thread")]
async fn objects_are_fetched_from_registered_addresses() {
    let (server, key) = signing().await;
    let token = key.sign(TYPE, &object(&server, json!({}))).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let hits = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = hits.clone();
    let served = async move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        token
    };
    let app = Router::new()
        .route("/object", get(served))
        .route("/gone", get(async || StatusCode::NOT_FOUND))
        .route("/big", get(async || "x".repeat(20_000_000)));
    let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let browser = Browser::default();
    let ask = async |uri: &str| {
        let more = [("request_uri", uri)];
        browser.get(&server, &authorize(&server, &more)).await
    };
    ask(&format!("{base}/object"))
        .await
        .refused(&server, "invalid_request_uri");
    assert_eq!(hits.load(std::sync::atomic::Ordering::SeqCst), 0);
    let registered = format!("{base}/object##{base}/gone##{base}/big##http://169.254.169.254/x");
    set(&server, "app", &[("request.uris", &registered)]).await;
    assert_eq!(ask(&format!("{base}/object")).await.status, StatusCode::OK);
    assert_eq!(
        ask(&format!("{base}/object#h4sh")).await.status,
        StatusCode::OK
    );
    assert_eq!(hits.load(std::sync::atomic::Ordering::SeqCst), 2);
    for wrong in [
        format!("{base}/object?x"),
        format!("{base}/object/"),
        format!("{base}/gone"),
        format!("{base}/big"),
        "http://169.254.169.254/x".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        ask(&wrong).await.refused(&server, "invalid_request_uri");
    }
    assert_eq!(hits.load(std::sync::atomic::Ordering::SeqCst), 2);
    task.abort();
}

/// A pushed request may be an object as well.
#[tokio::test(flavor = "multi_thread")]
async fn objects_are_pushed_too() {
    let (server, key) = signing().await;
    let token = key.sign(TYPE, &object(&server, json!({}))).unwrap();
    let form = [
        ("client_id", "app"),
        ("client_secret", SECRET),
        ("request", token.as_str()),
    ];
    let pushed = server.post("ext/par/request", &form).await;
    assert_eq!(pushed.status, StatusCode::CREATED, "{pushed:?}");
    let parameters = [
        ("client_id", "app"),
        ("request_uri", pushed.text("request_uri")),
    ];
    let url = Url::parse_with_params(&server.url("auth"), parameters).unwrap();
    let seen = Browser::default().login_at(&server, url.as_str()).await;
    assert!(seen.answer().contains_key("code"));
}
