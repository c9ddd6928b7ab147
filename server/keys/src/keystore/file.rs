//! Where key stores may be: a folder for each realm, which it does not get out of.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

use zeroize::Zeroizing;

use super::MOST_BYTES;

/// The folder with one for each realm, named as the realm; without one, nothing is read.
#[derive(Clone, Debug, Default)]
pub struct KeystoreFolder(Option<PathBuf>);

/// Why a file is not read. Of files outside of the folder nothing is told, not even whether they are there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeystoreFileError {
    #[error("Key stores are not read here: the server's option keystores-dir names no folder")]
    NoFolder,
    #[error("Keystore file {0} is not under the realm directory")]
    Outside(String),
    #[error("Failed to load keys. File not found on server. {0}")]
    NotFound(String),
    #[error("Failed to load keys. IO error on server. {0}")]
    Unreadable(String),
}

impl KeystoreFolder {
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self(folder)
    }

    /// The content of the file, whose path may begin at the realm's folder.
    ///
    /// # Errors
    /// When it is not in the folder, or cannot be read.
    pub(crate) fn read(
        &self,
        realm: &str,
        given: &str,
    ) -> Result<Zeroizing<Vec<u8>>, KeystoreFileError> {
        let folder = self.0.as_deref().ok_or(KeystoreFileError::NoFolder)?;
        let shown: String = given.chars().take(200).collect();
        let outside = || KeystoreFileError::Outside(shown.clone());
        if !is_name(realm) {
            return Err(outside());
        }
        let folder = folder.join(realm);
        let path = folder.join(given);
        if !stays_in(&path, &folder) {
            return Err(outside());
        }
        let failed = |e: std::io::Error| match e.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                KeystoreFileError::NotFound(format!("{shown} (No such file or directory)"))
            }
            kind => KeystoreFileError::Unreadable(format!("{shown} ({kind})")),
        };
        // Mounted files are links, within the folder.
        let real = path.canonicalize().map_err(failed)?;
        if !real.starts_with(folder.canonicalize().map_err(failed)?) {
            return Err(outside());
        }
        let file = File::open(&real).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.is_dir() {
            let text = format!("{shown} (Is a directory)");
            return Err(KeystoreFileError::NotFound(text));
        }
        if !about.is_file() || about.len() > MOST_BYTES {
            let text = format!("{shown} is no file of at most {MOST_BYTES} bytes");
            return Err(KeystoreFileError::Unreadable(text));
        }
        let mut content = Zeroizing::new(Vec::new());
        file.take(MOST_BYTES)
            .read_to_end(&mut content)
            .map_err(failed)?;
        Ok(content)
    }
}

fn is_name(realm: &str) -> bool {
    let mut parts = Path::new(realm).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    ) && !realm.contains(['/', '\\', '\0'])
}

/// Whether the path leads out of the folder by what it says, links not looked at.
fn stays_in(path: &Path, folder: &Path) -> bool {
    let Ok(below) = path.strip_prefix(folder) else {
        return false;
    };
    let mut depth = 0_usize;
    for part in below.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_reads_in_its_own_folder_only() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("stores");
        for realm in ["r", "other"] {
            std::fs::create_dir_all(folder.join(realm).join("deep")).unwrap();
            std::fs::write(folder.join(realm).join("s.p12"), realm).unwrap();
        }
        std::fs::write(place.path().join("s.p12"), "outside").unwrap();
        std::os::unix::fs::symlink(place.path().join("s.p12"), folder.join("r/link")).unwrap();
        std::os::unix::fs::symlink("s.p12", folder.join("r/near")).unwrap();
        let stores = KeystoreFolder::new(Some(folder.clone()));
        let absolute = folder.join("r/s.p12");
        for inside in [
            "s.p12",
            "./s.p12",
            "deep/../s.p12",
            "near",
            absolute.to_str().unwrap(),
        ] {
            assert_eq!(
                stores.read("r", inside).unwrap().as_slice(),
                b"r",
                "{inside}"
            );
        }
        let other = folder.join("other/s.p12");
        for (realm, outside) in [
            ("r", "../other/s.p12"),
            ("r", "../../s.p12"),
            ("r", "deep/../../other/s.p12"),
            ("r", "/etc/passwd"),
            ("r", "../nothing/at-all"),
            ("r", other.to_str().unwrap()),
            ("r", "link"),
            ("..", "s.p12"),
            (".", "other/s.p12"),
            ("r/../other", "s.p12"),
            ("", "other/s.p12"),
        ] {
            let refused = stores.read(realm, outside);
            assert!(
                matches!(refused, Err(KeystoreFileError::Outside(_))),
                "{realm} {outside}: {refused:?}"
            );
        }
        for missing in ["nothing", "s.p12/x", ".", "deep"] {
            let refused = stores.read("r", missing);
            assert!(
                matches!(refused, Err(KeystoreFileError::NotFound(_))),
                "{missing}: {refused:?}"
            );
        }
        assert_eq!(
            KeystoreFolder::default().read("r", "s.p12").unwrap_err(),
            KeystoreFileError::NoFolder
        );
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("r")).unwrap();
        let file = File::create(folder.path().join("r/large")).unwrap();
        file.set_len(10 * MOST_BYTES).unwrap();
        let stores = KeystoreFolder::new(Some(folder.path().to_owned()));
        let refused = stores.read("r", "large");
        assert!(
            matches!(refused, Err(KeystoreFileError::Unreadable(_))),
            "{refused:?}"
        );
    }
}
