//! Tokens that are bound to a key (RFC 9449).

use std::net::SocketAddr;

use realmkeep_jose::{Algorithm, SigningKey, base64url, sha256};
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Answer, Issuer, Sidecar, echo, get_with, now, raw};

struct Scene {
    issuer: Issuer,
    _sidecar: Sidecar,
    inbound: SocketAddr,
    key: SigningKey,
}

fn scene(dpop: &str) -> Scene {
    let issuer = Issuer::start();
    let sidecar = Sidecar::start(&format!(
        "
admin: {{listen: 127.0.0.1:0}}
inbound:
  listen: 127.0.0.1:0
  upstream: http://{}
  issuers: [{{issuer: '{}', allowHttp: true, audiences: [{AUDIENCE}]}}]
  origins: ['https://orders.example', 'http://orders:8080']
  senderConstraint: {{dpop: {dpop}}}
",
        echo(),
        issuer.url
    ));
    let inbound = sidecar.address("inbound");
    Scene {
        issuer,
        _sidecar: sidecar,
        inbound,
        key: SigningKey::generate(Algorithm::Es256).unwrap(),
    }
}

impl Scene {
    fn bound_token(&self) -> String {
        let jkt = self.key.public_jwk().unwrap().thumbprint().unwrap();
        // As a Keycloak writes them.
        self.issuer
            .token(json!({"cnf": {"jkt": jkt}, "typ": "DPoP"}))
    }

    fn ask(&self, scheme: &str, token: &str, proofs: &[&str]) -> Answer {
        let proofs: String = proofs
            .iter()
            .map(|proof| format!("DPoP: {proof}\r\n"))
            .collect();
        let request = format!(
            "GET /a%20b?q=1 HTTP/1.1\r\nHost: evil.example\r\nAuthorization: {scheme} {token}\r\n{proofs}\r\n"
        );
        raw(self.inbound, request.as_bytes())
    }
}

/// A proof with changes (null removes) of claims and header, signed by `key`.
fn proof(key: &SigningKey, token: &str, claims: Value, header: Value) -> String {
    let mut jwk = serde_json::to_value(key.public_jwk().unwrap()).unwrap();
    for extra in ["kid", "use", "alg"] {
        jwk.as_object_mut().unwrap().remove(extra);
    }
    let mut all_claims = json!({
        "jti": format!("{:?}", std::time::Instant::now()), "htm": "GET", "htu": "https://orders.example/a%20b",
        "iat": now(), "ath": base64url(sha256(token.as_bytes())),
    });
    let mut all_header = json!({"typ": "dpop+jwt", "alg": key.algorithm().as_str(), "jwk": jwk});
    for (target, changes) in [(&mut all_claims, claims), (&mut all_header, header)] {
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                target.as_object_mut().unwrap().remove(name);
            } else {
                target[name] = value.clone();
            }
        }
    }
    let input = format!(
        "{}.{}",
        base64url(all_header.to_string()),
        base64url(all_claims.to_string())
    );
    let signature = base64url(key.signature(input.as_bytes()).unwrap());
    format!("{input}.{signature}")
}

#[test]
fn a_bound_token_passes_with_a_proof_by_its_key_and_only_once() {
    let scene = scene("accept");
    let token = scene.bound_token();
    for algorithm in [
        Algorithm::Es256,
        Algorithm::EdDsa,
        Algorithm::Rs256,
        Algorithm::Ps256,
    ] {
        let key = SigningKey::generate(algorithm).unwrap();
        let jkt = key.public_jwk().unwrap().thumbprint().unwrap();
        let token = scene.issuer.token(json!({"cnf": {"jkt": jkt}}));
        let answer = scene.ask(
            "DPoP",
            &token,
            &[&proof(&key, &token, json!({}), json!({}))],
        );
        assert_eq!(answer.status, 200, "{algorithm:?} {answer:?}");
        assert_eq!(answer.seen("x-auth-subject"), ["service-account-7"]);
        // The application has no use for it.
        assert!(answer.seen("dpop").is_empty());
    }
    for htu in [
        "https://ORDERS.example:443/a%20b",
        "https://orders.example/a%20b?other=query#x",
        "http://orders:8080/a%20b",
    ] {
        let proof = proof(&scene.key, &token, json!({"htu": htu}), json!({}));
        assert_eq!(scene.ask("dpop", &token, &[&proof]).status, 200, "{htu}");
    }
    let once = proof(&scene.key, &token, json!({}), json!({}));
    assert_eq!(scene.ask("DPoP", &token, &[&once]).status, 200);
    let again = scene.ask("DPoP", &token, &[&once]);
    assert_eq!(again.status, 401);
    let challenge = again.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("DPoP error=\"invalid_dpop_proof\"")
            && challenge.contains("used before"),
        "{challenge}"
    );
    assert!(
        challenge.contains("algs=\"ES256 ES384 EdDSA PS256 RS256\""),
        "{challenge}"
    );
    // Bearer tokens are accepted as well.
    assert_eq!(
        get_with(scene.inbound, &scene.issuer.token(json!({}))).status,
        200
    );
    let answer = crate::support::get(scene.inbound, "/", &[]);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer, DPoP algs="), "{challenge}");
}

#[test]
fn proofs_that_prove_something_else_are_refused() {
    let scene = scene("accept");
    let token = scene.bound_token();
    let other_token = scene
        .issuer
        .token(json!({"sub": "other", "cnf": {"jkt": scene.key.kid()}}));
    let other_key = SigningKey::generate(Algorithm::Es256).unwrap();
    let good = |claims, header| proof(&scene.key, &token, claims, header);
    let mut private = serde_json::to_value(scene.key.public_jwk().unwrap()).unwrap();
    private["d"] = "AAAA".into();
    for (what, proof) in [
        ("other method", good(json!({"htm": "POST"}), json!({}))),
        (
            "method in another case",
            good(json!({"htm": "get"}), json!({})),
        ),
        (
            "other path",
            good(json!({"htu": "https://orders.example/"}), json!({})),
        ),
        (
            "the host of the Host header",
            good(json!({"htu": "https://evil.example/a%20b"}), json!({})),
        ),
        (
            "other scheme",
            good(json!({"htu": "http://orders.example/a%20b"}), json!({})),
        ),
        ("no URL", good(json!({"htu": "/a%20b"}), json!({}))),
        ("old", good(json!({"iat": now() - 75}), json!({}))),
        ("of the future", good(json!({"iat": now() + 60}), json!({}))),
        ("no iat", good(json!({"iat": null}), json!({}))),
        ("no jti", good(json!({"jti": null}), json!({}))),
        ("empty jti", good(json!({"jti": ""}), json!({}))),
        ("no ath", good(json!({"ath": null}), json!({}))),
        (
            "ath of another token",
            proof(&scene.key, &other_token, json!({}), json!({})),
        ),
        (
            "another key",
            proof(&other_key, &token, json!({}), json!({})),
        ),
        (
            "another's key in the header",
            good(json!({}), json!({"jwk": other_key.public_jwk()})),
        ),
        ("no typ", good(json!({}), json!({"typ": null}))),
        ("other typ", good(json!({}), json!({"typ": "JWT"}))),
        ("no key", good(json!({}), json!({"jwk": null}))),
        ("a private key", good(json!({}), json!({"jwk": private}))),
        ("none", good(json!({}), json!({"alg": "none"}))),
        (
            "symmetric",
            good(
                json!({}),
                json!({"alg": "HS256", "jwk": {"kty": "oct", "k": "AAAA"}}),
            ),
        ),
        ("other alg", good(json!({}), json!({"alg": "ES384"}))),
        ("no JWT", "x".to_owned()),
    ] {
        let answer = scene.ask("DPoP", &token, &[&proof]);
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        assert_eq!(answer.json()["error"], "invalid_dpop_proof", "{what}");
    }
    assert_eq!(scene.ask("DPoP", &token, &[]).status, 401);
    let (one, two) = (good(json!({}), json!({})), good(json!({}), json!({})));
    assert_eq!(scene.ask("DPoP", &token, &[&one, &two]).status, 400);
}

/// A bound token must not pass as a bearer token, nor the other way round (RFC 9449 section 7.2).
#[test]
fn there_is_no_way_back_to_bearer() {
    let scene = scene("accept");
    let token = scene.bound_token();
    let fresh = || proof(&scene.key, &token, json!({}), json!({}));
    assert_eq!(scene.ask("Bearer", &token, &[]).status, 401);
    assert_eq!(scene.ask("Bearer", &token, &[&fresh()]).status, 401);
    let unbound = scene.issuer.token(json!({}));
    let own = proof(&scene.key, &unbound, json!({}), json!({}));
    assert_eq!(scene.ask("DPoP", &unbound, &[&own]).status, 401);
    // Confirmation methods that nobody here can check.
    for cnf in [
        json!({}),
        json!({"kid": "x"}),
        json!({"jkt": 1}),
        json!({"jkt": ""}),
        json!({"jkt": "a", "x": "b"}),
        json!("jkt"),
        json!(null),
    ] {
        let token = scene.issuer.token(json!({"cnf": [cnf.clone()]}));
        assert_eq!(get_with(scene.inbound, &token).status, 401, "{cnf}");
        if !cnf.is_null() {
            let token = scene.issuer.token(json!({"cnf": cnf.clone()}));
            assert_eq!(get_with(scene.inbound, &token).status, 401, "{cnf}");
        }
    }
}

#[test]
fn bound_tokens_can_be_required() {
    let scene = scene("require");
    assert_eq!(
        get_with(scene.inbound, &scene.issuer.token(json!({}))).status,
        401
    );
    let token = scene.bound_token();
    let proof = proof(&scene.key, &token, json!({}), json!({}));
    assert_eq!(scene.ask("DPoP", &token, &[&proof]).status, 200);
    let answer = crate::support::get(scene.inbound, "/", &[]);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("DPoP algs="), "{challenge}");
}
