//! New passwords: what the realm's policy asks of them, and what is kept of the old ones.

use http::StatusCode;
use realmkeep_keys::{PasswordMatch, StoredPassword};
use realmkeep_model::password_policy::{PasswordPolicy, PolicyError, PolicyUser};
use realmkeep_representations::{CredentialRepresentation, UserRepresentation};
use realmkeep_store::{Batch, Store};
use serde_json::json;

use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, new_id};

/// Credential type of passwords that were replaced.
const HISTORY: &str = "password-history";
/// Milliseconds.
const DAY: i64 = 86_400_000;

fn policy(cx: &Cx) -> ApiResult<PasswordPolicy> {
    PasswordPolicy::of_realm(cx.realm.settings.password_policy.as_deref())
        .map_err(|e| ApiError::bad_request(format!("the realm's password policy: {e}")))
}

/// # Errors
/// 400 with the message key of the first policy that the password does not meet.
pub async fn check(
    cx: &Cx,
    user: &UserRepresentation,
    id: Option<&str>,
    password: &str,
) -> ApiResult<()> {
    let policy = policy(cx)?;
    let about = PolicyUser {
        username: user.username.as_deref(),
        email: user.email.as_deref(),
    };
    policy
        .check(password, &about, &cx.services.accounts.blacklists)
        .map_err(|e| refused(&e))?;
    let (latest, days) = (policy.history(), policy.reuse_days());
    let Some(id) = id.filter(|_| latest > 0 || days > 0) else {
        return Ok(());
    };
    let since = cx
        .services
        .clock
        .now_millis()
        .saturating_sub(i64::from(days).saturating_mul(DAY));
    for (index, old) in earlier(cx, id).await?.into_iter().enumerate() {
        let is_latest = u32::try_from(index).is_ok_and(|i| i < latest);
        let is_recent = days > 0 && old.created_date.unwrap_or(0) >= since;
        if !is_latest && !is_recent {
            continue;
        }
        let (Some(secret), Some(data)) = (&old.secret_data, &old.credential_data) else {
            continue;
        };
        let stored = StoredPassword {
            credential_data: data.clone(),
            secret_data: secret.clone(),
        };
        if cx.services.passwords.verify(password, &stored).await? != PasswordMatch::Wrong {
            let error = if is_latest {
                policy.history_error()
            } else {
                policy.reuse_error()
            };
            return Err(refused(&error));
        }
    }
    Ok(())
}

fn refused(error: &PolicyError) -> ApiError {
    let params = error.params.join(", ");
    ApiError::with(
        StatusCode::BAD_REQUEST,
        json!({
            "error": error.message_key,
            "error_description": format!("the password policy is not met: {} {params}", error.message_key).trim_end(),
        }),
    )
}

/// The present password and those before it, the latest first.
async fn earlier(cx: &Cx, id: &str) -> ApiResult<Vec<CredentialRepresentation>> {
    let mut found: Vec<CredentialRepresentation> = cx
        .store()
        .credentials(id)
        .await?
        .into_iter()
        .filter(|c| matches!(c.r#type.as_deref(), Some("password" | HISTORY)))
        .collect();
    found.sort_by_key(|c| {
        let is_old = c.r#type.as_deref() == Some(HISTORY);
        (is_old, -c.created_date.unwrap_or(0))
    });
    Ok(found)
}

/// Puts the new password in the place of the present one, which is kept as far as the policy asks.
///
/// # Errors
/// When the database fails.
pub async fn replace(
    cx: &Cx,
    batch: &mut Batch,
    id: &str,
    new: &CredentialRepresentation,
) -> ApiResult<()> {
    let policy = policy(cx)?;
    let before = earlier(cx, id).await?;
    let kept = if policy.reuse_days() > 0 {
        usize::MAX
    } else {
        usize::try_from(policy.history())
            .unwrap_or(0)
            .saturating_sub(1)
    };
    batch.push(Store::delete_credentials(id, "password"));
    for (index, old) in before.into_iter().enumerate() {
        let is_old = old.r#type.as_deref() == Some(HISTORY);
        match (is_old, index < kept) {
            (true, false) => {
                batch.push(Store::delete_credential(
                    id,
                    old.id.as_deref().unwrap_or_default(),
                ));
            }
            (false, true) => {
                let history = CredentialRepresentation {
                    id: Some(new_id()),
                    r#type: Some(HISTORY.to_owned()),
                    ..old
                };
                batch.push(cx.store().insert_credential(id, &history)?);
            }
            _ => {}
        }
    }
    batch.push(cx.store().insert_credential(id, new)?);
    Ok(())
}
