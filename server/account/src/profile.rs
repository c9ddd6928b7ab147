//! Personal info, as the realm's user profile lets users see and change it.

use axum::Json;
use http::StatusCode;
use realmkeep_events::EventType;
use realmkeep_model::user_profile::{
    LoginSettings, ProfileContext, ProfileError, ProfilePlace, UserProfile, attributes_of,
    set_attributes,
};
use realmkeep_representations::{UserRepresentation, strict};
use realmkeep_store::{Batch, Realm};
use serde_json::{Value, json};

use crate::caller::{Body, Caller, MANAGE_ACCOUNT, VIEW_PROFILE};
use crate::error::{AccountError, AccountResult};

fn profile(realm: &Realm) -> AccountResult<UserProfile> {
    let profile = UserProfile::of_component(realm.user_profile.as_deref()).map_err(|errors| {
        let all: Vec<String> = errors.into_iter().map(|e| e.0).collect();
        AccountError::internal(format!("the stored user profile: {}", all.join("; ")))
    })?;
    Ok(profile.with_locale(&realm.settings))
}

fn context(caller: &Caller) -> ProfileContext<'static> {
    let login = LoginSettings::of(&caller.realm.settings);
    ProfileContext {
        place: ProfilePlace::Account,
        scopes: &[],
        login: login.under(&caller.services.features),
        locale: "en",
    }
}

pub async fn read(caller: Caller) -> AccountResult<Json<UserRepresentation>> {
    caller.require(&[MANAGE_ACCOUNT, VIEW_PROFILE])?;
    let user = &caller.bearer.subject.user;
    let profile = profile(&caller.realm)?;
    let context = context(&caller);
    let mut seen = attributes_of(user);
    seen.retain(|name, _| profile.is_visible(name, &context));
    let mut shown = UserRepresentation {
        id: user.id.clone(),
        email_verified: user.email_verified,
        ..Default::default()
    };
    set_attributes(&mut shown, &seen);
    shown
        .username
        .get_or_insert_with(|| user.username.clone().unwrap_or_default());
    if caller.query("userProfileMetadata") != Some("false") {
        shown.user_profile_metadata = Some(profile.metadata(&context));
    }
    Ok(Json(shown))
}

pub async fn update(caller: Caller, body: Body) -> AccountResult<StatusCode> {
    caller.require(&[MANAGE_ACCOUNT])?;
    let given: UserRepresentation =
        strict::refuse_unknown(&body.0).map_err(|e| AccountError::bad_request(e.to_string()))?;
    let old = caller
        .store()
        .find_user(&caller.realm.id, caller.user_id())
        .await?
        .ok_or_else(AccountError::unauthorized)?;
    let profile = profile(&caller.realm)?;
    let context = context(&caller);
    let mut submitted = attributes_of(&given);
    for (name, value) in [
        ("email", &given.email),
        ("firstName", &given.first_name),
        ("lastName", &given.last_name),
    ] {
        if value.as_deref() == Some("") {
            submitted.insert(name.to_owned(), Vec::new());
        }
    }
    let current = attributes_of(&old);
    let after = profile
        .validate(&context, &submitted, &current)
        .map_err(|errors| refused(&errors))?;
    let mut new = old.clone();
    set_attributes(&mut new, &after);
    require_free(&caller, &new).await?;
    if new.email != old.email {
        new.email_verified = Some(false);
    }
    let mut batch = Batch::new();
    batch.push(caller.store().update_user(&caller.realm.id, &new, None)?);
    let event = caller
        .event(EventType::UpdateProfile)
        .detail("context", "ACCOUNT");
    caller.commit(batch, event).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(errors: &[ProfileError]) -> AccountError {
    let shown: Vec<Value> = errors
        .iter()
        .map(|e| json!({"field": e.attribute, "errorMessage": e.message_key, "params": e.params}))
        .collect();
    AccountError::with(StatusCode::BAD_REQUEST, json!({ "errors": shown }))
}

/// # Errors
/// 409 when the username or, where they must be unique, the e-mail address is another user's.
async fn require_free(caller: &Caller, user: &UserRepresentation) -> AccountResult<()> {
    let realm = &caller.realm.id;
    let taken = |field: &str, key: &str, value: &str| {
        AccountError::with(
            StatusCode::CONFLICT,
            json!({"errors": [{"field": field, "errorMessage": key, "params": [field, value]}]}),
        )
    };
    let other = |found: Option<UserRepresentation>| found.is_some_and(|f| f.id != user.id);
    let username = user.username.as_deref().unwrap_or_default();
    if other(caller.store().find_user_named(realm, username).await?) {
        return Err(taken("username", "usernameExistsMessage", username));
    }
    let settings = &caller.realm.settings;
    if let Some(email) = user.email.as_deref().filter(|e| !e.is_empty()) {
        let unique = settings.duplicate_emails_allowed != Some(true);
        let own = user.id.as_deref().unwrap_or_default();
        let others = caller.store().others_have_email(realm, email, own).await?;
        let named_so = caller.store().find_user_named(realm, email).await?;
        let by_name = settings.login_with_email_allowed != Some(false) && other(named_so);
        if (unique && others) || by_name {
            return Err(taken("email", "emailExistsMessage", email));
        }
    }
    Ok(())
}

/// Languages that the user may choose; none where the realm has one only.
pub async fn supported_locales(caller: Caller) -> AccountResult<Json<Vec<String>>> {
    let settings = &caller.realm.settings;
    if settings.internationalization_enabled != Some(true) {
        return Ok(Json(Vec::new()));
    }
    Ok(Json(settings.supported_locales.clone().unwrap_or_default()))
}
