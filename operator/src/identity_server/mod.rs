//! Identity servers: run as a StatefulSet of one pod with its database beside it.

mod children;
mod covers;
mod manifests;
mod master_key;

use std::{sync::Arc, time::Instant};

use k8s_openapi::{
    api::apps::v1::StatefulSet, apimachinery::pkg::apis::meta::v1::ObjectMeta, jiff::Timestamp,
};
use kube::{Api, Resource, runtime::controller::Action};
use realmkeep_crds::{
    ConditionType, IdentityServer, Reason, ResolvedServerRef, ServerKind, ServerStatus, Validate,
};

use self::manifests::Settings;
use crate::{
    audience,
    context::Context,
    external_server::answers,
    invalid,
    object::{Guarded, Kind, name, namespace, spread},
    problem::Problem,
    server_status::{Outcome, publish},
    status::phases,
};

/// Label of everything that is made for a server.
pub const MANAGED_BY_KEY: &str = "app.kubernetes.io/managed-by";
/// The same with its value, as a selector.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by=realmkeep-operator";

/// Looks at a server and what it consists of, and says when to look again.
pub async fn reconcile(guarded: Arc<Guarded<IdentityServer>>, context: Arc<Context>) -> Action {
    let started = Instant::now();
    let meta = guarded.meta();
    let (reason, action) = match look(&guarded, &context).await {
        Ok(outcome) => outcome,
        Err(e) => {
            tracing::debug!(kind = IdentityServer::KIND, namespace = namespace(meta), name = name(meta), error = %e, "looked in vain");
            (Reason::Pending, Action::requeue(context.backoff(meta)))
        }
    };
    let took = started.elapsed();
    context
        .metrics
        .reconciled(IdentityServer::KIND, reason.as_str(), took);
    action
}

async fn look(
    guarded: &Guarded<IdentityServer>,
    context: &Context,
) -> Result<(Reason, Action), kube::Error> {
    let meta = guarded.meta();
    if meta.deletion_timestamp.is_some() {
        // Its parts go with it, by their owner references.
        context.servers.forget(&server_ref(meta));
        return Ok((Reason::Ready, Action::await_change()));
    }
    let server = match &guarded.0 {
        Ok(server) => server,
        Err(e) => {
            invalid::report::<IdentityServer>(context, meta, &e.error).await?;
            return Ok((Reason::Invalid, Action::await_change()));
        }
    };
    let problem = program(server, context).await.err();
    // A URL that is refused is not claimed.
    let refused = problem
        .as_ref()
        .is_some_and(|p| p.phase == ConditionType::Accepted);
    let claimed = if refused {
        server.status.as_ref().and_then(|status| status.url.clone())
    } else {
        Some(server.public_url())
    };
    let outcome = Outcome {
        before: server.status.clone().unwrap_or_default(),
        after: ServerStatus {
            observed_generation: meta.generation,
            url: claimed,
            conditions: Vec::new(),
        },
        verdicts: phases(problem.as_ref()),
        problem: problem.as_ref(),
    };
    publish::<IdentityServer>(context, meta, outcome, Timestamp::now()).await?;
    Ok(match problem {
        None => {
            context.succeeded(meta);
            (
                Reason::Ready,
                Action::requeue(spread(context.args.resync(), meta)),
            )
        }
        Some(problem) if problem.transient => {
            (problem.reason, Action::requeue(context.backoff(meta)))
        }
        Some(problem) => (
            problem.reason,
            Action::requeue(spread(context.args.resync(), meta)),
        ),
    })
}

async fn program(server: &IdentityServer, context: &Context) -> Result<(), Problem> {
    let mut errors = server.validate();
    errors.extend(manifests::validate(server));
    errors.extend(audience::validate(server));
    if let Some(problem) = Problem::invalid(&errors) {
        return Err(problem);
    }
    audience::claim_identity_server(server, &context.stores)?;
    master_key::ensure(server, context).await?;
    let settings = Settings {
        default_image: &context.args.server_image,
        default_pull_policy: context.args.server_image_pull_policy.as_deref(),
        operator_issuer: &context.issuer,
        operator_subject: &context.args.subject(),
    };
    for manifest in manifests::manifests(server, &settings) {
        children::apply(server, context, manifest).await?;
    }
    let wanted = server.spec.replicas.unwrap_or(1);
    let pods = pods_ready(server, context).await?;
    if pods < wanted {
        let message = format!("{pods} of {wanted} pods are ready");
        return Err(Problem::programmed(Reason::Progressing, message));
    }
    if wanted == 0 {
        let message = "spec.replicas is 0: the server is stopped";
        return Err(Problem::programmed(Reason::Suspended, message));
    }
    let connected = context.servers.identity_server(&context.stores, server)?;
    answers(&connected.admin, &connected.account_realm).await?;
    Ok(())
}

/// Ready pods of the newest declaration.
async fn pods_ready(server: &IdentityServer, context: &Context) -> Result<i32, kube::Error> {
    let meta = server.meta();
    let api: Api<StatefulSet> = Api::namespaced(context.client.clone(), namespace(meta));
    let found = api.get_opt(name(meta)).await?;
    let Some(found) = found else { return Ok(0) };
    let generation = found.metadata.generation;
    let status = found.status.unwrap_or_default();
    let rolled_out = status.observed_generation >= generation
        && status.update_revision == status.current_revision;
    Ok(if rolled_out {
        status.ready_replicas.unwrap_or(0)
    } else {
        0
    })
}

fn server_ref(meta: &ObjectMeta) -> ResolvedServerRef {
    ResolvedServerRef {
        kind: ServerKind::IdentityServer,
        namespace: namespace(meta).into(),
        name: name(meta).into(),
    }
}
