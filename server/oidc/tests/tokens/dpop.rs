//! Tokens bound to a key (RFC 9449).

use realmkeep_jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::support::{Answer, Server, claims};
use crate::{CONF, DpopKey, form, get_with, next, password, post_with, server};

const LOGIN: [(&str, &str); 4] = [
    ("grant_type", "password"),
    ("username", "alice"),
    ("password", "pw"),
    ("scope", "openid"),
];

async fn login(server: &Server, proof: &str) -> Answer {
    post_with(server, "token", &form(&[&LOGIN, &CONF]), &[("DPoP", proof)]).await
}

async fn refresh(server: &Server, token: &str, client: &[(&str, &str)], proof: &str) -> Answer {
    let own = [("grant_type", "refresh_token"), ("refresh_token", token)];
    post_with(server, "token", &form(&[&own, client]), &[("DPoP", proof)]).await
}

async fn userinfo(server: &Server, scheme: &str, token: &str, proof: Option<&str>) -> Answer {
    let authorization = format!("{scheme} {token}");
    let mut headers = vec![("Authorization", authorization.as_str())];
    headers.extend(proof.map(|proof| ("DPoP", proof)));
    get_with(server, "userinfo", &headers).await
}

/// A proof binds the access token; it is good with a proof of the same key for the very request, and
/// for nothing without.
///
/// spec: OCA-15, OCA-17
#[tokio::test]
async fn a_proof_binds_the_token() {
    let server = server().await;
    let key = DpopKey::generate();
    let answer = login(&server, &key.proof(&server, "token")).await;
    assert_eq!(answer.granted()["token_type"], "DPoP");
    let token = answer.text("access_token").to_owned();
    assert_eq!(claims(&token)["cnf"], json!({"jkt": key.jkt}));
    // Of a confidential client only the access token is bound.
    assert!(claims(&next(&answer)).get("cnf").is_none());

    let good = key.proof_with(&server, "userinfo", &token);
    let seen = userinfo(&server, "DPoP", &token, Some(&good)).await;
    assert_eq!(seen.body["preferred_username"], "alice", "{seen:?}");

    // As a bearer token, without a proof, with one that was used, for another token, of another key.
    let other = DpopKey::generate();
    let without_hash = key.sign(
        &key.header(),
        &key.claims(&server, "GET", &server.url("userinfo")),
    );
    let fresh = || key.proof_with(&server, "userinfo", &token);
    for (scheme, proof) in [
        ("Bearer", None),
        ("Bearer", Some(fresh())),
        ("DPoP", None),
        ("DPoP", Some(good)),
        ("DPoP", Some(without_hash)),
        ("DPoP", Some(key.proof_with(&server, "userinfo", "another"))),
        ("DPoP", Some(key.proof_with(&server, "token", &token))),
        ("DPoP", Some(other.proof_with(&server, "userinfo", &token))),
    ] {
        let seen = userinfo(&server, scheme, &token, proof.as_deref()).await;
        assert_eq!(seen.status, 401, "{scheme} {proof:?}");
        let challenge = seen.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with(scheme), "{challenge}");
        assert!(challenge.contains("error=\"invalid_"), "{challenge}");
        if scheme == "DPoP" {
            assert!(challenge.contains("algs=\"RS256 "), "{challenge}");
        }
    }
    let seen = userinfo(&server, "DPoP", &token, Some(&fresh())).await;
    assert_eq!(seen.status, 200);

    // A token that is bound to nothing is not sent with a proof.
    let free = password(&server, "openid").await;
    assert!(claims(free.text("access_token")).get("cnf").is_none());
    let free = free.text("access_token").to_owned();
    let proof = key.proof_with(&server, "userinfo", &free);
    let seen = userinfo(&server, "DPoP", &free, Some(&proof)).await;
    assert_eq!(seen.status, 401);
}

/// A client may be set to have its tokens bound: then every grant needs a proof.
///
/// spec: OCA-14
#[tokio::test]
async fn a_client_may_have_to_prove_its_key() {
    let server = server().await;
    server
        .change_client("conf", |client| {
            let attributes = client.attributes.as_mut().unwrap();
            attributes.insert("dpop.bound.access.tokens".to_owned(), "true".to_owned());
        })
        .await;
    password(&server, "openid")
        .await
        .refused(400, "invalid_dpop_proof", "DPoP proof is missing");
    let key = DpopKey::generate();
    let answer = login(&server, &key.proof(&server, "token")).await;
    assert_eq!(answer.granted()["token_type"], "DPoP");
    // Any key will do for a refresh of a confidential client; the new token has that key.
    let other = DpopKey::generate();
    let token = next(&answer);
    let answer = refresh(&server, &token, &CONF, &other.proof(&server, "token")).await;
    assert_eq!(
        claims(answer.text("access_token"))["cnf"]["jkt"],
        json!(other.jkt)
    );
}

/// A public client has nothing but its key: the refresh token is bound to it as well.
///
/// spec: OCA-16
#[tokio::test]
async fn refresh_tokens_of_public_clients_are_bound() {
    let server = server().await;
    server
        .add_client(json!({
            "clientId": "pub", "publicClient": true, "directAccessGrantsEnabled": true,
        }))
        .await;
    let own = [("client_id", "pub")];
    let key = DpopKey::generate();
    let proof = key.proof(&server, "token");
    let answer = post_with(
        &server,
        "token",
        &form(&[&LOGIN, &own]),
        &[("DPoP", &proof)],
    )
    .await;
    let token = next(&answer);
    assert_eq!(claims(&token)["cnf"], json!({"jkt": key.jkt}));
    let refused = "Token binding verification failed";
    let stranger = DpopKey::generate().proof(&server, "token");
    refresh(&server, &token, &own, &stranger)
        .await
        .refused(400, "invalid_grant", refused);
    let bare = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str()),
    ];
    server
        .token(&form(&[&bare, &own]))
        .await
        .refused(400, "invalid_grant", refused);
    let answer = refresh(&server, &token, &own, &key.proof(&server, "token")).await;
    assert_eq!(answer.granted()["token_type"], "DPoP");
    // At the logout by refresh token too.
    let last = next(&answer);
    let gone = [("refresh_token", last.as_str())];
    let answer = server.post("logout", &form(&[&gone, &own])).await;
    answer.refused(400, "invalid_grant", refused);
    let proof = key.proof(&server, "logout");
    let answer = post_with(
        &server,
        "logout",
        &form(&[&gone, &own]),
        &[("DPoP", &proof)],
    )
    .await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// Everything in a proof is checked (RFC 9449 section 4.3).
#[tokio::test]
async fn every_part_of_a_proof_is_checked() {
    let server = server().await;
    let key = DpopKey::generate();
    let url = server.url("token");
    let now = server.services.clock.now();
    let good = || key.claims(&server, "POST", &url);
    let claim = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        key.sign(&key.header(), &claims)
    };
    let without = |name: &str| {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(name);
        key.sign(&key.header(), &claims)
    };
    let header = |name: &str, value: Value| {
        let mut header = key.header();
        header[name] = value;
        key.sign(&header, &good())
    };
    let mut private = key.header()["jwk"].clone();
    private["d"] = json!("AAAA");
    let stranger = DpopKey::generate().header()["jwk"].clone();
    let oct = json!({"kty": "oct", "k": "c2VjcmV0"});
    let hmac = SigningKey::hmac(Algorithm::Hs256, "", &[7; 32]).unwrap();
    for (what, proof) in [
        ("not a JWT", "x".to_owned()),
        ("empty", String::new()),
        ("other typ", header("typ", json!("JWT"))),
        ("no key", header("jwk", Value::Null)),
        ("key as text", header("jwk", json!("x"))),
        ("private key", header("jwk", private)),
        ("another's key", header("jwk", stranger)),
        ("shared secret", header("jwk", oct)),
        ("symmetric", hmac.sign("dpop+jwt", &good()).unwrap()),
        ("none", header("alg", json!("none"))),
        ("other algorithm", header("alg", json!("RS256"))),
        ("crit", header("crit", json!(["exp"]))),
        ("other method", claim("htm", json!("GET"))),
        ("no method", without("htm")),
        ("other path", claim("htu", json!(server.url("userinfo")))),
        (
            "other host",
            claim("htu", json!("https://evil.test/realms/test")),
        ),
        ("relative", claim("htu", json!("/realms/test"))),
        ("no URL", without("htu")),
        ("old", claim("iat", json!(now - 60))),
        ("future", claim("iat", json!(now + 60))),
        ("time as text", claim("iat", json!("now"))),
        ("no time", without("iat")),
        ("expired", claim("exp", json!(now - 1))),
        ("no id", without("jti")),
        ("empty id", claim("jti", json!(""))),
        ("long id", claim("jti", json!("x".repeat(513)))),
    ] {
        let answer = login(&server, &proof).await;
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
        assert_eq!(
            answer.body["error"], "invalid_dpop_proof",
            "{what}: {answer:?}"
        );
    }
    // Two proofs; and a proof counts once.
    let headers = [
        ("DPoP", claim("iat", json!(now))),
        ("DPoP", claim("iat", json!(now))),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let answer = post_with(&server, "token", &form(&[&LOGIN, &CONF]), &headers).await;
    assert_eq!(answer.body["error"], "invalid_dpop_proof");
    let once = claim("iat", json!(now));
    login(&server, &once).await.granted();
    login(&server, &once).await.refused(
        400,
        "invalid_dpop_proof",
        "DPoP proof has already been used",
    );
    // Query and fragment do not count, a little skew is forgiven.
    login(&server, &claim("htu", json!(format!("{url}?a=b#c"))))
        .await
        .granted();
    login(&server, &claim("iat", json!(now + 10)))
        .await
        .granted();
    login(&server, &claim("iat", json!(now - 20)))
        .await
        .granted();
}

/// Of many who send one proof at the same time one is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_with_one_proof_one_succeeds() {
    let server = server().await;
    let proof = DpopKey::generate().proof(&server, "token");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (http, url, proof) = (server.http.clone(), server.url("token"), proof.clone());
        tasks.spawn(async move {
            let own = [("grant_type", "client_credentials")];
            let request = http.post(url).header("DPoP", proof);
            let request = request.form(&form(&[&own, &CONF]));
            request.send().await.unwrap().status().as_u16()
        });
    }
    let all = tasks.join_all().await;
    assert_eq!(all.iter().filter(|s| **s == 200).count(), 1, "{all:?}");
    assert_eq!(all.iter().filter(|s| **s == 400).count(), 15, "{all:?}");
}
