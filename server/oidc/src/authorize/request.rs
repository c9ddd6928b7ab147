//! What an authorization request asks for, once its client and redirect URI are known to be right.

use std::borrow::Cow;

use realmkeep_authn::authorization_request::{
    AuthorizationRequest, Prompt, ResponseMode, ResponseType,
};
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::Client;

use crate::claims::requested::ClaimsRequest;
use crate::context::Context;
use crate::error::OAuthError;
use crate::form::Form;
use crate::policies::Violation;
use crate::scopes::{OPENID, Scopes};

use super::attribute;

/// Most bytes of a request that are kept while somebody signs in.
const MAX_KEPT: usize = 4_096;
/// Most authentication context classes that are kept.
const MAX_ACR_VALUES: usize = 20;

/// What the application is told (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) error: &'static str,
    pub(crate) description: Option<Cow<'static, str>>,
    /// The event's error code, where it differs.
    pub(crate) event: Option<&'static str>,
}

impl Refused {
    pub(crate) fn new(error: &'static str, description: Option<&'static str>) -> Self {
        Self {
            error,
            description: description.map(Cow::Borrowed),
            event: None,
        }
    }

    pub(super) fn described(
        error: &'static str,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            error,
            description: Some(description.into()),
            event: None,
        }
    }

    pub(super) fn invalid(description: impl Into<Cow<'static, str>>) -> Self {
        Self::described("invalid_request", description)
    }

    pub(super) fn of_policy(violation: Violation) -> Self {
        Self::described(violation.error, violation.description).event(violation.error)
    }

    /// The event's error code.
    pub(super) fn event(mut self, code: &'static str) -> Self {
        self.event = Some(code);
        self
    }

    fn missing(parameter: &str) -> Self {
        Self::invalid(format!("Missing parameter: {parameter}"))
    }

    fn wrong(parameter: &str) -> Self {
        Self::invalid(format!("Invalid parameter: {parameter}"))
    }
}

/// A refusal of the one door for tokens, as the authorization endpoint tells it.
impl From<OAuthError> for Refused {
    fn from(error: OAuthError) -> Self {
        let code = match error.error {
            "server_error" => "server_error",
            "temporarily_unavailable" => "temporarily_unavailable",
            "invalid_scope" => "invalid_scope",
            _ => "access_denied",
        };
        Self::described(code, error.description).event(error.event)
    }
}

impl From<Refused> for OAuthError {
    fn from(refused: Refused) -> Self {
        let description = refused.description.unwrap_or_default();
        let error = Self::new(http::StatusCode::BAD_REQUEST, refused.error, description);
        match refused.event {
            Some(code) => error.event(code),
            None => error,
        }
    }
}

/// Reads the parameters. What is not known is left out (RFC 6749 §3.1).
pub(super) fn read(
    context: &Context,
    client: &Client,
    redirect_uri: &str,
    form: &Form,
) -> Result<AuthorizationRequest, Refused> {
    let client = &client.representation;
    let response_type = response_type(client, form)?;
    let response_mode = ResponseMode::parse(form.value("response_mode"), response_type)
        .ok_or_else(|| Refused::wrong("response_mode"))?;
    if response_type.is_front_channel() && response_mode.is_query() {
        let name = form.value("response_mode").unwrap_or("query");
        return Err(Refused::invalid(format!(
            "Response_mode '{name}' not allowed for implicit or hybrid flow"
        )));
    }
    if form.value("registration").is_some() {
        return Err(Refused::new("registration_not_supported", None));
    }
    let openid = form
        .value("scope")
        .is_some_and(|scope| scope.split(' ').any(|name| name == OPENID));
    if response_type.id_token && !openid {
        return Err(Refused::invalid(
            "An ID token is issued for the scope openid only",
        ));
    }
    // OpenID Connect Core sections 3.2.2.1 and 3.3.2.11: where the ID token comes by the browser.
    if response_type.id_token && form.value("nonce").is_none() {
        return Err(Refused::missing("nonce"));
    }
    let prompt = Prompt::parse(form.value("prompt").unwrap_or_default());
    if prompt.contradicts_itself() {
        return Err(Refused::new("login_required", None));
    }
    let max_age = match form.value("max_age") {
        None => default_max_age(client),
        Some(text) => Some(
            text.parse()
                .ok()
                .filter(|age| *age >= 0)
                .ok_or_else(|| Refused::wrong("max_age"))?,
        ),
    };
    let scopes = Scopes::resolve(&context.realm, client, form.value("scope"))
        .map_err(|e| Refused::described(e.error, e.description))?;
    let (code_challenge, code_challenge_method) = pkce(client, form, response_type)?;
    let claims = form
        .value("claims")
        .map(|text| ClaimsRequest::parse(text).ok_or_else(|| Refused::wrong("claims")))
        .transpose()?;
    let (acr_values, acr_essential) = acr(client, form, claims.as_ref())?;
    let wanted_subject = claims
        .as_ref()
        .map(|claims| claims.values("sub").0)
        .unwrap_or_default();
    if wanted_subject.len() > 1 {
        return Err(Refused::wrong("claims"));
    }
    let dpop_jkt = form
        .value("dpop_jkt")
        .map(|jkt| is_thumbprint(jkt).then(|| jkt.to_owned()))
        .map(|jkt| jkt.ok_or_else(|| Refused::wrong("dpop_jkt")))
        .transpose()?;
    let kept = |name: &str| form.value(name).map(str::to_owned);
    let request = AuthorizationRequest {
        client_id: client.client_id.clone().unwrap_or_default(),
        redirect_uri: redirect_uri.to_owned(),
        response_type,
        response_mode,
        state: kept("state"),
        scope: scopes.all(),
        nonce: kept("nonce"),
        code_challenge,
        code_challenge_method,
        login_hint: kept("login_hint"),
        reauthenticate: None,
        prompt,
        max_age,
        acr_values,
        acr_essential,
        claims: kept("claims"),
        ui_locales: kept("ui_locales"),
        idp_hint: kept("kc_idp_hint"),
        action: kept("kc_action"),
        action_status: None,
        acr: None,
        dpop_jkt,
        device: None,
        flow: None,
        flow_level: None,
        subject: wanted_subject.first().map(|subject| (*subject).to_owned()),
    };
    check_size(&request)?;
    Ok(request)
}

/// How an error is sent: as asked for, as far as that can be understood and is allowed.
pub(super) fn error_mode(form: &Form) -> ResponseMode {
    let in_front = form
        .value("response_type")
        .is_some_and(|kind| kind.split(' ').any(|k| matches!(k, "token" | "id_token")));
    let kind = ResponseType {
        id_token: in_front,
        ..ResponseType::CODE
    };
    ResponseMode::parse(form.value("response_mode"), kind).unwrap_or_default()
}

/// Which of the flows, if the client may use it.
fn response_type(client: &ClientRepresentation, form: &Form) -> Result<ResponseType, Refused> {
    let text = form
        .value("response_type")
        .ok_or_else(|| Refused::missing("response_type"))?;
    let kind =
        ResponseType::parse(text).ok_or_else(|| Refused::new("unsupported_response_type", None))?;
    let disabled = |text: &'static str| Err(Refused::new("unauthorized_client", Some(text)));
    // A hybrid request needs the standard flow for its code and the implicit one for the rest.
    if kind.is_front_channel() && client.implicit_flow_enabled != Some(true) {
        return disabled(
            "Client is not allowed to initiate browser login with given response_type. \
             Implicit flow is disabled for the client.",
        );
    }
    if (kind.code || !kind.is_front_channel()) && client.standard_flow_enabled == Some(false) {
        return disabled(
            "Client is not allowed to initiate browser login with given response_type. \
             Standard flow is disabled for the client.",
        );
    }
    Ok(kind)
}

fn default_max_age(client: &ClientRepresentation) -> Option<i64> {
    attribute(client, "default.max.age")
        .and_then(|age| age.parse().ok())
        .filter(|age| *age >= 0)
}

/// The authentication context classes that are asked for, and whether one of them must be reached:
/// by `claims`, else by `acr_values`, else by the client's default.
fn acr(
    client: &ClientRepresentation,
    form: &Form,
    claims: Option<&ClaimsRequest>,
) -> Result<(Vec<String>, bool), Refused> {
    let own = |values: Vec<&str>| -> Vec<String> {
        let named = values.into_iter().filter(|value| !value.is_empty());
        named.map(str::to_owned).collect()
    };
    if let Some(claims) = claims {
        let (values, essential) = claims.values("acr");
        if values.len() > MAX_ACR_VALUES {
            return Err(Refused::wrong("claims"));
        }
        if !values.is_empty() {
            return Ok((own(values), essential));
        }
    }
    if let Some(text) = form.value("acr_values") {
        let values = own(text.split(' ').collect());
        if values.len() > MAX_ACR_VALUES {
            return Err(Refused::wrong("acr_values"));
        }
        return Ok((values, false));
    }
    let default = attribute(client, "default.acr.values").unwrap_or_default();
    // Lists in attributes are joined by two number signs.
    Ok((own(default.split("##").collect()), false))
}

/// The challenge and its method (RFC 7636 §4.3). `plain` only where the client is set to it.
fn pkce(
    client: &ClientRepresentation,
    form: &Form,
    kind: ResponseType,
) -> Result<(Option<String>, Option<String>), Refused> {
    // Without a code there is nothing to prove later on.
    if !kind.code {
        return Ok((None, None));
    }
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

/// What is kept travels in addresses and cookies, which have their limits.
fn check_size(request: &AuthorizationRequest) -> Result<(), Refused> {
    let optional = [
        &request.state,
        &request.nonce,
        &request.login_hint,
        &request.claims,
        &request.ui_locales,
        &request.idp_hint,
        &request.action,
    ];
    let size = request.redirect_uri.len()
        + request.scope.len()
        + request.acr_values.iter().map(String::len).sum::<usize>()
        + optional
            .into_iter()
            .flatten()
            .map(String::len)
            .sum::<usize>();
    if size > MAX_KEPT {
        return Err(Refused::invalid(format!(
            "The parameters are longer than {MAX_KEPT} bytes together"
        )));
    }
    Ok(())
}

/// A SHA-256 thumbprint in base64url.
fn is_thumbprint(text: &str) -> bool {
    let encoded = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    text.len() == 43 && text.bytes().all(encoded)
}
