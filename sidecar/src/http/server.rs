//! Listeners: limits, and a clean end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::decision::Peer;
use crate::http::Body;
use crate::http::tls::TlsListener;

const MAX_CONNECTIONS: usize = 10_240;
const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: u16 = u16::MAX;
/// For the request's head, between two requests of a connection, and for a TLS handshake.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests at once on a connection.
const MAX_STREAMS: u32 = 128;
/// Streams that a client opened and reset before we looked at them; more end the connection.
const MAX_RESET_STREAMS: usize = 20;
/// Received bytes that a stream and a connection may have waiting.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Where requests come in.
pub enum Listener {
    Tcp(TcpListener),
    Tls(TcpListener, Arc<TlsListener>),
    Unix(UnixListener, SocketFile),
}

/// A unix socket's file, removed at the end.
pub struct SocketFile(PathBuf);

/// What a client may speak.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Protocols {
    Http1,
    Http1And2,
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    pub async fn tcp(name: &str, address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("{name}.listen: {address} cannot be listened on"))?;
        tracing::info!(listener = name, address = %listener.local_addr()?, "listening");
        Ok(Self::Tcp(listener))
    }

    pub fn with_tls(self, tls: Arc<TlsListener>) -> Self {
        match self {
            Self::Tcp(listener) => Self::Tls(listener, tls),
            other => other,
        }
    }

    /// A unix socket that its owner and group may use.
    pub fn unix(name: &str, path: &Path) -> anyhow::Result<Self> {
        use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};

        // One that a process before us left behind. Anything else is not ours to remove.
        if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
            std::fs::remove_file(path)
                .with_context(|| format!("{name}.socket: {} cannot be replaced", path.display()))?;
        }
        let listener = UnixListener::bind(path)
            .with_context(|| format!("{name}.socket: {} cannot be listened on", path.display()))?;
        let file = SocketFile(path.to_owned());
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).with_context(
            || {
                format!(
                    "{name}.socket: the mode of {} cannot be set",
                    path.display()
                )
            },
        )?;
        tracing::info!(listener = name, address = %path.display(), "listening");
        Ok(Self::Unix(listener, file))
    }

    async fn accept(&self) -> std::io::Result<Stream> {
        match self {
            Self::Tcp(listener) | Self::Tls(listener, _) => {
                let (stream, _) = listener.accept().await?;
                let _ = stream.set_nodelay(true);
                Ok(Stream::Tcp(stream))
            }
            Self::Unix(listener, _) => listener.accept().await.map(|(s, _)| Stream::Unix(s)),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Answers requests until `stop`, then lets those under way end within `drain`.
pub async fn serve<F, R>(
    listener: Listener,
    protocols: Protocols,
    handle: F,
    stop: CancellationToken,
    drain: Duration,
) where
    F: Fn(Request<Incoming>, Arc<Peer>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let open = TaskTracker::new();
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let tls = match &listener {
        Listener::Tls(_, tls) => Some(Arc::clone(tls)),
        _ => None,
    };
    let nobody = Arc::new(Peer::default());
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let Some((stream, permit)) = accepted else {
            continue;
        };
        let (handle, stop, tls) = (handle.clone(), stop.clone(), tls.clone());
        let nobody = Arc::clone(&nobody);
        open.spawn(async move {
            let _permit = permit;
            match stream {
                Stream::Unix(stream) => {
                    converse(stream, false, handle, nobody, stop).await;
                }
                Stream::Tcp(stream) => match tls {
                    Some(tls) => {
                        let accepted = tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream));
                        match accepted.await {
                            Ok(Ok((stream, peer, http2))) => {
                                converse(stream, http2, handle, Arc::new(peer), stop).await;
                            }
                            Ok(Err(error)) => {
                                tracing::debug!(cause = %error, "no TLS connection");
                            }
                            Err(_) => tracing::debug!("no TLS connection in time"),
                        }
                    }
                    None => {
                        let http2 = protocols == Protocols::Http1And2
                            && match speaks_http2(&stream, &stop).await {
                                Some(http2) => http2,
                                None => return,
                            };
                        converse(stream, http2, handle, nobody, stop).await;
                    }
                },
            }
        });
    }
    drop(listener);
    open.close();
    if tokio::time::timeout(drain, open.wait()).await.is_err() {
        tracing::warn!("requests did not end in time and are cut off");
    }
}

/// One connection to its end.
async fn converse<I, F, R>(
    stream: I,
    http2: bool,
    handle: F,
    peer: Arc<Peer>,
    stop: CancellationToken,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>, Arc<Peer>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        // A request with both framings reaches us with `Transfer-Encoding` only. Whoever stands
        // in front may have believed `Content-Length`, and then what follows on this connection
        // is not a request of its own (RFC 9112 section 6.1): it ends here.
        let last = request.version() < Version::HTTP_2
            && request.headers().contains_key(TRANSFER_ENCODING);
        let answer = handle(request, Arc::clone(&peer));
        async move {
            let mut answer = answer.await;
            if last {
                answer
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let stream = TokioIo::new(stream);
    let ended = if http2 {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_pending_accept_reset_streams(MAX_RESET_STREAMS)
            .max_local_error_reset_streams(MAX_RESET_STREAMS)
            .max_header_list_size(u32::from(MAX_HEADER_BYTES))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(64 * 1024)
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(HEAD_TIMEOUT)
            .serve_connection(stream, service);
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                // GOAWAY; the streams under way are the last.
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_headers(MAX_HEADERS)
            .max_header_size(usize::from(MAX_HEADER_BYTES))
            .serve_connection(stream, service)
            .with_upgrades();
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                // The request under way is the last.
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(cause = %error, "a connection ended early");
    }
}

/// Looks at the first bytes without taking them (RFC 9113 section 3.3). None: nobody spoke in time.
async fn speaks_http2(stream: &TcpStream, stop: &CancellationToken) -> Option<bool> {
    let look = async {
        let mut start = [0; 24];
        loop {
            let seen = stream.peek(&mut start).await.ok()?;
            let seen = start.get(..seen).filter(|seen| !seen.is_empty())?;
            if !PREFACE.starts_with(seen) {
                return Some(false);
            }
            // No method begins like this.
            if seen.len() >= 6 {
                return Some(true);
            }
            // The same bytes would be seen again at once.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => None,
        looked = tokio::time::timeout(HEAD_TIMEOUT, look) => looked.ok().flatten(),
    }
}

async fn accept(
    listener: &Listener,
    connections: &Arc<Semaphore>,
) -> Option<(Stream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok(stream) => Some((stream, permit)),
        Err(error) => {
            // Out of descriptors, for instance: others have to end first.
            tracing::warn!(cause = %error, "a connection was not accepted");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}
