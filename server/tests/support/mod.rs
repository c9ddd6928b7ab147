//! Runs the real program as a user would.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod postgres;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;

/// Nothing that is waited for takes as long; only a broken program runs into it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program with a clean environment.
pub fn realmkeep() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_realmkeep"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("REALMKEEP_") || text.starts_with("KC_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs to the end.
pub fn run(args: &[&str]) -> Output {
    realmkeep().args(args).output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A running program whose lines can be waited for.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    /// Everything said so far.
    pub said: Vec<String>,
}

impl Running {
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for output in outputs {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Self {
            child,
            lines,
            said: Vec::new(),
        }
    }

    /// The first line from now on for which `found` has a value.
    pub fn wait_for<T>(&mut self, what: &str, found: impl Fn(&str) -> Option<T>) -> T {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let value = found(&line);
                    self.said.push(line);
                    if let Some(value) = value {
                        return value;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!(
                        "waited in vain for {what}; it said:\n{}",
                        self.said.join("\n")
                    )
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended before {what}; it said:\n{}", self.said.join("\n"))
                }
            }
        }
    }

    pub fn wait_for_text(&mut self, text: &str) -> String {
        self.wait_for(text, |line| line.contains(text).then(|| line.to_owned()))
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `realmkeep serve` on free ports.
pub struct Server {
    pub program: Running,
    /// What issuers begin with.
    pub url: String,
    /// `127.0.0.1:port` of the first public listener.
    pub address: String,
    /// `http://…` of the management listener.
    pub management: String,
}

impl Server {
    pub fn start(data: &Path, more: &[&str]) -> Self {
        Self::spawn(realmkeep().args(serve_args(data)).args(more))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut program = Running::spawn(command);
        let ready = program.wait_for("the line that it is ready", |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["message"] == "ready").then_some(line)
        });
        Self {
            program,
            url: ready["url"].as_str().unwrap().to_owned(),
            address: ready["listening"].as_str().unwrap().to_owned(),
            management: format!("http://{}", ready["management"].as_str().unwrap()),
        }
    }
}

/// Arguments for a server on free loopback ports.
pub fn serve_args(data: &Path) -> Vec<String> {
    let data = data.to_str().unwrap();
    [
        "serve",
        "--data-dir",
        data,
        "--create-master-key",
        "--http-host",
        "127.0.0.1",
        "--http-port",
        "0",
        "--https-port",
        "0",
        "--management-host",
        "127.0.0.1",
        "--management-port",
        "0",
        "--log-format",
        "json",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// A client that keeps nothing and follows nothing.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

/// The answer of the token endpoint: status and body.
pub async fn token(address: &str, realm: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("http://{address}/realms/{realm}/protocol/openid-connect/token");
    let answer = http().post(url).form(form).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Signs in at `master` by password.
pub async fn sign_in(address: &str, username: &str, password: &str) -> (u16, Value) {
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", username),
        ("password", password),
    ];
    token(address, "master", &form).await
}

/// Where examples/quickstart is.
pub fn quickstart() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/quickstart")
}

/// A copy of examples/quickstart that a test may change.
pub fn quickstart_copy(to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(quickstart()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
