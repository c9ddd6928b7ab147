//! The user profile: which attributes users have, and the checks on the built-in ones.

use axum::Json;
use http::StatusCode;
use realmkeep_representations::{ComponentRepresentation, UPConfig, UserRepresentation};
use realmkeep_store::Batch;
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given, new_id};
use crate::rights::Right;

/// The component that holds a realm's own profile.
const PROVIDER: &str = "org.keycloak.userprofile.UserProfileProvider";
const CONFIG: &str = "kc.user.profile.config";
const DEFAULT: &str = include_str!("data/user_profile.json");

/// The limits of the built-in profile.
const USERNAME_LENGTH: (usize, usize) = (3, 255);
const NAME_LIMIT: usize = 255;

pub async fn read(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(&[Right::VIEW_REALM, Right::VIEW_USERS])?;
    match stored(&cx).await? {
        Some(component) => Ok(Json(config_of(&component)?)),
        None => Ok(Json(
            serde_json::from_str(DEFAULT).map_err(ApiError::internal)?,
        )),
    }
}

pub async fn update(cx: Cx, given: Given<UPConfig>) -> ApiResult<Json<Value>> {
    cx.require(&[Right::MANAGE_REALM])?;
    let names: Vec<&str> = given
        .value
        .attributes
        .iter()
        .flatten()
        .filter_map(|a| a.name.as_deref())
        .collect();
    let missing: Vec<String> = ["username", "email"]
        .into_iter()
        .filter(|name| !names.contains(name))
        .map(|name| format!("The attribute '{name}' can not be removed"))
        .collect();
    if !missing.is_empty() {
        return Err(ApiError::bad_request(format!("[{}]", missing.join(", "))));
    }
    let config = serde_json::to_value(&given.value).map_err(ApiError::internal)?;
    let known = stored(&cx).await?;
    let is_new = known.is_none();
    let mut component = known.unwrap_or_else(|| ComponentRepresentation {
        id: Some(new_id()),
        name: Some("declarative-user-profile".to_owned()),
        parent_id: Some(cx.realm.id.clone()),
        provider_id: Some("declarative-user-profile".to_owned()),
        provider_type: Some(PROVIDER.to_owned()),
        ..Default::default()
    });
    component
        .config
        .get_or_insert_default()
        .insert(CONFIG.to_owned(), vec![config.to_string()]);
    let mut batch = Batch::new();
    batch.push(if is_new {
        cx.store().insert(&cx.realm.id, &component)?
    } else {
        cx.store().update(&cx.realm.id, &component)?
    });
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(Json(config))
}

/// What an account page needs to know of the profile, without who may see what.
pub async fn metadata(cx: Cx) -> ApiResult<Json<Value>> {
    let Json(config) = read(cx).await?;
    let attributes: Vec<Value> = config
        .get("attributes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|a| {
            json!({
                "name": a.get("name"),
                "displayName": a.get("displayName"),
                "required": required_of_admins(a),
                "readOnly": false,
                "validators": a.get("validations").cloned().unwrap_or(json!({})),
                "multivalued": a.get("multivalued").cloned().unwrap_or(json!(false)),
            })
        })
        .collect();
    let groups = config.get("groups").cloned().unwrap_or(json!([]));
    Ok(Json(json!({"attributes": attributes, "groups": groups})))
}

/// The username always; else what is required of everybody, or of administrators by name.
fn required_of_admins(attribute: &Value) -> bool {
    let required = attribute.get("required");
    let roles = required
        .and_then(|r| r.get("roles"))
        .and_then(Value::as_array);
    attribute.get("name") == Some(&json!("username"))
        || (required.is_some_and(Value::is_object)
            && roles.is_none_or(|roles| roles.contains(&json!("admin"))))
}

async fn stored(cx: &Cx) -> ApiResult<Option<ComponentRepresentation>> {
    let top = cx
        .store()
        .children::<ComponentRepresentation>(&cx.realm.id, &cx.realm.id)
        .await?;
    Ok(top
        .into_iter()
        .find(|c| c.provider_type.as_deref() == Some(PROVIDER)))
}

fn config_of(component: &ComponentRepresentation) -> ApiResult<Value> {
    let text = component
        .config
        .as_ref()
        .and_then(|c| c.get(CONFIG)?.first())
        .map_or(DEFAULT, String::as_str);
    serde_json::from_str(text).map_err(ApiError::internal)
}

/// Checks username, e-mail and names; further attributes are kept as they are.
///
/// # Errors
/// 400 with the field and a message key for each that fails.
pub fn check(user: &UserRepresentation) -> ApiResult<()> {
    let mut errors = Vec::new();
    let username = user.username.as_deref().unwrap_or_default();
    let (min, max) = USERNAME_LENGTH;
    let length = username.chars().count();
    if length < min || length > max {
        errors.push(error(
            "username",
            "error-invalid-length",
            &[json!(min), json!(max)],
        ));
    }
    const PROHIBITED: &str = "<>&\"'$%!#?§,;:*~/\\|^=[]{}()`";
    if username
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || PROHIBITED.contains(c))
    {
        errors.push(error("username", "error-username-invalid-character", &[]));
    }
    if let Some(email) = user.email.as_deref().filter(|e| !e.is_empty()) {
        if !is_email(email) {
            errors.push(json!({
                "field": "email", "errorMessage": "error-invalid-email", "params": ["email", email],
            }));
        } else if email.chars().count() > NAME_LIMIT {
            errors.push(too_long("email"));
        }
    }
    for (field, value) in [
        ("firstName", &user.first_name),
        ("lastName", &user.last_name),
    ] {
        let value = value.as_deref().unwrap_or_default();
        if value.chars().count() > NAME_LIMIT {
            errors.push(too_long(field));
        }
        if value
            .chars()
            .any(|c| c.is_control() || "<>&\"$%!#?§;*~/\\|^=[]{}()".contains(c))
        {
            errors.push(error(field, "error-person-name-invalid-character", &[]));
        }
    }
    match errors.as_slice() {
        [] => Ok(()),
        [one] => Err(ApiError::with(StatusCode::BAD_REQUEST, one.clone())),
        many => Err(ApiError::with(
            StatusCode::BAD_REQUEST,
            json!({ "errors": many }),
        )),
    }
}

/// 400: the field cannot be changed.
pub fn read_only(field: &str) -> ApiError {
    ApiError::with(
        StatusCode::BAD_REQUEST,
        error(field, "error-user-attribute-read-only", &[]),
    )
}

fn too_long(field: &str) -> Value {
    error(
        field,
        "error-invalid-length-too-long",
        &[json!(0), json!(NAME_LIMIT)],
    )
}

fn error(field: &str, key: &str, params: &[Value]) -> Value {
    let mut all = vec![json!(field)];
    all.extend_from_slice(params);
    json!({"field": field, "errorMessage": key, "params": all})
}

/// One `@` between a local part and a domain that mail could go to (RFC 5321 section 4.1.2, without
/// quoted local parts and address literals).
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let local_ok = !local.is_empty()
        && local.len() <= 64
        && local
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && !"@<>()[],;:\\\"".contains(c))
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    let domain_ok = domain.len() <= 253
        && domain.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
    local_ok && domain_ok
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_profile_is_one() {
        let value: Value = serde_json::from_str(DEFAULT).unwrap();
        realmkeep_representations::strict::refuse_unknown::<UPConfig>(&value).unwrap();
    }

    #[test]
    fn e_mail_addresses() {
        for good in [
            "a@b",
            "u1@example.test",
            "first.last+tag@sub.example.org",
            "jörg@exämple.de",
        ] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "x",
            "@b",
            "a@",
            "a b@c.d",
            "a@b..c",
            ".a@b.c",
            "a@-b.c",
            "a@b.c\n",
            "a\"@b.c",
            "a@[1.2.3.4]",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn one_error_stands_alone_and_many_in_a_list() {
        let user = |username: &str, email: &str| UserRepresentation {
            username: Some(username.to_owned()),
            email: Some(email.to_owned()),
            ..Default::default()
        };
        assert!(check(&user("alice", "a@b.c")).is_ok());
        let one = check(&user("x", "")).unwrap_err().body;
        assert_eq!(
            one,
            json!({"field": "username", "errorMessage": "error-invalid-length", "params": ["username", 3, 255]})
        );
        let two = check(&user("x", "y")).unwrap_err().body;
        assert_eq!(two["errors"][1]["errorMessage"], "error-invalid-email");
    }
}
