//! The token API beyond `/v1/token`: exchange, introspection, the shapes of texas, the unix socket,
//! files; and DPoP and TLS towards targets.

use std::io::{BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use realmkeep_jose::{Algorithm, SigningKey, UnverifiedJwt, base64url, sha256};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{AUDIENCE, Answer, Issuer, Sidecar, echo, now, raw, read_answer, until};

struct Scene {
    issuer: Issuer,
    sidecar: Sidecar,
    orders: std::net::SocketAddr,
    directory: TempDir,
}

fn scene(targets: &str, api: &str, proxy: &str) -> Scene {
    let issuer = Issuer::start();
    let directory = tempfile::tempdir().unwrap();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let claims = json!({"iss": "https://kubernetes", "sub": "system:serviceaccount:shop:app", "iat": now(), "exp": now() + 900});
    let file = directory.path().join("assertion");
    std::fs::write(&file, key.sign("JWT", &claims).unwrap()).unwrap();
    let orders = echo();
    let path = directory.path().display();
    let sidecar = Sidecar::start(&format!(
        "
admin: {{listen: 127.0.0.1:0}}
inbound:
  listen: 127.0.0.1:0
  upstream: http://{orders}
  issuers: [{{issuer: '{url}', allowHttp: true, audiences: [{AUDIENCE}]}}]
outbound:
  identity: {{oidcFile: {{tokenFile: {path}/assertion}}}}
  issuer: {url}
  allowHttp: true
  targets: {targets}
  tokenApi: {{listen: 127.0.0.1:0, {api}}}
  forwardProxy: {{listen: 127.0.0.1:0, {proxy}}}
",
        targets = targets
            .replace("ORDERS", &orders.to_string())
            .replace("DIR", &path.to_string()),
        api = api.replace("DIR", &path.to_string()),
        url = issuer.url,
    ));
    Scene {
        issuer,
        sidecar,
        orders,
        directory,
    }
}

fn post(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

impl Scene {
    fn form(&self, path: &str, body: &str) -> Answer {
        let request = post(
            path,
            "X-Local-Token: 1\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            body,
        );
        raw(self.sidecar.address("tokenApi"), request.as_bytes())
    }

    fn json(&self, path: &str, body: &Value) -> Answer {
        let request = post(
            path,
            "X-Local-Token: 1\r\nContent-Type: application/json\r\n",
            &body.to_string(),
        );
        raw(self.sidecar.address("tokenApi"), request.as_bytes())
    }

    fn exchanges(&self) -> Vec<std::collections::HashMap<String, String>> {
        let requests = self.issuer.token_requests().into_iter();
        requests
            .filter(|request| request.contains_key("subject_token"))
            .collect()
    }
}

const TARGETS: &str = "[{name: orders, hosts: ['ORDERS'], audience: orders-api, scope: read, resource: 'https://orders.example/'}, {name: behalf, audience: b, exchangeOnly: true}]";

/// RFC 8693: the caller's token for one that is good at the target, kept for this caller alone.
#[test]
fn a_callers_token_is_exchanged_and_the_answer_kept_for_it() {
    let scene = scene(TARGETS, "", "exchangeAuthorization: true");
    let alice = scene.issuer.token(json!({"sub": "alice"}));
    let bob = scene.issuer.token(json!({"sub": "bob"}));
    let first = scene.form(
        "/v1/exchange",
        &format!("target=orders&subject_token={alice}"),
    );
    assert_eq!(first.status, 200, "{first:?}");
    for _ in 0..3 {
        let again = scene.form(
            "/v1/exchange",
            &format!("target=orders&subject_token={alice}"),
        );
        assert_eq!(again.json()["access_token"], first.json()["access_token"]);
    }
    let other = scene.form(
        "/v1/exchange",
        &format!("target=orders&subject_token={bob}"),
    );
    assert_ne!(other.json()["access_token"], first.json()["access_token"]);
    let other = scene.form(
        "/v1/exchange",
        &format!("target=behalf&subject_token={alice}"),
    );
    assert_ne!(other.json()["access_token"], first.json()["access_token"]);

    let exchanges = scene.exchanges();
    assert_eq!(exchanges.len(), 3);
    for (name, value) in [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("subject_token", alice.as_str()),
        (
            "subject_token_type",
            "urn:ietf:params:oauth:token-type:access_token",
        ),
        (
            "requested_token_type",
            "urn:ietf:params:oauth:token-type:access_token",
        ),
        ("audience", "orders-api"),
        ("scope", "read"),
        ("resource", "https://orders.example/"),
    ] {
        assert_eq!(exchanges[0][name], value, "{name}");
    }

    // By the forward proxy: the application sends on what it was called with.
    let orders = scene.orders;
    let request = format!(
        "GET http://{orders}/x HTTP/1.1\r\nHost: {orders}\r\nAuthorization: Bearer {alice}\r\n\r\n"
    );
    let answer = raw(scene.sidecar.address("forwardProxy"), request.as_bytes());
    let token = first.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(answer.seen("authorization"), [format!("Bearer {token}")]);
    assert_eq!(scene.exchanges().len(), 3);

    assert_eq!(scene.form("/v1/exchange", "target=orders").status, 400);
    assert_eq!(
        scene
            .form(
                "/v1/exchange",
                &format!("target=none&subject_token={alice}")
            )
            .status,
        404
    );
    assert_eq!(scene.form("/v1/token", "target=behalf").status, 400);
    // A token does not belong into an address.
    let path = format!("/v1/exchange?target=orders&subject_token={alice}");
    assert_eq!(scene.form(&path, "").status, 400);
    let log = scene.sidecar.log();
    assert!(!log.contains(&alice) && !log.contains(&token), "{log}");
}

/// An exchanged token is not handed out when its subject token has ended.
#[test]
fn an_exchanged_token_does_not_outlive_its_subject() {
    let scene = scene(TARGETS, "", "");
    let short = scene.issuer.token(json!({"exp": now() + 2}));
    let form = format!("target=orders&subject_token={short}");
    assert_eq!(scene.form("/v1/exchange", &form).status, 200);
    until(|| {
        scene.form("/v1/exchange", &form);
        scene.exchanges().len() > 1
    });
}

#[test]
fn tokens_can_be_looked_at() {
    let scene = scene(TARGETS, "", "");
    let good = scene.issuer.token(json!({"scope": "read"}));
    let answer = scene.form("/v1/introspect", &format!("token={good}"));
    let claims = answer.json();
    assert_eq!(
        (claims["active"].as_bool(), claims["sub"].as_str()),
        (Some(true), Some("service-account-7"))
    );
    let bad = scene.issuer.token(json!({"aud": "other"}));
    let answer = scene.form("/v1/introspect", &format!("token={bad}")).json();
    assert_eq!(answer["active"], false);
    assert!(answer.get("sub").is_none());
    assert_eq!(scene.form("/v1/introspect", "").status, 400);
    assert_eq!(scene.form("/v1/introspect", "token=a&token=b").status, 400);
}

/// What applications that know nais/texas send.
#[test]
fn the_shapes_of_texas() {
    let off = scene(TARGETS, "", "");
    let body = json!({"identity_provider": "azuread", "target": "orders"});
    assert_eq!(off.json("/api/v1/token", &body).status, 404);

    let scene = scene(TARGETS, "identityProviders: [azuread, tokenx]", "");
    let answer = scene.json("/api/v1/token", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = answer.json();
    assert_eq!(token["token_type"], "Bearer");
    assert!(token["expires_in"].as_i64().unwrap() > 0);
    // The target by its audience, and by form.
    let same = scene.form(
        "/api/v1/token",
        "identity_provider=azuread&target=orders-api",
    );
    assert_eq!(same.json()["access_token"], token["access_token"]);
    let user = scene.issuer.token(json!({"sub": "alice"}));
    let body = json!({"identity_provider": "tokenx", "target": "orders-api", "user_token": user});
    assert_eq!(scene.json("/api/v1/token/exchange", &body).status, 200);
    assert_eq!(scene.exchanges()[0]["subject_token"], user);
    let body = json!({"identity_provider": "tokenx", "token": user});
    assert_eq!(
        scene.json("/api/v1/introspect", &body).json()["active"],
        true
    );
    for body in [
        json!({"target": "orders"}),
        json!({"identity_provider": "maskinporten", "target": "orders"}),
        json!({"identity_provider": "azuread", "target": "orders", "authorization_details": [{}]}),
        json!(["azuread"]),
    ] {
        assert_eq!(scene.json("/api/v1/token", &body).status, 400, "{body}");
    }
}

/// The socket's mode says who may; marks of a browser or a proxy are refused there too.
#[test]
fn the_unix_socket_needs_no_header() {
    let scene = scene(TARGETS, "socket: DIR/token.sock", "");
    let path = scene.directory.path().join("token.sock");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let ask = |headers: &str| {
        let mut stream = UnixStream::connect(&path).unwrap();
        let request =
            format!("GET /v1/token?target=orders HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        read_answer(&mut BufReader::new(stream)).status
    };
    assert_eq!(ask(""), 200);
    for headers in [
        "Origin: http://a\r\n",
        "Sec-Fetch-Site: none\r\n",
        "X-Forwarded-For: a\r\n",
    ] {
        assert_eq!(ask(headers), 403, "{headers}");
    }
}

#[test]
fn a_file_always_holds_a_whole_token() {
    let scene = scene("[{name: a, audience: a, file: 'DIR/out'}]", "", "");
    let file = scene.directory.path().join("out");
    until(|| file.exists());
    let token = std::fs::read_to_string(&file).unwrap();
    assert!(token.starts_with("issued-"), "{token}");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o440
    );
    let expires: i64 = std::fs::read_to_string(scene.directory.path().join("out.expires"))
        .unwrap()
        .parse()
        .unwrap();
    assert!((now()..now() + 301).contains(&expires));
    assert!(!scene.directory.path().join("out.new").exists());
}

/// The key is the sidecar's: whoever steals the token from the application has nothing.
#[test]
fn tokens_can_be_bound_to_a_key_of_the_sidecar() {
    let scene = scene("[{name: orders, hosts: ['ORDERS'], dpop: true}]", "", "");
    let answer = json!({"access_token": "bound-token", "token_type": "DPoP", "expires_in": 300});
    scene.issuer.answer_tokens_with(200, answer);
    let orders = scene.orders;
    let ask = || {
        let request =
            format!("GET http://{orders}/x?q=1 HTTP/1.1\r\nHost: {orders}\r\nDPoP: own\r\n\r\n");
        raw(scene.sidecar.address("forwardProxy"), request.as_bytes())
    };
    until(|| ask().status == 200);
    let (first, second) = (ask(), ask());
    assert_eq!(first.seen("authorization"), ["DPoP bound-token"]);
    let proofs = [first.seen("dpop"), second.seen("dpop")];
    assert_ne!(proofs[0], proofs[1]);
    let proof = UnverifiedJwt::parse(&proofs[0][0]).unwrap();
    assert_eq!(proof.unverified_typ(), Some("dpop+jwt"));
    assert_eq!(proof.unverified_str("htm"), Some("GET"));
    assert_eq!(
        proof.unverified_str("htu"),
        Some(format!("http://{orders}/x").as_str())
    );
    assert_eq!(
        proof.unverified_str("ath"),
        Some(base64url(sha256(b"bound-token")).as_str())
    );
    let jwk = proof.unverified_header().get("jwk").unwrap();
    assert!(jwk.get("d").is_none() && jwk["kty"] == "EC");
    // The request for the token had a proof as well.
    assert!(
        scene
            .issuer
            .token_requests()
            .iter()
            .all(|r| r.contains_key("dpop-header"))
    );

    // A server that ignores it must not go unnoticed.
    let plain = scene_with_plain_answer();
    let answer = plain.form("/v1/token", "target=orders");
    assert_eq!(answer.status, 502, "{answer:?}");
}

fn scene_with_plain_answer() -> Scene {
    scene("[{name: orders, dpop: true}]", "", "")
}
