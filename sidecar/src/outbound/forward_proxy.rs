//! The forward proxy on loopback (`HTTP_PROXY`): adds the token to requests for declared hosts.

use std::sync::Arc;

use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use realmkeep_token_verifier::credentials;
use realmkeep_workload_identity::Secret;
use realmkeep_workload_identity::dpop::{ProofRequest, proof};
use tokio::net::TcpStream;

use crate::config::{UndeclaredHosts, host_and_port};
use crate::http::client::{Speak, streamed};
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
        let mut onward = &self.onward;
        if let Some(target) = target {
            if let Some(tls) = &target.tls {
                onward = &tls.onward;
                match secure(&parts.uri, tls.port) {
                    Some(uri) => parts.uri = uri,
                    None => {
                        let why = "the URL's host cannot be understood";
                        return answer::error(StatusCode::BAD_REQUEST, "invalid_request", why);
                    }
                }
            }
            // The URL is the one that the target sees: a proof is about it.
            if let Err(refusal) = self.authorize(&mut parts, target).await {
                return refusal;
            }
        }
        if let Some(host) = parts
            .uri
            .authority()
            .and_then(|a| HeaderValue::from_str(a.as_str()).ok())
        {
            parts.headers.insert(HOST, host);
        }
        onward
            .forward(
                Request::from_parts(parts, streamed(body)),
                Speak::Http1,
                &whom,
            )
            .await
    }

    /// Adds the token, or says why the request cannot go.
    async fn authorize(&self, parts: &mut Parts, target: &Target) -> Result<(), Response<Body>> {
        let token = if parts.headers.contains_key(AUTHORIZATION) {
            if self.passthrough_authorization {
                return Ok(());
            }
            if !self.exchange_authorization {
                return Err(answer::error(
                    StatusCode::BAD_REQUEST,
                    "authorization_present",
                    &format!(
                        "the request has an Authorization header, but the token for target {} is added here; \
                         leave the header out, or set exchangeAuthorization or passthroughAuthorization",
                        target.name
                    ),
                ));
            }
            let subject = match credentials(&parts.headers) {
                Ok(presented) if presented.scheme == realmkeep_token_verifier::Scheme::Bearer => {
                    Secret::new(presented.token)
                }
                _ => {
                    return Err(answer::error(
                        StatusCode::BAD_REQUEST,
                        "invalid_request",
                        "the Authorization header is not one `Bearer TOKEN`, which could be exchanged",
                    ));
                }
            };
            self.exchange(target, &subject).await
        } else if target.exchange_only {
            return Err(answer::error(
                StatusCode::BAD_REQUEST,
                "subject_token_missing",
                &format!(
                    "target {} is asked on behalf of a caller only (exchangeOnly); send the caller's token as Authorization",
                    target.name
                ),
            ));
        } else {
            self.token(target).await
        };
        let token = token.map_err(|error| no_token(target, &error))?;
        let unusable = || {
            answer::error(
                StatusCode::BAD_GATEWAY,
                "token_refused",
                "the token is no header",
            )
        };
        let value = format!("{} {}", token.token_type, token.token.expose());
        let mut value = HeaderValue::from_str(&value).map_err(|_| unusable())?;
        value.set_sensitive(true);
        parts.headers.insert(AUTHORIZATION, value);
        parts.headers.remove("dpop");
        if let Some(key) = self.proof_key.as_ref().filter(|_| target.request.dpop) {
            let request = ProofRequest {
                method: parts.method.as_str(),
                url: &parts.uri.to_string(),
                token: Some(token.token.expose()),
                nonce: None,
                now: self.clock.now_seconds(),
            };
            let proof = proof(key, &request).map_err(|_| unusable())?;
            let proof = HeaderValue::from_str(&proof).map_err(|_| unusable())?;
            parts.headers.insert("dpop", proof);
        }
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

/// The same request with TLS. The default port is left out, as it is in what clients of the target
/// would send.
fn secure(uri: &Uri, port: u16) -> Option<Uri> {
    let host = uri.host()?;
    let authority = if port == 443 {
        host.to_owned()
    } else {
        format!("{host}:{port}")
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Uri::builder()
        .scheme(Scheme::HTTPS)
        .authority(authority)
        .path_and_query(path)
        .build()
        .ok()
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
