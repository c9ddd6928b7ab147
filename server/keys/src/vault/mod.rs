//! Secrets that are kept outside of the database: a setting `${vault.KEY}` stands for one.
//!
//! Realm and key make the name of an entry ([`KeyResolver`]), so that a realm gets at its own secrets
//! only; providers look entries up. Nothing is kept: a secret that was exchanged counts at its next use.

mod environment;
mod files;
mod resolver;

pub use environment::EnvironmentVault;
pub use files::FileVault;
pub use resolver::{KeyResolver, UnknownResolver};

use std::fmt;

use realmkeep_representations::SecretString;

/// Where secrets can come from.
pub trait VaultProvider: Send + Sync + fmt::Debug {
    /// As the server's information names it.
    fn id(&self) -> &'static str;

    /// The secret of the entry, None when there is no such entry.
    ///
    /// # Errors
    /// Why it cannot be read; names the entry, not the secret.
    fn entry(&self, name: &EntryName) -> Result<Option<SecretString>, VaultError>;

    /// The name that the resolver `FACTORY_PROVIDED` makes.
    fn own_name(&self, realm: &str, key: &str) -> EntryName;
}

/// The name of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryName {
    Plain(String),
    /// An entry below one that is the realm's.
    Within(String, String),
}

/// A secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("the vault key '{0}' has characters that an entry's name must not have")]
    Name(String),
    #[error("the vault entry {0} cannot be read: {1}")]
    Read(String, String),
}

/// The vaults of the server, asked in their order.
#[derive(Debug)]
pub struct Vault {
    providers: Vec<Box<dyn VaultProvider>>,
    resolvers: Vec<KeyResolver>,
}

impl Default for Vault {
    fn default() -> Self {
        Self::new(Vec::new(), Vec::new())
    }
}

/// Whether a setting is a reference to a secret, and no secret itself.
pub fn is_reference(setting: &str) -> bool {
    key_of(setting).is_some()
}

fn key_of(setting: &str) -> Option<&str> {
    let key = setting.strip_prefix("${vault.")?.strip_suffix('}')?;
    (!key.is_empty() && !key.contains('}')).then_some(key)
}

impl Vault {
    /// Without resolvers, [`KeyResolver::RealmUnderscoreKey`] is taken.
    pub fn new(providers: Vec<Box<dyn VaultProvider>>, mut resolvers: Vec<KeyResolver>) -> Self {
        if resolvers.is_empty() {
            resolvers.push(KeyResolver::RealmUnderscoreKey);
        }
        Self {
            providers,
            resolvers,
        }
    }

    /// Ids of the providers.
    pub fn providers(&self) -> impl Iterator<Item = &'static str> {
        self.providers.iter().map(|provider| provider.id())
    }

    /// The secret that the realm's setting stands for: what the vault has, else what is written there.
    /// A secret that no provider has is empty.
    ///
    /// # Errors
    /// When the key is no name, or an entry cannot be read.
    pub fn resolve(&self, realm: &str, setting: &str) -> Result<SecretString, VaultError> {
        let Some(key) = key_of(setting) else {
            return Ok(SecretString::new(setting));
        };
        for text in [realm, key] {
            if !is_name(text) {
                return Err(VaultError::Name(key.chars().take(100).collect()));
            }
        }
        for provider in &self.providers {
            for resolver in &self.resolvers {
                let name = resolver.name(provider.as_ref(), realm, key);
                let found = provider.entry(&name)?;
                if let Some(secret) = found.filter(|secret| !secret.expose().is_empty()) {
                    return Ok(secret);
                }
            }
        }
        tracing::warn!(realm, key, "no vault has a secret for this key");
        Ok(SecretString::default())
    }
}

/// Nothing that leads out of a folder.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(['/', '\\', '\0'])
        && !text.contains("..")
        && !text.chars().any(char::is_control)
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(name) => f.write_str(name),
            Self::Within(realm, key) => write!(f, "{realm}/{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(folder: &std::path::Path, resolvers: &str) -> Vault {
        let resolvers = resolvers.split(',').filter(|name| !name.is_empty());
        let resolvers = resolvers.map(|name| name.parse().unwrap()).collect();
        Vault::new(vec![Box::new(FileVault::new(folder))], resolvers)
    }

    fn secret(vault: &Vault, realm: &str, setting: &str) -> String {
        vault.resolve(realm, setting).unwrap().expose().to_owned()
    }

    /// spec: VLT-02, VLT-03, VLT-05, VLT-06, VLT-07, VLT-08
    #[test]
    fn entries_are_named_by_realm_and_key_in_the_order_of_the_resolvers() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        put("master__realm_smtp__key", "of the realm\n");
        put("smtp__key", "of all");
        put("empty", "");
        let own = vault(folder.path(), "");
        assert_eq!(
            secret(&own, "master_realm", "${vault.smtp_key}"),
            "of the realm"
        );
        // Nothing of another realm's, whatever underscores are where.
        assert_eq!(secret(&own, "master", "${vault._realm_smtp_key}"), "");
        assert_eq!(secret(&own, "other", "${vault.smtp_key}"), "");
        let all = vault(folder.path(), "REALM_UNDERSCORE_KEY,KEY_ONLY");
        assert_eq!(
            secret(&all, "master_realm", "${vault.smtp_key}"),
            "of the realm"
        );
        assert_eq!(secret(&all, "other", "${vault.smtp_key}"), "of all");
        assert_eq!(secret(&all, "other", "${vault.empty}"), "");
        let reversed = vault(folder.path(), "KEY_ONLY,REALM_UNDERSCORE_KEY");
        assert_eq!(
            secret(&reversed, "master_realm", "${vault.smtp_key}"),
            "of all"
        );
        assert_eq!(secret(&all, "r", "plain"), "plain");
        for plain in ["${vault.}", "${vault.a", "x${vault.a}", "${env.a}"] {
            assert_eq!(secret(&all, "r", plain), plain);
        }
        assert!(
            !format!("{:?}", own.resolve("master_realm", "${vault.smtp_key}")).contains("of the")
        );
    }

    /// spec: VLT-09
    #[test]
    fn a_realms_folder_holds_its_secrets_and_nothing_leads_out_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("vault");
        std::fs::create_dir_all(dir.join("r")).unwrap();
        std::fs::create_dir_all(dir.join("other")).unwrap();
        std::fs::write(dir.join("r").join("key"), "inside").unwrap();
        std::fs::write(dir.join("other").join("key"), "another's").unwrap();
        std::fs::write(folder.path().join("key"), "outside").unwrap();
        let vault = vault(&dir, "REALM_FILESEPARATOR_KEY");
        assert_eq!(secret(&vault, "r", "${vault.key}"), "inside");
        for (realm, key) in [
            ("r", "../other/key"),
            ("r", "..\\other\\key"),
            ("..", "key"),
            ("r", "a/key"),
            ("r", "..key"),
        ] {
            let refused = vault.resolve(realm, &format!("${{vault.{key}}}"));
            assert!(matches!(refused, Err(VaultError::Name(_))), "{realm} {key}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path().join("key"), dir.join("r").join("link"))
                .unwrap();
            assert!(vault.resolve("r", "${vault.link}").is_err());
        }
    }

    /// spec: VLT-01, VLT-10
    #[test]
    fn providers_name_entries_by_themselves_where_they_are_to() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("r_key"), "file").unwrap();
        let variables =
            |name: &str| (name == "SECRET_my_2drealm__smtp_5fkey").then(|| "env".to_owned());
        let vault = Vault::new(
            vec![
                Box::new(FileVault::new(folder.path())),
                Box::new(EnvironmentVault::reading("SECRET_", variables)),
            ],
            vec![KeyResolver::FactoryProvided],
        );
        assert_eq!(secret(&vault, "r", "${vault.key}"), "file");
        assert_eq!(secret(&vault, "my-realm", "${vault.smtp_key}"), "env");
        assert_eq!(secret(&vault, "my", "${vault.realm__smtp_key}"), "");
        assert_eq!(
            vault.providers().collect::<Vec<_>>(),
            ["file", "environment"]
        );
    }
}
