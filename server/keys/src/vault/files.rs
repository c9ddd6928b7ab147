use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use realmkeep_representations::SecretString;
use zeroize::Zeroizing;

use super::{EntryName, VaultError, VaultProvider, resolver};

/// Longest secret, in bytes.
const MOST: u64 = 65_536;

/// A file for each secret, as Kubernetes mounts them. A line end at the end of a file is left out.
#[derive(Debug)]
pub struct FileVault {
    folder: PathBuf,
}

impl FileVault {
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    fn read(&self, path: &Path) -> std::io::Result<Zeroizing<String>> {
        // Mounted files are links, within the folder.
        let real = path.canonicalize()?;
        if !real.starts_with(self.folder.canonicalize()?) {
            return Err(std::io::Error::other("it leads out of the folder"));
        }
        let file = std::fs::File::open(real)?;
        if file.metadata()?.len() > MOST {
            return Err(std::io::Error::other("it is longer than 64 KiB"));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(MOST).read_to_string(&mut text)?;
        Ok(text)
    }
}

impl VaultProvider for FileVault {
    fn id(&self) -> &'static str {
        "file"
    }

    fn entry(&self, name: &EntryName) -> Result<Option<SecretString>, VaultError> {
        let path = match name {
            EntryName::Plain(name) => self.folder.join(name),
            EntryName::Within(realm, key) => self.folder.join(realm).join(key),
        };
        match self.read(&path) {
            Ok(text) => {
                let secret = text.strip_suffix('\n').unwrap_or(&text);
                let secret = secret.strip_suffix('\r').unwrap_or(secret);
                Ok(Some(SecretString::new(secret)))
            }
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(e) => Err(VaultError::Read(name.to_string(), e.to_string())),
        }
    }

    fn own_name(&self, realm: &str, key: &str) -> EntryName {
        resolver::underscore(realm, key)
    }
}
