//! The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3): who may ask, where the
//! answer may go, whether the person in front of the browser is known already, and the answer.

pub(crate) mod consent;
mod device_verification;
mod finish;
mod hint;
mod login;
mod object;
mod pushed;
mod redirect;
mod request;
mod response;

pub(crate) use finish::{AUTH_METHOD, LoggedIn, complete};
pub(crate) use login::{FoundSession, alive_session};
pub(crate) use redirect::{redirect_entry_root, requested_client, still_allowed};
pub(crate) use request::Refused;
pub(crate) use response::Destination;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use realmkeep_authn::Services;
use realmkeep_authn::authorization_request::AuthorizationRequest;
use realmkeep_authn::flow::Binding;
use realmkeep_events::EventType;
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::Client;

use crate::browser::PageError;
use crate::context::Context;
use crate::cors;
use crate::form::Form;
use crate::login_actions::{Start, start};
use crate::policies::{self, Check, PolicyEvent, SignedObject};

/// `…/protocol/openid-connect/auth`.
pub(crate) fn routes() -> Router<Arc<Services>> {
    let protocol = |name: &str| format!("/realms/{{realm}}/protocol/openid-connect/{name}");
    Router::new()
        .route(&protocol("auth"), get(by_query).post(by_form))
        .route(&protocol("registrations"), get(to_register))
        .route(&protocol("forgot-credentials"), get(to_reset_credentials))
        .route(
            &protocol("ext/par/request"),
            post(pushed::endpoint).options(cors::preflight_post),
        )
        .merge(consent::routes())
        .merge(device_verification::routes())
}

async fn by_query(context: Context, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let form = Form::parse(query.unwrap_or_default().as_bytes()).ok();
    endpoint(
        &context,
        form,
        &headers,
        StatusCode::FOUND,
        Binding::Browser,
    )
    .await
}

/// The same request, for somebody who has no account yet.
async fn to_register(context: Context, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let form = Form::parse(query.unwrap_or_default().as_bytes()).ok();
    let binding = Binding::Registration;
    endpoint(&context, form, &headers, StatusCode::FOUND, binding).await
}

/// The same request, for somebody who cannot prove who they are any more.
async fn to_reset_credentials(
    context: Context,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let form = Form::parse(query.unwrap_or_default().as_bytes()).ok();
    let binding = Binding::ResetCredentials;
    endpoint(&context, form, &headers, StatusCode::FOUND, binding).await
}

async fn by_form(context: Context, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::from_body(&headers, &body).ok();
    let binding = Binding::Browser;
    endpoint(&context, form, &headers, StatusCode::SEE_OTHER, binding).await
}

/// `status` is how this request is redirected, `binding` the flow that it begins with.
async fn endpoint(
    context: &Context,
    form: Option<Form>,
    headers: &HeaderMap,
    status: StatusCode,
    binding: Binding,
) -> Response {
    let form = form.ok_or_else(|| {
        PageError::bad_request("page-parameter-repeated", "invalid_request")
            .about("one of its parameters")
    });
    let client_id = match &form {
        Ok(form) => form.value("client_id").unwrap_or_default().to_owned(),
        Err(_) => String::new(),
    };
    let answer = match form {
        Ok(form) => authorize(context, &form, headers, status, binding).await,
        Err(e) => Err(e),
    };
    refused_by_page(context, &client_id, answer)
}

/// What cannot be told to an application is told to the person.
fn refused_by_page(
    context: &Context,
    client_id: &str,
    answer: Result<Response, PageError>,
) -> Response {
    answer.unwrap_or_else(|error| {
        if let Some(code) = error.event {
            let mut event = context.event(EventType::Login);
            if !client_id.is_empty() {
                event = event.client(client_id);
            }
            context.emit(&event.failed(code));
        }
        error.into_response(context)
    })
}

async fn authorize(
    context: &Context,
    form: &Form,
    headers: &HeaderMap,
    status: StatusCode,
    binding: Binding,
) -> Result<Response, PageError> {
    let client = requested_client(context, form.value("client_id")).await?;
    let pushed = allowed_to_ask(context, &client, form).await?;
    let sent = form;
    let (resolved, object) = match resolve(context, &client, form).await {
        Ok(Some((form, object))) => (Some(form), object),
        Ok(None) => (None, None),
        Err(refused) => return refuse_unread(context, &client, form, refused, status).await,
    };
    let form = resolved.as_ref().unwrap_or(form);
    let redirect_uri = redirect::requested_uri(context, &client, form.value("redirect_uri"))?;
    let read = match read(context, &client, &redirect_uri, form).await {
        Ok(request) => {
            let check = Check {
                client: Some(&client.representation),
                form: Some(sent),
                headers: Some(headers),
                request: Some(&request),
                object: object.as_ref(),
                pushed,
                scope: Some(form.value("scope").unwrap_or_default()),
                ..Check::new(PolicyEvent::Authorization, context)
            };
            match policies::enforce(check).await {
                Ok(effects) => Ok(AuthorizationRequest {
                    flow: effects.flow.as_ref().map(|(alias, _)| alias.clone()),
                    flow_level: effects.flow.and_then(|(_, level)| level),
                    ..request
                }),
                Err(violation) => Err(Refused::of_policy(violation)),
            }
        }
        Err(refused) => Err(refused),
    };
    match read {
        Ok(request) => proceed(context, &client, request, headers, status, binding).await,
        Err(refused) => {
            let to = Destination {
                for_device: false,
                redirect_uri: &redirect_uri,
                mode: request::error_mode(form),
                state: form.value("state"),
            };
            refuse(context, &client, &to, refused, status).await
        }
    }
}

/// Asks the realm's policies before the request is looked at; the names of the parameters that were
/// pushed, where a policy may want to know.
async fn allowed_to_ask(
    context: &Context,
    client: &Client,
    form: &Form,
) -> Result<Option<Vec<String>>, PageError> {
    if !policies::is_in_use(&context.realm) {
        return Ok(None);
    }
    let reference = form.value("request_uri").unwrap_or_default();
    let pushed = pushed::names(context, client, reference).await?;
    let check = Check {
        client: Some(&client.representation),
        form: Some(form),
        pushed: pushed.clone(),
        ..Check::new(PolicyEvent::PreAuthorization, context)
    };
    match policies::enforce(check).await {
        Ok(_) => Ok(pushed),
        Err(violation) => {
            // A reference counts once, whatever comes of it.
            if pushed.is_some() {
                let _ = pushed::take(context, client, reference).await;
            }
            Err(PageError::policy(violation))
        }
    }
}

/// The request, and whom it has to be for.
async fn read(
    context: &Context,
    client: &Client,
    redirect_uri: &str,
    form: &Form,
) -> Result<AuthorizationRequest, Refused> {
    let mut request = request::read(context, client, redirect_uri, form)?;
    if let Some(hint) = form.value("id_token_hint")
        && let Some(hinted) = hint::subject(context, client, hint).await?
    {
        let other = |wanted: &String| *wanted != hinted;
        if request.subject.as_ref().is_some_and(other) {
            return Err(Refused::invalid(
                "id_token_hint and claims name different users",
            ));
        }
        request.subject = Some(hinted);
    }
    Ok(request)
}

/// The parameters that were pushed or signed, with the signed object; None when those that were sent
/// count.
async fn resolve(
    context: &Context,
    client: &Client,
    form: &Form,
) -> Result<Option<(Form, Option<SignedObject>)>, Refused> {
    if let Some(uri) = form
        .value("request_uri")
        .filter(|uri| uri.starts_with(pushed::PREFIX))
    {
        return pushed::take(context, client, uri).await.map(Some);
    }
    let must_push = "require.pushed.authorization.requests";
    if attribute(&client.representation, must_push) == Some("true") {
        return Err(Refused::invalid(
            "The client has to push its authorization requests",
        ));
    }
    let resolved = object::resolve(context, client, form).await?;
    Ok(resolved.map(|(form, object)| (form, Some(object))))
}

/// A request whose parameters could not be had is answered to the address outside of them, if there
/// is one.
async fn refuse_unread(
    context: &Context,
    client: &Client,
    form: &Form,
    refused: Refused,
    status: StatusCode,
) -> Result<Response, PageError> {
    let Ok(redirect_uri) = redirect::requested_uri(context, client, form.value("redirect_uri"))
    else {
        let parameter = match refused.error {
            "invalid_request_object" => "request",
            _ => "request_uri",
        };
        return Err(
            PageError::bad_request("page-parameter-invalid", refused.error).about(parameter),
        );
    };
    let to = Destination {
        for_device: false,
        redirect_uri: &redirect_uri,
        mode: request::error_mode(form),
        state: form.value("state"),
    };
    refuse(context, client, &to, refused, status).await
}

/// Runs the login: it answers at once where the session that is there will do.
async fn proceed(
    context: &Context,
    client: &Client,
    mut request: AuthorizationRequest,
    headers: &HeaderMap,
    status: StatusCode,
    binding: Binding,
) -> Result<Response, PageError> {
    let prompt = request.prompt;
    let settings = &context.realm.settings;
    let binding = match binding {
        Binding::Browser if prompt.create => Binding::Registration,
        other => other,
    };
    match binding {
        Binding::Registration if settings.registration_allowed != Some(true) => {
            return Err(PageError::bad_request(
                "registrationNotAllowedMessage",
                "registration_disabled",
            ));
        }
        Binding::ResetCredentials if settings.reset_password_allowed != Some(true) => {
            return Err(PageError::bad_request(
                "resetCredentialNotAllowedMessage",
                "not_allowed",
            ));
        }
        _ => {}
    }
    if let Some(found) = alive_session(context, headers).await? {
        let other = request
            .subject
            .as_ref()
            .is_some_and(|wanted| *wanted != found.session.user_id);
        let too_old = is_too_old(context, &request, found.session.detail.auth_time);
        // Whoever may become somebody else need not prove to be the same.
        let same = !prompt.select_account && !prompt.create && !other;
        if same && (prompt.login || too_old) {
            request.reauthenticate = Some(found.session.id);
        }
    }
    let how = Start {
        binding,
        status,
        ..Start::default()
    };
    start(context, client, request, headers, how).await
}

/// Whether the last proof is longer ago than the request allows (`max_age`).
fn is_too_old(context: &Context, request: &AuthorizationRequest, auth_time: i64) -> bool {
    request
        .max_age
        .is_some_and(|age| age == 0 || context.now.saturating_sub(auth_time) > age)
}

/// Tells the application that it gets nothing, by the way it asked for.
pub(crate) async fn refuse(
    context: &Context,
    client: &Client,
    to: &Destination<'_>,
    refused: Refused,
    status: StatusCode,
) -> Result<Response, PageError> {
    let client_id = client.representation.client_id.as_deref();
    let mut event = context
        .event(EventType::Login)
        .client(client_id.unwrap_or_default())
        .detail("redirect_uri", to.redirect_uri);
    if let Some(description) = &refused.description {
        event = event.detail("reason", description.as_ref());
    }
    context.emit(&event.failed(refused.event.unwrap_or(refused.error)));
    let mut fields = vec![("error", refused.error.to_owned())];
    if let Some(description) = refused.description {
        fields.push(("error_description", description.into_owned()));
    }
    response::answer(context, client, to, fields, status).await
}

/// A setting of the client; None when it is empty.
fn attribute<'a>(client: &'a ClientRepresentation, name: &str) -> Option<&'a str> {
    let attributes = client.attributes.as_ref()?;
    attributes
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}
