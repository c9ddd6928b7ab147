//! A server on a loopback port with a realm of its own, and what tests put into it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod issuer;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use realmkeep_authn::{BaseUrl, CookieSeal, RemoteKeyCache, Services};
use realmkeep_events::Events;
use realmkeep_keys::{Hashing, Keys, MasterKey, PasswordHasher, generate_realm_keys};
use realmkeep_model::clock::Clock;
use realmkeep_model::features::Features;
use realmkeep_model::fresh;
use realmkeep_pages::Pages;
use realmkeep_representations::{
    ClientRepresentation, CredentialRepresentation, IdentityProviderRepresentation,
    RealmRepresentation, RoleRepresentation, SecretString, UserRepresentation,
};
use realmkeep_store::roles::Holder;
use realmkeep_store::{Batch, Realm, Store, Touch};
use realmkeep_webauthn::Truststore;
use realmkeep_workload_identity::{OutboundConfig, OutboundHttp};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

pub const REALM: &str = "test";
/// Stands for what the listener finds out: the connection's client certificate, base64url.
pub const CERTIFICATE: &str = "x-test-certificate";

async fn certificate(mut request: axum::extract::Request) -> axum::extract::Request {
    let header = request.headers_mut().remove(CERTIFICATE);
    if let Some(der) = header.and_then(realmkeep_jose::from_base64url) {
        let found = realmkeep_oidc::mtls::ClientCertificate::new(&der);
        request.extensions_mut().insert(found);
    }
    request
}

/// A running server.
pub struct Server {
    /// `http://127.0.0.1:port`.
    pub base: String,
    pub services: Arc<Services>,
    /// Follows no redirects and keeps no cookies.
    pub http: reqwest::Client,
    folder: tempfile::TempDir,
    task: tokio::task::JoinHandle<()>,
}

/// What a server may be started with besides its realm.
pub struct SetUp {
    pub outbound: OutboundConfig,
    pub pages: Pages,
    pub passwords: PasswordHasher,
    pub features: Features,
    /// Whose attestations of security keys count.
    pub attestations: Truststore,
}

impl Default for SetUp {
    fn default() -> Self {
        Self {
            outbound: OutboundConfig {
                allow_http_loopback: true,
                ..OutboundConfig::default()
            },
            pages: Pages::new("").unwrap(),
            passwords: PasswordHasher::new(),
            features: "".parse().unwrap(),
            attestations: Truststore::Disabled,
        }
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Server {
    /// Starts a server whose only realm is [`REALM`].
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// As [`Server::start`], with other settings of the realm.
    pub async fn start_with(change: impl FnOnce(&mut RealmRepresentation)) -> Self {
        Self::start_set_up(SetUp::default(), change).await
    }

    /// As [`Server::start_with`], with features switched on.
    pub async fn start_featured(
        features: &str,
        change: impl FnOnce(&mut RealmRepresentation),
    ) -> Self {
        let set_up = SetUp {
            features: features.parse().unwrap(),
            ..SetUp::default()
        };
        Self::start_set_up(set_up, change).await
    }

    /// As [`Server::start_with`], for a server with something else of its own.
    pub async fn start_set_up(
        set_up: SetUp,
        change: impl FnOnce(&mut RealmRepresentation),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let master = MasterKey::generate().unwrap();
        let store = Store::open(&folder.path().join("test.db"), Box::new(master.clone())).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let clock = Clock::default();
        let outbound = OutboundHttp::new(&set_up.outbound).unwrap();
        let mut accounts = realmkeep_authn::accounts::Accounts::plain(outbound.clone()).unwrap();
        accounts.attestations = set_up.attestations;
        let services = Arc::new(Services {
            keys: Keys::new(store.clone()),
            passwords: set_up.passwords,
            events: Events::recording(Arc::default(), store.clone(), clock.clone()),
            base_url: BaseUrl::parse(&base).unwrap(),
            accounts,
            remote_keys: RemoteKeyCache::new(outbound, None, clock.clone()),
            pages: set_up.pages,
            features: set_up.features,
            bootstrap_trust: None,
            cookies: CookieSeal::new(&master).unwrap(),
            clock,
            store,
        });
        let app = realmkeep_oidc::router()
            .layer(axum::middleware::map_request(certificate))
            .with_state(services.clone());
        let task = tokio::spawn(async move {
            let app = app.into_make_service_with_connect_info::<std::net::SocketAddr>();
            axum::serve(listener, app).await.unwrap();
        });
        let server = Self {
            base,
            services,
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .unwrap(),
            folder,
            task,
        };
        let mut realm = fresh::realm(REALM, &mut || Uuid::new_v4().to_string());
        // Users of tests have no more of a profile than the test is about.
        for action in realm.required_actions.iter_mut().flatten() {
            if action.alias.as_deref() == Some("VERIFY_PROFILE") {
                action.enabled = Some(false);
            }
        }
        change(&mut realm);
        server.add_realm(realm).await;
        server
    }

    pub fn issuer(&self) -> String {
        format!("{}/realms/{REALM}", self.base)
    }

    /// The address of an endpoint below `/protocol/openid-connect`.
    pub fn url(&self, endpoint: &str) -> String {
        format!("{}/protocol/openid-connect/{endpoint}", self.issuer())
    }

    /// The database's file.
    pub fn database(&self) -> std::path::PathBuf {
        self.folder.path().join("test.db")
    }

    pub async fn realm(&self) -> Arc<Realm> {
        self.services.store.realm(REALM).await.unwrap().unwrap()
    }

    /// Writes a complete realm, as fresh ones are.
    pub async fn add_realm(&self, mut realm: RealmRepresentation) {
        let store = &self.services.store;
        let id = realm.id.clone().unwrap();
        let name = realm.realm.clone().unwrap();
        let clients = realm.clients.take().unwrap();
        let scopes = realm.client_scopes.take().unwrap();
        let roles = realm.roles.take().unwrap();
        let realm_mappings = realm.scope_mappings.take().unwrap();
        realm.groups = None;
        realm.components = None;
        realm.client_scope_mappings = None;
        realm.identity_providers = None;
        realm.identity_provider_mappers = None;
        let mut batch = Batch::new();
        batch.push(store.insert_realm(&realm).unwrap());
        let mut holders = HashMap::new();
        let mut client_ids = HashMap::new();
        for client in &clients {
            batch.push(store.insert(&id, client).unwrap());
            client_ids.insert(
                client.client_id.clone().unwrap(),
                client.id.clone().unwrap(),
            );
        }
        for scope in &scopes {
            batch.push(store.insert(&id, scope).unwrap());
            holders.insert(scope.name.clone().unwrap(), scope.id.clone().unwrap());
        }
        let mut ids: HashMap<(String, String), String> = HashMap::new();
        let all: Vec<(String, RoleRepresentation)> = roles
            .realm
            .into_iter()
            .flatten()
            .map(|role| (String::new(), role))
            .chain(
                roles
                    .client
                    .into_iter()
                    .flatten()
                    .flat_map(|(client, roles)| {
                        roles.into_iter().map(move |r| (client.clone(), r))
                    }),
            )
            .collect();
        for (client, role) in &all {
            batch.push(store.insert(&id, role).unwrap());
            ids.insert(
                (client.clone(), role.name.clone().unwrap()),
                role.id.clone().unwrap(),
            );
        }
        for (_, role) in &all {
            let Some(composites) = &role.composites else {
                continue;
            };
            let own = role.id.as_deref().unwrap();
            for child in composites.realm.iter().flatten() {
                let child = &ids[&(String::new(), child.clone())];
                batch.push(Store::grant_role(Holder::Role, own, child));
            }
            for (client, children) in composites.client.iter().flatten() {
                for child in children {
                    let child = &ids[&(client.clone(), child.clone())];
                    batch.push(Store::grant_role(Holder::Role, own, child));
                }
            }
        }
        for mapping in realm_mappings {
            let holder = &holders[&mapping.client_scope.unwrap()];
            for role in mapping.roles.into_iter().flatten() {
                let role = &ids[&(String::new(), role)];
                batch.push(Store::grant_role(Holder::Scope, holder, role));
            }
        }
        for key in generate_realm_keys(&name, self.services.clock.now()).unwrap() {
            batch.push(store.insert(&id, &key).unwrap());
        }
        store.commit(batch).await.unwrap();
    }

    /// Changes the settings of the realm.
    pub async fn change_realm(&self, change: impl FnOnce(&mut RealmRepresentation)) {
        let realm = self.realm().await;
        let mut settings = realm.settings.clone();
        change(&mut settings);
        let mut batch = Batch::new();
        batch.push(self.services.store.update_realm(&settings).unwrap());
        batch.touch(Touch::Realm(realm.id.clone()));
        self.services.store.commit(batch).await.unwrap();
    }

    /// Adds a client: the defaults with what `given` says. With `serviceAccountsEnabled` it gets a
    /// service account.
    pub async fn add_client(&self, given: Value) -> ClientRepresentation {
        let realm = self.realm().await;
        let mut all = serde_json::to_value(fresh::client_defaults()).unwrap();
        let object = all.as_object_mut().unwrap();
        object.insert("id".to_owned(), json!(Uuid::new_v4().to_string()));
        object.insert("enabled".to_owned(), json!(true));
        object.insert("protocol".to_owned(), json!("openid-connect"));
        object.insert(
            "defaultClientScopes".to_owned(),
            json!(["web-origins", "acr", "profile", "roles", "basic", "email"]),
        );
        object.insert(
            "optionalClientScopes".to_owned(),
            json!(["address", "phone", "offline_access", "microprofile-jwt"]),
        );
        object.extend(given.as_object().unwrap().clone());
        if object.get("serviceAccountsEnabled") == Some(&json!(true)) {
            let scopes = object["defaultClientScopes"].as_array_mut().unwrap();
            scopes.push(json!("service_account"));
        }
        let client: ClientRepresentation = serde_json::from_value(all).unwrap();
        let client_id = client.client_id.clone().unwrap();
        let mut batch = Batch::new();
        batch.push(self.services.store.insert(&realm.id, &client).unwrap());
        batch.touch(Touch::Client(realm.id.clone(), client_id.clone()));
        if client.service_accounts_enabled == Some(true) {
            let user = UserRepresentation {
                id: Some(Uuid::new_v4().to_string()),
                username: Some(format!("service-account-{client_id}").to_lowercase()),
                enabled: Some(true),
                service_account_client_id: Some(client_id),
                ..UserRepresentation::default()
            };
            let user_id = user.id.clone().unwrap();
            let own = client.id.as_deref();
            batch.push(
                self.services
                    .store
                    .insert_user(&realm.id, &user, own)
                    .unwrap(),
            );
            batch.push(Store::grant_role(
                Holder::User,
                &user_id,
                &default_role(&realm),
            ));
        }
        self.services.store.commit(batch).await.unwrap();
        client
    }

    pub async fn change_client(
        &self,
        client_id: &str,
        change: impl FnOnce(&mut ClientRepresentation),
    ) {
        let realm = self.realm().await;
        let store = &self.services.store;
        let client = store.client(&realm, client_id).await.unwrap().unwrap();
        let mut representation = client.representation.clone();
        change(&mut representation);
        let mut batch = Batch::new();
        batch.push(store.update(&realm.id, &representation).unwrap());
        batch.touch(Touch::Client(realm.id.clone(), client_id.to_owned()));
        store.commit(batch).await.unwrap();
    }

    pub async fn delete_client(&self, client_id: &str) {
        let realm = self.realm().await;
        let store = &self.services.store;
        let client = store.client(&realm, client_id).await.unwrap().unwrap();
        let id = client.representation.id.clone().unwrap();
        let mut batch = Batch::new();
        batch.push(Store::delete::<ClientRepresentation>(&realm.id, &id));
        batch.touch(Touch::Client(realm.id.clone(), client_id.to_owned()));
        store.commit(batch).await.unwrap();
    }

    /// Adds an enabled user with a password and the default roles; returns its id.
    pub async fn add_user(&self, username: &str, password: &str, given: Value) -> String {
        let realm = self.realm().await;
        let id = Uuid::new_v4().to_string();
        let mut all = json!({"id": id, "username": username, "enabled": true});
        all.as_object_mut()
            .unwrap()
            .extend(given.as_object().unwrap().clone());
        let user: UserRepresentation = serde_json::from_value(all).unwrap();
        let stored = self
            .services
            .passwords
            .hash(password, Hashing::default())
            .await;
        let stored = stored.unwrap();
        let credential = CredentialRepresentation {
            id: Some(Uuid::new_v4().to_string()),
            r#type: Some("password".to_owned()),
            credential_data: Some(stored.credential_data),
            secret_data: Some(stored.secret_data),
            ..CredentialRepresentation::default()
        };
        let store = &self.services.store;
        let mut batch = Batch::new();
        batch.push(store.insert_user(&realm.id, &user, None).unwrap());
        batch.push(store.insert_credential(&id, &credential).unwrap());
        batch.push(Store::grant_role(Holder::User, &id, &default_role(&realm)));
        store.commit(batch).await.unwrap();
        id
    }

    pub async fn change_user(&self, id: &str, change: impl FnOnce(&mut UserRepresentation)) {
        let realm = self.realm().await;
        let store = &self.services.store;
        let mut user = store.find_user(&realm.id, id).await.unwrap().unwrap();
        change(&mut user);
        let mut batch = Batch::new();
        batch.push(store.update_user(&realm.id, &user, None).unwrap());
        batch.touch(Touch::User(realm.id.clone(), id.to_owned()));
        store.commit(batch).await.unwrap();
    }

    /// Adds an identity provider.
    pub async fn add_provider(&self, alias: &str, kind: &str, config: &[(&str, &str)]) {
        let realm = self.realm().await;
        let config: BTreeMap<String, String> = config
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let provider = IdentityProviderRepresentation {
            internal_id: Some(Uuid::new_v4().to_string()),
            alias: Some(alias.to_owned()),
            provider_id: Some(kind.to_owned()),
            enabled: Some(true),
            config: Some(config),
            ..IdentityProviderRepresentation::default()
        };
        let mut batch = Batch::new();
        batch.push(self.services.store.insert(&realm.id, &provider).unwrap());
        batch.touch(Touch::Realm(realm.id.clone()));
        self.services.store.commit(batch).await.unwrap();
    }

    pub async fn change_provider(
        &self,
        alias: &str,
        change: impl FnOnce(&mut IdentityProviderRepresentation),
    ) {
        let realm = self.realm().await;
        let mut provider = realm.identity_provider(alias).unwrap().clone();
        change(&mut provider);
        let mut batch = Batch::new();
        batch.push(self.services.store.update(&realm.id, &provider).unwrap());
        batch.touch(Touch::Realm(realm.id.clone()));
        self.services.store.commit(batch).await.unwrap();
    }

    /// `POST …/token`.
    pub async fn token(&self, form: &[(&str, &str)]) -> Answer {
        self.post("token", form).await
    }

    /// `POST` of a form to an endpoint.
    pub async fn post(&self, endpoint: &str, form: &[(&str, &str)]) -> Answer {
        let response = self.http.post(self.url(endpoint)).form(form).send().await;
        Answer::read(response.unwrap()).await
    }

    /// `GET` with an access token.
    pub async fn get_with(&self, endpoint: &str, token: &str) -> Answer {
        let request = self.http.get(self.url(endpoint)).bearer_auth(token);
        Answer::read(request.send().await.unwrap()).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Answer {
    pub async fn read(response: Response) -> Self {
        let status = response.status();
        let headers = response.headers().clone();
        let bytes = response.bytes().await.unwrap();
        Self {
            status,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    /// The answer has to be this refusal.
    #[track_caller]
    pub fn refused(&self, status: u16, error: &str, description: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.body["error"], error, "{self:?}");
        assert_eq!(self.body["error_description"], description, "{self:?}");
        assert_eq!(self.headers["cache-control"], "no-store");
    }

    /// The answer has to have tokens.
    #[track_caller]
    pub fn granted(&self) -> &Value {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        assert!(self.body["access_token"].is_string(), "{self:?}");
        &self.body
    }

    #[track_caller]
    pub fn text(&self, name: &str) -> &str {
        self.body[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name} in {self:?}"))
    }
}

/// Claims of a token, unverified.
#[track_caller]
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    let payload = realmkeep_jose::from_base64url(payload).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// The secret of clients that tests make.
pub fn secret() -> SecretString {
    SecretString::new("s3cret")
}

fn default_role(realm: &Realm) -> String {
    let name = fresh::default_role_name(&realm.name);
    realm.roles.realm_role(&name).unwrap().id.clone().unwrap()
}
