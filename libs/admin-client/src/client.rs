//! One HTTP call to the Admin API: authentication, retries, errors, limits.

use std::{sync::Arc, time::Duration};

use realmkeep_representations::SecretString;
use reqwest::{Method, StatusCode, header};
use serde_json::Value;
use url::Url;

use crate::{Credentials, Error, token::TokenCache};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// An answer beyond this is not one object or one page of the Admin API.
const BODY_LIMIT: usize = 32 << 20;
/// Only GETs are repeated: nothing else is known not to have happened.
const GET_ATTEMPTS: u32 = 3;
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// A connection to one server; cheap to clone, its token is shared.
#[derive(Clone)]
pub struct AdminClient {
    inner: Arc<Inner>,
    /// Changes go through only while the object has this entity tag.
    if_match: Option<Arc<str>>,
}

struct Inner {
    http: reqwest::Client,
    base: Url,
    tokens: TokenCache,
}

/// Settings of an [`AdminClient`].
pub struct AdminClientBuilder {
    base: String,
    credentials: Credentials,
    extra_ca_pem: Option<Vec<u8>>,
    timeout: Duration,
}

/// Why the settings do not make a client.
#[derive(Debug, thiserror::Error)]
pub enum ClientConfigError {
    #[error("{url:?} is not a server URL ({reason}); write it like https://id.example.com")]
    Url { url: String, reason: String },
    #[error("the CA bundle is not PEM certificates: {0}")]
    Ca(String),
    #[error("the HTTP client cannot be built: {0}")]
    Http(String),
}

/// An answer of success: its body, and where a created object is.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    pub(crate) location: Option<String>,
    /// Its strong entity tag (RFC 9110), where the server has such.
    pub(crate) tag: Option<String>,
}

impl AdminClient {
    /// `base` is what comes before `/realms` and `/admin`.
    pub fn builder(base: impl Into<String>, credentials: Credentials) -> AdminClientBuilder {
        AdminClientBuilder {
            base: base.into(),
            credentials,
            extra_ca_pem: None,
            timeout: REQUEST_TIMEOUT,
        }
    }

    /// The same server; what is changed or deleted through this handle has to have the entity tag still,
    /// else the call fails with [`Error::Changed`] and nothing happens. For one call on one object.
    #[must_use]
    pub fn only_at(&self, tag: &str) -> Self {
        Self {
            if_match: Some(tag.into()),
            ..self.clone()
        }
    }

    pub fn base(&self) -> &Url {
        &self.inner.base
    }

    /// The issuer of a realm, as the server announces it when asked under this URL.
    pub fn issuer(&self, realm: &str) -> String {
        join(&self.inner.base, &["realms", realm]).to_string()
    }

    pub(crate) async fn get(
        &self,
        object: &str,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, Error> {
        let (value, _) = self.get_tagged(object, path, query).await?;
        Ok(value)
    }

    /// The object, and its entity tag where the server has such.
    pub(crate) async fn get_tagged(
        &self,
        object: &str,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<(Value, Option<String>), Error> {
        let mut attempt = 1;
        let answer = loop {
            match self.call(Method::GET, object, path, query, None).await {
                Err(e) if e.is_transient() && attempt < GET_ATTEMPTS => {
                    let wait = match &e {
                        Error::RateLimited {
                            retry_after: Some(after),
                            ..
                        } => (*after).min(Duration::from_secs(2)),
                        _ => RETRY_DELAY * attempt,
                    };
                    tracing::debug!(error = %e, attempt, "repeating a GET");
                    tokio::time::sleep(wait).await;
                    attempt += 1;
                }
                other => break other?,
            }
        };
        let value = serde_json::from_slice(&answer.body).map_err(|e| Error::Unintelligible {
            object: object.into(),
            reason: e.to_string(),
        })?;
        Ok((value, answer.tag))
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        object: &str,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<Answer, Error> {
        self.call(method, object, path, &[], body).await
    }

    async fn call(
        &self,
        method: Method,
        object: &str,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Error> {
        let mut refused: Option<SecretString> = None;
        loop {
            let token = self
                .inner
                .tokens
                .token(&self.inner.http, &self.inner.base, refused.as_ref())
                .await?;
            let mut request = self
                .inner
                .http
                .request(method.clone(), join(&self.inner.base, path))
                .query(query)
                .bearer_auth(token.expose());
            if let Some(body) = body {
                request = request.json(body);
            }
            if let Some(tag) = self.if_match.as_deref().filter(|_| method != Method::GET) {
                request = request.header(header::IF_MATCH, tag);
            }
            let response = request
                .send()
                .await
                .map_err(|e| unreachable(&self.inner.base, &e))?;
            // Once with a fresh token: ours may have been revoked or the server's keys changed.
            if response.status() == StatusCode::UNAUTHORIZED && refused.is_none() {
                refused = Some(token);
                continue;
            }
            return self.answer(object, response).await;
        }
    }

    async fn answer(&self, object: &str, response: reqwest::Response) -> Result<Answer, Error> {
        let status = response.status();
        let text = |name| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let location = text(header::LOCATION);
        let tag = text(header::ETAG).filter(|tag| tag.starts_with('"'));
        let retry_after = text(header::RETRY_AFTER)
            .and_then(|s| s.parse().ok())
            .map(Duration::from_secs);
        let body = read_body(response, object, &self.inner.base).await?;
        if status.is_success() {
            return Ok(Answer {
                body,
                location,
                tag,
            });
        }
        let object = object.to_owned();
        let message = error_message(&body);
        Err(match status.as_u16() {
            401 => Error::Unauthorized {
                message: message.unwrap_or_else(|| "HTTP 401 with a fresh token".into()),
            },
            403 => Error::Forbidden { object },
            404 => Error::NotFound { object },
            409 => Error::Conflict {
                object,
                message: message.unwrap_or_else(|| "no reason given".into()),
            },
            412 => Error::Changed { object },
            429 => Error::RateLimited {
                object,
                retry_after,
            },
            status @ 500.. => Error::ServerFailed {
                object,
                status,
                message: message.unwrap_or_else(|| "no reason given".into()),
            },
            status => Error::Rejected {
                object,
                status,
                message: message.unwrap_or_else(|| "no reason given".into()),
            },
        })
    }
}

impl AdminClientBuilder {
    /// Certificates to trust beside the system's, PEM.
    #[must_use]
    pub fn extra_ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.extra_ca_pem = Some(pem.into());
        self
    }

    /// Longest time for one request.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// # Errors
    /// The URL is no http(s) URL or the CA is no PEM.
    pub fn build(self) -> Result<AdminClient, ClientConfigError> {
        let base = parse_base(&self.base)?;
        let mut http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(self.timeout)
            // The token must not follow a redirect to somewhere else.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("realmkeep/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = &self.extra_ca_pem {
            let certificates = reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|e| ClientConfigError::Ca(e.to_string()))?;
            if certificates.is_empty() {
                return Err(ClientConfigError::Ca("no certificate in it".into()));
            }
            http = http.tls_certs_merge(certificates);
        }
        let http = http
            .build()
            .map_err(|e| ClientConfigError::Http(chain(&e)))?;
        Ok(AdminClient {
            inner: Arc::new(Inner {
                http,
                base,
                tokens: TokenCache::new(self.credentials),
            }),
            if_match: None,
        })
    }
}

impl std::fmt::Debug for AdminClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminClient")
            .field("base", &self.inner.base.as_str())
            .finish_non_exhaustive()
    }
}

fn parse_base(url: &str) -> Result<Url, ClientConfigError> {
    let wrong = |reason: &str| ClientConfigError::Url {
        url: url.to_owned(),
        reason: reason.to_owned(),
    };
    let base = Url::parse(url).map_err(|e| wrong(&e.to_string()))?;
    if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
        return Err(wrong("it is neither http nor https"));
    }
    if base.query().is_some() || base.fragment().is_some() {
        return Err(wrong("it has a query or a fragment"));
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err(wrong("credentials do not belong into it"));
    }
    Ok(base)
}

/// `base` with more path segments, each percent-encoded.
pub(crate) fn join(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// Reads an answer up to the limit.
pub(crate) async fn read_body(
    mut response: reqwest::Response,
    object: &str,
    base: &Url,
) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| unreachable(base, &e))? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(Error::Unintelligible {
                object: object.into(),
                reason: format!("more than {BODY_LIMIT} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

pub(crate) fn unreachable(base: &Url, error: &reqwest::Error) -> Error {
    Error::Unreachable {
        url: base.to_string(),
        cause: chain(error),
    }
}

/// reqwest's own message names the URL only; the cause is what a person needs.
fn chain(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

fn error_message(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    ["errorMessage", "error_description", "error"]
        .iter()
        .find_map(|key| value.get(key)?.as_str())
        .map(|text| text.chars().take(500).collect())
}
