//! One look at one object.

use std::{sync::Arc, time::Duration};

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::ObjectMeta, jiff::Timestamp};
use kube::{
    Resource,
    runtime::{controller::Action, events::EventType},
};
use realmkeep_crds::{ConditionType, DriftPolicy, ManagedStatus, ManagementPolicy, Reason};
use realmkeep_plan::{Change, DesiredObject, Operation, plan_object};
use realmkeep_sync::{SyncError, apply, observe};
use serde_json::Value;

use super::{Departing, Managed, Resolved, delete};
use crate::{
    context::Context,
    finalizer, invalid,
    object::{Guarded, name, namespace, raw_api, spread},
    problem::Problem,
    status::{Verdict, conditions, first_sight, phases, status_of},
};

/// Fields shown of what differs.
const DRIFT_SHOWN: usize = 20;

/// Looks at an object, and says when to look again.
pub async fn reconcile<K: Managed>(guarded: Arc<Guarded<K>>, context: Arc<Context>) -> Action {
    let started = std::time::Instant::now();
    let meta = guarded.meta().clone();
    let (reason, action) = match look::<K>(&guarded, &context).await {
        Ok(Done { reason, wait }) => (
            reason,
            wait.map_or_else(Action::await_change, Action::requeue),
        ),
        Err(e) => {
            // A conflict means that the cache was behind; the next look sees more.
            tracing::debug!(kind = K::KIND, namespace = namespace(&meta), name = name(&meta), error = %e, "looked in vain");
            (Reason::Pending, Action::requeue(context.backoff(&meta)))
        }
    };
    context
        .metrics
        .reconciled(K::KIND, reason.as_str(), started.elapsed());
    action
}

struct Done {
    reason: Reason,
    /// None: until something changes.
    wait: Option<Duration>,
}

async fn look<K: Managed>(guarded: &Guarded<K>, context: &Context) -> Result<Done, kube::Error> {
    let meta = guarded.meta();
    if meta.deletion_timestamp.is_some() {
        let departing = match &guarded.0 {
            Ok(object) => Departing::of(object),
            Err(_) => invalid::departing::<K>(context, meta).await?,
        };
        return match departing {
            Some(departing) => leave::<K>(context, meta, departing).await,
            None => Ok(Done {
                reason: Reason::Ready,
                wait: None,
            }),
        };
    }
    let object = match &guarded.0 {
        Ok(object) => object,
        Err(e) => {
            invalid::report::<K>(context, meta, &e.error).await?;
            return Ok(Done {
                reason: Reason::Invalid,
                wait: None,
            });
        }
    };
    let cached = json(object.status());
    let before = context.known_status(meta, &cached);
    let mut status: ManagedStatus = serde_json::from_value(before.clone()).unwrap_or_default();
    if status.conditions.is_empty() {
        // kstatus takes a resource without conditions for a ready one.
        status.observed_generation = meta.generation;
        status.conditions = conditions(&[], first_sight(), meta.generation, Timestamp::now());
        context
            .write_status::<K>(meta, &before, json(Some(&status)))
            .await?;
    }
    Look {
        object,
        meta,
        context,
        status,
    }
    .finish()
    .await
}

async fn leave<K: Managed>(
    context: &Context,
    meta: &ObjectMeta,
    departing: Departing,
) -> Result<Done, kube::Error> {
    let gone = delete::leave::<K>(context, meta, departing).await?;
    Ok(match gone {
        Ok(()) => Done {
            reason: Reason::Ready,
            wait: None,
        },
        Err(()) => Done {
            reason: Reason::RemoteDeleteFailed,
            wait: Some(context.backoff(meta)),
        },
    })
}

struct Look<'l, K> {
    object: &'l K,
    meta: &'l ObjectMeta,
    context: &'l Context,
    /// As it will be written; the conditions are still those before.
    status: ManagedStatus,
}

impl<K: Managed> Look<'_, K> {
    async fn finish(mut self) -> Result<Done, kube::Error> {
        let mut extra = Vec::new();
        let problem = match self.program(&mut extra).await {
            Ok(problem) => problem,
            Err(Stop::Problem(problem)) => Some(problem),
            Err(Stop::Kube(e)) => return Err(e),
        };
        let (context, meta) = (self.context, self.meta);
        let mut verdicts = phases(problem.as_ref());
        if problem.is_none()
            && let Some(synced) = self.object.publish(context, &self.status).await?
        {
            verdicts.push(synced);
        }
        verdicts.extend(extra);
        let cached = json(self.object.status());
        let before = context.known_status(meta, &cached);
        self.status.observed_generation = meta.generation;
        let was = self.reason();
        self.status.conditions = conditions(
            &self.status.conditions,
            verdicts,
            meta.generation,
            Timestamp::now(),
        );
        let written = context
            .write_status::<K>(meta, &before, json(Some(&self.status)))
            .await?;
        let wait = match &problem {
            Some(problem) if problem.transient => context.backoff(meta),
            _ => {
                context.succeeded(meta);
                spread(context.args.resync(), meta)
            }
        };
        if let Some(problem) = &problem
            && written
            && was.as_deref() != Some(problem.reason.as_str())
        {
            context.tell_problem::<K>(meta, problem).await;
        }
        Ok(Done {
            reason: problem.map_or(Reason::Ready, |p| p.reason),
            wait: Some(wait),
        })
    }

    /// Makes the server's object what is declared, as far as the policies allow.
    async fn program(&mut self, extra: &mut Vec<Verdict>) -> Result<Option<Problem>, Stop> {
        if let Some(problem) = Problem::invalid(&self.object.validate()) {
            return Ok(Some(problem));
        }
        let lifecycle = self.object.lifecycle();
        if lifecycle.suspend {
            let message = "spec.suspend is true: the server is left alone";
            return Ok(Some(Problem::programmed(Reason::Suspended, message)));
        }
        let Resolved {
            server_ref,
            server,
            desired,
        } = self.object.resolve(self.context).await?;
        let realm = desired.key.realm().to_owned();
        let issuer = server.issuer(&realm);
        let observed = observe(&server.admin, &desired)
            .await
            .map_err(SyncError::from)?;
        let change = match plan_object(&desired, observed.as_ref()) {
            Ok(change) => change,
            Err(e) => {
                // Not ours: deletion must not touch it, and nothing may be put into it.
                self.status.id = None;
                return Err(SyncError::from(e).into());
            }
        };
        self.status.issuer = Some(issuer);
        let only_look = lifecycle.management == ManagementPolicy::ObserveOnly;
        let report = only_look || self.is_drift(&desired, observed.as_ref(), lifecycle.drift);
        self.status.drift.clear();
        let mut id = id(observed.as_ref());
        match change {
            Some(change) if report => {
                self.status.drift = shown(&change);
                let fields = self.status.drift.join("; ");
                extra.push(Verdict::new(
                    ConditionType::Drifted,
                    true,
                    Reason::DriftDetected,
                    fields,
                ));
            }
            Some(change) => {
                // Deletion needs to know where the object is before it is there.
                self.track(&server_ref, &desired).await?;
                let applied = apply(&server.admin, &change).await;
                self.applied(&change, &applied).await;
                let made = applied?;
                id = made.or(id);
                if id.is_none() {
                    // Realms and identity providers are created without an answer that names them.
                    let stored = observe(&server.admin, &desired)
                        .await
                        .map_err(SyncError::from)?;
                    id = self::id(stored.as_ref());
                }
                let versions = desired.secrets.iter();
                self.status.secret_versions = versions
                    .map(|(path, secret)| (path.clone(), secret.version.clone()))
                    .collect();
            }
            None => {
                self.track(&server_ref, &desired).await?;
                let versions = desired.secrets.iter();
                self.status.secret_versions = versions
                    .map(|(path, secret)| (path.clone(), secret.version.clone()))
                    .collect();
            }
        }
        if self.status.drift.is_empty() && (only_look || lifecycle.drift == DriftPolicy::Report) {
            extra.push(Verdict::new(
                ConditionType::Drifted,
                false,
                Reason::NoDrift,
                "",
            ));
        }
        self.status.server_ref = Some(server_ref);
        self.status.realm = Some(realm);
        self.status.external_name = Some(desired.key.external_name().to_owned());
        self.status.id = id;
        Ok(None)
    }

    /// Whether a difference was made by somebody else: this very declaration has been on the
    /// server before.
    fn is_drift(
        &self,
        desired: &DesiredObject,
        observed: Option<&Value>,
        policy: DriftPolicy,
    ) -> bool {
        let programmed = status_of(&self.status.conditions, ConditionType::Programmed);
        let versions = &self.status.secret_versions;
        policy == DriftPolicy::Report
            && observed.is_some()
            && programmed == Some(true)
            && self.status.observed_generation == self.meta.generation
            && desired
                .secrets
                .iter()
                .all(|(path, s)| versions.get(path) == Some(&s.version))
    }

    /// Holds the resource and notes where its object is.
    async fn track(
        &mut self,
        server: &realmkeep_crds::ResolvedServerRef,
        desired: &DesiredObject,
    ) -> Result<(), kube::Error> {
        if !finalizer::is_held(self.meta) {
            let api = raw_api::<K>(&self.context.client, namespace(self.meta));
            finalizer::hold(&api, self.meta, self.context.known_version(self.meta)).await?;
        }
        let realm = Some(desired.key.realm());
        let external_name = Some(desired.key.external_name());
        let status = &mut self.status;
        let noted = status.server_ref.as_ref() == Some(server)
            && status.realm.as_deref() == realm
            && status.external_name.as_deref() == external_name;
        if !noted {
            status.server_ref = Some(server.clone());
            status.realm = realm.map(str::to_owned);
            status.external_name = external_name.map(str::to_owned);
            let before = self
                .context
                .known_status(self.meta, &json(self.object.status()));
            self.context
                .write_status::<K>(self.meta, &before, json(Some(&self.status)))
                .await?;
        }
        Ok(())
    }

    async fn applied(&self, change: &Change, result: &Result<Option<String>, SyncError>) {
        if result.is_err() {
            return;
        }
        let (operation, reason) = match change.op {
            Operation::Create => ("create", "Created"),
            Operation::Update if self.was_programmed() => ("update", "DriftCorrected"),
            Operation::Update => ("update", "Updated"),
            Operation::Delete => ("delete", "Deleted"),
        };
        self.context.metrics.server_written(K::KIND, operation);
        let note = change.to_string();
        let meta = self.meta;
        let fields: Vec<_> = change.fields.iter().map(|f| f.path.as_str()).collect();
        let (namespace, name) = (namespace(meta), name(meta));
        tracing::info!(
            kind = K::KIND,
            namespace,
            name,
            reason,
            fields = fields.join(" "),
            "{operation}"
        );
        self.context
            .tell::<K>(meta, EventType::Normal, "Apply", reason, &note)
            .await;
    }

    fn was_programmed(&self) -> bool {
        self.status.observed_generation == self.meta.generation
            && status_of(&self.status.conditions, ConditionType::Programmed) == Some(true)
    }

    /// Why the resource was not ready before.
    fn reason(&self) -> Option<String> {
        let ready = ConditionType::Ready.to_string();
        let found = self.status.conditions.iter().find(|c| c.type_ == ready)?;
        Some(found.reason.clone())
    }
}

/// Why a look ended early.
enum Stop {
    Problem(Problem),
    /// The Kubernetes API server did not play along; looked at again without a word.
    Kube(kube::Error),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<SyncError> for Stop {
    fn from(error: SyncError) -> Self {
        Self::Problem(error.into())
    }
}

impl From<kube::Error> for Stop {
    fn from(error: kube::Error) -> Self {
        Self::Kube(error)
    }
}

fn shown(change: &Change) -> Vec<String> {
    let mut shown: Vec<_> = change.fields.iter().map(ToString::to_string).collect();
    if change.op == Operation::Create {
        shown = vec!["the object does not exist on the server".into()];
    }
    let more = shown.len().saturating_sub(DRIFT_SHOWN);
    shown.truncate(DRIFT_SHOWN);
    if more > 0 {
        shown.pop();
        shown.push(format!("and {} more", more + 1));
    }
    shown
}

fn id(observed: Option<&Value>) -> Option<String> {
    let observed = observed?;
    let id = observed.get("id").or_else(|| observed.get("internalId"))?;
    id.as_str().map(str::to_owned)
}

fn json(status: Option<&ManagedStatus>) -> Value {
    let value = status.and_then(|s| serde_json::to_value(s).ok());
    value.unwrap_or_else(|| Value::Object(serde_json::Map::new()))
}
