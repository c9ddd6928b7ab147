//! `workload-identities`: which workloads authenticate as which client with an assertion of an identity
//! provider, when each last did, and what was last refused to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use realmkeep_authn::Services;
use realmkeep_store::clients::{FEDERATED_ISSUER, FEDERATED_SUBJECT};
use serde_json::{Value, json};

use crate::error::ApiResult;
use crate::request::Cx;
use crate::rights::Right;

/// `clientAuthenticatorType` of the clients that are listed.
const AUTHENTICATOR: &str = "federated-jwt";
/// Clients, and records of workloads and their pods, looked at.
const MOST: i64 = 10_000;

/// `/admin/realms/{realm}`.
pub fn routes() -> Router<Arc<Services>> {
    Router::new().route("/workload-identities", get(list))
}

/// What is known of one identity: times in milliseconds since 1970.
#[derive(Default)]
struct Known {
    client_id: Option<String>,
    /// By pod; empty for the workload as a whole.
    used: BTreeMap<String, i64>,
    refused: Option<(i64, String, String)>,
}

async fn list(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_CLIENTS])?;
    let realm_id = &cx.realm.id;
    // By provider, subject and the client's id.
    let mut all: BTreeMap<(String, String, String), Known> = BTreeMap::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let clients = cx
        .store()
        .clients_with_attribute(realm_id, FEDERATED_SUBJECT, MOST)
        .await?;
    for client in clients {
        if client.client_authenticator_type.as_deref() != Some(AUTHENTICATOR) {
            continue;
        }
        let attribute = |name: &str| {
            let found = client.attributes.as_ref().and_then(|all| all.get(name));
            found.cloned().unwrap_or_default()
        };
        let id = client.id.clone().unwrap_or_default();
        let name = client.client_id.clone().unwrap_or_default();
        names.insert(id.clone(), name.clone());
        let key = (
            attribute(FEDERATED_ISSUER),
            attribute(FEDERATED_SUBJECT),
            id,
        );
        all.entry(key).or_default().client_id = Some(name);
    }
    for one in cx.store().workload_uses(realm_id, MOST).await? {
        let workload = one.workload;
        // A client that is gone, or that authenticates in another way now.
        let is_gone = !workload.client_id.is_empty() && !names.contains_key(&workload.client_id);
        if is_gone {
            continue;
        }
        let key = (
            workload.provider,
            workload.subject,
            workload.client_id.clone(),
        );
        let known = all.entry(key).or_default();
        known.client_id = names.get(&workload.client_id).cloned();
        if one.used > 0 {
            known.used.insert(workload.pod.clone(), one.used);
        }
        let latest = known.refused.as_ref().map_or(0, |(at, _, _)| *at);
        // Of equal ones that of the pod, which says more.
        if one.refused > 0 && one.refused >= latest {
            known.refused = Some((one.refused, one.reason, workload.pod));
        }
    }
    let shown = all.into_iter().map(|((provider, subject, id), known)| {
        let kind = cx.realm.identity_provider(&provider);
        json!({
            "provider": provider,
            "providerId": kind.and_then(|one| one.provider_id.clone()),
            "subject": subject,
            "id": Some(id).filter(|id| !id.is_empty()),
            "clientId": known.client_id,
            "uses": uses(&known.used),
            "lastRefusal": known.refused.map(|(at, reason, pod)| json!({
                "at": at,
                "reason": reason,
                "pod": Some(pod).filter(|pod| !pod.is_empty()),
            })),
        })
    });
    Ok(Json(shown.collect()))
}

/// The latest first; the workload as a whole only where it has used no pod that is known.
fn uses(used: &BTreeMap<String, i64>) -> Vec<Value> {
    let has_pods = used.keys().any(|pod| !pod.is_empty());
    let mut uses: Vec<_> = used
        .iter()
        .filter(|(pod, _)| !(has_pods && pod.is_empty()))
        .collect();
    uses.sort_by_key(|(_, at)| std::cmp::Reverse(**at));
    uses.into_iter()
        .map(|(pod, at)| json!({ "pod": Some(pod).filter(|pod| !pod.is_empty()), "at": at }))
        .collect()
}
