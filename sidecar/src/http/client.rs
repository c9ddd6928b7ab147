//! Requests onward, to the application or to a target.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::TE;
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use crate::http::{Body, BoxError, answer, headers};

/// A pooled client.
#[derive(Clone)]
pub struct Onward {
    http1: Client<Connector, Body>,
    http2: Client<Connector, Body>,
    response_timeout: Duration,
}

/// What is spoken to the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speak {
    Http1,
    /// Without TLS, with prior knowledge.
    Http2,
    /// HTTP/1.1, changing to this protocol.
    Upgrade,
}

impl Onward {
    /// `tls`: what `https` is spoken with.
    pub fn new(response_timeout: Duration, tls: Option<Arc<ClientConfig>>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(Duration::from_secs(5)));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let connector = Connector { tcp, tls };
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            // Shorter than the idle time of our own kind, which may be at the other end.
            .pool_idle_timeout(Duration::from_secs(8))
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_max_idle_per_host(128);
        let http1 = builder.build(connector.clone());
        let http2 = builder
            .http2_only(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_max_header_list_size(64 * 1024)
            .build(connector);
        Self {
            http1,
            http2,
            response_timeout,
        }
    }

    /// Sends the request and hands back the answer without its hop-by-hop headers, or an answer that
    /// says why there is none. `whom` names the other side to a person.
    pub async fn forward(
        &self,
        mut request: Request<Body>,
        speak: Speak,
        whom: &str,
    ) -> Response<Body> {
        let client = match speak {
            Speak::Http2 => {
                *request.version_mut() = Version::HTTP_2;
                // The one hop-by-hop header of HTTP/2; gRPC servers look for it.
                let trailers = HeaderValue::from_static("trailers");
                request.headers_mut().insert(TE, trailers);
                request.headers_mut().remove(http::header::HOST);
                &self.http2
            }
            Speak::Http1 | Speak::Upgrade => {
                *request.version_mut() = Version::HTTP_11;
                &self.http1
            }
        };
        match tokio::time::timeout(self.response_timeout, client.request(request)).await {
            Ok(Ok(response)) => {
                let changing = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                if changing && speak != Speak::Upgrade {
                    tracing::warn!(
                        whom,
                        "an answer changes the protocol without being asked to"
                    );
                    return answer::error(
                        StatusCode::BAD_GATEWAY,
                        "bad_gateway",
                        &format!("{whom} answered with another protocol"),
                    );
                }
                let (mut parts, body) = response.into_parts();
                if !changing {
                    headers::strip_hop_by_hop(&mut parts.headers);
                }
                parts.version = Version::default();
                Response::from_parts(parts, body.map_err(Into::into).boxed_unsync())
            }
            Ok(Err(error)) => {
                tracing::warn!(whom, cause = innermost(&error), "no answer");
                answer::error(
                    StatusCode::BAD_GATEWAY,
                    "bad_gateway",
                    &format!("{whom} cannot be reached"),
                )
            }
            Err(_) => {
                tracing::warn!(whom, "no answer in time");
                answer::error(
                    StatusCode::GATEWAY_TIMEOUT,
                    "gateway_timeout",
                    &format!("{whom} did not answer in time"),
                )
            }
        }
    }
}

/// A request's body as it comes, without trailers: they could carry headers past the checks.
pub fn streamed(body: Incoming) -> Body {
    body.map_frame(|frame| match frame.into_data() {
        Ok(data) => Frame::data(data),
        Err(_) => Frame::data(bytes::Bytes::new()),
    })
    .map_err(Into::into)
    .boxed_unsync()
}

/// TCP, and TLS where the URI says so.
#[derive(Clone)]
struct Connector {
    tcp: HttpConnector,
    tls: Option<Arc<ClientConfig>>,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let host = uri.host().unwrap_or_default();
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(name.to_owned());
        let secure = uri.scheme_str() == Some("https");
        let tls = self.tls.clone();
        let tcp = self.tcp.call(uri);
        Box::pin(async move {
            let stream = tcp.await?.into_inner();
            if !secure {
                return Ok(TokioIo::new(Stream::Plain(stream)));
            }
            let tls = tls.ok_or("TLS is not set up for this target")?;
            let stream = TlsConnector::from(tls).connect(name?, stream).await?;
            Ok(TokioIo::new(Stream::Tls(Box::new(stream))))
        })
    }
}

/// A connection onward.
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, buffer),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
