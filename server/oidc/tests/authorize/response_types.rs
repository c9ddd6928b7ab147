//! Response types: the code, implicit and hybrid flows (OpenID Connect Core §3, OAuth 2.0 Multiple
//! Response Type Encoding Practices).

use std::collections::BTreeMap;

use realmkeep_jose::{UnverifiedJwt, base64url, sha256, verify};
use serde_json::json;

use crate::browser::{Browser, add_app, authorize, redeem, server, set};
use crate::support::{Server, claims};

/// The left half of the text's SHA-256, as RS256 tokens have it.
fn half(text: &str) -> String {
    base64url(&sha256(text.as_bytes())[..16])
}

/// The token is signed by the realm.
async fn check_signature(server: &Server, token: &str) {
    let realm = server.realm().await;
    let keys = server.services.keys.verification_set(&realm).await.unwrap();
    let jwt = UnverifiedJwt::parse(token).unwrap();
    let key = keys
        .find(jwt.unverified_kid(), jwt.unverified_algorithm())
        .unwrap();
    verify(&jwt, key).unwrap();
}

/// Each response type answers with what it names, where it should, and its ID token vouches for
/// what comes along.
///
/// spec: OIDC-08, OC-18, OC-20, OEP-01
#[tokio::test(flavor = "multi_thread")]
async fn each_type_answers_with_what_it_names() {
    let server = server().await;
    for (kind, parts) in [
        ("code", &["code"][..]),
        ("id_token", &["id_token"]),
        ("token", &["access_token"]),
        ("id_token token", &["id_token", "access_token"]),
        ("code id_token", &["code", "id_token"]),
        ("code token", &["code", "access_token"]),
        ("token code id_token", &["code", "id_token", "access_token"]),
        ("none", &[]),
    ] {
        let more = [("response_type", kind), ("nonce", "n1")];
        let seen = Browser::default().login(&server, &more).await;
        let location = seen.location.clone().unwrap();
        let in_front = kind != "code" && kind != "none";
        assert_eq!(location.fragment().is_some(), in_front, "{kind}");
        assert_eq!(location.query().is_some(), !in_front, "{kind}");
        let answer = seen.answer();
        for part in ["code", "id_token", "access_token"] {
            assert_eq!(
                answer.contains_key(part),
                parts.contains(&part),
                "{kind} {answer:?}"
            );
        }
        assert_eq!(answer["state"], "st&1");
        assert_eq!(answer["iss"], server.issuer());
        assert!(!answer.contains_key("refresh_token"));
        check_tokens(&server, &answer).await;
        if let Some(code) = answer.get("code") {
            let redeemed = redeem(&server, code).await;
            let tokens = redeemed.granted();
            assert_eq!(claims(tokens["id_token"].as_str().unwrap())["nonce"], "n1");
            assert!(tokens["refresh_token"].is_string());
        }
    }
}

async fn check_tokens(server: &Server, answer: &BTreeMap<String, String>) {
    if let Some(token) = answer.get("access_token") {
        check_signature(server, token).await;
        assert_eq!(answer["token_type"], "Bearer");
        let token = claims(token);
        let lifespan = token["exp"].as_i64().unwrap() - token["iat"].as_i64().unwrap();
        // A hybrid answer lives as tokens of the code do, an implicit one as the realm has it.
        let expected = if answer.contains_key("code") {
            300
        } else {
            900
        };
        assert_eq!(lifespan, expected);
        assert_eq!(answer["expires_in"], expected.to_string());
        assert_eq!(token["azp"], "app");
        let userinfo = server.get_with("userinfo", &answer["access_token"]).await;
        assert_eq!(userinfo.text("preferred_username"), "alice");
    }
    if let Some(token) = answer.get("id_token") {
        check_signature(server, token).await;
        let token = claims(token);
        assert_eq!(token["aud"], "app");
        assert_eq!(token["nonce"], "n1");
        assert_eq!(token["s_hash"], half("st&1"));
        let hash = |name: &str| answer.get(name).map(|text| json!(half(text)));
        assert_eq!(token.get("at_hash"), hash("access_token").as_ref());
        assert_eq!(token.get("c_hash"), hash("code").as_ref());
    }
}

/// The hash follows the algorithm of the ID token.
#[tokio::test(flavor = "multi_thread")]
async fn hashes_follow_the_algorithm() {
    let server = server().await;
    set(&server, "app", &[("id.token.signed.response.alg", "EdDSA")]).await;
    let more = [("response_type", "code id_token"), ("nonce", "n")];
    let seen = Browser::default().login(&server, &more).await;
    let answer = seen.answer();
    let token = claims(&answer["id_token"]);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, answer["code"].as_bytes());
    assert_eq!(token["c_hash"], base64url(&digest.as_ref()[..32]));
}

/// Which flows a client may use is its own setting.
///
/// spec: OC-18, OC-20
#[tokio::test(flavor = "multi_thread")]
async fn flows_are_switched_by_client() {
    let server = server().await;
    add_app(
        &server,
        "no-implicit",
        json!({"implicitFlowEnabled": false}),
    )
    .await;
    add_app(
        &server,
        "no-standard",
        json!({"standardFlowEnabled": false}),
    )
    .await;
    let browser = Browser::default();
    for (client, kind, allowed) in [
        ("no-implicit", "code", true),
        ("no-implicit", "none", true),
        ("no-implicit", "token", false),
        ("no-implicit", "id_token", false),
        ("no-implicit", "code token", false),
        ("no-standard", "code", false),
        ("no-standard", "none", false),
        ("no-standard", "token", true),
        ("no-standard", "id_token token", true),
        ("no-standard", "code id_token", false),
    ] {
        let more = [
            ("client_id", client),
            ("response_type", kind),
            ("nonce", "n"),
        ];
        let seen = browser.get(&server, &authorize(&server, &more)).await;
        if allowed {
            assert_eq!(seen.status, 200, "{client} {kind}: {seen:?}");
        } else {
            seen.refused(&server, "unauthorized_client");
        }
    }
    // Taken away while the form is open.
    let page = browser
        .get(
            &server,
            &authorize(&server, &[("response_type", "token"), ("nonce", "n")]),
        )
        .await;
    server
        .change_client("app", |client| client.implicit_flow_enabled = Some(false))
        .await;
    let form = [("username", "alice"), ("password", "pw")];
    let seen = browser.post(&server, &page.action(&server), &form).await;
    seen.on_a_page();
}

/// Tokens in the browser need a nonce, and never come in a query.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_in_the_browser_are_guarded() {
    let server = server().await;
    let browser = Browser::default();
    let ask = async |more: &[(&str, &str)]| browser.get(&server, &authorize(&server, more)).await;
    for kind in ["id_token", "id_token token", "code id_token"] {
        let seen = ask(&[("response_type", kind)]).await;
        let why = seen.refused(&server, "invalid_request");
        assert_eq!(why, "Missing parameter: nonce", "{kind}");
        assert!(seen.location.unwrap().fragment().is_some());
    }
    // Without an ID token from here there is nothing that a nonce would protect.
    for kind in ["token", "code token"] {
        assert_eq!(
            ask(&[("response_type", kind)]).await.location,
            None,
            "{kind}"
        );
    }
    for (kind, mode) in [
        ("token", "query"),
        ("id_token", "query"),
        ("code token", "query"),
    ] {
        let seen = ask(&[
            ("response_type", kind),
            ("response_mode", mode),
            ("nonce", "n"),
        ])
        .await;
        let why = seen.refused(&server, "invalid_request");
        assert_eq!(
            why,
            "Response_mode 'query' not allowed for implicit or hybrid flow"
        );
    }
    let seen = ask(&[
        ("response_type", "id_token"),
        ("nonce", "n"),
        ("scope", "profile"),
    ])
    .await;
    seen.refused(&server, "invalid_request");
    // Plain OAuth without an ID token needs none.
    let seen = ask(&[("response_type", "token"), ("scope", "profile")]).await;
    assert_eq!(seen.status, 200);
    for kind in ["foo", "code foo", "code code", "none code"] {
        let seen = ask(&[("response_type", kind)]).await;
        seen.refused(&server, "unsupported_response_type");
    }
}

/// spec: OCA-09
#[tokio::test(flavor = "multi_thread")]
async fn older_clients_may_leave_parameters_out() {
    let server = server().await;
    set(
        &server,
        "app",
        &[
            ("exclude.session.state.from.auth.response", "true"),
            ("exclude.issuer.from.auth.response", "true"),
        ],
    )
    .await;
    let answer = Browser::default().login(&server, &[]).await.answer();
    let names: Vec<&str> = answer.keys().map(String::as_str).collect();
    assert_eq!(names, ["code", "state"]);
}
