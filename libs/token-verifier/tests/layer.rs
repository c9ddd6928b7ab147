//! The layer in front of an `axum` router.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::routing::get;
use http::{Request, StatusCode};
use realmkeep_jose::{Algorithm, JwkSet, SigningKey};
use realmkeep_token_verifier::dpop::{ProofRequest, proof};
use realmkeep_token_verifier::{
    BearerLayer, Constraint, Issuer, IssuerPolicy, SenderConstraints, VerifiedToken, Verifier,
};
use realmkeep_workload_identity::{
    Clock, KeyLimits, KeySource, OutboundConfig, OutboundHttp, RemoteKeys,
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const NOW: i64 = 1_000_000;
const ISSUER: &str = "https://id.example/realms/shop";

struct Scene {
    key: SigningKey,
    router: Router,
}

fn scene(constraints: Option<SenderConstraints>) -> Scene {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwks = JwkSet {
        keys: vec![key.public_jwk().unwrap().clone()],
    };
    let clock = Clock::new(|| NOW * 1000);
    let http = OutboundHttp::new(&OutboundConfig::default()).unwrap();
    let keys = RemoteKeys::new(
        KeySource::Static(jwks),
        http,
        None,
        KeyLimits::default(),
        clock.clone(),
    );
    let policy = IssuerPolicy {
        issuer: ISSUER.to_owned(),
        audiences: vec!["orders".to_owned()],
        algorithms: vec![Algorithm::Es256],
        typ: vec!["at+jwt".to_owned()],
        allow_untyped: false,
        clock_skew: 0,
    };
    let verifier = Verifier::new(vec![Issuer::new(policy, keys)], 1 << 20, clock);
    let mut layer = BearerLayer::new(Arc::new(verifier));
    if let Some(constraints) = constraints {
        layer = layer.constrained(constraints, vec!["https://orders.example".to_owned()]);
    }
    let handler = async |Extension(token): Extension<Arc<VerifiedToken>>| {
        token.str("sub").unwrap_or_default().to_owned()
    };
    Scene {
        key,
        router: Router::new().route("/who", get(handler)).layer(layer),
    }
}

impl Scene {
    fn token(&self, changes: Value) -> String {
        let mut claims = json!({"iss": ISSUER, "sub": "alice", "aud": "orders", "exp": NOW + 60});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.key.sign("at+jwt", &claims).unwrap()
    }

    async fn ask(&self, headers: &[(&str, &str)]) -> (StatusCode, String, String) {
        let mut request = Request::get("/who");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let challenge = answer
            .headers()
            .get("www-authenticate")
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default();
        let body = axum::body::to_bytes(answer.into_body(), 1000)
            .await
            .unwrap();
        (status, challenge, String::from_utf8(body.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn a_good_token_reaches_the_handler_with_its_claims() {
    let scene = scene(None);
    let bearer = |token: &str| format!("Bearer {token}");
    let good = bearer(&scene.token(json!({})));
    let (status, _, body) = scene.ask(&[("authorization", &good)]).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "alice"));

    let (status, challenge, _) = scene.ask(&[]).await;
    assert_eq!(
        (status, challenge.as_str()),
        (StatusCode::UNAUTHORIZED, "Bearer")
    );
    for changes in [
        json!({"aud": "other"}),
        json!({"exp": NOW}),
        json!({"iss": "https://other.example"}),
        json!({"cnf": {"jkt": "x"}}),
    ] {
        let bad = bearer(&scene.token(changes.clone()));
        let (status, challenge, body) = scene.ask(&[("authorization", &bad)]).await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::UNAUTHORIZED, ""),
            "{changes}"
        );
        assert!(
            challenge.starts_with("Bearer error=\"invalid_token\""),
            "{challenge}"
        );
    }
    let twice = [
        ("authorization", good.as_str()),
        ("authorization", good.as_str()),
    ];
    assert_eq!(scene.ask(&twice).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn bound_tokens_need_a_proof() {
    let constraints = SenderConstraints::new(Constraint::Require, Constraint::Off, 60);
    let scene = scene(Some(constraints));
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let jkt = key.public_jwk().unwrap().thumbprint().unwrap();
    let token = scene.token(json!({"cnf": {"jkt": jkt}}));
    let proof = |url: &str| {
        let request = ProofRequest {
            method: "GET",
            url,
            token: Some(&token),
            nonce: None,
            now: NOW,
        };
        proof(&key, &request).unwrap()
    };
    let authorization = format!("DPoP {token}");
    let good = proof("https://orders.example/who?x=1");
    let headers = [
        ("authorization", authorization.as_str()),
        ("dpop", good.as_str()),
    ];
    assert_eq!(scene.ask(&headers).await.0, StatusCode::OK);
    let (status, challenge, _) = scene.ask(&headers).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(challenge.contains("used before"), "{challenge}");
    let other = proof("https://other.example/who");
    let headers = [
        ("authorization", authorization.as_str()),
        ("dpop", other.as_str()),
    ];
    assert_eq!(scene.ask(&headers).await.0, StatusCode::UNAUTHORIZED);
    let bearer = format!("Bearer {}", scene.token(json!({})));
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(scene.ask(&headers).await.0, StatusCode::UNAUTHORIZED);
}
