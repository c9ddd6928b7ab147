//! What goes out: tokens for declared targets, for this pod's application and nobody else.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::{Answer, Issuer, Sidecar, echo, get, now, raw, read_answer, until};
use realmkeep_jose::{Algorithm, SigningKey};
use serde_json::json;
use tempfile::NamedTempFile;

struct Scene {
    issuer: Issuer,
    sidecar: Sidecar,
    /// A host that is declared.
    orders: SocketAddr,
    assertion: String,
    file: NamedTempFile,
}

fn scene(proxy: &str) -> Scene {
    let issuer = Issuer::start();
    scene_at(issuer, proxy)
}

fn scene_at(issuer: Issuer, proxy: &str) -> Scene {
    let orders = echo();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let claims = json!({"iss": "https://kubernetes", "sub": "system:serviceaccount:shop:app", "iat": now(), "exp": now() + 900});
    let assertion = key.sign("JWT", &claims).unwrap();
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &assertion).unwrap();
    let sidecar = Sidecar::start(&format!(
        "
admin: {{listen: 127.0.0.1:0}}
outbound:
  identity: {{kubernetes: {{tokenFile: {}}}}}
  issuer: {}
  allowHttp: true
  targets:
    - {{name: orders, hosts: ['{orders}'], audience: orders, scope: read}}
    - {{name: billing}}
  tokenApi: {{listen: 127.0.0.1:0}}
  forwardProxy:
    listen: 127.0.0.1:0
{proxy}
",
        file.path().display(),
        issuer.url
    ));
    Scene {
        issuer,
        sidecar,
        orders,
        assertion,
        file,
    }
}

impl Scene {
    fn token(&self, target: &str) -> Answer {
        let path = format!("/v1/token?target={target}");
        get(
            self.sidecar.address("tokenApi"),
            &path,
            &[("X-Local-Token", "1")],
        )
    }

    fn proxied(&self, request: &str) -> Answer {
        raw(self.sidecar.address("forwardProxy"), request.as_bytes())
    }

    fn via_proxy(&self, to: SocketAddr, headers: &str) -> Answer {
        self.proxied(&format!(
            "GET http://{to}/path?q=1 HTTP/1.1\r\nHost: {to}\r\n{headers}\r\n"
        ))
    }
}

/// spec: FCA-04
#[test]
fn a_token_is_got_with_the_service_account_token_and_kept() {
    let scene = scene("");
    until(|| scene.sidecar.admin("/startupz").status == 200);
    let answer = scene.token("orders");
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (200, Some("no-store"))
    );
    let token = answer.json();
    assert_eq!(token["token_type"], "Bearer");
    assert!((1..=300).contains(&token["expires_in"].as_i64().unwrap()));
    for _ in 0..20 {
        assert_eq!(
            scene.token("orders").json()["access_token"],
            token["access_token"]
        );
    }

    let form = "target=orders";
    let post = format!(
        "POST /v1/token HTTP/1.1\r\nHost: localhost\r\nX-Local-Token: 1\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}",
        form.len()
    );
    let answer = raw(scene.sidecar.address("tokenApi"), post.as_bytes());
    assert_eq!(answer.json()["access_token"], token["access_token"]);

    let requests = scene.issuer.token_requests();
    assert_eq!(requests.len(), 2);
    let orders = requests
        .iter()
        .find(|request| request.contains_key("audience"))
        .unwrap();
    for (name, value) in [
        ("grant_type", "client_credentials"),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", scene.assertion.as_str()),
        ("audience", "orders"),
        ("scope", "read"),
    ] {
        assert_eq!(orders[name], value);
    }
    assert!(!orders.contains_key("client_secret") && !orders.contains_key("client_id"));

    let metrics = scene.sidecar.admin("/metrics").body;
    for name in [
        "authsc_outbound_token_fetch_seconds_count{target=\"orders\",result=\"success\"} 1",
        "authsc_outbound_token_expires_in_seconds{target=\"orders\"}",
        "authsc_assertion_age_seconds{source=\"kubernetes\"}",
        "# EOF\n",
    ] {
        assert!(metrics.contains(name), "{name} is not in\n{metrics}");
    }
}

#[test]
fn a_short_token_is_renewed_before_it_ends() {
    let issuer = Issuer::start();
    let short = |name: &str| json!({"access_token": name, "token_type": "Bearer", "expires_in": 3});
    issuer.answer_tokens_with(200, short("first"));
    let scene = scene_at(issuer, "");
    assert_eq!(scene.token("orders").json()["access_token"], "first");
    scene.issuer.answer_tokens_with(200, short("second"));
    // Whoever asks gets a token, the old or the new.
    until(|| {
        let answer = scene.token("orders");
        assert_eq!(answer.status, 200);
        answer.json()["access_token"] == "second"
    });
}

#[test]
fn requests_that_an_application_was_tricked_into_get_no_token() {
    let scene = scene("");
    let api = scene.sidecar.address("tokenApi");
    for headers in [
        vec![],
        vec![("X-Local-Token", "0")],
        vec![("X-Local-Token", "")],
        vec![("X-Local-Token", "1"), ("X-Local-Token", "1")],
        vec![("X-Local-Token", "1"), ("Origin", "http://localhost")],
        vec![("X-Local-Token", "1"), ("Origin", "null")],
        vec![("X-Local-Token", "1"), ("Sec-Fetch-Site", "same-origin")],
        vec![("X-Local-Token", "1"), ("sec-fetch-mode", "cors")],
        vec![("X-Local-Token", "1"), ("X-Forwarded-For", "127.0.0.1")],
        vec![("X-Local-Token", "1"), ("x-forwarded-host", "a")],
        vec![("X-Local-Token", "1"), ("Forwarded", "for=a")],
        vec![("X-Local-Token", "1"), ("Via", "1.1 a")],
        vec![("X-Local-Token", "1"), ("Host", "localhost")],
    ] {
        let answer = get(api, "/v1/token?target=orders", &headers);
        assert_eq!(answer.status, 403, "{headers:?}");
        assert!(!answer.body.contains("issued"));
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "10.0.0.1",
        "",
        "127.0.0.1:x",
        "[::1",
        "localhost:",
    ] {
        let request = format!(
            "GET /v1/token?target=orders HTTP/1.1\r\nHost: {host}\r\nX-Local-Token: 1\r\n\r\n"
        );
        assert_eq!(raw(api, request.as_bytes()).status, 403, "{host}");
    }
    for host in [
        "127.0.0.1",
        "127.0.0.1:9091",
        "[::1]",
        "[::1]:80",
        "LOCALHOST",
        "localhost:1",
    ] {
        let request = format!(
            "GET /v1/token?target=orders HTTP/1.1\r\nHost: {host}\r\nX-Local-Token: 1\r\n\r\n"
        );
        assert_eq!(raw(api, request.as_bytes()).status, 200, "{host}");
    }
    let request = "GET http://localhost/v1/token?target=orders HTTP/1.1\r\nHost: localhost\r\nX-Local-Token: 1\r\n\r\n";
    assert_eq!(raw(api, request.as_bytes()).status, 403);
}

#[test]
fn only_declared_targets_have_tokens() {
    let scene = scene("");
    let answer = scene.token("payments");
    assert_eq!(answer.status, 404);
    assert!(
        answer.json()["error_description"]
            .as_str()
            .unwrap()
            .contains("orders, billing")
    );
    let api = scene.sidecar.address("tokenApi");
    for path in [
        "/v1/token",
        "/v1/token?target=orders&target=billing",
        "/v1/token?audience=orders",
    ] {
        assert_eq!(
            get(api, path, &[("X-Local-Token", "1")]).status,
            400,
            "{path}"
        );
    }
    assert_eq!(
        get(api, "/v1/tokens", &[("X-Local-Token", "1")]).status,
        404
    );
    let request =
        "DELETE /v1/token?target=orders HTTP/1.1\r\nHost: localhost\r\nX-Local-Token: 1\r\n\r\n";
    assert_eq!(raw(api, request.as_bytes()).status, 405);
}

#[test]
fn the_forward_proxy_adds_the_token_for_declared_hosts() {
    let scene = scene("");
    let answer = scene.via_proxy(
        scene.orders,
        "Proxy-Authorization: Basic eA==\r\nConnection: authorization, x-hop\r\nX-Hop: 1\r\n",
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = scene.token("orders").json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(answer.seen("authorization"), [format!("Bearer {token}")]);
    assert_eq!(answer.json()["target"], "/path?q=1");
    assert_eq!(answer.seen("host"), [scene.orders.to_string()]);
    assert!(answer.seen("proxy-authorization").is_empty() && answer.seen("x-hop").is_empty());

    let own = scene.via_proxy(scene.orders, "Authorization: Bearer own\r\n");
    assert_eq!(
        (own.status, own.json()["error"].as_str()),
        (400, Some("authorization_present"))
    );
}

#[test]
fn the_forward_proxy_refuses_what_it_cannot_answer_for() {
    let scene = scene("");
    let elsewhere = echo();
    let answer = scene.via_proxy(elsewhere, "");
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (403, Some("undeclared_host"))
    );
    let orders = scene.orders;
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\nHost: {orders}\r\n\r\n"), 400),
        (
            format!("GET https://{orders}/ HTTP/1.1\r\nHost: {orders}\r\n\r\n"),
            400,
        ),
        (
            format!("GET http://{orders}/ HTTP/1.1\r\nHost: {elsewhere}\r\n\r\n"),
            400,
        ),
        (
            format!("GET http://{orders}/ HTTP/1.1\r\nHost: {orders}\r\nHost: {orders}\r\n\r\n"),
            400,
        ),
        (
            format!("GET http://u@{orders}/ HTTP/1.1\r\nHost: {orders}\r\n\r\n"),
            400,
        ),
        (
            format!(
                "GET http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n",
                orders.ip(),
                orders.ip()
            ),
            403,
        ),
        (
            format!("CONNECT {orders} HTTP/1.1\r\nHost: {orders}\r\n\r\n"),
            403,
        ),
        (
            format!("CONNECT {elsewhere} HTTP/1.1\r\nHost: {elsewhere}\r\n\r\n"),
            403,
        ),
    ] {
        assert_eq!(scene.proxied(&request).status, status, "{request}");
    }
    let connect = scene.proxied(&format!(
        "CONNECT {orders} HTTP/1.1\r\nHost: {orders}\r\n\r\n"
    ));
    assert!(
        connect.json()["error_description"]
            .as_str()
            .unwrap()
            .contains("http://")
    );
}

#[test]
fn the_forward_proxy_may_pass_the_rest() {
    let scene = scene("    undeclaredHosts: pass\n    passthroughAuthorization: true");
    let elsewhere = echo();
    // Without a token that is not meant for it.
    let answer = scene.via_proxy(elsewhere, "");
    assert_eq!(
        (answer.status, answer.seen("authorization").len()),
        (200, 0)
    );
    let own = scene.via_proxy(scene.orders, "Authorization: Bearer own\r\n");
    assert_eq!(own.seen("authorization"), ["Bearer own"]);

    // 127.0.0.1 is declared (with a port), so a tunnel goes by another name of the same place.
    let name = format!("localhost:{}", elsewhere.port());
    let mut stream = TcpStream::connect(scene.sidecar.address("forwardProxy")).unwrap();
    stream
        .write_all(format!("CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n").as_bytes())
        .unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let opened = {
        use std::io::BufRead;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
        }
        head
    };
    assert!(opened.starts_with("HTTP/1.1 200"), "{opened}");
    stream
        .write_all(b"GET /inside HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    assert_eq!(read_answer(&mut reader).json()["target"], "/inside");
}

#[test]
fn without_a_token_nothing_is_forwarded() {
    let issuer = Issuer::start();
    issuer.answer_tokens_with(
        401,
        json!({"error": "invalid_client", "error_description": "no such client"}),
    );
    let scene = scene_at(issuer, "");
    let answer = scene.via_proxy(scene.orders, "");
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (502, Some("token_refused"))
    );
    let description = answer.json()["error_description"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        description.contains("invalid_client") && description.contains("no such client"),
        "{description}"
    );
    assert_eq!(scene.token("orders").status, 502);
    assert_eq!(scene.sidecar.admin("/startupz").status, 503);

    let log = scene.sidecar.log();
    assert_eq!(
        log.matches("\"audience\":\"orders\"").count(),
        1,
        "logged once: {log}"
    );
}

#[test]
fn an_issuer_that_is_away_is_503_and_found_again() {
    let issuer = Issuer::start();
    issuer.set_down(true);
    let scene = scene_at(issuer, "");
    let answer = scene.via_proxy(scene.orders, "");
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(scene.token("orders").status, 503);
    scene.issuer.set_down(false);
    until(|| scene.token("orders").status == 200);
}

#[test]
fn a_missing_credential_is_said_and_looked_for_again() {
    let scene = scene("");
    std::fs::remove_file(scene.file.path()).unwrap();
    scene.issuer.answer_tokens_with(503, json!({}));
    let file = scene.file.path().to_owned();
    drop(scene);

    let issuer = Issuer::start();
    let sidecar = Sidecar::start(&format!(
        "
admin: {{listen: 127.0.0.1:0}}
outbound:
  identity: {{kubernetes: {{tokenFile: {}}}}}
  tokenEndpoint: {}/token
  allowHttp: true
  targets: [{{name: orders}}]
  tokenApi: {{listen: 127.0.0.1:0}}
",
        file.display(),
        issuer.url
    ));
    let api = sidecar.address("tokenApi");
    let ask = || get(api, "/v1/token?target=orders", &[("X-Local-Token", "1")]);
    let answer = ask();
    assert_eq!(answer.status, 503);
    assert!(
        answer.json()["error_description"]
            .as_str()
            .unwrap()
            .contains(file.to_str().unwrap())
    );
    assert!(issuer.token_requests().is_empty());

    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    std::fs::write(&file, key.sign("JWT", &json!({"sub": "a"})).unwrap()).unwrap();
    until(|| ask().status == 200);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn neither_credential_nor_token_is_ever_logged() {
    let scene = scene("");
    assert_eq!(scene.via_proxy(scene.orders, "").status, 200);
    assert_eq!(scene.token("orders").status, 200);
    scene.via_proxy(scene.orders, "Authorization: Bearer canary-own\r\n");
    scene.sidecar.terminate();
    until(|| scene.sidecar.log().contains("stopping"));
    let log = scene.sidecar.log();
    for secret in scene.assertion.split('.').chain(["issued-", "canary-own"]) {
        assert!(!log.contains(secret), "{log}");
    }
}
