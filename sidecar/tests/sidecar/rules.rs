//! Rules, step-up, and the payloads by which others' rules were passed by.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::{AUDIENCE, Answer, Issuer, Sidecar, echo, get, now, raw};

const RULES: &str = "
  origins: [https://orders.example]
  resource: {url: 'https://orders.example/api', name: Orders, scopes: [read, write]}
  rules:
    - {name: health, match: {methods: [GET], paths: [/healthz]}, public: true}
    - {name: internal, match: {paths: [/internal/**]}, deny: true}
    - name: admin
      match: {paths: [/admin/**]}
      claims: {realm_access.roles: [admin]}
    - name: write
      match: {methods: [POST, PUT], paths: [/orders, '/orders/**']}
      scopes: [read, write]
      headers:
        X-Email: claims.email
        X-Count: size(claims.aud)
        X-Broken: claims.absent
    - name: pay
      match: {paths: [/pay]}
      stepUp: {acrValues: [gold, platinum], maxAgeSeconds: 300}
    - name: own
      match: {paths: ['/users/*']}
      condition: request.path == '/users/' + claims.sub && request.method == 'GET'
    - {name: other-audience, match: {paths: [/billing]}, audiences: [billing]}
    - {name: other-issuer, match: {paths: [/partner]}, issuers: ['https://partner.example']}
    - {name: host, match: {hosts: ['*.api.example'], paths: [/by-host]}}
    - {name: read, match: {methods: [GET], paths: ['/orders/**', '/caf\u{e9}']}, scopes: [read]}
";

struct Scene {
    issuer: Issuer,
    _sidecar: Sidecar,
    inbound: SocketAddr,
}

fn scene(rules: &str) -> Scene {
    let issuer = Issuer::start();
    let sidecar = Sidecar::start(&format!(
        "
admin: {{listen: 127.0.0.1:0}}
inbound:
  listen: 127.0.0.1:0
  upstream: http://{}
  issuers: [{{issuer: '{}', allowHttp: true, audiences: [{AUDIENCE}]}}]
{rules}",
        echo(),
        issuer.url
    ));
    let inbound = sidecar.address("inbound");
    Scene {
        issuer,
        _sidecar: sidecar,
        inbound,
    }
}

impl Scene {
    fn ask(&self, method: &str, path: &str, claims: Option<Value>) -> Answer {
        self.ask_at("orders.example", method, path, claims)
    }

    fn ask_at(&self, host: &str, method: &str, path: &str, claims: Option<Value>) -> Answer {
        let authorization = claims
            .map(|claims| format!("Authorization: Bearer {}\r\n", self.issuer.token(claims)))
            .unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}Content-Length: 0\r\n\r\n"
        );
        raw(self.inbound, request.as_bytes())
    }
}

#[test]
fn the_first_rule_that_matches_decides_and_no_rule_is_no() {
    let scene = scene(RULES);
    let admin = json!({"realm_access": {"roles": ["user", "admin"]}});
    let reader = json!({"scope": "read profile"});
    let writer = json!({"scope": "write read", "email": "a@b.example"});
    for (method, path, claims, status) in [
        ("GET", "/healthz", None, 200),
        ("POST", "/healthz", None, 403),
        ("POST", "/healthz", Some(json!({})), 403),
        ("GET", "/internal/x", Some(admin.clone()), 403),
        ("GET", "/internal", Some(admin.clone()), 403),
        ("GET", "/admin", None, 401),
        ("GET", "/admin", Some(json!({})), 403),
        ("GET", "/admin/x", Some(admin.clone()), 200),
        ("GET", "/%61dmin/x", Some(json!({})), 403),
        ("GET", "/%61dmin/x", Some(admin), 200),
        ("GET", "/administrators", Some(json!({})), 403),
        ("GET", "/orders/1", Some(reader.clone()), 200),
        ("GET", "/orders/1", Some(json!({"scope": "reader"})), 403),
        ("GET", "/orders/1", Some(json!({"scope": ["read"]})), 200),
        ("POST", "/orders", Some(reader.clone()), 403),
        ("POST", "/orders", Some(writer), 200),
        ("DELETE", "/orders/1", Some(reader.clone()), 403),
        ("GET", "/caf%C3%A9", Some(reader), 200),
        ("GET", "/users/service-account-7", Some(json!({})), 200),
        ("PATCH", "/users/service-account-7", Some(json!({})), 403),
        ("GET", "/users/other", Some(json!({})), 403),
        ("GET", "/billing", Some(json!({})), 403),
        (
            "GET",
            "/billing",
            Some(json!({"aud": [AUDIENCE, "billing"]})),
            200,
        ),
        ("GET", "/partner", Some(json!({})), 403),
        ("GET", "/by-host", Some(json!({})), 403),
        ("GET", "/nothing", Some(json!({})), 403),
    ] {
        let answer = scene.ask(method, path, claims.clone());
        assert_eq!(
            answer.status, status,
            "{method} {path} {claims:?} {answer:?}"
        );
    }
    for (host, status) in [
        ("a.api.example", 200),
        ("A.API.example:8080", 200),
        ("api.example", 403),
        ("a.b.api.example", 403),
        ("a.api.example.evil", 403),
    ] {
        let answer = scene.ask_at(host, "GET", "/by-host", Some(json!({})));
        assert_eq!(answer.status, status, "{host}");
    }
}

#[test]
fn a_missing_scope_is_named_and_headers_come_from_claims() {
    let scene = scene(RULES);
    let answer = scene.ask("POST", "/orders", Some(json!({"scope": "read"})));
    let challenge = answer.header("www-authenticate").unwrap();
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (403, Some("insufficient_scope"))
    );
    assert!(
        challenge.contains("error=\"insufficient_scope\""),
        "{challenge}"
    );
    assert!(challenge.contains("scope=\"read write\""), "{challenge}");
    assert!(
        challenge.contains(
            "resource_metadata=\"https://orders.example/.well-known/oauth-protected-resource/api\""
        ),
        "{challenge}"
    );

    let claims = json!({"scope": "read write", "email": "a@b.example"});
    let token = scene.issuer.token(claims);
    let request = format!(
        "POST /orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: 0\r\n\
         X-Email: root@b.example\r\nx_email: root\r\nX-Broken: root\r\nX-Auth-Subject: root\r\n\r\n"
    );
    let answer = raw(scene.inbound, request.as_bytes());
    assert_eq!(answer.seen("x-email"), ["a@b.example"]);
    assert_eq!(answer.seen("x-count"), ["2"]);
    assert!(answer.seen("x-broken").is_empty() && answer.seen("x_email").is_empty());
    assert_eq!(answer.seen("x-auth-subject"), ["service-account-7"]);
    // What cannot be a header is left out, not cut.
    let claims = json!({"scope": "read write", "email": "a\r\nX-Admin: 1"});
    let answer = scene.ask("POST", "/orders", Some(claims));
    assert!(
        answer.status == 200
            && answer.seen("x-email").is_empty()
            && answer.seen("x-admin").is_empty()
    );
}

/// RFC 9470 section 3, RFC 9728 sections 3 and 5.1.
#[test]
fn a_login_that_is_too_weak_or_too_old_is_asked_for_again() {
    let scene = scene(RULES);
    let fresh = now() - 10;
    for (claims, status) in [
        (json!({"acr": "gold", "auth_time": fresh}), 200),
        (json!({"acr": "platinum", "auth_time": fresh}), 200),
        (json!({"acr": "silver", "auth_time": fresh}), 401),
        (json!({"acr": "gold", "auth_time": now() - 400}), 401),
        (json!({"acr": "gold"}), 401),
        (json!({"auth_time": fresh}), 401),
        (json!({"acr": ["gold"], "auth_time": fresh}), 401),
    ] {
        let answer = scene.ask("POST", "/pay", Some(claims.clone()));
        assert_eq!(answer.status, status, "{claims}");
        if status == 401 {
            let challenge = answer.header("www-authenticate").unwrap();
            for part in [
                "error=\"insufficient_user_authentication\"",
                "acr_values=\"gold platinum\"",
                "max_age=\"300\"",
            ] {
                assert!(challenge.contains(part), "{challenge}");
            }
        }
    }
    let answer = scene.ask("GET", "/.well-known/oauth-protected-resource/api", None);
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (200, Some("*"))
    );
    let metadata = answer.json();
    assert_eq!(metadata["resource"], "https://orders.example/api");
    assert_eq!(metadata["authorization_servers"], json!([scene.issuer.url]));
    assert_eq!(metadata["scopes_supported"], json!(["read", "write"]));
    assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
    assert_eq!(metadata["resource_name"], "Orders");
}

/// CVE-2019-9901, CVE-2021-32777, CVE-2026-42274, CVE-2026-41059, GHSA-p224-6x5r-fjpm,
/// GHSA-7rh7-c77v-6434, istio#27409: a path that is one thing to the rule and another to the
/// application.
#[test]
fn paths_with_two_readings_are_refused() {
    let scene = scene(RULES);
    let token = json!({"scope": "read"});
    for path in [
        "/orders/../admin",
        "/orders/%2e%2e/admin",
        "/orders/%2E%2E/admin",
        "/orders/.%2e/admin",
        "/orders/..%2fadmin",
        "/orders/..%5cadmin",
        "/orders/..\\admin",
        "/orders//../admin",
        "//admin",
        "/./admin",
        "/orders/;/../admin",
        "/orders/..;/admin",
        "/admin;/healthz",
        "/admin%3b",
        "/healthz%3f/../admin",
        "/admin%23/healthz",
        "/healthz%00/admin",
        "/%252e%252e/admin",
        "/orders/%c0%ae%c0%ae/admin",
        "/orders/%ff",
        "/orders/%",
        "/orders/%0d%0aX-Auth-Subject:%20root",
    ] {
        let answer = scene.ask("GET", path, Some(token.clone()));
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
        assert_eq!(scene.ask("GET", path, None).status, 400, "{path}");
    }
    // A query is nothing to a rule, whatever it looks like.
    assert_eq!(scene.ask("GET", "/admin?/healthz", None).status, 401);
    assert_eq!(scene.ask("GET", "/healthz?x=/../admin", None).status, 200);
    // Of a target with a fragment, what is judged is what the application gets.
    let answer = scene.ask("GET", "/healthz#/../admin", None);
    assert!(
        answer.status == 400 || answer.json()["target"] == "/healthz",
        "{answer:?}"
    );
}

/// CVE-2023-27487, CVE-2024-45806, CVE-2026-40575, GHSA-5hvv-m4w4-gf6v, GHSA-vhr5-ggp3-qq85: headers
/// that other proxies believe.
#[test]
fn no_header_of_a_client_changes_a_decision() {
    let scene = scene(RULES);
    for name in [
        "X-Envoy-Original-Path",
        "X-Envoy-Original-Host",
        "X-Envoy-External-Address",
        "X-Envoy-Internal",
        "X-Envoy-Decorator-Operation",
        "X-Envoy-Peer-Metadata",
        "X-Original-Uri",
        "X-Original-Url",
        "X-Original-Method",
        "X-Rewrite-Url",
        "X-Forwarded-Uri",
        "X-Forwarded-Method",
        "X-Forwarded-Path",
        "X-Forwarded-Prefix",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-For",
        "X-Forwarded-Client-Cert",
        "X-Http-Method-Override",
        "X-Http-Method",
        "X-Method-Override",
        "X-Real-Ip",
        "X-Auth-Subject",
        "X-Auth-Request-User",
        "X-Auth-Request-Redirect",
        "Client-Cert",
        "Forwarded",
        "Via",
        "User-Agent",
        "Referer",
        "Origin",
        "Cookie",
    ] {
        for value in [
            "/healthz",
            "GET",
            "GoogleHC/1.0",
            "kube-probe/1.33",
            "localhost",
            "127.0.0.1",
        ] {
            let answer = get(scene.inbound, "/admin", &[(name, value)]);
            assert_eq!(answer.status, 401, "{name}: {value}");
        }
    }
}

#[test]
fn what_cannot_be_a_rule_is_refused_with_its_place() {
    for (rule, message) in [
        ("{name: a, match: {paths: [admin]}}", "begin with /"),
        ("{name: a, match: {paths: ['/a/**/b']}}", "at the end only"),
        ("{name: a, match: {paths: ['/a/../b']}}", "nowhere"),
        ("{name: a, match: {paths: ['/a%2f']}}", "without encoding"),
        ("{name: a, match: {methods: [get]}}", "in capitals"),
        ("{name: a, match: {hosts: ['a:80']}}", "without a port"),
        ("{name: a, public: true, scopes: [x]}", "looks at no token"),
        ("{name: a, deny: true, public: true}", "exclude each other"),
        ("{name: a, condition: 'claims.'}", "no CEL expression"),
        ("{name: a, condition: 'claim.sub == 1'}", "looks at `claim`"),
        ("{name: a, introspect: true}", "introspection"),
        ("{name: a, requireDpop: true}", "senderConstraint.dpop"),
        (
            "{name: a, headers: {'a b': 'claims.sub'}}",
            "no header name",
        ),
        ("{name: a, when: x}", "unknown field"),
    ] {
        let config = format!(
            "
inbound:
  listen: 127.0.0.1:0
  upstream: http://127.0.0.1:3000
  issuers: [{{issuer: 'https://id.example', audiences: [a]}}]
  rules: [{rule}]
"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), config).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_realmkeep-sidecar"))
            .args(["--check", "--config"])
            .arg(file.path())
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && error.contains(message),
            "{rule}: {error}"
        );
    }
}
