//! Whole flows answered by one request: the direct grant (RFC 6749 section 4.3), and the login of
//! Docker clients.

use std::sync::Arc;

use realmkeep_store::{Batch, Client, Realm, Subject};

use crate::authorization_request::AuthorizationRequest;
use crate::flow::{Binding, Browser, Facts, Login, Progress, Shown, Stage, Submitted};
use crate::{LoginFailure, Refusal, Services, brute_force, random};

/// A login by one request that was proven.
#[derive(Debug)]
pub struct DirectGrant {
    pub subject: Arc<Subject>,
    /// Notes for the user session.
    pub notes: std::collections::BTreeMap<String, String>,
    /// Value of the `acr` claim.
    pub acr: String,
    /// What has to be committed together with the session.
    pub batch: Batch,
}

/// Runs the client's or realm's direct grant flow over the fields of a token request: `username`,
/// `password`, `totp`. `scope` is what was asked for.
///
/// # Errors
/// When it is refused: [`Refusal::AccountNotSetUp`] when the account has required actions.
pub async fn direct_grant(
    services: &Services,
    realm: &Realm,
    client: &Client,
    scope: &str,
    form: &Submitted,
    ip: &str,
) -> Result<DirectGrant, LoginFailure> {
    let browser = Browser {
        ip: ip.to_owned(),
        ..Browser::default()
    };
    let binding = Binding::DirectGrant;
    at_once(services, realm, client, scope, binding, form, browser).await
}

/// Runs the realm's flow for Docker clients over the `Authorization` header of a request.
///
/// # Errors
/// When it is refused: [`Refusal::AccountNotSetUp`] when the account has required actions.
pub async fn docker_login(
    services: &Services,
    realm: &Realm,
    client: &Client,
    authorization: Option<String>,
    ip: &str,
) -> Result<DirectGrant, LoginFailure> {
    let browser = Browser {
        ip: ip.to_owned(),
        authorization,
        ..Browser::default()
    };
    let (binding, form) = (Binding::Docker, Submitted::of([("", ""); 0]));
    at_once(services, realm, client, "", binding, &form, browser).await
}

async fn at_once(
    services: &Services,
    realm: &Realm,
    client: &Client,
    scope: &str,
    binding: Binding,
    form: &Submitted,
    browser: Browser,
) -> Result<DirectGrant, LoginFailure> {
    let flow = binding.flow(realm, &client.representation)?;
    let request = AuthorizationRequest {
        client_id: client.representation.client_id.clone().unwrap_or_default(),
        scope: scope.to_owned(),
        ..AuthorizationRequest::default()
    };
    let facts = Facts {
        services,
        realm,
        client,
        request: &request,
        browser,
        now: services.clock.now(),
        subject: None,
        credentials: Vec::new(),
        role_clients: std::collections::BTreeMap::new(),
    };
    let progress = Progress::new(random::token(16), &flow.version);
    let mut login = Login::resume(facts, flow, progress).await?;
    login.form = Some(form);
    let refused = |reason, login: &Login<'_>| LoginFailure::Refused {
        reason,
        user_id: login.progress.user.clone(),
    };
    match login.proceed(Shown::default()).await? {
        Stage::Done => {}
        Stage::Ask { action: None, .. } | Stage::Elsewhere(_) => {
            return Err(refused(Refusal::InvalidUserCredentials, &login));
        }
        Stage::Ask { .. } => return Err(refused(Refusal::AccountNotSetUp, &login)),
        Stage::Denied { event, .. } => {
            let reason = match event {
                "user_disabled" => Refusal::UserDisabled,
                "resolve_required_actions" | "credential_setup_required" => {
                    Refusal::AccountNotSetUp
                }
                "access_denied" => Refusal::AccessDenied,
                _ => Refusal::InvalidUserCredentials,
            };
            return Err(refused(reason, &login));
        }
        Stage::AccountDeleted => return Err(refused(Refusal::UserNotFound, &login)),
    }
    let Some(subject) = login.facts.subject.clone() else {
        return Err(refused(Refusal::UserNotFound, &login));
    };
    let mut batch = login.take_batch()?;
    let user_id = subject.user.id.clone().unwrap_or_default();
    if let Some(step) = brute_force::forget(realm, &user_id) {
        batch.push(step);
    }
    Ok(DirectGrant {
        notes: login.session_notes(),
        acr: login.acr(),
        subject,
        batch,
    })
}
