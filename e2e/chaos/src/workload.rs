//! Clients that log in, refresh, write and take back, at both servers. One task for each kind;
//! an error is a request that a fault has met: what counts is recorded where it happens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::clients::{Clients, GUESSES, PASSWORD, REDIRECT, text, user};
use crate::history::{History, Invariant, Outcome};
use crate::random::Random;

/// How many kinds of clients there are.
const KINDS: u64 = 7;

struct Worker {
    clients: Arc<Clients>,
    history: Arc<History>,
    random: Random,
}

/// All clients, at work until `stop`.
pub fn start(
    clients: &Arc<Clients>,
    history: &Arc<History>,
    stop: &Arc<AtomicBool>,
    seed: u64,
) -> Vec<JoinHandle<()>> {
    (0..KINDS)
        .map(|kind| {
            let mut worker = Worker {
                clients: clients.clone(),
                history: history.clone(),
                random: Random::new(seed.wrapping_add(kind + 1)),
            };
            let stop = stop.clone();
            tokio::spawn(async move {
                let mut round = 0;
                while !stop.load(Ordering::SeqCst) {
                    round += 1;
                    let done = match kind {
                        0 => worker.code(round).await,
                        1 => worker.rotation(round).await,
                        2 => worker.write(round).await,
                        3 => worker.taking_back(round).await,
                        4 => worker.pushed(round).await,
                        5 => worker.lockout(round).await,
                        _ => worker.keys().await,
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
pub async fn read_back(clients: &Clients, history: &History) -> Result<()> {
    let mut found = BTreeMap::new();
    for user in clients
        .list("/r/users?max=1000000&briefRepresentation=true")
        .await?
    {
        found.insert(text(&user, "id")?, text(&user, "username")?);
    }
    history.found(found);
    let path = "/r/admin-events?resourceTypes=USER&operationTypes=CREATE&max=1000000";
    let mut ids = Vec::new();
    for event in clients.list(path).await? {
        let path = text(&event, "resourcePath")?;
        ids.push(path.trim_start_matches("users/").to_owned());
    }
    history.events(ids);
    Ok(())
}

impl Worker {
    fn node(&mut self) -> usize {
        self.random.index(self.clients.servers())
    }

    /// A code is redeemed at both servers at once.
    async fn code(&mut self, round: u64) -> Result<()> {
        let (page_at, form_at) = (self.node(), self.node());
        let code = self.clients.sign_in(page_at, form_at, "alice").await?;
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("redirect_uri", REDIRECT),
            ("code", code.as_str()),
        ];
        let thing = format!("code {round}");
        let requests = self
            .twice_everywhere()
            .map(|node| self.clients.token(node, &form));
        for answer in futures::future::join_all(requests).await {
            self.history
                .used(Invariant::CodeOnce, &thing, answer.outcome);
        }
        Ok(())
    }

    /// A pushed request is opened at both servers at once.
    async fn pushed(&mut self, round: u64) -> Result<()> {
        let node = self.node();
        let request = self.clients.push(node).await?;
        let thing = format!("pushed request {round}");
        let requests = self
            .twice_everywhere()
            .map(|node| self.clients.open_pushed(node, &request));
        for outcome in futures::future::join_all(requests).await {
            self.history.used(Invariant::ThingOnce, &thing, outcome);
        }
        Ok(())
    }

    /// A refresh token that may be used once, its successors, and the last one at both servers at
    /// once.
    async fn rotation(&mut self, round: u64) -> Result<()> {
        let node = self.node();
        let signed_in = self.clients.password(node, "alice", PASSWORD).await;
        let mut refresh = text(&signed_in.body, "refresh_token")?;
        for step in 0..4 {
            let node = self.node();
            let answer = self.clients.refresh(node, &refresh).await;
            // Whoever holds the newest token, and has it from an answer, goes on.
            let thing = format!("refresh token {round}.{step}, the newest one,");
            self.history
                .needed(Invariant::OneSuccessor, &thing, answer.outcome);
            refresh = text(&answer.body, "refresh_token")?;
        }
        // The second use ends all of them, so it comes last.
        let thing = format!("refresh token {round}");
        let requests = self
            .twice_everywhere()
            .map(|node| self.clients.refresh(node, &refresh));
        for answer in futures::future::join_all(requests).await {
            self.history
                .used(Invariant::OneSuccessor, &thing, answer.outcome);
        }
        Ok(())
    }

    async fn write(&mut self, round: u64) -> Result<()> {
        let name = format!("user-{round}");
        let node = self.node();
        let outcome = self
            .clients
            .change(node, "POST", "/r/users", &user(&name))
            .await;
        self.history.wrote(&name, outcome);
        Ok(())
    }

    /// A user is disabled or signed out at one server, and refused at both from then on.
    async fn taking_back(&mut self, round: u64) -> Result<()> {
        let name = format!("taken-back-{round}");
        let node = self.node();
        let id = self.clients.make_user(node, &name).await?;
        let node = self.node();
        let signed_in = self.clients.password(node, &name, PASSWORD).await;
        let refresh = text(&signed_in.body, "refresh_token")?;
        let access = text(&signed_in.body, "access_token")?;
        let node = self.node();
        let disable = self.random.below(2) == 0;
        let outcome = if disable {
            let mut disabled = user(&name);
            if let Some(map) = disabled.as_object_mut() {
                map.remove("credentials");
                map.insert("enabled".to_owned(), json!(false));
            }
            let path = format!("/r/users/{id}");
            self.clients.change(node, "PUT", &path, &disabled).await
        } else {
            let path = format!("/r/users/{id}/logout");
            self.clients.change(node, "POST", &path, &Value::Null).await
        };
        if outcome != Outcome::Done {
            return Ok(());
        }
        for node in 0..self.clients.servers() {
            let answer = self.clients.refresh(node, &refresh).await;
            let what = format!("the refresh token of {name}");
            self.history
                .forbidden(Invariant::TakenBack, &what, answer.outcome);
            let outcome = self.clients.userinfo(node, &access).await;
            let what = format!("the access token of {name}");
            self.history.forbidden(Invariant::TakenBack, &what, outcome);
            if disable {
                let answer = self.clients.password(node, &name, PASSWORD).await;
                let what = format!("the password of {name}");
                self.history
                    .forbidden(Invariant::TakenBack, &what, answer.outcome);
            }
        }
        Ok(())
    }

    /// Wrong passwords at both servers lock an account: the right one is refused then.
    async fn lockout(&mut self, round: u64) -> Result<()> {
        let name = format!("locked-{round}");
        let node = self.node();
        self.clients.make_user(node, &name).await?;
        let mut refused = 0;
        for _ in 0..GUESSES * 3 {
            let node = self.node();
            let guess = self.clients.password(node, &name, "wrong").await;
            refused += usize::from(guess.outcome == Outcome::Refused);
            if refused == GUESSES {
                break;
            }
        }
        if refused < GUESSES {
            return Ok(());
        }
        for node in 0..self.clients.servers() {
            let answer = self.clients.password(node, &name, PASSWORD).await;
            let what = format!("the password of {name}, after {GUESSES} wrong ones,");
            self.history
                .forbidden(Invariant::Locked, &what, answer.outcome);
        }
        Ok(())
    }

    /// The key that signed a token at one server is published at the other.
    async fn keys(&mut self) -> Result<()> {
        let node = self.node();
        let signed_in = self.clients.password(node, "alice", PASSWORD).await;
        let key = key_of(&text(&signed_in.body, "access_token")?)?;
        for node in 0..self.clients.servers() {
            let published = match self.clients.keys(node).await {
                Ok(keys) if keys.contains(&key) => Outcome::Done,
                Ok(_) => Outcome::Refused,
                Err(_) => Outcome::Unknown,
            };
            let what = format!("key {key}, looked for at server {node},");
            self.history
                .needed(Invariant::KeyPublished, &what, published);
        }
        Ok(())
    }

    fn twice_everywhere(&self) -> impl Iterator<Item = usize> + use<> {
        let all = self.clients.servers();
        (0..all * 2).map(move |i| i % all)
    }
}

/// The `kid` of a token's header.
fn key_of(token: &str) -> Result<String> {
    let header = token.split('.').next().unwrap_or_default();
    let header = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, header)
        .context("the token's header")?;
    text(&serde_json::from_slice(&header)?, "kid")
}
