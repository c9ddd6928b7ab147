//! One decision, whoever asks: the reverse proxy, forward-auth in each contract, ext_authz.

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};

use http::Request;
use http_body_util::{BodyExt as _, Full};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use prost::Message as _;
use realmkeep_sidecar::ext_authz::proto;
use serde_json::{Value, json};

use crate::support::{
    AUDIENCE, Answer, Http2, Issuer, Sidecar, block_on, echo, grpc_frame, http2, now, read_answer,
};

const REQUESTS: u32 = 10_000;

struct Scene {
    sidecar: Sidecar,
    issuer: Issuer,
}

fn scene() -> Scene {
    let issuer = Issuer::start();
    let sidecar = Sidecar::start(&format!(
        "
admin: {{listen: 127.0.0.1:0}}
inbound:
  listen: 127.0.0.1:0
  upstream: http://{}
  forwardAuth: {{listen: 127.0.0.1:0}}
  extAuthz: {{listen: 127.0.0.1:0}}
  issuers: [{{issuer: '{}', allowHttp: true, audiences: [{AUDIENCE}]}}]
  publicPaths: [/public]
  stripHeaders: [X-Tenant]
  rules:
    - {{name: open, match: {{methods: [GET], paths: [/open/*]}}, public: true}}
    - {{name: shut, match: {{paths: [/shut/**]}}, deny: true}}
    - {{name: admin, match: {{paths: [/admin/**]}}, claims: {{role: [admin]}}, headers: {{X-Role: claims.role}}}}
    - {{name: api, match: {{hosts: ['*.shop.example'], paths: [/a/**]}}, scopes: [read]}}
    - {{name: step, match: {{paths: [/step]}}, stepUp: {{acrValues: [gold]}}}}
    - {{name: cel, match: {{methods: [POST]}}, condition: \"request.path.startsWith('/a') && has(claims.scope)\"}}
    - {{name: get, match: {{methods: [GET, HEAD]}}}}
",
        echo(),
        issuer.url
    ));
    Scene { sidecar, issuer }
}

/// A request, before anybody has put it into words.
#[derive(Clone, Debug)]
struct Asked {
    method: &'static str,
    target: String,
    host: &'static str,
    headers: Vec<(&'static str, String)>,
}

/// What was decided, in words that all four have.
#[derive(Debug, PartialEq)]
struct Decided {
    status: u16,
    error: Option<String>,
    challenge: Option<String>,
    /// What the application is told.
    headers: BTreeMap<String, String>,
}

const TOLD: [&str; 4] = ["x-auth-subject", "x-auth-client", "x-auth-issuer", "x-role"];

fn requests(tokens: Vec<String>) -> impl Strategy<Value = Asked> {
    let segment = prop_oneof![
        8 => prop::sample::select(vec!["a", "b", "open", "shut", "admin", "step", "public", "1", "x.png"]),
        2 => prop::sample::select(vec!["%61dmin", "x%20y", "caf%C3%A9", "A", ".x", "a:b@c", "$&'()*+,="]),
        1 => prop::sample::select(vec![
            "", ".", "..", "%2e%2e", "%2E", "a%2fb", "a%5cb", "a\\b", "a;b", "a%3bb", "a%00", "%",
            "%zz", "%ff", "%25", "%252e", "a%3f", "a%23", "..;",
        ]),
    ];
    let target = (
        prop::collection::vec(segment, 1..4),
        prop::option::of(prop::sample::select(vec![
            "q=1",
            "",
            "x=/../admin",
            "/open/1",
        ])),
    )
        .prop_map(|(segments, query)| {
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            format!("/{}{query}", segments.join("/"))
        });
    let credential = prop::sample::select(tokens);
    let spoof = prop::sample::select(vec![
        ("x-auth-subject", "root".to_owned()),
        ("x_auth_subject", "root".to_owned()),
        ("x.auth.client", "root".to_owned()),
        ("x-role", "admin".to_owned()),
        ("x-tenant", "1".to_owned()),
        ("x-forwarded-user", "root".to_owned()),
        ("x-envoy-original-path", "/public".to_owned()),
        ("user-agent", "kube-probe/1.33".to_owned()),
        ("dpop", "x".to_owned()),
    ]);
    (
        prop::sample::select(vec!["GET", "GET", "GET", "POST", "HEAD", "DELETE", "PATCH"]),
        target,
        prop::sample::select(vec![
            "shop.example",
            "api.shop.example",
            "API.shop.example:8443",
            "a.b.shop.example",
            "evil.example",
            "127.0.0.1:80",
        ]),
        credential,
        prop::collection::vec(spoof, 0..3),
        prop::bool::weighted(0.05),
    )
        .prop_map(|(method, target, host, credential, spoofed, twice)| {
            let mut headers = spoofed;
            if !credential.is_empty() {
                headers.push(("authorization", credential.clone()));
                if twice {
                    headers.push(("authorization", credential));
                }
            }
            Asked {
                method,
                target,
                host,
                headers,
            }
        })
}

/// A connection that is used again and again.
struct Line {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Line {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
        }
    }

    fn ask(&mut self, request: &str, head: bool) -> Answer {
        let stream = self.stream.get_or_insert_with(|| {
            let stream = TcpStream::connect(self.address).unwrap();
            stream.set_nodelay(true).unwrap();
            BufReader::new(stream)
        });
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        if head {
            // Its answer has lengths and no bodies.
            let mut answer = String::new();
            while !answer.ends_with("\r\n\r\n") {
                std::io::BufRead::read_line(stream, &mut answer).unwrap();
            }
            let mut lines = answer.lines();
            let status = lines
                .next()
                .unwrap()
                .split(' ')
                .nth(1)
                .unwrap()
                .parse()
                .unwrap();
            let headers = lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect();
            self.stream = None;
            return Answer {
                status,
                headers,
                body: String::new(),
            };
        }
        let answer = read_answer(stream);
        if answer.header("connection") == Some("close") {
            self.stream = None;
        }
        answer
    }
}

fn text(method: &str, target: &str, host: &str, headers: &[(&str, String)]) -> String {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request + "\r\n"
}

fn refused(answer: &Answer) -> Decided {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    Decided {
        status: answer.status,
        error: body["error"].as_str().map(str::to_owned),
        challenge: answer.header("www-authenticate").map(str::to_owned),
        headers: BTreeMap::new(),
    }
}

fn by_proxy(line: &mut Line, asked: &Asked) -> Decided {
    let request = text(asked.method, &asked.target, asked.host, &asked.headers);
    let head = asked.method == "HEAD";
    let answer = line.ask(&request, head);
    if answer.status != 200 {
        return refused(&answer);
    }
    let mut headers = BTreeMap::new();
    if !head {
        for name in TOLD {
            let seen = answer.seen(name);
            assert!(seen.len() <= 1);
            headers.extend(seen.into_iter().map(|value| (name.to_owned(), value)));
        }
        // What was judged is what arrived.
        assert_eq!(answer.json()["target"].as_str().unwrap(), asked.target);
        assert!(
            !answer.json()["headers"]
                .as_array()
                .unwrap()
                .iter()
                .any(|h| h[1] == "root")
        );
    }
    Decided {
        status: 200,
        error: None,
        challenge: None,
        headers,
    }
}

fn by_forward_auth(line: &mut Line, contract: &str, asked: &Asked) -> Decided {
    let prefix = if contract == "nginx" {
        "x-original"
    } else {
        "x-forwarded"
    };
    let names = [
        format!("{prefix}-method"),
        format!("{prefix}-uri"),
        format!("{prefix}-host"),
    ];
    let mut headers = asked.headers.clone();
    for (name, value) in names.iter().zip([asked.method, &asked.target, asked.host]) {
        headers.push((name.as_str().to_owned().leak(), value.to_owned()));
    }
    let path = format!("/forward-auth/{contract}");
    let answer = line.ask(&text("GET", &path, "auth.internal", &headers), false);
    if answer.status != 200 {
        return refused(&answer);
    }
    let told = TOLD.iter().filter_map(|name| {
        let value = answer.header(name)?.to_owned();
        Some(((*name).to_owned(), value))
    });
    Decided {
        status: 200,
        error: None,
        challenge: None,
        headers: told.collect(),
    }
}

async fn by_ext_authz(connection: &mut Http2, asked: &Asked) -> (Decided, Vec<String>) {
    let header = |(name, value): &(&str, String)| proto::HeaderValue {
        key: (*name).to_owned(),
        value: value.clone(),
        raw_value: Vec::new(),
    };
    let http = proto::HttpRequest {
        method: asked.method.to_owned(),
        path: asked.target.clone(),
        host: asked.host.to_owned(),
        header_map: Some(proto::HeaderMap {
            headers: asked.headers.iter().map(header).collect(),
        }),
        ..Default::default()
    };
    let check = proto::CheckRequest {
        attributes: Some(proto::AttributeContext {
            source: None,
            request: Some(proto::OriginalRequest { http: Some(http) }),
        }),
    };
    let answer = call(
        connection,
        "/envoy.service.auth.v3.Authorization/Check",
        &check.encode_to_vec(),
    )
    .await;
    let answer = proto::CheckResponse::decode(&answer.unwrap()[5..]).unwrap();
    let code = answer.status.unwrap().code;
    match answer.http_response.unwrap() {
        proto::HttpResponse::Ok(ok) => {
            assert_eq!(code, 0);
            let headers = ok.headers.into_iter().map(|option| {
                assert_eq!(option.append, Some(false));
                let header = option.header.unwrap();
                (header.key, header.value)
            });
            let decided = Decided {
                status: 200,
                error: None,
                challenge: None,
                headers: headers.collect(),
            };
            (decided, ok.headers_to_remove)
        }
        proto::HttpResponse::Denied(denied) => {
            assert_ne!(code, 0);
            let headers: BTreeMap<String, String> = denied
                .headers
                .into_iter()
                .filter_map(|option| option.header)
                .map(|header| (header.key, header.value))
                .collect();
            let body: Value = serde_json::from_str(&denied.body).unwrap();
            let decided = Decided {
                status: u16::try_from(denied.status.unwrap().code).unwrap(),
                error: body["error"].as_str().map(str::to_owned),
                challenge: headers.get("www-authenticate").cloned(),
                headers: BTreeMap::new(),
            };
            (decided, Vec::new())
        }
    }
}

/// The message of the answer, or the gRPC status.
async fn call(
    connection: &mut Http2,
    path: &str,
    message: &[u8],
) -> Result<axum::body::Bytes, String> {
    let request = Request::post(format!("http://authz{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(grpc_frame(message)))
        .unwrap();
    let answer = connection.send_request(request).await.unwrap();
    let status = answer
        .headers()
        .get("grpc-status")
        .map(|s| s.to_str().unwrap().to_owned());
    let collected = answer.into_body().collect().await.unwrap();
    let trailer = collected
        .trailers()
        .and_then(|t| t.get("grpc-status"))
        .map(|s| s.to_str().unwrap().to_owned());
    match status.or(trailer).as_deref() {
        Some("0") => Ok(collected.to_bytes()),
        Some(status) => Err(status.to_owned()),
        None => panic!("no gRPC status"),
    }
}

#[test]
fn every_way_to_ask_gets_the_same_decision() {
    let scene = scene();
    let issuer = &scene.issuer;
    let bearer = |claims| format!("Bearer {}", issuer.token(claims));
    let tokens = vec![
        String::new(),
        bearer(json!({})),
        bearer(json!({"role": "admin", "scope": "read"})),
        bearer(json!({"scope": "read write", "acr": "gold"})),
        bearer(json!({"role": ["user", "admin"], "azp": null})),
        bearer(json!({"aud": "other"})),
        bearer(json!({"exp": now() - 60})),
        bearer(json!({"iss": "http://evil.example"})),
        bearer(json!({"cnf": {"jkt": "x"}})),
        "Bearer nonsense".to_owned(),
        "Bearer a,b".to_owned(),
        "Basic YTpi".to_owned(),
        "DPoP x".to_owned(),
    ];
    let mut proxy = Line::new(scene.sidecar.address("inbound"));
    let mut forward = Line::new(scene.sidecar.address("forwardAuth"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut connection = runtime.block_on(http2(scene.sidecar.address("extAuthz")));

    let mut seen = BTreeMap::<u16, u32>::new();
    let strategy = requests(tokens);
    let mut runner = TestRunner::deterministic();
    for _ in 0..REQUESTS {
        let asked = strategy.new_tree(&mut runner).unwrap().current();
        let expected = by_proxy(&mut proxy, &asked);
        *seen.entry(expected.status).or_default() += 1;
        // Without a body there is nothing to compare but the status.
        let head = asked.method == "HEAD";
        let traefik = by_forward_auth(&mut forward, "traefik", &asked);
        let caddy = by_forward_auth(&mut forward, "caddy", &asked);
        let mut nginx = by_forward_auth(&mut forward, "nginx", &asked);
        assert_eq!(traefik, caddy, "{asked:?}");
        // nginx takes any other refusal for an error of ours.
        if traefik.status == 400 {
            assert_eq!(nginx.status, 403, "{asked:?}");
            nginx.status = 400;
        }
        assert_eq!(traefik, nginx, "{asked:?}");
        let (envoy, removed) = runtime.block_on(by_ext_authz(&mut connection, &asked));
        assert_eq!(traefik, envoy, "{asked:?}");
        if head {
            assert_eq!(expected.status, traefik.status, "{asked:?}");
        } else {
            assert_eq!(expected, traefik, "{asked:?}");
        }
        if envoy.status == 200 {
            // What the client claimed is replaced or removed.
            for (name, value) in &asked.headers {
                if value == "root" {
                    assert!(
                        removed.iter().any(|removed| removed == name)
                            || envoy.headers.contains_key(*name),
                        "{asked:?}"
                    );
                }
            }
            assert!(!removed.iter().any(|name| envoy.headers.contains_key(name)));
        }
    }
    // The requests were of all kinds.
    for status in [200, 400, 401, 403] {
        assert!(
            seen.get(&status).is_some_and(|count| *count > 100),
            "{seen:?}"
        );
    }
}

#[test]
fn a_proxy_that_tells_too_little_or_too_much_is_refused() {
    let scene = scene();
    let token = format!("Bearer {}", scene.issuer.token(json!({})));
    let address = scene.sidecar.address("forwardAuth");
    let good = [
        ("x-forwarded-method", "GET".to_owned()),
        ("x-forwarded-uri", "/x".to_owned()),
        ("x-forwarded-host", "shop.example".to_owned()),
        ("authorization", token),
    ];
    let ask = |path: &str, headers: &[(&str, String)]| {
        Line::new(address)
            .ask(&text("GET", path, "auth", headers), false)
            .status
    };
    assert_eq!(ask("/forward-auth/traefik", &good), 200);
    // The headers of another contract are the client's.
    assert_eq!(ask("/forward-auth/nginx", &good), 403);
    assert_eq!(ask("/forward-auth/other", &good), 404);
    assert_eq!(ask("/", &good), 404);
    for index in 0..3 {
        let mut missing = good.to_vec();
        missing.remove(index);
        assert_eq!(ask("/forward-auth/traefik", &missing), 400);
        let mut twice = good.to_vec();
        twice.push(twice[index].clone());
        assert_eq!(ask("/forward-auth/caddy", &twice), 400);
    }
    for uri in ["x", "", "http://shop.example/public", "/public#/x", "*"] {
        let mut other = good.to_vec();
        other[1].1 = uri.to_owned();
        assert_eq!(ask("/forward-auth/traefik", &other), 400, "{uri}");
    }
    // nginx's own headers are nothing to Traefik's contract (CVE-2026-40575).
    let mut both = good.to_vec();
    both[3].1 = "Bearer nonsense".to_owned();
    both.push(("x-original-uri", "/public".to_owned()));
    both.push(("x-original-method", "GET".to_owned()));
    assert_eq!(ask("/forward-auth/traefik", &both), 401);
}

#[test]
fn ext_authz_speaks_grpc_and_nothing_else() {
    let scene = scene();
    let address = scene.sidecar.address("extAuthz");
    block_on(async {
        let mut connection = http2(address).await;
        let check = "/envoy.service.auth.v3.Authorization/Check";
        assert_eq!(
            call(
                &mut connection,
                "/envoy.service.auth.v3.Authorization/Other",
                b""
            )
            .await,
            Err("12".to_owned())
        );
        assert_eq!(
            call(&mut connection, check, b"\xff\xff").await,
            Err("3".to_owned())
        );
        // Nothing was told: nobody passes.
        let answer = call(&mut connection, check, b"").await.unwrap();
        let answer = proto::CheckResponse::decode(&answer[5..]).unwrap();
        assert_ne!(answer.status.unwrap().code, 0);
        let big = vec![0; 2 * 1024 * 1024];
        assert_eq!(
            call(&mut connection, check, &big).await,
            Err("8".to_owned())
        );

        // A bound token, with the certificate that Envoy saw; the map of joined values as well.
        let token = scene.issuer.token(json!({"sub": "mapped"}));
        let mut http = proto::HttpRequest {
            method: "GET".to_owned(),
            path: "/x".to_owned(),
            host: "shop.example".to_owned(),
            ..Default::default()
        };
        http.headers
            .insert(":path".to_owned(), "/public".to_owned());
        http.headers
            .insert("authorization".to_owned(), format!("Bearer {token}"));
        http.headers
            .insert("x-auth-subject".to_owned(), "root".to_owned());
        let request = proto::CheckRequest {
            attributes: Some(proto::AttributeContext {
                source: None,
                request: Some(proto::OriginalRequest { http: Some(http) }),
            }),
        };
        let answer = call(&mut connection, check, &request.encode_to_vec())
            .await
            .unwrap();
        let answer = proto::CheckResponse::decode(&answer[5..]).unwrap();
        let Some(proto::HttpResponse::Ok(ok)) = answer.http_response else {
            panic!("{answer:?}");
        };
        let subject = ok
            .headers
            .iter()
            .filter_map(|o| o.header.as_ref())
            .find(|h| h.key == "x-auth-subject");
        assert_eq!(subject.unwrap().value, "mapped");
    });
}
