//! One kind of artefact is never taken for another (the substitution matrix of this endpoint).

use realmkeep_jose::{Algorithm, SigningKey};
use serde_json::json;

use crate::browser::{Browser, CALLBACK, SECRET, authorize, redeem, server, set};
use crate::support::Server;

/// Every text that somebody may have got from the server, and what a client signs for other uses.
async fn artefacts(server: &Server, browser: &Browser) -> Vec<(&'static str, String)> {
    let page = browser.get(server, &authorize(server, &[])).await;
    let form_parts: Vec<String> = page
        .action(server)
        .split(['?', '&'])
        .skip(1)
        .map(|pair| pair.split_once('=').unwrap().1.to_owned())
        .collect();
    let more = [("response_type", "code id_token token"), ("nonce", "n")];
    let answer = browser.login(server, &more).await.answer();
    let spent = answer["code"].clone();
    let tokens = redeem(server, &spent).await;
    let more = [("response_mode", "jwt")];
    let signed = browser
        .get(server, &authorize(server, &more))
        .await
        .answer();
    let pushed = server
        .post(
            "ext/par/request",
            &[
                ("client_id", "app"),
                ("client_secret", SECRET),
                ("redirect_uri", CALLBACK),
                ("response_type", "code"),
            ],
        )
        .await;
    let code = browser.get(server, &authorize(server, &[])).await.answer()["code"].clone();
    let now = server.services.clock.now();
    let own = SigningKey::hmac(Algorithm::Hs256, "", SECRET.as_bytes()).unwrap();
    let assertion = json!({
        "iss": "app", "sub": "app", "aud": server.issuer(), "exp": now + 60, "iat": now, "jti": "j",
    });
    let typed = json!({ "iss": "app", "aud": server.issuer(), "exp": now + 60 });
    let mut all = vec![
        ("code", code),
        ("spent code", spent),
        ("access token", tokens.text("access_token").to_owned()),
        ("refresh token", tokens.text("refresh_token").to_owned()),
        ("id token", tokens.text("id_token").to_owned()),
        ("hybrid access token", answer["access_token"].clone()),
        ("hybrid id token", answer["id_token"].clone()),
        ("signed answer", signed["response"].clone()),
        ("session state", answer["session_state"].clone()),
        ("pushed request", pushed.text("request_uri").to_owned()),
        ("client assertion", own.sign("JWT", &assertion).unwrap()),
        ("DPoP proof", own.sign("dpop+jwt", &typed).unwrap()),
        ("logout token", own.sign("logout+jwt", &typed).unwrap()),
        (
            "access token of the client",
            own.sign("at+jwt", &typed).unwrap(),
        ),
    ];
    all.extend(form_parts.into_iter().map(|part| ("part of a form", part)));
    all
}

/// A request object, a pushed request and a code are nothing but that.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_for_something_else() {
    let server = server().await;
    set(&server, "app", &[("request.object.signature.alg", "any")]).await;
    let signed_in = Browser::default();
    let all = artefacts(&server, &signed_in).await;
    assert!(all.len() > 15);
    for (kind, text) in &all {
        // As a request object.
        let seen = signed_in
            .get(&server, &authorize(&server, &[("request", text)]))
            .await;
        let answer = seen.answer();
        assert_eq!(answer["error"], "invalid_request_object", "{kind}");
        // As a reference, with and without its prefix.
        if *kind != "pushed request" {
            for reference in [
                text.clone(),
                format!("urn:ietf:params:oauth:request_uri:{text}"),
            ] {
                let more = [("request_uri", reference.as_str())];
                let seen = signed_in.get(&server, &authorize(&server, &more)).await;
                assert_eq!(seen.answer()["error"], "invalid_request_uri", "{kind}");
            }
        }
        // As a code.
        if *kind != "code" {
            let answer = redeem(&server, text).await;
            answer.refused(400, "invalid_grant", "Code not valid");
        }
        // As an ID token hint.
        if !kind.contains("id token") {
            let more = [("id_token_hint", text.as_str()), ("prompt", "none")];
            let seen = signed_in.get(&server, &authorize(&server, &more)).await;
            assert_eq!(seen.answer()["error"], "invalid_request", "{kind}");
        }
        // As the answer to a consent screen and to a login form.
        for path in ["consent", "authenticate"] {
            let url = format!(
                "{}/login-actions/{path}?client_id=app&tab_id=x&execution=x&session_code={text}&client_data={text}",
                server.issuer()
            );
            let form = [("code", text.as_str()), ("accept", "")];
            let seen = signed_in.post(&server, &url, &form).await;
            assert!(seen.location.is_none(), "{kind} at {path}: {seen:?}");
            assert!(!seen.status.is_server_error());
        }
    }
}
