//! Ports on loopback: the one asked for, or the next free one from a usual one.

use std::net::Ipv4Addr;

use anyhow::{Context, bail};
use tokio::net::TcpListener;

/// Ports tried one after the other.
const TRIES: u16 = 100;

/// Listens on `wanted`, or on the first free port from `usual`.
///
/// # Errors
/// When it is taken.
pub async fn listen(wanted: Option<u16>, usual: u16, flag: &str) -> anyhow::Result<TcpListener> {
    if let Some(port) = wanted {
        return TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("port {port} cannot be listened on; give {flag} another"));
    }
    for port in usual..usual.saturating_add(TRIES) {
        if let Ok(tcp) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok(tcp);
        }
    }
    bail!("the ports from {usual} on are all taken; give {flag} a free one")
}

/// As [`listen`], for somebody else who listens right after.
///
/// # Errors
/// When it is taken.
pub async fn free(wanted: Option<u16>, usual: u16, flag: &str) -> anyhow::Result<u16> {
    if wanted == Some(0) {
        return Ok(0);
    }
    Ok(listen(wanted, usual, flag).await?.local_addr()?.port())
}
