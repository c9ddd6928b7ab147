//! Asking the issuer about tokens (RFC 7662).

use std::net::SocketAddr;

use realmkeep_jose::{Algorithm, SigningKey};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{AUDIENCE, Issuer, Sidecar, echo, get, get_with, now};

struct Scene {
    issuer: Issuer,
    _sidecar: Sidecar,
    inbound: SocketAddr,
    _directory: TempDir,
}

fn scene(when: &str, cache_seconds: u64) -> Scene {
    let issuer = Issuer::start();
    let directory = tempfile::tempdir().unwrap();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let claims = json!({"iss": "https://kubernetes", "sub": "system:serviceaccount:shop:app", "exp": now() + 900});
    let file = directory.path().join("token");
    std::fs::write(&file, key.sign("JWT", &claims).unwrap()).unwrap();
    let sidecar = Sidecar::start(&format!(
        "
admin: {{listen: 127.0.0.1:0}}
inbound:
  listen: 127.0.0.1:0
  upstream: http://{}
  issuers:
    - issuer: '{url}'
      allowHttp: true
      audiences: [{AUDIENCE}]
      introspection: {{when: {when}, cacheSeconds: {cache_seconds}}}
  rules:
    - {{name: asked, match: {{paths: [/asked]}}, introspect: true}}
    - {{name: any}}
outbound:
  identity: {{kubernetes: {{tokenFile: {}}}}}
  issuer: '{url}'
  allowHttp: true
  clientId: orders
",
        echo(),
        file.display(),
        url = issuer.url
    ));
    let inbound = sidecar.address("inbound");
    Scene {
        issuer,
        _sidecar: sidecar,
        inbound,
        _directory: directory,
    }
}

impl Scene {
    fn ask(&self, path: &str, token: &str) -> u16 {
        let authorization = format!("Bearer {token}");
        get(self.inbound, path, &[("Authorization", &authorization)]).status
    }
}

#[test]
fn a_rule_can_ask_whether_a_token_is_still_active() {
    let scene = scene("rule", 0);
    let token = scene.issuer.token(json!({}));
    scene.issuer.introspect_with(200, json!({"active": true}));
    assert_eq!(scene.ask("/other", &token), 200);
    assert!(scene.issuer.introspections().is_empty());
    assert_eq!(scene.ask("/asked", &token), 200);
    let asked = scene.issuer.introspections();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["token"], token);
    assert_eq!(asked[0]["client_id"], "orders");
    assert_eq!(
        asked[0]["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    // Revoked: the signature is still good.
    scene.issuer.introspect_with(200, json!({"active": false}));
    assert_eq!(scene.ask("/asked", &token), 401);
    assert_eq!(scene.ask("/other", &token), 200);
    // Anything but a clear yes is no.
    for (status, answer, expected) in [
        (200, json!({"active": "true"}), 401),
        (200, json!({}), 401),
        (200, json!([]), 503),
        (401, json!({"error": "invalid_client"}), 503),
        (500, json!({}), 503),
    ] {
        scene.issuer.introspect_with(status, answer.clone());
        assert_eq!(scene.ask("/asked", &token), expected, "{answer}");
    }
    // A token that is not good here is not asked about.
    let before = scene.issuer.introspections().len();
    let bad = scene.issuer.token(json!({"aud": "other"}));
    assert_eq!(scene.ask("/asked", &bad), 401);
    assert_eq!(scene.issuer.introspections().len(), before);
}

/// CVE-2026-37979, CVE-2026-18208: what the issuer knows of tokens for others is nothing to us.
#[test]
fn opaque_tokens_are_judged_by_what_their_issuer_says() {
    let scene = scene("opaque", 60);
    let good = json!({
        "active": true, "sub": "alice", "aud": [AUDIENCE], "exp": now() + 60, "client_id": "web", "scope": "read",
    });
    scene.issuer.introspect_with(200, good.clone());
    let answer = get_with(scene.inbound, "opaque-token-1");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.seen("x-auth-subject"), ["alice"]);
    assert_eq!(answer.seen("x-auth-client"), ["web"]);
    // Remembered, within bounds.
    assert_eq!(get_with(scene.inbound, "opaque-token-1").status, 200);
    assert_eq!(scene.issuer.introspections().len(), 1);
    for (index, (field, value)) in [
        ("aud", json!("other")),
        ("aud", json!(null)),
        ("sub", json!(null)),
        ("sub", json!("a\r\nb")),
        ("exp", json!(now() - 1)),
        ("exp", json!(null)),
        ("exp", json!("9999999999")),
        ("iss", json!("https://other.example")),
        ("active", json!(false)),
        ("cnf", json!({"jkt": "x"})),
    ]
    .into_iter()
    .enumerate()
    {
        let mut answer = good.clone();
        answer[field] = value;
        scene.issuer.introspect_with(200, answer.clone());
        let token = format!("opaque-other-{index}");
        assert_eq!(get_with(scene.inbound, &token).status, 401, "{answer}");
    }
    // JWTs are not asked about, good or bad.
    let before = scene.issuer.introspections().len();
    assert_eq!(
        get_with(scene.inbound, &scene.issuer.token(json!({}))).status,
        200
    );
    assert_eq!(get_with(scene.inbound, "a.b.c").status, 401);
    assert_eq!(scene.issuer.introspections().len(), before);
}

#[test]
fn every_token_can_be_asked_about() {
    let scene = scene("always", 0);
    scene.issuer.introspect_with(200, json!({"active": true}));
    let token = scene.issuer.token(json!({}));
    assert_eq!(scene.ask("/other", &token), 200);
    assert_eq!(scene.ask("/other", &token), 200);
    assert_eq!(scene.issuer.introspections().len(), 2);
    scene.issuer.introspect_with(200, json!({"active": false}));
    assert_eq!(scene.ask("/other", &token), 401);
}
