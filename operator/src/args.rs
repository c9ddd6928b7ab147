//! Flags and environment of the program.

use std::{net::SocketAddr, time::Duration};

use clap::Parser;

/// Shortest useful pause between two looks at a server.
const SHORTEST_RESYNC: u64 = 5;

/// Runs identity servers and keeps realms, clients and identity providers as declared by custom
/// resources of the group `realmkeep.dev`.
#[derive(Clone, Debug, Parser)]
#[command(name = "realmkeep-operator", version)]
pub struct Args {
    /// Namespace of the operator: of its Lease and its service account.
    #[arg(long, env = "POD_NAMESPACE", default_value = "realmkeep-system")]
    pub namespace: String,

    /// The operator's service account. Its tokens prove the operator to identity servers.
    #[arg(
        long,
        env = "POD_SERVICE_ACCOUNT",
        default_value = "realmkeep-operator"
    )]
    pub service_account: String,

    /// Name of this replica; default: the host name.
    #[arg(long, env = "POD_NAME")]
    pub identity: Option<String>,

    /// Lease that decides which replica writes.
    #[arg(
        long,
        env = "REALMKEEP_OPERATOR_LEASE",
        default_value = "realmkeep-operator"
    )]
    pub lease: String,

    /// Seconds between two looks at an object on its server; each object waits for 80 to 100
    /// percent of it, so that not all are looked at together.
    #[arg(long, env = "REALMKEEP_OPERATOR_RESYNC", default_value_t = 60, value_parser = clap::value_parser!(u64).range(SHORTEST_RESYNC..=86_400))]
    pub resync: u64,

    /// Image of servers whose resource names none.
    #[arg(long, env = "REALMKEEP_SERVER_IMAGE", default_value = concat!("realmkeep-server:", env!("CARGO_PKG_VERSION")))]
    pub server_image: String,

    /// Pull policy of servers whose resource names none; default: the cluster's.
    #[arg(long, env = "REALMKEEP_SERVER_IMAGE_PULL_POLICY", value_parser = ["Always", "IfNotPresent", "Never"])]
    pub server_image_pull_policy: Option<String>,

    /// Issuer of the cluster's service account tokens; default: what the API server says.
    #[arg(long, env = "REALMKEEP_OPERATOR_SERVICE_ACCOUNT_ISSUER")]
    pub service_account_issuer: Option<String>,

    /// Where health and metrics are served.
    #[arg(
        long,
        env = "REALMKEEP_OPERATOR_MANAGEMENT_ADDRESS",
        default_value = "0.0.0.0:9000"
    )]
    pub management_address: SocketAddr,

    /// Level of log lines, and after commas levels by module.
    #[arg(
        long,
        env = "REALMKEEP_OPERATOR_LOG_LEVEL",
        default_value = "info,kube_runtime=warn"
    )]
    pub log_level: String,

    /// How log lines look.
    #[arg(long, env = "REALMKEEP_OPERATOR_LOG_FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub log_format: String,
}

impl Args {
    pub fn resync(&self) -> Duration {
        Duration::from_secs(self.resync)
    }

    /// The name of this replica.
    pub fn replica(&self) -> String {
        let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let name = self.identity.clone().or_else(host).unwrap_or_default();
        match name.trim() {
            "" => format!("process-{}", std::process::id()),
            name => name.to_owned(),
        }
    }

    /// The `sub` of the operator's tokens.
    pub fn subject(&self) -> String {
        format!(
            "system:serviceaccount:{}:{}",
            self.namespace, self.service_account
        )
    }
}
