//! Objects of a realm as steps of a batch. Nothing here decides who may do it.

use std::collections::BTreeMap;

use realmkeep_authn::Services;
use realmkeep_keys::Hashing;
use realmkeep_representations::{
    ClientRepresentation, ComponentExportRepresentation, ComponentRepresentation,
    CredentialRepresentation, GroupRepresentation, RoleRepresentation, SecretString,
    UserRepresentation,
};
use realmkeep_store::consents::UserConsent;
use realmkeep_store::roles::Holder;
use realmkeep_store::{Batch, Store};

use crate::error::{ApiError, ApiResult};
use crate::names::Names;
use crate::request::new_id;

/// Creates the role; its composites come with [`add_composites`] once all roles are there.
///
/// # Errors
/// When it cannot be written.
pub fn add_role(
    store: &Store,
    batch: &mut Batch,
    realm_id: &str,
    role: &RoleRepresentation,
) -> ApiResult<()> {
    batch.push(store.insert(realm_id, &stored_role(role))?);
    Ok(())
}

/// The part of a role that is kept in its row: what is inside it are links.
pub fn stored_role(role: &RoleRepresentation) -> RoleRepresentation {
    RoleRepresentation {
        composites: None,
        composite: None,
        attributes: Some(role.attributes.clone().unwrap_or_default()),
        ..role.clone()
    }
}

/// # Errors
/// 400 when a role inside does not exist.
pub fn add_composites(
    batch: &mut Batch,
    names: &Names,
    role: &RoleRepresentation,
) -> ApiResult<()> {
    let Some(inside) = &role.composites else {
        return Ok(());
    };
    let place = format!("role {}", role.name.as_deref().unwrap_or_default());
    let of_clients = inside.client.as_ref().or(inside.application.as_ref());
    for child in names.roles(&place, inside.realm.as_ref(), of_clients)? {
        batch.push(Store::grant_role(
            Holder::Role,
            role.id.as_deref().unwrap_or_default(),
            &child,
        ));
    }
    Ok(())
}

/// Creates the group with its sub-groups and roles.
///
/// # Errors
/// 400 when a role does not exist.
pub fn add_group(
    store: &Store,
    batch: &mut Batch,
    names: &Names,
    group: &GroupRepresentation,
    parent: Option<&str>,
) -> ApiResult<()> {
    let id = group.id.clone().unwrap_or_default();
    let stored = GroupRepresentation {
        parent_id: parent.map(str::to_owned),
        ..stored_group(group)
    };
    batch.push(store.insert(&names.realm_id, &stored)?);
    let place = format!("group {}", group.name.as_deref().unwrap_or_default());
    for role in names.roles(
        &place,
        group.realm_roles.as_ref(),
        group.client_roles.as_ref(),
    )? {
        batch.push(Store::grant_role(Holder::Group, &id, &role));
    }
    for child in group.sub_groups.iter().flatten() {
        add_group(store, batch, names, child, Some(&id))?;
    }
    Ok(())
}

/// The part of a group that is kept in its row.
pub fn stored_group(group: &GroupRepresentation) -> GroupRepresentation {
    GroupRepresentation {
        id: group.id.clone(),
        name: group.name.clone(),
        description: group.description.clone(),
        parent_id: group.parent_id.clone(),
        attributes: Some(group.attributes.clone().unwrap_or_default()),
        ..Default::default()
    }
}

/// Creates the user with credentials, roles and groups. Without any role named it gets the default
/// role, without any group the default groups. A plain password is hashed by `hashing`. Returns the id.
///
/// # Errors
/// 400 when something named in it does not exist, or a credential cannot be used.
pub async fn add_user(
    services: &Services,
    batch: &mut Batch,
    names: &Names,
    user: &UserRepresentation,
    hashing: Hashing,
) -> ApiResult<String> {
    let store = &services.store;
    let id = user.id.clone().unwrap_or_else(new_id);
    let username = user.username.clone().unwrap_or_default().to_lowercase();
    let place = format!("user {username}");
    let mut stored = stored_user(user);
    stored.id = Some(id.clone());
    stored.username = Some(username);
    stored.created_timestamp = Some(
        user.created_timestamp
            .unwrap_or_else(|| services.clock.now_millis()),
    );
    let temporary = user.credentials.iter().flatten();
    if temporary.into_iter().any(|c| c.temporary == Some(true)) {
        stored.required_actions = Some(stored_actions(&stored, "UPDATE_PASSWORD"));
    }
    let mut service_client = None;
    if let Some(client_id) = &user.service_account_client_id {
        let client = names.clients.get(client_id).ok_or_else(|| {
            ApiError::bad_request(format!("{place}: there is no client '{client_id}'"))
        })?;
        service_client = Some(client.as_str());
    }
    batch.push(store.insert_user(&names.realm_id, &stored, service_client)?);
    batch.touch(realmkeep_store::Touch::User(
        names.realm_id.clone(),
        id.clone(),
    ));

    let of_clients = user
        .client_roles
        .as_ref()
        .or(user.application_roles.as_ref());
    let mut roles = names.roles(&place, user.realm_roles.as_ref(), of_clients)?;
    if user.realm_roles.is_none() {
        roles.extend(names.default_role.clone());
    }
    for role in roles {
        batch.push(Store::grant_role(Holder::User, &id, &role));
    }
    match &user.groups {
        Some(paths) => {
            for path in paths {
                let group = names.groups.get(path).ok_or_else(|| {
                    ApiError::bad_request(format!("{place}: there is no group '{path}'"))
                })?;
                batch.push(Store::join_group(&id, group));
            }
        }
        None => {
            for group in &names.default_groups {
                batch.push(Store::join_group(&id, group));
            }
        }
    }
    for (index, credential) in user.credentials.iter().flatten().enumerate() {
        let mut stored = credential_to_store(services, credential, hashing)
            .await
            .map_err(|e| e.at(&format!("{place}: credentials[{index}]")))?;
        // They come in the user's order.
        let place = i32::try_from(index).unwrap_or(i32::MAX);
        stored
            .priority
            .get_or_insert(place.saturating_add(1).saturating_mul(10));
        batch.push(store.insert_credential(&id, &stored)?);
    }
    for consent in user.client_consents.iter().flatten() {
        let client = consent.client_id.as_deref().unwrap_or_default();
        let client_id = names.clients.get(client).ok_or_else(|| {
            ApiError::bad_request(format!(
                "{place}: clientConsents: there is no client '{client}'"
            ))
        })?;
        let scopes = consent.granted_client_scopes.iter().flatten();
        let now = services.clock.now_millis();
        let consent = UserConsent {
            client_id: client_id.clone(),
            // One that was renamed or deleted since is not granted any more.
            scopes: scopes
                .filter_map(|name| names.client_scopes.get(name).cloned())
                .collect(),
            created: consent.created_date.unwrap_or(now),
            updated: consent.last_updated_date.unwrap_or(now),
        };
        batch.push(Store::insert_consent(&id, &consent)?);
    }
    Ok(id)
}

/// The user's required actions with one more.
pub fn stored_actions(user: &UserRepresentation, action: &str) -> Vec<String> {
    let mut actions = user.required_actions.clone().unwrap_or_default();
    if !actions.iter().any(|a| a == action) {
        actions.push(action.to_owned());
    }
    actions
}

/// The part of a user that is kept in its row: credentials, roles and groups have their own.
pub fn stored_user(user: &UserRepresentation) -> UserRepresentation {
    UserRepresentation {
        access: None,
        application_roles: None,
        client_roles: None,
        client_consents: None,
        credentials: None,
        groups: None,
        realm_roles: None,
        self_: None,
        user_profile_metadata: None,
        totp: None,
        disableable_credential_types: None,
        origin: None,
        email: user
            .email
            .as_ref()
            .filter(|e| !e.is_empty())
            .map(|e| e.to_lowercase()),
        // One without a value is none.
        attributes: user.attributes.clone().map(|mut attributes| {
            attributes.retain(|_, values| !values.is_empty());
            attributes
        }),
        email_verified: Some(user.email_verified.unwrap_or(false)),
        enabled: Some(user.enabled.unwrap_or(false)),
        required_actions: Some(user.required_actions.clone().unwrap_or_default()),
        not_before: Some(user.not_before.unwrap_or(0)),
        ..user.clone()
    }
}

/// A credential as it is kept: a plain password is hashed, a hashed one stays as it is.
///
/// # Errors
/// 400 when it holds neither.
pub async fn credential_to_store(
    services: &Services,
    given: &CredentialRepresentation,
    hashing: Hashing,
) -> ApiResult<CredentialRepresentation> {
    let kind = given
        .r#type
        .clone()
        .unwrap_or_else(|| "password".to_owned());
    let mut stored = CredentialRepresentation {
        id: Some(given.id.clone().unwrap_or_else(new_id)),
        r#type: Some(kind.clone()),
        user_label: given.user_label.clone(),
        created_date: Some(
            given
                .created_date
                .unwrap_or_else(|| services.clock.now_millis()),
        ),
        priority: given.priority,
        ..Default::default()
    };
    if let Some(plain) = given.value.as_ref().filter(|v| !v.expose().is_empty()) {
        if kind != "password" {
            return Err(ApiError::bad_request(format!(
                "a credential of type '{kind}' cannot be set by its value"
            )));
        }
        let hashed = services.passwords.hash(plain.expose(), hashing).await?;
        stored.credential_data = Some(hashed.credential_data);
        stored.secret_data = Some(hashed.secret_data);
    } else if given.credential_data.is_some() && given.secret_data.is_some() {
        stored.credential_data = given.credential_data.clone();
        stored.secret_data = given.secret_data.clone();
    } else if let (Some(hashed), "password") = (&given.hashed_salted_value, kind.as_str()) {
        let (data, secret) = as_before(given, hashed);
        stored.credential_data = Some(data);
        stored.secret_data = Some(secret);
    } else {
        return Err(ApiError::bad_request(
            "a credential needs a value, or secretData with credentialData",
        ));
    }
    Ok(stored)
}

/// A password hash as exports of old versions have it: in fields of its own.
fn as_before(given: &CredentialRepresentation, hashed: &SecretString) -> (String, SecretString) {
    let data = serde_json::json!({
        "hashIterations": given.hash_iterations.unwrap_or(20_000),
        "algorithm": given.algorithm.as_deref().unwrap_or("pbkdf2"),
        "additionalParameters": {},
    });
    let secret = serde_json::json!({
        "value": hashed.expose(),
        "salt": given.salt.as_ref().map(SecretString::expose),
        "additionalParameters": {},
    });
    (data.to_string(), SecretString::new(secret.to_string()))
}

/// Creates the client, with its service account when it has one and `service_account` says so.
///
/// # Errors
/// When it cannot be written.
pub fn add_client(
    services: &Services,
    batch: &mut Batch,
    names: &Names,
    client: &ClientRepresentation,
    service_account: bool,
) -> ApiResult<()> {
    let store = &services.store;
    batch.push(store.insert(&names.realm_id, client)?);
    batch.touch(realmkeep_store::Touch::Client(
        names.realm_id.clone(),
        client.client_id.clone().unwrap_or_default(),
    ));
    if service_account && client.service_accounts_enabled == Some(true) {
        add_service_account(services, batch, names, client)?;
    }
    Ok(())
}

/// Creates the user that the client is when it acts for itself; returns its id.
///
/// # Errors
/// When it cannot be written.
pub fn add_service_account(
    services: &Services,
    batch: &mut Batch,
    names: &Names,
    client: &ClientRepresentation,
) -> ApiResult<String> {
    let id = new_id();
    let client_id = client.client_id.clone().unwrap_or_default();
    let user = stored_user(&UserRepresentation {
        id: Some(id.clone()),
        username: Some(service_account_username(&client_id)),
        enabled: Some(true),
        created_timestamp: Some(services.clock.now_millis()),
        service_account_client_id: Some(client_id),
        ..Default::default()
    });
    batch.push(
        services
            .store
            .insert_user(&names.realm_id, &user, client.id.as_deref())?,
    );
    if let Some(role) = &names.default_role {
        batch.push(Store::grant_role(Holder::User, &id, role));
    }
    Ok(id)
}

/// The username of a client's service account.
pub fn service_account_username(client_id: &str) -> String {
    format!("service-account-{}", client_id.to_lowercase())
}

/// Creates the components below `parent`, with those inside them.
///
/// # Errors
/// When they cannot be written.
pub fn add_components(
    store: &Store,
    batch: &mut Batch,
    realm_id: &str,
    parent: &str,
    components: &BTreeMap<String, Vec<ComponentExportRepresentation>>,
) -> ApiResult<()> {
    for (kind, list) in components {
        for component in list {
            let id = component.id.clone().unwrap_or_else(new_id);
            let stored = ComponentRepresentation {
                id: Some(id.clone()),
                name: component.name.clone(),
                parent_id: Some(parent.to_owned()),
                provider_id: component.provider_id.clone(),
                provider_type: Some(kind.clone()),
                sub_type: component.sub_type.clone(),
                config: Some(component.config.clone().unwrap_or_default()),
            };
            batch.push(store.insert(realm_id, &stored)?);
            if let Some(inside) = &component.sub_components {
                add_components(store, batch, realm_id, &id, inside)?;
            }
        }
    }
    Ok(())
}
