//! The process: its configuration, its start and its end.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use crate::support::{AUDIENCE, Issuer, Sidecar, read_answer, serve, until};
use axum::Router;
use axum::routing::get as on_get;
use serde_json::json;

fn run(config: &str, arguments: &[&str]) -> (bool, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_realmkeep-sidecar"))
        .arg("--config")
        .arg(file.path())
        .args(arguments)
        .output()
        .unwrap();
    (
        output.status.success(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_wrong_configuration_names_its_place_and_starts_nothing() {
    let config = "
inbound:
  listen: 127.0.0.1:0
  upstream: http://127.0.0.1:3000
  issuers:
    - issuer: https://id.example
      audiences: [a]
";
    assert_eq!(run(config, &["--check"]), (true, String::new()));
    for (from, to, message) in [
        ("listen:", "listne:", "inbound: unknown field `listne`"),
        (
            "audiences: [a]",
            "audiences: [a]\n      jwksURL: x",
            "inbound.issuers[0]: unknown field `jwksURL`",
        ),
        (
            "audiences: [a]",
            "audience: [a]",
            "inbound.issuers[0]: unknown field `audience`",
        ),
        ("https://id.example", "http://id.example", "is not https"),
        (
            "https://id.example",
            "https://169.254.169.254",
            "may not connect",
        ),
        (
            "audiences: [a]",
            "audiences: [a]\n      caFile: /does/not/exist",
            "/does/not/exist",
        ),
    ] {
        for arguments in [&[][..], &["--check"]] {
            let (success, error) = run(&config.replace(from, to), arguments);
            assert!(!success && error.contains(message), "{error}");
        }
    }
}

#[test]
fn sigterm_lets_requests_end_and_takes_no_new_ones() {
    let slow = serve(Router::new().route(
        "/slow",
        on_get(async || {
            tokio::time::sleep(Duration::from_secs(2)).await;
            "done"
        }),
    ));
    let issuer = Issuer::start();
    let mut sidecar = Sidecar::start(&format!(
        "
admin: {{listen: 127.0.0.1:0}}
drainSeconds: 30
inbound:
  listen: 127.0.0.1:0
  upstream: http://{slow}
  issuers: [{{issuer: '{}', allowHttp: true, audiences: [{AUDIENCE}]}}]
",
        issuer.url
    ));
    let inbound = sidecar.address("inbound");
    let mut stream = TcpStream::connect(inbound).unwrap();
    let token = issuer.token(json!({}));
    let request = format!("GET /slow HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    until(|| {
        sidecar
            .admin("/metrics")
            .body
            .contains("reason=\"valid\"} 1")
    });
    sidecar.terminate();
    until(|| TcpStream::connect(inbound).is_err());
    assert_eq!(sidecar.admin("/readyz").status, 503);

    let answer = read_answer(&mut BufReader::new(stream));
    assert_eq!((answer.status, answer.body.as_str()), (200, "done"));
    assert!(sidecar.wait().success());
}
