//! An `auth_req_id` becomes tokens once the user has consented on another device (OpenID Connect CIBA
//! Core section 10.1).

use realmkeep_authn::brute_force;
use realmkeep_events::Event;
use realmkeep_store::pending::PendingKind;

use super::{TokenRequest, polled};
use crate::ciba::{self, CibaRequest};
use crate::error::OAuthError;
use crate::issue::{GrantKind, TokenResponse};

pub(super) const NAME: &str = "urn:openid:params:grant-type:ciba";

pub(super) async fn redeem(
    request: &TokenRequest<'_>,
    event: &mut Event,
) -> Result<TokenResponse, OAuthError> {
    ciba::check_enabled(request.client)?;
    let code = request
        .form
        .value("auth_req_id")
        .ok_or_else(|| OAuthError::invalid_request("Missing parameter: auth_req_id"))?;
    let unknown = "Invalid Auth Req ID";
    let (grant, approval) =
        polled::poll::<CibaRequest>(request, PendingKind::Ciba, code, unknown).await?;
    event.user_id = Some(approval.user_id.clone());
    event.session_id = Some(approval.session_id.clone());
    // A lockout that came after the request counts as well.
    let context = request.context;
    let services = &context.services;
    if !brute_force::may_authenticate(services, &context.realm, &approval.user_id).await? {
        return Err(
            OAuthError::invalid_grant("User not allowed").event("user_temporarily_disabled")
        );
    }
    polled::redeem(
        request,
        GrantKind::Ciba,
        &grant.id,
        &approval,
        &grant.request.scope,
        event,
    )
    .await
}
