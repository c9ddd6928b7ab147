//! The secrets that a client may use now: its own, and after a rotation for a while the one before.

use realmkeep_model::secret_rotation::{ROTATED, ROTATED_EXPIRATION, expiration};
use realmkeep_representations::SecretString;
use realmkeep_store::Client;
use subtle::ConstantTimeEq;

use super::attribute;

/// The live secrets, at most two.
///
/// # Errors
/// Why there is none, for the event.
pub(super) fn live(client: &Client, now: i64) -> Result<Vec<SecretString>, &'static str> {
    let seconds = |name: &str| attribute(client, name).and_then(|value| value.parse::<i64>().ok());
    let own = client
        .representation
        .secret
        .as_ref()
        .filter(|secret| !secret.expose().is_empty())
        .ok_or("the client has no secret; give it one or another authenticator")?;
    let mut all = Vec::new();
    if expiration(&client.representation).is_none_or(|end| now < end) {
        all.push(own.clone());
    }
    // Without an end the old secret would be good for ever.
    if let Some(rotated) = attribute(client, ROTATED)
        && seconds(ROTATED_EXPIRATION).is_some_and(|end| now < end)
    {
        all.push(SecretString::new(rotated));
    }
    if all.is_empty() {
        return Err("the client's secret has expired; rotate it");
    }
    Ok(all)
}

/// Whether `sent` is one of them; takes as long for each.
pub(super) fn contains(secrets: &[SecretString], sent: &SecretString) -> bool {
    secrets.iter().fold(false, |found, secret| {
        let same = secret.expose().as_bytes().ct_eq(sent.expose().as_bytes());
        found | bool::from(same)
    })
}
