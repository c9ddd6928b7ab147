//! Clients that log in, refresh, write and take back, at both servers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::history::{History, Outcome};
use crate::nodes::{Nodes, REDIRECT, user};
use crate::random::Random;

/// What a client works with.
struct Client {
    nodes: Arc<Nodes>,
    history: Arc<History>,
    random: Random,
    number: u64,
}

/// All clients, at work until `stop`.
pub fn start(
    nodes: &Arc<Nodes>,
    history: &Arc<History>,
    stop: &Arc<AtomicBool>,
    seed: u64,
) -> Vec<JoinHandle<()>> {
    (0..4)
        .map(|number| {
            let mut client = Client {
                nodes: nodes.clone(),
                history: history.clone(),
                random: Random::new(seed.wrapping_add(number + 1)),
                number,
            };
            let stop = stop.clone();
            tokio::spawn(async move {
                let mut round = 0;
                while !stop.load(Ordering::SeqCst) {
                    round += 1;
                    // An error here is a request that a fault has met; what counts is recorded.
                    let done = match number {
                        0 => client.code(round).await,
                        1 => client.rotation(round).await,
                        2 => client.write(round).await,
                        _ => client.revocation(round).await,
                    };
                    if done.is_err() {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            })
        })
        .collect()
}

/// Reads what is there after everything has calmed down.
pub async fn read_back(nodes: &Nodes, history: &History) -> Result<()> {
    let path = "/r/users?max=100000&briefRepresentation=true";
    let users: Vec<Value> = nodes
        .admin(0, "GET", path, &Value::Null)
        .await?
        .json()
        .await?;
    let names: BTreeSet<String> = users
        .iter()
        .filter_map(|user| user.get("username")?.as_str().map(str::to_owned))
        .collect();
    history.found(names);
    Ok(())
}

impl Client {
    fn node(&mut self) -> usize {
        let all = u64::try_from(self.nodes.len()).unwrap_or(1);
        usize::try_from(self.random.below(all)).unwrap_or(0)
    }

    /// A code is redeemed at both servers at once.
    async fn code(&mut self, round: u64) -> Result<()> {
        let (page_at, form_at) = (self.node(), self.node());
        let code = sign_in(&self.nodes, page_at, form_at).await?;
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("redirect_uri", REDIRECT),
            ("code", code.as_str()),
        ];
        self.everywhere(&format!("code {round}"), &form).await;
        Ok(())
    }

    /// A refresh token that may be used once, at both servers at once, and then its successor.
    async fn rotation(&mut self, round: u64) -> Result<()> {
        let mut refresh = self.login("alice").await?;
        for step in 0..5 {
            let form = [
                ("grant_type", "refresh_token"),
                ("client_id", "app"),
                ("refresh_token", refresh.as_str()),
            ];
            let thing = format!("refresh token {round}.{step}");
            if step < 4 {
                let node = self.node();
                let (outcome, body) = send(&self.nodes, node, &form).await;
                self.history.used(&thing, outcome);
                refresh = refresh_token(&body)?;
            } else {
                // The second use ends all of them, so it comes last.
                self.everywhere(&thing, &form).await;
            }
        }
        Ok(())
    }

    async fn write(&mut self, round: u64) -> Result<()> {
        let name = format!("user-{}-{round}", self.number);
        let node = self.node();
        let outcome = match self
            .nodes
            .admin(node, "POST", "/r/users", &user(&name))
            .await
        {
            Ok(answer) => outcome(answer.status().as_u16()),
            Err(_) => Outcome::Unknown,
        };
        self.history.wrote(&name, outcome);
        Ok(())
    }

    /// A user is disabled at one server, and refused at the other from then on.
    async fn revocation(&mut self, round: u64) -> Result<()> {
        let name = format!("revoked-{round}");
        let node = self.node();
        let made = self
            .nodes
            .admin(node, "POST", "/r/users", &user(&name))
            .await?;
        let location = made.headers().get("location").context("no location")?;
        let id = location.to_str()?.rsplit('/').next().unwrap_or_default();
        let path = format!("/r/users/{id}");
        let refresh = self.login(&name).await?;
        let mut disabled = user(&name);
        if let Some(map) = disabled.as_object_mut() {
            map.remove("credentials");
            map.insert("enabled".to_owned(), json!(false));
        }
        let node = self.node();
        let answer = self.nodes.admin(node, "PUT", &path, &disabled).await?;
        if !answer.status().is_success() {
            return Ok(());
        }
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("refresh_token", refresh.as_str()),
        ];
        for node in 0..self.nodes.len() {
            let (outcome, _) = send(&self.nodes, node, &form).await;
            self.history
                .after_revocation(&format!("the refresh token of {name}"), outcome);
        }
        Ok(())
    }

    async fn login(&mut self, name: &str) -> Result<String> {
        let form = [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", name),
            ("password", "pw"),
        ];
        let node = self.node();
        refresh_token(&send(&self.nodes, node, &form).await.1)
    }

    /// The same request at all servers, twice each, at once.
    async fn everywhere(&self, thing: &str, form: &[(&str, &str)]) {
        let all = self.nodes.len();
        let requests = (0..all * 2).map(|i| send(&self.nodes, i % all, form));
        for (outcome, _) in futures::future::join_all(requests).await {
            self.history.used(thing, outcome);
        }
    }
}

async fn send(nodes: &Nodes, node: usize, form: &[(&str, &str)]) -> (Outcome, Value) {
    match nodes.token(node, "r", form).await {
        Ok(answer) => {
            let outcome = outcome(answer.status().as_u16());
            match answer.json().await {
                Ok(body) => (outcome, body),
                Err(_) => (Outcome::Unknown, Value::Null),
            }
        }
        Err(_) => (Outcome::Unknown, Value::Null),
    }
}

fn outcome(status: u16) -> Outcome {
    match status {
        200..300 => Outcome::Done,
        400..500 => Outcome::Refused,
        _ => Outcome::Unknown,
    }
}

fn refresh_token(body: &Value) -> Result<String> {
    body.get("refresh_token")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .context("no refresh token")
}

/// Signs alice in at the page of one server, by the form of the other; the code.
async fn sign_in(nodes: &Nodes, page_at: usize, form_at: usize) -> Result<String> {
    let page = nodes
        .http
        .get(nodes.url(page_at, "/realms/r/protocol/openid-connect/auth"))
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
    let answer = nodes
        .http
        .post(nodes.at(form_at, &action.replace("&amp;", "&")))
        .header("cookie", cookies.join("; "))
        .form(&[("username", "alice"), ("password", "pw")])
        .send()
        .await?;
    let location = answer.headers().get("location").context("no redirect")?;
    let location = url::Url::parse(location.to_str()?)?;
    let found = location.query_pairs().find(|(name, _)| name == "code");
    Ok(found.context("no code")?.1.into_owned())
}
