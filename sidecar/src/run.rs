//! Wiring: listeners up, tokens and keys fetched ahead, configuration read again, an orderly end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use arc_swap::ArcSwap;
use realmkeep_jose::sha256;
use realmkeep_token_verifier::SenderConstraints;
use realmkeep_workload_identity::Clock;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::config::Config;
use crate::direct_reach::DirectReach;
use crate::http::answer;
use crate::http::server::{Listener, Protocols, serve};
use crate::http::tls::TlsListener;
use crate::inbound::Inbound;
use crate::inbound::verification::{Asker, KnownKeys, verifier};
use crate::metrics::Metrics;
use crate::outbound::{Door, Outbound, source};

/// What the configuration has become. Replaced as a whole.
pub struct Assembled {
    pub config: Config,
    pub inbound: Option<Arc<Inbound>>,
    pub outbound: Option<Arc<Outbound>>,
    constraints: Option<Arc<SenderConstraints>>,
    keys: KnownKeys,
    /// Of the files that the configuration names.
    files: [u8; 32],
}

/// What is in force now.
pub struct Current(ArcSwap<Assembled>);

impl Current {
    pub fn load(&self) -> Arc<Assembled> {
        self.0.load_full()
    }

    pub fn inbound(&self) -> Option<Arc<Inbound>> {
        self.0.load().inbound.clone()
    }

    pub fn outbound(&self) -> Option<Arc<Outbound>> {
        self.0.load().outbound.clone()
    }
}

impl Assembled {
    /// Everything set up, without listening or fetching. What `before` has and what did not change is
    /// kept: keys, tokens, and the memory of proofs.
    fn new(config: Config, metrics: &Arc<Metrics>, before: Option<&Self>) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let files = digest(&config.files());
        let before = before.filter(|before| before.files == files);
        let outbound = match &config.outbound {
            Some(outbound) => {
                let same = before
                    .filter(|before| before.config.outbound.as_ref() == Some(outbound))
                    .and_then(|before| before.outbound.clone());
                match same {
                    Some(same) => Some(same),
                    None => {
                        let new = Outbound::new(outbound, clock.clone(), Arc::clone(metrics))?;
                        Some(Arc::new(new))
                    }
                }
            }
            None => None,
        };
        let (mut inbound, mut constraints, mut keys) = (None, None, KnownKeys::new());
        if let Some(settings) = &config.inbound {
            let wanted = &settings.sender_constraint;
            let same = before
                .filter(|before| {
                    let inbound = before.config.inbound.as_ref();
                    inbound.is_some_and(|inbound| inbound.sender_constraint == *wanted)
                })
                .and_then(|before| before.constraints.clone());
            let limits = same.unwrap_or_else(|| {
                Arc::new(SenderConstraints::new(
                    wanted.dpop,
                    wanted.mtls,
                    wanted.proof_max_age_seconds,
                ))
            });
            let asker = config.outbound.as_ref().map(|outbound| Asker {
                source: source(outbound, &clock).0,
                client_id: outbound.client_id.clone(),
            });
            let none = KnownKeys::new();
            let known = before.map_or(&none, |before| &before.keys);
            let (verifier, own) = verifier(settings, asker.as_ref(), known, &clock)?;
            keys = own;
            let new = Inbound::new(settings, verifier, Arc::clone(&limits), Arc::clone(metrics))?;
            inbound = Some(Arc::new(new));
            constraints = Some(limits);
        }
        Ok(Self {
            config,
            inbound,
            outbound,
            constraints,
            keys,
            files,
        })
    }

    /// Whether `new` listens in the same places: a listener is not moved while it is in use.
    fn check_listeners(&self, new: &Config) -> anyhow::Result<()> {
        let places = |config: &Config| {
            let inbound = config.inbound.as_ref();
            let outbound = config.outbound.as_ref();
            (
                inbound.map(|inbound| {
                    let listen = |listener: &crate::config::Listener| listener.listen;
                    (
                        inbound.listen,
                        inbound.tls.clone(),
                        inbound.forward_auth.as_ref().map(listen),
                        inbound.ext_authz.as_ref().map(listen),
                    )
                }),
                outbound.map(|outbound| {
                    let api = outbound.token_api.as_ref();
                    (
                        api.map(|api| (api.listen, api.socket.clone())),
                        outbound.forward_proxy.as_ref().map(|proxy| proxy.listen),
                    )
                }),
                config.admin.clone(),
                config.workers,
            )
        };
        ensure!(
            places(&self.config) == places(new),
            "a listener, `tls`, `admin` or `workers` has changed; that needs a restart"
        );
        Ok(())
    }
}

/// Whether everything the configuration names can be set up, without listening or fetching.
pub fn check(config: Config) -> anyhow::Result<()> {
    if let Some(tls) = config
        .inbound
        .as_ref()
        .and_then(|inbound| inbound.tls.as_ref())
    {
        TlsListener::new(tls)?;
    }
    Assembled::new(config, &Arc::new(Metrics::default()), None).map(drop)
}

/// Runs until SIGTERM or SIGINT.
pub async fn run(path: &Path, config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be caught")?;
    let mut hangup = signal(SignalKind::hangup()).context("SIGHUP cannot be caught")?;

    let metrics = Arc::new(Metrics::default());
    let assembled = Assembled::new(config.clone(), &metrics, None)?;
    let current = Arc::new(Current(ArcSwap::from_pointee(assembled)));
    let reach = Arc::new(DirectReach::default());
    let admin = Arc::new(Admin::new(
        &metrics,
        Arc::clone(&current),
        Arc::clone(&reach),
        Duration::from_secs(config.admin.startup_wait_seconds),
    ));

    let (stop_inbound, stop_rest) = (CancellationToken::new(), CancellationToken::new());
    let (mut coming_in, mut rest) = (JoinSet::new(), JoinSet::new());
    let tls = listen_inbound(&config, &current, &stop_inbound, &mut coming_in).await?;
    listen_outbound(&config, &current, &stop_rest, &mut rest).await?;
    let listener = Listener::tcp("admin", config.admin.listen).await?;
    let handle = {
        let admin = Arc::clone(&admin);
        move |request, _| Arc::clone(&admin).handle(request)
    };
    rest.spawn(serve(
        listener,
        Protocols::Http1,
        handle,
        stop_rest.clone(),
        Duration::from_secs(1),
    ));
    let inbound = config.inbound.as_ref();
    if let Some(inbound) = inbound
        && let Some(pod) = inbound.pod_address
        && let Some(port) = inbound.upstream_uri()?.port_u16()
    {
        tokio::spawn(Arc::clone(&reach).watch(pod, port));
    }

    let mut reloader = Reloader {
        path: path.to_owned(),
        seen: seen(path, &config),
        current: Arc::clone(&current),
        metrics,
        tls,
        ahead: tokio::spawn(fetch_ahead(current.load())).abort_handle(),
    };
    let mut look = tokio::time::interval(Duration::from_secs(config.reload_seconds));
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => reloader.reload(),
            _ = look.tick() => reloader.look(),
        }
    }

    // Requests under way may still need tokens: what comes in ends first.
    tracing::info!("stopping");
    admin.drain();
    reloader.ahead.abort();
    stop_inbound.cancel();
    while coming_in.join_next().await.is_some() {}
    stop_rest.cancel();
    while rest.join_next().await.is_some() {}
    Ok(())
}

async fn listen_inbound(
    config: &Config,
    current: &Arc<Current>,
    stop: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<Option<Arc<TlsListener>>> {
    let Some(settings) = &config.inbound else {
        return Ok(None);
    };
    let drain = Duration::from_secs(config.drain_seconds);
    let mut tls = None;
    if let Some(listen) = settings.listen {
        let mut listener = Listener::tcp("inbound", listen).await?;
        if let Some(settings) = &settings.tls {
            let own = Arc::new(TlsListener::new(settings).context("inbound")?);
            listener = listener.with_tls(Arc::clone(&own));
            tls = Some(own);
        }
        let current = Arc::clone(current);
        let handle = move |request, peer| {
            let inbound = current.inbound();
            async move {
                match inbound {
                    Some(inbound) => inbound.handle(request, peer).await,
                    None => gone(),
                }
            }
        };
        tasks.spawn(serve(
            listener,
            Protocols::Http1And2,
            handle,
            stop.clone(),
            drain,
        ));
    }
    if let Some(settings) = &settings.forward_auth {
        let listener = Listener::tcp("forwardAuth", settings.listen).await?;
        let current = Arc::clone(current);
        let handle = move |request, _| {
            let inbound = current.inbound();
            async move {
                match inbound {
                    Some(inbound) => inbound.handle_forward_auth(request).await,
                    None => gone(),
                }
            }
        };
        tasks.spawn(serve(
            listener,
            Protocols::Http1And2,
            handle,
            stop.clone(),
            drain,
        ));
    }
    if let Some(settings) = &settings.ext_authz {
        let listener = Listener::tcp("extAuthz", settings.listen).await?;
        let current = Arc::clone(current);
        let handle = move |request, _| {
            let inbound = current.inbound();
            async move {
                match inbound {
                    Some(inbound) => inbound.handle_ext_authz(request).await,
                    None => gone(),
                }
            }
        };
        tasks.spawn(serve(
            listener,
            Protocols::Http1And2,
            handle,
            stop.clone(),
            drain,
        ));
    }
    Ok(tls)
}

async fn listen_outbound(
    config: &Config,
    current: &Arc<Current>,
    stop: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    let Some(settings) = &config.outbound else {
        return Ok(());
    };
    let drain = Duration::from_secs(config.drain_seconds);
    if let Some(api) = &settings.token_api {
        let mut doors = Vec::new();
        if let Some(listen) = api.listen {
            doors.push((Door::Loopback, Listener::tcp("tokenApi", listen).await?));
        }
        if let Some(socket) = &api.socket {
            doors.push((Door::Socket, Listener::unix("tokenApiSocket", socket)?));
        }
        for (door, listener) in doors {
            let current = Arc::clone(current);
            let handle = move |request, _| {
                let now = current.load();
                async move {
                    let verifier = now
                        .inbound
                        .as_ref()
                        .map(|inbound| Arc::clone(inbound.engine().verifier()));
                    match now.outbound.clone() {
                        Some(outbound) => outbound.handle_token_api(request, door, verifier).await,
                        None => gone(),
                    }
                }
            };
            tasks.spawn(serve(
                listener,
                Protocols::Http1,
                handle,
                stop.clone(),
                drain,
            ));
        }
    }
    if let Some(proxy) = &settings.forward_proxy {
        let listener = Listener::tcp("forwardProxy", proxy.listen).await?;
        let current = Arc::clone(current);
        let handle = move |request, _| {
            let outbound = current.outbound();
            async move {
                match outbound {
                    Some(outbound) => outbound.handle_forward_proxy(request).await,
                    None => gone(),
                }
            }
        };
        tasks.spawn(serve(
            listener,
            Protocols::Http1,
            handle,
            stop.clone(),
            drain,
        ));
    }
    Ok(())
}

/// A listener stays when its part of the configuration is gone; [`Assembled::check_listeners`] does
/// not let that happen.
fn gone() -> http::Response<crate::http::Body> {
    answer::error(
        http::StatusCode::SERVICE_UNAVAILABLE,
        "not_configured",
        "this part is no longer configured",
    )
}

/// Reads the configuration again when it or a file it names was replaced.
struct Reloader {
    path: PathBuf,
    seen: [u8; 32],
    current: Arc<Current>,
    metrics: Arc<Metrics>,
    tls: Option<Arc<TlsListener>>,
    ahead: AbortHandle,
}

impl Reloader {
    fn look(&mut self) {
        if seen(&self.path, &self.current.load().config) != self.seen {
            self.reload();
        }
    }

    /// Takes the new configuration if it is good as a whole, and keeps the old one otherwise.
    fn reload(&mut self) {
        self.seen = seen(&self.path, &self.current.load().config);
        match self.take() {
            Ok(()) => {
                self.metrics.reloaded("success");
                tracing::info!("the configuration was read again");
            }
            Err(error) => {
                self.metrics.reloaded("failure");
                tracing::error!(
                    cause = format!("{error:#}"),
                    "the new configuration is not used; the one before stays"
                );
            }
        }
    }

    fn take(&mut self) -> anyhow::Result<()> {
        let before = self.current.load();
        let config = Config::read(&self.path)?;
        before.check_listeners(&config)?;
        let tls = config
            .inbound
            .as_ref()
            .and_then(|inbound| inbound.tls.clone());
        let assembled = Assembled::new(config, &self.metrics, Some(&before))?;
        if let (Some(listener), Some(settings)) = (&self.tls, &tls) {
            listener.reload(settings)?;
        }
        self.seen = seen(&self.path, &assembled.config);
        self.current.0.store(Arc::new(assembled));
        self.ahead.abort();
        self.ahead = tokio::spawn(fetch_ahead(self.current.load())).abort_handle();
        Ok(())
    }
}

/// Of the configuration and the files it names. What cannot be read counts as empty: a file that is
/// being replaced will be there in a moment.
fn seen(path: &Path, config: &Config) -> [u8; 32] {
    let mut files = vec![path.to_owned()];
    files.extend(config.files());
    digest(&files)
}

fn digest(files: &[PathBuf]) -> [u8; 32] {
    let mut all = Vec::new();
    for file in files {
        all.extend(sha256(&std::fs::read(file).unwrap_or_default()));
    }
    sha256(&all)
}

/// Gets keys and tokens before they are needed and keeps them fresh in a quiet pod: each in a task of
/// its own, so that none waits for another's server. Both remember their failures and ask no more
/// often than they allow.
async fn fetch_ahead(now: Arc<Assembled>) {
    let mut tasks = JoinSet::new();
    for (_, keys) in &now.keys {
        let keys = keys.clone();
        tasks.spawn(async move {
            let mut pauses = Pauses::default();
            loop {
                if keys.prefetch().await.is_ok() {
                    keys.keep_fresh();
                }
                pauses.pause().await;
            }
        });
    }
    if let Some(outbound) = &now.outbound {
        for target in outbound.targets() {
            let (outbound, target) = (Arc::clone(outbound), target.clone());
            tasks.spawn(async move {
                let mut pauses = Pauses::default();
                let mut written = None;
                loop {
                    outbound.keep_ready(&target, &mut written).await;
                    pauses.pause().await;
                }
            });
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// Quickly at first, then every five seconds.
struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(Duration::from_millis(250))
    }
}

impl Pauses {
    async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(Duration::from_secs(5));
    }
}
