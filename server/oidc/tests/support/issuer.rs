//! An issuer of workload tokens as a Kubernetes API server is one: discovery, keys, tokens.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use realmkeep_jose::{Algorithm, JwkSet, SigningKey};
use serde_json::{Value, json};

/// A running issuer.
pub struct Issuer {
    /// `http://127.0.0.1:port`.
    pub url: String,
    pub key: SigningKey,
    state: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    url: String,
    jwks: Mutex<JwkSet>,
    fetches: AtomicUsize,
}

impl Issuer {
    pub async fn start() -> Self {
        Self::start_with(&[Algorithm::Es256]).await
    }

    /// With one key an algorithm; the first is [`Issuer::key`].
    pub async fn start_with(algorithms: &[Algorithm]) -> Self {
        let keys: Vec<SigningKey> = algorithms
            .iter()
            .map(|algorithm| SigningKey::generate(*algorithm).unwrap())
            .collect();
        Self::with_keys(keys).await
    }

    pub async fn with_keys(keys: Vec<SigningKey>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Shared {
            url: url.clone(),
            jwks: Mutex::new(JwkSet {
                keys: keys.iter().filter_map(SigningKey::public_jwk).collect(),
            }),
            fetches: AtomicUsize::new(0),
        });
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/openid/v1/jwks", get(jwks))
            .route("/bundle", get(bundle))
            .with_state(state.clone());
        let task = tokio::spawn(async move {
            axum::serve(listener, app).await.unwrap();
        });
        Self {
            url,
            key: keys[0].clone(),
            state,
            task,
        }
    }

    /// How often the keys were fetched.
    pub fn fetches(&self) -> usize {
        self.state.fetches.load(Ordering::Relaxed)
    }

    /// A projected service account token as the kubelet puts it into a pod.
    pub fn service_account_token(&self, subject: &str, audience: &str, now: i64) -> Value {
        json!({
            "aud": [audience],
            "exp": now + 600,
            "iat": now,
            "iss": self.url,
            "jti": uuid::Uuid::new_v4().to_string(),
            "kubernetes.io": {
                "namespace": "default",
                "serviceaccount": {"name": "my-sa", "uid": "6a2c2b3a-0000-4000-8000-000000000001"}
            },
            "nbf": now,
            "sub": subject,
        })
    }

    /// Publishes this key alone from now on, and signs with it.
    pub fn rotate(&mut self, key: SigningKey) {
        let keys = key.public_jwk().into_iter().collect();
        *self.state.jwks.lock().unwrap() = JwkSet { keys };
        self.key = key;
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.key.sign("JWT", claims).unwrap()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn discovery(State(state): State<Arc<Shared>>) -> axum::Json<Value> {
    axum::Json(json!({
        "issuer": state.url,
        "jwks_uri": format!("{}/openid/v1/jwks", state.url),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }))
}

async fn jwks(State(state): State<Arc<Shared>>) -> axum::Json<JwkSet> {
    state.fetches.fetch_add(1, Ordering::Relaxed);
    axum::Json(state.jwks.lock().unwrap().clone())
}

/// The same keys as the bundle of a SPIFFE trust domain.
async fn bundle(State(state): State<Arc<Shared>>) -> axum::Json<Value> {
    state.fetches.fetch_add(1, Ordering::Relaxed);
    let jwks = state.jwks.lock().unwrap().clone();
    let keys: Vec<Value> = jwks
        .keys
        .into_iter()
        .map(|mut key| {
            key.use_ = Some("jwt-svid".to_owned());
            key.alg = None;
            json!(key)
        })
        .collect();
    axum::Json(json!({"keys": keys, "spiffe_sequence": 1, "spiffe_refresh_hint": 300}))
}
