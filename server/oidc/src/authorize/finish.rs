//! From a login to the answer: the session, consent, the code and the tokens, in one batch.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use realmkeep_authn::authorization_request::AuthorizationRequest;
use realmkeep_authn::code::{CodeRecord, issue_code};
use realmkeep_authn::login_state::{IDENTITY_COOKIE, Identity};
use realmkeep_authn::{random, session, session_end};
use realmkeep_events::{Event, EventType};
use realmkeep_store::sessions::{ClientSessionDetail, UserSession, UserSessionDetail};
use realmkeep_store::{Batch, Client, Step, Store, StoreError, Subject};

use crate::browser::{PageError, set_cookie};
use crate::claims::requested;
use crate::context::Context;
use crate::issue::{self, FrontChannel, Grant, GrantKind};
use crate::material::ACR_NOTE;
use crate::scopes::Scopes;
use crate::session_status;

use super::login::{FoundSession, Shown, show_form};
use super::request::Refused;
use super::response::{self, Destination};
use super::{attribute, consent, device_verification, refuse};

/// What events call the protocol of a login.
pub(crate) const AUTH_METHOD: &str = "openid-connect";

/// How the person was recognised.
pub(crate) enum LoggedIn {
    /// By a session from before.
    Again(FoundSession),
    /// In this login.
    Now {
        subject: Arc<Subject>,
        remember_me: bool,
        /// By a proof given in it; otherwise by the session from before.
        proven: bool,
        /// What the session notes of the login.
        notes: BTreeMap<String, String>,
        /// The session this browser had before.
        before: Option<FoundSession>,
        /// What has to be committed for it to count: the form that was answered, and what changed.
        batch: Batch,
        /// What to emit once it is.
        events: Vec<Event>,
        /// What the login's event says of the proof.
        details: Vec<(&'static str, String)>,
    },
}

/// A login that is about to be written down.
pub(super) struct Login {
    pub(super) session: UserSession,
    pub(super) subject: Arc<Subject>,
    /// What has to be committed for it to count.
    pub(super) batch: Batch,
    /// What to emit once it is.
    pub(super) events: Vec<Event>,
    /// What the login's event says of the proof.
    pub(super) details: Vec<(&'static str, String)>,
    /// A person acted for it: it has to be committed before anything more is asked.
    pub(super) acted: bool,
    /// Proven just now: the browser has to be told of its session.
    pub(super) fresh: bool,
}

/// Starts or continues the session, asks for consent where that is needed, issues what the request
/// asks for, and sends it to the application: one batch, so that either all of it happened or nothing.
pub(crate) async fn complete(
    context: &Context,
    client: &Client,
    request: AuthorizationRequest,
    logged_in: LoggedIn,
    headers: &HeaderMap,
    status: StatusCode,
) -> Result<Response, PageError> {
    let login = begin(context, logged_in).await?;
    let user_id = login.session.user_id.as_str();
    if request
        .subject
        .as_deref()
        .is_some_and(|wanted| wanted != user_id)
    {
        let refused = Refused::new("login_required", None);
        return refuse(context, client, &Destination::of(&request), refused, status).await;
    }
    if let Some(question) = consent::question(context, client, &request, user_id).await? {
        if request.prompt.none {
            let refused = Refused::new("interaction_required", None);
            return refuse(context, client, &Destination::of(&request), refused, status).await;
        }
        return consent::ask(context, client, request, login, question, headers).await;
    }
    hand_out(context, client, request, login, headers, status).await
}

/// The session that the login starts or continues, and the steps that write it down.
pub(super) async fn begin(context: &Context, logged_in: LoggedIn) -> Result<Login, PageError> {
    let realm = &context.realm;
    let now = context.now;
    let (subject, remember_me, proven, notes, before, mut batch, events, details) = match logged_in
    {
        LoggedIn::Again(FoundSession { session, subject }) => {
            let mut batch = Batch::new();
            batch.push(touched(context, &session));
            return Ok(Login {
                session,
                subject,
                batch,
                events: Vec::new(),
                details: Vec::new(),
                acted: false,
                fresh: false,
            });
        }
        LoggedIn::Now {
            subject,
            remember_me,
            proven,
            notes,
            before,
            batch,
            events,
            details,
        } => (
            subject,
            remember_me,
            proven,
            notes,
            before,
            batch,
            events,
            details,
        ),
    };
    let user_id = subject.user.id.clone().unwrap_or_default();
    let session = match before {
        Some(found) if found.session.user_id == user_id => {
            let mut session = found.session;
            if proven {
                session.detail.auth_time = now;
                session.detail.notes.extend(notes);
                batch.push(Store::update_session_detail(
                    &realm.id,
                    &session.id,
                    &session.detail,
                )?);
            }
            batch.push(touched(context, &session));
            session
        }
        other => {
            if let Some(found) = other {
                let services = &context.services;
                for step in session_end::end(services, realm, &found.session).await? {
                    batch.push(step);
                }
            }
            let session = UserSession {
                id: random::token(18),
                user_id,
                started: now,
                last_refresh: now,
                expires: session::expiry(realm, remember_me, now, now),
                detail: UserSessionDetail {
                    remember_me,
                    ip_address: context.ip.clone(),
                    auth_time: now,
                    notes,
                    ..UserSessionDetail::default()
                },
            };
            batch.push(Store::insert_session(&realm.id, &session)?);
            session
        }
    };
    Ok(Login {
        session,
        subject,
        batch,
        events,
        details,
        acted: true,
        fresh: proven,
    })
}

fn touched(context: &Context, session: &UserSession) -> Step {
    let realm = &context.realm;
    let remember_me = session.detail.remember_me;
    let expires = session::expiry(realm, remember_me, session.started, context.now);
    Store::touch_session(&realm.id, &session.id, context.now, expires)
}

/// What a login's event says of the user's consent.
fn consent_of(client: &Client, events: &[Event]) -> &'static str {
    let asked = [EventType::GrantConsent, EventType::UpdateConsent];
    if client.representation.consent_required != Some(true) {
        "no_consent_required"
    } else if events.iter().any(|event| asked.contains(&event.kind)) {
        "consent_granted"
    } else {
        "persistent_consent"
    }
}

/// Issues code and tokens and sends them.
pub(super) async fn hand_out(
    context: &Context,
    client: &Client,
    request: AuthorizationRequest,
    login: Login,
    headers: &HeaderMap,
    status: StatusCode,
) -> Result<Response, PageError> {
    let services = &context.services;
    let realm = &context.realm;
    let now = context.now;
    let Login {
        session: user_session,
        subject,
        mut batch,
        mut events,
        details,
        fresh,
        ..
    } = login;
    let kind = request.response_type;
    let client_uuid = client.representation.id.clone().unwrap_or_default();
    let mut detail = ClientSessionDetail {
        scope: request.scope.clone(),
        redirect_uri: request.redirect_uri.clone(),
        nonce: request.nonce.clone(),
        ..ClientSessionDetail::default()
    };
    if let Some(acr) = &request.acr {
        detail.notes.insert(ACR_NOTE.to_owned(), acr.clone());
    }
    if let Some(claims) = &request.claims {
        let note = requested::NOTE.to_owned();
        detail.notes.insert(note, claims.clone());
    }
    let prepared = if kind.is_front_channel() {
        let grant = Grant {
            kind: GrantKind::Implicit,
            client,
            subject: &subject,
            session: Some(&user_session),
            scopes: Scopes::granted(realm, &client.representation, &request.scope),
            nonce: request.nonce.as_deref(),
            client_session: Some(&detail),
        };
        match issue::prepare(context, grant).await {
            Ok(prepared) => Some(prepared),
            Err(error) => {
                let to = Destination::of(&request);
                return refuse(context, client, &to, error.into(), status).await;
            }
        }
    } else {
        None
    };
    match &request.device {
        Some(id) => {
            let steps =
                device_verification::approve(context, id, &client_uuid, &user_session, &detail)
                    .await?;
            for step in steps {
                batch.push(step);
            }
        }
        None => {
            batch.push(Store::put_client_session(
                &user_session.id,
                &client_uuid,
                now,
                &detail,
            )?);
        }
    }
    let code = if kind.code {
        let record = CodeRecord {
            realm_id: realm.id.clone(),
            client: client_uuid,
            redirect_uri: request.redirect_uri.clone(),
            user_id: user_session.user_id.clone(),
            session_id: user_session.id.clone(),
            scope: request.scope.clone(),
            nonce: request.nonce.clone(),
            code_challenge: request.code_challenge.clone(),
            code_challenge_method: request.code_challenge_method.clone(),
            auth_time: user_session.detail.auth_time,
            dpop_jkt: request.dpop_jkt.clone(),
        };
        let (code, step) = issue_code(realm, &record, now)?;
        batch.push(step);
        Some(code)
    } else {
        None
    };
    let mut event = context
        .event(EventType::Login)
        .client(&request.client_id)
        .user(&user_session.user_id)
        .session(&user_session.id)
        .detail("auth_method", AUTH_METHOD)
        .detail("auth_type", kind.name())
        .detail("response_type", kind.name())
        .detail("response_mode", request.response_mode.name())
        .detail("code_id", user_session.id.as_str())
        .detail("consent", consent_of(client, &events))
        .detail("redirect_uri", request.redirect_uri.as_str())
        .detail(
            "username",
            subject.user.username.clone().unwrap_or_default(),
        )
        .detail("sso", if fresh { "false" } else { "true" });
    for (name, value) in details {
        event = event.detail(name, value);
    }
    if let Some(prepared) = prepared.as_ref().filter(|_| kind.token) {
        prepared.note(&mut event);
    }
    events.push(event);
    for event in &mut events {
        services.events.stage(realm, &mut batch, event);
    }
    match services.store.commit(batch).await {
        Ok(_) => {}
        // The form was sent before, or the session ended meanwhile: ask again.
        Err(StoreError::Guard(_)) => {
            let shown = Shown {
                notice: Some("login-used"),
            };
            return show_form(context, headers, request, None, shown).await;
        }
        Err(e) => return Err(e.into()),
    }
    for event in &events {
        context.emit(event);
    }

    let mut fields = Vec::new();
    let excluded = attribute(
        &client.representation,
        "exclude.session.state.from.auth.response",
    ) == Some("true");
    if !excluded {
        fields.push(("session_state", user_session.id.clone()));
    }
    if let Some(prepared) = prepared {
        let wanted = FrontChannel {
            access_token: kind.token,
            id_token: kind.id_token,
            code: code.as_deref(),
            state: request.state.as_deref(),
        };
        let tokens = match prepared.sign_front_channel(&wanted) {
            Ok(tokens) => tokens,
            Err(error) => {
                let to = Destination::of(&request);
                return refuse(context, client, &to, error.into(), status).await;
            }
        };
        if let Some(id_token) = tokens.id_token {
            fields.push(("id_token", id_token));
        }
        if let Some(access_token) = tokens.access_token {
            fields.push(("access_token", access_token));
            fields.push(("token_type", "Bearer".to_owned()));
            fields.push(("expires_in", tokens.expires_in.to_string()));
        }
    }
    if let Some(code) = code {
        fields.push(("code", code));
    }
    if let (Some(action), Some(outcome)) = (&request.action, &request.action_status) {
        let name = action.split(':').next().unwrap_or_default();
        fields.push(("kc_action_status", outcome.clone()));
        fields.push(("kc_action", name.to_owned()));
    }
    let to = Destination::of(&request);
    let mut response = response::answer(context, client, &to, fields, status).await?;
    if fresh {
        remember(context, &mut response, &user_session)?;
    }
    Ok(response)
}

/// Tells the browser which session it is signed in to.
pub(super) fn remember(
    context: &Context,
    response: &mut Response,
    session: &UserSession,
) -> Result<(), PageError> {
    let remember_me = session.detail.remember_me;
    let identity = Identity {
        session_id: session.id.clone(),
        user_id: session.user_id.clone(),
    };
    let value = identity.seal(&context.services, &context.realm)?;
    let age = remember_me.then(|| session::max_lifespan(&context.realm, true));
    set_cookie(
        response.headers_mut(),
        context,
        IDENTITY_COOKIE,
        &value,
        age,
    );
    session_status::remember(response.headers_mut(), context, &session.id, age);
    Ok(())
}
