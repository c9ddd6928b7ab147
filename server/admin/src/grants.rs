//! What may be given away: nobody hands out administration rights that they do not hold.

use realmkeep_model::fresh::roles::REALM_ADMIN;
use realmkeep_model::fresh::{MASTER, REALM_MANAGEMENT};
use realmkeep_representations::{ClientRepresentation, RoleRepresentation};

use crate::error::{ApiError, ApiResult};
use crate::request::Cx;
use crate::rights::Right;

/// # Errors
/// 403 when one of the roles, or a role inside one, is a right that the actor does not hold.
pub async fn require_grantable(cx: &Cx, roles: impl IntoIterator<Item = String>) -> ApiResult<()> {
    match exceeding(cx, roles).await? {
        None => Ok(()),
        Some(name) => Err(ApiError::exceeds(format!(
            "the role '{name}' is a right that you do not have yourself"
        ))),
    }
}

/// The name of the first administration right among the roles, and in the roles inside them, that the
/// actor lacks.
///
/// # Errors
/// When the database fails.
pub async fn exceeding(
    cx: &Cx,
    roles: impl IntoIterator<Item = String>,
) -> ApiResult<Option<String>> {
    for id in cx.realm.roles.expand(roles) {
        let Some(role) = cx.realm.roles.all.get(&id) else {
            continue;
        };
        if !is_right(cx, role).await? {
            continue;
        }
        let name = role.name.clone().unwrap_or_default();
        let held = if cx.actor.realm.id == cx.realm.id {
            cx.actor.roles.contains(&id)
        } else {
            cx.rights.covers_role(&name)
        };
        if !held {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Whether the role gives rights in the Admin API.
async fn is_right(cx: &Cx, role: &RoleRepresentation) -> ApiResult<bool> {
    let name = role.name.as_deref().unwrap_or_default();
    if role.client_role != Some(true) {
        return Ok(cx.realm.name == MASTER && matches!(name, "admin" | "create-realm"));
    }
    if Right::named(name).is_none() && name != REALM_ADMIN {
        return Ok(false);
    }
    let container = role.container_id.as_deref().unwrap_or_default();
    let client = cx
        .store()
        .find::<ClientRepresentation>(&cx.realm.id, container)
        .await?
        .and_then(|c| c.client_id)
        .unwrap_or_default();
    Ok(client == REALM_MANAGEMENT || (cx.realm.name == MASTER && client.ends_with("-realm")))
}
