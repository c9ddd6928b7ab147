//! The token endpoint and its siblings: every grant, what tokens are bound to, how clients prove
//! themselves, and that no artefact passes for another.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod bad_input;
mod bounds;
mod ciba;
mod client_auth;
mod device;
mod docker;
mod dpop;
mod dpop_nonce;
mod exchange;
mod exchange_external;
mod families;
mod introspection;
mod jwt_bearer;
mod mtls;
mod offline;
mod policies;
mod service_accounts;
mod sessions;
mod substitution;
#[path = "../support/mod.rs"]
mod support;

use realmkeep_jose::{Algorithm, SigningKey, base64url, sha256};
use serde_json::{Value, json};
use support::{Answer, Server};

pub const CONF: [(&str, &str); 2] = [("client_id", "conf"), ("client_secret", "s3cret")];

/// A server with the confidential client `conf`, which may use every grant, and the user `alice`.
pub async fn server() -> Server {
    let server = Server::start().await;
    fill(&server, json!({})).await;
    server
}

/// Adds `conf`, with more attributes, and `alice`.
pub async fn fill(server: &Server, attributes: Value) {
    let mut all = json!({
        "oauth2.device.authorization.grant.enabled": "true",
        "oidc.ciba.grant.enabled": "true",
        "standard.token.exchange.enabled": "true",
    });
    all.as_object_mut()
        .unwrap()
        .extend(attributes.as_object().unwrap().clone());
    server
        .add_client(json!({
            "clientId": "conf",
            "secret": "s3cret",
            "serviceAccountsEnabled": true,
            "directAccessGrantsEnabled": true,
            "attributes": all,
        }))
        .await;
    let alice = json!({
        "email": "alice@example.test", "emailVerified": true,
        "firstName": "Alice", "lastName": "Test",
    });
    server.add_user("alice", "pw", alice).await;
}

pub fn form<'a>(parts: &[&[(&'a str, &'a str)]]) -> Vec<(&'a str, &'a str)> {
    parts.concat()
}

pub async fn password(server: &Server, scope: &str) -> Answer {
    password_of(server, scope, &CONF).await
}

pub async fn password_of(server: &Server, scope: &str, client: &[(&str, &str)]) -> Answer {
    let login = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", "pw"),
        ("scope", scope),
    ];
    server.token(&form(&[&login, client])).await
}

pub async fn refresh(server: &Server, token: &str) -> Answer {
    let own = [("grant_type", "refresh_token"), ("refresh_token", token)];
    server.token(&form(&[&own, &CONF])).await
}

pub fn next(answer: &Answer) -> String {
    answer.granted()["refresh_token"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer:?}"))
        .to_owned()
}

/// A DPoP key, and the proofs that it signs.
pub struct DpopKey {
    pub key: SigningKey,
    pub jkt: String,
}

impl DpopKey {
    pub fn generate() -> Self {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let jkt = key.public_jwk().unwrap().thumbprint().unwrap();
        Self { key, jkt }
    }

    /// Claims of a good proof.
    pub fn claims(&self, server: &Server, method: &str, url: &str) -> Value {
        json!({
            "jti": uuid::Uuid::new_v4().to_string(),
            "htm": method,
            "htu": url,
            "iat": server.services.clock.now(),
        })
    }

    pub fn header(&self) -> Value {
        let mut jwk = serde_json::to_value(self.key.public_jwk().unwrap()).unwrap();
        for name in ["kid", "use", "alg"] {
            jwk.as_object_mut().unwrap().remove(name);
        }
        json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk})
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| base64url(serde_json::to_vec(value).unwrap());
        let input = format!("{}.{}", part(header), part(claims));
        let signature = self.key.signature(input.as_bytes()).unwrap();
        format!("{input}.{}", base64url(signature))
    }

    /// A proof for a `POST` to an endpoint.
    pub fn proof(&self, server: &Server, endpoint: &str) -> String {
        let claims = self.claims(server, "POST", &server.url(endpoint));
        self.sign(&self.header(), &claims)
    }

    /// A proof for a `GET` of an endpoint with an access token.
    pub fn proof_with(&self, server: &Server, endpoint: &str, token: &str) -> String {
        let mut claims = self.claims(server, "GET", &server.url(endpoint));
        claims["ath"] = json!(base64url(sha256(token.as_bytes())));
        self.sign(&self.header(), &claims)
    }
}

/// `POST` of a form with headers.
pub async fn post_with(
    server: &Server,
    endpoint: &str,
    form: &[(&str, &str)],
    headers: &[(&str, &str)],
) -> Answer {
    let mut request = server.http.post(server.url(endpoint)).form(form);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::read(request.send().await.unwrap()).await
}

/// `GET` with headers.
pub async fn get_with(server: &Server, endpoint: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = server.http.get(server.url(endpoint));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::read(request.send().await.unwrap()).await
}
