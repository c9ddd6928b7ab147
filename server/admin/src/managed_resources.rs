//! `managed-resources`: which resources drive a realm, for people: the objects of each, when it last
//! wrote them, and what was changed past it. Only what was recorded; a tool's plans are its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use realmkeep_authn::Services;
use realmkeep_representations::{
    ComponentRepresentation, IdentityProviderMapperRepresentation, ProtocolMapperRepresentation,
};
use realmkeep_store::documents::Page;
use realmkeep_store::owners::OwnedObject;
use serde_json::{Map, Value, json};

use crate::error::ApiResult;
use crate::request::Cx;
use crate::rights::Right;

/// Attribute (of an identity provider: configuration key) in which the planner says whose an object is
/// where it does not tell the server.
const OWNER_ATTRIBUTE: &str = "realmkeep.dev/owner";
/// Tool of such a record, which names none.
const PLANNER: &str = "realmkeep";
/// Objects looked at.
const MOST: i64 = 10_000;

/// `/admin/realms/{realm}`.
pub fn routes() -> Router<Arc<Services>> {
    Router::new().route("/managed-resources", get(list))
}

async fn list(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let page = Page::new(None, Some(MOST));
    // By path: an object that says itself whose it is needs no second mention.
    let mut owned: BTreeMap<String, OwnedObject> = BTreeMap::new();
    for record in in_attributes(&cx).await? {
        owned.insert(record.object.clone(), record);
    }
    for record in cx.store().owners(&cx.realm.id, page).await? {
        owned.insert(record.object.clone(), record);
    }
    let mut resources: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (_, object) in owned {
        let shown = shown(&cx, &object).await?;
        resources.entry(object.record).or_default().push(shown);
    }
    let resources = resources.into_iter().map(|(record, objects)| {
        let mut owner: Map<String, Value> = serde_json::from_str(&record).unwrap_or_default();
        owner.entry("tool").or_insert_with(|| PLANNER.into());
        owner.entry("name").or_insert_with(|| "".into());
        json!({ "owner": owner, "objects": objects })
    });
    Ok(Json(resources.collect()))
}

/// Objects whose attributes say whose they are, as far as the caller may see them.
async fn in_attributes(cx: &Cx) -> ApiResult<Vec<OwnedObject>> {
    let mut found = Vec::new();
    let mut keep = |object: String, record: Option<&String>| {
        if let Some(record) = record.filter(|record| !record.is_empty()) {
            found.push(OwnedObject {
                object,
                record: record.clone(),
                applied: 0,
                changed: 0,
                changed_by: String::new(),
            });
        }
    };
    let attributes = cx.realm.settings.attributes.as_ref();
    keep(
        String::new(),
        attributes.and_then(|all| all.get(OWNER_ATTRIBUTE)),
    );
    if cx.rights.has_any(&[Right::VIEW_IDENTITY_PROVIDERS]) {
        for provider in &cx.realm.identity_providers {
            let alias = provider.alias.as_deref().unwrap_or_default();
            let record = provider.config.as_ref();
            keep(
                format!("identity-provider/instances/{alias}"),
                record.and_then(|all| all.get(OWNER_ATTRIBUTE)),
            );
        }
    }
    if cx.rights.has_any(&[Right::VIEW_CLIENTS]) {
        let clients = cx
            .store()
            .clients_with_attribute(&cx.realm.id, OWNER_ATTRIBUTE, MOST)
            .await?;
        for client in clients {
            let id = client.id.as_deref().unwrap_or_default();
            let record = client.attributes.as_ref();
            keep(
                format!("clients/{id}"),
                record.and_then(|all| all.get(OWNER_ATTRIBUTE)),
            );
        }
    }
    Ok(found)
}

async fn shown(cx: &Cx, owned: &OwnedObject) -> ApiResult<Value> {
    let (kind, name) = described(cx, &owned.object).await?;
    let mut shown = json!({ "object": owned.object, "kind": kind, "name": name });
    if let Some(fields) = shown.as_object_mut() {
        if owned.applied > 0 {
            fields.insert("appliedAt".into(), owned.applied.into());
        }
        if owned.changed > 0 {
            fields.insert("changedAt".into(), owned.changed.into());
            fields.insert("changedBy".into(), owned.changed_by.clone().into());
        }
    }
    Ok(shown)
}

/// What kind of object a path below the realm is of, and its name; the end of the path where the caller
/// may not see the name.
async fn described(cx: &Cx, object: &str) -> ApiResult<(&'static str, String)> {
    let segments: Vec<&str> = object.split('/').collect();
    let realm = &cx.realm;
    let settings = &realm.settings;
    let mapper_name = |mappers: Option<&Vec<ProtocolMapperRepresentation>>, id: &str| {
        let mut all = mappers.into_iter().flatten();
        all.find(|mapper| mapper.id.as_deref() == Some(id))
            .and_then(|mapper| mapper.name.clone())
    };
    let (kind, name) = match segments.as_slice() {
        [""] => ("realm", Some(realm.name.clone())),
        ["clients", id, rest @ ..] => {
            let visible = cx.rights.has_any(&[Right::VIEW_CLIENTS]);
            let client = match visible {
                true => cx.store().client_by_id(realm, id).await?,
                false => None,
            };
            let representation = client.as_ref().map(|client| &client.representation);
            match rest {
                ["protocol-mappers", "models", mapper] => {
                    let all = representation.and_then(|one| one.protocol_mappers.as_ref());
                    ("protocolMapper", mapper_name(all, mapper))
                }
                _ => (
                    "client",
                    representation.and_then(|one| one.client_id.clone()),
                ),
            }
        }
        ["client-scopes", id, rest @ ..] => {
            let mut scopes = realm.client_scopes.iter();
            let scope = scopes.find(|scope| scope.id.as_deref() == Some(id));
            match rest {
                ["protocol-mappers", "models", mapper] => {
                    let all = scope.and_then(|one| one.protocol_mappers.as_ref());
                    ("protocolMapper", mapper_name(all, mapper))
                }
                _ => ("clientScope", scope.and_then(|one| one.name.clone())),
            }
        }
        ["roles-by-id", id] => {
            let role = realm.roles.all.get(*id);
            ("role", role.and_then(|one| one.name.clone()))
        }
        ["groups", id] => {
            let group = realm.groups.get(*id);
            ("group", group.and_then(|one| one.name.clone()))
        }
        ["users", id] => {
            let user = match cx.rights.has_any(&[Right::VIEW_USERS]) {
                true => cx.store().find_user(&realm.id, id).await?,
                false => None,
            };
            ("user", user.and_then(|one| one.username))
        }
        ["identity-provider", "instances", _] => ("identityProvider", None),
        ["identity-provider", "instances", _, "mappers", id] => {
            let found = cx
                .store()
                .find::<IdentityProviderMapperRepresentation>(&realm.id, id);
            (
                "identityProviderMapper",
                found.await?.and_then(|one| one.name),
            )
        }
        ["components", id] => {
            let found = cx.store().find::<ComponentRepresentation>(&realm.id, id);
            ("component", found.await?.and_then(|one| one.name))
        }
        ["authentication", "flows", id] => {
            let mut all = settings.authentication_flows.iter().flatten();
            let flow = all.find(|flow| flow.id.as_deref() == Some(id));
            ("flow", flow.and_then(|one| one.alias.clone()))
        }
        ["authentication", "config", id] => {
            let mut all = settings.authenticator_config.iter().flatten();
            let config = all.find(|config| config.id.as_deref() == Some(id));
            (
                "authenticatorConfig",
                config.and_then(|one| one.alias.clone()),
            )
        }
        _ => ("requiredAction", None),
    };
    let last = segments.last().copied().unwrap_or_default();
    Ok((kind, name.unwrap_or_else(|| last.to_owned())))
}
