//! Requests to the Admin API with the login of the options or of the file.

use std::fs;

use anyhow::{Context, bail};
use reqwest::{Method, StatusCode, header};
use serde_json::Value;
use url::Url;

use crate::configuration::{self, Configuration};
use crate::{Common, Target, login};

/// Where to, as whom.
pub(crate) struct Connection {
    http: reqwest::Client,
    /// `{server}/admin`
    admin_root: String,
    /// The realm that is worked on.
    pub(crate) realm: String,
    token: String,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) headers: header::HeaderMap,
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.body).context("the server's answer is not JSON")
    }

    /// The last segment of `Location`: the id of what was created.
    pub(crate) fn created(&self) -> Option<String> {
        let location = self.headers.get(header::LOCATION)?.to_str().ok()?;
        Some(
            location
                .trim_end_matches('/')
                .rsplit('/')
                .next()?
                .to_owned(),
        )
    }
}

impl Connection {
    /// Logs in with the options, or goes on with the kept login, renewed where needed.
    pub(crate) async fn open(common: &Common, target: &Target) -> anyhow::Result<Self> {
        let path = configuration::path(common.config.as_deref());
        let mut configuration = if common.no_config {
            Configuration::default()
        } else {
            Configuration::load(path.as_deref().map_err(|e| anyhow::anyhow!("{e:#}"))?)?
        };
        let server = common
            .server
            .as_deref()
            .map(|url| url.trim_end_matches('/').to_owned())
            .or_else(|| configuration.server_url.clone());
        let Some(server) = server else {
            bail!(
                "no server: log in with `realmkeep admin config credentials --server URL --realm REALM --user NAME`, or give --server"
            );
        };
        let login_realm = common.realm.clone().or_else(|| configuration.realm.clone());
        let http = http(common, &configuration)?;
        let one_off =
            common.user.is_some() || common.client.is_some() || common.assertion_file.is_some();
        let token = if let Some(token) = &common.token {
            token.clone()
        } else if one_off {
            let realm = login_realm
                .as_deref()
                .context("name the realm to log in to: --realm master")?;
            login::authenticate(&http, &server, realm, common)
                .await?
                .token
        } else {
            let realm = login_realm.as_deref().unwrap_or_default();
            let kept = configuration
                .endpoints
                .get(&server)
                .and_then(|realms| realms.get(realm));
            let Some(kept) = kept else {
                bail!(
                    "no login to the realm `{realm}` of {server}: log in with `realmkeep admin config credentials`"
                );
            };
            match login::renewed(&http, &server, realm, kept).await? {
                None => kept.token.clone(),
                Some(session) => {
                    let token = session.token.clone();
                    configuration
                        .endpoints
                        .entry(server.clone())
                        .or_default()
                        .insert(realm.to_owned(), session);
                    configuration.store(&path?)?;
                    token
                }
            }
        };
        let realm = target.target_realm.clone().or(login_realm);
        Ok(Self {
            http,
            admin_root: target.admin_root.as_deref().map_or_else(
                || format!("{server}/admin"),
                |root| root.trim_end_matches('/').to_owned(),
            ),
            realm: realm.context("name the realm to work on: -r REALM")?,
            token,
        })
    }

    /// The address of an endpoint: below the realm, unless it starts with `realms` or
    /// `serverinfo`, or is a whole URL of this server.
    pub(crate) fn url(&self, endpoint: &str) -> anyhow::Result<Url> {
        let endpoint = endpoint.trim_start_matches('/');
        let text = if endpoint.starts_with("http:") || endpoint.starts_with("https:") {
            if !endpoint.starts_with(&format!("{}/", self.admin_root)) {
                bail!(
                    "{endpoint} is not below {}: the login is sent to no other address",
                    self.admin_root
                );
            }
            endpoint.to_owned()
        } else if matches!(
            endpoint.split(['/', '?']).next(),
            Some("realms" | "serverinfo")
        ) {
            format!("{}/{endpoint}", self.admin_root)
        } else {
            let realm = joined(&self.admin_root, &["realms", &self.realm])?;
            format!("{realm}/{endpoint}")
        };
        Url::parse(&text).with_context(|| format!("`{endpoint}` is no endpoint"))
    }

    /// An address below the realm, of segments that may hold anything.
    pub(crate) fn below_realm(&self, segments: &[&str]) -> anyhow::Result<Url> {
        let mut all = vec!["realms", self.realm.as_str()];
        all.extend_from_slice(segments);
        joined(&self.admin_root, &all)
    }

    /// One request; an error when the server refuses it.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: Url,
        headers: &[(String, String)],
        body: Option<Vec<u8>>,
    ) -> anyhow::Result<Answer> {
        let shown = url.clone();
        let mut request = self
            .http
            .request(method, url)
            .bearer_auth(&self.token)
            .header(header::ACCEPT, "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        let answer = request
            .send()
            .await
            .with_context(|| format!("no answer from {shown}"))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await?.to_vec();
        if status == StatusCode::NOT_FOUND {
            bail!("Resource not found for url: {shown}");
        }
        if !status.is_success() {
            bail!("{}", reason(status, &body));
        }
        Ok(Answer {
            headers,
            status,
            body,
        })
    }

    /// A list or an object of the realm.
    pub(crate) async fn read(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> anyhow::Result<Value> {
        let mut url = self.below_realm(segments)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(Method::GET, url, &[], None).await?.json()
    }
}

/// A client that trusts what the options or the file say, besides the system's authorities.
pub(crate) fn http(
    common: &Common,
    configuration: &Configuration,
) -> anyhow::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    if let Some(file) = common
        .truststore
        .as_ref()
        .or(configuration.truststore.as_ref())
    {
        let pem = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        for certificate in reqwest::Certificate::from_pem_bundle(&pem)
            .with_context(|| format!("{} holds no PEM certificates", file.display()))?
        {
            builder = builder.add_root_certificate(certificate);
        }
    }
    Ok(builder.build()?)
}

pub(crate) fn joined(base: &str, segments: &[&str]) -> anyhow::Result<Url> {
    let mut url = Url::parse(base).with_context(|| format!("`{base}` is not a URL"))?;
    match url.path_segments_mut() {
        Ok(mut path) => {
            path.pop_if_empty().extend(segments);
        }
        Err(()) => bail!("`{base}` is not a URL with a path"),
    }
    Ok(url)
}

/// What the server says is wrong, in one line.
pub(crate) fn reason(status: StatusCode, body: &[u8]) -> String {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |key: &str| {
        json.get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let error = text("error");
    match (
        text("errorMessage").or_else(|| text("error_description")),
        error,
    ) {
        (Some(message), Some(code)) => format!("{message} [{code}]"),
        (Some(message), None) => message.to_owned(),
        (None, Some(code)) => format!("HTTP error - {status} [{code}]"),
        (None, None) => format!("HTTP error - {status}"),
    }
}
