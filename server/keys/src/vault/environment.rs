use std::fmt;

use realmkeep_representations::SecretString;

use super::{EntryName, VaultError, VaultProvider};

/// Variables of the environment whose names begin with a prefix.
pub struct EnvironmentVault {
    prefix: String,
    read: Box<Read>,
}

type Read = dyn Fn(&str) -> Option<String> + Send + Sync;

impl EnvironmentVault {
    pub fn new(prefix: &str) -> Self {
        Self::reading(prefix, |name| std::env::var(name).ok())
    }

    /// As [`EnvironmentVault::new`], of other variables than the process's.
    pub fn reading(
        prefix: &str,
        read: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            prefix: prefix.to_owned(),
            read: Box::new(read),
        }
    }
}

impl fmt::Debug for EnvironmentVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvironmentVault")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl VaultProvider for EnvironmentVault {
    fn id(&self) -> &'static str {
        "environment"
    }

    fn entry(&self, name: &EntryName) -> Result<Option<SecretString>, VaultError> {
        let name = format!("{}{name}", self.prefix);
        Ok((self.read)(&name).map(SecretString::new))
    }

    /// Letters and digits as they are, all else as an underscore and its bytes in hexadecimal; two
    /// underscores between realm and key. Every shell can set such a variable.
    fn own_name(&self, realm: &str, key: &str) -> EntryName {
        EntryName::Plain(format!("{}__{}", escaped(realm), escaped(key)))
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("_{byte:02x}"));
        }
    }
    out
}
