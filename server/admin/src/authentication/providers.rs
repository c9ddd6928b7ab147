//! What a flow can be made of: authenticators, client authenticators, forms and form actions.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::Json;
use realmkeep_authn::Services;
use realmkeep_authn::flow::registry;
use realmkeep_representations::{
    AuthenticatorConfigInfoRepresentation, ConfigPropertyRepresentation,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::request::Cx;
use crate::rights::Right;

/// Every provider that a flow may name, with what it may be set to.
const PROVIDERS: &str = include_str!("../data/flow_providers.json");

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    /// `authenticator`, `client-authenticator`, `form` or `form-action`.
    pub kind: String,
    pub display_name: String,
    pub requirement_choices: Vec<String>,
    pub configurable: bool,
    pub properties: Vec<ConfigPropertyRepresentation>,
}

fn all() -> ApiResult<&'static BTreeMap<String, Provider>> {
    static ALL: OnceLock<Result<BTreeMap<String, Provider>, String>> = OnceLock::new();
    ALL.get_or_init(|| serde_json::from_str(PROVIDERS).map_err(|e| e.to_string()))
        .as_ref()
        .map_err(ApiError::internal)
}

/// The provider with this id.
///
/// # Errors
/// When the table cannot be read, which only a defect can cause.
pub fn find(id: &str) -> ApiResult<Option<&'static Provider>> {
    Ok(all()?.get(id))
}

/// Whether the provider is not of a feature that is switched off.
pub fn is_available(services: &Services, id: &str) -> bool {
    registry::authenticator(id).is_none_or(|known| known.is_available(services))
}

/// The providers of a kind, as lists of them show them.
///
/// # Errors
/// As [`find`].
pub fn listed(kind: &str) -> ApiResult<Vec<Value>> {
    Ok(all()?
        .iter()
        .filter(|(_, p)| p.kind == kind)
        .map(|(id, p)| json!({"id": id, "displayName": p.display_name, "description": ""}))
        .collect())
}

/// The providers of a kind with their configuration, as `serverinfo` shows component types.
///
/// # Errors
/// As [`find`].
pub fn described(kind: &str) -> ApiResult<Vec<Value>> {
    Ok(all()?
        .iter()
        .filter(|(_, p)| p.kind == kind)
        .map(|(id, p)| {
            json!({"id": id, "helpText": "", "properties": complete(&p.properties), "metadata": {}})
        })
        .collect())
}

/// With the flags that are off written out.
fn complete(properties: &[ConfigPropertyRepresentation]) -> Vec<ConfigPropertyRepresentation> {
    properties
        .iter()
        .cloned()
        .map(|mut property| {
            property.help_text.get_or_insert_with(|| json!(""));
            property.secret.get_or_insert(false);
            property.required.get_or_insert(false);
            property.read_only.get_or_insert(false);
            property
        })
        .collect()
}

pub async fn authenticators(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let mut all = listed("authenticator")?;
    all.retain(|provider| {
        let id = provider.get("id").and_then(Value::as_str);
        id.is_some_and(|id| is_available(&cx.services, id))
    });
    Ok(Json(all))
}

pub async fn forms(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM])?;
    Ok(Json(listed("form")?))
}

pub async fn form_actions(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM])?;
    Ok(Json(listed("form-action")?))
}

pub async fn client_authenticators(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM, Right::VIEW_CLIENTS])?;
    let mut list = listed("client-authenticator")?;
    for provider in &mut list {
        let with_secret = provider
            .get("id")
            .and_then(Value::as_str)
            .is_some_and(|id| id.starts_with("client-secret"));
        if let Value::Object(fields) = provider {
            fields.insert("supportsSecret".to_owned(), json!(with_secret));
        }
    }
    Ok(Json(list))
}

pub async fn describe(cx: Cx) -> ApiResult<Json<AuthenticatorConfigInfoRepresentation>> {
    cx.require(&[Right::VIEW_REALM])?;
    let id = cx.param("provider");
    let provider =
        find(id)?.ok_or_else(|| ApiError::not_found("Could not find authenticator provider"))?;
    Ok(Json(AuthenticatorConfigInfoRepresentation {
        name: Some(provider.display_name.clone()),
        provider_id: Some(id.to_owned()),
        help_text: Some(json!("")),
        properties: Some(complete(&provider.properties)),
    }))
}

/// What each client authenticator is configured with in a client's attributes.
pub async fn describe_per_client(cx: Cx) -> ApiResult<Json<BTreeMap<String, Value>>> {
    cx.require(&[Right::VIEW_REALM, Right::VIEW_CLIENTS])?;
    let property = |name: &str, label: &str| {
        json!({
            "name": name, "label": label, "helpText": "", "type": "String",
            "secret": false, "required": true, "readOnly": false,
        })
    };
    Ok(Json(
        all()?
            .iter()
            .filter(|(_, p)| p.kind == "client-authenticator")
            .map(|(id, _)| {
                let properties = if id == "federated-jwt" {
                    json!([
                        property("jwt.credential.issuer", "Identity provider"),
                        property("jwt.credential.sub", "Federated subject"),
                    ])
                } else {
                    json!([])
                };
                (id.clone(), properties)
            })
            .collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read() {
        assert!(find("auth-cookie").unwrap().is_some());
        assert!(find("nope").unwrap().is_none());
        assert_eq!(listed("form").unwrap().len(), 1);
    }
}
