//! What makes a Docker registry take the realm's tokens.

use realmkeep_jose::Algorithm;

use super::Installation;
use crate::error::{ApiError, ApiResult};
use crate::request::Cx;

/// Settings of a registry's `auth.token`.
pub(super) struct Settings {
    pub(super) realm: String,
    pub(super) service: String,
    pub(super) issuer: String,
}

impl Settings {
    pub(super) fn of(installation: &Installation<'_>) -> Self {
        let cx = installation.cx;
        let issuer = cx.services.issuer(&cx.realm.name);
        Self {
            realm: format!("{issuer}/protocol/docker-v2/auth"),
            service: installation.client.client_id.clone().unwrap_or_default(),
            issuer,
        }
    }
}

/// The certificate of the key that signs tokens for registries; None where the realm's administrator
/// brought a key without one.
pub(super) async fn certificate(cx: &Cx) -> ApiResult<Option<String>> {
    let keys = &cx.services.keys;
    let signing = keys
        .active_signing(&cx.realm, Algorithm::Rs256)
        .await
        .map_err(ApiError::internal)?;
    let known = keys.jwks(&cx.realm).await.map_err(ApiError::internal)?;
    let own = |jwk: &realmkeep_jose::Jwk| jwk.kid.as_deref() == Some(signing.kid());
    let found = known.keys.into_iter().find(own);
    Ok(found.and_then(|jwk| jwk.x5c?.into_iter().next()))
}

/// The part `auth` of a registry's `config.yml`.
pub(super) fn config(installation: &Installation<'_>) -> ApiResult<String> {
    let Settings {
        realm,
        service,
        issuer,
    } = Settings::of(installation);
    Ok(format!(
        "auth:\n  token:\n    realm: {}\n    service: {}\n    issuer: {}\n",
        yaml(&realm)?,
        yaml(&service)?,
        yaml(&issuer)?
    ))
}

/// Arguments of `docker run`.
pub(super) fn variables(installation: &Installation<'_>) -> ApiResult<String> {
    let Settings {
        realm,
        service,
        issuer,
    } = Settings::of(installation);
    let pairs = [("REALM", realm), ("SERVICE", service), ("ISSUER", issuer)];
    let lines =
        pairs.map(|(name, value)| format!("-e REGISTRY_AUTH_TOKEN_{name}={} \\\n", shell(&value)));
    Ok(lines.concat())
}

/// A YAML scalar: every JSON string is one (YAML 1.2 section 1.3).
pub(super) fn yaml(text: &str) -> ApiResult<String> {
    if is_plain(text) {
        return Ok(text.to_owned());
    }
    serde_json::to_string(text).map_err(ApiError::internal)
}

/// One word of a POSIX shell.
fn shell(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Whether neither YAML nor a shell sees more in it than text.
fn is_plain(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':'))
        && !text.ends_with(':')
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        )
}
