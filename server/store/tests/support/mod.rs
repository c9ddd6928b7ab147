//! The store on both engines: SQLite always, PostgreSQL where REALMKEEP_TEST_POSTGRES names a server.
#![allow(dead_code)]

use std::sync::Arc;

use realmkeep_representations::{
    ClientRepresentation, RealmRepresentation, SecretString, UserRepresentation,
};
use realmkeep_store::{Batch, NoSeal, PostgresOptions, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A database of one test.
pub enum Place {
    Sqlite(tempfile::TempDir),
    Postgres(Schema),
}

/// A schema of its own in the database that the tests share.
pub struct Schema {
    pub url: String,
    pub name: String,
}

impl Schema {
    /// None where there is no PostgreSQL to test with.
    pub async fn create() -> Option<Self> {
        let Ok(url) = std::env::var("REALMKEEP_TEST_POSTGRES") else {
            eprintln!("left out on PostgreSQL: REALMKEEP_TEST_POSTGRES names no database");
            return None;
        };
        let name = format!("store_{}", uuid::Uuid::new_v4().simple());
        execute(&url, &format!("CREATE SCHEMA {name}")).await;
        let sign = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{sign}application_name={name}&options=-c%20search_path%3D{name}");
        Some(Self { url, name })
    }

    pub fn options(&self) -> PostgresOptions {
        PostgresOptions::new(SecretString::new(self.url.as_str()))
    }

    pub fn port(&self) -> u16 {
        url::Url::parse(&self.url).unwrap().port().unwrap_or(5432)
    }

    /// The same database at another address, with more parameters.
    pub fn url_at(&self, host: &str, port: u16, more: &str) -> String {
        let mut url = url::Url::parse(&self.url).unwrap();
        url.set_host(Some(host)).unwrap();
        url.set_port(Some(port)).unwrap();
        format!("{url}&{more}")
    }

    pub async fn open(&self) -> Store {
        Store::connect(&self.options(), Box::new(NoSeal))
            .await
            .unwrap()
    }

    /// As an administrator of the database.
    pub async fn execute(&self, sql: &str) {
        execute(&self.url, sql).await;
    }
}

/// Runs the statements on a connection of their own.
pub async fn execute(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
}

impl Place {
    /// Another server on the same database; with SQLite, after the first has ended.
    pub async fn open(&self) -> Store {
        match self {
            Self::Sqlite(folder) => {
                Store::open(&folder.path().join("test.db"), Box::new(NoSeal)).unwrap()
            }
            Self::Postgres(schema) => schema.open().await,
        }
    }
}

/// An empty database on each engine that there is.
pub async fn stores() -> Vec<(Place, Store)> {
    let mut places = vec![Place::Sqlite(tempfile::tempdir().unwrap())];
    places.extend(Schema::create().await.map(Place::Postgres));
    let mut all = Vec::new();
    for place in places {
        let store = place.open().await;
        all.push((place, store));
    }
    all
}

/// Realm `r` with user `u` (Alice) and client `c` (app).
pub async fn realm(store: &Store) {
    let realm = RealmRepresentation {
        id: Some("r".into()),
        realm: Some("r".into()),
        ..Default::default()
    };
    let mut batch = Batch::new();
    batch.push(store.insert_realm(&realm).unwrap());
    batch.push(store.insert_user("r", &user("u", "Alice"), None).unwrap());
    batch.push(store.insert("r", &client("c", "app")).unwrap());
    store.commit(batch).await.unwrap();
}

pub fn user(id: &str, username: &str) -> UserRepresentation {
    UserRepresentation {
        id: Some(id.into()),
        username: Some(username.into()),
        enabled: Some(true),
        ..Default::default()
    }
}

pub fn client(id: &str, client_id: &str) -> ClientRepresentation {
    ClientRepresentation {
        id: Some(id.into()),
        client_id: Some(client_id.into()),
        ..Default::default()
    }
}

/// TLS in front of the database, with a certificate of its own for one name.
pub struct TlsFront {
    pub port: u16,
    /// PEM.
    pub certificate: String,
}

impl TlsFront {
    pub async fn start(schema: &Schema, name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let key = rustls_pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let database = schema.port();
        tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // SSLRequest, and that we will.
                    let mut request = [0; 8];
                    here.read_exact(&mut request).await.unwrap();
                    here.write_all(b"S").await.unwrap();
                    let Ok(mut here) = acceptor.accept(here).await else {
                        return;
                    };
                    let mut there = TcpStream::connect(("127.0.0.1", database)).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                });
            }
        });
        Self {
            port,
            certificate: made.cert.pem(),
        }
    }
}
