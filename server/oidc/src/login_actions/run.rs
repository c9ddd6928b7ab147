//! Runs a login within one request: from where it stands to the next page, or to its end.

use std::collections::BTreeMap;

use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use realmkeep_authn::authenticators::reset_credentials;
use realmkeep_authn::authorization_request::AuthorizationRequest;
use realmkeep_authn::flow::{
    Answered, Binding, Browser, Facts, Flow, KnownSession, Login, Progress, Shown, Stage,
    Submitted, level, registry,
};
use realmkeep_authn::login_state::{
    IDENTITY_COOKIE, LoginState, NextPage, page_after, seal_next, use_form, use_login,
};
use realmkeep_authn::required_actions::update_user_locale;
use realmkeep_authn::{LoginFailure, brute_force, random, required_actions};
use realmkeep_events::{Event, EventType};
use realmkeep_store::{Client, StoreError};

use crate::authorize::{
    AUTH_METHOD, Destination, FoundSession, LoggedIn, Refused, alive_session, complete, refuse,
};
use crate::browser::{PageError, clear_cookie};
use crate::context::Context;
use crate::error::chain;

use super::address::{Form, Opened};
use super::broker;
use super::show::{self, Asked, Place};

/// The event of a login that does not reach the level that it has to.
const ACR_NOT_FULFILLED: &str = "acr_not_fulfilled";

/// How a login begins.
#[derive(Debug, Default)]
pub(crate) struct Start {
    pub(crate) binding: Binding,
    /// The tab that it goes on in.
    pub(crate) tab_id: Option<String>,
    /// How this request is redirected.
    pub(crate) status: StatusCode,
    /// What the first page says.
    pub(crate) shown: Shown,
    /// The login that a page's link to forgotten credentials belongs to.
    pub(crate) asked_by: Option<Progress>,
}

/// Begins a login for the request, and runs it to its first page, or to its end where the session
/// that is there will do. Nothing is written before a person acts.
pub(crate) async fn start(
    context: &Context,
    client: &Client,
    mut request: AuthorizationRequest,
    headers: &HeaderMap,
    how: Start,
) -> Result<Response, PageError> {
    let session = alive_session(context, headers).await?;
    // Whoever was to prove again who they are may have signed out meanwhile.
    let has = |id: &String| session.as_ref().is_some_and(|s| s.session.id == *id);
    if request.reauthenticate.as_ref().is_some_and(|id| !has(id)) {
        request.reauthenticate = None;
    }
    request.action_status = None;
    request.acr = None;
    if wants_the_unknown(context, client, &request) {
        return Err(PageError::bad_request("acrNotFulfilled", "invalid_request"));
    }
    let flow = flow_of(context, client, how.binding, &request)?;
    let mut progress = Progress::new(random::token(16), &flow.version);
    progress.started = context.now;
    if let Some(before) = how.asked_by {
        reset_credentials::asked_by(&flow, &mut progress, before);
    }
    let known = facts(context, client, &request, headers, session);
    let again = proof_before_action(&known);
    let session = known.browser.session.map(found);
    if again.is_some() {
        request.reauthenticate = again;
    }
    let facts = facts(context, client, &request, headers, session);
    let mut login = Login::resume(facts, flow, progress).await?;
    note_locale(context, &mut login);
    let stage = login.proceed(how.shown).await;
    let part = Part {
        context,
        client,
        headers,
        status: how.status,
        binding: how.binding,
        tab_id: how.tab_id,
        form: None,
    };
    let decided = part.decided(&mut login, stage).await?;
    // The session that is there is not good enough: another proof may be.
    if let Stage::Denied { event, .. } = &decided.stage
        && *event == ACR_NOT_FULFILLED
        && login.progress.single_sign_on
        && request.reauthenticate.is_none()
        && let Some(known) = &login.facts.browser.session
    {
        let again = AuthorizationRequest {
            reauthenticate: Some(known.session.id.clone()),
            ..request.clone()
        };
        let how = Start {
            binding: part.binding,
            tab_id: part.tab_id.clone(),
            status: part.status,
            ..Start::default()
        };
        return Box::pin(start(context, client, again, headers, how)).await;
    }
    part.conclude(login, decided).await
}

/// Goes on with what the link of a mail allows: from `progress`, in whichever browser opened it.
pub(super) async fn follow_link(
    context: &Context,
    client: &Client,
    request: AuthorizationRequest,
    headers: &HeaderMap,
    binding: Binding,
    progress: impl FnOnce(&Flow, Progress) -> Option<Progress>,
) -> Result<Response, PageError> {
    let flow = flow_of(context, client, binding, &request)?;
    let mut fresh = Progress::new(random::token(16), &flow.version);
    fresh.started = context.now;
    let Some(progress) = progress(&flow, fresh) else {
        return Err(PageError::bad_request(
            "expiredActionMessage",
            "expired_code",
        ));
    };
    let session = alive_session(context, headers).await?;
    let facts = facts(context, client, &request, headers, session);
    let mut login = Login::resume(facts, flow, progress).await?;
    let stage = login.proceed(Shown::default()).await;
    let part = Part {
        context,
        client,
        headers,
        status: StatusCode::FOUND,
        binding,
        tab_id: None,
        form: None,
    };
    let stage = part.decided(&mut login, stage).await?;
    part.conclude(login, stage).await
}

/// Goes on from the state behind a form's address: with the answer to the form or, without one, to
/// show its page again.
pub(super) async fn go_on(
    context: &Context,
    client: &Client,
    opened: Opened,
    headers: &HeaderMap,
    form: Option<&Submitted>,
) -> Result<Response, PageError> {
    let Opened {
        state,
        form: sent,
        expired,
    } = opened;
    let tab_id = sent.keys.tab_id.clone();
    let again = |notice, request: AuthorizationRequest, tab_id| {
        emit_expired(context, &request);
        let how = Start {
            tab_id: Some(tab_id),
            status: StatusCode::SEE_OTHER,
            shown: Shown::notice(notice),
            ..Start::default()
        };
        start(context, client, request, headers, how)
    };
    if expired {
        return again("expired-again", state.request, tab_id).await;
    }
    let flow = flow_of(context, client, state.binding, &state.request)?;
    let session = alive_session(context, headers).await?;
    // A login goes on with the flow and the session that it began with.
    let own = |id: &String| session.as_ref().is_some_and(|s| s.session.id == *id);
    let lost = [&state.progress.session, &state.request.reauthenticate]
        .into_iter()
        .flatten()
        .any(|id| !own(id));
    if flow.version != state.progress.version || lost {
        return again("expired-again", state.request, tab_id).await;
    }
    let request = state.request;
    let facts = facts(context, client, &request, headers, session);
    let mut login = Login::resume(facts, flow, state.progress).await?;
    note_locale(context, &mut login);
    let answered = match form {
        Some(form) => login.answer(&sent.keys.execution, form).await,
        None => login.proceed(Shown::default()).await.map(Answered::from),
    };
    let part = Part {
        context,
        client,
        headers,
        status: StatusCode::SEE_OTHER,
        binding: state.binding,
        tab_id: Some(tab_id),
        form: Some(sent),
    };
    for event in part.failures(&mut login) {
        context.emit(&event);
    }
    let stage = match answered {
        Ok(answered) => {
            if let Some((code, user_id)) = answered.refused {
                let typed = form.and_then(|form| form.value("username"));
                part.emit_refused(&login, code, user_id, typed);
            }
            Ok(answered.stage)
        }
        Err(failure) => Err(failure),
    };
    let stage = part.decided(&mut login, stage).await?;
    if form.is_some()
        && let Stage::Ask {
            execution,
            shown,
            action,
            ..
        } = &stage.stage
        && let Some((kind, code)) = mistake(action.map(|_| execution.as_str()), part.binding, shown)
    {
        part.emit_mistake(&login, kind, code);
    }
    part.conclude(login, stage).await
}

/// What does not change while a login is run within one request.
struct Part<'a> {
    context: &'a Context,
    client: &'a Client,
    headers: &'a HeaderMap,
    status: StatusCode,
    binding: Binding,
    tab_id: Option<String>,
    /// The form that was answered.
    form: Option<Form>,
}

/// Where a login stands, and whether the server had no time for it.
struct Decided {
    stage: Stage,
    overloaded: bool,
}

impl Part<'_> {
    /// What could not be decided now leaves the login where it was.
    async fn decided(
        &self,
        login: &mut Login<'_>,
        stage: Result<Stage, LoginFailure>,
    ) -> Result<Decided, PageError> {
        let failure = match stage {
            Ok(stage) => {
                return Ok(Decided {
                    stage,
                    overloaded: false,
                });
            }
            Err(failure) => failure,
        };
        match failure {
            LoginFailure::Overloaded => Ok(Decided {
                stage: login
                    .proceed(Shown::error("overloaded"))
                    .await
                    .map_err(|e| failed(&e))?,
                overloaded: true,
            }),
            LoginFailure::Refused { reason, user_id } => {
                self.emit_refused(login, reason.code(), user_id, None);
                Ok(Decided {
                    stage: Stage::Denied {
                        message: "differentUserAuthenticated".to_owned(),
                        argument: None,
                        event: reason.code(),
                    },
                    overloaded: false,
                })
            }
            other => Err(failed(&other)),
        }
    }

    async fn conclude(&self, login: Login<'_>, decided: Decided) -> Result<Response, PageError> {
        match decided.stage {
            Stage::Done => self.done(login).await,
            Stage::AccountDeleted => self.account_deleted(login).await,
            Stage::Elsewhere(alias) => self.elsewhere(login, &alias).await,
            Stage::Denied {
                message,
                argument,
                event,
            } => self.denied(login, message, argument, event).await,
            Stage::Ask {
                execution,
                page,
                shown,
                another_way,
                action,
            } => {
                let asked = Asked {
                    execution,
                    page: *page,
                    shown,
                    another_way,
                    action,
                };
                let mut response = self.ask(login, asked).await?;
                if decided.overloaded {
                    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                    let soon = HeaderValue::from_static("2");
                    response.headers_mut().insert(header::RETRY_AFTER, soon);
                }
                Ok(response)
            }
        }
    }

    /// Shows the next page; what was proven or changed on the way to it is committed first.
    async fn ask(&self, mut login: Login<'_>, asked: Asked) -> Result<Response, PageError> {
        let request = login.facts.request;
        if request.prompt.none {
            let error = match asked.action {
                Some(_) => "interaction_required",
                None => "login_required",
            };
            return self.refuse(request, Refused::new(error, None)).await;
        }
        if login.counts()
            && let Some(again) = self.commit(&mut login, Some(&asked)).await?
        {
            return again;
        }
        let state = self.state(&login);
        let place = Place {
            tab_id: self.tab_id.clone(),
            after_form: self.form.is_some(),
        };
        show::page(
            self.context,
            self.client,
            self.headers,
            &login,
            &state,
            place,
            asked,
        )
    }

    /// As it travels with the next page.
    fn state(&self, login: &Login<'_>) -> LoginState {
        LoginState {
            request: login.facts.request.clone(),
            binding: self.binding,
            progress: login.progress.clone(),
            issued: self.context.now,
        }
    }

    /// Commits what this request has changed so far; `asked` is the page that comes next, if one
    /// does. When the form was sent before, the answer leads on from there, or begins the login anew.
    async fn commit(
        &self,
        login: &mut Login<'_>,
        asked: Option<&Asked>,
    ) -> Result<Option<Result<Response, PageError>>, PageError> {
        let (services, realm) = (&self.context.services, &self.context.realm);
        let mut batch = login.take_batch()?;
        let mails = login.take_mails();
        if let Some(Form { keys, browser }) = &self.form {
            let next = asked.map(|asked| NextPage {
                state: self.state(login),
                address: asked.address().to_owned(),
                execution: asked.execution.clone(),
            });
            let next = match &next {
                Some(next) => Some(seal_next(services, realm, browser, keys, next)?),
                None => None,
            };
            batch.push(use_form(services, realm, keys, next)?);
        }
        let mut events = self.events(login);
        for event in &mut events {
            services.events.stage(realm, &mut batch, event);
        }
        match services.store.commit(batch).await {
            Ok(_) => {
                for event in &events {
                    self.context.emit(event);
                }
                for mail in mails {
                    if let Err(error) = mail.post(services) {
                        tracing::error!(realm = realm.name, %error, "a mail was not sent");
                    }
                }
                Ok(None)
            }
            Err(StoreError::Guard(_)) => {
                emit_expired(self.context, login.facts.request);
                if let Some(Form { keys, browser }) = &self.form
                    && let Some(next) = page_after(services, realm, browser, keys).await?
                {
                    let tab_id = self.tab_id.clone();
                    let page =
                        show::page_expired(self.context, self.client, browser, &next, tab_id);
                    return Ok(Some(page));
                }
                let request = login.facts.request.clone();
                Ok(Some(self.start_anew(request).await))
            }
            Err(e) => Err(e.into()),
        }
    }

    async fn start_anew(&self, request: AuthorizationRequest) -> Result<Response, PageError> {
        let how = Start {
            status: self.status,
            shown: Shown::notice("login-used"),
            ..Start::default()
        };
        Box::pin(start(self.context, self.client, request, self.headers, how)).await
    }

    async fn done(&self, mut login: Login<'_>) -> Result<Response, PageError> {
        // A link of an administrator's mail signs nobody in.
        if login
            .progress
            .notes
            .contains_key(super::action_token::ACTIONS_ONLY)
        {
            if let Some(again) = self.commit(&mut login, None).await? {
                return again;
            }
            return show::info(self.context, self.client, "accountUpdatedMessage");
        }
        let (services, realm) = (&self.context.services, &self.context.realm);
        let mut request = login.facts.request.clone();
        request.acr = Some(login.acr());
        if request.action.is_some() {
            let status = login.progress.action_status.clone();
            request.action_status = Some(status.unwrap_or_else(|| "error".to_owned()));
        }
        let Some(subject) = login.facts.subject.clone() else {
            return Err(PageError::failed());
        };
        let before = login.facts.browser.session.take().map(found);
        let proven = !login.progress.single_sign_on;
        let events = self.events(&mut login);
        let details = login.proof_details();
        let notes = login.session_notes();
        let mut batch = login.take_batch()?;
        if let Some(Form { keys, .. }) = &self.form {
            batch.push(use_form(services, realm, keys, None)?);
            batch.push(use_login(services, realm, &login.progress)?);
        }
        if proven {
            let user_id = subject.user.id.as_deref().unwrap_or_default();
            if let Some(step) = brute_force::forget(realm, user_id) {
                batch.push(step);
            }
        }
        let logged_in = match before {
            Some(found) if !proven && batch.is_empty() => LoggedIn::Again(found),
            before => LoggedIn::Now {
                subject,
                remember_me: login.progress.remember_me,
                proven,
                notes,
                before,
                batch,
                events,
                details,
            },
        };
        let answer = complete(
            self.context,
            self.client,
            request,
            logged_in,
            self.headers,
            self.status,
        );
        Box::pin(answer).await
    }

    async fn denied(
        &self,
        mut login: Login<'_>,
        message: String,
        argument: Option<String>,
        event: &'static str,
    ) -> Result<Response, PageError> {
        let request = login.facts.request;
        if login.counts()
            && let Some(again) = self.commit(&mut login, None).await?
        {
            return again;
        }
        self.emit_refused(&login, event, login.progress.user.clone(), None);
        if request.prompt.none {
            return self
                .refuse(request, Refused::new("login_required", None))
                .await;
        }
        // The person does not want what the application needs: the application is told.
        if event == "rejected_by_user" {
            return self
                .refuse(request, Refused::new("access_denied", None))
                .await;
        }
        show::denied(self.context, self.client, message, argument)
    }

    /// The login goes on at another identity provider.
    async fn elsewhere(&self, mut login: Login<'_>, alias: &str) -> Result<Response, PageError> {
        let request = login.facts.request;
        if request.prompt.none {
            let refused = Refused::new("login_required", None);
            return self.refuse(request, refused).await;
        }
        if login.counts()
            && let Some(again) = self.commit(&mut login, None).await?
        {
            return again;
        }
        let state = self.state(&login);
        let tab_id = self.tab_id.clone();
        broker::go(self.context, self.headers, &state, tab_id, alias)
    }

    async fn account_deleted(&self, mut login: Login<'_>) -> Result<Response, PageError> {
        if let Some(again) = self.commit(&mut login, None).await? {
            return again;
        }
        let mut response = show::info(self.context, self.client, "userDeletedSuccessfully")?;
        clear_cookie(response.headers_mut(), self.context, IDENTITY_COOKIE);
        Ok(response)
    }

    async fn refuse(
        &self,
        request: &AuthorizationRequest,
        refused: Refused,
    ) -> Result<Response, PageError> {
        let to = Destination::of(request);
        refuse(self.context, self.client, &to, refused, self.status).await
    }

    /// The events of what the login has changed.
    fn events(&self, login: &mut Login<'_>) -> Vec<Event> {
        let notices = login.take_notices();
        let user_id = login.progress.user.as_deref().unwrap_or_default();
        notices
            .into_iter()
            .map(|(kind, details)| {
                let mut event = self
                    .context
                    .event(kind)
                    .client(&login.facts.request.client_id)
                    .user(user_id);
                for (name, value) in details {
                    event = event.detail(name, value);
                }
                event
            })
            .collect()
    }

    /// The events of what was tried in vain.
    fn failures(&self, login: &mut Login<'_>) -> Vec<Event> {
        let failures = login.take_failures();
        let user_id = login.progress.user.as_deref().unwrap_or_default();
        failures
            .into_iter()
            .map(|failure| {
                let event = self.context.event(failure.kind);
                let event = event
                    .client(&login.facts.request.client_id)
                    .user(user_id)
                    .failed(failure.error);
                let details = failure.details.into_iter();
                details.fold(event, |event, (name, value)| event.detail(name, value))
            })
            .collect()
    }

    /// An event of this login that tells of no success.
    fn event(&self, login: &Login<'_>, kind: EventType) -> Event {
        let request = login.facts.request;
        self.context
            .event(kind)
            .client(&request.client_id)
            .detail("auth_method", AUTH_METHOD)
            .detail("auth_type", request.response_type.name())
            .detail("redirect_uri", request.redirect_uri.as_str())
    }

    fn emit_mistake(&self, login: &Login<'_>, kind: EventType, code: &str) {
        let mut event = self.event(login, kind);
        if let Some(user_id) = &login.progress.user {
            event = event.user(user_id);
        }
        self.context.emit(&event.failed(code));
    }

    fn emit_refused(
        &self,
        login: &Login<'_>,
        code: &str,
        user_id: Option<String>,
        typed: Option<&str>,
    ) {
        let kind = match self.binding {
            Binding::Registration => EventType::Register,
            Binding::ResetCredentials => EventType::ResetPassword,
            _ => EventType::Login,
        };
        let mut event = self.event(login, kind);
        let known = login.progress.attempted_username.as_deref();
        if let Some(username) = typed.or(known) {
            event = event.detail("username", shortened(username));
        }
        if let Some(user_id) = &user_id {
            event = event.user(user_id);
        }
        for (name, value) in login.refusal_details() {
            event = event.detail(name, value.as_str());
        }
        self.context.emit(&event.failed(code));
    }
}

/// A form counted no more, and its login goes on elsewhere or begins anew.
fn emit_expired(context: &Context, request: &AuthorizationRequest) {
    let event = context.event(EventType::Login).client(&request.client_id);
    context.emit(&event.failed("expired_code"));
}

/// Whether one of these context classes is needed, and the realm knows none of them.
fn wants_the_unknown(context: &Context, client: &Client, request: &AuthorizationRequest) -> bool {
    let names = level::names(&context.realm, &client.representation);
    let mut wanted = request.acr_values.iter();
    request.acr_essential
        && !request.acr_values.is_empty()
        && wanted.all(|value| level::of_value(&names, value).is_none())
}

/// The code of the event for what a form was sent back for; None when nothing was wrong with it.
fn mistake(
    action: Option<&str>,
    binding: Binding,
    shown: &Shown,
) -> Option<(EventType, &'static str)> {
    let mut keys = shown.field_errors.values().chain(&shown.error);
    let first = keys.next()?;
    match (action, binding) {
        (Some("UPDATE_PASSWORD"), _) => Some((
            EventType::UpdatePassword,
            match first.as_str() {
                "missingPasswordMessage" => "password_missing",
                "notMatchPasswordMessage" => "password_confirm_error",
                _ => "password_rejected",
            },
        )),
        (None, Binding::Registration) => Some((
            EventType::Register,
            match first.as_str() {
                "usernameExistsMessage" => "username_in_use",
                "emailExistsMessage" => "email_in_use",
                _ => "invalid_registration",
            },
        )),
        (None, Binding::ResetCredentials) if first == "missingUsernameMessage" => {
            Some((EventType::ResetPassword, "username_missing"))
        }
        _ => None,
    }
}

/// The language chosen on a page of this login is kept for the user who signs in.
fn note_locale(context: &Context, login: &mut Login<'_>) {
    if let Some(locale) = context.chosen_locale() {
        let note = update_user_locale::CHOSEN.to_owned();
        login.progress.notes.insert(note, locale.to_owned());
    }
}

/// The session to prove anew, when the application asks for an action and the last proof is too old
/// for it.
fn proof_before_action(facts: &Facts<'_>) -> Option<String> {
    let known = facts.browser.session.as_ref()?;
    let (name, _) = required_actions::requested(facts)?;
    let action = registry::required_action(name)?;
    if !action.on_request() || !required_actions::is_enabled(facts.services, facts.realm, name) {
        return None;
    }
    let age = facts.now.saturating_sub(known.session.detail.auth_time);
    let max_age = action.max_age(facts);
    (max_age == 0 || age > max_age).then(|| known.session.id.clone())
}

/// The flow of the login: one that a policy chose for it, or else the one that is bound.
fn flow_of(
    context: &Context,
    client: &Client,
    binding: Binding,
    request: &AuthorizationRequest,
) -> Result<Flow, PageError> {
    let chosen = request.flow.as_deref();
    let flow = match chosen.filter(|_| binding == Binding::Browser) {
        Some(alias) => Flow::of_name(&context.realm, alias),
        None => binding.flow(&context.realm, &client.representation),
    };
    flow.map_err(|e| PageError::internal(&e))
}

fn facts<'a>(
    context: &'a Context,
    client: &'a Client,
    request: &'a AuthorizationRequest,
    headers: &HeaderMap,
    session: Option<FoundSession>,
) -> Facts<'a> {
    let authorization = headers.get(header::AUTHORIZATION);
    Facts {
        services: &context.services,
        realm: &context.realm,
        client,
        request,
        browser: Browser {
            ip: context.ip.clone(),
            authorization: authorization
                .and_then(|v| v.to_str().ok())
                .map(str::to_owned),
            headers: headers
                .iter()
                .filter_map(|(name, value)| Some(format!("{name}: {}", value.to_str().ok()?)))
                .collect(),
            session: session.map(|found| KnownSession {
                session: found.session,
                subject: found.subject,
            }),
        },
        now: context.now,
        subject: None,
        credentials: Vec::new(),
        role_clients: BTreeMap::new(),
    }
}

fn found(known: KnownSession) -> FoundSession {
    FoundSession {
        session: known.session,
        subject: known.subject,
    }
}

fn failed(failure: &LoginFailure) -> PageError {
    tracing::error!(cause = chain(failure), "a login could not be decided");
    PageError::failed()
}

/// What people type into the username field may be anything, even a password.
fn shortened(username: &str) -> String {
    username.chars().take(64).collect()
}
