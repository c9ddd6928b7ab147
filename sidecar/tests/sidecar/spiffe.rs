//! An identity from the SPIFFE Workload API. The API is a stand-in that speaks its protocol.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use realmkeep_jose::{Algorithm, SigningKey};
use serde_json::json;

use crate::support::{Issuer, Sidecar, block_on, get, grpc_frame, now, until};

const ID: &str = "spiffe://shop.example/ns/shop/sa/orders";

#[derive(Clone, PartialEq, Message)]
struct JwtSvidRequest {
    #[prost(string, repeated, tag = "1")]
    audience: Vec<String>,
    #[prost(string, tag = "2")]
    spiffe_id: String,
}

#[derive(Clone, PartialEq, Message)]
struct JwtSvidResponse {
    #[prost(message, repeated, tag = "1")]
    svids: Vec<JwtSvid>,
}

#[derive(Clone, PartialEq, Message)]
struct JwtSvid {
    #[prost(string, tag = "1")]
    spiffe_id: String,
    #[prost(string, tag = "2")]
    svid: String,
}

#[derive(Clone)]
struct WorkloadApi {
    socket: PathBuf,
    fetched: Arc<AtomicUsize>,
    down: Arc<AtomicBool>,
    life: i64,
}

impl WorkloadApi {
    fn start(directory: &Path, life: i64) -> Self {
        let api = Self {
            socket: directory.join("agent.sock"),
            fetched: Arc::default(),
            down: Arc::default(),
            life,
        };
        let listener = std::os::unix::net::UnixListener::bind(&api.socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let served = api.clone();
        std::thread::spawn(move || {
            block_on(async move {
                let listener = tokio::net::UnixListener::from_std(listener).unwrap();
                let key = SigningKey::generate(Algorithm::Es256).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (api, key) = (served.clone(), key.clone());
                    let service = service_fn(move |request| {
                        let (api, key) = (api.clone(), key.clone());
                        async move { Ok::<_, std::convert::Infallible>(api.answer(request, &key).await) }
                    });
                    tokio::spawn(
                        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(stream), service),
                    );
                }
            });
        });
        api
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        key: &SigningKey,
    ) -> Response<http_body_util::combinators::BoxBody<axum::body::Bytes, std::convert::Infallible>>
    {
        assert_eq!(request.headers()["workload.spiffe.io"], "true");
        assert_eq!(request.headers()["content-type"], "application/grpc");
        assert_eq!(request.uri().path(), "/SpiffeWorkloadAPI/FetchJWTSVID");
        let mut trailers = HeaderMap::new();
        let mut frames = Vec::new();
        if self.down.load(Ordering::SeqCst) {
            trailers.insert("grpc-status", "14".parse().unwrap());
            trailers.insert("grpc-message", "no server".parse().unwrap());
        } else {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let asked = JwtSvidRequest::decode(&body[5..]).unwrap();
            let count = self.fetched.fetch_add(1, Ordering::SeqCst);
            let claims = json!({
                "sub": ID, "aud": asked.audience, "iat": now(), "exp": now() + self.life, "n": count,
            });
            let svid = key.sign("JWT", &claims).unwrap();
            let answer = JwtSvidResponse {
                svids: vec![JwtSvid {
                    spiffe_id: ID.to_owned(),
                    svid,
                }],
            };
            frames.push(Frame::data(grpc_frame(&answer.encode_to_vec())));
            trailers.insert("grpc-status", "0".parse().unwrap());
        }
        frames.push(Frame::trailers(trailers));
        let frames = frames.into_iter().map(Ok);
        Response::builder()
            .header("content-type", "application/grpc")
            .body(BodyExt::boxed(StreamBody::new(futures::stream::iter(
                frames,
            ))))
            .unwrap()
    }
}

fn sidecar(issuer: &Issuer, api: &WorkloadApi) -> Sidecar {
    Sidecar::start(&format!(
        "
admin: {{listen: 127.0.0.1:0}}
outbound:
  identity: {{spiffeJwt: {{socket: 'unix://{}'}}}}
  issuer: {}
  allowHttp: true
  clientId: orders
  targets: [{{name: a, audience: a}}, {{name: b, audience: b}}]
  tokenApi: {{listen: 127.0.0.1:0}}
",
        api.socket.display(),
        issuer.url
    ))
}

/// spec: FCA-20
#[test]
fn tokens_are_got_with_a_jwt_svid() {
    let directory = tempfile::tempdir().unwrap();
    let api = WorkloadApi::start(directory.path(), 300);
    let issuer = Issuer::start();
    let sidecar = sidecar(&issuer, &api);
    until(|| sidecar.admin("/startupz").status == 200);
    let requests = issuer.token_requests();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        assert_eq!(
            request["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"
        );
        assert_eq!(request["client_id"], "orders");
        let assertion = realmkeep_jose::UnverifiedJwt::parse(&request["client_assertion"]).unwrap();
        assert_eq!(assertion.unverified_sub(), Some(ID));
        // The realm's issuer and nothing else.
        assert_eq!(assertion.unverified_aud(), [issuer.url.as_str()]);
    }
    // One JWT-SVID did for both.
    assert_eq!(api.fetched.load(Ordering::SeqCst), 1);
    let identity = get(
        sidecar.address("tokenApi"),
        "/v1/identity",
        &[("X-Local-Token", "1")],
    )
    .json();
    assert_eq!(
        (identity["source"].as_str(), identity["subject"].as_str()),
        (Some("spiffe_jwt"), Some(ID))
    );
    assert!(identity.get("token").is_none());
}

#[test]
fn an_agent_that_is_away_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let api = WorkloadApi::start(directory.path(), 300);
    api.down.store(true, Ordering::SeqCst);
    let issuer = Issuer::start();
    let sidecar = sidecar(&issuer, &api);
    let token = || {
        let path = "/v1/token?target=a";
        get(sidecar.address("tokenApi"), path, &[("X-Local-Token", "1")])
    };
    let answer = token();
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1"))
    );
    assert!(answer.body.contains("no server"), "{answer:?}");
    assert!(issuer.token_requests().is_empty());
    api.down.store(false, Ordering::SeqCst);
    until(|| token().status == 200);
}

/// spec: FCA-20
#[test]
fn a_jwt_svid_is_renewed_at_half_its_life_and_used_while_it_is_good() {
    let directory = tempfile::tempdir().unwrap();
    let api = WorkloadApi::start(directory.path(), 40);
    let issuer = Issuer::start();
    // Tokens that are never kept: each request needs the JWT-SVID.
    issuer.answer_tokens_with(
        200,
        json!({"access_token": "t", "token_type": "Bearer", "expires_in": 0}),
    );
    let sidecar = sidecar(&issuer, &api);
    let token = || {
        let path = "/v1/token?target=a";
        get(sidecar.address("tokenApi"), path, &[("X-Local-Token", "1")]).status
    };
    until(|| token() == 200);
    let first = api.fetched.load(Ordering::SeqCst);
    api.down.store(true, Ordering::SeqCst);
    assert_eq!(token(), 200);
    assert_eq!(api.fetched.load(Ordering::SeqCst), first);
}
