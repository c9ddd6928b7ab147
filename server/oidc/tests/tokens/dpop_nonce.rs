//! Nonces for proofs (RFC 9449 sections 8 and 9).

use serde_json::json;

use crate::support::{Answer, REALM, Server};
use crate::{CONF, DpopKey, form, get_with, post_with, server};

const LOGIN: [(&str, &str); 4] = [
    ("grant_type", "password"),
    ("username", "alice"),
    ("password", "pw"),
    ("scope", "openid"),
];

async fn require(server: &Server, of_realm: &str, of_client: &str) {
    server
        .change_realm(|realm| {
            let attributes = realm.attributes.get_or_insert_default();
            attributes.insert("dpopNonceRequired".to_owned(), of_realm.to_owned());
        })
        .await;
    server
        .change_client("conf", |client| {
            let attributes = client.attributes.get_or_insert_default();
            attributes.insert("dpop.nonce.required".to_owned(), of_client.to_owned());
            client.redirect_uris = Some(vec!["https://app.example.test/cb".to_owned()]);
        })
        .await;
}

fn proof(server: &Server, key: &DpopKey, endpoint: &str, nonce: Option<&str>) -> String {
    let mut claims = key.claims(server, "POST", &server.url(endpoint));
    claims["nonce"] = json!(nonce);
    key.sign(&key.header(), &claims)
}

async fn login(server: &Server, proof: &str) -> Answer {
    post_with(server, "token", &form(&[&LOGIN, &CONF]), &[("DPoP", proof)]).await
}

#[track_caller]
fn nonce(answer: &Answer) -> String {
    let value = answer.headers.get("dpop-nonce");
    let value = value.unwrap_or_else(|| panic!("no nonce in {answer:?}"));
    value.to_str().unwrap().to_owned()
}

const WANTED: &str = "The DPoP proof has to have the nonce of the DPoP-Nonce header";

/// A client that has to use nonces is told one, gets its tokens with it, and a new one with them. What
/// is not a nonce of this realm, or is too old, does not count, and the token endpoint's siblings ask
/// for one too.
#[tokio::test]
async fn a_proof_has_to_have_the_nonce() {
    let server = server().await;
    let key = DpopKey::generate();
    require(&server, "", "true").await;
    let answer = login(&server, &key.proof(&server, "token")).await;
    answer.refused(400, "use_dpop_nonce", WANTED);
    let first = nonce(&answer);
    let answer = login(&server, &proof(&server, &key, "token", Some(&first))).await;
    assert_eq!(answer.granted()["token_type"], "DPoP");
    let second = nonce(&answer);
    // A nonce is for a time, and not for one proof.
    for good in [&first, &second] {
        let answer = login(&server, &proof(&server, &key, "token", Some(good))).await;
        answer.granted();
    }
    let mut torn = first.clone();
    torn.pop();
    let sealed = |purpose: &[&str], time: i64| server.services.cookies.seal(purpose, &time);
    let (id, now) = (server.realm().await.id.clone(), server.services.clock.now());
    for bad in [
        "",
        "x",
        torn.as_str(),
        &"x".repeat(10_000),
        &sealed(&["dpop nonce", "another realm"], now).unwrap(),
        &sealed(&["another purpose", &id], now).unwrap(),
        &sealed(&["dpop nonce", &id], now - 200).unwrap(),
        &sealed(&["dpop nonce", &id], now + 200).unwrap(),
    ] {
        let answer = login(&server, &proof(&server, &key, "token", Some(bad))).await;
        answer.refused(400, "use_dpop_nonce", WANTED);
        assert!(!nonce(&answer).is_empty());
    }
    server.services.clock.advance(200);
    let answer = login(&server, &proof(&server, &key, "token", Some(&first))).await;
    answer.refused(400, "use_dpop_nonce", WANTED);
    let third = nonce(&answer);

    for endpoint in ["auth/device", "ext/par/request"] {
        let redirect = ("redirect_uri", "https://app.example.test/cb");
        let own = [("response_type", "code"), redirect, ("scope", "openid")];
        let sent = form(&[&own, &CONF]);
        let bare = proof(&server, &key, endpoint, None);
        let answer = post_with(&server, endpoint, &sent, &[("DPoP", &bare)]).await;
        answer.refused(400, "use_dpop_nonce", WANTED);
        let next = nonce(&answer);
        let good = proof(&server, &key, endpoint, Some(&next));
        let answer = post_with(&server, endpoint, &sent, &[("DPoP", &good)]).await;
        assert!(answer.status.is_success(), "{answer:?}");
        nonce(&answer);
    }
    // The logout by refresh token.
    let answer = login(&server, &proof(&server, &key, "token", Some(&third))).await;
    let gone = [("refresh_token", answer.text("refresh_token"))];
    let bare = key.proof(&server, "logout");
    let sent = form(&[&gone, &CONF]);
    let answer = post_with(&server, "logout", &sent, &[("DPoP", &bare)]).await;
    answer.refused(400, "use_dpop_nonce", WANTED);
    let good = proof(&server, &key, "logout", Some(&nonce(&answer)));
    let answer = post_with(&server, "logout", &sent, &[("DPoP", &good)]).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// At a resource the challenge asks for the nonce (RFC 9449 section 9), and pages may read it.
#[tokio::test]
async fn userinfo_asks_for_a_nonce() {
    let server = server().await;
    let key = DpopKey::generate();
    require(&server, "true", "").await;
    server
        .change_client("conf", |client| {
            client.web_origins = Some(vec!["https://app.example.test".to_owned()]);
        })
        .await;
    let answer = login(&server, &key.proof(&server, "token")).await;
    let first = nonce(&answer);
    let answer = login(&server, &proof(&server, &key, "token", Some(&first))).await;
    let token = answer.text("access_token").to_owned();
    let ask = async |nonce: Option<&str>| {
        let mut claims = key.claims(&server, "GET", &server.url("userinfo"));
        claims["ath"] = json!(realmkeep_jose::base64url(realmkeep_jose::sha256(
            token.as_bytes()
        )));
        claims["nonce"] = json!(nonce);
        let proof = key.sign(&key.header(), &claims);
        let authorization = format!("DPoP {token}");
        let headers = [
            ("Authorization", authorization.as_str()),
            ("DPoP", &proof),
            ("Origin", "https://app.example.test"),
        ];
        get_with(&server, "userinfo", &headers).await
    };
    let answer = ask(None).await;
    assert_eq!(answer.status, 401, "{answer:?}");
    let challenge = answer.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("DPoP "), "{challenge}");
    assert!(
        challenge.contains("error=\"use_dpop_nonce\""),
        "{challenge}"
    );
    let told = nonce(&answer);
    let answer = ask(Some(&told)).await;
    assert_eq!(answer.body["preferred_username"], "alice", "{answer:?}");
    nonce(&answer);
    let exposed = answer.headers["access-control-expose-headers"]
        .to_str()
        .unwrap();
    assert!(exposed.contains("DPoP-Nonce"), "{exposed}");
}

/// Nobody has to use nonces unless the realm or the client says so; the client's word counts first.
#[tokio::test]
async fn nonces_are_off_unless_switched_on() {
    let server = server().await;
    let key = DpopKey::generate();
    for (realm, client, required) in [
        ("", "", false),
        ("false", "", false),
        ("true", "", true),
        ("true", "false", false),
        ("false", "true", true),
    ] {
        require(&server, realm, client).await;
        let answer = login(&server, &key.proof(&server, "token")).await;
        let named = format!("{REALM}: {realm:?} {client:?} {answer:?}");
        assert_eq!(answer.status == 400, required, "{named}");
        assert_eq!(
            answer.headers.contains_key("dpop-nonce"),
            required,
            "{named}"
        );
    }
}
