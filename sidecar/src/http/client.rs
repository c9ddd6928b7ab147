//! Requests onward, to the application or to a target.

use std::time::Duration;

use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::http::{Body, answer, headers};

/// A pooled HTTP/1.1 client.
#[derive(Clone)]
pub struct Onward {
    client: Client<HttpConnector, Body>,
    response_timeout: Duration,
}

impl Onward {
    pub fn new(response_timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            // Shorter than the idle time of our own kind, which may be at the other end.
            .pool_idle_timeout(Duration::from_secs(8))
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(128)
            .build(connector);
        Self {
            client,
            response_timeout,
        }
    }

    /// Sends the request and hands back the answer without its hop-by-hop headers, or an answer that
    /// says why there is none. `whom` names the other side to a person.
    pub async fn forward(&self, mut request: Request<Body>, whom: &str) -> Response<Body> {
        *request.version_mut() = Version::HTTP_11;
        match tokio::time::timeout(self.response_timeout, self.client.request(request)).await {
            Ok(Ok(response)) => {
                let (mut parts, body) = response.into_parts();
                headers::strip_hop_by_hop(&mut parts.headers);
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

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
