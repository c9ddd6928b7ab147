//! What an authorization request asks for, once its client and redirect URI are known to be right.

use std::borrow::Cow;

use realmkeep_authn::login_state::{AuthorizationRequest, ResponseMode};
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::Client;

use crate::context::Context;
use crate::form::Form;
use crate::scopes::Scopes;

/// Most bytes of a request that are kept while somebody signs in.
const MAX_KEPT: usize = 4_096;

/// An acceptable request.
pub(super) struct Asked {
    pub(super) request: AuthorizationRequest,
    /// Nobody may be asked anything.
    pub(super) prompt_none: bool,
    /// The person has to prove again who they are.
    pub(super) prompt_login: bool,
    /// Longest time since the last proof, in seconds.
    pub(super) max_age: Option<i64>,
}

/// What the application is told (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) error: &'static str,
    pub(super) description: Option<Cow<'static, str>>,
}

impl Refused {
    pub(super) fn new(error: &'static str, description: Option<&'static str>) -> Self {
        Self {
            error,
            description: description.map(Cow::Borrowed),
        }
    }

    fn invalid(description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            error: "invalid_request",
            description: Some(description.into()),
        }
    }

    fn missing(parameter: &str) -> Self {
        Self::invalid(format!("Missing parameter: {parameter}"))
    }

    fn wrong(parameter: &str) -> Self {
        Self::invalid(format!("Invalid parameter: {parameter}"))
    }
}

pub(super) fn read(
    context: &Context,
    client: &Client,
    redirect_uri: &str,
    form: &Form,
) -> Result<Asked, Refused> {
    let client = &client.representation;
    response_type(client, form)?;
    let response_mode = match form.value("response_mode") {
        None | Some("query") => ResponseMode::Query,
        Some("fragment") => ResponseMode::Fragment,
        Some("form_post") => ResponseMode::FormPost,
        Some(_) => return Err(Refused::wrong("response_mode")),
    };
    for (parameter, error) in [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
        ("registration", "registration_not_supported"),
    ] {
        if form.value(parameter).is_some() {
            return Err(Refused::new(error, None));
        }
    }
    let (prompt_none, prompt_login) = prompt(client, form)?;
    let max_age = match form.value("max_age") {
        None => default_max_age(client),
        Some(text) => Some(
            text.parse()
                .ok()
                .filter(|age| *age >= 0)
                .ok_or_else(|| Refused::wrong("max_age"))?,
        ),
    };
    let scopes =
        Scopes::resolve(&context.realm, client, form.value("scope")).map_err(|e| Refused {
            error: e.error,
            description: Some(e.description),
        })?;
    let (code_challenge, code_challenge_method) = pkce(client, form)?;
    let kept = |name: &str| form.value(name).map(str::to_owned);
    let request = AuthorizationRequest {
        client_id: client.client_id.clone().unwrap_or_default(),
        redirect_uri: redirect_uri.to_owned(),
        response_mode,
        state: kept("state"),
        scope: scopes.all(),
        nonce: kept("nonce"),
        code_challenge,
        code_challenge_method,
        login_hint: kept("login_hint"),
        reauthenticate: None,
    };
    let length = |part: &Option<String>| part.as_ref().map_or(0, String::len);
    let size = request.redirect_uri.len()
        + request.scope.len()
        + length(&request.state)
        + length(&request.nonce)
        + length(&request.login_hint);
    if size > MAX_KEPT {
        return Err(Refused::invalid(format!(
            "state, nonce, login_hint, scope and redirect_uri are longer than {MAX_KEPT} bytes together"
        )));
    }
    Ok(Asked {
        request,
        prompt_none,
        prompt_login,
        max_age,
    })
}

/// How an error is sent: as asked for, as far as that can be understood.
pub(super) fn error_mode(form: &Form) -> ResponseMode {
    let in_front = form
        .value("response_type")
        .is_some_and(|kind| kind.split(' ').any(|k| matches!(k, "token" | "id_token")));
    match form.value("response_mode") {
        Some("fragment") => ResponseMode::Fragment,
        Some("form_post") => ResponseMode::FormPost,
        None if in_front => ResponseMode::Fragment,
        _ => ResponseMode::Query,
    }
}

/// Only codes are issued; what else there is in OAuth is told apart to say why not.
fn response_type(client: &ClientRepresentation, form: &Form) -> Result<(), Refused> {
    let kind = form
        .value("response_type")
        .ok_or_else(|| Refused::missing("response_type"))?;
    let parts: Vec<&str> = kind.split(' ').filter(|p| !p.is_empty()).collect();
    let known = |p: &&str| matches!(*p, "code" | "token" | "id_token" | "none");
    if parts.is_empty() || !parts.iter().all(known) {
        return Err(Refused::new("unsupported_response_type", None));
    }
    if parts.iter().any(|p| matches!(*p, "token" | "id_token")) {
        if form.value("response_mode") == Some("query") {
            return Err(Refused::invalid(
                "Response_mode 'query' not allowed for implicit or hybrid flow",
            ));
        }
        if client.implicit_flow_enabled != Some(true) {
            return Err(Refused::new(
                "unauthorized_client",
                Some(
                    "Client is not allowed to initiate browser login with given response_type. \
                     Implicit flow is disabled for the client.",
                ),
            ));
        }
        return Err(Refused::new(
            "unsupported_response_type",
            Some("This server answers with codes only; use response_type=code with PKCE"),
        ));
    }
    if parts != ["code"] {
        return Err(Refused::new("unsupported_response_type", None));
    }
    if client.standard_flow_enabled == Some(false) {
        return Err(Refused::new(
            "unauthorized_client",
            Some(
                "Client is not allowed to initiate browser login with given response_type. \
                 Standard flow is disabled for the client.",
            ),
        ));
    }
    Ok(())
}

/// Whether nobody may be asked, and whether the person must prove again who they are.
fn prompt(client: &ClientRepresentation, form: &Form) -> Result<(bool, bool), Refused> {
    let prompt = form.value("prompt").unwrap_or_default();
    let has = |value: &str| prompt.split(' ').any(|p| p == value);
    if has("none") && (has("login") || has("consent") || has("select_account")) {
        return Err(Refused::new("login_required", None));
    }
    if client.consent_required == Some(true) || has("consent") {
        return Err(Refused::new(
            "consent_required",
            Some("This server cannot ask for consent yet; turn consentRequired off for the client"),
        ));
    }
    Ok((has("none"), has("login")))
}

fn default_max_age(client: &ClientRepresentation) -> Option<i64> {
    attribute(client, "default.max.age").and_then(|age| age.parse().ok())
}

/// The challenge and its method (RFC 7636 §4.3). `plain` only where the client is set to it.
fn pkce(
    client: &ClientRepresentation,
    form: &Form,
) -> Result<(Option<String>, Option<String>), Refused> {
    let required = attribute(client, "pkce.code.challenge.method");
    let challenge = form.value("code_challenge");
    let method = form.value("code_challenge_method");
    if let Some(required) = required {
        match method {
            None => return Err(Refused::missing("code_challenge_method")),
            Some(method) if method != required => {
                return Err(Refused::invalid(
                    "Invalid parameter: code challenge method is not matching the configured one",
                ));
            }
            Some(_) => {}
        }
    }
    match method {
        None if challenge.is_none() => return Ok((None, None)),
        // RFC 7636 reads a missing method as `plain`.
        None => return Err(Refused::missing("code_challenge_method")),
        Some("S256") => {}
        Some("plain") if required == Some("plain") => {}
        Some(_) => return Err(Refused::wrong("code_challenge_method")),
    }
    let challenge = challenge.ok_or_else(|| Refused::missing("code_challenge"))?;
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    if !(43..=128).contains(&challenge.len()) || !challenge.bytes().all(unreserved) {
        return Err(Refused::wrong("code_challenge"));
    }
    Ok((Some(challenge.to_owned()), method.map(str::to_owned)))
}

fn attribute<'a>(client: &'a ClientRepresentation, name: &str) -> Option<&'a str> {
    let attributes = client.attributes.as_ref()?;
    attributes
        .get(name)
        .map(String::as_str)
        .filter(|v| !v.is_empty())
}
