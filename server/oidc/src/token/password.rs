//! Username and password in the request itself (RFC 6749 section 4.3): for administration tools;
//! new applications use the code flow.

use realmkeep_authn::flow::Submitted;
use realmkeep_authn::{LoginFailure, Refusal, direct_grant};
use realmkeep_events::Event;
use realmkeep_store::sessions::{ClientSessionDetail, UserSessionDetail};

use super::{TokenRequest, offline};
use crate::authorize::AUTH_METHOD;
use crate::error::{OAuthError, chain};
use crate::issue::{self, Extras, Grant, GrantKind, Place, TokenResponse};
use crate::material::ACR_NOTE;
use crate::policies::PolicyEvent;
use crate::scopes::Scopes;

pub(super) const NAME: &str = "password";

pub(super) async fn login(
    request: &TokenRequest<'_>,
    event: &mut Event,
) -> Result<TokenResponse, OAuthError> {
    let (context, client, form) = (request.context, request.client, request.form);
    let representation = &client.representation;
    if representation.direct_access_grants_enabled != Some(true) {
        return Err(OAuthError::new(
            http::StatusCode::BAD_REQUEST,
            "unauthorized_client",
            "Client not allowed for direct access grants",
        )
        .event("not_allowed"));
    }
    let check = request.check(PolicyEvent::PasswordGrant);
    let policy = request.enforce(check).await?;
    let scopes = Scopes::resolve(&context.realm, representation, form.value("scope"))?;
    let username = form.value("username").ok_or_else(|| OAuthError {
        status: http::StatusCode::UNAUTHORIZED,
        ..OAuthError::invalid_request("Missing parameter: username")
    })?;
    event
        .details
        .insert("username", username.chars().take(255).collect());
    event.details.insert("auth_method", AUTH_METHOD.to_owned());
    let fields = ["username", "password", "totp", "otp"];
    let given = fields.map(|name| (name, form.value(name).unwrap_or_default()));
    let proven = direct_grant(
        &context.services,
        &context.realm,
        client,
        form.value("scope").unwrap_or_default(),
        &Submitted::of(given),
        &context.ip,
    )
    .await
    .map_err(|failure| refused(failure, event))?;
    let subject = proven.subject;
    let user_id = subject.user.id.clone().unwrap_or_default();
    event.user_id = Some(user_id.clone());
    let login = UserSessionDetail {
        ip_address: context.ip.clone(),
        notes: proven.notes,
        ..UserSessionDetail::default()
    };
    let session = if offline::is_requested(&scopes) {
        offline::check(&context.realm, representation, &subject, &scopes)?;
        offline::begin(context, &user_id, &login)
    } else {
        offline::online(context, &user_id, login)
    };
    event.session_id = Some(session.id.clone());
    let detail = ClientSessionDetail {
        scope: scopes.all(),
        notes: [(ACR_NOTE.to_owned(), proven.acr)].into(),
        ..ClientSessionDetail::default()
    };
    let extras = Extras {
        binding: request.binding.clone(),
        policy,
        ..Extras::default()
    };
    let grant = Grant {
        kind: GrantKind::Password,
        client,
        subject: &subject,
        session: Some(&session),
        scopes,
        nonce: None,
        client_session: Some(&detail),
    };
    let prepared = issue::prepare(context, grant).await?.with(extras);
    let begun = (&session, &detail);
    offline::write(request, event, &prepared, begun, proven.batch).await?;
    prepared.sign(&Place::first())
}

/// One answer for every wrong login; the event has the reason.
fn refused(failure: LoginFailure, event: &mut Event) -> OAuthError {
    match failure {
        LoginFailure::Refused { reason, user_id } => {
            event.user_id = user_id;
            let description = match reason {
                Refusal::AccountNotSetUp => "Account is not fully set up",
                _ => "Invalid user credentials",
            };
            OAuthError::invalid_grant(description)
                .event(reason.code())
                .because(reason.code())
        }
        LoginFailure::Overloaded => OAuthError::overloaded(),
        other => OAuthError::internal(&chain(&other)),
    }
}
