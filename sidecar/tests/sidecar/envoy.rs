//! A real Envoy in front, asking by ext_authz.
//!
//! `REALMKEEP_ENVOY=/path/to/envoy cargo test -p realmkeep-sidecar --test sidecar envoy -- --ignored`

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::{AUDIENCE, Issuer, Sidecar, echo, get, raw, until};

struct Envoy(Child);

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
#[ignore = "needs Envoy: REALMKEEP_ENVOY names its binary"]
fn envoy_lets_in_whom_we_admit_and_tells_the_application_who_it_is() {
    let binary = std::env::var("REALMKEEP_ENVOY").unwrap();
    let issuer = Issuer::start();
    let application = echo();
    let sidecar = Sidecar::start(&format!(
        "
admin: {{listen: 127.0.0.1:0}}
inbound:
  extAuthz: {{listen: 127.0.0.1:0}}
  issuers: [{{issuer: '{}', allowHttp: true, audiences: [{AUDIENCE}]}}]
  rules:
    - {{name: open, match: {{paths: [/open]}}, public: true}}
    - {{name: write, match: {{paths: ['/orders/**']}}, scopes: [write], headers: {{X-Email: claims.email}}}}
",
        issuer.url
    ));
    let port = free_port();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("envoy.yaml");
    let cluster = |name: &str, address: std::net::SocketAddr, more: &str| {
        format!(
            "
  - name: {name}
    type: STATIC
    connect_timeout: 1s
    load_assignment:
      cluster_name: {name}
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {}}}}}}}}}]}}]
{more}",
            address.port()
        )
    };
    let http2 = "    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
";
    let config = format!(
        "
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config: {{virtual_hosts: [{{name: all, domains: ['*'], routes: [{{match: {{prefix: /}}, route: {{cluster: application}}}}]}}]}}
          http_filters:
          - name: envoy.filters.http.ext_authz
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              transport_api_version: V3
              failure_mode_allow: false
              encode_raw_headers: true
              grpc_service: {{envoy_grpc: {{cluster_name: sidecar}}, timeout: 5s}}
          - name: envoy.filters.http.router
            typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:{}{}",
        cluster("application", application, ""),
        cluster("sidecar", sidecar.address("extAuthz"), http2),
    );
    std::fs::write(&file, config).unwrap();
    let _envoy = Envoy(
        Command::new(binary)
            .args(["--disable-hot-restart", "--log-level", "warn", "-c"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let envoy = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    until(|| std::net::TcpStream::connect(envoy).is_ok());

    assert_eq!(
        get(envoy, "/open", &[("X-Auth-Subject", "root")]).status,
        200
    );
    let open = get(
        envoy,
        "/open",
        &[("X-Auth-Subject", "root"), ("x-remote-user", "root")],
    );
    assert!(open.seen("x-auth-subject").is_empty() && open.seen("x-remote-user").is_empty());

    let refused = get(envoy, "/orders/1", &[]);
    assert_eq!(
        (refused.status, refused.header("www-authenticate")),
        (401, Some("Bearer"))
    );
    let reader = format!("Bearer {}", issuer.token(json!({"scope": "read"})));
    let refused = get(envoy, "/orders/1", &[("Authorization", &reader)]);
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json()["error"], "insufficient_scope");
    assert!(
        refused
            .header("www-authenticate")
            .unwrap()
            .contains("scope=\"write\"")
    );
    assert_eq!(
        get(envoy, "/other", &[("Authorization", &reader)]).status,
        403
    );
    assert_eq!(get(envoy, "/open/%2e%2e/orders", &[]).status, 400);

    let token = issuer.token(json!({"scope": "write", "email": "a@b.example"}));
    let request = format!(
        "GET /orders/1?q=1 HTTP/1.1\r\nHost: shop.example\r\nAuthorization: Bearer {token}\r\n\
         X-Auth-Subject: root\r\nX-Email: root@b.example\r\nX-Forwarded-User: root\r\n\r\n"
    );
    let answer = raw(envoy, request.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.seen("x-auth-subject"), ["service-account-7"]);
    assert_eq!(answer.seen("x-email"), ["a@b.example"]);
    assert!(answer.seen("x-forwarded-user").is_empty());
    assert_eq!(answer.json()["target"], "/orders/1?q=1");
    let twice = format!(
        "GET /orders/1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    assert_eq!(raw(envoy, twice.as_bytes()).status, 400);
}
