//! Several changes of one realm, carried out together or not at all.

use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use realmkeep_store::Begin;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::etag::Preconditions;
use super::trial::{Call, Trial, mark_dry, refuse_untriable};
use super::{Routes, is_batch};
use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given};

/// Changes in one batch.
const MOST: usize = 1_000;
/// Tries of a batch that others were in the way of.
const ATTEMPTS: usize = 3;

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    operations: Vec<Operation>,
}

/// One call of the Admin API.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    /// `POST`, `PUT` or `DELETE`.
    method: String,
    /// Below the realm, with a query where the call has one; empty for the realm itself.
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    if_match: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    if_none_match: Option<String>,
    /// Names what the call creates: `{name}` stands for its id in later paths, and in later bodies
    /// where it is a whole string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r#as: Option<String>,
    /// As the header `Realmkeep-Owner`; the batch's own where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
}

/// What one call answered.
#[derive(Debug, Serialize)]
struct Outcome {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
}

/// The head of the request, for the calls that it stands for.
pub struct Head(Parts);

impl<S: Sync> FromRequestParts<S> for Head {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.clone()))
    }
}

/// Carries out the operations one after the other in one transaction. Each is authorised, checked and
/// answered as the call by itself; the first that fails ends the batch, and nothing of it stays.
pub async fn apply(
    cx: Cx,
    Extension(routes): Extension<Routes>,
    Head(head): Head,
    given: Given<Batch>,
) -> ApiResult<Response> {
    let operations = given.value.operations;
    if operations.len() > MOST {
        return Err(ApiError::bad_request(format!(
            "operations: a batch has at most {MOST}"
        )));
    }
    let dry_run = cx.flag("dryRun");
    let head = without_body(head);
    let mut attempt = 1;
    loop {
        let trial = Trial::begin(&routes, Begin::Now).await?;
        let (outcomes, failed) = run(&trial, &cx, &head, &operations, dry_run).await;
        let applied = failed.is_none() && !dry_run;
        if applied {
            trial.keep().await?;
        } else {
            let again = trial.interfered().await;
            trial.take_back().await;
            if again && attempt < ATTEMPTS {
                attempt += 1;
                continue;
            }
        }
        let mut response = answer(outcomes, failed, applied);
        if dry_run {
            mark_dry(&mut response);
        }
        return Ok(response);
    }
}

/// The outcomes so far, and what ended the batch before its end.
async fn run(
    trial: &Trial,
    cx: &Cx,
    head: &Parts,
    operations: &[Operation],
    dry_run: bool,
) -> (Vec<Outcome>, Option<StatusCode>) {
    let mut outcomes = Vec::with_capacity(operations.len());
    let mut names = BTreeMap::new();
    for operation in operations {
        let response = match prepared(cx, head, operation, &names, dry_run) {
            Ok((head, call)) => trial.call(&head, &call).await,
            Err(e) => e.into_response(),
        };
        let status = response.status();
        let outcome = read(response).await;
        if let (Some(name), Some(location)) = (&operation.r#as, &outcome.location) {
            let id = location.rsplit('/').next().unwrap_or_default().to_owned();
            names.insert(format!("{{{name}}}"), id);
        }
        outcomes.push(outcome);
        if !status.is_success() {
            return (outcomes, Some(status));
        }
    }
    (outcomes, None)
}

fn prepared(
    cx: &Cx,
    head: &Parts,
    operation: &Operation,
    names: &BTreeMap<String, String>,
    dry_run: bool,
) -> ApiResult<(Parts, Call)> {
    let method = match operation.method.as_str() {
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "DELETE" => Method::DELETE,
        _ => {
            return Err(ApiError::bad_request(
                "method: one of POST, PUT, DELETE was expected",
            ));
        }
    };
    let mut path = operation.path.trim_matches('/').to_owned();
    for (name, id) in names {
        path = path.replace(name.as_str(), id);
    }
    let base = realm_address(cx.path());
    let slash = if path.is_empty() || path.starts_with('?') {
        ""
    } else {
        "/"
    };
    let uri: Uri = format!("{base}{slash}{path}")
        .parse()
        .map_err(|_| ApiError::bad_request("path: it is no path; encode its parts"))?;
    let dots = |segment: &str| matches!(segment, "." | "..");
    if uri.path().split('/').any(dots) || is_batch(uri.path()) {
        return Err(ApiError::bad_request(
            "path: a path below the realm, and no batch, was expected",
        ));
    }
    if dry_run {
        refuse_untriable(&uri)?;
    }
    let mut head = head.clone();
    if let Some(owner) = &operation.owner {
        let value = HeaderValue::from_str(owner)
            .map_err(|_| ApiError::bad_request("owner: it is not ASCII"))?;
        head.headers.insert("realmkeep-owner", value);
    }
    let body = match &operation.body {
        Some(body) => {
            let kind = HeaderValue::from_static("application/json");
            head.headers.insert(header::CONTENT_TYPE, kind);
            let mut body = body.clone();
            fill(&mut body, names);
            Bytes::from(body.to_string())
        }
        None => Bytes::new(),
    };
    let preconditions = Preconditions::of_texts(
        operation.if_match.as_deref(),
        operation.if_none_match.as_deref(),
    )?;
    let call = Call {
        method,
        uri,
        body,
        preconditions,
    };
    Ok((head, call))
}

/// Puts ids in the place of names.
fn fill(body: &mut Value, names: &BTreeMap<String, String>) {
    match body {
        Value::String(text) => {
            if let Some(id) = names.get(text.as_str()) {
                text.clone_from(id);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, names)),
        Value::Object(fields) => fields.values_mut().for_each(|value| fill(value, names)),
        _ => {}
    }
}

/// `/admin/realms/{realm}` of a path below it, as it was sent.
fn realm_address(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).take(3).collect();
    format!("/{}", segments.join("/"))
}

fn without_body(mut head: Parts) -> Parts {
    head.headers.remove(header::CONTENT_TYPE);
    head
}

async fn read(response: Response) -> Outcome {
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default();
    let body = match serde_json::from_slice(&bytes) {
        Ok(body) => Some(body),
        Err(_) if bytes.is_empty() => None,
        Err(_) => Some(Value::from(String::from_utf8_lossy(&bytes).into_owned())),
    };
    Outcome {
        status: parts.status.as_u16(),
        location: parts
            .headers
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
        body,
    }
}

fn answer(outcomes: Vec<Outcome>, failed: Option<StatusCode>, applied: bool) -> Response {
    let Some(status) = failed else {
        return Json(json!({ "applied": applied, "results": outcomes })).into_response();
    };
    let index = outcomes.len().saturating_sub(1);
    let reason = outcomes.last().and_then(|o| o.body.as_ref());
    let reason = reason
        .and_then(|body| {
            ["errorMessage", "error_description", "error"]
                .iter()
                .find_map(|key| body.get(*key)?.as_str())
        })
        .unwrap_or("it was refused");
    let body = json!({
        "errorMessage": format!("operations[{index}]: {reason}"),
        "applied": false,
        "failed": index,
        "results": outcomes,
    });
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_an_id_only_as_a_whole() {
        let names = BTreeMap::from([("{web}".to_owned(), "id".to_owned())]);
        let mut body = json!({"a": "{web}", "b": ["x{web}", "{web}"], "{web}": {"c": "{other}"}});
        fill(&mut body, &names);
        let filled = json!({"a": "id", "b": ["x{web}", "id"], "{web}": {"c": "{other}"}});
        assert_eq!(body, filled);
    }
}
