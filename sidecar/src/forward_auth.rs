//! Decisions for a proxy that asks by HTTP before it passes a request on.
//!
//! Each proxy tells about the original request in headers of its own. Which are believed depends on
//! the path that the proxy's configuration asks at, and on nothing that a client could send: a client
//! of nginx that sends Traefik's headers changes nothing.

use std::sync::Arc;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::decision::{Asked, Peer};
use crate::http::{Body, answer};
use crate::inbound::{Inbound, refusal_response};

/// How a proxy tells about the original request.
#[derive(Clone, Copy)]
struct Contract {
    method: &'static str,
    uri: &'static str,
    host: &'static str,
    /// The proxy takes any other refusal than 401 and 403 for an error of ours.
    only_401_and_403: bool,
}

/// `auth_request`; the headers are set in the location that asks (docs/sidecar.md).
const NGINX: Contract = Contract {
    method: "x-original-method",
    uri: "x-original-uri",
    host: "x-original-host",
    only_401_and_403: true,
};

/// Traefik's ForwardAuth and Caddy's forward_auth.
const FORWARDED: Contract = Contract {
    method: "x-forwarded-method",
    uri: "x-forwarded-uri",
    host: "x-forwarded-host",
    only_401_and_403: false,
};

impl Inbound {
    /// `/forward-auth/nginx`, `/forward-auth/traefik`, `/forward-auth/caddy`.
    pub async fn handle_forward_auth(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let (parts, _) = request.into_parts();
        let contract = match parts.uri.path() {
            "/forward-auth/nginx" => NGINX,
            "/forward-auth/traefik" | "/forward-auth/caddy" => FORWARDED,
            _ => {
                return answer::error(
                    StatusCode::NOT_FOUND,
                    "not_found",
                    "here are /forward-auth/nginx, /forward-auth/traefik and /forward-auth/caddy",
                );
            }
        };
        let refused = match original(&parts, contract) {
            Ok((method, target, host)) => {
                // Nobody here saw the client's certificate.
                let peer = Peer::default();
                let asked = Asked {
                    method: &method,
                    path: target.path(),
                    query: target.query(),
                    host: &host,
                    headers: &parts.headers,
                    peer: &peer,
                };
                match self.engine().decide(&asked).await {
                    Ok(admitted) => {
                        let mut response = Response::new(answer::full(""));
                        response.headers_mut().extend(admitted.headers);
                        return response;
                    }
                    Err(refused) => refused,
                }
            }
            Err(why) => self.engine().malformed(why),
        };
        let mut response = refusal_response(self.engine().refusal(&refused));
        if contract.only_401_and_403 && response.status() == StatusCode::BAD_REQUEST {
            *response.status_mut() = StatusCode::FORBIDDEN;
        }
        response
    }
}

/// The original request. A header that is there twice may be the client's.
fn original(
    parts: &Parts,
    contract: Contract,
) -> Result<(Method, PathAndQuery, String), &'static str> {
    let method = one(&parts.headers, contract.method)
        .and_then(|method| Method::from_bytes(method.as_bytes()).ok())
        .ok_or("the proxy does not tell the request's method once")?;
    let target = one(&parts.headers, contract.uri)
        .filter(|uri| uri.starts_with('/') && !uri.contains('#'))
        .and_then(|uri| uri.parse::<PathAndQuery>().ok())
        .ok_or("the proxy does not tell the request's path once")?;
    let host = one(&parts.headers, contract.host)
        .and_then(|host| host.parse::<http::uri::Authority>().ok())
        .filter(|authority| !authority.as_str().contains('@'))
        .ok_or("the proxy does not tell the request's host once")?;
    Ok((method, target, host.host().to_ascii_lowercase()))
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}
