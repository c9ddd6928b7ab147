//! The user profile: which attributes users have, who may see and change them, what must hold for them.

use axum::Json;
use http::StatusCode;
use realmkeep_model::user_profile::{
    LoginSettings, ProfileContext, ProfileError, ProfilePlace, UserProfile, attributes_of,
    set_attributes,
};
use realmkeep_representations::{
    ComponentRepresentation, UPConfig, UserProfileMetadata, UserRepresentation,
};
use realmkeep_store::{Batch, Realm, Store};
use serde_json::{Value, json};

use crate::bootstrap::TEMPORARY_ADMIN;
use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given, new_id};
use crate::rights::Right;

/// The component that holds a realm's own profile.
const PROVIDER: &str = "org.keycloak.userprofile.UserProfileProvider";
const CONFIG: &str = "kc.user.profile.config";

/// The realm's profile.
///
/// # Errors
/// When the database fails, or what is stored is no profile.
pub async fn of(store: &Store, realm: &Realm) -> ApiResult<UserProfile> {
    let component = stored(store, realm).await?;
    let text = component
        .as_ref()
        .and_then(|c| c.config.as_ref()?.get(CONFIG)?.first())
        .map(String::as_str);
    let profile = UserProfile::of_component(text).map_err(|errors| {
        let all: Vec<String> = errors.into_iter().map(|e| e.0).collect();
        ApiError::internal(format!("the stored user profile: {}", all.join("; ")))
    })?;
    Ok(profile.with_locale(&realm.settings))
}

/// Where administrators read and write attributes.
pub fn admin_context(realm: &Realm) -> ProfileContext<'static> {
    ProfileContext {
        place: ProfilePlace::Admin,
        scopes: &[],
        login: LoginSettings::of(&realm.settings),
        locale: "en",
    }
}

pub async fn read(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(&[Right::VIEW_REALM, Right::VIEW_USERS])?;
    let profile = of(cx.store(), &cx.realm).await?;
    serde_json::to_value(profile.config())
        .map(Json)
        .map_err(ApiError::internal)
}

pub async fn update(cx: Cx, given: Given<UPConfig>) -> ApiResult<Json<Value>> {
    cx.require(&[Right::MANAGE_REALM])?;
    check_config(&given.value)?;
    store(&cx, &given.value).await.map(Json)
}

/// # Errors
/// 400 with all that is wrong in the profile.
pub fn check_config(config: &UPConfig) -> ApiResult<()> {
    match UserProfile::new(config.clone()) {
        Ok(_) => Ok(()),
        Err(errors) => {
            let all: Vec<String> = errors.into_iter().map(|e| e.0).collect();
            Err(ApiError::bad_request(format!("[{}]", all.join(", "))))
        }
    }
}

/// Stores the realm's own profile.
///
/// # Errors
/// When it cannot be written.
pub async fn store(cx: &Cx, config: &UPConfig) -> ApiResult<Value> {
    let config = serde_json::to_value(config).map_err(ApiError::internal)?;
    let known = stored(cx.store(), &cx.realm).await?;
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
    Ok(config)
}

pub async fn metadata(cx: Cx) -> ApiResult<Json<UserProfileMetadata>> {
    cx.require(&[Right::VIEW_REALM, Right::VIEW_USERS, Right::QUERY_USERS])?;
    let profile = of(cx.store(), &cx.realm).await?;
    Ok(Json(profile.metadata(&admin_context(&cx.realm))))
}

async fn stored(store: &Store, realm: &Realm) -> ApiResult<Option<ComponentRepresentation>> {
    let top = store
        .children::<ComponentRepresentation>(&realm.id, &realm.id)
        .await?;
    Ok(top
        .into_iter()
        .find(|c| c.provider_type.as_deref() == Some(PROVIDER)))
}

/// The user as it is after an administrator wrote `given` over `old` (none for a new user).
///
/// # Errors
/// 400 with the field and a message key for each that fails.
pub async fn validated(
    cx: &Cx,
    given: &UserRepresentation,
    old: Option<&UserRepresentation>,
) -> ApiResult<UserRepresentation> {
    let profile = of(cx.store(), &cx.realm).await?;
    let context = admin_context(&cx.realm);
    let mut submitted = attributes_of(given);
    // What is not there any more was taken away.
    let current = old.map(attributes_of).unwrap_or_default();
    for name in current.keys() {
        if !submitted.contains_key(name) {
            submitted.insert(name.clone(), Vec::new());
        }
    }
    let after = profile
        .validate(&context, &submitted, &current)
        .map_err(|errors| refused(&errors))?;
    let mut user = given.clone();
    set_attributes(&mut user, &after);
    // The mark of an account that is to be replaced is the server's own, not the profile's.
    let mark = current.get(TEMPORARY_ADMIN);
    if let Some(mark) = mark {
        user.attributes
            .get_or_insert_default()
            .insert(TEMPORARY_ADMIN.to_owned(), mark.clone());
    }
    Ok(user)
}

/// One error stands alone, many stand in a list.
pub fn refused(errors: &[ProfileError]) -> ApiError {
    let shown: Vec<Value> = errors
        .iter()
        .map(|e| json!({"field": e.attribute, "errorMessage": e.message_key, "params": e.params}))
        .collect();
    match shown.as_slice() {
        [one] => ApiError::with(StatusCode::BAD_REQUEST, one.clone()),
        many => ApiError::with(StatusCode::BAD_REQUEST, json!({ "errors": many })),
    }
}

/// 400: the field cannot be changed.
pub fn read_only(field: &str) -> ApiError {
    refused(&[ProfileError {
        attribute: field.to_owned(),
        message_key: "error-user-attribute-read-only".to_owned(),
        params: vec![json!(field)],
    }])
}
