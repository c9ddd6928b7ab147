//! Bodies that end when the token does.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::http::{Body, BoxError};
use crate::metrics::Metrics;

/// Shorter bodies are not worth a timer.
const SHORT: u64 = 64 * 1024;

/// A body that fails at `deadline`; a gRPC answer ends with the status UNAUTHENTICATED instead.
struct Limited {
    inner: Body,
    deadline: Pin<Box<Sleep>>,
    grpc: bool,
    over: bool,
    metrics: Arc<Metrics>,
}

#[derive(Debug, thiserror::Error)]
#[error("the access token has expired")]
struct TokenEnded;

/// `body`, but no longer than until `deadline`.
pub fn until(deadline: Instant, body: Body, grpc: bool, metrics: &Arc<Metrics>) -> Body {
    let short = body.size_hint().exact().is_some_and(|size| size <= SHORT);
    if body.is_end_stream() || short {
        return body;
    }
    Limited {
        inner: body,
        deadline: Box::pin(sleep_until(deadline)),
        grpc,
        over: false,
        metrics: Arc::clone(metrics),
    }
    .boxed_unsync()
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.over {
            return Poll::Ready(None);
        }
        if self.deadline.as_mut().poll(context).is_ready() {
            self.over = true;
            self.metrics.stream_ended();
            return Poll::Ready(Some(if self.grpc {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static("16"));
                let message = HeaderValue::from_static("the access token has expired");
                trailers.insert("grpc-message", message);
                Ok(Frame::trailers(trailers))
            } else {
                Err(TokenEnded.into())
            }));
        }
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
