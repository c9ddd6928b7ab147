//! Pages of a login, drawn.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use realmkeep_authn::authenticators::registration_form::CaptchaPart;
use realmkeep_authn::flow::{
    Binding, Choice, ConfigTotp, Device, KeyRequest, Login, OwnKey, Page, Shown,
};
use realmkeep_authn::login_state::{BROWSER_COOKIE, BrowserId, LoginState, NextPage, new_form};
use realmkeep_pages::page::{self as pages, AnyPage, FieldErrors};
use realmkeep_pages::{Message, Notice, UsernameLabel};
use realmkeep_store::Client;

use crate::browser::{PageError, application, page as respond, protect, realm_name, set_cookie};
use crate::context::Context;

use super::address::{browsers, url};
use super::{profile_form, qr_code};

/// A page to be shown.
pub(super) struct Asked {
    pub(super) execution: String,
    pub(super) page: Page,
    pub(super) shown: Shown,
    pub(super) another_way: bool,
    /// It is a required action; true for one that may be cancelled.
    pub(super) action: Option<bool>,
}

impl Asked {
    /// What its form is sent to, below `login-actions/`.
    pub(super) fn address(&self) -> &'static str {
        match self.action {
            Some(_) => "required-action",
            None => "authenticate",
        }
    }
}

/// Where a page comes in a browser.
pub(super) struct Place {
    pub(super) tab_id: Option<String>,
    /// It answers a form: to reload it would send the form again.
    pub(super) after_form: bool,
}

/// Shows the page, with the state sealed in the address of its form; sets the browser's cookie if it
/// has none.
pub(super) fn page(
    context: &Context,
    client: &Client,
    headers: &HeaderMap,
    login: &Login<'_>,
    state: &LoginState,
    place: Place,
    asked: Asked,
) -> Result<Response, PageError> {
    if asked.page == Page::HttpBasic {
        return Ok(unauthorized(context));
    }
    let services = &context.services;
    let realm = &context.realm;
    let known = browsers(context, headers).into_iter().next();
    let is_known = known.is_some();
    let browser = known.unwrap_or_default();
    let keys = new_form(
        services,
        realm,
        &browser,
        state,
        &asked.execution,
        place.tab_id,
    )?;
    let action = url(context, asked.address(), &keys);
    let restart = url(context, "restart", &keys);
    let user = login.facts.subject.as_ref().map(|subject| &subject.user);
    let proven = !login.progress.proven.is_empty() || login.progress.session.is_some();
    // Whose language it is, is told only to who has proven to be that user.
    let look = context.look(Some(&client.representation), user.filter(|_| proven));
    let mut frame = context.frame(look, &action);
    let attempted = attempted_username(&asked.page, login);
    frame.attempted_username = attempted.as_deref();
    frame.try_another_way = asked.another_way;
    frame.app_initiated = asked.action == Some(true);
    frame.reload = place.after_form.then_some(&*action);
    frame.signed_in_elsewhere = goes_on_elsewhere(login, state, &asked).then_some(&*restart);
    frame.links.restart = Some(restart.clone());
    frame.links.login = Some(restart.clone());
    let settings = &realm.settings;
    let asks_who = match &asked.page {
        Page::UsernamePassword(field) => !field.fixed,
        page => matches!(page, Page::Username(_)),
    };
    if asks_who && settings.registration_allowed == Some(true) {
        frame.links.registration = Some(url(context, "registration", &keys));
    }
    let asks_password = matches!(
        asked.page,
        Page::UsernamePassword(_) | Page::Password { .. }
    );
    if asks_password && settings.reset_password_allowed == Some(true) {
        frame.links.reset_credentials = Some(url(context, "reset-credentials", &keys));
    }
    frame.notice = notice(&asked, login);
    let made = services.pages.render(
        &frame,
        drawn(context, asked.page, &asked.shown, &asked.execution),
    )?;
    let mut response = respond(context, StatusCode::OK, made);
    if !is_known {
        remember_browser(context, &mut response, &browser)?;
    }
    Ok(response)
}

/// Gives the browser its name.
pub(super) fn remember_browser(
    context: &Context,
    response: &mut Response,
    browser: &BrowserId,
) -> Result<(), PageError> {
    let value = browser.seal(&context.services, &context.realm)?;
    let headers = response.headers_mut();
    set_cookie(headers, context, BROWSER_COOKIE, &value, None);
    Ok(())
}

/// A form was sent that had led further already: on from there, or from the beginning.
pub(super) fn page_expired(
    context: &Context,
    client: &Client,
    browser: &BrowserId,
    next: &NextPage,
    tab_id: Option<String>,
) -> Result<Response, PageError> {
    let (services, realm) = (&context.services, &context.realm);
    let keys = new_form(
        services,
        realm,
        browser,
        &next.state,
        &next.execution,
        tab_id,
    )?;
    let look = context.look(Some(&client.representation), None);
    let mut frame = context.frame(look, "");
    frame.links.login = Some(url(context, &next.address, &keys));
    frame.links.restart = Some(url(context, "restart", &keys));
    let page = pages::LoginPageExpired {};
    let made = services.pages.render(&frame, page)?;
    Ok(respond(context, StatusCode::OK, made))
}

/// Whether a session that another tab has begun would do for this login: nothing was proven yet, and
/// no proof is wanted in any case.
fn goes_on_elsewhere(login: &Login<'_>, state: &LoginState, asked: &Asked) -> bool {
    let request = &state.request;
    state.binding == Binding::Browser
        && asked.action.is_none()
        && login.progress.proven.is_empty()
        && login.facts.browser.session.is_none()
        && !request.prompt.login
        && !request.prompt.select_account
        && request.acr_values.is_empty()
}

/// The login ended without success, and no application is told.
pub(super) fn denied(
    context: &Context,
    client: &Client,
    message: String,
    argument: Option<String>,
) -> Result<Response, PageError> {
    let mut text = Message::new(message);
    text.args.extend(argument);
    let look = context.look(Some(&client.representation), None);
    let mut frame = context.frame(look, "");
    frame.links.application = application(client);
    let error = pages::Error { message: text };
    let made = context.services.pages.render(&frame, error)?;
    Ok(respond(context, StatusCode::FORBIDDEN, made))
}

/// Something is done, and there is nowhere to go on to by itself.
pub(super) fn info(
    context: &Context,
    client: &Client,
    message: &'static str,
) -> Result<Response, PageError> {
    let look = context.look(Some(&client.representation), None);
    let mut frame = context.frame(look, "");
    frame.links.application = application(client);
    let made = context
        .services
        .pages
        .render(&frame, pages::Info::new(message))?;
    Ok(respond(context, StatusCode::OK, made))
}

/// RFC 7617 section 2.
fn unauthorized(context: &Context) -> Response {
    let mut headers = HeaderMap::new();
    let name: String = realm_name(context)
        .chars()
        .filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\') || *c == ' ')
        .collect();
    let challenge = format!("Basic realm=\"{name}\", charset=\"UTF-8\"");
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    protect(&mut headers, context);
    (StatusCode::UNAUTHORIZED, headers).into_response()
}

/// Who the login is about, on pages that do not ask; starting over is offered with it.
fn attempted_username(page: &Page, login: &Login<'_>) -> Option<String> {
    match page {
        Page::Password { username, .. }
        | Page::Otp { username, .. }
        | Page::RecoveryCode { username, .. }
        | Page::SelectAuthenticator { username, .. } => {
            let typed = login.progress.attempted_username.clone();
            Some(typed.unwrap_or_else(|| username.clone()))
        }
        Page::Webauthn { username, .. } if !username.is_empty() => {
            let typed = login.progress.attempted_username.clone();
            Some(typed.unwrap_or_else(|| username.clone()))
        }
        _ => None,
    }
}

fn notice(asked: &Asked, login: &Login<'_>) -> Option<Notice> {
    if let Some(notice) = asked.shown.notice {
        return Some(Notice::info(notice));
    }
    let own_error = asked.shown.error.as_ref().filter(|_| {
        // Other pages show it beside the field.
        asked.action.is_some()
            || matches!(asked.page, Page::Register(_) | Page::WebauthnError)
            || asked.shown.error.as_deref() == Some("overloaded")
    });
    if let Some(error) = own_error {
        return Some(Notice::error(message(error, &asked.shown.arguments)));
    }
    if asked.action.is_some() {
        let key = match asked.execution.as_str() {
            "UPDATE_PASSWORD" => "updatePasswordMessage",
            "CONFIGURE_TOTP" => "configureTotpMessage",
            "UPDATE_PROFILE" | "VERIFY_PROFILE" => "updateProfileMessage",
            "VERIFY_EMAIL" => "verifyEmailMessage",
            "UPDATE_EMAIL" => "updateEmailMessage",
            "CONFIGURE_RECOVERY_AUTHN_CODES" => "configureBackupCodesMessage",
            _ => return None,
        };
        return Some(Notice::warning(key));
    }
    (login.facts.proven_again().is_some()).then(|| Notice::info("reauthenticate"))
}

fn message(key: &str, arguments: &[String]) -> Message {
    let mut message = Message::new(key);
    message.args = arguments.to_vec();
    message
}

/// What is wrong with the page's field as a whole, and with single fields.
fn errors(shown: &Shown, field: &str) -> FieldErrors {
    let mut errors: FieldErrors = shown
        .field_errors
        .iter()
        .map(|(field, key)| (field.clone(), message(key, &shown.arguments)))
        .collect();
    if let Some(key) = shown.error.as_deref().filter(|key| *key != "overloaded") {
        errors.insert(field.to_owned(), message(key, &shown.arguments));
    }
    errors
}

fn drawn(context: &Context, page: Page, shown: &Shown, execution: &str) -> AnyPage {
    let settings = &context.realm.settings;
    let label = if settings.registration_email_as_username == Some(true) {
        UsernameLabel::Email
    } else if settings.login_with_email_allowed == Some(false) {
        UsernameLabel::Username
    } else {
        UsernameLabel::UsernameOrEmail
    };
    match page {
        Page::Nothing | Page::HttpBasic => pages::LoginPageExpired {}.into(),
        Page::UsernamePassword(field) => pages::Login {
            username: field.username,
            label,
            fixed_username: field.fixed,
            remember_me: field.remember_me,
            passkeys: field.passkeys.map(asked_for),
            errors: errors(shown, "username"),
            ..pages::Login::default()
        }
        .into(),
        Page::Username(field) => pages::LoginUsername {
            username: field.username,
            label,
            remember_me: field.remember_me,
            passkeys: field.passkeys.map(asked_for),
            errors: errors(shown, "username"),
            ..pages::LoginUsername::default()
        }
        .into(),
        Page::Password { passkeys, .. } => pages::LoginPassword {
            passkeys: passkeys.map(asked_for),
            errors: errors(shown, "password"),
        }
        .into(),
        Page::Webauthn { request, .. } => pages::WebauthnAuthenticate {
            keys: request.keys.iter().map(own_key).collect(),
            request: asked_for(request),
        }
        .into(),
        Page::WebauthnError => pages::WebauthnError {
            execution: execution.to_owned(),
        }
        .into(),
        Page::RegisterWebauthn {
            options,
            passwordless,
        } => pages::WebauthnRegister {
            options,
            passwordless,
            logout_sessions: Some(true),
        }
        .into(),
        Page::Otp {
            devices, selected, ..
        } => pages::LoginOtp {
            credentials: devices.into_iter().map(credential).collect(),
            selected,
            errors: errors(shown, "totp"),
        }
        .into(),
        Page::RecoveryCode { number, .. } => pages::LoginRecoveryAuthnCodeInput {
            number: u32::try_from(number).unwrap_or(1),
            errors: errors(shown, "recoveryCodeInput"),
        }
        .into(),
        Page::SelectAuthenticator { choices, .. } => pages::SelectAuthenticator {
            choices: choices.into_iter().map(choice).collect(),
        }
        .into(),
        Page::UpdatePassword { username } => pages::LoginUpdatePassword {
            username,
            logout_sessions: Some(true),
            errors: errors(shown, "password"),
        }
        .into(),
        Page::ConfigTotp(config) => config_totp(context, config, shown).into(),
        Page::ConfigRecoveryCodes { codes } => pages::LoginRecoveryAuthnCodeConfig {
            generated_at: context.services.clock.now_millis(),
            codes,
            logout_sessions: Some(true),
            ..pages::LoginRecoveryAuthnCodeConfig::default()
        }
        .into(),
        Page::UpdateProfile { fields } => pages::LoginUpdateProfile {
            fields: profile_form::fields(fields),
        }
        .into(),
        Page::UpdateEmail { email } => pages::UpdateEmail {
            fields: vec![pages::ProfileField {
                name: "email".to_owned(),
                label: "${email}".to_owned(),
                input_type: "email".to_owned(),
                values: vec![email],
                required: true,
                autocomplete: Some("email".to_owned()),
                error: errors(shown, "").remove("email"),
                ..pages::ProfileField::default()
            }],
            logout_sessions: Some(true),
        }
        .into(),
        Page::VerifyEmail { email } => pages::LoginVerifyEmail {
            unsent: shown.error.is_some(),
            email,
        }
        .into(),
        Page::Register(page) => pages::Register {
            captcha: page.captcha.as_ref().map(CaptchaPart::widget),
            fields: page.fields,
            password: page.password,
            terms: page.terms,
            errors: errors(shown, ""),
        }
        .into(),
        Page::ResetOtp { devices } => pages::LoginResetOtp {
            credentials: devices.into_iter().map(credential).collect(),
            selected: None,
        }
        .into(),
        Page::ResetPassword { username } => pages::LoginResetPassword {
            username,
            label,
            errors: errors(shown, "username"),
        }
        .into(),
        Page::ResetEmailSent => {
            let mut info = pages::Info::new("emailSentMessage");
            info.heading = Some(Message::new("emailForgotTitle"));
            info.into()
        }
        Page::Terms => pages::Terms {}.into(),
        Page::DeleteAccount => pages::DeleteAccountConfirm {}.into(),
        Page::DeleteCredential { label } => pages::DeleteCredential { label }.into(),
    }
}

fn asked_for(request: KeyRequest) -> pages::PasskeyRequest {
    pages::PasskeyRequest {
        challenge: request.challenge,
        rp_id: request.relying_party,
        user_verification: request.user_verification.to_owned(),
        timeout: request.timeout,
        mediation: request.mediation.to_owned(),
        allowed: request.keys.into_iter().map(|key| key.id).collect(),
    }
}

fn own_key(key: &OwnKey) -> pages::AllowedKey {
    let made = jiff::Timestamp::from_millisecond(key.created).ok();
    let day = made.map(|at| at.strftime("%Y-%m-%d").to_string());
    pages::AllowedKey {
        label: key.label.clone(),
        created: day.filter(|_| key.created > 0).unwrap_or_default(),
    }
}

fn credential(device: Device) -> pages::CredentialChoice {
    pages::CredentialChoice {
        id: device.id,
        label: device.label,
    }
}

fn choice(choice: Choice) -> pages::AuthenticatorChoice {
    let id = match choice.authenticator.as_str() {
        "auth-conditional-otp-form" | "auth-otp-form" => "otp",
        "auth-password-form" => "password",
        "webauthn-authenticator" => "webauthn",
        "webauthn-authenticator-passwordless" => "webauthn-passwordless",
        other => other,
    };
    pages::AuthenticatorChoice {
        name: format!("{id}-display-name"),
        help: format!("{id}-help-text"),
        execution: choice.execution,
    }
}

fn config_totp(context: &Context, config: ConfigTotp, shown: &Shown) -> pages::LoginConfigTotp {
    let applications = context.realm.settings.otp_supported_applications.clone();
    pages::LoginConfigTotp {
        // The secret travels sealed in the form's address.
        secret: String::new(),
        qr_code: qr_code::data_url(&config.uri),
        secret_encoded: config.secret,
        policy: pages::OtpPolicy {
            kind: if config.totp { "totp" } else { "hotp" }.to_owned(),
            algorithm: config.algorithm,
            digits: config.digits,
            period: u32::try_from(config.period).unwrap_or(30),
            initial_counter: u64::try_from(config.counter).unwrap_or(0),
        },
        applications: applications.unwrap_or_default(),
        label_required: config.label_required,
        user_label: shown.field("userLabel").unwrap_or_default().to_owned(),
        logout_sessions: Some(true),
        errors: errors(shown, "totp"),
    }
}
