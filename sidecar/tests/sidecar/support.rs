//! The real binary, an issuer, an application and a client that sends bytes as they are.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use realmkeep_jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

pub const AUDIENCE: &str = "orders";
const PATIENCE: Duration = Duration::from_secs(60);

pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64
}

/// Serves on a free port of loopback, on a runtime of its own thread.
pub fn serve(app: Router) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    address
}

/// An identity provider: metadata, keys, and a token endpoint.
#[derive(Clone)]
pub struct Issuer {
    pub url: String,
    pub keys: Arc<Vec<SigningKey>>,
    state: Arc<IssuerState>,
}

#[derive(Default)]
struct IssuerState {
    address: Mutex<String>,
    jwks: Mutex<Value>,
    down: AtomicBool,
    key_fetches: AtomicUsize,
    token_requests: Mutex<Vec<HashMap<String, String>>>,
    token_answer: Mutex<Option<(u16, Value)>>,
    introspections: Mutex<Vec<HashMap<String, String>>>,
    introspection_answer: Mutex<Option<(u16, Value)>>,
}

impl Issuer {
    pub fn start() -> Self {
        let keys: Vec<SigningKey> = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa]
            .map(|algorithm| SigningKey::generate(algorithm).unwrap())
            .into();
        let state = Arc::new(IssuerState::default());
        let published: Vec<_> = keys.iter().map(|key| key.public_jwk().unwrap()).collect();
        *state.jwks.lock().unwrap() = json!({"keys": published});
        let address = serve(
            Router::new()
                .fallback(issuer)
                .with_state(Arc::clone(&state)),
        );
        let url = format!("http://{address}");
        *state.address.lock().unwrap() = url.clone();
        Self {
            url,
            keys: Arc::new(keys),
            state,
        }
    }

    pub fn key(&self, algorithm: Algorithm) -> &SigningKey {
        self.keys
            .iter()
            .find(|key| key.algorithm() == algorithm)
            .unwrap()
    }

    /// An access token as a Keycloak would write it, with `changes` (null removes).
    pub fn claims(&self, changes: Value) -> Value {
        let mut claims = json!({
            "iss": self.url, "sub": "service-account-7", "aud": [AUDIENCE, "account"], "azp": "caller",
            "typ": "Bearer", "iat": now(), "exp": now() + 300, "jti": "j",
        });
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        claims
    }

    pub fn token(&self, changes: Value) -> String {
        self.key(Algorithm::Es256)
            .sign("JWT", &self.claims(changes))
            .unwrap()
    }

    pub fn set_down(&self, down: bool) {
        self.state.down.store(down, Ordering::SeqCst);
    }

    pub fn key_fetches(&self) -> usize {
        self.state.key_fetches.load(Ordering::SeqCst)
    }

    pub fn answer_tokens_with(&self, status: u16, answer: Value) {
        *self.state.token_answer.lock().unwrap() = Some((status, answer));
    }

    pub fn introspect_with(&self, status: u16, answer: Value) {
        *self.state.introspection_answer.lock().unwrap() = Some((status, answer));
    }

    pub fn introspections(&self) -> Vec<HashMap<String, String>> {
        self.state.introspections.lock().unwrap().clone()
    }

    pub fn token_requests(&self) -> Vec<HashMap<String, String>> {
        self.state.token_requests.lock().unwrap().clone()
    }
}

async fn issuer(
    State(state): State<Arc<IssuerState>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if state.down.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let address = state.address.lock().unwrap().clone();
    let (status, answer) =
        match uri.path() {
            "/.well-known/openid-configuration" => (
                200,
                json!({
                    "issuer": address, "jwks_uri": format!("{address}/keys"),
                    "token_endpoint": format!("{address}/token"),
                    "introspection_endpoint": format!("{address}/introspect"),
                }),
            ),
            "/keys" => {
                state.key_fetches.fetch_add(1, Ordering::SeqCst);
                (200, state.jwks.lock().unwrap().clone())
            }
            "/introspect" => {
                let form =
                    reqwest::Url::parse(&format!("http://x/?{}", String::from_utf8_lossy(&body)))
                        .unwrap();
                let request = form.query_pairs().into_owned().collect();
                state.introspections.lock().unwrap().push(request);
                let answer = state.introspection_answer.lock().unwrap().clone();
                answer.unwrap_or((200, json!({"active": false})))
            }
            "/token" => {
                let form =
                    reqwest::Url::parse(&format!("http://x/?{}", String::from_utf8_lossy(&body)))
                        .unwrap();
                let mut requests = state.token_requests.lock().unwrap();
                let mut request: HashMap<String, String> =
                    form.query_pairs().into_owned().collect();
                if let Some(proof) = headers.get("dpop") {
                    let proof = proof.to_str().unwrap().to_owned();
                    request.insert("dpop-header".to_owned(), proof);
                }
                requests.push(request);
                let count = requests.len();
                state.token_answer.lock().unwrap().clone().unwrap_or_else(|| {
                let token = format!("issued-{count}");
                (200, json!({"access_token": token, "token_type": "Bearer", "expires_in": 300}))
            })
            }
            _ => (404, json!({})),
        };
    (StatusCode::from_u16(status).unwrap(), answer.to_string()).into_response()
}

/// An application that tells what it saw.
pub fn echo() -> SocketAddr {
    async fn handle(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
        let headers: Vec<[String; 2]> = headers
            .iter()
            .map(|(name, value)| {
                [
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                ]
            })
            .collect();
        let seen = json!({
            "method": method.as_str(), "target": uri.to_string(), "headers": headers,
            "body": String::from_utf8_lossy(&body),
        });
        let hop = [
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("x-app", "yes"),
        ];
        (hop, seen.to_string()).into_response()
    }
    serve(Router::new().fallback(handle))
}

/// The sidecar's process.
pub struct Sidecar {
    child: Child,
    log: Arc<(Mutex<Vec<String>>, Condvar)>,
    directory: tempfile::TempDir,
}

impl Sidecar {
    pub fn start(config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sidecar.yaml");
        std::fs::write(&file, config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_realmkeep-sidecar"))
            .arg("--config")
            .arg(&file)
            // What a container might have; nothing of it may lead requests astray.
            .env("http_proxy", "http://127.0.0.1:1")
            .env("HTTPS_PROXY", "http://127.0.0.1:1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn({
            let log = Arc::clone(&log);
            move || {
                for line in stderr.lines().map_while(Result::ok) {
                    log.0.lock().unwrap().push(line);
                    log.1.notify_all();
                }
            }
        });
        let sidecar = Self {
            child,
            log,
            directory,
        };
        // The last to be bound.
        sidecar.address("admin");
        sidecar
    }

    /// The configuration's file.
    pub fn config(&self) -> std::path::PathBuf {
        self.directory.path().join("sidecar.yaml")
    }

    /// Where a listener has been bound.
    pub fn address(&self, listener: &str) -> SocketAddr {
        let found = |lines: &[String]| {
            lines
                .iter()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok())
                .find_map(|line| {
                    (line["message"] == "listening" && line["listener"] == listener)
                        .then(|| line["address"].as_str().unwrap().parse().unwrap())
                })
        };
        let (lines, timeout) = self
            .log
            .1
            .wait_timeout_while(self.log.0.lock().unwrap(), PATIENCE, |lines| {
                found(lines).is_none()
            })
            .unwrap();
        assert!(
            !timeout.timed_out(),
            "{listener} is not listening: {lines:#?}"
        );
        found(&lines).unwrap()
    }

    pub fn log(&self) -> String {
        self.log.0.lock().unwrap().join("\n")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .arg(signal)
            .arg(self.pid().to_string())
            .status()
            .unwrap();
        assert!(status.success());
    }

    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    pub fn admin(&self, path: &str) -> Answer {
        get(self.address("admin"), path, &[])
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The values of a header that the application saw.
    pub fn seen(&self, name: &str) -> Vec<String> {
        let seen = self.json();
        let headers = seen["headers"].as_array().unwrap();
        headers
            .iter()
            .filter(|h| h[0] == name)
            .map(|h| h[1].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Sends `request` as it is and reads one answer.
pub fn raw(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    read_answer(&mut BufReader::new(stream))
}

pub fn read_answer(stream: &mut impl BufRead) -> Answer {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let status = line
        .split(' ')
        .nth(1)
        .unwrap_or_else(|| panic!("no answer: {line:?}"))
        .parse()
        .unwrap();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()))
            }
            None => break,
        }
    }
    let mut answer = Answer {
        status,
        headers,
        body: String::new(),
    };
    let mut body = Vec::new();
    if let Some(length) = answer.header("content-length") {
        body.resize(length.parse().unwrap(), 0);
        stream.read_exact(&mut body).unwrap();
    } else if answer.header("transfer-encoding").is_some() {
        loop {
            let mut size = String::new();
            stream.read_line(&mut size).unwrap();
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).unwrap();
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                break;
            }
        }
    }
    answer.body = String::from_utf8(body).unwrap();
    answer
}

pub fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    raw(address, request.as_bytes())
}

pub fn get_with(address: SocketAddr, token: &str) -> Answer {
    get(
        address,
        "/",
        &[("Authorization", &format!("Bearer {token}"))],
    )
}

/// Waits until `done`.
pub fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it did not happen");
}

/// Runs asynchronous steps of a test.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

pub type Http2 = hyper::client::conn::http2::SendRequest<http_body_util::Full<Bytes>>;

/// An HTTP/2 connection with prior knowledge.
pub async fn http2(address: SocketAddr) -> Http2 {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    http2_over(stream).await
}

pub async fn http2_over(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
) -> Http2 {
    let (sender, connection) = hyper::client::conn::http2::handshake(
        hyper_util::rt::TokioExecutor::new(),
        hyper_util::rt::TokioIo::new(stream),
    )
    .await
    .unwrap();
    tokio::spawn(connection);
    sender
}

/// A message with the five bytes before it.
pub fn grpc_frame(message: &[u8]) -> Bytes {
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend(message);
    framed.into()
}
