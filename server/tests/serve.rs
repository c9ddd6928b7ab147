//! `realmkeep serve` from start to end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use support::{Server, http, realmkeep, run, serve_args, sign_in, stderr, stdout};

async fn status(url: String) -> u16 {
    http().get(url).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn it_becomes_ready_and_tells_how_it_is() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    for check in ["", "/live", "/ready", "/started"] {
        assert_eq!(
            status(format!("{}/health{check}", server.management)).await,
            200,
            "{check}"
        );
    }
    // Health and metrics are not for the public port.
    for path in ["/health", "/health/live", "/metrics", "/nothing"] {
        assert_eq!(status(format!("{}{path}", server.url)).await, 404, "{path}");
    }
    let answer = http().get(&server.url).send().await.unwrap();
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert!(!answer.headers().contains_key("strict-transport-security"));
    let metrics = http()
        .get(format!("{}/metrics", server.management))
        .send()
        .await
        .unwrap();
    let text = metrics.text().await.unwrap();
    for name in [
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "realmkeep_build_info",
        "realmkeep_http_server_requests_seconds_bucket",
        r#"uri="unmatched",status="404""#,
    ] {
        assert!(text.contains(name), "{name} is missing in\n{text}");
    }
    let port = server.management.rsplit(':').next().unwrap().to_owned();
    let probe = run(&["health", "ready", "--port", &port]);
    assert!(probe.status.success(), "{}", stderr(&probe));
    assert!(stdout(&probe).contains("UP"));
    drop(server);
    assert!(!run(&["health", "--port", &port]).status.success());
}

/// A description that is a variable is one of the texts of the console, which the realm's own take the place
/// of; what the built-in roles are for is said by the same variables.
///
/// spec: ROLE-03
#[tokio::test]
async fn descriptions_are_variables_of_texts() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::spawn(
        realmkeep()
            .args(serve_args(data.path()))
            .env("KC_BOOTSTRAP_ADMIN_USERNAME", "root")
            .env("KC_BOOTSTRAP_ADMIN_PASSWORD", "root"),
    );
    let (_, signed_in) = sign_in(&server.address, "root", "root").await;
    let admin = signed_in["access_token"].as_str().unwrap();
    let master = format!("{}/admin/realms/master", server.url);
    let ask = async |request: reqwest::RequestBuilder| {
        let answer = request.bearer_auth(admin).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.text().await.unwrap()
    };
    let role = json!({"name": "shop", "description": "${role_shop}"});
    ask(http().post(format!("{master}/roles")).json(&role)).await;
    for (language, text) in [("en", "May shop"), ("de", "Darf einkaufen")] {
        let texts = json!({"role_shop": text, "role_create-realm": text});
        ask(http()
            .post(format!("{master}/localization/{language}"))
            .json(&texts))
        .await;
    }
    let roles: Value =
        serde_json::from_str(&ask(http().get(format!("{master}/roles"))).await).unwrap();
    let description = |name: &str| {
        let role = roles
            .as_array()
            .unwrap()
            .iter()
            .find(|role| role["name"] == name);
        role.unwrap()["description"].as_str().unwrap().to_owned()
    };
    for (language, text) in [("en", "May shop"), ("de", "Darf einkaufen")] {
        let url = format!("{}/resources/master/admin/{language}", server.url);
        let texts: Value = http().get(url).send().await.unwrap().json().await.unwrap();
        for name in ["shop", "create-realm"] {
            let description = description(name);
            let key = description
                .strip_prefix("${")
                .unwrap()
                .strip_suffix('}')
                .unwrap();
            let found = texts
                .as_array()
                .unwrap()
                .iter()
                .find(|one| one["key"] == key);
            assert_eq!(found.unwrap()["value"], text, "{language} {name}");
        }
    }
}

/// Nothing but a folder is needed: without a certificate it listens without TLS.
///
/// spec: SEC-10
#[tokio::test]
async fn the_master_realm_is_there_from_the_first_start() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let url = format!(
        "{}/realms/master/.well-known/openid-configuration",
        server.url
    );
    let discovery: Value = http().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(discovery["issuer"], format!("{}/realms/master", server.url));
    let keys: Value = http()
        .get(discovery["jwks_uri"].as_str().unwrap())
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let mut kinds: Vec<&str> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| k["kty"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, ["EC", "OKP", "RSA"]);
}

#[test]
fn without_a_master_key_it_says_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let args: Vec<String> = serve_args(data.path())
        .into_iter()
        .filter(|a| a != "--create-master-key")
        .collect();
    let output = realmkeep().args(&args).output().unwrap();
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("--create-master-key"),
        "{}",
        stderr(&output)
    );
    assert!(!data.path().join("realmkeep.db").exists());

    // A database whose key is lost is not given a new one.
    drop(Server::start(data.path(), &[]));
    std::fs::remove_file(data.path().join("master.key")).unwrap();
    let output = realmkeep().args(serve_args(data.path())).output().unwrap();
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("put back the key"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn two_programs_do_not_share_a_data_folder() {
    let data = tempfile::tempdir().unwrap();
    let _first = Server::start(data.path(), &[]);
    let output = realmkeep().args(serve_args(data.path())).output().unwrap();
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("in use by another"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_taken_port_is_named() {
    let data = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let args: Vec<String> = serve_args(data.path())
        .into_iter()
        .scan(false, |replace, a| {
            let a = if *replace { port.clone() } else { a };
            *replace = a == "--http-port";
            Some(a)
        })
        .collect();
    let output = realmkeep().args(&args).output().unwrap();
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains(&format!("port {port}")),
        "{}",
        stderr(&output)
    );
}

/// Sends raw bytes and returns the first line of the answer.
fn raw(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    // The server may answer and close before everything is sent.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn requests_are_bounded() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut many = b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n".to_vec();
    for i in 0..101 {
        many.extend_from_slice(format!("x-{i}: 1\r\n").as_bytes());
    }
    many.extend_from_slice(b"\r\n");
    assert!(
        raw(&server, &many).contains("431"),
        "{}",
        raw(&server, &many)
    );
    let mut long = b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\nx: ".to_vec();
    long.resize(200_000, b'a');
    long.extend_from_slice(b"\r\n\r\n");
    // The connection may be reset before the answer is read.
    let answer = raw(&server, &long);
    assert!(answer.is_empty() || answer.contains("431"), "{answer}");
    let length = 2 * 1024 * 1024;
    let body = format!(
        "POST /realms/master/protocol/openid-connect/token HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"
    );
    assert!(raw(&server, body.as_bytes()).contains("413"));
    assert!(
        raw(
            &server,
            b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        .contains("404")
    );
}

/// A request whose body is still arriving at SIGTERM is answered; new connections are not taken.
#[test]
fn sigterm_lets_requests_finish() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let address = server.address.clone();
    let mut stream = TcpStream::connect(&address).unwrap();
    let body = "grant_type=client_credentials";
    let head = format!(
        "POST /realms/master/protocol/openid-connect/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..5]).unwrap();
    // Whoever was let in before is served; wait until the request is.
    assert!(
        raw(
            &server,
            b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        .contains("404")
    );
    server.program.signal("TERM");
    server.program.wait_for_text("stopping");
    while TcpStream::connect(&address).is_ok() {
        std::thread::yield_now();
    }
    stream.write_all(&body.as_bytes()[5..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 40"), "{answer}");
    assert!(answer.contains("\"error\""), "{answer}");
    server.program.wait_for_text("stopped");
    assert!(server.program.wait().success());
}

/// How passwords are hashed where a realm does not say, as configured.
///
/// spec: PWPOL-09
#[tokio::test]
async fn the_servers_own_password_hashing_is_configured() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::spawn(
        realmkeep()
            .args(serve_args(data.path()))
            .args(["--password-hashing-workers", "1"])
            .env("KC_SPI_PASSWORD_HASHING_PROVIDER_DEFAULT", "pbkdf2-sha512")
            .env("KC_BOOTSTRAP_ADMIN_USERNAME", "root")
            .env("KC_BOOTSTRAP_ADMIN_PASSWORD", "root"),
    );
    let (status, answer) = sign_in(&server.address, "root", "root").await;
    assert_eq!(status, 200, "{answer}");
    let get = async |path: String| -> Value {
        let request = http()
            .get(format!(
                "http://{}/admin/realms/master/users{path}",
                server.address
            ))
            .bearer_auth(answer["access_token"].as_str().unwrap());
        request.send().await.unwrap().json().await.unwrap()
    };
    let found = get("?username=root".to_owned()).await;
    let id = found[0]["id"].as_str().unwrap();
    let credentials = get(format!("/{id}/credentials")).await;
    let data = credentials[0]["credentialData"].as_str().unwrap();
    assert!(data.contains("pbkdf2-sha512"), "{data}");
}

/// Blacklists lie in the data folder, or in a folder of their own; one that a realm names and that is
/// not there is an error, not a policy that refuses nothing.
///
/// spec: PWPOL-24
#[tokio::test]
async fn blacklists_are_files_of_a_folder() {
    let data = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join("password-blacklists")).unwrap();
    std::fs::write(
        data.path().join("password-blacklists/usual.txt"),
        "Hunter2\n",
    )
    .unwrap();
    std::fs::write(other.path().join("other.txt"), "letmein\n").unwrap();
    let start = |more: &[&str]| {
        Server::spawn(
            realmkeep()
                .args(serve_args(data.path()))
                .args(more)
                .env("KC_BOOTSTRAP_ADMIN_USERNAME", "root")
                .env("KC_BOOTSTRAP_ADMIN_PASSWORD", "root"),
        )
    };
    let call = async |server: &Server, method: &str, path: &str, body: Value| {
        let (_, answer) = sign_in(&server.address, "root", "root").await;
        let url = format!("http://{}/admin/realms{path}", server.address);
        let request = http()
            .request(method.parse().unwrap(), url)
            .bearer_auth(answer["access_token"].as_str().unwrap())
            .json(&body);
        let answer = request.send().await.unwrap();
        let location = answer.headers().get("location").cloned();
        let id = location.and_then(|l| Some(l.to_str().ok()?.rsplit('/').next()?.to_owned()));
        (answer.status().as_u16(), answer.text().await.unwrap(), id)
    };
    let policy = |list: &str| json!({"passwordPolicy": format!("passwordBlacklist({list})")});
    let reset = |password: &str| json!({"type": "password", "value": password});

    let server = start(&[]);
    call(&server, "POST", "", json!({"realm": "r", "enabled": true})).await;
    let user = json!({"username": "alice", "enabled": true});
    let (_, _, id) = call(&server, "POST", "/r/users", user).await;
    let password = format!("/r/users/{}/reset-password", id.unwrap());
    let (status, text, _) = call(&server, "PUT", "/r", policy("other.txt")).await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("other.txt"), "{text}");
    let with_list = json!({"realm": "r2", "passwordPolicy": "passwordBlacklist(other.txt)"});
    let (status, text, _) = call(&server, "POST", "", with_list).await;
    assert_eq!(status, 400, "{text}");
    assert_eq!(call(&server, "PUT", "/r", policy("usual.txt")).await.0, 204);
    let (status, text, _) = call(&server, "PUT", &password, reset("hunter2")).await;
    assert_eq!(status, 400);
    assert!(text.contains("invalidPasswordBlacklistedMessage"), "{text}");
    assert_eq!(
        call(&server, "PUT", &password, reset("letmein")).await.0,
        204
    );
    drop(server);

    // Another folder has other lists. The one that the realm names is gone: nothing passes.
    let server = start(&["--password-blacklists-dir", other.path().to_str().unwrap()]);
    let (status, text, _) = call(&server, "PUT", &password, reset("anything else")).await;
    assert_eq!(status, 400);
    assert!(text.contains("usual.txt"), "{text}");
    assert_eq!(call(&server, "PUT", "/r", policy("other.txt")).await.0, 204);
    assert_eq!(
        call(&server, "PUT", &password, reset("letmein")).await.0,
        400
    );
    assert_eq!(
        call(&server, "PUT", &password, reset("hunter2")).await.0,
        204
    );
}

/// Every failed login is a line of the log with the address that it came from, for tools that block
/// addresses; behind a trusted proxy, that of the proxy's client.
///
/// spec: BF-24
#[tokio::test]
async fn failures_are_logged_with_their_address() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::spawn(
        realmkeep()
            .args(serve_args(data.path()))
            .args(["--proxy-headers", "forwarded"])
            .args(["--proxy-trusted-addresses", "127.0.0.1"]),
    );
    let url = format!(
        "http://{}/realms/master/protocol/openid-connect/token",
        server.address
    );
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "mallory"),
        ("password", "canary-guess"),
    ];
    for address in ["192.0.2.77", "2001:db8::77"] {
        let forwarded = format!("for=\"[{address}]\";proto=https");
        let forwarded = match address.contains(':') {
            true => forwarded,
            false => format!("for={address};proto=https"),
        };
        let request = http().post(&url).header("forwarded", forwarded).form(&form);
        assert!(request.send().await.unwrap().status().is_client_error());
        let line = server.program.wait_for("the failure", |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["type"] == "LOGIN_ERROR").then_some(line)
        });
        assert_eq!(line["ipAddress"], address);
        assert_eq!(line["username"], "mallory");
        assert!(!line.to_string().contains("canary"));
    }
}
