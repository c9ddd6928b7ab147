//! Accepts connections, serves HTTP/1.1 on them, and drains them at shutdown.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use realmkeep_oidc::mtls::ClientCertificate;
use realmkeep_oidc::transport::{Proxied, Secure};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::limits;
use super::proxy::Proxy;

/// A bound port and what is served on it.
pub struct Listener {
    pub tcp: TcpListener,
    pub tls: Option<TlsAcceptor>,
    pub app: Router,
    pub proxy: Arc<Proxy>,
    /// Connections open at once.
    pub most: usize,
}

impl Listener {
    /// Serves until `stop`, then lets the requests under way finish, at most `timeout`.
    pub async fn serve(self, stop: CancellationToken, timeout: Duration) {
        let places = Arc::new(Semaphore::new(self.most));
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = accept(&self.tcp, &places) => accepted,
            };
            let Some((stream, peer, place)) = accepted else {
                tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                continue;
            };
            let (app, proxy) = (self.app.clone(), self.proxy.clone());
            let (tls, watcher) = (self.tls.clone(), graceful.watcher());
            tokio::spawn(async move {
                let _place = place;
                let Some(tls) = tls else {
                    let from = Origin {
                        peer,
                        secure: Secure(false),
                        certificate: None,
                    };
                    return connection(stream, from, app, proxy, watcher).await;
                };
                let handshake = tls.accept(stream);
                match tokio::time::timeout(limits::HANDSHAKE_TIMEOUT, handshake).await {
                    Ok(Ok(stream)) => {
                        let shown = stream.get_ref().1.peer_certificates();
                        let leaf = shown.and_then(<[_]>::first);
                        let from = Origin {
                            peer,
                            secure: Secure(true),
                            certificate: leaf.map(|der| ClientCertificate::new(der)),
                        };
                        connection(stream, from, app, proxy, watcher).await;
                    }
                    Ok(Err(e)) => tracing::debug!(%peer, error = %e, "TLS handshake failed"),
                    Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
                }
            });
        }
        drop(self.tcp);
        if tokio::time::timeout(timeout, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!(
                seconds = timeout.as_secs(),
                "requests were cut off that did not finish before the shutdown timeout"
            );
        }
    }
}

/// A connection with its place among the open ones; None when accepting failed.
async fn accept(
    tcp: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(
    tokio::net::TcpStream,
    SocketAddr,
    tokio::sync::OwnedSemaphorePermit,
)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match tcp.accept().await {
        Ok((stream, peer)) => {
            // Small answers must not wait for more.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, place))
        }
        Err(e) => {
            tracing::warn!(error = %e, "a connection could not be accepted");
            None
        }
    }
}

/// Where a connection comes from.
struct Origin {
    peer: SocketAddr,
    secure: Secure,
    /// Proven in the TLS handshake.
    certificate: Option<ClientCertificate>,
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    from: Origin,
    app: Router,
    proxy: Arc<Proxy>,
    watcher: Watcher,
) {
    let peer = from.peer;
    let service = service_fn(move |mut request: Request<Incoming>| {
        let told = proxy.certificate(from.peer, request.headers());
        let told = told.map(|der| ClientCertificate::new(&der));
        let passed = Proxy::has_passed(request.headers());
        let (client, secure) = proxy.client(from.peer, from.secure, request.headers_mut());
        let extensions = request.extensions_mut();
        // A trusted proxy's own certificate is not its client's.
        let own = from.certificate.clone().filter(|_| client == from.peer);
        if let Some(certificate) = told.or(own) {
            extensions.insert(certificate);
        }
        if passed {
            extensions.insert(Proxied);
        }
        extensions.insert(ConnectInfo(client));
        extensions.insert(secure);
        let app = app.clone();
        async move {
            match app.oneshot(request.map(Body::new)).await {
                Ok(response) => Ok::<_, Infallible>(response),
                Err(never) => match never {},
            }
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEADER_READ_TIMEOUT)
        .max_headers(limits::HEADERS)
        .max_buf_size(limits::HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(e) = watcher.watch(served).await {
        tracing::debug!(%peer, error = %e, "connection ended early");
    }
}
