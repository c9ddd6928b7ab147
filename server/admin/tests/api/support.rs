//! A server with the Admin API and the token endpoint, in process, on a loopback port.
#![allow(dead_code)]

use std::net::SocketAddr;
use std::sync::Arc;

use realmkeep_admin::bootstrap;
use realmkeep_authn::{BaseUrl, BootstrapTrust, CookieSeal, RemoteKeyCache, Services};
use realmkeep_events::Events;
use realmkeep_keys::providers::Sources;
use realmkeep_keys::vault::Vault;
use realmkeep_keys::{Keys, MasterKey, PasswordHasher};
use realmkeep_model::clock::Clock;
use realmkeep_pages::Pages;
use realmkeep_representations::SecretString;
use realmkeep_store::Store;
use realmkeep_workload_identity::{OutboundConfig, OutboundHttp};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

pub struct Server {
    pub base: String,
    pub services: Arc<Services>,
    http: reqwest::Client,
    task: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

/// An answer, read to its end; the body is null when there is none.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub location: Option<String>,
    /// `Set-Cookie` headers.
    pub cookies: Vec<String>,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// The last segment of the new object's address.
    pub fn id(&self) -> String {
        let location = self.location.as_deref().expect("a Location");
        location.rsplit('/').next().unwrap().to_owned()
    }

    /// A header field; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn names(&self, key: &str) -> Vec<String> {
        let list = self.body.as_array().expect(&self.text);
        list.iter()
            .map(|v| v[key].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

/// Somebody with a token.
#[derive(Clone)]
pub struct Caller<'a> {
    server: &'a Server,
    token: Option<String>,
}

impl Server {
    /// Started for the first time, with the administrator `admin`, password `admin`.
    pub async fn start() -> Self {
        Self::start_trusting(None).await
    }

    /// As [`Server::start`], with the realm `r` in it.
    pub async fn with_realm() -> Self {
        let server = Self::start().await;
        server.admin().await.new_realm("r").await;
        server
    }

    pub async fn start_trusting(trust: Option<BootstrapTrust>) -> Self {
        Self::start_as("", trust, Sources::default()).await
    }

    /// As [`Server::start`], with features switched on.
    pub async fn start_featured(features: &str) -> Self {
        Self::start_as(features, None, Sources::default()).await
    }

    pub async fn start_with_vault(vault: Vault) -> Self {
        let sources = Sources {
            vault,
            ..Sources::default()
        };
        Self::start_with(sources).await
    }

    /// With keys and secrets from beside the database.
    pub async fn start_with(sources: Sources) -> Self {
        Self::start_as("", None, sources).await
    }

    async fn start_as(features: &str, trust: Option<BootstrapTrust>, sources: Sources) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let master = MasterKey::generate().unwrap();
        let store = Store::open(&folder.path().join("test.db"), Box::new(master.clone())).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let clock = Clock::default();
        let outbound = OutboundHttp::new(&OutboundConfig {
            allow_http_loopback: true,
            ..OutboundConfig::default()
        })
        .unwrap();
        let services = Arc::new(Services {
            keys: Keys::new(store.clone()).with_sources(sources),
            passwords: PasswordHasher::new(),
            events: Events::recording(Arc::default(), store.clone(), clock.clone()),
            base_url: BaseUrl::parse(&base).unwrap(),
            accounts: realmkeep_authn::accounts::Accounts::plain(outbound.clone()).unwrap(),
            remote_keys: RemoteKeyCache::new(outbound, None, clock.clone()),
            pages: Pages::new("").unwrap(),
            features: features.parse().unwrap(),
            bootstrap_trust: trust,
            cookies: CookieSeal::new(&master).unwrap(),
            clock,
            store,
        });
        assert!(bootstrap::ensure_master(&services).await.unwrap());
        bootstrap::create_admin(&services, "admin", &SecretString::new("admin"))
            .await
            .unwrap();
        let app = realmkeep_oidc::router()
            .merge(realmkeep_account::router())
            .merge(realmkeep_admin::router())
            .with_state(services.clone());
        let task = tokio::spawn(async move {
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, app).await.unwrap();
        });
        Self {
            base,
            services,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            task,
            _folder: folder,
        }
    }

    /// Logs in at `admin-cli`.
    pub async fn login(&self, realm: &str, username: &str, password: &str) -> Caller<'_> {
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", username),
            ("password", password),
        ];
        let answer = self.token(realm, &form).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        Caller {
            server: self,
            token: Some(answer.body["access_token"].as_str().unwrap().to_owned()),
        }
    }

    pub async fn token(&self, realm: &str, form: &[(&str, &str)]) -> Answer {
        let url = format!("{}/realms/{realm}/protocol/openid-connect/token", self.base);
        read(self.http.post(url).form(form).send().await.unwrap()).await
    }

    /// Posts a form to a path of the server, without a token.
    pub async fn post_form(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let url = format!("{}{path}", self.base);
        read(self.http.post(url).form(form).send().await.unwrap()).await
    }

    pub async fn admin(&self) -> Caller<'_> {
        self.login("master", "admin", "admin").await
    }

    pub fn stranger(&self) -> Caller<'_> {
        Caller {
            server: self,
            token: None,
        }
    }

    pub fn bearer(&self, token: &str) -> Caller<'_> {
        Caller {
            server: self,
            token: Some(token.to_owned()),
        }
    }

    /// A user of `realm` with these roles of `client`, logged in. The password is the username.
    pub async fn user_with(
        &self,
        realm: &str,
        name: &str,
        client: &str,
        roles: &[&str],
    ) -> Caller<'_> {
        let admin = self.admin().await;
        let users = format!("/{realm}/users");
        let user = json!({
            "username": name, "enabled": true, "email": format!("{name}@example.test"), "emailVerified": true, "firstName": "A", "lastName": "B",
            "credentials": [{"type": "password", "value": name}],
        });
        let id = admin.post(&users, user).await.is(201).id();
        if !roles.is_empty() {
            let found = admin
                .get(&format!("/{realm}/clients?clientId={client}"))
                .await
                .is(200);
            let client = found.body[0]["id"].as_str().unwrap().to_owned();
            let all = admin
                .get(&format!("/{realm}/clients/{client}/roles"))
                .await
                .is(200);
            let wanted: Vec<Value> = all
                .body
                .as_array()
                .unwrap()
                .iter()
                .filter(|r| roles.contains(&r["name"].as_str().unwrap()))
                .cloned()
                .collect();
            assert_eq!(wanted.len(), roles.len());
            let path = format!("{users}/{id}/role-mappings/clients/{client}");
            admin.post(&path, json!(wanted)).await.is(204);
        }
        self.login(realm, name, name).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Caller<'_> {
    /// `path` is below `/admin/realms`, unless it begins with `/admin` or `/realms`.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.call_with(method, path, body, &[]).await
    }

    /// As [`Caller::call`], with header fields.
    pub async fn call_with(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        read(self.send(method, path, body, headers).await).await
    }

    /// As [`Caller::call_with`]; the body is still to come.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> reqwest::Response {
        let path = if path.starts_with("/admin") || path.starts_with("/realms") {
            path.to_owned()
        } else {
            format!("/admin/realms{path}")
        };
        let mut request = self
            .server
            .http
            .request(method, format!("{}{path}", self.server.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// Posts a form of this content type below `/admin/realms`.
    pub async fn form(&self, path: &str, (kind, body): (String, String)) -> Answer {
        let request = self
            .server
            .http
            .post(format!("{}/admin/realms{path}", self.server.base))
            .header("content-type", kind)
            .bearer_auth(self.token.as_deref().unwrap_or_default())
            .body(body);
        read(request.send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    /// A file below `/admin/realms`: its media type, and what it holds.
    pub async fn download(&self, path: &str) -> (String, Vec<u8>) {
        let url = format!("{}/admin/realms{path}", self.server.base);
        let mut request = self.server.http.get(url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let kind = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        (kind, answer.bytes().await.unwrap().to_vec())
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    pub async fn new_realm(&self, name: &str) {
        self.post("", json!({"realm": name, "enabled": true}))
            .await
            .is(201);
    }
}

async fn read(response: reqwest::Response) -> Answer {
    let status = response.status();
    let location = response
        .headers()
        .get("location")
        .map(|l| l.to_str().unwrap().to_owned());
    let cookies = response
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|c| c.to_str().unwrap().to_owned())
        .collect();
    let headers = response.headers().clone();
    let text = response.text().await.unwrap();
    Answer {
        status,
        headers,
        location,
        cookies,
        body: serde_json::from_str(&text).unwrap_or(Value::Null),
        text,
    }
}
