//! What every reconciliation uses.

use std::{
    collections::HashMap,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api, Client as KubeClient, ResourceExt,
    api::{Patch, PatchParams},
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use realmkeep_crds::Reason;
use realmkeep_plan::Owner;
use serde_json::{Value, json};

use crate::{
    args::Args,
    metrics::Metrics,
    object::{Kind, name, namespace, raw_api, reference},
    problem::Problem,
    queues::Queues,
    server_client::Servers,
    status::merge_diff,
    stores::Stores,
};

/// Name under which the operator writes fields and events.
pub const MANAGER: &str = "realmkeep-operator";
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Longest text of an event.
const NOTE_LIMIT: usize = 1000;

pub struct Context {
    pub client: KubeClient,
    pub args: Args,
    pub stores: Stores,
    pub servers: Servers,
    pub metrics: Metrics,
    /// Filled while this replica leads.
    pub queues: OnceLock<Queues>,
    /// Tells this cluster's records on servers from another's.
    pub cluster: String,
    /// Issuer of the cluster's service account tokens.
    pub issuer: String,
    recorder: Recorder,
    /// Failures in a row by uid.
    failures: Mutex<HashMap<String, u32>>,
    /// Status as written, by uid: the cache may be behind.
    written: Mutex<HashMap<String, Written>>,
}

struct Written {
    /// The resource's version that the status was computed from.
    over: Option<String>,
    /// The version that the write made.
    version: Option<String>,
    status: Value,
}

impl Context {
    /// # Errors
    /// The API server cannot be asked who it is.
    pub async fn new(
        client: KubeClient,
        args: Args,
        stores: Stores,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        use anyhow::Context as _;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let system = namespaces.get("kube-system").await;
        let system = system.context("the namespace kube-system, whose uid names the cluster")?;
        let issuer = match &args.service_account_issuer {
            Some(issuer) => issuer.clone(),
            None => discover_issuer(&client).await?,
        };
        let reporter = Reporter {
            controller: MANAGER.into(),
            instance: Some(args.replica()),
        };
        Ok(Self {
            servers: Servers::new(client.clone(), &args),
            recorder: Recorder::new(client.clone(), reporter),
            cluster: system.uid().unwrap_or_default(),
            issuer,
            client,
            args,
            stores,
            metrics,
            queues: OnceLock::new(),
            failures: Mutex::default(),
            written: Mutex::default(),
        })
    }

    /// The ownership record of a resource.
    pub fn owner<K: Kind>(&self, meta: &ObjectMeta) -> Owner {
        Owner {
            cluster: Some(self.cluster.clone()),
            namespace: namespace(meta).into(),
            kind: K::KIND.into(),
            name: name(meta).into(),
            uid: meta.uid.clone(),
        }
    }

    /// The status that the resource has: as cached, or as written since.
    pub fn known_status(&self, meta: &ObjectMeta, cached: &Value) -> Value {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        match meta.uid.as_ref().and_then(|uid| written.get(uid)) {
            Some(written) if written.over == meta.resource_version => written.status.clone(),
            _ => cached.clone(),
        }
    }

    /// The resource's version: as cached, or after a status was written since.
    pub fn known_version(&self, meta: &ObjectMeta) -> Option<String> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        match meta.uid.as_ref().and_then(|uid| written.get(uid)) {
            Some(written) if written.over == meta.resource_version => written.version.clone(),
            _ => meta.resource_version.clone(),
        }
    }

    /// Writes the status when it means something new; says whether it did.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn write_status<K: Kind>(
        &self,
        meta: &ObjectMeta,
        before: &Value,
        status: Value,
    ) -> Result<bool, kube::Error> {
        let Some(patch) = merge_diff(before, &status) else {
            return Ok(false);
        };
        let api = raw_api::<K>(&self.client, namespace(meta));
        let patch = Patch::Merge(json!({ "status": patch }));
        let name = name(meta);
        let parameters = PatchParams::default();
        let after = match api.patch_status(name, &parameters, &patch).await {
            Ok(after) => after,
            // It went meanwhile.
            Err(kube::Error::Api(e)) if e.code == 404 => return Ok(false),
            Err(e) => return Err(e),
        };
        self.metrics.status_written(K::KIND);
        if let Some(uid) = &meta.uid {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            let of_this = Written {
                over: meta.resource_version.clone(),
                version: after.metadata.resource_version,
                status,
            };
            written.insert(uid.clone(), of_this);
        }
        Ok(true)
    }

    /// Tells a person what happened; failing to is no failure.
    pub async fn tell<K: Kind>(
        &self,
        meta: &ObjectMeta,
        type_: EventType,
        action: &str,
        reason: &str,
        note: &str,
    ) {
        let event = Event {
            type_,
            reason: reason.into(),
            note: Some(shortened(note)),
            action: action.into(),
            secondary: None,
        };
        if let Err(e) = self.recorder.publish(&event, &reference::<K>(meta)).await {
            tracing::debug!(error = %e, "an event was not taken");
        }
    }

    /// Tells a person that a resource is not ready, unless it only has to wait.
    pub async fn tell_problem<K: Kind>(&self, meta: &ObjectMeta, problem: &Problem) {
        let reason = problem.reason.as_str();
        let (namespace, name) = (namespace(meta), name(meta));
        let message = problem.message.as_str();
        tracing::info!(
            kind = K::KIND,
            namespace,
            name,
            reason,
            message,
            "not ready"
        );
        if !matches!(
            problem.reason,
            Reason::Pending | Reason::Progressing | Reason::Suspended
        ) {
            self.tell::<K>(meta, EventType::Warning, "Reconcile", reason, message)
                .await;
        }
    }

    /// How long to wait before the next try after one more failure.
    pub fn backoff(&self, meta: &ObjectMeta) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures
            .entry(meta.uid.clone().unwrap_or_default())
            .or_insert(0);
        let wait = FIRST_RETRY * 2_u32.pow((*count).min(10));
        *count = count.saturating_add(1);
        wait.min(self.args.resync())
    }

    pub fn succeeded(&self, meta: &ObjectMeta) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.remove(meta.uid.as_deref().unwrap_or_default());
    }

    /// Forgets what was remembered of an object that is gone.
    pub fn forget(&self, meta: &ObjectMeta) {
        self.succeeded(meta);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.remove(meta.uid.as_deref().unwrap_or_default());
    }
}

async fn discover_issuer(client: &KubeClient) -> anyhow::Result<String> {
    use anyhow::Context as _;
    let request = http::Request::get("/.well-known/openid-configuration").body(Vec::new())?;
    let document: Value = client
        .request(request)
        .await
        .context("the API server's issuer; --service-account-issuer gives it instead")?;
    let issuer = document.get("issuer").and_then(Value::as_str);
    issuer
        .map(str::to_owned)
        .context("the API server's discovery document has no issuer; give --service-account-issuer")
}

fn shortened(note: &str) -> String {
    if note.len() <= NOTE_LIMIT {
        return note.to_owned();
    }
    let mut end = NOTE_LIMIT;
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", note.get(..end).unwrap_or_default())
}
