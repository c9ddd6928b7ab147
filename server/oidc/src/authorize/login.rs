//! From an accepted authorization request to a code: the form, the session, the answer.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use realmkeep_authn::code::{CodeRecord, issue_code};
use realmkeep_authn::login_state::{
    AuthorizationRequest, BROWSER_COOKIE, BrowserId, FormKeys, IDENTITY_COOKIE, Identity, new_form,
    use_form,
};
use realmkeep_authn::{random, session};
use realmkeep_events::EventType;
use realmkeep_pages::{LoginPage, UsernameLabel};
use realmkeep_store::sessions::{ClientSessionDetail, UserSession, UserSessionDetail};
use realmkeep_store::{Batch, Client, Store, StoreError, Subject};
use url::form_urlencoded;

use crate::browser::{Cookies, PageError, html, realm_name, set_cookie};
use crate::context::Context;

use super::response;

/// The login that a browser's identity cookie leads to.
pub(crate) struct FoundSession {
    pub(crate) session: UserSession,
    pub(crate) subject: Arc<Subject>,
}

/// How the person was recognised.
pub(crate) enum LoggedIn {
    /// By a session from before.
    Again(FoundSession),
    /// By a proof given just now, in answer to the form with these keys.
    Now {
        subject: Arc<Subject>,
        remember_me: bool,
        form: FormKeys,
        /// The session this browser had before.
        before: Option<FoundSession>,
    },
}

/// What a shown form says besides its fields.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown<'a> {
    pub(crate) error: Option<&'static str>,
    pub(crate) notice: Option<&'static str>,
    pub(crate) username: Option<&'a str>,
    pub(crate) remember_me: bool,
}

/// The session that the browser is signed in to, if it is alive and its user may still log in.
pub(crate) async fn alive_session(
    context: &Context,
    headers: &HeaderMap,
) -> Result<Option<FoundSession>, StoreError> {
    let services = &context.services;
    let realm = &context.realm;
    let identity = Cookies::of(headers)
        .all(IDENTITY_COOKIE)
        .find_map(|value| Identity::open(services, realm, value));
    let Some(identity) = identity else {
        return Ok(None);
    };
    let found = services
        .store
        .find_session(&realm.id, &identity.session_id)
        .await?;
    let alive = found.filter(|s| {
        s.user_id == identity.user_id
            && !s.detail.offline
            && session::is_alive(realm, s, context.now)
    });
    let Some(session) = alive else {
        return Ok(None);
    };
    let subject = services.store.subject(realm, &session.user_id).await?;
    Ok(subject
        .filter(|s| s.user.enabled == Some(true))
        .filter(|s| i64::from(s.user.not_before.unwrap_or(0)) <= session.started)
        .map(|subject| FoundSession { session, subject }))
}

/// Shows the login form; writes nothing but the browser's cookie.
pub(crate) async fn show_form(
    context: &Context,
    headers: &HeaderMap,
    mut request: AuthorizationRequest,
    tab_id: Option<String>,
    shown: Shown<'_>,
) -> Result<Response, PageError> {
    let services = &context.services;
    let realm = &context.realm;
    let known = Cookies::of(headers)
        .all(BROWSER_COOKIE)
        .find_map(|value| BrowserId::open(services, realm, value));
    let is_known = known.is_some();
    let browser = known.unwrap_or_default();

    // Who proves again who they are cannot become somebody else on the way.
    let again = match &request.reauthenticate {
        Some(id) => alive_session(context, headers)
            .await?
            .filter(|found| found.session.id == *id),
        None => None,
    };
    if again.is_none() {
        request.reauthenticate = None;
    }
    let fixed = again
        .as_ref()
        .and_then(|found| found.subject.user.username.clone());
    let hint = request.login_hint.clone();
    let username = fixed
        .as_deref()
        .or(shown.username)
        .or(hint.as_deref())
        .unwrap_or_default();
    let settings = &realm.settings;
    let label = if settings.registration_email_as_username == Some(true) {
        UsernameLabel::Email
    } else if settings.login_with_email_allowed == Some(false) {
        UsernameLabel::Username
    } else {
        UsernameLabel::UsernameOrEmail
    };
    let offers_remember_me = settings.remember_me == Some(true) && fixed.is_none();
    let keys = new_form(services, realm, &browser, request, tab_id)?;
    let text = services.pages.login(&LoginPage {
        realm: realm_name(context),
        action: &action(context, &keys),
        username,
        label,
        fixed_username: fixed.is_some(),
        remember_me: offers_remember_me.then_some(shown.remember_me),
        error: shown.error,
        notice: shown
            .notice
            .or_else(|| fixed.is_some().then_some("reauthenticate")),
    })?;
    let mut response = html(context, StatusCode::OK, text);
    if !is_known {
        let value = browser.seal(services, realm)?;
        set_cookie(
            response.headers_mut(),
            context,
            BROWSER_COOKIE,
            &value,
            None,
        );
    }
    Ok(response)
}

/// Starts or continues the session, issues the code, and sends it to the application: one batch,
/// so that either all of it happened or nothing.
pub(crate) async fn complete(
    context: &Context,
    client: &Client,
    request: AuthorizationRequest,
    logged_in: LoggedIn,
    headers: &HeaderMap,
    status: StatusCode,
) -> Result<Response, PageError> {
    let services = &context.services;
    let realm = &context.realm;
    let now = context.now;
    let client_uuid = client.representation.id.clone().unwrap_or_default();
    let mut batch = Batch::new();
    let mut fresh = false;

    let (user_session, subject) = match logged_in {
        LoggedIn::Again(found) => (found.session, found.subject),
        LoggedIn::Now {
            subject,
            remember_me,
            form,
            before,
        } => {
            batch.push(use_form(services, realm, &form)?);
            let user_id = subject.user.id.clone().unwrap_or_default();
            fresh = true;
            match before {
                Some(found) if found.session.user_id == user_id => {
                    let mut user_session = found.session;
                    user_session.detail.auth_time = now;
                    batch.push(Store::update_session_detail(
                        &realm.id,
                        &user_session.id,
                        &user_session.detail,
                    )?);
                    (user_session, subject)
                }
                other => {
                    if let Some(found) = other {
                        batch.push(Store::end_session(&realm.id, &found.session.id));
                    }
                    let user_session = UserSession {
                        id: random::token(18),
                        user_id,
                        started: now,
                        last_refresh: now,
                        expires: session::expiry(realm, remember_me, now, now),
                        detail: UserSessionDetail {
                            remember_me,
                            ip_address: context.ip.clone(),
                            auth_time: now,
                            ..UserSessionDetail::default()
                        },
                    };
                    batch.push(Store::insert_session(&realm.id, &user_session)?);
                    (user_session, subject)
                }
            }
        }
    };
    refuse_required_actions(&subject)?;
    if user_session.started != now || !fresh {
        let remember_me = user_session.detail.remember_me;
        let expires = session::expiry(realm, remember_me, user_session.started, now);
        batch.push(Store::touch_session(
            &realm.id,
            &user_session.id,
            now,
            expires,
        ));
    }
    let detail = ClientSessionDetail {
        scope: request.scope.clone(),
        redirect_uri: request.redirect_uri.clone(),
        nonce: request.nonce.clone(),
        ..ClientSessionDetail::default()
    };
    batch.push(Store::put_client_session(
        &user_session.id,
        &client_uuid,
        now,
        &detail,
    )?);
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
    };
    let (code, step) = issue_code(realm, &record, now)?;
    batch.push(step);
    match services.store.commit(batch).await {
        Ok(_) => {}
        // The form was sent before, or the session ended meanwhile: ask again.
        Err(StoreError::Guard(_)) => {
            let shown = Shown {
                notice: Some("login-used"),
                ..Shown::default()
            };
            return show_form(context, headers, request, None, shown).await;
        }
        Err(e) => return Err(e.into()),
    }
    let event = context
        .event(EventType::Login)
        .client(&request.client_id)
        .user(&user_session.user_id)
        .session(&user_session.id)
        .detail("redirect_uri", request.redirect_uri.as_str())
        .detail(
            "username",
            subject.user.username.clone().unwrap_or_default(),
        )
        .detail("sso", if fresh { "false" } else { "true" });
    context.emit(&event);

    let mut fields = Vec::new();
    if let Some(state) = request.state {
        fields.push(("state", state));
    }
    fields.push(("session_state", user_session.id.clone()));
    fields.push(("code", code));
    let mut response = response::answer(
        context,
        &request.redirect_uri,
        request.response_mode,
        fields,
        status,
    )?;
    if fresh {
        let remember_me = user_session.detail.remember_me;
        let identity = Identity {
            session_id: user_session.id,
            user_id: user_session.user_id,
        };
        let value = identity.seal(services, realm)?;
        let age = remember_me.then(|| session::max_lifespan(realm, true));
        set_cookie(
            response.headers_mut(),
            context,
            IDENTITY_COOKIE,
            &value,
            age,
        );
    }
    Ok(response)
}

/// Steps that a user has to do before going on cannot be left out, and are not built yet.
fn refuse_required_actions(subject: &Subject) -> Result<(), PageError> {
    match subject.user.required_actions.iter().flatten().next() {
        None => Ok(()),
        Some(action) => Err(PageError::bad_request(
            "required-action-unsupported",
            "resolve_required_actions",
        )
        .status(StatusCode::FORBIDDEN)
        .about(action.as_str())),
    }
}

/// The address that the form is sent to.
fn action(context: &Context, keys: &FormKeys) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("session_code", &keys.session_code)
        .append_pair("execution", &keys.execution)
        .append_pair("client_id", &keys.client_id)
        .append_pair("tab_id", &keys.tab_id)
        .append_pair("client_data", &keys.client_data)
        .finish();
    format!(
        "{}/realms/{}/login-actions/authenticate?{query}",
        context.services.base_url.path(),
        context.realm.name
    )
}
