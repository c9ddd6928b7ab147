//! `client-updater-source-host` (002:8635): where the request that makes or changes a client comes from.

use std::net::IpAddr;
use std::time::Duration;

use super::{Ask, Check, Condition, Config, Kind, NEGATIVE, Property, Vote, Voting, writes};

/// How long the address of a host may take to be found.
const LOOKUP: Duration = Duration::from_secs(3);
/// Most hosts that are looked up.
const MAX_HOSTS: usize = 100;

pub(super) const CONDITION: Condition = Condition {
    id: "client-updater-source-host",
    help: "Holds when a client is made or changed from one of these hosts.",
    properties: &[
        NEGATIVE,
        Property::new(
            "trusted-hosts",
            "client-updater-trusted-hosts.label",
            "Host names and addresses.",
            Kind::Texts(None),
        ),
    ],
    vote: Ask::Later(vote),
};

fn vote<'f>(check: &'f Check<'_>, config: Config<'f>) -> Voting<'f> {
    Box::pin(async move {
        if !writes(check.event) {
            return Vote::Abstain;
        }
        let Ok(sender) = check.context.ip.parse::<IpAddr>() else {
            return Vote::No;
        };
        for host in config.list("trusted-hosts").into_iter().take(MAX_HOSTS) {
            if is_at(host, sender).await {
                return Vote::Yes;
            }
        }
        Vote::No
    })
}

async fn is_at(host: &str, sender: IpAddr) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        return address == sender;
    }
    // A domain (`*.example.com`) names no address, and what an address calls itself proves nothing.
    if host.starts_with('*') {
        return false;
    }
    let found = tokio::time::timeout(LOOKUP, tokio::net::lookup_host((host, 0))).await;
    match found {
        Ok(Ok(mut found)) => found.any(|address| address.ip().to_canonical() == sender),
        _ => false,
    }
}
