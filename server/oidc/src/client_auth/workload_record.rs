//! What the realm remembers of workloads that prove to be clients without a secret: the last use of
//! each, and the last refusal with its reason. Who asks with a made-up assertion fills nothing: until a
//! signature is proven there is one place for each identity provider.

use realmkeep_jose::Verified;
use realmkeep_store::workload_uses::Workload;

use super::Authenticated;
use crate::context::Context;
use crate::error::OAuthError;

/// The proven assertion's subject and, where a cluster issued it for a pod, the pod.
pub(super) fn proven(workload: &mut Workload, subject: &str, assertion: &Verified) {
    subject.clone_into(&mut workload.subject);
    let pod = assertion
        .claims()
        .get("kubernetes.io")
        .and_then(|cluster| cluster.get("pod")?.get("name")?.as_str());
    if let Some(pod) = pod {
        pod.clone_into(&mut workload.pod);
    }
}

/// Remembers how it went. What cannot be remembered is logged, and changes no answer.
pub(super) async fn remember(
    context: &Context,
    workload: &Workload,
    outcome: Result<Option<&Authenticated>, &OAuthError>,
) {
    if workload.provider.is_empty() {
        return;
    }
    let store = &context.services.store;
    let realm_id = &context.realm.id;
    let now = context.now.saturating_mul(1_000);
    let stored = match outcome {
        Ok(Some(_)) => store.record_workload_use(realm_id, workload, now).await,
        Ok(None) => return,
        // The server's own trouble says nothing about the workload.
        Err(error) if error.status.is_server_error() => return,
        Err(error) => {
            let reason = error.reason.as_deref().unwrap_or(&error.description);
            store
                .record_workload_refusal(realm_id, workload, reason, now)
                .await
        }
    };
    if let Err(e) = stored {
        tracing::warn!(error = %e, "a workload's use could not be recorded");
    }
}
