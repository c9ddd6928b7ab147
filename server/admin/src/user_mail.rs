//! Mails that administrators have sent to users, and a test of the realm's mail server.

use std::collections::BTreeMap;

use http::StatusCode;
use realmkeep_authn::mail::{self, MailError};
use realmkeep_model::redirect_uri;
use realmkeep_representations::UserRepresentation;

use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given, MaybeGiven};
use crate::rights::Right;
use crate::users;

/// What stands in the place of a secret that was not changed.
const MASK: &str = "**********";

/// The user that a mail goes to, and what the link in it leads back to.
struct Order {
    user: UserRepresentation,
    client_id: Option<String>,
    redirect_uri: Option<String>,
    lifespan: Option<i64>,
}

impl Order {
    async fn of(cx: &Cx) -> ApiResult<Self> {
        let user = users::here_to_manage(cx).await?;
        if user.email.as_deref().unwrap_or_default().is_empty() {
            return Err(ApiError::bad_request("User email missing"));
        }
        if user.enabled != Some(true) {
            return Err(ApiError::bad_request("User is disabled"));
        }
        let lifespan = cx.number("lifespan")?;
        if lifespan.is_some_and(|seconds| seconds <= 0) {
            return Err(ApiError::bad_request(
                "lifespan: a number of seconds above zero was expected",
            ));
        }
        let order = Self {
            user,
            client_id: cx.query("client_id").map(str::to_owned),
            redirect_uri: cx.query("redirect_uri").map(str::to_owned),
            lifespan,
        };
        order.check_client(cx).await?;
        Ok(order)
    }

    async fn check_client(&self, cx: &Cx) -> ApiResult<()> {
        let Some(client_id) = &self.client_id else {
            return match self.redirect_uri {
                Some(_) => Err(ApiError::bad_request("Client id missing")),
                None => Ok(()),
            };
        };
        let client = cx
            .store()
            .client(&cx.realm, client_id)
            .await?
            .ok_or_else(|| ApiError::bad_request("Client doesn't exist"))?;
        let client = &client.representation;
        if client.enabled == Some(false) {
            return Err(ApiError::bad_request("Client is not enabled"));
        }
        if let Some(uri) = &self.redirect_uri {
            let registered = client.redirect_uris.iter().flatten().map(String::as_str);
            let root = client.root_url.as_deref();
            if redirect_uri::allowed(uri, registered, root).is_none() {
                return Err(ApiError::bad_request("Invalid redirect uri."));
            }
        }
        Ok(())
    }
}

/// 500, as for a server that other things go wrong with; the log has what the mail server said.
fn failed(what: &str, error: &MailError) -> ApiError {
    tracing::warn!(error = %error, "a mail was not sent");
    ApiError::message(StatusCode::INTERNAL_SERVER_ERROR, what)
}

/// A link that has the user do what is named in the body.
pub async fn execute_actions(cx: Cx, given: MaybeGiven<Vec<String>>) -> ApiResult<StatusCode> {
    send_actions(cx, given.0.unwrap_or_default()).await
}

/// As [`execute_actions`], for a new password.
pub async fn reset_password(cx: Cx) -> ApiResult<StatusCode> {
    send_actions(cx, vec!["UPDATE_PASSWORD".to_owned()]).await
}

async fn send_actions(cx: Cx, actions: Vec<String>) -> ApiResult<StatusCode> {
    let order = Order::of(&cx).await?;
    let known = cx.realm.settings.required_actions.iter().flatten();
    let enabled: Vec<&str> = known
        .filter(|a| a.enabled == Some(true))
        .filter_map(|a| a.alias.as_deref())
        .collect();
    if actions.is_empty() || actions.iter().any(|a| !enabled.contains(&a.as_str())) {
        return Err(ApiError::bad_request("Provided invalid required actions"));
    }
    mail::execute_actions_email(
        &cx.services,
        &cx.realm,
        &order.user,
        &actions,
        order.client_id.as_deref(),
        order.redirect_uri.as_deref(),
        order.lifespan,
    )
    .await
    .map_err(|e| failed("Failed to send execute actions email", &e))?;
    done(&cx).await
}

/// A link that confirms the user's address.
pub async fn verify_email(cx: Cx) -> ApiResult<StatusCode> {
    let order = Order::of(&cx).await?;
    mail::verify_email(
        &cx.services,
        &cx.realm,
        &order.user,
        order.client_id.as_deref(),
        order.redirect_uri.as_deref(),
        order.lifespan,
    )
    .await
    .map_err(|e| failed("Failed to send verify email", &e))?;
    done(&cx).await
}

/// Nothing is changed, but that it was asked for is an event.
async fn done(cx: &Cx) -> ApiResult<StatusCode> {
    cx.commit(realmkeep_store::Batch::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a mail to the administrator who asks, by settings that need not be stored yet.
pub async fn test_connection(
    cx: Cx,
    given: Given<BTreeMap<String, serde_json::Value>>,
) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let mut settings: BTreeMap<String, String> = given
        .value
        .into_iter()
        .filter_map(|(key, value)| match value {
            serde_json::Value::String(text) => Some((key, text)),
            serde_json::Value::Null => None,
            other => Some((key, other.to_string())),
        })
        .collect();
    for key in ["password", "authTokenClientSecret"] {
        if settings.get(key).is_some_and(|v| v == MASK) {
            // The stored secret goes to the stored server only.
            let stored = cx.realm.settings.smtp_server.as_ref();
            let same = |name: &str| stored.and_then(|s| s.get(name)) == settings.get(name);
            let kept = stored
                .and_then(|s| s.get(key))
                .filter(|_| same("host") && same("port") && same("user"));
            match kept {
                Some(secret) => settings.insert(key.to_owned(), secret.clone()),
                None => {
                    return Err(ApiError::bad_request(format!(
                        "{key}: give it anew, the server or the user is another one"
                    )));
                }
            };
        }
    }
    let admin = &cx.actor.subject.user;
    mail::test_connection(&cx.services, &cx.realm, admin, &settings)
        .await
        .map_err(|e| match e {
            MailError::NoAddress => ApiError::message(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Logged in admin does not have an e-mail",
            ),
            MailError::Settings(e) => ApiError::bad_request(e.to_string()),
            other => failed("Failed to send email", &other),
        })?;
    Ok(StatusCode::NO_CONTENT)
}
