//! Whether the application can be reached around us: then nothing that we check is of any use.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;

const INTERVAL: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(1);

/// The last look.
#[derive(Debug, Default)]
pub struct DirectReach(AtomicBool);

impl DirectReach {
    pub fn is_reachable(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Tries the application's port on the pod's own address, now and then, for ever.
    pub async fn watch(self: Arc<Self>, pod: IpAddr, port: u16) {
        loop {
            let attempt = TcpStream::connect(SocketAddr::new(pod, port));
            let reached = matches!(tokio::time::timeout(PATIENCE, attempt).await, Ok(Ok(_)));
            if reached && !self.0.swap(reached, Ordering::AcqRel) {
                tracing::warn!(
                    address = %pod,
                    port,
                    "the application can be reached around the sidecar; let it listen on 127.0.0.1 only"
                );
            }
            self.0.store(reached, Ordering::Release);
            tokio::time::sleep(INTERVAL).await;
        }
    }
}
