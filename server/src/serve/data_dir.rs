//! The data folder: one process at a time, the database, and the master key beside it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use realmkeep_keys::MasterKey;
use realmkeep_store::Store;

use crate::config::Config;

const DATABASE: &str = "realmkeep.db";
const LOCK: &str = "realmkeep.lock";
const MASTER_KEY: &str = "master.key";

/// The opened folder; the lock is held until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    pub store: Store,
    pub master_key: MasterKey,
    _lock: File,
}

impl DataDir {
    /// Opens the database and brings it up to date.
    ///
    /// # Errors
    /// When the folder is in use, the master key is missing or another one, or the database cannot
    /// be opened.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let folder = &config.data_dir;
        std::fs::create_dir_all(folder).with_context(|| {
            format!(
                "the data folder {} cannot be created; set data-dir to a folder this user can write",
                folder.display()
            )
        })?;
        let lock = lock(folder)?;
        let database = folder.join(DATABASE);
        let master_key = master_key(config, &database)?;
        let store = Store::open(&database, Box::new(master_key.clone()))
            .with_context(|| format!("the database {} cannot be opened", database.display()))?;
        Ok(Self {
            store,
            master_key,
            _lock: lock,
        })
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

fn master_key(config: &Config, database: &Path) -> anyhow::Result<MasterKey> {
    let path: PathBuf = match &config.master_key_file {
        Some(path) => path.clone(),
        None => config.data_dir.join(MASTER_KEY),
    };
    if !path.exists() {
        if database.exists() {
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
        tracing::info!(file = %path.display(), "creating the master key; keep a copy of it apart from the database");
    }
    Ok(MasterKey::load_or_create(&path)?)
}
