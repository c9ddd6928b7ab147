//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0).
//!
//! An ID token of this realm ends its session at once. Without one the person is asked, because
//! any site can send a browser here.

mod admin_url;
mod notices;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use realmkeep_authn::Services;
use realmkeep_authn::login_state::IDENTITY_COOKIE;
use realmkeep_events::{Event, EventType};
use realmkeep_jose::{UnverifiedJwt, Verified, verify};
use realmkeep_model::redirect_uri::{self, post_logout_entries};
use realmkeep_pages::page::{FrontchannelLogout, Info, LoggedOutClient, LogoutConfirm};
use realmkeep_store::{Client, StoreError};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::authorize::{FoundSession, alive_session, redirect_entry_root};
use crate::binding::Binding;
use crate::browser::{PageError, clear_cookie, page, protect};
use crate::client_auth;
use crate::context::Context;
use crate::cors;
use crate::dpop;
use crate::error::{OAuthError, no_store};
use crate::form::Form;
use crate::policies::{self, Check, PolicyEvent};
use crate::session_status;
use crate::token;

pub use admin_url::{Pushed, push_logout, push_not_before};
pub use notices::{
    Ended, FrontChannelNotice, deliver, deliver_logouts, deliver_soon, end_back_channel_sessions,
    end_session, end_sessions_of_user,
};

/// Seconds that the confirmation page may be looked at.
const CONFIRM_LIFESPAN: i64 = 1_800;

/// `…/protocol/openid-connect/logout` and its confirmation.
pub(crate) fn routes() -> Router<Arc<Services>> {
    let path = "/realms/{realm}/protocol/openid-connect/logout";
    Router::new()
        .route(
            path,
            get(by_query).post(by_form).options(cors::preflight_post),
        )
        .route(&format!("{path}/logout-confirm"), post(confirm))
}

/// Where the browser goes once the session has ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Return {
    uri: Option<String>,
    state: Option<String>,
    client_id: Option<String>,
}

/// What the confirmation page sends back, sealed for the session that it asks about.
#[derive(Serialize, Deserialize)]
struct Asked {
    then: Return,
    issued: i64,
}

async fn by_query(context: Context, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let form = Form::parse(query.unwrap_or_default().as_bytes()).ok();
    let answer = logout(&context, form, &headers, StatusCode::FOUND).await;
    finish(&context, answer)
}

async fn by_form(context: Context, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::from_body(&headers, &body).ok();
    if let Some(form) = form.as_ref().filter(|f| f.value("refresh_token").is_some()) {
        return by_client(&context, &headers, form).await;
    }
    let answer = logout(&context, form, &headers, StatusCode::SEE_OTHER).await;
    finish(&context, answer)
}

/// An application without a browser at hand ends the session that its refresh token belongs to.
async fn by_client(context: &Context, headers: &HeaderMap, form: &Form) -> Response {
    let mut event = context.event(EventType::Logout);
    let mut client = None;
    match end_of_token(context, headers, form, &mut event, &mut client).await {
        Ok(ended) => {
            // Nothing to tell when it had ended before.
            if ended {
                context.emit(&event);
            }
            let response = (StatusCode::NO_CONTENT, no_store()).into_response();
            exposed(context, client.as_deref(), response)
        }
        Err(error) => {
            token::refuse(context, event, &error);
            let response = error.into_response();
            let response = match &client {
                Some(client) => dpop::nonce::supply(context, &client.representation, response),
                None => response,
            };
            exposed(context, client.as_deref(), response)
        }
    }
}

/// A page of the client may read the answer.
fn exposed(context: &Context, client: Option<&Client>, response: Response) -> Response {
    match client {
        Some(client) if cors::allows(context, &client.representation) => {
            cors::expose(context, response)
        }
        _ => response,
    }
}

async fn end_of_token(
    context: &Context,
    headers: &HeaderMap,
    form: &Form,
    event: &mut Event,
    known: &mut Option<Arc<Client>>,
) -> Result<bool, OAuthError> {
    let authenticated = client_auth::authenticate(context, headers, form).await?;
    token::note_client(event, &authenticated);
    let client = &known.insert(authenticated.client).representation;
    let text = form.value("refresh_token").unwrap_or_default();
    let refresh = token::refresh_token::read(context, text).await?;
    if refresh.str("azp") != client.client_id.as_deref() {
        return Err(OAuthError::invalid_grant(
            "Invalid refresh token. Token client and authorized client don't match",
        )
        .event("invalid_token"));
    }
    policies::enforce(Check {
        client: Some(client),
        form: Some(form),
        headers: Some(headers),
        token: Some(&refresh),
        ..Check::new(PolicyEvent::Logout, context)
    })
    .await?;
    let proven = Binding::proven(context, headers, "logout", client).await?;
    if !proven.satisfies(&Binding::of_token(&refresh)) {
        return Err(
            OAuthError::invalid_grant("Token binding verification failed").event("invalid_token"),
        );
    }
    let session_id = refresh.str("sid").unwrap_or_default();
    event.session_id = Some(session_id.to_owned());
    event.user_id = refresh.sub().map(str::to_owned);
    let ended =
        notices::end_session_unseen(&context.services, &context.realm, session_id, event).await?;
    Ok(ended)
}

async fn logout(
    context: &Context,
    form: Option<Form>,
    headers: &HeaderMap,
    status: StatusCode,
) -> Result<Response, PageError> {
    let form = form.ok_or_else(|| {
        PageError::bad_request("page-parameter-repeated", "invalid_request")
            .about("one of its parameters")
    })?;
    let hint = match form.value("id_token_hint") {
        Some(token) => Some(
            id_token(context, token)
                .await
                .ok_or_else(|| PageError::bad_request("page-hint-invalid", "invalid_token"))?,
        ),
        None => None,
    };
    let then = requested_return(context, &form, hint.as_ref()).await?;
    ask_policies(context, &form, then.client_id.as_deref(), status).await?;
    let session = alive_session(context, headers).await?;
    let Some(hint) = hint else {
        return match session {
            Some(session) => ask(context, &session, then),
            None => leave(context, then, Vec::new(), status, true),
        };
    };
    let hinted = hint.str("sid").unwrap_or_default();
    let user = hint.sub().unwrap_or_default();
    // The hint may be for another session than this browser's; that one is left alone then.
    let ours = session.as_ref().is_none_or(|s| s.session.id == hinted);
    let told = end(context, hinted, user, &then).await?;
    leave(context, then, told, status, ours)
}

/// Asks the realm's policies about a browser that some client sends here to sign its user out.
async fn ask_policies(
    context: &Context,
    form: &Form,
    client_id: Option<&str>,
    status: StatusCode,
) -> Result<(), PageError> {
    let store = &context.services.store;
    let client = match client_id {
        Some(id) => store.client(&context.realm, id).await?,
        None => None,
    };
    let Some(client) = client else {
        return Ok(());
    };
    let check = Check {
        client: Some(&client.representation),
        form: Some(form),
        by_get: status == StatusCode::FOUND,
        ..Check::new(PolicyEvent::Logout, context)
    };
    policies::enforce(check)
        .await
        .map(|_| ())
        .map_err(PageError::policy)
}

/// The claims of an ID token of this realm. It may have expired, as it only has to say who it was for.
async fn id_token(context: &Context, token: &str) -> Option<Verified> {
    let jwt = UnverifiedJwt::parse(token).ok()?;
    let keys = context
        .services
        .keys
        .verification_set(&context.realm)
        .await
        .ok()?;
    let key = keys
        .find(jwt.unverified_kid(), jwt.unverified_algorithm())
        .ok()?;
    let claims = verify(&jwt, key).ok()?;
    let ours = claims.iss() == Some(&context.issuer) && claims.str("typ") == Some("ID");
    ours.then_some(claims)
}

/// Where to return to, if the client has registered it.
async fn requested_return(
    context: &Context,
    form: &Form,
    hint: Option<&Verified>,
) -> Result<Return, PageError> {
    let hinted = hint.and_then(|h| h.str("azp").or_else(|| h.aud().first().copied()));
    let named = form.value("client_id");
    if let (Some(hinted), Some(named)) = (hinted, named)
        && hinted != named
    {
        let error = PageError::bad_request("page-parameter-invalid", "invalid_client");
        return Err(error.about("client_id"));
    }
    let client_id = hinted.or(named).map(str::to_owned);
    let Some(uri) = form.value("post_logout_redirect_uri") else {
        return Ok(Return {
            client_id,
            ..Return::default()
        });
    };
    let client_id = client_id.ok_or_else(|| {
        PageError::bad_request("page-logout-redirect-unknown-client", "invalid_request")
    })?;
    let client = context
        .services
        .store
        .client(&context.realm, &client_id)
        .await?
        .filter(|c| c.representation.enabled != Some(false));
    let client =
        client.ok_or_else(|| PageError::bad_request("page-client-unknown", "client_not_found"))?;
    if !may_return_to(context, &client, uri) {
        return Err(PageError::bad_request(
            "page-logout-redirect",
            "invalid_redirect_uri",
        ));
    }
    Ok(Return {
        uri: Some(uri.to_owned()),
        state: form.value("state").map(str::to_owned),
        client_id: Some(client_id),
    })
}

fn may_return_to(context: &Context, client: &Client, uri: &str) -> bool {
    let client = &client.representation;
    let attribute = client
        .attributes
        .as_ref()
        .and_then(|a| a.get("post.logout.redirect.uris"))
        .map(String::as_str);
    let redirect_uris = client.redirect_uris.as_deref().unwrap_or_default();
    let registered = post_logout_entries(attribute, redirect_uris);
    let root = redirect_entry_root(context, client);
    redirect_uri::allowed(uri, registered, root.as_deref()).is_some()
}

/// Shows the page that asks.
fn ask(context: &Context, session: &FoundSession, then: Return) -> Result<Response, PageError> {
    let asked = Asked {
        then,
        issued: context.now,
    };
    let seal = &context.services.cookies;
    let session_code = seal.seal(&sealed_for(context, session), &asked)?;
    let action = format!(
        "{}/realms/{}/protocol/openid-connect/logout/logout-confirm",
        context.services.base_url.path(),
        context.realm.name
    );
    let frame = context.frame(context.look(None, None), &action);
    let made = context
        .services
        .pages
        .render(&frame, LogoutConfirm { session_code })?;
    Ok(page(context, StatusCode::OK, made))
}

/// The person has said yes.
async fn confirm(context: Context, headers: HeaderMap, body: Bytes) -> Response {
    let answer = async {
        let form = Form::from_body(&headers, &body).map_err(|_| {
            PageError::bad_request("page-parameter-invalid", "invalid_request").about("the form")
        })?;
        let Some(session) = alive_session(&context, &headers).await? else {
            let nobody = Vec::new();
            return leave(
                &context,
                Return::default(),
                nobody,
                StatusCode::SEE_OTHER,
                true,
            );
        };
        let seal = &context.services.cookies;
        let asked: Option<Asked> = form
            .value("session_code")
            .and_then(|code| seal.open(&sealed_for(&context, &session), code));
        let asked = asked
            .filter(|a| context.now.saturating_sub(a.issued) <= CONFIRM_LIFESPAN)
            .ok_or_else(|| PageError::bad_request("page-state-lost", "invalid_code"))?;
        let id = &session.session.id;
        let user = &session.session.user_id;
        let told = end(&context, id, user, &asked.then).await?;
        leave(&context, asked.then, told, StatusCode::SEE_OTHER, true)
    };
    let answer = answer.await;
    finish(&context, answer)
}

fn sealed_for<'a>(context: &'a Context, session: &'a FoundSession) -> [&'a str; 3] {
    ["logout", &context.realm.id, &session.session.id]
}

/// Ends the session with all clients' parts in it; what only the browser can tell applications.
async fn end(
    context: &Context,
    session_id: &str,
    user_id: &str,
    then: &Return,
) -> Result<Vec<FrontChannelNotice>, StoreError> {
    // Nothing to tell when it had ended before.
    let event = context.event(EventType::Logout);
    let mut event = event.user(user_id).session(session_id);
    event.client_id.clone_from(&then.client_id);
    if let Some(uri) = &then.uri {
        event.details.insert("redirect_uri", uri.clone());
    }
    let ended = end_session(&context.services, &context.realm, session_id, &mut event).await?;
    if ended.is_some() {
        context.emit(&event);
    }
    Ok(ended.map(|ended| ended.front_channel).unwrap_or_default())
}

/// Back to the application, or to a page that says it is done.
fn leave(
    context: &Context,
    then: Return,
    told: Vec<FrontChannelNotice>,
    status: StatusCode,
    forget_browser: bool,
) -> Result<Response, PageError> {
    let location = then.uri.map(|uri| returned(&uri, then.state.as_deref()));
    let mut response = if told.is_empty() {
        match location {
            Some(location) => redirect(context, &location, status)?,
            None => logged_out(context)?,
        }
    } else {
        by_frames(context, told, location)?
    };
    if forget_browser {
        clear_cookie(response.headers_mut(), context, IDENTITY_COOKIE);
        session_status::forget(response.headers_mut(), context);
    }
    Ok(response)
}

fn logged_out(context: &Context) -> Result<Response, PageError> {
    let mut info = Info::new("logged-out-text");
    info.heading = Some("logged-out-title".into());
    let frame = context.frame(context.look(None, None), "");
    let made = context.services.pages.render(&frame, info)?;
    Ok(page(context, StatusCode::OK, made))
}

/// A page that loads the applications' logout addresses (OpenID Connect Front-Channel Logout 1.0).
fn by_frames(
    context: &Context,
    told: Vec<FrontChannelNotice>,
    then: Option<String>,
) -> Result<Response, PageError> {
    let clients = told.into_iter().map(|notice| LoggedOutClient {
        name: notice.name,
        url: notice.url,
    });
    let view = FrontchannelLogout {
        clients: clients.collect(),
        redirect_uri: then,
    };
    let frame = context.frame(context.look(None, None), "");
    let made = context.services.pages.render(&frame, view)?;
    Ok(page(context, StatusCode::OK, made))
}

/// The address to return to, with the request's `state`.
fn returned(uri: &str, state: Option<&str>) -> String {
    let mut location = uri.to_owned();
    if let Some(state) = state {
        location.push(if uri.contains('?') { '&' } else { '?' });
        location.push_str(
            &form_urlencoded::Serializer::new(String::new())
                .append_pair("state", state)
                .finish(),
        );
    }
    location
}

fn redirect(context: &Context, location: &str, status: StatusCode) -> Result<Response, PageError> {
    let location = HeaderValue::from_str(location)
        .map_err(|_| PageError::bad_request("page-logout-redirect", "invalid_redirect_uri"))?;
    let mut headers = HeaderMap::new();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    protect(&mut headers, context);
    Ok((status, headers).into_response())
}

fn finish(context: &Context, answer: Result<Response, PageError>) -> Response {
    answer.unwrap_or_else(|error| {
        if let Some(code) = error.event {
            context.emit(&context.event(EventType::Logout).failed(code));
        }
        error.into_response(context)
    })
}
