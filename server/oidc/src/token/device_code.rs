//! A device code becomes tokens once the user has let the device in (RFC 8628 section 3.4).

use realmkeep_authn::device::DeviceRequest;
use realmkeep_events::Event;
use realmkeep_store::pending::PendingKind;

use super::authorization_code::check_verifier;
use super::{TokenRequest, polled};
use crate::device;
use crate::error::OAuthError;
use crate::issue::{GrantKind, TokenResponse};

pub(super) const NAME: &str = "urn:ietf:params:oauth:grant-type:device_code";

pub(super) async fn redeem(
    request: &TokenRequest<'_>,
    event: &mut Event,
) -> Result<TokenResponse, OAuthError> {
    device::check_enabled(request.client)?;
    let code = request
        .form
        .value("device_code")
        .ok_or_else(|| OAuthError::invalid_request("Missing parameter: device_code"))?;
    let unknown = "Device code not valid";
    let (grant, approval) =
        polled::poll::<DeviceRequest>(request, PendingKind::Device, code, unknown).await?;
    event.user_id = Some(approval.user_id.clone());
    event.session_id = Some(approval.session_id.clone());
    let asked = &grant.request;
    check_verifier(
        asked.code_challenge.as_deref(),
        asked.code_challenge_method.as_deref(),
        request.form.value("code_verifier"),
    )?;
    if asked.dpop_jkt.is_some() && asked.dpop_jkt != request.binding.jkt {
        return Err(OAuthError::invalid_grant(
            "The device code is bound to another DPoP key, or no proof was sent",
        )
        .event("invalid_code"));
    }
    polled::redeem(
        request,
        GrantKind::DeviceCode,
        &grant.id,
        &approval,
        &asked.scope,
        event,
    )
    .await
}
