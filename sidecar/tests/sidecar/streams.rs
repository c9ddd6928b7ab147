//! HTTP/2, gRPC, WebSocket; and that nothing outlives its token.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use axum::body::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;

use crate::support::{
    AUDIENCE, Issuer, Sidecar, block_on, echo, grpc_frame, http2, now, raw, read_answer, until,
};

fn sidecar(issuer: &Issuer, upstream: SocketAddr) -> Sidecar {
    Sidecar::start(&format!(
        "
admin: {{listen: 127.0.0.1:0}}
drainSeconds: 5
inbound:
  listen: 127.0.0.1:0
  upstream: http://{upstream}
  issuers: [{{issuer: '{}', allowHttp: true, audiences: [{AUDIENCE}], clockSkew: 0}}]
",
        issuer.url
    ))
}

/// A gRPC application that echoes a message, or repeats it for ever.
fn grpc_application() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(
                    hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service_fn(answer_grpc)),
                );
            }
        });
    });
    address
}

async fn answer_grpc(
    request: Request<Incoming>,
) -> Result<
    http::Response<http_body_util::combinators::UnsyncBoxBody<Bytes, std::convert::Infallible>>,
    hyper::Error,
> {
    let path = request.uri().path().to_owned();
    let seen = request
        .headers()
        .get("x-auth-subject")
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default();
    let te = request.headers().get("te").cloned();
    assert_eq!(te.unwrap(), "trailers");
    let body = request.into_body().collect().await?.to_bytes();
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    let frames: futures::stream::BoxStream<'static, Frame<Bytes>> = if path == "/echo.Echo/Forever"
    {
        Box::pin(futures::stream::unfold(body, |body| async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Some((Frame::data(body.clone()), body))
        }))
    } else {
        Box::pin(futures::stream::iter([
            Frame::data(body),
            Frame::trailers(trailers),
        ]))
    };
    let frames = futures::StreamExt::map(frames, Ok);
    let body = http_body_util::StreamBody::new(frames);
    Ok(http::Response::builder()
        .header("content-type", "application/grpc")
        .header("x-seen-subject", seen)
        .body(BodyExt::boxed_unsync(body))
        .unwrap())
}

fn grpc_request(address: SocketAddr, path: &str, token: Option<&str>) -> Request<Full<Bytes>> {
    let mut request = Request::post(format!("http://{address}{path}"))
        .version(Version::HTTP_2)
        .header("content-type", "application/grpc+proto")
        .header("te", "trailers")
        .header("x-auth-subject", "root");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Full::new(grpc_frame(b"hello"))).unwrap()
}

#[test]
fn http2_is_spoken_to_clients_and_http1_to_the_application() {
    let issuer = Issuer::start();
    let sidecar = sidecar(&issuer, echo());
    let inbound = sidecar.address("inbound");
    let token = issuer.token(json!({}));
    block_on(async {
        let mut connection = http2(inbound).await;
        for n in 0..3 {
            let request = Request::get(format!("http://{inbound}/a?n={n}"))
                .header("authorization", format!("Bearer {token}"))
                .header("cookie", "a=1")
                .header("cookie", "b=2")
                .header("x_auth_subject", "root")
                .body(Full::default())
                .unwrap();
            let answer = connection.send_request(request).await.unwrap();
            assert_eq!(
                (answer.status(), answer.version()),
                (http::StatusCode::OK, Version::HTTP_2)
            );
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let seen: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(seen["target"], format!("/a?n={n}"));
            let header = |name: &str| -> Vec<String> {
                let headers = seen["headers"].as_array().unwrap().iter();
                headers
                    .filter(|h| h[0] == name)
                    .map(|h| h[1].as_str().unwrap().to_owned())
                    .collect()
            };
            assert_eq!(header("host"), [inbound.to_string()]);
            assert_eq!(header("cookie"), ["a=1; b=2"]);
            assert_eq!(header("x-auth-subject"), ["service-account-7"]);
            assert!(header("x_auth_subject").is_empty());
        }
        // A Host that is not the authority.
        let request = Request::get(format!("http://{inbound}/"))
            .header("host", "other.example")
            .header("authorization", format!("Bearer {token}"))
            .body(Full::default())
            .unwrap();
        let answer = connection.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 400);
        let request = Request::get(format!("http://{inbound}/"))
            .body(Full::default())
            .unwrap();
        assert_eq!(
            connection.send_request(request).await.unwrap().status(),
            401
        );
    });
}

#[test]
fn grpc_passes_with_its_trailers_and_is_refused_in_its_own_words() {
    let issuer = Issuer::start();
    let sidecar = sidecar(&issuer, grpc_application());
    let inbound = sidecar.address("inbound");
    let token = issuer.token(json!({}));
    block_on(async {
        let mut connection = http2(inbound).await;
        let request = grpc_request(inbound, "/echo.Echo/Say", Some(&token));
        let answer = connection.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["x-seen-subject"], "service-account-7");
        let collected = answer.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
        assert_eq!(collected.to_bytes(), grpc_frame(b"hello"));

        for (token, status) in [(None, "16"), (Some("nonsense"), "16")] {
            let request = grpc_request(inbound, "/echo.Echo/Say", token);
            let answer = connection.send_request(request).await.unwrap();
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["grpc-status"], status);
            assert!(answer.headers().contains_key("www-authenticate"));
        }
    });
}

#[test]
fn a_grpc_stream_ends_as_unauthenticated_when_its_token_ends() {
    let issuer = Issuer::start();
    let sidecar = sidecar(&issuer, grpc_application());
    let inbound = sidecar.address("inbound");
    block_on(async {
        let mut connection = http2(inbound).await;
        let token = issuer.token(json!({"exp": now() + 3}));
        let request = grpc_request(inbound, "/echo.Echo/Forever", Some(&token));
        let answer = connection.send_request(request).await.unwrap();
        let collected = answer.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()["grpc-status"], "16");
        assert!(!collected.to_bytes().is_empty());
    });
    let metrics = sidecar.admin("/metrics").body;
    assert!(
        metrics.contains("authsc_streams_closed_on_expiry_total 1"),
        "{metrics}"
    );
}

#[test]
fn a_response_that_streams_is_cut_off_when_its_token_ends() {
    // An application that never stops.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let application = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .unwrap();
        while stream.write_all(b"1\r\nx\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let issuer = Issuer::start();
    let sidecar = sidecar(&issuer, application);
    let token = issuer.token(json!({"exp": now() + 3}));
    let mut stream = TcpStream::connect(sidecar.address("inbound")).unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received);
    let received = String::from_utf8(received).unwrap();
    assert!(received.starts_with("HTTP/1.1 200") && received.contains("x\r\n"));
    // Cut off, and not ended as if it were whole.
    assert!(!received.ends_with("0\r\n\r\n"), "{received}");
}

/// An application that answers the handshake, repeats what it gets, and sends a frame now and then.
fn websocket_application() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") {
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        return;
                    }
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
                assert!(head.contains("\r\nupgrade: websocket\r\n"), "{head}");
                assert!(head.contains("\r\nconnection: upgrade\r\n"), "{head}");
                assert!(
                    head.contains("\r\nx-auth-subject: service-account-7\r\n"),
                    "{head}"
                );
                let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
                stream.write_all(answer.as_bytes()).unwrap();
                let mut reader = stream.try_clone().unwrap();
                let mut writer = stream.try_clone().unwrap();
                std::thread::spawn(move || {
                    let mut buffer = [0; 1024];
                    while let Ok(length @ 1..) = reader.read(&mut buffer) {
                        // Unmasked and echoed: enough of a protocol for this test.
                        if writer.write_all(&buffer[..length]).is_err() {
                            return;
                        }
                    }
                });
                std::thread::sleep(Duration::from_secs(30));
            });
        }
    });
    address
}

fn open_websocket(inbound: SocketAddr, token: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(inbound).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    BufReader::new(stream)
}

#[test]
fn a_websocket_passes_and_is_closed_with_1008_when_its_token_ends() {
    let issuer = Issuer::start();
    let sidecar = sidecar(&issuer, websocket_application());
    let inbound = sidecar.address("inbound");
    let mut refused = open_websocket(inbound, "nonsense");
    assert_eq!(read_answer(&mut refused).status, 401);

    let token = issuer.token(json!({"exp": now() + 4}));
    let mut stream = open_websocket(inbound, &token);
    let answer = read_answer(&mut stream);
    assert_eq!(answer.status, 101, "{answer:?}");
    assert_eq!(
        answer.header("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    let frame = b"\x81\x05hello";
    stream.get_mut().write_all(frame).unwrap();
    let mut echoed = [0; 7];
    stream.read_exact(&mut echoed).unwrap();
    assert_eq!(&echoed, frame);
    // Close, policy violation; then the end.
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert_eq!(rest, [0x88, 0x02, 0x03, 0xf0]);
    until(|| {
        sidecar
            .admin("/metrics")
            .body
            .contains("authsc_streams_closed_on_expiry_total 1")
    });
}

#[test]
fn only_websocket_changes_the_protocol() {
    let issuer = Issuer::start();
    let sidecar = sidecar(&issuer, echo());
    let token = issuer.token(json!({}));
    for upgrade in ["h2c", "TLS/1.0", "websocket2"] {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\r\n"
        );
        let answer = raw(sidecar.address("inbound"), request.as_bytes());
        assert_eq!(answer.status, 200);
        assert!(answer.seen("upgrade").is_empty() && answer.seen("connection").is_empty());
    }
}

/// Slow heads, and streams that are opened and reset (CVE-2023-44487, CVE-2021-39204).
#[test]
fn slow_and_hostile_connections_end() {
    let issuer = Issuer::start();
    let sidecar = sidecar(&issuer, echo());
    let inbound = sidecar.address("inbound");
    // A part of the HTTP/2 preface, a part of a head, nothing at all: each has ten seconds.
    let slow: Vec<TcpStream> = [&b"PRI"[..], b"GET / HT", b""]
        .iter()
        .map(|start| {
            let mut stream = TcpStream::connect(inbound).unwrap();
            stream.write_all(start).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(60)))
                .unwrap();
            stream
        })
        .collect();

    let mut flood = TcpStream::connect(inbound).unwrap();
    flood
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        .unwrap();
    let mut ended = false;
    for id in (1..200_000_u32).step_by(2) {
        let id = id.to_be_bytes();
        // HEADERS: GET http / with end of headers and stream; then RST_STREAM (CANCEL).
        let mut frames = vec![0, 0, 3, 1, 5, id[0], id[1], id[2], id[3], 0x82, 0x86, 0x84];
        frames.extend([0, 0, 4, 3, 0, id[0], id[1], id[2], id[3], 0, 0, 0, 8]);
        if flood.write_all(&frames).is_err() {
            ended = true;
            break;
        }
    }
    assert!(ended, "a flood of reset streams was taken to its end");
    let token = issuer.token(json!({}));
    assert_eq!(crate::support::get_with(inbound, &token).status, 200);

    for mut stream in slow {
        let mut rest = Vec::new();
        // Closed by the other side: with an answer or without.
        let _ = stream.read_to_end(&mut rest);
        assert!(
            rest.is_empty()
                || rest.starts_with(b"HTTP/1.1 408")
                || rest.starts_with(b"HTTP/1.1 400")
        );
    }
}
