//! Letting a device in (RFC 8628): the code, the login, the screen, and what the device learns.

use reqwest::StatusCode;
use serde_json::json;

use crate::browser::{Browser, SECRET, Seen, add_app, server};
use crate::support::{Answer, Server, claims};

async fn television() -> Server {
    let server = server().await;
    let attributes = json!({"oauth2.device.authorization.grant.enabled": "true"});
    let given = json!({"name": "Television", "attributes": attributes, "redirectUris": []});
    add_app(&server, "tv", given).await;
    server
}

async fn begin(server: &Server) -> Answer {
    let form = [
        ("client_id", "tv"),
        ("client_secret", SECRET),
        ("scope", "openid"),
    ];
    let answer = server.post("auth/device", &form).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer
}

async fn poll(server: &Server, begun: &Answer) -> Answer {
    server
        .token(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", "tv"),
            ("client_secret", SECRET),
            ("device_code", begun.text("device_code")),
        ])
        .await
}

/// Types the code in and signs in; ends at the screen.
async fn to_screen(server: &Server, browser: &Browser, begun: &Answer) -> Seen {
    let page = browser.get(server, begun.text("verification_uri")).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    let typed = begun.text("user_code").to_lowercase().replace('-', " ");
    let form = [("device_user_code", typed.as_str())];
    let login = browser.post(server, &page.action(server), &form).await;
    assert_eq!(login.status, StatusCode::OK, "{login:?}");
    let form = [("username", "alice"), ("password", "pw")];
    let screen = browser.post(server, &login.action(server), &form).await;
    assert!(screen.text.contains("id=\"kc-oauth\""), "{}", screen.text);
    assert!(screen.text.contains("Television"));
    screen
}

async fn answer(server: &Server, browser: &Browser, screen: &Seen, button: &str) -> Seen {
    let code = screen.hidden("code").unwrap();
    let form = [("code", code.as_str()), (button, "")];
    browser.post(server, &screen.action(server), &form).await
}

/// The user types the code, signs in and consents; the device gets tokens, once.
///
/// spec: OIDC-16, OEP-07, OEP-13, OC-22
#[tokio::test(flavor = "multi_thread")]
async fn a_person_lets_a_device_in() {
    let server = television().await;
    let browser = Browser::default();
    let begun = begin(&server).await;
    assert_eq!(
        begun.text("verification_uri"),
        format!("{}/device", server.issuer())
    );
    assert_eq!(
        poll(&server, &begun).await.body["error"],
        "authorization_pending"
    );
    let screen = to_screen(&server, &browser, &begun).await;
    let done = answer(&server, &browser, &screen, "accept").await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    assert!(done.location.is_none());
    assert!(done.text.contains("Device connected"), "{}", done.text);

    let second = begin(&server).await;
    // Signed in already, by the address with the code: the screen comes at once, every time.
    let complete = second.text("verification_uri_complete");
    let screen = browser.get(&server, complete).await;
    assert!(screen.text.contains("id=\"kc-oauth\""), "{}", screen.text);
    let done = answer(&server, &browser, &screen, "accept").await;
    assert!(done.text.contains("Device connected"), "{}", done.text);
    // It was answered: another answer changes nothing, and the code is not known any more.
    let again = answer(&server, &browser, &screen, "cancel").await;
    assert!(!again.text.contains("Device connected"));
    let gone = browser.get(&server, complete).await;
    assert_eq!(gone.status, StatusCode::BAD_REQUEST);

    let tokens = poll(&server, &second).await;
    let token = claims(tokens.granted()["access_token"].as_str().unwrap());
    assert_eq!(token["azp"], "tv");
    assert_eq!(token["preferred_username"], "alice");
    assert!(tokens.body["id_token"].is_string());
    assert_eq!(poll(&server, &second).await.status, StatusCode::BAD_REQUEST);
}

/// Who does not want the device in tells it so.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_keeps_a_device_out() {
    let server = television().await;
    let browser = Browser::default();
    let begun = begin(&server).await;
    let screen = to_screen(&server, &browser, &begun).await;
    let done = answer(&server, &browser, &screen, "cancel").await;
    assert!(
        done.text.contains("did not let the device in"),
        "{}",
        done.text
    );
    let refused = poll(&server, &begun).await;
    assert_eq!(refused.body["error"], "access_denied", "{refused:?}");
    assert!(refused.body["access_token"].is_null());
}

/// Codes are not guessed: wrong ones are counted, and after ten nothing is looked at any more.
#[tokio::test(flavor = "multi_thread")]
async fn codes_are_not_guessed() {
    let server = television().await;
    let begun = begin(&server).await;
    let browser = Browser::default();
    let url = format!("{}/device", server.issuer());
    let mut statuses = Vec::new();
    for wrong in [
        "",
        "BCDF-GHJK",
        "x",
        "<script>",
        "BCDFGHJKL",
        &"B".repeat(5_000),
    ] {
        let seen = browser
            .post(&server, &url, &[("device_user_code", wrong)])
            .await;
        assert!(!seen.text.contains("<script>"));
        statuses.push(seen.status);
    }
    for _ in 0..20 {
        let form = [("device_user_code", "BBBB-BBBB")];
        statuses.push(browser.post(&server, &url, &form).await.status);
    }
    assert_eq!(statuses[0], StatusCode::BAD_REQUEST);
    // The window may have turned once in between.
    let looked_at = statuses
        .iter()
        .filter(|s| **s == StatusCode::BAD_REQUEST)
        .count();
    assert!((10..=20).contains(&looked_at), "{statuses:?}");
    let last = *statuses.last().unwrap();
    if last == StatusCode::TOO_MANY_REQUESTS {
        let right = begun.text("verification_uri_complete");
        let seen = browser.get(&server, right).await;
        assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS);
    }
}

/// A client that may not use the grant any more gets nobody's word.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_lose_the_grant() {
    let server = television().await;
    let browser = Browser::default();
    let begun = begin(&server).await;
    let screen = to_screen(&server, &browser, &begun).await;
    crate::browser::set(
        &server,
        "tv",
        &[("oauth2.device.authorization.grant.enabled", "false")],
    )
    .await;
    let done = answer(&server, &browser, &screen, "accept").await;
    assert_eq!(done.status, StatusCode::BAD_REQUEST, "{done:?}");
    let seen = browser
        .get(&server, begun.text("verification_uri_complete"))
        .await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
}
