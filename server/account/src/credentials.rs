//! What the user signs in with.

use axum::Json;
use http::StatusCode;
use realmkeep_authn::flow::registry;
use realmkeep_events::EventType;
use realmkeep_representations::CredentialRepresentation;
use realmkeep_store::Batch;
use serde_json::{Value, json};

use crate::caller::{Body, Caller, MANAGE_ACCOUNT, VIEW_PROFILE};
use crate::error::{AccountError, AccountResult};

/// Longest label, in characters.
const LABEL_LIMIT: usize = 255;

/// A kind of credential as the account console lists it.
struct Kind {
    id: &'static str,
    /// `basic-authentication`, `two-factor` or `passwordless`.
    category: &'static str,
    name: &'static str,
    help: &'static str,
    icon: &'static str,
    /// The required action that sets one up.
    action: &'static str,
    /// Whether there is one at most, which the action replaces.
    single: bool,
    removable: bool,
}

const KINDS: &[Kind] = &[
    Kind {
        id: "password",
        category: "basic-authentication",
        name: "password-display-name",
        help: "password-help-text",
        icon: "kcAuthenticatorPasswordClass",
        action: "UPDATE_PASSWORD",
        single: true,
        removable: false,
    },
    Kind {
        id: "otp",
        category: "two-factor",
        name: "otp-display-name",
        help: "otp-help-text",
        icon: "kcAuthenticatorOTPClass",
        action: "CONFIGURE_TOTP",
        single: false,
        removable: true,
    },
    Kind {
        id: "recovery-authn-codes",
        category: "two-factor",
        name: "recovery-authn-codes-display-name",
        help: "recovery-authn-codes-help-text",
        icon: "kcAuthenticatorRecoveryAuthnCodesClass",
        action: "CONFIGURE_RECOVERY_AUTHN_CODES",
        single: true,
        removable: true,
    },
    Kind {
        id: "webauthn",
        category: "two-factor",
        name: "webauthn-display-name",
        help: "webauthn-help-text",
        icon: "kcAuthenticatorWebAuthnClass",
        action: "webauthn-register",
        single: false,
        removable: true,
    },
    Kind {
        id: "webauthn-passwordless",
        category: "passwordless",
        name: "webauthn-passwordless-display-name",
        help: "webauthn-passwordless-help-text",
        icon: "kcAuthenticatorWebAuthnPasswordlessClass",
        action: "webauthn-register-passwordless",
        single: false,
        removable: true,
    },
];

pub async fn list(caller: Caller) -> AccountResult<Json<Vec<Value>>> {
    caller.require(&[MANAGE_ACCOUNT, VIEW_PROFILE])?;
    let own = caller.store().credentials(caller.user_id()).await?;
    let only = caller.query("type");
    let with_credentials = caller.query("user-credentials") != Some("false");
    let enabled = |action: &str| {
        registry::required_action(action).is_some_and(|known| known.is_available(&caller.services))
            && caller
                .realm
                .settings
                .required_actions
                .iter()
                .flatten()
                .any(|a| a.alias.as_deref() == Some(action) && a.enabled == Some(true))
    };
    let mut rows = Vec::new();
    for kind in KINDS {
        let of_kind: Vec<&CredentialRepresentation> = own
            .iter()
            .filter(|c| c.r#type.as_deref() == Some(kind.id))
            .collect();
        let can_set_up = enabled(kind.action);
        let skipped = of_kind.is_empty() && !can_set_up;
        if skipped || only.is_some_and(|only| only != kind.id) {
            continue;
        }
        let mut row = json!({
            "type": kind.id,
            "category": kind.category,
            "displayName": kind.name,
            "helptext": kind.help,
            "iconCssClass": kind.icon,
            "removeable": kind.removable,
        });
        if let Value::Object(fields) = &mut row {
            if can_set_up && (!kind.single || of_kind.is_empty()) {
                fields.insert("createAction".to_owned(), json!(kind.action));
            }
            if can_set_up && kind.single && !of_kind.is_empty() {
                fields.insert("updateAction".to_owned(), json!(kind.action));
            }
            if with_credentials {
                let shown: Vec<Value> = of_kind
                    .into_iter()
                    .map(|c| {
                        json!({"credential": {
                            "id": c.id, "type": c.r#type, "userLabel": c.user_label,
                            "createdDate": c.created_date, "credentialData": c.credential_data,
                        }})
                    })
                    .collect();
                fields.insert("userCredentialMetadatas".to_owned(), json!(shown));
            }
        }
        rows.push(row);
    }
    Ok(Json(rows))
}

async fn own(caller: &Caller) -> AccountResult<CredentialRepresentation> {
    caller
        .store()
        .credentials(caller.user_id())
        .await?
        .into_iter()
        .find(|c| c.id.as_deref() == Some(caller.param("credential")))
        .ok_or_else(|| AccountError::not_found("Credential not found"))
}

/// Credentials go away by the action `delete_credential`, which asks who it is first; a token alone is not
/// enough.
pub async fn remove(caller: Caller) -> AccountResult<StatusCode> {
    caller.require(&[MANAGE_ACCOUNT])?;
    let credential = own(&caller).await?;
    let kind = credential.r#type.unwrap_or_default();
    Err(AccountError::bad_request(format!(
        "a credential of type '{kind}' is removed by logging in with kc_action=delete_credential:{}",
        caller.param("credential")
    )))
}

pub async fn label(caller: Caller, body: Body) -> AccountResult<StatusCode> {
    caller.require(&[MANAGE_ACCOUNT])?;
    let mut credential = own(&caller).await?;
    let Value::String(label) = body.0 else {
        return Err(AccountError::bad_request("a text was expected"));
    };
    if label.chars().count() > LABEL_LIMIT || label.chars().any(char::is_control) {
        return Err(AccountError::bad_request(format!(
            "a label has at most {LABEL_LIMIT} characters and no control characters"
        )));
    }
    credential.user_label = Some(label);
    let mut batch = Batch::new();
    batch.push(
        caller
            .store()
            .update_credential(caller.user_id(), &credential)?,
    );
    let kind = credential.r#type.unwrap_or_default();
    let event = caller
        .event(EventType::UpdateCredential)
        .detail("credential_type", kind);
    caller.commit(batch, event).await?;
    Ok(StatusCode::NO_CONTENT)
}
