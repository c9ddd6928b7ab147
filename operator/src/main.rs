//! The operator: runs identity servers and keeps what lives on them as custom resources declare.

mod args;
mod audience;
mod client;
mod conflict;
mod context;
mod dependents;
mod external_server;
mod finalizer;
mod identity_provider;
mod identity_server;
mod invalid;
mod lease;
mod managed;
mod management;
mod metrics;
mod object;
mod parent;
mod problem;
mod queues;
mod realm;
mod run;
mod secrets;
mod server_client;
mod server_status;
mod status;
mod stores;
mod watch;

use std::{
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{
    args::Args, context::Context, lease::Election, management::Management, metrics::Metrics,
    queues::Queues, stores::Stores,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long what is under way may take at the end.
const FINISH: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(operate(args));
            // Nothing may be written once the Lease is another's.
            runtime.shutdown_background();
            result
        }
        Err(e) => Err(e.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("realmkeep-operator: {e:#}");
            ExitCode::FAILURE
        }
    }
}

async fn operate(args: Args) -> anyhow::Result<()> {
    log(&args)?;
    // Fails only when one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let ended = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tokio::pin!(ended);

    let client = kube::Client::try_default()
        .await
        .context("there is no Kubernetes API server to talk to; run in a pod, or set KUBECONFIG")?;
    let (metrics, registry) = Metrics::new();
    let (stores, writers) = Stores::new();
    let management = Arc::new(Management {
        metrics: metrics.clone(),
        registry,
        stores: stores.clone(),
        ready: false.into(),
    });
    management::serve(args.management_address, management.clone())
        .await
        .with_context(|| format!("--management-address {}", args.management_address))?;
    let replica = args.replica();
    let mut election = Election::new(client.clone(), &args.namespace, &args.lease, &replica);
    let context = Arc::new(Context::new(client, args, stores, metrics).await?);
    watch::start(&context, writers);
    tokio::select! {
        () = context.stores.ready() => {}
        () = &mut ended => return Ok(()),
    }
    management.ready.store(true, Ordering::Relaxed);

    tracing::info!(replica, "waits for the Lease");
    tokio::select! {
        () = election.acquire() => {}
        () = &mut ended => return Ok(()),
    }
    tracing::info!(replica, issuer = context.issuer, "leads");
    context.metrics.leads(true);
    let (queues, requests) = Queues::new();
    queues.push_everything(&context.stores);
    let queues = context.queues.get_or_init(|| queues);
    let reconcilers = run::run(&context, requests);
    tokio::pin!(reconcilers);
    tokio::select! {
        () = &mut reconcilers => anyhow::bail!("the reconcilers have ended"),
        () = election.hold() => anyhow::bail!("this replica leads no more; it starts anew"),
        () = &mut ended => {}
    }
    tracing::info!("finishes what is under way");
    queues.close();
    tokio::select! {
        _ = tokio::time::timeout(FINISH, reconcilers) => {}
        () = election.hold() => anyhow::bail!("the Lease was lost while finishing"),
    }
    election.release().await;
    Ok(())
}

fn log(args: &Args) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&args.log_level)
        .with_context(|| format!("--log-level {:?}", args.log_level))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter);
    if args.log_format == "json" {
        lines.json().init();
    } else {
        lines.with_ansi(false).init();
    }
    Ok(())
}
