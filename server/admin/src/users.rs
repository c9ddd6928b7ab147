//! Users, their credentials, groups and sessions.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::set_password::{check, hashing, set_password};
use realmkeep_authn::{Services, session_end};
use realmkeep_oidc::logout;
use realmkeep_representations::{
    CredentialRepresentation, GroupRepresentation, SecretString, UserRepresentation,
};
use realmkeep_store::documents::Page;
use realmkeep_store::users::{EMAIL_TAKEN, USERNAME_TAKEN, UserSearch};
use realmkeep_store::{Batch, Store};
use serde_json::{Value, json};

use crate::clients::attribute_query;
use crate::error::{ApiError, ApiResult};
use crate::grants;
use crate::merge::merged;
use crate::names::Names;
use crate::request::{Cx, Given};
use crate::rights::Right;
use crate::{
    federated_identities, groups, impersonation, profile, role_mappings, sessions, steps,
    user_consents, user_credentials, user_mail,
};

pub const VIEW: &[Right] = &[Right::VIEW_USERS];
pub const MANAGE: &[Right] = &[Right::MANAGE_USERS];

/// Users answered where no number is asked for.
const DEFAULT_PAGE: i64 = 100;

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/", get(list).post(create))
        .route("/count", get(count))
        .route("/profile", get(profile::read).put(profile::update))
        .route("/profile/metadata", get(profile::metadata))
        .route("/{user}", get(read).put(update).delete(remove))
        .route("/{user}/reset-password", put(reset_password))
        .route("/{user}/credentials", get(user_credentials::list))
        .route(
            "/{user}/credentials/{credential}",
            delete(user_credentials::delete),
        )
        .route(
            "/{user}/credentials/{credential}/moveToFirst",
            post(user_credentials::move_to_first),
        )
        .route(
            "/{user}/credentials/{credential}/moveAfter/{previous}",
            post(user_credentials::move_after),
        )
        .route(
            "/{user}/credentials/{credential}/userLabel",
            put(user_credentials::set_label),
        )
        .route(
            "/{user}/disable-credential-types",
            put(user_credentials::disable_types),
        )
        .route(
            "/{user}/configured-user-storage-credential-types",
            get(user_credentials::of_user_storage),
        )
        .route("/{user}/consents", get(user_consents::list))
        .route("/{user}/consents/{client}", delete(user_consents::revoke))
        .route("/{user}/groups", get(list_groups))
        .route("/{user}/groups/count", get(count_groups))
        .route("/{user}/groups/{group}", put(join).delete(leave))
        .route("/{user}/sessions", get(sessions::of_user))
        .route(
            "/{user}/offline-sessions/{client}",
            get(sessions::offline_of_user),
        )
        .route("/{user}/logout", post(sessions::logout_user))
        .route(
            "/{user}/federated-identity",
            get(federated_identities::list),
        )
        .route(
            "/{user}/federated-identity/{provider}",
            post(federated_identities::add).delete(federated_identities::remove),
        )
        .route(
            "/{user}/execute-actions-email",
            put(user_mail::execute_actions),
        )
        .route(
            "/{user}/reset-password-email",
            put(user_mail::reset_password),
        )
        .route("/{user}/send-verify-email", put(user_mail::verify_email))
        .route("/{user}/impersonation", post(impersonation::start))
        .route("/{user}/unmanagedAttributes", get(unmanaged_attributes))
        .nest("/{user}/role-mappings", role_mappings::user_routes())
}

/// As the Admin API shows it.
pub fn shown(user: UserRepresentation, cx: &Cx) -> UserRepresentation {
    let manage = cx.rights.has(Right::MANAGE_USERS);
    let mut user = without_access(user, false);
    user.access = Some(
        [
            ("view", true),
            ("manage", manage),
            ("manageGroupMembership", manage),
            ("mapRoles", manage),
            ("resetPassword", manage),
            ("impersonate", cx.rights.has(Right::IMPERSONATION)),
        ]
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v))
        .collect(),
    );
    user
}

/// As a list shows it: of what the caller may do with it, only whether it may be changed.
pub fn listed(user: UserRepresentation, cx: &Cx, brief: bool) -> UserRepresentation {
    let manage = cx.rights.has(Right::MANAGE_USERS);
    UserRepresentation {
        access: Some(BTreeMap::from([("manage".to_owned(), manage)])),
        ..without_access(user, brief)
    }
}

/// As lists show it that say nothing of what the caller may do. Brief is what names a user.
pub fn without_access(user: UserRepresentation, brief: bool) -> UserRepresentation {
    if brief {
        return UserRepresentation {
            id: user.id,
            username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
            email: user.email,
            email_verified: user.email_verified,
            enabled: user.enabled,
            created_timestamp: user.created_timestamp,
            federation_link: user.federation_link,
            ..Default::default()
        };
    }
    UserRepresentation {
        totp: Some(user.totp.unwrap_or(false)),
        // They have addresses of their own.
        federated_identities: None,
        client_consents: None,
        disableable_credential_types: Some(user.disableable_credential_types.unwrap_or_default()),
        attributes: user.attributes.filter(|a| !a.is_empty()),
        ..user
    }
}

/// The user in the request's path.
///
/// # Errors
/// 404 when the realm has none with this id.
pub async fn here(cx: &Cx) -> ApiResult<UserRepresentation> {
    cx.store()
        .find_user(&cx.realm.id, cx.param("user"))
        .await?
        .ok_or_else(|| ApiError::not_found("User not found"))
}

/// The user in the request's path, for a change: who could act as this user must not gain by it.
///
/// # Errors
/// 404, or 403 when the user has rights that the actor lacks.
pub async fn here_to_manage(cx: &Cx) -> ApiResult<UserRepresentation> {
    cx.require(MANAGE)?;
    let user = here(cx).await?;
    require_within_rights(cx, user.id.as_deref().unwrap_or_default()).await?;
    Ok(user)
}

/// # Errors
/// 403 when the user has administration rights that the actor lacks.
pub async fn require_within_rights(cx: &Cx, user_id: &str) -> ApiResult<()> {
    if exceeds_rights(cx, user_id).await? {
        return Err(ApiError::exceeds(
            "this account has administration rights that you do not have yourself",
        ));
    }
    Ok(())
}

/// Whether the user has administration rights that the actor lacks.
///
/// # Errors
/// When the database fails.
pub async fn exceeds_rights(cx: &Cx, user_id: &str) -> ApiResult<bool> {
    let Some(subject) = cx.store().subject(&cx.realm, user_id).await? else {
        return Ok(false);
    };
    let roles = subject.roles.iter().cloned();
    Ok(grants::exceeding(cx, roles).await?.is_some())
}

/// The id of the client whose service account this is.
async fn service_client(cx: &Cx, user: &UserRepresentation) -> ApiResult<Option<String>> {
    let Some(client_id) = &user.service_account_client_id else {
        return Ok(None);
    };
    let client = cx.store().client(&cx.realm, client_id).await?;
    Ok(client.and_then(|c| c.representation.id.clone()))
}

/// Replaces the user in the batch.
///
/// # Errors
/// When it cannot be written.
pub async fn push_update(cx: &Cx, batch: &mut Batch, user: &UserRepresentation) -> ApiResult<()> {
    let client = service_client(cx, user).await?;
    batch.push(
        cx.store()
            .update_user(&cx.realm.id, user, client.as_deref())?,
    );
    batch.touch(cx.touch_user(user.id.as_deref().unwrap_or_default()));
    Ok(())
}

async fn list(cx: Cx) -> ApiResult<Json<Vec<UserRepresentation>>> {
    cx.require(&[Right::VIEW_USERS, Right::QUERY_USERS])?;
    if !cx.rights.has(Right::VIEW_USERS) {
        return Ok(Json(Vec::new()));
    }
    let found = find(&cx, cx.page_or(DEFAULT_PAGE)?).await?;
    let brief = cx.flag("briefRepresentation");
    Ok(Json(
        found
            .into_iter()
            .map(|user| listed(user, &cx, brief))
            .collect(),
    ))
}

async fn count(cx: Cx) -> ApiResult<Json<i64>> {
    cx.require(&[Right::VIEW_USERS, Right::QUERY_USERS])?;
    if !cx.rights.has(Right::VIEW_USERS) {
        return Ok(Json(0));
    }
    let filter = Filter::of(&cx)?;
    if filter.only_database() {
        return Ok(Json(
            cx.store().count_users(&cx.realm.id, &filter.search).await?,
        ));
    }
    let found = find(&cx, Page::ALL).await?;
    Ok(Json(i64::try_from(found.len()).unwrap_or(i64::MAX)))
}

/// Attribute values from this length on are told apart here, in bytes.
const LONG_VALUE: usize = 255;

/// Users looked at at a time.
const PIECE: i64 = 1_000;

/// What of a search the database answers, and what is left to do in memory.
struct Filter {
    search: UserSearch,
    ids: Option<Vec<String>>,
    /// Further words, all of which must be found.
    words: Vec<String>,
    attributes: Vec<(String, String)>,
    /// A part of an attribute's value is enough.
    within: bool,
    email_verified: Option<bool>,
    /// Alias of an identity provider, and the user's id there.
    link: (Option<String>, Option<String>),
}

impl Filter {
    fn of(cx: &Cx) -> ApiResult<Self> {
        let boolean = |name: &str| -> ApiResult<Option<bool>> {
            cx.query(name)
                .map(|v| match v.to_lowercase().as_str() {
                    "true" => Ok(true),
                    "false" => Ok(false),
                    _ => Err(ApiError::bad_request(format!(
                        "{name}: true or false was expected"
                    ))),
                })
                .transpose()
        };
        let text = |name: &str| cx.query(name).map(str::to_owned);
        let mut ids = None;
        let mut words: Vec<String> = Vec::new();
        let exact = cx.flag("exact");
        if let Some(search) = cx.query("search") {
            if let Some(wanted) = search.strip_prefix("id:") {
                ids = Some(wanted.split_whitespace().map(str::to_owned).collect());
            } else if search.len() > 2 && search.starts_with('"') && search.ends_with('"') {
                words.push(search.to_owned());
            } else {
                words.extend(
                    search
                        .split_whitespace()
                        .filter(|w| !w.trim_matches('*').is_empty())
                        .map(str::to_owned),
                );
            }
        }
        let anywhere = (!words.is_empty()).then(|| words.remove(0));
        let mut attributes = attribute_query(cx.query("q"));
        // Fields of a user can be asked for like attributes.
        let mut field = |name: &str| {
            let at = attributes.iter().position(|(key, _)| key == name);
            let asked = at.map(|at| attributes.remove(at).1);
            text(name).or(asked)
        };
        let (username, email) = (field("username"), field("email"));
        let (first_name, last_name) = (field("firstName"), field("lastName"));
        let within = !attributes.is_empty() && cx.query("exact").is_some() && !exact;
        Ok(Self {
            search: UserSearch {
                anywhere,
                username,
                email,
                first_name,
                last_name,
                enabled: boolean("enabled")?,
                created_after: cx.number("createdAfter")?,
                created_before: cx.number("createdBefore")?,
                // The others are looked at in what this one leaves.
                attribute: attributes.first().filter(|_| !within).cloned(),
                exact,
            },
            ids,
            words,
            attributes,
            within,
            email_verified: boolean("emailVerified")?,
            link: (text("idpAlias"), text("idpUserId")),
        })
    }

    fn only_database(&self) -> bool {
        self.ids.is_none()
            && !self.within
            && self.words.is_empty()
            && self.attributes.len() <= 1
            && self
                .attributes
                .iter()
                .all(|(_, value)| value.len() < LONG_VALUE)
            && self.email_verified.is_none()
            && self.link == (None, None)
    }

    fn matches(&self, user: &UserRepresentation) -> bool {
        let contains = |part: &Option<String>, word: &str| {
            part.as_ref()
                .is_some_and(|p| fits(&word.to_lowercase(), &p.to_lowercase()))
        };
        self.words.iter().all(|word| {
            contains(&user.username, word)
                || contains(&user.email, word)
                || contains(&user.first_name, word)
                || contains(&user.last_name, word)
        }) && self.attributes.iter().all(|(key, value)| {
            let wanted = value.to_lowercase();
            let fits = |known: &String| {
                let known = known.to_lowercase();
                known == wanted || (self.within && known.contains(&wanted))
            };
            user.attributes
                .as_ref()
                .and_then(|a| a.get(key))
                .is_some_and(|values| values.iter().any(fits))
        }) && self
            .email_verified
            .is_none_or(|wanted| user.email_verified.unwrap_or(false) == wanted)
            && self.matches_link(user)
    }

    fn matches_link(&self, user: &UserRepresentation) -> bool {
        let (alias, id) = &self.link;
        let fits =
            |wanted: &Option<String>, value: &Option<String>| wanted.is_none() || wanted == value;
        (alias.is_none() && id.is_none())
            || user
                .federated_identities
                .iter()
                .flatten()
                .any(|link| fits(alias, &link.identity_provider) && fits(id, &link.user_id))
    }
}

/// Whether the text is what the search word says: a word in quotes is the whole text, `*` stands for any
/// text, and a word without one at its end is a beginning.
fn fits(word: &str, text: &str) -> bool {
    if let Some(exact) = word.strip_prefix('"').and_then(|w| w.strip_suffix('"')) {
        return text == exact;
    }
    let mut parts = word.split('*');
    let mut rest = match parts.next().map(|first| text.strip_prefix(first)) {
        Some(Some(rest)) => rest,
        _ => return false,
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

/// Users that the query asks for.
///
/// # Errors
/// 400 when a parameter cannot be read.
pub async fn find(cx: &Cx, page: Page) -> ApiResult<Vec<UserRepresentation>> {
    let filter = Filter::of(cx)?;
    if let Some(ids) = &filter.ids {
        let mut found = Vec::new();
        for id in ids {
            found.extend(cx.store().find_user(&cx.realm.id, id).await?);
        }
        return Ok(found);
    }
    if filter.only_database() {
        return Ok(cx
            .store()
            .search_users(&cx.realm.id, &filter.search, page)
            .await?);
    }
    found_in_pieces(cx, &filter, page).await
}

/// What the database cannot tell is looked at here, a piece at a time.
async fn found_in_pieces(
    cx: &Cx,
    filter: &Filter,
    page: Page,
) -> ApiResult<Vec<UserRepresentation>> {
    let (store, realm) = (cx.store(), cx.realm.id.as_str());
    let most = usize::try_from(page.max).unwrap_or(usize::MAX);
    let mut skip = usize::try_from(page.first).unwrap_or(0);
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    while found.len() < most {
        // An attribute's value leaves few.
        let whole = filter.search.attribute.is_some();
        let piece = if whole {
            store.search_users(realm, &filter.search, Page::ALL).await?
        } else {
            store
                .search_users_after(realm, &filter.search, after.as_deref(), PIECE)
                .await?
        };
        after = piece
            .last()
            .and_then(|user| Some(user.username.as_ref()?.to_lowercase()));
        let end = whole || piece.is_empty();
        for user in piece.into_iter().filter(|user| filter.matches(user)) {
            if skip > 0 {
                skip -= 1;
            } else if found.len() < most {
                found.push(user);
            }
        }
        if end {
            break;
        }
    }
    Ok(found)
}

async fn create(cx: Cx, given: Given<UserRepresentation>) -> ApiResult<Response> {
    cx.require(MANAGE)?;
    let mut user = given.value;
    if cx.realm.settings.registration_email_as_username == Some(true) {
        user.username.clone_from(&user.email);
    }
    if user.username.as_deref().unwrap_or_default().is_empty() {
        return Err(ApiError::bad_request("User name is missing"));
    }
    // Roles are given where granting is checked; names of groups are given by path.
    user.realm_roles = None;
    user.client_roles = None;
    user.application_roles = None;
    user.service_account_client_id = None;
    let mut user = profile::validated(&cx, &user, None).await?;
    for credential in user.credentials.iter().flatten() {
        if let Some(password) = &credential.value {
            check(&cx.services, &cx.realm, &user, &[], password.expose())
                .await
                .map_err(ApiError::from)?;
        }
    }
    require_free(&cx, None, &user).await?;
    let names = Names::without_clients(&cx.realm);
    for path in user.groups.iter().flatten() {
        if let Some(id) = names.groups.get(path) {
            groups::require_joinable(&cx, id).await?;
        }
    }
    if user.groups.as_ref().is_some_and(Vec::is_empty) {
        user.groups = None;
    }
    let defaults = cx.realm.settings.required_actions.iter().flatten();
    for action in defaults.filter(|a| a.enabled == Some(true) && a.default_action == Some(true)) {
        if let Some(alias) = &action.alias {
            user.required_actions = Some(steps::stored_actions(&user, alias));
        }
    }
    let mut batch = Batch::new();
    let hashing = hashing(&cx.services, &cx.realm)?;
    let id = steps::add_user(&cx.services, &mut batch, &names, &user, hashing).await?;
    cx.commit_created(batch, &id).await
}

/// # Errors
/// 409 when another user has the username or, where they must be unique, the e-mail address.
async fn require_free(cx: &Cx, id: Option<&str>, user: &UserRepresentation) -> ApiResult<()> {
    let taken = |other: Option<UserRepresentation>| other.is_some_and(|o| o.id.as_deref() != id);
    let username = user.username.as_deref().unwrap_or_default();
    let same_name = cx.store().find_user_named(&cx.realm.id, username).await?;
    let settings = &cx.realm.settings;
    if taken(same_name) {
        return Err(ApiError::conflict(USERNAME_TAKEN));
    }
    // Logging in by e-mail must not find two.
    if settings.login_with_email_allowed != Some(false)
        && settings.duplicate_emails_allowed != Some(true)
        && cx
            .store()
            .others_have_email(&cx.realm.id, username, id.unwrap_or_default())
            .await?
    {
        return Err(ApiError::conflict(USERNAME_TAKEN));
    }
    if let Some(email) = user.email.as_deref().filter(|e| !e.is_empty()) {
        if settings.duplicate_emails_allowed != Some(true)
            && cx
                .store()
                .others_have_email(&cx.realm.id, email, id.unwrap_or_default())
                .await?
        {
            return Err(ApiError::conflict(EMAIL_TAKEN));
        }
        let named_so = cx.store().find_user_named(&cx.realm.id, email).await?;
        if settings.login_with_email_allowed != Some(false) && taken(named_so) {
            return Err(ApiError::conflict(EMAIL_TAKEN));
        }
    }
    Ok(())
}

async fn read(cx: Cx) -> ApiResult<Json<UserRepresentation>> {
    cx.require(VIEW)?;
    let mut user = here(&cx).await?;
    let credentials = cx.store().credentials(cx.param("user")).await?;
    user.totp = Some(
        credentials
            .iter()
            .any(|c| c.r#type.as_deref() == Some("otp")),
    );
    let mut user = shown(user, &cx);
    if cx.flag("userProfileMetadata") {
        let profile = profile::of(cx.store(), &cx.realm).await?;
        user.user_profile_metadata = Some(profile.metadata(&profile::admin_context(&cx.realm)));
    }
    Ok(Json(user))
}

async fn update(cx: Cx, given: Given<UserRepresentation>) -> ApiResult<StatusCode> {
    let old = here_to_manage(&cx).await?;
    let mut new = steps::stored_user(&merged(&old, &given.json, &[])?);
    new.id.clone_from(&old.id);
    new.created_timestamp = old.created_timestamp;
    new.service_account_client_id
        .clone_from(&old.service_account_client_id);
    new.username = new.username.map(|u| u.to_lowercase());
    if cx.realm.settings.registration_email_as_username == Some(true)
        && given.value.email.is_some()
        && old.service_account_client_id.is_none()
    {
        new.username.clone_from(&new.email);
    } else if new.username != old.username
        && (cx.realm.settings.edit_username_allowed != Some(true)
            || old.service_account_client_id.is_some())
    {
        return Err(profile::read_only("username"));
    }
    if new.username.as_deref().unwrap_or_default().is_empty() {
        return Err(ApiError::bad_request("User name is missing"));
    }
    if old.service_account_client_id.is_none() {
        new = profile::validated(&cx, &new, Some(&old)).await?;
    }
    require_free(&cx, new.id.as_deref(), &new).await?;
    let mut batch = Batch::new();
    let given_credentials = given.value.credentials.iter().flatten().enumerate();
    let mut passwords =
        given_credentials.filter_map(|(index, c)| Some((index, c, c.value.as_ref()?)));
    if let Some((index, credential, password)) = passwords.next() {
        only_password(credential, passwords.next().is_some())
            .map_err(|e| e.at(&format!("credentials[{index}]")))?;
        if credential.temporary == Some(true) {
            new.required_actions = Some(steps::stored_actions(&new, "UPDATE_PASSWORD"));
        }
        push_password(&cx, &mut batch, &new, password).await?;
    }
    // A password that was hashed elsewhere takes the place of the present one.
    let hashed = given.value.credentials.iter().flatten().find(|credential| {
        credential.value.is_none()
            && matches!(credential.r#type.as_deref(), None | Some("password"))
    });
    if let Some(credential) = hashed {
        let hashing = hashing(&cx.services, &cx.realm)?;
        let stored = steps::credential_to_store(&cx.services, credential, hashing)
            .await
            .map_err(|e| e.at("credentials"))?;
        let id = new.id.as_deref().unwrap_or_default();
        batch.push(Store::delete_credentials(id, "password"));
        batch.push(cx.store().insert_credential(id, &stored)?);
    }
    if old.enabled != Some(true) && new.enabled == Some(true) {
        // Who is let in again begins without failures (002:9417).
        let id = new.id.as_deref().unwrap_or_default();
        batch.push(Store::brute_force_clear(&cx.realm.id, id));
    }
    push_update(&cx, &mut batch, &new).await?;
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(cx: Cx) -> ApiResult<StatusCode> {
    let user = here_to_manage(&cx).await?;
    if let Some(client) = &user.service_account_client_id {
        return Err(ApiError::bad_request(format!(
            "this is the service account of the client '{client}'; switch it off there"
        )));
    }
    let id = user.id.unwrap_or_default();
    let mut batch = Batch::new();
    for step in session_end::end_of_user(&cx.services, &cx.realm, &id).await? {
        batch.push(step);
    }
    batch.push(Store::delete_user(&cx.realm.id, &id));
    batch.touch(cx.touch_user(&id));
    cx.commit(batch).await?;
    logout::deliver_soon(&cx.services);
    Ok(StatusCode::NO_CONTENT)
}

async fn reset_password(cx: Cx, given: Given<CredentialRepresentation>) -> ApiResult<StatusCode> {
    let mut user = here_to_manage(&cx).await?;
    let credential = given.value;
    let empty = credential
        .value
        .as_ref()
        .is_none_or(|v| v.expose().is_empty());
    if empty {
        return Err(ApiError::bad_request("Empty password not allowed"));
    }
    only_password(&credential, false)?;
    user.required_actions = Some(if credential.temporary == Some(true) {
        steps::stored_actions(&user, "UPDATE_PASSWORD")
    } else {
        let mut actions = user.required_actions.clone().unwrap_or_default();
        actions.retain(|a| a != "UPDATE_PASSWORD");
        actions
    });
    let mut batch = Batch::new();
    if let Some(password) = &credential.value {
        push_password(&cx, &mut batch, &user, password).await?;
    }
    push_update(&cx, &mut batch, &user).await?;
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Other credentials than a password are set up by the user.
fn only_password(credential: &CredentialRepresentation, more: bool) -> ApiResult<()> {
    if !matches!(credential.r#type.as_deref(), None | Some("password")) {
        return Err(ApiError::bad_request(
            "type: only a password can be set here",
        ));
    }
    if more {
        return Err(ApiError::bad_request("a user has one password"));
    }
    Ok(())
}

/// Puts the new password in the place of the present one, as the realm's policy has it.
async fn push_password(
    cx: &Cx,
    batch: &mut Batch,
    user: &UserRepresentation,
    password: &SecretString,
) -> ApiResult<()> {
    let id = user.id.as_deref().unwrap_or_default();
    let before = cx.store().credentials(id).await?;
    let (services, realm) = (&cx.services, &cx.realm);
    let steps = set_password(services, realm, user, &before, password.expose()).await?;
    for step in steps {
        batch.push(step);
    }
    Ok(())
}

async fn list_groups(cx: Cx) -> ApiResult<Json<Vec<GroupRepresentation>>> {
    cx.require(VIEW)?;
    let user = here(&cx).await?;
    let ids = cx
        .store()
        .groups_of_user(user.id.as_deref().unwrap_or_default())
        .await?;
    let search = cx.query("search").map(str::to_lowercase);
    let page = cx.page()?;
    let full = cx
        .query("briefRepresentation")
        .is_some_and(|v| v.eq_ignore_ascii_case("false"));
    let mut found: Vec<GroupRepresentation> = ids
        .iter()
        .filter_map(|id| cx.realm.groups.get(id))
        .filter(|g| {
            let name = g.name.as_deref().unwrap_or_default().to_lowercase();
            search.as_ref().is_none_or(|s| name.contains(s))
        })
        .map(|g| groups::shown_flat(&cx, g, !full))
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(
        found
            .into_iter()
            .skip(usize::try_from(page.first).unwrap_or(0))
            .take(usize::try_from(page.max).unwrap_or(usize::MAX))
            .collect(),
    ))
}

async fn count_groups(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(VIEW)?;
    let user = here(&cx).await?;
    let ids = cx
        .store()
        .groups_of_user(user.id.as_deref().unwrap_or_default())
        .await?;
    Ok(Json(json!({ "count": ids.len() })))
}

async fn join(cx: Cx) -> ApiResult<StatusCode> {
    change_group(cx, Store::join_group).await
}

async fn leave(cx: Cx) -> ApiResult<StatusCode> {
    change_group(cx, Store::leave_group).await
}

async fn change_group(
    cx: Cx,
    step: fn(&str, &str) -> realmkeep_store::Step,
) -> ApiResult<StatusCode> {
    let user = here_to_manage(&cx).await?;
    let group = cx.param("group");
    if !cx.realm.groups.contains_key(group) {
        return Err(ApiError::not_found("Group not found"));
    }
    groups::require_joinable(&cx, group).await?;
    let id = user.id.unwrap_or_default();
    let mut batch = Batch::new();
    batch.push(step(&id, group));
    batch.touch(cx.touch_user(&id));
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unmanaged_attributes(cx: Cx) -> ApiResult<Json<BTreeMap<String, Vec<String>>>> {
    cx.require(VIEW)?;
    let user = here(&cx).await?;
    let profile = profile::of(cx.store(), &cx.realm).await?;
    let defined = profile.config().attributes.iter().flatten();
    let defined: Vec<&str> = defined.filter_map(|a| a.name.as_deref()).collect();
    let mut attributes = user.attributes.unwrap_or_default();
    attributes.retain(|name, _| !defined.contains(&name.as_str()));
    Ok(Json(attributes))
}
