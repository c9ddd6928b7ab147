//! A small Admin API in memory, over real HTTP.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use realmkeep_admin_client::{AdminClient, Credentials};
use realmkeep_representations::SecretString;
use serde_json::{Value, json};

#[derive(Default)]
pub struct Store {
    pub objects: BTreeMap<String, Value>,
    pub writes: usize,
    pub tokens: usize,
    next: usize,
}

pub type Shared = Arc<Mutex<Store>>;

/// Starts the server on a free port; it ends with the test's runtime.
pub async fn start() -> (AdminClient, Shared) {
    let store = Shared::default();
    let app = Router::new()
        .route("/realms/master/protocol/openid-connect/token", post(token))
        .route("/admin/{*path}", any(admin))
        .with_state(store.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let credentials = Credentials::Password {
        realm: "master".into(),
        client_id: "admin-cli".into(),
        username: "admin".into(),
        password: SecretString::new("admin"),
    };
    (
        AdminClient::builder(url, credentials).build().unwrap(),
        store,
    )
}

async fn token(State(store): State<Shared>, body: String) -> Response {
    if !body.contains("password=admin") {
        let error =
            json!({"error": "invalid_grant", "error_description": "Invalid user credentials"});
        return (StatusCode::UNAUTHORIZED, axum::Json(error)).into_response();
    }
    let mut store = store.lock().unwrap();
    store.tokens += 1;
    axum::Json(json!({"access_token": format!("t{}", store.tokens), "expires_in": 300}))
        .into_response()
}

async fn admin(
    State(store): State<Shared>,
    Path(path): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut store = store.lock().unwrap();
    let current = format!("Bearer t{}", store.tokens);
    if headers
        .get(header::AUTHORIZATION)
        .and_then(|h| h.to_str().ok())
        != Some(&current)
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    // A question that a Keycloak does not know.
    if path.ends_with("/secret-comparisons") {
        return StatusCode::NOT_FOUND.into_response();
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if method != Method::GET {
        store.writes += 1;
    }
    let collection = ["realms", "clients", "instances"].contains(&path.rsplit('/').next().unwrap());
    match (method, collection) {
        (Method::POST, true) => {
            store.next += 1;
            let id = format!("id-{}", store.next);
            let mut object = body;
            let name = if path.ends_with("/clients") {
                object["id"] = json!(id);
                id
            } else {
                let key = if path == "realms" { "realm" } else { "alias" };
                object[key].as_str().unwrap().to_owned()
            };
            let at = format!("{path}/{name}");
            if store.objects.contains_key(&at) {
                return (
                    StatusCode::CONFLICT,
                    axum::Json(json!({"errorMessage": "exists"})),
                )
                    .into_response();
            }
            let location = format!("http://x/admin/{at}");
            store.objects.insert(at, object);
            (StatusCode::CREATED, [(header::LOCATION, location)]).into_response()
        }
        (Method::GET, true) => {
            let found = store.objects.iter().filter(|(at, object)| {
                at.rsplit_once('/')
                    .is_some_and(|(parent, _)| parent == path)
                    && query
                        .get("clientId")
                        .is_none_or(|id| object["clientId"] == id.as_str())
            });
            axum::Json(found.map(|(_, o)| masked(o)).collect::<Vec<_>>()).into_response()
        }
        (Method::GET, false) => match store.objects.get(&path) {
            Some(object) => axum::Json(masked(object)).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        (Method::PUT, false) if store.objects.contains_key(&path) => {
            store.objects.insert(path, body);
            StatusCode::NO_CONTENT.into_response()
        }
        (Method::DELETE, false) if store.objects.remove(&path).is_some() => {
            StatusCode::NO_CONTENT.into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn masked(object: &Value) -> Value {
    let mut object = object.clone();
    for pointer in ["/config/clientSecret", "/smtpServer/password"] {
        if let Some(value) = object.pointer_mut(pointer) {
            *value = json!("**********");
        }
    }
    object
}
