//! A PostgreSQL with a synchronous standby: what a commit acknowledges is in both.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio_postgres::NoTls;

/// The user that Debian's package makes; the server refuses to run as root.
const USER: &str = "postgres";

pub struct Database {
    programs: PathBuf,
    folder: PathBuf,
    members: [Member; 2],
    primary: usize,
}

struct Member {
    name: &'static str,
    port: u16,
    /// Each stand-by begins in a folder of its own.
    generation: u32,
}

impl Database {
    /// Both members, the second one in step with the first.
    pub async fn start(programs: &Path, folder: &Path) -> Result<Self> {
        let folder = folder.join("postgres");
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        if is_root() {
            run(Command::new("chown").arg(USER).arg(&folder))?;
        }
        let mut database = Self {
            programs: programs.to_owned(),
            folder,
            members: [member("one")?, member("two")?],
            primary: 0,
        };
        let data = database.data(0);
        run(database
            .program("initdb")
            .arg("--pgdata")
            .arg(&data)
            .args(["--username=realmkeep", "--auth=trust", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C"]))?;
        let rules = "host all all 127.0.0.1/32 trust\nlocal all all trust\n\
                     host replication all 127.0.0.1/32 trust\n";
        fs::write(data.join("pg_hba.conf"), rules).context("writing pg_hba.conf")?;
        database.launch(0)?;
        database.add_standby().await?;
        Ok(database)
    }

    /// The port of the member that writes.
    pub fn port(&self) -> u16 {
        self.of(self.primary).port
    }

    pub async fn execute(&self, sql: &str) -> Result<()> {
        self.execute_each(&[sql]).await
    }

    /// One statement after another, each committed by itself, on one connection.
    pub async fn execute_each(&self, statements: &[&str]) -> Result<()> {
        self.execute_in("postgres", statements).await
    }

    /// The same, in this database.
    pub async fn execute_in(&self, database: &str, statements: &[&str]) -> Result<()> {
        let (client, connection) = self.connect(database).await?;
        let driver = tokio::spawn(connection);
        for sql in statements {
            client
                .batch_execute(sql)
                .await
                .with_context(|| (*sql).to_owned())?;
        }
        drop(client);
        let _ = driver.await;
        Ok(())
    }

    /// Ends the writing member as a crash does, and starts it again.
    pub fn crash(&self) -> Result<()> {
        self.stop(self.primary, "immediate")?;
        self.launch(self.primary)
    }

    /// Ends the writing member as a crash does; the other one takes over. Returns before a new
    /// standby is there: see [`Self::add_standby`].
    pub async fn fail_over(&mut self) -> Result<()> {
        let old = self.primary;
        let new = 1 - old;
        self.stop(old, "immediate")?;
        run(self
            .program("pg_ctl")
            .args(["promote", "--wait", "--silent", "--pgdata"])
            .arg(self.data(new)))?;
        self.primary = new;
        // Nothing is acknowledged without a second copy but while there is no second member.
        self.execute("ALTER SYSTEM RESET synchronous_standby_names")
            .await?;
        self.execute("SELECT pg_reload_conf()").await
    }

    /// A new copy of the writing member, and commits that wait for it from then on.
    pub async fn add_standby(&mut self) -> Result<()> {
        let standby = 1 - self.primary;
        let old = self.data(standby);
        if let Some(member) = self.members.get_mut(standby) {
            member.generation += 1;
        }
        let _ = fs::remove_dir_all(old);
        run(self
            .program("pg_basebackup")
            .args(["--host=127.0.0.1", "--username=realmkeep", "--port"])
            .arg(self.port().to_string())
            .args(["--checkpoint=fast", "--no-sync", "--wal-method=stream"])
            .args(["--write-recovery-conf", "--pgdata"])
            .arg(self.data(standby)))?;
        self.launch(standby)?;
        self.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            .await?;
        self.execute("SELECT pg_reload_conf()").await?;
        let (client, connection) = self.connect("postgres").await?;
        tokio::spawn(connection);
        for _ in 0..300 {
            let rows = client
                .query(
                    "SELECT 1 FROM pg_stat_replication \
                     WHERE state = 'streaming' AND sync_state = 'sync'",
                    &[],
                )
                .await
                .context("asking for the standby")?;
            if !rows.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("the standby does not follow; {}", self.log(standby))
    }

    /// Stops the standby's processes, so that no commit is acknowledged, or lets them go on.
    pub fn stall_standby(&self, stalled: bool) -> Result<()> {
        let file = self.data(1 - self.primary).join("postmaster.pid");
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let postmaster = text.lines().next().unwrap_or_default().trim();
        let children = Command::new("pgrep")
            .args(["-P", postmaster])
            .output()
            .context("starting pgrep")?;
        let signal = if stalled { "-STOP" } else { "-CONT" };
        let mut kill = Command::new("kill");
        kill.arg(signal).arg(postmaster);
        kill.args(String::from_utf8_lossy(&children.stdout).split_whitespace());
        // A process that ended in between is no fault of ours.
        let _ = kill.stderr(Stdio::null()).status();
        Ok(())
    }

    async fn connect(
        &self,
        database: &str,
    ) -> Result<(
        tokio_postgres::Client,
        tokio_postgres::Connection<tokio_postgres::Socket, tokio_postgres::tls::NoTlsStream>,
    )> {
        let url = format!("postgres://realmkeep@127.0.0.1:{}/{database}", self.port());
        tokio_postgres::connect(&url, NoTls)
            .await
            .context("connecting to the database")
    }

    fn launch(&self, member: usize) -> Result<()> {
        let options = format!(
            "-p {} -k {} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200 \
             -c shared_buffers=64MB -c wal_level=replica -c max_wal_senders=8 -c hot_standby=on \
             -c wal_retrieve_retry_interval=200ms -c wal_keep_size=256MB",
            self.of(member).port,
            self.folder.display()
        );
        run(self
            .program("pg_ctl")
            .args(["start", "--wait", "--silent", "--pgdata"])
            .arg(self.data(member))
            .arg(format!("--log={}", self.log_file(member).display()))
            .arg("--options")
            .arg(options))
        .with_context(|| self.log(member))
    }

    fn stop(&self, member: usize, mode: &str) -> Result<()> {
        run(self
            .program("pg_ctl")
            .args(["stop", "--wait", "--silent", "--mode", mode, "--pgdata"])
            .arg(self.data(member)))
    }

    /// A command that does not run as root.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/");
        command
    }

    fn of(&self, member: usize) -> &Member {
        let [one, two] = &self.members;
        if member == 0 { one } else { two }
    }

    fn data(&self, member: usize) -> PathBuf {
        let member = self.of(member);
        self.folder
            .join(format!("{}-{}", member.name, member.generation))
    }

    fn log_file(&self, member: usize) -> PathBuf {
        self.folder.join(format!("{}.log", self.of(member).name))
    }

    fn log(&self, member: usize) -> String {
        fs::read_to_string(self.log_file(member)).unwrap_or_default()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = self.stall_standby(false);
        for member in [0, 1] {
            let _ = self.stop(member, "immediate");
        }
    }
}

fn member(name: &'static str) -> Result<Member> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    Ok(Member {
        name,
        port,
        generation: 0,
    })
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn run(command: &mut Command) -> Result<()> {
    // Not pipes: a database that stays behind would keep them open.
    let errors = tempfile::NamedTempFile::new().context("a file for messages")?;
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(errors.path())?)
        .status()
        .with_context(|| format!("starting {}", command.get_program().display()))?;
    ensure!(
        status.success(),
        "{}: {status}: {}",
        command.get_program().display(),
        fs::read_to_string(errors.path()).unwrap_or_default()
    );
    Ok(())
}
