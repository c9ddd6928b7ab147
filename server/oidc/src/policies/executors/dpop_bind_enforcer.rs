//! `dpop-bind-enforcer`: tokens are bound to a key of the client (RFC 9449).

use http::Method;

use super::{
    AUTO_CONFIGURE, Check, Config, Do, Doing, Executor, Kind, Outcome, PolicyEvent, Property,
    Violation, attribute, set_attribute,
};
use crate::binding::Binding;
use crate::dpop;

const BOUND: &str = "dpop.bound.access.tokens";
const CODE: &str = "enforce-authorization-code-binding-to-dpop";
const REFRESH_ONLY: &str = "allow-only-refresh-token-binding";

pub(super) const EXECUTOR: Executor = Executor::new(
    "dpop-bind-enforcer",
    "Tokens of clients have to be bound to a DPoP key.",
    &[
        AUTO_CONFIGURE,
        Property::new(
            CODE,
            "Enforce Authorization Code binding to DPoP key",
            "Authorization requests have to name the key with dpop_jkt.",
            Kind::Switch(Some(false)),
        ),
        Property::new(
            REFRESH_ONLY,
            "Bind only refresh token for public client",
            "Of public clients that are not set to bound tokens, the refresh tokens alone are bound.",
            Kind::Switch(Some(false)),
        ),
    ],
    Do::Later(run),
);

fn run<'f>(check: &'f mut Check<'_>, config: Config<'f>) -> Doing<'f> {
    Box::pin(async move {
        match check.event {
            PolicyEvent::Register | PolicyEvent::Update => set_up(check, config),
            PolicyEvent::Authorization => named_key(check, config),
            PolicyEvent::TokenRequest | PolicyEvent::TokenRefresh => refresh_token(check, config),
            // Whether it is good was checked, or will be, with the token.
            PolicyEvent::UserInfo | PolicyEvent::BackchannelToken => sent(check),
            PolicyEvent::Revocation => revocation(check).await,
            _ => Ok(()),
        }
    })
}

fn set_up(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    let Some(client) = check.proposed.as_deref_mut() else {
        return Ok(());
    };
    if config.is_on("auto-configure") {
        set_attribute(client, BOUND, "true");
    }
    match attribute(client, BOUND) {
        Some("true") => Ok(()),
        _ => Err(Violation::metadata(
            "Invalid client metadata: DPoP token in disabled",
        )),
    }
}

fn named_key(check: &Check<'_>, config: Config<'_>) -> Outcome {
    let named = check
        .request
        .is_some_and(|request| request.dpop_jkt.is_some());
    if config.is_on(CODE) && !named {
        return Err(Violation::request("Missing parameter: dpop_jkt"));
    }
    Ok(())
}

fn refresh_token(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    let client = check.client;
    let is_bound = client.and_then(|c| attribute(c, BOUND)) == Some("true");
    let is_public = client.is_some_and(|c| c.public_client == Some(true));
    if is_bound || !is_public || !config.is_on(REFRESH_ONLY) {
        return Ok(());
    }
    sent(check)?;
    check.effects.bind_only_refresh_token = true;
    Ok(())
}

fn sent(check: &Check<'_>) -> Outcome {
    if check
        .headers
        .is_some_and(|headers| headers.contains_key("dpop"))
    {
        return Ok(());
    }
    Err(Violation::new(
        "invalid_dpop_proof",
        "DPoP proof is missing",
    ))
}

async fn revocation(check: &Check<'_>) -> Outcome {
    sent(check)?;
    let (Some(headers), Some(client)) = (check.headers, check.client) else {
        return Ok(());
    };
    let url = format!("{}/protocol/openid-connect/revoke", check.context.issuer);
    let line = (&Method::POST, url.as_str());
    let jkt = dpop::proof(check.context, headers, line, None, client).await?;
    let Some(token) = check.token else {
        return Ok(());
    };
    let bound = Binding::of_token(token).jkt;
    // A refresh token of a confidential client is bound to the client itself.
    if bound.is_none() || bound == jkt {
        return Ok(());
    }
    Err(Violation::new(
        "invalid_token",
        "DPoP proof and token binding verification failed",
    ))
}
