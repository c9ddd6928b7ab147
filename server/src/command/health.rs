//! `realmkeep health`: a probe for images without a shell.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A probe that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub struct Health {
    /// What to ask: live, ready or started
    #[arg(default_value = "ready", value_parser = ["live", "ready", "started"])]
    check: String,
    /// Address of the management listener
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port of the management listener
    #[arg(long, default_value_t = 9000, env = "REALMKEEP_MANAGEMENT_PORT")]
    port: u16,
}

impl Health {
    /// Exit status 0 when the answer is yes.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let address = SocketAddr::new(self.host, self.port);
        let (status, body) = tokio::time::timeout(TIMEOUT, ask(address, &self.check)).await??;
        crate::console::say(body);
        Ok(if status.is_success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

async fn ask(address: SocketAddr, check: &str) -> anyhow::Result<(http::StatusCode, String)> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = http::Request::get(format!("/health/{check}"))
        .header(http::header::HOST, address.to_string())
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
