use std::fmt;
use std::str::FromStr;

use super::{EntryName, VaultProvider};

/// How realm and key make the name of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyResolver {
    /// The key alone, underscores doubled: every realm gets at the entry.
    KeyOnly,
    /// Realm, underscore, key; underscores in both doubled, so that no two make the same name.
    RealmUnderscoreKey,
    /// The key below the realm: a folder for each realm.
    RealmFileseparatorKey,
    /// As the provider has it.
    FactoryProvided,
}

/// There is no such resolver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownResolver;

impl KeyResolver {
    const ALL: [(&'static str, Self); 4] = [
        ("KEY_ONLY", Self::KeyOnly),
        ("REALM_UNDERSCORE_KEY", Self::RealmUnderscoreKey),
        ("REALM_FILESEPARATOR_KEY", Self::RealmFileseparatorKey),
        ("FACTORY_PROVIDED", Self::FactoryProvided),
    ];

    pub(super) fn name(self, provider: &dyn VaultProvider, realm: &str, key: &str) -> EntryName {
        match self {
            Self::KeyOnly => EntryName::Plain(doubled(key)),
            Self::RealmUnderscoreKey => underscore(realm, key),
            Self::RealmFileseparatorKey => EntryName::Within(realm.to_owned(), key.to_owned()),
            Self::FactoryProvided => provider.own_name(realm, key),
        }
    }
}

pub(super) fn underscore(realm: &str, key: &str) -> EntryName {
    EntryName::Plain(format!("{}_{}", doubled(realm), doubled(key)))
}

fn doubled(text: &str) -> String {
    text.replace('_', "__")
}

impl FromStr for KeyResolver {
    type Err = UnknownResolver;

    fn from_str(name: &str) -> Result<Self, UnknownResolver> {
        let mut all = Self::ALL.into_iter();
        all.find(|(known, _)| *known == name)
            .map(|(_, resolver)| resolver)
            .ok_or(UnknownResolver)
    }
}

impl fmt::Display for UnknownResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = KeyResolver::ALL.map(|(name, _)| name);
        write!(f, "one of {} is needed", names.join(", "))
    }
}

impl std::error::Error for UnknownResolver {}
