//! Realm exports of any size into the database, all of it or nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use realmkeep_authn::Services;
use realmkeep_authn::set_password::hashing;
use realmkeep_keys::Hashing;
use realmkeep_representations::{RealmRepresentation, UserRepresentation, strict};
use realmkeep_store::{Batch, Begin};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::import::ImportError;
use crate::import_file::{self, FoundRealm, UsersAt};
use crate::names::Names;
use crate::{placeholders, steps, whole_realm};

/// Users written at once.
const CHUNK: u64 = 500;
/// After this time those that there are get written: plain passwords take long to hash, and the database
/// does not wait for ever.
const LONGEST_CHUNK: Duration = Duration::from_secs(2);
/// Users read ahead.
const AHEAD: usize = 1_000;
/// How long an import may take.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Unknown fields named of the users of one realm.
const NAMED: usize = 20;

/// What becomes of a realm that exists already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExistingRealm {
    /// Nothing is imported at all.
    #[default]
    Fail,
    /// It stays as it is.
    Skip,
    /// It is deleted, with everything in it, and made anew.
    Overwrite,
}

/// How an import is done.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    pub existing: ExistingRealm,
    /// `${NAME}` stands for the environment's variable.
    pub placeholders: bool,
}

/// What became of a realm of the import.
#[derive(Clone, Debug)]
pub struct ImportedRealm {
    pub realm: String,
    /// It existed and was left alone.
    pub skipped: bool,
    pub users: u64,
    /// JSON paths of fields that this version does not know, and what else was left out.
    pub left_out: Vec<String>,
}

/// Imports the realms of a file or folder in one transaction. `progress` hears the realm's name and how
/// many of its users are in it so far.
///
/// # Errors
/// Names what is wrong and where; nothing was written then.
pub async fn import_files(
    services: &Services,
    path: &Path,
    options: &ImportOptions,
    mut progress: impl FnMut(&str, u64),
) -> Result<Vec<ImportedRealm>, ImportError> {
    let failed = |e: realmkeep_store::StoreError| ImportError::Refused(e.to_string());
    let from = path.to_owned();
    let found = tokio::task::spawn_blocking(move || import_file::realms(&from))
        .await
        .map_err(|e| ImportError::Refused(e.to_string()))??;
    let transaction = services
        .store
        .begin(Begin::AtFirstBatch, LONGEST)
        .await
        .map_err(failed)?;
    let (events, held) = services.events.held();
    let over = services.over(transaction.store().clone(), events);
    let mut imported = Vec::new();
    for realm in found {
        imported.push(import_one(&over, realm, options, &mut progress).await?);
    }
    transaction.commit().await.map_err(failed)?;
    held.release(&services.events);
    Ok(imported)
}

async fn import_one(
    services: &Services,
    mut found: FoundRealm,
    options: &ImportOptions,
    progress: &mut impl FnMut(&str, u64),
) -> Result<ImportedRealm, ImportError> {
    if options.placeholders {
        placeholders::replace(&mut found.json, &variable);
    }
    let (given, mut left_out) = strict::collect_unknown::<RealmRepresentation>(&found.json)?;
    let name = given.realm.clone().unwrap_or_default();
    let refused = |e: crate::error::ApiError| ImportError::Refused(format!("{name}: {}", e.text()));
    let store = |e: realmkeep_store::StoreError| ImportError::Refused(e.to_string());
    if let Some(there) = services.store.realm(&name).await.map_err(store)? {
        match options.existing {
            // Said as the creation of a realm says it.
            ExistingRealm::Fail => {}
            ExistingRealm::Skip => {
                return Ok(ImportedRealm {
                    realm: name,
                    skipped: true,
                    users: 0,
                    left_out: Vec::new(),
                });
            }
            ExistingRealm::Overwrite => whole_realm::delete(services, &there)
                .await
                .map_err(refused)?,
        }
    }
    let notes = whole_realm::create_without_users(services, given, &found.accounts)
        .await
        .map_err(refused)?;
    left_out.extend(notes);
    let realm = services.store.realm(&name).await.map_err(store)?;
    let realm = realm.ok_or_else(|| ImportError::Refused(format!("{name}: it was not created")))?;
    let names = Names::load(&services.store, &realm)
        .await
        .map_err(refused)?;

    let hashing = hashing(services, &realm).map_err(|e| refused(e.into()))?;
    let (sender, mut users) = mpsc::channel(AHEAD);
    let reader = read_users(found.users, options.placeholders, sender);
    let mut writer = Writer {
        services,
        names: &names,
        hashing,
        place: name.clone(),
        users: &mut users,
        read: 0,
        left_out,
    };
    let mut count = 0;
    let mut chunk = writer.chunk().await?;
    while chunk.users > 0 {
        // What is next is read and hashed while the database writes.
        let (written, next) = tokio::join!(services.store.commit(chunk.batch), writer.chunk());
        written.map_err(store)?;
        count += chunk.users;
        progress(&name, count);
        chunk = next?;
    }
    let left_out = writer.left_out;
    reader
        .await
        .map_err(|e| ImportError::Refused(e.to_string()))??;
    Ok(ImportedRealm {
        realm: name,
        skipped: false,
        users: count,
        left_out,
    })
}

/// Users that are written at once.
struct Chunk {
    batch: Batch,
    users: u64,
}

/// Makes chunks of the users that are read.
struct Writer<'a> {
    services: &'a Services,
    names: &'a Names,
    hashing: Hashing,
    /// The realm's name, for messages.
    place: String,
    users: &'a mut mpsc::Receiver<ReadUser>,
    read: u64,
    left_out: Vec<String>,
}

impl Writer<'_> {
    /// The next users; none at the end.
    async fn chunk(&mut self) -> Result<Chunk, ImportError> {
        let mut batch = Batch::new();
        let mut users = 0;
        let began = Instant::now();
        while users < CHUNK && (users == 0 || began.elapsed() < LONGEST_CHUNK) {
            let Some(user) = self.users.recv().await else {
                break;
            };
            let (user, unknown) = user.map_err(|e: strict::ReadError| {
                ImportError::Refused(format!("{}: users[{}]: {e}", self.place, self.read))
            })?;
            for field in unknown {
                let field = format!("users[].{field}");
                if self.left_out.len() < NAMED && !self.left_out.contains(&field) {
                    self.left_out.push(field);
                }
            }
            steps::add_user(self.services, &mut batch, self.names, &user, self.hashing)
                .await
                .map_err(|e| ImportError::Refused(format!("{}: {}", self.place, e.text())))?;
            self.read += 1;
            users += 1;
        }
        Ok(Chunk { batch, users })
    }
}

type ReadUser = Result<(UserRepresentation, Vec<String>), strict::ReadError>;

/// Reads on another thread, no further ahead than the channel allows.
fn read_users(
    users: Vec<UsersAt>,
    placeholders: bool,
    sender: mpsc::Sender<ReadUser>,
) -> tokio::task::JoinHandle<Result<(), import_file::FileError>> {
    tokio::task::spawn_blocking(move || {
        import_file::users(&users, |mut user: Value| {
            if placeholders {
                placeholders::replace(&mut user, &variable);
            }
            let read = strict::collect_unknown::<UserRepresentation>(&user);
            sender.blocking_send(read).is_ok()
        })
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
