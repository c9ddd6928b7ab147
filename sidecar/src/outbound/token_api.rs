//! The token API on loopback or on a unix socket:
//!
//! * `GET|POST /v1/token?target=NAME`
//! * `POST /v1/exchange` with `target` and `subject_token`
//! * `POST /v1/introspect` with `token`
//! * `GET /v1/identity`
//! * `POST /api/v1/token`, `/api/v1/token/exchange`, `/api/v1/introspect`: the same in the shapes of
//!   nais/texas, where `outbound.tokenApi.identityProviders` allows it.
//!
//! Loopback alone is no proof of a friendly caller: a browser or an application that was tricked into
//! a request (SSRF) reaches it too. Neither can set our header, and both leave traces that we refuse.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::{ALLOW, CONTENT_TYPE, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use realmkeep_token_verifier::{Denial, Verifier};
use realmkeep_workload_identity::{AccessToken, Secret, TokenError};
use serde_json::{Value, json};

use crate::http::headers::hosts;
use crate::http::{Body, answer};
use crate::outbound::{Outbound, Target, no_token};

/// A token and a few short values.
const MAX_BODY_BYTES: usize = 24 * 1024;

/// How the caller reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Loopback,
    /// The socket's mode says who may.
    Socket,
}

type Parameters = HashMap<String, String>;

impl Outbound {
    pub async fn handle_token_api(
        self: Arc<Self>,
        request: Request<Incoming>,
        door: Door,
        verifier: Option<Arc<Verifier>>,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        if let Err(why) = check_caller(&parts, door, self.without_header) {
            tracing::warn!(why, "a request for a token was refused");
            return answer::error(StatusCode::FORBIDDEN, "forbidden", why);
        }
        let path = parts.uri.path();
        let allowed: &[Method] = match path {
            "/v1/token" => &[Method::GET, Method::POST],
            "/v1/identity" => &[Method::GET],
            "/v1/exchange" | "/v1/introspect" => &[Method::POST],
            "/api/v1/token" | "/api/v1/token/exchange" | "/api/v1/introspect"
                if !self.identity_providers.is_empty() =>
            {
                &[Method::POST]
            }
            path if path.starts_with("/api/v1/") => {
                return not_found("the /api/v1 paths need outbound.tokenApi.identityProviders");
            }
            _ => {
                return not_found(
                    "here are /v1/token, /v1/exchange, /v1/introspect and /v1/identity",
                );
            }
        };
        if !allowed.contains(&parts.method) {
            return not_allowed(allowed);
        }
        // A token belongs into a body: addresses end up in logs.
        let query = if path == "/v1/token" {
            parts.uri.query().unwrap_or_default()
        } else {
            ""
        };
        let parameters = match parameters(&parts.headers, query, body).await {
            Ok(parameters) => parameters,
            Err(why) => return invalid(why),
        };
        match path {
            "/v1/token" => self.answer_token(&parameters).await,
            "/v1/identity" => self.answer_identity().await,
            "/v1/exchange" => self.answer_exchange(&parameters, "subject_token").await,
            "/v1/introspect" => answer_introspection(&parameters, verifier.as_deref()).await,
            _ => {
                if let Some(refusal) = self.refuse_provider(&parameters) {
                    return refusal;
                }
                match path {
                    "/api/v1/token" => self.answer_token(&parameters).await,
                    "/api/v1/token/exchange" => {
                        self.answer_exchange(&parameters, "user_token").await
                    }
                    _ => answer_introspection(&parameters, verifier.as_deref()).await,
                }
            }
        }
    }

    async fn answer_token(&self, parameters: &Parameters) -> Response<Body> {
        let target = match self.declared(parameters) {
            Ok(target) => target,
            Err(refusal) => return *refusal,
        };
        if target.exchange_only {
            return invalid("this target is asked on behalf of a caller only (exchangeOnly)");
        }
        let new = parameters
            .get("skip_cache")
            .is_some_and(|skip| skip == "true");
        let token = if new {
            self.tokens.renewed(&target.request).await
        } else {
            self.token(target).await
        };
        self.answer_with(target, token)
    }

    async fn answer_exchange(&self, parameters: &Parameters, subject: &str) -> Response<Body> {
        let target = match self.declared(parameters) {
            Ok(target) => target,
            Err(refusal) => return *refusal,
        };
        let Some(subject) = parameters.get(subject).filter(|token| !token.is_empty()) else {
            return invalid(if subject == "user_token" {
                "`user_token` is needed: the token of the caller on whose behalf is asked"
            } else {
                "`subject_token` is needed: the token of the caller on whose behalf is asked"
            });
        };
        let token = self.exchange(target, &Secret::new(subject.as_str())).await;
        self.answer_with(target, token)
    }

    fn answer_with(
        &self,
        target: &Target,
        token: Result<AccessToken, TokenError>,
    ) -> Response<Body> {
        match token {
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

    /// Who this workload is, without the proof.
    async fn answer_identity(&self) -> Response<Body> {
        match self.source.assertion().await {
            Ok(assertion) => answer::json(
                StatusCode::OK,
                &json!({
                    "source": self.source_name,
                    "subject": assertion.subject,
                    "issuer": assertion.issuer,
                    "expires_at": assertion.expires_at,
                    "targets": self.targets.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(),
                }),
            ),
            Err(error) => answer::error(
                StatusCode::SERVICE_UNAVAILABLE,
                "identity_unavailable",
                &error.to_string(),
            ),
        }
    }

    fn declared(&self, parameters: &Parameters) -> Result<&Target, Box<Response<Body>>> {
        let Some(name) = parameters.get("target") else {
            return Err(Box::new(invalid(&format!(
                "exactly one `target` is needed; declared are: {}",
                self.names()
            ))));
        };
        // By name; callers of the texas paths know the audience or scope.
        let by_name = self.targets.iter().find(|target| target.name == *name);
        by_name
            .or_else(|| {
                self.targets.iter().find(|target| {
                    target.request.audience.as_ref() == Some(name)
                        || target.request.scope.as_ref() == Some(name)
                })
            })
            .ok_or_else(|| {
                let description = format!(
                    "that target is not declared; declared are: {}",
                    self.names()
                );
                Box::new(answer::error(
                    StatusCode::NOT_FOUND,
                    "unknown_target",
                    &description,
                ))
            })
    }

    fn refuse_provider(&self, parameters: &Parameters) -> Option<Response<Body>> {
        let known = parameters
            .get("identity_provider")
            .is_some_and(|provider| self.identity_providers.contains(provider));
        (!known).then(|| {
            invalid(&format!(
                "`identity_provider` has to be one of: {}",
                self.identity_providers.join(", ")
            ))
        })
    }

    fn names(&self) -> String {
        self.targets
            .iter()
            .map(|target| target.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// RFC 7662 section 2.2. The answer is found here: issuer, keys and audiences are those of `inbound`.
async fn answer_introspection(
    parameters: &Parameters,
    verifier: Option<&Verifier>,
) -> Response<Body> {
    let Some(verifier) = verifier else {
        return answer::error(
            StatusCode::NOT_FOUND,
            "not_configured",
            "tokens are judged by the issuers of `inbound`, which is not configured",
        );
    };
    let Some(token) = parameters.get("token").filter(|token| !token.is_empty()) else {
        return invalid("`token` is needed");
    };
    match verifier.verify(token).await {
        Ok(token) => {
            let mut claims = token.claims.clone();
            claims.insert("active".to_owned(), Value::Bool(true));
            answer::json(StatusCode::OK, &Value::Object(claims))
        }
        Err(denied) => match denied.denial {
            Denial::Unavailable { .. } => answer::error(
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                &denied.denial.to_string(),
            ),
            denial => answer::json(
                StatusCode::OK,
                &json!({"active": false, "error": denial.to_string()}),
            ),
        },
    }
}

fn check_caller(parts: &Parts, door: Door, without_header: bool) -> Result<(), &'static str> {
    let headers = &parts.headers;
    let mut marks = headers.get_all("x-local-token").iter();
    let marked = marks.next().is_some_and(|mark| mark == "1") && marks.next().is_none();
    if door == Door::Loopback && !marked && !without_header {
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

/// Query, and a form or a JSON object in the body. A name that is there twice is an error.
async fn parameters(
    headers: &HeaderMap,
    query: &str,
    body: Incoming,
) -> Result<Parameters, &'static str> {
    let mut found = Parameters::new();
    let mut add = |name: String, value: String| match found.insert(name, value) {
        None => Ok(()),
        Some(_) => Err("a parameter is there twice"),
    };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        add(name.into_owned(), value.into_owned())?;
    }
    let body = Limited::new(body, MAX_BODY_BYTES)
        .collect()
        .await
        .map_err(|_| "the body is too long or was cut off")?
        .to_bytes();
    let json = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().starts_with("application/json"));
    if json {
        let object: serde_json::Map<String, Value> =
            serde_json::from_slice(&body).map_err(|_| "the body is not a JSON object")?;
        for (name, value) in object {
            match value {
                Value::String(text) => add(name, text)?,
                Value::Bool(truth) => add(name, truth.to_string())?,
                Value::Null => {}
                // `authorization_details`, for instance: not to be lost without a word.
                _ => {
                    return Err(
                        "a value is neither a text nor true nor false; it is not supported",
                    );
                }
            }
        }
    } else {
        for (name, value) in url::form_urlencoded::parse(&body) {
            add(name.into_owned(), value.into_owned())?;
        }
    }
    Ok(found)
}

fn invalid(description: &str) -> Response<Body> {
    answer::error(StatusCode::BAD_REQUEST, "invalid_request", description)
}

fn not_found(description: &str) -> Response<Body> {
    answer::error(StatusCode::NOT_FOUND, "not_found", description)
}

fn not_allowed(allowed: &[Method]) -> Response<Body> {
    let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
    let names = names.join(", ");
    let mut response = answer::error(
        StatusCode::METHOD_NOT_ALLOWED,
        "invalid_request",
        &format!("offered is: {names}"),
    );
    if let Ok(value) = HeaderValue::from_str(&names) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}
