//! Connections to servers: one client for each, kept while its resource stays the same.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, Client as KubeClient, ResourceExt, api::PostParams};
use realmkeep_admin_client::{AdminClient, AssertionSource, Credentials};
use realmkeep_crds::{
    ExternalServer, ExternalServerAuth, IdentityServer, Reason, ResolvedServerRef, ServerKind,
};
use realmkeep_representations::SecretString;
use realmkeep_sync::RefError;

use crate::{
    args::Args,
    audience,
    problem::Problem,
    secrets,
    stores::{Stores, find},
};

const MASTER: &str = "master";
const ADMIN_CLI: &str = "admin-cli";
/// The shortest that the API server issues, in seconds; the server gives an access token for it
/// at once.
const ASSERTION_LIFETIME: i64 = 600;

/// A server that can be called.
#[derive(Clone)]
pub struct Server {
    pub admin: AdminClient,
    /// The realm that the operator's account lives in.
    pub account_realm: String,
    /// What comes before `/realms` in issuers.
    pub public_url: String,
}

impl Server {
    pub fn issuer(&self, realm: &str) -> String {
        format!("{}/realms/{realm}", self.public_url)
    }
}

/// All connections.
pub struct Servers {
    client: KubeClient,
    namespace: String,
    service_account: String,
    open: Mutex<HashMap<ResolvedServerRef, (String, Server)>>,
}

impl Servers {
    pub fn new(client: KubeClient, args: &Args) -> Self {
        Self {
            client,
            namespace: args.namespace.clone(),
            service_account: args.service_account.clone(),
            open: Mutex::default(),
        }
    }

    /// The server that a realm refers to; `None` when its resource does not exist or is going.
    ///
    /// # Errors
    /// The resource or its credentials are not usable.
    pub async fn connect(
        &self,
        stores: &Stores,
        server: &ResolvedServerRef,
    ) -> Result<Option<Server>, Problem> {
        let unusable = |guarded_error: &str| {
            let ResolvedServerRef {
                kind,
                namespace,
                name,
            } = server;
            let message = format!("{kind:?} {namespace}/{name} is not usable: {guarded_error}");
            Problem::programmed(Reason::Pending, message).transient()
        };
        match server.kind {
            ServerKind::IdentityServer => {
                let found = find(&stores.identity_servers, &server.namespace, &server.name);
                match found.as_deref().map(|found| &found.0) {
                    Some(Ok(found)) => {
                        let connected = self.identity_server(stores, found);
                        connected.map(Some).map_err(|e| unusable(&e.message))
                    }
                    Some(Err(e)) => Err(unusable(&e.error)),
                    None => Ok(None),
                }
            }
            ServerKind::ExternalServer => {
                let found = find(&stores.external_servers, &server.namespace, &server.name);
                match found.as_deref().map(|found| &found.0) {
                    Some(Ok(found)) => {
                        let connected = self.external_server(stores, found).await;
                        connected.map(Some).map_err(|e| unusable(&e.message))
                    }
                    Some(Err(e)) => Err(unusable(&e.error)),
                    None => Ok(None),
                }
            }
        }
    }

    /// # Errors
    /// The URL is none, or another server's.
    pub fn identity_server(
        &self,
        stores: &Stores,
        server: &IdentityServer,
    ) -> Result<Server, Problem> {
        if let Some(error) = audience::validate(server) {
            return Err(invalid(&error.path, &error.message));
        }
        audience::claim_identity_server(server, stores)?;
        let key = resolved(ServerKind::IdentityServer, server);
        let print = fingerprint(server, &[]);
        if let Some(open) = self.open(&key, &print) {
            return Ok(open);
        }
        let public_url = server.public_url();
        let audience = audience::of_identity_server(server);
        let credentials = Credentials::Assertion {
            realm: MASTER.into(),
            client_id: None,
            source: self.own_token(audience),
        };
        let admin = AdminClient::builder(server.cluster_url(), credentials).build();
        let admin = admin.map_err(|e| invalid("spec.url", &e.to_string()))?;
        let connected = Server {
            admin,
            account_realm: MASTER.into(),
            public_url,
        };
        Ok(self.keep(key, print, connected))
    }

    /// # Errors
    /// A Secret cannot be read, the operator's account may not be used, or the URL or the CA is
    /// none.
    pub async fn external_server(
        &self,
        stores: &Stores,
        server: &ExternalServer,
    ) -> Result<Server, Problem> {
        let namespace = server.namespace().unwrap_or_default();
        let key = resolved(ServerKind::ExternalServer, server);
        let url = server.spec.url.trim_end_matches('/').to_owned();
        let master = |realm: &Option<String>| realm.clone().unwrap_or_else(|| MASTER.into());
        let secret =
            async |field: &str, from| secrets::resolve(&self.client, &namespace, field, from).await;
        let mut versions = Vec::new();
        let (account_realm, credentials) = match &server.spec.auth {
            ExternalServerAuth::ServiceAccount(auth) => {
                let realm = master(&auth.realm);
                audience::claim_external_server(server, auth, &self.namespace, stores)?;
                let audience = audience::of_external_server(server, auth);
                let credentials = Credentials::Assertion {
                    realm: realm.clone(),
                    client_id: auth.client_id.clone(),
                    source: self.own_token(audience),
                };
                (realm, credentials)
            }
            ExternalServerAuth::ClientCredentials(auth) => {
                let field = "spec.auth.clientCredentials.clientSecret";
                let input = secret(field, &auth.client_secret).await?;
                versions.push(input.version);
                let realm = master(&auth.realm);
                let credentials = Credentials::ClientSecret {
                    realm: realm.clone(),
                    client_id: auth.client_id.clone(),
                    secret: input.value,
                };
                (realm, credentials)
            }
            ExternalServerAuth::Password(auth) => {
                let input = secret("spec.auth.password.password", &auth.password).await?;
                versions.push(input.version);
                let realm = master(&auth.realm);
                let credentials = Credentials::Password {
                    realm: realm.clone(),
                    client_id: auth.client_id.clone().unwrap_or_else(|| ADMIN_CLI.into()),
                    username: auth.username.clone(),
                    password: input.value,
                };
                (realm, credentials)
            }
            ExternalServerAuth::Token(auth) => {
                let input = secret("spec.auth.token.valueFrom", &auth.value_from).await?;
                versions.push(input.version);
                (MASTER.to_owned(), Credentials::StaticToken(input.value))
            }
        };
        let print = fingerprint(server, &versions);
        if let Some(open) = self.open(&key, &print) {
            return Ok(open);
        }
        let mut builder = AdminClient::builder(&url, credentials);
        if let Some(ca) = &server.spec.ca {
            builder = builder.extra_ca_pem(ca.as_bytes());
        }
        let admin = builder
            .build()
            .map_err(|e| invalid("spec", &e.to_string()))?;
        let connected = Server {
            admin,
            account_realm,
            public_url: url,
        };
        Ok(self.keep(key, print, connected))
    }

    /// A token of the operator's own service account for `audience`, asked for each time.
    fn own_token(&self, audience: String) -> AssertionSource {
        let api: Api<ServiceAccount> = Api::namespaced(self.client.clone(), &self.namespace);
        let account = self.service_account.clone();
        AssertionSource::Provider(Arc::new(move || {
            let (api, account, audience) = (api.clone(), account.clone(), audience.clone());
            Box::pin(async move {
                let request = TokenRequest {
                    spec: TokenRequestSpec {
                        audiences: vec![audience],
                        expiration_seconds: Some(ASSERTION_LIFETIME),
                        bound_object_ref: None,
                    },
                    ..TokenRequest::default()
                };
                let answer = api
                    .create_token_request(&account, &PostParams::default(), &request)
                    .await
                    .map_err(|e| {
                        format!("the operator's service account {account} gets no token: {e}")
                    })?;
                match answer.status {
                    Some(status) => Ok(SecretString::new(status.token)),
                    None => Err("the Kubernetes API server answered without a token".into()),
                }
            })
        }))
    }

    fn open(&self, key: &ResolvedServerRef, print: &str) -> Option<Server> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, server) = open.get(key)?;
        (kept == print).then(|| server.clone())
    }

    fn keep(&self, key: ResolvedServerRef, print: String, server: Server) -> Server {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(key, (print, server.clone()));
        server
    }

    /// Forgets the connection to a server whose resource is gone.
    pub fn forget(&self, server: &ResolvedServerRef) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.remove(server);
    }
}

/// The error of a reference to a server that is not there.
pub fn not_found(server: &ResolvedServerRef) -> RefError {
    RefError::ServerNotFound {
        field: "spec.serverRef",
        kind: match server.kind {
            ServerKind::IdentityServer => "IdentityServer",
            ServerKind::ExternalServer => "ExternalServer",
        },
        namespace: server.namespace.clone(),
        name: server.name.clone(),
    }
}

fn invalid(field: &str, message: &str) -> Problem {
    Problem::accepted(Reason::Invalid, format!("{field}: {message}"))
}

fn resolved(kind: ServerKind, object: &impl ResourceExt) -> ResolvedServerRef {
    ResolvedServerRef {
        kind,
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
    }
}

fn fingerprint(object: &impl ResourceExt, versions: &[String]) -> String {
    let generation = object.meta().generation.unwrap_or_default();
    format!(
        "{} {generation} {}",
        object.uid().unwrap_or_default(),
        versions.join(" ")
    )
}
