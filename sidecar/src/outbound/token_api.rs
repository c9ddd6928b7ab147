//! `GET|POST /v1/token?target=NAME` on loopback.
//!
//! Loopback alone is no proof of a friendly caller: a browser or an application that was tricked into
//! a request (SSRF) reaches it too. Neither can set our header, and both leave traces that we refuse.

use std::sync::Arc;

use http::header::{ALLOW, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::json;

use crate::http::headers::hosts;
use crate::http::{Body, answer};
use crate::outbound::{Outbound, no_token};

const MAX_FORM_BYTES: usize = 4096;

impl Outbound {
    pub async fn handle_token_api(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        if let Err(why) = check_caller(&parts) {
            tracing::warn!(why, "a request for a token was refused");
            return answer::error(StatusCode::FORBIDDEN, "forbidden", why);
        }
        if parts.uri.path() != "/v1/token" {
            return answer::error(
                StatusCode::NOT_FOUND,
                "not_found",
                "there is only /v1/token here",
            );
        }
        let mut asked = parameters(parts.uri.query().unwrap_or_default());
        match parts.method {
            Method::GET => {}
            Method::POST => match Limited::new(body, MAX_FORM_BYTES).collect().await {
                Ok(form) => {
                    let form = form.to_bytes();
                    asked.extend(parameters(&String::from_utf8_lossy(&form)));
                }
                Err(_) => {
                    return answer::error(
                        StatusCode::BAD_REQUEST,
                        "invalid_request",
                        "the form is too long",
                    );
                }
            },
            _ => {
                let description = "only GET and POST are offered";
                let mut response = answer::error(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "invalid_request",
                    description,
                );
                response
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static("GET, POST"));
                return response;
            }
        }
        match asked.as_slice() {
            [name] => self.answer_token(name).await,
            _ => answer::error(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                &format!(
                    "exactly one `target` is needed; declared are: {}",
                    self.names()
                ),
            ),
        }
    }

    async fn answer_token(&self, name: &str) -> Response<Body> {
        let Some(target) = self.targets.iter().find(|target| target.name == name) else {
            let description = format!(
                "that target is not declared; declared are: {}",
                self.names()
            );
            return answer::error(StatusCode::NOT_FOUND, "unknown_target", &description);
        };
        match self.token(target).await {
            Ok(token) => answer::json(
                StatusCode::OK,
                &json!({
                    "access_token": token.token.expose(),
                    "token_type": token.token_type,
                    "expires_in": token.expires_in(&self.clock),
                }),
            ),
            Err(error) => no_token(target, &error),
        }
    }

    fn names(&self) -> String {
        self.targets
            .iter()
            .map(|target| target.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

fn check_caller(parts: &Parts) -> Result<(), &'static str> {
    let headers = &parts.headers;
    let mut marks = headers.get_all("x-local-token").iter();
    if marks.next().is_none_or(|mark| mark != "1") || marks.next().is_some() {
        return Err("the header `X-Local-Token: 1` is needed");
    }
    if headers.contains_key(ORIGIN) {
        return Err("requests with an Origin header come from a browser and are refused");
    }
    for name in headers.keys().map(http::HeaderName::as_str) {
        if name.starts_with("sec-fetch-") {
            return Err("requests with Sec-Fetch headers come from a browser and are refused");
        }
        if name.starts_with("x-forwarded-") || name == "forwarded" || name == "via" {
            return Err("requests that came through a proxy are refused");
        }
    }
    let local = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .is_some_and(is_local);
    if hosts(headers) != 1 || !local || parts.uri.authority().is_some() {
        return Err("the Host header has to be localhost, 127.0.0.1 or [::1]");
    }
    Ok(())
}

fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || ["127.0.0.1", "[::1]"].contains(&name)
}

/// The values of `target`.
fn parameters(form: &str) -> Vec<String> {
    url::form_urlencoded::parse(form.as_bytes())
        .filter(|(name, _)| name == "target")
        .map(|(_, value)| value.into_owned())
        .collect()
}
