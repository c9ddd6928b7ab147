//! Authorization codes (RFC 6749 §4.1.2): issued at the end of a login, redeemed once.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use realmkeep_store::single_use::Space;
use realmkeep_store::{Batch, Realm, Step, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::{random, session};

/// Longest life of a code, whatever the realm says (RFC 9700 §2.1.1), in seconds.
const MAX_LIFESPAN: i64 = 60;

/// What a code stands for; kept under the code's hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRecord {
    pub realm_id: String,
    /// The client's id, not its clientId.
    pub client: String,
    pub redirect_uri: String,
    pub user_id: String,
    pub session_id: String,
    /// Requested and allowed scope, space separated.
    pub scope: String,
    pub nonce: Option<String>,
    /// PKCE (RFC 7636); the method is `S256` or `plain`.
    pub code_challenge: Option<String>,
    pub code_challenge_method: Option<String>,
    /// When the user last proved who they are; seconds since 1970.
    pub auth_time: i64,
    /// RFC 7638 thumbprint of the key that must prove itself when the code is redeemed
    /// (RFC 9449 §10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
}

/// Left behind by a redeemed code, so that a second use can end what the first one began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedCode {
    pub realm_id: String,
    pub client: String,
    pub session_id: String,
}

/// The answer to a redemption attempt.
#[derive(Debug)]
pub enum Redeemed {
    /// It was there. The attempt that commits the batch, and no other, gets it.
    Code(Box<CodeRecord>, Batch),
    /// It was redeemed before: what was issued for it must be revoked (RFC 6749 §4.1.2).
    Again(UsedCode),
    /// Never issued, or expired.
    Unknown,
}

/// A fresh code and the step that puts it down; commit it in the batch that starts the session.
///
/// # Errors
/// When the record cannot be written as JSON.
pub fn issue_code(
    realm: &Realm,
    record: &CodeRecord,
    now: i64,
) -> Result<(String, Step), StoreError> {
    let code = random::token(32);
    let lifespan = realm
        .settings
        .access_code_lifespan
        .map_or(MAX_LIFESPAN, i64::from)
        .clamp(1, MAX_LIFESPAN);
    let step = Store::put_single_use(Space::Code, &key(&code), now + lifespan, record)?;
    Ok((code, step))
}

/// What the code stands for, with the batch that takes it away: of all callers one can commit it, and the
/// others find a failed guard, and afterwards that the code was used.
///
/// # Errors
/// When the database fails.
pub async fn find_code(
    store: &Store,
    realm: &Realm,
    code: &str,
    now: i64,
) -> Result<Redeemed, StoreError> {
    let key = key(code);
    let record = store
        .peek_single_use::<CodeRecord>(Space::Code, &key, now)
        .await?;
    if let Some(record) = record.filter(|r| r.realm_id == realm.id) {
        let used = UsedCode {
            realm_id: record.realm_id.clone(),
            client: record.client.clone(),
            session_id: record.session_id.clone(),
        };
        // One statement decides, the other lets a second use be told from a code never issued.
        let mut batch = Batch::new();
        batch.push(Store::take_single_use_step(Space::Code, &key));
        let until = now + session::max_lifespan(realm, false);
        batch.push(Store::put_single_use(Space::UsedCode, &key, until, &used)?);
        return Ok(Redeemed::Code(Box::new(record), batch));
    }
    let used: Option<UsedCode> = store.peek_single_use(Space::UsedCode, &key, now).await?;
    Ok(used
        .filter(|u| u.realm_id == realm.id)
        .map_or(Redeemed::Unknown, Redeemed::Again))
}

/// Codes are kept by hash: who reads the table cannot redeem them.
fn key(code: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, code.as_bytes()))
}
