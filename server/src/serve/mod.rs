//! `realmkeep serve`: opens the database, listens, and stops in order.

mod admission;
mod app;
mod data_dir;
mod expiry;
mod limits;
mod listener;
mod management;
mod metrics;
mod proxy;
mod services;
mod shutdown;
mod tls;
mod welcome;

pub use data_dir::DataDir;
use services::services;
pub use services::{bootstrap_admin, ensure_master};
pub use shutdown::requested as shutdown_requested;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use realmkeep_authn::{BaseUrl, Services};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::traces::Exporter;
use admission::Admission;
use listener::Listener;
use management::Health;
use proxy::Proxy;
use tls::Certificate;

/// A server that is ready.
pub struct Server {
    pub services: Arc<Services>,
    pub management: SocketAddr,
    health: Arc<Health>,
    data: DataDir,
    listeners: Vec<JoinHandle<()>>,
    /// Ends the public listeners.
    stop: CancellationToken,
    /// Ends the management listener, after them.
    stop_management: CancellationToken,
    management_task: JoinHandle<()>,
    background: Vec<AbortHandle>,
    delay: Duration,
}

/// The public ports, bound before anything else is done, so that a taken port is known at once.
struct Ports {
    http: Option<TcpListener>,
    https: Option<(TcpListener, Arc<Certificate>)>,
}

/// Runs the server until SIGTERM or SIGINT.
///
/// # Errors
/// When the server cannot start; the text says why and what to do.
pub async fn run(config: &Config, traces: Option<Exporter>) -> anyhow::Result<()> {
    let traces = traces.map(Arc::new);
    let sending = traces
        .clone()
        .map(|traces| tokio::spawn(async move { traces.run().await }).abort_handle());
    let server = Server::start(config).await?;
    let signal = shutdown_requested().await?;
    tracing::info!(signal, "stopping");
    server.stop().await;
    if let (Some(traces), Some(sending)) = (traces, sending) {
        sending.abort();
        traces.flush().await;
    }
    tracing::info!("stopped");
    Ok(())
}

impl Server {
    /// Starts everything; the server is ready when this returns.
    ///
    /// # Errors
    /// When a port is taken, the database cannot be opened, or the first start fails.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        let started = std::time::Instant::now();
        let ports = Ports::bind(config).await?;
        let base_url = base_url(config, &ports)?;
        let events = Arc::new(realmkeep_events::Metrics::default());
        let (registry, http_metrics) = metrics::registry(&events);
        let health = Arc::new(Health::default());
        let management_tcp = bind(
            config.management_host,
            config.management_port,
            "management-port",
        )
        .await?;
        let management = management_tcp.local_addr()?;
        let stop_management = CancellationToken::new();
        let management_task = tokio::spawn(
            Listener {
                tcp: management_tcp,
                tls: None,
                app: management::router(health.clone(), registry),
                proxy: Arc::default(),
                most: limits::MANAGEMENT_CONNECTIONS,
            }
            .serve(stop_management.clone(), Duration::from_secs(1)),
        );

        let data = DataDir::open(config).await?;
        let services = Arc::new(services(config, base_url, &data, events)?);
        services::bootstrap(config, &services).await?;

        let app = app::router(
            services.clone(),
            http_metrics,
            Admission::new(config.http_max_requests),
            config.tracing_enabled,
        );
        let mut background = vec![
            tokio::spawn(expiry::run(data.store.clone(), services.clock.clone())).abort_handle(),
            tokio::spawn(realmkeep_oidc::logout::deliver_logouts(services.clone())).abort_handle(),
            tokio::spawn(realmkeep_authn::event_listeners::deliver_events(
                services.clone(),
            ))
            .abort_handle(),
        ];
        let stop = CancellationToken::new();
        let proxy = Arc::new(Proxy {
            headers: config.proxy_headers,
            trusted: config.proxy_trusted_addresses.0.clone(),
        });
        let listen = |tcp, tls| {
            let listener = Listener {
                tcp,
                tls,
                app: app.clone(),
                proxy: proxy.clone(),
                most: config.http_max_connections,
            };
            tokio::spawn(listener.serve(stop.clone(), config.shutdown_timeout.0))
        };
        let mut listeners = Vec::new();
        let mut listening = Vec::new();
        if let Some(tcp) = ports.http {
            listening.push(tcp.local_addr()?.to_string());
            listeners.push(listen(tcp, None));
        }
        if let Some((tcp, certificate)) = ports.https {
            listening.push(tcp.local_addr()?.to_string());
            listeners.push(listen(
                tcp,
                Some(certificate.acceptor(config.https_client_ca_file.as_deref())?),
            ));
            background.push(tokio::spawn(certificate.follow()).abort_handle());
        }
        health.started(&data.store);
        tracing::info!(
            url = services.base_url.as_str(),
            listening = listening.join(","),
            management = %management,
            version = env!("CARGO_PKG_VERSION"),
            milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "ready"
        );
        Ok(Self {
            services,
            management,
            health,
            data,
            listeners,
            stop,
            stop_management,
            management_task,
            background,
            delay: config.shutdown_delay.0,
        })
    }

    /// Stops being ready, finishes what is under way, and closes the database.
    pub async fn stop(self) {
        self.health.stopping();
        tokio::time::sleep(self.delay).await;
        self.stop.cancel();
        for listener in self.listeners {
            let _ = listener.await;
        }
        for task in self.background {
            task.abort();
        }
        // Events that were emitted last are stored too, unless the database is stuck.
        let settled = self.services.events.settle();
        let _ = tokio::time::timeout(Duration::from_secs(5), settled).await;
        let store = self.data.store.clone();
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
        self.stop_management.cancel();
        let _ = self.management_task.await;
    }
}

impl Ports {
    async fn bind(config: &Config) -> anyhow::Result<Self> {
        let https = match (
            &config.https_certificate_file,
            &config.https_certificate_key_file,
        ) {
            (Some(chain), Some(key)) => {
                let certificate = Certificate::load(chain, key)?;
                let tcp = bind(config.http_host, config.https_port, "https-port").await?;
                Some((tcp, certificate))
            }
            _ => None,
        };
        let http = match config.http_enabled.unwrap_or(https.is_none()) {
            true => Some(bind(config.http_host, config.http_port, "http-port").await?),
            false => None,
        };
        Ok(Self { http, https })
    }
}

async fn bind(host: IpAddr, port: u16, option: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind((host, port)).await.with_context(|| {
        format!("{host} port {port} cannot be listened on; set {option} to a free port")
    })
}

/// What `hostname` says, else localhost with the port that is listened on.
fn base_url(config: &Config, ports: &Ports) -> anyhow::Result<BaseUrl> {
    if config.hostname.is_none() && !config.http_host.is_loopback() {
        tracing::warn!(
            "hostname is not set: issuers and links name localhost, which is right on this machine only"
        );
    }
    match (&ports.https, &ports.http) {
        (Some((tcp, _)), _) => base_url_at(config, "https", tcp.local_addr()?.port()),
        (None, Some(tcp)) => base_url_at(config, "http", tcp.local_addr()?.port()),
        (None, None) => anyhow::bail!("neither HTTP nor HTTPS is enabled"),
    }
}

fn base_url_at(config: &Config, scheme: &str, port: u16) -> anyhow::Result<BaseUrl> {
    if let Some(hostname) = &config.hostname {
        return Ok(BaseUrl::parse(hostname.0.as_str())?);
    }
    let host = match config.http_host {
        IpAddr::V4(Ipv4Addr::LOCALHOST) => "127.0.0.1",
        _ => "localhost",
    };
    Ok(BaseUrl::parse(&format!("{scheme}://{host}:{port}"))?)
}

/// The services for a command that works on the data folder while no server runs.
///
/// # Errors
/// When the folder cannot be opened.
pub async fn offline(config: &Config) -> anyhow::Result<(DataDir, Services)> {
    let data = DataDir::open(config).await?;
    let base_url = base_url_at(config, "http", config.http_port)?;
    let services = services(config, base_url, &data, Arc::default())?;
    Ok((data, services))
}
