//! Where everything is kept: a SQLite database in the data folder, for one process at a time, or a
//! PostgreSQL database, for several. The master key is in a file, which all of them need.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use realmkeep_keys::MasterKey;
use realmkeep_store::{NoSeal, PostgresOptions, Store, StoreError};

use super::limits;
use crate::config::{Config, DatabaseUrl};

const DATABASE: &str = "realmkeep.db";
const LOCK: &str = "realmkeep.lock";
const MASTER_KEY: &str = "master.key";

/// The opened database; the folder's lock is held until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    pub store: Store,
    pub master_key: MasterKey,
    _lock: Option<File>,
}

impl DataDir {
    /// Opens the database and brings it up to date.
    ///
    /// # Errors
    /// When the folder is in use, the master key is missing or another one, or the database cannot
    /// be opened.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let opened = match &config.database_url {
            Some(url) => Self::shared(config, url).await?,
            None => {
                let config = config.clone();
                tokio::task::spawn_blocking(move || Self::folder(&config))
                    .await
                    .context("opening the database")??
            }
        };
        opened.store.check_seal().await?;
        Ok(opened)
    }

    /// Brings the schema up to date, and does nothing else.
    ///
    /// # Errors
    /// When the database cannot be opened, or is newer than this program.
    pub async fn migrate(config: &Config) -> anyhow::Result<()> {
        match &config.database_url {
            Some(url) => {
                let mut options = options(config, url);
                options.migrate = true;
                Store::connect(&options, Box::new(NoSeal)).await?.close();
            }
            None => Self::open(config).await?.store.close(),
        }
        Ok(())
    }

    async fn shared(config: &Config, url: &DatabaseUrl) -> anyhow::Result<Self> {
        let master_key = master_key(config, None)?;
        let options = options(config, url);
        let begun = std::time::Instant::now();
        let store = loop {
            match Store::connect(&options, Box::new(master_key.clone())).await {
                Ok(store) => break store,
                // A database and its servers may be started together, in any order.
                Err(e @ StoreError::Unavailable(_)) if begun.elapsed() < limits::DATABASE_WAIT => {
                    tracing::warn!(cause = %e, "waiting for the database");
                    tokio::time::sleep(limits::DATABASE_PAUSE).await;
                }
                Err(e) => {
                    return Err(e).with_context(|| {
                        let shown = realmkeep_store::masked_url(url.0.expose());
                        format!("the database {shown} cannot be used")
                    });
                }
            }
        };
        Ok(Self {
            store,
            master_key,
            _lock: None,
        })
    }

    fn folder(config: &Config) -> anyhow::Result<Self> {
        let folder = &config.data_dir;
        std::fs::create_dir_all(folder).with_context(|| {
            format!(
                "the data folder {} cannot be created; set data-dir to a folder this user can write",
                folder.display()
            )
        })?;
        let lock = lock(folder)?;
        let database = folder.join(DATABASE);
        let master_key = master_key(config, Some(&database))?;
        let store = Store::open(&database, Box::new(master_key.clone()))
            .with_context(|| format!("the database {} cannot be opened", database.display()))?;
        Ok(Self {
            store,
            master_key,
            _lock: Some(lock),
        })
    }
}

fn options(config: &Config, url: &DatabaseUrl) -> PostgresOptions {
    PostgresOptions {
        user: config.database_username.clone(),
        password: config.database_password.clone(),
        password_file: config.database_password_file.clone(),
        ca_file: config.database_ca_file.clone(),
        connections: config.database_max_connections,
        acquire_timeout: config.database_acquire_timeout.0,
        statement_timeout: config.database_statement_timeout.0,
        migrate: config.database_migrate,
        ..PostgresOptions::new(url.0.clone())
    }
}

fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join(LOCK);
    let file =
        File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "the data folder {} is in use by another realmkeep; stop it, or set another data-dir",
            folder.display()
        ),
        Err(TryLockError::Error(e)) => {
            Err(e).with_context(|| format!("{} cannot be locked", path.display()))
        }
    }
}

/// `database` is the file that a lost key would make unreadable; a shared database tells by itself.
fn master_key(config: &Config, database: Option<&Path>) -> anyhow::Result<MasterKey> {
    let path: PathBuf = match &config.master_key_file {
        Some(path) => path.clone(),
        None => config.data_dir.join(MASTER_KEY),
    };
    if !path.exists() {
        if let Some(database) = database
            && database.exists()
        {
            bail!(
                "the master key file {} does not exist, but the database {} does; put back the key it was made with (master-key-file), a new one cannot read it",
                path.display(),
                database.display()
            );
        }
        if !config.create_master_key {
            bail!(
                "the master key file {} does not exist; start once with --create-master-key, or put 32 random bytes in base64 there (openssl rand -base64 32) and name the file with --master-key-file",
                path.display()
            );
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("the folder {} cannot be created", folder.display()))?;
        }
        tracing::info!(file = %path.display(), "creating the master key; keep a copy of it apart from the database");
    }
    Ok(MasterKey::load_or_create(&path)?)
}
