//! Listeners: limits, and a clean end.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::Body;

const MAX_CONNECTIONS: usize = 4096;
const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// For the request's head, and between two requests of a connection.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers requests until `stop`, then lets those under way end within `drain`.
pub async fn serve<F, R>(listener: TcpListener, handle: F, stop: CancellationToken, drain: Duration)
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let open = TaskTracker::new();
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let Some((stream, permit)) = accepted else {
            continue;
        };
        let handle = handle.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            // A request with both framings reaches us with `Transfer-Encoding` only. Whoever stands
            // in front may have believed `Content-Length`, and then what follows on this connection
            // is not a request of its own (RFC 9112 section 6.1): it ends here.
            let last = request.headers().contains_key(TRANSFER_ENCODING);
            let answer = handle(request);
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
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_READ_TIMEOUT)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let stop = stop.clone();
        open.spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    // The request under way is the last.
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(cause = %error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    open.close();
    if tokio::time::timeout(drain, open.wait()).await.is_err() {
        tracing::warn!("requests did not end in time and are cut off");
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            let _ = stream.set_nodelay(true);
            Some((stream, permit))
        }
        Err(error) => {
            // Out of descriptors, for instance: others have to end first.
            tracing::warn!(cause = %error, "a connection was not accepted");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}
