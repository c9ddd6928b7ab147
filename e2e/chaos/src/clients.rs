//! Requests to the servers, as clients make them.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::history::Outcome;

pub const REDIRECT: &str = "http://app.example.test/callback";
pub const ISSUER_HOST: &str = "http://id.example.test";
pub const ADMIN: (&str, &str) = ("root", "a-password");
pub const PASSWORD: &str = "pw";
/// Wrong passwords until an account is locked.
pub const GUESSES: usize = 3;

pub struct Clients {
    http: reqwest::Client,
    ports: Vec<u16>,
}

/// How a request ended, and what was said.
pub struct Answer {
    pub outcome: Outcome,
    pub body: Value,
}

impl Clients {
    pub fn new(ports: Vec<u16>) -> Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // A stopped server gives no answer: its outcome is not known.
            .timeout(Duration::from_secs(5))
            .build()
            .context("the HTTP client")?;
        Ok(Self { http, ports })
    }

    /// A realm with rotation, lockout and events, an application and a user.
    pub async fn prepare(&self) -> Result<()> {
        let realm = json!({
            "realm": "r", "enabled": true, "revokeRefreshToken": true, "refreshTokenMaxReuse": 0,
            "adminEventsEnabled": true, "accessTokenLifespan": 3600,
            "bruteForceProtected": true, "failureFactor": GUESSES,
        });
        let app = json!({
            "clientId": "app", "publicClient": true, "enabled": true,
            "directAccessGrantsEnabled": true, "standardFlowEnabled": true,
            "redirectUris": [REDIRECT],
        });
        for (path, body) in [
            ("", realm),
            ("/r/clients", app),
            ("/r/users", user("alice")),
        ] {
            let answer = self.admin(0, "POST", path, &body).await?;
            ensure!(answer.status().is_success(), "{path}: {}", answer.status());
        }
        Ok(())
    }

    pub fn servers(&self) -> usize {
        self.ports.len()
    }

    fn url(&self, node: usize, path: &str) -> String {
        let port = self.ports.get(node).copied().unwrap_or_default();
        format!("http://127.0.0.1:{port}{path}")
    }

    /// A path of the service at one of its servers.
    fn at(&self, node: usize, address: &str) -> String {
        self.url(node, address.strip_prefix(ISSUER_HOST).unwrap_or(address))
    }

    fn protocol(&self, node: usize, endpoint: &str) -> String {
        self.url(
            node,
            &format!("/realms/r/protocol/openid-connect/{endpoint}"),
        )
    }

    pub async fn token(&self, node: usize, form: &[(&str, &str)]) -> Answer {
        self.post(self.protocol(node, "token"), form).await
    }

    async fn post(&self, url: String, form: &[(&str, &str)]) -> Answer {
        answer(self.http.post(url).form(form).send().await).await
    }

    pub async fn refresh(&self, node: usize, token: &str) -> Answer {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("refresh_token", token),
        ];
        self.token(node, &form).await
    }

    pub async fn password(&self, node: usize, name: &str, password: &str) -> Answer {
        let form = [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", name),
            ("password", password),
            ("scope", "openid"),
        ];
        self.token(node, &form).await
    }

    /// Whether the user of an access token may still be asked for.
    pub async fn userinfo(&self, node: usize, token: &str) -> Outcome {
        let request = self
            .http
            .get(self.protocol(node, "userinfo"))
            .bearer_auth(token);
        answer(request.send().await).await.outcome
    }

    /// Ids of the published keys.
    pub async fn keys(&self, node: usize) -> Result<BTreeSet<String>> {
        let keys = self.http.get(self.protocol(node, "certs")).send().await?;
        let keys: Value = keys.error_for_status()?.json().await?;
        let keys = keys.get("keys").and_then(Value::as_array);
        Ok(keys
            .context("no keys")?
            .iter()
            .filter_map(|key| Some(key.get("kid")?.as_str()?.to_owned()))
            .collect())
    }

    /// A pushed authorization request's address.
    pub async fn push(&self, node: usize) -> Result<String> {
        let form = [
            ("client_id", "app"),
            ("response_type", "code"),
            ("scope", "openid"),
            ("redirect_uri", REDIRECT),
        ];
        let answer = self
            .post(self.protocol(node, "ext/par/request"), &form)
            .await;
        text(&answer.body, "request_uri")
    }

    /// Opens the login page of a pushed request.
    pub async fn open_pushed(&self, node: usize, request: &str) -> Outcome {
        let page = self
            .http
            .get(self.protocol(node, "auth"))
            .query(&[("client_id", "app"), ("request_uri", request)])
            .send()
            .await;
        match page {
            // An error goes back to the application, or is a page of its own.
            Ok(page) if page.status().is_redirection() => Outcome::Refused,
            Ok(page) => outcome(page.status().as_u16()),
            Err(_) => Outcome::Unknown,
        }
    }

    /// Signs the user in at the page of one server, by the form of another; the code.
    pub async fn sign_in(&self, page_at: usize, form_at: usize, name: &str) -> Result<String> {
        let page = self
            .http
            .get(self.protocol(page_at, "auth"))
            .query(&[
                ("client_id", "app"),
                ("response_type", "code"),
                ("scope", "openid"),
                ("redirect_uri", REDIRECT),
            ])
            .send()
            .await?;
        let cookies: Vec<String> = page
            .headers()
            .get_all("set-cookie")
            .iter()
            .filter_map(|cookie| Some(cookie.to_str().ok()?.split(';').next()?.to_owned()))
            .collect();
        let text = page.text().await?;
        let (_, after) = text.split_once("action=\"").context("no form")?;
        let (action, _) = after.split_once('"').context("no action")?;
        let answer = self
            .http
            .post(self.at(form_at, &action.replace("&amp;", "&")))
            .header("cookie", cookies.join("; "))
            .form(&[("username", name), ("password", PASSWORD)])
            .send()
            .await?;
        let location = answer.headers().get("location").context("no redirect")?;
        let location = url::Url::parse(location.to_str()?)?;
        let found = location.query_pairs().find(|(name, _)| name == "code");
        Ok(found.context("no code")?.1.into_owned())
    }

    /// A call below /admin/realms, by an administrator who signs in for it.
    pub async fn admin(
        &self,
        node: usize,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<reqwest::Response> {
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", ADMIN.0),
            ("password", ADMIN.1),
        ];
        let url = self.url(node, "/realms/master/protocol/openid-connect/token");
        let signed_in = self.post(url, &form).await.body;
        let token = text(&signed_in, "access_token")
            .with_context(|| format!("the administrator could not sign in: {signed_in}"))?;
        let url = self.url(node, &format!("/admin/realms{path}"));
        let request = self.http.request(method.parse()?, url).bearer_auth(token);
        let request = match body {
            Value::Null => request,
            body => request.json(body),
        };
        Ok(request.send().await?)
    }

    /// Whether the call was carried out, when it was answered.
    pub async fn change(&self, node: usize, method: &str, path: &str, body: &Value) -> Outcome {
        match self.admin(node, method, path, body).await {
            Ok(answer) => outcome(answer.status().as_u16()),
            Err(_) => Outcome::Unknown,
        }
    }

    /// Makes a user; its id.
    pub async fn make_user(&self, node: usize, name: &str) -> Result<String> {
        let made = self.admin(node, "POST", "/r/users", &user(name)).await?;
        let location = made.headers().get("location").context("no location")?;
        let (_, id) = location.to_str()?.rsplit_once('/').context("no id")?;
        Ok(id.to_owned())
    }

    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let mut last = None;
        for _ in 0..10 {
            match self.admin(0, "GET", path, &Value::Null).await {
                Ok(answer) if answer.status().is_success() => return Ok(answer.json().await?),
                Ok(answer) => last = Some(format!("status {}", answer.status())),
                Err(problem) => last = Some(format!("{problem:#}")),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        bail!("{path}: {}", last.unwrap_or_default())
    }
}

pub fn user(name: &str) -> Value {
    json!({
        "username": name, "enabled": true, "email": format!("{name}@example.test"),
        "emailVerified": true, "firstName": "A", "lastName": "B",
        "credentials": [{"type": "password", "value": PASSWORD}],
    })
}

pub fn text(body: &Value, name: &str) -> Result<String> {
    body.get(name)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("no {name}"))
}

async fn answer(answer: reqwest::Result<reqwest::Response>) -> Answer {
    let unknown = Answer {
        outcome: Outcome::Unknown,
        body: Value::Null,
    };
    let Ok(answer) = answer else {
        return unknown;
    };
    let outcome = outcome(answer.status().as_u16());
    match answer.json().await {
        Ok(body) => Answer { outcome, body },
        // Half an answer leaves open what the other half was.
        Err(_) if outcome == Outcome::Done => unknown,
        Err(_) => Answer {
            outcome,
            body: Value::Null,
        },
    }
}

/// 429 and 5xx say nothing about what happened.
fn outcome(status: u16) -> Outcome {
    match status {
        200..300 => Outcome::Done,
        408 | 425 | 429 => Outcome::Unknown,
        400..500 => Outcome::Refused,
        _ => Outcome::Unknown,
    }
}
