//! Pushed authorization requests (RFC 9126).

use reqwest::StatusCode;
use serde_json::json;
use url::Url;

use crate::browser::{Browser, CALLBACK, SECRET, add_app, authorize, redeem, server, set};
use crate::support::{Answer, Server};

async fn push(server: &Server, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("client_id", "app"),
        ("client_secret", SECRET),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "st&1"),
    ];
    for (name, value) in more {
        form.retain(|(known, _)| known != name);
        if *value != "-" {
            form.push((name, value));
        }
    }
    server.post("ext/par/request", &form).await
}

fn at(server: &Server, client_id: &str, request_uri: &str) -> String {
    let parameters = [("client_id", client_id), ("request_uri", request_uri)];
    Url::parse_with_params(&server.url("auth"), parameters)
        .unwrap()
        .into()
}

/// The browser carries nothing but a reference, which counts once, for its client, for a while.
///
/// spec: LOA-22
#[tokio::test(flavor = "multi_thread")]
async fn a_reference_counts_once_for_its_client() {
    let server = server().await;
    add_app(&server, "other", json!({})).await;
    let pushed = push(&server, &[("nonce", "n1")]).await;
    assert_eq!(pushed.status, StatusCode::CREATED, "{pushed:?}");
    assert_eq!(pushed.body["expires_in"], 60);
    assert_eq!(pushed.headers["cache-control"], "no-store");
    let reference = pushed.text("request_uri");
    assert!(reference.starts_with("urn:ietf:params:oauth:request_uri:"));
    assert!(reference.len() > 60);

    // Another client cannot use it, nor use it up.
    let browser = Browser::default();
    browser
        .get(&server, &at(&server, "other", reference))
        .await
        .on_a_page();
    // Parameters beside the reference do not count.
    let url = format!(
        "{}&redirect_uri=http%3A%2F%2Fevil.test%2F&state=evil&scope=nope&response_type=token",
        at(&server, "app", reference)
    );
    let seen = browser.login_at(&server, &url).await;
    let answer = seen.answer();
    assert_eq!(answer["state"], "st&1");
    let tokens = redeem(&server, &answer["code"]).await;
    let token = crate::support::claims(tokens.text("id_token"));
    assert_eq!(token["nonce"], "n1");
    // Used up.
    browser
        .get(&server, &at(&server, "app", reference))
        .await
        .on_a_page();
    for wrong in [
        "urn:ietf:params:oauth:request_uri:",
        "urn:ietf:params:oauth:request_uri:unknown",
        &format!("urn:ietf:params:oauth:request_uri:{}", "x".repeat(5_000)),
    ] {
        browser
            .get(&server, &at(&server, "app", wrong))
            .await
            .on_a_page();
    }
    // With an address outside the application is told.
    let more = [("request_uri", "urn:ietf:params:oauth:request_uri:unknown")];
    let seen = browser.get(&server, &authorize(&server, &more)).await;
    seen.refused(&server, "invalid_request_uri");
}

/// Of many who come with one reference, one gets in.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_one_gets_the_request() {
    let server = server().await;
    let pushed = push(&server, &[]).await;
    let url = at(&server, "app", pushed.text("request_uri"));
    let all = (0..16).map(|_| server.http.get(&url).send());
    let mut tasks = Vec::new();
    for one in all {
        tasks.push(tokio::spawn(one));
    }
    let mut shown = 0;
    for task in tasks {
        if task.await.unwrap().unwrap().status() == StatusCode::OK {
            shown += 1;
        }
    }
    assert_eq!(shown, 1);
}

/// The lifespan is the realm's.
#[tokio::test(flavor = "multi_thread")]
async fn the_lifespan_is_the_realms() {
    let server = server().await;
    for (set, expected) in [("7", 7), ("0", 60), ("x", 60), ("100000", 600)] {
        server
            .change_realm(|realm| {
                let all = realm.attributes.get_or_insert_default();
                all.insert("parRequestUriLifespan".to_owned(), set.to_owned());
            })
            .await;
        let pushed = push(&server, &[]).await;
        assert_eq!(pushed.body["expires_in"], expected, "{set}");
    }
}

/// A client that must push cannot do without; one that may, can.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_have_to_push() {
    let server = server().await;
    let name = "require.pushed.authorization.requests";
    set(&server, "app", &[(name, "true")]).await;
    let browser = Browser::default();
    let seen = browser.get(&server, &authorize(&server, &[])).await;
    seen.refused(&server, "invalid_request");
    let pushed = push(&server, &[]).await;
    let url = at(&server, "app", pushed.text("request_uri"));
    assert!(
        browser
            .login_at(&server, &url)
            .await
            .answer()
            .contains_key("code")
    );
}

/// What is wrong is told to the client at once, and only to the client itself.
#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_when_pushed() {
    let server = server().await;
    let bad_client = push(&server, &[("client_secret", "wrong")]).await;
    assert_eq!(bad_client.status, StatusCode::UNAUTHORIZED);
    for nobody in ["-", "nobody"] {
        let answer = push(&server, &[("client_id", nobody)]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.body["error"], "invalid_client");
    }
    let long = "x".repeat(40_000);
    for (more, error) in [
        (("request_uri", "urn:x"), "invalid_request"),
        (("redirect_uri", "http://evil.test/"), "invalid_request"),
        (("redirect_uri", "-"), "invalid_request"),
        (("response_type", "-"), "invalid_request"),
        (("response_type", "foo"), "unsupported_response_type"),
        (("scope", "openid nope"), "invalid_scope"),
        (("code_challenge_method", "S256"), "invalid_request"),
        (("request", "x"), "invalid_request_object"),
        (("dpop_jkt", "short"), "invalid_request"),
        (("login_hint", long.as_str()), "invalid_request"),
        (("other", long.as_str()), "invalid_request"),
    ] {
        let answer = push(&server, &[more]).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{more:?} {answer:?}"
        );
        assert_eq!(answer.body["error"], error, "{more:?}");
        assert!(answer.body["request_uri"].is_null());
    }
    // Twice the same parameter.
    let body = format!("client_id=app&client_secret={SECRET}&scope=openid&scope=email");
    let answer = server
        .http
        .post(server.url("ext/par/request"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let answer = server.http.get(server.url("ext/par/request")).send().await;
    assert_eq!(answer.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
}

/// A public client may push as well; PKCE comes along.
#[tokio::test(flavor = "multi_thread")]
async fn public_clients_push_too() {
    let server = server().await;
    add_app(&server, "spa", json!({"publicClient": true})).await;
    let pushed = push(&server, &[("client_id", "spa"), ("client_secret", "-")]).await;
    assert_eq!(pushed.status, StatusCode::CREATED, "{pushed:?}");
    let url = at(&server, "spa", pushed.text("request_uri"));
    let seen = Browser::default().login_at(&server, &url).await;
    assert!(seen.answer().contains_key("code"));
}

/// The secrets of the request stay out of what is kept and of what the browser gets.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_pushed_reaches_the_browser() {
    let server = server().await;
    let pushed = push(&server, &[("nonce", "canary-nonce")]).await;
    let url = at(&server, "app", pushed.text("request_uri"));
    let page = server.http.get(&url).send().await.unwrap();
    let cookies = format!("{:?}", page.headers().get_all("set-cookie"));
    let text = page.text().await.unwrap();
    for secret in [SECRET, "canary-nonce"] {
        assert!(!cookies.contains(secret) && !text.contains(secret));
    }
}
