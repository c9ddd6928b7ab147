//! Hostile input at the authorization endpoint: an error that fits, no redirect to a stranger, no
//! reflection, no failure of the server.

use reqwest::StatusCode;

use crate::browser::{Browser, CALLBACK, authorize, server};
use crate::support::Server;

async fn raw(server: &Server, query: &str) -> reqwest::Response {
    let url = format!("{}?{query}", server.url("auth"));
    server.http.get(url).send().await.unwrap()
}

/// No answer of ours goes anywhere but to the callback, and none is a failure.
async fn harmless(server: &Server, query: &str) -> StatusCode {
    let answer = raw(server, query).await;
    let status = answer.status();
    assert!(!status.is_server_error(), "{query}: {status}");
    if let Some(location) = answer.headers().get("location") {
        let location = location.to_str().unwrap();
        assert!(location.starts_with(CALLBACK), "{query}: {location}");
    } else {
        let text = answer.text().await.unwrap();
        assert!(!text.contains("<script>"), "{query}");
    }
    status
}

const GOOD: &str = "client_id=app&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcb&response_type=code&scope=openid&state=s";

/// Any parameter that comes twice ends the request, known or not, before anybody is redirected.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_come_once() {
    let server = server().await;
    for name in [
        "client_id",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
        "nonce",
        "prompt",
        "request",
        "request_uri",
        "code_challenge",
        "acr_values",
        "kc_action",
        "unknown",
    ] {
        let query = format!("{GOOD}&{name}=a&{name}=b");
        assert_eq!(harmless(&server, &query).await, 400, "{name}");
        let query = format!("{GOOD}&{name}=&{name}=");
        assert_eq!(harmless(&server, &query).await, 400, "{name}");
    }
    // Encoded names are the same names.
    assert_eq!(harmless(&server, &format!("{GOOD}&%73tate=x")).await, 400);
}

/// Bytes that are no text, control characters, encodings in encodings.
#[tokio::test(flavor = "multi_thread")]
async fn odd_bytes_are_harmless() {
    let server = server().await;
    for bytes in [
        "%00",
        "%ff%fe",
        "%c0%ae",
        "%ed%a0%80",
        "%0d%0aSet-Cookie:x=y",
        "%2500",
        "%",
        "%zz",
        "%u0041",
        "%e2%80%ae",
        "<script>",
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "..%2f..%2f",
        "%F0%9F%92%A9",
        "{{7*7}}",
        "%24%7B7*7%7D",
        "'%20OR%201=1--",
        "%5C",
        "%7F",
        "%1b[31m",
    ] {
        for name in [
            "state",
            "nonce",
            "scope",
            "prompt",
            "login_hint",
            "ui_locales",
            "acr_values",
            "claims",
            "response_mode",
            "response_type",
            "max_age",
            "code_challenge",
            "code_challenge_method",
            "kc_idp_hint",
            "kc_action",
            "dpop_jkt",
            "id_token_hint",
            "kc_locale",
            "request",
            "request_uri",
            "client_id",
            "redirect_uri",
            "registration",
            "x",
        ] {
            let rest: Vec<&str> = GOOD
                .split('&')
                .filter(|pair| !pair.starts_with(&format!("{name}=")))
                .collect();
            let query = format!("{}&{name}={bytes}", rest.join("&"));
            harmless(&server, &query).await;
        }
    }
}

/// Ten times over each bound.
#[tokio::test(flavor = "multi_thread")]
async fn bounds_hold() {
    let server = server().await;
    let browser = Browser::default();
    let long = "x".repeat(41_000);
    let mut fields = vec![
        ("client_id", "app"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid"),
    ];
    for name in [
        "state",
        "nonce",
        "login_hint",
        "ui_locales",
        "acr_values",
        "claims",
        "kc_action",
        "kc_idp_hint",
    ] {
        fields.push((name, &long));
        let seen = browser.post(&server, &server.url("auth"), &fields).await;
        fields.pop();
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{name}: {seen:?}");
        let answer = seen.answer();
        assert_eq!(answer["error"], "invalid_request", "{name}");
        assert!(!answer["error_description"].contains("xxx"));
    }
    let scopes: Vec<String> = (0..1_000).map(|i| format!("s{i}")).collect();
    let scopes = scopes.join(" ");
    fields[3] = ("scope", &scopes);
    let seen = browser.post(&server, &server.url("auth"), &fields).await;
    assert_eq!(seen.answer()["error"], "invalid_scope");

    let many: String = (0..1_000).map(|i| format!("&p{i}=1")).collect();
    let query = format!("{GOOD}{many}");
    assert_eq!(harmless(&server, &query).await, 400);
    let huge = "x".repeat(1_300_000);
    let fields = [("client_id", "app"), ("state", huge.as_str())];
    let seen = browser.post(&server, &server.url("auth"), &fields).await;
    assert!(seen.status.is_client_error(), "{}", seen.status);
}

/// Nobody is sent to an address that the client has not registered, however it is written.
///
/// spec: OC-08
#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_not_redirected_to() {
    let server = server().await;
    let browser = Browser::default();
    for uri in [
        "http://evil.test/cb",
        "http://127.0.0.1:9/cb/",
        "http://127.0.0.1:9/cb?x=1",
        "http://127.0.0.1:9/cb#x",
        "http://127.0.0.1:9/CB",
        "HTTP://127.0.0.1:9/cb",
        "http://127.0.0.1:9@evil.test/cb",
        "http://evil.test\\@127.0.0.1:9/cb",
        "http://127.0.0.1:9/x/../cb",
        "http://127.0.0.1:9/./cb",
        "http://127.0.0.1:9//cb",
        "http://127.0.0.1:9/%63b",
        "http://127.1:9/cb",
        "http://2130706433:9/cb",
        "//127.0.0.1:9/cb",
        "/cb",
        "cb",
        "javascript:alert(1)",
        "data:text/html,x",
        " http://127.0.0.1:9/cb",
        "http://127.0.0.1:9/cb ",
        "http://127.0.0.1:9/cb\u{202e}",
        "http://127.0.0.1:9/cb\r\nX: y",
        "",
    ] {
        for kind in ["code", "token", "foo"] {
            let more = [
                ("redirect_uri", uri),
                ("response_type", kind),
                ("nonce", "n"),
            ];
            let seen = browser.get(&server, &authorize(&server, &more)).await;
            seen.on_a_page();
        }
    }
}
