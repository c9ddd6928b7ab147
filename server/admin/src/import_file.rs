//! Realm exports as files: read as a stream, so that a realm may have more users than fit into memory.
//!
//! A file is read twice. The first time everything but the users, who may stand anywhere in it; the
//! second time the users one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A realm of the files, without its users.
#[derive(Debug)]
pub struct FoundRealm {
    pub json: Value,
    /// clientIds of the service accounts among its users.
    pub accounts: BTreeSet<String>,
    pub users: Vec<UsersAt>,
}

/// Where users of a realm are.
#[derive(Clone, Debug)]
pub struct UsersAt {
    file: PathBuf,
    /// Which realm of the file.
    index: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{file} cannot be read: {reason}")]
    Unreadable { file: String, reason: String },
    #[error("{file} is not JSON: {reason}")]
    NotJson { file: String, reason: String },
    #[error("{0} holds no realm")]
    NoRealm(String),
}

/// The part of a user that says whose service account it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountOf {
    service_account_client_id: Option<String>,
}

/// The realms of a file, or of a folder as Keycloak's `export --dir` writes it: `NAME-realm.json` with
/// `NAME-users-0.json` and so on.
///
/// # Errors
/// When a file cannot be read, or there is no realm.
pub fn realms(path: &Path) -> Result<Vec<FoundRealm>, FileError> {
    let mut found = Vec::new();
    let mut users: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in files(path)? {
        match users_of(&file).filter(|_| path.is_dir()) {
            Some(realm) => users.entry(realm).or_default().push(file),
            None => found.extend(realms_of_file(&file)?),
        }
    }
    for realm in &mut found {
        let name = realm.json.get("realm").and_then(Value::as_str);
        for file in name.and_then(|name| users.remove(name)).unwrap_or_default() {
            for more in realms_of_file(&file)? {
                realm.accounts.extend(more.accounts);
                realm.users.extend(more.users);
            }
        }
    }
    if found.is_empty() {
        return Err(FileError::NoRealm(path.display().to_string()));
    }
    Ok(found)
}

/// Hands over each user of the realm, until `each` says that it wants no more.
///
/// # Errors
/// When a file cannot be read (any more).
pub fn users(realm: &[UsersAt], mut each: impl FnMut(Value) -> bool) -> Result<(), FileError> {
    for at in realm {
        let mut go_on = true;
        let mut one = |index: usize, user: Value| {
            if index == at.index && go_on {
                go_on = each(user);
            }
        };
        read::<Value>(&at.file, false, &mut one)?;
        if !go_on {
            return Ok(());
        }
    }
    Ok(())
}

fn files(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |e: std::io::Error| FileError::Unreadable {
        file: path.display().to_string(),
        reason: e.to_string(),
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.extension().is_some_and(|e| e == "json") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// The realm whose users a file has, by its name.
fn users_of(file: &Path) -> Option<String> {
    let (realm, number) = file.file_stem()?.to_str()?.rsplit_once("-users-")?;
    number.parse::<u32>().ok()?;
    Some(realm.to_owned())
}

fn realms_of_file(file: &Path) -> Result<Vec<FoundRealm>, FileError> {
    let mut accounts: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let mut one = |index: usize, user: AccountOf| {
        if let Some(client) = user.service_account_client_id {
            accounts.entry(index).or_default().insert(client);
        }
    };
    let maps = read(file, true, &mut one)?;
    Ok(maps
        .into_iter()
        .enumerate()
        .map(|(index, map)| FoundRealm {
            json: Value::Object(map),
            accounts: accounts.remove(&index).unwrap_or_default(),
            users: vec![UsersAt {
                file: file.to_owned(),
                index,
            }],
        })
        .collect())
}

/// Reads the file; `each` hears of every user, and the rest comes back where it is to be kept.
fn read<U: DeserializeOwned>(
    file: &Path,
    keep: bool,
    each: &mut dyn FnMut(usize, U),
) -> Result<Vec<Map<String, Value>>, FileError> {
    let name = || file.display().to_string();
    let open = File::open(file).map_err(|e| FileError::Unreadable {
        file: name(),
        reason: e.to_string(),
    })?;
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, open));
    Top { keep, each }
        .deserialize(&mut json)
        .and_then(|maps| json.end().map(|()| maps))
        .map_err(|e| FileError::NotJson {
            file: name(),
            reason: e.to_string(),
        })
}

/// One realm, or a list of them.
struct Top<'a, U> {
    keep: bool,
    each: &'a mut dyn FnMut(usize, U),
}

impl<'de, U: DeserializeOwned> DeserializeSeed<'de> for Top<'_, U> {
    type Value = Vec<Map<String, Value>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, U: DeserializeOwned> Visitor<'de> for Top<'_, U> {
    type Value = Vec<Map<String, Value>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a realm or a list of realms")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let one = One {
            index: 0,
            keep: self.keep,
            each: self.each,
        };
        Ok(vec![one.visit_map(map)?])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(map) = list.next_element_seed(One {
            index: all.len(),
            keep: self.keep,
            each: &mut *self.each,
        })? {
            all.push(map);
        }
        Ok(all)
    }
}

struct One<'a, U> {
    index: usize,
    keep: bool,
    each: &'a mut dyn FnMut(usize, U),
}

impl<'de, U: DeserializeOwned> DeserializeSeed<'de> for One<'_, U> {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, U: DeserializeOwned> Visitor<'de> for One<'_, U> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a realm")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut kept = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == "users" {
                map.next_value_seed(Users {
                    index: self.index,
                    each: &mut *self.each,
                })?;
            } else if self.keep {
                kept.insert(key, map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(kept)
    }
}

struct Users<'a, U> {
    index: usize,
    each: &'a mut dyn FnMut(usize, U),
}

impl<'de, U: DeserializeOwned> DeserializeSeed<'de> for Users<'_, U> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, U: DeserializeOwned> Visitor<'de> for Users<'_, U> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of users")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(user) = list.next_element()? {
            (self.each)(self.index, user);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(realm: &FoundRealm) -> Vec<Value> {
        let mut names = Vec::new();
        users(&realm.users, |user| {
            names.push(user["username"].clone());
            true
        })
        .unwrap();
        names
    }

    #[test]
    fn users_are_read_one_by_one_wherever_they_stand() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("two.json");
        let two = json!([
            {"users": [{"username": "a"}, {"username": "b", "serviceAccountClientId": "c"}], "realm": "x"},
            {"realm": "y", "users": null, "enabled": true},
        ]);
        std::fs::write(&file, two.to_string()).unwrap();
        let found = realms(&file).unwrap();
        assert_eq!(found[0].json, json!({"realm": "x"}));
        assert_eq!(found[1].json, json!({"realm": "y", "enabled": true}));
        assert_eq!(found[0].accounts, BTreeSet::from(["c".to_owned()]));
        assert_eq!(names(&found[0]), ["a", "b"]);
        assert!(names(&found[1]).is_empty());
    }

    #[test]
    fn a_folder_has_users_in_files_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, json: Value| {
            std::fs::write(folder.path().join(name), json.to_string()).unwrap();
        };
        write("x-realm.json", json!({"realm": "x"}));
        write(
            "x-users-0.json",
            json!({"realm": "x", "users": [{"username": "a"}]}),
        );
        write(
            "x-users-1.json",
            json!({"realm": "x", "users": [{"username": "b"}]}),
        );
        let found = realms(folder.path()).unwrap();
        assert_eq!(
            (found.len(), names(&found[0])),
            (1, vec![json!("a"), json!("b")])
        );
        assert!(matches!(
            realms(&folder.path().join("no.json")),
            Err(FileError::Unreadable { .. })
        ));
        write("bad.json", json!({"realm": "x", "users": {}}));
        assert!(matches!(
            realms(folder.path()),
            Err(FileError::NotJson { .. })
        ));
    }
}
