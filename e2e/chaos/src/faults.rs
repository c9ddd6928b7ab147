//! What is done to the servers, the database, and the lines between them. One function each; the
//! names are those of docs/reliability.md.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use crate::nodes::Nodes;
use crate::proxy::Mode;
use crate::random::Random;

/// A fault, by the name under which it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    ServerKilled,
    ServerRestarted,
    ServerStopped,
    DatabaseCrash,
    Failover,
    LineSlow,
    LineReset,
    LineSilent,
    CommitCut,
    StandbyStalled,
    DatabaseReadOnly,
    NoConnections,
    KeysRotated,
}

/// Each with its weight: what takes long comes less often.
const ALL: [(Fault, u64); 13] = [
    (Fault::ServerKilled, 4),
    (Fault::ServerRestarted, 2),
    (Fault::ServerStopped, 2),
    (Fault::DatabaseCrash, 2),
    (Fault::Failover, 1),
    (Fault::LineSlow, 2),
    (Fault::LineReset, 2),
    (Fault::LineSilent, 1),
    (Fault::CommitCut, 4),
    (Fault::StandbyStalled, 1),
    (Fault::DatabaseReadOnly, 1),
    (Fault::NoConnections, 1),
    (Fault::KeysRotated, 2),
];

impl Fault {
    /// The number that docs/reliability.md gives it, and a name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServerKilled => "F1 a server killed",
            Self::ServerRestarted => "F2 a server restarted in order",
            Self::ServerStopped => "F3 a server stopped for a while",
            Self::DatabaseCrash => "F4 a crash of the database",
            Self::Failover => "F5 a failover to the standby",
            Self::LineSlow => "F7 a slow line to the database",
            Self::LineReset => "F7 a line to the database reset",
            Self::LineSilent => "F7 a line to the database gone silent",
            Self::CommitCut => "F8 a line cut just after a commit",
            Self::StandbyStalled => "F5 a standby that stalls",
            Self::DatabaseReadOnly => "F9 a database that cannot be written",
            Self::NoConnections => "F10 a database without free connections",
            Self::KeysRotated => "F16 keys rotated",
        }
    }
}

/// How often each fault happened.
pub type Counts = BTreeMap<Fault, u32>;

/// One fault after another until the time is over; everything works again when it returns.
pub async fn break_things(
    nodes: &mut Nodes,
    time: Duration,
    random: &mut Random,
) -> Result<Counts> {
    let begun = Instant::now();
    let mut counts = Counts::new();
    // Each once, in an order of the seed's, then by chance.
    let mut first: Vec<Fault> = ALL.iter().map(|(fault, _)| *fault).collect();
    shuffle(&mut first, random);
    while begun.elapsed() < time {
        random.pause(200, 800).await;
        let fault = first.pop().unwrap_or_else(|| choose(random));
        make(fault, nodes, random)
            .await
            .with_context(|| fault.name())?;
        *counts.entry(fault).or_default() += 1;
    }
    Ok(counts)
}

fn shuffle(faults: &mut [Fault], random: &mut Random) {
    for i in (1..faults.len()).rev() {
        let other = random.index(i + 1);
        faults.swap(i, other);
    }
}

fn choose(random: &mut Random) -> Fault {
    let mut left = random.below(ALL.iter().map(|(_, weight)| weight).sum());
    for (fault, weight) in ALL {
        if left < weight {
            return fault;
        }
        left -= weight;
    }
    Fault::ServerKilled
}

async fn make(fault: Fault, nodes: &mut Nodes, random: &mut Random) -> Result<()> {
    let node = random.index(nodes.len());
    match fault {
        Fault::ServerKilled => {
            nodes.signal(node, "KILL")?;
            random.pause(0, 500).await;
            nodes.launch(node)?;
            nodes.wait_for(node).await
        }
        Fault::ServerRestarted => {
            nodes.signal(node, "TERM")?;
            nodes.wait_ended(node).await?;
            nodes.launch(node)?;
            nodes.wait_for(node).await
        }
        Fault::ServerStopped => {
            nodes.signal(node, "STOP")?;
            random.pause(500, 3000).await;
            nodes.signal(node, "CONT")?;
            nodes.wait_for(node).await
        }
        Fault::DatabaseCrash => {
            nodes.database.crash()?;
            nodes.wait_ready().await
        }
        Fault::Failover => {
            nodes.database.fail_over().await?;
            nodes.aim();
            nodes.wait_ready().await?;
            nodes.database.add_standby().await
        }
        Fault::LineSlow => {
            let time = [10, 20, 100].get(random.index(3)).copied().unwrap_or(10);
            nodes.line(node, Mode::Delay(Duration::from_millis(time)));
            random.pause(1000, 2000).await;
            nodes.line(node, Mode::Pass);
            Ok(())
        }
        Fault::LineReset => {
            nodes.line(node, Mode::Closed);
            random.pause(0, 1000).await;
            nodes.line(node, Mode::Pass);
            nodes.wait_for(node).await
        }
        Fault::LineSilent => {
            nodes.line(node, Mode::Silent);
            random.pause(500, 4000).await;
            nodes.line(node, Mode::Pass);
            nodes.wait_for(node).await
        }
        Fault::CommitCut => {
            nodes.line(node, Mode::CutCommits);
            random.pause(200, 800).await;
            nodes.line(node, Mode::Pass);
            nodes.wait_for(node).await
        }
        Fault::StandbyStalled => {
            nodes.database.stall_standby(true)?;
            random.pause(500, 3000).await;
            nodes.database.stall_standby(false)
        }
        Fault::DatabaseReadOnly => {
            let read_only = "ALTER SYSTEM SET default_transaction_read_only = on";
            nodes.database.execute(read_only).await?;
            nodes.database.execute("SELECT pg_reload_conf()").await?;
            random.pause(500, 2000).await;
            // This very connection cannot write either unless it says so.
            let again = "SET default_transaction_read_only = off";
            nodes
                .database
                .execute_each(&[
                    again,
                    "ALTER SYSTEM RESET default_transaction_read_only",
                    "SELECT pg_reload_conf()",
                ])
                .await?;
            nodes.wait_ready().await
        }
        Fault::NoConnections => {
            // The limit is for whoever is no superuser: the servers' role.
            let role = crate::nodes::ROLE;
            let none = format!("ALTER ROLE {role} CONNECTION LIMIT 0");
            nodes.database.execute(&none).await?;
            nodes.reset_lines();
            random.pause(500, 2000).await;
            let any = format!("ALTER ROLE {role} CONNECTION LIMIT -1");
            nodes.database.execute(&any).await?;
            nodes.wait_ready().await
        }
        Fault::KeysRotated => {
            // The old one stays for what it has signed.
            let priority = 1000 + random.below(1_000_000);
            let key = json!({
                "name": format!("rsa-{priority}"), "providerId": "rsa-generated",
                "providerType": "org.keycloak.keys.KeyProvider",
                "config": {"priority": [priority.to_string()], "keySize": ["2048"]},
            });
            // A fault that is still being got over may refuse it; then no key came.
            let _ = nodes
                .clients
                .admin(node, "POST", "/r/components", &key)
                .await;
            Ok(())
        }
    }
}
