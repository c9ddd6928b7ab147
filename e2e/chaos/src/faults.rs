//! What is done to the servers and the database.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::nodes::Nodes;
use crate::random::Random;

/// How often each fault happened.
#[derive(Debug, Default)]
pub struct Counts {
    kills: u32,
    stops: u32,
    restarts: u32,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} servers killed, {} stopped for a while, {} crashes of the database",
            self.kills, self.stops, self.restarts
        )
    }
}

/// One fault after another until the time is over; everything runs again when it returns.
pub async fn break_things(
    nodes: &Nodes,
    restart_database: &[String],
    time: Duration,
    random: &mut Random,
) -> Result<Counts> {
    let begun = Instant::now();
    let mut counts = Counts::default();
    let kinds = if restart_database.is_empty() { 2 } else { 3 };
    while begun.elapsed() < time {
        tokio::time::sleep(Duration::from_millis(500 + random.below(1500))).await;
        let node = usize::try_from(random.below(2))?;
        match random.below(kinds) {
            0 => {
                counts.kills += 1;
                nodes.signal(node, "KILL")?;
                tokio::time::sleep(Duration::from_millis(random.below(500))).await;
                nodes.launch(node)?;
                nodes.wait_for(node).await?;
            }
            1 => {
                counts.stops += 1;
                nodes.signal(node, "STOP")?;
                tokio::time::sleep(Duration::from_millis(500 + random.below(2500))).await;
                nodes.signal(node, "CONT")?;
            }
            _ => {
                counts.restarts += 1;
                restart(restart_database)?;
                nodes.wait_ready().await?;
            }
        }
    }
    Ok(counts)
}

fn restart(command: &[String]) -> Result<()> {
    let (program, arguments) = command.split_first().context("no command")?;
    let status = Command::new(program)
        .args(arguments)
        .current_dir("/")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("starting {program}"))?;
    ensure!(status.success(), "{program}: {status}");
    Ok(())
}

/// Makes the database undo every use of an authorization code. The servers are the real ones;
/// what they rely on is broken, so that a checker that finds nothing is known to be blind.
pub async fn sabotage(database: &str) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(database, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    client
        .batch_execute(
            "CREATE FUNCTION put_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO single_use SELECT OLD.*; RETURN NULL; END $$; \
             CREATE TRIGGER put_back AFTER DELETE ON single_use FOR EACH ROW \
             WHEN (OLD.space = 'code') EXECUTE FUNCTION put_back(); \
             CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             DELETE FROM single_use WHERE space = NEW.space AND key = NEW.key; RETURN NULL; END $$; \
             CREATE TRIGGER forget AFTER INSERT ON single_use FOR EACH ROW \
             WHEN (NEW.space = 'used-code') EXECUTE FUNCTION forget()",
        )
        .await
        .context("breaking the database")?;
    Ok(())
}
