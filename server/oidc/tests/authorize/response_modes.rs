//! Response modes: query, fragment, form_post, and as a signed token (JARM).

use realmkeep_jose::validate::{Audience, Checks};
use realmkeep_jose::{UnverifiedJwt, Verified, verify};
use serde_json::Value;

use crate::browser::{Browser, CALLBACK, Seen, authorize, redeem, server, set};
use crate::support::Server;

/// The answer inside the one signed parameter.
async fn opened(server: &Server, token: &str) -> Verified {
    let realm = server.realm().await;
    let keys = server.services.keys.verification_set(&realm).await.unwrap();
    let jwt = UnverifiedJwt::parse(token).unwrap();
    let key = keys
        .find(jwt.unverified_kid(), jwt.unverified_algorithm())
        .unwrap();
    let answer = verify(&jwt, key).unwrap();
    let issuer = server.issuer();
    let own = ["app".to_owned()];
    let checks = Checks {
        issuer: Some(&issuer),
        audience: Audience::Sole(&own),
        ..Checks::new(server.services.clock.now())
    };
    checks.check(&answer).unwrap();
    let life = answer.exp().unwrap() - server.services.clock.now();
    assert!((1..=600).contains(&life), "{life}");
    answer
}

#[track_caller]
fn only_response(seen: &Seen) -> String {
    let answer = seen.answer();
    assert_eq!(answer.len(), 1, "{answer:?}");
    answer["response"].clone()
}

/// A signed answer says nothing outside of the signature, whether it is a code, tokens or an error.
#[tokio::test(flavor = "multi_thread")]
async fn signed_answers() {
    let server = server().await;
    for (kind, mode, in_fragment) in [
        ("code", "jwt", false),
        ("code", "query.jwt", false),
        ("code", "fragment.jwt", true),
        ("code id_token", "jwt", true),
        ("token", "fragment.jwt", true),
    ] {
        let more = [
            ("response_type", kind),
            ("response_mode", mode),
            ("nonce", "n"),
        ];
        let seen = Browser::default().login(&server, &more).await;
        let fragment = seen.location.as_ref().unwrap().fragment().is_some();
        assert_eq!(fragment, in_fragment, "{kind} {mode}");
        let answer = opened(&server, &only_response(&seen)).await;
        assert_eq!(answer.str("state"), Some("st&1"));
        assert!(answer.str("session_state").is_some());
        match kind {
            "token" => assert!(answer.str("access_token").is_some()),
            _ => {
                redeem(&server, answer.str("code").unwrap()).await.granted();
            }
        }
    }
    for mode in ["jwt", "query.jwt", "fragment.jwt"] {
        let more = [("prompt", "none"), ("response_mode", mode)];
        let seen = Browser::default()
            .get(&server, &authorize(&server, &more))
            .await;
        let answer = opened(&server, &only_response(&seen)).await;
        assert_eq!(answer.str("error"), Some("login_required"));
        assert_eq!(answer.str("state"), Some("st&1"));
    }
}

/// The signature algorithm is the client's.
#[tokio::test(flavor = "multi_thread")]
async fn the_client_chooses_the_algorithm() {
    let server = server().await;
    set(
        &server,
        "app",
        &[("authorization.signed.response.alg", "ES256")],
    )
    .await;
    let seen = Browser::default()
        .login(&server, &[("response_mode", "jwt")])
        .await;
    let answer = opened(&server, &only_response(&seen)).await;
    assert_eq!(answer.algorithm().as_str(), "ES256");
}

/// Tokens are not sent in a query, signed or not.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_not_sent_in_a_signed_query() {
    let server = server().await;
    let more = [
        ("response_type", "code token"),
        ("response_mode", "query.jwt"),
        ("nonce", "n"),
    ];
    let seen = Browser::default()
        .get(&server, &authorize(&server, &more))
        .await;
    let answer = opened(&server, &only_response(&seen)).await;
    assert_eq!(answer.str("error"), Some("invalid_request"));
}

/// A form carries the answer, and the page may do nothing but send it.
#[tokio::test(flavor = "multi_thread")]
async fn answers_as_forms() {
    let server = server().await;
    let more = [("response_mode", "form_post")];
    let seen = Browser::default().login(&server, &more).await;
    assert_eq!(seen.status, 200);
    assert!(seen.location.is_none());
    assert_eq!(seen.action(&server), CALLBACK);
    assert_eq!(seen.hidden("state").as_deref(), Some("st&1"));
    assert_eq!(seen.hidden("iss"), Some(server.issuer()));
    assert!(seen.policy.contains("default-src 'none'"));
    assert!(!seen.policy.contains("unsafe-inline"));
    redeem(&server, &seen.hidden("code").unwrap())
        .await
        .granted();

    let more = [("response_mode", "form_post.jwt")];
    let seen = Browser::default().login(&server, &more).await;
    assert_eq!(seen.hidden("code"), None);
    let answer = opened(&server, &seen.hidden("response").unwrap()).await;
    redeem(&server, answer.str("code").unwrap()).await.granted();

    let more = [
        ("response_mode", "form_post"),
        ("response_type", "id_token token"),
        ("nonce", "n"),
    ];
    let seen = Browser::default().login(&server, &more).await;
    assert!(seen.hidden("access_token").is_some() && seen.hidden("id_token").is_some());

    let more = [("response_mode", "form_post"), ("prompt", "none")];
    let seen = Browser::default()
        .get(&server, &authorize(&server, &more))
        .await;
    assert_eq!(seen.hidden("error").as_deref(), Some("login_required"));
}

/// Metadata lists what works.
#[tokio::test(flavor = "multi_thread")]
async fn metadata_lists_types_and_modes() {
    let server = server().await;
    let url = format!("{}/.well-known/openid-configuration", server.issuer());
    let metadata: Value = server
        .http
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let holds = |list: &str, value: &str| {
        let list = metadata[list]
            .as_array()
            .unwrap_or_else(|| panic!("{list}"));
        assert!(list.iter().any(|v| v == value), "{value} in {list:?}");
    };
    for kind in ["code", "none", "id_token token", "code id_token token"] {
        holds("response_types_supported", kind);
    }
    for mode in ["query", "fragment", "form_post", "jwt", "form_post.jwt"] {
        holds("response_modes_supported", mode);
    }
    for prompt in ["none", "login", "consent", "select_account"] {
        holds("prompt_values_supported", prompt);
    }
    holds("grant_types_supported", "implicit");
    holds("authorization_signing_alg_values_supported", "ES256");
    assert_eq!(
        metadata["authorization_response_iss_parameter_supported"],
        true
    );
    assert_eq!(metadata["claims_parameter_supported"], true);
    assert_eq!(metadata["request_parameter_supported"], true);
    assert_eq!(metadata["request_uri_parameter_supported"], true);
    assert_eq!(metadata["require_request_uri_registration"], true);
    assert_eq!(metadata["require_pushed_authorization_requests"], false);
    assert_eq!(
        metadata["pushed_authorization_request_endpoint"],
        server.url("ext/par/request")
    );
}
