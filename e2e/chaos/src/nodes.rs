//! The two servers, and requests to them.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

pub const REDIRECT: &str = "http://app.example.test/callback";
const ISSUER_HOST: &str = "http://id.example.test";
const ADMIN: (&str, &str) = ("root", "a-password");

pub struct Nodes {
    program: PathBuf,
    database: String,
    folder: PathBuf,
    all: Vec<Node>,
    pub http: reqwest::Client,
}

struct Node {
    name: &'static str,
    port: u16,
    management: u16,
    child: Mutex<Option<Child>>,
}

impl Nodes {
    /// Two servers on the database, ready.
    pub async fn start(program: &Path, database: &str, folder: &Path) -> Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // A stopped server gives no answer: its outcome is not known.
            .timeout(Duration::from_secs(5))
            .build()
            .context("the HTTP client")?;
        let mut all = Vec::new();
        for name in ["a", "b"] {
            all.push(Node {
                name,
                port: free_port()?,
                management: free_port()?,
                child: Mutex::new(None),
            });
        }
        let nodes = Self {
            program: program.to_owned(),
            database: database.to_owned(),
            folder: folder.to_owned(),
            all,
            http,
        };
        // One after the other: the first one makes the master key.
        for node in 0..nodes.all.len() {
            nodes.launch(node)?;
            nodes.wait_for(node).await?;
        }
        Ok(nodes)
    }

    /// A realm with rotation, an application and a user.
    pub async fn prepare(&self) -> Result<()> {
        let once = json!({
            "realm": "r", "enabled": true, "revokeRefreshToken": true, "refreshTokenMaxReuse": 0,
        });
        let app = json!({
            "clientId": "app", "publicClient": true, "enabled": true,
            "directAccessGrantsEnabled": true, "standardFlowEnabled": true,
            "redirectUris": [REDIRECT],
        });
        for (path, body) in [("", once), ("/r/clients", app), ("/r/users", user("alice"))] {
            let answer = self.admin(0, "POST", path, &body).await?;
            ensure!(answer.status().is_success(), "{path}: {}", answer.status());
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn url(&self, node: usize, path: &str) -> String {
        let port = self.all.get(node).map_or(0, |node| node.port);
        format!("http://127.0.0.1:{port}{path}")
    }

    /// A path of the service at one of its servers.
    pub fn at(&self, node: usize, address: &str) -> String {
        self.url(node, address.strip_prefix(ISSUER_HOST).unwrap_or(address))
    }

    pub async fn token(
        &self,
        node: usize,
        realm: &str,
        form: &[(&str, &str)],
    ) -> Result<reqwest::Response> {
        let url = self.url(
            node,
            &format!("/realms/{realm}/protocol/openid-connect/token"),
        );
        Ok(self.http.post(url).form(form).send().await?)
    }

    /// A call below /admin/realms.
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
        let signed_in: Value = self.token(node, "master", &form).await?.json().await?;
        let token = signed_in
            .get("access_token")
            .and_then(Value::as_str)
            .context("the administrator could not sign in")?;
        let request = self
            .http
            .request(
                method.parse()?,
                self.url(node, &format!("/admin/realms{path}")),
            )
            .bearer_auth(token);
        let request = match body {
            Value::Null => request,
            body => request.json(body),
        };
        Ok(request.send().await?)
    }

    pub fn launch(&self, node: usize) -> Result<()> {
        let node = self.node(node)?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join(format!("{}.log", node.name)))?;
        let child = Command::new(&self.program)
            .args(["serve", "--create-master-key", "--log-level", "warn"])
            .arg("--data-dir")
            .arg(self.folder.join(node.name))
            .arg("--master-key-file")
            .arg(self.folder.join("master.key"))
            .args(["--database-url", &self.database])
            .args(["--http-host", "127.0.0.1", "--http-port"])
            .arg(node.port.to_string())
            .args(["--management-host", "127.0.0.1", "--management-port"])
            .arg(node.management.to_string())
            .args(["--hostname", ISSUER_HOST])
            .env("REALMKEEP_BOOTSTRAP_ADMIN_USERNAME", ADMIN.0)
            .env("REALMKEEP_BOOTSTRAP_ADMIN_PASSWORD", ADMIN.1)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))?;
        *node.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        Ok(())
    }

    /// Sends a signal, by the name that `kill` has for it.
    pub fn signal(&self, node: usize, name: &str) -> Result<()> {
        let node = self.node(node)?;
        let mut child = node.child.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(child) = child.as_mut() else {
            bail!("{} does not run", node.name);
        };
        Command::new("kill")
            .args([&format!("-{name}"), &child.id().to_string()])
            .status()?;
        if name == "KILL" {
            child.wait()?;
        }
        Ok(())
    }

    pub async fn wait_ready(&self) -> Result<()> {
        for node in 0..self.all.len() {
            self.wait_for(node).await?;
        }
        Ok(())
    }

    pub async fn wait_for(&self, node: usize) -> Result<()> {
        let node = self.node(node)?;
        let url = format!("http://127.0.0.1:{}/health/ready", node.management);
        for _ in 0..600 {
            let answer = self.http.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let log = self.folder.join(format!("{}.log", node.name));
        let log = std::fs::read_to_string(log).unwrap_or_default();
        bail!("server {} does not become ready:\n{log}", node.name)
    }

    fn node(&self, node: usize) -> Result<&Node> {
        self.all.get(node).context("no such server")
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for node in &self.all {
            let mut child = node.child.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(child) = child.as_mut() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

pub fn user(name: &str) -> Value {
    json!({
        "username": name, "enabled": true, "email": format!("{name}@example.test"),
        "emailVerified": true, "firstName": "A", "lastName": "B",
        "credentials": [{"type": "password", "value": "pw"}],
    })
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
