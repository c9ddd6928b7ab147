//! A PostgreSQL database for a test, where REALMKEEP_TEST_POSTGRES names a server.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::{Server, realmkeep, serve_args};

/// A schema of its own in the database that the tests share.
#[derive(Clone)]
pub struct Database {
    pub url: String,
    name: String,
}

impl Database {
    /// None where there is no PostgreSQL to test with.
    pub async fn create() -> Option<Self> {
        let Ok(url) = std::env::var("REALMKEEP_TEST_POSTGRES") else {
            eprintln!("left out: REALMKEEP_TEST_POSTGRES names no database");
            return None;
        };
        let name = format!("server_{}", uuid::Uuid::new_v4().simple());
        let sign = if url.contains('?') { '&' } else { '?' };
        let database = Self {
            url: format!("{url}{sign}options=-c%20search_path%3D{name}"),
            name,
        };
        database
            .execute(&format!("CREATE SCHEMA {}", database.name))
            .await;
        Some(database)
    }

    /// Runs statements on a connection of their own.
    pub async fn execute(&self, sql: &str) {
        let (client, connection) = tokio_postgres::connect(&self.url, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
    }

    /// A server on it, with a folder of its own and the master key that all of them share.
    pub fn serve(&self, folder: &Path, name: &str, more: &[&str]) -> Server {
        self.serve_at(&self.url, folder, name, more)
    }

    pub fn serve_at(&self, url: &str, folder: &Path, name: &str, more: &[&str]) -> Server {
        Server::spawn(
            realmkeep()
                .args(serve_args(&folder.join(name)))
                .arg("--master-key-file")
                .arg(folder.join("master.key"))
                .args(["--hostname", "http://id.example.test"])
                .args(["--database-url", url])
                .args(more)
                .env("REALMKEEP_BOOTSTRAP_ADMIN_USERNAME", "root")
                .env("REALMKEEP_BOOTSTRAP_ADMIN_PASSWORD", "a-password"),
        )
    }
}

/// Stands between a server and its database, and can cut the line.
pub struct Line {
    /// The database's address through the line.
    pub url: String,
    cut: Arc<AtomicBool>,
    end: Arc<Notify>,
}

impl Line {
    pub async fn to(database: &Database) -> Self {
        let mut url = url::Url::parse(&database.url).unwrap();
        let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port()))
            .unwrap();
        let line = Self {
            url: url.into(),
            cut: Arc::default(),
            end: Arc::default(),
        };
        let (cut, end) = (line.cut.clone(), line.end.clone());
        tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                if cut.load(Ordering::SeqCst) {
                    continue;
                }
                let (target, end) = (target.clone(), end.clone());
                tokio::spawn(async move {
                    let ended = end.notified();
                    let Ok(mut there) = TcpStream::connect(target).await else {
                        return;
                    };
                    tokio::select! {
                        _ = copy_bidirectional(&mut here, &mut there) => {}
                        () = ended => {}
                    }
                });
            }
        });
        line
    }

    /// Ends all connections and lets no new one through.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.end.notify_waiters();
    }

    pub fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}
