//! `prompt`, `max_age`, `id_token_hint`, `claims` and PKCE at the authorization endpoint.

use realmkeep_jose::{base64url, sha256};
use reqwest::StatusCode;
use serde_json::json;

use crate::browser::{Browser, authorize, redeem, server, set};
use crate::support::claims;

const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-one-0123456789";

/// `none` asks nothing, `login` for the same user, `select_account` for anybody.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_person_is_asked_follows_the_prompt() {
    let server = server().await;
    let browser = Browser::default();
    let ask = async |more: &[(&str, &str)]| browser.get(&server, &authorize(&server, more)).await;
    // Nobody is signed in.
    ask(&[("prompt", "none")])
        .await
        .refused(&server, "login_required");
    for both in [
        "none login",
        "none consent",
        "none select_account",
        "none create",
    ] {
        ask(&[("prompt", both)])
            .await
            .refused(&server, "login_required");
    }
    browser.login(&server, &[]).await;
    // Somebody is: nothing is asked, whatever is not known is left out.
    for prompt in ["none", "-", "something-new"] {
        let seen = ask(&[("prompt", prompt)]).await;
        assert!(seen.answer().contains_key("code"), "{prompt}");
    }
    // To prove again who they are, as the same user.
    let page = ask(&[("prompt", "login")]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("alice"), "{}", page.text);
    // To choose: anybody may come.
    let page = ask(&[("prompt", "select_account")]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text.contains("alice"), "{}", page.text);
}

/// The age of the login is the request's to limit, else the client's.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_login_is_renewed() {
    let server = server().await;
    let browser = Browser::default();
    browser.login(&server, &[]).await;
    let ask = async |more: &[(&str, &str)]| browser.get(&server, &authorize(&server, more)).await;
    assert!(
        ask(&[("max_age", "1000")])
            .await
            .answer()
            .contains_key("code")
    );
    assert_eq!(ask(&[("max_age", "0")]).await.status, StatusCode::OK);
    let more = [("max_age", "0"), ("prompt", "none")];
    ask(&more).await.refused(&server, "login_required");
    for bad in ["-1", "x", "1.5", "99999999999999999999"] {
        let why = ask(&[("max_age", bad)])
            .await
            .refused(&server, "invalid_request");
        assert_eq!(why, "Invalid parameter: max_age", "{bad}");
    }
    set(&server, "app", &[("default.max.age", "0")]).await;
    assert_eq!(ask(&[]).await.status, StatusCode::OK);
    assert!(
        ask(&[("max_age", "1000")])
            .await
            .answer()
            .contains_key("code")
    );
    // What was asked for is in the token.
    let code = ask(&[("max_age", "1000")]).await.answer()["code"].clone();
    let tokens = redeem(&server, &code).await;
    let token = claims(tokens.text("id_token"));
    assert!(token["auth_time"].is_i64(), "{token}");
}

/// Only the user whom the application knows will do.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_be_for_one_user_only() {
    let server = server().await;
    let alice = server.realm().await;
    let alice = server
        .services
        .store
        .find_user_named(&alice.id, "alice")
        .await
        .unwrap()
        .unwrap();
    let id = alice.id.unwrap();
    server.add_user("bob", "pw", json!({})).await;
    let browser = Browser::default();
    browser.login(&server, &[]).await;
    let wanted = |sub: &str| json!({"id_token": {"sub": {"value": sub}}}).to_string();
    let ask = async |claims: &str| {
        let more = [("claims", claims), ("prompt", "none")];
        browser.get(&server, &authorize(&server, &more)).await
    };
    assert!(ask(&wanted(&id)).await.answer().contains_key("code"));
    ask(&wanted("another"))
        .await
        .refused(&server, "login_required");
    // With a form, another user's login is of no use either.
    let claims = wanted(&id);
    let page = Browser::default();
    let form = page
        .get(&server, &authorize(&server, &[("claims", &claims)]))
        .await;
    let fields = [("username", "bob"), ("password", "pw")];
    let seen = page.post(&server, &form.action(&server), &fields).await;
    seen.refused(&server, "login_required");
}

/// A hint that names somebody else is not answered with whoever is there.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_hint_names_the_user() {
    let server = server().await;
    let browser = Browser::default();
    let code = browser.login(&server, &[]).await.answer()["code"].clone();
    let hint = redeem(&server, &code).await.text("id_token").to_owned();
    let ask = async |hint: &str| {
        let more = [("id_token_hint", hint), ("prompt", "none")];
        browser.get(&server, &authorize(&server, &more)).await
    };
    assert!(ask(&hint).await.answer().contains_key("code"));
    // Changed by one character.
    let mut broken = hint.clone().into_bytes();
    let last = broken.len() - 10;
    broken[last] = if broken[last] == b'A' { b'B' } else { b'A' };
    let broken = String::from_utf8(broken).unwrap();
    for bad in [broken.as_str(), "x", "a.b.c"] {
        ask(bad).await.refused(&server, "invalid_request");
    }
    server.add_user("bob", "pw", json!({})).await;
    let other = Browser::default();
    let page = other.get(&server, &authorize(&server, &[])).await;
    let fields = [("username", "bob"), ("password", "pw")];
    other.post(&server, &page.action(&server), &fields).await;
    let more = [("id_token_hint", hint.as_str()), ("prompt", "none")];
    let seen = other.get(&server, &authorize(&server, &more)).await;
    seen.refused(&server, "login_required");
}

/// Too many claims, values or levels, and what is no such request, are refused.
#[tokio::test(flavor = "multi_thread")]
async fn the_claims_parameter_is_bounded() {
    let server = server().await;
    let browser = Browser::default();
    let many: Vec<String> = (0..500).map(|i| format!("\"c{i}\":null")).collect();
    let many = format!("{{\"id_token\":{{{}}}}}", many.join(","));
    let values = vec!["\"a\""; 200].join(",");
    let values = format!("{{\"id_token\":{{\"acr\":{{\"values\":[{values}]}}}}}}");
    let long = format!("{{\"x\":\"{}\"}}", "a".repeat(40_000));
    let deep = "[".repeat(500);
    for bad in [
        "x",
        "[]",
        "{\"id_token\":[]}",
        "{\"id_token\":{\"acr\":1}}",
        "{\"id_token\":{\"sub\":{\"values\":[\"a\",\"b\"]}}}",
        &many,
        &values,
        &long,
        &deep,
    ] {
        let seen = browser
            .post(
                &server,
                &server.url("auth"),
                &[
                    ("client_id", "app"),
                    ("redirect_uri", crate::browser::CALLBACK),
                    ("response_type", "code"),
                    ("scope", "openid"),
                    ("state", "st&1"),
                    ("claims", bad),
                ],
            )
            .await;
        seen.refused(&server, "invalid_request");
    }
    let acr = vec!["a"; 200].join(" ");
    let seen = browser
        .get(&server, &authorize(&server, &[("acr_values", &acr)]))
        .await;
    seen.refused(&server, "invalid_request");
}

/// spec: OCA-24, OCA-25, OCA-26
#[tokio::test(flavor = "multi_thread")]
async fn the_challenge_method_is_the_clients() {
    let server = server().await;
    let hashed = base64url(sha256(VERIFIER.as_bytes()));
    let s256 = [
        ("code_challenge", hashed.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let plain = [
        ("code_challenge", VERIFIER),
        ("code_challenge_method", "plain"),
    ];
    let redeems = async |seen: &crate::browser::Seen, verifier: Option<&str>| {
        let code = seen.answer()["code"].clone();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("client_secret", crate::browser::SECRET),
            ("redirect_uri", crate::browser::CALLBACK),
            ("code", code.as_str()),
        ];
        form.extend(verifier.map(|v| ("code_verifier", v)));
        server.token(&form).await.status.is_success()
    };
    // Blank: if the client sends a challenge it counts.
    let seen = Browser::default().login(&server, &[]).await;
    assert!(redeems(&seen, None).await);
    let seen = Browser::default().login(&server, &s256).await;
    assert!(!redeems(&seen, None).await);
    let seen = Browser::default().login(&server, &s256).await;
    assert!(redeems(&seen, Some(VERIFIER)).await);
    // S256: nothing less.
    set(&server, "app", &[("pkce.code.challenge.method", "S256")]).await;
    let ask = async |more: &[(&str, &str)]| {
        Browser::default()
            .get(&server, &authorize(&server, more))
            .await
    };
    ask(&[]).await.refused(&server, "invalid_request");
    ask(&plain).await.refused(&server, "invalid_request");
    ask(&s256[..1]).await.refused(&server, "invalid_request");
    let seen = Browser::default().login(&server, &s256).await;
    assert!(redeems(&seen, Some(VERIFIER)).await);
    // A request that is no code's has nothing to prove.
    let implicit = [("response_type", "token"), ("nonce", "n")];
    assert_eq!(ask(&implicit).await.status, StatusCode::OK);
    // plain, where the client is set to it.
    set(&server, "app", &[("pkce.code.challenge.method", "plain")]).await;
    ask(&s256).await.refused(&server, "invalid_request");
    let seen = Browser::default().login(&server, &plain).await;
    assert!(redeems(&seen, Some(VERIFIER)).await);
}
