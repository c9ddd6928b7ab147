//! Who manages an object: a tool, and the resource there that declares it. Another one's change needs
//! force.

use std::fmt;

use axum::Json;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::percent_decode_str;
use realmkeep_store::documents::Page;
use realmkeep_store::{Batch, Realm, Store};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::exchange::Exchange;
use super::object_path::{Object, objects};
use crate::error::{ApiError, ApiResult};
use crate::request::Cx;
use crate::rights::Right;

/// Names the owner, in requests and answers: a dictionary of RFC 9651 with strings.
const OWNER: HeaderName = HeaderName::from_static("realmkeep-owner");
/// `?1`: the change is meant, whoever the owner is.
const FORCE: HeaderName = HeaderName::from_static("realmkeep-force");
/// Size of an owner's name and its other parts, in bytes.
const PART_BYTES: usize = 255;
/// Owners listed at once.
const LISTED: i64 = 1_000;

/// The resource that declares an object, and the tool that carries it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub tool: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    pub name: String,
}

/// What a request says about owners.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    owner: Option<Owner>,
    force: bool,
}

impl Declared {
    /// # Errors
    /// 400 when a field cannot be read.
    pub fn of(headers: &HeaderMap) -> ApiResult<Self> {
        let text = |name: &HeaderName| match headers.get(name).map(HeaderValue::to_str) {
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(_)) => Err(ApiError::bad_request(format!("{name}: it is not ASCII"))),
            None => Ok(None),
        };
        let owner = text(&OWNER)?.map(Owner::parse).transpose()?;
        let force = match text(&FORCE)?.map(str::trim) {
            None | Some("?0") => false,
            Some("?1") => true,
            Some(_) => {
                let text = format!("{FORCE}: ?1 or ?0 was expected");
                return Err(ApiError::bad_request(text));
            }
        };
        Ok(Self { owner, force })
    }

    /// The owner's record; empty for none.
    pub fn record(&self) -> String {
        self.owner.as_ref().map(Owner::record).unwrap_or_default()
    }
}

impl Owner {
    fn parse(text: &str) -> ApiResult<Self> {
        let wrong = |what: &str| {
            ApiError::bad_request(format!(
                "{OWNER}: {what}; write it like tool=\"terraform\", kind=\"Client\", namespace=\"shop\", name=\"web\""
            ))
        };
        let (mut tool, mut cluster, mut kind, mut namespace, mut name) =
            (None, None, None, None, None);
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (key, after) = rest
                .split_once('=')
                .ok_or_else(|| wrong("a value is missing"))?;
            let (value, after) = quoted(after).ok_or_else(|| wrong("a string was expected"))?;
            if value.is_empty() || value.len() > PART_BYTES {
                return Err(wrong("a part has 1 to 255 characters"));
            }
            let slot = match key {
                "tool" => &mut tool,
                "cluster" => &mut cluster,
                "kind" => &mut kind,
                "namespace" => &mut namespace,
                "name" => &mut name,
                _ => return Err(wrong("a part is not known")),
            };
            *slot = Some(value);
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(more) => more.trim_start(),
                None if after.is_empty() => after,
                None => return Err(wrong("a comma was expected")),
            };
        }
        Ok(Self {
            tool: tool.ok_or_else(|| wrong("tool is missing"))?,
            cluster,
            kind,
            namespace,
            name: name.ok_or_else(|| wrong("name is missing"))?,
        })
    }

    fn record(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    fn header(&self) -> Option<HeaderValue> {
        let mut parts = Vec::new();
        for (key, value) in [
            ("tool", Some(&self.tool)),
            ("cluster", self.cluster.as_ref()),
            ("kind", self.kind.as_ref()),
            ("namespace", self.namespace.as_ref()),
            ("name", Some(&self.name)),
        ] {
            if let Some(value) = value {
                let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
                parts.push(format!("{key}=\"{escaped}\""));
            }
        }
        HeaderValue::from_str(&parts.join(", ")).ok()
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.tool)?;
        if let Some(kind) = &self.kind {
            write!(f, "{kind} ")?;
        }
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        write!(f, "{}", self.name)?;
        if let Some(cluster) = &self.cluster {
            write!(f, " of cluster {cluster}")?;
        }
        Ok(())
    }
}

/// A string of RFC 9651 section 4.2.5, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut chars = text.char_indices();
    if chars.next()?.1 != '"' {
        return None;
    }
    let mut value = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                escaped @ ('"' | '\\') => value.push(escaped),
                _ => return None,
            },
            ' '..='~' => value.push(c),
            _ => return None,
        }
    }
    None
}

/// Adds to the batch of a change what the owners of the changed objects ask for: it fails when one
/// belongs to somebody else, and makes the caller the owner of what it declares. `created` is the last
/// segment of a new object's path, or all of it when it is addressed elsewhere.
pub fn stage_ownership(cx: &Cx, batch: &mut Batch, created: Option<&str>) {
    let segments = below_realm(cx.path());
    let changed = objects_at(&cx.realm, &segments);
    let record = cx.declared.record();
    let realm_id = &cx.realm.id;
    let now = cx.services.clock.now_millis();
    for object in &changed {
        let path = &object.path;
        if cx.declared.force {
            let who = caller(cx);
            batch.push(Store::changed_past_owner(realm_id, path, &record, now, who));
        } else {
            batch.push(Store::require_owner(realm_id, path, &record));
        }
        if !record.is_empty() {
            batch.push(Store::owner_applied(realm_id, path, &record, now));
        }
    }
    let declared = match created {
        Some(created) => {
            let mut at = segments;
            if created.contains('/') {
                at.clear();
            }
            at.extend(created.split('/').map(str::to_owned));
            objects_at(&cx.realm, &at)
        }
        None => changed,
    };
    for object in declared.iter().filter(|object| object.whole) {
        if created.is_none() && cx.method() == Method::DELETE {
            batch.push(Store::forget_owner(&cx.realm.id, &object.path));
        } else if !record.is_empty() && (created.is_some() || cx.method() == Method::PUT) {
            batch.push(Store::set_owner(realm_id, &object.path, &record, now));
        }
    }
}

/// The answer to a change of what belongs to somebody else.
pub async fn conflict(cx: &Cx) -> ApiError {
    let record = cx.declared.record();
    for object in objects_at(&cx.realm, &below_realm(cx.path())) {
        if let Ok(Some(found)) = cx.store().owner(&cx.realm.id, &object.path).await
            && found != record
        {
            return refused(&object.path, &found);
        }
    }
    ApiError::conflict(realmkeep_store::owners::OWNED)
}

/// For a change that is not a batch of the request.
///
/// # Errors
/// 409 when the object of the request belongs to somebody else.
pub async fn refuse_foreign_owner(cx: &Cx) -> ApiResult<()> {
    if cx.declared.force {
        return Ok(());
    }
    let record = cx.declared.record();
    for object in objects_at(&cx.realm, &below_realm(cx.path())) {
        let found = cx.store().owner(&cx.realm.id, &object.path).await?;
        if let Some(found) = found.filter(|found| *found != record) {
            return Err(refused(&object.path, &found));
        }
    }
    Ok(())
}

/// For one of many objects that a request writes: adds to the batch what the owner of the object at
/// `old` asks for, and makes the caller the owner of what is at `new` after it, or whoever was it before.
/// None at `new` is an object that goes.
///
/// # Errors
/// 409 when the object belongs to somebody else.
pub async fn stage_one(
    cx: &Cx,
    batch: &mut Batch,
    old: Option<&str>,
    new: Option<&str>,
) -> ApiResult<()> {
    let (realm, record) = (cx.realm.id.as_str(), cx.declared.record());
    let mut owner = record.clone();
    if let Some(old) = old {
        let found = cx.store().owner(realm, old).await?;
        if let (Some(found), false) = (&found, cx.declared.force)
            && *found != record
        {
            return Err(refused(old, found));
        }
        if !cx.declared.force {
            batch.push(Store::require_owner(realm, old, &record));
        }
        if new != Some(old) {
            batch.push(Store::forget_owner(realm, old));
        }
        if owner.is_empty() {
            owner = found.unwrap_or_default();
        }
    }
    if let (Some(new), false) = (new, owner.is_empty()) {
        let now = cx.services.clock.now_millis();
        if !(record.is_empty() && old == Some(new)) {
            batch.push(Store::set_owner(realm, new, &owner, now));
        }
        if record.is_empty() {
            let who = caller(cx);
            batch.push(Store::changed_past_owner(realm, new, &record, now, who));
        }
    }
    Ok(())
}

/// Who asks, by name.
fn caller(cx: &Cx) -> &str {
    let name = cx.actor.subject.user.username.as_deref();
    name.unwrap_or_default()
}

fn refused(object: &str, record: &str) -> ApiError {
    let owner = serde_json::from_str::<Owner>(record)
        .map_or_else(|_| "another tool".to_owned(), |owner| owner.to_string());
    let object = if object.is_empty() {
        "the realm"
    } else {
        object
    };
    ApiError::conflict(format!(
        "{object} is managed by {owner}; change it there, or send {FORCE}: ?1"
    ))
}

/// Puts the owner of the object that a GET was about into the answer.
pub async fn show(exchange: &Exchange, store: &Store, headers: &mut HeaderMap) {
    let Some(realm) = exchange.realm() else {
        return;
    };
    let objects = objects_at(&realm, &below_realm(exchange.path()));
    let Some(object) = objects.iter().rfind(|object| object.whole) else {
        return;
    };
    match store.owner(&realm.id, &object.path).await {
        Ok(Some(record)) => {
            let owner = serde_json::from_str::<Owner>(&record).ok();
            if let Some(value) = owner.and_then(|owner| owner.header()) {
                headers.insert(OWNER, value);
            }
        }
        Ok(None) => {}
        Err(e) => tracing::warn!(error = %e, "an object's owner could not be read"),
    }
}

/// All objects of the realm that have an owner, by path.
pub async fn list(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let mut page = cx.page_or(LISTED)?;
    if page.max < 0 || page.max > LISTED {
        page = Page {
            max: LISTED,
            ..page
        };
    }
    let owners = cx.store().owners(&cx.realm.id, page).await?;
    let shown = owners.into_iter().map(|owned| {
        let owner: Value = serde_json::from_str(&owned.record).unwrap_or_default();
        json!({ "object": owned.object, "owner": owner })
    });
    Ok(Json(shown.collect()))
}

fn objects_at(realm: &Realm, segments: &[String]) -> Vec<Object> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    objects(realm, &segments)
}

/// The decoded segments of a path below `/admin/realms/{realm}`.
fn below_realm(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|s| !s.is_empty())
        .skip(3)
        .map(|s| percent_decode_str(s).decode_utf8_lossy().into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_read_as_it_was_shown() {
        let text = "tool=\"t\", cluster=\"c\", kind=\"Client\", namespace=\"n\", name=\"a \\\"b\\\" \\\\\"";
        let owner = Owner::parse(text).unwrap();
        assert_eq!(owner.name, "a \"b\" \\");
        assert_eq!(owner.header().unwrap(), text);
        assert_eq!(owner.to_string(), "t: Client n/a \"b\" \\ of cluster c");
        let again: Owner = serde_json::from_str(&owner.record()).unwrap();
        assert_eq!(again, owner);
        for bad in [
            "",
            "tool=\"t\"",
            "name=\"n\"",
            "tool=t, name=n",
            "tool=\"t\" name=\"n\"",
            "tool=\"t\", name=\"n\", x=\"y\"",
            "tool=\"t\", name=\"\"",
            "tool=\"t\", name=\"n",
        ] {
            assert!(Owner::parse(bad).is_err(), "{bad}");
        }
    }
}
