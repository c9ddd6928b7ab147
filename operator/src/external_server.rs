//! External servers: nothing is run, only looked at.

use std::{sync::Arc, time::Instant};

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::ObjectMeta, jiff::Timestamp};
use kube::{Resource, runtime::controller::Action};
use realmkeep_admin_client::{AdminClient, Error};
use realmkeep_crds::{
    ExternalServer, Reason, ResolvedServerRef, ServerKind, ServerStatus, Validate,
};

use crate::{
    context::Context,
    invalid,
    object::{Guarded, Kind, name, namespace, spread},
    problem::Problem,
    server_client::Server,
    server_status::{Outcome, publish},
    status::phases,
};

/// Looks at an external server, and says when to look again.
pub async fn reconcile(guarded: Arc<Guarded<ExternalServer>>, context: Arc<Context>) -> Action {
    let started = Instant::now();
    let meta = guarded.meta();
    let (reason, action) = match look(&guarded, &context).await {
        Ok(outcome) => outcome,
        Err(e) => {
            tracing::debug!(kind = ExternalServer::KIND, namespace = namespace(meta), name = name(meta), error = %e, "looked in vain");
            (Reason::Pending, Action::requeue(context.backoff(meta)))
        }
    };
    let took = started.elapsed();
    context
        .metrics
        .reconciled(ExternalServer::KIND, reason.as_str(), took);
    action
}

async fn look(
    guarded: &Guarded<ExternalServer>,
    context: &Context,
) -> Result<(Reason, Action), kube::Error> {
    let meta = guarded.meta();
    if meta.deletion_timestamp.is_some() {
        context.servers.forget(&server_ref(meta));
        return Ok((Reason::Ready, Action::await_change()));
    }
    let server = match &guarded.0 {
        Ok(server) => server,
        Err(e) => {
            invalid::report::<ExternalServer>(context, meta, &e.error).await?;
            return Ok((Reason::Invalid, Action::await_change()));
        }
    };
    let problem = check(server, context).await.err();
    let url = server.spec.url.trim_end_matches('/').to_owned();
    let outcome = Outcome {
        before: server.status.clone().unwrap_or_default(),
        after: ServerStatus {
            observed_generation: meta.generation,
            url: Some(url),
            conditions: Vec::new(),
        },
        verdicts: phases(problem.as_ref()),
        problem: problem.as_ref(),
    };
    publish::<ExternalServer>(context, meta, outcome, Timestamp::now()).await?;
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

async fn check(server: &ExternalServer, context: &Context) -> Result<(), Problem> {
    if let Some(problem) = Problem::invalid(&server.validate()) {
        return Err(problem);
    }
    let Server {
        admin,
        account_realm,
        ..
    } = context
        .servers
        .external_server(&context.stores, server)
        .await?;
    answers(&admin, &account_realm).await?;
    Ok(())
}

/// Whether a server answers and accepts our credentials. They need not reach as far as the realm
/// that they are kept in.
pub async fn answers(admin: &AdminClient, account_realm: &str) -> Result<(), Error> {
    match admin.realm(account_realm).await {
        Ok(_) | Err(Error::Forbidden { .. } | Error::NotFound { .. }) => Ok(()),
        Err(e) => Err(e),
    }
}

fn server_ref(meta: &ObjectMeta) -> ResolvedServerRef {
    ResolvedServerRef {
        kind: ServerKind::ExternalServer,
        namespace: namespace(meta).into(),
        name: name(meta).into(),
    }
}
