//! Threats that the guide names, tried.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use reqwest::header::HOST;
use serde_json::{Value, json};

use crate::browser::{Browser, CALLBACK, SECRET, Seen, add_app, authorize, redeem, server, set};
use crate::support::Server;
use crate::tools::{PASSWORD, done, open, send, user_id};

async fn code(server: &Server) -> String {
    let browser = Browser::default();
    let page = open(server, &browser, &[]).await;
    done(&send(server, &browser, &page, &PASSWORD).await)
}

/// Codes are random beyond guessing, none like another; one counts once, and for as long as the realm says.
///
/// spec: SEC-20, SEC-21, SEC-22
#[tokio::test(flavor = "multi_thread")]
async fn codes_are_random_short_lived_and_used_once() {
    let server = server().await;
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for _ in 0..5 {
        let code = code(&server).await;
        // 256 bits in base64url.
        assert!(code.len() >= 43, "{code}");
        for other in &seen {
            let same = code.bytes().zip(other.bytes()).filter(|(a, b)| a == b);
            assert!(same.count() < 20, "{code} {other}");
        }
        seen.insert(code);
    }
    let fresh = code(&server).await;
    redeem(&server, &fresh).await.granted();
    redeem(&server, &fresh)
        .await
        .refused(400, "invalid_grant", "Code not valid");
    server
        .change_realm(|realm| realm.access_code_lifespan = Some(5))
        .await;
    let in_time = code(&server).await;
    server.services.clock.advance(4);
    redeem(&server, &in_time).await.granted();
    let late = code(&server).await;
    server.services.clock.advance(6);
    redeem(&server, &late)
        .await
        .refused(400, "invalid_grant", "Code not valid");
}

/// A code that leaked is nothing without the verifier, for a client that is set to prove it.
///
/// spec: SEC-23
#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_code_is_nothing_without_the_verifier() {
    let server = server().await;
    let browser = Browser::default();
    set(&server, "app", &[("pkce.code.challenge.method", "S256")]).await;
    let refused = browser.get(&server, &authorize(&server, &[])).await;
    assert_eq!(refused.answer()["error"], "invalid_request");
    let challenge = [
        // RFC 7636 appendix B.
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
        ("code_challenge_method", "S256"),
    ];
    let page = open(&server, &browser, &challenge).await;
    let code = done(&send(&server, &browser, &page, &PASSWORD).await);
    let stolen = redeem(&server, &code).await;
    assert_eq!(stolen.text("error"), "invalid_grant");
    let page = open(&server, &Browser::default(), &challenge).await;
    assert_eq!(page.status, StatusCode::OK);
    let browser = Browser::default();
    let page = open(&server, &browser, &challenge).await;
    let code = done(&send(&server, &browser, &page, &PASSWORD).await);
    let own = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("client_secret", SECRET),
        ("redirect_uri", CALLBACK),
        ("code", code.as_str()),
        (
            "code_verifier",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
    ];
    server.token(&own).await.granted();
}

/// A client without redirect URIs is sent nothing, and each request is compared with the client's patterns;
/// what would match everything matches nothing.
///
/// spec: SEC-24, SEC-25
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_where_the_client_does_not_say() {
    let server = server().await;
    let browser = Browser::default();
    for (client, patterns, wanted, sent) in [
        ("none", json!([]), "https://a.example.test/cb", false),
        ("all", json!(["*"]), "https://a.example.test/cb", false),
        (
            "folder",
            json!(["https://a.example.test/cb/*"]),
            "https://a.example.test/cb/x",
            true,
        ),
        (
            "outside",
            json!(["https://a.example.test/cb/*"]),
            "https://a.example.test/cb/../x",
            false,
        ),
        (
            "host",
            json!(["https://*.example.test/cb"]),
            "https://evil.test/.example.test/cb",
            false,
        ),
    ] {
        add_app(&server, client, json!({"redirectUris": patterns})).await;
        let request = [("client_id", client), ("redirect_uri", wanted)];
        let seen = browser.get(&server, &authorize(&server, &request)).await;
        let expected = if sent {
            StatusCode::OK
        } else {
            StatusCode::BAD_REQUEST
        };
        assert_eq!(seen.status, expected, "{client}");
        assert!(seen.location.is_none(), "{client}: {seen:?}");
    }
}

/// The answer carries the state that the application sent, unchanged, whatever it holds.
///
/// spec: SEC-11
#[tokio::test(flavor = "multi_thread")]
async fn the_state_comes_back_as_it_was() {
    let server = server().await;
    for state in ["st&1", "a b+c=d%20", "\u{e9}\"'<>"] {
        let browser = Browser::default();
        let page = open(&server, &browser, &[("state", state)]).await;
        let seen = send(&server, &browser, &page, &PASSWORD).await;
        assert_eq!(seen.answer()["state"], state);
    }
}

/// Pages carry the realm's headers, and the defaults keep them out of others' frames.
///
/// spec: SEC-07, SEC-08
#[tokio::test(flavor = "multi_thread")]
async fn pages_carry_the_realms_headers() {
    let server = server().await;
    let headers = async || {
        let url = authorize(&server, &[]);
        let answer = server.http.get(url).send().await.unwrap();
        let header = |name: &str| {
            let value = answer.headers().get(name);
            value.map_or("", |v| v.to_str().unwrap()).to_owned()
        };
        (
            header("x-frame-options"),
            header("content-security-policy"),
            header("referrer-policy"),
        )
    };
    let (frames, policy, referrer) = headers().await;
    assert_eq!(frames, "SAMEORIGIN");
    assert!(policy.contains("frame-ancestors 'self'"), "{policy}");
    assert_eq!(referrer, "no-referrer");
    server
        .change_realm(|realm| {
            let all = realm.browser_security_headers.get_or_insert_default();
            for (name, value) in [
                ("xFrameOptions", "DENY"),
                ("referrerPolicy", "same-origin"),
                (
                    "contentSecurityPolicy",
                    "frame-src 'self'; frame-ancestors https://portal.example.test; object-src 'none';",
                ),
            ] {
                all.insert(name.to_owned(), value.to_owned());
            }
        })
        .await;
    let (frames, policy, referrer) = headers().await;
    assert_eq!(frames, "DENY");
    assert!(policy.contains("https://portal.example.test"), "{policy}");
    assert_eq!(referrer, "same-origin");
}

/// Issuers and links are the configured address, whatever host a request names.
///
/// spec: SEC-01
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_host_changes_no_link() {
    let server = server().await;
    let url = format!("{}/.well-known/openid-configuration", server.issuer());
    for (name, value) in [
        (HOST.as_str(), "evil.test"),
        ("x-forwarded-host", "evil.test"),
        ("forwarded", "host=evil.test;proto=https"),
    ] {
        let request = server.http.get(&url).header(name, value);
        let metadata: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(metadata["issuer"], server.issuer());
        assert!(!metadata.to_string().contains("evil.test"), "{name}");
    }
    let request = server
        .http
        .get(authorize(&server, &[]))
        .header(HOST, "evil.test");
    let page = request.send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("evil.test"));
}

/// Clients and users that are disabled get nothing more, and have nothing of what they had.
///
/// spec: SEC-19
#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_gets_nothing_more() {
    let server = server().await;
    let tokens = redeem(&server, &code(&server).await).await;
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("client_secret", SECRET),
        ("refresh_token", tokens.text("refresh_token")),
    ];
    let id = user_id(&server, "alice").await;
    server
        .change_user(&id, |user| user.enabled = Some(false))
        .await;
    let refused = server.token(&refresh).await;
    assert_eq!(refused.text("error"), "invalid_grant");
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let seen: Seen = send(&server, &browser, &page, &PASSWORD).await;
    assert!(seen.location.is_none());
    server
        .change_user(&id, |user| user.enabled = Some(true))
        .await;
    server
        .change_client("app", |client| client.enabled = Some(false))
        .await;
    let refused = server.token(&refresh).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let seen = browser.get(&server, &authorize(&server, &[])).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
}

/// An access token names only who it is for, and holds only roles in the client's scope.
///
/// spec: SEC-30, SEC-31
#[tokio::test(flavor = "multi_thread")]
async fn tokens_hold_no_more_than_the_clients_scope() {
    let server = server().await;
    let roles = async || {
        let tokens = redeem(&server, &code(&server).await).await;
        crate::support::claims(tokens.text("access_token"))
    };
    let all = roles().await;
    assert!(
        all["realm_access"]["roles"]
            .as_array()
            .is_some_and(|r| r.contains(&json!("offline_access"))),
        "{all}"
    );
    assert!(all["aud"].to_string().contains("account"), "{all}");
    server
        .change_client("app", |client| client.full_scope_allowed = Some(false))
        .await;
    let few = roles().await;
    assert_eq!(few["realm_access"], Value::Null, "{few}");
    assert_eq!(few["aud"], Value::Null, "{few}");
}
