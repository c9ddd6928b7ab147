//! The links of mails.

use std::sync::Arc;

use axum::extract::RawQuery;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use realmkeep_authn::action_token::{ActionToken, NOTE, Purpose};
use realmkeep_authn::authenticators::reset_credentials;
use realmkeep_authn::authorization_request::AuthorizationRequest;
use realmkeep_authn::flow::Binding;
use realmkeep_authn::required_actions::update_email;
use realmkeep_events::{Event, EventType};
use realmkeep_pages::{BackLink, Message, page as pages};
use realmkeep_representations::UserRepresentation;
use realmkeep_store::{Batch, Client, StoreError, Touch};

use crate::authorize::{requested_client, still_allowed};
use crate::browser::{PageError, application, page as respond};
use crate::context::Context;
use crate::form::Form;

use super::address::browsers;
use super::{finish, run};

/// Note of a login that only does required actions: nobody is signed in at its end.
pub(super) const ACTIONS_ONLY: &str = "actions-only";

/// Client that links lead back to, where they name none.
const DEFAULT_CLIENT: &str = "account";

/// Somebody opens the link of a mail.
pub(super) async fn open(
    context: Context,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let answer = follow(&context, query.as_deref(), &headers).await;
    finish(&context, None, answer).await
}

async fn follow(
    context: &Context,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, PageError> {
    let wrong = || PageError::bad_request("invalidCodeMessage", "invalid_code");
    let query = Form::parse(query.unwrap_or_default().as_bytes()).map_err(|_| wrong())?;
    let key = query.value("key").unwrap_or_default();
    let token = ActionToken::open(&context.services, &context.realm, key).ok_or_else(wrong)?;
    if token.expires <= context.now {
        let message = "expiredActionTokenNoSessionMessage";
        return Err(PageError::bad_request(message, "expired_code"));
    }
    if token.is_used(&context.services).await? {
        return Err(used());
    }
    let store = &context.services.store;
    let subject = store.subject(&context.realm, &token.user_id).await?;
    let subject = subject.filter(|s| s.user.enabled == Some(true));
    let user = subject.ok_or_else(wrong)?.user.clone();
    // Whatever opens links before people do cannot press the button of the page.
    let meant = query.value("confirm").is_some() || !browsers(context, headers).is_empty();
    let confirm = || format!("{}&confirm=true", key_url(context, key));
    match token.purpose {
        Purpose::VerifyEmail if !meant => {
            let text = Message::new("confirmEmailAddressVerification").with(&token.email);
            ask(context, text, Vec::new(), confirm())
        }
        Purpose::UpdateEmail if !meant => {
            let text = Message::new("confirmEmailUpdate");
            ask(context, text, Vec::new(), confirm())
        }
        Purpose::ExecuteActions if query.value("confirm").is_none() => {
            let text = Message::new("confirmExecutionOfActions");
            ask(context, text, token.actions.clone(), confirm())
        }
        Purpose::VerifyEmail => verify_email(context, &token, user).await,
        Purpose::UpdateEmail => update_email(context, &token, user).await,
        Purpose::ResetCredentials => reset_credentials(context, &token, headers).await,
        Purpose::ExecuteActions => execute_actions(context, &token, headers).await,
    }
}

async fn verify_email(
    context: &Context,
    token: &ActionToken,
    mut user: UserRepresentation,
) -> Result<Response, PageError> {
    // The address may have been changed since.
    if user.email.as_deref() != Some(token.email.as_str()) {
        return Err(PageError::bad_request("invalidCodeMessage", "invalid_code"));
    }
    user.email_verified = Some(true);
    without(&mut user, "VERIFY_EMAIL");
    let event = context
        .event(EventType::VerifyEmail)
        .client(token.client_id.as_deref().unwrap_or(DEFAULT_CLIENT))
        .user(&token.user_id)
        .detail("email", token.email.as_str());
    change(context, token, &user, event).await?;
    done(context, token, Message::new("emailVerifiedMessage")).await
}

async fn update_email(
    context: &Context,
    token: &ActionToken,
    mut user: UserRepresentation,
) -> Result<Response, PageError> {
    let (services, realm) = (&context.services, &context.realm);
    if update_email::is_taken(services, realm, &token.email, Some(&token.user_id)).await? {
        return Err(PageError::bad_request("emailExistsMessage", "email_in_use"));
    }
    let previous = user.email.clone().unwrap_or_default();
    update_email::change(&mut user, realm, &token.email, true);
    without(&mut user, "UPDATE_EMAIL");
    let event = context
        .event(EventType::UpdateEmail)
        .client(token.client_id.as_deref().unwrap_or(DEFAULT_CLIENT))
        .user(&token.user_id)
        .detail("previous_email", previous)
        .detail("updated_email", token.email.as_str());
    change(context, token, &user, event).await?;
    let text = Message::new("emailUpdated").with(&token.email);
    done(context, token, text).await
}

async fn reset_credentials(
    context: &Context,
    token: &ActionToken,
    headers: &HeaderMap,
) -> Result<Response, PageError> {
    if context.realm.settings.reset_password_allowed != Some(true) {
        let error = PageError::bad_request("resetCredentialNotAllowedMessage", "not_allowed");
        return Err(error);
    }
    let lost = || PageError::bad_request("invalidCodeMessage", "invalid_code");
    let request = token.request.clone().ok_or_else(lost)?;
    let client = still_allowed(context, &request).await?;
    let binding = Binding::ResetCredentials;
    run::follow_link(
        context,
        &client,
        request,
        headers,
        binding,
        |flow, fresh| {
            let mut progress = reset_credentials::after_email(flow, fresh, token)?;
            progress.notes.insert(NOTE.to_owned(), token.note());
            if reset_credentials::forces_login(flow) {
                let only = "true".to_owned();
                progress.notes.insert(ACTIONS_ONLY.to_owned(), only);
            }
            Some(progress)
        },
    )
    .await
}

async fn execute_actions(
    context: &Context,
    token: &ActionToken,
    headers: &HeaderMap,
) -> Result<Response, PageError> {
    let client = client(context, token).await?;
    let request = AuthorizationRequest {
        client_id: client.representation.client_id.clone().unwrap_or_default(),
        redirect_uri: token.redirect_uri.clone().unwrap_or_default(),
        ..AuthorizationRequest::default()
    };
    let binding = Binding::Browser;
    run::follow_link(
        context,
        &client,
        request,
        headers,
        binding,
        |_, mut progress| {
            progress.user = Some(token.user_id.clone());
            progress.authenticated = true;
            progress.actions = token.actions.iter().cloned().collect();
            progress.notes.insert(NOTE.to_owned(), token.note());
            let only = "true".to_owned();
            progress.notes.insert(ACTIONS_ONLY.to_owned(), only);
            Some(progress)
        },
    )
    .await
}

/// Writes the user, and uses the token up with it.
async fn change(
    context: &Context,
    token: &ActionToken,
    user: &UserRepresentation,
    event: Event,
) -> Result<(), PageError> {
    let store = &context.services.store;
    let mut batch = Batch::new();
    batch.push(token.use_up()?);
    batch.push(store.update_user(&context.realm.id, user, None)?);
    batch.touch(Touch::User(context.realm.id.clone(), token.user_id.clone()));
    match store.commit(batch).await {
        Ok(_) => {
            context.emit(&event);
            Ok(())
        }
        Err(StoreError::Guard(_)) => Err(used()),
        Err(e) => Err(e.into()),
    }
}

async fn done(
    context: &Context,
    token: &ActionToken,
    text: Message,
) -> Result<Response, PageError> {
    let client = client(context, token).await?;
    let look = context.look(Some(&client.representation), None);
    let mut frame = context.frame(look, "");
    frame.links.application = token
        .redirect_uri
        .clone()
        .map(|href| BackLink {
            href,
            name: client.representation.client_id.clone().unwrap_or_default(),
        })
        .or_else(|| application(&client));
    let made = context
        .services
        .pages
        .render(&frame, pages::Info::new(text))?;
    Ok(respond(context, StatusCode::OK, made))
}

/// What the link does, behind a further link.
fn ask(
    context: &Context,
    text: Message,
    required_actions: Vec<String>,
    proceed: String,
) -> Result<Response, PageError> {
    let frame = context.frame(context.look(None, None), "");
    let mut info = pages::Info::new(text);
    info.heading = Some(Message::new("proceedWithAction"));
    info.required_actions = required_actions;
    info.proceed = Some(proceed);
    let made = context.services.pages.render(&frame, info)?;
    Ok(respond(context, StatusCode::OK, made))
}

/// The client that the link leads back to.
async fn client(context: &Context, token: &ActionToken) -> Result<Arc<Client>, PageError> {
    let wanted = token.client_id.as_deref().unwrap_or(DEFAULT_CLIENT);
    requested_client(context, Some(wanted)).await
}

fn key_url(context: &Context, key: &str) -> String {
    let base = context.services.base_url.path();
    let realm = &context.realm.name;
    context.keep_locale(format!(
        "{base}/realms/{realm}/login-actions/action-token?key={key}"
    ))
}

fn without(user: &mut UserRepresentation, action: &str) {
    if let Some(actions) = &mut user.required_actions {
        actions.retain(|alias| alias != action);
    }
}

fn used() -> PageError {
    PageError::bad_request("alreadyUsedLinkMessage", "expired_code")
}
