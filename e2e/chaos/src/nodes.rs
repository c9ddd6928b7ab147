//! The two servers, each with its own line to the database.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::clients::{ADMIN, Clients, ISSUER_HOST};
use crate::database::Database;
use crate::proxy::{Mode, Proxy};

/// The servers' own role in the database, which has no special rights.
pub const ROLE: &str = "server";

pub struct Nodes {
    program: PathBuf,
    folder: PathBuf,
    all: Vec<Node>,
    pub database: Database,
    pub clients: Arc<Clients>,
    http: reqwest::Client,
}

struct Node {
    name: &'static str,
    port: u16,
    management: u16,
    line: Proxy,
    child: Option<Child>,
}

impl Nodes {
    /// Two servers on the database, ready.
    pub async fn start(program: &Path, database: Database, folder: &Path) -> Result<Self> {
        database
            .execute_each(&[
                &format!("CREATE ROLE {ROLE} LOGIN"),
                &format!("CREATE DATABASE id OWNER {ROLE}"),
            ])
            .await?;
        let mut all = Vec::new();
        for name in ["a", "b"] {
            all.push(Node {
                name,
                port: free_port()?,
                management: free_port()?,
                line: Proxy::start(database.port()).await?,
                child: None,
            });
        }
        let mut nodes = Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            clients: Arc::new(Clients::new(all.iter().map(|node| node.port).collect())?),
            all,
            database,
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(5))
                .build()
                .context("the HTTP client")?,
        };
        // One after the other: the first one makes the master key.
        for node in 0..nodes.all.len() {
            nodes.launch(node)?;
            nodes.wait_for(node).await?;
        }
        Ok(nodes)
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn launch(&mut self, node: usize) -> Result<()> {
        let node = self.all.get_mut(node).context("no such server")?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join(format!("{}.log", node.name)))?;
        let database = format!("postgres://{ROLE}@127.0.0.1:{}/id", node.line.port);
        let child = Command::new(&self.program)
            .args(["serve", "--create-master-key", "--log-level", "warn"])
            .arg("--data-dir")
            .arg(self.folder.join(node.name))
            .arg("--master-key-file")
            .arg(self.folder.join("master.key"))
            .args(["--database-url", &database])
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
        node.child = Some(child);
        Ok(())
    }

    /// Sends a signal, by the name that `kill` has for it.
    pub fn signal(&mut self, node: usize, name: &str) -> Result<()> {
        let node = self.all.get_mut(node).context("no such server")?;
        let Some(child) = node.child.as_mut() else {
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

    /// Until a server that was asked to end has ended.
    pub async fn wait_ended(&mut self, node: usize) -> Result<()> {
        let node = self.all.get_mut(node).context("no such server")?;
        let child = node.child.as_mut().context("it does not run")?;
        for _ in 0..600 {
            if child.try_wait()?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("server {} does not end", node.name)
    }

    /// What happens on a server's line to the database.
    pub fn line(&self, node: usize, mode: Mode) {
        if let Some(node) = self.all.get(node) {
            node.line.set(mode);
        }
    }

    pub fn reset_lines(&self) {
        for node in &self.all {
            node.line.reset();
        }
    }

    /// All lines lead to the member of the database that writes now.
    pub fn aim(&self) {
        for node in &self.all {
            node.line.aim(self.database.port());
        }
    }

    pub fn commits_cut(&self) -> u64 {
        self.all.iter().map(|node| node.line.commits_cut()).sum()
    }

    pub async fn wait_ready(&self) -> Result<()> {
        for node in 0..self.all.len() {
            self.wait_for(node).await?;
        }
        Ok(())
    }

    pub async fn wait_for(&self, node: usize) -> Result<()> {
        let node = self.all.get(node).context("no such server")?;
        let url = format!("http://127.0.0.1:{}/health/ready", node.management);
        let mut last = String::new();
        for _ in 0..600 {
            match self.http.get(&url).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => last = answer.text().await.unwrap_or_default(),
                Err(problem) => last = problem.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("server {} does not become ready: {last}", node.name)
    }

    /// What panicked, of all that the servers have written.
    pub fn panics(&self) -> Vec<String> {
        let logs = self.all.iter().map(|node| self.log(node));
        logs.flat_map(|log| {
            let lines = log.lines().filter(|line| line.contains("panicked at"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
    }

    /// The end of what each server has written, for whoever looks for the reason.
    pub fn last_words(&self) -> String {
        let ends = self.all.iter().map(|node| {
            let log = self.log(node);
            let lines: Vec<&str> = log.lines().collect();
            let end = lines
                .get(lines.len().saturating_sub(15)..)
                .unwrap_or_default();
            format!("server {}:\n{}", node.name, end.join("\n"))
        });
        ends.collect::<Vec<_>>().join("\n")
    }

    fn log(&self, node: &Node) -> String {
        let log = self.folder.join(format!("{}.log", node.name));
        std::fs::read_to_string(log).unwrap_or_default()
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for child in self.all.iter_mut().filter_map(|node| node.child.as_mut()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
