//! Device authorization (RFC 8628): a device without a browser asks, its user answers elsewhere.

use realmkeep_store::pending::{Approval, PendingGrant, PendingKind};
use realmkeep_store::sessions::ClientSessionDetail;
use realmkeep_store::{Batch, Realm, Step, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::random;

/// Letters of user codes: no vowels, so that no words come out (RFC 8628 §6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Letters in a user code: 34 bits.
const LENGTH: usize = 8;

/// What the device asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRequest {
    /// Requested and allowed scope, space separated.
    pub scope: String,
    /// PKCE (RFC 7636); the method is `S256` or `plain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge_method: Option<String>,
    /// Thumbprint of the DPoP key that has to redeem the device code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
}

/// A device that waits for its user.
pub type WaitingDevice = PendingGrant<DeviceRequest>;

/// A fresh user code, as it is shown: `BCDF-GHJK`.
pub fn user_code() -> String {
    // Each letter from as many random bytes as it takes to have all equally likely.
    let mut code = String::with_capacity(LENGTH + 1);
    while code.len() <= LENGTH {
        for byte in random::bytes(LENGTH) {
            let limit = 256 - 256 % LETTERS.len();
            let Some(letter) = LETTERS.get(usize::from(byte) % LETTERS.len()) else {
                continue;
            };
            if usize::from(byte) >= limit || code.len() > LENGTH {
                continue;
            }
            if code.len() == LENGTH / 2 {
                code.push('-');
            }
            code.push(char::from(*letter));
        }
    }
    code
}

/// A user code as it is stored, from what a person typed: case, spaces and dashes do not count. None
/// when it cannot be one.
pub fn normal_user_code(typed: &str) -> Option<String> {
    if typed.len() > 4 * LENGTH {
        return None;
    }
    let letters: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let known = letters.bytes().all(|letter| LETTERS.contains(&letter));
    (known && letters.len() == LENGTH).then_some(letters)
}

/// The device whose user has this code; None for a code that was never shown, answered or expired.
/// The caller has to limit how often a person may guess.
///
/// # Errors
/// When the database fails.
pub async fn find_by_user_code(
    store: &Store,
    realm: &Realm,
    typed: &str,
    now: i64,
) -> Result<Option<WaitingDevice>, StoreError> {
    let Some(code) = normal_user_code(typed) else {
        return Ok(None);
    };
    store
        .find_pending_by_user_code(&realm.id, PendingKind::Device, &code, now)
        .await
}

/// The steps that let the device in: commit them with whatever else the user's consent changes. They
/// fail when the device was answered before, or waited too long. `detail` is the client's part in the
/// user's session.
///
/// # Errors
/// When they cannot be written as JSON.
pub fn approve_steps(
    device: &WaitingDevice,
    approval: &Approval,
    detail: &ClientSessionDetail,
    now: i64,
) -> Result<Vec<Step>, StoreError> {
    let part = Store::put_client_session(&approval.session_id, &device.client_id, now, detail)?;
    Ok(vec![
        Store::approve_pending(&device.id, approval, now)?,
        part,
    ])
}

/// As [`approve_steps`], committed; false when the device was answered before, or waited too long.
///
/// # Errors
/// When the database fails.
pub async fn approve(
    store: &Store,
    device: &WaitingDevice,
    approval: &Approval,
    detail: &ClientSessionDetail,
    now: i64,
) -> Result<bool, StoreError> {
    let mut batch = Batch::new();
    for step in approve_steps(device, approval, detail, now)? {
        batch.push(step);
    }
    decided(store, batch).await
}

/// The user does not want the device in; false when it was answered before, or waited too long.
///
/// # Errors
/// When the database fails.
pub async fn deny(store: &Store, device: &WaitingDevice, now: i64) -> Result<bool, StoreError> {
    let mut batch = Batch::new();
    batch.push(Store::deny_pending(&device.id, now));
    decided(store, batch).await
}

async fn decided(store: &Store, batch: Batch) -> Result<bool, StoreError> {
    match store.commit(batch).await {
        Ok(_) => Ok(true),
        Err(StoreError::Guard(_)) => Ok(false),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_codes_are_read_as_people_type_them() {
        for _ in 0..200 {
            let shown = user_code();
            assert_eq!(shown.len(), LENGTH + 1, "{shown}");
            let stored = shown.replace('-', "");
            assert_eq!(normal_user_code(&shown), Some(stored.clone()));
            let typed = format!(" {} ", shown.to_lowercase().replace('-', " "));
            assert_eq!(normal_user_code(&typed), Some(stored));
        }
        for wrong in [
            "",
            "BCDF",
            "BCDF-GHJA",
            "BCDF-GHJKL",
            &"B".repeat(40),
            "ÄÖÜß",
        ] {
            assert_eq!(normal_user_code(wrong), None, "{wrong}");
        }
    }
}
