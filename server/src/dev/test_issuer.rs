//! An issuer of service account tokens on loopback, so that a laptop has what a cluster has.
//!
//! Its tokens look like those of a Kubernetes API server (discovery, JWKS, claims). Anybody on this
//! machine can mint one, for any account but those of [`RESERVED_NAMESPACE`]: it is for trying out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use realmkeep_jose::{Algorithm, JwkSet, SigningKey};
use realmkeep_model::clock::Clock;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

/// Namespace of the account with which `dev` administers its server; never minted over HTTP.
pub const RESERVED_NAMESPACE: &str = "realmkeep-dev";
/// Lifetime of a token when none is asked for, in seconds.
const LIFETIME: i64 = 600;
/// Longest lifetime, in seconds.
const MAX_LIFETIME: i64 = 24 * 3600;
/// Accounts whose uid is remembered.
const ACCOUNTS: usize = 10_000;
/// Longest request body, in bytes.
const BODY_BYTES: usize = 16 * 1024;

/// The issuer; cheap to clone.
#[derive(Clone)]
pub struct TestIssuer {
    inner: Arc<Inner>,
}

struct Inner {
    issuer: String,
    key: SigningKey,
    clock: Clock,
    uids: Mutex<HashMap<String, Uuid>>,
}

/// What a token is asked for, in the words of the TokenRequest API.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenRequest {
    pub namespace: String,
    pub service_account: String,
    pub audience: String,
    pub expiration_seconds: Option<i64>,
}

impl TestIssuer {
    /// Serves on the bound loopback port until the runtime ends; its key lives as long.
    ///
    /// # Errors
    /// When the port is gone or no key can be made.
    pub fn start(tcp: TcpListener, clock: Clock) -> anyhow::Result<Self> {
        let issuer = format!("http://{}", tcp.local_addr()?);
        let key = SigningKey::generate(Algorithm::Es256).context("the key of the test issuer")?;
        let this = Self {
            inner: Arc::new(Inner {
                issuer,
                key,
                clock,
                uids: Mutex::default(),
            }),
        };
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/openid/v1/jwks", get(jwks))
            .route("/token", post(token))
            .layer(DefaultBodyLimit::max(BODY_BYTES))
            .with_state(this.clone());
        tokio::spawn(async move {
            if let Err(e) = axum::serve(tcp, app).await {
                tracing::error!(error = %e, "the test issuer ended");
            }
        });
        Ok(this)
    }

    /// The issuer's URL, its `iss`.
    pub fn url(&self) -> &str {
        &self.inner.issuer
    }

    /// A token as the API server's TokenRequest would answer, with the time it expires at.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub fn mint(&self, request: &TokenRequest) -> Result<(String, i64), String> {
        check_name("namespace", &request.namespace)?;
        check_name("serviceAccount", &request.service_account)?;
        if request.audience.is_empty() {
            return Err("audience: the issuer URL of a realm is needed".into());
        }
        let lifetime = request.expiration_seconds.unwrap_or(LIFETIME);
        if !(1..=MAX_LIFETIME).contains(&lifetime) {
            return Err(format!("expirationSeconds: 1 to {MAX_LIFETIME} is needed"));
        }
        let (namespace, name) = (&request.namespace, &request.service_account);
        let subject = format!("system:serviceaccount:{namespace}:{name}");
        let now = self.inner.clock.now();
        let claims = json!({
            "aud": [request.audience],
            "exp": now + lifetime,
            "iat": now,
            "nbf": now,
            "iss": self.inner.issuer,
            "jti": Uuid::new_v4().to_string(),
            "kubernetes.io": {
                "namespace": namespace,
                "serviceaccount": {"name": name, "uid": self.uid(&subject).to_string()},
            },
            "sub": subject,
        });
        let token = self
            .inner
            .key
            .sign("JWT", &claims)
            .map_err(|e| e.to_string())?;
        Ok((token, now + lifetime))
    }

    /// An account keeps its uid while the issuer runs.
    fn uid(&self, subject: &str) -> Uuid {
        let mut uids = self
            .inner
            .uids
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if uids.len() >= ACCOUNTS {
            uids.clear();
        }
        *uids.entry(subject.to_owned()).or_insert_with(Uuid::new_v4)
    }
}

async fn discovery(State(issuer): State<TestIssuer>) -> Json<Value> {
    Json(json!({
        "issuer": issuer.url(),
        "jwks_uri": format!("{}/openid/v1/jwks", issuer.url()),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [issuer.inner.key.algorithm().as_str()],
    }))
}

async fn jwks(State(issuer): State<TestIssuer>) -> Json<JwkSet> {
    Json(JwkSet {
        keys: issuer.inner.key.public_jwk().into_iter().collect(),
    })
}

/// JSON like the status of a TokenRequest; the bare token when text is asked for.
async fn token(State(issuer): State<TestIssuer>, headers: HeaderMap, body: Bytes) -> Response {
    // A page in a browser on this machine must not get tokens.
    if headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site") {
        return refuse(StatusCode::FORBIDDEN, "not for browsers");
    }
    let request: TokenRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(e) => {
            let wanted = r#"send {"namespace": "…", "serviceAccount": "…", "audience": "…", "expirationSeconds": 600}"#;
            return refuse(StatusCode::BAD_REQUEST, &format!("{e}; {wanted}"));
        }
    };
    if request.namespace == RESERVED_NAMESPACE {
        return refuse(
            StatusCode::FORBIDDEN,
            &format!("namespace: {RESERVED_NAMESPACE} is reserved for `realmkeep dev` itself"),
        );
    }
    let (token, expires) = match issuer.mint(&request) {
        Ok(minted) => minted,
        Err(e) => return refuse(StatusCode::BAD_REQUEST, &e),
    };
    let text = headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept.as_bytes().starts_with(b"text/plain"));
    if text {
        return token.into_response();
    }
    let expires = jiff::Timestamp::from_second(expires).map(|t| t.to_string());
    Json(json!({"token": token, "expirationTimestamp": expires.ok()})).into_response()
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"error": why}))).into_response()
}

/// A DNS subdomain (RFC 1123), as Kubernetes names things.
fn check_name(field: &str, name: &str) -> Result<(), String> {
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let right = name.len() <= 253
        && name.bytes().all(inside)
        && edge(name.bytes().next())
        && edge(name.bytes().last());
    if right {
        Ok(())
    } else {
        Err(format!(
            "{field}: {name:?} is not a name in Kubernetes (small letters, digits, - and .)"
        ))
    }
}
