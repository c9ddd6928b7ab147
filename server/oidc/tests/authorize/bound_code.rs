//! Codes that are bound to a DPoP key from the authorization request on (RFC 9449 §10).

use realmkeep_jose::{Algorithm, SigningKey, base64url};
use serde_json::json;
use url::Url;

use crate::browser::{Browser, CALLBACK, SECRET, authorize, server};
use crate::support::{Answer, Server, claims};

struct Key {
    key: SigningKey,
    jkt: String,
}

impl Key {
    fn new() -> Self {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let jkt = key.public_jwk().unwrap().thumbprint().unwrap();
        Self { key, jkt }
    }

    fn proof(&self, server: &Server, endpoint: &str) -> String {
        let mut jwk = serde_json::to_value(self.key.public_jwk().unwrap()).unwrap();
        for name in ["kid", "use", "alg"] {
            jwk.as_object_mut().unwrap().remove(name);
        }
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        let payload = json!({
            "jti": uuid::Uuid::new_v4().to_string(),
            "htm": "POST",
            "htu": server.url(endpoint),
            "iat": server.services.clock.now(),
        });
        let input = format!(
            "{}.{}",
            base64url(header.to_string()),
            base64url(payload.to_string())
        );
        let signature = self.key.signature(input.as_bytes()).unwrap();
        format!("{input}.{}", base64url(signature))
    }
}

async fn post(server: &Server, endpoint: &str, form: &[(&str, &str)], key: Option<&Key>) -> Answer {
    let mut request = server.http.post(server.url(endpoint)).form(form);
    if let Some(key) = key {
        request = request.header("DPoP", key.proof(server, endpoint));
    }
    Answer::read(request.send().await.unwrap()).await
}

async fn redeem(server: &Server, code: &str, key: Option<&Key>) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("client_secret", SECRET),
        ("redirect_uri", CALLBACK),
        ("code", code),
    ];
    post(server, "token", &form, key).await
}

/// A code that names a key is good with a proof of that key only.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_with_its_key_only() {
    let server = server().await;
    let (own, other) = (Key::new(), Key::new());
    for (key, good) in [(Some(&own), true), (Some(&other), false), (None, false)] {
        let more = [("dpop_jkt", own.jkt.as_str())];
        let code = Browser::default().login(&server, &more).await.answer()["code"].clone();
        let answer = redeem(&server, &code, key).await;
        if good {
            let token = claims(answer.text("access_token"));
            assert_eq!(token["cnf"]["jkt"], own.jkt);
        } else {
            assert_eq!(answer.status, 400, "{answer:?}");
            assert_eq!(answer.body["error"], "invalid_grant");
        }
    }
    for wrong in ["x", &"x".repeat(44), &format!("{}=", &own.jkt[..42])] {
        let url = authorize(&server, &[("dpop_jkt", wrong)]);
        let seen = Browser::default().get(&server, &url).await;
        seen.refused(&server, "invalid_request");
    }
}

/// A proof that comes with a pushed request binds the code as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_binds_by_its_proof() {
    let server = server().await;
    let (own, other) = (Key::new(), Key::new());
    let form = [
        ("client_id", "app"),
        ("client_secret", SECRET),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid"),
    ];
    for (key, good) in [(&own, true), (&other, false)] {
        let pushed = post(&server, "ext/par/request", &form, Some(&own)).await;
        let parameters = [
            ("client_id", "app"),
            ("request_uri", pushed.text("request_uri")),
        ];
        let url = Url::parse_with_params(&server.url("auth"), parameters).unwrap();
        let seen = Browser::default().login_at(&server, url.as_str()).await;
        let answer = redeem(&server, &seen.answer()["code"], Some(key)).await;
        assert_eq!(answer.status == 200, good, "{answer:?}");
    }
    let mut named = form.to_vec();
    named.push(("dpop_jkt", &other.jkt));
    let answer = post(&server, "ext/par/request", &named, Some(&own)).await;
    assert_eq!(answer.body["error"], "invalid_dpop_proof", "{answer:?}");
}
