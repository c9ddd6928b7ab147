//! The forward proxy on loopback (`HTTP_PROXY`): adds the token to requests for declared hosts.

use std::sync::Arc;

use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::config::{UndeclaredHosts, host_and_port};
use crate::http::client::streamed;
use crate::http::headers::{hosts, strip_hop_by_hop};
use crate::http::{Body, answer};
use crate::outbound::{Outbound, Target, no_token};

impl Outbound {
    pub async fn handle_forward_proxy(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        if request.method() == Method::CONNECT {
            return self.connect(request).await;
        }
        let (mut parts, body) = request.into_parts();
        let (host, port) = match destination(&parts) {
            Ok(destination) => destination,
            Err(why) => return answer::error(StatusCode::BAD_REQUEST, "invalid_request", why),
        };
        let whom = format!("{host}:{port}");
        let target = self.target(host, port);
        if target.is_none() && self.undeclared_hosts == UndeclaredHosts::Refuse {
            return undeclared(&whom);
        }

        // After `Connection` was obeyed: it must not remove what is added here.
        strip_hop_by_hop(&mut parts.headers);
        if let Some(target) = target
            && let Err(refusal) = self.authorize(&mut parts, target).await
        {
            return refusal;
        }
        if let Some(host) = parts
            .uri
            .authority()
            .and_then(|a| HeaderValue::from_str(a.as_str()).ok())
        {
            parts.headers.insert(HOST, host);
        }
        self.onward
            .forward(Request::from_parts(parts, streamed(body)), &whom)
            .await
    }

    /// Adds the token, or says why the request cannot go.
    async fn authorize(&self, parts: &mut Parts, target: &Target) -> Result<(), Response<Body>> {
        if parts.headers.contains_key(AUTHORIZATION) {
            if self.passthrough_authorization {
                return Ok(());
            }
            return Err(answer::error(
                StatusCode::BAD_REQUEST,
                "authorization_present",
                &format!(
                    "the request has an Authorization header, but the token for target {} is added here; \
                     leave the header out, or set passthroughAuthorization",
                    target.name
                ),
            ));
        }
        let token = self
            .token(target)
            .await
            .map_err(|error| no_token(target, &error))?;
        let value = HeaderValue::from_str(&format!("Bearer {}", token.token.expose()));
        let Ok(mut value) = value else {
            return Err(answer::error(
                StatusCode::BAD_GATEWAY,
                "token_refused",
                "the token is no header",
            ));
        };
        value.set_sensitive(true);
        parts.headers.insert(AUTHORIZATION, value);
        Ok(())
    }

    async fn connect(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let Some(authority) = request.uri().authority().cloned() else {
            return answer::error(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "CONNECT needs host:port",
            );
        };
        let (host, Some(port)) = (authority.host().to_ascii_lowercase(), authority.port_u16())
        else {
            return answer::error(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "CONNECT needs host:port",
            );
        };
        // Whatever the port: the application means the same service and would get no token.
        if let Some((_, index)) = self
            .hosts
            .iter()
            .find(|((declared, _), _)| *declared == host)
        {
            let name = self
                .targets
                .get(*index)
                .map_or("", |target| target.name.as_str());
            return answer::error(
                StatusCode::FORBIDDEN,
                "connect_refused",
                &format!(
                    "{authority} belongs to target {name}, and nothing can be added inside a CONNECT tunnel; \
                     call it with http:// so that the token is added"
                ),
            );
        }
        if self.undeclared_hosts == UndeclaredHosts::Refuse {
            return undeclared(authority.as_str());
        }

        let address = (
            host.trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port,
        );
        let connected = tokio::time::timeout(
            std::time::Duration::from_secs(5),
            TcpStream::connect(address),
        )
        .await;
        let Ok(Ok(mut onward)) = connected else {
            let description = format!("{authority} cannot be reached");
            return answer::error(StatusCode::BAD_GATEWAY, "bad_gateway", &description);
        };
        tokio::spawn(async move {
            match hyper::upgrade::on(request).await {
                Ok(upgraded) => {
                    let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(upgraded), &mut onward)
                        .await;
                }
                Err(error) => tracing::debug!(cause = %error, "a tunnel was not opened"),
            }
        });
        Response::new(answer::full(""))
    }

    fn target(&self, host: String, port: u16) -> Option<&Target> {
        self.hosts
            .get(&(host, port))
            .and_then(|index| self.targets.get(*index))
    }
}

/// Where an absolute-form request goes (RFC 9112 section 3.2.2).
fn destination(parts: &Parts) -> Result<(String, u16), &'static str> {
    let Some(authority) = parts.uri.authority() else {
        return Err("this is a forward proxy: the request's target has to be a full http:// URL");
    };
    if parts.uri.scheme() != Some(&Scheme::HTTP) {
        return Err("only http:// URLs can be asked for here");
    }
    let destination =
        host_and_port(authority.as_str()).ok_or("the URL's host cannot be understood")?;
    if hosts(&parts.headers) > 1 {
        return Err("the request has several Host headers");
    }
    let host = parts
        .headers
        .get(HOST)
        .map(|host| host.to_str().ok().and_then(host_and_port));
    if host.is_some_and(|host| host.as_ref() != Some(&destination)) {
        return Err("the request's URL and its Host header differ");
    }
    Ok(destination)
}

fn undeclared(whom: &str) -> Response<Body> {
    answer::error(
        StatusCode::FORBIDDEN,
        "undeclared_host",
        &format!(
            "{whom} is not declared under outbound.targets[].hosts, and undeclaredHosts is refuse"
        ),
    )
}
