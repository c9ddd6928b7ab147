//! A PostgreSQL server for tests: a cluster of its own in a temporary folder, on a free loopback port,
//! gone when it is dropped.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    shell,
    tools::{self, Package},
};

/// The user that Debian's package makes; the server refuses to run as root.
const USER: &str = "postgres";
/// Members of this role need their password; everybody else on this machine does not.
const WITH_PASSWORD: &str = "with_password";
const DEBIAN: Package = Package {
    program: "pg_ctlcluster",
    package: "postgresql",
};

pub struct Postgres {
    server: Child,
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    pub fn start() -> Result<Self> {
        let programs = programs()?;
        let folder =
            std::env::temp_dir().join(format!("realmkeep-postgres-{}", std::process::id()));
        let data = folder.join("data");
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        if tools::is_root() {
            shell::run(Command::new("chown").arg(USER).arg(&folder))?;
        }
        shell::output(
            as_user(&programs.join("initdb"))
                .arg("--pgdata")
                .arg(&data)
                .args(["--username=realmkeep", "--auth=trust", "--no-sync"])
                .args(["--encoding=UTF8", "--locale=C"]),
        )?;
        let rules = format!(
            "host all +{WITH_PASSWORD} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n"
        );
        fs::write(data.join("pg_hba.conf"), rules).context("writing pg_hba.conf")?;
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .context("finding a free port")?
            .port();
        let log = fs::File::create(folder.join("log")).context("making the log")?;
        let server = as_user(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&folder)
            .args(["-p", &port.to_string()])
            // A crash of the machine is nothing that tests survive.
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .args(["-c", "max_connections=400", "-c", "shared_buffers=64MB"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("starting postgres")?;
        let mut postgres = Self {
            server,
            programs,
            folder,
            port,
        };
        postgres.wait()?;
        shell::output(
            Command::new(postgres.programs.join("psql"))
                .args(["-q", "-d", &postgres.url(), "-c"])
                .arg(format!("CREATE ROLE {WITH_PASSWORD}")),
        )?;
        Ok(postgres)
    }

    /// For the tests; an administrator without a password.
    pub fn url(&self) -> String {
        self.url_of("realmkeep")
    }

    pub fn url_of(&self, role: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/postgres", self.port)
    }

    fn wait(&mut self) -> Result<()> {
        for _ in 0..300 {
            if let Some(status) = self.server.try_wait().context("waiting for postgres")? {
                bail!("postgres ended: {status}; {}", self.log());
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() && self.log().contains("ready")
            {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!("postgres does not become ready; {}", self.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A fast shutdown: a killed server leaves shared memory behind.
        let _ = as_user(&self.programs.join("pg_ctl"))
            .args(["stop", "--mode=fast", "--wait", "--silent", "--pgdata"])
            .arg(self.folder.join("data"))
            .status();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A command that does not run as root. The programs replace `setpriv`, so that the process's id
/// stays the one that we know.
fn as_user(program: &Path) -> Command {
    if !tools::is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", USER, "--regid", USER, "--clear-groups"])
        .arg(program)
        .current_dir("/");
    command
}

/// The folder of the server's programs, which are in no PATH on Debian.
pub fn programs() -> Result<PathBuf> {
    if let Some(found) = newest() {
        return Ok(found);
    }
    tools::debian(&[DEBIAN])?;
    newest().context("/usr/lib/postgresql holds no version with initdb: install postgresql")
}

fn newest() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs
                .join("initdb")
                .is_file()
                .then_some((version, programs))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, programs)| programs)
}
