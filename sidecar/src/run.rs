//! Wiring: listeners up, tokens and keys fetched ahead, an orderly end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use realmkeep_workload_identity::Clock;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::config::Config;
use crate::http::server::serve;
use crate::inbound::{Inbound, Verifier};
use crate::metrics::Metrics;
use crate::outbound::Outbound;

/// Both directions, as far as they are configured.
type Directions = (Option<Arc<Inbound>>, Option<Arc<Outbound>>);

/// Whether everything the configuration names can be set up, without listening or fetching.
pub fn check(config: &Config) -> anyhow::Result<()> {
    assemble(config, &Arc::new(Metrics::new())).map(drop)
}

/// Runs until SIGTERM or SIGINT.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be caught")?;

    let metrics = Arc::new(Metrics::new());
    let (inbound, outbound) = assemble(&config, &metrics)?;
    let verifier = inbound
        .as_ref()
        .map(|inbound| Arc::clone(inbound.verifier()));
    let admin = Arc::new(Admin::new(
        &metrics,
        verifier.clone(),
        outbound.clone(),
        config
            .inbound
            .as_ref()
            .is_some_and(|inbound| inbound.require_issuers),
        Duration::from_secs(config.admin.startup_wait_seconds),
    ));

    let drain = Duration::from_secs(config.drain_seconds);
    let (stop_inbound, stop_rest) = (CancellationToken::new(), CancellationToken::new());
    let (mut coming_in, mut rest) = (JoinSet::new(), JoinSet::new());

    if let (Some(inbound), Some(settings)) = (inbound, &config.inbound) {
        let listener = bind("inbound", settings.listen).await?;
        let handle = move |request| Arc::clone(&inbound).handle(request);
        coming_in.spawn(serve(listener, handle, stop_inbound.clone(), drain));
    }
    if let (Some(outbound), Some(settings)) = (&outbound, &config.outbound) {
        if let Some(api) = &settings.token_api {
            let listener = bind("tokenApi", api.listen).await?;
            let outbound = Arc::clone(outbound);
            let handle = move |request| Arc::clone(&outbound).handle_token_api(request);
            rest.spawn(serve(listener, handle, stop_rest.clone(), drain));
        }
        if let Some(proxy) = &settings.forward_proxy {
            let listener = bind("forwardProxy", proxy.listen).await?;
            let outbound = Arc::clone(outbound);
            let handle = move |request| Arc::clone(&outbound).handle_forward_proxy(request);
            rest.spawn(serve(listener, handle, stop_rest.clone(), drain));
        }
    }
    let listener = bind("admin", config.admin.listen).await?;
    let handle = {
        let admin = Arc::clone(&admin);
        move |request| Arc::clone(&admin).handle(request)
    };
    rest.spawn(serve(
        listener,
        handle,
        stop_rest.clone(),
        Duration::from_secs(1),
    ));

    let ahead = tokio::spawn(fetch_ahead(verifier, outbound));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }

    // Requests under way may still need tokens: what comes in ends first.
    tracing::info!("stopping");
    admin.drain();
    ahead.abort();
    stop_inbound.cancel();
    while coming_in.join_next().await.is_some() {}
    stop_rest.cancel();
    while rest.join_next().await.is_some() {}
    Ok(())
}

fn assemble(config: &Config, metrics: &Arc<Metrics>) -> anyhow::Result<Directions> {
    let clock = Clock::system();
    let inbound = match &config.inbound {
        Some(inbound) => Some(Inbound::new(inbound, clock.clone(), Arc::clone(metrics))?),
        None => None,
    };
    let outbound = match &config.outbound {
        Some(outbound) => Some(Outbound::new(outbound, clock, Arc::clone(metrics))?),
        None => None,
    };
    Ok((inbound.map(Arc::new), outbound.map(Arc::new)))
}

async fn bind(name: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("{name}.listen: {address} cannot be listened on"))?;
    tracing::info!(listener = name, address = %listener.local_addr()?, "listening");
    Ok(listener)
}

/// Gets keys and tokens before they are needed and keeps them fresh in a quiet pod: each in a task of
/// its own, so that none waits for another's server. Both remember their failures and ask no more
/// often than they allow.
async fn fetch_ahead(verifier: Option<Arc<Verifier>>, outbound: Option<Arc<Outbound>>) {
    let mut tasks = JoinSet::new();
    for (_, keys) in verifier.iter().flat_map(|verifier| verifier.keys()) {
        let keys = keys.clone();
        tasks.spawn(repeatedly(move || {
            let keys = keys.clone();
            async move {
                if keys.prefetch().await.is_ok() {
                    keys.keep_fresh();
                }
            }
        }));
    }
    for outbound in outbound.iter() {
        for target in outbound.targets() {
            let (outbound, target) = (Arc::clone(outbound), target.clone());
            tasks.spawn(repeatedly(move || {
                let (outbound, target) = (Arc::clone(&outbound), target.clone());
                // A failure is logged where it happens.
                async move { drop(outbound.token(&target).await) }
            }));
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// Quickly at first, then every five seconds.
async fn repeatedly<F: Future<Output = ()>>(work: impl Fn() -> F) {
    let mut pause = Duration::from_millis(250);
    loop {
        work().await;
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}
